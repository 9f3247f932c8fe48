/* SPDX-License-Identifier: MIT */
/*
 * prefs.h - what `top` remembers: the columns that were chosen. A file of lines, "columns = process pool in-use"; '#' begins a comment. It may have
 * been written by anybody, and a broken one is refused as a whole.
 */
#ifndef POOLSCOPE_TOP_PREFS_H
#define POOLSCOPE_TOP_PREFS_H

#include <stdbool.h>
#include <stddef.h>

#include "top/columns.h"

struct buffer;
struct diag;

#define PREFS_BYTES 4096	/* a longer file is not one of ours */

/* Reads the text of a file. -EINVAL with line and sentence in d; then ret_shown is as it was. */
int prefs_parse(const char *text, size_t n, bool ret_shown[static COLUMN_COUNT], struct diag *d);

/* The text of a file. */
void prefs_format(const bool shown[static COLUMN_COUNT], struct buffer *ret);

/* Where the file is: $XDG_CONFIG_HOME/poolscope/top, or .config in $HOME. -ENOENT when neither is known, -ENAMETOOLONG. */
int prefs_path(char *ret, size_t size);

/* Reads the file; where there is none, nothing changes. On an error d has one sentence that names the file, and ret_shown is as it was. */
int prefs_read(bool ret_shown[static COLUMN_COUNT], struct diag *d);

/* Replaces the file as a whole, or leaves it as it was and says why in d. */
int prefs_write(const bool shown[static COLUMN_COUNT], struct diag *d);

#endif
