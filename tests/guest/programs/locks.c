/* SPDX-License-Identifier: MIT */
/* locks.c - record locks: ranges that are cut and joined, who is kept out, who waits for whom in a
 * circle, and those of an open file */
#include "guest.h"

#include <fcntl.h>
#include <stdint.h>

static int file;
static const char *const type_name[] = {[F_RDLCK] = "read", [F_WRLCK] = "write", [F_UNLCK] = "none"};

static int lock(int fd, int command, short type, long start, long size)
{
	struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = size};

	return fcntl(fd, command, &l);
}

/* What keeps a child from writing to the bytes of [0, end), one lock after the other. */
static void tell(const char *when, long end)
{
	say("%s:", when);
	if (fork() == 0) {
		for (long at = 0; at < end;) {
			struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = end - at};
			if (fcntl(file, F_GETLK, &l) != 0)
				_exit(1);
			if (l.l_type == F_UNLCK)
				_exit(0);
			say("  %s %ld+%ld %s", type_name[l.l_type], (long)l.l_start, (long)l.l_len,
			    l.l_pid == getppid() ? "of the parent" : l.l_pid == -1 ? "of a file" : "?");
			if (l.l_len == 0)
				_exit(0);
			at = l.l_start + l.l_len;
		}
		_exit(0);
	}
	wait(NULL);
}

static void ranges(void)
{
	lock(file, F_SETLK, F_WRLCK, 10, 10);
	lock(file, F_SETLK, F_WRLCK, 20, 5);
	tell("neighbours are one", 100);
	lock(file, F_SETLK, F_RDLCK, 12, 3);
	tell("the middle is shared", 100);
	lock(file, F_SETLK, F_WRLCK, 12, 3);
	tell("and again not", 100);
	lock(file, F_SETLK, F_UNLCK, 14, 2);
	tell("a hole", 100);
	lock(file, F_SETLK, F_RDLCK, 5, 12);
	tell("one over the hole", 100);
	lock(file, F_SETLK, F_WRLCK, 0, 0);
	tell("all", 100);
	lock(file, F_SETLK, F_UNLCK, 50, 0);
	tell("the end is free", 100);
	close(dup(file));
	tell("any descriptor that is closed takes all of them", 100);
	say("bad: %s", result(lock(file, F_SETLK, 9, 0, 1)));
	say("before the file: %s", result(lock(file, F_SETLK, F_RDLCK, -1, 1)));
	say("too far: %s", result(lock(file, F_SETLK, F_RDLCK, 9, INT64_MAX)));
	say("no memory: %s", result(fcntl(file, F_SETLK, (struct flock *)8)));
}

/* A holds 0 and asks for 1; B, a child, holds 1 and asks for 0. */
static void circle(void)
{
	int ready[2], go[2];
	char c;
	int status;

	if (pipe(ready) != 0 || pipe(go) != 0)
		return;
	lock(file, F_SETLK, F_WRLCK, 0, 1);
	if (fork() == 0) {
		lock(file, F_SETLK, F_WRLCK, 1, 1);
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		/* The parent waits for this one, soon or already: whoever comes last is told. */
		int r = lock(file, F_SETLKW, F_WRLCK, 0, 1);
		_exit(r == 0 ? 0 : errno == EDEADLK ? 35 : 2);
	}
	if (read(ready[0], &c, 1) != 1)
		return;
	int r = lock(file, F_SETLKW, F_WRLCK, 1, 1);
	int here = r != 0 && errno == EDEADLK;
	lock(file, F_SETLK, F_UNLCK, 0, 0);
	wait(&status);
	say("a circle is found %s", here + (WEXITSTATUS(status) == 35) == 1 ? "once" : "?");
}

static void of_a_file(void)
{
	int other = open("locks.data", O_RDWR);
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 10, .l_pid = 1};

	say("with a pid: %s", result(fcntl(file, F_OFD_SETLK, &l)));
	l.l_pid = 0;
	say("the file's: %s", result(fcntl(file, F_OFD_SETLK, &l)));
	say("the other's: %s", result(fcntl(other, F_OFD_SETLK, &l)));
	say("the process's: %s", result(lock(other, F_SETLK, F_WRLCK, 0, 1)));
	say("a duplicate's: %s", result(fcntl(dup(file), F_OFD_SETLK, &l)));
	tell("and a child sees", 100);
	l.l_pid = 0;
	say("asked by the other: %s", result(fcntl(other, F_OFD_GETLK, &l)));
	say("  %s, pid %d", type_name[l.l_type], l.l_pid);
	close(file);
	l = (struct flock){.l_type = F_RDLCK, .l_whence = SEEK_SET};
	say("one descriptor of two is closed: %s", result(fcntl(other, F_OFD_SETLK, &l)));
	if (fork() == 0)
		_exit(0);
	wait(NULL);
	file = other;
	close(other + 1);
	say("and the other: %s", result(fcntl(other, F_OFD_SETLK, &l)));
	l.l_type = F_UNLCK;
	say("freed: %s", result(fcntl(other, F_OFD_SETLKW, &l)));
}

int main(void)
{
	file = open("locks.data", O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (file < 0)
		return 1;
	ranges();
	circle();
	of_a_file();
	unlink("locks.data");
	return 0;
}
