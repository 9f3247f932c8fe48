/* SPDX-License-Identifier: MIT */
/*
 * gotext.h - where Go's text begins, when its table of functions does not say so (Go 1.26 and later): runtime.firstmoduledata does.
 * It is not the start of .text: with external linking C's startup code comes first.
 */
#ifndef POOLSCOPE_DISCOVER_GOTEXT_H
#define POOLSCOPE_DISCOVER_GOTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "discover/elffile.h"

/*
 * The text of the module whose table of functions is at address `table` and reaches from the offset `first` to `end`. False when
 * no module data agrees with all of that.
 */
bool gotext_find(const struct elf_file *f, uint64_t table, uint64_t first, uint64_t end,
		 uint64_t *ret);

#endif
