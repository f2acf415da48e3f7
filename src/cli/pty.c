/* SPDX-License-Identifier: MIT */
#include "cli/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "cli/verb.h"

static struct termios before;
static bool raw;
static volatile sig_atomic_t resized;
static volatile sig_atomic_t child_pid;

static void restore(void)
{
	if (raw)
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	raw = false;
}

static void make_raw(void)
{
	struct termios t;
	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return;
	t = before;
	cfmakeraw(&t);
	raw = tcsetattr(STDIN_FILENO, TCSAFLUSH, &t) == 0;
	atexit(restore);
}

static void on_resize(int number)
{
	(void)number;
	resized = 1;
}

/* Somebody ends the relay: it passes that on, and ends when the child has. */
static void on_end(int number)
{
	kill(child_pid, number);
}

/* The size of the outer terminal becomes that of the pty, whose programs get SIGWINCH. */
static void copy_size(int master)
{
	struct winsize size;
	resized = 0;
	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0 ||
	    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		ioctl(master, TIOCSWINSZ, &size);
}

static bool write_all(int fd, const char *bytes, ssize_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, bytes, (size_t)size);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return false;
		if (n > 0) {
			bytes += n;
			size -= n;
		}
	}
	return true;
}

/* Until the child has ended and all that it wrote has been shown. */
static void relay(int master)
{
	char bytes[4096];
	struct pollfd p[2] = {{.fd = master, .events = POLLIN},
			      {.fd = STDIN_FILENO, .events = POLLIN}};
	for (;;) {
		if (resized)
			copy_size(master);
		if (poll(p, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return;
		}
		if (p[0].revents) {
			/* EIO: nobody has the other end any more. */
			ssize_t n = read(master, bytes, sizeof(bytes));
			if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
				return;
			if (n > 0 && !write_all(STDOUT_FILENO, bytes, n))
				return;
		}
		if (p[1].revents) {
			ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));
			if (n > 0) {
				write_all(master, bytes, n);
			} else if (n == 0 || errno != EINTR) {
				/* The end of a file is Ctrl-D on a terminal. */
				write_all(master, "\4", 1);
				p[1].fd = -1;
			}
		}
	}
}

static int become_child(int master, const char *name)
{
	close(master);
	if (setsid() < 0)
		return say("-t: a new session: %s", strerror(errno));
	int slave = open(name, O_RDWR);
	if (slave < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
		return say("-t: %s: %s", name, strerror(errno));
	for (int fd = 0; fd < 3; fd++)
		if (dup2(slave, fd) < 0)
			return say("-t: %s: %s", name, strerror(errno));
	if (slave > 2)
		close(slave);
	return -1;
}

static int end_as(int status)
{
	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	struct rlimit none = {0};
	setrlimit(RLIMIT_CORE, &none);
	signal(WTERMSIG(status), SIG_DFL);
	raise(WTERMSIG(status));
	return 128 + WTERMSIG(status);
}

int pty_run(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	const char *name;
	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0 || !(name = ptsname(master)))
		return say("-t: no pseudo-terminal can be had: %s", strerror(errno));
	/* Held open until the child has it, so that reading finds a terminal and not its end. */
	int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC), status = 0;
	copy_size(master);
	pid_t pid = fork();
	if (pid < 0)
		return say("-t: a second process: %s", strerror(errno));
	if (pid == 0) {
		int r = become_child(master, name);
		close(slave);
		if (r >= 0)
			_exit(r);
		return -1;
	}
	child_pid = pid;
	struct sigaction resize = {.sa_handler = on_resize}, end = {.sa_handler = on_end};
	sigaction(SIGWINCH, &resize, NULL);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGHUP, &end, NULL);
	sigaction(SIGINT, &end, NULL);
	sigaction(SIGQUIT, &end, NULL);
	make_raw();
	if (slave >= 0)
		close(slave);
	relay(master);
	close(master);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	restore();
	return end_as(status);
}
