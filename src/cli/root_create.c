/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cli/root.h"
#include "cli/root_apt.h"

/* A small system with a shell in which ps, free and ls work; libstdc++6 for programs in C++. */
static const char *const packages_default[] = {
    "base-files", "base-passwd", "bash",       "coreutils",  "dash",         "debianutils",
    "diffutils",  "findutils",   "grep",       "gzip",       "hostname",     "less",
    "libc-bin",   "libc6",       "libstdc++6", "mawk",       "ncurses-base", "ncurses-bin",
    "procps",     "sed",         "tar",        "util-linux",
};

struct create {
	char dir[4096];
	struct words wanted;
	struct apt apt;
};

/* Reads one option at argv[*i]. */
static int option_read(struct create *c, char **argv, int *i)
{
	char *word = argv[*i], *value = argv[*i + 1];

	if (strcmp(word, "-v") == 0 || strcmp(word, "--verbose") == 0)
		c->apt.verbose = true;
	else if (strncmp(word, "--mirror=", 9) == 0)
		c->apt.mirror = word + 9;
	else if (strncmp(word, "--suite=", 8) == 0)
		c->apt.suite = word + 8;
	else if (strcmp(word, "--mirror") == 0 && value)
		c->apt.mirror = argv[++*i];
	else if (strcmp(word, "--suite") == 0 && value)
		c->apt.suite = argv[++*i];
	else
		return root_error("root create: unknown option %s, or its value is missing; "
				  "it has --mirror URL, --suite NAME and -v",
				  word);
	return 0;
}

static bool is_dir_name(const char *word)
{
	return strchr(word, '/') || strcmp(word, ".") == 0 || strcmp(word, "..") == 0;
}

static int options_read(struct create *c, int argc, char **argv)
{
	struct words named = {0};
	const char *dir = NULL;
	bool options = true;
	int r = 0;

	for (int i = 1; r == 0 && i < argc; i++) {
		if (options && strcmp(argv[i], "--") == 0)
			options = false;
		else if (options && argv[i][0] == '-')
			r = option_read(c, argv, &i);
		else if (is_dir_name(argv[i]) && !dir && named.n == 0)
			dir = argv[i];
		else if (is_dir_name(argv[i]))
			r = root_error("%s: one directory, and it comes before the packages",
				       argv[i]);
		else
			words_add(&named, "%s", argv[i]);
	}
	if (r == 0 && c->apt.mirror && (!*c->apt.mirror || strpbrk(c->apt.mirror, " \t\n[]")))
		r = root_error("--mirror %s: that is no address of a mirror", c->apt.mirror);
	if (r == 0 && (!*c->apt.suite || strpbrk(c->apt.suite, " \t\n[]/")))
		r = root_error("--suite %s: that is no name of a Debian release", c->apt.suite);
	if (r == 0 && dir && strlen(dir) >= sizeof(c->dir))
		r = root_error("%s: the name is too long", dir);
	if (r == 0 && dir)
		strcpy(c->dir, dir);
	if (r == 0 && !dir && root_default_dir(c->dir, sizeof(c->dir)) < 0)
		r = root_error("there is no home directory to make the default root in; "
			       "name a directory: carrel root create ./root");
	for (size_t i = 0; i < sizeof(packages_default) / sizeof(*packages_default); i++)
		words_add(&c->wanted, "%s", packages_default[i]);
	for (size_t i = 0; i < named.n; i++)
		words_add(&c->wanted, "%s", named.items[i]);
	words_finish(&named);
	return r;
}

static int tools_check(void)
{
	static const char *const tools[] = {"apt-get", "dpkg-deb", "tar"};

	for (size_t i = 0; i < sizeof(tools) / sizeof(*tools); i++)
		if (!program_exists(tools[i]))
			return root_error(
			    "root create needs %s, which this machine does not have.\n"
			    "  On Debian and Ubuntu it is always there. Elsewhere, unpack a "
			    "riscv64 "
			    "system of your own:\n  carrel root import TAR DIR",
			    tools[i]);
	return 0;
}

static int dir_check(const char *dir)
{
	int state = root_state(dir), r;

	if (state < 0)
		return root_error("cannot look at %s: %s", dir, strerror(-state));
	if (state == ROOT_FOREIGN)
		return root_error(
		    "%s is not empty, and no root that Carrel made; it stays as it is.\n"
		    "  Name a new directory.",
		    dir);
	/* A complete root stays one until something is unpacked in it. */
	r = state == ROOT_COMPLETE ? 0 : root_mark(dir, false);
	if (r < 0)
		return root_error("cannot write in %s: %s; name another directory: carrel root create DIR", dir,
				  strerror(-r));
	return 0;
}

/* Writes down that the root has a package, as dpkg would: apt reads it, and dpkg -l in the
 * guest. */
static int status_add(const char *dir, const char *control)
{
	const char *name = strncmp(control, "Package: ", 9) == 0 ? control : NULL;
	char *path = apt_status(dir), *old = text_read(path), *text = text_format("%s", "");
	int r;

	if (!name || !old) {
		free(path), free(old), free(text);
		return name ? -EIO : -EINVAL;
	}
	size_t line = strcspn(name, "\n");
	/* An older version of the same package goes. */
	for (char *p = old; *p;) {
		char *end = strstr(p, "\n\n");
		size_t n = end ? (size_t)(end - p) + 1 : strlen(p);
		bool same = strncmp(p, name, line + 1) == 0;
		if (!same && n > 1) {
			char *more = text_format("%s%.*s\n", text, (int)n, p);
			free(text);
			text = more;
		}
		p = end ? end + 2 : p + n;
	}
	char *all = text_format("%s%.*s\nStatus: install ok installed\n%s\n", text, (int)line,
				control, control[line] ? control + line + 1 : "");
	r = text_write(path, all);
	free(all), free(text), free(old), free(path);
	return r;
}

/* What tar -v writes as \303\244 is one byte. */
static void unescape(char *line)
{
	char *to = line;
	for (const char *p = line; *p;) {
		bool octal = p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' && p[3] >= '0' &&
			     p[3] <= '7';
		if (octal) {
			*to++ = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
			p += 4;
		} else {
			p += p[0] == '\\' && p[1] == '\\';
			*to++ = *p++;
		}
	}
	*to = '\0';
}

/* Writes down which files a package has, as dpkg would: dpkg -L and -S of the guest read it, and
 * dpkg -i wants it. names: a line for each, as "./usr/bin/". */
static int files_note(const char *dir, const char *package, const char *control, char *names)
{
	bool same = strstr(control, "\nMulti-Arch: same\n");
	char *info = path_inside(dir, "var/lib/dpkg/info"), *format = path_inside(dir, "var/lib/dpkg/info/format");
	char *list = info ? text_format("%s/%s%s.list", info, package, same ? ":riscv64" : "") : NULL;
	int r = info && format ? dir_make(info) : -ELOOP;
	FILE *f = r == 0 ? fopen(list, "we") : NULL;
	if (r == 0 && !f)
		r = -errno;
	for (char *line; f && (line = strsep(&names, "\n"));) {
		unescape(line);
		size_t n = strlen(line);
		if (n > 2 && line[n - 1] == '/')
			line[n - 1] = '\0';
		if (n > 1 && line[0] == '.')
			fprintf(f, "%s\n", line[1] == '/' && !line[2] ? "/." : line + 1);
	}
	if (f && (ferror(f) | (fclose(f) != 0)))
		r = -EIO;
	/* Then those of packages that may be there for two machines carry the machine's name. */
	if (r == 0)
		r = text_write(format, "1\n");
	free(list), free(format), free(info);
	return r;
}

static int package_unpack(struct create *c, const char *file)
{
	char *deb = apt_file(&c->apt, file);
	char *name = text_format("%.*s", (int)strcspn(file, "_"), file);
	char *control = text_format("%s/var/lib/carrel/control/%s", c->dir, name);
	char *control_file = text_format("%s/control", control);
	struct words args = {0};
	char *text = NULL, *names = NULL;

	words_add(&args, "dpkg-deb");
	words_add(&args, "-X");
	words_add(&args, "%s", deb);
	words_add(&args, "%s", c->dir);
	int r = program_read(&args, -1, &names);
	words_finish(&args);
	if (r == 0)
		r = dir_make(control);
	if (r == 0) {
		words_add(&args, "dpkg-deb");
		words_add(&args, "-e");
		words_add(&args, "%s", deb);
		words_add(&args, "%s", control);
		r = program_run(&args, -1, -1);
		words_finish(&args);
	}
	if (r != 0) {
		root_error("cannot unpack %s in %s: %s", deb, c->dir,
			   r < 0 ? strerror(-r) : "its reason stands above; is the disk full?");
	} else {
		text = text_read(control_file);
		r = text ? files_note(c->dir, name, text, names) : -errno;
		if (r == 0)
			r = status_add(c->dir, text);
		if (r < 0)
			root_error("cannot note that %s has %s: %s", c->dir, name, strerror(-r));
	}
	free(names), free(text), free(control_file), free(control), free(name), free(deb);
	return r == 0 ? 0 : EXIT_OWN;
}

/* nftw gives its function nothing of the caller's. */
static uint64_t tree_bytes;

static int tree_add(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	tree_bytes += (uint64_t)st->st_blocks * 512;
	return 0;
}

/* What it cost: packages, where they are from, their size, the room that the root takes, time. */
static void cost_print(const struct create *c, const struct words *files, time_t began)
{
	uint64_t fetched = 0;
	struct stat st;

	for (size_t i = 0; i < files->n; i++) {
		char *deb = apt_file(&c->apt, files->items[i]);
		fetched += stat(deb, &st) == 0 ? (uint64_t)st.st_size : 0;
		free(deb);
	}
	tree_bytes = 0;
	(void)nftw(c->dir, tree_add, 16, FTW_PHYS | FTW_MOUNT);
	printf("%s: %zu packages of Debian %s from %s\n"
	       "  %.0f MB of packages, %.0f MB on disk, %lld s\n",
	       c->dir, files->n, c->apt.suite, c->apt.source, (double)fetched / 1e6,
	       (double)tree_bytes / 1e6, (long long)(time(NULL) - began));
}

static int create_in(struct create *c)
{
	time_t began = time(NULL);
	struct words files = {0};
	int r = apt_init(&c->apt, c->dir);

	if (r == 0)
		r = apt_lock(&c->apt);
	progress_show("reading the package lists");
	if (r == 0)
		r = apt_update(&c->apt);
	if (r == 0)
		r = apt_resolve(&c->apt, &c->wanted, &files);
	if (r == 0 && files.n > 0)
		progress_show("fetching %zu packages", files.n);
	if (r == 0 && files.n > 0)
		r = apt_fetch(&c->apt, &c->wanted);
	apt_unlock(&c->apt);
	if (r == 0 && files.n > 0 && root_mark(c->dir, false) < 0)
		r = root_error("cannot write in %s", c->dir);
	if (r == 0 && root_settle_links(c->dir) < 0)
		r = EXIT_OWN;
	for (size_t i = 0; r == 0 && i < files.n; i++) {
		progress_show("unpacking %zu/%zu", i + 1, files.n);
		r = package_unpack(c, files.items[i]);
	}
	progress_clear();
	if (r == 0 && root_settle(c->dir) < 0)
		r = EXIT_OWN;
	if (r == 0) {
		r = root_mark(c->dir, true);
		if (r < 0)
			r = root_error("cannot write in %s: %s", c->dir, strerror(-r));
	}
	if (r == 0 && files.n > 0)
		cost_print(c, &files, began);
	else if (r == 0)
		printf("%s: has all of that already\n", c->dir);
	words_finish(&files);
	return r;
}

int root_create(int argc, char **argv)
{
	struct create c = {.apt.suite = "trixie"};
	int r = options_read(&c, argc, argv);

	if (r == 0)
		r = tools_check();
	if (r == 0)
		r = dir_check(c.dir);
	if (r == 0)
		r = create_in(&c);
	apt_finish(&c.apt);
	words_finish(&c.wanted);
	return r;
}
