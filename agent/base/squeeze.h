/* SPDX-License-Identifier: MIT */
/*
 * squeeze.h - bytes that are mostly zero, in few. Pure.
 *
 * A number is written seven bits a byte, the lowest first, with the highest bit set where another byte follows. What is squeezed is its length,
 * then pairs (zeros, others) with the others after each; zeros at the end are left out.
 */
#ifndef POOLSCOPE_BASE_SQUEEZE_H
#define POOLSCOPE_BASE_SQUEEZE_H

#include <stddef.h>
#include <stdint.h>

#define SQUEEZED_MOST(n) ((n) + (n) / 2 + 24)	/* bytes that n may take */
#define NUMBER_BYTES 10

/* Bytes that are read one after the other; once something makes no sense `is_bad` is set, and all that follows is 0. */
struct bytes {
	const unsigned char *at, *end;
	int is_bad;
};

/* Returns the bytes written. */
size_t number_write(uint64_t n, unsigned char ret[NUMBER_BYTES]);
uint64_t number_read(struct bytes *b);

/* NULL = there are not so many. */
const unsigned char *bytes_take(struct bytes *b, uint64_t n);

/* Squeezes a XOR b; b = NULL: zeros. Returns the bytes written, SQUEEZED_MOST(n) at most. */
size_t squeeze(const void *a, const void *b, size_t n, unsigned char *ret);

/* XORs what was squeezed into n bytes. */
void unsqueeze(struct bytes *b, void *ret, size_t n);

#endif
