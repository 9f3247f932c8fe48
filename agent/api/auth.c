/* SPDX-License-Identifier: MIT */
/*
 * auth.c - see auth.h. The surprise: wrong passwords are remembered as well, in a ring of their own, so that a client that asks again and again costs one
 * comparison, and one that tries many pushes nobody out who is right. For a user that is not there the password is compared with the hash of another,
 * the same one each time, so that it takes as long.
 */
#include "api/auth.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/hasher.h"
#include "exporters/web_config.h"

#define DIGEST_BYTES 32
#define KEY_BYTES 32

struct digest {
	unsigned char bytes[DIGEST_BYTES];
};

/* Of what was compared: the newest AUTH_CACHED. */
struct ring {
	struct digest of[AUTH_CACHED];
	unsigned int n, next;
};

struct waiting {
	bool is_used, is_known_user;
	uint64_t number, id;
	struct digest digest;
};

struct auth {
	struct hasher *hasher;
	unsigned char key[KEY_BYTES];
	struct ring right, wrong;
	struct waiting waiting[HASHER_JOBS];
	uint64_t n_asked;
};

/* ---- what was compared ----------------------------------------------------------------------------------------------------- */

static bool is_in(const struct ring *r, const struct digest *d)
{
	bool found = false;

	for (unsigned int i = 0; i < r->n; i++)
		found |= !gnutls_memcmp(r->of[i].bytes, d->bytes, DIGEST_BYTES);
	return found;
}

static void keep(struct ring *r, const struct digest *d)
{
	if (is_in(r, d))
		return;
	r->of[r->next] = *d;
	r->next = (r->next + 1) % AUTH_CACHED;
	if (r->n < AUTH_CACHED)
		r->n++;
}

/* Of user, hash and password, each with its NUL, so that no two triples are the same bytes. */
static int digest(const struct auth *a, const char *user, const char *hash, const char *password,
		  struct digest *ret)
{
	gnutls_hmac_hd_t h;

	if (gnutls_hmac_init(&h, GNUTLS_MAC_SHA256, a->key, KEY_BYTES))
		return -ENOMEM;
	gnutls_hmac(h, user, strlen(user) + 1);
	gnutls_hmac(h, hash, strlen(hash) + 1);
	gnutls_hmac(h, password, strlen(password) + 1);
	gnutls_hmac_deinit(h, ret->bytes);
	return 0;
}

/* ---- one request ----------------------------------------------------------------------------------------------------------- */

/* The user and the password of "Basic BASE64", in memory that the caller wipes and frees. False when it is no such thing. */
static bool decode(const char *header, gnutls_datum_t *ret, char **ret_user, char **ret_password)
{
	gnutls_datum_t in;
	char *text, *colon;

	if (!header || strncasecmp(header, "Basic ", 6) != 0)
		return false;
	header += 6 + strspn(header + 6, " ");
	in = (gnutls_datum_t){ (unsigned char *)(uintptr_t)header, (unsigned int)strlen(header) };
	if (gnutls_base64_decode2(&in, ret))
		return false;
	text = calloc(1, ret->size + 1u);
	if (text)
		memcpy(text, ret->data, ret->size);
	gnutls_memset(ret->data, 0, ret->size);
	gnutls_free(ret->data);
	ret->data = (unsigned char *)text;
	colon = text ? strchr(text, ':') : NULL;
	if (!colon || strlen(text) != ret->size) /* a NUL ends bcrypt's password */
		return false;
	*colon = '\0';
	*ret_user = text;
	*ret_password = colon + 1;
	return true;
}

/* Someone else's hash, for a user that is not there. */
static const struct web_user *find_decoy(const struct auth *a, const struct web_config *c,
					 const char *user)
{
	struct digest d;
	size_t n;

	if (digest(a, user, "", "", &d))
		return &c->users[0];
	memcpy(&n, d.bytes, sizeof(n));
	return &c->users[n % c->n_users];
}

static enum auth_verdict compare(struct auth *a, const struct digest *d, bool is_known_user,
				 const char *password, const char *hash, uint64_t id)
{
	struct waiting *w = NULL;
	int r;

	for (int i = 0; i < HASHER_JOBS && !w; i++) {
		if (!a->waiting[i].is_used)
			w = &a->waiting[i];
	}
	if (!w)
		return AUTH_BUSY;
	r = hasher_add(a->hasher, ++a->n_asked, password, hash);
	if (r)
		return r == -EINVAL ? AUTH_NO : AUTH_BUSY;
	*w = (struct waiting){ true, is_known_user, a->n_asked, id, *d };
	return AUTH_WAITS;
}

static enum auth_verdict check(struct auth *a, const struct web_config *c, const char *user,
			       const char *password, uint64_t id)
{
	const struct web_user *known = web_config_find_user(c, user);
	const struct web_user *with = known ? known : find_decoy(a, c, user);
	struct digest d;

	if (digest(a, user, with->hash, password, &d))
		return AUTH_BUSY;
	if (is_in(&a->right, &d))
		return known ? AUTH_YES : AUTH_NO;
	if (is_in(&a->wrong, &d))
		return AUTH_NO;
	return compare(a, &d, known, password, with->hash, id);
}

enum auth_verdict auth_check(struct auth *a, const struct web_config *c, const char *header,
			     uint64_t id)
{
	gnutls_datum_t decoded = { 0 };
	enum auth_verdict verdict = AUTH_NO;
	char *user, *password;

	if (decode(header, &decoded, &user, &password))
		verdict = check(a, c, user, password, id);
	if (decoded.data)
		gnutls_memset(decoded.data, 0, decoded.size);
	free(decoded.data);
	return verdict;
}

int auth_take(struct auth *a, uint64_t *ret_id)
{
	uint64_t number;
	bool is_same;

	while (hasher_take(a->hasher, &number, &is_same)) {
		for (int i = 0; i < HASHER_JOBS; i++) {
			struct waiting *w = &a->waiting[i];

			if (!w->is_used || w->number != number)
				continue;
			keep(is_same && w->is_known_user ? &a->right : &a->wrong, &w->digest);
			*ret_id = w->id;
			w->is_used = false;
			return 0;
		}
	}
	return -ENOENT;
}

/* ---- life ------------------------------------------------------------------------------------------------------------------ */

int auth_new(struct auth **ret)
{
	struct auth *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return -ENOMEM;
	r = hasher_new(&a->hasher);
	if (!r && gnutls_rnd(GNUTLS_RND_KEY, a->key, KEY_BYTES))
		r = -EIO;
	if (r) {
		auth_free(a);
		return r;
	}
	*ret = a;
	return 0;
}

void auth_free(struct auth *a)
{
	if (!a)
		return;
	hasher_free(a->hasher);
	explicit_bzero(a, sizeof(*a));
	free(a);
}

int auth_fd(const struct auth *a)
{
	return hasher_fd(a->hasher);
}
