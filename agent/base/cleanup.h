/* SPDX-License-Identifier: MIT */
/*
 * cleanup.h - local ownership that a reader can check in one function: acquire into a local with a cleanup attribute, hand
 * over with TAKE(). gcc's analyzer and ASan understand these.
 */
#ifndef POOLSCOPE_BASE_CLEANUP_H
#define POOLSCOPE_BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(function) __attribute__((cleanup(function)))

/* The value of a pointer or handle, leaving `empty` behind: the local no longer owns it. */
#define TAKE_AS(x, empty)                                                                          \
	({                                                                                         \
		__typeof__(x) taken_ = (x);                                                        \
		(x) = (empty);                                                                     \
		taken_;                                                                            \
	})
#define TAKE(pointer) TAKE_AS(pointer, NULL)
#define TAKE_FD(fd) TAKE_AS(fd, -1)

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define AUTO_FREE CLEANUP(cleanup_free)
#define AUTO_CLOSE CLEANUP(cleanup_close)
#define AUTO_FCLOSE CLEANUP(cleanup_fclose)

#endif
