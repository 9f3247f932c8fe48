/* SPDX-License-Identifier: MIT */
/*
 * otlp_headers.c - see otlp_settings.h: headers, URLs and files as somebody wrote them. The surprise: values come percent-encoded, so that a line break that
 * would begin another header is in the value only after decoding.
 */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/text.h"
#include "exporters/otlp_settings.h"

/* ---- headers ------------------------------------------------------------------------------------------------------------- */

struct part {
	const char *at;
	size_t n;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static struct part trim(const char *at, size_t n)
{
	while (n && is_space(*at))
		at++, n--;
	while (n && is_space(at[n - 1]))
		n--;
	return (struct part){ at, n };
}

/* A token of HTTP (RFC 9110, 5.6.2). */
static bool is_name(struct part p)
{
	for (size_t i = 0; i < p.n; i++) {
		char c = p.at[i];
		bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!is_letter && !(c >= '0' && c <= '9') && !strchr("!#$%&'*+-.^_`|~", c))
			return false;
	}
	return p.n > 0;
}

/* What the protocol itself says, or the connection. */
static bool is_reserved(struct part p)
{
	static const char *const names[] = { "content-type",
					     "content-encoding",
					     "content-length",
					     "transfer-encoding",
					     "connection",
					     "upgrade",
					     "te",
					     "expect",
					     "host",
					     "user-agent" };

	if (p.n >= 5 && !strncasecmp(p.at, "grpc-", 5))
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strlen(names[i]) == p.n && !strncasecmp(p.at, names[i], p.n))
			return true;
	return false;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* False: there would be a control character in it. */
static bool decode_value(struct part p, char *ret)
{
	size_t used = 0;

	for (size_t i = 0; i < p.n; i++) {
		char c = p.at[i];

		if (c == '%' && p.n - i > 2 && hex(p.at[i + 1]) >= 0 && hex(p.at[i + 2]) >= 0) {
			c = (char)(hex(p.at[i + 1]) * 16 + hex(p.at[i + 2]));
			i += 2;
		}
		if (((unsigned char)c < 0x20 && c != '\t') || c == 0x7f)
			return false;
		ret[used++] = c;
	}
	ret[used] = 0;
	return true;
}

static int read_header(struct part all, int (*each)(void *, const char *, const char *),
		       void *context, struct diag *d)
{
	const char *equals = memchr(all.at, '=', all.n);
	char name[TEXT_NAME_BYTES], value[OTLP_HEADERS_BYTES];
	struct part n, v;

	if (!equals)
		return diag_set(d, -EINVAL, "a header without =");
	n = trim(all.at, (size_t)(equals - all.at));
	v = trim(equals + 1, all.n - (size_t)(equals + 1 - all.at));
	if (!is_name(n) || n.n >= sizeof(name))
		return diag_set(d, -EINVAL, "a header whose name is none");
	snprintf(name, sizeof(name), "%.*s", (int)n.n, n.at);
	if (is_reserved(n))
		return diag_set(d, -EINVAL, "the header %s is not yours to set", name);
	if (!decode_value(v, value))
		return diag_set(d, -EINVAL, "the value of the header %s has control characters",
				name);
	return each ? each(context, name, value) : 0;
}

int otlp_headers_each(const char *text, int (*each)(void *, const char *, const char *),
		      void *context, struct diag *d)
{
	unsigned int n = 0;

	if (!text)
		return 0;
	if (strlen(text) >= OTLP_HEADERS_BYTES)
		return diag_set(d, -EINVAL, "headers of %d bytes or more", OTLP_HEADERS_BYTES);
	while (*text) {
		size_t length = strcspn(text, ",");
		struct part all = trim(text, length);
		int error;

		text += length + (text[length] == ',');
		if (!all.n)
			continue;
		if (++n > OTLP_MAX_HEADERS)
			return diag_set(d, -EINVAL, "more than %d headers", OTLP_MAX_HEADERS);
		error = read_header(all, each, context, d);
		if (error)
			return error;
	}
	return 0;
}

/* ---- URLs ---------------------------------------------------------------------------------------------------------------- */

static void cleanup_url(CURLU **u)
{
	curl_url_cleanup(*u);
}

static void cleanup_text(char **text)
{
	curl_free(*text);
}

#define AUTO_URL CLEANUP(cleanup_url)
#define AUTO_TEXT CLEANUP(cleanup_text)

static const char *path_of(enum otlp_protocol protocol, enum otlp_signal signal)
{
	if (protocol == OTLP_GRPC)
		return signal == OTLP_METRICS
			       ? "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
			       : "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
	return signal == OTLP_METRICS ? "v1/metrics" : "v1/logs";
}

/* The path as it is to be, into the URL. */
static int set_path(CURLU *u, enum otlp_protocol protocol, enum otlp_signal signal, bool is_own)
{
	CLEANUP(buffer_done) struct buffer path = { 0 };
	AUTO_TEXT char *before = NULL;

	if (protocol == OTLP_GRPC) {
		curl_url_set(u, CURLUPART_QUERY, NULL, 0);
		return curl_url_set(u, CURLUPART_PATH, path_of(protocol, signal), 0) ? -ENOMEM : 0;
	}
	if (is_own)
		return 0;
	if (curl_url_get(u, CURLUPART_PATH, &before, 0))
		return -ENOMEM;
	buffer_add_text(&path, before);
	if (!path.n || path.data[path.n - 1] != '/')
		buffer_add(&path, "/", 1);
	buffer_add_text(&path, path_of(protocol, signal));
	return path.error || curl_url_set(u, CURLUPART_PATH, path.data, 0) ? -ENOMEM : 0;
}

int otlp_url_make(const char *text, enum otlp_protocol protocol, enum otlp_signal signal,
		  bool is_own, bool is_insecure, char **ret, struct diag *d)
{
	AUTO_URL CURLU *u = curl_url();
	CLEANUP(buffer_done) struct buffer full = { 0 };
	AUTO_TEXT char *scheme = NULL;
	AUTO_TEXT char *url = NULL;

	if (!strstr(text, "://") && protocol == OTLP_GRPC)
		buffer_add_text(&full, is_insecure ? "http://" : "https://");
	else if (!strstr(text, "://"))
		return diag_set(d, -EINVAL, "expected http://… or https://…");
	buffer_add_text(&full, text);
	if (!u || full.error)
		return diag_set(d, -ENOMEM, "out of memory");
	if (curl_url_set(u, CURLUPART_URL, full.data, 0) ||
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0))
		return diag_set(d, -EINVAL, "that is no URL");
	if (strcasecmp(scheme, "http") && strcasecmp(scheme, "https"))
		return diag_set(d, -EINVAL, "expected http or https");
	curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
	if (set_path(u, protocol, signal, is_own) || curl_url_get(u, CURLUPART_URL, &url, 0))
		return diag_set(d, -ENOMEM, "out of memory");
	*ret = strdup(url);
	return *ret ? 0 : diag_set(d, -ENOMEM, "out of memory");
}

const char *otlp_url_show(const char *url, char *ret, size_t size)
{
	AUTO_URL CURLU *u = curl_url();
	AUTO_TEXT char *text = NULL;
	const unsigned int lenient = CURLU_NON_SUPPORT_SCHEME;

	snprintf(ret, size, "?");
	if (!u || !strstr(url, "://") || curl_url_set(u, CURLUPART_URL, url, lenient))
		return ret;
	curl_url_set(u, CURLUPART_USER, NULL, 0);
	curl_url_set(u, CURLUPART_PASSWORD, NULL, 0);
	curl_url_set(u, CURLUPART_OPTIONS, NULL, 0);
	curl_url_set(u, CURLUPART_QUERY, NULL, 0);
	curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
	if (!curl_url_get(u, CURLUPART_URL, &text, 0))
		text_clean(text, SIZE_MAX, ret, size);
	return ret;
}

/* ---- files --------------------------------------------------------------------------------------------------------------- */

int otlp_file_check(const char *path, struct diag *d)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char text[65536];
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st))
		return diag_set(d, -EINVAL, "%.128s cannot be opened: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return diag_set(d, -EINVAL, "%.128s is no file", path);
	n = read(fd, text, sizeof(text));
	if (n < 0)
		return diag_set(d, -EINVAL, "%.128s cannot be read: %s", path, strerror(errno));
	if (!memmem(text, (size_t)n, "-----BEGIN ", 11))
		return diag_set(d, -EINVAL, "%.128s has no PEM in it", path);
	return 0;
}
