/* SPDX-License-Identifier: MIT */
/*
 * command.h - the commands and their options as data. The table is the usage text: what is not in it cannot be parsed, and what
 * is in it cannot go undocumented.
 */
#ifndef POOLSCOPE_CMD_COMMAND_H
#define POOLSCOPE_CMD_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* What was asked for. Strings are borrowed from argv. */
struct invocation {
	const struct command *command;
	const char *socket;	/* NULL = not given */
	const char *config;
	char listen_addresses[1024];	/* all that were given, with commas between; of use when listen_address is not NULL */
	const char *listen_address;	/* points there; NULL = not given */
	const char *web_config;
	const char *pool;
	const char *kind;
	const char *sort;
	const char *available;
	const char *recipes;
	const char *check;
	const char *output;
	const char *recording;	/* what is asked is a file, and no agent; NULL = not so */
	double seconds;		/* 0 = not given */
	double at_s;		/* 0 = not given */
	double speed;		/* 0 = not given, or in no time */
	bool has_speed;
	bool is_flight;
	bool is_damaged;
	int32_t pid;		/* 0 = all */
	int count;		/* 0 = not given */
	double interval_s;	/* 0 = not given */
	double watch_s;		/* it prints again every so many seconds; 0 = once, or `count` times */
	bool is_json;
	bool is_once;
	bool has_holders;
	bool has_waiters;
	bool is_followed;
	bool is_check_config;
	bool is_forced;
	bool is_anonymous;
	bool has_command_lines;
	const char *argument;	/* what follows the command, e.g. the pool; NULL = none */
	const char *argument2;	/* and what follows that */
};

struct command {
	const char *name;
	const char *arguments;	/* for the usage line: "POOL", "[POOL]" or "" */
	const char *summary;	/* one line */
	const char *details;	/* some lines for its own --help */
	uint64_t options;	/* a bit for each option that it knows */
	const char *sort_keys;	/* for --sort, separated by spaces; NULL = none */
	int min_arguments, max_arguments;
	int (*run)(const struct invocation *in);	/* returns an exit status */
	bool is_of_recordings;	/* it can be asked of one, too */
	double measures_s;	/* it looks for so long before it says something; 0 = it does not */
	bool is_verdict;	/* EXIT_FAILED is what it has found, and no end of --watch */
};

/*
 * An option. Its argument and those of commands are words of the usage text, and each such word has one meaning (FILE, POOL, SECONDS …): what can stand
 * there is completed by it, see completion.c.
 */
struct option_row {
	const char *name;
	char letter;		/* 0 = none */
	const char *argument;	/* NULL = none */
	const char *help;
};

/* The table, in its order: NULL after the last. */
const struct command *command_at(size_t i);

/* The options of a command, in the order of its --help; of none (NULL) all that there are. NULL after the last. */
const struct option_row *command_option(const struct command *c, size_t i);

/* The kinds of pools, separated by blanks. */
const char *command_kinds(void);

/* The whole program but for the locale. */
int command_main(int argc, char **argv);

/* Prints "poolscope NAME: ..." with a newline to stderr; returns EXIT_FAILED. */
__attribute__((format(printf, 2, 3))) int command_fail(const struct invocation *in,
						       const char *format, ...);

/* Likewise for wrong usage, with a hint at --help; returns EXIT_USAGE. */
__attribute__((format(printf, 2, 3))) int command_misused(const struct invocation *in,
							  const char *format, ...);

/* It is the live view. */
bool command_is_screen(const struct invocation *in);

/* It shows again and again, so of a recording the beginning first. */
bool command_goes_on(const struct invocation *in);

/* One each, in cmd/<name>.c. */
int command_top(const struct invocation *in);
int command_list(const struct invocation *in);
int command_show(const struct invocation *in);
int command_findings(const struct invocation *in);
int command_advise(const struct invocation *in);
int command_stalls(const struct invocation *in);
int command_locks(const struct invocation *in);
int command_probes(const struct invocation *in);
int command_recipes(const struct invocation *in);
int command_doctor(const struct invocation *in);
int command_record(const struct invocation *in);
int command_report(const struct invocation *in);
int command_completion(const struct invocation *in);
int command_run(const struct invocation *in);

#endif
