/* SPDX-License-Identifier: MIT */
/* socket_queue.c - bytes and messages between sockets and programs
 *
 *	ring       [aaaaaaaaaabbbbccccccccccccc]
 *	packets     {a: 10}{b: 4, rights}{c: 13}     oldest first
 *
 * A stream's packets are only where credentials or open files change; a message is always one.
 * What the program's memory is asked for comes before what is changed, but for streams, whose
 * progress is call.done.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/kernel.h"
#include "kernel/net/socket.h"
#include "kernel/uaccess.h"

/* ---- Messages ---- */

void message_reset(struct kernel *k, struct message *m)
{
	rights_destroy(k, m->rights);
	free(m->gathered);
	free(m->more);
	*m = (struct message){0};
}

static void message_abandon(struct task *t)
{
	struct message *m = (struct message *)(uintptr_t)t->call.state[0];
	message_reset(t->process->kernel, m);
	free(m);
	t->call.state[0] = 0;
	t->call.abandon = NULL;
}

struct message *message_begin(struct task *t)
{
	struct message *m = (struct message *)(uintptr_t)t->call.state[0];
	if (m)
		return m;
	m = calloc(1, sizeof(*m));
	if (!m)
		return NULL;
	t->call.state[0] = (uint64_t)(uintptr_t)m;
	t->call.abandon = message_abandon;
	return m;
}

bool message_at(const struct message *m, uint64_t done, uint64_t *ret_va, uint64_t *ret_size)
{
	for (unsigned i = 0; i < m->count; i++) {
		if (done < m->iov[i].len) {
			*ret_va = m->iov[i].base + done;
			*ret_size = m->iov[i].len - done;
			return true;
		}
		done -= m->iov[i].len;
	}
	return false;
}

int message_gather(struct task *t, struct message *m, const uint8_t **ret_bytes)
{
	uint64_t va, left;
	if (m->bytes || m->size == 0) {
		*ret_bytes = m->bytes ? m->bytes : (const uint8_t *)"";
		return 0;
	}
	if (!m->gathered)
		m->gathered = malloc(m->size);
	if (!m->gathered)
		return -ENOMEM;
	/* By pages, so that each that had to be waited for is waited for once. */
	while (m->copied < m->size && message_at(m, m->copied, &va, &left)) {
		left = min_u64(left, PAGE_SIZE - va % PAGE_SIZE);
		int err = uaccess_read(t, m->gathered + m->copied, va, left);
		if (err)
			return err;
		m->copied += left;
	}
	*ret_bytes = m->gathered;
	return 0;
}

/* Copies size bytes of s's ring from offset on to where m's bytes after done are. Returns how many
 * at once, or CALL_WAIT, -EFAULT. */
static int64_t give(struct socket *s, struct task *t, const struct message *m, uint64_t offset,
		    uint64_t done, uint64_t size)
{
	size_t part;
	uint64_t va, left;
	const uint8_t *from = ring_at(&s->in, offset, size, &part);
	if (m->bytes) {
		memcpy((uint8_t *)m->bytes + done, from, part);
		return (int64_t)part;
	}
	if (!message_at(m, done, &va, &left))
		return 0;
	part = min_u64(min_u64(part, left), PAGE_SIZE - va % PAGE_SIZE);
	int err = uaccess_write(t, va, from, part);
	return err ? err : (int64_t)part;
}

/* ---- Packets ---- */

/* As sk_buff's truesize: a header, and data with its trailer in a block of a power of two. */
uint64_t packet_charge(uint64_t size)
{
	enum { HEADER = 256, TRAILER = 320, LEAST = 512, LINEAR = 16384 };
	uint64_t linear = min_u64(size, LINEAR) + TRAILER, block = LEAST;
	while (block < linear)
		block *= 2;
	return HEADER + block + (size > LINEAR ? align_up(size - LINEAR, PAGE_SIZE) : 0);
}

static struct packet *packet_new(struct socket *to, struct message *m)
{
	struct packet *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->serial = ++to->kernel->sockets->serial;
	p->rights = m->rights;
	p->cred = m->cred;
	p->has_cred = m->has_cred;
	p->source = m->source;
	p->about = m->about;
	p->time = kernel_realtime(to->kernel);
	m->rights = NULL;
	TAILQ_INSERT_TAIL(&to->packets, p, link);
	to->packet_count++;
	return p;
}

int packet_put(struct socket *to, struct task *t, struct socket *sender, struct message *m,
	       const void *bytes)
{
	uint64_t done = 0;
	while (done < m->size) {
		int64_t n = ring_put(&to->in, (const uint8_t *)bytes + done, m->size - done);
		if (n < 0) {
			if (done)
				ring_unput(&to->in, done);
			if (n == -EAGAIN && t)
				return wait_on_io(t) == 0 ? CALL_WAIT : -ENOMEM;
			return n == -EAGAIN ? -EAGAIN : -ENOBUFS;
		}
		done += (uint64_t)n;
	}
	struct packet *p = packet_new(to, m);
	if (!p) {
		if (done)
			ring_unput(&to->in, done);
		return -ENOBUFS;
	}
	p->size = m->size;
	p->charge = packet_charge(m->size);
	if (sender) {
		p->sender = socket_ref(sender);
		sender->sent += p->charge;
	}
	to->in_charge += p->charge;
	socket_wake_readers(to);
	return 0;
}

/* Takes p, whose bytes are gone from the ring, out of the queue. */
static void packet_free(struct socket *s, struct packet *p)
{
	TAILQ_REMOVE(&s->packets, p, link);
	s->packet_count--;
	s->in_charge -= p->charge;
	if (p->sender) {
		p->sender->sent -= p->charge;
		socket_wake_writers(p->sender, true);
		socket_put(p->sender);
	}
	rights_destroy(s->kernel, p->rights);
	free(p);
}

void packet_drop(struct socket *s)
{
	struct packet *p = TAILQ_FIRST(&s->packets);
	if (p->size > 0)
		ring_take(&s->in, p->size);
	packet_free(s, p);
	wait_wake_all(&s->room);
}

void packets_clear(struct socket *s)
{
	while (!TAILQ_EMPTY(&s->packets))
		packet_drop(s);
	s->urgent.state = URGENT_NONE;
}

/* What the receiver is told beside the bytes. */
static void tell(struct socket *s, struct message *m, struct packet *p)
{
	m->cred = p->cred;
	m->has_cred = p->has_cred;
	m->source = p->source;
	m->about = p->about;
	m->time = s->type == SOCK_TYPE_STREAM ? 0 : p->time;
	if (!p->rights)
		return;
	if (m->flags & MESSAGE_PEEK) {
		if (!m->rights && m->control)
			m->rights = rights_copy(s->kernel, p->rights);
	} else if (!m->rights) {
		m->rights = p->rights;
		p->rights = NULL;
	}
}

/* size bytes were looked at, or taken away: where the next look begins. */
static void peek_moved(struct socket *s, bool peek, uint64_t size)
{
	if (s->peek_offset < 0)
		return;
	int64_t at = peek ? s->peek_offset + (int64_t)size : s->peek_offset - (int64_t)size;
	s->peek_offset = at < 0 ? 0 : (int32_t)min_u64((uint64_t)at, INT32_MAX);
}

struct packet *packet_next(struct socket *s, const struct message *m, uint64_t *ret_skip)
{
	struct packet *p = TAILQ_FIRST(&s->packets);
	uint64_t skip = m->flags & MESSAGE_PEEK && s->peek_offset > 0 ? (uint64_t)s->peek_offset : 0;
	for (; p && skip > 0 && skip >= p->size; p = TAILQ_NEXT(p, link))
		skip -= p->size;
	*ret_skip = skip;
	return p;
}

int64_t packet_take(struct socket *s, struct task *t, struct message *m)
{
	uint64_t skip, offset = 0;
	struct packet *p = packet_next(s, m, &skip), *before = p;
	bool peek = m->flags & MESSAGE_PEEK;
	uint64_t whole = p->size - skip, size = min_u64(whole, m->size);
	while ((before = TAILQ_PREV(before, packet_list, link)))
		offset += before->size;
	offset += skip;
	if (m->serial != p->serial)
		m->copied = 0;
	m->serial = p->serial;
	while (m->copied < size) {
		int64_t n = give(s, t, m, offset + m->copied, m->copied, size - m->copied);
		/* What cannot be received is lost, as on Linux. */
		if (n < 0 && n != CALL_WAIT && !peek)
			packet_drop(s);
		if (n < 0)
			return n;
		m->copied += (uint64_t)n;
	}
	tell(s, m, p);
	if (size < whole)
		m->result |= MESSAGE_TRUNC;
	peek_moved(s, peek, peek ? size : p->size);
	if (!peek)
		packet_drop(s);
	return (int64_t)(m->flags & MESSAGE_TRUNC ? whole : size);
}

/* ---- Streams ---- */

static bool same_sender(const struct packet *p, const struct message *m)
{
	return p->cred.pid == m->cred.pid && p->cred.uid == m->cred.uid &&
	       p->cred.gid == m->cred.gid;
}

int64_t stream_put(struct socket *to, struct message *m, const void *bytes, uint64_t size)
{
	struct packet *p = TAILQ_LAST(&to->packets, packet_list);
	int64_t n = ring_put(&to->in, bytes, size);
	if (n < 0)
		return n;
	if (!p || p->rights || m->rights || p->has_cred != m->has_cred || !same_sender(p, m))
		p = packet_new(to, m);
	if (!p) {
		ring_unput(&to->in, (uint64_t)n);
		return -ENOMEM;
	}
	p->size += (uint64_t)n;
	socket_wake_readers(to);
	return n;
}

int64_t stream_give(struct socket *to, struct task *t, struct message *m, uint64_t limit)
{
	uint64_t done = t ? t->call.done : 0, va, left;
	while (done < m->size && ring_used(&to->in) < limit && to->packet_count < STREAM_PACKETS) {
		uint64_t room = limit - ring_used(&to->in);
		int64_t n;
		if (m->bytes) {
			n = stream_put(to, m, (uint8_t *)m->bytes + done,
				       min_u64(m->size - done, room));
		} else if (message_at(m, done, &va, &left)) {
			struct hold h;
			int err = uaccess_hold(t, va, min_u64(left, min_u64(room, PAGE_SIZE)),
					       ACCESS_READ, &h);
			if (err)
				return done && err != CALL_WAIT ? (int64_t)done : err;
			n = stream_put(to, m, h.piece[0].bytes, h.piece[0].size);
			uaccess_release(&h);
		} else {
			break;
		}
		/* Whoever takes out makes room for frames too. */
		if (n < 0 && ring_used(&to->in) > 0)
			break;
		if (n == -EAGAIN)
			return t && wait_on_io(t) == 0 ? CALL_WAIT : -EAGAIN;
		if (n < 0)
			return done ? (int64_t)done : -ENOBUFS;
		done += (uint64_t)n;
		if (t)
			t->call.done = done;
	}
	return (int64_t)done;
}

/* The packet in which the byte at *offset lies, and makes that an offset in it. NULL: none does. */
static struct packet *packet_at(struct socket *s, uint64_t *offset)
{
	struct packet *p;
	TAILQ_FOREACH (p, &s->packets, link) {
		if (*offset < p->size)
			return p;
		*offset -= p->size;
	}
	return NULL;
}

void stream_drop(struct socket *s, uint64_t size)
{
	while (size > 0 && !TAILQ_EMPTY(&s->packets)) {
		struct packet *p = TAILQ_FIRST(&s->packets);
		uint64_t n = min_u64(size, p->size);
		ring_take(&s->in, n);
		p->size -= n;
		size -= n;
		if (p->size == 0)
			packet_free(s, p);
	}
}

int64_t stream_take(struct socket *s, struct task *t, struct message *m, bool *ret_end)
{
	uint64_t done = t ? t->call.done : 0;
	bool peek = m->flags & MESSAGE_PEEK;
	/* The urgent byte is not among what is looked at. */
	uint64_t hole = peek && done > 0 && urgent_at_mark(s) && !urgent_inline(s);
	uint64_t base = peek && s->peek_offset > 0 ? (uint64_t)s->peek_offset : 0;
	*ret_end = false;
	while (done < m->size) {
		uint64_t at = peek ? base + done + hole : 0, before = at;
		uint64_t most = urgent_limit(s, peek, done, &at, m->size - done), offset = at;
		hole += at - before;
		*ret_end = most == 0;
		struct packet *p = most ? packet_at(s, &offset) : NULL;
		if (!p)
			break;
		if (done > 0 && s->pass_cred && !same_sender(p, m)) {
			*ret_end = true;
			break;
		}
		if (peek && m->rights && offset == 0) {
			*ret_end = true;
			break;
		}
		int64_t n = give(s, t, m, at, done, min_u64(p->size - offset, most));
		if (n == CALL_WAIT)
			return n;
		if (n < 0 && done == 0)
			return n;
		if (n <= 0)
			break;
		tell(s, m, p);
		done += (uint64_t)n;
		if (t)
			t->call.done = done;
		if (peek)
			continue;
		peek_moved(s, false, (uint64_t)n);
		urgent_passed(s, (uint64_t)n);
		ring_take(&s->in, (uint64_t)n);
		p->size -= (uint64_t)n;
		if (p->size > 0)
			continue;
		packet_free(s, p);
		*ret_end = m->rights != NULL;
		if (*ret_end)
			break;
	}
	if (peek)
		peek_moved(s, true, done);
	return (int64_t)done;
}
