/* SPDX-License-Identifier: MIT */
/* Which change wakes who waits in poll, select, and an epoll for levels and for edges. */
#include "polling.h"

#include <pty.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

static char much[70000];

enum how { BY_POLL, BY_SELECT, BY_LEVEL, BY_EDGE, HOWS };
/* How long to wait, in ms, for what will not come, and for what will. */
enum { NEVER = 50, SURELY = 20000 };

/* What is waited for, and another end of it; and whose bytes let the other process act. */
static int made[2], go[2];

static const char *by_select(int fd, short wanted, int ms)
{
	struct timeval time = {ms / 1000, ms % 1000 * 1000};
	fd_set set[3];

	for (int i = 0; i < 3; i++)
		FD_ZERO(&set[i]);
	FD_SET(fd, &set[wanted & POLLIN ? 0 : wanted & POLLOUT ? 1 : 2]);
	return select(fd + 1, &set[0], &set[1], &set[2], &time) > 0 ? "selected" : "-";
}

static const char *waited(int fd, short wanted, enum how how, int ms)
{
	struct pollfd f = {.fd = fd, .events = wanted};
	struct epoll_event e = {.events = (uint32_t)(unsigned short)wanted | (how == BY_EDGE ? (uint32_t)EPOLLET : 0)};
	int ep, n;

	if (how <= BY_SELECT) {
		write(go[1], "", 1);
		if (how == BY_SELECT)
			return by_select(fd, wanted, wanted & (POLLIN | POLLOUT) ? ms : NEVER);
		return poll(&f, 1, ms) == 1 ? bits((unsigned short)f.revents) : "-";
	}
	ep = epoll_create1(0);
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
	/* What is there already is no change. */
	while (how == BY_EDGE && epoll_wait(ep, &e, 1, 0) == 1)
		;
	write(go[1], "", 1);
	n = epoll_wait(ep, &e, 1, ms);
	close(ep);
	return n == 1 ? bits(e.events) : "-";
}

/* Lets the other wait, most likely. */
static void begin(void)
{
	char c;

	read(go[0], &c, 1);
	usleep(20000);
}

static void wakes(const char *name, void (*make)(void), short wanted, void (*change)(void), int ms)
{
	char line[400];
	int at = snprintf(line, sizeof(line), "  %s:", name);

	for (enum how how = BY_POLL; how < HOWS; how++) {
		make();
		pipe(go);
		pid_t pid = fork();
		if (pid == 0) {
			begin();
			change();
			pause();
			_exit(0);
		}
		const char *what = waited(made[0], wanted, how, ms);
		at += snprintf(line + at, sizeof(line) - (size_t)at, " %s%s", what, how < BY_EDGE ? "," : "");
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		close(made[0]), close(made[1]), close(go[0]), close(go[1]);
	}
	say("%s", line);
}

static void a_pipe_to_read(void)
{
	pipe2(made, O_NONBLOCK);
}

static void a_pipe_to_write(void)
{
	int p[2];

	pipe2(p, O_NONBLOCK);
	while (write(p[1], much, 4096) > 0)
		;
	made[0] = p[1];
	made[1] = p[0];
}

static void a_pair(void)
{
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, made);
}

static void a_full_pair(void)
{
	a_pair();
	while (write(made[0], much, 5000) > 0)
		;
}

static void a_datagram_pair(void)
{
	socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, made);
}

static void a_full_datagram_pair(void)
{
	a_datagram_pair();
	while (write(made[0], much, 500) > 0)
		;
}

static void a_counter(void)
{
	made[0] = eventfd(0, EFD_NONBLOCK);
	made[1] = dup(made[0]);
}

static void a_full_counter(void)
{
	uint64_t most = ~UINT64_C(0) - 1;

	a_counter();
	write(made[0], &most, 8);
}

static void a_terminal(void)
{
	openpty(&made[1], &made[0], NULL, NULL, NULL);
}

static void a_master(void)
{
	openpty(&made[0], &made[1], NULL, NULL, NULL);
}

static void a_master_alone(void)
{
	a_master();
	close(made[1]);
	made[1] = -1;
}

static void say_x(void)
{
	write(made[1], "x", 1);
}

static void say_line(void)
{
	write(made[1], "line\n", 5);
}

static void say_count(void)
{
	uint64_t one = 1;

	write(made[1], &one, 8);
}

static void take_count(void)
{
	uint64_t n;

	read(made[1], &n, 8);
}

static void take_all(void)
{
	while (read(made[1], much, sizeof(much)) > 0)
		;
}

static void take_little(void)
{
	read(made[1], much, 100);
}

static void no_more_writes(void)
{
	shutdown(made[1], SHUT_WR);
}

static void no_more_reads(void)
{
	shutdown(made[1], SHUT_RD);
}

static void own_reads(void)
{
	shutdown(made[0], SHUT_RD);
}

static void own_all(void)
{
	shutdown(made[0], SHUT_RDWR);
}

static void all_wakes(void)
{
	say("who is woken");
	wakes("bytes in a pipe", a_pipe_to_read, POLLIN, say_x, SURELY);
	wakes("bytes, who wants urgent ones", a_pipe_to_read, POLLPRI, say_x, NEVER);
	wakes("room in a pipe", a_pipe_to_write, POLLOUT, take_all, SURELY);
	wakes("little room", a_pipe_to_write, POLLOUT, take_little, NEVER);
	wakes("bytes in a socket", a_pair, POLLIN, say_x, SURELY);
	wakes("bytes, who waits for the end", a_pair, (short)POLLRDHUP, say_x, NEVER);
	wakes("its end", a_pair, (short)POLLRDHUP, no_more_writes, SURELY);
	wakes("its end, to who reads", a_pair, POLLIN, no_more_writes, SURELY);
	wakes("its end, to who wants nothing", a_pair, POLLPRI, no_more_writes, NEVER);
	wakes("who is not heard any more", a_full_pair, POLLOUT, no_more_reads, NEVER);
	wakes("room in a socket", a_full_pair, POLLOUT, take_all, SURELY);
	wakes("one's own shutdown of reading", a_pair, POLLIN, own_reads, SURELY);
	wakes("one's own shutdown", a_pair, POLLPRI, own_all, SURELY);
	wakes("a datagram", a_datagram_pair, POLLIN, say_x, SURELY);
	wakes("room for a datagram", a_full_datagram_pair, POLLOUT, take_all, SURELY);
	wakes("one datagram less", a_full_datagram_pair, POLLOUT, take_little, NEVER);
	wakes("a count", a_counter, POLLIN, say_count, SURELY);
	wakes("a count, to who writes", a_full_counter, POLLOUT, take_count, SURELY);
	wakes("a key", a_terminal, POLLIN, say_x, NEVER);
	wakes("a line", a_terminal, POLLIN, say_line, SURELY);
	wakes("output", a_master, POLLIN, say_x, SURELY);
}

/* Ends that only close: the last descriptor must be the child's. Linux wakes who waits for room while it still closes: how much of
 * it he sees then is luck, and he asks once more when the child has ended. */
static void closes(const char *name, void (*make)(void), short wanted, int ms)
{
	char line[400];
	int at = snprintf(line, sizeof(line), "  %s:", name);

	for (enum how how = BY_POLL; how < HOWS; how++) {
		make();
		pipe(go);
		pid_t pid = fork();
		if (pid == 0) {
			close(made[0]);
			begin();
			_exit(0);
		}
		close(made[1]);
		const char *what = waited(made[0], wanted, how, ms);
		waitpid(pid, NULL, 0);
		struct pollfd f = {.fd = made[0], .events = wanted};
		poll(&f, 1, 0);
		at += snprintf(line + at, sizeof(line) - (size_t)at, " %s, then %s%s", make == a_full_pair && strcmp(what, "-") != 0 ? "woken" : what, bits((unsigned short)f.revents), how < BY_EDGE ? "," : "");
		close(made[0]), close(go[0]), close(go[1]);
	}
	say("%s", line);
}

static void come(void)
{
	int fd = open(ptsname(made[0]), O_RDWR | O_NOCTTY);

	write(fd, "here", 4);
	pause();
}

static void all_closes(void)
{
	say("who is told of an end");
	closes("a pipe's writer", a_pipe_to_read, POLLIN, SURELY);
	closes("a pipe's writer, to who wants nothing", a_pipe_to_read, 0, SURELY);
	closes("a pipe's reader", a_pipe_to_write, POLLOUT, SURELY);
	closes("a pipe's reader, to who wants nothing", a_pipe_to_write, 0, SURELY);
	closes("a socket's peer", a_pair, POLLIN, SURELY);
	closes("a socket's peer, to who wants nothing", a_pair, 0, SURELY);
	closes("a socket's peer, to who writes", a_full_pair, POLLOUT, SURELY);
	closes("a datagram socket's peer", a_datagram_pair, POLLIN, NEVER);
	closes("a terminal's master", a_terminal, POLLIN, SURELY);
	closes("a terminal's slave", a_master, POLLIN, SURELY);
	wakes("a slave comes", a_master_alone, POLLIN, come, SURELY);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	all_wakes();
	all_closes();
	return 0;
}
