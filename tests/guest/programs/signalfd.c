/* SPDX-License-Identifier: MIT */
/* signalfd: signals are read with what is known of them, by whom they are sent to */
#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>

static pid_t parent;

static void take(const char *what, int fd)
{
	struct signalfd_siginfo s[4];
	long n = read(fd, s, sizeof(s));

	say("%s: %s", what, result(n));
	for (long i = 0; i < n / (long)sizeof(s[0]); i++)
		say("  signal %u code %d from %s uid %d int %d ptr %llx status %d", s[i].ssi_signo, s[i].ssi_code,
		    s[i].ssi_pid == (uint32_t)parent ? "me" : s[i].ssi_pid ? "another" : "nobody", s[i].ssi_uid == getuid(), s[i].ssi_int,
		    (unsigned long long)s[i].ssi_ptr, s[i].ssi_status);
}

static int with(int number, ...)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGRTMIN + 1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static int thread_fd;

static void *reader(void *arg)
{
	struct signalfd_siginfo s;
	long n;

	(void)arg;
	n = read(thread_fd, &s, sizeof(s));
	say("thread: %s", result(n));
	n = read(thread_fd, &s, sizeof(s));
	say("thread of its own: %s", result(n));
	return NULL;
}

int main(void)
{
	int fd = with(SIGUSR1), status;
	sigset_t set;
	union sigval v = {.sival_int = 42};
	char bytes[200];

	parent = getpid();
	say("flags %x %d", fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
	take("nothing", fd);
	kill(parent, SIGUSR2);
	raise(SIGUSR1);
	sigqueue(parent, SIGRTMIN + 1, v);
	v.sival_int = 43;
	sigqueue(parent, SIGRTMIN + 1, v);
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
	say("poll %s", result(poll(&p, 1, 0)));
	say("revents %x", p.revents);
	take("four", fd);
	take("no more", fd);
	pid_t pid = fork();
	if (pid == 0)
		_exit(3);
	poll(&p, 1, -1);
	take("child", fd);
	waitpid(pid, &status, 0);
	say("%s", how_it_ended(status));

	/* Each reads his own. */
	kill(parent, SIGUSR1);
	pid = fork();
	if (pid == 0) {
		take("the child has none", fd);
		kill(getpid(), SIGUSR2);
		struct signalfd_siginfo s;
		say("but its own %s", result(read(fd, &s, sizeof(s))));
		_exit(0);
	}
	wait_for(pid);
	read(fd, bytes, 128); /* SIGCHLD or SIGUSR1 */
	struct signalfd_siginfo s = {0};
	memcpy(&s, bytes, sizeof(s));
	say("the parent has its own %u", s.ssi_signo);
	while (read(fd, bytes, 128) > 0)
		;

	/* The set can be changed. */
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGKILL);
	say("changed %d", signalfd(fd, &set, 0) == fd);
	raise(SIGUSR1);
	take("not this one", fd);
	raise(SIGUSR2);
	take("this one", fd);

	/* An epoll is told. */
	int ep = epoll_create1(0);
	struct epoll_event e = {.events = EPOLLIN};
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
	say("epoll %s", result(epoll_wait(ep, &e, 1, 0)));
	raise(SIGUSR2);
	say("epoll %s", result(epoll_wait(ep, &e, 1, 1000)));
	take("told", fd);
	close(ep);

	thread_fd = signalfd(-1, &set, 0);
	pthread_t thread;
	pthread_create(&thread, NULL, reader, NULL);
	usleep(20000);
	kill(parent, SIGUSR2);
	usleep(20000);
	pthread_kill(thread, SIGUSR2);
	pthread_join(thread, NULL);

	say("bad flags %s", result(signalfd(-1, &set, 1)));
	say("bad fd %s", result(signalfd(99, &set, 0)));
	say("no signalfd %s", result(signalfd(1, &set, 0)));
	say("bad size %s", result(syscall(SYS_signalfd4, -1, &set, 4, 0)));
	say("nowhere %s", result(syscall(SYS_signalfd4, -1, 8, 8, 0)));
	say("small %s", result(read(fd, bytes, 127)));
	say("write %s", result(write(fd, bytes, 128)));
	say("seek %s", result(lseek(fd, 0, SEEK_SET)));
	return 0;
}
