/* SPDX-License-Identifier: MIT */
/* larger.c PAGES - fills pages, changes them in an order without order, forks, and says what they hold
 *
 * Private pages, pages shared with the children, and a file's pages; the children see what was there at
 * the fork and write copies of their own.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, CHILDREN = 3 };

static uint64_t state = 12345;

static uint64_t next(uint64_t below)
{
	state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (state >> 33) % below;
}

static uint64_t sum(const unsigned char *p, uint64_t pages)
{
	uint64_t s = 0;
	for (uint64_t i = 0; i < pages; i++)
		for (unsigned at = 0; at < PAGE; at += 256)
			s = s * 31 + p[i * PAGE + at];
	return s;
}

static void change(unsigned char *p, uint64_t pages, unsigned times)
{
	while (times--)
		p[next(pages) * PAGE + next(16) * 256] += (unsigned char)next(256);
}

int main(int argc, char **argv)
{
	uint64_t pages = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000, shared = pages / 10;
	unsigned char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char *s = mmap(NULL, shared * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED || s == MAP_FAILED) {
		printf("no memory\n");
		return 1;
	}
	for (uint64_t i = 0; i < pages; i++)
		for (unsigned at = 0; at < PAGE; at += 256)
			p[i * PAGE + at] = (unsigned char)(i * 7 + at / 256);
	change(p, pages, 2000);
	printf("filled: %llx\n", (unsigned long long)sum(p, pages));
	fflush(stdout);
	for (unsigned c = 0; c < CHILDREN; c++) {
		pid_t pid = fork();
		if (pid == 0) {
			state += c;
			change(p, pages, 500);
			for (uint64_t i = c; i < shared; i += CHILDREN)
				s[i * PAGE] = (unsigned char)(i + c);
			/* One at a time, so that the lines have an order. */
			char line[64];
			int n = snprintf(line, sizeof(line), "child %u: %llx\n", c, (unsigned long long)sum(p, pages));
			return write(1, line, (size_t)n) != n;
		}
		if (pid < 0 || (c % 2 && waitpid(pid, NULL, 0) < 0)) {
			printf("fork failed\n");
			return 1;
		}
		if (c % 2 == 0)
			waitpid(pid, NULL, 0);
		change(p, pages, 500);
	}
	printf("parent: %llx, shared: %llx\n", (unsigned long long)sum(p, pages), (unsigned long long)sum(s, shared));
	return 0;
}
