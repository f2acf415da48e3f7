/* SPDX-License-Identifier: MIT */
/* dev.h - /dev: the devices that every program expects, none of them the host's */
#ifndef KERNEL_DEV_H
#define KERNEL_DEV_H

#include <stdint.h>

struct kernel;
struct file;
struct place;
struct task;

/* What a node anywhere in the tree stands for by its number. -ENXIO: Carrel has no such device. */
int dev_open_number(const struct place *at, struct task *t, uint32_t flags, struct file **ret_file);
int dev_open_null(struct kernel *k, uint32_t flags, struct file **ret_file);

#endif
