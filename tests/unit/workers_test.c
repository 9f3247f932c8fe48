/* SPDX-License-Identifier: MIT */
/*
 * workers_test.c - the rules of bpf/workers.h, natively and under ASan: scripts of threads that wait in accept(), or take requests, sleep
 * and answer; at last random steps, of which the books must hold whatever a program does. No step takes time; after() does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "bpf_shim.h"

#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wunused-function"
#include "bpf/workers.h"

#define MS 1000000ull
#define LISTENER 4711ull
#define OTHER_LISTENER 4712ull
#define WORD 0x7f0000001000ull

static const struct ps_proc_key parent = { .tgid = 42, .incarnation = 1 };
static const struct ps_proc_key child = { .tgid = 43, .incarnation = 2 };
static struct ps_worker a, b;

static int begin(void **state)
{
	(void)state;
	shim_map_clear(&ps_families);
	shim_map_clear(&ps_procs);
	shim_map_clear(&ps_losses);
	shim_map_clear(&ps_zero);
	ps_families.limit = 16;
	ps_procs.limit = 16;
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	shim_now_ns = 1000 * MS;
	return 0;
}

static int end(void **state)
{
	begin(state);
	shim_map_clear(&ps_losses);
	return 0;
}

static void after(uint64_t ns)
{
	shim_now_ns += ns;
}

static struct ps_family *at(uint64_t listener)
{
	struct ps_family_key key = { .id = listener };

	return ps_family_find(&key);
}

static struct ps_family *named(const char *comm)
{
	char name[PS_COMM_MAX], padded[PS_COMM_MAX] = "";
	struct ps_family_key key = { .proc = parent };

	snprintf(padded, sizeof(padded), "%s", comm);
	key.id = ps_family_name(padded, name);
	return ps_family_find(&key);
}

static uint64_t busy_ns(const struct ps_family *f)
{
	assert_true(f->events_begun == f->events_done);
	return (uint64_t)f->busy * shim_now_ns - f->begun_sum + f->ended_sum;
}

static uint64_t lost(enum ps_loss what)
{
	uint32_t key = what;

	return *(uint64_t *)bpf_map_lookup_elem(&ps_losses, &key);
}

static void accepts(struct ps_worker *w, const struct ps_proc_key *by)
{
	ps_acceptor_sleeps(w, LISTENER, by, shim_now_ns);
}

static void takes(struct ps_worker *w, const char *comm, uint64_t conn)
{
	char padded[PS_COMM_MAX] = "";

	snprintf(padded, sizeof(padded), "%s", comm);
	if (w->state == PS_WORKER_BUSY)
		ps_server_receives(w, &parent, conn, shim_now_ns);
	else
		ps_server_takes(w, &parent, padded, conn, shim_now_ns);
}

/* By the pass, in a process of another name. */
static void counts(struct ps_worker *w, const char *comm)
{
	struct ps_counted c = { .leader = "server" };

	snprintf(c.comm, sizeof(c.comm), "%s", comm);
	ps_worker_count(w, &parent, &c, shim_now_ns);
}

static const struct ps_watched both = { .listener = { LISTENER, OTHER_LISTENER },
					.n_listeners = 2 };

static void polls(struct ps_worker *w, const struct ps_proc_key *by)
{
	ps_poller_sleeps(w, &both, by, shim_now_ns);
}

static void receives(struct ps_worker *w, uint64_t conn)
{
	ps_acceptor_receives(w, conn, 1, shim_now_ns);
}

static void sends(struct ps_worker *w, uint64_t conn)
{
	ps_server_sends(w, &parent, conn, shim_now_ns);
}

/* As the hook does. */
static void blocks(struct ps_worker *w, int is_futex)
{
	if (w->state != PS_WORKER_BUSY || !w->sent_ns)
		return;
	if (is_futex)
		ps_server_sleeps(w, &parent, WORD, shim_now_ns);
	else
		w->is_elsewhere = 1;
}

/* ---- accept() ------------------------------------------------------------------------------------------------------------ */

static void a_worker_is_busy_from_its_waking_in_accept_to_its_next_sleep_there(void **state)
{
	(void)state;
	accepts(&a, &child);
	after(50 * MS);
	ps_acceptor_runs(&a, shim_now_ns);
	ps_acceptor_receives(&a, 7, 1, shim_now_ns);
	after(20 * MS);
	assert_int_equal(at(LISTENER)->busy, 1);
	accepts(&a, &child);
	after(5 * MS);
	assert_int_equal(at(LISTENER)->busy, 0);
	assert_int_equal(busy_ns(at(LISTENER)), 20 * MS);
	assert_int_equal(at(LISTENER)->requests, 1);
	assert_int_equal(at(LISTENER)->answered, 1);
	assert_int_equal(at(LISTENER)->hold.sum_ns, 20 * MS);
}

static void a_full_queue_is_many_requests_and_one_busy_period(void **state)
{
	(void)state;
	accepts(&a, &child);
	ps_acceptor_runs(&a, shim_now_ns);
	for (uint64_t conn = 1; conn <= 23; conn++) {
		ps_acceptor_receives(&a, conn, 1, shim_now_ns);
		after(10 * MS);
	}
	accepts(&a, &child);
	assert_int_equal(at(LISTENER)->requests, 23);
	assert_int_equal(at(LISTENER)->answered, 23);
	assert_int_equal(at(LISTENER)->periods, 1);
	assert_int_equal(busy_ns(at(LISTENER)), 230 * MS);
	assert_int_equal(at(LISTENER)->hold.sum_ns, 230 * MS);
}

static void a_signal_in_accept_is_no_request(void **state)
{
	(void)state;
	accepts(&a, &child);
	ps_acceptor_runs(&a, shim_now_ns);
	accepts(&a, &child);
	assert_int_equal(at(LISTENER)->requests, 0);
	assert_int_equal(at(LISTENER)->hold.sum_ns, 0);
}

static void workers_of_several_processes_at_one_socket_are_one_family(void **state)
{
	(void)state;
	accepts(&a, &parent);
	assert_int_equal(at(LISTENER)->flags, 0);
	accepts(&b, &child);
	assert_int_equal(at(LISTENER)->flags, PS_FAMILY_PREFORK);
	assert_int_equal(at(LISTENER)->n, 2);
	ps_acceptor_runs(&b, shim_now_ns);
	after(3 * MS);
	ps_acceptor_leaves(&b, shim_now_ns);
	after(3 * MS);
	assert_int_equal(at(LISTENER)->n, 1);
	assert_int_equal(at(LISTENER)->busy, 0);
	assert_int_equal(busy_ns(at(LISTENER)), 3 * MS);
}

static void who_waits_at_another_socket_has_left_the_first(void **state)
{
	(void)state;
	accepts(&a, &parent);
	ps_acceptor_runs(&a, shim_now_ns);
	after(MS);
	ps_acceptor_sleeps(&a, OTHER_LISTENER, &parent, shim_now_ns);
	assert_int_equal(at(LISTENER)->n, 0);
	assert_int_equal(at(LISTENER)->busy, 0);
	assert_int_equal(at(OTHER_LISTENER)->n, 1);
	assert_int_equal(at(OTHER_LISTENER)->busy, 0);
}

static void a_full_table_of_families_is_counted(void **state)
{
	(void)state;
	ps_families.limit = 0;
	accepts(&a, &parent);
	assert_int_equal(lost(PS_LOSS_families_full), 1);
	assert_int_equal(a.listener, 0);
	takes(&b, "exec-1", 7);
	assert_int_equal(lost(PS_LOSS_families_full), 2);
}

static void a_family_that_was_dropped_begins_anew(void **state)
{
	struct ps_family_key key = { .id = LISTENER };

	(void)state;
	accepts(&a, &parent);
	bpf_map_delete_elem(&ps_families, &key);
	ps_acceptor_runs(&a, shim_now_ns);
	after(MS);
	accepts(&a, &parent);
	assert_int_equal(at(LISTENER)->n, 1);
	assert_int_equal(at(LISTENER)->busy, 0);
	assert_int_equal(busy_ns(at(LISTENER)), 0);
}

/* ---- poll ---------------------------------------------------------------------------------------------------------------- */

static void a_poller_is_busy_from_its_waking_when_it_then_receives(void **state)
{
	(void)state;
	polls(&a, &child);
	after(50 * MS);
	ps_poller_runs(&a, shim_now_ns);
	after(MS);
	assert_int_equal(at(LISTENER)->busy, 0);
	receives(&a, 7);
	assert_int_equal(at(LISTENER)->busy, 1);
	ps_acceptor_blocks(&a, PS_SLEEPS, 0, shim_now_ns);
	after(20 * MS);
	ps_acceptor_sends(&a, shim_now_ns);
	after(MS);
	polls(&a, &child);
	assert_int_equal(busy_ns(at(LISTENER)), 22 * MS);
	assert_int_equal(at(LISTENER)->hold.sum_ns, 22 * MS);
	assert_int_equal(at(LISTENER)->blocked, 1);
	assert_int_equal(at(LISTENER)->multiplexed, 0);
	assert_int_equal(at(LISTENER)->other[0], OTHER_LISTENER);
	assert_int_equal(at(LISTENER)->flags, PS_FAMILY_POLLS);
}

static void who_is_woken_with_the_others_and_gets_nothing_was_idle(void **state)
{
	(void)state;
	polls(&a, &child);
	for (int i = 0; i < 23; i++) {
		ps_poller_runs(&a, shim_now_ns);
		after(MS);
		polls(&a, &child);
	}
	assert_int_equal(busy_ns(at(LISTENER)), 0);
	assert_int_equal(at(LISTENER)->periods, 0);
}

static void a_client_that_says_nothing_keeps_its_worker(void **state)
{
	(void)state;
	polls(&a, &child);
	ps_poller_runs(&a, shim_now_ns);
	after(MS);
	ps_acceptor_blocks(&a, PS_SLEEPS_FOR_CLIENT, 0, shim_now_ns);
	after(4 * MS);
	assert_int_equal(at(LISTENER)->busy, 1);
	polls(&a, &child);
	assert_int_equal(busy_ns(at(LISTENER)), 5 * MS);
	assert_int_equal(at(LISTENER)->requests, 0);
	assert_int_equal(at(LISTENER)->hold.sum_ns, 0);
}

static void what_is_kept_alive_is_many_requests_and_one_busy_period(void **state)
{
	(void)state;
	polls(&a, &child);
	ps_poller_runs(&a, shim_now_ns);
	for (int i = 0; i < 23; i++) {
		receives(&a, 7);
		after(10 * MS);
		ps_acceptor_sends(&a, shim_now_ns);
		ps_acceptor_blocks(&a, PS_SLEEPS_FOR_CLIENT, 0, shim_now_ns);
		after(100 * MS);
	}
	polls(&a, &child);
	assert_int_equal(at(LISTENER)->requests, 23);
	assert_int_equal(at(LISTENER)->answered, 23);
	assert_int_equal(at(LISTENER)->hold.sum_ns, 230 * MS);
	assert_int_equal(busy_ns(at(LISTENER)), 2530 * MS);
}

static void of_an_encrypted_connection_requests_are_not_told_apart(void **state)
{
	(void)state;
	polls(&a, &child);
	ps_poller_runs(&a, shim_now_ns);
	for (int i = 0; i < 3; i++) { /* hello, its own keys, the request */
		ps_acceptor_receives(&a, 7, 0, shim_now_ns);
		after(MS);
		ps_acceptor_sends(&a, shim_now_ns);
	}
	polls(&a, &child);
	assert_int_equal(at(LISTENER)->requests, 1);
	assert_int_equal(at(LISTENER)->hold.sum_ns, 3 * MS);
}

static void who_sleeps_for_its_turn_after_the_answer_is_idle(void **state)
{
	(void)state;
	polls(&a, &child);
	ps_poller_runs(&a, shim_now_ns);
	receives(&a, 7);
	after(10 * MS);
	ps_acceptor_sends(&a, shim_now_ns);
	ps_acceptor_blocks(&a, PS_SLEEPS_FOR_LOCK, WORD, shim_now_ns);
	assert_int_equal(at(LISTENER)->busy, 0);
	after(5 * MS);
	ps_acceptor_sends(&a, shim_now_ns); /* that was not the end */
	assert_int_equal(at(LISTENER)->busy, 1);
	assert_int_equal(busy_ns(at(LISTENER)), 15 * MS);
	ps_acceptor_blocks(&a, PS_SLEEPS_FOR_LOCK, WORD, shim_now_ns);
	after(PS_TOLD_NS);
	ps_acceptor_look(&a, shim_now_ns);
	assert_int_equal(at(LISTENER)->answered, 1);
	assert_int_equal(at(LISTENER)->hold.sum_ns, 15 * MS);
	receives(&a, 8); /* the queue was full: it never slept there */
	after(MS);
	polls(&a, &child);
	assert_int_equal(at(LISTENER)->requests, 2);
	assert_int_equal(at(LISTENER)->hold.sum_ns, 16 * MS);
	assert_int_equal(busy_ns(at(LISTENER)), 16 * MS);
}

static void who_polls_connections_too_is_an_event_loop(void **state)
{
	(void)state;
	polls(&a, &child);
	ps_poller_runs(&a, shim_now_ns);
	receives(&a, 7);
	ps_poller_loops(&a, shim_now_ns);
	assert_int_equal(at(LISTENER)->flags, PS_FAMILY_POLLS | PS_FAMILY_LOOPS);
	assert_int_equal(at(LISTENER)->n, 0);
	assert_int_equal(at(LISTENER)->busy, 0);
	assert_true(a.is_loop);
}

static void a_request_from_before_the_agent_is_none_of_its_time(void **state)
{
	(void)state;
	ps_acceptor_found(&a, &both, 7, &child, shim_now_ns);
	after(10 * MS);
	assert_int_equal(at(LISTENER)->busy, 1);
	receives(&a, 8);
	after(3 * MS);
	polls(&a, &child);
	assert_int_equal(at(LISTENER)->requests, 1);
	assert_int_equal(at(LISTENER)->answered, 1);
	assert_int_equal(at(LISTENER)->hold.sum_ns, 3 * MS);
	assert_int_equal(busy_ns(at(LISTENER)), 13 * MS);
}

static void who_takes_turns_belongs_to_those_who_were_seen_to_poll(void **state)
{
	(void)state;
	ps_poller_in_turn(&a, &both, &child, shim_now_ns);
	assert_int_equal(a.listener, 0); /* nobody was */
	polls(&b, &parent);
	ps_poller_in_turn(&a, &both, &child, shim_now_ns);
	assert_int_equal(at(LISTENER)->n, 2);
	assert_int_equal(at(LISTENER)->flags, PS_FAMILY_POLLS | PS_FAMILY_PREFORK);
	receives(&a, 7);
	after(MS);
	polls(&a, &child);
	assert_int_equal(busy_ns(at(LISTENER)), MS);
}

static void who_has_the_socket_and_is_no_worker_is_counted_once_a_window(void **state)
{
	(void)state;
	polls(&a, &child);
	b.is_aside = 1;
	assert_true(ps_is_scan_due(&b));
	ps_acceptor_aside(LISTENER);
	ps_epoch++;
	assert_false(ps_is_scan_due(&b));
	ps_epoch += PS_WINDOW;
	assert_true(ps_is_scan_due(&b));
	ps_acceptor_aside(LISTENER);
	assert_int_equal(at(LISTENER)->n_aside, 1);
	polls(&b, &parent); /* it is one after all */
	assert_int_equal(at(LISTENER)->n_aside, 0);
}

static void what_a_process_is_is_looked_for_so_often_and_then_seldom(void **state)
{
	int n = 0;

	(void)state;
	for (int i = 0; i < 4 * PS_WINDOW * PS_SCANS; i++, ps_epoch++)
		n += ps_is_scan_due(&a);
	assert_in_range(n, 4 * PS_SCANS, 5 * PS_SCANS);
}

static void a_thread_at_the_lock_of_others_waits_for_its_turn(void **state)
{
	struct ps_worker c = { 0 };

	(void)state;
	polls(&a, &parent);
	ps_poller_sibling(&b, &a, WORD, &parent, shim_now_ns);
	assert_int_equal(at(LISTENER)->n_unsure, 1); /* what it waits for is not known */
	ps_poller_runs(&a, shim_now_ns);
	receives(&a, 7);
	ps_acceptor_sends(&a, shim_now_ns);
	ps_acceptor_blocks(&a, PS_SLEEPS_FOR_LOCK, WORD, shim_now_ns);
	ps_epoch++;
	ps_poller_sibling(&b, &a, WORD, &parent, shim_now_ns);
	ps_poller_sibling(&c, &a, WORD + 64, &parent, shim_now_ns);
	assert_int_equal(at(LISTENER)->n, 2);
	assert_int_equal(at(LISTENER)->n_unsure, 1);
}

static void no_doubt_is_left_of_a_thread_that_has_joined_between_two_passes(void **state)
{
	(void)state;
	polls(&a, &parent);
	ps_poller_sibling(&b, &a, WORD, &parent, shim_now_ns);
	assert_int_equal(at(LISTENER)->n_unsure, 1);
	polls(&b, &parent);
	ps_epoch++;
	ps_acceptor_look(&a, shim_now_ns);
	ps_acceptor_look(&b, shim_now_ns);
	assert_int_equal(at(LISTENER)->n, 2);
	assert_int_equal(at(LISTENER)->n_unsure, 0);
}

/* ---- names --------------------------------------------------------------------------------------------------------------- */

static void a_family_is_named_without_what_numbers_its_threads(void **state)
{
	static const char *const names[][2] = {
		{ "http-nio-8080-exec-1", "http-nio-8080-e" }, /* as comm cuts it */
		{ "http-exec-12", "http-exec" },	       { "pool-1-thread-3", "pool-1-thread" },
		{ "worker #4", "worker" },		       { "w[7]", "w" },
		{ "main", "main" },			       { "42", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char comm[PS_COMM_MAX] = "", got[PS_COMM_MAX];

		memcpy(comm, names[i][0], strlen(names[i][0]) < 15 ? strlen(names[i][0]) : 15);
		assert_int_not_equal(ps_family_name(comm, got), 0);
		assert_string_equal(got, names[i][1]);
	}
}

/* ---- threads of one name ------------------------------------------------------------------------------------------------- */

static void a_thread_is_busy_from_a_request_to_the_sleep_after_its_answer(void **state)
{
	(void)state;
	takes(&a, "exec-1", 7);
	after(2 * MS);
	blocks(&a, 1); /* for a lock, a connection of its own: no answer yet */
	after(8 * MS);
	sends(&a, 7);
	after(MS);
	blocks(&a, 1);
	assert_int_equal(named("exec-2")->busy, 0);
	after(100 * MS);
	takes(&a, "exec-1", 8);
	assert_int_equal(named("exec-2")->requests, 2);
	assert_int_equal(named("exec-2")->answered, 1);
	assert_int_equal(named("exec-2")->slept, 1);
	assert_int_equal(named("exec-2")->hold.sum_ns, 11 * MS);
	assert_int_equal(busy_ns(named("exec-2")), 11 * MS);
	assert_int_equal(named("exec-2")->n, 1);
}

static void an_answer_that_goes_on_after_a_sleep_had_not_ended(void **state)
{
	(void)state;
	takes(&a, "exec-1", 7);
	sends(&a, 7);
	blocks(&a, 1);
	after(5 * MS);
	sends(&a, 7);
	assert_int_equal(named("exec-1")->busy, 1);
	assert_int_equal(busy_ns(named("exec-1")), 5 * MS);
	blocks(&a, 1);
	after(PS_TOLD_NS);
	counts(&a, "exec-1");
	assert_int_equal(named("exec-1")->answered, 1);
	assert_int_equal(named("exec-1")->hold.sum_ns, 5 * MS);
	assert_int_equal(named("exec-1")->n_named, 1);
	assert_int_equal(named("exec-1")->n_unknown, 0);
	sends(&a, 7); /* too late */
	assert_int_equal(named("exec-1")->resumed, 1);
	assert_int_equal(named("exec-1")->busy, 0);
}

static void a_queue_of_tasks_lets_no_thread_sleep(void **state)
{
	(void)state;
	for (uint64_t conn = 1; conn <= 23; conn++) {
		takes(&a, "exec-1", conn);
		after(10 * MS);
		sends(&a, conn);
	}
	blocks(&a, 1);
	assert_int_equal(named("exec-1")->requests, 23);
	assert_int_equal(busy_ns(named("exec-1")), 230 * MS);
	assert_int_equal(named("exec-1")->elsewhere, 0);
}

static void an_event_loop_is_told_by_what_it_does_between_requests(void **state)
{
	(void)state;
	takes(&a, "loop", 1);
	takes(&a, "loop", 2); /* before the first has its answer */
	assert_int_equal(named("loop")->multiplexed, 1);
	sends(&a, 2);
	blocks(&a, 0);
	takes(&a, "loop", 3);
	assert_int_equal(named("loop")->elsewhere, 1);
}

static void an_event_loop_leaves_its_family_and_leaves_it_in_doubt(void **state)
{
	(void)state;
	takes(&a, "loop", 1);
	sends(&a, 1);
	takes(&a, "loop", 2);
	assert_int_equal(named("loop")->busy, 1);
	ps_server_loops(&a, &parent, shim_now_ns);
	assert_int_equal(named("loop")->busy, 0);
	assert_int_equal(named("loop")->n, 0);
	assert_int_equal(named("loop")->multiplexed, named("loop")->requests);
	assert_true(a.is_loop);
}

static void a_thread_that_was_there_before_is_not_known_until_it_serves(void **state)
{
	(void)state;
	takes(&a, "exec-1", 7);
	counts(&a, "exec-1");
	counts(&b, "exec-2");
	assert_int_equal(named("exec-1")->n_named, 2);
	assert_int_equal(named("exec-1")->n_unknown, 1);
}

static void of_threads_without_a_name_those_count_that_serve_or_sleep_where_others_do(void **state)
{
	struct ps_counted c = { .comm = "server", .leader = "server" };

	(void)state;
	takes(&a, "server", 7);
	sends(&a, 7);
	blocks(&a, 1);
	ps_worker_count(&a, &parent, &c, shim_now_ns);
	ps_worker_count(&b, &parent, &c, shim_now_ns);
	assert_int_equal(named("server")->n_named, 1);
	assert_int_equal(named("server")->n_unsure, 1);
	ps_epoch++;
	c.word = WORD + 12;
	ps_worker_count(&b, &parent, &c, shim_now_ns);
	assert_int_equal(named("server")->n_named, 1);
	assert_int_equal(named("server")->n_unknown, 0);
	c.word = 0;
	c.is_leader = 1;
	ps_worker_count(&b, &parent, &c, shim_now_ns);
	assert_int_equal(named("server")->n_named, 1);
	assert_int_equal(named("server")->n_unsure, 0);
}

static void a_process_has_so_many_families_and_no_more(void **state)
{
	char name[PS_COMM_MAX];

	(void)state;
	ps_families.limit = 1000;
	for (int i = 0; i < PS_FAMILIES_PER_PROCESS + 3; i++) {
		struct ps_worker w = { 0 };

		snprintf(name, sizeof(name), "t%dx", i);
		takes(&w, name, 7);
	}
	assert_int_equal(ps_families.n, PS_FAMILIES_PER_PROCESS);
	assert_int_equal(lost(PS_LOSS_families_full), 3);
}

/* ---- anything ------------------------------------------------------------------------------------------------------------ */

static uint32_t random_of(uint32_t *seed, uint32_t n)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (*seed >> 8) % n;
}

static void step(uint32_t *seed, struct ps_worker *w)
{
	uint64_t conn = 1 + random_of(seed, 3);

	switch (random_of(seed, 13)) {
	case 8:
		polls(w, &parent);
		break;
	case 9:
		ps_poller_runs(w, shim_now_ns);
		break;
	case 10:
		if (w->listener)
			ps_acceptor_blocks(w, (enum ps_elsewhere)random_of(seed, 3), WORD,
					   shim_now_ns);
		break;
	case 11:
		if (w->listener && w->conn)
			ps_acceptor_sends(w, shim_now_ns);
		ps_acceptor_look(w, shim_now_ns);
		break;
	case 12:
		if (w->listener)
			break;
		if (random_of(seed, 2))
			ps_acceptor_among(w, &both, &parent, shim_now_ns);
		else
			ps_acceptor_found(w, &both, conn, &parent, shim_now_ns);
		break;
	case 0:
		ps_acceptor_sleeps(w, LISTENER + random_of(seed, 2), &parent, shim_now_ns);
		break;
	case 1:
		ps_acceptor_runs(w, shim_now_ns);
		break;
	case 2:
		counts(w, "exec-1");
		break;
	case 3:
		if (w->listener)
			ps_acceptor_leaves(w, shim_now_ns);
		ps_server_leaves(w, &parent, shim_now_ns);
		memset(w, 0, sizeof(*w));
		break;
	case 4:
		if (!w->listener)
			blocks(w, (int)random_of(seed, 2));
		break;
	case 5:
		if (!w->listener)
			sends(w, conn);
		break;
	default:
		if (w->listener)
			ps_acceptor_receives(w, conn, (int)random_of(seed, 2), shim_now_ns);
		else
			takes(w, random_of(seed, 2) ? "exec-1" : "task-1", conn);
	}
}

static void whatever_happens_the_books_are_possible(void **state)
{
	uint32_t seed = 23;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		step(&seed, random_of(&seed, 2) ? &a : &b);
		after(random_of(&seed, 3) * MS);
		for (struct shim_entry *e = ps_families.first; e; e = e->next) {
			const struct ps_family *f = (const struct ps_family *)e->value;

			assert_true(f->n >= 0 && f->n <= 2);
			assert_true(f->busy >= 0 && f->busy <= 2);
			assert_true(f->answered <= f->requests);
			assert_true(busy_ns(f) <= 2 * (shim_now_ns - 1000 * MS));
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_worker_is_busy_from_its_waking_in_accept_to_its_next_sleep_there),
		TEST(a_full_queue_is_many_requests_and_one_busy_period),
		TEST(a_signal_in_accept_is_no_request),
		TEST(workers_of_several_processes_at_one_socket_are_one_family),
		TEST(who_waits_at_another_socket_has_left_the_first),
		TEST(a_full_table_of_families_is_counted),
		TEST(a_family_that_was_dropped_begins_anew),
		TEST(a_poller_is_busy_from_its_waking_when_it_then_receives),
		TEST(who_is_woken_with_the_others_and_gets_nothing_was_idle),
		TEST(a_client_that_says_nothing_keeps_its_worker),
		TEST(what_is_kept_alive_is_many_requests_and_one_busy_period),
		TEST(of_an_encrypted_connection_requests_are_not_told_apart),
		TEST(who_sleeps_for_its_turn_after_the_answer_is_idle),
		TEST(who_polls_connections_too_is_an_event_loop),
		TEST(a_request_from_before_the_agent_is_none_of_its_time),
		TEST(who_takes_turns_belongs_to_those_who_were_seen_to_poll),
		TEST(who_has_the_socket_and_is_no_worker_is_counted_once_a_window),
		TEST(what_a_process_is_is_looked_for_so_often_and_then_seldom),
		TEST(a_thread_at_the_lock_of_others_waits_for_its_turn),
		TEST(no_doubt_is_left_of_a_thread_that_has_joined_between_two_passes),
		TEST(a_family_is_named_without_what_numbers_its_threads),
		TEST(a_thread_is_busy_from_a_request_to_the_sleep_after_its_answer),
		TEST(an_answer_that_goes_on_after_a_sleep_had_not_ended),
		TEST(a_queue_of_tasks_lets_no_thread_sleep),
		TEST(an_event_loop_is_told_by_what_it_does_between_requests),
		TEST(an_event_loop_leaves_its_family_and_leaves_it_in_doubt),
		TEST(a_thread_that_was_there_before_is_not_known_until_it_serves),
		TEST(of_threads_without_a_name_those_count_that_serve_or_sleep_where_others_do),
		TEST(a_process_has_so_many_families_and_no_more),
		TEST(whatever_happens_the_books_are_possible),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
