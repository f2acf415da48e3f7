/* SPDX-License-Identifier: MIT */
/* /dev/shm: names, modes, links, memory that processes share by name. */
#include "guest.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

enum { PAGE = 4096 };

static const char *r[8]; /* results, in the order of the calls */

static int put(const char *name, const char *text)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		say("cannot write %s: %s", name, strerrorname_np(errno));
	return fd;
}

static const char *get(const char *name)
{
	static char text[100];
	int fd = open(name, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n < 0)
		return strerrorname_np(errno);
	text[n] = '\0';
	close(fd);
	return text;
}

static void about(const char *name)
{
	struct stat st;

	if (lstat(name, &st) != 0)
		say("%s: %s", name, strerrorname_np(errno));
	else
		say("%s: mode %o links %d size %ld blocks %ld", name, st.st_mode, (int)st.st_nlink, (long)st.st_size, (long)st.st_blocks);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void list(const char *name)
{
	struct dirent **entry;
	char text[300] = "";
	int n = scandir(name, &entry, NULL, by_name);

	for (int i = 0; i < n; i++) {
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s/%d", entry[i]->d_name, entry[i]->d_type);
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
	say("in %s:%s", name, n < 0 ? strerrorname_np(errno) : text);
}

static void names(void)
{
	char text[PATH_MAX];

	close(put("a", "contents of a"));
	about("a");
	say("exclusive: %s", result(open("a", O_RDWR | O_CREAT | O_EXCL, 0600)));
	say("link: %s", result(link("a", "b")));
	about("b");
	say("mkdir: %s", result(mkdir("dir", 01777)));
	say("again: %s", result(mkdir("dir", 0700)));
	say("below: %s", result(mkdir("dir/below", 0700)));
	about("dir");
	say("rename: %s", result(rename("b", "dir/c")));
	say("  %s", get("dir/c"));
	say("symlink: %s", result(symlink("dir/c", "s")));
	about("s");
	ssize_t n = readlink("s", text, sizeof(text));
	say("  leads to %.*s: %s", (int)n, text, get("s"));
	say("mkfifo: %s", result(mkfifo("pipe", 0600)));
	about("pipe");
	list(".");
	list("dir");
	say("a file on the way: %s", result(open("a/x", O_RDONLY)));
	say("nothing there: %s", result(open("nothing", O_RDONLY)));
	say("unlink of a directory: %s", result(unlink("dir")));
	say("rmdir of a file: %s", result(rmdir("a")));
	say("rmdir of what is not empty: %s", result(rmdir("dir")));
	say("rename over it: %s", result(rename("a", "dir")));
	say("directory over a file: %s", result(rename("dir", "a")));
	say("directory below itself: %s", result(rename("dir", "dir/below/x")));
	say("exchange: %s", result(renameat2(AT_FDCWD, "a", AT_FDCWD, "dir", RENAME_EXCHANGE)));
	about("a");
	about("dir");
	say("exchange back: %s", result(renameat2(AT_FDCWD, "a", AT_FDCWD, "dir", RENAME_EXCHANGE)));
	say("no replace: %s", result(renameat2(AT_FDCWD, "s", AT_FDCWD, "a", RENAME_NOREPLACE)));
	int fd = open("a", O_RDWR);
	say("rename over an open file: %s", result(rename("s", "a")));
	say("  %s, still %s", get("a"), result(pread(fd, text, 8, 0)));
	say("  %.8s", text);
	struct stat st;
	fstat(fd, &st);
	say("  links %d", (int)st.st_nlink);
	unlink("dir/c");
	fstat(fd, &st);
	say("  links %d", (int)st.st_nlink);
	say("dangling: %s", get("a"));
	close(fd);
	say("end: %s", result(unlink("a")));
	say("end: %s", result(unlink("pipe")));
	say("end: %s", result(rmdir("dir/below")));
	about("dir");
	say("end: %s", result(rmdir("dir")));
	list(".");
}

static void modes(void)
{
	struct stat st;
	struct timespec times[2] = {{1000, 5}, {2000, 7}};
	struct statfs fs;
	char bytes[64];

	umask(027);
	int fd = open("m", O_RDWR | O_CREAT, 0666);
	umask(022);
	about("m");
	say("chmod: %s", result(chmod("m", 04711)));
	about("m");
	say("chown: %s", result(chown("m", getuid(), getgid())));
	about("m");
	say("utimens: %s", result(utimensat(AT_FDCWD, "m", times, 0)));
	stat("m", &st);
	say("  %ld.%ld %ld.%ld", (long)st.st_atim.tv_sec, st.st_atim.tv_nsec, (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	times[0].tv_nsec = UTIME_OMIT;
	times[1].tv_nsec = UTIME_NOW;
	say("utimens: %s", result(futimens(fd, times)));
	stat("m", &st);
	say("  %ld %d", (long)st.st_atim.tv_sec, st.st_mtim.tv_sec > 1000000);
	say("statfs: %s", result(statfs(".", &fs)));
	say("  type %lx bsize %ld namelen %ld, room %d", (long)fs.f_type, (long)fs.f_bsize, (long)fs.f_namelen, fs.f_bavail > 0);
	say("attributes: %s", result(getxattr("m", "user.none", bytes, sizeof(bytes)) < 0 ? -1 : 0) ? "none" : "");
	say("truncate: %s", result(truncate("m", 10000)));
	about("m");
	say("fallocate: %s", result(fallocate(fd, 0, 0, 9000)));
	about("m");
	say("not larger than RAM: %s", result(fallocate(fd, 0, 0, 1L << 50)));
	about("m");
	close(fd);
	unlink("m");
}

static void nameless(void)
{
	char name[64], text[PATH_MAX];
	struct stat st;
	int fd = open(".", O_TMPFILE | O_RDWR, 0640), locked = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0640);

	fstat(fd, &st);
	say("O_TMPFILE: mode %o links %d", st.st_mode, (int)st.st_nlink);
	say("  for reading: %s", result(open(".", O_TMPFILE | O_RDONLY, 0640)));
	say("  in a file: %s", result(open("/proc/self/exe", O_TMPFILE | O_RDWR, 0640)));
	say("  write: %s", result(write(fd, "made", 4)));
	list(".");
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(name, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	say("  called %s, %s", strchr(text, '#') ? "#" : text, strstr(text, "(deleted)") ? "deleted" : "there");
	say("  gets a name: %s", result(linkat(AT_FDCWD, name, AT_FDCWD, "named", AT_SYMLINK_FOLLOW)));
	say("  %s", get("named"));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", locked);
	say("  O_EXCL gets none: %s", result(linkat(AT_FDCWD, name, AT_FDCWD, "other", AT_SYMLINK_FOLLOW)));
	close(fd);
	close(locked);
	unlink("named");
}

static void shared(void)
{
	int ready[2], fd = shm_open("/carrel-shm-test", O_RDWR | O_CREAT, 0600);

	say("shm_open: %s", fd >= 0 ? "ok" : strerrorname_np(errno));
	(void)!ftruncate(fd, 3 * PAGE);
	if (pipe(ready) != 0)
		return;
	pid_t child = fork();
	if (child == 0) {
		int mine = shm_open("/carrel-shm-test", O_RDWR, 0);
		char *p = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, mine, 0);
		strcpy(p + 2 * PAGE, "from the child");
		(void)!write(ready[1], "r", 1);
		_exit(pwrite(mine, "written", 7, PAGE) == 7 ? 0 : 1);
	}
	char c, *p = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)!read(ready[0], &c, 1);
	say("seen: %s", p + 2 * PAGE);
	say("child: %s", wait_for(child));
	say("seen: %.7s", p + PAGE);
	say("unlink: %s", result(shm_unlink("/carrel-shm-test")));
	strcpy(p, "still here");
	say("opened again: %s", result(shm_open("/carrel-shm-test", O_RDWR, 0)));
	char text[16] = "";
	r[0] = result(pread(fd, text, 10, 0));
	say("read: %s %s", r[0], text);
	munmap(p, 3 * PAGE);
	close(fd);

	sem_t *s = sem_open("/carrel-sem-test", O_CREAT, 0600, 0);
	say("sem_open: %s", s != SEM_FAILED ? "ok" : strerrorname_np(errno));
	child = fork();
	if (child == 0) {
		sem_t *mine = sem_open("/carrel-sem-test", 0);
		usleep(1000);
		_exit(mine == SEM_FAILED || sem_post(mine) != 0);
	}
	say("sem_wait: %s", result(sem_wait(s)));
	say("child: %s", wait_for(child));
	say("sem_unlink: %s", result(sem_unlink("/carrel-sem-test")));
}

static void copies(void)
{
	off_t from = 2;
	int a = put("from", "0123456789"), b = put("to", "");

	say("sendfile: %s", result(sendfile(b, a, &from, 5)));
	say("  %s, offset %ld", get("to"), (long)from);
	say("copy_file_range: %s", result(copy_file_range(a, (off64_t[]){0}, b, NULL, 100, 0)));
	say("  %s", get("to"));
	say("locks: %s", result(lockf(a, F_TLOCK, 0)));
	close(a);
	close(b);
	unlink("from");
	unlink("to");
}

static void maps(void)
{
	char line[512], *name;
	int fd = put("mapped", "x");
	char *p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);

	for (int i = 0; i < 3; i++) {
		FILE *f = fopen("/proc/self/maps", "r");
		while (fgets(line, sizeof(line), f))
			if ((char *)strtoul(line, NULL, 16) == p && (name = strstr(line, "carrel-")))
				say("%.4s %s", strchr(line, ' ') + 1, strtok(strchr(name, '/') + 1, "\n"));
		fclose(f);
		if (i == 0)
			rename("mapped", "moved");
		else
			unlink("moved");
	}
	say("still: %c", *p);
	close(fd);
	say("still: %c", *p);
}

int main(void)
{
	char place[] = "/dev/shm/carrel-XXXXXX";

	umask(022);
	if (!mkdtemp(place) || chdir(place) != 0) {
		say("%s: %s", place, strerrorname_np(errno));
		return 1;
	}
	names();
	modes();
	nameless();
	shared();
	copies();
	maps();
	say("end: %s", result(rmdir(place)));
	say("gone: %s", result(open("x", O_RDWR | O_CREAT, 0600)));
	return 0;
}
