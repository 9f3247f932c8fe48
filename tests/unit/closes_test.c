/* SPDX-License-Identifier: MIT */
/* closes_test.c - why a connection ended or was not made: bpf/closes.h natively, and what a row says of it. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/closes.h"
#include "model/state.h"

#define TCP_FIN_WAIT1 4
#define S 1000000000ll

static void errors_have_the_numbers_of_the_kernel(void **state)
{
	(void)state;
	assert_int_equal(PS_ENETUNREACH, ENETUNREACH);
	assert_int_equal(PS_ETIMEDOUT, ETIMEDOUT);
	assert_int_equal(PS_ECONNREFUSED, ECONNREFUSED);
	assert_int_equal(PS_EHOSTUNREACH, EHOSTUNREACH);
}

static void a_fin_of_ours_and_a_reset_of_ours_are_closed_by_us(void **state)
{
	(void)state;
	assert_int_equal(ps_close_reason_of(PS_SOCK_OPEN, TCP_FIN_WAIT1, 0), PS_CLOSE_local_closed);
	assert_int_equal(ps_close_reason_of(PS_SOCK_OPEN, TCP_FIN_WAIT1, EPIPE),
			 PS_CLOSE_local_closed);
	assert_int_equal(ps_close_reason_of(PS_SOCK_OPEN, PS_TCP_CLOSE, 0), PS_CLOSE_local_closed);
}

static void the_first_to_close_is_the_one_who_closed(void **state)
{
	(void)state;
	assert_int_equal(ps_close_reason_of(PS_SOCK_PEER_CLOSED, PS_TCP_CLOSE, EPIPE),
			 PS_CLOSE_peer_closed);
	assert_int_equal(ps_close_reason_of(PS_SOCK_PEER_CLOSED, PS_TCP_CLOSE, 0),
			 PS_CLOSE_peer_closed);
}

static void a_reset_and_a_timeout_are_told_apart_by_the_error(void **state)
{
	(void)state;
	assert_int_equal(ps_close_reason_of(PS_SOCK_OPEN, PS_TCP_CLOSE, ECONNRESET),
			 PS_CLOSE_reset);
	assert_int_equal(ps_close_reason_of(PS_SOCK_OPEN, PS_TCP_CLOSE, ETIMEDOUT),
			 PS_CLOSE_timed_out);
	assert_int_equal(ps_close_reason_of(PS_SOCK_OPEN, PS_TCP_CLOSE, EHOSTUNREACH),
			 PS_CLOSE_timed_out);
}

static void what_was_not_made_has_a_reason(void **state)
{
	struct ps_endpoint ep = { .connecting = 6 };
	const int errors[] = { 0, ECONNREFUSED, ETIMEDOUT, ENETUNREACH, EHOSTUNREACH, EACCES };

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		ps_endpoint_failed(&ep, errors[i]);
	assert_int_equal(ep.connecting, 0);
	assert_int_equal(ep.failed[PS_OPEN_FAILURE_given_up], 1);
	assert_int_equal(ep.failed[PS_OPEN_FAILURE_refused], 1);
	assert_int_equal(ep.failed[PS_OPEN_FAILURE_timed_out], 1);
	assert_int_equal(ep.failed[PS_OPEN_FAILURE_unreachable], 2);
	assert_int_equal(ep.failed[PS_OPEN_FAILURE_unknown], 1);
}

static void time_without_data_counts_where_we_closed(void **state)
{
	struct ps_endpoint ep = { .open = 3 };
	struct ps_sock s = { .state = PS_SOCK_OPEN };

	(void)state;
	ps_endpoint_closed(&ep, &s, PS_CLOSE_local_closed, 999999999);
	ps_endpoint_closed(&ep, &s, PS_CLOSE_local_closed, 1000000000);
	ps_endpoint_closed(&ep, &s, PS_CLOSE_reset, 5000000000);
	assert_int_equal(ep.open, 0);
	assert_int_equal(ep.closed_idle, 1);
	assert_int_equal(ep.idle_ns, 1999999999);
}

static void close_wait_begins_once_and_ends_with_the_connection(void **state)
{
	struct ps_endpoint ep = { .open = 1 };
	struct ps_sock s = { .state = PS_SOCK_OPEN, .since_ns = 1 };

	(void)state;
	ps_endpoint_peer_closed(&ep, &s, 23);
	ps_endpoint_peer_closed(&ep, &s, 24);
	assert_int_equal(ep.close_wait, 1);
	assert_int_equal(s.since_ns, 23);
	ps_endpoint_closed(&ep, &s, PS_CLOSE_peer_closed, 0);
	assert_int_equal(ep.close_wait, 0);
}

static void a_row_tells_the_oldest_that_waits_to_be_closed(void **state)
{
	struct endpoint e = { .key.role = PS_SOCK_CONNECT,
			      .books = { .open = 3, .close_wait = 2 },
			      .close_wait_since_ns = UNKNOWN };
	struct ps_sock s[] = { { .state = PS_SOCK_PEER_CLOSED, .since_ns = 7 * S },
			       { .state = PS_SOCK_PEER_CLOSED, .since_ns = 5 * S },
			       { .state = PS_SOCK_OPEN, .since_ns = 1 * S } };
	struct pool_row row = pool_row_unknown;

	(void)state;
	endpoint_row_close_wait(&e, 9 * S, &row);
	assert_int_equal(row.oldest_close_wait_ns, UNKNOWN); /* not looked at yet */
	for (size_t i = 0; i < 3; i++)
		endpoint_note_close_wait(&e, &s[i]);
	endpoint_row_close_wait(&e, 9 * S, &row);
	assert_int_equal(row.close_wait, 2);
	assert_int_equal(row.oldest_close_wait_ns, 4 * S);
	e.books.close_wait = 0;
	endpoint_row_close_wait(&e, 9 * S, &row);
	assert_int_equal(row.oldest_close_wait_ns, 0);
}

static void of_sockets_that_are_looked_at_now_and_then_no_reason_is_told(void **state)
{
	struct endpoint e = { .key.role = PS_SOCK_CONNECT,
			      .is_sampled = true,
			      .books = { .opened = 5, .closed = { [PS_CLOSE_unknown] = 3 } } };
	struct pool_row row = pool_row_unknown;

	(void)state;
	endpoint_row_ends(&e, &row);
	endpoint_row_close_wait(&e, 9 * S, &row);
	assert_int_equal(row.closed, 3);
	assert_int_equal(row.closed_by[PS_CLOSE_unknown], 3);
	assert_int_equal(row.open_failures, UNKNOWN);
	assert_int_equal(row.closed_idle, UNKNOWN);
	assert_int_equal(row.close_wait, UNKNOWN);
	assert_true(isnan(row.idle_before_close_s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_have_the_numbers_of_the_kernel),
		cmocka_unit_test(a_fin_of_ours_and_a_reset_of_ours_are_closed_by_us),
		cmocka_unit_test(the_first_to_close_is_the_one_who_closed),
		cmocka_unit_test(a_reset_and_a_timeout_are_told_apart_by_the_error),
		cmocka_unit_test(what_was_not_made_has_a_reason),
		cmocka_unit_test(time_without_data_counts_where_we_closed),
		cmocka_unit_test(close_wait_begins_once_and_ends_with_the_connection),
		cmocka_unit_test(a_row_tells_the_oldest_that_waits_to_be_closed),
		cmocka_unit_test(of_sockets_that_are_looked_at_now_and_then_no_reason_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
