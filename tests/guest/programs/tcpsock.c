/* SPDX-License-Identifier: MIT */
/* TCP within one machine: addresses, the queue of a listener, what each kind of end looks like. */
#include "guest.h"
#include "sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static in_port_t port; /* of the listener that is tried */

static struct sockaddr_in v4(const char *ip, in_port_t p)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = p};

	inet_pton(AF_INET, ip, &a.sin_addr);
	return a;
}

static struct sockaddr_in6 v6(const char *ip, in_port_t p)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = p};

	inet_pton(AF_INET6, ip, &a.sin6_addr);
	return a;
}

static long bind4(int s, const char *ip, in_port_t p)
{
	struct sockaddr_in a = v4(ip, p);

	return bind(s, (struct sockaddr *)&a, sizeof(a));
}

static long bind6(int s, const char *ip, in_port_t p)
{
	struct sockaddr_in6 a = v6(ip, p);

	return bind(s, (struct sockaddr *)&a, sizeof(a));
}

static long connect4(int s, const char *ip, in_port_t p)
{
	struct sockaddr_in a = v4(ip, p);

	return connect(s, (struct sockaddr *)&a, sizeof(a));
}

static long connect6(int s, const char *ip, in_port_t p)
{
	struct sockaddr_in6 a = v6(ip, p);

	return connect(s, (struct sockaddr *)&a, sizeof(a));
}

static in_port_t port_of(int s)
{
	struct sockaddr_in6 a;
	socklen_t n = sizeof(a);

	getsockname(s, (struct sockaddr *)&a, &n);
	return a.sin6_port; /* at the same place in both */
}

static void say_name(const char *what, int s, int peer)
{
	union {
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a;
	socklen_t n = sizeof(a);
	char ip[64] = "";
	long r = (peer ? getpeername : getsockname)(s, (struct sockaddr *)&a, &n);

	if (r != 0) {
		say("%s: %s", what, result(r));
		return;
	}
	if (a.v4.sin_family == AF_INET)
		inet_ntop(AF_INET, &a.v4.sin_addr, ip, sizeof(ip));
	else
		inet_ntop(AF_INET6, &a.v6.sin6_addr, ip, sizeof(ip));
	say("%s: %s, port %s, %d bytes", what, ip, a.v4.sin_port == port ? "listener's" : a.v4.sin_port ? "some" : "none", (int)n);
}

/* A connection: p[0] connected, p[1] accepted. */
static int pair(int p[2])
{
	int s = socket(AF_INET, SOCK_STREAM, 0);

	bind4(s, "127.0.0.1", 0);
	listen(s, 1);
	p[0] = socket(AF_INET, SOCK_STREAM, 0);
	connect4(p[0], "127.0.0.1", port_of(s));
	p[1] = accept(s, NULL, NULL);
	return close(s);
}

static void connections(void)
{
	int s = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0), d;
	char b[16];
	struct sockaddr_in a;
	socklen_t n = sizeof(a);

	say("a new one: %s", events(s));
	say("recv: %s", result(recv(s, b, 1, 0)));
	say("send: %s", result(send(s, b, 1, MSG_NOSIGNAL)));
	say("shutdown: %s", result(shutdown(s, SHUT_RD)));
	say_name("no name", s, 0);
	say_name("no peer", s, 1);
	say("bind: %s", result(bind4(s, "127.0.0.1", 0)));
	port = port_of(s);
	say("again: %s", result(bind4(s, "127.0.0.1", 0)));
	say("the same port: %s", result(bind4(c, "127.0.0.1", port)));
	say("of all: %s", result(bind4(c, "0.0.0.0", port)));
	say("not our address: %s", result(bind4(c, "8.8.8.8", 0)));
	say("connect before listen: %s", result(connect4(c, "127.0.0.1", port)));
	say("listen: %s", result(listen(s, 5)));
	say("connect of a listener: %s", result(connect4(s, "127.0.0.1", port)));
	say("listener: %s", events(s));
	say("recv: %s", result(recv(s, b, 1, 0)));
	close(c);
	c = socket(AF_INET, SOCK_STREAM, 0);
	say("connect: %s", result(connect4(c, "127.0.0.1", port)));
	say("again: %s", result(connect4(c, "127.0.0.1", port)));
	say("listener: %s", events(s));
	d = accept4(s, (struct sockaddr *)&a, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
	say("accepted from the client's port: %d", a.sin_port == port_of(c));
	say("cloexec %d", fcntl(d, F_GETFD));
	say_name("client", c, 0);
	say_name("its peer", c, 1);
	say_name("accepted", d, 0);
	say_name("its peer", d, 1);
	say("client: %s", events(c));
	say("send: %s", result(send(c, "hello", 5, 0)));
	say("accepted: %s", events(d));
	say("peek: %s", result(recv(d, b, 2, MSG_PEEK)));
	say("recv: %s", result(recv(d, b, sizeof(b), 0)));
	say("nothing: %s", result(recv(d, b, sizeof(b), 0)));
	say("shutdown: %s", result(shutdown(c, SHUT_WR)));
	say("client: %s", events(c));
	say("accepted: %s", events(d));
	say("recv: %s", result(recv(d, b, 1, 0)));
	say("send back: %s", result(send(d, "bye", 3, 0)));
	say("send: %s", result(send(c, "x", 1, MSG_NOSIGNAL)));
	say("recv: %s", result(recv(c, b, 16, 0)));
	say("shutdown too: %s", result(shutdown(d, SHUT_WR)));
	say("client: %s", events(c));
	say("accepted: %s", events(d));
	say_name("no peer", c, 1);
	close(c);
	close(d);
	close(s);
}

static void endings(void)
{
	int p[2];
	char b[8];
	struct linger l = {1, 0};

	pair(p);
	close(p[1]);
	say("closed: %s", events(p[0]));
	say("recv: %s", result(recv(p[0], b, 1, 0)));
	say("send to nobody: %s", result(send(p[0], "x", 1, MSG_NOSIGNAL)));
	say("then: %s", events(p[0]));
	say("send again: %s", result(send(p[0], "x", 1, MSG_NOSIGNAL)));
	say("recv: %s", result(recv(p[0], b, 1, 0)));
	close(p[0]);
	pair(p);
	send(p[0], "unread", 6, 0);
	close(p[1]);
	say("closed with bytes unread: %s", events(p[0]));
	say("recv: %s", result(recv(p[0], b, 1, 0)));
	say("recv: %s", result(recv(p[0], b, 1, 0)));
	say("send: %s", result(send(p[0], "x", 1, MSG_NOSIGNAL)));
	close(p[0]);
	pair(p);
	setsockopt(p[1], SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(p[1]);
	say("closed without linger: %s", events(p[0]));
	say("send: %s", result(send(p[0], "x", 1, MSG_NOSIGNAL)));
	say("send: %s", result(send(p[0], "x", 1, MSG_NOSIGNAL)));
	say("recv: %s", result(recv(p[0], b, 1, 0)));
	close(p[0]);
	pair(p);
	send(p[1], "left", 4, 0);
	close(p[1]);
	say("recv of what is left: %s", result(recv(p[0], b, 8, 0)));
	say("then: %s", result(recv(p[0], b, 8, 0)));
	close(p[0]);
	pair(p);
	say("shutdown of reading: %s", result(shutdown(p[0], SHUT_RD)));
	say("%s", events(p[0]));
	say("recv: %s", result(recv(p[0], b, 1, 0)));
	say("the other is not told: %s", events(p[1]));
	close(p[0]);
	close(p[1]);
}

static void sigpipe(void)
{
	int p[2];

	pair(p);
	shutdown(p[0], SHUT_WR);
	say("write says %s", result(write(p[0], "x", 1)));
}

static void without_waiting(void)
{
	int s = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), error;
	socklen_t n = sizeof(error);
	struct pollfd p;

	bind4(s, "127.0.0.1", 0);
	port = port_of(s);
	listen(s, 5);
	fcntl(s, F_SETFL, O_NONBLOCK);
	say("accept: %s", result(accept(s, NULL, NULL)));
	say("connect: %s", result(connect4(c, "127.0.0.1", port)));
	p = (struct pollfd){.fd = c, .events = POLLOUT};
	poll(&p, 1, 1000);
	say("%s", events(c));
	getsockopt(c, SOL_SOCKET, SO_ERROR, &error, &n);
	say("error: %d", error);
	say("again: %s", result(connect4(c, "127.0.0.1", port)));
	say("and again: %s", result(connect4(c, "127.0.0.1", port)));
	close(c);
	close(accept(s, NULL, NULL));
	close(s);
	c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	say("to nobody: %s", result(connect4(c, "127.0.0.1", port)));
	p.fd = c;
	poll(&p, 1, 1000);
	say("%s", events(c));
	getsockopt(c, SOL_SOCKET, SO_ERROR, &error, &n);
	say("error: %s", strerrorname_np(error));
	close(c);
	c = socket(AF_INET, SOCK_STREAM, 0);
	say("waiting: %s", result(connect4(c, "127.0.0.1", port)));
	say("%s", events(c));
	say_name("no peer", c, 1);
	close(c);
}

static void listener_closed(void)
{
	int s = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0);
	char b;

	bind4(s, "127.0.0.1", 0);
	listen(s, 5);
	connect4(c, "127.0.0.1", port_of(s));
	close(s);
	say("not accepted: %s", events(c));
	say("recv: %s", result(recv(c, &b, 1, 0)));
	close(c);
	s = socket(AF_INET, SOCK_STREAM, 0);
	say("listen without a name: %s", result(listen(s, 5)));
	say("a port was chosen: %d", port_of(s) != 0);
	close(s);
}

static void addresses(void)
{
	int s = socket(AF_INET6, SOCK_STREAM, 0), c, d, on = 1;

	say("bind ::: %s", result(bind6(s, "::", 0)));
	port = port_of(s);
	listen(s, 5);
	say_name("listener", s, 0);
	c = socket(AF_INET, SOCK_STREAM, 0);
	say("from v4: %s", result(connect4(c, "127.0.0.1", port)));
	d = accept(s, NULL, NULL);
	say_name("accepted", d, 0);
	say_name("client", c, 0);
	close(c);
	close(d);
	c = socket(AF_INET6, SOCK_STREAM, 0);
	say("from v6: %s", result(connect6(c, "::1", port)));
	d = accept(s, NULL, NULL);
	say_name("accepted", d, 0);
	say_name("client", c, 0);
	close(c);
	close(d);
	c = socket(AF_INET6, SOCK_STREAM, 0);
	say("mapped: %s", result(connect6(c, "::ffff:127.0.0.1", port)));
	d = accept(s, NULL, NULL);
	say_name("accepted", d, 0);
	say_name("client", c, 0);
	close(c);
	close(d);
	c = socket(AF_INET, SOCK_STREAM, 0);
	say("to any: %s", result(connect4(c, "0.0.0.0", port)));
	say_name("is this one", c, 1);
	close(c);
	close(accept(s, NULL, NULL));
	c = socket(AF_INET, SOCK_STREAM, 0);
	say("to another of 127: %s", result(connect4(c, "127.1.2.3", port)));
	say_name("peer", c, 1);
	say_name("own", c, 0);
	close(c);
	close(accept(s, NULL, NULL));
	c = socket(AF_INET, SOCK_STREAM, 0);
	say("the port is taken for v4 too: %s", result(bind4(c, "0.0.0.0", port)));
	close(s);
	s = socket(AF_INET6, SOCK_STREAM, 0);
	setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	say("v6 only: %s", result(bind6(s, "::", 0)));
	port = port_of(s);
	listen(s, 5);
	say("leaves v4 its port: %s", result(bind4(c, "0.0.0.0", port)));
	d = socket(AF_INET, SOCK_STREAM, 0);
	say("and is not reached from there: %s", result(connect4(d, "127.0.0.1", port)));
	close(d);
	close(c);
	close(s);
	s = socket(AF_INET, SOCK_STREAM, 0);
	say("a v6 name for v4: %s", result(bind6(s, "::1", 0)));
	say("too short: %s", result(bind(s, (struct sockaddr *)&(struct sockaddr){.sa_family = AF_INET}, 8)));
	say("connect too short: %s", result(connect(s, (struct sockaddr *)&(struct sockaddr){.sa_family = AF_INET}, 8)));
	say("connect of v6: %s", result(connect6(s, "::1", 80)));
	close(s);
}

static void reuse(void)
{
	int s = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0), d, on = 1;

	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	bind4(s, "127.0.0.1", 0);
	port = port_of(s);
	listen(s, 5);
	connect4(c, "127.0.0.1", port);
	d = accept(s, NULL, NULL);
	close(s);
	s = socket(AF_INET, SOCK_STREAM, 0);
	say("while a connection lives: %s", result(bind4(s, "127.0.0.1", port)));
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	say("reusing: %s", result(bind4(s, "127.0.0.1", port)));
	say("listen: %s", result(listen(s, 1)));
	close(c);
	close(d);
	c = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(c, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	say("not while it listens: %s", result(bind4(c, "127.0.0.1", port)));
	say("another of 127: %s", result(bind4(c, "127.0.0.2", port)));
	close(c);
	close(s);
	s = socket(AF_INET, SOCK_STREAM, 0);
	c = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(s, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	setsockopt(c, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	bind4(s, "127.0.0.1", 0);
	say("two listeners: %s", result(bind4(c, "127.0.0.1", port_of(s))));
	say("one: %s", result(listen(s, 1)));
	say("other: %s", result(listen(c, 1)));
	close(s);
	close(c);
}

/* More than any buffer holds, between two processes. */
static void much(void)
{
	int p[2], sum = 0;
	enum { MUCH = 6000000 };
	static char bytes[70001];
	long n, got = 0;

	pair(p);
	if (fork() == 0) {
		close(p[1]);
		for (long put = 0; put < MUCH; put += n) {
			for (size_t i = 0; i < sizeof(bytes); i++)
				bytes[i] = (char)((put + (long)i) * 7);
			n = send(p[0], bytes, MUCH - put < (long)sizeof(bytes) ? MUCH - put : (long)sizeof(bytes), 0);
			if (n <= 0)
				_exit(1);
		}
		_exit(0);
	}
	close(p[0]);
	while ((n = recv(p[1], bytes, sizeof(bytes), 0)) > 0) {
		for (long i = 0; i < n; i++)
			sum += bytes[i] == (char)((got + i) * 7);
		got += n;
	}
	say("%ld bytes, %d as they were sent", got, sum);
	wait(NULL);
	close(p[1]);
}

static void whole(void)
{
	int p[2], n = 0;
	char b[16] = "";

	pair(p);
	if (fork() == 0) {
		for (int i = 0; i < 3; i++) {
			send(p[0], "abc", 3, 0);
			usleep(50000);
		}
		_exit(0);
	}
	say("all of it: %s", result(recv(p[1], b, 9, MSG_WAITALL)));
	say("%s", b);
	wait(NULL);
	send(p[0], "four", 4, 0);
	close(p[0]);
	ioctl(p[1], FIONREAD, &n);
	say("waiting: %d", n);
	say("what there is before the end: %s", result(recv(p[1], b, 9, MSG_WAITALL)));
	close(p[1]);
}

int main(void)
{
	connections();
	endings();
	in_child("a write after shutdown", sigpipe);
	without_waiting();
	listener_closed();
	addresses();
	reuse();
	much();
	whole();
	return 0;
}
