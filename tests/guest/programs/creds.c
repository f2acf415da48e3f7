/* SPDX-License-Identifier: MIT */
/* creds.c - who a process is: set-id calls, saved ids, capabilities, who may kill whom
 *
 * Each part runs in a child of its own. Where the program may not become another (it was not started
 * by root) only what is left then is said.
 */
#include "guest.h"

#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum { ONE = 1001, TWO = 1002, THREE = 1003 };

static void who(const char *when)
{
	unsigned r, e, s, gr, ge, gs;

	/* The calls themselves: a C library makes them those of all threads. */
	syscall(SYS_getresuid, &r, &e, &s);
	syscall(SYS_getresgid, &gr, &ge, &gs);
	say("%s: uid %u %u %u fs %d, gid %u %u %u fs %d", when, r, e, s, setfsuid(-1), gr, ge, gs, setfsgid(-1));
}

static void caps(const char *when)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];
	int r = (int)syscall(SYS_capget, &h, d);

	say("%s: capget %s effective %d permitted %d inheritable %d chown %d", when, result(r), d[0].effective != 0,
	    d[0].permitted != 0, d[0].inheritable != 0, d[0].effective & 1);
}

static void status(const char *name)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "r");
	size_t n = strlen(name);

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, name, n) == 0 && line[n] == ':') {
			line[strcspn(line, "\n")] = 0;
			say("  %s", line);
		}
	if (f)
		fclose(f);
}

static void setuid_by_root(void)
{
	say("setuid -1: %s", result(setuid((uid_t)-1)));
	say("setuid: %s", result(setuid(ONE)));
	who("after");
	caps("after");
	say("back: %s", result(setuid(0)));
	say("to itself: %s", result(setuid(ONE)));
	say("setgid: %s", result(setgid(ONE)));
	say("setgroups: %s", result(setgroups(0, NULL)));
	say("dumpable: %s", result(prctl(PR_GET_DUMPABLE)));
	status("Uid");
	status("Gid");
}

static void saved_ids(void)
{
	say("setresuid: %s", result(setresuid(ONE, TWO, THREE)));
	who("after");
	say("seteuid to the saved: %s", result(seteuid(THREE)));
	say("to the real: %s", result(seteuid(ONE)));
	say("to none of them: %s", result(seteuid(TWO)));
	who("after");
	say("setreuid exchanges: %s", result(setreuid(THREE, ONE)));
	say("setreuid: %s", result(setreuid((uid_t)-1, THREE)));
	who("after");
	say("setresuid to others: %s", result(setresuid(TWO, (uid_t)-1, (uid_t)-1)));
	say("getresuid nowhere: %s", result(syscall(SYS_getresuid, 1, 2, 3)));
}

static void exchanged(void)
{
	say("setreuid: %s", result(setreuid(ONE, 0)));
	who("root in effect only");
	caps("root in effect only");
	say("seteuid: %s", result(seteuid(ONE)));
	who("after");
	caps("after");
	say("seteuid back: %s", result(seteuid(0)));
	caps("back");
	say("setreuid both: %s", result(setreuid(TWO, TWO)));
	who("given up");
	caps("given up");
	say("seteuid back: %s", result(seteuid(0)));
}

static void groups(void)
{
	gid_t want[] = {30, 10, 20, 10}, have[8];
	int n;

	say("setgroups: %s", result(setgroups(4, want)));
	n = getgroups(8, have);
	say("getgroups: %d: %d %d %d %d", n, (int)have[0], (int)have[1], (int)have[2], (int)have[3]);
	status("Groups");
	say("how many: %s", result(getgroups(0, have)));
	say("too few: %s", result(getgroups(3, have)));
	say("negative: %s", result(syscall(SYS_getgroups, -1, have)));
	say("nowhere: %s", result(syscall(SYS_getgroups, 8, 1)));
	say("too many: %s", result(syscall(SYS_setgroups, 65537, want)));
	say("from nowhere: %s", result(syscall(SYS_setgroups, 1, 1)));
	want[0] = (gid_t)-1;
	say("no group: %s", result(syscall(SYS_setgroups, 1, want)));
	say("setresgid: %s", result(setresgid(ONE, TWO, THREE)));
	who("after");
	caps("groups have none");
	say("setregid: %s", result(setregid((gid_t)-1, ONE)));
	who("after");
	say("setuid: %s", result(setuid(ONE)));
	say("setgroups: %s", result(setgroups(1, want)));
	say("setregid to the saved: %s", result(setregid((gid_t)-1, ONE)));
	say("setgid to another: %s", result(setgid(77)));
	say("none: %s", result(getgroups(8, have)));
}

static void file_ids(void)
{
	say("setfsuid: %d", setfsuid(ONE));
	who("after");
	caps("for files no more");
	say("setfsuid back: %d", setfsuid(0));
	caps("for files again");
	say("seteuid: %s", result(seteuid(ONE)));
	say("setfsuid to another: %d", setfsuid(TWO));
	who("refused");
}

static void keep(void)
{
	say("keepcaps: %s", result(prctl(PR_GET_KEEPCAPS)));
	say("keepcaps: %s", result(prctl(PR_SET_KEEPCAPS, 1)));
	say("keepcaps of 2: %s", result(prctl(PR_SET_KEEPCAPS, 2)));
	say("setuid: %s", result(setresuid(ONE, ONE, ONE)));
	caps("kept");
	say("securebits: %s", result(prctl(PR_GET_SECUREBITS)));

	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2] = {{.effective = 1, .permitted = 3, .inheritable = 1}};
	say("capset: %s", result(syscall(SYS_capset, &h, d)));
	caps("chown only");
	d[0].permitted = 7;
	say("capset to more: %s", result(syscall(SYS_capset, &h, d)));
	d[0].permitted = 1;
	d[0].effective = 2;
	say("effective is more than permitted: %s", result(syscall(SYS_capset, &h, d)));
	d[0].effective = 1;
	d[0].inheritable = 4;
	say("inheritable is more: %s", result(syscall(SYS_capset, &h, d)));
	h.pid = getppid();
	say("of another: %s", result(syscall(SYS_capset, &h, d)));
	h.pid = -1;
	say("capget of -1: %s", result(syscall(SYS_capget, &h, d)));
	h.pid = 0;
	h.version = 1;
	say("version: %s", result(syscall(SYS_capget, &h, d)));
	say("  is %d", h.version == _LINUX_CAPABILITY_VERSION_3);
	h.version = 2;
	say("version asked: %s", result(syscall(SYS_capget, &h, NULL)));
	say("capget nowhere: %s", result(syscall(SYS_capget, 1, d)));
	say("ambient: %s", result(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 0, 0, 0)));
	say("ambient of what is not inherited: %s", result(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 1, 0, 0)));
	say("is set: %s", result(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 0, 0, 0)));
	say("wrong: %s", result(prctl(PR_CAP_AMBIENT, 9, 0, 0, 0)));
	status("CapPrm");
	status("CapAmb");
}

static void bounding(void)
{
	say("read: %s", result(prctl(PR_CAPBSET_READ, 0)));
	say("drop: %s", result(prctl(PR_CAPBSET_DROP, 0)));
	say("read: %s", result(prctl(PR_CAPBSET_READ, 0)));
	say("no capability: %s", result(prctl(PR_CAPBSET_READ, 64)));
	say("no capability: %s", result(prctl(PR_CAPBSET_DROP, 64)));
	say("securebits: %s", result(prctl(PR_SET_SECUREBITS, 4 | 8)));
	say("unlocked: %s", result(prctl(PR_SET_SECUREBITS, 0)));
	say("setuid: %s", result(setuid(ONE)));
	caps("no fix-up");
	say("drop: %s", result(prctl(PR_CAPBSET_DROP, 1)));
	say("read: %s", result(prctl(PR_CAPBSET_READ, 1)));
}

static void kills(void)
{
	int ready[2];
	char c;

	if (pipe(ready))
		return;
	pid_t other = fork();
	if (other == 0) {
		say("other: %s", result(setresuid(ONE, TWO, THREE)));
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	say("read: %s", result(read(ready[0], &c, 1)));
	static const unsigned id[][3] = {{ONE, ONE, ONE}, {TWO, TWO, TWO}, {THREE, THREE, THREE}, {TWO, THREE, TWO}, {THREE, TWO, TWO}};
	for (unsigned i = 0; i < 5; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			setresuid(id[i][0], id[i][1], id[i][2]);
			say("%u %u %u: kill %s", id[i][0], id[i][1], id[i][2], result(kill(other, 0)));
			say("  SIGCONT %s", result(kill(other, SIGCONT)));
			say("  group %s", result(kill(-other, 0)));
			say("  tgkill %s", result(syscall(SYS_tgkill, other, other, 0)));
			say("  sigqueue %s", result(sigqueue(other, 0, (union sigval){0})));
			say("  setpriority %s", result(setpriority(PRIO_PROCESS, (id_t)other, 19)));
			say("  getpriority %s", result(getpriority(PRIO_PROCESS, (id_t)other) >= -20 ? 0 : -1));
			struct rlimit64 l;
			say("  prlimit %s", result(prlimit64(other, RLIMIT_CORE, NULL, &l)));
			struct sched_param p = {0};
			say("  setscheduler %s", result(sched_setscheduler(other, SCHED_BATCH, &p)));
			_exit(0);
		}
		say("ended: %s", wait_for(pid));
	}
	kill(other, SIGKILL);
	say("other ended: %s", wait_for(other));
}

int main(void)
{
	signal(SIGCONT, SIG_IGN);
	if (geteuid() != 0) {
		uid_t u = geteuid();
		say("setuid to oneself: %s", result(setuid(u)));
		say("setuid to root: %s", result(setuid(0)));
		say("setresuid: %s", result(setresuid(u, u, u)));
		say("setreuid: %s", result(setreuid((uid_t)-1, 0)));
		say("setgroups: %s", result(setgroups(0, NULL)));
		say("setgid to root: %s", result(setgid(0)));
		caps("a user");
		status("CapEff");
		return 0;
	}
	in_child("setuid by root", setuid_by_root);
	in_child("saved ids", saved_ids);
	in_child("exchanged", exchanged);
	in_child("groups", groups);
	in_child("ids for files", file_ids);
	in_child("keep", keep);
	in_child("bounding", bounding);
	in_child("kills", kills);
	return 0;
}
