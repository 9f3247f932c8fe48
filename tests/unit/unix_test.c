/* SPDX-License-Identifier: MIT */
/*
 * unix_test.c - the rules of bpf/unix.h, natively and under ASan: sockets are made, used, closed and made again at the same address,
 * and a pass ends.
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
#include "bpf/unix.h"

#define MS 1000000ull

enum { WIRE = 77, TID = 5, OTHER_TID = 6 };

/* What the kernel has at the addresses of sockets, and the marks that lie in them. */
static struct unix_sock memory[4];
static struct ps_mark mark[4];
static struct ps_wire *wire;

static uint64_t id_of(int i)
{
	return (uint64_t)(uintptr_t)&memory[i];
}

static struct ps_endpoint_key endpoint(void)
{
	return (struct ps_endpoint_key){
		.proc = { .tgid = 23, .incarnation = 1 },
		.role = PS_SOCK_CONNECT,
		.addr = { .family = PS_AF_UNIX, .path = "/run/pg/.s.PGSQL.5432" },
	};
}

static int begin(void **state)
{
	struct ps_endpoint_key key = endpoint();
	struct ps_wire blank = { 0 };
	struct ps_unix u = { .wire = WIRE };
	uint64_t id = WIRE;

	(void)state;
	memset(memory, 0, sizeof(memory));
	memset(mark, 0, sizeof(mark));
	ps_n_passes = 0;
	ps_n_unix_socks = 0;
	ps_unix_socks_max = 100;
	ps_socks.limit = 100;
	bpf_map_update_elem(&ps_wires, &id, &blank, BPF_ANY);
	bpf_map_update_elem(&ps_unix, &key, &u, BPF_ANY);
	wire = bpf_map_lookup_elem(&ps_wires, &id);
	shim_now_ns = 1000 * MS;
	return 0;
}

static int end(void **state)
{
	(void)state;
	shim_map_clear(&ps_socks);
	shim_map_clear(&ps_wires);
	shim_map_clear(&ps_unix);
	shim_map_clear(&ps_losses);
	return 0;
}

/* ---- steps ------------------------------------------------------------------------------------------------------------- */

static void after(uint64_t ns)
{
	shim_now_ns += ns;
}

/* A socket is connected: the kernel's part. */
static void connects(int i, uint64_t peer)
{
	memory[i].sk.__sk_common.skc_state = PS_TCP_ESTABLISHED;
	memory[i].peer = (struct sock *)(uintptr_t)peer;
	memset(&mark[i], 0, sizeof(mark[i])); /* it died with the one before */
}

static void closes(int i)
{
	memory[i].sk.__sk_common.skc_state = PS_TCP_CLOSE;
	memory[i].peer = NULL;
}

/* A thread uses it for the first time, or (0) a pass meets it. */
static int is_taken(int i, uint32_t tid)
{
	struct ps_sock s = { .endpoint = endpoint(),
			     .peer = (uint64_t)(uintptr_t)memory[i].peer,
			     .user = tid };

	if (ps_unix_take(id_of(i), &s, shim_now_ns))
		return 0;
	mark[i] =
		(struct ps_mark){ .role = PS_SOCK_CONNECT, .wire = s.wire, .flags = PS_MARK_UNIX };
	return 1;
}

static struct ps_sock *sock(int i)
{
	uint64_t id = id_of(i);

	return bpf_map_lookup_elem(&ps_socks, &id);
}

static void asks(int i, struct ps_thread *t, uint32_t tid)
{
	ps_wire_sent(wire, sock(i), id_of(i), t, tid, shim_now_ns);
}

/* The first connection, from its first use by a thread on. */
static void is_made(void)
{
	connects(0, 1);
	is_taken(0, TID);
}

static void is_asked(struct ps_thread *t)
{
	is_made();
	asks(0, t, TID);
}

static void is_asked_by_a_loop(struct ps_turn *turn)
{
	is_made();
	ps_mark_moves(&mark[0], sock(0), wire, 1);
	ps_loop_asks(wire, &mark[0], turn, id_of(0), shim_now_ns);
	ps_unix_loops(id_of(0), &mark[0]);
}

static void is_answered(int i, struct ps_thread *t, uint32_t tid)
{
	ps_wire_received(wire, sock(i), id_of(i), t, tid, shim_now_ns);
}

static void pass_ends(void)
{
	ps_n_passes++;
	for (int i = 0; i < 4; i++)
		if (sock(i))
			ps_unix_look_at(id_of(i), sock(i));
}

static uint64_t n_lost(enum ps_loss what)
{
	uint32_t key = what;

	return *(uint64_t *)bpf_map_lookup_elem(&ps_losses, &key);
}

/* ---- tests ------------------------------------------------------------------------------------------------------------- */

static void what_is_not_followed_is_not_taken(void **state)
{
	struct ps_sock s = { .endpoint = endpoint() };

	(void)state;
	s.endpoint.addr.path[1] = 'x'; /* a bus, a log */
	assert_int_equal(ps_unix_take(id_of(0), &s, shim_now_ns), -1);
	assert_int_equal(ps_socks.n, 0);
	assert_int_equal(ps_n_unix_socks, 0);
}

static void a_connection_is_taken_once(void **state)
{
	(void)state;
	connects(0, 1);
	assert_false(ps_unix_is_known(sock(0), &mark[0]));
	assert_true(is_taken(0, TID));
	assert_true(ps_unix_is_known(sock(0), &mark[0]));
	assert_int_equal(wire->open, 1);
	assert_int_equal(sock(0)->wire, WIRE);
	assert_int_equal(sock(0)->since_ns, shim_now_ns);
}

static void who_uses_one_that_no_pass_has_found_has_made_it(void **state)
{
	(void)state;
	connects(0, 1);
	connects(1, 2);
	is_taken(0, TID);
	assert_int_equal(sock(0)->user, 0); /* it may have been there long before */
	pass_ends();
	is_taken(1, TID);
	assert_int_equal(sock(1)->user, TID);
}

static uint64_t n_opened(void)
{
	struct ps_endpoint_key key = endpoint();

	return ((struct ps_unix *)bpf_map_lookup_elem(&ps_unix, &key))->opened;
}

static void those_that_are_made_between_passes_are_counted(void **state)
{
	(void)state;
	connects(0, 1);
	is_taken(0, 0);
	pass_ends();
	assert_int_equal(n_opened(), 0);
	for (uint64_t i = 0; i < 5; i++) {
		connects(1, 2 + i);
		is_taken(1, TID);
		closes(1);
	}
	assert_int_equal(n_opened(), 5);
	pass_ends();
	assert_int_equal(wire->open, 1);
}

static void a_goodbye_is_no_question(void **state)
{
	struct ps_thread t = { 0 };

	(void)state;
	connects(0, 1);
	connects(1, 2);
	is_taken(0, TID);
	is_taken(1, TID);
	asks(0, &t, TID);
	ps_unix_leave(t.last_sock); /* it is open: the thread serves both */
	asks(1, &t, TID);
	assert_int_equal(wire->multiplexed, 1);
	is_answered(0, &t, TID);
	closes(1);
	ps_unix_leave(t.last_sock);
	asks(0, &t, TID);
	assert_int_equal(wire->multiplexed, 1);
	assert_int_equal(wire->busy, 1);
	assert_int_equal(wire->open, 1);
}

static void what_was_missed_before_it_was_taken_is_no_silence(void **state)
{
	(void)state;
	wire->handoffs_long = 500;
	connects(0, 1);
	is_taken(0, 0);
	assert_int_equal(sock(0)->handoffs_seen, 500);
}

static void an_open_one_is_never_ended_by_a_pass(void **state)
{
	struct ps_thread t = { 0 };

	(void)state;
	is_asked(&t);
	wire->handoffs_long = 9;
	for (int i = 0; i < 100; i++)
		pass_ends();
	assert_int_equal(wire->held, 1);
	assert_int_equal(wire->busy, 1);
	assert_int_equal(wire->releases, 0);
	assert_int_equal(sock(0)->handoffs_alive, 9);
}

static void a_closed_one_was_given_back_at_its_last_traffic(void **state)
{
	struct ps_thread t = { 0 };

	(void)state;
	is_asked(&t);
	after(7 * MS);
	is_answered(0, &t, TID);
	closes(0);
	after(900 * MS);
	pass_ends();
	assert_null(sock(0));
	assert_int_equal(wire->open, 0);
	assert_int_equal(wire->held, 0);
	assert_int_equal(wire->busy, 0);
	assert_int_equal(wire->releases, 1);
	assert_int_equal(wire->hold.sum_ns, 7 * MS);
	assert_int_equal(ps_n_unix_socks, 0);
}

static void closed_without_an_answer_it_is_at_work_no_more(void **state)
{
	struct ps_thread t = { 0 };

	(void)state;
	is_asked(&t);
	closes(0);
	pass_ends();
	assert_int_equal(wire->busy, 0);
	assert_int_equal(wire->held, 0);
}

static void closed_by_an_event_loop_it_is_at_work_no_more(void **state)
{
	struct ps_turn turn = { 0 };

	(void)state;
	is_asked_by_a_loop(&turn);
	assert_true(mark[0].flags & PS_MARK_UNIX);
	assert_int_equal(wire->busy, 1);
	closes(0);
	pass_ends();
	assert_int_equal(wire->busy, 0);
	assert_int_equal(wire->open, 0);
}

static void what_an_event_loop_was_answered_is_not_at_work(void **state)
{
	struct ps_turn turn = { 0 };

	(void)state;
	is_asked_by_a_loop(&turn);
	ps_loop_is_answered(wire, &mark[0], &turn, id_of(0), shim_now_ns);
	ps_unix_loops(id_of(0), &mark[0]);
	closes(0);
	pass_ends();
	assert_int_equal(wire->busy, 0);
}

static void another_one_at_the_same_address_is_another_one(void **state)
{
	struct ps_thread t = { 0 };

	(void)state;
	is_asked(&t);
	closes(0);
	connects(0, 1); /* even with the same peer's address */
	assert_false(ps_unix_is_known(sock(0), &mark[0]));
	assert_true(is_taken(0, OTHER_TID));
	assert_int_equal(wire->open, 1);
	assert_int_equal(wire->busy, 0);
	assert_int_equal(wire->held, 0);
	assert_int_equal(wire->releases, 1);
	assert_int_equal(sock(0)->gen, 0);
	assert_int_equal(ps_n_unix_socks, 1);
	pass_ends();
	assert_int_equal(wire->open, 1);
}

static void what_a_stranger_has_at_the_address_is_not_ours(void **state)
{
	(void)state;
	is_made();
	closes(0);
	connects(0, 2); /* in a process that is not followed */
	pass_ends();
	assert_null(sock(0));
	assert_int_equal(wire->open, 0);
}

static void an_end_is_counted_once(void **state)
{
	(void)state;
	is_made();
	closes(0);
	ps_unix_end(sock(0)); /* by a thread that found the address used again, and a pass at the same time */
	assert_false(ps_unix_is_known(sock(0), &mark[0]));
	pass_ends();
	assert_int_equal(wire->open, 0);
	assert_int_equal(ps_n_unix_socks, 0);
	assert_null(sock(0));
}

static void a_tcp_socket_is_none_of_a_passs_business(void **state)
{
	struct ps_sock s = { .endpoint.addr.family = PS_AF_INET6, .role = PS_SOCK_CONNECT };
	uint64_t id = id_of(0);

	(void)state;
	bpf_map_update_elem(&ps_socks, &id, &s, BPF_ANY);
	pass_ends();
	assert_non_null(sock(0));
	assert_false(ps_unix_is_known(sock(0), &mark[0]));
}

static void one_that_finds_no_room_is_counted_and_nothing_is_told(void **state)
{
	(void)state;
	connects(0, 1);
	connects(1, 2);
	ps_socks.limit = 1;
	assert_true(is_taken(0, TID));
	assert_false(is_taken(1, TID));
	assert_int_equal(n_lost(PS_LOSS_sockets_full), 1);
	assert_int_equal(wire->unfollowed, 1);
	assert_int_equal(wire->open, 1);
}

static void unix_sockets_leave_room_for_tcp(void **state)
{
	(void)state;
	connects(0, 1);
	connects(1, 2);
	ps_unix_socks_max = 1;
	assert_true(is_taken(0, TID));
	assert_false(is_taken(1, TID));
	assert_int_equal(n_lost(PS_LOSS_sockets_full), 1);
	closes(0);
	pass_ends();
	assert_true(is_taken(1, TID));
}

static void without_its_wire_a_connection_ends_as_well(void **state)
{
	uint64_t id = WIRE;

	(void)state;
	is_made();
	bpf_map_delete_elem(&ps_wires, &id); /* the process has ended */
	pass_ends();
	assert_non_null(sock(0));
	closes(0);
	pass_ends();
	assert_null(sock(0));
	assert_int_equal(ps_n_unix_socks, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_not_followed_is_not_taken),
		TEST(a_connection_is_taken_once),
		TEST(who_uses_one_that_no_pass_has_found_has_made_it),
		TEST(those_that_are_made_between_passes_are_counted),
		TEST(a_goodbye_is_no_question),
		TEST(what_was_missed_before_it_was_taken_is_no_silence),
		TEST(an_open_one_is_never_ended_by_a_pass),
		TEST(a_closed_one_was_given_back_at_its_last_traffic),
		TEST(closed_without_an_answer_it_is_at_work_no_more),
		TEST(closed_by_an_event_loop_it_is_at_work_no_more),
		TEST(what_an_event_loop_was_answered_is_not_at_work),
		TEST(another_one_at_the_same_address_is_another_one),
		TEST(what_a_stranger_has_at_the_address_is_not_ours),
		TEST(an_end_is_counted_once),
		TEST(a_tcp_socket_is_none_of_a_passs_business),
		TEST(one_that_finds_no_room_is_counted_and_nothing_is_told),
		TEST(unix_sockets_leave_room_for_tcp),
		TEST(without_its_wire_a_connection_ends_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
