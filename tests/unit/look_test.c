/* SPDX-License-Identifier: MIT */
/*
 * look_test.c - stacks of a child of this test, which sits in functions that we know. The registers, which the kernel side tells the agent, come
 * from a debugger's call here: the child is ours and may be stopped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "symbolize/goroutine.h"
#include "symbolize/look.h"
#include "symbolize/perfmap.h"
#include "symbolize/waits.h"

/* ---- a stack --------------------------------------------------------------------------------------------------------------- */

static volatile int sink;

static __attribute__((noinline, noclone)) void sit_in_here(void)
{
	while (sink >= 0) {
		pause();
		sink++;
	}
}

static __attribute__((noinline, noclone)) void sit_deeper(int n)
{
	if (n)
		sit_deeper(n - 1);
	else
		sit_in_here();
	sink++;
}

static bool is_asleep(pid_t pid)
{
	char path[64], state = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%*d %*s %c", &state) != 1)
		state = 0;
	if (f)
		fclose(f);
	return state == 'S';
}

static pid_t start_child(int depth)
{
	pid_t pid = fork();

	if (!pid) {
		alarm(60);
		sit_deeper(depth);
		_exit(0);
	}
	assert_true(pid > 0);
	for (int i = 0; i < 5000 && !is_asleep(pid); i++)
		usleep(1000);
	return pid;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

struct kernel {
	uint64_t switches, more_switches; /* with each reading */
	uint32_t is_on_cpu;
	int error;
};

/* struct user_regs_struct begins as the kernel's pt_regs does. */
static int read_by_ptrace(void *context, uint32_t tid, struct ps_registers *ret)
{
	struct kernel *k = context;
	struct user_regs_struct r;
	int status;

	memset(ret, 0, sizeof(*ret));
	if (k->error)
		return k->error;
	if (ptrace(PTRACE_SEIZE, tid, 0, 0) || ptrace(PTRACE_INTERRUPT, tid, 0, 0) ||
	    waitpid((pid_t)tid, &status, 0) < 0 || ptrace(PTRACE_GETREGS, tid, 0, &r) ||
	    ptrace(PTRACE_DETACH, tid, 0, 0))
		return -ESRCH;
	ret->tid = ret->tgid = tid;
	ret->state = 1;
	ret->is_on_cpu = k->is_on_cpu;
	ret->switches = k->switches += k->more_switches;
	memcpy(ret->word, &r, 21 * sizeof(*ret->word));
	return 0;
}

/* Its stack could be had in no other way. */
static int sample_nothing(void *context, uint32_t tid, struct ps_registers *ret, uint8_t *stack,
			  size_t size, size_t *ret_n)
{
	(void)context;
	(void)tid;
	(void)ret;
	(void)stack;
	(void)size;
	(void)ret_n;
	return -ETIMEDOUT;
}

/* What the child is at is what it was at when it took the item with this name. */
static int take(void *context, const struct ps_ref_key *lease, struct ps_taken *ret)
{
	uint32_t pid = lease->pool.proc.tgid;
	struct ps_registers r;
	char path[64];
	ssize_t n = -1;
	int fd;

	memset(ret, 0, sizeof(*ret));
	if (lease->id != 23 || read_by_ptrace(context, pid, &r))
		return -ENOENT;
	memcpy(ret->word, r.word, sizeof(r.word));
	memcpy(ret->comm, "a name of 16 by", PS_COMM_MAX);
	ret->since_ns = ret->begun_ns = 1000;
	snprintf(path, sizeof(path), "/proc/%u/mem", pid);
	fd = open(path, O_RDONLY);
	if (fd >= 0) {
		n = pread(fd, ret->stack, sizeof(ret->stack), (off_t)r.word[19]);
		close(fd);
	}
	ret->n = n > 0 ? (uint32_t)n : 0;
	return 0;
}

static void look_at_taken(pid_t pid, uint64_t item, uint64_t taken_ns, struct stack *ret)
{
	const struct stack_of of = { .pid = (uint32_t)pid,
				     .tid = 1,
				     .lease = { .pool = { .proc = { .tgid = (uint32_t)pid } },
						.id = item },
				     .taken_ns = taken_ns };
	struct kernel k = { 0 };
	struct look *l =
		look_new(&(struct look_kernel){ read_by_ptrace, sample_nothing, take, &k });

	assert_non_null(l);
	look_at(l, &of, ret);
	look_free(l);
}

static void look_once(struct kernel *k, pid_t pid, struct stack *ret)
{
	const struct stack_of of = { .pid = (uint32_t)pid, .tid = (uint32_t)pid };
	struct look *l = look_new(&(struct look_kernel){ read_by_ptrace, sample_nothing, take, k });

	assert_non_null(l);
	look_at(l, &of, ret);
	look_free(l);
}

static size_t n_frames_of(const struct stack *s, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_frames; i++)
		n += !strncmp(s->frame[i], name, strlen(name));
	return n;
}

static void a_sleeping_thread_has_all_its_callers(void **state)
{
	struct kernel k = { 0 };
	pid_t pid = start_child(3);
	struct stack s;

	(void)state;
	look_once(&k, pid, &s);
	end_child(pid);
	assert_string_equal(s.problem, "");
	assert_int_equal(s.state, STACK_SLEEPING);
	assert_int_equal(s.is_cut, 0);
	assert_int_equal(n_frames_of(&s, "sit_in_here (look_test) at look_test.c:"), 1);
	assert_int_equal(n_frames_of(&s, "sit_deeper (look_test) at look_test.c:"), 4);
	assert_int_equal(n_frames_of(&s, "main (look_test)"), 1);
	assert_true(s.cpu_ns > 0);
}

static void who_took_an_item_has_the_callers_of_then(void **state)
{
	pid_t pid = start_child(3);
	struct stack s, other, later;

	(void)state;
	look_at_taken(pid, 23, 1000, &s);
	look_at_taken(pid, 24, 1000, &other);
	look_at_taken(pid, 23, 999, &later); /* what is kept is of another time */
	end_child(pid);
	assert_string_equal(s.problem, "");
	assert_string_equal(s.thread, "a name of 16 by");
	assert_int_equal(n_frames_of(&s, "sit_in_here (look_test) at look_test.c:"), 1);
	assert_int_equal(n_frames_of(&s, "sit_deeper (look_test) at look_test.c:"), 4);
	assert_int_equal(other.n_frames, 0);
	assert_string_not_equal(other.problem, "");
	assert_int_equal(later.n_frames, 0);
	assert_string_not_equal(later.problem, "");
}

static void a_deep_stack_is_cut(void **state)
{
	struct kernel k = { 0 };
	pid_t pid = start_child(1000);
	struct stack s;

	(void)state;
	look_once(&k, pid, &s);
	end_child(pid);
	assert_int_equal(s.is_cut, 1);
	assert_int_equal(s.n_frames, STACK_FRAMES_MAX);
}

static void a_thread_that_is_not_caught_has_no_stack(void **state)
{
	struct kernel on_cpu = { .is_on_cpu = 1 }, moves = { .more_switches = 1 };
	pid_t pid = start_child(0);
	struct stack s;

	(void)state;
	look_once(&on_cpu, pid, &s);
	assert_int_equal(s.state, STACK_ON_CPU);
	assert_int_equal(s.n_frames, 0);
	assert_string_not_equal(s.problem, "");
	look_once(&moves, pid, &s); /* the copy may be of two moments */
	assert_int_equal(s.n_frames, 0);
	assert_string_not_equal(s.problem, "");
	end_child(pid);
}

static void what_has_ended_is_gone(void **state)
{
	struct kernel k = { .error = -ESRCH };
	pid_t pid = start_child(0);
	struct stack s;

	(void)state;
	look_once(&k, pid, &s);
	assert_int_equal(s.state, STACK_GONE);
	assert_string_equal(s.problem, "the thread has ended");
	end_child(pid);
	look_once(&k, pid, &s);
	assert_int_equal(s.state, STACK_GONE);
	assert_string_equal(s.problem, "the process has ended");
}

/* ---- goroutines ------------------------------------------------------------------------------------------------------------ */

/* As Go 1.19 lays it out, and with 8 bytes more before the state since 1.23. */
static int memory_with(uint64_t self, uint32_t status, size_t more)
{
	uint64_t word[64] = { [7] = 0x5000, [8] = 0x400123, [9] = self, [13] = 0x5040, [6] = 256 };
	int fd = memfd_create("memory", MFD_CLOEXEC);

	word[32 + 9] = 4711; /* of the m: procid */
	memcpy((char *)word + 144 + more, &status, sizeof(status));
	memcpy((char *)word + 152 + more, &(uint64_t){ 34 }, 8);
	assert_int_equal(pwrite(fd, word, sizeof(word), 0), sizeof(word));
	return fd;
}

static void a_goroutine_waits_or_has_a_thread(void **state)
{
	int waits = memory_with(0, 4, 0), runs = memory_with(0, 0x1002, 8);
	int other = memory_with(8, 4, 0), dead = memory_with(0, 6, 0);
	struct goroutine g;

	(void)state;
	assert_int_equal(goroutine_read(waits, "1.19.8", 0, &g), 0);
	assert_true(g.is_waiting && g.id == 34 && g.sp == 0x5000 && g.pc == 0x400123 &&
		    g.bp == 0x5040);
	assert_int_equal(goroutine_read(runs, "1.23", 0, &g), 0);
	assert_true(!g.is_waiting && g.tid == 4711 && g.id == 34);
	assert_int_equal(goroutine_read(dead, "1.19", 0, &g), 0);
	assert_true(g.is_gone);
	assert_int_equal(goroutine_read(other, "1.19", 0, &g), -EFAULT);
	assert_int_equal(goroutine_read(waits, "1.99", 0, &g), -ENOTSUP);
	assert_int_equal(goroutine_read(waits, NULL, 0, &g), -ENOTSUP);
	assert_int_equal(goroutine_read(waits, "1.19", 1 << 20, &g), -EFAULT);
	close(waits);
	close(runs);
	close(other);
	close(dead);
}

/* ---- names and words ------------------------------------------------------------------------------------------------------- */

static void the_last_name_of_an_address_counts(void **state)
{
	static const char text[] = "1000 20 before\n1000 10 now\nnonsense\n2000 10 other\n";
	struct perfmap_name names[] = { { 0x1005, "" }, { 0x1015, "" }, { 0x2010, "" } };
	int fd = memfd_create("map", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	lseek(fd, 0, SEEK_SET);
	perfmap_read(fd, names, 3);
	assert_string_equal(names[0].name, "now");
	assert_string_equal(names[1].name, "before");
	assert_string_equal(names[2].name, "");
	close(fd);
}

static void the_other_end_is_found_by_the_inode(void **state)
{
	static const char ipv4[] =
		"   1: 0100007F:1F90 0200007F:1538 01 00000000:00000000 00:00000000 00000000     0        0 4711 1 0";
	static const char ipv6[] =
		"   1: 00000000000000000000000001000000:1F90 00000000000000000000000001000000:0050 01 00000000:00000000 00:00000000 00000000     0        0 4711 1 0";
	char peer[64] = "?";

	(void)state;
	assert_int_equal(waits_parse_tcp(ipv4, 4712, peer, sizeof(peer)), 0);
	assert_string_equal(peer, "?");
	assert_int_equal(waits_parse_tcp(ipv4, 4711, peer, sizeof(peer)), 1);
	assert_string_equal(peer, "127.0.0.2:5432");
	assert_int_equal(waits_parse_tcp(ipv6, 4711, peer, sizeof(peer)), 1);
	assert_string_equal(peer, "[::1]:80");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sleeping_thread_has_all_its_callers),
		cmocka_unit_test(who_took_an_item_has_the_callers_of_then),
		cmocka_unit_test(a_deep_stack_is_cut),
		cmocka_unit_test(a_thread_that_is_not_caught_has_no_stack),
		cmocka_unit_test(what_has_ended_is_gone),
		cmocka_unit_test(a_goroutine_waits_or_has_a_thread),
		cmocka_unit_test(the_last_name_of_an_address_counts),
		cmocka_unit_test(the_other_end_is_found_by_the_inode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
