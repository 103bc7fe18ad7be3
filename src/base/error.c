/* SPDX-License-Identifier: MIT */
#include <sallyport/error.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool sp_error_set(struct sp_error *error, enum sp_error_kind kind, const char *format, ...) {
	/* The arguments may point into the old message. */
	char message[sizeof(error->message)];
	va_list args;

	va_start(args, format);
	if (vsnprintf(message, sizeof(message), format, args) < 0)
		message[0] = '\0';
	va_end(args);
	error->kind = kind;
	memcpy(error->message, message, sizeof(message));
	return false;
}

bool sp_error_memory(struct sp_error *error) {
	return sp_error_set(error, SP_ERROR_MEMORY, "out of memory");
}

bool sp_error_prefix(struct sp_error *error, const char *prefix) {
	char message[sizeof(error->message)];
	size_t head = strnlen(prefix, sizeof(message) - 3);
	size_t tail = strnlen(error->message, sizeof(error->message) - 1);

	memcpy(message, prefix, head);
	memcpy(message + head, ": ", 2);
	head += 2;
	if (tail > sizeof(message) - 1 - head)
		tail = sizeof(message) - 1 - head;
	memcpy(message + head, error->message, tail);
	message[head + tail] = '\0';
	memcpy(error->message, message, head + tail + 1);
	return false;
}
