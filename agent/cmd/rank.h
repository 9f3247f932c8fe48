/* SPDX-License-Identifier: MIT */
/*
 * rank.h - the order in which a command lists JSON objects. Unknown numbers (NaN) are last.
 */
#ifndef POOLSCOPE_CMD_RANK_H
#define POOLSCOPE_CMD_RANK_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#define RANK_NUMBERS 6

/* What one object is compared by, in this order: numbers fall, the text rises. */
struct rank {
	json_t *item;	/* borrowed */
	double first;
	const char *text;	/* never NULL */
	double number[RANK_NUMBERS];
};

/* Sorts the ranks and answers {key: [their objects]}; NULL when out of memory. */
json_t *rank_list(const char *key, struct rank *ranks, size_t n, bool is_reversed);

#endif
