/* SPDX-License-Identifier: MIT */
/* unshare: what clone made two processes share becomes each one's own. */
#include "guest.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static const char *where(void)
{
	static char path[4096];

	return getcwd(path, sizeof(path)) ? path : "?";
}

/* The child moves, opens and masks; the parent sees it or does not. */
static void shares(int flags, int parts)
{
	int at = open("/", O_RDONLY | O_DIRECTORY), status;
	pid_t child;

	if (chdir("/tmp") != 0)
		say("chdir: %s", strerrorname_np(errno));
	umask(022);
	child = (pid_t)syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
	if (child == 0) {
		say("parts: %s", result(unshare(parts)));
		if (chdir("/proc") != 0 || close(at) != 0)
			say("child: %s", strerrorname_np(errno));
		umask(077);
		_exit(0);
	}
	waitpid(child, &status, 0);
	say("shared %#x, parted %#x: %s, descriptor %s, umask %o", (unsigned)flags, (unsigned)parts, where(),
	    fcntl(at, F_GETFD) >= 0 ? "open" : "closed", umask(022));
	close(at);
}

static void *is_there(void *barrier)
{
	pthread_barrier_wait(barrier);
	return NULL;
}

static void among_threads(void)
{
	pthread_barrier_t barrier;
	pthread_t t;

	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&t, NULL, is_there, &barrier);
	say("among threads: nothing %s, semaphores %s, thread %s, signals %s, memory %s", result(unshare(0)),
	    result(unshare(CLONE_SYSVSEM)), result(unshare(CLONE_THREAD)), result(unshare(CLONE_SIGHAND)),
	    result(unshare(CLONE_VM)));
	pthread_barrier_wait(&barrier);
	pthread_join(t, NULL);
}

static void semaphores(void)
{
	int set = semget(IPC_PRIVATE, 1, 0600);
	struct sembuf up = {0, 5, SEM_UNDO};

	say("up: %s", result(semop(set, &up, 1)));
	say("value %s", result(semctl(set, 0, GETVAL)));
	say("parts: %s", result(unshare(CLONE_SYSVSEM)));
	say("value %s", result(semctl(set, 0, GETVAL)));
	semctl(set, 0, IPC_RMID);
}

static int in_the_same_memory(void *unused)
{
	(void)unused;
	say("in memory of two: memory %s, signals %s, thread %s, files %s", result(unshare(CLONE_VM)),
	    result(unshare(CLONE_SIGHAND)), result(unshare(CLONE_THREAD)), result(unshare(CLONE_FILES)));
	return 0;
}

int main(void)
{
	static char stack[1 << 16];
	int status;

	say("nothing %s, thread %s, signals %s, memory %s, files %s", result(unshare(0)), result(unshare(CLONE_THREAD)),
	    result(unshare(CLONE_SIGHAND)), result(unshare(CLONE_VM)), result(unshare(CLONE_FS | CLONE_FILES)));
	say("no such: %s, %s, %s", result(unshare(1)), result(unshare(CLONE_VFORK)),
	    result(syscall(SYS_unshare, 1L << 40)));
	shares(CLONE_FS | CLONE_FILES, 0);
	shares(CLONE_FS | CLONE_FILES, CLONE_FS);
	shares(CLONE_FS | CLONE_FILES, CLONE_FILES);
	shares(CLONE_FS | CLONE_FILES, CLONE_FS | CLONE_FILES);
	shares(CLONE_FS, CLONE_FILES);
	among_threads();
	semaphores();
	pid_t child = clone(in_the_same_memory, stack + sizeof(stack), CLONE_VM | CLONE_FILES | SIGCHLD, NULL);
	waitpid(child, &status, 0);
	if (fork() == 0) {
		if (geteuid() == 0 && setuid(65534) != 0)
			say("setuid: %s", strerrorname_np(errno));
		say("namespaces for who may not: %s, %s", result(unshare(CLONE_NEWUTS)), result(unshare(CLONE_NEWNS | CLONE_FS)));
		_exit(0);
	}
	wait(&status);
	return 0;
}
