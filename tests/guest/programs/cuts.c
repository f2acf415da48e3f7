/* SPDX-License-Identifier: MIT */
/* Files that are cut, extended, replaced and removed while they are mapped. */
#include "guest.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { PAGE = 4096, PAGES = 6 };

static sigjmp_buf out;
static const char *name; /* of the file */

static void fault(int n, siginfo_t *info, void *uc)
{
	(void)uc;
	siglongjmp(out, n * 16 + info->si_code);
}

static int touch(const volatile char *p)
{
	int code = sigsetjmp(out, 1);

	if (!code)
		(void)*p;
	return code;
}

/* The first byte of each page, or what a touch gives. */
static const char *see(const char *p)
{
	static char text[8][64];
	static int i;
	char *s = text[i++ % 8];
	int n = 0;

	for (int page = 0; page < PAGES; page++) {
		int code = touch(p + page * PAGE);
		char c = code ? 0 : p[page * PAGE];
		if (code)
			n += snprintf(s + n, sizeof(text[0]) - (size_t)n, "%s%d ", code / 16 == SIGBUS ? "BUS" : "SEGV", code % 16);
		else
			n += snprintf(s + n, sizeof(text[0]) - (size_t)n, c ? "%c " : "0 ", c);
	}
	return s;
}

static int fresh(void)
{
	char bytes[PAGE];
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);

	for (int page = 0; page < PAGES; page++) {
		memset(bytes, 'A' + page, PAGE);
		if (fd < 0 || write(fd, bytes, PAGE) != PAGE)
			say("cannot write %s: %s", name, strerrorname_np(errno));
	}
	return fd;
}

static char *map(int fd, int flags)
{
	return mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);
}

static const char *contents(int fd)
{
	static char text[64];
	char bytes[PAGES * PAGE];
	ssize_t size = pread(fd, bytes, sizeof(bytes), 0);
	int n = snprintf(text, sizeof(text), "%ld:", (long)size);

	for (ssize_t at = 0; at < size; at += PAGE)
		n += snprintf(text + n, sizeof(text) - (size_t)n, bytes[at] ? "%c" : "0", bytes[at]);
	return text;
}

/* Three processes have copies; one cuts. */
static void copies(void)
{
	int fd = fresh(), go[2], done[2];
	char *p = map(fd, MAP_PRIVATE), c;

	for (int page = 0; page < PAGES; page++)
		p[page * PAGE] = (char)('a' + page);
	if (pipe(go) != 0 || pipe(done) != 0)
		return;
	for (int i = 0; i < 2; i++) {
		if (fork() != 0)
			continue;
		if (i == 1)
			p[3 * PAGE] = 'x';
		(void)!write(done[1], "c", 1);
		(void)!read(go[0], &c, 1);
		say("child: %s", see(p));
		(void)!write(done[1], "c", 1);
		_exit(0);
	}
	for (int i = 0; i < 2; i++)
		(void)!read(done[0], &c, 1);
	say("ftruncate: %s", result(ftruncate(fd, PAGE + 100)));
	for (int i = 0; i < 2; i++) {
		(void)!write(go[1], "g", 1);
		(void)!read(done[0], &c, 1);
	}
	while (wait(NULL) > 0)
		;
	say("parent: %s, what is left of a page is as it was: %d", see(p), p[PAGE + 200]);
	say("larger: %s", result(ftruncate(fd, PAGES * PAGE)));
	say("parent: %s", see(p));
	munmap(p, PAGES * PAGE);
	close(fd);
}

static void again(void)
{
	int fd = fresh();
	char *s = map(fd, MAP_SHARED), *p = map(fd, MAP_PRIVATE);

	say("shared %s private %s", see(s), see(p));
	s[2 * PAGE] = 's';
	p[2 * PAGE] = 'p';
	say("cut: %s", result(ftruncate(fd, 2 * PAGE + 1)));
	say("shared %s private %s file %s", see(s), see(p), contents(fd));
	say("to nothing: %s", result(ftruncate(fd, 0)));
	say("shared %s private %s file %s", see(s), see(p), contents(fd));
	say("longer: %s", result(ftruncate(fd, 3 * PAGE)));
	say("shared %s private %s file %s", see(s), see(p), contents(fd));
	s[2 * PAGE] = 't';
	say("stored: private %s file %s", see(p), contents(fd));
	say("written behind: %s", result(pwrite(fd, "W", 1, 4 * PAGE)));
	say("shared %s private %s file %s", see(s), see(p), contents(fd));
	pid_t child = fork();
	if (child == 0) {
		say("child cuts by name: %s", result(truncate(name, PAGE)));
		_exit(0);
	}
	say("child: %s", wait_for(child));
	say("shared %s private %s file %s", see(s), see(p), contents(fd));
	child = fork();
	if (child == 0) {
		int mine = open(name, O_WRONLY | O_APPEND);
		_exit(write(mine, "child", 5) != 5);
	}
	say("child appends: %s", wait_for(child));
	say("shared %s private %s file %s", see(s), see(p), contents(fd));
	say("in the middle of a page: %.5s", s + PAGE);
	int other = open(name, O_RDWR | O_TRUNC);
	say("O_TRUNC: shared %s private %s", see(s), see(p));
	say("written anew: %s", result(write(other, "anew", 4)));
	say("shared %.4s private %.4s", s, p);
	close(other);
	munmap(s, PAGES * PAGE);
	munmap(p, PAGES * PAGE);
	close(fd);
}

static void replaced(void)
{
	int fd = fresh();
	char *s = map(fd, MAP_SHARED), other[64];

	snprintf(other, sizeof(other), "%s.other", name);
	int new = open(other, O_RDWR | O_CREAT | O_TRUNC, 0600);
	(void)!write(new, "new", 3);
	say("rename over: %s", result(rename(other, name)));
	say("mapped still: %s", see(s));
	s[0] = 'z';
	say("open still: %s", contents(fd));
	say("under the name: %s", contents(new));
	close(fd);
	say("closed: %s", see(s));
	say("unlink: %s", result(unlink(name)));
	char *p = map(new, MAP_PRIVATE);
	close(new);
	say("unlinked and closed: %.3s", p);
	munmap(p, PAGES * PAGE);
	munmap(s, PAGES * PAGE);
	say("gone: %s", result(open(name, O_RDWR)));
}

/* Stores reach the file with the last unmapping and with the end of a process. */
static void written_back(void)
{
	int fd = fresh();
	char *s = map(fd, MAP_SHARED);

	s[0] = '1';
	munmap(s, PAGES * PAGE);
	close(fd);
	pid_t child = fork();
	if (child == 0) {
		s = map(open(name, O_RDWR), MAP_SHARED);
		s[PAGE] = '2';
		_exit(0);
	}
	say("child: %s", wait_for(child));
	child = fork();
	if (child == 0) {
		s = map(open(name, O_RDWR), MAP_SHARED);
		s[2 * PAGE] = '3';
		raise(SIGKILL);
	}
	say("child: %s", wait_for(child));
	fd = open(name, O_RDWR);
	say("file %s", contents(fd));
	s = map(fd, MAP_SHARED);
	s[3 * PAGE] = '4';
	say("msync: %s", result(msync(s, PAGES * PAGE, MS_SYNC)));
	say("file %s", contents(fd));
	s[3 * PAGE] = '5';
	s[4 * PAGE] = '6';
	say("of another page: %s", result(msync(s + 4 * PAGE, PAGE, MS_SYNC)));
	say("file %s", contents(fd));
	munmap(s, PAGES * PAGE);
	close(fd);
	unlink(name);
}

int main(void)
{
	char place[] = "/dev/shm/carrel-XXXXXX";

	handle(SIGBUS, fault, 0);
	handle(SIGSEGV, fault, 0);
	for (int i = 0; i < 2; i++) {
		if (i == 1 && (!mkdtemp(place) || chdir(place) != 0))
			say("%s: %s", place, strerrorname_np(errno));
		say("%s", i ? "in RAM" : "on a disk");
		name = "cuts.file";
		copies();
		again();
		replaced();
		written_back();
	}
	rmdir(place);
	return 0;
}
