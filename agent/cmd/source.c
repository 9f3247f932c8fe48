/* SPDX-License-Identifier: MIT */
/*
 * source.c - see source.h. The surprise: strings are cleaned once more on the way in. The agent cleaned them, but a path given by
 * --socket may lead to anybody's socket, and JSON can carry an escape sequence past a terminal's guard as \u001b.
 */
#include "cmd/source.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "api/client.h"
#include "api/choice.h"
#include "api/json.h"
#include "api/server.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/text.h"
#include "cmd/agent.h"
#include "cmd/command.h"
#include "cmd/progress_line.h"
#include "record/player.h"

#define FIRST_LOOK_MS 1100	/* two ticks: rates need a difference */
/* Who looks once: only the fifth tick tells for certain how many items were out before, and to which pool connections belong. */
#define ONLY_LOOK_MS 4300
#define STARTING_TRIES 15
#define STARTING_MS 200
#define STRING_BYTES 4096

struct source {
	const char *socket_path;	/* of the running agent; NULL = in-process */
	struct agent *agent;		/* owned; NULL = none */
	struct player *player;		/* owned; NULL = no recording is played */
	double speed;			/* of that; 0 = in no time */
	bool is_paused;
	int64_t to_ns;			/* as far as it is to be played by now */
	int64_t until_ns;		/* and in all */
};

#define SECOND_NS 1000000000ull
#define PLAY_STEP_NS (10 * (int64_t)SECOND_NS)

static void sleep_ms(int ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

/* Until a key comes, or a signal. A terminal that was hung up would have one for ever, and so would a file. */
static void wait_key_ms(int ms)
{
	struct pollfd in = { .fd = isatty(STDIN_FILENO) ? STDIN_FILENO : -1, .events = POLLIN };
	int64_t until_ms = clock_ns(CLOCK_MONOTONIC) / 1000000 + ms;

	if (poll(&in, 1, ms) > 0 && in.revents & (POLLHUP | POLLERR | POLLNVAL))
		sleep_ms((int)(until_ms - clock_ns(CLOCK_MONOTONIC) / 1000000));
}

static void clean_strings(json_t *json)
{
	char clean[STRING_BYTES];
	const char *key;
	json_t *value;
	size_t i;

	json_object_foreach (json, key, value)
		clean_strings(value);
	json_array_foreach (json, i, value)
		clean_strings(value);
	if (json_is_string(json) && !text_is_clean(json_string_value(json))) {
		text_clean(json_string_value(json), SIZE_MAX, clean, sizeof(clean));
		json_string_set(json, clean);
	}
}

/* The running agent; one that has just started is given some seconds. */
static int open_running(const char *path, struct diag *d)
{
	int r = -EAGAIN;

	for (int i = 0; r == -EAGAIN && i < STARTING_TRIES; i++) {
		CLEANUP(cleanup_json) json_t *status = NULL;

		if (i)
			sleep_ms(STARTING_MS);
		r = client_get(path, API_PREFIX "status", &status, d);
	}
	return r;
}

static int open_in_process(const struct invocation *in, struct source *s, struct diag *d)
{
	struct progress_line progress;
	const struct agent_options options = { .listen_address = "",
					       .socket_path = "",
					       .meter = &progress.meter,
					       .in_process = true };
	int r, ms = command_goes_on(in) ? FIRST_LOOK_MS : ONLY_LOOK_MS;

	if (isatty(STDERR_FILENO))
		fprintf(stderr, "No agent runs; watching for %d s …\n", ms / 1000);
	progress_begin(&progress, in);
	r = agent_new(&options, &s->agent, d);
	progress_end(&progress);
	if (!r)
		r = source_wait(s, ms, d);
	if (!r && !agent_snapshot(s->agent))
		r = diag_set(d, -ETIMEDOUT, "the agent saw nothing within %d ms", ms);
	return r;
}

/* Where a command begins to look: one that goes on at the beginning, one that measures so long before the end, another one at the end. */
static int64_t first_look_ns(const struct invocation *in, int64_t until_ns)
{
	double back_s = in->command->measures_s;

	if (command_goes_on(in))
		return FIRST_LOOK_MS * 1000000ll;
	if (back_s && in->interval_s)
		back_s = in->interval_s + 1;
	return until_ns - (int64_t)(back_s * 1e9);
}

/* Each output takes the place of the one before. */
static bool is_seen(const struct invocation *in)
{
	return in->watch_s > 0 && !in->is_json && isatty(STDOUT_FILENO);
}

/* Step by step, the same as at once, so that it can be told how far it is. */
static int play_to(struct source *s, int64_t to_ns, struct meter *meter, struct diag *d)
{
	int64_t at_ns = 0;
	int r = 0;

	do {
		at_ns = to_ns - at_ns > PLAY_STEP_NS ? at_ns + PLAY_STEP_NS : to_ns;
		meter_tell(meter, "playing the recording, seconds", (uint64_t)at_ns / SECOND_NS,
			   (uint64_t)to_ns / SECOND_NS);
		r = player_go(s->player, at_ns, d);
	} while (!r && at_ns < to_ns);
	return r;
}

/* Takes the file over. */
static int begin_to_play(const struct invocation *in, FILE *f, struct source *s, struct diag *d)
{
	struct progress_line progress;
	int r;

	progress_begin(&progress, in);
	meter_tell(&progress.meter, "reading the recording", 0, 0);
	r = player_open(f, in->is_damaged, &s->player, d);
	if (!r) {
		s->until_ns = in->at_s ? (int64_t)(in->at_s * 1e9) : player_length_ns(s->player);
		/* a screen is to be watched; what prints again and again is to be read */
		s->speed = in->has_speed ? in->speed : command_is_screen(in) || is_seen(in) ? 1 : 0;
		s->to_ns = first_look_ns(in, s->until_ns);
		r = play_to(s, s->to_ns < 0 ? 0 : s->to_ns, &progress.meter, d);
	}
	progress_end(&progress);
	return r;
}

static int open_recording(const struct invocation *in, struct source *s, struct diag *d)
{
	int fd = open(in->recording, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	FILE *f;

	if (fd < 0)
		return diag_set(d, -errno, "cannot be opened: %s", strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return diag_set(d, -EINVAL, "it is no file");
	}
	f = fdopen(fd, "rb");
	if (!f) {
		close(fd);
		return diag_set(d, -ENOMEM, "out of memory");
	}
	return begin_to_play(in, f, s, d);
}

static int play_on(struct source *s, double ms, struct diag *d)
{
	if (s->is_paused)
		return 0;
	s->to_ns += (int64_t)(ms * 1e6 * (s->speed > 0 ? s->speed : 1));
	return player_go(s->player, s->to_ns < s->until_ns ? s->to_ns : s->until_ns, d);
}

bool source_is_over(const struct source *s)
{
	return s->player && s->to_ns >= s->until_ns;
}

/* An error of a recording has the file's name in front, which may have been given by a pattern. */
static int of_recording(const struct invocation *in, int error, struct diag *d)
{
	char text[sizeof(d->text)], name[sizeof(d->text)];

	if (!error)
		return 0;
	snprintf(text, sizeof(text), "%s", d->text);
	text_clean(in->recording, SIZE_MAX, name, sizeof(name));
	return diag_set(d, error, "%s: %s", name, text);
}

int source_open(const struct invocation *in, struct source **ret, struct diag *d)
{
	struct source *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return diag_set(d, -ENOMEM, "out of memory");
	if (in->recording) {
		r = of_recording(in, open_recording(in, s, d), d);
		if (r)
			source_close(s);
		else
			*ret = s;
		return r;
	}
	s->socket_path = in->socket ? in->socket : SERVER_SOCKET_PATH;
	r = open_running(s->socket_path, d);
	if ((r == -ENOENT || r == -ECONNREFUSED) && !in->socket) {
		s->socket_path = NULL;
		r = open_in_process(in, s, d);
	}
	if (r) {
		source_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

void source_close(struct source *s)
{
	if (!s)
		return;
	agent_free(s->agent);
	player_close(s->player);
	free(s);
}

/* Of the agent or the recording in this process. */
static const struct snapshot *newest(const struct source *s, struct diag *d)
{
	const struct snapshot *snapshot =
		s->player ? player_snapshot(s->player) : agent_snapshot(s->agent);

	if (!snapshot)
		diag_set(d, -ENODATA, "there is no tick that could be read");
	return snapshot;
}

static int get_recorded(struct source *s, const char *path, json_t **ret, struct diag *d)
{
	AUTO_FREE char *bare = strndup(path, strcspn(path, "?"));
	int r;

	if (!bare)
		return diag_set(d, -ENOMEM, "out of memory");
	if (!strcmp(bare, API_PREFIX "probes") || !strcmp(bare, API_PREFIX "recipes") ||
	    !strcmp(bare, API_PREFIX "config"))
		return diag_set(d, -ENODATA, "a recording does not have %s",
				bare + strlen(API_PREFIX));
	if (!newest(s, d))
		return -ENODATA;
	r = encode_path(newest(s, d), bare, ret);
	if (r == -ENOENT)
		return diag_set(d, -ENODATA, "there is nothing under %s", path);
	return r ? diag_set(d, r, "out of memory") : 0;
}

/* As the server does it. */
static int get_in_process(struct source *s, const char *path, json_t **ret, struct diag *d)
{
	size_t n = strcspn(path, "?");
	AUTO_FREE char *bare = strndup(path, n);
	uint64_t pool;
	int r;

	if (!bare)
		return diag_set(d, -ENOMEM, "out of memory");
	if (!newest(s, d))
		return -ENODATA;
	if (!strcmp(path + n, "?stacks") && path_is_pool(agent_snapshot(s->agent), bare, &pool))
		agent_want_stacks(s->agent, pool);
	r = encode_path(newest(s, d), bare, ret);
	if (r == -ENOENT)
		return diag_set(d, -ENODATA, "there is nothing under %s", path);
	return r ? diag_set(d, r, "out of memory") : 0;
}

int source_get(struct source *s, const char *path, json_t **ret, struct diag *d)
{
	int r;

	assert(s);
	if (s->player) {
		r = get_recorded(s, path, ret, d);
	} else if (s->socket_path) {
		r = client_get(s->socket_path, path, ret, d);
	} else {
		r = get_in_process(s, path, ret, d);
	}
	if (!r)
		clean_strings(*ret);
	return r;
}

int source_get_pools(struct source *s, const struct pool_choice *c, json_t **ret, struct diag *d)
{
	CLEANUP(buffer_done) struct buffer path = { 0 };
	int r = choice_check(c);

	if (r)
		return diag_set(d, r, "pools cannot be chosen like this");
	if (s->player || s->agent) {
		if (!newest(s, d))
			return -ENODATA;
		*ret = encode_pools_chosen(newest(s, d), c);
		r = *ret ? 0 : -ENOMEM;
	} else {
		buffer_add_text(&path, API_PREFIX "pools");
		choice_write(c, &path);
		r = path.error ? path.error : client_get(s->socket_path, path.data, ret, d);
	}
	if (r == -ENOMEM)
		diag_set(d, r, "out of memory");
	if (!r)
		clean_strings(*ret);
	return r;
}

int source_wait(struct source *s, int ms, struct diag *d)
{
	int r = 0;

	if (s->agent)
		r = agent_run_for(s->agent, ms);
	else if (!s->player || s->speed > 0 || source_is_over(s))
		sleep_ms(ms);
	if (s->player)
		return play_on(s, ms, d);
	return r < 0 ? diag_set(d, r, "the agent stopped: %s", strerror(-r)) : 0;
}

/* Who watches a recording in no time sees its end. */
static int play_for(struct source *s, int64_t ms, struct diag *d)
{
	if (s->speed <= 0 && !s->is_paused)
		s->to_ns = s->until_ns;
	return play_on(s, (double)ms, d);
}

int source_wait_key(struct source *s, int ms, struct diag *d)
{
	int64_t begin_ms = clock_ns(CLOCK_MONOTONIC) / 1000000;
	bool has_key = isatty(STDIN_FILENO);
	int r = 0;

	if (s->agent)
		r = has_key ? agent_run_for_or(s->agent, ms, STDIN_FILENO)
			    : agent_run_for(s->agent, ms);
	else
		wait_key_ms(ms);
	if (s->player)
		return play_for(s, clock_ns(CLOCK_MONOTONIC) / 1000000 - begin_ms, d);
	return r < 0 ? diag_set(d, r, "the agent stopped: %s", strerror(-r)) : 0;
}

/* ---- a recording ----------------------------------------------------------------------------------------------------------- */

bool source_is_recording(const struct source *s)
{
	return s->player;
}

double source_speed(const struct source *s)
{
	return s->speed > 0 ? s->speed : 1;
}

void source_play(struct source *s, double speed, bool is_paused)
{
	s->speed = speed;
	s->is_paused = is_paused;
}

int source_step(struct source *s, struct diag *d)
{
	int r;

	if (source_is_over(s))
		return -ENODATA;
	r = player_next(s->player, d);
	if (r == -ENODATA)
		s->to_ns = s->until_ns;
	else if (!r)
		s->to_ns = player_at_ns(s->player);
	return r;
}

double source_at_s(const struct source *s)
{
	return s->player ? (double)player_at_ns(s->player) / 1e9 : 0;
}

double source_length_s(const struct source *s)
{
	return (double)s->until_ns / 1e9;
}

int source_record(struct source *s, const char *what, struct buffer *ret, struct diag *d)
{
	char path[64];
	int r;

	if (s->player)
		return diag_set(d, -ENOTSUP, "this is a recording already");
	snprintf(path, sizeof(path), API_PREFIX "record/%s", what);
	if (s->socket_path)
		return client_get_bytes(s->socket_path, path, ret, d);
	r = agent_record(s->agent, what, ret);
	return r ? diag_set(d, r, "the agent has no %s: %s", path, strerror(-r)) : 0;
}

int source_get_once(const struct invocation *in, const char *path, json_t **ret)
{
	CLEANUP(cleanup_source) struct source *s = NULL;
	struct diag d = { 0 };

	if (source_open(in, &s, &d) || source_get(s, path, ret, &d))
		return command_fail(in, "%s", d.text);
	return EXIT_DONE;
}

void print_json(const json_t *json)
{
	json_dumpf(json, stdout, JSON_INDENT(2) | API_JSON_FLAGS);
	fputc('\n', stdout);
}

void print_document(const struct invocation *in, const json_t *json)
{
	if (in->watch_s <= 0 && in->count <= 1) {
		print_json(json);
		return;
	}
	json_dumpf(json, stdout, JSON_COMPACT | API_JSON_FLAGS);
	fputc('\n', stdout);
}
