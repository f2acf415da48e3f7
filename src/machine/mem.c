/* SPDX-License-Identifier: MIT */
/* mem.c - loads and stores that missed the TLB, or that are not aligned
 *
 * Who comes here has looked at the entry of the TLB that its page hashes to; for one that is not
 * aligned it may yet be the right one.
 *
 * An access that crosses a page asks whether both pages may be accessed before it changes anything,
 * so that it happens as a whole or, but for nothing at all, not. A fault on the second page names
 * the first byte there.
 */
#include <string.h>

#include "machine/impl.h"
#include "machine/mmu_check.h"

_Static_assert(TLB_SIZE * sizeof(struct tlb_entry) <= UINT16_MAX + 1, "slot.window is 16 bits");

/* Is the access watched, and cannot be told of here? Where it can it is noted. */
static bool watch_first(struct hart *h, uint64_t va, unsigned size, bool read, bool write)
{
	for (unsigned i = 0; i < h->watch_count; i++) {
		const struct watch *w = &h->watches[i];
		if (w->asid != (h->satp >> 44 & 0xffff) || va >= w->end || va + size <= w->start ||
		    !((read && w->read) || (write && w->write)))
			continue;
		if (!h->stepping)
			return true;
		if (!h->watched.hit) {
			h->watched.hit = true;
			h->watched.did = 0;
			h->watched.va = va < w->start ? w->start : va;
		}
		h->watched.did |= (read ? HART_READ : 0) | (write ? HART_WROTE : 0);
	}
	return false;
}

static inline bool watched(struct hart *h, uint64_t va, unsigned size, bool read, bool write)
{
	return unlikely(h->watch_count) && watch_first(h, va, size, read, write);
}

/* Translates both parts of an access that crosses a page. */
static bool translate_both(struct hart *h, uint64_t va, unsigned size, enum mmu_access access,
			   uint64_t *ret_pa, uint64_t *ret_second)
{
	uint64_t second = page_down(va + size - 1);
	enum mmu_result result = mmu_check(&h->m->ram, h->satp, va, access);

	if (result != MMU_OK) {
		hart_fault(h, result, va, access);
		return false;
	}
	result = mmu_check(&h->m->ram, h->satp, second, access);
	if (result != MMU_OK) {
		hart_fault(h, result, second, access);
		return false;
	}
	return tlb_translate(h, va, access, ret_pa) &&
	       tlb_translate(h, second, access, ret_second);
}

/* 1, 2, 4 or 8 bytes: a copy of a size that is not known would be a call. */
static uint64_t bytes_get(const uint8_t *from, unsigned size)
{
	uint64_t value = 0;

	switch (size) {
	case 1: return *from;
	case 2: memcpy(&value, from, 2); break;
	case 4: memcpy(&value, from, 4); break;
	default: memcpy(&value, from, 8); break;
	}
	return value;
}

static __attribute__((noinline)) enum done load_unaligned(struct hart *h, uint64_t va, unsigned size)
{
	const uint8_t *bytes = h->m->ram.bytes;
	unsigned first = (unsigned)min_u64(size, PAGE_SIZE - (va & (PAGE_SIZE - 1)));
	const struct tlb_entry *e = &h->load[tlb_index(va)];
	uint64_t pa, second, value = 0;

	if (likely(first == size && e->key == hart_key(h, va))) {
		h->value = bytes_get((void *)(uintptr_t)(va + e->add), size);
		return DONE_NEXT;
	}
	if (watched(h, va, size, true, false))
		return DONE_STOP_HERE;
	if (first == size ? !tlb_translate(h, va, MMU_READ, &pa)
			  : !translate_both(h, va, size, MMU_READ, &pa, &second))
		return DONE_TRAP;
	memcpy(&value, bytes + pa, first);
	hart_saw(h, va, MMU_READ);
	if (first < size) {
		memcpy((uint8_t *)&value + first, bytes + second, size - first);
		hart_saw(h, va + first, MMU_READ);
	}
	h->value = value;
	return DONE_NEXT;
}

enum done mem_load(struct hart *h, uint64_t va, unsigned size)
{
	uint64_t pa;

	if (unlikely(va & (size - 1)))
		return load_unaligned(h, va, size);
	if (watched(h, va, size, true, false))
		return DONE_STOP_HERE;
	if (!tlb_translate(h, va, MMU_READ, &pa))
		return DONE_TRAP;
	h->value = bytes_get(h->m->ram.bytes + pa, size);
	if (unlikely(h->seen != NULL))
		hart_saw(h, va, MMU_READ);
	return DONE_NEXT;
}

void mem_break_reservations(struct machine *m, const struct hart *h, uint64_t pa, uint64_t size)
{
	for (unsigned i = 0; i < m->hart_count; i++) {
		struct hart *other = m->harts[i];
		if (other != h && other->reserved_size &&
		    other->reserved_pa < pa + size &&
		    pa < other->reserved_pa + other->reserved_size)
			other->reserved_size = 0;
	}
}

/* What a store does besides writing. Returns whether code was forgotten. */
static bool store_noticed(struct hart *h, uint64_t pa, unsigned size)
{
	uint64_t frame = pa >> PAGE_SHIFT;

	if (h->m->hart_count > 1)
		mem_break_reservations(h->m, h, pa, size);
	if (!code_holds(&h->m->code, frame))
		return false;
	code_forget(h->m, frame);
	return true;
}

static __attribute__((noinline)) enum done store_unaligned(struct hart *h, uint64_t va, unsigned size,
							   uint64_t value)
{
	uint8_t *bytes = h->m->ram.bytes;
	unsigned first = (unsigned)min_u64(size, PAGE_SIZE - (va & (PAGE_SIZE - 1)));
	const struct tlb_entry *e = &h->store[tlb_index(va)];
	uint64_t pa, second;

	if (likely(first == size && e->key == hart_key(h, va))) {
		memcpy((void *)(uintptr_t)(va + e->add), &value, size);
		return DONE_NEXT;
	}
	if (watched(h, va, size, false, true))
		return DONE_STOP_HERE;
	if (first == size ? !tlb_translate(h, va, MMU_WRITE, &pa)
			  : !translate_both(h, va, size, MMU_WRITE, &pa, &second))
		return DONE_TRAP;
	bool leave = store_noticed(h, pa, first);
	if (first < size)
		leave |= store_noticed(h, second, size - first);
	memcpy(bytes + pa, &value, first);
	hart_saw(h, va, MMU_WRITE);
	if (first < size) {
		memcpy(bytes + second, (uint8_t *)&value + first, size - first);
		hart_saw(h, va + first, MMU_WRITE);
	}
	return leave ? DONE_LEAVE : DONE_NEXT;
}

enum done mem_store(struct hart *h, uint64_t va, unsigned size, uint64_t value)
{
	uint64_t pa;

	if (unlikely(va & (size - 1)))
		return store_unaligned(h, va, size, value);
	if (watched(h, va, size, false, true))
		return DONE_STOP_HERE;
	if (!tlb_translate(h, va, MMU_WRITE, &pa))
		return DONE_TRAP;
	bool leave = store_noticed(h, pa, size);
	memcpy(h->m->ram.bytes + pa, &value, size);
	if (unlikely(h->seen != NULL))
		hart_saw(h, va, MMU_WRITE);
	return leave ? DONE_LEAVE : DONE_NEXT;
}

/* reads: it is more than a store. */
static void *store_at(struct hart *h, uint64_t va, unsigned size, bool reads, enum done *ret_done)
{
	const struct tlb_entry *e = &h->store[tlb_index(va)];
	uint64_t pa;

	*ret_done = DONE_NEXT;
	if (likely(e->key == hart_key(h, va)))
		return (void *)(uintptr_t)(va + e->add);
	if (watched(h, va, size, reads, true)) {
		*ret_done = DONE_STOP_HERE;
		return NULL;
	}
	if (!tlb_translate(h, va, MMU_WRITE, &pa)) {
		*ret_done = DONE_TRAP;
		return NULL;
	}
	if (store_noticed(h, pa, size))
		*ret_done = DONE_LEAVE;
	hart_saw(h, va, MMU_WRITE);
	return h->m->ram.bytes + pa;
}

void *mem_atomic(struct hart *h, uint64_t va, unsigned size, enum done *ret_done)
{
	return store_at(h, va, size, true, ret_done);
}

enum done mem_reserve(struct hart *h, uint64_t va, unsigned size)
{
	uint64_t pa, value = 0;

	if (watched(h, va, size, true, false))
		return DONE_STOP_HERE;
	/* Always walks: the physical address is wanted, and LR is rare. */
	if (!tlb_translate(h, va, MMU_READ, &pa))
		return DONE_TRAP;
	hart_saw(h, va, MMU_READ);
	memcpy(&value, h->m->ram.bytes + pa, size);
	h->value = value;
	h->reserved_va = va;
	h->reserved_pa = pa;
	h->reserved_size = size;
	/* Other harts' stores there must be noticed; so must this one's, but only after another
	 * hart reserved, which then denies them again. */
	if (h->m->hart_count > 1)
		tlb_deny_writes(h->m, pa >> PAGE_SHIFT);
	return DONE_NEXT;
}

/* Fails without touching memory when there is no reservation of just these bytes. Any SC ends the
 * reservation. */
enum done mem_conditional(struct hart *h, uint64_t va, unsigned size, uint64_t value,
			  uint64_t *ret_failed)
{
	enum done done;

	*ret_failed = 1;
	if (h->reserved_size != size || h->reserved_va != va) {
		h->reserved_size = 0;
		return DONE_NEXT;
	}
	/* The page may have been given another frame meanwhile: then translations were flushed,
	 * and the reservation is for bytes that are no longer here. */
	void *p = store_at(h, va, size, false, &done);
	if (!p)
		return done;
	uint64_t reserved_pa = h->reserved_pa;
	h->reserved_size = 0;
	if ((uint8_t *)p != h->m->ram.bytes + reserved_pa)
		return done;
	memcpy(p, &value, size);
	*ret_failed = 0;
	return done;
}
