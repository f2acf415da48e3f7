/* SPDX-License-Identifier: MIT */
/* Waiting for signals: sigsuspend, ppoll's mask, sigtimedwait, and whose mask holds when. */
#include "guest.h"

#include <poll.h>
#include <time.h>

static void tell(int n, siginfo_t *info, void *uc)
{
	sigset_t now;

	(void)info, (void)uc;
	sigprocmask(SIG_BLOCK, NULL, &now);
	say("  SIG%s, USR1 blocked %d, USR2 blocked %d", sigabbrev_np(n), sigismember(&now, SIGUSR1), sigismember(&now, SIGUSR2));
}

static void blocked_now(const char *when)
{
	sigset_t now;

	sigprocmask(SIG_BLOCK, NULL, &now);
	say("  %s: USR1 blocked %d, USR2 blocked %d", when, sigismember(&now, SIGUSR1), sigismember(&now, SIGUSR2));
}

static pid_t send_later(int n, int ms)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct timespec ts = {0, ms * 1000000L};
		nanosleep(&ts, NULL);
		kill(getppid(), n);
		_exit(0);
	}
	return pid;
}

static void suspend(void)
{
	sigset_t mask;
	pid_t pid;
	long r;

	say("sigsuspend");
	block(SIG_BLOCK, SIGUSR1);
	handle(SIGUSR1, tell, 0);
	handle(SIGUSR2, tell, 0);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	raise(SIGUSR1);
	raise(SIGUSR1);
	r = sigsuspend(&mask);
	say("  pending before: %s", result(r));
	blocked_now("after");
	pid = send_later(SIGUSR1, 100);
	r = sigsuspend(&mask);
	say("  sent later: %s", result(r));
	blocked_now("after");
	wait_for(pid);
	block(SIG_UNBLOCK, SIGUSR1);
}

static void polling(void)
{
	struct timespec ts = {0, 300000000};
	sigset_t mask;
	int fd[2];
	pid_t pid;
	long r;

	say("ppoll");
	block(SIG_BLOCK, SIGUSR1);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	r = ppoll(NULL, 0, &ts, &mask);
	say("  nothing: %s", result(r));
	blocked_now("after");
	pid = send_later(SIGUSR1, 50);
	r = ppoll(NULL, 0, &ts, &mask);
	say("  a signal: %s", result(r));
	blocked_now("after");
	wait_for(pid);
	if (pipe(fd) != 0 || write(fd[1], "x", 1) != 1)
		return;
	struct pollfd p = {.fd = fd[0], .events = POLLIN};
	r = ppoll(&p, 1, &ts, &mask);
	say("  ready: %s %d", result(r), p.revents == POLLIN);
	blocked_now("after");
	block(SIG_UNBLOCK, SIGUSR1);
}

static void timed(void)
{
	struct timespec ts = {0, 100000000}, none = {0, 0}, wrong = {0, -1};
	siginfo_t info;
	sigset_t set;
	union sigval v = {.sival_int = 77};
	pid_t pid;
	long r;

	say("sigtimedwait");
	block(SIG_BLOCK, SIGUSR1);
	block(SIG_BLOCK, SIGRTMIN);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN);
	r = sigtimedwait(&set, &info, &none);
	say("  nothing at once: %s", result(r));
	r = sigtimedwait(&set, &info, &ts);
	say("  nothing: %s", result(r));
	r = sigtimedwait(&set, &info, &wrong);
	say("  wrong time: %s", result(r));
	sigqueue(getpid(), SIGRTMIN, v);
	raise(SIGUSR1);
	r = sigtimedwait(&set, &info, &ts);
	say("  first: SIG%s code %d", sigabbrev_np((int)r), info.si_code);
	r = sigtimedwait(&set, &info, &ts);
	say("  second: RTMIN %d value %d", r == SIGRTMIN, info.si_value.sival_int);
	pid = send_later(SIGUSR1, 50);
	r = sigwaitinfo(&set, &info);
	say("  later: SIG%s from the child %d", sigabbrev_np((int)r), info.si_pid == pid);
	wait_for(pid);
	handle(SIGUSR2, tell, SA_RESTART);
	pid = send_later(SIGUSR2, 50);
	r = sigwaitinfo(&set, &info);
	say("  another signal: %s", result(r));
	wait_for(pid);
}

int main(void)
{
	suspend();
	polling();
	timed();
	return 0;
}
