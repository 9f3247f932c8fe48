/* SPDX-License-Identifier: MIT */
/*
 * A process that has a connection, whose main thread stands still for MS, or only seems to, while a second one sleeps for a lock. HOW=vfork: a
 * sleep that nothing but its child's end ends; answer: one for an answer that does not come; clock: it computes, and whoever takes its CPU makes
 * it stand. Truth, in $OPS: the longest time that its clock missed, in ms. It says BEGUN once it is at that, so that nobody stops it before.
 * (Protocol: ../lib.sh; it has no `run`, as it is built once and started often.)
 */
#include <string.h>
#include <sys/syscall.h>

#include "connect.h"
#include "ops.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *sleep_for_lock(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	pthread_mutex_unlock(&lock);
	return NULL;
}

/* Who calls vfork() sleeps until its child ends, and no signal but a deadly one wakes it; the child shares its memory and not its threads. */
static void wait_for_child(int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000l };

	if (!vfork()) {
		syscall(SYS_nanosleep, &t, NULL);
		_exit(0);
	}
}

/* A request that nobody answers, nor reads. */
static void wait_for_answer(int ms)
{
	struct timeval t = { ms / 1000, ms % 1000 * 1000 };
	char byte = 0;

	if (setsockopt(connected_to_self, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)) ||
	    send(connected_to_self, &byte, 1, 0) != 1)
		die("no connection");
	if (recv(connected_to_self, &byte, 1, 0) != -1)
		die("there was an answer");
}

/* The longest time in which the thread did not see the clock. */
static double look_at_clock(int ms)
{
	int64_t last = now_ns(), end = last + ms * 1000000ll, longest = 0, now;

	for (; last < end; last = now) {
		now = now_ns();
		if (now - last > longest)
			longest = now - last;
	}
	return (double)longest / 1e6;
}

int main(void)
{
	const char *how = getenv("HOW");
	FILE *out = fopen(getenv("OPS"), "w");
	int64_t begin;
	pthread_t thread;
	double gap;

	if (!how || !out)
		die("HOW?");
	connect_self();
	pthread_mutex_lock(&lock);
	if (pthread_create(&thread, NULL, sleep_for_lock, NULL))
		die("a thread could not be started");
	printf("READY pid=%d\n", (int)getpid());
	wait_for_line();
	printf("BEGUN\n");
	fflush(stdout);
	begin = now_ns();
	if (!strcmp(how, "vfork"))
		wait_for_child(env("MS"));
	else if (!strcmp(how, "answer"))
		wait_for_answer(env("MS"));
	gap = strcmp(how, "clock") ? (double)(now_ns() - begin) / 1e6 : look_at_clock(env("MS"));
	fprintf(out, "%.3f\n", gap);
	fclose(out);
	pthread_mutex_unlock(&lock);
	pthread_join(thread, NULL);
	printf("BOOKS {\"library\":\"none\"}\n");
	wait_for_line();
	return 0;
}
