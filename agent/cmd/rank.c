/* SPDX-License-Identifier: MIT */
/* rank.c - see rank.h. No surprise. */
#include "cmd/rank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare_numbers(double p, double q)
{
	p = isnan(p) ? -HUGE_VAL : p;
	q = isnan(q) ? -HUGE_VAL : q;
	return (p < q) - (p > q);
}

static int compare_ranks(const void *a, const void *b)
{
	const struct rank *p = a, *q = b;
	int r = compare_numbers(p->first, q->first);

	if (!r)
		r = strcmp(p->text, q->text);
	for (int i = 0; !r && i < RANK_NUMBERS; i++)
		r = compare_numbers(p->number[i], q->number[i]);
	return r;
}

json_t *rank_list(const char *key, struct rank *ranks, size_t n, bool is_reversed)
{
	json_t *list = json_array();

	if (n)
		qsort(ranks, n, sizeof(*ranks), compare_ranks);
	for (size_t i = 0; i < n; i++)
		json_array_append(list, ranks[is_reversed ? n - 1 - i : i].item);
	return json_pack("{s:o}", key, list);
}
