/* SPDX-License-Identifier: MIT */
/*
 * otlp_push_test.c - the push against a receiver that follows a script, over loopback. The surprise: the receiver is a child process, and tells the
 * test by a pipe what it was asked; each test says what the receiver does, request by request.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/diag.h"
#include "exporters/otlp_push.h"

enum how {
	SAY,	/* the text */
	HANG_UP,	/* say nothing */
	HANG,	/* say nothing, and hold the connection */
	BE_HUGE,	/* a body of 5 MiB */
	BE_ENDLESS,	/* headers without end */
};

struct step {
	enum how how;
	const char *text;
};

/* What a request looked like. */
struct seen {
	char head[600];
	size_t n_body;
	unsigned char body[256];
};

struct receiver {
	pid_t pid;
	uint16_t port;
	int pipe;
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- the receiver -------------------------------------------------------------------------------------------------------- */

static void say(int fd, const char *text, size_t n)
{
	while (n) {
		ssize_t done = send(fd, text, n, MSG_NOSIGNAL);

		if (done <= 0)
			return;
		text += done;
		n -= (size_t)done;
	}
}

/* False: the connection has ended. */
static bool read_request(int fd, struct seen *ret)
{
	char all[65536];
	size_t n = 0, length = 0;
	const char *end = NULL, *at;

	memset(ret, 0, sizeof(*ret));
	while (!end || n < (size_t)(end - all) + 4 + length) {
		ssize_t got = read(fd, all + n, sizeof(all) - 1 - n);

		if (got <= 0)
			return false;
		n += (size_t)got;
		all[n] = 0;
		end = strstr(all, "\r\n\r\n");
		at = end ? strcasestr(all, "content-length:") : NULL;
		length = at ? strtoul(at + 15, NULL, 10) : 0;
	}
	snprintf(ret->head, sizeof(ret->head), "%.*s", (int)(end - all), all);
	ret->n_body = length;
	memcpy(ret->body, end + 4, length < sizeof(ret->body) ? length : sizeof(ret->body));
	return true;
}

static void follow(int fd, const struct step *s)
{
	static const char huge[] = "HTTP/1.1 200 OK\r\nContent-Length: 5242880\r\n\r\n";
	static char block[65536];
	char unused;

	switch (s->how) {
	case SAY:
		say(fd, s->text, strlen(s->text));
		break;
	case HANG:
		while (read(fd, &unused, 1) > 0)
			;
		break;
	case BE_HUGE:
		say(fd, huge, sizeof(huge) - 1);
		for (int i = 0; i < 80; i++)
			say(fd, block, sizeof(block));
		break;
	case BE_ENDLESS:
		say(fd, "HTTP/1.1 200 OK\r\n", 17);
		for (int i = 0; i < 100000; i++)
			say(fd, "X-More: and more\r\n", 18);
		break;
	case HANG_UP:
		break;
	}
}

static void serve(int listener, const struct step *steps, size_t n, int out)
{
	size_t at = 0;

	while (at < n) {
		int fd = accept(listener, NULL, NULL);
		struct seen seen;

		while (fd >= 0 && at < n && read_request(fd, &seen)) {
			if (write(out, &seen, sizeof(seen)) != sizeof(seen))
				_exit(1);
			follow(fd, &steps[at]);
			if (steps[at++].how != SAY ||
			    strstr(steps[at - 1].text, "Connection: close"))
				break;
		}
		close(fd);
	}
	_exit(0);
}

static struct receiver start(const struct step *steps, size_t n)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), ends[2];
	struct receiver r;

	assert_true(listener >= 0 && !bind(listener, (struct sockaddr *)&a, sizeof(a)));
	assert_true(!listen(listener, 8) && !getsockname(listener, (struct sockaddr *)&a, &length));
	assert_int_equal(pipe(ends), 0);
	r.port = ntohs(a.sin_port);
	r.pipe = ends[0];
	r.pid = fork();
	assert_true(r.pid >= 0);
	if (!r.pid) {
		alarm(60);
		serve(listener, steps, n, ends[1]);
	}
	close(listener);
	close(ends[1]);
	return r;
}

#define START(...)                                                                                 \
	start((const struct step[]){ __VA_ARGS__ },                                                \
	      sizeof((const struct step[]){ __VA_ARGS__ }) / sizeof(struct step))

static void stop(struct receiver *r)
{
	kill(r->pid, SIGKILL);
	waitpid(r->pid, NULL, 0);
	close(r->pipe);
}

static struct seen next_seen(const struct receiver *r)
{
	struct seen s;

	assert_int_equal(read(r->pipe, &s, sizeof(s)), sizeof(s));
	return s;
}

static bool is_more_seen(const struct receiver *r)
{
	struct pollfd p = { .fd = r->pipe, .events = POLLIN };

	return poll(&p, 1, 0) > 0 && (p.revents & POLLIN);
}

/* ---- the push ------------------------------------------------------------------------------------------------------------ */

#define TAKEN "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static struct otlp_push *push_to(uint16_t port, struct otlp_push_options o)
{
	struct otlp_push *p = NULL;
	struct diag d = { 0 };
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u/v1/metrics", port);
	o.url = url;
	o.seed = o.seed ? o.seed : 7;
	if (otlp_push_new(&o, &p, &d))
		fail_msg("%s", d.text);
	return p;
}

static void add(struct otlp_push *p, const char *text, uint64_t n_items)
{
	struct buffer b = { 0 };

	buffer_add_text(&b, text);
	assert_int_equal(otlp_push_add(p, &b, n_items, now_ns()), 0);
	assert_null(b.data);
}

static struct otlp_push_stats stats_of(const struct otlp_push *p)
{
	struct otlp_push_stats s;

	otlp_push_stats(p, &s);
	return s;
}

/* Runs until so many requests have ended in that way, at most 10 s; the loop never takes long. The time it took in ms. */
static int64_t run_until(struct otlp_push *p, enum push_outcome outcome, uint64_t n)
{
	int64_t begin_ns = now_ns(), until_ns = begin_ns + 10 * (int64_t)1000000000;

	while (stats_of(p).row.requests[outcome] < n) {
		struct pollfd ready = { .fd = otlp_push_fd(p), .events = POLLIN };
		int64_t before_ns;

		if (now_ns() > until_ns)
			fail_msg("not within 10 s; last error: %s", stats_of(p).last_error);
		poll(&ready, 1, 500);
		before_ns = now_ns();
		otlp_push_run(p, before_ns);
		assert_in_range((now_ns() - before_ns) / 1000000, 0, 200);
	}
	return (now_ns() - begin_ns) / 1000000;
}

static void a_request_arrives_as_it_was_with_the_headers_it_needs(void **state)
{
	struct receiver r = START({ SAY, TAKEN }, { SAY, TAKEN });
	struct otlp_push *p = push_to(
		r.port, (struct otlp_push_options){ .headers = "X-Api-Key=a%20b,x-empty=" });
	struct seen s;

	(void)state;
	add(p, "first", 3);
	add(p, "second", 4);
	run_until(p, PUSH_success, 2);
	s = next_seen(&r);
	assert_memory_equal(s.body, "first", 5);
	assert_int_equal(s.n_body, 5);
	assert_non_null(strstr(s.head, "POST /v1/metrics HTTP/1.1\r\n"));
	assert_non_null(strstr(s.head, "Content-Type: application/x-protobuf\r\n"));
	assert_non_null(strstr(s.head, "User-Agent: poolscope/"));
	assert_non_null(strstr(s.head, " OTel-OTLP-Exporter-C/"));
	assert_non_null(strstr(s.head, "X-Api-Key: a b"));
	assert_non_null(strstr(s.head, "x-empty:"));
	assert_null(strstr(s.head, "Expect"));
	assert_null(strstr(s.head, "Content-Encoding"));
	s = next_seen(&r);
	assert_memory_equal(s.body, "second", 6);
	assert_int_equal(stats_of(p).row.sent_items, 7);
	assert_int_equal(stats_of(p).row.queued_requests, 0);
	assert_int_equal(stats_of(p).row.queued_bytes, 0);
	otlp_push_free(p);
	stop(&r);
}

static void gzip_is_said_and_done(void **state)
{
	struct receiver r = START({ SAY, TAKEN });
	struct otlp_push *p = push_to(r.port, (struct otlp_push_options){ .is_gzip = true });
	char plain[64] = "";
	z_stream z = { .next_out = (Bytef *)plain, .avail_out = sizeof(plain) };
	struct seen s;

	(void)state;
	add(p, "what was compressed", 1);
	run_until(p, PUSH_success, 1);
	s = next_seen(&r);
	assert_non_null(strstr(s.head, "Content-Encoding: gzip"));
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	z.next_in = s.body;
	z.avail_in = (uInt)s.n_body;
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	inflateEnd(&z);
	assert_string_equal(plain, "what was compressed");
	otlp_push_free(p);
	stop(&r);
}

static void after_503_it_comes_again_later_and_before_what_is_newer(void **state)
{
	struct receiver r = START({ SAY, "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n" },
				  { SAY, TAKEN }, { SAY, TAKEN });
	struct otlp_push *p = push_to(r.port, (struct otlp_push_options){ 0 });

	(void)state;
	add(p, "old", 1);
	add(p, "new", 1);
	assert_in_range(run_until(p, PUSH_success, 1), OTLP_BACKOFF_FIRST_MS / 2, 3000);
	run_until(p, PUSH_success, 2);
	assert_memory_equal(next_seen(&r).body, "old", 3);
	assert_memory_equal(next_seen(&r).body, "old", 3);
	assert_memory_equal(next_seen(&r).body, "new", 3);
	assert_int_equal(stats_of(p).row.requests[PUSH_retry], 1);
	assert_string_equal(stats_of(p).last_error, "");
	otlp_push_free(p);
	stop(&r);
}

static void retry_after_is_waited_for(void **state)
{
	struct receiver r = START(
		{ SAY, "HTTP/1.1 429 Slow down\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n" },
		{ SAY, TAKEN });
	struct otlp_push *p = push_to(r.port, (struct otlp_push_options){ 0 });

	(void)state;
	add(p, "x", 1);
	assert_in_range(run_until(p, PUSH_success, 1), 2000, 3500);
	otlp_push_free(p);
	stop(&r);
}

static void what_is_refused_is_dropped_and_the_next_goes_at_once(void **state)
{
	struct receiver r =
		START({ SAY, "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n" },
		      { SAY, "HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n" },
		      { SAY, TAKEN });
	struct otlp_push *p = push_to(r.port, (struct otlp_push_options){ 0 });

	(void)state;
	add(p, "a", 5);
	add(p, "b", 6);
	add(p, "c", 7);
	assert_in_range(run_until(p, PUSH_success, 1), 0, 400);
	assert_memory_equal(next_seen(&r).body, "a", 1);
	assert_memory_equal(next_seen(&r).body, "b", 1);
	assert_memory_equal(next_seen(&r).body, "c", 1);
	assert_int_equal(stats_of(p).row.requests[PUSH_refused], 2);
	assert_int_equal(stats_of(p).row.items[PUSH_refused], 11);
	assert_int_equal(stats_of(p).row.sent_items, 7);
	otlp_push_free(p);
	stop(&r);
}

static void a_partial_success_is_not_sent_again(void **state)
{
	struct receiver r = START(
		{ SAY,
		  "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 9\r\n\r\n"
		  "\x0a\x07\x08\x02\x12\x03old" },
		{ SAY, TAKEN });
	struct otlp_push *p = push_to(r.port, (struct otlp_push_options){ 0 });

	(void)state;
	add(p, "a", 5);
	add(p, "b", 1);
	run_until(p, PUSH_success, 1);
	assert_int_equal(stats_of(p).row.requests[PUSH_partial_success], 1);
	assert_int_equal(stats_of(p).row.items[PUSH_partial_success], 2);
	assert_int_equal(stats_of(p).row.sent_items, 4);
	assert_memory_equal(next_seen(&r).body, "a", 1);
	assert_memory_equal(next_seen(&r).body, "b", 1);
	otlp_push_free(p);
	stop(&r);
}

static void who_hangs_up_is_asked_again(void **state)
{
	struct receiver r = START(
		{ HANG_UP, NULL },
		{ SAY, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100\r\n\r\nhalf" },
		{ SAY, TAKEN });
	struct otlp_push *p = push_to(r.port, (struct otlp_push_options){ 0 });

	(void)state;
	add(p, "x", 1);
	run_until(p, PUSH_success, 1);
	assert_int_equal(stats_of(p).row.requests[PUSH_retry], 2);
	assert_int_equal(stats_of(p).row.sent_items, 1);
	otlp_push_free(p);
	stop(&r);
}

static void who_does_not_answer_is_left_in_time(void **state)
{
	struct receiver r = START({ HANG, NULL }, { SAY, TAKEN });
	struct otlp_push *p = push_to(r.port, (struct otlp_push_options){ .timeout_ms = 300 });

	(void)state;
	add(p, "x", 1);
	assert_in_range(run_until(p, PUSH_retry, 1), 300, 900);
	assert_non_null(strstr(stats_of(p).last_error, "timed out"));
	run_until(p, PUSH_success, 1);
	otlp_push_free(p);
	stop(&r);
}

static void answers_that_are_too_large_end_it(void **state)
{
	struct receiver r = START({ BE_HUGE, NULL }, { BE_ENDLESS, NULL }, { SAY, TAKEN });
	struct otlp_push *p = push_to(r.port, (struct otlp_push_options){ 0 });

	(void)state;
	add(p, "a", 2);
	add(p, "b", 3);
	add(p, "c", 4);
	run_until(p, PUSH_success, 1);
	assert_int_equal(stats_of(p).row.requests[PUSH_answer_too_large], 2);
	assert_int_equal(stats_of(p).row.items[PUSH_answer_too_large], 5);
	assert_int_equal(stats_of(p).row.requests[PUSH_retry], 0);
	otlp_push_free(p);
	stop(&r);
}

static void while_nobody_is_there_the_queue_is_bounded_and_the_oldest_go(void **state)
{
	struct receiver r = START({ SAY, TAKEN });
	struct otlp_push *p;
	char text[1024];

	(void)state;
	stop(&r); /* the port is free now, and nobody listens */
	p = push_to(r.port, (struct otlp_push_options){ .max_queue_bytes = 16384 });
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	for (int i = 0; i < 101; i++) {
		add(p, text, 1);
		assert_true(stats_of(p).row.queued_bytes <= 16384);
	}
	run_until(p, PUSH_retry, 1);
	assert_non_null(strstr(stats_of(p).last_error, "connect"));
	assert_in_range(stats_of(p).row.queued_requests, 13, 16);
	assert_int_equal(
		stats_of(p).row.queued_requests + stats_of(p).row.requests[PUSH_queue_full], 101);
	assert_int_equal(stats_of(p).row.items[PUSH_queue_full],
			 stats_of(p).row.requests[PUSH_queue_full]);
	assert_true(stats_of(p).wait_until_ns > now_ns());
	otlp_push_free(p);
}

static void one_that_is_larger_than_the_queue_is_counted(void **state)
{
	struct otlp_push *p = push_to(9, (struct otlp_push_options){ .max_queue_bytes = 1000 });
	char text[2000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	add(p, text, 8);
	assert_int_equal(stats_of(p).row.items[PUSH_queue_full], 8);
	assert_int_equal(stats_of(p).row.queued_requests, 0);
	otlp_push_free(p);
}

static void what_is_too_old_is_given_up(void **state)
{
	struct receiver r = START({ SAY, "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n" });
	struct otlp_push *p = push_to(r.port, (struct otlp_push_options){ .max_age_ms = 100 });

	(void)state;
	add(p, "x", 9);
	run_until(p, PUSH_expired, 1);
	assert_int_equal(stats_of(p).row.items[PUSH_expired], 9);
	next_seen(&r);
	assert_false(is_more_seen(&r));
	otlp_push_free(p);
	stop(&r);
}

static void a_flush_sends_what_is_there_and_does_not_wait_for_the_dead(void **state)
{
	struct receiver r = START({ SAY, TAKEN }, { SAY, TAKEN }, { HANG, NULL });
	struct otlp_push *p = push_to(r.port, (struct otlp_push_options){ 0 });
	int64_t begin_ns;

	(void)state;
	add(p, "a", 1);
	add(p, "b", 1);
	otlp_push_flush(p, 2000);
	assert_int_equal(stats_of(p).row.requests[PUSH_success], 2);
	add(p, "c", 1);
	begin_ns = now_ns();
	otlp_push_flush(p, 300);
	assert_in_range((now_ns() - begin_ns) / 1000000, 290, 600);
	otlp_push_free(p); /* in the midst of it */
	stop(&r);
	p = push_to(r.port, (struct otlp_push_options){ 0 });
	add(p, "d", 1);
	begin_ns = now_ns();
	otlp_push_flush(p, 5000);
	assert_in_range((now_ns() - begin_ns) / 1000000, 0, 1000);
	otlp_push_free(p);
}

static void backoff_doubles_has_jitter_and_an_end(void **state)
{
	uint64_t seed = 42;

	(void)state;
	for (unsigned int n = 1; n < 40; n++) {
		int64_t most = 1000, least_seen = INT64_MAX, most_seen = 0;

		for (unsigned int i = 1; i < n && most < 30000; i++)
			most = most * 2 > 30000 ? 30000 : most * 2;
		for (int i = 0; i < 1000; i++) {
			int64_t ms = otlp_backoff_ms(n, -1, &seed);

			assert_in_range(ms, most / 2, most);
			least_seen = ms < least_seen ? ms : least_seen;
			most_seen = ms > most_seen ? ms : most_seen;
		}
		assert_true(most_seen - least_seen > most * 4 / 10);
	}
	for (int i = 0; i < 1000; i++) /* never before the receiver said */
		assert_in_range(otlp_backoff_ms(9, 7000, &seed), 7000, 7499);
	assert_int_not_equal(otlp_backoff_ms(1, -1, (uint64_t[]){ 1 }),
			     otlp_backoff_ms(1, -1, (uint64_t[]){ 2 }));
}

static void what_cannot_be_used_is_said(void **state)
{
	static const struct {
		struct otlp_push_options o;
		const char *text;
	} row[] = {
		{ { .url = "https://x/", .certificate = "/nowhere" }, "/nowhere cannot be opened" },
		{ { .url = "https://x/", .client_key = "/etc/passwd" }, "a client's key needs its certificate" },
		{ { .url = "https://x/", .client_certificate = "/etc/passwd" }, "/etc/passwd has no PEM" },
		{ { .url = "http://x/", .headers = "te=x" }, "the header te is not yours" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct otlp_push *p = NULL;
		struct diag d = { 0 };

		assert_int_equal(otlp_push_new(&row[i].o, &p, &d), -EINVAL);
		if (!strstr(d.text, row[i].text))
			fail_msg("%s", d.text);
		assert_null(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_arrives_as_it_was_with_the_headers_it_needs),
		cmocka_unit_test(gzip_is_said_and_done),
		cmocka_unit_test(after_503_it_comes_again_later_and_before_what_is_newer),
		cmocka_unit_test(retry_after_is_waited_for),
		cmocka_unit_test(what_is_refused_is_dropped_and_the_next_goes_at_once),
		cmocka_unit_test(a_partial_success_is_not_sent_again),
		cmocka_unit_test(who_hangs_up_is_asked_again),
		cmocka_unit_test(who_does_not_answer_is_left_in_time),
		cmocka_unit_test(answers_that_are_too_large_end_it),
		cmocka_unit_test(while_nobody_is_there_the_queue_is_bounded_and_the_oldest_go),
		cmocka_unit_test(one_that_is_larger_than_the_queue_is_counted),
		cmocka_unit_test(what_is_too_old_is_given_up),
		cmocka_unit_test(a_flush_sends_what_is_there_and_does_not_wait_for_the_dead),
		cmocka_unit_test(backoff_doubles_has_jitter_and_an_end),
		cmocka_unit_test(what_cannot_be_used_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
