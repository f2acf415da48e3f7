/* SPDX-License-Identifier: MIT */
/* udp.c - UDP between programs of this machine
 *
 * A datagram lies in the ring of who receives it, charged to its SO_RCVBUF; one for which there is
 * no room is lost, as on Linux. One that nobody receives is told to a connected sender by its next
 * call: -ECONNREFUSED.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/kernel.h"
#include "kernel/net/inet.h"
#include "kernel/net/multicast.h"

enum { MOST_V4 = 65507, MOST_V6 = 65527 };

static int udp_connect(struct socket *s, struct task *t, const struct address *a, bool nonblock)
{
	struct inet_end to;
	if (a->size < 2)
		return -EINVAL;
	if (address_family(a) == SOCK_AF_UNSPEC) {
		s->state = SOCKET_CLOSED;
		inet_unchoose(s);
		return 0;
	}
	int err = inet_parse(s, a, &to);
	if (!err)
		err = inet_destination(s, &to);
	if (!err)
		err = inet_autobind(s);
	if (err)
		return err;
	struct inet_end from;
	inet_source(s, &to, &from);
	s->u.inet.local = from;
	s->u.inet.remote = to;
	s->state = SOCKET_CONNECTED;
	return 0;
}

/* What the receiver may be told of it. Returns 0 or -EINVAL: no address of this machine. */
static int describe(const struct socket *s, const struct inet_end *to, struct message *m)
{
	enum { TOS = 1, TTL = 2, MULTICAST_TTL = 33, HOPS = 16, MULTICAST_HOPS = 18, TCLASS = 67 };
	static const uint8_t none[16];
	bool v4 = inet_is_v4(to->ip);
	struct datagram *d = &m->about;
	if (memcmp(d->from, none, 16) != 0 && !inet_is_any(d->from)) {
		if (!inet_is_lo(d->from))
			return -EINVAL;
		memcpy(m->source.ip, d->from, 16);
	}
	memcpy(d->to, to->ip, 16);
	bool many = multicast_is(to->ip);
	d->ttl = d->ttl ? d->ttl - 1
		 : v4	? socket_kept(s, LEVEL_IP, many ? MULTICAST_TTL : TTL)
			: socket_kept(s, LEVEL_IPV6, many ? MULTICAST_HOPS : HOPS);
	d->tos = d->tos ? d->tos - 1 : v4 ? socket_kept(s, LEVEL_IP, TOS) : socket_kept(s, LEVEL_IPV6, TCLASS);
	return 0;
}

static int64_t udp_send(struct socket *s, struct task *t, struct message *m)
{
	struct inet_end to = s->u.inet.remote;
	const uint8_t *bytes;
	if (m->flags & MESSAGE_OOB)
		return -EOPNOTSUPP;
	if (m->size > (s->domain == SOCK_AF_INET ? MOST_V4 : MOST_V6))
		return -EMSGSIZE;
	int err = 0;
	if (m->address.size)
		err = inet_parse(s, &m->address, &to);
	else if (s->state != SOCKET_CONNECTED)
		err = -EDESTADDRREQ;
	if (!err && to.port == 0)
		err = -EINVAL;
	if (!err)
		err = inet_destination(s, &to);
	if (!err && s->error)
		err = socket_take_error(s);
	if (!err && s->shut & SOCK_SHUT_OUT)
		err = -EPIPE;
	if (!err)
		err = inet_autobind(s);
	if (!err)
		err = message_gather(t, m, &bytes);
	if (err)
		return err;
	inet_source(s, &to, &m->source);
	struct datagram asked = m->about;
	err = describe(s, &to, m);
	if (err)
		return err;
	bool many = multicast_is(to.ip);
	struct socket *o = many ? NULL : inet_find(s->kernel, s->type, &to, &m->source);
	if (many) {
		/* A copy each; for whom there is no room it is lost. */
		while ((o = inet_next(s->kernel, &to, &m->source, o))) {
			if (o->in_charge <= o->receive_size && !(o->shut & SOCK_SHUT_IN))
				(void)packet_put(o, NULL, NULL, m, bytes);
		}
	} else if (!o) {
		if (s->state == SOCKET_CONNECTED) {
			s->error = ECONNREFUSED;
			socket_wake(s);
		}
	} else if (o->in_charge <= o->receive_size && !(o->shut & SOCK_SHUT_IN)) {
		err = packet_put(o, t, NULL, m, bytes);
	}
	m->about = asked;
	return err ? err : (int64_t)m->size;
}

int64_t udp_receive(struct socket *s, struct task *t, struct message *m)
{
	uint64_t skip;
	const struct packet *p = packet_next(s, m, &skip);
	if (m->flags & MESSAGE_ERRQUEUE)
		return -EAGAIN;
	if (s->error && !m->serial)
		return socket_take_error(s);
	if (!p) {
		if (s->shut & SOCK_SHUT_IN && !m->nonblock)
			return 0;
		return socket_wait(t, &s->readers, s->receive_timeout, m->nonblock);
	}
	if (m->control)
		inet_address(s, &p->source, &m->address);
	return packet_take(s, t, m);
}

int udp_shutdown(struct socket *s, int how)
{
	s->shut |= (unsigned)how;
	socket_wake(s);
	return s->state == SOCKET_CONNECTED ? 0 : -ENOTCONN;
}

int udp_poll(struct socket *s, struct waiter *w)
{
	int err = socket_join(s, w);
	return err ? err : POLLOUT | POLLWRNORM | POLLWRBAND | socket_ready(s);
}

int64_t udp_ioctl(struct socket *s, struct task *t, uint64_t request, uint64_t arg)
{
	const struct packet *p = TAILQ_FIRST(&s->packets);
	switch (request) {
	case ABI_FIONREAD: return socket_ioctl_int(t, arg, p ? p->size : 0);
	case ABI_TIOCOUTQ: return socket_ioctl_int(t, arg, 0);
	default: return inet_ioctl(t, request, arg);
	}
}

static void udp_close(struct socket *s)
{
	multicast_leave_all(s);
	socket_unbind(s);
}

const struct socket_ops udp_ops = {
    .bind = inet_bind,
    .connect = udp_connect,
    .name = inet_name,
    .send = udp_send,
    .receive = udp_receive,
    .shutdown = udp_shutdown,
    .poll = udp_poll,
    .set_option = inet_set_option,
    .get_option = inet_get_option,
    .ioctl = udp_ioctl,
    .close = udp_close,
};
