/* SPDX-License-Identifier: MIT */
/*
 * otlp_resource.h - who a metric or a finding is of, as OpenTelemetry's Resource: a watched process, or the agent. Names by its semantic conventions
 * 1.44 (service, process, container, host, os). What the process says of itself comes last, and never in place of what was measured.
 */
#ifndef POOLSCOPE_EXPORTERS_OTLP_RESOURCE_H
#define POOLSCOPE_EXPORTERS_OTLP_RESOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

struct process_row;
struct snapshot;

/* Packs the Resource of a process. Its own service.instance.id is used unless is_own_id is false (another process has it). -ENOMEM. */
int resource_of_process(const struct snapshot *s, const struct process_row *row, bool is_own_id,
			struct buffer *ret);

/* That of the agent. */
int resource_of_agent(const struct snapshot *s, struct buffer *ret);

/* What it calls itself, as service.instance.id; NULL = nothing. */
const char *resource_own_id(const struct process_row *row);

/* The name by which series have it, "process" elsewhere: service, else executable. */
const char *resource_label(const struct process_row *row);

/*
 * The row of a pid in the snapshot, else one that has what is known of it from elsewhere: process and service, either may be NULL. Borrows all of it.
 */
struct process_row resource_row(const struct snapshot *s, int32_t pid, const char *process,
				const char *service, const char *container_id);

/* Whether the snapshot has a row of the process. */
bool resource_is_there(const struct snapshot *s, int32_t pid);

/* What the Resource depends on as a number: another Resource when it is another one. Without the start time, which may be measured anew. */
uint64_t resource_digest(const struct process_row *row);

#endif
