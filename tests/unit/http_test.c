/* SPDX-License-Identifier: MIT */
/*
 * http_test.c - the server and the client, over real sockets. The surprise: the server runs in a child process (it must not share
 * a thread with a client that blocks), and each test ends by seeing that it still answers.
 */
#include <arpa/inet.h>
#include <crypt.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "api/client.h"
#include "api/json.h"
#include "api/server.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "snapshot_fixture.h"

struct fixture {
	char folder[32];
	char socket[64];
	char web[64];	/* its web configuration; empty = none */
	uint16_t ports[2];	/* of its two addresses */
	uint16_t port;	/* the one to ask */
	pid_t pid;
	volatile uint64_t *requests;	/* what the server has counted, by enum http_outcome; it writes there */
};

static volatile sig_atomic_t is_over;

static void on_term(int signal_number)
{
	(void)signal_number;
	is_over = 1;
}

/* The question shows in the answers from then on. */
static void note_wanted(void *snapshot, uint64_t pool)
{
	static struct stack_row stack = { .pid = 4242, .tid = 4250, .state = "wanted" };
	struct snapshot *s = snapshot;

	if (pool == 1) {
		s->stacks = &stack;
		s->n_stacks = 1;
	}
}

#define HUGE_BYTES ((size_t)33 << 20)	/* two of these and a bit are more than the server sends at one time */

/* Block 7 is four bytes, among them a NUL; older ones are gone; for 8 there is no memory, and 9 is huge. */
static int note_record(void *unused, const char *what, struct buffer *ret)
{
	(void)unused;
	if (!strcmp(what, "6"))
		return -ESTALE;
	if (!strcmp(what, "8"))
		return -ENOMEM;
	if (!strcmp(what, "9")) {
		ret->data = calloc(1, HUGE_BYTES + 1);
		ret->n = HUGE_BYTES;
		ret->size = HUGE_BYTES + 1;
		return ret->data ? 0 : -ENOMEM;
	}
	if (strcmp(what, "7") != 0)
		return -ESRCH;
	buffer_add(ret, "S\0L\n", 4);
	return ret->error;
}

/* The child: listens, tells the port, serves until SIGTERM. */
static void serve(const struct fixture *f, bool has_snapshot, int tell_fd)
{
	struct server_options options = { .listen_address = "127.0.0.1:0, 127.0.0.1:0",
					  .web_config_file = f->web,
					  .socket_path = f->socket,
					  .want_stacks = note_wanted,
					  .record = note_record };
	struct sigaction action = { .sa_handler = on_term };
	struct snapshot *snapshot = fixture_full();
	struct server *s;
	uint16_t ports[2];

	sigaction(SIGTERM, &action, NULL);
	options.context = snapshot;
	if (server_new(&options, &s, NULL))
		exit(1);
	if (has_snapshot)
		server_set_snapshot(s, snapshot);
	ports[0] = server_port(s, 0);
	ports[1] = server_port(s, 1);
	if (server_port(s, 2) || write(tell_fd, ports, sizeof(ports)) != sizeof(ports))
		exit(1);
	close(tell_fd);
	while (!is_over) {
		struct pollfd p = { .fd = server_fd(s), .events = POLLIN };

		poll(&p, 1, server_timeout_ms(s));
		server_run(s);
		for (int i = 0; i < HTTP_OUTCOME_COUNT; i++)
			f->requests[i] = server_requests(s)[i];
	}
	server_free(s);
	snapshot_unref(snapshot);
	exit(0);
}

/* Comes to its place as a whole, as an editor does it. */
static void configure(const struct fixture *f, const char *text)
{
	char name[80];
	FILE *file;

	snprintf(name, sizeof(name), "%s.new", f->web);
	file = fopen(name, "w");
	fputs(text, file);
	fclose(file);
	assert_int_equal(rename(name, f->web), 0);
}

/* `web`: a web configuration; NULL = none. */
static void begin_with(struct fixture *f, bool has_snapshot, const char *web)
{
	int tell[2];

	strcpy(f->folder, "/tmp/poolscope-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	f->web[0] = '\0';
	if (web) {
		snprintf(f->web, sizeof(f->web), "%s/web.yml", f->folder);
		configure(f, web);
	}
	snprintf(f->socket, sizeof(f->socket), "%s/run/p.sock", f->folder);
	assert_int_equal(pipe(tell), 0);
	f->requests = mmap(NULL, HTTP_OUTCOME_COUNT * sizeof(*f->requests), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(f->requests != MAP_FAILED);
	fflush(NULL);
	f->pid = fork();
	if (f->pid == 0)
		serve(f, has_snapshot, tell[1]);
	close(tell[1]);
	assert_int_equal(read(tell[0], f->ports, sizeof(f->ports)), sizeof(f->ports));
	f->port = f->ports[0];
	close(tell[0]);
}

static int begin(void **state)
{
	static struct fixture f;

	begin_with(&f, true, NULL);
	*state = &f;
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;
	char folder[64];
	int status;

	kill(f->pid, SIGTERM);
	assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	munmap((void *)f->requests, HTTP_OUTCOME_COUNT * sizeof(*f->requests));
	assert_int_equal(access(f->socket, F_OK), -1);	/* it cleans up */
	snprintf(folder, sizeof(folder), "%s/run", f->folder);
	rmdir(folder);
	if (f->web[0])
		unlink(f->web);
	assert_int_equal(rmdir(f->folder), 0);
	return 0;
}

static int connect_tcp(const struct fixture *f)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_port = htons(f->port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval limit = { .tv_sec = 20 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

static int connect_unix(const struct fixture *f)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, f->socket);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

/* Sends, reads to the end, closes. */
static struct buffer talk(int fd, const char *request, size_t n)
{
	struct buffer answer = { 0 };
	char part[4096];
	ssize_t got;

	send(fd, request, n, MSG_NOSIGNAL);
	while ((got = recv(fd, part, sizeof(part), 0)) > 0)
		buffer_add(&answer, part, (size_t)got);
	buffer_add(&answer, "", 0);
	close(fd);
	return answer;
}

static void assert_answer(int fd, const char *method, const char *path, const char *status,
			  const char *text)
{
	char request[512];
	struct buffer answer;

	snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		 method, path);
	answer = talk(fd, request, strlen(request));
	if (strncmp(answer.data, "HTTP/1.1 ", 9) != 0 || strncmp(answer.data + 9, status, 3) != 0)
		fail_msg("%s %s answers: %.60s", method, path, answer.data);
	if (text && !strstr(answer.data, text))
		fail_msg("%s %s lacks '%s'", method, path, text);
	buffer_done(&answer);
}

static void tcp_serves_metrics_and_health_and_nothing_else(void **state)
{
	const struct fixture *f = *state;

	assert_answer(connect_tcp(f), "GET", "/metrics", "200", "poolscope_pool_capacity{");
	assert_answer(connect_tcp(f), "GET", "/metrics", "200", "text/plain; version=0.0.4");
	assert_answer(connect_tcp(f), "GET", "/", "200", "<a href=\"/metrics\">");
	assert_answer(connect_tcp(f), "GET", "/-/healthy", "200", NULL);
	assert_answer(connect_tcp(f), "GET", "/-/ready", "200", NULL);
	assert_answer(connect_tcp(f), "GET", "/metrics?x=1", "200", NULL);
	assert_answer(connect_tcp(f), "GET", API_PREFIX "pools", "404", "{\"error\":");
	assert_answer(connect_tcp(f), "GET", "/etc/passwd", "404", NULL);
	assert_answer(connect_tcp(f), "POST", "/metrics", "405", "Allow: GET, HEAD");
	assert_answer(connect_tcp(f), "DELETE", "/", "405", NULL);
}

static void the_unix_socket_serves_the_api(void **state)
{
	const struct fixture *f = *state;

	assert_answer(connect_unix(f), "GET", API_PREFIX "pools", "200", "\"name\":\"main-db\"");
	assert_answer(connect_unix(f), "GET",
		      API_PREFIX "pools?kind=connection&limit=1&pool=m%61in%2Ddb", "200",
		      "\"chosen\":1,\"total\":1}");
	assert_answer(connect_unix(f), "GET", API_PREFIX "pools?text=none", "200",
		      "{\"pools\":[],\"first\":0,\"chosen\":0,\"total\":1}");
	assert_answer(connect_unix(f), "GET", API_PREFIX "pools?sort=beauty", "400", "{\"error\":");
	assert_answer(connect_unix(f), "GET", API_PREFIX "pools?limit", "400", "{\"error\":");
	assert_answer(connect_unix(f), "GET", API_PREFIX "pools/1", "200", "\"holders\":");
	assert_answer(connect_unix(f), "GET", API_PREFIX "pools/1?stacks", "200",
		      "\"state\":\"wanted\"");
	assert_answer(connect_unix(f), "GET", API_PREFIX "pools/2?stacks", "404", "{\"error\":");
	assert_answer(connect_unix(f), "GET", API_PREFIX "pools/2", "404", "{\"error\":");
	assert_answer(connect_unix(f), "GET", API_PREFIX "pools/", "404", NULL);
	assert_answer(connect_unix(f), "GET", API_PREFIX "findings", "200", "too-small");
	assert_answer(connect_unix(f), "GET", API_PREFIX "stalls", "200", "{\"stalls\":[]}");
	assert_answer(connect_unix(f), "GET", API_PREFIX "locks", "200",
		      "\"lock\":\"orders:the_lock\"");
	assert_answer(connect_unix(f), "GET", API_PREFIX "status", "200", "\"checks\"");
	assert_answer(connect_unix(f), "GET", API_PREFIX "probes", "200", "uprobe_multi");
	assert_answer(connect_unix(f), "GET", API_PREFIX "metrics", "200",
		      "poolscope_pool_capacity{");
	assert_answer(connect_unix(f), "GET", "/nothing", "404", NULL);
}

static void head_answers_without_a_body(void **state)
{
	const char request[] = "HEAD /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	struct buffer answer = talk(connect_tcp(*state), request, sizeof(request) - 1);

	assert_memory_equal(answer.data, "HTTP/1.1 200", 12);
	assert_string_equal(strstr(answer.data, "\r\n\r\n"), "\r\n\r\n");
	assert_non_null(strstr(answer.data, "Content-Length: "));
	buffer_done(&answer);
}

/* The answer to a GET of /metrics with these headers, without its head, which must hold `text`. */
static struct buffer get_metrics(const struct fixture *f, const char *headers, const char *text)
{
	struct buffer answer, body = { 0 };
	char request[512];
	const char *end;

	snprintf(request, sizeof(request),
		 "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n", headers);
	answer = talk(connect_tcp(f), request, strlen(request));
	end = strstr(answer.data, "\r\n\r\n");
	assert_memory_equal(answer.data, "HTTP/1.1 200", 12);
	assert_non_null(strstr(answer.data, "\r\nVary: Accept, Accept-Encoding\r\n"));
	if (!memmem(answer.data, (size_t)(end - answer.data) + 2, text, strlen(text)))
		fail_msg("'%s' gets: %.400s", headers, answer.data);
	buffer_add(&body, end + 4, answer.n - (size_t)(end + 4 - answer.data));
	buffer_done(&answer);
	return body;
}

static void who_takes_gzip_gets_the_same_page_compressed(void **state)
{
	static const char *const wants[] = { "Accept-Encoding: gzip\r\n",
					     "Accept-Encoding: br\r\nAccept-Encoding: gzip\r\n",
					     "accept-encoding: deflate, gzip;q=0.5\r\n" };
	static const char *const refuses[] = { "Accept-Encoding: gzip;q=0\r\n",
					       "Accept-Encoding: identity\r\n", "" };
	const struct fixture *f = *state;
	struct buffer plain = get_metrics(f, "", "\r\nContent-Type: text/plain; version=0.0.4");

	for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++) {
		struct buffer b = get_metrics(f, wants[i], "\r\nContent-Encoding: gzip\r\n");
		char *page = calloc(1, plain.n + 1);
		z_stream z = { .next_in = (Bytef *)b.data, .avail_in = (uInt)b.n };

		z.next_out = (Bytef *)page;
		z.avail_out = (uInt)plain.n + 1;
		assert_int_equal(inflateInit2(&z, MAX_WBITS + 16), Z_OK);
		assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
		assert_int_equal(z.total_out, plain.n);
		assert_memory_equal(page, plain.data, plain.n);
		inflateEnd(&z);
		free(page);
		buffer_done(&b);
	}
	for (size_t i = 0; i < sizeof(refuses) / sizeof(refuses[0]); i++) {
		struct buffer b = get_metrics(f, refuses[i], "Content-Length: ");

		assert_int_equal(b.n, plain.n);
		assert_memory_equal(b.data, plain.data, plain.n);
		buffer_done(&b);
	}
	buffer_done(&plain);
}

static void both_addresses_answer(void **state)
{
	struct fixture f = *(struct fixture *)*state;

	assert_answer(connect_tcp(&f), "GET", "/metrics", "200", "poolscope_pool_capacity{");
	f.port = f.ports[1];
	assert_answer(connect_tcp(&f), "GET", "/metrics", "200", "poolscope_pool_capacity{");
}

static void one_connection_asks_more_than_once(void **state)
{
	static const char two[] = "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"
				  "GET /-/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	struct buffer answer = talk(connect_tcp(*state), two, sizeof(two) - 1);

	assert_non_null(strstr(answer.data, "\r\n\r\nhealthy\nHTTP/1.1 200"));
	assert_non_null(strstr(answer.data, "\r\n\r\nready\n"));
	buffer_done(&answer);
}

/* ---- with a web configuration ---------------------------------------------------------------------------------------------- */

/* bcrypt of cost 4: of "secret", and of "other" */
#define SECRET "$2y$04$abcdefghijklmnopqrstuu"
#define ALICE "basic_auth_users:\n  alice: "

static const char *users_of(const char *password)
{
	static char text[128];

	snprintf(text, sizeof(text), ALICE "%s\n", crypt(password, SECRET));
	return text;
}

/* "alice:secret" and "alice:other" in base64 */
#define AS_SECRET "Authorization: Basic YWxpY2U6c2VjcmV0\r\n"
#define AS_OTHER "Authorization: Basic YWxpY2U6b3RoZXI=\r\n"

static void assert_status(const struct fixture *f, const char *headers, const char *status,
			  const char *text)
{
	char request[512];
	struct buffer answer;

	snprintf(request, sizeof(request),
		 "GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n", headers);
	answer = talk(connect_tcp(f), request, strlen(request));
	if (strncmp(answer.data, "HTTP/1.1 ", 9) != 0 || strncmp(answer.data + 9, status, 3) != 0)
		fail_msg("'%s' gets: %.80s", headers, answer.data);
	if (text && !strstr(answer.data, text))
		fail_msg("'%s' lacks '%s' in: %s", headers, text, answer.data);
	buffer_done(&answer);
}

/* The server counts before it answers, and shows it after. */
static void assert_counted(const struct fixture *f, const uint64_t expected[HTTP_OUTCOME_COUNT])
{
	for (int i = 0; i < HTTP_OUTCOME_COUNT; i++) {
		for (int wait = 0; wait < 200 && f->requests[i] != expected[i]; wait++)
			usleep(10000);
		if (f->requests[i] != expected[i])
			fail_msg("%s: %lu are counted, not %lu",
				 http_outcome_name((enum http_outcome)i),
				 (unsigned long)f->requests[i], (unsigned long)expected[i]);
	}
}

/* A change is seen within a tenth of a second. */
static void let_it_look(void)
{
	usleep(150000);
}

static void over_tcp_a_password_is_needed_and_over_the_socket_none(void **state)
{
	struct fixture f;
	void *p = &f;

	(void)state;
	begin_with(&f, true, users_of("secret"));
	for (int i = 0; i < 2; i++) {
		f.port = f.ports[i];
		assert_status(&f, "", "401", "\r\nWWW-Authenticate: Basic realm=");
		assert_status(&f, AS_OTHER, "401", NULL);
		assert_status(&f, AS_SECRET, "200", "healthy");
		assert_status(&f, AS_SECRET, "200", "healthy");
		assert_answer(connect_tcp(&f), "POST", "/metrics", "401", NULL);
		assert_answer(connect_tcp(&f), "GET", "/nothing", "401", NULL);
	}
	assert_answer(connect_unix(&f), "GET", API_PREFIX "stalls", "200", NULL);
	assert_counted(&f, (const uint64_t[HTTP_OUTCOME_COUNT]){
				   [HTTP_answered] = 5, [HTTP_unauthorized] = 8 });
	end(&p);
}

static void another_password_holds_for_the_next_request(void **state)
{
	struct fixture f;
	void *p = &f;

	(void)state;
	begin_with(&f, true, users_of("secret"));
	assert_status(&f, AS_SECRET, "200", NULL);
	configure(&f, users_of("other"));
	let_it_look();
	assert_status(&f, AS_SECRET, "401", NULL);
	assert_status(&f, AS_OTHER, "200", NULL);
	end(&p);
}

static void a_file_that_is_wrong_refuses_all_until_it_is_right(void **state)
{
	struct fixture f;
	void *p = &f;

	(void)state;
	begin_with(&f, true, users_of("secret"));
	configure(&f, "basic_auth_user:\n");
	let_it_look();
	assert_status(&f, AS_SECRET, "500", "web configuration");
	assert_answer(connect_unix(&f), "GET", API_PREFIX "stalls", "200", NULL);
	unlink(f.web);
	let_it_look();
	assert_status(&f, AS_SECRET, "500", NULL);
	configure(&f, users_of("secret"));
	let_it_look();
	assert_status(&f, AS_SECRET, "200", NULL);
	assert_counted(&f, (const uint64_t[HTTP_OUTCOME_COUNT]){
				   [HTTP_answered] = 2, [HTTP_bad_config] = 2 });
	end(&p);
}

static void headers_of_the_file_are_in_every_answer(void **state)
{
	struct fixture f;
	void *p = &f;

	(void)state;
	begin_with(&f, true,
		   "http_server_config:\n  headers:\n    X-Frame-Options: deny\n"
		   "    X-Content-Type-Options: nosniff\n");
	assert_answer(connect_tcp(&f), "GET", "/metrics", "200", "\r\nX-Frame-Options: deny\r\n");
	assert_answer(connect_tcp(&f), "GET", "/x", "404", "\r\nX-Frame-Options: deny\r\n");
	configure(&f, "http_server_config:\n  headers:\n    X-Frame-Options: sameorigin\n");
	let_it_look();
	assert_answer(connect_tcp(&f), "GET", "/metrics", "200",
		      "\r\nX-Frame-Options: sameorigin\r\n");
	end(&p);
}

static void more_than_the_rate_are_told_so(void **state)
{
	struct fixture f;
	void *p = &f;

	(void)state;
	begin_with(&f, true, "rate_limit:\n  interval: 1h\n  burst: 5\n");
	for (int i = 0; i < 5; i++)
		assert_status(&f, "", "200", NULL);
	assert_status(&f, "", "429", "\r\nRetry-After: 1\r\n");
	assert_answer(connect_unix(&f), "GET", API_PREFIX "stalls", "200", NULL);
	assert_counted(&f, (const uint64_t[HTTP_OUTCOME_COUNT]){
				   [HTTP_answered] = 6, [HTTP_over_rate] = 1 });
	end(&p);
}

/* While 23 wait for the comparison of their passwords others are answered; all get an answer in the end. */
static void who_waits_for_a_comparison_holds_up_nobody(void **state)
{
	struct fixture f;
	void *p = &f;
	int fds[23], n_denied = 0, n_busy = 0;

	(void)state;
	begin_with(&f, true, users_of("secret"));
	assert_status(&f, AS_SECRET, "200", NULL);
	for (int i = 0; i < 23; i++) {
		char request[256];

		snprintf(request, sizeof(request),
			 "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
			 "Authorization: Basic YWxpY2U6%c%c==\r\n\r\n",
			 'a' + i, 'Q');
		fds[i] = connect_tcp(&f);
		send(fds[i], request, strlen(request), MSG_NOSIGNAL);
	}
	assert_status(&f, AS_SECRET, "200", NULL);
	for (int i = 0; i < 23; i++) {
		struct buffer answer = talk(fds[i], "", 0);

		n_denied += !strncmp(answer.data, "HTTP/1.1 401", 12);
		n_busy += !strncmp(answer.data, "HTTP/1.1 503", 12);
		buffer_done(&answer);
	}
	assert_int_equal(n_denied + n_busy, 23);
	assert_true(n_denied >= 16);
	assert_true(n_busy > 0);
	assert_status(&f, AS_SECRET, "200", NULL);
	assert_counted(&f, (const uint64_t[HTTP_OUTCOME_COUNT]){
				   [HTTP_answered] = 3,
				   [HTTP_unauthorized] = (uint64_t)n_denied,
				   [HTTP_passwords_busy] = (uint64_t)n_busy });
	end(&p);
}

static void a_web_configuration_that_is_wrong_at_the_start_is_an_error_with_its_line(void **state)
{
	struct fixture f = { .web = "/tmp/poolscope-web-XXXXXX" };
	struct server_options options = { .listen_address = "127.0.0.1:0",
					  .socket_path = "",
					  .web_config_file = f.web };
	struct diag d = { 0 };
	struct server *s;

	(void)state;
	close(mkstemp(f.web));
	configure(&f, "\n\nusers:\n");
	assert_int_equal(server_new(&options, &s, &d), -EINVAL);
	assert_int_equal(d.line, 3);
	assert_string_equal(d.file, f.web);
	configure(&f, "tls_server_config:\n  cert_file: nowhere\n  key_file: nowhere\n");
	assert_int_equal(server_new(&options, &s, &d), -ENOENT);
	assert_non_null(strstr(d.text, "/tmp/nowhere"));
	unlink(f.web);
	assert_int_equal(server_check_web_config(f.web, &d), -ENOENT);
}

static void the_client_gets_json(void **state)
{
	const struct fixture *f = *state;
	struct diag d = { 0 };
	json_t *json = NULL;

	assert_int_equal(client_get(f->socket, API_PREFIX "pools", &json, &d), 0);
	assert_int_equal(json_array_size(json_object_get(json, "pools")), 1);
	json_decref(json);
	json = NULL;
	assert_int_equal(client_get(f->socket, API_PREFIX "pools/23", &json, &d), -ENODATA);
	assert_non_null(strstr(d.text, "there is no pool with this id"));
	assert_int_equal(client_get(f->socket, "/metrics", &json, &d), -EPROTO);
	assert_null(json);
}

static void the_client_gets_the_bytes_of_a_recording(void **state)
{
	CLEANUP(buffer_done) struct buffer b = { 0 };
	const struct fixture *f = *state;
	struct diag d = { 0 };

	assert_int_equal(client_get_bytes(f->socket, API_PREFIX "record/7", &b, &d), 0);
	assert_int_equal(client_get_bytes(f->socket, API_PREFIX "record/6", &b, &d), -ESTALE);
	assert_non_null(strstr(d.text, "is not kept any more"));
	assert_int_equal(client_get_bytes(f->socket, API_PREFIX "record/x", &b, &d), -ENODATA);
	assert_int_equal(client_get_bytes(f->socket, API_PREFIX "record/", &b, &d), -ENODATA);
	assert_int_equal(b.n, 4);
	assert_memory_equal(b.data, "S\0L\n", 4);
}

static void the_client_ignores_a_proxy_of_the_environment(void **state)
{
	const struct fixture *f = *state;
	json_t *json = NULL;

	setenv("http_proxy", "http://127.0.0.1:1", 1);
	assert_int_equal(client_get(f->socket, API_PREFIX "stalls", &json, NULL), 0);
	unsetenv("http_proxy");
	json_decref(json);
}

static void the_client_tells_no_agent_from_a_dead_and_a_forbidden_one(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char folder[] = "/tmp/poolscope-XXXXXX";
	struct diag d = { 0 };
	json_t *json = NULL;
	int fd, status;
	pid_t pid;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/s", folder);
	assert_int_equal(client_get(addr.sun_path, API_PREFIX "pools", &json, &d), -ENOENT);
	assert_non_null(strstr(d.text, "no agent runs"));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(fd);
	assert_int_equal(client_get(addr.sun_path, API_PREFIX "pools", &json, &d), -ECONNREFUSED);
	assert_non_null(strstr(d.text, "no agent runs"));
	if (getuid() == 0) {
		chmod(folder, 0700);
		pid = fork();
		if (pid == 0)
			_exit(setuid(65534) ||
			      client_get(addr.sun_path, "/", &json, &d) != -EACCES);
		waitpid(pid, &status, 0);
		assert_int_equal(status, 0);
	}
	unlink(addr.sun_path);
	rmdir(folder);
}

static void hostile_requests_are_refused_and_the_server_goes_on(void **state)
{
	static const char *const bad[] = {
		"\r\n\r\n\r\n",
		"GET\r\n\r\n",
		"GET /metrics\r\n\r\n",
		"\xff\xfe\xfd\r\n\r\n",
		"GET / HTTP/9.9\r\n\r\n",
		"GET /metrics HTTP/1.1\r\n\r\n",
		"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
		"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
		"GET /%00%0a%ff%zz HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /api/v1/pools/../../etc HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\n: \r\n : :\r\n\r\n",
	};
	const struct fixture *f = *state;
	char *huge = malloc(1 << 20);
	struct buffer answer;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int fd = connect_tcp(f);

		send(fd, bad[i], strlen(bad[i]), MSG_NOSIGNAL);
		shutdown(fd, SHUT_WR);
		answer = talk(fd, "", 0);
		buffer_done(&answer);
		assert_answer(connect_tcp(f), "GET", "/-/healthy", "200", NULL);
	}
	memset(huge, 'a', 1 << 20);
	memcpy(huge, "GET /", 5);
	answer = talk(connect_tcp(f), huge, 1 << 20);
	assert_null(strstr(answer.data, " 200 "));
	buffer_done(&answer);
	memcpy(huge, "GET /", 5);
	memcpy(huge + 2000, " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 41);
	answer = talk(connect_tcp(f), huge, 2041);
	assert_memory_equal(answer.data, "HTTP/1.1 414", 12);
	buffer_done(&answer);
	free(huge);
	assert_answer(connect_tcp(f), "GET", "/-/healthy", "200", NULL);
}

static void requests_come_in_pieces_and_silent_connections_block_nobody(void **state)
{
	static const char request[] =
		"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	const struct fixture *f = *state;
	struct buffer answer;
	int silent[23], fd;

	for (int i = 0; i < 23; i++)
		silent[i] = connect_tcp(f);
	for (size_t step = 1; step < 32; step += 6) {
		fd = connect_tcp(f);
		for (size_t at = 0; at < sizeof(request) - 1; at += step) {
			size_t left = sizeof(request) - 1 - at;

			send(fd, request + at, left < step ? left : step, MSG_NOSIGNAL);
		}
		answer = talk(fd, "", 0);
		assert_memory_equal(answer.data, "HTTP/1.1 200", 12);
		buffer_done(&answer);
	}
	for (int i = 0; i < 23; i++)
		close(silent[i]);
}

static void before_the_first_snapshot_it_is_healthy_but_not_ready(void **state)
{
	struct fixture f;
	void *p = &f;

	(void)state;
	begin_with(&f, false, NULL);
	assert_answer(connect_tcp(&f), "GET", "/-/healthy", "200", NULL);
	assert_answer(connect_tcp(&f), "GET", "/-/ready", "503", NULL);
	assert_answer(connect_tcp(&f), "GET", "/metrics", "503", NULL);
	assert_answer(connect_unix(&f), "GET", API_PREFIX "pools", "503", "{\"error\":");
	end(&p);
}

static void what_comes_of_a_question_is_counted(void **state)
{
	const struct fixture *f = *state;
	const uint64_t expected[HTTP_OUTCOME_COUNT] = {
		[HTTP_answered] = 3, [HTTP_bad_request] = 3, [HTTP_not_found] = 4, [HTTP_failed] = 1
	};
	char request[2048] = "GET /";
	struct buffer answer;

	memset(request + 5, 'x', 1100);
	strcpy(request + 5 + 1100, " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	assert_answer(connect_tcp(f), "GET", "/metrics", "200", NULL);
	assert_answer(connect_tcp(f), "HEAD", "/metrics", "200", NULL);
	assert_answer(connect_unix(f), "GET", API_PREFIX "pools?limit=1", "200", NULL);
	assert_answer(connect_unix(f), "GET", API_PREFIX "pools?limit=nothing", "400", NULL);
	assert_answer(connect_tcp(f), "POST", "/metrics", "405", NULL);
	answer = talk(connect_tcp(f), request, strlen(request));
	assert_memory_equal(answer.data, "HTTP/1.1 414", 12);
	buffer_done(&answer);
	assert_answer(connect_tcp(f), "GET", "/nothing", "404", NULL);
	assert_answer(connect_unix(f), "GET", API_PREFIX "pools/999", "404", NULL);
	assert_answer(connect_unix(f), "GET", API_PREFIX "record/5", "404", NULL);
	assert_answer(connect_unix(f), "GET", API_PREFIX "record/6", "410", NULL);
	assert_answer(connect_unix(f), "GET", API_PREFIX "record/8", "500", NULL);
	assert_counted(f, expected);
}

static void what_is_asked_before_the_first_snapshot_is_counted(void **state)
{
	const uint64_t expected[HTTP_OUTCOME_COUNT] = { [HTTP_answered] = 1, [HTTP_not_ready] = 3 };
	struct fixture f;
	void *p = &f;

	(void)state;
	begin_with(&f, false, NULL);
	assert_answer(connect_tcp(&f), "GET", "/-/healthy", "200", NULL);
	assert_answer(connect_tcp(&f), "GET", "/metrics", "503", NULL);
	assert_answer(connect_unix(&f), "GET", API_PREFIX "pools", "503", NULL);
	assert_answer(connect_unix(&f), "GET", API_PREFIX "pools?limit=1", "503", NULL);
	assert_counted(&f, expected);
	end(&p);
}

/* Two answers of 33 MiB lie in the server while nobody reads them; what is kept, and what need not be encoded, is still answered. */
static void while_too_much_is_being_sent_others_are_told_so_and_counted(void **state)
{
	static const char huge[] =
		"GET " API_PREFIX "record/9 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	const struct fixture *f = *state;
	uint64_t expected[HTTP_OUTCOME_COUNT] = { [HTTP_answered] = 3, [HTTP_sending_full] = 4 };
	int fd[2];

	assert_answer(connect_tcp(f), "GET", "/metrics", "200", NULL);
	for (int i = 0; i < 2; i++) {
		char first;

		fd[i] = connect_unix(f);
		send(fd[i], huge, strlen(huge), MSG_NOSIGNAL);
		assert_int_equal(recv(fd[i], &first, 1, 0), 1);
	}
	assert_answer(connect_unix(f), "GET", API_PREFIX "record/7", "503", "Retry-After: 1");
	assert_answer(connect_unix(f), "GET", API_PREFIX "stalls", "503", NULL);
	assert_answer(connect_unix(f), "GET", API_PREFIX "pools?limit=1", "503", NULL);
	assert_answer(connect_unix(f), "GET", "/metrics", "503", NULL);
	assert_counted(f, expected);
	assert_answer(connect_tcp(f), "GET", "/metrics", "200", NULL);
	for (int i = 0; i < 2; i++)
		close(fd[i]);
	usleep(100000);
	assert_answer(connect_unix(f), "GET", API_PREFIX "record/7", "200", NULL);
	expected[HTTP_answered] += 2;
	assert_counted(f, expected);
}

static void a_second_agent_is_told_that_one_runs(void **state)
{
	const struct fixture *f = *state;
	struct server_options options = { .listen_address = "", .socket_path = f->socket };
	char address[32];
	struct diag d = { 0 };
	struct server *s;

	assert_int_equal(server_new(&options, &s, &d), -EADDRINUSE);
	assert_non_null(strstr(d.text, "an agent runs already"));
	snprintf(address, sizeof(address), "127.0.0.1:%d", f->port);
	options.listen_address = address;
	options.socket_path = "";
	assert_int_equal(server_new(&options, &s, &d), -EADDRINUSE);
	assert_answer(connect_unix(f), "GET", API_PREFIX "stalls", "200", NULL);
}

static void a_dead_agents_socket_is_replaced_and_other_files_are_not(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char folder[] = "/tmp/poolscope-XXXXXX";
	struct server_options options = { .listen_address = "", .socket_path = addr.sun_path };
	struct diag d = { 0 };
	struct server *s;
	struct stat st;
	FILE *file;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/s", folder);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(fd);
	assert_int_equal(server_new(&options, &s, &d), 0);
	assert_int_equal(stat(addr.sun_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	server_free(s);
	assert_int_equal(stat(addr.sun_path, &st), -1);
	file = fopen(addr.sun_path, "w");
	fclose(file);
	assert_int_equal(server_new(&options, &s, &d), -EEXIST);
	assert_int_equal(stat(addr.sun_path, &st), 0);
	unlink(addr.sun_path);
	rmdir(folder);
}

static void bad_addresses_are_refused_with_a_sentence(void **state)
{
	static const char *const bad[] = { "10766",          "127.0.0.1",
					   "127.0.0.1:",     "127.0.0.1:http",
					   "::1:80",         "[::1]",
					   "example.com:80", "127.0.0.1:99999999999",
					   "a:b:c",          "[]:" };
	struct server_options options = { .socket_path = "" };
	struct server *s;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct diag d = { 0 };

		options.listen_address = bad[i];
		if (server_new(&options, &s, &d) != -EINVAL)
			fail_msg("'%s' is taken", bad[i]);
		assert_non_null(strstr(d.text, "expected ADDRESS:PORT"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tcp_serves_metrics_and_health_and_nothing_else,
						begin, end),
		cmocka_unit_test_setup_teardown(the_unix_socket_serves_the_api, begin, end),
		cmocka_unit_test_setup_teardown(head_answers_without_a_body, begin, end),
		cmocka_unit_test_setup_teardown(who_takes_gzip_gets_the_same_page_compressed, begin,
						end),
		cmocka_unit_test_setup_teardown(both_addresses_answer, begin, end),
		cmocka_unit_test_setup_teardown(one_connection_asks_more_than_once, begin, end),
		cmocka_unit_test(over_tcp_a_password_is_needed_and_over_the_socket_none),
		cmocka_unit_test(another_password_holds_for_the_next_request),
		cmocka_unit_test(a_file_that_is_wrong_refuses_all_until_it_is_right),
		cmocka_unit_test(headers_of_the_file_are_in_every_answer),
		cmocka_unit_test(more_than_the_rate_are_told_so),
		cmocka_unit_test(who_waits_for_a_comparison_holds_up_nobody),
		cmocka_unit_test(
			a_web_configuration_that_is_wrong_at_the_start_is_an_error_with_its_line),
		cmocka_unit_test_setup_teardown(the_client_gets_json, begin, end),
		cmocka_unit_test_setup_teardown(the_client_gets_the_bytes_of_a_recording, begin,
						end),
		cmocka_unit_test_setup_teardown(the_client_ignores_a_proxy_of_the_environment,
						begin, end),
		cmocka_unit_test(the_client_tells_no_agent_from_a_dead_and_a_forbidden_one),
		cmocka_unit_test_setup_teardown(hostile_requests_are_refused_and_the_server_goes_on,
						begin, end),
		cmocka_unit_test_setup_teardown(
			requests_come_in_pieces_and_silent_connections_block_nobody, begin, end),
		cmocka_unit_test(before_the_first_snapshot_it_is_healthy_but_not_ready),
		cmocka_unit_test_setup_teardown(what_comes_of_a_question_is_counted, begin, end),
		cmocka_unit_test(what_is_asked_before_the_first_snapshot_is_counted),
		cmocka_unit_test_setup_teardown(
			while_too_much_is_being_sent_others_are_told_so_and_counted, begin, end),
		cmocka_unit_test_setup_teardown(a_second_agent_is_told_that_one_runs, begin, end),
		cmocka_unit_test(a_dead_agents_socket_is_replaced_and_other_files_are_not),
		cmocka_unit_test(bad_addresses_are_refused_with_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
