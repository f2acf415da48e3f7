/* SPDX-License-Identifier: MIT */
/* AF_UNIX: names, connections, datagrams, messages in a connection, and how each of them ends. */
#include "guest.h"
#include "sockets.h"

#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>

static char dir[] = "/tmp/unixsockXXXXXX";

static socklen_t name_of(struct sockaddr_un *a, const char *name)
{
	*a = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (name[0] == '@') {
		memcpy(a->sun_path + 1, name + 1, strlen(name) - 1);
		return offsetof(struct sockaddr_un, sun_path) + strlen(name);
	}
	strcpy(a->sun_path, name);
	return sizeof(*a);
}

static long bind_to(int fd, const char *name)
{
	struct sockaddr_un a;
	socklen_t n = name_of(&a, name);

	return bind(fd, (struct sockaddr *)&a, n);
}

static long connect_to(int fd, const char *name)
{
	struct sockaddr_un a;
	socklen_t n = name_of(&a, name);

	return connect(fd, (struct sockaddr *)&a, n);
}

static void say_name(const char *what, int fd, int peer)
{
	struct sockaddr_un a;
	socklen_t n = sizeof(a);
	long r = (peer ? getpeername : getsockname)(fd, (struct sockaddr *)&a, &n);
	const char *path = a.sun_path;

	if (r != 0)
		say("%s: %s", what, result(r));
	else if (n == 2)
		say("%s: no name", what);
	else if (path[0])
		say("%s: %s, %d bytes", what, strrchr(path, '/') ? strrchr(path, '/') : path,
		    (int)n - (int)strlen(path));
	else
		say("%s: @%.*s", what, (int)n - 3, path + 1);
}

static void streams(void)
{
	int s = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), d;
	char buffer[64];
	struct stat st;

	say("a new one: %s", events(s));
	say("recv %s", result(recv(s, buffer, 1, 0)));
	say("send %s", result(send(s, "x", 1, MSG_NOSIGNAL)));
	say("listen without a name: %s", result(listen(s, 1)));
	say("connect to nobody: %s", result(connect_to(c, "here")));
	say("bind: %s", result(bind_to(s, "here")));
	say("again: %s", result(bind_to(s, "here")));
	say("another: %s", result(bind_to(c, "here")));
	stat("here", &st);
	say("mode %o", st.st_mode);
	say("open: %s", result(open("here", O_RDWR)));
	say("connect before listen: %s", result(connect_to(c, "here")));
	say("listen: %s", result(listen(s, 1)));
	say("accept of nothing: %s", events(s));
	say("%s", result(accept4(c, NULL, NULL, 0)));
	say("connect: %s", result(connect_to(c, "here")));
	say("connect again: %s", result(connect_to(c, "here")));
	say("listener: %s", events(s));
	say("send before accept: %s", result(send(c, "early", 5, 0)));
	d = accept4(s, NULL, NULL, SOCK_CLOEXEC);
	say("accepted: %d, cloexec %d, flags %x", d >= 0, fcntl(d, F_GETFD), fcntl(d, F_GETFL) & O_NONBLOCK);
	say_name("listener", s, 0);
	say_name("client", c, 0);
	say_name("client's peer", c, 1);
	say_name("accepted", d, 0);
	say_name("accepted's peer", d, 1);
	say("recv: %s %.5s", result(recv(d, buffer, sizeof(buffer), 0)), buffer);
	say("client recv: %s", result(recv(c, buffer, 1, 0)));
	say("client: %s", events(c));
	say("accepted: %s", events(d));
	say("write to a connected name: %s", result(sendto(c, "x", 1, 0, (struct sockaddr *)&(struct sockaddr_un){.sun_family = AF_UNIX, .sun_path = "x"}, 10)));
	say("shutdown: %s", result(shutdown(c, SHUT_WR)));
	say("client: %s", events(c));
	say("accepted: %s", events(d));
	say("send: %s", result(send(c, "x", 1, MSG_NOSIGNAL)));
	say("recv: %s", result(recv(d, buffer, 1, 0)));
	say("the other way: %s", result(send(d, "back", 4, 0)));
	say("%s", result(recv(c, buffer, 64, 0)));
	say("how 3: %s", result(shutdown(c, 3)));
	close(d);
	say("closed: %s", events(c));
	say("%s", result(recv(c, buffer, 1, 0)));
	say("unlink: %s", result(unlink("here")));
	close(c);
	c = socket(AF_UNIX, SOCK_STREAM, 0);
	say("connect to what is gone: %s", result(connect_to(c, "here")));
	close(s);
	s = socket(AF_UNIX, SOCK_STREAM, 0);
	bind_to(s, "stale");
	close(s);
	say("to what is stale: %s", result(connect_to(c, "stale")));
	close(open("plain", O_CREAT | O_RDWR, 0600));
	say("to a file: %s", result(connect_to(c, "plain")));
	say("a long name: %s", result(bind(c, (struct sockaddr *)&(struct sockaddr_un){.sun_family = AF_UNIX}, 200)));
	say("a wrong family: %s", result(bind(c, (struct sockaddr *)&(struct sockaddr_un){.sun_family = AF_INET}, 10)));
	close(c);
}

static void backlog(void)
{
	int s = socket(AF_UNIX, SOCK_STREAM, 0), c[4];

	bind_to(s, "backlog");
	listen(s, 1);
	for (int i = 0; i < 4; i++) {
		c[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		say("connection %d: %s", i, result(connect_to(c[i], "backlog")));
	}
	close(accept(s, NULL, NULL));
	say("one is accepted and closed: %s", events(c[0]));
	say("there is room: %s", result(connect_to(c[2], "backlog")));
	close(s);
	for (int i = 0; i < 4; i++) {
		char b;

		say("connection %d: %s", i, events(c[i]));
		say("recv %s", result(recv(c[i], &b, 1, 0)));
		close(c[i]);
	}
}

static void endings(void)
{
	int p[2];
	char b[8];

	socketpair(AF_UNIX, SOCK_STREAM, 0, p);
	say_name("of a pair", p[0], 0);
	say_name("its peer", p[0], 1);
	send(p[1], "unread", 6, 0);
	close(p[0]);
	say("closed with bytes unread: %s", events(p[1]));
	say("recv %s", result(recv(p[1], b, 1, 0)));
	say("then %s", result(recv(p[1], b, 1, 0)));
	say("send %s", result(send(p[1], b, 1, MSG_NOSIGNAL)));
	close(p[1]);
	socketpair(AF_UNIX, SOCK_STREAM, 0, p);
	send(p[0], "left", 4, 0);
	close(p[0]);
	say("closed with bytes on their way: %s", events(p[1]));
	say("recv %s", result(recv(p[1], b, 8, 0)));
	say("then %s", result(recv(p[1], b, 1, 0)));
	close(p[1]);
}

static void sigpipe(void)
{
	int p[2];

	socketpair(AF_UNIX, SOCK_STREAM, 0, p);
	close(p[0]);
	say("write says %s", result(write(p[1], "x", 1)));
}

static void sequences(void)
{
	int p[2], s, c, d;
	char b[16];
	struct iovec iov[2] = {{"two ", 4}, {"parts", 5}};

	say("pair: %s", result(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, p)));
	say("send %s", result(send(p[0], "one", 3, 0)));
	say("%s", result(writev(p[0], iov, 2)));
	say("an empty one: %s", result(send(p[0], "", 0, 0)));
	say("recv %s", result(recv(p[1], b, 16, 0)));
	say("cut %s", result(recv(p[1], b, 2, MSG_TRUNC)));
	say("empty %s", result(recv(p[1], b, 16, 0)));
	say("none %s", result(recv(p[1], b, 16, 0)));
	send(p[0], "unread", 6, 0);
	close(p[1]);
	say("closed: %s", events(p[0]));
	say("recv %s", result(recv(p[0], b, 1, 0)));
	say("then %s", result(recv(p[0], b, 1, 0)));
	say("send %s", result(send(p[0], b, 1, MSG_NOSIGNAL)));
	close(p[0]);
	s = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	c = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	say("not connected: %s", result(recv(c, b, 1, 0)));
	say("%s", result(send(c, b, 1, MSG_NOSIGNAL)));
	say("bind %s", result(bind_to(s, "@seq")));
	say("listen %s", result(listen(s, 4)));
	say("connect %s", result(connect_to(c, "@seq")));
	d = accept(s, NULL, NULL);
	say("send %s", result(send(c, "hello", 5, 0)));
	say("recv %s", result(read(d, b, 16)));
	close(s);
	close(c);
	close(d);
}

static void datagrams(void)
{
	int a = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0), b = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	int c = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0), n = 0, p[2], waiting = 0;
	char bytes[64];
	struct sockaddr_un from, to;
	socklen_t size = sizeof(from), length;

	say("a new one: %s", events(a));
	say("send to nobody: %s", result(send(a, "x", 1, 0)));
	bind_to(a, "a");
	bind_to(b, "@b");
	length = name_of(&to, "@b");
	say("sendto: %s", result(sendto(a, "hello", 5, 0, (struct sockaddr *)&to, length)));
	say("waiting: %s", events(b));
	say("%s", result(ioctl(b, FIONREAD, &waiting)));
	say("%d bytes", waiting);
	say("peek: %s", result(recv(b, bytes, 2, MSG_PEEK | MSG_TRUNC)));
	say("recvfrom: %s, from %s", result(recvfrom(b, bytes, 64, 0, (struct sockaddr *)&from, &size)), from.sun_path);
	say("nothing: %s", result(recv(b, bytes, 64, 0)));
	say("listen: %s", result(listen(b, 1)));
	say("accept: %s", result(accept(b, NULL, NULL)));
	say("a stream's name: %s", result(bind_to(c, "a")));
	say("connect: %s", result(connect_to(b, "a")));
	say("from another: %s", result(sendto(c, "x", 1, 0, (struct sockaddr *)&to, length)));
	say("from its peer: %s", result(sendto(a, "x", 1, 0, (struct sockaddr *)&to, length)));
	say("to its peer: %s", result(send(b, "y", 1, 0)));
	size = sizeof(from);
	recvfrom(a, bytes, 64, 0, (struct sockaddr *)&from, &size);
	say("from @%.*s", (int)size - 3, from.sun_path + 1);
	close(a);
	say("its peer is gone: %s", result(send(b, "y", 1, 0)));
	say("%s", result(send(b, "y", 1, 0)));
	connect(b, (struct sockaddr *)&(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof(struct sockaddr));
	recv(b, bytes, 1, 0);
	while (sendto(c, "x", 1, 0, (struct sockaddr *)&to, length) == 1)
		n++;
	say("%d fit: %s", n, strerrorname_np(errno));
	connect_to(c, "@b");
	say("connected: %s", events(c));
	recv(b, bytes, 1, 0);
	say("one is gone: %s", events(c));
	say("too long: %s", result(send(c, malloc(1 << 20), 1 << 20, 0)));
	close(b);
	close(c);
	socketpair(AF_UNIX, SOCK_DGRAM, 0, p);
	say("pair: %s", events(p[0]));
	say("shutdown: %s", result(shutdown(p[0], SHUT_RD)));
	say("%s", events(p[0]));
	say("recv %s", result(recv(p[0], bytes, 1, 0)));
	say("to it %s", result(send(p[1], "x", 1, 0)));
	say("send %s", result(send(p[0], "", 0, 0)));
	say("recv %s", result(recv(p[1], bytes, 1, 0)));
	close(p[0]);
	say("closed: %s", events(p[1]));
	say("%s", result(send(p[1], "x", 1, 0)));
	close(p[1]);
}

static void names(void)
{
	int s = socket(AF_UNIX, SOCK_STREAM, 0), t = socket(AF_UNIX, SOCK_STREAM, 0), u = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct sockaddr_un a;
	socklen_t n = sizeof(a);

	say("abstract: %s", result(bind_to(s, "@name")));
	say("taken: %s", result(bind_to(t, "@name")));
	say("of another type: %s", result(bind_to(u, "@name")));
	close(s);
	say("free again: %s", result(bind_to(t, "@name")));
	close(t);
	s = socket(AF_UNIX, SOCK_STREAM, 0);
	say("autobind: %s", result(bind(s, (struct sockaddr *)&(struct sockaddr){.sa_family = AF_UNIX}, 2)));
	getsockname(s, (struct sockaddr *)&a, &n);
	say("%d bytes", (int)n);
	close(s);
	s = socket(AF_UNIX, SOCK_STREAM, 0);
	bind_to(s, "first");
	listen(s, 5);
	say("rename: %s", result(rename("first", "second")));
	say("link: %s", result(link("second", "third")));
	t = socket(AF_UNIX, SOCK_STREAM, 0);
	say("the old name: %s", result(connect_to(t, "first")));
	say("a new one: %s", result(connect_to(t, "second")));
	close(t);
	t = socket(AF_UNIX, SOCK_STREAM, 0);
	say("a link: %s", result(connect_to(t, "third")));
	close(t);
	unlink("second");
	unlink("third");
	t = socket(AF_UNIX, SOCK_STREAM, 0);
	say("unlinked and made again: %s", result(bind_to(t, "second")));
	close(u);
	u = socket(AF_UNIX, SOCK_STREAM, 0);
	say("is not the old one: %s", result(connect_to(u, "second")));
	close(u);
	u = socket(AF_UNIX, SOCK_DGRAM, 0);
	say("the wrong type: %s", result(connect_to(u, "second")));
	say("no directory: %s", result(bind_to(u, "none/x")));
	close(s);
	close(t);
	close(u);
}

static void errors(void)
{
	int p[2], file = open("/dev/null", O_RDWR), *volatile nowhere = (int *)8;
	char b[4];
	socklen_t n = 2;

	say("family %s", result(socket(99, SOCK_STREAM, 0)));
	say("type %s", result(socket(AF_UNIX, SOCK_RDM, 0)));
	say("protocol %s", result(socket(AF_UNIX, SOCK_STREAM, 5)));
	say("flags %s", result(socket(AF_UNIX, SOCK_STREAM | 0x100, 0)));
	say("pair to nowhere: %s", result(socketpair(AF_UNIX, SOCK_STREAM, 0, nowhere)));
	say("nothing stays open: %d", socket(AF_UNIX, SOCK_STREAM, 0) - file);
	say("not a socket: %s", result(listen(file, 1)));
	say("%s", result(send(file, b, 1, 0)));
	say("%s", result(getsockname(file, NULL, NULL)));
	say("not open: %s", result(shutdown(999, 0)));
	socketpair(AF_UNIX, SOCK_STREAM, 0, p);
	say("send from nowhere: %s", result(send(p[0], (char *)8, 4, 0)));
	send(p[0], "abcd", 4, 0);
	say("recv to nowhere: %s", result(recv(p[1], (char *)8, 4, 0)));
	say("is still there: %s", result(recv(p[1], b, 4, 0)));
	say("name to nowhere: %s", result(getsockname(p[0], (struct sockaddr *)8, &n)));
	say("urgent: %s", result(recv(p[0], b, 1, MSG_DONTWAIT)));
	say("seek %s", result(lseek(p[0], 0, SEEK_CUR)));
	say("sync %s", result(fsync(p[0])));
	say("map-less truncate %s", result(ftruncate(p[0], 0)));
	close(p[0]);
	close(p[1]);
}

int main(void)
{
	if (!mkdtemp(dir) || chdir(dir) != 0)
		return 1;
	umask(027);
	streams();
	backlog();
	endings();
	in_child("a write to a closed pair", sigpipe);
	sequences();
	datagrams();
	names();
	errors();
	if (chdir("/") == 0) {
		char command[64];

		snprintf(command, sizeof(command), "%s/here", dir);
		for (const char **n = (const char *[]){"here", "stale", "backlog", "a", "first", "second", "third", "plain", NULL}; *n; n++) {
			snprintf(command, sizeof(command), "%s/%s", dir, *n);
			unlink(command);
		}
		say("nothing is left: %s", result(rmdir(dir)));
	}
	return 0;
}
