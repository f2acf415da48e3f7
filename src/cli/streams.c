/* SPDX-License-Identifier: MIT */
#include "cli/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/verb.h"

void streams_hold(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		/* The lowest number that is free is the one that is missing. */
		if (fcntl(fd, F_GETFD) < 0 && open("/", O_PATH) < 0)
			_exit(STATUS_CARREL);
}

void streams_widen(void)
{
	enum { MOST = 1 << 20 }; /* some give no limit at all, and what is started from here may close each */
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	rlim_t most = limit.rlim_max < MOST ? limit.rlim_max : MOST;
	if (limit.rlim_cur < most) {
		limit.rlim_cur = most;
		/* Where it cannot be had, the smaller one does. */
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int streams_finish(int status)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	say("standard output: %s; not all of it was written", strerror(errno ? errno : EIO));
	return status ? status : STATUS_CARREL;
}
