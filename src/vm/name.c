/* SPDX-License-Identifier: MIT */
/* name.c - what a program says of its memory that changes nothing: names of what is anonymous
 * (PR_SET_VMA_ANON_NAME, prctl(2))
 *
 * As with Linux's CONFIG_ANON_VMA_NAME: a name stays with its pages through cuts, moves and forks, and
 * keeps neighbours apart that do not have the same. What is mapped anew has none.
 */
#include <errno.h>
#include <string.h>

#include "vm/range.h"

/* Shared memory may have one if it has no name as a file. */
static bool may_have_name(const struct region *r)
{
	return !r->object || (r->object->kind == OBJECT_SHARED && !r->source);
}

/* [start, end) lies in r. */
static int region_rename(struct space *s, struct region *r, uint64_t start, uint64_t end,
			 struct region_name *name)
{
	struct range g;
	if (!may_have_name(r))
		return -EBADF;
	if (region_names_agree(r->name, name))
		return 0;
	if (range_begin(&g, s, start, end, false) != 0)
		return -ENOBUFS;
	r = range_take(&g, r);
	region_name_put(s->mm, r->name);
	r->name = name;
	if (name)
		refs_get(&name->refs);
	range_merge(s, r);
	range_end(&g);
	return 0;
}

static int range_rename(struct space *s, uint64_t start, uint64_t end, struct region_name *name)
{
	int hole = 0;
	struct region *r;
	while (start < end && (r = regions_at_or_after(&s->regions, start)) && r->start < end) {
		uint64_t from = max_u64(start, r->start), to = min_u64(end, r->end);
		hole = from > start ? -ENOMEM : hole;
		int error = region_rename(s, r, from, to, name);
		if (error)
			return error;
		start = to;
	}
	return start < end ? -ENOMEM : hole;
}

int space_name(struct space *s, uint64_t start, uint64_t length, const char *name)
{
	uint64_t end = start + page_up(length);
	if (start % PAGE_SIZE || (length && end <= start))
		return -EINVAL;
	if (start == end)
		return 0;
	struct region_name *n = NULL;
	if (name) {
		VM_ASSERT(strlen(name) < REGION_NAME_SIZE);
		n = alloc_get(&s->mm->host.alloc, sizeof(*n));
		if (!n)
			return -ENOMEM;
		n->refs = 1;
		memcpy(n->text, name, strlen(name) + 1);
	}
	int error = range_rename(s, start, end, n);
	region_name_put(s->mm, n);
	return error;
}
