/* SPDX-License-Identifier: MIT */
/* permission.h - what a task may do with a file, by what the guest sees of it
 *
 * Linux's rules, path_resolution(7) and its inode(7): asked here and nowhere else, for every kind of
 * tree, with who the task is for files (fsuid, fsgid, groups) and its capabilities. Nothing here
 * changes anything. The kernel itself (no task) may do all.
 */
#ifndef KERNEL_PERMISSION_H
#define KERNEL_PERMISSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct place;
struct task;

/* May t read, write, execute or search it (R_OK, W_OK, X_OK)? Returns 0 or -EACCES. */
int stat_access(const struct stat *st, const struct task *t, int mode);
/* Is it t's, or may t do as if it were? */
bool stat_owned(const struct stat *st, const struct task *t);

/* The same as stat_access of what is at a place. */
int place_permission(const struct place *at, int mode);
/* And -EROFS where its mount cannot be changed. */
int place_access(const struct place *at, struct task *t, int mode);
/* Is there nothing to ask on the way to a name here? */
bool place_open_way(const struct place *at);
/* What is known of the directory in which at's name is, or is to be. Returns 0 or -errno. */
int place_parent(const struct place *at, struct stat *ret_stat);
/* May at's name be made, or, if it exists, taken away? Returns 0, -EACCES, or -EPERM for what is
 * somebody else's in a directory that is sticky. */
int place_may_name(const struct place *at);

/* May t give the file this mode? Bits that it may not give are taken out of *mode. Returns 0 or
 * -EPERM. */
int permission_chmod(const struct stat *st, const struct task *t, uint32_t *mode);
/* And these owners (-1: as it is)? *ret_mode: its mode afterwards. */
int permission_chown(const struct stat *st, const struct task *t, uint32_t uid, uint32_t gid, uint32_t *ret_mode);
/* And these times? Returns 0, -EPERM or -EACCES. */
int permission_utimens(const struct stat *st, const struct task *t, const struct timespec times[2]);
/* A new file of t's in the directory dir: its group, and what of its mode stays. */
void permission_new(const struct stat *dir, const struct task *t, bool directory, uint32_t *ret_gid, uint32_t *mode);
/* The mode that is left to a file that t writes to. */
uint32_t permission_written(const struct stat *st, const struct task *t);

#endif
