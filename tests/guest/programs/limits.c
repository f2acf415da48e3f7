/* SPDX-License-Identifier: MIT */
/* For a plain user: root has no limits. Resource limits: each call that makes memory larger stops where it does on Linux. Limits are set a
 * number of pages above what the program has, so that nothing depends on how large it is. */
#include "guest.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE, PRIVATE = MAP_PRIVATE | MAP_ANONYMOUS };

/* A line of /proc/self/status, in bytes, read without a byte of memory more. */
static unsigned long status(const char *name)
{
	char text[4096];
	int fd = open("/proc/self/status", O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	char *at = strstr(text, name);
	return at ? strtoul(at + strlen(name) + 1, NULL, 10) * 1024 : 0;
}

/* hard RLIM_INFINITY: as it is. */
static void limit(int which, unsigned long soft, unsigned long hard)
{
	struct rlimit l;
	getrlimit(which, &l);
	l.rlim_max = hard == RLIM_INFINITY ? l.rlim_max : hard;
	l.rlim_cur = soft < l.rlim_max ? soft : l.rlim_max;
	if (setrlimit(which, &l) != 0)
		say("setrlimit: %s", strerrorname_np(errno));
}

static void free_limit(int which)
{
	limit(which, RLIM_INFINITY, RLIM_INFINITY);
}

/* What it takes to get a mapping, as text; it stays at *at. */
static const char *map(char **at, char *where, unsigned long pages, int prot, int flags)
{
	void *p = mmap(where, pages * PAGE, prot, flags, -1, 0);
	if (p == MAP_FAILED)
		return strerrorname_np(errno);
	if (at)
		*at = p;
	return "ok";
}

static const char *move(char **at, unsigned long old, unsigned long new, int flags)
{
	void *p = mremap(*at, old * PAGE, new * PAGE, flags);
	if (p == MAP_FAILED)
		return strerrorname_np(errno);
	*at = p;
	return "ok";
}

static void address_space(void)
{
	char *p;
	limit(RLIMIT_AS, status("VmSize:") + 20 * PAGE + 4095, RLIM_INFINITY);
	say("AS: 21 pages %s", map(NULL, NULL, 21, PROT_NONE, PRIVATE | MAP_NORESERVE));
	say("AS: 16 pages %s", map(&p, NULL, 16, RW, PRIVATE));
	say("AS: 5 more %s", map(NULL, NULL, 5, PROT_NONE, PRIVATE));
	say("AS: 4 shared %s", map(NULL, NULL, 5, RW, MAP_SHARED | MAP_ANONYMOUS));
	say("AS: in place %s", map(NULL, p, 16, RW, PRIVATE | MAP_FIXED));
	say("AS: grown %s", move(&p, 16, 21, MREMAP_MAYMOVE));
	say("AS: left behind %s", move(&p, 16, 16, MREMAP_MAYMOVE | MREMAP_DONTUNMAP));
	say("AS: less grown %s", move(&p, 16, 20, MREMAP_MAYMOVE));
	say("AS: protected %s", result(mprotect(p, PAGE, PROT_READ)));
	say("AS: and back %s", result(mprotect(p, PAGE, RW)));
	say("AS: heap %s", sbrk(PAGE) == (void *)-1 ? "refused" : "grown");
	limit(RLIMIT_AS, PAGE, RLIM_INFINITY);
	p[0] = 1;
	say("AS: unmapped %s", result(munmap(p, 20 * PAGE)));
	free_limit(RLIMIT_AS);
}

static void data(void)
{
	char *p, *q;
	say("%s", map(&q, NULL, 30, PROT_READ, PRIVATE));
	limit(RLIMIT_DATA, status("VmData:") + 10 * PAGE, RLIM_INFINITY);
	say("DATA: 11 pages %s", map(NULL, NULL, 11, RW, PRIVATE));
	say("DATA: to be read %s", map(NULL, NULL, 11, PROT_READ, PRIVATE));
	say("DATA: a stack %s", map(NULL, NULL, 11, RW, PRIVATE | MAP_GROWSDOWN));
	say("DATA: shared %s", map(NULL, NULL, 11, RW, MAP_SHARED | MAP_ANONYMOUS));
	say("DATA: 6 pages %s", map(&p, NULL, 6, RW, PRIVATE));
	say("DATA: made writable %s", result(mprotect(q, 5 * PAGE, RW)));
	say("DATA: fewer %s", result(mprotect(q, 4 * PAGE, RW)));
	say("DATA: and no more %s", map(NULL, NULL, 1, RW, PRIVATE));
	say("DATA: grown %s", move(&p, 6, 7, MREMAP_MAYMOVE));
	say("DATA: made executable %s", result(mprotect(q, 4 * PAGE, RW | PROT_EXEC)));
	say("DATA: made unwritable %s", result(mprotect(q, 4 * PAGE, PROT_READ)));
	say("DATA: grown now %s", move(&p, 6, 10, MREMAP_MAYMOVE));
	limit(RLIMIT_DATA, 0, RLIM_INFINITY);
	say("DATA: none, but no hard limit %s", map(NULL, NULL, 1, RW, PRIVATE));
	say("DATA: heap %s", sbrk(PAGE) == (void *)-1 ? "refused" : "grown");
	free_limit(RLIMIT_DATA);
}

static void locked(void)
{
	char *p;
	limit(RLIMIT_MEMLOCK, 8 * PAGE, 8 * PAGE);
	map(&p, NULL, 20, RW, PRIVATE);
	say("MEMLOCK: 9 %s", result(mlock(p, 9 * PAGE)));
	say("MEMLOCK: 6 %s", result(mlock(p, 6 * PAGE)));
	say("MEMLOCK: the same and 2 %s", result(mlock(p, 8 * PAGE)));
	say("MEMLOCK: 1 more %s", result(mlock(p + 10 * PAGE, 1)));
	say("MEMLOCK: mapped locked %s", map(NULL, NULL, 1, RW, PRIVATE | MAP_LOCKED));
	say("MEMLOCK: unlocked %s", result(munlock(p + 4 * PAGE, 4 * PAGE)));
	say("MEMLOCK: mapped locked %s", map(NULL, NULL, 4, RW, PRIVATE | MAP_LOCKED));
	say("MEMLOCK: grown %s", move(&p, 4, 5, MREMAP_MAYMOVE));
	say("MEMLOCK: all %s", result(mlockall(MCL_CURRENT)));
	say("MEMLOCK: all to come %s", result(mlockall(MCL_FUTURE)));
	say("MEMLOCK: what comes %s", map(NULL, NULL, 1, RW, PRIVATE));
	munlockall();
	limit(RLIMIT_MEMLOCK, 0, 0);
	say("MEMLOCK: none: %s", result(mlock(p, 1)));
	say("MEMLOCK: none: %s", map(NULL, NULL, 1, RW, PRIVATE | MAP_LOCKED));
}

/* How far down can this be touched? */
static int deep(volatile char *at, int pages)
{
	for (int i = 0; i < pages; i++)
		at[-i * PAGE] = 1;
	return pages;
}

static void stack_of_64_pages(void)
{
	char here;
	limit(RLIMIT_STACK, 64 * PAGE, RLIM_INFINITY);
	say("STACK: 40 of 64 pages: %d", deep(&here, 40));
	deep(&here, 80);
	say("STACK: 80 of 64 pages");
}

static void stack_in_a_full_address_space(void)
{
	char here;
	limit(RLIMIT_AS, status("VmSize:"), RLIM_INFINITY);
	deep(&here, 100);
	say("STACK: grew out of the address space");
}

static void handle_limits(void)
{
	struct rlimit l, old;
	int odd[] = {-1, 16, 100};
	for (unsigned i = 0; i < 3; i++)
		say("limit %d: %s, %s", odd[i], result(getrlimit(odd[i], &l)), result(setrlimit(odd[i], &l)));
	l = (struct rlimit){2, 1};
	say("soft above hard: %s", result(setrlimit(RLIMIT_FSIZE, &l)));
	say("nowhere: %s", result(syscall(SYS_prlimit64, 0, RLIMIT_FSIZE, 8, NULL)));
	say("nobody: %s", result(prlimit(0x3fffffff, RLIMIT_FSIZE, NULL, &l)));
	say("-1: %s", result(prlimit(-1, RLIMIT_FSIZE, NULL, &l)));
	l = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
	say("files without end: %s", result(setrlimit(RLIMIT_NOFILE, &l)));
	/* A child's, by its parent: the old one, and what the child then has. */
	int go[2];
	if (pipe(go) != 0)
		return;
	pid_t child = fork();
	if (child == 0) {
		char c;
		if (read(go[0], &c, 1) != 1)
			_exit(9);
		getrlimit(RLIMIT_AS, &l);
		say("the child has %s", mmap(NULL, 64 << 20, PROT_NONE, PRIVATE, -1, 0) == MAP_FAILED
					    ? "no more room" : "room");
		_exit(l.rlim_cur == 4096);
	}
	l = (struct rlimit){4096, 8192};
	int r = prlimit(child, RLIMIT_AS, &l, &old);
	say("prlimit of a child: %s, it had more: %d", result(r), old.rlim_cur > l.rlim_cur);
	if (write(go[1], "g", 1) != 1)
		return;
	say("it ends with %s", wait_for(child));
	limit(RLIMIT_FSIZE, 1 << 20, 1 << 20);
	l = (struct rlimit){1 << 20, 1 << 21};
	say("raised again: %s", result(setrlimit(RLIMIT_FSIZE, &l)));
}

static void show_limits(void)
{
	char text[4096];
	static const unsigned long most[16] = {
	    [RLIMIT_CPU] = 100,	   [RLIMIT_FSIZE] = 1 << 20,   [RLIMIT_DATA] = 1 << 30,
	    [RLIMIT_STACK] = 1 << 20, [RLIMIT_CORE] = 12345,   [RLIMIT_RSS] = 1 << 29,
	    [RLIMIT_NPROC] = 64,   [RLIMIT_NOFILE] = 64,       [RLIMIT_MEMLOCK] = 8192,
	    [RLIMIT_AS] = 1UL << 34,	   [RLIMIT_LOCKS] = 7,	       [RLIMIT_SIGPENDING] = 100,
	    [RLIMIT_MSGQUEUE] = 4096, [RLIMIT_RTTIME] = 1000000};
	for (int i = 0; i < 16; i++)
		limit(i, most[i] / 2, most[i]);
	int fd = open("/proc/self/limits", O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = 0;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		say("%s|", line);
}

static void too_long(int number, siginfo_t *info, void *uc)
{
	(void)uc;
	say("  SIG%s code %d", sigabbrev_np(number), info->si_code);
}

static void sizes_of_files(void)
{
	char path[] = "/tmp/limits-XXXXXX", bytes[3000] = {0};
	int fd = mkstemp(path);
	unlink(path);
	handle(SIGXFSZ, too_long, 0);
	limit(RLIMIT_FSIZE, 5000, RLIM_INFINITY);
	say("FSIZE: %s", result(write(fd, bytes, 3000)));
	say("FSIZE: %s", result(write(fd, bytes, 3000)));
	say("FSIZE: %s", result(write(fd, bytes, 3000)));
	say("FSIZE: longer %s", result(ftruncate(fd, 5001)));
	say("FSIZE: as long %s", result(ftruncate(fd, 5000)));
	say("FSIZE: beyond %s", result(pwrite(fd, bytes, 1, 5000)));
	say("FSIZE: before %s", result(pwrite(fd, bytes, 10, 4995)));
	say("FSIZE: allocated %s", result(fallocate(fd, 0, 0, 6000)));
	say("FSIZE: appended %s", result(fcntl(fd, F_SETFL, O_APPEND)));
	say("FSIZE: appended %s", result(write(fd, bytes, 1)));
}

static void sizes_kill(void)
{
	char path[] = "/tmp/limits-XXXXXX";
	int fd = mkstemp(path);
	unlink(path);
	limit(RLIMIT_FSIZE, 0, RLIM_INFINITY);
	if (write(fd, "x", 1) != 1)
		say("lived on");
}

static void numbers_of_files(void)
{
	int fd, two[2];
	limit(RLIMIT_NOFILE, 6, 6);
	while ((fd = dup(0)) >= 0)
		;
	say("NOFILE: %s", strerrorname_np(errno));
	close(5);
	say("NOFILE: a pipe %s", result(pipe(two)));
	say("NOFILE: at 6 %s", result(dup2(0, 6)));
	say("NOFILE: from 6 %s", result(fcntl(0, F_DUPFD, 6)));
	say("NOFILE: one more %s", result(open("/", O_RDONLY)));
}

static void numbers_of_processes(void)
{
	limit(RLIMIT_NPROC, 0, 0);
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	say("NPROC: %s", result(pid < 0 ? -1 : 0));
}

/* A program that does not fit is killed: the old one is gone by then. */
static void executed(void)
{
	extern char **environ;
	char *args[] = {"sh", "-c", "exit 3", NULL};
	limit(RLIMIT_AS, 16 * PAGE, RLIM_INFINITY);
	execve("/proc/self/exe", args, environ);
	say("execve: %s", strerrorname_np(errno));
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return 3;
	in_child("address space", address_space);
	in_child("data", data);
	in_child("locked", locked);
	in_child("stack", stack_of_64_pages);
	in_child("full", stack_in_a_full_address_space);
	in_child("calls", handle_limits);
	in_child("shown", show_limits);
	in_child("file sizes", sizes_of_files);
	in_child("file size", sizes_kill);
	in_child("files", numbers_of_files);
	in_child("processes", numbers_of_processes);
	in_child("execve", executed);
	return 0;
}
