/* SPDX-License-Identifier: MIT */
/* fuzz_values.h - arguments for system calls, most of them such that the call succeeds
 *
 * fuzz_world makes what calls need: descriptors of every kind, files, a child to wait for, memory.
 * fuzz_value makes one argument from its type in syscalls.def, or from `special` where that says too
 * little. Now and then it is something else altogether.
 */
#ifndef FUZZ_VALUES_H
#define FUZZ_VALUES_H

#include <linux/capability.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/userfaultfd.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>

#ifndef SYS_riscv_hwprobe
#define SYS_riscv_hwprobe 258
#endif

enum { SLOT = 1024, SLOTS = 64, FIELD = 64 * 4096 };

/* Memory that calls are given: structures in slots, made anew for each call; a page that may only
 * be read, and one that is not there, behind them; and a field to map, protect and advise, the last
 * quarter of which is shared. */
static struct {
	char *slots, *readonly, *absent, *field;
	unsigned next;
	int number; /* of the call that arguments are made for */
	pid_t sleeper;
	int shm, sem, msg;
	char place[64]; /* the child's own directory */
} world;

static unsigned long fuzz_state;

static void fuzz_seed(unsigned long seed)
{
	fuzz_state = seed * 0xd1342543de82ef95 + 1;
}

/* splitmix64, by Sebastiano Vigna. */
static unsigned long fuzz_random(void)
{
	unsigned long z = fuzz_state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static unsigned long below(unsigned long n)
{
	return fuzz_random() % n;
}

#define ONE_OF(...)                                                                                \
	((const long[]){__VA_ARGS__}[below(sizeof((const long[]){__VA_ARGS__}) / sizeof(long))])

/* Where in its directory a child may mount: what it mounts elsewhere would be in the way of all that come after it. */
static const char *const inside[] = {"a", "b", "c", "d", "d/e", "fifo", "."};
enum { INSIDES = sizeof(inside) / sizeof(inside[0]) };

static const char *const paths[] = {"a", "b", "c", "d", "d/e", "link", "loop", ".", "..", "", "d/..", "fifo", "sock",
	"/dev/null", "/dev/zero", "/dev/tty", "/dev/ptmx", "/dev/urandom", "/proc/self/maps", "/proc/self/stat", "/proc/self/fd/3",
	"/proc/self/exe", "/proc/meminfo", "/proc/self/mem", "/proc/self/clear_refs", "/dev/shm/x", "/tmp", "/", "none/x", "/proc/self/fd"};

/* --- what calls need --------------------------------------------------------------------------- */

static void world_memory(void)
{
	if (!world.slots) {
		world.slots = mmap(NULL, SLOT * SLOTS + 2 * 4096, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		world.readonly = world.slots + SLOT * SLOTS;
		world.absent = world.readonly + 4096;
		world.field = mmap(NULL, FIELD, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	}
	mmap(world.slots, SLOT * SLOTS, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	mmap(world.readonly, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	munmap(world.absent, 4096);
	mmap(world.field, FIELD, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	mmap(world.field + FIELD / 4 * 3, FIELD / 4, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	memset(world.field, 1, FIELD / 2);
}

static int file_of(const char *name, const char *text)
{
	int fd = open(name, O_RDWR | O_CREAT, 0666);

	if (fd >= 0 && text && write(fd, text, strlen(text)) < 0)
		return fd;
	return fd;
}

static void put(int at, int fd)
{
	if (fd >= 0 && fd != at) {
		dup2(fd, at);
		close(fd);
	}
}

static void put_pair(int at, const int fd[2])
{
	put(at, fd[0]);
	put(at + 1, fd[1]);
}

/* Two sockets: one that somebody has connected to, and who did. */
static void put_connected(int at)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int from = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), to = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	snprintf(un.sun_path + 1, sizeof(un.sun_path) - 1, "listener-%d", getpid());
	bind(to, (struct sockaddr *)&un, sizeof(un));
	listen(to, 4);
	connect(from, (struct sockaddr *)&un, sizeof(un));
	put_pair(at, (int[2]){to, from});
}

/* Descriptors 3 to 34, one of each kind that there is, none of which makes a call wait. */
static void world_files(void)
{
	int pair[2];
	sigset_t set;

	for (int fd = 3; fd < 40; fd++)
		close(fd);
	mkdir("d", 0777);
	(void)!symlink("a", "link");
	(void)!symlink("loop", "loop");
	mkfifo("fifo", 0666);
	put(3, file_of("a", "some text\nmore text\n"));
	put(4, file_of("b", "0123456789"));
	put(5, file_of("d/e", NULL));
	put(6, open(".", O_RDONLY | O_DIRECTORY));
	if (pipe2(pair, O_NONBLOCK) == 0)
		put_pair(7, pair);
	(void)!write(8, "in the pipe", 11);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0)
		put_pair(9, pair);
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair) == 0)
		put_pair(11, pair);
	put(13, socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	put(14, socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0));
	put(15, eventfd(1, EFD_NONBLOCK));
	put(16, epoll_create1(0));
	put(17, timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	put(18, signalfd(-1, &set, SFD_NONBLOCK));
	put(19, inotify_init1(IN_NONBLOCK));
	for (int i = 0; i < 8; i++)
		inotify_add_watch(19, paths[i], IN_MODIFY | IN_CREATE);
	put(20, memfd_create("fuzz", MFD_ALLOW_SEALING));
	(void)!ftruncate(20, 65536);
	put(21, (int)syscall(SYS_pidfd_open, world.sleeper, 0));
	put(22, (int)syscall(SYS_userfaultfd, O_NONBLOCK));
	put(23, open("/proc/self/maps", O_RDONLY));
	put(24, open("/dev/zero", O_RDWR));
	put(25, open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK));
	put(26, open("/proc/self/pagemap", O_RDONLY));
	put(27, open("a", O_PATH));
	put(28, socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
	put(29, open("/dev/shm/x", O_RDWR | O_CREAT, 0666));
	put(30, (int)mq_open("/fuzz", O_RDWR | O_CREAT | O_NONBLOCK, 0666, NULL));
	put(31, open("/dev/null", O_RDWR));
	put(32, (int)syscall(SYS_memfd_secret, 0));
	(void)!ftruncate(32, 65536);
	put_connected(33);
	(void)!write(9, "in the socket", 13);
	(void)!write(11, "a message", 9);
}

/* A child to wait for, to signal and to look into; it has descriptors, too. */
static pid_t sleeper_start(void)
{
	pid_t p = fork();

	if (p == 0)
		for (;;)
			pause();
	return p;
}

/* A process that is about to die. */
static int dying(void)
{
	pid_t p = sleeper_start();
	int fd = (int)syscall(SYS_pidfd_open, p, 0);

	kill(p, SIGKILL);
	return fd;
}

static void fuzz_world(void)
{
	world_memory();
	world_files();
	if (world.sleeper == 0 || kill(world.sleeper, 0) != 0 || waitpid(world.sleeper, NULL, WNOHANG) != 0) {
		world.sleeper = sleeper_start();
		put(21, (int)syscall(SYS_pidfd_open, world.sleeper, 0));
	}
	if (shmctl(world.shm, IPC_STAT, &(struct shmid_ds){0}) != 0)
		world.shm = shmget(IPC_PRIVATE, 65536, IPC_CREAT | 0666);
	if (semctl(world.sem, 0, GETVAL) < 0)
		world.sem = semget(IPC_PRIVATE, 4, IPC_CREAT | 0666);
	if (msgctl(world.msg, IPC_STAT, &(struct msqid_ds){0}) != 0)
		world.msg = msgget(IPC_PRIVATE, IPC_CREAT | 0666);
	for (int i = 0; i < 3; i++)
		if (world.msg >= 0)
			msgsnd(world.msg, &(long[2]){i + 1, 7}, 8, IPC_NOWAIT);
}

/* --- structures -------------------------------------------------------------------------------- */

enum kind {
	BYTES = 1, NAME, PATH, WORDS, VECTORS, TIME, TIMES, TIMEVALS, SET, ALL_SET, ACTION, LIMIT, INTERVAL, INTERVALS,
	SIGEVENT, ADDRESS, LENGTH, MESSAGE, MESSAGES, POLLS, FDS, EPOLL, HOW, CLONE, CPUS, PARAM, SCHED,
	CAP_HEAD, CAP_DATA, OFFSET, INFO, SEMS, QUEUED, QUEUE, NUMBER, LOCK, AREA, STACK, WAITERS,
	OWN, FILE_NAME, INSIDE,
	/* no structures */
	WHERE, LENGTH_OF_SET, LENGTH_OF_AREA, LENGTH_OF_WHERE, SHM_ID, SEM_ID, MSG_ID, DESCRIPTOR_PID, SMALL, ZERO, FLAGS_OF_WHERE, FUTEX_OP, TIMER_ID,
	IPC_OP, SEM_OP, WAIT_ID, WAIT_OPTIONS, FAMILY, SOCKET_KIND, OPTION_LEVEL, OPTION_NAME, SPLICE_FD, UID, CLOCK_ID, POLL_COUNT,
	EPOLL_OP, OF_OP, QUEUE_NAME, SIZE_OF_OP, WHO, SCHED_POLICY, PROGRAM, SIZE_OF_CLONE, ANON, HERE, DIRECTORY, TIMER_FD, SIGNAL_FD, EPOLL_FD, INOTIFY_FD,
	PID_FD, QUEUE_FD, PIPE_FD, FILE_FD, SOCKET_FD, SELF, HANDLE, MOUNT_FLAGS,
};

static unsigned long fill(enum kind kind, char *s);

static char *slot(void)
{
	return world.slots + SLOT * (world.next++ % SLOTS);
}

/* Where a structure of this kind is; now and then where none is. */
static unsigned long pointer(enum kind kind)
{
	char *s = slot();

	fill(kind, s);
	switch (below(40)) {
	case 0: return 0;
	case 1: return fuzz_random();
	case 2: return (unsigned long)world.absent;
	case 3: return (unsigned long)world.readonly;
	case 4: return (unsigned long)world.absent - below(24);
	case 5: return (unsigned long)world.field + below(FIELD);
	case 6: return (unsigned long)s + below(8);
	default: return (unsigned long)s;
	}
}

static void fill_time(long *s)
{
	s[0] = below(20) ? 0 : (long)below(3);
	s[1] = below(30) ? (long)below(100000) : (long)fuzz_random();
}

static unsigned long fill_address(char *s)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)(below(4) ? 5000 + below(8) : 0)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	if (below(2)) {
		memcpy(s, &in, sizeof(in));
		return sizeof(in);
	}
	snprintf(un.sun_path + 1, sizeof(un.sun_path) - 1, "fuzz-%lu", below(8));
	if (below(2))
		snprintf(un.sun_path, sizeof(un.sun_path), "s%lu", below(8));
	memcpy(s, &un, sizeof(un));
	return sizeof(un);
}

static void fill_message(struct msghdr *m)
{
	char *control = slot();
	struct cmsghdr *c = (struct cmsghdr *)control;

	*m = (struct msghdr){.msg_iov = (struct iovec *)slot(), .msg_iovlen = below(3)};
	fill(VECTORS, (char *)m->msg_iov);
	if (below(4) == 0) {
		m->msg_name = slot();
		m->msg_namelen = (socklen_t)fill_address(m->msg_name);
	}
	if (below(3) == 0) {
		m->msg_control = control;
		m->msg_controllen = CMSG_SPACE(sizeof(int));
		*c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
		*(int *)CMSG_DATA(c) = (int)below(32);
	}
}

static void fill_words(char **words, const char *const *from, unsigned n)
{
	char *text = slot();

	for (unsigned i = 0; i < n; i++) {
		words[i] = text;
		text += snprintf(text, 32, "%s", from[i]) + 1;
	}
	words[n] = NULL;
}

static void fill_vectors(struct iovec *v)
{
	for (int i = 0; i < 4; i++)
		v[i] = (struct iovec){slot(), below(16) ? below(SLOT) : fuzz_random()};
}

static unsigned long fill(enum kind kind, char *s)
{
	long *n = (long *)s;

	switch (kind) {
	case NAME: snprintf(s, SLOT, "%s", below(2) ? "user.x" : "tmpfs"); break;
	case PATH: snprintf(s, SLOT, "%s", paths[below(sizeof(paths) / sizeof(paths[0]))]); break;
	case INSIDE: snprintf(s, SLOT, "%s/%s", world.place, inside[below(INSIDES)]); break;
	case FILE_NAME: snprintf(s, SLOT, "%c", "ab"[below(2)]); break;
	case OWN: snprintf(s, SLOT, "%s%lu", below(3) ? "" : "d/", below(30)); break;
	case QUEUE_NAME: snprintf(s, SLOT, "%s", below(4) ? "fuzz" : "other"); break;
	case WORDS: fill_words((char **)s, (const char *const[]){"fuzz", "executed", world.number == SYS_execve ? "221" : "281"}, 3); break;
	case VECTORS: fill_vectors((struct iovec *)s); break;
	case TIME: fill_time(n); break;
	case TIMES:
		fill_time(n);
		fill_time(n + 2);
		if (below(3) == 0)
			n[1] = UTIME_NOW;
		if (below(3) == 0)
			n[3] = UTIME_OMIT;
		break;
	case INTERVAL:
	case INTERVALS:
	case TIMEVALS:
		fill_time(n);
		fill_time(n + 2);
		break;
	case ALL_SET: n[0] = -1; break;
	case SET: n[0] = (long)(fuzz_random() & fuzz_random()); break;
	case ACTION:
		n[0] = below(4) ? (long)(below(2) ? SIG_IGN : SIG_DFL) : (long)fuzz_random();
		n[1] = (long)(fuzz_random() & 0xdc000007);
		n[2] = (long)fuzz_random();
		break;
	case LIMIT:
		n[1] = ONE_OF(64, 256, 1 << 20, 8 << 20, 256 << 20, -1);
		n[0] = below(3) ? n[1] : ONE_OF(0, 64, 256);
		break;
	case SIGEVENT:
		memset(s, 0, sizeof(struct sigevent));
		*(struct sigevent *)s = (struct sigevent){.sigev_signo = (int)below(65), .sigev_notify = (int)below(3)};
		break;
	case ADDRESS: fill_address(s); break;
	case LENGTH: *(int *)s = (int)ONE_OF(16, 110, 128, 4, 0); break;
	case MESSAGE: fill_message((struct msghdr *)s); break;
	case MESSAGES:
		for (int i = 0; i < 4; i++)
			fill_message((struct msghdr *)(s + i * 64));
		break;
	case POLLS:
		for (int i = 0; i < 8; i++)
			((struct pollfd *)s)[i] = (struct pollfd){(int)below(33) - 1, (short)below(64), 0};
		break;
	case FDS: n[0] = (long)(fuzz_random() & fuzz_random() & 0xffffffff); break;
	case EPOLL:
		*(struct epoll_event *)s = (struct epoll_event){.events = (uint32_t)ONE_OF(1, 4, 5, 1 | EPOLLET, 1 | EPOLLONESHOT, 0)};
		break;
	case HOW: *(struct open_how *)s = (struct open_how){.flags = (uint64_t)ONE_OF(0, 2, 1), .resolve = below(2) ? 0 : below(32)}; break;
	case CLONE:
		memset(s, 0, sizeof(struct clone_args));
		*(struct clone_args *)s = (struct clone_args){
		    .flags = (uint64_t)ONE_OF(0, 0, CLONE_VFORK, CLONE_FS, CLONE_FILES, CLONE_PIDFD), .exit_signal = SIGCHLD,
		    .pidfd = (uint64_t)slot()};
		break;
	case CPUS: n[0] = 1; break;
	case PARAM: *(int *)s = (int)below(4) ? 0 : 1; break;
	case SCHED:
		memset(s, 0, 64);
		*(unsigned *)s = 48;
		break;
	case CAP_HEAD:
		((int *)s)[0] = 0x20080522;
		((int *)s)[1] = 0;
		break;
	case CAP_DATA: syscall(SYS_capget, &(int[2]){0x20080522, 0}, s); break;
	case OFFSET: n[0] = (long)below(24); break;
	case INFO:
		memset(s, 0, 128);
		*(siginfo_t *)s = (siginfo_t){.si_signo = (int)below(65), .si_code = SI_QUEUE};
		break;
	case SEMS:
		for (int i = 0; i < 4; i++)
			((struct sembuf *)s)[i] = (struct sembuf){(unsigned short)below(4), (short)((int)below(4) - 1), (short)(IPC_NOWAIT | (below(2) ? SEM_UNDO : 0))};
		break;
	case QUEUED: n[0] = 1 + (long)below(3); break;
	case QUEUE: memcpy(s, &(struct mq_attr){.mq_flags = O_NONBLOCK, .mq_maxmsg = 8, .mq_msgsize = 64}, sizeof(struct mq_attr)); break;
	case NUMBER: *(int *)s = (int)below(4); break;
	case LOCK: *(struct flock *)s = (struct flock){.l_type = (short)below(3), .l_start = (long)below(20), .l_len = (long)below(20)}; break;
	case STACK: *(stack_t *)s = (stack_t){.ss_sp = world.field, .ss_size = 16384, .ss_flags = (int)ONE_OF(0, 2)}; break;
	case WAITERS: memset(s, 0, 64); break;
	case AREA: memset(s, 0, 32); break;
	case HANDLE: ((unsigned *)s)[0] = 64; break;
	default:
		for (int i = 0; i < 16; i++)
			n[i] = (long)fuzz_random();
	}
	return 0;
}

/* --- where the type says too little ------------------------------------------------------------ */

/* What the library's headers may not know yet. */
#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif
#ifndef SYS_mseal
#define SYS_mseal 462
#endif
#define S(name, argument, kind) [SYS_##name][argument] = kind
static const unsigned char special[512][6] = {
	S(setxattr, 2, BYTES), S(setxattr, 3, SMALL), S(setxattr, 4, ZERO), S(lsetxattr, 4, ZERO), S(fsetxattr, 4, ZERO), S(fsetxattr, 0, FILE_FD),
	S(fsetxattr, 3, SMALL), S(fgetxattr, 0, FILE_FD), S(fremovexattr, 0, FILE_FD), S(mount, 1, INSIDE), S(mount, 3, MOUNT_FLAGS), S(mount, 4, NAME), S(umount2, 0, INSIDE),
	S(utimensat, 2, TIMES), S(capget, 0, CAP_HEAD), S(capset, 0, CAP_HEAD), S(capset, 1, CAP_DATA), S(waitid, 0, WAIT_ID), S(waitid, 1, WHO), S(waitid, 3, WAIT_OPTIONS),
	S(futex, 0, NUMBER), S(futex, 1, FUTEX_OP), S(futex, 2, SMALL), S(futex, 3, TIME), S(futex, 4, NUMBER),
	S(get_robust_list, 0, SELF), S(set_robust_list, 1, LENGTH_OF_SET),
	S(getitimer, 0, SMALL), S(setitimer, 0, SMALL), S(setitimer, 1, INTERVAL), S(timer_create, 1, SIGEVENT),
	S(timer_gettime, 0, TIMER_ID), S(timer_settime, 0, TIMER_ID), S(timer_settime, 1, ZERO), S(timer_settime, 2, INTERVALS),
	S(timer_delete, 0, TIMER_ID), S(timer_getoverrun, 0, TIMER_ID), S(clock_nanosleep, 1, ZERO),
	S(sched_setparam, 0, SELF), S(sched_setparam, 1, PARAM), S(sched_setscheduler, 0, SELF), S(sched_setscheduler, 1, SCHED_POLICY), S(sched_setscheduler, 2, PARAM),
	S(sched_setaffinity, 1, LENGTH_OF_SET), S(sched_setaffinity, 2, CPUS), S(sched_getaffinity, 1, LENGTH_OF_SET), S(sched_get_priority_max, 0, SCHED_POLICY),
	S(sched_setattr, 0, SELF), S(sched_setattr, 1, SCHED), S(sched_setattr, 2, ZERO), S(sched_getattr, 0, SELF), S(sched_getattr, 2, LENGTH_OF_SET), S(sched_getattr, 3, ZERO),
	S(rt_sigsuspend, 1, LENGTH_OF_SET), S(rt_sigaction, 3, LENGTH_OF_SET), S(rt_sigprocmask, 3, LENGTH_OF_SET), S(rt_sigpending, 1, LENGTH_OF_SET),
	S(rt_sigtimedwait, 3, LENGTH_OF_SET), S(rt_sigtimedwait, 0, ALL_SET), S(rt_sigtimedwait, 2, TIME), S(rt_sigqueueinfo, 2, INFO), S(rt_tgsigqueueinfo, 3, INFO), S(sigaltstack, 0, STACK),
	S(signalfd4, 2, LENGTH_OF_SET), S(signalfd4, 1, SET), S(signalfd4, 3, ZERO), S(signalfd4, 0, SIGNAL_FD),
	S(ppoll, 1, POLL_COUNT), S(ppoll, 4, LENGTH_OF_SET), S(pselect6, 0, POLL_COUNT), S(pselect6, 1, FDS), S(pselect6, 2, FDS), S(pselect6, 3, FDS), S(pselect6, 5, ZERO),
	S(setpriority, 0, SMALL), S(setpriority, 1, WHO), S(getpriority, 0, SMALL), S(getpriority, 1, WHO), S(syslog, 0, SMALL),
	S(setgroups, 0, SMALL), S(setgroups, 1, BYTES), S(getgroups, 0, SMALL),
	S(sethostname, 1, SMALL), S(setdomainname, 1, SMALL), S(getrusage, 0, SMALL), S(settimeofday, 0, TIME), S(settimeofday, 1, ZERO), S(clock_settime, 0, CLOCK_ID),
	S(prlimit64, 0, SELF),
	S(socket, 0, FAMILY), S(socket, 1, SOCKET_KIND), S(socket, 2, ZERO), S(socketpair, 0, FAMILY), S(socketpair, 1, SOCKET_KIND), S(socketpair, 2, ZERO),
	S(bind, 0, SOCKET_FD), S(bind, 1, ADDRESS), S(bind, 2, OF_OP), S(listen, 0, SOCKET_FD), S(connect, 0, SOCKET_FD), S(connect, 1, ADDRESS), S(connect, 2, OF_OP),
	S(accept, 0, SOCKET_FD), S(accept4, 0, SOCKET_FD), S(accept, 2, LENGTH), S(accept4, 2, LENGTH), S(accept4, 3, ZERO),
	S(getsockname, 0, SOCKET_FD), S(getsockname, 2, LENGTH), S(getpeername, 0, SOCKET_FD), S(getpeername, 2, LENGTH),
	S(sendto, 0, SOCKET_FD), S(sendto, 2, SMALL), S(sendto, 3, ZERO), S(sendto, 4, ZERO), S(sendto, 5, ZERO), S(recvfrom, 0, SOCKET_FD), S(recvfrom, 3, ZERO), S(recvfrom, 5, LENGTH),
	S(sendmsg, 0, SOCKET_FD), S(sendmsg, 1, MESSAGE), S(sendmsg, 2, ZERO), S(recvmsg, 0, SOCKET_FD), S(recvmsg, 1, MESSAGE), S(recvmsg, 2, ZERO),
	S(sendmmsg, 0, SOCKET_FD), S(sendmmsg, 1, MESSAGES), S(sendmmsg, 2, SMALL), S(sendmmsg, 3, ZERO), S(recvmmsg, 0, SOCKET_FD), S(recvmmsg, 1, MESSAGES), S(recvmmsg, 2, SMALL), S(recvmmsg, 3, ZERO), S(recvmmsg, 4, TIME),
	S(setsockopt, 0, SOCKET_FD), S(setsockopt, 1, OPTION_LEVEL), S(setsockopt, 2, OPTION_NAME), S(setsockopt, 3, NUMBER), S(setsockopt, 4, SIZE_OF_OP),
	S(getsockopt, 0, SOCKET_FD), S(getsockopt, 1, OPTION_LEVEL), S(getsockopt, 2, OPTION_NAME), S(getsockopt, 4, LENGTH), S(shutdown, 0, SOCKET_FD), S(shutdown, 1, SMALL),
	S(munmap, 0, WHERE), S(munmap, 1, LENGTH_OF_WHERE), S(mremap, 0, WHERE), S(mremap, 1, LENGTH_OF_WHERE), S(mremap, 2, LENGTH_OF_WHERE), S(mremap, 4, WHERE),
	S(mmap, 0, WHERE), S(mmap, 1, LENGTH_OF_WHERE), S(mmap, 4, FILE_FD), S(mmap, 5, ZERO), S(mprotect, 0, WHERE), S(mprotect, 1, LENGTH_OF_WHERE),
	S(msync, 0, WHERE), S(msync, 1, LENGTH_OF_WHERE), S(mlock, 0, WHERE), S(mlock, 1, LENGTH_OF_WHERE), S(mlock2, 0, WHERE), S(mlock2, 1, LENGTH_OF_WHERE), S(mlock2, 2, SMALL),
	S(munlock, 0, WHERE), S(munlock, 1, LENGTH_OF_WHERE), S(mlockall, 0, SMALL), S(mincore, 0, WHERE), S(mincore, 1, LENGTH_OF_WHERE), S(madvise, 0, WHERE), S(madvise, 1, LENGTH_OF_WHERE),
	S(remap_file_pages, 0, WHERE), S(remap_file_pages, 1, LENGTH_OF_WHERE), S(remap_file_pages, 2, ZERO), S(remap_file_pages, 3, ZERO), S(remap_file_pages, 4, ZERO),
	S(mbind, 0, WHERE), S(mbind, 1, LENGTH_OF_WHERE), S(mbind, 2, ZERO), S(mbind, 3, ZERO), S(mbind, 4, ZERO), S(mbind, 5, ZERO),
	/* What is sealed would not be mapped anew for who comes after. */
	S(mseal, 0, WHERE), S(mseal, 1, ZERO), S(mseal, 2, ZERO), S(cachestat, 0, FILE_FD), S(cachestat, 1, OFFSET), S(cachestat, 3, ZERO),
	S(get_mempolicy, 1, ZERO), S(get_mempolicy, 2, ZERO), S(get_mempolicy, 3, ZERO), S(get_mempolicy, 4, ZERO), S(set_mempolicy, 0, ZERO), S(set_mempolicy, 1, ZERO), S(set_mempolicy, 2, ZERO),
	S(set_mempolicy_home_node, 3, ZERO), S(move_pages, 0, SELF), S(move_pages, 1, SMALL), S(move_pages, 5, ZERO), S(migrate_pages, 0, SELF), S(migrate_pages, 1, SMALL),
	S(riscv_flush_icache, 2, ZERO), S(riscv_hwprobe, 1, SMALL), S(riscv_hwprobe, 2, ZERO), S(riscv_hwprobe, 3, ZERO), S(riscv_hwprobe, 4, ZERO), S(getrandom, 2, ZERO), S(membarrier, 0, ZERO), S(membarrier, 1, ZERO),
	S(clone, 4, BYTES), S(clone3, 0, CLONE), S(clone3, 1, SIZE_OF_CLONE), S(rseq, 0, AREA), S(rseq, 1, LENGTH_OF_AREA), S(rseq, 2, ZERO), S(execve, 0, PROGRAM), S(execve, 1, WORDS), S(execveat, 1, PROGRAM), S(execveat, 2, WORDS),
	S(close_range, 0, SMALL), S(close_range, 2, ZERO), S(openat2, 2, HOW), S(openat2, 3, SIZE_OF_OP), S(statx, 3, SMALL), S(copy_file_range, 0, FILE_FD), S(copy_file_range, 1, OFFSET), S(copy_file_range, 2, FILE_FD), S(copy_file_range, 3, OFFSET), S(copy_file_range, 4, SMALL), S(copy_file_range, 5, ZERO),
	S(sendfile, 2, OFFSET), S(splice, 0, PIPE_FD), S(splice, 1, ZERO), S(splice, 2, SPLICE_FD), S(splice, 3, ZERO), S(splice, 4, SMALL), S(splice, 5, SMALL), S(tee, 0, PIPE_FD), S(tee, 1, PIPE_FD), S(tee, 2, SMALL), S(tee, 3, SMALL), S(vmsplice, 0, PIPE_FD), S(vmsplice, 1, VECTORS), S(vmsplice, 2, SMALL), S(vmsplice, 3, SMALL),
	S(sync_file_range, 0, FILE_FD), S(sync_file_range, 3, SMALL), S(fallocate, 1, ZERO), S(fallocate, 0, FILE_FD), S(fchdir, 0, SPLICE_FD), S(flock, 1, SMALL), S(mknodat, 2, SMALL),
	S(eventfd2, 0, SMALL), S(eventfd2, 1, ZERO), S(epoll_create1, 0, ZERO), S(epoll_ctl, 0, EPOLL_FD), S(epoll_ctl, 1, EPOLL_OP), S(epoll_ctl, 3, EPOLL), S(epoll_pwait, 0, EPOLL_FD), S(epoll_pwait, 2, SMALL), S(epoll_pwait, 3, SMALL), S(epoll_pwait, 4, ZERO), S(epoll_pwait2, 0, EPOLL_FD), S(epoll_pwait2, 2, SMALL), S(epoll_pwait2, 3, TIME), S(epoll_pwait2, 4, ZERO),
	S(inotify_init1, 0, ZERO), S(inotify_add_watch, 0, INOTIFY_FD), S(inotify_add_watch, 2, SMALL), S(inotify_rm_watch, 0, INOTIFY_FD), S(inotify_rm_watch, 1, SMALL),
	S(timerfd_create, 1, ZERO), S(timerfd_settime, 0, TIMER_FD), S(timerfd_settime, 1, ZERO), S(timerfd_settime, 2, INTERVALS), S(timerfd_gettime, 0, TIMER_FD),
	S(pidfd_open, 0, WHO), S(pidfd_open, 1, ZERO), S(pidfd_send_signal, 0, PID_FD), S(pidfd_send_signal, 2, ZERO), S(pidfd_send_signal, 3, ZERO), S(pidfd_getfd, 0, PID_FD), S(pidfd_getfd, 1, SMALL), S(pidfd_getfd, 2, ZERO),
	S(process_madvise, 0, PID_FD), S(process_madvise, 1, VECTORS), S(process_madvise, 2, SMALL), S(process_madvise, 4, ZERO), S(process_mrelease, 0, PID_FD), S(process_mrelease, 1, ZERO),
	S(process_vm_readv, 1, VECTORS), S(process_vm_readv, 2, SMALL), S(process_vm_readv, 3, VECTORS), S(process_vm_readv, 4, SMALL), S(process_vm_readv, 5, ZERO), S(process_vm_writev, 1, VECTORS), S(process_vm_writev, 2, SMALL), S(process_vm_writev, 3, VECTORS), S(process_vm_writev, 4, SMALL), S(process_vm_writev, 5, ZERO),
	S(shmget, 0, ZERO), S(shmget, 2, IPC_OP), S(shmctl, 0, SHM_ID), S(shmctl, 1, SMALL), S(shmat, 0, SHM_ID), S(shmat, 1, ZERO), S(shmat, 2, ZERO), S(shmdt, 0, ANON),
	S(semget, 0, ZERO), S(semget, 1, SMALL), S(semget, 2, IPC_OP), S(semctl, 0, SEM_ID), S(semctl, 1, SMALL), S(semctl, 2, SEM_OP), S(semop, 0, SEM_ID), S(semop, 1, SEMS), S(semop, 2, SMALL), S(semtimedop, 0, SEM_ID), S(semtimedop, 1, SEMS), S(semtimedop, 2, SMALL), S(semtimedop, 3, TIME),
	S(msgget, 0, ZERO), S(msgget, 1, IPC_OP), S(msgctl, 0, MSG_ID), S(msgctl, 1, SMALL), S(msgsnd, 0, MSG_ID), S(msgsnd, 1, QUEUED), S(msgsnd, 2, SMALL), S(msgsnd, 3, IPC_OP), S(msgrcv, 0, MSG_ID), S(msgrcv, 3, SMALL), S(msgrcv, 4, IPC_OP),
	S(mq_open, 0, QUEUE_NAME), S(mq_open, 3, QUEUE), S(mq_unlink, 0, QUEUE_NAME), S(mq_timedsend, 0, QUEUE_FD), S(mq_timedsend, 2, SMALL), S(mq_timedsend, 4, TIME), S(mq_timedreceive, 0, QUEUE_FD), S(mq_timedreceive, 4, TIME), S(mq_notify, 0, QUEUE_FD), S(mq_notify, 1, SIGEVENT), S(mq_getsetattr, 0, QUEUE_FD), S(mq_getsetattr, 1, QUEUE),
	S(preadv2, 5, ZERO), S(pwritev2, 5, ZERO), S(name_to_handle_at, 2, HANDLE), S(ioprio_get, 0, SMALL), S(ioprio_set, 0, SMALL), S(umount2, 1, ZERO), S(kcmp, 0, SELF), S(kcmp, 1, SELF), S(kcmp, 2, SMALL),
	S(renameat2, 4, ZERO), S(renameat2, 0, HERE), S(renameat2, 2, HERE), S(linkat, 0, HERE), S(linkat, 2, HERE), S(linkat, 1, FILE_NAME), S(linkat, 3, OWN), S(renameat2, 1, FILE_NAME), S(renameat2, 3, OWN), S(getdents64, 0, DIRECTORY), S(getdents64, 2, LENGTH_OF_WHERE), S(setpgid, 0, WHO), S(getcpu, 2, ZERO), S(prctl, 1, SMALL), S(prctl, 2, ZERO), S(prctl, 3, ZERO), S(prctl, 4, ZERO),
};
#undef S

static unsigned long simple(enum kind kind)
{
	switch (kind) {
	case WHERE: return (unsigned long)world.field + below(FIELD / 4096) * 4096;
	case LENGTH_OF_WHERE: return (1 + below(8)) * 4096;
	case LENGTH_OF_SET: return (unsigned long)ONE_OF(8, 8, 8, 24, 128, 48);
	case LENGTH_OF_AREA: return 32;
	case SHM_ID: return (unsigned long)world.shm;
	case SEM_ID: return (unsigned long)world.sem;
	case MSG_ID: return (unsigned long)world.msg;
	case SMALL: return below(9);
	case ZERO: return below(12) ? 0 : fuzz_random() >> below(64);
	case FUTEX_OP: return (unsigned long)ONE_OF(0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 128, 129, 131, 132, 137, 138);
	case TIMER_ID: return below(6);
	case IPC_OP: return (unsigned long)ONE_OF(IPC_CREAT | 0666, IPC_NOWAIT | IPC_CREAT | 0600, IPC_CREAT | IPC_EXCL | 0666, IPC_NOWAIT);
	case SEM_OP: return (unsigned long)ONE_OF(GETVAL, GETPID, GETNCNT, GETZCNT, GETALL, IPC_STAT, 0, SETVAL, SETALL, IPC_INFO);
	case WAIT_ID: return below(4);
	case WHO: return (unsigned long)ONE_OF(0, 0, world.sleeper, getpid());
	case SELF: return (unsigned long)ONE_OF(0, 0, getpid());
	case WAIT_OPTIONS: return (unsigned long)(WNOHANG | WEXITED | below(16));
	case FAMILY: return (unsigned long)ONE_OF(AF_UNIX, AF_INET, AF_INET6, AF_UNIX, 16);
	case SOCKET_KIND: return (unsigned long)(ONE_OF(1, 2, 5) | ONE_OF(0, SOCK_NONBLOCK, SOCK_CLOEXEC));
	case OPTION_LEVEL: return (unsigned long)ONE_OF(SOL_SOCKET, SOL_SOCKET, 6, 0);
	case OPTION_NAME: return below(40);
	case MOUNT_FLAGS: return (unsigned long)(ONE_OF(0, 0, MS_BIND, MS_BIND | MS_REC, MS_REMOUNT, MS_REMOUNT | MS_BIND, MS_MOVE, MS_PRIVATE) | ONE_OF(0, 0, MS_RDONLY, MS_NOSUID));
	case SIZE_OF_OP: return (unsigned long)ONE_OF(4, 4, 24, 16, 8);
	case OF_OP: return (unsigned long)ONE_OF(16, 110, 16, 110, 2, 9);
	case SPLICE_FD: return (unsigned long)ONE_OF(3, 4, 8, 20, 6);
	case PIPE_FD: return (unsigned long)ONE_OF(7, 8);
	case FILE_FD: return (unsigned long)ONE_OF(3, 4, 5, 20, 29);
	case SOCKET_FD: return (unsigned long)ONE_OF(9, 10, 11, 12, 13, 14, 28, 33, 34);
	case HERE: return (unsigned long)AT_FDCWD;
	case DIRECTORY: return 6;
	case EPOLL_FD: return 16;
	case TIMER_FD: return 17;
	case SIGNAL_FD: return (unsigned long)ONE_OF(18, -1);
	case INOTIFY_FD: return 19;
	case PID_FD: return world.number == SYS_process_mrelease && below(8) == 0 ? (unsigned long)dying() : 21;
	case QUEUE_FD: return 30;
	case SCHED_POLICY: return (unsigned long)ONE_OF(0, 0, 3, 5, 1, 2);
	case SIZE_OF_CLONE: return (unsigned long)ONE_OF(64, 80, 88);
	case CLOCK_ID: return 0;
	case POLL_COUNT: return below(9);
	case EPOLL_OP: return 1 + below(3);
	case ANON: return (unsigned long)shmat(world.shm, NULL, 0);
	default: return 0;
	}
}

/* The name of a program that can be executed, mostly. */
static unsigned long program(void)
{
	char *s = slot();

	if (below(3) == 0)
		return pointer(PATH);
	strcpy(s, "/proc/self/exe");
	return (unsigned long)s;
}

static unsigned long of_kind(enum kind kind)
{
	if (kind == PROGRAM)
		return program();
	if (kind < WHERE || kind == QUEUE_NAME || kind == HANDLE)
		return pointer(kind);
	return simple(kind);
}

/* --- by type ----------------------------------------------------------------------------------- */

static unsigned long flags_of(unsigned bits)
{
	return below(3) ? 0 : 1UL << below(bits);
}

/* Signals of files (F_SETSIG may name SIGSTOP) go to the child itself. */
static unsigned long fcntl_argument(unsigned long command)
{
	if (command == F_SETOWN || command == F_SETOWN_EX)
		return (unsigned long)getpid();
	return command >= 5 && command <= 7 ? pointer(LOCK) : command >= 36 && command <= 38 ? pointer(LOCK) : below(40);
}

static unsigned long a_pid(void)
{
	return (unsigned long)ONE_OF(0, world.sleeper, getpid(), world.sleeper, 3000000, -world.sleeper);
}

static unsigned long by_type(int number, enum call_type type, const unsigned long *before)
{
	switch (type) {
	case T_size: return (unsigned long)ONE_OF(0, 1, 8, 16, 64, 200, 1000, 4096, 70000, -1);
	case T_off: return (unsigned long)ONE_OF(0, 1, 5, 4096, 100000, -1);
	case T_fd: return 3 + below(30);
	case T_dirfd: return (unsigned long)ONE_OF(AT_FDCWD, AT_FDCWD, 6, 3);
	case T_path: return pointer(PATH);
	case T_mode: return (unsigned long)ONE_OF(0644, 0755, 0, 07777);
	case T_pid: return a_pid();
	case T_signal: return (unsigned long)ONE_OF(0, SIGUSR1, SIGUSR2, SIGCHLD, SIGCONT, 34, 64, 65, SIGTERM, SIGALRM, SIGIO);
	case T_string: return pointer(NAME);
	case T_strings: return pointer(WORDS);
	case T_iov_in:
	case T_iov_out: return pointer(VECTORS);
	case T_eventfd_flags:
	case T_epoll_flags:
	case T_timerfd_flags:
	case T_timer_flags:
	case T_signalfd_flags:
	case T_inotify_flags:
	case T_pidfd_flags:
	case T_splice_flags:
	case T_rwf_flags:
	case T_sync_range: return flags_of(32);
	case T_inotify_mask: return below(0x1000);
	case T_prot: return below(8);
	case T_map_flags:
		return (unsigned long)ONE_OF(MAP_PRIVATE | MAP_ANONYMOUS, MAP_SHARED | MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED,
					     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED) | (below(4) ? 0 : 1UL << below(24));
	case T_remap_flags: return below(8);
	case T_advice: return below(8);
	case T_madvise: return below(4) ? below(26) : 100 + below(4);
	case T_msync_flags: return below(8);
	case T_memfd_flags: return below(8);
	case T_open_flags: return (unsigned long)ONE_OF(0, 1, 2) | (below(2) ? 0 : 1UL << (6 + below(17)));
	case T_at_flags: return (unsigned long)ONE_OF(0, 0, 0, 0x100, 0x200, 0x1000, 0x400);
	case T_access_mode: return below(8);
	case T_clone_flags: return (unsigned long)((world.number == SYS_unshare ? 0 : SIGCHLD) | ONE_OF(0, 0, CLONE_FILES, CLONE_FS, CLONE_VFORK, CLONE_SIGHAND, CLONE_THREAD));
	case T_wait_flags: return 1 | below(16);
	case T_seek: return below(6);
	case T_fcntl: return below(2) ? below(17) : (unsigned long)ONE_OF(1024, 1025, 1026, 1030, 1031, 1032, 1033, 1034, 36, 37, 38);
	case T_ioctl:
		return below(2) ? 0x5400 + below(0x60) : (unsigned long)ONE_OF(0x80045430, 0x40045431, 0x541b, 0x5421, 0xc018aa3f, 0x8010aa00, 0xc028aa03, 0xc020aa04);
	case T_clock: return below(12);
	case T_timespec_in: return pointer(TIME);
	case T_sigset_in: return pointer(SET);
	case T_sigaction_in: return pointer(ACTION);
	case T_sighow: return below(4);
	case T_rlimit: return below(17);
	case T_rlimit_in: return pointer(LIMIT);
	case T_pollfds: return pointer(POLLS);
	case T_prctl: return (unsigned long)(below(5) ? 1 + below(60) : 0x53564d41);
	case T_int:
	case T_uint: return (unsigned long)ONE_OF(0, 1, 2, 3, -1, 1000, 65535);
	case T_hex: return number == SYS_fcntl ? fcntl_argument(before[1]) : number == SYS_ioctl ? pointer(NUMBER) : flags_of(32);
	default: return pointer(BYTES);
	}
}

/* Nobody outside the child's own group is hurt by number. */
static unsigned long harmless(unsigned long pid)
{
	return (int)pid == -1 || (int)pid == 1 || (int)pid == -getppid() || (int)pid == getppid() ? 0 : pid;
}

static unsigned long fuzz_value(int number, unsigned argument, enum call_type type, const unsigned long *before)
{
	unsigned long value;
	enum kind kind = special[number][argument];

	world.number = number;
	value = kind ? of_kind(kind) : by_type(number, type, before);
	if (below(50) == 0)
		value = fuzz_random() >> below(64);
	return type == T_pid || type == T_int ? harmless(value) : value;
}

#endif
