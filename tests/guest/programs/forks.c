/* SPDX-License-Identifier: MIT */
/* Processes that make processes: fork, vfork, posix_spawn, pipes between them, groups, sessions. */
#include "guest.h"

#include <fcntl.h>
#include <sched.h>
#include <spawn.h>

extern char **environ;
static int global = 1;

static void copies(void)
{
	int local = 1, *heap = malloc(sizeof(*heap));

	*heap = 1;
	say("fork");
	pid_t pid = fork();
	if (pid == 0) {
		say("  child: pid differs %d, parent's known %d, alone %d", getpid() != getppid(), getppid() > 1, global + local + *heap == 3);
		global = local = *heap = 50;
		_exit(global + local);
	}
	say("  ended: %s", wait_for(pid));
	say("  parent: %d %d %d", global, local, *heap);
	free(heap);
}

static void vforks(void)
{
	volatile int order = 0;
	pid_t pid;

	say("vfork");
	pid = vfork();
	if (pid == 0) {
		order = 1;
		_exit(9);
	}
	say("  the child went first: %d, %s", order, wait_for(pid));
}

static void spawns(const char *self)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	char *argv[] = {"forks", "spawned", "with arguments", NULL};
	pid_t pid;
	int r, fd[2];
	char text[64] = "";
	FILE *f;

	say("posix_spawn");
	r = posix_spawn(&pid, self, NULL, NULL, argv, environ);
	say("  %s: %s", r ? strerrorname_np(r) : "started", wait_for(pid));
	r = posix_spawn(&pid, "/no/such/program", NULL, NULL, argv, environ);
	say("  no such program: %s", r ? strerrorname_np(r) : "started");
	if (pipe(fd) != 0)
		return;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fd[1], 1);
	posix_spawn_file_actions_addclose(&actions, fd[0]);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
	r = posix_spawn(&pid, self, &actions, &attr, argv, environ);
	close(fd[1]);
	if (read(fd[0], text, sizeof(text) - 1) < 0)
		say("  read: %s", strerrorname_np(errno));
	close(fd[0]);
	say("  into a pipe: %s: %s", wait_for(pid), strtok(text, "\n"));
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	(void)f;
}

/* 1, 2, 3, ... through a pipeline that squares and sums. */
static void pipeline(void)
{
	int a[2], b[2];

	if (pipe(a) != 0 || pipe(b) != 0)
		return;
	if (fork() == 0) {
		close(a[0]);
		for (int i = 1; i <= 20000; i++)
			if (write(a[1], &i, sizeof(i)) != sizeof(i))
				_exit(1);
		_exit(0);
	}
	if (fork() == 0) {
		int i;
		close(a[1]);
		close(b[0]);
		while (read(a[0], &i, sizeof(i)) == sizeof(i)) {
			long square = (long)i * i;
			if (write(b[1], &square, sizeof(square)) != sizeof(square))
				_exit(1);
		}
		_exit(0);
	}
	close(a[0]);
	close(a[1]);
	close(b[1]);
	long square, sum = 0, n = 0;
	while (read(b[0], &square, sizeof(square)) == sizeof(square)) {
		sum += square;
		n++;
	}
	close(b[0]);
	say("pipeline: %ld numbers, sum of squares %ld", n, sum);
	while (wait(NULL) > 0)
		;
}

static void writes_to_nobody(void)
{
	int fd[2];

	if (pipe(fd) == 0) {
		close(fd[0]);
		if (write(fd[1], "x", 1) < 0)
			_exit(1);
	}
}

static void writes_to_nobody_and_ignores_it(void)
{
	signal(SIGPIPE, SIG_IGN);
	int fd[2];

	if (pipe(fd) == 0) {
		close(fd[0]);
		say("  write: %s", result(write(fd[1], "x", 1)));
	}
}

static void groups(void)
{
	int fd[2];
	char c;
	pid_t pid;

	say("groups and sessions");
	if (pipe(fd) != 0)
		return;
	pid = fork();
	if (pid == 0) {
		say("  in its parent's group %d and session %d", getpgrp() == getpgid(getppid()), getsid(0) == getsid(getppid()));
		say("  setsid: %d", setsid() == getpid());
		say("  leads both: %d %d", getpgrp() == getpid(), getsid(0) == getpid());
		say("  twice: %s", result(setsid()));
		say("  setpgid of a leader: %s", result(setpgid(0, getppid())));
		_exit(0);
	}
	wait_for(pid);
	pid = fork();
	if (pid == 0) {
		if (read(fd[0], &c, 1) == 1)
			say("  moved by its parent: %d", getpgrp() == getpid());
		_exit(0);
	}
	say("  setpgid: %s", result(setpgid(pid, pid)));
	if (write(fd[1], "x", 1) != 1)
		return;
	wait_for(pid);
	say("  of one that is gone: %s", result(setpgid(pid, pid)));
	say("  getpgid of none: %s", result(getpgid(0x3fffffff)));
}

static void descriptors(void)
{
	char path[] = "/tmp/forks-XXXXXX";
	int fd = mkstemp(path), other;

	say("descriptors");
	unlink(path);
	if (fork() == 0) {
		if (write(fd, "child", 5) != 5)
			_exit(1);
		close(fd);
		_exit(0);
	}
	wait(NULL);
	say("  the position is shared: %ld", (long)lseek(fd, 0, SEEK_CUR));
	other = dup(fd);
	lseek(other, 2, SEEK_SET);
	say("  with dup too: %ld", (long)lseek(fd, 0, SEEK_CUR));
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	say("  cloexec is not: %d %d", fcntl(fd, F_GETFD), fcntl(other, F_GETFD));
	close(fd);
	say("  closed: %s, the other: %ld", result(lseek(fd, 0, SEEK_CUR)), (long)lseek(other, 0, SEEK_CUR));
}

static void many(void)
{
	enum { N = 200 };
	int ended = 0, sum = 0, status;

	for (int i = 0; i < N; i++)
		if (fork() == 0) {
			global += i;
			for (int j = 0; j < i % 7; j++)
				sched_yield();
			_exit(global % 100);
		}
	while (wait(&status) > 0) {
		ended++;
		sum += WEXITSTATUS(status);
	}
	say("%d at once: %d ended, sum %d", N, ended, sum);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		say("  I am %s, %s", argv[1], argv[2]);
		return 3;
	}
	copies();
	vforks();
	spawns("/proc/self/exe");
	pipeline();
	in_child("SIGPIPE", writes_to_nobody);
	in_child("ignored", writes_to_nobody_and_ignores_it);
	groups();
	descriptors();
	many();
	say("nobody left: %s", result(wait(NULL)));
	return 0;
}
