/* SPDX-License-Identifier: MIT */
/* hostnet PORT: speaks to whoever listens at 127.0.0.1:PORT; says what it hears. On Carrel only. */
#include "guest.h"
#include "sockets.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((in_port_t)atoi(argc > 1 ? argv[1] : "0")),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int s = socket(AF_INET, SOCK_STREAM, 0), v = 0;
	socklen_t n = sizeof(v);
	char b[64] = "";
	struct pollfd p = {.fd = s, .events = POLLIN};
	static char much[300000];
	long got = 0, r;

	r = connect(s, (struct sockaddr *)&a, sizeof(a));
	say("connect: %s", result(r));
	if (r != 0)
		return 1;
	say("send: %s", result(send(s, "hello", 5, 0)));
	say("poll: %d", poll(&p, 1, 20000));
	say("recv: %s", result(recv(s, b, 5, MSG_WAITALL)));
	say("%s", b);
	getsockopt(s, SOL_SOCKET, SO_TYPE, &v, &n);
	say("a stream: %d", v == SOCK_STREAM);
	while ((r = read(s, much, sizeof(much))) > 0)
		got += r;
	say("then %ld", got);
	memset(much, 'x', sizeof(much));
	say("write: %s", result(write(s, much, sizeof(much))));
	close(s);
	return 0;
}
