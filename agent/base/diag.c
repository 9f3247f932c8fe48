/* SPDX-License-Identifier: MIT */
/* diag.c - see diag.h. */
#include "base/diag.h"

#include <stdarg.h>
#include <stdio.h>

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
