/* SPDX-License-Identifier: MIT */
/*
 * findings_log.c - see findings_log.h. The surprise: names in a line are other processes', so it is cleaned as a whole; and OBJECT_PID is given only
 * where a finding opens, since journald looks that process up, and at the end it may be another one.
 */
#include "cmd/findings_log.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#ifdef HAVE_LIBSYSTEMD
#include <systemd/sd-journal.h>
#endif

#include "base/text.h"
#include "model/snapshot.h"

#define NEWS_MAX 20 /* lines a tick */
#define LINE_BYTES 1024

/* RFC 5424's numbers, which the journal has */
static int priority_of(enum severity severity)
{
	return severity == SEVERITY_CRITICAL ? 3 : severity == SEVERITY_WARNING ? 4 : 6;
}

bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;
	int n = 0;

	return stream && sscanf(stream, "%llu:%llu%n", &device, &inode, &n) == 2 && !stream[n] &&
	       !fstat(STDERR_FILENO, &st) && st.st_dev == device && st.st_ino == inode;
}

#ifdef HAVE_LIBSYSTEMD

#define FIELDS_MAX 12

struct entry {
	char text[FIELDS_MAX][LINE_BYTES + 32];
	struct iovec field[FIELDS_MAX];
	int n;
};

static void add_text(struct entry *e, const char *name, const char *value)
{
	struct iovec *field = &e->field[e->n];
	int n;

	if (!value)
		return;
	n = snprintf(e->text[e->n], sizeof(*e->text), "%s=", name);
	n += (int)text_clean(value, SIZE_MAX, e->text[e->n] + n, sizeof(*e->text) - (size_t)n);
	*field = (struct iovec){ .iov_base = e->text[e->n++], .iov_len = (size_t)n };
}

static void add_number(struct entry *e, const char *name, unsigned long long value)
{
	char number[24];

	snprintf(number, sizeof(number), "%llu", value);
	add_text(e, name, number);
}

static bool send_fields(const struct finding_row *f, const char *message)
{
	struct entry e = { .n = 0 };

	add_text(&e, "MESSAGE", message);
	add_text(&e, "MESSAGE_ID", f->is_open ? FINDING_OPENED_ID : FINDING_CLOSED_ID);
	add_number(&e, "PRIORITY", (unsigned long long)priority_of(f->severity));
	add_text(&e, "SYSLOG_IDENTIFIER", "poolscope");
	add_number(&e, "POOLSCOPE_FINDING", f->id);
	add_text(&e, "POOLSCOPE_STATE", f->is_open ? "open" : "closed");
	add_text(&e, "POOLSCOPE_TYPE", f->type);
	add_text(&e, "POOLSCOPE_SEVERITY", severity_name(f->severity));
	add_text(&e, "POOLSCOPE_POOL", f->pool);
	add_text(&e, "POOLSCOPE_PROCESS", f->process);
	if (f->pid > 0)
		add_number(&e, "POOLSCOPE_PID", (unsigned long long)f->pid);
	if (f->pid > 0 && f->is_open)
		add_number(&e, "OBJECT_PID", (unsigned long long)f->pid);
	return !sd_journal_sendv(e.field, e.n);
}

#else

static bool send_fields(const struct finding_row *f, const char *message)
{
	(void)f;
	(void)message;
	return false;
}

#endif

static void log_finding(const struct finding_row *f, bool is_journal)
{
	char line[LINE_BYTES], clean[LINE_BYTES], level[8] = "";

	snprintf(line, sizeof(line), "%s, %s %s, %s%s%s pid %d: %s",
		 f->is_open ? "finding" : "finding ended", severity_name(f->severity), f->type,
		 f->pool ? f->pool : "", f->pool ? " of " : "", f->process ? f->process : "?",
		 f->pid, f->text ? f->text : "");
	text_clean(line, sizeof(line), clean, sizeof(clean));
	if (is_journal && send_fields(f, clean))
		return;
	if (is_journal)
		snprintf(level, sizeof(level), "<%d>", priority_of(f->severity));
	fprintf(stderr, "%spoolscope: %s\n", level, clean);
}

void findings_log(const struct snapshot *s)
{
	bool is_journal = false;
	unsigned int n = 0;

	for (size_t i = 0; i < s->n_findings; i++) {
		if (!s->findings[i].is_news || n++ >= NEWS_MAX)
			continue;
		if (n == 1)
			is_journal = stderr_is_journal();
		log_finding(&s->findings[i], is_journal);
	}
	if (n > NEWS_MAX)
		fprintf(stderr, "poolscope: and %u more findings that opened or ended\n",
			n - NEWS_MAX);
}
