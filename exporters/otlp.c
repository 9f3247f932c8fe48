/* SPDX-License-Identifier: MIT */
/*
 * otlp.c - see otlp.h. The surprise: an interval is counted from when an export was due and not from when it was made, or the ticks would stretch it; and
 * exports that were missed, since the host slept, are not made up for.
 */
#include "exporters/otlp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/text.h"
#include "exporters/otlp_encode.h"
#include "exporters/otlp_settings.h"
#include "model/snapshot.h"

#define NS_PER_MS 1000000
#define BAD_AFTER_NS (300 * (int64_t)1000000000)	/* without a success: until then it may just be starting again */

static const char *const signal_names[] = { "metrics", "logs" };

struct sender {
	struct otlp_push *push;	/* NULL = it is not sent */
	struct diag problem;	/* why not, though there is an endpoint */
};

struct otlp {
	const struct otlp_settings *settings;
	struct otlp_encoder *encoder;
	struct sender sender[OTLP_SIGNALS];
	int epoll_fd;
	int64_t due_ns;	/* the next export of metrics; 0 = no snapshot has come yet */
};

/* ---- sending ------------------------------------------------------------------------------------------------------------- */

static void send_all(struct otlp *o, enum otlp_signal signal, struct otlp_request *requests,
		     size_t n, int64_t now_ns)
{
	for (size_t i = 0; i < n; i++)
		otlp_push_add(o->sender[signal].push, &requests[i].body, requests[i].n_items,
			      now_ns);
	otlp_requests_free(requests, n);
}

struct sending {
	struct otlp_push *push;
	int64_t now_ns;
};

static void send_one(void *context, struct otlp_request *request)
{
	struct sending *to = context;

	otlp_push_add(to->push, &request->body, request->n_items, to->now_ns);
}

/* One by one: the queue holds them compressed, and all of ten thousand pools at once are 80 MB. */
static void send_metrics(struct otlp *o, const struct snapshot *s)
{
	struct sending to = { o->sender[OTLP_METRICS].push, s->t_ns };

	otlp_encode_metrics_each(o->encoder, s, send_one, &to);
}

static void send_logs(struct otlp *o, const struct snapshot *s)
{
	struct otlp_request *requests;
	size_t n;

	if (!otlp_encode_logs(o->encoder, s, &requests, &n))
		send_all(o, OTLP_LOGS, requests, n, s->t_ns);
}

static bool is_due(struct otlp *o, int64_t now_ns)
{
	int64_t interval_ns = (int64_t)o->settings->interval_ms * NS_PER_MS;
	int64_t first_ns = OTLP_FIRST_MS * (int64_t)NS_PER_MS;

	if (!o->due_ns)
		o->due_ns = now_ns + (interval_ns < first_ns ? interval_ns : first_ns);
	if (now_ns < o->due_ns)
		return false;
	o->due_ns += interval_ns;
	if (o->due_ns <= now_ns)
		o->due_ns = now_ns + interval_ns;
	return true;
}

void otlp_tick(struct otlp *o, const struct snapshot *s)
{
	if (!o)
		return;
	if (o->sender[OTLP_METRICS].push && is_due(o, s->t_ns))
		send_metrics(o, s);
	if (o->sender[OTLP_LOGS].push)
		send_logs(o, s);
}

int otlp_fd(const struct otlp *o)
{
	return o ? o->epoll_fd : -1;
}

void otlp_run(struct otlp *o, int64_t now_ns)
{
	for (int i = 0; o && i < OTLP_SIGNALS; i++)
		if (o->sender[i].push)
			otlp_push_run(o->sender[i].push, now_ns);
}

void otlp_finish(struct otlp *o, const struct snapshot *s, int ms)
{
	int n = 0;

	if (!o)
		return;
	if (s && o->sender[OTLP_METRICS].push)
		send_metrics(o, s);
	for (int i = 0; i < OTLP_SIGNALS; i++)
		n += o->sender[i].push != NULL;
	for (int i = 0; i < OTLP_SIGNALS; i++)
		if (o->sender[i].push)
			otlp_push_flush(o->sender[i].push, ms / n);
}

/* ---- what it says of itself ---------------------------------------------------------------------------------------------- */

size_t otlp_rows(const struct otlp *o, struct push_row ret[OTLP_SIGNALS])
{
	size_t n = 0;

	for (int i = 0; o && i < OTLP_SIGNALS; i++) {
		struct otlp_push_stats stats;

		if (!o->sender[i].push)
			continue;
		otlp_push_stats(o->sender[i].push, &stats);
		ret[n] = stats.row;
		ret[n++].signal = signal_names[i];
	}
	return n;
}

static void worsen(struct check_row *ret, enum check_state state, const char *advice)
{
	if (state <= ret->state)
		return;
	ret->state = state;
	ret->advice = advice;
}

static void describe_sender(const struct otlp *o, int signal, int64_t now_ns, struct buffer *b,
			    struct check_row *ret)
{
	const struct otlp_signal_settings *s = &o->settings->signal[signal];
	struct otlp_push_stats stats;
	char url[128], age[TEXT_NUMBER_BYTES];
	bool is_old;

	buffer_printf(b, "%s%s to %s by %s", b->n ? "; " : "", signal_names[signal],
		      otlp_url_show(s->url, url, sizeof(url)), otlp_protocol_name(s->protocol));
	otlp_push_stats(o->sender[signal].push, &stats);
	if (stats.last_success_ns)
		buffer_printf(
			b, ", last taken %s ago",
			text_format_duration((double)(now_ns - stats.last_success_ns) / 1e9, age));
	else
		buffer_add_text(b, stats.last_error_ns ? ", never taken" : ", none due yet");
	if (stats.last_note[0])
		buffer_printf(b, " (%s)", stats.last_note);
	if (!stats.last_error[0])
		return;
	buffer_printf(b, ": %s", stats.last_error);
	if (stats.row.queued_requests)
		buffer_printf(b, ", %" PRIu64 " wait to be sent again", stats.row.queued_requests);
	is_old = now_ns - stats.last_success_ns > BAD_AFTER_NS;
	if (stats.last_error_outcome == PUSH_retry)
		worsen(ret, !stats.last_success_ns || is_old ? CHECK_BAD : CHECK_LOOK,
		       "it goes on by itself once a receiver of OTLP answers there: is one up, can this host reach it, is the protocol its own?");
	else
		worsen(ret,
		       stats.last_error_outcome == PUSH_partial_success ? CHECK_LOOK : CHECK_BAD,
		       "the receiver does not want it: look at endpoint, protocol and headers (OTLP in poolscope.conf(5)), and at the receiver's own log");
}

void otlp_check(const struct otlp *o, int64_t now_ns, struct arena *a, struct check_row *ret)
{
	CLEANUP(buffer_done) struct buffer b = { 0 };

	*ret = (struct check_row){ .name = "otlp", .state = CHECK_OK };
	for (int i = 0; o && i < OTLP_SIGNALS; i++) {
		if (o->sender[i].push) {
			describe_sender(o, i, now_ns, &b, ret);
		} else if (o->sender[i].problem.text[0]) {
			buffer_printf(&b, "%s%s are not sent: %s", b.n ? "; " : "", signal_names[i],
				      o->sender[i].problem.text);
			worsen(ret, CHECK_BAD,
			       "set it right (OTLP in poolscope.conf(5)), and start the agent again");
		}
	}
	if (ret->state != CHECK_OK)
		ret->costs =
			"what the receiver has is older than what is so; what waits for longer than max_age_seconds is thrown away";
	ret->found = arena_strdup(a, b.n ? b.data : "off: no endpoint is set");
}

/* ---- beginning and end --------------------------------------------------------------------------------------------------- */

static int open_sender(struct otlp *o, int signal, uint64_t seed)
{
	const struct otlp_signal_settings *s = &o->settings->signal[signal];
	const struct otlp_push_options options = {
		.protocol = s->protocol,
		.url = s->url,
		.headers = s->headers,
		.is_gzip = s->is_gzip,
		.certificate = s->certificate,
		.client_certificate = s->client_certificate,
		.client_key = s->client_key,
		.timeout_ms = s->timeout_ms,
		.max_queue_bytes = o->settings->max_queue_bytes,
		.max_age_ms = o->settings->max_age_ms,
		.seed = seed + (uint64_t)signal,
	};
	struct sender *sender = &o->sender[signal];
	struct epoll_event e = { .events = EPOLLIN };
	int error;

	if (!s->url)
		return 0;
	error = otlp_push_new(&options, &sender->push, &sender->problem);
	if (error)
		return error == -EINVAL ? 0 : error;
	e.data.fd = otlp_push_fd(sender->push);
	return epoll_ctl(o->epoll_fd, EPOLL_CTL_ADD, e.data.fd, &e) ? -errno : 0;
}

int otlp_new(const struct otlp_settings *settings, int64_t since_wall_ns, struct otlp **ret)
{
	const struct otlp_encode_options options = {
		.temporality = settings->temporality,
		.histogram = settings->histogram,
		.has_no_exemplars = settings->has_no_exemplars,
		.since_wall_ns = since_wall_ns,
	};
	struct otlp *o = calloc(1, sizeof(*o));
	int error;

	if (!o)
		return -ENOMEM;
	o->settings = settings;
	o->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	error = o->epoll_fd < 0 ? -errno : otlp_encoder_new(&options, &o->encoder);
	for (int i = 0; !error && i < OTLP_SIGNALS; i++)
		error = open_sender(o, i, (uint64_t)since_wall_ns * 2 + (uint64_t)getpid());
	if (error) {
		otlp_free(o);
		return error;
	}
	*ret = o;
	return 0;
}

void otlp_free(struct otlp *o)
{
	if (!o)
		return;
	for (int i = 0; i < OTLP_SIGNALS; i++)
		otlp_push_free(o->sender[i].push);
	otlp_encoder_free(o->encoder);
	if (o->epoll_fd >= 0)
		close(o->epoll_fd);
	free(o);
}
