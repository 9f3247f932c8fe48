/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
/*
 * poolscope.bpf.c - the programs, one object for all kernels. Each is a few lines: take the kernel's arguments, call the part
 * that knows what they mean. Which of them are loaded is the agent's decision at start (agent/probe/kernel.c).
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#include "kernel.h"

#include "abi.h"
#include "broadcasts.h"
#include "calls.h"
#include "contended.h"
#include "found.h"
#include "hist.h"
#include "progress.h"
#include "queues.h"
#include "serving.h"
#include "sockets.h"
#include "standing.h"
#include "threads.h"
#include "spec.h"
#include "unix.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#ifdef __TARGET_ARCH_x86
/*
 * A program in which another could be called keeps all of its frames on the kernel's stack (check_max_stack_depth(), kernel/bpf/verifier.c). The call is never
 * made, and the verifier removes it. Without it the frames lie in memory of the CPU since 6.13, by the belief that no program meets itself there. One
 * of a uprobe does, when its task is preempted within it: on 7.3, which always preempts, events had each other's arguments.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} ps_nowhere SEC(".maps");

static const volatile __u32 ps_goes_nowhere = 0;

#define PS_STACK_OF_THE_TASK(ctx)                                                                  \
	do {                                                                                       \
		if (ps_goes_nowhere)                                                               \
			bpf_tail_call(ctx, &ps_nowhere, 0);                                        \
	} while (0)
#else /* arm64 has such frames since 6.17, and refuses the call beside functions before 6.0 */
#define PS_STACK_OF_THE_TASK(ctx) (void)(ctx)
#endif

/* Every USDT point and every recipe; attached as uprobe_multi or as perf uprobe, chosen at load. */
SEC("kprobe")
int ps_probe(struct pt_regs *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
	struct ps_hit hit = { .cookie = bpf_get_attach_cookie(ctx) };

	PS_STACK_OF_THE_TASK(ctx);
	if (ps_is_left_out((__u32)task->tgid))
		return 0; /* it runs the same file as one that is watched */
	ps_proc_key_of(task, &hit.proc);
	hit.began_ns = task->group_leader->start_time;
	ps_probe_hit(&hit, ctx);
	return 0;
}

/* Fires after the new program is in place: what the process was before has ended. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(ps_exec, struct task_struct *task)
{
	struct ps_proc_key before = {
		.tgid = (__u32)task->tgid,
		.incarnation = ps_incarnation(task->group_leader->start_boottime,
					      task->group_leader->self_exec_id - 1),
	};

	ps_proc_gone(&before, bpf_ktime_get_ns());
	ps_serving_executes(task);
	if (ps_is_choosing)
		ps_leave_out((__u32)task->tgid); /* until the agent has looked at it */
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(ps_inet_state, struct sock *sk, int from, int to)
{
	ps_sock_set_state(sk, from, to);
	return 0;
}

/* ---- threads that sleep and wake, and what they send: see infer.h -------------------------------------------------------- */

static __attribute__((noinline)) int ps_gives_up(struct task_struct *task, struct ps_thread *t,
						 int how)
{
	int is_in_vain = how == PS_GIVE_UP_IN_VAIN;
	struct ps_proc_key proc;
	struct ps_comm comm;

	ps_proc_key_read(task, &proc);
	bpf_probe_read_kernel(&comm, sizeof(comm), task->comm);
	ps_thread_gave_up(t, how,
			  ps_given_up_add(&proc, ps_name_hash(&comm),
					  is_in_vain ? t->vain_word : t->word,
					  is_in_vain ? t->vain_ns : t->given_up_ns, how));
	return 0;
}

static __attribute__((noinline)) __u64 ps_task_stood_long(struct task_struct *task, __u64 now)
{
	struct ps_proc_key proc;

	ps_proc_key_read(task, &proc);
	return ps_stood_of(&proc, now);
}

/* ps_stood() of its process; most never did. */
static __attribute__((always_inline)) __u64 ps_task_stood(struct task_struct *task, __u64 now)
{
	return ps_may_have_stood((__u32)task->tgid) ? ps_task_stood_long(task, now) : 0;
}

/* When; 0 = it sleeps on no futex. slice_ns: how long it had its CPU. */
static __attribute__((always_inline)) __u64 ps_sleeps(struct task_struct *task, __u64 slice_ns)
{
	struct ps_futex_call call;
	struct ps_thread *t;
	__u64 now;

	if (!ps_calls_futex(task, 0, &call))
		return 0;
	t = bpf_task_storage_get(&ps_threads, task, 0, 0);
	if (!t)
		return 0;
	now = bpf_ktime_get_ns();
	t->off_ns = ps_off_ns(t, task->nvcsw, task->se.sum_exec_runtime, now);
	ps_contended_sleeps(task, t, &call, now);
	if (t->given_up_ns)
		ps_gives_up(task, t,
			    ps_thread_is_again(t, call.word, now) ? PS_GIVE_UP_RETRIES
								  : PS_GIVE_UP);
	else if (ps_thread_was_in_vain(t, now))
		ps_gives_up(task, t, PS_GIVE_UP_IN_VAIN);
	t->stood_ns = ps_task_stood(task, now);
	ps_thread_blocks(t, call.word, call.timeout != 0, now);
	ps_work_parks(ps_work_of((__u32)task->tgid), t, ps_is_endless(&call),
		      (__u32)ps_call_arg3(task), slice_ns, task->se.sum_exec_runtime);
	return now;
}

/* The current thread goes to sleep. A sleep that no signal ends is one for a lock of the kernel's, or for a disk. */
static __attribute__((always_inline)) void ps_worker_sleeps(struct task_struct *task,
							    unsigned int state)
{
	struct ps_futex_call futex = {};
	__u64 call = ps_call_of(task);

	if (!(state & PS_TASK_INTERRUPTIBLE))
		return;
	if (ps_is_accept(call))
		ps_accept_sleeps(task, ps_call_arg(task));
	else if (ps_is_wait(call))
		ps_wait_sleeps(call);
	else
		ps_else_sleeps(call, ps_calls_futex(task, 0, &futex) ? futex.word : 0);
}

static __attribute__((always_inline)) void ps_worker_runs(struct task_struct *task)
{
	__u64 call = ps_call_of(task);

	if (ps_is_accept(call))
		ps_accept_runs(task);
	else if (ps_is_wait(call))
		ps_wait_runs(task);
}

/* Its sleeps are followed: who has nobody beside it is not woken by a thread of its own process. */
static __attribute__((always_inline)) int ps_is_among_threads(struct task_struct *task)
{
	return ps_is_followed((__u32)task->tgid) && task->signal->nr_threads > 1;
}

/* How long `next` has waited for its CPU since it was woken, which `prev` leaves now; 0 where that is not known, as after an idle CPU. */
static __attribute__((noinline)) __u64 ps_queued_ns(struct task_struct *prev,
						    struct task_struct *next)
{
	__u64 at = prev->pid && prev->prio >= PS_PRIO_FAIR ? ps_scheduler_clock(prev) : 0;
	__u64 queued = at ? ps_queued_at(next) : 0;

	return queued && at > queued ? at - queued : 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(ps_switch, int is_preempted, struct task_struct *prev, struct task_struct *next,
	     unsigned int prev_state)
{
	struct ps_futex_call call;
	struct ps_thread *t;
	__u64 slice, now = 0; /* to read the clock takes longer than the rest */
	int is_among = ps_is_among_threads(prev);

	ps_ran_leaves((__u32)prev->tgid, is_preempted ? 0 : prev_state);
	ps_standing_leaves(prev, is_preempted ? 0 : prev_state);
	ps_standing_comes(next);
	if (is_among) {
		slice = ps_leaves(prev);
		if (prev_state & PS_TASK_INTERRUPTIBLE && !is_preempted) /* nor ended or stopped in the call */
			now = ps_sleeps(prev, slice);
	}
	if (ps_is_followed((__u32)prev->tgid))
		ps_contended_leaves(prev);
	if (prev_state && !is_preempted && ps_bits((__u32)prev->tgid) & PS_SERVING)
		ps_worker_sleeps(prev, prev_state);
	if (ps_bits((__u32)next->tgid) & PS_SERVING)
		ps_worker_runs(next);
	if (!ps_is_followed((__u32)next->tgid))
		return 0;
	ps_comes(next);
	if (!ps_calls_futex(next, 0, &call))
		return 0; /* one that slept among others may be the last one now */
	t = bpf_task_storage_get(&ps_threads, next, 0, 0);
	if (!t || !t->block_ns)
		return 0;
	if (!now)
		now = bpf_ktime_get_ns();
	if (t->lock)
		ps_contended_runs(next, t, now);
	t->stood_ns = ps_task_stood(next, now);
	ps_work_wakes(ps_work_of((__u32)next->tgid), t, next->se.sum_exec_runtime,
		      ps_times_left(next), now);
	t->ran_slept = (__u32)next->nvcsw;
	t->ran_used_ns = (__u32)next->se.sum_exec_runtime;
	ps_thread_runs(t, now, ps_thread_is_by_timer(t) ? ps_queued_ns(prev, next) : 0);
	return 0;
}

SEC("tp_btf/sched_waking")
int BPF_PROG(ps_waking, struct task_struct *task)
{
	struct task_struct *waker = (struct task_struct *)bpf_get_current_task_btf();
	struct ps_futex_call call;
	struct ps_thread *t, *by;
	__u64 word = 0, now;

	if (waker->tgid != task->tgid || !ps_is_among_threads(waker) ||
	    !ps_calls_futex(waker, 1, &call))
		return 0; /* what ps_thread_runs() is not told is a timer to it */
	t = bpf_task_storage_get(&ps_threads, task, 0, 0);
	if (!t)
		return 0;
	by = bpf_task_storage_get(&ps_threads, waker, 0, 0);
	if (call.number == PS_SYS_FUTEX_WAKE ||
	    PS_FUTEX_WAKES_ONE >> (call.op & PS_FUTEX_COMMANDS) & 1)
		word = call.word;
	ps_contended_wakes(waker, t, &call);
	ps_broadcast_looks(waker, by, t, &call);
	now = bpf_ktime_get_ns();
	if (by)
		by->stood_ns = ps_task_stood(waker, now);
	ps_thread_is_woken(t, by, (__u32)waker->pid, word, now);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(ps_exit, struct task_struct *task)
{
	struct ps_proc_key key;
	struct ps_thread *t;

	if (ps_is_followed((__u32)task->tgid)) {
		t = bpf_task_storage_get(&ps_threads, task, 0, 0);
		if (t && t->given_up_ns)
			ps_gives_up(task, t, PS_GIVE_UP);
		else if (t && t->vain_ns)
			ps_gives_up(task, t, PS_GIVE_UP_IN_VAIN);
		if (t)
			ps_thread_gone(t);
		ps_wakes_exits(task);
	}
	if (ps_bits((__u32)task->tgid) & PS_SERVING)
		ps_serving_exits(task);
	if (task->signal->live.counter > 0)
		return 0;
	ps_take_in((__u32)task->tgid);
	ps_proc_key_of(task, &key);
	ps_proc_gone(&key, bpf_ktime_get_ns());
	ps_ran_ends(key.tgid);
	ps_bits_clear(key.tgid, PS_FOLLOWED | PS_SERVING);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(ps_fork, struct task_struct *parent, struct task_struct *child)
{
	if (ps_is_choosing && ps_is_left_out((__u32)parent->tgid))
		ps_leave_out((__u32)child->tgid);
	if (ps_is_followed((__u32)child->tgid))
		ps_thread_make(child);
	ps_serving_forks(parent, child);
	return 0;
}

/* First use of a socket: what it is. NULL = not known, or not yet. */
static __attribute__((noinline)) struct ps_mark *ps_mark_make(struct sock *sk)
{
	__u64 id = (__u64)(unsigned long)sk;
	struct ps_sock *s = bpf_map_lookup_elem(&ps_socks, &id);
	struct ps_mark fresh = {};

	if (!s)
		return 0;
	fresh.role = s->role;
	if (s->role == PS_SOCK_CONNECT) {
		fresh.wire = s->wire ? s->wire : ps_wire_find(s);
		if (!fresh.wire)
			return 0;
	}
	return bpf_sk_storage_get(&ps_marks, sk, &fresh, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

/* Writes down in a Unix socket's own memory what it is. What is not followed has a mark that says so. */
static __attribute__((noinline)) struct ps_mark *ps_unix_mark_set(struct sock *sk, __u32 role,
								  __u64 wire)
{
	struct ps_mark fresh = { .wire = wire, .role = role, .flags = PS_MARK_UNIX };
	struct ps_mark *m =
		bpf_sk_storage_get(&ps_marks, sk, &fresh, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (m && (m->role != role || m->wire != wire))
		*m = fresh;
	return m;
}

/* First use of a Unix socket by a followed process, or the first one since another endpoint is followed. */
static __attribute__((noinline)) struct ps_mark *ps_unix_mark_make(struct sock *sk)
{
	struct ps_sock s = {};

	s.endpoint.role = ps_unix_role(sk, &s.endpoint.addr);
	if (s.endpoint.role == PS_SOCK_ACCEPT)
		return ps_unix_mark_set(sk, PS_SOCK_ACCEPT, 0);
	if (s.endpoint.role != PS_SOCK_CONNECT || ps_unix_is_one_way(sk))
		return ps_unix_mark_set(sk, 0, ps_unix_gen);
	ps_proc_key_of((struct task_struct *)bpf_get_current_task_btf(), &s.endpoint.proc);
	s.endpoint.netns = ps_sock_netns(sk);
	s.peer = ps_unix_peer(sk);
	s.user = (__u32)bpf_get_current_pid_tgid();
	if (ps_unix_take((__u64)(unsigned long)sk, &s, bpf_ktime_get_ns()))
		return ps_unix_mark_set(sk, 0, ps_unix_gen);
	return ps_unix_mark_set(sk, PS_SOCK_CONNECT, s.wire);
}

/* A pass meets an open connection of a followed process. One that came from another process stays that one's while it has its wire. */
static __attribute__((noinline)) int ps_unix_found(struct sock *sk, const struct ps_inventory *r)
{
	struct ps_mark *m = bpf_sk_storage_get(&ps_marks, sk, 0, 0);
	__u64 id = (__u64)(unsigned long)sk, wire;
	struct ps_sock *known = bpf_map_lookup_elem(&ps_socks, &id), s = {};

	if (ps_unix_is_known(known, m)) {
		wire = known->wire;
		if (bpf_map_lookup_elem(&ps_wires, &wire))
			return 0;
	}
	s.endpoint.proc = r->proc;
	s.endpoint.role = PS_SOCK_CONNECT;
	s.endpoint.netns = r->netns;
	s.endpoint.addr = r->addr;
	s.peer = ps_unix_peer(sk);
	if (!ps_unix_take(id, &s, bpf_ktime_get_ns()))
		ps_unix_mark_set(sk, PS_SOCK_CONNECT, s.wire);
	return 0;
}

static __attribute__((always_inline)) void ps_client_traffic(struct ps_mark *m, struct ps_thread *t,
							     __u64 id, int is_sent)
{
	struct ps_wire *w;

	if (!is_sent) {
		ps_client_asks(m, &t->turn, id, bpf_ktime_get_ns());
		return;
	}
	if (ps_client_is_answered(m, &t->turn)) {
		w = bpf_map_lookup_elem(&ps_wires, &t->turn.wire);
		if (w)
			ps_client_waited(w, m, &t->turn);
	}
	ps_client_rests(m, &t->turn, id);
}

static __attribute__((always_inline)) void
ps_loop_traffic(struct ps_wire *w, struct ps_mark *m, struct ps_thread *t, __u64 id, int is_sent)
{
	struct ps_sock *s;

	if (!(m->flags & PS_MARK_LOOPS)) {
		s = bpf_map_lookup_elem(&ps_socks, &id);
		if (!s)
			return;
		ps_mark_moves(m, s, w, 1);
	}
	if (!is_sent)
		ps_loop_is_answered(w, m, &t->turn, id, bpf_ktime_get_ns());
	else
		ps_loop_asks(w, m, &t->turn, id,
			     t->turn.client_ns ? t->turn.client_ns : bpf_ktime_get_ns());
	if (m->flags & PS_MARK_UNIX)
		ps_unix_loops(id, m);
}

static __attribute__((always_inline)) void ps_thread_traffic(struct ps_wire *w, struct ps_mark *m,
							     struct ps_thread *t,
							     struct task_struct *task, __u64 id,
							     int is_sent)
{
	struct ps_sock *s = bpf_map_lookup_elem(&ps_socks, &id);
	__u64 now;

	if (!s)
		return;
	if (m->flags & PS_MARK_LOOPS)
		ps_mark_moves(m, s, w, 0);
	if (m->flags & PS_MARK_UNIX && is_sent && t->last_sock != id)
		ps_unix_leave(t->last_sock);
	now = bpf_ktime_get_ns();
	if (t->given_up_ns && now - t->ran_ns >= PS_LONG_WAIT_NS)
		ps_gives_up(task, t, PS_GIVE_UP); /* and has done something else since: who got it at the last moment is sooner here */
	t->stood_ns = ps_task_stood(task, now);
	if (is_sent)
		ps_wire_sent(w, s, id, t, (__u32)task->pid, now);
	else
		ps_wire_received(w, s, id, t, (__u32)task->pid, now);
}

/* One thread too many has used a connection: of what the others do with the rest no sum is right. */
static __attribute__((noinline)) int ps_is_unfollowed(struct ps_mark *m)
{
	struct ps_wire *w = bpf_map_lookup_elem(&ps_wires, &m->wire);

	if (w)
		__sync_fetch_and_add(&w->unfollowed, 1);
	return 0;
}

/* 1 = the thread is an event loop. */
static __attribute__((always_inline)) int ps_traffic(struct sock *sk, int length, int is_sent)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
	__u64 id = (__u64)(unsigned long)sk;
	struct ps_thread *t;
	struct ps_mark *m;
	struct ps_wire *w;

	if (length <= 0 || !ps_is_followed((__u32)task->tgid))
		return 0;
	m = bpf_sk_storage_get(&ps_marks, sk, 0, 0);
	if (!m || (!m->role && m->wire != ps_unix_gen))
		m = sk->__sk_common.skc_family == PS_AF_UNIX ? ps_unix_mark_make(sk)
							     : ps_mark_make(sk);
	if (!m || (m->role != PS_SOCK_CONNECT && m->role != PS_SOCK_ACCEPT))
		return 0;
	t = ps_thread_make(task);
	if (!t)
		return ps_is_unfollowed(m);
	if (m->role == PS_SOCK_ACCEPT) {
		ps_client_traffic(m, t, id, is_sent);
		return ps_turn_is_loop(&t->turn);
	}
	w = bpf_map_lookup_elem(&ps_wires, &m->wire);
	if (!w)
		return 0;
	if (task->signal->nr_threads == 1 || ps_turn_is_loop(&t->turn) || ps_wire_is_loop(w))
		ps_loop_traffic(w, m, t, id, is_sent);
	else
		ps_thread_traffic(w, m, t, task, id, is_sent);
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(ps_sent, struct sock *sk, int length)
{
	ps_serves(sk, length, 1, ps_traffic(sk, length, 1));
	return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(ps_received, struct sock *sk, int length, int flags)
{
	if (!(flags & PS_MSG_PEEK))
		ps_serves(sk, length, 0, ps_traffic(sk, length, 0));
	return 0;
}

/* Kernels before 6.3 have no tracepoint there; where functions can be traced, it is TCP's own. */
SEC("fexit/tcp_sendmsg")
int BPF_PROG(ps_tcp_sent, struct sock *sk, void *message, __u64 size, int length)
{
	ps_serves(sk, length, 1, ps_traffic(sk, length, 1));
	return 0;
}

SEC("fexit/tcp_recvmsg")
int BPF_PROG(ps_tcp_received, struct sock *sk, void *message, __u64 size, int flags, void *address,
	     int length)
{
	if (!(flags & PS_MSG_PEEK))
		ps_serves(sk, length, 0, ps_traffic(sk, length, 0));
	return 0;
}

/* The same on kernels whose tcp_recvmsg() no longer hands over the length of an address (seen in 7.3; in 6.12 it does). */
SEC("fexit/tcp_recvmsg")
int BPF_PROG(ps_tcp_read, struct sock *sk, void *message, __u64 size, int flags, int length)
{
	if (!(flags & PS_MSG_PEEK))
		ps_serves(sk, length, 0, ps_traffic(sk, length, 0));
	return 0;
}

/* The same of Unix sockets. */
SEC("fexit/unix_stream_sendmsg")
int BPF_PROG(ps_unix_sent, struct socket *socket, void *message, __u64 size, int length)
{
	ps_serves(socket->sk, length, 1, ps_traffic(socket->sk, length, 1));
	return 0;
}

SEC("fexit/unix_stream_recvmsg")
int BPF_PROG(ps_unix_received, struct socket *socket, void *message, __u64 size, int flags,
	     int length)
{
	if (!(flags & PS_MSG_PEEK))
		ps_serves(socket->sk, length, 0, ps_traffic(socket->sk, length, 0));
	return 0;
}

/* Threads that were there before their process was followed. */
SEC("iter/task")
int ps_threads_pass(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (task && ps_is_followed((__u32)task->tgid))
		ps_thread_make(task);
	return 0;
}

/* Threads that wait for locks now. */
SEC("iter/task")
int ps_locks_pass(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct ps_thread *t;

	if (!task || !ps_is_followed((__u32)task->tgid))
		return 0;
	t = bpf_task_storage_get(&ps_threads, task, 0, 0);
	if (t)
		ps_contended_found(task, t);
	return 0;
}

/* Threads that do not run, of processes that ran last long ago. */
SEC("iter/task")
int ps_still_pass(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct ps_still_thread r = {};
	__u64 ago;

	if (!task || !ps_ran_long_ago((__u32)task->tgid, &r.ran, &ago) || !ps_still_found(task, &r))
		return 0;
	r.ran_ns = bpf_ktime_get_ns() - ago;
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}

/* Run by the agent: a process makes no progress, or does again. */
SEC("syscall")
int ps_still_told(struct ps_still_told *told)
{
	struct ps_proc_key proc = told->proc;

	if (told->since_ns)
		ps_still_begins(&proc, told->since_ns);
	else
		ps_stop_ends(&proc, bpf_ktime_get_ns());
	return 0;
}

static long ps_taken_each(void *map, const struct ps_ref_key *key, struct ps_taken *t,
			  void *context)
{
	(void)map;
	(void)t;
	(void)context;
	ps_taken_look_at(key);
	return 0;
}

/* Run by the agent. */
SEC("syscall")
int ps_taken_clear(void *unused)
{
	bpf_for_each_map_elem(&ps_takens, ps_taken_each, 0, 0);
	return 0;
}

/* That is no event: the agent knows what it has said, and reads nothing again because of it. */
SEC("syscall")
int ps_suspect(struct ps_suspicion *told)
{
	struct ps_pool_key key = told->pool;
	struct ps_pool *p = bpf_map_lookup_elem(&ps_pools, &key);

	if (!p)
		return 0;
	if (told->is_suspected)
		__sync_fetch_and_or(&p->flags, PS_POOL_SUSPECTED);
	else
		__sync_fetch_and_and(&p->flags, ~(__u32)PS_POOL_SUSPECTED);
	__sync_fetch_and_and(&p->flags, ~PS_POOL_NOTABLE);
	__sync_fetch_and_or(&p->flags, told->notable & PS_POOL_NOTABLE);
	return 0;
}

struct ps_changing {
	__u32 n, n_more, n_all, epoch;
};

/* An event may come between our look and the next tick, and has this one's number: so what the tick before has changed is told again. */
static long ps_changed_each(void *map, const struct ps_pool_key *key, struct ps_pool *p,
			    struct ps_changing *c)
{
	const volatile __u64 *from = (const volatile __u64 *)p;
	struct ps_changed *to;
	__u32 place = c->n;
	__u64 *into;

	(void)map;
	c->n_all++;
	if (c->epoch - p->epoch > 1)
		return 0;
	to = place < PS_CHANGED_MAX ? bpf_map_lookup_elem(&ps_changed_pools, &place) : 0;
	if (!to) {
		c->n_more++;
		return 0;
	}
	c->n++;
	to->key = *key;
	into = (__u64 *)&to->books;
	for (__u32 i = 0; i < sizeof(*p) / sizeof(*into); i++)
		into[i] = from[i];
	to->read_ns = bpf_ktime_get_ns();
	return 0;
}

/* Run by the agent. */
SEC("syscall")
int ps_pools_changed(struct ps_changes *ret)
{
	struct ps_changing c = { .epoch = ps_epoch };

	bpf_for_each_map_elem(&ps_pools, ps_changed_each, &c, 0);
	ret->n = c.n;
	ret->n_more = c.n_more;
	ret->n_all = c.n_all;
	return 0;
}

/*
 * Run by the agent, of a pool that is counted in a page: the event that said so may have come before its probe was there. Reading the handle is the
 * agent's, for here the memory is its own.
 */
SEC("syscall")
int ps_page_found(struct ps_page_found *found)
{
	struct ps_event e = { .pool = found->pool,
			      .arg = { found->pool.pool, 1 }, /* a slot, wherever it is */
			      .now = bpf_ktime_get_ns(),
			      .verb = PS_VERB_page };
	struct ps_pool_key key = found->pool;
	struct ps_pool *p;

	ps_verb_feed(&e);
	p = bpf_map_lookup_elem(&ps_pools, &key);
	if (p)
		ps_page_describe(p, found, e.now);
	return 0;
}

/* Threads of processes that listen: those that were there before, and how many there are of a name. */
SEC("iter/task")
int ps_workers_pass(struct bpf_iter__task *ctx)
{
	struct ps_found found = { .task = ctx->task, .call = PS_NO_CALL };
	struct ps_futex_call futex = {};

	if (!found.task || !(ps_bits((__u32)found.task->tgid) & PS_SERVING))
		return 0;
	if (found.task->__state & PS_TASK_INTERRUPTIBLE) {
		found.call = ps_call_of(found.task);
		if (ps_calls_futex(found.task, 0, &futex))
			found.word = futex.word;
	}
	ps_serving_found(&found);
	return 0;
}

/* All of the saved ones; behind them the stack of the kernel may end. */
#if defined(__TARGET_ARCH_arm64)
#define PS_REGISTERS_BYTES (34 * 8)
#else
#define PS_REGISTERS_BYTES (21 * 8)
#endif

/* Where a thread will go on in its program. Who reads says which one, since 6.1; before, all are told. */
SEC("iter/task")
int ps_registers_pass(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct ps_registers r = {};
	struct ps_proc_key proc;
	void *registers;

	if (!task)
		return 0;
	ps_proc_key_read(task, &proc);
	registers = (void *)bpf_task_pt_regs(task);
	r.tid = (__u32)task->pid;
	r.tgid = (__u32)task->tgid;
	r.state = task->__state;
	r.is_on_cpu = (__u32)ps_is_on_cpu(task);
	r.incarnation = proc.incarnation;
	r.switches = task->nvcsw + task->nivcsw;
	if (!registers || bpf_probe_read_kernel(r.word, PS_REGISTERS_BYTES, registers))
		return 0;
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}

/* Functions of their own, as the stack of a program and of what it calls has 512 bytes. */
static __attribute__((noinline)) int ps_tcp_is_other(struct sock *sk, struct ps_inventory *r)
{
	return ps_tcp_describe(sk, r);
}

static __attribute__((noinline)) int ps_tcp_found(struct sock *sk, const struct ps_inventory *r)
{
	__u64 now = bpf_ktime_get_ns();

	if (r->role == PS_SOCK_ACCEPT)
		ps_sock_inbound(sk, r->sock, now, 1);
	else
		ps_sock_found(sk, r, now);
	return 0;
}

static long ps_queue_each(void *map, const __u64 *inode, struct ps_queue *q, void *context)
{
	(void)map;
	(void)context;
	ps_queue_read(*inode, q);
	return 0;
}

/* The queues of all listening sockets that the agent knows. No iterator over the map: some kernels refuse those, as they may write to it. */
SEC("syscall")
int ps_queues_pass(void *unused)
{
	bpf_for_each_map_elem(&ps_queues, ps_queue_each, 0, 0);
	return 0;
}

/* Takes a socket into the books, and describes it when the agent is to hear of it: Unix sockets and listeners. 0 = it is. */
static __attribute__((always_inline)) int
ps_inventory_take(struct task_struct *task, struct file *file, struct ps_inventory *r)
{
	struct socket *socket = bpf_sock_from_file(file);
	struct sock *sk;

	if (!socket)
		return -1;
	sk = socket->sk;
	if (!sk || task->tgid == (int)ps_agent_tgid || ps_is_left_out((__u32)task->tgid))
		return -1;
	ps_proc_key_of(task, &r->proc);
	r->sock = (__u64)(unsigned long)sk;
	r->inode = file->f_inode->i_ino;
	r->netns = ps_sock_netns(sk);
	if (sk->__sk_common.skc_state == PS_TCP_LISTEN)
		ps_serve(r->proc.tgid);
	if (sk->__sk_common.skc_family == PS_AF_UNIX) {
		if (ps_unix_describe(sk, r))
			return -1;
		if (r->role == PS_SOCK_CONNECT && !r->is_one_way && ps_is_followed(r->proc.tgid))
			ps_unix_found(sk, r);
		return 0;
	}
	if ((sk->__sk_common.skc_family != PS_AF_INET &&
	     sk->__sk_common.skc_family != PS_AF_INET6) ||
	    sk->sk_protocol != PS_IPPROTO_TCP || ps_tcp_is_other(sk, r))
		return -1;
	ps_tcp_found(sk, r);
	return r->role == PS_SOCK_LISTEN ? 0 : -1;
}

static long ps_unix_each(void *map, const __u64 *id, struct ps_sock *s, void *context)
{
	(void)map;
	(void)context;
	ps_unix_look_at(*id, s);
	return 0;
}

static __attribute__((always_inline)) void ps_unix_pass_ends(void)
{
	ps_n_passes++;
	if (ps_n_unix_socks)
		bpf_for_each_map_elem(&ps_socks, ps_unix_each, 0, 0);
}

/* The clock is read at each 16th file: a file that is no socket takes 0.2 us. */
static __attribute__((always_inline)) int ps_pass_is_late(void)
{
	return !(++ps_pass_files % 16) && bpf_ktime_get_ns() >= ps_pass_until_ns;
}

/*
 * One pass over every open file of every process; a record per socket goes to whoever reads the iterator. A read returns when its
 * buffer is full, so what is late fills it up, with a record that says nothing for every file.
 */
SEC("iter/task_file")
int ps_inventory_pass(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct ps_inventory r = {};

	if (!task || !file) { /* the end */
		ps_unix_pass_ends();
		return 0;
	}
	if (ps_inventory_take(task, file, &r)) {
		if (ps_pass_until_ns && ps_pass_is_late())
			ps_pass_until_ns = 0;
		if (ps_pass_until_ns)
			return 0;
		r.role = 0;
	}
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}
