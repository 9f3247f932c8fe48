/* SPDX-License-Identifier: MIT */
/*
 * remote_test.c - memory of others that never comes, comes late, or is there. Who does not answer is a child with a page that is registered with userfaultfd(2); nobody
 * serves it, or somebody does so late. (Root, or vm.unprivileged_userfaultfd: else the kernel's own faults are not told to it.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/remote.h"

#define PAGE 4096
#define NEVER (-1)
#define MANY 1000 /* parts */
#define BIG (3 * REMOTE_ROOM + 4567)
#define UNIT_NS 1000000ll
#define HURRY_NS (60 * UNIT_NS) /* the deadline, and what a busy machine adds */

/* Before the children are made, so it lies at the same place in each of them. */
static struct memory {
	unsigned char *trap; /* a page whose faults are told */
	unsigned char *good; /* BIG bytes, then a page that is not there */
} memory;

struct child {
	pid_t pid;
};

/* ---- the others --------------------------------------------------------------------------------------------------------- */

static void serve(int fd, int late_ms)
{
	static unsigned char bytes[PAGE] __attribute__((aligned(PAGE)));
	struct uffd_msg message;

	memset(bytes, 'x', sizeof(bytes));
	while (read(fd, &message, sizeof(message)) == sizeof(message)) {
		struct uffdio_copy copy = { .dst = (uintptr_t)memory.trap,
					    .src = (uintptr_t)bytes,
					    .len = PAGE };

		usleep((useconds_t)late_ms * 1000);
		ioctl(fd, UFFDIO_COPY, &copy);
		/* and the next one waits anew */
		usleep(1000);
		madvise(memory.trap, PAGE, MADV_DONTNEED);
	}
}

static void live(int ready, uid_t uid, int late_ms)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register of = { .range = { (uintptr_t)memory.trap, PAGE },
				      .mode = UFFDIO_REGISTER_MODE_MISSING };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &of))
		_exit(1);
	if (uid && (setresuid(uid, uid, uid) || prctl(PR_SET_PDEATHSIG, SIGKILL)))
		_exit(1);
	if (write(ready, "r", 1) != 1)
		_exit(1);
	if (late_ms != NEVER)
		serve(fd, late_ms);
	for (;;)
		pause();
}

static struct child child_begin(uid_t uid, int late_ms)
{
	struct child c;
	int ready[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	c.pid = fork();
	assert_true(c.pid >= 0);
	if (!c.pid)
		live(ready[1], uid, late_ms);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return c;
}

static void child_end(const struct child *c)
{
	kill(c->pid, SIGKILL);
	assert_int_equal(waitpid(c->pid, NULL, 0), c->pid);
}

static ssize_t read_trap(const struct child *c)
{
	char bytes[8];
	struct iovec into = { bytes, sizeof(bytes) }, from = { memory.trap, sizeof(bytes) };

	return remote_read((uint32_t)c->pid, &into, &from, 1);
}

static int read_good(const struct child *c)
{
	char bytes[8];
	int error = remote_read_all((uint32_t)c->pid, (uintptr_t)memory.good, bytes, sizeof(bytes));

	return error ? error : memcmp(bytes, memory.good, sizeof(bytes));
}

/* Until no reader is stuck; each read looks after those that are. False: some still are, after three seconds. */
static bool all_come_back(const struct child *good)
{
	for (int i = 0; i < 300; i++) {
		if (!remote_report()->n_stuck)
			return true;
		usleep(10000);
		read_good(good);
	}
	return false;
}

static char state_of(pid_t pid)
{
	char path[64], text[512], *at;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	at = f && fgets(text, sizeof(text), f) ? strrchr(text, ')') : NULL;
	if (f)
		fclose(f);
	return at ? at[2] : 0;
}

static int setup(void **state)
{
	unsigned char *at = mmap(NULL, BIG + 2 * PAGE, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t whole = (BIG + PAGE - 1) / PAGE * PAGE;

	(void)state;
	memory.trap = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED || memory.trap == MAP_FAILED)
		return -1;
	munmap(at + whole, PAGE);
	memory.good = at + whole - BIG;
	for (size_t i = 0; i < BIG; i++)
		memory.good[i] = (unsigned char)(i * 31 + i / 251);
	return 0;
}

/* ---- what is there ------------------------------------------------------------------------------------------------------ */

static void many_parts_and_large_ones_come_whole(void **state)
{
	struct child c = child_begin(0, NEVER);
	unsigned char *got = malloc(BIG);
	struct iovec into[MANY], from[MANY];
	size_t at = 0;

	(void)state;
	memset(got, 0, BIG);
	assert_int_equal(remote_read_all((uint32_t)c.pid, (uintptr_t)memory.good, got, BIG), 0);
	assert_memory_equal(got, memory.good, BIG);
	memset(got, 0, BIG);
	for (size_t i = 0; i < MANY; i++) {
		size_t n = i == 500 ? REMOTE_ROOM + 11 : i % 7 * 30; /* some have nothing */

		into[i] = (struct iovec){ got + at, n };
		from[i] = (struct iovec){ memory.good + at, n };
		at += n;
	}
	assert_int_equal(remote_read((uint32_t)c.pid, into, from, MANY), at);
	assert_memory_equal(got, memory.good, at);
	free(got);
	child_end(&c);
}

static void what_cannot_be_read_ends_a_read_as_the_kernel_has_it(void **state)
{
	struct child c = child_begin(0, NEVER);
	char bytes[4][16];
	struct iovec into[4], from[4], beyond = { memory.good + BIG, 16 };

	(void)state;
	for (int i = 0; i < 4; i++) {
		into[i] = (struct iovec){ bytes[i], 16 };
		from[i] = i == 2 ? beyond : (struct iovec){ memory.good + 16 * i, 16 };
	}
	assert_int_equal(remote_read((uint32_t)c.pid, into, from, 4), 32);
	assert_memory_equal(bytes[1], memory.good + 16, 16);
	assert_int_equal(remote_read((uint32_t)c.pid, into, &beyond, 1), -EFAULT);
	from[0] = (struct iovec){ memory.good + BIG - 5, 16 };
	assert_int_equal(remote_read((uint32_t)c.pid, into, from, 1), 5);
	assert_int_equal(
		remote_read_all((uint32_t)c.pid, (uintptr_t)memory.good + BIG - 5, bytes, 16),
		-EFAULT);
	assert_int_equal(read_good(&c), 0);
	child_end(&c);
	assert_int_equal(read_good(&c), -ESRCH);
}

static void a_file_of_its_memory_is_read(void **state)
{
	char bytes[256], own[256];
	struct child c = child_begin(0, NEVER);
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, own, sizeof(own));

	(void)state;
	close(fd);
	assert_true(n > 2);
	assert_int_equal(remote_read_file((uint32_t)c.pid, "cmdline", bytes, sizeof(bytes)), n);
	assert_memory_equal(bytes, own, n);
	assert_int_equal(remote_read_file((uint32_t)c.pid, "cmdline", bytes, 2), 2);
	child_end(&c);
	assert_int_equal(remote_read_file((uint32_t)c.pid, "cmdline", bytes, 2), -ESRCH);
}

/* ---- what is not -------------------------------------------------------------------------------------------------------- */

/* Else all that follows would show nothing: this kernel lets a reader wait for ever, until it is ended. */
static void a_read_without_a_deadline_waits_for_ever(void **state)
{
	struct child c = child_begin(0, NEVER);
	pid_t reader = fork();
	int status;

	(void)state;
	if (!reader) {
		char bytes[8];
		struct iovec into = { bytes, sizeof(bytes) }, from = { memory.trap, sizeof(bytes) };

		process_vm_readv(c.pid, &into, 1, &from, 1, 0);
		_exit(0);
	}
	for (int i = 0; i < 200 && state_of(reader) != 'D'; i++)
		usleep(10000);
	usleep(300000);
	assert_int_equal(waitpid(reader, &status, WNOHANG), 0);
	assert_int_equal(state_of(reader), 'D');
	kill(reader, SIGKILL);
	assert_int_equal(waitpid(reader, &status, 0), reader);
	assert_true(WIFSIGNALED(status));
	child_end(&c);
}

static void who_does_not_answer_is_given_up_and_never_asked_again(void **state)
{
	struct child bad = child_begin(0, NEVER), good = child_begin(0, NEVER);
	uint64_t n_given_up = remote_report()->n_given_up, n_left_out = remote_report()->n_left_out;
	int64_t begin_ns = clock_ns(CLOCK_MONOTONIC);

	(void)state;
	assert_int_equal(read_trap(&bad), -ETIMEDOUT);
	assert_in_range(clock_ns(CLOCK_MONOTONIC) - begin_ns, REMOTE_WAIT_NS / 2, HURRY_NS);
	assert_int_equal(remote_report()->n_given_up, n_given_up + 1);
	assert_int_equal(remote_report()->n_stuck, 1);
	begin_ns = clock_ns(CLOCK_MONOTONIC);
	assert_int_equal(read_trap(&bad), -EBUSY);
	assert_int_equal(read_good(&bad), -EBUSY);
	assert_false(remote_may_read((uint32_t)bad.pid));
	assert_int_equal(remote_report()->n_left_out, n_left_out + 2);
	assert_int_equal(read_good(&good), 0);
	assert_true(remote_may_read((uint32_t)good.pid));
	assert_in_range(clock_ns(CLOCK_MONOTONIC) - begin_ns, 0, REMOTE_WAIT_NS);
	assert_true(all_come_back(&good)); /* ended after REMOTE_PATIENCE_NS */
	assert_int_equal(read_good(&bad), -EBUSY);
	assert_int_equal(read_good(&good), 0);
	child_end(&bad);
	child_end(&good);
}

static void a_stuck_reader_is_free_when_its_process_ends(void **state)
{
	struct child bad = child_begin(0, NEVER), good = child_begin(0, NEVER);
	int64_t begin_ns;

	(void)state;
	usleep(300000); /* what all may be late comes back */
	assert_int_equal(read_trap(&bad), -ETIMEDOUT);
	begin_ns = clock_ns(CLOCK_MONOTONIC);
	child_end(&bad);
	assert_true(all_come_back(&good));
	assert_in_range(clock_ns(CLOCK_MONOTONIC) - begin_ns, 0, REMOTE_PATIENCE_NS / 2);
	child_end(&good);
}

static void who_is_only_slow_is_read_again_later(void **state)
{
	struct child slow = child_begin(0, 150), good = child_begin(0, NEVER);

	(void)state;
	usleep(300000);
	assert_int_equal(read_trap(&slow), -ETIMEDOUT);
	assert_int_equal(read_good(&slow), -EBUSY);
	assert_true(all_come_back(&good));
	assert_int_equal(read_good(&slow), -EBUSY);
	for (int i = 0; i < 400 && read_good(&slow); i++)
		usleep(10000);
	assert_int_equal(read_good(&slow), 0);
	child_end(&slow);
	child_end(&good);
}

/* Each read is within the deadline, and all of them together are not. */
static void time_that_is_taken_in_small_pieces_has_an_end(void **state)
{
	struct child slow = child_begin(0, 8), good = child_begin(0, NEVER);
	int64_t begin_ns, slow_ns = 0;
	int n_read = 0;

	(void)state;
	usleep(1000000);
	for (int i = 0; i < 100; i++) {
		begin_ns = clock_ns(CLOCK_MONOTONIC);
		n_read += read_trap(&slow) > 0;
		slow_ns += clock_ns(CLOCK_MONOTONIC) - begin_ns;
		assert_int_equal(read_good(&good), 0);
		usleep(3000);
	}
	assert_in_range(n_read, 1, 8);
	assert_in_range(slow_ns, 0, 2 * HURRY_NS);
	assert_true(all_come_back(&good));
	child_end(&slow);
	child_end(&good);
}

static void a_user_with_two_such_processes_is_not_read(void **state)
{
	struct child bad[2] = { child_begin(4711, NEVER), child_begin(4711, NEVER) },
		     same = child_begin(4711, NEVER), other = child_begin(4712, NEVER),
		     root = child_begin(0, NEVER);

	(void)state;
	usleep(1000000);
	assert_int_equal(read_good(&same), 0);
	assert_int_equal(read_trap(&bad[0]), -ETIMEDOUT);
	assert_int_equal(read_good(&same), 0);
	assert_int_equal(read_trap(&bad[1]), -ETIMEDOUT);
	assert_int_equal(read_good(&same), -EBUSY);
	assert_int_equal(read_good(&other), 0);
	assert_int_equal(read_good(&root), 0);
	assert_true(all_come_back(&root));
	assert_int_equal(read_good(&same), -EBUSY);
	for (int i = 0; i < 2; i++)
		child_end(&bad[i]);
	child_end(&same);
	child_end(&other);
	child_end(&root);
}

static void at_most_eight_are_stuck_and_then_nobody_is_read(void **state)
{
	struct child bad[REMOTE_STUCK_MAX + 1], good = child_begin(0, NEVER);
	int64_t begin_ns;

	(void)state;
	for (int i = 0; i <= REMOTE_STUCK_MAX; i++)
		bad[i] = child_begin(0, NEVER);
	usleep(2000000);
	begin_ns = clock_ns(CLOCK_MONOTONIC);
	for (int i = 0; i < REMOTE_STUCK_MAX; i++)
		assert_int_equal(read_trap(&bad[i]), -ETIMEDOUT);
	assert_in_range(clock_ns(CLOCK_MONOTONIC) - begin_ns, 0, 10000000000ll); /* it has an end, also where others want the CPUs */
	assert_int_equal(remote_report()->n_stuck, REMOTE_STUCK_MAX);
	assert_int_equal(read_trap(&bad[REMOTE_STUCK_MAX]), -EBUSY);
	assert_int_equal(read_good(&good), -EBUSY);
	assert_false(remote_may_read((uint32_t)good.pid));
	child_end(&bad[3]);
	for (int i = 0; i < 50 && read_good(&good); i++)
		usleep(2000);
	assert_int_equal(read_good(&good), 0);
	assert_int_equal(remote_report()->n_stuck, REMOTE_STUCK_MAX - 1);
	remote_done();
	assert_int_equal(remote_report()->n_stuck, 0);
	assert_int_equal(read_good(&good), 0);
	for (int i = 0; i <= REMOTE_STUCK_MAX; i++)
		if (i != 3)
			child_end(&bad[i]);
	child_end(&good);
}

/* The reader has a table of files of its own: what is closed here is closed. */
static void a_reader_holds_no_file(void **state)
{
	struct child bad = child_begin(0, NEVER), good = child_begin(0, NEVER);
	struct pollfd end;
	int ends[2];

	(void)state;
	usleep(1000000);
	remote_done();
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(read_good(&good), 0); /* it begins with those open */
	assert_int_equal(read_trap(&bad), -ETIMEDOUT);
	close(ends[1]);
	end = (struct pollfd){ .fd = ends[0], .events = POLLIN };
	assert_int_equal(poll(&end, 1, 1000), 1);
	assert_true(end.revents & POLLHUP);
	close(ends[0]);
	child_end(&bad);
	child_end(&good);
}

static void a_forked_child_has_a_reader_of_its_own(void **state)
{
	struct child good = child_begin(0, NEVER);
	pid_t pid;
	int status;

	(void)state;
	assert_int_equal(read_good(&good), 0);
	pid = fork();
	if (!pid) {
		int error = read_good(&good);

		remote_done();
		_exit(error ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(read_good(&good), 0);
	child_end(&good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_parts_and_large_ones_come_whole),
		cmocka_unit_test(what_cannot_be_read_ends_a_read_as_the_kernel_has_it),
		cmocka_unit_test(a_file_of_its_memory_is_read),
		cmocka_unit_test(a_read_without_a_deadline_waits_for_ever),
		cmocka_unit_test(who_does_not_answer_is_given_up_and_never_asked_again),
		cmocka_unit_test(a_stuck_reader_is_free_when_its_process_ends),
		cmocka_unit_test(who_is_only_slow_is_read_again_later),
		cmocka_unit_test(time_that_is_taken_in_small_pieces_has_an_end),
		cmocka_unit_test(a_user_with_two_such_processes_is_not_read),
		cmocka_unit_test(at_most_eight_are_stuck_and_then_nobody_is_read),
		cmocka_unit_test(a_reader_holds_no_file),
		cmocka_unit_test(a_forked_child_has_a_reader_of_its_own),
	};
	int n_failed = cmocka_run_group_tests(tests, setup, NULL);

	remote_done();
	return n_failed;
}
