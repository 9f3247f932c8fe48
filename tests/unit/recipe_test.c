/* SPDX-License-Identifier: MIT */
/* recipe_test.c - recipes as text: what they mean, and what is said about a wrong one, by line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "discover/recipe.h"

#define HEAD "[recipe]\nlibrary = l\nkind = object\nsoname = l.so\n"

static struct recipe *parse(const char *text)
{
	struct recipe *r = NULL;
	struct diag d = { 0 };

	if (recipe_parse("test", text, strlen(text), &r, &d))
		fail_msg("line %u: %s", d.line, d.text);
	return r;
}

static void refused(const char *text, unsigned int line, const char *why)
{
	struct recipe *r = NULL;
	struct diag d = { 0 };

	assert_int_not_equal(recipe_parse("test", text, strlen(text), &r, &d), 0);
	if (!strstr(d.text, why))
		fail_msg("expected \"%s\", it says \"%s\"", why, d.text);
	assert_int_equal(d.line, line);
}

static int no_spill(void *context, unsigned int reg, int64_t *ret)
{
	(void)context;
	*ret = 100 + reg;
	return 0;
}

static int an_offset(void *context, const char *name, int64_t *ret, struct diag *d)
{
	(void)context;
	(void)d;
	assert_string_equal(name, "DB.max");
	*ret = 128;
	return 0;
}

static struct ps_arg compile(const char *text, const char *argument, bool is_go, bool has_args)
{
	const struct expr_place place = { .machine = EM_X86_64,
					  .is_go = is_go,
					  .has_args = has_args,
					  .has_return = true,
					  .offset = an_offset,
					  .spill = no_spill };
	struct diag d = { 0 };
	struct ps_arg arg = { 0 };
	struct expr e;

	if (expr_parse(text, argument, EM_X86_64, &e, &d) || expr_compile(&e, &place, &arg, &d))
		fail_msg("%s: %s", text, d.text);
	return arg;
}

static void a_recipe_says_where_and_what(void **state)
{
	struct recipe *r = parse(
		HEAD
		"[probe take]\nat = return lib_take\nif = return != 0 and arg1 < 5\nverb = acquired\n"
		"pool = saved1\nitem = return\n[probe enter]\nat = entry lib_take\nsave1 = arg1\n");

	(void)state;
	assert_string_equal(r->library, "l");
	assert_int_equal(r->kind, PS_KIND_object);
	assert_int_equal(r->n_probes, 2);
	assert_int_equal(r->probe[0].where, RECIPE_AT_RETURN);
	assert_string_equal(r->probe[0].function, "lib_take");
	assert_int_equal(r->probe[0].verb, PS_VERB_acquired);
	assert_int_equal(r->probe[0].n_conds, 2);
	assert_int_equal(r->probe[0].cond[1].compare, PS_COMPARE_LT);
	assert_true(r->probe[0].uses_saved);
	assert_false(r->probe[1].uses_saved);
	recipe_unref(r);
}

static void a_recipe_is_on_unless_it_says_no(void **state)
{
	struct recipe *r = parse(HEAD "[probe a]\nat = entry f\nsave1 = arg1\n");

	(void)state;
	assert_false(r->is_off);
	recipe_unref(r);
	r = parse(HEAD "enabled = no\n[probe a]\nat = entry f\nsave1 = arg1\n");
	assert_true(r->is_off);
	recipe_unref(r);
	refused(HEAD "enabled = maybe\n[probe a]\nat = entry f\nsave1 = arg1\n", 5,
		"expected yes or no");
}

static void arguments_may_stand_behind_the_verb(void **state)
{
	struct recipe *r =
		parse(HEAD "[probe a]\nat = entry f\nverb = released(arg1, arg2 -> 8, broken)\n");

	(void)state;
	assert_int_equal(r->probe[0].arg[0].index, 1);
	assert_int_equal(r->probe[0].arg[1].index, 2);
	assert_int_equal(r->probe[0].arg[1].n_members, 1);
	assert_int_equal(r->probe[0].arg[2].number, PS_RELEASED_BROKEN);
	recipe_unref(r);
	refused(HEAD "[probe a]\nat = entry f\nverb = released(arg1, arg2, 0, 1)\n", 7,
		"only these arguments");
	refused(HEAD "[probe a]\nat = entry f\nverb = released(arg1\n", 7, "expected a )");
	refused(HEAD "[probe a]\nat = entry f\nverb = released(arg1,,3)\n", 7, "expected a value");
	refused(HEAD "[probe a]\nat = entry f\nverb = released(arg1)\nitem = arg2\npool = arg1\n",
		9, "given twice");
}

static void else_is_a_probe_with_the_opposite_condition(void **state)
{
	struct recipe *r = parse(
		HEAD
		"dear = yes\n[probe a]\nat = return f\nif = return != 0\nverb = acquired(saved1, return)\n"
		"else = wait_end(saved1, 0, timeout)\n[probe b]\nat = entry f\nsave1 = arg1\n");

	(void)state;
	assert_int_equal(r->n_probes, 3);
	assert_string_equal(r->probe[2].label, "a-else");
	assert_int_equal(r->probe[2].verb, PS_VERB_wait_end);
	assert_int_equal(r->probe[2].cond[0].compare, PS_COMPARE_EQ);
	assert_int_equal(r->probe[2].where, RECIPE_AT_RETURN);
	assert_true(r->probe[2].uses_saved);
	assert_true(r->probe[0].is_dear_allowed && r->probe[1].is_dear_allowed &&
		    r->probe[2].is_dear_allowed);
	recipe_unref(r);
	refused(HEAD
		"[probe a]\nat = entry f\nverb = released(arg1, 1)\nelse = released(arg2, 1)\n",
		6, "else needs an if");
	refused(HEAD
		"[probe a]\nat = entry f\nif = arg1 > 1\nverb = released(arg1, 1)\nelse = taken(arg2)\n",
		6, "verb: expected");
}

static void arguments_are_read_by_the_convention_of_the_language(void **state)
{
	(void)state;
	assert_int_equal(compile("arg1", NULL, false, true).reg, 14); /* rdi */
	assert_int_equal(compile("arg6", NULL, false, true).reg, 8); /* r9 */
	assert_int_equal(compile("arg1", NULL, true, true).reg, 10); /* rax */
	assert_int_equal(compile("arg2", NULL, true, true).reg, 5); /* rbx */
	assert_int_equal(compile("return", NULL, false, true).reg, 10);
	assert_int_equal(compile("return2", NULL, true, true).reg, 5);
	assert_int_equal(compile("goroutine", NULL, true, true).reg, 1); /* r14 */
	assert_int_equal(compile("rsi", NULL, false, true).reg, 13);
}

static void chains_sums_and_sizes(void **state)
{
	struct ps_arg a = compile("arg2 + 8 -> 16 -> DB.max : s4", NULL, false, true);

	(void)state;
	assert_int_equal(a.kind, PS_ARG_REG);
	assert_int_equal(a.offset, 0);
	assert_int_equal(a.n_derefs, 2);
	assert_int_equal(a.deref[0], 24);
	assert_int_equal(a.deref[1], 128);
	assert_int_equal(a.size, 4);
	assert_true(a.is_signed);
	assert_int_equal(compile("arg1+88", NULL, false, true).offset, 88);
	assert_int_equal((int64_t)compile("-0x10", NULL, false, true).value, -16);
	assert_int_equal(compile("timeout", "outcome", false, true).value, PS_OUTCOME_timeout);
	assert_int_equal(compile("worker", "kind", false, true).value, PS_KIND_worker);
}

static void an_argument_that_is_gone_is_read_from_its_copy(void **state)
{
	struct ps_arg a = compile("arg1 -> 8", NULL, true, false);

	(void)state;
	assert_int_equal(a.kind, PS_ARG_MEM);
	assert_int_equal(a.reg, 19); /* rsp */
	assert_int_equal(a.offset, 110);
	assert_int_equal(a.n_derefs, 1);
}

static void versions_compare_as_versions_do(void **state)
{
	struct recipe *r = parse(
		HEAD
		"[offset o]\n1.16..1.22 = 1\n1.23 = 2\n1.24.. = 3\n2..3=4\n[probe a]\nat = entry f\nsave1 = arg1\n");
	const struct recipe_offset *o = recipe_find_offset(r, "o");

	(void)state;
	assert_true(recipe_version("1.9") < recipe_version("1.10"));
	assert_true(recipe_version("1.19.8") > recipe_version("1.19"));
	assert_int_equal(recipe_version("devel"), 0);
	assert_true(recipe_range_holds(&o->range[0].versions, recipe_version("1.22.12")));
	assert_false(recipe_range_holds(&o->range[0].versions, recipe_version("1.23.0")));
	assert_true(recipe_range_holds(&o->range[1].versions, recipe_version("1.23.4")));
	assert_false(recipe_range_holds(&o->range[1].versions, recipe_version("1.24")));
	assert_true(recipe_range_holds(&o->range[2].versions, recipe_version("7")));
	assert_true(recipe_range_holds(&o->range[3].versions, recipe_version("3.99.1")));
	recipe_unref(r);
}

#define PUSH "[probe push]\nat = entry f\nlearn = arg2\ntask = arg3\nhand = arg1\n"

static void tasks_and_learned_functions(void **state)
{
	struct recipe *r = parse(
		HEAD PUSH "[probe run]\nat = learned entry\ntask = arg2\nif = handed != 0\n"
			  "verb = acquired(handed, thread, arg2)\nsave1 = handed\n"
			  "[probe done]\nat = learned return\nverb = released(saved1, thread)\n");

	(void)state;
	assert_true(r->has_learned);
	assert_int_equal(r->probe[0].learn.index, 2);
	assert_false(r->probe[0].uses_handed);
	assert_true(r->probe[1].uses_handed);
	assert_int_equal(r->probe[1].where, RECIPE_AT_LEARNED);
	assert_string_equal(r->probe[2].function, "return");
	recipe_unref(r);
	refused(HEAD PUSH "[probe run]\nat = learned f\n", 11, "expected learned entry or return");
	refused(HEAD "[probe run]\nat = learned entry\nverb = released(arg1, 1)\n", 6,
		"no probe has `learn`");
	refused(HEAD "[probe run]\nat = entry f\ntask = arg1\nverb = released(handed, 1)\n", 6,
		"nothing is handed over");
	refused(HEAD PUSH "[probe run]\nat = entry g\nverb = released(handed, 1)\n", 11,
		"has no `task`");
	refused(HEAD "[probe run]\nat = entry f\nhand = arg1\n", 6, "has no `task`");
	refused("[recipe]\nlibrary = l\nkind = lock\nlanguage = go\nrequires = f\n" PUSH
		"[probe run]\nat = learned entry\ntask = arg1\nverb = released(handed, 1)\n",
		12, "not learned in Go");
}

static int a_variable(void *context, const char *name, int64_t *ret, struct diag *d)
{
	(void)context;
	if (strcmp(name, "nthreads") != 0)
		return diag_set(d, -ENOENT, "the file has no variable %s", name);
	*ret = -64;
	return 0;
}

static void the_address_of_a_variable(void **state)
{
	struct expr_place place = { .machine = EM_X86_64, .variable = a_variable };
	struct diag d = { 0 };
	struct ps_arg arg;
	struct expr e;

	(void)state;
	assert_int_equal(expr_parse("&nthreads", NULL, EM_X86_64, &e, &d), 0);
	assert_int_equal(expr_compile(&e, &place, &arg, &d), 0);
	assert_int_equal(arg.kind, PS_ARG_REG);
	assert_int_equal(arg.reg, 16); /* rip */
	assert_int_equal(arg.offset, -64);
	assert_int_equal(expr_parse("&nthreads + 8", NULL, EM_X86_64, &e, &d), 0);
	assert_int_equal(expr_compile(&e, &place, &arg, &d), 0);
	assert_int_equal(arg.offset, -56);
	assert_int_equal(expr_parse("&nthreads -> 4 : s4", NULL, EM_X86_64, &e, &d), 0);
	assert_int_equal(expr_compile(&e, &place, &arg, &d), 0);
	assert_int_equal(arg.n_derefs, 1);
	assert_int_equal(expr_parse("&other", NULL, EM_X86_64, &e, &d), 0);
	assert_int_equal(expr_compile(&e, &place, &arg, &d), -ENOENT);
	place.variable = NULL;
	assert_int_equal(expr_compile(&e, &place, &arg, &d), -EINVAL);
	assert_int_equal(expr_parse("& 5x!", NULL, EM_X86_64, &e, &d), -EINVAL);
	assert_int_equal(expr_parse("&", NULL, EM_X86_64, &e, &d), -EINVAL);
}

static void offsets_by_build(void **state)
{
	struct recipe *r = parse(HEAD "[probe a]\nat = entry f\nverb = released(arg1 -> m, 1)\n"
				      "[offset m]\nbuild-id 5bc7e7 = 0xe0\nbuild-id 00aa = 8\n");

	(void)state;
	assert_int_equal(r->offset[0].n_ranges, 2);
	assert_string_equal(r->offset[0].range[0].build_id, "5bc7e7");
	assert_int_equal(r->offset[0].range[0].value, 0xe0);
	recipe_unref(r);
	refused(HEAD "[offset m]\nbuild-id = 8\n", 6, "expected dwarf, build-id HEX");
	refused(HEAD "[offset m]\nbuild-id 5bg = 8\n", 6, "expected dwarf, build-id HEX");
}

static void stalls_alone_need_no_kind(void **state)
{
#define STALLS                                                                                     \
	"[recipe]\nlibrary = l\nsoname = l.so\n"                                                   \
	"[probe a]\nat = entry f\nverb = stall_begin(gc)\n"                                        \
	"[probe b]\nat = entry g\nverb = stall_end(gc)\n[probe c]\nat = entry h\nsave1 = arg1\n"
	struct recipe *r = parse(STALLS);

	(void)state;
	assert_int_equal(r->kind, PS_KIND_unknown);
	recipe_unref(r);
	refused(STALLS "[probe d]\nat = entry i\nverb = released(arg1, arg2)\n", 0, "no kind");
}

static void a_wrong_recipe_is_refused_by_line_and_reason(void **state)
{
	(void)state;
	refused("library = l\n", 1, "stands in no section");
	refused("[recipe]\nlibrary = l\n", 0, "no kind");
	refused("[recipe]\nkind = pond\n", 2, "kind: expected connection");
	refused("[recipe]\nlibrary = l\nkind = lock\n", 0, "matches every file");
	refused("[recipe]\nlibrary = l\nkind = lock\nlanguage = go\n", 0,
		"matches every Go program");
	refused(HEAD, 0, "no [probe LABEL]");
	refused(HEAD "nonsense\n", 5, "key = value");
	refused(HEAD "colour = blue\n", 5, "no key colour");
	refused(HEAD "[pool]\na = b\n", 6, "not [pool]");
	refused(HEAD "[probe a]\nat = somewhere f\n", 6, "at: expected entry");
	refused(HEAD "[probe a]\nat = offset f\n", 6, "FUNCTION+N");
	refused(HEAD "[probe a]\nat = call f\n", 6, "FUNCTION in FUNCTION");
	refused(HEAD "[probe a]\nat = entry f\nverb = taken\n", 7, "verb: expected");
	refused(HEAD "[probe a]\nat = entry f\npool = arg1\n", 7,
		"arguments come after their verb");
	refused(HEAD "[probe a]\nat = entry f\nverb = released\npool = rrx\n", 8,
		"\"rrx\" is no argument");
	refused(HEAD "[probe a]\nat = entry f\nverb = released\npool = arg1 -> missing\nitem = 1\n",
		6, "no [offset missing]");
	refused(HEAD "[probe a]\nat = entry f\nverb = released\nwaiter = arg1\n", 8,
		"has no argument waiter");
	refused(HEAD "[probe a]\nat = entry f\nverb = released\npool = arg1\n", 6, "needs item");
	refused(HEAD "[probe a]\nat = entry f\nverb = released\npool = saved1\nitem = 1\n", 6,
		"saved by no probe");
	refused(HEAD "[probe a]\nat = entry f\n", 6, "neither a verb nor save1, hand or learn");
	refused(HEAD "[probe a]\nat = entry f\nif = arg1 = 3\n", 7, "expected one of ==");
	refused(HEAD "[offset o]\n1.2..1.1 = 3\n", 6, "expected dwarf, build-id HEX or versions");
	refused(HEAD "[fields]\nlength = 3\n", 6, "no field length");
	refused(HEAD "[fields]\ncapacity = 3 along 8\n", 6, "before along");
	refused(HEAD "[fields]\ncapacity = 3 -> 4 along 8 -> 9\n", 6, "expected the end");
	refused(HEAD
		"[probe a]\nat = entry f\nsave1 = arg1\n[fields]\ncapacity = 3 -> 4 along next\n",
		0, "no [offset next]");
}

static void a_line_that_is_too_long_is_refused(void **state)
{
	char text[1024];

	(void)state;
	snprintf(text, sizeof(text), "[recipe]\nlibrary = %0300d\n", 0);
	refused(text, 2, "too long");
}

static void what_is_passed_on_is_where_the_callee_expects_it(void **state)
{
	const struct expr_place place = { .machine = EM_X86_64, .is_go = true, .is_call = true };
	struct diag d = { 0 };
	struct ps_arg arg;
	struct expr e;

	(void)state;
	assert_int_equal(expr_parse("passed2", NULL, EM_X86_64, &e, &d), 0);
	assert_int_equal(expr_compile(&e, &place, &arg, &d), 0);
	assert_int_equal(arg.kind, PS_ARG_REG);
	assert_int_equal(arg.reg, 5); /* rbx */
}

static void an_argument_without_a_register_says_so(void **state)
{
	const struct expr_place place = { .machine = EM_X86_64,
					  .has_args = true,
					  .offset = an_offset };
	struct diag d = { 0 };
	struct ps_arg arg;
	struct expr e;

	(void)state;
	assert_int_equal(expr_parse("arg7", NULL, EM_X86_64, &e, &d), 0);
	assert_int_not_equal(expr_compile(&e, &place, &arg, &d), 0);
	assert_non_null(strstr(d.text, "no register"));
	assert_int_equal(expr_parse("goroutine", NULL, EM_X86_64, &e, &d), 0);
	assert_int_not_equal(expr_compile(&e, &place, &arg, &d), 0);
	assert_int_equal(expr_parse("return", NULL, EM_X86_64, &e, &d), 0);
	assert_int_not_equal(expr_compile(&e, &place, &arg, &d), 0);
	assert_int_equal(expr_parse("passed1", NULL, EM_X86_64, &e, &d), 0);
	assert_int_not_equal(expr_compile(&e, &place, &arg, &d), 0);
	assert_non_null(strstr(d.text, "at = call"));
	assert_int_equal(expr_parse("x3", NULL, EM_X86_64, &e, &d), 0);
	assert_int_not_equal(expr_compile(&e, &place, &arg, &d), 0);
	assert_non_null(strstr(d.text, "no such register"));
}

/* Every recipe that is shipped is good. */
static void the_shipped_recipes_are_good(void **state)
{
	DIR *dir = opendir("agent/recipes");
	struct dirent *e;
	size_t n = 0;

	(void)state;
	assert_non_null(dir);
	while ((e = readdir(dir))) {
		char path[512];
		struct recipe *r = NULL;
		struct diag d = { 0 };

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "agent/recipes/%s", e->d_name);
		if (recipe_read(path, &r, &d))
			fail_msg("%s:%u: %s", path, d.line, d.text);
		recipe_unref(r);
		n++;
	}
	closedir(dir);
	assert_true(n > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_recipe_says_where_and_what),
		cmocka_unit_test(a_recipe_is_on_unless_it_says_no),
		cmocka_unit_test(arguments_may_stand_behind_the_verb),
		cmocka_unit_test(else_is_a_probe_with_the_opposite_condition),
		cmocka_unit_test(arguments_are_read_by_the_convention_of_the_language),
		cmocka_unit_test(chains_sums_and_sizes),
		cmocka_unit_test(an_argument_that_is_gone_is_read_from_its_copy),
		cmocka_unit_test(versions_compare_as_versions_do),
		cmocka_unit_test(tasks_and_learned_functions),
		cmocka_unit_test(the_address_of_a_variable),
		cmocka_unit_test(offsets_by_build),
		cmocka_unit_test(stalls_alone_need_no_kind),
		cmocka_unit_test(a_wrong_recipe_is_refused_by_line_and_reason),
		cmocka_unit_test(a_line_that_is_too_long_is_refused),
		cmocka_unit_test(what_is_passed_on_is_where_the_callee_expects_it),
		cmocka_unit_test(an_argument_without_a_register_says_so),
		cmocka_unit_test(the_shipped_recipes_are_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
