/* SPDX-License-Identifier: MIT */
/* threads_of.c - see threads_of.h. */
#include "ingest/threads_of.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

void threads_of_done(struct threads_of *t)
{
	free(t->list);
	*t = (struct threads_of){ 0 };
}

bool threads_of_parse(const char *status, struct thread_numbers *ret)
{
	const char *at = strstr(status, "\nNSpid:");
	char *end;
	int n = 0;

	if (!at)
		return false;
	at += strlen("\nNSpid:");
	while (*at && *at != '\n') {
		unsigned long value = strtoul(at, &end, 10);

		if (end == at || value > UINT32_MAX)
			break;
		if (!n++)
			ret->outside = (uint32_t)value;
		ret->inside = (uint32_t)value;
		at = end + strspn(end, " \t");
	}
	return n;
}

/* The thread's name is in there, before; it cannot look like that line, for the kernel escapes what ends one. */
static bool read_numbers(int task, const char *tid, struct thread_numbers *ret)
{
	AUTO_CLOSE int fd = -1;
	char path[32], text[4096];
	ssize_t n;

	if ((size_t)snprintf(path, sizeof(path), "%s/status", tid) >= sizeof(path))
		return false;
	fd = openat(task, path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = 0;
	return threads_of_parse(text, ret);
}

static void cleanup_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

static int by_inside(const void *a, const void *b)
{
	uint32_t x = ((const struct thread_numbers *)a)->inside,
		 y = ((const struct thread_numbers *)b)->inside;

	return (x > y) - (x < y);
}

static void read_all(struct threads_of *t, uint32_t pid)
{
	CLEANUP(cleanup_dir) DIR *task = NULL;
	struct dirent *e;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%u/task", pid);
	task = opendir(path);
	if (!t->list)
		t->list = calloc(THREADS_OF_MAX, sizeof(*t->list));
	if (!task || !t->list)
		return;
	t->n = 0;
	while (t->n < THREADS_OF_MAX && (e = readdir(task)))
		if (isdigit((unsigned char)e->d_name[0]) &&
		    read_numbers(dirfd(task), e->d_name, &t->list[t->n]))
			t->n++;
	if (t->n)
		qsort(t->list, t->n, sizeof(*t->list), by_inside);
}

static uint32_t find(const struct threads_of *t, uint32_t tid)
{
	struct thread_numbers key = { .inside = tid };
	const struct thread_numbers *found =
		t->n ? bsearch(&key, t->list, t->n, sizeof(key), by_inside) : NULL;

	return found ? found->outside : 0;
}

uint32_t threads_of_find(struct threads_of *t, uint32_t pid, uint32_t tid, int64_t now_ns)
{
	uint32_t found = find(t, tid);

	if (found || (t->read_ns && now_ns - t->read_ns < THREADS_OF_NS))
		return found;
	t->read_ns = now_ns;
	read_all(t, pid);
	return find(t, tid);
}
