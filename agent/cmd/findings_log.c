/* SPDX-License-Identifier: MIT */
/* findings_log.c - see findings_log.h. The surprise: names in a line are other processes', so it is cleaned as a whole. */
#include "cmd/findings_log.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "model/snapshot.h"

#define NEWS_MAX 20 /* lines a tick */

static const char *journal_level(enum severity severity)
{
	if (!getenv("JOURNAL_STREAM"))
		return "";
	return severity == SEVERITY_CRITICAL ? "<3>" : severity == SEVERITY_WARNING ? "<4>" : "<6>";
}

static void log_finding(const struct finding_row *f)
{
	char line[1024], clean[1024];

	snprintf(line, sizeof(line), "%s, %s %s, %s%s%s pid %d: %s",
		 f->is_open ? "finding" : "finding ended", severity_name(f->severity), f->type,
		 f->pool ? f->pool : "", f->pool ? " of " : "", f->process ? f->process : "?",
		 f->pid, f->text ? f->text : "");
	text_clean(line, sizeof(line), clean, sizeof(clean));
	fprintf(stderr, "%spoolscope: %s\n", journal_level(f->severity), clean);
}

void findings_log(const struct snapshot *s)
{
	unsigned int n = 0;

	for (size_t i = 0; i < s->n_findings; i++)
		if (s->findings[i].is_news && n++ < NEWS_MAX)
			log_finding(&s->findings[i]);
	if (n > NEWS_MAX)
		fprintf(stderr, "poolscope: and %u more findings that opened or ended\n",
			n - NEWS_MAX);
}
