/* SPDX-License-Identifier: MIT */
/* policy.h - page replacement: who picks the victim
 *
 * A policy is told what enters, is touched and leaves, and is asked for a victim. It sees no
 * memory and changes none. A resident page is named by its frame, an index from 0 to frames - 1,
 * so that a policy's state is an array made once; a page that is gone, by its key, so that ghost
 * lists (ARC, 2Q) can remember it. No call but create may fail.
 *
 *	enter      the page is in its frame and may become a victim
 *	touch      it was referenced: only with exact references (env->exact); else ask harvest when you
 *	           care. The reference that brought it in is told by enter, and not again by touch
 *	leave      it is gone: evicted by you or freed by its owner
 *	forget     the contents of this key ceased to exist: drop a ghost
 *	victim     choose: return a frame for which env->evictable says yes, or NO_FRAME
 *	rejected   your victim could not be evicted after all; it stays where you had it
 *	tick       virtual time passed; called as often as the caller likes
 */
#ifndef VM_POLICY_H
#define VM_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"

#define NO_FRAME UINT32_MAX

struct policy; /* each policy's own */

/* What a policy may ask. ctx is the mm's. */
struct policy_env {
	void *ctx;
	const struct alloc *alloc;
	uint32_t frames; /* how many there are */
	/* Can this frame be evicted at all now? No for held, locked, busy, and what has nowhere to go. */
	bool (*evictable)(void *ctx, uint32_t frame);
	/* Was it referenced since the last call? Reads and clears the hardware's A bits. */
	bool (*harvest)(void *ctx, uint32_t frame);
	/* Would evicting it need a write? */
	bool (*dirty)(void *ctx, uint32_t frame);
	uint64_t (*random)(void *ctx);
	bool exact; /* touch tells every reference, so harvest has nothing to add */
};

/* What may stand after the colon of --policy: NAME:param=value,param=value. */
struct policy_param {
	const char *name; /* NULL ends the list */
	enum { POLICY_NUMBER, POLICY_TIME } kind;
	uint64_t least, most, normal; /* times in nanoseconds */
	const char *help;
};

struct policy_enter {
	uint64_t key;
	uint32_t space; /* the address space that brought it in; 0: none (read-ahead, write) */
	bool file;	/* a page of the page cache */
	bool again;	/* it was resident before: a refault */
};

enum policy_leave { LEAVE_EVICTED, LEAVE_FREED };

struct policy_ops {
	const char *name;
	const char *paper;   /* where it was published */
	const char *summary; /* one line for `carrel policies` */
	const struct policy_param *params; /* all that it has, NULL: none */
	/* params: what stood after the colon of --policy, NULL if nothing. Returns 0, -ENOMEM or
	 * -EINVAL (an unknown parameter). */
	int (*create)(const struct policy_env *env, const char *params, struct policy **ret_policy);
	void (*destroy)(struct policy *p);
	void (*enter)(struct policy *p, uint32_t frame, const struct policy_enter *how);
	void (*touch)(struct policy *p, uint32_t frame);
	void (*leave)(struct policy *p, uint32_t frame, uint64_t key, enum policy_leave why);
	void (*forget)(struct policy *p, uint64_t key);
	uint32_t (*victim)(struct policy *p, uint64_t incoming);
	void (*rejected)(struct policy *p, uint32_t frame);
	void (*tick)(struct policy *p, uint64_t now);
};

#endif
