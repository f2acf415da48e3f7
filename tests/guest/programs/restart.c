/* SPDX-License-Identifier: MIT */
/* What a signal does to a call that waits: restarted, interrupted, or never noticed. */
#include "guest.h"

#include <poll.h>
#include <sys/time.h>
#include <time.h>

static volatile int seen;

static void count(int n, siginfo_t *info, void *uc)
{
	(void)n, (void)info, (void)uc;
	seen++;
}

static void alarm_in(int ms)
{
	struct itimerval v = {.it_value = {ms / 1000, ms % 1000 * 1000}};

	setitimer(ITIMER_REAL, &v, NULL);
}

static void sleep_ms(int ms)
{
	struct timespec ts = {ms / 1000, ms % 1000 * 1000000L};

	while (nanosleep(&ts, &ts) != 0)
		;
}

/* A child that writes a byte after a while. */
static pid_t writer(int fd, int ms)
{
	pid_t pid = fork();

	if (pid == 0) {
		sleep_ms(ms);
		if (write(fd, "x", 1) != 1)
			_exit(1);
		_exit(0);
	}
	return pid;
}

static void read_a_pipe(const char *name, int flags)
{
	int fd[2];
	char c;
	pid_t pid;
	long r;

	if (pipe(fd) != 0)
		return;
	seen = 0;
	handle(SIGALRM, count, flags);
	pid = writer(fd[1], 300);
	alarm_in(100);
	r = read(fd[0], &c, 1);
	say("%s: read %s, handler ran %d", name, result(r), seen);
	wait_for(pid);
	close(fd[0]);
	close(fd[1]);
}

static void wait_for_a_child(const char *name, int flags)
{
	pid_t pid = fork();
	int status;
	long r;

	if (pid == 0) {
		sleep_ms(300);
		_exit(3);
	}
	seen = 0;
	handle(SIGALRM, count, flags);
	alarm_in(100);
	r = waitpid(pid, &status, 0);
	say("%s: waitpid %s, handler ran %d", name, r == pid ? "ok" : result(r), seen);
	if (r < 0)
		say("  then %s", wait_for(pid));
}

static void sleep_is_interrupted(int flags)
{
	struct timespec ts = {0, 300000000}, left = {9, 9};
	long r;

	seen = 0;
	handle(SIGALRM, count, flags);
	alarm_in(100);
	r = nanosleep(&ts, &left);
	say("nanosleep: %s, about 200 ms left %d", result(r), left.tv_sec == 0 && left.tv_nsec > 100000000 && left.tv_nsec < 250000000);
}

static void absolute_sleep(void)
{
	struct timespec until;
	int r;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += 300000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	handle(SIGALRM, count, SA_RESTART);
	alarm_in(100);
	r = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	say("clock_nanosleep until: %s", r ? strerrorname_np(r) : "0");
	r = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	say("again: %s", r ? strerrorname_np(r) : "0");
}

static void ignored_is_not_noticed(void)
{
	struct timespec ts = {0, 300000000};
	long r;

	signal(SIGALRM, SIG_IGN);
	alarm_in(100);
	r = nanosleep(&ts, NULL);
	say("ignored during nanosleep: %s", result(r));
}

static void stop_and_continue_is_not_noticed(void)
{
	int fd[2];
	char c;
	long r;
	pid_t pid, other;

	if (pipe(fd) != 0)
		return;
	pid = fork();
	if (pid == 0) {
		struct timespec ts = {0, 400000000};
		r = nanosleep(&ts, NULL);
		say("  nanosleep: %s", result(r));
		r = read(fd[0], &c, 1);
		say("  read: %s", result(r));
		_exit(0);
	}
	sleep_ms(100);
	kill(pid, SIGSTOP);
	sleep_ms(100);
	kill(pid, SIGCONT);
	sleep_ms(500);
	kill(pid, SIGSTOP);
	sleep_ms(50);
	kill(pid, SIGCONT);
	other = writer(fd[1], 50);
	say("stopped and continued: %s", wait_for(pid));
	wait_for(other);
}

static void a_write_keeps_its_progress(void)
{
	static char buffer[200000];
	int fd[2], status;
	pid_t pid;
	long r;

	if (pipe(fd) != 0)
		return;
	pid = fork();
	if (pid == 0) {
		sleep_ms(300);
		_exit(0);
	}
	handle(SIGALRM, count, SA_RESTART);
	alarm_in(100);
	r = write(fd[1], buffer, sizeof(buffer));
	say("write into a full pipe: %ld", r);
	waitpid(pid, &status, 0);
	close(fd[0]);
	close(fd[1]);
}

static void poll_is_never_restarted(void)
{
	struct pollfd p = {.fd = -1};
	long r;

	handle(SIGALRM, count, SA_RESTART);
	alarm_in(100);
	r = poll(&p, 1, 300);
	say("poll: %s", result(r));
}

int main(void)
{
	read_a_pipe("SA_RESTART", SA_RESTART);
	read_a_pipe("no SA_RESTART", 0);
	wait_for_a_child("SA_RESTART", SA_RESTART);
	wait_for_a_child("no SA_RESTART", 0);
	sleep_is_interrupted(0);
	sleep_is_interrupted(SA_RESTART);
	absolute_sleep();
	ignored_is_not_noticed();
	stop_and_continue_is_not_noticed();
	a_write_keeps_its_progress();
	poll_is_never_restarted();
	return 0;
}
