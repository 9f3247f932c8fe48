/* SPDX-License-Identifier: MIT */
/* otlp_answer_test.c - what follows from an answer, as tables; bytes of others in all lengths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "exporters/otlp_answer.h"

#define NOW_S 1785000000	/* Sat, 25 Jul 2026 17:20:00 GMT */

/* google.rpc.Status { code = 8, message = "busy", details = [Any { type.googleapis.com/google.rpc.RetryInfo, RetryInfo { retry_delay = 2.5 s } }] } */
#define RETRY_INFO                                                                                 \
	"CAgSBGJ1c3kaNgoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIKCggIAhCAyrXuAQ=="
/* the same as a DebugInfo */
#define OTHER_INFO                                                                                 \
	"CAgaNgoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLkRlYnVnSW5mbxIKCggIAhCAyrXuAQ=="

static void say(struct otlp_answer *a, const char *line)
{
	assert_true(otlp_answer_header(a, line, strlen(line), NOW_S));
}

static struct otlp_verdict judge(struct otlp_answer *a, enum otlp_protocol protocol)
{
	struct otlp_verdict v;

	otlp_answer_judge(a, protocol, OTLP_EXCHANGE_DONE, NULL, &v);
	return v;
}

static void http_is_sent_again_on_429_502_503_504_alone(void **state)
{
	(void)state;
	for (int status = 100; status < 600; status++) {
		bool is_retry = status == 429 || (status >= 502 && status <= 504);
		struct otlp_answer a = { 0 };
		struct otlp_verdict v;
		char line[32];

		otlp_answer_begin(&a);
		snprintf(line, sizeof(line), "HTTP/1.1 %d Whatever\r\n", status);
		say(&a, line);
		v = judge(&a, OTLP_HTTP_PROTOBUF);
		assert_int_equal(v.outcome, status >= 200 && status < 300 ? PUSH_success
					    : is_retry                    ? PUSH_retry
									  : PUSH_refused);
		assert_int_equal(v.retry_after_ms, -1);
		otlp_answer_done(&a);
	}
}

static void grpc_is_sent_again_by_the_table_of_the_specification(void **state)
{
	static const bool is_retry[17] = {
		[1] = true, [4] = true, [10] = true, [11] = true, [14] = true, [15] = true
	};

	(void)state;
	for (int status = 0; status < 20; status++) {
		for (int has_info = 0; has_info < 2; has_info++) {
			struct otlp_answer a = { 0 };
			bool expected =
				status < 17 && (is_retry[status] || (status == 8 && has_info));
			struct otlp_verdict v;
			char line[32];

			otlp_answer_begin(&a);
			say(&a, "HTTP/2 200 \r\n");
			say(&a, "content-type: application/grpc\r\n");
			snprintf(line, sizeof(line), "grpc-status: %d\r\n", status);
			say(&a, line);
			if (has_info)
				say(&a, "grpc-status-details-bin: " RETRY_INFO "\r\n");
			v = judge(&a, OTLP_GRPC);
			assert_int_equal(v.outcome, !status    ? PUSH_success
						    : expected ? PUSH_retry
							       : PUSH_refused);
			assert_int_equal(v.retry_after_ms, expected && has_info ? 2500 : -1);
			otlp_answer_done(&a);
		}
	}
}

static void details_that_are_no_retry_info_do_not_make_8_retryable(void **state)
{
	static const char *const lines[] = { "grpc-status-details-bin: " OTHER_INFO,
					     "grpc-status-details-bin: !!!",
					     "grpc-status-details-bin:", "retry-after: 7" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct otlp_answer a = { 0 };

		otlp_answer_begin(&a);
		say(&a, "HTTP/2 200");
		say(&a, "grpc-status: 8");
		say(&a, lines[i]);
		assert_int_equal(judge(&a, OTLP_GRPC).outcome, PUSH_refused);
		otlp_answer_done(&a);
	}
}

static void without_grpc_status_the_status_of_http_is_mapped(void **state)
{
	static const struct {
		int http;
		enum push_outcome outcome;
	} row[] = { { 200, PUSH_refused }, { 400, PUSH_refused }, { 401, PUSH_refused },
		    { 404, PUSH_refused }, { 429, PUSH_retry },   { 502, PUSH_retry },
		    { 503, PUSH_retry },   { 504, PUSH_retry },   { 500, PUSH_refused } };

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct otlp_answer a = { 0 };
		struct otlp_verdict v;
		char line[32];

		otlp_answer_begin(&a);
		snprintf(line, sizeof(line), "HTTP/2 %d ", row[i].http);
		say(&a, line);
		say(&a, "content-type: text/html");
		v = judge(&a, OTLP_GRPC);
		assert_int_equal(v.outcome, row[i].outcome);
		assert_non_null(strstr(v.text, "text/html, without grpc-status"));
		otlp_answer_done(&a);
	}
}

static void grpc_over_http_1_is_said(void **state)
{
	struct otlp_answer a = { 0 };

	(void)state;
	otlp_answer_begin(&a);
	say(&a, "HTTP/1.1 200 OK");
	assert_string_equal(judge(&a, OTLP_GRPC).text,
			    "gRPC 2 UNKNOWN: HTTP 200, and not over HTTP/2");
	otlp_answer_done(&a);
}

static void what_is_lost_is_sent_again_unless_it_was_refused_already(void **state)
{
	struct otlp_answer a = { 0 };
	struct otlp_verdict v;

	(void)state;
	otlp_answer_begin(&a);
	otlp_answer_judge(&a, OTLP_HTTP_PROTOBUF, OTLP_EXCHANGE_LOST, "reset\nby peer", &v);
	assert_int_equal(v.outcome, PUSH_retry);
	assert_string_equal(v.text, "reset?by peer");
	say(&a, "HTTP/1.1 200 OK"); /* half an answer says nothing */
	otlp_answer_judge(&a, OTLP_HTTP_PROTOBUF, OTLP_EXCHANGE_LOST, NULL, &v);
	assert_int_equal(v.outcome, PUSH_retry);
	otlp_answer_begin(&a);
	say(&a, "HTTP/1.1 400 Bad Request");
	otlp_answer_judge(&a, OTLP_HTTP_PROTOBUF, OTLP_EXCHANGE_LOST, NULL, &v);
	assert_int_equal(v.outcome, PUSH_refused);
	otlp_answer_judge(&a, OTLP_GRPC, OTLP_EXCHANGE_LOST, NULL, &v);
	assert_int_equal(v.outcome, PUSH_retry);
	otlp_answer_begin(&a);
	say(&a, "HTTP/1.1 503 No");
	otlp_answer_judge(&a, OTLP_HTTP_PROTOBUF, OTLP_EXCHANGE_TOO_LARGE, NULL, &v);
	assert_int_equal(v.outcome, PUSH_answer_too_large);
	otlp_answer_done(&a);
}

static void retry_after_is_seconds_or_a_date(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} row[] = {
		{ "0", 0 },
		{ "7", 7000 },
		{ "3600", 3600000 },
		{ "99999999999999999999999", 3600000 },
		{ "Sat, 25 Jul 2026 17:20:11 GMT", 11000 },
		{ "Saturday, 25-Jul-26 17:20:12 GMT", 12000 },	/* RFC 850 */
		{ "Sat Jul 25 17:20:13 2026", 13000 },	/* asctime() */
		{ "Sat, 25 Jul 2026 17:19:00 GMT", 0 },
		{ "Sat, 25 Jul 2099 17:19:00 GMT", 3600000 },
		{ "7 s", -1 },
		{ "-7", -1 },
		{ "1.5", -1 },
		{ "soon", -1 },
		{ "", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		if (otlp_retry_after_ms(row[i].text, NOW_S) != row[i].ms)
			fail_msg("%s: %lld", row[i].text,
				 (long long)otlp_retry_after_ms(row[i].text, NOW_S));
	}
}

static void retry_after_of_an_answer_before_the_last_one_counts_no_more(void **state)
{
	struct otlp_answer a = { 0 };

	(void)state;
	otlp_answer_begin(&a);
	say(&a, "HTTP/1.1 100 Continue");
	say(&a, "Retry-After: 99");
	say(&a, "HTTP/1.1 503 Service Unavailable");
	assert_int_equal(judge(&a, OTLP_HTTP_PROTOBUF).retry_after_ms, -1);
	say(&a, "retry-after:  5 \r\n");
	assert_int_equal(judge(&a, OTLP_HTTP_PROTOBUF).retry_after_ms, 5000);
	otlp_answer_done(&a);
}

/* ExportMetricsServiceResponse { partial_success { rejected_data_points = 300, error_message = "too old" } } */
static const char partial[] = "\x0a\x0c\x08\xac\x02\x12\x07too old";

static void partial_success_is_counted_and_never_sent_again(void **state)
{
	struct otlp_answer a = { 0 };
	struct otlp_verdict v;

	(void)state;
	otlp_answer_begin(&a);
	say(&a, "HTTP/1.1 200 OK");
	say(&a, "Content-Type: application/x-protobuf; charset=x");
	assert_true(otlp_answer_body(&a, partial, sizeof(partial) - 1));
	v = judge(&a, OTLP_HTTP_PROTOBUF);
	assert_int_equal(v.outcome, PUSH_partial_success);
	assert_int_equal(v.rejected_items, 300);
	assert_string_equal(v.text, "300 rejected: too old");

	otlp_answer_begin(&a);
	say(&a, "HTTP/2 200");
	say(&a, "grpc-status: 0");
	assert_true(otlp_answer_body(&a, "\0\0\0\0\x0e", 5));
	assert_true(otlp_answer_body(&a, partial, sizeof(partial) - 1));
	v = judge(&a, OTLP_GRPC);
	assert_int_equal(v.outcome, PUSH_partial_success);
	assert_int_equal(v.rejected_items, 300);
	otlp_answer_done(&a);
}

static void a_warning_without_rejected_items_is_a_success_with_a_note(void **state)
{
	struct otlp_answer a = { 0 };
	struct otlp_verdict v;

	(void)state;
	otlp_answer_begin(&a);
	say(&a, "HTTP/1.1 200 OK");
	say(&a, "Content-Type: application/x-protobuf");
	assert_true(otlp_answer_body(&a, "\x0a\x06\x12\x04slow", 8));
	v = judge(&a, OTLP_HTTP_PROTOBUF);
	assert_int_equal(v.outcome, PUSH_success);
	assert_string_equal(v.text, "it says: slow");
	otlp_answer_done(&a);
}

static void an_answer_of_another_type_is_taken_with_doubt(void **state)
{
	struct otlp_answer a = { 0 };
	struct otlp_verdict v;

	(void)state;
	otlp_answer_begin(&a);
	say(&a, "HTTP/1.1 200 OK");
	say(&a, "Content-Type: text/html\x1b[2J");
	assert_true(otlp_answer_body(&a, "\x0a\x03\x08\xac\x02", 5));
	v = judge(&a, OTLP_HTTP_PROTOBUF);
	assert_int_equal(v.outcome, PUSH_success);
	assert_int_equal(v.rejected_items, 0);
	assert_non_null(strstr(v.text, "answers with text/html?[2J: is that"));
	otlp_answer_done(&a);
}

static void messages_of_errors_are_told_and_cleaned(void **state)
{
	struct otlp_answer a = { 0 };

	(void)state;
	otlp_answer_begin(&a);
	say(&a, "HTTP/1.1 400 Bad Request");
	say(&a, "Content-Type: application/x-protobuf");
	assert_true(otlp_answer_body(&a, "\x08\x03\x12\x07no\nname", 11));
	assert_string_equal(judge(&a, OTLP_HTTP_PROTOBUF).text, "HTTP 400: no?name");
	otlp_answer_begin(&a);
	say(&a, "HTTP/2 200");
	say(&a, "grpc-status: 3");
	say(&a, "grpc-message: a%20b%0Ac%zz%");
	assert_string_equal(judge(&a, OTLP_GRPC).text, "gRPC 3 INVALID_ARGUMENT: a b?c%zz%");
	otlp_answer_begin(&a);
	say(&a, "HTTP/1.1 308 Permanent Redirect");
	say(&a, "Location: http://elsewhere/");
	assert_string_equal(judge(&a, OTLP_HTTP_PROTOBUF).text,
			    "HTTP 308: redirects are not followed");
	otlp_answer_done(&a);
}

static void headers_and_bodies_have_an_end(void **state)
{
	static char block[1 << 20];
	struct otlp_answer a = { 0 };
	size_t n = 0;

	(void)state;
	otlp_answer_begin(&a);
	while (otlp_answer_header(&a, "x: y\r\n", 6, NOW_S))
		n += 6;
	assert_in_range(n, OTLP_ANSWER_HEADER_BYTES - 6, OTLP_ANSWER_HEADER_BYTES);
	for (int i = 0; i < 4; i++)
		assert_true(otlp_answer_body(&a, block, sizeof(block)));
	assert_false(otlp_answer_body(&a, block, 1));
	assert_int_equal(a.body.n, OTLP_ANSWER_KEPT_BYTES);
	otlp_answer_done(&a);
}

static void half_a_message_is_read_as_far_as_it_goes(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(partial); n++) {
		struct otlp_answer a = { 0 };
		struct otlp_verdict v;

		otlp_answer_begin(&a);
		say(&a, "HTTP/1.1 200 OK");
		say(&a, "Content-Type: application/x-protobuf");
		assert_true(otlp_answer_body(&a, partial, n));
		v = judge(&a, OTLP_HTTP_PROTOBUF);
		assert_int_equal(v.outcome, n < 5 ? PUSH_success : PUSH_partial_success);
		otlp_answer_done(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(http_is_sent_again_on_429_502_503_504_alone),
		cmocka_unit_test(grpc_is_sent_again_by_the_table_of_the_specification),
		cmocka_unit_test(details_that_are_no_retry_info_do_not_make_8_retryable),
		cmocka_unit_test(without_grpc_status_the_status_of_http_is_mapped),
		cmocka_unit_test(grpc_over_http_1_is_said),
		cmocka_unit_test(what_is_lost_is_sent_again_unless_it_was_refused_already),
		cmocka_unit_test(retry_after_is_seconds_or_a_date),
		cmocka_unit_test(retry_after_of_an_answer_before_the_last_one_counts_no_more),
		cmocka_unit_test(partial_success_is_counted_and_never_sent_again),
		cmocka_unit_test(a_warning_without_rejected_items_is_a_success_with_a_note),
		cmocka_unit_test(an_answer_of_another_type_is_taken_with_doubt),
		cmocka_unit_test(messages_of_errors_are_told_and_cleaned),
		cmocka_unit_test(headers_and_bodies_have_an_end),
		cmocka_unit_test(half_a_message_is_read_as_far_as_it_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
