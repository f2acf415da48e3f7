/* SPDX-License-Identifier: MIT */
/* settings.c - /proc/sys/kernel and fs/mqueue: what is written there counts from then on. On a real Linux
 * in namespaces of its own, so that nobody else is touched. */
#include "guest.h"

#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

static void show(const char *name)
{
	char path[128], text[128] = "";
	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n - 1 : 0] = '\0';
	say("%s: %s", name, text);
}

static void put(const char *name, const char *value)
{
	char path[128];
	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	int fd = open(path, O_WRONLY);
	say("%s <- '%s': %s", name, value, result(write(fd, value, strlen(value))));
	close(fd);
	show(name);
}

static void segments(void)
{
	int a, b;
	put("kernel/shmmax", "8192");
	say("8192: %s", result(a = shmget(IPC_PRIVATE, 8192, 0600) < 0 ? -1 : 0));
	say("8193: %s", result(shmget(IPC_PRIVATE, 8193, 0600)));
	put("kernel/shmall", "4\n");
	b = shmget(IPC_PRIVATE, 4096, 0600);
	say("a third page: %s", result(b < 0 ? -1 : 0));
	say("two more: %s", result(shmget(IPC_PRIVATE, 8192, 0600)));
	put("kernel/shmmni", "2");
	say("a third segment: %s", result(shmget(IPC_PRIVATE, 1, 0600)));
	put("kernel/shmmni", "40000");
	put("kernel/shmmni", "-1");
	put("kernel/shmmax", "many");
	struct shminfo info;
	say("info: %s", result(shmctl(0, IPC_INFO, (struct shmid_ds *)&info) < 0));
	say("%lu %lu %lu", info.shmmax, info.shmmni, info.shmall);
}

static void semaphores(void)
{
	struct sembuf ops[3] = {{0, 1, 0}, {0, 1, 0}, {0, 1, 0}};
	put("kernel/sem", "3 5 2");
	int a = semget(IPC_PRIVATE, 3, 0600);
	say("3 in a set: %s", result(a < 0 ? -1 : 0));
	say("4: %s", result(semget(IPC_PRIVATE, 4, 0600)));
	say("5 in all: %s", result(semget(IPC_PRIVATE, 2, 0600) < 0 ? -1 : 0));
	say("6: %s", result(semget(IPC_PRIVATE, 1, 0600)));
	say("2 at once: %s, 3: %s", result(semop(a, ops, 2)), result(semop(a, ops, 3)));
	put("kernel/sem", "250\t32000\t32\t2");
	say("a third set: %s", result(semget(IPC_PRIVATE, 1, 0600)));
	put("kernel/sem", "250 32000 32 99999");
}

static void messages(void)
{
	struct {
		long type;
		char text[9000];
	} m = {.type = 1};
	put("kernel/msgmax", "9000");
	put("kernel/msgmnb", "9100");
	int q = msgget(IPC_PRIVATE, 0600);
	struct msqid_ds ds;
	say("room: %s", result(msgctl(q, IPC_STAT, &ds)));
	say("%lu", (unsigned long)ds.msg_qbytes);
	say("9000 bytes: %s", result(msgsnd(q, &m, 9000, IPC_NOWAIT)));
	say("101 more: %s", result(msgsnd(q, &m, 101, IPC_NOWAIT)));
	say("back: %s", result(msgrcv(q, &m, sizeof(m.text), 0, 0)));
	put("kernel/msgmax", "100");
	say("101 now: %s", result(msgsnd(q, &m, 101, IPC_NOWAIT)));
	put("kernel/msgmni", "1");
	say("a second queue: %s", result(msgget(IPC_PRIVATE, 0600)));
	put("kernel/msgmni", " 0x10 ");
	put("kernel/msgmni", "8 apples");
	put("kernel/msgmni", "9apples");
}

static void queues(void)
{
	struct mq_attr a;
	mqd_t q;
	put("fs/mqueue/msg_default", "5");
	put("fs/mqueue/msgsize_default", "300");
	put("fs/mqueue/msg_max", "20");
	put("fs/mqueue/msg_max", "0");
	put("fs/mqueue/msgsize_max", "127");
	put("fs/mqueue/queues_max", "1");
	say("open: %s", result((q = mq_open("/settings", O_CREAT | O_RDWR, 0600, NULL)) < 0 ? -1 : 0));
	say("attr: %s", result(mq_getattr(q, &a)));
	say("%ld %ld", a.mq_maxmsg, a.mq_msgsize);
	mq_close(q);
	mq_unlink("/settings");
	put("fs/mqueue/msg_max", "2");
	say("open: %s", result((q = mq_open("/settings", O_CREAT | O_RDWR, 0600, NULL)) < 0 ? -1 : 0));
	say("attr: %s", result(mq_getattr(q, &a)));
	say("%ld %ld", a.mq_maxmsg, a.mq_msgsize);
	mq_unlink("/settings");
}

/* As the kernel takes it, whatever the compiler thinks of the size. */
static long set(const char *name, long size) { return syscall(SYS_sethostname, name, size); }

static void names(void)
{
	struct utsname u;
	char longer[80];
	memset(longer, 'n', sizeof(longer));
	say("sethostname: %s", result(set("desk", 4)));
	say("setdomainname: %s", result(setdomainname("library\0more", 12)));
	uname(&u);
	say("uname: %s, %s", u.nodename, u.domainname);
	show("kernel/hostname");
	put("kernel/hostname", "carrel\n");
	put("kernel/domainname", "two words");
	uname(&u);
	say("uname: %s, %s", u.nodename, u.domainname);
	say("64: %s, 65: %s, -1: %s, nowhere: %s", result(set(longer, 64)), result(set(longer, 65)),
	    result(set(longer, -1)), result(set((const char *)8, 4)));
	say("none: %s", result(set(NULL, 0)));
	uname(&u);
	say("uname: '%s'", u.nodename);
}

int main(void)
{
	if (unshare(CLONE_NEWIPC | CLONE_NEWUTS) != 0 && errno != EINVAL) {
		say("no namespaces");
		return 0;
	}
	segments();
	semaphores();
	messages();
	queues();
	names();
	return 0;
}
