/* SPDX-License-Identifier: MIT */
/*
 * anonymous.h - a report without the names of its owner. Each process, pool, host, address, service, container, thread and file of its own gets
 * a pseudonym (process-1, address-2, ...), the same wherever it stands, also inside of sentences. What remains: functions, libraries, ports,
 * process ids, and what is this host's own (127.0.0.1). Pure.
 */
#ifndef POOLSCOPE_CMD_ANONYMOUS_H
#define POOLSCOPE_CMD_ANONYMOUS_H

#include <jansson.h>

/* All strings of a report, in place. -ENOMEM: some may be left as they were. */
int anonymize(json_t *report);

#endif
