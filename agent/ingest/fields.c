/* SPDX-License-Identifier: MIT */
/*
 * fields.c - see fields.h. The surprise: the members are read one after the other while the program runs, so two of them may be of
 * different moments; whoever uses them must ask twice (the model does).
 */
#include "ingest/fields.h"

#include <string.h>

#include "base/remote.h"

#define LIST_MAX 256 /* a longer list is not read: it may be a ring */
#define PAGE 4096
#define MOST (1ll << 31) /* items, callers: more is nonsense */

static int64_t cut(uint64_t value, unsigned int size, bool is_signed)
{
	unsigned int shift = 64 - 8 * size;

	if (size >= 8)
		return (int64_t)value;
	return is_signed ? (int64_t)(value << shift) >> shift : (int64_t)(value << shift >> shift);
}

/* The last member of every element; one that is 0 or less, which means no limit, makes the sum 0. */
static bool read_list(uint32_t pid, uint64_t element, const struct recipe_field_plan *plan,
		      int64_t *ret)
{
	bool is_unlimited = false;

	*ret = 0;
	for (int i = 0; element; i++) {
		uint64_t value = 0;
		int64_t n;

		if (i == LIST_MAX ||
		    remote_read_all(pid, element + (uint64_t)plan->step[plan->n_steps - 1], &value,
				    plan->size) ||
		    remote_read_all(pid, element + (uint64_t)plan->next, &element, 8))
			return false;
		n = cut(value, plan->size, plan->is_signed);
		is_unlimited |= n <= 0;
		if (n > MOST || (*ret += n) > MOST)
			return false;
	}
	if (is_unlimited)
		*ret = 0;
	return true;
}

/* False: not in the recipe, or not readable (a NULL pointer on the way is a value that is not there yet). */
static bool read_one(uint32_t pid, uint64_t at, const struct recipe_field_plan *plan, int64_t *ret)
{
	uint64_t value = at;

	if (!plan->n_steps)
		return false;
	for (unsigned int i = 0; i < plan->n_steps; i++) {
		bool is_last = i + 1 == plan->n_steps;

		if (is_last && plan->is_list)
			return read_list(pid, value, plan, ret);
		at = value + (uint64_t)plan->step[i];
		value = 0;
		if (remote_read_all(pid, at, &value, is_last ? plan->size : 8))
			return false;
	}
	*ret = cut(value, plan->size, plan->is_signed);
	return true;
}

static int64_t count(uint32_t pid, uint64_t address, const struct recipe_field_plan *plan)
{
	int64_t n;

	return read_one(pid, address, plan, &n) && n >= 0 && n < MOST ? n : UNKNOWN;
}

/* A string may end before the memory does, so it is read up to the end of its page, and then on. */
static void read_name(uint32_t pid, uint64_t address, const struct recipe_field_plan *plan,
		      char ret[PS_NAME_MAX])
{
	uint64_t at = address;
	size_t n, got;

	ret[0] = 0;
	if (!plan->n_steps || plan->is_list)
		return;
	for (unsigned int i = 0; i + 1 < plan->n_steps; i++) {
		uint64_t value = 0;

		if (remote_read_all(pid, at + (uint64_t)plan->step[i], &value, 8) || !value)
			return;
		at = value;
	}
	at += (uint64_t)plan->step[plan->n_steps - 1];
	for (n = 0; n < PS_NAME_MAX - 1; n += got) {
		got = PAGE - (at + n) % PAGE;
		if (got > PS_NAME_MAX - 1 - n)
			got = PS_NAME_MAX - 1 - n;
		if (remote_read_all(pid, at + n, ret + n, got))
			break;
		if (memchr(ret + n, 0, got))
			return;
	}
	ret[n] = 0;
}

void fields_read(uint32_t pid, uint64_t address,
		 const struct recipe_field_plan plan[RECIPE_FIELD_COUNT], struct pool_extra *ret)
{
	int64_t capacity, idle = count(pid, address, &plan[RECIPE_FIELD_IDLE]);

	if (read_one(pid, address, &plan[RECIPE_FIELD_CAPACITY], &capacity))
		ret->counted_capacity = capacity > 0 && capacity < MOST ? capacity : 0;
	ret->counted_open = count(pid, address, &plan[RECIPE_FIELD_OPEN]);
	ret->counted_in_use = count(pid, address, &plan[RECIPE_FIELD_IN_USE]);
	if (!plan[RECIPE_FIELD_IN_USE].n_steps && idle != UNKNOWN && ret->counted_open >= idle)
		ret->counted_in_use = ret->counted_open - idle;
	ret->counted_waiting = count(pid, address, &plan[RECIPE_FIELD_WAITING]);
	if (!read_one(pid, address, &plan[RECIPE_FIELD_WAITS], &ret->counted_waits) ||
	    ret->counted_waits < 0)
		ret->counted_waits = UNKNOWN;
	if (!read_one(pid, address, &plan[RECIPE_FIELD_WAIT_NS], &ret->counted_wait_ns) ||
	    ret->counted_wait_ns < 0)
		ret->counted_wait_ns = UNKNOWN;
	read_name(pid, address, &plan[RECIPE_FIELD_NAME], ret->name);
}
