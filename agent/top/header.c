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

/* What there is no room for is left out as a whole. */
static int put_if_fits(struct frame *f, int y, int x, int end, const char *text)
{
	return x + (int)text_width(text) <= end ? put(f, y, x, MEANS_PLAIN, text) : x;
}

static void draw_agent(struct frame *f, int y, int x, int end, const json_t *summary)
{
	char number[TEXT_NUMBER_BYTES], text[64];

	if (x + 24 > end)
		return;
	x = put(f, y, x, MEANS_DIM, "   agent ");
	snprintf(text, sizeof(text), "%s CPU",
		 format_share(field_number(summary, "agent.cpu_share"), number));
	x = put_if_fits(f, y, x, end, text);
	snprintf(text, sizeof(text), ", %s",
		 text_format_bytes(field_number(summary, "agent.resident_bytes"), number));
	x = put_if_fits(f, y, x, end, text);
	snprintf(text, sizeof(text), ", %s events/s",
		 text_format_count(field_number(summary, "agent.events_per_second"), number));
	put_if_fits(f, y, x, end, text);
}

static void draw_first(struct frame *f, int y, const json_t *summary, const char *tail)
{
	int end = f->width - (int)text_width(tail), x;
	char clock[CLOCK_BYTES], number[TEXT_NUMBER_BYTES], text[320];
	double uptime = field_number(summary, "uptime_seconds");

	x = put(f, y, 0, MEANS_STRONG, "poolscope ");
	snprintf(text, sizeof(text), "%s  %s", field_text_or(summary, "host", "-"),
		 format_clock(field_number(summary, "time"), clock));
	x = put(f, y, x, MEANS_PLAIN, text);
	if (!isnan(uptime)) {
		x = put(f, y, x, MEANS_DIM, "  up ");
		x = put(f, y, x, MEANS_PLAIN, text_format_duration(uptime, number));
	}
	draw_agent(f, y, x, end - 2, summary);
	if (x + 2 <= end)
		frame_text(f, y, end, f->width - end, MEANS_INFO, tail);
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

/* Files whose pools are not watched in full, where there are any. */
static int draw_stepped_down(struct frame *f, int y, int x, const json_t *summary)
{
	double n = field_number(summary, "stepped_down");
	char number[TEXT_NUMBER_BYTES];

	if (!(n > 0))
		return x;
	x = put(f, y, x, MEANS_DIM, "   watched less: ");
	return put(f, y, x, MEANS_INFO, text_format_count(n, number));
}

static void draw_second(struct frame *f, int y, const json_t *summary)
{
	char pools[TEXT_NUMBER_BYTES], sick[TEXT_NUMBER_BYTES], processes[TEXT_NUMBER_BYTES];
	char text[160];
	int x;

	x = draw_findings(f, y, 0, summary);
	x = draw_losses(f, y, x, summary);
	x = draw_stepped_down(f, y, x, summary);
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
