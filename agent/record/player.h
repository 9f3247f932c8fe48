/* SPDX-License-Identifier: MIT */
/*
 * player.h - a recording into a model and detectors of its own, tick by tick: the snapshots are those that the agent had, but for what it knew
 * from before the recording began.
 */
#ifndef POOLSCOPE_RECORD_PLAYER_H
#define POOLSCOPE_RECORD_PLAYER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct diag;
struct player;
struct snapshot;

/* Takes the file over, also when it fails. As recording_open(). */
int player_open(FILE *file, bool is_damaged, struct player **ret, struct diag *d);
void player_close(struct player *p);

/* Plays one tick. -ENODATA: it is at the end. -EBADMSG: what comes makes no sense, with the offset; -ENOMEM. */
int player_next(struct player *p, struct diag *d);

/* All ticks up to so many ns after the first one. 0 also at the end. */
int player_go(struct player *p, int64_t to_ns, struct diag *d);

/* Of the last tick that was played, borrowed until the next one; NULL before the first, and after one that made no sense. */
const struct snapshot *player_snapshot(const struct player *p);

/* ns between the first tick and the last one that was played, and the last one that there is. */
int64_t player_at_ns(const struct player *p);
int64_t player_length_ns(const struct player *p);

#endif
