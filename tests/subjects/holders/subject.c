/* SPDX-License-Identifier: MIT */
/* subject.c - each thread takes an item of a pool and keeps it, in a function of its own that waits for something of its own. */
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "ops.h"
#define POOLSCOPE_USDT_ONLY /* where an item was taken is known of points alone */
#include "tools/sdk/poolscope.h"

#define AWAY __attribute__((noinline, noclone))
#define N (sizeof(holders) / sizeof(*holders))

static struct poolscope_pool pool, other;
static pthread_barrier_t are_in;
static pthread_mutex_t the_mutex = PTHREAD_MUTEX_INITIALIZER;
static volatile int sink;
static char to[32];	/* the server's address */

/* So that the compiler keeps a frame that is found by nothing but the tables. */
static AWAY void touch(volatile char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bytes[i] = (char)i;
}

AWAY void hold_asleep(void)
{
	volatile char room[1237];

	touch(room, sizeof(room));
	pthread_barrier_wait(&are_in);
	sleep(1000);
	touch(room, sizeof(room));
}

static int connect_to_silence(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&at, &size) ||
	    connect(fd, (struct sockaddr *)&at, sizeof(at)))
		die("no connection");
	snprintf(to, sizeof(to), "127.0.0.1:%u", ntohs(at.sin_port));
	return fd;
}

AWAY void hold_for_a_reply(void)
{
	int fd = connect_to_silence();
	char byte;

	pthread_barrier_wait(&are_in);
	sink = (int)recv(fd, &byte, 1, 0);
}

AWAY void hold_for_a_lock(void)
{
	pthread_barrier_wait(&are_in);
	pthread_mutex_lock(&the_mutex);
	pthread_mutex_unlock(&the_mutex);
}

AWAY void hold_for_another(void)
{
	poolscope_wait_begin(&other, 0);
	pthread_barrier_wait(&are_in);
	sleep(1000);
	sink++;
}

static inline __attribute__((always_inline)) void part_of_it(int n)
{
	for (int i = 0; i < n; i++)
		sleep(1000);
	sink++;
}

AWAY void hold_inlined(void)
{
	pthread_barrier_wait(&are_in);
	part_of_it(3);
	sink++;
}

AWAY void hold_deep(int n)
{
	if (n)
		hold_deep(n - 1);
	else
		hold_asleep();
	sink++;
}

static AWAY void hold_very_deep(void)
{
	hold_deep(9);
	sink++;
}

AWAY void hold_on_cpu(void)
{
	pthread_barrier_wait(&are_in);
	for (;;)
		sink++;
}

/* A stack that grows by what is known at run time needs a frame pointer whatever the compiler was told. */
AWAY void hold_with_array(int n)
{
	volatile char *room = __builtin_alloca((size_t)n);

	touch(room, (size_t)n);
	pthread_barrier_wait(&are_in);
	sleep(1000);
	touch(room, (size_t)n);
}

static AWAY void hold_grown(void)
{
	hold_with_array(4000 + env("GROWN"));
	sink++;
}

/* Code that is made while the program runs: it calls what it is given. Its name is in the file that perf reads. */
static AWAY void hold_made(void)
{
	static const unsigned char code[] = {
		0x55,		  /* push %rbp */
		0x48, 0x89, 0xe5, /* mov %rsp, %rbp */
		0xff, 0xd7,	  /* call *%rdi */
		0x5d,		  /* pop %rbp */
		0xc3,		  /* ret */
	};
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void (*made)(void (*)(void)) = page;
	char path[64];
	FILE *map;

	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
	map = fopen(path, "a"); /* two threads come here */
	if (page == MAP_FAILED || !map)
		die("no code can be made");
	memcpy(page, code, sizeof(code));
	fprintf(map, "%lx 1000 what was here before\n%lx %zx made_code\n", (long)page, (long)page,
		sizeof(code));
	fclose(map);
	made(hold_asleep);
	sink++;
}

static const struct holder {
	const char *name;
	void (*hold)(void);
	const char *state, *waits_for;
} holders[] = {
	{ "hold_asleep", hold_asleep, "sleeping", "time to pass" },
	{ "hold_for_a_reply", hold_for_a_reply, "sleeping", "data from " },
	{ "hold_for_a_lock", hold_for_a_lock, "sleeping", "the futex holders:the_mutex" },
	{ "hold_for_another", hold_for_another, "sleeping", "time to pass" },
	{ "part_of_it", hold_inlined, "sleeping", "time to pass" },
	{ "hold_inlined", hold_inlined, "sleeping", "time to pass" },
	{ "hold_very_deep", hold_very_deep, "sleeping", "time to pass" },
	{ "hold_grown", hold_grown, "sleeping", "time to pass" },
	{ "made_code", hold_made, "sleeping", "time to pass" },
	{ "hold_made", hold_made, "sleeping", "time to pass" },
	{ "hold_on_cpu", hold_on_cpu, "on cpu", "" },
};

static pid_t tid[N];

static void *run(void *arg)
{
	const struct holder *h = arg;

	tid[h - holders] = gettid();
	poolscope_acquired(&pool, (uintptr_t)h, 0, 0);
	h->hold();
	return NULL;
}

int main(void)
{
	char line[16];

	printf("READY\n");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	pthread_mutex_lock(&the_mutex);
	pthread_barrier_init(&are_in, NULL, N + 1);
	poolscope_pool_create(&pool, POOLSCOPE_KIND_CONNECTION, "held", N, 0);
	poolscope_pool_create(&other, POOLSCOPE_KIND_CONNECTION, "other", 1, 0);
	poolscope_pool_unlocked(&pool);
	poolscope_pool_unlocked(&other);
	for (size_t i = 0; i < N; i++) {
		pthread_t thread;

		pthread_create(&thread, NULL, run, (void *)&holders[i]);
	}
	pthread_barrier_wait(&are_in);
	printf("BOOKS {\"holders\": [");
	for (size_t i = 0; i < N; i++)
		printf("%s{\"tid\": %d, \"item\": \"0x%llx\", \"function\": \"%s\", \"state\": \"%s\", \"waits_for\": \"%s%s\", \"waits_in\": %s, \"taken_in\": \"run\"}",
		       i ? ", " : "", (int)tid[i], (unsigned long long)(uintptr_t)&holders[i],
		       holders[i].name, holders[i].state, holders[i].waits_for,
		       holders[i].hold == hold_for_a_reply ? to : "",
		       holders[i].hold == hold_for_another ? "\"other\"" : "null");
	printf("]}\n");
	fflush(stdout);
	return !fgets(line, sizeof(line), stdin);
}
