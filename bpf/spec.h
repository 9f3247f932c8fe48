/* SPDX-License-Identifier: MIT */
/*
 * spec.h - a probe as data: reads the arguments as the spec says and makes an event of them.
 *
 * The surprise: clang 14 turns a register chosen at run time into an access to a modified context pointer, which the verifier
 * refuses, and a copy of all registers does not fit the 512 bytes of stack beside the handlers; so a register is read by its
 * place, as kernel memory.
 */
#ifndef POOLSCOPE_BPF_SPEC_H
#define POOLSCOPE_BPF_SPEC_H

#include "verbs.h"

/* Words of the context that a spec may name. */
#if defined(__TARGET_ARCH_arm64)
enum { PS_N_REGS = 33, PS_REG_IP = 32 };
#else
enum { PS_N_REGS = 21, PS_REG_IP = 16 };
#endif

PS_INLINE __u64 ps_reg_read(const void *ctx, __u32 reg)
{
	__u64 value = 0;

	if (reg < PS_N_REGS)
		bpf_probe_read_kernel(&value, sizeof(value), (const char *)ctx + 8 * reg);
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

/* Reads `size` bytes of the target. */
PS_INLINE int ps_arg_load(__u64 address, __u32 size, __u64 *ret)
{
	__u64 value = 0;

	if (size == 0 || size > 8)
		size = 8;
	if (bpf_probe_read_user(&value, size, (const void *)(unsigned long)address))
		return -1;
	*ret = value; /* little endian: the low bytes are the value */
	return 0;
}

PS_INLINE int ps_arg_read(const struct ps_arg *arg, const void *ctx, __u64 *ret)
{
	__u64 value = 0;
	__u32 i;

	switch (arg->kind) {
	case PS_ARG_CONST:
		*ret = arg->value;
		return 0;
	case PS_ARG_REG:
		value = ps_reg_read(ctx, arg->reg);
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

/* One hit of a probe: `cookie` leads to the spec and to the probe's own counters. */
PS_INLINE void ps_probe_hit(__u64 cookie, const void *ctx, const struct ps_proc_key *proc)
{
	__u32 spec_index = (__u32)cookie, probe_index = (__u32)(cookie >> 32), i;
	struct ps_probe_stat *stat = bpf_map_lookup_elem(&ps_probes, &probe_index);
	struct ps_spec *spec = bpf_map_lookup_elem(&ps_specs, &spec_index);
	struct ps_event e = { .pool.proc = *proc };
	struct ps_target *target;
	__u32 target_index;

	if (stat)
		stat->hits++;
	if (!spec || spec->verb == PS_VERB_none || spec->verb >= PS_VERB_COUNT) {
		ps_lost(PS_LOSS_bad_spec);
		return;
	}
	target_index = spec->target;
	target = bpf_map_lookup_elem(&ps_targets, &target_index);
	if (!target || !target->armed_ns)
		return;
	for (i = 0; i < PS_MAX_ARGS; i++) {
		if (i >= spec->n_args)
			break;
		if (ps_arg_read(&spec->arg[i], ctx, &e.arg[i])) {
			ps_lost(PS_LOSS_arg_unreadable);
			if (stat)
				stat->errors++;
			return;
		}
	}
	e.pool.pool = e.arg[0];
	e.verb = spec->verb;
	e.spec_flags = spec->flags;
	e.now = bpf_ktime_get_ns();
	ps_verb_feed(&e);
}

#endif
