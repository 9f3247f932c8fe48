/* SPDX-License-Identifier: MIT */
/*
 * otlp_encoder.h - the inside of the encoder, for its parts: otlp_metrics.c (with otlp_hists.c and otlp_agent.c) and otlp_logs.c write, otlp_encode.c makes and frees.
 */
#ifndef POOLSCOPE_EXPORTERS_OTLP_ENCODER_H
#define POOLSCOPE_EXPORTERS_OTLP_ENCODER_H

#include "exporters/otlp_request.h"
#include "exporters/otlp_state.h"

/* A series of the agent: one number. */
struct single {
	struct attributes attributes;
	int metric;	/* enum agent_id */
	double value, last;
	int64_t start_ns;
	uint64_t seen;
	bool is_sent;
	UT_hash_handle hh;
};

struct otlp_encoder {
	struct otlp_encode_options options;
	struct state state;
	struct attributes label[S_POOL_COUNT];	/* reasons, outcomes, states */
	struct buffer resource;	/* of the agent; empty until there is a snapshot */
	struct single *singles;
	int64_t exemplars_ns;	/* those up to then were sent */
};

/* What is made of the first snapshot. -ENOMEM. */
int encoder_take(struct otlp_encoder *e, const struct snapshot *s);

#endif
