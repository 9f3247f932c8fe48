/* SPDX-License-Identifier: MIT */
/*
 * infer.c - what may be said of a pool that was inferred from its connections (bpf/infer.h). The surprise: most of it says when
 * nothing may be said. The same traffic comes from a pool, from tasks that go through an executor and from an event loop; what tells
 * them apart is kept in counts beside the numbers, and where those doubt, the number is unknown and not small.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "model/state.h"

/* Shares were found on programs with known books, 2026-11: pools up to 0.02, executors from 0.9. */
#define CONTRADICTED 0.2 /* of waits during which a connection was free */
#define FREE 0.5 /* connections that nobody held when a wait ended, but for those that somebody keeps silent */
#define LOST 0.2 /* of wakings where threads wait: who was woken got nothing, as where all are woken for one; pools that wake one: 0.02 */
#define AT_ONCE 0.2 /* of waits: one release ended several, as no pool does and every broadcast */
#define SILENT 0.5 /* of the connections: more are rather free than kept, of a pool that takes the last one first */
#define UNCLEAR 0.25 /* of the time before connections were taken that no user of one ended */
#define MULTIPLEXED 0.1 /* of requests of threads that had another one unanswered */
#define PASSED 0.9 /* of answers: passed on to the client who asked, as a proxy does */
#define IN_DOUBT 0.2 /* of a proxy's waits: the connection was free, so its client waited for something else */
#define IN_DOUBT_FEW 0.01 /* of its answers: now and then the loop itself is held up */
#define HANDED 0.9 /* of holds whose end was seen: from here on their sum is one of holds, not of traffic */
#define HANDED_HIGH 0.95
#define QUIET 0.1 /* of requests: sent while nobody waited, so how often the connection was taken for them is not known */
#define FEW 20 /* waits: too few to be sure */
#define FRESH_NS 1000000000 /* a hand-off is no longer ago: the pool is full */

#define SLICED 0.05 /* of waits: in parts that a timer ended, so one that was given up and tried again at once looks like them */
#define RETRIED 0.8 /* of waits given up: tried again at once. One of them, held up by a busy machine, looks as if its thread had done something else */
#define NEW 0.3 /* of waits given up: where nobody had waited before, so each has a place of its own, and that says nothing */
#define EARLIER 0.05 /* than the usual one: a timeout of the same length by another clock */
#define LATER 0.15 /* a timer is seldom early, and late when the processors are busy */
#define ROUNDS 4 /* hand-offs for each connection: by then a free one would have been among them */

static double share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

static uint64_t endpoint_open(const struct endpoint *e)
{
	return e->books.open > 0 ? (uint64_t)e->books.open : 0;
}

static bool is_sliced(const struct endpoint *e)
{
	return share(e->wire.sliced, e->wire.handoffs_long) > SLICED;
}

/* One thread serves many, or is the only one: what it sleeps on says nothing. */
static enum inferred loop_inferred(const struct ps_wire *b)
{
	uint64_t doubt = b->passed_doubt;

	if (b->answered < FEW || share(b->passed, b->answered) < PASSED)
		return INFERRED_WIRE;
	if (share(doubt, doubt + b->passed_long) > IN_DOUBT &&
	    share(doubt, b->passed) > IN_DOUBT_FEW)
		return INFERRED_WIRE;
	return INFERRED_PASSED;
}

enum inferred endpoint_inferred(const struct endpoint *e)
{
	const struct ps_wire *b = &e->wire;
	uint64_t before_ns = b->wait.sum_ns + b->unclear_ns;
	uint64_t n_silent = (uint64_t)e->n_silent, n_open = endpoint_open(e);

	if (e->key.role != PS_SOCK_CONNECT || !(b->acquires + b->looped))
		return INFERRED_NOTHING;
	if (b->unfollowed)
		return INFERRED_NOTHING;
	if (share(b->multiplexed + b->looped, b->acquires + b->looped) > MULTIPLEXED)
		return loop_inferred(b);
	if (share(b->contradictions, b->handoffs) > CONTRADICTED ||
	    e->n_free - (double)e->n_silent > FREE || share(n_silent, n_open) > SILENT ||
	    share(b->unclear_ns, before_ns) > UNCLEAR ||
	    share(b->lost, b->lost + b->handoffs) > LOST ||
	    (b->handoffs > b->handed && share(b->handoffs - b->handed, b->handoffs) > AT_ONCE))
		return INFERRED_DOUBT;
	if (share(b->handed, b->releases) < HANDED || share(e->n_quiet, b->requests) > QUIET)
		return INFERRED_WAITS;
	return INFERRED_HOLDS;
}

int endpoint_take_wire(struct endpoint *e, const struct ps_wire *wire)
{
	uint64_t n = wire->handoffs - e->wire.handoffs;
	double n_free = share(wire->free_sum - e->wire.free_sum, n);

	if (!memcmp(&e->wire, wire, sizeof(*wire)))
		return 0;
	if (wire->handoffs_long + wire->passed_long > e->wire.handoffs_long + e->wire.passed_long &&
	    endpoint_open(e) > e->open_full)
		e->open_full = endpoint_open(e);
	if (!n)
		e->n_quiet += wire->requests - e->wire.requests;
	if (n) /* the more waits the more weight */
		e->n_free += (n_free - e->n_free) * (double)n / (double)(n + FEW);
	if (wire->acquires > wire->handoffs + e->waitless)
		e->waitless = wire->acquires - wire->handoffs;
	e->wire = *wire;
	if (hist_catch_up(&e->wait, &wire->wait, e->waitless) ||
	    hist_catch_up(&e->hold, &wire->hold, 0))
		return -ENOMEM;
	return 0;
}

/*
 * Silent while the others went round: threads waited, and none was given this one. So somebody has it who does nothing with it. One that
 * is at work is in use as well, but no secret.
 */
void endpoint_take_socket(struct endpoint *e, const struct ps_sock *sock)
{
	const struct ps_wire *b = &e->wire;
	uint64_t open = endpoint_open(e);
	/* a Unix socket may have been closed since it was found to be open */
	uint64_t now = sock->endpoint.addr.family == 1 ? sock->handoffs_alive : b->handoffs_long;
	uint64_t missed = now - sock->handoffs_seen;
	int64_t since = (int64_t)(sock->last_ns ? sock->last_ns : sock->since_ns);

	if (sock->flags & PS_SOCK_BUSY || sock->handoffs_seen > now || /* since the wire was read */
	    missed < FEW || missed < ROUNDS * open)
		return;
	e->n_silent++;
	e->n_silent_held += !!(sock->flags & PS_SOCK_HELD);
	if (e->silent_since_ns == UNKNOWN || since < e->silent_since_ns)
		e->silent_since_ns = since;
}

/* ---- timeouts ------------------------------------------------------------------------------------------------------------ */

static double mean_ns(const struct ps_given_up *g)
{
	return g->n ? (double)g->sum_ns / (double)g->n : 0;
}

static bool has_own_places(const struct ps_given_up *g)
{
	return share(g->n_new, g->n) > NEW;
}

static bool is_of(const struct given_up *g, const struct endpoint *e)
{
	return !memcmp(&g->key.proc, &e->key.proc, sizeof(g->key.proc));
}

/* Threads of this name have waited for a connection of the endpoint, and given up at the same place. */
static bool is_user(const struct model *m, const struct endpoint *e, uint32_t name)
{
	for (size_t i = 0; i < m->n_given_ups; i++)
		if (m->given_ups[i].key.name == name && is_of(&m->given_ups[i], e) &&
		    m->given_ups[i].value.n_known && m->given_ups[i].value.wire == e->books.wire)
			return true;
	return false;
}

/* The usual length of those that were where threads had waited for a connection; 0 = none. */
static double timeout_ns(const struct model *m, const struct endpoint *e)
{
	const struct given_up *most = NULL;

	for (size_t i = 0; i < m->n_given_ups; i++) {
		const struct given_up *g = &m->given_ups[i];

		if (g->value.n_known && g->value.wire == e->books.wire && is_of(g, e) &&
		    (!most || g->value.n_known > most->value.n_known))
			most = g;
	}
	return most ? mean_ns(&most->value) : 0;
}

/*
 * All of that length, by threads of such names: also where nobody had got a connection before. (A thread's own sleep is a wait that a
 * timer ends as well; it has another length.)
 */
static int64_t count_timeouts(const struct model *m, struct endpoint *e)
{
	double length = timeout_ns(m, e);
	uint64_t n = 0, n_retried = 0;

	for (size_t i = 0; i < m->n_given_ups && length > 0; i++) {
		const struct given_up *g = &m->given_ups[i];

		if (is_of(g, e) && mean_ns(&g->value) >= length * (1 - EARLIER) &&
		    mean_ns(&g->value) <= length * (1 + LATER) && is_user(m, e, g->key.name)) {
			n += g->value.n + (has_own_places(&g->value) ? g->value.n_vain : 0);
			n_retried += g->value.n_retried;
		}
	}
	e->is_retried = share(n_retried, n) > RETRIED;
	return (int64_t)n;
}

/* Threads gave up somewhere, and it is not known whether that was a wait for a connection. */
static bool timeouts_are_unclear(const struct model *m, const struct endpoint *e)
{
	for (size_t i = 0; i < m->n_given_ups; i++)
		if (is_of(&m->given_ups[i], e) && !m->given_ups[i].value.n_known &&
		    has_own_places(&m->given_ups[i].value))
			return true;
	return false;
}

void infer_timeouts(struct model *m)
{
	for (struct endpoint *e = m->endpoints; e; e = e->hh.next) {
		int64_t n;

		if (!e->wire.handoffs_long)
			continue;
		n = count_timeouts(m, e);
		if (is_sliced(e) || e->is_retried ||
		    (n <= 0 && e->timeouts <= 0 && timeouts_are_unclear(m, e)))
			e->timeouts = UNKNOWN;
		else if (n > e->timeouts)
			e->timeouts = n;
	}
	m->n_given_ups = 0;
}

/* ---- rows ---------------------------------------------------------------------------------------------------------------- */

const char *endpoint_source(const struct endpoint *e)
{
	static const char *const sources[] = {
		[RULE_STATE] = "inferred:state",
		[RULE_WIRE] = "inferred:wire",
		[RULE_PROXY] = "inferred:proxy",
		[RULE_HANDOFF] = "inferred:handoff",
	};

	return e->is_sampled && e->rule == RULE_STATE ? "inferred:inventory" : sources[e->rule];
}

/* A few hand-offs are no rule yet. */
static enum rule rule_of(const struct endpoint *e)
{
	enum inferred what = endpoint_inferred(e);

	if (what >= INFERRED_WAITS && e->wire.handoffs >= FEW)
		return RULE_HANDOFF;
	if (what == INFERRED_PASSED)
		return RULE_PROXY;
	return what >= INFERRED_WIRE ? RULE_WIRE : RULE_STATE;
}

bool endpoint_source_rises(struct endpoint *e)
{
	const char *before = endpoint_source(e);
	enum rule rule = rule_of(e);

	if (rule > e->rule)
		e->rule = rule;
	return strcmp(before, endpoint_source(e)) != 0;
}

/* Counters, of which sums are made. */
void endpoint_row_count(const struct endpoint *e, struct pool_row *row)
{
	const struct ps_wire *b = &e->wire;
	enum inferred what = endpoint_inferred(e);

	if (what >= INFERRED_PASSED) {
		row->wait = &e->wait;
		row->saturated_s = (double)b->saturated_ns / 1e9;
	}
	if (what >= INFERRED_WAITS) {
		row->timeouts = row->outcome[PS_OUTCOME_timeout] = e->timeouts;
		row->stalled_s = whole_steps((double)b->stalled_ns / 1e9);
		row->backlog_s = whole_steps((double)b->backlog_ns / 1e9);
	}
	if (what >= INFERRED_HOLDS) {
		row->stalled_hold_s = whole_steps((double)b->stalled_hold_ns / 1e9);
		row->hold = &e->hold;
		row->acquires = (int64_t)b->acquires;
		row->releases = (int64_t)b->releases;
		row->in_use_s = (double)b->hold.sum_ns / 1e9;
	}
}

static void row_wait(const struct endpoint *e, int64_t now_ns, struct pool_row *row)
{
	const struct ps_wire *b = &e->wire;

	row->silent = e->n_silent;
	if (e->n_silent)
		row->oldest_hold_ns = now_ns - e->silent_since_ns;
	if (b->handoffs_long + b->passed_long < FEW)
		return;
	/* those of a Unix socket that are closed stay in the kernel's count until a pass ends */
	row->capacity = (int64_t)(e->is_sampled ? e->open_full : b->open_full);
	row->capacity_basis = "inferred";
}

static int64_t in_use_now(const struct endpoint *e, int64_t now_ns, enum inferred what)
{
	const struct ps_wire *b = &e->wire;
	bool is_full =
		what >= INFERRED_WAITS && b->handoffs && now_ns - (int64_t)b->handoff_ns < FRESH_NS;
	int64_t n = is_full ? b->held - e->n_silent_held : b->busy;

	if (what >= INFERRED_WAITS)
		n += e->n_silent;
	if (n > (int64_t)endpoint_open(e))
		n = (int64_t)endpoint_open(e);
	return n > 0 ? n : 0;
}

void endpoint_row_infer(const struct endpoint *e, int64_t now_ns, struct pool_row *row)
{
	static const char *const evidence[] = {
		[INFERRED_NOTHING] = "TCP state changes",
		[INFERRED_WIRE] =
			"requests and answers; its threads serve many connections at once, or it has only one",
		[INFERRED_DOUBT] = "requests and answers; what its threads wait for is not clear",
		[INFERRED_PASSED] =
			"requests and answers that were passed on; who kept a connection without using it is not known",
		[INFERRED_WAITS] =
			"hand-offs between threads; who kept a connection without using it is not known",
		[INFERRED_HOLDS] = "hand-offs between threads",
	};
	const struct ps_wire *b = &e->wire;
	enum inferred what = endpoint_inferred(e);

	row->evidence = evidence[what];
	row->confidence = "low";
	if (what == INFERRED_NOTHING)
		row->confidence = "high";
	else
		row->in_use = in_use_now(e, now_ns, what);
	if (what >= INFERRED_PASSED) {
		row_wait(e, now_ns, row);
		row->confidence = "medium";
	}
	if (what < INFERRED_HOLDS)
		return;
	if (b->handoffs_long >= FEW && !e->n_silent &&
	    share(b->handed, b->releases) >= HANDED_HIGH && !is_sliced(e) && !e->is_retried)
		row->confidence = "high";
	if (row->in_use != UNKNOWN)
		row->idle = (int64_t)endpoint_open(e) - row->in_use;
}
