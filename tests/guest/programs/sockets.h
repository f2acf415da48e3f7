/* SPDX-License-Identifier: MIT */
/* sockets.h - what programs that try sockets share */
#ifndef SOCKETS_H
#define SOCKETS_H

#include <poll.h>
#include <string.h>

/* Which of the events hold. */
static inline const char *events(int fd)
{
	static char text[8][80];
	static int i;
	static const struct {
		int bit;
		const char *name;
	} names[] = {{POLLIN, "IN "},   {POLLOUT, "OUT "},     {POLLERR, "ERR "},
		     {POLLHUP, "HUP "}, {POLLRDHUP, "RDHUP "}, {POLLPRI, "PRI "}};
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP};
	char *s = text[i++ % 8];

	poll(&p, 1, 0);
	*s = '\0';
	for (unsigned j = 0; j < sizeof(names) / sizeof(names[0]); j++)
		if (p.revents & names[j].bit)
			strcat(s, names[j].name);
	return s;
}

#endif
