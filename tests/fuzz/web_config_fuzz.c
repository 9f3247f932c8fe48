/* SPDX-License-Identifier: MIT */
/*
 * web_config_fuzz.c - any bytes as a web configuration: what is taken keeps what web_config.h promises, and has a priority string; what is refused has a reason.
 * The first line is an Accept-Encoding header as well.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "exporters/gzip.h"
#include "exporters/web_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_config(struct web_config *c)
{
	char priority[1024];

	if (c->has_tls && (!c->cert == !c->cert_file || !c->key == !c->key_file))
		abort();
	if (c->http2 || c->min_version > c->max_version || c->max_version >= WEB_VERSIONS ||
	    c->client_auth >= WEB_AUTHS || c->n_ciphers > WEB_CIPHERS || c->n_curves > WEB_CURVES)
		abort();
	if ((c->cert_file && c->cert_file[0] != '/') || (c->interval_ns && !c->burst))
		abort();
	for (size_t i = 0; i < c->n_users; i++) {
		if (strlen(c->users[i].hash) != WEB_HASH_BYTES - 1 ||
		    web_config_find_user(c, c->users[i].name) != &c->users[i])
			abort();
	}
	for (unsigned int i = 0; i < WEB_HEADERS; i++) {
		if (c->headers[i] && strpbrk(c->headers[i], "\r\n"))
			abort();
	}
	if (web_config_priority(c, priority, sizeof(priority), NULL) ||
	    strncmp(priority, "NORMAL:-VERS-ALL:+VERS-", 23) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct web_config c;
	struct diag d = { 0 };
	int r;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	r = web_config_parse(text, size, "/folder", &c, &d);
	if (!r)
		check_config(&c);
	else if (!d.text[0])
		abort();
	web_config_done(&c);
	text[strcspn(text, "\n")] = '\0';
	gzip_is_accepted(text);
	free(text);
	return 0;
}
