/* SPDX-License-Identifier: MIT */
/*
 * stacks_test.c - the agent's side of the looker, with lookers that answer, lie, die and never answer: this very program, which is started
 * again as one. What it does then is said by the pid that it is asked about.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "symbolize/looker.h"
#include "symbolize/stacks.h"

enum { ANSWERS = 100, LIES, DIES, HANGS };

static int be_a_looker(void)
{
	static struct stack answer;
	struct stack_of of;

	alarm(60);
	while (recv(LOOKER_SOCKET, &of, sizeof(of), 0) == sizeof(of)) {
		if (of.pid == DIES)
			abort();
		if (of.pid == HANGS)
			continue;
		memset(&answer, of.pid == LIES ? 0xff : 0, sizeof(answer));
		answer.of = of;
		if (of.pid == ANSWERS) {
			answer.n_frames = 1;
			strcpy(answer.frame[0], "f\033[2J (x)");
		}
		send(LOOKER_SOCKET, &answer, sizeof(answer), 0);
	}
	return 0;
}

#define S 1000000000ll

/* Real time goes by as well, for the looker is another process. */
static void run(struct stacks *s, int64_t *now, uint64_t n_taken, uint64_t n_failed)
{
	for (int i = 0; i < 5000; i++) {
		stacks_tick(s, *now += S / 100);
		if (stacks_report(s)->n_taken >= n_taken && stacks_report(s)->n_failed >= n_failed)
			return;
		usleep(1000);
	}
}

static struct stacks *begin(void)
{
	int program = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct stacks *s = stacks_new(program, program); /* it is as good as any descriptor here */

	assert_non_null(s);
	return s;
}

static void an_answer_is_kept_clean_and_for_a_while(void **state)
{
	struct stacks *s = begin();
	int64_t now = S;

	(void)state;
	assert_null(stacks_at(s, 0));
	stacks_want(s, &(struct stack_of){ .pid = ANSWERS, .tid = 7 }, S, now);
	stacks_want(s, &(struct stack_of){ .pid = ANSWERS, .tid = 7 }, S, now);
	run(s, &now, 1, 0);
	assert_int_equal(stacks_report(s)->n_taken, 1);
	assert_int_equal(stacks_at(s, 0)->stack.of.tid, 7);
	assert_string_equal(stacks_at(s, 0)->stack.frame[0], "f?[2J (x)");
	stacks_want(s, &(struct stack_of){ .pid = ANSWERS, .tid = 7 }, S, now); /* it is fresh */
	stacks_tick(s, now += S / 10);
	assert_null(stacks_at(s, 1));
	stacks_want(s, &(struct stack_of){ .pid = ANSWERS, .tid = 7 }, S, now += 2 * S);
	run(s, &now, 2, 0);
	assert_int_equal(stacks_report(s)->n_taken, 2);
	stacks_tick(s, now += 31 * S);
	assert_null(stacks_at(s, 0));
	stacks_free(s);
}

/* It does not change, so it is asked for once, and kept as long as somebody wants it. */
static void where_an_item_was_taken_is_asked_once(void **state)
{
	struct stack_of of = { .pid = ANSWERS, .tid = 7, .lease = { .id = 3 }, .taken_ns = 5 };
	struct stacks *s = begin();
	int64_t now = S;

	(void)state;
	stacks_want(s, &of, 0, now);
	of.taken_ns = 6; /* the item was taken again */
	stacks_want(s, &of, 0, now);
	of.taken_ns = 0; /* who took it, as he is now */
	stacks_want(s, &of, 0, now);
	run(s, &now, 3, 0);
	assert_int_equal(stacks_report(s)->n_taken, 3);
	for (int i = 0; i < 4; i++) {
		of.taken_ns = 5;
		stacks_want(s, &of, 0, now += 20 * S);
		stacks_tick(s, now);
	}
	assert_int_equal(stacks_report(s)->n_taken, 3);
	assert_int_equal(stacks_at(s, 0)->stack.of.taken_ns, 5);
	assert_null(stacks_at(s, 1));
	stacks_tick(s, now += 31 * S);
	assert_null(stacks_at(s, 0));
	stacks_free(s);
}

static void a_lie_stays_within_its_bounds(void **state)
{
	struct stacks *s = begin();
	const struct stack *k;
	int64_t now = S;

	(void)state;
	stacks_want(s, &(struct stack_of){ .pid = LIES, .tid = 7 }, S, now);
	run(s, &now, 1, 0);
	k = &stacks_at(s, 0)->stack;
	assert_int_equal(k->n_frames, STACK_FRAMES_MAX);
	assert_int_equal(k->state, STACK_UNKNOWN);
	assert_true(text_is_clean(k->problem) && text_is_clean(k->frame[STACK_FRAMES_MAX - 1]));
	stacks_free(s);
}

static void a_looker_that_dies_is_counted_and_followed_by_another(void **state)
{
	struct stacks *s = begin();
	int64_t now = S;

	(void)state;
	stacks_want(s, &(struct stack_of){ .pid = DIES, .tid = 7 }, S, now);
	run(s, &now, 1, 1);
	assert_int_equal(stacks_report(s)->n_failed, 1);
	assert_null(stacks_at(s, 0));
	stacks_want(s, &(struct stack_of){ .pid = ANSWERS, .tid = 7 }, S, now);
	run(s, &now, 1, 1);
	assert_int_equal(stacks_report(s)->n_taken, 1);
	stacks_free(s);
}

static void a_looker_that_hangs_is_ended(void **state)
{
	struct stacks *s = begin();
	int64_t now = S;

	(void)state;
	stacks_want(s, &(struct stack_of){ .pid = HANGS, .tid = 7 }, S, now);
	stacks_tick(s, now);
	stacks_tick(s, now += S);
	assert_int_equal(stacks_report(s)->n_failed, 0);
	stacks_tick(s, now += 60 * S);
	assert_int_equal(stacks_report(s)->n_failed, 1);
	stacks_free(s);
}

static void what_finds_no_room_is_refused_and_counted(void **state)
{
	struct stacks *s = begin();

	(void)state;
	for (uint32_t i = 0; i < STACKS_MAX + 3; i++)
		stacks_want(s, &(struct stack_of){ .pid = ANSWERS, .tid = 1 + i }, S, S);
	assert_int_equal(stacks_report(s)->n_refused, 3);
	stacks_free(s);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_kept_clean_and_for_a_while),
		cmocka_unit_test(where_an_item_was_taken_is_asked_once),
		cmocka_unit_test(a_lie_stays_within_its_bounds),
		cmocka_unit_test(a_looker_that_dies_is_counted_and_followed_by_another),
		cmocka_unit_test(a_looker_that_hangs_is_ended),
		cmocka_unit_test(what_finds_no_room_is_refused_and_counted),
	};

	if (argc > 0 && !strcmp(argv[0], LOOKER_NAME))
		return be_a_looker();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
