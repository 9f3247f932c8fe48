/* SPDX-License-Identifier: MIT */
/*
 * file.c - see file.h. The surprise: the checksums are looked at twice. The first pass knows whether the file is whole before anything is shown; the
 * second one trusts it no more than before, as the file may be written meanwhile.
 */
#include "record/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define CHUNK ((size_t)64 << 10)

/* 0, or -EBADMSG with the offset in the sentence. */
static int damaged(uint64_t at, const char *what, struct diag *d)
{
	return diag_set(d, -EBADMSG, "damaged at offset %llu: %s", (unsigned long long)at, what);
}

static int read_bytes(struct recording *r, void *ret, size_t n, struct diag *d)
{
	size_t got = fread(ret, 1, n, r->file);

	r->at += got;
	if (got == n)
		return 0;
	if (ferror(r->file))
		return diag_set(d, -EIO, "cannot be read at offset %llu: %s",
				(unsigned long long)r->at, strerror(errno));
	return damaged(r->at, "the file ends in the middle of a recording", d);
}

static int read_head(struct recording *r, struct diag *d)
{
	unsigned char head[RECORDING_HEAD_MOST];
	struct diag why = { 0 };
	size_t n;

	if (read_bytes(r, head, RECORDING_HEAD_LEAST, &why))
		return diag_set(d, -EBADMSG, "it is no recording of Poolscope: %s", why.text);
	if (recording_head_begin(head, &n, d))
		return -EBADMSG;
	if (read_bytes(r, head + RECORDING_HEAD_LEAST, n - RECORDING_HEAD_LEAST, d))
		return -EBADMSG;
	return recording_head_check(head, n, d);
}

static int read_block_head(struct recording *r, struct block_head *ret, struct diag *d)
{
	unsigned char head[BLOCK_HEAD_BYTES];
	struct diag why = { 0 };

	r->block_at = r->at;
	if (read_bytes(r, head, sizeof(head), d))
		return -EBADMSG;
	if (block_head_parse(head, ret, &why))
		return damaged(r->block_at, why.text, d);
	if (r->next_seq ? ret->seq != r->next_seq : !(ret->flags & (BLOCK_KEY | BLOCK_END)))
		return damaged(r->block_at, "a block is not the one that follows", d);
	r->next_seq = ret->seq + 1;
	return 0;
}

static int check_bytes(struct recording *r, const struct block_head *h, struct diag *d)
{
	unsigned long crc = crc32_z(0, NULL, 0);
	unsigned char chunk[CHUNK];
	int error = 0;

	for (size_t left = h->n_deflated, n; left && !error; left -= n) {
		n = left < CHUNK ? left : CHUNK;
		error = read_bytes(r, chunk, n, d);
		crc = crc32_z(crc, chunk, n);
	}
	if (error || crc == h->crc)
		return error;
	return damaged(r->block_at, "the checksum of a block is another one", d);
}

/* Up to the end, or to what is wrong. */
static int check_blocks(struct recording *r, struct diag *d)
{
	for (;;) {
		struct block_head h;
		int error = read_block_head(r, &h, d);

		if (!error)
			error = check_bytes(r, &h, d);
		if (error)
			return error;
		if (h.flags & BLOCK_END)
			break;
		if (h.t_ns < 0 || (r->n_ticks && h.t_ns <= r->last_ns))
			return damaged(r->block_at, "time goes backwards", d);
		if (!r->n_ticks++)
			r->first_ns = h.t_ns;
		r->last_ns = h.t_ns;
		r->end = r->at;
	}
	if (fgetc(r->file) != EOF)
		return damaged(r->at, "something follows its end", d);
	return 0;
}

int recording_open(struct recording *r, FILE *file, bool is_damaged, struct diag *d)
{
	uint64_t begin;
	int error;

	*r = (struct recording){ .file = file };
	error = read_head(r, d);
	if (error)
		return error;
	r->end = begin = r->at;
	error = check_blocks(r, d);
	if (error && !(is_damaged && r->n_ticks))
		return error;
	if (!r->n_ticks)
		return diag_set(d, -EBADMSG, "there is nothing in it");
	if (fseek(file, (long)begin, SEEK_SET))
		return diag_set(d, -errno, "cannot be read again: %s", strerror(errno));
	r->at = begin;
	r->next_seq = 0;
	return 0;
}

void recording_done(struct recording *r)
{
	if (r->file)
		fclose(r->file);
	free(r->deflated);
	free(r->raw);
	*r = (struct recording){ 0 };
}

int recording_next(struct recording *r, struct block_head *ret_head, const void **ret,
		   struct diag *d)
{
	struct block_head h;
	struct diag why = { 0 };
	int error;

	free(r->deflated);
	free(r->raw);
	r->deflated = r->raw = NULL;
	if (r->at >= r->end)
		return -ENODATA;
	error = read_block_head(r, &h, d);
	if (error)
		return error;
	if (h.flags & BLOCK_END || h.n_deflated > r->end - r->at)
		return damaged(r->block_at, "it has changed since it was opened", d);
	r->deflated = malloc(h.n_deflated + 1);
	r->raw = malloc((size_t)h.n_raw + 1);
	if (!r->deflated || !r->raw)
		return diag_set(d, -ENOMEM, "out of memory");
	error = read_bytes(r, r->deflated, h.n_deflated, d);
	if (error)
		return error;
	error = block_open(&h, r->deflated, r->raw, &why);
	if (error)
		return damaged(r->block_at, why.text, d);
	*ret_head = h;
	*ret = r->raw;
	return 0;
}

int recording_peek(struct recording *r, int64_t *ret_t_ns)
{
	unsigned char head[BLOCK_HEAD_BYTES];
	struct block_head h;
	size_t n;

	if (r->at >= r->end)
		return -ENODATA;
	n = fread(head, 1, sizeof(head), r->file);
	if (fseek(r->file, -(long)n, SEEK_CUR) || n < sizeof(head) ||
	    block_head_parse(head, &h, NULL))
		return -EBADMSG;
	*ret_t_ns = h.t_ns;
	return 0;
}
