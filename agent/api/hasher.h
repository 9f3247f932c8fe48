/* SPDX-License-Identifier: MIT */
/*
 * hasher.h - compares passwords with their bcrypt hashes, beside the loop: one comparison is 50 ms of a CPU and more. It is the one thread that the agent
 * has beside its own; it sees a job and nothing else, at a low priority, and starts with the first one.
 */
#ifndef POOLSCOPE_API_HASHER_H
#define POOLSCOPE_API_HASHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASHER_JOBS 16		/* at one time; more are refused */
#define HASHER_SECRET_BYTES 256	/* a password, NUL included; bcrypt takes 72 of them */

struct hasher;

/* -ENOMEM, or errno of eventfd(). */
int hasher_new(struct hasher **ret);

/* Waits for the job that is being done; the others are dropped, without an answer. NULL is allowed. */
void hasher_free(struct hasher *h);

/* Readable when an answer is there. Owned by the hasher. */
int hasher_fd(const struct hasher *h);

/*
 * Copies all. The answer bears the number `id`. -EBUSY: there are HASHER_JOBS already; -EINVAL: the password is too long, or the hash; errno of
 * pthread_create().
 */
int hasher_add(struct hasher *h, uint64_t id, const char *password, const char *hash);

/* One answer. False when there is none. */
bool hasher_take(struct hasher *h, uint64_t *ret_id, bool *ret_is_same);

#endif
