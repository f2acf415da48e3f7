/* SPDX-License-Identifier: MIT */
/* icmp.c - ICMP and ICMPv6 on lo: an echo comes back, and raw sockets see both ways of it
 *
 *	send --> raw sockets (a copy each) --> an echo request with the right checksum
 *	                                             |
 *	         raw sockets, and the datagram       v
 *	         socket whose number it carries <-- the reply
 *
 * A datagram socket (anybody's) sends echo requests, into which its port is written as their number, and gets
 * the replies to them. A raw one (CAP_NET_RAW) sends what it likes, and gets all that its filter lets
 * through, of IPv4 with the header of IP. As with UDP, what there is no room for is lost.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/kernel.h"
#include "kernel/net/inet.h"
#include "kernel/net/multicast.h"

enum { PROTOCOL_V4 = 1, PROTOCOL_V6 = 58, HEADER = 8, IP_HEADER = 20, MOST = 65535 };
enum { ECHO_REPLY_V4 = 0, ECHO_V4 = 8, ECHO_V6 = 128, ECHO_REPLY_V6 = 129 };

/* What is on its way. */
struct flight {
	struct kernel *kernel;
	int domain;
	struct inet_end from, to; /* without ports */
	struct datagram about;
	uint8_t *bytes; /* from the header of ICMP on */
	uint64_t size;
};

static int protocol_of(int domain)
{
	return domain == SOCK_AF_INET ? PROTOCOL_V4 : PROTOCOL_V6;
}

/* RFC 1071. */
static uint32_t sum(const uint8_t *bytes, uint64_t size, uint32_t start)
{
	uint64_t n = start;
	for (uint64_t i = 0; i < size; i++)
		n += (uint64_t)bytes[i] << (i % 2 ? 0 : 8);
	while (n >> 16)
		n = (n & 0xffff) + (n >> 16);
	return (uint32_t)n;
}

/* Of ICMPv6 the addresses count, too (RFC 8200). 0xffff: it is right. */
static uint32_t checksum(const struct flight *f)
{
	uint32_t n = 0;
	if (f->domain == SOCK_AF_INET6) {
		const uint8_t tail[8] = {(uint8_t)(f->size >> 24), (uint8_t)(f->size >> 16), (uint8_t)(f->size >> 8),
					 (uint8_t)f->size, 0, 0, 0, PROTOCOL_V6};
		n = sum(f->from.ip, 16, n);
		n = sum(f->to.ip, 16, n);
		n = sum(tail, sizeof(tail), n);
	}
	return sum(f->bytes, f->size, n);
}

static void put_checksum(struct flight *f)
{
	f->bytes[2] = f->bytes[3] = 0;
	uint32_t n = ~checksum(f);
	f->bytes[2] = (uint8_t)(n >> 8);
	f->bytes[3] = (uint8_t)n;
}

static uint16_t number(const uint8_t *bytes)
{
	return (uint16_t)(bytes[4] << 8 | bytes[5]);
}

/* ---- Arriving ---- */

static bool filtered(const struct socket *s, uint8_t type)
{
	if (s->domain == SOCK_AF_INET)
		return type < 32 && s->u.inet.filter[0] >> type & 1;
	return s->u.inet.filter[type / 32] >> type % 32 & 1;
}

static bool wants(const struct socket *s, const struct flight *f)
{
	static const uint8_t none[16];
	if (s->ops != &icmp_ops || s->domain != f->domain || s->shut & SOCK_SHUT_IN)
		return false;
	if (!inet_is_any(s->u.inet.local.ip) && memcmp(s->u.inet.local.ip, f->to.ip, 16) != 0)
		return false;
	if (s->state == SOCKET_CONNECTED && memcmp(s->u.inet.remote.ip, none, 16) != 0 &&
	    memcmp(s->u.inet.remote.ip, f->from.ip, 16) != 0)
		return false;
	if (s->type == SOCK_TYPE_RAW)
		return f->size == 0 || !filtered(s, f->bytes[0]);
	uint8_t reply = f->domain == SOCK_AF_INET ? ECHO_REPLY_V4 : ECHO_REPLY_V6;
	return f->size >= HEADER && f->bytes[0] == reply && number(f->bytes) == s->u.inet.local.port;
}

static void put_16(uint8_t *to, uint64_t n)
{
	to[0] = (uint8_t)(n >> 8);
	to[1] = (uint8_t)n;
}

/* One more copy; whole: with room for the header of IP in front, which is filled. */
static void deliver(struct socket *s, const struct flight *f, uint8_t *whole)
{
	bool header = s->type == SOCK_TYPE_RAW && s->domain == SOCK_AF_INET;
	struct message m = {.size = f->size + (header ? IP_HEADER : 0), .source = f->from, .about = f->about};
	if (s->in_charge > s->receive_size)
		return;
	memset(whole, 0, IP_HEADER);
	whole[0] = 0x45;
	whole[1] = (uint8_t)f->about.tos;
	put_16(whole + 2, IP_HEADER + f->size);
	whole[8] = (uint8_t)f->about.ttl;
	whole[9] = PROTOCOL_V4;
	memcpy(whole + 12, f->from.ip + 12, 4);
	memcpy(whole + 16, f->to.ip + 12, 4);
	put_16(whole + 10, ~sum(whole, IP_HEADER, 0));
	memcpy(whole + IP_HEADER, f->bytes, f->size);
	(void)packet_put(s, NULL, NULL, &m, header ? whole : whole + IP_HEADER); /* lost, if it cannot be */
}

static void arrive(const struct flight *f, uint8_t *whole)
{
	struct socket *s;
	bool replied = false;
	LIST_FOREACH (s, &f->kernel->sockets->all, all) {
		bool raw = s->type == SOCK_TYPE_RAW;
		if ((!raw && replied) || !wants(s, f))
			continue;
		deliver(s, f, whole);
		/* Of several with one number the youngest has it. */
		replied = replied || !raw;
	}
}

/* What was sent arrives, and is answered if it is an echo request. */
static int fly(struct flight *f)
{
	bool v4 = f->domain == SOCK_AF_INET;
	uint8_t *whole = malloc(IP_HEADER + f->size);
	if (!whole)
		return -ENOBUFS;
	arrive(f, whole);
	if (f->size >= HEADER && f->bytes[0] == (v4 ? ECHO_V4 : ECHO_V6) && f->bytes[1] == 0 && checksum(f) == 0xffff) {
		struct inet_end from = f->from;
		f->from = f->to;
		f->to = from;
		f->bytes[0] = v4 ? ECHO_REPLY_V4 : ECHO_REPLY_V6;
		memcpy(f->about.to, f->to.ip, 16);
		f->about.ttl = 64;
		put_checksum(f);
		arrive(f, whole);
	}
	free(whole);
	return 0;
}

/* ---- Sockets ---- */

static bool number_used(const struct socket *s, uint16_t n)
{
	const struct socket *o;
	LIST_FOREACH (o, &s->kernel->sockets->all, all) {
		if (o != s && o->ops == &icmp_ops && o->type == SOCK_TYPE_DGRAM && o->domain == s->domain &&
		    o->u.inet.local.port == n && !(o->reuse_address && s->reuse_address))
			return true;
	}
	return false;
}

static int autobind(struct socket *s)
{
	uint16_t n = s->u.inet.local.port;
	if (n)
		return 0;
	while (++n && number_used(s, n))
		;
	s->u.inet.local.port = n;
	return n ? 0 : -EADDRINUSE;
}

static int icmp_bind(struct socket *s, struct task *t, const struct address *a)
{
	struct inet_end end;
	int err = inet_parse(s, a, &end);
	if (err)
		return err;
	if (!inet_is_any(end.ip) && !inet_is_lo(end.ip))
		return -EADDRNOTAVAIL;
	if (s->type == SOCK_TYPE_DGRAM) {
		if (s->u.inet.local.port)
			return -EINVAL;
		if (end.port && number_used(s, end.port))
			return -EADDRINUSE;
		s->u.inet.local.port = end.port;
		err = autobind(s);
	}
	if (!err)
		memcpy(s->u.inet.local.ip, end.ip, 16);
	return err;
}

static int icmp_connect(struct socket *s, struct task *t, const struct address *a, bool nonblock)
{
	struct inet_end to, from;
	if (a->size < 2)
		return -EINVAL;
	if (address_family(a) == SOCK_AF_UNSPEC) {
		s->state = SOCKET_CLOSED;
		memset(&s->u.inet.remote, 0, sizeof(s->u.inet.remote));
		return 0;
	}
	int err = inet_parse(s, a, &to);
	if (!err)
		err = inet_destination(s, &to);
	if (!err && s->type == SOCK_TYPE_DGRAM)
		err = autobind(s);
	if (err)
		return err;
	inet_source(s, &to, &from);
	s->u.inet.local = from;
	s->u.inet.remote = to;
	s->state = SOCKET_CONNECTED;
	return 0;
}

/* Where it goes, as far as that can be said before its bytes are known. */
static int destination(struct socket *s, const struct message *m, struct inet_end *ret_to)
{
	int err = 0;
	*ret_to = s->u.inet.remote;
	if (m->flags & MESSAGE_OOB)
		return -EOPNOTSUPP;
	if (m->size > MOST - (s->type == SOCK_TYPE_DGRAM || !s->u.inet.header ? IP_HEADER : 0))
		return -EMSGSIZE;
	if (s->type == SOCK_TYPE_DGRAM && m->size < HEADER)
		return -EINVAL;
	if (m->address.size)
		err = inet_parse(s, &m->address, ret_to);
	else if (s->state != SOCKET_CONNECTED)
		err = -EDESTADDRREQ;
	if (!err)
		err = inet_destination(s, ret_to);
	return !err && s->shut & SOCK_SHUT_OUT ? -EPIPE : err;
}

/* The bytes of ICMP in what a program sends. Returns 0 or -EINVAL. */
static int prepare(struct socket *s, struct flight *f)
{
	bool v4 = s->domain == SOCK_AF_INET;
	if (s->type == SOCK_TYPE_DGRAM) {
		if (f->bytes[0] != (v4 ? ECHO_V4 : ECHO_V6) || f->bytes[1] != 0)
			return -EINVAL;
		put_16(f->bytes + 4, s->u.inet.local.port);
		put_checksum(f);
	} else if (s->u.inet.header) {
		uint64_t head = f->size ? (f->bytes[0] & 15) * UINT64_C(4) : 0;
		if (head < IP_HEADER || head > f->size)
			return -EINVAL;
		f->bytes += head;
		f->size -= head;
	} else if (!v4 && f->size >= 4) {
		put_checksum(f);
	}
	return 0;
}

static int64_t icmp_send(struct socket *s, struct task *t, struct message *m)
{
	enum { TOS = 1, TTL = 2, HOPS = 16, TCLASS = 67 };
	bool v4 = s->domain == SOCK_AF_INET;
	struct flight f = {.kernel = s->kernel, .domain = s->domain, .size = m->size, .about = m->about};
	const uint8_t *bytes;
	int err = destination(s, m, &f.to);
	if (!err && s->type == SOCK_TYPE_DGRAM)
		err = autobind(s);
	if (!err)
		err = message_gather(t, m, &bytes);
	if (err)
		return err;
	inet_source(s, &f.to, &f.from);
	f.from.port = f.to.port = 0;
	memcpy(f.about.to, f.to.ip, 16);
	f.about.ttl = f.about.ttl ? f.about.ttl - 1 : v4 ? socket_kept(s, LEVEL_IP, TTL) : socket_kept(s, LEVEL_IPV6, HOPS);
	f.about.tos = f.about.tos ? f.about.tos - 1 : v4 ? socket_kept(s, LEVEL_IP, TOS) : socket_kept(s, LEVEL_IPV6, TCLASS);
	uint8_t *copy = f.bytes = malloc(f.size ? f.size : 1);
	if (!copy)
		return -ENOBUFS;
	memcpy(copy, bytes, f.size);
	err = prepare(s, &f);
	if (!err)
		err = fly(&f);
	free(copy);
	return err ? err : (int64_t)m->size;
}

static int set_filter(struct socket *s, const void *value, unsigned size)
{
	unsigned most = s->domain == SOCK_AF_INET ? 4 : sizeof(s->u.inet.filter);
	memcpy(s->u.inet.filter, value, min_u64(size, most));
	return 0;
}

/* Filters, and whether the header of IP comes along. */
static int icmp_set_option(struct socket *s, int level, int name, const void *value, unsigned size)
{
	enum { FILTER = 1, HDRINCL = 3, CHECKSUM = 7 };
	bool raw = s->type == SOCK_TYPE_RAW, v4 = s->domain == SOCK_AF_INET;
	int32_t v = 0;
	memcpy(&v, value, min_u64(size, sizeof(v)));
	if (raw && name == FILTER && level == (v4 ? LEVEL_RAW : LEVEL_ICMPV6))
		return set_filter(s, value, size);
	if (raw && v4 && level == LEVEL_IP && name == HDRINCL) {
		if (size < 1)
			return -EINVAL;
		s->u.inet.header = v != 0;
		return 0;
	}
	/* It is always there, and always at the same place. */
	if (raw && !v4 && level == LEVEL_RAW && name == CHECKSUM)
		return size < sizeof(v) ? -EINVAL : 0;
	return level == LEVEL_RAW || level == LEVEL_ICMPV6 ? -ENOPROTOOPT : inet_set_option(s, level, name, value, size);
}

static int icmp_get_option(struct socket *s, int level, int name, void *ret_value, unsigned *size)
{
	enum { FILTER = 1, HDRINCL = 3 };
	bool raw = s->type == SOCK_TYPE_RAW, v4 = s->domain == SOCK_AF_INET;
	if (raw && name == FILTER && level == (v4 ? LEVEL_RAW : LEVEL_ICMPV6)) {
		*size = v4 ? 4 : sizeof(s->u.inet.filter);
		memcpy(ret_value, s->u.inet.filter, *size);
		return 0;
	}
	if (raw && v4 && level == LEVEL_IP && name == HDRINCL) {
		int32_t v = s->u.inet.header;
		memcpy(ret_value, &v, *size = sizeof(v));
		return 0;
	}
	return level == LEVEL_RAW || level == LEVEL_ICMPV6 ? -ENOPROTOOPT : inet_get_option(s, level, name, ret_value, size);
}

static void icmp_close(struct socket *s)
{
	multicast_leave_all(s);
	s->u.inet.local.port = 0;
}

int icmp_make(struct task *t, int domain, int type, int protocol, struct socket **ret_socket)
{
	/* The host's are not for a guest, even with --net host. */
	if (type != SOCK_TYPE_RAW && type != SOCK_TYPE_DGRAM)
		return -EPROTONOSUPPORT;
	if (protocol == 0 || (type == SOCK_TYPE_DGRAM && protocol != protocol_of(domain)))
		return -EPROTONOSUPPORT;
	if (type == SOCK_TYPE_RAW && !task_can(t, CAP_NET_RAW))
		return -EPERM;
	if (protocol != protocol_of(domain) || t->process->kernel->config.net_host)
		return -EPROTONOSUPPORT;
	int err = socket_create(t->process->kernel, &icmp_ops, domain, type, protocol, t, ret_socket);
	if (err)
		return err;
	/* As if SO_REUSEADDR had been said. */
	(*ret_socket)->reuse_address = true;
	/* Whose port is the protocol's number. */
	if (type == SOCK_TYPE_RAW)
		(*ret_socket)->u.inet.local.port = (uint16_t)protocol;
	if (domain == SOCK_AF_INET)
		memset((*ret_socket)->u.inet.local.ip + 10, 0xff, 2);
	return 0;
}

const struct socket_ops icmp_ops = {
    .bind = icmp_bind,
    .connect = icmp_connect,
    .name = inet_name,
    .send = icmp_send,
    .receive = udp_receive,
    .shutdown = udp_shutdown,
    .poll = udp_poll,
    .set_option = icmp_set_option,
    .get_option = icmp_get_option,
    .ioctl = udp_ioctl,
    .close = icmp_close,
};
