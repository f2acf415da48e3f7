/* SPDX-License-Identifier: MIT */
/* shmoptions.c - how much a tmpfs may have, and whose it is: what mount is told, and /proc/mounts tells */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/file/path.h"
#include "kernel/file/shm_private.h"
#include "kernel/kernel.h"

enum { MODE = 01777 };

struct options {
	uint64_t pages, inodes; /* 0: as many as there are */
	uint32_t mode, uid, gid;
};

/* A number as mount takes it: 100, 64k, 1g. What follows it is left. */
static int number(const char *text, const char **ret_rest, uint64_t *ret_value)
{
	static const char units[] = "kmgtpe";
	char *end;
	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	uint64_t value = strtoull(text, &end, 0);
	const char *unit = *end ? strchr(units, tolower((unsigned char)*end)) : NULL;
	for (const char *u = units; unit && u <= unit; u++) {
		if (value > UINT64_MAX >> 10)
			return -EINVAL;
		value <<= 10;
	}
	*ret_rest = unit ? end + 1 : end;
	*ret_value = value;
	return errno ? -EINVAL : 0;
}

static int whole(const char *text, unsigned base, uint64_t most, uint32_t *ret_value)
{
	char *end;
	unsigned long value = strtoul(text, &end, (int)base);
	if (!isdigit((unsigned char)*text) || *end || value > most)
		return -EINVAL;
	*ret_value = (uint32_t)value;
	return 0;
}

static int option(const struct shm *s, const char *name, const char *value, struct options *o)
{
	const char *rest;
	uint64_t n;
	if (strcmp(name, "mode") == 0)
		return whole(value, 8, 07777, &o->mode);
	if (strcmp(name, "uid") == 0)
		return whole(value, 10, UINT32_MAX - 1, &o->uid);
	if (strcmp(name, "gid") == 0)
		return whole(value, 10, UINT32_MAX - 1, &o->gid);
	if (strcmp(name, "inode64") == 0 || strcmp(name, "inode32") == 0)
		return *value ? -EINVAL : 0;
	if (number(value, &rest, &n))
		return -EINVAL;
	if (strcmp(name, "size") == 0) {
		if (*rest == '%' && n <= UINT32_MAX) {
			n = n * s->kernel->mm->frames * PAGE_SIZE / 100;
			rest++;
		}
		o->pages = n / PAGE_SIZE + (n % PAGE_SIZE > 0);
	} else if (strcmp(name, "nr_blocks") == 0) {
		o->pages = n;
	} else if (strcmp(name, "nr_inodes") == 0) {
		o->inodes = n;
	} else {
		return -EINVAL;
	}
	return *rest ? -EINVAL : 0;
}

static uint64_t as_limit(uint64_t n)
{
	return n ? n : UINT64_MAX;
}

static uint64_t as_option(uint64_t limit)
{
	return limit == UINT64_MAX ? 0 : limit;
}

int shm_options(struct shm *s, const char *options, bool again)
{
	struct options o = {.pages = as_option(s->quota.limit), .inodes = as_option(s->inodes_max),
			    .mode = s->root->mode & 07777, .uid = s->root->uid, .gid = s->root->gid};
	char *copy = strdup(options), *save = NULL;
	int err = copy ? 0 : -ENOMEM;
	for (char *at = copy; !err && (at = strtok_r(at, ",", &save)); at = NULL) {
		char *value = strchr(at, '=');
		if (value)
			*value++ = '\0';
		err = option(s, at, value ? value : "", &o);
	}
	free(copy);
	if (!err && (s->quota.pages > as_limit(o.pages) || s->inodes > as_limit(o.inodes)))
		err = -EINVAL;
	if (err)
		return err;
	s->quota.limit = as_limit(o.pages);
	s->inodes_max = as_limit(o.inodes);
	if (!again) {
		s->root->mode = S_IFDIR | o.mode;
		s->root->uid = o.uid;
		s->root->gid = o.gid;
	}
	return 0;
}

void shm_text(const struct shm *s, struct text *text)
{
	const struct shm_node *root = s->root;
	uint64_t usual = s->kernel->mm->frames / 2;
	if (s->quota.limit != usual)
		text_add(text, ",size=%luk", as_option(s->quota.limit) * (PAGE_SIZE / 1024));
	if (s->inodes_max != usual)
		text_add(text, ",nr_inodes=%lu", as_option(s->inodes_max));
	if ((root->mode & 07777) != MODE)
		text_add(text, ",mode=%03o", root->mode & 07777);
	if (root->uid)
		text_add(text, ",uid=%u", root->uid);
	if (root->gid)
		text_add(text, ",gid=%u", root->gid);
}
