/* SPDX-License-Identifier: MIT */
/*
 * debugfile.c - see debugfile.h. The surprise: the file is opened twice, first as a mere handle (O_PATH). Opening for reading what
 * turns out to be a pipe or a device would already have an effect.
 */
#include "discover/debugfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/openat2.h>

#include "base/cleanup.h"

/* glibc 2.36 has no name for the call (Linux 5.6) */
static int open_below(int root, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

int debugfile_open_below(const char *root, const char *path)
{
	AUTO_CLOSE int folder = -1, handle = -1;
	char self[64];
	struct stat st;
	int fd;

	folder = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return -ENOENT;
	handle = open_below(folder, path);
	if (handle < 0 || fstat(handle, &st) || !S_ISREG(st.st_mode))
		return -ENOENT;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", handle);
	fd = open(self, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? -ENOENT : fd;
}

int debugfile_open(const char *root, const char *build_id)
{
	char path[256];
	int n = snprintf(path, sizeof(path), "usr/lib/debug/.build-id/%.2s/%s.debug", build_id,
			 strlen(build_id) > 2 ? build_id + 2 : "");

	return n < 0 || (size_t)n >= sizeof(path) ? -ENOENT : debugfile_open_below(root, path);
}
