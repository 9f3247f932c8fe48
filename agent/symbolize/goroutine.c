/* SPDX-License-Identifier: MIT */
/*
 * goroutine.c - see goroutine.h; the layout is that of Go's src/runtime/runtime2.go. The surprise: the state has a bit that is set while the
 * garbage collector looks at the stack, which says nothing of the goroutine.
 */
#include "symbolize/goroutine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OF_M 48
#define OF_SP 56	/* sched: sp, pc, g, ctxt, ret, lr, bp */
#define OF_PC 64
#define OF_SELF 72
#define OF_BP 104
#define OF_STATUS 144
#define OF_ID 152
#define SYSCALLBP_BYTES 8	/* since 1.23, before the status */
#define RECORD_BYTES 176
#define PROCID_IN_M 72

enum { RUNNABLE = 1, RUNNING = 2, SYSCALL = 3, WAITING = 4, DEAD = 6, SCAN = 0x1000 };

static uint64_t word_at(const uint8_t *record, size_t at)
{
	uint64_t word;

	memcpy(&word, record + at, sizeof(word));
	return word;
}

static bool read_all(int memory, uint64_t address, void *ret, size_t n)
{
	return pread(memory, ret, n, (off_t)address) == (ssize_t)n;
}

int goroutine_read(int memory, const char *version, uint64_t g, struct goroutine *ret)
{
	unsigned int major, minor;
	uint8_t record[RECORD_BYTES];
	uint64_t procid;
	uint32_t status;
	size_t more;

	if (!version || sscanf(version, "%u.%u", &major, &minor) != 2 || major != 1 || minor < 16 ||
	    minor > 24)
		return -ENOTSUP;
	more = minor >= 23 ? SYSCALLBP_BYTES : 0;
	if (!read_all(memory, g, record, sizeof(record)))
		return -EFAULT;
	memcpy(&status, record + OF_STATUS + more, sizeof(status));
	status &= ~(uint32_t)SCAN;
	memset(ret, 0, sizeof(*ret));
	ret->id = word_at(record, OF_ID + more);
	ret->sp = word_at(record, OF_SP);
	ret->pc = word_at(record, OF_PC);
	ret->bp = word_at(record, OF_BP);
	if (word_at(record, OF_SELF) != g && status != DEAD) /* each has its own address there */
		return -EFAULT;
	switch (status) {
	case RUNNABLE:
	case WAITING:
		ret->is_waiting = true;
		return 0;
	case RUNNING:
	case SYSCALL:
		if (!read_all(memory, word_at(record, OF_M) + PROCID_IN_M, &procid, sizeof(procid)))
			return -EFAULT;
		ret->tid = (uint32_t)procid;
		return 0;
	case DEAD:
		ret->is_gone = true;
		return 0;
	default:
		return 0;
	}
}
