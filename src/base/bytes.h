/* SPDX-License-Identifier: MIT */
#ifndef SP_BASE_BYTES_H
#define SP_BASE_BYTES_H

#include <stdint.h>

/* Big-endian 32-bit numbers, as device trees have them, at any address. */
static inline uint32_t sp_load_be32(const uint8_t *bytes) {
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
		(uint32_t)bytes[3];
}

static inline void sp_store_be32(uint8_t *bytes, uint32_t value) {
	bytes[0] = (uint8_t)(value >> 24);
	bytes[1] = (uint8_t)(value >> 16);
	bytes[2] = (uint8_t)(value >> 8);
	bytes[3] = (uint8_t)value;
}

/* Little-endian ones, as PCI and ACPI have them. */
static inline uint16_t sp_load_le16(const uint8_t *bytes) {
	return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline uint32_t sp_load_le32(const uint8_t *bytes) {
	return (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 |
		(uint32_t)bytes[0];
}

static inline uint64_t sp_load_le64(const uint8_t *bytes) {
	return (uint64_t)sp_load_le32(bytes + 4) << 32 | sp_load_le32(bytes);
}

static inline void sp_store_le16(uint8_t *bytes, uint16_t value) {
	bytes[0] = (uint8_t)value;
	bytes[1] = (uint8_t)(value >> 8);
}

static inline void sp_store_le32(uint8_t *bytes, uint32_t value) {
	sp_store_le16(bytes, (uint16_t)value);
	sp_store_le16(bytes + 2, (uint16_t)(value >> 16));
}

#endif
