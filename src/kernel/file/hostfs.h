/* SPDX-License-Identifier: MIT */
/* hostfs.h - names in a directory of the host, and never outside it
 *
 * Every access to the host goes through host_open: openat2 below the mount's own descriptor, with
 * no symbolic link, no magic link and no step out of it, or, where the host has no openat2, one
 * directory at a time with O_NOFOLLOW. What is no file or directory is never opened.
 */
#ifndef KERNEL_HOSTFS_H
#define KERNEL_HOSTFS_H

#include <stdint.h>

struct place;
struct mount;

/* Opens at with the host's flags (O_NOFOLLOW is always added). Returns a descriptor or -errno. */
int host_open(const struct place *at, int flags, uint32_t mode);
/* Gives the host's open file fd, which has none yet, the name to. Returns 0, -EXDEV or -errno. */
int host_link(int fd, const struct place *to);

/* x, a mount of the host's, begins at this place of another. Returns 0 or -errno. */
int host_bind(const struct place *at, struct mount *x);

#endif
