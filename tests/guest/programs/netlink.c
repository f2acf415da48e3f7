/* SPDX-License-Identifier: MIT */
/* netlink.c - the interface and its addresses as the C library asks for them; and mq_notify's threads. On a
 * real Linux in a network of its own, which has lo alone, too. */
#include "guest.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <mqueue.h>
#include <net/if.h>
#include <netdb.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static void interfaces(void)
{
	struct if_nameindex *list = if_nameindex();
	for (struct if_nameindex *i = list; i && i->if_index; i++)
		say("interface %u %s", i->if_index, i->if_name);
	if_freenameindex(list);
	say("lo is %u, eth9 is %u, 1 is %s", if_nametoindex("lo"), if_nametoindex("eth9"), if_indextoname(1, (char[IF_NAMESIZE]){0}));
	struct ifaddrs *all = NULL;
	say("getifaddrs: %s", result(getifaddrs(&all)));
	for (struct ifaddrs *a = all; a; a = a->ifa_next) {
		char text[INET6_ADDRSTRLEN] = "";
		int family = a->ifa_addr ? a->ifa_addr->sa_family : -1;
		if (family == AF_INET)
			inet_ntop(family, &((struct sockaddr_in *)a->ifa_addr)->sin_addr, text, sizeof(text));
		if (family == AF_INET6)
			inet_ntop(family, &((struct sockaddr_in6 *)a->ifa_addr)->sin6_addr, text, sizeof(text));
		say("%s family %d flags %x %s, statistics %d", a->ifa_name, family, a->ifa_flags, text, family == AF_PACKET);
	}
	freeifaddrs(all);
}

static void ask(int fd, int type, int flags, int family, int index, const char *what)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
	} r = {.h = {.nlmsg_len = sizeof(r), .nlmsg_type = (unsigned short)type, .nlmsg_flags = (unsigned short)(NLM_F_REQUEST | flags),
		     .nlmsg_seq = 7},
	       .i = {.ifi_family = (unsigned char)family, .ifi_index = index}};
	if (type == RTM_GETADDR)
		r.h.nlmsg_len = sizeof(r.h) + sizeof(struct ifaddrmsg);
	char bytes[16384];
	struct sockaddr_nl from;
	socklen_t size = sizeof(from);
	long sent = send(fd, &r, r.h.nlmsg_len, 0);
	say("%s: send %s", what, result(sent < 0 ? -1 : 0));
	for (int last = 0; !last;) {
		long n = recvfrom(fd, bytes, sizeof(bytes), MSG_DONTWAIT, (struct sockaddr *)&from, &size);
		if (n < 0) {
			say("  recv: %s", result(n));
			return;
		}
		for (struct nlmsghdr *h = (void *)bytes; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
			int number;
			memcpy(&number, NLMSG_DATA(h), sizeof(number));
			last |= h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR || !(h->nlmsg_flags & NLM_F_MULTI);
			say("  type %d flags %x seq %u from %u%s%s", h->nlmsg_type, h->nlmsg_flags & NLM_F_MULTI, h->nlmsg_seq, from.nl_pid,
			    h->nlmsg_type == NLMSG_ERROR ? " " : "", h->nlmsg_type == NLMSG_ERROR ? (number ? strerrorname_np(-number) : "0") : "");
		}
	}
}

static void requests(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), other;
	struct sockaddr_nl a = {.nl_family = AF_NETLINK};
	socklen_t size = sizeof(a);
	say("bind: %s", result(bind(fd, (struct sockaddr *)&a, sizeof(a))));
	getsockname(fd, (struct sockaddr *)&a, &size);
	say("name: %u bytes, family %d, own number %d", size, a.nl_family, a.nl_pid == (unsigned)getpid());
	other = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE);
	say("the same again: %s", result(bind(other, (struct sockaddr *)&a, sizeof(a))));
	a.nl_pid = 0;
	bind(other, (struct sockaddr *)&a, sizeof(a));
	getsockname(other, (struct sockaddr *)&a, &size);
	say("another: %d", a.nl_pid != (unsigned)getpid() && a.nl_pid != 0);
	a.nl_family = AF_INET;
	say("wrong family: %s, short: %s", result(bind(other, (struct sockaddr *)&a, sizeof(a))), result(bind(other, (struct sockaddr *)&a, 3)));
	ask(fd, RTM_GETLINK, NLM_F_DUMP, AF_UNSPEC, 0, "links");
	ask(fd, RTM_GETADDR, NLM_F_DUMP, AF_UNSPEC, 0, "addresses");
	ask(fd, RTM_GETADDR, NLM_F_DUMP, AF_INET, 0, "of IPv4");
	ask(fd, RTM_GETLINK, 0, AF_UNSPEC, 1, "link 1");
	ask(fd, RTM_GETLINK, 0, AF_UNSPEC, 99, "link 99");
	say("kinds: %s %s", result(socket(AF_NETLINK, SOCK_STREAM, 0)), result(socket(AF_NETLINK, SOCK_RAW, 999)));
	say("listen: %s", result(listen(fd, 1)));
	say("shutdown: %s %s", result(shutdown(fd, SHUT_RDWR)), result(shutdown(fd, 9)));
	close(fd);
	close(other);
}

static int told[2];

static void in_a_thread(union sigval v)
{
	char c = (char)v.sival_int;
	(void)!write(told[1], &c, 1);
}

static void threads(void)
{
	struct mq_attr attr = {.mq_maxmsg = 4, .mq_msgsize = 16};
	struct sigevent e = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = in_a_thread, .sigev_value.sival_int = 'x'};
	char c = 0, text[16];
	(void)!pipe(told);
	mqd_t q = mq_open("/netlink", O_CREAT | O_RDWR | O_EXCL, 0600, &attr);
	mq_unlink("/netlink");
	say("mq_notify: %s", result(mq_notify(q, &e)));
	say("again: %s", result(mq_notify(q, &e)));
	say("send: %s", result(mq_send(q, "one", 4, 0)));
	say("a thread is told: %s", result(read(told[0], &c, 1)));
	say("%c", c);
	mq_receive(q, text, sizeof(text), NULL);
	say("again: %s", result(mq_notify(q, &e)));
	say("taken back: %s", result(mq_notify(q, NULL)));
	say("send: %s", result(mq_send(q, "two", 4, 0)));
	mq_close(q);
}

int main(void)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWIPC) == 0) {
		struct ifreq r = {.ifr_name = "lo"};
		int fd = socket(AF_INET, SOCK_DGRAM, 0);
		ioctl(fd, SIOCGIFFLAGS, &r);
		r.ifr_flags |= IFF_UP;
		ioctl(fd, SIOCSIFFLAGS, &r);
		close(fd);
	} else if (errno != EINVAL) {
		say("no namespaces");
		return 0;
	}
	interfaces();
	requests();
	threads();
	return 0;
}
