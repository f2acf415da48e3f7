/* SPDX-License-Identifier: MIT */
/* sys_capability.c - capabilities read and given up: capget, capset, and what prctl has of them */
#include <errno.h>

#include "kernel/call.h"
#include "kernel/cred.h"
#include "kernel/kernel.h"
#include "kernel/task.h"
#include "kernel/uaccess.h"

/* Words of 32 bits: one in the first version, two since. */
enum { VERSION_1 = 0x19980330, VERSION_2 = 0x20071026, VERSION_3 = 0x20080522, WORDS = 2 };

struct abi_capability {
	uint32_t effective, permitted, inheritable;
};

/* Returns 0, -EINVAL after writing the version that is known best, or as uaccess. */
static int header_read(struct task *t, uint64_t va, unsigned *ret_words, int32_t *ret_pid)
{
	struct {
		uint32_t version;
		int32_t pid;
	} header;
	int r = uaccess_read(t, &header, va, sizeof(header));

	if (r)
		return r;
	switch (header.version) {
	case VERSION_1: *ret_words = 1; break;
	case VERSION_2:
	case VERSION_3: *ret_words = WORDS; break;
	default:
		header.version = VERSION_3;
		r = uaccess_write(t, va, &header.version, sizeof(header.version));
		return r ? r : -EINVAL;
	}
	*ret_pid = header.pid;
	return 0;
}

int64_t sys_capget(struct task *t, const uint64_t a[6])
{
	const struct task *of = t;
	unsigned words;
	int32_t pid;
	int r = header_read(t, a[0], &words, &pid);

	if (r || !a[1])
		return r == -EINVAL && !a[1] ? 0 : r;
	if (pid < 0)
		return -EINVAL;
	if (pid > 0)
		of = task_find(t->process->kernel, pid);
	if (!of)
		return -ESRCH;
	const struct cred *c = of->cred;
	const struct abi_capability word[WORDS] = {
	    {(uint32_t)c->effective, (uint32_t)c->permitted, (uint32_t)c->inheritable},
	    {(uint32_t)(c->effective >> 32), (uint32_t)(c->permitted >> 32), (uint32_t)(c->inheritable >> 32)},
	};
	return uaccess_write(t, a[1], word, words * sizeof(word[0]));
}

static uint64_t both(uint32_t low, uint32_t high)
{
	return (low | (uint64_t)high << 32) & CAP_ALL;
}

int64_t sys_capset(struct task *t, const uint64_t a[6])
{
	struct abi_capability word[WORDS] = {{0}};
	const struct cred *old = t->cred;
	struct cred *c;
	unsigned words;
	int32_t pid;
	int r = header_read(t, a[0], &words, &pid);

	if (r)
		return r;
	if (pid != 0 && pid != t->tid)
		return -EPERM;
	r = uaccess_read(t, word, a[1], words * sizeof(word[0]));
	if (r)
		return r;
	uint64_t effective = both(word[0].effective, word[1].effective),
		 permitted = both(word[0].permitted, word[1].permitted),
		 inheritable = both(word[0].inheritable, word[1].inheritable);
	/* What is inherited may be had or bounded; nothing is gained by any of it. */
	if (!task_can(t, CAP_SETPCAP) && inheritable & ~(old->inheritable | old->permitted))
		return -EPERM;
	if (inheritable & ~(old->inheritable | old->bounding) || permitted & ~old->permitted || effective & ~permitted)
		return -EPERM;
	r = cred_change(t, &c);
	if (r)
		return r;
	c->effective = effective;
	c->permitted = permitted;
	c->inheritable = inheritable;
	c->ambient &= permitted & inheritable;
	cred_commit(t, c);
	return 0;
}

/* --- prctl --- */

static int64_t bounding_drop(struct task *t, uint64_t which)
{
	struct cred *c;

	if (!task_can(t, CAP_SETPCAP))
		return -EPERM;
	if (which > CAP_LAST)
		return -EINVAL;
	int r = cred_change(t, &c);
	if (r)
		return r;
	c->bounding &= ~CAP_BIT(which);
	cred_commit(t, c);
	return 0;
}

/* Bits that are locked stay, and locks too. */
static int64_t secure_set(struct task *t, uint64_t bits)
{
	const struct cred *old = t->cred;
	uint32_t locked = (old->secure & SECURE_LOCKS) >> 1;
	struct cred *c;

	if (bits & ~(uint64_t)(SECURE_BITS | SECURE_LOCKS) || (locked & (old->secure ^ (uint32_t)bits)) ||
	    old->secure & SECURE_LOCKS & ~(uint32_t)bits || !task_can(t, CAP_SETPCAP))
		return -EPERM;
	int r = cred_change(t, &c);
	if (r)
		return r;
	c->secure = (uint32_t)bits;
	cred_commit(t, c);
	return 0;
}

static int64_t keep_set(struct task *t, uint64_t keep)
{
	struct cred *c;

	if (keep > 1)
		return -EINVAL;
	if (t->cred->secure & SECURE_KEEP_CAPS_LOCKED)
		return -EPERM;
	int r = cred_change(t, &c);
	if (r)
		return r;
	/* Who he is has not changed. */
	c->host = t->cred->host;
	c->secure = keep ? c->secure | SECURE_KEEP_CAPS : c->secure & ~(uint32_t)SECURE_KEEP_CAPS;
	cred_commit(t, c);
	return 0;
}

static int64_t ambient(struct task *t, const uint64_t a[6])
{
	enum { IS_SET = 1, RAISE, LOWER, CLEAR_ALL };
	const struct cred *old = t->cred;
	uint64_t what = a[1], which = a[2], bit = which <= CAP_LAST ? CAP_BIT(which) : 0;
	struct cred *c;

	if (what == CLEAR_ALL ? a[2] || a[3] || a[4] : (a[3] || a[4] || !bit || what < IS_SET || what > LOWER))
		return -EINVAL;
	if (what == IS_SET)
		return old->ambient >> which & 1;
	if (what == RAISE && (!(old->permitted & old->inheritable & bit) || old->secure & SECURE_NO_AMBIENT))
		return -EPERM;
	int r = cred_change(t, &c);
	if (r)
		return r;
	c->host = old->host;
	c->ambient = what == CLEAR_ALL ? 0 : what == RAISE ? c->ambient | bit : c->ambient & ~bit;
	cred_commit(t, c);
	return 0;
}

int64_t capability_prctl(struct task *t, const uint64_t a[6])
{
	switch ((int32_t)a[0]) {
	case PRCTL_GET_KEEP_CAPS: return (t->cred->secure & SECURE_KEEP_CAPS) != 0;
	case PRCTL_SET_KEEP_CAPS: return keep_set(t, a[1]);
	case PRCTL_READ_BOUNDING: return a[1] <= CAP_LAST ? (int64_t)(t->cred->bounding >> a[1] & 1) : -EINVAL;
	case PRCTL_DROP_BOUNDING: return bounding_drop(t, a[1]);
	case PRCTL_GET_SECURE: return t->cred->secure;
	case PRCTL_SET_SECURE: return secure_set(t, a[1]);
	case PRCTL_AMBIENT: return ambient(t, a);
	default: return -EINVAL;
	}
}
