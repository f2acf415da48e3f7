/* SPDX-License-Identifier: MIT */
/* Files in RAM without a name: memfd_create, seals and what they forbid, holes, mappings. */
#include "guest.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif

enum { PAGE = 4096, NOEXEC_SEAL = 8, EXEC = 16 };

static sigjmp_buf out;
static const char *r[8]; /* results, in the order of the calls */

static void fault(int n, siginfo_t *info, void *uc)
{
	(void)uc;
	siglongjmp(out, n * 16 + info->si_code);
}

/* What a touch does: 0, or the signal and its code. */
static const char *touch(volatile char *p, int write)
{
	static char text[8][16];
	static int i;
	char *s = text[i++ % 8];
	int code = sigsetjmp(out, 1);

	if (code) {
		snprintf(s, sizeof(text[0]), "%s/%d", code / 16 == SIGBUS ? "BUS" : "SEGV", code % 16);
		return s;
	}
	if (write)
		*p = 'w';
	else
		(void)*p;
	return "ok";
}

static int make(const char *name, unsigned flags)
{
	return (int)syscall(SYS_memfd_create, name, flags);
}

static const char *mapped(void *p) { return p == MAP_FAILED ? strerrorname_np(errno) : "ok"; }

static void *map(int fd, int pages, int prot, int flags)
{
	return mmap(NULL, (size_t)pages * PAGE, prot, flags, fd, 0);
}

static void flags(void)
{
	static char name[300];
	struct stat st;
	struct statfs fs;
	char text[128];
	const unsigned all[] = {0, 1, 2, 8, 16, 24, 32, 64, 1 << 30};

	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++) {
		int fd = make("a name", all[i]);
		if (fd < 0) {
			r[0] = result(fd);
			say("flags %x: %s", all[i], r[0]);
			continue;
		}
		fstat(fd, &st);
		r[0] = result(fcntl(fd, F_GET_SEALS));
		say("flags %x: mode %o links %d size %ld seals %s cloexec %d flags %x", all[i], st.st_mode, (int)st.st_nlink, (long)st.st_size, r[0], fcntl(fd, F_GETFD), fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND));
		close(fd);
	}
	memset(name, 'n', 249);
	say("249 letters: %s", make(name, 0) >= 0 ? "made" : "refused");
	name[249] = 'n';
	say("250 letters: %s", result(make(name, 0)));
	say("no name: %s", result(make((char *)8, 0)));
	int fd = make("with/slash", MFD_CLOEXEC);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	long n = readlink(name, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	say("it is %s", text);
	fstatfs(fd, &fs);
	say("on %lx", (long)fs.f_type);
	say("chmod %s", result(fchmod(fd, 0640)));
	fstat(fd, &st);
	say("mode %o", st.st_mode);
	int again = open(name, O_RDONLY);
	r[0] = result(write(again, "x", 1));
	r[1] = result(lseek(again, 0, SEEK_CUR));
	say("opened again for reading: write %s, its own position %s", r[0], r[1]);
	say("link: %s", result(linkat(AT_FDCWD, name, AT_FDCWD, "memfd.link", AT_SYMLINK_FOLLOW)));
	close(again);
	close(fd);
}

static void contents(void)
{
	char bytes[3 * PAGE];
	struct stat st;
	int fd = make("contents", 0);
	int fds[2];

	say("read of nothing: %s", result(read(fd, bytes, sizeof(bytes))));
	say("write: %s", result(pwrite(fd, "hello", 5, 2 * PAGE - 2)));
	fstat(fd, &st);
	say("size %ld blocks %ld", (long)st.st_size, (long)st.st_blocks);
	memset(bytes, 'x', sizeof(bytes));
	say("read: %s", result(pread(fd, bytes, sizeof(bytes), PAGE)));
	say("  %d %d %c%c%c", bytes[0], bytes[PAGE - 3], bytes[PAGE - 2], bytes[PAGE], bytes[PAGE + 2]);
	char *s = map(fd, 4, PROT_READ | PROT_WRITE, MAP_SHARED), *p = map(fd, 4, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	r[0] = touch(s + 3 * PAGE, 0);
	r[1] = touch(p + 3 * PAGE, 1);
	say("mapped: %c %c, behind it %s %s", s[2 * PAGE], p[2 * PAGE], r[0], r[1]);
	s[2 * PAGE] = 'S';
	p[2 * PAGE - 2] = 'P';
	pread(fd, bytes, 5, 2 * PAGE - 2);
	say("stored shared and private: %.5s, %c", bytes, p[2 * PAGE]);
	pwrite(fd, "W", 1, 2 * PAGE);
	say("written: %c %c", s[2 * PAGE], p[2 * PAGE]);
	pid_t child = fork();
	if (child == 0) {
		s[0] = 'c';
		p[0] = 'c';
		pwrite(fd, "child", 5, 2 * PAGE + 100);
		_exit(0);
	}
	say("child: %s", wait_for(child));
	say("  %c %d %.5s", s[0], p[0], s + 2 * PAGE + 100);
	say("append: %s", result(fcntl(fd, F_SETFL, O_APPEND)));
	r[0] = result(write(fd, "end", 3));
	r[1] = result(lseek(fd, 0, SEEK_CUR));
	say("  %s at %s", r[0], r[1]);
	r[0] = result(lseek(fd, -4, SEEK_SET));
	r[1] = result(lseek(fd, 10, SEEK_END));
	r[2] = result(lseek(fd, 0, 9));
	say("seek: %s %s %s", r[0], r[1], r[2]);
	if (pipe(fds) == 0) {
		say("FIFO calls: %s", result(fcntl(fd, F_GETPIPE_SZ)));
		say("seals of a pipe: %s", result(fcntl(fds[1], F_GET_SEALS)));
	}
	int copy = make("copy", 0);
	say("copy_file_range: %s", result(copy_file_range(fd, (off64_t[]){PAGE}, copy, NULL, 2 * PAGE, 0)));
	fstat(copy, &st);
	say("  %ld", (long)st.st_size);
	close(copy);
	munmap(s, 4 * PAGE);
	munmap(p, 4 * PAGE);
	close(fd);
}

static void where(int fd, const char *what)
{
	char text[200];
	int n = 0;
	struct stat st;

	for (long at = 0, from; at >= 0;) {
		from = lseek(fd, at, SEEK_DATA);
		if (from < 0)
			break;
		at = lseek(fd, from, SEEK_HOLE);
		n += snprintf(text + n, sizeof(text) - (size_t)n, " %ld-%ld", from, at);
	}
	text[n] = '\0';
	fstat(fd, &st);
	say("%s: data%s, size %ld, blocks %ld", what, text, (long)st.st_size, (long)st.st_blocks);
}

static void holes(void)
{
	int fd = make("holes", 0);
	char *s = map(fd, 16, PROT_READ | PROT_WRITE, MAP_SHARED), *p = map(fd, 16, PROT_READ | PROT_WRITE, MAP_PRIVATE);

	say("ftruncate: %s", result(ftruncate(fd, 16 * PAGE)));
	where(fd, "fresh");
	s[3 * PAGE] = 'a';
	s[4 * PAGE] = 'b';
	s[9 * PAGE + 5] = 'c';
	where(fd, "stored");
	p[4 * PAGE] = 'p';
	say("punch: %s", result(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 3 * PAGE + 100, 2 * PAGE)));
	where(fd, "punched");
	say("  %c %d, private %c", s[3 * PAGE], s[4 * PAGE], p[4 * PAGE]);
	where(fd, "read again");
	say("punch within a page: %s", result(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 9 * PAGE + 1, 10)));
	say("  %d", s[9 * PAGE + 5]);
	say("remove: %s", result(madvise(s + 9 * PAGE, PAGE, MADV_REMOVE)));
	where(fd, "removed");
	say("remove of a private one: %s", result(madvise(p + 9 * PAGE, PAGE, MADV_REMOVE)));
	say("dontneed: %s", result(madvise(s, 16 * PAGE, MADV_DONTNEED)));
	say("  %c", s[3 * PAGE]);
	void *y = mmap(NULL, PAGE, PROT_READ, MAP_SHARED | 0x80000 /* MAP_SYNC */, fd, 0),
	     *v = mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | 0x80000, fd, 0);
	say("MAP_SYNC: shared %s, validated %s", y == MAP_FAILED ? "refused" : "ok", v == MAP_FAILED ? "refused" : "ok");
	r[0] = result(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 10));
	r[1] = result(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 10));
	r[2] = result(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, PAGE));
	say("other modes: %s %s %s", r[0], r[1], r[2]);
	r[0] = result(fallocate(fd, 0, -1, 10));
	r[1] = result(fallocate(fd, 0, 0, 0));
	r[2] = result(fallocate(fd, 0, 0x7fffffffffffffff, 2));
	say("bad ranges: %s %s %s", r[0], r[1], r[2]);
	say("allocate: %s", result(fallocate(fd, FALLOC_FL_KEEP_SIZE, 14 * PAGE, 4 * PAGE)));
	struct stat st;
	fstat(fd, &st);
	say("  size %ld blocks %ld", (long)st.st_size, (long)st.st_blocks);
	say("allocate: %s", result(fallocate(fd, 0, 14 * PAGE, 4 * PAGE)));
	fstat(fd, &st);
	say("  size %ld blocks %ld", (long)st.st_size, (long)st.st_blocks);
	p[7 * PAGE] = 'p';
	fstat(fd, &st);
	say("a private copy of a hole: blocks %ld", (long)st.st_blocks);
	say("terabytes: %s", result(ftruncate(fd, 4L << 40)));
	char *t = mmap(NULL, 4L << 40, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	say("  mapped %s", mapped(t));
	t[3L << 40] = 'T';
	char c = 0;
	r[0] = result(pread(fd, &c, 1, 3L << 40));
	say("  %s: %c", r[0], c);
	say("  data at %s", result(lseek(fd, 1L << 40, SEEK_DATA)));
	fstat(fd, &st);
	say("  size %ld blocks %ld", (long)st.st_size, (long)st.st_blocks);
	munmap(t, 4L << 40);
	close(fd);
}

static void try_all(int fd, char *shared)
{
	int seals = fcntl(fd, F_GET_SEALS);
	void *w = map(fd, 1, PROT_READ | PROT_WRITE, MAP_SHARED), *o = map(fd, 1, PROT_READ, MAP_SHARED),
	     *p = map(fd, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	r[0] = result(pwrite(fd, "x", 1, 0));
	r[1] = result(pwrite(fd, "0123456789", 10, 4 * PAGE - 5));
	r[2] = result(ftruncate(fd, 5 * PAGE));
	r[3] = result(ftruncate(fd, 4 * PAGE));
	r[4] = result(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE));
	r[5] = result(fallocate(fd, 0, 0, 5 * PAGE));
	say("  seals %x: write %s grow %s larger %s smaller %s punch %s allocate %s", (unsigned)seals, r[0], r[1], r[2], r[3], r[4], r[5]);
	(void)!ftruncate(fd, 4 * PAGE);
	r[0] = shared ? touch(shared, 1) : "-";
	say("  map shared writable %s, readable %s, private %s; store to an old one %s", w == MAP_FAILED ? strerrorname_np(EPERM) : "ok", mapped(o), mapped(p), r[0]);
	if (o != MAP_FAILED)
		say("  readable made writable: %s", result(mprotect(o, PAGE, PROT_READ | PROT_WRITE)));
	if (p != MAP_FAILED)
		say("  private: %s", touch(p, 1));
	if (w != MAP_FAILED)
		munmap(w, PAGE);
	if (o != MAP_FAILED)
		munmap(o, PAGE);
	if (p != MAP_FAILED)
		munmap(p, PAGE);
}

static void seals(void)
{
	const int each[] = {F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE, F_SEAL_FUTURE_WRITE, F_SEAL_SEAL, F_SEAL_EXEC};
	char name[64];

	for (unsigned i = 0; i < sizeof(each) / sizeof(*each); i++) {
		int fd = make("sealed", MFD_ALLOW_SEALING);
		(void)!ftruncate(fd, 4 * PAGE);
		r[0] = result(fcntl(fd, F_ADD_SEALS, each[i]));
		say("seal %x: %s", each[i], r[0]);
		try_all(fd, NULL);
		r[0] = result(fcntl(fd, F_ADD_SEALS, each[i]));
		r[1] = result(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
		say("  again: %s, another: %s", r[0], r[1]);
		r[0] = result(fchmod(fd, 0600));
		r[1] = result(fchmod(fd, 0777));
		say("  chmod: %s %s", r[0], r[1]);
		close(fd);
	}
	int fd = make("sealed", MFD_ALLOW_SEALING);
	(void)!ftruncate(fd, 4 * PAGE);
	char *s = map(fd, 1, PROT_READ | PROT_WRITE, MAP_SHARED);
	r[0] = result(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	r[1] = result(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	say("mapped: seal write %s, future write %s", r[0], r[1]);
	try_all(fd, s);
	mprotect(s, PAGE, PROT_READ);
	say("made readable only: seal write %s", result(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE)));
	munmap(s, PAGE);
	say("unmapped: seal write %s", result(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE)));
	say("unknown: %s", result(fcntl(fd, F_ADD_SEALS, 0x40)));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	int again = open(name, O_RDONLY);
	r[0] = result(fcntl(again, F_ADD_SEALS, F_SEAL_SEAL));
	r[1] = result(fcntl(again, F_GET_SEALS));
	say("through a descriptor for reading: %s, seals %s", r[0], r[1]);
	close(again);
	close(fd);
	fd = make("not sealed", 0);
	r[0] = result(fcntl(fd, F_GET_SEALS));
	r[1] = result(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	say("not allowed: %s, %s", r[0], r[1]);
	close(fd);
	fd = make("not to be executed", NOEXEC_SEAL);
	r[0] = result(fcntl(fd, F_GET_SEALS));
	r[1] = result(fchmod(fd, 0777));
	r[2] = result(fchmod(fd, 0600));
	say("no exec: %s, chmod %s %s", r[0], r[1], r[2]);
	close(fd);
	fd = open("/proc/self/exe", O_RDONLY);
	r[0] = result(fcntl(fd, F_GET_SEALS));
	r[1] = result(fcntl(fd, F_ADD_SEALS, 1));
	say("of a file: %s %s", r[0], r[1]);
	close(fd);
}

static void names(void)
{
	char line[512];
	int fd = make("in maps", 0);
	(void)!ftruncate(fd, PAGE);
	char *s = map(fd, 1, PROT_READ, MAP_SHARED), *a = mmap(NULL, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	FILE *f = fopen("/proc/self/maps", "r");

	close(fd);
	while (fgets(line, sizeof(line), f)) {
		char *start = (char *)strtoul(line, NULL, 16);
		if (start == s || start == a)
			say("%.4s %s", strchr(line, ' ') + 1, strchr(line, '/') ? strtok(strchr(line, '/'), "\n") : "");
	}
	fclose(f);
}

int main(void)
{
	handle(SIGSEGV, fault, 0);
	handle(SIGBUS, fault, 0);
	umask(022);
	flags();
	contents();
	holes();
	seals();
	names();
	return 0;
}
