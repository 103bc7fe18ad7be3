/* SPDX-License-Identifier: MIT */
#ifndef SALLYPORT_REQUEST_H
#define SALLYPORT_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sallyport/error.h>
#include <sallyport/finding.h>
#include <sallyport/target.h>

/* What the user wants. Plain data; strings are borrowed unless a function says otherwise. */

const char *sp_mode_name(enum sp_mode mode); /* "xl", "dom0less", "direct" */
/* False for an unknown name. */
bool sp_mode_parse(const char *name, enum sp_mode *mode);

#define SP_GUEST_NAME_DEFAULT "guest"
#define SP_GUEST_NAME_MAX 63u /* bytes */
#define SP_GUEST_MEMORY_DEFAULT 512u /* MiB */
#define SP_MAX_STREAMS 256u /* stream IDs that a request gives to one guest */

/* --iommus NODE=CONTROLLER:ID[/MASK][,…] */
struct sp_request_stream {
	const char *device; /* path, alias or compatible of the device */
	const char *controller; /* path, alias, or label under /__symbols__ */
	uint32_t id;
	uint32_t mask;
	bool has_mask;
};

/* --bdf [DEVICE=]BUS:DEV.FN */
struct sp_request_bdf {
	const char *device; /* the host bridge; NULL if only one is given away */
	uint16_t bdf; /* bus << 8 | device << 3 | function */
};

/* --clock NAME=HZ: NAME is one of clock-names, or PATH:NAME, or PATH:INDEX */
struct sp_request_clock {
	const char *name;
	uint64_t hz;
};

/* --module KIND=ADDRESS+SIZE: where the boot loader puts a dom0less guest's module */
enum sp_module { SP_MODULE_KERNEL, SP_MODULE_RAMDISK, SP_MODULE_TREE, SP_MODULE_COUNT };
struct sp_request_module {
	bool set;
	uint64_t address, size; /* bytes; size 0 for the tree: its own */
};

struct sp_request_guest {
	const char *name;
	enum sp_mode mode;
	uint32_t memory; /* MiB */
	bool pci; /* the guest will have a virtual PCI bus */
	bool companions; /* --with-companions */
	bool hotplug;
	uint64_t static_memory; /* host address of a direct-mapped guest's memory; 0: choose one */
	const char *const *devices; /* paths, aliases or compatibles */
	uint32_t device_count;
	const struct sp_request_stream *streams;
	uint32_t stream_count;
	const struct sp_request_bdf *bdfs;
	uint32_t bdf_count;
	const struct sp_request_clock *clocks;
	uint32_t clock_count;
	struct sp_request_module modules[SP_MODULE_COUNT];
	/* The guest's own, which the plan only passes on; NULL: left for the user to fill in. */
	const char *kernel, *ramdisk; /* files, as dom0 or ImageBuilder finds them */
	const char *command_line; /* the kernel's */
};

struct sp_request {
	enum sp_target target;
	bool multi_iommu_masters; /* --xen-has multi-iommu-masters */
	bool keep_going; /* write all files in spite of errors */
	const struct sp_request_guest *guests;
	uint32_t guest_count;
};

/*
 * Readers for the values of the options above. Each writes into *out, which then borrows from
 * `text` (modified: separators become NUL). They return false with SP_ERROR_USE, naming the value;
 * *out is then unchanged.
 */
bool sp_request_parse_bdf(char *text, struct sp_request_bdf *out, struct sp_error *error);
/* HZ may end in k, M or G. */
bool sp_request_parse_clock(char *text, struct sp_request_clock *out, struct sp_error *error);
bool sp_request_parse_module(char *text, struct sp_request_guest *out, struct sp_error *error);
/* A number of MiB, or with a suffix M or G. */
bool sp_request_parse_memory(const char *text, uint32_t *mib, struct sp_error *error);
/* The host address of a direct-mapped guest's memory, a multiple of a page. */
bool sp_request_parse_address(const char *text, uint64_t *address, struct sp_error *error);
/*
 * Reads the streams of one option into `out`; *count says how many there are. ID may be a range,
 * FIRST-LAST. More than `capacity` is an error.
 */
bool sp_request_parse_streams(char *text, struct sp_request_stream *out, uint32_t capacity,
	uint32_t *count, struct sp_error *error);
/* --xen-has: something that the target's Xen has beyond its release. */
bool sp_request_parse_feature(const char *text, struct sp_request *out, struct sp_error *error);

/*
 * True for a name that a guest can have: letters, digits, '.', '_' and '-', beginning with a letter
 * or a digit, of at most SP_GUEST_NAME_MAX bytes. It can then serve as a file's name.
 */
bool sp_request_check_name(const char *name, struct sp_error *error);

/*
 * A plan file: several guests with their devices. The result owns its strings.
 * Errors name the file and the line.
 */
struct sp_plan_file;
bool sp_plan_file_load(struct sp_plan_file **file, const char *path, struct sp_error *error);
bool sp_plan_file_parse(struct sp_plan_file **file, const char *text, size_t size, const char *name,
	struct sp_error *error);
const struct sp_request *sp_plan_file_request(const struct sp_plan_file *file);
/* The host's tree that the file names, relative to the file's own folder; NULL if it names none. */
const char *sp_plan_file_host(const struct sp_plan_file *file);
void sp_plan_file_destroy(struct sp_plan_file *file); /* accepts NULL */

#endif
