/* SPDX-License-Identifier: MIT */
/* What poll, select and epoll say of files of every kind but sockets, in each of their states. */
#include "polling.h"

#include <mqueue.h>
#include <pty.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <termios.h>

static char much[70000];

static void pipes(void)
{
	int p[2];

	say("pipes");
	pipe2(p, O_NONBLOCK);
	state("empty, to read", p[0]);
	state("empty, to write", p[1]);
	write(p[1], "abc", 3);
	state("with bytes, to read", p[0]);
	state("with bytes, to write", p[1]);
	while (write(p[1], much, 4096) > 0)
		;
	state("full, to read", p[0]);
	state("full, to write", p[1]);
	read(p[0], much, 100);
	state("a hundred bytes less", p[1]);
	read(p[0], much, 4096);
	state("a page less", p[1]);
	close(p[1]);
	state("no writer, bytes left", p[0]);
	while (read(p[0], much, sizeof(much)) > 0)
		;
	state("no writer, no bytes", p[0]);
	close(p[0]);
	pipe2(p, O_NONBLOCK);
	close(p[0]);
	state("no reader", p[1]);
	close(p[1]);
	pipe2(p, O_NONBLOCK);
	while (write(p[1], much, 4096) > 0)
		;
	close(p[0]);
	state("no reader, full", p[1]);
	close(p[1]);
}

static void fifos(void)
{
	say("fifos");
	mkfifo("fifo", 0600);
	int reader = open("fifo", O_RDONLY | O_NONBLOCK);
	state("nobody has written", reader);
	int writer = open("fifo", O_WRONLY | O_NONBLOCK);
	state("a writer came", reader);
	state("the writer", writer);
	write(writer, "abc", 3);
	close(writer);
	state("it left bytes", reader);
	read(reader, much, 10);
	state("it left", reader);
	int late = open("fifo", O_RDONLY | O_NONBLOCK);
	state("who opens it behind that", late);
	writer = open("fifo", O_WRONLY | O_NONBLOCK);
	state("a writer came again", reader);
	close(reader), close(late);
	state("all readers left", writer);
	reader = open("fifo", O_RDONLY | O_NONBLOCK);
	state("a reader came", writer);
	close(reader), close(writer);
	int both = open("fifo", O_RDWR | O_NONBLOCK);
	state("both in one", both);
	write(both, "x", 1);
	state("with a byte", both);
	close(both);
	unlink("fifo");
}

static int opened(const char *name, int flags)
{
	int fd = open(name, flags, 0600);

	if (fd < 0)
		say("  %s: %s", name, strerrorname_np(errno));
	return fd;
}

static void one(const char *name, int flags)
{
	int fd = opened(name, flags);

	state(name, fd);
	close(fd);
}

static void names(void)
{
	say("files with names");
	one("file", O_RDWR | O_CREAT);
	one("file", O_RDONLY);
	one("file", O_WRONLY);
	unlink("file");
	one(".", O_RDONLY);
	one(".", O_PATH);
	one("/dev/null", O_RDWR);
	one("/dev/null", O_RDONLY);
	one("/dev/zero", O_RDWR);
	one("/dev/full", O_RDWR);
	one("/dev/urandom", O_RDONLY);
	one("/dev/random", O_RDONLY);
	one("/dev/shm", O_RDONLY);
	one("/proc/self/status", O_RDONLY);
	one("/proc/self/maps", O_RDONLY);
	one("/proc/meminfo", O_RDONLY);
	one("/proc/self/fd", O_RDONLY);
	one("/proc/self/mem", O_RDWR);
	one("/proc", O_RDONLY);
	one("/proc/self/mounts", O_RDONLY);
	one("/proc/self/mountinfo", O_RDONLY);
	one("/proc/stat", O_RDONLY);
	one("/proc/vmstat", O_RDONLY);
	one("/proc/sys/kernel/ostype", O_RDONLY);
	one("/proc/sys/vm/overcommit_memory", O_RDONLY);
	one("/proc/swaps", O_RDONLY);
	one("/proc/mounts", O_RDONLY);
	one("/sys/devices/system/cpu", O_RDONLY);
	int fd = opened("/sys/devices/system/cpu/online", O_RDONLY);
	state("of /sys, not read", fd);
	read(fd, much, 100);
	state("read", fd);
	close(fd);
}

static void no_files(void)
{
	int fd = open(".", O_RDONLY);

	say("no files");
	close(fd);
	state("closed", fd);
	state("less than none", -1);
	state("far away", 1000);
}

static void counts(void)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	uint64_t most = ~UINT64_C(0) - 1, one = 1;

	say("eventfd");
	state("zero", fd);
	write(fd, &one, 8);
	state("one", fd);
	read(fd, &one, 8);
	write(fd, &most, 8);
	state("the most", fd);
	close(fd);
	fd = eventfd(2, EFD_SEMAPHORE);
	read(fd, &one, 8);
	state("a semaphore", fd);
	close(fd);
}

static void times(void)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	struct itimerspec soon = {.it_value = {0, 1}}, never = {{0, 0}, {0, 0}}, later = {.it_value = {100, 0}};

	say("timerfd");
	state("not armed", fd);
	timerfd_settime(fd, 0, &later, NULL);
	state("armed", fd);
	timerfd_settime(fd, 0, &soon, NULL);
	usleep(2000);
	state("expired", fd);
	read(fd, much, 8);
	state("read", fd);
	timerfd_settime(fd, 0, &soon, NULL);
	usleep(2000);
	timerfd_settime(fd, 0, &never, NULL);
	state("expired and disarmed", fd);
	close(fd);
}

static void signals(void)
{
	sigset_t set;

	say("signalfd");
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int fd = signalfd(-1, &set, SFD_NONBLOCK);
	state("none", fd);
	raise(SIGUSR1);
	state("one", fd);
	read(fd, much, 128);
	state("read", fd);
	close(fd);
}

static void watches(void)
{
	int fd = inotify_init1(IN_NONBLOCK);

	say("inotify");
	state("watches nothing", fd);
	inotify_add_watch(fd, ".", IN_CREATE | IN_DELETE);
	state("nothing was done", fd);
	close(open("made", O_RDWR | O_CREAT, 0600));
	unlink("made");
	state("something was", fd);
	read(fd, much, 4096);
	state("read", fd);
	close(fd);
}

static void processes(void)
{
	int p[2];

	say("pidfd");
	pipe(p);
	pid_t pid = fork();
	if (pid == 0) {
		close(p[1]);
		read(p[0], much, 1);
		_exit(0);
	}
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	state("runs", fd);
	close(p[1]), close(p[0]);
	siginfo_t info;
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	state("ended", fd);
	waitpid(pid, NULL, 0);
	state("waited for", fd);
	close(fd);
}

static void polls(void)
{
	int ep = epoll_create1(0), p[2], outer = epoll_create1(0);
	struct epoll_event e = {.events = EPOLLIN}, edge = {.events = EPOLLIN | EPOLLET};

	say("epoll");
	pipe(p);
	state("watches nothing", ep);
	epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e);
	state("nothing happened", ep);
	write(p[1], "x", 1);
	state("something did", ep);
	epoll_ctl(outer, EPOLL_CTL_ADD, ep, &e);
	state("one that watches it", outer);
	read(p[0], much, 1);
	state("it is over", ep);
	state("and seen outside", outer);
	epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &edge);
	write(p[1], "x", 1);
	state("an edge", ep);
	epoll_wait(ep, &e, 1, 0);
	state("told", ep);
	close(ep), close(outer), close(p[0]), close(p[1]);
}

static void messages(void)
{
	struct mq_attr attr = {.mq_maxmsg = 2, .mq_msgsize = 16};

	say("message queues");
	mqd_t q = mq_open("/carrel-pollfiles", O_RDWR | O_CREAT | O_NONBLOCK, 0600, &attr);
	mq_unlink("/carrel-pollfiles");
	state("empty", q);
	mq_send(q, "a", 1, 0);
	state("with one", q);
	mq_send(q, "b", 1, 0);
	state("full", q);
	mq_close(q);
}

static void masters(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK), on = 1;

	say("a pseudo-terminal's master");
	grantpt(master);
	unlockpt(master);
	state("no slave yet", master);
	int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_NONBLOCK);
	state("a slave", master);
	write(slave, "out", 3);
	usleep(20000);
	state("it writes", master);
	read(master, much, 100);
	state("read", master);
	ioctl(master, TIOCPKT, &on);
	state("packets", master);
	tcflush(slave, TCIFLUSH);
	state("a change", master);
	read(master, much, 100);
	state("the change is read", master);
	on = 0;
	ioctl(master, TIOCPKT, &on);
	write(slave, "last", 4);
	close(slave);
	usleep(20000);
	state("it left bytes", master);
	read(master, much, 100);
	state("it left", master);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	state("another came", master);
	close(slave), close(master);
}

static void slaves(void)
{
	int master, slave;
	struct termios tio;

	say("a pseudo-terminal's slave");
	openpty(&master, &slave, NULL, NULL, NULL);
	fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK);
	fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
	state("no key", slave);
	write(master, "half a li", 9);
	usleep(20000);
	state("half a line", slave);
	state("its echo", master);
	write(master, "ne\n", 3);
	usleep(20000);
	state("a line", slave);
	read(slave, much, 4);
	state("the rest of it", slave);
	read(slave, much, 100);
	state("read", slave);
	write(master, "\4", 1);
	usleep(20000);
	state("an end of file", slave);
	say("  read: %s", result(read(slave, much, 100)));
	state("behind it", slave);
	tcgetattr(slave, &tio);
	cfmakeraw(&tio);
	tio.c_cc[VMIN] = 3;
	tcsetattr(slave, TCSANOW, &tio);
	write(master, "ab", 2);
	usleep(20000);
	state("two of three keys", slave);
	write(master, "c", 1);
	usleep(20000);
	state("three of three keys", slave);
	read(slave, much, 1);
	state("two are left", slave);
	tio.c_cc[VTIME] = 1;
	tcsetattr(slave, TCSANOW, &tio);
	state("and there is a time", slave);
	tcflow(slave, TCOOFF);
	state("output is stopped", slave);
	tcflow(slave, TCOON);
	state("and goes on", slave);
	close(master);
	usleep(20000);
	state("no master", slave);
	close(slave);
}

/* Standard output is a pipe that can be written: who waits for something else of it waits. */
static void output(void)
{
	struct timeval a_little = {.tv_usec = 1000};
	struct pollfd p = {.fd = 1, .events = POLLPRI};
	fd_set set;

	FD_ZERO(&set);
	FD_SET(1, &set);
	personality(STICKY_TIMEOUTS);
	say("output can be read: %d", select(2, &set, NULL, NULL, &a_little));
	say("  its time is kept: %ld", (long)a_little.tv_usec);
	personality(0);
	FD_SET(1, &set);
	say("  or not: %d", select(2, &set, NULL, NULL, &a_little));
	say("  %ld", (long)a_little.tv_usec);
	say("  has something: %d", poll(&p, 1, 1));
	p.events = 0;
	say("  has ended: %d", poll(&p, 1, 1));
}

int main(void)
{
	int fd = memfd_create("memory", 0);
	char place[] = "/tmp/pollfiles.XXXXXX";

	if (!mkdtemp(place) || chdir(place) != 0)
		return 1;
	pipes();
	fifos();
	names();
	state("memory", fd);
	no_files();
	counts();
	times();
	signals();
	watches();
	processes();
	polls();
	messages();
	masters();
	slaves();
	output();
	rmdir(place);
	return 0;
}
