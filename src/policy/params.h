/* SPDX-License-Identifier: MIT */
/* params.h - what stands after the colon of --policy: param=value,param=value */
#ifndef POLICY_PARAMS_H
#define POLICY_PARAMS_H

#include "vm/policy.h"

enum { PARAMS_MAX = 8 };

/* Reads text (NULL: nothing) by a list of parameters, NULL: there are none. values: one for each,
 * in the order of the list, at most PARAMS_MAX; what is not named is as usual. Returns 0, or
 * -EINVAL with a sentence in ret_why (whys bytes; NULL: none wanted), and then no value is set. */
int params_parse(const struct policy_param *params, const char *text, uint64_t *ret_values,
		 char *ret_why, unsigned whys);

#endif
