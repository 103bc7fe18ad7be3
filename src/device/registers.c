/* SPDX-License-Identifier: MIT */
#include <sallyport/registers.h>

#include <string.h>

static uint64_t ones(uint32_t bytes) {
	return bytes >= 8 ? UINT64_MAX : (1ull << 8 * bytes) - 1;
}

static bool register_valid(const struct sp_register_table *table, const struct sp_register *reg) {
	uint32_t width = reg->width;

	if ((width != 1 && width != 2 && width != 4 && width != 8) || reg->offset % width ||
		width > table->size || reg->offset > table->size - width)
		return false;
	if ((reg->reset | reg->mask | reg->clear) & ~ones(width) || reg->mask & reg->clear)
		return false;
	switch (reg->kind) {
	case SP_REGISTER_VIRTUAL:
	case SP_REGISTER_SCRUB:
		return true;
	case SP_REGISTER_TRAP:
		return table->read && table->write;
	case SP_REGISTER_PASS:
		return table->pass;
	}
	return false;
}

bool sp_registers_valid(const struct sp_register_table *table) {
	const struct sp_register *registers = table->registers;

	if (table->filler != 0 && table->filler != 0xff)
		return false;
	for (uint32_t i = 0; i < table->count; i++)
		if (!register_valid(table, &registers[i]) ||
			(i &&
				registers[i].offset <
					registers[i - 1].offset + registers[i - 1].width))
			return false;
	return true;
}

void sp_registers_reset(const struct sp_register_table *table, uint64_t *values) {
	for (uint32_t i = 0; i < table->count; i++)
		values[i] = table->registers[i].reset;
}

/* The first register that ends after `offset`. */
static uint32_t search(const struct sp_register_table *table, uint64_t offset) {
	uint32_t low = 0, high = table->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct sp_register *reg = &table->registers[middle];

		if ((uint64_t)reg->offset + reg->width > offset)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

uint32_t sp_registers_index(const struct sp_register_table *table, uint64_t offset) {
	uint32_t index = search(table, offset);

	return index < table->count && table->registers[index].offset == offset ? index
										: UINT32_MAX;
}

static uint64_t get(const struct sp_register_table *table, const uint64_t *values, void *device,
	uint32_t index) {
	const struct sp_register *reg = &table->registers[index];

	switch (reg->kind) {
	case SP_REGISTER_VIRTUAL:
		return values[index];
	case SP_REGISTER_SCRUB:
		break;
	case SP_REGISTER_TRAP:
		return table->read(device, index);
	case SP_REGISTER_PASS:
		return (table->pass(device, index, false, 0) & reg->mask) |
			(reg->reset & ~reg->mask);
	}
	return reg->reset;
}

/* `bits`: those of the bytes that are written. */
static void set(const struct sp_register_table *table, uint64_t *values, void *device,
	uint32_t index, uint64_t value, uint64_t bits) {
	const struct sp_register *reg = &table->registers[index];
	uint64_t all = ones(reg->width), before, keep;

	switch (reg->kind) {
	case SP_REGISTER_VIRTUAL:
		before = values[index];
		keep = ~(reg->mask & bits) & ~(reg->clear & bits & value);
		values[index] = (before & keep) | (value & reg->mask & bits);
		if (reg->written)
			reg->written(device, index, before, values[index]);
		break;
	case SP_REGISTER_SCRUB:
		break;
	case SP_REGISTER_TRAP:
		if (bits != all)
			value = (value & bits) | (table->read(device, index) & all & ~bits);
		table->write(device, index, value);
		break;
	case SP_REGISTER_PASS:
		bits &= reg->mask;
		if (!bits)
			break;
		if (bits != all)
			value = (value & bits) |
				(table->pass(device, index, false, 0) & all & ~bits);
		table->pass(device, index, true, value);
		break;
	}
}

/* What an access and a register have in common: bytes [from, to) of the register. */
struct common {
	uint32_t from, to;
	uint64_t at; /* of `from` in the access */
};

static bool meets(
	const struct sp_register *reg, uint64_t offset, uint64_t end, struct common *common) {
	if (reg->offset >= end)
		return false;
	common->from = offset > reg->offset ? (uint32_t)(offset - reg->offset) : 0;
	common->to = end - reg->offset < reg->width ? (uint32_t)(end - reg->offset) : reg->width;
	common->at = reg->offset + common->from - offset;
	return true;
}

void sp_registers_read(const struct sp_register_table *table, const uint64_t *values, void *device,
	uint64_t offset, uint8_t *data, uint32_t size) {
	struct common common;

	memset(data, table->filler, size);
	if (offset >= table->size)
		return;
	for (uint32_t i = search(table, offset);
		i < table->count && meets(&table->registers[i], offset, offset + size, &common);
		i++) {
		uint64_t value = get(table, values, device, i);

		for (uint32_t byte = common.from; byte < common.to; byte++)
			data[common.at++] = (uint8_t)(value >> 8 * byte);
	}
}

void sp_registers_write(const struct sp_register_table *table, uint64_t *values, void *device,
	uint64_t offset, const uint8_t *data, uint32_t size) {
	struct common common;

	if (offset >= table->size)
		return;
	for (uint32_t i = search(table, offset);
		i < table->count && meets(&table->registers[i], offset, offset + size, &common);
		i++) {
		uint64_t value = 0, bits = 0;

		for (uint32_t byte = common.from; byte < common.to; byte++) {
			value |= (uint64_t)data[common.at++] << 8 * byte;
			bits |= 0xffull << 8 * byte;
		}
		set(table, values, device, i, value, bits);
	}
}

void sp_registers_save(const struct sp_register_table *table, const uint64_t *values,
	struct sp_state_writer *writer) {
	sp_state_put_u32(writer, table->count);
	for (uint32_t i = 0; i < table->count; i++)
		sp_state_put_u64(writer, values[i]);
}

void sp_registers_load(
	const struct sp_register_table *table, uint64_t *values, struct sp_state_reader *reader) {
	uint32_t count = sp_state_get_u32(reader);

	if (count > table->count) {
		sp_state_get_bytes(reader, SIZE_MAX);
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		const struct sp_register *reg = &table->registers[i];
		uint64_t value = sp_state_get_u64(reader), own = reg->mask | reg->clear;

		if (reg->kind == SP_REGISTER_VIRTUAL)
			values[i] = (values[i] & ~own) | (value & own);
	}
}
