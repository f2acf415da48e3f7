/* SPDX-License-Identifier: MIT */
/* policies.h - the policies that are built in, and how one is named
 *
 *	--policy NAME[:param=value,param=value]
 *
 * A NAME with a slash, or that ends in .so or .c, is a plug-in (plugin.h).
 */
#ifndef POLICY_POLICIES_H
#define POLICY_POLICIES_H

#include "policy/pick.h"
#include "vm/policy.h"

extern const struct policy_ops policy_fifo, policy_clock, policy_lru, policy_nru, policy_aging,
    policy_random, policy_2q, policy_sieve;

/* The default first; NULL at the end. */
extern const struct policy_ops *const policies[];

/* By what --policy says. Returns 0 or a negative errno with a sentence in ret_why (whys bytes): no
 * such policy, one that cannot be loaded, or a parameter that it does not have or allow. ret_params:
 * what create takes, within spec, or NULL. */
int policy_find(const char *spec, const struct policy_ops **ret_ops, const char **ret_params, char *ret_why,
		unsigned whys);

#endif
