/* SPDX-License-Identifier: MIT */
/*
 * record.c - `poolscope record`: blocks from the agent into a file. The surprise: it asks once a second for what is new, so the agent waits for nobody,
 * and keeps for a slow reader no more than it keeps anyway; who is too slow is told so.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/source.h"
#include "record/block.h"

#define LOOK_MS 100
#define LOOKS 10	/* for each time that it asks */

static volatile sig_atomic_t is_ended;

static void on_signal(int unused)
{
	(void)unused;
	is_ended = 1;
}

struct output {
	FILE *file;
	uint64_t next;	/* block */
	uint64_t n_blocks, n_bytes;
	double first_s, last_s;	/* CLOCK_MONOTONIC of the blocks */
};

static int cannot_write(const struct invocation *in, struct diag *d)
{
	return diag_set(d, -EIO, "%s cannot be written: %s", in->output, strerror(errno));
}

/* All of it or nothing: on a full disk what is in the file stays whole. */
static int write_whole(const struct invocation *in, struct output *o, const void *data, size_t n,
		       struct diag *d)
{
	int r;

	if (fwrite(data, 1, n, o->file) == n) {
		o->n_bytes += n;
		return 0;
	}
	r = cannot_write(in, d);
	if (ftruncate(fileno(o->file), (off_t)o->n_bytes) == 0)
		fseeko(o->file, (off_t)o->n_bytes, SEEK_SET);
	return r;
}

/* Blocks as they came, counted on the way; they are from the agent, and looked at no more than is needed for that. */
static int write_blocks(const struct invocation *in, struct output *o, const struct buffer *b,
			struct diag *d)
{
	struct output then = *o;
	size_t at = 0;

	while (at < b->n) {
		struct block_head h;

		if (b->n - at < BLOCK_HEAD_BYTES ||
		    block_head_parse((const unsigned char *)b->data + at, &h, NULL) ||
		    h.n_deflated > b->n - at - BLOCK_HEAD_BYTES || h.seq != then.next)
			return diag_set(d, -EPROTO, "no sense in the answer of the agent");
		if (!then.n_blocks++)
			then.first_s = (double)h.t_ns / 1e9;
		then.last_s = (double)h.t_ns / 1e9;
		then.next++;
		at += BLOCK_HEAD_BYTES + h.n_deflated;
	}
	if (b->n && write_whole(in, o, b->data, b->n, d))
		return -EIO;
	then.n_bytes = o->n_bytes;
	*o = then;
	return 0;
}

/* All that there is by now. */
static int fetch(const struct invocation *in, struct source *source, struct output *o,
		 uint64_t until, struct diag *d)
{
	for (;;) {
		CLEANUP(buffer_done) struct buffer b = { 0 };
		char what[32];
		int r;

		if (o->next >= until)
			return 0;
		snprintf(what, sizeof(what), "%" PRIu64, o->next);
		r = source_record(source, what, &b, d);
		if (r == -ESTALE)
			return diag_set(
				d, r,
				"the agent keeps no block %s any more: it was not asked in time",
				what);
		if (!r)
			r = write_blocks(in, o, &b, d);
		if (r || !b.n)
			return r;
	}
}

/* Until a signal comes, or the time is over. */
static int go_on(const struct invocation *in, struct source *source, struct output *o,
		 struct diag *d)
{
	double end_s = in->seconds ? (double)clock_ns(CLOCK_MONOTONIC) / 1e9 + in->seconds : 0;
	int r = 0;

	for (unsigned int i = 1;
	     !r && !is_ended && !(end_s && (double)clock_ns(CLOCK_MONOTONIC) / 1e9 >= end_s); i++) {
		r = source_wait(source, LOOK_MS, d);
		if (!r && i % LOOKS == 0)
			r = fetch(in, source, o, UINT64_MAX, d);
	}
	return r ? r : fetch(in, source, o, UINT64_MAX, d);
}

/* Before anything is written over. */
static int ask(const struct invocation *in, struct source *source, struct output *o,
	       uint64_t *ret_until, struct diag *d)
{
	CLEANUP(buffer_done) struct buffer b = { 0 };
	int r = source_record(source, in->is_flight ? "first" : "begin", &b, d);

	if (r)
		return r;
	if (!b.data || sscanf(b.data, "%" SCNu64 " %" SCNu64, &o->next, ret_until) != 2)
		return diag_set(d, -EPROTO, "no sense in the answer of the agent");
	if (in->is_flight && o->next >= *ret_until)
		return diag_set(
			d, -ENODATA,
			"the agent keeps nothing: its flight recorder is off, or rests; `poolscope doctor` says why");
	return 0;
}

static int begin(const struct invocation *in, struct output *o, struct diag *d)
{
	unsigned char head[RECORDING_HEAD_MOST];
	size_t n = recording_head_format(head, sizeof(head));

	return write_whole(in, o, head, n, d);
}

static int end(const struct invocation *in, struct output *o, struct diag *d)
{
	const struct block_head h = { .flags = BLOCK_END, .seq = o->next };
	unsigned char bytes[BLOCK_HEAD_BYTES];

	block_head_format(&h, bytes);
	if (write_whole(in, o, bytes, sizeof(bytes), d))
		return -EIO;
	return fsync(fileno(o->file)) ? cannot_write(in, d) : 0;
}

/* A new file that only the owner may read: it has the names of all that runs here. As newfile.h, but it grows. */
static FILE *open_output(const struct invocation *in, struct diag *d)
{
	struct stat st;
	FILE *f;
	int fd;

	if (in->is_forced && !lstat(in->output, &st) &&
	    (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode)))
		unlink(in->output);
	fd = open(in->output, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	f = fd < 0 ? NULL : fdopen(fd, "wb");
	if (!f) {
		if (fd < 0 && errno == EEXIST)
			diag_set(d, -EEXIST, "%.150s is there already: give another name%s",
				 in->output, in->is_forced ? "" : ", or --force to replace it");
		else
			cannot_write(in, d);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	setvbuf(f, NULL, _IONBF, 0); /* what is written is in the file, or it is an error at once */
	return f;
}

static void say(const struct invocation *in, const struct output *o)
{
	char lasted[TEXT_NUMBER_BYTES], size[TEXT_NUMBER_BYTES];

	fprintf(stderr, "%s: %" PRIu64 " ticks, %s, %s\n", in->output, o->n_blocks,
		text_format_duration(o->last_s - o->first_s, lasted),
		text_format_bytes((double)o->n_bytes, size));
}

int command_record(const struct invocation *in)
{
	CLEANUP(cleanup_source) struct source *source = NULL;
	struct sigaction stop = { .sa_handler = on_signal };
	AUTO_FCLOSE FILE *file = NULL;
	struct output o = { 0 };
	struct diag d = { 0 };
	uint64_t until = 0;
	int r;

	if (!in->output)
		return command_misused(in, "it needs --output FILE");
	if (source_open(in, &source, &d) || ask(in, source, &o, &until, &d))
		return command_fail(in, "%s", d.text);
	o.file = file = open_output(in, &d);
	if (!file)
		return command_fail(in, "%s", d.text);
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	r = begin(in, &o, &d);
	if (!r)
		r = in->is_flight ? fetch(in, source, &o, until, &d) : go_on(in, source, &o, &d);
	if (o.n_bytes) {
		struct diag unused = { 0 };

		/* what there is is whole, also when no more can come */
		if (end(in, &o, r ? &unused : &d))
			r = -EIO;
		say(in, &o);
	}
	return r ? command_fail(in, "%s", d.text) : EXIT_DONE;
}
