/* SPDX-License-Identifier: MIT */
#include "vm/event.h"

static const struct {
	const char *text, *sentence;
	enum cause_class class;
} causes[CAUSES] = {
    [CAUSE_none] = {"none", "nothing happened", CLASS_minor},
#define CAUSE(name, text, class, sentence) [CAUSE_##name] = {text, sentence, CLASS_##class},
#include "vm/causes.def"
#undef CAUSE
};

const char *cause_text(enum cause c)
{
	return causes[c].text;
}
const char *cause_sentence(enum cause c)
{
	return causes[c].sentence;
}
enum cause_class cause_class(enum cause c)
{
	return causes[c].class;
}

static uint64_t tally_class(const struct tally *t, enum cause_class class)
{
	uint64_t n = 0;
	for (enum cause c = CAUSE_none + 1; c < CAUSES; c++)
		if (causes[c].class == class)
			n += t->cause[c];
	return n;
}

uint64_t tally_minor(const struct tally *t)
{
	return tally_class(t, CLASS_minor);
}
uint64_t tally_major(const struct tally *t)
{
	return tally_class(t, CLASS_major);
}
