/* SPDX-License-Identifier: MIT */
/*
 * header.c - see header.h. The surprise: nothing wrong is said in words, and in no colour: who sees colour up there has to look.
 */
#include "top/header.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "cmd/field.h"
#include "term/frame.h"

#define CLOCK_BYTES 32

static int put(struct frame *f, int y, int x, enum meaning meaning, const char *text)
{
	return x + frame_text(f, y, x, f->width - x, meaning, text);
}

static const char *format_clock(double at, char ret[static CLOCK_BYTES])
{
	time_t t = isnan(at) ? 0 : (time_t)at;
	struct tm tm;

	if (isnan(at) || !localtime_r(&t, &tm) || !strftime(ret, CLOCK_BYTES, "%H:%M:%S", &tm))
		snprintf(ret, CLOCK_BYTES, "-");
	return ret;
}

/* One place more than a percentage elsewhere: an agent that costs 0.3 % costs something. */
static const char *format_share(double share, char ret[static TEXT_NUMBER_BYTES])
{
	if (isnan(share))
		snprintf(ret, TEXT_NUMBER_BYTES, "-");
	else
		snprintf(ret, TEXT_NUMBER_BYTES, "%.1f%%", share * 100);
	return ret;
}

static int draw_agent(struct frame *f, int y, int x, const json_t *summary)
{
	char share[TEXT_NUMBER_BYTES], bytes[TEXT_NUMBER_BYTES], events[TEXT_NUMBER_BYTES];
	char text[160];

	x = put(f, y, x, MEANS_DIM, "   agent ");
	snprintf(text, sizeof(text), "%s CPU, %s, %s events/s",
		 format_share(field_number(summary, "agent.cpu_share"), share),
		 text_format_bytes(field_number(summary, "agent.resident_bytes"), bytes),
		 text_format_count(field_number(summary, "agent.events_per_second"), events));
	return put(f, y, x, MEANS_PLAIN, text);
}

static void draw_first(struct frame *f, int y, const json_t *summary, const char *tail)
{
	char clock[CLOCK_BYTES], up[TEXT_NUMBER_BYTES], text[320];
	double uptime = field_number(summary, "uptime_seconds");
	int x;

	x = put(f, y, 0, MEANS_STRONG, "poolscope ");
	snprintf(text, sizeof(text), "%s  %s  ", field_text_or(summary, "host", "-"),
		 format_clock(field_number(summary, "time"), clock));
	x = put(f, y, x, MEANS_PLAIN, text);
	if (!isnan(uptime)) {
		x = put(f, y, x, MEANS_DIM, "up ");
		x = put(f, y, x, MEANS_PLAIN, text_format_duration(uptime, up));
	}
	draw_agent(f, y, x, summary);
	if (*tail && (int)text_width(tail) + 2 < f->width) {
		x = f->width - (int)text_width(tail);
		frame_text(f, y, x - 2, 2, MEANS_PLAIN, "  ");
		frame_text(f, y, x, f->width - x, MEANS_INFO, tail);
	}
}

static int draw_findings(struct frame *f, int y, int x, const json_t *summary)
{
	static const struct {
		const char *key, *word;
		enum meaning meaning;
	} severities[] = {
		{ "findings.critical", "critical", MEANS_CRITICAL },
		{ "findings.warning", "warning", MEANS_WARNING },
		{ "findings.info", "info", MEANS_INFO },
	};
	char text[64], number[TEXT_NUMBER_BYTES];
	int n_shown = 0;

	x = put(f, y, x, MEANS_DIM, "findings: ");
	for (size_t i = 0; i < sizeof(severities) / sizeof(severities[0]); i++) {
		double n = field_number(summary, severities[i].key);

		if (!(n > 0))
			continue;
		snprintf(text, sizeof(text), "%s%s %s", n_shown++ ? ", " : "",
			 text_format_count(n, number), severities[i].word);
		x = put(f, y, x, severities[i].meaning, text);
	}
	return n_shown ? x : put(f, y, x, MEANS_PLAIN, summary ? "none" : "-");
}

static int draw_losses(struct frame *f, int y, int x, const json_t *summary)
{
	double n = field_number(summary, "losses");
	char number[TEXT_NUMBER_BYTES];

	x = put(f, y, x, MEANS_DIM, "   lost: ");
	if (n > 0)
		return put(f, y, x, MEANS_WARNING, text_format_count(n, number));
	return put(f, y, x, MEANS_PLAIN, isnan(n) ? "-" : "nothing");
}

static void draw_second(struct frame *f, int y, const json_t *summary)
{
	char pools[TEXT_NUMBER_BYTES], sick[TEXT_NUMBER_BYTES], processes[TEXT_NUMBER_BYTES];
	char text[160];
	int x;

	x = draw_findings(f, y, 0, summary);
	x = draw_losses(f, y, x, summary);
	snprintf(text, sizeof(text), "   %s pools, %s sick, in %s processes",
		 text_format_count(field_number(summary, "pools"), pools),
		 text_format_count(field_number(summary, "sick"), sick),
		 text_format_count(field_number(summary, "processes"), processes));
	put(f, y, x, MEANS_PLAIN, text);
}

void header_draw(struct frame *f, int y, const json_t *summary, const char *tail)
{
	draw_first(f, y, summary, tail);
	draw_second(f, y + 1, summary);
}
