/* SPDX-License-Identifier: MIT */
/* report_test.c - what a report is made of: text that cannot break out, pseudonyms, the first line, bounded sections, and a file that is nobody else's. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/text.h"
#include "cmd/anonymous.h"
#include "cmd/command.h"
#include "cmd/field.h"
#include "cmd/findings_log.h"
#include "cmd/newfile.h"
#include "cmd/paste.h"
#include "cmd/report.h"
#include "cmd/settings.h"
#include "cmd/source.h"
#include "config/config.h"
#include "model/snapshot.h"

/* ---- paste ----------------------------------------------------------------------------------------------------------------- */

static void assert_pasted(const char *text, const char *expected)
{
	CLEANUP(buffer_done) struct buffer b = { 0 };

	paste_add(&b, text, strlen(text));
	assert_string_equal(b.data, expected);
}

static void markup_is_taken_apart(void **state)
{
	(void)state;
	assert_pasted("```\n# free", "'''\n# free\n");
	assert_pasted("~~~~ ~Pool()", "~ ~ ~ ~ ~Pool()\n");
	assert_pasted("<!-- <img src=x> vector<int>", "‹!-- ‹img src=x› vector‹int›\n");
	assert_pasted("![x](http://e) operator[](int)", "![x] (http://e) operator[] (int)\n");
	assert_pasted("@everyone a@b (@team) @ 7", "@ everyone a@b (@ team) @ 7\n");
}

static void control_characters_do_not_survive(void **state)
{
	(void)state;
	assert_pasted("a\033[31m\tb\rc\xff", "a?[31m b?c?\n");
	assert_pasted("a\n\nb\n", "a\n\nb\n");
	assert_pasted("x\xe2\x80\xaey", "x?y\n");
}

static void a_section_cannot_reach_the_left_edge_and_ends_at_a_line(void **state)
{
	CLEANUP(buffer_done) struct buffer b = { 0 };
	static const char text[] = "== Findings ==\n\nsecond\nthird\nfourth\n";

	(void)state;
	assert_int_equal(paste_add_section(&b, text, strlen(text), 1000), 0);
	assert_string_equal(b.data, "  == Findings ==\n\n  second\n  third\n  fourth\n");
	buffer_done(&b);
	assert_int_equal(paste_add_section(&b, text, strlen(text), 30), 2);
	assert_string_equal(b.data, "  == Findings ==\n\n  second\n");
	assert_int_equal(b.n, strlen(b.data));
	assert_int_equal(paste_add_section(&b, text, strlen(text), 3), 5);
	assert_string_equal(b.data, "  == Findings ==\n\n  second\n");
}

/* ---- pseudonyms ------------------------------------------------------------------------------------------------------------ */

static json_t *parse(const char *text)
{
	json_t *json = json_loads(text, 0, NULL);

	assert_non_null(json);
	return json;
}

static void names_become_the_same_pseudonym_everywhere(void **state)
{
	CLEANUP(cleanup_json)
	json_t *r = parse(
		"{\"summary\":\"leak of acme/orders (pid 7) at db7\","
		"\"status\":{\"host\":\"db7\",\"checks\":[{\"name\":\"targets\",\"found\":\"1 file\"}]},"
		"\"pools\":[{\"name\":\"orders\",\"process\":\"acme\",\"kind\":\"connection\",\"pid\":7,"
		"\"endpoint\":\"10.1.2.3:5432\"},"
		"{\"name\":\"10.1.2.3:5432\",\"process\":\"acme\",\"kind\":\"listener\",\"pid\":7}],"
		"\"findings\":[{\"process\":\"acme\",\"pool\":\"orders\",\"text\":\"orders of acme, acmeology; 'orders'\","
		"\"holders\":[{\"thread\":\"acme-io\",\"stack\":{\"waits_for\":\"data from 10.1.2.3:5432 (fd 7)\","
		"\"frames\":[\"work (acme) at /home/bob/acme/w.c:7\",\"read (libc.so.6) at read.c:26\"]}}]}],"
		"\"attached\":[{\"file\":\"/opt/acme/bin/acme\",\"provider\":\"poolscope\"}],"
		"\"locks\":[{\"process\":\"acme\",\"lock\":\"acme:the_lock\"}]}");
	const json_t *pool, *finding, *stack, *frames;

	(void)state;
	assert_int_equal(anonymize(r), 0);
	assert_string_equal(field_text(r, "summary"), "leak of process-1/pool-1 (pid 7) at host-1");
	pool = json_array_get(field_array(r, "pools"), 0);
	assert_string_equal(field_text(pool, "name"), "pool-1");
	assert_string_equal(field_text(pool, "kind"), "connection");
	assert_string_equal(field_text(pool, "endpoint"), "address-1:5432");
	pool = json_array_get(field_array(r, "pools"), 1);
	assert_string_equal(field_text(pool, "name"), "address-1:5432");
	finding = json_array_get(field_array(r, "findings"), 0);
	assert_string_equal(field_text(finding, "text"),
			    "pool-1 of process-1, acmeology; 'pool-1'");
	stack = json_object_get(json_array_get(field_array(finding, "holders"), 0), "stack");
	assert_string_equal(field_text(stack, "waits_for"), "data from address-1:5432 (fd 7)");
	frames = field_array(stack, "frames");
	assert_string_equal(json_string_value(json_array_get(frames, 0)), "work (process-1)");
	assert_string_equal(json_string_value(json_array_get(frames, 1)), "read (libc.so.6)");
	assert_string_equal(field_text(json_array_get(field_array(r, "attached"), 0), "file"),
			    "file-1");
	assert_string_equal(field_text(json_array_get(field_array(r, "locks"), 0), "lock"),
			    "process-1:the_lock");
	assert_string_equal(
		field_text(json_array_get(field_array(json_object_get(r, "status"), "checks"), 0),
			   "name"),
		"targets");
}

static void addresses_are_found_in_sentences(void **state)
{
	CLEANUP(cleanup_json)
	json_t *r = parse("[\"to 192.168.7.9, [2001:db8::7]:443 and 192.168.7.9:80\","
			  "\"127.0.0.1:5432 ::1 0.0.0.0 12:34:56 std::vector 1.2.3 999.1.1.1\"]");

	(void)state;
	assert_int_equal(anonymize(r), 0);
	assert_string_equal(json_string_value(json_array_get(r, 0)),
			    "to address-1, [address-2]:443 and address-1:80");
	assert_string_equal(json_string_value(json_array_get(r, 1)),
			    "127.0.0.1:5432 ::1 0.0.0.0 12:34:56 std::vector 1.2.3 999.1.1.1");
}

static void paths_are_found_in_sentences(void **state)
{
	CLEANUP(cleanup_json)
	json_t *r = parse(
		"{\"files\":[{\"file\":\"/opt/acme/lib/libz.so.1\"},{\"file\":\"/usr/local/acme/lib/libq.so\"},"
		"{\"file\":\"/usr/lib/libc.so.6\"}],"
		"\"recipes\":[{\"name\":\"/opt/acme/recipes/a.recipe\"},{\"name\":\"HikariCP\"}],"
		"\"found\":\"cannot write to /opt/acme/flight: no space; /opt/acme/flight, 3 requests/s of a/b. '/srv/acme/x.sock'.\","
		"\"ours\":\"/proc/sys/kernel/bpf_stats_enabled, /etc/poolscope/poolscope.conf, /metrics, net/http.(*T).do\"}");
	const json_t *files = field_array(r, "files"), *recipes = field_array(r, "recipes");

	(void)state;
	assert_int_equal(anonymize(r), 0);
	assert_string_equal(field_text(json_array_get(files, 0), "file"), "folder-1/libz.so.1");
	assert_string_equal(field_text(json_array_get(files, 1), "file"), "folder-2/libq.so");
	assert_string_equal(field_text(json_array_get(files, 2), "file"), "/usr/lib/libc.so.6");
	assert_string_equal(field_text(json_array_get(recipes, 0), "name"), "file-1");
	assert_string_equal(field_text(json_array_get(recipes, 1), "name"), "HikariCP");
	assert_string_equal(
		field_text(r, "found"),
		"cannot write to file-2: no space; file-2, 3 requests/s of a/b. 'file-3'.");
	assert_string_equal(
		field_text(r, "ours"),
		"/proc/sys/kernel/bpf_stats_enabled, /etc/poolscope/poolscope.conf, /metrics, net/http.(*T).do");
}

static void a_name_that_a_sentence_has_cut_is_found(void **state)
{
#define LONG "0123456789012345678901234567890123456789012345678901234567"
	CLEANUP(cleanup_json)
	json_t *r = parse("{\"pool\":\"" LONG "-acme-and-more\",\"text\":\"" LONG
			  "-a of x, 0123 " LONG "-acme-and-more!\"}");

	(void)state;
	assert_int_equal(anonymize(r), 0);
	assert_string_equal(field_text(r, "text"), "pool-1 of x, 0123 pool-1!");
#undef LONG
}

/* ---- the first line, and the size ------------------------------------------------------------------------------------------ */

static void assert_summary(const char *report, const char *expected)
{
	CLEANUP(cleanup_json) json_t *r = parse(report);
	CLEANUP(cleanup_json) json_t *summary = report_summary(r);

	assert_string_equal(json_string_value(summary), expected);
}

static void the_first_line_says_the_worst(void **state)
{
	(void)state;
	assert_summary(
		"{\"cut\":{\"findings\":3},\"findings\":[{\"type\":\"leak\",\"severity\":\"critical\",\"process\":\"a\",\"pool\":\"p\","
		"\"pid\":7,\"text\":\"gone\"},{\"severity\":\"warning\"},{\"severity\":\"warning\"}]}",
		"1 critical, 2 warning and 3 more; the worst: leak of a/p (pid 7): gone");
	assert_summary("{\"findings\":[],\"pools\":[1,2],\"status\":{\"agent\":{\"ticks\":6}}}",
		       "No open findings in 2 pools yet: the agent has looked for 6 seconds");
	assert_summary(
		"{\"findings\":[],\"pools\":[1,2],\"cut\":{\"pools\":40},"
		"\"status\":{\"agent\":{\"ticks\":600},\"checks\":[{\"state\":\"bad\"}]}}",
		"No open findings in 42 pools; the agent does not see all it should (1 bad check)");
}

/* As many rows as there may be, with names as long and as bad as there may be. */
static void the_largest_report_is_within_its_limit(void **state)
{
	static const struct {
		const char *key;
		int n;
	} arrays[] = { { "findings", 20 },     { "ended", 20 },        { "pools", 40 },
		       { "pools_in_full", 4 }, { "stalls", 20 },       { "locks", 20 },
		       { "probes", 20 },       { "attached", 25 },     { "recipes", 25 },
		       { "config", 100 },      { "command_lines", 20 } };
	static const char *const keys[] = {
		"name",   "process", "pool", "text",  "evidence", "verdict", "thread",      "file",
		"advice", "problem", "lock", "value", "cause",    "library", "command_line"
	};
	const struct invocation in = { 0 };
	CLEANUP(cleanup_json)
	json_t *r = parse("{\"cut\":{\"pools\":7000},\"status\":{\"checks\":[]}}");
	CLEANUP(buffer_done) struct buffer b = { 0 };
	char name[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = "<`>"[i % 3];
	name[sizeof(name) - 1] = '\0';
	for (size_t a = 0; a < sizeof(arrays) / sizeof(*arrays); a++) {
		json_t *array = json_array();

		for (int i = 0; i < arrays[a].n; i++) {
			json_t *row = json_object();

			for (size_t k = 0; k < sizeof(keys) / sizeof(*keys); k++)
				json_object_set_new(row, keys[k], json_string(name));
			json_array_append_new(array, row);
		}
		json_object_set_new(r, arrays[a].key, array);
	}
	json_object_set_new(r, "summary", json_string(name));
	assert_int_equal(report_write(&in, r, &b), 0);
	assert_true(b.n > 10000);
	assert_true(b.n <= REPORT_BYTES);
	assert_null(strchr(b.data, '`'));
	assert_null(strchr(b.data, '<'));
	assert_non_null(strstr(b.data, "... 7000 more; poolscope list has all\n"));
	assert_non_null(strstr(b.data, "lines cut; poolscope findings has all\n"));
	assert_non_null(strstr(b.data, "\n== End of the report ==\n"));
}

/* ---- files ----------------------------------------------------------------------------------------------------------------- */

static char folder[] = "/tmp/report_test.XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	return !mkdtemp(folder) || chdir(folder);
}

static int remove_folder(void **state)
{
	(void)state;
	return chdir("/") || rmdir(folder);
}

static void assert_holds(const char *path, const char *text)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char found[64] = "";
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(read(fd, found, sizeof(found) - 1), strlen(text));
	assert_string_equal(found, text);
}

static void a_new_file_is_its_owners_alone_and_is_not_lost(void **state)
{
	struct diag d = { 0 };

	(void)state;
	assert_int_equal(newfile_write("a", "one", 3, false, &d), 0);
	assert_holds("a", "one");
	assert_int_equal(newfile_write("a", "two", 3, false, &d), -EEXIST);
	assert_non_null(strstr(d.text, "--force"));
	assert_holds("a", "one");
	assert_int_equal(chmod("a", 0644), 0);
	assert_int_equal(newfile_write("a", "two", 3, true, &d), 0);
	assert_holds("a", "two");
	assert_int_equal(unlink("a"), 0);
	assert_int_equal(newfile_write("no/such", "x", 1, false, &d), -ENOENT);
	assert_int_equal(newfile_write("no/such", "x", 1, true, &d), -ENOENT);
}

static void a_link_is_not_followed(void **state)
{
	struct diag d = { 0 };

	(void)state;
	assert_int_equal(newfile_write("target", "mine", 4, false, &d), 0);
	assert_int_equal(symlink("target", "link"), 0);
	assert_int_equal(symlink("nowhere", "dangling"), 0);
	assert_int_equal(newfile_write("link", "x", 1, false, &d), -EEXIST);
	assert_int_equal(newfile_write("dangling", "x", 1, false, &d), -EEXIST);
	assert_int_equal(newfile_write("link", "x", 1, true, &d), 0);
	assert_holds("link", "x"); /* the link itself has gone */
	assert_holds("target", "mine");
	assert_int_equal(access("nowhere", F_OK), -1);
	assert_int_equal(mkfifo("pipe", 0600), 0);
	assert_int_equal(newfile_write("pipe", "x", 1, true, &d), -ENOTSUP);
	assert_int_equal(newfile_write("/dev/null", "x", 1, true, &d), -ENOTSUP);
	unlink("link");
	unlink("target");
	unlink("dangling");
	unlink("pipe");
}

/* ---- what the agent tells of itself ---------------------------------------------------------------------------------------- */

static const struct setting_row *find(const struct setting_row *rows, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	fail();
	return NULL;
}

static void every_setting_says_where_it_is_from(void **state)
{
	char path[] = "/x", given[] = "perf", standard[] = "auto";
	const struct config options = { .socket_path = path },
			    file = { .probe_method_text = given,
				     .limit_pools = 64,
				     .otlp_protocol = given },
			    environment = { .otlp_protocol = given, .otlp_headers = given },
			    effect = { .socket_path = path,
				       .probe_method_text = given,
				       .traffic_text = standard,
				       .limit_pools = 64,
				       .limit_leases = 65536 };
	struct arena *a = arena_new();
	const struct setting_row *rows = NULL;
	size_t n = 0;

	(void)state;
	assert_int_equal(settings_fill(a, &file, &environment, &options, &effect, &rows, &n), 0);
	assert_string_equal(find(rows, n, "socket")->from, "option");
	assert_string_equal(find(rows, n, "socket")->value, "/x");
	assert_string_equal(find(rows, n, "method")->from, "file");
	assert_string_equal(find(rows, n, "traffic")->from, "default");
	assert_string_equal(find(rows, n, "pools")->value, "64");
	assert_string_equal(find(rows, n, "pools")->from, "file");
	assert_string_equal(find(rows, n, "leases")->value, "65536");
	assert_string_equal(find(rows, n, "leases")->from, "default");
	assert_string_equal(find(rows, n, "enable")->value, "");
	assert_string_equal(find(rows, n, "protocol")->from, "environment");
	for (size_t i = 0; i < n; i++) /* a secret */
		assert_string_not_equal(rows[i].name, "headers");
	arena_free(a);
}

/* $JOURNAL_STREAM is inherited by what is redirected, too. */
static void the_journal_is_told_by_the_files_number(void **state)
{
	char stream[64];
	struct stat st;

	(void)state;
	unsetenv("JOURNAL_STREAM");
	assert_false(stderr_is_journal());
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	assert_true(stderr_is_journal());
	strcat(stream, "0");
	setenv("JOURNAL_STREAM", stream, 1);
	assert_false(stderr_is_journal());
	setenv("JOURNAL_STREAM", "nonsense", 1);
	assert_false(stderr_is_journal());
	unsetenv("JOURNAL_STREAM");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(markup_is_taken_apart),
		cmocka_unit_test(control_characters_do_not_survive),
		cmocka_unit_test(a_section_cannot_reach_the_left_edge_and_ends_at_a_line),
		cmocka_unit_test(names_become_the_same_pseudonym_everywhere),
		cmocka_unit_test(addresses_are_found_in_sentences),
		cmocka_unit_test(paths_are_found_in_sentences),
		cmocka_unit_test(a_name_that_a_sentence_has_cut_is_found),
		cmocka_unit_test(the_first_line_says_the_worst),
		cmocka_unit_test(the_largest_report_is_within_its_limit),
		cmocka_unit_test(a_new_file_is_its_owners_alone_and_is_not_lost),
		cmocka_unit_test(a_link_is_not_followed),
		cmocka_unit_test(every_setting_says_where_it_is_from),
		cmocka_unit_test(the_journal_is_told_by_the_files_number),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
