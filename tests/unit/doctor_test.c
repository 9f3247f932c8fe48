/* SPDX-License-Identifier: MIT */
/* doctor_test.c - each check of `doctor` in its good and its bad case: of the machine from folders that stand for /proc and /sys, of an agent from its status. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <locale.h>
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
#include <jansson.h>

#include "base/diag.h"
#include "cmd/checks.h"
#include "cmd/field.h"
#include "cmd/host.h"

/* ---- a machine of files ---------------------------------------------------------------------------------------------------- */

struct machine {
	char root[32], proc[64], sys[64], config[64];
	struct host host;
};

/* A file of the machine, with the folders above it. */
static void put(const struct machine *m, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", m->root, name);
	for (char *at = path + strlen(m->root) + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		assert_true(!mkdir(path, 0755) || errno == EEXIST);
		*at = '/';
	}
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void take_away(const struct machine *m, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", m->root, name);
	assert_int_equal(unlink(path), 0);
}

/* The pid namespace of process 7, and of the one that looks. */
static void put_pids(const struct machine *m, const char *link)
{
	static const char *const whose[] = { "self", "7" };

	for (int i = 0; i < 2; i++) {
		char name[64], path[256];

		snprintf(name, sizeof(name), "proc/%s/ns/pid", whose[i]);
		put(m, name, "");
		take_away(m, name);
		snprintf(path, sizeof(path), "%s/%s", m->root, name);
		assert_int_equal(symlink(link, path), 0);
	}
}

#define ALL_RIGHTS "Name:\tpoolscope\nCapEff:\t000001ffffffffff\n"

/* One on which all is fine, with an agent as process 7. */
static int set_up(void **state)
{
	struct machine *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	strcpy(m->root, "/tmp/doctor.XXXXXX");
	assert_non_null(mkdtemp(m->root));
	snprintf(m->proc, sizeof(m->proc), "%s/proc", m->root);
	snprintf(m->sys, sizeof(m->sys), "%s/sys", m->root);
	snprintf(m->config, sizeof(m->config), "%s/conf", m->root);
	m->host = (struct host){ m->proc, m->sys, 7, true, m->config, 0 };
	put(m, "proc/sys/kernel/osrelease", "6.12.48+deb13-amd64\n");
	put(m, "proc/sys/net/core/bpf_jit_enable", "1\n");
	put(m, "proc/7/status", ALL_RIGHTS);
	put(m, "proc/7/limits",
	    "Limit                     Soft Limit           Hard Limit           Units\n"
	    "Max locked memory         8388608              8388608              bytes\n");
	put(m, "proc/7/stat", "7 (a ) b) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 5 0 1 0 100000 0 0\n");
	put(m, "proc/stat", "cpu 1 2 3\nbtime 1700000000\n");
	put(m, "proc/mounts", "none /sys/kernel/tracing tracefs rw 0 0\n");
	put_pids(m, "pid:[4026531836]");
	put(m, "sys/kernel/btf/vmlinux", "btf");
	put(m, "sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	put(m, "sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
	put(m, "conf", "[limits]\npools = 1000\n");
	*state = m;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	(void)st;
	(void)flag;
	(void)at;
	return remove(path);
}

static int tear_down(void **state)
{
	struct machine *m = *state;
	int r = nftw(m->root, remove_one, 8, FTW_DEPTH | FTW_PHYS);

	free(m);
	return r;
}

static const json_t *find(const json_t *checks, const char *name)
{
	const json_t *check;
	size_t i;

	json_array_foreach (checks, i, check)
		if (!strcmp(field_text_or(check, "name", ""), name))
			return check;
	fail_msg("there is no check %s", name);
	return NULL;
}

/* The state, a part of what was found, and whether there are costs and something to do: there are whenever it is not ok. */
static void assert_check(const json_t *checks, const char *name, const char *state,
			 const char *found)
{
	const json_t *check = find(checks, name);

	assert_string_equal(field_text_or(check, "state", ""), state);
	if (!strstr(field_text_or(check, "found", ""), found))
		fail_msg("%s: \"%s\" has no \"%s\"", name, field_text_or(check, "found", ""),
			 found);
	if (strcmp(state, "ok") != 0) {
		assert_non_null(field_text(check, "costs"));
		assert_non_null(field_text(check, "do"));
	}
}

static void assert_machine(const struct machine *m, const char *name, const char *state,
			   const char *found)
{
	json_t *checks = host_checks(&m->host);

	assert_check(checks, name, state, found);
	json_decref(checks);
}

static void on_a_good_machine_all_is_fine(void **state)
{
	const struct machine *m = *state;
	json_t *checks = host_checks(&m->host);

	/* but for the configuration, which was made just now */
	assert_int_equal(checks_count(checks, "ok") + 1, json_array_size(checks));
	json_decref(checks);
}

static void an_old_kernel_is_bad_and_an_unreadable_one_is_not(void **state)
{
	const struct machine *m = *state;

	assert_machine(m, "kernel", "ok", "6.12.48+deb13-amd64");
	put(m, "proc/sys/kernel/osrelease", "5.15.0\n");
	assert_machine(m, "kernel", "ok", "5.15.0");
	put(m, "proc/sys/kernel/osrelease", "5.10.0-35-amd64\n");
	assert_machine(m, "kernel", "bad", "older than 5.15");
	put(m, "proc/sys/kernel/osrelease", "4.19.0\n");
	assert_machine(m, "kernel", "bad", "4.19.0");
	take_away(m, "proc/sys/kernel/osrelease");
	assert_machine(m, "kernel", "look", "cannot be read");
}

static void a_kernel_without_btf_is_bad(void **state)
{
	const struct machine *m = *state;

	assert_machine(m, "BTF", "ok", "3B");
	take_away(m, "sys/kernel/btf/vmlinux");
	assert_machine(m, "BTF", "bad", "No such file");
}

static void interpreted_programs_want_a_look(void **state)
{
	const struct machine *m = *state;

	assert_machine(m, "BPF compiler", "ok", "compiled");
	put(m, "proc/sys/net/core/bpf_jit_enable", "0\n");
	assert_machine(m, "BPF compiler", "look", "interpreted");
}

static void only_a_lockdown_for_confidentiality_is_bad(void **state)
{
	const struct machine *m = *state;

	assert_machine(m, "lockdown", "ok", "integrity");
	put(m, "sys/kernel/security/lockdown", "none integrity [confidentiality]\n");
	assert_machine(m, "lockdown", "bad", "confidentiality");
	put(m, "sys/kernel/security/lockdown", "\033[2J\n");
	assert_machine(m, "lockdown", "look", "not known: 2J");
	put(m, "sys/kernel/security/lockdown", "nonsense\n");
	assert_machine(m, "lockdown", "look", "no sense");
	take_away(m, "sys/kernel/security/lockdown");
	assert_machine(m, "lockdown", "ok", "none");
}

static void a_level_at_which_threads_cannot_be_sampled_is_looked_at(void **state)
{
	const struct machine *m = *state;

	assert_machine(m, "sampling", "ok", "cannot be seen");
	put(m, "proc/sys/kernel/perf_event_paranoid", "3\n");
	assert_machine(m, "sampling", "ok", "is 3");
	put(m, "proc/7/status", "CapEff:\t000001c000080004\n"); /* all but CAP_SYS_ADMIN */
	assert_machine(m, "sampling", "look", "is 3");
	take_away(m, "proc/7/status");
	assert_machine(m, "sampling", "look", "is 3"); /* what it may is not known, so nothing is promised */
	put(m, "proc/sys/kernel/perf_event_paranoid", "2\n");
	assert_machine(m, "sampling", "ok", "is 2");
	put(m, "proc/sys/kernel/perf_event_paranoid", "-1\n");
	assert_machine(m, "sampling", "ok", "is -1");
}

static void an_agent_without_a_right_says_which_and_what_is_missing_for_it(void **state)
{
	struct machine *m = *state;
	json_t *checks;

	assert_machine(m, "capabilities", "ok", "the agent has all");
	put(m, "proc/7/status", "CapEff:\t0000000000000000\n");
	assert_machine(m, "capabilities", "bad", "CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE");
	put(m, "proc/7/status", "CapEff:\t000000c000000000\n"); /* CAP_BPF and CAP_PERFMON alone */
	assert_machine(m, "capabilities", "look", "does not have CAP_SYS_PTRACE");
	put(m, "proc/7/status", "CapEff:\t0000000000280004\n"); /* those of before, with CAP_SYS_ADMIN */
	assert_machine(m, "capabilities", "ok", "all");
	put(m, "proc/7/status", "CapEff:\t000001ffffffffff\n");
	m->host.agent_pid = 8;
	assert_machine(m, "capabilities", "look", "cannot be seen");
	m->host.agent_pid = 0;
	m->host.is_agent = false;
	put(m, "proc/self/status", "CapEff:\t0000000000000000\n");
	checks = host_checks(&m->host);
	assert_check(checks, "capabilities", "look", "this user does not have CAP_BPF");
	json_decref(checks);
}

static void locked_memory_matters_before_5_11_alone(void **state)
{
	const struct machine *m = *state;

	assert_machine(m, "memlock", "ok", "8MiB; not needed");
	put(m, "proc/sys/kernel/osrelease", "5.10.0\n");
	assert_machine(m, "memlock", "bad", "8MiB; before 5.11");
	put(m, "proc/7/limits",
	    "Max locked memory         unlimited            unlimited            bytes\n");
	assert_machine(m, "memlock", "ok", "unlimited");
	take_away(m, "proc/7/limits");
	put(m, "proc/sys/kernel/osrelease", "6.1.0\n");
	assert_machine(m, "memlock", "ok", "cannot be seen");
}

static void debugfs_and_tracefs_are_not_needed(void **state)
{
	const struct machine *m = *state;

	assert_machine(m, "debugfs and tracefs", "ok",
		       "debugfs is not mounted, tracefs is mounted; not needed");
	put(m, "proc/mounts", "none /sys/kernel/debug debugfs rw 0 0\n");
	assert_machine(m, "debugfs and tracefs", "ok",
		       "debugfs is mounted, tracefs is not mounted");
	take_away(m, "proc/mounts");
	assert_machine(m, "debugfs and tracefs", "ok",
		       "debugfs is not mounted, tracefs is not mounted");
}

static void a_slow_clock_wants_a_look(void **state)
{
	const struct machine *m = *state;

	assert_machine(m, "clock", "ok", "tsc");
	put(m, "sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n");
	assert_machine(m, "clock", "look", "hpet");
	take_away(m, "sys/devices/system/clocksource/clocksource0/current_clocksource");
	assert_machine(m, "clock", "ok", "cannot be seen");
}

static void
a_configuration_is_told_by_line_and_when_it_is_newer_than_what_the_agent_read(void **state)
{
	struct machine *m = *state;

	assert_machine(m, "configuration", "look", "has changed since the agent read it");
	m->host.config_read_s = 99999999999; /* a reload */
	assert_machine(m, "configuration", "ok", "is good");
	m->host.config_read_s = NAN; /* not known */
	assert_machine(m, "configuration", "look", "has changed since the agent read it");
	put(m, "proc/stat", "btime 99999999999\n"); /* so that the agent is the younger one */
	assert_machine(m, "configuration", "ok", "is good");
	put(m, "proc/7/stat", "nonsense\n");
	assert_machine(m, "configuration", "ok", "is good");
	put(m, "conf", "[limits]\npools = many\n");
	assert_machine(m, "configuration", "bad", "conf:2: ");
	take_away(m, "conf");
	assert_machine(m, "configuration", "look", "No such file");
}

/* ---- an agent's status ------------------------------------------------------------------------------------------------------- */

static json_t *parse(const char *text)
{
	json_error_t e;
	json_t *json = json_loads(text, 0, &e);

	if (!json)
		fail_msg("%s", e.text);
	return json;
}

static json_t *checks_of(const char *status, const char *probes)
{
	json_t *s = parse(status), *p = probes ? parse(probes) : NULL,
	       *checks = checks_of_status(s, p);

	json_decref(s);
	json_decref(p);
	return checks;
}

static void a_fresh_agent_with_nothing_lost_is_fine(void **state)
{
	json_t *checks = checks_of(
		"{\"time\": 1000, \"agent\": {\"ticks\": 100, \"cpu_user_seconds\": 0.2, \"cpu_system_seconds\": 0.3,"
		" \"rss_bytes\": 1048576, \"longest_tick_seconds\": 0.002, \"probe_hits\": 1000, \"bpf_run_seconds\": 0.001},"
		" \"checks\": [{\"name\": \"otlp\", \"state\": \"ok\", \"found\": \"off\"}],"
		" \"tables\": [{\"name\": \"pools\", \"used\": 10, \"limit\": 100}],"
		" \"losses\": [{\"kind\": \"pools_full\", \"count\": 0, \"text\": \"full: raise limits.pools\"}]}",
		"{\"probes\": [{\"file\": \"/bin/a\", \"provider\": \"p\", \"problem\": null}]}");

	(void)state;
	assert_int_equal(checks_count(checks, "ok"), json_array_size(checks));
	assert_int_equal(json_array_size(checks), 4);
	assert_check(checks, "otlp", "ok", "off");
	assert_check(checks, "agent cost", "ok", "0.5% of a CPU");
	assert_check(checks, "probe cost", "ok", "1µs for each hit");
	assert_check(checks, "table pools", "ok", "10 of 100 (10%)");
	json_decref(checks);
}

static void what_costs_fails_fills_and_is_lost_wants_a_look(void **state)
{
	json_t *checks = checks_of(
		"{\"time\": 1000, \"agent\": {\"ticks\": 100, \"cpu_user_seconds\": 9, \"cpu_system_seconds\": 1,"
		" \"probe_hits\": 1000, \"bpf_run_seconds\": 20},"
		" \"tables\": [{\"name\": \"pools\", \"used\": 95, \"limit\": 100}],"
		" \"losses\": [{\"kind\": \"pools_full\", \"count\": 7, \"text\": \"a pool was refused: raise limits.pools\","
		" \"since\": 940, \"last\": 998}, {\"kind\": \"bad_value\", \"count\": 1, \"text\": \"nonsense\"}]}",
		"{\"probes\": [{\"file\": \"/bin/a\", \"provider\": \"p\", \"problem\": \"no such point\"},"
		" {\"file\": \"/bin/a\", \"provider\": \"p\", \"problem\": \"no such point\"}]}");

	(void)state;
	assert_int_equal(checks_count(checks, "look"), json_array_size(checks));
	assert_int_equal(json_array_size(checks), 6); /* one target, though two of its places failed */
	assert_check(checks, "target", "look", "p of /bin/a: no such point");
	assert_check(checks, "agent cost", "look", "10.0% of a CPU");
	assert_check(checks, "probe cost", "look", "20.0% of a CPU");
	assert_check(checks, "table pools", "look", "95 of 100 (95%)");
	assert_check(checks, "lost pools_full", "look", "7, the first 1m00s ago, the last 2s ago");
	assert_string_equal(field_text(find(checks, "lost pools_full"), "costs"),
			    "a pool was refused");
	assert_non_null(strstr(field_text(find(checks, "lost pools_full"), "do"),
			       "raise limits.pools in poolscope.conf"));
	assert_check(checks, "lost bad_value", "look", "1, when is not known");
	json_decref(checks);
}

static void many_failed_targets_are_some_and_a_number(void **state)
{
	json_t *probes = parse("{\"probes\": []}"), *status = parse("{}"), *checks;

	(void)state;
	for (int i = 0; i < 23; i++) {
		char file[32];

		snprintf(file, sizeof(file), "/bin/%d", i);
		json_array_append_new(json_object_get(probes, "probes"),
				      json_pack("{s:s, s:s, s:s}", "file", file, "provider", "p",
						"problem", "no"));
	}
	checks = checks_of_status(status, probes);
	assert_check(json_array_get(checks, 0) ? checks : NULL, "target", "look", "/bin/0");
	assert_string_equal(field_text(json_array_get(checks, 8), "found"), "15 more problems");
	json_decref(checks);
	json_decref(probes);
	json_decref(status);
}

static void an_answer_without_anything_is_no_crash(void **state)
{
	json_t *checks = checks_of("{}", NULL);

	(void)state;
	assert_int_equal(checks_count(checks, "bad"), 0);
	json_decref(checks);
}

static void text_from_outside_is_harmless_and_what_is_there_is_not_told_twice(void **state)
{
	json_t *checks = json_array(), *more = json_array();

	(void)state;
	checks_add(checks, "bad", "a", "costs", "do", "%s", "\033[2J\xff");
	checks_add(more, "ok", "a", NULL, NULL, "again");
	checks_add(more, "ok", "b", NULL, NULL, "b");
	checks_add(more, "ok", "b", NULL, NULL, "b too");
	checks_join(checks, more);
	assert_int_equal(json_array_size(checks), 3);
	assert_check(checks, "a", "bad", "?[2J?");
	assert_int_equal(checks_count(checks, "bad"), 1);
	json_decref(checks);
	json_decref(more);
}

static void another_pid_namespace_is_bad_and_run_says_what_to_do(void **state)
{
	struct machine *m = *state;
	struct diag d = { 0 };

	assert_machine(m, "pid namespace", "ok", "the host's");
	assert_int_equal(host_check_pids(m->proc, &d), 0);
	take_away(m, "proc/self/ns/pid");
	take_away(m, "proc/7/ns/pid");
	assert_int_equal(host_check_pids(m->proc, &d), 0); /* not to be seen */
	put_pids(m, "pid:[4026532839]");
	assert_machine(m, "pid namespace", "bad", "the host's pids");
	assert_true(host_check_pids(m->proc, &d) < 0);
	assert_non_null(strstr(d.text, "hostPID"));
	assert_non_null(strstr(d.text, "--pid=host"));
}

#define WITH_MACHINE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MACHINE(another_pid_namespace_is_bad_and_run_says_what_to_do),
		WITH_MACHINE(on_a_good_machine_all_is_fine),
		WITH_MACHINE(an_old_kernel_is_bad_and_an_unreadable_one_is_not),
		WITH_MACHINE(a_kernel_without_btf_is_bad),
		WITH_MACHINE(interpreted_programs_want_a_look),
		WITH_MACHINE(only_a_lockdown_for_confidentiality_is_bad),
		WITH_MACHINE(a_level_at_which_threads_cannot_be_sampled_is_looked_at),
		WITH_MACHINE(an_agent_without_a_right_says_which_and_what_is_missing_for_it),
		WITH_MACHINE(locked_memory_matters_before_5_11_alone),
		WITH_MACHINE(debugfs_and_tracefs_are_not_needed),
		WITH_MACHINE(a_slow_clock_wants_a_look),
		WITH_MACHINE(
			a_configuration_is_told_by_line_and_when_it_is_newer_than_what_the_agent_read),
		cmocka_unit_test(a_fresh_agent_with_nothing_lost_is_fine),
		cmocka_unit_test(what_costs_fails_fills_and_is_lost_wants_a_look),
		cmocka_unit_test(many_failed_targets_are_some_and_a_number),
		cmocka_unit_test(an_answer_without_anything_is_no_crash),
		cmocka_unit_test(text_from_outside_is_harmless_and_what_is_there_is_not_told_twice),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
