/* SPDX-License-Identifier: MIT */
/* watch.h - regions whose faults a program handles itself: what userfaultfd does to an address space
 *
 *	                   touch                       fault_plan
 *	REGION_WATCH_MISSING   no page is there yet    hand over: FAULT_HANDED, mm->handed says what
 *	REGION_WATCH_GUARD     store, page guarded     hand over
 *	REGION_WATCH_MINOR     the shared object has   hand over
 *	                       the page, no entry yet
 *	REGION_WATCH_ASYNC     with GUARD              the page is guarded no more, nobody is told
 *
 * The kernel tells the watcher, whose number the region has, and the toucher sleeps. The watcher answers
 * with watch_fill, watch_guard or watch_continue, each of which goes through fault_handle like any other
 * fault, as one that is answered and so is not handed over again.
 *
 * A page is missing when neither layer has it. A zero frame in a page table is no page (the map is a
 * cache), so that those of a range that is registered are made pages first, and what UFFDIO_ZEROPAGE
 * puts in is a page of zeros of its own.
 */
#ifndef VM_WATCH_H
#define VM_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct space;

/* Addresses are page-aligned and below the space's top. flags: REGION_WATCH_*, at least one of WHAT. Returns 0,
 * -ENOMEM (no region there), -EINVAL (there is one that cannot be watched), -EPERM (that may never be
 * written), -EBUSY (another's), -EAGAIN; on failure nothing is watched that was not. */
int watch_register(struct space *s, uint64_t start, uint64_t end, uint32_t flags, uint64_t watcher);
/* Nobody watches the range any more. Returns 0, -EINVAL, -ENOMEM. */
int watch_unregister(struct space *s, uint64_t start, uint64_t end);
/* The watcher is gone. */
void watch_forget(struct space *s, uint64_t watcher);

/* What watcher watches in parent, another does from now on in its child, guards and all. Returns 0 or
 * -ENOMEM. */
int watch_inherit(const struct space *parent, struct space *child, uint64_t watcher, uint64_t heir);

/* Is [start, end) in one region that is watched, whoever does it, with all of these flags? */
bool watch_is(const struct space *s, uint64_t start, uint64_t end, uint32_t flags);
/* Puts in a page that is missing. bytes: PAGE_SIZE of them, NULL: zeros. Returns 0, -EEXIST,
 * -EAGAIN (wait), -ENOMEM or -EFAULT (beyond the end of the object). */
int watch_fill(struct space *s, uint64_t va, const uint8_t *bytes, bool guard);
/* Whoever touches the page, which is missing, gets SIGBUS. Returns 0, -EEXIST or -ENOMEM. */
int watch_poison(struct space *s, uint64_t va);
/* The page at from, which nobody else has, is the one at to from now on, where one is missing; both regions
 * are private memory. Returns 0, -ENOENT (there is none), -EEXIST (there is one), -EBUSY (others have it),
 * -EAGAIN (wait) or -ENOMEM. */
int watch_move(struct space *s, uint64_t from, uint64_t to);
/* Maps the page that the shared object has. Returns as watch_fill; -EEXIST: it is mapped, -EFAULT:
 * there is none. */
int watch_continue(struct space *s, uint64_t va, bool guard);
/* Guards what has a page (of objects, and with REGION_WATCH_EMPTY: all), or lets it be stored to again. Returns 0, -ENOMEM or
 * -EAGAIN. */
int watch_guard(struct space *s, uint64_t start, uint64_t end, bool guard);

#endif
