/* SPDX-License-Identifier: MIT */
#ifndef HOLD_TALLY_H
#define HOLD_TALLY_H

#include <sallyport/device.h>

/*
 * A device with which everything that is done twice, or not at all, is seen: writes add up, and
 * reads are counted.
 *
 *	BAR 0	0x00 write: adds; read: the sum
 *		0x08 read: how many times it was read, this one included
 *		0x10 write: adds what lies there in the guest's memory, eight bytes
 *		0x18 write: raises a vector
 *		0x20 write: ends the process, as a bug would
 *		0x28 write: the sum is written there in the guest's memory
 *		0x30 write: adds, after a while
 *	BAR 2	1 MiB: writes add up all bytes; reads give a pattern
 *	BAR 4	4 pages, mapped
 */
enum {
	TALLY_SUM = 0x00,
	TALLY_READS = 0x08,
	TALLY_FETCH = 0x10,
	TALLY_RAISE = 0x18,
	TALLY_CRASH = 0x20,
	TALLY_STORE = 0x28,
	TALLY_SLOW = 0x30,
};
#define TALLY_BAD UINT64_C(0xdeaddeaddeaddead) /* a sum whose loading ends the process */
#define TALLY_BLOB (1u << 20)
#define TALLY_MEMORY (4 * SP_PAGE)

/* `memory`: as of sp_bochs_options. */
struct sp_device *tally_create(int memory, struct sp_budget *budget, struct sp_error *error);

#endif
