/* SPDX-License-Identifier: MIT */
/*
 * loops_test.c - the rules of bpf/loops.h, natively and under ASan: a proxy's thread as a script of what it reads and sends.
 *
 * Clients are C and D, connections to the server S and T; their numbers are those of their sockets. after() takes time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "bpf_shim.h"

/* knobs and maps that the rules do not use */
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wunused-function"
#include "bpf/loops.h"

#define US 1000ull
#define MS 1000000ull

enum { C = 1, D, S, T, N };

static struct ps_mark mark[N];
static struct ps_wire wire;
static struct ps_turn turn;

static int begin(void **state)
{
	(void)state;
	memset(mark, 0, sizeof(mark));
	memset(&wire, 0, sizeof(wire));
	memset(&turn, 0, sizeof(turn));
	wire.open = 2;
	shim_now_ns = 1000 * MS;
	return 0;
}

/* ---- steps: each what the hook of that name does ------------------------------------------------------------------------- */

static void after(uint64_t ns)
{
	shim_now_ns += ns;
}

static void reads(uint64_t id)
{
	if (id >= S)
		ps_loop_is_answered(&wire, &mark[id], &turn, id, shim_now_ns);
	else
		ps_client_asks(&mark[id], &turn, id, shim_now_ns);
}

static void sends(uint64_t id)
{
	if (id >= S) {
		ps_loop_asks(&wire, &mark[id], &turn, id,
			     turn.client_ns ? turn.client_ns : shim_now_ns);
		return;
	}
	if (ps_client_is_answered(&mark[id], &turn))
		ps_client_waited(&wire, &mark[id], &turn);
	ps_client_rests(&mark[id], &turn, id);
}

/* The client's request is passed on at once, and so is the answer. */
static void serves(uint64_t client, uint64_t server, uint64_t ns)
{
	reads(client);
	sends(server);
	after(ns);
	reads(server);
	sends(client);
}

static uint64_t n_waits(void)
{
	uint64_t n = 0;

	for (size_t i = 0; i < PS_HIST_BUCKETS; i++)
		n += wire.wait.bucket[i];
	return n;
}

/* ---- tests --------------------------------------------------------------------------------------------------------------- */

static void a_client_waits_from_its_request_to_the_servers(void **state)
{
	(void)state;
	reads(C);
	sends(S);
	after(3 * MS);
	reads(D);
	after(7 * MS);
	reads(S);
	sends(C);
	after(20 * US);
	sends(S); /* what D asked for */
	after(5 * MS);
	reads(S);
	sends(D);
	assert_int_equal(wire.passed, 2);
	assert_int_equal(wire.passed_waits, 1);
	assert_int_equal(wire.passed_long, 1);
	assert_int_equal(wire.wait.sum_ns, 7 * MS + 20 * US);
	assert_int_equal(n_waits(), 2); /* the first one of nothing */
	assert_int_equal(wire.saturated_ns, 7 * MS + 20 * US);
	assert_int_equal(wire.open_full, 2);
	assert_int_equal(wire.busy, 0);
}

static void the_connection_was_free_so_nobody_waited(void **state)
{
	(void)state;
	serves(C, S, 5 * MS);
	after(MS);
	reads(D);
	after(300 * US); /* the loop's own time */
	turn.client_ns = 0;
	sends(S);
	after(5 * MS);
	reads(S);
	sends(D);
	assert_int_equal(wire.passed, 2);
	assert_int_equal(wire.passed_waits, 0);
	assert_int_equal(wire.passed_doubt, 0);
	assert_int_equal(wire.wait.sum_ns, 0);
	assert_int_equal(n_waits(), 2);
}

static void a_long_time_with_a_free_connection_is_a_doubt(void **state)
{
	(void)state;
	serves(C, S, 5 * MS);
	reads(D);
	turn.client_ns = 0; /* something else */
	after(50 * MS); /* a timer */
	sends(S);
	after(5 * MS);
	reads(S);
	sends(D);
	assert_int_equal(wire.passed_doubt, 1);
	assert_int_equal(wire.wait.sum_ns, 0);
}

static void who_goes_on_with_its_connection_has_not_taken_it_again(void **state)
{
	(void)state;
	serves(C, S, MS);
	after(10 * MS);
	serves(C, S, MS);
	after(10 * MS);
	serves(C, S, MS);
	assert_int_equal(wire.passed, 3);
	assert_int_equal(n_waits(), 1);
}

static void an_answer_that_goes_to_no_client_is_not_passed(void **state)
{
	(void)state;
	sends(S); /* it logs in */
	after(MS);
	reads(S);
	sends(T);
	after(MS);
	reads(T);
	reads(C);
	sends(D); /* who has not asked */
	assert_int_equal(wire.answered, 2);
	assert_int_equal(wire.passed, 0);
	assert_int_equal(n_waits(), 0);
}

static void an_answer_older_than_the_question_is_none(void **state)
{
	(void)state;
	sends(S);
	after(MS);
	mark[C].asked_ns = shim_now_ns; /* it has asked since */
	after(MS);
	reads(S);
	sends(C);
	assert_int_equal(wire.passed, 0);
	assert_int_equal(mark[C].asked_ns, 0);
}

static void the_rest_of_an_answer_is_no_second_one(void **state)
{
	(void)state;
	reads(C);
	sends(S);
	after(MS);
	reads(S);
	sends(C);
	reads(S);
	sends(C);
	assert_int_equal(wire.answered, 1);
	assert_int_equal(wire.passed, 1);
	assert_int_equal(wire.busy, 0);
}

static void a_second_question_for_the_same_client_says_nothing_of_its_wait(void **state)
{
	(void)state;
	reads(C);
	sends(S);
	after(30 * MS);
	reads(S);
	sends(S); /* it goes on asking */
	after(MS);
	reads(S);
	sends(C);
	assert_int_equal(wire.passed, 1);
	assert_int_equal(wire.passed_waits, 0);
	assert_int_equal(n_waits(), 0);
}

static void a_request_in_two_pieces_is_as_old_as_the_first(void **state)
{
	(void)state;
	serves(D, S, MS);
	reads(D);
	sends(S);
	after(MS);
	reads(C);
	after(MS);
	reads(C);
	after(MS);
	reads(S);
	sends(D);
	sends(S);
	after(MS);
	reads(S);
	sends(C);
	assert_int_equal(wire.wait.sum_ns, 2 * MS);
}

static void a_request_right_after_the_clients_is_of_its_moment(void **state)
{
	(void)state;
	reads(C);
	sends(S);
	assert_int_equal(mark[S].asked_ns, shim_now_ns);
	assert_int_equal(turn.client_ns, 0);
}

static void who_reads_requests_before_it_answers_is_a_loop(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_false(ps_turn_is_loop(&turn));
		reads(C);
		reads(D);
		sends(C);
		sends(D);
	}
	assert_true(ps_turn_is_loop(&turn));
}

static void who_answers_first_is_none_though_clients_leave(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		reads(C);
		if (i % 20) /* else it has left */
			sends(C);
		reads(D);
		sends(D);
	}
	assert_int_equal(turn.n_many, 5);
	assert_false(ps_turn_is_loop(&turn));
}

static void a_connection_goes_to_a_loop_and_back_with_its_request(void **state)
{
	struct ps_sock s = { .flags = PS_SOCK_HELD | PS_SOCK_BUSY,
			     .hold_ns = shim_now_ns,
			     .last_ns = shim_now_ns + MS };

	(void)state;
	wire.held = wire.busy = 1;
	ps_mark_moves(&mark[S], &s, &wire, 1);
	assert_int_equal(wire.held, 0);
	assert_int_equal(wire.busy, 1);
	assert_int_equal(wire.hold.sum_ns, MS);
	assert_int_equal(s.flags, 0);
	assert_int_equal(mark[S].flags, PS_MARK_LOOPS | PS_MARK_BUSY);
	ps_mark_moves(&mark[S], &s, &wire, 0);
	assert_int_equal(s.flags, PS_SOCK_BUSY);
	assert_int_equal(mark[S].flags, 0);
	assert_int_equal(wire.busy, 1);
}

static void connections_that_are_multiplexed_are_a_loops(void **state)
{
	(void)state;
	wire.acquires = 4 * PS_LOOP_REQUESTS;
	wire.multiplexed = PS_LOOP_REQUESTS - 1;
	assert_false(ps_wire_is_loop(&wire));
	wire.multiplexed++;
	assert_true(ps_wire_is_loop(&wire));
	wire.acquires += 4;
	assert_false(ps_wire_is_loop(&wire));
}

static void random_steps_keep_the_books(void **state)
{
	uint64_t n_busy = 0;

	(void)state;
	srand(1);
	for (int i = 0; i < 200000; i++) {
		uint64_t id = (uint64_t)(1 + rand() % (N - 1));

		after((uint64_t)(rand() % 3000) * US);
		if (rand() % 2)
			reads(id);
		else
			sends(id);
	}
	for (uint64_t id = S; id <= T; id++)
		n_busy += mark[id].flags & PS_MARK_BUSY;
	assert_int_equal(wire.busy, n_busy);
	assert_int_equal(wire.looped, wire.answered + n_busy);
	assert_true(wire.passed <= wire.answered);
	assert_true(wire.passed_long <= wire.passed_waits);
	assert_true(wire.passed_waits + wire.passed_doubt <= wire.passed);
	assert_true(n_waits() <= wire.passed);
	assert_true(wire.saturated_ns <= wire.wait.sum_ns);
	assert_true(wire.passed_long > 100);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_client_waits_from_its_request_to_the_servers),
		TEST(the_connection_was_free_so_nobody_waited),
		TEST(a_long_time_with_a_free_connection_is_a_doubt),
		TEST(who_goes_on_with_its_connection_has_not_taken_it_again),
		TEST(an_answer_that_goes_to_no_client_is_not_passed),
		TEST(an_answer_older_than_the_question_is_none),
		TEST(the_rest_of_an_answer_is_no_second_one),
		TEST(a_second_question_for_the_same_client_says_nothing_of_its_wait),
		TEST(a_request_in_two_pieces_is_as_old_as_the_first),
		TEST(a_request_right_after_the_clients_is_of_its_moment),
		TEST(who_reads_requests_before_it_answers_is_a_loop),
		TEST(who_answers_first_is_none_though_clients_leave),
		TEST(a_connection_goes_to_a_loop_and_back_with_its_request),
		TEST(connections_that_are_multiplexed_are_a_loops),
		TEST(random_steps_keep_the_books),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
