/* SPDX-License-Identifier: MIT */
/*
 * series.h - pools with the same labels (two processes of one name) as one series: where it is more than one, numbers that whoever writes the page sums as pools
 * come in, and the rows themselves, of which their histograms are summed only when they are written. Rows are borrowed from the snapshot.
 */
#ifndef POOLSCOPE_EXPORTERS_SERIES_H
#define POOLSCOPE_EXPORTERS_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uthash.h>

struct arena;
struct buffer;
struct pool_row;
struct snapshot;

/* Appends one pair to labels; what is written is up to the form of the page, but equal for equal pairs alone. */
typedef void series_label(struct buffer *labels, const char *name, const char *value);

/* What is summed: `begin` sets the numbers of a series that has no pool yet, `add` adds one. */
struct series_sums {
	size_t n_values;
	void (*begin)(double *values);
	void (*add)(double *values, const struct pool_row *p);
};

struct series_row {
	const struct pool_row *pool;
	struct series_row *next;
};

struct series {
	const char *labels;	/* as series_label wrote them; the key */
	size_t n_labels;
	struct series_row *rows, *last;
	double *values;	/* NULL = there is one row, which has them */
	UT_hash_handle hh;	/* hh.next: the next series, in the order of their oldest pools' ids */
};

struct series_set {
	struct series *first;
	uint64_t overflow;	/* pools that went into `other` */
	const struct series_sums *sums;
	struct arena *arena;	/* owns all of it */
};

/*
 * Joins the pools of a snapshot. When there are `max` label sets the newcomers (by their ids, so tick after tick the same ones) go into one
 * series whose labels are all "other". What is gone (snapshot->retired) is a row of the series that it belongs to, and makes none; with a series
 * per process (has_pid) it is left out. 0 or -ENOMEM; series_done() in any case.
 */
int series_init(struct series_set *set, const struct snapshot *s, bool has_pid, size_t max,
		series_label *add_label, const struct series_sums *sums);
void series_done(struct series_set *set);

#endif
