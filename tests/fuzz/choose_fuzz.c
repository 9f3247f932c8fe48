/* SPDX-License-Identifier: MIT */
/*
 * choose_fuzz.c - a process's status and cgroup as any bytes, judged by lists that are any bytes too: the first line of the input is an exclude list of units,
 * the second one of names, the third one of containers, the rest is the process's text. What is excluded by * is left out, whatever else is said.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "config/choose.h"
#include "config/config.h"
#include "probe/chosen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool no_user(const char *name, uint32_t *ret_uid)
{
	*ret_uid = (uint32_t)strlen(name);
	return true;
}

static void judge(const struct config *config, const char *text)
{
	struct choose_facts f = { .cgroup = text, .executable = text };
	struct choose c;
	struct diag d = { 0 };
	char name[16];

	chosen_status_parse(text, name, sizeof(name), &f.uid);
	f.name = name;
	if (strlen(name) >= sizeof(name))
		abort();
	if (choose_init(&c, config, no_user, &d)) {
		if (!d.text[0] || choose_is_on(&c))
			abort();
		return;
	}
	if (!choose_is_watched(&c, &f) && !choose_is_on(&c))
		abort();
	if (config->exclude_names && !strcmp(config->exclude_names, "*") && name[0] &&
	    choose_is_watched(&c, &f))
		abort();
	choose_done(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config config = { 0 };
	char **list[] = { &config.exclude_units, &config.exclude_names,
			  &config.include_containers };
	char *copy = malloc(size + 1), *at = copy;

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	copy[size] = 0;
	for (int i = 0; i < 3 && at; i++) {
		*list[i] = at;
		at = strchr(at, '\n');
		if (at)
			*at++ = 0;
	}
	if (at)
		judge(&config, at);
	free(copy);
	return 0;
}
