/* SPDX-License-Identifier: MIT */
/* What the scripts of Debian's packages would have made, made without running any: a script of a
 * riscv64 package would call riscv64 programs, as root. Nothing that is there is changed. Links are
 * relative, so that they mean the same seen from the host and from the guest. */
#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/root.h"
#include "cli/root_script.h"
#include "cli/root_util.h"

static int say(const char *dir, const char *name, int error)
{
	root_error("cannot make %s in %s: %s", name, dir, strerror(-error));
	return error;
}

/* A name that a link leads out of the root is "there": nothing is to be made. */
static bool is_there(const char *dir, const char *name)
{
	char *path = path_inside(dir, name);
	struct stat st;
	bool there = !path || lstat(path, &st) == 0;

	free(path);
	return there;
}

static bool has(const char *dir, const char *name)
{
	char *path = path_inside(dir, name);
	struct stat st;
	bool there = path && lstat(path, &st) == 0;

	free(path);
	return there;
}

static int make_dir(const char *dir, const char *name, mode_t mode)
{
	if (is_there(dir, name))
		return 0;
	char *path = text_format("%s/%s", dir, name);
	int r = dir_make(path);

	if (r == 0 && chmod(path, mode) < 0)
		r = -errno;
	free(path);
	return r < 0 ? say(dir, name, r) : 0;
}

static int make_link(const char *dir, const char *name, const char *target)
{
	if (is_there(dir, name))
		return 0;
	char *path = text_format("%s/%s", dir, name);
	int r = symlink(target, path) < 0 ? -errno : 0;

	free(path);
	return r < 0 ? say(dir, name, r) : 0;
}

static int make_file(const char *dir, const char *name, const char *text)
{
	if (is_there(dir, name))
		return 0;
	char *path = text_format("%s/%s", dir, name);
	int r = text_write(path, text);

	free(path);
	return r < 0 ? say(dir, name, r) : 0;
}

static int make_copy(const char *dir, const char *name, const char *from)
{
	char *text = text_read_inside(dir, from);
	int r = text ? make_file(dir, name, text) : 0;

	free(text);
	return r;
}

int root_settle_links(const char *dir)
{
	static const char *const merged[] = {"bin", "sbin", "lib"};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(merged) / sizeof(*merged); i++) {
		char *target = text_format("usr/%s", merged[i]);
		/* A root of before the merge has real ones; those stay. */
		if (!is_there(dir, merged[i])) {
			r = make_dir(dir, target, 0755);
			if (r == 0)
				r = make_link(dir, merged[i], target);
		}
		free(target);
	}
	return r;
}

static int settle_dirs(const char *dir)
{
	static const struct {
		const char *name;
		mode_t mode;
	} dirs[] = {
	    {"dev", 0755},
	    {"proc", 0755},
	    {"sys", 0755},
	    {"run", 0755},
	    {"run/lock", 01777},
	    {"tmp", 01777},
	    {"home", 0755},
	    {"root", 0700},
	    {"mnt", 0755},
	    {"srv", 0755},
	    {"opt", 0755},
	    {"media", 0755},
	    {"etc", 0755},
	    {"etc/alternatives", 0755},
	    {"var/mail", 0755},
	    {"var/tmp", 01777},
	    {"var/spool", 0755},
	    {"usr/local/bin", 0755},
	    {"usr/local/etc", 0755},
	    {"usr/local/include", 0755},
	    {"usr/local/lib", 0755},
	    {"usr/local/sbin", 0755},
	    {"usr/local/share", 0755},
	    {"usr/local/src", 0755},
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(dirs) / sizeof(*dirs); i++)
		r = make_dir(dir, dirs[i].name, dirs[i].mode);
	/* base-files ships these two as directories and its script turns them into links. */
	static const char *const moved[][2] = {{"var/run", "../run"}, {"var/lock", "../run/lock"}};
	for (size_t i = 0; r == 0 && i < 2; i++) {
		char *path = path_inside(dir, moved[i][0]);
		if (path)
			(void)rmdir(path); /* fails, rightly, unless it is an empty directory */
		free(path);
		r = make_link(dir, moved[i][0], moved[i][1]);
	}
	if (r == 0)
		r = make_link(dir, "var/spool/mail", "../mail");
	if (r == 0 && has(dir, "usr/lib64"))
		r = make_link(dir, "lib64", "usr/lib64");
	return r;
}

/* The person who makes the root has a name inside it, too. */
static int settle_user(const char *dir)
{
	struct passwd *user = getuid() ? getpwuid(getuid()) : NULL;
	char *path = text_format("%s/etc/passwd", dir);
	char *text = user ? text_read_inside(dir, "etc/passwd") : NULL;
	int r = 0;

	if (text && !strpbrk(user->pw_name, ":\n") && !strpbrk(user->pw_dir, ":\n")) {
		char *id = text_format(":%u:", (unsigned)user->pw_uid);
		char *name = text_format("\n%s:", user->pw_name);
		if (!strstr(text, id) && !strstr(text, name)) {
			char *more = text_format("%s%s:*:%u:%u::%s:/bin/bash\n", text,
						 user->pw_name, (unsigned)user->pw_uid,
						 (unsigned)user->pw_gid, user->pw_dir);
			r = text_write(path, more);
			free(more);
		}
		free(name);
		free(id);
	}
	free(text);
	free(path);
	return r < 0 ? say(dir, "etc/passwd", r) : 0;
}

static int settle_files(const char *dir)
{
	static const char *const copies[][2] = {
	    {"etc/passwd", "usr/share/base-passwd/passwd.master"},
	    {"etc/group", "usr/share/base-passwd/group.master"},
	    {"etc/nsswitch.conf", "usr/share/libc-bin/nsswitch.conf"},
	    {"etc/profile", "usr/share/base-files/profile"},
	    {"etc/motd", "usr/share/base-files/motd"},
	    {"root/.profile", "usr/share/base-files/dot.profile"},
	    {"root/.bashrc", "usr/share/base-files/dot.bashrc"},
	    {"etc/shells", "usr/share/debianutils/shells"},
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(copies) / sizeof(*copies); i++)
		r = make_copy(dir, copies[i][0], copies[i][1]);
	if (r == 0)
		r = make_file(dir, "etc/passwd",
			      "root:*:0:0:root:/root:/bin/sh\n"
			      "nobody:*:65534:65534:nobody:/nonexistent:/bin/false\n");
	if (r == 0)
		r = make_file(dir, "etc/group", "root:*:0:\nnogroup:*:65534:\n");
	if (r == 0)
		r = make_file(dir, "etc/hosts", "127.0.0.1 localhost\n127.0.1.1 carrel\n::1 localhost\n");
	if (r == 0)
		r = make_file(dir, "etc/hostname", "carrel\n");
	return r == 0 ? settle_user(dir) : r;
}

/* One choice among alternatives: update-alternatives --install LINK NAME PATH PRIORITY. */
struct choice {
	char *link, *name, *path;
	long priority;
};

struct choices {
	const char *dir;
	struct choice *items;
	size_t n;
};

static void choice_add(struct choices *all, char *const word[3], long priority)
{
	struct choice *at = NULL;

	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->items[i].name, word[1]) == 0)
			at = &all->items[i];
	if (at && at->priority >= priority)
		return;
	if (!at) {
		struct choice *more = reallocarray(all->items, all->n + 1, sizeof(*more));
		if (!more)
			exit(root_error("out of memory on this machine"));
		all->items = more;
		at = &all->items[all->n++];
	} else {
		free(at->link), free(at->name), free(at->path);
	}
	*at = (struct choice){text_format("%s", word[0]), text_format("%s", word[1]),
			      text_format("%s", word[2]), priority};
}

static bool is_plain_path(const char *p)
{
	return p[0] == '/' && !strpbrk(p, "$`*\"'") && !strstr(p, "/../");
}
static bool is_plain_name(const char *p)
{
	return *p && !strpbrk(p, "/$`*\"'") && strcmp(p, "..") != 0;
}

/* Reads the words of one command; only what a shell would take literally counts. */
static void choice_read(void *ctx, char *command)
{
	struct choices *all = ctx;
	const char *dir = all->dir;
	char *word[256], *state = NULL;
	size_t n = 0, i = 0;

	for (char *w = strtok_r(command, " \t\n", &state); w && n < 256;
	     w = strtok_r(NULL, " \t\n", &state))
		word[n++] = w;
	while (i < n && strcmp(word[i], "update-alternatives") != 0)
		i++;
	while (i < n && strcmp(word[i], "--install") != 0)
		i++;
	if (i + 4 >= n || !is_plain_path(word[i + 1]) || !is_plain_name(word[i + 2]) ||
	    !is_plain_path(word[i + 3]) || !has(dir, word[i + 3] + 1))
		return;
	long priority = strtol(word[i + 4], NULL, 10);
	choice_add(all, word + i + 1, priority);
	for (i += 5; i + 3 < n; i++)
		if (strcmp(word[i], "--slave") == 0 && is_plain_path(word[i + 1]) &&
		    is_plain_name(word[i + 2]) && is_plain_path(word[i + 3]) &&
		    has(dir, word[i + 3] + 1))
			choice_add(all, word + i + 1, priority);
}

/* ../ for each directory that name lies in. */
static char *way_up(const char *name)
{
	char *up = text_format("%s", "");

	for (const char *p = name; *p; p++)
		if (*p == '/') {
			char *more = text_format("../%s", up);
			free(up);
			up = more;
		}
	return up;
}

static int choice_make(const char *dir, const struct choice *c)
{
	const char *link = c->link + 1;
	char *parent = text_format("%.*s", (int)(strrchr(c->link, '/') - c->link), link);
	char *alternative = text_format("etc/alternatives/%s", c->name), *up = way_up(link);
	char *target = text_format("%s%s", up, alternative),
	     *real = text_format("../..%s", c->path);
	char *path = path_inside(dir, alternative), was[4096];
	int r;

	/* A better choice that came with a later package takes the place of the one before. */
	ssize_t n = path ? readlink(path, was, sizeof(was) - 1) : -1;
	if (n >= 0 && ((size_t)n != strlen(real) || strncmp(was, real, (size_t)n) != 0))
		(void)unlink(path);
	r = make_link(dir, alternative, real);
	/* A page of a manual may belong in a directory that no package made. */
	if (r == 0 && *parent)
		r = make_dir(dir, parent, 0755);
	if (r == 0)
		r = make_link(dir, link, target);
	free(parent), free(up), free(alternative), free(target), free(real), free(path);
	return r;
}

static int settle_alternatives(const char *dir)
{
	struct choices all = {.dir = dir};
	int r = 0;

	scripts_read(dir, "update-alternatives", choice_read, &all);
	for (size_t i = 0; i < all.n; i++) {
		if (r == 0)
			r = choice_make(dir, &all.items[i]);
		free(all.items[i].link), free(all.items[i].name), free(all.items[i].path);
	}
	free(all.items);
	return r;
}

static int is_certificate(const struct dirent *e)
{
	const char *dot = strrchr(e->d_name, '.');
	return dot && strcmp(dot, ".crt") == 0;
}

/* What update-ca-certificates makes: whom programs trust, in one file. */
static int settle_certificates(const char *dir)
{
	static const char from[] = "usr/share/ca-certificates/mozilla", to[] = "etc/ssl/certs/ca-certificates.crt";
	char *all = text_format("%s", "");
	struct dirent **list;
	int n = is_there(dir, to) ? -1 : scan_inside(dir, from, is_certificate, &list), r = 0;

	for (int i = 0; i < n; i++) {
		char *name = text_format("%s/%s", from, list[i]->d_name), *text = text_read_inside(dir, name);
		if (text) {
			char *more = text_format("%s%s", all, text);
			free(all);
			all = more;
		}
		free(text), free(name), free(list[i]);
	}
	if (n >= 0)
		free(list);
	if (*all)
		r = make_dir(dir, "etc/ssl/certs", 0755);
	if (*all && r == 0)
		r = make_file(dir, to, all);
	free(all);
	return r;
}

/* A template with its line that begins with '$' replaced: $auth_primary and the like. */
static char *template_fill(const char *text, const char *primary, const char *additional)
{
	char *all = text_format("%s", "");

	while (*text) {
		size_t n = strcspn(text, "\n");
		n += text[n] == '\n';
		char *more = text[0] != '$'			     ? text_format("%s%.*s", all, (int)n, text)
			     : memmem(text, n, "_primary", strlen("_primary")) ? text_format("%s%s", all, primary)
									       : text_format("%s%s", all, additional);
		free(all);
		all = more;
		text += n;
	}
	return all;
}

/* What pam-auth-update makes with passwords of /etc/shadow alone: without it nobody can become
 * somebody else, as all that asks PAM includes these files. */
static int settle_pam(const char *dir)
{
	static const struct {
		const char *name, *primary, *additional;
	} files[] = {
	    {"common-auth", "auth\t[success=1 default=ignore]\tpam_unix.so nullok\n", ""},
	    {"common-account", "account\t[success=1 new_authtok_reqd=done default=ignore]\tpam_unix.so\n", ""},
	    {"common-password", "password\t[success=1 default=ignore]\tpam_unix.so obscure yescrypt\n", ""},
	    {"common-session", "session\t[default=1]\t\t\tpam_permit.so\n", "session\trequired\tpam_unix.so\n"},
	    {"common-session-noninteractive", "session\t[default=1]\t\t\tpam_permit.so\n",
	     "session\trequired\tpam_unix.so\n"},
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(files) / sizeof(*files); i++) {
		char *from = text_format("usr/share/pam/%s", files[i].name);
		char *to = text_format("etc/pam.d/%s", files[i].name);
		char *text = text_read_inside(dir, from);
		if (text) {
			char *filled = template_fill(text, files[i].primary, files[i].additional);
			r = make_file(dir, to, filled);
			free(filled);
		}
		free(text), free(to), free(from);
	}
	return r;
}

int root_settle(const char *dir)
{
	int r = root_settle_links(dir);

	if (r == 0)
		r = settle_dirs(dir);
	if (r == 0)
		r = settle_files(dir);
	if (r == 0)
		r = root_settle_users(dir);
	if (r == 0)
		r = settle_alternatives(dir);
	if (r == 0)
		r = settle_certificates(dir);
	if (r == 0)
		r = settle_pam(dir);
	/* Whatever else: without an awk or a sh, no script runs. */
	if (r == 0 && has(dir, "usr/bin/mawk"))
		r = make_link(dir, "usr/bin/awk", "mawk");
	if (r == 0 && has(dir, "usr/bin/dash"))
		r = make_link(dir, "usr/bin/sh", "dash");
	return r;
}
