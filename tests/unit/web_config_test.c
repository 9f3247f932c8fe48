/* SPDX-License-Identifier: MIT */
/* web_config_test.c - the file of --web.config.file: what is taken, what is refused and where, and that gnutls understands what is made of it. */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/diag.h"
#include "exporters/web_config.h"

#define HASH "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
#define TLS "tls_server_config:\n  cert_file: a\n  key_file: /k/b\n"

static int parse(const char *text, struct web_config *ret, struct diag *d)
{
	*d = (struct diag){ 0 };
	return web_config_parse(text, strlen(text), "/etc/web", ret, d);
}

static void assert_good(const char *text, struct web_config *ret)
{
	struct diag d;

	if (parse(text, ret, &d))
		fail_msg("refused at line %u: %s\n%s", d.line, d.text, text);
}

static void every_key_is_read(void **state)
{
	static const char text[] = "# comment\n"
				   "tls_server_config:\n"
				   "  cert_file: server.crt\n"
				   "  key: |\n    -----BEGIN PRIVATE KEY-----\n    x\n"
				   "  client_auth_type: RequireAndVerifyClientCert\n"
				   "  client_ca_file: /abs/ca.pem\n"
				   "  client_allowed_sans: [ prometheus.example, \"10.0.0.1\" ]\n"
				   "  min_version: TLS11\n"
				   "  max_version: TLS12\n"
				   "  cipher_suites:\n"
				   "    - TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384\n"
				   "    - TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\n"
				   "    - TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384\n"
				   "  curve_preferences: [ X25519, CurveP256 ]\n"
				   "  prefer_server_cipher_suites: false\n"
				   "http_server_config:\n"
				   "  http2: false\n"
				   "  headers:\n"
				   "    X-Frame-Options: deny\n"
				   "    Strict-Transport-Security: max-age=1\n"
				   "rate_limit:\n"
				   "  interval: 1m1.5s\n"
				   "  burst: 20\n"
				   "basic_auth_users:\n"
				   "  alice: " HASH "\n"
				   "  \"bob b\": \"" HASH "\"\n";
	struct web_config c;

	(void)state;
	assert_good(text, &c);
	assert_true(c.has_tls);
	assert_string_equal(c.cert_file, "/etc/web/server.crt");
	assert_null(c.cert);
	assert_string_equal(c.key, "-----BEGIN PRIVATE KEY-----\nx\n");
	assert_string_equal(c.client_ca_file, "/abs/ca.pem");
	assert_int_equal(c.client_auth, WEB_AUTH_REQUIRE_AND_VERIFY);
	assert_int_equal(c.n_sans, 2);
	assert_string_equal(c.sans[1], "10.0.0.1");
	assert_int_equal(c.min_version, 1);
	assert_int_equal(c.max_version, 2);
	assert_int_equal(c.n_ciphers, 2);
	assert_int_equal(c.n_curves, 2);
	assert_false(c.prefers_server);
	assert_string_equal(c.headers[1], "deny");
	assert_string_equal(c.headers[4], "max-age=1");
	assert_null(c.headers[0]);
	assert_int_equal(c.interval_ns, 61500000000);
	assert_int_equal(c.burst, 20);
	assert_int_equal(c.n_users, 2);
	assert_string_equal(web_config_find_user(&c, "bob b")->hash, HASH);
	assert_null(web_config_find_user(&c, "bob"));
	web_config_done(&c);
}

static void nothing_is_a_file_too(void **state)
{
	static const char *const texts[] = { "",
					     "\n# only this\n",
					     "---\n",
					     "tls_server_config:\n",
					     "tls_server_config: {}\nbasic_auth_users: {}\n",
					     "basic_auth_users: ~\nrate_limit: null\n",
					     "rate_limit:\n  interval: 0\n",
					     "http_server_config:\n  headers:\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct web_config c;

		assert_good(texts[i], &c);
		assert_false(c.has_tls);
		assert_int_equal(c.n_users, 0);
		assert_int_equal(c.interval_ns, 0);
		assert_int_equal(c.min_version, 2);
		assert_int_equal(c.max_version, 3);
		assert_true(c.prefers_server);
		web_config_done(&c);
	}
}

static const struct refused {
	const char *text;
	unsigned int line;
	const char *why;
} refused[] = {
	{ "a: 1\n", 1, "no key a here" },
	{ "\n\ntls_server_config:\n  cert_fil: x\n", 4, "no key cert_fil in tls_server_config" },
	{ TLS "  key_file: c\n", 4, "stands here twice" },
	{ TLS TLS, 4, "stands here twice" },
	{ "- a\n", 1, "expected keys and values" },
	{ "text\n", 1, "expected keys and values" },
	{ "tls_server_config: [ a ]\n", 1, "expected keys and values" },
	{ "a: b: c\n", 1, "no YAML" },
	{ "a: \"\n", 2, "no YAML" },
	{ "\t- x", 1, "no YAML" },
	{ TLS "---\na: 1\n", 5, "one document" },
	{ "tls_server_config:\n  cert_file: a\n", 2, "one of key and key_file" },
	{ "tls_server_config:\n  key_file: a\n", 2, "one of cert and cert_file" },
	{ TLS "  cert: x\n", 2, "one of cert and cert_file" },
	{ "tls_server_config:\n  client_auth_type: RequestClientCert\n", 2, "cert_file" },
	{ TLS "  client_ca_file: x\n", 2, "client_auth_type" },
	{ TLS "  client_auth_type: Never\n", 4, "RequireAndVerifyClientCert" },
	{ TLS "  client_auth_type: VerifyClientCertIfGiven\n  client_allowed_sans: [a]\n", 2,
	  "client_allowed_sans needs" },
	{ TLS "  client_allowed_sans: []\n", 2, "client_allowed_sans needs" },
	{ TLS "  client_allowed_sans: a\n", 4, "expected a list" },
	{ TLS "  min_version: TLS14\n", 4, "expected TLS10" },
	{ TLS "  min_version: TLS13\n  max_version: TLS12\n", 2, "over max_version" },
	{ TLS "  curve_preferences: [ P256 ]\n", 4, "P256 is not known" },
	{ TLS "  curve_preferences: [ [ X25519 ] ]\n", 4, "what is no text is not known" },
	{ TLS "  cipher_suites: [ TLS_RSA_WITH_RC4_128_SHA ]\n", 4, "is not known" },
	{ TLS "  cipher_suites: [ TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "
	      "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 ]\n",
	  0, "would let in" },
	{ TLS "  min_version: TLS13\n  cipher_suites: [ TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA ]\n", 0,
	  "none is of the versions" },
	{ TLS "  prefer_server_cipher_suites: maybe\n", 4, "true or false" },
	{ TLS "  cert_file: [ x ]\n", 4, "twice" },
	{ "tls_server_config:\n  cert_file: [ x ]\n", 2, "expected text" },
	{ "tls_server_config:\n  cert: \"a\\0b\"\n", 2, "expected text" },
	{ "http_server_config:\n  http2: true\n", 2, "HTTP/2 is not spoken" },
	{ "http_server_config:\n  headers:\n    Server: x\n", 3, "Server cannot be set" },
	{ "http_server_config:\n  headers:\n    X-Frame-Options: maybe\n", 3, "deny|sameorigin" },
	{ "http_server_config:\n  headers:\n    X-XSS-Protection: \"a\\r\\nSet-Cookie: x\"\n", 3,
	  "one line" },
	{ "rate_limit:\n  interval: 1s\n", 2, "without a burst" },
	{ "rate_limit:\n  interval: 1\n", 2, "expected a time" },
	{ "rate_limit:\n  interval: 1y\n", 2, "expected a time" },
	{ "rate_limit:\n  interval: -1s\n", 2, "expected a time" },
	{ "rate_limit:\n  interval: 25h\n", 2, "expected a time" },
	{ "rate_limit:\n  burst: -1\n", 2, "expected a number" },
	{ "basic_auth_users:\n  a: secret\n", 2, "a bcrypt hash" },
	{ "basic_auth_users:\n  a:\n", 2, "a bcrypt hash" },
	{ "basic_auth_users:\n  a: $2x$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG\n",
	  2, "a bcrypt hash" },
	{ "basic_auth_users:\n  a: $2y$16$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG\n",
	  2, "takes too long" },
	{ "basic_auth_users:\n  \"a:b\": " HASH "\n", 2, "no colon" },
	{ "basic_auth_users:\n  a: " HASH "\n  a: " HASH "\n", 3, "twice" },
};

static void what_is_refused_has_a_line_and_a_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		const struct refused *r = &refused[i];
		struct web_config c;
		struct diag d;

		if (parse(r->text, &c, &d) != -EINVAL)
			fail_msg("taken: %s", r->text);
		if (d.line != r->line || !strstr(d.text, r->why))
			fail_msg("line %u: %s\n%s", d.line, d.text, r->text);
		web_config_done(&c);
	}
}

static void a_password_in_clear_is_not_repeated(void **state)
{
	struct web_config c;
	struct diag d;

	(void)state;
	assert_int_equal(parse("basic_auth_users:\n  alice: hunter2\n", &c, &d), -EINVAL);
	assert_null(strstr(d.text, "hunter2"));
}

/* The names of the suites of TLS 1.2 and before that a priority string lets in. */
static void list_suites(const char *priority, char *ret, size_t size)
{
	gnutls_priority_t p;
	const char *at;

	*ret = '\0';
	if (gnutls_priority_init(&p, priority, &at))
		fail_msg("gnutls does not understand: %s", at);
	for (unsigned int i = 0, suite; gnutls_priority_get_cipher_suite_index(p, i, &suite) !=
					GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
	     i++) {
		gnutls_protocol_t version;
		const char *name = NULL;

		if (!gnutls_priority_get_cipher_suite_index(p, i, &suite))
			name = gnutls_cipher_suite_info(suite, NULL, NULL, NULL, NULL, &version);
		if (name)
			snprintf(ret + strlen(ret), size - strlen(ret), "%s ", name);
	}
	gnutls_priority_deinit(p);
}

static void gnutls_lets_in_what_was_listed(void **state)
{
	static const struct {
		const char *text, *suites;
	} cases[] = {
		{ "  max_version: TLS12\n  cipher_suites: [ TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "
		  "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 ]\n",
		  "TLS_ECDHE_RSA_AES_256_GCM_SHA384 TLS_ECDHE_RSA_AES_128_GCM_SHA256 " },
		{ "  max_version: TLS12\n  cipher_suites: [ TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA ]\n",
		  "TLS_ECDHE_ECDSA_AES_128_CBC_SHA1 " },
		{ "  min_version: TLS13\n  cipher_suites: [ TLS_AES_128_GCM_SHA256 ]\n",
		  "TLS_AES_128_GCM_SHA256 " },
		{ "  cipher_suites: [ TLS_CHACHA20_POLY1305_SHA256 ]\n",
		  "TLS_CHACHA20_POLY1305_SHA256 " },
		{ "  cipher_suites: [ TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 ]\n",
		  "TLS_AES_256_GCM_SHA384 TLS_ECDHE_RSA_AES_256_GCM_SHA384 " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[512], priority[1024], suites[2048];
		struct web_config c;
		struct diag d;

		snprintf(text, sizeof(text), TLS "%s", cases[i].text);
		assert_good(text, &c);
		assert_int_equal(web_config_priority(&c, priority, sizeof(priority), &d), 0);
		list_suites(priority, suites, sizeof(suites));
		assert_string_equal(suites, cases[i].suites);
		web_config_done(&c);
	}
}

static void without_a_list_every_suite_has_forward_secrecy(void **state)
{
	char priority[1024], suites[4096];
	struct web_config c;
	struct diag d;

	(void)state;
	assert_good(TLS "  curve_preferences: [ CurveP384, CurveP521, CurveP256, X25519 ]\n", &c);
	assert_int_equal(web_config_priority(&c, priority, sizeof(priority), &d), 0);
	assert_non_null(strstr(priority, ":-GROUP-ALL:+GROUP-SECP384R1:+GROUP-SECP521R1"));
	list_suites(priority, suites, sizeof(suites));
	assert_non_null(strstr(suites, "TLS_AES_256_GCM_SHA384 "));
	assert_non_null(strstr(suites, "TLS_ECDHE_ECDSA_AES_128_GCM_SHA256 "));
	assert_null(strstr(suites, "TLS_RSA_"));
	assert_null(strstr(suites, "TLS_DHE_"));
	web_config_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_is_read),
		cmocka_unit_test(nothing_is_a_file_too),
		cmocka_unit_test(what_is_refused_has_a_line_and_a_reason),
		cmocka_unit_test(a_password_in_clear_is_not_repeated),
		cmocka_unit_test(gnutls_lets_in_what_was_listed),
		cmocka_unit_test(without_a_list_every_suite_has_forward_secrecy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
