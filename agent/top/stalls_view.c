/* SPDX-License-Identifier: MIT */
/* stalls_view.c - see stalls_view.h. No surprise. */
#include "top/stalls_view.h"

#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "cmd/command.h"
#include "cmd/field.h"
#include "cmd/source.h"
#include "cmd/table.h"
#include "cmd/views.h"
#include "top/page.h"

int stalls_view_refresh(struct stalls_view *v, struct source *s, struct diag *d)
{
	const struct invocation all = { 0 };
	json_t *stalls = NULL;
	int r = stalls_get(&all, s, &stalls, d);

	if (r)
		return r;
	json_decref(v->stalls);
	v->stalls = stalls;
	return 0;
}

/* One that lasts now is what is looked for. */
static enum meaning row_meaning(const json_t *stalls, int i)
{
	return field_number(json_array_get(stalls, (size_t)i), "lasts_seconds") > 0 ? MEANS_WARNING
										    : MEANS_PLAIN;
}

void stalls_view_draw(struct stalls_view *v, struct frame *f, int top, int bottom)
{
	CLEANUP(table_done) struct table t = { 0 };
	CLEANUP(buffer_done) struct buffer text = { 0 };
	const json_t *stalls = field_array(v->stalls, "stalls");
	int n = (int)json_array_size(stalls), i = -1;
	char *next;

	v->n_visible = bottom - top - 1 > 0 ? bottom - top - 1 : 0;
	page_clamp(n, v->n_visible, &v->first);
	if (!n) {
		frame_text(f, top, 0, f->width, MEANS_DIM,
			   v->stalls ? "No process has stood still, as far as is known."
				     : "Nothing is known yet.");
		return;
	}
	stalls_tabulate(&t, v->stalls);
	if (f->width <= 0 || table_write(&t, (size_t)f->width, &text))
		return;
	for (next = text.data; i < n && next; i++) {
		const char *line = strsep(&next, "\n");

		if (i < 0 && top < bottom)
			frame_text(f, top, 0, f->width, MEANS_HEAD, line);
		else if (i >= v->first && i - v->first < v->n_visible)
			frame_text(f, top + 1 + i - v->first, 0, f->width, row_meaning(stalls, i),
				   line);
	}
}

bool stalls_view_key(struct stalls_view *v, int key)
{
	return page_key(key, (int)json_array_size(field_array(v->stalls, "stalls")), v->n_visible,
			&v->first);
}

void stalls_view_done(struct stalls_view *v)
{
	json_decref(v->stalls);
	*v = (struct stalls_view){ 0 };
}
