/* SPDX-License-Identifier: MIT */
#ifndef SALLYPORT_STATE_H
#define SALLYPORT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sallyport/error.h>

/*
 * The state of a device as chunks: each has a tag of four letters, a version, and bytes, in which
 * numbers are little-endian. A reader skips chunks whose tag it does not know, and refuses a
 * version that is newer than its own. The bytes that are read are untrusted.
 */
struct sp_state_writer;
struct sp_state_reader;

#define SP_STATE_TAG(a, b, c, d) \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

struct sp_state_writer *sp_state_writer_create(void); /* NULL: no memory */
void sp_state_writer_destroy(struct sp_state_writer *writer); /* accepts NULL */
/* To write another one into the same memory. */
void sp_state_writer_clear(struct sp_state_writer *writer);
/* Chunks do not nest. What is put between begin and end is the chunk's. */
void sp_state_begin(struct sp_state_writer *writer, uint32_t tag, uint16_t version);
void sp_state_end(struct sp_state_writer *writer);
void sp_state_put_u8(struct sp_state_writer *writer, uint8_t value);
void sp_state_put_u16(struct sp_state_writer *writer, uint16_t value);
void sp_state_put_u32(struct sp_state_writer *writer, uint32_t value);
void sp_state_put_u64(struct sp_state_writer *writer, uint64_t value);
void sp_state_put_bytes(struct sp_state_writer *writer, const void *data, size_t size);
/* All that was written, the writer's; NULL with SP_ERROR_MEMORY if something was lost. */
const uint8_t *sp_state_data(
	const struct sp_state_writer *writer, size_t *size, struct sp_error *error);

/* `data` is borrowed. SP_ERROR_INPUT if it is no state, or is cut. */
struct sp_state_reader *sp_state_reader_create(
	const uint8_t *data, size_t size, struct sp_error *error);
void sp_state_reader_destroy(struct sp_state_reader *reader); /* accepts NULL */
/* The chunk of that tag. False with SP_ERROR_INPUT if there is none or it is newer than `newest`.
 */
bool sp_state_find(struct sp_state_reader *reader, uint32_t tag, uint16_t newest, uint16_t *version,
	struct sp_error *error);
/* From the chunk that was found; 0 and a mark beyond its end. */
uint8_t sp_state_get_u8(struct sp_state_reader *reader);
uint16_t sp_state_get_u16(struct sp_state_reader *reader);
uint32_t sp_state_get_u32(struct sp_state_reader *reader);
uint64_t sp_state_get_u64(struct sp_state_reader *reader);
const uint8_t *sp_state_get_bytes(struct sp_state_reader *reader, size_t size); /* NULL: short */
/* True if the chunk was read to its end and not beyond; else SP_ERROR_INPUT. */
bool sp_state_check(struct sp_state_reader *reader, struct sp_error *error);

#endif
