/* SPDX-License-Identifier: MIT */
/* swap.h - opens what --swap names and hands it to the paging system */
#ifndef CLI_SWAP_H
#define CLI_SWAP_H

#include "cli/options.h"

struct mm;

/* Before the first program is started. device: one for each --swap, which must live as long as the
 * mm. Returns 0, or -1 after saying what is wrong. */
int swap_open(const struct options *o, struct mm *mm, struct device device[SWAPS_MAX]);

#endif
