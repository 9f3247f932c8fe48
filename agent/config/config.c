/* SPDX-License-Identifier: MIT */
/*
 * config.c - see config.h. The surprise: libinih goes on after a line that was refused, so the first complaint is the one that is kept; and it does not say
 * which line it is at, so lines are counted as they are read for it.
 */
#include "config/config.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"

struct reading {
	struct config *config;
	struct diag *d;
	FILE *file;
	unsigned int line;
	bool is_within; /* what was read last did not end with the line */
	int error;
};

/* Nothing, for a key that is nothing by default, is the same as leaving it out. */
static int set_string(char **at, const char *value, const char *otherwise)
{
	char *copy = *value || *otherwise ? strdup(value) : NULL;

	if (!copy && (*value || *otherwise))
		return -ENOMEM;
	free(*at);
	*at = copy;
	return 0;
}

static int set_number(uint32_t *at, const char *value, uint32_t least, uint32_t most)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(value, &end, 10);
	if (end == value || *end || errno || value[0] == '-' || n < least || n > most)
		return -ERANGE;
	*at = (uint32_t)n;
	return 0;
}

/* ---- labels -------------------------------------------------------------------------------------------------------------- */

/* Those of our own metrics, of exemplars, and those by which Prometheus says whom it has asked; prometheus_test holds them against what is exported. */
static const char *const own_labels[] = {
	"cause",   "direction", "file",   "finding",  "instance", "instruction", "job",
	"kind",    "le",        "lock",   "mode",     "outcome",  "pid",         "pool",
	"process", "quantile",  "reason", "severity", "signal",   "source",      "state",
	"table",   "thread",    "tid",    "version",
};

static bool is_label_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	static const char all[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";

	return *name && strchr(letters, *name) && !name[strspn(name, all)] &&
	       strncmp(name, "__", 2) != 0 && strlen(name) < CONFIG_LABEL_BYTES;
}

static bool is_own_label(const char *name)
{
	for (size_t i = 0; i < sizeof(own_labels) / sizeof(*own_labels); i++)
		if (!strcmp(name, own_labels[i]))
			return true;
	return false;
}

static struct config_label *find_label(struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n_labels; i++)
		if (!strcmp(c->label[i].name, name))
			return &c->label[i];
	return NULL;
}

/* 1, or negative with what was expected in d. */
static int set_label(struct config *c, const char *name, const char *value, struct diag *d)
{
	struct config_label *l = find_label(c, name);
	AUTO_FREE char *own_name = NULL;
	char *copy;

	if (!is_label_name(name))
		return diag_set(
			d, -EINVAL,
			"expected a label's name (letters, digits and _, not __ at the beginning)");
	if (is_own_label(name))
		return diag_set(d, -EINVAL,
				"%s: expected another name, metrics have a label of this one",
				name);
	if (!*value || strlen(value) >= CONFIG_LABEL_BYTES || !text_is_clean(value))
		return diag_set(d, -EINVAL, "%s: expected 1 to %d bytes of text", name,
				CONFIG_LABEL_BYTES - 1);
	if (!l && c->n_labels == CONFIG_LABELS)
		return diag_set(d, -EINVAL, "expected at most %d labels", CONFIG_LABELS);
	copy = strdup(value);
	own_name = l ? NULL : strdup(name);
	if (!copy || (!l && !own_name)) {
		free(copy);
		return diag_set(d, -ENOMEM, "out of memory");
	}
	if (!l) {
		l = &c->label[c->n_labels++];
		l->name = TAKE(own_name);
	}
	free(l->value);
	l->value = copy;
	return 1;
}

/* ---- keys ---------------------------------------------------------------------------------------------------------------- */

/* Whether text is one of some words, which blanks part; or else -EINVAL, and what was expected. */
static int check_word(const char *name, const char *words, const char *text, struct diag *d)
{
	char list[128] = "";
	size_t n_list = 0, n;

	for (const char *at = words; *at; at += n + (at[n] != 0)) {
		n = strcspn(at, " ");
		if (strlen(text) == n && !memcmp(text, at, n))
			return 0;
		n_list += (size_t)snprintf(list + n_list, sizeof(list) - n_list, "%s%.*s",
					   at == words ? ""
					   : at[n]     ? ", "
						       : " or ",
					   (int)n, at);
	}
	return diag_set(d, -EINVAL, "%s: expected %s, not %.64s", name, list,
			*text ? text : "nothing");
}

static int set_word(char **at, const char *name, const char *words, const char *value,
		    struct diag *d)
{
	int error = check_word(name, words, value, d);

	if (!error && set_string(at, value, words))
		error = diag_set(d, -ENOMEM, "out of memory");
	return error ? error : 1;
}

/* 1 = set, 0 = no such key, negative = bad value (the diag is filled). Line 0: not a file's. */
static int set_key(struct config *c, const char *section, const char *name, const char *value,
		   unsigned int line, struct diag *d)
{
#define KEY_STRING(s, n, member, when, otherwise, text)                                            \
	if (!strcmp(section, s) && !strcmp(name, n)) {                                             \
		c->member##_line = line;                                                           \
		return set_string(&c->member, value, otherwise)                                    \
			       ? diag_set(d, -ENOMEM, "out of memory")                             \
			       : 1;                                                                \
	}
#define KEY_WORD(s, n, member, when, otherwise, words, text)                                       \
	if (!strcmp(section, s) && !strcmp(name, n))                                               \
		return set_word(&c->member, n, words, value, d);
#define KEY_SECRET(s, n, member, when, otherwise, text)                                            \
	KEY_STRING(s, n, member, when, otherwise, text)
#define KEY_NUMBER(s, n, member, when, otherwise, least, most, text)                               \
	if (!strcmp(section, s) && !strcmp(name, n))                                               \
		return set_number(&c->member, value, least, most)                                  \
			       ? diag_set(d, -EINVAL, "%s: expected a number from %u to %u", name, \
					  least, most)                                             \
			       : 1;
#include "config/config_keys.def"
	return 0;
}

static int on_line(void *user, const char *section, const char *name, const char *value)
{
	struct reading *r = user;
	int result;

	if (r->error)
		return 1;
	result = !strcmp(section, "labels")
			 ? set_label(r->config, name, value, r->d)
			 : set_key(r->config, section, name, value, r->line, r->d);
	if (result == 0)
		result = diag_set(r->d, -EINVAL, "there is no key %.64s in section [%.64s]", name,
				  section);
	if (result < 0) {
		r->error = result;
		r->d->line = r->line;
	}
	return result > 0;
}

static char *next_line(char *text, int size, void *reading)
{
	struct reading *r = reading;

	if (!fgets(text, size, r->file))
		return NULL;
	r->line += !r->is_within;
	r->is_within = !strchr(text, '\n');
	return text;
}

static bool is(const char *given, const char *word)
{
	return given && !strcmp(given, word);
}

/* What some words mean. */
static void derive(struct config *c)
{
	c->probe_method = is(c->probe_method_text, "perf") ? CONFIG_PROBE_PERF : CONFIG_PROBE_AUTO;
	c->has_pid_label = is(c->pid_label_text, "yes");
	c->is_fields_only = is(c->recipe_mode_text, "fields");
	c->is_flight_off = is(c->flight_text, "off");
	c->is_budget_off = is(c->step_down_text, "off");
	c->traffic = is(c->traffic_text, "lengths")     ? CONFIG_TRAFFIC_LENGTHS
		     : is(c->traffic_text, "functions") ? CONFIG_TRAFFIC_FUNCTIONS
		     : is(c->traffic_text, "none")      ? CONFIG_TRAFFIC_NONE
							: CONFIG_TRAFFIC_AUTO;
	c->taken_stacks = is(c->taken_stacks_text, "all")    ? CONFIG_TAKEN_ALL
			  : is(c->taken_stacks_text, "none") ? CONFIG_TAKEN_NONE
							     : CONFIG_TAKEN_AUTO;
}

int config_read(const char *path, struct config *ret, struct diag *d)
{
	struct diag unused = { 0 };
	struct reading r = { .config = ret, .d = d ? d : &unused };
	AUTO_FCLOSE FILE *f = fopen(path ? path : CONFIG_FILE, "re");
	int line;

	memset(ret, 0, sizeof(*ret));
	if (!f && !path && errno == ENOENT)
		return 0;
	snprintf(r.d->file, sizeof(r.d->file), "%s", path ? path : CONFIG_FILE);
	if (!f)
		return diag_set(r.d, -errno, "cannot be opened: %s", strerror(errno));
	r.file = f;
	line = ini_parse_stream(next_line, &r, on_line, &r);
	if (!r.error && line > 0) {
		r.d->line = (unsigned int)line;
		r.error = diag_set(r.d, -EINVAL, "expected [section] or key = value");
	}
	derive(ret);
	if (r.error)
		config_done(ret);
	else
		r.d->file[0] = 0;
	return r.error;
}

/* ---- the environment ----------------------------------------------------------------------------------------------------- */

#define VARIABLE "POOLSCOPE_"
#define VARIABLE_BYTES 128

static char shift(char c, char from, char to, int by)
{
	return c >= from && c <= to ? (char)(c + by) : c;
}

/* POOLSCOPE_SECTION_KEY */
static const char *name_variable(const char *section, const char *key, char ret[VARIABLE_BYTES])
{
	snprintf(ret, VARIABLE_BYTES, VARIABLE "%s_%s", section, key);
	for (char *c = ret; *c; c++)
		*c = shift(*c, 'a', 'z', 'A' - 'a');
	return ret;
}

/* 1 = it is a key's, and set; 0 = it is none. */
static int set_variable(struct config *c, const char *variable, const char *value, struct diag *d)
{
	static const char labels[] = VARIABLE "LABELS_";
	char name[VARIABLE_BYTES];

	if (!strncmp(variable, labels, sizeof(labels) - 1)) {
		snprintf(name, sizeof(name), "%s", variable + sizeof(labels) - 1);
		for (char *at = name; *at; at++)
			*at = shift(*at, 'A', 'Z', 'a' - 'A');
		return set_label(c, name, value, d);
	}
#define KEY_STRING(section, key, member, when, otherwise, text)                                    \
	if (!strcmp(variable, name_variable(section, key, name)))                                  \
		return set_key(c, section, key, value, 0, d);
#define KEY_SECRET(section, key, member, when, otherwise, text)                                    \
	KEY_STRING(section, key, member, when, otherwise, text)
#define KEY_NUMBER(section, key, member, when, otherwise, least, most, text)                       \
	KEY_STRING(section, key, member, when, otherwise, text)
#include "config/config_keys.def"
	return 0;
}

int config_read_environment(char *const *environment, struct config *ret, struct diag *d)
{
	int result = 0;

	memset(ret, 0, sizeof(*ret));
	for (; *environment && result >= 0; environment++) {
		size_t n = strcspn(*environment, "=");
		char variable[VARIABLE_BYTES];

		if (strncmp(*environment, VARIABLE, sizeof(VARIABLE) - 1) != 0 ||
		    n >= sizeof(variable) || !(*environment)[n])
			continue;
		snprintf(variable, sizeof(variable), "%.*s", (int)n, *environment);
		result = set_variable(ret, variable, *environment + n + 1, d);
		if (result < 0)
			snprintf(d->file, sizeof(d->file), "%s", variable);
	}
	derive(ret);
	if (result < 0)
		config_done(ret);
	return result < 0 ? result : 0;
}

void config_blame(const struct config *file, const struct config *environment, const char *section,
		  const char *path, struct diag *d)
{
	size_t n = strcspn(d->text, ":");
	char name[VARIABLE_BYTES];

	snprintf(d->file, sizeof(d->file), "%s", path);
#define KEY_STRING(s, key, member, when, otherwise, text_)                                         \
	if (!strcmp(section, s) && n == strlen(key) && !strncmp(d->text, key, n)) {                \
		d->line = environment->member ? 0 : file->member##_line;                           \
		if (environment->member)                                                           \
			snprintf(d->file, sizeof(d->file), "%s",                                   \
				 name_variable(section, key, name));                               \
	}
#define KEY_WORD(s, key, member, when, otherwise, words, text_)
#define KEY_SECRET(s, key, member, when, otherwise, text)                                          \
	KEY_STRING(s, key, member, when, otherwise, text)
#include "config/config_keys.def"
}

/* ---- two of them --------------------------------------------------------------------------------------------------------- */

static int copy_string(char **at, const char *value)
{
	char *copy = value ? strdup(value) : NULL;

	if (value && !copy)
		return -ENOMEM;
	free(*at);
	*at = copy;
	return 0;
}

int config_overlay(struct config *c, const struct config *over)
{
	struct diag unused = { 0 };
	int error = 0;

#define KEY_STRING(section, name, member, when, otherwise, text)                                   \
	if (!error && over->member)                                                                \
		error = copy_string(&c->member, over->member);
#define KEY_SECRET(section, name, member, when, otherwise, text)                                   \
	KEY_STRING(section, name, member, when, otherwise, text)
#define KEY_NUMBER(section, name, member, when, otherwise, least, most, text)                      \
	if (over->member)                                                                          \
		c->member = over->member;
#include "config/config_keys.def"
	for (size_t i = 0; !error && i < over->n_labels; i++)
		if (set_label(c, over->label[i].name, over->label[i].value, &unused) < 0)
			error = -ENOMEM; /* or one too many */
	derive(c);
	return error;
}

static bool is_same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

enum when { RELOAD, RESTART };

int config_keep(struct config *c, const struct config *running,
		void (*told)(void *context, const char *section, const char *name), void *context)
{
	int error = 0;

#define TELL(section, name)                                                                        \
	if (told)                                                                                  \
	told(context, section, name)
#define KEY_STRING(section, name, member, when, otherwise, text)                                   \
	if (when == RESTART && !error && !is_same_text(c->member, running->member)) {              \
		TELL(section, name);                                                               \
		error = copy_string(&c->member, running->member);                                  \
	}
#define KEY_SECRET(section, name, member, when, otherwise, text)                                   \
	KEY_STRING(section, name, member, when, otherwise, text)
#define KEY_NUMBER(section, name, member, when, otherwise, least, most, text)                      \
	if (when == RESTART && c->member != running->member) {                                     \
		TELL(section, name);                                                               \
		c->member = running->member;                                                       \
	}
#include "config/config_keys.def"
#undef TELL
	derive(c);
	return error;
}

bool config_is_same(const struct config *a, const struct config *b, const char *section)
{
	bool is_same = strcmp(section, "labels") != 0 || a->n_labels == b->n_labels;

#define KEY_STRING(s, name, member, when, otherwise, text)                                         \
	is_same = is_same && (strcmp(section, s) != 0 || is_same_text(a->member, b->member));
#define KEY_SECRET(s, name, member, when, otherwise, text)                                         \
	KEY_STRING(s, name, member, when, otherwise, text)
#define KEY_NUMBER(s, name, member, when, otherwise, least, most, text)                            \
	is_same = is_same && (strcmp(section, s) != 0 || a->member == b->member);
#include "config/config_keys.def"
	for (size_t i = 0; is_same && !strcmp(section, "labels") && i < a->n_labels; i++)
		is_same = !strcmp(a->label[i].name, b->label[i].name) &&
			  !strcmp(a->label[i].value, b->label[i].value);
	return is_same;
}

void config_done(struct config *c)
{
#define KEY_STRING(section, name, member, when, otherwise, text)                                   \
	free(c->member);                                                                           \
	c->member = NULL;
#define KEY_SECRET(section, name, member, when, otherwise, text)                                   \
	KEY_STRING(section, name, member, when, otherwise, text)
#include "config/config_keys.def"
	for (size_t i = 0; i < c->n_labels; i++) {
		free(c->label[i].name);
		free(c->label[i].value);
	}
	c->n_labels = 0;
}
