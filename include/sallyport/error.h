/* SPDX-License-Identifier: MIT */
#ifndef SALLYPORT_ERROR_H
#define SALLYPORT_ERROR_H

#include <stdbool.h>

/*
 * What went wrong, in words for the user.
 *
 * Functions that can fail take a `struct sp_error *` as their last argument, which must not be
 * NULL, and return false (or NULL) after they have filled it in. The message names the thing at
 * fault ("/soc/gpu@fd000000: reg is cut short") without a newline and without the program's name.
 */
enum sp_error_kind {
	SP_ERROR_NONE,
	SP_ERROR_USE, /* the request cannot be understood: an unknown option, a bad number */
	SP_ERROR_INPUT, /* a file that was read is malformed or contradictory */
	SP_ERROR_SYSTEM, /* the operating system refused: no such file, disk full */
	SP_ERROR_MEMORY, /* no memory was left */
};

struct sp_error {
	enum sp_error_kind kind;
	char message[480];
};

/* Fills in *error; a longer message is cut. Returns false, so that callers can `return` it. */
bool sp_error_set(struct sp_error *error, enum sp_error_kind kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same for allocation failure, which has one message. Returns false. */
bool sp_error_memory(struct sp_error *error);

/* Puts "prefix: " before the message that *error already holds. Returns false. */
bool sp_error_prefix(struct sp_error *error, const char *prefix);

#endif
