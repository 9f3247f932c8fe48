/* SPDX-License-Identifier: MIT */
/*
 * completion.h - the table of commands, as the completions of shells need it. Pure but for the printing, to stdout.
 *
 * What is printed is text of our own: names of pools never come here, the shells ask for them when a key is pressed.
 */
#ifndef POOLSCOPE_CMD_COMPLETION_H
#define POOLSCOPE_CMD_COMPLETION_H

#include <stddef.h>

struct command;

/* What can stand where the usage text has this word: "files", "pools", … or "words a b"; "" = nothing to propose. NULL: it is not known. */
const char *completion_class(const char *word);

/* The nth word of a command's arguments, without brackets, as a class; NULL after the last. */
const char *completion_argument(const struct command *c, size_t n);

/* Functions with the table, for bash and zsh alike. */
void completion_print_sh(void);

/* Calls of `complete`, for fish. */
void completion_print_fish(void);

#endif
