/* SPDX-License-Identifier: MIT */
/* header.h - the first page of a swap area, as Linux's mkswap(8) writes it
 *
 *	byte 1024	version 1, the number of the last page, no bad pages, a UUID of zeros, a label
 *	byte 4086	"SWAPSPACE2"
 *
 * A device that outlives a machine carries it, so that nothing but swap areas is ever overwritten,
 * and file(1) and swapon(8) know it for what it is. (union swap_header of Linux's linux/swap.h.)
 */
#ifndef STORE_HEADER_H
#define STORE_HEADER_H

#include <stdint.h>

/* How many pages the area has, the header's own counted; 0: this is no header. */
uint32_t header_pages(const uint8_t *page);
void header_make(uint8_t *ret_page, uint32_t pages);

#endif
