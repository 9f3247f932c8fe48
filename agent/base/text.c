/* SPDX-License-Identifier: MIT */
/*
 * text.c - see text.h. The surprise is the list of characters below: they are valid and printable by Unicode's rules, but they
 * reorder or hide what stands beside them, so that a pool's name could pass for another's on a terminal.
 */
#include "base/text.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

static const struct {
	uint32_t first, last;
} deceiving[] = {
	{ 0x00ad, 0x00ad },	/* soft hyphen */
	{ 0x034f, 0x034f },	/* combining grapheme joiner */
	{ 0x061c, 0x061c },	/* Arabic letter mark */
	{ 0x115f, 0x1160 },	/* Hangul fillers */
	{ 0x17b4, 0x17b5 },	/* Khmer inherent vowels */
	{ 0x180b, 0x180f },	/* Mongolian variation selectors, vowel separator */
	{ 0x200b, 0x200f },	/* zero-width space to right-to-left mark */
	{ 0x2028, 0x202e },	/* line and paragraph separator, bidi embeddings and overrides */
	{ 0x2060, 0x206f },	/* word joiner, invisible operators, bidi isolates */
	{ 0x3164, 0x3164 },	/* Hangul filler */
	{ 0xfe00, 0xfe0f },	/* variation selectors */
	{ 0xfeff, 0xfeff },	/* byte order mark */
	{ 0xffa0, 0xffa0 },	/* half-width Hangul filler */
	{ 0xfff0, 0xfffb },	/* unassigned, interlinear annotation */
	{ 0xfffe, 0xffff },	/* not characters */
	{ 0xe0000, 0xe0fff },	/* tags, more variation selectors */
};

static bool is_harmless(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c < 0xa0))
		return false;
	if (c < 0xa0)
		return true;
	for (size_t i = 0; i < sizeof(deceiving) / sizeof(deceiving[0]); i++) {
		if (c >= deceiving[i].first && c <= deceiving[i].last)
			return false;
	}
	return (c & 0xfffe) != 0xfffe;
}

/* Decodes one character of at most n (over 0) bytes. Returns its length, or 0 for anything that is not shortest-form UTF-8. */
static size_t decode(const char *s, size_t n, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *u = (const unsigned char *)s;
	size_t length;
	uint32_t c;

	if (u[0] < 0x80) {
		*ret = u[0];
		return 1;
	}
	if (u[0] >= 0xc2 && u[0] < 0xe0) {
		length = 2;
		c = u[0] & 0x1f;
	} else if (u[0] >= 0xe0 && u[0] < 0xf0) {
		length = 3;
		c = u[0] & 0x0f;
	} else if (u[0] >= 0xf0 && u[0] < 0xf5) {
		length = 4;
		c = u[0] & 0x07;
	} else {
		return 0;
	}
	if (length > n)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (u[i] & 0x3f);
	}
	if (c < least[length] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*ret = c;
	return length;
}

size_t text_clean(const char *s, size_t n, char *ret, size_t size)
{
	size_t at = 0, out = 0;

	while (s && at < n && s[at]) {
		size_t length;
		uint32_t c;

		if (s[at] >= 0x20 && s[at] < 0x7f) { /* nearly all of it */
			if (out + 1 >= size)
				break;
			ret[out++] = s[at++];
			continue;
		}
		/* strnlen() keeps the decoder from looking past the string's end */
		length = decode(s + at, strnlen(s + at, n - at < 4 ? n - at : 4), &c);
		if (length && is_harmless(c)) {
			if (out + length >= size)
				break;
			memcpy(ret + out, s + at, length);
			out += length;
		} else {
			if (out + 1 >= size)
				break;
			ret[out++] = '?';
		}
		at += length ? length : 1;
	}
	ret[out] = '\0';
	return out;
}

bool text_is_clean(const char *s)
{
	size_t left = strlen(s);

	while (left) {
		uint32_t c;
		size_t length = decode(s, left, &c);

		if (!length || !is_harmless(c))
			return false;
		s += length;
		left -= length;
	}
	return true;
}

/* v (under 1000) in three digits and without a useless ".00". */
static void format_3(double v, const char *unit, char *ret)
{
	int places = v < 9.995 ? 2 : v < 99.95 ? 1 : 0;
	char number[TEXT_NUMBER_BYTES / 2];

	snprintf(number, sizeof(number), "%.*f", places, v);
	if (strchr(number, '.')) {
		char *end = number + strlen(number) - 1;

		while (*end == '0')
			*end-- = '\0';
		if (*end == '.')
			*end = '\0';
	}
	snprintf(ret, TEXT_NUMBER_BYTES, "%s%s", number, unit);
}

const char *text_format_duration(double s, char ret[static TEXT_NUMBER_BYTES])
{
	const char *const unknown = "-";

	if (!isfinite(s) || s < 0) {
		snprintf(ret, TEXT_NUMBER_BYTES, "%s", unknown);
	} else if (s == 0) {
		snprintf(ret, TEXT_NUMBER_BYTES, "0");
	} else if (s < 999.5e-9) {
		snprintf(ret, TEXT_NUMBER_BYTES, "%.0fns", s * 1e9);
	} else if (s < 999.5e-6) {
		format_3(s * 1e6, "µs", ret);
	} else if (s < 999.5e-3) {
		format_3(s * 1e3, "ms", ret);
	} else if (s < 59.95) {
		format_3(s, "s", ret);
	} else if (s < 3599.5) {
		long t = lround(s);

		snprintf(ret, TEXT_NUMBER_BYTES, "%ldm%02lds", t / 60, t % 60);
	} else if (s < 86400 - 30) {
		long t = lround(s / 60);

		snprintf(ret, TEXT_NUMBER_BYTES, "%ldh%02ldm", t / 60, t % 60);
	} else {
		double hours = fmin(round(s / 3600), 1e15);

		snprintf(ret, TEXT_NUMBER_BYTES, "%.0fd%02.0fh", floor(hours / 24),
			 fmod(hours, 24));
	}
	return ret;
}

const char *text_format_count(double n, char ret[static TEXT_NUMBER_BYTES])
{
	static const char *const unit[] = { "", "k", "M", "G", "T", "P", "E" };
	double magnitude = fabs(n);
	size_t i = 0;

	if (!isfinite(n)) {
		snprintf(ret, TEXT_NUMBER_BYTES, "-");
		return ret;
	}
	if (magnitude < 99999.5) {
		bool has_place = magnitude < 9.95 && n != rint(n);

		snprintf(ret, TEXT_NUMBER_BYTES, "%.*f", has_place ? 1 : 0, n);
		return ret;
	}
	while (magnitude >= 999.5 && i + 1 < sizeof(unit) / sizeof(unit[0])) {
		magnitude /= 1000;
		i++;
	}
	magnitude = fmin(magnitude, 9999);
	format_3(magnitude, unit[i], n < 0 ? ret + 1 : ret);
	if (n < 0)
		ret[0] = '-';
	return ret;
}

const char *text_format_percent(double ratio, char ret[static TEXT_NUMBER_BYTES])
{
	if (!isfinite(ratio))
		snprintf(ret, TEXT_NUMBER_BYTES, "-");
	else
		snprintf(ret, TEXT_NUMBER_BYTES, "%.0f%%", fmin(fmax(ratio * 100, -1e6), 1e6));
	return ret;
}

const char *text_format_bytes(double n, char ret[static TEXT_NUMBER_BYTES])
{
	static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	size_t i = 0;

	if (!isfinite(n) || n < 0) {
		snprintf(ret, TEXT_NUMBER_BYTES, "-");
		return ret;
	}
	while (n >= 999.5 && i + 1 < sizeof(unit) / sizeof(unit[0])) {
		n /= 1024;
		i++;
	}
	format_3(fmin(n, 9999), unit[i], ret);
	return ret;
}

const char *text_next(const char *s, uint32_t *ret, int *ret_width)
{
	size_t left = strnlen(s, 4), length;

	if (!left)
		return NULL;
	*ret = '?';
	length = decode(s, left, ret);
	*ret_width = length ? wcwidth((wchar_t)*ret) : 1;
	if (*ret_width < 0)
		*ret_width = 1;
	return s + (length ? length : 1);
}

size_t text_put(uint32_t c, char ret[static 4])
{
	if (c < 0x80) {
		ret[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		ret[0] = (char)(0xc0 | c >> 6);
		ret[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		ret[0] = (char)(0xe0 | c >> 12);
		ret[1] = (char)(0x80 | (c >> 6 & 0x3f));
		ret[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	ret[0] = (char)(0xf0 | (c >> 18 & 7));
	ret[1] = (char)(0x80 | (c >> 12 & 0x3f));
	ret[2] = (char)(0x80 | (c >> 6 & 0x3f));
	ret[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

size_t text_fit(const char *s, size_t columns, size_t *ret_width)
{
	const char *at = s, *next;
	size_t width = 0;
	uint32_t c;
	int w;

	while ((next = text_next(at, &c, &w)) && width + (size_t)w <= columns) {
		width += (size_t)w;
		at = next;
	}
	if (ret_width)
		*ret_width = width;
	return (size_t)(at - s);
}

size_t text_width(const char *s)
{
	size_t width;

	text_fit(s, SIZE_MAX / 2, &width);
	return width;
}
