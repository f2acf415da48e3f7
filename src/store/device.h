/* SPDX-License-Identifier: MIT */
/* device.h - how long a transfer to the swap device takes, in virtual time
 *
 * A model is a few numbers; its state is when the device is free and where its head stands. There
 * is no clock here: the caller says what time it is, and is told when the transfer ends.
 *
 *	hdd	one request after the other: a seek and half a turn unless the slot follows the last
 *		one, then the bytes at the rate
 *	ssd, nvme	the latencies of requests in flight overlap; their bytes pass one by one, at the
 *		rate
 *	none	no time at all
 *
 * --swap-device hdd|ssd|nvme|none[:NUMBER=VALUE,...]; the numbers are those of device_numbers.
 */
#ifndef STORE_DEVICE_H
#define STORE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

struct device_model {
	const char *name;
	uint64_t seek, rotate; /* ns before the bytes of a slot that does not follow; hdd */
	uint64_t latency;      /* ns before the bytes; the latencies of several requests overlap */
	uint64_t rate;	       /* bytes a second; 0: they take no time */
};

struct device {
	struct device_model model;
	uint64_t free_at; /* when the last transfer ends */
	uint32_t next;	  /* the slot that would follow without a seek */
};

/* Takes "ssd" or "hdd:seek=4ms,rate=200M" apart. Returns 0, or -EINVAL with a sentence in ret_why. */
int device_parse(const char *text, struct device_model *ret_model, char *ret_why, unsigned whys);
void device_init(struct device *d, const struct device_model *model);
/* When a transfer that is asked for now ends; never before now. It is then under way. ctx: a struct
 * device; this is what vm's swap wants of its clock. */
uint64_t device_ends(void *ctx, uint32_t slot, unsigned pages, bool write, uint64_t now);

#endif
