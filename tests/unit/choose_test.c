/* SPDX-License-Identifier: MIT */
/* choose_test.c - who is watched: patterns, lists, and what is known of a process; its names are a stranger's. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "config/choose.h"
#include "config/config.h"
#include "probe/chosen.h"

static bool find_user(const char *name, uint32_t *ret_uid)
{
	*ret_uid = !strcmp(name, "postgres") ? 26 : 33;
	return !strcmp(name, "postgres") || !strcmp(name, "www-data");
}

#define FACTS(...) (&(const struct choose_facts){ __VA_ARGS__ })
#define CONFIG(...) (&(const struct config){ __VA_ARGS__ })
#define TEXT(text) ((char[]){ text })

static bool is_watched(const struct config *config, const struct choose_facts *f)
{
	CLEANUP(choose_done) struct choose c;
	struct diag d = { 0 };

	assert_int_equal(choose_init(&c, config, find_user, &d), 0);
	return choose_is_watched(&c, f);
}

static bool fits(const char *pattern, const char *text)
{
	return choose_fits(pattern, text, strlen(text));
}

static void a_star_is_anything_and_a_question_mark_one_byte(void **state)
{
	(void)state;
	assert_true(fits("nginx", "nginx"));
	assert_false(fits("nginx", "nginx2"));
	assert_false(fits("nginx2", "nginx"));
	assert_true(fits("*", ""));
	assert_false(fits("?", ""));
	assert_true(fits("a*c", "abbbc"));
	assert_false(fits("a*c", "abbbd"));
	assert_true(fits("*a*a", "banana"));
	assert_true(fits("postgresql@*-main", "postgresql@15-main"));
	assert_true(fits("a?c", "a\xff"
				"c"));
	assert_false(fits("", "a"));
	assert_true(fits("", ""));
}

/* With a matcher that tries every star this takes longer than the world will last. */
static void a_hostile_name_takes_no_time(void **state)
{
	char text[4096];

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_false(choose_fits("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", text, sizeof(text)));
}

static void without_lists_all_are_watched(void **state)
{
	CLEANUP(choose_done) struct choose c;
	struct diag d = { 0 };

	(void)state;
	assert_int_equal(choose_init(&c, CONFIG(.exclude_names = TEXT(" , ")), find_user, &d), 0);
	assert_false(choose_is_on(&c));
	assert_true(choose_is_watched(&c, FACTS(.name = "x")));
}

static void one_word_of_any_include_list_is_enough_and_exclude_wins(void **state)
{
	const struct config *config =
		CONFIG(.include_names = TEXT("java, pg*"), .include_users = TEXT("26"),
		       .exclude_names = TEXT("pgdump"));

	(void)state;
	assert_true(is_watched(config, FACTS(.name = "java")));
	assert_true(is_watched(config, FACTS(.name = "sh", .uid = 26)));
	assert_false(is_watched(config, FACTS(.name = "sh")));
	assert_false(is_watched(config, FACTS(.name = "pgdump", .uid = 26)));
	assert_true(is_watched(config, FACTS(.name = "main", .executable = "pgbouncer")));
	assert_false(is_watched(config, FACTS(.name = "pgbouncer", .executable = "pgdump")));
}

static void a_unit_is_a_part_of_the_cgroups_path(void **state)
{
	static const char
		nginx[] = "0::/system.slice/nginx.service\n",
		app[] = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/a.scope\n",
		old[] = "12:memory:/x\n1:name=systemd:/system.slice/nginx.service\n";
	const struct config *plain = CONFIG(.include_units = TEXT("nginx")),
			    *whole = CONFIG(.include_units = TEXT("nginx.service app.slice")),
			    *part = CONFIG(.include_units = TEXT("ngin"));

	(void)state;
	assert_true(is_watched(plain, FACTS(.cgroup = nginx)));
	assert_true(is_watched(plain, FACTS(.cgroup = old)));
	assert_false(is_watched(plain, FACTS(.cgroup = app)));
	assert_true(is_watched(whole, FACTS(.cgroup = nginx)));
	assert_true(is_watched(whole, FACTS(.cgroup = app)));
	assert_false(is_watched(part, FACTS(.cgroup = nginx)));
	assert_false(is_watched(plain, FACTS(.cgroup = "0::/a/nginx.service-x\n")));
	assert_false(is_watched(plain, FACTS(.cgroup = "0::/nginx/.service\n")));
	assert_false(is_watched(plain, FACTS(.name = "nginx")));
}

#define ID "4f1c0ffee000000000000000000000000000000000000000000000000000abcd"

static void a_container_is_known_by_how_its_id_begins(void **state)
{
	static const char *const cgroups[] = {
		"0::/system.slice/docker-" ID ".scope\n", "0::/docker/" ID "\n",
		"0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-" ID ".scope\n",
		"0::/machine.slice/libpod-" ID ".scope/container\n"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cgroups) / sizeof(*cgroups); i++) {
		const struct choose_facts *f = FACTS(.cgroup = cgroups[i]);

		assert_true(is_watched(CONFIG(.include_containers = TEXT("4f1c0ffee000")), f));
		assert_true(is_watched(CONFIG(.include_containers = TEXT("*")), f));
		assert_false(is_watched(CONFIG(.include_containers = TEXT("4f1d")), f));
		assert_false(is_watched(CONFIG(.exclude_containers = TEXT(ID)), f));
	}
	assert_false(is_watched(CONFIG(.include_containers = TEXT("*")),
				FACTS(.cgroup = "0::/system.slice/nginx.service\n")));
	assert_false(is_watched(CONFIG(.include_containers = TEXT("*")),
				FACTS(.cgroup = "0::/docker-4f1c0ffee\n")));
}

static void names_of_users_are_looked_up_when_the_lists_are_read(void **state)
{
	(void)state;
	assert_false(is_watched(CONFIG(.exclude_users = TEXT("postgres")), FACTS(.uid = 26)));
	assert_true(is_watched(CONFIG(.exclude_users = TEXT("postgres")), FACTS(.uid = 27)));
	assert_false(is_watched(CONFIG(.exclude_users = TEXT("0")), FACTS(.uid = 0)));
}

static void a_word_that_makes_no_sense_is_an_error_with_its_key(void **state)
{
	char many[3 * CHOOSE_WORDS], longest[CHOOSE_WORD_BYTES + 1];
	const struct {
		struct config config;
		const char *said;
	} cases[] = {
		{ { .include_users = TEXT("postgres nobody-here") }, "include_users: expected users" },
		{ { .exclude_users = TEXT("4294967295") }, "exclude_users: expected users" },
		{ { .exclude_containers = TEXT("my-app") }, "exclude_containers: expected how ids" },
		{ { .exclude_names = many }, "exclude_names: expected at most" },
		{ { .include_units = longest }, "include_units: expected words of less than" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(many); i++)
		many[i] = "a,"[i % 2];
	many[sizeof(many) - 1] = 0;
	memset(longest, 'u', sizeof(longest));
	longest[CHOOSE_WORD_BYTES] = 0;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CLEANUP(choose_done) struct choose c;
		struct diag d = { 0 };

		assert_int_equal(choose_init(&c, &cases[i].config, find_user, &d), -EINVAL);
		assert_memory_equal(d.text, cases[i].said, strlen(cases[i].said));
		assert_false(choose_is_on(&c));
	}
}

static void the_status_of_a_process_has_its_name_and_user(void **state)
{
	char name[16];
	uint32_t uid;

	(void)state;
	assert_true(chosen_status_parse(
		"Name:\tpg bouncer\nUmask:\t0022\nUid:\t26\t0\t0\t0\nVmSize:\t 9 kB\n", name,
		sizeof(name), &uid));
	assert_string_equal(name, "pg bouncer");
	assert_int_equal(uid, 26);
	/* a name cannot begin a line of its own: the kernel writes its newline as two characters */
	assert_true(chosen_status_parse("Name:\ta\\nUid:\t0\nUid:\t33\nVmSize:\t1 kB\n", name,
					sizeof(name), &uid));
	assert_int_equal(uid, 33);
	assert_false(chosen_status_parse("Name:\tkthreadd\nUid:\t0\t0\t0\t0\n", name, sizeof(name),
					 &uid));
	assert_false(chosen_status_parse("", name, sizeof(name), &uid));
	assert_int_equal(uid, UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_star_is_anything_and_a_question_mark_one_byte),
		cmocka_unit_test(a_hostile_name_takes_no_time),
		cmocka_unit_test(without_lists_all_are_watched),
		cmocka_unit_test(one_word_of_any_include_list_is_enough_and_exclude_wins),
		cmocka_unit_test(a_unit_is_a_part_of_the_cgroups_path),
		cmocka_unit_test(a_container_is_known_by_how_its_id_begins),
		cmocka_unit_test(names_of_users_are_looked_up_when_the_lists_are_read),
		cmocka_unit_test(a_word_that_makes_no_sense_is_an_error_with_its_key),
		cmocka_unit_test(the_status_of_a_process_has_its_name_and_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
