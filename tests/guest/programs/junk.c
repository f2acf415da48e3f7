/* SPDX-License-Identifier: MIT */
/* Children that make random system calls with random arguments. Whatever becomes of them, their
 * parent, and the machine, go on. For Carrel only: a real system would be at risk.
 *
 *	junk [SEED [CHILDREN]] */
#include "guest.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

enum { CALLS = 300, NUMBERS = 470 };
static uint64_t state;
static char *page;

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static long argument(void)
{
	uint64_t r = next();

	switch (r >> 8 & 15) {
	case 0: return 0;
	case 1: return -1;
	case 2: return (long)(r >> 16);
	case 3: return (long)(r >> 60);
	case 4: return 8;
	case 5: return (long)0x7fffffffffffffff;
	case 6: return (long)0x8000000000000000;
	case 7: return 4096;
	case 8: return (long)(page + 4096 - (r >> 56 & 15)); /* into the page that is not there */
	case 9: return -100; /* AT_FDCWD */
	case 10: return (long)(1UL << (r >> 16 & 63));
	default: return (long)(page + (r >> 16 & 0xff8));
	}
}

static int too_harmful(long number)
{
	/* It could reach its parent and its siblings by number, which is as it should be; and children
	 * of its own might wait for ever when all is over. */
	return number == SYS_clone || number == SYS_clone3 || number == SYS_kill || number == SYS_tkill || number == SYS_tgkill || number == SYS_rt_sigqueueinfo ||
	       number == SYS_rt_tgsigqueueinfo || number == SYS_prlimit64 || number == SYS_setpriority;
}

static void play(void)
{
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	if (chdir("/tmp") != 0)
		_exit(1);
	open("/tmp/junk-file", O_RDWR | O_CREAT, 0600);
	int fd[2];
	if (pipe(fd) != 0)
		_exit(1);
	for (int i = 0; i < CALLS; i++) {
		long number = (long)(next() >> 20) % NUMBERS, a[6];
		for (int j = 0; j < 6; j++)
			a[j] = argument();
		if (!too_harmful(number))
			syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	}
}

int main(int argc, char **argv)
{
	int children = argc > 2 ? atoi(argv[2]) : 200, gone = 0;

	state = argc > 1 ? strtoull(argv[1], NULL, 0) * 2654435769 + 1 : 88172645463325252;
	page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(page + 4096, 4096);
	for (int i = 0; i < children; i++) {
		struct timespec ts = {0, 200000000};
		for (int j = 0; j < 4096; j += 8)
			memcpy(page + j, "/tmp/j\0", 8);
		for (int j = 0; j < 1024; j += 8)
			page[j + 4] = (char)next();
		next();
		pid_t pid = fork();
		if (pid == 0) {
			setpgid(0, 0);
			play();
			_exit(0);
		}
		nanosleep(&ts, NULL);
		kill(pid, SIGKILL);
		int status;
		gone += waitpid(pid, &status, 0) == pid;
	}
	say("%d children gone", gone);
	return 0;
}
