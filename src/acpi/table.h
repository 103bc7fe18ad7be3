/* SPDX-License-Identifier: MIT */
#ifndef SP_ACPI_TABLE_H
#define SP_ACPI_TABLE_H

#include "acpi/acpi.h"
#include "base/bytes.h"

#define SP_ACPI_HEADER 36u /* bytes */

/* A table, or a structure of one. */
struct sp_acpi_span {
	const char *signature; /* for messages */
	const uint8_t *data;
	uint32_t size;
	uint32_t at; /* offset in the table */
};

/* Checks a table that has at least `least` bytes and leaves off what is behind it. */
bool sp_acpi_open(struct sp_acpi_span *table, const uint8_t *data, size_t size,
	const char *signature, uint32_t least, struct sp_error *error);

/*
 * Takes the structure of `length` bytes that begins `at` bytes into `outer`, at its end at most.
 * False if it is shorter than `least` or leaves `outer`; the message calls it `what`.
 */
bool sp_acpi_take(struct sp_acpi_span *inner, const struct sp_acpi_span *outer, uint32_t at,
	uint32_t length, uint32_t least, const char *what, struct sp_error *error);

/* A function by its segment and requester ID: bus << 8 | device << 3 | function. */
static inline sp_bdf sp_acpi_function(uint32_t segment, uint32_t requester) {
	return segment << 16 | requester;
}

/* "DMAR, offset 0x30: …". Returns false. */
bool sp_acpi_fail(const struct sp_acpi_span *span, struct sp_error *error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
