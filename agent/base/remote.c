/* SPDX-License-Identifier: MIT */
/*
 * remote.c - see remote.h. The surprise: the reader is a process that shares our memory (clone(CLONE_VM)), and not a thread. A thread cannot be ended by itself, and one
 * that sleeps in a request which a FUSE daemon has taken cannot be ended at all: so a thread would keep the whole agent from ending, its sockets and its probes with it.
 * This process has its own table of files, with nothing in it, and is ended alone. Most waits in faults end with a SIGKILL (6.18: handle_userfault, a page that is
 * being read); of the other ones we have at most REMOTE_STUCK_MAX. A fork() would be such a process too, with a copy of each page that we write.
 *
 * It has no thread-local storage of its own, so it must not call libc (errno is ours): its system calls are made here. And no sanitizer may look at it.
 */
#include "base/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define PARTS 512 /* in one call; the kernel takes 1024 */
#define STACK_BYTES 16384
#define SLICE_NS 1000000 /* after each it is asked what the reader does */
#define LOST_NS 200000000 /* so long a reader may wait for a CPU */
#define OWN_SHARE 100 /* of time comes back to a process: one in so many */
#define ALL_SHARE 20
#define SWEEP_NS 1000000
#define DOUBLINGS 6 /* of the second after which one that was slow is read again */
#define USER_STRIKES 2
#define UID_KNOWN_NS 100000000
#define END_NS 100000000 /* for readers that are stuck, at the end */
#define FILES_MOST 4096 /* where there is no close_range() (before 5.9) */
#define FOREVER INT64_MAX

enum stage { STAGE_IDLE, STAGE_ASKED, STAGE_AT_IT, STAGE_DONE };

/* What both know; written by the one whose turn it is by `stage`. */
struct reader {
	uint32_t stage; /* a futex */
	pid_t id, owner;
	size_t mapped_bytes;
	/* what is asked: parts of the memory of `pid`, or a file */
	uint32_t pid;
	bool is_file;
	char path[64];
	struct iovec from[PARTS];
	size_t n, bytes;
	/* and answered */
	int64_t result, cpu_ns;
	int64_t cpu_known_ns; /* the owner's: it is in the report */
	unsigned char *room; /* REMOTE_ROOM */
};

struct debt {
	int64_t ns, at_ns;
};

struct suspect {
	uint32_t pid, uid;
	uint64_t start; /* as /proc/PID/stat has it: a pid comes back */
	struct debt debt;
	int64_t until_ns; /* it is not read before */
	unsigned int n_slow;
};

struct user {
	uint32_t uid;
	unsigned int n; /* processes of which a read is given up */
	int64_t until_ns; /* they count so long */
};

struct stuck {
	struct reader *reader;
	struct suspect of; /* pid 0: of nobody, this machine was too busy; or of one that has ended meanwhile */
	uint32_t uid; /* whose fault it is; UINT32_MAX = nobody's */
	int64_t since_ns;
	bool is_ended; /* killed, and not gone yet */
};

static struct {
	pid_t owner;
	struct reader *reader; /* NULL = none is begun */
	struct stuck stuck[REMOTE_STUCK_MAX];
	int64_t swept_ns;
	struct suspect suspect[REMOTE_SUSPECTS_MAX];
	size_t n_suspects;
	struct user user[REMOTE_USERS_MAX];
	size_t n_users, n_barred; /* with USER_STRIKES */
	struct {
		uint32_t pid, uid;
		int64_t at_ns;
	} known; /* whose process was asked for last */
	uint32_t asked_uid; /* whose it is that is read; UINT32_MAX = that was not asked: one more or less can be stuck */
	struct debt all;
	struct remote_report report;
} remote;

/* ---- the reader --------------------------------------------------------------------------------------------------------- */

#define BARE __attribute__((no_sanitize("address", "undefined", "thread")))

/* As syscall(2), but the error is the result. */
BARE static long bare(long number, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
#else
#error "how is a system call made here?"
#endif
}

BARE static long read_parts(struct reader *r)
{
	struct iovec into = { r->room, r->bytes };

	return bare(SYS_process_vm_readv, (long)r->pid, (long)&into, 1, (long)r->from, (long)r->n,
		    0);
}

BARE static long read_whole_file(struct reader *r)
{
	long fd = bare(SYS_openat, AT_FDCWD, (long)r->path, O_RDONLY | O_CLOEXEC, 0, 0, 0), got = 0;
	size_t n = 0;

	if (fd < 0)
		return fd;
	while (n < r->bytes) {
		got = bare(SYS_read, fd, (long)(r->room + n), (long)(r->bytes - n), 0, 0, 0);
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	bare(SYS_close, fd, 0, 0, 0, 0, 0);
	return got < 0 && !n ? got : (long)n;
}

BARE static void forget_files(void)
{
	if (bare(SYS_close_range, 0, UINT32_MAX, 0, 0, 0, 0))
		for (long fd = 0; fd < FILES_MOST; fd++)
			bare(SYS_close, fd, 0, 0, 0, 0, 0);
}

BARE static int work(void *reader)
{
	struct reader *r = reader;

	bare(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0, 0);
	if (bare(SYS_getppid, 0, 0, 0, 0, 0, 0) != r->owner)
		return 0;
	bare(SYS_prctl, PR_SET_NAME, (long)"poolscope-read", 0, 0, 0, 0);
	forget_files();
	for (;;) {
		uint32_t stage = __atomic_load_n(&r->stage, __ATOMIC_ACQUIRE);
		struct timespec cpu;

		if (stage != STAGE_ASKED) {
			bare(SYS_futex, (long)&r->stage, FUTEX_WAIT_PRIVATE, stage, 0, 0, 0);
			continue;
		}
		__atomic_store_n(&r->stage, STAGE_AT_IT, __ATOMIC_RELEASE);
		r->result = r->is_file ? read_whole_file(r) : read_parts(r);
		if (!bare(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, (long)&cpu, 0, 0, 0, 0))
			r->cpu_ns = cpu.tv_sec * 1000000000l + cpu.tv_nsec;
		__atomic_store_n(&r->stage, STAGE_DONE, __ATOMIC_RELEASE);
		bare(SYS_futex, (long)&r->stage, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
	}
}

/* ---- its owner ---------------------------------------------------------------------------------------------------------- */

/* It lies in one mapping, behind a page that nobody may touch and its stack. */
static struct reader *reader_map(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t head = (sizeof(struct reader) + page - 1) / page * page;
	size_t bytes = page + STACK_BYTES + head + REMOTE_ROOM;
	char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct reader *r;

	if (at == MAP_FAILED)
		return NULL;
	mprotect(at, page, PROT_NONE);
	r = (struct reader *)(at + page + STACK_BYTES);
	r->room = (unsigned char *)r + head;
	r->mapped_bytes = bytes;
	return r;
}

static void reader_unmap(struct reader *r)
{
	munmap((char *)r->room + REMOTE_ROOM - r->mapped_bytes, r->mapped_bytes);
}

/* It takes no signal but that which ends it, and tells none when it ends. */
static struct reader *reader_begin(void)
{
	struct reader *r = reader_map();
	sigset_t all, before;

	if (!r)
		return NULL;
	r->owner = getpid();
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r->id = clone(work, r, CLONE_VM, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r->id > 0)
		return r;
	reader_unmap(r);
	return NULL;
}

/* True: it is gone, and so is its memory. */
static bool reader_reap(struct reader *r, int flags)
{
	pid_t done;

	do
		done = waitpid(r->id, NULL, flags | __WALL);
	while (done < 0 && errno == EINTR);
	if (!done)
		return false;
	reader_unmap(r);
	return true;
}

static void reader_wake(struct reader *r)
{
	__atomic_store_n(&r->stage, STAGE_ASKED, __ATOMIC_RELEASE);
	syscall(SYS_futex, &r->stage, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void reader_sleep(struct reader *r, uint32_t stage, int64_t most_ns)
{
	struct timespec most = { most_ns / 1000000000, most_ns % 1000000000 };

	syscall(SYS_futex, &r->stage, FUTEX_WAIT_PRIVATE, stage, &most, NULL, 0);
}

/* Its state and when it began, out of /proc/PID/stat, which needs nothing of its memory. False: it is gone. */
static bool stat_read(uint32_t pid, char *ret_state, uint64_t *ret_start)
{
	char path[64], text[1024];
	AUTO_CLOSE int fd = -1;
	const char *at;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = 0;
	at = strrchr(text, ')'); /* its name may have more of them */
	if (!at || strlen(at) < 3)
		return false;
	*ret_state = at[2];
	for (int i = 0; at && i < 20; i++)
		at = strchr(at + 1, ' ');
	*ret_start = at ? strtoull(at, NULL, 10) : 0;
	return true;
}

/* 0 = there is an answer; else it is to be given up: -ETIMEDOUT, the process is why; -EAGAIN, it is not. *ret_slept_ns: so long it slept there. */
static int reader_wait(struct reader *r, int64_t most_ns, int64_t *ret_slept_ns)
{
	int64_t begin_ns = clock_ns(CLOCK_MONOTONIC), last_ns = begin_ns, now_ns;
	uint64_t start;
	uint32_t stage;
	char state;

	*ret_slept_ns = 0;
	while ((stage = __atomic_load_n(&r->stage, __ATOMIC_ACQUIRE)) != STAGE_DONE) {
		reader_sleep(r, stage, SLICE_NS);
		now_ns = clock_ns(CLOCK_MONOTONIC);
		if (now_ns - last_ns < SLICE_NS)
			continue;
		if (!stat_read((uint32_t)r->id, &state, &start) || strchr("ZX", state))
			return -EAGAIN;
		stage = __atomic_load_n(&r->stage, __ATOMIC_ACQUIRE);
		if (stage == STAGE_AT_IT && strchr("SD", state)) /* now; of more than this slice it is not known */
			*ret_slept_ns +=
				now_ns - last_ns < 2 * SLICE_NS ? now_ns - last_ns : 2 * SLICE_NS;
		last_ns = now_ns;
		if (stage != STAGE_DONE && *ret_slept_ns >= most_ns)
			return -ETIMEDOUT;
		if (stage != STAGE_DONE && now_ns - begin_ns > LOST_NS)
			return -EAGAIN;
	}
	return 0;
}

/* ---- who is slow -------------------------------------------------------------------------------------------------------- */

static int64_t debt_of(struct debt *d, int64_t now_ns, int64_t share)
{
	d->ns -= (now_ns - d->at_ns) / share;
	if (d->ns < 0)
		d->ns = 0;
	d->at_ns = now_ns;
	return d->ns;
}

/* The real one: the owner of files in /proc is another where a process wants to hide. UINT32_MAX = it is gone. */
static uint32_t uid_read(uint32_t pid)
{
	AUTO_FCLOSE FILE *f = NULL;
	char path[64], line[256];
	unsigned int uid;

	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Uid: %u", &uid) == 1)
			return uid;
	return UINT32_MAX;
}

static struct suspect *suspect_find(uint32_t pid)
{
	uint64_t start;
	char state;

	for (size_t i = 0; i < remote.n_suspects; i++) {
		struct suspect *s = &remote.suspect[i];

		if (s->pid != pid)
			continue;
		if (stat_read(pid, &state, &start) && start == s->start)
			return s;
		*s = remote.suspect[--remote.n_suspects]; /* it has ended; this is another one */
		return NULL;
	}
	return NULL;
}

/* Who is never to be read again goes last. */
static bool goes_before(const struct suspect *a, const struct suspect *b)
{
	bool is_given_up = a->until_ns == FOREVER;

	if (is_given_up != (b->until_ns == FOREVER))
		return !is_given_up;
	return a->debt.at_ns < b->debt.at_ns;
}

/* NULL: it is gone. */
static struct suspect *suspect_get(uint32_t pid)
{
	struct suspect *s = suspect_find(pid), new = { .pid = pid };
	char state;

	if (s || !stat_read(pid, &state, &new.start))
		return s;
	new.uid = uid_read(pid);
	s = &remote.suspect[0];
	for (size_t i = 1; i < remote.n_suspects; i++)
		if (goes_before(&remote.suspect[i], s))
			s = &remote.suspect[i];
	if (remote.n_suspects < REMOTE_SUSPECTS_MAX)
		s = &remote.suspect[remote.n_suspects++];
	*s = new;
	return s;
}

static bool has_stuck(uint32_t uid)
{
	for (const struct stuck *s = remote.stuck; s < remote.stuck + REMOTE_STUCK_MAX; s++)
		if (s->reader && s->uid == uid)
			return true;
	return false;
}

/* What is still stuck is not forgotten. */
static void users_count_barred(int64_t now_ns)
{
	remote.n_barred = 0;
	for (size_t i = 0; i < remote.n_users; i++) {
		struct user *u = &remote.user[i];

		if (u->until_ns <= now_ns && !has_stuck(u->uid))
			u->n = 0;
		remote.n_barred += u->n >= USER_STRIKES;
	}
}

static struct user *user_find(uint32_t uid)
{
	for (size_t i = 0; i < remote.n_users; i++)
		if (remote.user[i].uid == uid)
			return &remote.user[i];
	return NULL;
}

static void user_strike(uint32_t uid, int64_t now_ns)
{
	struct user *u = user_find(uid);

	if (!uid || uid == UINT32_MAX)
		return;
	if (!u) {
		u = &remote.user[0];
		for (size_t i = 1; i < remote.n_users; i++)
			if (remote.user[i].until_ns < u->until_ns)
				u = &remote.user[i];
		if (remote.n_users < REMOTE_USERS_MAX)
			u = &remote.user[remote.n_users++];
		*u = (struct user){ .uid = uid };
	}
	users_count_barred(now_ns); /* strikes of long ago are over */
	u->n++;
	u->until_ns = now_ns + REMOTE_USER_NS;
	users_count_barred(now_ns);
}

static void user_forgive(uint32_t uid, int64_t now_ns)
{
	struct user *u = user_find(uid);

	if (u && u->n)
		u->n--;
	users_count_barred(now_ns);
}

static uint32_t uid_of(uint32_t pid, int64_t now_ns)
{
	if (remote.known.pid != pid || now_ns - remote.known.at_ns > UID_KNOWN_NS) {
		remote.known.pid = pid;
		remote.known.uid = uid_read(pid);
		remote.known.at_ns = now_ns;
	}
	return remote.known.uid;
}

/* Mostly there is none such, and nobody is asked for. */
static bool is_barred(uint32_t pid, int64_t now_ns)
{
	struct user *u;

	if (!remote.n_barred)
		return false;
	users_count_barred(now_ns);
	u = user_find(uid_of(pid, now_ns));
	return u && u->n >= USER_STRIKES;
}

/* How long its reader may sleep now; 0 = it is not to be read. */
static int64_t may_sleep_ns(uint32_t pid, int64_t now_ns)
{
	struct suspect *s = remote.n_suspects ? suspect_find(pid) : NULL;
	int64_t all_ns = REMOTE_ALL_NS - debt_of(&remote.all, now_ns, ALL_SHARE), own_ns;

	if (is_barred(pid, now_ns) || (s && s->until_ns > now_ns))
		return 0;
	own_ns = REMOTE_WAIT_NS - (s ? debt_of(&s->debt, now_ns, OWN_SHARE) : 0);
	if (own_ns > all_ns)
		own_ns = all_ns;
	if (own_ns >= SLICE_NS)
		return own_ns;
	return s ? 0 : SLICE_NS; /* who never was slow does not pay for those who are */
}

static void note_slow(uint32_t pid, int64_t slept_ns, int64_t now_ns)
{
	struct suspect *s = suspect_get(pid);

	debt_of(&remote.all, now_ns, ALL_SHARE);
	remote.all.ns += slept_ns;
	if (!s)
		return;
	debt_of(&s->debt, now_ns, OWN_SHARE);
	s->debt.ns += slept_ns;
}

/* ---- who is stuck ------------------------------------------------------------------------------------------------------- */

static void note_cpu(struct reader *r)
{
	remote.report.cpu_ns += r->cpu_ns - r->cpu_known_ns;
	r->cpu_known_ns = r->cpu_ns;
}

/* The reader is one of those that are stuck from now on. */
static void give_up(struct reader *r, bool is_its_fault, int64_t now_ns)
{
	struct suspect *s = is_its_fault ? suspect_find(r->pid) : NULL;
	struct stuck *stuck = remote.stuck;

	while (stuck->reader) /* there is a free one, or it had not been asked */
		stuck++;
	*stuck = (struct stuck){ .reader = r, .since_ns = now_ns, .uid = UINT32_MAX };
	remote.report.n_stuck++;
	remote.report.n_given_up++;
	if (s) {
		s->until_ns = FOREVER;
		s->n_slow++;
		stuck->of = *s;
	}
	if (is_its_fault) {
		stuck->uid = s ? s->uid : remote.asked_uid;
		user_strike(stuck->uid, now_ns);
	}
}

/* It came back by itself. */
static void forgive(const struct suspect *of, int64_t now_ns)
{
	struct suspect *s = of->pid ? suspect_find(of->pid) : NULL;
	unsigned int doublings = of->n_slow - 1 < DOUBLINGS ? of->n_slow - 1 : DOUBLINGS;

	if (!of->pid)
		return;
	user_forgive(of->uid, now_ns);
	if (s)
		s->until_ns = now_ns + (1000000000ll << doublings);
}

static void sweep(int64_t now_ns)
{
	if (!remote.report.n_stuck || now_ns - remote.swept_ns < SWEEP_NS)
		return;
	remote.swept_ns = now_ns;
	for (struct stuck *s = remote.stuck; s < remote.stuck + REMOTE_STUCK_MAX; s++) {
		bool is_back, is_late = now_ns - s->since_ns > REMOTE_PATIENCE_NS;

		if (!s->reader)
			continue;
		is_back = __atomic_load_n(&s->reader->stage, __ATOMIC_ACQUIRE) == STAGE_DONE;
		if (!s->is_ended && (is_back || is_late)) {
			kill(s->reader->id, SIGKILL);
			s->is_ended = true;
			if (is_back) /* by itself: nobody had ended it */
				forgive(&s->of, now_ns);
		}
		if (is_back)
			note_cpu(s->reader);
		if (reader_reap(s->reader, WNOHANG)) {
			s->reader = NULL;
			remote.report.n_stuck--;
		}
	}
}

/* A fork()ed child has the numbers of its parent's readers, and none of its own. */
static void know_owner(void)
{
	pid_t id = getpid();

	if (remote.owner == id)
		return;
	memset(&remote, 0, sizeof(remote));
	remote.owner = id;
}

/* ---- reads -------------------------------------------------------------------------------------------------------------- */

/* What is asked stands in remote.reader. Returns its result. */
static ssize_t ask(uint32_t pid, int64_t most_ns)
{
	struct reader *r = remote.reader;
	int64_t slept_ns, now_ns;
	int error;

	r->pid = pid;
	reader_wake(r);
	error = reader_wait(r, most_ns, &slept_ns);
	now_ns = slept_ns || error ? clock_ns(CLOCK_MONOTONIC) : 0;
	if (slept_ns)
		note_slow(pid, slept_ns, now_ns);
	if (!error) {
		note_cpu(r);
		return r->result;
	}
	remote.reader = NULL;
	give_up(r, error == -ETIMEDOUT, now_ns);
	return error;
}

/* How long the reader may sleep for this process. 0: there is one now; -EBUSY; -EAGAIN. */
static int begin(uint32_t pid, int64_t *ret_most_ns)
{
	int64_t now_ns = clock_ns(CLOCK_MONOTONIC);

	know_owner();
	sweep(now_ns);
	*ret_most_ns = may_sleep_ns(pid, now_ns);
	if (!*ret_most_ns || remote.report.n_stuck == REMOTE_STUCK_MAX) {
		remote.report.n_left_out++;
		return -EBUSY;
	}
	if (!remote.reader)
		remote.reader = reader_begin();
	remote.asked_uid = remote.report.n_stuck ? uid_of(pid, now_ns) : UINT32_MAX;
	if (!remote.reader) {
		remote.report.n_left_out++;
		return -EAGAIN;
	}
	return 0;
}

/* Where a read goes on: in this part, after so many of its bytes. */
struct cursor {
	size_t part, at;
};

/* Asks for as much as the reader has room for. */
static void fill(struct reader *r, const struct iovec *from, size_t n, struct cursor c)
{
	r->is_file = false;
	r->n = 0;
	r->bytes = 0;
	for (; c.part < n && r->n < PARTS && r->bytes < REMOTE_ROOM; c.part++, c.at = 0) {
		size_t rest = from[c.part].iov_len - c.at, room = REMOTE_ROOM - r->bytes;

		if (rest > room)
			rest = room;
		r->from[r->n++] = (struct iovec){ (char *)from[c.part].iov_base + c.at, rest };
		r->bytes += rest;
	}
}

/* So much of it is there. */
static void copy_out(const struct reader *r, const struct iovec *into, size_t got, struct cursor *c)
{
	const unsigned char *at = r->room;

	while (got) {
		size_t rest = into[c->part].iov_len - c->at, now = got < rest ? got : rest;

		memcpy((char *)into[c->part].iov_base + c->at, at, now);
		at += now;
		got -= now;
		c->at += now;
		if (now == rest) {
			c->part++;
			c->at = 0;
		}
	}
}

ssize_t remote_read(uint32_t pid, const struct iovec *into, const struct iovec *from, size_t n)
{
	struct cursor c = { 0, 0 };
	ssize_t done = 0;

	while (c.part < n) {
		int64_t most_ns;
		ssize_t got = begin(pid, &most_ns);
		size_t asked = 0;

		if (!got) {
			fill(remote.reader, from, n, c);
			asked = remote.reader->bytes;
			got = ask(pid, most_ns);
		}
		if (got < 0)
			return done ? done : got;
		copy_out(remote.reader, into, (size_t)got, &c);
		done += got;
		if ((size_t)got < asked || !asked)
			break;
	}
	return done;
}

int remote_read_all(uint32_t pid, uint64_t address, void *ret, size_t n)
{
	struct iovec into = { ret, n }, from = { (void *)(uintptr_t)address, n };
	ssize_t got = remote_read(pid, &into, &from, 1);

	return got < 0 ? (int)got : got == (ssize_t)n ? 0 : -EFAULT;
}

ssize_t remote_read_file(uint32_t pid, const char *what, void *ret, size_t n)
{
	int64_t most_ns;
	ssize_t got = begin(pid, &most_ns);
	struct reader *r = remote.reader;

	if (got)
		return got;
	r->is_file = true;
	r->bytes = n < REMOTE_ROOM ? n : REMOTE_ROOM;
	snprintf(r->path, sizeof(r->path), "/proc/%u/%s", pid, what);
	got = ask(pid, most_ns);
	if (got > 0)
		memcpy(ret, r->room, (size_t)got);
	return got == -ENOENT ? -ESRCH : got;
}

bool remote_may_read(uint32_t pid)
{
	know_owner();
	return remote.report.n_stuck < REMOTE_STUCK_MAX &&
	       may_sleep_ns(pid, clock_ns(CLOCK_MONOTONIC)) > 0;
}

const struct remote_report *remote_report(void)
{
	return &remote.report;
}

void remote_done(void)
{
	int64_t begin_ns = clock_ns(CLOCK_MONOTONIC);

	know_owner();
	if (remote.reader) {
		kill(remote.reader->id, SIGKILL);
		reader_reap(TAKE(remote.reader), 0);
	}
	for (struct stuck *s = remote.stuck; s < remote.stuck + REMOTE_STUCK_MAX; s++)
		if (s->reader)
			s->since_ns = begin_ns - REMOTE_PATIENCE_NS - 1;
	while (remote.report.n_stuck && clock_ns(CLOCK_MONOTONIC) - begin_ns < END_NS) {
		sweep(clock_ns(CLOCK_MONOTONIC));
		if (remote.report.n_stuck)
			usleep(SWEEP_NS / 1000);
	}
}
