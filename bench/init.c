/* SPDX-License-Identifier: MIT */
/* init.c - the first process of the Linux that qemu-system-riscv64 runs: does what it is told
 *
 * Each line of the console is a program and its arguments: it is run, and then "= STATUS" follows what
 * it wrote. Input that ends, as when the machine is switched off, ends it too. init release: which
 * Linux this is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static void run(char *line)
{
	char *argv[16];
	int n = 0, status = -1;

	for (char *word = strtok(line, " \n"); word && n < 15; word = strtok(NULL, " \n"))
		argv[n++] = word;
	argv[n] = NULL;
	if (n == 0)
		return;
	pid_t pid = fork();
	if (pid == 0) {
		execv(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		status = -1;
	printf("= %d\n", status);
}

int main(int argc, char **argv)
{
	char line[256];
	struct termios t;
	struct utsname about;

	if (argc == 2 && strcmp(argv[1], "release") == 0)
		return uname(&about) < 0 || puts(about.release) < 0;

	/* The console echoes nothing, and sends every byte as it is. */
	if (tcgetattr(0, &t) == 0) {
		cfmakeraw(&t);
		if (tcsetattr(0, TCSANOW, &t) < 0)
			perror("tcsetattr");
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("= ready\n");
	while (fgets(line, sizeof(line), stdin))
		run(line);
	return 1;
}
