/* SPDX-License-Identifier: MIT */
/*
 * text.h - text from foreigners made harmless, and numbers made readable.
 *
 * Names come from other processes and are hostile until they went through text_clean(). All functions are pure; widths ask
 * libc's wcwidth(), which knows only ASCII until the program has called setlocale() (then each other character counts as one
 * column).
 */
#ifndef POOLSCOPE_BASE_TEXT_H
#define POOLSCOPE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_NAME_BYTES 128	/* room for a cleaned name, NUL included */
#define TEXT_NUMBER_BYTES 32	/* room for any number formatted here */

/*
 * Copies at most n bytes of s (up to its NUL) into ret as valid UTF-8: control characters (C0, DEL, C1), invalid sequences, line
 * separators and characters that reorder or hide text become '?'. Cut at `size` bytes, NUL included, never inside a character.
 * Returns the length. s may be NULL (gives an empty string); size must be over 0.
 */
size_t text_clean(const char *s, size_t n, char *ret, size_t size);

/* Whether text_clean() would leave the string as it is, but for its length. */
bool text_is_clean(const char *s);

/* A duration in three digits: "238ns", "1.25ms", "42s", "3m05s", "2d04h". NaN or negative gives "-". Returns ret. */
const char *text_format_duration(double s, char ret[static TEXT_NUMBER_BYTES]);

/* A count in at most five digits: "0", "12345", "1.23M"; fractions under 10 keep one place. NaN gives "-". Returns ret. */
const char *text_format_count(double n, char ret[static TEXT_NUMBER_BYTES]);

/* A share of 1 as "97%"; NaN gives "-". Returns ret. */
const char *text_format_percent(double ratio, char ret[static TEXT_NUMBER_BYTES]);

/* Bytes in binary units: "4.7MiB". NaN gives "-". Returns ret. */
const char *text_format_bytes(double n, char ret[static TEXT_NUMBER_BYTES]);

/* The first character of a clean string, and the columns that it takes (0 to 2); returns what follows, or NULL at the end. */
const char *text_next(const char *s, uint32_t *ret, int *ret_width);

/* Appends a character as UTF-8, at most four bytes; returns how many. */
size_t text_put(uint32_t c, char ret[static 4]);

/* Columns that a clean string takes on a terminal. */
size_t text_width(const char *s);

/* How many bytes of a clean string fit into so many columns; their width goes to *ret_width unless that is NULL. */
size_t text_fit(const char *s, size_t columns, size_t *ret_width);

#endif
