/* SPDX-License-Identifier: MIT */
/*
 * infer_test.c - the rules of bpf/infer.h, natively and under ASan: each as a script of threads that sleep, wake each other and use
 * connections; at last thousands of random steps, of which all must hold that holds for any program.
 *
 * Threads are A, B, ... (their ids are 1, 2, ...), connections W, X, Y, Z of one endpoint and V of another. No step takes time;
 * after() does.
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
#include "bpf/infer.h"

#define US 1000ull
#define MS 1000000ull

enum { A, B, C, D, E, F, N_THREADS };
enum { W = 1, X, Y, Z, V, N_CONNECTIONS = V };
enum { HERE, THERE, N_WIRES };

#define WORD 0x7f0000001018ull /* in the midst of its 64 bytes */
#define OTHER_WORD 0x7f0000002018ull

static const struct ps_proc_key the_process = { .tgid = 42, .incarnation = 1 };

static struct ps_thread thread[N_THREADS];
static char thread_name[N_THREADS][PS_COMM_MAX];
static struct ps_wire *wire[N_WIRES];
static const struct ps_wire *here;
static uint64_t began_ns;
static uint64_t stood_ns; /* of the process */

static struct ps_sock *connection(uint64_t id)
{
	struct ps_sock *s = bpf_map_lookup_elem(&ps_socks, &id);

	assert_non_null(s);
	return s;
}

static uint64_t wire_id(int which)
{
	return (uint64_t)(77 + which);
}

static struct ps_wire *wire_of(uint64_t id)
{
	return wire[connection(id)->wire - wire_id(HERE)];
}

static void opens(uint64_t id, int to)
{
	struct ps_sock s = { .since_ns = shim_now_ns,
			     .state = PS_SOCK_OPEN,
			     .role = PS_SOCK_CONNECT,
			     .wire = wire_id(to),
			     .endpoint = { .proc = the_process, .role = PS_SOCK_CONNECT } };

	assert_int_equal(bpf_map_update_elem(&ps_socks, &id, &s, BPF_NOEXIST), 0);
	wire[to]->open++;
}

static int forget(void **state)
{
	(void)state;
	shim_map_clear(&ps_socks);
	shim_map_clear(&ps_wires);
	shim_map_clear(&ps_words);
	shim_map_clear(&ps_given_ups);
	shim_map_clear(&ps_losses);
	shim_map_clear(&ps_standstills);
	memset(ps_has_stood, 0, sizeof(ps_has_stood));
	return 0;
}

static int begin(void **state)
{
	static const struct ps_wire blank;

	forget(state);
	ps_given_ups.limit = 4096;
	memset(thread, 0, sizeof(thread));
	shim_now_ns = began_ns = 1000 * MS;
	for (int t = 0; t < N_THREADS; t++)
		snprintf(thread_name[t], PS_COMM_MAX, "worker-%u", (unsigned int)t % 10);
	for (int i = 0; i < N_WIRES; i++) {
		uint64_t id = wire_id(i);

		bpf_map_update_elem(&ps_wires, &id, &blank, BPF_NOEXIST);
		wire[i] = bpf_map_lookup_elem(&ps_wires, &id);
	}
	here = wire[HERE];
	stood_ns = 5000 * MS; /* long ago */
	for (uint64_t id = W; id <= Z; id++)
		opens(id, HERE);
	opens(V, THERE);
	return 0;
}

/* ---- steps: each what the hook of that name does ------------------------------------------------------------------------- */

static void after(uint64_t ns)
{
	shim_now_ns += ns;
}

/* The process stands still. */
static void stalls(uint64_t ns)
{
	after(ns);
	stood_ns += ns;
}

static uint32_t tid_of(int t)
{
	return (uint32_t)t + 1;
}

static void gives_up(int t, enum ps_give_up how)
{
	struct ps_thread *it = &thread[t];
	int is_in_vain = how == PS_GIVE_UP_IN_VAIN;

	ps_thread_gave_up(it, how,
			  ps_given_up_add(&the_process,
					  ps_name_hash((const struct ps_comm *)thread_name[t]),
					  is_in_vain ? it->vain_word : it->word,
					  is_in_vain ? it->vain_ns : it->given_up_ns, how));
}

static void blocks(int t, uint64_t word, int has_timeout)
{
	if (thread[t].given_up_ns)
		gives_up(t, ps_thread_is_again(&thread[t], word, shim_now_ns) ? PS_GIVE_UP_RETRIES
									      : PS_GIVE_UP);
	else if (ps_thread_was_in_vain(&thread[t], shim_now_ns))
		gives_up(t, PS_GIVE_UP_IN_VAIN);
	thread[t].stood_ns = stood_ns;
	ps_thread_blocks(&thread[t], word, has_timeout, shim_now_ns);
}

/* A futex call of `waker`, on `word`. */
static void wakes(int waker, int t, uint64_t word)
{
	thread[waker].stood_ns = stood_ns;
	ps_thread_is_woken(&thread[t], &thread[waker], tid_of(waker), word, shim_now_ns);
}

static void runs(int t)
{
	thread[t].stood_ns = stood_ns;
	if (thread[t].block_ns)
		ps_thread_runs(&thread[t], shim_now_ns, 0);
}

/* Of a timer nothing is told. */
static void timer(int t)
{
	runs(t);
}

static void has_traffic(int t)
{
	thread[t].stood_ns = stood_ns;
	if (thread[t].given_up_ns && shim_now_ns - thread[t].ran_ns >= PS_AGAIN_NS)
		gives_up(t, PS_GIVE_UP);
}

static void sends(int t, uint64_t id)
{
	has_traffic(t);
	ps_wire_sent(wire_of(id), connection(id), id, &thread[t], tid_of(t), shim_now_ns);
}

static void receives(int t, uint64_t id)
{
	has_traffic(t);
	ps_wire_received(wire_of(id), connection(id), id, &thread[t], tid_of(t), shim_now_ns);
}

static void closes(uint64_t id)
{
	struct ps_wire *w = wire_of(id);

	w->open--;
	ps_wire_closed(w, connection(id));
	bpf_map_delete_elem(&ps_socks, &id);
}

/* A request and its answer. */
static void uses(int t, uint64_t id)
{
	sends(t, id);
	after(100 * US);
	receives(t, id);
}

/* `t` sleeps until `waker` wakes it, and runs at once. */
static void waits_for(int t, int waker, uint64_t ns)
{
	blocks(t, WORD, 1);
	after(ns);
	wakes(waker, t, WORD);
	runs(t);
}

/* As above, but a timer ends it. */
static void waits_in_vain(int t, uint64_t word, uint64_t ns)
{
	blocks(t, word, 1);
	after(ns);
	timer(t);
}

static uint64_t n_in(const struct ps_hist *h)
{
	uint64_t n = 0;

	for (int i = 0; i < PS_HIST_BUCKETS; i++)
		n += h->bucket[i];
	return n;
}

static void assert_only(const struct ps_hist *h, uint64_t ns)
{
	assert_int_equal(n_in(h), 1);
	assert_int_equal(h->bucket[ps_hist_bucket(ns)], 1);
	assert_int_equal(h->sum_ns, ns);
	assert_int_equal(h->max_ns, ns);
}

/* ---- hand-offs ----------------------------------------------------------------------------------------------------------- */

static void a_hand_off_ends_one_hold_and_begins_the_next(void **state)
{
	uint64_t taken_ns, given_ns, run_ns;

	(void)state;
	taken_ns = shim_now_ns;
	uses(A, X);
	after(MS);
	blocks(B, WORD, 0);
	after(5 * MS);
	given_ns = shim_now_ns;
	wakes(A, B, WORD);
	after(10 * US);
	run_ns = shim_now_ns;
	runs(B);
	after(20 * US);
	sends(B, X);
	assert_int_equal(here->handoffs, 1);
	assert_int_equal(here->acquires, 2);
	assert_int_equal(here->releases, 1);
	assert_int_equal(here->handed, 1);
	assert_int_equal(here->held, 1);
	assert_int_equal(here->contradictions, 0);
	assert_int_equal(here->unclear, 0);
	assert_int_equal(here->handoff_ns, run_ns);
	assert_only(&here->hold, given_ns - taken_ns);
	assert_int_equal(connection(X)->user, tid_of(B));
	assert_int_equal(connection(X)->hold_ns, run_ns);
	assert_true(connection(X)->flags & PS_SOCK_WAITED);
	assert_false(connection(X)->flags & PS_SOCK_CREDITED);
}

static void the_length_of_a_wait_is_in_its_histogram(void **state)
{
	(void)state;
	uses(A, X);
	blocks(B, WORD, 0);
	after(5 * MS);
	wakes(A, B, WORD);
	after(30 * US);
	runs(B); /* until then it has waited */
	after(2 * MS);
	sends(B, X);
	assert_only(&here->wait, 5 * MS + 30 * US);
	assert_int_equal(here->handoffs_long, 1);
}

static void a_wait_is_told_once(void **state)
{
	(void)state;
	uses(A, X);
	waits_for(B, A, 5 * MS);
	uses(B, X);
	uses(B, Y);
	sends(B, Z);
	assert_int_equal(here->handoffs, 1);
	assert_int_equal(here->acquires, 4);
	assert_int_equal(here->unclear, 0);
}

static void another_connection_of_the_same_endpoint_counts_as_well(void **state)
{
	uint64_t given_ns;

	(void)state;
	uses(A, X);
	uses(C, Y); /* its end was not seen: it ends now */
	after(MS);
	waits_for(B, A, 5 * MS);
	given_ns = shim_now_ns;
	after(10 * US);
	sends(B, Y);
	assert_int_equal(here->handoffs, 1);
	assert_int_equal(here->handed, 1);
	assert_int_equal(here->releases, 2);
	assert_int_equal(here->held, 1);
	assert_false(connection(X)->flags & PS_SOCK_HELD);
	assert_true(connection(X)->flags & PS_SOCK_CREDITED);
	assert_int_equal(connection(Y)->hold_ns, given_ns);
	assert_int_equal(here->hold.sum_ns, given_ns - began_ns + 100 * US);
}

static void a_waker_whose_connection_somebody_used_since_gives_nothing(void **state)
{
	(void)state;
	uses(A, X);
	uses(C, X);
	waits_for(B, A, 5 * MS);
	sends(B, Y);
	assert_int_equal(here->handoffs, 0);
	assert_int_equal(here->handed, 0);
	assert_int_equal(connection(X)->user, tid_of(C));
	assert_true(connection(X)->flags & PS_SOCK_HELD);
	assert_int_equal(here->unclear, 1);
	assert_int_equal(here->unclear_ns, 5 * MS);
}

static void a_waker_that_used_no_connection_gives_nothing(void **state)
{
	(void)state;
	waits_for(B, A, 5 * MS);
	sends(B, X);
	assert_int_equal(here->handoffs, 0);
	assert_int_equal(here->unclear, 1);
	waits_for(C, A, 1900 * US); /* too short to tell */
	sends(C, Y);
	assert_int_equal(here->unclear, 1);
	waits_for(D, A, 7 * MS);
	waits_for(D, A, 3 * MS);
	sends(D, Z);
	assert_int_equal(here->unclear, 2);
	assert_int_equal(here->unclear_ns, 12 * MS); /* of each the longest */
}

static void a_waker_that_is_not_followed_gives_nothing(void **state)
{
	(void)state;
	uses(A, X);
	waits_for(B, A, 5 * MS);
	uses(B, X);
	blocks(B, WORD, 0);
	after(5 * MS);
	ps_thread_is_woken(&thread[B], NULL, 99, WORD, shim_now_ns);
	runs(B);
	sends(B, Y);
	assert_int_equal(here->handoffs, 1);
	assert_int_equal(here->unclear, 1);
}

static void a_new_connection_at_the_address_of_the_wakers_is_not_its_own(void **state)
{
	(void)state;
	uses(A, X);
	closes(X);
	opens(X, HERE);
	uses(C, X);
	waits_for(B, A, 5 * MS);
	sends(B, Y);
	assert_int_equal(here->handoffs, 0);
	uses(A, Z); /* so this does not give it back either */
	assert_true(connection(X)->flags & PS_SOCK_HELD);
	assert_int_equal(here->held, 3);
}

static void a_waker_gives_its_hold_once(void **state)
{
	(void)state;
	uses(A, X);
	waits_for(B, A, 5 * MS);
	uses(B, Y);
	waits_for(C, A, 5 * MS);
	sends(C, Z);
	assert_int_equal(here->handoffs, 1);
	assert_int_equal(here->handed, 1);
	assert_int_equal(here->unclear, 1);
}

static void of_two_who_are_woken_at_once_only_one_was_given_it(void **state)
{
	(void)state;
	uses(A, X);
	blocks(B, WORD, 0);
	blocks(C, WORD, 0);
	after(5 * MS);
	wakes(A, B, WORD);
	wakes(A, C, WORD);
	runs(B);
	runs(C);
	uses(B, Y);
	uses(C, Z);
	assert_int_equal(here->handoffs, 1);
	assert_int_equal(here->handed, 1);
	assert_int_equal(here->releases, 1);
	assert_int_equal(here->held, 2);
}

static void a_connection_of_another_endpoint_gives_nothing(void **state)
{
	(void)state;
	uses(A, V);
	waits_for(B, A, 5 * MS);
	sends(B, X);
	assert_int_equal(here->handoffs, 0);
	assert_int_equal(here->unclear, 1);
	assert_int_equal(wire[THERE]->held, 1);
	assert_int_equal(wire[THERE]->releases, 0);
}

/* Python's lock, in the middle of a hold. */
static void the_last_user_that_slept_in_between_has_not_waited(void **state)
{
	(void)state;
	uses(A, X);
	uses(C, Y);
	waits_for(A, C, 1500 * US);
	uses(A, X);
	assert_int_equal(here->handoffs, 0);
	assert_int_equal(here->acquires, 2);
	assert_int_equal(here->releases, 0);
	waits_for(A, C, 5 * MS); /* that long it is another hold; a wait for it is not known all the same */
	uses(A, X);
	assert_int_equal(here->handoffs, 0);
	assert_int_equal(here->unclear, 0);
	assert_int_equal(here->acquires, 3);
	assert_true(connection(Y)->flags & PS_SOCK_HELD);
}

static void who_has_woken_a_thread_in_the_middle_of_a_hold_has_given_nothing(void **state)
{
	(void)state;
	uses(A, X);
	uses(C, Y);
	waits_for(A, C, 1500 * US);
	uses(A, X);
	waits_for(B, C, 5 * MS); /* so C can give it now */
	uses(B, Y);
	assert_int_equal(here->handoffs, 1);
	assert_int_equal(here->handed, 1);
}

static void of_several_waits_the_longest_tells_who_gave(void **state)
{
	uint64_t run_ns;

	(void)state;
	uses(A, X);
	uses(C, Y);
	waits_for(B, C, MS);
	waits_for(B, A, 5 * MS);
	waits_for(B, C, MS);
	run_ns = shim_now_ns;
	sends(B, Z);
	assert_int_equal(here->handoffs, 1);
	assert_false(connection(X)->flags & PS_SOCK_HELD);
	assert_true(connection(Y)->flags & PS_SOCK_HELD);
	assert_int_equal(connection(Z)->hold_ns, run_ns);
	assert_only(&here->wait, 7 * MS);
}

static void who_gave_a_connection_that_is_closed_by_now_has_given(void **state)
{
	(void)state;
	uses(A, X);
	waits_for(B, A, 5 * MS);
	closes(X);
	sends(B, Y);
	assert_int_equal(here->handoffs, 1);
	assert_int_equal(here->handed, 0); /* its end was told by the close */
	assert_int_equal(here->releases, 1);
	assert_int_equal(here->held, 1);
}

/* ---- through other hands ------------------------------------------------------------------------------------------------- */

static void a_token_goes_through_at_most_three_threads(void **state)
{
	for (int n = 0; n <= 4; n++) {
		begin(state);
		uses(A, X);
		for (int t = B; t <= B + n; t++)
			waits_for(t, t - 1, 2 * MS);
		sends(B + n, Y);
		assert_int_equal(here->handoffs, n <= PS_TOKEN_HOPS ? 1 : 0);
		assert_int_equal(here->handed, n <= PS_TOKEN_HOPS ? 1 : 0);
		if (n <= PS_TOKEN_HOPS) /* it was given when it left the first hand */
			assert_int_equal(here->hold.sum_ns, 2 * MS + 100 * US);
	}
}

static void through_other_hands_a_hold_is_given_only_while_it_is_the_present_one(void **state)
{
	for (int is_direct = 0; is_direct < 2; is_direct++) {
		begin(state);
		uses(A, X);
		if (!is_direct)
			waits_for(B, A, 2 * MS);
		waits_for(C, is_direct ? A : B, 3 * MS);
		uses(D, X);
		sends(C, Y);
		assert_int_equal(here->handoffs, is_direct);
		assert_int_equal(here->handed, 0);
		assert_int_equal(connection(X)->user, tid_of(D));
		assert_true(connection(X)->flags & PS_SOCK_HELD);
	}
}

static void through_other_hands_a_hold_is_not_given_twice(void **state)
{
	(void)state;
	uses(A, X);
	waits_for(B, A, 2 * MS);
	waits_for(C, B, 3 * MS);
	uses(B, Y);
	assert_int_equal(here->handoffs, 1);
	sends(C, Z);
	assert_int_equal(here->handoffs, 1);
	assert_int_equal(here->handed, 1);
	assert_int_equal(here->unclear, 1);
}

static void who_has_given_its_own_passes_on_what_it_got(void **state)
{
	(void)state;
	uses(A, X);
	uses(D, Y);
	waits_for(B, A, 2 * MS);
	uses(B, Z);
	waits_for(A, D, 2 * MS);
	waits_for(C, A, 3 * MS);
	sends(C, W);
	assert_int_equal(here->handoffs, 2);
	assert_false(connection(Y)->flags & PS_SOCK_HELD);
}

/* ---- contradictions ------------------------------------------------------------------------------------------------------ */

static void a_wait_is_a_contradiction_when_the_giver_came_later_and_did_not_wait(void **state)
{
	(void)state;
	blocks(B, WORD, 0);
	after(MS);
	uses(A, X); /* there was a free one */
	after(4 * MS);
	wakes(A, B, WORD);
	runs(B);
	uses(B, Y);
	assert_int_equal(here->handoffs, 1);
	assert_int_equal(here->contradictions, 1);
	/* now with Y, for which its former user had waited */
	blocks(C, WORD, 0);
	after(MS);
	uses(A, Y);
	after(4 * MS);
	wakes(A, C, WORD);
	runs(C);
	uses(C, Y);
	assert_int_equal(here->handoffs, 2);
	assert_int_equal(here->contradictions, 2);
}

static void a_wait_is_none_when_the_giver_has_waited_as_well(void **state)
{
	(void)state;
	uses(A, X);
	blocks(B, WORD, 0);
	after(MS);
	waits_for(C, A, 3 * MS); /* the lock was not fair */
	uses(C, X);
	after(MS);
	wakes(C, B, WORD);
	runs(B);
	sends(B, X);
	assert_int_equal(here->handoffs, 2);
	assert_int_equal(here->contradictions, 0);
}

static void connections_that_nobody_held_when_waits_ended_are_counted(void **state)
{
	(void)state;
	uses(A, X);
	waits_for(B, A, 5 * MS);
	uses(B, X);
	assert_int_equal(here->free_sum, 3); /* but A's */
	uses(C, W);
	uses(D, Y);
	blocks(A, WORD, 0);
	after(5 * MS);
	wakes(B, A, WORD);
	closes(Z); /* it was free then */
	runs(A);
	uses(A, X);
	assert_int_equal(here->handoffs, 2);
	assert_int_equal(here->free_sum, 3 + 1);
	waits_for(B, A, 5 * MS);
	uses(B, X);
	assert_int_equal(here->handoffs, 3);
	assert_int_equal(here->free_sum, 3 + 1 + 0);
}

/* ---- what is no wake ----------------------------------------------------------------------------------------------------- */

static void a_timer_is_no_wake(void **state)
{
	(void)state;
	uses(A, X);
	blocks(B, WORD, 1);
	after(5 * MS);
	timer(B);
	sends(B, X);
	assert_int_equal(here->handoffs, 0);
	assert_int_equal(here->handed, 0);
	assert_int_equal(here->unclear, 0); /* nobody has ended it */
}

static void a_wait_is_given_up_when_its_timer_ends_and_not_when_the_thread_has_a_cpu(void **state)
{
	(void)state;
	blocks(B, WORD, 1);
	after(30 * MS);
	after(7 * MS); /* others had it */
	ps_thread_runs(&thread[B], shim_now_ns, 7 * MS);
	assert_int_equal(thread[B].given_up_ns, 30 * MS);
	assert_int_equal(thread[B].ran_ns, shim_now_ns);

	blocks(C, WORD, 1);
	after(2 * MS);
	ps_thread_runs(&thread[C], shim_now_ns, 3 * MS); /* nonsense: longer than it slept */
	assert_int_equal(thread[C].given_up_ns, 0);
}

static void a_futex_call_on_another_word_is_no_wake(void **state)
{
	(void)state;
	uses(A, X);
	blocks(B, WORD, 1);
	after(5 * MS);
	wakes(A, B, OTHER_WORD);
	runs(B);
	sends(B, X);
	assert_int_equal(here->handoffs, 0);
	assert_int_equal(here->unclear, 0);
}

static void a_futex_call_on_one_of_two_words_is_a_wake(void **state)
{
	(void)state;
	uses(A, X);
	blocks(B, WORD, 0);
	after(5 * MS);
	wakes(A, B, 0);
	runs(B);
	sends(B, X);
	assert_int_equal(here->handoffs, 1);
}

static void a_waking_told_before_the_sleep_is_kept_unless_it_was_for_another_word(void **state)
{
	static const struct {
		uint64_t told;
		int is_kept;
	} cases[] = { { WORD, 1 }, { 0, 1 }, { OTHER_WORD, 0 } };

	for (int i = 0; i < 3; i++) {
		begin(state);
		uses(A, X);
		wakes(A, B, cases[i].told);
		after(10 * US);
		blocks(B, WORD, 0);
		after(5 * MS);
		runs(B);
		sends(B, X);
		assert_int_equal(here->handoffs, cases[i].is_kept);
		assert_int_equal(n_in(&here->wait), cases[i].is_kept);
		if (cases[i].is_kept)
			assert_only(&here->hold, 100 * US);
	}
}

static void a_thread_that_runs_without_having_slept_has_not_waited(void **state)
{
	(void)state;
	uses(A, X);
	wakes(A, B, WORD);
	runs(B);
	ps_thread_runs(&thread[B], shim_now_ns, 0);
	sends(B, X);
	assert_int_equal(here->handoffs, 0);
	assert_int_equal(here->acquires, 2);
}

/* ---- what belongs to a wait ---------------------------------------------------------------------------------------------- */

static void what_is_before_the_first_token_or_after_the_last_is_no_part_of_a_wait(void **state)
{
	uint64_t run_ns;

	(void)state;
	uses(A, X);
	waits_for(B, C, 50 * MS); /* C has used nothing: it brings a task */
	after(MS);
	waits_for(B, A, 3 * MS);
	run_ns = shim_now_ns;
	after(MS); /* it runs: no wait */
	waits_for(B, C, 2 * MS); /* for a lock, with the connection in hand */
	sends(B, X);
	assert_int_equal(here->handoffs, 1);
	assert_only(&here->wait, 3 * MS);
	assert_int_equal(here->unclear, 0);
	assert_int_equal(connection(X)->hold_ns, run_ns);
}

static void what_was_waited_before_the_last_use_is_forgotten(void **state)
{
	(void)state;
	uses(A, X);
	uses(B, Y);
	waits_for(B, A, 5 * MS);
	receives(B, Y); /* so it was the answer that it had waited for */
	sends(B, Z);
	assert_int_equal(here->handoffs, 0);
	assert_int_equal(here->unclear, 0);
}

static void what_was_waited_is_not_forgotten_when_another_ones_answer_is_read(void **state)
{
	(void)state;
	uses(A, X);
	sends(C, Y);
	waits_for(B, A, 5 * MS);
	receives(B, Y);
	sends(B, X);
	assert_int_equal(here->handoffs, 1);
}

/* ---- stalls of the process ------------------------------------------------------------------------------------------------ */

static void waits_and_holds_lie_in_stalls_by_their_overlap(void **state)
{
	(void)state;
	uses(A, X);
	stalls(7 * MS);
	blocks(B, WORD, 0);
	after(MS);
	stalls(50 * MS);
	after(MS);
	wakes(A, B, WORD);
	stalls(3 * MS); /* it was woken, and cannot run */
	runs(B);
	stalls(100 * MS); /* it has the connection */
	uses(B, X);
	assert_int_equal(here->stalled_ns, 53 * MS);
	assert_int_equal(here->stalled_hold_ns / 1024, 57 * MS / 1024);
	assert_int_equal(here->wait.sum_ns, 55 * MS);
	uses(A, X); /* the hold had begun when it ran */
	assert_int_equal(here->stalled_hold_ns / 1024, 157 * MS / 1024);
	assert_int_equal(here->stalled_ns, 53 * MS);
}

static void what_comes_in_parts_has_the_stalls_of_all(void **state)
{
	(void)state;
	uses(A, X);
	waits_in_vain(B, WORD, 3 * MS); /* a timer looked at the clock */
	blocks(B, WORD, 1);
	stalls(10 * MS);
	timer(B);
	blocks(B, WORD, 1);
	after(MS);
	wakes(A, B, WORD);
	runs(B);
	stalls(20 * MS);
	sends(B, X);
	assert_int_equal(here->wait.sum_ns, 14 * MS);
	assert_int_equal(here->stalled_ns, 10 * MS);
}

static void a_stall_after_the_last_traffic_is_no_part_of_it(void **state)
{
	(void)state;
	uses(A, X);
	stalls(2 * MS);
	uses(A, X);
	stalls(30 * MS);
	sends(B, X);
	assert_int_equal(here->stalled_hold_ns / 1024, 2 * MS / 1024);
	assert_int_equal(here->stalled_ns, 0);
}

/* As the kernel side has it of the last stall. */
static void stall_ends(uint64_t length_ns)
{
	struct ps_standstill s = { .stood_ns = stood_ns,
				   .stood_until_ns = shim_now_ns,
				   .last_ns = length_ns };

	ps_stood_begins(the_process.tgid);
	assert_int_equal(bpf_map_update_elem(&ps_standstills, &the_process, &s, BPF_ANY), 0);
}

static void what_waits_since_a_stall_came_of_it(void **state)
{
	(void)state;
	uses(A, X);
	stalls(50 * MS);
	stall_ends(50 * MS);
	after(MS);
	blocks(C, WORD, 0);
	waits_for(B, A, 5 * MS);
	uses(B, X);
	assert_int_equal(here->backlog_ns, 5 * MS);
	wakes(B, C, WORD); /* its wait began with the other one's */
	runs(C);
	uses(C, X);
	assert_int_equal(here->backlog_ns, 10 * MS + 100 * US);
	after(60 * MS);
	waits_for(A, C, 5 * MS); /* nobody had waited for longer than the stall was */
	uses(A, X);
	assert_int_equal(here->backlog_ns, 10 * MS + 100 * US);
	assert_int_equal(here->stalled_ns, 0);
}

static void who_sleeps_until_a_stall_ends_waits_for_that(void **state)
{
	(void)state;
	uses(A, X);
	blocks(A, OTHER_WORD, 0); /* a safepoint: the runtime's own thread wakes them all */
	blocks(C, OTHER_WORD, 0);
	stalls(50 * MS);
	after(PS_LONG_WAIT_NS - 1);
	wakes(D, A, OTHER_WORD);
	wakes(D, C, OTHER_WORD);
	runs(A);
	runs(C);
	uses(A, X);
	assert_int_equal(here->acquires, 1); /* it had it all the time */
	uses(C, Y);
	assert_int_equal(here->unclear, 0);
}

static void who_waited_before_a_stall_waits_on_for_the_same_reason(void **state)
{
	(void)state;
	uses(A, X);
	blocks(B, WORD, 0);
	after(MS);
	stalls(50 * MS);
	stall_ends(50 * MS);
	blocks(C, WORD, 0);
	after(10 * MS);
	wakes(A, B, WORD);
	runs(B);
	uses(B, X);
	wakes(B, C, WORD);
	runs(C);
	uses(C, X);
	assert_int_equal(here->stalled_ns, 50 * MS);
	assert_int_equal(here->backlog_ns, 0);
}

/* ---- holds --------------------------------------------------------------------------------------------------------------- */

static void a_hold_whose_end_nobody_saw_ends_at_the_last_traffic(void **state)
{
	(void)state;
	uses(A, X);
	after(3 * MS);
	uses(A, X);
	after(10 * MS);
	assert_int_equal(here->releases, 0);
	sends(B, X);
	assert_int_equal(here->releases, 1);
	assert_int_equal(here->handed, 0);
	assert_int_equal(here->held, 1);
	assert_only(&here->hold, 3 * MS + 200 * US);
	assert_int_equal(connection(X)->hold_ns, shim_now_ns);
}

static void a_wait_over_2_ms_of_the_same_user_splits_its_hold(void **state)
{
	(void)state;
	uses(A, X);
	waits_for(A, B, PS_LONG_WAIT_NS - 1);
	uses(A, X);
	assert_int_equal(here->acquires, 1);
	waits_for(A, B, PS_LONG_WAIT_NS);
	sends(A, X);
	assert_int_equal(here->acquires, 2);
	assert_int_equal(here->releases, 1);
	assert_int_equal(here->held, 1);
	assert_only(&here->hold, PS_LONG_WAIT_NS - 1 + 200 * US);
	assert_int_equal(connection(X)->hold_ns, shim_now_ns);
}

static void a_user_that_goes_on_after_it_gave_holds_anew(void **state)
{
	(void)state;
	uses(A, X);
	waits_for(B, A, 5 * MS);
	uses(B, Y);
	uses(A, X);
	assert_int_equal(here->acquires, 3);
	assert_int_equal(here->releases, 1);
	assert_int_equal(here->held, 2);
	waits_for(C, A, 5 * MS); /* and can give that */
	uses(C, X);
	assert_int_equal(here->handoffs, 2);
	assert_int_equal(here->handed, 2);
}

static void who_takes_another_connection_has_given_the_first_one_back(void **state)
{
	(void)state;
	uses(A, X);
	after(5 * MS);
	uses(A, V); /* another endpoint's */
	assert_int_equal(here->held, 1);
	uses(A, X);
	after(5 * MS);
	uses(A, Y);
	assert_int_equal(here->acquires, 2);
	assert_int_equal(here->releases, 1);
	assert_int_equal(here->handed, 0);
	assert_false(connection(X)->flags & PS_SOCK_HELD);
	assert_only(&here->hold, 5 * MS + 300 * US);
	sends(A, Z);
	sends(A, W); /* Z is at work: it has both */
	assert_int_equal(here->held, 2);
}

static void who_uses_the_first_one_again_has_taken_it_again(void **state)
{
	(void)state;
	uses(A, X);
	uses(A, Y);
	uses(B, X); /* B's now */
	uses(A, Y);
	uses(B, Z);
	uses(A, X);
	assert_int_equal(here->acquires, 5);
	assert_int_equal(here->releases, 3);
	assert_int_equal(here->held, 2);
	assert_int_equal(connection(X)->user, tid_of(A));
	assert_int_equal(connection(Z)->user, tid_of(B));
}

static void a_closed_connection_gives_up_busy_and_held(void **state)
{
	(void)state;
	uses(A, X);
	after(MS);
	sends(A, X);
	sends(B, Y);
	assert_int_equal(here->busy, 2);
	assert_int_equal(here->held, 2);
	after(7 * MS);
	closes(X);
	assert_int_equal(here->busy, 1);
	assert_int_equal(here->held, 1);
	assert_int_equal(here->releases, 1);
	assert_int_equal(here->handed, 0);
	assert_only(&here->hold, MS + 100 * US); /* until the last traffic */
	closes(Z); /* nobody has used it */
	assert_int_equal(here->releases, 1);
}

/* ---- the wire ------------------------------------------------------------------------------------------------------------ */

static void a_request_keeps_its_connection_busy_until_something_comes_back(void **state)
{
	(void)state;
	sends(A, X);
	after(MS);
	sends(A, X); /* in two pieces */
	assert_int_equal(here->busy, 1);
	after(2 * MS);
	receives(A, X);
	assert_int_equal(here->busy, 0);
	receives(A, X);
	assert_int_equal(here->busy, 0);
	assert_int_equal(here->requests, 1);
}

static void who_reads_what_another_one_asked_for_is_no_user(void **state)
{
	(void)state;
	uses(A, X);
	sends(A, X);
	after(MS);
	receives(B, X);
	assert_int_equal(here->busy, 0);
	assert_int_equal(here->acquires, 1);
	assert_int_equal(connection(X)->user, tid_of(A));
	assert_int_equal(thread[B].last_sock, 0);
	waits_for(C, B, 5 * MS); /* it has nothing to give */
	sends(C, X);
	assert_int_equal(here->handoffs, 0);
}

static void a_request_while_another_of_the_thread_is_unanswered_is_multiplexed(void **state)
{
	(void)state;
	sends(A, X);
	sends(A, X);
	assert_int_equal(here->multiplexed, 0);
	sends(A, Y);
	assert_int_equal(here->multiplexed, 1);
	receives(A, X); /* of several the last one is looked at */
	sends(A, Z);
	assert_int_equal(here->multiplexed, 2);
	receives(A, Z);
	sends(A, V);
	assert_int_equal(wire[THERE]->multiplexed, 0);
	sends(A, W); /* not one of another endpoint: some never answer */
	assert_int_equal(here->multiplexed, 2);
	sends(B, X); /* not one of another thread */
	assert_int_equal(here->multiplexed, 2);
	closes(W);
	sends(A, X); /* not one that was closed without an answer */
	assert_int_equal(here->multiplexed, 2);
}

static void requests_one_after_the_other_are_not_multiplexed(void **state)
{
	(void)state;
	uses(A, X);
	uses(A, Y);
	sends(B, X);
	uses(A, V);
	uses(A, X);
	receives(B, X);
	sends(A, Y);
	assert_int_equal(here->multiplexed, 0);
	assert_int_equal(wire[THERE]->multiplexed, 0);
}

static void silent_connections_stay_behind_the_hand_offs(void **state)
{
	uint64_t seen;

	(void)state;
	uses(C, Z);
	uses(A, X);
	for (int i = 0; i < 30; i++) {
		waits_for(i % 2 ? A : B, i % 2 ? B : A, PS_LOCK_WAIT_NS);
		uses(i % 2 ? A : B, X);
	}
	assert_int_equal(here->handoffs_long, 30);
	assert_int_equal(connection(X)->handoffs_seen, 30);
	assert_int_equal(connection(Z)->handoffs_seen, 0);
	assert_int_equal(connection(W)->handoffs_seen, 0);
	receives(C, Z);
	assert_int_equal(connection(Z)->handoffs_seen, 30);
	sends(D, W);
	assert_int_equal(connection(W)->handoffs_seen, 30);
	seen = here->handoffs;
	waits_for(B, A, PS_LOCK_WAIT_NS - 1); /* perhaps for a lock of the pool */
	uses(B, X);
	assert_int_equal(here->handoffs, seen + 1);
	assert_int_equal(here->handoffs_long, 30);
}

static void a_pool_is_as_large_as_it_was_when_somebody_waited(void **state)
{
	(void)state;
	uses(A, X);
	assert_int_equal(here->open_full, 0);
	waits_for(B, A, PS_LOCK_WAIT_NS - 1);
	uses(B, X);
	assert_int_equal(here->open_full, 0);
	waits_for(A, B, PS_LOCK_WAIT_NS);
	uses(A, X);
	assert_int_equal(here->open_full, 4);
	closes(Z);
	waits_for(B, A, 5 * MS);
	uses(B, X);
	assert_int_equal(here->open_full, 4);
}

static void two_waits_at_once_saturate_the_pool_only_once(void **state)
{
	(void)state;
	uses(A, X);
	uses(D, Y);
	blocks(B, WORD, 0);
	after(4 * MS);
	blocks(C, OTHER_WORD, 0);
	after(6 * MS);
	wakes(A, B, WORD);
	runs(B);
	uses(B, X);
	assert_int_equal(here->saturated_ns, 10 * MS);
	after(5 * MS - 100 * US);
	wakes(D, C, OTHER_WORD);
	runs(C);
	uses(C, Y);
	assert_int_equal(here->handoffs, 2);
	assert_int_equal(here->wait.sum_ns, 21 * MS);
	assert_int_equal(here->saturated_ns, 15 * MS);
	after(20 * MS);
	waits_for(A, B, 3 * MS);
	uses(A, X);
	assert_int_equal(here->saturated_ns, 18 * MS);
}

/* A wait within one that was told already adds nothing. */
static void a_wait_that_is_told_late_saturates_what_was_not_yet(void **state)
{
	(void)state;
	uses(A, X);
	uses(D, Y);
	blocks(C, WORD, 0);
	blocks(B, OTHER_WORD, 0);
	after(10 * MS);
	wakes(A, B, OTHER_WORD);
	runs(B);
	after(MS);
	wakes(D, C, WORD);
	runs(C);
	uses(C, Y);
	assert_int_equal(here->saturated_ns, 11 * MS);
	uses(B, X);
	assert_int_equal(here->handoffs, 2);
	assert_int_equal(here->saturated_ns, 11 * MS);
}

/* All are woken for one: who was too late sleeps on, and what will end its wait says nothing of when a connection was free. */
static void wakings_that_bring_nothing_are_counted(void **state)
{
	(void)state;
	uses(A, X);
	waits_for(B, A, 5 * MS);
	waits_for(B, A, 5 * MS); /* the first one brought nothing */
	waits_for(B, A, PS_LOCK_WAIT_NS - 1); /* nor did the second; this one may have been for a lock */
	waits_for(B, A, 5 * MS);
	uses(B, X);
	assert_int_equal(here->handoffs, 1);
	assert_int_equal(here->lost, 2);
	waits_for(A, B, 5 * MS);
	uses(A, X);
	assert_int_equal(here->lost, 2);
	waits_for(B, A, 5 * MS);
	after(PS_AGAIN_NS); /* it does something else */
	waits_for(B, A, 5 * MS);
	uses(B, X);
	assert_int_equal(here->lost, 2);
}

/* ---- given up ------------------------------------------------------------------------------------------------------------ */

static uint32_t name_hash(const char *name)
{
	char comm[PS_COMM_MAX] = "";

	memcpy(comm, name, strnlen(name, PS_COMM_MAX));
	return ps_name_hash((const struct ps_comm *)comm);
}

/* NULL = none of that name and length. */
static struct ps_given_up *given_up(const char *name, uint64_t ns)
{
	struct ps_given_up_key key = { .proc = the_process,
				       .name = name_hash(name),
				       .bucket = ps_hist_bucket(ns) };

	return bpf_map_lookup_elem(&ps_given_ups, &key);
}

static void a_wait_that_a_timer_ended_is_counted_by_name_and_length(void **state)
{
	struct ps_given_up *g;

	(void)state;
	waits_in_vain(A, WORD, 30 * MS);
	after(MS);
	blocks(A, OTHER_WORD, 0); /* now it is known that it does not go on */
	waits_in_vain(B, WORD, 30 * MS);
	after(MS);
	uses(B, V);
	assert_int_equal(ps_given_ups.n, 1);
	g = given_up("worker-99", 30 * MS);
	assert_non_null(g);
	assert_int_equal(g->n, 2);
	assert_int_equal(g->sum_ns, 60 * MS);
	assert_int_equal(g->n_known, 0);
	assert_int_equal(g->wire, 0);
	strcpy(thread_name[C], "mailer");
	waits_in_vain(C, WORD, 30 * MS);
	after(MS);
	blocks(C, OTHER_WORD, 0);
	waits_in_vain(D, WORD, 60 * MS);
	after(MS);
	blocks(D, OTHER_WORD, 0);
	assert_int_equal(ps_given_ups.n, 3);
	assert_int_equal(given_up("mailer", 30 * MS)->n, 1);
	assert_int_equal(given_up("worker-", 60 * MS)->n, 1);
	assert_int_equal(g->n, 2);
}

static void digits_do_not_count_in_a_name(void **state)
{
	static const char followed[PS_COMM_MAX] = { 'a', 0, 'x' };

	(void)state;
	assert_int_equal(name_hash("worker-1"), name_hash("worker-23"));
	assert_int_equal(name_hash("1a2b3"), name_hash("ab"));
	assert_int_not_equal(name_hash("worker-1"), name_hash("mailer-1"));
	assert_int_not_equal(name_hash("ab"), name_hash("ba"));
	/* what stands behind the end is no part of it; a name without an end is whole */
	assert_int_equal(ps_name_hash((const struct ps_comm *)followed), name_hash("a"));
	assert_int_not_equal(name_hash("0123456789abcdeg"), name_hash("0123456789abcdef"));
}

static void what_ended_otherwise_is_not_given_up(void **state)
{
	(void)state;
	waits_in_vain(A, WORD, PS_LONG_WAIT_NS - 1); /* too short */
	after(MS);
	blocks(A, OTHER_WORD, 0);
	blocks(B, WORD, 0); /* no timeout: a signal */
	after(30 * MS);
	timer(B);
	after(MS);
	blocks(B, OTHER_WORD, 0);
	waits_for(C, A, 30 * MS);
	after(MS);
	blocks(C, OTHER_WORD, 0);
	waits_in_vain(D, WORD, 30 * MS);
	uses(D, X); /* at once: a timer looked whether all is well */
	after(MS);
	blocks(D, OTHER_WORD, 0);
	assert_int_equal(ps_given_ups.n, 0);
}

/* After one long hand-off to a wait on `at`: whether a wait in vain on `word` is known to be one for a connection. */
static int is_known(void **state, uint64_t at, uint64_t word)
{
	struct ps_given_up *g;

	begin(state);
	uses(A, X);
	blocks(B, at, 0);
	after(5 * MS);
	wakes(A, B, at);
	runs(B);
	uses(B, X);
	waits_in_vain(C, word, 30 * MS);
	after(MS);
	blocks(C, OTHER_WORD, 0);
	g = given_up("worker-", 30 * MS);
	assert_non_null(g);
	assert_int_equal(g->n, 1);
	assert_int_equal(g->wire, g->n_known ? wire_id(HERE) : 0);
	return (int)g->n_known;
}

static void it_is_known_where_threads_had_waited_for_a_connection(void **state)
{
	const uint64_t line = 0x7f0000001040ull;

	assert_int_equal(is_known(state, WORD, WORD), 1);
	assert_int_equal(is_known(state, WORD, OTHER_WORD), 0);
	/* glibc's condition variables take turns with two words 12 bytes apart */
	for (uint64_t at = line; at < line + 64; at += 4) {
		assert_int_equal(is_known(state, at, at + 12), 1);
		assert_int_equal(is_known(state, at, at - 12), 1);
		assert_int_equal(is_known(state, at, at + 128), 0);
		assert_int_equal(is_known(state, at, at - 128), 0);
	}
	assert_int_equal(is_known(state, line + 16, line - 4), 0);
	assert_int_equal(is_known(state, line + 48, line + 64), 0);
}

static void a_short_wait_does_not_tell_where_threads_wait_for_a_connection(void **state)
{
	(void)state;
	uses(A, X);
	waits_for(B, A, PS_LOCK_WAIT_NS - 1);
	uses(B, X);
	assert_int_equal(ps_words.n, 0);
	waits_for(A, B, PS_LOCK_WAIT_NS);
	uses(A, X);
	assert_int_equal(ps_words.n, 1);
}

static void a_known_one_is_no_part_of_the_next_wait(void **state)
{
	(void)state;
	uses(A, X);
	waits_for(B, A, 5 * MS);
	uses(B, X);
	waits_for(A, B, MS); /* it comes with a token, and goes on */
	waits_in_vain(A, WORD, 30 * MS);
	after(MS);
	waits_for(A, B, 7 * MS);
	uses(A, X);
	assert_int_equal(given_up("worker-", 30 * MS + MS)->n_known, 1);
	assert_int_equal(here->handoffs, 2);
	assert_int_equal(here->wait.sum_ns, 12 * MS);
}

static void one_that_is_retried_at_once_is_not_given_up_and_its_chain_goes_on(void **state)
{
	(void)state;
	waits_in_vain(A, WORD, 30 * MS);
	after(PS_AGAIN_NS - 1);
	waits_in_vain(A, WORD, 30 * MS);
	after(PS_AGAIN_NS - 1);
	waits_in_vain(A, WORD, MS);
	assert_int_equal(ps_given_ups.n, 0);
	after(PS_AGAIN_NS);
	blocks(A, WORD, 1);
	assert_int_equal(ps_given_ups.n, 1);
	assert_non_null(given_up("worker-", 63 * MS - 2));
	assert_int_equal(given_up("worker-", 63 * MS - 2)->sum_ns, 63 * MS - 2);
	/* the chain begins anew */
	after(30 * MS);
	timer(A);
	waits_in_vain(A, OTHER_WORD, 20 * MS); /* and on another word */
	assert_int_equal(given_up("worker-", 30 * MS)->sum_ns, 30 * MS);
	after(MS);
	blocks(A, WORD, 0);
	assert_int_equal(given_up("worker-", 20 * MS)->sum_ns, 20 * MS);
}

static void others_that_have_its_cpu_do_not_end_a_chain(void **state)
{
	const uint64_t used = 7 * MS;

	(void)state;
	waits_in_vain(A, WORD, 30 * MS);
	thread[A].ran_slept = 12;
	thread[A].ran_used_ns = (uint32_t)used;
	after(5 * MS); /* of which it computes for less than PS_AGAIN_NS */
	thread[A].off_ns = ps_off_ns(&thread[A], 13, used + PS_AGAIN_NS - 1, shim_now_ns);
	assert_int_equal(thread[A].off_ns, 5 * MS - PS_AGAIN_NS + 1);
	waits_in_vain(A, WORD, 25 * MS);
	after(PS_LONG_WAIT_NS);
	thread[A].off_ns = ps_off_ns(&thread[A], 13, used + PS_AGAIN_NS, shim_now_ns - MS);
	blocks(A, OTHER_WORD, 0);
	assert_int_equal(ps_given_ups.n, 1);
	assert_non_null(given_up("worker-", 60 * MS));
}

static void a_thread_that_slept_for_something_else_was_not_without_a_cpu(void **state)
{
	(void)state;
	waits_in_vain(A, WORD, 30 * MS);
	thread[A].ran_slept = (uint32_t)-1; /* it is the last bits of a count */
	after(5 * MS);
	assert_int_equal(ps_off_ns(&thread[A], 1ull << 32, MS, shim_now_ns), 4 * MS);
	assert_int_equal(ps_off_ns(&thread[A], (1ull << 32) + 1, MS, shim_now_ns), 0);
	after(5000000000ull); /* more than the bits tell */
	assert_int_equal(ps_off_ns(&thread[A], 1ull << 32, MS, shim_now_ns), 0);
}

static void who_had_no_cpu_has_had_no_time_to_use_what_it_got(void **state)
{
	(void)state;
	uses(A, X);
	waits_for(B, A, 30 * MS);
	after(PS_LONG_WAIT_NS);
	assert_true(ps_thread_was_in_vain(&thread[B], shim_now_ns));
	thread[B].off_ns = MS;
	assert_false(ps_thread_was_in_vain(&thread[B], shim_now_ns));
}

static void a_chain_that_is_woken_at_last_is_not_given_up(void **state)
{
	(void)state;
	uses(A, X);
	waits_in_vain(B, WORD, 30 * MS);
	after(10 * US);
	waits_for(B, A, 5 * MS);
	after(MS);
	waits_for(B, C, 0); /* without having used anything yet */
	uses(B, X);
	after(MS);
	blocks(B, OTHER_WORD, 0);
	assert_int_equal(ps_given_ups.n, 0);
	assert_int_equal(here->handoffs, 1);
	assert_int_equal(here->sliced, 1);
	assert_only(&here->wait, 35 * MS + 10 * US); /* all of it */
	waits_for(A, B, 5 * MS);
	uses(A, X);
	assert_int_equal(here->sliced, 1);
	assert_int_equal(here->wait.sum_ns, 40 * MS + 10 * US);
}

/* Where others gave up after that long and did something else, one who waits there again at once has given up as well. */
static void a_retry_is_known_by_those_who_do_not(void **state)
{
	struct ps_given_up *g;

	(void)state;
	uses(A, X);
	waits_in_vain(C, WORD, 30 * MS);
	after(PS_AGAIN_NS);
	blocks(C, OTHER_WORD, 0);
	waits_in_vain(B, WORD, 30 * MS);
	after(10 * US);
	waits_in_vain(B, WORD, 30 * MS);
	after(10 * US);
	waits_for(B, A, 5 * MS);
	uses(B, X);
	g = given_up("worker-", 30 * MS);
	assert_int_equal(ps_given_ups.n, 1);
	assert_int_equal(g->n, 3);
	assert_int_equal(g->n_retried, 2);
	assert_int_equal(g->sum_ns, 90 * MS);
	assert_int_equal(here->sliced, 0);
	assert_only(&here->wait, 5 * MS);
}

static void where_threads_gave_up_is_learned_when_others_get_a_connection_there(void **state)
{
	struct ps_given_up *g;

	(void)state;
	uses(A, X);
	for (int i = 0; i < 3; i++) {
		waits_in_vain(C, i < 2 ? WORD : OTHER_WORD, 30 * MS);
		after(PS_AGAIN_NS);
		blocks(C, WORD + 1000, 0);
	}
	g = given_up("worker-", 30 * MS);
	assert_int_equal(g->n, 3);
	assert_int_equal(g->n_new, 2);
	assert_int_equal(g->n_known, 0);
	waits_for(B, A, 5 * MS);
	uses(B, X);
	assert_int_equal(g->n_known, 1);
	assert_int_equal(g->wire, wire_id(HERE));
	waits_for(A, B, 5 * MS); /* a place is learned once */
	uses(A, X);
	assert_int_equal(g->n_known, 1);
}

static void one_in_vain_at_an_unknown_place_is_kept_apart(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		waits_for(B, A, 30 * MS);
		after(PS_LONG_WAIT_NS);
		blocks(B, OTHER_WORD, 0);
		assert_int_equal(ps_given_ups.n, i); /* by itself it says nothing */
		waits_in_vain(C, WORD, 30 * MS);
		after(PS_AGAIN_NS);
		blocks(C, OTHER_WORD, 0);
	}
	assert_int_equal(given_up("worker-", 30 * MS)->n, 2);
	assert_int_equal(given_up("worker-", 30 * MS)->n_vain, 1);
}

static void a_full_table_of_given_up_waits_is_counted(void **state)
{
	uint32_t key = PS_LOSS_given_ups_full;

	(void)state;
	ps_given_ups.limit = 1;
	for (int t = A; t <= C; t++) {
		waits_in_vain(t, WORD, t == C ? 30 * MS : (uint64_t)(t + 1) * 10 * MS);
		after(MS);
		blocks(t, OTHER_WORD, 0);
	}
	assert_int_equal(ps_given_ups.n, 1);
	assert_int_equal(*(uint64_t *)bpf_map_lookup_elem(&ps_losses, &key), 2);
}

/* ---- who is followed ----------------------------------------------------------------------------------------------------- */

static void each_process_is_followed_for_itself(void **state)
{
	static const uint32_t tgids[] = { 1, 63, 64, 65, 4711, PS_TGID_LIMIT - 1 };

	(void)state;
	for (int i = 0; i < 6; i++) {
		for (int k = 0; k < 6; k++)
			assert_int_equal(ps_is_followed(tgids[k]), 0);
		ps_follow(tgids[i]);
		ps_follow(tgids[i]);
		for (int k = 0; k < 6; k++)
			assert_int_equal(ps_is_followed(tgids[k]), k == i);
		ps_unfollow(tgids[i]);
		ps_unfollow(tgids[i]);
	}
	ps_follow(64);
	ps_follow(65);
	ps_unfollow(64);
	assert_int_equal(ps_is_followed(65), 1);
	ps_unfollow(65);
}

/* ---- at random ----------------------------------------------------------------------------------------------------------- */

static uint64_t n_with_flag(const struct ps_wire *w, uint32_t flag)
{
	uint64_t n = 0;

	for (const struct shim_entry *e = ps_socks.first; e; e = e->next) {
		const struct ps_sock *s = (const struct ps_sock *)e->value;

		n += wire[s->wire - wire_id(HERE)] == w && s->flags & flag;
	}
	return n;
}

static void assert_books_hold(const struct ps_wire *w)
{
	uint64_t passed = shim_now_ns - began_ns;

	assert_true(w->held >= 0 && w->held <= w->open);
	assert_true(w->busy >= 0 && w->busy <= w->open);
	assert_int_equal(w->held, n_with_flag(w, PS_SOCK_HELD));
	assert_int_equal(w->busy, n_with_flag(w, PS_SOCK_BUSY));
	assert_int_equal(w->acquires, w->releases + (uint64_t)w->held);
	assert_true(w->handed <= w->releases && w->handed <= w->handoffs);
	assert_true(w->handoffs + w->unclear <= w->acquires);
	assert_true(w->handoffs_long <= w->handoffs);
	assert_true(w->contradictions <= w->handoffs);
	assert_true(w->open_full <= N_CONNECTIONS);
	assert_int_equal(n_in(&w->hold), w->releases);
	assert_int_equal(n_in(&w->wait), w->handoffs);
	assert_true(w->wait.max_ns <= passed && w->hold.max_ns <= passed);
	assert_true(w->saturated_ns <= w->wait.sum_ns);
	assert_true(w->free_sum <= w->handoffs * N_CONNECTIONS);
	assert_true(w->wait.sum_ns + w->unclear_ns <= N_THREADS * passed);
}

static void assert_threads_hold(void)
{
	uint64_t passed = shim_now_ns - began_ns;

	for (int t = 0; t < N_THREADS; t++) {
		assert_true(thread[t].sum_ns <= passed && thread[t].best_ns <= passed);
		assert_true(thread[t].longest_ns <= passed && thread[t].given_up_ns <= passed);
	}
	for (const struct shim_entry *e = ps_given_ups.first; e; e = e->next) {
		const struct ps_given_up *g = (const struct ps_given_up *)e->value;

		assert_true(g->n && g->n_known <= g->n && g->sum_ns <= g->n * passed);
	}
}

static unsigned int seed;

static int any(int n)
{
	return rand_r(&seed) % n;
}

/* A thread that is awake does one of what it can do; `next_id`: no two connections have the same. */
static void random_step(int t, uint64_t at[N_CONNECTIONS], uint64_t *next_id)
{
	static const uint64_t words[] = { WORD, WORD + 12, OTHER_WORD };
	int c = any(N_CONNECTIONS), other = any(N_THREADS);
	uint64_t word = words[any(3)];

	switch (any(9)) {
	case 0:
		blocks(t, word, any(2));
		break;
	case 1:
	case 2:
		for (int i = 0; i < N_THREADS && !thread[other].block_ns; i++)
			other = any(N_THREADS);
		wakes(t, other, any(9) ? thread[other].word : any(2) ? word : 0);
		break;
	case 3:
	case 4:
	case 5:
		sends(t, at[c]);
		break;
	case 6:
	case 7:
		for (int i = 0; i < N_CONNECTIONS; i++) /* mostly its own answer */
			if (at[i] == thread[t].last_sock && any(4))
				c = i;
		receives(t, at[c]);
		break;
	default:
		if (any(20))
			break;
		closes(at[c]);
		at[c] = (*next_id)++;
		opens(at[c], c == N_CONNECTIONS - 1 ? THERE : HERE);
	}
}

/* Those who were woken run before long; others may have a timer. */
static void random_end_of_sleep(int t)
{
	if (any(thread[t].is_woken ? 2 : 25))
		return;
	if (!thread[t].is_woken || !any(25))
		timer(t);
}

static void random_steps_keep_the_books(void **state)
{
	static const unsigned int seeds[] = { 1, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 101, 4711 };
	uint64_t handoffs = 0, contradictions = 0, unseen = 0, unclear = 0, given_ups = 0;

	for (size_t i = 0; i < sizeof(seeds) / sizeof(*seeds); i++) {
		uint64_t at[N_CONNECTIONS] = { W, X, Y, Z, V }, next_id = V + 1;

		begin(state);
		seed = seeds[i];
		for (int step = 0; step < 20011; step++) {
			int t = any(N_THREADS);

			after((uint64_t)any(step % 3 ? 50000 : 2000000));
			if (thread[t].block_ns)
				random_end_of_sleep(t);
			else
				random_step(t, at, &next_id);
			assert_books_hold(wire[HERE]);
			assert_books_hold(wire[THERE]);
			assert_threads_hold();
		}
		handoffs += here->handoffs;
		contradictions += here->contradictions;
		unseen += here->releases - here->handed;
		unclear += here->unclear;
		given_ups += ps_given_ups.n;
	}
	/* the steps come to all that */
	assert_true(handoffs > 300 && contradictions > 100 && unclear > 100);
	assert_true(unseen > 1000 && given_ups > 100);
}

/* ---- what only a second look saw ---------------------------------------------------------------------------------------------------------- */

static void a_new_connection_at_the_givers_address_is_not_what_was_given(void **state)
{
	for (int to = HERE; to <= THERE; to++) {
		begin(state);
		uses(A, X);
		waits_for(B, A, 5 * MS);
		closes(X);
		opens(X, to);
		uses(C, X);
		uses(B, Y);
		assert_true(connection(X)->flags & PS_SOCK_HELD);
		assert_int_equal(wire[to]->held, to == HERE ? 2 : 1);
		closes(Y);
		assert_true(here->held >= 0);
	}
}

static void a_waking_that_was_told_long_before_the_sleep_is_not_its_end(void **state)
{
	(void)state;
	uses(A, X);
	wakes(A, B, WORD); /* B was about to sleep, and then did not */
	after(10000 * MS);
	waits_in_vain(B, WORD, 30 * MS);
	after(MS);
	uses(B, Y);
	assert_int_equal(here->handoffs, 0);
	assert_non_null(given_up("worker-", 30 * MS));
}

static void who_has_used_a_connection_begins_a_new_chain(void **state)
{
	(void)state;
	uses(A, X);
	waits_for(B, A, 50 * MS);
	uses(B, X);
	waits_in_vain(B, WORD, 100 * MS);
	after(MS);
	uses(B, V);
	assert_non_null(given_up("worker-", 100 * MS));
}

static void a_pool_is_not_saturated_before_anybody_waits(void **state)
{
	uint64_t since_ns;

	(void)state;
	uses(A, X);
	after(100 * MS);
	since_ns = shim_now_ns;
	waits_for(B, A, 10 * MS);
	waits_for(B, C, 9 * MS);
	sends(B, X);
	assert_int_equal(here->saturated_ns, 10 * MS);
	assert_int_equal(here->saturated_until_ns - here->saturated_ns, since_ns);
}

static void who_goes_on_with_its_connection_has_not_given_it(void **state)
{
	(void)state;
	uses(A, X);
	waits_for(B, A, 10 * US); /* for a lock */
	after(1000 * MS);
	uses(A, X);
	waits_for(C, B, 3 * MS); /* for a task */
	uses(C, Y);
	assert_int_equal(here->handoffs, 0);
	assert_true(connection(X)->flags & PS_SOCK_HELD);
}

static void a_chain_goes_on_at_the_other_word_of_a_condition_variable(void **state)
{
	(void)state;
	waits_in_vain(B, WORD + 28, 100 * MS); /* 12 bytes further is the next line */
	waits_in_vain(B, WORD + 40, 100 * MS);
	assert_int_equal(ps_given_ups.n, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, forget)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_hand_off_ends_one_hold_and_begins_the_next),
		TEST(the_length_of_a_wait_is_in_its_histogram),
		TEST(a_wait_is_told_once),
		TEST(another_connection_of_the_same_endpoint_counts_as_well),
		TEST(a_waker_whose_connection_somebody_used_since_gives_nothing),
		TEST(a_waker_that_used_no_connection_gives_nothing),
		TEST(a_waker_that_is_not_followed_gives_nothing),
		TEST(a_new_connection_at_the_address_of_the_wakers_is_not_its_own),
		TEST(a_waker_gives_its_hold_once),
		TEST(of_two_who_are_woken_at_once_only_one_was_given_it),
		TEST(a_connection_of_another_endpoint_gives_nothing),
		TEST(the_last_user_that_slept_in_between_has_not_waited),
		TEST(who_has_woken_a_thread_in_the_middle_of_a_hold_has_given_nothing),
		TEST(of_several_waits_the_longest_tells_who_gave),
		TEST(who_gave_a_connection_that_is_closed_by_now_has_given),
		TEST(a_token_goes_through_at_most_three_threads),
		TEST(through_other_hands_a_hold_is_given_only_while_it_is_the_present_one),
		TEST(through_other_hands_a_hold_is_not_given_twice),
		TEST(who_has_given_its_own_passes_on_what_it_got),
		TEST(a_wait_is_a_contradiction_when_the_giver_came_later_and_did_not_wait),
		TEST(a_wait_is_none_when_the_giver_has_waited_as_well),
		TEST(connections_that_nobody_held_when_waits_ended_are_counted),
		TEST(a_timer_is_no_wake),
		TEST(a_wait_is_given_up_when_its_timer_ends_and_not_when_the_thread_has_a_cpu),
		TEST(a_futex_call_on_another_word_is_no_wake),
		TEST(a_futex_call_on_one_of_two_words_is_a_wake),
		TEST(a_waking_told_before_the_sleep_is_kept_unless_it_was_for_another_word),
		TEST(a_thread_that_runs_without_having_slept_has_not_waited),
		TEST(what_is_before_the_first_token_or_after_the_last_is_no_part_of_a_wait),
		TEST(what_was_waited_before_the_last_use_is_forgotten),
		TEST(what_was_waited_is_not_forgotten_when_another_ones_answer_is_read),
		TEST(waits_and_holds_lie_in_stalls_by_their_overlap),
		TEST(what_comes_in_parts_has_the_stalls_of_all),
		TEST(a_stall_after_the_last_traffic_is_no_part_of_it),
		TEST(what_waits_since_a_stall_came_of_it),
		TEST(who_sleeps_until_a_stall_ends_waits_for_that),
		TEST(who_waited_before_a_stall_waits_on_for_the_same_reason),
		TEST(a_hold_whose_end_nobody_saw_ends_at_the_last_traffic),
		TEST(a_wait_over_2_ms_of_the_same_user_splits_its_hold),
		TEST(a_user_that_goes_on_after_it_gave_holds_anew),
		TEST(who_takes_another_connection_has_given_the_first_one_back),
		TEST(who_uses_the_first_one_again_has_taken_it_again),
		TEST(a_closed_connection_gives_up_busy_and_held),
		TEST(a_request_keeps_its_connection_busy_until_something_comes_back),
		TEST(who_reads_what_another_one_asked_for_is_no_user),
		TEST(a_request_while_another_of_the_thread_is_unanswered_is_multiplexed),
		TEST(requests_one_after_the_other_are_not_multiplexed),
		TEST(silent_connections_stay_behind_the_hand_offs),
		TEST(a_pool_is_as_large_as_it_was_when_somebody_waited),
		TEST(two_waits_at_once_saturate_the_pool_only_once),
		TEST(a_wait_that_is_told_late_saturates_what_was_not_yet),
		TEST(a_wait_that_a_timer_ended_is_counted_by_name_and_length),
		TEST(digits_do_not_count_in_a_name),
		TEST(what_ended_otherwise_is_not_given_up),
		TEST(it_is_known_where_threads_had_waited_for_a_connection),
		TEST(a_short_wait_does_not_tell_where_threads_wait_for_a_connection),
		TEST(a_known_one_is_no_part_of_the_next_wait),
		TEST(one_that_is_retried_at_once_is_not_given_up_and_its_chain_goes_on),
		TEST(others_that_have_its_cpu_do_not_end_a_chain),
		TEST(a_thread_that_slept_for_something_else_was_not_without_a_cpu),
		TEST(who_had_no_cpu_has_had_no_time_to_use_what_it_got),
		TEST(a_chain_that_is_woken_at_last_is_not_given_up),
		TEST(wakings_that_bring_nothing_are_counted),
		TEST(a_retry_is_known_by_those_who_do_not),
		TEST(where_threads_gave_up_is_learned_when_others_get_a_connection_there),
		TEST(one_in_vain_at_an_unknown_place_is_kept_apart),
		TEST(a_full_table_of_given_up_waits_is_counted),
		TEST(each_process_is_followed_for_itself),
		TEST(a_new_connection_at_the_givers_address_is_not_what_was_given),
		TEST(a_waking_that_was_told_long_before_the_sleep_is_not_its_end),
		TEST(who_has_used_a_connection_begins_a_new_chain),
		TEST(a_pool_is_not_saturated_before_anybody_waits),
		TEST(who_goes_on_with_its_connection_has_not_given_it),
		TEST(a_chain_goes_on_at_the_other_word_of_a_condition_variable),
		TEST(random_steps_keep_the_books),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
