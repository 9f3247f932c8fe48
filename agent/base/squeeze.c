/* SPDX-License-Identifier: MIT */
/*
 * squeeze.c - see squeeze.h. The surprise: two zeros among others are cheaper as they are than as a pair of their own.
 */
#include "base/squeeze.h"

#include <endian.h>
#include <string.h>

#define GAP 3 /* so many zeros end a run of others */
#define BLOCK 64u /* bytes that are looked at together: a bit each */

size_t number_write(uint64_t n, unsigned char ret[NUMBER_BYTES])
{
	size_t i = 0;

	for (; n > 0x7f; n >>= 7)
		ret[i++] = (unsigned char)(n | 0x80);
	ret[i++] = (unsigned char)n;
	return i;
}

uint64_t number_read(struct bytes *b)
{
	uint64_t n = 0;

	for (unsigned int shift = 0; shift < 64; shift += 7) {
		unsigned char c;

		if (b->at == b->end)
			break;
		c = *b->at++;
		n |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80))
			return n;
	}
	b->is_bad = 1;
	b->at = b->end;
	return 0;
}

const unsigned char *bytes_take(struct bytes *b, uint64_t n)
{
	const unsigned char *at = b->at;

	if (b->is_bad || n > (uint64_t)(b->end - b->at)) {
		b->is_bad = 1;
		b->at = b->end;
		return NULL;
	}
	b->at += n;
	return at;
}

/* The bit of each byte that is not zero; the first byte is the lowest. */
static uint64_t held_bytes(uint64_t word)
{
	const uint64_t low = 0x7f7f7f7f7f7f7f7f;
	uint64_t held = (((word & low) + low) | word) & ~low; /* the highest bit of each */

	return (held >> 7) * 0x0102040810204080 >> 56;
}

/* The same of BLOCK bytes of a XOR b. */
static uint64_t held_of_block(const unsigned char *a, const unsigned char *b)
{
	uint64_t word[BLOCK / 8], other[BLOCK / 8], any = 0, held = 0;

	memcpy(word, a, BLOCK);
	if (b)
		memcpy(other, b, BLOCK);
	for (unsigned int i = 0; i < BLOCK / 8; i++) {
		word[i] ^= b ? other[i] : 0;
		any |= word[i];
	}
	for (unsigned int i = 0; any && i < BLOCK / 8; i++)
		held |= held_bytes(le64toh(word[i])) << 8 * i;
	return held;
}

/* The same of the last n bytes, fewer than BLOCK. */
static uint64_t held_of_rest(const unsigned char *a, const unsigned char *b, size_t n)
{
	unsigned char x[BLOCK] = { 0 }, y[BLOCK] = { 0 };

	memcpy(x, a, n);
	if (b)
		memcpy(y, b, n);
	return held_of_block(x, y);
}

/* What is written, and the run of others that has not ended yet. */
struct squeezing {
	const unsigned char *a, *b;
	unsigned char *at;
	size_t written;		/* so many bytes are told */
	size_t begin, end;	/* of the run */
};

static void write_run(struct squeezing *s)
{
	if (s->begin == s->end)
		return;
	s->at += number_write(s->begin - s->written, s->at);
	s->at += number_write(s->end - s->begin, s->at);
	for (size_t i = s->begin; i < s->end; i++)
		*s->at++ = s->b ? s->a[i] ^ s->b[i] : s->a[i];
	s->written = s->end;
}

static void take_block(struct squeezing *s, size_t from, uint64_t held)
{
	while (held) {
		unsigned int zeros = (unsigned int)__builtin_ctzll(held);
		uint64_t rest = ~(held >> zeros);
		unsigned int n = rest ? (unsigned int)__builtin_ctzll(rest) : BLOCK;
		size_t begin = from + zeros;

		if (s->begin == s->end || begin - s->end >= GAP) {
			write_run(s);
			s->begin = begin;
		}
		s->end = begin + n;
		held = zeros + n < BLOCK ? held >> (zeros + n) << (zeros + n) : 0;
	}
}

size_t squeeze(const void *a, const void *b, size_t n, unsigned char *ret)
{
	struct squeezing s = { .a = a, .b = b, .at = ret + 3 /* room for the length */ };
	size_t i, length, end;

	for (i = 0; i + BLOCK <= n; i += BLOCK)
		take_block(&s, i, held_of_block(s.a + i, b ? s.b + i : NULL));
	if (i < n)
		take_block(&s, i, held_of_rest(s.a + i, b ? s.b + i : NULL, n - i));
	write_run(&s);
	length = (size_t)(s.at - ret) - 3;
	end = number_write(length, ret);
	memmove(ret + end, ret + 3, length);
	return end + length;
}

void unsqueeze(struct bytes *b, void *ret, size_t n)
{
	uint64_t length = number_read(b);
	const unsigned char *at = bytes_take(b, length);
	struct bytes in = { .at = at, .end = at ? at + length : NULL };
	unsigned char *to = ret;

	while (!b->is_bad && in.at < in.end) {
		uint64_t zeros = number_read(&in), others = number_read(&in);
		const unsigned char *from = bytes_take(&in, others);

		if (!from || zeros > n || others > n - zeros) {
			b->is_bad = 1;
			break;
		}
		to += zeros;
		n -= zeros + others;
		for (uint64_t i = 0; i < others; i++)
			*to++ ^= from[i];
	}
}
