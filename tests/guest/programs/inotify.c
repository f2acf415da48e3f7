/* SPDX-License-Identifier: MIT */
/* inotify: what is told of files, by whom it is watched, and in which order */
#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>

#ifndef IN_MASK_CREATE
#define IN_MASK_CREATE 0x10000000
#endif

static int in;

static const char *event_text(uint32_t mask)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} names[] = {{IN_ACCESS, "access"}, {IN_MODIFY, "modify"}, {IN_ATTRIB, "attrib"}, {IN_CLOSE_WRITE, "close-write"},
		     {IN_CLOSE_NOWRITE, "close"}, {IN_OPEN, "open"}, {IN_MOVED_FROM, "from"}, {IN_MOVED_TO, "to"},
		     {IN_CREATE, "create"}, {IN_DELETE, "delete"}, {IN_DELETE_SELF, "delete-self"}, {IN_MOVE_SELF, "move-self"},
		     {IN_Q_OVERFLOW, "overflow"}, {IN_IGNORED, "ignored"}, {IN_ISDIR, "dir"}};
	static char text[200];

	text[0] = '\0';
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (mask & names[i].bit) {
			strcat(text, text[0] ? "+" : "");
			strcat(text, names[i].name);
		}
	}
	return text;
}

/* All that has come, and whether cookies of neighbours agree. */
static void tell(const char *what)
{
	char bytes[4096] __attribute__((aligned(8)));
	long n;
	uint32_t cookie = 0;

	say("%s", what);
	while ((n = read(in, bytes, sizeof(bytes))) > 0) {
		for (long at = 0; at < n;) {
			struct inotify_event *e = (struct inotify_event *)(bytes + at);
			say("  %d %s%s%s%s", e->wd, event_text(e->mask), e->len ? " " : "", e->len ? e->name : "",
			    e->cookie ? e->cookie == cookie ? " same cookie" : " cookie" : "");
			if (e->cookie)
				cookie = e->cookie;
			at += (long)sizeof(*e) + e->len;
		}
	}
}

static void files(void)
{
	char c;
	int fd, other;

	in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	mkdir("w", 0700);
	say("watch %s", result(inotify_add_watch(in, "w", IN_ALL_EVENTS)));
	fd = open("w/a", O_RDWR | O_CREAT, 0600);
	tell("created");
	say("watch %s", result(inotify_add_watch(in, "w/a", IN_ALL_EVENTS)));
	write(fd, "abc", 3);
	write(fd, "abc", 3);
	pread(fd, &c, 1, 0);
	pread(fd, &c, 1, 100);
	tell("written and read");
	ftruncate(fd, 1);
	fchmod(fd, 0640);
	chmod("w/a", 0600);
	tell("changed");
	close(dup(fd));
	tell("duplicate closed");
	close(fd);
	tell("closed");
	close(open("w/a", O_RDONLY));
	tell("opened to read");
	close(open("w/a", O_WRONLY | O_TRUNC));
	tell("cut by open");
	truncate("w/a", 10);
	struct timespec times[2] = {{1, 0}, {2, 0}};
	utimensat(AT_FDCWD, "w/a", times, 0);
	times[1].tv_nsec = UTIME_OMIT;
	utimensat(AT_FDCWD, "w/a", times, 0);
	tell("cut and dated");
	link("w/a", "w/b");
	symlink("a", "w/s");
	mkfifo("w/f", 0600);
	mkdir("w/d", 0700);
	tell("new names");
	rename("w/a", "w/c");
	tell("renamed");
	rename("w/c", "w/d/c");
	tell("away");
	rename("w/d/c", "w/a");
	tell("and back");
	rename("w/d", "w/e");
	tell("a directory");
	fd = open("w/other", O_CREAT | O_WRONLY, 0600);
	close(fd);
	rename("w/other", "w/s");
	tell("over another");
	fd = open("w/a", O_RDONLY);
	other = open("w/s", O_RDWR);
	sendfile(other, fd, NULL, 5);
	close(fd), close(other);
	tell("sent");
	unlink("w/b");
	tell("one of two names");
	fd = open("w/a", O_RDONLY);
	unlink("w/a");
	tell("the last, while it is open");
	close(fd);
	tell("and closed");
	unlink("w/s");
	unlink("w/f");
	rmdir("w/e");
	tell("all others");
	rmdir("w");
	tell("itself");
	close(in);
}

static void masks(void)
{
	int fd;

	in = inotify_init1(IN_NONBLOCK);
	mkdir("m", 0700);
	say("create %s", result(inotify_add_watch(in, "m", IN_CREATE)));
	say("the same %s", result(inotify_add_watch(in, "m", IN_DELETE | IN_MASK_ADD)));
	close(open("m/x", O_CREAT | O_WRONLY, 0600));
	unlink("m/x");
	tell("both");
	inotify_add_watch(in, "m", IN_OPEN);
	close(open("m/x", O_CREAT | O_WRONLY, 0600));
	tell("another mask");
	say("only new %s", result(inotify_add_watch(in, "m", IN_OPEN | IN_MASK_CREATE)));
	say("file %s", result(inotify_add_watch(in, "m/x", IN_OPEN | IN_ONESHOT)));
	inotify_add_watch(in, "m", IN_DELETE);
	close(open("m/x", O_RDONLY));
	close(open("m/x", O_RDONLY));
	tell("once");
	say("again %s", result(inotify_add_watch(in, "m/x", IN_OPEN)));
	say("remove %s", result(inotify_rm_watch(in, 3)));
	say("remove again %s", result(inotify_rm_watch(in, 3)));
	tell("removed");
	inotify_add_watch(in, "m", IN_MODIFY | IN_EXCL_UNLINK);
	fd = open("m/x", O_WRONLY);
	write(fd, "x", 1);
	unlink("m/x");
	write(fd, "y", 1);
	tell("not after unlink");
	inotify_add_watch(in, "m", IN_MODIFY);
	write(fd, "z", 1);
	tell("but so");
	close(fd);
	symlink("nowhere", "m/l");
	say("by a link %s", result(inotify_add_watch(in, "m/l", IN_OPEN)));
	say("the link %s", result(inotify_add_watch(in, "m/l", IN_OPEN | IN_DONT_FOLLOW)));
	unlink("m/l");
	tell("the link went");
	close(open("m/y", O_CREAT | O_WRONLY, 0600));
	say("only directories %s", result(inotify_add_watch(in, "m/y", IN_OPEN | IN_ONLYDIR)));
	say("none %s", result(inotify_add_watch(in, "m/none", IN_OPEN)));
	say("nothing %s", result(inotify_add_watch(in, "m/y", 0)));
	say("unknown %s", result(inotify_add_watch(in, "m/y", 0x1000)));
	say("two ways %s", result(inotify_add_watch(in, "m/y", IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE)));
	say("no inotify %s", result(inotify_add_watch(1, "m/y", IN_OPEN)));
	say("no file %s", result(inotify_add_watch(99, "m/y", IN_OPEN)));
	say("rm: no inotify %s", result(inotify_rm_watch(1, 1)));
	say("rm: no file %s", result(inotify_rm_watch(99, 1)));
	say("init %s", result(inotify_init1(1)));
	unlink("m/y");
	rmdir("m");
	tell("gone");
	close(in);
}

static void reading(void)
{
	char bytes[100];
	int n = -1;

	in = inotify_init1(IN_NONBLOCK);
	mkdir("r", 0700);
	inotify_add_watch(in, "r", IN_CREATE);
	say("empty %s", result(read(in, bytes, sizeof(bytes))));
	struct pollfd p = {.fd = in, .events = POLLIN | POLLOUT};
	poll(&p, 1, 0);
	say("poll %x", p.revents);
	close(open("r/a", O_CREAT | O_WRONLY, 0600));
	close(open("r/a-name-of-seventeen", O_CREAT | O_WRONLY, 0600));
	poll(&p, 1, 0);
	say("poll %x", p.revents);
	ioctl(in, FIONREAD, &n);
	say("bytes %d", n);
	say("small %s", result(read(in, bytes, 16)));
	say("one %s", result(read(in, bytes, 60)));
	say("none %s", result(read(in, bytes, 47)));
	say("the other %s", result(read(in, bytes, 48)));
	say("write %s", result(write(in, bytes, 1)));
	fcntl(in, F_SETFL, 0);
	pid_t pid = fork();
	if (pid == 0) {
		usleep(20000);
		close(open("r/b", O_CREAT | O_WRONLY, 0600));
		_exit(0);
	}
	say("waited %s", result(read(in, bytes, sizeof(bytes))));
	wait_for(pid);
	int ep = epoll_create1(0);
	struct epoll_event e = {.events = EPOLLIN};
	epoll_ctl(ep, EPOLL_CTL_ADD, in, &e);
	say("epoll %s", result(epoll_wait(ep, &e, 1, 0)));
	mkdir("r/c", 0700);
	say("epoll %s", result(epoll_wait(ep, &e, 1, 0)));
	close(ep);
	rmdir("r/c");
	unlink("r/a"), unlink("r/a-name-of-seventeen"), unlink("r/b");
	rmdir("r");
	close(in);
}

static void too_many(void)
{
	char name[40];
	struct inotify_event e;
	int last_mask = 0, n = 0;
	char bytes[64];

	in = inotify_init1(IN_NONBLOCK);
	mkdir("o", 0700);
	inotify_add_watch(in, "o", IN_CREATE | IN_DELETE);
	for (int i = 0; i < 8200; i++) {
		snprintf(name, sizeof(name), "o/x%d", i % 7);
		mkdir(name, 0700);
		rmdir(name);
	}
	long size;
	while ((size = read(in, bytes, sizeof(bytes))) > 0) {
		memcpy(&e, bytes, sizeof(e));
		if (size >= 32) {
			memcpy(&e, bytes + (size > 32 ? 32 : 0), sizeof(e));
			n += size / 32;
		} else {
			n++;
		}
		last_mask = (int)e.mask;
	}
	say("events %d, at last %s %d", n, event_text((uint32_t)last_mask), e.wd);
	rmdir("o");
	close(in);
}

int main(void)
{
	char place[] = "/tmp/inotifyXXXXXX";

	if (!mkdtemp(place) || chdir(place) != 0)
		return 1;
	files();
	masks();
	reading();
	too_many();
	chdir("/");
	rmdir(place);
	return 0;
}
