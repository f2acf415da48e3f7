/* SPDX-License-Identifier: MIT */
/* urgent.c - urgent data of streams: one byte at a time, at its mark in the stream
 *
 *	ring    a b c d [U] e f			left: 4
 *
 *	NONE ----------> WAITING -----------------> TAKEN
 *	  ^  sent with      |      recv MSG_OOB       |
 *	  |  MSG_OOB        |                         |
 *	  +-----------------+-------------------------+
 *	          what is read comes past the mark
 *
 * The byte lies in the ring like any other, so that a later urgent byte makes it an ordinary one. What is
 * read ends at the mark; the next read leaves the byte out, unless SO_OOBINLINE.
 */
#include <errno.h>

#include "base/bits.h"
#include "kernel/event/async.h"
#include "kernel/kernel.h"
#include "kernel/net/socket.h"
#include "kernel/uaccess.h"

enum { OOBINLINE = 10 };

bool urgent_inline(const struct socket *s)
{
	return socket_kept(s, LEVEL_SOCKET, OOBINLINE) != 0;
}

/* The byte at the mark is left out. */
static void skip(struct socket *s)
{
	s->urgent.state = URGENT_NONE;
	stream_drop(s, 1);
}

void urgent_sent(struct socket *s)
{
	uint64_t used = ring_used(&s->in);
	if (used == 0)
		return;
	/* One at which the reader stands already is left out; one that is still to come is read like others. */
	if (s->urgent.state != URGENT_NONE && s->urgent.left == 0 && used > 1 && !urgent_inline(s)) {
		skip(s);
		used--;
	}
	s->urgent.state = URGENT_WAITING;
	s->urgent.left = used - 1;
	socket_wake_urgent(s);
	if (s->file)
		async_urgent(s->file);
}

uint64_t urgent_limit(struct socket *s, bool peek, uint64_t done, uint64_t *at, uint64_t size)
{
	if (s->urgent.state == URGENT_NONE || *at > s->urgent.left)
		return size;
	if (*at < s->urgent.left)
		return min_u64(size, s->urgent.left - *at);
	if (done > 0)
		return 0;
	if (!urgent_inline(s) && peek)
		++*at;
	else if (!urgent_inline(s))
		skip(s);
	return size;
}

void urgent_passed(struct socket *s, uint64_t size)
{
	if (size > s->urgent.left)
		s->urgent.state = URGENT_NONE;
	else
		s->urgent.left -= size;
}

bool urgent_waits(const struct socket *s)
{
	return s->urgent.state == URGENT_WAITING;
}

bool urgent_at_mark(const struct socket *s)
{
	return s->urgent.state != URGENT_NONE && s->urgent.left == 0;
}

uint64_t urgent_readable(const struct socket *s)
{
	uint64_t used = ring_used(&s->in);
	return s->urgent.state == URGENT_NONE || urgent_inline(s) ? used : s->urgent.left;
}

int64_t urgent_take(struct socket *s, struct task *t, struct message *m)
{
	uint8_t byte;
	uint64_t va, left;
	int err = 0;
	if (urgent_inline(s) || s->urgent.state != URGENT_WAITING)
		return -EINVAL;
	ring_peek(&s->in, s->urgent.left, &byte, 1);
	if (m->size == 0)
		m->result |= MESSAGE_TRUNC;
	else if (m->bytes)
		*(uint8_t *)m->bytes = byte;
	else if (message_at(m, 0, &va, &left))
		err = uaccess_write(t, va, &byte, 1);
	if (err)
		return err;
	m->result |= MESSAGE_OOB;
	if (!(m->flags & MESSAGE_PEEK))
		s->urgent.state = URGENT_TAKEN;
	return m->size > 0;
}
