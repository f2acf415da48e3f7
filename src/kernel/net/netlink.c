/* SPDX-License-Identifier: MIT */
/* netlink.c - AF_NETLINK, as far as it tells of the machine's one interface (NETLINK_ROUTE) and of its sockets
 * (NETLINK_SOCK_DIAG: sock_diag.c)
 *
 *	program --request--> lo, its addresses --answers--> the ring of the same socket
 *
 * What programs ask to list interfaces and addresses (getifaddrs, if_nameindex, ip) is answered; a network
 * cannot be changed (-EPERM), and other protocols are not there. An answer that does not fit, nobody waits
 * for: the next receive fails with -ENOBUFS, as on Linux. The C library's mq_notify has its threads told
 * through such a socket, too: see netlink_tell.
 */
#include "kernel/net/netlink.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/kernel.h"
#include "kernel/net/inet.h"
#include "kernel/net/netlink_private.h"
#include "kernel/uaccess.h"

enum { PROTOCOL_ROUTE = 0, PROTOCOL_DIAG = 4, LO = 1, REQUEST_MAX = 65536 };
/* struct nlmsghdr's types and flags. */
enum { TYPE_ERROR = 2, TYPE_DONE = 3, TYPE_LEAST = 16, FLAG_REQUEST = 1, FLAG_MULTI = 2, FLAG_ACK = 4, FLAG_DUMP = 0x300 };
enum {
	NEW_LINK = 16, GET_LINK = 18, NEW_ADDRESS = 20, GET_ADDRESS = 22, GET_ROUTE = 26, GET_NEIGHBOUR = 30, GET_RULE = 34,
	TYPE_MOST = 124,
};

struct abi_link {
	uint8_t family, pad;
	uint16_t type;
	int32_t index;
	uint32_t flags, change;
};

struct abi_address {
	uint8_t family, prefix, flags, scope;
	uint32_t index;
};

struct abi_netlink_name {
	uint16_t family, pad;
	uint32_t port, groups;
};

/* ---- Answers ---- */

void netlink_header(struct text *x, uint16_t type, uint16_t flags, const struct netlink_request *request, uint32_t port)
{
	const struct netlink_request h = {.type = type, .flags = flags, .sequence = request->sequence, .port = port};
	text_add_bytes(x, (const char *)&h, sizeof(h));
}

void netlink_attribute(struct text *x, uint16_t type, const void *value, uint16_t size)
{
	static const char zeros[4];
	const uint16_t head[2] = {(uint16_t)(sizeof(head) + size), type};
	text_add_bytes(x, (const char *)head, sizeof(head));
	text_add_bytes(x, value, size);
	text_add_bytes(x, zeros, (4 - size % 4) % 4);
}

/* The message that began at start is whole: its size is known. */
void netlink_end(struct text *x, size_t start)
{
	uint32_t size = (uint32_t)(x->size - start);
	if (!text_failed(x))
		memcpy(x->bytes + start, &size, sizeof(size));
}

static void add_link(struct text *x, const struct netlink_request *request, uint32_t port, uint16_t flags)
{
	enum {
		ADDRESS = 1, BROADCAST, NAME, MTU, QDISC = 6, QUEUE = 13, OPERSTATE = 16, LINKMODE, GROUP = 27, PROMISCUITY = 30,
		SEND_QUEUES, RECEIVE_QUEUES, CARRIER = 33,
		LOOPBACK = 772, UP_LOOPBACK_RUNNING_LOWER = 0x10049,
	};
	static const uint8_t none[6], zero, one = 1;
	static const uint32_t mtu = 65536, queue = 1000, nothing, single = 1;
	const struct abi_link l = {.type = LOOPBACK, .index = LO, .flags = UP_LOOPBACK_RUNNING_LOWER};
	size_t start = x->size;
	netlink_header(x, NEW_LINK, flags, request, port);
	text_add_bytes(x, (const char *)&l, sizeof(l));
	netlink_attribute(x, NAME, "lo", 3);
	netlink_attribute(x, QUEUE, &queue, 4);
	netlink_attribute(x, OPERSTATE, &zero, 1);
	netlink_attribute(x, LINKMODE, &zero, 1);
	netlink_attribute(x, MTU, &mtu, 4);
	netlink_attribute(x, GROUP, &nothing, 4);
	netlink_attribute(x, PROMISCUITY, &nothing, 4);
	netlink_attribute(x, SEND_QUEUES, &single, 4);
	netlink_attribute(x, RECEIVE_QUEUES, &single, 4);
	netlink_attribute(x, CARRIER, &one, 1);
	netlink_attribute(x, QDISC, "noqueue", 8);
	netlink_attribute(x, ADDRESS, none, sizeof(none));
	netlink_attribute(x, BROADCAST, none, sizeof(none));
	netlink_end(x, start);
}

static void add_address(struct text *x, const struct netlink_request *request, uint32_t port, uint8_t family)
{
	enum { ADDRESS = 1, LOCAL, LABEL, CACHE = 6, FLAGS = 8, PERMANENT = 0x80, SCOPE_HOST = 254 };
	static const uint8_t v4[4] = {127, 0, 0, 1}, v6[16] = {[15] = 1};
	static const uint32_t forever[4] = {UINT32_MAX, UINT32_MAX}, flags = PERMANENT;
	bool four = family == SOCK_AF_INET;
	const struct abi_address a = {
	    .family = family, .prefix = four ? 8 : 128, .flags = PERMANENT, .scope = SCOPE_HOST, .index = LO};
	size_t start = x->size;
	netlink_header(x, NEW_ADDRESS, FLAG_MULTI, request, port);
	text_add_bytes(x, (const char *)&a, sizeof(a));
	if (four) {
		netlink_attribute(x, ADDRESS, v4, sizeof(v4));
		netlink_attribute(x, LOCAL, v4, sizeof(v4));
		netlink_attribute(x, LABEL, "lo", 3);
	} else {
		netlink_attribute(x, ADDRESS, v6, sizeof(v6));
	}
	netlink_attribute(x, FLAGS, &flags, sizeof(flags));
	netlink_attribute(x, CACHE, forever, sizeof(forever));
	netlink_end(x, start);
}

static void add_done(struct text *x, const struct netlink_request *request, uint32_t port)
{
	static const int32_t fine;
	size_t start = x->size;
	netlink_header(x, TYPE_DONE, FLAG_MULTI, request, port);
	text_add_bytes(x, (const char *)&fine, sizeof(fine));
	netlink_end(x, start);
}

static void add_error(struct text *x, const struct netlink_request *request, uint32_t port, int32_t error)
{
	size_t start = x->size;
	netlink_header(x, TYPE_ERROR, 0, request, port);
	text_add_bytes(x, (const char *)&error, sizeof(error));
	text_add_bytes(x, (const char *)request, sizeof(*request));
	netlink_end(x, start);
}

/* ---- Requests ---- */

/* Is it lo that a request for one link names, by number or by name? */
static bool names_lo(const uint8_t *body, size_t size)
{
	enum { NAME = 3 };
	struct abi_link l = {0};
	memcpy(&l, body, min_u64(size, sizeof(l)));
	if (l.index != 0)
		return l.index == LO;
	for (size_t at = sizeof(l); at + 4 <= size;) {
		uint16_t head[2];
		memcpy(head, body + at, sizeof(head));
		if (head[0] < sizeof(head) || head[0] > size - at)
			return false;
		if (head[1] == NAME)
			return head[0] >= 6 && memcmp(body + at + 4, "lo", 2) == 0 && (head[0] == 6 || body[at + 6] == '\0');
		at += align_up(head[0], 4);
	}
	return false;
}

/* What a dump of this kind has for a family: 0 is all. Returns 0 or a negative errno. */
static int dump(struct text *x, const struct netlink_request *h, uint32_t port, uint8_t family)
{
	switch (h->type) {
	case GET_LINK: add_link(x, h, port, FLAG_MULTI); return 0;
	case GET_ADDRESS:
		if (family == 0 || family == SOCK_AF_INET)
			add_address(x, h, port, SOCK_AF_INET);
		if (family == 0 || family == SOCK_AF_INET6)
			add_address(x, h, port, SOCK_AF_INET6);
		return 0;
	case GET_ROUTE:
	case GET_NEIGHBOUR:
	case GET_RULE: return 0;
	default: return -EOPNOTSUPP;
	}
}

static void answer(struct socket *s, struct text *x, struct text *end, const struct netlink_request *h, const uint8_t *body,
		   size_t size)
{
	struct kernel *k = s->kernel;
	uint32_t port = s->u.netlink.port;
	bool diag = s->protocol == PROTOCOL_DIAG;
	int err;
	if (h->type < TYPE_LEAST || !(h->flags & FLAG_REQUEST))
		return;
	/* Of each kind the third call gets, the others change. */
	if (h->type > TYPE_MOST)
		err = -EOPNOTSUPP;
	else if (s->kernel->config.net_host)
		err = -EOPNOTSUPP; /* of the host's interfaces nothing is told */
	else if (diag)
		err = diag_answer(x, h, port, body, size, k);
	else if ((h->type & 3) != 2)
		err = -EPERM;
	else if ((h->flags & FLAG_DUMP) == FLAG_DUMP)
		err = size < 1 ? -EINVAL : dump(x, h, port, body[0]);
	else if (h->type == GET_LINK)
		err = names_lo(body, size) ? 0 : -ENODEV;
	else
		err = -EOPNOTSUPP;
	if (err == 0 && (h->flags & FLAG_DUMP) == FLAG_DUMP)
		add_done(end, h, port);
	else if (err == 0 && !diag)
		add_link(x, h, port, 0);
	if (err || (h->flags & FLAG_ACK && (h->flags & FLAG_DUMP) != FLAG_DUMP))
		add_error(end, h, port, err);
}

/* Puts one answer into s's own ring. What there is no room or memory for is lost, and that is told. */
static void deliver(struct socket *s, const void *bytes, uint64_t size)
{
	struct message m = {.size = size};
	if (size == 0)
		return;
	if (s->in_charge > s->receive_size || packet_put(s, NULL, NULL, &m, bytes) != 0) {
		s->error = ENOBUFS;
		socket_wake(s);
	}
}

void netlink_tell(struct socket *s, const void *bytes, uint64_t size)
{
	if (!s->dead)
		deliver(s, bytes, size);
}

bool netlink_is(const struct socket *s)
{
	return s->ops == &netlink_ops;
}

/* ---- The socket ---- */

/* A port that nobody has: the number of the process, then such as no process has. */
static uint32_t port_new(const struct socket *s, uint32_t wanted)
{
	const struct socket *o;
	bool used = wanted == 0;
	LIST_FOREACH (o, &s->kernel->sockets->all, all)
		used |= netlink_is(o) && o->u.netlink.port == wanted;
	return used ? UINT32_MAX - 4096 - (uint32_t)s->inode : wanted;
}

static int autobind(struct socket *s, const struct task *t)
{
	if (s->u.netlink.port == 0)
		s->u.netlink.port = port_new(s, t ? (uint32_t)t->process->pid : 0);
	return 0;
}

static int name_read(const struct address *a, struct abi_netlink_name *ret_name)
{
	if (a->size < sizeof(*ret_name))
		return -EINVAL;
	memcpy(ret_name, a->bytes, sizeof(*ret_name));
	return ret_name->family == SOCK_AF_NETLINK ? 0 : -EINVAL;
}

static int netlink_bind(struct socket *s, struct task *t, const struct address *a)
{
	struct abi_netlink_name n;
	int err = name_read(a, &n);
	if (err)
		return err;
	if (s->u.netlink.port && n.port && n.port != s->u.netlink.port)
		return -EINVAL;
	if (!s->u.netlink.port && n.port && port_new(s, n.port) != n.port)
		return -EADDRINUSE;
	if (!s->u.netlink.port && n.port)
		s->u.netlink.port = n.port;
	s->u.netlink.groups = n.groups;
	return autobind(s, t);
}

/* To the kernel, which is who is talked to anyway. */
static int netlink_connect(struct socket *s, struct task *t, const struct address *a, bool nonblock)
{
	struct abi_netlink_name n;
	int err = address_family(a) == SOCK_AF_UNSPEC && a->size >= 2 ? 0 : name_read(a, &n);
	if (err)
		return err;
	if (address_family(a) != SOCK_AF_UNSPEC && (n.port || n.groups))
		return task_can(t, CAP_NET_ADMIN) ? -ECONNREFUSED : -EPERM;
	return autobind(s, t);
}

static void address_of(uint32_t port, uint32_t groups, struct address *ret_address)
{
	const struct abi_netlink_name n = {.family = SOCK_AF_NETLINK, .port = port, .groups = groups};
	*ret_address = (struct address){.size = sizeof(n)};
	memcpy(ret_address->bytes, &n, sizeof(n));
}

static int netlink_name(struct socket *s, bool peer, struct address *ret_address)
{
	address_of(peer ? 0 : s->u.netlink.port, peer ? 0 : s->u.netlink.groups, ret_address);
	return 0;
}

static int64_t netlink_send(struct socket *s, struct task *t, struct message *m)
{
	struct abi_netlink_name to = {0};
	const uint8_t *bytes;
	struct netlink_request h;
	if (m->flags & MESSAGE_OOB)
		return -EOPNOTSUPP;
	if (m->size > REQUEST_MAX)
		return -EMSGSIZE;
	int err = m->address.size ? name_read(&m->address, &to) : 0;
	if (!err && (to.port || to.groups))
		err = to.groups ? -EPERM : -ECONNREFUSED;
	if (!err)
		err = autobind(s, t);
	if (!err)
		err = message_gather(t, m, &bytes);
	if (err)
		return err;
	for (size_t at = 0; at + sizeof(h) <= m->size; at += align_up(h.size, 4)) {
		struct text x = TEXT, end = TEXT;
		memcpy(&h, bytes + at, sizeof(h));
		if (h.size < sizeof(h) || h.size > m->size - at)
			break;
		answer(s, &x, &end, &h, bytes + at + sizeof(h), h.size - sizeof(h));
		if (text_failed(&x) || text_failed(&end)) {
			s->error = ENOBUFS;
		} else {
			deliver(s, x.bytes, x.size);
			deliver(s, end.bytes, end.size);
		}
		text_finish(&x);
		text_finish(&end);
	}
	return (int64_t)m->size;
}

static int64_t netlink_receive(struct socket *s, struct task *t, struct message *m)
{
	if (m->flags & (MESSAGE_OOB | MESSAGE_ERRQUEUE))
		return -EOPNOTSUPP;
	if (s->error && !m->serial)
		return socket_take_error(s);
	if (TAILQ_EMPTY(&s->packets))
		return socket_wait(t, &s->readers, s->receive_timeout, m->nonblock);
	address_of(0, 0, &m->address);
	return packet_take(s, t, m);
}

static int netlink_poll(struct socket *s, struct waiter *w)
{
	int err = socket_join(s, w);
	return err ? err : POLLOUT | POLLWRNORM | POLLWRBAND | socket_ready(s);
}

/* Those of netlink are about what is never sent here. */
static int netlink_set_option(struct socket *s, int level, int name, const void *value, unsigned size)
{
	enum { NAMES = 12 };
	if (level != LEVEL_NETLINK)
		return 1;
	return name < 1 || name > NAMES ? -ENOPROTOOPT : size < sizeof(int32_t) ? -EINVAL : 0;
}

static int64_t netlink_ioctl(struct socket *s, struct task *t, uint64_t request, uint64_t arg)
{
	(void)s;
	return inet_ioctl(t, request, arg);
}

int netlink_make(struct task *t, int type, int protocol, struct socket **ret_socket)
{
	enum { RAW = 3 };
	if (type != RAW && type != SOCK_TYPE_DGRAM)
		return -ESOCKTNOSUPPORT;
	if (protocol != PROTOCOL_ROUTE && protocol != PROTOCOL_DIAG)
		return -EPROTONOSUPPORT;
	return socket_create(t->process->kernel, &netlink_ops, SOCK_AF_NETLINK, type, protocol, t, ret_socket);
}

const struct socket_ops netlink_ops = {
    .bind = netlink_bind,
    .connect = netlink_connect,
    .name = netlink_name,
    .send = netlink_send,
    .receive = netlink_receive,
    .poll = netlink_poll,
    .set_option = netlink_set_option,
    .ioctl = netlink_ioctl,
};
