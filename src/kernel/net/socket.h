/* SPDX-License-Identifier: MIT */
/* socket.h - sockets: what all of them have in common
 *
 *	file -> socket -> socket_ops, by family and type
 *	          |
 *	          +-- in: a ring of bytes, cut into packets, that this socket has yet to receive
 *
 *	unix.c, unix_name.c   AF_UNIX: stream, datagram, seqpacket; paths and abstract names
 *	inet.c, tcp.c, udp.c  AF_INET and AF_INET6 between programs of this machine: loopback alone
 *	timewait.h            ends of TCP connections that are over
 *	multicast.h           groups on lo
 *	icmp.c                ICMP: echo, by datagram or raw sockets
 *	nethost.c             the host's own sockets instead, with --net host
 *	netlink.c             what there is to know of the interface: AF_NETLINK
 *	rights.c              open files on their way in messages, and cycles of them
 *	socket_option.c       SO_ and other options
 *	urgent.c              urgent data of streams
 *
 * A connected stream is two sockets that put bytes into each other's ring. The states:
 *
 *	          listen                        accept
 *	CLOSED ------------> LISTENING       (a new one, CONNECTED, waits in the listener's queue)
 *	   |   connect                    room in the listener's queue
 *	   +------------> CONNECTING -------------------------------> CONNECTED
 *	   |                    no room: TCP; AF_UNIX waits in CLOSED     |
 *	   +--------------------------------------------------------------+
 *
 * Bounds: a socket has at most its buffer size of bytes on their way (streams: what lies in the
 * peer's ring; messages: what they are charged, with an overhead for each as on Linux, so that empty
 * ones are bounded too). A listener has at most its backlog + 1 connections. All bytes lie in frames
 * of the machine.
 *
 * A socket is counted: by its open file, by its peer, by each packet that it sent and that was not
 * received, and by the listener's queue it waits in.
 */
#ifndef KERNEL_SOCKET_H
#define KERNEL_SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "kernel/abi.h"
#include "kernel/file/file.h"
#include "kernel/file/ring.h"
#include "kernel/wait.h"

struct text;

/* Linux's numbers. */
enum {
	SOCK_AF_UNSPEC = 0,
	SOCK_AF_UNIX = 1,
	SOCK_AF_INET = 2,
	SOCK_AF_INET6 = 10,
	SOCK_AF_NETLINK = 16,
	SOCK_TYPE_STREAM = 1,
	SOCK_TYPE_DGRAM = 2,
	SOCK_TYPE_RAW = 3,
	SOCK_TYPE_SEQPACKET = 5,
	SOCK_SHUT_IN = 1,
	SOCK_SHUT_OUT = 2,
	SOCK_SHUT_BOTH = 3,
};
/* Of options and of control messages. */
enum {
	LEVEL_IP = 0,
	LEVEL_SOCKET = 1,
	LEVEL_TCP = 6,
	LEVEL_UDP = 17,
	LEVEL_IPV6 = 41,
	LEVEL_ICMPV6 = 58,
	LEVEL_RAW = 255,
	LEVEL_NETLINK = 270,
};

enum message_flag {
	MESSAGE_OOB = 1,
	MESSAGE_PEEK = 2,
	MESSAGE_DONTROUTE = 4,
	MESSAGE_CTRUNC = 8,
	MESSAGE_TRUNC = 0x20,
	MESSAGE_DONTWAIT = 0x40,
	MESSAGE_EOR = 0x80,
	MESSAGE_WAITALL = 0x100,
	MESSAGE_ERRQUEUE = 0x2000,
	MESSAGE_NOSIGNAL = 0x4000,
	MESSAGE_WAITFORONE = 0x10000,
	MESSAGE_CMSG_CLOEXEC = 0x40000000,
};

/* A name as a program gives and gets it: sockaddr_un, sockaddr_in, sockaddr_in6. size 0: none. The
 * first two bytes are the family. */
enum { ADDRESS_MAX = 128 };
struct address {
	uint32_t size;
	uint8_t bytes[ADDRESS_MAX] __attribute__((aligned(4)));
};

static inline unsigned address_family(const struct address *a)
{
	return a->size >= 2 ? (unsigned)(a->bytes[0] | a->bytes[1] << 8) : 0;
}

struct credentials {
	int32_t pid;
	uint32_t uid, gid;
};

/* An end of a connection by TCP or UDP. IPv4 addresses are mapped into IPv6's. */
struct inet_end {
	uint8_t ip[16];
	uint16_t port; /* 0: none */
};

struct socket;

/* Open files in a message: SCM_RIGHTS. */
enum { RIGHTS_MAX = 253 };
struct rights {
	LIST_ENTRY(rights) dying;
	unsigned count;
	struct file *file[];
};

enum { STREAM_PACKETS = 1024 }; /* that a stream may have at most */

/* What the header of a datagram says. */
struct datagram {
	uint8_t to[16], from[16]; /* addresses; from: IP_PKTINFO's wish of a sender, or zeros */
	int32_t ttl, tos; /* while it is sent one more than these; 0: as the sender's options say */
};

/* A message in a socket's ring, or a stretch of a stream that has one sender's credentials. */
struct packet {
	TAILQ_ENTRY(packet) link;
	uint64_t size;   /* bytes in the ring */
	uint64_t serial; /* never reused */
	struct socket *sender; /* counted, of messages; NULL: a stream */
	uint64_t charge;       /* of sender->sent */
	struct rights *rights; /* NULL: none */
	struct credentials cred;
	bool has_cred;
	uint64_t time;		/* when it came, ns of the guest's clock */
	struct inet_end source; /* UDP: who sent it; what it was sent to, and how */
	struct datagram about;
};

/* What sendmsg and recvmsg move. It lives as long as the call, across its waits: see
 * message_begin. */
struct message {
	struct abi_iovec *iov; /* the program's memory, or: */
	unsigned count;
	void *bytes; /* the kernel's own */
	uint64_t size;
	uint32_t flags; /* MESSAGE_ */
	bool nonblock;
	bool control; /* receiving: somebody looks at rights and credentials */
	/* Sent to; received from. */
	struct address address;
	struct rights *rights; /* sending: NULL once the send took them */
	struct credentials cred;
	bool has_cred;
	uint32_t result; /* MESSAGE_TRUNC, MESSAGE_CTRUNC */
	struct inet_end source;
	uint64_t time; /* of a datagram; 0: not known */
	struct datagram about;
	/* How far it came. */
	uint64_t copied;   /* bytes of a message that is sent or received whole */
	uint64_t serial;   /* of the packet that is received */
	uint8_t *gathered; /* what is sent whole */
	bool finished;     /* moved; what is left is to tell the program */
	int64_t moved;
	struct abi_iovec *more; /* owned, if there are many */
	struct abi_iovec few[8];
};

enum socket_state { SOCKET_CLOSED, SOCKET_CONNECTING, SOCKET_LISTENING, SOCKET_CONNECTED };

/* Those that a kind has not are NULL: -EOPNOTSUPP. All return 0 or -errno, or also CALL_WAIT. */
struct socket_ops {
	int (*bind)(struct socket *s, struct task *t, const struct address *a);
	int (*listen)(struct socket *s, struct task *t, int backlog);
	/* The new socket's reference is the caller's. */
	int (*accept)(struct socket *s, struct task *t, bool nonblock, struct socket **ret_socket);
	int (*connect)(struct socket *s, struct task *t, const struct address *a, bool nonblock);
	int (*name)(struct socket *s, bool peer, struct address *ret_address);
	/* Return how many bytes; t NULL: never waits. */
	int64_t (*send)(struct socket *s, struct task *t, struct message *m);
	int64_t (*receive)(struct socket *s, struct task *t, struct message *m);
	int (*shutdown)(struct socket *s, int how);
	int (*poll)(struct socket *s, struct waiter *w);
	/* Options that the kind treats itself. 1: not one of those. */
	int (*set_option)(struct socket *s, int level, int name, const void *value, unsigned size);
	int (*get_option)(struct socket *s, int level, int name, void *ret_value, unsigned *size);
	int64_t (*ioctl)(struct socket *s, struct task *t, uint64_t request, uint64_t arg);
	/* The open file is gone, or it never had one and is given up. */
	void (*close)(struct socket *s);
	/* The last reference is gone. NULL: nothing to give back. */
	void (*destroy)(struct socket *s);
};

enum { SOCKET_INTS = 44 };

struct socket {
	unsigned refs;
	struct kernel *kernel;
	const struct socket_ops *ops;
	int domain, type, protocol;
	enum socket_state state;
	struct file *file; /* NULL: not accepted yet, or closed */
	bool dead;         /* closed */
	unsigned shut;     /* SOCK_SHUT_ */
	int error;         /* SO_ERROR: positive; 0: none */
	uint64_t inode;
	uint32_t uid, gid;         /* who made it */
	struct credentials others; /* SO_PEERCRED; of a listener: its own */
	struct socket *peer;       /* counted */
	LIST_ENTRY(socket) all;
	LIST_ENTRY(socket) bound; /* a bucket of struct sockets; see is_bound */
	bool is_bound;

	struct ring in;
	TAILQ_HEAD(packet_list, packet) packets;
	unsigned packet_count;
	uint64_t in_charge; /* of the packets */
	uint64_t sent;      /* charge of what it sent and nobody received yet */

	struct {
		enum { URGENT_NONE, URGENT_WAITING, URGENT_TAKEN } state;
		uint64_t left; /* bytes of the ring in front of the mark */
	} urgent; /* see urgent.c */

	struct socket *listener;         /* while in one of its queues */
	TAILQ_HEAD(, socket) accepting;  /* connections nobody accepted yet: counted */
	TAILQ_HEAD(, socket) connecting; /* those for which there is no room */
	TAILQ_ENTRY(socket) queued;
	unsigned accepting_count, backlog;

	struct wait_queue readers, writers; /* something to receive or accept; room, or connected */
	struct wait_queue room;             /* other sockets' senders: something was received here */

	/* Options. */
	uint32_t send_size, receive_size; /* SO_SNDBUF, SO_RCVBUF */
	bool send_size_set, receive_size_set;
	uint64_t send_timeout, receive_timeout; /* ns; 0: none */
	uint32_t low_water;
	bool pass_cred, reuse_address, reuse_port;
	int linger; /* seconds; -1: off */
	int32_t peek_offset; /* SO_PEEK_OFF; -1: off */
	int32_t ints[SOCKET_INTS]; /* those that are only kept: see socket_option.c */

	/* rights.c */
	unsigned flights; /* references that are on their way in messages */
	unsigned outside; /* while cycles are looked for */
	bool candidate;
	LIST_ENTRY(socket) flying;

	union {
		struct {
			struct address name; /* as bind was given it; size 0: none */
			uint64_t device, inode;
			int host_fd; /* keeps the host's inode number from being used again; or -1 */
		} un;
		struct {
			struct inet_end local, remote;
			uint8_t asked[16]; /* what bind was given */
			bool chosen;       /* bind was called; else the port is connect's choice */
			bool v6_only;
			bool fin;      /* the other side will send no more */
			bool promised; /* connect said -EINPROGRESS */
			bool first;    /* it finished before the other side did */
			bool header;   /* IP_HDRINCL */
			struct multicast *groups; /* see multicast.h; NULL: none */
			bool by_lo, by_lo_v6;	  /* IP_MULTICAST_IF, IPV6_MULTICAST_IF */
			bool own_groups, own_groups_v6; /* IP_MULTICAST_ALL and IPv6's are off */
			uint8_t by_address[4];
			struct {
				uint64_t sent, received; /* bytes */
				uint32_t out, in;	 /* segments with data, as Linux would have made them */
				bool asked;		 /* this end called connect */
			} count;
			uint32_t filter[8]; /* ICMP_FILTER, ICMP6_FILTER: types that are not wanted */
		} inet;
		struct {
			uint32_t port, groups;
		} netlink;
		struct nethost *host;
	} u;
};

/* All of a machine's. */
enum { SOCKET_BUCKETS = 256 };
struct sockets {
	LIST_HEAD(, socket) all;
	LIST_HEAD(socket_bucket, socket) bound[SOCKET_BUCKETS];
	uint64_t serial;       /* of packets */
	unsigned count;
	LIST_HEAD(, timewait) timewaits; /* see timewait.h */
	unsigned timewait_count;
	uint16_t next_port[2]; /* ephemeral ones: TCP, UDP */
	uint32_t next_name;    /* of autobind */
	/* rights.c */
	unsigned flights;              /* files on their way */
	LIST_HEAD(, socket) flying;    /* AF_UNIX sockets that are */
	LIST_HEAD(, rights) dying;
	bool burying;
};

int sockets_create(struct kernel *k);
/* Every process is gone. */
void sockets_destroy(struct kernel *k);

/* One reference, the caller's. Returns 0 or -ENOMEM. */
int socket_create(struct kernel *k, const struct socket_ops *ops, int domain, int type,
		  int protocol, const struct task *t, struct socket **ret_socket);
/* What socket(2) makes. */
int socket_make(struct task *t, int domain, int type, int protocol, struct socket **ret_socket);
struct socket *socket_ref(struct socket *s);
void socket_put(struct socket *s);
/* Closes what has no file and gives up the caller's reference. */
void socket_abandon(struct socket *s);
/* The open file of s takes over the caller's reference. On failure s stays the caller's. */
int socket_open(struct socket *s, uint32_t flags, struct file **ret_file);
/* The socket behind a file; NULL: it is none. */
struct socket *socket_of(const struct file *f);

/* For handlers that wait: 0 becomes CALL_WAIT after putting t on q, unless nonblock or timeout (ns
 * since the call first waited; 0: none) is over: -EAGAIN. */
int socket_wait(struct task *t, struct wait_queue *q, uint64_t timeout, bool nonblock);
/* The same for handlers that may have moved done bytes already: those count. */
int64_t socket_wait_more(struct task *t, struct wait_queue *q, uint64_t timeout, bool nonblock,
			 int64_t done);
/* For poll: puts w on the queues of s; what holds of any socket: an error, its ends, something to receive. */
int socket_join(struct socket *s, struct waiter *w);
int socket_ready(const struct socket *s);
/* SO_ERROR as a negative errno, which is cleared. */
int socket_take_error(struct socket *s);
/* -EPIPE, after a SIGPIPE unless the message asks for none. t may be NULL. */
int socket_broken(struct task *t, const struct message *m);
/* Something else changed: an error, an end, a connection. */
void socket_wake(struct socket *s);
/* Something was received from to's ring, or can be sent now. poll says that it can be written. */
void socket_wake_writers(struct socket *s, bool writable);
void socket_wake_readers(struct socket *s);
void socket_wake_urgent(struct socket *s);
struct credentials socket_credentials(const struct task *t);
/* In and out of the bucket of this hash: what can be found by its name. */
void socket_bind(struct socket *s, unsigned hash);
void socket_unbind(struct socket *s);
/* The bytes that a receive must have before it returns. */
uint64_t socket_target(const struct socket *s, const struct message *m);
/* accept of what connect puts into s->accepting. Returns 0, -EINVAL, -EAGAIN, CALL_WAIT... */
int socket_accept(struct socket *s, struct task *t, bool nonblock, struct socket **ret_socket);
/* Puts a new connection into the queue of s; its reference passes. */
void socket_queue(struct socket *s, struct socket *connection);
bool socket_queue_full(const struct socket *s);
/* Closes all connections that nobody accepted. */
void socket_queue_clear(struct socket *s);
/* FIONREAD and the like: writes an int. */
int64_t socket_ioctl_int(struct task *t, uint64_t arg, uint64_t value);

/* ---- The ring and its packets (socket_queue.c) ---- */

/* What Linux charges for a message of this size. */
uint64_t packet_charge(uint64_t size);
/* Puts a message whole. sender, unless NULL, is charged and counted; rights pass to the packet. Returns 0,
 * -ENOBUFS or -ENOMEM, or CALL_WAIT (-EAGAIN without t): a frame is on its way. */
int packet_put(struct socket *to, struct task *t, struct socket *sender, struct message *m,
	       const void *bytes);
/* Takes the first packet away. */
void packet_drop(struct socket *s);
void packets_clear(struct socket *s);
/* Puts up to size bytes of a stream; m's rights go with the first. Returns as ring_put. */
int64_t stream_put(struct socket *to, struct message *m, const void *bytes, uint64_t size);
/* Sends what of m there is room for in to's ring, which may hold limit bytes; progress is kept in
 * the call. Returns how much in all, 0: there is no room; CALL_WAIT, -EFAULT, -ENOBUFS. */
int64_t stream_give(struct socket *to, struct task *t, struct message *m, uint64_t limit);
/* Receives from a stream's ring what is there and m has room for, as recvmsg's flags say; progress
 * is kept in the call. Returns a count, 0: nothing is there; CALL_WAIT, -EFAULT. ret_end: rights or
 * other credentials end this receive. */
int64_t stream_take(struct socket *s, struct task *t, struct message *m, bool *ret_end);
/* The packet that is to be received, and how many of its bytes SO_PEEK_OFF leaves out; NULL: none. */
struct packet *packet_next(struct socket *s, const struct message *m, uint64_t *ret_skip);
/* Receives that. The rest of it is lost. */
int64_t packet_take(struct socket *s, struct task *t, struct message *m);
/* The message of t's call, empty when the call begins; freed with it. NULL: no memory. */
struct message *message_begin(struct task *t);
/* Ready for another, in the same call. */
void message_reset(struct kernel *k, struct message *m);
/* The bytes of a message that is sent whole. Returns 0, CALL_WAIT, -EFAULT, -ENOMEM. */
int message_gather(struct task *t, struct message *m, const uint8_t **ret_bytes);
/* The stretch of m that comes after done bytes. False: nothing does. */
bool message_at(const struct message *m, uint64_t done, uint64_t *ret_va, uint64_t *ret_size);

/* Takes size bytes of a stream away unread. */
void stream_drop(struct socket *s, uint64_t size);

/* ---- urgent.c ---- */

/* The byte that was put last into s's ring is urgent. */
void urgent_sent(struct socket *s);
/* How many of size bytes can be read at *at in one piece, done being read already; 0: the mark ends this
 * read. *at moves over the urgent byte where it is left out. */
uint64_t urgent_limit(struct socket *s, bool peek, uint64_t done, uint64_t *at, uint64_t size);
/* size bytes were taken from the ring. */
void urgent_passed(struct socket *s, uint64_t size);
/* recv with MSG_OOB. Returns 0 or 1, -EINVAL: there is none, or as uaccess. */
int64_t urgent_take(struct socket *s, struct task *t, struct message *m);
bool urgent_inline(const struct socket *s);
bool urgent_waits(const struct socket *s);
/* SIOCATMARK, FIONREAD. */
bool urgent_at_mark(const struct socket *s);
uint64_t urgent_readable(const struct socket *s);

/* ---- rights.c ---- */

/* References the files of descriptors. Returns 0, -EBADF, -ENOMEM, -ETOOMANYREFS. */
int rights_create(struct task *t, const int32_t *fd, unsigned count, struct rights **ret_rights);
/* Another reference to each file; NULL: no memory. */
struct rights *rights_copy(struct kernel *k, const struct rights *r);
/* NULL is nothing. */
void rights_destroy(struct kernel *k, struct rights *r);
/* Finds sockets that only messages in each other's queues refer to, and empties those. */
void rights_collect(struct kernel *k);

/* ---- socket_option.c ---- */

void socket_options_init(struct socket *s);
/* The value of an option that is only kept. */
int32_t socket_kept(const struct socket *s, int level, int name);
int socket_option_set(struct socket *s, struct task *t, int level, int name, uint64_t va,
		      uint32_t size);
int socket_option_get(struct socket *s, struct task *t, int level, int name, uint64_t va,
		      uint64_t size_va);

/* ---- net_control.c: control messages of IP and of sockets in general ---- */

/* struct cmsghdr. */
struct abi_cmsghdr {
	uint64_t size;
	int32_t level, type;
};

struct control {
	uint8_t *bytes;
	uint64_t size, room;
};

/* Adds a control message, or what there is room for of it. */
void control_add(struct control *c, struct message *m, int level, int type, const void *data, uint64_t size);
/* Adds what s asked to be told of each message that it receives. */
void control_tell(const struct socket *s, struct message *m, struct control *c);
/* A control message of IP that is sent. Returns 0 or -EINVAL. */
int control_read(const struct socket *s, struct message *m, int level, int type, const uint8_t *data, uint64_t size);

/* ---- The kinds ---- */

extern const struct socket_ops unix_stream_ops, unix_dgram_ops, tcp_ops, udp_ops, icmp_ops, nethost_ops;
/* icmp.c. Returns 0, -EPROTONOSUPPORT, -EPERM or -ENOMEM. */
int icmp_make(struct task *t, int domain, int type, int protocol, struct socket **ret_socket);
int unix_pair(struct task *t, struct socket *a, struct socket *b);
/* The socket that a path or an abstract name leads to, counted for the caller. */
int unix_find(struct socket *s, struct task *t, const struct address *a, struct socket **ret_socket);
int unix_bind(struct socket *s, struct task *t, const struct address *a);
int unix_autobind(struct socket *s);
void unix_unbind(struct socket *s);
int unix_name(struct socket *s, bool peer, struct address *ret_address);
int nethost_create(struct task *t, int domain, int type, int protocol, struct socket **ret_socket);
/* Every socket, the oldest first; NULL: that was the last. */
struct socket *socket_oldest(struct kernel *k);
struct socket *socket_newer(struct kernel *k, struct socket *s);
/* Linux's number for the state of a connection. */
enum { TCP_STATE_FIN_WAIT2 = 5, TCP_STATE_TIME_WAIT = 6, TCP_STATE_CLOSE = 7 };
unsigned tcp_state(const struct socket *s);
/* sock_text.c: /proc/net. */
void sockets_text_unix(struct kernel *k, struct text *text);
void sockets_text_inet(struct kernel *k, int domain, int type, struct text *text);
void sockets_text_inuse(struct kernel *k, int domain, struct text *text);

#endif
