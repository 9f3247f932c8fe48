/* SPDX-License-Identifier: MIT */
/*
 * recorder_test.c - how much memory the recorder leaves for blocks, and when it rests; what it does with them is in record_test.c. The surprise: it includes recorder.c
 * itself, for what the last tick takes is told to it by the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "model/model.h"
#include "record/tick.h"

static size_t n_known;

static size_t told_bytes(const struct tick_writer *unused)
{
	(void)unused;
	return n_known;
}

#define tick_writer_bytes told_bytes
#include "record/recorder.c"
#undef tick_writer_bytes

static size_t room_of(size_t keep_bytes, size_t known)
{
	const struct recorder r = { .limits.keep_bytes = keep_bytes };

	n_known = known;
	return room(&r);
}

static void what_the_last_tick_takes_is_not_there_for_blocks(void **state)
{
	(void)state;
	assert_int_equal(room_of(1000, 0), 1000);
	assert_int_equal(room_of(1000, 101), 899);
	assert_int_equal(room_of(1000, 499), 501);
	assert_int_equal(room_of((size_t)8 << 30, (size_t)1 << 30), (size_t)7 << 30);
}

static void but_a_half_is_there_whatever_the_tick_takes(void **state)
{
	(void)state;
	assert_int_equal(room_of(1000, 500), 500);
	assert_int_equal(room_of(1000, 501), 500);
	assert_int_equal(room_of(1000, 1000), 500);
	assert_int_equal(room_of(1000, SIZE_MAX), 500);
}

static void of_next_to_nothing_it_is_never_more_than_that(void **state)
{
	(void)state;
	assert_int_equal(room_of(0, 0), 0);
	assert_int_equal(room_of(0, 23), 0);
	assert_int_equal(room_of(1, 0), 0);
	for (size_t most = 0; most < 50; most++) {
		for (size_t known = 0; known < 101; known++) {
			assert_true(room_of(most, known) <= most);
			assert_true(room_of(most, known) >= most / 2);
		}
	}
}

static void fill(struct recorder *r, size_t n_blocks, size_t bytes, size_t key_each)
{
	for (size_t i = 0; i < n_blocks; i++) {
		r->now_ns++;
		r->is_key = i % key_each == 0;
		assert_int_equal(keep(r, calloc(1, bytes), bytes, r->next_seq++), 0);
		forget_old(r);
	}
}

/* Runs of five blocks: those that are over the room go as a whole, so what is kept is the room and less than a run. */
static void blocks_give_way_to_what_the_tick_takes(void **state)
{
	struct recorder r = { .limits = { .keep_ns = 1000000, .keep_bytes = 10000 },
			      .next_seq = 1 };

	(void)state;
	n_known = 0;
	fill(&r, 200, 100, 5);
	assert_true(r.bytes > 9000 && r.bytes <= 10500);
	n_known = 4000;
	fill(&r, 10, 100, 5);
	assert_true(r.bytes > 5000 && r.bytes <= 6500);
	n_known = 1000000;
	fill(&r, 10, 100, 5);
	assert_true(r.bytes > 4000 && r.bytes <= 5500);
	assert_true(r.first->is_key);
	while (r.first)
		drop_first(&r);
	assert_int_equal(r.bytes, 0);
}

#define S 1000000000ll

/* A tick of one record, and whether it is kept. */
static bool run_tick(struct recorder *r, int64_t t_ns)
{
	tap_begin(r, t_ns);
	recorder_put(r, RECORD_moment, NULL, &(struct record_moment){ .seq = 1 }, NULL, 0);
	recorder_tick_end(r, t_ns);
	recorder_settle(r);
	return r->last && r->last->t_ns == t_ns;
}

/* What is too much may be less later. */
static void where_it_is_too_much_it_rests_for_ten_minutes(void **state)
{
	const struct recorder_limits limits = { .keep_ns = 3600 * S, .keep_bytes = 10000 };
	struct model *m = model_new();
	struct recorder *r;

	(void)state;
	assert_int_equal(recorder_new(m, &limits, &r), 0);
	n_known = 5000;
	assert_true(run_tick(r, 1 * S));
	n_known = 5001;
	assert_false(run_tick(r, 2 * S));
	assert_true(recorder_report(r).rests);
	assert_int_equal(recorder_report(r).bytes, 0); /* the one before went, too */
	n_known = 1;
	assert_false(run_tick(r, 601 * S));
	assert_true(run_tick(r, 602 * S));
	assert_true(r->last->is_key);
	assert_true(run_tick(r, 603 * S));
	assert_false(recorder_report(r).rests);
	n_known = 5001;
	r->read_ns = 603 * S; /* somebody reads: he is told whatever it takes */
	assert_true(run_tick(r, 604 * S));
	assert_false(recorder_report(r).rests);
	assert_false(run_tick(r, 613 * S));
	assert_true(recorder_report(r).rests);
	recorder_free(r);
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_last_tick_takes_is_not_there_for_blocks),
		cmocka_unit_test(but_a_half_is_there_whatever_the_tick_takes),
		cmocka_unit_test(of_next_to_nothing_it_is_never_more_than_that),
		cmocka_unit_test(blocks_give_way_to_what_the_tick_takes),
		cmocka_unit_test(where_it_is_too_much_it_rests_for_ten_minutes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
