/* SPDX-License-Identifier: MIT */
#ifndef SP_SHOW_KEYSYMS_H
#define SP_SHOW_KEYSYMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Keys in the words of viewers: what they write (X's keysyms, on a US keyboard), or which they are
 * (numbers of PC/AT keyboards, for viewers that know QEMU's extended key events).
 */
#define SP_KEYSYMS 3 /* of one key at most */

struct sp_key {
	uint16_t code; /* KEY_* */
	uint8_t number; /* as XT keyboards send it, with bit 7 in place of 0xe0 before it */
	uint32_t keysyms[SP_KEYSYMS]; /* 0: no more */
};

/* KEY_*; 0: no such key. */
uint16_t sp_key_of_keysym(uint32_t keysym);
uint16_t sp_key_of_number(uint32_t number);

const struct sp_key *sp_key_table(size_t *count);

#endif
