/* SPDX-License-Identifier: MIT */
/*
 * multi.c - see multi.h. The surprise: a link to offset 0 of a file that is no executable code is still made by the kernel when
 * no process maps that page executable, so the try needs no real function.
 */
#include "probe/multi.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "base/cleanup.h"

/* union bpf_attr, link_create.uprobe_multi; Debian 12's linux/bpf.h does not know it */
struct link_create {
	uint32_t prog_fd;
	uint32_t target_fd;
	uint32_t attach_type;
	uint32_t flags;
	uint64_t path;
	uint64_t offsets;
	uint64_t ref_ctr_offsets;
	uint64_t cookies;
	uint32_t cnt;
	uint32_t multi_flags;
	uint32_t pid;
	uint32_t reserved;
};

#define MULTI_RETURN 1u /* BPF_F_UPROBE_MULTI_RETURN */

int multi_attach(int program_fd, const char *path, const uint64_t *offsets,
		 const uint64_t *semaphores, const uint64_t *cookies, uint32_t n, bool is_return,
		 uint32_t pid)
{
	struct link_create attr = {
		.prog_fd = (uint32_t)program_fd,
		.attach_type = MULTI_ATTACH_TYPE,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)offsets,
		.ref_ctr_offsets = (uintptr_t)semaphores,
		.cookies = (uintptr_t)cookies,
		.cnt = n,
		.multi_flags = is_return ? MULTI_RETURN : 0,
		.pid = pid,
	};
	long fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));

	return fd < 0 ? -errno : (int)fd;
}

/* What the kernel answers to a probe of our own executable in that process. */
static int try_attach(uint32_t pid)
{
	/* r0 = 0; exit */
	struct bpf_insn body[] = { { .code = 0xb7 }, { .code = 0x95 } };
	union bpf_attr load;
	uint64_t offset = 0, cookie = 0;
	AUTO_CLOSE int program = -1;
	AUTO_CLOSE int link = -1;

	memset(&load, 0, sizeof(load));
	load.prog_type = BPF_PROG_TYPE_KPROBE;
	load.expected_attach_type = MULTI_ATTACH_TYPE;
	load.insns = (uintptr_t)body;
	load.insn_cnt = 2;
	load.license = (uintptr_t) "Dual MIT/GPL";
	program = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));
	if (program < 0)
		return -errno;
	link = multi_attach(program, "/proc/self/exe", &offset, NULL, &cookie, 1, false, pid);
	return link >= 0 ? 0 : link;
}

bool multi_is_available(void)
{
	return !try_attach(0);
}

/* With the right filter came a check of the pid (46ba0e49b642); before it a wrong one is just not found. */
bool multi_filters_processes(void)
{
	return try_attach(UINT32_MAX) == -EINVAL;
}
