/* SPDX-License-Identifier: MIT */
#include "policy/policies.h"

#include <stddef.h>

const struct policy_ops *const policies[] = {&policy_fifo, NULL};
