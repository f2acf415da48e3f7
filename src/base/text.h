/* SPDX-License-Identifier: MIT */
/* text.h - a growing text, and the small languages of options
 *
 *	struct text t = TEXT;
 *	text_add(&t, "%d frames", n);
 *	fputs(text_str(&t), stdout);
 *	text_finish(&t);
 *
 * A text that could not grow remembers it: text_failed says so, and adding to it does nothing.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *bytes; /* NUL-terminated once anything was added */
	size_t size; /* without the NUL */
	size_t room;
	bool failed;
};

#define TEXT                                                                                       \
	{                                                                                          \
		0                                                                                  \
	}

void text_add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_v(struct text *t, const char *format, va_list args);
void text_add_bytes(struct text *t, const void *bytes, size_t size);
/* As strace quotes: at most max bytes, then "..."; NULL bytes is not allowed. */
void text_add_quoted(struct text *t, const void *bytes, size_t size, size_t max);
/* 1234567 as 1,234,567. */
void text_add_count(struct text *t, uint64_t n);
/* A time in the unit that fits, with four digits: 68 ns, 20.77 us, 1.203 ms, 3.500 s. */
void text_add_time(struct text *t, uint64_t ns);
const char *text_str(const struct text *t);
bool text_failed(const struct text *t);
void text_finish(struct text *t);

/* "64M" -> bytes: K, M, G, T and an optional B or iB, in powers of 1024. Returns 0, -EINVAL or
 * -ERANGE. */
int parse_size(const char *s, uint64_t *ret_bytes);
/* "5s", "100ms", "2us", "3ns", "1.5s"; a bare number is seconds. Returns 0, -EINVAL, -ERANGE. */
int parse_time(const char *s, uint64_t *ret_ns);
/* Decimal or 0x hexadecimal, the whole string. Returns 0, -EINVAL, -ERANGE. */
int parse_u64(const char *s, uint64_t *ret_value);

#endif
