/* SPDX-License-Identifier: MIT */
/* call_names_net.c - what strace calls the numbers and names of sockets */
#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "kernel/call_names.h"

#define NAMES(what) const struct call_name names_##what[]

static NAMES(family) = {{0, "AF_UNSPEC"},   {1, "AF_UNIX"},     {2, "AF_INET"}, {10, "AF_INET6"},
		 {16, "AF_NETLINK"}, {17, "AF_PACKET"}, {0, NULL}};

static NAMES(socket_type) = {{1, "SOCK_STREAM"}, {2, "SOCK_DGRAM"},     {3, "SOCK_RAW"},
		      {4, "SOCK_RDM"},    {5, "SOCK_SEQPACKET"}, {0, NULL}};

static NAMES(socket) = {{02000000, "SOCK_CLOEXEC"}, {04000, "SOCK_NONBLOCK"}, {0, NULL}};

NAMES(message) = {{0x1, "MSG_OOB"},          {0x2, "MSG_PEEK"},
		  {0x4, "MSG_DONTROUTE"},    {0x8, "MSG_CTRUNC"},
		  {0x20, "MSG_TRUNC"},       {0x40, "MSG_DONTWAIT"},
		  {0x80, "MSG_EOR"},         {0x100, "MSG_WAITALL"},
		  {0x800, "MSG_CONFIRM"},    {0x2000, "MSG_ERRQUEUE"},
		  {0x4000, "MSG_NOSIGNAL"},  {0x8000, "MSG_MORE"},
		  {0x10000, "MSG_WAITFORONE"}, {0x4000000, "MSG_ZEROCOPY"},
		  {0x20000000, "MSG_FASTOPEN"}, {0x40000000, "MSG_CMSG_CLOEXEC"},
		  {0, NULL}};

static NAMES(level) = {{0, "SOL_IP"},    {1, "SOL_SOCKET"}, {6, "SOL_TCP"},
		{17, "SOL_UDP"}, {41, "SOL_IPV6"},  {0, NULL}};

static NAMES(shutdown) = {{0, "SHUT_RD"}, {1, "SHUT_WR"}, {2, "SHUT_RDWR"}, {0, NULL}};

static NAMES(option) = {
    {1, "SO_DEBUG"},      {2, "SO_REUSEADDR"},   {3, "SO_TYPE"},      {4, "SO_ERROR"},
    {5, "SO_DONTROUTE"},  {6, "SO_BROADCAST"},   {7, "SO_SNDBUF"},    {8, "SO_RCVBUF"},
    {9, "SO_KEEPALIVE"},  {10, "SO_OOBINLINE"},  {12, "SO_PRIORITY"}, {13, "SO_LINGER"},
    {15, "SO_REUSEPORT"}, {16, "SO_PASSCRED"},   {17, "SO_PEERCRED"}, {18, "SO_RCVLOWAT"},
    {19, "SO_SNDLOWAT"},  {20, "SO_RCVTIMEO"},   {21, "SO_SNDTIMEO"}, {28, "SO_PEERNAME"},
    {30, "SO_ACCEPTCONN"}, {31, "SO_PEERSEC"},   {32, "SO_SNDBUFFORCE"}, {33, "SO_RCVBUFFORCE"},
    {38, "SO_PROTOCOL"},  {39, "SO_DOMAIN"},     {0, NULL}};

static NAMES(tcp) = {{1, "TCP_NODELAY"},   {2, "TCP_MAXSEG"},   {3, "TCP_CORK"},
		     {4, "TCP_KEEPIDLE"},  {5, "TCP_KEEPINTVL"}, {6, "TCP_KEEPCNT"},
		     {9, "TCP_DEFER_ACCEPT"}, {11, "TCP_INFO"}, {12, "TCP_QUICKACK"},
		     {13, "TCP_CONGESTION"}, {18, "TCP_USER_TIMEOUT"}, {0, NULL}};

static NAMES(ip) = {{1, "IP_TOS"}, {2, "IP_TTL"}, {8, "IP_PKTINFO"}, {11, "IP_RECVERR"}, {0, NULL}};

static NAMES(ipv6) = {{16, "IPV6_UNICAST_HOPS"}, {25, "IPV6_RECVERR"}, {26, "IPV6_V6ONLY"},
		      {49, "IPV6_RECVPKTINFO"},  {67, "IPV6_TCLASS"},  {0, NULL}};

bool names_add_socket(struct text *t, enum call_type type, uint64_t value)
{
	uint32_t v = (uint32_t)value, kind = v & 15;
	switch (type) {
	case T_socket_family: names_add_value(t, names_family, v, "AF_???"); break;
	case T_socket_type:
		names_add_value(t, names_socket_type, kind, "SOCK_???");
		if (v != kind) {
			text_add(t, "|");
			names_add_flags(t, names_socket, v - kind, NULL);
		}
		break;
	case T_sock_flags: names_add_flags(t, names_socket, v, "0"); break;
	case T_socket_level: names_add_value(t, names_level, v, "SOL_???"); break;
	case T_shutdown: names_add_value(t, names_shutdown, v, "SHUT_???"); break;
	case T_msg_flags: names_add_flags(t, names_message, v, "0"); break;
	default: return false;
	}
	return true;
}

void names_add_option(struct text *t, uint64_t level, uint64_t option)
{
	switch (level) {
	case 1: names_add_value(t, names_option, option, "SO_???"); break;
	case 6: names_add_value(t, names_tcp, option, "TCP_???"); break;
	case 0: names_add_value(t, names_ip, option, "IP_???"); break;
	case 41: names_add_value(t, names_ipv6, option, "IPV6_???"); break;
	default: text_add(t, "%#" PRIx64, option); break;
	}
}

static void add_unix(struct text *t, const uint8_t *path, size_t size)
{
	bool abstract = size > 0 && path[0] == 0;
	if (size == 0)
		return;
	text_add(t, abstract ? ", sun_path=@" : ", sun_path=");
	path += abstract;
	size = abstract ? size - 1 : strnlen((const char *)path, size);
	text_add_quoted(t, path, size, size);
}

void names_add_sockaddr(struct text *t, const uint8_t *bytes, size_t size)
{
	char name[INET6_ADDRSTRLEN];
	enum { V4 = 16, V6 = 28 };
	unsigned family = (unsigned)(bytes[0] | bytes[1] << 8),
		 port = size >= 4 ? (unsigned)(bytes[2] << 8 | bytes[3]) : 0;
	text_add(t, "{sa_family=");
	names_add_value(t, names_family, family, "AF_???");
	if (family == 1) {
		add_unix(t, bytes + 2, size - 2);
	} else if (family == 2 && size >= V4 && inet_ntop(AF_INET, bytes + 4, name, sizeof(name))) {
		text_add(t, ", sin_port=htons(%u), sin_addr=inet_addr(\"%s\")", port, name);
	} else if (family == 10 && size >= V6 &&
		   inet_ntop(AF_INET6, bytes + 8, name, sizeof(name))) {
		uint32_t flow, scope;
		memcpy(&flow, bytes + 4, 4);
		memcpy(&scope, bytes + 24, 4);
		text_add(t,
			 ", sin6_port=htons(%u), sin6_flowinfo=htonl(%u), inet_pton(AF_INET6, "
			 "\"%s\", &sin6_addr), sin6_scope_id=%u",
			 port, ntohl(flow), name, scope);
	} else if (size > 2) {
		text_add(t, ", sa_data=");
		text_add_quoted(t, bytes + 2, size - 2, 14);
	}
	text_add(t, "}");
}
