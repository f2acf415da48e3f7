/* SPDX-License-Identifier: MIT */
#include "vm/slots.h"

#include <errno.h>

#include "vm/assert.h"

static uint32_t blocks_of(uint32_t count)
{
	return count / SLOT_BLOCK + 1;
}

int slots_init(struct slots *s, const struct alloc *alloc, uint32_t count)
{
	VM_ASSERT(count >= 1 && count <= SLOTS_MAX);
	uint32_t blocks = blocks_of(count);
	uint8_t *refs = alloc_get(alloc, (size_t)count + 1);
	uint16_t *room = alloc_get(alloc, blocks * sizeof(*room));
	if (!refs || !room) {
		alloc_put(alloc, refs, (size_t)count + 1);
		alloc_put(alloc, room, blocks * sizeof(*room));
		return -ENOMEM;
	}
	refs[0] = SLOT_BAD;
	for (uint32_t b = 0; b < blocks; b++)
		room[b] = SLOT_BLOCK;
	room[0]--;
	room[blocks - 1] -= blocks * SLOT_BLOCK - (count + 1);
	*s = (struct slots){.count = count, .next = 1, .refs = refs, .room = room};
	return 0;
}

void slots_finish(struct slots *s, const struct alloc *alloc)
{
	alloc_put(alloc, s->refs, (size_t)s->count + 1);
	alloc_put(alloc, s->room, blocks_of(s->count) * sizeof(*s->room));
	*s = (struct slots){0};
}

/* The first of n neighbouring free slots of one block, at or after from. 0: none. */
static uint32_t run_find(const struct slots *s, uint32_t from, uint32_t n)
{
	uint32_t run = 0;
	for (uint32_t i = from; i <= s->count;) {
		uint32_t block = i / SLOT_BLOCK;
		if (i % SLOT_BLOCK == 0)
			run = 0;
		if (s->room[block] < n) {
			i = (block + 1) * SLOT_BLOCK;
			continue;
		}
		run = s->refs[i] ? 0 : run + 1;
		i++;
		if (run == n)
			return i - n;
	}
	return 0;
}

uint32_t slots_take(struct slots *s, uint32_t n)
{
	VM_ASSERT(n >= 1 && n <= SLOT_BLOCK);
	uint32_t first = run_find(s, s->next, n);
	if (!first)
		first = run_find(s, 1, n);
	if (!first)
		return 0;
	for (uint32_t i = 0; i < n; i++)
		s->refs[first + i] = 1;
	s->room[first / SLOT_BLOCK] -= n;
	s->used += n;
	s->next = first + n > s->count ? 1 : first + n;
	return first;
}

void slots_get(struct slots *s, uint32_t slot)
{
	VM_ASSERT(slot >= 1 && slot <= s->count);
	VM_ASSERT(s->refs[slot] >= 1 && s->refs[slot] < SLOT_REFS_MAX);
	s->refs[slot]++;
}

bool slots_put(struct slots *s, uint32_t slot)
{
	VM_ASSERT(slot >= 1 && slot <= s->count);
	VM_ASSERT(s->refs[slot] >= 1 && s->refs[slot] <= SLOT_REFS_MAX);
	if (--s->refs[slot])
		return false;
	s->room[slot / SLOT_BLOCK]++;
	s->used--;
	return true;
}

void slots_mark_bad(struct slots *s, uint32_t slot)
{
	VM_ASSERT(slot >= 1 && slot <= s->count);
	VM_ASSERT(s->refs[slot] == 1);
	s->refs[slot] = SLOT_BAD;
	s->used--;
	s->bad++;
}

unsigned slots_refs(const struct slots *s, uint32_t slot)
{
	VM_ASSERT(slot >= 1 && slot <= s->count);
	return s->refs[slot] == SLOT_BAD ? 0 : s->refs[slot];
}
