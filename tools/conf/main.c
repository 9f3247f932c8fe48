/* SPDX-License-Identifier: MIT */
/*
 * main.c - prints the poolscope.conf that packages ship: each section, each key with what it means and its default, commented out, for who edits it at the
 * machine. The surprise: it is the same list that the agent reads keys by, so a key cannot be forgotten here, and what a line without its # says is exactly
 * what holds while it has one.
 */
#include <stdio.h>
#include <string.h>

#define COLUMNS 100

/* As a comment, broken between words. */
static void print_text(const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t n = strcspn(text, " ");

		if (column && column + 1 + n > COLUMNS) {
			putchar('\n');
			column = 0;
		}
		column += (size_t)printf("%s%.*s", column ? " " : "# ", (int)n, text);
		text += n + (text[n] == ' ');
	}
	putchar('\n');
}

static void print_section(const char *section)
{
	static const char *last = "";

	if (strcmp(section, last))
		printf("\n[%s]\n", section);
	last = section;
}

static void print_string(const char *section, const char *name, const char *otherwise,
			 const char *text)
{
	print_section(section);
	putchar('\n');
	print_text(text);
	printf("#%s =%s%s\n", name, *otherwise ? " " : "", otherwise);
}

static void print_number(const char *section, const char *name, unsigned int otherwise,
			 unsigned int least, unsigned int most, const char *text)
{
	char with_range[512];

	snprintf(with_range, sizeof(with_range), "%s (%u to %u)", text, least, most);
	print_section(section);
	putchar('\n');
	print_text(with_range);
	printf("#%s = %u\n", name, otherwise);
}

int main(void)
{
	print_text(
		"Configuration of the Poolscope agent; poolscope.conf(5) says more of each key.");
	print_text(
		"A line that begins with #name is a key with its default: take the # away to change it.");
	print_text("`poolscope run --check-config` checks this file.");
#define KEY_STRING(section, name, member, otherwise, text)                                         \
	print_string(section, name, otherwise, text);
#define KEY_SECRET(section, name, member, otherwise, text)                                         \
	print_string(section, name, otherwise, text);
#define KEY_NUMBER(section, name, member, otherwise, least, most, text)                            \
	print_number(section, name, otherwise, least, most, text);
#include "config/config_keys.def"
	return ferror(stdout) != 0;
}
