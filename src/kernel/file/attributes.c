/* SPDX-License-Identifier: MIT */
#include "kernel/file/attributes.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "kernel/cred.h"

enum { CREATE = 1, REPLACE = 2 };

struct attribute {
	LIST_ENTRY(attribute) link;
	size_t size;
	char *name; /* behind the value */
	uint8_t value[];
};

static struct attribute *find(const struct attributes *l, const char *name)
{
	struct attribute *x;
	LIST_FOREACH (x, l, link) {
		if (strcmp(x->name, name) == 0)
			break;
	}
	return x;
}

static int64_t bytes_of(const struct attribute *x)
{
	return x ? (int64_t)(x->size + strlen(x->name) + 1) : 0;
}

int64_t attributes_get(const struct attributes *l, const char *name, void *ret_value, size_t size)
{
	const struct attribute *x = find(l, name);
	if (!x)
		return -ENODATA;
	if (size && size < x->size)
		return -ERANGE;
	if (size)
		memcpy(ret_value, x->value, x->size);
	return (int64_t)x->size;
}

int64_t attributes_list(const struct attributes *l, char *ret_names, size_t size)
{
	const struct attribute *x;
	size_t done = 0;
	LIST_FOREACH (x, l, link) {
		size_t n = strlen(x->name) + 1;
		if (size && done + n > size)
			return -ERANGE;
		if (size)
			memcpy(ret_names + done, x->name, n);
		done += n;
	}
	return (int64_t)done;
}

/* In its place by its name, as Linux lists them: the last first. */
static void insert(struct attributes *l, struct attribute *x)
{
	struct attribute *before = NULL, *y;
	LIST_FOREACH (y, l, link) {
		if (strcmp(y->name, x->name) < 0)
			break;
		before = y;
	}
	if (before)
		LIST_INSERT_AFTER(before, x, link);
	else
		LIST_INSERT_HEAD(l, x, link);
}

int64_t attributes_more(const struct attributes *l, const char *name, size_t size)
{
	return (int64_t)(size + strlen(name) + 1) - bytes_of(find(l, name));
}

int attributes_set(struct attributes *l, const char *name, const void *value, size_t size, int flags, int64_t *ret_more)
{
	struct attribute *old = find(l, name);
	size_t length = strlen(name) + 1;
	if ((flags & CREATE) && old)
		return -EEXIST;
	if ((flags & REPLACE) && !old)
		return -ENODATA;
	struct attribute *x = malloc(sizeof(*x) + size + length);
	if (!x)
		return -ENOMEM;
	*ret_more = attributes_more(l, name, size);
	x->size = size;
	x->name = (char *)x->value + size;
	memcpy(x->value, value, size);
	memcpy(x->name, name, length);
	if (old) {
		LIST_REMOVE(old, link);
		free(old);
	}
	insert(l, x);
	return 0;
}

int attributes_remove(struct attributes *l, const char *name, int64_t *ret_more)
{
	struct attribute *x = find(l, name);
	if (!x)
		return -ENODATA;
	*ret_more = -bytes_of(x);
	LIST_REMOVE(x, link);
	free(x);
	return 0;
}

int64_t attributes_bytes(const struct attributes *l)
{
	const struct attribute *x;
	int64_t sum = 0;
	LIST_FOREACH (x, l, link)
		sum += bytes_of(x);
	return sum;
}

void attributes_finish(struct attributes *l)
{
	struct attribute *x;
	while ((x = LIST_FIRST(l))) {
		LIST_REMOVE(x, link);
		free(x);
	}
}

/* magic and flags; then permitted and inheritable, of capabilities 0 to 31 and of 32 to 63; of the later
 * edition also whose it is. */
int capability_read(const uint8_t *value, int64_t size, struct cred_file *ret_file)
{
	enum { REVISION = 0xff, EFFECTIVE = 1, SECOND = 2, THIRD = 3 };
	uint32_t word[CAPABILITY_SIZE_MAX / 4] = {0};
	if (size != CAPABILITY_SIZE && size != CAPABILITY_SIZE_MAX)
		return -EINVAL;
	memcpy(word, value, (size_t)size);
	for (size_t i = 0; i < array_size(word); i++)
		word[i] = le32toh(word[i]);
	unsigned revision = word[0] >> 24 & REVISION;
	if (revision != (size == CAPABILITY_SIZE ? SECOND : THIRD))
		return -EINVAL;
	*ret_file = (struct cred_file){.there = word[5] == 0, /* of another user's namespace: nobody's here */
				       .effective = word[0] & EFFECTIVE,
				       .permitted = (word[1] | (uint64_t)word[3] << 32) & CAP_ALL,
				       .inheritable = (word[2] | (uint64_t)word[4] << 32) & CAP_ALL};
	return 0;
}
