/* SPDX-License-Identifier: MIT */
/* settings.c - see settings.h. The surprise: the keys are those of the X-macro file, so that none can be forgotten. */
#include "cmd/settings.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "config/config.h"
#include "model/snapshot.h"

static const char *origin(bool is_option, bool is_environment, bool is_file)
{
	return is_option ? "option" : is_environment ? "environment" : is_file ? "file" : "default";
}

static bool has_label(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n_labels; i++)
		if (!strcmp(c->label[i].name, name))
			return true;
	return false;
}

int settings_fill(struct arena *a, const struct config *file, const struct config *environment,
		  const struct config *options, const struct config *effect,
		  const struct setting_row **ret, size_t *ret_n)
{
	const struct setting_row rows[] = {
#define KEY_STRING(section, name, member, when, otherwise, text)                                   \
	{ section, name, arena_strdup(a, effect->member ? effect->member : ""),                    \
	  origin(options->member, environment->member, file->member) },
#define KEY_NUMBER(section, name, member, when, otherwise, least, most, text)                      \
	{ section, name, arena_printf(a, "%u", effect->member),                                    \
	  origin(options->member, environment->member, file->member) },
#include "config/config_keys.def"
	};
	const size_t n = sizeof(rows) / sizeof(*rows);
	struct setting_row *copy = arena_alloc(a, n + effect->n_labels, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		copy[i] = rows[i];
		if (!copy[i].value)
			return -ENOMEM;
	}
	for (size_t i = 0; i < effect->n_labels; i++) {
		const struct config_label *l = &effect->label[i];

		copy[n + i] = (struct setting_row){
			"labels", arena_strdup(a, l->name), arena_strdup(a, l->value),
			origin(false, has_label(environment, l->name), true)
		};
		if (!copy[n + i].name || !copy[n + i].value)
			return -ENOMEM;
	}
	*ret = copy;
	*ret_n = n + effect->n_labels;
	return 0;
}
