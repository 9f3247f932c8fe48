/* SPDX-License-Identifier: MIT */
/*
 * prometheus_accept.c - which form an Accept header wants (RFC 9110, 12.5.1). The surprise: the range that says most of a form decides for that form,
 * so "text/plain;q=0" forbids it beside any "*" there is; and what is equal is decided by who stands first. A range with a parameter that none
 * of ours has is not ours: version=0.0.1 of OpenMetrics, or the text form of protobuf. But `escaping` and what else we do not know is passed over.
 */
#include <string.h>
#include <strings.h>

#include "exporters/prometheus.h"

struct piece {
	const char *at;
	size_t n;
};

/* What is ours of each form; NULL = any. */
static const struct media {
	const char *type, *subtype;
	const char *version, *proto, *encoding;
} media[PROMETHEUS_FORMATS] = {
	[PROMETHEUS_TEXT] = { "text", "plain", "0.0.4", NULL, NULL },
	[PROMETHEUS_OPENMETRICS] = { "application", "openmetrics-text", "1.0.0", NULL, NULL },
	[PROMETHEUS_PROTOBUF] = { "application", "vnd.google.protobuf", NULL,
				  "io.prometheus.client.MetricFamily", "delimited" },
};

/* What the header says of one form so far. */
struct wish {
	int said;	/* how much the deciding range says of it; 0 = none is for it */
	int q;	/* in thousandths */
	unsigned int place;	/* of that range in the header */
};

static bool is(struct piece p, const char *s)
{
	return p.n == strlen(s) && !strncasecmp(p.at, s, p.n);
}

static struct piece trim(const char *begin, const char *end)
{
	while (begin < end && (*begin == ' ' || *begin == '\t'))
		begin++;
	while (end > begin && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return (struct piece){ begin, (size_t)(end - begin) };
}

/* The part of *rest before `stop`, which does not count between quotes; *rest is what follows it, NULL at the end. */
static struct piece next_part(struct piece *rest, char stop)
{
	const char *end = rest->at + rest->n, *at = rest->at;
	struct piece part;
	bool is_quoted = false;

	for (; at < end && (is_quoted || *at != stop); at++) {
		if (*at == '"')
			is_quoted = !is_quoted;
		else if (*at == '\\' && is_quoted && at + 1 < end)
			at++;
	}
	part = trim(rest->at, at);
	*rest = at < end ? (struct piece){ at + 1, (size_t)(end - at - 1) }
			 : (struct piece){ NULL, 0 };
	return part;
}

/* "0", "0.25", "1.000" in thousandths; -1 for what is no weight. */
static int parse_weight(struct piece p)
{
	int q = 0, unit = 1000;

	if (!p.n || p.n > 5 || (p.n > 1 && p.at[1] != '.'))
		return -1;
	for (size_t i = 0; i < p.n; i++) {
		if (i == 1)
			continue;
		if (p.at[i] < '0' || p.at[i] > '9')
			return -1;
		q += (p.at[i] - '0') * unit;
		unit /= 10;
	}
	return q <= 1000 ? q : -1;
}

/* name=value, whose quotes are taken off; a value with an escape stays as it is, and is none of ours then. */
static struct piece split_parameter(struct piece part, struct piece *ret_value)
{
	struct piece value = part, name = next_part(&value, '=');

	*ret_value = value.at ? trim(value.at, value.at + value.n) : (struct piece){ "", 0 };
	if (ret_value->n >= 2 && ret_value->at[0] == '"' && ret_value->at[ret_value->n - 1] == '"')
		*ret_value = (struct piece){ ret_value->at + 1, ret_value->n - 2 };
	return name;
}

/* One range: for each form how much it says of it, 0 = it is for another. */
struct range {
	int said[PROMETHEUS_FORMATS];
	int q;
};

static void match_type(struct range *r, struct piece name)
{
	struct piece subtype = name, type = next_part(&subtype, '/');

	for (unsigned int i = 0; i < PROMETHEUS_FORMATS; i++) {
		if (!subtype.at)
			r->said[i] = is(type, "*"); /* as some clients write it */
		else if (is(type, "*"))
			r->said[i] = is(subtype, "*");
		else if (is(type, media[i].type))
			r->said[i] = is(subtype, media[i].subtype) ? 3 : is(subtype, "*") ? 2 : 0;
	}
}

static void match_one(int *said, struct piece value, const char *ours)
{
	if (*said && ours)
		*said = is(value, ours) ? *said + 1 : 0;
}

static void match_parameter(struct range *r, struct piece part)
{
	struct piece value, name = split_parameter(part, &value);

	if (is(name, "q"))
		r->q = parse_weight(value);
	for (unsigned int i = 0; i < PROMETHEUS_FORMATS; i++) {
		if (is(name, "version"))
			match_one(&r->said[i], value, media[i].version);
		else if (is(name, "proto"))
			match_one(&r->said[i], value, media[i].proto);
		else if (is(name, "encoding"))
			match_one(&r->said[i], value, media[i].encoding);
		else if (is(name, "charset"))
			match_one(&r->said[i], value, "utf-8");
	}
}

static struct range parse_range(struct piece part)
{
	struct range r = { .q = 1000 };

	match_type(&r, next_part(&part, ';'));
	while (part.at)
		match_parameter(&r, next_part(&part, ';'));
	return r;
}

enum prometheus_format prometheus_choose(const char *accept)
{
	struct wish wish[PROMETHEUS_FORMATS] = { 0 };
	struct piece rest = { accept, accept ? strlen(accept) : 0 };
	enum prometheus_format best = PROMETHEUS_TEXT;

	for (unsigned int place = 0; rest.at; place++) {
		struct range r = parse_range(next_part(&rest, ','));

		for (unsigned int i = 0; i < PROMETHEUS_FORMATS && r.q >= 0; i++) {
			if (r.said[i] > wish[i].said)
				wish[i] = (struct wish){ r.said[i], r.q, place };
		}
	}
	for (unsigned int i = 0; i < PROMETHEUS_FORMATS; i++) {
		if (wish[i].q > wish[best].q ||
		    (wish[i].q && wish[i].q == wish[best].q && wish[i].place < wish[best].place))
			best = (enum prometheus_format)i;
	}
	return best;
}
