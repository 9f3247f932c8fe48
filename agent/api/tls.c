/* SPDX-License-Identifier: MIT */
/*
 * tls.c - see tls.h. The surprise: libmicrohttpd has one certificate for a daemon, for as long as it runs. So each of its sessions gets other
 * credentials in the moment after it was made, and the daemon's own are never used: with them no handshake succeeds. The way from a session to
 * its `struct tls` is gnutls' pointer for a session cache, of which there is none.
 */
#include "api/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "exporters/web_config.h"

struct tls {
	unsigned int n_refs;
	gnutls_certificate_credentials_t credentials;
	gnutls_priority_t priority;
	enum web_client_auth client_auth;
	char **sans;	/* owned; NULL = any */
	size_t n_sans;
};

/* ---- the certificate of a client ------------------------------------------------------------------------------------------- */

/* A name of a certificate as it is written in a list: addresses are bytes there. False when it is of no kind that is compared. */
static bool format_name(unsigned int type, const char *name, size_t n, char *ret, size_t size)
{
	switch (type) {
	case GNUTLS_SAN_DNSNAME:
	case GNUTLS_SAN_RFC822NAME:
	case GNUTLS_SAN_URI:
		if (n >= size || memchr(name, '\0', n)) /* "good.example\0.evil.example" is no name */
			return false;
		memcpy(ret, name, n);
		ret[n] = '\0';
		return true;
	case GNUTLS_SAN_IPADDRESS:
		return (n == 4 || n == 16) &&
		       inet_ntop(n == 4 ? AF_INET : AF_INET6, name, ret, (socklen_t)size);
	default:
		return false;
	}
}

static bool is_allowed(const struct tls *t, const char *name)
{
	for (size_t i = 0; i < t->n_sans; i++) {
		if (!strcmp(t->sans[i], name))
			return true;
	}
	return false;
}

#define MAX_NAMES 1024	/* of one certificate */

static bool has_allowed_name(const struct tls *t, gnutls_x509_crt_t crt)
{
	for (unsigned int i = 0; i < MAX_NAMES; i++) {
		char name[1024], text[1024];
		size_t n = sizeof(name);
		unsigned int type;
		int r = gnutls_x509_crt_get_subject_alt_name2(crt, i, name, &n, &type, NULL);

		if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			return false;
		if (r >= 0 && format_name(type, name, n, text, sizeof(text)) && is_allowed(t, text))
			return true;
	}
	return false;
}

static bool is_san_right(const struct tls *t, const gnutls_datum_t *der)
{
	gnutls_x509_crt_t crt;
	bool is_right;

	if (!t->sans)
		return true;
	if (gnutls_x509_crt_init(&crt))
		return false;
	is_right =
		!gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER) && has_allowed_name(t, crt);
	gnutls_x509_crt_deinit(crt);
	return is_right;
}

/* gnutls asks this in the handshake; other than 0 ends it. */
static int judge_client(gnutls_session_t session)
{
	const struct tls *t = gnutls_db_get_ptr(session);
	gnutls_typed_vdata_st purpose = {
		.type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT
	};
	unsigned int n = 0, status;
	const gnutls_datum_t *peers = gnutls_certificate_get_peers(session, &n);

	if (!peers || !n) /* where one is required, gnutls has refused already */
		return t->client_auth == WEB_AUTH_REQUIRE_ANY ||
		       t->client_auth == WEB_AUTH_REQUIRE_AND_VERIFY;
	if (t->client_auth == WEB_AUTH_VERIFY_IF_GIVEN ||
	    t->client_auth == WEB_AUTH_REQUIRE_AND_VERIFY) {
		if (gnutls_certificate_verify_peers(session, &purpose, 1, &status) || status)
			return -1;
	}
	return is_san_right(t, &peers[0]) ? 0 : -1;
}

void tls_begin(struct tls *t, void *session)
{
	static const gnutls_certificate_request_t requests[WEB_AUTHS] = {
		[WEB_AUTH_NONE] = GNUTLS_CERT_IGNORE,
		[WEB_AUTH_REQUEST] = GNUTLS_CERT_REQUEST,
		[WEB_AUTH_REQUIRE_ANY] = GNUTLS_CERT_REQUIRE,
		[WEB_AUTH_VERIFY_IF_GIVEN] = GNUTLS_CERT_REQUEST,
		[WEB_AUTH_REQUIRE_AND_VERIFY] = GNUTLS_CERT_REQUIRE,
	};
	gnutls_session_t s = session;

	gnutls_priority_set(s, t->priority);
	gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, t->credentials);
	gnutls_certificate_server_set_request(s, requests[t->client_auth]);
	gnutls_db_set_ptr(s, t);
	if (t->client_auth != WEB_AUTH_NONE && t->client_auth != WEB_AUTH_REQUEST)
		gnutls_session_set_verify_function(s, judge_client);
}

/* ---- life ------------------------------------------------------------------------------------------------------------------ */

static gnutls_datum_t datum(const char *text)
{
	return (gnutls_datum_t){ (unsigned char *)(uintptr_t)text, (unsigned int)strlen(text) };
}

static int set_trust(struct tls *t, const struct tls_pem *pem, struct diag *d)
{
	gnutls_datum_t ca;
	int r;

	if (t->client_auth != WEB_AUTH_VERIFY_IF_GIVEN &&
	    t->client_auth != WEB_AUTH_REQUIRE_AND_VERIFY)
		return 0;
	if (!pem->client_ca) {
		gnutls_certificate_set_x509_system_trust(t->credentials);
		return 0;
	}
	ca = datum(pem->client_ca);
	r = gnutls_certificate_set_x509_trust_mem(t->credentials, &ca, GNUTLS_X509_FMT_PEM);
	return r > 0 ? 0
		     : diag_set(d, -EINVAL, "the CA of clients cannot be used: %s",
				r ? gnutls_strerror(r) : "there is no certificate in it");
}

static int copy_sans(struct tls *t, const struct web_config *c)
{
	if (!c->sans)
		return 0;
	t->sans = calloc(c->n_sans + 1, sizeof(*t->sans));
	if (!t->sans)
		return -ENOMEM;
	for (; t->n_sans < c->n_sans; t->n_sans++) {
		t->sans[t->n_sans] = strdup(c->sans[t->n_sans]);
		if (!t->sans[t->n_sans])
			return -ENOMEM;
	}
	return 0;
}

static int fill(struct tls *t, const struct web_config *c, const struct tls_pem *pem,
		struct diag *d)
{
	gnutls_datum_t cert = datum(pem->cert), key = datum(pem->key);
	char priority[1024];
	int r;

	t->client_auth = c->client_auth;
	if (copy_sans(t, c) || gnutls_certificate_allocate_credentials(&t->credentials))
		return diag_set(d, -ENOMEM, "out of memory");
	r = gnutls_certificate_set_x509_key_mem2(t->credentials, &cert, &key, GNUTLS_X509_FMT_PEM,
						 NULL, 0);
	if (r < 0)
		return diag_set(d, -EINVAL, "certificate and key cannot be used: %s",
				gnutls_strerror(r));
	r = web_config_priority(c, priority, sizeof(priority), d);
	if (r)
		return r;
	r = gnutls_priority_init(&t->priority, priority, NULL);
	if (r)
		return diag_set(d, -EINVAL, "gnutls cannot do what is asked of TLS: %s",
				gnutls_strerror(r));
	return set_trust(t, pem, d);
}

int tls_new(const struct web_config *c, const struct tls_pem *pem, struct tls **ret, struct diag *d)
{
	struct tls *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return diag_set(d, -ENOMEM, "out of memory");
	t->n_refs = 1;
	r = fill(t, c, pem, d);
	if (r) {
		tls_unref(t);
		return r;
	}
	*ret = t;
	return 0;
}

struct tls *tls_ref(struct tls *t)
{
	t->n_refs++;
	return t;
}

void tls_unref(struct tls *t)
{
	if (!t || --t->n_refs)
		return;
	if (t->credentials)
		gnutls_certificate_free_credentials(t->credentials);
	if (t->priority)
		gnutls_priority_deinit(t->priority);
	for (size_t i = 0; i < t->n_sans; i++)
		free(t->sans[i]);
	free(t->sans);
	free(t);
}
