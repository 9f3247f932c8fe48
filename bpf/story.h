/* SPDX-License-Identifier: MIT */
/*
 * story.h - what a person or a detector would want to read, into the ring buffer. Never wakes the agent (a waking ring costs
 * its target 640 ns an event, measured 2026-11); capped per CPU and second; what does not fit is counted.
 */
#ifndef POOLSCOPE_BPF_STORY_H
#define POOLSCOPE_BPF_STORY_H

#include "maps.h"

PS_INLINE int ps_story_allowed(__u64 now)
{
	__u32 zero = 0;
	struct ps_story_cap *cap = bpf_map_lookup_elem(&ps_story_caps, &zero);
	__u64 second = now >> 30;

	if (!cap)
		return 0;
	if (cap->second != second) {
		cap->second = second;
		cap->n = 0;
	}
	if (cap->n >= ps_stories_per_second) {
		ps_lost(PS_LOSS_story_capped);
		return 0;
	}
	cap->n++;
	return 1;
}

/* What a story is about; the rest of the record (time, thread) is the caller's present. */
struct ps_story_about {
	const struct ps_pool_key *pool;
	__u64 item;
	__u64 waiter;
	__u64 duration_ns;
	__u32 kind;
	__u32 verb;
	__u32 detail;
};

PS_INLINE void ps_story_tell(const struct ps_story_about *about, __u64 now)
{
	struct ps_story *s;

	if (!ps_story_allowed(now))
		return;
	s = bpf_ringbuf_reserve(&ps_stories, sizeof(*s), 0);
	if (!s) {
		ps_lost(PS_LOSS_story_ring_full);
		return;
	}
	s->kind = (__u16)about->kind;
	s->size = sizeof(*s);
	s->verb = about->verb;
	s->t_ns = now;
	s->pool = *about->pool;
	s->item = about->item;
	s->waiter = about->waiter;
	s->duration_ns = about->duration_ns;
	s->detail = about->detail;
	s->tid = (__u32)bpf_get_current_pid_tgid();
	bpf_get_current_comm(s->comm, sizeof(s->comm));
	bpf_ringbuf_submit(s, BPF_RB_NO_WAKEUP);
}

#endif
