/* SPDX-License-Identifier: MIT */
/* polling.h - one descriptor as poll, select and epoll see it */
#ifndef POLLING_H
#define POLLING_H

#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

/* The bits of poll and of epoll are the same. */
static inline const char *bits(unsigned mask)
{
	static char text[8][120];
	static int i;
	static const struct {
		unsigned bit;
		const char *name;
	} names[] = {{POLLIN, "IN"},	     {POLLPRI, "PRI"},	     {POLLOUT, "OUT"},	     {POLLERR, "ERR"},
		     {POLLHUP, "HUP"},	     {POLLNVAL, "NVAL"},     {POLLRDNORM, "rdnorm"}, {POLLRDBAND, "rdband"},
		     {POLLWRNORM, "wrnorm"}, {POLLWRBAND, "wrband"}, {POLLMSG, "msg"},	     {POLLRDHUP, "RDHUP"}};
	char *s = text[i++ % 8];

	*s = '\0';
	for (unsigned j = 0; j < sizeof(names) / sizeof(names[0]); j++)
		if (mask & names[j].bit) {
			strcat(s, *s ? " " : "");
			strcat(s, names[j].name);
			mask &= ~names[j].bit;
		}
	if (mask || !*s)
		snprintf(s + strlen(s), 20, "%s%x", *s ? " " : "", mask);
	return s;
}

static inline const char *selected(int fd)
{
	static char text[40];
	fd_set set[3];
	struct timeval now = {0, 0};

	for (int i = 0; i < 3; i++) {
		FD_ZERO(&set[i]);
		FD_SET(fd, &set[i]);
	}
	int n = select(fd + 1, &set[0], &set[1], &set[2], &now);
	if (n < 0)
		snprintf(text, sizeof(text), "%s", strerrorname_np(errno));
	else
		snprintf(text, sizeof(text), "%d%s%s%s", n, FD_ISSET(fd, &set[0]) ? " r" : "",
			 FD_ISSET(fd, &set[1]) ? " w" : "", FD_ISSET(fd, &set[2]) ? " x" : "");
	return text;
}

static inline const char *by_epoll(int fd)
{
	struct epoll_event e = {.events = 0xffff}, got = {0};
	int ep = epoll_create1(0), n = epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);

	if (n == 0)
		n = epoll_wait(ep, &got, 1, 0);
	const char *text = n < 0 ? strerrorname_np(errno) : bits(got.events);
	close(ep);
	return text;
}

/* All that can be had of fd at once: by poll for everything, for nothing, by select, and by epoll. */
static inline void state(const char *name, int fd)
{
	struct pollfd all = {.fd = fd, .events = (short)0xffff}, none = {.fd = fd};
	int n = poll(&all, 1, 0), m = poll(&none, 1, 0);
	const char *mine = bits((unsigned short)all.revents), *theirs = by_epoll(fd);

	say("  %s: %s %s | %d %s | %s | %s", name, result(n), mine, m, bits((unsigned short)none.revents),
	    fd >= 0 ? selected(fd) : "-", strcmp(mine, theirs) == 0 ? "the same" : theirs);
}

#endif
