/* SPDX-License-Identifier: MIT */
/* System V semaphores: all operations of a call or none, waits in order, what is undone at the end. */
#include "guest.h"

#include <sys/ipc.h>
#include <sys/sem.h>
#include <time.h>

/* Results, in the order of the calls: arguments have none. */
static const char *r[8];
static int v[8];


union semun {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
	struct seminfo *info;
};

static int op(int id, int n, int change, int flags)
{
	struct sembuf b = {(unsigned short)n, (short)change, (short)flags};

	return semop(id, &b, 1);
}

static int get(int id, int n, int what) { return semctl(id, n, what); }

static void set(int id, int n, int value)
{
	union semun u = {.val = value};

	if (semctl(id, n, SETVAL, u) != 0)
		say("SETVAL: %s", strerrorname_np(errno));
}

/* Until so many wait at semaphore n. */
static void await(int id, int n, int what, int count)
{
	for (int i = 0; i < 5000 && get(id, n, what) != count; i++)
		nanosleep(&(struct timespec){0, 1000000}, NULL);
}

static void nothing(int n, siginfo_t *info, void *uc)
{
	(void)n;
	(void)info;
	(void)uc;
}

static void basics(void)
{
	key_t key = 0x43420000 + (getpid() & 0xffff);
	int id = semget(key, 3, IPC_CREAT | IPC_EXCL | 0600);
	unsigned short a[3] = {5, 0, 1};
	union semun u = {.array = a};
	struct semid_ds d;
	struct sembuf two[2] = {{0, -2, IPC_NOWAIT}, {1, -1, IPC_NOWAIT}};
	struct sembuf three[3] = {{1, 1, 0}, {1, -1, 0}, {2, 0, IPC_NOWAIT}};
	int bad = 0x7fffffff;

	r[0] = result(semget(key, 3, IPC_CREAT | IPC_EXCL));
	r[1] = result(semget(key, 4, 0));
	say("create %s, find %s, exclusive %s, too many %s", id >= 0 ? "ok" : strerrorname_np(errno),
	    semget(key, 0, 0) == id ? "ok" : "no", r[0], r[1]);
	r[0] = result(semget(IPC_PRIVATE, 0, 0600));
	r[1] = result(semget(IPC_PRIVATE, -1, 0600));
	r[2] = result(semget(IPC_PRIVATE, 32001, 0600));
	say("counts: %s %s %s", r[0], r[1], r[2]);
	say("setall %s", result(semctl(id, 0, SETALL, u)));
	memset(a, 0xff, sizeof(a));
	r[0] = result(semctl(id, 0, GETALL, u));
	say("getall %s: %u %u %u", r[0], a[0], a[1], a[2]);
	r[0] = result(semop(id, two, 2));
	v[0] = get(id, 0, GETVAL);
	v[1] = get(id, 1, GETVAL);
	say("none of two: %s, still %d %d", r[0], v[0], v[1]);
	r[0] = result(semop(id, three, 3));
	v[0] = get(id, 1, GETVAL);
	say("none of three: %s, still %d", r[0], v[0]);
	set(id, 2, 0);
	r[0] = result(semop(id, three, 3));
	v[0] = get(id, 1, GETVAL);
	say("all of three: %s, now %d", r[0], v[0]);
	v[0] = get(id, 0, GETPID) == getpid();
	v[1] = get(id, 1, GETPID) == getpid();
	say("pids: %d %d", v[0], v[1]);
	r[0] = result(op(id, 1, -1, IPC_NOWAIT));
	r[1] = result(op(id, 0, 0, IPC_NOWAIT));
	say("empty: %s %s", r[0], r[1]);
	r[0] = result(op(id, 0, 32767, 0));
	r[1] = result(op(id, 0, 32762, 0));
	say("over: %s %s", r[0], r[1]);
	r[0] = result(op(id, 3, 1, 0));
	r[1] = result(get(id, 3, GETVAL));
	say("numbers: %s %s", r[0], r[1]);
	r[0] = result(semop(id, two, 0));
	r[1] = result(semop(id, two, 501));
	say("operations: %s %s", r[0], r[1]);
	r[0] = result(semop(id, (void *)8, 1));
	r[1] = result(semctl(id, 0, GETALL, (union semun){.buf = (void *)8}));
	say("pointers: %s %s", r[0], r[1]);
	u.val = 32768;
	say("values: %s", result(semctl(id, 0, SETVAL, u)));
	u.val = -1;
	say("values: %s", result(semctl(id, 0, SETVAL, u)));
	a[0] = 40000;
	u.array = a;
	say("values: %s", result(semctl(id, 0, SETALL, u)));
	u.buf = &d;
	r[0] = result(semctl(id, 0, IPC_STAT, u));
	say("stat %s: %lu of them, mode %o, used %d, made %d", r[0],
	    (unsigned long)d.sem_nsems, d.sem_perm.mode, d.sem_otime != 0, d.sem_ctime != 0);
	d.sem_perm.mode = 0444;
	say("set %s", result(semctl(id, 0, IPC_SET, u)));
	semctl(id, 0, IPC_STAT, u);
	say("mode %o", d.sem_perm.mode);
	r[0] = result(op(bad, 0, 1, 0));
	r[1] = result(op(-1, 0, 1, 0));
	r[2] = result(semctl(id, 0, 99));
	say("bad: %s %s %s", r[0], r[1], r[2]);
	r[0] = result(semctl(id, 0, IPC_RMID));
	r[1] = result(op(id, 0, 1, 0));
	r[2] = result(get(id, 0, GETVAL));
	say("rmid %s, then %s %s", r[0], r[1], r[2]);
}

static void child(int id, int n, int change, int flags, int code)
{
	if (fork() == 0)
		_exit(op(id, n, change, flags) == 0 ? code : errno);
}

static int ended(void)
{
	int status = 0;

	wait(&status);
	return WEXITSTATUS(status);
}

static void waits(void)
{
	int id = semget(IPC_PRIVATE, 100, 0600), code;
	struct timespec ts = {0, 20000000}, wrong = {0, 2000000000};
	struct sembuf b = {0, -1, 0};
	pid_t pid;

	child(id, 0, -1, 0, 101);
	await(id, 0, GETNCNT, 1);
	child(id, 0, -2, 0, 102);
	await(id, 0, GETNCNT, 2);
	child(id, 0, -1, 0, 103);
	await(id, 0, GETNCNT, 3);
	v[0] = get(id, 0, GETNCNT);
	v[1] = get(id, 0, GETZCNT);
	say("waiting: %d, for zero %d", v[0], v[1]);
	/* Done in their place at once: who runs finds nothing left. */
	r[0] = result(op(id, 0, 1, 0));
	v[0] = get(id, 0, GETVAL);
	v[1] = get(id, 0, GETNCNT);
	say("add one: %s, left %d, waiting %d", r[0], v[0], v[1]);
	say("ended: %d", ended());
	r[0] = result(op(id, 0, 1, 0));
	v[0] = get(id, 0, GETVAL);
	v[1] = get(id, 0, GETNCNT);
	say("add one: %s, left %d, waiting %d", r[0], v[0], v[1]);
	say("ended: %d", ended());
	r[0] = result(op(id, 0, 3, 0));
	v[0] = get(id, 0, GETVAL);
	v[1] = get(id, 0, GETNCNT);
	say("add three: %s, left %d, waiting %d", r[0], v[0], v[1]);
	say("ended: %d", ended());
	child(id, 0, 0, 0, 104);
	await(id, 0, GETZCNT, 1);
	say("for zero: %d", get(id, 0, GETZCNT));
	say("to zero: %s", result(op(id, 0, -1, 0)));
	say("ended: %d", ended());
	child(id, 99, -5, 0, 105);
	await(id, 99, GETNCNT, 1);
	set(id, 99, 6);
	say("set: left %d", get(id, 99, GETVAL));
	say("ended: %d", ended());
	r[0] = result(semtimedop(id, &b, 1, &ts));
	r[1] = result(semtimedop(id, &b, 1, &wrong));
	say("time: %s %s", r[0], r[1]);
	say("time: %s", result(semtimedop(id, &b, 1, (void *)8)));
	handle(SIGUSR1, nothing, SA_RESTART);
	pid = fork();
	if (pid == 0)
		_exit(op(id, 0, -1, 0) == 0 ? 0 : errno == EINTR ? 106 : 1);
	await(id, 0, GETNCNT, 1);
	kill(pid, SIGUSR1);
	v[0] = ended();
	v[1] = get(id, 0, GETNCNT);
	say("interrupted: %d, waiting %d", v[0], v[1]);
	child(id, 0, -1, 0, 1);
	await(id, 0, GETNCNT, 1);
	semctl(id, 0, IPC_RMID);
	code = ended();
	say("removed: %s", strerrorname_np(code));
}

static void undo(void)
{
	int id = semget(IPC_PRIVATE, 4, 0600), status;
	struct sembuf b[3] = {{0, 2, SEM_UNDO}, {1, -1, SEM_UNDO}, {2, 5, 0}};
	pid_t pid;

	set(id, 1, 3);
	pid = fork();
	if (pid == 0) {
		say("undoable: %s", result(semop(id, b, 3)));
		v[0] = get(id, 0, GETVAL);
		v[1] = get(id, 1, GETVAL);
		v[2] = get(id, 2, GETVAL);
		say("within: %d %d %d", v[0], v[1], v[2]);
		if (fork() == 0)
			_exit(0); /* which inherits nothing to undo */
		wait(NULL);
		v[0] = get(id, 0, GETVAL);
		v[1] = get(id, 1, GETVAL);
		say("after a child's end: %d %d", v[0], v[1]);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	v[0] = get(id, 0, GETVAL);
	v[1] = get(id, 1, GETVAL);
	v[2] = get(id, 2, GETVAL);
	say("undone: %d %d %d", v[0], v[1], v[2]);
	/* Who waits goes on when a lock's owner dies. */
	set(id, 3, 1);
	pid = fork();
	if (pid == 0) {
		op(id, 3, -1, SEM_UNDO);
		pause();
	}
	for (int i = 0; i < 5000 && get(id, 3, GETVAL) != 0; i++)
		nanosleep(&(struct timespec){0, 1000000}, NULL);
	child(id, 3, -1, 0, 107);
	await(id, 3, GETNCNT, 1);
	kill(pid, SIGKILL);
	say("inherited: %d", (wait(&status), WIFSIGNALED(status)) ? ended() : (wait(NULL), WEXITSTATUS(status)));
	/* Setting a value makes everybody forget. */
	pid = fork();
	if (pid == 0) {
		op(id, 0, 4, SEM_UNDO);
		set(id, 0, 9);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	say("forgotten: %d", get(id, 0, GETVAL));
	say("range: %s", result(op(id, 1, -32768 + 1, SEM_UNDO | IPC_NOWAIT)));
	semctl(id, 0, IPC_RMID);
}

static void limits(void)
{
	struct seminfo i;
	union semun u = {.info = &i};
	int id = semget(IPC_PRIVATE, 32000, 0600);
	FILE *f = fopen("/proc/sys/kernel/sem", "r");
	char text[128];

	say("many: %s", id >= 0 ? "ok" : strerrorname_np(errno));
	r[0] = result(op(id, 31999, 7, 0));
	v[0] = get(id, 31999, GETVAL);
	say("the last: %s %d", r[0], v[0]);
	semctl(id, 0, IPC_RMID);
	semctl(0, 0, IPC_INFO, u);
	say("%d %d %d %d %d %d %d %d %d %d", i.semmap, i.semmni, i.semmns, i.semmnu, i.semmsl, i.semopm, i.semume,
	    i.semusz, i.semvmx, i.semaem);
	if (f && fgets(text, sizeof(text), f))
		fputs(text, stdout);
	fflush(stdout);
	f = fopen("/proc/sysvipc/sem", "r");
	if (f && fgets(text, sizeof(text), f))
		fputs(text, stdout);
	fflush(stdout);
}

int main(void)
{
	basics();
	waits();
	undo();
	limits();
	return 0;
}
