/* SPDX-License-Identifier: MIT */
/*
 * prefs_fuzz.c - any bytes as the file that `top` remembers its columns in: it is taken, and then written it is the same again, or it is refused with
 * one clean sentence and changes nothing.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/diag.h"
#include "base/text.h"
#include "top/prefs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int is_so)
{
	if (!is_so)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool usual[COLUMN_COUNT], shown[COLUMN_COUNT], again[COLUMN_COUNT] = { 0 };
	struct buffer text = { 0 };
	struct diag d = { 0 };

	columns_default(usual);
	columns_default(shown);
	if (prefs_parse((const char *)data, size, shown, &d)) {
		must(!memcmp(shown, usual, sizeof(shown)));
		must(d.line > 0 && *d.text && text_is_clean(d.text));
		return 0;
	}
	prefs_format(shown, &text);
	must(!text.error && text.n < PREFS_BYTES);
	must(!prefs_parse(text.data, text.n, again, &d));
	must(!memcmp(shown, again, sizeof(shown)));
	buffer_done(&text);
	return 0;
}
