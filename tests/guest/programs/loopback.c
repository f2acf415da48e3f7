/* SPDX-License-Identifier: MIT */
/* loopback.c - echoes of ICMP, connections that are over and hold their port, and lists of sockets. On a real
 * Linux in a network of its own. */
#include "guest.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

enum { PORT = 5001 };

static struct sockaddr_in at(const char *ip, int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	inet_pton(AF_INET, ip, &a.sin_addr);
	return a;
}

static void add_sum(unsigned char *bytes, int size)
{
	unsigned n = 0;
	bytes[2] = bytes[3] = 0;
	for (int i = 0; i < size; i++)
		n += (unsigned)bytes[i] << (i % 2 ? 0 : 8);
	n = (n & 0xffff) + (n >> 16);
	n = ~((n & 0xffff) + (n >> 16));
	bytes[2] = (unsigned char)(n >> 8);
	bytes[3] = (unsigned char)n;
}

static void received(int fd, int skip)
{
	unsigned char bytes[256] = {0};
	struct sockaddr_storage from = {0};
	socklen_t size = sizeof(from);
	char text[64] = "";
	long n = recvfrom(fd, bytes, sizeof(bytes), MSG_DONTWAIT, (struct sockaddr *)&from, &size);
	if (n < 0) {
		say("    %s", result(n));
		return;
	}
	if (from.ss_family == AF_INET)
		inet_ntop(AF_INET, &((struct sockaddr_in *)&from)->sin_addr, text, sizeof(text));
	else
		inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&from)->sin6_addr, text, sizeof(text));
	say("    %ld bytes from %s port %d: type %d code %d, number %d, sequence %d, '%s'", n, text,
	    ntohs(((struct sockaddr_in *)&from)->sin_port), bytes[skip], bytes[skip + 1], bytes[skip + 4] << 8 | bytes[skip + 5],
	    bytes[skip + 6] << 8 | bytes[skip + 7], bytes + skip + 8);
	if (skip)
		say("    IP: version %d, length %d, ttl %d, protocol %d, to %d.%d.%d.%d", bytes[0], bytes[2] << 8 | bytes[3], bytes[8],
		    bytes[9], bytes[16], bytes[17], bytes[18], bytes[19]);
}

static void datagrams(void)
{
	unsigned char echo[] = {8, 0, 0, 0, 0, 0, 0, 7, 'h', 'e', 'l', 'l', 'o', 0};
	struct sockaddr_in a = at("127.0.0.1", 0), b = at("127.0.0.1", 1234), name;
	socklen_t size = sizeof(name);
	int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), other = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	say("an echo by datagrams: %s", result(fd < 0 ? -1 : 0));
	say("  bound to a number: %s", result(bind(fd, (struct sockaddr *)&b, sizeof(b))));
	getsockname(fd, (struct sockaddr *)&name, &size);
	say("  which is %d", ntohs(name.sin_port));
	say("  by another: %s", result(bind(other, (struct sockaddr *)&b, sizeof(b))));
	close(other);
	say("  twice: %s", result(bind(fd, (struct sockaddr *)&a, sizeof(a))));
	say("  sent: %s", result(sendto(fd, echo, sizeof(echo), 0, (struct sockaddr *)&a, sizeof(a))));
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
	poll(&p, 1, 0);
	say("  poll: %x", p.revents);
	received(fd, 0);
	received(fd, 0);
	say("  nobody: %s", result(send(fd, echo, sizeof(echo), 0)));
	say("  connected: %s", result(connect(fd, (struct sockaddr *)&b, sizeof(b))));
	say("  sent: %s", result(send(fd, echo, sizeof(echo), 0)));
	received(fd, 0);
	say("  too short: %s", result(send(fd, echo, 7, 0)));
	echo[0] = 0;
	say("  a reply: %s", result(send(fd, echo, sizeof(echo), 0)));
	echo[0] = 8, echo[1] = 1;
	say("  a code: %s", result(send(fd, echo, sizeof(echo), 0)));
	echo[1] = 0;
	static char large[70000];
	say("  too long: %s", result(send(fd, large, sizeof(large), 0)));
	int on = 1;
	setsockopt(fd, SOL_IP, IP_RECVTTL, &on, sizeof(on));
	send(fd, echo, sizeof(echo), 0);
	char control[64];
	struct iovec v = {large, 100};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	say("  with its hops: %s", result(recvmsg(fd, &m, MSG_DONTWAIT)));
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	if (c)
		say("  level %d type %d: %d", c->cmsg_level, c->cmsg_type, *(int *)CMSG_DATA(c));
	say("  other protocols: %s %s", result(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMPV6)), result(socket(AF_INET, SOCK_STREAM, IPPROTO_ICMP)));
	close(fd);
}

static void v6(void)
{
	unsigned char echo[] = {128, 0, 0, 0, 0, 0, 0, 9, 's', 'i', 'x', 0};
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT}, b = a;
	b.sin6_port = htons(77);
	int fd = socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6), raw = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
	say("ICMPv6: %s %s", result(fd < 0 ? -1 : 0), result(raw < 0 ? -1 : 0));
	bind(fd, (struct sockaddr *)&b, sizeof(b));
	unsigned filter[8];
	memset(filter, 0xff, sizeof(filter));
	filter[128 / 32] &= ~(1u << 0 | 1u << 1);
	say("  filter: %s", result(setsockopt(raw, IPPROTO_ICMPV6, 1, filter, sizeof(filter))));
	say("  sent: %s", result(sendto(fd, echo, sizeof(echo), 0, (struct sockaddr *)&a, sizeof(a))));
	received(fd, 0);
	received(raw, 0);
	received(raw, 0);
	echo[4] = 1;
	say("  raw: %s", result(sendto(raw, echo, sizeof(echo), 0, (struct sockaddr *)&a, sizeof(a))));
	received(fd, 0);
	received(raw, 0);
	received(raw, 0);
	received(raw, 0);
	close(fd);
	close(raw);
}

static void raws(void)
{
	unsigned char echo[] = {8, 0, 0, 0, 0x12, 0x34, 0, 3, 'r', 'a', 'w', 0};
	struct sockaddr_in a = at("127.0.0.1", 0), name;
	socklen_t size = sizeof(name);
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), second = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	say("raw: %s, without a protocol %s", result(fd < 0 ? -1 : 0), result(socket(AF_INET, SOCK_RAW, 0)));
	getsockname(fd, (struct sockaddr *)&name, &size);
	say("  its port %d", ntohs(name.sin_port));
	say("  a wrong sum: %s", result(sendto(fd, echo, sizeof(echo), 0, (struct sockaddr *)&a, sizeof(a))));
	received(fd, 20);
	received(fd, 20);
	add_sum(echo, sizeof(echo));
	say("  the right one: %s", result(sendto(fd, echo, sizeof(echo), 0, (struct sockaddr *)&a, sizeof(a))));
	received(fd, 20);
	received(fd, 20);
	received(fd, 20);
	while (recv(second, &name, sizeof(name), MSG_DONTWAIT) > 0)
		;
	unsigned filter = ~(1u << ICMP_ECHOREPLY), got = 0;
	say("  replies alone: %s", result(setsockopt(fd, SOL_RAW, 1, &filter, sizeof(filter))));
	size = sizeof(got);
	getsockopt(fd, SOL_RAW, 1, &got, &size);
	say("  filter %x, size %d", got, size);
	struct sockaddr_in elsewhere = at("127.0.0.2", 0);
	bind(second, (struct sockaddr *)&elsewhere, sizeof(elsewhere));
	sendto(fd, echo, sizeof(echo), 0, (struct sockaddr *)&elsewhere, sizeof(elsewhere));
	received(fd, 20);
	received(fd, 20);
	received(second, 20);
	received(second, 20);
	pid_t pid = fork();
	if (pid == 0) {
		if (setresuid(1234, 1234, 1234) == 0)
			say("  as another: %s", result(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)));
		_exit(0);
	}
	wait_for(pid);
	close(fd);
	close(second);
}

/* ---- TIME_WAIT ---- */

static int listener(int port, int reuse)
{
	struct sockaddr_in a = at("127.0.0.1", port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, 5) != 0) {
		int err = errno;
		close(fd);
		errno = err;
		return -1;
	}
	return fd;
}

static void try_listen(int port, int reuse)
{
	int fd = listener(port, reuse);
	say("    listen %s SO_REUSEADDR: %s", reuse ? "with" : "without", result(fd < 0 ? -1 : 0));
	close(fd);
}

/* The states of all that has this port at one of its ends. */
static void states(int port)
{
	char line[256], text[128] = "";
	int seen[16] = {0};
	FILE *f = fopen("/proc/net/tcp", "r");
	while (f && fgets(line, sizeof(line), f)) {
		unsigned local, remote, state, timer;
		if (sscanf(line, " %*d: %*x:%x %*x:%x %x %*x:%*x %x", &local, &remote, &state, &timer) == 4 &&
		    ((int)local == port || (int)remote == port))
			seen[state & 15]++;
	}
	if (f)
		fclose(f);
	for (int i = 0; i < 16; i++)
		if (seen[i])
			sprintf(text + strlen(text), " %X x%d", (unsigned)i, seen[i]);
	say("    states:%s", text);
}

enum how { SERVER_FIRST, CLIENT_FIRST, UNREAD, SHUT, HALF, BROKEN };

static void over(int port, int reuse, enum how how)
{
	static const char *const names[] = {"the server closes first", "the client closes first", "bytes unread",
					    "shut down, both open", "half", "half, then written to"};
	struct sockaddr_in a = at("127.0.0.1", port);
	int l = listener(port, reuse), c = socket(AF_INET, SOCK_STREAM, 0);
	say("  %s, %s SO_REUSEADDR: %s", names[how], reuse ? "with" : "without", result(l < 0 ? -1 : 0));
	connect(c, (struct sockaddr *)&a, sizeof(a));
	int s = accept(l, NULL, NULL);
	close(l);
	switch (how) {
	case SERVER_FIRST: close(s), close(c); break;
	case CLIENT_FIRST: close(c), close(s); break;
	case UNREAD:
		if (write(c, "x", 1) == 1)
			close(s), close(c);
		break;
	case SHUT:
		shutdown(s, SHUT_WR);
		shutdown(c, SHUT_WR);
		states(port);
		close(s), close(c);
		break;
	default: close(s); break;
	}
	usleep(60000); /* an acknowledgement may be late */
	states(port);
	try_listen(port, 0);
	try_listen(port, 1);
	if (how == HALF) {
		close(c);
		usleep(60000);
		states(port);
	} else if (how == BROKEN) {
		signal(SIGPIPE, SIG_IGN);
		say("    write: %s", result(write(c, "x", 1)));
		usleep(1000);
		say("    write: %s", result(write(c, "x", 1)));
		states(port);
		close(c);
	}
}

static void waits(void)
{
	say("connections that are over");
	over(PORT, 0, SERVER_FIRST);
	over(PORT + 1, 1, SERVER_FIRST);
	over(PORT + 2, 0, CLIENT_FIRST);
	over(PORT + 3, 0, UNREAD);
	over(PORT + 4, 1, SHUT);
	over(PORT + 5, 1, HALF);
	over(PORT + 6, 1, BROKEN);
	/* The same ends again. */
	struct sockaddr_in from = at("127.0.0.1", PORT + 20), to = at("127.0.0.1", PORT + 21);
	int l = listener(PORT + 21, 1), on = 1;
	for (int i = 0; i < 3; i++) {
		int c = socket(AF_INET, SOCK_STREAM, 0);
		setsockopt(c, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		say("  from a port: %s", result(bind(c, (struct sockaddr *)&from, sizeof(from))));
		int r = connect(c, (struct sockaddr *)&to, sizeof(to));
		say("  connect: %s", result(r));
		close(c);
		if (r == 0)
			close(accept(l, NULL, NULL));
		if (i)
			usleep(1100000);
	}
	close(l);
}

/* ---- Lists ---- */

static void list(int family, int protocol, unsigned states_wanted)
{
	struct {
		struct nlmsghdr h;
		struct inet_diag_req_v2 r;
	} ask = {{sizeof(ask), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, 1, 0},
		 {.sdiag_family = (unsigned char)family, .sdiag_protocol = (unsigned char)protocol, .idiag_states = states_wanted}};
	static char bytes[65536] __attribute__((aligned(8)));
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG), done = 0;
	say("  family %d protocol %d states %x: %s", family, protocol, states_wanted, result(send(fd, &ask, sizeof(ask), 0)));
	while (!done) {
		int n = (int)recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n <= 0)
			break;
		for (struct nlmsghdr *h = (void *)bytes; NLMSG_OK(h, (unsigned)n); h = NLMSG_NEXT(h, n)) {
			struct inet_diag_msg *d = NLMSG_DATA(h);
			if (h->nlmsg_type == NLMSG_DONE)
				done = 1;
			else if (h->nlmsg_type == NLMSG_ERROR)
				say("    error %d", *(int *)NLMSG_DATA(h)), done = 1;
			else if (ntohs(d->id.idiag_sport) >= 6000 && ntohs(d->id.idiag_sport) < 6010)
				say("    family %d state %d port %d to %d, queues %u %u, inode %d", d->idiag_family, d->idiag_state,
				    ntohs(d->id.idiag_sport), ntohs(d->id.idiag_dport) ? 1 : 0, d->idiag_rqueue, d->idiag_wqueue, d->idiag_inode != 0);
		}
	}
	close(fd);
}

static void lists(void)
{
	say("lists");
	int l = listener(6000, 1), c = socket(AF_INET, SOCK_STREAM, 0), u = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in to = at("127.0.0.1", 6000), at_u = at("127.0.0.1", 6001);
	bind(u, (struct sockaddr *)&at_u, sizeof(at_u));
	connect(c, (struct sockaddr *)&to, sizeof(to));
	list(AF_INET, IPPROTO_TCP, 1 << 10);
	int s = accept(l, NULL, NULL);
	if (write(c, "four", 4) != 4)
		say("  write: %s", result(-1));
	list(AF_INET, IPPROTO_TCP, ~0u);
	list(AF_INET6, IPPROTO_TCP, ~0u);
	list(AF_INET, IPPROTO_UDP, ~0u);
	list(77, 0, ~0u);
	close(s);
	close(c);
	close(l);
	close(u);
}

/* ---- Groups ---- */

static int member(const char *ip, int port)
{
	struct sockaddr_in a = at(ip, port);
	int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	say("  bound to %s: %s", ip, result(bind(fd, (struct sockaddr *)&a, sizeof(a))));
	return fd;
}

static const char *got(int fd)
{
	static char text[4][64];
	static int i;
	char *t = text[i++ % 4];
	memset(t, 0, sizeof(text[0]));
	return recv(fd, t, sizeof(text[0]) - 1, MSG_DONTWAIT) < 0 ? "-" : t;
}

static void groups(void)
{
	enum { GROUP_PORT = 7000 };
	struct ip_mreq m = {.imr_multiaddr.s_addr = inet_addr("224.1.2.3")}, lo = m, other = m;
	struct sockaddr_in to = at("224.1.2.3", GROUP_PORT), from;
	lo.imr_interface.s_addr = inet_addr("127.0.0.1");
	other.imr_multiaddr.s_addr = inet_addr("10.0.0.1");
	other.imr_interface = lo.imr_interface;
	say("groups");
	int a = member("0.0.0.0", GROUP_PORT), b = member("224.1.2.3", GROUP_PORT), c = member("127.0.0.1", GROUP_PORT);
	int s = socket(AF_INET, SOCK_DGRAM, 0), t = socket(AF_INET, SOCK_STREAM, 0);
	say("  no interface: %s", result(setsockopt(a, SOL_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m))));
	say("  no group: %s", result(setsockopt(a, SOL_IP, IP_ADD_MEMBERSHIP, &other, sizeof(other))));
	say("  short: %s, of TCP: %s", result(setsockopt(a, SOL_IP, IP_ADD_MEMBERSHIP, &lo, 7)),
	    result(setsockopt(t, SOL_IP, IP_ADD_MEMBERSHIP, &lo, sizeof(lo))));
	say("  to send by no interface: %s", result(sendto(s, "x", 2, 0, (struct sockaddr *)&to, sizeof(to))));
	say("  by lo: %s", result(setsockopt(s, SOL_IP, IP_MULTICAST_IF, &lo.imr_interface, 4)));
	say("  by another: %s", result(setsockopt(s, SOL_IP, IP_MULTICAST_IF, &other.imr_multiaddr, 4)));
	struct in_addr by;
	socklen_t size = sizeof(by);
	getsockopt(s, SOL_IP, IP_MULTICAST_IF, &by, &size);
	say("  which is %s", inet_ntoa(by));
	say("  nobody is in it: %s", result(sendto(s, "none", 5, 0, (struct sockaddr *)&to, sizeof(to))));
	usleep(1000);
	say("  got %s", got(a));
	say("  joined: %s", result(setsockopt(a, SOL_IP, IP_ADD_MEMBERSHIP, &lo, sizeof(lo))));
	say("  again: %s", result(setsockopt(a, SOL_IP, IP_ADD_MEMBERSHIP, &lo, sizeof(lo))));
	say("  sent: %s", result(sendto(s, "one", 4, 0, (struct sockaddr *)&to, sizeof(to))));
	usleep(1000);
	size = sizeof(from);
	char text[16] = "";
	if (recvfrom(a, text, sizeof(text), MSG_DONTWAIT, (struct sockaddr *)&from, &size) > 0)
		say("  got %s from %s", text, inet_ntoa(from.sin_addr));
	say("  who has its address: %s", got(b));
	say("  who has another: %s", got(c));
	int off = 0, ttl = 9, on = 1;
	say("  all off: %s", result(setsockopt(b, SOL_IP, IP_MULTICAST_ALL, &off, sizeof(off))));
	setsockopt(s, SOL_IP, IP_MULTICAST_LOOP, &off, sizeof(off));
	setsockopt(s, SOL_IP, IP_MULTICAST_TTL, &ttl, sizeof(ttl));
	setsockopt(a, SOL_IP, IP_RECVTTL, &on, sizeof(on));
	sendto(s, "two", 4, 0, (struct sockaddr *)&to, sizeof(to));
	usleep(1000);
	char control[64] = "";
	struct iovec v = {text, sizeof(text)};
	struct msghdr h = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	long n = recvmsg(a, &h, MSG_DONTWAIT);
	say("  got %ld, hops %d", n, n > 0 ? *(int *)CMSG_DATA(CMSG_FIRSTHDR(&h)) : -1);
	say("  who is in none: %s", got(b));
	say("  connected: %s", result(connect(s, (struct sockaddr *)&to, sizeof(to))));
	say("  sent: %s", result(send(s, "three", 6, 0)));
	usleep(1000);
	say("  got %s", got(a));
	say("  left: %s", result(setsockopt(a, SOL_IP, IP_DROP_MEMBERSHIP, &lo, sizeof(lo))));
	say("  again: %s", result(setsockopt(a, SOL_IP, IP_DROP_MEMBERSHIP, &lo, sizeof(lo))));
	send(s, "four", 5, 0);
	usleep(1000);
	say("  got %s", got(a));
	for (n = 0; n < 30; n++) {
		lo.imr_multiaddr.s_addr = htonl(0xe0010000u + (unsigned)n);
		if (setsockopt(a, SOL_IP, IP_ADD_MEMBERSHIP, &lo, sizeof(lo)) != 0)
			break;
	}
	say("  of %ld: %s", n, result(-1));
	close(a), close(b), close(c), close(s), close(t);

	struct ipv6_mreq m6 = {.ipv6mr_interface = 1};
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(GROUP_PORT)}, to6 = any;
	inet_pton(AF_INET6, "ff05::77", &m6.ipv6mr_multiaddr);
	to6.sin6_addr = m6.ipv6mr_multiaddr;
	int one = 1, two = 2;
	a = socket(AF_INET6, SOCK_DGRAM, 0);
	s = socket(AF_INET6, SOCK_DGRAM, 0);
	bind(a, (struct sockaddr *)&any, sizeof(any));
	say("  IPv6: %s", result(setsockopt(a, SOL_IPV6, IPV6_ADD_MEMBERSHIP, &m6, sizeof(m6))));
	say("  again: %s", result(setsockopt(a, SOL_IPV6, IPV6_ADD_MEMBERSHIP, &m6, sizeof(m6))));
	say("  by lo: %s, by another: %s", result(setsockopt(s, SOL_IPV6, IPV6_MULTICAST_IF, &one, sizeof(one))),
	    result(setsockopt(s, SOL_IPV6, IPV6_MULTICAST_IF, &two, sizeof(two))));
	say("  sent: %s", result(sendto(s, "six", 4, 0, (struct sockaddr *)&to6, sizeof(to6))));
	usleep(1000);
	say("  got %s", got(a));
	say("  left: %s", result(setsockopt(a, SOL_IPV6, IPV6_DROP_MEMBERSHIP, &m6, sizeof(m6))));
	sendto(s, "seven", 6, 0, (struct sockaddr *)&to6, sizeof(to6));
	usleep(1000);
	say("  got %s", got(a));
	close(a), close(s);
}

/* ---- What is known of a connection ---- */

static void info(const char *what, int fd)
{
	struct tcp_info i = {0};
	socklen_t size = sizeof(i);
	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &size);
	say("  %s: state %d, waiting %u of %u, acked %llu, received %llu, sent %llu, with data %u and %u, size %u", what, i.tcpi_state,
	    i.tcpi_state == 10 ? i.tcpi_unacked : 0, i.tcpi_sacked, (unsigned long long)i.tcpi_bytes_acked, (unsigned long long)i.tcpi_bytes_received,
	    (unsigned long long)i.tcpi_bytes_sent, i.tcpi_data_segs_out, i.tcpi_data_segs_in, size);
}

static void informed(void)
{
	static char bytes[30000];
	say("what is known of a connection");
	int l = listener(6100, 1), c = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in to = at("127.0.0.1", 6100);
	info("new", c);
	info("listening", l);
	connect(c, (struct sockaddr *)&to, sizeof(to));
	usleep(1000);
	info("with one that waits", l);
	int s = accept(l, NULL, NULL);
	info("who called", c);
	info("who was called", s);
	if (write(c, bytes, 100) != 100 || (usleep(1000), read(s, bytes, 100)) != 100 || write(s, bytes, 30000) != 30000)
		say("  %s", result(-1));
	usleep(1000);
	info("who called", c);
	info("who was called", s);
	shutdown(s, SHUT_WR);
	usleep(60000);
	struct tcp_info i;
	socklen_t size = sizeof(i);
	getsockopt(s, IPPROTO_TCP, TCP_INFO, &i, &size);
	say("  states: %d", i.tcpi_state);
	getsockopt(c, IPPROTO_TCP, TCP_INFO, &i, &size);
	say("  and %d, MTU %u, segments of %u", i.tcpi_state, i.tcpi_pmtu, i.tcpi_advmss);
	close(s), close(c), close(l);
}

/* What /proc/net/sockstat counts, but for memory, and orphans, who are there for a moment. */
static void count(const char *when)
{
	char line[256], name[16];
	int inuse, tw, alloc;

	say("%s", when);
	for (int i = 0; i < 2; i++) {
		FILE *f = fopen(i ? "/proc/net/sockstat6" : "/proc/net/sockstat", "r");
		while (f && fgets(line, sizeof(line), f)) {
			if (sscanf(line, "TCP: inuse %d orphan %*d tw %d alloc %d", &inuse, &tw, &alloc) == 3)
				say("  TCP %d", inuse);
			else if (sscanf(line, "%15s %*s %d", name, &inuse) == 2)
				say("  %s %d", name, inuse);
		}
		if (f)
			fclose(f);
	}
}

static void counted(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(a);
	int fd[9] = {socket(AF_INET, SOCK_STREAM, 0),  socket(AF_INET, SOCK_STREAM, 0),	    socket(AF_INET6, SOCK_STREAM, 0),
		     socket(AF_INET, SOCK_DGRAM, 0),   socket(AF_INET6, SOCK_DGRAM, 0),	    socket(AF_INET, SOCK_RAW, IPPROTO_ICMP),
		     socket(AF_INET6, SOCK_RAW, 58), socket(AF_UNIX, SOCK_STREAM, 0), socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP)};

	count("sockets without a name");
	bind(fd[0], (struct sockaddr *)&a, sizeof(a));
	bind(fd[3], (struct sockaddr *)&a, sizeof(a));
	count("two with one");
	listen(fd[0], 5);
	listen(fd[2], 5);
	getsockname(fd[0], (struct sockaddr *)&a, &size);
	say("connect: %s", result(connect(fd[1], (struct sockaddr *)&a, sizeof(a))));
	count("two listen, one is connected, nobody accepted it");
	fd[8] = (close(fd[8]), accept(fd[0], NULL, NULL));
	count("somebody did");
	for (int i = 0; i < 9; i++)
		close(fd[i]);
	count("all closed");
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	if (unshare(CLONE_NEWNET) != 0 && errno != EINVAL) {
		say("no namespaces");
		return 0;
	}
	/* lo is down in a new network, and nobody may ping. */
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	ioctl(fd, SIOCSIFFLAGS, &lo);
	close(fd);
	fd = open("/proc/sys/net/ipv4/ping_group_range", O_WRONLY);
	if (write(fd, "0 2147483647", 12) < 0)
		close(fd);
	counted();
	datagrams();
	v6();
	raws();
	waits();
	lists();
	groups();
	informed();
	return 0;
}
