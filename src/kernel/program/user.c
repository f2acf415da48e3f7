/* SPDX-License-Identifier: MIT */
#include "kernel/program/user.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/cred.h"
#include "kernel/file/path.h"
#include "kernel/kernel.h"
#include "kernel/task.h"

enum { DATABASE_MAX = 1 << 20, GROUPS_NAMED = 1024 };

struct wanted {
	char name[64];	/* of the user; empty: not known */
	uint32_t uid, gid;
	bool has_gid;
	uint32_t groups, group[GROUPS_NAMED];
};

/* The text of a file of the guest, to be freed; NULL: there is none. */
static char *database(struct kernel *k, const char *path)
{
	struct file *f;
	char *text = malloc(DATABASE_MAX + 1);
	if (!text || path_open_kernel(k, path, &f) != 0) {
		free(text);
		return NULL;
	}
	int64_t n = file_pread(f, text, DATABASE_MAX, 0);
	file_put(f);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* A decimal number that is all of text. */
static bool number(const char *text, uint32_t *ret_number)
{
	char *end;
	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || n >= UINT32_MAX)
		return false;
	*ret_number = (uint32_t)n;
	return true;
}

/* Cuts the line at *text into its fields, and moves *text to the next. Returns how many fields. */
static unsigned fields(char **text, char *ret_field[8])
{
	char *line = strsep(text, "\n");
	unsigned n = 0;
	while (line && n < 8)
		ret_field[n++] = strsep(&line, ":");
	return n;
}

/* who: a name or a number. */
static bool find_user(char *passwd, const char *who, struct wanted *w)
{
	uint32_t id, uid, gid;
	bool by_number = number(who, &id);
	for (char *at = passwd, *field[8]; at && *at;) {
		if (fields(&at, field) < 4 || !number(field[2], &uid) || !number(field[3], &gid))
			continue;
		if (by_number ? uid != id : strcmp(field[0], who) != 0)
			continue;
		if (strlen(field[0]) < sizeof(w->name))
			strcpy(w->name, field[0]);
		w->uid = uid;
		w->gid = w->has_gid ? w->gid : gid;
		return true;
	}
	if (by_number) {
		w->uid = id;
		w->gid = w->has_gid ? w->gid : id;
	}
	return by_number;
}

static bool find_group(char *groups, const char *who, struct wanted *w)
{
	w->has_gid = true;
	if (number(who, &w->gid))
		return true;
	for (char *at = groups, *field[8]; at && *at;)
		if (fields(&at, field) >= 3 && strcmp(field[0], who) == 0)
			return number(field[2], &w->gid);
	return false;
}

static bool names(char *members, const char *name)
{
	for (char *at = members, *one; (one = strsep(&at, ","));)
		if (strcmp(one, name) == 0)
			return true;
	return false;
}

static void find_groups(char *groups, struct wanted *w)
{
	uint32_t gid;
	w->group[w->groups++] = w->gid;
	for (char *at = groups, *field[8]; *w->name && !w->has_gid && at && *at && w->groups < GROUPS_NAMED;)
		if (fields(&at, field) >= 4 && number(field[2], &gid) && gid != w->gid && names(field[3], w->name))
			w->group[w->groups++] = gid;
}

/* Returns NULL, or what there is not: "user" or "group". */
static const char *find(struct kernel *k, const char *spec, struct wanted *w)
{
	char who[128], *group = who, *passwd = database(k, "/etc/passwd"), *list = database(k, "/etc/group");
	snprintf(who, sizeof(who), "%s", spec);
	char *user = strsep(&group, ":");
	const char *missing = NULL;
	if (group && !find_group(list, group, w))
		missing = "group";
	else if (!find_user(passwd, user, w))
		missing = "user";
	free(list);
	free(passwd);
	list = missing ? NULL : database(k, "/etc/group");
	if (!missing)
		find_groups(list, w);
	free(list);
	return missing;
}

int user_become(struct task *t, const char *spec)
{
	struct kernel *k = t->process->kernel;
	struct wanted *w = calloc(1, sizeof(*w));
	struct cred *one, *all;
	const char *missing = w ? find(k, spec, w) : NULL;
	int r = w ? missing ? -ENOENT : cred_create(k, w->uid, w->gid, &one) : -ENOMEM;
	if (missing)
		kernel_say(k, "--user %s: the guest's tree has no such %s; give numbers, UID:GID, or a name of its /etc/%s",
			   spec, missing, *missing == 'u' ? "passwd" : "group");
	if (r == 0) {
		cred_give(t, one);
		r = cred_change_groups(t, w->group, w->groups, &all);
		if (r == 0)
			cred_give(t, all);
	}
	free(w);
	return r;
}

void user_give_home(struct task *t)
{
	struct kernel *k = t->process->kernel;
	struct place at;
	if (k->config.home && path_find(k, NULL, -1, k->config.home, 0, &at) == 0 && at.mount->ops->chown)
		(void)at.mount->ops->chown(&at, t->cred->uid, t->cred->gid); /* it can be entered by root then */
}
