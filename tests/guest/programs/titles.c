/* SPDX-License-Identifier: MIT */
/* A daemon that writes its title over its arguments is seen by it in /proc/PID/cmdline, as ps shows it. */
#include "guest.h"

#include <fcntl.h>

static void show(const char *what, pid_t pid, const char *name)
{
	char path[64], text[5000], line[200];
	ssize_t n;
	int fd, at = 0;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	if (n < 0)
		say("%s: %s", path, strerrorname_np(errno));
	for (ssize_t i = 0; i < n && at < 150; i++)
		line[at++] = text[i] ? text[i] : '|';
	say("%s: %s has %zd bytes: %.*s", what, name, n, at, line);
	close(fd);
}

static void in_parts(void)
{
	char a[4] = "", b[100] = "";
	int fd = open("/proc/self/cmdline", O_RDONLY);
	ssize_t n = read(fd, a, sizeof(a) - 1), m = pread(fd, b, sizeof(b) - 1, 6);

	say("in parts: %zd %s, %zd %s", n, a, m, b);
	say("beyond the end: %s", result(pread(fd, b, sizeof(b), 1 << 20)));
	close(fd);
}

int main(int argc, char **argv, char **env)
{
	char *again[] = {"first", "second word", "", "last", NULL};
	char *given[] = {"NAME=value", "OTHER=1", NULL};
	int status;

	if (argc == 1) {
		execve("/proc/self/exe", again, given);
		say("execve: %s", strerrorname_np(errno));
		return 1;
	}
	show("as given", getpid(), "cmdline");
	show("as given", getpid(), "environ");
	in_parts();

	strcpy(argv[0], "title");
	show("a shorter word", getpid(), "cmdline");
	memset(argv[0], 0, 24);
	strcpy(argv[0], "t: all over");
	show("a title that fits", getpid(), "cmdline");

	pid_t child = fork();
	if (child == 0) {
		memset(argv[0], 'c', 24);
		show("a child's to its first NUL", getpid(), "cmdline");
		memset(env[0], 'e', 5);
		show("and on into the environment", getpid(), "cmdline");
		show("which it wrote over", getpid(), "environ");
		env[0][4] = 0;
		show("or ends there", getpid(), "cmdline");
		_exit(0);
	}
	waitid(P_PID, (id_t)child, &(siginfo_t){0}, WEXITED | WNOWAIT);
	show("the parent's", getpid(), "cmdline");
	waitpid(child, &status, 0);

	child = fork();
	if (child == 0) {
		memset(argv[0], 'x', 24);
		raise(SIGSTOP);
		_exit(0);
	}
	waitpid(child, &status, WUNTRACED);
	show("another's", child, "cmdline");
	show("another's", child, "environ");
	kill(child, SIGKILL);
	waitid(P_PID, (id_t)child, &(siginfo_t){0}, WEXITED | WNOWAIT);
	show("one's that has ended", child, "cmdline");
	waitpid(child, &status, 0);
	return 0;
}
