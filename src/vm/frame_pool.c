/* SPDX-License-Identifier: MIT */
#include "vm/frame_pool.h"

#include "vm/assert.h"

void frame_pool_init(struct frame_pool *p, struct frame *frame, uint32_t frames)
{
	*p = (struct frame_pool){
	    .frame = frame,
	    .frames = frames,
	    .free = frames,
	    .first = NO_FRAME,
	};
}

static struct frame *frame_in(const struct frame_pool *p, uint32_t frame)
{
	VM_ASSERT(frame < p->frames);
	return &p->frame[frame];
}

/* How many frames are on the list. */
static uint32_t listed(const struct frame_pool *p)
{
	return p->free - (p->frames - p->untouched);
}

uint32_t frame_pool_take(struct frame_pool *p)
{
	VM_ASSERT(p->free > 0);
	uint32_t frame = p->first;
	if (frame != NO_FRAME)
		p->first = p->frame[frame].next;
	else
		frame = p->untouched++;
	struct frame *f = frame_in(p, frame);
	VM_ASSERT(f->state == FRAME_FREE);
	f->state = FRAME_RESERVED;
	p->free--;
	return frame;
}

void frame_pool_own(struct frame_pool *p, uint32_t frame, enum frame_kind kind, void *owner,
		    uint64_t index)
{
	struct frame *f = frame_in(p, frame);
	VM_ASSERT(f->state == FRAME_RESERVED && f->maps == 0);
	f->state = FRAME_OWNED;
	f->kind = kind;
	f->owner.kernel = owner;
	f->index = index;
	p->kind[kind]++;
}

void frame_pool_give(struct frame_pool *p, uint32_t frame)
{
	struct frame *f = frame_in(p, frame);
	VM_ASSERT(f->state == FRAME_RESERVED || f->state == FRAME_OWNED);
	VM_ASSERT(f->maps == 0 && f->holds == 0);
	if (f->state == FRAME_OWNED)
		p->kind[f->kind]--;
	*f = (struct frame){.state = FRAME_FREE, .next = p->first, .index = listed(p)};
	p->first = frame;
	p->free++;
}

bool frame_pool_leave(struct frame_pool *p, uint32_t frame, uint64_t key)
{
	struct frame *f = frame_in(p, frame);
	VM_ASSERT(f->state == FRAME_OWNED && f->maps == 0 && !(f->flags & FRAME_ORPHAN));
	if (f->holds == 0)
		return true;
	f->flags |= FRAME_ORPHAN;
	f->index = key;
	return false;
}

void frame_pool_hold(struct frame_pool *p, uint32_t frame)
{
	struct frame *f = frame_in(p, frame);
	VM_ASSERT(f->state == FRAME_OWNED && f->holds < UINT32_MAX);
	f->holds++;
}

bool frame_pool_unhold(struct frame_pool *p, uint32_t frame)
{
	struct frame *f = frame_in(p, frame);
	VM_ASSERT(f->holds > 0);
	return --f->holds == 0 && f->flags & FRAME_ORPHAN;
}

void frame_pool_busy(struct frame_pool *p, uint32_t frame)
{
	struct frame *f = frame_in(p, frame);
	VM_ASSERT(f->state == FRAME_OWNED && f->maps == 0 && f->holds == 0);
	f->state = FRAME_BUSY;
}

void frame_pool_done(struct frame_pool *p, uint32_t frame)
{
	struct frame *f = frame_in(p, frame);
	VM_ASSERT(f->state == FRAME_BUSY);
	f->state = FRAME_OWNED;
}
