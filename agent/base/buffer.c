/* SPDX-License-Identifier: MIT */
/* buffer.c - see buffer.h. No surprise: it doubles, and keeps a NUL behind the last byte. One that drains stops growing at a piece. */
#include "base/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_done(struct buffer *b)
{
	free(b->data);
	*b = (struct buffer){ 0 };
}

void buffer_fit(struct buffer *b)
{
	char *data = b->data ? realloc(b->data, b->n + 1) : NULL;

	if (!data)
		return; /* it stays as it is */
	b->data = data;
	b->size = b->n + 1;
}

/* Makes room for n more bytes and a NUL. */
static int reserve(struct buffer *b, size_t n)
{
	size_t size = b->size ? b->size : 256;
	char *data;

	if (b->error)
		return b->error;
	if (n >= SIZE_MAX / 4 || b->n >= SIZE_MAX / 4)
		return b->error = -ENOMEM;
	if (b->n + n + 1 <= b->size)
		return 0;
	while (size < b->n + n + 1)
		size *= 2;
	data = realloc(b->data, size);
	if (!data)
		return b->error = -ENOMEM;
	b->data = data;
	b->size = size;
	return 0;
}

void buffer_flush(struct buffer *b)
{
	if (b->error || !b->drain || !b->n)
		return;
	b->drain(b->context, b->data, b->n);
	b->n = 0;
	b->data[0] = '\0';
}

static void grow_by(struct buffer *b, size_t n)
{
	b->n += n;
	b->data[b->n] = '\0';
	if (b->drain && b->n >= BUFFER_DRAIN_BYTES)
		buffer_flush(b);
}

char *buffer_room(struct buffer *b, size_t n)
{
	return reserve(b, n) ? NULL : b->data + b->n;
}

void buffer_take(struct buffer *b, size_t n)
{
	grow_by(b, n);
}

void buffer_add(struct buffer *b, const void *data, size_t n)
{
	if (b->drain && n >= BUFFER_DRAIN_BYTES && !b->error) { /* it need not lie here as well */
		buffer_flush(b);
		b->drain(b->context, data, n);
		return;
	}
	if (reserve(b, n))
		return;
	if (n)
		memcpy(b->data + b->n, data, n);
	grow_by(b, n);
}

void buffer_add_text(struct buffer *b, const char *s)
{
	buffer_add(b, s, strlen(s));
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0 || reserve(b, (size_t)n))
		return;
	va_start(args, format);
	vsnprintf(b->data + b->n, (size_t)n + 1, format, args);
	va_end(args);
	grow_by(b, (size_t)n);
}
