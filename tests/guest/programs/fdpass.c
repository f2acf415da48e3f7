/* SPDX-License-Identifier: MIT */
/* Open files and credentials in messages: SCM_RIGHTS, SCM_CREDENTIALS, and what becomes of both. */
#include "guest.h"
#include "sockets.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>

union room {
	char bytes[1024];
	struct cmsghdr align;
};

/* Sends text, which may be empty, with descriptors. */
static long give(int s, const char *text, const int *fd, int count)
{
	union room room = {{0}};
	struct iovec iov = {(void *)text, strlen(text)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = room.bytes, .msg_controllen = CMSG_SPACE(count * sizeof(int))};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(c), fd, count * sizeof(int));
	return sendmsg(s, &m, 0);
}

/* Receives with room for so many bytes of control messages; tells what came. Returns the last descriptor. */
static int take(const char *what, int s, size_t size, size_t control, int flags)
{
	union room room = {{0}};
	char text[256] = "", bytes[64] = "";
	struct iovec iov = {bytes, size};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control ? room.bytes : NULL, .msg_controllen = control};
	long r = recvmsg(s, &m, flags | MSG_DONTWAIT);
	int last = -1;

	if (r >= 0) {
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
			char *end = text + strlen(text);

			if (c->cmsg_type == SCM_RIGHTS) {
				int n = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
				int fd[256];

				memcpy(fd, CMSG_DATA(c), n * sizeof(int));
				last = fd[n - 1];
				sprintf(end, " %d files, cloexec %d", n, fcntl(last, F_GETFD));
				for (int i = 0; i < n - 1; i++)
					close(fd[i]);
			} else {
				struct ucred u;

				memcpy(&u, CMSG_DATA(c), sizeof(u));
				sprintf(end, " from %s %d", u.pid == getpid() ? "itself" : u.pid == 0 ? "nobody" : "another", u.uid == getuid());
			}
		}
		say("%s: %ld \"%.*s\"%s, flags %x, %d bytes of control", what, r, (int)r, bytes, text, m.msg_flags, (int)m.msg_controllen);
	} else {
		say("%s: %s", what, result(r));
	}
	return last;
}

static void rights(int type)
{
	int p[2], pipes[2], fd, many[300];
	char b[8];

	socketpair(AF_UNIX, type, 0, p);
	if (pipe(pipes) != 0)
		return;
	say("give: %s", result(give(p[0], "one", &pipes[0], 1)));
	close(pipes[0]);
	fd = take("take", p[1], 64, 256, 0);
	say("the pipe lives: %s", result(write(pipes[1], "x", 1)));
	say("and is the same: %s", result(read(fd, b, 1)));
	close(fd);
	say("and is gone: %s", result(fcntl(fd, F_GETFD)));
	say("give two: %s", result(give(p[0], "two", (int[]){1, pipes[1]}, 2)));
	close(take("with cloexec", p[1], 64, 256, MSG_CMSG_CLOEXEC));
	give(p[0], "cut", (int[]){1, 2, pipes[1]}, 3);
	close(take("room for two", p[1], 64, CMSG_LEN(2 * sizeof(int)), 0));
	give(p[0], "none", (int[]){1}, 1);
	take("no room", p[1], 64, 0, 0);
	give(p[0], "read", (int[]){1}, 1);
	say("read: %s", result(read(p[1], b, 8)));
	give(p[0], "peek", (int[]){1}, 1);
	close(take("peek", p[1], 64, 256, MSG_PEEK));
	close(take("and take", p[1], 64, 256, 0));
	give(p[0], "parts", (int[]){1}, 1);
	fd = take("a part", p[1], 2, 256, 0);
	if (fd >= 0)
		close(fd);
	fd = take("the rest", p[1], 64, 256, 0);
	if (fd >= 0)
		close(fd);
	send(p[0], "plain", 5, 0);
	give(p[0], "with", (int[]){1}, 1);
	send(p[0], "after", 5, 0);
	fd = take("mixed", p[1], 64, 256, 0);
	if (fd >= 0)
		close(fd);
	fd = take("mixed", p[1], 64, 256, 0);
	if (fd >= 0)
		close(fd);
	fd = take("mixed", p[1], 64, 256, 0);
	if (fd >= 0)
		close(fd);
	say("a closed one: %s", result(give(p[0], "x", (int[]){999}, 1)));
	for (int i = 0; i < 300; i++)
		many[i] = 1;
	say("too many: %s", result(give(p[0], "x", many, 254)));
	fd = dup(1);
	say("nothing stays open: %d", fd - p[1]);
	close(fd);
	close(pipes[1]);
	close(p[0]);
	close(p[1]);
}

/* A socket's flags and position are the open file's, whoever has it. */
static void across_processes(void)
{
	int p[2], fd, t;
	char b[8] = "";
	char name[] = "/tmp/fdpassXXXXXX";

	socketpair(AF_UNIX, SOCK_STREAM, 0, p);
	t = mkstemp(name);
	unlink(name);
	if (write(t, "0123456789", 10) != 10)
		return;
	if (fork() == 0) {
		lseek(t, 4, SEEK_SET);
		give(p[1], "f", &t, 1);
		_exit(0);
	}
	wait(NULL);
	close(t);
	fd = take("from a child that is gone", p[0], 8, 64, 0);
	say("its position came too: %s", result(read(fd, b, 2)));
	say("%s", b);
	close(fd);
	close(p[0]);
	close(p[1]);
}

/* A pipe's end that only a message has is closed with the message. */
static void dropped(void)
{
	int p[2], pipes[2];
	char c;

	socketpair(AF_UNIX, SOCK_DGRAM, 0, p);
	if (pipe(pipes) != 0)
		return;
	give(p[0], "w", &pipes[1], 1);
	close(pipes[1]);
	fcntl(pipes[0], F_SETFL, O_NONBLOCK);
	say("on its way it is open: %s", result(read(pipes[0], &c, 1)));
	close(p[0]);
	close(p[1]);
	say("nobody can receive it: %s", result(read(pipes[0], &c, 1)));
	close(pipes[0]);
}

/* Two sockets in each other's queues, with the end of a pipe: nobody can reach them, so that the pipe
 * has no writer any more once that was found out. */
static void cycle(void)
{
	int a[2], b[2], pipes[2], more[2];
	struct pollfd p;

	socketpair(AF_UNIX, SOCK_STREAM, 0, a);
	socketpair(AF_UNIX, SOCK_STREAM, 0, b);
	if (pipe(pipes) != 0)
		return;
	give(a[0], "b", (int[]){b[1], pipes[1]}, 2);
	give(b[0], "a", (int[]){a[1]}, 1);
	close(pipes[1]);
	close(a[0]);
	close(a[1]);
	close(b[0]);
	close(b[1]);
	/* Any socket that is closed has cycles looked for, now or soon. */
	socketpair(AF_UNIX, SOCK_STREAM, 0, more);
	close(more[0]);
	close(more[1]);
	p = (struct pollfd){.fd = pipes[0], .events = POLLIN};
	say("a cycle is found: %d", poll(&p, 1, 5000));
	close(pipes[0]);
	/* One in its own queue. */
	socketpair(AF_UNIX, SOCK_DGRAM, 0, a);
	give(a[0], "self", (int[]){a[1], a[0]}, 2);
	close(a[0]);
	close(a[1]);
	/* One that is reached from outside is kept. */
	socketpair(AF_UNIX, SOCK_STREAM, 0, a);
	socketpair(AF_UNIX, SOCK_STREAM, 0, b);
	give(a[0], "kept", (int[]){b[1]}, 1);
	give(b[0], "within", (int[]){1}, 1);
	close(b[1]);
	socketpair(AF_UNIX, SOCK_STREAM, 0, more);
	close(more[0]);
	close(more[1]);
	b[1] = take("kept", a[1], 64, 64, 0);
	close(take("and what is within", b[1], 64, 64, 0));
	close(a[0]);
	close(a[1]);
	close(b[0]);
	close(b[1]);
}

/* A chain: each lies in the queue of the next. Closing the last closes all. */
static void chain(void)
{
	int first[2], last[2], pipes[2];
	char c;

	if (pipe(pipes) != 0)
		return;
	socketpair(AF_UNIX, SOCK_STREAM, 0, first);
	give(first[0], "w", &pipes[1], 1);
	close(pipes[1]);
	for (int i = 0; i < 2000; i++) {
		socketpair(AF_UNIX, SOCK_STREAM, 0, last);
		give(last[0], "s", first, 2);
		close(first[0]);
		close(first[1]);
		memcpy(first, last, sizeof(first));
	}
	close(first[0]);
	close(first[1]);
	say("a long chain ends: %s", result(read(pipes[0], &c, 1)));
	close(pipes[0]);
}

static long credentials(int s, pid_t pid, uid_t uid)
{
	union room room = {{0}};
	struct iovec iov = {"c", 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = room.bytes, .msg_controllen = CMSG_SPACE(sizeof(struct ucred))};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	struct ucred u = {pid, uid, getgid()};

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_CREDENTIALS;
	c->cmsg_len = CMSG_LEN(sizeof(u));
	memcpy(CMSG_DATA(c), &u, sizeof(u));
	return sendmsg(s, &m, 0);
}

static void who(int type)
{
	int p[2], on = 1;
	struct ucred u;
	socklen_t n = sizeof(u);

	socketpair(AF_UNIX, type, 0, p);
	getsockopt(p[0], SOL_SOCKET, SO_PEERCRED, &u, &n);
	say("peer: %d %d %d", u.pid == getpid(), u.uid == getuid(), u.gid == getgid());
	send(p[0], "x", 1, 0);
	take("not asked for", p[1], 8, 256, 0);
	say("passcred: %s", result(setsockopt(p[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on))));
	send(p[0], "x", 1, 0);
	take("asked for", p[1], 8, 256, 0);
	if (fork() == 0) {
		send(p[0], "child", 5, 0);
		_exit(0);
	}
	wait(NULL);
	take("of a child", p[1], 8, 256, 0);
	say("one's own: %s", result(credentials(p[0], getpid(), getuid())));
	take("given", p[1], 8, 256, 0);
	say("nobody's: %s", result(credentials(p[0], 99999999, getuid())));
	give(p[0], "both", (int[]){1}, 1);
	close(take("both", p[1], 8, 256, 0));
	send(p[0], "cut", 3, 0);
	take("no room", p[1], 8, 20, 0);
	close(p[0]);
	close(p[1]);
}

static void wrong(void)
{
	int p[2];
	union room room = {{0}};
	struct iovec iov = {"x", 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = room.bytes, .msg_controllen = CMSG_SPACE(4)};
	struct cmsghdr *c = (struct cmsghdr *)room.bytes;

	socketpair(AF_UNIX, SOCK_STREAM, 0, p);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = 77;
	c->cmsg_len = CMSG_LEN(4);
	say("unknown type: %s", result(sendmsg(p[0], &m, 0)));
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = 5;
	say("too short: %s", result(sendmsg(p[0], &m, 0)));
	c->cmsg_len = 500;
	say("too long: %s", result(sendmsg(p[0], &m, 0)));
	c->cmsg_level = 99;
	c->cmsg_len = CMSG_LEN(4);
	say("another level: %s", result(sendmsg(p[0], &m, 0)));
	m.msg_controllen = 1 << 20;
	say("huge: %s", result(sendmsg(p[0], &m, 0)));
	m.msg_controllen = 0;
	m.msg_iovlen = 2000;
	say("too many parts: %s", result(sendmsg(p[0], &m, 0)));
	m.msg_iovlen = 1;
	m.msg_namelen = -1;
	m.msg_name = &m;
	say("a negative name: %s", result(sendmsg(p[0], &m, 0)));
	say("nowhere: %s", result(sendmsg(p[0], (struct msghdr *)8, 0)));
	close(p[0]);
	close(p[1]);
}

int main(void)
{
	rights(SOCK_STREAM);
	rights(SOCK_DGRAM);
	across_processes();
	dropped();
	cycle();
	chain();
	who(SOCK_STREAM);
	who(SOCK_DGRAM);
	wrong();
	return 0;
}
