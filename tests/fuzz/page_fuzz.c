/* SPDX-License-Identifier: MIT */
/*
 * page_fuzz.c - any bytes as the memory of a process with pages. The input is that memory at two moments, one half each; between them 10 ms pass. What is
 * accepted never counts back, is never of the future, and no more is read than the limits allow.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/books.h"
#include "ingest/page.h"
#include "ingest/paged_pools.h"

#define BASE 0x100000u
#define ROOT_AT 512 /* behind the head of the first chunk */
#define NOW_NS 1000000000000
#define PARTS_MOST 20000 /* of 1 MiB of memory: slots 512, each read up to 16 times in up to 3 parts */

static const uint8_t *memory;
static size_t memory_bytes, n_parts;
static int64_t now_ns;

static void read_memory(void *context, struct page_part *part, size_t n)
{
	(void)context;
	for (size_t i = 0; i < n; i++) {
		uint64_t at = part[i].address - BASE;

		part[i].is_read = at < memory_bytes && part[i].bytes <= memory_bytes - at;
		if (part[i].is_read)
			memcpy(part[i].into, memory + at, part[i].bytes);
	}
	n_parts += n;
}

static int64_t read_clock(void *context)
{
	(void)context;
	return now_ns;
}

static void must(int is_so)
{
	if (!is_so)
		abort();
}

static void check(const struct page *g)
{
	must(g->n_chunks <= POOLSCOPE_PAGE_CHUNKS_MAX);
	for (size_t i = 0; i < g->n_slots; i++) {
		const struct page_slot *s = &g->slot[i];
		struct ps_pool b = { 0 };
		struct ps_hist h;

		must(s->n_holders <= PAGE_HOLDERS_MAX);
		for (size_t k = 0; k < s->n_holders; k++)
			must(s->holder[k].since_ns <= (uint64_t)now_ns + PAGE_SLACK_NS);
		if (!s->read_ns)
			continue;
		must(page_counts_fit(&s->counts, s->read_ns));
		page_slot_hold(s, &h);
		paged_add(&b, &s->counts);
		must(ps_books_are_whole(&b) && ps_in_use(&b) >= 0);
		must(paged_peak(&s->counts, now_ns - 1000000000, now_ns) <= b.leases_begun);
	}
}

static void check_follows(const struct page_slot *former, size_t n, const struct page *g)
{
	for (size_t i = 0; i < n && i < g->n_slots; i++)
		if (former[i].read_ns && former[i].serial == g->slot[i].serial &&
		    former[i].address == g->slot[i].address)
			must(page_counts_follow(&former[i].counts, former[i].read_ns,
						&g->slot[i].counts, g->slot[i].read_ns));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct page_memory m = { read_memory, read_clock, NULL, NULL };
	struct page g = { .root = BASE + ROOT_AT, .slots_max = 1000 };
	struct page_room room = { 0 };
	struct page_slot *former;
	size_t n;

	memory_bytes = size / 2;
	memory = data;
	now_ns = NOW_NS;
	n_parts = 0;
	page_read(&g, &m, &room);
	check(&g);
	n = g.n_slots;
	former = calloc(n + 1, sizeof(*former));
	if (former && n)
		memcpy(former, g.slot, n * sizeof(*former));
	memory = data + memory_bytes;
	now_ns += 10000000;
	page_read(&g, &m, &room);
	check(&g);
	if (former)
		check_follows(former, n, &g);
	page_read(&g, &m, &room);
	must(n_parts <= 3 * PARTS_MOST + size);
	free(former);
	page_done(&g);
	page_room_done(&room);
	return 0;
}
