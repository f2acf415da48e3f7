/* SPDX-License-Identifier: MIT */
#include "kernel/net/inet.h"

#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "kernel/abi.h"
#include "kernel/kernel.h"
#include "kernel/net/multicast.h"
#include "kernel/net/timewait.h"
#include "kernel/uaccess.h"

/* ip_local_port_range */
enum { PORT_FIRST = 32768, PORT_LAST = 60999, PORT_PRIVILEGED = 1024 };
enum { SIZE_V4 = 16, SIZE_V6 = 28, SIZE_V6_LEAST = 24 };

static const uint8_t prefix_v4[12] = {[10] = 0xff, [11] = 0xff};
static const uint8_t any_v4[16] = {[10] = 0xff, [11] = 0xff};
static const uint8_t any_v6[16];
static const uint8_t lo_v4[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};
static const uint8_t lo_v6[16] = {[15] = 1};

bool inet_is_v4(const uint8_t ip[16])
{
	return memcmp(ip, prefix_v4, sizeof(prefix_v4)) == 0;
}

bool inet_is_any(const uint8_t ip[16])
{
	return memcmp(ip, any_v4, 16) == 0 || memcmp(ip, any_v6, 16) == 0;
}

bool inet_is_lo(const uint8_t ip[16])
{
	return inet_is_v4(ip) ? ip[12] == 127 : memcmp(ip, lo_v6, 16) == 0;
}

int inet_parse(const struct socket *s, const struct address *a, struct inet_end *ret_end)
{
	const uint8_t *b = a->bytes;
	bool v4 = s->domain == SOCK_AF_INET;
	if (a->size < (v4 ? (unsigned)SIZE_V4 : (unsigned)SIZE_V6_LEAST))
		return -EINVAL;
	if (address_family(a) != (unsigned)s->domain)
		return -EAFNOSUPPORT;
	*ret_end = (struct inet_end){.port = (uint16_t)(b[2] << 8 | b[3])};
	if (v4) {
		memcpy(ret_end->ip, prefix_v4, sizeof(prefix_v4));
		memcpy(ret_end->ip + 12, b + 4, 4);
	} else {
		memcpy(ret_end->ip, b + 8, 16);
	}
	return 0;
}

void inet_address(const struct socket *s, const struct inet_end *end, struct address *ret_address)
{
	bool v4 = s->domain == SOCK_AF_INET;
	uint8_t *b = ret_address->bytes;
	*ret_address = (struct address){.size = v4 ? SIZE_V4 : SIZE_V6};
	b[0] = (uint8_t)s->domain;
	b[2] = (uint8_t)(end->port >> 8);
	b[3] = (uint8_t)end->port;
	if (v4)
		memcpy(b + 4, end->ip + 12, 4);
	else
		memcpy(b + 8, end->ip, 16);
}

int inet_name(struct socket *s, bool peer, struct address *ret_address)
{
	struct inet_end none = {{0}, 0};
	if (peer && s->state != SOCKET_CONNECTED)
		return -ENOTCONN;
	const struct inet_end *end = peer ? &s->u.inet.remote : &s->u.inet.local;
	inet_address(s, end->port ? end : &none, ret_address);
	return 0;
}

int inet_destination(const struct socket *s, struct inet_end *end)
{
	if (inet_is_any(end->ip))
		memcpy(end->ip, inet_is_v4(end->ip) ? lo_v4 : lo_v6, 16);
	if (multicast_is(end->ip) && s->type != SOCK_TYPE_STREAM)
		return multicast_goes(s, end->ip) ? 0 : -ENETUNREACH;
	if (!inet_is_lo(end->ip) || (inet_is_v4(end->ip) && s->u.inet.v6_only))
		return -ENETUNREACH;
	/* From the address of one family nobody gets to the other. */
	if (s->u.inet.local.port && !inet_is_any(s->u.inet.local.ip) &&
	    inet_is_v4(s->u.inet.local.ip) != inet_is_v4(end->ip))
		return -EINVAL;
	return 0;
}

void inet_source(const struct socket *s, const struct inet_end *to, struct inet_end *ret_source)
{
	*ret_source = s->u.inet.local;
	if (inet_is_any(ret_source->ip) && multicast_is(to->ip) && inet_is_v4(to->ip) && s->u.inet.by_address[0]) {
		memcpy(ret_source->ip, prefix_v4, sizeof(prefix_v4));
		memcpy(ret_source->ip + 12, s->u.inet.by_address, 4);
	}
	if (inet_is_any(ret_source->ip) || multicast_is(ret_source->ip))
		memcpy(ret_source->ip, inet_is_v4(to->ip) ? lo_v4 : lo_v6, 16);
}

/* ---- Ports ---- */

static unsigned hash(int type, uint16_t port)
{
	return (unsigned)port * 2 + (type == SOCK_TYPE_DGRAM);
}

static bool is_inet(const struct socket *s, int type, uint16_t port)
{
	return (s->domain == SOCK_AF_INET || s->domain == SOCK_AF_INET6) && s->type == type && s->u.inet.local.port == port;
}

/* Does a socket with this address get what is sent to ip? */
static bool covers(const uint8_t own[16], bool v6_only, const uint8_t ip[16])
{
	if (memcmp(own, ip, 16) == 0)
		return true;
	if (memcmp(own, any_v4, 16) == 0)
		return inet_is_v4(ip);
	return memcmp(own, any_v6, 16) == 0 && (!v6_only || !inet_is_v4(ip));
}

/* Is the port still taken by a connection that is over, and may s not have it all the same? */
static bool waits(const struct socket *s, const uint8_t ip[16], uint16_t port)
{
	const struct timewait *w = NULL;
	while ((w = timewait_next(s->kernel, (struct timewait *)(uintptr_t)w))) {
		if (w->local.port == port && !(s->reuse_address && w->reuse_address) && !(s->reuse_port && w->reuse_port) &&
		    (covers(ip, s->u.inet.v6_only, w->local.ip) || covers(w->local.ip, w->v6_only, ip)))
			return true;
	}
	return false;
}

/* As inet_csk_bind_conflict: two may have the same port only if both allow it. */
static bool conflicts(const struct socket *s, const uint8_t ip[16], uint16_t port, bool listening)
{
	const struct socket *o;
	LIST_FOREACH (o, &s->kernel->sockets->bound[hash(s->type, port) % SOCKET_BUCKETS], bound) {
		if (o == s || !is_inet(o, s->type, port))
			continue;
		if (!covers(ip, s->u.inet.v6_only, o->u.inet.local.ip) &&
		    !covers(o->u.inet.local.ip, o->u.inet.v6_only, ip))
			continue;
		bool reuse = s->reuse_address && o->reuse_address &&
			     (s->type == SOCK_TYPE_DGRAM ||
			      (o->state != SOCKET_LISTENING && !listening));
		if (listening && o->state != SOCKET_LISTENING)
			reuse = s->reuse_address && o->reuse_address;
		if (!reuse && !(s->reuse_port && o->reuse_port && s->uid == o->uid))
			return true;
	}
	return s->type == SOCK_TYPE_STREAM && waits(s, ip, port);
}

bool inet_may_listen(const struct socket *s)
{
	return !conflicts(s, s->u.inet.local.ip, s->u.inet.local.port, true);
}

static bool port_used(const struct socket *s, uint16_t port)
{
	const struct socket *o;
	LIST_FOREACH (o, &s->kernel->sockets->bound[hash(s->type, port) % SOCKET_BUCKETS], bound) {
		if (is_inet(o, s->type, port))
			return true;
	}
	return false;
}

static uint16_t choose_port(const struct socket *s)
{
	uint16_t *next = &s->kernel->sockets->next_port[s->type == SOCK_TYPE_DGRAM];
	for (unsigned i = 0; i <= PORT_LAST - PORT_FIRST; i++) {
		uint16_t port = (uint16_t)(PORT_FIRST + *next);
		*next = (uint16_t)((*next + 1) % (PORT_LAST - PORT_FIRST + 1));
		if (!port_used(s, port))
			return port;
	}
	return 0;
}

static void take_port(struct socket *s, const uint8_t ip[16], uint16_t port)
{
	memcpy(s->u.inet.local.ip, ip, 16);
	s->u.inet.local.port = port;
	socket_bind(s, hash(s->type, port));
}

int inet_bind(struct socket *s, struct task *t, const struct address *a)
{
	struct inet_end end;
	struct address copy = *a;
	/* Programs of old say AF_UNSPEC for AF_INET's any. */
	if (s->domain == SOCK_AF_INET && a->size >= SIZE_V4 && address_family(a) == 0 &&
	    memcmp(a->bytes + 4, any_v6, 4) == 0)
		copy.bytes[0] = SOCK_AF_INET;
	int err = inet_parse(s, &copy, &end);
	if (err)
		return err;
	if (!inet_is_any(end.ip) && !inet_is_lo(end.ip) && (s->type == SOCK_TYPE_STREAM || !multicast_is(end.ip)))
		return -EADDRNOTAVAIL;
	if (s->u.inet.v6_only && inet_is_v4(end.ip))
		return -EINVAL;
	if (end.port && end.port < PORT_PRIVILEGED && !task_can(t, CAP_NET_BIND_SERVICE))
		return -EACCES;
	if (s->u.inet.local.port || s->state != SOCKET_CLOSED)
		return -EINVAL;
	if (!end.port)
		end.port = choose_port(s);
	else if (conflicts(s, end.ip, end.port, false))
		return -EADDRINUSE;
	if (!end.port)
		return -EADDRINUSE;
	take_port(s, end.ip, end.port);
	memcpy(s->u.inet.asked, end.ip, 16);
	s->u.inet.chosen = true;
	return 0;
}

int inet_autobind(struct socket *s)
{
	const uint8_t *any = s->domain == SOCK_AF_INET ? any_v4 : any_v6;
	if (s->u.inet.local.port)
		return 0;
	uint16_t port = choose_port(s);
	if (!port)
		return -EADDRNOTAVAIL;
	take_port(s, any, port);
	memcpy(s->u.inet.asked, any, 16);
	return 0;
}

void inet_unchoose(struct socket *s)
{
	memset(&s->u.inet.remote, 0, sizeof(s->u.inet.remote));
	memcpy(s->u.inet.local.ip, s->u.inet.asked, 16);
	if (s->u.inet.chosen)
		return;
	socket_unbind(s);
	s->u.inet.local.port = 0;
}

void inet_bind_accepted(struct socket *s)
{
	socket_bind(s, hash(s->type, s->u.inet.local.port));
}

bool inet_same(const struct inet_end *a, const struct inet_end *b)
{
	return a->port == b->port && memcmp(a->ip, b->ip, 16) == 0;
}

struct socket *inet_find(struct kernel *k, int type, const struct inet_end *to,
			 const struct inet_end *from)
{
	struct socket *s, *best = NULL;
	int most = 0;
	LIST_FOREACH (s, &k->sockets->bound[hash(type, to->port) % SOCKET_BUCKETS], bound) {
		if (!is_inet(s, type, to->port) ||
		    !covers(s->u.inet.local.ip, s->u.inet.v6_only, to->ip))
			continue;
		if (type == SOCK_TYPE_STREAM && s->state != SOCKET_LISTENING)
			continue;
		bool connected = s->state == SOCKET_CONNECTED;
		if (connected && !inet_same(&s->u.inet.remote, from))
			continue;
		int score = 1 + connected * 8 + !inet_is_any(s->u.inet.local.ip) * 4 +
			    (inet_is_v4(s->u.inet.local.ip) == inet_is_v4(to->ip)) * 2;
		/* Of several listeners the one with the fewest connections to accept. */
		bool fewer = best && score == most && type == SOCK_TYPE_STREAM &&
			     s->accepting_count < best->accepting_count;
		if (score > most || fewer) {
			best = s;
			most = score;
		}
	}
	return best;
}

struct socket *inet_next(struct kernel *k, const struct inet_end *to, const struct inet_end *from, struct socket *after)
{
	const int type = SOCK_TYPE_DGRAM;
	struct socket *s = after ? LIST_NEXT(after, bound)
				 : LIST_FIRST(&k->sockets->bound[hash(type, to->port) % SOCKET_BUCKETS]);
	for (; s; s = LIST_NEXT(s, bound)) {
		if (is_inet(s, type, to->port) && covers(s->u.inet.local.ip, s->u.inet.v6_only, to->ip) &&
		    (s->state != SOCKET_CONNECTED || inet_same(&s->u.inet.remote, from)) && multicast_gets(s, to->ip))
			break;
	}
	return s;
}

/* ---- Options ---- */
enum { TCP_INFO_ = 11, TCP_CONGESTION_ = 13, V6ONLY = 26 };

int inet_set_option(struct socket *s, int level, int name, const void *value, unsigned size)
{
	int32_t v = 0;
	memcpy(&v, value, min_u64(size, sizeof(v)));
	if (level == LEVEL_IPV6 && name == V6ONLY && s->domain == SOCK_AF_INET6) {
		if (size < sizeof(v) || s->u.inet.local.port)
			return -EINVAL;
		s->u.inet.v6_only = v != 0;
		return 0;
	}
	int r = multicast_set_option(s, level, name, value, size);
	if (r <= 0)
		return r;
	if (level == LEVEL_TCP && name == TCP_CONGESTION_ && s->type == SOCK_TYPE_STREAM)
		return size >= 5 && memcmp(value, "cubic", 5) == 0  ? 0
		       : size >= 4 && memcmp(value, "reno", 4) == 0 ? 0
								    : -ENOENT;
	return 1;
}

/* struct tcp_info of Linux 6. */
struct abi_tcp_info {
	uint8_t state, congestion, retransmits, probes, backoff, options, scales, flags;
	uint32_t timeout, ack_timeout, send_segment, receive_segment, unacked, sacked, lost, retransmitted, forward;
	uint32_t last_sent, last_ack_sent, last_received, last_ack, path, receive_threshold, round_trip, variance,
	    send_threshold, window, advertised, reordering, receive_round_trip, receive_space, total_retransmitted;
	uint64_t pacing, pacing_most, bytes_acked, bytes_received;
	uint32_t segments_out, segments_in, not_sent, least_round_trip, data_in, data_out;
	uint64_t rate, busy, window_limited, buffer_limited;
	uint32_t delivered, delivered_marked;
	uint64_t bytes_sent, bytes_again;
	uint32_t doubles, reordered, out_of_order, send_window;
};
_Static_assert(sizeof(struct abi_tcp_info) == 232, "struct tcp_info");

/* What Linux says of a connection over lo; times are 0, as bytes arrive when they are sent. Each segment with data
 * is acknowledged by one without. */
static void tcp_info(const struct socket *s, void *ret_info)
{
	enum { MTU = 65535, SEGMENT = 32768, ADVERTISED = 65483, DEFAULT_SEGMENT = 536, TIMESTAMPS_SACK_SCALES = 7, SCALES = 0xaa };
	unsigned state = tcp_state(s);
	bool listens = s->state == SOCKET_LISTENING, ever = s->u.inet.remote.port != 0;
	struct abi_tcp_info i = {.state = (uint8_t)state, .window = 10, .reordering = 3};
	if (listens) {
		i.unacked = s->accepting_count;
		i.sacked = s->backlog;
	} else {
		i.timeout = ever ? 204000 : 1000000;
		i.variance = ever ? 0 : 250000;
		i.send_threshold = INT32_MAX;
		i.send_segment = ever ? SEGMENT : DEFAULT_SEGMENT;
		i.least_round_trip = ever ? 0 : UINT32_MAX;
	}
	if (ever && !listens) {
		bool asked = s->u.inet.count.asked;
		uint32_t both = s->u.inet.count.out + s->u.inet.count.in;
		i.options = TIMESTAMPS_SACK_SCALES;
		i.scales = SCALES;
		i.receive_segment = DEFAULT_SEGMENT;
		i.path = MTU;
		i.advertised = i.receive_threshold = i.receive_space = ADVERTISED;
		i.bytes_sent = s->u.inet.count.sent;
		i.bytes_acked = s->u.inet.count.sent + asked; /* its SYN counts */
		i.bytes_received = s->u.inet.count.received;
		i.data_out = s->u.inet.count.out;
		i.data_in = s->u.inet.count.in;
		i.segments_out = both + (asked ? 2 : 0);
		i.segments_in = both + (asked ? 1 : 2);
		i.delivered = s->u.inet.count.out + 1;
		i.send_window = MTU + 1;
	}
	memcpy(ret_info, &i, sizeof(i));
}

int inet_get_option(struct socket *s, int level, int name, void *ret_value, unsigned *size)
{
	uint8_t *b = ret_value;
	if (level == LEVEL_IPV6 && name == V6ONLY && s->domain == SOCK_AF_INET6) {
		int32_t v = s->u.inet.v6_only;
		memcpy(ret_value, &v, sizeof(v));
		*size = sizeof(v);
		return 0;
	}
	if (level != LEVEL_TCP || s->type != SOCK_TYPE_STREAM)
		return multicast_get_option(s, level, name, ret_value, size);
	if (name == TCP_CONGESTION_) {
		memset(b, 0, 16);
		memcpy(b, "cubic", 5);
		*size = 16;
		return 0;
	}
	if (name == TCP_INFO_) {
		tcp_info(s, ret_value);
		*size = sizeof(struct abi_tcp_info);
		return 0;
	}
	return 1;
}

/* ---- The interface ---- */

enum {
	SIOCGIFNAME = 0x8910,
	SIOCGIFCONF = 0x8912,
	SIOCGIFFLAGS = 0x8913,
	SIOCGIFADDR = 0x8915,
	SIOCGIFBRDADDR = 0x8919,
	SIOCGIFNETMASK = 0x891b,
	SIOCGIFMETRIC = 0x891d,
	SIOCGIFMTU = 0x8921,
	SIOCGIFHWADDR = 0x8927,
	SIOCGIFINDEX = 0x8933,
	SIOCGIFTXQLEN = 0x8942,
};

struct ifreq {
	char name[16];
	uint8_t value[24];
};

static void put_v4(uint8_t *b, uint8_t first, uint8_t last)
{
	memset(b, 0, 16);
	b[0] = SOCK_AF_INET;
	b[4] = first;
	b[7] = last;
}

static int64_t interfaces(struct task *t, uint64_t arg)
{
	struct {
		int32_t size, pad;
		uint64_t va;
	} conf;
	struct ifreq lo = {.name = "lo"};
	int err = uaccess_read(t, &conf, arg, sizeof(conf));
	if (err)
		return err;
	put_v4(lo.value, 127, 1);
	if (conf.va && conf.size >= (int32_t)sizeof(lo))
		err = uaccess_write(t, conf.va, &lo, sizeof(lo));
	conf.size = conf.va && conf.size < (int32_t)sizeof(lo) ? 0 : (int32_t)sizeof(lo);
	return err ? err : uaccess_write(t, arg, &conf, sizeof(conf));
}

int64_t inet_ioctl(struct task *t, uint64_t request, uint64_t arg)
{
	enum { UP_LOOPBACK_RUNNING = 0x49, LOOPBACK_TYPE = 772, MTU = 65536, QUEUE = 1000 };
	struct ifreq r;
	uint32_t v = 0;
	if (request == SIOCGIFCONF)
		return interfaces(t, arg);
	if (request < SIOCGIFNAME || request > SIOCGIFTXQLEN)
		return -ENOTTY;
	int err = uaccess_read(t, &r, arg, sizeof(r));
	if (err)
		return err;
	if (request == SIOCGIFNAME) {
		memcpy(&v, r.value, sizeof(v));
		if (v != 1)
			return -ENODEV;
		memset(r.name, 0, sizeof(r.name));
		memcpy(r.name, "lo", 2);
		return uaccess_write(t, arg, &r, sizeof(r));
	}
	if (strncmp(r.name, "lo", sizeof(r.name)) != 0)
		return -ENODEV;
	memset(r.value, 0, sizeof(r.value));
	switch (request) {
	case SIOCGIFFLAGS: v = UP_LOOPBACK_RUNNING; break;
	case SIOCGIFADDR: put_v4(r.value, 127, 1); break;
	case SIOCGIFBRDADDR: put_v4(r.value, 0, 0); break;
	case SIOCGIFNETMASK: put_v4(r.value, 255, 0); break;
	case SIOCGIFMETRIC: break;
	case SIOCGIFMTU: v = MTU; break;
	case SIOCGIFHWADDR: v = LOOPBACK_TYPE; break;
	case SIOCGIFINDEX: v = 1; break;
	case SIOCGIFTXQLEN: v = QUEUE; break;
	default: return -ENOTTY;
	}
	if (v)
		memcpy(r.value, &v, sizeof(v));
	return uaccess_write(t, arg, &r, sizeof(r));
}
