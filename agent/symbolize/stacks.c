/* SPDX-License-Identifier: MIT */
/*
 * stacks.c - see stacks.h. The surprise: the looker is this very program, started anew (/proc/self/exe): a fork of the agent would drag its
 * maps along, and what it had written so far.
 */
#include "symbolize/stacks.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "symbolize/looker.h"

#define KEPT_NS 30000000000ll
#define ASKED_NS 8000000000ll	/* longer than the looker's alarm: it hangs where no signal reaches it */
#define PAUSE_NS 1000000000ll	/* between two lookers, when one has failed */
#define ASKED_MAX 4	/* at once: what waits in the looker is lost with it */
#define HIGH_FD 64

extern char **environ;

enum stage { STAGE_FREE, STAGE_WANTED, STAGE_ASKED, STAGE_KEPT };

struct place {
	struct kept_stack kept;
	enum stage stage;
	bool has_stack; /* an older one, while it is asked for again */
	int64_t since_ns; /* wanted, asked */
	int64_t last_ns; /* somebody wanted it */
};

struct stacks {
	struct place place[STACKS_MAX];
	const struct kept_stack *shown[STACKS_MAX]; /* those with a stack */
	size_t n_shown;
	int program_fd, taken_fd;
	int socket; /* -1 = no looker runs */
	pid_t pid; /* 0 = none that is not waited for yet */
	int64_t not_before_ns;
	double cpu_before_s, cpu_s; /* of lookers that have ended; of this one */
	struct stacks_report report;
};

struct stacks *stacks_new(int program_fd, int taken_fd)
{
	struct stacks *s = calloc(1, sizeof(*s));

	if (s) {
		s->program_fd = program_fd;
		s->taken_fd = taken_fd;
		s->socket = -1;
	}
	return s;
}

/* ---- the looker ------------------------------------------------------------------------------------------------------------ */

/* The descriptors go to 3, 4 and 5 in the new process; ours are out of the way of those. */
static int spawn(int socket, int program_fd, int taken_fd, pid_t *ret)
{
	AUTO_CLOSE int high_socket = fcntl(socket, F_DUPFD_CLOEXEC, HIGH_FD),
		       high_program = fcntl(program_fd, F_DUPFD_CLOEXEC, HIGH_FD),
		       high_taken = fcntl(taken_fd, F_DUPFD_CLOEXEC, HIGH_FD);
	char name[] = LOOKER_NAME, *argv[] = { name, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	int error;

	if (high_socket < 0 || high_program < 0 || high_taken < 0)
		return -errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_adddup2(&actions, high_socket, LOOKER_SOCKET);
	posix_spawn_file_actions_adddup2(&actions, high_program, LOOKER_PROGRAM);
	posix_spawn_file_actions_adddup2(&actions, high_taken, LOOKER_TAKEN);
	error = posix_spawn(ret, "/proc/self/exe", &actions, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return -error;
}

static void start(struct stacks *s)
{
	AUTO_CLOSE int theirs = -1;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return;
	s->socket = pair[0];
	theirs = pair[1];
	fcntl(s->socket, F_SETFL, O_NONBLOCK);
	if (spawn(theirs, s->program_fd, s->taken_fd, &s->pid)) {
		s->pid = 0;
		close(TAKE_FD(s->socket));
	}
}

static void end(struct stacks *s, int64_t now_ns)
{
	bool has_failed = false;

	for (size_t i = 0; i < STACKS_MAX; i++) {
		struct place *p = &s->place[i];

		if (p->stage != STAGE_ASKED)
			continue;
		p->stage = p->has_stack ? STAGE_KEPT : STAGE_FREE;
		s->report.n_failed++;
		has_failed = true;
	}
	close(TAKE_FD(s->socket));
	if (s->pid)
		kill(s->pid, SIGKILL);
	s->cpu_before_s += s->cpu_s;
	s->cpu_s = 0;
	if (has_failed)
		s->not_before_ns = now_ns + PAUSE_NS;
}

static void reap(struct stacks *s)
{
	if (s->pid && waitpid(s->pid, NULL, WNOHANG) != 0)
		s->pid = 0;
}

void stacks_free(struct stacks *s)
{
	if (!s)
		return;
	if (s->socket >= 0)
		end(s, 0);
	if (s->pid)
		waitpid(s->pid, NULL, 0);
	free(s);
}

/* ---- questions ------------------------------------------------------------------------------------------------------------- */

static bool is_same(const struct stack_of *a, const struct stack_of *b)
{
	return a->pid == b->pid && a->tid == b->tid && a->goroutine == b->goroutine &&
	       a->taken_ns == b->taken_ns && a->lease.id == b->lease.id &&
	       a->lease.pool.pool == b->lease.pool.pool;
}

/* Its place, or else a free one; NULL = there is none. */
static struct place *find(struct stacks *s, const struct stack_of *of)
{
	struct place *empty = NULL;

	for (size_t i = 0; i < STACKS_MAX; i++) {
		struct place *p = &s->place[i];

		if (p->stage == STAGE_FREE)
			empty = p;
		else if (is_same(&p->kept.stack.of, of))
			return p;
	}
	return empty;
}

void stacks_want(struct stacks *s, const struct stack_of *of, int64_t fresh_ns, int64_t now_ns)
{
	struct place *p = find(s, of);

	if (!p) {
		s->report.n_refused++;
		return;
	}
	p->last_ns = now_ns;
	if (p->stage == STAGE_WANTED || p->stage == STAGE_ASKED ||
	    (p->stage == STAGE_KEPT && (of->taken_ns || now_ns - p->kept.taken_ns < fresh_ns)))
		return;
	if (p->stage == STAGE_FREE) {
		p->has_stack = false;
		p->kept.stack.of = *of;
	}
	p->stage = STAGE_WANTED;
	p->since_ns = now_ns;
}

static void ask(struct stacks *s, int64_t now_ns)
{
	size_t n_asked = 0;

	for (size_t i = 0; i < STACKS_MAX; i++)
		n_asked += s->place[i].stage == STAGE_ASKED;
	for (size_t i = 0; i < STACKS_MAX && n_asked < ASKED_MAX; i++) {
		struct place *p = &s->place[i];

		if (p->stage != STAGE_WANTED)
			continue;
		if (s->socket < 0 && !s->pid && now_ns >= s->not_before_ns)
			start(s);
		if (s->socket < 0 ||
		    send(s->socket, &p->kept.stack.of, sizeof(p->kept.stack.of), MSG_NOSIGNAL) < 0)
			return;
		p->stage = STAGE_ASKED;
		p->since_ns = now_ns;
		n_asked++;
	}
}

/* ---- answers --------------------------------------------------------------------------------------------------------------- */

static void clean(char *text, size_t size)
{
	char copy[STACK_FRAME_BYTES > STACK_TEXT_BYTES ? STACK_FRAME_BYTES : STACK_TEXT_BYTES];

	text[size - 1] = 0;
	text_clean(text, size, copy, size);
	memcpy(text, copy, size);
}

/* What the looker says may have been made up by those it looks at. */
static void clean_stack(struct stack *k)
{
	if (k->n_frames > STACK_FRAMES_MAX)
		k->n_frames = STACK_FRAMES_MAX;
	if (k->state >= STACK_STATE_COUNT)
		k->state = STACK_UNKNOWN;
	clean(k->waits_for, sizeof(k->waits_for));
	clean(k->problem, sizeof(k->problem));
	clean(k->thread, sizeof(k->thread));
	for (size_t i = 0; i < k->n_frames; i++)
		clean(k->frame[i], sizeof(k->frame[i]));
}

static void take(struct stacks *s, struct stack *answer, int64_t now_ns)
{
	for (size_t i = 0; i < STACKS_MAX; i++) {
		struct place *p = &s->place[i];

		if (p->stage != STAGE_ASKED || !is_same(&p->kept.stack.of, &answer->of))
			continue;
		clean_stack(answer);
		p->kept.stack = *answer;
		p->kept.taken_ns = now_ns;
		p->stage = STAGE_KEPT;
		p->has_stack = true;
		s->report.n_taken++;
		s->cpu_s = (double)answer->cpu_ns / 1e9;
		return;
	}
}

static bool is_stuck(const struct stacks *s, int64_t now_ns)
{
	for (size_t i = 0; i < STACKS_MAX; i++)
		if (s->place[i].stage == STAGE_ASKED &&
		    now_ns - s->place[i].since_ns > ASKED_MAX * ASKED_NS)
			return true;
	return false;
}

static void receive(struct stacks *s, int64_t now_ns)
{
	struct stack answer;

	while (s->socket >= 0) {
		ssize_t n = recv(s->socket, &answer, sizeof(answer), 0);

		if (n == sizeof(answer))
			take(s, &answer, now_ns);
		else if (n >= 0 || (errno != EAGAIN && errno != EINTR) || is_stuck(s, now_ns))
			end(s, now_ns);
		else
			break;
	}
}

static void forget_old(struct stacks *s, int64_t now_ns)
{
	s->n_shown = 0;
	for (size_t i = 0; i < STACKS_MAX; i++) {
		struct place *p = &s->place[i];

		if (p->stage == STAGE_KEPT &&
		    now_ns - (p->kept.stack.of.taken_ns ? p->last_ns : p->kept.taken_ns) > KEPT_NS)
			p->stage = STAGE_FREE;
		if (p->stage == STAGE_WANTED && now_ns - p->since_ns > KEPT_NS) { /* no looker can be started */
			p->stage = STAGE_FREE;
			s->report.n_failed++;
		}
		if (p->stage != STAGE_FREE && p->has_stack)
			s->shown[s->n_shown++] = &p->kept;
	}
}

void stacks_tick(struct stacks *s, int64_t now_ns)
{
	reap(s);
	receive(s, now_ns);
	ask(s, now_ns);
	forget_old(s, now_ns);
	s->report.cpu_s = s->cpu_before_s + s->cpu_s;
}

const struct kept_stack *stacks_at(const struct stacks *s, size_t i)
{
	return i < s->n_shown ? s->shown[i] : NULL;
}

const struct stacks_report *stacks_report(const struct stacks *s)
{
	return &s->report;
}
