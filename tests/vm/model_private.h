/* SPDX-License-Identifier: MIT */
/* model_private.h - what the operations of the model share */
#ifndef TESTS_MODEL_PRIVATE_H
#define TESTS_MODEL_PRIVATE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

#define SAY(m, ...) snprintf((m)->text, sizeof((m)->text), __VA_ARGS__)

typedef bool op_function(struct model *, struct model_space *, const struct op *);

/* model_range.c and model_object.c */
op_function do_remap, do_advise, do_populate, do_sync, do_lock, do_lock_all, do_seal, do_incore;
op_function do_open, do_resize;

struct mapping {
	unsigned first, pages;
	struct model_page page; /* of the first; index goes up */
};

/* The op's range ends here, within the window. */
unsigned op_end(const struct op *op);
/* These pages may have changed: look at them. */
void model_touch(struct model *m, unsigned first, unsigned last);
/* Is what came back what the model wants, or a want of memory that there may be? */
bool model_outcome(struct model *m, int got, int want);

bool model_all_mapped(const struct model_space *s, unsigned first, unsigned end, bool want);
/* Is one of these pages sealed? */
bool model_sealed(const struct model_space *s, unsigned first, unsigned end);
void model_clear(struct model_space *s, unsigned first, unsigned end);
void model_map(struct model_space *s, const struct mapping *g);
/* Where a mapping without an address goes: the wish if it is free, else the highest hole. PAGES:
 * there is none. */
unsigned model_place(const struct model_space *s, unsigned wish, unsigned pages);
const struct region *model_region(const struct model *m, const struct model_space *s,
				  unsigned page);
/* Populating gives a private page contents of its own before anybody wrote: from then on what
 * lies beneath may change without it. */
void model_find_own(const struct model *m, struct model_space *s, unsigned first, unsigned end);

#endif
