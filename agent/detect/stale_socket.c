/* SPDX-License-Identifier: MIT */
/*
 * stale_socket.c - `stale-socket`: a connection lies idle in the pool that the other side has closed; who takes it next gets an error.
 *
 * What could fool it: a pool that is just about to notice; so it must lie there for a second. A connection that is in use and whose other
 * side has said all it had to say: so none is told where no connection is idle. A
 * single one of which nothing is known is no pool. A server may be at work still for one that hung up: of listeners none is told. Cost: a comparison.
 */
#include <stdio.h>

#include "detect/detector.h"

#define LIES_NS 1000000000

bool look_stale_socket(const struct look *l, struct told *ret)
{
	const struct pool_row *p = l->pool;

	if (p->kind == PS_KIND_listener || (p->idle == UNKNOWN && p->open < 2))
		return false;
	if (p->close_wait <= 0 || p->oldest_close_wait_ns < LIES_NS || p->idle == 0)
		return false;
	ret->severity = SEVERITY_WARNING;
	snprintf(ret->text, sizeof(ret->text),
		 "%s keeps %lld connection%s that the other side has closed", pool_title(p).text,
		 (long long)p->close_wait, p->close_wait == 1 ? "" : "s");
	snprintf(ret->evidence, sizeof(ret->evidence), "in CLOSE_WAIT, the oldest for %s",
		 duration((double)p->oldest_close_wait_ns / 1e9).text);
	snprintf(ret->advice, sizeof(ret->advice),
		 "an idle timeout shorter than the other side's, or a check before use");
	return true;
}
