/* SPDX-License-Identifier: MIT */
/*
 * members.c - see members.h. The surprise: a type may stand in many compilation units, in some only declared; the first one that
 * has the member counts.
 */
#include "discover/members.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define TYPEDEFS_MAX 8	/* a chain of names for one type; longer ones are a loop */
#define NESTED_MAX 4
#define DIES_MAX 20000000 /* looked at before giving up */

static void cleanup_dwarf(Dwarf **dw)
{
	if (*dw)
		dwarf_end(*dw);
}

/* Follows typedefs and qualifiers to what they stand for. */
static bool strip_names(Dwarf_Die *die)
{
	for (int i = 0; i < TYPEDEFS_MAX; i++) {
		int tag = dwarf_tag(die);
		Dwarf_Attribute attribute;

		if (tag != DW_TAG_typedef && tag != DW_TAG_const_type &&
		    tag != DW_TAG_volatile_type)
			return tag == DW_TAG_structure_type || tag == DW_TAG_class_type ||
			       tag == DW_TAG_union_type;
		if (!dwarf_attr_integrate(die, DW_AT_type, &attribute) ||
		    !dwarf_formref_die(&attribute, die))
			return false;
	}
	return false;
}

static bool is_named(Dwarf_Die *die, const char *name, size_t n)
{
	const char *found = dwarf_diename(die);

	return found && strlen(found) == n && !memcmp(found, name, n);
}

static bool find_member(Dwarf_Die *type, const char *path, int64_t *ret)
{
	Dwarf_Die at = *type, child;
	int64_t sum = 0;

	for (int depth = 0; depth < NESTED_MAX; depth++) {
		size_t n = strcspn(path, ".");
		Dwarf_Attribute attribute;
		Dwarf_Word offset = 0;

		if (!strip_names(&at) || dwarf_child(&at, &child))
			return false;
		while (dwarf_tag(&child) != DW_TAG_member || !is_named(&child, path, n))
			if (dwarf_siblingof(&child, &child))
				return false;
		if (dwarf_attr(&child, DW_AT_data_member_location, &attribute)) {
			if (dwarf_formudata(&attribute, &offset))
				return false;
		} else if (dwarf_attr(&child, DW_AT_data_bit_offset, &attribute)) {
			if (dwarf_formudata(&attribute, &offset))
				return false;
			offset /= 8; /* of a bit field: the byte in which it begins */
		}
		sum += (int64_t)offset;
		if (!path[n]) {
			*ret = sum;
			return true;
		}
		path += n + 1;
		if (!dwarf_attr_integrate(&child, DW_AT_type, &attribute) ||
		    !dwarf_formref_die(&attribute, &at))
			return false;
	}
	return false;
}

/* Types stand at the top of a unit, or in a namespace of it. */
static bool search(Dwarf_Die *parent, const char *type, const char *member, int depth,
		   unsigned int *left, bool *ret_has_type, int64_t *ret)
{
	Dwarf_Die die;

	if (depth > NESTED_MAX || dwarf_child(parent, &die))
		return false;
	do {
		int tag = dwarf_tag(&die);

		if (!(*left)--)
			return false;
		if (tag == DW_TAG_namespace &&
		    search(&die, type, member, depth + 1, left, ret_has_type, ret))
			return true;
		if (tag != DW_TAG_structure_type && tag != DW_TAG_class_type &&
		    tag != DW_TAG_typedef)
			continue;
		if (!is_named(&die, type, strlen(type)))
			continue;
		*ret_has_type = true;
		if (find_member(&die, member, ret))
			return true;
	} while (!dwarf_siblingof(&die, &die));
	return false;
}

int members_find(int fd, const char *type, const char *member, int64_t *ret, struct diag *d)
{
	AUTO_CLOSE int own = dup(fd);
	CLEANUP(cleanup_dwarf) Dwarf *dw = own < 0 ? NULL : dwarf_begin(own, DWARF_C_READ);
	unsigned int left = DIES_MAX;
	Dwarf_Off at = 0, next;
	size_t header;
	bool has_type = false;

	if (!dw)
		return diag_set(d, -ENOENT, "the file has no debug information");
	while (!dwarf_nextcu(dw, at, &next, &header, NULL, NULL, NULL)) {
		Dwarf_Die unit;

		if (dwarf_offdie(dw, at + header, &unit) &&
		    search(&unit, type, member, 0, &left, &has_type, ret))
			return 0;
		at = next;
	}
	if (!has_type)
		return diag_set(d, -ENOENT, "the debug information has no type %.100s", type);
	return diag_set(d, -ENOENT, "%.100s has no member %.60s", type, member);
}
