/* SPDX-License-Identifier: MIT */
/*
 * web.c - see web.h. The surprise: what a file was is noted before it is read, never after; so a change between the two is found by the next look, and
 * a file that was read half written is read again.
 */
#include "api/web.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/tls.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "exporters/web_config.h"

enum file { CONFIG, CERT, KEY, CA, N_FILES };

struct web {
	char *path, *folder;
	char *paths[N_FILES];	/* borrowed from path and config; NULL = none */
	struct stat was[N_FILES];	/* zeros = it was not there */
	struct web_config config;
	bool is_bad, has_tls;
	struct tls *tls;
	int64_t looked_ns;
	int64_t interval_ns, full_ns, spent_ns;	/* the rate: a request costs interval_ns of what has passed, at most full_ns of which is kept */
	void (*tell)(void *context, const char *text);
	void *context;
};

/* ---- files ----------------------------------------------------------------------------------------------------------------- */

static void look_at(const char *path, struct stat *ret)
{
	if (!path || stat(path, ret))
		memset(ret, 0, sizeof(*ret));
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       !memcmp(&a->st_mtim, &b->st_mtim, sizeof(a->st_mtim)) &&
	       !memcmp(&a->st_ctim, &b->st_ctim, sizeof(a->st_ctim));
}

/* A pipe must not hold up the loop, so only what is a plain file is read. The text is the caller's, to be wiped. */
static int read_text(const char *path, char **ret, size_t *ret_n, struct diag *d)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	AUTO_FREE char *text = NULL;
	struct stat st;
	ssize_t got = 1;
	size_t n = 0;

	if (fd < 0 || fstat(fd, &st))
		return diag_set(d, -errno, "%s cannot be opened: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size > (off_t)WEB_MAX_BYTES)
		return diag_set(d, -EINVAL, "%s is no plain file of at most 1 MiB", path);
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return diag_set(d, -ENOMEM, "out of memory");
	while (n < (size_t)st.st_size && got > 0) {
		got = read(fd, text + n, (size_t)st.st_size - n);
		n += got > 0 ? (size_t)got : 0;
	}
	if (got < 0)
		return diag_set(d, -errno, "%s cannot be read: %s", path, strerror(errno));
	text[n] = '\0';
	*ret = TAKE(text);
	*ret_n = n;
	return 0;
}

static void wipe(char **text)
{
	if (*text)
		explicit_bzero(*text, strlen(*text));
	free(*text);
}

#define AUTO_WIPE CLEANUP(wipe)

/* ---- one reading ----------------------------------------------------------------------------------------------------------- */

static void forget(struct web *w)
{
	tls_unref(w->tls);
	w->tls = NULL;
	web_config_done(&w->config);
	w->paths[CERT] = w->paths[KEY] = w->paths[CA] = NULL;
	memset(w->was, 0, sizeof(w->was));
	w->is_bad = true;
}

static int read_config(struct web *w, struct diag *d)
{
	AUTO_WIPE char *text = NULL;
	size_t n = 0;
	int r = read_text(w->path, &text, &n, d);

	if (!r)
		r = web_config_parse(text, n, w->folder, &w->config, d);
	return r;
}

/* What is given as text, or what its file holds, for which *owned is the place. */
static int get_pem(struct web *w, enum file file, char *given, char *path, char **owned,
		   const char **ret, struct diag *d)
{
	size_t n;
	int r;

	w->paths[file] = path;
	look_at(path, &w->was[file]);
	*ret = given;
	if (!path)
		return 0;
	r = read_text(path, owned, &n, d);
	*ret = *owned;
	return r;
}

static int read_tls(struct web *w, struct diag *d)
{
	AUTO_WIPE char *cert = NULL;
	AUTO_WIPE char *key = NULL;
	AUTO_WIPE char *ca = NULL;
	const struct web_config *c = &w->config;
	struct tls_pem pem;
	int r[3];

	if (!c->has_tls)
		return 0;
	/* all three, so that each is looked at from now on, whichever is missing */
	r[0] = get_pem(w, CA, c->client_ca, c->client_ca_file, &ca, &pem.client_ca, d);
	r[1] = get_pem(w, KEY, c->key, c->key_file, &key, &pem.key, d);
	r[2] = get_pem(w, CERT, c->cert, c->cert_file, &cert, &pem.cert, d);
	for (int i = 2; i >= 0; i--) {
		if (r[i])
			return r[i];
	}
	return tls_new(c, &pem, &w->tls, d);
}

/* Afterwards it is bad, or good without TLS, or good with it. The file and the line of a mistake are in d. */
static int read_all(struct web *w, struct diag *d)
{
	int r;

	forget(w);
	look_at(w->path, &w->was[CONFIG]);
	r = read_config(w, d);
	w->is_bad = r != 0;
	if (!r)
		r = read_tls(w, d);
	if (r)
		snprintf(d->file, sizeof(d->file), "%s", w->path);
	return r;
}

bool web_look(struct web *w, int64_t now_ns)
{
	struct diag d = { 0 };
	char text[640];
	bool is_changed = false;

	if (now_ns - w->looked_ns < WEB_LOOK_MS * 1000000ll)
		return false;
	w->looked_ns = now_ns;
	for (int i = 0; i < N_FILES && !is_changed; i++) {
		struct stat now;

		look_at(w->paths[i], &now);
		is_changed = !is_same(&now, &w->was[i]);
	}
	if (!is_changed)
		return false;
	if (!read_all(w, &d))
		snprintf(text, sizeof(text), "%s has changed and is in use", w->path);
	else if (d.line)
		snprintf(text, sizeof(text), "%s:%u: %s; until that is right all are refused",
			 d.file, d.line, d.text);
	else
		snprintf(text, sizeof(text), "%s: %s; until that is right %s", d.file, d.text,
			 w->is_bad ? "all are refused" : "no connection is made");
	if (w->tell)
		w->tell(w->context, text);
	return true;
}

/* ---- life ------------------------------------------------------------------------------------------------------------------ */

static int set_paths(struct web *w, const char *path)
{
	const char *slash = strrchr(path, '/');

	w->path = strdup(path);
	w->folder = !slash          ? strdup(".")
		    : slash == path ? strdup("")
				    : strndup(path, (size_t)(slash - path));
	w->paths[CONFIG] = w->path;
	return w->path && w->folder ? 0 : -ENOMEM;
}

int web_new(const char *path, void (*tell)(void *context, const char *text), void *context,
	    struct web **ret, struct diag *d)
{
	struct diag unused = { 0 };
	struct web *w = calloc(1, sizeof(*w));
	int r;

	d = d ? d : &unused;
	r = w ? set_paths(w, path) : -ENOMEM;
	r = r ? diag_set(d, r, "out of memory") : read_all(w, d);
	if (r) {
		web_free(w);
		return r;
	}
	w->tell = tell;
	w->context = context;
	w->has_tls = w->config.has_tls;
	w->interval_ns = w->config.interval_ns;
	w->spent_ns = INT64_MIN / 2; /* full */
	if (__builtin_mul_overflow(w->interval_ns, w->config.burst, &w->full_ns))
		w->full_ns = INT64_MAX / 4;
	*ret = w;
	return 0;
}

void web_free(struct web *w)
{
	if (!w)
		return;
	forget(w);
	free(w->path);
	free(w->folder);
	free(w);
}

bool web_has_tls(const struct web *w)
{
	return w->has_tls;
}

struct tls *web_tls(const struct web *w)
{
	return w->tls;
}

const struct web_config *web_config(const struct web *w)
{
	return w->is_bad ? NULL : &w->config;
}

bool web_is_in_rate(struct web *w, int64_t now_ns)
{
	if (!w->interval_ns)
		return true;
	if (now_ns - w->spent_ns > w->full_ns)
		w->spent_ns = now_ns - w->full_ns;
	if (now_ns - w->spent_ns < w->interval_ns)
		return false;
	w->spent_ns += w->interval_ns;
	return true;
}
