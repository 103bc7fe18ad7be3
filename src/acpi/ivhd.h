/* SPDX-License-Identifier: MIT */
#ifndef SP_ACPI_IVHD_H
#define SP_ACPI_IVHD_H

#include "acpi/table.h"

/* Reads the device entries of an IVHD, which begin at byte `at` of it, into the unit's ranges. */
bool sp_ivhd_read(struct sp_ivrs_unit *unit, struct sp_arena *arena,
	const struct sp_acpi_span *block, uint32_t at, struct sp_error *error);

#endif
