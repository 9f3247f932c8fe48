/* SPDX-License-Identifier: MIT */
/* otlp_encode.c - see otlp_encode.h. No surprise: it makes the encoder and frees it; otlp_metrics.c and otlp_logs.c do the work. */
#include "exporters/otlp_encode.h"

#include <errno.h>
#include <stdlib.h>

#include "exporters/otlp_encoder.h"
#include "exporters/otlp_resource.h"

int otlp_encoder_new(const struct otlp_encode_options *options, struct otlp_encoder **ret)
{
	struct otlp_encoder *e = calloc(1, sizeof(*e));
	const struct series_def *series = pool_series();

	if (!e)
		return -ENOMEM;
	e->options = *options;
	e->state.is_delta = options->temporality != OTLP_CUMULATIVE;
	e->state.max_series = options->max_series ? options->max_series : OTLP_MAX_SERIES;
	e->state.since_ns = options->since_wall_ns;
	for (int i = 0; i < S_POOL_COUNT; i++) {
		if (series[i].label)
			attributes_add(&e->label[i], series[i].label, series[i].label_value);
		if (e->label[i].bytes.error) {
			otlp_encoder_free(e);
			return -ENOMEM;
		}
	}
	*ret = e;
	return 0;
}

void otlp_encoder_free(struct otlp_encoder *e)
{
	struct single *s, *next;

	if (!e)
		return;
	HASH_ITER (hh, e->singles, s, next) {
		HASH_DEL(e->singles, s);
		attributes_done(&s->attributes);
		free(s);
	}
	for (int i = 0; i < S_POOL_COUNT; i++)
		attributes_done(&e->label[i]);
	buffer_done(&e->resource);
	state_done(&e->state);
	free(e);
}

int encoder_take(struct otlp_encoder *e, const struct snapshot *s)
{
	struct buffer resource = { 0 };
	int r;

	if (e->resource.n)
		return 0;
	r = resource_of_agent(s, &resource);
	if (r)
		buffer_done(&resource);
	else
		e->resource = resource;
	return r;
}
