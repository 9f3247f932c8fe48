/* SPDX-License-Identifier: MIT */
/* argspec_fuzz.c - any text as the argument string of a note, for both machines. */
#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "discover/argspec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static _Bool find(void *context, const char *name, uint64_t *ret)
{
	(void)context;
	*ret = strlen(name) * 4096;
	return name[0] != 'z';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct argspec_symbols symbols = { find, NULL };
	struct ps_arg args[PS_MAX_ARGS];
	char *text = malloc(size + 1);
	struct diag d;
	unsigned int n;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	for (int machine = 0; machine < 2; machine++) {
		if (argspec_parse(text, machine ? EM_X86_64 : EM_AARCH64, &symbols, 4096, args, &n,
				  &d))
			continue;
		for (unsigned int i = 0; i < n; i++)
			if (args[i].kind == PS_ARG_NONE || args[i].kind >= PS_ARG_KIND_COUNT ||
			    !args[i].size || args[i].size > 8)
				abort();
	}
	free(text);
	return 0;
}
