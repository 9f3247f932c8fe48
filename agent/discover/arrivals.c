/* SPDX-License-Identifier: MIT */
/*
 * arrivals.c - see arrivals.h; the record's layout is in perf_event_open(2). The surprise: a process maps several libraries in
 * a row, so that records come in bursts; the same pid following itself is reported once per drain.
 */
#include "discover/arrivals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/perf_event.h>

#define DATA_PAGES 16 /* per CPU; a record is about 110 bytes */

struct source {
	int fd;
	struct perf_event_mmap_page *page;
};

struct arrivals {
	int epoll_fd;
	size_t page_size;
	struct source *source;
	size_t n;
};

/* The fields of PERF_RECORD_MMAP2 that are of interest. */
struct mmap_record {
	struct perf_event_header header;
	uint32_t pid, tid;
	uint64_t address, length, offset;
	uint32_t major, minor;
	uint64_t inode;
};

static int source_open(struct arrivals *a, int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.mmap = 1,
		.mmap2 = 1,
		.watermark = 1,
		.wakeup_watermark = 1,
	};
	struct epoll_event interest = { .events = EPOLLIN };
	struct source *s = &a->source[a->n];
	void *page;

	s->fd = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (s->fd < 0)
		return errno == ENODEV ? 0 : -errno; /* the CPU is offline */
	page = mmap(NULL, (1 + DATA_PAGES) * a->page_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		    s->fd, 0);
	if (page == MAP_FAILED) {
		int error = -errno;

		close(s->fd);
		return error;
	}
	s->page = page;
	a->n++;
	return epoll_ctl(a->epoll_fd, EPOLL_CTL_ADD, s->fd, &interest) ? -errno : 0;
}

int arrivals_new(struct arrivals **ret)
{
	struct arrivals *a = calloc(1, sizeof(*a));
	long n_cpus = sysconf(_SC_NPROCESSORS_CONF);
	int error = 0;

	if (!a)
		return -ENOMEM;
	a->page_size = (size_t)sysconf(_SC_PAGESIZE);
	a->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	a->source = calloc((size_t)(n_cpus > 0 ? n_cpus : 1), sizeof(*a->source));
	if (a->epoll_fd < 0 || !a->source)
		error = -ENOMEM;
	for (int cpu = 0; cpu < n_cpus && !error; cpu++)
		error = source_open(a, cpu);
	if (error) {
		arrivals_free(a);
		return error;
	}
	*ret = a;
	return 0;
}

void arrivals_free(struct arrivals *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->n; i++) {
		munmap(a->source[i].page, (1 + DATA_PAGES) * a->page_size);
		close(a->source[i].fd);
	}
	if (a->epoll_fd >= 0)
		close(a->epoll_fd);
	free(a->source);
	free(a);
}

int arrivals_fd(const struct arrivals *a)
{
	return a->epoll_fd;
}

/* Copies bytes out of the ring, which may wrap. */
static void ring_copy(const struct arrivals *a, const struct source *s, uint64_t at, void *ret,
		      size_t n)
{
	const char *data = (const char *)s->page + a->page_size;
	size_t size = DATA_PAGES * a->page_size, from = at % size,
	       first = n < size - from ? n : size - from;

	memcpy(ret, data + from, first);
	memcpy((char *)ret + first, data, n - first);
}

static bool source_drain(struct arrivals *a, struct source *s, uint32_t *last,
			 void (*take)(void *context, uint32_t pid), void *context)
{
	uint64_t head = __atomic_load_n(&s->page->data_head, __ATOMIC_ACQUIRE),
		 tail = s->page->data_tail;
	struct mmap_record r;
	bool is_lossy = false;

	while (head - tail >= sizeof(r.header)) {
		ring_copy(a, s, tail, &r.header, sizeof(r.header));
		if (r.header.size < sizeof(r.header) || r.header.size > head - tail)
			break;
		if (r.header.type == PERF_RECORD_LOST) {
			is_lossy = true;
		} else if (r.header.type == PERF_RECORD_MMAP2 && r.header.size >= sizeof(r)) {
			ring_copy(a, s, tail, &r, sizeof(r));
			if (r.inode && r.pid != *last) {
				*last = r.pid;
				take(context, r.pid);
			}
		}
		tail += r.header.size;
	}
	__atomic_store_n(&s->page->data_tail, head, __ATOMIC_RELEASE);
	return is_lossy;
}

bool arrivals_drain(struct arrivals *a, void (*take)(void *context, uint32_t pid), void *context)
{
	bool is_lossy = false;
	uint32_t last = 0;

	for (size_t i = 0; i < a->n; i++)
		is_lossy |= source_drain(a, &a->source[i], &last, take, context);
	return is_lossy;
}
