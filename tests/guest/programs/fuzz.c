/* SPDX-License-Identifier: MIT */
/* Children that make random system calls with arguments that are right more often than not: their
 * types are those of syscalls.def. Whatever becomes of a child, its parent and the machine go on. For
 * Carrel only: a real system would be at risk.
 *
 *	fuzz SEED CALLS    then says "NAME tries successes" for each call, and how many there were
 */
#include "guest.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "kernel/call.h"
#include "fuzz_values.h"

enum { PER_CHILD = 600, RENEW = 60, NUMBERS = 512, COUNTERS_FD = 200, PLAUSIBLE = 100000 };

struct entry {
	short number;
	const char *name;
	unsigned char args;
	enum call_type type[6];
};

#define ARGS(...)                          ARGS_NTH(_, ##__VA_ARGS__, 6, 5, 4, 3, 2, 1, 0)
#define ARGS_NTH(z, a, b, c, d, e, f, n, ...) n
#define TYPES0(...)                        0
#define TYPES1(a)                          T_##a
#define TYPES2(a, b)                       T_##a, T_##b
#define TYPES3(a, b, c)                    T_##a, T_##b, T_##c
#define TYPES4(a, b, c, d)                 T_##a, T_##b, T_##c, T_##d
#define TYPES5(a, b, c, d, e)              T_##a, T_##b, T_##c, T_##d, T_##e
#define TYPES6(a, b, c, d, e, f)           T_##a, T_##b, T_##c, T_##d, T_##e, T_##f
#define TYPES_OF(n)                        TYPES_OF2(n)
#define TYPES_OF2(n)                       TYPES##n
#define CALL(number, name, restart, result, ...)                                                   \
	{number, #name, ARGS(__VA_ARGS__), {TYPES_OF(ARGS(__VA_ARGS__))(__VA_ARGS__)}},

static const struct entry calls[] = {
#include "kernel/syscalls.def"
};
enum { CALLS = sizeof(calls) / sizeof(calls[0]) };

struct counters {
	unsigned tries[NUMBERS], wins[NUMBERS];
	unsigned long all;
};
/* Of one batch: shared with every child, and by descriptor with programs that a child executes. Now and
 * then one writes over them. And of all batches. */
static struct counters *counters, total;

static void on_signal(int number)
{
	(void)number;
	/* That the handler was entered and will return. */
	counters->tries[SYS_rt_sigreturn]++;
	counters->wins[SYS_rt_sigreturn]++;
}

/* Calls that end the child, or much of what it can do, are made now and then only. */
static int is_rare(int number)
{
	switch (number) {
	case SYS_exit:
	case SYS_exit_group:
	case SYS_rt_sigreturn:
	case SYS_execve:
	case SYS_execveat:
	case SYS_chroot:
	case SYS_setuid:
	case SYS_setresuid:
	case SYS_setreuid:
	case SYS_setfsuid:
	case SYS_capset:
	case SYS_close_range:
	case SYS_munlockall:
	case SYS_mlockall:
	case SYS_setrlimit:
	case SYS_prlimit64:
	case SYS_setsid:
	case SYS_rt_sigsuspend:
	case SYS_clone:
	case SYS_clone3: return 1;
	default: return 0;
	}
}

static int never_returns(int number)
{
	return number == SYS_exit || number == SYS_exit_group;
}

static long counted(int number, long result)
{
	counters->tries[number]++;
	counters->wins[number] += result >= 0;
	return result;
}

static void one_call(void)
{
	const struct entry *c = &calls[fuzz_random() % CALLS];
	unsigned long a[6];

	if (is_rare(c->number) && fuzz_random() % 24 != 0)
		return;
	for (unsigned i = 0; i < 6; i++)
		a[i] = i < c->args ? fuzz_value(c->number, i, c->type[i], a) : 0;
	counters->tries[c->number]++;
	counters->all++;
	if (never_returns(c->number))
		counters->wins[c->number]++;
	pid_t before = getpid();
	long r = syscall(c->number, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (r != -1 || (c->number == SYS_rt_sigsuspend && errno == EINTR))
		counters->wins[c->number]++;
	/* What is mounted is seldom hit by chance. */
	if (r == 0 && c->number == SYS_mount && fuzz_random() % 2)
		counted(SYS_umount2, syscall(SYS_umount2, a[1], 0));
	/* A child or a thread of the child: it has had its part. */
	if (r == 0 && (c->number == SYS_clone || c->number == SYS_clone3)) {
		counters->tries[SYS_setsid]++;
		counters->wins[SYS_setsid] += syscall(SYS_setsid) > 0;
		syscall(getpid() == before ? SYS_exit : SYS_exit_group, 0);
	}
}

/* Nobody but another process can let these succeed: one that waits for a shared word, and one that wakes it. */
static void words(void)
{
	struct {
		uint64_t value, address;
		uint32_t flags, reserved;
	} word = {0, (unsigned long)world.field + FIELD - 64, 2, 0}, pair[2] = {word, word};
	int many = fuzz_random() & 1;
	long woken = 0;

	pair[1].address += 4;
	pid_t waiter = fork();
	if (waiter == 0) {
		if (many)
			counted(449, syscall(449, &word, 1, 0, NULL, 0));
		else
			counted(455, syscall(455, word.address, 0, 0xffffffffUL, 2, NULL, 0));
		_exit(0);
	}
	for (int i = 0; waiter > 0 && i < 20 && woken < 1; i++) {
		sched_yield();
		woken = counted(454, syscall(454, word.address, 0xffffffffUL, 1, 2));
	}
	counted(456, syscall(456, pair, 0, 1, 1));
}

/* What wakes a call that would wait for ever. */
static void ticks(void)
{
	struct itimerval often = {{0, 2000}, {0, 2000}};
	struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_NODEFER};

	for (int number = 1; number <= 64; number++)
		if (number != SIGSEGV && number != SIGBUS && number != SIGILL)
			sigaction(number, &a, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

static void limits(void)
{
	struct rlimit small = {1 << 20, 1 << 20}, few = {256, 256}, space = {256 << 20, 256 << 20};

	setrlimit(RLIMIT_FSIZE, &small);
	setrlimit(RLIMIT_NOFILE, &few);
	setrlimit(RLIMIT_AS, &space);
}

enum { IN_VAIN = 1000 }; /* children that do nothing */

static void play(unsigned long number)
{
	const char *name = world.place;

	snprintf(world.place, sizeof(world.place), "/tmp/fuzz-%lu", number);
	setsid();
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	if (mkdir(name, 0755) != 0 || chdir(name) != 0)
		_exit(1);
	limits();
	for (int i = 0; i < PER_CHILD; i++) {
		if (i % RENEW == 0) {
			ticks();
			fuzz_world();
			words();
		}
		one_call();
	}
	_exit(0);
}

/* Everybody that came after the parent: their numbers are in order. */
static void kill_since(pid_t first)
{
	pid_t last = fork();

	if (last == 0)
		_exit(0);
	for (pid_t p = first; p <= last; p++)
		kill(p, SIGKILL);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

/* What a child mounted, it mounted in its directory. */
static void unmount(const char *place)
{
	char path[128];

	for (int i = 0; i < INSIDES; i++) {
		snprintf(path, sizeof(path), "%s/%s", place, inside[i]);
		while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
			;
	}
}

/* What cannot be removed, such as a file that was made immutable, stays. */
static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	(void)!remove(path);
	return 0;
}

/* Adds what a batch counted, unless somebody wrote there who should not. */
static void counters_add(void)
{
	int wrong = counters->all > PLAUSIBLE;

	for (int i = 0; i < NUMBERS; i++)
		wrong |= counters->tries[i] > PLAUSIBLE || counters->wins[i] > PLAUSIBLE;
	for (int i = 0; i < NUMBERS && !wrong; i++) {
		total.tries[i] += counters->tries[i];
		total.wins[i] += counters->wins[i];
	}
	if (!wrong)
		total.all += counters->all;
	memset(counters, 0, sizeof(*counters));
}

static void batch(unsigned long number)
{
	struct timespec patience = {0, 400000000};
	sigset_t child;
	char name[64];

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	fuzz_seed(number);
	pid_t p = fork();
	if (p == 0) {
		sigprocmask(SIG_UNBLOCK, &child, NULL);
		play(number);
	}
	if (p > 0)
		while (waitpid(p, NULL, WNOHANG) == 0 && sigtimedwait(&child, NULL, &patience) > 0)
			;
	kill_since(p);
	counters_add();
	snprintf(name, sizeof(name), "/tmp/fuzz-%lu", number);
	unmount(name);
	nftw(name, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static struct counters *counters_map(int fd)
{
	struct counters *c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return c == MAP_FAILED ? NULL : c;
}

/* A child executed this program: its call was a success. */
static int executed(const char *number)
{
	counters = counters_map(COUNTERS_FD);
	if (counters)
		counters->wins[atoi(number)]++;
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "executed") == 0)
		return executed(argv[2]);
	unsigned long seed = argc > 1 ? strtoul(argv[1], NULL, 0) : 1;
	unsigned long wanted = argc > 2 ? strtoul(argv[2], NULL, 0) : 20000;
	sigset_t child;
	int fd = memfd_create("counters", MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, sizeof(*counters)) != 0 || dup2(fd, COUNTERS_FD) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
		return 1;
	counters = counters_map(fd);
	close(fd);
	if (!counters)
		return 1;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	unsigned in_vain = 0;
	for (unsigned long number = seed * 1000000; total.all < wanted && in_vain < IN_VAIN; number++) {
		unsigned long before = total.all;
		batch(number);
		in_vain = total.all > before ? 0 : in_vain + 1;
	}
	if (in_vain == IN_VAIN)
		return 1; /* something that one of them did keeps all others from their work */
	for (unsigned i = 0; i < CALLS; i++)
		say("%s %u %u", calls[i].name, total.tries[calls[i].number], total.wins[calls[i].number]);
	say("%lu calls", total.all);
	return 0;
}
