/* SPDX-License-Identifier: MIT */
/*
 * empty.c - the same probes with a program that does nothing, to tell the trap's cost from ours: attaches to every Poolscope
 * point of a file, prints READY, and stays until stdin ends.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "discover/notes.h"
#include "probe/multi.h"

int main(int argc, char **argv)
{
	struct bpf_insn body[] = { { .code = 0xb7 }, { .code = 0x95 } }; /* return 0 */
	uint64_t offset[64], semaphore[64], cookie[64] = { 0 };
	struct notes notes;
	struct diag d = { 0 };
	union bpf_attr load;
	uint32_t n = 0;
	int fd, program;
	char c;

	if (argc != 2 || (fd = open(argv[1], O_RDONLY)) < 0 ||
	    notes_read(fd, "poolscope", 64, &notes, &d)) {
		fprintf(stderr, "usage: empty FILE: %s\n", d.text);
		return 2;
	}
	for (; n < notes.n; n++) {
		offset[n] = notes.list[n].pc_offset;
		semaphore[n] = notes.list[n].semaphore_offset;
	}
	memset(&load, 0, sizeof(load));
	load.prog_type = BPF_PROG_TYPE_KPROBE;
	load.expected_attach_type = MULTI_ATTACH_TYPE;
	load.insns = (uintptr_t)body;
	load.insn_cnt = 2;
	load.license = (uintptr_t) "Dual MIT/GPL";
	program = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));
	if (program < 0 ||
	    multi_attach(program, argv[1], offset, semaphore, cookie, n, false, 0) < 0) {
		perror("empty: attaching");
		return 1;
	}
	printf("READY\n");
	fflush(stdout);
	while (read(0, &c, 1) == 1)
		;
	return 0;
}
