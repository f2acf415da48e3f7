/* SPDX-License-Identifier: MIT */
#include "kernel/trouble.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "kernel/kernel.h"
#include "vm/mm.h"

enum { TOLD = 3 };

static enum trouble_kind kind_of(const struct swap_trouble *t)
{
	if (t->error == -EBADMSG)
		return TROUBLE_BYTES;
	return t->write ? TROUBLE_WRITE : TROUBLE_READ;
}

static uint64_t *count_of(struct kernel *k, const struct swap_trouble *t)
{
	unsigned i = 0;
	while (i + 1 < k->mm->swap.areas && k->mm->swap.area[i].config.name != t->device)
		i++;
	return &k->troubles.count[i][kind_of(t)];
}

void trouble_tell(void *ctx, const struct swap_trouble *t)
{
	static const char *const did[] = {"could not be read", "could not be written"};
	struct kernel *k = ctx;
	uint64_t count = ++*count_of(k, t);
	const char *more = count == TOLD ? " Any more of this kind are counted, and told at the end." : "";
	if (count > TOLD)
		return;
	if (t->why)
		kernel_say(k, "%s: %s.%s", t->device, t->why, more);
	else if (t->error == -EBADMSG)
		kernel_say(k,
			   "%s: slot %u came back with other bytes than were written; the page is not "
			   "used.%s",
			   t->device, t->slot, more);
	else
		kernel_say(k, "%s: slot %u %s: %s.%s%s", t->device, t->slot, did[t->write],
			   strerror(-t->error),
			   t->write ? " The page stays, and goes to another slot or device." : "", more);
}

void trouble_sum(struct kernel *k)
{
	static const char *const failed[TROUBLE_KINDS] = {
	    [TROUBLE_READ] = "that a page could not be read",
	    [TROUBLE_WRITE] = "that a page could not be written",
	    [TROUBLE_BYTES] = "that a slot came back with other bytes than were written",
	};
	for (unsigned i = 0; k->mm && i < k->mm->swap.areas; i++)
		for (unsigned kind = 0; kind < TROUBLE_KINDS; kind++) {
			uint64_t count = k->troubles.count[i][kind];
			if (count > TOLD)
				kernel_say(k, "%s: it happened %" PRIu64 " more time%s %s; %" PRIu64 " in all.",
					   k->mm->swap.area[i].config.name, count - TOLD,
					   count - TOLD == 1 ? "" : "s", failed[kind], count);
		}
}
