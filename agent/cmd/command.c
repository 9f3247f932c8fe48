/* SPDX-License-Identifier: MIT */
/*
 * command.c - see command.h. The surprise: options are parsed before the command is known, all of them at once, and then held
 * against the command's set; so `poolscope --json list` and `poolscope list --json` are the same.
 */
#include "cmd/command.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/choice.h"
#include "api/server.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "model/snapshot.h"

/* ---- options --------------------------------------------------------------------------------------------------------------- */

enum opt {
	OPT_HELP,
	OPT_VERSION,
	OPT_SOCKET,
	OPT_JSON,
	OPT_PID,
	OPT_POOL,
	OPT_KIND,
	OPT_SORT,
	OPT_ONCE,
	OPT_COUNT,
	OPT_INTERVAL,
	OPT_HOLDERS,
	OPT_WAITERS,
	OPT_FOLLOW,
	OPT_WATCH,
	OPT_AVAILABLE,
	OPT_CONFIG,
	OPT_CHECK_CONFIG,
	OPT_WEB_LISTEN_ADDRESS,
	OPT_LISTEN_ADDRESS,
	OPT_WEB_CONFIG,
	OPT_RECIPES,
	OPT_CHECK,
	OPT_OUTPUT,
	OPT_FORCE,
	OPT_ANONYMOUS,
	OPT_COMMAND_LINES,
	OPT_SECONDS,
	OPT_FLIGHT,
	OPT_SPEED,
	OPT_AT,
	OPT_DAMAGED,
	N_OPTS
};

#define BIT(opt) (1ull << (opt))
#define ALWAYS (BIT(OPT_HELP) | BIT(OPT_VERSION))
#define READ (BIT(OPT_SOCKET) | BIT(OPT_JSON))
#define REPLAY (BIT(OPT_SPEED) | BIT(OPT_AT) | BIT(OPT_DAMAGED))
#define AGAIN (BIT(OPT_WATCH) | BIT(OPT_COUNT))
#define FILTER (BIT(OPT_PID) | BIT(OPT_POOL) | BIT(OPT_KIND) | BIT(OPT_SORT))

static const struct option_row option_rows[N_OPTS] = {
	[OPT_HELP] = { "help", 'h', NULL, "print this" },
	[OPT_VERSION] = { "version", 'V', NULL, "print the version" },
	[OPT_SOCKET] = { "socket", 0, "PATH", "the agent's socket (" SERVER_SOCKET_PATH ")" },
	[OPT_JSON] = { "json", 'j', NULL, "print JSON" },
	[OPT_PID] = { "pid", 'p', "PID", "only this process" },
	[OPT_POOL] = { "pool", 0, "POOL", "only this pool: id, name or pattern" },
	[OPT_KIND] = { "kind", 0, "KIND", "only pools of this kind" },
	[OPT_SORT] = { "sort", 's', "KEY", "the order of the rows" },
	[OPT_ONCE] = { "once", '1', NULL, "print once and end" },
	[OPT_COUNT] = { "count", 'n', "N", "end after printing N times" },
	[OPT_INTERVAL] = { "interval", 'i', "SECONDS",
			   "time between updates (2); advise: of a look (10)" },
	[OPT_HOLDERS] = { "holders", 0, NULL, "list all who hold an item" },
	[OPT_WAITERS] = { "waiters", 0, NULL, "list all who wait" },
	[OPT_FOLLOW] = { "follow", 'f', NULL, "go on, and print what opens and closes" },
	[OPT_WATCH] = { "watch", 'w', "N", "print again every N seconds, until Ctrl-C" },
	[OPT_AVAILABLE] = { "available", 0, "PATH", "list the USDT points that a file offers" },
	[OPT_CONFIG] = { "config", 'c', "FILE", "configuration (/etc/poolscope/poolscope.conf)" },
	[OPT_CHECK_CONFIG] = { "check-config", 0, NULL, "check the configuration and end" },
	[OPT_WEB_LISTEN_ADDRESS] = { "web.listen-address", 0, "ADDR",
				     "for /metrics (" SERVER_LISTEN_ADDRESS "), repeatable" },
	[OPT_LISTEN_ADDRESS] = { "listen-address", 0, "ADDR", "the same; \"\" = none" },
	[OPT_WEB_CONFIG] = { "web.config.file", 0, "FILE", "TLS and passwords for /metrics" },
	[OPT_RECIPES] = { "recipes", 0, "FOLDERS", "where recipes are, separated by colons" },
	[OPT_CHECK] = { "check", 0, "FILE", "check this recipe and end" },
	[OPT_OUTPUT] = { "output", 'o', "FILE", "write a new file, that only you may read" },
	[OPT_FORCE] = { "force", 0, NULL, "replace the file if it is there" },
	[OPT_ANONYMOUS] = { "anonymous", 0, NULL, "pseudonyms for names and addresses" },
	[OPT_COMMAND_LINES] = { "command-lines", 0, NULL, "with command lines of processes" },
	[OPT_SECONDS] = { "seconds", 0, "N", "end after so long" },
	[OPT_FLIGHT] = { "flight", 0, NULL, "what the agent has kept so far, at once" },
	[OPT_SPEED] = { "speed", 0, "X", "so many times as fast as it was; max = at once" },
	[OPT_AT] = { "at", 0, "SECONDS", "as it was so long after the beginning" },
	[OPT_DAMAGED] = { "damaged", 0, NULL, "play what is whole before the damage" },
};

/* ---- commands -------------------------------------------------------------------------------------------------------------- */

#define HELP_WIDTH 80

/* "unknown connection worker ..." without the blank before the first */
#define KIND(id, name, text) " " #name
static const char kind_words[] =
#include "bpf/verbs.def"
	;
#define KINDS (kind_words + 1)

/* Likewise, the words that pools can be ordered by. */
#define ORDER(word) " " word
static const char order_words[] = POOL_ORDERS(ORDER);
#undef ORDER
#define POOL_SORT_KEYS (order_words + 1)

/* The first is what `poolscope` alone runs. */
static const struct command commands[] = {
	{ "top", "", "live view of all pools",
	  "Shows the pools of all processes, the worst first, until q is pressed. Enter\n"
	  "opens a pool, / filters, < and > choose the order, t makes a tree, f shows the\n"
	  "findings, and ? tells all keys. Without a terminal it prints the list once, or\n"
	  "--count times, as wide as COLUMNS says, or 80.",
	  ALWAYS | READ | FILTER | BIT(OPT_ONCE) | BIT(OPT_COUNT) | BIT(OPT_INTERVAL),
	  POOL_SORT_KEYS, 0, 0, command_top, true, 0, false },
	{ "list", "", "one row per pool, the worst first",
	  "A dash is a number that cannot be known, never zero. UTIL is the use over the\n"
	  "capacity in the last window.",
	  ALWAYS | READ | AGAIN | FILTER, POOL_SORT_KEYS, 0, 0, command_list, true, 0, false },
	{ "show", "POOL", "one pool in full",
	  "POOL is an id, a name, or PROCESS/NAME. Of holders and waiters the oldest three\n"
	  "are shown, unless --holders or --waiters asks for all.",
	  ALWAYS | READ | AGAIN | BIT(OPT_PID) | BIT(OPT_POOL) | BIT(OPT_KIND) | BIT(OPT_SORT) |
		  BIT(OPT_HOLDERS) | BIT(OPT_WAITERS),
	  "age tid", 0, 1, command_show, true, 0, false },
	{ "findings", "", "what is wrong, since when, and what to do",
	  "Open findings first, the most severe on top, then those that ended recently.",
	  ALWAYS | READ | AGAIN | FILTER | BIT(OPT_FOLLOW), "severity since process type", 0, 0,
	  command_findings, true, 0, false },
	{ "advise", "[POOL]", "size: what wait to expect at other capacities",
	  "Measures arrivals, holds and waits for --interval seconds and computes what\n"
	  "follows. The first two rows are what was measured and what follows for the same\n"
	  "capacity; where these differ there is no advice.",
	  ALWAYS | READ | FILTER | BIT(OPT_INTERVAL), POOL_SORT_KEYS, 0, 1, command_advise, true,
	  11, false },
	{ "stalls", "", "processes that stood still, by cause",
	  "A stall is a time in which a process with work to do made no progress.",
	  ALWAYS | READ | AGAIN | FILTER, "sum max count process", 0, 0, command_stalls, true, 0,
	  false },
	{ "locks", "", "locks at which threads wait",
	  "A lock is a futex word of a process that has connections. What lies in no file\n"
	  "has its address for a name. WAITING is how many threads waited, on average; AT\n"
	  "is a function in which they did, and --json has more of the stack.",
	  ALWAYS | READ | AGAIN | FILTER, "wait waits now longest process", 0, 0, command_locks,
	  true, 0, false },
	{ "probes", "", "what is attached where, its hits and its cost",
	  "With --available it reads the file and asks no agent. With --pid, --pool or\n"
	  "--kind it shows the files that those processes map.",
	  ALWAYS | READ | AGAIN | FILTER | BIT(OPT_AVAILABLE), "file hits errors verb", 0, 0,
	  command_probes, false, 0, false },
	{ "recipes", "", "the libraries known by data, and who uses them",
	  "With --check it reads one recipe and says by line what is wrong; it asks\n"
	  "no agent. An agent reads its recipes again on SIGHUP.",
	  ALWAYS | READ | AGAIN | BIT(OPT_SORT) | BIT(OPT_CHECK), "name processes", 0, 0,
	  command_recipes, false, 0, false },
	{ "doctor", "", "what is fine, what is not, and what mends it",
	  "Each check has what was found, whether that is ok, wants a look or is bad, what\n"
	  "it costs to leave it, and what mends it. Where no agent runs, and this user may\n"
	  "not run one, it checks the machine. Exits with 1 when a check is bad.",
	  ALWAYS | READ | AGAIN | BIT(OPT_CONFIG), NULL, 0, 0, command_doctor, true, 0, true },
	{ "report", "", "one text about an incident, safe to paste",
	  "What is wrong on top, with evidence and stacks, then all pools, stalls, locks,\n"
	  "the agent itself and its configuration; at most 60 kB, and what was cut is told.\n"
	  "Never in it: payloads, environments. Command lines only when asked for. Names of\n"
	  "hosts, addresses, processes and pools are in it, unless --anonymous is given.",
	  ALWAYS | READ | BIT(OPT_PID) | BIT(OPT_POOL) | BIT(OPT_KIND) | BIT(OPT_OUTPUT) |
		  BIT(OPT_FORCE) | BIT(OPT_ANONYMOUS) | BIT(OPT_COMMAND_LINES),
	  NULL, 0, 0, command_report, true, 0, false },
	{ "record", "-o FILE", "keeps what the agent sees, for `replay`",
	  "Until it is told to end by SIGINT or SIGTERM, or for --seconds. With --flight it\n"
	  "writes what the agent's flight recorder holds, the last minutes, and ends.",
	  ALWAYS | BIT(OPT_SOCKET) | BIT(OPT_OUTPUT) | BIT(OPT_FORCE) | BIT(OPT_SECONDS) |
		  BIT(OPT_FLIGHT),
	  NULL, 0, 0, command_record, false, 0, false },
	{ "replay", "FILE [COMMAND]", "looks at a recording with the other commands",
	  "COMMAND is top, list, show, findings, advise, stalls, locks, report or doctor,\n"
	  "with its own options. It sees the end of the recording, or what --at says; top\n"
	  "plays it as it was, and so does --watch at a terminal; else --watch and\n"
	  "findings --follow go through it at once, unless --speed is given. Without a\n"
	  "command it is top at a terminal, else findings.",
	  ALWAYS | REPLAY, NULL, 1, 2, NULL, false, 0, false },
	{ "run", "", "the agent, in the foreground",
	  "Watches until it is told to end by SIGINT or SIGTERM.",
	  ALWAYS | BIT(OPT_SOCKET) | BIT(OPT_CONFIG) | BIT(OPT_CHECK_CONFIG) |
		  BIT(OPT_WEB_LISTEN_ADDRESS) | BIT(OPT_LISTEN_ADDRESS) | BIT(OPT_WEB_CONFIG) |
		  BIT(OPT_RECIPES),
	  NULL, 0, 0, command_run, false, 0, false },
	{ "completion", "WHAT [PREFIX]", "what a shell completes words from",
	  "WHAT is pools or pids: prints those of the running agent that begin with PREFIX,\n"
	  "one a line, then a tab and what it is; nothing where none runs or none may be\n"
	  "asked. Or it is sh or fish: prints commands and options as tables for the\n"
	  "completion of bash and zsh, or of fish.",
	  ALWAYS | BIT(OPT_SOCKET), NULL, 1, 2, command_completion, false, 0, false },
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

const struct command *command_at(size_t i)
{
	return i < N_COMMANDS ? &commands[i] : NULL;
}

const struct option_row *command_option(const struct command *c, size_t i)
{
	for (int opt = 0; opt < N_OPTS; opt++) {
		if ((!c || c->options & BIT(opt)) && !i--)
			return &option_rows[opt];
	}
	return NULL;
}

const char *command_kinds(void)
{
	return KINDS;
}

/* ---- help ------------------------------------------------------------------------------------------------------------------ */

static void print_options(uint64_t set)
{
	for (int i = 0; i < N_OPTS; i++) {
		const struct option_row *o = &option_rows[i];
		char left[40];

		if (!(set & BIT(i)))
			continue;
		if (o->letter)
			snprintf(left, sizeof(left), "-%c, --%s", o->letter, o->name);
		else
			snprintf(left, sizeof(left), "    --%s", o->name);
		if (o->argument)
			snprintf(left + strlen(left), sizeof(left) - strlen(left), " %s",
				 o->argument);
		printf("  %-25s %s\n", left, o->help);
	}
}

static void print_help(void)
{
	printf("Usage: poolscope [COMMAND] [OPTIONS]\n"
	       "\n"
	       "Sees inside the pools of other processes: how full they are, who waits and how\n"
	       "long, who holds what, and when the whole process stood still.\n"
	       "\n"
	       "Commands (`%s` when none is given):\n",
	       commands[0].name);
	for (size_t i = 0; i < N_COMMANDS; i++) {
		char left[32];

		snprintf(left, sizeof(left), "%s %s", commands[i].name, commands[i].arguments);
		printf("  %-21s %s\n", left, commands[i].summary);
	}
	printf("\nOptions of all commands:\n");
	print_options(ALWAYS);
	printf("\nOptions of the commands that read:\n");
	print_options(READ | FILTER);
	printf("\n`poolscope COMMAND --help` has the rest. Commands ask the running agent; where\n"
	       "none runs, they watch for a moment on their own (needs root).\n"
	       "Exit status: 0 done, 1 failed, 2 wrong usage.\n");
}

/* Words after a label, broken into lines of HELP_WIDTH columns. */
static void print_words(const char *label, const char *words)
{
	size_t indent = strlen(label), at = indent;

	printf("%s", label);
	while (*words) {
		size_t n = strcspn(words, " ");

		if (at + 1 + n > HELP_WIDTH) {
			printf("\n%*s", (int)indent, "");
			at = indent;
		}
		printf(" %.*s", (int)n, words);
		at += 1 + n;
		words += n + (words[n] == ' ');
	}
	printf("\n");
}

static void print_command_help(const struct command *c)
{
	printf("Usage: poolscope %s%s%s [OPTIONS]\n\n", c->name, *c->arguments ? " " : "",
	       c->arguments);
	printf("%c%s.\n%s\n\nOptions:\n", c->summary[0] - 'a' + 'A', c->summary + 1, c->details);
	print_options(c->options);
	if (c->sort_keys || c->options & BIT(OPT_KIND))
		printf("\n");
	if (c->options & BIT(OPT_KIND))
		print_words("Kinds:", KINDS);
	if (c->sort_keys)
		print_words("Orders:", c->sort_keys);
}

/* ---- errors ---------------------------------------------------------------------------------------------------------------- */

/* What is refused is quoted, and may be a stranger's: a word of a file, or its name. Cleaned it is never longer. */
static void print_error(const struct invocation *in, const char *format, va_list args)
{
	AUTO_FREE char *text = NULL, *clean = NULL;
	int n = vasprintf(&text, format, args);

	if (n < 0)
		text = NULL;
	clean = text ? malloc((size_t)n + 1) : NULL;
	if (clean)
		text_clean(text, (size_t)n, clean, (size_t)n + 1);
	fflush(stdout);
	fprintf(stderr, "poolscope%s%s: %s\n", in->command ? " " : "",
		in->command ? in->command->name : "", clean ? clean : "out of memory");
}

int command_fail(const struct invocation *in, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_error(in, format, args);
	va_end(args);
	return EXIT_FAILED;
}

int command_misused(const struct invocation *in, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_error(in, format, args);
	va_end(args);
	fprintf(stderr, "`poolscope%s%s --help` shows what can be given.\n", in->command ? " " : "",
		in->command ? in->command->name : "");
	return EXIT_USAGE;
}

/* ---- parsing --------------------------------------------------------------------------------------------------------------- */

static bool is_word_of(const char *words, const char *word)
{
	size_t n = strlen(word);

	while (*words) {
		size_t length = strcspn(words, " ");

		if (n == length && !memcmp(words, word, n))
			return true;
		words += length + (words[length] == ' ');
	}
	return false;
}

/* A whole number from 1 to max. */
static int parse_number(const char *s, long max, int *ret)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(s, &end, 10);
	if (errno || end == s || *end || n < 1 || n > max)
		return -EINVAL;
	*ret = (int)n;
	return 0;
}

static int parse_seconds(const char *s, double *ret)
{
	char *end;
	double v = strtod(s, &end);

	if (end == s || *end || !isfinite(v) || v < 0.1 || v > 86400)
		return -EINVAL;
	*ret = v;
	return 0;
}

/* 0 = max. */
static int parse_speed(const char *s, double *ret)
{
	char *end;
	double v = strtod(s, &end);

	*ret = 0;
	if (!strcmp(s, "max"))
		return 0;
	if (end == s || *end || !isfinite(v) || v < 0.01 || v > 10000)
		return -EINVAL;
	*ret = v;
	return 0;
}

static int take_seconds(struct invocation *in, const char *option, const char *value, double *ret)
{
	return parse_seconds(value, ret)
		       ? command_misused(in,
					 "--%s: '%s' is not a number of seconds from 0.1 to 86400",
					 option, value)
		       : 0;
}

static int add_address(struct invocation *in, const char *value)
{
	size_t n = strlen(in->listen_addresses), size = sizeof(in->listen_addresses);

	in->listen_address = in->listen_addresses;
	if ((size_t)snprintf(in->listen_addresses + n, size - n, "%s%s", n ? "," : "", value) >=
	    size - n)
		return command_misused(in, "too many addresses to listen on");
	return 0;
}

static int take_option(struct invocation *in, enum opt opt, const char *value)
{
	switch (opt) {
	case OPT_SOCKET:
		in->socket = value;
		return 0;
	case OPT_JSON:
		in->is_json = true;
		return 0;
	case OPT_PID:
		return parse_number(value, INT32_MAX, &in->pid)
			       ? command_misused(in, "--pid: '%s' is no process id", value)
			       : 0;
	case OPT_POOL:
		in->pool = value;
		return 0;
	case OPT_KIND:
		in->kind = value;
		return is_word_of(KINDS, value)
			       ? 0
			       : command_misused(in, "--kind: '%s' is none of: %s", value, KINDS);
	case OPT_SORT:
		in->sort = value;
		return 0;
	case OPT_ONCE:
		in->is_once = true;
		return 0;
	case OPT_COUNT:
		return parse_number(value, 1000000, &in->count)
			       ? command_misused(in,
						 "--count: '%s' is not a number from 1 to 1000000",
						 value)
			       : 0;
	case OPT_INTERVAL:
		return take_seconds(in, "interval", value, &in->interval_s);
	case OPT_SECONDS:
		return take_seconds(in, "seconds", value, &in->seconds);
	case OPT_FLIGHT:
		in->is_flight = true;
		return 0;
	case OPT_SPEED:
		in->has_speed = true;
		return parse_speed(value, &in->speed)
			       ? command_misused(
					 in,
					 "--speed: '%s' is neither max nor a number from 0.01 to 10000",
					 value)
			       : 0;
	case OPT_AT:
		return take_seconds(in, "at", value, &in->at_s);
	case OPT_DAMAGED:
		in->is_damaged = true;
		return 0;
	case OPT_HOLDERS:
		in->has_holders = true;
		return 0;
	case OPT_WAITERS:
		in->has_waiters = true;
		return 0;
	case OPT_FOLLOW:
		in->is_followed = true;
		return 0;
	case OPT_WATCH:
		return take_seconds(in, "watch", value, &in->watch_s);
	case OPT_AVAILABLE:
		in->available = value;
		return 0;
	case OPT_CONFIG:
		in->config = value;
		return 0;
	case OPT_CHECK_CONFIG:
		in->is_check_config = true;
		return 0;
	case OPT_WEB_LISTEN_ADDRESS:
	case OPT_LISTEN_ADDRESS:
		return add_address(in, value);
	case OPT_WEB_CONFIG:
		in->web_config = value;
		return 0;
	case OPT_RECIPES:
		in->recipes = value;
		return 0;
	case OPT_CHECK:
		in->check = value;
		return 0;
	case OPT_OUTPUT:
		in->output = value;
		return 0;
	case OPT_FORCE:
		in->is_forced = true;
		return 0;
	case OPT_ANONYMOUS:
		in->is_anonymous = true;
		return 0;
	case OPT_COMMAND_LINES:
		in->has_command_lines = true;
		return 0;
	case OPT_HELP:
	case OPT_VERSION:
	case N_OPTS:
		break;
	}
	return 0;
}

/* The options as getopt wants them. A long option's value is its number + LONG, out of the way of letters. */
#define LONG 1000

static void make_getopt_tables(struct option *ret_long, char *ret_short)
{
	*ret_short++ = ':';	/* a missing argument is told apart from an unknown option */
	for (int i = 0; i < N_OPTS; i++) {
		const struct option_row *o = &option_rows[i];

		ret_long[i] =
			(struct option){ o->name, o->argument ? required_argument : no_argument,
					 NULL, LONG + i };
		if (o->letter) {
			*ret_short++ = o->letter;
			if (o->argument)
				*ret_short++ = ':';
		}
	}
	ret_long[N_OPTS] = (struct option){ 0 };
	*ret_short = '\0';
}

static enum opt find_opt(int c)
{
	if (c >= LONG)
		return (enum opt)(c - LONG);
	for (int i = 0; i < N_OPTS; i++) {
		if (option_rows[i].letter == c)
			return (enum opt)i;
	}
	return N_OPTS;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (!strcmp(name, commands[i].name))
			return &commands[i];
	}
	return NULL;
}

/* What follows `replay`: the file, and the command that is asked of it. */
static int take_recording(struct invocation *in, int *n, char ***words)
{
	bool is_screen = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	const struct command *c;

	if (!*n)
		return command_misused(in, "it needs a FILE");
	in->recording = (*words)[0];
	if (*n == 1) {
		in->command = find_command(is_screen ? "top" : "findings");
	} else {
		c = find_command((*words)[1]);
		if (!c || !c->is_of_recordings)
			return command_misused(in, "'%s' is none that can be asked of a recording",
					       (*words)[1]);
		in->command = c;
	}
	*words += *n > 1 ? 2 : 1;
	*n -= *n > 1 ? 2 : 1;
	return 0;
}

/* The first word that is not an option; getopt has moved them all to the end. */
static int take_words(struct invocation *in, int n, char **words, bool is_help)
{
	int r = 0;

	in->command = n ? find_command(words[0]) : &commands[0];
	if (!in->command)
		return command_misused(in, "there is no command '%s'", words[0]);
	n -= n > 0;
	words++;
	if (!in->command->run && !is_help)
		r = take_recording(in, &n, &words);
	if (r)
		return r;
	if (n > in->command->max_arguments)
		return command_misused(in, "'%s' is one word too many",
				       words[in->command->max_arguments]);
	if (n)
		in->argument = words[0];
	if (n > 1)
		in->argument2 = words[1];
	return 0;
}

bool command_is_screen(const struct invocation *in)
{
	return in->command->run == command_top && !in->is_once && !in->count && !in->is_json &&
	       isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

bool command_goes_on(const struct invocation *in)
{
	return command_is_screen(in) || in->is_followed || in->watch_s > 0 || in->count > 1;
}

static int check(const struct invocation *in, uint64_t given)
{
	uint64_t wrong =
		given & ~(in->recording ? (in->command->options | REPLAY) & ~BIT(OPT_SOCKET)
					: in->command->options);

	if (wrong)
		return command_misused(in, "it has no option --%s",
				       option_rows[__builtin_ctzll(wrong)].name);
	if (in->is_followed && (in->watch_s > 0 || in->count))
		return command_misused(in, "--follow goes on by itself: no --watch or --count");
	if (in->sort && !is_word_of(in->command->sort_keys, in->sort))
		return command_misused(in, "--sort: '%s' is none of: %s", in->sort,
				       in->command->sort_keys);
	return 0;
}

int command_main(int argc, char **argv)
{
	struct invocation in = { 0 };
	struct option long_options[N_OPTS + 1];
	char short_options[2 * N_OPTS + 2];
	uint64_t given = 0;
	int c, r = 0;

	make_getopt_tables(long_options, short_options);
	opterr = 0;
	while ((c = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
		enum opt opt;

		if (c == ':')
			return command_misused(&in, "%s needs a value", argv[optind - 1]);
		if (c == '?' && optopt && optopt < LONG)
			return command_misused(&in, "there is no option -%c", optopt);
		if (c == '?')
			return command_misused(&in, "there is no option %s", argv[optind - 1]);
		opt = find_opt(c);
		given |= BIT(opt);
		r = take_option(&in, opt, optarg);
		if (r)
			return r;
	}
	if (given & BIT(OPT_VERSION)) {
		printf("poolscope %s\n", POOLSCOPE_VERSION);
		return EXIT_DONE;
	}
	if ((given & BIT(OPT_HELP)) && optind == argc) {
		print_help();
		return EXIT_DONE;
	}
	r = take_words(&in, argc - optind, argv + optind, given & BIT(OPT_HELP));
	if (r)
		return r;
	if (given & BIT(OPT_HELP)) {
		print_command_help(in.command);
		return EXIT_DONE;
	}
	r = check(&in, given);
	if (r)
		return r;
	r = in.command->run(&in);
	if (fflush(stdout) || ferror(stdout))
		return command_fail(&in, "cannot write the output: %s", strerror(errno));
	return r;
}
