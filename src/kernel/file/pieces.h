/* SPDX-License-Identifier: MIT */
/* pieces.h - bytes in pieces that stay apart: what a pipe holds
 *
 *	first                          last
 *	[..####]  [####]  [####....]  [##......]      each in a frame of its own, from start, size bytes
 *	 taken                           merges
 *
 * A piece is what was put at once, at most a page. A later small write may be added to the last one where
 * it merges; a packet is read by itself. So a full pipe is one with so many pieces, however few bytes they
 * are, as on Linux. A piece has a frame of RAM from its first byte to its last; of the host's memory there
 * is the array alone.
 */
#ifndef KERNEL_PIECES_H
#define KERNEL_PIECES_H

#include <stdbool.h>
#include <stdint.h>

struct mm;

struct piece {
	uint32_t frame;
	uint16_t start, size;
	bool merges; /* a write may be added behind it */
	bool packet; /* a read ends with it, and what it leaves is lost */
};

struct pieces {
	struct mm *mm;
	unsigned slots, first, count; /* slots: a power of two, or 0: nothing was put yet */
	uint64_t bytes;
	struct piece *piece;
};

void pieces_init(struct pieces *ps, struct mm *mm);
/* Gives back all frames. */
void pieces_finish(struct pieces *ps);
/* By number from the first. */
struct piece *pieces_at(const struct pieces *ps, unsigned number);
/* NULL: there is none. */
struct piece *pieces_last(const struct pieces *ps);
/* A further one, empty: the caller fills it, or takes it back. Returns 0, -ENOMEM, or -EAGAIN: a frame is
 * on its way (wait_on_io). */
int pieces_add(struct pieces *ps, struct piece **ret_piece);
void pieces_unadd(struct pieces *ps);
/* size bytes were written behind those that x has. */
void pieces_fill(struct pieces *ps, struct piece *x, unsigned size);
/* Takes size bytes of the first, which is gone with its last byte, or all that it has. */
void pieces_take(struct pieces *ps, unsigned size);
void pieces_drop(struct pieces *ps);
/* Where its bytes are in the host's memory; behind them is room up to the end of its page. */
uint8_t *piece_bytes(const struct pieces *ps, const struct piece *x);

#endif
