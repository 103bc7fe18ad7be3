/* SPDX-License-Identifier: MIT */
#include "acpi/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SIGNATURE 4u
#define LENGTH 4u

bool sp_acpi_fail(
	const struct sp_acpi_span *span, struct sp_error *error, const char *format, ...) {
	char message[sizeof(error->message)];
	va_list args;

	va_start(args, format);
	if (vsnprintf(message, sizeof(message), format, args) < 0)
		message[0] = '\0';
	va_end(args);
	return sp_error_set(
		error, SP_ERROR_INPUT, "%s, offset 0x%x: %s", span->signature, span->at, message);
}

static bool has_signature(const uint8_t *data, const char *signature) {
	char hidden[SIGNATURE], older[SIGNATURE];

	memcpy(hidden, signature, SIGNATURE);
	hidden[0] = signature[3];
	hidden[3] = signature[0];
	memcpy(older, signature, SIGNATURE);
	older[0] = 'X';
	return !memcmp(data, signature, SIGNATURE) || !memcmp(data, hidden, SIGNATURE) ||
		!memcmp(data, older, SIGNATURE);
}

bool sp_acpi_check(
	const uint8_t *data, size_t size, const char *signature, struct sp_error *error) {
	uint32_t length;
	uint8_t sum = 0;

	if (size < SP_ACPI_HEADER)
		return sp_error_set(error, SP_ERROR_INPUT,
			"%s: the table is cut short: %zu bytes, and its header alone has %u",
			signature, size, SP_ACPI_HEADER);
	if (!has_signature(data, signature))
		return sp_error_set(error, SP_ERROR_INPUT,
			"%s, offset 0x0: the signature is another one", signature);
	length = sp_load_le32(data + LENGTH);
	if (length < SP_ACPI_HEADER || length > size)
		return sp_error_set(error, SP_ERROR_INPUT,
			"%s, offset 0x%x: the length is %u, and there are %zu bytes", signature,
			LENGTH, length, size);
	for (uint32_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + data[i]);
	if (sum)
		return sp_error_set(error, SP_ERROR_INPUT,
			"%s, offset 0x9: the checksum is wrong by 0x%02x", signature, sum);
	return true;
}

bool sp_acpi_open(struct sp_acpi_span *table, const uint8_t *data, size_t size,
	const char *signature, uint32_t least, struct sp_error *error) {
	if (!sp_acpi_check(data, size, signature, error))
		return false;
	*table = (struct sp_acpi_span){
		.signature = signature, .data = data, .size = sp_load_le32(data + LENGTH)};
	if (table->size < least)
		return sp_error_set(error, SP_ERROR_INPUT,
			"%s, offset 0x%x: the length is %u, and the fixed part alone has %u",
			signature, LENGTH, table->size, least);
	return true;
}

bool sp_acpi_take(struct sp_acpi_span *inner, const struct sp_acpi_span *outer, uint32_t at,
	uint32_t length, uint32_t least, const char *what, struct sp_error *error) {
	uint32_t room = at < outer->size ? outer->size - at : 0;

	*inner = *outer;
	inner->at = outer->at + at;
	inner->size = length;
	if (length < least)
		return sp_acpi_fail(
			inner, error, "%s has %u bytes, and %u is the least", what, length, least);
	if (length > room)
		return sp_acpi_fail(
			inner, error, "%s of %u bytes has %u bytes of room", what, length, room);
	inner->data = outer->data + at;
	return true;
}
