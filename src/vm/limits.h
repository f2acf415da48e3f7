/* SPDX-License-Identifier: MIT */
/* limits.h - how much one address space may grow: Linux's resource limits, and the promise
 *
 * Whoever owns the space keeps its limits up to date; every operation that makes a space larger asks
 * here first. The answers are Linux's, quirks included, so that a program that runs into a limit
 * does so at the same call. The limit of a stack is in struct space_layout.
 */
#ifndef VM_LIMITS_H
#define VM_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

struct space;
struct region;

/* In bytes, of which whole pages count; UINT64_MAX: none. */
struct space_limits {
	uint64_t size;		  /* RLIMIT_AS: all that is mapped */
	uint64_t data, data_hard; /* RLIMIT_DATA: private and writable, stacks apart */
	uint64_t locked;	  /* RLIMIT_MEMLOCK; the superuser has none */
	bool privileged;	  /* the superuser's: may use what never mode reserves for it */
};

/* No limits at all: what a new space has. */
extern const struct space_limits limits_none;

/* What lies in [start, end). */
struct limits_range {
	uint64_t pages;	    /* mapped */
	uint64_t committed; /* of regions with REGION_ACCOUNT */
	uint64_t locked;
};
void limits_range(const struct space *s, uint64_t start, uint64_t end, struct limits_range *ret_range);

/* Is what has this protection and these flags promised its pages? */
bool limits_accounts(unsigned prot, uint32_t flags);

/* May [start, end) be mapped so, in place of what is there? Returns 0 or -ENOMEM. */
int limits_map(const struct space *s, uint64_t start, uint64_t end, unsigned prot, uint32_t flags);
/* May a region have pages more, whether where it is or elsewhere? [to, to + room) is cleared first.
 * Returns 0 or -ENOMEM. */
int limits_extend(const struct space *s, const struct region *r, uint64_t pages, uint64_t to, uint64_t room);
/* How far the protection of [start, end) can be set: *ret_end is end, or where the first region
 * begins that would pass a limit. Returns 0 or -ENOMEM. */
int limits_protect(const struct space *s, uint64_t start, uint64_t end, unsigned prot, uint64_t *ret_end);
/* May a stack grow by pages? Its RLIMIT_STACK is the caller's to check. */
bool limits_grow(const struct space *s, const struct region *stack, uint64_t pages);
/* May pages more be locked? */
bool limits_lock(const struct space *s, uint64_t pages);
/* May the heap end at brk, by RLIMIT_DATA as brk reads it? data: bytes of the program's own. */
bool limits_brk(const struct space *s, uint64_t brk, uint64_t data);

#endif
