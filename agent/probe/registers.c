/* SPDX-License-Identifier: MIT */
/*
 * registers.c - see registers.h. The surprise: before 6.1 an iterator cannot be told which thread is meant, so it goes over all of them,
 * and the one is looked for here.
 */
#include "probe/registers.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

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
