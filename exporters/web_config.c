/* SPDX-License-Identifier: MIT */
/*
 * web_config.c - see web_config.h. The surprise: libyaml makes a tree of nodes in which an alias is the same node again, so a small file cannot grow
 * by them; and each node knows its line, for the complaints.
 */
#include "exporters/web_config.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "base/cleanup.h"
#include "base/diag.h"

struct reading {
	yaml_document_t document;
	const char *folder;
	struct web_config *config;
	struct diag *d;
};

struct key {
	const char *section, *name;
	int (*read)(struct reading *r, const yaml_node_t *node, const char *key, void *member);
	size_t offset;
};

/* ---- nodes ----------------------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static int
complain(const struct reading *r, const yaml_node_t *node, const char *format, ...)
{
	char text[sizeof(r->d->text)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (r->d) {
		r->d->line = (unsigned int)node->start_mark.line + 1;
		r->d->column = (unsigned int)node->start_mark.column + 1;
	}
	return diag_set(r->d, -EINVAL, "%s", text);
}

/* The text of a scalar; NULL when it is none, or has a NUL inside. */
static const char *scalar(const yaml_node_t *node)
{
	const char *s;

	if (node->type != YAML_SCALAR_NODE)
		return NULL;
	s = (const char *)node->data.scalar.value;
	return strlen(s) == node->data.scalar.length ? s : NULL;
}

/* Written without quotes, and nothing or what YAML calls null. */
static bool is_null(const yaml_node_t *node)
{
	const char *s = scalar(node);

	return s && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (!*s || !strcmp(s, "~") || !strcmp(s, "null") || !strcmp(s, "Null") ||
		!strcmp(s, "NULL"));
}

/* The next pair of a mapping, from *at on. False at its end. */
static bool next_pair(struct reading *r, const yaml_node_t *mapping, size_t *at,
		      const yaml_node_t **ret_key, const yaml_node_t **ret_value)
{
	const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start + *at;

	if (pair >= mapping->data.mapping.pairs.top)
		return false;
	*ret_key = yaml_document_get_node(&r->document, pair->key);
	*ret_value = yaml_document_get_node(&r->document, pair->value);
	++*at;
	return *ret_key && *ret_value;
}

static int check_mapping(struct reading *r, const yaml_node_t *node, const char *what)
{
	const yaml_node_t *key, *other, *value;

	if (node->type != YAML_MAPPING_NODE)
		return complain(r, node, "%s: expected keys and values", what);
	if (node->data.mapping.pairs.top - node->data.mapping.pairs.start > WEB_MAX_USERS)
		return complain(r, node, "%s: more than %d entries", what, WEB_MAX_USERS);
	for (size_t i = 0; next_pair(r, node, &i, &key, &value);) {
		const char *s = scalar(key), *o;

		if (!s)
			return complain(r, key, "%s: expected a name", what);
		for (size_t k = 0; next_pair(r, node, &k, &other, &value) && other != key;) {
			o = scalar(other);
			if (o && !strcmp(o, s))
				return complain(r, key, "%.64s stands here twice", s);
		}
	}
	return 0;
}

/* ---- values ---------------------------------------------------------------------------------------------------------------- */

static int set_text(char **at, const char *text)
{
	free(*at);
	*at = strdup(text);
	return *at ? 0 : -ENOMEM;
}

static int read_text(struct reading *r, const yaml_node_t *node, const char *key, void *member)
{
	const char *s = scalar(node);

	if (!s)
		return complain(r, node, "%s: expected text", key);
	return is_null(node) || !*s ? 0 : set_text(member, s);
}

static int read_path(struct reading *r, const yaml_node_t *node, const char *key, void *member)
{
	AUTO_FREE char *joined = NULL;
	char **at = member;
	int error = read_text(r, node, key, member);

	if (error || !*at || (*at)[0] == '/')
		return error;
	if (asprintf(&joined, "%s/%s", r->folder, *at) < 0)
		return -ENOMEM;
	free(*at);
	*at = TAKE(joined);
	return 0;
}

static int read_bool(struct reading *r, const yaml_node_t *node, const char *key, void *member)
{
	static const char *const words[][2] = { { "no", "yes" },
						{ "false", "true" },
						{ "off", "on" } };
	const char *s = scalar(node);

	if (s && is_null(node))
		return 0;
	for (size_t i = 0; s && i < sizeof(words) / sizeof(words[0]); i++) {
		for (int value = 0; value < 2; value++) {
			if (!strcasecmp(s, words[i][value])) {
				*(bool *)member = value;
				return 0;
			}
		}
	}
	return complain(r, node, "%s: expected true or false", key);
}

/* The number of a word in a list of them, -1 = none. */
static int find_word(const char *const *words, unsigned int n, const char *word)
{
	for (unsigned int i = 0; word && i < n; i++) {
		if (!strcmp(words[i], word))
			return (int)i;
	}
	return -1;
}

static const char *const auths[] = {
#define WEB_AUTH(id, name) name,
#include "exporters/web_config.def"
};

static const char *const versions[] = {
#define WEB_VERSION(name, version) name,
#include "exporters/web_config.def"
};

static const char *const ciphers[] = {
#define WEB_CIPHER(name, cipher, mac, kx) name,
#include "exporters/web_config.def"
};

static const char *const curves[] = {
#define WEB_CURVE(name, group) name,
#include "exporters/web_config.def"
};

static const char *const headers[] = {
#define WEB_HEADER(name, values) name,
#include "exporters/web_config.def"
};

static const char *const header_values[] = {
#define WEB_HEADER(name, values) values,
#include "exporters/web_config.def"
};

static int read_auth(struct reading *r, const yaml_node_t *node, const char *key, void *member)
{
	const char *s = scalar(node);
	int i;

	if (s && (is_null(node) || !*s))
		return 0;
	i = s && !strcmp(s, "RequireClientCert") ? WEB_AUTH_REQUIRE_ANY /* its older name */
						 : find_word(auths, WEB_AUTHS, s);
	if (i < 0)
		return complain(r, node,
				"%s: expected NoClientCert, RequestClientCert, "
				"RequireAnyClientCert, VerifyClientCertIfGiven or "
				"RequireAndVerifyClientCert",
				key);
	*(enum web_client_auth *)member = (enum web_client_auth)i;
	return 0;
}

static int read_version(struct reading *r, const yaml_node_t *node, const char *key, void *member)
{
	int i = find_word(versions, WEB_VERSIONS, scalar(node));

	if (i < 0)
		return complain(r, node, "%s: expected TLS10, TLS11, TLS12 or TLS13", key);
	*(unsigned int *)member = (unsigned int)i;
	return 0;
}

/* The items of a sequence that are words of a list, without doubles. */
static int read_words(struct reading *r, const yaml_node_t *node, const char *key,
		      const char *const *words, unsigned int n, unsigned int *ret,
		      unsigned int *ret_n)
{
	if (is_null(node))
		return 0;
	if (node->type != YAML_SEQUENCE_NODE)
		return complain(r, node, "%s: expected a list", key);
	for (const yaml_node_item_t *at = node->data.sequence.items.start;
	     at < node->data.sequence.items.top; at++) {
		const yaml_node_t *item = yaml_document_get_node(&r->document, *at);
		const char *s = item ? scalar(item) : NULL;
		int i = find_word(words, n, s);
		bool is_there = false;

		if (i < 0)
			return complain(r, item ? item : node, "%s: %.64s is not known here", key,
					s ? s : "what is no text");
		for (unsigned int k = 0; k < *ret_n; k++)
			is_there |= ret[k] == (unsigned int)i;
		if (!is_there)
			ret[(*ret_n)++] = (unsigned int)i;
	}
	return 0;
}

static int read_ciphers(struct reading *r, const yaml_node_t *node, const char *key, void *member)
{
	(void)member;
	return read_words(r, node, key, ciphers, WEB_CIPHERS, r->config->ciphers,
			  &r->config->n_ciphers);
}

static int read_curves(struct reading *r, const yaml_node_t *node, const char *key, void *member)
{
	(void)member;
	return read_words(r, node, key, curves, WEB_CURVES, r->config->curves,
			  &r->config->n_curves);
}

static int read_sans(struct reading *r, const yaml_node_t *node, const char *key, void *member)
{
	struct web_config *c = r->config;
	size_t n;

	(void)member;
	if (is_null(node))
		return 0;
	if (node->type != YAML_SEQUENCE_NODE)
		return complain(r, node, "%s: expected a list", key);
	n = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
	if (n > WEB_MAX_SANS)
		return complain(r, node, "%s: more than %d entries", key, WEB_MAX_SANS);
	c->sans = calloc(n + 1, sizeof(*c->sans));
	if (!c->sans)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const yaml_node_t *item =
			yaml_document_get_node(&r->document, node->data.sequence.items.start[i]);

		if (!item || !scalar(item))
			return complain(r, item ? item : node, "%s: expected text", key);
		if (set_text(&c->sans[c->n_sans], scalar(item)))
			return -ENOMEM;
		c->n_sans++;
	}
	return 0;
}

static int read_http2(struct reading *r, const yaml_node_t *node, const char *key, void *member)
{
	int error = read_bool(r, node, key, member);

	if (!error && *(bool *)member)
		return complain(r, node,
				"%s: HTTP/2 is not spoken here; leave it out, or write false", key);
	return error;
}

/* A header's value is one line of what can be printed; else it could add headers of its own. */
static bool is_header_value(const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < ' ' || (unsigned char)*s >= 0x7f)
			return false;
	}
	return true;
}

static bool is_one_of(const char *values, const char *value)
{
	size_t n = strlen(value);

	for (const char *at = values; *at; at += strcspn(at, "|"), at += *at == '|') {
		if (strcspn(at, "|") == n && !strncmp(at, value, n))
			return true;
	}
	return !*values;
}

static int read_headers(struct reading *r, const yaml_node_t *node, const char *key, void *member)
{
	const yaml_node_t *name, *value;
	char **at = member;
	int error;

	if (is_null(node))
		return 0;
	error = check_mapping(r, node, key);
	for (size_t i = 0; !error && next_pair(r, node, &i, &name, &value);) {
		int header = find_word(headers, WEB_HEADERS, scalar(name));

		if (header < 0)
			return complain(r, name, "%s: %.64s cannot be set", key, scalar(name));
		if (!scalar(value) || !is_header_value(scalar(value)))
			return complain(r, value, "%s: expected one line of ASCII", scalar(name));
		if (!is_one_of(header_values[header], scalar(value)))
			return complain(r, value, "%s: expected %s", scalar(name),
					header_values[header]);
		error = read_text(r, value, scalar(name), &at[header]);
	}
	return error;
}

/* ---- passwords ------------------------------------------------------------------------------------------------------------- */

/* "$2y$10$" and 53 characters of the salt and the hash. 0 = it is not. */
static int cost_of(const char *hash)
{
	static const char digits[] =
		"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	int cost;

	if (strlen(hash) != WEB_HASH_BYTES - 1 || strncmp(hash, "$2", 2) != 0 ||
	    !strchr("aby", hash[2]) || hash[3] != '$' || !isdigit((unsigned char)hash[4]) ||
	    !isdigit((unsigned char)hash[5]) || hash[6] != '$' || strspn(hash + 7, digits) != 53)
		return 0;
	cost = (hash[4] - '0') * 10 + hash[5] - '0';
	return cost >= 4 && cost <= 31 ? cost : 0;
}

static int read_users(struct reading *r, const yaml_node_t *node, const char *key, void *member)
{
	struct web_config *c = r->config;
	const yaml_node_t *name, *value;
	int error;

	(void)member;
	if (is_null(node))
		return 0;
	error = check_mapping(r, node, key);
	if (error)
		return error;
	c->users = calloc(WEB_MAX_USERS, sizeof(*c->users));
	if (!c->users)
		return -ENOMEM;
	for (size_t i = 0; next_pair(r, node, &i, &name, &value);) {
		const char *s = scalar(name), *hash = scalar(value);
		struct web_user *user = &c->users[c->n_users];
		int cost = hash ? cost_of(hash) : 0;

		if (!s || strlen(s) >= sizeof(user->name) || strchr(s, ':'))
			return complain(r, name,
					"a user's name has no colon, and is shorter than %d bytes",
					WEB_USER_BYTES);
		if (!cost) /* the value is not repeated: it may be a password */
			return complain(r, value,
					"%.64s: expected a bcrypt hash, as of htpasswd -nB", s);
		if (cost > WEB_MAX_COST)
			return complain(r, value, "%.64s: a bcrypt cost over %d takes too long", s,
					WEB_MAX_COST);
		strcpy(user->name, s);
		strcpy(user->hash, hash);
		c->n_users++;
	}
	return 0;
}

const struct web_user *web_config_find_user(const struct web_config *c, const char *name)
{
	for (size_t i = 0; i < c->n_users; i++) {
		if (!strcmp(c->users[i].name, name))
			return &c->users[i];
	}
	return NULL;
}

/* ---- the rate -------------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *unit;
	double ns;
} units[] = {
	{ "ns", 1 },  { "us", 1e3 }, { "ms", 1e6 },
	{ "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 },
};

/* As Go writes durations: "1.5s", "1m30s", "0". At most a day. */
static int parse_duration(const char *s, int64_t *ret_ns)
{
	double sum = 0;

	if (!strcmp(s, "0")) {
		*ret_ns = 0;
		return 0;
	}
	if (!*s)
		return -EINVAL;
	while (*s) {
		size_t n = strspn(s, "0123456789."), m, i;
		double v;
		char *end;

		if (!n || n > 20)
			return -EINVAL;
		v = strtod(s, &end);
		m = strspn(s + n, "nusmh");
		for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
			if (strlen(units[i].unit) == m && !strncmp(s + n, units[i].unit, m))
				break;
		}
		if (end != s + n || i == sizeof(units) / sizeof(units[0]))
			return -EINVAL;
		sum += v * units[i].ns;
		s += n + m;
	}
	if (sum > 86400e9)
		return -EINVAL;
	*ret_ns = (int64_t)sum;
	return 0;
}

static int read_interval(struct reading *r, const yaml_node_t *node, const char *key, void *member)
{
	const char *s = scalar(node);

	if (s && is_null(node))
		return 0;
	if (!s || parse_duration(s, member))
		return complain(r, node, "%s: expected a time of at most a day, as 100ms or 1s",
				key);
	return 0;
}

static int read_burst(struct reading *r, const yaml_node_t *node, const char *key, void *member)
{
	const char *s = scalar(node);
	size_t n = s ? strspn(s, "0123456789") : 0;

	if (!n || s[n] || n > 9)
		return complain(r, node, "%s: expected a number of requests", key);
	*(uint32_t *)member = (uint32_t)strtoul(s, NULL, 10);
	return 0;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------- */

static int read_section(struct reading *r, const yaml_node_t *node, const char *section);

static int read_tls(struct reading *r, const yaml_node_t *node, const char *key, void *member)
{
	const struct web_config *c = r->config;
	int error = read_section(r, node, key);

	if (error)
		return error;
	*(bool *)member = c->cert || c->cert_file || c->key || c->key_file || c->client_ca ||
			  c->client_ca_file || c->client_auth;
	if (!c->has_tls)
		return c->sans || c->n_ciphers || c->n_curves
			       ? complain(r, node, "%s: one of cert and cert_file is missing", key)
			       : 0;
	if (!c->cert == !c->cert_file)
		return complain(r, node, "%s: expected one of cert and cert_file", key);
	if (!c->key == !c->key_file)
		return complain(r, node, "%s: expected one of key and key_file", key);
	if (c->client_ca && c->client_ca_file)
		return complain(r, node, "%s: expected one of client_ca and client_ca_file", key);
	if ((c->client_ca || c->client_ca_file) && c->client_auth == WEB_AUTH_NONE)
		return complain(r, node, "%s: a CA of clients needs a client_auth_type", key);
	if (c->sans && c->client_auth != WEB_AUTH_REQUIRE_ANY &&
	    c->client_auth != WEB_AUTH_REQUIRE_AND_VERIFY)
		return complain(r, node,
				"%s: client_allowed_sans needs the client_auth_type "
				"RequireAnyClientCert or RequireAndVerifyClientCert",
				key);
	if (c->min_version > c->max_version)
		return complain(r, node, "%s: min_version is over max_version", key);
	return 0;
}

static int read_http(struct reading *r, const yaml_node_t *node, const char *key, void *member)
{
	(void)member;
	return read_section(r, node, key);
}

static int read_rate(struct reading *r, const yaml_node_t *node, const char *key, void *member)
{
	int error = read_section(r, node, key);

	(void)member;
	if (!error && r->config->interval_ns && !r->config->burst)
		return complain(r, node, "%s: without a burst nobody is let in; expected 1 or more",
				key);
	return error;
}

static const struct key keys[] = {
#define WEB_KEY(section, name, reader, member)                                                     \
	{ section, #name, reader, offsetof(struct web_config, member) },
#include "exporters/web_config.def"
};

static const struct key *find_key(const char *section, const char *name)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!strcmp(keys[i].section, section) && !strcmp(keys[i].name, name))
			return &keys[i];
	}
	return NULL;
}

/* "" = the file itself. */
static int read_section(struct reading *r, const yaml_node_t *node, const char *section)
{
	const yaml_node_t *name, *value;
	int error;

	if (is_null(node))
		return 0;
	error = check_mapping(r, node, *section ? section : "the file");
	for (size_t i = 0; !error && next_pair(r, node, &i, &name, &value);) {
		const char *s = scalar(name);
		const struct key *key = s ? find_key(section, s) : NULL;

		if (!key)
			return complain(r, name, "there is no key %.64s %s%s", s ? s : "",
					*section ? "in " : "here", section);
		error = key->read(r, value, key->name, (char *)r->config + key->offset);
	}
	return error;
}

static int complain_of_yaml(const yaml_parser_t *parser, struct diag *d)
{
	if (parser->error == YAML_MEMORY_ERROR)
		return diag_set(d, -ENOMEM, "out of memory");
	if (d) {
		d->line = (unsigned int)parser->problem_mark.line + 1;
		d->column = (unsigned int)parser->problem_mark.column + 1;
	}
	return diag_set(d, -EINVAL, "this is no YAML: %s",
			parser->problem ? parser->problem : "it cannot be read");
}

/* The first document; there is to be no second. */
static int read_document(struct reading *r, yaml_parser_t *parser)
{
	const yaml_node_t *root;
	int error;

	if (!yaml_parser_load(parser, &r->document))
		return complain_of_yaml(parser, r->d);
	root = yaml_document_get_root_node(&r->document);
	error = root ? read_section(r, root, "") : 0;
	yaml_document_delete(&r->document);
	if (error || !root)
		return error;
	if (!yaml_parser_load(parser, &r->document))
		return complain_of_yaml(parser, r->d);
	root = yaml_document_get_root_node(&r->document);
	if (root)
		error = complain(r, root, "expected one document and no more");
	yaml_document_delete(&r->document);
	return error;
}

int web_config_parse(const char *text, size_t n, const char *folder, struct web_config *ret,
		     struct diag *d)
{
	struct reading r = { .folder = folder, .config = ret, .d = d };
	yaml_parser_t parser;
	char priority[1024];
	int error;

	*ret = (struct web_config){ .prefers_server = true,
				    .min_version = WEB_VERSIONS - 2, /* TLS 1.2 */
				    .max_version = WEB_VERSIONS - 1 };
	if (n > WEB_MAX_BYTES)
		return diag_set(d, -EINVAL, "it is longer than %zu bytes", WEB_MAX_BYTES);
	if (!yaml_parser_initialize(&parser))
		return diag_set(d, -ENOMEM, "out of memory");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, n);
	error = read_document(&r, &parser);
	yaml_parser_delete(&parser);
	if (!error)
		error = web_config_priority(ret, priority, sizeof(priority), d);
	if (error == -ENOMEM)
		diag_set(d, error, "out of memory");
	if (error)
		web_config_done(ret);
	return error;
}

static void wipe(char **text)
{
	if (*text)
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

void web_config_done(struct web_config *c)
{
	free(c->cert);
	wipe(&c->key);
	free(c->client_ca);
	free(c->cert_file);
	free(c->key_file);
	free(c->client_ca_file);
	for (size_t i = 0; i < c->n_sans; i++)
		free(c->sans[i]);
	free(c->sans);
	for (unsigned int i = 0; i < WEB_HEADERS; i++)
		free(c->headers[i]);
	free(c->users);
	*c = (struct web_config){ 0 };
}

const char *web_header_name(unsigned int header)
{
	return headers[header];
}
