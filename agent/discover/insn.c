/* SPDX-License-Identifier: MIT */
/*
 * insn.c - see insn.h. The surprise: what a probe costs is read from the bytes and not from the disassembly, as it is the
 * kernel's own decoder (arch/x86/kernel/uprobes.c) that decides, by prefixes and opcode, and not by what the instruction
 * does.
 */
#include "discover/insn.h"

#include <capstone/capstone.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ALL_REGISTERS 0xffffffffu
#define PREFIX_SIZE 0x66

struct insn_decoder {
	csh handle;
	cs_insn *raw;
	uint8_t numbers[X86_REG_ENDING];	/* capstone's register -> the number of bpf/regs.def */
};

/* ---- registers --------------------------------------------------------------------------------------------------------- */

static bool is_word_of(const char *word, const char *names)
{
	size_t n = strlen(word), length;

	for (; *names; names += length + (names[length] == ' ')) {
		length = strcspn(names, " ");
		if (length == n && !memcmp(word, names, n))
			return true;
	}
	return false;
}

static uint8_t number_of(const char *name)
{
	static const struct {
		uint8_t number;
		const char *names;
	} registers[] = {
#define REG_X86(n, names) { n, names },
#include "bpf/regs.def"
		{ 10, "ah" }, { 5, "bh" }, { 11, "ch" }, { 12, "dh" },
	};

	for (size_t i = 0; name && i < sizeof(registers) / sizeof(*registers); i++)
		if (is_word_of(name, registers[i].names))
			return registers[i].number;
	return CODE_NO_REGISTER;
}

int insn_decoder_new(struct insn_decoder **ret)
{
	struct insn_decoder *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	if (cs_open(CS_ARCH_X86, CS_MODE_64, &d->handle)) {
		free(d);
		return -ENOMEM;
	}
	cs_option(d->handle, CS_OPT_DETAIL, CS_OPT_ON);
	d->raw = cs_malloc(d->handle);
	if (!d->raw) {
		insn_decoder_free(d);
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < X86_REG_ENDING; i++)
		d->numbers[i] = number_of(cs_reg_name(d->handle, i));
	*ret = d;
	return 0;
}

void insn_decoder_free(struct insn_decoder *d)
{
	if (!d)
		return;
	if (d->raw)
		cs_free(d->raw, 1);
	cs_close(&d->handle);
	free(d);
}

/* CODE_REGISTER() of a register that a uprobe shows; 0 for others and for rip, which always moves */
static uint32_t bit_of(const struct insn_decoder *d, unsigned int reg)
{
	uint8_t n = reg < X86_REG_ENDING ? d->numbers[reg] : CODE_NO_REGISTER;

	return n == CODE_NO_REGISTER || n == CODE_RIP ? 0 : CODE_REGISTER(n);
}

/* ---- what a probe on it costs ------------------------------------------------------------------------------------------ */

/*
 * Opcodes that uprobes refuse in 64-bit code (good_insns_64 and insn_masking_exception), and some that they take and had
 * better not. Of AVX the kernel sees only the opcode behind the VEX prefix: it takes vpor (eb) for a jmp and vmovdqu (7f) for
 * a jg and does not execute them; a single-stepped `syscall` kills the program (both seen on 6.18.44, 2026-11-24).
 */
static bool is_refused_opcode(const uint8_t *op, size_t n)
{
	switch (op[0]) {
	case 0xc4:		/* VEX */
	case 0xc5:
	case 0x62:		/* EVEX */
	case 0x6c ... 0x6f:	/* ins, outs */
	case 0x8e:		/* mov to a segment register */
	case 0xcc ... 0xcf:	/* int, iret */
	case 0xe4 ... 0xe7:	/* in, out */
	case 0xec ... 0xef:
	case 0xf1:		/* int1 */
	case 0xf4:		/* hlt */
	case 0xfa:		/* cli, sti */
	case 0xfb:
		return true;
	case 0x8f:		/* pop, or XOP */
		return n < 2 || op[1] & 0x38;
	case 0x0f:
		return n < 2 || op[1] == 0x05 || op[1] == 0x34; /* syscall, sysenter */
	default:
		return false;
	}
}

struct encoding {
	bool has_size, is_refused, is_plain;
	uint8_t rex;
	size_t opcode;	/* where it begins */
};

static struct encoding encoding_of(const uint8_t *bytes, size_t size)
{
	struct encoding e = { .is_plain = true };

	for (; e.opcode < size; e.opcode++, e.is_plain = false) {
		switch (bytes[e.opcode]) {
		case PREFIX_SIZE:
			e.has_size = true;
			continue;
		case 0x64:
		case 0x65:
		case 0x67:
		case 0xf2:
		case 0xf3:
			continue;
		case 0x26: /* is_prefix_bad(): segments of old, and lock */
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0xf0:
			e.is_refused = true;
			continue;
		case 0x40 ... 0x4f:
			e.rex = bytes[e.opcode];
			continue;
		}
		break;
	}
	return e;
}

/*
 * Kernel 6.18 replaces a nop of 5 bytes by a call, which overwrites the red zone of a function that uses it; later kernels
 * know more forms of it: lea 0(%r), %r and jmp +0 (8a5c6cbfe4a3).
 */
static bool is_replaced(const uint8_t *op, size_t n, size_t size)
{
	if (size != 5)
		return false;
	return op[0] == 0x90 || (op[0] == 0x0f && op[1] == 0x1f) || (op[0] == 0x8d && !op[n - 1]) ||
	       (op[0] == 0xe9 && !op[1] && !op[2] && !op[3] && !op[4]);
}

static enum code_cost cost_of(const uint8_t *bytes, size_t size)
{
	struct encoding e = encoding_of(bytes, size);
	const uint8_t *op = bytes + e.opcode;
	size_t n = size - e.opcode;
	bool is_branch;

	if (!n || e.is_refused || is_refused_opcode(op, n) || is_replaced(op, n, size))
		return CODE_REFUSED;
	/* up to 6.18 `xchg %r8, %rax` is taken for the nop that it looks like, and not executed (seen) */
	if (op[0] == 0x90 && e.rex & 1)
		return CODE_REFUSED;
	is_branch = op[0] == 0xe8 || op[0] == 0xe9 || op[0] == 0xeb || (op[0] & 0xf0) == 0x70 ||
		    (op[0] == 0x0f && (op[1] & 0xf0) == 0x80);
	if (is_branch && e.has_size)
		return CODE_REFUSED;
	if (e.is_plain && (is_branch || op[0] == 0x90 || (op[0] & 0xf8) == 0x50))
		return CODE_EMULATED;
	if (e.opcode == 1 && e.rex == 0x41 && (op[0] & 0xf8) == 0x50)
		return CODE_EMULATED;
	return CODE_STEPPED;
}

/* ---- where it leads ---------------------------------------------------------------------------------------------------- */

static bool is_in_group(const cs_insn *raw, uint8_t group)
{
	for (unsigned int i = 0; i < raw->detail->groups_count; i++)
		if (raw->detail->groups[i] == group)
			return true;
	return false;
}

/* An address out of memory without an index is a function pointer: a switch has its table, or the register it was read into. */
static enum insn_flow flow_of_indirect(const cs_x86_op *to)
{
	if (to->type == X86_OP_MEM && to->mem.index == X86_REG_INVALID)
		return INSN_JUMP_AWAY;
	return INSN_JUMP_TABLE;
}

static void set_flow(const cs_insn *raw, struct insn *ret)
{
	const cs_x86 *x = &raw->detail->x86;
	bool is_direct = x->op_count == 1 && x->operands[0].type == X86_OP_IMM;

	ret->flow = INSN_NEXT;
	if (is_direct)
		ret->target = (uint64_t)x->operands[0].imm;
	if (raw->id == X86_INS_JMP || raw->id == X86_INS_LJMP)
		ret->flow = is_direct ? INSN_JUMP : flow_of_indirect(&x->operands[0]);
	else if (raw->id == X86_INS_CALL || raw->id == X86_INS_LCALL)
		ret->flow = is_direct ? INSN_CALL : INSN_CALL_INDIRECT;
	else if (is_direct && (is_in_group(raw, X86_GRP_JUMP) || raw->id == X86_INS_LOOP ||
			       raw->id == X86_INS_LOOPE || raw->id == X86_INS_LOOPNE))
		ret->flow = INSN_BRANCH;
	else if (is_in_group(raw, X86_GRP_RET))
		ret->flow = INSN_RET;
	else if (raw->id == X86_INS_UD2 || raw->id == X86_INS_INT3 || raw->id == X86_INS_HLT ||
		 raw->id == X86_INS_INT1 || is_in_group(raw, X86_GRP_IRET))
		ret->flow = INSN_STOP;
}

/* ---- which registers it changes ---------------------------------------------------------------------------------------- */

enum knowledge { CHANGES_NOTHING, CHANGES_FIRST, CHANGES_OPERANDS, CHANGES_ANYTHING };

/* The common instructions, by whether they change none of their operands or the first one only, and nothing else. */
static enum knowledge knowledge_of(const cs_insn *raw)
{
	switch (raw->id) {
	case X86_INS_CMP:
	case X86_INS_TEST:
	case X86_INS_PUSH:
	case X86_INS_NOP:
	case X86_INS_PAUSE:
	case X86_INS_BT:
	case X86_INS_ENDBR64:
	case X86_INS_JMP:
	case X86_INS_PREFETCH ... X86_INS_PREFETCHW:
		return CHANGES_NOTHING;
	case X86_INS_MOV:
	case X86_INS_MOVABS:
	case X86_INS_MOVZX:
	case X86_INS_MOVSX:
	case X86_INS_MOVSXD:
	case X86_INS_LEA:
	case X86_INS_ADD:
	case X86_INS_ADC:
	case X86_INS_SUB:
	case X86_INS_SBB:
	case X86_INS_AND:
	case X86_INS_OR:
	case X86_INS_XOR:
	case X86_INS_NOT:
	case X86_INS_NEG:
	case X86_INS_INC:
	case X86_INS_DEC:
	case X86_INS_SHL:
	case X86_INS_SHR:
	case X86_INS_SAR:
	case X86_INS_ROL:
	case X86_INS_ROR:
	case X86_INS_POP:
	case X86_INS_SETAE ... X86_INS_SETS:
		return CHANGES_FIRST;
	case X86_INS_LOOP ... X86_INS_LOOPNE:
		return CHANGES_ANYTHING;
	}
	if (is_in_group(raw, X86_GRP_JUMP))
		return CHANGES_NOTHING;
	if (is_in_group(raw, X86_GRP_CMOV))
		return CHANGES_FIRST;
	for (unsigned int i = 0; i < raw->detail->groups_count; i++)
		switch (raw->detail->groups[i]) {
		case X86_GRP_SSE1:
		case X86_GRP_SSE2:
		case X86_GRP_SSE3:
		case X86_GRP_SSE41:
		case X86_GRP_SSSE3:
		case X86_GRP_AVX:
		case X86_GRP_AVX2:
			return CHANGES_OPERANDS;
		}
	return CHANGES_ANYTHING;
}

/* rsp is not in it: set_moves() says what becomes of that. */
static uint32_t operands_of(const struct insn_decoder *d, const cs_insn *raw, unsigned int n)
{
	const cs_x86 *x = &raw->detail->x86;
	uint32_t mask = 0;

	for (unsigned int i = 0; i < x->op_count && i < n; i++)
		if (x->operands[i].type == X86_OP_REG)
			mask |= bit_of(d, x->operands[i].reg);
	return mask;
}

/* What is certainly named as changed; for rsp and rbp, as nothing else changes those. */
static uint32_t named_of(const struct insn_decoder *d, const cs_insn *raw, enum knowledge k)
{
	uint32_t mask = 0;

	if (k == CHANGES_NOTHING)
		return 0;
	if (k == CHANGES_FIRST)
		return operands_of(d, raw, 1);
	for (unsigned int i = 0; i < raw->detail->regs_write_count; i++)
		mask |= bit_of(d, raw->detail->regs_write[i]);
	return mask | operands_of(d, raw, 8);
}

/* ---- what becomes of rsp and rbp --------------------------------------------------------------------------------------- */

static bool is_register(const cs_x86_op *op, x86_reg reg)
{
	return op->type == X86_OP_REG && op->reg == reg;
}

static bool set_move(uint8_t *move, int32_t *by, enum insn_move to, int64_t value)
{
	if (value < -INT32_MAX || value > INT32_MAX)
		return false;
	*move = (uint8_t)to;
	*by = (int32_t)value;
	return true;
}

/* add, sub, mov, lea of the whole register `self`, in terms of itself and of the `other`. False when it is something else. */
static bool set_arithmetic(const cs_insn *raw, x86_reg self, x86_reg other, uint8_t *move,
			   int32_t *by)
{
	const cs_x86_op *op = raw->detail->x86.operands;

	if (raw->detail->x86.op_count != 2 || !is_register(&op[0], self))
		return false;
	if (raw->id == X86_INS_ADD && op[1].type == X86_OP_IMM)
		return set_move(move, by, INSN_MOVES_BY, op[1].imm);
	if (raw->id == X86_INS_SUB && op[1].type == X86_OP_IMM && op[1].imm > INT32_MIN)
		return set_move(move, by, INSN_MOVES_BY, -op[1].imm);
	if (raw->id == X86_INS_MOV && is_register(&op[1], other))
		return set_move(move, by, INSN_MOVES_FROM, 0);
	if (raw->id != X86_INS_LEA || op[1].mem.index != X86_REG_INVALID ||
	    raw->detail->x86.addr_size != 8)
		return false;
	if (op[1].mem.base == self)
		return set_move(move, by, INSN_MOVES_BY, op[1].mem.disp);
	if (op[1].mem.base == other)
		return set_move(move, by, INSN_MOVES_FROM, op[1].mem.disp);
	return false;
}

/* push and pop; false for others */
static bool set_push(const cs_insn *raw, struct insn *ret)
{
	const cs_x86 *x = &raw->detail->x86;
	int64_t bytes = x->prefix[2] == PREFIX_SIZE ? 2 : 8;

	switch (raw->id) {
	case X86_INS_PUSH:
	case X86_INS_PUSHFQ:
		return set_move(&ret->stack, &ret->stack_by, INSN_MOVES_BY, -bytes);
	case X86_INS_POP:
		if (is_register(&x->operands[0], X86_REG_RSP))
			return false;
		return set_move(&ret->stack, &ret->stack_by, INSN_MOVES_BY, bytes);
	case X86_INS_POPFQ:
		return set_move(&ret->stack, &ret->stack_by, INSN_MOVES_BY, bytes);
	case X86_INS_LEAVE:
		return set_move(&ret->stack, &ret->stack_by, INSN_MOVES_FROM, 8);
	default:
		return false;
	}
}

static void set_moves(const cs_insn *raw, uint32_t named, struct insn *ret)
{
	bool is_call = ret->flow == INSN_CALL || ret->flow == INSN_CALL_INDIRECT;

	ret->stack = INSN_KEEPS;
	ret->frame = INSN_KEEPS;
	if (is_call) /* whoever is called gives both back as they were */
		return;
	if (raw->id == X86_INS_ENTER) {
		ret->stack = INSN_LOSES;
		ret->frame = INSN_LOSES;
		return;
	}
	if (!set_push(raw, ret) && named & CODE_REGISTER(CODE_RSP) &&
	    !set_arithmetic(raw, X86_REG_RSP, X86_REG_RBP, &ret->stack, &ret->stack_by))
		ret->stack = INSN_LOSES;
	if ((named & CODE_REGISTER(CODE_RBP) || raw->id == X86_INS_LEAVE) &&
	    !set_arithmetic(raw, X86_REG_RBP, X86_REG_RSP, &ret->frame, &ret->frame_by))
		ret->frame = INSN_LOSES;
}

/* ---- what it does to the stack ----------------------------------------------------------------------------------------- */

static const cs_x86_op *written_memory(const cs_insn *raw, enum knowledge k)
{
	const cs_x86 *x = &raw->detail->x86;
	unsigned int n = k == CHANGES_NOTHING ? 0 : k == CHANGES_ANYTHING ? x->op_count : 1;

	if (raw->id == X86_INS_LEA)
		n = 2;
	for (unsigned int i = 0; i < n && i < x->op_count; i++)
		if (x->operands[i].type == X86_OP_MEM)
			return &x->operands[i];
	return NULL;
}

static void set_access(const cs_insn *raw, enum knowledge k, struct insn *ret)
{
	const cs_x86_op *m = written_memory(raw, k);

	if (!m) {
		/* those of the string instructions are not among the operands */
		ret->access = k == CHANGES_ANYTHING ? INSN_STORES_ELSEWHERE : INSN_ACCESS_NONE;
		return;
	}
	if (m->mem.base != X86_REG_RSP && m->mem.base != X86_REG_RBP) {
		ret->access = raw->id == X86_INS_LEA ? INSN_ACCESS_NONE : INSN_STORES_ELSEWHERE;
		return;
	}
	ret->base = m->mem.base == X86_REG_RSP ? CODE_RSP : CODE_RBP;
	ret->displacement = m->mem.disp < -INT32_MAX || m->mem.disp > INT32_MAX
				    ? -INT32_MAX
				    : (int32_t)m->mem.disp;
	ret->store_bytes = m->size;
	ret->access = INSN_STORES;
	if (raw->id == X86_INS_LEA || k == CHANGES_ANYTHING || !m->size ||
	    m->mem.index != X86_REG_INVALID)
		ret->access = INSN_TAKES_ADDRESS;
}

static void set_copy(const struct insn_decoder *d, const cs_insn *raw, struct insn *ret)
{
	const cs_x86_op *op = raw->detail->x86.operands;

	ret->source = CODE_NO_REGISTER;
	ret->copy = CODE_NO_REGISTER;
	if (raw->id != X86_INS_MOV || raw->detail->x86.op_count != 2 || op[1].type != X86_OP_REG ||
	    op[1].size != 8 || !bit_of(d, op[1].reg))
		return;
	ret->source = d->numbers[op[1].reg];
	if (op[0].type == X86_OP_REG && op[0].reg != X86_REG_RSP && bit_of(d, op[0].reg))
		ret->copy = d->numbers[op[0].reg];
}

bool insn_decode(struct insn_decoder *d, const struct code *c, size_t offset, struct insn *ret)
{
	const uint8_t *bytes = c->bytes + offset;
	size_t size = c->size - offset;
	uint64_t vaddr = c->vaddr + offset;
	enum knowledge k;
	uint32_t named;

	if (offset >= c->size || !cs_disasm_iter(d->handle, &bytes, &size, &vaddr, d->raw))
		return false;
	memset(ret, 0, sizeof(*ret));
	ret->offset = (uint32_t)offset;
	ret->size = (uint8_t)d->raw->size;
	ret->cost = (uint8_t)cost_of(c->bytes + offset, d->raw->size);
	set_flow(d->raw, ret);
	k = insn_is_call(ret) ? CHANGES_ANYTHING : knowledge_of(d->raw);
	named = named_of(d, d->raw, k);
	set_moves(d->raw, named, ret);
	set_access(d->raw, k, ret);
	set_copy(d, d->raw, ret);
	ret->writes = k == CHANGES_ANYTHING ? ALL_REGISTERS : named;
	ret->writes &= ~CODE_REGISTER(CODE_RSP);
	return true;
}

bool insn_is_call(const struct insn *in)
{
	return in->flow == INSN_CALL || in->flow == INSN_CALL_INDIRECT;
}
