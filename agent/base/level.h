/* SPDX-License-Identifier: MIT */
/*
 * level.h - how closely a pool is watched, from all to nothing. Its probes are stepped down when watching costs its program too much (budget/budget.h), and what is
 * not known at a level is unknown everywhere: it is never shown as calm. Names are a promise to users: append, never rename.
 */
#ifndef POOLSCOPE_BASE_LEVEL_H
#define POOLSCOPE_BASE_LEVEL_H

/* X(id, "name", "what it means") */
#define LEVELS(X)                                                                                  \
	X(FULL, "full", "every probe is on")                                                       \
	X(SLOW_PATH, "slow-path", "no probe is on where items are taken and given back")           \
	X(SAMPLED, "sampled", "all probes are on for a second of many, or none is")                \
	X(FIELDS, "fields", "no probe is on: the pool's own counters are read, and its sockets")   \
	X(DETACHED, "detached", "nothing is asked of the program")

enum level {
#define LEVEL(id, name, text) LEVEL_##id,
	LEVELS(LEVEL)
#undef LEVEL
		LEVEL_COUNT
};

static inline const char *level_name(enum level level)
{
	static const char *const names[LEVEL_COUNT] = {
#define LEVEL(id, name, text) name,
		LEVELS(LEVEL)
#undef LEVEL
	};

	return names[level];
}

static inline const char *level_text(enum level level)
{
	static const char *const texts[LEVEL_COUNT] = {
#define LEVEL(id, name, text) text,
		LEVELS(LEVEL)
#undef LEVEL
	};

	return texts[level];
}

/* Why a target is at its level. X(id, "name", "what it means") */
#define LEVEL_REASONS(X)                                                                           \
	X(NONE, "none", "it is within its budget")                                                 \
	X(BUDGET, "budget", "watching it cost more than the budget")                               \
	X(REFUSED, "refused", "the kernel did not take its probes again")

enum level_reason {
#define LEVEL_REASON(id, name, text) LEVEL_REASON_##id,
	LEVEL_REASONS(LEVEL_REASON)
#undef LEVEL_REASON
		LEVEL_REASON_COUNT
};

static inline const char *level_reason_name(enum level_reason reason)
{
	static const char *const names[LEVEL_REASON_COUNT] = {
#define LEVEL_REASON(id, name, text) name,
		LEVEL_REASONS(LEVEL_REASON)
#undef LEVEL_REASON
	};

	return names[reason];
}

static inline const char *level_reason_text(enum level_reason reason)
{
	static const char *const texts[LEVEL_REASON_COUNT] = {
#define LEVEL_REASON(id, name, text) text,
		LEVEL_REASONS(LEVEL_REASON)
#undef LEVEL_REASON
	};

	return texts[reason];
}

#endif
