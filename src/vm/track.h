/* SPDX-License-Identifier: MIT */
/* track.h - what a program asked to be told of its stores, or never to happen, page by page
 *
 *	stored	 (soft-dirty) since clear_refs; counts only in regions of REGION_TRACKED, since in all
 *		 others, those mapped since, every page counts as stored to
 *	guarded	 write-protected by a userfaultfd (watch.h)
 *	poisoned what is missing there stays so: whoever touches it gets SIGBUS (UFFDIO_POISON)
 *	barred	 a guard page: nothing is there, and whoever touches it gets SIGSEGV (MADV_GUARD_INSTALL)
 *
 * Linux keeps them in page table entries. Here entries are a cache, so they lie beside it: four bits a
 * page, in spans of 2 MiB that exist while a bit of theirs is set. Private pages and shared ones are alike.
 * A space has at most as many spans as RAM has frames: more tables would not fit there, either.
 *
 *	tracked rule: an entry is writable only if its page is stored or not tracked, and not guarded
 *
 * Only track_prepare and track_fork may fail.
 */
#ifndef VM_TRACK_H
#define VM_TRACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/sparse.h"

struct mm;
struct region;
struct space;

enum track { TRACK_STORED, TRACK_GUARDED, TRACK_POISONED, TRACK_BARRED, TRACKS };

void track_init(struct space *s);
void track_finish(struct space *s);
bool track_get(const struct space *s, uint64_t va, enum track which);
/* So that track_set cannot fail at va. Returns 0 or -ENOMEM. */
int track_prepare(struct space *s, uint64_t va);
void track_set(struct space *s, uint64_t va, enum track which);
void track_clear(struct space *s, uint64_t start, uint64_t end, enum track which);
/* Frees the spans of [start, end) that track_prepare made and nobody used. */
void track_trim(struct space *s, uint64_t start, uint64_t end);
/* The tracked rule. */
bool track_may_store(const struct space *s, const struct region *r, uint64_t va);
/* Has the page been stored to, as pagemap tells it? */
bool track_stored(const struct space *s, const struct region *r, uint64_t va);
/* The first page at or after *va and below end whose span has a bit set: moves *va to it. */
bool track_next(const struct space *s, uint64_t *va, uint64_t end);
/* What is poisoned or barred in [from, from + length), and what is guarded with guards, is so at to instead, which is
 * prepared by track_prepare_move. */
void track_move(struct space *s, uint64_t from, uint64_t to, uint64_t length, bool guards);
/* So that track_move cannot fail. Returns 0 or -ENOMEM. */
int track_prepare_move(struct space *s, uint64_t from, uint64_t to, uint64_t length);
/* A child has what its parent stored and what is poisoned or barred there, of what it inherits; no guards. Returns 0 or -ENOMEM. */
int track_fork(const struct space *parent, struct space *child);
/* Begins anew for all pages: clear_refs. Returns 0, -ENOMEM or -EAGAIN. */
int track_restart(struct space *s);

#endif
