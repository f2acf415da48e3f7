/* SPDX-License-Identifier: MIT */
/* load.c - the load averages: how many tasks ran, wanted to, or waited for a transfer
 *
 * As Linux reckons them (Documentation of sched/loadavg, and proc(5)): every five seconds each
 * average moves towards the count of that moment, by a share such that what was a minute (5, 15) ago
 * counts 1/e. Numbers have eleven bits behind the point.
 */
#include "base/bits.h"
#include "base/text.h"
#include "kernel/kernel.h"
#include "kernel/sched.h"

enum { FRACTION = 11, ONE = 1 << FRACTION };
#define LOAD_EVERY UINT64_C(5000000000)

static uint64_t wanting(struct kernel *k)
{
	uint64_t n = 0;
	struct task *t;
	for (struct process *p = process_first(k); p; p = process_next(p))
		TAILQ_FOREACH (t, &p->tasks, sibling)
			n += t->state == TASK_READY || t->state == TASK_RUNNING ||
			     (t->state == TASK_WAITING && wait_is_for_io(t));
	return n;
}

void load_run(struct kernel *k)
{
	/* ONE / e^(5/60), e^(5/300), e^(5/900) */
	static const uint32_t keep[3] = {1884, 2014, 2037};
	/* After so many looks without a change nothing changes any more. */
	enum { LOOKS_MAX = 4096 };
	uint64_t now = kernel_now(k);
	if (now < max_u64(k->load_due, LOAD_EVERY))
		return;
	uint64_t looks = min_u64((now - k->load_due) / LOAD_EVERY + 1, LOOKS_MAX),
		 active = wanting(k) << FRACTION;
	k->load_due = now - now % LOAD_EVERY + LOAD_EVERY;
	for (; looks > 0; looks--) {
		/* Of several at once all but the last were in a time in which nobody ran. */
		uint64_t count = looks > 1 ? 0 : active;
		for (unsigned i = 0; i < array_size(keep); i++) {
			uint64_t sum = k->load[i] * (uint64_t)keep[i] + count * (ONE - keep[i]);
			k->load[i] = (uint32_t)((sum + (count >= k->load[i] ? ONE - 1 : 0)) / ONE);
		}
	}
}

void load_text(const struct kernel *k, struct text *text)
{
	for (unsigned i = 0; i < array_size(k->load); i++) {
		/* Rounded to hundredths. */
		uint64_t hundredths = ((uint64_t)k->load[i] * 100 + ONE / 2) / ONE;
		text_add(text, "%lu.%02lu ", hundredths / 100, hundredths % 100);
	}
}
