/* SPDX-License-Identifier: MIT */
/* eventfd: counting, semaphores, overflow, records, and what is asked wrongly */
#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>

static void put(int fd, uint64_t v)
{
	say("  write %llx: %s", (unsigned long long)v, result(write(fd, &v, sizeof(v))));
}

static void take(int fd)
{
	uint64_t v = 77;
	long n = read(fd, &v, sizeof(v));

	say("  read: %s %llx", result(n), (unsigned long long)v);
}

static void show_poll(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI | POLLRDNORM};

	poll(&p, 1, 0);
	say("  poll %x", p.revents);
}

static void nothing(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info, (void)context;
}

/* The lines of /proc/self/fdinfo that begin like this. */
static void info(int fd, const char *begin)
{
	char path[64], line[200];
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, begin, strlen(begin)) == 0)
			say("  %s", line);
	}
	if (f)
		fclose(f);
}

static void infos(void)
{
	int e = eventfd(0x2a, EFD_SEMAPHORE), t = timerfd_create(CLOCK_MONOTONIC, 0), ep = epoll_create1(0), s, p;
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0x1234};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	s = signalfd(-1, &set, 0);
	p = (int)syscall(SYS_pidfd_open, getpid(), 0);
	say("in /proc");
	info(e, "eventfd-count");
	info(t, "clockid");
	info(t, "ticks");
	info(t, "it_value");
	info(s, "sigmask");
	dup2(e, 60);
	epoll_ctl(ep, EPOLL_CTL_ADD, 60, &event);
	char path[64], line[200];
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", ep);
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, "tfd", 3) == 0)
			say("  %.59s", line);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", p);
	f = fopen(path, "r");
	int pid = 0;
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "Pid:\t%d", &pid);
	say("  my pid %d", pid == getpid());
}

int main(void)
{
	char bytes[64] = {0};
	struct stat st;
	int fd = eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC);

	say("counts");
	say("  flags %x %d", fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
	fstat(fd, &st);
	say("  stat %o %ld", st.st_mode, (long)st.st_size);
	take(fd);
	take(fd);
	put(fd, 2);
	put(fd, 40);
	show_poll(fd);
	take(fd);
	show_poll(fd);
	put(fd, 0);
	take(fd);
	put(fd, UINT64_MAX);
	put(fd, UINT64_MAX - 1);
	show_poll(fd);
	put(fd, 1);
	put(fd, 0);
	take(fd);
	say("sizes");
	say("  small read %s", result(read(fd, bytes, 7)));
	say("  small write %s", result(write(fd, bytes, 7)));
	say("  no read %s", result(read(fd, bytes, 0)));
	put(fd, 5);
	say("  large read %s", result(read(fd, bytes, sizeof(bytes))));
	say("  it was %d", bytes[0]);
	put(fd, 5);
	say("  nowhere %s", result(syscall(SYS_read, fd, 8, 8)));
	read(fd, bytes, 8); /* Linux has lost the count */
	say("  from nowhere %s", result(syscall(SYS_write, fd, 8, 8)));
	char *edge = (char *)mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + 4092;
	put(fd, 0x1122334455667788);
	say("  across pages %s", result(read(fd, edge, 8)));
	say("  it was %x %x", (unsigned char)edge[0], (unsigned char)edge[7]);
	say("  pread %s", result(pread(fd, bytes, 8, 0)));
	say("  seek %s", result(lseek(fd, 0, SEEK_CUR)));
	say("  bad flags %s", result(eventfd(0, 8)));
	close(fd);

	say("a semaphore");
	fd = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
	take(fd);
	take(fd);
	take(fd);
	close(fd);

	say("waiting");
	fd = eventfd(0, 0);
	int other = eventfd(0, 0);
	pid_t pid = fork();
	if (pid == 0) {
		take(fd);
		put(other, UINT64_MAX - 1);
		say("  full");
		uint64_t more = 9;
		_exit(write(other, &more, sizeof(more)) != sizeof(more));
	}
	usleep(10000);
	eventfd_write(fd, 4);
	usleep(50000);
	say("  room again");
	eventfd_t v;
	eventfd_read(other, &v);
	say("  %s", wait_for(pid));
	take(other);
	handle(SIGALRM, nothing, 0);
	ualarm(10000, 0);
	take(fd);
	handle(SIGALRM, nothing, SA_RESTART);
	pid = fork();
	if (pid == 0) {
		usleep(60000);
		eventfd_write(fd, 6);
		_exit(0);
	}
	ualarm(10000, 0);
	take(fd);
	say("  %s", wait_for(pid));
	infos();
	return 0;
}
