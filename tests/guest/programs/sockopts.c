/* SPDX-License-Identifier: MIT */
/* Options of sockets: their first values, limits, and what is no option. */
#include "guest.h"
#include "sockets.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#define OPTION(name) {name, #name}

static const struct {
	int name;
	const char *text;
} at_socket[] = {OPTION(SO_DEBUG), OPTION(SO_REUSEADDR), OPTION(SO_TYPE), OPTION(SO_ERROR), OPTION(SO_DONTROUTE), OPTION(SO_BROADCAST),
	OPTION(SO_SNDBUF), OPTION(SO_RCVBUF), OPTION(SO_KEEPALIVE), OPTION(SO_OOBINLINE), OPTION(SO_REUSEPORT), OPTION(SO_PASSCRED),
	OPTION(SO_RCVLOWAT), OPTION(SO_SNDLOWAT), OPTION(SO_ACCEPTCONN), OPTION(SO_PROTOCOL), OPTION(SO_DOMAIN), OPTION(SO_PRIORITY),
	OPTION(SO_TIMESTAMP)};

static void get(const char *what, int s, int level, int name)
{
	int v = -1;
	socklen_t n = sizeof(v);
	long r = getsockopt(s, level, name, &v, &n);

	if (r == 0)
		say("%s: %d, %d bytes", what, v, (int)n);
	else
		say("%s: %s", what, result(r));
}

static void set(const char *what, int s, int level, int name, int v)
{
	say("set %s to %d: %s", what, v, result(setsockopt(s, level, name, &v, sizeof(v))));
	get(what, s, level, name);
}

static void first_values(const char *kind, int s)
{
	say("-- %s", kind);
	for (unsigned i = 0; i < sizeof(at_socket) / sizeof(at_socket[0]); i++)
		get(at_socket[i].text, s, SOL_SOCKET, at_socket[i].name);
}

static void common(const char *kind, int s)
{
	struct timeval tv = {1, 500000};
	struct linger l = {1, 7};
	socklen_t n = sizeof(tv);
	char small[2];

	say("-- %s", kind);
	set("SO_KEEPALIVE", s, SOL_SOCKET, SO_KEEPALIVE, 5);
	set("SO_REUSEADDR", s, SOL_SOCKET, SO_REUSEADDR, 1);
	set("SO_SNDBUF", s, SOL_SOCKET, SO_SNDBUF, 10000);
	set("SO_SNDBUF", s, SOL_SOCKET, SO_SNDBUF, 1);
	set("SO_RCVBUF", s, SOL_SOCKET, SO_RCVBUF, 1);
	set("SO_RCVBUF", s, SOL_SOCKET, SO_RCVBUF, 100000);
	set("SO_RCVLOWAT", s, SOL_SOCKET, SO_RCVLOWAT, 0);
	set("SO_TYPE", s, SOL_SOCKET, SO_TYPE, 1);
	set("SO_ERROR", s, SOL_SOCKET, SO_ERROR, 1);
	set("none", s, SOL_SOCKET, 9999, 1);
	say("timeout: %s", result(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv))));
	memset(&tv, 0, sizeof(tv));
	say("get: %s", result(getsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, &n)));
	say("%ld.%06ld, %d bytes", (long)tv.tv_sec, (long)tv.tv_usec, (int)n);
	tv.tv_usec = 1000000;
	say("no time: %s", result(setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv))));
	say("too short: %s", result(setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &tv, 4)));
	say("linger: %s", result(setsockopt(s, SOL_SOCKET, SO_LINGER, &l, sizeof(l))));
	l = (struct linger){0, 0};
	n = sizeof(l);
	say("get: %s", result(getsockopt(s, SOL_SOCKET, SO_LINGER, &l, &n)));
	say("%d %d", l.l_onoff, l.l_linger);
	n = 2;
	say("a small one: %s", result(getsockopt(s, SOL_SOCKET, SO_TYPE, small, &n)));
	say("%d bytes", (int)n);
	n = -1;
	say("a negative one: %s", result(getsockopt(s, SOL_SOCKET, SO_TYPE, small, &n)));
	say("from nowhere: %s", result(setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, (void *)8, 4)));
	say("too short: %s", result(setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, small, 2)));
	n = 4;
	say("to nowhere: %s", result(getsockopt(s, SOL_SOCKET, SO_TYPE, (void *)8, &n)));
	say("size nowhere: %s", result(getsockopt(s, SOL_SOCKET, SO_TYPE, small, (void *)8)));
}

static void of_tcp(void)
{
	int s = socket(AF_INET, SOCK_STREAM, 0);
	char name[32] = "";
	socklen_t n = sizeof(name);

	say("-- TCP");
	set("TCP_NODELAY", s, IPPROTO_TCP, TCP_NODELAY, 7);
	set("TCP_CORK", s, IPPROTO_TCP, TCP_CORK, 1);
	set("TCP_KEEPIDLE", s, IPPROTO_TCP, TCP_KEEPIDLE, 60);
	set("TCP_KEEPIDLE", s, IPPROTO_TCP, TCP_KEEPIDLE, 0);
	set("TCP_KEEPINTVL", s, IPPROTO_TCP, TCP_KEEPINTVL, 40000);
	set("TCP_KEEPCNT", s, IPPROTO_TCP, TCP_KEEPCNT, 5);
	set("TCP_SYNCNT", s, IPPROTO_TCP, TCP_SYNCNT, 3);
	set("TCP_USER_TIMEOUT", s, IPPROTO_TCP, TCP_USER_TIMEOUT, 5000);
	set("IP_TOS", s, IPPROTO_IP, IP_TOS, 16);
	set("IP_TTL", s, IPPROTO_IP, IP_TTL, 33);
	set("IP_TTL", s, IPPROTO_IP, IP_TTL, 300);
	set("IPV6_V6ONLY", s, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	set("none", s, IPPROTO_TCP, 999, 1);
	say("congestion: %s", result(getsockopt(s, IPPROTO_TCP, TCP_CONGESTION, name, &n)));
	say("unknown: %s", result(setsockopt(s, IPPROTO_TCP, TCP_CONGESTION, "nothing", 7)));
	close(s);
	s = socket(AF_INET6, SOCK_STREAM, 0);
	set("IPV6_V6ONLY", s, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	get("IPV6_UNICAST_HOPS", s, IPPROTO_IPV6, IPV6_UNICAST_HOPS);
	close(s);
	s = socket(AF_INET, SOCK_DGRAM, 0);
	set("SO_BROADCAST", s, SOL_SOCKET, SO_BROADCAST, 1);
	set("IP_MULTICAST_TTL", s, IPPROTO_IP, IP_MULTICAST_TTL, 3);
	set("TCP_NODELAY of UDP", s, IPPROTO_TCP, TCP_NODELAY, 1);
	close(s);
}

static void others(void)
{
	int s = socket(AF_INET, SOCK_STREAM, 0), n = 0;
	struct ifreq r = {0};
	struct stat st;
	char link[64] = "", path[64], want[64];

	say("-- others");
	strcpy(r.ifr_name, "lo");
	say("index: %s", result(ioctl(s, SIOCGIFINDEX, &r)));
	say("%d", r.ifr_ifindex);
	say("flags: %s", result(ioctl(s, SIOCGIFFLAGS, &r)));
	say("%x", r.ifr_flags & (IFF_UP | IFF_LOOPBACK | IFF_BROADCAST));
	strcpy(r.ifr_name, "none");
	say("none: %s", result(ioctl(s, SIOCGIFINDEX, &r)));
	say("terminal: %s", result(ioctl(s, TIOCGWINSZ, &r)));
	say("waiting: %s", result(ioctl(s, FIONREAD, &n)));
	n = 1;
	say("FIONBIO: %s", result(ioctl(s, FIONBIO, &n)));
	say("nonblocking: %d", fcntl(s, F_GETFL) == (O_RDWR | O_NONBLOCK));
	fstat(s, &st);
	say("mode %o, links %d", st.st_mode, (int)st.st_nlink);
	snprintf(want, sizeof(want), "socket:[%lu]", (unsigned long)st.st_ino);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", s);
	n = (int)readlink(path, link, sizeof(link) - 1);
	say("its link: %d", n > 0 && (size_t)n == strlen(want) && memcmp(link, want, n) == 0);
	close(s);
}

int main(void)
{
	int p[2];

	socketpair(AF_UNIX, SOCK_STREAM, 0, p);
	first_values("AF_UNIX", p[0]);
	common("AF_UNIX", p[0]);
	first_values("TCP", socket(AF_INET, SOCK_STREAM, 0));
	common("TCP", socket(AF_INET, SOCK_STREAM, 0));
	first_values("UDP", socket(AF_INET6, SOCK_DGRAM, 0));
	common("UDP", socket(AF_INET6, SOCK_DGRAM, 0));
	of_tcp();
	others();
	return 0;
}
