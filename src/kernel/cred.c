/* SPDX-License-Identifier: MIT */
/* cred.c - credentials: made, copied, given to tasks, and asked */
#include "kernel/cred.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "kernel/kernel.h"
#include "kernel/limits.h"
#include "kernel/task.h"

/* --- users --- */

static int user_order(const struct user *a, const struct user *b)
{
	return a->uid < b->uid ? -1 : a->uid > b->uid;
}
RB_GENERATE_INTERNAL(user_tree, user, tree, user_order, __attribute__((unused)) static)

static struct user *user_get(struct kernel *k, uint32_t uid)
{
	struct user key = {.uid = uid}, *u = RB_FIND(user_tree, &k->users, &key);
	if (!u) {
		u = calloc(1, sizeof(*u));
		if (!u)
			return NULL;
		u->uid = uid;
		RB_INSERT(user_tree, &k->users, u);
	}
	u->refs++;
	return u;
}

void user_put(struct kernel *k, struct user *u)
{
	if (--u->refs > 0)
		return;
	RB_REMOVE(user_tree, &k->users, u);
	free(u);
}

/* --- made and given --- */

static struct cred *cred_new(struct kernel *k, uint32_t groups)
{
	if (groups > GROUPS_ALL - k->groups_kept)
		return NULL;
	struct cred *c = calloc(1, sizeof(*c) + groups * sizeof(c->group[0]));
	if (!c)
		return NULL;
	k->groups_kept += groups;
	c->refs = 1;
	c->kernel = k;
	c->groups = groups;
	return c;
}

int cred_create(struct kernel *k, uint32_t uid, uint32_t gid, struct cred **ret_cred)
{
	struct cred *c = cred_new(k, 1);
	if (!c)
		return -ENOMEM;
	c->uid = c->euid = c->suid = c->fsuid = uid;
	c->gid = c->egid = c->sgid = c->fsgid = c->group[0] = gid;
	c->bounding = CAP_ALL;
	c->permitted = c->effective = uid == 0 ? CAP_ALL : 0;
	c->user = user_get(k, uid);
	if (!c->user) {
		cred_put(c);
		return -ENOMEM;
	}
	*ret_cred = c;
	return 0;
}

struct cred *cred_ref(struct cred *c)
{
	c->refs++;
	return c;
}

void cred_put(struct cred *c)
{
	if (--c->refs > 0)
		return;
	c->kernel->groups_kept -= c->groups;
	if (c->user)
		user_put(c->kernel, c->user);
	free(c);
}

static int group_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static int copy(const struct cred *from, const uint32_t *group, uint32_t groups, struct cred **ret_cred)
{
	struct cred *c = cred_new(from->kernel, groups);
	if (!c)
		return -ENOMEM;
	unsigned refs = c->refs;
	*c = *from;
	c->refs = refs;
	c->groups = groups;
	c->host = false;
	if (groups)
		memcpy(c->group, group, groups * sizeof(*group));
	c->user->refs++;
	*ret_cred = c;
	return 0;
}

int cred_change(const struct task *t, struct cred **ret_cred)
{
	return copy(t->cred, t->cred->group, t->cred->groups, ret_cred);
}

int cred_change_groups(const struct task *t, const uint32_t *group, uint32_t groups, struct cred **ret_cred)
{
	int r = copy(t->cred, group, groups, ret_cred);
	if (r == 0 && groups)
		qsort((*ret_cred)->group, groups, sizeof(*group), group_order);
	return r;
}

int cred_set_user(struct cred *c)
{
	if (c->user->uid == c->uid)
		return 0;
	struct user *u = user_get(c->kernel, c->uid);
	if (!u)
		return -ENOMEM;
	user_put(c->kernel, c->user);
	c->user = u;
	return 0;
}

void cred_give(struct task *t, struct cred *c)
{
	struct cred *old = t->cred;
	bool counts = t->process != t->process->kernel->init;
	if (c && counts)
		c->user->tasks++;
	t->cred = c;
	if (old && counts)
		old->user->tasks--;
	if (old)
		cred_put(old);
}

/* What changed can no longer be looked at by who could before, nor be killed by its parent's wish. */
void cred_commit(struct task *t, struct cred *c)
{
	struct process *p = t->process;
	const struct cred *old = t->cred;
	bool other = c->euid != old->euid || c->egid != old->egid || c->fsuid != old->fsuid ||
		     c->fsgid != old->fsgid;
	if (other || c->permitted & ~old->permitted) {
		p->dumpable = false;
		p->death_signal = 0;
	}
	cred_give(t, c);
	if (p->space)
		limits_apply(p, p->space);
}

/* --- rules --- */

static bool any_root(const struct cred *c)
{
	return c->uid == 0 || c->euid == 0 || c->suid == 0;
}

void cred_fix_setuid(struct cred *c, const struct cred *old)
{
	if (c->secure & SECURE_NO_SETUID_FIXUP)
		return;
	if (any_root(old) && !any_root(c)) {
		if (!(c->secure & SECURE_KEEP_CAPS))
			c->permitted = c->effective = 0;
		c->ambient = 0;
	}
	if (old->euid == 0 && c->euid != 0)
		c->effective = 0;
	if (old->euid != 0 && c->euid == 0)
		c->effective = c->permitted;
}

void cred_fix_setfsuid(struct cred *c, const struct cred *old)
{
	static const uint64_t of_files =
	    CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_MKNOD) | CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_DAC_READ_SEARCH) |
	    CAP_BIT(CAP_FOWNER) | CAP_BIT(CAP_FSETID) | CAP_BIT(CAP_MAC_OVERRIDE) | CAP_BIT(CAP_LINUX_IMMUTABLE);
	if (c->secure & SECURE_NO_SETUID_FIXUP)
		return;
	if (old->fsuid == 0 && c->fsuid != 0)
		c->effective &= ~of_files;
	if (old->fsuid != 0 && c->fsuid == 0)
		c->effective |= of_files & c->permitted;
}

/* 1. A set-id file gives its owner's and group's ids, unless the program gave that up.
 * 2. Root, effective or real, has what is bounded and inherited; others have nothing of the file.
 * 3. Who shares what must not be shared, or may get no more, has no more than before.
 * 4. What is ambient stays, unless ids came from the file. */
int cred_exec(const struct task *t, const struct stat *file, const struct cred_file *caps, struct cred **ret_cred,
	      bool *ret_secure)
{
	const struct process *p = t->process;
	const struct cred *old = t->cred;
	const mode_t group = S_ISGID | S_IXGRP;
	struct cred *c;
	bool host = old->host;
	int r = cred_change(t, &c);
	if (r != 0)
		return r;
	if (file->st_mode & S_ISUID && !p->no_new_privs)
		c->euid = file->st_uid;
	if ((file->st_mode & group) == group && !p->no_new_privs)
		c->egid = file->st_gid;
	bool as_root = !(c->secure & SECURE_NOROOT), effective = as_root && c->euid == 0;
	c->permitted = caps->there ? (old->bounding & caps->permitted) | (old->inheritable & caps->inheritable) : 0;
	if (caps->effective && caps->permitted & ~c->permitted) {
		cred_put(c);
		return -EPERM;
	}
	/* A program that is root's by its bit, but not its caller's, has just what the file says. */
	bool said = caps->there && c->euid == 0 && c->uid != 0;
	if (as_root && !said && (c->euid == 0 || c->uid == 0))
		c->permitted = old->bounding | old->inheritable;
	effective = (effective && !said) || (caps->there && caps->effective);
	bool other = c->euid != old->uid || c->egid != old->gid;
	if ((other || c->permitted & ~old->permitted) && (p->no_new_privs || fs_shared(p->fs))) {
		if (!cred_can(old, CAP_SETUID) || p->no_new_privs) {
			c->euid = c->uid;
			c->egid = c->gid;
		}
		c->permitted &= old->permitted;
	}
	c->suid = c->fsuid = c->euid;
	c->sgid = c->fsgid = c->egid;
	if (other || caps->there)
		c->ambient = 0;
	c->permitted |= c->ambient;
	c->effective = effective ? c->permitted : c->ambient;
	c->secure &= ~(uint32_t)SECURE_KEEP_CAPS;
	c->host = host && c->euid == old->euid && c->egid == old->egid && !c->effective;
	*ret_secure = other || (c->uid != 0 && (effective || c->permitted & ~c->ambient));
	*ret_cred = c;
	return 0;
}

bool cred_is_real(const struct cred *c)
{
	uint64_t effective = c->secure & SECURE_NO_SETUID_FIXUP ? c->effective : c->uid == 0 ? c->permitted : 0;
	return c->fsuid == c->uid && c->fsgid == c->gid && c->effective == effective;
}

int cred_real(const struct task *t, struct cred **ret_cred)
{
	struct cred *c;
	bool host = t->cred->host && t->cred->uid == t->cred->euid;
	int r = cred_change(t, &c);
	if (r != 0)
		return r;
	c->fsuid = c->uid;
	c->fsgid = c->gid;
	if (!(c->secure & SECURE_NO_SETUID_FIXUP))
		c->effective = c->uid == 0 ? c->permitted : 0;
	c->host = host;
	*ret_cred = c;
	return 0;
}

/* --- asked --- */

bool task_can(const struct task *t, enum capability which)
{
	return cred_can(t->cred, which);
}

bool cred_in_group(const struct cred *c, uint32_t gid)
{
	if (gid == c->fsgid || bsearch(&gid, c->group, c->groups, sizeof(gid), group_order))
		return true;
	return c->host && group_member(gid);
}

const struct cred *process_cred(const struct process *p)
{
	return TAILQ_FIRST(&p->tasks)->cred;
}

int cred_may_signal(const struct task *t, const struct process *p, int number)
{
	const struct cred *c = t->cred, *to = process_cred(p);
	if (p == t->process || cred_can(c, CAP_KILL))
		return 0;
	if (c->euid == to->suid || c->euid == to->uid || c->uid == to->suid || c->uid == to->uid)
		return p == p->kernel->init ? -EPERM : 0;
	return number == SIGCONT && p->sid == t->process->sid ? 0 : -EPERM;
}

bool cred_may_schedule(const struct task *t, const struct process *p)
{
	const struct cred *c = t->cred, *of = process_cred(p);
	return c->euid == of->euid || c->euid == of->uid || cred_can(c, CAP_SYS_NICE);
}

bool cred_may_trace(const struct task *t, const struct process *p, bool by_files)
{
	const struct cred *c = t->cred, *of = process_cred(p);
	uint32_t uid = by_files ? c->fsuid : c->uid, gid = by_files ? c->fsgid : c->gid;
	if (p == t->process || cred_can(c, CAP_SYS_PTRACE))
		return true;
	return uid == of->uid && uid == of->euid && uid == of->suid && gid == of->gid && gid == of->egid &&
	       gid == of->sgid && p->dumpable && !(of->permitted & ~(by_files ? c->effective : c->permitted));
}

bool cred_may_limit(const struct task *t, const struct process *p)
{
	const struct cred *c = t->cred, *of = process_cred(p);
	if (p == t->process || cred_can(c, CAP_SYS_RESOURCE))
		return true;
	return c->uid == of->uid && c->uid == of->euid && c->uid == of->suid && c->gid == of->gid &&
	       c->gid == of->egid && c->gid == of->sgid;
}

/* --- told --- */

void cred_text_ids(const struct cred *c, struct text *text)
{
	text_add(text, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", c->uid, c->euid, c->suid, c->fsuid, c->gid,
		 c->egid, c->sgid, c->fsgid);
}

void cred_text_groups(const struct cred *c, struct text *text)
{
	text_add(text, "Groups:\t");
	for (uint32_t i = 0; i < c->groups; i++)
		text_add(text, "%s%u", i ? " " : "", c->group[i]);
	text_add(text, " \n");
}

void cred_text_capabilities(const struct cred *c, struct text *text)
{
	text_add(text,
		 "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\nCapBnd:\t%016lx\nCapAmb:\t%016lx\n",
		 c->inheritable, c->permitted, c->effective, c->bounding, c->ambient);
}
