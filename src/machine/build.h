/* SPDX-License-Identifier: MIT */
#ifndef SP_MACHINE_BUILD_H
#define SP_MACHINE_BUILD_H

#include "machine/machine.h"

/* The steps of sp_machine_build(), in their order. Memory that runs out is the arena's to tell. */

#define BUILD_DEVICES "/sys/bus/pci/devices/"
#define BUILD_TABLES "/sys/firmware/acpi/tables/"

void build_kernel(struct sp_machine *machine);
void build_xen(struct sp_machine *machine);
bool build_functions(struct sp_machine *machine, struct sp_error *error);
void build_links(struct sp_machine *machine); /* bridges and physical functions */
void build_users(struct sp_machine *machine);
void build_tables(struct sp_machine *machine); /* of the firmware; who is translated */
void build_reserved(struct sp_machine *machine); /* what firmware claims of memory */
void build_missing(struct sp_machine *machine);

/* The function at the end of a scope's path; NULL if it is not there, or something else is meant.
 * A bridge stands for all that is behind it, and is noted in `bridges`, which has all functions. */
struct sp_function *build_scope(
	const struct sp_machine *machine, const struct sp_acpi_scope *scope, bool *bridges);

/* A record of a function: "BDF/NAME". NULL: there is none. */
const char *build_text(const struct sp_machine *machine, sp_bdf bdf, const char *name);
/* The last BDF among the components of a path; SP_BDF_NONE. With `before`, the one before it. */
sp_bdf build_path_bdf(const char *path, bool before);
/* True if `word` is one of the words of a text. */
bool build_has_word(const char *text, const char *word);
/* A decimal or 0x number, with nothing but white space behind it. */
bool build_number(const char *text, uint64_t *value);

/* Whether each function is among those that IVRS puts under this IOMMU, SP_BDF_NONE for any. The
 * arena's; NULL if no memory is left. */
const bool *build_in_charge(struct sp_machine *machine, sp_bdf iommu);

#endif
