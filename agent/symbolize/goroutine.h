/* SPDX-License-Identifier: MIT */
/*
 * goroutine.h - what a goroutine does, read from Go's own record of it (struct g) in the process's memory. Where the members lie is known for
 * Go 1.16 to 1.24 on x86-64, stripped or not.
 *
 * Go uses the record of a goroutine that has ended for a new one. So what is told of an address is what the goroutine does that is there now.
 */
#ifndef POOLSCOPE_SYMBOLIZE_GOROUTINE_H
#define POOLSCOPE_SYMBOLIZE_GOROUTINE_H

#include <stdbool.h>
#include <stdint.h>

struct goroutine {
	uint64_t id;
	uint64_t pc, sp, bp;	/* where it goes on, when it waits */
	uint32_t tid;		/* the thread that runs it; 0 = it waits */
	bool is_waiting;	/* false and no thread: it has ended, or wants to run */
	bool is_gone;
};

/*
 * memory is /proc/PID/mem, `version` the Go version as the program's file has it ("1.19.8"). -ENOTSUP: members are not known for it; -EFAULT:
 * there is no such record.
 */
int goroutine_read(int memory, const char *version, uint64_t g, struct goroutine *ret);

#endif
