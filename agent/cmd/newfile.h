/* SPDX-License-Identifier: MIT */
/* newfile.h - a file that only its owner may read, and that is nobody else's: no symbolic link is followed, no file is lost unasked. */
#ifndef POOLSCOPE_CMD_NEWFILE_H
#define POOLSCOPE_CMD_NEWFILE_H

#include <stdbool.h>
#include <stddef.h>

struct diag;

/*
 * Writes a new file with mode 0600. -EEXIST when there is something of that name, be it a link that leads nowhere; unless `is_replacing`: then what is
 * there, a file or the link itself, is replaced as a whole, at once. On an error d has a sentence, and nothing is left behind.
 */
int newfile_write(const char *path, const void *data, size_t n, bool is_replacing, struct diag *d);

#endif
