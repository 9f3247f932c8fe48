/* SPDX-License-Identifier: MIT */
/*
 * page_both_test.c - the SDK's writer and the agent's reader on the same page: what is read while threads write is whole and never a lie, and what is read at the end is the
 * truth. The surprise: no kernel is asked; the semaphore is raised in memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "bpf/books.h"
#include "discover/mapped.h"
#include "discover/notes.h"
#include "ingest/paged_pools.h"

#include "tools/sdk/poolscope.h"

#define THREADS 2
#define ROUNDS 60000 /* acquires of a thread */

static struct paged_source source;
static struct paged_pools pools;
static struct page_room room;

static int64_t now(void)
{
	return page_process_now(NULL);
}

static int watch(void **state)
{
	(void)state;
	poolscope_page_semaphore.semaphore = 1;
	source.page.root = (uint64_t)(uintptr_t)&poolscope_page_semaphore;
	source.page.slots_max = 1000;
	return 0;
}

static int leave(void **state)
{
	(void)state;
	poolscope_page_semaphore.semaphore = 0;
	paged_pools_done(&pools);
	page_done(&source.page);
	page_room_done(&room);
	memset(&source, 0, sizeof(source));
	return 0;
}

static void nobody(void *context, const struct ps_page_found *found)
{
	(void)context;
	(void)found;
}

/* A tick, as the agent makes it. */
static void tick(void)
{
	struct ps_proc_key proc = { .tgid = (uint32_t)getpid(), .incarnation = 1 };
	pid_t pid = getpid();
	struct page_memory m = { page_process_read, page_process_now, &pid, NULL };

	source.is_read = !page_read(&source.page, &m, &room);
	assert_true(source.is_read);
	assert_int_equal(source.page.n_lies, 0);
	if (!source.met_ns)
		source.met_ns = now();
	paged_pools_begin(&pools, now());
	paged_pools_take(&pools, &source, &proc);
	paged_pools_tell(&pools, nobody, NULL);
}

static enum paged_answer merge(const struct poolscope_pool *pool, struct ps_pool *ret)
{
	struct ps_pool_key key = { .pool = (uint64_t)(uintptr_t)pool,
				   .proc = { .tgid = (uint32_t)getpid(), .incarnation = 1 } };
	struct pool_extra extra = POOL_EXTRA_UNKNOWN;
	enum paged_answer answer;

	memset(ret, 0, sizeof(*ret));
	answer = paged_pools_merge(&pools, &key, ret, &extra);
	if (answer == PAGED_MERGED) {
		assert_true(ps_books_are_whole(ret));
		assert_false(ret->flags & PS_POOL_PAGE_LIES);
	}
	return answer;
}

static uint64_t n_holds(const struct poolscope_pool *pool, uint64_t *ret_sum_ns)
{
	struct ps_pool_key key = { .pool = (uint64_t)(uintptr_t)pool,
				   .proc = { .tgid = (uint32_t)getpid(), .incarnation = 1 } };
	struct ps_hists h = { 0 };
	uint64_t n = 0;

	paged_pools_merge_holds(&pools, &key, &h);
	for (size_t i = 0; i < PS_HIST_BUCKETS; i++)
		n += h.h[PS_HIST_HOLD].bucket[i];
	*ret_sum_ns = h.h[PS_HIST_HOLD].sum_ns;
	return n;
}

struct load {
	struct poolscope_pool pool;
	pthread_mutex_t lock;
	bool is_unlocked;
	int n_running;
};

static void enter(struct load *l)
{
	if (!l->is_unlocked)
		pthread_mutex_lock(&l->lock);
}

static void exit_from(struct load *l)
{
	if (!l->is_unlocked)
		pthread_mutex_unlock(&l->lock);
}

static void *use(void *at)
{
	struct load *l = at;
	uint64_t me = (uint64_t)(uintptr_t)&me;

	for (uint64_t i = 0; i < ROUNDS; i++) {
		enter(l);
		poolscope_acquired(&l->pool, me + i % 8, 0, 0);
		exit_from(l);
		if (i % 8 < 7)
			continue;
		for (uint64_t k = 0; k < 8; k++) {
			enter(l);
			poolscope_released(&l->pool, me + k, 0);
			exit_from(l);
		}
	}
	__atomic_fetch_sub(&l->n_running, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* Reads as often as the threads let it, and then once more. */
static void check_load(struct load *l)
{
	struct timespec pause = { 0, 200000 };
	struct ps_pool b, former = { 0 };
	pthread_t thread[THREADS];
	uint64_t n_read = 0, n_whole = 0, sum_ns;
	int64_t begin_ns;

	l->n_running = THREADS;
	poolscope_pool_create(&l->pool, POOLSCOPE_KIND_OBJECT, "busy", 0, 0);
	if (l->is_unlocked)
		poolscope_pool_unlocked(&l->pool);
	begin_ns = now();
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, use, l), 0);
	while (__atomic_load_n(&l->n_running, __ATOMIC_SEQ_CST)) {
		nanosleep(&pause, NULL);
		tick();
		n_read++;
		if (merge(&l->pool, &b) != PAGED_MERGED)
			continue;
		n_whole++;
		assert_true(b.acquires >= former.acquires && b.releases >= former.releases);
		assert_in_range(ps_in_use(&b), 0, 8 * THREADS);
		former = b;
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	tick();
	assert_int_equal(merge(&l->pool, &b), PAGED_MERGED);
	assert_int_equal(b.acquires, THREADS * ROUNDS);
	assert_int_equal(b.releases, THREADS * ROUNDS);
	assert_int_equal(ps_in_use(&b), 0);
	assert_int_equal(n_holds(&l->pool, &sum_ns), THREADS * ROUNDS);
	assert_int_equal(sum_ns, b.use_sum);
	assert_true(b.use_sum <= (uint64_t)(now() - begin_ns) * 8 * THREADS);
	assert_true(n_whole > 0 && n_whole <= n_read); /* how many depends on the machine */
	poolscope_pool_destroy(&l->pool);
}

static void a_pool_that_is_written_all_the_time_is_read_as_it_is(void **state)
{
	static struct load l = { .lock = PTHREAD_MUTEX_INITIALIZER };

	(void)state;
	check_load(&l);
}

static void a_pool_without_a_lock_of_its_own_too(void **state)
{
	static struct load l = { .is_unlocked = true };

	(void)state;
	check_load(&l);
}

static void holders_in_a_table_that_grows_are_found(void **state)
{
	static struct poolscope_pool pool;
	struct ps_pool b;

	(void)state;
	poolscope_pool_create(&pool, POOLSCOPE_KIND_OBJECT, "grows", 0, 0);
	for (uint64_t i = 1; i <= 3000; i++) {
		poolscope_acquired(&pool, i * 4096, i, 0);
		if (i == 5 || i == 100 || i == 3000)
			tick();
	}
	merge(&pool, &b);
	assert_int_equal(ps_in_use(&b), 3000);
	for (size_t i = 0; i < source.page.n_slots; i++)
		if (source.page.slot[i].handle == (uint64_t)(uintptr_t)&pool) {
			assert_int_equal(source.page.slot[i].n_holders, PAGE_HOLDERS_MAX);
			for (size_t k = 0; k < PAGE_HOLDERS_MAX; k++)
				assert_true(source.page.slot[i].holder[k].item <=
					    PAGE_HOLDERS_MAX * 4096);
		}
	poolscope_pool_destroy(&pool);
}

static void beginnings_add_up_over_gaps_and_new_pools(void **state)
{
	static struct poolscope_pool pool;
	struct ps_pool b;
	uint64_t sum_ns;

	(void)state;
	poolscope_pool_create(&pool, POOLSCOPE_KIND_CONNECTION, "again", 5, 0);
	poolscope_acquired(&pool, 1, 0, 0);
	poolscope_acquired(&pool, 2, 0, 0);
	poolscope_released(&pool, 1, 0);
	tick();
	merge(&pool, &b);
	assert_int_equal(b.acquires, 2);
	poolscope_page_semaphore.semaphore = 0;
	poolscope_released(&pool, 2, 0); /* nobody saw that */
	poolscope_acquired(&pool, 3, 0, 0);
	poolscope_page_semaphore.semaphore = 1;
	poolscope_acquired(&pool, 4, 0, 0);
	tick();
	assert_int_equal(merge(&pool, &b), PAGED_MERGED);
	assert_int_equal(b.acquires, 3);
	assert_int_equal(ps_in_use(&b), 1);
	assert_int_equal(b.leases_voided, 1);
	poolscope_pool_destroy(&pool);
	tick();
	merge(&pool, &b);
	assert_int_equal(b.acquires, 3);
	assert_int_equal(ps_in_use(&b), 0);
	poolscope_pool_create(&pool, POOLSCOPE_KIND_CONNECTION, "again", 5, 0);
	for (uint64_t i = 0; i < 7; i++) {
		poolscope_acquired(&pool, i, 0, 0);
		poolscope_released(&pool, i, 0);
	}
	tick();
	merge(&pool, &b);
	assert_int_equal(b.acquires, 10);
	assert_int_equal(b.releases, 8);
	assert_int_equal(n_holds(&pool, &sum_ns), 8);
	poolscope_pool_destroy(&pool);
}

/* The child's own page, by the root that it has from its parent. */
static void a_child_has_pages_of_its_own(void **state)
{
	static struct poolscope_pool pool, childs;
	struct ps_pool b;
	int status;
	pid_t child;

	(void)state;
	poolscope_pool_create(&pool, POOLSCOPE_KIND_CONNECTION, "parent", 5, 0);
	poolscope_acquired(&pool, 1, 0, 0);
	tick();
	child = fork();
	if (!child) {
		tick(); /* zeros, and no lie */
		if (source.page.n_slots)
			_exit(2);
		poolscope_pool_create(&childs, POOLSCOPE_KIND_CONNECTION, "child", 5, 0);
		poolscope_acquired(&childs, 1, 0, 0);
		tick();
		_exit(merge(&childs, &b) == PAGED_MERGED && b.acquires == 1 ? 0 : 3);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	tick();
	merge(&pool, &b);
	assert_int_equal(ps_in_use(&b), 1);
	poolscope_pool_destroy(&pool);
}

/* As the agent finds it: by the note of the point, and by the mappings of the process. */
static void the_root_is_where_the_note_s_semaphore_is(void **state)
{
	CLEANUP(notes_done) struct notes notes = { 0 };
	AUTO_CLOSE int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	uint64_t address, offset = 0;
	struct diag d = { 0 };
	struct stat st;

	(void)state;
	assert_true(fd >= 0 && !fstat(fd, &st));
	assert_int_equal(notes_read(fd, "poolscope", 4096, &notes, &d), 0);
	for (size_t i = 0; i < notes.n; i++)
		if (!strcmp(notes.list[i].name, POOLSCOPE_PAGE_POINT))
			offset = notes.list[i].semaphore_offset;
	assert_true(offset != 0);
	assert_int_equal(mapped_data_of((uint32_t)getpid(), st.st_dev, st.st_ino, offset, &address),
			 0);
	assert_int_equal(address, (uint64_t)(uintptr_t)&poolscope_page_semaphore);
	assert_int_equal(
		mapped_data_of((uint32_t)getpid(), st.st_dev, st.st_ino + 1, offset, &address),
		-ENOENT);
	assert_int_equal(mapped_data_of((uint32_t)getpid(), st.st_dev, st.st_ino,
					(uint64_t)st.st_size + (1 << 20), &address),
			 -ENOENT);
	assert_int_equal(mapped_data_of(0x7fffffff, st.st_dev, st.st_ino, offset, &address),
			 -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_pool_that_is_written_all_the_time_is_read_as_it_is, watch, leave),
		cmocka_unit_test_setup_teardown(a_pool_without_a_lock_of_its_own_too, watch, leave),
		cmocka_unit_test_setup_teardown(holders_in_a_table_that_grows_are_found, watch,
						leave),
		cmocka_unit_test_setup_teardown(beginnings_add_up_over_gaps_and_new_pools, watch,
						leave),
		cmocka_unit_test_setup_teardown(a_child_has_pages_of_its_own, watch, leave),
		cmocka_unit_test(the_root_is_where_the_note_s_semaphore_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
