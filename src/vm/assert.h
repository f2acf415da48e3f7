/* SPDX-License-Identifier: MIT */
/* assert.h - what must hold, checked in every build
 *
 * VM_ASSERT always; VM_ASSERT_DEEP, which may walk, in builds with -DVM_DEEP.
 */
#ifndef VM_ASSERT_H
#define VM_ASSERT_H

#include "base/bits.h"
#include "base/bug.h"

#define VM_ASSERT(x) (likely(x) ? (void)0 : bug(__FILE__, __LINE__, #x))
#ifdef VM_DEEP
#define VM_ASSERT_DEEP(x) VM_ASSERT(x)
#else
#define VM_ASSERT_DEEP(x) ((void)0)
#endif

#endif
