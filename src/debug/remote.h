/* SPDX-License-Identifier: MIT */
/* remote.h - a debugger of the remote serial protocol (gdb, lldb) drives a machine
 *
 *	            connected                 continue, step
 *	WAITING ----------------> STOPPED ----------------------> RUNNING
 *	   ^                        ^ |                             |
 *	   | connection lost        | | detached from all           | breakpoint, signal, exit,
 *	   +------------------------+ v                             | Ctrl-C: a stop reply
 *	                           LET GO                           |
 *	                   runs as if nobody were there;   <--------+ connection lost
 *	                   who connects next stops it
 *
 * All-stop: while the program is STOPPED the whole machine is, and no virtual time passes. What
 * happens to it is told by kernel/debug.h; breakpoints and watchpoints are the hart's. So memory has
 * no traces of them, and other processes that share code do not meet them.
 *
 * Looking changes nothing: registers and memory are read as they are, pages that are in swap or not
 * read from their file yet included. Writing memory goes through the paging system: it may bring a
 * page in or copy one, as a store by the kernel would.
 *
 * Whatever is received is checked; what is wrong or unknown is answered with an error or with nothing,
 * as the protocol says. A connection may end at any point.
 */
#ifndef DEBUG_REMOTE_H
#define DEBUG_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/kernel.h"

struct remote;
struct text;

struct remote_config {
	struct kernel *kernel;
	int32_t pid; /* the process that is debugged: it has not run yet */
	int listener; /* a socket that listens; -1: in and out are connected already */
	int in, out;
	/* The text of "monitor COMMAND" for the process that is looked at, which has an address
	 * space. */
	void (*monitor)(void *ctx, struct process *p, const char *command, struct text *ret_text);
	void *ctx;
};

/* Takes the descriptors. Returns 0, or -ENOMEM and they stay the caller's. */
int remote_create(const struct remote_config *config, struct remote **ret_remote);
/* Lets the processes go and closes. */
void remote_destroy(struct remote *r);

/* As kernel_run, with a debugger that may stop and continue the program meanwhile. KERNEL_STOPPED:
 * the caller called kernel_stop or kernel_interrupt, or nothing that concerns it happened. */
enum kernel_stop remote_run(struct remote *r, uint64_t until);

enum remote_state { REMOTE_WAITING, REMOTE_STOPPED, REMOTE_RUNNING, REMOTE_LET_GO };
enum remote_state remote_state(const struct remote *r);

#endif
