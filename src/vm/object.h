/* SPDX-License-Identifier: MIT */
/* object.h - named contents that pages come from: a file, or shared memory
 *
 * A file object is the page cache of one host file: page number -> frame, the same frames for
 * read, write and every mapping. Its pager fetches a page and writes one back. A shared-memory
 * object maps page numbers to anons, which can be swapped; it has no pager.
 *
 * An object lives while it is referenced: by regions, and by whoever opened the file. What is
 * cached goes with it, or earlier when frames are needed.
 *
 * It knows the regions that map it, so that who cuts it short can take private copies of what is
 * gone, too, and the last unmapping can write back what was stored. That costs a process that maps
 * and unmaps two steps of a list, however many others map the same file.
 */
#ifndef VM_OBJECT_H
#define VM_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/sparse.h"
#include "vm/frame.h"

struct mempolicy;
struct region;
struct regions;
struct space;

struct pager {
	/* Reads page index into bytes, zeros beyond the end of file. Returns 0, -EIO, -EAGAIN: it is
	 * under way, bytes stay valid, and object_ready will be called; or -ESTALE: there is no such
	 * page any more, and size says where the file ends now. */
	int (*get)(void *ctx, uint64_t index, uint8_t *bytes);
	/* Writes the first length bytes of page index. Returns 0, -EIO or -ENOSPC. */
	int (*put)(void *ctx, uint64_t index, const uint8_t *bytes, uint32_t length);
	/* Like get, but into memory that is not cached, changing nothing; for those who look. */
	int (*peek)(void *ctx, uint64_t index, uint8_t *bytes);
	/* What was stored could not be written back, and goes with the object; error is the first of
	 * put's. May be NULL. */
	void (*lost)(void *ctx, int error);
	/* The last reference is gone. */
	void (*release)(void *ctx);
	/* Where the file ends now; others may change it behind the object's back. What it finds out of
	 * date it drops. NULL: nobody else changes it. */
	uint64_t (*size)(void *ctx);
	/* Pages first to last of the file itself become zeros, for MADV_REMOVE. NULL: a file cannot;
	 * shared memory without a pager always can. */
	int (*punch)(void *ctx, uint64_t first, uint64_t last);
	/* A region maps it from now on (begins), or is about to do so no more. May be NULL. */
	void (*mapped)(void *ctx, const struct region *r, bool begins);
};

/* How many pages the objects of one file system may have together. */
struct object_quota {
	uint64_t pages, limit;
};

enum object_kind { OBJECT_FILE, OBJECT_SHARED };

struct object {
	enum object_kind kind;
	uint32_t serial; /* never reused in an mm */
	uint32_t refs;
	uint64_t size;	   /* bytes; accesses to pages wholly beyond it give bus-beyond-end */
	uint64_t resident; /* pages with a frame; of SHARED all that have contents */
	struct sparse pages; /* FILE: frame + 1; SHARED: struct anon * */
	struct region *regions; /* that map it: region.c keeps them */
	uint32_t sharers; /* of these: those through which a store may reach it */
	bool stored; /* a page may be dirty */
	bool locked; /* its pages stay in their frames: object_lock */
	struct object_quota *quota; /* SHARED: counts its pages; NULL: without limit. Owned by the file system */
	struct sparse evicted; /* FILE: by page, the number of the eviction that took it */
	const struct pager *pager;
	void *ctx; /* the pager's */
	struct mm *mm;
	struct group *group;  /* of SHARED: whose promise its pages are; NULL: none's */
	uint64_t promised;    /* pages that were promised at once; 0: each when it is there */
	struct placed *placed; /* of SHARED: on which nodes its pages are wanted; see mempolicy.c */
	struct object *next, **prev; /* all objects of the mm */
};

/* Pages are named by 40 bits: an object ends at 4 PiB. */
enum { OBJECT_INDEX_BITS = 40 };

/* Returns 0 or -ENOMEM. The object starts with one reference, the caller's. */
int object_create(struct mm *mm, enum object_kind kind, uint64_t size, const struct pager *pager, void *ctx,
		  struct object **ret_object);
/* Shared memory that s makes counts for its group from now on; whole: all of it at once, as what
 * MAP_SHARED maps anonymously does; in never mode always. Returns 0 or -ENOMEM: it may not be
 * promised. */
int object_promise(struct object *o, const struct space *s, bool whole);
/* Pages that count as promised. */
uint64_t object_committed(const struct object *o);
void object_get(struct object *o);
/* One reference less; the last writes dirty pages back, frees the pages, and calls release. */
void object_put(struct mm *mm, struct object *o);

/* A page of a file, read in if need be, held: the caller calls frame_unhold. fresh: it will be
 * overwritten whole, so nothing is read. Returns 0, -EIO, -ENOMEM, -EAGAIN (wait), -ENOSPC (the
 * quota), or -ESTALE: the file was cut short by others, and the object has its new size. */
int object_page(struct mm *mm, struct object *o, uint64_t index, bool fresh, uint32_t *ret_frame);
/* The pager has filled (error 0) or failed to fill (-EIO) the page that it answered -EAGAIN for. */
void object_ready(struct mm *mm, struct object *o, uint64_t index, int error);
/* The cached frame of a page, or NO_FRAME. */
uint32_t object_cached(const struct object *o, uint64_t index);
/* The same of n pages from index on that can be mapped at once: neither under way nor failed. */
void object_ready_run(const struct object *o, uint64_t index, unsigned n, uint32_t *ret_frame);
/* The anon of a shared-memory page, or NULL. */
struct anon *object_anon(const struct object *o, uint64_t index);

/* For the paging system itself. object_fetch: object_page for a fault of a space. object_write:
 * writes the page of a frame back; 0 or the pager's error, and then it is STUCK. object_drop: the
 * frame of a page, which nothing maps, is given up. */
int object_fetch(struct mm *mm, struct object *o, uint64_t index, bool fresh, uint32_t space, uint32_t *ret_frame);
int object_write(struct mm *mm, uint32_t frame);
void object_drop(struct mm *mm, struct object *o, uint64_t index);
/* As object_drop, by this eviction: that is remembered, where the host has the memory. */
void object_evict(struct mm *mm, struct object *o, uint64_t index, uint64_t eviction);
/* Gives a page of shared memory its anon; the path is prepared, and the quota not used up. */
void object_set_anon(struct object *o, uint64_t index, struct anon *a);
/* May it not have another page? */
bool object_is_full(const struct object *o);
/* Others made the file longer than it was thought to be: it has its new size. */
bool object_has_grown(struct object *o);
/* A region of a space maps it, or does so no more. */
void object_mapped(struct object *o, struct region *r, struct regions *in);
void object_unmapped(struct object *o, struct region *r);
/* Pages of shared memory that are in frames, now or later by a fault, are no victims from now on, whoever maps
 * them; or are again. */
void object_lock(struct mm *mm, struct object *o, bool lock);
/* Writes back what was stored, if nobody is left who could store. */
void object_settle(struct mm *mm, struct object *o);

/* A new size. Smaller: pages beyond it leave every mapping, private copies too, and the rest of the
 * last page becomes zeros. Larger: of a file, what lies behind its old end in the last page becomes
 * zeros, as on ext4; of shared memory it stays what it is, as on tmpfs. */
void object_resize(struct mm *mm, struct object *o, uint64_t size);
/* Drops pages first to last, dirty or not, wherever they are mapped: those of shared memory are
 * zeros from then on, those of a file are read again. Private copies stay. */
void object_punch(struct mm *mm, struct object *o, uint64_t first, uint64_t last);
/* Pages first to last become zeros, in the file too. Returns 0, -EOPNOTSUPP or the pager's error. */
int object_remove(struct mm *mm, struct object *o, uint64_t first, uint64_t last);
/* Drops clean pages, mapped or not: the file changed on the host. */
void object_drop_clean(struct mm *mm, struct object *o);
/* Writes the dirty pages of [first, last] back. Returns 0 or the first error. */
int object_sync(struct mm *mm, struct object *o, uint64_t first, uint64_t last);

/* What is in RAM of the pages first to last, and what was not long ago: cachestat. */
struct object_counts {
	uint64_t cached, dirty, writeback, evicted, recently_evicted;
};
void object_count(const struct mm *mm, const struct object *o, uint64_t first, uint64_t last,
		  struct object_counts *ret_counts);

/* Pages first to last of shared memory are wanted as policy says. Returns 0 or -ENOMEM. nowhere: none is any more. */
int object_place_by(struct object *o, uint64_t first, uint64_t last, struct mempolicy policy);
void object_place_nowhere(struct object *o);

/* The key of page index: file pages are named by object and index, shared ones by their anon. */
uint64_t object_key(const struct object *o, uint64_t index);

#endif
