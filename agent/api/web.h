/* SPDX-License-Identifier: MIT */
/*
 * web.h - the file of --web.config.file as it is now. exporter-toolkit reads it for every request and every handshake; so do we, as far as anybody can see: before each,
 * but at most ten times a second, it is looked whether it or a file that it names has changed.
 *
 * What is wrong then is what it is there: a file that cannot be used refuses every request, with 500, and every handshake; a certificate that cannot be used every handshake.
 * Whether TLS is spoken at all, and the rate, are decided at the start. Times are CLOCK_MONOTONIC.
 */
#ifndef POOLSCOPE_API_WEB_H
#define POOLSCOPE_API_WEB_H

#include <stdbool.h>
#include <stdint.h>

struct diag;
struct tls;
struct web;
struct web_config;

#define WEB_LOOK_MS 100

/*
 * Reads all. -EINVAL, -ENOENT and others: it cannot be used, d says where. `tell` is called with a sentence when a later change is read, good or bad;
 * it may be NULL.
 */
int web_new(const char *path, void (*tell)(void *context, const char *text), void *context,
	    struct web **ret, struct diag *d);
void web_free(struct web *w);	/* NULL is allowed */

/* Reads again what has changed. True when something had. */
bool web_look(struct web *w, int64_t now_ns);

/* What was decided at the start. */
bool web_has_tls(const struct web *w);

/* NULL: no handshake is to succeed. Borrowed until web_look(). */
struct tls *web_tls(const struct web *w);

/* NULL: every request is to fail. Likewise. */
const struct web_config *web_config(const struct web *w);

/* Whether one more request is within the rate; it counts then. */
bool web_is_in_rate(struct web *w, int64_t now_ns);

#endif
