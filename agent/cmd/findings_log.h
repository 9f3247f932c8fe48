/* SPDX-License-Identifier: MIT */
/* findings_log.h - a line in the agent's log for each finding that opens or ends. */
#ifndef POOLSCOPE_CMD_FINDINGS_LOG_H
#define POOLSCOPE_CMD_FINDINGS_LOG_H

#include <stdbool.h>

struct snapshot;

/* Of the journal's entries: promised, as users' matches have them. */
#define FINDING_OPENED_ID "7d0631b046f44902b8b2b81d6e034fb1"
#define FINDING_CLOSED_ID "fecfa60eb08645d88b7f93cc024eb3ee"

/*
 * Of those that are new in this snapshot, on stderr. Where that is the journal, an entry with fields instead; a program that was built without
 * libsystemd gives it the line, with its level in front.
 */
void findings_log(const struct snapshot *s);

/* Whether systemd has connected stderr to the journal, and nobody has redirected it since. */
bool stderr_is_journal(void);

#endif
