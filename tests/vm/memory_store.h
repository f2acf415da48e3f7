/* SPDX-License-Identifier: MIT */
/* memory_store.h - a store that keeps its pages in memory and fails when it is told to */
#ifndef TESTS_MEMORY_STORE_H
#define TESTS_MEMORY_STORE_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vm/store.h"

/* The nth transfer from now of a kind fails so; 0: none does. */
struct store_faults {
	unsigned read_fails, read_garbles, write_fails, write_garbles, write_full;
};

struct store {
	uint32_t slots;
	uint8_t *bytes;
	uint8_t *kept; /* by slot: something was written to it */
	struct store_faults faults;
	unsigned failed; /* how often it did as it was told */
	uint64_t reads, writes;
};

static inline bool store_fails(struct store *s, unsigned *nth)
{
	bool now = *nth && --*nth == 0;
	s->failed += now;
	return now;
}

static inline uint32_t memory_slots(const struct store *s)
{
	return s->slots;
}

static inline void memory_submit(struct store *s, struct store_transfer *t)
{
	t->error = 0;
	if (t->write && store_fails(s, &s->faults.write_fails))
		t->error = -EIO;
	else if (t->write && store_fails(s, &s->faults.write_full))
		t->error = -ENOSPC;
	else if (!t->write && store_fails(s, &s->faults.read_fails))
		t->error = -EIO;
	if (t->error)
		return;
	for (unsigned i = 0; i < t->pages; i++) {
		uint8_t *at = s->bytes + (size_t)(t->slot + i) * 4096;
		if (t->write) {
			memcpy(at, t->bytes[i], 4096);
			s->kept[t->slot + i] = 1;
			s->writes++;
			if (store_fails(s, &s->faults.write_garbles))
				at[1234] ^= 4;
		} else {
			if (!s->kept[t->slot + i])
				abort(); /* a slot that was never written, or given back */
			memcpy(t->bytes[i], at, 4096);
			s->reads++;
			if (store_fails(s, &s->faults.read_garbles))
				t->bytes[i][77] ^= 64;
		}
	}
}

static inline int memory_finish(struct store *s, struct store_transfer *t)
{
	return t->error;
}

static inline void memory_discard(struct store *s, uint32_t slot)
{
	s->kept[slot] = 0;
}

static inline void memory_close(struct store *s)
{
	free(s->bytes);
	free(s->kept);
	free(s);
}

static const struct store_ops memory_ops = {
    .name = "memory",
    .close = memory_close,
    .slots = memory_slots,
    .submit = memory_submit,
    .finish = memory_finish,
    .discard = memory_discard,
};

static inline struct store *memory_store(uint32_t slots)
{
	struct store *s = calloc(1, sizeof(*s));
	if (!s)
		abort();
	s->slots = slots;
	s->bytes = malloc((size_t)slots * 4096);
	s->kept = calloc(1, slots);
	if (!s->bytes || !s->kept)
		abort();
	return s;
}

#endif
