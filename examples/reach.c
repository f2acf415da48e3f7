/* SPDX-License-Identifier: MIT */
/* How far do addresses reach? Maps until nothing more can be mapped, and adds it up:
 *
 *	carrel run -m 4M --va 4G reach.c     what a 32-bit machine has
 *	carrel run -m 4M reach.c             what a 64-bit Linux has
 *
 * Addresses cost nothing. Only what is touched needs a frame: the first page of each mapping, as
 * long as there are few.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Uses the first page, and shuts the door again. */
static void use(char *p)
{
	if (mprotect(p, 4096, PROT_READ | PROT_WRITE) != 0)
		exit(1);
	*p = 1;
	if (mprotect(p, 4096, PROT_NONE) != 0)
		exit(1);
}

int main(void)
{
	unsigned long total = 0, count = 0;
	for (unsigned long size = 1UL << 56; size >= 4096; size /= 2) {
		for (;;) {
			char *p = mmap(NULL, size, PROT_NONE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
			if (p == MAP_FAILED)
				break;
			total += size;
			if (++count <= 16)
				use(p);
		}
	}
	const char *unit[] = {"B", "KB", "MB", "GB", "TB", "PB"};
	unsigned u = 0;
	double n = (double)total;
	for (; n >= 1000; u++)
		n /= 1024;
	printf("%.0f %s of addresses (%lu bytes)\n", n, unit[u], total);
	return 0;
}
