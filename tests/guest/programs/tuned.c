/* SPDX-License-Identifier: MIT */
/* tuned.c - settings of the whole machine, which a real Linux is not to be disturbed with */
#include "guest.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

static long number(const char *path, const char *name)
{
	static char text[8192];
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	const char *at = strstr(text, name);
	return at ? atol(at + strlen(name)) : -1;
}

static void put(const char *name, const char *value)
{
	char path[128];
	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	int fd = open(path, O_WRONLY);
	say("%s <- %s: %s", name, value, result(write(fd, value, strlen(value))));
	close(fd);
}

static void caches(void)
{
	enum { PAGES = 50 };
	static char page[4096];
	int fd = open("/tmp/cached", O_CREAT | O_RDWR, 0600);
	for (int i = 0; i < PAGES; i++)
		pwrite(fd, page, sizeof(page), i * 4096L);
	fsync(fd);
	for (int i = 0; i < PAGES; i++)
		pread(fd, page, sizeof(page), i * 4096L);
	char *map = mmap(NULL, PAGES * 4096, PROT_READ, MAP_SHARED, fd, 0);
	volatile char touched = map[0];
	(void)touched;
	long before = number("/proc/meminfo", "MemFree:");
	unsigned char in[PAGES];
	put("vm/drop_caches", "3");
	mincore(map, sizeof(in) * 4096, in);
	int left = 0;
	for (int i = 0; i < PAGES; i++)
		left += in[i] & 1;
	say("free again: %d, what is mapped stays: %d", number("/proc/meminfo", "MemFree:") > before, left);
	put("vm/drop_caches", "0");
	put("vm/compact_memory", "1");
	put("vm/compact_memory", "2");
}

static void reserve(void)
{
	put("vm/min_free_kbytes", "64");
	say("it is %ld, min %ld", number("/proc/sys/vm/min_free_kbytes", ""), number("/proc/zoneinfo", "min "));
	put("vm/min_free_kbytes", "99999999");
	put("vm/min_free_kbytes", "0");
	put("vm/swappiness", "201");
	put("vm/swappiness", "200");
	say("it is %ld", number("/proc/sys/vm/swappiness", ""));
}

static void mappings(void)
{
	int made = 0;
	put("vm/max_map_count", "100");
	while (mmap(NULL, 4096, made % 2 ? PROT_READ : PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
		made++;
	say("no more than 100: %d %s", made > 60 && made <= 100, strerrorname_np(errno));
	put("vm/max_map_count", "65530");
	say("again: %d", mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

static void numbers(void)
{
	pid_t first = 0, pid;
	put("kernel/pid_max", "300");
	put("kernel/pid_max", "350");
	int again = 0;
	for (int i = 0; i < 400; i++) {
		pid = fork();
		if (pid == 0)
			_exit(0);
		again |= pid < first;
		first = pid;
		if (pid > 0)
			waitpid(pid, NULL, 0);
		if (pid >= 350)
			say("a pid of %d", pid);
	}
	say("numbers come again: %d, from 300 on: %d", again, pid >= 300);
	put("kernel/threads-max", "20");
	int children = 0;
	while ((pid = fork()) > 0)
		children++;
	if (pid == 0) {
		pause();
		_exit(0);
	}
	say("fork: %s, children: %d", strerrorname_np(errno), children > 10 && children < 20);
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	while (wait(NULL) > 0)
		;
}

static void core(const char *pattern, const char *name)
{
	struct stat st;
	put("kernel/core_pattern", pattern);
	pid_t pid = fork();
	if (pid == 0) {
		signal(SIGQUIT, SIG_DFL);
		raise(SIGQUIT);
		_exit(0);
	}
	int status;
	waitpid(pid, &status, 0);
	char path[256];
	snprintf(path, sizeof(path), name, pid);
	say("%s, %s: %s", how_it_ended(status), name, result(stat(path, &st)));
	unlink(path);
}

/* What a user's pipes may have together; root is not held to it. */
static void pipes(void)
{
	pid_t pid;
	put("fs/pipe-user-pages-soft", "40");
	put("fs/pipe-user-pages-hard", "45");
	put("fs/pipe-max-size", "100000");
	put("fs/pipe-max-size", "1");
	put("fs/pipe-max-size", "131072");
	put("fs/pipe-user-pages-soft", "-1");
	pid = fork();
	if (pid == 0) {
		int p[2], n = 0;
		/* Who is not root from the start cannot become another. */
		if (geteuid() == 0 && setresuid(1234, 1234, 1234) != 0)
			_exit(1);
		while (pipe(p) == 0 && n < 20)
			say("pipe %d: %d", n++, fcntl(p[0], F_GETPIPE_SZ));
		say("pipe %d: %s", n, result(-1));
		_exit(0);
	}
	say("a user: %s", wait_for(pid));
	put("fs/pipe-user-pages-hard", "0");
}

int main(void)
{
	struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	setrlimit(RLIMIT_CORE, &all);
	chdir("/tmp");
	caches();
	reserve();
	mappings();
	core("remains", "remains");
	core("/tmp/%e-%s-%%-%x.%p", "/tmp/tuned.rv-3-%%-.%d");
	core("/tmp/in/%E", "/tmp/in/!tmp!tuned.rv");
	core("|/bin/cat", "/bin/none");
	put("kernel/core_uses_pid", "1");
	core("named", "named.%d");
	numbers();
	put("kernel/threads-max", "1000");
	pipes();
	say("open: %d", number("/proc/sys/fs/file-nr", "") > 3);
	put("fs/file-max", "3");
	say("root may open more, and nobody else: %d", (open("/dev/null", O_RDONLY) >= 0) == (geteuid() == 0));
	return 0;
}
