/* SPDX-License-Identifier: MIT */
/* System V shared memory: keys, sizes, permissions, attachments, and segments that outlive their number. */
#include "guest.h"

#include <setjmp.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>

/* Results, in the order of the calls: arguments have none. */
static const char *r[8];


enum { PAGE = 4096 };

static sigjmp_buf out;

static void fault(int n, siginfo_t *info, void *uc)
{
	(void)info;
	(void)uc;
	siglongjmp(out, n);
}

static const char *store(volatile char *p)
{
	int n = sigsetjmp(out, 1);

	if (n)
		return n == SIGSEGV ? "SEGV" : "BUS";
	*p = 'w';
	return "ok";
}

static const char *at(void *p) { return p == (void *)-1 ? strerrorname_np(errno) : "ok"; }

static void stat_line(const char *when, int id)
{
	struct shmid_ds d;

	if (shmctl(id, IPC_STAT, &d) != 0) {
		say("%s: %s", when, strerrorname_np(errno));
		return;
	}
	say("%s: size %zu, %lu attached, mode %o, creator %s, last %s, key %s, times %d%d%d", when, d.shm_segsz,
	    (unsigned long)d.shm_nattch, d.shm_perm.mode, d.shm_cpid == getpid() ? "me" : "other",
	    d.shm_lpid == 0 ? "nobody" : d.shm_lpid == getpid() ? "me" : "other",
	    d.shm_perm.__key == IPC_PRIVATE ? "none" : "some", d.shm_atime != 0, d.shm_dtime != 0, d.shm_ctime != 0);
}

/* The line of /proc/self/maps at p, without addresses and numbers of segments. */
static void maps_line(const void *p)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512], prot[8], name[256] = "";
	unsigned long start, end, offset;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx %7s %lx %*s %*s %255[^\n]", &start, &end, prot, &offset, name) < 4 ||
		    (unsigned long)p < start || (unsigned long)p >= end)
			continue;
		say("maps: %lu pages %s offset %lx %s", (end - start) / PAGE, prot, offset, name);
	}
	if (f)
		fclose(f);
}

/* Its line in /proc/sysvipc/shm. */
static void proc_line(int id)
{
	FILE *f = fopen("/proc/sysvipc/shm", "r");
	char line[512];
	int n, number, key, head = 1;
	unsigned mode;
	unsigned long size, attached, rss, swap;

	while (f && fgets(line, sizeof(line), f)) {
		if (head) {
			head = 0;
			fputs(line, stdout);
			fflush(stdout);
			continue;
		}
		n = sscanf(line, "%d %d %o %lu %*d %*d %lu %*u %*u %*u %*u %*u %*u %*u %lu %lu", &key, &number, &mode,
			   &size, &attached, &rss, &swap);
		if (n == 7 && number == id)
			say("proc: mode %o size %lu, %lu attached, resident %lu, swapped %lu, length %zu", mode, size,
			    attached, rss, swap, strlen(line));
	}
	if (f)
		fclose(f);
}

static void keys(void)
{
	key_t key = 0x43410000 + (getpid() & 0xffff);
	int id = shmget(key, 3 * PAGE + 1, IPC_CREAT | IPC_EXCL | 0640), other;

	say("create: %s", id >= 0 ? "ok" : strerrorname_np(errno));
	other = shmget(key, 0, 0);
	say("find: %s", other == id ? "the same" : "another");
	r[0] = result(shmget(key, PAGE, IPC_CREAT | IPC_EXCL | 0600));
	r[1] = result(shmget(key, 4 * PAGE + 1, 0));
	say("exclusive: %s, too large: %s", r[0], r[1]);
	say("within: %s", shmget(key, 3 * PAGE + 1, IPC_CREAT | 0600) == id ? "the same" : "another");
	stat_line("new", id);
	say("rmid: %s", result(shmctl(id, IPC_RMID, NULL)));
	r[0] = result(shmget(key, 0, 0));
	r[1] = result(shmctl(id, IPC_RMID, NULL));
	r[2] = at(shmat(id, NULL, 0));
	say("gone: %s %s %s", r[0], r[1], r[2]);
	r[0] = result(shmget(IPC_PRIVATE, 0, 0600));
	r[1] = result(shmget(IPC_PRIVATE, (size_t)-1, 0600));
	say("sizes: %s %s", r[0], r[1]);
	other = shmget(IPC_PRIVATE, PAGE, 0600);
	say("a number comes back late: %s", other != id ? "yes" : "no");
	shmctl(other, IPC_RMID, NULL);
	r[0] = result(shmctl(-1, IPC_STAT, NULL));
	r[1] = result(shmctl(0x7fffffff, IPC_STAT, NULL));
	r[2] = result(shmctl(0, 77, NULL));
	say("bad: %s %s %s", r[0], r[1], r[2]);
}

static void attach(void)
{
	int id = shmget(IPC_PRIVATE, 4 * PAGE - 100, 0600);
	char *a = shmat(id, NULL, 0), *b = shmat(id, NULL, SHM_RDONLY), *c;
	struct shmid_ds d;
	char *hole;

	r[0] = at(a);
	r[1] = at(b);
	say("attach: %s %s", r[0], r[1]);
	strcpy(a + 2 * PAGE, "seen");
	r[0] = store(b);
	r[1] = result(mprotect(b, PAGE, PROT_READ | PROT_WRITE));
	say("twice: %s, read-only store: %s, its mprotect: %s", b + 2 * PAGE, r[0], r[1]);
	say("the end of the last page: %s", store(a + 4 * PAGE - 1));
	stat_line("twice", id);
	maps_line(a);
	maps_line(b);
	proc_line(id);
	munmap(a + PAGE, PAGE);
	stat_line("a hole", id);
	mprotect(b, PAGE, PROT_NONE);
	stat_line("a cut", id);
	r[0] = result(shmdt(b));
	r[1] = result(shmdt(a));
	r[2] = result(shmdt(a));
	say("detach: %s %s %s", r[0], r[1], r[2]);
	r[0] = result(shmdt(a + 1));
	r[1] = result(shmdt(NULL));
	say("bad: %s %s", r[0], r[1]);
	stat_line("detached", id);
	hole = mmap(NULL, 8 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	say("there is something: %s", at(shmat(id, hole, 0)));
	c = shmat(id, hole, SHM_REMAP);
	say("remapped: %s, kept: %s", c == hole ? "there" : at(c), c[2 * PAGE] == 's' ? "yes" : "no");
	r[0] = at(shmat(id, hole + 5, 0));
	r[1] = at(shmat(id, hole + PAGE + 5, SHM_RND));
	say("unaligned: %s, rounded over: %s", r[0], r[1]);
	say("remap of nothing: %s", at(shmat(id, NULL, SHM_REMAP)));
	munmap(hole + 4 * PAGE, 4 * PAGE);
	b = shmat(id, hole + 4 * PAGE + 5, SHM_RND);
	say("rounded: %s", b == hole + 4 * PAGE ? "there" : at(b));
	say("bad pointer: %s", result(shmctl(id, IPC_STAT, (void *)8)));
	shmctl(id, IPC_STAT, &d);
	d.shm_perm.mode = 0400;
	say("set: %s", result(shmctl(id, IPC_SET, &d)));
	shmctl(id, IPC_STAT, &d);
	say("mode %o", d.shm_perm.mode);
	say("lock: %s", result(shmctl(id, SHM_LOCK, NULL)));
	shmctl(id, IPC_STAT, &d);
	say("mode %o", d.shm_perm.mode);
	say("unlock: %s", result(shmctl(id, SHM_UNLOCK, NULL)));
	say("rmid: %s", result(shmctl(id, IPC_RMID, NULL)));
	stat_line("doomed", id);
	proc_line(id);
	a = shmat(id, NULL, 0);
	say("attached all the same: %s %c", at(a), a[2 * PAGE]);
	r[0] = result(shmdt(a));
	r[1] = result(shmdt(b));
	say("detach: %s %s", r[0], r[1]);
	stat_line("one left", id);
	say("over itself: %s %c", at(shmat(id, c, SHM_REMAP)), c[2 * PAGE]);
	say("the last: %s", result(shmdt(c)));
	stat_line("gone", id);
}

static void families(void)
{
	int id = shmget(IPC_PRIVATE, 2 * PAGE, 0600), status;
	volatile int *p = shmat(id, NULL, 0);
	char *moved;
	pid_t child = fork();

	if (child == 0) {
		stat_line("child", id);
		p[0] = 42;
		p = (volatile int *)shmat(id, NULL, 0);
		p[1024] = 7;
		stat_line("child twice", id);
		_exit(0);
	}
	waitpid(child, &status, 0);
	say("from the child: %d %d", p[0], p[1024]);
	stat_line("child gone", id);
	shmctl(id, IPC_RMID, NULL);
	child = fork();
	if (child == 0) {
		execl("/proc/self/exe", "sysvshm", "exec", NULL);
		_exit(1);
	}
	waitpid(child, &status, 0);
	stat_line("child executed", id);
	moved = mremap((void *)p, PAGE, PAGE, MREMAP_MAYMOVE);
	say("mremap: %s", moved == (char *)p ? "stays" : "moved");
	moved = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	say("moved: %s", mremap((void *)p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, moved) == moved ? "there" : "no");
	say("%d", *(int *)moved);
	stat_line("moved", id);
	munmap(moved, PAGE);
	munmap((char *)p + PAGE, PAGE);
	stat_line("unmapped", id);
}

static void limits(void)
{
	struct shminfo i;
	static const char *const files[] = {"shmmax", "shmall", "shmmni", "shm_rmid_forced"};

	say("info: %s", shmctl(0, IPC_INFO, (struct shmid_ds *)&i) >= 0 ? "ok" : strerrorname_np(errno));
	say("max %lu min %lu number %lu each %lu all %lu", i.shmmax, i.shmmin, i.shmmni, i.shmseg, i.shmall);
	for (unsigned n = 0; n < sizeof(files) / sizeof(files[0]); n++) {
		char path[64], text[64] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/sys/kernel/%s", files[n]);
		f = fopen(path, "r");
		if (f && fgets(text, sizeof(text), f))
			text[strcspn(text, "\n")] = 0;
		say("%s: %s", files[n], text);
		if (f)
			fclose(f);
	}
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return 0;
	handle(SIGSEGV, fault, 0);
	handle(SIGBUS, fault, 0);
	keys();
	attach();
	families();
	limits();
	return 0;
}
