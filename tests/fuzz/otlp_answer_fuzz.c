/* SPDX-License-Identifier: MIT */
/*
 * otlp_answer_fuzz.c - any bytes as the answer of a receiver of OTLP: lines of headers up to an empty one, then the body, then nothing or trailers behind
 * a 0xff. The same bytes are the headers and the URL that somebody configured.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/text.h"
#include "exporters/otlp_answer.h"
#include "exporters/otlp_settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Feeds lines up to an empty one, and returns where that ends. */
static const char *feed_lines(struct otlp_answer *a, const char *at, const char *end)
{
	while (at < end) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		size_t n = line_end ? (size_t)(line_end - at) + 1 : (size_t)(end - at);

		if (n == 1 && *at == '\n')
			return at + 1;
		if (!otlp_answer_header(a, at, n, 1785000000))
			return end;
		at += n;
	}
	return end;
}

static void judge(const struct otlp_answer *a, enum otlp_protocol protocol,
		  enum otlp_exchange exchange)
{
	struct otlp_verdict v;

	otlp_answer_judge(a, protocol, exchange, "lost", &v);
	if (!text_is_clean(v.text) || strlen(v.text) >= sizeof(v.text) ||
	    v.retry_after_ms > OTLP_RETRY_AFTER_MAX_MS || v.retry_after_ms < -1)
		abort();
	if ((v.outcome == PUSH_partial_success) != (v.rejected_items > 0))
		abort();
}

static int look_at(void *n, const char *name, const char *value)
{
	++*(int *)n;
	if (!name[0] || strpbrk(name, ": \r\n") || strpbrk(value, "\r\n"))
		abort();
	return 0;
}

static void configure(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *url = NULL, shown[64];
	struct diag d = { 0 };
	int n = 0;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = 0;
	otlp_headers_each(text, look_at, &n, &d);
	if (n > OTLP_MAX_HEADERS)
		abort();
	if (!otlp_url_make(text, OTLP_GRPC, OTLP_LOGS, false, true, &url, &d) &&
	    strncmp(url, "http", 4))
		abort();
	free(url);
	if (!text_is_clean(otlp_url_show(text, shown, sizeof(shown))))
		abort();
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *end = (const char *)data + size, *at, *body_end;
	struct otlp_answer a = { 0 };

	configure(data, size);
	otlp_answer_begin(&a);
	at = feed_lines(&a, (const char *)data, end);
	body_end = memchr(at, 0xff, (size_t)(end - at));
	otlp_answer_body(&a, at, (size_t)((body_end ? body_end : end) - at));
	if (body_end)
		feed_lines(&a, body_end + 1, end);
	for (int protocol = 0; protocol < 2; protocol++)
		for (int exchange = 0; exchange < 3; exchange++)
			judge(&a, (enum otlp_protocol)protocol, (enum otlp_exchange)exchange);
	otlp_answer_done(&a);
	return 0;
}
