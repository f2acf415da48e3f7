/* SPDX-License-Identifier: MIT */
/* setid.c - what execve makes of who runs a program: set-id files, capabilities, no_new_privs
 *
 * The program is a copy of this one, in /tmp. Where set-id bits of files do not last (a host that allows
 * none) it says only that.
 */
#include "guest.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/auxv.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
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

static const char *self;
static char copy[64];

static void tell(void)
{
	who("  as a program");
	caps("  as a program");
	say("  secure %lu, auxv %lu %lu, dumpable %s", getauxval(AT_SECURE), getauxval(AT_UID), getauxval(AT_EUID),
	    result(prctl(PR_GET_DUMPABLE)));
	say("  keepcaps %s", result(prctl(PR_GET_KEEPCAPS)));
}

static void run(const char *how, int (*before)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		if (before && before() != 0)
			say("before: %s", strerrorname_np(errno));
		execl(copy, copy, "tell", NULL);
		say("execl: %s", strerrorname_np(errno));
		_exit(1);
	}
	say("%s: %s", how, wait_for(pid));
}

static int as_one(void)
{
	return setgroups(0, NULL) || setresgid(ONE, ONE, ONE) || setresuid(ONE, ONE, ONE);
}

static int as_one_for_ever(void)
{
	return as_one() || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static int kept(void)
{
	return prctl(PR_SET_KEEPCAPS, 1) || as_one();
}

static int ambient(void)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];

	if (kept() || syscall(SYS_capget, &h, d))
		return -1;
	d[0].inheritable = 1;
	return (int)syscall(SYS_capset, &h, d) || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 0, 0, 0);
}

static int real_only(void)
{
	return setresuid(0, ONE, ONE);
}

static int no_root(void)
{
	return prctl(PR_SET_SECUREBITS, 1);
}

static void copy_self(void)
{
	static char bytes[65536];
	int from = open(self, O_RDONLY), to;
	ssize_t n;

	snprintf(copy, sizeof(copy), "/tmp/creds-%d", (int)getpid());
	to = open(copy, O_WRONLY | O_CREAT | O_EXCL, 0755);
	while ((n = read(from, bytes, sizeof(bytes))) > 0)
		if (write(to, bytes, (size_t)n) != n)
			break;
	say("copied: %s", result(n));
	close(from);
	close(to);
}

static void change(const char *what, uid_t uid, gid_t gid, mode_t mode)
{
	struct stat st;

	say("%s: chown %s", what, result(chown(copy, uid, gid)));
	say("  chmod %s", result(chmod(copy, mode)));
	stat(copy, &st);
	say("  it is %d %d %o", (int)st.st_uid, (int)st.st_gid, st.st_mode);
}

static void programs(void)
{
	change("plain", 0, 0, 0755);
	run("root", NULL);
	run("a user", as_one);
	run("kept capabilities", kept);
	run("ambient ones", ambient);
	run("root in reality only", real_only);
	run("root is nobody", no_root);
	change("set-user-id", TWO, THREE, 04755);
	run("root", NULL);
	run("a user", as_one);
	run("no new privileges", as_one_for_ever);
	change("set-group-id", TWO, THREE, 02755);
	run("a user", as_one);
	change("set-group-id without x", TWO, THREE, 02745);
	run("root", NULL);
	change("both, of root", 0, 0, 06755);
	run("a user", as_one);
	run("no new privileges", as_one_for_ever);
	run("ambient ones", ambient);
	change("not for others", 0, 0, 04750);
	run("a user", as_one);
	change("for nobody", 0, 0, 04600);
	run("root", NULL);
	change("set-id again", 0, 0, 06755);
	struct stat st;
	say("chown takes it: %s", result(chown(copy, (uid_t)-1, (gid_t)-1)));
	stat(copy, &st);
	say("  it is %o", st.st_mode);
	unlink(copy);
}

int main(int argc, char **argv)
{
	struct stat st;

	if (argc > 1) {
		tell();
		return 0;
	}
	self = argv[0];
	copy_self();
	if (chmod(copy, 04755) || stat(copy, &st) || !(st.st_mode & S_ISUID)) {
		say("set-id bits do not last here");
		unlink(copy);
		return 0;
	}
	programs();
	return 0;
}
