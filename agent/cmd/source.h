/* SPDX-License-Identifier: MIT */
/*
 * source.h - where a command gets its JSON from: the running agent, over its socket, or, when none runs, an agent in this very
 * process; or a recording (`replay`). All give the same answers. All strings in them are clean.
 */
#ifndef POOLSCOPE_CMD_SOURCE_H
#define POOLSCOPE_CMD_SOURCE_H

#include <stdbool.h>

#include <jansson.h>

struct buffer;
struct diag;
struct invocation;
struct pool_choice;
struct source;

/*
 * Finds the agent. With --socket it must be that one; else, when none runs, starts one in-process and lets it watch for about a
 * second. Errors as of client_get() and agent_new(), with a sentence in d.
 */
int source_open(const struct invocation *in, struct source **ret, struct diag *d);

/* Ends the in-process agent. NULL is allowed. */
void source_close(struct source *s);

/* GET of an API path, such as "/api/v1/pools"; *ret is a new reference. -ENODATA: there is no such thing. */
int source_get(struct source *s, const char *path, json_t **ret, struct diag *d);

/* The pools of the choice, as encode_pools_chosen() has them. */
int source_get_pools(struct source *s, const struct pool_choice *c, json_t **ret, struct diag *d);

/* Lets time pass; the in-process agent works meanwhile, and a recording plays on, in no time where it need not be watched. */
int source_wait(struct source *s, int ms, struct diag *d);

/*
 * Likewise, but only until a key is pressed: there is something to read on the terminal that is standard input, or a signal came. One that comes while
 * the in-process agent works ends nothing.
 */
int source_wait_key(struct source *s, int ms, struct diag *d);

/* Nothing will ever change: a recording is at its end. */
bool source_is_over(const struct source *s);

/*
 * Of a recording: how fast it plays while time passes (0 = in no time), whether it does, and one tick more. -ENODATA: there is none. Seconds since
 * its first tick, and of all that is to be played.
 */
bool source_is_recording(const struct source *s);
double source_speed(const struct source *s);
void source_play(struct source *s, double speed, bool is_paused);
int source_step(struct source *s, struct diag *d);
double source_at_s(const struct source *s);
double source_length_s(const struct source *s);

/* Blocks of a recording from an agent, appended, or what agent_record() in agent.h says else. -ESTALE: they are gone. */
int source_record(struct source *s, const char *what, struct buffer *ret, struct diag *d);

/* Opens, gets one answer, closes; prints the error. An exit status; *ret is set when it is EXIT_DONE. */
int source_get_once(const struct invocation *in, const char *path, json_t **ret);

/* Prints JSON as --json wants it. */
void print_json(const json_t *json);

/* Likewise, but in one line where more will follow. */
void print_document(const struct invocation *in, const json_t *json);

static inline void cleanup_source(struct source **s)
{
	source_close(*s);
}

static inline void cleanup_json(json_t **json)
{
	json_decref(*json);
}

#endif
