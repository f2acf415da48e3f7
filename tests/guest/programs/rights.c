/* SPDX-License-Identifier: MIT */
/* rights.c - nice values of threads, attributes in RAM, capabilities of programs, and who is told what of files */
#include "guest.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

static char top[64];

static const char *in(const char *name)
{
	static char path[8][128];
	static int i;
	char *p = path[i++ % 8];
	snprintf(p, sizeof(path[0]), "%s/%s", top, name);
	return p;
}

static int made(const char *name)
{
	return open(in(name), O_RDWR | O_CREAT | O_TRUNC, 0755);
}

/* ---- nice ---- */

static int nice_of(int which, int who)
{
	errno = 0;
	int n = getpriority(which, who);
	return errno ? 100 + errno : n;
}

static pid_t other;
static pthread_barrier_t barrier;

static void *thread(void *arg)
{
	(void)arg;
	other = (pid_t)syscall(SYS_gettid);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	say("  the thread of itself: %d", nice_of(PRIO_PROCESS, 0));
	setpriority(PRIO_PROCESS, 0, 7);
	if (fork() == 0) {
		say("  its child: %d", nice_of(PRIO_PROCESS, 0));
		_exit(0);
	}
	wait(NULL);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return NULL;
}

static void nices(void)
{
	pthread_t t;
	say("nice");
	setpgid(0, 0);
	setpriority(PRIO_PROCESS, 0, 0);
	pthread_barrier_init(&barrier, NULL, 2);
	setpriority(PRIO_PROCESS, 0, 1);
	pthread_create(&t, NULL, thread, NULL);
	pthread_barrier_wait(&barrier);
	say("  inherited %d", nice_of(PRIO_PROCESS, other));
	say("  %s", result(setpriority(PRIO_PROCESS, other, 5)));
	say("  mine %d, its %d, of the group %d", nice_of(PRIO_PROCESS, 0), nice_of(PRIO_PROCESS, other), nice_of(PRIO_PGRP, 0));
	say("  of the process by its number: %d", nice_of(PRIO_PROCESS, getpid()));
	char path[64], text[512] = "";
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", other);
	int fd = open(path, O_RDONLY);
	read(fd, text, sizeof(text) - 1);
	close(fd);
	int priority = 0, nice = 0;
	sscanf(strrchr(text, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %d %d", &priority, &nice);
	say("  /proc: %d %d", priority, nice);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	say("  mine %d, its %d", nice_of(PRIO_PROCESS, 0), nice_of(PRIO_PROCESS, other));
	say("  all of the group: %s", result(setpriority(PRIO_PGRP, 0, 9)));
	say("  mine %d, its %d", nice_of(PRIO_PROCESS, 0), nice_of(PRIO_PROCESS, other));
	struct sched_param p = {0};
	say("  %s", result(sched_setscheduler(other, SCHED_BATCH, &p)));
	say("  mine %d, its %d", nice_of(PRIO_PROCESS, 0), nice_of(PRIO_PROCESS, other));
	say("  nobody: %d %s", nice_of(PRIO_PROCESS, 4194303), result(setpriority(PRIO_PROCESS, 4194303, 1)));
	pthread_barrier_wait(&barrier);
	pthread_join(t, NULL);
	setpriority(PRIO_PROCESS, 0, 0);
}

/* ---- attributes ---- */

static void names(const char *path)
{
	char text[512], line[600] = "";
	long n = listxattr(path, text, sizeof(text));
	for (long i = 0; i < n; i += (long)strlen(text + i) + 1) {
		strcat(line, " ");
		strcat(line, text + i);
	}
	say("  %s:%s", result(n), line);
}

static void attributes(const char *where)
{
	char value[64] = "";
	static char large[65537];
	strcpy(top, where);
	say("attributes");
	int fd = made("file");
	say("  %s", result(setxattr(in("file"), "user.b", "value", 5, 0)));
	say("  %s", result(setxattr(in("file"), "user.a", "", 0, 0)));
	say("  %s", result(fsetxattr(fd, "user.c", "third", 5, XATTR_CREATE)));
	say("  there: %s", result(setxattr(in("file"), "user.c", "x", 1, XATTR_CREATE)));
	say("  not there: %s", result(setxattr(in("file"), "user.d", "x", 1, XATTR_REPLACE)));
	say("  again: %s", result(setxattr(in("file"), "user.c", "longer value", 12, XATTR_REPLACE)));
	say("  %s '%s'", result(getxattr(in("file"), "user.c", value, sizeof(value))), value);
	say("  size %s, too small %s", result(getxattr(in("file"), "user.c", NULL, 0)), result(getxattr(in("file"), "user.c", value, 3)));
	say("  none: %s", result(getxattr(in("file"), "user.none", value, 3)));
	names(in("file"));
	say("  size %s, too small %s", result(listxattr(in("file"), NULL, 0)), result(listxattr(in("file"), value, 3)));
	say("  %s %s", result(removexattr(in("file"), "user.b")), result(removexattr(in("file"), "user.none")));
	names(in("file"));
	say("  no namespace: %s", result(setxattr(in("file"), "what", "x", 1, 0)));
	say("  too long: %s", result(setxattr(in("file"), "user.large", large, sizeof(large), 0)));
	say("  long: %s", result(setxattr(in("file"), "user.large", large, 10000, 0)));
	rename(in("file"), in("moved"));
	names(in("moved"));
	link(in("moved"), in("second"));
	names(in("second"));
	mkdir(in("dir"), 0755);
	say("  a directory: %s", result(setxattr(in("dir"), "user.x", "x", 1, 0)));
	symlink("moved", in("link"));
	say("  by a link: %s, of it: %s", result(getxattr(in("link"), "user.c", NULL, 0)), result(lsetxattr(in("link"), "user.x", "x", 1, 0)));
	mkfifo(in("fifo"), 0600);
	say("  a FIFO: %s", result(setxattr(in("fifo"), "user.x", "x", 1, 0)));
	chmod(in("moved"), 0600);
	pid_t pid = fork();
	if (pid == 0) {
		setresuid(1234, 1234, 1234);
		say("  another: %s %s", result(getxattr(in("moved"), "user.c", value, 64)), result(setxattr(in("moved"), "user.c", "", 0, 0)));
		_exit(0);
	}
	wait_for(pid);
	static const char *const all[] = {"moved", "second", "link", "fifo"};
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		unlink(in(all[i]));
	rmdir(in("dir"));
	close(fd);
}

/* ---- capabilities of a program ---- */

struct value {
	unsigned magic, permitted, inheritable, permitted_2, inheritable_2, root;
};

static void show(const char *what)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "r");
	unsigned long inheritable = 0, permitted = 0, effective = 0, ambient = 0;
	while (f && fgets(line, sizeof(line), f)) {
		sscanf(line, "CapInh: %lx", &inheritable);
		sscanf(line, "CapPrm: %lx", &permitted);
		sscanf(line, "CapEff: %lx", &effective);
		sscanf(line, "CapAmb: %lx", &ambient);
	}
	/* Not every root has all of them. */
	permitted &= ~(1ul << CAP_SYS_RESOURCE);
	effective &= ~(1ul << CAP_SYS_RESOURCE);
	say("  %s: %lx %lx %lx %lx, dumpable %ld, uid %d", what, inheritable, permitted, effective, ambient,
	    syscall(SYS_prctl, PR_GET_DUMPABLE), geteuid());
}

static void copy_to(const char *name)
{
	char bytes[65536];
	int from = open("/proc/self/exe", O_RDONLY), to = made(name);
	for (ssize_t n; (n = read(from, bytes, sizeof(bytes))) > 0;)
		write(to, bytes, (size_t)n);
	close(from);
	close(to);
	chmod(in(name), 0755);
}

static void run(const char *what, int uid, unsigned inheritable, int bound)
{
	pid_t pid = fork();
	if (pid == 0) {
		if (bound >= 0)
			prctl(PR_CAPBSET_DROP, bound);
		if (inheritable) {
			struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
			struct __user_cap_data_struct d[2];
			syscall(SYS_capget, &h, d);
			d[0].inheritable = inheritable;
			syscall(SYS_capset, &h, d);
		}
		if (uid && setresuid((uid_t)uid, (uid_t)uid, (uid_t)uid))
			_exit(9);
		execl(in("program"), "program", "show", what, NULL);
		say("  %s: %s", what, result(-1));
		_exit(1);
	}
	wait_for(pid);
}

static void capabilities(const char *where)
{
	struct value v = {0x02000001, 1u << CAP_NET_RAW | 1u << CAP_KILL, 0, 0, 0, 0};
	char got[64];
	strcpy(top, where);
	say("capabilities");
	copy_to("program");
	run("without", 1234, 0, -1);
	say("  of the wrong size: %s", result(setxattr(in("program"), "security.capability", &v, 7, 0)));
	say("  %s", result(setxattr(in("program"), "security.capability", &v, 20, 0)));
	long n = getxattr(in("program"), "security.capability", got, sizeof(got));
	say("  %s %d", result(n), memcmp(got, &v, 20));
	names(in("program"));
	run("with", 1234, 0, -1);
	run("of root", 0, 0, -1);
	run("not bounded by all", 1234, 0, CAP_KILL);
	v.magic = 0x02000000;
	setxattr(in("program"), "security.capability", &v, 20, 0);
	run("permitted only", 1234, 0, -1);
	run("bounded", 1234, 0, CAP_KILL);
	v.permitted = 0;
	v.inheritable = 1u << CAP_CHOWN | 1u << CAP_NET_RAW;
	setxattr(in("program"), "security.capability", &v, 20, 0);
	run("inheritable", 1234, 0, -1);
	run("inherited", 1234, 1u << CAP_CHOWN | 1u << CAP_FOWNER, -1);
	v.magic = 0x02000001;
	v.permitted = 1u << CAP_KILL;
	setxattr(in("program"), "security.capability", &v, 20, 0);
	chmod(in("program"), 04755);
	run("set-user-ID", 1234, 0, -1);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		run("no new ones", 1234, 0, -1);
		_exit(0);
	}
	wait_for(pid);
	pid = fork();
	if (pid == 0) {
		setresuid(1234, 1234, 1234);
		say("  another: %s %s", result(setxattr(in("program"), "security.capability", &v, 20, 0)),
		    result(removexattr(in("program"), "security.capability")));
		_exit(0);
	}
	wait_for(pid);
	chown(in("program"), 5, 5);
	say("  of a new owner: %s", result(getxattr(in("program"), "security.capability", got, sizeof(got))));
	setxattr(in("program"), "security.capability", &v, 20, 0);
	say("  removed: %s", result(removexattr(in("program"), "security.capability")));
	say("  again: %s", result(removexattr(in("program"), "security.capability")));
	run("afterwards", 1234, 0, -1);
	unlink(in("program"));
}

/* ---- leases, directories, signals, hints ---- */

static volatile sig_atomic_t told, told_fd;

static void on_signal(int number, siginfo_t *i, void *context)
{
	(void)number;
	(void)context;
	told++;
	told_fd = i->si_fd;
}

static void leases(void)
{
	say("a lease of a program");
	handle(SIGIO, on_signal, SA_RESTART);
	handle(SIGUSR1, on_signal, SA_RESTART);
	copy_to("program");
	int fd = open(in("program"), O_RDONLY);
	say("  to read: %s", result(fcntl(fd, F_SETLEASE, F_RDLCK)));
	pid_t pid = fork();
	if (pid == 0) {
		execl(in("program"), "program", "nothing", NULL);
		_exit(9);
	}
	say("  %s, told %d", wait_for(pid), (int)told);
	close(fd);
	fd = open(in("program"), O_RDONLY);
	say("  to write: %s", result(fcntl(fd, F_SETLEASE, F_WRLCK)));
	pid = fork();
	if (pid == 0) {
		close(fd);
		execl(in("program"), "program", "nothing", NULL);
		_exit(9);
	}
	while (!told)
		usleep(1000);
	say("  told %d, it becomes %d", (int)told, fcntl(fd, F_GETLEASE));
	fcntl(fd, F_SETLEASE, F_UNLCK);
	close(fd);
	say("  %s", wait_for(pid));
	unlink(in("program"));
}

static void happened(const char *what)
{
	say("  %s: %d", what, (int)told);
	told = 0;
}

static void directories(void)
{
	say("a directory");
	told = 0;
	mkdir(in("d"), 0755);
	mkdir(in("e"), 0755);
	int d = open(in("d"), O_RDONLY | O_DIRECTORY), f = made("plain");
	say("  no directory: %s", result(fcntl(f, F_NOTIFY, DN_CREATE)));
	say("  %s", result(fcntl(d, F_NOTIFY, DN_CREATE)));
	close(made("d/one"));
	happened("made");
	close(made("d/two"));
	happened("made again");
	fcntl(d, F_SETSIG, SIGUSR1);
	fcntl(d, F_NOTIFY, DN_CREATE | DN_DELETE | DN_RENAME | DN_ATTRIB | DN_MODIFY | DN_ACCESS | DN_MULTISHOT);
	int x = made("d/three");
	happened("made");
	say("  by descriptor %d", told_fd == d);
	write(x, "x", 1);
	happened("written");
	char byte;
	pread(x, &byte, 1, 0);
	happened("read");
	chmod(in("d/three"), 0600);
	happened("changed");
	rename(in("d/three"), in("d/four"));
	happened("renamed");
	rename(in("d/four"), in("e/four"));
	happened("away");
	rename(in("e/four"), in("d/four"));
	happened("back");
	unlink(in("d/four"));
	happened("removed");
	mkdir(in("d/sub"), 0700);
	happened("a directory made");
	close(made("d/sub/deep"));
	happened("below it");
	chmod(in("d"), 0711);
	happened("itself");
	int again = dup(d);
	close(again);
	unlink(in("d/one"));
	happened("after a duplicate was closed");
	fcntl(d, F_NOTIFY, DN_DELETE | DN_MULTISHOT);
	fcntl(d, F_NOTIFY, 0);
	unlink(in("d/two"));
	happened("no more");
	close(d);
	close(x);
	unlink(in("plain"));
	unlink(in("d/sub/deep"));
	rmdir(in("d/sub"));
	rmdir(in("d"));
	rmdir(in("e"));
}

/* Who is named by one user as owner, and then is another's. */
static void permission(void)
{
	int p[2], q[2];
	char c;
	say("SIGIO");
	for (int who = 0; who < 3; who++) {
		pipe(p);
		pipe(q);
		told = 0;
		pid_t pid = fork();
		if (pid == 0) {
			signal(SIGIO, SIG_DFL);
			if (who == 1)
				setresuid(2345, 2345, 2345);
			write(q[1], "x", 1);
			sleep(1000);
			_exit(0);
		}
		read(q[0], &c, 1);
		pid_t teller = fork();
		if (teller == 0) {
			if (who)
				setresuid(who == 1 ? 1234 : 0, 1234, 1234);
			fcntl(p[0], F_SETOWN, pid);
			fcntl(p[0], F_SETFL, O_ASYNC);
			write(p[1], "x", 1);
			_exit(0);
		}
		wait_for(teller);
		usleep(20000);
		kill(pid, SIGTERM);
		say("  %d: %s", who, wait_for(pid));
		close(p[0]);
		close(p[1]);
	}
}

static void hints(void)
{
	enum { GET = 1035, SET = 1036 };
	unsigned long hint = 99, bad = 6;
	say("hints");
	int fd = made("hinted"), second = open(in("hinted"), O_RDONLY);
	int r = fcntl(fd, GET, &hint);
	say("  %s %lu", result(r), hint);
	for (hint = 0; hint < 6; hint++)
		say("  %lu %s", hint, result(fcntl(fd, SET, &hint)));
	say("  %s", result(fcntl(fd, SET, &bad)));
	say("  %s", result(fcntl(fd, GET, (void *)8)));
	say("  %s", result(fcntl(fd, SET, (void *)8)));
	fcntl(second, GET, &hint);
	say("  of another: %lu", hint);
	pid_t pid = fork();
	if (pid == 0) {
		setresuid(1234, 1234, 1234);
		hint = 2;
		say("  as another: %s %s", result(fcntl(second, SET, &hint)), result(fcntl(second, GET, &hint)));
		_exit(0);
	}
	wait_for(pid);
	unlink(in("hinted"));
}

/* Whether the file system of this Linux keeps what is asked. */
static int keeps(const char *where, const char *name, const void *value, size_t size)
{
	strcpy(top, where);
	close(made("asked"));
	int r = setxattr(in("asked"), name, value, size, 0);
	unlink(in("asked"));
	return r == 0;
}

int main(int argc, char **argv)
{
	char shared[] = "/dev/shm/rightsXXXXXX", plain[] = "/tmp/rightsXXXXXX";
	struct value v = {0x02000001, 1, 0, 0, 0, 0};
	setvbuf(stdout, NULL, _IONBF, 0);
	umask(022);
	if (argc > 2)
		show(argv[2]);
	if (argc > 1)
		return 0;
	if (!mkdtemp(shared) || !mkdtemp(plain))
		return 1;
	chmod(shared, 0755);
	chmod(plain, 0755);
	if (!keeps(shared, "user.x", "x", 1) || !keeps(plain, "security.capability", &v, 20)) {
		say("no attributes here");
		return 0;
	}
	nices();
	attributes(shared);
	capabilities(shared);
	capabilities(plain);
	leases();
	directories();
	permission();
	hints();
	rmdir(shared);
	return rmdir(plain);
}
