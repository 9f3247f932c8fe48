/* SPDX-License-Identifier: MIT */
/*
 * remote.h - the memory of another process, read by somebody who can be given up.
 *
 * A read of a stranger's memory takes that stranger's page faults. One that has mapped a file of a file system of its own making (FUSE), or that has asked for its faults to be told to
 * it (userfaultfd(2)), decides when they end, and whether. So a reader of ours does it, and the caller waits for it until a deadline. Nothing that the caller owns is
 * ever known to the reader: what it has read is copied afterwards, by who waited.
 *
 * Time counts against a process only while the reader sleeps in its memory, not while the reader waits for a CPU. Whose memory does not come in REMOTE_WAIT_NS is not
 * read any more, until its read has come back by itself within REMOTE_PATIENCE_NS; then it was only slow (its memory was swapped out), and is read again a second
 * later, twice as much later each time. One whose read had to be ended is never read again. A user of whose processes two had a read given up is not read for
 * REMOTE_USER_NS; of root that is not so: it is in all containers, and who is root outside of them can end the agent. At most REMOTE_STUCK_MAX given up reads
 * are about at once; with so many nothing of anybody is read.
 *
 * There is one reader in a program, as there is one memory that it reads into, and one caller: the thread of the loop. It is begun by the first read, with
 * the rights that its caller has then. After a fork() the child begins its own.
 */
#ifndef POOLSCOPE_BASE_REMOTE_H
#define POOLSCOPE_BASE_REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define REMOTE_WAIT_NS 20000000ll	/* for one read, and of one process: 10 ms of it come back each second */
#define REMOTE_ALL_NS 100000000ll	/* for those of all that are slow: half of it comes back each second */
#define REMOTE_PATIENCE_NS 1000000000ll
#define REMOTE_USER_NS 600000000000ll
#define REMOTE_STUCK_MAX 8
#define REMOTE_SUSPECTS_MAX 128	/* processes that were slow; the one that was so longest ago makes room */
#define REMOTE_USERS_MAX 32	/* likewise */

struct remote_report {
	uint64_t n_given_up;	/* reads */
	uint64_t n_left_out;	/* reads that were not tried: of who was given up, or of anybody while too many are stuck */
	unsigned int n_stuck;	/* now */
	int64_t cpu_ns;	/* of all readers; they are no threads of this process */
};

/*
 * Reads n parts into others, each as long as its counterpart. As process_vm_readv(2): returns the bytes that could be read, in that order, or a negative errno if
 * there are none. -ETIMEDOUT: it was given up. -EBUSY: it was not tried. -EAGAIN: this machine had no time for it, or there is no reader.
 */
ssize_t remote_read(uint32_t pid, const struct iovec *into, const struct iovec *from, size_t n);

/* The same of one piece, whole. 0; -EFAULT: it is not all there. */
int remote_read_all(uint32_t pid, uint64_t address, void *ret, size_t n);

/* The beginning of /proc/PID/what, where that lies in its memory (environ, cmdline): the bytes, at most REMOTE_ROOM, or as above. -ESRCH: it is gone. */
ssize_t remote_read_file(uint32_t pid, const char *what, void *ret, size_t n);

#define REMOTE_ROOM 262144u

/* Whether it would be tried now: else it is not known what that memory says, nor whether it is there. */
bool remote_may_read(uint32_t pid);

const struct remote_report *remote_report(void);

/* Ends the reader, and those that are stuck as far as they can be ended. What is known of processes stays; the next read begins a reader. */
void remote_done(void);

#endif
