/* SPDX-License-Identifier: MIT */
/*
 * cxxname.c - see cxxname.h. The surprise: libstdc++'s demangler has no limit on what it prints. Each reference to an earlier part
 * (S0_) can double the text, and a parameter pack can multiply it, so names are weighed before they are given to it.
 */
#include "discover/cxxname.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define MANGLED_BYTES_MAX 1024
#define REFERENCES_MAX 12	/* 1024 bytes, doubled 12 times: 4 MiB at most, kilobytes in names that compilers make */
#define SHORT_BYTES 256
#define DEMANGLED_MAX 20000
#define BUDGET_BYTES (32u << 20)	/* of text for all names of a question */
#define MANGLED_BYTE_COSTS 8	/* as many bytes of text: 90 ns in names of 1000 nested pointers, 2026-11 */

/* libstdc++; <cxxabi.h> is for C++ alone */
extern char *__cxa_demangle(const char *mangled, char *buffer, size_t *n, int *status);

static bool ends_with(const char *s, size_t n, const char *tail)
{
	size_t n_tail = strlen(tail);

	return n >= n_tail && !memcmp(s + n - n_tail, tail, n_tail);
}

/* Without what may stand behind a parameter list. */
static size_t without_qualifiers(const char *s, size_t n)
{
	static const char *const qualifiers[] = { " const", " volatile", " &&", " &", " noexcept" };
	size_t before;

	do {
		before = n;
		for (size_t i = 0; i < sizeof(qualifiers) / sizeof(*qualifiers); i++)
			if (ends_with(s, n, qualifiers[i]))
				n -= strlen(qualifiers[i]);
	} while (n != before);
	return n;
}

/* Where the parameter list that ends at n begins; n when none does. */
static size_t without_parameters(const char *s, size_t n)
{
	size_t i = n, depth = 0;

	if (!n || s[n - 1] != ')')
		return n;
	do {
		i--;
		if (s[i] == ')')
			depth++;
		else if (s[i] == '(')
			depth--;
	} while (i && depth);
	return depth ? n : i;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* The last identifier of the name, which mangling keeps. Operators have none, and what stands before them need not be there. */
void cxx_query_init(struct cxx_query *q, const char *want)
{
	size_t end, begin, depth = 0;

	memset(q, 0, sizeof(*q));
	q->want = want;
	q->n_want = strlen(want);
	end = without_parameters(want, without_qualifiers(want, q->n_want));
	if (memmem(want, end, "operator", strlen("operator")))
		return;
	while (end && (depth || !is_word(want[end - 1]))) { /* template arguments may be spelled in other ways */
		depth += want[end - 1] == '>';
		depth -= want[end - 1] == '<' && depth;
		end--;
	}
	for (begin = end; begin && is_word(want[begin - 1]);)
		begin--;
	q->word = want + begin;
	q->n_word = end - begin;
}

/* References that can make the text grow; function templates (T_) may hold packs and count as too many. */
static bool is_bounded(const char *s, size_t n)
{
	size_t n_references = 0;

	for (size_t i = 0; i + 1 < n; i++) {
		bool is_sequence = s[i + 1] == '_' || isdigit((unsigned char)s[i + 1]);

		if (s[i] == 'T' && is_sequence)
			return false;
		n_references += s[i] == 'S' && (is_sequence || isupper((unsigned char)s[i + 1]));
	}
	return n_references <= REFERENCES_MAX;
}

/* Whether the first n bytes are the wanted name, perhaps behind a return type. */
static bool is_wanted(const struct cxx_query *q, const char *s, size_t n)
{
	return ends_with(s, n, q->want) && (n == q->n_want || s[n - q->n_want - 1] == ' ');
}

bool cxx_query_matches(struct cxx_query *q, const char *mangled)
{
	size_t n = strlen(mangled), n_unqualified, n_name;
	AUTO_FREE char *text = NULL;
	int status;

	if (strncmp(mangled, "_Z", 2) || mangled[2] == 'T' || mangled[2] == 'G' ||
	    strchr(mangled, '.')) /* tables and thunks, guards, clones */
		return false;
	if (q->n_word && !memmem(mangled, n, q->word, q->n_word))
		return false;
	if (q->n_demangled == DEMANGLED_MAX || q->n_bytes > BUDGET_BYTES || n > MANGLED_BYTES_MAX ||
	    !is_bounded(mangled, n)) {
		q->n_left_out++;
		return false;
	}
	q->n_demangled++;
	q->n_bytes += MANGLED_BYTE_COSTS * n;
	text = __cxa_demangle(mangled, NULL, NULL, &status);
	if (!text)
		return false;
	n = strlen(text);
	q->n_bytes += n;
	n_unqualified = without_qualifiers(text, n);
	n_name = without_parameters(text, n_unqualified);
	return is_wanted(q, text, n_name) || is_wanted(q, text, n_unqualified) ||
	       is_wanted(q, text, n);
}

/* Templates among them, of which the names of many functions are made: packs can multiply, but not often in so few bytes. */
static bool is_short(const char *s, size_t n)
{
	size_t n_references = 0;

	for (size_t i = 0; i + 1 < n; i++)
		n_references += (s[i] == 'T' || s[i] == 'S') &&
				(s[i + 1] == '_' || isdigit((unsigned char)s[i + 1]));
	return n <= SHORT_BYTES && n_references <= REFERENCES_MAX;
}

bool cxx_demangle(const char *mangled, char *ret, size_t size)
{
	size_t n = strnlen(mangled, MANGLED_BYTES_MAX + 1);
	AUTO_FREE char *text = NULL;
	int status;

	if (strncmp(mangled, "_Z", 2) || n > MANGLED_BYTES_MAX ||
	    (!is_bounded(mangled, n) && !is_short(mangled, n)))
		return false;
	text = __cxa_demangle(mangled, NULL, NULL, &status);
	if (!text)
		return false;
	n = strlen(text) < size ? strlen(text) : size - 1;
	memcpy(ret, text, n);
	ret[n] = 0;
	return true;
}
