/* SPDX-License-Identifier: MIT */
/* timerfd: once, again, absolute, in the past, missed periods, and what is asked wrongly */
#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>

static struct itimerspec spec(long interval_ms, long value_ms)
{
	return (struct itimerspec){{interval_ms / 1000, interval_ms % 1000 * 1000000},
				   {value_ms / 1000, value_ms % 1000 * 1000000}};
}

static void take(const char *what, int fd)
{
	uint64_t v = 0;
	long n = read(fd, &v, sizeof(v));

	say("%s: %s %llu", what, result(n), (unsigned long long)v);
}

/* At least that many periods were missed, and not many more. */
static void missed(const char *what, int fd, uint64_t least)
{
	uint64_t v = 0;
	long n = read(fd, &v, sizeof(v));

	say("%s: %s %d", what, result(n), v >= least && v < least + 40);
}

static void nothing(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info, (void)context;
}

int main(void)
{
	struct itimerspec it, old;
	struct timespec now;
	char bytes[64];
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), wait = timerfd_create(CLOCK_REALTIME, 0);

	say("flags %x %d", fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
	take("idle", fd);
	it = spec(0, 20);
	say("set %s", result(timerfd_settime(fd, 0, &it, &old)));
	say("old %ld %ld", (long)old.it_value.tv_sec, (long)old.it_value.tv_nsec);
	timerfd_gettime(fd, &it);
	say("left %d", it.it_value.tv_sec == 0 && it.it_value.tv_nsec > 0 && it.it_value.tv_nsec <= 20000000);
	take("early", fd);
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
	say("poll %s", result(poll(&p, 1, 1000)));
	say("revents %x", p.revents);
	take("late", fd);
	take("again", fd);
	timerfd_gettime(fd, &it);
	say("nothing left %ld %ld", (long)it.it_value.tv_sec, (long)it.it_value.tv_nsec);
	it = spec(10, 10);
	timerfd_settime(fd, 0, &it, NULL);
	usleep(55000);
	missed("periods", fd, 5);
	timerfd_gettime(fd, &it);
	say("interval %ld", (long)it.it_interval.tv_nsec);
	it = spec(0, 0);
	say("disarm %s", result(timerfd_settime(fd, 0, &it, NULL)));
	usleep(20000);
	take("disarmed", fd);

	it = spec(0, 30);
	timerfd_settime(wait, 0, &it, NULL);
	take("waited", wait);
	clock_gettime(CLOCK_REALTIME, &now);
	it = (struct itimerspec){{0, 0}, now};
	it.it_value.tv_sec--;
	timerfd_settime(wait, TFD_TIMER_ABSTIME, &it, NULL);
	take("in the past", wait);
	it.it_interval.tv_nsec = 100000000;
	timerfd_settime(wait, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &it, NULL);
	missed("missed since", wait, 11);
	it = spec(1000, 1000);
	timerfd_settime(wait, 0, &it, NULL);
	handle(SIGALRM, nothing, 0);
	ualarm(10000, 0);
	take("interrupted", wait);

	int ep = epoll_create1(0);
	struct epoll_event e = {.events = EPOLLIN | EPOLLET};
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
	it = spec(20, 20);
	timerfd_settime(fd, 0, &it, NULL);
	for (int i = 0; i < 3; i++)
		say("edge %s", result(epoll_wait(ep, &e, 1, 1000)));
	close(ep);

	say("bad clock %s", result(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0)));
	say("bad flags %s", result(timerfd_create(CLOCK_MONOTONIC, 1)));
	say("bad set flags %s", result(timerfd_settime(fd, 4, &it, NULL)));
	it.it_value.tv_nsec = 1000000000;
	say("bad value %s", result(timerfd_settime(fd, 0, &it, NULL)));
	it = spec(0, 10);
	it.it_interval.tv_nsec = -1;
	say("bad interval %s", result(timerfd_settime(fd, 0, &it, NULL)));
	say("no value %s", result(syscall(SYS_timerfd_settime, fd, 0, 8, 0)));
	it = spec(0, 10);
	say("no timer %s", result(timerfd_settime(1, 0, &it, NULL)));
	say("no file %s", result(timerfd_settime(99, 0, &it, NULL)));
	say("get of none %s", result(timerfd_gettime(1, &it)));
	say("get nowhere %s", result(syscall(SYS_timerfd_gettime, fd, 8)));
	say("small read %s", result(read(fd, bytes, 4)));
	say("write %s", result(write(fd, bytes, 8)));
	say("seek %s", result(lseek(fd, 0, SEEK_SET)));
	return 0;
}
