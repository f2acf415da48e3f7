/* SPDX-License-Identifier: MIT */
/* object.h - named contents that pages come from: a file, or shared memory
 *
 * A file object is the page cache of one host file: page number -> frame, the same frames for
 * read, write and every mapping. Its pager fetches a page and writes one back. A shared-memory
 * object maps page numbers to anons, which can be swapped; it has no pager.
 *
 * An object lives while it is referenced: by regions, and by whoever opened the file. What is
 * cached goes with it, or earlier when frames are needed.
 */
#ifndef VM_OBJECT_H
#define VM_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/sparse.h"
#include "vm/frame.h"

struct pager {
	/* Reads page index into bytes, zeros beyond the end of file. Returns 0, -EIO, -EAGAIN: it is
	 * under way, bytes stay valid, and object_ready will be called; or -ESTALE: there is no such
	 * page any more, and size says where the file ends now. */
	int (*get)(void *ctx, uint64_t index, uint8_t *bytes);
	/* Writes the first length bytes of page index. Returns 0, -EIO or -ENOSPC. */
	int (*put)(void *ctx, uint64_t index, const uint8_t *bytes, uint32_t length);
	/* Like get, but into memory that is not cached, changing nothing; for those who look. */
	int (*peek)(void *ctx, uint64_t index, uint8_t *bytes);
	/* The last reference is gone. */
	void (*release)(void *ctx);
	/* For those whose get may say -ESTALE. */
	uint64_t (*size)(void *ctx);
};

enum object_kind { OBJECT_FILE, OBJECT_SHARED };

struct object {
	enum object_kind kind;
	uint32_t serial; /* never reused in an mm */
	uint32_t refs;
	uint64_t size;	   /* bytes; accesses to pages wholly beyond it give bus-beyond-end */
	uint64_t resident; /* pages with a frame */
	struct sparse pages; /* FILE: frame + 1; SHARED: struct anon * */
	const struct pager *pager;
	void *ctx; /* the pager's */
	struct object *next, **prev; /* all objects of the mm */
};

/* Pages are named by 40 bits: an object ends at 4 PiB. */
enum { OBJECT_INDEX_BITS = 40 };

/* Returns 0 or -ENOMEM. The object starts with one reference, the caller's. */
int object_create(struct mm *mm, enum object_kind kind, uint64_t size, const struct pager *pager, void *ctx,
		  struct object **ret_object);
void object_get(struct object *o);
/* One reference less; the last writes dirty pages back, frees the pages, and calls release. */
void object_put(struct mm *mm, struct object *o);

/* A page of a file, read in if need be, held: the caller calls frame_unhold. fresh: it will be
 * overwritten whole, so nothing is read. Returns 0, -EIO, -ENOMEM, -EAGAIN (wait), or -ESTALE: the
 * file was cut short by others, and the object has its new size. */
int object_page(struct mm *mm, struct object *o, uint64_t index, bool fresh, uint32_t *ret_frame);
/* The pager has filled (error 0) or failed to fill (-EIO) the page that it answered -EAGAIN for. */
void object_ready(struct mm *mm, struct object *o, uint64_t index, int error);
/* The cached frame of a page, or NO_FRAME. */
uint32_t object_cached(const struct object *o, uint64_t index);
/* The anon of a shared-memory page, or NULL. */
struct anon *object_anon(const struct object *o, uint64_t index);

/* For the paging system itself. object_fetch: object_page for a fault of a space. object_write:
 * writes the page of a frame back; 0 or the pager's error, and then it is STUCK. object_drop: the
 * frame of a page, which nothing maps, is given up. */
int object_fetch(struct mm *mm, struct object *o, uint64_t index, bool fresh, uint32_t space, uint32_t *ret_frame);
int object_write(struct mm *mm, uint32_t frame);
void object_drop(struct mm *mm, struct object *o, uint64_t index);
/* Gives a page of shared memory its anon; the path is prepared. */
void object_set_anon(struct object *o, uint64_t index, struct anon *a);

/* A new size: pages beyond it leave every mapping, and the rest of the last page becomes zeros. */
void object_resize(struct mm *mm, struct object *o, uint64_t size);
/* Pages first to last of shared memory become zeros. */
void object_punch(struct mm *mm, struct object *o, uint64_t first, uint64_t last);
/* Drops clean pages that nothing maps or holds: the file changed on the host. */
void object_drop_clean(struct mm *mm, struct object *o);
/* Writes the dirty pages of [first, last] back. Returns 0 or the first error. */
int object_sync(struct mm *mm, struct object *o, uint64_t first, uint64_t last);

/* The key of page index: file pages are named by object and index, shared ones by their anon. */
uint64_t object_key(const struct object *o, uint64_t index);

#endif
