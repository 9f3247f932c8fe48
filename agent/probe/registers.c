/* SPDX-License-Identifier: MIT */
/*
 * registers.c - see registers.h. The surprise: before 6.1 an iterator cannot be told which thread is meant, so it goes over all of them,
 * and the one is looked for here.
 */
#include "probe/registers.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/perf_event.h>

#include <bpf/bpf.h>

#include "base/cleanup.h"

#define RECORDS 16

static int open_iterator(int program_fd, uint32_t tid)
{
	union bpf_iter_link_info info;
	DECLARE_LIBBPF_OPTS(bpf_link_create_opts, one, .iter_info = &info,
			    .iter_info_len = sizeof(info));
	AUTO_CLOSE int link = -1;
	int fd;

	memset(&info, 0, sizeof(info));
	info.task.tid = tid;
	link = bpf_link_create(program_fd, 0, BPF_TRACE_ITER, &one);
	if (link == -E2BIG || link == -EINVAL)
		link = bpf_link_create(program_fd, 0, BPF_TRACE_ITER, NULL);
	if (link < 0)
		return link;
	fd = bpf_iter_create(link);
	return fd < 0 ? -errno : fd;
}

int registers_read(int program_fd, uint32_t tid, struct ps_registers *ret)
{
	AUTO_CLOSE int fd = open_iterator(program_fd, tid);
	struct ps_registers r[RECORDS];
	size_t n_held = 0;

	if (fd < 0)
		return fd;
	for (;;) {
		ssize_t n = read(fd, (char *)r + n_held, sizeof(r) - n_held);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ESRCH;
		n_held += (size_t)n;
		for (size_t i = 0; i < n_held / sizeof(*r); i++)
			if (r[i].tid == tid) {
				*ret = r[i];
				return 0;
			}
		memmove(r, (char *)r + n_held - n_held % sizeof(*r), n_held % sizeof(*r));
		n_held %= sizeof(*r);
	}
}

int registers_taken(int map_fd, const struct ps_ref_key *lease, struct ps_taken *ret)
{
	return bpf_map_lookup_elem(map_fd, lease, ret) ? -errno : 0;
}

#if defined(__x86_64__)

#define SAMPLE_NS 1000000
#define SAMPLE_WAIT_MS 10
#define SAMPLE_STACK (32u << 10)	/* a record has less than 64 KiB */
#define RING_PAGES 32

/* The word in struct pt_regs of each register, in perf's order (enum perf_event_x86_regs): ax bx cx dx si di bp sp ip, r8 to r15. */
static const uint8_t word_of[] = { 10, 5, 11, 12, 13, 14, 4, 19, 16, 9, 8, 7, 6, 3, 2, 1, 0 };
#define SAMPLE_REGISTERS 0xff01ffull	/* their bits */

struct sample {
	struct perf_event_header header;
	uint64_t abi;
	uint64_t word[sizeof(word_of)];
	uint64_t n_stack;
	uint8_t stack[SAMPLE_STACK];
	uint64_t n_used;	/* of the stack */
};

static int open_clock(uint32_t tid)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = SAMPLE_NS,
		.sample_type = PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER,
		.sample_regs_user = SAMPLE_REGISTERS,
		.sample_stack_user = SAMPLE_STACK,
		.wakeup_events = 1,
		.exclude_hv = 1,
	};
	long fd = syscall(SYS_perf_event_open, &attr, (pid_t)tid, -1, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : (int)fd;
}

/* The first record lies at the beginning of the ring, so it is in one piece. */
static int take_sample(const struct perf_event_mmap_page *page, size_t page_bytes,
		       struct ps_registers *ret, uint8_t *stack, size_t size, size_t *ret_n)
{
	const struct sample *s = (const void *)((const char *)page + page_bytes);

	if (__atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE) < sizeof(*s) ||
	    s->header.type != PERF_RECORD_SAMPLE || s->header.size != sizeof(*s) ||
	    s->abi != PERF_SAMPLE_REGS_ABI_64 || s->n_stack != SAMPLE_STACK ||
	    s->n_used > SAMPLE_STACK)
		return -EOPNOTSUPP;
	for (size_t i = 0; i < sizeof(word_of); i++)
		ret->word[word_of[i]] = s->word[i];
	*ret_n = s->n_used < size ? s->n_used : size;
	memcpy(stack, s->stack, *ret_n);
	return 0;
}

int registers_sample(uint32_t tid, struct ps_registers *ret, uint8_t *stack, size_t size,
		     size_t *ret_n)
{
	size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE), n = (1 + RING_PAGES) * page_bytes;
	AUTO_CLOSE int fd = open_clock(tid);
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	void *ring;
	int result;

	if (fd < 0)
		return fd;
	ring = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ring == MAP_FAILED)
		return -errno;
	result = poll(&wait, 1, SAMPLE_WAIT_MS) > 0 && wait.revents & POLLIN
			 ? take_sample(ring, page_bytes, ret, stack, size, ret_n)
			 : -ETIMEDOUT;
	munmap(ring, n);
	return result;
}

#else

int registers_sample(uint32_t tid, struct ps_registers *ret, uint8_t *stack, size_t size,
		     size_t *ret_n)
{
	(void)tid;
	(void)ret;
	(void)stack;
	(void)size;
	(void)ret_n;
	return -EOPNOTSUPP;
}

#endif
