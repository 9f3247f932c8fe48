/* SPDX-License-Identifier: MIT */
/*
 * settings.h - the configuration as it is in effect, as rows for the snapshot: each key with its value, and whether the default, the file or an
 * option of the command line gave it. Every key of config_keys.def has a row; one that holds a secret would need a macro of its own there,
 * and none here.
 */
#ifndef POOLSCOPE_CMD_SETTINGS_H
#define POOLSCOPE_CMD_SETTINGS_H

#include <stddef.h>

struct arena;
struct config;
struct setting_row;

/*
 * `file` is what the file gave and `options` what the command line did (NULL and 0 = nothing), `effect` what holds. The rows are the arena's.
 * -ENOMEM.
 */
int settings_fill(struct arena *a, const struct config *file, const struct config *options,
		  const struct config *effect, const struct setting_row **ret, size_t *ret_n);

#endif
