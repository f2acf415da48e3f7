/* SPDX-License-Identifier: MIT */
/* What a program is told of its own use, and of itself. */
#include "guest.h"

#include <grp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/utsname.h>

static struct rusage usage(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return u;
}

static double seconds(const struct rusage *u)
{
	return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) + (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1e6;
}

static void work(void)
{
	for (volatile int i = 0; i < 20000000; i++)
		;
}

int main(void)
{
	enum { PAGES = 1000 };
	struct rusage before = usage(RUSAGE_SELF), after;
	struct rlimit limit, low = {5, 10}, high = {20, 15};
	struct tms t;
	struct utsname un;
	struct sysinfo info;
	cpu_set_t set;
	char *p = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), name[16];
	unsigned char random[64] = {0};
	int some = 0, status;
	pid_t pid;

	madvise(p, PAGES * 4096, MADV_NOHUGEPAGE);
	before = usage(RUSAGE_SELF);
	for (int i = 0; i < PAGES; i++)
		p[i * 4096] = 1;
	after = usage(RUSAGE_SELF);
	say("minor faults: %d", after.ru_minflt - before.ru_minflt >= PAGES && after.ru_minflt - before.ru_minflt < PAGES + 10);
	say("largest size: %d", after.ru_maxrss >= PAGES * 4);
	work();
	after = usage(RUSAGE_SELF);
	say("time passes: %d", seconds(&after) > seconds(&before));
	if (fork() == 0) {
		work();
		_exit(0);
	}
	wait(NULL);
	before = usage(RUSAGE_CHILDREN);
	say("children's: %d", seconds(&before) > 0 && before.ru_minflt > 0);
	do {
		work();
		times(&t);
	} while (t.tms_utime + t.tms_stime < 1);
	say("times: %d", t.tms_utime >= 0);
	pid = fork();
	if (pid == 0) {
		work();
		_exit(0);
	}
	say("wait4: %d, time %d", wait4(pid, &status, 0, &after) == pid, seconds(&after) > 0);
	say("getrusage of whom: %d", getrusage(5, &after) == -1 && errno == EINVAL);

	uname(&un);
	say("uname: %s, at least 4.15 %d", un.sysname, atoi(un.release) > 4);
	sysinfo(&info);
	say("sysinfo: %d", info.totalram > 0 && info.freeram > 0 && info.freeram < info.totalram && info.mem_unit >= 1);
	sched_getaffinity(0, sizeof(set), &set);
	say("processors: %d", CPU_COUNT(&set) >= 1);
	say("policy %d, priorities %d to %d", sched_getscheduler(0), sched_get_priority_min(SCHED_FIFO), sched_get_priority_max(SCHED_FIFO));
	say("as nice as its parent %d", getpriority(PRIO_PROCESS, 0) == getpriority(PRIO_PROCESS, getppid()));
	setpriority(PRIO_PROCESS, 0, 19);
	say("nicer %d", getpriority(PRIO_PROCESS, 0));
	say("nobody's: %d", getpriority(PRIO_PROCESS, 0x3fffffff) == -1 && errno == ESRCH);

	say("random: %ld", (long)getrandom(random, sizeof(random), 0));
	for (unsigned i = 0; i < sizeof(random); i++)
		some |= random[i];
	say("  some %d, flags %s", some != 0, result(getrandom(random, 1, 0x80)));

	getrlimit(RLIMIT_CORE, &limit);
	say("limits: stack %d, wrong %s", getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur > 0, result(getrlimit(99, &limit)));
	say("  upside down: %s", result(setrlimit(RLIMIT_NOFILE, &high)));
	say("  lower: %s", result(setrlimit(RLIMIT_NOFILE, &low)));
	if (fork() == 0) {
		getrlimit(RLIMIT_NOFILE, &limit);
		say("  inherited: %d %d", (int)limit.rlim_cur, (int)limit.rlim_max);
		int fd, last = -1;
		while ((fd = dup(1)) >= 0)
			last = fd;
		say("  kept: %s after %d", strerrorname_np(errno), last);
		_exit(0);
	}
	wait(NULL);

	prctl(PR_SET_NAME, "a name that is too long");
	prctl(PR_GET_NAME, name);
	say("prctl: name \"%s\"", name);
	say("  dumpable %s", result(prctl(PR_GET_DUMPABLE)));
	say("  no new privileges %s", result(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)));
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	say("  no new privileges %s", result(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)));
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	say("  no huge pages %s", result(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0)));
	say("  unknown %s", result(prctl(12345, 0, 0, 0, 0)));
	say("ids agree %d %d", getuid() == geteuid(), getgid() == getegid());
	say("setuid to oneself: %s", result(setuid(getuid())));
	say("groups: %d", getgroups(0, NULL) >= 0);
	return 0;
}
