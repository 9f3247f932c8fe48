/* SPDX-License-Identifier: MIT */
/* config_test.c - poolscope.conf: what the file that packages ship says, keys, defaults, and what is told of a mistake. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "cmd/agent.h"
#include "cmd/loaded.h"
#include "cmd/settings.h"
#include "config/config.h"
#include "detect/detect.h"
#include "exporters/otlp_settings.h"
#include "model/snapshot.h"
#include "probe/kernel.h"

#define SHIPPED "build/poolscope.conf"

/* Into a file with another name, with the # of each key gone. */
static void uncomment(char path[32])
{
	AUTO_FCLOSE FILE *from = fopen(SHIPPED, "re"), *to = NULL;
	char line[1024];

	strcpy(path, "/tmp/config_test.XXXXXX");
	to = fdopen(mkstemp(path), "we");
	assert_non_null(from);
	assert_non_null(to);
	while (fgets(line, sizeof(line), from))
		fputs(line[0] == '#' && line[1] != ' ' ? line + 1 : line, to);
}

static void the_shipped_file_gives_no_key(void **state)
{
	CLEANUP(config_done) struct config c;
	struct diag d = { 0 };

	(void)state;
	assert_int_equal(config_read(SHIPPED, &c, &d), 0);
#define KEY_STRING(section, name, member, when, otherwise, text) assert_null(c.member);
#define KEY_SECRET(section, name, member, when, otherwise, text) assert_null(c.member);
#define KEY_NUMBER(section, name, member, when, otherwise, least, most, text)                      \
	assert_int_equal(c.member, 0);
#include "config/config_keys.def"
}

static void each_of_its_lines_without_the_comment_sign_is_the_default(void **state)
{
	CLEANUP(config_done) struct config c;
	struct diag d = { 0 };
	char path[32];
	int error;

	(void)state;
	uncomment(path);
	error = config_read(path, &c, &d);
	unlink(path);
	assert_int_equal(error, 0);
#define KEY_STRING(section, name, member, when, otherwise, text)                                   \
	if (*otherwise)                                                                            \
		assert_string_equal(c.member ? c.member : name " is missing", otherwise);          \
	else                                                                                       \
		assert_null(c.member);
#define KEY_SECRET(section, name, member, when, otherwise, text)                                   \
	KEY_STRING(section, name, member, when, otherwise, text)
#define KEY_NUMBER(section, name, member, when, otherwise, least, most, text)                      \
	assert_int_equal(c.member, otherwise);                                                     \
	assert_true((otherwise) >= (least) && (otherwise) <= (most));
#include "config/config_keys.def"
}

static const char *no_environment(const char *unused)
{
	(void)unused;
	return NULL;
}

static const char *default_of(const char *section, const char *name)
{
#define KEY_STRING(s, n, member, when, otherwise, text)                                            \
	if (!strcmp(section, s) && !strcmp(name, n))                                               \
		return otherwise;
#define KEY_NUMBER(s, n, member, when, otherwise, least, most, text)                               \
	if (!strcmp(section, s) && !strcmp(name, n))                                               \
		return #otherwise;
#include "config/config_keys.def"
	return NULL;
}

/* Sizes of tables are the kernel side's: tests/integration/life/configuration has those. */
static void the_agent_takes_the_defaults_that_the_list_names(void **state)
{
	struct loaded loaded = { .otlp.max_age_ms = 0 };
	const struct agent_options options = { 0 };
	const struct kernel_limits limits = { .no_progress_ms = 1000 };
	const struct setting_row *rows;
	struct arena *a = arena_new();
	struct diag d = { 0 };
	size_t n, n_compared = 0;

	(void)state;
	assert_int_equal(
		otlp_settings_read(&loaded.config, no_environment, NULL, NULL, &loaded.otlp, &d),
		0);
	assert_int_equal(settings_make(a, &loaded, &options, default_of("recipes", "folders"),
				       &limits, &detect_limits_default, &rows, &n),
			 0);
	for (size_t i = 0; i < n; i++)
		if (strcmp(rows[i].section, "limits")) {
			assert_string_equal(rows[i].value,
					    default_of(rows[i].section, rows[i].name));
			n_compared++;
		}
	assert_true(n_compared > 30);
	otlp_settings_done(&loaded.otlp);
	arena_free(a);
}

static int read_text(const char *text, struct config *c, struct diag *d)
{
	char path[] = "/tmp/config_test.XXXXXX";
	AUTO_FCLOSE FILE *f = fdopen(mkstemp(path), "we");
	int error;

	assert_non_null(f);
	fputs(text, f);
	fflush(f);
	error = config_read(path, c, d);
	unlink(path);
	return error;
}

static void a_mistake_has_its_file_and_line_and_what_was_expected(void **state)
{
	static const struct {
		const char *text, *said;
		unsigned int line;
	} cases[] = {
		{ "[limits]\npools = 7\n", "pools: expected a number from 16 to 1048576", 2 },
		{ "[limits]\n\npools = many\n", "pools: expected a number from 16 to 1048576", 3 },
		{ "[web]\nport = 1\n", "there is no key port in section [web]", 2 },
		{ "[web\n", "expected [section] or key = value", 1 },
		{ "# a\n[probes]\n\nmethod = magic\n", "method: expected auto or perf, not magic",
		  4 },
		{ "[labels]\na = b\npid = 7\n",
		  "pid: expected another name, metrics have a label of this one", 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CLEANUP(config_done) struct config c;
		struct diag d = { 0 };

		assert_true(read_text(cases[i].text, &c, &d) < 0);
		assert_string_equal(d.text, cases[i].said);
		assert_int_equal(d.line, cases[i].line);
		assert_true(d.file[0]);
	}
}

/* What is looked at when file and environment are one already. */
static void so_has_one_in_what_is_made_of_the_keys(void **state)
{
	static const struct {
		const char *text, *said;
		unsigned int line;
	} cases[] = {
		{ "[web]\n[processes]\n\nexclude_users = root, nobody-of-this-name\n",
		  "exclude_users: ", 4 },
		{ "[processes]\ninclude_containers = xyz\n", "include_containers: ", 2 },
		{ "[otlp]\nendpoint = http://127.0.0.1:4318\nprotocol = smoke\n", "protocol: ", 3 },
		{ "[otlp]\n\nendpoint = gopher://a\n", "endpoint: ", 3 },
	};
	static const char path[] = "build/tests/config_test.conf";

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct loaded *loaded = NULL;
		struct diag d = { 0 };
		FILE *f = fopen(path, "we");

		assert_non_null(f);
		fputs(cases[i].text, f);
		fclose(f);
		assert_int_equal(loaded_read(path, LOADED_FILE, NULL, &loaded, &d), -EINVAL);
		assert_memory_equal(d.text, cases[i].said, strlen(cases[i].said));
		assert_string_equal(d.file, path);
		assert_int_equal(d.line, cases[i].line);
	}
	unlink(path);
}

static void each_way_to_see_traffic_has_a_word(void **state)
{
	static const char *const words[] = { "auto", "lengths", "functions", "none" };
	static const enum config_traffic meant[] = { CONFIG_TRAFFIC_AUTO, CONFIG_TRAFFIC_LENGTHS,
						     CONFIG_TRAFFIC_FUNCTIONS,
						     CONFIG_TRAFFIC_NONE };

	CLEANUP(config_done) struct config other;
	struct diag why = { 0 };

	(void)state;
	assert_true(read_text("[probes]\ntraffic = all\n", &other, &why) < 0);
	assert_string_equal(why.text,
			    "traffic: expected auto, lengths, functions or none, not all");
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		CLEANUP(config_done) struct config c;
		struct diag d = { 0 };
		char text[64];

		snprintf(text, sizeof(text), "[probes]\ntraffic = %s\n", words[i]);
		assert_int_equal(read_text(text, &c, &d), 0);
		assert_int_equal(c.traffic, meant[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_shipped_file_gives_no_key),
		cmocka_unit_test(each_of_its_lines_without_the_comment_sign_is_the_default),
		cmocka_unit_test(the_agent_takes_the_defaults_that_the_list_names),
		cmocka_unit_test(a_mistake_has_its_file_and_line_and_what_was_expected),
		cmocka_unit_test(so_has_one_in_what_is_made_of_the_keys),
		cmocka_unit_test(each_way_to_see_traffic_has_a_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
