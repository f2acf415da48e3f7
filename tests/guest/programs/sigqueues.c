/* SPDX-License-Identifier: MIT */
/* Signals that queue, their limits, what siginfo says of them; waits that they end; job control */
#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

static pid_t self;

static void sleep_ms(int ms)
{
	struct timespec ts = {ms / 1000, ms % 1000 * 1000000L};

	while (nanosleep(&ts, &ts) != 0)
		;
}

static void tell(int n, siginfo_t *info, void *uc)
{
	(void)uc;
	say("  handler %d code %d value %d from me %d", n, info->si_code, info->si_value.sival_int, info->si_pid == self);
}

static void all_of(int how, int from, int to)
{
	sigset_t set;

	sigemptyset(&set);
	for (int n = from; n <= to; n++)
		sigaddset(&set, n);
	sigprocmask(how, &set, NULL);
}

static const char *queue(int n, int value)
{
	union sigval v = {.sival_int = value};

	return result(sigqueue(self, n, v));
}

static void order(void)
{
	say("order");
	self = getpid();
	for (int n = SIGRTMIN; n < SIGRTMIN + 4; n++)
		handle(n, tell, 0);
	handle(SIGUSR1, tell, 0);
	handle(SIGUSR2, tell, 0);
	all_of(SIG_BLOCK, 1, 64);
	queue(SIGRTMIN + 2, 1);
	queue(SIGRTMIN + 1, 2);
	queue(SIGRTMIN + 2, 3);
	queue(SIGUSR2, 4);
	queue(SIGUSR1, 5);
	queue(SIGUSR1, 6);
	kill(self, SIGRTMIN + 1);
	syscall(SYS_tgkill, self, self, SIGRTMIN + 3);
	syscall(SYS_tgkill, self, self, SIGUSR2);
	sigset_t pending;
	sigpending(&pending);
	say("  pending %d %d %d", sigismember(&pending, SIGUSR1), sigismember(&pending, SIGRTMIN + 2), sigismember(&pending, SIGRTMIN + 4));
	all_of(SIG_UNBLOCK, 1, 64);
}

static void bounded(void)
{
	struct rlimit few = {3, 3};

	say("bounded");
	self = getpid();
	all_of(SIG_BLOCK, SIGRTMIN, SIGRTMAX);
	all_of(SIG_BLOCK, SIGUSR1, SIGUSR1);
	say("  limit %s", result(setrlimit(RLIMIT_SIGPENDING, &few)));
	int sent = 0;
	while (sent < 100 && strcmp(queue(SIGRTMIN, sent), "0") == 0)
		sent++;
	say("  some were sent %d, then %s", sent <= 3, queue(SIGRTMIN, 0));
	say("  a standard one is %s", queue(SIGUSR1, 0));
	say("  and kill of a real-time one %s", result(kill(self, SIGRTMIN + 1)));
	siginfo_t info;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	say("  which comes without siginfo %d", sigwaitinfo(&set, &info) == SIGRTMIN + 1);
	say("  code %d", info.si_code);
}

static void forged(void)
{
	siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_USER};
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	self = getpid();
	say("forged");
	say("  as kill, to another %s", result(syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, &info)));
	info.si_code = SI_TKILL;
	say("  as tkill, to another %s", result(syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, &info)));
	info.si_code = 1;
	say("  as the kernel, to another %s", result(syscall(SYS_rt_tgsigqueueinfo, pid, pid, SIGUSR1, &info)));
	info.si_code = SI_MESGQ;
	say("  as a queue, to nobody %s", result(syscall(SYS_rt_sigqueueinfo, 999999, 0, &info)));
	say("  no such signal %s", result(syscall(SYS_rt_sigqueueinfo, pid, 65, &info)));
	say("  nothing %s", result(syscall(SYS_rt_sigqueueinfo, pid, 0, &info)));
	say("  bad info %s", result(syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, 8)));
	say("  another group %s", result(syscall(SYS_rt_tgsigqueueinfo, self, pid, SIGUSR1, &info)));
	say("  negative %s", result(syscall(SYS_rt_tgsigqueueinfo, -1, pid, SIGUSR1, &info)));
	say("  as a queue %s", result(syscall(SYS_rt_tgsigqueueinfo, pid, pid, SIGUSR1, &info)));
	say("  %s", wait_for(pid));
	handle(SIGUSR1, tell, 0);
	info = (siginfo_t){.si_signo = SIGUSR1, .si_code = SI_USER};
	say("  as kill, to oneself %s", result(syscall(SYS_rt_sigqueueinfo, self, SIGUSR1, &info)));
}

static void waits(void)
{
	sigset_t set;
	siginfo_t info;
	struct timespec none = {0, 0}, some = {0, 20000000};

	say("waits");
	self = getpid();
	handle(SIGUSR2, tell, SA_RESTART);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	say("  none %s", result(sigtimedwait(&set, &info, &none)));
	say("  none %s", result(sigtimedwait(&set, &info, &some)));
	some.tv_nsec = -1;
	say("  bad time %s", result(sigtimedwait(&set, &info, &some)));
	say("  bad size %s", result(syscall(SYS_rt_sigtimedwait, &set, &info, NULL, 4)));
	pid_t pid = fork();
	if (pid == 0) {
		sleep_ms(20);
		kill(self, SIGUSR2);
		sleep_ms(20);
		union sigval v = {.sival_int = 99};
		sigqueue(self, SIGRTMIN, v);
		_exit(0);
	}
	say("  interrupted by another, even with SA_RESTART %s", result(sigwaitinfo(&set, &info)));
	say("  waited for %d", sigwaitinfo(&set, &info) == SIGRTMIN);
	say("  value %d code %d", info.si_value.sival_int, info.si_code);
	say("  %s", wait_for(pid));
	/* A signal that is waited for goes to who waits, though another thread could take it. */
	queue(SIGRTMIN, 1);
	raise(SIGUSR1);
	say("  the lowest first %d", sigwaitinfo(&set, NULL) == SIGUSR1);
	say("  then %d", sigwaitinfo(&set, NULL) == SIGRTMIN);
	say("  nowhere to tell %s", result(syscall(SYS_rt_sigtimedwait, &set, 8, &none, 8)));
}

static void news(const char *what, pid_t pid, int options)
{
	siginfo_t info = {0};
	long n = waitid(P_PID, (id_t)pid, &info, options | WNOHANG);

	say("  %s: %s signal %d code %d status %d", what, result(n), info.si_signo, info.si_code, info.si_status);
}

static void stops(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		handle(SIGCONT, tell, 0);
		self = getppid();
		for (;;)
			pause();
	}
	say("stops");
	sleep_ms(20);
	news("runs", pid, WSTOPPED | WEXITED | WCONTINUED);
	kill(pid, SIGSTOP);
	sleep_ms(20);
	news("left there", pid, WSTOPPED | WNOWAIT);
	news("stopped", pid, WSTOPPED);
	news("told", pid, WSTOPPED);
	kill(pid, SIGTERM); /* kept until it goes on */
	sleep_ms(20);
	news("still stopped", pid, WSTOPPED | WEXITED);
	kill(pid, SIGCONT);
	sleep_ms(20);
	waitpid(pid, &status, 0);
	say("  %s", how_it_ended(status));

	pid = fork();
	if (pid == 0) {
		signal(SIGTSTP, SIG_DFL);
		signal(SIGCONT, SIG_IGN);
		all_of(SIG_BLOCK, SIGTSTP, SIGTSTP);
		raise(SIGTSTP);
		raise(SIGCONT); /* takes the stop back, though it is ignored */
		all_of(SIG_UNBLOCK, SIGTSTP, SIGTSTP);
		all_of(SIG_BLOCK, SIGCONT, SIGCONT);
		raise(SIGCONT);
		raise(SIGSTOP);
		sigset_t set;
		sigpending(&set);
		say("  a stop took the continuing back %d", !sigismember(&set, SIGCONT));
		_exit(7);
	}
	sleep_ms(50);
	waitpid(pid, &status, WUNTRACED);
	say("  %s", how_it_ended(status));
	kill(pid, SIGCONT);
	waitpid(pid, &status, WCONTINUED);
	say("  %s", how_it_ended(status));
	say("  %s", wait_for(pid));

	/* In a group of its own whose parent is in the session: it can be stopped from the keyboard. */
	for (int n = SIGTSTP; n <= SIGTTOU; n++) {
		pid = fork();
		if (pid == 0) {
			setpgid(0, 0);
			raise(n);
			_exit(n);
		}
		waitpid(pid, &status, WUNTRACED);
		say("  %s", how_it_ended(status));
		kill(pid, SIGCONT);
		say("  %s", wait_for(pid));
	}
	/* In a session of its own nobody could continue it. */
	pid = fork();
	if (pid == 0) {
		setsid();
		raise(SIGTSTP);
		_exit(9);
	}
	waitpid(pid, &status, WUNTRACED);
	say("  an orphan %s", how_it_ended(status));
}

static void cores(void)
{
	static const int numbers[] = {SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS, SIGTERM, SIGKILL};
	struct rlimit none = {0, 0};
	int status;

	say("no core with a limit of 0");
	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		pid_t pid = fork();
		if (pid == 0) {
			setrlimit(RLIMIT_CORE, &none);
			signal(numbers[i], SIG_DFL);
			raise(numbers[i]);
			_exit(0);
		}
		waitpid(pid, &status, 0);
		say("  %s dumped %d", how_it_ended(status), WCOREDUMP(status) != 0);
	}
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_DUMPABLE, 0);
		raise(SIGQUIT);
	}
	waitpid(pid, &status, 0);
	say("  not dumpable: dumped %d", WCOREDUMP(status) != 0);
}

static int got_io;

static void on_io(int n, siginfo_t *info, void *uc)
{
	(void)uc;
	got_io++;
	if (n == SIGIO)
		say("  SIGIO code %d", info->si_code == SI_KERNEL);
	else
		say("  signal %d code %d band %lx fd %d", n, info->si_code, (unsigned long)info->si_band, info->si_fd);
}

static void async(void)
{
	int p[2];
	char c;

	say("SIGIO");
	self = getpid();
	pipe(p);
	handle(SIGIO, on_io, 0);
	handle(SIGRTMIN + 1, on_io, 0);
	say("  owner %s", result(fcntl(p[0], F_GETOWN)));
	say("  to me %s", result(fcntl(p[0], F_SETOWN, self)));
	say("  it is %d", fcntl(p[0], F_GETOWN) == self);
	write(p[1], "a", 1);
	say("  none yet %d", got_io);
	say("  async %s", result(fcntl(p[0], F_SETFL, O_ASYNC)));
	say("  flags %x", fcntl(p[0], F_GETFL));
	write(p[1], "b", 1);
	say("  signal %s", result(fcntl(p[0], F_SETSIG, SIGRTMIN + 1)));
	say("  it is %d", fcntl(p[0], F_GETSIG) == SIGRTMIN + 1);
	write(p[1], "c", 1);
	read(p[0], &c, 1);
	close(p[1]);
	say("  off %s", result(fcntl(p[0], F_SETFL, 0)));
	close(p[0]);
	pipe(p);
	fcntl(p[0], F_SETOWN, -getpgrp());
	say("  group %d", fcntl(p[0], F_GETOWN) == -getpgrp());
	struct f_owner_ex owner = {-1, -1};
	say("  get %s", result(fcntl(p[0], F_GETOWN_EX, &owner)));
	say("  type %d is it %d", owner.type, owner.pid == getpgrp());
	owner = (struct f_owner_ex){F_OWNER_TID, self};
	say("  a thread %s", result(fcntl(p[0], F_SETOWN_EX, &owner)));
	int on = 1;
	say("  by ioctl %s", result(ioctl(p[0], FIOASYNC, &on)));
	write(p[1], "d", 1);
	owner.type = 7;
	say("  bad type %s", result(fcntl(p[0], F_SETOWN_EX, &owner)));
	say("  bad owner %s", result(fcntl(p[0], F_SETOWN, 999999)));
	say("  bad signal %s", result(fcntl(p[0], F_SETSIG, 65)));
	pid_t pid = fork();
	if (pid == 0) {
		write(p[1], "e", 1);
		_exit(0);
	}
	wait_for(pid);
	say("  %d came", got_io);
	close(p[0]), close(p[1]);
}

static volatile int thread_ran;

static void *takes(void *arg)
{
	sigset_t set;
	siginfo_t info;

	(void)arg;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 5);
	say("  thread took %d", sigwaitinfo(&set, &info) == SIGRTMIN + 5);
	say("  value %d", info.si_value.sival_int);
	thread_ran = 1;
	return NULL;
}

static void threads(void)
{
	pthread_t thread;
	union sigval v = {.sival_int = 31};

	say("threads");
	all_of(SIG_BLOCK, SIGRTMIN + 5, SIGRTMIN + 5);
	pthread_create(&thread, NULL, takes, NULL);
	sleep_ms(20);
	say("  pthread_sigqueue %d", pthread_sigqueue(thread, SIGRTMIN + 5, v));
	pthread_join(thread, NULL);
	timer_t timer;
	struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 5, .sigev_value = {.sival_int = 8}};
	struct itimerspec it = {{0, 0}, {0, 10000000}};
	say("  timer %s", result(timer_create(CLOCK_MONOTONIC, &e, &timer)));
	pthread_create(&thread, NULL, takes, NULL);
	timer_settime(timer, 0, &it, NULL);
	pthread_join(thread, NULL);
	timer_delete(timer);
}

/* What a Linux that writes cores says; this one may be told not to. */
static void dumped(void)
{
	static const int numbers[] = {SIGQUIT, SIGTERM};
	int status;

	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			setrlimit(RLIMIT_CORE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
			if (chdir("/tmp") != 0)
				_exit(1);
			raise(numbers[i]);
			_exit(0);
		}
		waitpid(pid, &status, 0);
		say("%s dumped %d", how_it_ended(status), WCOREDUMP(status) != 0);
	}
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1) {
		dumped();
		return 0;
	}
	in_child("order", order);
	in_child("bounded", bounded);
	in_child("forged", forged);
	in_child("waits", waits);
	in_child("stops", stops);
	in_child("cores", cores);
	in_child("async", async);
	in_child("threads", threads);
	return 0;
}
