/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"

#include <stdlib.h>

static void *libc_get(void *ctx, size_t size) { return calloc(1, size); }
static void libc_put(void *ctx, void *p, size_t size) { free(p); }

const struct alloc alloc_libc = {.get = libc_get, .put = libc_put};
