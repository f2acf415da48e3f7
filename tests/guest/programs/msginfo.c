/* SPDX-License-Identifier: MIT */
/* msginfo.c - what comes beside a message: when, where to, through how many hops; and looking at it twice */
#include "guest.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

static void on(int fd, int level, int name, int value, const char *what)
{
	int got = -1;
	socklen_t size = sizeof(got);
	long r = setsockopt(fd, level, name, &value, sizeof(value));
	say("%s %d: %s", what, value, result(r));
	r = getsockopt(fd, level, name, &got, &size);
	say("  it is %d: %s", got, result(r));
}

static void receive(int fd, size_t room)
{
	char text[64] = "", control[512], name[INET6_ADDRSTRLEN];
	struct iovec iov = {text, sizeof(text)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = room};
	struct timespec now;
	long r = recvmsg(fd, &m, MSG_DONTWAIT);
	say("received %s '%s', flags %x", result(r), text, (unsigned)m.msg_flags);
	clock_gettime(CLOCK_REALTIME, &now);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		struct in_pktinfo four;
		struct in6_pktinfo six;
		long time[2];
		int number = 0;
		say("  level %d type %d length %zu", c->cmsg_level, c->cmsg_type, (size_t)c->cmsg_len - sizeof(*c));
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO && c->cmsg_len >= CMSG_LEN(sizeof(four))) {
			memcpy(&four, CMSG_DATA(c), sizeof(four));
			say("  to %s on %d", inet_ntop(AF_INET, &four.ipi_addr, name, sizeof(name)), four.ipi_ifindex);
			say("  %s", inet_ntop(AF_INET, &four.ipi_spec_dst, name, sizeof(name)));
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO && c->cmsg_len >= CMSG_LEN(sizeof(six))) {
			memcpy(&six, CMSG_DATA(c), sizeof(six));
			say("  to %s on %d", inet_ntop(AF_INET6, &six.ipi6_addr, name, sizeof(name)), six.ipi6_ifindex);
		} else if (c->cmsg_level == SOL_SOCKET && c->cmsg_len == CMSG_LEN(sizeof(time))) {
			memcpy(time, CMSG_DATA(c), sizeof(time));
			say("  now: %d", time[0] == now.tv_sec || time[0] + 1 == now.tv_sec);
			say("  %d", c->cmsg_type == SCM_TIMESTAMP ? time[1] < 1000000 : time[1] < 1000000000);
		} else if (c->cmsg_level != SOL_SOCKET) {
			size_t n = c->cmsg_len - CMSG_LEN(0);
			memcpy(&number, CMSG_DATA(c), n < sizeof(number) ? n : sizeof(number));
			say("  %d", number);
		}
	}
}

static void give(int fd, int level, int type, const void *data, size_t size, const struct sockaddr *to, socklen_t to_size)
{
	char text[] = "with";
	_Alignas(8) char control[128] = {0};
	struct iovec iov = {text, 4};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(size),
			   .msg_name = (void *)(unsigned long)to, .msg_namelen = to_size};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(c), data, size);
	say("sent with %d %d: %s", level, type, result(sendmsg(fd, &m, 0)));
}

static void v4(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t size = sizeof(a);
	int r = socket(AF_INET, SOCK_DGRAM, 0), w = socket(AF_INET, SOCK_DGRAM, 0), value = 7;
	bind(r, (struct sockaddr *)&a, sizeof(a));
	getsockname(r, (struct sockaddr *)&a, &size);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 4);
	sendto(w, "plain", 5, 0, (struct sockaddr *)&a, size);
	receive(r, 512);
	on(r, IPPROTO_IP, IP_PKTINFO, 1, "pktinfo");
	on(r, IPPROTO_IP, IP_RECVTTL, 1, "ttl");
	on(r, IPPROTO_IP, IP_RECVTOS, 1, "tos");
	sendto(w, "all", 3, 0, (struct sockaddr *)&a, size);
	receive(r, 512);
	on(r, SOL_SOCKET, SO_TIMESTAMP, 1, "timestamp");
	on(w, IPPROTO_IP, IP_TTL, 9, "ttl of the sender");
	sendto(w, "timed", 5, 0, (struct sockaddr *)&a, size);
	receive(r, 512);
	on(r, SOL_SOCKET, SO_TIMESTAMPNS, 1, "timestampns");
	on(r, IPPROTO_IP, IP_PKTINFO, 0, "pktinfo");
	sendto(w, "finely", 6, 0, (struct sockaddr *)&a, size);
	receive(r, 512);
	sendto(w, "cut", 3, 0, (struct sockaddr *)&a, size);
	receive(r, 40);
	give(w, IPPROTO_IP, IP_TTL, &value, 4, (struct sockaddr *)&a, size);
	receive(r, 512);
	value = 0;
	give(w, IPPROTO_IP, IP_TTL, &value, 4, (struct sockaddr *)&a, size);
	give(w, IPPROTO_IP, 99, &value, 4, (struct sockaddr *)&a, size);
	value = 16;
	give(w, IPPROTO_IP, IP_TOS, &value, 1, (struct sockaddr *)&a, size);
	receive(r, 512);
	struct in_pktinfo from = {.ipi_spec_dst.s_addr = htonl(INADDR_LOOPBACK + 8)};
	give(w, IPPROTO_IP, IP_PKTINFO, &from, sizeof(from), (struct sockaddr *)&a, size);
	struct sockaddr_in source;
	char text[8], name[32];
	size = sizeof(source);
	recvfrom(r, text, sizeof(text), 0, (struct sockaddr *)&source, &size);
	say("from %s", inet_ntop(AF_INET, &source.sin_addr, name, sizeof(name)));
	give(w, IPPROTO_IP, IP_PKTINFO, &from, 3, (struct sockaddr *)&a, sizeof(a));
	from.ipi_ifindex = 99;
	give(w, IPPROTO_IP, IP_PKTINFO, &from, sizeof(from), (struct sockaddr *)&a, sizeof(a));
	close(r);
	close(w);
}

static void v6(void)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6};
	socklen_t size = sizeof(a);
	int r = socket(AF_INET6, SOCK_DGRAM, 0), w = socket(AF_INET6, SOCK_DGRAM, 0), value = 5;
	bind(r, (struct sockaddr *)&a, sizeof(a));
	getsockname(r, (struct sockaddr *)&a, &size);
	a.sin6_addr = in6addr_loopback;
	on(r, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, "pktinfo");
	on(r, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1, "hops");
	on(r, IPPROTO_IPV6, IPV6_RECVTCLASS, 1, "class");
	sendto(w, "six", 3, 0, (struct sockaddr *)&a, size);
	receive(r, 512);
	give(w, IPPROTO_IPV6, IPV6_HOPLIMIT, &value, 4, (struct sockaddr *)&a, size);
	receive(r, 512);
	value = 300;
	give(w, IPPROTO_IPV6, IPV6_HOPLIMIT, &value, 4, (struct sockaddr *)&a, size);
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &a.sin6_addr);
	sendto(w, "mapped", 6, 0, (struct sockaddr *)&a, size);
	receive(r, 512);
	close(r);
	close(w);
}

static void peek(int fd, size_t size)
{
	char text[32] = "";
	int at = -9;
	socklen_t n = sizeof(at);
	long r = recv(fd, text, size, MSG_PEEK | MSG_DONTWAIT);
	getsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &at, &n);
	say("peek %zu: %s '%s', then at %d", size, result(r), text, at);
}

static void offsets(int domain, int type)
{
	int s[2], at = -9;
	char text[32] = "";
	socklen_t n = sizeof(at);
	say("family %d type %d", domain, type);
	socketpair(domain, type, 0, s);
	peek(s[1], 1);
	on(s[1], SOL_SOCKET, SO_PEEK_OFF, 2, "peek from");
	send(s[0], "abcde", 5, 0);
	send(s[0], "fghij", 5, 0);
	peek(s[1], 2);
	peek(s[1], 2);
	peek(s[1], 20);
	peek(s[1], 20);
	long r = recv(s[1], text, 4, 0);
	getsockopt(s[1], SOL_SOCKET, SO_PEEK_OFF, &at, &n);
	say("recv %s '%s', then at %d", result(r), text, at);
	on(s[1], SOL_SOCKET, SO_PEEK_OFF, 0, "peek from");
	peek(s[1], 20);
	on(s[1], SOL_SOCKET, SO_PEEK_OFF, -1, "peek from");
	peek(s[1], 3);
	peek(s[1], 3);
	close(s[0]);
	close(s[1]);
}

static void peer(void)
{
	int s[2], fd = -1;
	socklen_t n = sizeof(fd);
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	long r = getsockopt(s[0], SOL_SOCKET, SO_PEERPIDFD, &fd, &n);
	say("peerpidfd: %s, %u bytes, signal 0: %s", result(r < 0 ? r : 0), n, result(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0)));
	say("closes on exec: %d", fcntl(fd, F_GETFD));
	int u = socket(AF_UNIX, SOCK_STREAM, 0), t = socket(AF_INET, SOCK_STREAM, 0);
	say("no peer: %s", result(getsockopt(u, SOL_SOCKET, SO_PEERPIDFD, &fd, &n)));
	say("tcp: %s", result(getsockopt(t, SOL_SOCKET, SO_PEERPIDFD, &fd, &n)));
	say("nowhere: %s", result(getsockopt(s[0], SOL_SOCKET, SO_PEERPIDFD, (void *)8, &n)));
}

static void of_unix(void)
{
	int s[2];
	socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
	on(s[1], SOL_SOCKET, SO_TIMESTAMP, 1, "timestamp");
	send(s[0], "timed", 5, 0);
	receive(s[1], 512);
}

int main(void)
{
	v4();
	v6();
	offsets(AF_UNIX, SOCK_STREAM);
	offsets(AF_UNIX, SOCK_DGRAM);
	offsets(AF_UNIX, SOCK_SEQPACKET);
	peer();
	of_unix();
	return 0;
}
