/* SPDX-License-Identifier: MIT */
#include "policy/policies.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

const struct policy_ops *const policies[] = {
    &policy_clock, &policy_fifo, &policy_lru,   &policy_nru, &policy_aging,
    &policy_random, &policy_2q,  &policy_sieve, NULL,
};

static int unknown(const char *spec, int length, char *ret_why, unsigned whys)
{
	struct text names = TEXT;
	for (unsigned i = 0; policies[i]; i++)
		text_add(&names, "%s%s", i ? ", " : "", policies[i]->name);
	snprintf(ret_why, whys, "there is no policy \"%.*s\"; there is %s", length, spec,
		 text_str(&names));
	text_finish(&names);
	return -EINVAL;
}

int policy_find(const char *spec, const struct policy_ops **ret_ops, const char **ret_params,
		char *ret_why, unsigned whys)
{
	size_t length = strcspn(spec, ":");
	const struct policy_ops *const *ops = policies;
	while (*ops &&
	       (strlen((*ops)->name) != length || memcmp((*ops)->name, spec, length) != 0))
		ops++;
	if (!*ops)
		return unknown(spec, (int)length, ret_why, whys);
	const char *params = spec[length] ? spec + length + 1 : NULL;
	uint64_t values[PARAMS_MAX];
	int error = params_parse((*ops)->params, params, values, ret_why, whys);
	if (error)
		return error;
	*ret_ops = *ops;
	*ret_params = params;
	return 0;
}
