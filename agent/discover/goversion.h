/* SPDX-License-Identifier: MIT */
/* goversion.h - which release of Go built a program, from its build information (.go.buildinfo). */
#ifndef POOLSCOPE_DISCOVER_GOVERSION_H
#define POOLSCOPE_DISCOVER_GOVERSION_H

#include <stdbool.h>

#include "discover/elffile.h"

#define GO_VERSION_BYTES 32

/* Whether there is build information of Go: by the name of its section, or when sections are stripped by its first bytes. */
bool goversion_is_go(const struct elf_file *f);

/* "1.19.8", without the "go" before and without what may follow a blank. False = not known, or no release ("devel"). */
bool goversion_read(const struct elf_file *f, char ret[static GO_VERSION_BYTES]);

#endif
