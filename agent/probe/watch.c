/* SPDX-License-Identifier: MIT */
/*
 * watch.c - see watch.h. The surprise: a burst of mappings at the start of a process is looked at more than once, and that is
 * right: the executable itself may carry points, and its first pool may be made before the last library is loaded.
 */
#include "probe/watch.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

/* out of memory in a hash table is an error here, not an exit; the element is then not in the table */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/cleanup.h"
#include "base/meter.h"
#include "discover/arrivals.h"
#include "discover/mapped.h"
#include "probe/chosen.h"

#define DIRTY_MAX 4096
#define RECENT_MAX 256
#define ROUND_LOOKS 50	/* processes a tick, while there are rules: some 2 ms */
#define POLL_TICKS 2 /* without arrivals: a look through /proc each so many ticks */

/* A process that uses at least one target. */
struct user_process {
	uint32_t pid;
	int pidfd;
	UT_hash_handle hh;
};

struct watch {
	struct targets *targets;
	struct arrivals *arrivals;
	struct user_process *users;
	int epoll_fd;
	uint64_t scan;
	uint32_t dirty[DIRTY_MAX];
	size_t n_dirty;
	bool is_lossy;
	struct chosen *chosen;
	DIR *round;	/* of the look that goes round through all processes; NULL = it begins anew */
	uint32_t recent[RECENT_MAX];	/* looked at since the last tick */
	size_t n_recent;
	char problem[128];
	unsigned int ticks;
};

static void on_arrival(void *context, uint32_t pid)
{
	struct watch *w = context;

	for (size_t i = 0; i < w->n_dirty; i++)
		if (w->dirty[i] == pid)
			return;
	if (w->n_dirty < DIRTY_MAX)
		w->dirty[w->n_dirty++] = pid;
	else
		w->is_lossy = true;
}

struct look {
	struct watch *w;
	bool is_user;
};

static int on_file(void *context, uint32_t pid, int fd, const char *path)
{
	struct look *look = context;

	if (targets_offer(look->w->targets, fd, path, pid, look->w->scan) == 1)
		look->is_user = true;
	return 0;
}

static struct user_process *user_find(struct watch *w, uint32_t pid)
{
	struct user_process *u;

	HASH_FIND(hh, w->users, &pid, sizeof(pid), u);
	return u;
}

static void user_free(struct watch *w, struct user_process *u)
{
	HASH_DEL(w->users, u);
	close(u->pidfd); /* leaves the epoll set with its last descriptor */
	free(u);
}

static void user_add(struct watch *w, uint32_t pid)
{
	struct epoll_event interest = { .events = EPOLLIN, .data.u32 = pid };
	struct user_process *u = calloc(1, sizeof(*u));

	if (!u)
		return;
	u->pid = pid;
	u->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (u->pidfd < 0 || epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, u->pidfd, &interest)) {
		if (u->pidfd >= 0)
			close(u->pidfd);
		free(u);
		targets_leave(w->targets, pid, UINT64_MAX);
		return;
	}
	HASH_ADD(hh, w->users, pid, sizeof(u->pid), u);
	if (u->hh.tbl)
		return;
	close(u->pidfd);
	free(u);
	targets_leave(w->targets, pid, UINT64_MAX); /* nobody would say when it ends */
}

static void look_at(struct watch *w, uint32_t pid)
{
	struct look look = { .w = w };
	struct user_process *u = user_find(w, pid);

	if (pid == (uint32_t)getpid())
		return;
	if (chosen_is_on(w->chosen) && w->n_recent < RECENT_MAX)
		w->recent[w->n_recent++] = pid;
	if (!chosen_look(w->chosen, pid)) {
		if (u)
			user_free(w, u);
		targets_leave(w->targets, pid, UINT64_MAX);
		return;
	}
	w->scan++;
	if (mapped_files(pid, on_file, &look))
		return; /* gone, or not ours to read */
	if (look.is_user && !u)
		user_add(w, pid);
	if (u) {
		targets_leave(w->targets, pid, w->scan);
		if (!look.is_user)
			user_free(w, u);
	}
}

static bool is_process(const struct dirent *e)
{
	return isdigit((unsigned char)e->d_name[0]);
}

static size_t count_processes(DIR *proc)
{
	struct dirent *e;
	size_t n = 0;

	while ((e = readdir(proc)))
		n += is_process(e);
	rewinddir(proc);
	return n;
}

static void look_through_proc(struct watch *w, struct meter *meter)
{
	DIR *proc = opendir("/proc");
	size_t n_done = 0, n;
	struct dirent *e;

	if (!proc)
		return;
	n = meter ? count_processes(proc) : 0;
	while ((e = readdir(proc))) {
		if (!is_process(e))
			continue;
		if (n_done < n)
			n_done++; /* some may have come meanwhile */
		meter_tell(meter, "looking at processes", n_done, n);
		look_at(w, (uint32_t)strtoul(e->d_name, NULL, 10));
	}
	closedir(proc);
}

int watch_new(struct targets *t, struct chosen *c, struct meter *meter, struct watch **ret)
{
	struct watch *w = calloc(1, sizeof(*w));
	struct epoll_event interest = { .events = EPOLLIN };
	int error;

	if (!w)
		return -ENOMEM;
	w->targets = t;
	w->chosen = c;
	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (w->epoll_fd < 0) {
		free(w);
		return -errno;
	}
	error = arrivals_new(&w->arrivals);
	if (!error)
		epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, arrivals_fd(w->arrivals), &interest);
	else
		snprintf(w->problem, sizeof(w->problem),
			 "the kernel does not tell of library loads: %s", strerror(-error));
	look_through_proc(w, meter); /* after the subscription, so that nobody slips between */
	*ret = w;
	return 0;
}

void watch_free(struct watch *w)
{
	struct user_process *u, *next;

	if (!w)
		return;
	HASH_ITER (hh, w->users, u, next)
		user_free(w, u);
	arrivals_free(w->arrivals);
	if (w->round)
		closedir(w->round);
	close(w->epoll_fd);
	free(w);
}

int watch_fd(const struct watch *w)
{
	return w->epoll_fd;
}

static void on_exit_of(struct watch *w, uint32_t pid)
{
	struct user_process *u = user_find(w, pid);

	if (u)
		user_free(w, u);
	targets_leave(w->targets, pid, UINT64_MAX);
}

void watch_run(struct watch *w)
{
	struct epoll_event events[64];
	int n = epoll_wait(w->epoll_fd, events, 64, 0);

	w->n_dirty = 0;
	w->is_lossy = false;
	if (w->arrivals)
		w->is_lossy = arrivals_drain(w->arrivals, on_arrival, w);
	for (size_t i = 0; i < w->n_dirty; i++)
		look_at(w, w->dirty[i]);
	for (int i = 0; i < n; i++)
		if (events[i].data.u32)
			on_exit_of(w, events[i].data.u32);
	if (w->is_lossy)
		look_through_proc(w, NULL);
}

void watch_look_again(struct watch *w)
{
	look_through_proc(w, NULL);
}

/* Who has another verdict than before is looked at, or left. */
static void decide_again(struct watch *w, uint32_t pid)
{
	bool was_left_out = chosen_is_left_out(w->chosen, pid);

	if (pid != (uint32_t)getpid() && chosen_look(w->chosen, pid) == was_left_out)
		look_at(w, pid);
}

/*
 * Some processes at each tick, and in time all: one can change its user, its name or its cgroup, and nobody tells. And those of the last tick once
 * more, see chosen.c.
 */
static void go_round(struct watch *w)
{
	struct dirent *e = NULL;
	size_t n_recent = w->n_recent;

	w->n_recent = 0;
	for (size_t i = 0; i < n_recent; i++)
		decide_again(w, w->recent[i]);
	w->n_recent = 0;
	if (!w->round)
		w->round = opendir("/proc");
	for (int n = 0; n < ROUND_LOOKS && w->round && (e = readdir(w->round));)
		if (is_process(e)) {
			decide_again(w, (uint32_t)strtoul(e->d_name, NULL, 10));
			n++;
		}
	w->n_recent = 0;
	if (e || !w->round)
		return;
	closedir(w->round);
	w->round = NULL;
}

void watch_tick(struct watch *w)
{
	if (chosen_is_on(w->chosen))
		go_round(w);
	if (!w->arrivals && ++w->ticks % POLL_TICKS == 0)
		look_through_proc(w, NULL);
}

size_t watch_n_processes(const struct watch *w)
{
	return HASH_COUNT(w->users);
}

const char *watch_problem(const struct watch *w)
{
	return w->problem[0] ? w->problem : NULL;
}
