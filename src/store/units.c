/* SPDX-License-Identifier: MIT */
#include "store/units.h"

#include <errno.h>
#include <string.h>

#include "base/bits.h"

/* At the start of each unit in use. */
struct unit {
	uint32_t next; /* frame number * FRAME_UNITS + unit; 0: the last */
	uint32_t owner;
	uint8_t bytes[UNIT_BYTES];
};

static struct unit *unit_at(const struct units *u, uint32_t id)
{
	return (struct unit *)(u->frame[id / FRAME_UNITS].bytes + id % FRAME_UNITS * UNIT);
}

void units_init(struct units *u, const struct store_env *env,
		uint32_t *(*head)(void *ctx, uint32_t owner), void *ctx)
{
	*u = (struct units){.env = env, .head = head, .ctx = ctx};
}

void units_finish(struct units *u)
{
	for (uint32_t i = 0; i < u->room; i++)
		if (u->frame[i].bytes)
			u->env->frame_give(u->env->ctx, u->frame[i].frame);
	alloc_put(u->env->alloc, u->frame, u->room * sizeof(*u->frame));
}

/* ---- Frames ---- */

static unsigned frame_used(const struct units_frame *f)
{
	return (unsigned)__builtin_popcount(f->busy);
}

static void frame_unlink(struct units *u, uint32_t number)
{
	struct units_frame *f = &u->frame[number];
	if (f->prev)
		u->frame[f->prev].next = f->next;
	else
		u->list[frame_used(f)] = f->next;
	if (f->next)
		u->frame[f->next].prev = f->prev;
}

static void frame_link(struct units *u, uint32_t number)
{
	struct units_frame *f = &u->frame[number];
	uint32_t *list = &u->list[frame_used(f)];
	f->prev = 0;
	f->next = *list;
	if (*list)
		u->frame[*list].prev = number;
	*list = number;
}

/* More numbers. Returns 0 or -ENOSPC. */
static int units_grow(struct units *u)
{
	uint32_t room = u->room ? u->room * 2 : 16;
	if (room > UINT32_MAX / FRAME_UNITS)
		return -ENOSPC;
	struct units_frame *more = alloc_get(u->env->alloc, room * sizeof(*more));
	if (!more)
		return -ENOSPC;
	if (u->room)
		memcpy(more, u->frame, u->room * sizeof(*more));
	for (uint32_t i = room; --i >= (u->room ? u->room : 1);) {
		more[i].next = u->unused;
		u->unused = i;
	}
	alloc_put(u->env->alloc, u->frame, u->room * sizeof(*u->frame));
	u->frame = more;
	u->room = room;
	return 0;
}

/* A new frame, in no list. Returns its number, or 0: there is none. */
static uint32_t frame_take(struct units *u)
{
	if (!u->unused && units_grow(u) < 0)
		return 0;
	uint32_t number = u->unused, frame;
	uint8_t *bytes = u->env->frame_take(u->env->ctx, &frame);
	if (!bytes)
		return 0;
	u->unused = u->frame[number].next;
	u->frame[number] = (struct units_frame){.bytes = bytes, .frame = frame};
	u->frames++;
	return number;
}

static void frame_give(struct units *u, uint32_t number)
{
	u->env->frame_give(u->env->ctx, u->frame[number].frame);
	u->frame[number] = (struct units_frame){.next = u->unused};
	u->unused = number;
	u->frames--;
}

/* ---- Units ---- */

/* The frame with the most units in use that has a free one, but not this one; 0: none. */
static uint32_t fullest(const struct units *u, uint32_t but)
{
	for (unsigned n = FRAME_UNITS; n--;) {
		uint32_t number = u->list[n];
		if (number && number == but)
			number = u->frame[number].next;
		if (number)
			return number;
	}
	return 0;
}

/* A unit of a frame that has one. */
static uint32_t unit_take(struct units *u, uint32_t number)
{
	struct units_frame *f = &u->frame[number];
	unsigned at = (unsigned)__builtin_ctz(~f->busy);
	frame_unlink(u, number);
	f->busy |= UINT32_C(1) << at;
	frame_link(u, number);
	u->used++;
	return number * FRAME_UNITS + at;
}

static void unit_free(struct units *u, uint32_t id)
{
	uint32_t number = id / FRAME_UNITS;
	struct units_frame *f = &u->frame[number];
	frame_unlink(u, number);
	f->busy &= ~(UINT32_C(1) << id % FRAME_UNITS);
	u->used--;
	if (f->busy) {
		frame_link(u, number);
		return;
	}
	frame_give(u, number);
	u->mixed--;
}

/* The place that says where this unit is: its owner's head, or the unit before it. */
static uint32_t *unit_place(struct units *u, uint32_t id)
{
	uint32_t *place = u->head(u->ctx, unit_at(u, id)->owner);
	while (*place != id)
		place = &unit_at(u, *place)->next;
	return place;
}

/* Empties the emptiest frame into the others, which have room for it, and gives it back. */
static void units_compact(struct units *u)
{
	unsigned n = 1;
	while (!u->list[n])
		n++;
	uint32_t number = u->list[n];
	/* The last unit that is freed takes the frame with it. */
	for (; n; n--) {
		uint32_t from =
		    number * FRAME_UNITS + (uint32_t)__builtin_ctz(u->frame[number].busy);
		uint32_t to = unit_take(u, fullest(u, number));
		*unit_at(u, to) = *unit_at(u, from);
		*unit_place(u, from) = to;
		unit_free(u, from);
	}
}

static uint64_t units_free(const struct units *u)
{
	return (uint64_t)u->mixed * FRAME_UNITS - u->used;
}

int units_put(struct units *u, uint32_t owner, const uint8_t *bytes, uint32_t size)
{
	uint32_t need = (size + UNIT_BYTES - 1) / UNIT_BYTES;
	/* At most one frame is wanting: a thing that needs more has a frame for itself. */
	if (units_free(u) < need) {
		uint32_t more = need <= FRAME_UNITS ? frame_take(u) : 0;
		if (!more)
			return -ENOSPC;
		frame_link(u, more);
		u->mixed++;
	}
	uint32_t *place = u->head(u->ctx, owner), number = 0;
	for (uint32_t done = 0; done < size;) {
		uint32_t part = (uint32_t)min_u64(size - done, UNIT_BYTES);
		if (!number || u->frame[number].busy == UINT32_MAX)
			number = fullest(u, 0);
		uint32_t id = unit_take(u, number);
		struct unit *unit = unit_at(u, id);
		unit->next = 0;
		unit->owner = owner;
		memcpy(unit->bytes, bytes + done, part);
		*place = id;
		place = &unit->next;
		done += part;
	}
	return 0;
}

void units_get(const struct units *u, uint32_t head, uint8_t *ret_bytes, uint32_t size)
{
	for (uint32_t done = 0; done < size; done += UNIT_BYTES) {
		const struct unit *unit = unit_at(u, head);
		memcpy(ret_bytes + done, unit->bytes, min_u64(size - done, UNIT_BYTES));
		head = unit->next;
	}
}

void units_drop(struct units *u, uint32_t owner)
{
	uint32_t *head = u->head(u->ctx, owner);
	for (uint32_t id = *head, next; id; id = next) {
		next = unit_at(u, id)->next;
		unit_free(u, id);
	}
	*head = 0;
	while (units_free(u) >= UNITS_SPARE * FRAME_UNITS)
		units_compact(u);
}

uint8_t *units_take_whole(struct units *u, uint32_t owner)
{
	uint32_t number = frame_take(u);
	if (!number)
		return NULL;
	u->frame[number].whole = true;
	*u->head(u->ctx, owner) = number;
	return u->frame[number].bytes;
}

uint8_t *units_whole(const struct units *u, uint32_t head)
{
	return u->frame[head].bytes;
}

void units_drop_whole(struct units *u, uint32_t owner)
{
	uint32_t *head = u->head(u->ctx, owner);
	frame_give(u, *head);
	*head = 0;
}

bool units_verify(const struct units *u)
{
	uint64_t used = 0;
	uint32_t frames = 0, mixed = 0, linked = 0;
	for (uint32_t i = 1; i < u->room; i++) {
		frames += u->frame[i].bytes != NULL;
		mixed += u->frame[i].bytes && !u->frame[i].whole;
		used += frame_used(&u->frame[i]);
	}
	for (unsigned n = 0; n <= FRAME_UNITS; n++)
		for (uint32_t i = u->list[n]; i; i = u->frame[i].next)
			linked += u->frame[i].bytes && frame_used(&u->frame[i]) == n;
	return frames == u->frames && mixed == u->mixed && used == u->used && linked == mixed &&
	       units_free(u) < UNITS_SPARE * FRAME_UNITS;
}
