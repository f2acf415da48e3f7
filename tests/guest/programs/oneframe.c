/* SPDX-License-Identifier: MIT */
/* One page each of System V's, POSIX's and a memfd's shared memory, which two processes have mapped twice each
 * when the child asks for its parent. */
#include "guest.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>

enum { PAGE = 4096 };

static volatile char *map(int fd) { return mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0); }

int main(void)
{
	int id = shmget(IPC_PRIVATE, PAGE, 0600), posix = shm_open("/oneframe", O_RDWR | O_CREAT, 0600), status;
	int memory = (int)syscall(SYS_memfd_create, "oneframe", 0);
	volatile char *p[6];

	if (ftruncate(posix, PAGE) != 0 || ftruncate(memory, PAGE) != 0)
		return 1;
	for (int i = 0; i < 2; i++) {
		p[3 * i] = shmat(id, NULL, 0);
		p[3 * i + 1] = map(posix);
		p[3 * i + 2] = map(memory);
	}
	shm_unlink("/oneframe");
	shmctl(id, IPC_RMID, NULL);
	for (int i = 0; i < 6; i++)
		p[i][i] = 'p';
	if (fork() == 0) {
		for (int i = 0; i < 6; i++)
			p[i][16 + i] = 'c';
		syscall(SYS_getppid);
		_exit(0);
	}
	wait(&status);
	for (int i = 0; i < 3; i++)
		say("%c%c%c%c", p[i][i], p[i][i + 3], p[i][16 + i], p[i][19 + i]);
	return 0;
}
