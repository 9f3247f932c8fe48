/* SPDX-License-Identifier: MIT */
/*
 * otlp_push.c - see otlp_push.h. The surprise: libcurl ends a transfer whose name is still being resolved by waiting for its own thread, which
 * takes as long as the resolver likes; CURLOPT_QUICK_EXIT leaves that thread to itself (lib/asyn-thread.c of 7.88).
 */
#include "exporters/otlp_push.h"

#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/text.h"
#include "exporters/otlp_queue.h"
#include "exporters/otlp_settings.h"
#include "exporters/otlp_wire.h"

#define NS_PER_MS 1000000
#define USER_AGENT "poolscope/" POOLSCOPE_VERSION " OTel-OTLP-Exporter-C/" POOLSCOPE_VERSION

struct otlp_push {
	enum otlp_protocol protocol;
	bool is_gzip;
	int64_t max_age_ns;
	uint64_t seed;
	struct otlp_queue queue;
	struct otlp_answer answer;
	struct otlp_push_stats stats;
	CURLM *multi;
	CURL *easy;	/* one for all requests, so that the connection stays */
	struct curl_slist *headers;
	int epoll_fd, timer_fd;
	int64_t now_ns;	/* as the owner said last */
	int64_t curl_at_ns;	/* when libcurl wants to be called; 0 = it does not */
	int64_t wait_until_ns;	/* nothing is sent before; 0 = now */
	unsigned int n_failures;	/* in a row */
	bool is_busy;	/* the queue's first is on its way */
	bool is_too_large;	/* the answer is */
	bool is_wait_asked;	/* by the receiver */
	char error[CURL_ERROR_SIZE];
};

/* ---- when to try again --------------------------------------------------------------------------------------------------- */

/* xorshift64*; good enough to keep a fleet from asking at one moment. */
static uint64_t next_random(uint64_t *seed)
{
	uint64_t x = *seed ? *seed : 0x9e3779b97f4a7c15;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*seed = x;
	return x * 0x2545f4914f6cdd1d;
}

int64_t otlp_backoff_ms(unsigned int n, int64_t retry_after_ms, uint64_t *seed)
{
	int64_t ms = OTLP_BACKOFF_FIRST_MS;

	for (unsigned int i = 1; i < n && ms < OTLP_BACKOFF_LAST_MS; i++)
		ms *= 2;
	if (ms > OTLP_BACKOFF_LAST_MS)
		ms = OTLP_BACKOFF_LAST_MS;
	if (retry_after_ms >= 0) /* the receiver knows better; but not all at once */
		return retry_after_ms + (int64_t)(next_random(seed) % 500);
	return ms / 2 + (int64_t)(next_random(seed) % (uint64_t)(ms / 2 + 1));
}

/* ---- the end of a request ------------------------------------------------------------------------------------------------ */

static void count(struct otlp_push *p, enum push_outcome outcome, uint64_t n_items)
{
	p->stats.row.requests[outcome]++;
	p->stats.row.items[outcome] += n_items;
}

static void drop_first(struct otlp_push *p, enum push_outcome outcome)
{
	struct otlp_entry *e = otlp_queue_take(&p->queue, false);

	count(p, outcome, e->n_items);
	otlp_entry_free(e);
}

static void note_error(struct otlp_push *p, const struct otlp_verdict *v)
{
	text_clean(v->text, SIZE_MAX, p->stats.last_error, sizeof(p->stats.last_error));
	p->stats.last_error_outcome = v->outcome;
	p->stats.last_error_ns = p->now_ns;
}

static void on_taken(struct otlp_push *p, const struct otlp_verdict *v)
{
	struct otlp_entry *e = otlp_queue_take(&p->queue, false);
	uint64_t rejected = v->rejected_items < e->n_items ? v->rejected_items : e->n_items;

	count(p, v->outcome, rejected);
	p->stats.row.sent_items += e->n_items - rejected;
	p->stats.last_success_ns = p->now_ns;
	p->stats.last_error[0] = 0;
	text_clean(v->outcome == PUSH_success ? v->text : "", SIZE_MAX, p->stats.last_note,
		   sizeof(p->stats.last_note));
	if (v->outcome == PUSH_partial_success)
		note_error(p, v);
	otlp_entry_free(e);
}

static void on_retry(struct otlp_push *p, const struct otlp_verdict *v)
{
	int64_t ms = otlp_backoff_ms(++p->n_failures, v->retry_after_ms, &p->seed);

	count(p, PUSH_retry, 0);
	note_error(p, v);
	p->wait_until_ns = p->now_ns + ms * NS_PER_MS;
	p->is_wait_asked = v->retry_after_ms >= 0;
}

static void on_verdict(struct otlp_push *p, const struct otlp_verdict *v)
{
	switch (v->outcome) {
	case PUSH_retry:
		on_retry(p, v);
		return;
	case PUSH_success:
	case PUSH_partial_success:
		on_taken(p, v);
		break;
	default:
		note_error(p, v);
		drop_first(p, v->outcome);
	}
	p->n_failures = 0;
}

static void on_end(struct otlp_push *p, CURLcode code)
{
	enum otlp_exchange exchange = p->is_too_large    ? OTLP_EXCHANGE_TOO_LARGE
				      : code == CURLE_OK ? OTLP_EXCHANGE_DONE
							 : OTLP_EXCHANGE_LOST;
	struct otlp_verdict v;

	curl_multi_remove_handle(p->multi, p->easy);
	p->is_busy = false;
	otlp_answer_judge(&p->answer, p->protocol, exchange,
			  p->error[0] ? p->error : curl_easy_strerror(code), &v);
	on_verdict(p, &v);
}

/* ---- libcurl ------------------------------------------------------------------------------------------------------------- */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *unused)
{
	struct otlp_push *p = context;
	struct epoll_event e = { .data.fd = fd };

	(void)easy;
	(void)unused;
	if (what == CURL_POLL_REMOVE) {
		epoll_ctl(p->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	if (what & CURL_POLL_IN)
		e.events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		e.events |= EPOLLOUT;
	if (epoll_ctl(p->epoll_fd, EPOLL_CTL_MOD, fd, &e) && errno == ENOENT)
		epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, fd, &e);
	return 0;
}

static int on_timer(CURLM *multi, long ms, void *context)
{
	struct otlp_push *p = context;

	(void)multi;
	p->curl_at_ns = ms < 0 ? 0 : p->now_ns + (int64_t)ms * NS_PER_MS;
	return 0;
}

/* The process that looks at stacks must not have our connections. */
static curl_socket_t open_socket(void *unused, curlsocktype purpose, struct curl_sockaddr *a)
{
	(void)unused;
	(void)purpose;
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static size_t on_header(char *data, size_t size, size_t n, void *context)
{
	struct otlp_push *p = context;
	bool is_fine = otlp_answer_header(&p->answer, data, size * n,
					  clock_ns(CLOCK_REALTIME) / 1000000000);

	p->is_too_large |= !is_fine;
	return is_fine ? size * n : 0;
}

static size_t on_body(char *data, size_t size, size_t n, void *context)
{
	struct otlp_push *p = context;
	bool is_fine = otlp_answer_body(&p->answer, data, size * n);

	p->is_too_large |= !is_fine;
	return is_fine ? size * n : 0;
}

/* ---- the queue ----------------------------------------------------------------------------------------------------------- */

static void expire(struct otlp_push *p)
{
	while (p->queue.first && p->now_ns - p->queue.first->added_ns > p->max_age_ns)
		drop_first(p, PUSH_expired);
}

static void send_next(struct otlp_push *p)
{
	const struct otlp_entry *e;

	if (p->is_busy)
		return;
	expire(p);
	e = p->queue.first;
	if (!e || p->now_ns < p->wait_until_ns)
		return;
	p->wait_until_ns = 0;
	otlp_answer_begin(&p->answer);
	p->is_too_large = false;
	p->error[0] = 0;
	curl_easy_setopt(p->easy, CURLOPT_POSTFIELDS, e->body.data);
	curl_easy_setopt(p->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)e->body.n);
	p->is_busy = true;
	if (curl_multi_add_handle(p->multi, p->easy))
		on_end(p, CURLE_OUT_OF_MEMORY);
}

/* For what comes first: what libcurl waits for, or the end of a wait. A time that has passed makes it readable at once. */
static void set_timer(struct otlp_push *p)
{
	struct itimerspec at = { 0 };
	int64_t ns = p->curl_at_ns;

	if (!p->is_busy && p->queue.first && (!ns || p->wait_until_ns < ns))
		ns = p->wait_until_ns ? p->wait_until_ns : 1;
	at.it_value.tv_sec = ns / 1000000000;
	at.it_value.tv_nsec = ns % 1000000000;
	timerfd_settime(p->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

static void go_on(struct otlp_push *p)
{
	send_next(p);
	set_timer(p);
}

/* The oldest go, until there is room; false: there will be none. */
static bool make_room(struct otlp_push *p, size_t bytes)
{
	struct otlp_entry *e;

	while (!otlp_queue_has_room(&p->queue, bytes)) {
		e = otlp_queue_take(&p->queue, p->is_busy);
		if (!e)
			return false;
		count(p, PUSH_queue_full, e->n_items);
		otlp_entry_free(e);
	}
	return true;
}

int otlp_push_add(struct otlp_push *p, struct buffer *body, uint64_t n_items, int64_t now_ns)
{
	CLEANUP(buffer_done) struct buffer taken = TAKE_AS(*body, (struct buffer){ 0 });
	CLEANUP(buffer_done) struct buffer wire = { 0 };

	p->now_ns = now_ns;
	if (taken.n > OTLP_SEND_MAX_BYTES) {
		count(p, PUSH_too_large, n_items);
		return 0;
	}
	if (taken.error || otlp_wire_encode(&taken, p->is_gzip, p->protocol == OTLP_GRPC, &wire)) {
		count(p, PUSH_queue_full, n_items);
		return -ENOMEM;
	}
	if (!make_room(p, wire.n)) {
		count(p, PUSH_queue_full, n_items);
		return 0;
	}
	if (otlp_queue_add(&p->queue, &wire, n_items, now_ns)) {
		count(p, PUSH_queue_full, n_items);
		return -ENOMEM;
	}
	go_on(p);
	return 0;
}

/* ---- the loop ------------------------------------------------------------------------------------------------------------ */

int otlp_push_fd(const struct otlp_push *p)
{
	return p->epoll_fd;
}

static void on_event(struct otlp_push *p, const struct epoll_event *e)
{
	int mask = 0, n_running;
	uint64_t n;

	if (e->data.fd == p->timer_fd) {
		if (read(p->timer_fd, &n, sizeof(n)) < 0)
			return;
		return;
	}
	if (e->events & EPOLLIN)
		mask |= CURL_CSELECT_IN;
	if (e->events & EPOLLOUT)
		mask |= CURL_CSELECT_OUT;
	if (e->events & (EPOLLERR | EPOLLHUP))
		mask |= CURL_CSELECT_ERR;
	curl_multi_socket_action(p->multi, e->data.fd, mask, &n_running);
}

static void take_ends(struct otlp_push *p)
{
	CURLMsg *m;
	int n_left;

	while ((m = curl_multi_info_read(p->multi, &n_left)))
		if (m->msg == CURLMSG_DONE && p->is_busy)
			on_end(p, m->data.result);
}

void otlp_push_run(struct otlp_push *p, int64_t now_ns)
{
	struct epoll_event events[8];
	int n = epoll_wait(p->epoll_fd, events, 8, 0), n_running;

	p->now_ns = now_ns;
	for (int i = 0; i < n; i++)
		on_event(p, &events[i]);
	if (p->curl_at_ns && now_ns >= p->curl_at_ns) {
		p->curl_at_ns = 0;
		curl_multi_socket_action(p->multi, CURL_SOCKET_TIMEOUT, 0, &n_running);
	}
	take_ends(p);
	go_on(p);
}

void otlp_push_flush(struct otlp_push *p, int ms)
{
	int64_t now_ns = clock_ns(CLOCK_MONOTONIC), until_ns = now_ns + (int64_t)ms * NS_PER_MS;

	if (!p->is_wait_asked)
		p->wait_until_ns = 0; /* one more try */
	set_timer(p);
	while (p->queue.first && (p->is_busy || !p->wait_until_ns)) {
		struct pollfd ready = { .fd = p->epoll_fd, .events = POLLIN };

		if (now_ns >= until_ns)
			return;
		poll(&ready, 1, (int)((until_ns - now_ns) / NS_PER_MS) + 1);
		now_ns = clock_ns(CLOCK_MONOTONIC);
		otlp_push_run(p, now_ns);
	}
}

void otlp_push_stats(const struct otlp_push *p, struct otlp_push_stats *ret)
{
	*ret = p->stats;
	ret->row.queued_requests = p->queue.n;
	ret->row.queued_bytes = p->queue.bytes;
	ret->row.queue_limit_bytes = p->queue.max_bytes;
	ret->wait_until_ns = p->queue.first && !p->is_busy ? p->wait_until_ns : 0;
}

/* ---- beginning and end --------------------------------------------------------------------------------------------------- */

static int add_header(struct otlp_push *p, const char *line)
{
	struct curl_slist *more = curl_slist_append(p->headers, line);

	if (!more)
		return -ENOMEM;
	p->headers = more;
	return 0;
}

static int add_user_header(void *push, const char *name, const char *value)
{
	CLEANUP(buffer_done) struct buffer line = { 0 };

	/* libcurl takes "name:" for "none of this", and "name;" for an empty one */
	buffer_printf(&line, value[0] ? "%s: %s" : "%s;", name, value);
	return line.error ? line.error : add_header(push, line.data);
}

static int add_headers(struct otlp_push *p, const struct otlp_push_options *o, uint32_t timeout_ms,
		       struct diag *d)
{
	char timeout[48];
	int error = add_header(p, "Expect:"); /* no question before a long body */

	if (p->protocol == OTLP_GRPC) {
		/* at most eight digits */
		snprintf(timeout, sizeof(timeout), "grpc-timeout: %u%c",
			 timeout_ms < 100000000 ? timeout_ms : timeout_ms / 1000,
			 timeout_ms < 100000000 ? 'm' : 'S');
		error = error ?: add_header(p, "Content-Type: application/grpc+proto");
		error = error ?: add_header(p, "TE: trailers");
		error = error ?: add_header(p, "Accept:");
		error = error ?: add_header(p, timeout);
		if (p->is_gzip)
			error = error ?: add_header(p, "grpc-encoding: gzip");
	} else {
		error = error ?: add_header(p, "Content-Type: application/x-protobuf");
		if (p->is_gzip)
			error = error ?: add_header(p, "Content-Encoding: gzip");
	}
	return error ?: otlp_headers_each(o->headers, add_user_header, p, d);
}

/*
 * The system's list of authorities as one file. libcurl with GnuTLS reads a folder of them else, at each new connection: 166 ms on a busy machine, in
 * which the loop does nothing, instead of 28 (2026-11).
 */
static const char *find_bundle(void)
{
	static const char *const files[] = { "/etc/ssl/certs/ca-certificates.crt",
					     "/etc/pki/tls/certs/ca-bundle.crt",
					     "/etc/ssl/ca-bundle.pem" };

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (!access(files[i], R_OK))
			return files[i];
	return NULL;
}

static int set_files(struct otlp_push *p, const struct otlp_push_options *o, struct diag *d)
{
	const char *key = o->client_key ? o->client_key : o->client_certificate;
	const char *authorities = o->certificate ? o->certificate : find_bundle();
	int error = 0;

	if (o->client_key && !o->client_certificate)
		return diag_set(d, -EINVAL, "a client's key needs its certificate, too");
	if (o->certificate)
		error = otlp_file_check(o->certificate, d);
	if (authorities) {
		curl_easy_setopt(p->easy, CURLOPT_CAINFO, authorities);
		curl_easy_setopt(p->easy, CURLOPT_CAPATH, NULL);
	}
	if (!error && o->client_certificate) {
		error = otlp_file_check(o->client_certificate, d);
		curl_easy_setopt(p->easy, CURLOPT_SSLCERT, o->client_certificate);
		curl_easy_setopt(p->easy, CURLOPT_SSLKEY, key);
	}
	if (!error && o->client_certificate)
		error = otlp_file_check(key, d);
	return error;
}

static bool is_https(const char *url)
{
	return !strncasecmp(url, "https:", 6);
}

/* libcurl 7.88 fails at the second request of a connection that was HTTP/2 without asking (curl issue 10634, mended in 8.0.0). Debian 12 has it. */
static bool can_keep_h2c(void)
{
	unsigned int version = curl_version_info(CURLVERSION_NOW)->version_num;

	return version < 0x075800 || version >= 0x080000;
}

static void set_options(struct otlp_push *p, const struct otlp_push_options *o, uint32_t timeout_ms)
{
	long version = p->protocol == OTLP_GRPC && !is_https(o->url)
			       ? CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE
			       : CURL_HTTP_VERSION_2TLS;

	curl_easy_setopt(p->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(p->easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(p->easy, CURLOPT_HTTP_VERSION, version);
	curl_easy_setopt(p->easy, CURLOPT_FORBID_REUSE,
			 (long)(version == CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE && !can_keep_h2c()));
	curl_easy_setopt(p->easy, CURLOPT_HTTPPROXYTUNNEL, (long)(p->protocol == OTLP_GRPC));
	curl_easy_setopt(p->easy, CURLOPT_POST, 1L);
	curl_easy_setopt(p->easy, CURLOPT_HTTPHEADER, p->headers);
	curl_easy_setopt(p->easy, CURLOPT_USERAGENT, USER_AGENT);
	curl_easy_setopt(p->easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	curl_easy_setopt(p->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms);
	curl_easy_setopt(p->easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(p->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(p->easy, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(p->easy, CURLOPT_ERRORBUFFER, p->error);
	curl_easy_setopt(p->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(p->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(p->easy, CURLOPT_HEADERDATA, p);
	curl_easy_setopt(p->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(p->easy, CURLOPT_WRITEDATA, p);
	curl_multi_setopt(p->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(p->multi, CURLMOPT_SOCKETDATA, p);
	curl_multi_setopt(p->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(p->multi, CURLMOPT_TIMERDATA, p);
	curl_multi_setopt(p->multi, CURLMOPT_MAXCONNECTS, 1L);
}

static int open_parts(struct otlp_push *p, const struct otlp_push_options *o, struct diag *d)
{
	struct epoll_event e = { .events = EPOLLIN };
	uint32_t timeout_ms = o->timeout_ms ? o->timeout_ms : OTLP_TIMEOUT_MS;
	int error;

	p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	p->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	e.data.fd = p->timer_fd;
	if (p->epoll_fd < 0 || p->timer_fd < 0 ||
	    epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, p->timer_fd, &e))
		return diag_set(d, -errno, "no descriptors left: %s", strerror(errno));
	p->multi = curl_multi_init();
	p->easy = curl_easy_init();
	if (!p->multi || !p->easy)
		return diag_set(d, -ENOMEM, "out of memory");
	error = add_headers(p, o, timeout_ms, d);
	if (error)
		return error == -ENOMEM ? diag_set(d, error, "out of memory") : error;
	set_options(p, o, timeout_ms);
	if (curl_easy_setopt(p->easy, CURLOPT_URL, o->url))
		return diag_set(d, -EINVAL, "the URL cannot be used");
	return set_files(p, o, d);
}

int otlp_push_new(const struct otlp_push_options *o, struct otlp_push **ret, struct diag *d)
{
	struct otlp_push *p = calloc(1, sizeof(*p));
	int error;

	if (!p)
		return diag_set(d, -ENOMEM, "out of memory");
	p->epoll_fd = p->timer_fd = -1;
	p->protocol = o->protocol;
	p->is_gzip = o->is_gzip;
	p->seed = o->seed;
	p->max_age_ns = (o->max_age_ms ? o->max_age_ms : OTLP_MAX_AGE_MS) * NS_PER_MS;
	p->queue.max_bytes = o->max_queue_bytes ? o->max_queue_bytes : OTLP_QUEUE_BYTES;
	error = open_parts(p, o, d);
	if (error) {
		otlp_push_free(p);
		return error;
	}
	*ret = p;
	return 0;
}

void otlp_push_free(struct otlp_push *p)
{
	if (!p)
		return;
	if (p->is_busy)
		curl_multi_remove_handle(p->multi, p->easy);
	curl_easy_cleanup(p->easy);
	curl_multi_cleanup(p->multi);
	curl_slist_free_all(p->headers);
	otlp_answer_done(&p->answer);
	otlp_queue_done(&p->queue);
	if (p->timer_fd >= 0)
		close(p->timer_fd);
	if (p->epoll_fd >= 0)
		close(p->epoll_fd);
	free(p);
}
