/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/root.h"
#include "cli/root_util.h"

static const char usage[] = "carrel root create [--mirror URL] [--suite NAME] [DIR] [PACKAGE...]\n"
			    "carrel root import TAR DIR\n"
			    "See carrel-root(1).\n";

static const char mark_complete[] = "carrel root: complete\n";
static const char mark_incomplete[] = "carrel root: incomplete\n";

static int copy_out(const char *s, char *ret, size_t size)
{
	if (strlen(s) >= size)
		return -ENAMETOOLONG;
	strcpy(ret, s);
	return 0;
}

int root_default_dir(char *ret_path, size_t size)
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	char *path;

	if (!home || home[0] != '/') {
		struct passwd *user = getpwuid(getuid());
		home = user ? user->pw_dir : NULL;
	}
	/* The XDG rules: a relative directory is to be ignored. */
	if (data && data[0] == '/')
		path = text_format("%s/carrel/root", data);
	else if (home && home[0] == '/')
		path = text_format("%s/.local/share/carrel/root", home);
	else
		return -ENOENT;
	int r = copy_out(path, ret_path, size);
	free(path);
	return r;
}

/* Where a bundle has its root: beside the program, in ../share/carrel/root. */
static int root_bundled(char *ret_path, size_t size)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n < 0)
		return -errno;
	path[n] = 0;
	for (int up = 0; up < 2; up++) {
		char *slash = strrchr(path, '/');
		if (!slash)
			return -ENOENT;
		*slash = 0;
	}
	char *root = text_format("%s/share/carrel/root", path);
	int r = root_state(root) == ROOT_COMPLETE ? copy_out(root, ret_path, size) : -ENOENT;
	free(root);
	return r;
}

int root_default(char *ret_path, size_t size)
{
	const char *named = getenv("CARREL_ROOT"), *cross = "/usr/riscv64-linux-gnu";
	char path[4096];
	struct stat st;

	if (named && *named)
		return copy_out(named, ret_path, size);
	if (root_default_dir(path, sizeof(path)) == 0 && root_state(path) == ROOT_COMPLETE)
		return copy_out(path, ret_path, size);
	if (root_bundled(ret_path, size) == 0)
		return 0;
	if (stat(cross, &st) == 0 && S_ISDIR(st.st_mode))
		return copy_out(cross, ret_path, size);
	return -ENOENT;
}

int root_state(const char *dir)
{
	char *path = text_format("%s/var/lib/carrel/root", dir);
	char *mark = text_read(path);
	int state = ROOT_EMPTY;

	free(path);
	if (mark) {
		state = strcmp(mark, mark_complete) == 0 ? ROOT_COMPLETE : ROOT_INCOMPLETE;
		free(mark);
		return state;
	}
	DIR *d = opendir(dir);
	if (!d)
		return errno == ENOENT ? ROOT_ABSENT : -errno;
	for (struct dirent *e; (e = readdir(d));)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			state = ROOT_FOREIGN;
	closedir(d);
	return state;
}

int root_mark(const char *dir, bool complete)
{
	char *home = path_inside(dir, "var/lib/carrel"),
	     *path = path_inside(dir, "var/lib/carrel/root");
	int r = home && path ? dir_make(home) : -ELOOP;

	if (r == 0)
		r = text_write(path, complete ? mark_complete : mark_incomplete);
	free(path);
	free(home);
	return r;
}

int verb_root(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	/* What apt and tar say is read here, and has to be in one language. */
	if (setenv("LC_ALL", "C", 1) < 0)
		return root_error("cannot set an environment variable: %s", strerror(errno));
	bool help = strcmp(what, "--help") == 0 || strcmp(what, "-h") == 0 ||
		    (argc == 3 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0));
	if (help) {
		fputs(usage, stdout);
		return 0;
	}
	if (strcmp(what, "create") == 0)
		return root_create(argc - 1, argv + 1);
	if (strcmp(what, "import") == 0)
		return root_import(argc - 1, argv + 1);
	if (*what)
		root_error("root has no command \"%s\"; it has create and import:", what);
	else
		root_error("root needs to be told what to do:");
	fputs(usage, stderr);
	return EXIT_OWN;
}
