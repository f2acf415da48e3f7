/* SPDX-License-Identifier: MIT */
/* guard.h - a plug-in's policy, watched while it is asked
 *
 * A plug-in runs in the host program. What it does wrong ends the run with status GUARD_STATUS and a
 * sentence that names the plug-in, the call, and what was wrong; a bug in it never looks like one in
 * Carrel:
 *
 *	it dies		SIGSEGV, SIGBUS, SIGFPE, SIGILL or SIGABRT within a call
 *	it hangs	a call takes more than GUARD_S seconds of processor time
 *	it lies		a victim that is no frame, was not entered, or may not go; none, although one may
 *			go; a create that makes nothing, or fails with what is no error
 *
 * What it writes where it should not within Carrel's own memory is not found.
 *
 *	          each call                  the plug-in's own
 *	vm -----> guard_victim, ... -------> victim, ...
 *	            |  which call this is        |
 *	            v                            | a signal
 *	          guard_call <-------------------+
 *
 * The built-in policies are not wrapped, and cost nothing more.
 */
#ifndef POLICY_GUARD_H
#define POLICY_GUARD_H

#include "vm/policy.h"

enum { GUARD_STATUS = 125, GUARD_S = 3 };

/* The same policy, watched. name: what sentences call it. One plug-in is watched at a time, the last one: what
 * is returned stays, and is no longer inner's when this is called again. */
const struct policy_ops *guard_make(const struct policy_ops *inner, const char *name);

#endif
