/* SPDX-License-Identifier: MIT */
/*
 * web_config.h - the file of --web.config.file: TLS, passwords, headers and a rate for those who ask over TCP, by the keys of Prometheus'
 * exporter-toolkit. Pure: bytes in, a struct out; certificates are not read here.
 *
 * It is as strict as the original: what is not known, stands twice or is of another type is an error with its line. What cannot be
 * done here is an error too, and not passed over: HTTP/2, cipher suites that gnutls cannot choose by themselves, a bcrypt cost over
 * WEB_MAX_COST.
 */
#ifndef POOLSCOPE_EXPORTERS_WEB_CONFIG_H
#define POOLSCOPE_EXPORTERS_WEB_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct diag;

#define WEB_MAX_BYTES ((size_t)1 << 20)	/* of the file, and of each that it names */
#define WEB_MAX_USERS 1024
#define WEB_MAX_SANS 1024
#define WEB_MAX_COST 15		/* of bcrypt: 2 s of a CPU (2026-11), and as long does the end of the agent wait */
#define WEB_USER_BYTES 256
#define WEB_HASH_BYTES 61	/* NUL included */

enum web_client_auth {
#define WEB_AUTH(id, name) WEB_AUTH_##id,
#include "exporters/web_config.def"
	WEB_AUTHS
};

enum {
#define WEB_CIPHER(name, cipher, mac, kx) +1
	WEB_CIPHERS = 0
#include "exporters/web_config.def"
	,
#define WEB_CURVE(name, group) +1
	WEB_CURVES = 0
#include "exporters/web_config.def"
	,
#define WEB_VERSION(name, version) +1
	WEB_VERSIONS = 0
#include "exporters/web_config.def"
	,
#define WEB_HEADER(name, values) +1
	WEB_HEADERS = 0
#include "exporters/web_config.def"
};

struct web_user {
	char name[WEB_USER_BYTES];
	char hash[WEB_HASH_BYTES];	/* $2a$, $2b$ or $2y$ */
};

/* Strings are owned; NULL = not given. Lists have no doubles. */
struct web_config {
	bool has_tls;	/* something of it is given, then certificate and key are */
	char *cert, *key, *client_ca;	/* PEM */
	char *cert_file, *key_file, *client_ca_file;	/* one that is relative has got the folder before it */
	enum web_client_auth client_auth;
	char **sans;	/* NULL = any */
	size_t n_sans;
	unsigned int ciphers[WEB_CIPHERS], n_ciphers;	/* numbers of WEB_CIPHER, in the order of the file; none = the default */
	unsigned int curves[WEB_CURVES], n_curves;
	unsigned int min_version, max_version;	/* numbers of WEB_VERSION */
	bool prefers_server;
	bool http2;	/* never */
	char *headers[WEB_HEADERS];
	struct web_user *users;
	size_t n_users;
	int64_t interval_ns;	/* 0 = no limit */
	uint32_t burst;
};

/*
 * `folder` is that of the file. 0, or -EINVAL and d has line, column and what was expected; -ENOMEM. On an error *ret is empty;
 * web_config_done() is safe in every case.
 */
int web_config_parse(const char *text, size_t n, const char *folder, struct web_config *ret,
		     struct diag *d);
void web_config_done(struct web_config *c);

const struct web_user *web_config_find_user(const struct web_config *c, const char *name);

/* The name of a header that can be set, by its number. */
const char *web_header_name(unsigned int header);

/*
 * The TLS of a configuration as a priority string of gnutls. -EINVAL: its cipher suites cannot be chosen by gnutls, which chooses ciphers and key
 * exchanges apart, without others that are not in the list; d says which.
 */
int web_config_priority(const struct web_config *c, char *ret, size_t size, struct diag *d);

#endif
