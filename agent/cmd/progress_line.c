/* SPDX-License-Identifier: MIT */
/*
 * progress_line.c - see progress_line.h. The surprise: the line is written by a timer's signal, so it shows also while one step takes long, as the
 * reading of a large debug file; hence two texts, of which the handler writes the one that is whole.
 */
#include "cmd/progress_line.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

#include "cmd/command.h"

#define AFTER_US 500000
#define LINE_BYTES 160
#define WIPE "\r\033[K"

static char text[2][LINE_BYTES];
static volatile sig_atomic_t length[2], current, is_shown;
static size_t columns;
static struct sigaction before;

static void on_alarm(int signal)
{
	int saved = errno, i = current;

	(void)signal;
	if (length[i] && write(STDERR_FILENO, text[i], (size_t)length[i]) > 0)
		is_shown = 1;
	errno = saved;
}

size_t progress_format(char *ret, size_t size, size_t width, const char *what, uint64_t done,
		       uint64_t of)
{
	size_t n_wipe = strlen(WIPE), most = width + n_wipe;
	int n;

	if (of)
		n = snprintf(ret, size, WIPE "%s: %" PRIu64 " of %" PRIu64, what, done, of);
	else
		n = snprintf(ret, size, WIPE "%s", what);
	if (n < 0)
		return 0;
	if ((size_t)n >= size)
		n = (int)size - 1;
	if ((size_t)n > most)
		n = (int)most;
	ret[n] = '\0';
	return (size_t)n;
}

static void tell(struct meter *m, const char *what, uint64_t done, uint64_t of)
{
	int other = !current;

	(void)m;
	length[other] =
		(int)progress_format(text[other], sizeof(text[other]), columns, what, done, of);
	current = other;
}

void progress_begin(struct progress_line *p, const struct invocation *in)
{
	struct sigaction act = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	struct itimerval every = { .it_interval.tv_usec = AFTER_US, .it_value.tv_usec = AFTER_US };
	struct winsize size = { 0 };

	*p = (struct progress_line){ .meter.tell = tell };
	current = is_shown = 0;
	length[0] = length[1] = 0;
	if (in->is_json || !isatty(STDERR_FILENO))
		return;
	ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
	columns = size.ws_col > 1 ? size.ws_col - 1u : 79;	/* the last column would make a new line */
	p->is_on = !sigaction(SIGALRM, &act, &before) && !setitimer(ITIMER_REAL, &every, NULL);
}

void progress_end(struct progress_line *p)
{
	const struct itimerval never = { 0 };

	if (!p->is_on)
		return;
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &before, NULL);
	if (is_shown && write(STDERR_FILENO, WIPE, strlen(WIPE)) < 0)
		is_shown = 0; /* who waited has gone */
	p->is_on = false;
}
