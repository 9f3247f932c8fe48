/* SPDX-License-Identifier: MIT */
/*
 * look.c - see look.h. The surprise: nothing is stopped. A thread that sleeps does not change its stack, and the kernel counts how often it
 * has left a CPU: when that is the same before and after the copy, it was asleep all the time, and the copy is whole. Of who took an item the
 * kernel side has made a copy then (bpf/taken.h).
 */
#include "symbolize/look.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "discover/symbols.h"
#include "symbolize/goroutine.h"
#include "symbolize/perfmap.h"
#include "symbolize/unwind.h"
#include "symbolize/waits.h"

#define STACK_BYTES (256u << 10)	/* of a stack; what lies deeper is cut */
#define RED_ZONE 128	/* below the stack pointer, and in use */
#define TRIES 10	/* to find a thread asleep, or waiting for a CPU */
#define ROUNDS 2	/* of such tries, and of a sample of one that runs after each */
#define PAUSE_NS 500000
#define CALL_WORD 15	/* the number of the system call, in x86-64's struct pt_regs */
#define CALLS_MAX 1024

struct look {
	struct look_kernel kernel;
	uint32_t pid;		/* 0 = none */
	struct unwinder *unwinder;
	int unwinder_error;
	int memory_fd;		/* /proc/PID/mem */
	bool is_go;
	char go_version[32];
	uint8_t *stack;
	uint64_t code[STACK_FRAMES_MAX];
};

struct look *look_new(const struct look_kernel *kernel)
{
	struct look *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->kernel = *kernel;
	l->memory_fd = -1;
	l->stack = malloc(STACK_BYTES);
	if (!l->stack) {
		free(l);
		return NULL;
	}
	return l;
}

void look_forget(struct look *l)
{
	unwinder_free(l->unwinder);
	l->unwinder = NULL;
	if (l->memory_fd >= 0)
		close(l->memory_fd);
	l->memory_fd = -1;
	l->pid = 0;
}

void look_free(struct look *l)
{
	if (!l)
		return;
	look_forget(l);
	free(l->stack);
	free(l);
}

/* ---- the process ----------------------------------------------------------------------------------------------------------- */

static void read_version(struct look *l)
{
	AUTO_CLOSE int fd = -1;
	struct symbols *s;
	char path[64];

	l->is_go = false;
	l->go_version[0] = 0;
	snprintf(path, sizeof(path), "/proc/%u/exe", l->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || symbols_open(fd, NULL, &s, NULL))
		return;
	l->is_go = symbols_is_go(s);
	if (symbols_go_version(s))
		snprintf(l->go_version, sizeof(l->go_version), "%s", symbols_go_version(s));
	symbols_free(s);
}

static int meet(struct look *l, uint32_t pid)
{
	char path[64];

	if (l->pid == pid)
		return l->unwinder_error;
	look_forget(l);
	l->pid = pid;
	snprintf(path, sizeof(path), "/proc/%u/mem", pid);
	l->memory_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (l->memory_fd < 0)
		l->unwinder_error = errno == ENOENT ? -ESRCH : -errno;
	else
		l->unwinder_error = unwinder_new(pid, &l->unwinder);
	read_version(l);
	return l->unwinder_error;
}

/* ---- names ----------------------------------------------------------------------------------------------------------------- */

static void name_made_code(const struct look *l, const struct perfmap_name *made, char *ret)
{
	(void)l;
	if (made->name[0])
		snprintf(ret, STACK_FRAME_BYTES, "%s (made at run time)", made->name);
	else
		snprintf(ret, STACK_FRAME_BYTES, "0x%llx", (unsigned long long)made->address);
}

/* Frames in code of no file are named together, by one reading of the map; their places are filled in then. */
static void name_frames(struct look *l, size_t n, struct stack *s)
{
	struct perfmap_name made[STACK_FRAMES_MAX];
	uint32_t place[STACK_FRAMES_MAX];
	size_t n_made = 0;
	AUTO_CLOSE int fd = -1;

	for (size_t i = 0; i < n && s->n_frames < STACK_FRAMES_MAX; i++) {
		size_t n_names = unwind_names(l->unwinder, l->code[i], s->frame + s->n_frames,
					      STACK_FRAMES_MAX - s->n_frames);

		if (!n_names) {
			made[n_made].address = l->code[i];
			made[n_made].name[0] = 0;
			place[n_made++] = s->n_frames;
			n_names = 1;
		}
		s->n_frames += (uint32_t)n_names;
	}
	fd = n_made ? perfmap_open(l->pid) : -1;
	if (fd >= 0)
		perfmap_read(fd, made, n_made);
	for (size_t i = 0; i < n_made; i++)
		name_made_code(l, &made[i], s->frame[place[i]]);
}

/* ---- the stack ------------------------------------------------------------------------------------------------------------- */

static struct unwind_memory copy_stack(struct look *l, uint64_t sp)
{
	uint64_t begin = sp > RED_ZONE ? sp - RED_ZONE : sp;
	ssize_t n = pread(l->memory_fd, l->stack, STACK_BYTES, (off_t)begin);

	if (n <= 0) { /* nothing is below */
		begin = sp;
		n = pread(l->memory_fd, l->stack, STACK_BYTES, (off_t)begin);
	}
	return (struct unwind_memory){ begin, n > 0 ? (size_t)n : 0, l->stack };
}

static void say_problem(struct stack *s, const char *problem)
{
	snprintf(s->problem, sizeof(s->problem), "%s", problem);
}

static void unwind_and_name(struct look *l, const uint64_t *registers, uint32_t known,
			    const struct unwind_memory *memory, struct stack *s)
{
	bool is_cut;
	size_t n =
		unwind(l->unwinder, registers, known, memory, l->code, STACK_FRAMES_MAX, &is_cut);

	name_frames(l, n, s);
	s->is_cut = is_cut;
	if (!n)
		say_problem(s, "the stack cannot be read");
}

static void pause_shortly(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = PAUSE_NS }, NULL);
}

static enum stack_state state_of(const struct ps_registers *r)
{
	if (r->is_on_cpu)
		return STACK_ON_CPU;
	if (!r->state)
		return STACK_RUNNABLE;
	if (r->state & (4 | 8)) /* stopped, traced */
		return STACK_STOPPED;
	return r->state & 1 ? STACK_SLEEPING : STACK_BLOCKED;
}

#if defined(__x86_64__)
/* Where DWARF's registers are among those that the kernel saves. */
static void number_registers(const struct ps_registers *r, uint64_t ret[static UNWIND_REGISTERS])
{
	static const uint8_t word[UNWIND_REGISTERS] = { 10, 12, 11, 5, 13, 14, 4, 19, 9,
							8,  7,  6,  3, 2,  1,  0, 16 };

	for (int i = 0; i < UNWIND_REGISTERS; i++)
		ret[i] = r->word[word[i]];
}

static void describe_wait(struct look *l, const struct ps_registers *r, struct stack *s)
{
	const uint64_t args[6] = { r->word[14], r->word[13], r->word[12],
				   r->word[7],  r->word[9],  r->word[8] };
	int64_t call = (int64_t)r->word[CALL_WORD];

	if (s->state == STACK_SLEEPING && call >= 0 && call < CALLS_MAX)
		waits_describe(l->pid, l->memory_fd, call, args, s->waits_for,
			       sizeof(s->waits_for));
}

/* Of one that runs: 0, or negative, -ETIMEDOUT: it did not run any more, or not for long. */
static int catch_running(struct look *l, uint32_t tid, struct ps_registers *ret,
			 struct unwind_memory *memory, struct stack *s)
{
	size_t n;
	int error = l->kernel.sample(l->kernel.context, tid, ret, l->stack, STACK_BYTES, &n);

	if (error)
		return error;
	s->state = STACK_ON_CPU;
	*memory = (struct unwind_memory){ ret->word[19], n, l->stack };
	return 0;
}

/* The same of one that does not run just now: -ETIMEDOUT: it ran all the time. -ESRCH: it has ended. */
static int catch_asleep(struct look *l, uint32_t tid, struct ps_registers *ret,
			struct unwind_memory *memory, struct stack *s)
{
	for (int i = 0; i < TRIES; i++) {
		struct ps_registers after;

		if (i)
			pause_shortly();
		if (l->kernel.read(l->kernel.context, tid, ret) || ret->tgid != l->pid)
			return -ESRCH;
		s->state = state_of(ret);
		if (ret->is_on_cpu)
			continue;
		*memory = copy_stack(l, ret->word[19]);
		if (!l->kernel.read(l->kernel.context, tid, &after) && !after.is_on_cpu &&
		    after.switches == ret->switches)
			return 0;
	}
	return -ETIMEDOUT;
}

/*
 * A copy of the stack that goes with the registers; false: there is none, and why is said. One that waits for a CPU while it should be met running is met
 * waiting for it by the next round.
 */
static bool catch_thread(struct look *l, uint32_t tid, struct ps_registers *ret,
			 struct unwind_memory *memory, struct stack *s)
{
	int error = -ETIMEDOUT;

	for (int i = 0; i < ROUNDS && error == -ETIMEDOUT; i++) {
		error = catch_asleep(l, tid, ret, memory, s);
		if (error == -ETIMEDOUT)
			error = catch_running(l, tid, ret, memory, s);
	}
	if (error == -ESRCH) {
		s->state = STACK_GONE;
		say_problem(s, "the thread has ended");
	} else if (error == -ETIMEDOUT)
		say_problem(s, "it did neither sleep nor run for long while it was looked at");
	else if (error == -EACCES)
		say_problem(s, "it runs, and may not be sampled: doctor says why");
	else if (error)
		snprintf(s->problem, sizeof(s->problem), "it runs, and cannot be sampled: %s",
			 strerror(-error));
	return !error;
}

/* The item may have been taken again since, and that be kept, or not be kept. */
static void look_at_taken(struct look *l, const struct stack_of *of, struct stack *s)
{
	uint64_t registers[UNWIND_REGISTERS];
	struct unwind_memory memory;
	struct ps_taken t;
	struct ps_registers r = { 0 };

	if (l->kernel.taken(l->kernel.context, &of->lease, &t) || t.since_ns != of->taken_ns ||
	    t.begun_ns != of->taken_ns || t.n > sizeof(t.stack)) {
		say_problem(s, "the stack was not kept when the item was taken");
		return;
	}
	memcpy(r.word, t.word, sizeof(r.word));
	snprintf(s->thread, sizeof(s->thread), "%.*s", PS_COMM_MAX, t.comm);
	number_registers(&r, registers);
	memory = (struct unwind_memory){ r.word[19], t.n, t.stack };
	unwind_and_name(l, registers, (1u << UNWIND_REGISTERS) - 1, &memory, s);
}

static void look_at_thread(struct look *l, uint32_t tid, struct stack *s)
{
	uint64_t registers[UNWIND_REGISTERS];
	struct unwind_memory memory;
	struct ps_registers r;

	s->on_tid = tid;
	if (!catch_thread(l, tid, &r, &memory, s))
		return;
	number_registers(&r, registers);
	describe_wait(l, &r, s);
	unwind_and_name(l, registers, (1u << UNWIND_REGISTERS) - 1, &memory, s);
}
#else
static void look_at_taken(struct look *l, const struct stack_of *of, struct stack *s)
{
	(void)l;
	(void)of;
	say_problem(s, "stacks are read on x86-64 alone");
}

static void look_at_thread(struct look *l, uint32_t tid, struct stack *s)
{
	(void)l;
	(void)tid;
	(void)state_of;
	(void)pause_shortly;
	say_problem(s, "stacks are read on x86-64 alone");
}
#endif

/* A goroutine that waits does not change its stack either; that it still waits for the same is looked at after the copy. */
static bool look_at_parked(struct look *l, const struct goroutine *g, uint64_t address,
			   struct stack *s)
{
	uint64_t registers[UNWIND_REGISTERS] = {
		[UNWIND_PC] = g->pc, [UNWIND_SP] = g->sp, [UNWIND_BP] = g->bp
	};
	struct unwind_memory memory = copy_stack(l, g->sp);
	struct goroutine after;

	if (goroutine_read(l->memory_fd, l->go_version, address, &after) || !after.is_waiting ||
	    after.sp != g->sp || after.pc != g->pc || after.id != g->id)
		return false;
	s->state = STACK_PARKED;
	unwind_and_name(l, registers, 1u << UNWIND_PC | 1u << UNWIND_SP | 1u << UNWIND_BP, &memory,
			s);
	return true;
}

/* False: nothing is known of it, the thread is looked at that took the item. */
static bool look_at_goroutine(struct look *l, const struct stack_of *of, struct stack *s)
{
	for (int i = 0; i < TRIES; i++) {
		struct goroutine g;

		if (i)
			pause_shortly();
		if (goroutine_read(l->memory_fd, l->go_version, of->goroutine, &g))
			return false;
		s->goroutine_id = g.id;
		if (g.is_gone) {
			s->state = STACK_GONE;
			say_problem(s, "the goroutine has ended");
			return true;
		}
		if (g.is_waiting && look_at_parked(l, &g, of->goroutine, s))
			return true;
		if (g.tid) {
			look_at_thread(l, g.tid, s);
			return true;
		}
	}
	say_problem(s, "it did not wait while it was looked at");
	return true;
}

void look_at(struct look *l, const struct stack_of *of, struct stack *ret)
{
	int error;

	memset(ret, 0, sizeof(*ret));
	ret->of = *of;
	error = meet(l, of->pid);
	if (error == -ESRCH) {
		ret->state = STACK_GONE;
		say_problem(ret, "the process has ended");
	} else if (error)
		snprintf(ret->problem, sizeof(ret->problem), "the process cannot be read: %s",
			 strerror(-error));
	else if (of->taken_ns)
		look_at_taken(l, of, ret);
	else if (!of->goroutine || !l->is_go || !look_at_goroutine(l, of, ret))
		look_at_thread(l, of->tid, ret);
	ret->cpu_ns = (uint64_t)clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}
