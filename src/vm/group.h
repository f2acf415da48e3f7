/* SPDX-License-Identifier: MIT */
/* group.h - what programs have been promised, and how much may be
 *
 * A page is promised long before it is touched: when a private region becomes writable
 * (REGION_ACCOUNT) and when shared memory is made. The promises are counted as Linux counts them
 * (VM_ACCOUNT), to the page:
 *
 *	space->committed	its regions that have REGION_ACCOUNT
 *	object->committed	shared memory: all its pages from the start (object_promise), or
 *				else each page once it is there
 *	group->committed	spaces and objects of the group
 *	mm->commit.pages	all of it
 *
 * A group is a set of processes that belong together: a program that a person started and all its
 * descendants. A space or an object without a group counts for the machine only.
 *
 * Nothing is ever charged that was not checked before (commit_check), but the count follows from
 * the regions and objects themselves, so that no failure can leave it wrong. How much may be promised
 * is the rule's affair:
 *
 *	guess	whatever is no more at once than RAM and swap together
 *	always	anything
 *	never	no more in all than the limit: swap, and a share of RAM
 */
#ifndef VM_GROUP_H
#define VM_GROUP_H

#include <stdint.h>

#include "vm/local.h"

struct mm;
struct space;

struct group {
	struct mm *mm;
	uint32_t serial; /* never reused */
	uint32_t refs;	 /* spaces, objects, and whoever made it */
	uint64_t committed; /* pages */
	struct local local;
	struct group *next, **prev; /* all groups of the mm */
};

/* Linux's numbers of vm.overcommit_memory. */
enum overcommit { OVERCOMMIT_GUESS, OVERCOMMIT_ALWAYS, OVERCOMMIT_NEVER };

/* How far memory may be promised: Linux's vm.overcommit_* and vm.*_reserve_kbytes. */
struct commit_rule {
	enum overcommit mode;
	uint32_t ratio;	 /* percent of RAM, where kbytes is 0 */
	uint64_t kbytes; /* instead of a share of RAM */
	uint64_t user_reserve, admin_reserve; /* kbytes that never mode keeps for others, and for root */
};

struct commit {
	struct commit_rule rule;
	uint64_t pages; /* promised in all */
	struct group *groups;
	uint32_t next_group;
};

/* What Linux starts with: guess, 50 percent. */
void commit_init(struct mm *mm);
/* The most that never mode promises. In pages. */
uint64_t commit_limit(const struct mm *mm);
/* May pages more be promised, for s (NULL: for no space)? Returns 0 or -ENOMEM. */
int commit_check(const struct mm *mm, const struct space *s, uint64_t pages);
/* Counts pages promised (> 0) or given back, for a group or NULL. */
void commit_charge(struct mm *mm, struct group *g, int64_t pages);

/* A group with one reference, the caller's. Returns 0 or -ENOMEM. */
int group_create(struct mm *mm, struct group **ret_group);
void group_get(struct group *g);
/* The last reference ends it. NULL is ignored. */
void group_put(struct group *g);
/* s belongs to g from now on, with all that it was promised; g NULL: to none. */
void group_join(struct group *g, struct space *s);

#endif
