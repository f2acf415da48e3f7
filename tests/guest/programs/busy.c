/* SPDX-License-Identifier: MIT */
/* The file of a program that runs cannot be written, and a file that is written cannot be run. */
#include "guest.h"

#include <fcntl.h>
#include <sys/stat.h>

static char copy[] = "/tmp/busy-XXXXXX";

static void copy_self(void)
{
	static char bytes[65536];
	int from = open("/proc/self/exe", O_RDONLY), to = mkstemp(copy);
	ssize_t n;

	while ((n = read(from, bytes, sizeof(bytes))) > 0)
		if (write(to, bytes, (size_t)n) != n)
			_exit(1);
	fchmod(to, 0755);
	close(from);
	close(to);
}

static const char *opened(int flags)
{
	int fd = open(copy, flags);

	if (fd >= 0)
		close(fd);
	return result(fd < 0 ? fd : 0);
}

/* Runs the copy, which waits for a byte; returns when it is there. */
static pid_t start(int *ret_end)
{
	int go[2], here[2];
	char byte;

	if (pipe(go) != 0 || pipe(here) != 0)
		_exit(1);
	pid_t p = fork();
	if (p == 0) {
		dup2(go[0], 0);
		dup2(here[1], 1);
		close(go[1]);
		execl(copy, copy, "wait", (char *)NULL);
		say("execl: %s", strerrorname_np(errno));
		_exit(1);
	}
	close(go[0]);
	close(here[1]);
	*ret_end = go[1];
	if (read(here[0], &byte, 1) != 1)
		say("it did not start");
	return p;
}

static void stop(pid_t p, int end)
{
	int status;

	close(end);
	waitpid(p, &status, 0);
	say("it ended with %d", WEXITSTATUS(status));
}

static void run_while_written(const char *how, int flags)
{
	int fd = open(copy, flags), status;
	pid_t p = fork();

	if (p == 0) {
		execl(copy, copy, "end", (char *)NULL);
		_exit(errno == ETXTBSY ? 26 : 1);
	}
	waitpid(p, &status, 0);
	say("executed while open for %s: %d", how, WEXITSTATUS(status));
	close(fd);
}

int main(int argc, char **argv)
{
	char byte = 'x';
	int end;

	if (argc > 1 && strcmp(argv[1], "wait") == 0)
		return write(1, &byte, 1) == 1 && read(0, &byte, 1) == 0 ? 7 : 8;
	if (argc > 1)
		return 9;
	copy_self();
	pid_t p = start(&end);
	say("while it runs: read %s, write %s, both %s, truncated %s", opened(O_RDONLY), opened(O_WRONLY), opened(O_RDWR),
	    opened(O_RDONLY | O_TRUNC));
	say("truncate %s, chmod %s", result(truncate(copy, 10)), result(chmod(copy, 0700)));
	stop(p, end);
	say("afterwards: write %s, truncate %s", opened(O_WRONLY), result(truncate(copy, 1 << 22)));
	run_while_written("reading", O_RDONLY);
	run_while_written("writing", O_WRONLY);
	run_while_written("both", O_RDWR);
	say("unlink %s", result(unlink(copy)));
	return 0;
}
