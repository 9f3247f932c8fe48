/* SPDX-License-Identifier: MIT */
/*
 * block.c - see block.h. The surprise: deflate says itself how long it becomes, and a thousand times longer than it is, so what is said in the head is
 * all that is taken out, and it must be exactly that.
 */
#include "record/block.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "model/records.h"
#include "record/tick.h"

#define MAGIC "PSRECORD"
#define BLOCK_MAGIC 0x4b4c4253u /* "SBLK" */
#define VERSION_BYTES 24u
#define KIND_BYTES 12u
#define BLOCK_ROOM ((size_t)16 << 10)
/* lengths may be longer than zlib ever makes them, by this */
#define DEFLATED_MOST (TICK_MOST_BYTES + (TICK_MOST_BYTES >> 10) + 64)

static unsigned char *put_number(unsigned char *at, uint64_t n, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		*at++ = (unsigned char)(n >> 8 * i);
	return at;
}

static uint64_t get_number(const unsigned char **at, unsigned int bytes)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < bytes; i++)
		n |= (uint64_t) * (*at)++ << 8 * i;
	return n;
}

static uint32_t checksum(const unsigned char *data, size_t n)
{
	return (uint32_t)crc32_z(crc32_z(0, NULL, 0), data, n);
}

/* ---- the head of a file --------------------------------------------------------------------------------------------------- */

static uint32_t n_kinds(void)
{
	uint32_t n = 0;

	for (int i = 0; i < RECORD_END; i++)
		n += record_kinds[i].name != NULL;
	return n;
}

size_t recording_head_format(unsigned char *ret, size_t size)
{
	size_t n = RECORDING_HEAD_LEAST + KIND_BYTES * n_kinds() + 4;
	char version[VERSION_BYTES] = POOLSCOPE_VERSION;
	unsigned char *at = ret;

	if (n > size || n > RECORDING_HEAD_MOST)
		return 0;
	memcpy(at, MAGIC, 8);
	at = put_number(at + 8, RECORDING_VERSION, 4);
	at = put_number(at, n, 4);
	at = put_number(at, n_kinds(), 4);
	at = put_number(at, 0, 4);
	memcpy(at, version, sizeof(version));
	at += sizeof(version);
	for (uint32_t i = 0; i < RECORD_END; i++) {
		if (!record_kinds[i].name)
			continue;
		at = put_number(at, i, 4);
		at = put_number(at, record_kinds[i].key_size, 4);
		at = put_number(at, record_kinds[i].value_size, 4);
	}
	put_number(at, checksum(ret, n - 4), 4);
	return n;
}

int recording_head_begin(const unsigned char *data, size_t *ret_n, struct diag *d)
{
	const unsigned char *at = data + 8;
	uint32_t version, n;

	if (memcmp(data, MAGIC, 8) != 0)
		return diag_set(d, -EBADMSG, "it is no recording of Poolscope");
	version = (uint32_t)get_number(&at, 4);
	n = (uint32_t)get_number(&at, 4);
	if (version != RECORDING_VERSION)
		return diag_set(
			d, -EBADMSG,
			"it has version %u of the format, and this program reads version %u",
			version, RECORDING_VERSION);
	if (n < RECORDING_HEAD_LEAST + 4 || n > RECORDING_HEAD_MOST)
		return diag_set(d, -EBADMSG, "its head has a wrong length");
	*ret_n = n;
	return 0;
}

/* The first record that is another one here. */
static int other_sizes(const unsigned char *data, const unsigned char *ours, size_t n,
		       const char *version, struct diag *d)
{
	size_t i = RECORDING_HEAD_LEAST;

	while (i + 2 * KIND_BYTES + 4 <= n && !memcmp(data + i, ours + i, KIND_BYTES))
		i += KIND_BYTES;
	data += i;
	return diag_set(
		d, -EBADMSG,
		"it was made by another build of Poolscope (%s; here %s): its records are others, from number %u on",
		version, POOLSCOPE_VERSION, (unsigned int)get_number(&data, 4));
}

/* What the head would be here, but for the version of the program. */
int recording_head_check(const unsigned char *data, size_t n, struct diag *d)
{
	unsigned char ours[RECORDING_HEAD_MOST];
	size_t n_ours = recording_head_format(ours, sizeof(ours));
	const unsigned char *sum = data + n - 4;
	char version[VERSION_BYTES];

	if (get_number(&sum, 4) != checksum(data, n - 4))
		return diag_set(d, -EBADMSG, "its head is damaged");
	memcpy(version, data + 24, sizeof(version));
	version[sizeof(version) - 1] = 0;
	for (char *c = version; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	memcpy(ours + 24, data + 24, VERSION_BYTES);
	if (n != n_ours || memcmp(data, ours, n - 4) != 0)
		return other_sizes(data, ours, n < n_ours ? n : n_ours, version, d);
	return 0;
}

/* ---- blocks --------------------------------------------------------------------------------------------------------------- */

void block_head_format(const struct block_head *h, unsigned char ret[BLOCK_HEAD_BYTES])
{
	unsigned char *at = put_number(ret, BLOCK_MAGIC, 4);

	at = put_number(at, h->flags, 4);
	at = put_number(at, h->n_raw, 4);
	at = put_number(at, h->n_deflated, 4);
	at = put_number(at, h->seq, 8);
	at = put_number(at, (uint64_t)h->t_ns, 8);
	at = put_number(at, (uint64_t)h->wall_ns, 8);
	at = put_number(at, h->crc, 4);
	put_number(at, checksum(ret, BLOCK_HEAD_BYTES - 4), 4);
}

int block_head_parse(const unsigned char data[BLOCK_HEAD_BYTES], struct block_head *ret,
		     struct diag *d)
{
	const unsigned char *at = data;

	if (get_number(&at, 4) != BLOCK_MAGIC)
		return diag_set(d, -EBADMSG, "no block begins here");
	ret->flags = (uint32_t)get_number(&at, 4);
	ret->n_raw = (uint32_t)get_number(&at, 4);
	ret->n_deflated = (uint32_t)get_number(&at, 4);
	ret->seq = get_number(&at, 8);
	ret->t_ns = (int64_t)get_number(&at, 8);
	ret->wall_ns = (int64_t)get_number(&at, 8);
	ret->crc = (uint32_t)get_number(&at, 4);
	if (get_number(&at, 4) != checksum(data, BLOCK_HEAD_BYTES - 4))
		return diag_set(d, -EBADMSG, "the head of a block is damaged");
	if (ret->flags & ~(uint32_t)(BLOCK_KEY | BLOCK_END))
		return diag_set(d, -EBADMSG, "a block has unknown flags");
	if (ret->n_raw > TICK_MOST_BYTES || ret->n_deflated > DEFLATED_MOST)
		return diag_set(d, -EBADMSG, "a block has more than %zu bytes", TICK_MOST_BYTES);
	return 0;
}

struct deflater {
	z_stream z;
	unsigned char *block; /* owned: room for the head, and what is deflated so far; NULL = none has begun */
	size_t room, n_raw;
};

struct deflater *deflater_new(void)
{
	struct deflater *d = calloc(1, sizeof(*d));

	if (d && deflateInit2(&d->z, 1, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
		free(d);
		return NULL;
	}
	return d;
}

static void drop_block(struct deflater *d)
{
	free(d->block);
	d->block = NULL;
	d->room = 0;
}

void deflater_free(struct deflater *d)
{
	if (!d)
		return;
	drop_block(d);
	deflateEnd(&d->z);
	free(d);
}

/* Makes room for more behind what is deflated. -ENOMEM leaves the block. */
static int block_grow(struct deflater *d)
{
	size_t n = d->block ? (size_t)(d->z.next_out - d->block) : BLOCK_HEAD_BYTES;
	size_t room = d->room + d->room / 2 + BLOCK_ROOM;
	unsigned char *more = realloc(d->block, room);

	if (!more)
		return -ENOMEM;
	d->block = more;
	d->room = room;
	d->z.next_out = more + n;
	d->z.avail_out = (uInt)(room - n);
	return 0;
}

void block_begin(struct deflater *d)
{
	drop_block(d);
	deflateReset(&d->z);
	d->z.avail_out = 0;
	d->n_raw = 0;
}

/* Until all of it is taken in, and for the last piece until all has come out. */
static int deflate_piece(struct deflater *d, const void *data, size_t n, int flush)
{
	int rc = Z_OK;

	d->z.next_in = (unsigned char *)data;
	d->z.avail_in = (uInt)n;
	while (d->z.avail_in || (flush == Z_FINISH && rc != Z_STREAM_END)) {
		if (!d->z.avail_out && block_grow(d))
			return -ENOMEM;
		rc = deflate(&d->z, flush);
	}
	return 0;
}

int block_add(struct deflater *d, const void *data, size_t n)
{
	if (n > TICK_MOST_BYTES - d->n_raw)
		return -ENOMEM;
	d->n_raw += n;
	return deflate_piece(d, data, n, Z_NO_FLUSH);
}

int block_end(struct deflater *d, struct block_head *h, unsigned char **ret, size_t *ret_n)
{
	unsigned char *smaller;
	size_t n;

	if (deflate_piece(d, NULL, 0, Z_FINISH))
		return -ENOMEM;
	n = (size_t)(d->z.next_out - d->block);
	h->n_raw = (uint32_t)d->n_raw;
	h->n_deflated = (uint32_t)(n - BLOCK_HEAD_BYTES);
	h->crc = checksum(d->block + BLOCK_HEAD_BYTES, h->n_deflated);
	block_head_format(h, d->block);
	smaller = realloc(d->block, n);
	*ret = smaller ? smaller : d->block;
	*ret_n = n;
	d->block = NULL;
	d->room = 0;
	return 0;
}

int block_make(struct deflater *d, struct block_head *h, const void *data, size_t n,
	       unsigned char **ret, size_t *ret_n)
{
	block_begin(d);
	return block_add(d, data, n) ? -ENOMEM : block_end(d, h, ret, ret_n);
}

int block_open(const struct block_head *h, const unsigned char *deflated, unsigned char *raw,
	       struct diag *d)
{
	z_stream z = { 0 };
	bool is_good;

	if (checksum(deflated, h->n_deflated) != h->crc)
		return diag_set(d, -EBADMSG, "a block is damaged: its checksum is another one");
	if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
		return diag_set(d, -ENOMEM, "out of memory");
	z.next_in = (unsigned char *)deflated;
	z.avail_in = h->n_deflated;
	z.next_out = raw;
	z.avail_out = h->n_raw;
	is_good = inflate(&z, Z_FINISH) == Z_STREAM_END && !z.avail_in && !z.avail_out;
	inflateEnd(&z);
	return is_good ? 0
		       : diag_set(d, -EBADMSG,
				  "a block does not become the %u bytes that its head says",
				  h->n_raw);
}
