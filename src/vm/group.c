/* SPDX-License-Identifier: MIT */
#include "vm/group.h"

#include <errno.h>

#include "vm/mm.h"

enum { PAGE_KBYTES = PAGE_SIZE / 1024 };

/* ---- The rule ---- */

/* The reserves are Linux's: 3 percent of what is free at first, 128 MiB and 8 MiB at most. */
void commit_init(struct mm *mm)
{
	uint64_t share = (uint64_t)mm->frames * PAGE_KBYTES / 32;
	mm->commit = (struct commit){
	    .rule = {.mode = OVERCOMMIT_GUESS,
		     .ratio = 50,
		     .user_reserve = min_u64(share, 128 << 10),
		     .admin_reserve = min_u64(share, 8 << 10)},
	};
}

uint64_t commit_limit(const struct mm *mm)
{
	const struct commit_rule *rule = &mm->commit.rule;
	return swap_slots(mm) + (rule->kbytes ? rule->kbytes / PAGE_KBYTES
					      : (uint64_t)mm->frames * rule->ratio / 100);
}

/* What is kept from s: for root to put things right, and so that one large program leaves room for
 * another to stop it. */
static uint64_t commit_reserve(const struct mm *mm, const struct space *s)
{
	const struct commit_rule *rule = &mm->commit.rule;
	uint64_t kept = s && s->limits.privileged ? 0 : rule->admin_reserve / PAGE_KBYTES;
	return kept + (s ? min_u64(s->pages / 32, rule->user_reserve / PAGE_KBYTES) : 0);
}

/* After Linux's __vm_enough_memory. */
int commit_check(const struct mm *mm, const struct space *s, uint64_t pages)
{
	switch (mm->commit.rule.mode) {
	case OVERCOMMIT_ALWAYS: return 0;
	case OVERCOMMIT_GUESS: return pages <= mm->frames + swap_slots(mm) ? 0 : -ENOMEM;
	case OVERCOMMIT_NEVER: break;
	}
	uint64_t limit = commit_limit(mm), kept = commit_reserve(mm, s);
	/* What s will take the place of is given back then. */
	uint64_t promised = mm->commit.pages - (s && s->replaces ? s->replaces->committed : 0);
	uint64_t left = limit > kept + promised ? limit - kept - promised : 0;
	return pages < left ? 0 : -ENOMEM;
}

void commit_charge(struct mm *mm, struct group *g, int64_t pages)
{
	VM_ASSERT(pages >= 0 || mm->commit.pages >= (uint64_t)-pages);
	mm->commit.pages += (uint64_t)pages;
	if (!g)
		return;
	VM_ASSERT(pages >= 0 || g->committed >= (uint64_t)-pages);
	g->committed += (uint64_t)pages;
}

/* ---- Groups ---- */

int group_create(struct mm *mm, struct group **ret_group)
{
	struct group *g = alloc_get(&mm->host.alloc, sizeof(*g));
	if (!g)
		return -ENOMEM;
	*g = (struct group){.mm = mm,
			    .serial = ++mm->commit.next_group,
			    .refs = 1,
			    .next = mm->commit.groups,
			    .prev = &mm->commit.groups};
	int error = local_init(mm, g);
	if (error) {
		alloc_put(&mm->host.alloc, g, sizeof(*g));
		return error;
	}
	if (g->next)
		g->next->prev = &g->next;
	mm->commit.groups = g;
	*ret_group = g;
	return 0;
}

void group_get(struct group *g)
{
	refs_get(&g->refs);
}

void group_put(struct group *g)
{
	if (!g || !refs_put(&g->refs))
		return;
	VM_ASSERT(g->committed == 0);
	local_finish(g->mm, g);
	*g->prev = g->next;
	if (g->next)
		g->next->prev = g->prev;
	alloc_put(&g->mm->host.alloc, g, sizeof(*g));
}

void group_join(struct group *g, struct space *s)
{
	struct group *left = s->group;
	if (g)
		group_get(g);
	commit_charge(s->mm, left, -(int64_t)s->committed);
	commit_charge(s->mm, g, (int64_t)s->committed);
	s->group = g;
	group_put(left);
}
