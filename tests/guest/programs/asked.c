/* SPDX-License-Identifier: MIT */
/* What can be asked of files and tasks besides: when a file was made and where it is mounted, opening without
 * waiting (RESOLVE_CACHED), what a task waits in, and how much time is lost by waiting. As root. */
#include "guest.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

struct how {
	unsigned long long flags, mode, resolve;
};
enum { CACHED = 0x20, MNT_ID = 0x1000, MNT_ID_UNIQUE = 0x4000 };

static const char *r[8];

/* The number of what is mounted on a path, as mountinfo has it. */
static unsigned long mounted(const char *path)
{
	char line[512], at[256];
	unsigned long id, found = 0;
	FILE *f = fopen("/proc/self/mountinfo", "r");

	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%lu %*u %*s %*s %255s", &id, at) == 2 && strcmp(at, path) == 0)
			found = id;
	fclose(f);
	return found;
}

struct x {
	unsigned mask;
	unsigned char to_birth[76], birth[16], to_mount[48];
	unsigned long long mount, rest[13];
};

static struct x ask(const char *path, unsigned mask)
{
	struct x x;

	memset(&x, 0, sizeof(x));
	if (syscall(SYS_statx, AT_FDCWD, path, 0, mask, &x) != 0)
		say("statx %s: %s", path, strerrorname_np(errno));
	return x;
}

static void mounts(void)
{
	struct x root = ask("/", STATX_BASIC_STATS), proc = ask("/proc/version", STATX_BASIC_STATS), u = ask("/", MNT_ID_UNIQUE);

	say("where: %d %d, told unasked %d, by number: %d, another: %d", root.mount == mounted("/"), proc.mount == mounted("/proc"),
	    (root.mask & MNT_ID) != 0, (u.mask & (MNT_ID | MNT_ID_UNIQUE)) == MNT_ID_UNIQUE, root.mount != proc.mount);
}

/* What fdinfo calls its mount. */
static void descriptors(void)
{
	int fd = open("/dev/shm/asked", O_CREAT | O_RDWR, 0600);
	struct x x = ask("/dev/shm/asked", STATX_BASIC_STATS);
	char path[64], line[128];
	unsigned long id = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "r");
	while (fgets(line, sizeof(line), f))
		sscanf(line, "mnt_id: %lu", &id);
	fclose(f);
	say("the same in fdinfo: %d", x.mount == id);
	unlink("/dev/shm/asked");
	close(fd);
}

static void births(void)
{
	struct statx a, b;
	int fd = open("/dev/shm/asked", O_CREAT | O_RDWR | O_TRUNC, 0600);
	struct timespec t[2] = {{1, 0}, {1, 0}};

	(void)fd;
	syscall(SYS_statx, AT_FDCWD, "/dev/shm/asked", 0, STATX_BASIC_STATS | STATX_BTIME, &a);
	futimens(fd, t);
	say("of no path: %s", result(syscall(SYS_utimensat, AT_FDCWD, NULL, t, 0)));
	say("a thread's processor time: %s", result(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &t[0], NULL)));
	usleep(10000);
	chmod("/dev/shm/asked", 0640);
	syscall(SYS_statx, AT_FDCWD, "/dev/shm/asked", 0, STATX_BASIC_STATS | STATX_BTIME, &b);
	say("born: %d, when it was made %d, and stays so %d while it changes %d", (a.stx_mask & STATX_BTIME) != 0,
	    a.stx_btime.tv_sec == a.stx_ctime.tv_sec, a.stx_btime.tv_sec == b.stx_btime.tv_sec && a.stx_btime.tv_nsec == b.stx_btime.tv_nsec,
	    b.stx_mtime.tv_sec == 1);
	syscall(SYS_statx, AT_FDCWD, "/proc/version", 0, STATX_BASIC_STATS | STATX_BTIME, &a);
	say("of /proc: %d", (a.stx_mask & STATX_BTIME) != 0);
	unlink("/dev/shm/asked");
}

static const char *open_how(const char *path, unsigned long long flags, unsigned long long mode)
{
	struct how how = {flags, mode, CACHED};
	int fd = (int)syscall(437, AT_FDCWD, path, &how, sizeof(how));
	const char *s = fd < 0 ? strerrorname_np(errno) : "open";

	if (fd >= 0)
		close(fd);
	return s;
}

static void cached(void)
{
	char some[8];
	int fd = open("/dev/shm/asked", O_CREAT | O_RDWR, 0600);

	write(fd, "x", 1);
	pread(fd, some, 1, 0);
	close(fd);
	say("cached %s, directory %s, to cut %s, to make %s, without a name %s, not there %s", open_how("/dev/shm/asked", O_RDONLY, 0),
	    open_how("/dev/shm", O_RDONLY | O_DIRECTORY, 0), open_how("/dev/shm/asked", O_RDWR | O_TRUNC, 0),
	    open_how("/dev/shm/asked", O_RDWR | O_CREAT, 0600), open_how("/dev/shm", O_RDWR | O_TMPFILE, 0600),
	    open_how("/dev/shm/asked/", O_RDONLY, 0));
	unlink("/dev/shm/asked");
}

static const char *text_of(pid_t pid, const char *name)
{
	static char text[4][4096];
	static int i;
	char path[64], *s = text[i++ % 4];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	f = fopen(path, "r");
	if (!f)
		return strerrorname_np(errno);
	n = fread(s, 1, 4095, f);
	s[n] = 0;
	fclose(f);
	return s;
}

static void waits(void)
{
	int parts[2];
	pid_t sleeper, waiter;
	struct stat st;

	pipe(parts);
	sleeper = fork();
	if (sleeper == 0) {
		struct timespec t = {100, 0};

		nanosleep(&t, NULL);
		_exit(0);
	}
	waiter = fork();
	if (waiter == 0) {
		pid_t child = fork();

		if (child == 0) {
			pause();
			_exit(0);
		}
		write(parts[1], &child, sizeof(child));
		waitpid(child, NULL, 0);
		_exit(0);
	}
	read(parts[0], &sleeper, 0);
	pid_t child;
	read(parts[0], &child, sizeof(child));
	usleep(300000);
	say("a sleeper waits in %s, a parent in %s, who runs in %s", text_of(sleeper, "wchan"), text_of(waiter, "wchan"), text_of(getpid(), "wchan"));
	r[0] = strncmp(text_of(sleeper, "stack"), "[<0>] hrtimer_nanosleep+", 24) == 0 || strstr(text_of(sleeper, "stack"), "] hrtimer_nanosleep+") ? "nanosleep" : "else";
	r[1] = strstr(text_of(waiter, "stack"), "] do_wait+") ? "wait" : "else";
	r[2] = strstr(text_of(getpid(), "stack"), "sys_read+") ? "read" : "else";
	stat("/proc/self/stack", &st);
	say("stacks: %s, %s, %s, mode %o", r[0], r[1], r[2], st.st_mode & 07777);
	kill(sleeper, SIGKILL);
	kill(waiter, SIGKILL);
	kill(child, SIGKILL);
	while (wait(NULL) > 0)
		;
	if (fork() == 0) {
		setresgid(65534, 65534, 65534);
		setresuid(65534, 65534, 65534);
		say("a plain user: %s", text_of(1, "stack"));
		_exit(0);
	}
	wait(NULL);
}

/* membarrier: who wants to be met must have said so. */
static const char *barrier(int command) { return result(syscall(SYS_membarrier, command, 0, 0)); }

static void barriers(const char *self)
{
	enum { GLOBAL = 1, GLOBAL_EXPEDITED = 2, REGISTER_GLOBAL = 4, PRIVATE = 8, REGISTER_PRIVATE = 16, CORE = 32, REGISTER_CORE = 64,
	       REGISTRATIONS = 512 };
	int known = (int)syscall(SYS_membarrier, 0, 0, 0);

	if (!self) {
		say("executed: %s, registered %s", barrier(PRIVATE), barrier(REGISTRATIONS));
		return;
	}
	say("barriers: %d; all %s, those that want it %s; private %s, of code %s; registered %s",
	    known & (GLOBAL | GLOBAL_EXPEDITED | REGISTER_GLOBAL | PRIVATE | REGISTER_PRIVATE | REGISTRATIONS), barrier(GLOBAL),
	    barrier(GLOBAL_EXPEDITED), barrier(PRIVATE), barrier(CORE), barrier(REGISTRATIONS));
	r[0] = barrier(REGISTER_PRIVATE);
	r[1] = barrier(PRIVATE);
	r[2] = barrier(CORE);
	r[3] = barrier(REGISTER_CORE);
	r[4] = barrier(CORE);
	r[5] = barrier(REGISTRATIONS);
	r[6] = barrier(REGISTER_GLOBAL);
	r[7] = barrier(REGISTRATIONS);
	say("register %s: %s, of code %s, register %s: %s, registered %s; %s, %s", r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7]);
	if (fork() == 0) {
		say("child: %s %s", barrier(PRIVATE), barrier(REGISTRATIONS));
		execl(self, self, "barriers", NULL);
		_exit(1);
	}
	wait(NULL);
	r[0] = barrier(3);
	r[1] = barrier(1 << 20);
	r[2] = result(syscall(SYS_membarrier, PRIVATE, 1, 0));
	r[3] = result(syscall(SYS_membarrier, REGISTRATIONS, 1, 0));
	say("two %s, unknown %s, flags %s %s", r[0], r[1], r[2], r[3]);
}

static void pressure(const char *name)
{
	char path[64], line[128];
	unsigned a, b, c, d, e, f;
	unsigned long total;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/pressure/%s", name);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file)) {
		char part[8];
		int n = sscanf(line, "%4s avg10=%u.%2u avg60=%u.%2u avg300=%u.%2u total=%lu", part, &a, &b, &c, &d, &e, &f, &total);

		say("%s %s: %d, ends %d", name, part, n, line[strlen(line) - 1] == '\n');
	}
	if (file)
		fclose(file);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		barriers(NULL);
		return 0;
	}
	mounts();
	descriptors();
	births();
	cached();
	waits();
	barriers(argv[0]);
	pressure("cpu");
	pressure("io");
	pressure("memory");
	return 0;
}
