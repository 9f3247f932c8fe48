/* SPDX-License-Identifier: MIT */
/* auth_test.c - passwords: who is let in, what is compared only once, and what happens when too many come. The hashes are of cost 4, so that a comparison is short. */
#include <crypt.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/auth.h"
#include "api/hasher.h"
#include "exporters/web_config.h"

static struct web_user users[2];
static const struct web_config config = { .users = users, .n_users = 2 };

static int begin(void **state)
{
	struct auth *a;

	strcpy(users[0].name, "alice");
	strcpy(users[0].hash, crypt("secret", "$2y$04$abcdefghijklmnopqrstuu"));
	strcpy(users[1].name, "bob");
	strcpy(users[1].hash, crypt("", "$2b$04$ABCDEFGHIJKLMNOPQRSTUu"));
	if (auth_new(&a))
		return -1;
	*state = a;
	return 0;
}

static int end(void **state)
{
	auth_free(*state);
	return 0;
}

/* The Authorization header of "user:password", n bytes. */
static const char *header_of(const char *pair, size_t n)
{
	static char header[1024];
	gnutls_datum_t in = { (unsigned char *)(uintptr_t)pair, (unsigned int)n }, out;

	assert_int_equal(gnutls_base64_encode2(&in, &out), 0);
	snprintf(header, sizeof(header), "Basic %.*s", (int)out.size, (char *)out.data);
	gnutls_free(out.data);
	return header;
}

static uint64_t wait_for_one(struct auth *a)
{
	struct pollfd p = { .fd = auth_fd(a), .events = POLLIN };
	uint64_t id;

	for (int i = 0; i < 1000; i++) {
		if (!auth_take(a, &id))
			return id;
		poll(&p, 1, 1000);
	}
	fail_msg("no answer");
	return 0;
}

/* What becomes of it in the end; *ret_waited: it had to be compared. */
static enum auth_verdict ask(struct auth *a, const char *header, bool *ret_waited)
{
	enum auth_verdict v = auth_check(a, &config, header, 23);

	*ret_waited = v == AUTH_WAITS;
	if (v == AUTH_WAITS) {
		assert_int_equal(wait_for_one(a), 23);
		v = auth_check(a, &config, header, 23);
		assert_int_not_equal(v, AUTH_WAITS);
	}
	return v;
}

static enum auth_verdict ask_pair(struct auth *a, const char *pair, bool *ret_waited)
{
	return ask(a, header_of(pair, strlen(pair)), ret_waited);
}

static void a_password_is_compared_once(void **state)
{
	bool waited;

	assert_int_equal(ask_pair(*state, "alice:secret", &waited), AUTH_YES);
	assert_true(waited);
	assert_int_equal(ask_pair(*state, "alice:secret", &waited), AUTH_YES);
	assert_false(waited);
	assert_int_equal(ask_pair(*state, "bob:", &waited), AUTH_YES);
	assert_true(waited);
}

static void a_wrong_one_is_compared_once_as_well(void **state)
{
	bool waited;

	assert_int_equal(ask_pair(*state, "alice:Secret", &waited), AUTH_NO);
	assert_true(waited);
	assert_int_equal(ask_pair(*state, "alice:Secret", &waited), AUTH_NO);
	assert_false(waited);
}

static void a_user_that_is_not_there_takes_a_comparison_too(void **state)
{
	bool waited;

	/* with the right password of each user that there is */
	assert_int_equal(ask_pair(*state, "carol:secret", &waited), AUTH_NO);
	assert_true(waited);
	assert_int_equal(ask_pair(*state, "carol:", &waited), AUTH_NO);
	assert_true(waited);
	assert_int_equal(ask_pair(*state, "carol:", &waited), AUTH_NO);
	assert_false(waited);
}

static void what_is_no_password_is_refused_at_once(void **state)
{
	static const char *const bad[] = {
		NULL,
		"",
		"Basic",
		"Basic ",
		"Basic !!!!",
		"Bearer YWxpY2U6c2VjcmV0",
		"Basic YWxpY2U=",
		"Basic YWxp=2U6c2Vj",
	};
	char pair[600] = "alice:";
	bool waited;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (ask(*state, bad[i], &waited) != AUTH_NO || waited)
			fail_msg("'%s' is let in, or compared", bad[i] ? bad[i] : "(none)");
	}
	/* what comes after a NUL bcrypt would not see */
	assert_int_equal(ask(*state, header_of("alice:secret\0x", 14), &waited), AUTH_NO);
	assert_false(waited);
	memset(pair + 6, 'a', 500);
	assert_int_equal(ask_pair(*state, pair, &waited), AUTH_NO);
	assert_false(waited);
}

static void a_changed_hash_asks_again(void **state)
{
	bool waited;

	assert_int_equal(ask_pair(*state, "alice:secret", &waited), AUTH_YES);
	strcpy(users[0].hash, crypt("other", "$2y$04$abcdefghijklmnopqrstuu"));
	assert_int_equal(ask_pair(*state, "alice:secret", &waited), AUTH_NO);
	assert_true(waited);
	assert_int_equal(ask_pair(*state, "alice:other", &waited), AUTH_YES);
}

static void wrong_ones_push_no_right_one_out(void **state)
{
	bool waited;

	assert_int_equal(ask_pair(*state, "alice:secret", &waited), AUTH_YES);
	for (int i = 0; i < 101; i++) {
		char pair[32];

		snprintf(pair, sizeof(pair), "alice:%d", i);
		assert_int_equal(ask_pair(*state, pair, &waited), AUTH_NO);
	}
	assert_int_equal(ask_pair(*state, "alice:secret", &waited), AUTH_YES);
	assert_false(waited);
	assert_int_equal(ask_pair(*state, "alice:100", &waited), AUTH_NO);
	assert_false(waited);
	assert_int_equal(ask_pair(*state, "alice:0", &waited), AUTH_NO);
	assert_true(waited); /* the oldest has gone */
}

static void too_many_at_once_are_told_so_and_all_others_are_answered(void **state)
{
	bool seen[HASHER_JOBS] = { false };
	int n_busy = 0;

	for (int i = 0; i < 101; i++) {
		char pair[32];
		enum auth_verdict v;

		snprintf(pair, sizeof(pair), "bob:%d", i);
		v = auth_check(*state, &config, header_of(pair, strlen(pair)), (uint64_t)i);
		assert_int_equal(v, i < HASHER_JOBS ? AUTH_WAITS : AUTH_BUSY);
		n_busy += v == AUTH_BUSY;
	}
	assert_int_equal(n_busy, 101 - HASHER_JOBS);
	for (int i = 0; i < HASHER_JOBS; i++) {
		uint64_t id = wait_for_one(*state);

		assert_true(id < HASHER_JOBS && !seen[id]);
		seen[id] = true;
	}
}

static void the_end_does_not_wait_for_all(void **state)
{
	char pair[] = "bob:a";

	for (int i = 0; i < HASHER_JOBS; i++, pair[4]++)
		assert_int_equal(auth_check(*state, &config, header_of(pair, 5), (uint64_t)i),
				 AUTH_WAITS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_password_is_compared_once, begin, end),
		cmocka_unit_test_setup_teardown(a_wrong_one_is_compared_once_as_well, begin, end),
		cmocka_unit_test_setup_teardown(a_user_that_is_not_there_takes_a_comparison_too,
						begin, end),
		cmocka_unit_test_setup_teardown(what_is_no_password_is_refused_at_once, begin, end),
		cmocka_unit_test_setup_teardown(a_changed_hash_asks_again, begin, end),
		cmocka_unit_test_setup_teardown(wrong_ones_push_no_right_one_out, begin, end),
		cmocka_unit_test_setup_teardown(
			too_many_at_once_are_told_so_and_all_others_are_answered, begin, end),
		cmocka_unit_test_setup_teardown(the_end_does_not_wait_for_all, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
