/* SPDX-License-Identifier: MIT */
#include "store/header.h"

#include <string.h>

#include "base/bits.h"

enum { SIGNATURE_AT = PAGE_SIZE - 10, INFO_AT = 1024 };
static const char signature[] = "SWAPSPACE2"; /* without the NUL */

struct info {
	uint32_t version, last_page, bad_pages;
	uint8_t uuid[16];
	char label[16];
};

uint32_t header_pages(const uint8_t *page)
{
	struct info info;
	memcpy(&info, page + INFO_AT, sizeof(info));
	if (memcmp(page + SIGNATURE_AT, signature, strlen(signature)) != 0 || info.version != 1 ||
	    info.last_page == UINT32_MAX)
		return 0;
	return info.last_page + 1;
}

void header_make(uint8_t *ret_page, uint32_t pages)
{
	struct info info = {.version = 1, .last_page = pages - 1, .label = "carrel"};
	memset(ret_page, 0, PAGE_SIZE);
	memcpy(ret_page + INFO_AT, &info, sizeof(info));
	memcpy(ret_page + SIGNATURE_AT, signature, strlen(signature));
}
