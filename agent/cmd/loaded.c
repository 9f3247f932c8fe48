/* SPDX-License-Identifier: MIT */
/*
 * loaded.c - see loaded.h. The surprise: what a mistake is said of. Words of [otlp] and [processes] are looked at when file and environment are one already,
 * so it is asked afterwards who gave the key.
 */
#include "cmd/loaded.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"

static bool find_user(const char *name, uint32_t *ret_uid)
{
	const struct passwd *p = getpwnam(name);

	if (p)
		*ret_uid = p->pw_uid;
	return p;
}

static const char *get_variable(const char *name)
{
	return getenv(name);
}

static const char *no_variable(const char *unused)
{
	(void)unused;
	return NULL;
}

static int read_layers(struct loaded *l, const char *path, enum loaded_from from, struct diag *d)
{
	int error = config_read(path, &l->file, d);

	if (!error && from != LOADED_FILE)
		error = config_read_environment(environ, &l->environment, d);
	if (!error &&
	    (config_overlay(&l->config, &l->file) || config_overlay(&l->config, &l->environment)))
		error = diag_set(d, -EINVAL,
				 "out of memory, or more than %d labels in file and environment",
				 CONFIG_LABELS);
	return error;
}

/* What is made of some sections; a mistake is the file's or a variable's. */
static int make(struct loaded *l, const char *path, enum loaded_from from, otlp_warn *warn,
		struct diag *d)
{
	const char *file = path ? path : CONFIG_FILE;
	int error = choose_init(&l->choose, &l->config, find_user, d);

	if (error == -EINVAL)
		config_blame(&l->file, &l->environment, "processes", file, d);
	if (error || (!warn && from != LOADED_FILE))
		return error;
	error = otlp_settings_read(&l->config, from == LOADED_FILE ? no_variable : get_variable,
				   warn, NULL, &l->otlp, d);
	if (error == -EINVAL)
		config_blame(&l->file, &l->environment, "otlp", file, d);
	return error;
}

static void cleanup_loaded(struct loaded **l)
{
	loaded_free(*l);
}

int loaded_read(const char *path, enum loaded_from from, otlp_warn *warn, struct loaded **ret,
		struct diag *d)
{
	CLEANUP(cleanup_loaded) struct loaded *l = calloc(1, sizeof(*l));
	int error = l ? read_layers(l, path, from, d) : diag_set(d, -ENOMEM, "out of memory");

	if (!error)
		error = make(l, path, from, warn, d);
	if (!error)
		*ret = TAKE(l);
	return error;
}

int loaded_keep(struct loaded *fresh, const struct loaded *running,
		void (*told)(void *context, const char *section, const char *name), void *context)
{
	return config_keep(&fresh->config, &running->config, told, context);
}

void loaded_free(struct loaded *l)
{
	if (!l)
		return;
	otlp_settings_done(&l->otlp);
	choose_done(&l->choose);
	config_done(&l->config);
	config_done(&l->environment);
	config_done(&l->file);
	free(l);
}
