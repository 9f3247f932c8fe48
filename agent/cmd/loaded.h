/* SPDX-License-Identifier: MIT */
/*
 * loaded.h - one reading of the configuration: the file, the variables that win over it, and what was made of both. Good as a whole or not there at all,
 * so that a reload can keep the one before.
 */
#ifndef POOLSCOPE_CMD_LOADED_H
#define POOLSCOPE_CMD_LOADED_H

#include <stdbool.h>

#include "config/choose.h"
#include "config/config.h"
#include "exporters/otlp_settings.h"

struct loaded {
	struct config file, environment;	/* what each says */
	struct config config;	/* what holds by both */
	struct choose choose;	/* its [processes]; may be taken over, and is empty then */
	struct otlp_settings otlp;	/* its [otlp], with the OTEL_* variables; nothing when it was read without the environment */
};

enum loaded_from { LOADED_FILE_AND_ENVIRONMENT, LOADED_FILE };

/*
 * `path` as config_read() has it. `warn` is told of OTEL_* variables that make no sense; NULL = OTLP is not asked about them at all. An error as of
 * config_read(), d->file being the variable where that is at fault; the file alone is read without a look at the environment.
 */
int loaded_read(const char *path, enum loaded_from from, otlp_warn *warn, struct loaded **ret,
		struct diag *d);

/*
 * `fresh` gets from `running` what cannot change while the agent runs; `told` is called with each key that is another there. 0, or negative and `fresh`
 * is not to be used.
 */
int loaded_keep(struct loaded *fresh, const struct loaded *running,
		void (*told)(void *context, const char *section, const char *name), void *context);

/* NULL is allowed. */
void loaded_free(struct loaded *l);

#endif
