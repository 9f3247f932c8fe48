/* SPDX-License-Identifier: MIT */
/*
 * otlp_settings.h - where telemetry goes, by the OTEL_* variables of the environment and the section [otlp] of poolscope.conf; the environment wins.
 *
 * A variable that makes no sense is a warning and counts as not set, an empty one is not set; a key of the file that makes no sense is an error. Without
 * an endpoint nothing is sent: the specification's default, localhost, is not assumed by something that is installed on every host.
 *
 * Sources: opentelemetry.io, Specification 1.5x, "OpenTelemetry Protocol Exporter" (endpoints, headers, compression, timeout), "Environment Variable
 * Specification" (empty, boolean, numeric and enum values), "Metrics Exporter - OTLP" (temporality, histograms).
 */
#ifndef POOLSCOPE_EXPORTERS_OTLP_SETTINGS_H
#define POOLSCOPE_EXPORTERS_OTLP_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "exporters/otlp_encode.h"
#include "exporters/otlp_push.h"

struct diag;

#define OTLP_INTERVAL_MS 60000
#define OTLP_EXPORT_TIMEOUT_MS 30000
#define OTLP_NO_LIMIT_MS 3600000	/* a timeout of 0 is "no limit"; that is what we make of it */
#define OTLP_MAX_HEADERS 64
#define OTLP_HEADERS_BYTES 8192

/* Of one signal. url is owned, the other strings are the file's and the environment's. */
struct otlp_signal_settings {
	char *url;		/* NULL = it is not sent */
	enum otlp_protocol protocol;
	bool is_gzip;
	bool is_insecure;
	uint32_t timeout_ms;
	const char *headers;
	const char *certificate, *client_certificate, *client_key;
};

struct otlp_settings {
	struct otlp_signal_settings signal[OTLP_SIGNALS];
	uint32_t interval_ms;
	enum otlp_temporality temporality;
	enum otlp_histogram histogram;
	bool has_no_exemplars;
	size_t max_queue_bytes;
	int64_t max_age_ms;
	struct config environment;	/* the keys that the environment gave; borrowed strings, for whoever shows where a value is from */
};

/* getenv(), or a test's own. */
typedef const char *otlp_getenv(const char *name);
typedef void otlp_warn(void *context, const char *text);

/*
 * -EINVAL: the file has something that makes no sense, d says what; -ENOMEM. *ret is usable only with 0, otlp_settings_done() in every case. The
 * file and the environment must stay as long as it.
 */
int otlp_settings_read(const struct config *file, otlp_getenv *get, otlp_warn *warn, void *context,
		       struct otlp_settings *ret, struct diag *d);
void otlp_settings_done(struct otlp_settings *s);

/* The words for what is in effect, as poolscope.conf has them. */
const char *otlp_protocol_name(enum otlp_protocol protocol);
const char *otlp_temporality_name(enum otlp_temporality temporality);
const char *otlp_histogram_name(enum otlp_histogram histogram);

/*
 * The complete URL for a signal. is_own: it was given for this signal alone, and is taken as it is. For gRPC a scheme may be missing: then it is https
 * unless is_insecure, and only scheme, host and port count. -EINVAL and a sentence; -ENOMEM. The caller frees *ret.
 */
int otlp_url_make(const char *text, enum otlp_protocol protocol, enum otlp_signal signal,
		  bool is_own, bool is_insecure, char **ret, struct diag *d);

/* A URL as it may be shown: without user, password, query and fragment; "?" when it is none. Returns ret. */
const char *otlp_url_show(const char *url, char *ret, size_t size);

/*
 * Calls each() for every header of "k=v,k2=v2", names as given, values decoded; each may be NULL. Its error ends it and is returned. -EINVAL: there is a
 * name that is none, or one of the protocol's own, a value with control characters, or too much of it all; the values stand in no sentence, they are secrets.
 */
int otlp_headers_each(const char *text,
		      int (*each)(void *context, const char *name, const char *value),
		      void *context, struct diag *d);

/* Whether a file can be read and has something of PEM in it. -EINVAL and a sentence. */
int otlp_file_check(const char *path, struct diag *d);

#endif
