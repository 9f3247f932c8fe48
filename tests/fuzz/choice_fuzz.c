/* SPDX-License-Identifier: MIT */
/*
 * choice_fuzz.c - any question about pools, "KEY=VALUE" by lines: what is taken of it chooses a window of pools with hostile names, and of headings of
 * their groups, that lies within all, each of them once, and written down it is the same question again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/choice.h"
#include "base/buffer.h"
#include "model/snapshot.h"

#define N_POOLS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_question(char *text, struct pool_choice *ret)
{
	char *line, *key;

	while ((line = strsep(&text, "\n"))) {
		key = strsep(&line, "=");
		if (line)
			choice_set(ret, key, line);
	}
}

static void must(int is_so)
{
	if (!is_so)
		abort();
}

/* "%2A" and the like, in place; '&' begins a new line. */
static void decode(char *text)
{
	char *to = text;

	for (; *text; text++) {
		char hex[3] = { 0 };

		if (*text == '%') {
			memcpy(hex, text + 1, 2);
			*to++ = (char)strtol(hex, NULL, 16);
			text += 2;
		} else {
			*to++ = *text == '&' ? '\n' : *text;
		}
	}
	*to = '\0';
}

static int is_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static void must_be_written_as_it_is(const struct pool_choice *c)
{
	struct buffer text = { 0 };
	struct pool_choice again = { 0 };

	choice_write(c, &text);
	must(!text.error && text.data[0] == '?' && !strchr(text.data, '\n'));
	decode(text.data + 1);
	read_question(text.data + 1, &again);
	must(is_same(again.kind, c->kind) && is_same(again.pool, c->pool) &&
	     is_same(again.text, c->text) && is_same(again.order, c->order ? c->order : "worst"));
	must(again.pid == c->pid && again.is_sick == c->is_sick &&
	     again.is_reversed == c->is_reversed && again.first == c->first &&
	     again.limit == c->limit && again.around == c->around);
	must(is_same(again.group, c->group) && is_same(again.of, c->of) &&
	     again.is_folded == c->is_folded && again.with_trend == c->with_trend &&
	     again.with_summary == c->with_summary);
	must(choice_check(&again) == choice_check(c));
	buffer_done(&text);
}

/* Each line of the window is a heading, or a pool of the group before. */
static void must_lie_within(const struct pool_choice *c, const struct pools_chosen *chosen)
{
	size_t n_headings = 0;

	for (size_t k = 0; k < chosen->n_groups; k++) {
		const struct pool_group *g = &chosen->group[k];

		must(g->n_pools && g->n_pools <= chosen->n_chosen && g->n_sick <= g->n_pools);
		must(g->line >= 0 || (!k && g->line == -1));
		must(!k || g->line > g[-1].line);
		n_headings += g->line >= 0;
	}
	must(chosen->first + chosen->n + n_headings <= chosen->n_lines);
	must(!c->limit || chosen->n + n_headings <= c->limit);
	for (size_t i = 0; c->group && i < chosen->n; i++) {
		must(chosen->in[i] < chosen->n_groups);
		must(!i || chosen->in[i] >= chosen->in[i - 1]);
	}
}

static void must_choose(const struct pool_choice *c)
{
	static const char *const names[N_POOLS] = { "db", "\x1b[2J\xff", "", "*[!a" };
	struct pool_row pools[N_POOLS];
	struct finding_row finding = { .severity = SEVERITY_WARNING,
				       .is_open = true,
				       .pool_id = 3 };
	struct snapshot s = {
		.pools = pools, .n_pools = N_POOLS, .findings = &finding, .n_findings = 1
	};
	struct pools_chosen chosen;
	unsigned int seen = 0;

	for (int i = 0; i < N_POOLS; i++) {
		pools[i] = pool_row_unknown;
		pools[i].id = (uint64_t)i + 1;
		pools[i].pid = i;
		pools[i].name = names[i];
		pools[i].process = names[N_POOLS - 1 - i];
		pools[i].service = names[i / 2];
		pools[i].container_id = i ? names[i - 1] : NULL;
	}
	if (choice_check(c))
		return;
	must(!choice_make(c, &s, &chosen));
	must(chosen.n <= chosen.n_chosen && chosen.n_chosen <= N_POOLS);
	must(c->group || (chosen.n_lines == chosen.n_chosen && !chosen.n_groups));
	must_lie_within(c, &chosen);
	for (size_t i = 0; i < chosen.n; i++) {
		must(!(seen >> chosen.row[i]->id & 1));
		seen |= 1u << chosen.row[i]->id;
	}
	pools_chosen_done(&chosen);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct pool_choice c = { 0 };

	must(text != NULL);
	read_question(text, &c);
	must_choose(&c);
	must_be_written_as_it_is(&c);
	free(text);
	return 0;
}
