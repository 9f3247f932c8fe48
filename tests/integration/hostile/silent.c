/* SPDX-License-Identifier: MIT */
/*
 * silent.c - programs with a pool whose memory does not come: it is registered with userfaultfd(2), and nobody serves its faults, or somebody does so late. The
 * surprise: a program that may do this needs no right at all where it brings a file system of its own (FUSE); with userfaultfd it is root here, since the kernel's
 * faults are told to nobody else.
 *
 *	silent page        its page, from one moment on
 *	silent counter     the author's own count of items in use
 *	silent slow        its page: each fault takes 9 ms, again and again
 *
 * It prints READY, does it when a line comes on stdin, prints TRUTH, and stays until the next line.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tools/sdk/poolscope.h"

#define PAGE_BYTES 4096ul
#define LATE_US 9000

static unsigned char *kept; /* what was in that memory */
static unsigned char *silent; /* and where that is */
static size_t n_silent;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void wait_for_line(void)
{
	char c = 0;

	while (read(0, &c, 1) == 1 && c != '\n')
		;
}

/* From now on each fault there waits for somebody who reads from the descriptor that is returned. */
static int fall_silent(void *at, size_t n)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register of = { .range = { (uintptr_t)at, n },
				      .mode = UFFDIO_REGISTER_MODE_MISSING };

	silent = at;
	n_silent = n;
	kept = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (kept == MAP_FAILED)
		die("mmap");
	memcpy(kept, at, n);
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &of))
		die("userfaultfd");
	if (madvise(at, n, MADV_DONTNEED))
		die("madvise");
	return fd;
}

static void *serve_late(void *descriptor)
{
	int fd = *(int *)descriptor;
	struct uffd_msg message;

	while (read(fd, &message, sizeof(message)) == sizeof(message)) {
		uint64_t at = message.arg.pagefault.address / PAGE_BYTES * PAGE_BYTES;
		struct uffdio_copy copy = { .dst = at,
					    .src = (uintptr_t)kept + at - (uintptr_t)silent,
					    .len = PAGE_BYTES };

		usleep(LATE_US);
		ioctl(fd, UFFDIO_COPY, &copy);
		usleep(100);
		madvise(silent, n_silent, MADV_DONTNEED);
	}
	return NULL;
}

/* Chunks are anonymous memory; the semaphore says where the first one is. */
static int silence_page(struct poolscope_pool *pool)
{
	for (uint64_t item = 1; item <= 23; item++)
		poolscope_acquired(pool, item, 0, 0);
	sleep(2); /* so that the agent knows it as it is */
	if (!poolscope_page_semaphore.first_chunk) {
		fprintf(stderr, "there is no page: nobody watches\n");
		exit(1);
	}
	return fall_silent((void *)(uintptr_t)poolscope_page_semaphore.first_chunk,
			   POOLSCOPE_PAGE_CHUNK_BYTES);
}

int main(int argc, char **argv)
{
	const char *mode = argc == 2 ? argv[1] : "";
	static struct poolscope_pool pool;
	uint32_t *in_use =
		mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_t thread;
	int fd = -1;

	if (in_use == MAP_FAILED)
		die("mmap");
	*in_use = 3;
	poolscope_pool_create(&pool, POOLSCOPE_KIND_CONNECTION, mode, 50, 0);
	if (!strcmp(mode, "counter")) {
		poolscope_pool_counters(&pool, in_use, NULL);
		fd = fall_silent(in_use, PAGE_BYTES);
	}
	printf("READY pid=%d\n", (int)getpid());
	fflush(stdout);
	wait_for_line();
	if (!strcmp(mode, "counter"))
		for (uint64_t item = 1; item <= 23; item++)
			poolscope_acquired(&pool, item, 0, 0);
	else
		fd = silence_page(&pool);
	if (!strcmp(mode, "slow") && pthread_create(&thread, NULL, serve_late, &fd))
		die("thread");
	printf("TRUTH {}\n");
	fflush(stdout);
	wait_for_line();
	return 0;
}
