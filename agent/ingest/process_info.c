/* SPDX-License-Identifier: MIT */
/*
 * process_info.c - see process_info.h. The surprise: comm is preferred to the link of exe, because it needs no capability and
 * says "postgres" also for a deleted or replaced file; it is the main thread's name, so that a program may have changed it.
 */
#include "ingest/process_info.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

static int read_small(const char *path, char *ret, size_t size)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, ret, size - 1);
	if (n < 0)
		return -errno;
	ret[n] = 0;
	return (int)n;
}

static bool is_container_id(const char *s, size_t n)
{
	if (n != 64)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isxdigit((unsigned char)s[i]))
			return false;
	return true;
}

void cgroup_line_parse(const char *line, struct process_names *ret)
{
	const char *part = strrchr(line, ':');

	while (part && *part) {
		size_t n = strcspn(++part, "/\n");
		const char *id = part;

		/* docker-<id>.scope, cri-containerd-<id>.scope, <id> */
		for (size_t i = 0; i < n; i++)
			if (part[i] == '-')
				id = part + i + 1;
		if (is_container_id(id, strspn(id, "0123456789abcdefABCDEF")))
			text_clean(id, 64, ret->container_id, sizeof(ret->container_id));
		if (n > 8 && !strncmp(part + n - 8, ".service", 8))
			text_clean(part, n - 8, ret->service, sizeof(ret->service));
		part = part[n] == '/' ? part + n : NULL;
	}
}

int process_names_read(uint32_t pid, struct process_names *ret)
{
	char path[64], text[4096], *line, *save = NULL;
	int n;

	memset(ret, 0, sizeof(*ret));
	snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	n = read_small(path, text, sizeof(text));
	if (n < 0)
		return -ESRCH;
	text[strcspn(text, "\n")] = 0;
	text_clean(text, strlen(text), ret->name, sizeof(ret->name));
	snprintf(path, sizeof(path), "/proc/%u/cgroup", pid);
	if (read_small(path, text, sizeof(text)) > 0)
		for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
			cgroup_line_parse(line, ret);
	return 0;
}

void thread_name_read(void *unused, uint32_t pid, uint32_t tid, char ret[PS_COMM_MAX],
		      bool *ret_gone)
{
	char path[64], text[64];
	int n;

	(void)unused;
	snprintf(path, sizeof(path), "/proc/%u/task/%u/comm", pid, tid);
	ret[0] = 0;
	n = read_small(path, text, sizeof(text));
	*ret_gone = n == -ENOENT || n == -ESRCH;
	if (n < 0)
		return;
	text[strcspn(text, "\n")] = 0;
	text_clean(text, strlen(text), ret, PS_COMM_MAX);
}

bool thread_runs_read(uint32_t pid, uint32_t tid, uint64_t *ret_cpu_ns, uint64_t *ret_n_runs)
{
	char path[64], text[128];
	unsigned long long cpu_ns, n_runs;

	snprintf(path, sizeof(path), "/proc/%u/task/%u/schedstat", pid, tid);
	if (read_small(path, text, sizeof(text)) < 0 ||
	    sscanf(text, "%llu %*u %llu", &cpu_ns, &n_runs) != 2)
		return false;
	*ret_cpu_ns = cpu_ns;
	*ret_n_runs = n_runs;
	return true;
}
