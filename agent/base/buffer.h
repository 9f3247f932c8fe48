/* SPDX-License-Identifier: MIT */
/*
 * buffer.h - bytes that grow at the end, for encoders. Writers never fail on their own: out of memory sets `error` once, later
 * writes do nothing, and the caller looks at it when done. Not thread-safe.
 */
#ifndef POOLSCOPE_BASE_BUFFER_H
#define POOLSCOPE_BASE_BUFFER_H

#include <stddef.h>

struct buffer {
	char *data;	/* owned; NUL-terminated once anything was written */
	size_t n;	/* bytes, without the NUL */
	size_t size;
	int error;	/* 0 or -ENOMEM */
};

/* Frees the bytes and leaves an empty buffer. */
void buffer_done(struct buffer *b);

void buffer_add(struct buffer *b, const void *data, size_t n);
void buffer_add_text(struct buffer *b, const char *s);
__attribute__((format(printf, 2, 3))) void buffer_printf(struct buffer *b, const char *format, ...);

#endif
