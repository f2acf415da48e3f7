/* SPDX-License-Identifier: MIT */
/* root_users.c - the users and groups that packages ask for, without which sshd or PostgreSQL do not start
 *
 * Packages ask in two ways: by lines below usr/lib/sysusers.d (sysusers.d(5)), and by adduser and
 * addgroup in their scripts. Who has an entry keeps it. New numbers are those of adduser, from 100 on.
 * The directories below /run that a boot would make (tmpfiles.d(5)) are made with their modes; whose
 * they are is left to whoever unpacked the root.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bits.h"
#include "cli/root.h"
#include "cli/root_script.h"
#include "cli/root_util.h"

enum { FIRST = 100, LAST = 999, NOBODY_GROUP = 65534, WORDS = 64 };

struct users {
	const char *dir;
	char *passwd, *group; /* the two files as they are to be */
	bool changed;
};

static bool is_name(const char *s)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";
	return *s && strchr(letters, *s) && s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-")] == '\0' && strlen(s) <= 32;
}

/* What may stand between two colons, or instead. */
static const char *field(const char *s, const char *instead)
{
	return s && *s && strcmp(s, "-") != 0 && !strpbrk(s, ":\n") ? s : instead;
}

static const char *path_field(const char *s, const char *instead)
{
	return s && *s == '/' ? field(s, instead) : instead;
}

static const char *line_find(const char *text, const char *name)
{
	size_t n = strlen(name);
	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n')
		if (strncmp(p, name, n) == 0 && p[n] == ':')
			return p;
	return NULL;
}

/* The third of a line's fields, a number; -1: it has none. */
static long line_id(const char *line)
{
	const char *end = line + strcspn(line, "\n"), *p = line;
	for (int i = 0; i < 2 && p < end; i++)
		p += strcspn(p, ":\n") + 1;
	return p < end && *p >= '0' && *p <= '9' ? strtol(p, NULL, 10) : -1;
}

static bool has_id(const char *text, long id)
{
	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n')
		if (line_id(p) == id)
			return true;
	return false;
}

static long free_id(const struct users *u)
{
	for (long id = FIRST; id <= LAST; id++)
		if (!has_id(u->passwd, id) && !has_id(u->group, id))
			return id;
	return -1;
}

static void line_add(struct users *u, char **text, char *line)
{
	size_t n = strlen(*text);
	char *all = text_format("%s%s%s\n", *text, n > 0 && (*text)[n - 1] != '\n' ? "\n" : "", line);
	free(*text);
	free(line);
	*text = all;
	u->changed = true;
}

/* id -1: any. */
static void group_add(struct users *u, const char *name, long id)
{
	if (!is_name(name) || line_find(u->group, name))
		return;
	if (id < 0 || has_id(u->group, id))
		id = free_id(u);
	if (id >= 0)
		line_add(u, &u->group, text_format("%s:*:%ld:", name, id));
}

/* group: the name or number of one that is there; NULL: one of its own. */
static void user_add(struct users *u, const char *name, long id, const char *group, const char *gecos, const char *home,
		     const char *shell)
{
	if (!is_name(name) || line_find(u->passwd, name))
		return;
	if (id < 0 || has_id(u->passwd, id))
		id = free_id(u);
	if (!group)
		group_add(u, name, id);
	const char *line = line_find(u->group, group ? group : name);
	long gid = line ? line_id(line) : group && has_id(u->group, strtol(group, NULL, 10)) ? strtol(group, NULL, 10) : NOBODY_GROUP;
	if (id >= 0 && gid >= 0)
		line_add(u, &u->passwd,
			 text_format("%s:*:%ld:%ld:%s:%s:%s", name, id, gid, field(gecos, ""), home, shell));
}

static void member_add(struct users *u, const char *name, const char *group)
{
	const char *line = line_find(u->group, group);
	if (!line || !line_find(u->passwd, name))
		return;
	size_t n = strcspn(line, "\n"), length = strlen(name);
	const char *end = line + n, *list = (const char *)memrchr(line, ':', n) + 1;
	for (const char *p = list; p < end; p += strcspn(p, ",\n") + 1)
		if (strncmp(p, name, length) == 0 && (p[length] == ',' || p + length == end))
			return;
	char *all = text_format("%.*s%s%s%s", (int)(end - u->group), u->group, list < end ? "," : "", name, end);
	free(u->group);
	u->group = all;
	u->changed = true;
}

/* ---- sysusers.d ---- */

/* Cuts the next word off, which may be quoted; NULL: there is none. */
static char *word_cut(char **at)
{
	char *p = *at + strspn(*at, " \t"), quote = *p == '"' || *p == '\'' ? *p : 0;
	if (!*p)
		return NULL;
	char *word = p + !!quote, *end = quote ? strchr(word, quote) : word + strcspn(word, " \t");
	if (!end)
		end = word + strlen(word);
	*at = end + (*end != '\0');
	*end = '\0';
	return word;
}

static void declared(struct users *u, char *line)
{
	char *word[6] = {NULL};
	for (int i = 0; i < 6 && (word[i] = word_cut(&line)); i++)
		;
	if (!word[0] || !word[1])
		return;
	char *id = word[2] ? word[2] : (char[]){""}, *colon = strchr(id, ':');
	long number = *id >= '0' && *id <= '9' ? strtol(id, NULL, 10) : -1;
	if (word[0][0] == 'u') {
		const char *group = colon ? colon + 1 : NULL;
		user_add(u, word[1], number, group, word[3], path_field(word[4], "/"), path_field(word[5], "/usr/sbin/nologin"));
	} else if (word[0][0] == 'g') {
		group_add(u, word[1], number);
	} else if (word[0][0] == 'm' && word[2]) {
		member_add(u, word[1], word[2]);
	}
}

/* A directory that a boot makes: d PATH MODE USER GROUP AGE. */
static void placed(struct users *u, char *line)
{
	char *type = word_cut(&line), *path = type ? word_cut(&line) : NULL, *mode = path ? word_cut(&line) : NULL;
	if (!mode || *type != 'd' || strncmp(path, "/run/", 5) != 0 || strpbrk(path, "%*?[") || strstr(path, "/.."))
		return;
	char *inside = path_inside(u->dir, path + 1);
	struct stat st;
	long bits = *mode >= '0' && *mode <= '7' ? strtol(mode, NULL, 8) : 0755;
	/* What cannot be made is missed by one daemon alone, which says so. */
	if (inside && lstat(inside, &st) < 0 && mkdir(inside, 0755) == 0)
		(void)chmod(inside, (mode_t)bits & 07777);
	free(inside);
}

static int is_list(const struct dirent *e)
{
	const char *dot = strrchr(e->d_name, '.');
	return dot && strcmp(dot, ".conf") == 0;
}

static void lists_read(struct users *u, const char *from, void (*each)(struct users *u, char *line))
{
	struct dirent **list;
	int n = scan_inside(u->dir, from, is_list, &list);

	for (int i = 0; i < n; i++) {
		char *file = text_format("%s/%s", from, list[i]->d_name), *text = text_read_inside(u->dir, file), *state = NULL;
		for (char *l = text ? strtok_r(text, "\n", &state) : NULL; l; l = strtok_r(NULL, "\n", &state))
			if (*l != '#')
				each(u, l);
		free(text), free(file), free(list[i]);
	}
	if (n >= 0)
		free(list);
}

/* ---- adduser and addgroup ---- */

/* Does the option take the next word? */
static bool takes_word(const char *option)
{
	static const char *const those[] = {"--home", "--shell", "--gecos", "--comment", "--uid", "--gid", "--ingroup", "--conf",
					    "--firstuid", "--lastuid", "--firstgid", "--lastgid"};
	for (size_t i = 0; i < array_size(those); i++)
		if (strcmp(option, those[i]) == 0)
			return true;
	return false;
}

struct asked {
	const char *home, *shell, *group, *operand[2];
	bool system, own_group;
	unsigned operands;
};

/* The last two words that are no options: of several, as quoted words have come apart, the last is the name. */
static void asked_read(struct asked *a, char *words)
{
	char *state = NULL, *option = NULL;
	for (char *w = strtok_r(words, " \t\n\"'", &state); w; w = strtok_r(NULL, " \t\n\"'", &state)) {
		if (strpbrk(w, "|&;<>(){}"))
			break;
		if (option) {
			if (strcmp(option, "--home") == 0)
				a->home = w;
			else if (strcmp(option, "--shell") == 0)
				a->shell = w;
			else if (strcmp(option, "--ingroup") == 0)
				a->group = w;
			option = NULL;
		} else if (takes_word(w)) {
			option = w;
		} else if (w[0] == '-') {
			a->system |= strcmp(w, "--system") == 0;
			a->own_group |= strcmp(w, "--group") == 0;
		} else if (w[0] != '$') {
			a->operand[0] = a->operand[1];
			a->operand[1] = w;
			a->operands++;
		}
	}
}

/* The words behind name, if that is the command. */
static char *words_behind(char *command, const char *name)
{
	char *at = strstr(command, name);
	size_t n = strlen(name);
	bool whole = at && (at == command || strchr(" \t\n/;|&", at[-1])) && (at[n] == ' ' || at[n] == '\t' || at[n] == '\n');
	return whole ? at + n : NULL;
}

static void adduser_read(void *ctx, char *command)
{
	struct users *u = ctx;
	struct asked a = {.shell = "/usr/sbin/nologin", .home = "/nonexistent", .group = "nogroup"};
	char *words = words_behind(command, "adduser");
	if (!words)
		return;
	asked_read(&a, words);
	if (a.system && a.operands)
		user_add(u, a.operand[1], -1, a.own_group ? NULL : a.group, "", path_field(a.home, "/nonexistent"),
			 path_field(a.shell, "/usr/sbin/nologin"));
	else if (a.operands == 2)
		member_add(u, a.operand[0], a.operand[1]);
}

static void addgroup_read(void *ctx, char *command)
{
	struct asked a = {NULL};
	char *words = words_behind(command, "addgroup");
	if (!words)
		return;
	asked_read(&a, words);
	if (a.system && a.operands)
		group_add(ctx, a.operand[1], -1);
}

int root_settle_users(const char *dir)
{
	struct users u = {.dir = dir, .passwd = text_read_inside(dir, "etc/passwd"), .group = text_read_inside(dir, "etc/group")};
	int r = 0;

	if (u.passwd && u.group) {
		lists_read(&u, "usr/lib/sysusers.d", declared);
		scripts_read(dir, "addgroup", addgroup_read, &u);
		scripts_read(dir, "adduser", adduser_read, &u);
		lists_read(&u, "usr/lib/tmpfiles.d", placed);
	}
	if (u.changed)
		r = text_write_below(dir, "etc/group", u.group);
	if (u.changed && r == 0)
		r = text_write_below(dir, "etc/passwd", u.passwd);
	free(u.passwd);
	free(u.group);
	return r;
}
