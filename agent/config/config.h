/* SPDX-License-Identifier: MIT */
/*
 * config.h - poolscope.conf, an INI file; keys, defaults and ranges are in config_keys.def.
 */
#ifndef POOLSCOPE_CONFIG_CONFIG_H
#define POOLSCOPE_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"

#define CONFIG_FILE "/etc/poolscope/poolscope.conf"

enum config_probe_method { CONFIG_PROBE_AUTO, CONFIG_PROBE_PERF };
enum config_traffic {
	CONFIG_TRAFFIC_AUTO,
	CONFIG_TRAFFIC_LENGTHS,
	CONFIG_TRAFFIC_FUNCTIONS,
	CONFIG_TRAFFIC_NONE
};
enum config_taken { CONFIG_TAKEN_AUTO, CONFIG_TAKEN_ALL, CONFIG_TAKEN_NONE };

/* Strings are owned; NULL = not given, the default holds. A number of 0 = likewise. */
struct config {
#define KEY_STRING(section, name, member, otherwise, text) char *member;
#define KEY_SECRET(section, name, member, otherwise, text) char *member;
#define KEY_NUMBER(section, name, member, otherwise, least, most, text) uint32_t member;
#include "config/config_keys.def"
	enum config_probe_method probe_method;
	bool has_pid_label;	/* [web] pid_label = yes */
	bool is_fields_only;	/* [recipes] mode = fields */
	enum config_traffic traffic;
	enum config_taken taken_stacks;
	bool is_flight_off;	/* [record] flight = off */
};

/*
 * Reads `path`; NULL = CONFIG_FILE, which may be missing. On an error d has file, line and what was expected, and *ret is empty.
 * config_done() is safe in every case.
 */
int config_read(const char *path, struct config *ret, struct diag *d);
void config_done(struct config *c);

#endif
