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

/* From when on a change of the next key holds. */
enum when { RELOAD, RESTART };

static void print_head(const char *section, enum when when, const char *text)
{
	char whole[512];

	snprintf(whole, sizeof(whole), "%s%s", text, when == RESTART ? "; needs a restart" : "");
	print_section(section);
	putchar('\n');
	print_text(whole);
}

static void print_labels(const char *section, const char *text)
{
	print_head(section, RELOAD, text);
}

static void print_string(const char *section, const char *name, enum when when,
			 const char *otherwise, const char *text)
{
	print_head(section, when, text);
	printf("#%s =%s%s\n", name, *otherwise ? " " : "", otherwise);
}

static void print_number(const char *section, const char *name, enum when when,
			 unsigned int otherwise, unsigned int least, unsigned int most,
			 const char *text)
{
	char with_range[512];

	snprintf(with_range, sizeof(with_range), "%s (%u to %u)", text, least, most);
	print_head(section, when, with_range);
	printf("#%s = %u\n", name, otherwise);
}

int main(void)
{
	print_text(
		"Configuration of the Poolscope agent; poolscope.conf(5) says more of each key.");
	print_text(
		"A line that begins with #name is a key with its default: take the # away to change it.");
	print_text(
		"`poolscope run --check-config` checks this file; `systemctl reload poolscope` has it read again.");
#define KEY_STRING(section, name, member, when, otherwise, text)                                   \
	print_string(section, name, when, otherwise, text);
#define KEY_SECRET(section, name, member, when, otherwise, text)                                   \
	print_string(section, name, when, otherwise, text);
#define KEY_NUMBER(section, name, member, when, otherwise, least, most, text)                      \
	print_number(section, name, when, otherwise, least, most, text);
#define KEY_LABELS(section, text) print_labels(section, text);
#include "config/config_keys.def"
	return ferror(stdout) != 0;
}
