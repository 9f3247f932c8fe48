/* SPDX-License-Identifier: MIT */
/*
 * newfile.c - see newfile.h. The surprise: to replace is to write beside and to rename, for rename(2) does not follow a link at its end, and a
 * disk that is full costs nobody the old file.
 */
#include "cmd/newfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/diag.h"

static int write_all(int fd, const char *data, size_t n)
{
	while (n) {
		ssize_t written = write(fd, data, n);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		data += written;
		n -= (size_t)written;
	}
	return 0;
}

/* Takes the descriptor; what could not be written is removed. */
static int fill(int fd, const char *path, const void *data, size_t n)
{
	int error = fchmod(fd, 0600) ? -errno : write_all(fd, data, n);

	if (close(fd) && !error)
		error = -errno;
	if (error)
		unlink(path);
	return error;
}

static int replace(const char *path, const void *data, size_t n)
{
	AUTO_FREE char *beside = NULL;
	struct stat st;
	int fd, error;

	if (!lstat(path, &st) && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		return -ENOTSUP; /* a device, a pipe, a folder: those are not to be replaced */
	if (asprintf(&beside, "%s.XXXXXX", path) < 0) {
		beside = NULL;
		return -ENOMEM;
	}
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	error = fill(fd, beside, data, n);
	if (!error && rename(beside, path)) {
		error = -errno;
		unlink(beside);
	}
	return error;
}

int newfile_write(const char *path, const void *data, size_t n, bool is_replacing, struct diag *d)
{
	int error, fd;

	if (is_replacing) {
		error = replace(path, data, n);
	} else {
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		error = fd < 0 ? -errno : fill(fd, path, data, n);
	}
	if (error == -EEXIST)
		return diag_set(
			d, error,
			"%.150s is there already: give another name, or --force to replace it",
			path);
	if (error == -ENOTSUP)
		return diag_set(d, error, "%.150s is no file: give another name", path);
	return error ? diag_set(d, error, "cannot write %s: %s", path, strerror(-error)) : 0;
}
