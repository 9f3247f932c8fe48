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
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

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

bool stat_started_parse(const char *text, uint64_t *ret_ticks)
{
	const char *at = strrchr(text, ')'); /* the name before it may have anything in it */
	unsigned long long ticks;

	if (!at ||
	    sscanf(at + 1,
		   " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
		   &ticks) != 1)
		return false;
	*ret_ticks = ticks;
	return true;
}

void exe_name_parse(const char *path, char ret[static TEXT_NAME_BYTES])
{
	static const char gone[] = " (deleted)";
	const char *slash = strrchr(path, '/');
	size_t n = strlen(path);

	if (n > sizeof(gone) - 1 && !strcmp(path + n - (sizeof(gone) - 1), gone))
		n -= sizeof(gone) - 1;
	if (slash) {
		n -= (size_t)(slash + 1 - path);
		path = slash + 1;
	}
	text_clean(path, n, ret, TEXT_NAME_BYTES);
}

/* By the clocks as they are now: who sets the time of day afterwards does not move it. */
static int64_t started_read(uint32_t pid)
{
	char path[64], text[1024];
	int64_t hertz = sysconf(_SC_CLK_TCK), since_boot_ns;
	uint64_t ticks;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	if (hertz <= 0 || read_small(path, text, sizeof(text)) < 0 ||
	    !stat_started_parse(text, &ticks) || ticks > INT64_MAX / 1000000000)
		return UNKNOWN;
	since_boot_ns =
		(int64_t)ticks / hertz * 1000000000 + (int64_t)ticks % hertz * 1000000000 / hertz;
	return clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME) + since_boot_ns;
}

static void executable_read(uint32_t pid, char ret[static TEXT_NAME_BYTES])
{
	char path[64], target[4096];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/exe", pid);
	n = readlink(path, target, sizeof(target));
	if (n <= 0 || n == sizeof(target))
		return; /* a kernel thread, not ours to read, or cut */
	target[n] = 0;
	exe_name_parse(target, ret);
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
	executable_read(pid, ret->executable);
	ret->started_wall_ns = started_read(pid);
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
