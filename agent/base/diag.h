/* SPDX-License-Identifier: MIT */
/*
 * diag.h - what a parser says when it refuses its input: where, and what was expected.
 */
#ifndef POOLSCOPE_BASE_DIAG_H
#define POOLSCOPE_BASE_DIAG_H

struct diag {
	char file[256];		/* empty = not a file */
	unsigned int line;	/* 0 = none */
	unsigned int column;	/* 0 = none */
	char text[256];
};

/* Fills the text (cut at its size); d may be NULL. Returns `error`, so that a parser can `return diag_set(...)`. */
__attribute__((format(printf, 3, 4))) int diag_set(struct diag *d, int error, const char *format,
						   ...);

#define DIAG_BYTES 640	/* of a line, with its NUL */

/* One line for a person: file:line: text, without what is not there. Clean as text_clean() has it, since what was refused is quoted in it. */
void diag_line(const struct diag *d, char ret[DIAG_BYTES]);

#endif
