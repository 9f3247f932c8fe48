/* SPDX-License-Identifier: MIT */
/*
 * client.c - see client.h. The surprise: libcurl would send even this through a proxy when the environment names one, so that is
 * switched off.
 */
#include "api/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/diag.h"

static size_t take_body(char *data, size_t size, size_t n, void *cls)
{
	struct buffer *body = cls;

	if (body->n + size * n > CLIENT_MAX_BYTES)
		return 0;
	buffer_add(body, data, size * n);
	return body->error ? 0 : size * n;
}

static void cleanup_curl(CURL **curl)
{
	curl_easy_cleanup(*curl);
}

/* What a failed transfer means. */
static int explain(CURL *curl, CURLcode code, const char *socket_path, struct diag *d)
{
	long os_error = 0;

	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &os_error);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return diag_set(d, -ETIMEDOUT,
				"the agent on %s does not answer within %d s; is it stopped?",
				socket_path, CLIENT_TIMEOUT_S);
	if (code != CURLE_COULDNT_CONNECT)
		return diag_set(d, -EPROTO, "no sense in the answer on %s: %s", socket_path,
				curl_easy_strerror(code));
	switch (os_error) {
	case EACCES:
	case EPERM:
		return diag_set(
			d, -EACCES,
			"an agent runs, but this user may not ask it (%s): use sudo, or join the group "
			"`poolscope` (usermod -aG poolscope USER, then log in again)",
			socket_path);
	case ENOENT:
	case ENOTDIR:
		return diag_set(d, -ENOENT, "no agent runs: cannot connect to %s: no such file",
				socket_path);
	default:
		return diag_set(d, -ECONNREFUSED, "no agent runs: cannot connect to %s: %s",
				socket_path, os_error ? strerror((int)os_error) : "refused");
	}
}

static int refused(long status, json_t *json, const char *socket_path, struct diag *d)
{
	const char *text = NULL;

	if (json)
		json_unpack(json, "{s:s}", "error", &text);
	return diag_set(d,
			status == 404   ? -ENODATA
			: status == 410 ? -ESTALE
			: status == 503 ? -EAGAIN
					: -EPROTO,
			"the agent on %s refused (HTTP %ld): %s", socket_path, status,
			text ? text : "no reason given");
}

static int parse_answer(long status, const struct buffer *body, const char *socket_path,
			json_t **ret, struct diag *d)
{
	json_error_t error;
	json_t *json = json_loadb(body->data ? body->data : "", body->n, 0, &error);
	int r;

	if (status == 200 && json) {
		*ret = json;
		return 0;
	}
	if (status == 200)
		r = diag_set(d, -EPROTO, "no sense in the answer on %s: %s at byte %d", socket_path,
			     error.text, error.position);
	else
		r = refused(status, json, socket_path, d);
	json_decref(json);
	return r;
}

static int get(const char *socket_path, const char *path, struct buffer *body, long *ret_status,
	       struct diag *d)
{
	CLEANUP(buffer_done) struct buffer url = { 0 };
	CLEANUP(cleanup_curl) CURL *curl = curl_easy_init();
	CURLcode code;

	buffer_printf(&url, "http://localhost%s", path);
	if (!curl || url.error)
		return diag_set(d, -ENOMEM, "out of memory");
	if (curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_path))
		return diag_set(d, -EINVAL, "the path of the socket is too long: %s", socket_path);
	curl_easy_setopt(curl, CURLOPT_URL, url.data);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)CLIENT_TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
	code = curl_easy_perform(curl);
	if (code)
		return explain(curl, code, socket_path, d);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
	return 0;
}

int client_get(const char *socket_path, const char *path, json_t **ret, struct diag *d)
{
	CLEANUP(buffer_done) struct buffer body = { 0 };
	long status = 0;
	int r = get(socket_path, path, &body, &status, d);

	return r ? r : parse_answer(status, &body, socket_path, ret, d);
}

int client_get_bytes(const char *socket_path, const char *path, struct buffer *ret, struct diag *d)
{
	size_t n = ret->n;
	json_t *json;
	long status = 0;
	int r = get(socket_path, path, ret, &status, d);

	if (r || status == 200)
		return r;
	json = json_loadb(ret->data ? ret->data + n : "", ret->n - n, 0, NULL);
	ret->n = n;
	r = refused(status, json, socket_path, d);
	json_decref(json);
	return r;
}
