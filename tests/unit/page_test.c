/* SPDX-License-Identifier: MIT */
/*
 * page_test.c - what the SDK's header writes into a process's own memory, against the books of a pool that plays along. The surprise: no
 * kernel is asked. The semaphore is raised in memory, and a point that would trap is made to, by an int3 in this program's own text.
 * The same file is compiled as C++ as well, there without what needs the agent's headers.
 */
#ifdef __cplusplus
extern "C" {
#endif
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#ifdef __cplusplus
}
#endif
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tools/sdk/poolscope.h"

#define ROOT (&poolscope_page_semaphore)
#define SLACK_NS 20000 /* between two clocks that follow each other */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint32_t gettid_now(void)
{
	return (uint32_t)syscall(SYS_gettid);
}

static void watch(int is_on)
{
	ROOT->semaphore = (uint16_t)is_on;
}

/* Random, the same in each run. */
static uint64_t dice(uint64_t n)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % n;
}

/* The kernel copies it: what is not mapped makes it fail, and what lies between variables is no error. */
static int read_here(void *to, uint64_t from, size_t bytes)
{
	struct iovec l = { to, bytes }, r = { (void *)(uintptr_t)from, bytes };

	return process_vm_readv(getpid(), &l, 1, &r, 1, 0) == (ssize_t)bytes;
}

/*
 * An agent that runs on this machine finds the points in this file, and puts traps and semaphores of its own on them. So what is mapped of
 * the file gives way to anonymous memory with the same bytes, at the same addresses: there it has none. Text comes from the file, for there
 * may be a trap in it already.
 */
static int hide(struct dl_phdr_info *info, size_t size, void *base)
{
	const char *path = base ? info->dlpi_name : "/proc/self/exe";
	uintptr_t at, end;
	size_t bytes;
	void *copy;
	int fd;

	(void)size;
	if (base && info->dlpi_addr != *(ElfW(Addr) *)base)
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type != PT_LOAD || !(ph->p_flags & (PF_X | PF_W)))
			continue;
		at = (info->dlpi_addr + ph->p_vaddr) & ~(uintptr_t)4095;
		end = info->dlpi_addr + ph->p_vaddr + ph->p_filesz;
		bytes = (end - at + 4095) & ~(size_t)4095;
		copy = mmap(NULL, bytes,
			    PROT_READ | PROT_WRITE | (ph->p_flags & PF_X ? PROT_EXEC : 0),
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (copy == MAP_FAILED || !read_here(copy, at, bytes))
			abort();
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (ph->p_flags & PF_X &&
		    pread(fd, copy, end - at, (off_t)(ph->p_offset & ~(uintptr_t)4095)) !=
			    (ssize_t)(end - at))
			abort();
		close(fd);
		if (mremap(copy, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)at) ==
		    MAP_FAILED)
			abort();
	}
	return 1; /* the program itself comes first */
}

/* ---- a reader, as poolscope-page.h tells how ------------------------------------------------------------------------- */

struct copy {
	struct poolscope_page_slot slot;
	struct poolscope_page_holder *holders; /* owned */
	struct poolscope_page_waiter *waiters;
};

#define HOLDERS_LOG2(c) POOLSCOPE_PAGE_TABLE_LOG2((c)->slot.holders)
#define WAITERS_LOG2(c) POOLSCOPE_PAGE_TABLE_LOG2((c)->slot.waiters)

static void copy_done(struct copy *c)
{
	free(c->holders);
	free(c->waiters);
	memset(c, 0, sizeof(*c));
}

/* 1 = whole, 0 = torn. */
static int copy_read(struct copy *c, uint64_t at)
{
	uint64_t seq_at = at + offsetof(struct poolscope_page_slot, seq);
	uint32_t before, after;
	size_t n;

	memset(c, 0, sizeof(*c));
	assert_true(read_here(&before, seq_at, sizeof(before)));
	assert_true(read_here(&c->slot, at, sizeof(c->slot)));
	if (before & 1 || HOLDERS_LOG2(c) > 16 || WAITERS_LOG2(c) > 16)
		return 0;
	n = (size_t)1 << HOLDERS_LOG2(c);
	c->holders = (struct poolscope_page_holder *)calloc(n, sizeof(*c->holders));
	if (!read_here(c->holders, POOLSCOPE_PAGE_TABLE_AT(c->slot.holders),
		       n * sizeof(*c->holders)))
		return copy_done(c), 0;
	n = (size_t)1 << WAITERS_LOG2(c);
	c->waiters = (struct poolscope_page_waiter *)calloc(n, sizeof(*c->waiters));
	if (!read_here(c->waiters, POOLSCOPE_PAGE_TABLE_AT(c->slot.waiters),
		       n * sizeof(*c->waiters)))
		return copy_done(c), 0;
	assert_true(read_here(&after, seq_at, sizeof(after)));
	if (before != after)
		return copy_done(c), 0;
	return 1;
}

/* Walks a root's chunks; the address of the newest slot of a handle in one of the states, or 0. */
static uint64_t slot_find_in(const struct poolscope_page_root *root, const void *handle,
			     uint32_t state)
{
	uint64_t at = root->first_chunk, found = 0, serial = 0;
	struct poolscope_page_chunk c;
	struct poolscope_page_slot s;
	unsigned int n = 0;

	while (at && n++ < POOLSCOPE_PAGE_CHUNKS_MAX) {
		assert_true(read_here(&c, at, sizeof(c)));
		if (c.magic != POOLSCOPE_PAGE_CHUNK_MAGIC)
			return 0;
		assert_int_equal(c.version, POOLSCOPE_PAGE_VERSION);
		assert_true(c.n_used <= c.n_slots);
		for (uint32_t i = 1; i <= c.n_used; i++) {
			uint64_t slot = at + (uint64_t)i * c.slot_bytes;

			assert_true(read_here(&s, slot, 320));
			if (s.handle == (uintptr_t)handle && s.state == state &&
			    s.serial > serial) {
				serial = s.serial;
				found = slot;
			}
		}
		at = c.next;
	}
	return found;
}

static uint64_t slot_find(const void *handle, uint32_t state)
{
	return slot_find_in(ROOT, handle, state);
}

static const struct poolscope_page_holder *holder_of(const struct copy *c, uint64_t item)
{
	uint64_t n = 1ull << HOLDERS_LOG2(c);
	uint64_t i = item * 0x9e3779b97f4a7c15ull >> (64 - HOLDERS_LOG2(c));

	for (; c->holders[i].is_used; i = (i + 1) % n)
		if (c->holders[i].item == item)
			return &c->holders[i];
	return NULL;
}

/* What must be true of every whole copy of an open slot. */
static void check_sound(const struct copy *c)
{
	const struct poolscope_page_slot *s = &c->slot;
	uint64_t n_held = 0, n_waiting = 0, n_holds = 0, listed = 0;

	for (uint64_t i = 0; i < 1ull << HOLDERS_LOG2(c); i++)
		if (c->holders[i].is_used) {
			n_held++;
			assert_ptr_equal(holder_of(c, c->holders[i].item), &c->holders[i]);
		}
	for (uint64_t i = 0; i < 1ull << WAITERS_LOG2(c); i++)
		n_waiting += c->waiters[i].is_used != 0;
	for (int i = 0; i < POOLSCOPE_PAGE_BUCKETS; i++)
		n_holds += s->hold[i];
	listed = s->leases_begun - s->leases_ended - s->unlisted;
	assert_int_equal(n_held, s->n_holders);
	assert_int_equal(n_held, listed);
	assert_int_equal(n_waiting, s->n_waiting);
	assert_true(n_holds <= s->leases_ended);
	assert_int_equal(s->version, POOLSCOPE_PAGE_VERSION);
}

static struct copy open_copy(const void *handle)
{
	uint64_t at = slot_find(handle, POOLSCOPE_PAGE_OPEN);
	struct copy c;

	assert_true(at != 0);
	assert_true(copy_read(&c, at));
	check_sound(&c);
	return c;
}

/* The slot's numbers alone. */
static struct poolscope_page_slot open_slot(const void *handle)
{
	struct copy c = open_copy(handle);
	struct poolscope_page_slot s = c.slot;

	copy_done(&c);
	return s;
}

static struct poolscope_page_slot closed_slot(const void *handle)
{
	uint64_t at = slot_find(handle, POOLSCOPE_PAGE_CLOSED);
	struct poolscope_page_slot s;

	assert_true(at != 0);
	assert_true(read_here(&s, at, sizeof(s)));
	return s;
}

static struct poolscope_pool pool;

static void create(uint64_t capacity)
{
	poolscope_pool_create(&pool, POOLSCOPE_KIND_CONNECTION, "orders", capacity, 0);
}

static int setup(void **state)
{
	(void)state;
	watch(1);
	memset(&pool, 0, sizeof(pool));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	poolscope_pool_destroy(&pool);
	watch(0);
	return 0;
}

/* ---- one thread ------------------------------------------------------------------------------------------------------ */

/* The first of all tests: nothing may have been made before. */
static void nothing_is_made_while_nobody_watches(void **state)
{
	(void)state;
	watch(0);
	create(4);
	poolscope_wait_begin(&pool, 0);
	poolscope_acquired(&pool, 1, 0, 0);
	poolscope_released(&pool, 1, 0);
	poolscope_wait_end(&pool, 0, POOLSCOPE_OUTCOME_TIMEOUT);
	poolscope_pool_resize(&pool, 5);
	assert_true(pool.slot_ == 0);
	watch(1);
	poolscope_pool_resize(&pool, 6);
	assert_true(ROOT->first_chunk == 0);
	assert_int_equal(ROOT->n_refused, 0);
	assert_int_equal(ROOT->version, POOLSCOPE_PAGE_VERSION);
	assert_true(ROOT->magic == POOLSCOPE_PAGE_ROOT_MAGIC);
}

static void a_lease_is_told_with_item_time_thread_and_waiter(void **state)
{
	const struct poolscope_page_holder *h;
	uint64_t before, after, held_from, held_until;
	struct copy c;

	(void)state;
	create(4);
	before = now_ns();
	poolscope_acquired(&pool, 77, 1234, POOLSCOPE_NEW);
	after = now_ns();
	c = open_copy(&pool);
	h = holder_of(&c, 77);
	assert_non_null(h);
	assert_true(h->since_ns >= before && h->since_ns <= after);
	assert_true(h->waiter == 1234);
	assert_int_equal(h->tid, gettid_now());
	assert_int_equal(c.slot.acquires_new, 1);
	assert_true(c.slot.since_ns >= before && c.slot.since_ns <= after);
	copy_done(&c);

	held_from = now_ns();
	poolscope_released(&pool, 77, POOLSCOPE_BROKEN);
	held_until = now_ns();
	c = open_copy(&pool);
	assert_null(holder_of(&c, 77));
	assert_int_equal(c.slot.released_broken, 1);
	assert_true(c.slot.hold_sum_ns >= held_from - after);
	assert_true(c.slot.hold_sum_ns <= held_until - before);
	assert_true(c.slot.hold_sum_ns == c.slot.hold_max_ns &&
		    c.slot.hold_sum_ns == c.slot.use_sum);
	assert_int_equal(c.slot.hold[poolscope_bucket_(c.slot.hold_sum_ns)], 1);
	copy_done(&c);
}

#define N_ITEMS 600

/* The books of a pool whose caller makes mistakes. */
struct truth {
	uint64_t begun, ended, fresh, broken, unheld, odd_acquire, odd_release, waits;
	uint8_t is_out[N_ITEMS];
	uint8_t is_waiting[64];
};

static void play_lease(struct truth *t)
{
	uint64_t item = dice(N_ITEMS);
	unsigned int flags = dice(7) ? 0 : 1;

	if (dice(100) < (t->begun - t->ended > N_ITEMS / 2 ? 20u : 55u)) {
		if (!dice(50)) {
			poolscope_acquired(&pool, item, 0,
					   POOLSCOPE_UNHELD | (flags ? POOLSCOPE_NEW : 0));
			t->unheld++;
		} else {
			poolscope_acquired(&pool, item, 0, flags ? POOLSCOPE_NEW : 0);
			t->odd_acquire += t->is_out[item];
			t->begun += !t->is_out[item];
			t->is_out[item] = 1;
		}
		t->fresh += flags;
	} else {
		poolscope_released(&pool, item, flags ? POOLSCOPE_BROKEN : 0);
		t->odd_release += !t->is_out[item];
		t->ended += t->is_out[item];
		t->broken += t->is_out[item] && flags;
		t->is_out[item] = 0;
	}
}

static void play_wait(struct truth *t)
{
	uint64_t waiter = dice(64);

	if (dice(2)) {
		poolscope_wait_begin(&pool, waiter + 1000000);
		t->waits += !t->is_waiting[waiter];
		t->is_waiting[waiter] = 1;
	} else {
		poolscope_wait_end(&pool, waiter + 1000000, POOLSCOPE_OUTCOME_TIMEOUT);
		t->waits -= t->is_waiting[waiter];
		t->is_waiting[waiter] = 0;
	}
}

static void check_truth(const struct truth *t)
{
	struct copy c = open_copy(&pool);
	uint64_t n_holds = 0;

	for (int i = 0; i < POOLSCOPE_PAGE_BUCKETS; i++)
		n_holds += c.slot.hold[i];
	assert_int_equal(c.slot.leases_begun, t->begun);
	assert_int_equal(c.slot.leases_ended, t->ended);
	assert_int_equal(n_holds, t->ended);
	assert_int_equal(c.slot.acquires_new, t->fresh);
	assert_int_equal(c.slot.released_broken, t->broken);
	assert_int_equal(c.slot.unheld, t->unheld);
	assert_int_equal(c.slot.odd_acquire, t->odd_acquire);
	assert_int_equal(c.slot.odd_release, t->odd_release);
	assert_int_equal(c.slot.n_waiting, t->waits);
	assert_int_equal(c.slot.leases_unlisted + c.slot.waits_unlisted, 0);
	for (uint64_t i = 0; i < N_ITEMS; i++)
		assert_int_equal(holder_of(&c, i) != NULL, t->is_out[i]);
	copy_done(&c);
}

static void the_slot_says_what_the_books_say_whatever_is_called(void **state)
{
	static struct truth t;

	(void)state;
	memset(&t, 0, sizeof(t));
	create(0);
	for (int i = 0; i < 200000; i++) {
		if (dice(10))
			play_lease(&t);
		else
			play_wait(&t);
		if (!dice(3000) && i > 10)
			check_truth(&t);
	}
	check_truth(&t);
	assert_true(t.odd_acquire > 100 && t.odd_release > 100);
}

static void use_over_time_is_the_sum_of_all_leases(void **state)
{
	uint64_t since[40] = { 0 }, sum_least = 0, sum_most = 0, a, b;
	struct poolscope_page_slot s;

	(void)state;
	create(40);
	for (int i = 0; i < 4000; i++) {
		uint64_t item = dice(40);

		a = now_ns();
		if (since[item])
			poolscope_released(&pool, item, 0);
		else
			poolscope_acquired(&pool, item, 0, 0);
		b = now_ns();
		if (since[item]) {
			sum_least += a - since[item];
			sum_most += b - since[item] + (b - a) + 2000; /* the acquire took as long, or so */
			since[item] = 0;
		} else {
			since[item] = b;
		}
	}
	s = open_slot(&pool);
	a = now_ns();
	for (int i = 0; i < 40; i++)
		if (since[i]) {
			sum_least += a - since[i];
			sum_most += a - since[i] + 2000;
		}
	b = (s.leases_begun - s.leases_ended) * a + s.use_sum;
	assert_true(b + SLACK_NS >= sum_least);
	assert_true(b <= sum_most + sum_most / 4 + 50000000u);
}

static void buckets_are_those_of_the_kernel_side(void **state)
{
	/* bounds are powers of 2^(1/8) s; 0.25 s, 0.5 s and 1 s bound theirs, and belong below */
	(void)state;
	assert_int_equal(poolscope_bucket_(0), 0);
	assert_int_equal(poolscope_bucket_(238), 0);
	assert_int_equal(poolscope_bucket_(239), 1);
	assert_int_equal(poolscope_bucket_(250000000), 8 * 20);
	assert_int_equal(poolscope_bucket_(250000010), 8 * 20 + 1);
	assert_int_equal(poolscope_bucket_(500000000), 8 * 21);
	assert_int_equal(poolscope_bucket_(1000000000), 8 * 22);
	assert_int_equal(poolscope_bucket_(1000000040), 8 * 22 + 1);
	assert_int_equal(poolscope_bucket_(1023999999999ull), 256);
	assert_int_equal(poolscope_bucket_(1024000000000ull), 257);
	assert_int_equal(poolscope_bucket_(UINT64_MAX), 257);
}

/* Where counting begins at the pool's birth, nothing can be out from before. */
static void a_second_release_is_odd_in_a_pool_that_was_seen_from_its_birth(void **state)
{
	struct poolscope_page_slot s;

	(void)state;
	create(4);
	poolscope_acquired(&pool, 1, 0, 0);
	poolscope_released(&pool, 1, 0);
	poolscope_released(&pool, 1, 0);
	s = open_slot(&pool);
	assert_int_equal(s.odd_release, 1);
	assert_int_equal(s.leases_ended, 1);
	assert_int_equal(s.before_releases, 0);
}

static void what_was_out_before_comes_back_as_that_until_the_limit_forbids_it(void **state)
{
	struct poolscope_page_slot s;

	(void)state;
	watch(0);
	create(4);
	poolscope_acquired(&pool, 1, 0, 0);
	poolscope_acquired(&pool, 2, 0, 0);
	watch(1);
	poolscope_acquired(&pool, 3, 0, 0);
	poolscope_released(&pool, 1, 0);
	s = open_slot(&pool);
	assert_int_equal(s.before_releases, 1);
	assert_true(s.before_sum_ns > 0 && s.before_sum_ns < 1000000000u);
	assert_int_equal(s.before_most, 2); /* of four, one is known to be out and one has come back */
	poolscope_acquired(&pool, 4, 0, 0);
	poolscope_acquired(&pool, 5, 0, 0);
	assert_int_equal(open_slot(&pool).before_most, 1);
	poolscope_released(&pool, 2, 0);
	poolscope_released(&pool, 2, 0);
	s = open_slot(&pool);
	assert_int_equal(s.before_releases, 2);
	assert_int_equal(s.odd_release, 1);
	assert_int_equal(s.leases_begun - s.leases_ended, 3);
}

static void without_a_limit_any_number_may_have_been_out_before(void **state)
{
	struct poolscope_page_slot s;

	(void)state;
	watch(0);
	create(0);
	poolscope_acquired(&pool, 1, 0, 0);
	watch(1);
	for (uint64_t i = 0; i < 23; i++)
		poolscope_released(&pool, i, POOLSCOPE_BROKEN);
	s = open_slot(&pool);
	assert_int_equal(s.before_releases, 23);
	assert_int_equal(s.released_broken, 23);
	assert_int_equal(s.odd_release, 0);
}

static void a_pool_that_is_full_while_somebody_waits_is_saturated(void **state)
{
	const struct timespec pause = { 0, 20000000 };
	uint64_t from, until;
	struct poolscope_page_slot s;

	(void)state;
	create(2);
	poolscope_acquired(&pool, 1, 0, 0);
	poolscope_acquired(&pool, 2, 0, 0);
	assert_true(open_slot(&pool).saturated_since_ns == 0);
	from = now_ns();
	poolscope_wait_begin(&pool, 5);
	assert_true(open_slot(&pool).saturated_since_ns >= from);
	nanosleep(&pause, NULL);
	poolscope_pool_resize(&pool, 3);
	until = now_ns();
	s = open_slot(&pool);
	assert_true(s.saturated_since_ns == 0 && s.saturated_ns >= 20000000u);
	assert_true(s.saturated_ns <= until - from);
	poolscope_acquired(&pool, 3, 7, 0); /* another one took it: 5 waits on, and now it is full again */
	assert_true(open_slot(&pool).saturated_since_ns != 0);
	poolscope_released(&pool, 3, 0);
	poolscope_acquired(&pool, 3, 5, 0);
	s = open_slot(&pool);
	assert_true(s.saturated_since_ns == 0 && s.n_waiting == 0);
}

static void a_peak_is_that_of_its_interval(void **state)
{
	struct poolscope_page_slot s;
	uint32_t interval;

	(void)state;
	create(0);
	do { /* an interval is over a second; the steps below must not lie in two */
		interval = (uint32_t)(now_ns() >> POOLSCOPE_PAGE_PEAK_SHIFT);
	} while ((now_ns() & ((1u << POOLSCOPE_PAGE_PEAK_SHIFT) - 1)) > 800000000u);
	interval = (uint32_t)(now_ns() >> POOLSCOPE_PAGE_PEAK_SHIFT);
	for (uint64_t i = 0; i < 5; i++)
		poolscope_acquired(&pool, i, 0, 0);
	for (uint64_t i = 0; i < 5; i++)
		poolscope_released(&pool, i, 0);
	poolscope_acquired(&pool, 1, 0, 0);
	s = open_slot(&pool);
	assert_int_equal(s.peak[interval % 4].interval, interval);
	assert_int_equal(s.peak[interval % 4].in_use, 5);
	/* in the next one it begins with what is out then, even if a release is the first thing that happens */
	poolscope_acquired(&pool, 2, 0, 0);
	poolscope_peak_(POOLSCOPE_SLOT_(pool.slot_), 2,
			(uint64_t)(interval + 1) << POOLSCOPE_PAGE_PEAK_SHIFT);
	assert_int_equal(open_slot(&pool).peak[(interval + 1) % 4].in_use, 2);
}

/* ---- tables ---------------------------------------------------------------------------------------------------------- */

/* Ids whose place is the table's last entry, so that runs go over its end. */
static uint64_t crowd_id(uint32_t log2, uint64_t n)
{
	static uint64_t ids[24];
	static size_t n_ids;

	for (uint64_t id = 1; n_ids < 24; id++)
		if (poolscope_entry_home_(id, log2) >= (1ull << log2) - 2)
			ids[n_ids++] = id;
	return ids[n];
}

static void a_table_finds_what_is_in_it_and_nothing_else(void **state)
{
	static struct poolscope_page_waiter table[16] __attribute__((aligned(64)));
	uint8_t is_in[24] = { 0 };
	uint64_t at = (uintptr_t)table | 4, e;
	int n_in = 0;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		uint64_t n = dice(24), id = crowd_id(4, n);

		e = poolscope_entry_find_(at, POOLSCOPE_WAITER_LOG2_, id);
		if (!e) { /* full, and it is not there */
			assert_int_equal(n_in, 16);
			assert_false(is_in[n]);
			continue;
		}
		assert_int_equal(POOLSCOPE_ENTRY_USED_(e, POOLSCOPE_WAITER_LOG2_) != 0, is_in[n]);
		if (is_in[n]) {
			if (dice(2))
				continue;
			poolscope_entry_free_(at, POOLSCOPE_WAITER_LOG2_, e);
		} else {
			((struct poolscope_page_waiter *)(uintptr_t)e)->waiter = id;
			((struct poolscope_page_waiter *)(uintptr_t)e)->is_used = 1;
		}
		n_in += is_in[n] ? -1 : 1;
		is_in[n] = !is_in[n];
		for (uint64_t k = 0; k < 24; k++) {
			e = poolscope_entry_find_(at, POOLSCOPE_WAITER_LOG2_, crowd_id(4, k));
			assert_int_equal(e && POOLSCOPE_ENTRY_USED_(e, POOLSCOPE_WAITER_LOG2_),
					 is_in[k]);
		}
	}
}

static void tables_grow_and_keep_what_is_in_them(void **state)
{
	struct copy c;

	(void)state;
	create(3);
	for (uint64_t i = 0; i < 5000; i++)
		poolscope_acquired(&pool, i * 64, 0, 0);
	for (uint64_t i = 0; i < 1000; i++)
		poolscope_wait_begin(&pool, i + 1);
	c = open_copy(&pool);
	assert_int_equal(c.slot.n_holders, 5000);
	assert_int_equal(c.slot.n_waiting, 1000);
	for (uint64_t i = 0; i < 5000; i++)
		assert_non_null(holder_of(&c, i * 64));
	copy_done(&c);
	for (uint64_t i = 0; i < 5000; i++)
		poolscope_released(&pool, i * 64, 0);
	assert_int_equal(open_slot(&pool).n_holders, 0);
}

static void a_lease_without_room_is_counted_and_comes_back_all_the_same(void **state)
{
	struct poolscope_page_chunk *first;
	struct poolscope_page_slot s;
	uint64_t tables, n = 0;

	(void)state;
	create(0);
	poolscope_acquired(&pool, 0, 0, 0);
	first = POOLSCOPE_CHUNK_(ROOT->first_chunk);
	tables = first->tables_bytes;
	first->tables_bytes = POOLSCOPE_PAGE_TABLES_BYTES_MAX; /* no more memory for tables */
	first->cut_at = first->cut_end;
	memset(first->free_table, 0, sizeof(first->free_table));
	for (uint64_t i = 1; i < 101; i++)
		poolscope_acquired(&pool, i, 0, 0);
	for (uint64_t i = 0; i < 101; i++)
		poolscope_wait_begin(&pool, i + 1);
	s = open_slot(&pool);
	assert_int_equal(s.leases_begun, 101);
	assert_int_equal(s.n_holders, 14); /* seven eighths of the slot's own 16 */
	assert_int_equal(s.leases_unlisted, 87);
	assert_int_equal(s.unlisted, 87);
	assert_int_equal(s.n_waiting, 7);
	assert_int_equal(s.waits_unlisted, 94);
	assert_true(first->tables_refused > 0);
	for (uint64_t i = 0; i < 101; i++)
		poolscope_released(&pool, i, 0);
	poolscope_released(&pool, 0, 0); /* once more */
	s = open_slot(&pool);
	assert_int_equal(s.leases_ended, 101);
	assert_int_equal(s.unlisted, 0);
	assert_int_equal(s.odd_release, 1);
	for (int i = 0; i < POOLSCOPE_PAGE_BUCKETS; i++)
		n += s.hold[i];
	assert_int_equal(n, 14);
	first->tables_bytes = tables;
}

/* ---- beginnings and ends --------------------------------------------------------------------------------------------- */

static void an_event_that_nobody_watched_ends_the_counting(void **state)
{
	struct poolscope_page_slot s;
	uint64_t serial, at;

	(void)state;
	create(4);
	poolscope_acquired(&pool, 1, 0, 0);
	serial = open_slot(&pool).serial;
	watch(0);
	watch(1); /* nothing happened in between: no gap */
	poolscope_acquired(&pool, 2, 0, 0);
	assert_int_equal(open_slot(&pool).serial, serial);
	assert_int_equal(open_slot(&pool).leases_begun, 2);

	watch(0);
	at = now_ns();
	poolscope_released(&pool, 2, 0);
	assert_true(slot_find(&pool, POOLSCOPE_PAGE_OPEN) == 0);
	assert_true(pool.slot_ == 0);
	s = closed_slot(&pool);
	assert_int_equal(s.serial, serial);
	assert_int_equal(s.leases_begun, 2);
	assert_int_equal(s.leases_ended, 0);
	assert_true(s.closed_ns >= at && s.n_holders == 0);

	watch(1);
	poolscope_acquired(&pool, 3, 0, 0);
	s = open_slot(&pool);
	assert_true(s.serial > serial);
	assert_int_equal(s.leases_begun, 1);
	assert_int_equal(s.before_most, 3);
}

static void an_unwatched_wait_ends_the_counting_too(void **state)
{
	(void)state;
	create(4);
	poolscope_wait_begin(&pool, 9);
	assert_int_equal(open_slot(&pool).n_waiting, 1);
	watch(0);
	poolscope_wait_end(&pool, 9, POOLSCOPE_OUTCOME_TIMEOUT);
	watch(1);
	poolscope_acquired(&pool, 1, 0, 0);
	assert_int_equal(open_slot(&pool).n_waiting, 0);
}

/* A program that is not watched and a library that is take turns: each turn must not make a new slot. */
static void gaps_without_end_do_not_cost_a_slot_each(void **state)
{
	struct poolscope_page_chunk *first;
	uint64_t serial, skipped;

	(void)state;
	create(4);
	poolscope_acquired(&pool, 1, 0, 0);
	first = POOLSCOPE_CHUNK_(ROOT->first_chunk);
	serial = first->serial;
	skipped = first->skipped;
	for (int i = 0; i < 10000; i++) {
		watch(0);
		poolscope_acquired(&pool, 1, 0, 0);
		watch(1);
		poolscope_released(&pool, 1, 0);
	}
	assert_true(first->serial - serial > 4 && first->serial - serial < 24);
	assert_true(first->skipped - skipped > 9000);
}

static void agents_that_come_and_go_see_the_pool_each_time(void **state)
{
	(void)state;
	create(4);
	for (int i = 0; i < 30; i++) {
		watch(1);
		poolscope_acquired(&pool, 1, 0, 0);
		assert_int_equal(open_slot(&pool).leases_begun, 1);
		POOLSCOPE_SLOT_(pool.slot_)->since_ns -= 1000000000u; /* a second goes by */
		watch(0);
		poolscope_released(&pool, 1, 0);
	}
}

static void a_destroyed_pool_keeps_its_numbers_and_its_successor_has_its_own(void **state)
{
	struct poolscope_page_slot s;

	(void)state;
	create(4);
	for (uint64_t i = 0; i < 20; i++)
		poolscope_acquired(&pool, i, 0, 0);
	poolscope_wait_begin(&pool, 1);
	poolscope_pool_destroy(&pool);
	poolscope_pool_destroy(&pool);
	assert_true(slot_find(&pool, POOLSCOPE_PAGE_OPEN) == 0);
	assert_int_equal(closed_slot(&pool).leases_begun, 20);
	create(4);
	poolscope_acquired(&pool, 1, 0, 0);
	s = open_slot(&pool);
	assert_int_equal(s.leases_begun, 1);
	assert_true(s.serial > closed_slot(&pool).serial);
	assert_int_equal(closed_slot(&pool).leases_begun, 20);
	create(7); /* without destroying it */
	poolscope_acquired(&pool, 1, 0, 0);
	assert_int_equal(closed_slot(&pool).serial, s.serial);
	assert_int_equal(open_slot(&pool).capacity_most, 7);
}

static void calls_without_a_pool_are_counted_as_strays(void **state)
{
	struct poolscope_page_chunk *first;
	struct poolscope_pool none;
	uint64_t strays;

	(void)state;
	create(4);
	poolscope_acquired(&pool, 1, 0, 0);
	first = POOLSCOPE_CHUNK_(ROOT->first_chunk);
	strays = first->strays;
	memset(&none, 0x5a, sizeof(none)); /* not even zeroed */
	for (int is_watched = 0; is_watched < 2; is_watched++) {
		watch(is_watched);
		poolscope_acquired(&none, 1, 0, 0);
		poolscope_released(&none, 1, 0);
		poolscope_wait_begin(&none, 0);
		poolscope_wait_end(&none, 0, POOLSCOPE_OUTCOME_TIMEOUT);
		poolscope_pool_resize(&none, 3);
	}
	assert_int_equal(first->strays - strays, 4);
	poolscope_pool_create(&none, POOLSCOPE_KIND_LOCK, "n", 1, 0);
	poolscope_acquired(&none, 1, 0, 0);
	assert_int_equal(open_slot(&none).leases_begun, 1);
	poolscope_pool_destroy(&none);
}

static void a_handle_that_was_moved_begins_anew(void **state)
{
	static struct poolscope_pool moved;

	(void)state;
	create(4);
	poolscope_acquired(&pool, 1, 0, 0);
	memcpy(&moved, &pool, sizeof(pool));
	poolscope_acquired(&moved, 2, 0, 0);
	assert_int_equal(open_slot(&pool).leases_begun, 1);
	assert_int_equal(open_slot(&moved).leases_begun, 1);
	poolscope_pool_destroy(&moved);
}

static void a_closed_slot_is_used_again_when_it_has_been_kept(void **state)
{
	struct poolscope_page_chunk *first;
	struct poolscope_page_slot *s;
	uint64_t at;

	(void)state;
	create(4);
	poolscope_acquired(&pool, 1, 0, 0);
	first = POOLSCOPE_CHUNK_(ROOT->first_chunk);
	at = pool.slot_;
	poolscope_pool_destroy(&pool);
	create(4);
	poolscope_acquired(&pool, 1, 0, 0);
	assert_true(pool.slot_ != at);
	poolscope_pool_destroy(&pool);
	for (uint64_t i = first->oldest_closed; i; i = s->next) { /* five seconds go by */
		s = POOLSCOPE_SLOT_(i);
		s->closed_ns -= 5000000000u;
	}
	at = first->oldest_closed;
	create(4);
	poolscope_acquired(&pool, 1, 0, 0);
	assert_true(pool.slot_ == at);
}

static void pools_without_end_find_a_limit_and_its_count(void **state)
{
	const struct timespec late = { 0, 150000000 };
	static struct poolscope_pool many[17500];
	uint32_t refused = ROOT->n_refused, n = 0;
	uint32_t given_up = POOLSCOPE_CHUNK_(ROOT->first_chunk)->n_open; /* by tests before */

	(void)state;
	for (int i = 0; i < 17500; i++) {
		poolscope_pool_create(&many[i], POOLSCOPE_KIND_OBJECT, "one of many", 0, 0);
		poolscope_acquired(&many[i], 1, 0, 0);
		n += many[i].slot_ == POOLSCOPE_REFUSED_;
	}
	assert_true(n > 0 && n < 1500);
	assert_int_equal(ROOT->n_refused - refused, n);
	assert_int_equal(POOLSCOPE_CHUNK_(ROOT->first_chunk)->n_chunks, POOLSCOPE_PAGE_CHUNKS_MAX);
	poolscope_pool_destroy(&many[0]);
	nanosleep(&late, NULL);
	create(4); /* what was closed lately is taken when there is nothing else, but not under the hands of who was still writing there */
	poolscope_acquired(&pool, 1, 0, 0);
	assert_int_equal(open_slot(&pool).leases_begun, 1);
	watch(0);
	poolscope_acquired(&many[17499], 2, 0, 0);
	watch(1);
	for (int i = 0; i < 17500; i++)
		poolscope_pool_destroy(&many[i]);
	assert_int_equal(POOLSCOPE_CHUNK_(ROOT->first_chunk)->n_open, given_up + 1);
}

/* ---- time ------------------------------------------------------------------------------------------------------------ */

static void the_counter_tells_the_time_of_the_clock(void **state)
{
	uint64_t end = now_ns() + 1300000000u, before, after, t, n_far = 0, n = 0, n_counter = 0;
	struct poolscope_page_slot *s;

	(void)state;
	create(4);
	poolscope_acquired(&pool, 1, 0, 0);
	s = POOLSCOPE_SLOT_(pool.slot_);
	do {
		before = now_ns();
		t = poolscope_now_(s);
		after = now_ns();
		n++;
		n_far += t + SLACK_NS < before || t > after + SLACK_NS;
		n_counter += s->clock_span != 0;
	} while (after < end);
	assert_int_equal(n_far, 0);
	if (POOLSCOPE_CHUNK_(ROOT->first_chunk)->clock == POOLSCOPE_PAGE_CLOCK_COUNTER)
		assert_true(n_counter > 0);
	else
		assert_int_equal(n_counter, 0);
}

static void a_counter_that_jumps_is_not_believed(void **state)
{
	struct poolscope_page_slot *s;
	uint64_t before, t;

	(void)state;
	create(4);
	poolscope_acquired(&pool, 1, 0, 0);
	s = POOLSCOPE_SLOT_(pool.slot_);
	s->set_count = (poolscope_counter_() - 100000000u) | 1; /* known speed: 10 ns a count */
	s->set_ns = now_ns() - 1000000000u;
	s->clock_mult = 10u << 26;
	s->clock_span = 0;
	for (int i = 0; i < 3; i++) {
		before = now_ns();
		t = poolscope_now_(s);
		assert_true(t >= before && t <= now_ns());
		s->set_count = (poolscope_counter_() - 7000000000u) | 1; /* it ran on while the machine slept */
		s->set_ns = now_ns() - 20000000u;
	}
	s->set_count = poolscope_counter_() + 1000000000u; /* it went back */
	s->clock_span = 0;
	before = now_ns();
	t = poolscope_now_(s);
	assert_true(t >= before && t <= now_ns());
	assert_int_equal(s->clock_span, 0);
}

/* ---- threads --------------------------------------------------------------------------------------------------------- */

#define N_THREADS 4
#define N_TURNS 20000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int has_lock;

static void *take_turns(void *arg)
{
	uint64_t item = (uintptr_t)arg * 100;

	for (int i = 0; i < N_TURNS; i++) {
		if (has_lock)
			pthread_mutex_lock(&lock);
		poolscope_acquired(&pool, item + (uint64_t)i % 7, 0, 0);
		if (has_lock) {
			pthread_mutex_unlock(&lock);
			pthread_mutex_lock(&lock);
		}
		poolscope_released(&pool, item + (uint64_t)i % 7, 0);
		if (has_lock)
			pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static void run_threads(void)
{
	pthread_t t[N_THREADS];

	for (uintptr_t i = 0; i < N_THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, take_turns, (void *)(i + 1)), 0);
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(t[i], NULL);
}

static void threads_under_the_pools_lock_are_all_counted(void **state)
{
	struct poolscope_page_slot s;

	(void)state;
	create(40);
	has_lock = 1;
	run_threads();
	s = open_slot(&pool);
	assert_int_equal(s.leases_begun, N_THREADS * N_TURNS);
	assert_int_equal(s.leases_ended, N_THREADS * N_TURNS);
	assert_int_equal(s.collisions + s.lost, 0);
}

static void threads_without_a_lock_are_all_counted_in_a_pool_that_says_so(void **state)
{
	struct poolscope_page_slot s;

	(void)state;
	create(0);
	poolscope_pool_unlocked(&pool);
	has_lock = 0;
	run_threads();
	s = open_slot(&pool);
	assert_int_equal(s.leases_begun, N_THREADS * N_TURNS);
	assert_int_equal(s.leases_ended, N_THREADS * N_TURNS);
	assert_int_equal(s.odd_acquire + s.odd_release + s.collisions + s.lost, 0);
	assert_int_equal(s.lock, POOLSCOPE_PAGE_LOCK_SHARED);
}

/* What is counted then may be wrong; but it is known to be, and nothing worse happens. */
static void threads_without_a_lock_in_a_pool_that_does_not_say_so_do_no_harm(void **state)
{
	uint64_t at;

	(void)state;
	create(0);
	has_lock = 0;
	run_threads();
	at = slot_find(&pool, POOLSCOPE_PAGE_OPEN);
	assert_true(at != 0);
	poolscope_acquired(&pool, 999, 0, 0);
	poolscope_acquired(&pool, 998, 0, 0);
	at = slot_find(&pool, POOLSCOPE_PAGE_OPEN);
	assert_true(at != 0 && POOLSCOPE_SLOT_(at)->leases_begun >= 1);
}

static void two_calls_at_once_are_seen_and_the_next_begins_anew(void **state)
{
	struct poolscope_page_slot *s, now;
	struct copy c;

	(void)state;
	create(4);
	poolscope_acquired(&pool, 1, 0, 0);
	poolscope_wait_begin(&pool, 42);
	s = POOLSCOPE_SLOT_(pool.slot_);
	s->seq |= 1; /* another one is writing */
	poolscope_acquired(&pool, 2, 0, 0);
	assert_int_equal(s->leases_begun, 1);
	assert_int_equal(s->collisions, 1);
	assert_true(s->lost != 0);
	poolscope_write_end_(s);
	poolscope_acquired(&pool, 3, 0, 0);
	now = open_slot(&pool);
	assert_true(now.serial > s->serial);
	assert_int_equal(s->state, POOLSCOPE_PAGE_CLOSED);
	assert_int_equal(now.leases_begun, 1);
	assert_int_equal(now.lock, POOLSCOPE_PAGE_LOCK_SHARED);
	c = open_copy(&pool); /* who waited waits still */
	assert_int_equal(c.slot.n_waiting, 1);
	copy_done(&c);
	poolscope_acquired(&pool, 4, 42, 0);
	assert_int_equal(open_slot(&pool).n_waiting, 0);
}

static void a_bit_that_is_never_given_back_ends_in_not_counting(void **state)
{
	struct poolscope_page_slot *s;
	uint64_t serial;

	(void)state;
	create(4);
	poolscope_pool_unlocked(&pool);
	poolscope_acquired(&pool, 1, 0, 0);
	s = POOLSCOPE_SLOT_(pool.slot_);
	serial = s->serial;
	s->lock |= POOLSCOPE_PAGE_LOCK_TAKEN;
	poolscope_acquired(&pool, 2, 0, 0);
	assert_true(s->lost != 0);
	assert_int_equal(s->leases_begun, 1);
	assert_true(pool.slot_ == 0); /* it is given up, so that the next ones do not wait */
	for (uint64_t i = 0; i < 100; i++)
		poolscope_acquired(&pool, 100 + i, 0, 0);
	assert_true(open_slot(&pool).serial > serial);
	assert_int_equal(open_slot(&pool).leases_begun, 100);
	s->leases_begun++;
	poolscope_leave_(s); /* it comes back after all, and harms nobody */
	poolscope_acquired(&pool, 3, 0, 0);
	assert_int_equal(open_slot(&pool).leases_begun, 101);
}

static void a_lock_that_is_never_given_back_ends_in_not_counting(void **state)
{
	struct poolscope_page_chunk *first;

	(void)state;
	create(4);
	poolscope_acquired(&pool, 1, 0, 0);
	first = POOLSCOPE_CHUNK_(ROOT->first_chunk);
	first->lock = 1;
	poolscope_slot_spoil_(&pool, POOLSCOPE_SLOT_(pool.slot_));
	poolscope_acquired(&pool, 2, 0, 0); /* there is no other slot to be had */
	poolscope_pool_destroy(&pool);
	first->lock = 0;
	create(4);
	poolscope_acquired(&pool, 3, 0, 0);
	assert_int_equal(open_slot(&pool).leases_begun, 1);
}

static void free_memory_that_was_written_over_is_left(void **state)
{
	struct poolscope_page_chunk *first;
	uint64_t a, b, *link;

	(void)state;
	create(4);
	poolscope_acquired(&pool, 1, 0, 0);
	first = POOLSCOPE_CHUNK_(ROOT->first_chunk);
	a = poolscope_table_new_(first, 6, POOLSCOPE_HOLDER_LOG2_);
	b = poolscope_table_new_(first, 6, POOLSCOPE_HOLDER_LOG2_);
	assert_true(a && b && a != b);
	poolscope_table_give_(first, POOLSCOPE_SLOT_(pool.slot_), a, POOLSCOPE_HOLDER_LOG2_);
	poolscope_table_give_(first, POOLSCOPE_SLOT_(pool.slot_), b, POOLSCOPE_HOLDER_LOG2_);
	link = (uint64_t *)(uintptr_t)POOLSCOPE_PAGE_TABLE_AT(b);
	link[0] = 23; /* an item, by a call that came late */
	assert_true(poolscope_table_new_(first, 6, POOLSCOPE_HOLDER_LOG2_) == b);
	a = poolscope_table_new_(first, 6, POOLSCOPE_HOLDER_LOG2_); /* not the one at 23 */
	assert_true(a != 0 && *(uint64_t *)(uintptr_t)POOLSCOPE_PAGE_TABLE_AT(a) == 0);
	poolscope_table_give_(first, POOLSCOPE_SLOT_(pool.slot_), a, POOLSCOPE_HOLDER_LOG2_);
	poolscope_table_give_(first, POOLSCOPE_SLOT_(pool.slot_), b, POOLSCOPE_HOLDER_LOG2_);
}

/* A pool with one item out, whose next slot is refused: all of all chunks are taken. */
static void lose_slot(void)
{
	struct poolscope_page_chunk *first, *last, first_was, last_was;
	uint32_t refused = ROOT->n_refused;

	create(4);
	poolscope_acquired(&pool, 1, 0, 0);
	first = POOLSCOPE_CHUNK_(ROOT->first_chunk);
	last = POOLSCOPE_CHUNK_(first->last_chunk);
	first_was = *first;
	last_was = *last;
	first->n_chunks = POOLSCOPE_PAGE_CHUNKS_MAX;
	first->oldest_closed = first->newest_closed = 0;
	last->n_used = last->n_slots;
	poolscope_slot_spoil_(&pool, POOLSCOPE_SLOT_(pool.slot_));
	poolscope_acquired(&pool, 2, 0, 0);
	assert_true(pool.slot_ == POOLSCOPE_REFUSED_);
	assert_int_equal(ROOT->n_refused - refused, 1);
	assert_true(slot_find(&pool, POOLSCOPE_PAGE_OPEN) == 0);
	assert_int_equal(first->n_open, first_was.n_open - 1);
	assert_true(first->oldest_closed == slot_find(&pool, POOLSCOPE_PAGE_CLOSED));
	POOLSCOPE_SLOT_(first->oldest_closed)->next = first_was.oldest_closed;
	first->n_chunks = first_was.n_chunks;
	if (first_was.newest_closed)
		first->newest_closed = first_was.newest_closed;
	last->n_used = last_was.n_used;
}

static void where_the_next_slot_is_refused_none_stays_open(void **state)
{
	(void)state;
	lose_slot();
}

static volatile int is_over;

static void *write_on(void *arg)
{
	uint64_t n = 0;

	(void)arg;
	while (!is_over) {
		n++;
		poolscope_acquired(&pool, n % 50, 0, 0);
		if (n % 3 == 0)
			poolscope_wait_begin(&pool, n % 20 + 1);
		if (n > 20)
			poolscope_released(&pool, (n - 20) % 50, 0);
		if (n % 5 == 0)
			poolscope_wait_end(&pool, n % 20 + 1, POOLSCOPE_OUTCOME_TIMEOUT);
	}
	return NULL;
}

static void what_a_reader_calls_whole_adds_up(void **state)
{
	pthread_t writer;
	int n_whole = 0;
	uint64_t at, end;
	struct copy c;

	(void)state;
	create(0);
	poolscope_acquired(&pool, 0, 0, 0);
	is_over = 0;
	assert_int_equal(pthread_create(&writer, NULL, write_on, NULL), 0);
	for (end = now_ns() + 300000000u; now_ns() < end || n_whole < 20;) {
		at = slot_find(&pool, POOLSCOPE_PAGE_OPEN);
		if (!at || !copy_read(&c, at))
			continue;
		check_sound(&c);
		n_whole++;
		copy_done(&c);
	}
	is_over = 1;
	pthread_join(writer, NULL);
}

/* ---- fork, and no memory --------------------------------------------------------------------------------------------- */

/* Runs in a child what must not be done here; the number of what did not hold in it, or 0. */
static int in_child(void (*body)(void *), void *arg)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		alarm(60);
		body(arg);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -status;
}

#define MUST(n, is_true)                                                                           \
	do {                                                                                       \
		if (!(is_true))                                                                    \
			_exit(n);                                                                  \
	} while (0)

static void check_child(void *of_parent)
{
	struct poolscope_page_slot *parents = (struct poolscope_page_slot *)of_parent, *s;

	MUST(1, parents->handle == 0 && parents->leases_begun == 0);
	MUST(2, slot_find(&pool, POOLSCOPE_PAGE_OPEN) == 0);
	poolscope_released(&pool, 1, 0); /* what the parent took */
	MUST(3, POOLSCOPE_SLOT_(pool.slot_) != parents);
	s = POOLSCOPE_SLOT_(pool.slot_);
	MUST(4, slot_find(&pool, POOLSCOPE_PAGE_OPEN) == pool.slot_);
	MUST(5, s->leases_begun == 0 && s->before_releases == 1 && s->odd_release == 0);
	MUST(6, s->pid == (uint32_t)getpid());
	poolscope_acquired(&pool, 5, 0, 0);
	MUST(7, s->own_holders[poolscope_entry_home_(5, 4)].tid == gettid_now());
	MUST(8, POOLSCOPE_CHUNK_(ROOT->first_chunk)->serial == 1);
	poolscope_pool_destroy(&pool);
	MUST(9, s->state == POOLSCOPE_PAGE_CLOSED);
}

static void check_grandchild(void *arg)
{
	(void)arg;
	poolscope_acquired(&pool, 1, 0, 0);
	MUST(20, slot_find(&pool, POOLSCOPE_PAGE_OPEN) == pool.slot_);
	MUST(21, POOLSCOPE_SLOT_(pool.slot_)->leases_begun == 1);
}

static void check_unwatched_child(void *arg)
{
	int failed;

	watch(0);
	poolscope_released(&pool, 1, 0);
	MUST(10, pool.slot_ == 0);
	watch(1);
	failed = in_child(check_grandchild, arg);
	MUST(failed, failed == 0);
}

static void a_child_has_pages_of_its_own(void **state)
{
	struct poolscope_page_slot *s;

	(void)state;
	create(4);
	poolscope_acquired(&pool, 1, 0, 0);
	poolscope_acquired(&pool, 2, 0, 0);
	s = POOLSCOPE_SLOT_(pool.slot_);
	POOLSCOPE_CHUNK_(ROOT->first_chunk)->lock = 1; /* another thread has it, and is not in the child */
	s->seq |= 1;
	assert_int_equal(in_child(check_child, s), 0);
	poolscope_write_end_(s);
	POOLSCOPE_CHUNK_(ROOT->first_chunk)->lock = 0;
	assert_int_equal(open_slot(&pool).leases_begun, 2);
	assert_int_equal(open_slot(&pool).before_releases, 0);
	assert_int_equal(in_child(check_unwatched_child, NULL), 0);
}

static void refuse(long call)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 4, filter };

	MUST(90, !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	MUST(91, !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

static void check_refused(void *call)
{
	uint32_t refused = ROOT->n_refused;

	ROOT->first_chunk = 0; /* as in a process that has none yet */
	refuse(*(long *)call);
	errno = 77;
	poolscope_acquired(&pool, 1, 0, 0);
	poolscope_released(&pool, 1, 0);
	poolscope_wait_begin(&pool, 0);
	poolscope_wait_end(&pool, 0, POOLSCOPE_OUTCOME_TIMEOUT);
	MUST(1, errno == 77);
	MUST(2, ROOT->n_refused == refused + 1 && ROOT->first_chunk == 0);
	MUST(3, pool.slot_ == POOLSCOPE_REFUSED_);
	poolscope_pool_resize(&pool, 7);
	watch(0);
	poolscope_acquired(&pool, 1, 0, 0);
	MUST(4, pool.slot_ == 0); /* watched again it may try again */
	poolscope_pool_destroy(&pool);
}

static void without_memory_a_pool_is_refused_once_and_counted(void **state)
{
	long map = SYS_mmap, advise = SYS_madvise;

	(void)state;
	create(4);
	assert_int_equal(in_child(check_refused, &map), 0);
	assert_int_equal(in_child(check_refused, &advise), 0);
}

/* ---- a library of its own -------------------------------------------------------------------------------------------- */

#ifndef __cplusplus
#include <sys/ucontext.h>

#include "bpf/hist.h"
#include "discover/argspec.h"
#include "discover/notes.h"
#include "tools/sdk/poolscope-usdt.h"

#define SHIM "build/libpoolscope-usdt.so"

static void notes_of(const char *path, struct notes *ret)
{
	struct diag d = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(notes_read(fd, "poolscope", 10000, ret, &d), 0);
	assert_int_equal(ret->n_bad, 0);
	close(fd);
}

/* What an agent does: the note's semaphore, as an address in this process. */
static struct poolscope_page_root *root_of_shim(void *library)
{
	struct poolscope_page_root *root = NULL;
	struct notes notes;
	struct link_map *map;

	assert_int_equal(dlinfo(library, RTLD_DI_LINKMAP, &map), 0);
	notes_of(SHIM, &notes);
	for (size_t i = 0; i < notes.n; i++)
		if (!strcmp(notes.list[i].name, POOLSCOPE_PAGE_POINT)) {
			/* its data is mapped one page further on than it lies in the file */
			const Elf64_Ehdr *head = (const void *)map->l_addr;
			const Elf64_Phdr *ph = (const void *)(map->l_addr + head->e_phoff);
			uint64_t at = notes.list[i].semaphore_offset;

			for (int k = 0; k < head->e_phnum; k++)
				if (ph[k].p_type == PT_LOAD && ph[k].p_flags & PF_W &&
				    at - ph[k].p_offset < ph[k].p_filesz)
					root = (void *)(map->l_addr + ph[k].p_vaddr + at -
							ph[k].p_offset);
		}
	notes_done(&notes);
	assert_non_null(root);
	assert_true(root->magic == POOLSCOPE_PAGE_ROOT_MAGIC);
	assert_int_equal(root->version, POOLSCOPE_PAGE_VERSION);
	assert_int_equal(root->bytes, sizeof(*root));
	return root;
}

static void a_library_has_a_root_of_its_own_and_may_come_and_go(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		void *library = dlopen(SHIM, RTLD_NOW | RTLD_LOCAL);
		struct poolscope_pool *(*pool_new)(uint32_t, const char *, uint64_t, uint64_t);
		void (*pool_free)(struct poolscope_pool *);
		void (*acquired)(struct poolscope_pool *, uint64_t, uint64_t, uint32_t);
		struct poolscope_page_root *root;
		struct poolscope_pool *p;
		struct link_map *map;
		uint64_t at;

		assert_non_null(library);
		assert_int_equal(dlinfo(library, RTLD_DI_LINKMAP, &map), 0);
		assert_int_equal(dl_iterate_phdr(hide, &map->l_addr), 1);
		*(void **)&pool_new = dlsym(library, "poolscope_usdt_pool_new");
		*(void **)&pool_free = dlsym(library, "poolscope_usdt_pool_free");
		*(void **)&acquired = dlsym(library, "poolscope_usdt_acquired");
		root = root_of_shim(library);
		root->semaphore = 0;
		assert_ptr_not_equal(root, ROOT);
		assert_true(root->first_chunk == 0);
		p = pool_new(POOLSCOPE_KIND_OBJECT, "in a library", 4, 0);
		acquired(p, 1, 0, 0);
		assert_true(root->first_chunk == 0);
		root->semaphore = 1;
		acquired(p, 2, 0, 0);
		at = slot_find_in(root, p, POOLSCOPE_PAGE_OPEN);
		assert_true(at != 0);
		assert_int_equal(POOLSCOPE_SLOT_(at)->leases_begun, 1);
		assert_int_equal(POOLSCOPE_SLOT_(at)->lock, POOLSCOPE_PAGE_LOCK_SHARED);
		/* the program's own code may be inlined into the use of a library's pool; the slot goes back to where it came from */
		poolscope_acquired(p, 3, 0, 0);
		assert_int_equal(POOLSCOPE_SLOT_(at)->leases_begun, 2);
		pool_free(p);
		assert_int_equal(POOLSCOPE_CHUNK_(root->first_chunk)->oldest_closed, at);
		assert_int_equal(POOLSCOPE_CHUNK_(root->first_chunk)->n_open, 0);
		dlclose(library);
	}
}

static struct poolscope_pool *(*shim_pool_new)(uint32_t, const char *, uint64_t, uint64_t);
static void (*shim_pool_free)(struct poolscope_pool *);
static void (*shim_acquired)(struct poolscope_pool *, uint64_t, uint64_t, uint32_t);
static void (*shim_wait_begin)(struct poolscope_pool *, uint64_t);
static const volatile struct poolscope_page_slot *allocated_beside;
static int n_allocated, n_allocated_amid;

/* Of the sanitizer's: called with each allocation, also with those of the dynamic linker. */
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
					      void (*on_free)(const volatile void *));

static void on_malloc(const volatile void *at, size_t bytes)
{
	(void)at;
	(void)bytes;
	if (!allocated_beside)
		return;
	n_allocated++;
	n_allocated_amid +=
		(allocated_beside->seq & 1) || allocated_beside->lock & POOLSCOPE_PAGE_LOCK_TAKEN;
}

static void on_free(const volatile void *at)
{
	(void)at;
}

static void *begin_in_thread(void *of)
{
	struct poolscope_pool *p = of;

	allocated_beside = POOLSCOPE_SLOT_(p->slot_);
	if (n_allocated)
		shim_wait_begin(p, 0);
	else
		shim_acquired(p, 7, 0, 0);
	allocated_beside = NULL;
	return NULL;
}

/* The variable of a thread in a library that was loaded late is made at its first use, by an allocator that may have pools of its own. */
static void a_thread_s_first_call_allocates_before_it_writes(void **state)
{
	void *library = dlopen(SHIM, RTLD_NOW | RTLD_LOCAL);
	struct poolscope_page_root *root;
	struct poolscope_pool *p;
	struct link_map *map;
	pthread_t thread;

	(void)state;
	assert_non_null(library);
	assert_int_equal(dlinfo(library, RTLD_DI_LINKMAP, &map), 0);
	assert_int_equal(dl_iterate_phdr(hide, &map->l_addr), 1);
	*(void **)&shim_pool_new = dlsym(library, "poolscope_usdt_pool_new");
	*(void **)&shim_pool_free = dlsym(library, "poolscope_usdt_pool_free");
	*(void **)&shim_acquired = dlsym(library, "poolscope_usdt_acquired");
	*(void **)&shim_wait_begin = dlsym(library, "poolscope_usdt_wait_begin");
	root = root_of_shim(library);
	root->semaphore = 1;
	p = shim_pool_new(POOLSCOPE_KIND_OBJECT, "in a library", 4, 0);
	shim_acquired(p, 1, 0, 0);
	assert_true(__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free) > 0);
	for (int i = 1; i < 3; i++) {
		assert_int_equal(pthread_create(&thread, NULL, begin_in_thread, p), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_true(n_allocated >= i);
	}
	assert_int_equal(n_allocated_amid, 0);
	assert_int_equal(POOLSCOPE_SLOT_(p->slot_)->leases_begun, 2);
	shim_pool_free(p);
	dlclose(library);
}

static void every_bucket_is_the_kernel_sides(void **state)
{
	(void)state;
	for (uint64_t ns = 1; ns < 1ull << 62; ns += 1 + ns / 97)
		for (uint64_t k = ns - 1; k <= ns + 1; k++)
			assert_int_equal(poolscope_bucket_(k), ps_hist_bucket(k));
}

/* ---- points, as a tracer would see them ------------------------------------------------------------------------------ */

#define N_SITES 256
#define N_HITS 64

struct site {
	uint8_t *at;
	const char *name;
	struct ps_arg args[PS_MAX_ARGS];
	unsigned int n_args;
};

static struct hit {
	const char *name;
	uint64_t arg[PS_MAX_ARGS];
} hits[N_HITS];
static struct site sites[N_SITES];
static size_t n_sites;
static volatile size_t n_hits;
static struct notes own_notes;

#if defined(__x86_64__)
#define TRAP_BYTES 1
static const uint8_t trap[TRAP_BYTES] = { 0xcc };
#define TRAP_AFTER 1 /* the pc behind it */

/* By the numbers of regs.def. */
static uint64_t register_of(const ucontext_t *u, unsigned int reg)
{
	static const int names[] = { REG_R15, REG_R14, REG_R13, REG_R12, REG_RBP,
				     REG_RBX, REG_R11, REG_R10, REG_R9,  REG_R8,
				     REG_RAX, REG_RCX, REG_RDX, REG_RSI, REG_RDI };

	return (uint64_t)u->uc_mcontext.gregs[names[reg]];
}

static uint8_t *pc_of(const ucontext_t *u)
{
	return (uint8_t *)(uintptr_t)u->uc_mcontext.gregs[REG_RIP];
}

static void go_on(ucontext_t *u)
{
	(void)u;
}
#else
#define TRAP_BYTES 4
static const uint8_t trap[TRAP_BYTES] = { 0, 0, 0x20, 0xd4 };
#define TRAP_AFTER 0

static uint64_t register_of(const ucontext_t *u, unsigned int reg)
{
	return u->uc_mcontext.regs[reg];
}

static uint8_t *pc_of(const ucontext_t *u)
{
	return (uint8_t *)(uintptr_t)u->uc_mcontext.pc;
}

static void go_on(ucontext_t *u)
{
	u->uc_mcontext.pc += TRAP_BYTES;
}
#endif

static void on_trap(int signal, siginfo_t *info, void *context)
{
	const uint8_t *at = pc_of(context) - TRAP_AFTER;
	struct hit *h = &hits[n_hits % N_HITS];

	(void)signal;
	(void)info;
	for (size_t i = 0; i < n_sites; i++) {
		if (sites[i].at != at)
			continue;
		h->name = sites[i].name;
		for (unsigned int k = 0; k < sites[i].n_args; k++)
			h->arg[k] = sites[i].args[k].kind == PS_ARG_CONST
					    ? sites[i].args[k].value
					    : register_of(context, sites[i].args[k].reg);
		n_hits++;
	}
	go_on(context);
}

static int find_self(struct dl_phdr_info *info, size_t size, void *ret)
{
	(void)size;
	memcpy(ret, &info->dlpi_addr, sizeof(uint64_t));
	return 1; /* the program comes first */
}

/* An int3 for each nop of a point in this program. */
static void arm(void)
{
	struct sigaction action = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_NODEFER };
	struct diag d = { 0 };
	uint64_t base = 0;

	dl_iterate_phdr(find_self, &base);
	notes_of("/proc/self/exe", &own_notes);
	assert_true(own_notes.n < N_SITES);
	assert_int_equal(sigaction(SIGTRAP, &action, NULL), 0);
	for (n_sites = 0; n_sites < own_notes.n; n_sites++) {
		struct site *s = &sites[n_sites];

		s->at = (uint8_t *)(base + own_notes.list[n_sites].pc_vaddr);
		s->name = own_notes.list[n_sites].name;
		assert_int_equal(argspec_parse(own_notes.list[n_sites].args, own_notes.machine,
					       NULL, 0, s->args, &s->n_args, &d),
				 0);
		memcpy(s->at, trap, TRAP_BYTES);
	}
	n_hits = 0;
}

static const struct hit *hit_of(size_t i, const char *name)
{
	assert_true(i < n_hits);
	assert_string_equal(hits[i].name, name);
	return &hits[i];
}

static void the_point_page_tells_of_each_beginning(void **state)
{
	const struct hit *h;

	(void)state;
	n_hits = 0;
	create(4);
	poolscope_acquired(&pool, 1, 0, 0);
	poolscope_released(&pool, 1, 0);
	h = hit_of(0, "page");
	assert_true(h->arg[0] == (uintptr_t)&pool && h->arg[1] == pool.slot_);
	assert_int_equal(n_hits, 1);
	watch(0);
	poolscope_acquired(&pool, 1, 0, 0);
	watch(1);
	poolscope_acquired(&pool, 1, 0, 0);
	h = hit_of(1, "page");
	assert_true(h->arg[1] == pool.slot_);
	assert_int_equal(n_hits, 2);
}

static void a_wait_that_ends_in_an_acquire_is_told_as_one_that_ended_well(void **state)
{
	const struct hit *h;

	(void)state;
	create(4);
	poolscope_wait_begin_semaphore = poolscope_wait_end_semaphore = 1;
	poolscope_acquired(&pool, 1, 0, 0);
	n_hits = 0;
	poolscope_wait_begin(&pool, 0);
	poolscope_wait_begin(&pool, 31);
	poolscope_acquired(&pool, 2, 31, 0);
	poolscope_acquired(&pool, 3, 32, 0); /* has not waited */
	poolscope_acquired(&pool, 4, 0, 0);
	poolscope_acquired(&pool, 5, 0, POOLSCOPE_UNHELD);
	poolscope_wait_end(&pool, 99, POOLSCOPE_OUTCOME_TIMEOUT); /* has not waited either; that is for others to say */
	poolscope_wait_begin_semaphore = poolscope_wait_end_semaphore = 0;
	assert_int_equal(n_hits, 5);
	hit_of(0, "wait_begin");
	assert_true(hit_of(1, "wait_begin")->arg[1] == 31);
	h = hit_of(2, "wait_end");
	assert_true(h->arg[0] == (uintptr_t)&pool && h->arg[1] == 31 && h->arg[2] == PS_OUTCOME_ok);
	h = hit_of(3, "wait_end");
	assert_true(h->arg[1] == 0 && h->arg[2] == PS_OUTCOME_ok);
	h = hit_of(4, "wait_end");
	assert_true(h->arg[1] == 99 && h->arg[2] == PS_OUTCOME_timeout);
}

/* Else who has heard of the page would wait for what it counts, and leave out what the points tell. */
static void a_pool_that_has_no_slot_any_more_says_so(void **state)
{
	const struct hit *h;

	(void)state;
	n_hits = 0;
	lose_slot();
	assert_true(hit_of(0, "page")->arg[1] > POOLSCOPE_REFUSED_);
	h = hit_of(1, "page");
	assert_true(h->arg[0] == (uintptr_t)&pool && h->arg[1] == 0);
	assert_int_equal(n_hits, 2);
	poolscope_wait_begin_semaphore = poolscope_acquired_semaphore = 1;
	poolscope_wait_begin(&pool, 0);
	poolscope_acquired(&pool, 3, 0, 0);
	poolscope_wait_begin_semaphore = poolscope_acquired_semaphore = 0;
	hit_of(2, "wait_begin");
	hit_of(3, "acquired"); /* ends it, for who listens */
	assert_int_equal(n_hits, 4);
}

/* Two calls at once in a pool that did not say that this may be. */
static void a_wait_that_is_in_no_slot_is_not_told_and_one_that_was_told_ends(void **state)
{
	struct poolscope_page_slot *s;

	(void)state;
	create(4);
	poolscope_acquired(&pool, 1, 0, 0);
	poolscope_wait_begin_semaphore = poolscope_wait_end_semaphore = 1;
	n_hits = 0;
	poolscope_wait_begin(&pool, 31);
	hit_of(0, "wait_begin");
	s = POOLSCOPE_SLOT_(pool.slot_);
	s->seq |= 1;
	poolscope_acquired(&pool, 2, 31, 0); /* is not counted, and its wait is over */
	assert_true(hit_of(1, "wait_end")->arg[1] == 31 && hits[1].arg[2] == PS_OUTCOME_ok);
	s->lock = 0;
	poolscope_wait_begin(&pool, 32); /* in no list, so its acquire will not tell of its end */
	assert_int_equal(n_hits, 2);
	assert_int_equal(s->collisions, 2);
	poolscope_write_end_(s);
	poolscope_acquired(&pool, 3, 32, 0);
	poolscope_wait_begin_semaphore = poolscope_wait_end_semaphore = 0;
	hit_of(2, "page");
	assert_int_equal(n_hits, 3);
}

static void other_tracers_see_acquired_and_released_with_a_slot_and_without(void **state)
{
	const struct hit *h;

	(void)state;
	create(4);
	poolscope_acquired_semaphore = poolscope_released_semaphore = 1;
	n_hits = 0;
	poolscope_acquired(&pool, 7, 8, POOLSCOPE_NEW);
	poolscope_released(&pool, 7, POOLSCOPE_BROKEN);
	watch(0);
	assert_true(POOLSCOPE_WATCHED(acquired));
	poolscope_acquired(&pool, 9, 0, 0);
	poolscope_released(&pool, 9, 0);
	poolscope_acquired_semaphore = poolscope_released_semaphore = 0;
	assert_false(POOLSCOPE_WATCHED(acquired));
	watch(1);
	assert_true(POOLSCOPE_WATCHED(acquired) && POOLSCOPE_WATCHED(released));
	assert_false(POOLSCOPE_WATCHED(item_opened));
	assert_int_equal(n_hits, 5);
	hit_of(0, "page");
	h = hit_of(1, "acquired");
	assert_true(h->arg[1] == 7 && h->arg[2] == 8 && h->arg[3] == POOLSCOPE_NEW &&
		    h->arg[4] == 1);
	h = hit_of(2, "released");
	assert_true(h->arg[1] == 7 && h->arg[2] == POOLSCOPE_BROKEN && h->arg[3] == 1);
	assert_true(hit_of(3, "acquired")->arg[1] == 9);
	assert_true(hit_of(4, "released")->arg[1] == 9);
}

/* The text stays as it is from here on: this comes before the tests that look at points. */
static void the_points_can_be_armed(void **state)
{
	(void)state;
	arm();
	assert_true(n_sites > 10);
}
#endif

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_made_while_nobody_watches),
		TEST(a_lease_is_told_with_item_time_thread_and_waiter),
		TEST(the_slot_says_what_the_books_say_whatever_is_called),
		TEST(use_over_time_is_the_sum_of_all_leases),
		TEST(buckets_are_those_of_the_kernel_side),
		TEST(a_second_release_is_odd_in_a_pool_that_was_seen_from_its_birth),
		TEST(what_was_out_before_comes_back_as_that_until_the_limit_forbids_it),
		TEST(without_a_limit_any_number_may_have_been_out_before),
		TEST(a_pool_that_is_full_while_somebody_waits_is_saturated),
		TEST(a_peak_is_that_of_its_interval),
		TEST(a_table_finds_what_is_in_it_and_nothing_else),
		TEST(tables_grow_and_keep_what_is_in_them),
		TEST(a_lease_without_room_is_counted_and_comes_back_all_the_same),
		TEST(an_event_that_nobody_watched_ends_the_counting),
		TEST(an_unwatched_wait_ends_the_counting_too),
		TEST(gaps_without_end_do_not_cost_a_slot_each),
		TEST(agents_that_come_and_go_see_the_pool_each_time),
		TEST(a_destroyed_pool_keeps_its_numbers_and_its_successor_has_its_own),
		TEST(calls_without_a_pool_are_counted_as_strays),
		TEST(a_handle_that_was_moved_begins_anew),
		TEST(a_closed_slot_is_used_again_when_it_has_been_kept),
		TEST(the_counter_tells_the_time_of_the_clock),
		TEST(a_counter_that_jumps_is_not_believed),
		TEST(threads_under_the_pools_lock_are_all_counted),
		TEST(threads_without_a_lock_are_all_counted_in_a_pool_that_says_so),
		TEST(threads_without_a_lock_in_a_pool_that_does_not_say_so_do_no_harm),
		TEST(two_calls_at_once_are_seen_and_the_next_begins_anew),
		TEST(a_bit_that_is_never_given_back_ends_in_not_counting),
		TEST(a_lock_that_is_never_given_back_ends_in_not_counting),
		TEST(free_memory_that_was_written_over_is_left),
		TEST(where_the_next_slot_is_refused_none_stays_open),
		TEST(what_a_reader_calls_whole_adds_up),
		TEST(a_child_has_pages_of_its_own),
		TEST(without_memory_a_pool_is_refused_once_and_counted),
#ifndef __cplusplus
		TEST(a_library_has_a_root_of_its_own_and_may_come_and_go),
		TEST(a_thread_s_first_call_allocates_before_it_writes),
		TEST(every_bucket_is_the_kernel_sides),
		TEST(the_points_can_be_armed),
		TEST(the_point_page_tells_of_each_beginning),
		TEST(a_wait_that_ends_in_an_acquire_is_told_as_one_that_ended_well),
		TEST(a_pool_that_has_no_slot_any_more_says_so),
		TEST(a_wait_that_is_in_no_slot_is_not_told_and_one_that_was_told_ends),
		TEST(other_tracers_see_acquired_and_released_with_a_slot_and_without),
#endif
		TEST(pools_without_end_find_a_limit_and_its_count),
	};

	dl_iterate_phdr(hide, NULL);
#define VERB(id, name, n_args, args, text) poolscope_##name##_semaphore = 0;
#include "bpf/verbs.def"
	return cmocka_run_group_tests(tests, NULL, NULL);
}
