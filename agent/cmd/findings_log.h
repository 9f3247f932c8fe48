/* SPDX-License-Identifier: MIT */
/* findings_log.h - a line in the agent's log for each finding that opens or ends. */
#ifndef POOLSCOPE_CMD_FINDINGS_LOG_H
#define POOLSCOPE_CMD_FINDINGS_LOG_H

struct snapshot;

/* Of those that are new in this snapshot, on stderr; under systemd with the level that its journal takes from a line's beginning. */
void findings_log(const struct snapshot *s);

#endif
