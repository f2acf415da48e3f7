/* SPDX-License-Identifier: MIT */
/* eager.c - paging without demand: what is mapped is brought in whole, before it is touched
 *
 * As in a system that loads all of a program first, and whose fork copies every page. It is there to
 * be compared with: what cannot be there beforehand still faults. That is a stack that grows, a page
 * that was evicted or dropped since, the first store to a clean page of a shared file (which
 * would else be written back unchanged), and what is mapped without a reservation
 * (REGION_NORESERVE), which says that most of it will never be touched.
 */
#include <errno.h>

#include "vm/range.h"

/* Where the contents of r end. */
static uint64_t contents_end(const struct region *r)
{
	uint64_t size = r->object ? page_up(r->object->size) : UINT64_MAX;
	uint64_t room = size > r->offset ? size - r->offset : 0;
	return r->object ? r->start + min_u64(room, r->end - r->start) : r->end;
}

int eager_fill(struct space *s, uint64_t start, uint64_t end)
{
	if (!s->mm->config.eager)
		return 0;
	RANGE_REGIONS (r, s, start, end) {
		uint64_t from = max_u64(start, r->start), to = min_u64(end, contents_end(r));
		if (!r->prot || r->flags & REGION_NORESERVE || from >= to)
			continue;
		/* What must be waited for comes by demand. */
		if (space_populate(s, from, to - from, true) == -ENOMEM)
			return -ENOMEM;
	}
	return 0;
}

int eager_fork(struct space *parent, struct space *child)
{
	int error = eager_fill(child, 0, child->layout.top);
	/* What it shared until now is the parent's alone. */
	return error ? error : eager_fill(parent, 0, parent->layout.top);
}
