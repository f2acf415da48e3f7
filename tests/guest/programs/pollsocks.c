/* SPDX-License-Identifier: MIT */
/* What poll, select and epoll say of sockets of every kind, in each of their states. */
#include "polling.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

static char much[100000];

/* What loopback does is done a little later. */
static void settle(void)
{
	usleep(20000);
}

static int nonblocking(int family, int type)
{
	return socket(family, type | SOCK_NONBLOCK, 0);
}

static void drain(int fd)
{
	while (read(fd, much, sizeof(much)) > 0)
		;
}

static void fill(int fd, size_t size)
{
	while (write(fd, much, size) > 0)
		;
}

static void pair_of(const char *name, int type)
{
	int s[2];

	say("%s", name);
	socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, s);
	state("new", s[0]);
	write(s[1], "abc", 3);
	state("with bytes", s[0]);
	drain(s[0]);
	fill(s[0], 1000);
	state("full", s[0]);
	state("its peer", s[1]);
	read(s[1], much, 1000);
	state("a little less", s[0]);
	drain(s[1]);
	state("read", s[0]);
	write(s[1], "abc", 3);
	shutdown(s[1], SHUT_WR);
	state("the peer wrote and will write no more", s[0]);
	state("who did that", s[1]);
	drain(s[0]);
	state("read", s[0]);
	shutdown(s[0], SHUT_WR);
	state("no more either", s[0]);
	state("the peer", s[1]);
	close(s[0]), close(s[1]);
	socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, s);
	shutdown(s[0], SHUT_RD);
	state("reads no more", s[0]);
	state("its peer", s[1]);
	shutdown(s[0], SHUT_WR);
	state("nor writes", s[0]);
	state("its peer", s[1]);
	close(s[0]), close(s[1]);
	socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, s);
	write(s[1], "abc", 3);
	close(s[1]);
	state("the peer wrote and left", s[0]);
	drain(s[0]);
	state("read", s[0]);
	close(s[0]);
	socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, s);
	write(s[0], "abc", 3);
	close(s[1]);
	state("the peer left what it was told", s[0]);
	drain(s[0]);
	state("the error is told", s[0]);
	close(s[0]);
	socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, s);
	fill(s[0], 1000);
	close(s[1]);
	state("full, and the peer left", s[0]);
	close(s[0]);
}

static struct sockaddr_un path_of(const char *name)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	strcpy(a.sun_path, name);
	return a;
}

static void unix_listeners(const char *name, int type)
{
	int l = nonblocking(AF_UNIX, type), c = nonblocking(AF_UNIX, type), late = nonblocking(AF_UNIX, type);
	struct sockaddr_un a = path_of("listener");

	say("%s", name);
	state("new", l);
	bind(l, (struct sockaddr *)&a, sizeof(a));
	state("bound", l);
	say("  refused: %s", result(connect(c, (struct sockaddr *)&a, sizeof(a))));
	state("refused", c);
	listen(l, 0);
	state("listens", l);
	say("  connect: %s", result(connect(c, (struct sockaddr *)&a, sizeof(a))));
	state("one came", l);
	state("who came", c);
	say("  no room: %s", result(connect(late, (struct sockaddr *)&a, sizeof(a))));
	state("no room", late);
	write(c, "abc", 3);
	int s = accept4(l, NULL, NULL, SOCK_NONBLOCK);
	state("was let in", l);
	state("with bytes", s);
	close(s);
	state("it was left", c);
	connect(late, (struct sockaddr *)&a, sizeof(a));
	state("another", late);
	shutdown(l, SHUT_RD);
	state("listens no more", l);
	close(l);
	state("nobody let it in", late);
	close(c), close(late);
	unlink("listener");
}

static void unix_datagrams(void)
{
	int to = nonblocking(AF_UNIX, SOCK_DGRAM), from = nonblocking(AF_UNIX, SOCK_DGRAM);
	struct sockaddr_un a = path_of("datagrams");

	say("unix datagrams by name");
	state("new", to);
	bind(to, (struct sockaddr *)&a, sizeof(a));
	state("bound", to);
	connect(from, (struct sockaddr *)&a, sizeof(a));
	state("connected", from);
	write(from, "", 0);
	state("nothing is a datagram", to);
	drain(to);
	read(to, much, 10);
	fill(from, 10);
	state("its queue is full", from);
	state("whose queue it is", to);
	drain(to);
	state("read", from);
	close(to);
	state("nobody there", from);
	write(from, "abc", 3);
	state("and told so", from);
	close(from);
	unlink("datagrams");
}

static struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int bound(int type, struct sockaddr_in *ret_address)
{
	int s = nonblocking(AF_INET, type);
	struct sockaddr_in a = loopback(0);
	socklen_t size = sizeof(a);

	bind(s, (struct sockaddr *)&a, sizeof(a));
	getsockname(s, (struct sockaddr *)ret_address, &size);
	return s;
}

/* Two ends that are connected; the first connected, the second was accepted. */
static void tcp_pair(int s[2])
{
	struct sockaddr_in a;
	int l = bound(SOCK_STREAM, &a);

	listen(l, 1);
	s[0] = nonblocking(AF_INET, SOCK_STREAM);
	connect(s[0], (struct sockaddr *)&a, sizeof(a));
	settle();
	s[1] = accept4(l, NULL, NULL, SOCK_NONBLOCK);
	close(l);
	settle();
}

static void tcp_begins(void)
{
	struct sockaddr_in a;
	int s = nonblocking(AF_INET, SOCK_STREAM), error;
	socklen_t size = sizeof(error);

	say("tcp begins");
	state("new", s);
	close(s);
	s = nonblocking(AF_INET, SOCK_STREAM);
	shutdown(s, SHUT_RDWR);
	state("shut down before that", s);
	close(s);
	int l = bound(SOCK_STREAM, &a), c = nonblocking(AF_INET, SOCK_STREAM);
	state("bound", l);
	say("  refused: %s", result(connect(c, (struct sockaddr *)&a, sizeof(a))));
	settle();
	state("refused", c);
	getsockopt(c, SOL_SOCKET, SO_ERROR, &error, &size);
	say("  %s", strerrorname_np(error));
	state("the error is told", c);
	listen(l, 3);
	state("listens", l);
	say("  connect: %s", result(connect(c, (struct sockaddr *)&a, sizeof(a))));
	settle();
	state("one came", l);
	state("who came", c);
	s = accept4(l, NULL, NULL, SOCK_NONBLOCK);
	state("was let in", l);
	state("let in", s);
	shutdown(l, SHUT_RD);
	settle();
	state("listens no more", l);
	close(l), close(c), close(s);
}

static void tcp_ends(void)
{
	int s[2];
	struct linger hard = {1, 0};

	say("tcp ends");
	tcp_pair(s);
	state("connected", s[0]);
	write(s[1], "abc", 3);
	settle();
	state("with bytes", s[0]);
	drain(s[0]);
	shutdown(s[1], SHUT_WR);
	settle();
	state("the peer writes no more", s[0]);
	state("who does not", s[1]);
	shutdown(s[0], SHUT_WR);
	settle();
	state("nor do I", s[0]);
	state("the peer", s[1]);
	close(s[0]), close(s[1]);

	tcp_pair(s);
	shutdown(s[0], SHUT_RD);
	settle();
	state("reads no more", s[0]);
	state("its peer", s[1]);
	write(s[1], "abc", 3);
	settle();
	state("and is written to", s[0]);
	close(s[0]), close(s[1]);

	tcp_pair(s);
	write(s[1], "abc", 3);
	close(s[1]);
	settle();
	state("the peer wrote and left", s[0]);
	write(s[0], "abc", 3);
	settle();
	state("and was written to", s[0]);
	say("  read: %s", result(read(s[0], much, 10)));
	state("read", s[0]);
	say("  read: %s", result(read(s[0], much, 10)));
	state("read again", s[0]);
	close(s[0]);

	tcp_pair(s);
	setsockopt(s[1], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(s[1]);
	settle();
	state("reset", s[0]);
	say("  read: %s", result(read(s[0], much, 10)));
	state("the error is told", s[0]);
	close(s[0]);

	tcp_pair(s);
	write(s[0], "abc", 3);
	settle();
	close(s[1]);
	settle();
	state("the peer left what it was told", s[0]);
	close(s[0]);

	tcp_pair(s);
	shutdown(s[0], SHUT_RDWR);
	settle();
	state("shut down", s[0]);
	state("its peer", s[1]);
	close(s[1]);
	settle();
	state("and the peer left", s[0]);
	close(s[0]);
}

static void tcp_is_full(void)
{
	int s[2], few = 4096, low = 10;

	say("tcp is full");
	tcp_pair(s);
	setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &few, sizeof(few));
	for (int i = 0; i < 10; i++) {
		fill(s[0], 50000);
		settle();
	}
	state("full", s[0]);
	state("its peer", s[1]);
	for (int i = 0; i < 40; i++) {
		drain(s[1]);
		settle();
	}
	state("read", s[0]);
	setsockopt(s[1], SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low));
	write(s[0], "abc", 3);
	settle();
	state("fewer than are waited for", s[1]);
	write(s[0], "and more than that", 18);
	settle();
	state("as many as are waited for", s[1]);
	close(s[0]), close(s[1]);
}

static void udp(void)
{
	struct sockaddr_in a;
	int s = nonblocking(AF_INET, SOCK_DGRAM), error;
	socklen_t size = sizeof(error);

	say("udp");
	state("new", s);
	close(s);
	s = bound(SOCK_DGRAM, &a);
	state("bound", s);
	int c = nonblocking(AF_INET, SOCK_DGRAM);
	connect(c, (struct sockaddr *)&a, sizeof(a));
	state("connected", c);
	write(c, "abc", 3);
	settle();
	state("with bytes", s);
	drain(s);
	write(c, "", 0);
	settle();
	state("nothing is a datagram", s);
	say("  read: %s", result(read(s, much, 10)));
	state("read", s);
	shutdown(c, SHUT_RD);
	state("reads no more", c);
	shutdown(c, SHUT_WR);
	state("nor writes", c);
	close(s), close(c);
	close(bound(SOCK_DGRAM, &a));
	c = nonblocking(AF_INET, SOCK_DGRAM);
	connect(c, (struct sockaddr *)&a, sizeof(a));
	write(c, "abc", 3);
	settle();
	state("nobody there", c);
	getsockopt(c, SOL_SOCKET, SO_ERROR, &error, &size);
	say("  %s", strerrorname_np(error));
	state("the error is told", c);
	close(c);
}

int main(void)
{
	char place[] = "/tmp/pollsocks.XXXXXX";

	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(place) || chdir(place) != 0)
		return 1;
	pair_of("a pair of streams", SOCK_STREAM);
	pair_of("a pair of datagrams", SOCK_DGRAM);
	pair_of("a pair of packets", SOCK_SEQPACKET);
	unix_listeners("unix streams by name", SOCK_STREAM);
	unix_listeners("unix packets by name", SOCK_SEQPACKET);
	unix_datagrams();
	tcp_begins();
	tcp_ends();
	tcp_is_full();
	udp();
	rmdir(place);
	return 0;
}
