/* SPDX-License-Identifier: MIT */
#include "kernel/file/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "vm/frame.h"
#include "vm/mm.h"

void ring_init(struct ring *r, struct mm *mm)
{
	*r = (struct ring){.mm = mm};
}

static void drop_frames(struct ring *r)
{
	for (unsigned i = 0; i < r->slots; i++) {
		if (r->frame[i] != NO_FRAME)
			frame_free(r->mm, r->frame[i]);
		r->frame[i] = NO_FRAME;
	}
	r->head = r->tail = 0;
}

void ring_finish(struct ring *r)
{
	drop_frames(r);
	free(r->frame);
	r->frame = NULL;
	r->slots = 0;
}

static uint32_t *slot(const struct ring *r, uint64_t pos)
{
	return &r->frame[pos / PAGE_SIZE % r->slots];
}

/* Room in the array for the pages of [tail, end). Positions keep their place within a page. */
static int grow(struct ring *r, uint64_t end)
{
	uint64_t pages = (end - 1) / PAGE_SIZE - r->tail / PAGE_SIZE + 1;
	unsigned slots = r->slots ? r->slots : 4;
	if (pages <= r->slots)
		return 0;
	while (slots < pages)
		slots *= 2;
	uint32_t *frame = malloc(slots * sizeof(*frame));
	if (!frame)
		return -ENOMEM;
	for (unsigned i = 0; i < slots; i++)
		frame[i] = NO_FRAME;
	for (unsigned i = 0; i < r->slots; i++) {
		uint64_t page = r->tail / PAGE_SIZE + i;
		frame[page % slots] = r->frame[page % r->slots];
	}
	free(r->frame);
	r->frame = frame;
	r->slots = slots;
	return 0;
}

/* Takes frames for size bytes to come; returns 0, or why *ret_done is less. */
static int reserve(struct ring *r, uint64_t size, uint64_t *ret_done)
{
	int err = 0;
	uint64_t done = 0;
	while (done < size) {
		uint64_t at = r->head + done, part = min_u64(size - done, PAGE_SIZE - at % PAGE_SIZE);
		err = grow(r, at + part);
		uint32_t *s = err ? NULL : slot(r, at);
		if (!err && *s == NO_FRAME)
			err = frame_take_kernel(r->mm, r, s);
		if (err)
			break;
		done += part;
	}
	*ret_done = done;
	return err;
}

int64_t ring_reserve(struct ring *r, uint64_t size)
{
	uint64_t done;
	int err = reserve(r, size, &done);
	return done ? (int64_t)done : err;
}

int ring_room(struct ring *r, uint64_t size)
{
	uint64_t done;
	/* More than RAM has can never be. */
	int err = (ring_used(r) + size) / PAGE_SIZE > r->mm->frames ? -ENOMEM : reserve(r, size, &done);
	if (err)
		ring_settle(r);
	return err;
}

/* The frames of [from, end), whole pages of them. */
static void free_pages(struct ring *r, uint64_t from, uint64_t end)
{
	for (uint64_t at = from; at < end; at += PAGE_SIZE) {
		uint32_t *s = slot(r, at);
		if (*s != NO_FRAME)
			frame_free(r->mm, *s);
		*s = NO_FRAME;
	}
}

void ring_settle(struct ring *r)
{
	if (ring_used(r) == 0)
		drop_frames(r);
	else
		free_pages(r, page_up(r->head), page_down(r->tail) + (uint64_t)r->slots * PAGE_SIZE);
}

int64_t ring_put(struct ring *r, const void *bytes, size_t size)
{
	size_t done = 0;
	int64_t n = ring_reserve(r, size);
	while (n > 0 && done < (size_t)n) {
		size_t part = min_u64((size_t)n - done, PAGE_SIZE - r->head % PAGE_SIZE);
		memcpy(frame_bytes(r->mm, *slot(r, r->head)) + r->head % PAGE_SIZE,
		       (const uint8_t *)bytes + done, part);
		r->head += part;
		done += part;
	}
	return n;
}

void ring_unput(struct ring *r, uint64_t size)
{
	r->head -= size;
	ring_settle(r);
}

const uint8_t *ring_at(const struct ring *r, uint64_t offset, size_t size, size_t *ret_size)
{
	uint64_t pos = r->tail + offset;
	*ret_size = min_u64(size, PAGE_SIZE - pos % PAGE_SIZE);
	return frame_bytes(r->mm, *slot(r, pos)) + pos % PAGE_SIZE;
}

void ring_peek(const struct ring *r, uint64_t offset, void *ret_bytes, size_t size)
{
	uint8_t *to = ret_bytes;
	while (size > 0) {
		size_t part;
		const uint8_t *from = ring_at(r, offset, size, &part);
		memcpy(to, from, part);
		to += part;
		offset += part;
		size -= part;
	}
}

void ring_take(struct ring *r, uint64_t size)
{
	while (size > 0) {
		uint64_t part = min_u64(size, PAGE_SIZE - r->tail % PAGE_SIZE);
		uint32_t *s = slot(r, r->tail);
		r->tail += part;
		size -= part;
		if (r->tail % PAGE_SIZE == 0) {
			frame_free(r->mm, *s);
			*s = NO_FRAME;
		}
	}
	if (ring_used(r) == 0)
		drop_frames(r);
}

void ring_poke(struct ring *r, uint64_t offset, const void *bytes, size_t size)
{
	for (size_t done = 0, part; done < size; done += part) {
		/* Frames are the ring's own to write to. */
		uint8_t *to = (uint8_t *)(uintptr_t)ring_at(r, offset + done, size - done, &part);
		if (bytes)
			memcpy(to, (const uint8_t *)bytes + done, part);
		else
			memset(to, 0, part);
	}
}

/* Moves size bytes up or down, in pieces that no overlap can spoil. */
static void move(struct ring *r, uint64_t to, uint64_t from, uint64_t size)
{
	uint8_t some[1024];
	for (uint64_t done = 0, part; done < size; done += part) {
		part = min_u64(size - done, sizeof(some));
		uint64_t at = to < from ? done : size - done - part;
		ring_peek(r, from + at, some, part);
		ring_poke(r, to + at, some, part);
	}
}

void ring_insert(struct ring *r, uint64_t at, const void *bytes, size_t size)
{
	uint64_t behind = ring_used(r) - at;
	r->head += size;
	move(r, at + size, at, behind);
	ring_poke(r, at, bytes, size);
}

void ring_remove(struct ring *r, uint64_t at, size_t size)
{
	if (at == 0) {
		ring_take(r, size);
	} else {
		move(r, at, at + size, ring_used(r) - at - size);
		ring_unput(r, size);
	}
}
