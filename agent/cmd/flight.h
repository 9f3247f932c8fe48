/* SPDX-License-Identifier: MIT */
/*
 * flight.h - the agent's recorder: what a tick has beside the model goes into it here, `poolscope record` reads from it, and what it holds is written
 * to a file when something critical is found.
 *
 * A file is begun some seconds after the finding, so that what came of it, and the stacks, are in it, and not before the one before could have been
 * forgotten: files do not overlap. It is written piece by piece between the ticks.
 */
#ifndef POOLSCOPE_CMD_FLIGHT_H
#define POOLSCOPE_CMD_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "detect/detect.h"
#include "model/model.h"

struct arena;
struct buffer;
struct flight;

#define FLIGHT_MINUTES 5
#define FLIGHT_MEGABYTES 16
#define FLIGHT_FOLDER "/var/lib/poolscope"
#define FLIGHT_FILES 10

struct flight_options {
	bool is_off;	/* nothing is kept but while somebody reads, and no file is written */
	bool is_logging;
	uint32_t minutes, megabytes, files;	/* 0 = default */
	const char *folder;	/* borrowed; NULL = default */
	struct detect_limits limits;	/* as the detectors have them */
};

/* Taps the model, which must outlive it. -ENOMEM. */
int flight_new(struct model *m, const struct flight_options *options, struct flight **ret);

/* Writes what is still to be written. NULL is allowed. */
void flight_free(struct flight *f);

/* Before the snapshot is made: threads may have other names than in the tick before. */
void flight_tick_begin(struct flight *f);

/* What a snapshot asks for, kept on the way; the context is the flight. A thread is asked for its name once in a tick. */
void flight_name_thread(void *flight, uint32_t tgid, uint32_t tid, char ret[PS_COMM_MAX],
			bool *ret_gone);
bool flight_thread_facts(void *flight, int32_t pid, uint32_t tid, struct thread_facts *ret);

/* The snapshot is made. */
void flight_tick_end(struct flight *f, const struct snapshot *s);

/* Goes on with the file; between the ticks. */
void flight_go_on(struct flight *f);

/*
 * What the API says under "record/": "begin" starts a recording, "first" asks for what is kept; both answer with two numbers, of the first block and of
 * the one after the last. A number answers with whole blocks from that one on. -ESRCH: it is none of these; -ESTALE: they are gone; -ENOMEM.
 */
int flight_read(struct flight *f, const char *what, int64_t now_ns, struct buffer *ret);

/* Records that found no room, so far. */
uint64_t flight_n_left_out(const struct flight *f);

/* Into the rows of `doctor`: in words, and what is wrong; NULL = nothing. */
const char *flight_state(const struct flight *f, struct arena *arena, const char **ret_problem);

#endif
