/* SPDX-License-Identifier: MIT */
/* attributes.h - extended attributes that Carrel keeps itself: names and values
 *
 * Of a file of a tmpfs, which they take room from as Linux counts it: each as large as its name and value, a
 * file for every 1024 bytes.
 */
#ifndef KERNEL_ATTRIBUTES_H
#define KERNEL_ATTRIBUTES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#define ATTRIBUTE_CAPABILITY "security.capability"
/* A value of it: struct vfs_ns_cap_data of Linux, or its predecessor. */
enum { CAPABILITY_SIZE = 20, CAPABILITY_SIZE_MAX = 24 };

struct attribute;
struct cred_file;
LIST_HEAD(attributes, attribute);

/* Size 0 asks how large it is. Returns that, -ENODATA or -ERANGE. */
int64_t attributes_get(const struct attributes *l, const char *name, void *ret_value, size_t size);
/* Names, each with its NUL. */
int64_t attributes_list(const struct attributes *l, char *ret_names, size_t size);
/* flags are setxattr's. ret_more: by how many bytes there is more now. Returns 0, -ENODATA, -EEXIST or -ENOMEM. */
int attributes_set(struct attributes *l, const char *name, const void *value, size_t size, int flags, int64_t *ret_more);
int attributes_remove(struct attributes *l, const char *name, int64_t *ret_more);
/* Without change: by how many bytes there would be more after attributes_set. */
int64_t attributes_more(const struct attributes *l, const char *name, size_t size);
/* How many bytes they are together. */
int64_t attributes_bytes(const struct attributes *l);
void attributes_finish(struct attributes *l);

/* What execve is to know of a value of ATTRIBUTE_CAPABILITY. Returns 0 or -EINVAL: it is none. */
int capability_read(const uint8_t *value, int64_t size, struct cred_file *ret_file);

#endif
