/* SPDX-License-Identifier: MIT */
/* diag.c - see diag.h. */
#include "base/diag.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "base/text.h"

int diag_set(struct diag *d, int error, const char *format, ...)
{
	va_list args;

	if (!d)
		return error;
	va_start(args, format);
	vsnprintf(d->text, sizeof(d->text), format, args);
	va_end(args);
	return error;
}

void diag_line(const struct diag *d, char ret[DIAG_BYTES])
{
	char text[DIAG_BYTES];

	if (d->file[0] && d->line)
		snprintf(text, sizeof(text), "%s:%u: %s", d->file, d->line, d->text);
	else
		snprintf(text, sizeof(text), "%s%s%s", d->file, d->file[0] ? ": " : "", d->text);
	text_clean(text, SIZE_MAX, ret, DIAG_BYTES);
}
