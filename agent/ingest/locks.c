/* SPDX-License-Identifier: MIT */
/*
 * locks.c - see locks.h. The surprise: a copy of a place may be torn, which costs nothing, as each of its numbers only rises; what does not
 * (who waits, and since when) is counted by a pass over the threads. To find names takes long, so few of them are looked for in a tick.
 */
#include "ingest/locks.h"

#include "discover/places.h"
#include "base/text.h"

#define NAMES_A_TICK 4
#define STACKS_A_TICK 1
#define PLACES_MAX 8
#define IDLE_SHARE 2 /* words at which nobody waits are cleared when the table is fuller than 1 / this */
#define IDLE_NS 60000000000ll
#define SETTLED_NS 1500000000ll

static void find_name(struct model *m, const struct ps_lock *l)
{
	char place[PLACE_BYTES], clean[PLACE_BYTES];

	if (place_of_data(l->proc.tgid, l->word, place)) {
		model_name_lock(m, l, NULL);
		return;
	}
	text_clean(place, sizeof(place), clean, sizeof(clean));
	model_name_lock(m, l, clean);
}

static void find_stack(struct model *m, const struct ps_lock *l)
{
	char place[PLACES_MAX][PLACE_BYTES], clean[PLACES_MAX][PLACE_BYTES];
	const char *places[PLACES_MAX];
	uint64_t word[PS_LOCK_STACK];
	size_t n;

	for (size_t i = 0; i < PS_LOCK_STACK; i++)
		word[i] = l->stack[i];
	n = places_of_stack(l->proc.tgid, word, PS_LOCK_STACK, place, PLACES_MAX);
	for (size_t i = 0; i < n; i++) {
		text_clean(place[i], sizeof(place[i]), clean[i], sizeof(clean[i]));
		places[i] = clean[i];
	}
	model_feed_lock_stack(m, l, places, n);
}

/*
 * Never while threads sleep there: one that does in between would leave a waiter in a place that is free, for the next word. So a process that
 * the model does not have may be a new one, and keeps its places while it uses them.
 */
static bool is_over(const struct ps_lock *l, bool is_known, bool is_crowded, int64_t now_ns)
{
	int64_t idle_ns = now_ns - (int64_t)l->last_ns;

	return is_known ? is_crowded && l->waiters <= 0 && idle_ns > IDLE_NS : idle_ns > SETTLED_NS;
}

/*
 * The count of waiters rises with each sleep and falls when a thread runs. One that was missed would leave it too high for ever: where nobody
 * came for a while, it is what the pass has counted. (Before 6.2 a thread's record is not found while a lookup on the same CPU was interrupted.)
 */
static void correct(struct kernel *k, size_t place, const struct ps_lock *l, bool is_met,
		    int64_t now_ns)
{
	int32_t n = is_met ? (int32_t)l->n_waiting : 0;

	if (l->waiters > n && now_ns - (int64_t)l->last_ns > SETTLED_NS)
		kernel_correct_lock(k, place, n);
}

/* What a tick may still look for. */
struct budget {
	unsigned int n_names, n_stacks;
};

static void read_lock(struct kernel *k, struct model *m, size_t place, uint32_t pass,
		      struct budget *b, int64_t now_ns)
{
	const struct ps_lock *l = &kernel_locks(k)[place];
	bool is_met = pass && l->pass == pass;

	if (pass)
		correct(k, place, l, is_met, now_ns);
	if (model_feed_lock(m, l, is_met ? l->n_waiting : 0, is_met ? (int64_t)l->oldest_ns : 0) ||
	    !model_has_lock(m, l))
		return;
	if (b->n_names && model_wants_lock_name(m, l)) {
		b->n_names--;
		find_name(m, l);
	}
	if (b->n_stacks && model_wants_lock_stack(m, l)) {
		b->n_stacks--;
		find_stack(m, l);
	}
}

uint32_t locks_read(struct kernel *k, struct model *m, int64_t now_ns)
{
	const struct ps_lock *locks = kernel_locks(k);
	struct budget budget = { NAMES_A_TICK, STACKS_A_TICK };
	uint32_t n_taken = 0, n_waiting = 0, pass = 0;

	if (!kernel_locks_taken(k))
		return 0;
	for (size_t i = 0; i < PS_LOCKS; i++) {
		n_taken += locks[i].id != 0;
		n_waiting += locks[i].id && locks[i].waiters > 0;
	}
	if (n_waiting)
		pass = kernel_meet_lock_waiters(k);
	for (size_t i = 0; i < PS_LOCKS; i++) {
		const struct ps_lock *l = &locks[i];
		bool is_known;

		if (!l->id || !l->word || !l->proc.tgid)
			continue;
		is_known = model_is_fed(m, &l->proc);
		if (is_over(l, is_known, n_taken > PS_LOCKS / IDLE_SHARE, now_ns))
			kernel_clear_lock(k, i);
		else if (is_known)
			read_lock(k, m, i, pass, &budget, now_ns);
	}
	return n_taken;
}
