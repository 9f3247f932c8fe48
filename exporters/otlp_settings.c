/* SPDX-License-Identifier: MIT */
/*
 * otlp_settings.c - see otlp_settings.h. The surprise is the order for endpoints: any of the environment before any of the file, and only among each the
 * signal's own before the common one; or a forgotten line of the file would send elsewhere what somebody has just redirected.
 */
#include "exporters/otlp_settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "base/text.h"

#define ENV_MAX 96

struct reading {
	const struct config *file;
	otlp_getenv *get;
	otlp_warn *warn;
	void *context;
	struct otlp_settings *settings;
	struct diag *d;
};

static const char *const protocols[] = { "http/protobuf", "grpc", NULL };
static const char *const compressions[] = { "none", "gzip", NULL };
static const char *const temporalities[] = { "cumulative", "delta", "lowmemory", NULL };
static const char *const histograms[] = { "explicit_bucket_histogram",
					  "base2_exponential_bucket_histogram", NULL };
static const char *const filters[] = { "always_on", "always_off", "trace_based", NULL };
static const char *const exporters[] = { "otlp", "none", "prometheus", "console", "logging", NULL };
static const char *const switches[] = { "off", "on", NULL };
static const char *const signals[] = { "METRICS", "LOGS" };

const char *otlp_protocol_name(enum otlp_protocol protocol)
{
	return protocols[protocol];
}

const char *otlp_temporality_name(enum otlp_temporality temporality)
{
	return temporalities[temporality];
}

const char *otlp_histogram_name(enum otlp_histogram histogram)
{
	return histograms[histogram];
}

/* ---- the environment ----------------------------------------------------------------------------------------------------- */

static void warn(struct reading *r, const char *name, const char *problem)
{
	char text[384];

	snprintf(text, sizeof(text), "%s: %s; it counts as not set", name, problem);
	r->warn(r->context, text);
}

static void warn_of(struct reading *r, const char *name, const char *value, const char *expected)
{
	char clean[48], text[256];

	text_clean(value, SIZE_MAX, clean, sizeof(clean));
	snprintf(text, sizeof(text), "expected %s, not %s", expected, clean);
	warn(r, name, text);
}

/* NULL when unset or empty. */
static const char *env(struct reading *r, const char *name)
{
	const char *value = r->get(name);

	return value && value[0] ? value : NULL;
}

static int find_word(const char *text, const char *const *words)
{
	for (int i = 0; words[i]; i++)
		if (!strcasecmp(text, words[i]))
			return i;
	return -1;
}

static const char *list_words(const char *const *words, char *ret, size_t size)
{
	size_t n = 0;

	ret[0] = 0;
	for (int i = 0; words[i] && n < size; i++)
		n += (size_t)snprintf(ret + n, size - n, "%s%s",
				      !i             ? ""
				      : words[i + 1] ? ", "
						     : " or ",
				      words[i]);
	return ret;
}

/* The index of the word, -1 when it is not set or makes no sense. */
static int env_word(struct reading *r, const char *name, const char *const *words)
{
	const char *value = env(r, name);
	char expected[128];
	int i = value ? find_word(value, words) : -1;

	if (value && i < 0)
		warn_of(r, name, value, list_words(words, expected, sizeof(expected)));
	return i;
}

/* Only "true" is true. */
static bool env_flag(struct reading *r, const char *name, bool otherwise)
{
	const char *value = env(r, name);

	if (!value)
		return otherwise;
	if (strcasecmp(value, "true") && strcasecmp(value, "false"))
		warn_of(r, name, value, "true or false");
	return !strcasecmp(value, "true");
}

/* Milliseconds; false when they are not set or make no sense. */
static bool env_ms(struct reading *r, const char *name, uint32_t least, uint32_t *ret)
{
	const char *value = env(r, name);
	unsigned long long n;
	char *end;

	if (!value)
		return false;
	errno = 0;
	n = strtoull(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end || errno || n > INT32_MAX || n < least) {
		warn_of(r, name, value,
			least ? "a number of milliseconds over 0" : "a number of milliseconds");
		return false;
	}
	*ret = (uint32_t)n;
	return true;
}

static bool env_headers(struct reading *r, const char *name, const char **ret)
{
	const char *value = env(r, name);
	struct diag d = { 0 };

	if (!value)
		return false;
	if (otlp_headers_each(value, NULL, NULL, &d)) {
		warn(r, name, d.text);
		return false;
	}
	*ret = value;
	return true;
}

/* What is said by the variables that begin so, over what *s has. Those of all signals are noted as keys of the file are. */
static void read_variables(struct reading *r, const char *prefix, struct otlp_signal_settings *s,
			   struct config *note)
{
	char name[ENV_MAX];
	uint32_t ms;
	int i;

#define NAME(what) (snprintf(name, sizeof(name), "%s%s", prefix, what), name)
	i = env_word(r, NAME("PROTOCOL"), protocols);
	if (i >= 0) {
		s->protocol = (enum otlp_protocol)i;
		note->otlp_protocol = (char *)protocols[i];
	}
	i = env_word(r, NAME("COMPRESSION"), compressions);
	if (i >= 0) {
		s->is_gzip = i;
		note->otlp_compression = (char *)compressions[i];
	}
	if (env_ms(r, NAME("TIMEOUT"), 0, &ms)) {
		s->timeout_ms = ms && ms < OTLP_NO_LIMIT_MS ? ms : OTLP_NO_LIMIT_MS;
		note->otlp_timeout_ms = s->timeout_ms;
	}
	s->is_insecure = env_flag(r, NAME("INSECURE"), s->is_insecure);
	env_headers(r, NAME("HEADERS"), &s->headers);
#define FILE_OF(what, member)                                                                      \
	if (env(r, NAME(what)))                                                                    \
	s->member = note->otlp_##member = (char *)env(r, name)
	FILE_OF("CERTIFICATE", certificate);
	FILE_OF("CLIENT_CERTIFICATE", client_certificate);
	FILE_OF("CLIENT_KEY", client_key);
#undef FILE_OF
#undef NAME
}

/* ---- the file ------------------------------------------------------------------------------------------------------------ */

static int file_word(struct reading *r, const char *key, const char *value,
		     const char *const *words, int otherwise, int *ret)
{
	char expected[128];

	*ret = value ? find_word(value, words) : otherwise;
	if (*ret >= 0)
		return 0;
	return diag_set(r->d, -EINVAL, "%s: expected %s, not %.64s", key,
			list_words(words, expected, sizeof(expected)), *value ? value : "nothing");
}

static int read_file(struct reading *r, struct otlp_signal_settings *s)
{
	const struct config *f = r->file;
	struct diag d = { 0 };
	int protocol, compression, insecure, error;

	error = file_word(r, "protocol", f->otlp_protocol, protocols, OTLP_HTTP_PROTOBUF,
			  &protocol);
	error = error
			?: file_word(r, "compression", f->otlp_compression, compressions, 1,
				     &compression);
	error = error ?: file_word(r, "insecure", f->otlp_insecure, switches, 0, &insecure);
	if (error)
		return error;
	if (otlp_headers_each(f->otlp_headers, NULL, NULL, &d))
		return diag_set(r->d, -EINVAL, "headers: %s", d.text);
	*s = (struct otlp_signal_settings){
		.protocol = (enum otlp_protocol)protocol,
		.is_gzip = compression,
		.is_insecure = insecure,
		.timeout_ms = f->otlp_timeout_ms ? f->otlp_timeout_ms : OTLP_TIMEOUT_MS,
		.headers = f->otlp_headers,
		.certificate = f->otlp_certificate,
		.client_certificate = f->otlp_client_certificate,
		.client_key = f->otlp_client_key,
	};
	return 0;
}

static int read_metrics(struct reading *r)
{
	struct otlp_settings *s = r->settings;
	const struct config *f = r->file;
	int temporality, histogram, exemplars, i, error;
	uint32_t ms;

	error = file_word(r, "temporality", f->otlp_temporality, temporalities, OTLP_CUMULATIVE,
			  &temporality);
	error = error
			?: file_word(r, "histogram", f->otlp_histogram, histograms,
				     OTLP_EXPLICIT_BUCKETS, &histogram);
	error = error ?: file_word(r, "exemplars", f->otlp_exemplars, switches, 1, &exemplars);
	if (error)
		return error;
	i = env_word(r, "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", temporalities);
	if (i >= 0)
		s->environment.otlp_temporality = (char *)temporalities[temporality = i];
	i = env_word(r, "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", histograms);
	if (i >= 0)
		s->environment.otlp_histogram = (char *)histograms[histogram = i];
	i = env_word(r, "OTEL_METRICS_EXEMPLAR_FILTER", filters);
	if (i >= 0)
		s->environment.otlp_exemplars = (char *)switches[exemplars = i != 1];
	s->interval_ms = f->otlp_interval_ms ? f->otlp_interval_ms : OTLP_INTERVAL_MS;
	if (env_ms(r, "OTEL_METRIC_EXPORT_INTERVAL", 1, &ms))
		s->environment.otlp_interval_ms = s->interval_ms = ms;
	s->temporality = (enum otlp_temporality)temporality;
	s->histogram = (enum otlp_histogram)histogram;
	s->has_no_exemplars = !exemplars;
	return 0;
}

/* ---- endpoints ----------------------------------------------------------------------------------------------------------- */

static int url_of_file(struct reading *r, enum otlp_signal signal, struct otlp_signal_settings *s)
{
	const char *own = signal == OTLP_METRICS ? r->file->otlp_metrics_endpoint
						 : r->file->otlp_logs_endpoint;
	const char *text = own && own[0] ? own : r->file->otlp_endpoint;
	struct diag d = { 0 };
	int error;

	if (!text || !text[0])
		return 0;
	error = otlp_url_make(text, s->protocol, signal, text == own, s->is_insecure, &s->url, &d);
	return error ? diag_set(r->d, error, "%s: %s",
				text != own              ? "endpoint"
				: signal == OTLP_METRICS ? "metrics_endpoint"
							 : "logs_endpoint",
				d.text)
		     : 0;
}

/* False: there is none, or it makes no sense. */
static bool url_of_variable(struct reading *r, const char *name, enum otlp_signal signal,
			    bool is_own, struct otlp_signal_settings *s, char **note)
{
	const char *text = env(r, name);
	struct diag d = { 0 };

	if (!text)
		return false;
	if (otlp_url_make(text, s->protocol, signal, is_own, s->is_insecure, &s->url, &d)) {
		if (is_own || signal == OTLP_METRICS) /* the common one is told of once */
			warn(r, name, d.text);
		return false;
	}
	*note = (char *)text;
	return true;
}

static int read_endpoint(struct reading *r, enum otlp_signal signal, struct otlp_signal_settings *s)
{
	struct config *note = &r->settings->environment;
	char **own =
		signal == OTLP_METRICS ? &note->otlp_metrics_endpoint : &note->otlp_logs_endpoint;
	char name[ENV_MAX];

	snprintf(name, sizeof(name), "OTEL_EXPORTER_OTLP_%s_ENDPOINT", signals[signal]);
	if (url_of_variable(r, name, signal, true, s, own) ||
	    url_of_variable(r, "OTEL_EXPORTER_OTLP_ENDPOINT", signal, false, s,
			    &note->otlp_endpoint))
		return 0;
	return url_of_file(r, signal, s);
}

/* Whether OTLP is among the exporters of a list, 1 or 0; -1: it is not set or makes no sense. */
static int is_exporter(struct reading *r, const char *name)
{
	const char *value = env(r, name), *at = value;
	char expected[128], word[32];
	int is_otlp = 0;

	while (at && *at) {
		size_t n = strcspn(at, ",");
		int i;

		snprintf(word, sizeof(word), "%.*s", (int)(n < sizeof(word) ? n : sizeof(word)),
			 at);
		i = find_word(word, exporters);
		if (i < 0) {
			warn_of(r, name, value, list_words(exporters, expected, sizeof(expected)));
			return -1;
		}
		is_otlp |= i == 0;
		at += n + (at[n] == ',');
	}
	return value ? is_otlp : -1;
}

/* Whether somebody has switched it off. -EINVAL. */
static int is_off(struct reading *r, enum otlp_signal signal, bool *ret)
{
	const char *text = signal == OTLP_METRICS ? r->file->otlp_metrics : r->file->otlp_logs;
	struct config *note = &r->settings->environment;
	char name[ENV_MAX];
	int is_on, i, error;

	error = file_word(r, signal == OTLP_METRICS ? "metrics" : "logs", text, switches, 1,
			  &is_on);
	if (error)
		return error;
	snprintf(name, sizeof(name), "OTEL_%s_EXPORTER", signals[signal]);
	i = is_exporter(r, name);
	if (i >= 0) {
		is_on = i;
		*(signal == OTLP_METRICS ? &note->otlp_metrics : &note->otlp_logs) =
			(char *)switches[is_on];
	}
	*ret = !is_on;
	return 0;
}

static int read_signal(struct reading *r, enum otlp_signal signal,
		       const struct otlp_signal_settings *common, bool is_disabled)
{
	struct otlp_signal_settings *s = &r->settings->signal[signal];
	struct config unused = { 0 };
	uint32_t ms = OTLP_EXPORT_TIMEOUT_MS;
	char prefix[ENV_MAX];
	bool is_unwanted;
	int error;

	*s = *common;
	snprintf(prefix, sizeof(prefix), "OTEL_EXPORTER_OTLP_%s_", signals[signal]);
	read_variables(r, prefix, s, &unused);
	if (signal == OTLP_METRICS) {
		env_ms(r, "OTEL_METRIC_EXPORT_TIMEOUT", 0, &ms);
		if (ms && ms < s->timeout_ms)
			s->timeout_ms = ms;
	}
	error = is_off(r, signal, &is_unwanted);
	if (!error)
		error = read_endpoint(r, signal, s);
	if (!error && (is_unwanted || is_disabled)) {
		free(s->url);
		s->url = NULL;
	}
	return error;
}

int otlp_settings_read(const struct config *file, otlp_getenv *get, otlp_warn *warn_with,
		       void *context, struct otlp_settings *ret, struct diag *d)
{
	struct reading r = { .file = file,
			     .get = get,
			     .warn = warn_with,
			     .context = context,
			     .settings = ret,
			     .d = d };
	struct otlp_signal_settings common;
	bool is_disabled;
	int error;

	*ret = (struct otlp_settings){ 0 };
	error = read_file(&r, &common);
	if (error)
		return error;
	read_variables(&r, "OTEL_EXPORTER_OTLP_", &common, &ret->environment);
	is_disabled = env_flag(&r, "OTEL_SDK_DISABLED", false);
	error = read_metrics(&r);
	for (int i = 0; !error && i < OTLP_SIGNALS; i++)
		error = read_signal(&r, (enum otlp_signal)i, &common, is_disabled);
	ret->max_queue_bytes = file->otlp_queue_megabytes ? (size_t)file->otlp_queue_megabytes << 20
							  : OTLP_QUEUE_BYTES;
	ret->max_age_ms = file->otlp_max_age_seconds ? (int64_t)file->otlp_max_age_seconds * 1000
						     : OTLP_MAX_AGE_MS;
	return error;
}

void otlp_settings_done(struct otlp_settings *s)
{
	for (int i = 0; i < OTLP_SIGNALS; i++) {
		free(s->signal[i].url);
		s->signal[i].url = NULL;
	}
}
