/* SPDX-License-Identifier: MIT */
/* epoll.h - waiting for many files at the cost of those that are ready
 *
 *	          watches on the file's queues
 *	  file <------------------------------- item (file, descriptor number) <--- tree of the epoll
 *	    |   a change calls them: the item                  |
 *	    |   goes to the end of the ready list              v
 *	    +-- its list of items: they go with       ready: item item item --> epoll_wait asks each
 *	        its last reference                                              file again, in turn
 *
 * An item names an open file, not a descriptor: closing a descriptor that was duplicated changes
 * nothing, and the same file may be watched once for each number it was added by. Neither side keeps
 * the other alive. After epoll_wait an item is off the ready list (edge triggered), silent until
 * EPOLL_CTL_MOD (ONESHOT), or at the end of it, to be asked again (level triggered).
 *
 * An epoll is a file that can be watched itself, by poll and by other epolls; a circle is -ELOOP, as
 * is a chain of more than NESTS. All items of a machine together may take a twenty-fifth of its RAM,
 * reckoned as Linux does: -ENOSPC.
 */
#ifndef KERNEL_EPOLL_H
#define KERNEL_EPOLL_H

struct file;

/* f's last reference is gone, and with it every item that names it. */
void epoll_forget_file(struct file *f);
/* The file that an epoll watches by a number, the offset-th of those: not referenced. Returns 0, -EINVAL (no
 * epoll) or -ENOENT. */
int epoll_target(const struct file *epoll, int fd, unsigned offset, const struct file **ret_file);

#endif
