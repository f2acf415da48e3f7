/* SPDX-License-Identifier: MIT */
/* UDP within one machine: who gets a datagram, who is told that nobody does. */
#include "guest.h"
#include "sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static struct sockaddr_in v4(const char *ip, in_port_t p)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = p};

	inet_pton(AF_INET, ip, &a.sin_addr);
	return a;
}

static int udp(const char *ip)
{
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in a = v4(ip, 0);

	if (bind(s, (struct sockaddr *)&a, sizeof(a)) != 0)
		say("bind %s: %s", ip, strerrorname_np(errno));
	return s;
}

static in_port_t port_of(int s)
{
	struct sockaddr_in6 a;
	socklen_t n = sizeof(a);

	getsockname(s, (struct sockaddr *)&a, &n);
	return a.sin6_port;
}

static long to4(int s, const char *text, size_t size, const char *ip, in_port_t p)
{
	struct sockaddr_in a = v4(ip, p);

	return sendto(s, text, size, MSG_NOSIGNAL, (struct sockaddr *)&a, sizeof(a));
}

static long connect4(int s, const char *ip, in_port_t p)
{
	struct sockaddr_in a = v4(ip, p);

	return connect(s, (struct sockaddr *)&a, sizeof(a));
}

static void take(const char *what, int s, in_port_t from)
{
	char b[32] = "", ip[64] = "";
	union {
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a;
	socklen_t n = sizeof(a);
	long r = recvfrom(s, b, sizeof(b), MSG_DONTWAIT, (struct sockaddr *)&a, &n);

	if (r < 0) {
		say("%s: %s", what, result(r));
		return;
	}
	if (a.v4.sin_family == AF_INET)
		inet_ntop(AF_INET, &a.v4.sin_addr, ip, sizeof(ip));
	else
		inet_ntop(AF_INET6, &a.v6.sin6_addr, ip, sizeof(ip));
	say("%s: \"%.*s\" from %s, its port: %d", what, (int)r, b, ip, a.v4.sin_port == from);
}

static void datagrams(void)
{
	int a = udp("127.0.0.1"), b = socket(AF_INET, SOCK_DGRAM, 0), c = udp("0.0.0.0"), n = -1;
	char bytes[8];
	static char big[65508];

	say("a new one: %s", events(b));
	say("send to nobody: %s", result(send(b, "x", 1, 0)));
	say("sendto: %s", result(to4(b, "one", 3, "127.0.0.1", port_of(a))));
	say("has a port now: %d", port_of(b) != 0);
	say("an empty one: %s", result(to4(b, "", 0, "127.0.0.1", port_of(a))));
	say("another: %s", result(to4(c, "three", 5, "127.0.0.1", port_of(a))));
	say("%s", events(a));
	ioctl(a, FIONREAD, &n);
	say("waiting: %d", n);
	take("first", a, port_of(b));
	take("second", a, port_of(b));
	take("third", a, port_of(c));
	take("nothing", a, 0);
	to4(b, "longer", 6, "127.0.0.1", port_of(a));
	say("peek, cut: %s", result(recv(a, bytes, 2, MSG_PEEK | MSG_TRUNC)));
	say("cut: %s", result(recv(a, bytes, 2, 0)));
	take("the rest is lost", a, 0);
	say("to any: %s", result(to4(b, "any", 3, "0.0.0.0", port_of(c))));
	take("it came", c, port_of(b));
	say("the largest: %s", result(to4(b, big, 65507, "127.0.0.1", port_of(a))));
	say("larger: %s", result(to4(b, big, 65508, "127.0.0.1", port_of(a))));
	say("it came: %s", result(recv(a, big, sizeof(big), MSG_DONTWAIT)));
	say("port 0: %s", result(to4(b, "x", 1, "127.0.0.1", 0)));
	say("a short name: %s", result(sendto(b, "x", 1, 0, (struct sockaddr *)&(struct sockaddr){.sa_family = AF_INET}, 8)));
	say("listen: %s", result(listen(a, 1)));
	say("accept: %s", result(accept(a, NULL, NULL)));
	close(a);
	close(b);
	close(c);
}

static void connected(void)
{
	int a = udp("127.0.0.1"), b = udp("127.0.0.1"), c = udp("127.0.0.1");
	char bytes[8];
	in_port_t gone = port_of(c);

	say("connect: %s", result(connect4(a, "127.0.0.1", port_of(b))));
	say("send: %s", result(send(a, "x", 1, 0)));
	take("it came", b, port_of(a));
	say("from another: %s", result(to4(c, "no", 2, "127.0.0.1", port_of(a))));
	take("is not for it", a, 0);
	say("from its peer: %s", result(to4(b, "yes", 3, "127.0.0.1", port_of(a))));
	take("is", a, port_of(b));
	say("to another: %s", result(to4(a, "x", 1, "127.0.0.1", port_of(c))));
	take("it came", c, port_of(a));
	close(c);
	say("connect elsewhere: %s", result(connect4(a, "127.0.0.1", gone)));
	say("nobody is there: %s", result(send(a, "x", 1, 0)));
	say("%s", events(a));
	say("it is told: %s", result(send(a, "x", 1, 0)));
	say("and works again: %s", result(send(a, "x", 1, 0)));
	say("recv tells too: %s", result(recv(a, bytes, 8, MSG_DONTWAIT)));
	say("once: %s", result(recv(a, bytes, 8, MSG_DONTWAIT)));
	say("disconnect: %s", result(connect(a, (struct sockaddr *)&(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof(struct sockaddr))));
	say("send: %s", result(send(a, "x", 1, 0)));
	say("not connected, not told: %s", result(to4(a, "x", 1, "127.0.0.1", gone)));
	say("not told: %s", result(recv(a, bytes, 8, MSG_DONTWAIT)));
	say("shutdown: %s", result(shutdown(a, SHUT_RDWR)));
	connect4(b, "127.0.0.1", port_of(a));
	say("shutdown: %s", result(shutdown(b, SHUT_RD)));
	say("%s", events(b));
	say("recv: %s", result(recv(b, bytes, 1, 0)));
	say("shutdown: %s", result(shutdown(b, SHUT_WR)));
	say("send: %s", result(send(b, "x", 1, MSG_NOSIGNAL)));
	close(a);
	close(b);
}

static void ports(void)
{
	int a = udp("127.0.0.1"), b = socket(AF_INET, SOCK_DGRAM, 0), c, on = 1;
	in_port_t p = port_of(a);
	struct sockaddr_in at = v4("127.0.0.1", p);
	struct sockaddr_in6 six = {.sin6_family = AF_INET6}, mapped = {.sin6_family = AF_INET6};

	say("taken: %s", result(bind(b, (struct sockaddr *)&at, sizeof(at))));
	setsockopt(b, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	say("one alone reuses: %s", result(bind(b, (struct sockaddr *)&at, sizeof(at))));
	setsockopt(a, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	say("both do: %s", result(bind(b, (struct sockaddr *)&at, sizeof(at))));
	close(b);
	close(a);
	a = socket(AF_INET6, SOCK_DGRAM, 0);
	say("v6: %s", result(bind(a, (struct sockaddr *)&six, sizeof(six))));
	p = port_of(a);
	b = udp("127.0.0.1");
	say("v4 to v6: %s", result(to4(b, "four", 4, "127.0.0.1", p)));
	take("mapped", a, port_of(b));
	c = socket(AF_INET6, SOCK_DGRAM, 0);
	inet_pton(AF_INET6, "::1", &six.sin6_addr);
	six.sin6_port = p;
	say("v6 to v6: %s", result(sendto(c, "six", 3, 0, (struct sockaddr *)&six, sizeof(six))));
	take("as it is", a, port_of(c));
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr);
	mapped.sin6_port = port_of(b);
	say("v6 to v4: %s", result(sendto(c, "mapped", 6, 0, (struct sockaddr *)&mapped, sizeof(mapped))));
	take("as v4", b, port_of(c));
	close(a);
	close(b);
	close(c);
}

/* Several in one call. */
static void several(void)
{
	int a = udp("127.0.0.1"), b = udp("127.0.0.1");
	char text[4][8] = {"zero", "one", "two", "three"}, got[4][8] = {"", "", "", ""};
	struct iovec out[4], in[4];
	struct mmsghdr put[4] = {0}, take_[4] = {0};
	struct timespec no_time = {0, 0};

	connect4(b, "127.0.0.1", port_of(a));
	for (int i = 0; i < 4; i++) {
		out[i] = (struct iovec){text[i], strlen(text[i])};
		in[i] = (struct iovec){got[i], 8};
		put[i].msg_hdr = (struct msghdr){.msg_iov = &out[i], .msg_iovlen = 1};
		take_[i].msg_hdr = (struct msghdr){.msg_iov = &in[i], .msg_iovlen = 1};
	}
	say("sendmmsg: %s", result(sendmmsg(b, put, 3, 0)));
	say("lengths %u %u %u", put[0].msg_len, put[1].msg_len, put[2].msg_len);
	say("recvmmsg: %s", result(recvmmsg(a, take_, 2, 0, NULL)));
	say("%s %s, lengths %u %u", got[0], got[1], take_[0].msg_len, take_[1].msg_len);
	say("one: %s", result(recvmmsg(a, take_, 4, MSG_WAITFORONE, NULL)));
	say("%s", got[0]);
	say("none: %s", result(recvmmsg(a, take_, 4, MSG_DONTWAIT, &no_time)));
	send(b, "last", 4, 0);
	say("no time for more: %s", result(recvmmsg(a, take_, 4, 0, &no_time)));
	put[1].msg_hdr.msg_iov = (struct iovec *)8;
	say("the second is bad: %s", result(sendmmsg(b, put, 3, 0)));
	put[0].msg_hdr.msg_iov = (struct iovec *)8;
	say("the first is: %s", result(sendmmsg(b, put, 3, 0)));
	close(a);
	close(b);
}

int main(void)
{
	datagrams();
	connected();
	ports();
	several();
	return 0;
}
