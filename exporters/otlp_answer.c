/* SPDX-License-Identifier: MIT */
/*
 * otlp_answer.c - see otlp_answer.h. The surprise: a message of protobuf that is cut or broken is read as far as it makes sense. Whether something was
 * taken is said by the status, outside of it; inside is only how much was rejected, and a text for people.
 */
#include "exporters/otlp_answer.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define GRPC_UNKNOWN 2
#define GRPC_PERMISSION_DENIED 7
#define GRPC_RESOURCE_EXHAUSTED 8
#define GRPC_UNIMPLEMENTED 12
#define GRPC_INTERNAL 13
#define GRPC_UNAVAILABLE 14
#define GRPC_UNAUTHENTICATED 16

#define GRPC_FRAME_BYTES 5	/* before a message: compressed or not, length */
#define DETAILS_BYTES 8192	/* of grpc-status-details-bin, decoded */

/* ---- protobuf ------------------------------------------------------------------------------------------------------------ */

struct reader {
	const uint8_t *at, *end;
};

struct field {
	uint64_t number;
	uint64_t value;	/* of a number */
	struct reader bytes;	/* of a string or a message; empty else */
};

static bool read_varint(struct reader *r, uint64_t *ret)
{
	uint64_t n = 0;

	for (unsigned int shift = 0; shift < 64 && r->at < r->end; shift += 7) {
		uint8_t byte = *r->at++;

		n |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = n;
			return true;
		}
	}
	return false;
}

static size_t left(const struct reader *r)
{
	return (size_t)(r->end - r->at);
}

/* The next field; one that is longer than what is there has what is there. False at the end, and where it makes no sense. */
static bool next_field(struct reader *r, struct field *ret)
{
	uint64_t key, n = 0;

	*ret = (struct field){ 0 };
	if (!read_varint(r, &key) || !(key >> 3))
		return false;
	ret->number = key >> 3;
	switch (key & 7) {
	case 0:
		return read_varint(r, &ret->value);
	case 1:
		n = 8;
		break;
	case 2:
		if (!read_varint(r, &n))
			return false;
		break;
	case 5:
		n = 4;
		break;
	default:
		return false;
	}
	if (n > left(r))
		n = left(r);
	ret->bytes = (struct reader){ r->at, r->at + n };
	r->at += n;
	return true;
}

static void clean(const struct reader *r, char *ret, size_t size)
{
	text_clean((const char *)r->at, left(r), ret, size);
}

/* ExportMetricsServiceResponse and its like: 1 = partial_success { 1 = rejected_…, 2 = error_message }. */
static void read_response(struct reader r, uint64_t *ret_rejected, char *text, size_t size)
{
	struct field f;

	*ret_rejected = 0;
	while (next_field(&r, &f)) {
		struct reader partial = f.bytes;
		struct field g;

		if (f.number != 1)
			continue;
		while (next_field(&partial, &g)) {
			if (g.number == 1 && !g.bytes.at)
				*ret_rejected = g.value > INT64_MAX ? 0 : g.value;
			else if (g.number == 2)
				clean(&g.bytes, text, size);
		}
	}
}

/* google.protobuf.Duration: 1 = seconds, 2 = nanos. */
static int64_t read_duration_ms(struct reader r)
{
	int64_t seconds = 0, nanos = 0;
	struct field f;

	while (next_field(&r, &f)) {
		if (f.number == 1)
			seconds = (int64_t)f.value;
		else if (f.number == 2)
			nanos = (int64_t)f.value;
	}
	if (seconds < 0 || nanos < 0 || nanos > 999999999)
		return -1;
	if (seconds >= OTLP_RETRY_AFTER_MAX_MS / 1000)
		return OTLP_RETRY_AFTER_MAX_MS;
	return seconds * 1000 + (nanos + 999999) / 1000000;
}

static bool ends_with(const struct reader *r, const char *end)
{
	size_t n = strlen(end);

	return left(r) >= n && !memcmp(r->end - n, end, n);
}

/* google.protobuf.Any: 1 = type_url, 2 = value; of google.rpc.RetryInfo { 1 = retry_delay }, -1 of others. */
static int64_t read_retry_info_ms(struct reader r)
{
	struct reader type = { 0 }, value = { 0 };
	int64_t ms = -1;
	struct field f;

	while (next_field(&r, &f)) {
		if (f.number == 1)
			type = f.bytes;
		else if (f.number == 2)
			value = f.bytes;
	}
	if (!ends_with(&type, "/google.rpc.RetryInfo"))
		return -1;
	while (next_field(&value, &f))
		if (f.number == 1 && f.bytes.at)
			ms = read_duration_ms(f.bytes);
	return ms;
}

/* google.rpc.Status: 1 = code, 2 = message, 3 = details. Either pointer may be NULL. */
static void read_status(struct reader r, int64_t *ret_retry_ms, char *text, size_t size)
{
	struct field f;

	while (next_field(&r, &f)) {
		if (f.number == 2 && f.bytes.at && text)
			clean(&f.bytes, text, size);
		if (f.number == 3 && f.bytes.at && ret_retry_ms) {
			int64_t ms = read_retry_info_ms(f.bytes);

			*ret_retry_ms = ms >= 0 ? ms : *ret_retry_ms;
		}
	}
}

/* ---- headers ------------------------------------------------------------------------------------------------------------- */

/* Of the alphabet of RFC 4648, 4; up to the first character that is not in it. */
static size_t decode_base64(const char *s, size_t n, uint8_t *ret, size_t size)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t bits = 0;
	size_t n_bits = 0, n_bytes = 0;

	for (size_t i = 0; i < n && n_bytes < size; i++) {
		const char *at = s[i] ? strchr(alphabet, s[i]) : NULL;

		if (!at)
			break;
		bits = bits << 6 | (uint32_t)(at - alphabet);
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			ret[n_bytes++] = (uint8_t)(bits >> n_bits);
		}
	}
	return n_bytes;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decoded and cleaned; what is no valid escape stays as it is, as gRPC has it. */
static void read_message(const char *s, size_t n, char *ret, size_t size)
{
	char plain[1024];
	size_t used = 0;

	for (size_t i = 0; i < n && used < sizeof(plain); i++) {
		if (s[i] == '%' && n - i > 2 && hex(s[i + 1]) >= 0 && hex(s[i + 2]) >= 0) {
			plain[used++] = (char)(hex(s[i + 1]) * 16 + hex(s[i + 2]));
			i += 2;
		} else {
			plain[used++] = s[i];
		}
	}
	text_clean(plain, used, ret, size);
}

int64_t otlp_retry_after_ms(const char *text, int64_t wall_s)
{
	unsigned long long seconds;
	char *end;

	if (text[0] >= '0' && text[0] <= '9') {
		seconds = strtoull(text, &end, 10); /* what overflows is the largest, and over the limit as well */
		if (*end)
			return -1;
	} else {
		time_t at = curl_getdate(text, NULL);

		if (at == -1)
			return -1;
		seconds = at > wall_s ? (unsigned long long)(at - wall_s) : 0;
	}
	if (seconds >= (unsigned long long)OTLP_RETRY_AFTER_MAX_MS / 1000)
		return OTLP_RETRY_AFTER_MAX_MS;
	return (int64_t)seconds * 1000;
}

static int read_number(const char *s, size_t n, int most)
{
	int number = 0;

	if (!n)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		number = number * 10 + (s[i] - '0');
		if (number > most)
			return -1;
	}
	return number;
}

/* A status line begins another answer: those before it were "100 Continue" and their like. */
static void read_status_line(struct otlp_answer *a, const char *line, size_t n)
{
	const char *space = memchr(line, ' ', n);

	a->content_type[0] = a->grpc_message[0] = 0;
	a->grpc_status = -1;
	a->retry_after_ms = a->retry_info_ms = -1;
	a->is_http2 = n > 6 && line[5] == '2' && line[6] == ' ';
	a->http_status =
		space && n - (size_t)(space - line) > 3 ? read_number(space + 1, 3, 999) : 0;
	if (a->http_status < 0)
		a->http_status = 0;
}

static void read_header(struct otlp_answer *a, const char *name, size_t n_name, const char *value,
			size_t n_value, int64_t wall_s)
{
	char text[64];

	snprintf(text, sizeof(text), "%.*s", (int)(n_value < 63 ? n_value : 63), value);
#define IS(what) (n_name == sizeof(what) - 1 && !strncasecmp(name, what, n_name))
	if (IS("content-type")) {
		text_clean(value, n_value, a->content_type, sizeof(a->content_type));
	} else if (IS("retry-after")) {
		a->retry_after_ms = otlp_retry_after_ms(text, wall_s);
	} else if (IS("grpc-status")) {
		a->grpc_status = read_number(value, n_value, 999);
		if (a->grpc_status < 0)
			a->grpc_status = GRPC_UNKNOWN;
	} else if (IS("grpc-message")) {
		read_message(value, n_value, a->grpc_message, sizeof(a->grpc_message));
	} else if (IS("grpc-status-details-bin")) {
		uint8_t details[DETAILS_BYTES];
		size_t n = decode_base64(value, n_value, details, sizeof(details));

		read_status((struct reader){ details, details + n }, &a->retry_info_ms, NULL, 0);
	}
#undef IS
}

void otlp_answer_begin(struct otlp_answer *a)
{
	struct buffer body = a->body;

	body.n = 0;
	body.error = 0;
	*a = (struct otlp_answer){
		.grpc_status = -1, .retry_after_ms = -1, .retry_info_ms = -1, .body = body
	};
}

void otlp_answer_done(struct otlp_answer *a)
{
	buffer_done(&a->body);
}

bool otlp_answer_header(struct otlp_answer *a, const char *line, size_t n, int64_t wall_s)
{
	const char *colon, *value;

	a->n_headers += n;
	if (a->n_headers > OTLP_ANSWER_HEADER_BYTES)
		return false;
	while (n && strchr("\r\n \t", line[n - 1]))
		n--;
	if (n > 5 && !memcmp(line, "HTTP/", 5)) {
		read_status_line(a, line, n);
		return true;
	}
	colon = memchr(line, ':', n);
	if (!colon)
		return true;
	value = colon + 1;
	while (value < line + n && (*value == ' ' || *value == '\t'))
		value++;
	read_header(a, line, (size_t)(colon - line), value, n - (size_t)(value - line), wall_s);
	return true;
}

bool otlp_answer_body(struct otlp_answer *a, const void *data, size_t n)
{
	size_t room = OTLP_ANSWER_KEPT_BYTES - a->body.n;

	a->n_body += n;
	if (a->n_body > OTLP_ANSWER_MAX_BYTES)
		return false;
	buffer_add(&a->body, data, n < room ? n : room);
	return true;
}

/* ---- verdicts ------------------------------------------------------------------------------------------------------------ */

const char *otlp_grpc_status_name(int status)
{
	static const char *const names[] = {
		"OK",
		"CANCELLED",
		"UNKNOWN",
		"INVALID_ARGUMENT",
		"DEADLINE_EXCEEDED",
		"NOT_FOUND",
		"ALREADY_EXISTS",
		"PERMISSION_DENIED",
		"RESOURCE_EXHAUSTED",
		"FAILED_PRECONDITION",
		"ABORTED",
		"OUT_OF_RANGE",
		"UNIMPLEMENTED",
		"INTERNAL",
		"UNAVAILABLE",
		"DATA_LOSS",
		"UNAUTHENTICATED",
	};

	return status >= 0 && (size_t)status < sizeof(names) / sizeof(*names) ? names[status] : "?";
}

static bool is_retryable_http(int status)
{
	return status == 429 || status == 502 || status == 503 || status == 504;
}

/* The table of "Failures"; 8 is so only when the receiver says by RetryInfo that it recovers. */
static bool is_retryable_grpc(int status, bool has_retry_info)
{
	switch (status) {
	case 1:		/* CANCELLED */
	case 4:		/* DEADLINE_EXCEEDED */
	case 10:	/* ABORTED */
	case 11:	/* OUT_OF_RANGE */
	case 14:	/* UNAVAILABLE */
	case 15:	/* DATA_LOSS */
		return true;
	case GRPC_RESOURCE_EXHAUSTED:
		return has_retry_info;
	default:
		return false;
	}
}

/* Where a proxy answered that speaks no gRPC. */
static int grpc_status_of_http(int status)
{
	switch (status) {
	case 400:
		return GRPC_INTERNAL;
	case 401:
		return GRPC_UNAUTHENTICATED;
	case 403:
		return GRPC_PERMISSION_DENIED;
	case 404:
		return GRPC_UNIMPLEMENTED;
	case 429:
	case 502:
	case 503:
	case 504:
		return GRPC_UNAVAILABLE;
	default:
		return GRPC_UNKNOWN;
	}
}

static bool has_type(const struct otlp_answer *a, const char *type)
{
	size_t n = strlen(type);

	return !strncasecmp(a->content_type, type, n) &&
	       (!a->content_type[n] || strchr("; +", a->content_type[n]));
}

static void judge_taken(struct reader response, struct otlp_verdict *ret)
{
	char text[OTLP_ANSWER_TEXT - 32] = "";

	read_response(response, &ret->rejected_items, text, sizeof(text));
	ret->outcome = ret->rejected_items ? PUSH_partial_success : PUSH_success;
	if (ret->rejected_items)
		snprintf(ret->text, sizeof(ret->text), "%llu rejected: %s",
			 (unsigned long long)ret->rejected_items,
			 text[0] ? text : "no reason given");
	else if (text[0])
		snprintf(ret->text, sizeof(ret->text), "it says: %s", text);
}

static struct reader body_of(const struct otlp_answer *a)
{
	const uint8_t *data = (const uint8_t *)a->body.data;

	return (struct reader){ data, data + a->body.n };
}

static void judge_http(const struct otlp_answer *a, struct otlp_verdict *ret)
{
	char text[OTLP_ANSWER_TEXT - 32] = "";

	if (a->http_status >= 200 && a->http_status < 300) {
		if (has_type(a, "application/x-protobuf") || !a->n_body) {
			judge_taken(body_of(a), ret);
			return;
		}
		ret->outcome = PUSH_success;
		snprintf(ret->text, sizeof(ret->text),
			 "it takes data, but answers with %s: is that a receiver of OTLP?",
			 a->content_type[0] ? a->content_type : "something without a type");
		return;
	}
	if (has_type(a, "application/x-protobuf"))
		read_status(body_of(a), NULL, text, sizeof(text));
	if (!text[0] && a->http_status >= 300 && a->http_status < 400)
		snprintf(text, sizeof(text), "redirects are not followed");
	ret->outcome = is_retryable_http(a->http_status) ? PUSH_retry : PUSH_refused;
	snprintf(ret->text, sizeof(ret->text), "HTTP %d%s%s", a->http_status, text[0] ? ": " : "",
		 text);
}

static void judge_frame(const struct otlp_answer *a, struct otlp_verdict *ret)
{
	struct reader r = body_of(a);

	ret->outcome = PUSH_success;
	if (left(&r) < GRPC_FRAME_BYTES) {
		snprintf(ret->text, sizeof(ret->text), "gRPC OK, but without a message");
		return;
	}
	if (r.at[0]) { /* nobody said that we take compressed ones */
		snprintf(ret->text, sizeof(ret->text), "gRPC OK, with a compressed message");
		return;
	}
	r.at += GRPC_FRAME_BYTES;
	judge_taken(r, ret);
}

static void judge_grpc(const struct otlp_answer *a, struct otlp_verdict *ret)
{
	int status = a->grpc_status;
	char text[OTLP_ANSWER_TEXT - 32];

	text_clean(a->grpc_message, SIZE_MAX, text, sizeof(text));
	if (status < 0 && !a->is_http2) {
		status = GRPC_UNKNOWN;
		snprintf(text, sizeof(text), "HTTP %d, and not over HTTP/2", a->http_status);
	} else if (status < 0) {
		status = grpc_status_of_http(a->http_status);
		snprintf(text, sizeof(text), "HTTP %d with %s, without grpc-status", a->http_status,
			 a->content_type[0] ? a->content_type : "no type");
	}
	if (!status) {
		judge_frame(a, ret);
		return;
	}
	ret->outcome = is_retryable_grpc(status, a->retry_info_ms >= 0) ? PUSH_retry : PUSH_refused;
	snprintf(ret->text, sizeof(ret->text), "gRPC %d %s%s%s", status,
		 otlp_grpc_status_name(status), text[0] ? ": " : "", text);
}

void otlp_answer_judge(const struct otlp_answer *a, enum otlp_protocol protocol,
		       enum otlp_exchange exchange, const char *why, struct otlp_verdict *ret)
{
	bool is_said = protocol == OTLP_GRPC ? a->grpc_status >= 0 : a->http_status >= 300;

	*ret = (struct otlp_verdict){ .retry_after_ms = -1 };
	if (exchange == OTLP_EXCHANGE_TOO_LARGE) {
		ret->outcome = PUSH_answer_too_large;
		snprintf(ret->text, sizeof(ret->text),
			 "an answer over %zu MiB, or headers over %zu KiB",
			 OTLP_ANSWER_MAX_BYTES >> 20, OTLP_ANSWER_HEADER_BYTES >> 10);
		return;
	}
	if (exchange == OTLP_EXCHANGE_LOST && !is_said) {
		ret->outcome = PUSH_retry;
		text_clean(why && why[0] ? why : "the connection was lost", SIZE_MAX, ret->text,
			   sizeof(ret->text));
		return;
	}
	if (protocol == OTLP_GRPC)
		judge_grpc(a, ret);
	else
		judge_http(a, ret);
	if (ret->outcome == PUSH_retry)
		ret->retry_after_ms = protocol == OTLP_GRPC && a->retry_info_ms >= 0
					      ? a->retry_info_ms
					      : a->retry_after_ms;
}
