/* SPDX-License-Identifier: MIT */
/* owners.c - whose files are, and who may do what with them: owner, group, others, sticky directories
 *
 * All of it lies in a directory of its own in /tmp, and once more in /dev/shm.
 */
#include "guest.h"

#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

enum { ME = 1001, OTHER = 1002, GROUP = 1010, SECOND = 1011 };

static void show(const char *name)
{
	struct stat st;

	if (lstat(name, &st))
		say("  %s: %s", name, strerrorname_np(errno));
	else
		say("  %s: %o %d %d", name, st.st_mode, (int)st.st_uid, (int)st.st_gid);
}

static void become(uid_t uid, gid_t gid, gid_t more)
{
	if (setgroups(more ? 1 : 0, &more) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		say("become: %s", strerrorname_np(errno));
}

static int child(void)
{
	pid_t pid = fork();
	int status = 0;

	if (pid != 0)
		waitpid(pid, &status, 0);
	return pid == 0;
}

static int try_open(const char *name, int flags)
{
	int fd = open(name, flags, 0666);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? -1 : 0;
}

/* --- who may read, write, execute --- */

static void matrix(const char *who)
{
	static const mode_t modes[] = {0, 0400, 0040, 0004, 0200, 0020, 0002, 0100, 0010, 0001, 0077, 0707, 0770, 0644};
	char name[16], line[512] = "", *at = line;

	for (unsigned i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		snprintf(name, sizeof(name), "f%03o", modes[i]);
		int r = try_open(name, O_RDONLY), w = try_open(name, O_WRONLY), b = try_open(name, O_RDWR),
		    t = truncate(name, 0), a = access(name, R_OK) * 4 + access(name, W_OK) * 2 + access(name, X_OK);
		int e = faccessat(AT_FDCWD, name, X_OK, AT_EACCESS);
		at += snprintf(at, (size_t)(line + sizeof(line) - at), " %03o:%d%d%d%d%d%d", modes[i], !r, !w, !b, !t, -a, !e);
	}
	say("%s:%s", who, line);
}

static void files(void)
{
	static const mode_t modes[] = {0, 0400, 0040, 0004, 0200, 0020, 0002, 0100, 0010, 0001, 0077, 0707, 0770, 0644};
	char name[16];

	for (unsigned i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		snprintf(name, sizeof(name), "f%03o", modes[i]);
		if (try_open(name, O_CREAT | O_WRONLY) || chown(name, ME, GROUP) || chmod(name, modes[i]))
			say("%s: %s", name, strerrorname_np(errno));
	}
	matrix("root");
	if (child()) {
		become(ME, ME, 0);
		matrix("owner");
		_exit(0);
	}
	if (child()) {
		become(ME, GROUP, 0);
		matrix("owner in the group");
		_exit(0);
	}
	if (child()) {
		become(OTHER, GROUP, 0);
		matrix("group");
		_exit(0);
	}
	if (child()) {
		become(OTHER, OTHER, GROUP);
		matrix("further group");
		_exit(0);
	}
	if (child()) {
		become(OTHER, OTHER, SECOND);
		matrix("others");
		_exit(0);
	}
	if (child()) {
		if (setresgid(OTHER, GROUP, GROUP) || setresuid(OTHER, ME, 0))
			_exit(1);
		matrix("effective owner, really another");
		_exit(0);
	}
	if (child()) {
		setfsuid(ME);
		matrix("root, a user for files");
		_exit(0);
	}
}

/* --- directories --- */

static void inside(const char *who, const char *dir)
{
	char a[64], b[64];

	snprintf(a, sizeof(a), "%s/there", dir);
	snprintf(b, sizeof(b), "%s/new-%d", dir, (int)geteuid());
	say("%s in %s: list %d", who, dir, try_open(dir, O_RDONLY | O_DIRECTORY));
	struct stat st;
	say("  stat %s", result(stat(a, &st)));
	say("  open %s", result(try_open(a, O_RDONLY)));
	say("  create %s", result(try_open(b, O_CREAT | O_EXCL | O_WRONLY)));
	say("  chdir %s", result(chdir(dir)));
	if (chdir("..")) {
	}
	int fd = open(dir, O_PATH);
	say("  openat %s", result(faccessat(fd, "there", F_OK, 0)));
	say("  mkdir %s", result(mkdir(strcat(b, "d"), 0777)));
	say("  missing %s", result(try_open(strcat(b, "/x"), O_RDONLY)));
	close(fd);
}

static void directories(void)
{
	static const mode_t modes[] = {0700, 0711, 0744, 0722, 0733, 0750, 0705};
	char name[16], path[32];

	for (unsigned i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		snprintf(name, sizeof(name), "d%03o", modes[i]);
		snprintf(path, sizeof(path), "%s/there", name);
		if (mkdir(name, 0777) || try_open(path, O_CREAT | O_WRONLY) || chown(name, ME, GROUP) || chmod(name, modes[i]))
			say("%s: %s", name, strerrorname_np(errno));
	}
	for (unsigned i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		snprintf(name, sizeof(name), "d%03o", modes[i]);
		if (child()) {
			become(ME, ME, 0);
			inside("owner", name);
			_exit(0);
		}
		if (child()) {
			become(OTHER, OTHER, 0);
			inside("others", name);
			_exit(0);
		}
		if (child()) {
			become(OTHER, OTHER, GROUP);
			inside("group", name);
			_exit(0);
		}
	}
}

/* --- sticky directories, names of others --- */

static void names(void)
{
	say("mkdir: %s", result(mkdir("sticky", 0777)));
	say("chmod: %s", result(chmod("sticky", 01777)));
	say("mkdir: %s", result(mkdir("closed", 0755)));
	say("mkdir: %s", result(mkdir("open", 0777)));
	say("chmod: %s", result(chmod("open", 0777)));
	try_open("sticky/a", O_CREAT | O_WRONLY);
	try_open("sticky/b", O_CREAT | O_WRONLY);
	try_open("closed/a", O_CREAT | O_WRONLY);
	try_open("open/a", O_CREAT | O_WRONLY);
	mkdir("open/d", 0755);
	mkdir("sticky/d", 0777);
	chmod("sticky/a", 0666);
	if (child()) {
		become(ME, ME, 0);
		say("unlink of another's: %s", result(unlink("sticky/a")));
		say("rename of another's: %s", result(rename("sticky/a", "sticky/c")));
		say("rmdir of another's: %s", result(rmdir("sticky/d")));
		say("create: %s", result(try_open("sticky/mine", O_CREAT | O_EXCL | O_WRONLY)));
		say("rename over another's: %s", result(rename("sticky/mine", "sticky/b")));
		say("exchange: %s", result(renameat2(AT_FDCWD, "sticky/mine", AT_FDCWD, "sticky/b", RENAME_EXCHANGE)));
		say("out of it: %s", result(rename("sticky/mine", "open/mine")));
		say("and back: %s", result(rename("open/mine", "sticky/mine")));
		say("symlink: %s", result(symlink("a", "sticky/link")));
		say("mkfifo: %s", result(mkfifo("sticky/fifo", 0640)));
		say("mknod: %s", result(mknod("sticky/dev", S_IFCHR | 0666, 0x103)));
		say("closed: unlink %s", result(unlink("closed/a")));
		say("  create %s", result(try_open("closed/b", O_CREAT | O_WRONLY)));
		say("  open what is there %s", result(try_open("closed/a", O_CREAT | O_RDONLY)));
		say("  link %s", result(link("sticky/mine", "closed/l")));
		say("  rename %s", result(rename("sticky/mine", "closed/l")));
		say("  symlink %s", result(symlink("x", "closed/l")));
		say("  mkdir %s", result(mkdir("closed/l", 0777)));
		say("  mkdir of what is there %s", result(mkdir("closed/a", 0777)));
		say("open: rename of another's %s", result(rename("open/a", "open/b")));
		say("  of another's directory, here %s", result(rename("open/d", "open/e")));
		say("  elsewhere %s", result(rename("open/e", "sticky/e")));
		say("  unlink of another's %s", result(unlink("open/b")));
		say("  rmdir %s", result(rmdir("open/e")));
		show("sticky/mine");
		show("sticky/link");
		show("sticky/fifo");
		_exit(0);
	}
	if (child()) {
		become(OTHER, OTHER, 0);
		say("unlink of a third's: %s", result(unlink("sticky/mine")));
		_exit(0);
	}
	say("root: %s", result(unlink("sticky/mine")));
}

/* --- mode, owner, times --- */

static void changes(void)
{
	const struct timespec then[2] = {{1, 0}, {1, 0}}, now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}},
			      omit[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}}, half[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};

	try_open("mine", O_CREAT | O_WRONLY);
	try_open("yours", O_CREAT | O_WRONLY);
	say("chown: %s", result(chown("mine", ME, ME)));
	say("chmod: %s", result(chmod("yours", 0666)));
	if (child()) {
		become(ME, ME, SECOND);
		say("chmod: %s", result(chmod("mine", 06755)));
		show("mine");
		say("chown to oneself: %s", result(chown("mine", ME, (gid_t)-1)));
		show("mine");
		say("chown to another: %s", result(chown("mine", OTHER, (gid_t)-1)));
		say("chgrp to mine: %s", result(chown("mine", (uid_t)-1, SECOND)));
		show("mine");
		say("chgrp to another: %s", result(chown("mine", (uid_t)-1, GROUP)));
		say("chmod of another's: %s", result(chmod("yours", 0600)));
		say("chown of another's: %s", result(chown("yours", ME, (gid_t)-1)));
		say("chgrp of another's: %s", result(chown("yours", (uid_t)-1, SECOND)));
		say("chown nothing of another's: %s", result(chown("yours", (uid_t)-1, (gid_t)-1)));
		say("times of mine: %s", result(utimensat(AT_FDCWD, "mine", then, 0)));
		say("of another's: %s", result(utimensat(AT_FDCWD, "yours", then, 0)));
		say("  now %s", result(utimensat(AT_FDCWD, "yours", now, 0)));
		say("  neither %s", result(utimensat(AT_FDCWD, "yours", omit, 0)));
		say("  one now %s", result(utimensat(AT_FDCWD, "yours", half, 0)));
		say("O_NOATIME: %s", result(try_open("yours", O_RDONLY | O_NOATIME)));
		int fd = open("yours", O_RDONLY);
		say("fchmod: %s", result(fchmod(fd, 0600)));
		say("fchown: %s", result(fchown(fd, ME, ME)));
		close(fd);
		fd = open("mine", O_RDONLY);
		say("fchmod: %s", result(fchmod(fd, 0600)));
		say("fchown: %s", result(fchown(fd, (uid_t)-1, ME)));
		close(fd);
		show("mine");
		_exit(0);
	}
	chmod("yours", 0644);
	if (child()) {
		become(ME, ME, 0);
		say("now, without a right to write: %s", result(utimensat(AT_FDCWD, "yours", NULL, 0)));
		_exit(0);
	}
	say("root gives: %s", result(chown("mine", OTHER, GROUP)));
	say("  set-id bits: %s", result(chmod("mine", 06755)));
	show("mine");
	say("  gives again: %s", result(chown("mine", ME, ME)));
	show("mine");
	say("  set-group-id without x: %s", result(chmod("mine", 02644)));
	say("  gives: %s", result(chown("mine", ME, GROUP)));
	show("mine");
	chmod("mine", 06777);
	if (child()) {
		become(OTHER, OTHER, 0);
		int fd = open("mine", O_WRONLY);
		say("a write: %s", result(write(fd, "x", 1)));
		close(fd);
		_exit(0);
	}
	show("mine");
	say("symlink: %s", result(symlink("mine", "link")));
	say("lchown: %s", result(lchown("link", ME, GROUP)));
	show("link");
	if (child()) {
		become(ME, ME, 0);
		say("set-group-id of a group that is not mine: %s", result(chmod("mine", 02755)));
		show("mine");
		_exit(0);
	}
}

/* --- new files, and directories that hand on their group --- */

static void new_files(void)
{
	say("mkdir: %s", result(mkdir("shared", 0777)));
	say("chown: %s", result(chown("shared", ME, GROUP)));
	say("chmod: %s", result(chmod("shared", 02777)));
	show("shared");
	umask(027);
	if (child()) {
		become(OTHER, OTHER, 0);
		try_open("shared/f", O_CREAT | O_WRONLY);
		mkdir("shared/d", 0777);
		if (mkfifo("shared/p", 0666) || symlink("f", "shared/l"))
			say("fifo: %s", strerrorname_np(errno));
		int fd = open("shared/s", O_CREAT | O_WRONLY, 02777);
		close(fd);
		fd = open("shared", O_TMPFILE | O_RDWR, 0666);
		struct stat st;
		if (fd >= 0 && fstat(fd, &st) == 0)
			say("nameless: %o %d %d", st.st_mode, (int)st.st_uid, (int)st.st_gid);
		close(fd);
		show("shared/f");
		show("shared/d");
		show("shared/p");
		show("shared/l");
		show("shared/s");
		_exit(0);
	}
	umask(022);
	if (child()) {
		setfsuid(ME);
		setfsgid(GROUP);
		try_open("of-files", O_CREAT | O_WRONLY);
		_exit(0);
	}
	show("of-files");
	int fd = open("gone", O_CREAT | O_RDWR, 0600);
	unlink("gone");
	struct stat st;
	say("fchown of what has no name: %s", result(fchown(fd, ME, GROUP)));
	say("fchmod: %s", result(fchmod(fd, 0640)));
	if (fstat(fd, &st) == 0)
		say("  it is %o %d %d", st.st_mode, (int)st.st_uid, (int)st.st_gid);
	close(fd);
	try_open("gone", O_CREAT | O_WRONLY);
	show("gone");
}

/* --- sockets and pipes --- */

static void ends(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "socket"};
	int s = socket(AF_UNIX, SOCK_STREAM, 0), p[2];
	struct stat st;

	say("bind: %s", result(bind(s, (struct sockaddr *)&a, sizeof(a))));
	say("listen: %s", result(listen(s, 5)));
	show("socket");
	if (child()) {
		become(ME, ME, 0);
		int c = socket(AF_UNIX, SOCK_STREAM, 0);
		say("connect: %s", result(connect(c, (struct sockaddr *)&a, sizeof(a))));
		say("fchmod of it: %s", result(chmod("socket", 0666)));
		if (fstat(c, &st) == 0)
			say("a socket is %d's", (int)st.st_uid);
		if (pipe(p) == 0 && fstat(p[0], &st) == 0)
			say("a pipe is %d's %d's", (int)st.st_uid, (int)st.st_gid);
		struct ucred cred;
		socklen_t size = sizeof(cred);
		int v[2];
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, v) == 0 && getsockopt(v[0], SOL_SOCKET, SO_PEERCRED, &cred, &size) == 0)
			say("a peer is %d %d", (int)cred.uid, (int)cred.gid);
		_exit(0);
	}
	chmod("socket", 0666);
	if (child()) {
		become(ME, GROUP, 0);
		int c = socket(AF_UNIX, SOCK_STREAM, 0);
		say("connect: %s", result(connect(c, (struct sockaddr *)&a, sizeof(a))));
		_exit(0);
	}
	int c = accept(s, NULL, NULL);
	struct ucred cred;
	socklen_t size = sizeof(cred);
	say("peer: %s", result(getsockopt(c, SOL_SOCKET, SO_PEERCRED, &cred, &size)));
	say("  is %d %d", (int)cred.uid, (int)cred.gid);
}

/* --- /proc of others --- */

static void look(const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)getppid(), name);
	say("  %s %s", name, result(try_open(path, flags)));
}

static void processes(void)
{
	char path[64], link[64];
	struct stat st;

	if (child()) {
		become(ME, ME, 0);
		look("environ", O_RDONLY);
		look("auxv", O_RDONLY);
		look("maps", O_RDONLY);
		look("mem", O_RDWR);
		look("status", O_RDONLY);
		look("cmdline", O_RDONLY);
		look("limits", O_RDONLY);
		look("fd", O_RDONLY | O_DIRECTORY);
		look("fd/1", O_RDONLY);
		look("oom_score_adj", O_WRONLY);
		snprintf(path, sizeof(path), "/proc/%d/exe", (int)getppid());
		say("  exe %s", result(readlink(path, link, sizeof(link)) > 0 ? 0 : -1));
		stat("/proc/self/status", &st);
		say("mine is %d's, dumpable %d", (int)st.st_uid, prctl(PR_GET_DUMPABLE));
		say("  own environ %s", result(try_open("/proc/self/environ", O_RDONLY)));
		say("  own fd %s", result(try_open("/proc/self/fd", O_RDONLY | O_DIRECTORY)));
		prctl(PR_SET_DUMPABLE, 1);
		stat("/proc/self/status", &st);
		say("mine is %d's", (int)st.st_uid);
		say("  own environ %s", result(try_open("/proc/self/environ", O_RDONLY)));
		say("sysctl %s", result(try_open("/proc/sys/vm/swappiness", O_WRONLY)));
		_exit(0);
	}
}

static int gone(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	(void)st;
	(void)flag;
	(void)at;
	return remove(path);
}

static void all_in(const char *where)
{
	char dir[64];

	snprintf(dir, sizeof(dir), "%s/owners-%d", where, (int)getpid());
	umask(022);
	say("in %s: %s", where, result(mkdir(dir, 0755)));
	if (chdir(dir))
		return;
	in_child("files", files);
	in_child("directories", directories);
	in_child("names", names);
	in_child("changes", changes);
	in_child("new files", new_files);
	if (chdir("/"))
		return;
	(void)nftw(dir, gone, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
	setbuf(stdout, NULL);
	if (geteuid() != 0) {
		say("not root");
		return 0;
	}
	all_in("/tmp");
	all_in("/dev/shm");
	if (chdir("/tmp") == 0) {
		unlink("socket");
		in_child("ends", ends);
		unlink("socket");
	}
	in_child("processes", processes);
	return 0;
}
