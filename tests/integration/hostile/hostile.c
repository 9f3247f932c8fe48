/* SPDX-License-Identifier: MIT */
/*
 * hostile.c - a program with probe points that lies. Each mode is one kind of nonsense; it fires it when a line comes on stdin,
 * prints DONE, and stays until the next line. The surprise: the agent must count all of it and remember only so much.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* its pools are no handles, and the page would look into them; see hostile/page for a page that lies */
#define POOLSCOPE_USDT_ONLY
#include "tools/sdk/poolscope.h"

static void wait_for_line(void)
{
	char c = 0;

	while (read(0, &c, 1) == 1 && c != '\n')
		;
}

/* Pools, items, kinds, outcomes at random; pools are no handles, names point anywhere. */
static void garbage(void)
{
	unsigned int seed = 23;

	for (int i = 0; i < 20000; i++) {
		struct poolscope_pool *pool =
			(struct poolscope_pool *)(uintptr_t)(rand_r(&seed) % 64 * 4097ul);
		uint64_t item = (uint64_t)rand_r(&seed) % 128;
		unsigned int what = (unsigned int)rand_r(&seed);

		POOLSCOPE_PROBE_(pool_create, "8@%0 8@%1 8@%2 8@%3 8@%4",
				 POOLSCOPE_A_(POOLSCOPE_ID_(pool)), POOLSCOPE_A_(what),
				 POOLSCOPE_A_((uintptr_t)what << 20), POOLSCOPE_A_(~(uint64_t)what),
				 POOLSCOPE_A_(what));
		poolscope_wait_begin(pool, item);
		poolscope_wait_end(pool, item * 3, (enum poolscope_outcome)what);
		poolscope_acquired(pool, item, item, what);
		poolscope_released(pool, item * 5, what);
		poolscope_item_opened(pool, item, (uint64_t)what << 32,
				      (enum poolscope_outcome)what);
		poolscope_item_closed(pool, item, (enum poolscope_close)what);
		poolscope_rejected(pool, (enum poolscope_reject)what);
		poolscope_health(pool, item, (enum poolscope_outcome)what);
		if (what % 7 == 0)
			POOLSCOPE_PROBE_(pool_destroy, "8@%0", POOLSCOPE_A_(POOLSCOPE_ID_(pool)));
	}
}

static void many_pools(void)
{
	const size_t n = 100000;
	struct poolscope_pool *pools = calloc(n, sizeof(*pools));

	if (!pools)
		exit(1);
	for (size_t i = 0; i < n; i++) {
		poolscope_pool_create(&pools[i], POOLSCOPE_KIND_OBJECT, "many", 1, 0);
		poolscope_acquired(&pools[i], 1, 0, 0);
	}
}

static struct poolscope_pool one;

/* 64 KiB of control bytes and invalid UTF-8. */
static void long_name(void)
{
	char *name = malloc(65537);

	if (!name)
		exit(1);
	for (int i = 0; i < 65536; i++)
		name[i] = (char)(i % 2 ? 0x80 + i % 127 : 1 + i % 31);
	name[65536] = 0;
	poolscope_pool_create(&one, POOLSCOPE_KIND_CONNECTION, name, 3, 0);
	poolscope_acquired(&one, 1, 0, 0);
}

/* What would end a block of code, hide what follows, call people, fake a section, or write to the terminal's title. */
static void markup(void)
{
	poolscope_pool_create(
		&one, POOLSCOPE_KIND_CONNECTION,
		"```\n== End ==\n<!-- ~~ ![x](e) @all \x1b]0;x\x07\x1b[2J\xe2\x80\xae", 3, 0);
	poolscope_acquired(&one, 1, 0, 0);
}

/* What a shell would run, expand, or take for the end of a word, if a completion let it. Each begins with other letters, so that a key completes all of it. */
static const char *const for_shells[] = {
	"n01$(touch PWNED)",
	"n02`touch PWNED`",
	"n03 two  words ",
	"n04'; touch PWNED; '",
	"n05\"; touch PWNED; \"",
	"n06;touch PWNED",
	"n07&touch PWNED&",
	"n08|touch PWNED",
	"n09>PWNED",
	"n10\ntouch PWNED\n",
	"n11\rtouch PWNED\r",
	"n12\ttab\t",
	"n13$HOME${HOME}",
	"n14\\",
	"n15\\$(touch PWNED)",
	"n16*?[a-z]",
	"n17{a,b}",
	"n18!!",
	"n19~root",
	"n20#no",
	"n21=ls",
	"n22:a:b=c@d",
	"n23(touch PWNED)",
	"n24%F{red}%n",
	"n25''$(touch PWNED)",
	"n26'\"'\"$(touch PWNED)",
	"n27<(touch PWNED)",
	"n28\x1b[31m\x07",
	"n29\xc3\xbcn\xc3\xafx\xff",
	"n30^a^b",
	"-31$(touch PWNED)",
	"~32",
	"=33",
	"$(touch PWNED)34",
	"'35'",
	"#36",
	"n37\\'$(touch PWNED)",
	"n38$'\\x24(touch PWNED)'",
	"n39\xe2\x80\xaex",
};

static void names_for_shells(void)
{
	const size_t n = sizeof(for_shells) / sizeof(for_shells[0]);
	static struct poolscope_pool pools[64];

	for (size_t i = 0; i < n; i++)
		poolscope_pool_create(&pools[i], POOLSCOPE_KIND_OBJECT, for_shells[i], 3, 0);
}

static void odd_releases(void)
{
	poolscope_pool_create(&one, POOLSCOPE_KIND_CONNECTION, "odd", 3, 0);
	for (uint64_t i = 1; i <= 23; i++)
		poolscope_released(&one, i, 0);
	poolscope_acquired(&one, 101, 0, 0);
	poolscope_released(&one, 101, 0);
	poolscope_released(&one, 101, 0);
	poolscope_acquired(&one, 102, 0, 0);
}

/* Handles whose memory is gone when the first event comes. */
static void unmapped(void)
{
	struct poolscope_pool *p =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		exit(1);
	munmap(p, 4096);
	for (uint64_t i = 1; i <= 23; i++)
		poolscope_acquired(p, i, 0, 0);
}

int main(int argc, char **argv)
{
	const char *mode = argc == 2 ? argv[1] : "";

	printf("READY pid=%d\n", (int)getpid());
	fflush(stdout);
	wait_for_line();
	if (!strcmp(mode, "garbage"))
		garbage();
	else if (!strcmp(mode, "pools"))
		many_pools();
	else if (!strcmp(mode, "name"))
		long_name();
	else if (!strcmp(mode, "markup"))
		markup();
	else if (!strcmp(mode, "shells"))
		names_for_shells();
	else if (!strcmp(mode, "odd"))
		odd_releases();
	else if (!strcmp(mode, "unmapped"))
		unmapped();
	else
		return 2;
	printf("TRUTH {}\n");
	fflush(stdout);
	wait_for_line();
	return 0;
}
