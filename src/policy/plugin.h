/* SPDX-License-Identifier: MIT */
/* plugin.h - policies that are not built in
 *
 *	--policy ./mine.so[:param=value,...]	a shared object
 *	--policy ./mine.c[:param=value,...]	its source, compiled first by $CC or cc
 *
 * A plug-in includes <carrel/policy.h>, which is this header and those that it needs in one, and ends
 * with CARREL_POLICY. This one evicts what entered last:
 *
 *	#include <carrel/policy.h>
 *
 *	enum { STACK = PICK_LISTS, LISTS };
 *
 *	static uint32_t lifo_next(struct policy *p)
 *	{
 *		uint32_t frame = list_first(pick_lists(p), STACK);
 *		if (frame != NO_FRAME)
 *			list_remove(pick_lists(p), frame);
 *		return frame;
 *	}
 *
 *	static int lifo_create(const struct policy_env *env, const char *params, struct policy **ret_policy)
 *	{
 *		static const struct pick_ops pick = {.next = lifo_next};
 *		return pick_create(env, sizeof(struct pick), &pick, LISTS - PICK_LISTS, false, ret_policy);
 *	}
 *
 *	static void lifo_enter(struct policy *p, uint32_t frame, const struct policy_enter *how)
 *	{
 *		list_prepend(pick_lists(p), STACK, frame);
 *	}
 *
 *	CARREL_POLICY(.name = "lifo", .summary = "last in, first out", .create = lifo_create,
 *		      .enter = lifo_enter)
 *
 * What is not named is done by pick.h. A plug-in runs in the host program and can do whatever that
 * can: load only what you trust. What it does wrong by mistake ends the run with a sentence: guard.h.
 */
#ifndef POLICY_PLUGIN_H
#define POLICY_PLUGIN_H

#include "policy/pick.h"
#include "vm/policy.h"

/* Of everything in these headers: a plug-in that was made for another is refused. */
enum { POLICY_VERSION = 1 };

struct policy_plugin {
	uint32_t version;
	const struct policy_ops *ops;
};

/* What is named twice below is meant so. */
#ifdef __clang__
#define POLICY_QUIETLY _Pragma("clang diagnostic ignored \"-Winitializer-overrides\"")
#else
#define POLICY_QUIETLY _Pragma("GCC diagnostic ignored \"-Woverride-init\"")
#endif

#define CARREL_POLICY(...)                                                                         \
	extern const struct policy_plugin carrel_policy;                                           \
	_Pragma("GCC diagnostic push") POLICY_QUIETLY                                              \
	const struct policy_plugin carrel_policy = {                                               \
	    POLICY_VERSION,                                                                        \
	    &(const struct policy_ops){.destroy = pick_destroy,                                    \
				       .touch = pick_touch,                                        \
				       .leave = pick_leave,                                        \
				       .forget = pick_no_forget,                                   \
				       .victim = pick_victim,                                      \
				       .rejected = pick_rejected,                                  \
				       .tick = pick_no_tick,                                       \
				       __VA_ARGS__}};                                              \
	_Pragma("GCC diagnostic pop")

/* Loads path, compiling it first if it ends in .c; it stays loaded. Returns 0, or a negative errno with
 * a sentence in ret_why (whys bytes). A compiler's own messages go to standard error. */
int plugin_load(const char *path, const struct policy_ops **ret_ops, char *ret_why, unsigned whys);

#endif
