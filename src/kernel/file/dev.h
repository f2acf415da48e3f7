/* SPDX-License-Identifier: MIT */
/* dev.h - /dev: the devices that every program expects, none of them the host's */
#ifndef KERNEL_DEV_H
#define KERNEL_DEV_H

#include <stdint.h>

struct kernel;
struct file;

int dev_open_null(struct kernel *k, uint32_t flags, struct file **ret_file);

#endif
