/* SPDX-License-Identifier: MIT */
/* mounts.c - trees are mounted, bound, moved and taken away; chroot; devices. On a real Linux in a namespace of
 * its own, so that nobody else is touched. */
#include "guest.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

static char top[64];

/* "/a/b" below the directory of this test. */
static const char *in(const char *name)
{
	static char path[8][128];
	static int i;
	char *p = path[i++ % 8];
	snprintf(p, sizeof(path[0]), "%s%s", top, name);
	return p;
}

static void put(const char *name, const char *text)
{
	int fd = open(in(name), O_WRONLY | O_CREAT | O_TRUNC, 0755);
	say("  put %s: %s", name, result(fd < 0 ? -1 : write(fd, text, strlen(text))));
	close(fd);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(const char *name)
{
	char text[256] = "", *names[32];
	int n = 0;
	DIR *d = opendir(in(name));
	for (struct dirent *e; d && n < 32 && (e = readdir(d));)
		if (e->d_name[0] != '.')
			names[n++] = strdup(e->d_name);
	qsort(names, n, sizeof(names[0]), compare);
	for (int i = 0; i < n; i++) {
		strcat(text, " ");
		strncat(text, names[i], 20);
		free(names[i]);
	}
	say("  in %s:%s", name, d ? text : strerrorname_np(errno));
	if (d)
		closedir(d);
}

static long put_on(const char *source, const char *name, const char *type, unsigned long flags, const char *options)
{
	return mount(source, in(name), type, flags, options);
}

static long bind_to(const char *from, const char *to, unsigned long flags)
{
	char source[128];
	snprintf(source, sizeof(source), "%s", in(from));
	return mount(source, in(to), NULL, MS_BIND | flags, NULL);
}

/* The lines of a mount, without what only some Linux says. */
static void lines(const char *name)
{
	char line[512], where[128];
	FILE *f = fopen("/proc/self/mounts", "r");
	snprintf(where, sizeof(where), " %s ", in(name));
	while (f && fgets(line, sizeof(line), f)) {
		char *more = strstr(line, ",inode64"), *at = strstr(line, where);
		if (!at)
			continue;
		if (more)
			memmove(more, more + 8, strlen(more + 8) + 1);
		line[strcspn(line, "\n")] = '\0';
		say("  %.*s %s", (int)(at - line), line, at + strlen(where));
	}
	if (f)
		fclose(f);
	f = fopen("/proc/self/mountinfo", "r");
	while (f && fgets(line, sizeof(line), f)) {
		char root[128], point[128], flags[128], type[32], source[32], options[128];
		char *dash = strstr(line, " - ");
		if (sscanf(line, "%*d %*d %*s %127s %127s %127s", root, point, flags) != 3 || !dash ||
		    sscanf(dash, " - %31s %31s %127s", type, source, options) != 3 || strcmp(point, in(name)) != 0)
			continue;
		options[strcspn(options, ",")] = '\0';
		say("  info: %s %s, %s %s %s", strstr(root, "/mounts") ? "the host's" : root, flags, type, source, options);
	}
	if (f)
		fclose(f);
}

static void leave(const char *name)
{
	say("  umount: %s", result(umount(in(name))));
}

static void about(const char *name)
{
	struct statfs s;
	struct stat st;
	if (statfs(in(name), &s) != 0 || stat(in(name), &st) != 0)
		say("  %s: %s", name, result(-1));
	else
		say("  %s: type %lx, mode %o, flags %lx, uid %u", name, (long)s.f_type, st.st_mode, (long)s.f_flags & 0x10ff, st.st_uid);
}

static void tmpfs(void)
{
	struct statfs s;
	say("tmpfs");
	mkdir(in("/m"), 0755);
	put("/m/below", "1");
	say("  %s", result(put_on("none", "/m", "tmpfs", 0, "size=100k,mode=700,nr_inodes=8,uid=12")));
	lines("/m");
	about("/m");
	list("/m");
	put("/m/above", "two");
	statfs(in("/m"), &s);
	say("  %ld of %ld pages, %ld of %ld files", (long)s.f_bfree, (long)s.f_blocks, (long)s.f_ffree, (long)s.f_files);
	int fd = open(in("/m/big"), O_RDWR | O_CREAT, 0600);
	static char page[4096];
	int n = 0;
	while (n < 100 && write(fd, page, sizeof(page)) == sizeof(page))
		n++;
	say("  room for %d: %s", n, result(-1));
	for (n = 0; n < 20; n++) {
		char name[32];
		snprintf(name, sizeof(name), "/m/f%d", n);
		if (mkdir(in(name), 0700) != 0)
			break;
	}
	say("  for %d directories: %s", n, result(-1));
	say("  while it is open: %s", result(umount(in("/m"))));
	say("  smaller than what is there: %s", result(put_on("none", "/m", NULL, MS_REMOUNT, "size=16k")));
	say("  larger: %s", result(put_on("none", "/m", NULL, MS_REMOUNT, "size=1m")));
	say("  which helps: %s", result(write(fd, page, sizeof(page))));
	say("  read-only, written to: %s", result(put_on("none", "/m", NULL, MS_REMOUNT | MS_RDONLY, NULL)));
	char *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	say("  while it is mapped: %s", result(umount(in("/m"))));
	munmap(p, 4096);
	say("  read-only: %s", result(put_on("none", "/m", NULL, MS_REMOUNT | MS_RDONLY, NULL)));
	put("/m/not", "x");
	say("  %s %s", result(mkdir(in("/m/not"), 0700)), result(unlink(in("/m/above"))));
	lines("/m");
	chdir(in("/m"));
	say("  who is in it: %s", result(umount(in("/m"))));
	chdir("/");
	say("  %s", result(umount(in("/m"))));
	say("  again: %s", result(umount(in("/m"))));
	list("/m");
	static const char *const bad[] = {"size=x", "what=1", "mode=9", "size=10q", "uid=-2", "nr_inodes=1x"};
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		say("  %s: %s", bad[i], result(put_on("none", "/m", "tmpfs", 0, bad[i])));
	say("  plain: %s", result(put_on("a b\\c", "/m", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME, "")));
	about("/m");
	lines("/m");
	say("  %s", result(umount(in("/m"))));
}

static void stacked(void)
{
	say("one on another");
	mkdir(in("/s"), 0755);
	say("  %s", result(put_on("first", "/s", "tmpfs", 0, NULL)));
	put("/s/one", "1");
	mkdir(in("/s/d"), 0755);
	say("  %s", result(put_on("inner", "/s/d", "tmpfs", 0, NULL)));
	put("/s/d/deep", "1");
	say("  which has another: %s", result(umount(in("/s"))));
	say("  %s", result(put_on("second", "/s", "tmpfs", 0, NULL)));
	list("/s");
	list("/s/d");
	lines("/s");
	lines("/s/d");
	mkdir(in("/s/d"), 0755);
	list("/s/d");
	say("  %s", result(umount(in("/s"))));
	list("/s");
	list("/s/d");
	say("  a mount point: %s %s", result(rmdir(in("/s/d"))), result(rename(in("/s/d"), in("/s/e"))));
	int fd = open(in("/s/d/deep"), O_RDONLY);
	char c = 0;
	say("  all at once: %s", result(umount2(in("/s"), MNT_DETACH)));
	list("/s");
	long n = read(fd, &c, 1);
	say("  who had it open reads: %s %c", result(n), c);
	close(fd);
}

static void bound(void)
{
	struct stat a, b;
	say("bound");
	mkdir(in("/a"), 0755);
	mkdir(in("/a/sub"), 0755);
	mkdir(in("/b"), 0755);
	put("/a/sub/x", "x");
	put("/file", "old");
	say("  %s", result(bind_to("/a/sub", "/b", 0)));
	list("/b");
	put("/b/y", "y");
	list("/a/sub");
	stat(in("/a/sub/x"), &a);
	stat(in("/b/x"), &b);
	say("  the same: %d %d", a.st_ino == b.st_ino, a.st_dev == b.st_dev);
	say("  but another mount: %s %s", result(link(in("/b/x"), in("/a/sub/z"))), result(rename(in("/b/x"), in("/a/sub/z"))));
	say("  read-only: %s", result(mount(NULL, in("/b"), NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOEXEC, NULL)));
	put("/b/no", "x");
	put("/a/sub/yes", "x");
	say("  to write %s, to execute %s", result(access(in("/b/x"), W_OK)), result(access(in("/b/x"), X_OK)));
	execl(in("/b/x"), "x", NULL);
	say("  execve: %s", result(-1));
	int fd = open(in("/b/x"), O_RDONLY);
	say("  mapped to execute: %s", result(mmap(NULL, 1, PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0));
	void *p = mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0);
	say("  made so: %s", result(mprotect(p, 1, PROT_READ | PROT_EXEC)));
	munmap(p, 1);
	close(fd);
	struct statfs s;
	statfs(in("/b"), &s);
	say("  flags %lx", (long)s.f_flags & 0x10ff);
	say("  a file on a file: %s", result(bind_to("/file", "/a/sub/x", 0)));
	stat(in("/a/sub/x"), &a);
	say("  of size %ld", (long)a.st_size);
	say("  which is busy: %s", result(unlink(in("/a/sub/x"))));
	say("  a file on a directory: %s", result(bind_to("/file", "/a", 0)));
	say("  a directory on a file: %s", result(bind_to("/a", "/file", 0)));
	say("  from nowhere: %s, to nowhere: %s", result(bind_to("/none", "/b", 0)), result(bind_to("/a", "/none", 0)));
	say("  nothing: %s %s", result(mount(NULL, in("/b"), NULL, MS_BIND, NULL)), result(mount("", in("/b"), NULL, MS_BIND, NULL)));
	leave("/a/sub/x");
	leave("/b");
	mkdir(in("/t"), 0755);
	mkdir(in("/c"), 0755);
	put_on("outer", "/t", "tmpfs", 0, NULL);
	mkdir(in("/t/in"), 0755);
	put_on("inner", "/t/in", "tmpfs", 0, NULL);
	put("/t/in/deep", "1");
	say("  alone: %s", result(bind_to("/t", "/c", 0)));
	list("/c");
	list("/c/in");
	say("  part of it: %s", result(bind_to("/t/in", "/b", 0)));
	lines("/c");
	umount(in("/c"));
	mkdir(in("/t/part"), 0755);
	say("  a part: %s", result(bind_to("/t/part", "/c", 0)));
	lines("/c");
	say("  another: %s", result(mkdir(in("/c/made"), 0700)));
	list("/t/part");
	umount(in("/c"));
	umount(in("/b"));
	say("  with what is in it: %s", result(bind_to("/t", "/c", MS_REC)));
	list("/c/in");
	say("  %s", result(umount(in("/c"))));
	leave("/c/in");
	leave("/c");
	mkdir(in("/t/i"), 0755);
	say("  beside one of a longer name: %s", result(bind_to("/t", "/t/i", MS_REC)));
	list("/t/i/in");
	leave("/t/i/in");
	leave("/t/i");
	rmdir(in("/t/i"));
	say("  moved: %s", result(mount(in("/t"), in("/c"), NULL, MS_MOVE, NULL)));
	list("/t");
	list("/c");
	list("/c/in");
	say("  into itself: %s", result(mount(in("/c"), in("/c/in"), NULL, MS_MOVE, NULL)));
	say("  what is no mount: %s", result(mount(in("/a"), in("/b"), NULL, MS_MOVE, NULL)));
	leave("/c/in");
	leave("/c");
}

/* Who polls what lists the mounts is told when that changes. */
static void told(void)
{
	int fd = open("/proc/self/mounts", O_RDONLY), info = open("/proc/self/mountinfo", O_RDONLY), e = epoll_create1(0);
	struct epoll_event want = {.events = EPOLLPRI}, got = {0};
	struct pollfd p[2] = {{.fd = fd, .events = POLLIN | POLLPRI}, {.fd = info, .events = POLLPRI}};
	int n = poll(p, 2, 0);
	say("told: %d %x %x", n, p[0].revents, p[1].revents);
	put_on("none", "/m", "tmpfs", 0, NULL);
	n = poll(p, 2, 0);
	say("  mounted: %d %x %x", n, p[0].revents, p[1].revents);
	n = poll(p, 2, 0);
	say("  once: %d %x %x", n, p[0].revents, p[1].revents);
	say("  epoll: %s, nothing: %d", result(epoll_ctl(e, EPOLL_CTL_ADD, info, &want)), epoll_wait(e, &got, 1, 0));
	pid_t child = fork();
	if (child == 0) {
		usleep(20000);
		_exit(umount(in("/m")) != 0);
	}
	say("  taken away: %d", epoll_wait(e, &got, 1, -1));
	say("  %x, %s", got.events, wait_for(child));
	say("  and no more: %d", epoll_wait(e, &got, 1, 0));
	close(fd);
	close(info);
	close(e);
}

static void refused(void)
{
	say("refused");
	say("  %s", result(put_on("none", "/m", "nosuchfs", 0, NULL)));
	say("  %s", result(put_on("none", "/m", NULL, 0, NULL)));
	say("  %s", result(put_on("none", "/nowhere", "tmpfs", 0, NULL)));
	say("  %s", result(put_on("none", "/file", "tmpfs", 0, NULL)));
	say("  %s", result(mount((char *)16, in("/m"), "tmpfs", 0, NULL)));
	say("  %s", result(mount("none", (char *)16, "tmpfs", 0, NULL)));
	say("  %s", result(mount("none", in("/m"), (char *)16, 0, NULL)));
	say("  no mount: %s %s", result(put_on("none", "/m", NULL, MS_REMOUNT, NULL)), result(put_on("none", "/m", NULL, MS_PRIVATE, NULL)));
	say("  umount: %s %s", result(umount(in("/none"))), result(umount2(in("/m"), 64)));
	put_on("none", "/m", "tmpfs", 0, NULL);
	say("  two ways: %s", result(put_on("none", "/m", NULL, MS_PRIVATE | MS_SLAVE, NULL)));
	say("  one way: %s", result(put_on("none", "/m", NULL, MS_PRIVATE | MS_REC, NULL)));
	say("  expired: %s", result(umount2(in("/m"), MNT_EXPIRE | MNT_DETACH)));
	say("  %s", result(umount2(in("/m"), MNT_EXPIRE)));
	say("  %s", result(umount2(in("/m"), MNT_EXPIRE)));
	symlink("m", in("/link"));
	put_on("none", "/link", "tmpfs", 0, NULL);
	say("  by a link: %s %s", result(umount2(in("/link"), UMOUNT_NOFOLLOW)), "");
	leave("/link");
	pid_t pid = fork();
	if (pid == 0) {
		setresuid(1234, 1234, 1234);
		say("  as another: %s %s %s", result(put_on("none", "/m", "tmpfs", 0, NULL)), result(umount(in("/m"))), result(chroot(in("/m"))));
		say("  and nowhere: %s %s", result(put_on("none", "/none", "tmpfs", 0, NULL)), result(chroot(in("/none"))));
		say("  mknod: %s %s %s", result(mknod(in("/m/n"), S_IFCHR | 0600, makedev(1, 3))), result(mknod(in("/w"), S_IFCHR | 0600, 0)),
		    result(mknod(in("/m"), S_IFCHR | 0600, makedev(1, 3))));
		_exit(0);
	}
	wait_for(pid);
}

static void open_device(const char *name, int major, int minor)
{
	char bytes[4] = "abc";
	struct stat st;
	say("  %d:%d %s", major, minor, result(mknod(in(name), S_IFCHR | 0666, makedev(major, minor))));
	int fd = open(in(name), O_RDWR);
	say("  open: %s", result(fd < 0 ? -1 : 0));
	if (fd < 0)
		return;
	ssize_t n = read(fd, bytes, 3);
	say("  read: %s, write: %s", result(n), result(write(fd, "x", 1)));
	fstat(fd, &st);
	say("  mode %o, %d:%d, size %ld", st.st_mode, major(st.st_rdev), minor(st.st_rdev), (long)st.st_size);
	close(fd);
}

static void devices(const char *where)
{
	char name[64];
	struct stat st;
	say("devices in %s", where);
	umask(0);
	static const struct {
		const char *name;
		int major, minor;
	} all[] = {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"urandom", 1, 9}, {"none", 240, 77}};
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		snprintf(name, sizeof(name), "%s/%s", where, all[i].name);
		open_device(name, all[i].major, all[i].minor);
	}
	snprintf(name, sizeof(name), "%s/null", where);
	say("  again: %s", result(mknod(in(name), S_IFCHR | 0600, makedev(1, 3))));
	say("  chmod: %s", result(chmod(in(name), 0640)));
	say("  chown: %s", result(chown(in(name), 1, 2)));
	lstat(in(name), &st);
	say("  mode %o, %d:%d, of %u and %u", st.st_mode, major(st.st_rdev), minor(st.st_rdev), st.st_uid, st.st_gid);
	char to[64];
	snprintf(to, sizeof(to), "%s/moved", where);
	say("  moved: %s", result(rename(in(name), in(to))));
	lstat(in(to), &st);
	say("  mode %o, %d:%d", st.st_mode, major(st.st_rdev), minor(st.st_rdev));
	DIR *d = opendir(in(where));
	for (struct dirent *e; d && (e = readdir(d));)
		if (strcmp(e->d_name, "moved") == 0)
			say("  its type %d", e->d_type);
	closedir(d);
	say("  block: %s", result(mknod(in(name), S_IFBLK | 0600, makedev(240, 7))));
	say("  open: %s", result(open(in(name), O_RDONLY)));
	say("  truncate: %s", result(truncate(in(to), 10)));
	say("  gone: %s %s", result(unlink(in(name))), result(unlink(in(to))));
	umask(022);
}

static void no_devices(void)
{
	say("without devices");
	put_on("none", "/m", "tmpfs", MS_NODEV, NULL);
	mknod(in("/m/null"), S_IFCHR | 0666, makedev(1, 3));
	say("  %s", result(open(in("/m/null"), O_RDWR)));
	say("  %s", result(open(in("/m/null"), O_PATH) < 0));
	umount2(in("/m"), MNT_DETACH);
}

static void show_cwd(const char *what)
{
	char text[128] = "?", link[128] = "";
	long n = syscall(SYS_getcwd, text, sizeof(text));
	if (readlink("/proc/self/cwd", link, sizeof(link) - 1) < 0)
		strcpy(link, "-");
	say("  %s: %s '%s' %s", what, n < 0 ? strerrorname_np(errno) : "", n < 0 ? "" : strncmp(text, top, strlen(top)) == 0 ? text + strlen(top) : text,
	    strncmp(link, top, strlen(top)) == 0 ? link + strlen(top) : link);
}

/* A root of its own, with /proc in it. */
static void rooted(void)
{
	char text[128] = "";
	struct stat a, b;
	int up = open("/", O_RDONLY | O_DIRECTORY);
	say("a root of its own");
	say("  no directory: %s, nowhere: %s", result(chroot(in("/file"))), result(chroot(in("/none"))));
	mkdir(in("/r"), 0755);
	put_on("root", "/r", "tmpfs", 0, NULL);
	mkdir(in("/r/proc"), 0755);
	mkdir(in("/r/etc"), 0755);
	mkdir(in("/r/etc/d"), 0755);
	put("/r/etc/name", "inner");
	symlink("/etc/name", in("/r/link"));
	symlink("../../../../etc/name", in("/r/etc/up"));
	say("  %s", result(put_on("proc", "/r/proc", "proc", 0, NULL)));
	/* A second way in, for what is looked at from outside. */
	int to_parent[2], to_child[2];
	pipe(to_parent);
	pipe(to_child);
	pid_t pid = fork();
	if (pid == 0) {
		char c;
		chdir(in("/r/etc/d"));
		say("  %s", result(chroot(in("/r"))));
		stat("/link", &a);
		stat("/etc/up", &b);
		say("  links stay in it: %d", a.st_ino == b.st_ino);
		stat("/", &a);
		stat("/../..", &b);
		say("  as does ..: %d", a.st_ino == b.st_ino);
		show_cwd("here");
		chdir("../../../../..");
		show_cwd("up");
		say("  links of proc: %s", result(readlink("/proc/self/root", text, sizeof(text))));
		int fd = open("/etc/name", O_RDONLY);
		memset(text, 0, sizeof(text));
		snprintf(text, sizeof(text), "/proc/self/fd/%d", fd);
		char link[128] = "";
		readlink(text, link, sizeof(link) - 1);
		say("  an open file: %s", link);
		FILE *f = fopen("/proc/self/mounts", "r");
		for (char line[256]; f && fgets(line, sizeof(line), f);)
			say("  %.*s", (int)strcspn(line, ","), line);
		if (f)
			fclose(f);
		write(to_parent[1], "x", 1);
		read(to_child[0], &c, 1);
		fchdir(up);
		show_cwd("left behind");
		stat("etc", &b);
		say("  from outside: %d", stat(".", &a) == 0 && a.st_ino != b.st_ino);
		stat("/", &b);
		chdir("..");
		stat(".", &a);
		say("  up from there is not in it: %d", a.st_ino != b.st_ino || a.st_dev != b.st_dev);
		chroot(".");
		say("  and out again: %s", result(stat(in("/r/etc/name"), &a)));
		_exit(0);
	}
	char c, path[64], link[128] = "";
	read(to_parent[0], &c, 1);
	snprintf(path, sizeof(path), "/proc/%d/root", pid);
	readlink(path, link, sizeof(link) - 1);
	say("  seen from outside: %s", strncmp(link, top, strlen(top)) == 0 ? link + strlen(top) : link);
	strcat(path, "/etc/name");
	say("  its file: %s", result(access(path, R_OK)));
	say("  busy: %s", result(umount(in("/r"))));
	write(to_child[1], "x", 1);
	say("%s", wait_for(pid));
	say("  %s", result(umount(in("/r/proc"))));
	say("  %s", result(umount(in("/r"))));
	close(up);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *f)
{
	(void)st, (void)kind, (void)f;
	return remove(path);
}

int main(void)
{
	/* Carrel has one tree for all, and no namespaces. */
	if (unshare(CLONE_NEWNS) != 0 && errno != EINVAL) {
		say("no namespaces");
		return 0;
	}
	mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
	setvbuf(stdout, NULL, _IONBF, 0);
	strcpy(top, "/tmp/mountsXXXXXX");
	if (!mkdtemp(top))
		return 1;
	chmod(top, 0755);
	tmpfs();
	stacked();
	bound();
	told();
	refused();
	put_on("none", "/m", "tmpfs", 0, NULL);
	devices("/m");
	umount(in("/m"));
	mkdir(in("/dev"), 0755);
	devices("/dev");
	no_devices();
	rooted();
	return nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
