/* SPDX-License-Identifier: MIT */
/*
 * buffer.h - bytes that grow at the end, for encoders. Writers never fail on their own: out of memory sets `error` once, later
 * writes do nothing, and the caller looks at it when done. Not thread-safe.
 *
 * A buffer may drain: what was written goes on to somebody else, 64 KiB at a time, and the buffer begins again. So a page of many
 * MB never lies in memory as a whole. Who writes into a buffer that he was given only appends, and takes nothing back.
 */
#ifndef POOLSCOPE_BASE_BUFFER_H
#define POOLSCOPE_BASE_BUFFER_H

#include <stddef.h>

struct buffer {
	char *data;	/* owned; NUL-terminated once anything was written */
	size_t n;	/* bytes, without the NUL */
	size_t size;
	int error;	/* 0 or -ENOMEM */
	void (*drain)(void *context, const char *data, size_t n);	/* NULL = it only grows */
	void *context;
};

#define BUFFER_DRAIN_BYTES ((size_t)64 << 10)

/* Gives to `drain` what is left in a buffer that has one. */
void buffer_flush(struct buffer *b);

/* Frees the bytes and leaves an empty buffer. */
void buffer_done(struct buffer *b);

/* Gives back what it has grown over its bytes: for one that will be kept. */
void buffer_fit(struct buffer *b);

/*
 * Room for n bytes at the end, for who writes them there himself; NULL when out of memory. buffer_take() then says how many it were, and
 * nothing else is written in between.
 */
char *buffer_room(struct buffer *b, size_t n);
void buffer_take(struct buffer *b, size_t n);

void buffer_add(struct buffer *b, const void *data, size_t n);
void buffer_add_text(struct buffer *b, const char *s);
__attribute__((format(printf, 2, 3))) void buffer_printf(struct buffer *b, const char *format, ...);

#endif
