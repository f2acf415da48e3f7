/* SPDX-License-Identifier: MIT */
#include "kernel/stall.h"

#include "base/bits.h"

enum { ONE = 2048 };
#define PERIOD UINT64_C(2000000000)

/* Of an average over so many seconds, what is left of it after two: 1/exp(2s/10s), ... */
static const uint64_t decay[STALL_AVERAGES] = {1677, 1981, 2034};

static uint64_t moved(uint64_t average, uint64_t left, uint64_t percent)
{
	uint64_t sum = average * left + percent * (ONE - left);
	return (sum + (percent >= average ? ONE - 1 : 0)) / ONE;
}

/* periods: those that have gone by besides the last, in which nothing was counted yet. */
static void averages_move(struct stalls *s, unsigned kind, unsigned part, uint64_t periods, uint64_t ns)
{
	uint64_t sample = min_u64(s->of[kind][part].total - s->of[kind][part].before, ns);
	s->of[kind][part].before += sample;
	for (unsigned i = 0; i < STALL_AVERAGES; i++) {
		uint64_t *average = &s->of[kind][part].average[i];
		for (uint64_t n = 0; n < periods && *average; n++)
			*average = moved(*average, decay[i], 0);
		*average = moved(*average, decay[i], sample * 100 / ns * ONE);
	}
}

void stall_look(struct stalls *s)
{
	uint64_t missed = s->due ? (s->now - s->due) / PERIOD : 0, ns = s->now - s->begun - missed * PERIOD;
	for (unsigned kind = 0; kind < STALL_KINDS && ns; kind++) {
		for (unsigned part = 0; part < STALL_PARTS; part++)
			averages_move(s, kind, part, missed, ns);
	}
	s->due = (s->due ? s->due : s->now) + (missed + 1) * PERIOD;
	s->begun = s->now;
}

