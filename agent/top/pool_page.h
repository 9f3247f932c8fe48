/* SPDX-License-Identifier: MIT */
/*
 * pool_page.h - the parts of the page of one pool (pool_view.h), from the answers that the view has. Pure.
 */
#ifndef POOLSCOPE_TOP_POOL_PAGE_H
#define POOLSCOPE_TOP_POOL_PAGE_H

#include <stddef.h>

#include <jansson.h>

struct page;
struct pool_view;

enum pool_section {
	SECTION_WAITS,
	SECTION_HOLDS,
	SECTION_HOLDERS,
	SECTION_WAITERS,
	SECTION_SIZE,
	SECTION_COUNTS,
	SECTION_STALLS,
	SECTION_ABOUT,
	SECTION_PROBES,
	SECTION_COUNT
};

/* What it is, what is wrong with it and what to do, and how it is now. */
void pool_page_head(const struct pool_view *v, struct page *p);

/* One section, its heading and a blank line before it. */
void pool_page_section(const struct pool_view *v, struct page *p, enum pool_section section);

/* The finding that says most: of the most severe ones the first that is about the pool itself; NULL when there is none. */
const json_t *pool_page_worst(const struct pool_view *v);

/* All sections, those that show what is wrong first. */
void pool_page_order(const json_t *worst, enum pool_section ret[static SECTION_COUNT]);

#endif
