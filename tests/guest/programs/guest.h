/* SPDX-License-Identifier: MIT */
/* guest.h - programs that run on Carrel and on a real Linux, and must say the same on both
 *
 * What they print must not depend on addresses, pids, or how fast the machine is. Each line is
 * written at once, so that a death loses none.
 */
#ifndef GUEST_H
#define GUEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

__attribute__((format(printf, 1, 2))) static inline void say(const char *format, ...)
{
	char line[512];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	line[n++] = '\n';
	if (write(1, line, (size_t)n) != n)
		_exit(99);
}

/* The result of a call as a program sees it: its value, or the errno's name. */
static inline const char *result(long r)
{
	static char text[8][64];
	static int i;
	char *s = text[i++ % 8];

	if (r >= 0)
		snprintf(s, sizeof(text[0]), "%ld", r);
	else
		snprintf(s, sizeof(text[0]), "%s", strerrorname_np(errno));
	return s;
}

static inline void handle(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};

	sigemptyset(&a.sa_mask);
	if (sigaction(number, &a, NULL) != 0)
		say("sigaction(%d): %s", number, strerrorname_np(errno));
}

static inline void block(int how, int number)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	sigprocmask(how, &set, NULL);
}

/* How a child ended, as text. */
static inline const char *how_it_ended(int status)
{
	static char text[64];

	if (WIFEXITED(status))
		snprintf(text, sizeof(text), "exit %d", WEXITSTATUS(status));
	else if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "SIG%s", sigabbrev_np(WTERMSIG(status)));
	else if (WIFSTOPPED(status))
		snprintf(text, sizeof(text), "stopped by SIG%s", sigabbrev_np(WSTOPSIG(status)));
	else if (WIFCONTINUED(status))
		snprintf(text, sizeof(text), "continued");
	return text;
}

static inline const char *wait_for(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return strerrorname_np(errno);
	return how_it_ended(status);
}

/* So many milliseconds from now on, by this clock. */
static inline struct timespec in_ms(int clock, long ms)
{
	struct timespec t;
	clock_gettime(clock, &t);
	t.tv_nsec += ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

/* Returns when a process or thread of this number is in this state, as /proc has it, or is gone. */
static inline void until_state(pid_t id, char wanted)
{
	char path[64], text[256];
	char state;

	snprintf(path, sizeof(path), "/proc/%d/stat", id);
	do {
		FILE *f = fopen(path, "r");
		int got = f && fgets(text, sizeof(text), f);

		usleep(2000);
		if (f)
			fclose(f);
		if (!got)
			return;
		state = strrchr(text, ')')[2];
	} while (state != wanted);
}

/* As it does in a call that waits. */
static inline void until_asleep(pid_t id)
{
	until_state(id, 'S');
}

/* Runs what in a child and says how it ended. */
static inline void in_child(const char *name, void (*what)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		what();
		_exit(0);
	}
	say("%s: %s", name, wait_for(pid));
}

#endif
