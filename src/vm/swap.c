/* SPDX-License-Identifier: MIT */
#include "vm/swap.h"

#include <errno.h>
#include <string.h>

#include "base/checksum.h"
#include "vm/mm.h"

/* Frames that only stores may have, where one needs some to write. */
enum { FRAMES_KEPT = 2 };
/* An area whose writes fail this often in a row is left alone for a while of virtual time: a
 * network device that died may return. */
enum { FAILURES_MAX = 8 };
static const uint64_t DOWN_NS = 1000000000;

/* One transfer under way. */
struct swap_io {
	struct store_transfer t;
	struct swap_area *area;
	uint64_t begun, ends;
	struct anon *anon[STORE_CLUSTER];
	uint32_t space; /* for whom it is read */
	struct swap_io *next;
};

/* ---- Areas ---- */

static uint8_t *env_take(void *ctx, uint32_t *ret_frame)
{
	struct mm *mm = ctx;
	return frame_take_store(mm, ret_frame) ? frame_bytes(mm, *ret_frame) : NULL;
}

static void env_give(void *ctx, uint32_t frame)
{
	frame_free(ctx, frame);
}

void swap_store_env(struct mm *mm, struct store_env *ret_env)
{
	*ret_env = (struct store_env){
	    .alloc = &mm->host.alloc,
	    .ctx = mm,
	    .frame_take = env_take,
	    .frame_give = env_give,
	    .frames = FRAMES_KEPT,
	};
}

int swap_add(struct mm *mm, const struct swap_area_config *config)
{
	struct swap *s = &mm->swap;
	uint32_t count = config->ops->slots(config->store), base = 0;
	for (unsigned i = 0; i < s->areas; i++)
		base = max_u64(base, (uint64_t)s->area[i].base + s->area[i].slots.count);
	if (count == 0)
		return -EINVAL;
	if (s->areas == SWAP_AREAS || count > SLOTS_MAX || count > UINT32_MAX - base)
		return -ENOSPC;
	struct swap_area a = {.config = *config, .base = base};
	a.takes_frames = config->ops->takes_frames && config->ops->takes_frames(config->store);
	a.note = alloc_get(&mm->host.alloc, (count + UINT64_C(1)) * sizeof(*a.note));
	if (!a.note)
		return -ENOMEM;
	int error = slots_init(&a.slots, &mm->host.alloc, count);
	if (error) {
		alloc_put(&mm->host.alloc, a.note, (count + UINT64_C(1)) * sizeof(*a.note));
		return error;
	}
	if (a.takes_frames)
		mm->config.swap.kept = FRAMES_KEPT + max_u64(1, mm->config.swap.cluster);
	unsigned at = s->areas++;
	for (; at && s->area[at - 1].config.priority < config->priority; at--)
		s->area[at] = s->area[at - 1];
	s->area[at] = a;
	return 0;
}

void swap_finish(struct mm *mm)
{
	VM_ASSERT(!mm->swap.first && mm->swap.used == 0);
	while (mm->swap.areas) {
		struct swap_area *a = &mm->swap.area[--mm->swap.areas];
		a->config.ops->close(a->config.store);
		alloc_put(&mm->host.alloc, a->note,
			  (a->slots.count + UINT64_C(1)) * sizeof(*a->note));
		slots_finish(&a->slots, &mm->host.alloc);
	}
}

static struct swap_area *area_of(struct mm *mm, uint32_t slot, uint32_t *ret_number)
{
	for (unsigned i = 0; i < mm->swap.areas; i++) {
		struct swap_area *a = &mm->swap.area[i];
		if (slot > a->base && slot - a->base <= a->slots.count) {
			*ret_number = slot - a->base;
			return a;
		}
	}
	return NULL;
}

const struct swap_area *swap_area_of(const struct mm *mm, uint32_t slot, uint32_t *ret_number)
{
	return area_of((struct mm *)mm, slot, ret_number);
}

static bool area_usable(const struct mm *mm, const struct swap_area *a)
{
	/* One that lies in frames has room again when there are some. */
	bool full = a->full && !(a->takes_frames && mm->pool.free);
	return !full && (!a->down_until || mm_now(mm) >= a->down_until);
}

static bool area_room(const struct mm *mm, const struct swap_area *a)
{
	return area_usable(mm, a) && a->slots.used < a->slots.count;
}

/* ---- Slots and their anons ---- */

static void slot_give(struct mm *mm, struct swap_area *area, uint32_t number, struct anon *a)
{
	area->note[number] = (struct swap_note){.owner = a};
	a->slot = area->base + number;
	mm->swap.used++;
	mm->swap.cached++; /* it is being written from its frame */
}

void swap_free(struct mm *mm, struct anon *a)
{
	uint32_t number;
	struct swap_area *area = a->slot ? area_of(mm, a->slot, &number) : NULL;
	if (!area)
		return;
	VM_ASSERT(area->note[number].owner == a);
	area->config.ops->discard(area->config.store, number - 1);
	area->note[number].owner = NULL;
	slots_put(&area->slots, number);
	area->full = false;
	mm->swap.used--;
	mm->swap.cached -= a->frame != NO_FRAME;
	a->slot = 0;
}

void swap_used(struct mm *mm, struct anon *a)
{
	uint32_t number;
	const struct swap_area *area = a->slot ? area_of(mm, a->slot, &number) : NULL;
	if (!area || !area->takes_frames || a->frame == NO_FRAME ||
	    frame_at(mm, a->frame)->state != FRAME_OWNED)
		return;
	frame_at(mm, a->frame)->flags |= FRAME_DIRTY;
	swap_free(mm, a);
}

/* Takes the slot of a page that has a frame, too: it will have to be written again. */
static bool slot_steal(struct mm *mm, struct swap_area *area)
{
	for (uint32_t n = 0; n < area->slots.count; n++) {
		area->hand = area->hand < area->slots.count ? area->hand + 1 : 1;
		struct anon *a = area->note[area->hand].owner;
		if (!a || a->frame == NO_FRAME || frame_at(mm, a->frame)->state != FRAME_OWNED)
			continue;
		frame_at(mm, a->frame)->flags |= FRAME_DIRTY;
		swap_free(mm, a);
		return true;
	}
	return false;
}

uint64_t swap_slots(const struct mm *mm)
{
	uint64_t slots = 0;
	for (unsigned i = 0; i < mm->swap.areas; i++)
		slots += mm->swap.area[i].slots.count;
	return slots;
}

bool swap_room(const struct mm *mm)
{
	for (unsigned i = 0; i < mm->swap.areas; i++) {
		const struct swap_area *a = &mm->swap.area[i];
		/* One that is full gives up the slot of a page that has a frame, too. */
		if (area_room(mm, a) || (mm->swap.cached && area_usable(mm, a)))
			return true;
	}
	return false;
}

/* The first of up to *pages neighbouring slots, in the area of highest priority that has any; equal
 * ones take turns. */
static struct swap_area *slots_find(struct mm *mm, unsigned *pages, uint32_t *ret_first)
{
	struct swap *s = &mm->swap;
	struct swap_area *best = NULL;
	for (unsigned i = 0; i < s->areas; i++) {
		struct swap_area *a = &s->area[i];
		if (!area_room(mm, a))
			continue;
		if (!best || (a->config.priority == best->config.priority &&
			      a->slots.used < best->slots.used))
			best = a;
	}
	for (unsigned i = 0; !best && s->cached && i < s->areas; i++)
		if (area_usable(mm, &s->area[i]) && slot_steal(mm, &s->area[i]))
			best = &s->area[i];
	while (best && !(*ret_first = slots_take(&best->slots, *pages)))
		*pages /= 2;
	return best;
}

/* ---- Transfers ---- */

static void io_insert(struct mm *mm, struct swap_io *io)
{
	struct swap_io **at = &mm->swap.first;
	while (*at && (*at)->ends <= io->ends)
		at = &(*at)->next;
	io->next = *at;
	*at = io;
}

static void io_failed(struct mm *mm, const struct swap_io *io, int error)
{
	const struct swap_area_config *c = &io->area->config;
	mm->swap.trouble = (struct swap_trouble){
	    .device = c->name,
	    .why = error != -EBADMSG && c->ops->why ? c->ops->why(c->store) : NULL,
	    .slot = io->t.slot,
	    .write = io->t.write,
	    .error = error,
	};
	MM_EVENT(mm, NULL, 0, swap_failed, .device = io->area->config.name, .slot = io->t.slot,
		 .write = io->t.write, .error = error);
	if (mm->host.trouble)
		mm->host.trouble(mm->host.ctx, &mm->swap.trouble);
}

/* A page whose anon was let go of while it was under way. */
static bool anon_is_gone(struct mm *mm, struct anon *a)
{
	if (a->refs)
		return false;
	anon_free(mm, a);
	return true;
}

static void page_written(struct mm *mm, struct swap_io *io, unsigned i, int error)
{
	struct anon *a = io->anon[i];
	uint32_t frame = a->frame;
	struct frame *f = frame_at(mm, frame);
	VM_ASSERT(f->state == FRAME_BUSY);
	frame_pool_done(&mm->pool, frame);
	if (error) {
		f->flags |= FRAME_DIRTY;
		swap_free(mm, a);
		io->area->full |= error == -ENOSPC;
	} else {
		MM_EVENT(mm, NULL, 0, swap_out, .key = a->key, .frame = frame, .slot = a->slot,
			 .took = io->ends - io->begun);
	}
	if (!anon_is_gone(mm, a))
		evict_written(mm, frame, error);
	if (mm->host.wake)
		mm->host.wake(mm->host.ctx, frame);
}

static void page_came_back(struct mm *mm, struct swap_io *io, struct anon *a, struct swap_note *note)
{
	MM_EVENT(mm, NULL, 0, swap_in, .key = a->key, .frame = a->frame, .slot = a->slot,
		 .took = io->ends - io->begun);
	if (note->evicted)
		thrash_refault(mm, a->frame, io->space, note->evicted);
	note->evicted = 0;
}

static void page_read(struct mm *mm, struct swap_io *io, unsigned i, int error)
{
	struct anon *a = io->anon[i];
	uint32_t frame = a->frame, number = io->t.slot + 1 + i;
	struct frame *f = frame_at(mm, frame);
	VM_ASSERT(f->state == FRAME_BUSY);
	frame_pool_done(&mm->pool, frame);
	if (!error && checksum(frame_bytes(mm, frame), PAGE_SIZE) != io->area->note[number].sum) {
		error = -EBADMSG;
		io_failed(mm, io, error);
	}
	if (!anon_is_gone(mm, a)) {
		if (error)
			f->flags |= FRAME_FAILED;
		else
			page_came_back(mm, io, a, &io->area->note[number]);
		frame_enter(mm, frame, io->space, true);
	}
	if (mm->host.wake)
		mm->host.wake(mm->host.ctx, frame);
}

/* An area that fails is left alone for a while. */
static void area_note(struct mm *mm, struct swap_area *area, int error)
{
	area->failures = error == -EIO ? area->failures + 1 : 0;
	area->down_until = area->failures >= FAILURES_MAX ? mm_now(mm) + DOWN_NS : 0;
}

static void io_end(struct mm *mm, struct swap_io *io)
{
	struct swap_area *area = io->area;
	int error = area->config.ops->finish(area->config.store, &io->t);
	/* That RAM has no frame for what lies in RAM is no news. A full disk is. */
	if (error == -EIO || (error == -ENOSPC && !area->takes_frames))
		io_failed(mm, io, error);
	if (io->t.write)
		area_note(mm, area, error);
	for (unsigned i = 0; i < io->t.pages; i++) {
		if (io->t.write)
			page_written(mm, io, i, error);
		else
			page_read(mm, io, i, error);
	}
	alloc_put(&mm->host.alloc, io, sizeof(*io));
}

static void io_begin(struct mm *mm, struct swap_io *io)
{
	const struct swap_area_config *c = &io->area->config;
	io->begun = mm_now(mm);
	io->ends = io->begun;
	if (c->clock.ends)
		io->ends = max_u64(io->begun, c->clock.ends(c->clock.ctx, io->t.slot, io->t.pages,
							    io->t.write, io->begun));
	c->ops->submit(c->store, &io->t);
	io->ends += io->t.delay;
	if (io->ends > io->begun)
		io_insert(mm, io);
	else
		io_end(mm, io);
}

void swap_evicted(struct mm *mm, const struct anon *a, uint64_t eviction)
{
	uint32_t number;
	struct swap_area *area = area_of(mm, a->slot, &number);
	VM_ASSERT(area);
	area->note[number].evicted = eviction;
}

uint64_t swap_next(const struct mm *mm)
{
	return mm->swap.first ? mm->swap.first->ends : UINT64_MAX;
}

uint32_t swap_waits_for(const struct mm *mm)
{
	return mm->swap.first ? mm->swap.first->anon[0]->frame : NO_FRAME;
}

static void io_end_until(struct mm *mm, uint64_t time)
{
	while (mm->swap.first && mm->swap.first->ends <= time) {
		struct swap_io *io = mm->swap.first;
		mm->swap.first = io->next;
		io_end(mm, io);
	}
}

void swap_run(struct mm *mm)
{
	io_end_until(mm, mm_now(mm));
}

void swap_drain(struct mm *mm)
{
	io_end_until(mm, UINT64_MAX);
}

/* ---- Out and in ---- */

static void io_add(struct mm *mm, struct swap_io *io, struct anon *a)
{
	io->t.bytes[io->t.pages] = frame_bytes(mm, a->frame);
	io->anon[io->t.pages++] = a;
	frame_pool_busy(&mm->pool, a->frame);
}

unsigned swap_out(struct mm *mm, const uint32_t *frame, unsigned frames)
{
	struct swap_io *io = alloc_get(&mm->host.alloc, sizeof(*io));
	if (!io)
		return 0;
	/* A page alone goes where it was before; several want neighbouring slots. */
	struct anon *first = frame_at(mm, frame[0])->owner.anon;
	uint32_t number = 0;
	bool again = frames == 1 && first->slot;
	if (again) {
		io->area = area_of(mm, first->slot, &number);
		again = area_usable(mm, io->area);
	}
	if (!again) {
		for (unsigned i = 0; i < frames; i++)
			swap_free(mm, frame_at(mm, frame[i])->owner.anon);
		io->area = slots_find(mm, &frames, &number);
	}
	if (!io->area) {
		alloc_put(&mm->host.alloc, io, sizeof(*io));
		return 0;
	}
	io->t = (struct store_transfer){.slot = number - 1, .write = true};
	for (unsigned i = 0; i < frames; i++) {
		struct frame *f = frame_at(mm, frame[i]);
		VM_ASSERT(f->state == FRAME_OWNED && f->kind == FRAME_ANON && !f->maps && !f->holds);
		f->flags &= ~FRAME_DIRTY;
		if (!again)
			slot_give(mm, io->area, number + i, f->owner.anon);
		io->area->note[number + i].sum = checksum(frame_bytes(mm, frame[i]), PAGE_SIZE);
		io_add(mm, io, f->owner.anon);
	}
	io_begin(mm, io);
	return frames;
}

/* Puts a's page, and those that lie beside it in the area's slots and can have a free frame, into
 * one transfer. r: the frame for a. */
static void io_add_neighbours(struct mm *mm, struct swap_io *io, struct anon *a, uint32_t number,
			      struct reserve *r)
{
	const struct swap_note *note = io->area->note;
	unsigned most = mm->config.swap.readahead;
	uint32_t first = number, end = number + 1;
	uint32_t low = most > 1 ? number - (number - 1) % most : number;
	uint32_t high = most > 1 ? min_u64(low + most, io->area->slots.count + 1) : end;
	uint64_t spare = frames_available(mm);
	for (; first > low && spare && note[first - 1].owner &&
	       note[first - 1].owner->frame == NO_FRAME;
	     first--)
		spare--;
	for (; end < high && spare && note[end].owner && note[end].owner->frame == NO_FRAME; end++)
		spare--;
	io->t.slot = first - 1;
	for (uint32_t n = first; n < end; n++) {
		struct anon *x = note[n].owner;
		VM_ASSERT(x && (n != number || x == a));
		x->frame = x == a ? reserve_frame(mm, r, FRAME_ANON, x, 0) : frame_take_free(mm, x);
		mm->swap.cached++;
		io_add(mm, io, x);
	}
}

/* The page has a frame: is it there to be used? */
static int swap_found(struct mm *mm, struct anon *a, uint32_t *ret_frame)
{
	struct frame *f = frame_at(mm, a->frame);
	if (f->state == FRAME_BUSY) {
		frame_want(mm, a->frame);
		mm->waits_for = a->frame;
		return -EAGAIN;
	}
	if (f->flags & FRAME_FAILED) {
		anon_drop_frame(mm, a);
		return -EIO;
	}
	frame_hold(mm, a->frame);
	*ret_frame = a->frame;
	return 0;
}

int swap_in(struct mm *mm, struct anon *a, uint32_t space, uint32_t *ret_frame)
{
	if (a->frame != NO_FRAME)
		return swap_found(mm, a, ret_frame);
	struct reserve r;
	int error = reserve_make(mm, &(struct need){.frames = 1}, a->key, &r);
	if (error)
		return error;
	struct swap_io *io = alloc_get(&mm->host.alloc, sizeof(*io));
	if (!io) {
		reserve_drop(mm, &r);
		return -ENOMEM;
	}
	uint32_t number;
	io->area = area_of(mm, a->slot, &number);
	io->space = space;
	io->t = (struct store_transfer){.write = false};
	VM_ASSERT(io->area && io->area->note[number].owner == a);
	io_add_neighbours(mm, io, a, number, &r);
	io_begin(mm, io);
	return swap_found(mm, a, ret_frame);
}

/* Bytes that are on their way from the device are there when it has been waited for: only when that
 * counts is virtual time's affair. */
bool swap_peek(struct mm *mm, struct anon *a, uint8_t *ret_page)
{
	uint32_t number;
	struct swap_area *area = area_of(mm, a->slot, &number);
	if (!area)
		return false;
	struct store_transfer t = {.slot = number - 1, .pages = 1, .bytes = {ret_page}};
	area->config.ops->submit(area->config.store, &t);
	return area->config.ops->finish(area->config.store, &t) == 0 &&
	       checksum(ret_page, PAGE_SIZE) == area->note[number].sum;
}

/* ---- Does it hold together? ---- */

bool swap_verify(struct mm *mm, char *why, unsigned size)
{
	uint64_t used = 0, cached = 0;
	for (unsigned i = 0; i < mm->swap.areas; i++) {
		const struct swap_area *area = &mm->swap.area[i];
		uint64_t mine = 0;
		for (uint32_t n = 1; n <= area->slots.count; n++) {
			const struct anon *a = area->note[n].owner;
			mine += a != NULL;
			cached += a && a->frame != NO_FRAME;
			if (a && a->slot != area->base + n)
				return verify_say(why, size, "slot # belongs to a page that has slot #",
						  area->base + n, a->slot);
		}
		if (mine != area->slots.used)
			return verify_say(why, size, "# slots have owners, of # that are used", mine,
					  area->slots.used);
		used += mine;
	}
	if (used != mm->swap.used || cached != mm->swap.cached)
		return verify_say(why, size, "# slots are used and # are copies of frames", used, cached);
	uint64_t last = 0;
	for (const struct swap_io *io = mm->swap.first; io; io = io->next) {
		if (io->ends < last)
			return verify_say(why, size, "a transfer that ends at # comes after #", io->ends,
					  last);
		last = io->ends;
		for (unsigned i = 0; i < io->t.pages; i++)
			if (frame_at(mm, io->anon[i]->frame)->state != FRAME_BUSY)
				return verify_say(why, size, "page # is under way and its frame # is not",
						  io->anon[i]->key, io->anon[i]->frame);
	}
	return true;
}
