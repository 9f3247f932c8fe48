/* SPDX-License-Identifier: MIT */
/*
 * listen.h - listening sockets: TCP by a textual address, Unix by a path. All are non-blocking and close-on-exec.
 */
#ifndef POOLSCOPE_API_LISTEN_H
#define POOLSCOPE_API_LISTEN_H

struct diag;

/* "127.0.0.1:10766", "[::1]:10766", ":10766", "localhost:10766". No names are looked up. Returns the fd or -errno. */
int listen_tcp(const char *address, struct diag *d);

/*
 * Makes the folder (0755) if needed, then the socket with mode 0660, for the group `poolscope` where that exists. A socket that
 * nobody listens on is replaced; a live one gives -EADDRINUSE, another kind of file -EEXIST. Returns the fd or -errno. *ret_not_group is why the group
 * may not connect, a literal, or NULL when it may.
 */
int listen_unix(const char *path, const char **ret_not_group, struct diag *d);

#endif
