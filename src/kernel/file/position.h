/* SPDX-License-Identifier: MIT */
/* position.h - where a file is read and written next, for those who move bytes inside the kernel */
#ifndef KERNEL_POSITION_H
#define KERNEL_POSITION_H

#include <stdint.h>

struct file;

/* The file's own position, which may be kept elsewhere: on the host. */
uint64_t file_position(struct file *f);
void file_set_position(struct file *f, uint64_t pos);

#endif
