/* SPDX-License-Identifier: MIT */
/* splice, tee, vmsplice, sendfile, copy_file_range: bytes that go from file to file by themselves */
#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static char page[65536] __attribute__((aligned(4096)));

static int file_with(const char *text)
{
	char name[] = "/tmp/spliceXXXXXX";
	int fd = mkstemp(name);

	unlink(name);
	if (write(fd, text, strlen(text)) < 0)
		say("write: %s", strerrorname_np(errno));
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static void show(const char *what, int fd)
{
	char text[100] = "";
	long n = read(fd, text, sizeof(text) - 1);

	say("  %s: %s '%s'", what, result(n), n > 0 ? text : "");
}

static void splicing(void)
{
	int p[2], q[2], in = file_with("0123456789"), out = file_with("");
	loff_t at = 4;

	say("splice");
	pipe2(p, O_NONBLOCK);
	pipe2(q, O_NONBLOCK);
	say("  file to pipe %s", result(splice(in, NULL, p[1], NULL, 3, 0)));
	say("  the file moved on %ld", (long)lseek(in, 0, SEEK_CUR));
	say("  from an offset %s", result(splice(in, &at, p[1], NULL, 100, SPLICE_F_MORE)));
	say("  which moved on %ld", (long)at);
	say("  the file did not %ld", (long)lseek(in, 0, SEEK_CUR));
	say("  at its end %s", result(splice(in, &at, p[1], NULL, 100, 0)));
	say("  pipe to pipe %s", result(splice(p[0], NULL, q[1], NULL, 5, 0)));
	at = 2;
	say("  pipe to file %s", result(splice(q[0], NULL, out, &at, 100, 0)));
	say("  the offset moved on %ld", (long)at);
	say("  nothing %s", result(splice(q[0], NULL, out, NULL, 100, 0)));
	say("  nothing, without waiting %s", result(splice(q[0], NULL, out, NULL, 100, SPLICE_F_NONBLOCK)));
	show("what is left", p[0]);
	char text[20] = "";
	long n = pread(out, text, sizeof(text), 0);
	say("  what came %ld %d '%s'", n, text[0], text + 2);
	say("  a full pipe %s", result(write(p[1], page, sizeof(page))));
	say("  takes none %s", result(splice(in, NULL, p[1], NULL, 3, 0)));
	say("  nor from a pipe %s", result(splice(q[0], NULL, p[1], NULL, 3, 0)));
	say("  itself %s", result(splice(p[0], NULL, p[1], NULL, 3, 0)));
	say("  no length %s", result(splice(99, NULL, 98, NULL, 0, 0)));
	say("  bad flags %s", result(splice(in, NULL, p[1], NULL, 1, 64)));
	say("  no pipe %s", result(splice(in, NULL, out, NULL, 1, 0)));
	say("  no file %s", result(splice(99, NULL, p[1], NULL, 1, 0)));
	say("  offset of a pipe %s", result(splice(p[0], &at, out, NULL, 1, 0)));
	say("  offset of the other pipe %s", result(splice(in, NULL, q[1], &at, 1, 0)));
	say("  the wrong end %s", result(splice(p[1], NULL, out, NULL, 1, 0)));
	say("  the other wrong end %s", result(splice(in, NULL, q[0], NULL, 1, 0)));
	say("  offset nowhere %s", result(syscall(SYS_splice, in, 8, q[1], NULL, 1, 0)));
	at = -1;
	say("  negative offset %s", result(splice(in, &at, q[1], NULL, 1, 0)));
	int event = eventfd(1, 0), append = open("/tmp/splice-append", O_CREAT | O_WRONLY | O_APPEND, 0600);
	write(q[1], "x", 1);
	say("  to the end of a file %s", result(splice(q[0], NULL, append, NULL, 1, 0)));
	say("  from an eventfd %s", result(splice(event, NULL, q[1], NULL, 8, 0)));
	unlink("/tmp/splice-append");
	close(p[0]);
	say("  pipe without writers and bytes");
	close(q[1]);
	show("the last", q[0]);
	say("  ended %s", result(splice(q[0], NULL, out, NULL, 100, 0)));
	signal(SIGPIPE, SIG_IGN);
	lseek(in, 0, SEEK_SET);
	say("  no reader %s", result(splice(in, NULL, p[1], NULL, 3, 0)));
	close(p[1]), close(q[0]), close(in), close(out), close(event), close(append);
	pipe(p);
	pid_t pid = fork();
	if (pid == 0) {
		usleep(20000);
		write(p[1], "late", 4);
		_exit(0);
	}
	out = file_with("");
	say("  waited for %s", result(splice(p[0], NULL, out, NULL, 100, 0)));
	wait_for(pid);
	say("  full pages %s", result(write(p[1], page, sizeof(page))));
	pid = fork();
	if (pid == 0) {
		usleep(20000);
		read(p[0], page, 8192);
		_exit(0);
	}
	lseek(out, 0, SEEK_SET);
	say("  waited for room %s", result(splice(out, NULL, p[1], NULL, 4, 0)));
	wait_for(pid);
	int zero = open("/dev/zero", O_RDWR), null = open("/dev/null", O_RDWR);
	say("  to null %s", result(splice(p[0], NULL, null, NULL, 4096, 0)));
	close(p[0]), close(p[1]), close(out), close(zero), close(null);
}

static void teeing(void)
{
	int p[2], q[2];

	say("tee");
	pipe2(p, O_NONBLOCK);
	pipe2(q, O_NONBLOCK);
	say("  nothing %s", result(tee(p[0], q[1], 10, 0)));
	write(p[1], "hello world", 11);
	say("  some %s", result(tee(p[0], q[1], 5, 0)));
	say("  all %s", result(tee(p[0], q[1], 100, SPLICE_F_NONBLOCK)));
	show("copy", q[0]);
	show("original", p[0]);
	say("  no length %s", result(tee(p[0], q[1], 0, 0)));
	say("  itself %s", result(tee(p[0], p[1], 1, 0)));
	say("  bad flags %s", result(tee(p[0], q[1], 1, 64)));
	say("  wrong end %s", result(tee(p[1], q[1], 1, 0)));
	int file = file_with("x");
	say("  no pipe %s", result(tee(file, q[1], 1, 0)));
	say("  no file %s", result(tee(99, q[1], 1, 0)));
	close(p[1]);
	say("  ended %s", result(tee(p[0], q[1], 10, 0)));
	close(p[0]), close(q[0]), close(q[1]), close(file);
}

static void memory(void)
{
	int p[2], file = file_with("x");
	char a[5] = "abcd", b[4] = "xyz", c[20] = "";
	struct iovec v[3] = {{a, 4}, {b, 0}, {b, 3}}, w[2] = {{c, 3}, {c + 10, 9}};

	say("vmsplice");
	pipe2(p, O_NONBLOCK);
	say("  in %s", result(vmsplice(p[1], v, 3, 0)));
	say("  out %s", result(vmsplice(p[0], w, 2, SPLICE_F_NONBLOCK)));
	say("  it was '%s' '%s'", c, c + 10);
	say("  empty %s", result(vmsplice(p[0], w, 2, SPLICE_F_NONBLOCK)));
	say("  none %s", result(vmsplice(p[1], v, 0, 0)));
	say("  too many %s", result(vmsplice(p[1], v, 2000, 0)));
	say("  nowhere %s", result(syscall(SYS_vmsplice, p[1], 8, 1, 0)));
	v[0].iov_base = (void *)8;
	say("  from nowhere %s", result(vmsplice(p[1], v, 1, 0)));
	say("  no pipe %s", result(vmsplice(file, v, 1, 0)));
	say("  no file %s", result(vmsplice(99, v, 1, 0)));
	say("  bad flags %s", result(vmsplice(p[1], v, 1, 64)));
	v[0] = (struct iovec){page, sizeof(page)};
	say("  much %s", result(vmsplice(p[1], v, 1, SPLICE_F_NONBLOCK)));
	say("  full %s", result(vmsplice(p[1], v, 1, SPLICE_F_NONBLOCK)));
	close(p[0]), close(p[1]), close(file);
}

static void sending(void)
{
	int p[2], in = file_with("0123456789"), out = file_with("");
	off_t at = 3;

	say("sendfile");
	pipe2(p, O_NONBLOCK);
	say("  to a file %s", result(sendfile(out, in, NULL, 4)));
	say("  moved on %ld", (long)lseek(in, 0, SEEK_CUR));
	say("  to a pipe %s", result(sendfile(p[1], in, &at, 100)));
	say("  moved on %ld", (long)at);
	show("came", p[0]);
	say("  at the end %s", result(sendfile(p[1], in, &at, 100)));
	say("  from a pipe %s", result(sendfile(out, p[0], NULL, 1)));
	at = -1;
	say("  negative %s", result(sendfile(out, in, &at, 1)));
	say("  offset nowhere %s", result(syscall(SYS_sendfile, out, in, 8, 1)));
	int event = eventfd(0, 0), null = open("/dev/null", O_WRONLY), read_only = open("/dev/null", O_RDONLY);
	say("  to an eventfd %s", result(sendfile(event, in, NULL, 8)));
	say("  to null %s", result(sendfile(null, in, NULL, 2)));
	say("  to what is read %s", result(sendfile(read_only, in, NULL, 2)));
	say("  full %s", result(write(p[1], page, sizeof(page))));
	at = 0;
	say("  to a full pipe %s", result(sendfile(p[1], in, &at, 3)));
	close(p[0]), close(p[1]), close(in), close(out), close(event), close(null), close(read_only);
}

static void copying(void)
{
	int in = file_with("0123456789"), out = file_with("abc"), p[2];
	off64_t from = 2, to = 1;
	char text[30] = "";

	say("copy_file_range");
	say("  offsets %s", result(copy_file_range(in, &from, out, &to, 4, 0)));
	say("  moved on %ld %ld", (long)from, (long)to);
	pread(out, text, sizeof(text), 0);
	say("  '%s'", text);
	say("  positions %s", result(copy_file_range(in, NULL, out, NULL, 3, 0)));
	say("  at %ld %ld", (long)lseek(in, 0, SEEK_CUR), (long)lseek(out, 0, SEEK_CUR));
	from = 0, to = 5;
	say("  within a file %s", result(copy_file_range(in, &from, in, &to, 5, 0)));
	from = 0, to = 3;
	say("  onto itself %s", result(copy_file_range(in, &from, in, &to, 5, 0)));
	from = 100;
	say("  beyond %s", result(copy_file_range(in, &from, out, &to, 5, 0)));
	from = 0;
	say("  flags %s", result(copy_file_range(in, &from, out, &to, 5, 1)));
	pipe(p);
	say("  a pipe %s", result(copy_file_range(p[0], NULL, out, &to, 5, 0)));
	int here = open(".", O_RDONLY);
	say("  a directory %s", result(copy_file_range(here, NULL, out, &to, 5, 0)));
	fcntl(out, F_SETFL, O_APPEND);
	say("  at the end only %s", result(copy_file_range(in, &from, out, &to, 5, 0)));
	close(p[0]), close(p[1]), close(in), close(out), close(here);
}

int main(void)
{
	splicing();
	teeing();
	memory();
	sending();
	copying();
	return 0;
}
