/* SPDX-License-Identifier: MIT */
#include "store/store.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"

enum { SLOTS_MOST = 1 << 30 };

const struct store_ops *const stores[] = {
    &store_file,
#ifdef HAVE_ZSTD
    &store_zram,
#endif
#ifdef HAVE_NBD
    &store_nbd,
#endif
    &store_faulty, NULL,
};

/* Kinds that this build lacks, and what it lacked for them. */
static const struct {
	const char *name, *library;
} missing[] = {
#ifndef HAVE_ZSTD
    {"zram", "libzstd (Debian: libzstd-dev)"},
#endif
#ifndef HAVE_NBD
    {"nbd", "libnbd (Debian: libnbd-dev)"},
#endif
    {NULL, NULL},
};

int store_why(char *ret_why, unsigned whys, int error, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(ret_why, whys, format, args);
	va_end(args);
	return error;
}

void store_names(char *ret_names, unsigned size)
{
	int n = snprintf(ret_names, size, "none");
	for (unsigned i = 0; stores[i] && n >= 0 && (unsigned)n < size; i++)
		n += snprintf(ret_names + n, size - (unsigned)n, ", %s", stores[i]->name);
}

char *store_option(char *text, const char *key)
{
	char *comma = strrchr(text, ',');
	size_t length = strlen(key);
	if (!comma || strncmp(comma + 1, key, length) != 0 || comma[1 + length] != '=')
		return NULL;
	*comma = 0;
	return comma + length + 2;
}

int store_size(const char *what, const char *text, uint64_t *ret_bytes, char *ret_why,
	       unsigned whys)
{
	uint64_t bytes;
	int error = parse_size(text, &bytes);
	if (error == -EINVAL)
		return store_why(ret_why, whys, error, "%s \"%s\" is not a size; write 256M or 1G",
				 what, text);
	if (error || bytes >> PAGE_SHIFT > SLOTS_MOST)
		return store_why(ret_why, whys, -EINVAL, "%s %s is too large; 4T is the most", what,
				 text);
	if (bytes < PAGE_SIZE)
		return store_why(ret_why, whys, -EINVAL,
				 "%s %s is too small; a page of 4K is the least", what, text);
	*ret_bytes = align_down(bytes, PAGE_SIZE);
	return 0;
}

/* Takes prio=N out of the options at the end, wherever it stands among them. */
static int take_prio(char *params, int *ret_prio, char *ret_why, unsigned whys)
{
	static const char option[] = ",prio=";
	char *at = strstr(params, option);
	if (!at)
		return 0;
	char *value = at + strlen(option);
	size_t length = strcspn(value, ",");
	char number[16] = "";
	uint64_t prio;
	if (strstr(value, option))
		return store_why(ret_why, whys, -EINVAL, "prio stands there twice; once is enough");
	if (length < sizeof(number))
		memcpy(number, value, length);
	if (parse_u64(number, &prio) < 0 || prio > STORE_PRIO_MAX)
		return store_why(
		    ret_why, whys, -EINVAL,
		    "prio=%.*s must be a number from 0 to %d; the highest is used first",
		    (int)length, value, STORE_PRIO_MAX);
	memmove(at, value + length, strlen(value + length) + 1);
	*ret_prio = (int)prio;
	return 0;
}

static int unknown(const char *text, size_t length, char *ret_why, unsigned whys)
{
	char names[200];
	for (unsigned i = 0; missing[i].name; i++)
		if (strlen(missing[i].name) == length && memcmp(missing[i].name, text, length) == 0)
			return store_why(ret_why, whys, -EINVAL,
					 "this build has no %s, for want of %s; install it and "
					 "build again",
					 missing[i].name, missing[i].library);
	store_names(names, sizeof(names));
	return store_why(ret_why, whys, -EINVAL, "there is no store \"%.*s\"; there is %s",
			 (int)length, text, names);
}

int store_parse(const char *text, struct store_spec *ret_spec, char *ret_why, unsigned whys)
{
	struct store_spec spec = {.prio = STORE_PRIO_NONE};
	size_t length = strcspn(text, ":[");
	if (strcmp(text, "none") == 0) {
		*ret_spec = spec;
		return 0;
	}
	for (unsigned i = 0; stores[i]; i++)
		if (strlen(stores[i]->name) == length && memcmp(stores[i]->name, text, length) == 0)
			spec.ops = stores[i];
	if (!spec.ops)
		return unknown(text, length, ret_why, whys);
	const char *params = text + length + (text[length] == ':');
	if (strlen(params) >= sizeof(spec.params))
		return store_why(ret_why, whys, -EINVAL, "what follows \"%s\" is too long",
				 spec.ops->name);
	memcpy(spec.params, params, strlen(params) + 1);
	int error = take_prio(spec.params, &spec.prio, ret_why, whys);
	if (!error)
		*ret_spec = spec;
	return error;
}

int store_open(const char *text, const struct store_env *env, struct store_opened *ret_opened,
	       char *ret_why, unsigned whys)
{
	struct store_spec spec;
	struct store_opened opened = {0};
	int error = store_parse(text, &spec, ret_why, whys);
	if (!error && !spec.ops)
		error = store_why(ret_why, whys, -EINVAL, "none is no store that could be opened");
	if (!error)
		error = spec.ops->open(env, spec.params, &opened.store, ret_why, whys);
	if (error)
		return error;
	opened.ops = spec.ops;
	opened.prio = spec.prio;
	*ret_opened = opened;
	return 0;
}

static size_t map_size(const struct store_map *m)
{
	return ((size_t)m->slots + 63) / 64 * sizeof(*m->bits);
}

int store_map_init(struct store_map *m, const struct alloc *alloc, uint32_t slots)
{
	*m = (struct store_map){.slots = slots};
	m->bits = alloc_get(alloc, map_size(m));
	return m->bits ? 0 : -ENOMEM;
}

void store_map_finish(struct store_map *m, const struct alloc *alloc)
{
	alloc_put(alloc, m->bits, map_size(m));
}

void store_map_set(struct store_map *m, uint32_t slot, bool kept)
{
	uint64_t *word = &m->bits[slot / 64], bit = UINT64_C(1) << slot % 64;
	if (kept == !!(*word & bit))
		return;
	*word ^= bit;
	m->count = kept ? m->count + 1 : m->count - 1;
}
