/* SPDX-License-Identifier: MIT */
/*
 * gzip.h - bytes as one gzip member (RFC 1952), in pieces or at once, and who wants them so. Pure. The level is the fastest: what we compress are
 * names that repeat, of which it leaves a fifteenth; a better one would stop the loop for longer than the network saves.
 */
#ifndef POOLSCOPE_EXPORTERS_GZIP_H
#define POOLSCOPE_EXPORTERS_GZIP_H

#include <stdbool.h>
#include <stddef.h>

struct buffer;
struct gzip;

/* What is added goes into `to`, borrowed until gzip_end(). NULL when out of memory. */
struct gzip *gzip_new(struct buffer *to);

/* One piece. Takes a void * to be the `drain` of a buffer. */
void gzip_add(void *gzip, const char *data, size_t n);

/* Writes the end and frees. 0 or -ENOMEM, which also stands in to->error. */
int gzip_end(struct gzip *g);

/* All at once. 0 or -ENOMEM. */
int gzip_buffer(const char *data, size_t n, struct buffer *ret);

/*
 * Whether an Accept-Encoding header (RFC 9110, 12.5.3) takes gzip at least as gladly as what is not compressed; NULL = there is none, and it does not.
 * "gzip;q=0" forbids, "x-gzip" is the same thing, "*" stands for all that is not named. What is malformed is passed over.
 */
bool gzip_is_accepted(const char *accept_encoding);

#endif
