/* SPDX-License-Identifier: MIT */
/* An archive comes from anywhere, so its names are read before anything is unpacked. GNU tar itself
 * makes no link that leads out before all files are in place; names that leave are refused here. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/root.h"
#include "cli/root_util.h"

static void tar_words(struct words *args, const char *what, const char *tar)
{
	words_add(args, "tar");
	words_add(args, "--quoting-style=escape");
	words_add(args, "%s", what);
	/* Not "host:file", and not an option. */
	words_add(args, "--force-local");
	words_add(args, "--file=%s", tar);
}

static int list_read(const char *tar, const char *how, char **ret_text)
{
	struct words args = {0};

	tar_words(&args, how, tar);
	/* Show each name as it is; nothing is unpacked here. */
	words_add(&args, "--absolute-names");
	int r = program_read(&args, -1, ret_text);
	words_finish(&args);
	if (r == 0)
		return 0;
	if (r > 0)
		free(*ret_text);
	*ret_text = NULL;
	return root_error("cannot read the archive %s: %s", tar,
			  r < 0 ? strerror(-r) : "tar's reason stands above");
}

static bool leaves(const char *name)
{
	for (const char *p = name; *p;) {
		size_t n = strcspn(p, "/");
		if (n == 2 && p[0] == '.' && p[1] == '.')
			return true;
		p += n;
		p += strspn(p, "/");
	}
	return name[0] == '/';
}

static bool starts_root(const char *name)
{
	static const char *const tops[] = {"bin", "usr", "lib", "etc"};
	size_t n = strcspn(name, "/");

	for (size_t i = 0; i < sizeof(tops) / sizeof(*tops); i++)
		if (strlen(tops[i]) == n && strncmp(name, tops[i], n) == 0)
			return true;
	return false;
}

/* Checks the names; finds the device nodes, and how many leading directories to drop. */
static int names_check(const char *tar, struct words *ret_devices, int *ret_strip)
{
	char *names = NULL, *kinds = NULL;
	int r = list_read(tar, "--list", &names);

	if (r == 0)
		r = list_read(tar, "-tv", &kinds);
	bool root_here = false, root_below = false, one_top = true;
	const char *top = NULL;
	char *rest = names, *rest_kinds = kinds;
	for (char *name; r == 0 && (name = strsep(&rest, "\n")) && *name;) {
		char *kind = strsep(&rest_kinds, "\n");
		if (leaves(name)) {
			r = root_error(
			    "%s: the name %s would lie outside of the root; nothing was unpacked.\n"
			    "  Make the archive with relative names: tar -C TREE -cf %s .",
			    tar, name, tar);
			break;
		}
		if (kind && (kind[0] == 'b' || kind[0] == 'c'))
			words_add(ret_devices, "%s", name);
		while (strncmp(name, "./", 2) == 0)
			name += 2;
		if (!*name || strcmp(name, ".") == 0)
			continue;
		root_here = root_here || starts_root(name);
		size_t n = strcspn(name, "/");
		if (!top)
			top = name;
		one_top = one_top && strncmp(top, name, n) == 0 && (top[n] == '/' || !top[n]);
		root_below = root_below || (name[n] == '/' && starts_root(name + n + 1));
	}
	*ret_strip = one_top && root_below && !root_here ? 1 : 0;
	if (r == 0 && !root_here && !*ret_strip)
		r = root_error("%s is the archive of no root: it has neither bin, lib, etc nor usr",
			       tar);
	free(names);
	free(kinds);
	return r;
}

static int unpack(const char *tar, const char *dir, const struct words *devices, int strip)
{
	struct words args = {0};

	tar_words(&args, "--extract", tar);
	words_add(&args, "--directory=%s", dir);
	/* All is the caller's, as with "create"; a set-user-id bit for a host's root is for
	 * nobody. */
	words_add(&args, "--no-same-owner");
	words_add(&args, "--no-same-permissions");
	words_add(&args, "--delay-directory-restore");
	if (strip)
		words_add(&args, "--strip-components=%d", strip);
	words_add(&args, "--anchored");
	words_add(&args, "--no-wildcards");
	for (size_t i = 0; i < devices->n; i++)
		words_add(&args, "--exclude=%s", devices->items[i]);
	int r = program_run(&args, -1, -1);
	words_finish(&args);
	if (r == 0)
		return 0;
	return root_error("could not unpack all of %s in %s: %s.\n  Remove %s and try again.", tar,
			  dir, r < 0 ? strerror(-r) : "tar's reason stands above", dir);
}

int root_import(int argc, char **argv)
{
	struct words devices = {0};
	int strip = 0, r = 0;

	if (argc > 1 && strcmp(argv[1], "--") == 0) {
		argc--;
		argv++;
	}
	if (argc != 3 || argv[1][0] == '-' || !*argv[2] || argv[2][0] == '-')
		return root_error("root import takes an archive and a new directory: "
				  "carrel root import TAR DIR");
	const char *tar = argv[1], *dir = argv[2];
	if (!program_exists("tar"))
		return root_error("root import needs tar, which this machine does not have");
	if (access(tar, R_OK) < 0)
		return root_error("cannot read %s: %s", tar, strerror(errno));
	int state = root_state(dir);
	if (state < 0)
		return root_error("cannot look at %s: %s", dir, strerror(-state));
	if (state != ROOT_ABSENT && state != ROOT_EMPTY)
		return root_error("%s is not empty, and stays as it is; name a new directory", dir);

	progress_show("reading %s", tar);
	r = names_check(tar, &devices, &strip);
	if (r == 0) {
		int made = dir_make(dir);
		if (made < 0)
			r = root_error("cannot make the directory %s: %s", dir, strerror(-made));
	}
	if (r == 0) {
		progress_show("unpacking %s", tar);
		r = unpack(tar, dir, &devices, strip);
	}
	progress_clear();
	if (r == 0 && root_settle(dir) < 0)
		r = EXIT_OWN;
	if (r == 0) {
		int marked = root_mark(dir, true);
		if (marked < 0)
			r = root_error("cannot write var/lib/carrel in %s: %s", dir,
				       marked == -ELOOP ? "a link there leads out of it"
							: strerror(-marked));
	}
	if (r == 0 && devices.n > 0)
		printf("%s: unpacked, without %zu device nodes\n", dir, devices.n);
	else if (r == 0)
		printf("%s: unpacked\n", dir);
	words_finish(&devices);
	return r;
}
