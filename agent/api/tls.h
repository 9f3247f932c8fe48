/* SPDX-License-Identifier: MIT */
/*
 * tls.h - the TLS of one web configuration, as gnutls wants it: certificate, versions, suites, and what is asked of clients. Shared by
 * the connections that began with it, and counted; a later configuration does not change theirs.
 */
#ifndef POOLSCOPE_API_TLS_H
#define POOLSCOPE_API_TLS_H

struct diag;
struct tls;
struct web_config;

/* What the files of the configuration held, as text; borrowed. client_ca: NULL = none was given, then the system's. */
struct tls_pem {
	const char *cert, *key, *client_ca;
};

/* One reference. -EINVAL: what cannot be used, and d says which; -ENOMEM. */
int tls_new(const struct web_config *c, const struct tls_pem *pem, struct tls **ret,
	    struct diag *d);

struct tls *tls_ref(struct tls *t);

/* NULL is allowed. */
void tls_unref(struct tls *t);

/*
 * Makes a session, a gnutls_session_t that has not begun to shake hands, a session of this TLS; it borrows t until its end. A client's certificate is
 * judged while hands are shaken, so that a client without the right one never gets to ask.
 */
void tls_begin(struct tls *t, void *session);

#endif
