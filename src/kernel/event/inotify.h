/* SPDX-License-Identifier: MIT */
/* inotify.h - what programs do to files, told to those who watch them
 *
 *	open, read, write, close ...  --> inotify_file    \                       watches of that
 *	chmod, truncate by name       --> inotify_place    } device and inode --> file, and of its   --> queues
 *	create, delete, rename, link  --> inotify_name    /                       directory, by name
 *
 * A watch lies on a device and inode, whatever its names; it goes with the file (IN_DELETE_SELF when
 * the last name and the last open file are gone), or with its inotify. Changes are told that programs
 * of the machine make; those that the host makes by itself are not.
 *
 * While nobody watches anything, each call costs one comparison. A queue holds EVENTS_MAX events, and
 * all of a machine a twenty-fifth of its RAM: then one IN_Q_OVERFLOW stands for what was lost.
 */
#ifndef KERNEL_INOTIFY_H
#define KERNEL_INOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct file;
struct kernel;
struct place;

/* Linux's numbers. */
enum inotify_event_bit {
	EVENT_ACCESS = 0x1,
	EVENT_MODIFY = 0x2,
	EVENT_ATTRIB = 0x4,
	EVENT_CLOSE_WRITE = 0x8,
	EVENT_CLOSE_NOWRITE = 0x10,
	EVENT_OPEN = 0x20,
	EVENT_MOVED_FROM = 0x40,
	EVENT_MOVED_TO = 0x80,
	EVENT_CREATE = 0x100,
	EVENT_DELETE = 0x200,
	EVENT_DELETE_SELF = 0x400,
	EVENT_MOVE_SELF = 0x800,
};

/* An open file that has a path: for it and its directory. */
void inotify_file(struct file *f, uint32_t event);
/* f's last reference goes: before, and after its release; gone: what the first returned. */
bool inotify_closing(struct file *f, struct stat *ret_stat);
void inotify_closed(struct kernel *k, const struct stat *st, bool gone);
/* The same as inotify_file of what is at a place, which exists. */
void inotify_place(const struct place *at, uint32_t event);
/* The name at a place came or went: for its directory only. */
void inotify_created(const struct place *at, bool directory);
/* What was at a place has no longer this name. */
void inotify_removed(const struct place *at);
/* What was at from is at to now; exchanged: and the other way round. */
void inotify_renamed(const struct place *from, const struct place *to, bool exchanged);
/* What from is has one name more, to. */
void inotify_linked(const struct place *from, const struct place *to);

#endif
