/* SPDX-License-Identifier: MIT */
/* Calls on sockets that wait: until somebody comes, a signal, or their time is over. */
#include "guest.h"
#include "sockets.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

static volatile int seen;

static void count(int n, siginfo_t *info, void *uc)
{
	(void)n, (void)info, (void)uc;
	seen++;
}

/* Once, before it is called off; and again, where the call did not wait yet. */
static void alarm_in(int ms)
{
	struct itimerval v = {.it_value = {ms / 1000, ms % 1000 * 1000}, .it_interval = {ms ? 2 : 0, 0}};

	setitimer(ITIMER_REAL, &v, NULL);
}

static void sleep_ms(int ms)
{
	struct timespec ts = {ms / 1000, ms % 1000 * 1000000L};

	while (nanosleep(&ts, &ts) != 0)
		;
}

static void timeout(int s, int option, int ms)
{
	struct timeval tv = {ms / 1000, ms % 1000 * 1000};

	setsockopt(s, SOL_SOCKET, option, &tv, sizeof(tv));
}

/* What a child does after a while, while its parent waits. */
static pid_t later(int ms, void (*what)(int), int s)
{
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGALRM, SIG_IGN);
		sleep_ms(ms);
		what(s);
		_exit(0);
	}
	return pid;
}

static void send_a_byte(int s)
{
	send(s, "x", 1, MSG_NOSIGNAL);
}

static void shut(int s)
{
	shutdown(s, SHUT_RDWR);
}

static void receive_all(int s)
{
	char b[65536];

	while (recv(s, b, sizeof(b), MSG_DONTWAIT) > 0)
		;
}

static void tcp_pair(int p[2])
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int s = socket(AF_INET, SOCK_STREAM, 0);

	bind(s, (struct sockaddr *)&a, sizeof(a));
	listen(s, 1);
	getsockname(s, (struct sockaddr *)&a, &n);
	p[0] = socket(AF_INET, SOCK_STREAM, 0);
	connect(p[0], (struct sockaddr *)&a, n);
	p[1] = accept(s, NULL, NULL);
	close(s);
}

static void receiving(const char *name, int p[2])
{
	char b[8];
	pid_t pid;

	say("-- %s", name);
	pid = later(50, send_a_byte, p[1]);
	say("until it comes: %s", result(recv(p[0], b, 8, 0)));
	wait_for(pid);
	seen = 0;
	handle(SIGALRM, count, 0);
	alarm_in(100);
	say("a signal: %s", result(recv(p[0], b, 8, 0)));
	alarm_in(0);
	say("handler ran %d", seen);
	handle(SIGALRM, count, SA_RESTART);
	pid = later(300, send_a_byte, p[1]);
	alarm_in(100);
	say("begun again: %s", result(recv(p[0], b, 8, 0)));
	alarm_in(0);
	say("handler ran %d", seen);
	wait_for(pid);
	timeout(p[0], SO_RCVTIMEO, 100);
	say("too late: %s", result(recv(p[0], b, 8, 0)));
	timeout(p[0], SO_RCVTIMEO, 1000);
	alarm_in(100);
	say("with a time never again: %s", result(recv(p[0], b, 8, 0)));
	alarm_in(0);
	timeout(p[0], SO_RCVTIMEO, 0);
	send(p[1], "ab", 2, 0);
	timeout(p[0], SO_RCVTIMEO, 100);
	say("all, but for the time: %s", result(recv(p[0], b, 4, MSG_WAITALL)));
	timeout(p[0], SO_RCVTIMEO, 0);
	pid = later(50, shut, p[1]);
	say("until it is shut: %s", result(recv(p[0], b, 8, 0)));
	wait_for(pid);
	close(p[0]);
	close(p[1]);
}

/* The buffer is full: how much that is, is this Linux's business. */
static void sending(int p[2])
{
	static char much[100000];
	pid_t pid;

	say("-- full");
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	while (send(p[0], much, 1000, 0) > 0)
		;
	say("full: %s", strerrorname_np(errno));
	say("%s", events(p[0]));
	fcntl(p[0], F_SETFL, 0);
	timeout(p[0], SO_SNDTIMEO, 100);
	say("too late: %s", result(send(p[0], much, 1000, 0)));
	timeout(p[0], SO_SNDTIMEO, 0);
	handle(SIGALRM, count, 0);
	alarm_in(100);
	say("a signal: %s", result(send(p[0], much, 1000, 0)));
	alarm_in(0);
	pid = later(100, receive_all, p[1]);
	say("until there is room: %s", result(send(p[0], much, 1000, 0)));
	wait_for(pid);
	receive_all(p[1]);
	pid = fork();
	if (pid == 0) {
		long got = 0, n;

		while (got < 1000000 && (n = recv(p[1], much, sizeof(much), 0)) > 0)
			got += n;
		_exit(got == 1000000);
	}
	for (int i = 0; i < 10; i++)
		if (send(p[0], much, sizeof(much), 0) != sizeof(much))
			say("send %d: %s", i, strerrorname_np(errno));
	say("a reader gets all: %s", wait_for(pid));
	close(p[0]);
	close(p[1]);
}

static void connect_to_it(int s)
{
	struct sockaddr_un a;
	socklen_t n = sizeof(a);
	int c = socket(AF_UNIX, SOCK_STREAM, 0);

	getsockname(s, (struct sockaddr *)&a, &n);
	connect(c, (struct sockaddr *)&a, n);
	sleep_ms(200);
}

static void accept_one(int s)
{
	sleep_ms(100);
	close(accept(s, NULL, NULL));
}

static void accepting(void)
{
	int s = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0), d = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un a;
	socklen_t n = sizeof(a);
	pid_t pid;
	int e;
	struct epoll_event event = {.events = EPOLLIN};

	say("-- accept");
	bind(s, (struct sockaddr *)&(struct sockaddr){.sa_family = AF_UNIX}, 2);
	listen(s, 0);
	pid = later(50, connect_to_it, s);
	e = accept(s, NULL, NULL);
	say("until somebody comes: %d", e >= 0);
	close(e);
	wait_for(pid);
	handle(SIGALRM, count, 0);
	alarm_in(100);
	say("a signal: %s", result(accept(s, NULL, NULL)));
	alarm_in(0);
	timeout(s, SO_RCVTIMEO, 50);
	say("too late: %s", result(accept(s, NULL, NULL)));
	timeout(s, SO_RCVTIMEO, 0);
	e = epoll_create1(0);
	epoll_ctl(e, EPOLL_CTL_ADD, s, &event);
	say("epoll: %s", result(epoll_wait(e, &event, 1, 0)));
	getsockname(s, (struct sockaddr *)&a, &n);
	say("connect: %s", result(connect(c, (struct sockaddr *)&a, n)));
	say("epoll: %s", result(epoll_wait(e, &event, 1, 1000)));
	timeout(d, SO_SNDTIMEO, 50);
	say("the queue is full: %s", result(connect(d, (struct sockaddr *)&a, n)));
	timeout(d, SO_SNDTIMEO, 0);
	alarm_in(100);
	say("a signal: %s", result(connect(d, (struct sockaddr *)&a, n)));
	alarm_in(0);
	pid = later(0, accept_one, s);
	say("until there is room: %s", result(connect(d, (struct sockaddr *)&a, n)));
	wait_for(pid);
	close(c);
	close(d);
	close(e);
	close(s);
}

/* poll wakes for what it asked. */
static void polling(void)
{
	int p[2];
	struct pollfd f;
	pid_t pid;

	say("-- poll");
	socketpair(AF_UNIX, SOCK_STREAM, 0, p);
	f = (struct pollfd){.fd = p[0], .events = POLLIN};
	say("nothing: %d", poll(&f, 1, 10));
	pid = later(50, send_a_byte, p[1]);
	say("a byte: %d", poll(&f, 1, 5000));
	wait_for(pid);
	receive_all(p[0]);
	f.events = POLLRDHUP;
	pid = later(50, shut, p[1]);
	say("the end: %d", poll(&f, 1, 5000));
	say("%x", f.revents);
	wait_for(pid);
	close(p[0]);
	close(p[1]);
}

int main(void)
{
	int p[2];

	socketpair(AF_UNIX, SOCK_STREAM, 0, p);
	receiving("stream", p);
	tcp_pair(p);
	receiving("TCP", p);
	socketpair(AF_UNIX, SOCK_SEQPACKET, 0, p);
	receiving("seqpacket", p);
	socketpair(AF_UNIX, SOCK_STREAM, 0, p);
	sending(p);
	accepting();
	polling();
	return 0;
}
