/* SPDX-License-Identifier: MIT */
/*
 * looker.h - the process that looks at stacks for the agent: requests (struct stack_of) come in by a socket, answers (struct stack) go out,
 * one message each. It is there because it parses what others wrote with libraries, for as long as that takes: it may hang or die,
 * and the agent's loop does not notice but by the end of the socket.
 */
#ifndef POOLSCOPE_SYMBOLIZE_LOOKER_H
#define POOLSCOPE_SYMBOLIZE_LOOKER_H

#include "symbolize/look.h"

/* The name under which the program starts as a looker, and the descriptors that it finds then. */
#define LOOKER_NAME "poolscope-looker"
#define LOOKER_SOCKET 3
#define LOOKER_PROGRAM 4	/* for registers_read() */
#define LOOKER_TAKEN 5	/* for registers_taken() */

/* Answers until the socket ends or nobody asks for a while; the exit status. */
int looker_run(const struct look_kernel *kernel);

#endif
