/* SPDX-License-Identifier: MIT */
/*
 * flight.c - see flight.h. The surprise: a file is written from the blocks as they lie in memory, oldest first; when those are dropped in the meantime it
 * begins again, with what is kept then.
 */
#include "cmd/flight.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "ingest/process_info.h"
#include "record/block.h"
#include "record/recorder.h"

#define DELAY_NS 5000000000 /* from the finding to the file */
#define PIECE ((size_t)1 << 20)
#define READ_MOST ((size_t)4 << 20)
#define CRITICAL_MAX 64
#define NAME_FORMAT "flight-%Y%m%dT%H%M%SZ.psr"
#define NAME_BYTES 64
#define PART ".flight.part"

#define NAMED_MAX 256 /* threads, at the last bits of their number */

/* A thread that was named in this tick. */
struct named {
	uint32_t tgid, tid; /* 0 = none */
	char name[PS_COMM_MAX];
	bool is_gone;
};

struct flight {
	struct recorder *recorder;
	struct named named[NAMED_MAX]; /* who holds one item often holds, or waits for, others */
	struct flight_options options;
	/* findings that were critical at the last tick, and when one came that was not */
	uint64_t critical[CRITICAL_MAX];
	size_t n_critical;
	int64_t wanted_ns; /* 0 = no file is wanted */
	int64_t written_ns; /* up to then there is a file; 0 = there is none */
	int64_t now_ns, wall_ns; /* of the last tick */
	/* the file that is being written */
	int fd; /* -1 = none */
	int64_t begun_ns;
	uint64_t first, next, until; /* blocks */
	char name[NAME_BYTES];
	char problem[128];
	uint64_t n_files;
};

static void complain(struct flight *f, const char *what)
{
	bool is_news = !f->problem[0];

	snprintf(f->problem, sizeof(f->problem), "%s %.64s: %s", what, f->options.folder,
		 strerror(errno));
	if (f->options.is_logging && is_news)
		fprintf(stderr, "poolscope: flight recorder: %s\n", f->problem);
}

/* ---- life -------------------------------------------------------------------------------------------------------------------- */

int flight_new(struct model *m, const struct flight_options *options, struct flight **ret)
{
	struct flight *f = calloc(1, sizeof(*f));
	struct recorder_limits limits;
	int error;

	if (!f)
		return -ENOMEM;
	f->fd = -1;
	f->options = *options;
	if (!f->options.minutes)
		f->options.minutes = FLIGHT_MINUTES;
	if (!f->options.megabytes)
		f->options.megabytes = FLIGHT_MEGABYTES;
	if (!f->options.files)
		f->options.files = FLIGHT_FILES;
	if (!f->options.folder)
		f->options.folder = FLIGHT_FOLDER;
	limits = (struct recorder_limits){
		.keep_ns = f->options.is_off ? 0 : (int64_t)f->options.minutes * 60000000000,
		.keep_bytes = (size_t)f->options.megabytes << 20,
	};
	error = recorder_new(m, &limits, &f->recorder);
	if (error) {
		free(f);
		return error;
	}
	*ret = f;
	return 0;
}

void flight_tick_begin(struct flight *f)
{
	memset(f->named, 0, sizeof(f->named));
}

/* ---- what goes into a tick ---------------------------------------------------------------------------------------------------- */

void flight_name_thread(void *flight, uint32_t tgid, uint32_t tid, char ret[PS_COMM_MAX],
			bool *ret_gone)
{
	const struct record_thread_key key = { .pid = tgid, .tid = tid };
	struct record_thread t = { .is_gone = 0 };
	struct flight *f = flight;
	struct named *named = &f->named[tid % NAMED_MAX];

	if (named->tid == tid && named->tgid == tgid && tid) {
		memcpy(ret, named->name, PS_COMM_MAX);
		*ret_gone = named->is_gone;
		return;
	}
	thread_name_read(NULL, tgid, tid, ret, ret_gone);
	*named = (struct named){ .tgid = tgid, .tid = tid, .is_gone = *ret_gone };
	memcpy(named->name, ret, PS_COMM_MAX);
	if (!recorder_is_on(f->recorder))
		return;
	strncpy(t.name, ret, sizeof(t.name) - 1);
	t.is_gone = *ret_gone;
	recorder_put(f->recorder, RECORD_thread, &key, &t, NULL, 0);
}

bool flight_thread_facts(void *flight, int32_t pid, uint32_t tid, struct thread_facts *ret)
{
	const struct record_thread_key key = { .pid = (uint32_t)pid, .tid = tid };
	bool is_known = thread_runs_read((uint32_t)pid, tid, &ret->cpu_ns, &ret->n_runs);
	struct record_facts r = { .is_known = is_known };
	struct flight *f = flight;

	if (is_known) {
		r.cpu_ns = ret->cpu_ns;
		r.n_runs = ret->n_runs;
	}
	recorder_put(f->recorder, RECORD_facts, &key, &r, NULL, 0);
	return is_known;
}

static void put_strings(struct flight *f, enum record what, const void *key, const void *value,
			const char *const *strings, size_t n)
{
	struct record_text t;

	t.n = 0;
	for (size_t i = 0; i < n; i++)
		record_text_add(&t, strings[i]);
	recorder_put(f->recorder, what, key, value, t.bytes, t.n);
}

static void put_stack(struct flight *f, const struct snapshot *s, const struct stack_row *row)
{
	const struct record_stack_key key = { .pid = row->pid,
					      .tid = row->tid,
					      .goroutine = row->goroutine,
					      .pool = row->pool,
					      .item = row->item,
					      .item_ns = row->taken_ns };
	const struct record_stack r = { .taken_ns = s->t_ns - row->age_ns,
					.goroutine_id = row->goroutine_id,
					.on_tid = row->on_tid,
					.is_cut = row->is_cut };
	struct record_text t;

	t.n = 0;
	record_text_add(&t, row->state);
	record_text_add(&t, row->waits_for);
	record_text_add(&t, row->problem);
	record_text_add(&t, row->thread);
	record_text_add(&t, row->place);
	for (size_t i = 0; i < row->n_frames; i++)
		record_text_add(&t, row->frames[i]);
	recorder_put(f->recorder, RECORD_stack, &key, &r, t.bytes, t.n);
}

static void put_snapshot(struct flight *f, const struct snapshot *s)
{
	recorder_put(f->recorder, RECORD_moment, NULL,
		     &(struct record_moment){
			     .seq = s->seq, .wall_ns = s->wall_ns, .window_s = s->window_s },
		     NULL, 0);
	put_strings(f, RECORD_machine, NULL,
		    &(struct record_machine){ .leak_ns = f->options.limits.leak_ns,
					      .wait_ns = f->options.limits.wait_ns },
		    (const char *const[]){ s->host, s->version }, 2);
	recorder_put(f->recorder, RECORD_agent, NULL, &s->agent, NULL, 0);
	for (size_t i = 0; i < s->n_tables; i++)
		put_strings(f, RECORD_table, &(struct record_number){ .n = i },
			    &(struct record_table){ .used = s->tables[i].used,
						    .limit = s->tables[i].limit },
			    &s->tables[i].name, 1);
	for (size_t i = 0; i < s->n_checks; i++) {
		const struct check_row *c = &s->checks[i];

		put_strings(f, RECORD_check, &(struct record_number){ .n = i },
			    &(struct record_check){ .state = c->state },
			    (const char *const[]){ c->name, c->found, c->advice, c->costs }, 4);
	}
	for (size_t i = 0; i < s->n_stacks; i++)
		put_stack(f, s, &s->stacks[i]);
}

/* ---- files -------------------------------------------------------------------------------------------------------------------- */

static bool is_among(const struct flight *f, uint64_t id)
{
	for (size_t i = 0; i < f->n_critical; i++)
		if (f->critical[i] == id)
			return true;
	return false;
}

/* True when something has become critical since the last tick. */
static bool critical_news(struct flight *f, const struct snapshot *s)
{
	uint64_t now[CRITICAL_MAX];
	bool is_news = false;
	size_t n = 0;

	for (size_t i = 0; i < s->n_findings && n < CRITICAL_MAX; i++) {
		const struct finding_row *row = &s->findings[i];

		if (!row->is_open || row->severity != SEVERITY_CRITICAL)
			continue;
		is_news |= !is_among(f, row->id);
		now[n++] = row->id;
	}
	memcpy(f->critical, now, n * sizeof(*now));
	f->n_critical = n;
	return is_news;
}

static bool is_flight_name(const char *name)
{
	struct tm tm = { 0 };
	const char *end = strptime(name, NAME_FORMAT, &tm);

	return end && !*end;
}

static int select_flight(const struct dirent *e)
{
	return is_flight_name(e->d_name);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp((*(struct dirent *const *)a)->d_name, (*(struct dirent *const *)b)->d_name);
}

/*
 * Names of files sort by their time. Those that are of a later time than the one that was just written are of a clock that went wrong, and older
 * than all others.
 */
static void sort_by_age(struct dirent **names, size_t n, const char *newest)
{
	struct dirent **sorted = calloc(n, sizeof(struct dirent *));
	size_t first = 0;

	qsort(names, n, sizeof(*names), compare_names);
	while (first < n && strcmp(names[first]->d_name, newest) <= 0)
		first++;
	for (size_t i = 0; sorted && i < n; i++)
		sorted[i] = names[(first + i) % n];
	if (sorted)
		memcpy(names, sorted, n * sizeof(*names));
	free(sorted);
}

static void remove_oldest(const struct flight *f)
{
	struct dirent **names;
	AUTO_CLOSE int folder = open(f->options.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int n = scandir(f->options.folder, &names, select_flight, NULL);

	if (n > 0)
		sort_by_age(names, (size_t)n, f->name);
	for (int i = 0; i < n; i++) {
		if (folder >= 0 && n - i > (int)f->options.files)
			unlinkat(folder, names[i]->d_name, 0);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

static void give_up(struct flight *f, const char *what)
{
	AUTO_CLOSE int folder = open(f->options.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	complain(f, what);
	close(TAKE_FD(f->fd));
	if (folder >= 0)
		unlinkat(folder, PART, 0);
}

static int write_all(int fd, const void *data, size_t n)
{
	const char *at = data;

	while (n) {
		ssize_t r = write(fd, at, n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return -1;
		at += r;
		n -= (size_t)r;
	}
	return 0;
}

static int write_head(struct flight *f)
{
	unsigned char head[RECORDING_HEAD_MOST];
	size_t n = recording_head_format(head, sizeof(head));

	f->first = f->next = recorder_first(f->recorder);
	return lseek(f->fd, 0, SEEK_SET) || ftruncate(f->fd, 0) || write_all(f->fd, head, n);
}

/* One that another agent is writing to is locked by it. */
static bool is_another_agents(int folder)
{
	AUTO_CLOSE int fd = openat(folder, PART, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
}

/* By the time; of several in a second, which only other agents and other clocks can have written, the next second that is free. */
static void choose_name(struct flight *f, int folder)
{
	time_t seconds = (time_t)(f->wall_ns / 1000000000);
	struct stat st;
	struct tm tm;

	for (int i = 0; i < 60; i++, seconds++) {
		gmtime_r(&seconds, &tm);
		strftime(f->name, sizeof(f->name), NAME_FORMAT, &tm);
		if (fstatat(folder, f->name, &st, AT_SYMLINK_NOFOLLOW))
			break;
	}
}

static void begin_file(struct flight *f)
{
	AUTO_CLOSE int folder = open(f->options.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (folder >= 0 && is_another_agents(folder))
		return; /* it is tried again at the next tick */
	f->wanted_ns = 0;
	f->begun_ns = f->now_ns;
	if (folder >= 0) {
		choose_name(f, folder);
		unlinkat(folder, PART, 0); /* of an agent that was killed */
		f->fd = openat(folder, PART, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			       0640);
	}
	if (f->fd < 0) {
		complain(f, "cannot write to");
		return;
	}
	flock(f->fd, LOCK_EX | LOCK_NB);
	f->until = recorder_next(f->recorder);
	if (write_head(f))
		give_up(f, "cannot write to");
}

static void end_file(struct flight *f)
{
	AUTO_CLOSE int folder = open(f->options.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct block_head end = { .flags = BLOCK_END, .seq = f->until, .t_ns = f->begun_ns };
	unsigned char bytes[BLOCK_HEAD_BYTES];

	if (f->first >= f->until) {
		errno = ENOBUFS;
		give_up(f, "nothing is kept for");
		return;
	}
	block_head_format(&end, bytes);
	if (folder < 0 || write_all(f->fd, bytes, sizeof(bytes)) ||
	    renameat(folder, PART, folder, f->name)) {
		give_up(f, "cannot write to");
		return;
	}
	close(TAKE_FD(f->fd));
	f->n_files++;
	f->written_ns = f->begun_ns;
	f->problem[0] = 0;
	if (f->options.is_logging)
		fprintf(stderr, "poolscope: flight recorder: wrote %s/%s\n", f->options.folder,
			f->name);
	remove_oldest(f);
}

void flight_go_on(struct flight *f)
{
	CLEANUP(buffer_done) struct buffer piece = { 0 };

	recorder_settle(f->recorder);
	if (f->fd < 0)
		return;
	if (f->next >= f->until) { /* or all of it was dropped in the meantime */
		end_file(f);
		return;
	}
	if (!recorder_read(f->recorder, &f->next, f->until, PIECE, 0, &piece)) {
		if (write_head(f))
			give_up(f, "cannot write to");
		return;
	}
	if (piece.error || write_all(f->fd, piece.data, piece.n))
		give_up(f, "cannot write to");
}

/* It is wanted, the last one is long enough ago, and what came of the finding is in it. */
static bool is_due(const struct flight *f, int64_t delay_ns)
{
	int64_t apart_ns = (int64_t)f->options.minutes * 60000000000;

	return f->wanted_ns && f->fd < 0 && f->now_ns - f->wanted_ns >= delay_ns &&
	       (!f->written_ns || f->now_ns - f->written_ns >= apart_ns);
}

/* Of a recorder that rests the file has what follows the finding, and all that is known then. */
static void wake(struct flight *f)
{
	if (!recorder_report(f->recorder).rests || recorder_is_on(f->recorder) || !is_due(f, 0))
		return;
	recorder_begin(f->recorder, f->now_ns);
	f->wanted_ns = f->now_ns;
}

void flight_tick_end(struct flight *f, const struct snapshot *s)
{
	if (recorder_is_on(f->recorder))
		put_snapshot(f, s);
	recorder_tick_end(f->recorder, s->wall_ns);
	f->now_ns = s->t_ns;
	f->wall_ns = s->wall_ns;
	if (f->options.is_off)
		return;
	if (critical_news(f, s) && !f->wanted_ns)
		f->wanted_ns = s->t_ns;
	wake(f);
	if (is_due(f, DELAY_NS))
		begin_file(f);
}

void flight_free(struct flight *f)
{
	if (!f)
		return;
	recorder_settle(f->recorder);
	if (is_due(f, 0) && recorder_first(f->recorder) < recorder_next(f->recorder))
		begin_file(f);
	while (f->fd >= 0)
		flight_go_on(f); /* each call writes, ends or gives up */
	recorder_free(f->recorder);
	free(f);
}

/* ---- who asks ------------------------------------------------------------------------------------------------------------------- */

int flight_read(struct flight *f, const char *what, int64_t now_ns, struct buffer *ret)
{
	char *end;
	uint64_t seq;

	if (!strcmp(what, "begin")) {
		seq = recorder_begin(f->recorder, now_ns);
		buffer_printf(ret, "%llu %llu\n", (unsigned long long)seq, (unsigned long long)seq);
		return ret->error;
	}
	if (!strcmp(what, "first")) {
		buffer_printf(ret, "%llu %llu\n", (unsigned long long)recorder_first(f->recorder),
			      (unsigned long long)recorder_next(f->recorder));
		return ret->error;
	}
	errno = 0;
	seq = strtoull(what, &end, 10);
	if (*what < '0' || *what > '9' || *end || errno)
		return -ESRCH;
	if (!recorder_read(f->recorder, &seq, UINT64_MAX, READ_MOST, now_ns, ret))
		return -ESTALE;
	return ret->error;
}

uint64_t flight_n_left_out(const struct flight *f)
{
	return recorder_report(f->recorder).n_left_out;
}

const char *flight_state(const struct flight *f, struct arena *arena, const char **ret_problem)
{
	struct recorder_report r = recorder_report(f->recorder);

	*ret_problem = NULL;
	if (f->options.is_off)
		return "off";
	if (r.rests)
		*ret_problem = arena_printf(
			arena,
			"it rests: what is known at one time is more than half of flight_megabytes (%u); what follows a critical finding is kept",
			f->options.megabytes);
	else if (f->problem[0])
		*ret_problem = arena_strdup(arena, f->problem);
	else if (access(f->options.folder, W_OK))
		*ret_problem = arena_printf(arena, "%s: %s", f->options.folder, strerror(errno));
	return arena_printf(arena, "the last %.0f s are kept in %.1f MiB; %llu files written",
			    (double)r.kept_ns / 1e9, (double)r.bytes / (1 << 20),
			    (unsigned long long)f->n_files);
}
