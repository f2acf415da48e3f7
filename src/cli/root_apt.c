/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/root_apt.h"

static const char *const keyrings[] = {
    "/usr/share/keyrings/debian-archive-keyring.gpg",
    "/usr/share/keyrings/debian-archive-keyring.pgp",
};

static const char *keyring_find(void)
{
	for (size_t i = 0; i < sizeof(keyrings) / sizeof(*keyrings); i++)
		if (access(keyrings[i], R_OK) == 0)
			return keyrings[i];
	return NULL;
}

static char *cache_dir(void)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	if (cache && cache[0] == '/')
		return text_format("%s/carrel/apt", cache);
	if (!home || home[0] != '/') {
		struct passwd *user = getpwuid(getuid());
		home = user ? user->pw_dir : "/tmp";
	}
	return text_format("%s/.cache/carrel/apt", home);
}

static int make_below(const char *top, const char *name)
{
	char *path = text_format("%s/%s", top, name);
	int r = dir_make(path);

	if (r < 0)
		root_error("cannot make the directory %s: %s", path, strerror(-r));
	free(path);
	return r < 0 ? EXIT_OWN : 0;
}

char *apt_status(const char *root)
{
	return text_format("%s/var/lib/dpkg/status", root);
}

char *apt_file(const struct apt *apt, const char *name)
{
	return text_format("%s/archives/%s", apt->cache, name);
}

/* apt-get reads this after the machine's own settings, so it has the last word. What the machine
 * hooks into apt (emptying its caches, say) is not for us; its proxies are. */
static int settings_write(struct apt *apt, const char *root)
{
	char *status = apt_status(root);
	char *text = text_format("APT::Architecture \"riscv64\";\n"
				 "#clear APT::Architectures;\n"
				 "APT::Architectures { \"riscv64\"; };\n"
				 "APT::Default-Release \"\";\n"
				 "APT::Install-Recommends \"false\";\n"
				 "APT::Install-Suggests \"false\";\n"
				 "APT::Sandbox::User \"\";\n"
				 "APT::Get::List-Cleanup \"false\";\n"
				 "APT::Get::Assume-Yes \"true\";\n"
				 "APT::Update::Error-Mode \"any\";\n"
				 "#clear APT::Update::Pre-Invoke;\n"
				 "#clear APT::Update::Post-Invoke;\n"
				 "#clear APT::Update::Post-Invoke-Success;\n"
				 "#clear DPkg::Pre-Install-Pkgs;\n"
				 "#clear DPkg::Pre-Invoke;\n"
				 "#clear DPkg::Post-Invoke;\n"
				 "Acquire::Languages \"none\";\n"
				 "Acquire::Retries \"2\";\n"
				 "Dir::State \"%s\";\n"
				 "Dir::State::lists \"lists\";\n"
				 "Dir::State::status \"%s\";\n"
				 "Dir::State::extended_states \"%s/extended_states\";\n"
				 "Dir::Cache \"%s\";\n"
				 "Dir::Cache::archives \"archives\";\n"
				 "Dir::Cache::pkgcache \"\";\n"
				 "Dir::Cache::srcpkgcache \"\";\n"
				 "Dir::Etc::sourcelist \"%s/sources.list\";\n"
				 "Dir::Etc::sourceparts \"/dev/null\";\n"
				 "Dir::Etc::preferences \"/dev/null\";\n"
				 "Dir::Etc::preferencesparts \"/dev/null\";\n"
				 "Dir::Log \"%s\";\n",
				 apt->cache, status, apt->home, apt->cache, apt->home, apt->home);
	int r = text_write_below(apt->home, "apt.conf", text) < 0 ? EXIT_OWN : 0;

	free(text);
	/* The record of installed packages has to exist, though it may be empty. */
	if (r == 0 && access(status, F_OK) < 0) {
		r = text_write(status, "");
		if (r < 0)
			r = root_error("cannot write %s: %s", status, strerror(-r));
	}
	free(status);
	return r;
}

int apt_init(struct apt *apt, const char *root)
{
	char *real = realpath(root, NULL);
	int r;

	if (!real)
		return root_error("cannot use %s: %s", root, strerror(errno));
	apt->cache = cache_dir();
	apt->home = text_format("%s/var/lib/carrel", real);
	apt->log = text_format("%s/apt.log", apt->home);
	if (strpbrk(real, "\"\n") || strpbrk(apt->cache, "\"\n"))
		r = root_error("apt cannot work in a directory with a quote in its name: %s", real);
	else
		r = make_below(apt->cache, "lists/partial") ?: make_below(apt->cache, "archives/partial")
			?: make_below(apt->cache, "none/partial") ?: make_below(real, "var/lib/dpkg")
			?: settings_write(apt, real);
	free(real);
	return r;
}

int apt_lock(struct apt *apt)
{
	char *path = text_format("%s/carrel.lock", apt->cache);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), r = fd < 0 ? -1 : flock(fd, LOCK_EX | LOCK_NB);

	if (fd >= 0 && r < 0 && errno == EWOULDBLOCK) {
		progress_show("another carrel root create fetches packages; waiting until it has them");
		while ((r = flock(fd, LOCK_EX)) < 0 && errno == EINTR)
			;
	}
	if (r < 0) {
		r = root_error("cannot lock %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
	} else {
		apt->lock = fd;
	}
	free(path);
	return r;
}

void apt_unlock(struct apt *apt)
{
	if (apt->lock > 0)
		close(apt->lock);
	apt->lock = 0;
}

void apt_finish(struct apt *apt)
{
	apt_unlock(apt);
	free(apt->cache);
	free(apt->home);
	free(apt->log);
	free(apt->source);
	*apt = (struct apt){0};
}

static void apt_words(const struct apt *apt, struct words *args)
{
	words_add(args, "apt-get");
	words_add(args, "-q");
	words_add(args, "-c%s/apt.conf", apt->home);
}

/* Runs apt-get with its words going to the log (and to the terminal when verbose). Returns its
 * status or a negative errno. */
static int apt_run(struct apt *apt, const struct words *args, char **ret_text)
{
	int log = open(apt->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (log < 0)
		return -errno;
	int err = apt->verbose ? STDERR_FILENO : log;
	int r = ret_text ? program_read(args, err, ret_text) : program_run(args, err, err);
	close(log);
	return r;
}

/* The lines of the log in which apt-get gives its reasons, each indented. */
static void say_reasons(const struct apt *apt)
{
	char *text = text_read(apt->log), *rest = text;
	int n = 0;

	for (char *line; text && n < 8 && (line = strsep(&rest, "\n"));)
		if (strncmp(line, "E:", 2) == 0 || strncmp(line, "W:", 2) == 0 ||
		    strncmp(line, "Err:", 4) == 0 || strncmp(line, "N: Skipping", 11) == 0) {
			fprintf(stderr, "  apt-get: %s\n", line);
			n++;
		}
	free(text);
}

static bool log_has(const struct apt *apt, const char *words)
{
	char *text = text_read(apt->log);
	bool has = text && strcasestr(text, words);

	free(text);
	return has;
}

/* Debian mirrors that the machine's own apt uses, likeliest first. */
static int mirrors_find(struct words *ret_mirrors)
{
	struct words args = {0}, debian = {0}, other = {0};
	char *text = NULL;

	words_add(&args, "apt-get");
	words_add(&args, "indextargets");
	words_add(&args, "--format");
	words_add(&args, "$(CREATED_BY)|$(ORIGIN)|$(RELEASE)|$(REPO_URI)");
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int r = program_read(&args, null, &text);
	if (null >= 0)
		close(null);
	words_finish(&args);
	if (r != 0) {
		if (r > 0)
			free(text);
		return root_error("cannot ask apt-get which mirror this machine uses; "
				  "name one with --mirror URL");
	}
	char *rest = text;
	for (char *line; (line = strsep(&rest, "\n"));) {
		char *by = strsep(&line, "|"), *origin = strsep(&line, "|");
		char *release = strsep(&line, "|"), *uri = line;
		if (!uri || strcmp(by, "Packages") != 0 || strpbrk(uri, " \t[]"))
			continue;
		/* Updates and security fixes lie beside a main archive, or elsewhere. */
		if (strchr(release, '-') || strchr(release, '/'))
			continue;
		size_t n = strlen(uri);
		while (n > 0 && uri[n - 1] == '/')
			uri[--n] = '\0';
		/* Before the first apt-get update, apt does not know the origin. */
		bool unknown = origin[0] == '$' || origin[0] == '\0';
		struct words *list = strcmp(origin, "Debian") == 0 ? &debian
				     : unknown                     ? &other
								   : NULL;
		for (size_t i = 0; list && i < list->n; i++)
			if (strcmp(list->items[i], uri) == 0)
				list = NULL;
		if (list)
			words_add(list, "%s", uri);
	}
	free(text);
	for (size_t i = 0; i < debian.n; i++)
		words_add(ret_mirrors, "%s", debian.items[i]);
	for (size_t i = 0; i < other.n; i++)
		words_add(ret_mirrors, "%s", other.items[i]);
	words_finish(&debian);
	words_finish(&other);
	return 0;
}

static bool lists_there(const struct apt *apt, const char *mirror)
{
	/* apt names a list by its address, with '_' for '/', and so does this pattern. */
	const char *host = strstr(mirror, "://");
	char *name = text_format("%s", host ? host + 3 : mirror);
	for (char *p = name; *p; p++)
		if (strchr("/*?[]\\", *p))
			*p = *p == '/' ? '_' : '?';
	char *pattern = text_format("%s/lists/*%s_dists_%s_main_binary-riscv64_Packages*",
				    apt->cache, name, apt->suite);
	glob_t found = {0};
	bool there = glob(pattern, 0, NULL, &found) == 0;

	globfree(&found);
	free(pattern);
	free(name);
	return there;
}

enum update { UPDATE_GOOD, UPDATE_NO_RISCV, UPDATE_NO_NETWORK, UPDATE_NO_KEY, UPDATE_OTHER };

static int update_from(struct apt *apt, const char *mirror, enum update *ret_how)
{
	const char *keyring = keyring_find();
	char *line =
	    keyring ? text_format("deb [signed-by=%s] %s %s main\n", keyring, mirror, apt->suite)
		    : text_format("deb %s %s main\n", mirror, apt->suite);
	struct words args = {0};
	int r = text_write_below(apt->home, "sources.list", line) < 0 ? EXIT_OWN : 0;

	free(line);
	if (r != 0)
		return r;
	apt_words(apt, &args);
	words_add(&args, "update");
	r = apt_run(apt, &args, NULL);
	words_finish(&args);
	if (r < 0)
		return root_error("cannot run apt-get: %s", strerror(-r));
	if (r == 0 && lists_there(apt, mirror))
		*ret_how = UPDATE_GOOD;
	else if (log_has(apt, "NO_PUBKEY") || log_has(apt, "not signed") ||
		 log_has(apt, "EXPKEYSIG") || log_has(apt, "signature"))
		*ret_how = UPDATE_NO_KEY;
	else if (log_has(apt, "doesn't support architecture") || log_has(apt, "404 ") ||
		 log_has(apt, "does not have a Release file"))
		*ret_how = UPDATE_NO_RISCV;
	else if (log_has(apt, "resolve") || log_has(apt, "connect") || log_has(apt, "timed out") ||
		 log_has(apt, "unreachable"))
		*ret_how = UPDATE_NO_NETWORK;
	else
		*ret_how = r == 0 ? UPDATE_NO_RISCV : UPDATE_OTHER;
	/* Without a network, lists of an earlier time serve for packages of an earlier time. */
	if (*ret_how == UPDATE_NO_NETWORK && lists_there(apt, mirror)) {
		fprintf(stderr, "carrel: cannot reach %s; using the package lists of last time\n",
			mirror);
		*ret_how = UPDATE_GOOD;
	}
	return 0;
}

int apt_update(struct apt *apt)
{
	struct words mirrors = {0};
	enum update how = UPDATE_OTHER;
	int r = 0;

	if (apt->mirror)
		words_add(&mirrors, "%s", apt->mirror);
	else
		r = mirrors_find(&mirrors);
	if (r == 0 && mirrors.n == 0)
		r = root_error(
		    "this machine's apt uses no mirror of Debian, and Debian has the riscv64 "
		    "packages;\n  name one: carrel root create --mirror URL");
	for (size_t i = 0; r == 0 && i < mirrors.n && !apt->source; i++) {
		r = update_from(apt, mirrors.items[i], &how);
		if (r == 0 && how == UPDATE_GOOD)
			apt->source = text_format("%s", mirrors.items[i]);
	}
	if (r != 0 || apt->source) {
		words_finish(&mirrors);
		return r;
	}
	/* With several tried, the first is the likeliest, but the last left its reasons in the
	 * log. */
	const char *tried = mirrors.items[mirrors.n - 1];
	switch (how) {
	case UPDATE_NO_RISCV:
		root_error("%s has no riscv64 packages of Debian %s", tried, apt->suite);
		say_reasons(apt);
		fprintf(stderr, "  Name a mirror that has them: carrel root create --mirror URL\n");
		break;
	case UPDATE_NO_KEY:
		root_error("cannot verify %s: %s", tried,
			   keyring_find()
			       ? "this machine's keys of Debian do not include those it is "
				 "signed with"
			       : "this machine has no keys of Debian");
		say_reasons(apt);
		fprintf(stderr, "  Install or update the package debian-archive-keyring.\n");
		break;
	case UPDATE_NO_NETWORK:
		root_error("cannot reach %s", tried);
		say_reasons(apt);
		fprintf(stderr,
			"  Is there a network? Another mirror: carrel root create --mirror URL\n");
		break;
	default:
		root_error("apt-get could not read the package lists of %s", tried);
		say_reasons(apt);
		fprintf(stderr, "  All it said is in %s\n", apt->log);
	}
	words_finish(&mirrors);
	return EXIT_OWN;
}

/* apt-get takes "name-" for a wish to remove, and options anywhere. */
static bool package_name_ok(const char *name)
{
	size_t n = strlen(name), good = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.+-");

	return n > 1 && good == n && strchr("abcdefghijklmnopqrstuvwxyz0123456789", name[0]) &&
	       name[n - 1] != '-';
}

static int install_words(struct apt *apt, const struct words *wanted, struct words *args)
{
	apt_words(apt, args);
	words_add(args, "--no-remove");
	words_add(args, "install");
	for (size_t i = 0; i < wanted->n; i++) {
		if (!package_name_ok(wanted->items[i]))
			return root_error(
			    "\"%s\" is no name of a package; a directory needs a slash: ./%s",
			    wanted->items[i], wanted->items[i]);
		words_add(args, "%s", wanted->items[i]);
	}
	return 0;
}

/* Names a package that apt-get did not find, as a person would. */
static int say_unresolved(struct apt *apt)
{
	static const char unknown[] = "E: Unable to locate package ";
	char *text = text_read(apt->log);
	char *at = text ? strstr(text, unknown) : NULL;

	if (!at)
		at = text ? strstr(text, "has no installation candidate") : NULL;
	if (at && strncmp(at, unknown, strlen(unknown)) == 0) {
		char *name = at + strlen(unknown);
		name[strcspn(name, "\n")] = '\0';
		root_error(
		    "Debian %s has no package %s for riscv64; a directory needs a slash: ./%s",
		    apt->suite, name, name);
	} else {
		root_error("apt-get cannot put these packages together");
		say_reasons(apt);
		fprintf(stderr, "  All it said is in %s\n", apt->log);
	}
	free(text);
	return EXIT_OWN;
}

int apt_resolve(struct apt *apt, const struct words *wanted, struct words *ret_files)
{
	struct words args = {0};
	char *text = NULL;
	int r = install_words(apt, wanted, &args);

	/* It lists only what it does not have yet, so it is shown a cache that is always empty. */
	words_add(&args, "-oDir::Cache::archives=none");
	words_add(&args, "--print-uris");
	if (r == 0)
		r = apt_run(apt, &args, &text);
	words_finish(&args);
	if (r == EXIT_OWN && !text)
		return r;
	if (r < 0)
		return root_error("cannot run apt-get: %s", strerror(-r));
	if (r != 0) {
		free(text);
		return say_unresolved(apt);
	}
	/* Lines such as: 'ADDRESS' FILE SIZE HASH */
	char *rest = text;
	for (char *line; (line = strsep(&rest, "\n"));) {
		char *end = line[0] == '\'' ? strchr(line + 1, '\'') : NULL;
		if (!end || end[1] != ' ')
			continue;
		char *name = end + 2;
		name[strcspn(name, " ")] = '\0';
		if (*name && !strchr(name, '/'))
			words_add(ret_files, "%s", name);
	}
	free(text);
	return 0;
}

int apt_fetch(struct apt *apt, const struct words *wanted)
{
	struct words args = {0};
	int r = install_words(apt, wanted, &args);

	words_add(&args, "--download-only");
	if (r == 0) {
		r = apt_run(apt, &args, NULL);
		if (r < 0)
			r = root_error("cannot run apt-get: %s", strerror(-r));
		else if (r != 0) {
			r = root_error("apt-get could not fetch all packages from %s", apt->source);
			say_reasons(apt);
			fprintf(
			    stderr,
			    "  What was fetched is kept: the same command goes on from here.\n");
		}
	}
	words_finish(&args);
	return r;
}
