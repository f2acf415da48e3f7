/* SPDX-License-Identifier: MIT */
/* What is done with files besides reading and writing: locks, flags, names given late, attributes */
#include "guest.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>

#ifndef F_OFD_GETLK
#define F_OFD_GETLK 36
#define F_OFD_SETLK 37
#define F_OFD_SETLKW 38
#endif

static long lock(int fd, int command, int type, long start, long length)
{
	struct flock fl = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};

	return fcntl(fd, command, &fl);
}

static void look(const char *what, int fd, int command, int type, long start, long length)
{
	struct flock fl = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
	long n = fcntl(fd, command, &fl);

	say("  %s: %s type %d from %ld length %ld pid %s", what, result(n), fl.l_type, (long)fl.l_start, (long)fl.l_len,
	    fl.l_pid == -1 ? "-1" : fl.l_pid == getpid() ? "mine" : fl.l_pid == getppid() ? "parent's" : "0");
}

static void locks(void)
{
	int a = open("locked", O_RDWR | O_CREAT | O_TRUNC, 0600), b = open("locked", O_RDWR), c;

	say("locks of open files");
	write(a, "0123456789", 10);
	say("  write lock %s", result(lock(a, F_OFD_SETLK, F_WRLCK, 2, 4)));
	say("  another open file %s", result(lock(b, F_OFD_SETLK, F_RDLCK, 5, 1)));
	say("  beside it %s", result(lock(b, F_OFD_SETLK, F_RDLCK, 6, 1)));
	look("who", b, F_OFD_GETLK, F_RDLCK, 0, 0);
	look("who, asks a process", b, F_GETLK, F_RDLCK, 0, 0);
	say("  a process's lock %s", result(lock(b, F_SETLK, F_WRLCK, 2, 1)));
	c = dup(a);
	close(c);
	say("  a closed duplicate keeps it %s", result(lock(b, F_OFD_SETLK, F_RDLCK, 2, 1)));
	struct flock fl = {.l_type = F_RDLCK, .l_pid = 7};
	say("  with a pid %s", result(fcntl(a, F_OFD_SETLK, &fl)));
	pid_t pid = fork();
	if (pid == 0) {
		say("  the child has it too %s", result(lock(a, F_OFD_SETLK, F_UNLCK, 2, 1)));
		_exit(0);
	}
	wait_for(pid);
	say("  so now %s", result(lock(b, F_OFD_SETLK, F_RDLCK, 2, 1)));
	lock(b, F_OFD_SETLK, F_UNLCK, 0, 0);
	pid = fork();
	if (pid == 0) {
		close(a);
		int d = open("locked", O_RDWR);
		say("  waits %s", result(lock(d, F_OFD_SETLKW, F_WRLCK, 0, 0)));
		_exit(0);
	}
	usleep(20000);
	close(a);
	wait_for(pid);
	say("  record lock %s", result(lock(b, F_SETLK, F_WRLCK, 0, 3)));
	pid = fork();
	if (pid == 0) {
		look("a process's", b, F_GETLK, F_RDLCK, 0, 0);
		look("a process's, asks an open file", b, F_OFD_GETLK, F_RDLCK, 0, 0);
		_exit(0);
	}
	wait_for(pid);
	close(b);
	unlink("locked");
}

static void flags(void)
{
	int fd = open("flags", O_RDWR | O_CREAT | O_TRUNC, 0600), other = dup(fd), p[2];
	char bytes[20] = "";
	struct iovec v[2] = {{"abc", 3}, {"def", 3}}, in = {bytes, sizeof(bytes) - 1};

	say("preadv2 and pwritev2");
	say("  at its position %s", result(pwritev2(fd, v, 2, -1, 0)));
	say("  at another %s", result(pwritev2(fd, v, 1, 1, RWF_DSYNC)));
	say("  at the end %s", result(pwritev2(fd, v + 1, 1, 0, RWF_APPEND)));
	say("  position %ld", (long)lseek(fd, 0, SEEK_CUR));
	say("  read %s", result(preadv2(fd, &in, 1, 0, RWF_HIPRI)));
	say("  '%s'", bytes);
	lseek(fd, 2, SEEK_SET);
	say("  from its position %s", result(preadv2(fd, &in, 1, -1, 0)));
	say("  position %ld", (long)lseek(fd, 0, SEEK_CUR));
	say("  bad flags %s", result(preadv2(fd, &in, 1, 0, 0x40000)));
	say("  negative %s", result(preadv2(fd, &in, 1, -2, 0)));
	say("  no file %s", result(preadv2(99, &in, 1, 0, 0)));
	pipe(p);
	say("  a pipe at a position %s", result(preadv2(p[0], &in, 1, 0, 0)));
	say("  a pipe without waiting %s", result(preadv2(p[0], &in, 1, -1, RWF_NOWAIT)));
	write(p[1], "xy", 2);
	say("  a pipe %s", result(preadv2(p[0], &in, 1, -1, 0)));
	say("sync_file_range");
	say("  all %s", result(syscall(SYS_sync_file_range, fd, 0L, 0L, 7)));
	say("  bad flags %s", result(syscall(SYS_sync_file_range, fd, 0L, 0L, 8)));
	say("  negative %s", result(syscall(SYS_sync_file_range, fd, -1L, 0L, 2)));
	say("  a pipe %s", result(syscall(SYS_sync_file_range, p[0], 0L, 0L, 2)));
	say("fcntl");
	say("  pipe size %s", result(fcntl(p[0], F_GETPIPE_SZ)));
	say("  smaller %s", result(fcntl(p[0], F_SETPIPE_SZ, 5000)));
	say("  much smaller %s", result(fcntl(p[1], F_SETPIPE_SZ, 1)));
	say("  of a file %s", result(fcntl(fd, F_GETPIPE_SZ)));
	say("  same open file %d", fcntl(fd, F_GETFL) == fcntl(other, F_GETFL));
	close(fd), close(other), close(p[0]), close(p[1]);
	unlink("flags");
}

static void names(void)
{
	struct stat st;
	char path[64], text[20] = "";
	int fd = open("/tmp", O_TMPFILE | O_RDWR, 0640);

	say("O_TMPFILE");
	if (fd < 0)
		say("  open: %s", strerrorname_np(errno));
	write(fd, "nameless", 8);
	fstat(fd, &st);
	say("  links %d mode %o size %d", (int)st.st_nlink, st.st_mode, (int)st.st_size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	unlink("/tmp/named");
	unlink("/tmp/named2");
	say("  link %s", result(linkat(AT_FDCWD, path, AT_FDCWD, "/tmp/named", AT_SYMLINK_FOLLOW)));
	fstat(fd, &st);
	say("  links %d", (int)st.st_nlink);
	int again = open("/tmp/named", O_RDONLY);
	read(again, text, sizeof(text));
	say("  '%s'", text);
	say("  twice %s", result(linkat(fd, "", AT_FDCWD, "/tmp/named2", AT_EMPTY_PATH)));
	stat("/tmp/named2", &st);
	say("  links %d", (int)st.st_nlink);
	say("  exists %s", result(linkat(AT_FDCWD, path, AT_FDCWD, "/tmp/named", AT_SYMLINK_FOLLOW)));
	unlink("/tmp/named"), unlink("/tmp/named2");
	close(fd), close(again);
	fd = open("/tmp", O_TMPFILE | O_RDWR | O_EXCL, 0600);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	say("  never a name %s", result(linkat(AT_FDCWD, path, AT_FDCWD, "/tmp/named", AT_SYMLINK_FOLLOW)));
	close(fd);
	say("  to read %s", result(open("/tmp", O_TMPFILE | O_RDONLY, 0600)));
	say("  in a file %s", result(open("/proc/self/exe", O_TMPFILE | O_RDWR, 0600)));
}

static void attributes(void)
{
	char value[100] = "", list[200];
	const char *name = "/tmp/attributes";
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	long n;

	say("extended attributes");
	if (setxattr(name, "user.colour", "blue", 4, 0) != 0) {
		say("  none here: %s", strerrorname_np(errno));
		goto out;
	}
	n = getxattr(name, "user.colour", value, sizeof(value));
	say("  get %s '%s'", result(n), value);
	say("  size %s", result(getxattr(name, "user.colour", NULL, 0)));
	say("  small %s", result(getxattr(name, "user.colour", value, 2)));
	say("  create again %s", result(fsetxattr(fd, "user.colour", "red", 3, XATTR_CREATE)));
	say("  replace none %s", result(fsetxattr(fd, "user.none", "red", 3, XATTR_REPLACE)));
	say("  replace %s", result(lsetxattr(name, "user.colour", "red", 3, XATTR_REPLACE)));
	say("  get %s", result(fgetxattr(fd, "user.colour", value, sizeof(value))));
	n = listxattr(name, list, sizeof(list));
	say("  list %s %s", result(n), n > 0 ? list : "");
	say("  list small %s", result(flistxattr(fd, list, 3)));
	say("  remove %s", result(removexattr(name, "user.colour")));
	say("  remove again %s", result(fremovexattr(fd, "user.colour")));
	say("  get none %s", result(getxattr(name, "user.colour", value, sizeof(value))));
	say("  list none %s", result(llistxattr(name, list, sizeof(list))));
	say("  no name %s", result(setxattr(name, "", "x", 1, 0)));
	say("  no space %s", result(setxattr(name, "colour", "x", 1, 0)));
	say("  bad flags %s", result(setxattr(name, "user.x", "x", 1, 8)));
	say("  too large %s", result(syscall(SYS_setxattr, name, "user.x", "x", 70000UL, 0)));
	say("  no file %s", result(getxattr("/tmp/none", "user.x", value, 1)));
	say("  no descriptor %s", result(fgetxattr(99, "user.x", value, 1)));
	say("  capabilities %s", result(getxattr(name, "security.capability", value, sizeof(value))));
	symlink("attributes", "/tmp/attributes-link");
	say("  of a link %s", result(lsetxattr("/tmp/attributes-link", "user.x", "x", 1, 0)));
	say("  by a link %s", result(setxattr("/tmp/attributes-link", "user.x", "x", 1, 0)));
	unlink("/tmp/attributes-link");
out:
	close(fd);
	unlink(name);
}

static void directories(void)
{
	struct dirent *e;
	long place = 0;
	int before = 0, after = 0;
	char path[40];

	say("getdents64");
	mkdir("many", 0700);
	for (int i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "many/%d", i);
		close(open(path, O_CREAT | O_WRONLY, 0600));
	}
	DIR *d = opendir("many");
	while ((e = readdir(d))) {
		if (++before == 150)
			place = telldir(d);
	}
	seekdir(d, place);
	while ((e = readdir(d)))
		after++;
	say("  %d entries, %d behind the 150th", before, after);
	rewinddir(d);
	for (after = 0; (e = readdir(d));)
		after++;
	say("  again %d", after);
	closedir(d);
	for (int i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "many/%d", i);
		unlink(path);
	}
	say("  removed %s", result(rmdir("many")));
}

static void renames(void)
{
	say("renameat2");
	close(open("one", O_CREAT | O_WRONLY | O_TRUNC, 0600));
	mkdir("two", 0700);
	say("  no replacing %s", result(renameat2(AT_FDCWD, "one", AT_FDCWD, "two", RENAME_NOREPLACE)));
	say("  exchange %s", result(renameat2(AT_FDCWD, "one", AT_FDCWD, "two", RENAME_EXCHANGE)));
	struct stat st;
	stat("one", &st);
	say("  is a directory %d", S_ISDIR(st.st_mode));
	say("  exchange with none %s", result(renameat2(AT_FDCWD, "one", AT_FDCWD, "three", RENAME_EXCHANGE)));
	say("  both %s", result(renameat2(AT_FDCWD, "one", AT_FDCWD, "two", RENAME_EXCHANGE | RENAME_NOREPLACE)));
	say("  no replacing none %s", result(renameat2(AT_FDCWD, "two", AT_FDCWD, "three", RENAME_NOREPLACE)));
	say("  unknown %s", result(renameat2(AT_FDCWD, "two", AT_FDCWD, "three", 8)));
	unlink("three");
	rmdir("one");
}

static void priorities(void)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} x = {0};

	say("priorities");
	say("  io %s", result(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 6)));
	say("  it is %lx", syscall(SYS_ioprio_get, 1, 0));
	say("  idle %s", result(syscall(SYS_ioprio_set, 1, 0, 3 << 13)));
	say("  it is %lx", syscall(SYS_ioprio_get, 1, 0));
	say("  bad class %s", result(syscall(SYS_ioprio_set, 1, 0, 5 << 13)));
	say("  level of none %s", result(syscall(SYS_ioprio_set, 1, 0, 1)));
	say("  bad whom %s", result(syscall(SYS_ioprio_set, 7, 0, 2 << 13)));
	say("  nobody %s", result(syscall(SYS_ioprio_get, 1, 999999)));
	say("  attributes %s", result(syscall(SYS_sched_getattr, 0, &x, sizeof(x), 0)));
	say("  size %u policy %u", x.size, x.policy);
	x.policy = SCHED_BATCH;
	x.nice = 19;
	say("  set %s", result(syscall(SYS_sched_setattr, 0, &x, 0)));
	say("  policy %d", sched_getscheduler(0));
	memset(&x, 0, sizeof(x));
	syscall(SYS_sched_getattr, 0, &x, sizeof(x), 0);
	say("  nice %d", x.nice);
	x.policy = 77;
	say("  bad policy %s", result(syscall(SYS_sched_setattr, 0, &x, 0)));
	say("  small %s", result(syscall(SYS_sched_getattr, 0, &x, 40, 0)));
	say("  bad flags %s", result(syscall(SYS_sched_getattr, 0, &x, sizeof(x), 1)));
	say("  nobody %s", result(syscall(SYS_sched_getattr, 999999, &x, sizeof(x), 0)));
	say("  nowhere %s", result(syscall(SYS_sched_setattr, 0, 8, 0)));
}

static void comparing(void)
{
	pid_t me = getpid();
	int a = open("/dev/null", O_RDONLY), b = dup(a), c = open("/dev/null", O_RDONLY);

	if (syscall(SYS_kcmp, me, me, 1, 0, 0) != 0)
		return;
	say("  same file %s", result(syscall(SYS_kcmp, me, me, 0, a, b)));
	say("  another %d", syscall(SYS_kcmp, me, me, 0, a, c) > 0);
	say("  orders %ld", syscall(SYS_kcmp, me, me, 0, a, c) + syscall(SYS_kcmp, me, me, 0, c, a));
	say("  no file %s", result(syscall(SYS_kcmp, me, me, 0, a, 99)));
	say("  nobody %s", result(syscall(SYS_kcmp, me, 999999, 0, a, a)));
	say("  bad type %s", result(syscall(SYS_kcmp, me, me, 99, a, a)));
}

int main(void)
{
	locks();
	flags();
	names();
	attributes();
	directories();
	renames();
	priorities();
	comparing();
	return 0;
}
