/* SPDX-License-Identifier: MIT */
/*
 * paged_test.c - the reader of pages, against pages that this program writes in its own memory as a slow writer would, and then lies in, tears and alters at
 * random.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "bpf/books.h"
#include "bpf/hist.h"
#include "ingest/paged_pools.h"
#include "ingest/threads_of.h"

#define CHUNK_SLOTS 31 /* of 64 KiB */
#define SECOND 1000000000ull

struct area {
	union {
		struct poolscope_page_chunk chunk;
		uint8_t head[POOLSCOPE_PAGE_SLOT_BYTES];
	};
	struct poolscope_page_slot slot[CHUNK_SLOTS];
};

static struct poolscope_page_root root;
static struct area area[2] __attribute__((aligned(64)));
static struct poolscope_page_holder outside[64] __attribute__((aligned(64)));
static struct paged_source source;
static struct page_room room;
static int64_t now;
static pid_t pid;
static size_t n_parts, n_bytes; /* that were read */
static int n_tears; /* so many readings to come see another seq at the end */
static void (*meddle)(void); /* between two parts of a reading */
static bool is_left_out; /* what could not be read was not tried */

static uint64_t at(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

static void read_memory(void *context, struct page_part *part, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		page_process_read(context, &part[i], 1);
		n_bytes += part[i].bytes;
		if (meddle)
			meddle();
		if (i && part[i].bytes == sizeof(uint32_t) && part[i - 1].bytes != part[i].bytes &&
		    n_tears) {
			n_tears--;
			*(uint32_t *)part[i].into += 2;
		}
	}
	n_parts += n;
}

static int64_t read_clock(void *context)
{
	(void)context;
	return now;
}

static bool nothing_is_tried(void *context)
{
	(void)context;
	return true;
}

static int read_now(void)
{
	struct page_memory m = { read_memory, read_clock, &pid,
				 is_left_out ? nothing_is_tried : NULL };

	n_parts = n_bytes = 0;
	return page_read(&source.page, &m, &room);
}

static void make_chunk(struct area *a)
{
	memset(a, 0, sizeof(*a));
	a->chunk.magic = POOLSCOPE_PAGE_CHUNK_MAGIC;
	a->chunk.version = POOLSCOPE_PAGE_VERSION;
	a->chunk.bytes = sizeof(*a);
	a->chunk.n_slots = CHUNK_SLOTS;
	a->chunk.slot_bytes = POOLSCOPE_PAGE_SLOT_BYTES;
	a->chunk.pid = (uint32_t)pid;
}

static int reset(void **state)
{
	(void)state;
	page_done(&source.page);
	page_room_done(&room);
	pid = getpid();
	now = 1000 * (int64_t)SECOND;
	n_tears = 0;
	meddle = NULL;
	is_left_out = false;
	memset(&root, 0, sizeof(root));
	memset(outside, 0, sizeof(outside));
	root.version = POOLSCOPE_PAGE_VERSION;
	root.bytes = sizeof(root);
	root.magic = POOLSCOPE_PAGE_ROOT_MAGIC;
	make_chunk(&area[0]);
	make_chunk(&area[1]);
	root.first_chunk = at(&area[0]);
	source.page.root = at(&root);
	source.page.slots_max = 1000;
	return 0;
}

static int leave(void **state)
{
	page_done(&source.page);
	page_room_done(&room);
	(void)state;
	return 0;
}

/* ---- a slow writer ------------------------------------------------------------------------------------------------------- */

static struct poolscope_page_slot *open_slot(struct area *a, uint64_t handle, uint64_t serial)
{
	struct poolscope_page_slot *s = &a->slot[a->chunk.n_used++];

	s->handle = handle;
	s->serial = serial;
	s->version = POOLSCOPE_PAGE_VERSION;
	s->since_ns = (uint64_t)now;
	s->holders = at(s->own_holders) | POOLSCOPE_PAGE_OWN_HOLDERS_LOG2;
	s->state = POOLSCOPE_PAGE_OPEN;
	return s;
}

static struct poolscope_page_holder *table_of(const struct poolscope_page_slot *s)
{
	return (struct poolscope_page_holder *)(uintptr_t)POOLSCOPE_PAGE_TABLE_AT(s->holders);
}

static void take(struct poolscope_page_slot *s, uint64_t item)
{
	struct poolscope_page_peak *peak = &s->peak[((uint64_t)now >> 30) % POOLSCOPE_PAGE_PEAKS];
	struct poolscope_page_holder *h = table_of(s);

	while (h->is_used)
		h++;
	*h = (struct poolscope_page_holder){
		.item = item, .since_ns = (uint64_t)now, .waiter = 5, .tid = 77, .is_used = 1
	};
	s->n_holders++;
	s->leases_begun++;
	s->use_sum -= (uint64_t)now;
	*peak = (struct poolscope_page_peak){ (uint32_t)((uint64_t)now >> 30), s->n_holders };
	s->seq += 2;
}

static void give(struct poolscope_page_slot *s, uint64_t item)
{
	struct poolscope_page_holder *h = table_of(s);
	uint64_t held;

	while (!h->is_used || h->item != item)
		h++;
	held = (uint64_t)now - h->since_ns;
	h->is_used = 0;
	s->n_holders--;
	s->leases_ended++;
	s->use_sum += (uint64_t)now;
	s->hold[ps_hist_bucket(held)]++;
	s->hold_sum_ns += held;
	if (held > s->hold_max_ns)
		s->hold_max_ns = held;
	s->seq += 2;
}

static void close_slot(struct poolscope_page_slot *s)
{
	s->state = POOLSCOPE_PAGE_CLOSED;
	s->closed_ns = (uint64_t)now;
	s->seq += 2;
}

/* ---- what is read -------------------------------------------------------------------------------------------------------- */

static void a_slot_is_read_as_it_was_written(void **state)
{
	struct poolscope_page_slot *s = open_slot(&area[0], 4096, 1);
	struct ps_hist h;

	(void)state;
	take(s, 11);
	now += 5000;
	take(s, 12);
	now += 5000;
	give(s, 11);
	assert_int_equal(read_now(), 0);
	assert_int_equal(source.page.n_lies, 0);
	assert_int_equal(source.page.slot[0].serial, 1);
	assert_int_equal(source.page.slot[0].handle, 4096);
	assert_int_equal(source.page.slot[0].counts.leases_begun, 2);
	assert_int_equal(source.page.slot[0].counts.leases_ended, 1);
	assert_int_equal(page_counts_use(&source.page.slot[0].counts, now), 15000);
	assert_int_equal(source.page.slot[0].n_holders, 1);
	assert_int_equal(source.page.slot[0].holder[0].item, 12);
	assert_int_equal(source.page.slot[0].holder[0].since_ns, now - 5000);
	assert_int_equal(source.page.slot[0].holder[0].tid, 77);
	page_slot_hold(&source.page.slot[0], &h);
	assert_int_equal(h.sum_ns, 10000);
	assert_int_equal(h.bucket[ps_hist_bucket(10000)], 1);
}

static void of_what_has_not_changed_only_the_head_is_read(void **state)
{
	size_t n = 0;

	(void)state;
	for (uint64_t i = 1; i <= CHUNK_SLOTS; i++)
		take(open_slot(&area[0], 64 * i, i), i);
	assert_int_equal(read_now(), 0);
	now += (int64_t)SECOND;
	assert_int_equal(read_now(), 0);
	assert_int_equal(n_parts, 2 + CHUNK_SLOTS); /* the root and the chunk */
	assert_true(n_bytes < CHUNK_SLOTS * 400);
	take(&area[0].slot[3], 99);
	assert_int_equal(read_now(), 0);
	assert_int_equal(n_parts, 2 + CHUNK_SLOTS + 2);
	for (size_t i = 0; i < source.page.n_slots; i++)
		n += source.page.slot[i].n_holders;
	assert_int_equal(n, CHUNK_SLOTS + 1);
}

static void slots_of_all_chunks_are_found(void **state)
{
	(void)state;
	take(open_slot(&area[0], 64, 1), 1);
	assert_int_equal(read_now(), 0);
	area[0].chunk.next = at(&area[1]);
	take(open_slot(&area[1], 128, 2), 2);
	take(open_slot(&area[0], 192, 3), 3); /* and a slot of one that was known before */
	assert_int_equal(read_now(), 0);
	assert_int_equal(source.page.n_chunks, 2);
	assert_int_equal(source.page.slot[1].serial, 3);
	assert_int_equal(source.page.slot[CHUNK_SLOTS].serial, 2);
	assert_int_equal(source.page.n_lies, 0);
}

static void so_many_slots_are_read_and_no_more(void **state)
{
	(void)state;
	take(open_slot(&area[0], 64, 1), 1);
	area[0].chunk.next = at(&area[1]);
	take(open_slot(&area[1], 128, 2), 2);
	source.page.slots_max = CHUNK_SLOTS;
	assert_int_equal(read_now(), 0);
	assert_int_equal(source.page.n_slots, CHUNK_SLOTS);
	assert_true(source.page.is_cut);
	assert_int_equal(source.page.n_lies, 0);
	source.page.slots_max++;
	assert_int_equal(read_now(), 0);
	assert_int_equal(source.page.n_slots, CHUNK_SLOTS);
	source.page.slots_max = 2 * CHUNK_SLOTS;
	assert_int_equal(read_now(), 0);
	assert_false(source.page.is_cut);
	assert_int_equal(source.page.slot[CHUNK_SLOTS].serial, 2);
}

static void a_table_outside_is_read_where_it_is(void **state)
{
	struct poolscope_page_slot *s = open_slot(&area[0], 4096, 1);

	(void)state;
	s->holders = at(outside) | 6;
	for (uint64_t i = 0; i < 40; i++, now += 10)
		take(s, 100 + i);
	assert_int_equal(read_now(), 0);
	assert_int_equal(source.page.slot[0].n_holders, 40);
	assert_int_equal(source.page.n_lies, 0);
	assert_int_equal(source.page.slot[0].seq, s->seq);
	s->holders = 4096 | 6; /* nothing is there */
	s->seq += 2;
	assert_int_equal(read_now(), 0);
	assert_true(source.page.has_lied);
	assert_int_equal(source.page.slot[0].n_holders, 40);
}

static struct poolscope_page_slot *moving;

static void move_table(void)
{
	if (!moving->own_holders[0].is_used)
		return;
	memcpy(outside, moving->own_holders, sizeof(moving->own_holders));
	memset(moving->own_holders, 0, sizeof(moving->own_holders));
	moving->holders = at(outside) | 6;
	moving->seq += 2;
}

static void a_table_that_moves_while_it_is_read_is_read_in_the_next_tick(void **state)
{
	(void)state;
	moving = open_slot(&area[0], 4096, 1);
	take(moving, 11);
	meddle = move_table;
	assert_int_equal(read_now(), 0);
	meddle = NULL;
	assert_int_equal(source.page.slot[0].counts.leases_begun, 1);
	assert_int_equal(read_now(), 0);
	assert_int_equal(source.page.slot[0].n_holders, 1);
	assert_int_equal(source.page.n_lies, 0);
}

static void the_oldest_holders_are_kept(void **state)
{
	struct poolscope_page_slot *s = open_slot(&area[0], 4096, 1);
	static struct poolscope_page_holder table[256] __attribute__((aligned(64)));

	(void)state;
	memset(table, 0, sizeof(table));
	s->holders = at(table) | 8;
	for (uint64_t i = 0; i < 200; i++) {
		now -= 1000; /* the last ones first */
		take(s, i);
	}
	s->since_ns = (uint64_t)now;
	now += (int64_t)SECOND;
	assert_int_equal(read_now(), 0);
	assert_int_equal(source.page.slot[0].n_holders, PAGE_HOLDERS_MAX);
	for (size_t i = 0; i < PAGE_HOLDERS_MAX; i++)
		assert_true(source.page.slot[0].holder[i].item >= 200 - PAGE_HOLDERS_MAX);
}

/* ---- torn ---------------------------------------------------------------------------------------------------------------- */

static void a_copy_that_was_written_into_is_read_again(void **state)
{
	struct poolscope_page_slot *s = open_slot(&area[0], 4096, 1);

	(void)state;
	take(s, 11);
	n_tears = 3;
	assert_int_equal(read_now(), 0);
	assert_int_equal(source.page.n_torn, 0);
	assert_int_equal(source.page.slot[0].counts.leases_begun, 1);
	assert_int_equal(source.page.slot[0].seq, s->seq);
	assert_true(source.page.slot[0].is_whole);
}

static void what_is_torn_each_time_keeps_its_numbers_and_is_counted(void **state)
{
	struct poolscope_page_slot *s = open_slot(&area[0], 4096, 1);

	(void)state;
	take(s, 11);
	assert_int_equal(read_now(), 0);
	now += 1000;
	take(s, 12);
	s->seq++; /* somebody writes, and does not come to an end */
	assert_int_equal(read_now(), 0);
	assert_int_equal(source.page.n_torn, 0);
	assert_int_equal(source.page.slot[0].n_torn, 1);
	assert_int_equal(source.page.slot[0].counts.leases_begun, 1);
	assert_true(n_parts <= 3 + 3 * PAGE_TRIES + 1);
	for (int i = 0; i < 4; i++)
		assert_int_equal(read_now(), 0);
	assert_int_equal(source.page.slot[0].n_torn, 5);
	assert_int_equal(source.page.n_torn, 1); /* once */
	s->seq++;
	assert_int_equal(read_now(), 0);
	assert_int_equal(source.page.slot[0].n_torn, 0);
	assert_int_equal(source.page.slot[0].counts.leases_begun, 2);
	assert_int_equal(source.page.n_lies, 0);
}

static void a_head_that_agrees_with_itself_is_taken_where_somebody_writes_all_the_time(void **state)
{
	struct poolscope_page_slot *s = open_slot(&area[0], 4096, 1);

	(void)state;
	take(s, 11);
	assert_int_equal(read_now(), 0);
	now += 1000;
	take(s, 12);
	n_tears = 1000;
	assert_int_equal(read_now(), 0);
	assert_int_equal(source.page.slot[0].counts.leases_begun, 2);
	now += 1000;
	take(s, 13);
	s->use_sum += (uint64_t)now; /* not yet as it will be */
	n_tears = 1000;
	assert_int_equal(read_now(), 0);
	assert_int_equal(source.page.slot[0].counts.leases_begun, 2);
	assert_int_equal(source.page.slot[0].n_torn, 1);
	s->use_sum -= (uint64_t)now;
	s->n_holders--;
	n_tears = 1000;
	assert_int_equal(read_now(), 0);
	assert_int_equal(source.page.slot[0].counts.leases_begun, 2);
	s->n_holders++;
	n_tears = 0;
	assert_int_equal(read_now(), 0);
	assert_int_equal(source.page.slot[0].counts.leases_begun, 3);
	assert_int_equal(source.page.n_lies, 0);
}

static void of_a_torn_table_old_holders_are_believed_that_were_there_before(void **state)
{
	struct poolscope_page_slot *s = open_slot(&area[0], 4096, 1);

	(void)state;
	take(s, 11);
	assert_int_equal(read_now(), 0);
	now += 10 * (int64_t)SECOND;
	take(s, 12);
	s->own_holders[2] = (struct poolscope_page_holder){ .item = 13,
							    .since_ns = s->own_holders[0].since_ns,
							    .is_used = 1 }; /* put together from two */
	n_tears = 5; /* so only the numbers are whole in the end */
	assert_int_equal(read_now(), 0);
	assert_int_equal(source.page.slot[0].counts.leases_begun, 2);
	assert_int_equal(source.page.slot[0].n_holders, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(source.page.slot[0].holder[i].is_doubtful,
				 source.page.slot[0].holder[i].item == 13);
	assert_false(source.page.slot[0].is_whole); /* the next tick reads it again */
	s->own_holders[2].is_used = 0;
	assert_int_equal(read_now(), 0);
	assert_int_equal(source.page.slot[0].seq, s->seq);
	assert_int_equal(source.page.n_lies, 0);
}

/* As where an agent comes back, or a tick was late: it was never there in a whole reading. */
static void an_old_holder_that_no_reading_found_whole_is_believed_by_the_second(void **state)
{
	struct poolscope_page_slot *s = open_slot(&area[0], 4096, 1);

	(void)state;
	take(s, 11);
	for (int i = 0; i < 2; i++) {
		now += 10 * (int64_t)SECOND;
		take(s, 12);
		give(s, 12);
		n_tears = 5;
		assert_int_equal(read_now(), 0);
		assert_int_equal(source.page.slot[0].n_holders, 1);
		assert_int_equal(source.page.slot[0].holder[0].item, 11);
		assert_int_equal(source.page.slot[0].holder[0].is_doubtful, !i);
		assert_false(source.page.slot[0].is_whole);
	}
}

static void a_slot_whose_numbers_are_off_is_waited_for(void **state)
{
	struct poolscope_page_slot *s = open_slot(&area[0], 4096, 1);

	(void)state;
	take(s, 11);
	assert_int_equal(read_now(), 0);
	s->leases_begun += 7;
	s->lost = 1;
	s->seq += 2;
	assert_int_equal(read_now(), 0);
	assert_int_equal(source.page.slot[0].n_torn, 1);
	assert_int_equal(source.page.slot[0].counts.leases_begun, 1);
	assert_int_equal(source.page.n_lies, 0);
}

/* ---- lies ---------------------------------------------------------------------------------------------------------------- */

/* One slot with a lease that was given back and one that is out; then `lie` is told. */
static struct poolscope_page_slot *told(void)
{
	struct poolscope_page_slot *s;

	reset(NULL);
	s = open_slot(&area[0], 4096, 7);
	take(s, 11);
	take(s, 12);
	now += 1000000;
	give(s, 11);
	assert_int_equal(read_now(), 0);
	assert_int_equal(source.page.n_lies, 0);
	now += 1000000;
	s->seq += 2;
	return s;
}

static void is_lie(void)
{
	assert_int_equal(read_now(), 0);
	assert_true(source.page.n_lies > 0);
	assert_true(source.page.slot[0].has_lied || source.page.has_lied);
	assert_int_equal(source.page.slot[0].counts.leases_begun, 2); /* what was there stays */
	assert_int_equal(source.page.slot[0].counts.leases_ended, 1);
}

static void numbers_that_make_no_sense_are_lies(void **state)
{
	uint64_t future = (uint64_t)now + 3600 * SECOND;

	(void)state;
	told()->leases_begun = 1;
	is_lie();
	told()->leases_begun = 1ull << 60;
	is_lie();
	told()->leases_ended = 0;
	is_lie();
	told()->leases_ended = 9;
	is_lie();
	told()->use_sum += 1000 * SECOND;
	is_lie();
	told()->use_sum -= 1000 * SECOND;
	is_lie();
	told()->acquires_new = 3;
	is_lie();
	told()->released_broken = 3;
	is_lie();
	told()->unheld = ~0ull;
	is_lie();
	told()->odd_release = 1ull << 40;
	is_lie();
	told()->before_sum_ns = 1;
	is_lie();
	told()->leases_unlisted = 3;
	is_lie();
	told()->saturated_ns = future;
	is_lie();
	told()->peak[2].in_use = 3;
	is_lie();
	told()->n_holders = 2;
	is_lie();
	told()->unlisted = 1;
	is_lie();
}

static void times_that_cannot_be_are_lies(void **state)
{
	uint64_t future = (uint64_t)now + 3600 * SECOND;

	(void)state;
	told()->since_ns = future;
	is_lie();
	told()->since_ns = 0;
	is_lie();
	told()->since_ns -= 1;
	is_lie();
	told()->closed_ns = (uint64_t)now; /* and it is open */
	is_lie();
	told()->saturated_since_ns = ~0ull;
	is_lie();
	told()->saturated_since_ns = 1;
	is_lie();
	told()->hold_max_ns = future;
	is_lie();
	told()->own_holders[1].since_ns = future;
	assert_int_equal(read_now(), 0);
	assert_true(source.page.slot[0].has_lied);
	told()->own_holders[1].since_ns = 5;
	assert_int_equal(read_now(), 0);
	assert_true(source.page.slot[0].has_lied);
	assert_int_equal(source.page.slot[0].holder[0].since_ns + 2000000, now); /* of the reading before */
}

static void histograms_count_what_has_ended(void **state)
{
	struct ps_hist h;

	(void)state;
	told()->hold[40]++;
	assert_int_equal(read_now(), 0);
	assert_true(source.page.slot[0].has_lied);
	page_slot_hold(&source.page.slot[0], &h);
	assert_int_equal(h.bucket[40], 0);
	told()->hold_sum_ns = 0;
	assert_int_equal(read_now(), 0);
	assert_true(source.page.slot[0].has_lied);
}

static void shapes_that_cannot_be_are_lies(void **state)
{
	(void)state;
	told()->version = 9;
	is_lie();
	told()->handle = 0;
	is_lie();
	told()->handle = 8192; /* another pool under the same serial */
	is_lie();
	told()->serial = 3;
	is_lie();
	told()->state = 9;
	is_lie();
	told()->holders |= 60;
	is_lie();
	told()->holders = at(outside) | 17;
	is_lie();
	told()->holders++; /* longer than its own place */
	is_lie();
}

static void what_lied_about_one_beginning_may_be_right_about_the_next(void **state)
{
	struct poolscope_page_slot *s = told();

	(void)state;
	s->leases_ended = 9;
	is_lie();
	memset(s, 0, sizeof(*s));
	area[0].chunk.n_used = 0;
	open_slot(&area[0], 8192, 8);
	area[0].chunk.n_used = 1;
	take(s, 13);
	assert_int_equal(read_now(), 0);
	assert_false(source.page.slot[0].has_lied);
	assert_int_equal(source.page.slot[0].serial, 8);
	assert_int_equal(source.page.slot[0].counts.leases_begun, 1);
	assert_int_equal(source.page.slot[0].n_holders, 1);
	assert_non_null(source.page.slot[0].hold);
}

static void heads_of_chunks_that_lie_end_the_list(void **state)
{
	(void)state;
	told();
	area[0].chunk.next = at(&area[0]); /* a ring */
	is_lie();
	told();
	area[0].chunk.next = 12345;
	is_lie();
	told();
	area[0].chunk.next = 4096; /* nothing is there */
	is_lie();
	told();
	area[0].chunk.n_used = CHUNK_SLOTS + 1;
	is_lie();
	told();
	area[0].chunk.n_slots = CHUNK_SLOTS + 1;
	is_lie();
	told();
	area[0].chunk.n_used = 0;
	is_lie();
	told();
	area[0].chunk.bytes = 1u << 31;
	is_lie();
	told();
	area[0].chunk.slot_bytes = 64;
	is_lie();
	told();
	area[0].chunk.next = at(&area[1]);
	area[1].chunk.next = at(&area[0]);
	is_lie();
	assert_int_equal(source.page.n_chunks, 2);
}

static void a_root_is_what_says_so(void **state)
{
	(void)state;
	root.magic = 5;
	assert_int_equal(read_now(), -EBADMSG);
	root.magic = POOLSCOPE_PAGE_ROOT_MAGIC;
	root.version = 9;
	assert_int_equal(read_now(), -EPROTO);
	source.page.root = 4096;
	assert_int_equal(read_now(), -EFAULT);
	assert_int_equal(source.page.n_lies, 0);
}

static void a_process_that_ends_while_it_is_read_has_not_lied(void **state)
{
	(void)state;
	told();
	pid = 0x7fffffff; /* nobody */
	assert_int_equal(read_now(), -EFAULT);
	assert_int_equal(source.page.n_lies, 0);
}

static void what_was_not_tried_is_no_lie(void **state)
{
	struct poolscope_page_slot *s = told();

	(void)state;
	area[0].chunk.next = 4096; /* where nothing is */
	take(s, 9);
	is_left_out = true;
	assert_int_equal(read_now(), 0);
	assert_int_equal(source.page.n_lies, 0);
	assert_false(source.page.has_lied);
	assert_int_equal(source.page.slot[0].counts.leases_begun, s->leases_begun); /* what was read counts */
	is_left_out = false;
	assert_int_equal(read_now(), 0);
	assert_int_equal(source.page.n_lies, 1);
}

static void a_child_finds_zeros_and_then_its_own(void **state)
{
	struct poolscope_page_slot *s = told();

	(void)state;
	memset(&area[0], 0, sizeof(area[0])); /* MADV_WIPEONFORK */
	assert_int_equal(read_now(), 0);
	assert_int_equal(source.page.n_slots, 0);
	assert_int_equal(source.page.n_lies, 0);
	root.first_chunk = at(&area[1]);
	s = open_slot(&area[1], 4096, 1);
	take(s, 5);
	assert_int_equal(read_now(), 0);
	assert_int_equal(source.page.n_lies, 0);
	assert_int_equal(source.page.slot[0].counts.leases_begun, 1);
}

static uint64_t state_of_random = 88172645463325252ull;

static uint64_t random_number(void)
{
	state_of_random ^= state_of_random << 13;
	state_of_random ^= state_of_random >> 7;
	state_of_random ^= state_of_random << 17;
	return state_of_random;
}

/* Some near what was there, some of any bits. */
static void alter(void)
{
	uint64_t *word = (uint64_t *)&area[random_number() % 8 == 0];
	size_t n = random_number() % 4 ? 10 * POOLSCOPE_PAGE_SLOT_BYTES / 8 : 64;
	uint64_t *one = &word[random_number() % n];

	switch (random_number() % 4) {
	case 0:
		*one = random_number();
		break;
	case 1:
		*one += random_number() % 16 - 8;
		break;
	case 2:
		*one ^= 1ull << random_number() % 64;
		break;
	default:
		*one = 0;
	}
}

/* PAGE_ALTERATIONS=10000000 takes some minutes. */
static void page_that_is_altered_at_random_never_counts_back(void **state)
{
	const char *wanted = getenv("PAGE_ALTERATIONS");
	struct page_slot former[2 * CHUNK_SLOTS] = { 0 };
	long n = wanted ? atol(wanted) : 20000;
	uint64_t n_lies = 0;

	(void)state;
	assert_true(n >= 20000);
	for (long i = 0; i < n; i++) {
		if (i % 100 == 0) {
			reset(NULL);
			memset(former, 0, sizeof(former));
			area[0].chunk.next = at(&area[1]);
			for (uint64_t k = 1; k < 9; k++)
				take(open_slot(&area[0], 64 * k, k), k);
		}
		now += 1000;
		alter();
		area[0].slot[random_number() % 8].seq += 2;
		assert_int_equal(read_now(), 0);
		assert_true(source.page.n_slots <= 2 * CHUNK_SLOTS);
		for (size_t s = 0; s < source.page.n_slots; s++) {
			const struct page_slot *x = &source.page.slot[s];

			if (x->read_ns && x->serial == former[s].serial)
				assert_true(page_counts_follow(&former[s].counts, former[s].read_ns,
							       &x->counts, x->read_ns));
			if (x->read_ns)
				assert_true(page_counts_fit(&x->counts, x->read_ns));
			former[s] = *x;
		}
		n_lies += source.page.n_lies > 0;
	}
	assert_true(n_lies > 1000);
}

/* ---- memory -------------------------------------------------------------------------------------------------------------- */

static void parts_that_cannot_be_read_are_passed_over(void **state)
{
	uint32_t from[3] = { 1, 2, 3 }, into[5] = { 0 };
	struct page_part part[5] = { { 4096, &into[0], 4, true },
				     { at(&from[0]), &into[1], 4, false },
				     { ~0ull - 2, &into[2], 4, true },
				     { at(&from[1]), &into[3], 4, false },
				     { at(&from[2]), &into[4], 4, false } };

	(void)state;
	page_process_read(&pid, part, 5);
	assert_false(part[0].is_read);
	assert_false(part[2].is_read);
	assert_true(part[1].is_read && part[3].is_read && part[4].is_read);
	assert_int_equal(into[4], 3);
}

/* ---- into the books ------------------------------------------------------------------------------------------------------ */

static struct page_counts counts_of_two(void)
{
	struct poolscope_page_slot *s = told();

	s->released_broken = 1;
	assert_int_equal(read_now(), 0);
	assert_int_equal(source.page.n_lies, 0);
	return source.page.slot[0].counts;
}

static void counts_are_added_to_the_books(void **state)
{
	struct ps_pool b = { .waits_begun = 3, .wait_begins = 3, .opened = 2 };
	struct page_counts c = counts_of_two();

	(void)state;
	c.unheld = 4;
	c.odd_acquire = 1;
	c.before_releases = 2;
	paged_add(&b, &c);
	assert_true(ps_books_are_whole(&b));
	assert_int_equal(ps_in_use(&b), 1);
	assert_int_equal(b.acquires, 2 + 1 + 4);
	assert_int_equal(b.releases, 1 + 2 + 4);
	assert_int_equal(b.released_broken, 1);
	assert_int_equal((uint64_t)ps_in_use(&b) * (uint64_t)now + b.use_sum, 3000000);
}

static void what_was_out_when_it_was_closed_ended_then(void **state)
{
	struct page_counts c = counts_of_two();
	struct ps_pool b = { 0 };

	(void)state;
	c.saturated_since_ns = (uint64_t)now - 500;
	c.closed_ns = (uint64_t)now;
	now += 100 * (int64_t)SECOND;
	paged_add(&b, &c);
	assert_true(ps_books_are_whole(&b));
	assert_int_equal(ps_in_use(&b), 0);
	assert_int_equal(b.leases_voided, 1);
	assert_int_equal(b.releases, 1);
	assert_int_equal(b.use_sum, 3000000);
	assert_int_equal(b.saturated_ns, 500);
}

static void a_closed_slot_has_no_holders(void **state)
{
	struct poolscope_page_slot *s = told();

	(void)state;
	close_slot(s);
	memset(s->own_holders, 0xff, sizeof(s->own_holders)); /* its tables are gone */
	assert_int_equal(read_now(), 0);
	assert_int_equal(source.page.n_lies, 0);
	assert_int_equal(source.page.slot[0].n_holders, 0);
	assert_int_equal(source.page.slot[0].counts.closed_ns, now);
	now += 1000;
	take(s, 14); /* a closed one says no more */
	assert_int_equal(read_now(), 0);
}

static void the_peak_is_that_of_the_intervals_since_then(void **state)
{
	struct page_counts c = { .leases_begun = 9, .leases_ended = 7 };
	int64_t interval = 1ll << POOLSCOPE_PAGE_PEAK_SHIFT;

	(void)state;
	c.peak[0] = (struct poolscope_page_peak){ 100, 8 };
	c.peak[1] = (struct poolscope_page_peak){ 101, 5 };
	c.peak[2] = (struct poolscope_page_peak){ 98, 9 };
	assert_int_equal(paged_peak(&c, 101 * interval, 101 * interval + 5), 5);
	assert_int_equal(paged_peak(&c, 100 * interval + 5, 101 * interval), 8);
	assert_int_equal(paged_peak(&c, 102 * interval, 102 * interval), 2); /* what is out now */
	assert_int_equal(paged_peak(&c, 0, 101 * interval), 9);
}

/* ---- from tick to tick --------------------------------------------------------------------------------------------------- */

static struct paged_pools pools;
static struct ps_handle handle; /* of the pool */
static struct ps_page_found last_found;
static unsigned int n_told;
static uint32_t author_in_use, author_open;

static struct ps_pool_key key_of(const void *pool)
{
	return (struct ps_pool_key){ .pool = at(pool),
				     .proc = { .tgid = (uint32_t)getpid(), .incarnation = 1 } };
}

static int reset_pools(void **state)
{
	paged_pools_done(&pools);
	source.met_ns = 0;
	n_told = 0;
	handle = (struct ps_handle){ .magic = PS_HANDLE_MAGIC,
				     .version = 1,
				     .kind = PS_KIND_connection,
				     .capacity = 7,
				     .name = "db" };
	return reset(state);
}

static int leave_pools(void **state)
{
	paged_pools_done(&pools);
	threads_of_done(&source.threads);
	return leave(state);
}

static void on_told(void *context, const struct ps_page_found *found)
{
	(void)context;
	last_found = *found;
	n_told++;
}

static void tick(void)
{
	struct ps_pool_key key = key_of(&handle);

	now += (int64_t)SECOND;
	source.is_read = !read_now();
	if (!source.met_ns)
		source.met_ns = now;
	paged_pools_begin(&pools, now);
	if (source.is_read)
		paged_pools_take(&pools, &source, &key.proc);
	paged_pools_tell(&pools, on_told, NULL);
}

static enum paged_answer merge(uint32_t flags, struct ps_pool *ret, struct pool_extra *extra)
{
	struct ps_pool_key key = key_of(&handle);
	enum paged_answer answer;

	*extra = (struct pool_extra)POOL_EXTRA_UNKNOWN;
	*ret = (struct ps_pool){ .flags = PS_POOL_PAGED | flags, .since_ns = 5 };
	answer = paged_pools_merge(&pools, &key, ret, extra);
	if (answer == PAGED_MERGED)
		assert_true(ps_books_are_whole(ret));
	return answer;
}

static struct ps_hists holds(void)
{
	struct ps_pool_key key = key_of(&handle);
	struct ps_hists h = { 0 };

	paged_pools_merge_holds(&pools, &key, &h);
	return h;
}

static void beginnings_of_a_pool_add_up(void **state)
{
	struct poolscope_page_slot *s = open_slot(&area[0], at(&handle), 1);
	struct ps_pool_key key = key_of(&handle);
	struct pool_extra extra;
	struct ps_pool b;
	uint64_t use;

	(void)state;
	take(s, 11);
	take(s, 12);
	now += 1000;
	give(s, 11);
	tick();
	assert_int_equal(merge(0, &b, &extra), PAGED_MERGED);
	assert_int_equal(b.acquires, 2);
	assert_int_equal(ps_in_use(&b), 1);
	close_slot(s);
	use = (uint64_t)now - s->since_ns + 1000;
	now += 500;
	s = open_slot(&area[0], at(&handle), 2);
	take(s, 13);
	now += 2000;
	give(s, 13);
	take(s, 14);
	tick();
	assert_int_equal(merge(0, &b, &extra), PAGED_MERGED);
	assert_int_equal(b.acquires, 4);
	assert_int_equal(b.releases, 2);
	assert_int_equal(b.leases_voided, 1); /* 12 was out when the first one was closed */
	assert_int_equal(ps_in_use(&b), 1);
	assert_int_equal((uint64_t)ps_in_use(&b) * (uint64_t)now + b.use_sum, use + 2000 + SECOND);
	assert_true(paged_pools_has_new_holds(&pools, &key));
	assert_int_equal(holds().h[PS_HIST_HOLD].sum_ns, 3000);
	assert_false(paged_pools_has_new_holds(&pools, &key));
	assert_int_equal(holds().h[PS_HIST_HOLD].bucket[ps_hist_bucket(1000)], 1);
	tick();
	assert_int_equal(merge(0, &b, &extra), PAGED_MERGED);
	assert_int_equal(b.acquires, 4); /* once */
}

static void what_a_pool_counted_stays_when_it_is_made_anew(void **state)
{
	struct poolscope_page_slot *s = open_slot(&area[0], at(&handle), 1);
	struct ps_pool_key key = key_of(&handle);
	struct pool_extra extra;
	struct ps_pool b;
	uint32_t seq;

	(void)state;
	take(s, 11);
	tick();
	merge(0, &b, &extra);
	assert_true(paged_pools_counts(&pools, &key));
	close_slot(s);
	for (int i = 0; i < 3; i++) {
		tick();
		assert_true(paged_pools_has(&pools, &key));
		assert_false(paged_pools_counts(&pools, &key));
		merge(0, &b, &extra);
		assert_int_equal(b.acquires, 1);
		assert_int_equal(ps_in_use(&b), 0);
		assert_int_equal(n_told, 1);
	}
	seq = s->seq;
	memset(s, 0, sizeof(*s));
	area[0].chunk.n_used = 0;
	open_slot(&area[0], 4096, 7)->seq = seq + 2; /* it is used again, by another pool */
	tick();
	assert_int_equal(merge(0, &b, &extra), PAGED_MERGED);
	assert_int_equal(b.acquires, 1);
	s = open_slot(&area[0], at(&handle), 8);
	take(s, 12);
	tick();
	merge(0, &b, &extra);
	assert_int_equal(b.acquires, 2);
	assert_int_equal(ps_in_use(&b), 1);
}

static void a_slot_that_counted_nothing_is_no_beginning(void **state)
{
	struct poolscope_page_slot *s = open_slot(&area[0], at(&handle), 1), *late;
	struct pool_extra extra;
	struct ps_pool b;

	(void)state;
	late = open_slot(&area[0], at(&handle), 2); /* of another thread, that came too late */
	close_slot(late);
	take(s, 11);
	tick();
	merge(0, &b, &extra);
	take(s, 12);
	tick();
	assert_int_equal(merge(0, &b, &extra), PAGED_MERGED);
	assert_int_equal(ps_in_use(&b), 2);
	assert_int_equal(b.leases_voided, 0);
}

static void what_ended_before_we_came_is_not_told(void **state)
{
	struct poolscope_page_slot *s = open_slot(&area[0], at(&handle), 1);
	struct pool_extra extra;
	struct ps_pool b;

	(void)state;
	take(s, 11);
	close_slot(s);
	tick();
	assert_int_equal(merge(0, &b, &extra), PAGED_UNREAD);
	s = open_slot(&area[0], at(&handle), 2);
	take(s, 12);
	tick();
	assert_int_equal(merge(0, &b, &extra), PAGED_MERGED);
	assert_int_equal(b.acquires, 1);
}

static void what_came_and_went_between_two_ticks_is(void **state)
{
	struct poolscope_page_slot *s;
	struct pool_extra extra;
	struct ps_pool b;

	(void)state;
	tick();
	s = open_slot(&area[0], at(&handle), 1);
	take(s, 11);
	now += 10;
	give(s, 11);
	close_slot(s);
	tick();
	assert_int_equal(merge(PS_POOL_DESTROYED, &b, &extra), PAGED_MERGED);
	assert_int_equal(b.acquires, 1);
	assert_int_equal(b.releases, 1);
	assert_int_equal(n_told, 0); /* it has ended */
}

static void a_pool_that_the_kernel_side_has_forgotten_begins_at_nothing(void **state)
{
	struct poolscope_page_slot *s = open_slot(&area[0], at(&handle), 1);
	struct ps_pool_key key = key_of(&handle);
	struct pool_extra extra;
	struct ps_pool b;

	(void)state;
	take(s, 11);
	tick();
	merge(0, &b, &extra);
	close_slot(s);
	tick();
	merge(PS_POOL_DESTROYED, &b, &extra);
	tick(); /* it was forgotten in the meantime, and is not asked for */
	tick();
	assert_false(paged_pools_has(&pools, &key));
	s = open_slot(&area[0], at(&handle), 2); /* another pool at the same place */
	take(s, 12);
	tick();
	assert_int_equal(merge(0, &b, &extra), PAGED_MERGED);
	assert_int_equal(b.acquires, 1);
}

static void the_kernel_side_is_told_of_a_pool_that_it_has_not(void **state)
{
	struct poolscope_page_slot *s = open_slot(&area[0], at(&handle), 1);
	struct pool_extra extra;
	struct ps_pool b;

	(void)state;
	take(s, 11);
	tick();
	assert_int_equal(n_told, 1);
	assert_int_equal(last_found.pool.pool, at(&handle));
	assert_true(last_found.is_described);
	assert_int_equal(last_found.capacity, 7);
	assert_string_equal(last_found.name, "db");
	tick(); /* it had no room */
	assert_int_equal(n_told, 1);
	for (int i = 0; i < 16; i++)
		tick();
	assert_int_equal(n_told, 2);
	merge(0, &b, &extra);
	for (int i = 0; i < 40; i++) {
		tick();
		merge(0, &b, &extra);
	}
	assert_int_equal(n_told, 2);
	handle.magic = 0;
	merge(0, &b, &extra);
}

static void two_roots_that_claim_one_pool_do_not_add_up(void **state)
{
	static struct poolscope_page_root other_root;
	struct paged_source other = { .page = { .root = at(&other_root), .slots_max = 1000 } },
			    first;
	struct poolscope_page_slot *s = open_slot(&area[0], at(&handle), 1);
	struct pool_extra extra;
	struct ps_pool b;

	(void)state;
	take(s, 11);
	other_root = root;
	other_root.first_chunk = at(&area[1]);
	take(open_slot(&area[1], at(&handle), 9), 12);
	for (int i = 0; i < 5; i++) {
		struct ps_pool_key key = key_of(&handle);

		tick();
		first = source;
		source = other;
		source.is_read = !read_now();
		other = source;
		source = first;
		paged_pools_take(&pools, &other, &key.proc);
		assert_int_equal(merge(0, &b, &extra), PAGED_MERGED);
		assert_int_equal(b.acquires, 1);
	}
	paged_pools_leave(&pools, &other);
	page_done(&other.page);
}

static void what_was_out_before_is_learned_from_the_author_s_count(void **state)
{
	struct poolscope_page_slot *s = open_slot(&area[0], at(&handle), 1);
	struct pool_extra extra;
	struct ps_pool b;

	(void)state;
	author_in_use = 3;
	author_open = 6;
	handle.in_use_at = at(&author_in_use);
	handle.open_at = at(&author_open);
	s->before_most = 7;
	take(s, 11);
	tick();
	merge(PS_POOL_IMPLICIT, &b, &extra);
	assert_int_equal(extra.counted_in_use, UNKNOWN); /* one reading is none */
	assert_int_equal(extra.counted_open, 6);
	tick();
	merge(PS_POOL_IMPLICIT, &b, &extra);
	assert_int_equal(extra.counted_in_use, 3);
	assert_int_equal(b.since_ns, s->since_ns);
	s->before_releases = 1; /* one of those comes back */
	s->before_sum_ns = 5;
	s->before_most = 6;
	s->seq += 2;
	tick();
	merge(PS_POOL_IMPLICIT, &b, &extra);
	assert_int_equal(extra.counted_in_use, 2);
}

static void a_fresh_pool_has_nothing_from_before(void **state)
{
	struct poolscope_page_slot *s = open_slot(&area[0], at(&handle), 1);
	struct pool_extra extra;
	struct ps_pool b;

	(void)state;
	take(s, 11);
	tick();
	merge(PS_POOL_IMPLICIT, &b, &extra);
	assert_int_equal(extra.counted_in_use, 1);
}

static void an_acquire_whose_wait_is_just_being_told_is_none_without_a_wait(void **state)
{
	struct poolscope_page_slot *s = open_slot(&area[0], at(&handle), 1);
	struct pool_extra extra = POOL_EXTRA_UNKNOWN;
	struct ps_pool b = { .flags = PS_POOL_PAGED, .wait_begins = 3, .waits_begun = 3 };
	struct ps_pool_key key = key_of(&handle);

	(void)state;
	take(s, 11);
	s->n_waiting = 2;
	s->seq += 2;
	tick();
	assert_int_equal(paged_pools_merge(&pools, &key, &b, &extra), PAGED_MERGED);
	assert_int_equal(b.acquires, 1);
	assert_int_equal(b.wait_ends, 1);
	assert_int_equal(ps_waiting(&b), 3);
	holds();
	tick();
	b = (struct ps_pool){
		.wait_begins = 3, .waits_begun = 3, .wait_ends = 1, .waits_ended = 1
	};
	paged_pools_merge(&pools, &key, &b, &extra);
	assert_int_equal(b.wait_ends, 1);
	assert_true(paged_pools_has_new_holds(&pools, &key)); /* that wait is in them now */
}

static void a_lie_is_said_of_the_pool(void **state)
{
	struct poolscope_page_slot *s = open_slot(&area[0], at(&handle), 1);
	struct pool_extra extra;
	struct ps_pool b;

	(void)state;
	take(s, 11);
	tick();
	merge(0, &b, &extra);
	assert_false(b.flags & PS_POOL_PAGE_LIES);
	s->leases_ended = 9;
	s->seq += 2;
	tick();
	assert_int_equal(merge(0, &b, &extra), PAGED_MERGED);
	assert_true(b.flags & PS_POOL_PAGE_LIES);
	assert_int_equal(b.acquires, 1);
	s->leases_ended = 0;
	s->seq += 2;
	tick();
	merge(0, &b, &extra);
	assert_true(b.flags & PS_POOL_PAGE_LIES); /* for as long as it counts on */
}

static void what_is_torn_stays_as_it_was(void **state)
{
	struct poolscope_page_slot *s = open_slot(&area[0], at(&handle), 1);
	struct pool_extra extra;
	struct ps_pool b;

	(void)state;
	take(s, 11);
	tick();
	merge(0, &b, &extra);
	s->seq++;
	tick();
	assert_int_equal(merge(0, &b, &extra), PAGED_MERGED); /* a moment later it may be over */
	tick();
	tick();
	assert_int_equal(merge(0, &b, &extra), PAGED_AS_BEFORE);
	s->seq++;
	tick();
	assert_int_equal(merge(0, &b, &extra), PAGED_MERGED);
}

static void holders_are_leases_to_the_model(void **state)
{
	struct poolscope_page_slot *s = open_slot(&area[0], at(&handle), 1);
	struct ps_pool_key key = key_of(&handle);
	struct process_info info = { .key = key.proc, .name = "x" };
	struct model *m = model_new();
	struct arena *arena = arena_new();
	struct snapshot *shot = arena_alloc(arena, 1, sizeof(*shot));
	struct pool_extra extra;
	struct ps_pool b;

	(void)state;
	take(s, 11);
	now += 3 * (int64_t)SECOND;
	take(s, 12);
	tick();
	model_tick_begin(m, now);
	model_feed_process(m, &info);
	merge(0, &b, &extra);
	model_feed_pool(m, &key, &b, &extra, now);
	paged_pools_feed_leases(&pools, m);
	model_tick_end(m);
	shot->n_refs = 1;
	shot->arena = arena;
	assert_int_equal(model_snapshot(m, shot, NULL, NULL), 0);
	assert_int_equal(shot->pools[0].n_holders, 2);
	assert_int_equal(shot->pools[0].holders[0].id, 11); /* the oldest first */
	assert_int_equal(shot->pools[0].holders[0].tid, 77);
	assert_int_equal(shot->pools[0].holders[0].taker, 5);
	assert_int_equal(shot->pools[0].oldest_hold_ns, 4 * SECOND);
	snapshot_unref(shot);
	model_free(m);
}

static void threads_have_two_numbers_in_a_container(void **state)
{
	struct thread_numbers n = { 0 };

	(void)state;
	assert_true(threads_of_parse("Name:\tx\nPid:\t900\nNSpid:\t900\t17\nVmPeak:\n", &n));
	assert_int_equal(n.outside, 900);
	assert_int_equal(n.inside, 17);
	assert_true(threads_of_parse("Name:\tx\nNSpid:\t900\n", &n));
	assert_int_equal(n.inside, 900);
	assert_false(threads_of_parse("Name:\tNSpid:\n", &n));
	assert_false(threads_of_parse("\nNSpid:\tnone\n", &n));
}

static void a_thread_of_ours_is_found_by_its_number(void **state)
{
	struct threads_of t = { 0 };
	uint32_t tid = (uint32_t)gettid();

	(void)state;
	assert_int_equal(threads_of_find(&t, (uint32_t)getpid(), tid, 5), tid);
	assert_int_equal(threads_of_find(&t, (uint32_t)getpid(), 0x7ffffff, 6), 0);
	threads_of_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_slot_is_read_as_it_was_written, reset, leave),
		cmocka_unit_test_setup_teardown(of_what_has_not_changed_only_the_head_is_read,
						reset, leave),
		cmocka_unit_test_setup_teardown(slots_of_all_chunks_are_found, reset, leave),
		cmocka_unit_test_setup_teardown(so_many_slots_are_read_and_no_more, reset, leave),
		cmocka_unit_test_setup_teardown(a_table_outside_is_read_where_it_is, reset, leave),
		cmocka_unit_test_setup_teardown(
			a_table_that_moves_while_it_is_read_is_read_in_the_next_tick, reset, leave),
		cmocka_unit_test_setup_teardown(the_oldest_holders_are_kept, reset, leave),
		cmocka_unit_test_setup_teardown(a_copy_that_was_written_into_is_read_again, reset,
						leave),
		cmocka_unit_test_setup_teardown(
			what_is_torn_each_time_keeps_its_numbers_and_is_counted, reset, leave),
		cmocka_unit_test_setup_teardown(
			a_head_that_agrees_with_itself_is_taken_where_somebody_writes_all_the_time,
			reset, leave),
		cmocka_unit_test_setup_teardown(
			of_a_torn_table_old_holders_are_believed_that_were_there_before, reset,
			leave),
		cmocka_unit_test_setup_teardown(
			an_old_holder_that_no_reading_found_whole_is_believed_by_the_second, reset,
			leave),
		cmocka_unit_test_setup_teardown(a_slot_whose_numbers_are_off_is_waited_for, reset,
						leave),
		cmocka_unit_test_setup_teardown(numbers_that_make_no_sense_are_lies, reset, leave),
		cmocka_unit_test_setup_teardown(times_that_cannot_be_are_lies, reset, leave),
		cmocka_unit_test_setup_teardown(histograms_count_what_has_ended, reset, leave),
		cmocka_unit_test_setup_teardown(shapes_that_cannot_be_are_lies, reset, leave),
		cmocka_unit_test_setup_teardown(
			what_lied_about_one_beginning_may_be_right_about_the_next, reset, leave),
		cmocka_unit_test_setup_teardown(heads_of_chunks_that_lie_end_the_list, reset,
						leave),
		cmocka_unit_test_setup_teardown(a_root_is_what_says_so, reset, leave),
		cmocka_unit_test_setup_teardown(a_process_that_ends_while_it_is_read_has_not_lied,
						reset, leave),
		cmocka_unit_test_setup_teardown(what_was_not_tried_is_no_lie, reset, leave),
		cmocka_unit_test_setup_teardown(a_child_finds_zeros_and_then_its_own, reset, leave),
		cmocka_unit_test_setup_teardown(page_that_is_altered_at_random_never_counts_back,
						reset, leave),
		cmocka_unit_test_setup_teardown(parts_that_cannot_be_read_are_passed_over, reset,
						leave),
		cmocka_unit_test_setup_teardown(counts_are_added_to_the_books, reset, leave),
		cmocka_unit_test_setup_teardown(what_was_out_when_it_was_closed_ended_then, reset,
						leave),
		cmocka_unit_test_setup_teardown(a_closed_slot_has_no_holders, reset, leave),
		cmocka_unit_test_setup_teardown(beginnings_of_a_pool_add_up, reset_pools,
						leave_pools),
		cmocka_unit_test_setup_teardown(what_a_pool_counted_stays_when_it_is_made_anew,
						reset_pools, leave_pools),
		cmocka_unit_test_setup_teardown(a_slot_that_counted_nothing_is_no_beginning,
						reset_pools, leave_pools),
		cmocka_unit_test_setup_teardown(what_ended_before_we_came_is_not_told, reset_pools,
						leave_pools),
		cmocka_unit_test_setup_teardown(what_came_and_went_between_two_ticks_is,
						reset_pools, leave_pools),
		cmocka_unit_test_setup_teardown(
			a_pool_that_the_kernel_side_has_forgotten_begins_at_nothing, reset_pools,
			leave_pools),
		cmocka_unit_test_setup_teardown(the_kernel_side_is_told_of_a_pool_that_it_has_not,
						reset_pools, leave_pools),
		cmocka_unit_test_setup_teardown(two_roots_that_claim_one_pool_do_not_add_up,
						reset_pools, leave_pools),
		cmocka_unit_test_setup_teardown(
			what_was_out_before_is_learned_from_the_author_s_count, reset_pools,
			leave_pools),
		cmocka_unit_test_setup_teardown(a_fresh_pool_has_nothing_from_before, reset_pools,
						leave_pools),
		cmocka_unit_test_setup_teardown(
			an_acquire_whose_wait_is_just_being_told_is_none_without_a_wait,
			reset_pools, leave_pools),
		cmocka_unit_test_setup_teardown(a_lie_is_said_of_the_pool, reset_pools,
						leave_pools),
		cmocka_unit_test_setup_teardown(what_is_torn_stays_as_it_was, reset_pools,
						leave_pools),
		cmocka_unit_test_setup_teardown(holders_are_leases_to_the_model, reset_pools,
						leave_pools),
		cmocka_unit_test(the_peak_is_that_of_the_intervals_since_then),
		cmocka_unit_test(threads_have_two_numbers_in_a_container),
		cmocka_unit_test(a_thread_of_ours_is_found_by_its_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
