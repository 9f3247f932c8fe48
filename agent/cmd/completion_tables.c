/* SPDX-License-Identifier: MIT */
/*
 * completion_tables.c - see completion.h. The surprise: bash and zsh read the same table, since arrays, `case` and quotes are the same in both; how each
 * looks into it is written by hand in packaging/completion.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/completion.h"

/* In single quotes, where a shell takes everything as it is but for the quote itself; fish takes \ for itself as well. */
static void print_quoted(const char *before, const char *text, bool is_fish)
{
	printf("'%s", before);
	for (; *text; text++) {
		if (*text == '\'')
			fputs(is_fish ? "\\'" : "'\\''", stdout);
		else if (*text == '\\' && is_fish)
			fputs("\\\\", stdout);
		else
			putchar(*text);
	}
	putchar('\'');
}

/* ---- bash and zsh ---------------------------------------------------------------------------------------------------------- */

static void print_sh_option(const struct option_row *o)
{
	char before[64];

	if (o->letter) {
		snprintf(before, sizeof(before), "-%c:", o->letter);
		printf(" ");
		print_quoted(before, o->help, false);
	}
	snprintf(before, sizeof(before), "--%s:", o->name);
	printf(" ");
	print_quoted(before, o->help, false);
}

static void print_sh_command(const struct command *c)
{
	const struct option_row *o;
	const char *class;

	printf("\t%s)\n\t\toptions=(", c->name);
	for (size_t i = 0; (o = command_option(c, i)); i++)
		print_sh_option(o);
	printf(")\n");
	if (c->sort_keys)
		printf("\t\torders='%s'\n", c->sort_keys);
	if (c->max_arguments) {
		printf("\t\targuments=(");
		for (size_t i = 0; (class = completion_argument(c, i)); i++)
			printf("%s'%s'", i ? " " : "", class);
		printf(")\n");
	}
	printf("\t\t;;\n");
}

static void print_sh_commands(const char *name, bool is_recorded)
{
	const struct command *c;
	char before[64];

	printf("\t%s=(", name);
	for (size_t i = 0; (c = command_at(i)); i++) {
		if (is_recorded && !c->is_of_recordings)
			continue;
		snprintf(before, sizeof(before), "%s:", c->name);
		printf(" ");
		print_quoted(before, c->summary, false);
	}
	printf(")\n");
}

void completion_print_sh(void)
{
	const struct option_row *o;
	const struct command *c;

	printf("# Sets options, orders and arguments to those of a command, and the lists of commands and kinds.\n"
	       "_poolscope_table() {\n\toptions=() orders='' arguments=()\n");
	print_sh_commands("commands", false);
	print_sh_commands("recorded", true);
	printf("\tkinds='%s'\n\tcase $1 in\n", command_kinds());
	for (size_t i = 0; (c = command_at(i)); i++)
		print_sh_command(c);
	printf("\tesac\n}\n\n"
	       "# Sets takes to what stands behind an option; true when something does.\n"
	       "_poolscope_takes() {\n\tcase $1 in\n");
	for (size_t i = 0; (o = command_option(NULL, i)); i++) {
		if (!o->argument)
			continue;
		if (o->letter)
			printf("\t-%c | --%s", o->letter, o->name);
		else
			printf("\t--%s", o->name);
		printf(") takes='%s' ;;\n", completion_class(o->argument));
	}
	printf("\t*)\n\t\ttakes=''\n\t\treturn 1\n\t\t;;\n\tesac\n}\n");
}

/* ---- fish ------------------------------------------------------------------------------------------------------------------ */

/* Files are offered unless it is told not to (-x, and at the beginning -f). */
static void print_fish_class(const char *class, const char *orders, bool is_option)
{
	if (!strcmp(class, "files"))
		printf(is_option ? " -r -F" : " -F");
	else if (is_option)
		printf(" -x");
	if (!strcmp(class, "folders"))
		printf(" -a '(__fish_complete_directories)'");
	else if (!strcmp(class, "pools") || !strcmp(class, "pids"))
		printf(" -a '(__poolscope_ask %s)'", class);
	else if (!strcmp(class, "kinds"))
		printf(" -a '%s'", command_kinds());
	else if (!strcmp(class, "orders"))
		printf(" -a '%s'", orders);
	else if (!strncmp(class, "words ", 6))
		printf(" -a '%s'", class + 6);
}

static bool has_option(const struct command *c, const struct option_row *o)
{
	const struct option_row *p;

	for (size_t i = 0; (p = command_option(c, i)); i++) {
		if (p == o)
			return true;
	}
	return false;
}

static void print_fish_option(const char *commands, const char *orders, const struct option_row *o)
{
	if (!*commands)
		return;
	printf("complete -c poolscope -n '__poolscope_is%s'", commands);
	if (o->letter)
		printf(" -s %c", o->letter);
	printf(" -l %s -d ", o->name);
	print_quoted("", o->help, true);
	if (o->argument)
		print_fish_class(completion_class(o->argument), orders, true);
	printf("\n");
}

/* One line for all commands that have it, or one for each where they differ in what it takes. */
static void print_fish_of_option(const struct option_row *o)
{
	bool is_each = o->argument && !strcmp(completion_class(o->argument), "orders");
	const struct command *c;
	char names[512] = "";

	for (size_t i = 0; (c = command_at(i)); i++) {
		if (!has_option(c, o))
			continue;
		snprintf(names + strlen(names), sizeof(names) - strlen(names), " %s", c->name);
		if (is_each) {
			print_fish_option(names, c->sort_keys, o);
			*names = '\0';
		}
	}
	print_fish_option(names, "", o);
}

static void print_fish_command(const struct command *c)
{
	const char *class;

	printf("complete -c poolscope -n '__poolscope_follows' -a %s -d ", c->name);
	print_quoted("", c->summary, true);
	printf("\n");
	if (c->is_of_recordings) {
		printf("complete -c poolscope -n '__poolscope_follows replay FILE' -a %s -d ",
		       c->name);
		print_quoted("", c->summary, true);
		printf("\n");
	}
	for (size_t i = 0; (class = completion_argument(c, i)); i++) {
		if (!*class || !strcmp(class, "recorded"))
			continue;
		printf("complete -c poolscope -n '__poolscope_follows %s%s'", c->name,
		       i ? " FILE" : "");
		print_fish_class(class, "", false);
		printf("\n");
	}
}

void completion_print_fish(void)
{
	const struct option_row *o;
	const struct command *c;

	printf("# The options behind which something stands.\nset -g __poolscope_valued");
	for (size_t i = 0; (o = command_option(NULL, i)); i++) {
		if (o->argument && o->letter)
			printf(" -%c", o->letter);
		if (o->argument)
			printf(" --%s", o->name);
	}
	printf("\n\n");
	for (size_t i = 0; (c = command_at(i)); i++)
		print_fish_command(c);
	for (size_t i = 0; (o = command_option(NULL, i)); i++)
		print_fish_of_option(o);
}
