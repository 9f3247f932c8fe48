/* SPDX-License-Identifier: MIT */
/*
 * recipes.c - `poolscope recipes`: the libraries known by data and how many processes use them; with --check, what is wrong with
 * one file. The surprise: a file that could not be read is a row as well, so that a mistake in a folder is seen where one looks.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/json.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/text.h"
#include "cmd/again.h"
#include "cmd/command.h"
#include "cmd/field.h"
#include "cmd/source.h"
#include "cmd/table.h"
#include "cmd/views.h"
#include "discover/recipe.h"

/* ---- --check --------------------------------------------------------------------------------------------------------------- */

static int check_recipe(const struct invocation *in)
{
	struct recipe *r = NULL;
	struct diag d = { 0 };
	int error = recipe_read(in->check, &r, &d);

	if (error && d.line && d.column)
		return command_fail(in, "%s:%u:%u: %s", in->check, d.line, d.column, d.text);
	if (error && d.line)
		return command_fail(in, "%s:%u: %s", in->check, d.line, d.text);
	if (error)
		return command_fail(in, "%s: %s", in->check, d.text[0] ? d.text : strerror(-error));
	printf("%s: good: %s, %zu probes\n", in->check, r->library, r->n_probes);
	recipe_unref(r);
	return EXIT_DONE;
}

/* ---- the list -------------------------------------------------------------------------------------------------------------- */

static int by_processes(const void *a, const void *b)
{
	const json_t *const *p = a, *const *q = b;
	double x = field_number(*p, "processes"), y = field_number(*q, "processes");

	return x != y ? (x < y) - (x > y)
		      : strcmp(field_text_or(*p, "name", ""), field_text_or(*q, "name", ""));
}

static int by_name(const void *a, const void *b)
{
	const json_t *const *p = a, *const *q = b;

	return strcmp(field_text_or(*p, "name", ""), field_text_or(*q, "name", ""));
}

json_t *recipes_sort(const struct invocation *in, const json_t *answer)
{
	json_t *all = field_array(answer, "recipes"), *sorted = json_array(), *recipe;
	AUTO_FREE json_t **list = calloc(json_array_size(all) + 1, sizeof(json_t *));
	size_t i, n = 0;

	json_array_foreach (all, i, recipe)
		if (list)
			list[n++] = recipe;
	if (n)
		qsort(list, n, sizeof(json_t *),
		      in->sort && !strcmp(in->sort, "name") ? by_name : by_processes);
	for (i = 0; i < n; i++)
		json_array_append(sorted, list[i]);
	return json_pack("{s:o}", "recipes", sorted);
}

int recipes_print(const json_t *recipes)
{
	static const struct column columns[] = {
		{ "RECIPE", false, 0, 16 }, { "LIBRARY", false, 0, 16 }, { "KIND", false, 2, 0 },
		{ "FILES", true, 3, 0 }, { "PROCESSES", true, 0, 0 }, { "PROBES", true, 0, 0 },
		{ "ON", false, 0, 0 }, { "PROBLEM", false, 1, 0 },
	};
	CLEANUP(table_done) struct table t = { 0 };
	const json_t *recipe;
	size_t i;

	table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach (field_array(recipes, "recipes"), i, recipe) {
		char number[TEXT_NUMBER_BYTES];

		table_add(&t, field_text(recipe, "name"));
		table_add(&t, field_text(recipe, "library"));
		table_add(&t, field_text(recipe, "kind"));
		table_add(&t, text_format_count(field_number(recipe, "files"), number));
		table_add(&t, text_format_count(field_number(recipe, "processes"), number));
		table_add(&t, text_format_count(field_number(recipe, "probes"), number));
		table_add(&t, json_is_false(json_object_get(recipe, "enabled")) ? "no" : "yes");
		table_add(&t, field_text(recipe, "problem"));
	}
	return table_print(&t);
}

static int look(const struct invocation *in, struct source *source)
{
	CLEANUP(cleanup_json) json_t *answer = NULL;
	CLEANUP(cleanup_json) json_t *recipes = NULL;
	struct diag d = { 0 };

	if (source_get(source, API_PREFIX "recipes", &answer, &d))
		return command_fail(in, "%s", d.text);
	recipes = recipes_sort(in, answer);
	if (in->is_json) {
		print_document(in, recipes);
		return EXIT_DONE;
	}
	if (!json_array_size(field_array(recipes, "recipes"))) {
		printf("No recipes. The agent reads /usr/share/poolscope/recipes.d and /etc/poolscope/recipes.d.\n");
		return EXIT_DONE;
	}
	return recipes_print(recipes) ? command_fail(in, "out of memory") : EXIT_DONE;
}

int command_recipes(const struct invocation *in)
{
	return in->check ? check_recipe(in) : again_run(in, look);
}
