/* SPDX-License-Identifier: MIT */
/* lasting.c - an end of a connection waits for a minute of the machine's clock, and is gone */
#include "guest.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static struct sockaddr_in at = {.sin_family = AF_INET};

static int try_bind(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), r = bind(fd, (struct sockaddr *)&at, sizeof(at)), err = errno;
	close(fd);
	errno = err;
	return r;
}

int main(void)
{
	at.sin_port = htons(5000);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int l = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0);
	bind(l, (struct sockaddr *)&at, sizeof(at));
	listen(l, 1);
	connect(c, (struct sockaddr *)&at, sizeof(at));
	close(accept(l, NULL, NULL));
	close(l);
	sleep(50);
	say("half closed: %s", result(try_bind()));
	close(c);
	sleep(59);
	say("59 seconds after both were: %s", result(try_bind()));
	sleep(1);
	say("a minute: %s", result(try_bind()));
	for (int i = 0; i < 5000; i++) {
		int s, one = 1;
		l = socket(AF_INET, SOCK_STREAM, 0);
		setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		bind(l, (struct sockaddr *)&at, sizeof(at));
		listen(l, 1);
		c = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(c, (struct sockaddr *)&at, sizeof(at)) != 0)
			say("%d: %s", i, result(-1));
		s = accept(l, NULL, NULL);
		close(s);
		close(c);
		close(l);
	}
	char line[256];
	int n = 0;
	FILE *f = fopen("/proc/net/tcp", "r");
	while (f && fgets(line, sizeof(line), f))
		n++;
	say("of 5000 the last %d are kept", n - 1);
	return 0;
}
