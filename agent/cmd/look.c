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

bool look_is_asked(const char *name)
{
	return name && !strcmp(name, LOOKER_NAME);
}

int look_main(void)
{
	return looker_run(read_registers, NULL);
}
