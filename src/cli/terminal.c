/* SPDX-License-Identifier: MIT */
#include "cli/terminal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static struct termios before;
static volatile sig_atomic_t raw;

bool terminal_is_raw(void)
{
	return raw;
}

void terminal_restore(void)
{
	if (raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
	raw = 0;
}

static const int deadly[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
enum { DEADLY = sizeof(deadly) / sizeof(deadly[0]) };
static struct sigaction others[DEADLY]; /* who else wants to know: policy/guard.h */

/* What kills Carrel itself must not take the terminal along. */
static void on_death(int number)
{
	if (raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
	raw = 0;
	for (unsigned i = 0; i < DEADLY; i++)
		if (deadly[i] == number)
			sigaction(number, &others[i], NULL);
	raise(number);
}

void terminal_raw(void)
{
	const struct sigaction a = {.sa_handler = on_death, .sa_flags = SA_ONSTACK};
	struct termios t;
	if (raw || tcgetattr(STDIN_FILENO, &before) < 0)
		return;
	t = before;
	cfmakeraw(&t);
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &t) < 0)
		return;
	raw = 1;
	atexit(terminal_restore);
	for (unsigned i = 0; i < DEADLY; i++)
		sigaction(deadly[i], &a, &others[i]);
}

int terminal_end_as(int status)
{
	struct rlimit none = {0};
	sigset_t one;
	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	int number = WTERMSIG(status);
	terminal_restore();
	fflush(NULL);
	setrlimit(RLIMIT_CORE, &none);
	signal(number, SIG_DFL);
	sigemptyset(&one);
	sigaddset(&one, number);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	raise(number);
	return 128 + number;
}
