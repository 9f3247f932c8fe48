/* SPDX-License-Identifier: MIT */
/*
 * notes.h - the USDT points of an ELF file: SystemTap's notes (section .note.stapsdt, owner "stapsdt", type 3), as
 * <https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation> describes them.
 *
 * The file is hostile: whatever it claims is checked against its size and its program headers. A note that points outside the
 * executable part (or whose semaphore lies outside the writable part) is counted as bad and left out; it never spoils the rest.
 */
#ifndef POOLSCOPE_DISCOVER_NOTES_H
#define POOLSCOPE_DISCOVER_NOTES_H

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

struct note {
	char provider[64];
	char name[64];
	char args[256];
	uint64_t pc_vaddr;
	uint64_t pc_offset;	/* of the probe site in the file */
	uint64_t semaphore_offset;	/* in the file; 0 = none */
};

struct notes {
	struct note *list;	/* owned */
	size_t n;
	size_t n_bad;	/* malformed or pointing outside; only those of the wanted provider where that can be read */
	size_t n_over;	/* left out because of the limit */
	uint16_t machine;	/* EM_X86_64, EM_AARCH64 */
};

/*
 * Reads the notes of one provider (NULL = all) from an open file, at most `limit`. 0, also without any note; -ENOEXEC when it is
 * no 64-bit little-endian ELF file; -EBADMSG when its headers lie; -ENOMEM. notes_done() is safe in every case.
 */
int notes_read(int fd, const char *provider, size_t limit, struct notes *ret, struct diag *d);
void notes_done(struct notes *n);

#endif
