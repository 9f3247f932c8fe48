/* SPDX-License-Identifier: MIT */
/* look.c - see look.h. */
#include "cmd/look.h"

#include <string.h>

#include "probe/registers.h"
#include "symbolize/looker.h"

static int read_registers(void *unused, uint32_t tid, struct ps_registers *ret)
{
	(void)unused;
	return registers_read(LOOKER_PROGRAM, tid, ret);
}

static int sample_registers(void *unused, uint32_t tid, struct ps_registers *ret, uint8_t *stack,
			    size_t size, size_t *ret_n)
{
	(void)unused;
	return registers_sample(tid, ret, stack, size, ret_n);
}

static int read_taken(void *unused, const struct ps_ref_key *lease, struct ps_taken *ret)
{
	(void)unused;
	return registers_taken(LOOKER_TAKEN, lease, ret);
}

bool look_is_asked(const char *name)
{
	return name && !strcmp(name, LOOKER_NAME);
}

int look_main(void)
{
	const struct look_kernel kernel = { read_registers, sample_registers, read_taken, NULL };

	return looker_run(&kernel);
}
