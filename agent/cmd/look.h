/* SPDX-License-Identifier: MIT */
/*
 * look.h - the program as a looker (symbolize/looker.h), which no person starts.
 */
#ifndef POOLSCOPE_CMD_LOOK_H
#define POOLSCOPE_CMD_LOOK_H

#include <stdbool.h>

bool look_is_asked(const char *name);
int look_main(void);

#endif
