/* SPDX-License-Identifier: MIT */
/*
 * config.h - poolscope.conf, an INI file, and the variables of the environment that win over it; keys, defaults and ranges are in config_keys.def.
 *
 * A variable is POOLSCOPE_SECTION_KEY in capitals: POOLSCOPE_WEB_MAX_SERIES. A label's is POOLSCOPE_LABELS_NAME, and the label has the name in small letters.
 */
#ifndef POOLSCOPE_CONFIG_CONFIG_H
#define POOLSCOPE_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

#define CONFIG_FILE "/etc/poolscope/poolscope.conf"
#define CONFIG_LABELS 16
#define CONFIG_LABEL_BYTES 256	/* of a value, and of a name, with its NUL */

/* Where the keys are not given, as in config_keys.def. */
#define BUDGET_TARGET_PERCENT 1
#define BUDGET_TARGET_FLOOR_MS 10
#define BUDGET_AGENT_PERCENT 2

enum config_probe_method { CONFIG_PROBE_AUTO, CONFIG_PROBE_PERF };
enum config_traffic {
	CONFIG_TRAFFIC_AUTO,
	CONFIG_TRAFFIC_LENGTHS,
	CONFIG_TRAFFIC_FUNCTIONS,
	CONFIG_TRAFFIC_NONE
};
enum config_taken { CONFIG_TAKEN_AUTO, CONFIG_TAKEN_ALL, CONFIG_TAKEN_NONE };

/* A constant label: a name as Prometheus has them that is none of our own, and a clean value. Both are owned. */
struct config_label {
	char *name, *value;
};

/* Strings are owned; NULL = not given, the default holds. A number of 0 = likewise. The line is that of the file; 0 = none. */
struct config {
#define KEY_STRING(section, name, member, when, otherwise, text)                                   \
	char *member;                                                                              \
	unsigned int member##_line;
#define KEY_SECRET(section, name, member, when, otherwise, text)                                   \
	KEY_STRING(section, name, member, when, otherwise, text)
#define KEY_NUMBER(section, name, member, when, otherwise, least, most, text) uint32_t member;
#include "config/config_keys.def"
	struct config_label label[CONFIG_LABELS];
	size_t n_labels;
	enum config_probe_method probe_method;
	bool has_pid_label;	/* [web] pid_label = yes */
	bool is_fields_only;	/* [recipes] mode = fields */
	enum config_traffic traffic;
	enum config_taken taken_stacks;
	bool is_flight_off;	/* [record] flight = off */
	bool is_budget_off;	/* [budget] step_down = off */
};

/*
 * Reads `path`; NULL = CONFIG_FILE, which may be missing. On an error d has file, line and what was expected, and *ret is empty.
 * config_done() is safe in every case.
 */
int config_read(const char *path, struct config *ret, struct diag *d);

/* What the variables say, of a list as environ(7). -EINVAL: d->file is the variable. Variables that name no key are left alone: Kubernetes sets some for its services. */
int config_read_environment(char *const *environment, struct config *ret, struct diag *d);

/* What `over` gives takes the place of what *c has. -ENOMEM: *c is not to be used. */
int config_overlay(struct config *c, const struct config *over);

/*
 * Gives *c again what `running` has of the keys that need a restart, and calls `told` with each that was another. -ENOMEM, as above. `told` may be NULL.
 */
int config_keep(struct config *c, const struct config *running,
		void (*told)(void *context, const char *section, const char *name), void *context);

/* Whether all keys of a section are the same in both. */
bool config_is_same(const struct config *a, const struct config *b, const char *section);

/* d->text begins with a key of that section: d->file becomes the variable, where `environment` gives the key, or else `path`, with the line in `file`. */
void config_blame(const struct config *file, const struct config *environment, const char *section,
		  const char *path, struct diag *d);

void config_done(struct config *c);

#endif
