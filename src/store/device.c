/* SPDX-License-Identifier: MIT */
#include "store/device.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "store/store.h"

enum { US = 1000, MS = 1000000, SECOND = 1000000000 };
enum { NUMBER_MAX = 64, TIME_MOST_S = 10 };

/* hdd: a disk of 7200 turns a minute, half a turn being 4.17 ms. ssd: SATA. nvme: PCIe 3. */
static const struct device_model models[] = {
    {.name = "hdd", .seek = 8 * MS, .rotate = 4 * MS, .rate = UINT64_C(150) << 20},
    {.name = "ssd", .latency = 80 * US, .rate = UINT64_C(500) << 20},
    {.name = "nvme", .latency = 20 * US, .rate = UINT64_C(3) << 30},
    {.name = "none"},
};

struct number {
	const char *name;
	size_t offset; /* in struct device_model */
	bool is_time;
	bool (*has)(const struct device_model *m);
};

static bool turns(const struct device_model *m)
{
	return m->seek > 0 || m->rotate > 0;
}
static bool answers(const struct device_model *m)
{
	return m->latency > 0;
}
static bool moves(const struct device_model *m)
{
	return m->rate > 0;
}

static const struct number numbers[] = {
    {"seek", offsetof(struct device_model, seek), true, turns},
    {"rotate", offsetof(struct device_model, rotate), true, turns},
    {"latency", offsetof(struct device_model, latency), true, answers},
    {"rate", offsetof(struct device_model, rate), false, moves},
};

static int unknown_device(const char *text, size_t length, char *ret_why, unsigned whys)
{
	return store_why(ret_why, whys, -EINVAL,
			 "there is no device \"%.*s\"; there is hdd, ssd, nvme, none", (int)length,
			 text);
}

static int unknown_number(const struct device_model *m, const char *name, size_t length,
			  char *ret_why, unsigned whys)
{
	struct text has = TEXT;
	for (size_t i = 0; i < array_size(numbers); i++)
		if (numbers[i].has(m))
			text_add(&has, "%s%s", has.size ? ", " : "", numbers[i].name);
	store_why(ret_why, whys, -EINVAL, "%s has no number \"%.*s\"; it has %s", m->name,
		  (int)length, name, has.size ? text_str(&has) : "none");
	text_finish(&has);
	return -EINVAL;
}

static int set_number(const struct number *n, const char *value, struct device_model *m,
		      char *ret_why, unsigned whys)
{
	uint64_t v;
	if (n->is_time) {
		int error = parse_time(value, &v);
		if (error == -EINVAL)
			return store_why(ret_why, whys, -EINVAL,
					 "%s=%s is not a time; write 8ms or 80us", n->name, value);
		if (error || v > TIME_MOST_S * UINT64_C(1000000000))
			return store_why(ret_why, whys, -EINVAL,
					 "%s=%s is too long; %ds is the most", n->name, value,
					 TIME_MOST_S);
	} else {
		int error = parse_size(value, &v);
		if (error == -ERANGE)
			return store_why(ret_why, whys, -EINVAL,
					 "%s=%s is too fast; 150M is a disk's, and none takes no time",
					 n->name, value);
		if (error)
			return store_why(ret_why, whys, -EINVAL,
					 "%s=%s is not a number of bytes a second; write 150M",
					 n->name, value);
		if (v < PAGE_SIZE)
			return store_why(ret_why, whys, -EINVAL,
					 "%s=%s is too slow; 4K a second is the least", n->name,
					 value);
	}
	memcpy((char *)m + n->offset, &v, sizeof(v));
	return 0;
}

/* One "NUMBER=VALUE" of length bytes. usual: the device as it is unless numbers are set; given: one bit for
 * each number that was set before. */
static int take_number(const char *text, size_t length, const struct device_model *usual,
		       struct device_model *m, unsigned *given, char *ret_why, unsigned whys)
{
	size_t name = strcspn(text, "=,");
	for (size_t i = 0; i < array_size(numbers); i++) {
		const struct number *n = &numbers[i];
		if (!n->has(usual) || strlen(n->name) != name || memcmp(n->name, text, name) != 0)
			continue;
		char value[NUMBER_MAX];
		if (*given & 1U << i)
			return store_why(ret_why, whys, -EINVAL,
					 "%s stands there twice; once is enough", n->name);
		*given |= 1U << i;
		if (name >= length || length - name - 1 >= sizeof(value))
			return store_why(ret_why, whys, -EINVAL, "%s wants a value, as in %s=%s",
					 n->name, n->name, n->is_time ? "4ms" : "150M");
		memcpy(value, text + name + 1, length - name - 1);
		value[length - name - 1] = 0;
		return set_number(n, value, m, ret_why, whys);
	}
	return unknown_number(usual, text, name, ret_why, whys);
}

int device_parse(const char *text, struct device_model *ret_model, char *ret_why, unsigned whys)
{
	size_t length = strcspn(text, ":");
	const struct device_model *usual = NULL;
	for (size_t i = 0; i < array_size(models); i++)
		if (strlen(models[i].name) == length && memcmp(models[i].name, text, length) == 0)
			usual = &models[i];
	if (!usual)
		return unknown_device(text, length, ret_why, whys);
	struct device_model m = *usual;
	unsigned given = 0;
	for (const char *p = text[length] ? text + length + 1 : ""; *p;) {
		size_t one = strcspn(p, ",");
		int error = take_number(p, one, usual, &m, &given, ret_why, whys);
		if (error)
			return error;
		p += one + (p[one] == ',');
	}
	*ret_model = m;
	return 0;
}

void device_init(struct device *d, const struct device_model *model)
{
	*d = (struct device){.model = *model};
}

uint64_t device_ends(void *ctx, uint32_t slot, unsigned pages, bool write, uint64_t now)
{
	struct device *d = ctx;
	const struct device_model *m = &d->model;
	uint64_t start = max_u64(now + m->latency, d->free_at);
	if (slot != d->next)
		start += m->seek + m->rotate;
	/* At most 16 pages: no product here comes near 2^64. */
	uint64_t ns = m->rate ? (uint64_t)pages * PAGE_SIZE * SECOND / m->rate : 0;
	d->next = slot + pages;
	d->free_at = start + ns;
	return d->free_at;
}
