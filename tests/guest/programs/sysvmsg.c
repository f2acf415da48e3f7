/* SPDX-License-Identifier: MIT */
/* System V message queues: types, lengths, full queues, and who waits. */
#include "guest.h"

#include <sys/ipc.h>
#include <sys/msg.h>
#include <time.h>

#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

/* Results, in the order of the calls: arguments have none. */
static const char *r[8];


struct message {
	long type;
	char text[9000];
};

static struct message m;

static int put(int id, long type, const char *text, int flags)
{
	m.type = type;
	strcpy(m.text, text);
	return msgsnd(id, &m, strlen(text), flags);
}

static const char *take(int id, size_t size, long type, int flags)
{
	static char text[8][64];
	static int i;
	char *s = text[i++ % 8];
	ssize_t n;

	memset(&m, 0, sizeof(m));
	n = msgrcv(id, &m, size, type, flags);
	if (n < 0)
		return strerrorname_np(errno);
	snprintf(s, sizeof(text[0]), "%ld:%.*s(%zd)", m.type, (int)n, m.text, n);
	return s;
}

static void line(const char *when, int id)
{
	struct msqid_ds d;

	if (msgctl(id, IPC_STAT, &d) != 0) {
		say("%s: %s", when, strerrorname_np(errno));
		return;
	}
	say("%s: %lu messages, %lu bytes of %lu, mode %o, sent %s%d, received %s%d", when, (unsigned long)d.msg_qnum,
	    (unsigned long)d.__msg_cbytes, (unsigned long)d.msg_qbytes, d.msg_perm.mode,
	    d.msg_lspid == getpid() ? "me" : d.msg_lspid ? "other" : "", d.msg_stime != 0,
	    d.msg_lrpid == getpid() ? "me" : d.msg_lrpid ? "other" : "", d.msg_rtime != 0);
}

static void nothing(int n, siginfo_t *info, void *uc)
{
	(void)n;
	(void)info;
	(void)uc;
}

static void basics(void)
{
	key_t key = 0x43430000 + (getpid() & 0xffff);
	int id = msgget(key, IPC_CREAT | IPC_EXCL | 0600);
	struct msqid_ds d;

	r[0] = result(msgget(key, IPC_CREAT | IPC_EXCL));
	r[1] = result(msgget(key + 0x100000, 0));
	say("create %s, find %s, exclusive %s, missing %s", id >= 0 ? "ok" : strerrorname_np(errno),
	    msgget(key, 0) == id ? "ok" : "no", r[0], r[1]);
	line("new", id);
	r[0] = result(put(id, 3, "three", 0));
	r[1] = result(put(id, 1, "one", 0));
	r[2] = result(put(id, 2, "two", 0));
	r[3] = result(put(id, 3, "drei", 0));
	r[4] = result(put(id, 5, "", 0));
	say("send: %s %s %s %s %s", r[0], r[1], r[2], r[3], r[4]);
	line("five", id);
	r[0] = take(id, 100, 1, MSG_COPY | IPC_NOWAIT);
	r[1] = take(id, 100, 9, MSG_COPY | IPC_NOWAIT);
	say("copy: %s %s", r[0], r[1]);
	r[0] = take(id, 100, 2, 0);
	r[1] = take(id, 100, 2, IPC_NOWAIT);
	say("by type: %s %s", r[0], r[1]);
	say("at most: %s", take(id, 100, -2, 0));
	say("except: %s", take(id, 100, 3, MSG_EXCEPT));
	r[0] = take(id, 3, 0, 0);
	r[1] = take(id, 3, 0, MSG_NOERROR);
	say("short: %s %s", r[0], r[1]);
	r[0] = take(id, 100, 0, 0);
	r[1] = take(id, 100, 0, IPC_NOWAIT);
	say("last: %s %s", r[0], r[1]);
	line("empty", id);
	r[0] = result(put(id, 0, "x", 0));
	r[1] = result(put(id, -1, "x", 0));
	say("bad type: %s %s", r[0], r[1]);
	r[0] = result(msgsnd(id, &m, 8193, 0));
	r[1] = result(msgsnd(id, &m, (size_t)-1, 0));
	say("bad size: %s %s", r[0], r[1]);
	say("bad pointer: %s", result(msgsnd(id, (void *)8, 1, 0)));
	m.type = 1;
	r[0] = result(msgsnd(id, &m, 8192, 0));
	r[1] = result(msgsnd(id, &m, 8192, IPC_NOWAIT));
	r[2] = result(msgsnd(id, &m, 1, IPC_NOWAIT));
	say("largest: %s %s %s", r[0], r[1], r[2]);
	line("full", id);
	say("not even none: %s", result(msgsnd(id, &m, 0, IPC_NOWAIT)));
	say("taken: %s", result(msgrcv(id, &m, 9000, 0, 0)));
	say("bad room: %s", result(msgrcv(id, &m, (size_t)-1, 0, 0)));
	msgctl(id, IPC_STAT, &d);
	d.msg_qbytes = 100;
	d.msg_perm.mode = 0620;
	say("set: %s", result(msgctl(id, IPC_SET, &d)));
	line("small", id);
	say("too full: %s", result(put(id, 1, "x", IPC_NOWAIT)));
	r[0] = result(msgctl(id, IPC_RMID, NULL));
	r[1] = result(put(id, 1, "x", 0));
	r[2] = take(id, 1, 0, 0);
	say("rmid: %s %s %s", r[0], r[1], r[2]);
	r[0] = result(msgctl(id, 99, NULL));
	r[1] = result(msgctl(-1, IPC_STAT, &d));
	say("bad: %s %s", r[0], r[1]);
}

static int ended(pid_t pid)
{
	int status = 0;

	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

/* A child that receives; long enough for it to wait. */
static pid_t receiver(int id, size_t size, long type, int code)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (msgrcv(id, &m, size, type, 0) < 0)
			_exit(errno);
		_exit(code + (int)m.type);
	}
	nanosleep(&(struct timespec){0, 50000000}, NULL);
	return pid;
}

static void waits(void)
{
	int id = msgget(IPC_PRIVATE, 0600);
	pid_t pid;

	pid_t four = receiver(id, 100, 4, 100);
	pid_t any = receiver(id, 100, 0, 110);
	pid_t narrow = receiver(id, 2, -3, 120);
	pid_t wide = receiver(id, 100, -3, 130);
	say("to the third of them too long: %s", result(put(id, 3, "long", 0)));
	say("ended: %d", ended(any));
	line("handed over", id);
	put(id, 4, "four", 0);
	say("ended: %d", ended(four));
	put(id, 9, "kept", 0);
	put(id, 2, "22222", 0);
	say("who wants at most 3 and has room for 2: %s", strerrorname_np(ended(narrow)));
	say("ended: %d", ended(wide));
	line("one is left", id);
	handle(SIGUSR1, nothing, SA_RESTART);
	pid = receiver(id, 100, 77, 0);
	kill(pid, SIGUSR1);
	say("interrupted: %s", strerrorname_np(ended(pid)));
	m.type = 1;
	while (msgsnd(id, &m, 4000, IPC_NOWAIT) == 0)
		;
	pid = fork();
	if (pid == 0)
		_exit(msgsnd(id, &m, 4000, 0) == 0 ? 42 : errno);
	nanosleep(&(struct timespec){0, 50000000}, NULL);
	line("full", id);
	say("room: %s", result(msgrcv(id, &m, 4000, 1, 0)));
	say("sent then: %d", ended(pid));
	pid = fork();
	if (pid == 0)
		_exit(msgsnd(id, &m, 4000, 0) == 0 ? 42 : errno);
	pid_t reader = receiver(id, 10, 55, 0);
	msgctl(id, IPC_RMID, NULL);
	say("removed: %s %s", strerrorname_np(ended(reader)), strerrorname_np(ended(pid)));
}

/* Many small ones, out of order, and all come back once. */
static void many(void)
{
	int id = msgget(IPC_PRIVATE, 0600), wrong = 0, n, sent = 0;
	char text[32];

	for (int round = 0; round < 20; round++) {
		for (n = 0; n < 300; n++, sent++) {
			snprintf(text, sizeof(text), "%d", sent);
			wrong += put(id, 1 + sent % 7, text, IPC_NOWAIT) != 0;
		}
		for (long type = 7; type >= 1; type--) {
			int last = -1;

			while (msgrcv(id, &m, sizeof(m.text), type, IPC_NOWAIT) >= 0) {
				n = atoi(m.text);
				wrong += n <= last || n % 7 != type - 1;
				last = n;
				memset(m.text, 0, 32);
			}
		}
	}
	say("many: %d sent, %d wrong", sent, wrong);
	line("at the end", id);
	msgctl(id, IPC_RMID, NULL);
}

static void limits(void)
{
	struct msginfo i;
	static const char *const files[] = {"sys/kernel/msgmax", "sys/kernel/msgmnb", "sys/kernel/msgmni", "sysvipc/msg"};

	msgctl(0, IPC_INFO, (struct msqid_ds *)&i);
	say("%d %d %d %d %d %d", i.msgmap, i.msgmax, i.msgmnb, i.msgmni, i.msgssz, i.msgtql);
	for (unsigned n = 0; n < sizeof(files) / sizeof(files[0]); n++) {
		char path[64], text[256] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%s", files[n]);
		f = fopen(path, "r");
		if (f && fgets(text, sizeof(text), f))
			text[strcspn(text, "\n")] = 0;
		say("%s: %s", files[n], text);
		if (f)
			fclose(f);
	}
}

int main(void)
{
	basics();
	waits();
	many();
	limits();
	return 0;
}
