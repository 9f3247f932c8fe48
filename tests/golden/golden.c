/* SPDX-License-Identifier: MIT */
/*
 * golden.c - draws `top` of a recording, frame by frame, and sets each beside the one that is kept: golden RECORDING FOLDER [--write]. The text has the
 * meanings of the cells below each line (frame.h), so that a colour that changes shows in review too.
 */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "cmd/command.h"
#include "cmd/source.h"
#include "term/frame.h"
#include "term/screen.h"
#include "top/top.h"

#define AT_S 30
#define MOST_KEYS 16

static const struct {
	const char *name;
	int keys[MOST_KEYS];	/* 0 = no more */
} pictures[] = {
	{ "pools", { 0 } },
	{ "chosen", { KEY_IS_DOWN, KEY_IS_DOWN } },
	{ "by-pool", { '>', '>', 'r' } },
	{ "tree", { 't' } },
	{ "folded", { 't', 'o', KEY_IS_DOWN } },
	{ "filter", { '/', 'd', 'b' } },
	{ "sick", { '!' } },
	{ "none", { '/', '~', KEY_IS_ENTER } },
	{ "columns", { 'c', KEY_IS_DOWN } },
	{ "help", { '?' } },
	{ "pool", { KEY_IS_ENTER } },
	{ "findings", { 'f' } },
	{ "stalls", { 'S' } },
};

static const struct {
	int width, height;
} sizes[] = { { 80, 24 }, { 120, 40 }, { 200, 60 } };

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "golden: %s: %s\n", what, why);
	return 1;
}

/* As the terminal's loop does it: keys, then what they ask for, then a picture. */
static int draw(struct top *t, const int *keys, struct frame *f, int width, int height)
{
	for (int i = -1; i < 0 || (i < MOST_KEYS && keys[i]); i++) {
		if (i >= 0)
			top_key(t, keys[i]);
		if (i < 0 || t->needs_answer)
			if (top_refresh(t))
				return fail("asking", t->problem.text);
		frame_begin(f, width, height);
		top_draw(t, f);
	}
	if (t->needs_answer && top_refresh(t))
		return fail("asking", t->problem.text);
	frame_begin(f, width, height);
	top_draw(t, f);
	return 0;
}

static int draw_text(const char *recording, const int *keys, int width, int height,
		     struct buffer *ret)
{
	static const struct command command = { .name = "golden" };
	const struct invocation in = { .command = &command, .recording = recording, .at_s = AT_S };
	CLEANUP(cleanup_source) struct source *source = NULL;
	CLEANUP(frame_done) struct frame f = { 0 };
	CLEANUP(top_done) struct top t = { 0 };
	const struct pool_choice all = { 0 };
	struct diag d = { 0 };

	if (source_open(&in, &source, &d))
		return fail(recording, d.text);
	top_init(&t, source, &all, 0);
	t.state.page = 1;
	if (draw(&t, keys, &f, width, height))
		return 1;
	frame_print(&f, true, ret);
	return ret->error ? fail("a frame", "out of memory") : 0;
}

static int write_file(const char *path, const struct buffer *text)
{
	AUTO_FCLOSE FILE *f = fopen(path, "w");

	if (!f || fwrite(text->data, 1, text->n, f) != text->n)
		return fail(path, strerror(errno));
	return 0;
}

static int read_file(const char *path, struct buffer *ret)
{
	AUTO_FCLOSE FILE *f = fopen(path, "r");
	char bytes[4096];
	size_t n;

	if (!f)
		return fail(path, strerror(errno));
	while ((n = fread(bytes, 1, sizeof(bytes), f)) > 0)
		buffer_add(ret, bytes, n);
	return ret->error;
}

/* The first line that differs, and that it does. */
static int compare(const char *path, const char *kept, const char *drawn)
{
	int line = 1;

	while (*kept && *drawn && strcmp(kept, drawn) != 0) {
		size_t n = strcspn(kept, "\n"), m = strcspn(drawn, "\n");

		if (n != m || memcmp(kept, drawn, n) != 0) {
			fprintf(stderr, "%s:%d: it was\n%.*s\nand is\n%.*s\n", path, line, (int)n,
				kept, (int)m, drawn);
			return 1;
		}
		kept += n + (kept[n] == '\n');
		drawn += m + (drawn[m] == '\n');
		line++;
	}
	return strcmp(kept, drawn) ? fail(path, "it has another length") : 0;
}

static int check_one(const char *recording, const char *folder, size_t picture, size_t size,
		     bool is_writing)
{
	CLEANUP(buffer_done) struct buffer drawn = { 0 };
	CLEANUP(buffer_done) struct buffer kept = { 0 };
	int width = sizes[size].width, height = sizes[size].height;
	char path[512];

	snprintf(path, sizeof(path), "%s/%s-%dx%d.txt", folder, pictures[picture].name, width,
		 height);
	if (draw_text(recording, pictures[picture].keys, width, height, &drawn))
		return 1;
	if (is_writing)
		return write_file(path, &drawn);
	if (read_file(path, &kept))
		return 1;
	return compare(path, kept.data ? kept.data : "", drawn.data);
}

int main(int argc, char **argv)
{
	bool is_writing = argc == 4 && !strcmp(argv[3], "--write");
	int n_bad = 0, n = 0;

	if (argc < 3 || (argc == 4 && !is_writing))
		return fail("usage", "golden RECORDING FOLDER [--write]");
	setlocale(LC_CTYPE, "C.UTF-8");
	setenv("TZ", "UTC", 1);
	tzset();
	for (size_t i = 0; i < sizeof(pictures) / sizeof(pictures[0]); i++) {
		for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++, n++)
			n_bad += check_one(argv[1], argv[2], i, k, is_writing);
	}
	printf("golden: %d of %d frames %s\n", n - n_bad, n,
	       is_writing ? "written" : "are as they were");
	return n_bad > 0;
}
