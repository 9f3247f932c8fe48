/* SPDX-License-Identifier: MIT */
/* paste_fuzz.c - whatever bytes names are made of, text for pasting has no control character and no markup, and stays within its limit. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"
#include "cmd/paste.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(char *text, size_t n)
{
	char *line = text;

	for (size_t i = 0; i < n; i++)
		assert(text[i] != '`' && text[i] != '<' && text[i] != '>');
	for (size_t i = 0; i + 1 < n; i++)
		assert(!(text[i] == '~' && text[i + 1] == '~') &&
		       !(text[i] == ']' && text[i + 1] == '('));
	for (char *end; (end = memchr(line, '\n', n - (size_t)(line - text))); line = end + 1) {
		*end = '\0';
		assert(text_is_clean(line));
	}
	assert(line == text + n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer b = { 0 };

	paste_add(&b, (const char *)data, size);
	if (b.n)
		check(b.data, b.n);
	buffer_done(&b);
	paste_add_section(&b, (const char *)data, size, size / 2);
	assert(b.n <= size / 2);
	for (size_t i = 0; i < b.n; i++)
		assert((i && b.data[i - 1] != '\n') || b.data[i] == '\n' || b.data[i] == ' ');
	buffer_done(&b);
	return 0;
}
