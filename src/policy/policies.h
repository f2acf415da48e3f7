/* SPDX-License-Identifier: MIT */
/* policies.h - the policies there are */
#ifndef POLICY_POLICIES_H
#define POLICY_POLICIES_H

#include "vm/policy.h"

extern const struct policy_ops policy_fifo;

/* The default first; NULL at the end. */
extern const struct policy_ops *const policies[];

#endif
