/* SPDX-License-Identifier: MIT */
/*
 * again.c - see again.h. The surprise: for a terminal an output is printed into memory first, by the same code, to a stdout that is none (glibc lets
 * it be set); so that it can be cut to the screen, and is drawn in one go, without flicker.
 */
#include "cmd/again.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/source.h"
#include "cmd/table.h"

#define INTERVAL_S 2.0	/* of --count without --watch */
#define SLICE_MS 100	/* so soon Ctrl-C is seen */
#define NOTE_COLUMNS 40

static volatile sig_atomic_t is_ended;

static void on_signal(int signal)
{
	(void)signal;
	is_ended = 1;
}

/* ---- a screen -------------------------------------------------------------------------------------------------------------- */

static void draw_line(struct buffer *b, const char *line, size_t n, size_t width)
{
	AUTO_FREE char *copy = strndup(line, n);
	size_t fits;

	if (!copy) {
		b->error = -ENOMEM;
		return;
	}
	fits = text_fit(copy, width, NULL);
	if (copy[fits])
		fits = text_fit(copy, width - 1, NULL);
	buffer_add(b, copy, fits);
	if (copy[fits])
		buffer_add_text(b, "…");
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; *text; text += strcspn(text, "\n"), text += *text == '\n')
		n++;
	return n;
}

void again_draw(struct buffer *ret, const char *text, size_t width, size_t height)
{
	size_t n_lines = count_lines(text), n_shown = n_lines <= height ? n_lines : height - 1;
	char note[NOTE_COLUMNS + 1];

	buffer_add_text(ret, "\033[H");
	for (size_t i = 0; i < n_shown; i++) {
		size_t n = strcspn(text, "\n");

		draw_line(ret, text, n, width);
		buffer_add_text(ret, i + 1 < height ? "\033[K\n" : "\033[K");
		text += n + (text[n] == '\n');
	}
	if (n_shown < n_lines) {
		snprintf(note, sizeof(note), "(%zu lines more)", n_lines - n_shown);
		draw_line(ret, note, strlen(note), width);
	}
	buffer_add_text(ret, "\033[J");
}

static bool is_drawn(const struct invocation *in)
{
	const char *terminal = getenv("TERM");

	return in->watch_s > 0 && !in->is_json && isatty(STDOUT_FILENO) && terminal && *terminal &&
	       strcmp(terminal, "dumb") != 0;
}

static void print_time(const struct invocation *in)
{
	time_t now = time(NULL);
	char text[64] = "-";
	struct tm tm;

	if (localtime_r(&now, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	printf("---- %s, poolscope %s, every %gs\n", text, in->command->name, in->watch_s);
}

static int look_and_draw(const struct invocation *in, struct source *source, look_fn *look,
			 bool is_first)
{
	CLEANUP(buffer_done) struct buffer screen = { 0 };
	struct winsize size = { 0 };
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	FILE *saved = stdout, *memory = open_memstream(&text, &n);
	int status;

	if (!memory)
		return command_fail(in, "out of memory");
	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	terminal_set_width(size.ws_col ? size.ws_col : 80);
	stdout = memory;
	print_time(in);
	status = look(in, source);
	stdout = saved;
	terminal_set_width(SIZE_MAX);
	if (fclose(memory) || !text)
		return command_fail(in, "out of memory");
	buffer_add_text(&screen, is_first ? "\033[H\033[2J" : "");
	again_draw(&screen, text, size.ws_col ? size.ws_col : 80, size.ws_row ? size.ws_row : 24);
	if (screen.error)
		return command_fail(in, "out of memory");
	fwrite(screen.data, 1, screen.n, stdout);
	return status;
}

/* ---- again and again ------------------------------------------------------------------------------------------------------- */

static int look_once(const struct invocation *in, struct source *source, look_fn *look,
		     bool is_first)
{
	if (is_drawn(in))
		return look_and_draw(in, source, look, is_first);
	if (in->watch_s > 0 && !in->is_json)
		print_time(in);
	return look(in, source);
}

static int wait_ms(struct source *source, int ms, struct diag *d)
{
	struct timespec t = { .tv_nsec = ms * 1000000L };

	if (source)
		return source_wait(source, ms, d);
	nanosleep(&t, NULL);
	return 0;
}

/* In slices, for a signal does not end a wait of the source's. */
static int wait_for_next(const struct invocation *in, struct source *source, struct diag *d)
{
	int left = (int)(1000 * (in->watch_s > 0 ? in->watch_s : INTERVAL_S)), r = 0;

	while (left > 0 && !r && !is_ended) {
		int ms = left < SLICE_MS ? left : SLICE_MS;

		r = wait_ms(source, ms, d);
		left -= ms;
	}
	return r;
}

int again_go_on(const struct invocation *in, struct source *source, look_fn *look)
{
	struct sigaction end = { .sa_handler = on_signal };
	bool goes_on = in->watch_s > 0 || in->count > 1;
	struct diag d = { 0 };
	int status;

	if (!goes_on)
		return look(in, source);
	is_ended = 0;
	sigaction(SIGINT, &end, NULL);
	for (int n = 1;; n++) {
		/* what fails has said why; but a doctor who has found something goes on */
		status = look_once(in, source, look, n == 1);
		if (fflush(stdout))
			return command_fail(in, "cannot write the output: %s", strerror(errno));
		if (is_ended)
			break;
		if ((status != EXIT_DONE && !in->command->is_verdict) || n == in->count ||
		    (source && source_is_over(source)))
			return status;
		if (wait_for_next(in, source, &d))
			return command_fail(in, "%s", d.text);
		if (is_ended)
			break;
	}
	printf("%s", is_drawn(in) ? "\n" : "");
	return EXIT_DONE;
}

int again_run(const struct invocation *in, look_fn *look)
{
	CLEANUP(cleanup_source) struct source *source = NULL;
	struct diag d = { 0 };

	if (source_open(in, &source, &d))
		return command_fail(in, "%s", d.text);
	return again_go_on(in, source, look);
}
