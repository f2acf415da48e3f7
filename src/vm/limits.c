/* SPDX-License-Identifier: MIT */
#include "vm/limits.h"

#include <errno.h>

#include "vm/range.h"

const struct space_limits limits_none = {
    .size = UINT64_MAX,
    .data = UINT64_MAX,
    .data_hard = UINT64_MAX,
    .locked = UINT64_MAX,
};

/* Pages against bytes. */
static bool within(uint64_t have, uint64_t more, uint64_t limit)
{
	limit >>= PAGE_SHIFT;
	return have <= limit && more <= limit - have;
}

static bool is_data(unsigned prot, uint32_t flags)
{
	return prot & PROT_W && !(flags & (REGION_SHARED | REGION_GROWSDOWN));
}

bool limits_accounts(unsigned prot, uint32_t flags)
{
	return prot & PROT_W && !(flags & (REGION_SHARED | REGION_NORESERVE));
}

/* What an operation has added before, where it goes region by region. */
struct extra {
	uint64_t data, committed;
};

/* After Linux's may_expand_vm. Where RLIMIT_DATA is 0 the hard limit counts: Linux has that for
 * valgrind. */
static bool may_expand(const struct space *s, unsigned prot, uint32_t flags, uint64_t pages,
		       const struct extra *extra)
{
	const struct space_limits *l = &s->limits;
	uint64_t data = s->pages_data + extra->data;
	return within(s->pages, pages, l->size) &&
	       (!is_data(prot, flags) || within(data, pages, l->data ? l->data : l->data_hard));
}

void limits_range(const struct space *s, uint64_t start, uint64_t end,
		  struct limits_range *ret_range)
{
	struct limits_range in = {0};
	RANGE_REGIONS (r, s, start, end) {
		uint64_t pages = (min_u64(r->end, end) - max_u64(r->start, start)) >> PAGE_SHIFT;
		in.pages += pages;
		in.committed += r->flags & REGION_ACCOUNT ? pages : 0;
		in.locked += r->flags & REGION_LOCKED ? pages : 0;
	}
	*ret_range = in;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

int limits_map(const struct space *s, uint64_t start, uint64_t end, unsigned prot, uint32_t flags)
{
	uint64_t pages = (end - start) >> PAGE_SHIFT;
	struct limits_range old;
	limits_range(s, start, end, &old);
	if (!may_expand(s, prot, flags, pages - old.pages, &(struct extra){0}))
		return -ENOMEM;
	if (!limits_accounts(prot, flags))
		return 0;
	return commit_check(s->mm, s, minus(pages, old.committed));
}

int limits_extend(const struct space *s, const struct region *r, uint64_t pages, uint64_t to,
		  uint64_t room)
{
	struct limits_range old;
	limits_range(s, to, to + room, &old);
	if (!may_expand(s, r->prot, r->flags, minus(pages, old.pages), &(struct extra){0}))
		return -ENOMEM;
	if (!(r->flags & REGION_ACCOUNT))
		return 0;
	return commit_check(s->mm, s, minus(pages, old.committed));
}

/* What becomes writable becomes data, and is promised its pages once. Linux asks for room for the
 * whole of it again, though it is mapped already; what would not fit as it was is let through. */
static int protect_one(const struct space *s, const struct region *r, uint64_t pages, unsigned prot,
		       struct extra *extra)
{
	if (!(prot & PROT_W))
		return 0;
	if (!may_expand(s, prot, r->flags, pages, extra) &&
	    may_expand(s, r->prot, r->flags, pages, extra))
		return -ENOMEM;
	if (is_data(prot, r->flags) && !is_data(r->prot, r->flags))
		extra->data += pages;
	if (r->flags & REGION_ACCOUNT || r->prot & PROT_W || !limits_accounts(prot, r->flags))
		return 0;
	extra->committed += pages;
	return commit_check(s->mm, s, s->mm->commit.rule.mode == OVERCOMMIT_NEVER ? extra->committed
										  : pages);
}

int limits_protect(const struct space *s, uint64_t start, uint64_t end, unsigned prot,
		   uint64_t *ret_end)
{
	struct extra extra = {0};
	int error = 0;
	*ret_end = end;
	RANGE_REGIONS (r, s, start, end) {
		uint64_t from = max_u64(r->start, start), to = min_u64(r->end, end);
		if (r->prot != prot)
			error = protect_one(s, r, (to - from) >> PAGE_SHIFT, prot, &extra);
		if (error) {
			*ret_end = from;
			break;
		}
	}
	return error;
}

bool limits_grow(const struct space *s, const struct region *stack, uint64_t pages)
{
	if (!may_expand(s, stack->prot, stack->flags, pages, &(struct extra){0}))
		return false;
	if (stack->flags & REGION_LOCKED && !limits_lock(s, pages))
		return false;
	return commit_check(s->mm, s, pages) == 0;
}

bool limits_lock(const struct space *s, uint64_t pages)
{
	return within(s->pages_locked, pages, s->limits.locked);
}

bool limits_brk(const struct space *s, uint64_t brk, uint64_t data)
{
	uint64_t limit = s->limits.data, heap = brk > s->brk_start ? brk - s->brk_start : 0;
	return limit == UINT64_MAX || (data <= limit && heap <= limit - data);
}
