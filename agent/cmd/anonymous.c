/* SPDX-License-Identifier: MIT */
/*
 * anonymous.c - see anonymous.h. The surprise: names are looked for in every string and not only where they have a key, since sentences have
 * them too. So a word of a sentence that is a name as well is replaced; that is the better mistake.
 */
#include "cmd/anonymous.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "cmd/field.h"

#define ADDRESS_BYTES 64
#define PATH_BYTES 4096
#define LONG_NAME 56	/* sentences have 60 bytes of a name, and perhaps one character less */

/* Keys whose values are names, and what those are called. */
static const struct {
	const char *key, *called;
} named[] = {
	{ "host", "host" },	    { "process", "process" },	    { "pool", "pool" },
	{ "waits_in", "pool" },	    { "service", "service" },	    { "endpoint", "endpoint" },
	{ "thread", "thread" },	    { "container_id", "container" }, { "file", "file" },
};

/* Keys whose values are words of our own, which stay though some process may be called so. */
static const char *const ours[] = { "kind",    "severity", "type",   "state",         "source",
				    "verb",    "method",   "cause",  "confidence",    "cost_class",
				    "section", "key",      "from",   "library",       "provider",
				    "probe",   "version",  "kernel", "capacity_basis" };

struct name {
	const char *text;	/* borrowed from the key of `given` */
	const char *pseudonym;
};

struct names {
	json_t *given;	/* name: pseudonym */
	json_t *counts;	/* what it is called: how many there are */
	struct name *sorted;	/* the longest first */
	size_t n;
};

/* ---- giving names ---------------------------------------------------------------------------------------------------------- */

static const char *pseudonym_of(struct names *names, const char *called, const char *text)
{
	json_t *given = json_object_get(names->given, text);
	json_int_t n;
	char pseudonym[48];

	if (given)
		return json_string_value(given);
	n = json_integer_value(json_object_get(names->counts, called)) + 1;
	snprintf(pseudonym, sizeof(pseudonym), "%s-%" JSON_INTEGER_FORMAT, called, n);
	json_object_set_new(names->counts, called, json_integer(n));
	json_object_set_new(names->given, text, json_string(pseudonym));
	return json_string_value(json_object_get(names->given, text));
}

/* The length of a numeric address at s, 0 = there is none. */
static size_t address_length(const char *s)
{
	unsigned char binary[16];
	size_t n = strspn(s, "0123456789."), m = strspn(s, "0123456789abcdefABCDEF:.");
	char text[ADDRESS_BYTES];

	while (n && s[n - 1] == '.')
		n--;
	if (n && n < sizeof(text)) {
		snprintf(text, sizeof(text), "%.*s", (int)n, s);
		if (inet_pton(AF_INET, text, binary) == 1)
			return n;
	}
	while (m && (s[m - 1] == '.' || (s[m - 1] == ':' && (m < 2 || s[m - 2] != ':'))))
		m--;
	if (m && m < sizeof(text)) {
		snprintf(text, sizeof(text), "%.*s", (int)m, s);
		if (inet_pton(AF_INET6, text, binary) == 1)
			return m;
	}
	return 0;
}

/* Those of every host. */
static bool is_common(const char *address)
{
	return !strncmp(address, "127.", 4) || !strcmp(address, "0.0.0.0") ||
	       !strcmp(address, "::1") || !strcmp(address, "::");
}

/* Folders of every host, where names are the distribution's, the kernel's or ours. */
static bool is_in_common_folder(const char *path)
{
	static const char *const folders[] = {
		"/usr/",   "/bin/",           "/sbin/",          "/lib/",
		"/lib32/", "/lib64/",         "/proc/",          "/sys/",
		"/dev/",   "/run/poolscope/", "/etc/poolscope/", "/var/lib/poolscope"
	};

	if (!strncmp(path, "/usr/local/", 11))
		return false;
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (!strncmp(path, folders[i], strlen(folders[i])))
			return true;
	return false;
}

static bool is_library(const char *base)
{
	return (!strncmp(base, "lib", 3) || !strncmp(base, "ld-", 3)) && strstr(base, ".so");
}

/* A file of the distribution, or a library; the folder of such a one is found wherever it stands. */
static bool is_common_file(const char *path)
{
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	return is_in_common_folder(path) || base[0] == '[' || is_library(base);
}

static void give_name(struct names *names, const char *called, const char *text)
{
	const char *base = strrchr(text, '/');

	if (!text[0] || address_length(text + (text[0] == '[')))
		return; /* addresses are found wherever they stand */
	if (!strcmp(called, "file") && is_common_file(text))
		return;
	pseudonym_of(names, called, text);
	if (!strcmp(called, "file") && base && base[1] && !json_object_get(names->given, base + 1))
		json_object_set(names->given, base + 1, json_object_get(names->given, text));
}

/* "work (app) at /home/me/app.c:7": the file, and where its sources are. */
static void shorten_frame(struct names *names, json_t *frame)
{
	AUTO_FREE char *text = strdup(json_string_value(frame));
	char *at = text ? strstr(text, ") at ") : NULL, *file;

	if (at)
		at[1] = '\0';
	file = text ? strrchr(text, '(') : NULL;
	if (file && text[strlen(text) - 1] == ')') {
		AUTO_FREE char *name = strndup(file + 1, strlen(file) - 2);

		if (name)
			give_name(names, "file", name);
	}
	if (at)
		json_string_set(frame, text);
}

/* Paths in the configuration that somebody chose. */
static bool is_own_path(const json_t *setting)
{
	const char *value = field_text_or(setting, "value", "");

	return field_text(setting, "section") && value[0] == '/' && !is_in_common_folder(value);
}

static void collect(struct names *names, json_t *json, bool is_stack)
{
	const char *key;
	json_t *value;
	size_t i;

	json_array_foreach (json, i, value) {
		if (is_stack && json_is_string(value))
			shorten_frame(names, value);
		collect(names, value, false);
	}
	if (json_is_object(json) && field_text(json, "name") && field_text(json, "process"))
		give_name(names, "pool", field_text(json, "name"));
	if (is_own_path(json))
		pseudonym_of(names, "file", field_text(json, "value"));
	json_object_foreach (json, key, value) {
		collect(names, value, !strcmp(key, "frames") || !strcmp(key, "stack"));
		for (i = 0; i < sizeof(named) / sizeof(*named) && json_is_string(value); i++)
			if (!strcmp(key, named[i].key))
				give_name(names, named[i].called, json_string_value(value));
	}
}

/* ---- taking them out ------------------------------------------------------------------------------------------------------- */

static int longest_first(const void *a, const void *b)
{
	size_t n = strlen(((const struct name *)a)->text),
	       m = strlen(((const struct name *)b)->text);

	return (n < m) - (n > m);
}

static int sort_names(struct names *names)
{
	const char *text;
	json_t *pseudonym;

	names->sorted = calloc(json_object_size(names->given) + 1, sizeof(*names->sorted));
	if (!names->sorted)
		return -ENOMEM;
	json_object_foreach (names->given, text, pseudonym)
		names->sorted[names->n++] = (struct name){ text, json_string_value(pseudonym) };
	qsort(names->sorted, names->n, sizeof(*names->sorted), longest_first);
	return 0;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* A name that begins or ends with a letter begins or ends a word. */
static bool is_whole(const char *text, size_t at, size_t n)
{
	return !(at && is_word(text[at - 1]) && is_word(text[at])) &&
	       !(is_word(text[at + n - 1]) && is_word(text[at + n]));
}

static size_t common_length(const char *a, const char *b)
{
	size_t n = 0;

	while (a[n] && a[n] == b[n])
		n++;
	return n;
}

/* A sentence has the beginning of a long name only. */
static const struct name *name_at(const struct names *names, const char *text, size_t at,
				  size_t *ret_n)
{
	for (size_t i = 0; i < names->n; i++) {
		const char *name = names->sorted[i].text;

		*ret_n = common_length(name, text + at);
		if (*ret_n && (name[*ret_n] ? *ret_n >= LONG_NAME : is_whole(text, at, *ret_n)))
			return &names->sorted[i];
	}
	return NULL;
}

/* What stands for the address at that place; NULL = none is there, or one that stays. */
static const char *address_at(struct names *names, const char *text, size_t at, size_t *ret_n)
{
	char address[ADDRESS_BYTES];

	if (at && (is_word(text[at - 1]) || text[at - 1] == '.' || text[at - 1] == ':'))
		return NULL;
	*ret_n = address_length(text + at);
	if (!*ret_n || is_word(text[at + *ret_n]))
		return NULL;
	snprintf(address, sizeof(address), "%.*s", (int)*ret_n, text + at);
	return is_common(address) ? NULL : pseudonym_of(names, "address", address);
}

/* What stands for the path at that place, or for the folder where it is a library's, whose name stays; NULL = none is there, or one that stays. */
static const char *path_at(struct names *names, const char *text, size_t at, size_t *ret_n)
{
	char path[PATH_BYTES];
	char *base;

	*ret_n = strcspn(text + at, " \t\n\"'`,;:()<>");
	while (*ret_n && text[at + *ret_n - 1] == '.')
		--*ret_n;
	if (text[at] != '/' || *ret_n >= sizeof(path) ||
	    (at && (is_word(text[at - 1]) || strchr("./-~", text[at - 1]))))
		return NULL;
	snprintf(path, sizeof(path), "%.*s", (int)*ret_n, text + at);
	base = strrchr(path, '/') + 1;
	if (base - path == 1 || is_in_common_folder(path))
		return NULL;
	if (!is_library(base))
		return pseudonym_of(names, "file", path);
	base[-1] = '\0';
	*ret_n = strlen(path);
	return pseudonym_of(names, "folder", path);
}

static int replace(struct names *names, json_t *string)
{
	const char *text = json_string_value(string);
	CLEANUP(buffer_done) struct buffer b = { 0 };
	size_t at = 0;

	while (text[at]) {
		size_t n;
		const struct name *name = name_at(names, text, at, &n);
		const char *pseudonym = name ? name->pseudonym : NULL;

		if (!pseudonym)
			pseudonym = address_at(names, text, at, &n);
		if (!pseudonym)
			pseudonym = path_at(names, text, at, &n);
		if (pseudonym) {
			buffer_add_text(&b, pseudonym);
			at += n;
		} else {
			buffer_add(&b, text + at++, 1);
		}
	}
	if (b.error)
		return b.error;
	return b.n ? json_string_set(string, b.data) : 0;
}

static bool is_ours(const json_t *object, const char *key)
{
	if (!strcmp(key, "name")) /* a recipe that is wrong has its path for a name */
		return !field_text(object, "process") &&
		       field_text_or(object, "name", "")[0] != '/';
	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		if (!strcmp(key, ours[i]))
			return true;
	return false;
}

static int replace_all(struct names *names, json_t *json)
{
	const char *key;
	json_t *value;
	size_t i;
	int error = 0;

	if (json_is_string(json))
		return replace(names, json);
	json_array_foreach (json, i, value)
		error = replace_all(names, value) ? -ENOMEM : error;
	json_object_foreach (json, key, value)
		if (!is_ours(json, key))
			error = replace_all(names, value) ? -ENOMEM : error;
	return error;
}

int anonymize(json_t *report)
{
	struct names names = { .given = json_object(), .counts = json_object() };
	int error = names.given && names.counts ? 0 : -ENOMEM;

	if (!error) {
		collect(&names, report, false);
		error = sort_names(&names);
	}
	if (!error)
		error = replace_all(&names, report);
	free(names.sorted);
	json_decref(names.given);
	json_decref(names.counts);
	return error;
}
