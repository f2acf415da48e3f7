/* SPDX-License-Identifier: MIT */
/* hostnode.h - regular files of the host, and the page cache of their contents
 *
 * There is one node per device and inode, and it has one object: read, write and every mapping of
 * that file, under whatever name, use the same frames. write reaches the host before it returns and
 * then the cached pages; stores through shared mappings are written back by the object.
 *
 * A node lives as long as its object. The cache keeps a reference of its own to the objects of the
 * last NODES_KEPT files that were closed, so that a file read twice is read from the host once.
 *
 *	          open                    last close
 *	(none) ---------> in use, kept <--------------> idle, kept
 *	   ^                                                | too many are idle, or no name is left
 *	   +---------------- released, when no region maps it either
 *
 * Nothing here is a promise about the host: each open, and each read that meets the end, compares
 * size and times, and drops clean pages that are out of date.
 */
#ifndef KERNEL_HOSTNODE_H
#define KERNEL_HOSTNODE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct kernel;
struct file;
struct hostfs;
struct object;
struct text;

enum { NODES_KEPT = 256 };

/* What happens to a name when files are renamed or removed: see names_moved. */
typedef void name_change(char **path, bool *gone, const char *a, const char *b);

int hostnodes_create(struct kernel *k, struct hostfs **ret_hostfs);
/* Every file is closed and every space gone. */
void hostnodes_destroy(struct hostfs *h);
void hostnodes_names(struct hostfs *h, name_change *change, const char *a, const char *b);

/* An open file over the host's descriptor fd, of a regular file, which passes to the node; on
 * failure too. host_offset: position is the host's own, shared with whoever else has fd. */
int hostnode_open(struct kernel *k, int fd, uint32_t flags, const char *path, bool host_offset,
		  struct file **ret_file);

/* object_file_name, for the objects of files of the host. */
bool hostnode_name(const struct object *o, struct text *ret_name, uint64_t *ret_device,
		   uint64_t *ret_inode);

/* Does a process execute this file? Then it cannot be written: -ETXTBSY. */
bool hostnode_executed(struct kernel *k, const struct stat *st);
/* How many others have f's file open, and how many of all write to it. Returns 0, or -EINVAL: it is no
 * file of the host. */
int hostnode_openers(const struct file *f, unsigned *ret_others, unsigned *ret_writers);
/* Where F_SET_RW_HINT of a file of the host is kept; NULL: it is none. */
uint8_t *hostnode_hint(const struct file *f);
/* Has a program this file open? */
bool hostnode_in_use(struct kernel *k, const struct stat *st);
/* The guest changed this file by name: what differs is no news. */
void hostnode_touched(struct kernel *k, const struct stat *now);
/* A new size for the file with this descriptor, opened for writing. Returns 0 or -errno. */
int hostnode_truncate(struct kernel *k, int fd, uint64_t size);

#endif
