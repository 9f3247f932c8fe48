/* SPDX-License-Identifier: MIT */
/*
 * found.h - the threads of processes that listen, as a pass over all tasks finds them: those that were there before the agent, and how many
 * there are of a name. What they do from then on is told by serving.h.
 *
 * The surprise: an agent that comes when all are at work sees nobody wait, so the files that a process has tell what it is.
 */
#ifndef POOLSCOPE_BPF_FOUND_H
#define POOLSCOPE_BPF_FOUND_H

#include "serving.h"

/* A thread of a process that listens, which sleeps in this system call, or (PS_NO_CALL) does not. */
struct ps_found {
	struct task_struct *task;
	__u64 call;
	__u64 word; /* of a futex */
};

#define PS_NO_CALL (~0ull)

/* The sockets in whose queues it hangs, by poll() or select(). */
PS_INLINE void ps_polls(struct task_struct *task, const struct ps_holding *h,
			struct ps_watched *ret)
{
	for (int i = 0; i < PS_LISTENERS; i++)
		if (h->listener[i] && ps_polls_at((__u64)task->pid, h->listener[i]))
			ps_watch_listener(ret, h->inode[i]);
}

/* Its files tell what it is: a worker that is at work, or idle in a poll that was not seen to begin, or neither. */
static __attribute__((noinline, unused)) int ps_found_by_files(struct ps_found *found,
							       struct ps_worker *w)
{
	struct task_struct *task = found->task;
	struct ps_holding h = {};
	struct ps_watched at = {};
	__u64 now = bpf_ktime_get_ns();
	int is_single = task->signal->nr_threads == 1;
	struct ps_proc_key proc;

	ps_holding_of(task, &h);
	ps_proc_key_read(task, &proc);
	if (ps_is_select(found->call) || ps_is_poll(found->call))
		ps_polls(task, &h, &at);
	if (at.n_listeners) {
		at.n_conns = is_single ? h.n_conns : 0; /* others may serve them */
		ps_watched_at(task, w, &at, now);
		return 0;
	}
	if (task->pid != task->tgid)
		return 0;
	if (is_single && !h.n_conns && ps_is_lock(found->call)) {
		if (!ps_parent_waits(task)) {
			ps_holds(&h, &at);
			ps_poller_in_turn(w, &at, &proc, now);
		}
		return 0;
	}
	if (!h.n_listeners) {
		w->is_aside = 1;
		return 0;
	}
	if (!h.n_conns && !found->word && (w->is_aside || found->call != PS_NO_CALL)) {
		w->is_aside = 1;
		for (int i = 0; i < PS_LISTENERS; i++)
			if (h.inode[i])
				ps_acceptor_aside(h.inode[i]);
		return 0;
	}
	if (!is_single || h.n_conns != 1 || w->is_known || found->call == PS_NO_CALL ||
	    w->state != PS_WORKER_NEW || ps_parent_waits(task))
		return 0;
	ps_holds(&h, &at);
	ps_acceptor_found(w, &at, h.conn, &proc, now);
	return 0;
}

/* It polls for connections and was not seen to serve any: at the other sockets that it has it is no worker (a parent of several pools). */
static __attribute__((noinline, unused)) int ps_found_waiting(struct ps_found *found,
							      struct ps_worker *w)
{
	struct ps_family *f = ps_acceptor_family(w);
	struct ps_holding h = {};

	ps_acceptor_look(w, bpf_ktime_get_ns());
	if (!f || f->blocked || !w->is_polling || found->task->pid != found->task->tgid ||
	    !ps_is_scan_due(w))
		return 0;
	ps_holding_of(found->task, &h);
	for (int i = 0; i < PS_LISTENERS; i++)
		if (h.inode[i] && h.inode[i] != w->listener)
			ps_acceptor_aside(h.inode[i]);
	return 0;
}

static __attribute__((noinline, unused)) int ps_found_asleep(struct ps_found *found,
							     struct ps_worker *w)
{
	struct task_struct *task = found->task;
	struct ps_watched at = {};
	struct ps_proc_key proc;
	__u64 args[2], listener;

	ps_call_args(task, args);
	if (ps_is_accept(found->call)) {
		listener = ps_inode_of(task, args[0]);
		ps_proc_key_read(task, &proc);
		if (listener)
			ps_acceptor_sleeps(w, listener, &proc, bpf_ktime_get_ns());
	} else if (ps_is_epoll(found->call)) {
		ps_watch_epoll((__u64)(unsigned long)ps_file_of(task, args[0]), &at);
		if (at.n_listeners)
			ps_watched_at(task, w, &at, bpf_ktime_get_ns());
	}
	return 0;
}

static __attribute__((noinline, unused)) int ps_found_beside(struct ps_found *found,
							     struct ps_worker *w)
{
	struct task_struct *leader = found->task->group_leader;
	struct ps_worker *first = leader ? bpf_task_storage_get(&ps_workers, leader, 0, 0) : 0;
	struct ps_proc_key proc;

	if (!first || !first->listener || !first->is_polling)
		return 0;
	ps_proc_key_read(found->task, &proc);
	ps_poller_sibling(w, first, found->word, &proc, bpf_ktime_get_ns());
	return 0;
}

static __attribute__((noinline, unused)) int ps_found_count(struct ps_found *found,
							    struct ps_worker *w, int is_unrecorded)
{
	struct task_struct *task = found->task, *leader = task->group_leader;
	struct ps_counted c = { .word = found->word,
				.is_leader = task->pid == task->tgid,
				.is_unrecorded = (__u32)is_unrecorded };
	struct ps_proc_key proc;

	ps_proc_key_read(task, &proc);
	bpf_probe_read_kernel(c.comm, sizeof(c.comm), task->comm);
	bpf_probe_read_kernel(c.leader, sizeof(c.leader), leader->comm);
	ps_worker_count(w, &proc, &c, bpf_ktime_get_ns());
	return 0;
}

/* Of a process once; of another thread of it, that the sockets tell what it polls. */
PS_INLINE int ps_are_files_due(const struct ps_found *found, struct ps_worker *w)
{
	if (found->task->pid == found->task->tgid)
		return ps_is_scan_due(w);
	if (w->looked_ns || (!ps_is_select(found->call) && !ps_is_poll(found->call)))
		return 0;
	w->looked_ns = bpf_ktime_get_ns();
	return 1;
}

static __attribute__((noinline, unused)) int ps_serving_found(struct ps_found *found)
{
	struct ps_worker *w = ps_worker_make(found->task), nobody = {};

	if (!w)
		return ps_found_count(found, &nobody, 1);
	if (w->listener)
		return ps_found_waiting(found, w);
	if (!w->is_loop && found->call != PS_NO_CALL)
		ps_found_asleep(found, w);
	if (!w->is_loop && !w->listener && !w->name && ps_are_files_due(found, w))
		ps_found_by_files(found, w);
	if (!w->is_loop && !w->listener && !w->name && found->task->pid != found->task->tgid)
		ps_found_beside(found, w);
	ps_found_count(found, w, 0);
	return 0;
}

#endif
