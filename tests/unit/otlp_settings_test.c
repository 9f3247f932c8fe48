/* SPDX-License-Identifier: MIT */
/* otlp_settings_test.c - the environment and the file, and who wins; headers, URLs and files as people write them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/diag.h"
#include "exporters/otlp_settings.h"

static const char *const *environment;	/* name, value, …, NULL */

static const char *get(const char *name)
{
	for (const char *const *e = environment; e && *e; e += 2)
		if (!strcmp(*e, name))
			return e[1];
	return NULL;
}

static void keep_warning(void *buffer, const char *text)
{
	buffer_printf(buffer, "%s\n", text);
}

static struct otlp_settings read_with(const struct config *file, const char *const *env,
				      struct buffer *warnings)
{
	struct otlp_settings s;
	struct buffer unused = { 0 };
	struct diag d = { 0 };

	environment = env;
	if (otlp_settings_read(file, get, keep_warning, warnings ? warnings : &unused, &s, &d))
		fail_msg("%s", d.text);
	if (!warnings && unused.n)
		fail_msg("a warning: %s", unused.data);
	return s;
}

#define ENV(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void without_an_endpoint_nothing_is_sent(void **state)
{
	struct config file = { 0 };
	struct otlp_settings s = read_with(&file, NULL, NULL);

	(void)state;
	assert_null(s.signal[OTLP_METRICS].url);
	assert_null(s.signal[OTLP_LOGS].url);
	assert_int_equal(s.interval_ms, 60000);
	assert_int_equal(s.signal[OTLP_METRICS].timeout_ms, 10000);
	assert_int_equal(s.temporality, OTLP_CUMULATIVE);
	assert_int_equal(s.histogram, OTLP_EXPLICIT_BUCKETS);
	otlp_settings_done(&s);
}

static void the_common_endpoint_gets_a_path_and_one_s_own_does_not(void **state)
{
	static const struct {
		const char *common, *own, *metrics, *logs;
	} row[] = {
		{ "http://c:4318", "", "http://c:4318/v1/metrics", "http://c:4318/v1/logs" },
		{ "http://c:4318/", "", "http://c:4318/v1/metrics", "http://c:4318/v1/logs" },
		{ "http://c:4318/mine/", "https://m.example/v1/metrics/", "https://m.example/v1/metrics/", "http://c:4318/mine/v1/logs" },
		{ "http://c", "http://m:4318", "http://m:4318/", "http://c/v1/logs" },
		{ "", "http://m/x?token=1", "http://m/x?token=1", NULL },
		{ "HTTP://[::1]:1", "", "http://[::1]:1/v1/metrics", "http://[::1]:1/v1/logs" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct config file = { 0 };
		struct otlp_settings s =
			read_with(&file,
				  ENV("OTEL_EXPORTER_OTLP_ENDPOINT", row[i].common,
				      "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", row[i].own),
				  NULL);

		assert_string_equal(s.signal[OTLP_METRICS].url, row[i].metrics);
		if (row[i].logs)
			assert_string_equal(s.signal[OTLP_LOGS].url, row[i].logs);
		else
			assert_null(s.signal[OTLP_LOGS].url);
		otlp_settings_done(&s);
	}
}

static void an_endpoint_of_grpc_is_scheme_host_and_port(void **state)
{
	static const struct {
		const char *endpoint, *insecure, *url;
	} row[] = {
		{ "http://c:4317", "", "http://c:4317" },
		{ "https://c:4317/ignored?x=y", "true", "https://c:4317" },
		{ "c:4317", "", "https://c:4317" },
		{ "c:4317", "TRUE", "http://c:4317" },
		{ "10.0.0.1:4317", "false", "https://10.0.0.1:4317" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct config file = { .otlp_protocol = (char *)"grpc" };
		struct otlp_settings s =
			read_with(&file,
				  ENV("OTEL_EXPORTER_OTLP_ENDPOINT", row[i].endpoint,
				      "OTEL_EXPORTER_OTLP_INSECURE", row[i].insecure),
				  NULL);
		char expected[128];

		snprintf(expected, sizeof(expected),
			 "%s/opentelemetry.proto.collector.logs.v1.LogsService/Export", row[i].url);
		assert_string_equal(s.signal[OTLP_LOGS].url, expected);
		otlp_settings_done(&s);
	}
}

static void the_environment_wins_over_the_file_and_a_signal_s_own_over_both(void **state)
{
	struct config file = { .otlp_endpoint = (char *)"http://file:1",
			       .otlp_metrics_endpoint = (char *)"http://file:2/m",
			       .otlp_protocol = (char *)"grpc",
			       .otlp_compression = (char *)"gzip",
			       .otlp_timeout_ms = 1000,
			       .otlp_interval_ms = 5000,
			       .otlp_temporality = (char *)"delta",
			       .otlp_headers = (char *)"from=file",
			       .otlp_certificate = (char *)"/file" };
	struct otlp_settings s = read_with(
		&file,
		ENV("OTEL_EXPORTER_OTLP_ENDPOINT", "http://env:1", "OTEL_EXPORTER_OTLP_PROTOCOL",
		    "HTTP/Protobuf", "OTEL_EXPORTER_OTLP_COMPRESSION", "none",
		    "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", "gzip", "OTEL_EXPORTER_OTLP_TIMEOUT",
		    "2000", "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "3000",
		    "OTEL_METRIC_EXPORT_INTERVAL", "7000", "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
		    "from=env", "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "grpc",
		    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "LowMemory"),
		NULL);
	const struct otlp_signal_settings *m = &s.signal[OTLP_METRICS], *l = &s.signal[OTLP_LOGS];

	(void)state;
	assert_string_equal(m->url, "http://env:1/v1/metrics");
	assert_string_equal(
		l->url, "http://env:1/opentelemetry.proto.collector.logs.v1.LogsService/Export");
	assert_false(m->is_gzip);
	assert_true(l->is_gzip);
	assert_int_equal(m->timeout_ms, 2000);
	assert_int_equal(l->timeout_ms, 3000);
	assert_string_equal(m->headers, "from=env");
	assert_string_equal(l->headers, "from=file");
	assert_string_equal(l->certificate, "/file");
	assert_int_equal(s.interval_ms, 7000);
	assert_int_equal(s.temporality, OTLP_LOWMEMORY);
	assert_string_equal(s.environment.otlp_endpoint, "http://env:1");
	assert_null(s.environment.otlp_certificate);
	otlp_settings_done(&s);
}

static void nonsense_in_the_environment_is_a_warning_and_not_set(void **state)
{
	struct config file = { .otlp_endpoint = (char *)"http://file:1", .otlp_timeout_ms = 1234 };
	struct buffer w = { 0 };
	struct otlp_settings s = read_with(
		&file,
		ENV("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "OTEL_EXPORTER_OTLP_PROTOCOL",
		    "http/json", "OTEL_EXPORTER_OTLP_COMPRESSION", "zstd",
		    "OTEL_EXPORTER_OTLP_TIMEOUT", "-5", "OTEL_METRIC_EXPORT_INTERVAL", "0",
		    "OTEL_EXPORTER_OTLP_HEADERS", "a=secret%0d%0aHost: x", "OTEL_SDK_DISABLED",
		    "yes", "OTEL_METRICS_EXPORTER", "otlp,statsd", "OTEL_METRICS_EXEMPLAR_FILTER",
		    "x\x1b[2J"),
		&w);

	(void)state;
	assert_string_equal(s.signal[OTLP_METRICS].url, "http://file:1/v1/metrics");
	assert_int_equal(s.signal[OTLP_METRICS].timeout_ms, 1234);
	assert_int_equal(s.interval_ms, 60000);
	assert_null(s.signal[OTLP_METRICS].headers);
	assert_string_equal(
		w.data,
		"OTEL_EXPORTER_OTLP_PROTOCOL: expected http/protobuf or grpc, not http/json; it counts as not set\n"
		"OTEL_EXPORTER_OTLP_COMPRESSION: expected none or gzip, not zstd; it counts as not set\n"
		"OTEL_EXPORTER_OTLP_TIMEOUT: expected a number of milliseconds, not -5; it counts as not set\n"
		"OTEL_EXPORTER_OTLP_HEADERS: the value of the header a has control characters; it counts as not set\n"
		"OTEL_SDK_DISABLED: expected true or false, not yes; it counts as not set\n"
		"OTEL_METRICS_EXEMPLAR_FILTER: expected always_on, always_off or trace_based, not x?[2J; it counts as not set\n"
		"OTEL_METRIC_EXPORT_INTERVAL: expected a number of milliseconds over 0, not 0; it counts as not set\n"
		"OTEL_METRICS_EXPORTER: expected otlp, none, prometheus, console or logging, not otlp,statsd; it counts as not set\n"
		"OTEL_EXPORTER_OTLP_ENDPOINT: expected http://… or https://…; it counts as not set\n");
	buffer_done(&w);
	otlp_settings_done(&s);
}

static void an_empty_variable_is_not_set(void **state)
{
	struct config file = { .otlp_endpoint = (char *)"http://file:1" };
	struct otlp_settings s =
		read_with(&file,
			  ENV("OTEL_EXPORTER_OTLP_ENDPOINT", "", "OTEL_EXPORTER_OTLP_PROTOCOL", "",
			      "OTEL_SDK_DISABLED", "", "OTEL_EXPORTER_OTLP_TIMEOUT", "",
			      "OTEL_EXPORTER_OTLP_HEADERS", ""),
			  NULL);

	(void)state;
	assert_string_equal(s.signal[OTLP_LOGS].url, "http://file:1/v1/logs");
	otlp_settings_done(&s);
}

static void it_can_be_switched_off_in_three_ways(void **state)
{
	struct config file = { .otlp_endpoint = (char *)"http://file:1" };
	struct otlp_settings s = read_with(&file, ENV("OTEL_SDK_DISABLED", "True"), NULL);

	(void)state;
	assert_null(s.signal[OTLP_METRICS].url);
	assert_null(s.signal[OTLP_LOGS].url);
	otlp_settings_done(&s);
	s = read_with(&file, ENV("OTEL_METRICS_EXPORTER", "none"), NULL);
	assert_null(s.signal[OTLP_METRICS].url);
	assert_non_null(s.signal[OTLP_LOGS].url);
	otlp_settings_done(&s);
	s = read_with(
		&file,
		ENV("OTEL_METRICS_EXPORTER", "prometheus", "OTEL_LOGS_EXPORTER", "console,otlp"),
		NULL);
	assert_null(s.signal[OTLP_METRICS].url);
	assert_non_null(s.signal[OTLP_LOGS].url);
	otlp_settings_done(&s);
	file.otlp_logs = (char *)"off";
	s = read_with(&file, NULL, NULL);
	assert_non_null(s.signal[OTLP_METRICS].url);
	assert_null(s.signal[OTLP_LOGS].url);
	otlp_settings_done(&s);
}

static void a_timeout_of_0_is_no_limit_and_metrics_have_one_more(void **state)
{
	struct config file = { 0 };
	struct otlp_settings s = read_with(&file, ENV("OTEL_EXPORTER_OTLP_TIMEOUT", "0"), NULL);

	(void)state;
	assert_int_equal(s.signal[OTLP_LOGS].timeout_ms, OTLP_NO_LIMIT_MS);
	assert_int_equal(s.signal[OTLP_METRICS].timeout_ms, OTLP_EXPORT_TIMEOUT_MS);
	otlp_settings_done(&s);
	s = read_with(&file,
		      ENV("OTEL_METRIC_EXPORT_TIMEOUT", "700", "OTEL_EXPORTER_OTLP_TIMEOUT", "900"),
		      NULL);
	assert_int_equal(s.signal[OTLP_METRICS].timeout_ms, 700);
	assert_int_equal(s.signal[OTLP_LOGS].timeout_ms, 900);
	otlp_settings_done(&s);
}

static void nonsense_in_the_file_is_an_error_that_names_the_key(void **state)
{
	static const struct {
		struct config file;
		const char *text;
	} row[] = {
		{ { .otlp_protocol = (char *)"http/json" }, "protocol: expected http/protobuf or grpc, not http/json" },
		{ { .otlp_endpoint = (char *)"collector" }, "endpoint: expected http://… or https://…" },
		{ { .otlp_endpoint = (char *)"ftp://x" }, "endpoint: expected http or https" },
		{ { .otlp_logs_endpoint = (char *)"http://a b/" }, "logs_endpoint: that is no URL" },
		{ { .otlp_headers = (char *)"secret" }, "headers: a header without =" },
		{ { .otlp_metrics = (char *)"no" }, "metrics: expected off or on, not no" },
		{ { .otlp_histogram = (char *)"native" }, "histogram: expected explicit_bucket_histogram or base2_exponential_bucket_histogram, not native" },
	};

	(void)state;
	environment = NULL;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct otlp_settings s;
		struct diag d = { 0 };

		assert_int_equal(otlp_settings_read(&row[i].file, get, keep_warning, NULL, &s, &d),
				 -EINVAL);
		assert_string_equal(d.text, row[i].text);
		otlp_settings_done(&s);
	}
}

static int keep_header(void *buffer, const char *name, const char *value)
{
	buffer_printf(buffer, "%s|%s\n", name, value);
	return 0;
}

static void headers_are_pairs_with_decoded_values(void **state)
{
	struct buffer b = { 0 };
	struct diag d = { 0 };

	(void)state;
	assert_int_equal(otlp_headers_each(" a = b%20c ,, X-Key=1=2,e=", keep_header, &b, &d), 0);
	assert_string_equal(b.data, "a|b c\nX-Key|1=2\ne|\n");
	buffer_done(&b);
	assert_int_equal(otlp_headers_each(NULL, keep_header, &b, &d), 0);
}

static void headers_that_could_change_the_request_are_refused(void **state)
{
	static const char *const bad[] = { "a",
					   "=b",
					   "a b=c",
					   "a:b=c",
					   "a=b%0Ac",
					   "a=b\nc",
					   "a=%7f",
					   "Content-Type=x",
					   "content-length=0",
					   "Host=x",
					   "TE=x",
					   "grpc-timeout=1S",
					   "User-Agent=x",
					   "\xc3\xa4=b" };
	char many[OTLP_HEADERS_BYTES + 8], *at = many;
	struct diag d;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		d.text[0] = 0;
		if (otlp_headers_each(bad[i], NULL, NULL, &d) != -EINVAL || !d.text[0])
			fail_msg("%s was taken", bad[i]);
	}
	for (int i = 0; i <= OTLP_MAX_HEADERS; i++)
		at += sprintf(at, "a=b,");
	assert_int_equal(otlp_headers_each(many, NULL, NULL, &d), -EINVAL);
	memset(many, 'a', OTLP_HEADERS_BYTES);
	many[OTLP_HEADERS_BYTES] = 0;
	assert_int_equal(otlp_headers_each(many, NULL, NULL, &d), -EINVAL);
}

static void a_url_is_shown_without_its_secrets(void **state)
{
	char shown[64];

	(void)state;
	assert_string_equal(
		otlp_url_show("https://me:secret@c:1/x?key=secret#y", shown, sizeof(shown)),
		"https://c:1/x");
	assert_string_equal(otlp_url_show("no URL at all", shown, sizeof(shown)), "?");
	assert_string_equal(otlp_url_show("http://a b", shown, sizeof(shown)), "?");
}

static void a_file_that_is_none_or_has_no_pem_is_said(void **state)
{
	char path[] = "/tmp/poolscope-otlp.XXXXXX";
	struct diag d = { 0 };
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(otlp_file_check("/nowhere/x.pem", &d), -EINVAL);
	assert_string_equal(d.text, "/nowhere/x.pem cannot be opened: No such file or directory");
	assert_int_equal(otlp_file_check("/dev/zero", &d), -EINVAL);
	assert_int_equal(otlp_file_check("/tmp", &d), -EINVAL);
	assert_int_equal(otlp_file_check(path, &d), -EINVAL);
	assert_int_equal(write(fd, "-----BEGIN CERTIFICATE-----\n", 28), 28);
	assert_int_equal(otlp_file_check(path, &d), 0);
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_an_endpoint_nothing_is_sent),
		cmocka_unit_test(the_common_endpoint_gets_a_path_and_one_s_own_does_not),
		cmocka_unit_test(an_endpoint_of_grpc_is_scheme_host_and_port),
		cmocka_unit_test(the_environment_wins_over_the_file_and_a_signal_s_own_over_both),
		cmocka_unit_test(nonsense_in_the_environment_is_a_warning_and_not_set),
		cmocka_unit_test(an_empty_variable_is_not_set),
		cmocka_unit_test(it_can_be_switched_off_in_three_ways),
		cmocka_unit_test(a_timeout_of_0_is_no_limit_and_metrics_have_one_more),
		cmocka_unit_test(nonsense_in_the_file_is_an_error_that_names_the_key),
		cmocka_unit_test(headers_are_pairs_with_decoded_values),
		cmocka_unit_test(headers_that_could_change_the_request_are_refused),
		cmocka_unit_test(a_url_is_shown_without_its_secrets),
		cmocka_unit_test(a_file_that_is_none_or_has_no_pem_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
