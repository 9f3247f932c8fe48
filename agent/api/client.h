/* SPDX-License-Identifier: MIT */
/*
 * client.h - asks the running agent over its Unix socket. Blocks, for at most CLIENT_TIMEOUT_S.
 */
#ifndef POOLSCOPE_API_CLIENT_H
#define POOLSCOPE_API_CLIENT_H

#include <jansson.h>

struct buffer;
struct diag;

#define CLIENT_TIMEOUT_S 10
#define CLIENT_MAX_BYTES ((size_t)256 << 20)	/* of an answer */

/*
 * GET of a path such as "/api/v1/pools" into *ret, a new reference. -ENOENT, -ECONNREFUSED: no agent runs there; -EACCES: it
 * may not be asked by this user; -ENODATA: it knows no such thing (HTTP 404); -EAGAIN: it is not ready (503); -EPROTO: no sense
 * in the answer; -ETIMEDOUT. d says so in a sentence.
 */
int client_get(const char *socket_path, const char *path, json_t **ret, struct diag *d);

/* The same for an answer that is no JSON, appended. -ESTALE: it was there once (HTTP 410). */
int client_get_bytes(const char *socket_path, const char *path, struct buffer *ret, struct diag *d);

#endif
