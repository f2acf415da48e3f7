/* SPDX-License-Identifier: MIT */
/* owners.h - whose the host's files are, as the guest sees it
 *
 *	              owners_view
 *	host's stat -------------> what the guest sees: owner, group, mode
 *	                ^
 *	                |  what the host would not, or should not, hold: by device and inode, for the run
 *	                |
 *	guest's wish ---+--------> the host, as far as it lets who runs Carrel
 *	              owners_set
 *
 * Whose a file is and what may be done with it is decided by what the guest sees, and never left to
 * the host. On the host itself a file is changed as far as it lets Carrel: a Carrel of root's really
 * gives a file to another, one of yours remembers that it did. Two things never get there: a file that
 * its owner cannot read or write, where the guest's users are not yours (the guest's root must yet
 * reach it), and set-user-ID and set-group-ID bits of files, but for those in -L of a Carrel of root's,
 * which is a whole system to be kept.
 *
 * Where programs run as other users (--user) than who runs Carrel, and that is not root, what is his in
 * -L and /tmp is the guest's root's: for he made that tree.
 *
 * The capabilities of a file (security.capability) are read from the host, and remembered where the guest changes
 * them. A device that the guest makes is an empty file on the host, and a device for the run.
 *
 * A file that the guest removes is forgotten; one that it makes has no past. So there is at most one
 * record for each file of the host that it may change, and OWNERS_MAX (-ENOSPC).
 */
#ifndef KERNEL_OWNERS_H
#define KERNEL_OWNERS_H

#include <bsd/sys/tree.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct kernel;
struct mount;
struct place;
struct task;

enum { OWNERS_MAX = 1 << 20 };

struct owner {
	RB_ENTRY(owner) tree;
	uint64_t device, inode;
	uint32_t uid, gid, mode; /* mode without its type */
	uint32_t type;		 /* of a device, which is an empty file on the host; 0: what the host says */
	uint64_t rdev;
	bool capable;		    /* security.capability is remembered, not the host's */
	uint8_t capability_size;    /* 0: there is none */
	uint8_t capability[24];
};
RB_HEAD(owner_tree, owner);

struct owners {
	struct owner_tree tree;
	uint64_t count;
	uint32_t uid, gid; /* of Carrel on the host */
};

void owners_init(struct owners *o);
void owners_finish(struct owners *o);

/* What the host says of a file becomes what the guest sees. m: where it is seen; NULL: nowhere. */
void owners_view(const struct kernel *k, const struct mount *m, struct stat *st);
/* The guest shall see this of the file fd (O_PATH will do) at m: the host is changed as far as that
 * goes. Returns 0, what the host says of a file that is not Carrel's, -ENOMEM or -ENOSPC. */
int owners_set(struct kernel *k, const struct mount *m, int fd, uint32_t uid, uint32_t gid, uint32_t mode);
/* The same of a file that at's task just made, where at was nothing. */
int owners_made(const struct place *at, int fd, uint32_t mode);
/* The file fd, which at's task just made, is seen as a device. Returns 0, -ENOMEM or -ENOSPC. */
int owners_device(struct kernel *k, int fd, uint32_t type, uint64_t device);
/* security.capability of the file fd: what is remembered, else the host's. Returns its size or -ENODATA. */
int64_t owners_capability(const struct kernel *k, int fd, uint8_t ret_value[24]);
/* For the run; size 0: it has none. Returns 0, -ENOMEM or -ENOSPC. */
int owners_set_capability(struct kernel *k, const struct mount *m, int fd, const uint8_t *value, size_t size);
/* The type of a directory's entry, of which the host says this one. */
uint8_t owners_type(const struct kernel *k, uint64_t device, uint64_t inode, uint8_t type);
/* The file is no more. */
void owners_forget(struct kernel *k, const struct stat *st);

/* Does the host decide all by itself just as the guest would: is t who runs Carrel, and nothing
 * remembered? */
bool owners_same(const struct kernel *k, const struct task *t);

#endif
