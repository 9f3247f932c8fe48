/* SPDX-License-Identifier: MIT */
/*
 * pages.c - a program that counts in pages: in its own, in those of a library that it loads, in a child that it forks and in one that becomes another program; and
 * one that writes nonsense over them. It prints READY, does it when a line comes on stdin, prints TRUTH, and stays until the next line.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tools/sdk/poolscope-usdt.h"
#include "tools/sdk/poolscope.h"

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

/* Takes so many, and gives all but the last few back. */
static void use(struct poolscope_pool *pool, uint64_t n, uint64_t n_kept)
{
	for (uint64_t i = 1; i <= n; i++) {
		poolscope_acquired(pool, i, 0, 0);
		if (i <= n - n_kept)
			poolscope_released(pool, i, 0);
	}
}

static void tell(const char *name, pid_t pid, int n, int n_kept, const char *end)
{
	printf("{\"name\": \"%s\", \"pid\": %d, \"acquires\": %d, \"releases\": %d, \"in_use\": %d}%s",
	       name, (int)pid, n, n - n_kept, n_kept, end);
}

static void become_another(char **argv)
{
	char after[] = "after", *args[] = { argv[0], after, NULL };

	execv("/proc/self/exe", args);
	die("exec");
}

static pid_t child_of(int in[2])
{
	pid_t pid;

	if (pipe(in))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid)
		return pid;
	dup2(in[0], 0);
	close(in[0]);
	close(in[1]);
	return 0;
}

static void family(char **argv)
{
	static struct poolscope_pool ours, childs;
	int forked_in[2], other_in[2];
	pid_t forked, other;

	poolscope_pool_create(&ours, POOLSCOPE_KIND_CONNECTION, "parent", 50, 0);
	use(&ours, 23, 3);
	forked = child_of(forked_in);
	if (!forked) {
		poolscope_pool_create(&childs, POOLSCOPE_KIND_CONNECTION, "child", 50, 0);
		use(&childs, 101, 5);
		wait_for_line();
		_exit(0);
	}
	other = child_of(other_in);
	if (!other)
		become_another(argv);
	printf("TRUTH {\"pools\": [");
	tell("parent", getpid(), 23, 3, ", ");
	tell("child", forked, 101, 5, ", ");
	tell("after", other, 7, 1, "]}\n");
	fflush(stdout);
	wait_for_line();
	close(forked_in[1]); /* the end of their input ends them */
	close(other_in[1]);
	while (wait(NULL) > 0)
		;
}

static void after_exec(void)
{
	static struct poolscope_pool pool;

	for (int i = 0; i < 200 && !POOLSCOPE_WATCHED(acquired); i++)
		usleep(50000); /* it is another program to the agent */
	poolscope_pool_create(&pool, POOLSCOPE_KIND_CONNECTION, "after", 50, 0);
	use(&pool, 7, 1);
	wait_for_line();
}

static void *function_of(void *library, const char *name)
{
	void *f = dlsym(library, name);

	if (!f)
		die(name);
	return f;
}

#define FROM(library, name) ((__typeof__(name) *)(uintptr_t)function_of(library, #name))

/* Two roots, the program's and the library's. */
static void libraries(const char *path)
{
	static struct poolscope_pool ours;
	void *library = dlopen(path, RTLD_NOW);
	struct poolscope_pool *theirs;

	if (!library)
		die(path);
	wait_for_line(); /* the agent has seen it now */
	poolscope_pool_create(&ours, POOLSCOPE_KIND_CONNECTION, "ours", 50, 0);
	use(&ours, 23, 3);
	theirs = FROM(library, poolscope_usdt_pool_new)(POOLSCOPE_KIND_OBJECT, "theirs", 20, 0);
	for (uint64_t i = 1; i <= 11; i++)
		FROM(library, poolscope_usdt_acquired)(theirs, i, 0, 0);
	FROM(library, poolscope_usdt_released)(theirs, 4, 0);
	printf("TRUTH {\"pools\": [");
	tell("ours", getpid(), 23, 3, ", ");
	tell("theirs", getpid(), 11, 10, "]}\n");
	fflush(stdout);
	wait_for_line();
}

static uint64_t random_number(void)
{
	static uint64_t state = 88172645463325252ull;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static uint64_t seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec;
}

/* All of it, or mostly where the numbers are: small changes, single bits, anything. */
static void alter(uint64_t *word, size_t n_words)
{
	uint64_t r = random_number(), *one;
	size_t slot = 1 + r / 8 % 10, words = POOLSCOPE_PAGE_SLOT_BYTES / 8;

	one = r % 8 ? &word[slot * words + random_number() % 40] : &word[random_number() % n_words];
	switch (r % 4) {
	case 0:
		*one += random_number() % 64;
		break;
	case 1:
		*one ^= 1ull << random_number() % 64;
		break;
	case 2:
		*one = random_number();
		break;
	default:
		word[slot * words + 1] += 2; /* as if somebody had written */
	}
}

/* The SDK is not called any more once its memory is nonsense. */
static void nonsense(unsigned int for_seconds)
{
	static struct poolscope_pool pool[8];
	static uint64_t whole[POOLSCOPE_PAGE_CHUNK_BYTES / 8];
	uint64_t *word, n = 0, end;

	for (size_t i = 0; i < 8; i++) {
		poolscope_pool_create(&pool[i], POOLSCOPE_KIND_CONNECTION, "lies", 50, 0);
		use(&pool[i], 23, 3);
	}
	sleep(2); /* so that the agent knows it as it is */
	word = (uint64_t *)(uintptr_t)poolscope_page_semaphore.first_chunk;
	if (!word) {
		fprintf(stderr, "there is no page: nobody watches\n");
		exit(1);
	}
	memcpy(whole, word, sizeof(whole));
	for (end = seconds() + for_seconds; seconds() < end;) {
		for (int i = 0; i < 1000; i++, n++)
			alter(word, sizeof(whole) / 8);
		if (random_number() % 4 == 0)
			memcpy(word, whole, sizeof(whole)); /* so that not all is refused at the first look */
	}
	for (int i = 0; i < 6; i++) { /* so far nearly all was torn; a lie is seen where nobody writes */
		memcpy(word, whole, sizeof(whole));
		for (int k = 0; k < 2000; k++, n++)
			alter(word, sizeof(whole) / 8);
		usleep(1300000);
	}
	printf("TRUTH {\"alterations\": %llu}\n", (unsigned long long)n);
	fflush(stdout);
	wait_for_line();
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	if (!strcmp(argv[1], "after")) {
		after_exec();
		return 0;
	}
	printf("READY pid=%d\n", (int)getpid());
	fflush(stdout);
	wait_for_line();
	if (!strcmp(argv[1], "family"))
		family(argv);
	else if (!strcmp(argv[1], "libraries"))
		libraries(argv[2]);
	else if (!strcmp(argv[1], "nonsense"))
		nonsense((unsigned int)atoi(argv[2]));
	else
		return 2;
	return 0;
}
