/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for more bytes and a NUL. */
static bool text_grow(struct text *t, size_t more)
{
	if (t->failed || more > SIZE_MAX / 4 - t->size) {
		t->failed = true;
		return false;
	}
	size_t need = t->size + more + 1;
	if (need <= t->room)
		return true;
	size_t room = t->room ? t->room : 64;
	while (room < need)
		room *= 2;
	char *bytes = realloc(t->bytes, room);
	if (!bytes) {
		t->failed = true;
		return false;
	}
	t->bytes = bytes;
	t->room = room;
	return true;
}

void text_add_v(struct text *t, const char *format, va_list args)
{
	va_list again;
	va_copy(again, args);
	int n = vsnprintf(NULL, 0, format, args);
	if (n < 0)
		t->failed = true;
	else if (text_grow(t, (size_t)n)) {
		vsnprintf(t->bytes + t->size, (size_t)n + 1, format, again);
		t->size += (size_t)n;
	}
	va_end(again);
}

void text_add(struct text *t, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	text_add_v(t, format, args);
	va_end(args);
}

void text_add_bytes(struct text *t, const void *bytes, size_t size)
{
	if (!text_grow(t, size))
		return;
	if (size)
		memcpy(t->bytes + t->size, bytes, size);
	t->size += size;
	t->bytes[t->size] = 0;
}

/* strace writes a byte in octal with as few digits as the next byte allows. */
static void add_octal(struct text *t, unsigned char c, bool digit_follows)
{
	text_add(t, digit_follows ? "\\%03o" : "\\%o", c);
}

void text_add_quoted(struct text *t, const void *bytes, size_t size, size_t max)
{
	static const char plain[] = "\"\\\n\t\r\v\f", name[] = "\"\\ntrvf";
	const unsigned char *b = bytes;
	size_t shown = size < max ? size : max;
	text_add_bytes(t, "\"", 1);
	for (size_t i = 0; i < shown; i++) {
		const char *special = b[i] ? strchr(plain, b[i]) : NULL;
		if (special)
			text_add(t, "\\%c", name[special - plain]);
		else if (b[i] >= 0x20 && b[i] < 0x7f)
			text_add_bytes(t, b + i, 1);
		else
			add_octal(t, b[i], i + 1 < shown && b[i + 1] >= '0' && b[i + 1] <= '7');
	}
	text_add_bytes(t, "\"...", size > max ? 4 : 1);
}

void text_add_count(struct text *t, uint64_t n)
{
	if (n >= 1000) {
		text_add_count(t, n / 1000);
		text_add(t, ",%03u", (unsigned)(n % 1000));
	} else {
		text_add(t, "%u", (unsigned)n);
	}
}

void text_add_time(struct text *t, uint64_t ns)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {{"s", 1000000000}, {"ms", 1000000}, {"us", 1000}};
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		uint64_t unit = units[i].ns, whole = ns / unit, rest = ns % unit;
		int digits = whole < 10 ? 3 : whole < 100 ? 2 : 1;
		if (ns < unit)
			continue;
		/* Cut off, not rounded: nothing is said to have taken longer than it did. */
		for (int d = digits; d > 0; d--)
			unit /= 10;
		text_add_count(t, whole);
		text_add(t, ".%0*u %s", digits, (unsigned)(rest / unit), units[i].name);
		return;
	}
	text_add(t, "%u ns", (unsigned)ns);
}

const char *text_str(const struct text *t)
{
	return t->bytes ? t->bytes : "";
}

bool text_failed(const struct text *t)
{
	return t->failed;
}

void text_finish(struct text *t)
{
	free(t->bytes);
	*t = (struct text)TEXT;
}

/* A number in front of a unit: digits, and for parse_time a fraction. strtoull takes signs and
 * spaces, which no option means. */
static int parse_digits(const char *s, int base, uint64_t *ret_value, const char **ret_end)
{
	if (!isxdigit((unsigned char)*s) || (base == 10 && !isdigit((unsigned char)*s)))
		return -EINVAL;
	char *end;
	errno = 0;
	unsigned long long v = strtoull(s, &end, base);
	if (errno)
		return -ERANGE;
	*ret_value = v;
	*ret_end = end;
	return 0;
}

int parse_u64(const char *s, uint64_t *ret_value)
{
	int base = 10;
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		s += 2;
		base = 16;
		if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
			return -EINVAL;
	}
	uint64_t v;
	const char *end;
	int r = parse_digits(s, base, &v, &end);
	if (r < 0)
		return r;
	if (*end)
		return -EINVAL;
	*ret_value = v;
	return 0;
}

int parse_size(const char *s, uint64_t *ret_bytes)
{
	static const char units[] = "KMGT";
	uint64_t v;
	const char *end;
	int r = parse_digits(s, 10, &v, &end);
	if (r == -EINVAL)
		return r;
	/* Say that 1x is wrong before saying that a number is too large. */
	unsigned shift = 0;
	const char *rest = s + strspn(s, "0123456789");
	const char *unit = *rest ? strchr(units, toupper((unsigned char)*rest)) : NULL;
	if (unit) {
		shift = 10 * (unsigned)(unit - units + 1);
		rest++;
		if (rest[0] == 'i' && rest[1] == 'B')
			rest += 2;
		else if (rest[0] == 'B')
			rest++;
	} else if (*rest == 'B') {
		rest++;
	}
	if (*rest)
		return -EINVAL;
	if (r < 0 || v > UINT64_MAX >> shift)
		return -ERANGE;
	*ret_bytes = v << shift;
	return 0;
}

int parse_time(const char *s, uint64_t *ret_ns)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} unit[] = {{"", 1000000000},
		    {"s", 1000000000},
		    {"ms", 1000000},
		    {"us", 1000},
		    {"ns", 1},
		    {"m", 60 * UINT64_C(1000000000)},
		    {"h", 3600 * UINT64_C(1000000000)}};
	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	const char *point = s + strspn(s, "0123456789"), *fraction = point, *end = point;
	if (*point == '.') {
		fraction = point + 1;
		end = fraction + strspn(fraction, "0123456789");
		if (end == fraction)
			return -EINVAL;
	}
	uint64_t ns = 0, whole;
	for (size_t i = 0; i < sizeof(unit) / sizeof(unit[0]); i++)
		if (strcmp(end, unit[i].name) == 0)
			ns = unit[i].ns;
	if (ns == 0)
		return -EINVAL;
	const char *unused;
	int r = parse_digits(s, 10, &whole, &unused);
	if (r < 0)
		return r;
	uint64_t sum;
	if (__builtin_mul_overflow(whole, ns, &sum))
		return -ERANGE;
	/* Digit by digit, so that 0.1s is exactly 100 ms; what is below a nanosecond is dropped. */
	uint64_t scale = ns, part = 0;
	for (const char *d = fraction; d < end && scale > 0; d++) {
		part += (uint64_t)(*d - '0') * scale / 10;
		scale /= 10;
	}
	if (__builtin_add_overflow(sum, part, &sum))
		return -ERANGE;
	*ret_ns = sum;
	return 0;
}
