/* SPDX-License-Identifier: MIT */
/*
 * members.h - where a member lies in its struct, by the debug information of the file (DWARF, read by libdw).
 */
#ifndef POOLSCOPE_DISCOVER_MEMBERS_H
#define POOLSCOPE_DISCOVER_MEMBERS_H

#include <stdint.h>

#include "base/diag.h"

/*
 * The offset in bytes of `member` ("maxOpen"; of nested structs "a.b"; of a bit field the byte in which it begins) in struct or
 * typedef `type` ("database/sql.DB"), from the file open at `fd` (borrowed). -ENOENT with what is missing: the debug information,
 * the type, the member.
 */
int members_find(int fd, const char *type, const char *member, int64_t *ret, struct diag *d);

#endif
