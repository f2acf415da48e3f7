/* SPDX-License-Identifier: MIT */
#include "policy/policies.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "policy/plugin.h"

enum { NAME_ROOM = 4096 };

const struct policy_ops *const policies[] = {
    &policy_clock,  &policy_fifo, &policy_lru,   &policy_nru, &policy_aging,
    &policy_random, &policy_2q,   &policy_sieve, NULL,
};

static int unknown(const char *name, char *ret_why, unsigned whys)
{
	struct text names = TEXT;
	for (unsigned i = 0; policies[i]; i++)
		text_add(&names, "%s%s", i ? ", " : "", policies[i]->name);
	snprintf(ret_why, whys, "there is no policy \"%s\"; there is %s, or ./mine.c", name,
		 text_str(&names));
	text_finish(&names);
	return -EINVAL;
}

static bool is_path(const char *name, size_t length)
{
	return strchr(name, '/') || (length > 3 && strcmp(name + length - 3, ".so") == 0) ||
	       (length > 2 && strcmp(name + length - 2, ".c") == 0);
}

static int find(const char *name, const struct policy_ops **ret_ops, char *ret_why, unsigned whys)
{
	for (unsigned i = 0; policies[i]; i++)
		if (strcmp(policies[i]->name, name) == 0) {
			*ret_ops = policies[i];
			return 0;
		}
	if (is_path(name, strlen(name)))
		return plugin_load(name, ret_ops, ret_why, whys);
	return unknown(name, ret_why, whys);
}

int policy_find(const char *spec, const struct policy_ops **ret_ops, const char **ret_params,
		char *ret_why, unsigned whys)
{
	/* A directory may have a colon in its name. */
	const char *slash = strrchr(spec, '/'), *last = slash ? slash : spec;
	size_t length = (size_t)(last - spec) + strcspn(last, ":");
	const struct policy_ops *ops = NULL;
	char name[NAME_ROOM];
	if (length >= sizeof(name)) {
		snprintf(ret_why, whys, "the name is too long");
		return -ENAMETOOLONG;
	}
	memcpy(name, spec, length);
	name[length] = 0;
	int error = find(name, &ops, ret_why, whys);
	if (error)
		return error;
	const char *params = spec[length] ? spec + length + 1 : NULL;
	uint64_t values[PARAMS_MAX];
	error = params_parse(ops->params, params, values, ret_why, whys);
	if (error)
		return error;
	*ret_ops = ops;
	*ret_params = params;
	return 0;
}
