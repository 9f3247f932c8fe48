/* SPDX-License-Identifier: MIT */
/*
 * pages.h - the pages of the program and its libraries that are mapped and not needed: what only the start used, or a command long ago.
 */
#ifndef POOLSCOPE_CMD_PAGES_H
#define POOLSCOPE_CMD_PAGES_H

/*
 * Unmaps all that can be read again from its file. What is in use comes back at its next use from the kernel's cache, 16 pages at a time; the rest no
 * longer counts as the agent's, and the kernel may drop it. Some 30 us, and 200 page faults after it (2026-11).
 */
void pages_give_back(void);

#endif
