/* SPDX-License-Identifier: MIT */
/* ring.h - bytes that the kernel keeps for programs, in frames of the machine, in order
 *
 *	  tail (taken)            head (put)
 *	    v                       v
 *	....[#######|########|#####]....     slot of position p: p / 4096 % slots
 *	     slot     slot     slot
 *
 * What sockets hold, queues of messages, and large sets of semaphores. A slot has a frame from the first byte that is put into it until its
 * last byte is taken, or the ring is empty: so bytes on their way take frames of RAM, and nothing
 * of the host's memory but the array of slots. How much may be in it is the owner's to limit.
 */
#ifndef KERNEL_RING_H
#define KERNEL_RING_H

#include <stddef.h>
#include <stdint.h>

struct mm;

struct ring {
	struct mm *mm;
	uint64_t head, tail;
	unsigned slots;  /* a power of two, or 0: nothing was put yet */
	uint32_t *frame; /* of each slot; NO_FRAME: none */
};

void ring_init(struct ring *r, struct mm *mm);
/* Gives back all frames. */
void ring_finish(struct ring *r);
static inline uint64_t ring_used(const struct ring *r) { return r->head - r->tail; }
/* Puts as many bytes as frames can be had for. Returns how many; when that is none -ENOMEM, or
 * -EAGAIN: a frame is on its way (wait_on_io). size > 0. */
int64_t ring_put(struct ring *r, const void *bytes, size_t size);
/* Takes frames for up to size bytes to come: ring_put cannot fail for those. Returns for how many, or
 * as ring_put. ring_settle gives back what was not needed. */
int64_t ring_reserve(struct ring *r, uint64_t size);
void ring_settle(struct ring *r);
/* Takes back the size bytes that were put last. */
void ring_unput(struct ring *r, uint64_t size);
/* Where the byte at this offset from the tail is in the host's memory, and how many, at most size,
 * follow it there. There must be that many. */
const uint8_t *ring_at(const struct ring *r, uint64_t offset, size_t size, size_t *ret_size);
/* Copies bytes from an offset on; they stay. */
void ring_peek(const struct ring *r, uint64_t offset, void *ret_bytes, size_t size);
/* Takes size bytes away from the tail. */
void ring_take(struct ring *r, uint64_t size);

/* For those who keep more than a stream. Offsets count from the tail.
 *
 * Takes frames for all of size bytes to come, or none: 0, -ENOMEM, or -EAGAIN: a frame must be waited
 * for. What comes then cannot fail. */
int ring_room(struct ring *r, uint64_t size);
/* Room was made; bytes NULL: zeros. What is behind moves. */
void ring_insert(struct ring *r, uint64_t at, const void *bytes, size_t size);
void ring_remove(struct ring *r, uint64_t at, size_t size);
/* Writes over what is there. */
void ring_poke(struct ring *r, uint64_t offset, const void *bytes, size_t size);

#endif
