/* SPDX-License-Identifier: MIT */
/* pipe_move.c - bytes into a pipe and out of it, in Linux's pieces
 *
 *	write   what is beyond whole pages goes behind the last piece, if that merges and has room;
 *	        the rest in pieces of a page, the last one shorter
 *	read    from the first piece on, until nothing is left or wanted, or to the end of a packet
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/file/file.h"
#include "kernel/file/pipe.h"
#include "kernel/file/pipe_private.h"
#include "kernel/kernel.h"
#include "kernel/uaccess.h"

/* Bytes on the other side: a program's, or the kernel's own. */
struct stretch {
	struct task *task;
	const struct abi_iovec *iov; /* NULL: bytes */
	uint8_t *bytes;
	uint64_t size, done;
};

/* Copies the next size bytes from where they are, or to it. Returns 0, or as uaccess_read; nothing is
 * done then. */
static int stretch_copy(struct stretch *s, uint8_t *ours, size_t size, bool from)
{
	uint64_t done = s->done;
	if (!s->iov) {
		memcpy(from ? ours : s->bytes + done, from ? s->bytes + done : ours, size);
		s->done += size;
		return 0;
	}
	size_t at = 0;
	for (const struct abi_iovec *v = s->iov; at < size; v++) {
		if (done >= v->len) {
			done -= v->len;
			continue;
		}
		size_t part = min_u64(v->len - done, size - at);
		int err = from ? uaccess_read(s->task, ours + at, v->base + done, part)
			       : uaccess_write(s->task, v->base + done, ours + at, part);
		if (err)
			return err;
		at += part;
		done = 0;
	}
	s->done += size;
	return 0;
}

static int64_t wait_for(const struct file *f, struct task *t, struct wait_queue *q)
{
	if ((f->flags & ABI_O_NONBLOCK) || !t)
		return -EAGAIN;
	int err = wait_on(t, q);
	return err ? err : CALL_WAIT;
}

static int broken(struct task *t)
{
	if (t)
		(void)signal_send_task(t, &(struct signal_info){.number = SIGPIPE});
	return -EPIPE;
}

/* No frame could be had. While there is something in the pipe its reader will give one back. */
static int64_t no_frame(struct file *f, struct task *t, int err)
{
	struct pipe *p = f->ctx;
	if (p->pieces.count > 0)
		return wait_for(f, t, &p->write_queue);
	return err == -EAGAIN ? t && wait_on_io(t) == 0 ? CALL_WAIT : -ENOMEM : err;
}

/* One step of a write. Returns 0, or why there was none. */
static int64_t put_some(struct file *f, struct task *t, struct stretch *s)
{
	struct pipe *p = f->ctx;
	struct piece *x = pieces_last(&p->pieces);
	unsigned odd = (unsigned)(s->size % PAGE_SIZE);
	int err;
	if (p->readers == 0)
		return broken(t);
	if (s->done == 0 && odd && x && x->merges && x->start + x->size + odd <= PAGE_SIZE) {
		err = stretch_copy(s, piece_bytes(&p->pieces, x) + x->size, odd, true);
		if (!err)
			pieces_fill(&p->pieces, x, odd);
		return err;
	}
	if (pipe_full(p))
		return wait_for(f, t, &p->write_queue);
	err = pieces_add(&p->pieces, &x);
	if (err)
		return no_frame(f, t, err);
	unsigned part = (unsigned)min_u64(s->size - s->done, PAGE_SIZE);
	err = stretch_copy(s, piece_bytes(&p->pieces, x), part, true);
	if (err) {
		pieces_unadd(&p->pieces);
		return err;
	}
	x->packet = f->flags & ABI_O_DIRECT;
	x->merges = !x->packet;
	pieces_fill(&p->pieces, x, part);
	return 0;
}

/* Of a write that has a beginning, what it did; it goes on when it waits. */
static int64_t put(struct file *f, struct task *t, struct stretch *s)
{
	struct pipe *p = f->ctx;
	uint64_t before = s->done;
	int64_t n = 0;
	while (s->done < s->size && n == 0)
		n = put_some(f, t, s);
	if (s->done > before)
		wait_wake_for(&p->read_queue, POLLIN | POLLRDNORM);
	return n == CALL_WAIT || s->done == 0 ? n : (int64_t)s->done;
}

static void room_made(struct pipe *p, bool was_full)
{
	wait_wake_for(&p->write_queue, was_full && !pipe_full(p) ? POLLOUT | POLLWRNORM : 0);
}

static int64_t take(struct file *f, struct task *t, struct stretch *s)
{
	struct pipe *p = f->ctx;
	bool packet = false;
	while (s->done < s->size && !packet) {
		if (p->pieces.count == 0) {
			if (s->done > 0 || p->writers == 0)
				break;
			return wait_for(f, t, &p->read_queue);
		}
		struct piece *x = pieces_at(&p->pieces, 0);
		unsigned part = (unsigned)min_u64(x->size, s->size - s->done);
		bool was_full = pipe_full(p);
		int err = stretch_copy(s, piece_bytes(&p->pieces, x), part, false);
		if (err)
			return err == CALL_WAIT || s->done == 0 ? err : (int64_t)s->done;
		packet = x->packet;
		pieces_take(&p->pieces, packet ? x->size : part);
		room_made(p, was_full);
	}
	return (int64_t)s->done;
}

int64_t pipe_transfer(struct file *f, struct task *t, bool write, const struct abi_iovec *iov, unsigned count)
{
	struct stretch s = {.task = t, .iov = iov, .done = t->call.done};
	for (unsigned i = 0; i < count; i++)
		s.size += iov[i].len;
	int64_t n = write ? put(f, t, &s) : take(f, t, &s);
	t->call.done = s.done;
	return n;
}

/* ---- The kernel's own bytes ---- */

/* A write without a position comes whole or not at all; others fill what room there is. */
int64_t pipe_write(struct file *f, struct task *t, const void *bytes, size_t size, uint64_t *pos)
{
	struct stretch s = {.bytes = (uint8_t *)(uintptr_t)bytes, .size = size};
	int64_t n = put(f, t, &s);
	return n == CALL_WAIT && s.done > 0 ? (int64_t)s.done : n;
}

int64_t pipe_look(struct file *f, struct task *t, size_t size, uint64_t *pos)
{
	const struct pipe *p = f->ctx;
	if (p->pieces.bytes > 0 || p->writers == 0)
		return (int64_t)p->pieces.bytes;
	return wait_for(f, t, &((struct pipe *)f->ctx)->read_queue);
}

int64_t pipe_read(struct file *f, struct task *t, void *ret_bytes, size_t size, uint64_t *pos)
{
	struct stretch s = {.bytes = ret_bytes, .size = size};
	return take(f, t, &s);
}

/* ---- splice ---- */

bool pipe_same(const struct file *a, const struct file *b)
{
	return a->ctx == b->ctx;
}

int64_t pipe_bytes(struct file *f, struct task *t)
{
	struct pipe *p = f->ctx;
	if (p->pieces.bytes > 0 || p->writers == 0)
		return (int64_t)p->pieces.bytes;
	if (!t)
		return -EAGAIN;
	int err = wait_on(t, &p->read_queue);
	return err ? err : CALL_WAIT;
}

int64_t pipe_room(struct file *f, struct task *t, bool nonblock)
{
	struct pipe *p = f->ctx;
	if (p->readers == 0)
		return broken(t);
	if (!pipe_full(p))
		return p->room - p->pieces.count;
	if (nonblock || !t)
		return -EAGAIN;
	int err = wait_on(t, &p->write_queue);
	return err ? err : CALL_WAIT;
}

unsigned pipe_pieces(const struct file *f)
{
	const struct pipe *p = f->ctx;
	return p->pieces.count;
}

const uint8_t *pipe_piece(const struct file *f, unsigned number, unsigned *ret_size)
{
	const struct pipe *p = f->ctx;
	const struct piece *x = pieces_at(&p->pieces, number);
	*ret_size = x->size;
	return piece_bytes(&p->pieces, x);
}

void pipe_drop(struct file *f, unsigned size)
{
	struct pipe *p = f->ctx;
	bool was_full = pipe_full(p);
	pieces_take(&p->pieces, size);
	room_made(p, was_full);
}

int pipe_begin(struct file *f, struct task *t, uint8_t **ret_bytes)
{
	struct pipe *p = f->ctx;
	struct piece *x;
	int err = pieces_add(&p->pieces, &x);
	if (err == -EAGAIN)
		return t && wait_on_io(t) == 0 ? CALL_WAIT : -ENOMEM;
	if (!err)
		*ret_bytes = piece_bytes(&p->pieces, x);
	return err;
}

void pipe_end(struct file *f, unsigned size)
{
	struct pipe *p = f->ctx;
	if (size == 0) {
		pieces_unadd(&p->pieces);
		return;
	}
	pieces_fill(&p->pieces, pieces_last(&p->pieces), size);
	wait_wake_for(&p->read_queue, POLLIN | POLLRDNORM);
}

int pipe_copy(struct file *in, unsigned number, struct file *out, struct task *t, unsigned most, bool keep)
{
	struct pipe *p = in->ctx, *q = out->ctx;
	const struct piece *x = pieces_at(&p->pieces, number);
	unsigned part = (unsigned)min_u64(x->size, most);
	uint8_t *to;
	int err = pipe_begin(out, t, &to);
	if (err)
		return err;
	memcpy(to, piece_bytes(&p->pieces, x), part);
	struct piece *y = pieces_last(&q->pieces);
	y->packet = x->packet;
	/* One that moves as a whole is what it was; who shares it cannot be written behind. */
	y->merges = x->merges && !keep && part == x->size;
	pipe_end(out, part);
	if (!keep)
		pipe_drop(in, part);
	return (int)part;
}
