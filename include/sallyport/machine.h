/* SPDX-License-Identifier: MIT */
#ifndef SALLYPORT_MACHINE_H
#define SALLYPORT_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sallyport/error.h>

/*
 * A machine with PCI: what /sys, the firmware's tables, the kernel and Xen tell of it. It is read
 * from the machine that this runs on, from a snapshot of another one, or from the output of
 * `lspci -vvxxxx`. A machine that is described by a device tree is a struct sp_host (plan.h).
 */
struct sp_machine;

/* The address of a function: segment << 16 | bus << 8 | device << 3 | function. */
typedef uint32_t sp_bdf;
#define SP_BDF_NONE UINT32_MAX
#define SP_BDF_SIZE 16u /* bytes for the text */

/* "0000:03:00.0" or "03:00.0", in hexadecimal. False for any other text. */
bool sp_bdf_parse(const char *text, sp_bdf *bdf);
/* "0000:03:00.0"; at least four digits of segment. */
void sp_bdf_format(char text[SP_BDF_SIZE], sp_bdf bdf);

enum sp_machine_source { SP_MACHINE_LIVE, SP_MACHINE_SNAPSHOT, SP_MACHINE_LSPCI };

/*
 * Reads the machine that this runs on. What may not be read by this user is missing from it, and
 * what depends on that is then not known. `root` stands before each path, NULL for none. Runs
 * `xl info` and `xl dmesg` if the machine runs Xen and there is no root.
 */
bool sp_machine_read(struct sp_machine **machine, const char *root, struct sp_error *error);
/* The same from a file: a snapshot or lspci's output. SP_ERROR_INPUT names the line. */
bool sp_machine_load(struct sp_machine **machine, const char *path, struct sp_error *error);
/* `name` is what messages call the bytes; it is copied, as is what is needed of `data`. */
bool sp_machine_parse(struct sp_machine **machine, const char *data, size_t size, const char *name,
	struct sp_error *error);
/* True if the bytes begin as a snapshot or as lspci's output does. */
bool sp_machine_recognise(const char *data, size_t size);
void sp_machine_destroy(struct sp_machine *machine); /* accepts NULL */

const char *sp_machine_name(const struct sp_machine *machine);
enum sp_machine_source sp_machine_source(const struct sp_machine *machine);
bool sp_machine_has(const struct sp_machine *machine, sp_bdf bdf);

/*
 * Collects what a report about this machine needs into one text (*data is malloc'ed). Serial
 * numbers, MAC addresses, UUIDs and the host's name are left out. docs/snapshot.md describes it.
 */
bool sp_machine_snapshot(const char *root, char **data, size_t *size, struct sp_error *error);

/* The same from a machine that was read, of what kind it be: lspci's output becomes a snapshot. */
bool sp_machine_write(
	const struct sp_machine *machine, char **data, size_t *size, struct sp_error *error);

/* What is there and could not be had, one sentence each; NULL for an index beyond the last. They
 * belong to the machine. */
const char *sp_machine_missing(const struct sp_machine *machine, uint32_t index);

/* The functions that could be given away. */
struct sp_machine_list_options {
	bool all; /* every function but bridges, not only GPUs with the functions of their slots */
	unsigned columns; /* terminal width for the table; 0: do not cut */
	bool colour;
};
bool sp_machine_table(const struct sp_machine *machine,
	const struct sp_machine_list_options *options, char **data, size_t *size,
	struct sp_error *error);
bool sp_machine_json(const struct sp_machine *machine,
	const struct sp_machine_list_options *options, char **data, size_t *size,
	struct sp_error *error);

#endif
