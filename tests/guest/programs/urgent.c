/* SPDX-License-Identifier: MIT */
/* urgent.c - urgent data: MSG_OOB, SIGURG, the mark and SO_OOBINLINE */
#include "guest.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static volatile int urged;

static void on_urgent(int n, siginfo_t *info, void *uc)
{
	(void)n, (void)info, (void)uc;
	urged++;
}

static const char *kind;

static void make(int s[2], int tcp)
{
	if (!tcp) {
		socketpair(AF_UNIX, SOCK_STREAM, 0, s);
		return;
	}
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0);
	bind(l, (struct sockaddr *)&a, sizeof(a));
	listen(l, 1);
	getsockname(l, (struct sockaddr *)&a, &size);
	s[0] = socket(AF_INET, SOCK_STREAM, 0);
	connect(s[0], (struct sockaddr *)&a, sizeof(a));
	s[1] = accept(l, NULL, NULL);
	close(l);
}

static void give(int fd, const char *text, int flags)
{
	long r = send(fd, text, strlen(text), flags);
	say("%s: send '%s'%s: %s", kind, text, flags & MSG_OOB ? " urgently" : "", result(r));
}

static void take(int fd, size_t size, int flags)
{
	char text[64] = "";
	struct iovec iov = {text, size};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	/* A network takes a moment. */
	long r = recvmsg(fd, &m, flags | MSG_DONTWAIT);
	say("%s: recv %zu%s%s: %s '%s' flags %x", kind, size, flags & MSG_OOB ? " urgent" : "", flags & MSG_PEEK ? " peek" : "", result(r),
	    text, (unsigned)m.msg_flags & ~(unsigned)MSG_CMSG_CLOEXEC);
}

static void state(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLPRI};
	int mark = -1, there = -1;
	poll(&p, 1, 0);
	ioctl(fd, SIOCATMARK, &mark);
	ioctl(fd, FIONREAD, &there);
	say("%s: poll %x, at mark %d, readable %d", kind, (unsigned)p.revents, mark, there);
}

static void soon(void) { usleep(20000); }

static void once(int tcp)
{
	int s[2];
	make(s, tcp);
	say("%s: nothing yet", kind);
	take(s[1], 1, MSG_OOB);
	fcntl(s[1], F_SETOWN, getpid());
	urged = 0;
	give(s[0], "abcU", MSG_OOB);
	give(s[0], "def", 0);
	soon();
	say("%s: SIGURG %d", kind, urged);
	state(s[1]);
	take(s[1], 1, MSG_OOB | MSG_PEEK);
	take(s[1], 20, MSG_PEEK);
	take(s[1], 2, 0);
	state(s[1]);
	take(s[1], 1, MSG_OOB);
	take(s[1], 1, MSG_OOB);
	state(s[1]);
	take(s[1], 20, 0);
	state(s[1]);
	take(s[1], 20, 0);
	state(s[1]);
	take(s[1], 20, 0);
	close(s[0]);
	close(s[1]);
}

/* Not asked for: left out all the same. */
static void passed_by(int tcp)
{
	int s[2];
	make(s, tcp);
	give(s[0], "ab!", MSG_OOB);
	give(s[0], "cd", 0);
	soon();
	take(s[1], 20, 0);
	state(s[1]);
	take(s[1], 20, MSG_PEEK);
	take(s[1], 20, 0);
	take(s[1], 1, MSG_OOB);
	close(s[0]);
	close(s[1]);
}

static void in_line(int tcp)
{
	int s[2], one = 1;
	make(s, tcp);
	setsockopt(s[1], SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one));
	give(s[0], "ab!", MSG_OOB);
	give(s[0], "cd", 0);
	soon();
	take(s[1], 1, MSG_OOB);
	state(s[1]);
	take(s[1], 20, 0);
	state(s[1]);
	take(s[1], 20, 0);
	state(s[1]);
	close(s[0]);
	close(s[1]);
}

/* A second one makes the first an ordinary byte. */
static void twice(int tcp)
{
	int s[2];
	make(s, tcp);
	give(s[0], "a1", MSG_OOB);
	give(s[0], "b2", MSG_OOB);
	give(s[0], "c", 0);
	soon();
	take(s[1], 20, 0);
	take(s[1], 1, MSG_OOB);
	take(s[1], 20, 0);
	close(s[0]);
	close(s[1]);
}

static void others(void)
{
	int s[2];
	char c = 0;
	socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
	say("a datagram: %s %s", result(send(s[0], "x", 1, MSG_OOB)), result(recv(s[1], &c, 1, MSG_OOB | MSG_DONTWAIT)));
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	say("nothing: %s", result(send(s[0], "x", 0, MSG_OOB)));
	close(s[1]);
	say("closed: %s", result(send(s[0], "x", 1, MSG_OOB | MSG_NOSIGNAL)));
}

int main(void)
{
	handle(SIGURG, on_urgent, SA_RESTART);
	for (int tcp = 1; tcp >= 0; tcp--) {
		kind = tcp ? "tcp" : "unix";
		once(tcp);
		passed_by(tcp);
		in_line(tcp);
		twice(tcp);
	}
	others();
	return 0;
}
