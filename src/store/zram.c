/* SPDX-License-Identifier: MIT */
/* zram.c - swapped pages compressed in the machine's own RAM
 *
 * What a page becomes:
 *
 *	filled	all its 64-bit words are the same one: kept as that word
 *	packed	compressed by zstd, level 1, into units of the machine's frames (units.h)
 *	taught	the same, with the dictionary
 *	whole	it does not shrink by more than a unit: as it is, in a frame of its own
 *
 * The compressed bytes lie in frames that env->frame_take gives, so that what compression gains is
 * what RAM really gains. Host memory holds the table of slots, and what zstd works in.
 *
 * dict=SIZE: when SAMPLES pages for each page of dictionary have been packed, a dictionary is trained
 * from them, once; pages packed later use it. It takes frames as large as it is.
 *
 * Each write takes at most one frame for a page. As in Linux, the size is that of the pages before
 * compression.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <zdict.h>
#include <zstd.h>

#include "base/bits.h"
#include "store/store.h"
#include "store/units.h"

enum { LEVEL = 1, SAMPLES = 64, DICT_MOST = 128 << 10 };
enum { PACKED_MOST = (FRAME_UNITS - 1) * UNIT_BYTES };

enum slot_kind { SLOT_EMPTY, SLOT_FILLED, SLOT_PACKED, SLOT_TAUGHT, SLOT_WHOLE };

struct slot {
	union {
		uint64_t word;
		uint32_t head; /* of units, or the number of a whole frame */
	};
	uint16_t size; /* packed, taught */
	uint8_t kind;  /* enum slot_kind */
};

struct store {
	struct store_env env;
	struct slot *slot;
	uint32_t slots;
	struct units units;
	uint64_t stored, bytes, packed;
	ZSTD_CCtx *deflate;
	ZSTD_DCtx *inflate;
	/* The dictionary: how large it will be, 0: none wanted; its frames once it is there. */
	uint32_t dict_size, dict_frame[DICT_MOST / PAGE_SIZE], dict_frames;
	uint64_t dict_at; /* train when so many pages are packed */
	ZSTD_CDict *deflate_dict;
	ZSTD_DDict *inflate_dict;
	uint8_t scratch[PAGE_SIZE];
	char why[256];
};

static uint32_t *zram_head(void *ctx, uint32_t owner)
{
	struct store *s = ctx;
	return &s->slot[owner].head;
}

/* ---- Opening and closing ---- */

static void zram_close(struct store *s)
{
	struct store_env env = s->env;
	ZSTD_freeCCtx(s->deflate);
	ZSTD_freeDCtx(s->inflate);
	ZSTD_freeCDict(s->deflate_dict);
	ZSTD_freeDDict(s->inflate_dict);
	while (s->dict_frames)
		env.frame_give(env.ctx, s->dict_frame[--s->dict_frames]);
	units_finish(&s->units);
	alloc_put(env.alloc, s->slot, s->slots * sizeof(*s->slot));
	alloc_put(env.alloc, s, sizeof(*s));
}

static int zram_params(const char *params, uint64_t *ret_size, uint64_t *ret_dict, char *ret_why,
		       unsigned whys)
{
	char text[STORE_PARAMS];
	uint64_t dict = 0;
	snprintf(text, sizeof(text), "%s", params ? params : "");
	const char *value = store_option(text, "dict");
	int error = value ? store_size("dict", value, &dict, ret_why, whys) : 0;
	if (error)
		return error;
	if (dict > DICT_MOST)
		return store_why(ret_why, whys, -EINVAL,
				 "dict=%s is too large; %dK is the most, 16K the usual", value,
				 DICT_MOST >> 10);
	const char *comma = strchr(text, ',');
	if (comma)
		return store_why(ret_why, whys, -EINVAL,
				 "\"%s\" is more than zram takes: a size, dict=SIZE and prio=N, each once",
				 comma + 1);
	if (!text[0])
		return store_why(ret_why, whys, -EINVAL, "zram wants a size, as in zram:256M");
	error = store_size("the size of zram", text, ret_size, ret_why, whys);
	if (!error)
		*ret_dict = dict;
	return error;
}

static int zram_open(const struct store_env *env, const char *params, struct store **ret_store,
		     char *ret_why, unsigned whys)
{
	uint64_t size, dict;
	int error = zram_params(params, &size, &dict, ret_why, whys);
	if (error)
		return error;
	struct store *s = alloc_get(env->alloc, sizeof(*s));
	if (!s)
		return store_why(ret_why, whys, -ENOMEM, "no memory for a store");
	s->env = *env;
	s->slots = (uint32_t)(size / PAGE_SIZE);
	s->slot = alloc_get(env->alloc, s->slots * sizeof(*s->slot));
	s->deflate = ZSTD_createCCtx();
	s->inflate = ZSTD_createDCtx();
	units_init(&s->units, &s->env, zram_head, s);
	s->dict_size = (uint32_t)dict;
	s->dict_at = dict / PAGE_SIZE * SAMPLES;
	if (!s->slot || !s->deflate || !s->inflate ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(s->deflate, ZSTD_c_compressionLevel, LEVEL)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(s->deflate, ZSTD_c_contentSizeFlag, 0)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(s->deflate, ZSTD_c_dictIDFlag, 0))) {
		zram_close(s);
		return store_why(ret_why, whys, -ENOMEM,
				 "no memory for the table of %" PRIu64 " compressed pages",
				 size / PAGE_SIZE);
	}
	*ret_store = s;
	return 0;
}

static uint32_t zram_slots(const struct store *s)
{
	return s->slots;
}

/* ---- Pages ---- */

static void slot_drop(struct store *s, uint32_t number)
{
	struct slot *slot = &s->slot[number];
	switch ((enum slot_kind)slot->kind) {
	case SLOT_EMPTY: return;
	case SLOT_FILLED: s->bytes -= sizeof(slot->word); break;
	case SLOT_PACKED:
	case SLOT_TAUGHT:
		s->bytes -= slot->size;
		units_drop(&s->units, number);
		break;
	case SLOT_WHOLE:
		s->bytes -= PAGE_SIZE;
		units_drop_whole(&s->units, number);
		break;
	}
	s->stored--;
	*slot = (struct slot){.kind = SLOT_EMPTY};
}

static void slot_set(struct store *s, uint32_t number, enum slot_kind kind, uint32_t size)
{
	s->slot[number].kind = kind;
	s->slot[number].size = (uint16_t)size;
	s->bytes += size;
	s->stored++;
}

/* Returns 0 or -ENOSPC. */
static int slot_write_packed(struct store *s, uint32_t number, const uint8_t *page)
{
	size_t size = ZSTD_compress2(s->deflate, s->scratch, PACKED_MOST, page, PAGE_SIZE);
	if (ZSTD_isError(size)) {
		uint8_t *frame = units_take_whole(&s->units, number);
		if (!frame)
			return -ENOSPC;
		memcpy(frame, page, PAGE_SIZE);
		slot_set(s, number, SLOT_WHOLE, PAGE_SIZE);
		return 0;
	}
	int error = units_put(&s->units, number, s->scratch, (uint32_t)size);
	if (error)
		return error;
	slot_set(s, number, s->deflate_dict ? SLOT_TAUGHT : SLOT_PACKED, (uint32_t)size);
	s->packed++;
	return 0;
}

static int slot_write(struct store *s, uint32_t number, const uint8_t *page)
{
	slot_drop(s, number);
	if (memcmp(page, page + sizeof(uint64_t), PAGE_SIZE - sizeof(uint64_t)) != 0)
		return slot_write_packed(s, number, page);
	memcpy(&s->slot[number].word, page, sizeof(uint64_t));
	slot_set(s, number, SLOT_FILLED, sizeof(uint64_t));
	return 0;
}

/* Returns 0 or -EIO: what lies in the frames is not what was put there. */
static int slot_read(struct store *s, uint32_t number, uint8_t *ret_page)
{
	const struct slot *slot = &s->slot[number];
	size_t size = PAGE_SIZE;
	switch ((enum slot_kind)slot->kind) {
	case SLOT_EMPTY: memset(ret_page, 0, PAGE_SIZE); break;
	case SLOT_FILLED:
		for (size_t at = 0; at < PAGE_SIZE; at += sizeof(slot->word))
			memcpy(ret_page + at, &slot->word, sizeof(slot->word));
		break;
	case SLOT_PACKED:
	case SLOT_TAUGHT:
		units_get(&s->units, slot->head, s->scratch, slot->size);
		size = slot->kind == SLOT_PACKED
			   ? ZSTD_decompressDCtx(s->inflate, ret_page, PAGE_SIZE, s->scratch,
						 slot->size)
			   : ZSTD_decompress_usingDDict(s->inflate, ret_page, PAGE_SIZE, s->scratch,
							slot->size, s->inflate_dict);
		break;
	case SLOT_WHOLE: memcpy(ret_page, units_whole(&s->units, slot->head), PAGE_SIZE); break;
	}
	return size == PAGE_SIZE ? 0 : -EIO;
}

/* ---- The dictionary ---- */

/* The first pages that are packed, one after the other. Returns how many. */
static unsigned dict_samples(struct store *s, uint8_t *ret_bytes, size_t *ret_sizes, unsigned most)
{
	unsigned n = 0;
	for (uint32_t i = 0; i < s->slots && n < most; i++)
		if (s->slot[i].kind == SLOT_PACKED &&
		    slot_read(s, i, ret_bytes + (size_t)n * PAGE_SIZE) == 0)
			ret_sizes[n++] = PAGE_SIZE;
	return n;
}

/* Keeps the dictionary in frames: all of it or, where there are too few, nothing. */
static bool dict_keep(struct store *s, const uint8_t *dict, size_t size)
{
	for (size_t at = 0; at < size; at += PAGE_SIZE) {
		uint8_t *bytes = s->env.frame_take(s->env.ctx, &s->dict_frame[s->dict_frames]);
		if (!bytes) {
			while (s->dict_frames)
				s->env.frame_give(s->env.ctx, s->dict_frame[--s->dict_frames]);
			return false;
		}
		s->dict_frames++;
		memcpy(bytes, dict + at, min_u64(size - at, PAGE_SIZE));
	}
	return true;
}

static void dict_use(struct store *s, const uint8_t *dict, size_t size)
{
	ZSTD_CDict *deflate = ZSTD_createCDict(dict, size, LEVEL);
	ZSTD_DDict *inflate = ZSTD_createDDict(dict, size);
	if (!deflate || !inflate || !dict_keep(s, dict, size) ||
	    ZSTD_isError(ZSTD_CCtx_refCDict(s->deflate, deflate))) {
		ZSTD_freeCDict(deflate);
		ZSTD_freeDDict(inflate);
		return;
	}
	s->deflate_dict = deflate;
	s->inflate_dict = inflate;
}

/* A machine that cannot have a dictionary does without. */
static void dict_train(struct store *s)
{
	const struct alloc *alloc = s->env.alloc;
	unsigned most = s->dict_size / PAGE_SIZE * SAMPLES;
	uint8_t *bytes = alloc_get(alloc, (size_t)most * PAGE_SIZE);
	size_t *sizes = alloc_get(alloc, most * sizeof(*sizes));
	uint8_t *dict = alloc_get(alloc, s->dict_size);
	if (bytes && sizes && dict) {
		unsigned n = dict_samples(s, bytes, sizes, most);
		size_t size = ZDICT_trainFromBuffer(dict, s->dict_size, bytes, sizes, n);
		if (!ZDICT_isError(size))
			dict_use(s, dict, size);
	}
	alloc_put(alloc, bytes, (size_t)most * PAGE_SIZE);
	alloc_put(alloc, sizes, most * sizeof(*sizes));
	alloc_put(alloc, dict, s->dict_size);
	s->dict_at = UINT64_MAX;
}

/* ---- Transfers ---- */

static void zram_submit(struct store *s, struct store_transfer *t)
{
	t->error = 0;
	for (uint32_t i = 0; i < t->pages && !t->error; i++) {
		uint32_t number = t->slot + i;
		t->error = t->write ? slot_write(s, number, t->bytes[i])
				    : slot_read(s, number, t->bytes[i]);
		if (t->error == -ENOSPC)
			snprintf(s->why, sizeof(s->why),
				 "RAM has no free frame for slot %" PRIu32 "; %" PRIu32
				 " frames hold %" PRIu64 " compressed pages",
				 number, s->units.frames + s->dict_frames, s->stored);
		else if (t->error)
			snprintf(s->why, sizeof(s->why),
				 "what is kept for slot %" PRIu32 " does not decompress", number);
	}
	for (uint32_t i = 0; t->write && t->error && i < t->pages; i++)
		slot_drop(s, t->slot + i);
	if (s->dict_size && s->packed >= s->dict_at)
		dict_train(s);
}

static int zram_finish(struct store *s, struct store_transfer *t)
{
	return t->error;
}

static bool zram_takes_frames(const struct store *s)
{
	return true;
}

static void zram_usage(const struct store *s, struct store_usage *ret_usage)
{
	*ret_usage = (struct store_usage){
	    .stored = s->stored, .bytes = s->bytes, .frames = s->units.frames + s->dict_frames};
}

static const char *zram_why(const struct store *s)
{
	return s->why;
}

const struct store_ops store_zram = {
    .name = "zram",
    .summary = "compressed in the machine's own RAM: zram:256M[,dict=16K]",
    .takes_frames = zram_takes_frames,
    .open = zram_open,
    .close = zram_close,
    .slots = zram_slots,
    .submit = zram_submit,
    .finish = zram_finish,
    .discard = slot_drop,
    .usage = zram_usage,
    .why = zram_why,
};
