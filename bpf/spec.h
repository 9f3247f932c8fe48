/* SPDX-License-Identifier: MIT */
/*
 * spec.h - a probe as data: reads the arguments as the spec says and makes an event of them.
 *
 * The surprise: what a call saved is looked up only when something asks for it, and forgotten only where something asked; so the
 * return of a function that did not wait costs nothing of that.
 */
#ifndef POOLSCOPE_BPF_SPEC_H
#define POOLSCOPE_BPF_SPEC_H

#include "taken.h"
#include "verbs.h"

/*
 * Each register by an instruction of its own: clang 14 turns a word chosen at run time into an access to a modified context
 * pointer, which the verifier refuses, and a helper call for each costs more than the rest of the argument (measured 2026-11).
 */
#ifdef __bpf__
#define PS_REG_CASE(n)                                                                             \
	case n:                                                                                    \
		asm volatile("%0 = *(u64 *)(%1 + 8 * " #n ")" : "=r"(value) : "r"(ctx));           \
		break
#else
#define PS_REG_CASE(n)                                                                             \
	case n:                                                                                    \
		value = ((const __u64 *)ctx)[n];                                                   \
		break
#endif

PS_INLINE __u64 ps_reg_read(PS_CONTEXT *ctx, __u32 reg)
{
	__u64 value = 0;

	switch (reg) {
		PS_REG_CASE(1);
		PS_REG_CASE(2);
		PS_REG_CASE(3);
		PS_REG_CASE(4);
		PS_REG_CASE(5);
		PS_REG_CASE(6);
		PS_REG_CASE(7);
		PS_REG_CASE(8);
		PS_REG_CASE(9);
		PS_REG_CASE(10);
		PS_REG_CASE(11);
		PS_REG_CASE(12);
		PS_REG_CASE(13);
		PS_REG_CASE(14);
		PS_REG_CASE(15);
		PS_REG_CASE(16);
		PS_REG_CASE(19);
#if defined(__TARGET_ARCH_arm64)
		PS_REG_CASE(17);
		PS_REG_CASE(18);
		PS_REG_CASE(20);
		PS_REG_CASE(21);
		PS_REG_CASE(22);
		PS_REG_CASE(23);
		PS_REG_CASE(24);
		PS_REG_CASE(25);
		PS_REG_CASE(26);
		PS_REG_CASE(27);
		PS_REG_CASE(28);
		PS_REG_CASE(29);
		PS_REG_CASE(30);
		PS_REG_CASE(31);
		PS_REG_CASE(32);
#endif
		PS_REG_CASE(0);
	default:
		break;
	}
	return value;
}

/* Cuts a value to its size and extends its sign. */
PS_INLINE __u64 ps_arg_cut(__u64 value, __u32 size, __u32 is_signed)
{
	__u32 shift = 64 - 8 * size;

	if (!size || size >= 8)
		return value;
	shift &= 63;
	return is_signed ? (__u64)((__s64)(value << shift) >> shift) : value << shift >> shift;
}

/* Reads `size` bytes of the target; each size by a call of its own, for the verifier of 6.1 loses the bounds of a variable. */
PS_INLINE int ps_arg_load(__u64 address, __u32 size, __u64 *ret)
{
	const void *at = (const void *)(unsigned long)address;
	__u64 value = 0;
	int error;

	switch (size) {
	case 1:
		error = bpf_probe_read_user(&value, 1, at);
		break;
	case 2:
		error = bpf_probe_read_user(&value, 2, at);
		break;
	case 4:
		error = bpf_probe_read_user(&value, 4, at);
		break;
	default:
		error = bpf_probe_read_user(&value, 8, at);
		break;
	}
	if (error)
		return -1;
	*ret = value; /* little endian: the low bytes are the value */
	return 0;
}

/*
 * A program of its own, which the verifier looks at once and not at each call (there are up to a dozen arguments in a chain of
 * specs); so it does not know that these pointers are never NULL. `call` and `task` may be. *ret comes in as what the first
 * condition read.
 */
PS_GLOBAL int ps_arg_read(const struct ps_arg *arg, PS_CONTEXT *ctx, const struct ps_call *call,
			  const struct ps_task *task, __u64 *ret)
{
	__u64 value = 0;
	__u32 i;

	if (!arg || !ret)
		return -1;
	switch (arg->kind) {
	case PS_ARG_CONST:
		*ret = arg->value;
		return 0;
	case PS_ARG_REG:
		value = ps_reg_read(ctx, arg->reg) + (__u64)(__s64)arg->offset;
		break;
	case PS_ARG_ASKED:
		value = *ret;
		break;
	case PS_ARG_SAVED: /* 0 when nothing was saved, so that a condition can ask for it */
		if (call)
			value = (arg->value ? call->value[1] : call->value[0]) +
				(__u64)(__s64)arg->offset;
		break;
	case PS_ARG_HANDED: /* 0 as well */
		if (task)
			value = task->value + (__u64)(__s64)arg->offset;
		break;
	case PS_ARG_MEM:
		value = ps_reg_read(ctx, arg->reg) + (__u64)(__s64)arg->offset;
		if (arg->index_reg != PS_REG_NONE)
			value += ps_reg_read(ctx, arg->index_reg) * arg->scale;
		if (ps_arg_load(value, arg->n_derefs ? 8 : arg->size, &value))
			return -1;
		break;
	case PS_ARG_IP_REL:
		if (ps_arg_load(ps_reg_read(ctx, PS_REG_IP) + (__u64)(__s64)arg->offset,
				arg->n_derefs ? 8 : arg->size, &value))
			return -1;
		break;
	case PS_ARG_THREAD:
		value = (__u32)bpf_get_current_pid_tgid();
		break;
	default:
		return -1;
	}
	for (i = 0; i < PS_MAX_DEREFS; i++) {
		if (i >= arg->n_derefs)
			break;
		if (ps_arg_load(value + (__u64)(__s64)arg->deref[i],
				i + 1 < arg->n_derefs ? 8 : arg->size, &value))
			return -1;
	}
	*ret = ps_arg_cut(value, arg->size, arg->is_signed);
	return 0;
}

/* ---- one hit ----------------------------------------------------------------------------------------------------------- */

/* What is known when a probe fires, before anything of the target was read. */
struct ps_hit {
	__u64 cookie;
	__u64 began_ns;		/* of the process, CLOCK_MONOTONIC */
	__u64 armed_ns;		/* of the file's probes */
	struct ps_proc_key proc;
};

PS_INLINE int ps_compare_holds(__u32 compare, __s64 a, __s64 b)
{
	switch (compare) {
	case PS_COMPARE_EQ:
		return a == b;
	case PS_COMPARE_NE:
		return a != b;
	case PS_COMPARE_LT:
		return a < b;
	case PS_COMPARE_LE:
		return a <= b;
	case PS_COMPARE_GT:
		return a > b;
	case PS_COMPARE_GE:
		return a >= b;
	case PS_COMPARE_BITS:
		return (a & b) != 0;
	default:
		return 0;
	}
}

/* What was saved of this call and handed over with this task, as far as it was looked up. */
struct ps_calling {
	struct ps_call_key key;
	struct ps_call_key task_key;
	const struct ps_call *call;
	const struct ps_task *task;
	__u64 asked; /* the value of the first condition */
};

PS_INLINE int ps_value_read(const struct ps_arg *arg, PS_CONTEXT *ctx,
			    const struct ps_calling *calling, __u64 *ret)
{
	*ret = calling->asked;
	if (arg->kind == PS_ARG_ASKED && !arg->n_derefs)
		return 0;
	return ps_arg_read(arg, ctx, calling->call, calling->task, ret);
}

PS_INLINE int ps_key_of(const struct ps_spec *spec, const struct ps_hit *hit, PS_CONTEXT *ctx,
			const struct ps_arg *context, const struct ps_call *call,
			struct ps_call_key *ret)
{
	ret->proc = hit->proc;
	ret->slot = spec->slot;
	return ps_arg_read(context, ctx, call, 0, &ret->context);
}

/*
 * A function that calls itself: what the outer call saved is not the inner one's. On x86-64 the stack pointer is above that of any
 * point of the function once it has returned; when an inner call has, it is at most there.
 */
PS_INLINE int ps_call_is_inner(const struct ps_spec *spec, PS_CONTEXT *ctx,
			       const struct ps_call *call)
{
#if defined(__TARGET_ARCH_arm64)
	return 0;
#else
	__u64 stack = ps_reg_read(ctx, PS_REG_SP);

	if (spec->flags & PS_SPEC_BEFORE_RET)
		stack += 8;
	return call->stack && call->function == spec->function && stack <= call->stack;
#endif
}

PS_INLINE int ps_call_find(const struct ps_spec *spec, const struct ps_hit *hit, PS_CONTEXT *ctx,
			   struct ps_calling *ret)
{
	if (ps_key_of(spec, hit, ctx, &spec->context, 0, &ret->key))
		return -1;
	ret->call = bpf_map_lookup_elem(&ps_calls, &ret->key);
	if (ret->call && spec->flags & PS_SPEC_CALL_ENDS && ps_call_is_inner(spec, ctx, ret->call))
		ret->call = 0;
	return 0;
}

/* 1 = all hold, 0 = one does not, -1 = one could not be read */
PS_INLINE int ps_conds_hold(const struct ps_spec *spec, const struct ps_hit *hit, PS_CONTEXT *ctx,
			    struct ps_calling *calling)
{
	__u64 value = 0;
	__u32 i;

	for (i = 0; i < PS_SPEC_CONDS; i++) {
		if (i >= spec->n_conds)
			break;
		if (spec->cond[i].arg.kind == PS_ARG_SAVED && !calling->call &&
		    ps_call_find(spec, hit, ctx, calling))
			return -1;
		if (ps_arg_read(&spec->cond[i].arg, ctx, calling->call, calling->task, &value))
			return -1;
		if (!i)
			calling->asked = value;
		if (!ps_compare_holds(spec->cond[i].compare, (__s64)value, spec->cond[i].value))
			return 0;
	}
	return 1;
}

/* A later save by the same caller replaces an earlier one: the function began anew (Go's stack growth), or never returned. */
PS_INLINE int ps_call_save(const struct ps_spec *spec, PS_CONTEXT *ctx,
			   const struct ps_calling *calling)
{
	const struct ps_call *call = calling->call;
	struct ps_call fresh = {};

	fresh.since_ns = bpf_ktime_get_ns();
	if (spec->context.kind == PS_ARG_THREAD && spec->function) {
		fresh.function = spec->function;
		fresh.stack = ps_reg_read(ctx, PS_REG_SP);
	}
	if (call) {
		fresh.value[0] = call->value[0];
		fresh.value[1] = call->value[1];
	}
	if (ps_value_read(&spec->save[0], ctx, calling, &fresh.value[0]))
		return -1;
	if (spec->n_saves > 1 && ps_value_read(&spec->save[1], ctx, calling, &fresh.value[1]))
		return -1;
	if (bpf_map_update_elem(&ps_calls, &calling->key, &fresh, BPF_ANY))
		ps_lost(PS_LOSS_calls_full);
	return 0;
}

/* ---- tasks: work that one thread queues and another one runs ------------------------------------------------------------ */

enum ps_handing { PS_HAND_DONE, PS_HAND_FULL, PS_HAND_MIXED };

/* A task of the same name is queued in another pool: whose is taken first is not known. */
PS_INLINE void ps_task_mix(const struct ps_hit *hit, __u64 other)
{
	struct ps_pool_key key = { .pool = other, .proc = hit->proc };
	struct ps_pool *p = bpf_map_lookup_elem(&ps_pools, &key);

	if (p)
		ps_pool_mark(p, PS_POOL_SAME_TASKS);
}

/* enum ps_handing, or -1 = what names it could not be read. */
PS_INLINE int ps_task_hand(const struct ps_spec *spec, const struct ps_hit *hit, PS_CONTEXT *ctx,
			   const struct ps_calling *calling)
{
	struct ps_task fresh = { .n = 1 }, *before;

	if (ps_arg_read(&spec->hand, ctx, calling->call, calling->task, &fresh.value))
		return -1;
	fresh.since_ns = bpf_ktime_get_ns();
	before = bpf_map_lookup_elem(&ps_tasks, &calling->task_key);
	if (before && before->value != fresh.value) {
		ps_task_mix(hit, before->value);
		return PS_HAND_MIXED;
	}
	if (before) {
		__sync_fetch_and_add(&before->n, 1);
		return PS_HAND_DONE;
	}
	if (!bpf_map_update_elem(&ps_tasks, &calling->task_key, &fresh, BPF_ANY))
		return PS_HAND_DONE;
	ps_lost(PS_LOSS_tasks_full);
	return PS_HAND_FULL;
}

/* What the spec takes. Its task may be known by what the call saved. */
PS_INLINE int ps_task_find(const struct ps_spec *spec, const struct ps_hit *hit, PS_CONTEXT *ctx,
			   struct ps_calling *calling)
{
	if (spec->flags & PS_SPEC_CALL && ps_call_find(spec, hit, ctx, calling))
		return -1;
	if (ps_key_of(spec, hit, ctx, &spec->task, calling->call, &calling->task_key))
		return -1;
	calling->task = bpf_map_lookup_elem(&ps_tasks, &calling->task_key);
	return 0;
}

PS_INLINE void ps_task_end(const struct ps_spec *spec, const struct ps_hit *hit, PS_CONTEXT *ctx)
{
	struct ps_calling calling = {};
	struct ps_task *task;

	if (ps_task_find(spec, hit, ctx, &calling))
		return;
	task = bpf_map_lookup_elem(&ps_tasks, &calling.task_key);
	if (!task)
		return;
	if (task->n > 1)
		__sync_fetch_and_add(&task->n, -1);
	else
		bpf_map_delete_elem(&ps_tasks, &calling.task_key);
}

enum ps_learning { PS_LEARNING_DONE, PS_LEARNING, PS_LEARNING_FULL };

/* Whether the probes of the function are on; the agent is asked for them the first time. Negative: it could not be read. */
PS_INLINE int ps_function_learn(const struct ps_spec *spec, const struct ps_hit *hit,
				PS_CONTEXT *ctx)
{
	struct ps_call_key key = {};
	__u32 wanted = PS_LEARNED_WANTED, *state;
	struct ps_proc *proc;
	int error;

	if (ps_key_of(spec, hit, ctx, &spec->learn, 0, &key))
		return -1;
	if (!key.context) /* none will be called */
		return PS_LEARNING;
	state = bpf_map_lookup_elem(&ps_learned, &key);
	if (state)
		return *state == PS_LEARNED_ATTACHED ? PS_LEARNING_DONE : PS_LEARNING;
	proc = ps_proc_get(&key.proc, bpf_ktime_get_ns());
	if (!proc || proc->n_functions >= PS_FUNCTIONS_PER_PROCESS) {
		ps_lost(PS_LOSS_functions_full);
		return PS_LEARNING_FULL;
	}
	error = ps_map_add(&ps_learned, &key, &wanted);
	if (error == -PS_EEXIST) /* another thread asked just now */
		return PS_LEARNING;
	if (error) {
		ps_lost(PS_LOSS_functions_full);
		return PS_LEARNING_FULL;
	}
	__sync_fetch_and_add(&proc->n_functions, 1);
	__sync_fetch_and_add(&ps_n_wanted, 1);
	return PS_LEARNING;
}

/* ---- the whole of a spec ------------------------------------------------------------------------------------------------ */

/* The event of a spec's verb. Negative: an argument could not be read, or it names no pool. */
PS_INLINE int ps_spec_event(const struct ps_spec *spec, const struct ps_hit *hit, PS_CONTEXT *ctx,
			    const struct ps_calling *calling, __u32 mark, struct ps_event *ret)
{
	__u32 i;

	__builtin_memset(ret, 0, sizeof(*ret));
	for (i = 0; i < PS_MAX_ARGS; i++) {
		if (i >= spec->n_args)
			break;
		if (ps_value_read(&spec->arg[i], ctx, calling, &ret->arg[i]))
			return -1;
	}
	ret->pool.proc = hit->proc;
	ret->pool.pool = ret->arg[0];
	if (!ret->pool.pool) /* nobody's: the entry of this call was not seen */
		return -1;
	ret->verb = spec->verb;
	ret->spec_flags = spec->flags;
	ret->kind = spec->kind;
	ret->domain = spec->domain;
	ret->is_from_birth = hit->began_ns > hit->armed_ns;
	ret->mark = mark;
	ret->now = bpf_ktime_get_ns();
	return 0;
}

/* What a spec does with tasks, before its verb. Not 0: the flags that mark the pool of an event that cannot be counted. Negative:
 * something could not be read. */
PS_INLINE int ps_spec_tasks(const struct ps_spec *spec, const struct ps_hit *hit, PS_CONTEXT *ctx,
			    struct ps_calling *calling)
{
	int result;

	if (spec->flags & PS_SPEC_LEARNS) {
		result = ps_function_learn(spec, hit, ctx);
		if (result == PS_LEARNING && spec->verb)
			ps_lost(PS_LOSS_task_unlearned);
		if (result)
			return result < 0                   ? -1
			       : result == PS_LEARNING_FULL ? PS_POOL_LOST_EVENTS
							    : PS_POOL_UNSEEN_TASKS;
	}
	if (spec->flags & PS_SPEC_HANDS) {
		if (ps_key_of(spec, hit, ctx, &spec->task, calling->call, &calling->task_key))
			return -1;
		result = ps_task_hand(spec, hit, ctx, calling);
		return result < 0                ? -1
		       : result == PS_HAND_FULL  ? PS_POOL_LOST_EVENTS
		       : result == PS_HAND_MIXED ? PS_POOL_SAME_TASKS
						 : 0;
	}
	return 0;
}

enum {
	PS_RUN_DONE = 0,
	PS_RUN_CALL_ENDS = 1,
	PS_RUN_TASK_TAKEN = 2,
	PS_RUN_LAST = 4,
	PS_RUN_FEED = 8
};

/*
 * One spec, if its conditions hold. Bits of PS_RUN_: whether *ret is an event, and what is over after the rest of the chain.
 * Negative: memory of the target could not be read, or it names no pool. The event is fed by the caller: with its handling a level
 * deeper the stack of kernels before 6.13 (512 bytes for all levels) would not do. A program of its own, as ps_arg_read() is.
 */
PS_GLOBAL int ps_spec_run(const struct ps_spec *spec, PS_CONTEXT *ctx, const struct ps_hit *hit,
			  struct ps_event *ret)
{
	struct ps_calling calling = {};
	int error = 0, holds, mark, result = 0;

	if (!spec || !hit || !ret)
		return -1;
	if (spec->flags & PS_SPEC_TAKES) {
		if (ps_task_find(spec, hit, ctx, &calling))
			return -1;
		if (calling.task && !(spec->flags & PS_SPEC_HANDS))
			result |= PS_RUN_TASK_TAKEN;
	}
	if (spec->n_conds) {
		holds = ps_conds_hold(spec, hit, ctx, &calling);
		if (holds != 1)
			return holds < 0 ? -1 : PS_RUN_DONE;
	}
	if (spec->flags & PS_SPEC_CALL && !calling.call && ps_call_find(spec, hit, ctx, &calling))
		return -1;
	mark = ps_spec_tasks(spec, hit, ctx, &calling);
	if (mark < 0)
		return -1;
	if (spec->n_saves && !mark)
		error = ps_call_save(spec, ctx, &calling);
	if (!error && spec->verb != PS_VERB_none) {
		error = ps_spec_event(spec, hit, ctx, &calling, (__u32)mark, ret);
		result |= PS_RUN_FEED;
	}
	if (error)
		return -1;
	if (spec->flags & PS_SPEC_CALL_ENDS)
		result |= PS_RUN_CALL_ENDS;
	return spec->flags & PS_SPEC_LAST ? result | PS_RUN_LAST : result;
}

PS_INLINE void ps_call_end(const struct ps_spec *spec, const struct ps_hit *hit, PS_CONTEXT *ctx)
{
	struct ps_calling calling = {};

	if (!ps_call_find(spec, hit, ctx, &calling) && calling.call)
		bpf_map_delete_elem(&ps_calls, &calling.key);
}

PS_INLINE void ps_probe_time(struct ps_probe_stat *stat, __u64 begin)
{
	stat->timed++;
	stat->timed_ns += bpf_ktime_get_ns() - begin;
}

PS_INLINE void ps_probe_takes(struct ps_probe_stat *stat, PS_CONTEXT *ctx, const struct ps_event *e,
			      int is_timed)
{
	__u64 begin = is_timed ? bpf_ktime_get_ns() : 0;

	if (!ps_taken_keep(ctx, e) || !stat)
		return;
	stat->taken++;
	if (!is_timed)
		return;
	stat->taken_timed++;
	stat->taken_ns += bpf_ktime_get_ns() - begin;
}

PS_INLINE void ps_probe_hit(struct ps_hit *hit, PS_CONTEXT *ctx)
{
	struct ps_spec *ending = 0, *taking = 0;
	struct ps_event e;
	__u64 begin = 0;
	__u32 spec_index = (__u32)hit->cookie, probe_index = (__u32)(hit->cookie >> 32), i;
	struct ps_probe_stat *stat = bpf_map_lookup_elem(&ps_probes, &probe_index);
	struct ps_spec *spec = bpf_map_lookup_elem(&ps_specs, &spec_index);
	struct ps_target *target;
	__u32 target_index;

	if (stat && !(stat->hits++ % PS_TIMED_EVERY))
		begin = bpf_ktime_get_ns();
	if (!spec || spec->verb >= PS_VERB_COUNT ||
	    !(spec->verb || spec->n_saves || spec->flags & (PS_SPEC_HANDS | PS_SPEC_LEARNS))) {
		ps_lost(PS_LOSS_bad_spec);
		return;
	}
	target_index = spec->target;
	target = bpf_map_lookup_elem(&ps_targets, &target_index);
	if (!target || !target->armed_ns)
		return;
	hit->armed_ns = target->armed_ns;
	for (i = 0; i < PS_SPEC_CHAIN; i++) {
		int result = ps_spec_run(spec, ctx, hit, &e);

		if (result > 0 && result & PS_RUN_FEED && ps_event_feed(&e))
			ps_probe_takes(stat, ctx, &e, begin != 0);
		if (result > 0 && result & PS_RUN_CALL_ENDS)
			ending = spec;
		if (result > 0 && result & PS_RUN_TASK_TAKEN)
			taking = spec;
		if (result < 0) {
			ps_lost(PS_LOSS_arg_unreadable);
			if (stat)
				stat->errors++;
		}
		spec_index = spec->next;
		if (!spec_index || (result > 0 && result & PS_RUN_LAST))
			break;
		spec = bpf_map_lookup_elem(&ps_specs, &spec_index);
		if (!spec || spec->verb >= PS_VERB_COUNT)
			break;
	}
	if (taking) /* first: its name may be among what was saved */
		ps_task_end(taking, hit, ctx);
	if (ending)
		ps_call_end(ending, hit, ctx);
	if (stat && begin)
		ps_probe_time(stat, begin);
}

#endif
