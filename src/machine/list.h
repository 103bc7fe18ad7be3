/* SPDX-License-Identifier: MIT */
#ifndef SP_MACHINE_LIST_H
#define SP_MACHINE_LIST_H

#include "machine/machine.h"

/* What the table and the JSON have in common. */

/* True if the function is listed with these options. */
bool list_has(const struct sp_function *function, const struct sp_machine_list_options *options);

#endif
