/* SPDX-License-Identifier: MIT */
/*
 * settings.h - the configuration as it is in effect, as rows for the snapshot: each key with its value, and whether the default, the file, the environment or an
 * option of the command line gave it. Every key of config_keys.def has a row, but for KEY_SECRET.
 */
#ifndef POOLSCOPE_CMD_SETTINGS_H
#define POOLSCOPE_CMD_SETTINGS_H

#include <stddef.h>

struct agent_options;
struct arena;
struct config;
struct detect_limits;
struct kernel_limits;
struct loaded;
struct setting_row;

/*
 * `file` is what the file gave, `environment` and `options` what these did (NULL and 0 = nothing), `effect` what holds. The rows are the arena's.
 * -ENOMEM.
 */
int settings_fill(struct arena *a, const struct config *file, const struct config *environment,
		  const struct config *options, const struct config *effect,
		  const struct setting_row **ret, size_t *ret_n);

/* The same of what the agent was given, and has made of it: the folders that it reads, and its limits. */
int settings_make(struct arena *a, const struct loaded *loaded, const struct agent_options *o,
		  const char *recipe_folders, const struct kernel_limits *limits,
		  const struct detect_limits *wrong, const struct setting_row **ret, size_t *ret_n);

#endif
