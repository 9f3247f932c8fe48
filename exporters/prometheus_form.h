/* SPDX-License-Identifier: MIT */
/*
 * prometheus_form.h - between the families (prometheus_families.c, which knows what is told) and the forms of a page (one file each, which
 * know how). A family is begun, gets its samples, and is ended. Labels are handed over as bytes that the form itself wrote, so they are written
 * once and copied from then on; bytes of two sets are one set when they stand behind each other as join() puts them.
 *
 * Inside the exporters alone. Not thread-safe.
 */
#ifndef POOLSCOPE_EXPORTERS_PROMETHEUS_FORM_H
#define POOLSCOPE_EXPORTERS_PROMETHEUS_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/classic.h"
#include "exporters/series.h"
#include "model/snapshot.h"

/* One wait or hold of a process; row is NULL where there is none. */
struct exemplar {
	const struct exemplar_row *row;
	int32_t pid;
};

/* What is said of it, clean. */
struct exemplar_text {
	char pid[12], tid[12];
	char thread[PS_COMM_MAX];	/* "" = not known */
};

struct exemplar_text exemplar_text(const struct exemplar *e);

/* Some histograms in one. */
struct summed {
	bool is_known;
	uint64_t count;		/* may be more than is in buckets, where the rest is known by number and sum alone */
	double sum_s;
	unsigned int first, end;	/* all other buckets are 0 */
	uint64_t bucket[PS_HIST_BUCKETS];
	struct exemplar exemplar[N_CLASSIC];	/* of a classic bucket, the newest */
};

/* Empties it; the first time it must be zeroed by other means. */
void summed_clear(struct summed *h);

/* Adds one; NULL adds nothing. */
void summed_add(struct summed *h, const struct hist *other);

void summed_add_exemplars(struct summed *h, const struct exemplar_row *rows, size_t n, int32_t pid);

/* How many values each classic bucket has, those of the ones below it too; the last is `count`. */
void summed_cut(const struct summed *h, uint64_t ret[N_CLASSIC]);

enum family_type { TYPE_gauge, TYPE_counter, TYPE_histogram, TYPE_info };

struct family {
	const char *name;	/* of a counter with its _total, of an info with its _info */
	enum family_type type;
	const char *unit;	/* "seconds", "bytes", a part of the name; NULL = none */
	const char *help;
	bool is_partial;	/* of some histogram not all values are in buckets */
};

struct labels {
	const char *data;
	size_t n;
};

struct writer;

struct form {
	const char *content_type;
	/* Appends a pair, whose value is clean (text_clean()). */
	void (*label)(struct buffer *labels, const char *name, const char *value);
	void (*begin)(struct writer *w);	/* w->family */
	void (*value)(struct writer *w, struct labels labels, struct labels more, double v);
	void (*histogram)(struct writer *w, struct labels labels, struct labels more,
			  const struct summed *h);
	void (*end)(struct writer *w);
	void (*end_page)(struct writer *w);
};

#define NUMBER_BYTES 32	/* room for any number as text, without a NUL */

struct writer {
	const struct form *form;
	struct buffer *out;	/* may drain */
	struct family family;
	struct labels constant;	/* those of the configuration, at every sample; a form writes them behind the others */
	struct buffer scratch;	/* the form's own, within a call or a family */
	struct summed sum;	/* for who writes a histogram */
	/* of the protobuf form: samples of the family so far, the bytes of one without labels, and a tag */
	size_t n_samples;
	uint8_t value_bytes[32];
	size_t n_value_bytes;
	uint64_t metric_tag;
	/* of the text forms: the bounds, each with what stands behind it, as `1"} `; 0 bytes = not yet */
	char le[N_CLASSIC][NUMBER_BYTES + 4];
	size_t n_le[N_CLASSIC];
};

extern const struct form prometheus_text, prometheus_openmetrics, prometheus_protobuf;

/* How the families want the numbers of a series summed. */
extern const struct series_sums prometheus_sums;

/* All families of a snapshot. Errors are in the buffers. */
void prometheus_families(struct writer *w, const struct snapshot *s, const struct series_set *set);

/* Cleans the value (NULL = "unknown") and appends the pair. */
void prometheus_label(const struct form *form, struct buffer *labels, const char *name,
		      const char *value);

#endif
