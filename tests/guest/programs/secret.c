/* SPDX-License-Identifier: MIT */
/* memfd_secret: memory that its program alone can reach, and what the kernel refuses to do with it for others. */
#include "guest.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

enum { PAGE = 4096 };
static char bytes[PAGE];

static int secret(void)
{
	return (int)syscall(SYS_memfd_secret, 0);
}

static char *mapped(int fd, size_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		say("mmap: %s", strerrorname_np(errno));
	return p;
}

static const char *where(const void *p)
{
	return p == MAP_FAILED ? strerrorname_np(errno) : "somewhere";
}

static void the_file(void)
{
	struct stat st;
	char link[64], target[64] = "";
	int fd = secret();

	say("-- the file");
	say("unknown flags: %s", result(syscall(SYS_memfd_secret, 1)));
	int closed = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
	say("closed by execve: %d, the other: %d", fcntl(closed, F_GETFD), fcntl(fd, F_GETFD));
	say("flags %#x", fcntl(fd, F_GETFL) & O_ACCMODE);
	say("read %s, write %s", result(read(fd, bytes, 1)), result(write(fd, bytes, 1)));
	say("pread %s, pwrite %s", result(pread(fd, bytes, 1, 0)), result(pwrite(fd, bytes, 1, 0)));
	say("seek %s, seals %s", result(lseek(fd, 0, SEEK_END)), result(fcntl(fd, F_GET_SEALS)));
	fstat(fd, &st);
	say("mode %o, size %ld, links %ld", st.st_mode, (long)st.st_size, (long)st.st_nlink);
	say("room: %s", result(fallocate(fd, 0, 0, PAGE)));
	say("synced: %s", result(fsync(fd)));
	say("empty again: %s", result(ftruncate(fd, 0)));
	say("two pages: %s", result(ftruncate(fd, 2L * PAGE)));
	say("once more: %s, larger: %s, smaller: %s", result(ftruncate(fd, 2L * PAGE)), result(ftruncate(fd, 4L * PAGE)), result(ftruncate(fd, 0)));
	fstat(fd, &st);
	say("size %ld", (long)st.st_size);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	readlink(link, target, sizeof(target) - 1);
	say("it is %s, opened: %s", target, result(open(link, O_RDWR)));
	close(closed), close(fd);
}

static void its_mappings(void)
{
	int fd = secret(), pipes[2];

	say("-- mappings");
	ftruncate(fd, 2L * PAGE);
	say("private: %s", where(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0)));
	say("executable: %s", where(mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0)));
	say("with every page: %s", where(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0)));
	char *p = mapped(fd, 4L * PAGE), *again = mapped(fd, 2L * PAGE);
	unsigned char there[2] = {9, 9};
	mincore(p, 2L * PAGE, there);
	say("not touched: %d %d", there[0] & 1, there[1] & 1);
	strcpy(p, "secret");
	mincore(p, 2L * PAGE, there);
	say("touched: %d %d, the other mapping: %s", there[0] & 1, there[1] & 1, again);
	say("executed: %s, read only: %s", result(mprotect(p, PAGE, PROT_READ | PROT_EXEC)), result(mprotect(p, PAGE, PROT_READ)));
	mprotect(p, PAGE, PROT_READ | PROT_WRITE);
	pipe(pipes);
	say("written from it: %s", result(write(pipes[1], p, 6)));
	say("read into it: %s, %s", result(read(pipes[0], p + PAGE, 6)), again + PAGE);
	pid_t pid = fork();
	if (pid == 0) {
		say("a child reads %s", p);
		strcpy(p, "told");
		_exit(0);
	}
	wait_for(pid);
	say("and writes %s", again);
	again = mremap(again, 2L * PAGE, 3L * PAGE, MREMAP_MAYMOVE);
	say("larger: %s, moved: %s", where(again), where(mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, again)));
	say("which is %s", again);
	close(fd), close(pipes[0]), close(pipes[1]);
}

static void advice(char *p)
{
	static const struct {
		int number;
		const char *name;
	} all[] = {{MADV_DONTNEED, "DONTNEED"}, {MADV_REMOVE, "REMOVE"}, {MADV_COLD, "COLD"}, {MADV_PAGEOUT, "PAGEOUT"}, {MADV_FREE, "FREE"},
		   {MADV_WILLNEED, "WILLNEED"}, {MADV_POPULATE_READ, "POPULATE_READ"}, {MADV_POPULATE_WRITE, "POPULATE_WRITE"},
		   {MADV_DONTFORK, "DONTFORK"}, {MADV_DOFORK, "DOFORK"}, {MADV_WIPEONFORK, "WIPEONFORK"}, {MADV_DODUMP, "DODUMP"}, {MADV_DONTDUMP, "DONTDUMP"}};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		say("  %s: %s", all[i].name, result(madvise(p, PAGE, all[i].number)));
}

static void flags_of(const void *p)
{
	char line[300], start[32];
	FILE *f = fopen("/proc/self/smaps", "r");
	int here = 0;

	snprintf(start, sizeof(start), "%lx-", (unsigned long)p);
	while (fgets(line, sizeof(line), f)) {
		here |= strncmp(line, start, strlen(start)) == 0;
		line[strcspn(line, "\n")] = '\0';
		if (here && strncmp(line, "VmFlags", 7) == 0) {
			say("  %s", line);
			break;
		}
		if (here && (strncmp(line, "Rss", 3) == 0 || strncmp(line, "Locked", 6) == 0))
			say("  %s", line);
	}
	fclose(f);
}

static void locks(void)
{
	int fd = secret();

	say("-- it is locked");
	ftruncate(fd, 2L * PAGE);
	char *p = mapped(fd, 2L * PAGE);
	*p = 'x';
	flags_of(p);
	advice(p);
	say("unlocked: %s", result(munlock(p, 2L * PAGE)));
	flags_of(p);
	advice(p);
	say("which leaves %d", *p);
	say("locked again: %s", result(mlock(p, 2L * PAGE)));
	say("on a touch: %s", result(mlock2(p, 2L * PAGE, MLOCK_ONFAULT)));
	say("on the disk: %s", result(msync(p, PAGE, MS_SYNC)));
	munmap(p, 2L * PAGE);
	if (fork() == 0) {
		struct rlimit two = {2L * PAGE, 2L * PAGE};
		setrlimit(RLIMIT_MEMLOCK, &two);
		setresuid(65534, 65534, 65534);
		char *most = mapped(fd, 2L * PAGE);
		say("two pages: %s", where(most));
		say("and a third: %s", where(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0)));
		_exit(0);
	}
	wait(NULL);
	close(fd);
}

static void others(void)
{
	int fd = secret(), mem = open("/proc/self/mem", O_RDWR), pipes[2];

	say("-- nobody else");
	ftruncate(fd, PAGE);
	char *p = mapped(fd, PAGE);
	strcpy(p, "secret");
	struct iovec here = {bytes, 6}, there = {p, 6};
	say("process_vm_readv %s, process_vm_writev %s", result(process_vm_readv(getpid(), &here, 1, &there, 1, 0)),
	    result(process_vm_writev(getpid(), &here, 1, &there, 1, 0)));
	say("/proc/self/mem: read %s, write %s", result(pread(mem, bytes, 6, (off_t)(uintptr_t)p)), result(pwrite(mem, bytes, 6, (off_t)(uintptr_t)p)));
	pipe(pipes);
	say("vmsplice %s", result(vmsplice(pipes[1], &there, 1, 0)));
	say("futex of one's own: %s", result(syscall(SYS_futex, p, FUTEX_WAKE_PRIVATE, 1)));
	say("futex of all: %s", result(syscall(SYS_futex, p, FUTEX_WAKE, 1)));
	int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register want = {.range = {(uintptr_t)p, PAGE}, .mode = UFFDIO_REGISTER_MODE_MISSING};
	ioctl(uffd, UFFDIO_API, &api);
	say("userfaultfd %s", result(ioctl(uffd, UFFDIO_REGISTER, &want)));
	say("it is still %s", p);
	close(uffd), close(mem), close(fd), close(pipes[0]), close(pipes[1]);
}

static void beyond(int number, siginfo_t *info, void *context)
{
	(void)context;
	say("SIG%s code %d", sigabbrev_np(number), info->si_code);
	_exit(0);
}

static void touch_beyond(void)
{
	int fd = secret();
	ftruncate(fd, 100);
	char *p = mapped(fd, 2L * PAGE);
	handle(SIGBUS, beyond, 0);
	p[PAGE - 1] = 'x';
	p[PAGE] = 'x';
}

int main(void)
{
	if (secret() < 0) {
		say("no secrets here");
		return 0;
	}
	the_file();
	its_mappings();
	locks();
	others();
	in_child("beyond its end", touch_beyond);
	return 0;
}
