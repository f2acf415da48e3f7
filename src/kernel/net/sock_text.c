/* SPDX-License-Identifier: MIT */
/* sock_text.c - /proc/net/{unix,tcp,tcp6,udp,udp6,sockstat,sockstat6}, as Linux writes them: proc_net(5)
 *
 * Oldest first. Where Linux shows an address of its own, as unix does in its first column, the
 * inode stands.
 */
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "kernel/kernel.h"
#include "kernel/net/inet.h"
#include "kernel/net/timewait.h"

enum { FAMILY = 2 };

/* The list has the newest first. */
struct socket *socket_oldest(struct kernel *k)
{
	struct socket *s, *last = NULL;
	LIST_FOREACH (s, &k->sockets->all, all)
		last = s;
	return last;
}

struct socket *socket_newer(struct kernel *k, struct socket *s)
{
	return s == LIST_FIRST(&k->sockets->all)
		   ? NULL
		   : (struct socket *)(void *)((char *)s->all.le_prev -
					       offsetof(struct socket, all.le_next));
}

static void add_unix_name(struct text *text, const struct address *a)
{
	if (a->size <= FAMILY)
		return;
	text_add(text, " ");
	bool abstract = a->bytes[FAMILY] == 0;
	uint32_t end = abstract ? a->size : a->size - 1;
	for (uint32_t i = FAMILY; i < end; i++)
		text_add(text, "%c", a->bytes[i] ? a->bytes[i] : '@');
}

void sockets_text_unix(struct kernel *k, struct text *text)
{
	enum { LISTENS = 0x10000, FREE = 0, UNCONNECTED = 1, CONNECTED = 3 };
	text_add(text, "Num       RefCount Protocol Flags    Type St Inode Path\n");
	for (struct socket *s = socket_oldest(k); s; s = socket_newer(k, s)) {
		if (s->domain != SOCK_AF_UNIX)
			continue;
		bool open = s->file != NULL;
		text_add(text, "%016lx: %08X %08X %08X %04X %02X %5lu", s->inode, s->refs, 0,
			 s->state == SOCKET_LISTENING ? (unsigned)LISTENS : 0U, (unsigned)s->type,
			 !open                           ? (unsigned)FREE
			 : s->state == SOCKET_CONNECTED ? (unsigned)CONNECTED
							: (unsigned)UNCONNECTED,
			 open ? s->inode : 0);
		add_unix_name(text, &s->u.un.name);
		text_add(text, "\n");
	}
}

/* Words of four bytes, each as the machine's own number. */
static void add_end(struct text *text, int domain, const struct inet_end *end)
{
	for (unsigned i = domain == SOCK_AF_INET ? 12 : 0; i < 16; i += 4)
		text_add(text, "%02X%02X%02X%02X", end->ip[i + 3], end->ip[i + 2], end->ip[i + 1],
			 end->ip[i]);
	text_add(text, ":%04X", end->port);
}

/* The time that is left in hundredths of a second. */
static void add_timewaits(struct kernel *k, int domain, struct text *text, unsigned n)
{
	enum { TIMER = 3, TICK = 10000000, REFS = 1 };
	for (struct timewait *w = timewait_next(k, NULL); w; w = timewait_next(k, w)) {
		if (w->domain != domain)
			continue;
		text_add(text, "%4u: ", n++);
		add_end(text, domain, &w->local);
		text_add(text, " ");
		add_end(text, domain, &w->remote);
		text_add(text, " %02X 00000000:00000000 %02X:%08lX 00000000     0        0 0 %d %016lx\n",
			 w->finishing ? TCP_STATE_FIN_WAIT2 : TCP_STATE_TIME_WAIT, TIMER, (w->ends - kernel_now(k)) / TICK, REFS,
			 w->serial);
	}
}

unsigned tcp_state(const struct socket *s)
{
	enum {
		ESTABLISHED = 1, SYN_SENT, FIN_WAIT2 = TCP_STATE_FIN_WAIT2, CLOSE = TCP_STATE_CLOSE, CLOSE_WAIT = 8, LISTEN = 10
	};
	switch (s->state) {
	case SOCKET_LISTENING: return LISTEN;
	case SOCKET_CONNECTING: return SYN_SENT;
	case SOCKET_CONNECTED:
		return s->type == SOCK_TYPE_STREAM && s->u.inet.fin     ? CLOSE_WAIT
		       : s->type == SOCK_TYPE_STREAM && s->shut & SOCK_SHUT_OUT ? FIN_WAIT2
									       : ESTABLISHED;
	default: return CLOSE;
	}
}

void sockets_text_inet(struct kernel *k, int domain, int type, struct text *text)
{
	unsigned n = 0;
	bool tcp = type == SOCK_TYPE_STREAM, v4 = domain == SOCK_AF_INET;
	text_add(text, "  %s local_address%*s %s_address%*s st tx_queue rx_queue tr tm->when retrnsmt"
		       "   uid  timeout inode%s\n",
		 "sl", v4 ? 0 : 25, "", v4 && tcp ? "rem" : v4 ? "rem" : "remote", v4 ? 2 : 23, "",
		 tcp ? "" : " ref pointer drops");
	for (struct socket *s = socket_oldest(k); s; s = socket_newer(k, s)) {
		if (s->domain != domain || s->type != type || s->ops == &nethost_ops ||
		    (type == SOCK_TYPE_DGRAM && s->ops == &icmp_ops) || !s->u.inet.local.port ||
		    (tcp && tcp_state(s) == TCP_STATE_CLOSE))
			continue;
		text_add(text, "%4u: ", n++);
		add_end(text, domain, &s->u.inet.local);
		text_add(text, " ");
		add_end(text, domain, &s->u.inet.remote);
		uint64_t waiting = s->state == SOCKET_LISTENING ? s->accepting_count
				   : tcp                        ? ring_used(&s->in)
								: s->in_charge;
		text_add(text, " %02X %08X:%08lX 00:00000000 00000000 %5u        0 %lu %u %016lx%s\n",
			 tcp_state(s), 0, waiting, s->uid, s->file ? s->inode : 0, s->refs,
			 s->inode, tcp ? " 100 0 0 10 0" : " 0");
	}
	if (tcp)
		add_timewaits(k, domain, text, n);
}

struct inuse {
	unsigned used, tcp, allocated, udp, raw;
	uint64_t tcp_pages, udp_pages; /* that what waits to be read would fill */
};

static struct inuse inuse_count(struct kernel *k, int domain)
{
	struct inuse n = {0};
	struct socket *s;
	LIST_FOREACH (s, &k->sockets->all, all) {
		bool inet = s->domain == SOCK_AF_INET || s->domain == SOCK_AF_INET6, same = s->domain == domain;
		uint64_t pages = page_up(ring_used(&s->in)) / PAGE_SIZE;
		n.used++;
		if (!inet || s->ops == &nethost_ops)
			continue;
		if (s->type == SOCK_TYPE_STREAM) {
			n.allocated++;
			n.tcp += same && tcp_state(s) != TCP_STATE_CLOSE;
			n.tcp_pages += pages;
		} else if (s->type == SOCK_TYPE_RAW) {
			n.raw += same;
		} else if (s->ops != &icmp_ops) {
			n.udp += same && s->u.inet.local.port;
			n.udp_pages += pages;
		}
	}
	return n;
}

void sockets_text_inuse(struct kernel *k, int domain, struct text *text)
{
	struct inuse n = inuse_count(k, domain);
	if (domain == SOCK_AF_INET6) {
		text_add(text, "TCP6: inuse %u\nUDP6: inuse %u\nUDPLITE6: inuse 0\nRAW6: inuse %u\nFRAG6: inuse 0 memory 0\n",
			 n.tcp, n.udp, n.raw);
		return;
	}
	text_add(text, "sockets: used %u\nTCP: inuse %u orphan 0 tw %u alloc %u mem %lu\n", n.used, n.tcp,
		 k->sockets->timewait_count, n.allocated, n.tcp_pages);
	text_add(text, "UDP: inuse %u mem %lu\nUDPLITE: inuse 0\nRAW: inuse %u\nFRAG: inuse 0 memory 0\n", n.udp,
		 n.udp_pages, n.raw);
}
