/* SPDX-License-Identifier: MIT */
/*
 * web_priority.c - see web_config.h: what was chosen of TLS, in gnutls' own words. The surprise: gnutls takes ciphers, MACs and key exchanges one by
 * one and makes suites of all that fit together. So a list of suites is taken when it is complete in this sense, and refused otherwise: a
 * suite that nobody asked for would be let in.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "exporters/web_config.h"

static const struct suite {
	const char *name, *cipher, *mac, *kx;
} suites[] = {
#define WEB_CIPHER(name, cipher, mac, kx) { name, cipher, mac, kx },
#include "exporters/web_config.def"
};

static const char *const groups[] = {
#define WEB_CURVE(name, group) group,
#include "exporters/web_config.def"
};

static const char *const versions[] = {
#define WEB_VERSION(name, version) version,
#include "exporters/web_config.def"
};

#define TLS13 (WEB_VERSIONS - 1)

struct text {
	char *at;
	size_t left;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->at, t->left, format, args);
	va_end(args);
	n = n < 0 ? 0 : n;
	n = (size_t)n >= t->left ? (int)t->left - 1 : n;
	t->at += n;
	t->left -= (size_t)n;
}

/* A cipher or a key exchange of the list, as a bit of what was there before: true when it is new. */
static bool is_first(const struct web_config *c, unsigned int i, size_t member)
{
	const char *of_i = *(const char *const *)((const char *)&suites[c->ciphers[i]] + member);

	if (!*of_i)
		return false;
	for (unsigned int k = 0; k < i; k++) {
		if (!strcmp(of_i,
			    *(const char *const *)((const char *)&suites[c->ciphers[k]] + member)))
			return false;
	}
	return true;
}

/* Whether some suite of the list has this member. */
static bool has(const struct web_config *c, size_t member, const char *value)
{
	for (unsigned int i = 0; i < c->n_ciphers; i++) {
		if (!strcmp(value,
			    *(const char *const *)((const char *)&suites[c->ciphers[i]] + member)))
			return true;
	}
	return false;
}

static bool is_listed(const struct web_config *c, unsigned int suite)
{
	for (unsigned int i = 0; i < c->n_ciphers; i++) {
		if (c->ciphers[i] == suite)
			return true;
	}
	return false;
}

#define MEMBER(name) offsetof(struct suite, name)

/* A suite of TLS 1.2 that would be let in and is not in the list; NULL = none. */
static const char *find_stranger(const struct web_config *c)
{
	for (unsigned int i = 0; i < WEB_CIPHERS; i++) {
		const struct suite *s = &suites[i];

		if (*s->kx && !is_listed(c, i) && has(c, MEMBER(kx), s->kx) &&
		    has(c, MEMBER(cipher), s->cipher))
			return s->name;
	}
	return NULL;
}

static void add_list(struct text *t, const struct web_config *c, const char *all, size_t member)
{
	add(t, ":-%s-ALL", all);
	for (unsigned int i = 0; i < c->n_ciphers; i++) {
		if (is_first(c, i, member))
			add(t, ":+%s",
			    *(const char *const *)((const char *)&suites[c->ciphers[i]] + member));
	}
}

/* The versions that are left: one for which the list has no suite is none. -EINVAL: none is. */
static int add_versions(struct text *t, const struct web_config *c)
{
	bool has_old = !c->n_ciphers, has_13 = !c->n_ciphers;
	unsigned int n = 0;

	for (unsigned int i = 0; i < c->n_ciphers; i++) {
		const struct suite *s = &suites[c->ciphers[i]];

		has_old |= *s->kx != '\0';
		has_13 |= !strcmp(s->mac, "AEAD");
	}
	add(t, "NORMAL:-VERS-ALL");
	for (unsigned int v = c->min_version; v <= c->max_version; v++) {
		if (v == TLS13 ? !has_13 : !has_old)
			continue;
		add(t, ":+VERS-%s", versions[v]);
		n++;
	}
	return n ? 0 : -EINVAL;
}

int web_config_priority(const struct web_config *c, char *ret, size_t size, struct diag *d)
{
	struct text t = { ret, size };
	const char *stranger = find_stranger(c);

	*ret = '\0';
	if (stranger && c->min_version < TLS13)
		return diag_set(d, -EINVAL,
				"cipher_suites: gnutls would let in %s too with these; add it, or "
				"take others away",
				stranger);
	if (add_versions(&t, c))
		return diag_set(d, -EINVAL,
				"cipher_suites: none is of the versions that are allowed");
	if (c->n_ciphers) {
		add_list(&t, c, "CIPHER", MEMBER(cipher));
		add_list(&t, c, "MAC", MEMBER(mac));
		add_list(&t, c, "KX", MEMBER(kx));
	} else {
		add(&t, ":-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA");
	}
	if (c->n_curves)
		add(&t, ":-GROUP-ALL");
	for (unsigned int i = 0; i < c->n_curves; i++)
		add(&t, ":+GROUP-%s", groups[c->curves[i]]);
	if (c->prefers_server)
		add(&t, ":%%SERVER_PRECEDENCE");
	return t.left > 1 ? 0 : diag_set(d, -EINVAL, "the list of cipher suites is too long");
}
