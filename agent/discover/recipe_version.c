/* SPDX-License-Identifier: MIT */
/* recipe_version.c - see recipe.h and recipe_parts.h: versions and ranges of them. */
#include "discover/recipe_parts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *take_version(const char *at, uint64_t *ret)
{
	uint64_t v = 0;
	int i;

	if (!isdigit((unsigned char)*at))
		return NULL;
	for (i = 0; i < 3; i++) {
		char *end;
		unsigned long part = isdigit((unsigned char)*at) ? strtoul(at, &end, 10) : 0;

		if (isdigit((unsigned char)*at))
			at = end;
		v = v << 20 | (part < 0xfffff ? part : 0xfffff);
		if (i < 2 && at[0] == '.' && isdigit((unsigned char)at[1]))
			at++;
	}
	*ret = v;
	return at;
}

uint64_t recipe_version(const char *text)
{
	uint64_t v = 0;

	return text && take_version(text, &v) ? v : 0;
}

/* "1.19" stands for every 1.19.x. */
static uint64_t last_of(uint64_t version, const char *from, const char *to)
{
	unsigned int dots = 0;

	for (; from < to; from++)
		dots += *from == '.';
	return dots >= 2 ? version : dots == 1 ? version | 0xfffff : version | 0xffffffffff;
}

bool recipe_parse_range(const char *text, struct recipe_range *ret)
{
	const char *at = take_version(text, &ret->from), *second;

	if (!at)
		return false;
	ret->to = last_of(ret->from, text, at);
	if (strncmp(at, "..", 2) != 0)
		return !*at;
	at += 2;
	ret->to = RECIPE_NEWEST;
	if (!*at)
		return true;
	second = at;
	at = take_version(at, &ret->to);
	if (!at || *at)
		return false;
	ret->to = last_of(ret->to, second, at);
	return ret->to >= ret->from;
}

bool recipe_range_holds(const struct recipe_range *r, uint64_t version)
{
	return version >= r->from && version <= r->to;
}
