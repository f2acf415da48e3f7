/* SPDX-License-Identifier: MIT */
/* json.h - what the verbs' --json has in common: addresses are strings of hexadecimal digits, since
 * they may need more than the 53 bits that many readers of JSON have for a number */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

static inline json_t *json_hex(uint64_t v)
{
	return json_sprintf("0x%llx", (unsigned long long)v);
}

/* A name that may be no UTF-8: bytes that are none become the characters of their values. */
static inline json_t *json_text(const char *s)
{
	json_t *j = json_string(s ? s : "");
	char wide[512];
	size_t n = 0;
	if (j)
		return j;
	for (const unsigned char *p = (const unsigned char *)s; *p && n + 3 < sizeof(wide); p++) {
		if (*p >= 0x80)
			wide[n++] = (char)(0xc0 | *p >> 6);
		wide[n++] = (char)(*p >= 0x80 ? 0x80 | (*p & 0x3f) : *p);
	}
	return json_stringn(wide, n);
}

/* Prints and gives up. */
static inline void json_print(FILE *f, json_t *j)
{
	json_dumpf(j, f, JSON_INDENT(2));
	fputc('\n', f);
	json_decref(j);
}

#endif
