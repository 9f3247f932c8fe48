/* SPDX-License-Identifier: MIT */
/*
 * page.c - see page.h. The surprise: a copy of some hundred bytes is not made in rising addresses. Where the processor has fast short string moves, words at its end were
 * older than `seq` at its beginning, so `seq` is read by itself before the copy and behind it: both the same, and even, is a copy that nobody wrote into.
 *
 * A slot of a busy pool is written every few 100 ns, and to read one more part of it takes as long: there that is never so. Then a copy of the head (some 20 ns) is taken
 * whose numbers agree with each other and with the time: the sums of a half counted event are off by hours. Most slots of most programs have not changed since the
 * last tick at all, and of those one piece of 320 bytes is read and compared.
 */
#include "ingest/page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/remote.h"
#include "base/squeeze.h"

#define HOT_BYTES offsetof(struct poolscope_page_slot, hold)
#define PARTS 512 /* in one call; the kernel takes 1024 */
#define BLOCK 64 /* slots that are read whole together */
#define HEADS 384 /* of which the beginning is read together */
#define TABLES_AT offsetof(struct poolscope_page_slot, own_waiters)
#define TABLE_BYTES_MAX (sizeof(struct poolscope_page_holder) << POOLSCOPE_PAGE_TABLE_LOG2_MAX)
#define WHOLE_TRIES 4 /* then only what is before the histogram, which is sooner read */
#define UNREADABLE_MAX 64 /* slots of one page, then no more are tried in this reading */
#define CHUNK_HEAD_BYTES offsetof(struct poolscope_page_chunk, lock)
#define YOUNG_NS 1000000000 /* a holder in a torn table is believed if it is younger, or was found by the reading before */
#define USE_MOST 4e18 /* item nanoseconds; more of them at once cannot be told from less than none */
#define TID_MOST PS_TGID_LIMIT
#define HOLD_STEP 32u /* bytes: of room for a histogram, so that what grows a little stays where it is */

_Static_assert(POOLSCOPE_PAGE_BUCKETS == PS_HIST_BUCKETS, "other buckets");
_Static_assert(HEADS *HOT_BYTES <= BLOCK * POOLSCOPE_PAGE_SLOT_BYTES, "no room");
_Static_assert(BLOCK * 4 <= PARTS && HEADS <= PARTS, "no room");

/* One that has changed. Its table lies outside of it at table_at, or (0) inside. */
struct page_stale {
	uint64_t table_at;
	size_t room_at; /* where that is read to */
	uint32_t place, table_log2;
	uint32_t seq;
	bool has_seq; /* by its head, which was read before: the first time it need not be read once more */
	bool is_stuck; /* whoever writes there stands still since the last tick: one try will do */
	bool is_skipped; /* its table is not to be read this time */
	bool is_done;
};

/* What was read of one, and of its table. */
struct copy {
	struct poolscope_page_slot slot;
	uint32_t seq_before, seq_after;
	const struct poolscope_page_holder *table; /* NULL = it was not read */
	size_t n_table;
	int64_t now_ns;
	int64_t late_ns; /* it may be from so long before */
};

/* ---- memory ------------------------------------------------------------------------------------------------------------- */

int64_t page_process_now(void *context)
{
	struct timespec t;

	(void)context;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Returns how many are read, from the first one on: it stops at one that cannot be. *ret_is_over: it is of no use to try more of this process now. */
static size_t read_some(pid_t pid, struct page_part *part, size_t n, bool *ret_is_over)
{
	struct iovec local[PARTS], remote[PARTS];
	ssize_t got;
	size_t i;

	if (!n)
		return 0;
	for (i = 0; i < n; i++) {
		local[i] = (struct iovec){ part[i].into, part[i].bytes };
		remote[i] = (struct iovec){ (void *)(uintptr_t)part[i].address, part[i].bytes };
	}
	got = remote_read((uint32_t)pid, local, remote, n);
	*ret_is_over = got == -EBUSY || got == -ETIMEDOUT || got == -EAGAIN;
	for (i = 0; i < n && got >= (ssize_t)part[i].bytes; i++) {
		got -= (ssize_t)part[i].bytes;
		part[i].is_read = true;
	}
	return i;
}

void page_process_read(void *context, struct page_part *part, size_t n)
{
	pid_t pid = *(const pid_t *)context;
	int n_failed = 0;
	bool is_over = false;

	for (size_t i = 0; i < n; i++)
		part[i].is_read = false;
	while (n && n_failed <= UNREADABLE_MAX && !is_over) {
		size_t now = n < PARTS ? n : PARTS, done = read_some(pid, part, now, &is_over);

		if (done < now) {
			done++;
			n_failed++;
		}
		part += done;
		n -= done;
	}
}

static bool read_one(const struct page_memory *m, uint64_t address, void *ret, size_t bytes)
{
	struct page_part part = { .address = address, .into = ret, .bytes = bytes };

	m->read(m->context, &part, 1);
	return part.is_read;
}

/* ---- what lives --------------------------------------------------------------------------------------------------------- */

static void slot_forget(struct page_slot *s)
{
	page_hold_unref(s->hold);
	free(s->holder);
	*s = (struct page_slot){ .address = s->address };
}

static void forget_all(struct page *g)
{
	for (size_t i = 0; i < g->n_slots; i++)
		slot_forget(&g->slot[i]);
	g->n_slots = 0;
	g->n_chunks = 0;
	g->generation++;
}

void page_done(struct page *g)
{
	forget_all(g);
	free(g->slot);
	*g = (struct page){ 0 };
}

void page_room_done(struct page_room *r)
{
	free(r->bytes);
	free(r->part);
	free(r->stale);
	free(r->table);
	*r = (struct page_room){ 0 };
}

static int room_reserve(struct page_room *r, size_t n_slots)
{
	if (!r->bytes)
		r->bytes = malloc(BLOCK * sizeof(struct copy));
	if (!r->part)
		r->part = calloc(PARTS, sizeof(*r->part));
	if (r->n_stale_max < n_slots) {
		struct page_stale *more = realloc(r->stale, n_slots * sizeof(*more));

		if (!more)
			return -ENOMEM;
		r->stale = more;
		r->n_stale_max = n_slots;
	}
	return r->bytes && r->part ? 0 : -ENOMEM;
}

static int lie(struct page *g)
{
	g->n_lies++;
	g->has_lied = true;
	return 0;
}

static void slot_lie(struct page *g, struct page_slot *s)
{
	g->n_lies++;
	s->has_lied = true;
}

/* ---- chunks ------------------------------------------------------------------------------------------------------------- */

static bool head_fits(const struct poolscope_page_chunk *c)
{
	return c->magic == POOLSCOPE_PAGE_CHUNK_MAGIC && c->version == POOLSCOPE_PAGE_VERSION &&
	       c->slot_bytes == POOLSCOPE_PAGE_SLOT_BYTES &&
	       c->bytes <= POOLSCOPE_PAGE_CHUNK_BYTES_MAX &&
	       c->n_slots < c->bytes / POOLSCOPE_PAGE_SLOT_BYTES && c->n_used <= c->n_slots;
}

static bool is_known(const struct page *g, uint64_t address)
{
	for (size_t i = 0; i < g->n_chunks; i++)
		if (g->chunk[i].address == address)
			return true;
	return false;
}

/* -ENOMEM */
static int slots_reserve(struct page *g, size_t n)
{
	struct page_slot *more;

	if (n <= g->n_slots_max)
		return 0;
	n = n < 32 ? 32 : n + n / 4;
	more = realloc(g->slot, n * sizeof(*more));
	if (!more)
		return -ENOMEM;
	g->slot = more;
	g->n_slots_max = n;
	return 0;
}

/* All slots of a chunk, also those that were never used: so those that follow keep their places. */
static int add_slots(struct page *g, const struct page_chunk *c)
{
	int error = slots_reserve(g, g->n_slots + c->n_slots);

	for (uint32_t i = 0; !error && i < c->n_slots; i++)
		g->slot[g->n_slots++] = (struct page_slot){
			.address = c->address + (uint64_t)(i + 1) * POOLSCOPE_PAGE_SLOT_BYTES
		};
	return error;
}

static int read_chunks(struct page *g, const struct page_memory *m, uint64_t address)
{
	struct poolscope_page_chunk head;

	g->is_cut = false;
	for (size_t i = 0; address; i++) {
		struct page_chunk *c = &g->chunk[i];

		if (i == POOLSCOPE_PAGE_CHUNKS_MAX || address % sizeof(uint64_t))
			return lie(g);
		if (!read_one(m, address, &head, CHUNK_HEAD_BYTES)) {
			g->n_unreadable++;
			return 0;
		}
		if (!head.magic) { /* just being made; or the parent's, in a child */
			if (!i)
				forget_all(g);
			return 0;
		}
		if (!head_fits(&head))
			return lie(g);
		if (i == g->n_chunks) {
			if (is_known(g, address)) /* a ring */
				return lie(g);
			g->is_cut = g->n_slots + head.n_slots > g->slots_max;
			if (g->is_cut)
				return 0;
			*c = (struct page_chunk){ .address = address, .n_slots = head.n_slots };
			if (add_slots(g, c))
				return -ENOMEM;
			g->n_chunks++;
		} else if (c->address != address || c->n_slots != head.n_slots ||
			   head.n_used < c->n_used) {
			return lie(g);
		}
		c->n_used = head.n_used;
		c->pid = head.pid;
		address = head.next;
	}
	return 0;
}

static int read_root(struct page *g, const struct page_memory *m, uint64_t *ret_first)
{
	struct poolscope_page_root root;

	if (!read_one(m, g->root, &root, sizeof(root)))
		return -EFAULT;
	if (root.magic != POOLSCOPE_PAGE_ROOT_MAGIC)
		return -EBADMSG;
	if (root.version != POOLSCOPE_PAGE_VERSION)
		return -EPROTO;
	if (g->n_chunks && root.first_chunk != g->chunk[0].address)
		forget_all(g); /* the child of a fork has made its own */
	g->n_refused = root.n_refused;
	*ret_first = root.first_chunk;
	return 0;
}

/* ---- numbers ------------------------------------------------------------------------------------------------------------ */

/* Tables only grow. Of a closed slot there is none. */
static uint64_t most_out(const struct poolscope_page_slot *s)
{
	uint64_t entries = 1ull << POOLSCOPE_PAGE_TABLE_LOG2(s->holders);

	if (s->state == POOLSCOPE_PAGE_CLOSED || entries + s->leases_unlisted > s->leases_begun)
		return s->leases_begun;
	return entries + s->leases_unlisted;
}

static void counts_of(const struct poolscope_page_slot *s, struct page_counts *ret)
{
	*ret = (struct page_counts){
		.since_ns = s->since_ns,
		.closed_ns = s->closed_ns,
		.leases_begun = s->leases_begun,
		.leases_ended = s->leases_ended,
		.use_sum = s->use_sum,
		.acquires_new = s->acquires_new,
		.released_broken = s->released_broken,
		.unheld = s->unheld,
		.odd_acquire = s->odd_acquire,
		.odd_release = s->odd_release,
		.before_releases = s->before_releases,
		.before_sum_ns = s->before_sum_ns,
		.leases_unlisted = s->leases_unlisted,
		.waits_unlisted = s->waits_unlisted,
		.saturated_ns = s->saturated_ns,
		.saturated_since_ns = s->saturated_since_ns,
		.most_out = most_out(s),
		.before_most = s->before_most,
		.n_waiting = s->n_waiting,
	};
	memcpy(ret->peak, s->peak, sizeof(ret->peak));
}

static uint64_t end_of(const struct page_counts *c, int64_t now_ns)
{
	return c->closed_ns ? c->closed_ns : (uint64_t)now_ns;
}

uint64_t page_counts_use(const struct page_counts *c, int64_t now_ns)
{
	return (c->leases_begun - c->leases_ended) * end_of(c, now_ns) + c->use_sum;
}

/* Nobody does more than one thing in a nanosecond. */
static bool is_count(uint64_t n, uint64_t elapsed_ns)
{
	return n <= PAGE_COUNT_MOST && n <= elapsed_ns + PAGE_SLACK_NS;
}

static bool is_past(uint64_t t_ns, int64_t now_ns)
{
	return t_ns <= (uint64_t)now_ns + PAGE_SLACK_NS;
}

/*
 * Modulo 2^64 they cannot be told from nonsense, so they must be what so many leases can have been in that time. That is also what tells a sum that was read
 * between the two of an event: it is off by the time since the machine began.
 */
static bool use_fits(const struct page_counts *c, int64_t now_ns, uint64_t elapsed_ns)
{
	double use = (double)(int64_t)page_counts_use(c, now_ns),
	       most = (double)c->most_out * (double)elapsed_ns,
	       slack = ((double)c->most_out + 1) * (PAGE_SLACK_NS + (double)c->late_ns);

	return most >= USE_MOST || (use >= -slack && use <= most + slack);
}

/* The most that were out at once between two readings. Peaks are kept for four intervals, with the number of each. */
static uint64_t most_between(const struct page_counts *former, int64_t former_ns,
			     const struct page_counts *c, int64_t now_ns)
{
	uint32_t since = (uint32_t)(former_ns >> POOLSCOPE_PAGE_PEAK_SHIFT);
	uint64_t now = c->leases_begun - c->leases_ended,
		 then = former->leases_begun - former->leases_ended, most = now > then ? now : then;

	if ((now_ns >> POOLSCOPE_PAGE_PEAK_SHIFT) - (former_ns >> POOLSCOPE_PAGE_PEAK_SHIFT) >=
	    POOLSCOPE_PAGE_PEAKS)
		return c->most_out;
	for (int i = 0; i < POOLSCOPE_PAGE_PEAKS; i++)
		if ((int32_t)(c->peak[i].interval - since) >= 0 && c->peak[i].in_use > most)
			most = c->peak[i].in_use;
	return most;
}

/* Each reading may have been made sooner than its time says by as long as it took. */
static bool use_follows(const struct page_counts *former, int64_t former_ns,
			const struct page_counts *c, int64_t now_ns)
{
	double most = (double)most_between(former, former_ns, c, now_ns) + 1,
	       off = 2 * PAGE_SLACK_NS + (double)(former->late_ns + c->late_ns),
	       more = (double)(int64_t)(page_counts_use(c, now_ns) -
					page_counts_use(former, former_ns));

	return more >= -most * off && more <= most * ((double)(now_ns - former_ns) + off);
}

static bool peaks_fit(const struct page_counts *c)
{
	for (int i = 0; i < POOLSCOPE_PAGE_PEAKS; i++)
		if (c->peak[i].in_use > c->leases_begun)
			return false;
	return true;
}

bool page_counts_fit(const struct page_counts *c, int64_t now_ns)
{
	uint64_t end = end_of(c, now_ns), elapsed = end > c->since_ns ? end - c->since_ns : 0;
	uint64_t acquires = c->leases_begun + c->odd_acquire + c->unheld,
		 releases = c->leases_ended + c->before_releases + c->unheld;

	return c->since_ns && is_past(c->since_ns, now_ns) && is_past(c->closed_ns, now_ns) &&
	       is_past(c->saturated_since_ns, now_ns) &&
	       (!c->closed_ns || c->closed_ns + PAGE_SLACK_NS >= c->since_ns) &&
	       (!c->saturated_since_ns || c->saturated_since_ns + PAGE_SLACK_NS >= c->since_ns) &&
	       is_count(c->leases_begun, elapsed) && c->leases_ended <= c->leases_begun &&
	       is_count(c->unheld, elapsed) && is_count(c->odd_acquire, elapsed) &&
	       is_count(c->odd_release, elapsed) && is_count(c->before_releases, elapsed) &&
	       is_count(c->waits_unlisted, elapsed) && c->leases_unlisted <= c->leases_begun &&
	       c->acquires_new <= acquires && c->released_broken <= releases &&
	       (double)c->before_sum_ns <=
		       (double)c->before_releases * (double)(elapsed + PAGE_SLACK_NS) &&
	       c->saturated_ns <= elapsed + PAGE_SLACK_NS && peaks_fit(c) &&
	       use_fits(c, now_ns, elapsed);
}

bool page_counts_follow(const struct page_counts *former, int64_t former_ns,
			const struct page_counts *c, int64_t now_ns)
{
	return c->since_ns == former->since_ns &&
	       (!former->closed_ns || c->closed_ns == former->closed_ns) &&
	       c->leases_begun >= former->leases_begun && c->leases_ended >= former->leases_ended &&
	       c->acquires_new >= former->acquires_new &&
	       c->released_broken >= former->released_broken && c->unheld >= former->unheld &&
	       c->odd_acquire >= former->odd_acquire && c->odd_release >= former->odd_release &&
	       c->before_releases >= former->before_releases &&
	       c->before_sum_ns >= former->before_sum_ns &&
	       c->leases_unlisted >= former->leases_unlisted &&
	       c->waits_unlisted >= former->waits_unlisted &&
	       c->saturated_ns >= former->saturated_ns && use_follows(former, former_ns, c, now_ns);
}

/* ---- holds -------------------------------------------------------------------------------------------------------------- */

struct page_hold *page_hold_ref(struct page_hold *h)
{
	if (h)
		h->n_owners++;
	return h;
}

void page_hold_unref(struct page_hold *h)
{
	if (h && !--h->n_owners)
		free(h);
}

void page_hold_read(const struct page_hold *h, struct ps_hist *ret)
{
	struct bytes b = { 0 };

	memset(ret, 0, sizeof(*ret));
	if (!h)
		return;
	b.at = h->bytes;
	b.end = h->bytes + h->n;
	unsqueeze(&b, ret, sizeof(*ret));
}

void page_slot_hold(const struct page_slot *s, struct ps_hist *ret)
{
	page_hold_read(s->hold, ret);
}

/* Counted are as many more as leases have ended since. */
static bool hold_fits(const struct page_slot *s, const struct ps_hist *former,
		      const struct ps_hist *h, const struct page_counts *c, int64_t now_ns)
{
	uint64_t end = end_of(c, now_ns), elapsed = end > c->since_ns ? end - c->since_ns : 0;
	uint64_t n_more = 0;

	for (size_t i = 0; i < PS_HIST_BUCKETS; i++)
		n_more += (uint32_t)(h->bucket[i] - former->bucket[i]);
	return n_more <= c->leases_ended - s->hold_ended && h->sum_ns >= former->sum_ns &&
	       h->max_ns >= former->max_ns && h->max_ns <= elapsed + PAGE_SLACK_NS &&
	       (double)h->sum_ns <= (double)c->leases_ended * (double)(elapsed + PAGE_SLACK_NS);
}

/* -ENOMEM leaves what was there. */
static int hold_keep(struct page_slot *s, const struct ps_hist *h)
{
	unsigned char bytes[SQUEEZED_MOST(sizeof(*h))];
	size_t n = squeeze(h, NULL, sizeof(*h), bytes);
	struct page_hold *kept = s->hold;

	if (kept && kept->n == n && !memcmp(kept->bytes, bytes, n))
		return 0;
	if (!kept || kept->room < n) {
		size_t room = (n + HOLD_STEP - 1) / HOLD_STEP * HOLD_STEP;

		kept = malloc(sizeof(*kept) + room);
		if (!kept)
			return -ENOMEM;
		*kept = (struct page_hold){ .n_owners = 1, .room = (uint32_t)room };
		page_hold_unref(s->hold);
		s->hold = kept;
	}
	memcpy(kept->bytes, bytes, n);
	kept->n = (uint32_t)n;
	kept->n_changes++;
	return 0;
}

/* False: a lie. */
static bool take_hold(struct page_slot *s, const struct poolscope_page_slot *from,
		      const struct page_counts *c, int64_t now_ns, bool is_whole)
{
	struct ps_hist h = { .sum_ns = from->hold_sum_ns, .max_ns = from->hold_max_ns }, former;

	memcpy(h.bucket, from->hold, sizeof(h.bucket));
	page_slot_hold(s, &former);
	if (!hold_fits(s, &former, &h, c, now_ns))
		return !is_whole; /* else it may be from between two holds */
	if (hold_keep(s, &h))
		s->is_whole = false; /* once more in the next tick */
	else if (is_whole)
		s->hold_ended = c->leases_ended;
	return true;
}

/* ---- holders ------------------------------------------------------------------------------------------------------------ */

/* Keeps the oldest. */
static void holder_add(struct page_holder *list, size_t *n, const struct page_holder *h)
{
	size_t newest = 0;

	if (*n < PAGE_HOLDERS_MAX) {
		list[(*n)++] = *h;
		return;
	}
	for (size_t i = 1; i < *n; i++)
		if (list[i].since_ns > list[newest].since_ns)
			newest = i;
	if (h->since_ns < list[newest].since_ns)
		list[newest] = *h;
}

static bool was_holder(const struct page_slot *s, const struct page_holder *h)
{
	for (size_t i = 0; i < s->n_holders; i++)
		if (s->holder[i].item == h->item && s->holder[i].since_ns == h->since_ns)
			return true;
	return false;
}

static bool holder_fits(const struct page_holder *h, const struct page_counts *c, int64_t now_ns)
{
	return h->since_ns + PAGE_SLACK_NS >= c->since_ns && is_past(h->since_ns, now_ns) &&
	       h->tid <= TID_MOST;
}

/* False: no memory. */
static bool holders_keep(struct page_slot *s, const struct page_holder *list, size_t n)
{
	struct page_holder *kept;

	if (!n) {
		free(TAKE(s->holder));
		s->n_holders = 0;
		return true;
	}
	kept = n == s->n_holders ? s->holder : realloc(s->holder, n * sizeof(*kept));
	if (!kept)
		return false;
	memcpy(kept, list, n * sizeof(*kept));
	s->holder = kept;
	s->n_holders = n;
	return true;
}

/*
 * An entry of a table that was written meanwhile may be put together from two: then it is believed if it is young, so that nothing follows from it, or was there
 * in the reading before. Until that it is kept in doubt: one that is out for long in a pool that is written all the time is so told one tick later, and not never.
 * False: a lie.
 */
static bool take_holders(struct page_slot *s, const struct copy *c,
			 const struct page_counts *counts, bool is_all)
{
	struct page_holder list[PAGE_HOLDERS_MAX];
	size_t n_list = 0, n_found = 0;

	for (size_t i = 0; i < c->n_table; i++) {
		const struct poolscope_page_holder *from = &c->table[i];
		struct page_holder h = { .item = from->item,
					 .since_ns = from->since_ns,
					 .waiter = from->waiter,
					 .tid = from->tid };

		if (!from->is_used)
			continue;
		n_found++;
		if (!holder_fits(&h, counts, c->now_ns)) {
			if (is_all)
				return false;
			continue;
		}
		h.is_doubtful = !is_all && h.since_ns + YOUNG_NS <= (uint64_t)c->now_ns &&
				!was_holder(s, &h);
		holder_add(list, &n_list, &h);
	}
	if (is_all && n_found != c->slot.n_holders)
		return false;
	if (!holders_keep(s, list, n_list))
		s->is_whole = false; /* those of the last tick stay until the next */
	return true;
}

/* ---- a slot ------------------------------------------------------------------------------------------------------------- */

static uint64_t own_table(const struct page_slot *s)
{
	return s->address + offsetof(struct poolscope_page_slot, own_holders);
}

static bool shape_fits(const struct page_slot *s, const struct poolscope_page_slot *from)
{
	uint32_t log2;

	if (from->version != POOLSCOPE_PAGE_VERSION || !from->handle || !from->serial ||
	    (from->state != POOLSCOPE_PAGE_OPEN && from->state != POOLSCOPE_PAGE_CLOSED) ||
	    (from->state == POOLSCOPE_PAGE_CLOSED) != (from->closed_ns != 0))
		return false;
	if (from->state == POOLSCOPE_PAGE_CLOSED)
		return true;
	log2 = POOLSCOPE_PAGE_TABLE_LOG2(from->holders);
	return (POOLSCOPE_PAGE_TABLE_AT(from->holders) == own_table(s)
			? log2 == POOLSCOPE_PAGE_OWN_HOLDERS_LOG2
			: log2 <= POOLSCOPE_PAGE_TABLE_LOG2_MAX) &&
	       from->n_holders <= 1u << log2 &&
	       from->leases_begun - from->leases_ended ==
		       (uint64_t)from->n_holders + from->unlisted;
}

/* A slot that begins anew is another one. False: it is older than what was there. */
static bool slot_turns_to(struct page_slot *s, const struct poolscope_page_slot *from)
{
	if (s->serial == from->serial)
		return s->handle == from->handle;
	if (from->serial < s->serial)
		return false;
	slot_forget(s);
	s->serial = from->serial;
	s->handle = from->handle;
	return true;
}

static bool slot_fits(struct page_slot *s, const struct copy *c, const struct page_counts *counts)
{
	return shape_fits(s, &c->slot) && page_counts_fit(counts, c->now_ns) &&
	       slot_turns_to(s, &c->slot) &&
	       (!s->read_ns || page_counts_follow(&s->counts, s->read_ns, counts, c->now_ns));
}

/* How sure it is that nobody wrote while a slot was read. */
enum sure {
	SURE_OF_ALL,
	SURE_OF_HEAD, /* not of its histogram, nor of its table */
	SURE_OF_NOTHING /* somebody did, but perhaps not before it had been read */
};

/* False: it has to be read again. */
static bool slot_take(struct page *g, struct page_slot *s, const struct copy *c, enum sure sure)
{
	bool is_open = c->slot.state == POOLSCOPE_PAGE_OPEN;
	struct page_counts counts;

	if (c->slot.lost) { /* its numbers are off, and it says so: they begin anew in another one, or this is nobody's any more */
		g->n_torn += ++s->n_torn == PAGE_TORN_TICKS;
		return true;
	}
	if (sure == SURE_OF_NOTHING && (!s->read_ns || s->serial != c->slot.serial))
		return false;
	counts_of(&c->slot, &counts);
	if (!slot_fits(s, c, &counts)) {
		if (sure == SURE_OF_NOTHING)
			return false;
		slot_lie(g, s);
		return true;
	}
	counts.late_ns = c->late_ns;
	s->n_torn = 0;
	s->seq = c->slot.seq;
	s->is_whole = sure == SURE_OF_ALL && (c->table || !is_open);
	if (!is_open)
		holders_keep(s, NULL, 0);
	else if (c->table && !take_holders(s, c, &counts, sure == SURE_OF_ALL))
		slot_lie(g, s);
	if (!take_hold(s, &c->slot, &counts, c->now_ns, sure == SURE_OF_ALL))
		slot_lie(g, s);
	s->counts = counts;
	s->read_ns = c->now_ns;
	return true;
}

/* ---- which have changed ------------------------------------------------------------------------------------------------- */

struct scan {
	struct page *g;
	const struct page_memory *m;
	struct page_room *room;
	uint32_t place[HEADS]; /* of the slots whose heads are to be read next */
	size_t n, n_stale;
};

static bool has_table_outside(const struct page_slot *s, const struct poolscope_page_slot *from)
{
	return from->state == POOLSCOPE_PAGE_OPEN &&
	       POOLSCOPE_PAGE_TABLE_AT(from->holders) != own_table(s) &&
	       POOLSCOPE_PAGE_TABLE_LOG2(from->holders) <= POOLSCOPE_PAGE_TABLE_LOG2_MAX;
}

static void note_table(const struct page_slot *s, const struct poolscope_page_slot *from,
		       struct page_stale *ret)
{
	bool is_outside = has_table_outside(s, from);

	ret->table_at = is_outside ? POOLSCOPE_PAGE_TABLE_AT(from->holders) : 0;
	ret->table_log2 = is_outside ? POOLSCOPE_PAGE_TABLE_LOG2(from->holders) : 0;
}

/* It has changed, or is in the midst of it, or was never read. */
static void scan_look(struct scan *x, uint32_t place, const void *head)
{
	struct page_slot *s = &x->g->slot[place];
	struct page_stale *stale = &x->room->stale[x->n_stale];
	struct poolscope_page_slot hot = { 0 };

	memcpy(&hot, head, HOT_BYTES);
	if (hot.state == POOLSCOPE_PAGE_NONE ||
	    (hot.serial == s->serial && hot.seq == s->seq && s->is_whole && s->read_ns))
		return;
	*stale = (struct page_stale){ .place = place,
				      .seq = hot.seq,
				      .has_seq = true,
				      .is_stuck = hot.seq % 2 && hot.seq == s->odd_seq };
	s->odd_seq = hot.seq % 2 ? hot.seq : 0;
	note_table(s, &hot, stale);
	x->n_stale++;
}

static void scan_read(struct scan *x)
{
	x->m->read(x->m->context, x->room->part, x->n);
	for (size_t i = 0; i < x->n; i++) {
		if (x->room->part[i].is_read)
			scan_look(x, x->place[i], x->room->part[i].into);
		else
			x->g->n_unreadable++;
	}
	x->n = 0;
}

/* Their places, in room->stale. */
static size_t find_stale(struct page *g, const struct page_memory *m, struct page_room *room)
{
	struct scan x = { .g = g, .m = m, .room = room };
	uint32_t first = 0;

	for (size_t i = 0; i < g->n_chunks && g->n_unreadable < UNREADABLE_MAX; i++) {
		for (uint32_t k = 0; k < g->chunk[i].n_used; k++) {
			room->part[x.n] = (struct page_part){
				.address = g->slot[first + k].address,
				.into = (char *)room->bytes + x.n * HOT_BYTES,
				.bytes = HOT_BYTES,
			};
			x.place[x.n++] = first + k;
			if (x.n == HEADS)
				scan_read(&x);
		}
		first += g->chunk[i].n_slots;
	}
	scan_read(&x);
	return x.n_stale;
}

/* ---- those are read whole ----------------------------------------------------------------------------------------------- */

static size_t table_bytes(const struct page_stale *t)
{
	return t->table_at && !t->is_skipped ? sizeof(struct poolscope_page_holder) << t->table_log2
					     : 0;
}

/* Where all tables together are too much for one reading, each has its turn: from where the last one has stopped. */
static void skip_tables(struct page *g, struct page_stale *stale, size_t n)
{
	size_t first = n ? g->turn % n : 0, i;
	uint64_t bytes = 0;

	for (i = 0; i < n; i++) {
		struct page_stale *t = &stale[(first + i) % n];

		bytes += table_bytes(t);
		t->is_skipped = bytes > PAGE_TABLES_BYTES;
		if (!t->is_skipped)
			g->turn = (uint32_t)(first + i + 1);
	}
}

/* So many, up to BLOCK, that their tables have room together. 0 = there is no memory. */
static size_t block_of(struct page_room *room, struct page_stale *stale, size_t n)
{
	size_t bytes = 0, i;
	unsigned char *more;

	for (i = 0; i < n && i < BLOCK; i++) {
		if (i && bytes + table_bytes(&stale[i]) > TABLE_BYTES_MAX)
			break;
		stale[i].room_at = bytes;
		bytes += table_bytes(&stale[i]);
	}
	if (bytes <= room->table_bytes)
		return i;
	more = realloc(room->table, bytes);
	if (!more)
		return 0;
	room->table = more;
	room->table_bytes = bytes;
	return i;
}

/* The parts to read of a slot: 2 to 4. Its seq is the last, and the first where that is not known. */
static size_t slot_parts(const struct page_slot *s, const struct page_stale *t, struct copy *c,
			 bool is_all, void *table, struct page_part *ret)
{
	size_t n = 0, most = is_all && !t->table_at ? sizeof(c->slot) : TABLES_AT;
	uint64_t seq_at = s->address + offsetof(struct poolscope_page_slot, seq);

	if (t->has_seq)
		c->seq_before = t->seq;
	else
		ret[n++] =
			(struct page_part){ seq_at, &c->seq_before, sizeof(c->seq_before), false };
	ret[n++] = (struct page_part){ s->address, &c->slot, is_all ? most : HOT_BYTES, false };
	if (is_all && table_bytes(t))
		ret[n++] = (struct page_part){ t->table_at, table, table_bytes(t), false };
	ret[n++] = (struct page_part){ seq_at, &c->seq_after, sizeof(c->seq_after), false };
	return n;
}

static void copy_table(const struct page_stale *t, const struct page_part *part, size_t n,
		       struct copy *c)
{
	bool is_outside = table_bytes(t);

	if (is_outside)
		c->table = part[n - 2].is_read ? part[n - 2].into : NULL;
	else
		c->table = t->table_at ? NULL : c->slot.own_holders;
	c->n_table = (size_t)1 << (is_outside ? t->table_log2 : POOLSCOPE_PAGE_OWN_HOLDERS_LOG2);
}

/* Something of it cannot be read at all. */
static bool is_unreadable(const struct page_part *part, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!part[i].is_read)
			return true;
	return false;
}

/* Its table was elsewhere when it was looked for. */
static bool has_moved(const struct page_slot *s, struct page_stale *t, const struct copy *c)
{
	struct page_stale now = *t;

	note_table(s, &c->slot, &now);
	if (now.table_at == t->table_at && now.table_log2 == t->table_log2)
		return false;
	t->is_skipped = true; /* there may be no room for the other one */
	t->table_at = now.table_at;
	t->table_log2 = now.table_log2;
	return true;
}

/* What was read of one slot: taken, refused, or to be read again. */
static void slot_judge(struct page *g, struct page_stale *t, struct copy *c,
		       const struct page_part *part, size_t n, bool is_all)
{
	struct page_slot *s = &g->slot[t->place];
	enum sure sure = is_all ? SURE_OF_ALL : SURE_OF_HEAD;

	t->has_seq = false;
	if (is_unreadable(part, n)) {
		g->n_unreadable++;
		t->is_done = true;
		return;
	}
	if (is_all)
		copy_table(t, part, n, c);
	if (c->slot.seq % 2)
		return;
	if (c->seq_before != c->slot.seq || c->slot.seq != c->seq_after) {
		if (is_all)
			return;
		sure = SURE_OF_NOTHING;
	}
	if (has_moved(s, t, c)) {
		c->table = NULL;
		if (is_all)
			return;
	}
	t->is_done = slot_take(g, s, c, sure);
}

static bool block_read(struct page *g, const struct page_memory *m, struct page_room *room,
		       struct page_stale *stale, size_t n, bool is_all)
{
	struct copy *copy = room->bytes;
	size_t n_parts = 0, at = 0, n_of[BLOCK];
	int64_t begin_ns, now_ns;

	for (size_t i = 0; i < n; i++) {
		n_of[i] = 0;
		if (!stale[i].is_done && !(stale[i].is_stuck && !stale[i].has_seq))
			n_of[i] = slot_parts(&g->slot[stale[i].place], &stale[i], &copy[i], is_all,
					     room->table + stale[i].room_at, &room->part[n_parts]);
		n_parts += n_of[i];
	}
	if (!n_parts)
		return false;
	begin_ns = m->now(m->context);
	m->read(m->context, room->part, n_parts);
	now_ns = m->now(m->context);
	for (size_t i = 0; i < n; i++) {
		copy[i].now_ns = now_ns;
		copy[i].late_ns = now_ns - begin_ns;
		if (n_of[i])
			slot_judge(g, &stale[i], &copy[i], &room->part[at], n_of[i], is_all);
		at += n_of[i];
	}
	return true;
}

static void block_take(struct page *g, const struct page_memory *m, struct page_room *room,
		       struct page_stale *stale, size_t n)
{
	int tries = 0;

	memset(room->bytes, 0, n * sizeof(struct copy));
	while (tries < PAGE_TRIES && block_read(g, m, room, stale, n, tries < WHOLE_TRIES))
		tries++;
	for (size_t i = 0; i < n; i++) {
		g->slot[stale[i].place].is_changed = true;
		if (stale[i].is_done)
			continue;
		g->n_torn += ++g->slot[stale[i].place].n_torn == PAGE_TORN_TICKS;
	}
}

/* What it names cannot be read. That is a lie, but of a process that ends, or runs another program, just now. */
static int judge_unreadable(struct page *g, const struct page_memory *m, uint64_t first)
{
	uint64_t first_now;
	int error = g->n_unreadable ? read_root(g, m, &first_now) : 0;

	if (m->is_left_out && m->is_left_out(m->context))
		return 0;
	if (!error && g->n_unreadable && first_now == first)
		lie(g);
	return error;
}

int page_read(struct page *g, const struct page_memory *m, struct page_room *room)
{
	uint64_t first;
	size_t n, n_now;
	int error = read_root(g, m, &first);

	g->n_unreadable = 0;
	if (!error)
		error = read_chunks(g, m, first);
	if (!error)
		error = room_reserve(room, g->n_slots);
	if (error)
		return error;
	for (size_t i = 0; i < g->n_slots; i++)
		g->slot[i].is_changed = false;
	n = find_stale(g, m, room);
	skip_tables(g, room->stale, n);
	for (size_t i = 0; i < n; i += n_now) {
		n_now = block_of(room, room->stale + i, n - i);
		if (!n_now)
			return -ENOMEM;
		block_take(g, m, room, room->stale + i, n_now);
	}
	return judge_unreadable(g, m, first);
}
