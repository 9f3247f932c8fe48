/* SPDX-License-Identifier: MIT */
/* subject.c - four threads do four kinds of work, each in a function of its own; in one of them one item is forgotten, once. */
#include <pthread.h>

#include "ops.h"
#define POOLSCOPE_USDT_ONLY /* where an item was taken is known of points alone */
#include "tools/sdk/poolscope.h"

#define AWAY __attribute__((noinline, noclone))
#define THREADS 4
#define CAPACITY 8
#define HEALTHY 101 /* pieces of work of the thread that will forget one, before it does */

static struct poolscope_pool pool;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int is_out[CAPACITY + 1];
static volatile int is_over, forgotten_tid, forgotten_item, sink;

/* ---- the pool -------------------------------------------------------------------------------------------------------------- */

static AWAY int pool_take(void)
{
	int item = 0;

	pthread_mutex_lock(&lock);
	for (int i = 1; i <= CAPACITY && !item; i++)
		if (!is_out[i])
			item = i;
	if (!item)
		die("the pool is empty");
	is_out[item] = 1;
	poolscope_acquired(&pool, (uint64_t)item, 0, 0);
	pthread_mutex_unlock(&lock);
	return item;
}

static AWAY void pool_give(int item)
{
	pthread_mutex_lock(&lock);
	is_out[item] = 0;
	poolscope_released(&pool, (uint64_t)item, 0);
	pthread_mutex_unlock(&lock);
}

/* ---- the program ----------------------------------------------------------------------------------------------------------- */

/* All work takes its item here. */
AWAY int get_connection(void)
{
	int item = pool_take();

	sink++;
	return item;
}

/* Frames of some size, which only the tables of a program without frame pointers tell. */
#define WORK(name, bytes)                                                                          \
	AWAY void name(int forgets)                                                                \
	{                                                                                          \
		volatile char room[bytes];                                                         \
		int item;                                                                          \
                                                                                                   \
		room[0] = (char)forgets;                                                           \
		item = get_connection();                                                           \
		sleep_ms(2);                                                                       \
		if (room[0]) {                                                                     \
			forgotten_tid = gettid();                                                  \
			forgotten_item = item;                                                     \
			return;                                                                    \
		}                                                                                  \
		pool_give(item);                                                                   \
	}

WORK(handle_order, 40)
WORK(handle_refund, 700)
WORK(handle_search, 40)
WORK(handle_login, 300)

static void *run(void *arg)
{
	static void (*const work[])(int) = { handle_order, handle_refund, handle_search,
					     handle_login };
	long number = (long)arg;
	char name[16];

	snprintf(name, sizeof(name), "worker-%ld", number);
	pthread_setname_np(pthread_self(), name);
	for (int i = 0; !is_over; i++) {
		work[(i + number) % 4](0);
		if (i == HEALTHY && number == 2)
			handle_refund(1);
		sleep_ms(5);
	}
	return NULL;
}

int main(void)
{
	pthread_t thread[THREADS];
	char line[16];

	printf("READY\n");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	poolscope_pool_create(&pool, POOLSCOPE_KIND_CONNECTION, "leaky", CAPACITY, 0);
	for (long i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, run, (void *)i);
	while (!forgotten_item)
		sleep_ms(1);
	printf("BOOKS {\"leaks\": [{\"tid\": %d, \"thread\": \"worker-2\", \"item\": \"0x%x\", \"function\": \"handle_refund\"}], \"others\": [\"handle_order\", \"handle_search\", \"handle_login\"]}\n",
	       forgotten_tid, (unsigned int)forgotten_item);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	is_over = 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	return 0;
}
