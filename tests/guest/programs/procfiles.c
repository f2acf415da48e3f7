/* SPDX-License-Identifier: MIT */
/* procfiles.c - /proc/PID: what was read and written, the call a process waits in, its timers, namespaces and maps of ids */
#include "guest.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

static const char *text_of(const char *path)
{
	static char text[4096];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
	return n < 0 ? strerrorname_np(errno) : text;
}

static long of(const char *text, const char *name)
{
	const char *at = strstr(text, name);
	return at ? atol(at + strlen(name)) : -1;
}

static void io(void)
{
	char text[1000] = {0}, before[4096];
	int p[2], null = open("/dev/null", O_RDWR);
	(void)!pipe(p);
	strcpy(before, text_of("/proc/self/io"));
	(void)!write(p[1], text, 700);
	(void)!read(p[0], text, 300);
	(void)!read(p[0], text, 1000);
	(void)!write(null, text, 1000);
	(void)!pwrite(null, text, 10, 0);
	(void)!write(-1, text, 5);
	const char *after = text_of("/proc/self/io");
	/* Reading the file counts, too. */
	say("read %d, written %ld", of(after, "rchar: ") - of(before, "rchar: ") >= 700 && of(after, "rchar: ") - of(before, "rchar: ") < 1000,
	    of(after, "wchar: ") - of(before, "wchar: "));
	say("reads %ld, writes %ld", of(after, "syscr: ") - of(before, "syscr: "), of(after, "syscw: ") - of(before, "syscw: "));
	say("cancelled %ld", of(after, "cancelled_write_bytes: "));
}

static void waiting(void)
{
	int p[2], status;
	char path[64], c;
	(void)!pipe(p);
	pid_t pid = fork();
	if (pid == 0) {
		close(p[1]);
		(void)!read(p[0], &c, 1);
		_exit(0);
	}
	snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	for (int i = 0; i < 1000 && text_of(path)[0] == 'r'; i++)
		usleep(1000);
	long number = -1, fd = -1, va, size = -1;
	sscanf(text_of(path), "%ld %li %li %li", &number, &fd, &va, &size);
	say("waits in read: %d, of the pipe: %d, for %ld byte", number == SYS_read, fd == p[0], size);
	close(p[1]);
	waitpid(pid, &status, 0);
	say("oneself: %s", strncmp(text_of("/proc/self/syscall"), "running", 7) == 0 ? "running" : "in a call");
}

static void timers(void)
{
	timer_t a, b;
	struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 77}, none = {.sigev_notify = SIGEV_NONE};
	timer_create(CLOCK_MONOTONIC, &e, &a);
	timer_create(CLOCK_REALTIME, &none, &b);
	const char *text = text_of("/proc/self/timers");
	say("timers: signal %ld, clock %ld", of(text, "signal: "), of(text, "ClockID: "));
	say("both: %d %d", strstr(text, "ID: 0\n") != NULL, strstr(text, "ID: 1\n") != NULL);
	say("kinds: %d %d", strstr(text, "notify: signal/pid.") != NULL, strstr(text, "notify: none/pid.") != NULL);
	timer_delete(a);
	timer_delete(b);
	say("none: '%s'", text_of("/proc/self/timers"));
}

static int names(const struct dirent **list, DIR *d)
{
	(void)list;
	int n = 0;
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.' && e->d_type == DT_LNK;
	return n;
}

static void namespaces(void)
{
	static const char *const kinds[] = {"cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "user", "uts"};
	DIR *d = opendir("/proc/self/ns");
	say("ns has 10: %d", names(NULL, d) == 10);
	closedir(d);
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char path[64], text[64] = "";
		struct stat st;
		snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i]);
		long n = readlink(path, text, sizeof(text) - 1);
		char *number = strchr(text, '[');
		say("%s: %d %.*s, link %d", kinds[i], n > 10, number ? (int)(number - text) : 0, text, lstat(path, &st) == 0 && S_ISLNK(st.st_mode));
	}
	char text[64];
	say("no such: %s", result(readlink("/proc/self/ns/none", text, sizeof(text))));
}

int main(void)
{
	io();
	waiting();
	timers();
	namespaces();
	say("uid_map:%s", text_of("/proc/self/uid_map"));
	say("gid_map:%s", text_of("/proc/self/gid_map"));
	say("setgroups: %s", text_of("/proc/self/setgroups"));
	say("sessionid: %s", text_of("/proc/self/sessionid"));
	say("timerslack_ns: %s", text_of("/proc/self/timerslack_ns"));
	say("mountstats: %d", strstr(text_of("/proc/self/mountstats"), " mounted on /") != NULL);
	return 0;
}
