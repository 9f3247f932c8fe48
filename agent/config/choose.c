/* SPDX-License-Identifier: MIT */
/*
 * choose.c - see choose.h. The surprise: patterns are compared by a few lines of our own and not by fnmatch(3), since what they are compared with is
 * a stranger's. fnmatch() takes a time that is exponential in the number of stars, and refuses names that are not text of the locale.
 */
#include "config/choose.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "config/config.h"

#define SEPARATORS " \t,"

/* Goes back to the last star alone: what an earlier one could take, it can take as well. */
bool choose_fits(const char *pattern, const char *text, size_t n)
{
	const char *star = NULL, *end = text + n, *resume = text;

	while (text < end) {
		if (*pattern == '*') {
			star = ++pattern;
			resume = text;
		} else if (*pattern && (*pattern == '?' || *pattern == *text)) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star;
			text = ++resume;
		} else {
			return false;
		}
	}
	return !pattern[strspn(pattern, "*")];
}

/* ---- the lists ----------------------------------------------------------------------------------------------------------- */

static bool parse_number(const char *text, uint32_t *ret)
{
	unsigned long long n = 0;

	if (!*text || strlen(text) > 10)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		n = n * 10 + (unsigned long long)(*text - '0');
	}
	*ret = (uint32_t)n;
	return n < UINT32_MAX;
}

static int add_word(struct choose *c, struct choose_word *w, const char *key, choose_user *user,
		    struct diag *d)
{
	struct choose_word *more;

	if (c->n == CHOOSE_WORDS)
		return diag_set(d, -EINVAL, "%s: expected at most %d words in all lists", key,
				CHOOSE_WORDS);
	if (w->by == CHOOSE_USERS && !parse_number(w->text, &w->uid) && !user(w->text, &w->uid))
		return diag_set(d, -EINVAL,
				"%s: expected users of this host, or their numbers; there is no %s",
				key, w->text);
	if (w->by == CHOOSE_CONTAINERS && w->text[strspn(w->text, "0123456789abcdefABCDEF*?")] != 0)
		return diag_set(
			d, -EINVAL,
			"%s: expected how ids of containers begin (hexadecimal), or *, not %s", key,
			w->text);
	more = realloc(c->word, (c->n + 1) * sizeof(*more));
	if (!more)
		return diag_set(d, -ENOMEM, "out of memory");
	c->word = more;
	c->word[c->n++] = *w;
	c->has_include |= !w->is_exclude;
	c->asks[w->by] = true;
	return 0;
}

static int add_list(struct choose *c, enum choose_by by, bool is_exclude, const char *key,
		    const char *list, choose_user *user, struct diag *d)
{
	int error = 0;

	while (!error && list && *(list += strspn(list, SEPARATORS))) {
		struct choose_word w = { .by = by, .is_exclude = is_exclude };
		size_t n = strcspn(list, SEPARATORS);

		if (n >= sizeof(w.text))
			return diag_set(d, -EINVAL, "%s: expected words of less than %d bytes", key,
					CHOOSE_WORD_BYTES);
		memcpy(w.text, list, n);
		list += n;
		error = add_word(c, &w, key, user, d);
	}
	return error;
}

int choose_init(struct choose *c, const struct config *config, choose_user *user, struct diag *d)
{
	const struct {
		enum choose_by by;
		bool is_exclude;
		const char *key, *list;
	} lists[] = {
		{ CHOOSE_NAMES, false, "include_names", config->include_names },
		{ CHOOSE_UNITS, false, "include_units", config->include_units },
		{ CHOOSE_CONTAINERS, false, "include_containers", config->include_containers },
		{ CHOOSE_USERS, false, "include_users", config->include_users },
		{ CHOOSE_NAMES, true, "exclude_names", config->exclude_names },
		{ CHOOSE_UNITS, true, "exclude_units", config->exclude_units },
		{ CHOOSE_CONTAINERS, true, "exclude_containers", config->exclude_containers },
		{ CHOOSE_USERS, true, "exclude_users", config->exclude_users },
	};
	int error = 0;

	*c = (struct choose){ 0 };
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists) && !error; i++)
		error = add_list(c, lists[i].by, lists[i].is_exclude, lists[i].key, lists[i].list,
				 user, d);
	if (error)
		choose_done(c);
	return error;
}

void choose_done(struct choose *c)
{
	free(c->word);
	*c = (struct choose){ 0 };
}

bool choose_is_on(const struct choose *c)
{
	return c->n > 0;
}

/* ---- a process ----------------------------------------------------------------------------------------------------------- */

static bool fits_whole(const char *pattern, const char *text)
{
	return text && *text && choose_fits(pattern, text, strlen(text));
}

/* One part of a path in the tree of cgroups, as a unit. */
static bool fits_unit(const char *pattern, const char *part, size_t n)
{
	static const char suffix[] = ".service";
	const size_t n_suffix = sizeof(suffix) - 1;

	if (!strchr(pattern, '.')) {
		if (n <= n_suffix || memcmp(part + n - n_suffix, suffix, n_suffix) != 0)
			return false;
		n -= n_suffix;
	}
	return n && choose_fits(pattern, part, n);
}

/* docker-ID.scope, cri-containerd-ID.scope, libpod-ID.scope, or ID alone; an id has 64 digits. */
static bool fits_container(const char *pattern, const char *part, size_t n)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const char *id = part;
	char begin[CHOOSE_WORD_BYTES + 1];

	for (size_t i = 0; i < n; i++)
		if (part[i] == '-')
			id = part + i + 1;
	if (strspn(id, digits) != 64 || id + 64 > part + n)
		return false;
	strcpy(begin, pattern);
	strcat(begin, "*");
	return choose_fits(begin, id, 64);
}

/* Lines of number:controllers:/a/path; a part that has a colon is of some other text, and fits less. */
static bool fits_cgroup(const struct choose_word *w, const char *cgroup)
{
	while (cgroup && *cgroup) {
		size_t n = strcspn(cgroup, "/\n");

		if (w->by == CHOOSE_UNITS ? fits_unit(w->text, cgroup, n)
					  : fits_container(w->text, cgroup, n))
			return true;
		cgroup += n + (cgroup[n] != 0);
	}
	return false;
}

static bool fits(const struct choose_word *w, const struct choose_facts *f)
{
	switch (w->by) {
	case CHOOSE_NAMES:
		return fits_whole(w->text, f->name) || fits_whole(w->text, f->executable);
	case CHOOSE_USERS:
		return f->uid == w->uid;
	default:
		return fits_cgroup(w, f->cgroup);
	}
}

bool choose_is_watched(const struct choose *c, const struct choose_facts *f)
{
	bool is_included = !c->has_include;

	for (size_t i = 0; i < c->n; i++) {
		const struct choose_word *w = &c->word[i];

		if (w->is_exclude && fits(w, f))
			return false;
		is_included = is_included || (!w->is_exclude && fits(w, f));
	}
	return is_included;
}
