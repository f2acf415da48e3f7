/* SPDX-License-Identifier: MIT */
/* POSIX message queues: priorities, limits, who waits, and who wants to be told. */
#include "guest.h"

#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

static const char *r[8];
static char name[32], text[16384];

static const char *opened(mqd_t q) { return q == (mqd_t)-1 ? strerrorname_np(errno) : "ok"; }

static const char *take(mqd_t q, size_t size)
{
	static char out[8][64];
	static int i;
	char *s = out[i++ % 8];
	unsigned priority = 99;
	ssize_t n = mq_receive(q, text, size, &priority);

	if (n < 0)
		return strerrorname_np(errno);
	snprintf(s, sizeof(out[0]), "%u:%.*s(%zd)", priority, (int)n, text, n);
	return s;
}

static const char *put(mqd_t q, const char *what, unsigned priority) { return result(mq_send(q, what, strlen(what), priority)); }

static void line(const char *when, mqd_t q)
{
	struct mq_attr a;

	if (mq_getattr(q, &a) != 0)
		say("%s: %s", when, strerrorname_np(errno));
	else
		say("%s: %ld of %ld, size %ld, flags %s", when, a.mq_curmsgs, a.mq_maxmsg, a.mq_msgsize,
		    a.mq_flags & O_NONBLOCK ? "nonblock" : "none");
}

static volatile int told;

static void on_message(int n, siginfo_t *info, void *uc)
{
	(void)uc;
	told = n;
	say("told: code %d value %d from %s", info->si_code, info->si_value.sival_int,
	    info->si_pid == getpid() ? "me" : "another");
}

static void basics(void)
{
	struct mq_attr a = {.mq_maxmsg = 4, .mq_msgsize = 16}, b = {.mq_maxmsg = 0, .mq_msgsize = 16};
	struct mq_attr c = {.mq_maxmsg = 65537, .mq_msgsize = 1}, none = {.mq_flags = O_NONBLOCK};
	struct pollfd p;
	struct stat st;
	mqd_t q = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &a), w, n;

	say("create %s", opened(q));
	r[0] = opened(mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &a));
	r[1] = opened(mq_open("/carrel-none", O_RDWR));
	r[2] = opened(mq_open("/carrel-bad", O_RDWR | O_CREAT, 0600, &b));
	r[3] = opened(mq_open("/carrel-bad", O_RDWR | O_CREAT, 0600, &c));
	r[4] = opened((mqd_t)syscall(SYS_mq_open, "a/b", O_RDWR | O_CREAT, 0600, &a));
	r[5] = opened((mqd_t)syscall(SYS_mq_open, "", O_RDWR, 0600, &a));
	r[6] = opened((mqd_t)syscall(SYS_mq_open, (void *)8, O_RDWR, 0600, &a));
	say("exclusive %s, missing %s, none %s, many %s, slash %s, empty %s, pointer %s", r[0], r[1], r[2], r[3], r[4],
	    r[5], r[6]);
	line("new", q);
	fstat((int)q, &st);
	say("mode %o size %ld, closes on exec %d", st.st_mode, (long)st.st_size, fcntl((int)q, F_GETFD));
	r[0] = put(q, "low", 1);
	r[1] = put(q, "high", 9);
	r[2] = put(q, "low too", 1);
	r[3] = put(q, "", 32767);
	say("send %s %s %s %s", r[0], r[1], r[2], r[3]);
	line("four", q);
	n = mq_open(name, O_RDWR | O_NONBLOCK);
	w = mq_open(name, O_WRONLY);
	r[0] = put(n, "full", 1);
	r[1] = take(w, 16);
	r[2] = take(q, 15);
	r[3] = put(q, "seventeen letters", 0);
	r[4] = put(q, "x", 32768);
	say("full %s, for writing %s, no room %s, long %s, priority %s", r[0], r[1], r[2], r[3], r[4]);
	p = (struct pollfd){.fd = (int)q, .events = POLLIN | POLLOUT};
	poll(&p, 1, 0);
	say("poll %x", (unsigned)p.revents);
	for (int i = 0; i < 5; i++)
		r[i] = take(n, 16);
	say("in order %s %s %s %s, then %s", r[0], r[1], r[2], r[3], r[4]);
	p.revents = 0;
	poll(&p, 1, 0);
	say("poll %x", (unsigned)p.revents);
	r[0] = result(mq_setattr(q, &none, &b));
	line("set", q);
	none.mq_flags = 1;
	r[1] = result(mq_setattr(q, &none, NULL));
	none.mq_flags = 0;
	r[2] = result(mq_setattr(q, &none, NULL));
	say("set %s %s %s", r[0], r[1], r[2]);
	r[0] = result(mq_send(0, "x", 1, 0));
	r[1] = result(mq_send(999, "x", 1, 0));
	r[2] = result(mq_send(q, (void *)8, 4, 0));
	say("no queue %s %s, pointer %s", r[0], r[1], r[2]);
	r[0] = result(mq_unlink(name));
	r[1] = result(mq_unlink(name));
	r[2] = put(q, "alive", 2);
	r[3] = take(n, 16);
	say("unlink %s, again %s, still %s %s", r[0], r[1], r[2], r[3]);
	mq_close(q);
	mq_close(n);
	mq_close(w);
}

static int ended(void)
{
	int status = 0;

	wait(&status);
	return WEXITSTATUS(status);
}

static void pause_(void) { nanosleep(&(struct timespec){0, 50000000}, NULL); }

static void nothing(int n, siginfo_t *info, void *uc)
{
	(void)n;
	(void)info;
	(void)uc;
}

static void waits(void)
{
	struct mq_attr a = {.mq_maxmsg = 2, .mq_msgsize = 16};
	mqd_t q = mq_open(name, O_RDWR | O_CREAT, 0600, &a);
	struct timespec past = {1, 0}, bad = {1, 2000000000}, soon;
	pid_t pid;

	for (int i = 1; i <= 2; i++) {
		pid = fork();
		if (pid == 0)
			_exit(mq_receive(q, text, 16, NULL) == 1 ? i * 10 + text[0] - '0' : errno);
		until_asleep(pid);
	}
	put(q, "1", 0);
	say("the first: %d", ended());
	put(q, "2", 5);
	say("the second: %d", ended());
	line("none was queued", q);
	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_nsec += 20000000;
	if (soon.tv_nsec >= 1000000000) {
		soon.tv_nsec -= 1000000000;
		soon.tv_sec++;
	}
	r[0] = result(mq_timedreceive(q, text, 16, NULL, &past));
	r[1] = result(mq_timedreceive(q, text, 16, NULL, &soon));
	r[2] = result(mq_timedreceive(q, text, 16, NULL, &bad));
	r[3] = result(syscall(SYS_mq_timedreceive, (int)q, text, 16L, NULL, (void *)8));
	say("past %s, soon %s, bad %s, pointer %s", r[0], r[1], r[2], r[3]);
	put(q, "a", 0);
	put(q, "b", 0);
	r[0] = result(mq_timedsend(q, "c", 1, 0, &past));
	say("full %s", r[0]);
	pid = fork();
	if (pid == 0)
		_exit(mq_send(q, "z", 1, 9) == 0 ? 42 : errno);
	until_asleep(pid);
	r[0] = take(q, 16);
	say("room %s, sent %d", r[0], ended());
	r[0] = take(q, 16);
	r[1] = take(q, 16);
	say("then %s %s", r[0], r[1]);
	handle(SIGUSR1, nothing, 0);
	pid = fork();
	if (pid == 0)
		_exit(mq_receive(q, text, 16, NULL) < 0 ? errno : 0);
	until_asleep(pid);
	kill(pid, SIGUSR1);
	say("interrupted %s", strerrorname_np(ended()));
	handle(SIGUSR1, nothing, SA_RESTART);
	pid = fork();
	if (pid == 0)
		_exit(mq_receive(q, text, 16, NULL) == 4 ? 43 : errno);
	until_asleep(pid);
	kill(pid, SIGUSR1);
	pause_();
	put(q, "late", 0);
	say("restarted %d", ended());
	mq_unlink(name);
	mq_close(q);
}

static void notices(void)
{
	struct mq_attr a = {.mq_maxmsg = 4, .mq_msgsize = 16};
	mqd_t q = mq_open(name, O_RDWR | O_CREAT, 0600, &a), other;
	struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2, .sigev_value.sival_int = 77};
	struct sigevent bad = {.sigev_notify = 9}, quiet = {.sigev_notify = SIGEV_NONE};
	char line_[128] = "";

	handle(SIGUSR2, on_message, 0);
	r[0] = result(mq_notify(q, &e));
	r[1] = result(mq_notify(q, &e));
	r[2] = result(mq_notify(q, &bad));
	r[3] = result(mq_notify(999, &e));
	say("notify %s, again %s, bad %s, no queue %s", r[0], r[1], r[2], r[3]);
	put(q, "first", 0);
	put(q, "second", 0);
	say("told once: %d", told == SIGUSR2);
	told = 0;
	r[0] = result(mq_notify(q, &e));
	put(q, "third", 0);
	say("not when it was not empty: %s %d", r[0], told);
	for (int i = 0; i < 3; i++)
		take(q, 16);
	if (fork() == 0) {
		put(q, "child", 0);
		_exit(0);
	}
	ended();
	say("told: %d", told == SIGUSR2);
	take(q, 16);
	told = 0;
	mq_notify(q, &e);
	r[0] = result(mq_notify(q, NULL));
	put(q, "x", 0);
	say("taken back %s: %d", r[0], told);
	take(q, 16);
	r[0] = result(mq_notify(q, &quiet));
	put(q, "x", 0);
	say("in silence %s: %d", r[0], told);
	mq_notify(q, &e);
	other = mq_open(name, O_RDONLY);
	mq_close(other);
	r[0] = result(mq_notify(q, &e));
	say("closing any of them forgets: %s", r[0]);
	lseek((int)q, 0, SEEK_SET);
	if (read((int)q, line_, sizeof(line_) - 1) > 0)
		say("%.37s", line_);
	mq_unlink(name);
	mq_close(q);
}

static void limits(void)
{
	static const char *const files[] = {"queues_max", "msg_max", "msgsize_max", "msg_default", "msgsize_default"};
	mqd_t q[12];
	int n = 0;
	struct rlimit l = {819200, 819200};

	setrlimit(RLIMIT_MSGQUEUE, &l);
	for (n = 0; n < 12; n++) {
		char path[40];

		snprintf(path, sizeof(path), "%s-%d", name, n);
		q[n] = mq_open(path, O_RDWR | O_CREAT, 0600, NULL);
		mq_unlink(path);
		if (q[n] == (mqd_t)-1)
			break;
	}
	say("%d of them, then %s", n, strerrorname_np(errno == ENOENT ? EMFILE : errno));
	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char path[64], some[64] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/sys/fs/mqueue/%s", files[i]);
		f = fopen(path, "r");
		if (f && fgets(some, sizeof(some), f))
			some[strcspn(some, "\n")] = 0;
		say("%s: %s", files[i], some);
		if (f)
			fclose(f);
	}
}

int main(void)
{
	snprintf(name, sizeof(name), "/carrel-%d", getpid());
	basics();
	waits();
	notices();
	limits();
	return 0;
}
