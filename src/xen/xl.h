/* SPDX-License-Identifier: MIT */
#ifndef SP_XEN_XL_H
#define SP_XEN_XL_H

#include <stdint.h>

/*
 * Runs `xl destroy`, which takes down what dom0 does for the guest, too. xl is looked for in PATH,
 * and then in the folders, whose list ends with NULL. What it prints goes to standard error.
 * ENOENT: there is none; EIO: it failed; ETIMEDOUT: it is still at work after so many milliseconds.
 */
int xl_destroy(uint32_t id, const char *const *folders, unsigned milliseconds);

#endif
