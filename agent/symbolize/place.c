/* SPDX-License-Identifier: MIT */
/*
 * place.c - see place.h. The surprise: where the probe of an acquire lies depends on the language. In C and C++ it is in the pool's own function, so one
 * function goes, and with a library all that follow in its file; in Go it is behind the call, so it may lie in the caller already, and those
 * of the library's package go.
 */
#include "symbolize/place.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NAME_BYTES 60

/* A frame is "function (file) at source.c:12"; a function's name may have brackets of its own. */
struct frame {
	const char *name, *file;
	size_t n_name, n_file;
};

static bool parse(const char *text, struct frame *ret)
{
	const char *at = strstr(text, ") at "), *end = at ? at : strrchr(text, ')'), *open = end;

	while (open && open > text && *open != '(')
		open--;
	if (!open || open <= text + 1)
		return false;
	*ret = (struct frame){ .name = text,
			       .n_name = (size_t)(open - 1 - text),
			       .file = open + 1,
			       .n_file = (size_t)(end - open - 1) };
	return true;
}

static bool begins(const struct frame *f, const char *with)
{
	return f->n_name >= strlen(with) && !strncmp(f->name, with, strlen(with));
}

static bool is(const struct frame *f, const char *name)
{
	return f->n_name == strlen(name) && begins(f, name);
}

/* What a thread begins with. */
static bool is_beginning(const struct frame *f)
{
	return is(f, "start_thread") || is(f, "clone") || is(f, "clone3") || is(f, "__clone") ||
	       is(f, "__clone3") || is(f, "_start") || begins(f, "__libc_start") ||
	       begins(f, "runtime.");
}

static bool is_library_file(const struct frame *f)
{
	for (size_t i = 0; i + 3 <= f->n_file; i++)
		if (!strncmp(f->file + i, ".so", 3))
			return true;
	return false;
}

/* "database/sql.(*DB).conn", "github.com/gomodule/redigo/redis.(*Pool).get": the library's name is that of its folders, or of one. */
static bool is_of_package(const struct frame *f, const char *library)
{
	size_t n = strlen(library), n_path = 0;

	for (size_t i = 0; i < f->n_name && f->name[i] != '('; i++)
		if (f->name[i] == '/')
			n_path = i + 1;
	while (n_path < f->n_name && f->name[n_path] != '.' && f->name[n_path] != '(')
		n_path++;
	for (size_t i = 0; i + n <= n_path; i++)
		if ((!i || f->name[i - 1] == '/') && !strncmp(f->name + i, library, n) &&
		    (i + n == n_path || f->name[i + n] == '/'))
			return true;
	return false;
}

static bool is_go(const struct stack *s)
{
	struct frame f;

	for (size_t i = 0; i < s->n_frames; i++)
		if (parse(s->frame[i], &f) && (begins(&f, "runtime.goexit") || begins(&f, "main.")))
			return true;
	return false;
}

/* The first frame that is not the pool's. */
static size_t skip_pool(const struct stack *s, const char *library)
{
	struct frame first, f;
	size_t i = 0;

	if (library && is_go(s)) {
		while (i < s->n_frames && parse(s->frame[i], &f) && is_of_package(&f, library))
			i++;
		return i;
	}
	while (i < s->n_frames && parse(s->frame[i], &f) && begins(&f, "poolscope_"))
		i++; /* the SDK's own, inlined */
	if (i == s->n_frames || !parse(s->frame[i], &first))
		return i;
	for (i++; i < s->n_frames && is_library_file(&first); i++)
		if (!parse(s->frame[i], &f) || f.n_file != first.n_file ||
		    strncmp(f.file, first.file, f.n_file) != 0)
			break;
	return i;
}

static void name_from(const struct stack *s, size_t first, char ret[static PLACE_BYTES])
{
	size_t used = 0, n = 0;
	struct frame f;

	for (size_t i = first; i < s->n_frames && n < PLACE_FRAMES; i++) {
		size_t n_name;

		if (!parse(s->frame[i], &f) || is_beginning(&f))
			continue;
		n_name = f.n_name < NAME_BYTES ? f.n_name : NAME_BYTES;
		if (used + n_name + sizeof(" < ") > PLACE_BYTES)
			break;
		used += (size_t)snprintf(ret + used, PLACE_BYTES - used, "%s%.*s", n ? " < " : "",
					 (int)n_name, f.name);
		n++;
	}
}

void place_of_taker(const struct stack *s, const char *library, char ret[static PLACE_BYTES])
{
	ret[0] = 0;
	name_from(s, skip_pool(s, library), ret);
	if (!ret[0]) /* the pool's functions were compiled into that of the caller */
		name_from(s, 0, ret);
}
