/* SPDX-License-Identifier: MIT */
/* epoll: levels, edges, once, turns, nests, and files that are closed or duplicated */
#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/syscall.h>
#include <time.h>

static int ctl(int ep, int op, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event e = {.events = events, .data.u64 = data};

	return epoll_ctl(ep, op, fd, &e);
}

/* What one epoll_wait says, in order. */
static void tell(const char *what, int ep, int max, int timeout)
{
	struct epoll_event e[16];
	char line[400] = "";
	int n = epoll_wait(ep, e, max, timeout), at = 0;

	for (int i = 0; i < n; i++)
		at += snprintf(line + at, sizeof(line) - (size_t)at, " %llu:%x", (unsigned long long)e[i].data.u64, e[i].events);
	say("%s: %s%s", what, result(n), line);
}

static void levels_and_edges(void)
{
	int ep = epoll_create1(EPOLL_CLOEXEC), p[2], q[2];
	char bytes[100];

	say("cloexec %d", fcntl(ep, F_GETFD));
	pipe2(p, O_NONBLOCK);
	pipe2(q, O_NONBLOCK);
	say("add level %s", result(ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN, 1)));
	say("add edge %s", result(ctl(ep, EPOLL_CTL_ADD, q[0], EPOLLIN | EPOLLET, 2)));
	tell("nothing", ep, 16, 0);
	write(p[1], "abc", 3);
	write(q[1], "abc", 3);
	tell("both", ep, 16, 0);
	tell("level only", ep, 16, 0);
	write(q[1], "d", 1);
	tell("a new edge", ep, 16, -1);
	read(p[0], bytes, 3);
	tell("level is read", ep, 16, 0);
	read(q[0], bytes, 2);
	tell("part of the edge is read", ep, 16, 0);
	say("mod to level %s", result(ctl(ep, EPOLL_CTL_MOD, q[0], EPOLLIN, 22)));
	tell("what is left", ep, 16, 0);
	say("mod to once %s", result(ctl(ep, EPOLL_CTL_MOD, q[0], EPOLLIN | EPOLLONESHOT, 23)));
	tell("once", ep, 16, 0);
	tell("no more", ep, 16, 0);
	write(q[1], "x", 1);
	tell("not for new bytes", ep, 16, 0);
	close(q[1]);
	tell("not for a hangup", ep, 16, 0);
	say("armed again %s", result(ctl(ep, EPOLL_CTL_MOD, q[0], EPOLLIN | EPOLLONESHOT, 24)));
	tell("again", ep, 16, 0);
	say("for nothing %s", result(ctl(ep, EPOLL_CTL_MOD, q[0], 0, 25)));
	tell("a hangup is always told", ep, 16, 0);
	say("del %s", result(epoll_ctl(ep, EPOLL_CTL_DEL, q[0], NULL)));
	tell("nobody", ep, 16, 0);
	close(p[1]);
	tell("hangup", ep, 16, 0);
	close(p[0]);
	tell("closed", ep, 16, 0);
	close(q[0]);
	close(ep);
}

static void room(void)
{
	int ep = epoll_create1(0), p[2];
	static char much[65536];

	pipe2(p, O_NONBLOCK);
	ctl(ep, EPOLL_CTL_ADD, p[1], EPOLLOUT | EPOLLET, 1);
	tell("room at first", ep, 16, 0);
	tell("told once", ep, 16, 0);
	say("fill %s", result(write(p[1], much, sizeof(much))));
	say("full %s", result(write(p[1], much, 1)));
	tell("no room", ep, 16, 0);
	read(p[0], much, 4096);
	tell("a page of room", ep, 16, 0);
	read(p[0], much, 4096);
	tell("more room is no edge", ep, 16, 0);
	close(p[0]);
	tell("no reader", ep, 16, 0);
	close(p[1]);
	close(ep);
}

static void errors(void)
{
	int ep = epoll_create1(0), p[2], file = open("/dev/null", O_RDWR), here = open(".", O_RDONLY);
	struct epoll_event e = {.events = EPOLLIN};

	pipe(p);
	say("create1 %s", result(epoll_create1(1)));
	say("create 0 %s", result(epoll_create(0)));
	say("null %s", result(ctl(ep, EPOLL_CTL_ADD, file, EPOLLIN, 0)));
	say("directory %s", result(ctl(ep, EPOLL_CTL_ADD, here, EPOLLIN, 0)));
	say("itself %s", result(ctl(ep, EPOLL_CTL_ADD, ep, EPOLLIN, 0)));
	say("no epoll %s", result(ctl(p[0], EPOLL_CTL_ADD, p[1], EPOLLIN, 0)));
	say("no such %s", result(ctl(ep, EPOLL_CTL_ADD, 99, EPOLLIN, 0)));
	say("no such epoll %s", result(ctl(99, EPOLL_CTL_ADD, p[0], EPOLLIN, 0)));
	say("bad op %s", result(ctl(ep, 9, p[0], EPOLLIN, 0)));
	say("bad event %s", result(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], (void *)8)));
	say("bad event for del %s", result(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], (void *)8)));
	say("mod of none %s", result(ctl(ep, EPOLL_CTL_MOD, p[0], EPOLLIN, 0)));
	say("add %s", result(ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN, 0)));
	say("add again %s", result(ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN, 0)));
	say("del %s", result(ctl(ep, EPOLL_CTL_DEL, p[0], 0, 0)));
	say("wait for none %s", result(epoll_wait(ep, &e, 0, 0)));
	say("wait for less %s", result(syscall(SYS_epoll_pwait, ep, &e, -1, 0, NULL, 8)));
	say("wait for too many %s", result(syscall(SYS_epoll_pwait, ep, &e, 1 << 30, 0, NULL, 8)));
	say("wait on a pipe %s", result(epoll_wait(p[0], &e, 1, 0)));
	say("wait on nothing %s", result(epoll_wait(99, &e, 1, 0)));
	ctl(ep, EPOLL_CTL_ADD, p[1], EPOLLOUT, 7);
	say("nowhere to tell %s", result(syscall(SYS_epoll_pwait, ep, 8, 1, 0, NULL, 8)));
	tell("it is still there", ep, 4, 0);
	say("read %s", result(read(ep, &e, sizeof(e))));
	say("write %s", result(write(ep, &e, sizeof(e))));
	say("seek %s", result(lseek(ep, 0, SEEK_SET)));
	say("bad mask size %s", result(syscall(SYS_epoll_pwait, ep, &e, 1, 0, &e, 4)));
	say("bad mask %s", result(syscall(SYS_epoll_pwait, ep, &e, 1, 0, (void *)8, 8)));
	struct timespec bad = {0, 1000000000};
	say("bad time %s", result(syscall(SYS_epoll_pwait2, ep, &e, 1, &bad, NULL, 8)));
	say("time nowhere %s", result(syscall(SYS_epoll_pwait2, ep, &e, 1, (void *)8, NULL, 8)));
	say("exclusive mod %s", result(ctl(ep, EPOLL_CTL_MOD, p[1], EPOLLIN | EPOLLEXCLUSIVE, 0)));
	say("exclusive once %s", result(ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT, 0)));
	say("exclusive %s", result(ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLWAKEUP, 0)));
	say("mod of exclusive %s", result(ctl(ep, EPOLL_CTL_MOD, p[0], EPOLLIN, 0)));
	int path = open(".", O_PATH);
	say("path %s", result(ctl(ep, EPOLL_CTL_ADD, path, EPOLLIN, 0)));
	close(path), close(ep), close(p[0]), close(p[1]), close(file), close(here);
}

static void closed_and_duplicated(void)
{
	int ep = epoll_create1(0), p[2], other, copy;
	char c;

	pipe(p);
	ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN, 1);
	copy = dup(p[0]);
	say("the same file by another number %s", result(ctl(ep, EPOLL_CTL_ADD, copy, EPOLLIN, 2)));
	write(p[1], "x", 1);
	tell("two of one", ep, 16, 0);
	int number = p[0];
	close(p[0]);
	tell("the open file is watched", ep, 16, 0);
	say("del by a closed number %s", result(ctl(ep, EPOLL_CTL_DEL, number, 0, 0)));
	other = dup2(copy, number);
	say("del by the number again %s", result(ctl(ep, EPOLL_CTL_DEL, other, 0, 0)));
	tell("one", ep, 16, 0);
	close(other);
	close(copy);
	tell("none", ep, 16, 0);
	close(p[1]);
	/* A number that is used again is another file. */
	pipe(p);
	ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN, 3);
	copy = dup(p[0]);
	close(p[0]);
	int q[2];
	pipe(q);
	say("the number is used again %d", q[0] == p[0]);
	say("and added %s", result(ctl(ep, EPOLL_CTL_ADD, q[0], EPOLLIN, 4)));
	write(p[1], "x", 1);
	write(q[1], "x", 1);
	tell("both", ep, 16, 0);
	/* A child has the same epoll. */
	pid_t pid = fork();
	if (pid == 0) {
		tell("in the child", ep, 16, 0);
		read(q[0], &c, 1);
		ctl(ep, EPOLL_CTL_DEL, q[0], 0, 0);
		_exit(0);
	}
	say("child %s", wait_for(pid));
	tell("in the parent", ep, 16, 0);
	close(ep), close(copy), close(p[1]), close(q[0]), close(q[1]);
}

static void turns(void)
{
	int ep = epoll_create1(0), fd[5];

	for (int i = 0; i < 5; i++) {
		fd[i] = eventfd(0, EFD_NONBLOCK);
		ctl(ep, EPOLL_CTL_ADD, fd[i], EPOLLIN, (uint64_t)i);
	}
	for (int i = 4; i >= 0; i--)
		eventfd_write(fd[i], 1);
	tell("in the order they came", ep, 2, 0);
	tell("then the others", ep, 2, 0);
	tell("round robin", ep, 2, 0);
	tell("again", ep, 2, 0);
	eventfd_t v;
	eventfd_read(fd[3], &v);
	tell("all but one", ep, 16, 0);
	for (int i = 0; i < 5; i++)
		close(fd[i]);
	tell("closed", ep, 16, 0);
	close(ep);
}

static void nests(void)
{
	int ep[8], fd = eventfd(0, 0);
	fd_set set;

	for (int i = 0; i < 8; i++)
		ep[i] = epoll_create1(0);
	ctl(ep[0], EPOLL_CTL_ADD, fd, EPOLLIN, 100);
	for (int i = 0; i < 7; i++)
		say("%d in %d %s", i, i + 1, result(ctl(ep[i + 1], EPOLL_CTL_ADD, ep[i], EPOLLIN, (uint64_t)i)));
	say("a circle %s", result(ctl(ep[0], EPOLL_CTL_ADD, ep[3], EPOLLIN, 0)));
	say("a small circle %s", result(ctl(ep[0], EPOLL_CTL_ADD, ep[1], EPOLLIN, 0)));
	tell("quiet", ep[3], 16, 0);
	eventfd_write(fd, 1);
	tell("from below", ep[3], 16, 0);
	tell("in the middle", ep[1], 16, 0);
	struct pollfd p = {.fd = ep[2], .events = POLLIN | POLLOUT};
	say("poll %s", result(poll(&p, 1, 0)));
	say("revents %x", p.revents);
	FD_ZERO(&set);
	FD_SET(ep[2], &set);
	struct timeval none = {0, 0};
	say("select %s", result(select(ep[2] + 1, &set, NULL, NULL, &none)));
	eventfd_t v;
	eventfd_read(fd, &v);
	tell("quiet again", ep[3], 16, 0);
	say("poll %s", result(poll(&p, 1, 0)));
	say("revents %x", p.revents);
	/* An edge of an epoll is that something below came. */
	ctl(ep[3], EPOLL_CTL_MOD, ep[2], EPOLLIN | EPOLLET, 55);
	eventfd_write(fd, 1);
	tell("edge", ep[3], 16, 0);
	tell("once", ep[3], 16, 0);
	eventfd_write(fd, 1);
	tell("another", ep[3], 16, 0);
	close(ep[1]);
	tell("cut", ep[3], 16, 0);
	for (int i = 0; i < 8; i++)
		close(ep[i]);
	close(fd);
}

static void nothing(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info, (void)context;
}

static void waiting(void)
{
	int ep = epoll_create1(0), fd = eventfd(0, 0);
	struct epoll_event e;
	struct timespec before, after, half = {0, 50000000};
	sigset_t none;

	ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN, 1);
	clock_gettime(CLOCK_MONOTONIC, &before);
	say("timeout %s", result(epoll_wait(ep, &e, 1, 50)));
	say("timeout %s", result(syscall(SYS_epoll_pwait2, ep, &e, 1, &half, NULL, 0)));
	clock_gettime(CLOCK_MONOTONIC, &after);
	say("waited %d", (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 >= 100);
	handle(SIGALRM, nothing, SA_RESTART);
	struct itimerval it = {{0, 0}, {0, 20000}};
	setitimer(ITIMER_REAL, &it, NULL);
	say("interrupted, even with SA_RESTART %s", result(epoll_wait(ep, &e, 1, -1)));
	block(SIG_BLOCK, SIGALRM);
	sigemptyset(&none);
	setitimer(ITIMER_REAL, &it, NULL);
	say("with a mask of its own %s", result(epoll_pwait(ep, &e, 1, -1, &none)));
	raise(SIGALRM);
	say("pending already %s", result(epoll_pwait(ep, &e, 1, 1000, &none)));
	raise(SIGALRM);
	eventfd_write(fd, 1);
	say("events come before signals %s", result(epoll_pwait(ep, &e, 1, 1000, &none)));
	block(SIG_UNBLOCK, SIGALRM);
	eventfd_t v;
	eventfd_read(fd, &v);
	pid_t pid = fork();
	if (pid == 0) {
		usleep(20000);
		eventfd_write(fd, 5);
		_exit(0);
	}
	tell("woken by a child", ep, 1, -1);
	say("%s", wait_for(pid));
	close(ep), close(fd);
}

static int shared_ep, woken, shared_fd;

static void *waiter(void *arg)
{
	struct epoll_event e;
	int n = epoll_wait(shared_ep, &e, 1, 100);
	eventfd_t v;

	(void)arg;
	if (n == 1 && eventfd_read(shared_fd, &v) == 0)
		__atomic_add_fetch(&woken, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* Each event of an edge wakes one of those that wait. */
static void threads(void)
{
	pthread_t thread[4];

	shared_ep = epoll_create1(0);
	shared_fd = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK);
	ctl(shared_ep, EPOLL_CTL_ADD, shared_fd, EPOLLIN | EPOLLET, 1);
	for (int i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, waiter, NULL);
	usleep(20000);
	eventfd_write(shared_fd, 1);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	say("one edge woke %d", woken);
	woken = 0;
	ctl(shared_ep, EPOLL_CTL_MOD, shared_fd, EPOLLIN, 1);
	for (int i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, waiter, NULL);
	usleep(20000);
	eventfd_write(shared_fd, 3);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	say("a level of three served %d", woken);
	close(shared_ep), close(shared_fd);
}

static void *wait_alone(void *arg)
{
	struct epoll_event e;

	if (epoll_wait(*(int *)arg, &e, 1, 100) == 1)
		__atomic_add_fetch(&woken, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void exclusive(void)
{
	int ep[3], fd = eventfd(0, 0);
	pthread_t thread[3];

	woken = 0;
	for (int i = 0; i < 3; i++) {
		ep[i] = epoll_create1(0);
		ctl(ep[i], EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLEXCLUSIVE | EPOLLET, 1);
		pthread_create(&thread[i], NULL, wait_alone, &ep[i]);
	}
	usleep(20000);
	eventfd_write(fd, 1);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	say("of three exclusive ones %d", woken);
	for (int i = 0; i < 3; i++)
		close(ep[i]);
	close(fd);
}

static void paths(void)
{
	int ep = epoll_create1(0);
	char name[64], text[64] = "";

	snprintf(name, sizeof(name), "/proc/self/fd/%d", ep);
	readlink(name, text, sizeof(text) - 1);
	say("%s", text);
	close(ep);
}

int main(void)
{
	levels_and_edges();
	room();
	errors();
	closed_and_duplicated();
	turns();
	nests();
	waiting();
	threads();
	exclusive();
	paths();
	return 0;
}
