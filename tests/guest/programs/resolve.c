/* SPDX-License-Identifier: MIT */
/* resolve.c - openat2's restricted walks; structures of tomorrow; threads that stand for their process */
#include "guest.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { NO_XDEV = 1, NO_MAGIC = 2, NO_LINKS = 4, BENEATH = 8, IN_ROOT = 16 };

static struct how {
	uint64_t flags, mode, resolve, more[2];
} how;

static const char *open2(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	how = (struct how){.flags = flags, .mode = mode, .resolve = resolve};
	int fd = (int)syscall(SYS_openat2, dir, path, &how, 24);
	if (fd < 0)
		return strerrorname_np(errno);
	struct stat st;
	static char text[8][32];
	static int i;
	char *s = text[i++ % 8];
	if (fstat(fd, &st) != 0)
		return strerrorname_np(errno);
	snprintf(s, sizeof(text[0]), "%s of %ld", S_ISDIR(st.st_mode) ? "directory" : "file",
		 S_ISREG(st.st_mode) ? (long)st.st_size : 0);
	close(fd);
	return s;
}

static void make(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		say("%s: %s", name, strerrorname_np(errno));
	close(fd);
}

static void walks(void)
{
	static const char *const path[] = {"a", "d/b", "d/../a", "..", "../t.resolve/a", "d/../../x", "up", "rel", "abs", "deep",
					   "/a", "/", "loop", "/proc/self/fd/0", "/proc/self/exe", "/proc/version", "nothing", "d/nothing", "dlink/b", "a/"};
	static const unsigned resolve[] = {0, NO_XDEV, NO_MAGIC, NO_LINKS, BENEATH, IN_ROOT, IN_ROOT | NO_LINKS};

	int dir = open(".", O_PATH);
	for (unsigned i = 0; i < sizeof(path) / sizeof(path[0]); i++)
		for (unsigned j = 0; j < sizeof(resolve) / sizeof(resolve[0]); j++) {
			/* What the host has at "/" and at /proc is its own. */
			if (path[i][0] == '/' && (resolve[j] & ~(unsigned)(NO_LINKS | NO_MAGIC)) == 0 && path[i][1] != 'a')
				continue;
			say("%s with %u: %s", path[i], resolve[j], open2(dir, path[i], O_RDONLY, 0, resolve[j]));
		}
	say("a new one beneath: %s, above: %s", open2(dir, "d/new", O_CREAT | O_RDWR, 0600, BENEATH),
	    open2(dir, "../new", O_CREAT | O_RDWR, 0600, BENEATH));
	say("and in the root: %s", open2(dir, "/../d/../new", O_CREAT | O_RDWR, 0600, IN_ROOT));
	say("a magic link: %s %s", open2(dir, "/proc/self/exe", O_RDONLY, 0, NO_MAGIC), open2(dir, "/proc/self/exe", O_RDONLY, 0, NO_LINKS));
	unlink("new");
}

static void refusals(void)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	say("both: %s; unknown: %s", open2(AT_FDCWD, "a", 0, 0, BENEATH | IN_ROOT), open2(AT_FDCWD, "a", 0, 0, 64));
	say("flag: %s; mode: %s; mode of none: %s", open2(AT_FDCWD, "a", 1ull << 40, 0, 0), open2(AT_FDCWD, "a", O_CREAT, 010000, 0),
	    open2(AT_FDCWD, "a", 0, 0600, 0));
	say("a path only: %s, %s", open2(AT_FDCWD, "a", O_PATH | O_RDWR, 0, 0), open2(AT_FDCWD, "a", O_PATH, 0, 0));
	how = (struct how){0};
	long r = syscall(SYS_openat2, AT_FDCWD, "a", &how, 40);
	say("larger: %s", r >= 0 ? "opened" : result(r));
	how.more[1] = 1;
	r = syscall(SYS_openat2, AT_FDCWD, "a", &how, 40);
	say("larger and used: %s", result(r));
	r = syscall(SYS_openat2, AT_FDCWD, "a", &how, 16);
	say("smaller: %s", result(r));
	r = syscall(SYS_openat2, AT_FDCWD, "a", &how, 5000);
	say("far too large: %s", result(r));
	mprotect(page + 4096, 4096, PROT_NONE);
	memset(page, 0, 4096);
	*(uint64_t *)(page + 4096 - 88 + 32) = SIGCHLD;
	r = syscall(SYS_clone3, page + 4096 - 88, 89);
	say("clone3 past the end: %s", result(r));
	*(uint64_t *)(page + 4096 - 88) = 0x200 | 0x20000;
	r = syscall(SYS_clone3, page + 4096 - 88, 88);
	say("clone3 of files and their names: %s", result(r));
}

static volatile sig_atomic_t came;

static void on_signal(int number, siginfo_t *info, void *context)
{
	struct sigaction a;

	(void)context;
	sigaction(number, NULL, &a);
	came = info->si_value.sival_int;
	say("signal: value %d, handler %s, flags %x", (int)came, a.sa_handler == SIG_DFL ? "default" : "kept",
	    (unsigned)a.sa_flags & ~0x4000000u);
}

static void *thread(void *arg)
{
	siginfo_t info = {.si_code = SI_QUEUE};

	(void)arg;
	block(SIG_UNBLOCK, SIGUSR1);
	info.si_value.sival_int = 42;
	info.si_pid = getpid();
	say("the thread's number: %s", result(syscall(SYS_rt_sigqueueinfo, gettid(), SIGUSR1, &info)));
	say("kill: %s", result(kill(gettid(), 0)));
	return NULL;
}

int main(void)
{
	pthread_t t;

	if (mkdir("t.resolve", 0700) != 0 || chdir("t.resolve") != 0 || mkdir("d", 0700) != 0)
		return 1;
	make("a", "four");
	make("d/b", "b");
	if (symlink("../a", "up") || symlink("d/../a", "rel") || symlink("/a", "abs") || symlink("d/../d/../../t.resolve/a", "deep") ||
	    symlink("loop", "loop") || symlink("d", "dlink"))
		return 1;
	walks();
	refusals();
	handle(SIGUSR1, on_signal, SA_RESETHAND);
	block(SIG_BLOCK, SIGUSR1);
	pthread_create(&t, NULL, thread, NULL);
	pthread_join(t, NULL);
	say("it came: %d", (int)came);
	static const char *const file[] = {"a", "d/b", "d/new", "up", "rel", "abs", "deep", "loop", "dlink"};
	for (unsigned i = 0; i < sizeof(file) / sizeof(file[0]); i++)
		unlink(file[i]);
	return rmdir("d") != 0 || chdir("..") != 0 || rmdir("t.resolve") != 0;
}
