/* SPDX-License-Identifier: MIT */
/*
 * prefs.c - see prefs.h. The surprise: the path may lead to a pipe or a device that would never end, so it is opened without waiting, and only a file
 * is read.
 */
#include "top/prefs.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/text.h"
#include "cmd/newfile.h"

#define WORD_BYTES 32
#define FOLDER "/poolscope"
#define FILE_NAME "/top"

/* ---- the text -------------------------------------------------------------------------------------------------------------- */

/* What is being read; it ends at `end`, and may have any bytes. */
struct reader {
	const char *at, *end;
	unsigned int line;
	struct diag *d;
};

static int refuse(const struct reader *r, const char *what, const char *word)
{
	char clean[WORD_BYTES];

	text_clean(word, WORD_BYTES, clean, sizeof(clean));
	if (r->d)
		r->d->line = r->line;
	return diag_set(r->d, -EINVAL, "line %u: %s '%s'", r->line, what, clean);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of the line, up to WORD_BYTES of it; false at the line's end. */
static bool next_word(struct reader *r, char ret[static WORD_BYTES])
{
	size_t n = 0;

	while (r->at < r->end && is_blank(*r->at))
		r->at++;
	if (r->at < r->end && *r->at == '#')
		while (r->at < r->end && *r->at != '\n')
			r->at++;
	for (; r->at < r->end && !is_blank(*r->at) && *r->at != '\n' && *r->at != '#'; r->at++) {
		if (n < WORD_BYTES - 1)
			ret[n++] = *r->at ? *r->at : '?';
	}
	ret[n] = '\0';
	return n > 0;
}

static int parse_columns(struct reader *r, bool shown[static COLUMN_COUNT])
{
	char word[WORD_BYTES];

	memset(shown, 0, sizeof(bool) * COLUMN_COUNT);
	while (next_word(r, word)) {
		enum column c = column_find(word);

		if (c == COLUMN_COUNT)
			return refuse(r, "there is no column", word);
		shown[c] = true;
	}
	return 0;
}

static int parse_line(struct reader *r, bool shown[static COLUMN_COUNT])
{
	char key[WORD_BYTES], is[WORD_BYTES];

	if (!next_word(r, key))
		return 0;
	if (strcmp(key, "columns") != 0)
		return refuse(r, "expected 'columns = ...', found", key);
	if (!next_word(r, is) || strcmp(is, "=") != 0)
		return refuse(r, "expected '=' after columns, found", is);
	return parse_columns(r, shown);
}

int prefs_parse(const char *text, size_t n, bool ret_shown[static COLUMN_COUNT], struct diag *d)
{
	struct reader reader = { .at = text, .end = text + n, .line = 1, .d = d };
	bool shown[COLUMN_COUNT];
	int r = 0;

	memcpy(shown, ret_shown, sizeof(shown));
	for (; !r && reader.at < reader.end; reader.line++, reader.at++)
		r = parse_line(&reader, shown);
	if (!r)
		memcpy(ret_shown, shown, sizeof(shown));
	return r;
}

void prefs_format(const bool shown[static COLUMN_COUNT], struct buffer *ret)
{
	buffer_add_text(
		ret,
		"# what `poolscope top` shows; it writes this file when columns are chosen\ncolumns =");
	for (int i = 0; i < COLUMN_COUNT; i++) {
		if (shown[i])
			buffer_printf(ret, " %s", column_name((enum column)i));
	}
	buffer_add_text(ret, "\n");
}

/* ---- the file -------------------------------------------------------------------------------------------------------------- */

/* By the XDG Base Directory Specification a path that is not absolute is as none. */
static int format_folder(char *ret, size_t size)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	int n;

	if (xdg && *xdg == '/')
		n = snprintf(ret, size, "%s" FOLDER, xdg);
	else if (home && *home == '/')
		n = snprintf(ret, size, "%s/.config" FOLDER, home);
	else
		return -ENOENT;
	return n > 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

int prefs_path(char *ret, size_t size)
{
	int r = format_folder(ret, size);
	size_t n;

	if (r)
		return r;
	n = strlen(ret);
	if (n + sizeof(FILE_NAME) > size)
		return -ENAMETOOLONG;
	memcpy(ret + n, FILE_NAME, sizeof(FILE_NAME));
	return 0;
}

/* One sentence, with the file behind it: of a long path a narrow screen shows the beginning. */
static int of_file(const char *path, int error, struct diag *d)
{
	char text[sizeof(d->text)], name[128];

	snprintf(text, sizeof(text), "%s", d->text);
	text_clean(path, SIZE_MAX, name, sizeof(name));
	return diag_set(d, error, "%s (%s)", text, name);
}

static int read_text(const char *path, char *ret, size_t size, size_t *ret_n, struct diag *d)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return diag_set(d, -errno, "%s", strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return diag_set(d, -EINVAL, "it is no file");
	n = read(fd, ret, size);
	if (n < 0)
		return diag_set(d, -errno, "%s", strerror(errno));
	if ((size_t)n == size)
		return diag_set(d, -EFBIG, "it has more than %d bytes", PREFS_BYTES);
	*ret_n = (size_t)n;
	return 0;
}

int prefs_read(bool ret_shown[static COLUMN_COUNT], struct diag *d)
{
	char path[PATH_MAX], text[PREFS_BYTES + 1];
	size_t n = 0;
	int r = prefs_path(path, sizeof(path));

	if (r)
		return 0; /* there can be no file */
	r = read_text(path, text, sizeof(text), &n, d);
	if (r == -ENOENT || r == -ENOTDIR) {
		d->text[0] = '\0';
		return 0;
	}
	if (!r)
		r = prefs_parse(text, n, ret_shown, d);
	return r ? of_file(path, r, d) : 0;
}

/* The folder and the one above it; others must be there. */
static int make_folder(struct diag *d)
{
	char path[PATH_MAX];
	int r = format_folder(path, sizeof(path));
	char *slash;

	if (r)
		return diag_set(d, r, "neither XDG_CONFIG_HOME nor HOME says where to keep it");
	slash = strrchr(path, '/');
	*slash = '\0';
	mkdir(path, 0700);
	*slash = '/';
	if (!mkdir(path, 0700) || errno == EEXIST)
		return 0;
	return of_file(path, diag_set(d, -errno, "%s", strerror(errno)), d);
}

int prefs_write(const bool shown[static COLUMN_COUNT], struct diag *d)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };
	char path[PATH_MAX];
	int r = make_folder(d);

	if (!r)
		r = prefs_path(path, sizeof(path));
	if (r)
		return r;
	prefs_format(shown, &text);
	if (text.error)
		return diag_set(d, text.error, "out of memory");
	return newfile_write(path, text.data, text.n, true, d);
}
