/* SPDX-License-Identifier: MIT */
/* pidfd: opened, polled, signalled, waited for, robbed of its descriptors; and made by clone */
#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static long pidfd_open_(pid_t pid, unsigned flags) { return syscall(SYS_pidfd_open, pid, flags); }
static long send_(int fd, int number, void *info, unsigned flags) { return syscall(SYS_pidfd_send_signal, fd, number, info, flags); }
static long getfd(int fd, int theirs, unsigned flags) { return syscall(SYS_pidfd_getfd, fd, theirs, flags); }

static void show_poll(const char *what, int fd, int timeout)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
	int n = poll(&p, 1, timeout);

	say("%s: %s %x", what, result(n), p.revents);
}

static void wait_on_it(const char *what, int fd, int options)
{
	siginfo_t info = {0};
	long n = waitid(P_PIDFD, (id_t)fd, &info, options);

	say("%s: %s signal %d code %d status %d", what, result(n), info.si_signo, info.si_code, info.si_status);
}

static pid_t sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			pause();
	}
	return pid;
}

int main(void)
{
	pid_t pid = sleeper();
	int fd = (int)pidfd_open_(pid, 0), status;

	say("cloexec %d", fcntl(fd, F_GETFD));
	say("flags %x", fcntl(fd, F_GETFL));
	show_poll("lives", fd, 0);
	wait_on_it("lives", fd, WEXITED | WNOHANG);
	say("signal 0 %s", result(send_(fd, 0, NULL, 0)));
	say("stop %s", result(send_(fd, SIGSTOP, NULL, 0)));
	wait_on_it("stopped", fd, WSTOPPED);
	say("continue %s", result(send_(fd, SIGCONT, NULL, 0)));
	wait_on_it("continued", fd, WCONTINUED);
	int ep = epoll_create1(0);
	struct epoll_event e = {.events = EPOLLIN};
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
	say("kill %s", result(send_(fd, SIGKILL, NULL, 0)));
	say("epoll %s", result(epoll_wait(ep, &e, 1, 1000)));
	show_poll("dead", fd, 1000);
	say("signal to a zombie %s", result(send_(fd, 0, NULL, 0)));
	wait_on_it("looked at", fd, WEXITED | WNOWAIT);
	wait_on_it("dead", fd, WEXITED);
	wait_on_it("gone", fd, WEXITED);
	say("signal to nobody %s", result(send_(fd, SIGTERM, NULL, 0)));
	close(fd);

	int p[2];
	pipe(p);
	pid = sleeper();
	fd = (int)pidfd_open_(pid, O_NONBLOCK);
	say("nonblock %x", fcntl(fd, F_GETFL));
	wait_on_it("would wait", fd, WEXITED);
	close(p[1]);
	int theirs = (int)getfd(fd, p[1], 0);
	say("theirs %d", theirs >= 0);
	say("write to it %s", result(write(theirs, "hello", 5)));
	say("cloexec %d", fcntl(theirs, F_GETFD));
	say("none there %s", result(getfd(fd, 99, 0)));
	say("bad flags %s", result(getfd(fd, 0, 1)));
	say("no pidfd %s", result(getfd(1, 0, 0)));
	send_(fd, SIGTERM, NULL, 0);
	say("%s", wait_for(pid));
	say("of the dead %s", result(getfd(fd, 0, 0)));
	close(fd);

	say("no such %s", result(pidfd_open_(999999, 0)));
	say("zero %s", result(pidfd_open_(0, 0)));
	say("negative %s", result(pidfd_open_(-1, 0)));
	say("bad flags %s", result(pidfd_open_(getpid(), 1)));
	fd = (int)pidfd_open_(getpid(), 0);
	say("bad signal %s", result(send_(fd, 65, NULL, 0)));
	say("no pidfd %s", result(send_(1, SIGTERM, NULL, 0)));
	say("no file %s", result(send_(99, SIGTERM, NULL, 0)));
	siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};
	say("another signal %s", result(send_(fd, SIGUSR2, &info, 0)));
	say("no info %s", result(syscall(SYS_pidfd_send_signal, fd, SIGUSR2, 8, 0)));
	info.si_value.sival_int = 7;
	block(SIG_BLOCK, SIGUSR1);
	say("queued %s", result(send_(fd, SIGUSR1, &info, 0)));
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	memset(&info, 0, sizeof(info));
	say("taken %s", result(sigwaitinfo(&set, &info)));
	say("code %d value %d", info.si_code, info.si_value.sival_int);
	wait_on_it("not a child", fd, WEXITED);
	wait_on_it("no pidfd", 1, WEXITED);
	wait_on_it("no file", 99, WEXITED);
	say("read %s", result(read(fd, &set, 8)));
	char name[40], text[64] = "";
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	readlink(name, text, sizeof(text) - 1);
	say("%s", text);
	close(fd);

	int made = -1;
	pid = (pid_t)syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &made, 0, 0);
	if (pid == 0)
		_exit(4);
	say("clone %d", pid > 0 && made >= 0);
	show_poll("ends", made, 1000);
	wait_on_it("ended", made, WEXITED);
	say("cloexec %d", fcntl(made, F_GETFD));
	say("with a tid too %s", result(syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0, &made, 0, 0)));
	say("nowhere %s", result(syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, 8, 0, 0)));
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	} args = {.flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&made, .exit_signal = SIGCHLD};
	made = -1;
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		_exit(5);
	say("clone3 %d", pid > 0 && made >= 0);
	wait_on_it("ended", made, WEXITED);
	say("nobody left %d", waitpid(-1, &status, 0));
	return 0;
}
