/* SPDX-License-Identifier: MIT */
/* leases.c - F_SETLEASE: who may have one, who is told when others want the file, who waits for whom */
#include "guest.h"

#include <fcntl.h>
#include <sys/stat.h>

static volatile sig_atomic_t told, told_fd, told_code;
static int held;
static char name[64];

static void on_signal(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	told++;
	told_fd = info->si_fd;
	told_code = info->si_code;
}

/* What the holder does when he is told. */
static int answer = F_UNLCK;

static void on_break(int number, siginfo_t *info, void *context)
{
	on_signal(number, info, context);
	if (answer >= 0)
		fcntl(held, F_SETLEASE, answer);
}

static void take(int flags, int type)
{
	held = open(name, flags);
	say("lease %d on one opened with %d: %s", type, flags, result(fcntl(held, F_SETLEASE, type)));
	say("  is %s", result(fcntl(held, F_GETLEASE)));
}

static void give_back(void)
{
	say("given back: %s", result(fcntl(held, F_SETLEASE, F_UNLCK)));
	say("  once more: %s", result(fcntl(held, F_SETLEASE, F_UNLCK)));
	close(held);
}

static void others(const char *what, int flags)
{
	pid_t pid = fork();

	if (pid == 0) {
		int fd = open(name, flags);
		say("%s: another opens: %s", what, result(fd < 0 ? -1 : 0));
		_exit(0);
	}
	int status;
	while (waitpid(pid, &status, 0) < 0)
		;
	say("  told %d times, code %d, fd right %d, now %s", (int)told, (int)told_code, told_fd == held, result(fcntl(held, F_GETLEASE)));
	told = 0;
}

static void taking(void)
{
	take(O_RDONLY, F_RDLCK);
	say("read becomes write: %s", result(fcntl(held, F_SETLEASE, F_WRLCK)));
	say("and read again: %s", result(fcntl(held, F_SETLEASE, F_RDLCK)));
	int second = open(name, O_RDONLY);
	say("a second reader: %s", result(fcntl(second, F_SETLEASE, F_RDLCK)));
	say("a second writer: %s", result(fcntl(second, F_SETLEASE, F_WRLCK)));
	close(second);
	give_back();
	take(O_RDWR, F_RDLCK);
	take(O_RDWR, F_WRLCK);
	close(held);
	held = open(name, O_WRONLY);
	take(O_RDONLY, F_RDLCK);
	say("no type: %s", result(fcntl(held, F_SETLEASE, 7)));
	close(held);
	int p[2];
	if (pipe(p) == 0)
		say("a pipe: %s", result(fcntl(p[0], F_SETLEASE, F_RDLCK)));
	say("none: %s", result(fcntl(p[0], F_GETLEASE)));
	say("a closed one: %s", result(fcntl(99, F_SETLEASE, F_RDLCK)));
	held = open("/", O_RDONLY | O_DIRECTORY);
	say("a directory: %s", result(fcntl(held, F_SETLEASE, F_RDLCK)));
}

static void breaking(void)
{
	struct sigaction a = {.sa_sigaction = on_break, .sa_flags = SA_SIGINFO};

	sigaction(SIGUSR1, &a, NULL);
	sigaction(SIGIO, &a, NULL);
	take(O_RDONLY, F_RDLCK);
	fcntl(held, F_SETSIG, SIGUSR1);
	others("reader, reads", O_RDONLY);
	others("reader, writes", O_WRONLY);
	close(held);
	take(O_RDONLY, F_WRLCK);
	others("writer, reads", O_RDONLY);
	close(held);
	answer = F_RDLCK;
	take(O_RDONLY, F_WRLCK);
	fcntl(held, F_SETSIG, SIGUSR1);
	others("writer that goes on reading, reads", O_RDONLY);
	close(held);
	answer = -1;
	take(O_RDONLY, F_WRLCK);
	fcntl(held, F_SETSIG, SIGUSR1);
	others("writer, and does not wait", O_RDONLY | O_NONBLOCK);
	others("once more", O_RDONLY | O_NONBLOCK);
	others("and to write", O_WRONLY | O_NONBLOCK);
	give_back();
	answer = F_UNLCK;
	take(O_RDONLY, F_RDLCK);
	fcntl(held, F_SETSIG, SIGUSR1);
	pid_t pid = fork();
	if (pid == 0) {
		say("truncate: %s", result(truncate(name, 0)));
		_exit(0);
	}
	int status;
	while (waitpid(pid, &status, 0) < 0)
		;
	say("  told %d times", (int)told);
}

static void on_alarm(int number)
{
	(void)number;
}

static void interrupted(void)
{
	struct sigaction a = {.sa_handler = on_alarm};

	signal(SIGIO, SIG_IGN);
	take(O_RDONLY, F_WRLCK);
	pid_t pid = fork();
	if (pid == 0) {
		sigaction(SIGALRM, &a, NULL);
		alarm(1);
		say("a signal comes: %s", result(open(name, O_RDONLY)));
		_exit(0);
	}
	say("%s", wait_for(pid));
	close(held);
}

int main(void)
{
	snprintf(name, sizeof(name), "/tmp/leases-%d", (int)getpid());
	int fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0644);
	say("made: %s", result(close(fd)));
	in_child("taking", taking);
	in_child("breaking", breaking);
	in_child("interrupted", interrupted);
	unlink(name);
	return 0;
}
