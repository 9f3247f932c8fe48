/* SPDX-License-Identifier: MIT */
/*
 * threads.h - which threads have a record. The surprise: task storage has no limit of its own, so the records are counted; a record ends
 * with its thread.
 */
#ifndef POOLSCOPE_BPF_THREADS_H
#define POOLSCOPE_BPF_THREADS_H

#include "maps.h"

/* The record of a thread of a followed process, made if need be; NULL when there are too many (counted). May sleep. */
PS_INLINE struct ps_thread *ps_thread_make(struct task_struct *task)
{
	struct ps_thread *t = bpf_task_storage_get(&ps_threads, task, 0, 0);

	if (t)
		return t;
	if (ps_n_threads >= ps_threads_max) {
		ps_lost(PS_LOSS_threads_full);
		return 0;
	}
	t = bpf_task_storage_get(&ps_threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (t && !__sync_lock_test_and_set(&t->is_counted, 1)) /* two may make it at once */
		__sync_fetch_and_add(&ps_n_threads, 1);
	return t;
}

/* The thread ends. */
PS_INLINE void ps_thread_gone(struct ps_thread *t)
{
	if (t->is_counted)
		__sync_fetch_and_add(&ps_n_threads, -1);
	t->is_counted = 0;
}

#endif
