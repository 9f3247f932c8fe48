/* SPDX-License-Identifier: MIT */
/*
 * A program with a pool of the SDK, that says who it is by a process context, or lies about it. Lines on stdin:
 *	publish NAME	its context says so from now on
 *	lie N		the Nth kind of nonsense
 *	use		takes an item of the pool, and gives it back
 * It answers each with a line.
 */
#define _GNU_SOURCE
#include <stdio.h>

#include <poolscope.h>

#include "otel.h"

static struct poolscope_pool pool;
static struct otel_published *published;
static struct otel_message contexts[2]; /* a reader may be at the former one still */
static unsigned int n_published;

static void publish(const char *name)
{
	struct otel_message *context = &contexts[n_published++ % 2], resource = { .n = 0 };

	context->n = 0;
	otel_put_text(&resource, "service.name", name);
	otel_put_text(&resource, "deployment.environment.name", "test");
	otel_put_message(context, 1, &resource);
	if (!published)
		published = otel_map(false);
	if (!published)
		abort();
	otel_publish(published, context);
}

/* Sizes and places that are not there, a message without end, one that is written for ever. */
static void lie(int which)
{
	struct otel_message *context = &contexts[n_published++ % 2];

	publish("liar");
	switch (which) {
	case 0:
		published->size = UINT32_MAX;
		break;
	case 1:
		published->at = 0;
		break;
	case 2:
		published->at = UINT64_MAX - 4;
		break;
	case 3:
		memset(context->bytes, 0xff, sizeof(context->bytes));
		context->n = sizeof(context->bytes);
		otel_publish(published, context);
		break;
	case 4:
		published->version = 3;
		break;
	case 5:
		published->published_ns = 0;
		break;
	case 6:
		memset(published->signature, 0, 8);
		break;
	default:
		munmap(published, 4096);
		published = NULL;
	}
}

int main(void)
{
	char line[256];

	setvbuf(stdout, NULL, _IOLBF, 0);
	poolscope_pool_create(&pool, POOLSCOPE_KIND_CONNECTION, "main-db", 3, 0);
	printf("READY pid=%d\n", (int)getpid());
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "publish ", 8))
			publish(line + 8);
		else if (!strncmp(line, "lie ", 4))
			lie(atoi(line + 4));
		poolscope_acquired(&pool, 1, 0, 0);
		poolscope_released(&pool, 1, 0);
		printf("did %s\n", line);
	}
	return 0;
}
