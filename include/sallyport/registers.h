/* SPDX-License-Identifier: MIT */
#ifndef SALLYPORT_REGISTERS_H
#define SALLYPORT_REGISTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sallyport/state.h>

/*
 * Registers as a table: what a write changes and what a read gives is data, and only registers with
 * an effect need code. All are little-endian.
 */
enum sp_register_kind {
	/* Kept here: a write changes the bits in `mask`, and clears those in `clear` in which it
	 * has a one. With neither it is read-only; the device may change all bits. */
	SP_REGISTER_VIRTUAL,
	/* Takes any write and reads as its reset value. */
	SP_REGISTER_SCRUB,
	/* read() and write() of the table say what it does. */
	SP_REGISTER_TRAP,
	/* Goes to something behind, pass() of the table, for the bits in `mask`; the others read as
	 * in `reset`, and are written as they are behind. */
	SP_REGISTER_PASS,
};

struct sp_register {
	uint32_t offset; /* bytes; a multiple of `width` */
	uint8_t width; /* bytes: 1, 2, 4 or 8 */
	enum sp_register_kind kind;
	uint64_t reset;
	uint64_t mask;
	uint64_t clear;
	const char *name;
	/* Called after each write to one that is kept here, with the values of all of it. May be
	 * NULL. */
	void (*written)(void *device, uint32_t index, uint64_t before, uint64_t now);
};

/* Sorted by offset, without overlaps; constant. */
struct sp_register_table {
	const struct sp_register *registers;
	uint32_t count;
	uint32_t size; /* bytes of the whole block */
	uint64_t (*read)(void *device, uint32_t index);
	void (*write)(void *device, uint32_t index, uint64_t value);
	/* Gives what is behind, or writes it; what a write returns is ignored. */
	uint64_t (*pass)(void *device, uint32_t index, bool write, uint64_t value);
	uint8_t filler; /* each byte that is in no register reads so: 0 or 0xff */
};

/* True if the table is sorted, without overlaps, within its size, and has the functions that it
 * needs: for tests and at creation. */
bool sp_registers_valid(const struct sp_register_table *table);

/* The values of a table's registers for one device: table->count of them, the caller's. */
void sp_registers_reset(const struct sp_register_table *table, uint64_t *values);

/*
 * An access of any size and offset; bytes beyond the block are as those in no register. It may
 * cover parts of registers and several of them, which are taken in order, each once. A write to a
 * part of a register keeps the other bytes: bits that are cleared by ones are not written there,
 * and what traps or passes is read first.
 */
void sp_registers_read(const struct sp_register_table *table, const uint64_t *values, void *device,
	uint64_t offset, uint8_t *data, uint32_t size);
void sp_registers_write(const struct sp_register_table *table, uint64_t *values, void *device,
	uint64_t offset, const uint8_t *data, uint32_t size);

/* The register that begins at `offset`; UINT32_MAX if none does. */
uint32_t sp_registers_index(const struct sp_register_table *table, uint64_t offset);

/* Into and from the chunk that is open. Of those kept here, only what a guest can write is taken;
 * written() is not called. A table may grow at its end: the new registers have their reset values.
 */
void sp_registers_save(const struct sp_register_table *table, const uint64_t *values,
	struct sp_state_writer *writer);
void sp_registers_load(
	const struct sp_register_table *table, uint64_t *values, struct sp_state_reader *reader);

#endif
