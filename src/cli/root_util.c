/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/root_util.h"

static bool progress_shown;

void progress_show(const char *fmt, ...)
{
	va_list ap;

	if (!isatty(STDERR_FILENO))
		return;
	fputs("\r\033[Kcarrel: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fflush(stderr);
	progress_shown = true;
}

void progress_clear(void)
{
	if (progress_shown)
		fputs("\r\033[K", stderr);
	progress_shown = false;
}

int root_error(const char *fmt, ...)
{
	va_list ap;

	progress_clear();
	fputs("carrel: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return EXIT_OWN;
}

static void *or_die(void *p)
{
	if (!p)
		exit(root_error("out of memory on this machine"));
	return p;
}

static char *text_vformat(const char *fmt, va_list ap)
{
	char *s = NULL;

	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	return or_die(s);
}

char *text_format(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	char *s = text_vformat(fmt, ap);
	va_end(ap);
	return s;
}

void words_add(struct words *w, const char *fmt, ...)
{
	va_list ap;

	if (w->n + 2 > w->room) {
		w->room = w->room ? 2 * w->room : 16;
		w->items = or_die(reallocarray(w->items, w->room, sizeof(*w->items)));
	}
	va_start(ap, fmt);
	w->items[w->n++] = text_vformat(fmt, ap);
	va_end(ap);
	w->items[w->n] = NULL;
}

void words_finish(struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->items[i]);
	free(w->items);
	*w = (struct words){0};
}

/* Reads what is left of fd. Returns a string, or NULL with errno set. */
static char *text_drain(int fd)
{
	size_t n = 0, room = 4096;
	char *s = or_die(malloc(room));

	for (;;) {
		if (n + 1 == room) {
			room *= 2;
			s = or_die(realloc(s, room));
		}
		ssize_t got = read(fd, s + n, room - n - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			int error = errno;
			free(s);
			errno = error;
			return NULL;
		}
		if (got == 0)
			break;
		n += (size_t)got;
	}
	s[n] = '\0';
	return s;
}

char *text_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	char *s = text_drain(fd);
	int error = errno;
	close(fd);
	errno = error;
	return s;
}

int text_write(const char *path, const char *text)
{
	char *part = text_format("%s.new", path);
	/* What an earlier run left goes; a link there must not be followed. */
	(void)unlink(part);
	FILE *f = fopen(part, "wxe");
	int r = 0;

	if (!f) {
		r = -errno;
		free(part);
		return r;
	}
	if (fputs(text, f) < 0)
		r = -EIO;
	if (fclose(f) != 0)
		r = -errno;
	if (r == 0 && rename(part, path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(part);
	free(part);
	return r;
}

char *path_inside(const char *dir, const char *name)
{
	char *path = text_format("%s/%s", dir, name), *real_dir = realpath(dir, NULL);
	char *parent = text_format("%s", path), *real = NULL;
	bool inside = false;

	/* The nearest parent that exists decides: what is made below it is made there. */
	while (real_dir && !real && strlen(parent) > strlen(dir)) {
		*strrchr(parent, '/') = '\0';
		real = realpath(parent, NULL);
		struct stat st;
		if (!real && lstat(parent, &st) == 0)
			break; /* a link to nowhere, here or outside */
	}
	if (!real_dir)
		inside = true; /* nothing is there yet, so no link either */
	else if (real) {
		size_t n = strlen(real_dir);
		inside = strncmp(real, real_dir, n) == 0 &&
			 (real[n] == '/' || !real[n] || strcmp(real_dir, "/") == 0);
	}
	free(real), free(real_dir), free(parent);
	if (!inside) {
		free(path);
		path = NULL;
	}
	return path;
}

int dir_make(const char *path)
{
	char *copy = text_format("%s", path);
	int r = 0;

	for (char *p = copy + 1; r == 0; p++) {
		if (*p != '/' && *p != '\0')
			continue;
		char was = *p;
		struct stat st;
		*p = '\0';
		if (mkdir(copy, 0755) < 0) {
			/* A read-only or foreign parent says so even where the directory exists. */
			int error = errno;
			if (stat(copy, &st) < 0)
				r = -error;
			else if (!S_ISDIR(st.st_mode))
				r = -ENOTDIR;
		}
		*p = was;
		if (was == '\0')
			break;
	}
	free(copy);
	return r;
}

/* Starts a program. Returns its pid or a negative errno. */
static pid_t program_start(const struct words *args, int out, int err)
{
	posix_spawn_file_actions_t actions;
	pid_t pid = -1;
	int r = posix_spawn_file_actions_init(&actions);

	if (r != 0)
		return -r;
	r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (r == 0 && out >= 0)
		r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (r == 0 && err >= 0)
		r = posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
	if (r == 0)
		r = posix_spawnp(&pid, args->items[0], &actions, NULL, args->items, environ);
	posix_spawn_file_actions_destroy(&actions);
	return r == 0 ? pid : -r;
}

static int program_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int program_run(const struct words *args, int out, int err)
{
	pid_t pid = program_start(args, out, err);

	return pid < 0 ? (int)pid : program_wait(pid);
}

int program_read(const struct words *args, int err, char **ret_text)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid_t pid = program_start(args, ends[1], err);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return (int)pid;
	}
	char *text = text_drain(ends[0]);
	int error = errno;
	close(ends[0]);
	int status = program_wait(pid);
	if (!text)
		return -error;
	if (status < 0) {
		free(text);
		return status;
	}
	*ret_text = text;
	return status;
}

int program_exists(const char *name)
{
	const char *path = getenv("PATH");
	int found = 0;

	if (strchr(name, '/'))
		return access(name, X_OK) == 0;
	for (const char *p = path ? path : "/usr/bin:/bin"; p && !found;) {
		const char *end = strchrnul(p, ':');
		/* An empty entry is the current directory. */
		char *file =
		    text_format("%.*s/%s", end == p ? 1 : (int)(end - p), end == p ? "." : p, name);
		struct stat st;
		found = access(file, X_OK) == 0 && stat(file, &st) == 0 && S_ISREG(st.st_mode);
		free(file);
		p = *end ? end + 1 : NULL;
	}
	return found;
}

int scan_inside(const char *dir, const char *name, int (*filter)(const struct dirent *), struct dirent ***ret_list)
{
	char *entry = text_format("%s/x", name), *path = path_inside(dir, entry);
	int n = -1;

	if (path) {
		*strrchr(path, '/') = '\0';
		n = scandir(path, ret_list, filter, alphasort);
	}
	free(path);
	free(entry);
	return n;
}

int text_write_below(const char *top, const char *name, const char *text)
{
	char *path = text_format("%s/%s", top, name);
	int r = text_write(path, text);

	if (r < 0)
		root_error("cannot write %s: %s", path, strerror(-r));
	free(path);
	return r;
}

char *text_read_inside(const char *dir, const char *name)
{
	char *path = path_inside(dir, name), *text = NULL;
	struct stat st;

	if (path && lstat(path, &st) == 0 && S_ISREG(st.st_mode))
		text = text_read(path);
	free(path);
	return text;
}
