/* SPDX-License-Identifier: MIT */
/* hostnet PORT: speaks to whoever listens at 127.0.0.1:PORT; says what it hears. On Carrel only. */
#include "guest.h"
#include "sockets.h"

#include <fcntl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>

static int told[2];

static void on_message(union sigval v)
{
	if (write(told[1], &v.sival_int, sizeof(v.sival_int)) < 0)
		say("write: %s", result(-1));
}

/* The thread is told through a netlink socket, of which the host has no part. */
static void notified(void)
{
	struct sigevent e = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = on_message, .sigev_value.sival_int = 7};
	mqd_t q = mq_open("/hostnet", O_RDWR | O_CREAT, 0600, NULL);
	int v = 0;
	if (pipe(told) != 0 || mq_notify(q, &e) != 0 || mq_send(q, "x", 1, 0) != 0 || read(told[0], &v, sizeof(v)) < 0)
		say("notified: %s", result(-1));
	say("a thread is told %d", v);
	mq_unlink("/hostnet");
}

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
	notified();
	return 0;
}
