/* SPDX-License-Identifier: MIT */
/*
 * cxxname.h - whether a mangled C++ name (Itanium ABI, "_ZN2ns4Pool7acquireEi") is the function that a person wrote as c++filt
 * prints it: "ns::Pool::acquire", or "ns::Pool::acquire(int)" to choose one of several. A return type, as templates have it, and
 * "const" behind may be left out. Clones ("[clone .cold]"), thunks and tables are never meant.
 *
 * The mangled names are hostile, and 200 bytes of them can stand for a gigabyte of demangled text. So only names that cannot grow
 * far are demangled, and all of one question have a budget; the others are counted as left out.
 */
#ifndef POOLSCOPE_DISCOVER_CXXNAME_H
#define POOLSCOPE_DISCOVER_CXXNAME_H

#include <stdbool.h>
#include <stddef.h>

struct cxx_query {
	const char *want;	/* borrowed */
	size_t n_want;
	const char *word;	/* into want: an identifier that every mangled form contains; n_word 0 = none */
	size_t n_word;
	size_t n_demangled, n_bytes;	/* spent so far */
	size_t n_left_out;	/* had the word, but were too involved or came too late */
};

void cxx_query_init(struct cxx_query *q, const char *want);

/* The name must end with a NUL. */
bool cxx_query_matches(struct cxx_query *q, const char *mangled);

/* As c++filt prints it, cut; false when it is no mangled name, or one that may stand for very much text. For few names: it has no budget. */
bool cxx_demangle(const char *mangled, char *ret, size_t size);

#endif
