/* SPDX-License-Identifier: MIT */
#include "cli/swap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/verb.h"
#include "store/store.h"
#include "vm/mm.h"

/* "file:PATH" as /proc/swaps and sentences name it. The rules of a faulty store are shown whole or not
 * at all: half of them would be other rules. */
static void name_store(const char *text, char *ret_name, unsigned size)
{
	const char *path = strncmp(text, "file:", 5) == 0 ? text + 5 : text;
	const char *bracket = strchr(path, '['), *end = strstr(path, "]:");
	int rules = bracket && end && strcspn(path, ":,") > (size_t)(bracket - path) ? (int)(end - path) : 0;
	int rest = (int)strcspn(path + rules, ",");
	if (rules && rules + rest >= (int)size)
		snprintf(ret_name, size, "%.*s[...%.*s", (int)(bracket - path), path, rest, end);
	else
		snprintf(ret_name, size, "%.*s", rules + rest, path);
}

/* A file is locked by whom it belongs to; of a network device nobody knows who else writes to it. */
static bool is_named_before(const struct options *o, unsigned i)
{
	size_t length = strcspn(o->swap[i], ",");
	for (unsigned before = 0; before < i; before++)
		if (strcspn(o->swap[before], ",") == length && memcmp(o->swap[i], o->swap[before], length) == 0)
			return strncmp(o->swap[i], "nbd:", 4) == 0;
	return false;
}

static int open_one(const struct options *o, unsigned i, struct mm *mm, struct device *device)
{
	struct store_env env;
	struct store_opened opened;
	char why[1024];
	if (is_named_before(o, i)) {
		say("--swap %s: is named twice; two areas on one device would overwrite each other", o->swap[i]);
		return -1;
	}
	swap_store_env(mm, &env);
	if (store_open(o->swap[i], &env, &opened, why, sizeof(why)) < 0) {
		say("--swap %s: %s", o->swap[i], why);
		return -1;
	}
	device_init(device, &o->swap_device);
	struct swap_area_config c = {
	    .ops = opened.ops,
	    .store = opened.store,
	    /* Linux's: -2 and below in the order given, below any that is set. */
	    .priority = opened.prio == STORE_PRIO_NONE ? -2 - (int)i : opened.prio,
	};
	if (o->swap_device.rate || o->swap_device.latency || o->swap_device.seek)
		c.clock = (struct swap_clock){device_ends, device};
	name_store(o->swap[i], c.name, sizeof(c.name));
	int error = swap_add(mm, &c);
	if (error) {
		opened.ops->close(opened.store);
		say("--swap %s: %s", o->swap[i],
		    error == -ENOSPC ? "more slots than can be numbered: make the stores smaller"
				     : "the host has no memory for its slots: make it smaller");
		return -1;
	}
	return 0;
}

int swap_open(const struct options *o, struct mm *mm, struct device device[SWAPS_MAX])
{
	for (unsigned i = 0; i < o->swaps; i++)
		if (open_one(o, i, mm, &device[i]) < 0)
			return -1;
	return 0;
}
