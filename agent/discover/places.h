/* SPDX-License-Identifier: MIT */
/*
 * places.h - names for addresses in another process: the variable that a word of memory belongs to, and the functions that a piece of a
 * thread's stack leads through. All names are foreign, cut, and not cleaned.
 */
#ifndef POOLSCOPE_DISCOVER_PLACES_H
#define POOLSCOPE_DISCOVER_PLACES_H

#include <stddef.h>
#include <stdint.h>

#define PLACE_BYTES 128	/* of a name, with its NUL */

/*
 * "app:the_lock", "app:table+40", or "libc.so.6+0x1d2c60" where no symbol has it; nothing moves in a file, so the name is the same in each
 * process. -ENOENT for memory of no file (heap, stacks), -ESRCH, or what opening the file says.
 */
int place_of_data(uint32_t pid, uint64_t address, char ret[static PLACE_BYTES]);

/*
 * Who called whom, the innermost first: each word that is the address behind a call in a file that the process maps, as "function (file)".
 * That reads no unwinding tables and needs no frame pointers; an old word that nobody has overwritten yet may stand among them. Returns how
 * many of at most n there are.
 */
size_t places_of_stack(uint32_t pid, const uint64_t *word, size_t n_words, char ret[][PLACE_BYTES],
		       size_t n);

#endif
