/* SPDX-License-Identifier: MIT */
/* sock_diag.c - NETLINK_SOCK_DIAG: the sockets of the machine, as ss asks for them: sock_diag(7)
 *
 * Lists of TCP and UDP sockets and of AF_UNIX's, by state; one socket by its ends is not looked up, and of a
 * network's memory and timing nothing is told.
 */
#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/kernel.h"
#include "kernel/net/inet.h"
#include "kernel/net/netlink_private.h"
#include "kernel/net/timewait.h"

enum { BY_FAMILY = 20, FLAG_MULTI = 2, FLAG_DUMP = 0x300 };
enum { TCP = 6, UDP = 17, FAMILIES = 46 };

/* struct inet_diag_sockid */
struct diag_ends {
	uint8_t source_port[2], target_port[2];
	uint8_t source[16], target[16];
	uint32_t interface, cookie[2];
};

/* struct inet_diag_req_v2 */
struct diag_inet_request {
	uint8_t family, protocol, more, pad;
	uint32_t states;
	struct diag_ends ends;
};
_Static_assert(sizeof(struct diag_inet_request) == 56, "struct inet_diag_req_v2");

/* struct inet_diag_msg */
struct diag_inet {
	uint8_t family, state, timer, retransmits;
	struct diag_ends ends;
	uint32_t expires, receive_queue, send_queue, uid, inode;
};
_Static_assert(sizeof(struct diag_inet) == 72, "struct inet_diag_msg");

/* struct unix_diag_req and struct unix_diag_msg */
struct diag_unix_request {
	uint8_t family, protocol;
	uint16_t pad;
	uint32_t states, inode, show, cookie[2];
};
struct diag_unix {
	uint8_t family, type, state, pad;
	uint32_t inode, cookie[2];
};

static void put_ends(struct diag_ends *ends, int domain, const struct inet_end *local, const struct inet_end *remote,
		     uint64_t cookie)
{
	size_t from = domain == SOCK_AF_INET ? 12 : 0;
	*ends = (struct diag_ends){.source_port = {(uint8_t)(local->port >> 8), (uint8_t)local->port},
				   .target_port = {(uint8_t)(remote->port >> 8), (uint8_t)remote->port},
				   .cookie = {(uint32_t)cookie, (uint32_t)(cookie >> 32)}};
	memcpy(ends->source, local->ip + from, 16 - from);
	memcpy(ends->target, remote->ip + from, 16 - from);
}

static void add_inet(struct text *x, const struct netlink_request *h, uint32_t port, const struct diag_inet *d,
		     const struct socket *s)
{
	enum { SHUTDOWN = 8, V6ONLY = 11 };
	size_t start = x->size;
	netlink_header(x, BY_FAMILY, FLAG_MULTI, h, port);
	text_add_bytes(x, d, sizeof(*d));
	if (s) {
		uint8_t shut = (uint8_t)s->shut, only = s->u.inet.v6_only;
		netlink_attribute(x, SHUTDOWN, &shut, 1);
		if (s->domain == SOCK_AF_INET6)
			netlink_attribute(x, V6ONLY, &only, 1);
	}
	netlink_end(x, start);
}

static void list_inet(struct text *x, const struct netlink_request *h, uint32_t port, const struct diag_inet_request *r,
		      struct kernel *k)
{
	int type = r->protocol == TCP ? SOCK_TYPE_STREAM : SOCK_TYPE_DGRAM;
	const struct socket_ops *ops = r->protocol == TCP ? &tcp_ops : &udp_ops;
	for (struct socket *s = socket_oldest(k); s; s = socket_newer(k, s)) {
		if (s->ops != ops || s->domain != r->family || !s->u.inet.local.port ||
		    (ops == &tcp_ops && tcp_state(s) == TCP_STATE_CLOSE) || !(r->states >> tcp_state(s) & 1))
			continue;
		bool listens = s->state == SOCKET_LISTENING;
		struct diag_inet d = {.family = r->family, .state = (uint8_t)tcp_state(s), .uid = s->uid,
				      .inode = s->file ? (uint32_t)s->inode : 0};
		put_ends(&d.ends, s->domain, &s->u.inet.local, &s->u.inet.remote, s->inode);
		d.receive_queue = listens			 ? s->accepting_count
				  : type == SOCK_TYPE_STREAM ? (uint32_t)ring_used(&s->in)
							     : (uint32_t)s->in_charge;
		d.send_queue = listens ? s->backlog : 0;
		add_inet(x, h, port, &d, s);
	}
	struct timewait *w = r->protocol == TCP ? timewait_next(k, NULL) : NULL;
	for (; w; w = timewait_next(k, w)) {
		enum { TIMER = 3, MS = 1000000 };
		unsigned state = w->finishing ? TCP_STATE_FIN_WAIT2 : TCP_STATE_TIME_WAIT;
		if (w->domain != r->family || !(r->states >> state & 1))
			continue;
		struct diag_inet d = {.family = r->family, .state = (uint8_t)state, .timer = TIMER,
				      .expires = (uint32_t)((w->ends - kernel_now(k)) / MS)};
		put_ends(&d.ends, w->domain, &w->local, &w->remote, w->serial);
		add_inet(x, h, port, &d, NULL);
	}
}

static void list_unix(struct text *x, const struct netlink_request *h, uint32_t port, const struct diag_unix_request *r,
		      struct kernel *k)
{
	enum { NAME = 0, PEER = 2, QUEUES = 4, SHUTDOWN = 6, SHOW_NAME = 1, SHOW_PEER = 4, SHOW_QUEUES = 16 };
	enum { ESTABLISHED = 1, CLOSED = 7, LISTEN = 10 };
	for (struct socket *s = socket_oldest(k); s; s = socket_newer(k, s)) {
		unsigned state = s->state == SOCKET_LISTENING ? LISTEN : s->state == SOCKET_CONNECTED ? ESTABLISHED : CLOSED;
		if (s->domain != SOCK_AF_UNIX || !s->file || !(r->states >> state & 1))
			continue;
		const struct diag_unix d = {.family = SOCK_AF_UNIX, .type = (uint8_t)s->type, .state = (uint8_t)state,
					    .inode = (uint32_t)s->inode,
					    .cookie = {(uint32_t)s->inode, (uint32_t)(s->inode >> 32)}};
		const struct address *a = &s->u.un.name;
		uint8_t shut = (uint8_t)s->shut;
		const uint32_t queues[2] = {state == LISTEN ? s->accepting_count : (uint32_t)ring_used(&s->in),
					    state == LISTEN ? s->backlog : (uint32_t)s->sent};
		size_t start = x->size;
		netlink_header(x, BY_FAMILY, FLAG_MULTI, h, port);
		text_add_bytes(x, &d, sizeof(d));
		if (r->show & SHOW_NAME && a->size > 2)
			netlink_attribute(x, NAME, a->bytes + 2, (uint16_t)(a->size - 2));
		if (r->show & SHOW_PEER && s->peer) {
			uint32_t inode = (uint32_t)s->peer->inode;
			netlink_attribute(x, PEER, &inode, sizeof(inode));
		}
		if (r->show & SHOW_QUEUES)
			netlink_attribute(x, QUEUES, queues, sizeof(queues));
		netlink_attribute(x, SHUTDOWN, &shut, 1);
		netlink_end(x, start);
	}
}

int diag_answer(struct text *x, const struct netlink_request *h, uint32_t port, const uint8_t *body, size_t size,
		struct kernel *k)
{
	if (h->type != BY_FAMILY || size < 2)
		return -EINVAL;
	if ((h->flags & FLAG_DUMP) != FLAG_DUMP)
		return -EOPNOTSUPP;
	if (body[0] == SOCK_AF_UNIX) {
		struct diag_unix_request r;
		if (size < sizeof(r))
			return -EINVAL;
		memcpy(&r, body, sizeof(r));
		list_unix(x, h, port, &r, k);
		return 0;
	}
	struct diag_inet_request r;
	if (body[0] != SOCK_AF_INET && body[0] != SOCK_AF_INET6)
		return body[0] >= FAMILIES ? -EINVAL : -ENOENT;
	if (size < sizeof(r))
		return -EINVAL;
	memcpy(&r, body, sizeof(r));
	/* Of what else there is, raw sockets say /proc/net. */
	if (r.protocol != TCP && r.protocol != UDP)
		return -ENOENT;
	list_inet(x, h, port, &r, k);
	return 0;
}
