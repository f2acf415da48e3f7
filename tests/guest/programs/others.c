/* SPDX-License-Identifier: MIT */
/* The memory of other processes: process_vm_readv and writev, process_madvise, process_mrelease; and where
 * memory lies on a machine of one node. */
#include "guest.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif
#ifndef SYS_process_mrelease
#define SYS_process_mrelease 448
#endif

enum { PAGE = 4096 };

static const char *r[8];
static char *p;

static struct iovec part(const void *at, size_t size) { return (struct iovec){(void *)(unsigned long)at, size}; }

static void copies(void)
{
	char here[64] = "", more[64] = "";
	struct iovec l[2] = {part(here, 5), part(more, 20)}, o[3] = {part(p + 10, 3), part(p + PAGE - 2, 6), part(p, 1)};
	struct iovec hole[3] = {part(p, 4), part(p + 3 * PAGE, 4), part(p, 4)}, bad = part((void *)8, 4);
	struct iovec long_ = part(p, (size_t)-1), across = part(p + 3 * PAGE - 2, 8);
	static struct iovec many[1025];
	int to[2], from[2], status;
	pid_t child;

	pipe(to);
	pipe(from);
	strcpy(p + 10, "abcdef");
	strcpy(p + PAGE - 2, "across");
	p[0] = '!';
	child = fork();
	if (child == 0) {
		char c;

		strcpy(p + 10, "child.");
		mprotect(p + PAGE, PAGE, PROT_READ);
		write(from[1], "r", 1);
		read(to[0], &c, 1);
		say("child: %s", p + 10);
		_exit(0);
	}
	read(from[0], here, 1);
	r[0] = result(process_vm_readv(child, l, 2, o, 3, 0));
	say("read %s: %.5s %s", r[0], here, more);
	strcpy(here, "WRITE");
	strcpy(more, "more");
	r[0] = result(process_vm_writev(child, l, 1, o, 1, 0));
	r[1] = result(process_vm_writev(child, l, 1, &o[1], 1, 0));
	say("write %s, cut by what cannot be written %s", r[0], r[1]);
	r[0] = result(process_vm_readv(child, l, 2, hole, 3, 0));
	r[1] = result(process_vm_readv(child, l, 2, &hole[1], 2, 0));
	r[2] = result(process_vm_readv(child, l, 2, &across, 1, 0));
	r[3] = result(process_vm_readv(child, &bad, 1, o, 1, 0));
	say("a hole behind %s, first %s, within %s; no memory here %s", r[0], r[1], r[2], r[3]);
	r[0] = result(process_vm_readv(child, l, 1, o, 1, 1));
	r[1] = result(process_vm_readv(child, l, 1025, o, 1, 0));
	r[2] = result(process_vm_readv(child, l, 1, many, 1025, 0));
	r[3] = result(process_vm_readv(child, l, 1, &long_, 1, 0));
	r[4] = result(process_vm_readv(child, (void *)8, 1, o, 1, 0));
	r[5] = result(process_vm_readv(child, l, 1, (void *)8, 1, 0));
	say("flags %s, many %s %s, long %s, pointers %s %s", r[0], r[1], r[2], r[3], r[4], r[5]);
	r[0] = result(process_vm_readv(child, l, 0, o, 1, 0));
	r[1] = result(process_vm_readv(0x3fffffff, l, 0, o, 1, 0));
	r[2] = result(process_vm_readv(0x3fffffff, l, 1, o, 1, 0));
	say("nothing %s %s, nobody %s", r[0], r[1], r[2]);
	write(to[1], "g", 1);
	waitpid(child, &status, 0);
	say("gone: %s", result(process_vm_readv(child, l, 1, o, 1, 0)));
	strcpy(p + 10, "myself");
	r[0] = result(process_vm_readv(getpid(), l, 1, o, 1, 0));
	say("myself %s: %.3s", r[0], here);
}

static void advice(void)
{
	struct iovec v[2] = {part(p, PAGE), part(p + PAGE, PAGE)}, hole[2] = {part(p, PAGE), part(p + 3 * PAGE, PAGE)};
	pid_t child = fork();
	int fd, me = (int)syscall(SYS_pidfd_open, getpid(), 0), status;

	if (child == 0) {
		pause();
		_exit(0);
	}
	fd = (int)syscall(SYS_pidfd_open, child, 0);
	r[0] = result(syscall(SYS_process_madvise, fd, v, 2, MADV_COLD, 0));
	r[1] = result(syscall(SYS_process_madvise, fd, v, 2, MADV_PAGEOUT, 0));
	r[2] = result(syscall(SYS_process_madvise, fd, v, 2, MADV_WILLNEED, 0));
	r[3] = result(syscall(SYS_process_madvise, fd, v, 2, MADV_DONTNEED, 0));
	say("cold %s, out %s, back %s, gone %s", r[0], r[1], r[2], r[3]);
	r[0] = result(syscall(SYS_process_madvise, fd, v, 2, MADV_COLD, 1));
	r[1] = result(syscall(SYS_process_madvise, -1, v, 2, MADV_COLD, 0));
	r[2] = result(syscall(SYS_process_madvise, 0, v, 2, MADV_COLD, 0));
	r[3] = result(syscall(SYS_process_madvise, fd, hole, 2, MADV_COLD, 0));
	r[4] = result(syscall(SYS_process_madvise, me, v, 1, MADV_COLD, 0));
	say("flags %s, no descriptor %s %s, a hole %s, my own %s", r[0], r[1], r[2], r[3], r[4]);
	r[0] = result(syscall(SYS_process_mrelease, fd, 1));
	r[1] = result(syscall(SYS_process_mrelease, fd, 0));
	r[2] = result(syscall(SYS_process_mrelease, -1, 0));
	say("release: flags %s, of the living %s, no descriptor %s", r[0], r[1], r[2]);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	r[0] = result(syscall(SYS_process_madvise, fd, v, 2, MADV_COLD, 0));
	r[1] = result(syscall(SYS_process_mrelease, fd, 0));
	say("gone: %s %s", r[0], r[1]);
}

/* Pages of a shared mapping in another order. */
static void order(void)
{
	char *m = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	for (int i = 0; i < 4; i++)
		m[i * PAGE] = (char)('0' + i);
	for (int i = 0; i < 4; i++)
		r[i] = result(syscall(SYS_remap_file_pages, m + i * PAGE, PAGE, 0, 3 - i, 0));
	say("reversed %s %s %s %s: %c%c%c%c", r[0], r[1], r[2], r[3], m[0], m[PAGE], m[2 * PAGE], m[3 * PAGE]);
	r[0] = result(syscall(SYS_remap_file_pages, m, 4 * PAGE, 0, 0, 0));
	say("back %s: %c%c%c%c", r[0], m[0], m[PAGE], m[2 * PAGE], m[3 * PAGE]);
	r[0] = result(syscall(SYS_remap_file_pages, m, PAGE, PROT_READ, 0, 0));
	r[1] = result(syscall(SYS_remap_file_pages, p, PAGE, 0, 0, 0));
	r[2] = result(syscall(SYS_remap_file_pages, m, 0, 0, 0, 0));
	r[3] = result(syscall(SYS_remap_file_pages, m, PAGE, 0, -1L, 0));
	munmap(m, 4 * PAGE);
	r[4] = result(syscall(SYS_remap_file_pages, m, PAGE, 0, 0, 0));
	say("protection %s, private %s, nothing %s, far %s, nowhere %s", r[0], r[1], r[2], r[3], r[4]);
}

int main(void)
{
	p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(p + 3 * PAGE, PAGE);
	copies();
	advice();
	order();
	return 0;
}
