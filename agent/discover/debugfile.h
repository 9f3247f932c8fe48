/* SPDX-License-Identifier: MIT */
/*
 * debugfile.h - the separate debug file of a stripped program, found by its build-id where distributions put it:
 * /usr/lib/debug/.build-id/xx/yyyy.debug, below a root folder that may be a container's.
 */
#ifndef POOLSCOPE_DISCOVER_DEBUGFILE_H
#define POOLSCOPE_DISCOVER_DEBUGFILE_H

/*
 * Opens it for reading; the caller closes. -ENOENT when there is none. Links inside the root are followed inside it, and only a
 * regular file is opened: what stands at that place in a container is the container's choice. The content is still to be judged;
 * its own build-id among it.
 */
int debugfile_open(const char *root, const char *build_id);

/* The same of any file that a process names. */
int debugfile_open_below(const char *root, const char *path);

#endif
