/* SPDX-License-Identifier: MIT */
#include "kernel/file/pieces.h"

#include <errno.h>
#include <stdlib.h>

#include "vm/frame.h"
#include "vm/mm.h"

void pieces_init(struct pieces *ps, struct mm *mm)
{
	*ps = (struct pieces){.mm = mm};
}

void pieces_finish(struct pieces *ps)
{
	while (ps->count > 0)
		pieces_drop(ps);
	free(ps->piece);
	ps->piece = NULL;
	ps->slots = 0;
}

struct piece *pieces_at(const struct pieces *ps, unsigned number)
{
	return &ps->piece[(ps->first + number) & (ps->slots - 1)];
}

struct piece *pieces_last(const struct pieces *ps)
{
	return ps->count ? pieces_at(ps, ps->count - 1) : NULL;
}

static int grow(struct pieces *ps)
{
	unsigned slots = ps->slots ? ps->slots * 2 : 4;
	struct piece *piece = malloc(slots * sizeof(*piece));
	if (!piece)
		return -ENOMEM;
	for (unsigned i = 0; i < ps->count; i++)
		piece[i] = *pieces_at(ps, i);
	free(ps->piece);
	ps->piece = piece;
	ps->slots = slots;
	ps->first = 0;
	return 0;
}

int pieces_add(struct pieces *ps, struct piece **ret_piece)
{
	uint32_t frame;
	int err = ps->count == ps->slots ? grow(ps) : 0;
	if (!err)
		err = frame_take_kernel(ps->mm, ps, &frame);
	if (err)
		return err;
	ps->count++;
	*ret_piece = pieces_last(ps);
	**ret_piece = (struct piece){.frame = frame};
	return 0;
}

void pieces_unadd(struct pieces *ps)
{
	frame_free(ps->mm, pieces_last(ps)->frame);
	ps->count--;
}

void pieces_fill(struct pieces *ps, struct piece *x, unsigned size)
{
	x->size = (uint16_t)(x->size + size);
	ps->bytes += size;
}

void pieces_drop(struct pieces *ps)
{
	struct piece *x = pieces_at(ps, 0);
	ps->bytes -= x->size;
	frame_free(ps->mm, x->frame);
	ps->first++;
	ps->count--;
}

void pieces_take(struct pieces *ps, unsigned size)
{
	struct piece *x = pieces_at(ps, 0);
	if (size == x->size) {
		pieces_drop(ps);
		return;
	}
	x->start = (uint16_t)(x->start + size);
	x->size = (uint16_t)(x->size - size);
	ps->bytes -= size;
}

uint8_t *piece_bytes(const struct pieces *ps, const struct piece *x)
{
	return frame_bytes(ps->mm, x->frame) + x->start;
}
