/* SPDX-License-Identifier: MIT */
/* unix.c - AF_UNIX: what is sent lies in the ring of who is to receive it
 *
 * The rules are those of Linux's net/unix/af_unix.c as a program sees them: unix(7). Not done:
 * urgent data (MSG_OOB).
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/kernel.h"
#include "kernel/net/inet.h"

/* net.unix.max_dgram_qlen: as many datagrams and one more wait at a socket whose peer is another. */
enum { DATAGRAMS = 10 };
/* What a datagram must leave free of SO_SNDBUF. */
enum { SEND_SPARE = 32 };

static bool connects(const struct socket *s)
{
	return s->type != SOCK_TYPE_DGRAM;
}

static void set_peer(struct socket *s, struct socket *peer)
{
	struct socket *old = s->peer;
	s->peer = peer ? socket_ref(peer) : NULL;
	if (old)
		socket_put(old);
}

int unix_pair(struct task *t, struct socket *a, struct socket *b)
{
	set_peer(a, b);
	set_peer(b, a);
	a->state = b->state = SOCKET_CONNECTED;
	a->others = b->others = socket_credentials(t);
	return 0;
}

/* Who sends is told to the receiver if one of the two asks for it, or nobody accepted it yet. */
static void sign(const struct socket *s, const struct socket *to, const struct task *t,
		 struct message *m)
{
	if (m->has_cred || !t || (!s->pass_cred && !to->pass_cred && to->file))
		return;
	m->cred = (struct credentials){t->process->pid, t->cred->uid, t->cred->gid};
	m->has_cred = true;
}

static int name_self(struct socket *s)
{
	return s->pass_cred && !s->u.un.name.size ? unix_autobind(s) : 0;
}

/* ---- Connections ---- */

static int unix_listen(struct socket *s, struct task *t, int backlog)
{
	if (!connects(s))
		return -EOPNOTSUPP;
	if (!s->u.un.name.size || (s->state != SOCKET_CLOSED && s->state != SOCKET_LISTENING))
		return -EINVAL;
	s->state = SOCKET_LISTENING;
	s->backlog = (unsigned)backlog;
	s->others = socket_credentials(t);
	wait_wake_all(&s->room);
	return 0;
}

static int unix_accept(struct socket *s, struct task *t, bool nonblock, struct socket **ret_socket)
{
	return connects(s) ? socket_accept(s, t, nonblock, ret_socket) : -EOPNOTSUPP;
}

/* listener is counted for the caller. */
static int connect_to(struct socket *s, struct task *t, struct socket *listener, bool nonblock)
{
	struct socket *c;
	if (listener->state != SOCKET_LISTENING || listener->shut & SOCK_SHUT_IN)
		return -ECONNREFUSED;
	if (socket_queue_full(listener))
		return socket_wait(t, &listener->room, s->send_timeout, nonblock);
	if (s->state != SOCKET_CLOSED)
		return s->state == SOCKET_CONNECTED ? -EISCONN : -EINVAL;
	int err = name_self(s);
	if (!err)
		err = socket_create(s->kernel, listener->ops, s->domain, s->type, 0, t, &c);
	if (err)
		return err;
	c->state = s->state = SOCKET_CONNECTED;
	c->u.un.name = listener->u.un.name;
	c->u.un.device = listener->u.un.device;
	c->u.un.inode = listener->u.un.inode;
	c->pass_cred = listener->pass_cred;
	c->others = socket_credentials(t);
	s->others = listener->others;
	set_peer(c, s);
	set_peer(s, c);
	socket_queue(listener, c);
	socket_wake(s);
	return 0;
}

static int stream_connect(struct socket *s, struct task *t, const struct address *a, bool nonblock)
{
	struct socket *listener;
	int err = unix_find(s, t, a, &listener);
	if (err)
		return err;
	err = connect_to(s, t, listener, nonblock);
	socket_put(listener);
	return err;
}

/* Messages of who was connected are not for s any more. */
static void disconnected(struct socket *s, struct socket *old)
{
	packets_clear(s);
	if (!old->dead && old->peer == s && !connects(s)) {
		old->error = ECONNRESET;
		socket_wake(old);
	}
}

static int dgram_connect(struct socket *s, struct task *t, const struct address *a, bool nonblock)
{
	struct socket *o = NULL;
	if (connects(s))
		return stream_connect(s, t, a, nonblock);
	if (a->size >= 2 && address_family(a) != SOCK_AF_UNSPEC) {
		int err = unix_find(s, t, a, &o);
		if (!err && o->peer && o->peer != s) {
			socket_put(o);
			err = -EPERM;
		}
		if (!err)
			err = name_self(s);
		if (err)
			return err;
	}
	struct socket *old = s->peer ? socket_ref(s->peer) : NULL;
	set_peer(s, o);
	s->state = o ? SOCKET_CONNECTED : SOCKET_CLOSED;
	if (old && old != o)
		disconnected(s, old);
	if (old)
		socket_put(old);
	if (o)
		socket_put(o);
	wait_wake_all(&s->room);
	socket_wake(s);
	return 0;
}

static int unix_shutdown(struct socket *s, int how)
{
	struct socket *o = s->peer;
	s->shut |= (unsigned)how;
	if (o && connects(s)) {
		o->shut |= (how & SOCK_SHUT_IN ? SOCK_SHUT_OUT : 0) |
			   (how & SOCK_SHUT_OUT ? SOCK_SHUT_IN : 0);
		socket_wake(o);
	}
	wait_wake_all(&s->room);
	socket_wake(s);
	return 0;
}

static void unix_close(struct socket *s)
{
	struct socket *o = s->peer;
	unix_unbind(s);
	if (o && connects(s) && !o->dead) {
		o->shut = SOCK_SHUT_BOTH;
		if (!TAILQ_EMPTY(&s->packets) || s->listener)
			o->error = ECONNRESET;
		socket_wake(o);
	}
	if (o)
		wait_wake_all(&o->room);
	s->shut = SOCK_SHUT_BOTH;
	s->state = SOCKET_CLOSED;
	socket_queue_clear(s);
	set_peer(s, NULL);
}

/* ---- Streams ---- */

static int64_t stream_send(struct socket *s, struct task *t, struct message *m)
{
	struct socket *to = s->peer;
	int64_t done = t ? (int64_t)t->call.done : 0;
	if (m->flags & MESSAGE_OOB && m->size == 0)
		return -EOPNOTSUPP;
	if (m->address.size)
		return s->state == SOCKET_CONNECTED ? -EISCONN : -EOPNOTSUPP;
	if (!to)
		return -ENOTCONN;
	if (s->shut & SOCK_SHUT_OUT)
		return done ? done : socket_broken(t, m);
	if (m->size == 0)
		return 0;
	if (s->error && done == 0)
		return socket_take_error(s);
	if (to->dead || to->shut & SOCK_SHUT_IN)
		return done ? done : socket_broken(t, m);
	sign(s, to, t, m);
	int64_t n = stream_give(to, t, m, s->send_size);
	if (n > 0 && m->flags & MESSAGE_OOB && ((uint64_t)n == m->size || m->nonblock))
		urgent_sent(to);
	if (n < 0 || (uint64_t)n == m->size)
		return n;
	return socket_wait_more(t, &s->writers, s->send_timeout, m->nonblock, n);
}

/* As Linux: a quarter of the buffer may be full. */
static bool stream_writable(const struct socket *s)
{
	return !s->peer || (ring_used(&s->peer->in) * 4 <= s->send_size &&
			    s->peer->packet_count <= STREAM_PACKETS / 4);
}

static int64_t stream_receive(struct socket *s, struct task *t, struct message *m)
{
	bool end;
	if (m->flags & MESSAGE_OOB)
		return urgent_take(s, t, m);
	if (s->state != SOCKET_CONNECTED)
		return -EINVAL;
	uint64_t before = ring_used(&s->in);
	int64_t n = stream_take(s, t, m, &end);
	if (s->peer && ring_used(&s->in) < before)
		socket_wake_writers(s->peer, stream_writable(s->peer));
	if (n < 0)
		return n;
	if (m->control)
		(void)unix_name(s, true, &m->address);
	if (end || (uint64_t)n >= socket_target(s, m) || (n > 0 && m->flags & MESSAGE_PEEK))
		return n;
	if (s->error)
		return n ? n : socket_take_error(s);
	if (s->shut & SOCK_SHUT_IN)
		return n;
	return socket_wait_more(t, &s->readers, s->receive_timeout, m->nonblock, n);
}

static int poll_state(const struct socket *s)
{
	int mask = socket_ready(s);
	if (!TAILQ_EMPTY(&s->accepting))
		mask |= POLLIN | POLLRDNORM;
	if (connects(s) && s->state == SOCKET_CLOSED)
		mask |= POLLHUP;
	return mask;
}

static int stream_poll(struct socket *s, struct waiter *w)
{
	int err = socket_join(s, w), mask = poll_state(s);
	if (s->state != SOCKET_LISTENING && stream_writable(s))
		mask |= POLLOUT | POLLWRNORM | POLLWRBAND;
	if (urgent_waits(s))
		mask |= POLLPRI;
	return err ? err : mask;
}

static int64_t unix_ioctl(struct socket *s, struct task *t, uint64_t request, uint64_t arg)
{
	const struct packet *first = TAILQ_FIRST(&s->packets);
	enum { SIOCATMARK = 0x8905 };
	switch (request) {
	case SIOCATMARK:
		return s->type == SOCK_TYPE_STREAM ? socket_ioctl_int(t, arg, urgent_at_mark(s)) : -ENOTTY;
	case ABI_FIONREAD:
		if (s->state == SOCKET_LISTENING)
			return -EINVAL;
		return socket_ioctl_int(t, arg,
					connects(s) ? ring_used(&s->in) - (s->urgent.state == URGENT_TAKEN) : first ? first->size : 0);
	case ABI_TIOCOUTQ:
		if (s->state == SOCKET_LISTENING)
			return -EINVAL;
		return socket_ioctl_int(t, arg,
					s->type != SOCK_TYPE_STREAM ? s->sent
					: s->peer                   ? ring_used(&s->peer->in)
								    : 0);
	/* Any socket will do to ask for the interface. */
	default: return s->kernel->config.net_host ? -ENOTTY : inet_ioctl(t, request, arg);
	}
}

const struct socket_ops unix_stream_ops = {
    .bind = unix_bind,
    .listen = unix_listen,
    .accept = unix_accept,
    .connect = stream_connect,
    .name = unix_name,
    .send = stream_send,
    .receive = stream_receive,
    .shutdown = unix_shutdown,
    .poll = stream_poll,
    .ioctl = unix_ioctl,
    .close = unix_close,
};

/* ---- Datagrams, and messages in a connection ---- */

/* Who is sent to, counted for the caller. */
static int destination(struct socket *s, struct task *t, const struct message *m,
		       struct socket **ret_socket)
{
	if (connects(s)) {
		if (s->error)
			return socket_take_error(s);
		if (s->state != SOCKET_CONNECTED || !s->peer)
			return -ENOTCONN;
	} else if (m->address.size) {
		return t ? unix_find(s, t, &m->address, ret_socket) : -EINVAL;
	} else if (!s->peer) {
		return -ENOTCONN;
	}
	*ret_socket = socket_ref(s->peer);
	return 0;
}

/* May s send to o now? Returns 0, CALL_WAIT or -errno. */
static int may_send(struct socket *s, struct task *t, struct socket *o, const struct message *m)
{
	if (o->dead && connects(s))
		return -EPIPE;
	if (o->dead) {
		if (s->peer == o) {
			disconnected(s, o);
			set_peer(s, NULL);
			s->state = SOCKET_CLOSED;
		}
		return -ECONNREFUSED;
	}
	if (o->shut & SOCK_SHUT_IN)
		return -EPIPE;
	if (!connects(s) && o->peer && o->peer != s)
		return -EPERM;
	if (s->sent >= s->send_size)
		return socket_wait(t, &s->writers, s->send_timeout, m->nonblock);
	if (o != s && o->peer != s && o->packet_count > DATAGRAMS)
		return socket_wait(t, &o->room, s->send_timeout, m->nonblock);
	return 0;
}

static int64_t dgram_send(struct socket *s, struct task *t, struct message *m)
{
	struct socket *o;
	const uint8_t *bytes;
	if (m->flags & MESSAGE_OOB)
		return -EOPNOTSUPP;
	int err = destination(s, t, m, &o);
	if (err)
		return err;
	err = name_self(s);
	if (!err && m->size > s->send_size - SEND_SPARE)
		err = -EMSGSIZE;
	if (!err && s->error)
		err = socket_take_error(s);
	if (!err && s->shut & SOCK_SHUT_OUT)
		err = -EPIPE;
	if (!err) {
		err = may_send(s, t, o, m);
		/* What waits for room lies in the program's memory, not in ours. */
		if (err == CALL_WAIT) {
			free(m->gathered);
			m->gathered = NULL;
			m->copied = 0;
		}
	}
	if (!err)
		err = message_gather(t, m, &bytes);
	if (!err) {
		sign(s, o, t, m);
		err = packet_put(o, t, s, m, bytes);
	}
	socket_put(o);
	return err ? err : (int64_t)m->size;
}

static int64_t dgram_receive(struct socket *s, struct task *t, struct message *m)
{
	uint64_t skip;
	const struct packet *p = packet_next(s, m, &skip);
	if (connects(s) && s->state != SOCKET_CONNECTED)
		return -ENOTCONN;
	if (m->flags & MESSAGE_OOB)
		return -EOPNOTSUPP;
	if (s->error && !m->serial)
		return socket_take_error(s);
	if (!p) {
		if (s->shut & SOCK_SHUT_IN && (connects(s) || !m->nonblock))
			return 0;
		return socket_wait(t, &s->readers, s->receive_timeout, m->nonblock);
	}
	if (m->control && p->sender->u.un.name.size)
		m->address = p->sender->u.un.name;
	else
		m->address.size = 0;
	return packet_take(s, t, m);
}

static int dgram_poll(struct socket *s, struct waiter *w)
{
	struct socket *o = s->peer;
	bool crowded = o && o->peer != s && o->packet_count > DATAGRAMS;
	int err = socket_join(s, w), mask = poll_state(s);
	if (!err && o && o->peer != s)
		err = wait_join(w, &o->room);
	if (s->state != SOCKET_LISTENING && s->sent * 4 <= s->send_size && !crowded)
		mask |= POLLOUT | POLLWRNORM | POLLWRBAND;
	return err ? err : mask;
}

const struct socket_ops unix_dgram_ops = {
    .bind = unix_bind,
    .listen = unix_listen,
    .accept = unix_accept,
    .connect = dgram_connect,
    .name = unix_name,
    .send = dgram_send,
    .receive = dgram_receive,
    .shutdown = unix_shutdown,
    .poll = dgram_poll,
    .ioctl = unix_ioctl,
    .close = unix_close,
};
