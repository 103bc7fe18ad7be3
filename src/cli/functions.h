/* SPDX-License-Identifier: MIT */
#ifndef SP_CLI_FUNCTIONS_H
#define SP_CLI_FUNCTIONS_H

#include <sallyport/machine.h>

/*
 * PCI functions as people write them: "0000:03:00.0" or "03:00.0"; "03:00" and "03:00.*" stand for
 * all functions of the slot: *function is then number 0 of them. False for any other text.
 */
bool cli_read_function(const char *text, sp_bdf *function, bool *slot);
/* True for what can only be meant as one, right or wrong: digits and colons. */
bool cli_is_like_function(const char *text);

#endif
