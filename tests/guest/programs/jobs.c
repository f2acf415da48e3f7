/* SPDX-License-Identifier: MIT */
/* jobs.c - sessions on a terminal: whose it is, who gets its signals, who may use it */
#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

static int master;
static char name[64];
static volatile sig_atomic_t got;
static pid_t outside; /* a group that is in no session of a terminal here */

static void note(int number, siginfo_t *info, void *context)
{
	(void)info, (void)context;
	got = number;
}

static void settle(void)
{
	usleep(20000);
}

/* By somebody who sees that leader waits. */
static void pressed(pid_t leader, const char *keys)
{
	until_asleep(leader);
	settle();
	if (write(master, keys, strlen(keys)) < 0)
		say("keys: %s", strerrorname_np(errno));
	settle();
}

/* A fresh terminal, and a leader of a session of its own that does what with it. */
static void in_session(const char *title, void (*what)(void), void (*meanwhile)(pid_t leader))
{
	int status, there[2];
	char c;
	say("-- %s", title);
	if (pipe(there) != 0)
		say("pipe: %s", strerrorname_np(errno));
	master = posix_openpt(O_RDWR | O_NOCTTY);
	if (master < 0 || unlockpt(master) != 0)
		say("no terminal: %s", strerrorname_np(errno));
	strcpy(name, ptsname(master));
	pid_t pid = fork();
	if (pid == 0) {
		close(master);
		close(there[0]);
		if (setsid() < 0)
			say("setsid: %s", strerrorname_np(errno));
		what();
		_exit(0);
	}
	close(there[1]);
	if (meanwhile)
		meanwhile(pid);
	waitpid(pid, &status, 0);
	/* Until the last of its children is gone, too. */
	if (read(there[0], &c, 1) != 0)
		say("somebody wrote");
	say("leader: %s", how_it_ended(status));
	close(master);
	close(there[0]);
}

static int terminal(void)
{
	int fd = open(name, O_RDWR);
	if (fd < 0)
		say("open: %s", strerrorname_np(errno));
	return fd;
}

static const char *mine(int fd)
{
	pid_t group = tcgetpgrp(fd);
	return group < 0 ? strerrorname_np(errno) : group == getpgrp() ? "mine" : group == 0 ? "nobody's" : "another's";
}

static void whose(void)
{
	int n = -1;
	int fd = open(name, O_RDWR | O_NOCTTY);
	say("noctty: group %s", mine(fd));
	say("/dev/tty: %s", result(open("/dev/tty", O_RDWR)));
	say("session: %s", result(ioctl(fd, TIOCGSID, &n)));
	close(fd);
	fd = open(name, O_WRONLY);
	say("only for writing: group %s", mine(fd));
	close(fd);
	fd = terminal();
	say("opened: group %s", mine(fd));
	say("session: %d", tcgetsid(fd) == getpid());
	int tty = open("/dev/tty", O_RDWR);
	say("/dev/tty: group %s", mine(tty));
	say("its name: %s", ttyname(tty) ? ttyname(tty) : "none");
	say("again: %s", result(ioctl(fd, TIOCSCTTY, 0)));
	pid_t pid = fork();
	if (pid == 0) {
		say("child: group %s", mine(fd));
		say("child takes it: %s", result(ioctl(fd, TIOCSCTTY, 0)));
		say("child in a new group: %s", result(setpgid(0, 0)));
		say("group %s", mine(fd));
		signal(SIGTTOU, SIG_IGN);
		say("to the front: %s", result(tcsetpgrp(fd, getpgrp())));
		say("group %s", mine(fd));
		say("no such group: %s", result(tcsetpgrp(fd, 999999)));
		say("negative group: %s", result(tcsetpgrp(fd, -4)));
		say("another session's: %s", result(tcsetpgrp(fd, outside)));
		tcsetpgrp(fd, getppid());
		say("gives it up: %s", result(ioctl(fd, TIOCNOTTY)));
		say("/dev/tty: %s", result(open("/dev/tty", O_RDWR)));
		say("twice: %s", result(ioctl(fd, TIOCNOTTY)));
		_exit(0);
	}
	say("child: %s", wait_for(pid));
	pid = fork();
	if (pid == 0) {
		setsid();
		say("another session takes it: %s", result(ioctl(fd, TIOCSCTTY, 0)));
		say("/dev/tty: %s", result(open("/dev/tty", O_RDWR)));
		_exit(0);
	}
	say("child: %s", wait_for(pid));
	handle(SIGHUP, note, 0);
	say("leader gives it up: %s", result(ioctl(fd, TIOCNOTTY)));
	say("got %d", got);
	say("group %s", mine(fd));
	say("back: %s", result(ioctl(fd, TIOCSCTTY, 0)));
	say("group %s", mine(fd));
}

static void keys(void)
{
	int fd = terminal();
	char bytes[100];
	handle(SIGINT, note, 0);
	handle(SIGQUIT, note, 0);
	handle(SIGTSTP, note, SA_RESTART);
	handle(SIGWINCH, note, SA_RESTART);
	for (int i = 0; i < 2; i++) {
		ssize_t n = read(fd, bytes, sizeof(bytes));
		say("read %s, got %d", n < 0 ? strerrorname_np(errno) : "something", got);
	}
	ssize_t n = read(fd, bytes, sizeof(bytes));
	say("read %zd after %d", n, got);
	n = read(fd, bytes, sizeof(bytes));
	say("read %zd after %d", n, got);
	struct winsize w;
	ioctl(fd, TIOCGWINSZ, &w);
	say("size %d %d", w.ws_row, w.ws_col);
}

static void press_keys(pid_t leader)
{
	struct winsize w = {.ws_row = 50, .ws_col = 132};
	pressed(leader, "lost\003");
	pressed(leader, "\034");
	pressed(leader, "\032");
	pressed(leader, "kept\n");
	ioctl(master, TIOCSWINSZ, &w);
	pressed(leader, "line\n");
}

/* A job of the leader, in a group of its own that is not in the foreground. */
static pid_t job(void (*what)(int fd), int fd)
{
	int go[2];
	char c;
	if (pipe(go) != 0)
		return -1;
	pid_t pid = fork();
	if (pid == 0) {
		close(go[1]);
		if (read(go[0], &c, 1) < 0)
			_exit(9);
		what(fd);
		_exit(0);
	}
	setpgid(pid, pid);
	close(go[0]);
	close(go[1]);
	return pid;
}

static void reads(int fd)
{
	char bytes[100];
	ssize_t n = read(fd, bytes, sizeof(bytes));
	say("job reads %s", n < 0 ? strerrorname_np(errno) : n == 5 ? "its line" : "something else");
}

static void reads_handled(int fd)
{
	handle(SIGTTIN, note, 0);
	reads(fd);
	say("got %d", got == SIGTTIN);
}

static void reads_ignoring(int fd)
{
	signal(SIGTTIN, SIG_IGN);
	reads(fd);
}

static void writes(int fd)
{
	say("job writes %s", result(write(fd, "text", 4)));
}

static void writes_ignoring(int fd)
{
	signal(SIGTTOU, SIG_IGN);
	writes(fd);
}

static void sets(int fd)
{
	struct termios t;
	say("job asks %s", result(tcgetattr(fd, &t)));
	say("job sets %s", result(tcsetattr(fd, TCSANOW, &t)));
}

static const char *stops(pid_t pid)
{
	int status;
	if (waitpid(pid, &status, WUNTRACED) != pid)
		return strerrorname_np(errno);
	return how_it_ended(status);
}

static void background(void)
{
	int fd = terminal();
	struct termios t;
	signal(SIGTTOU, SIG_IGN);
	pid_t pid = job(reads, fd);
	say("a reader: %s", stops(pid));
	tcsetpgrp(fd, pid);
	kill(-pid, SIGCONT);
	say("in front: %s", stops(pid));
	tcsetpgrp(fd, getpgrp());
	pid = job(reads_handled, fd);
	say("one that handles it: %s", stops(pid));
	pid = job(reads_ignoring, fd);
	say("one that ignores it: %s", stops(pid));
	signal(SIGTTOU, SIG_DFL);
	pid = job(writes, fd);
	say("a writer: %s", stops(pid));
	tcgetattr(fd, &t);
	t.c_lflag |= TOSTOP;
	tcsetattr(fd, TCSANOW, &t);
	pid = job(writes, fd);
	say("with tostop: %s", stops(pid));
	kill(pid, SIGKILL);
	say("%s", stops(pid));
	pid = job(writes_ignoring, fd);
	say("that ignores it: %s", stops(pid));
	pid = job(sets, fd);
	say("a setter: %s", stops(pid));
	kill(pid, SIGKILL);
	say("%s", stops(pid));
}

static void type_for_jobs(pid_t leader)
{
	usleep(100000);
	pressed(leader, "line\n");
}

/* Its group has no parent in the session any more. */
static void orphan(void)
{
	int fd = terminal(), gone[2];
	struct termios t;
	char c;
	if (pipe(gone) != 0)
		return;
	pid_t pid = fork();
	if (pid == 0) {
		pid_t parent = getpid();
		if (fork() != 0)
			_exit(0);
		setpgid(0, 0);
		close(gone[0]);
		while (getppid() == parent)
			usleep(1000);
		reads(fd);
		tcgetattr(fd, &t);
		say("orphan sets %s", result(tcsetattr(fd, TCSANOW, &t)));
		_exit(0);
	}
	wait_for(pid);
	close(gone[1]);
	if (read(gone[0], &c, 1) != 0)
		say("somebody wrote");
}

static void hung_up(void)
{
	int fd = terminal();
	char bytes[10];
	handle(SIGHUP, note, 0);
	handle(SIGCONT, note, 0);
	while (!got)
		usleep(1000);
	settle();
	say("told %s", got == SIGHUP || got == SIGCONT ? "so" : "otherwise");
	say("reads %s", result(read(fd, bytes, 10)));
	say("writes %s", result(write(fd, "x", 1)));
	say("/dev/tty %s", result(open("/dev/tty", O_RDWR)));
	say("group %s", mine(fd));
	say("to the front %s", result(tcsetpgrp(fd, getpgrp())));
}

static void hang_up(pid_t leader)
{
	until_asleep(leader);
	usleep(50000);
	close(master);
}

static void dies_of_it(void)
{
	terminal();
	for (;;)
		pause();
}

/* The leader ends: the group in front is told. */
static void leader_ends(void)
{
	int fd = terminal();
	int told[2];
	if (pipe(told) != 0)
		return;
	pid_t pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		signal(SIGTTOU, SIG_IGN);
		tcsetpgrp(fd, getpgrp());
		handle(SIGHUP, note, 0);
		if (write(told[1], "x", 1) != 1)
			_exit(9);
		while (!got)
			usleep(1000);
		say("the group in front got %d", got == SIGHUP);
		say("/dev/tty %s", result(open("/dev/tty", O_RDWR)));
		_exit(0);
	}
	char c;
	if (read(told[0], &c, 1) != 1)
		say("the pipe");
}

int main(void)
{
	outside = getpgrp();
	in_session("whose it is", whose, NULL);
	in_session("keys", keys, press_keys);
	in_session("jobs", background, type_for_jobs);
	in_session("an orphan", orphan, NULL);
	in_session("the other side closes", hung_up, hang_up);
	in_session("and nobody minds", dies_of_it, hang_up);
	in_session("the leader ends", leader_ends, NULL);
	say("-- the end");
	return 0;
}
