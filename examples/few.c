/* SPDX-License-Identifier: MIT */
/* few.c - a program that asks for much and uses little, as most do: what demand paging is for
 *
 *	carrel stat --paging eager few.c      everything is loaded and copied first
 *	carrel stat few.c                     pages come when they are touched
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 1024 };

int main(void)
{
	char *table = malloc(PAGES * PAGE);
	if (!table)
		return 1;
	for (int i = 0; i < 16; i++)
		table[i * PAGE] = 1;
	pid_t child = fork();
	if (child < 0)
		return 1;
	if (child == 0)
		_exit(table[PAGE] - 1);
	waitpid(child, NULL, 0);
	return 0;
}
