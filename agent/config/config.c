/* SPDX-License-Identifier: MIT */
/*
 * config.c - see config.h. The surprise: libinih goes on after a line that was refused and returns the number of the first one; so
 * the first complaint is the one that is kept.
 */
#include "config/config.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

struct reading {
	struct config *config;
	struct diag *d;
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

/* 1 = set, 0 = no such key, negative = bad value (the diag is filled) */
static int set_key(struct config *c, const char *section, const char *name, const char *value,
		   struct diag *d)
{
#define KEY_STRING(s, n, member, otherwise, text)                                                  \
	if (!strcmp(section, s) && !strcmp(name, n))                                               \
		return set_string(&c->member, value, otherwise)                                    \
			       ? diag_set(d, -ENOMEM, "out of memory")                             \
			       : 1;
#define KEY_SECRET(s, n, member, otherwise, text) KEY_STRING(s, n, member, otherwise, text)
#define KEY_NUMBER(s, n, member, otherwise, least, most, text)                                     \
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
	result = set_key(r->config, section, name, value, r->d);
	if (result == 0)
		result = diag_set(r->d, -EINVAL, "there is no key %.64s in section [%.64s]", name,
				  section);
	if (result < 0)
		r->error = result;
	return result > 0;
}

static int check_method(struct config *c, struct diag *d)
{
	const char *text = c->probe_method_text;

	c->probe_method = text && !strcmp(text, "perf") ? CONFIG_PROBE_PERF : CONFIG_PROBE_AUTO;
	if (text && strcmp(text, "perf") && strcmp(text, "auto"))
		return diag_set(d, -EINVAL, "method: expected auto or perf, not %.64s", text);
	return 0;
}

static int check_pid_label(struct config *c, struct diag *d)
{
	const char *text = c->pid_label_text;

	c->has_pid_label = text && !strcmp(text, "yes");
	if (text && strcmp(text, "yes") && strcmp(text, "no"))
		return diag_set(d, -EINVAL, "pid_label: expected yes or no, not %.64s", text);
	return 0;
}

static int check_mode(struct config *c, struct diag *d)
{
	const char *text = c->recipe_mode_text;

	c->is_fields_only = text && !strcmp(text, "fields");
	if (text && strcmp(text, "fields") && strcmp(text, "full"))
		return diag_set(d, -EINVAL, "mode: expected full or fields, not %.64s", text);
	return 0;
}

static int check_traffic(struct config *c, struct diag *d)
{
	static const char *const words[] = {
		[CONFIG_TRAFFIC_AUTO] = "auto",
		[CONFIG_TRAFFIC_LENGTHS] = "lengths",
		[CONFIG_TRAFFIC_FUNCTIONS] = "functions",
		[CONFIG_TRAFFIC_NONE] = "none",
	};
	const char *text = c->traffic_text ? c->traffic_text : words[CONFIG_TRAFFIC_AUTO];

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcmp(text, words[i]))
			continue;
		c->traffic = (enum config_traffic)i;
		return 0;
	}
	return diag_set(d, -EINVAL, "traffic: expected auto, lengths, functions or none, not %.64s",
			text);
}

static int check_taken(struct config *c, struct diag *d)
{
	const char *text = c->taken_stacks_text;

	c->taken_stacks = text && !strcmp(text, "all")    ? CONFIG_TAKEN_ALL
			  : text && !strcmp(text, "none") ? CONFIG_TAKEN_NONE
							  : CONFIG_TAKEN_AUTO;
	if (text && c->taken_stacks == CONFIG_TAKEN_AUTO && strcmp(text, "auto"))
		return diag_set(d, -EINVAL, "taken_stacks: expected auto, all or none, not %.64s",
				text);
	return 0;
}

static int check_flight(struct config *c, struct diag *d)
{
	const char *text = c->flight_text;

	c->is_flight_off = text && !strcmp(text, "off");
	if (text && strcmp(text, "off") && strcmp(text, "on"))
		return diag_set(d, -EINVAL, "flight: expected on or off, not %.64s", text);
	return 0;
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
	line = ini_parse_file(f, on_line, &r);
	if (line > 0)
		r.d->line = (unsigned int)line;
	if (!r.error && line > 0)
		r.error = diag_set(r.d, -EINVAL, "expected [section] or key = value");
	if (!r.error)
		r.error = check_method(ret, r.d);
	if (!r.error)
		r.error = check_mode(ret, r.d);
	if (!r.error)
		r.error = check_traffic(ret, r.d);
	if (!r.error)
		r.error = check_taken(ret, r.d);
	if (!r.error)
		r.error = check_pid_label(ret, r.d);
	if (!r.error)
		r.error = check_flight(ret, r.d);
	if (r.error)
		config_done(ret);
	else
		r.d->file[0] = 0;
	return r.error;
}

void config_done(struct config *c)
{
#define KEY_STRING(section, name, member, otherwise, text)                                         \
	free(c->member);                                                                           \
	c->member = NULL;
#define KEY_SECRET(section, name, member, otherwise, text)                                         \
	KEY_STRING(section, name, member, otherwise, text)
#include "config/config_keys.def"
}
