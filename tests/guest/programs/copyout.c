/* SPDX-License-Identifier: MIT */
/* Calls that give a program bytes touch only the memory that they write: minor faults, and addresses
 * that would be bad if they were used. */
#include "guest.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static char *volatile bad = (char *)8;

static long minor(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_minflt;
}

/* Memory that nobody has touched, in pages of 4 KiB. */
static char *fresh(size_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	madvise(p, size, MADV_NOHUGEPAGE);
	return p;
}

static int small_file(void)
{
	char name[] = "/tmp/copyout.XXXXXX";
	int fd = mkstemp(name);

	unlink(name);
	if (write(fd, "0123456789", 10) != 10)
		say("the file cannot be written");
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static void fill_pipe(int ends[2], const char *bytes, size_t size)
{
	if (pipe(ends) != 0 || write(ends[1], bytes, size) != (ssize_t)size)
		say("pipe: %s", strerrorname_np(errno));
}

static void faults(void)
{
	static char bytes[65536];
	int fd = small_file(), ends[2];
	char *p = fresh(1 << 20);
	long before = minor(), n = read(fd, p, 1 << 20), taken = minor() - before;

	say("a small file into 1 MiB: %s, %ld faults", result(n), taken);
	before = minor(), n = read(fd, p + 4096, 4096), taken = minor() - before;
	say("its end: %s, %ld faults", result(n), taken);
	before = minor(), n = pread(fd, p + 8190, 65536, 3), taken = minor() - before;
	say("across a page's end: %s, %ld faults", result(n), taken);
	struct iovec iov[3] = {{p + 65536, 4}, {p + 131072, 65536}, {p + 262144, 65536}};
	before = minor(), n = preadv(fd, iov, 3, 0), taken = minor() - before;
	say("into three buffers: %s, %ld faults", result(n), taken);

	fill_pipe(ends, bytes, 5000);
	p = fresh(65536);
	before = minor(), n = read(ends[0], p, 65536), taken = minor() - before;
	say("5000 bytes of a pipe into 64 KiB: %s, %ld faults", result(n), taken);
	close(ends[1]);
	before = minor(), n = read(ends[0], p + 32768, 4096), taken = minor() - before;
	say("a pipe that nobody writes to: %s, %ld faults", result(n), taken);
	fill_pipe(ends, bytes, 65536);
	p = fresh(65536);
	before = minor(), n = read(ends[0], p, 65536), taken = minor() - before;
	say("a full pipe: %s, %ld faults", result(n), taken);

	fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
	p = fresh(32768);
	before = minor(), n = syscall(SYS_getdents64, fd, p, 32768), taken = minor() - before;
	say("a small directory into 32 KiB: %s, %ld faults", n > 0 ? "some" : result(n), taken);
	before = minor(), n = syscall(SYS_getdents64, fd, p + 16384, 4096), taken = minor() - before;
	say("its end: %s, %ld faults", result(n), taken);
	fd = open("/proc/self/maps", O_RDONLY);
	p = fresh(65536);
	before = minor(), n = read(fd, p, 65536), taken = minor() - before;
	say("/proc/self/maps into 64 KiB: %s, %ld faults", n > 0 ? "some" : result(n), taken);
	p = fresh(65536);
	before = minor(), n = readlink("/proc/self/exe", p, 65536), taken = minor() - before;
	say("readlink into 64 KiB: %s, %ld faults", n > 0 ? "some" : result(n), taken);
	p = fresh(65536);
	before = minor(), n = syscall(SYS_getcwd, p, 65536), taken = minor() - before;
	say("getcwd into 64 KiB: %s, %ld faults", n > 0 ? "some" : result(n), taken);
}

static void addresses(void)
{
	int fd = small_file(), ends[2];

	say("a file: %s", result(read(fd, bad, 10)));
	say("and it is where it was: %ld", (long)lseek(fd, 0, SEEK_CUR));
	say("its end: %s", result(pread(fd, bad, 10, 10)));
	say("beyond it: %s", result(pread(fd, bad, 10, 100000)));
	fd = open("/dev/null", O_RDONLY);
	say("/dev/null: %s", result(read(fd, bad, 10)));
	fd = open("/", O_RDONLY | O_DIRECTORY);
	say("a directory: %s", result(read(fd, bad, 10)));
	fill_pipe(ends, "abc", 3);
	say("a pipe: %s", result(read(ends[0], bad, 10)));
	char got[8];
	say("and it has kept its bytes: %s", result(read(ends[0], got, sizeof(got))));
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	say("an empty pipe: %s", result(read(ends[0], bad, 10)));
	close(ends[1]);
	say("a pipe that nobody writes to: %s", result(read(ends[0], bad, 10)));
	fd = open("/proc/self/comm", O_RDONLY);
	say("the end of /proc/self/comm: %s", result(pread(fd, bad, 10, 4096)));
	/* What fits is given, up to the page that cannot be written. */
	char *p = fresh(8192);
	munmap(p + 4096, 4096);
	fd = open("/dev/zero", O_RDONLY);
	say("half of a buffer: %s", result(read(fd, p, 8192)));
}

int main(void)
{
	faults();
	addresses();
	return 0;
}
