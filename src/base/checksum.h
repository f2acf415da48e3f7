/* SPDX-License-Identifier: MIT */
/* checksum.h - does a page come back as it went? */
#ifndef BASE_CHECKSUM_H
#define BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* 64 bits over size bytes (XXH3): finds what a device garbles, not what an enemy forges. */
uint64_t checksum(const void *bytes, size_t size);

#endif
