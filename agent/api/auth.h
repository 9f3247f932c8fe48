/* SPDX-License-Identifier: MIT */
/*
 * auth.h - basic authentication (RFC 7617) against bcrypt hashes, without waiting: what was compared once is remembered, by a digest under a key that only this
 * process has, and what was not is compared beside the loop. Neither the time that an answer takes nor the answer says whether a user exists.
 */
#ifndef POOLSCOPE_API_AUTH_H
#define POOLSCOPE_API_AUTH_H

#include <stddef.h>
#include <stdint.h>

#define AUTH_CACHED 64	/* right ones that are remembered, and as many wrong ones: then the oldest goes */

struct auth;
struct web_config;

enum auth_verdict {
	AUTH_YES,
	AUTH_NO,	/* 401 */
	AUTH_WAITS,	/* asked again when auth_take() gives the number back, it is known */
	AUTH_BUSY,	/* too many wait: 503 */
};

int auth_new(struct auth **ret);	/* -ENOMEM, or errno */
void auth_free(struct auth *a);		/* NULL is allowed */

/*
 * Of a request with this Authorization header; NULL = it has none. `id` is for auth_take(). The configuration has users. The header's password is nowhere after.
 */
enum auth_verdict auth_check(struct auth *a, const struct web_config *c, const char *header,
			     uint64_t id);

/* Readable when there is something to take. */
int auth_fd(const struct auth *a);

/* The id of a check that waited and is known now; -ENOENT when there is none. */
int auth_take(struct auth *a, uint64_t *ret_id);

#endif
