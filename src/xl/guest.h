/* SPDX-License-Identifier: MIT */
#ifndef SP_XL_GUEST_H
#define SP_XL_GUEST_H

#include "base/arena.h"
#include "xl/config.h"

/* What a configuration says about devices of the host, and about what they could collide with. */

/* One entry of iomem: "START,COUNT[@GUEST]". */
struct sp_xl_iomem {
	uint64_t host, count, guest; /* frames of 4 KiB */
	uint32_t line;
};
struct sp_xl_irq {
	uint32_t number; /* the GIC's: SPI 0 is 32 */
	uint32_t line;
};
struct sp_xl_path {
	const char *path;
	uint32_t line;
};

/* A value that xl refuses, or takes for something else than it says. */
struct sp_xl_trouble {
	const char *setting;
	const char *message; /* one clause: "\"0x22\" is no decimal number" */
	uint32_t line;
	bool refused; /* xl ends; else it goes on without the value or with another */
};

enum sp_xl_passthrough {
	SP_XL_PASSTHROUGH_DEFAULT,
	SP_XL_PASSTHROUGH_DISABLED,
	SP_XL_PASSTHROUGH_ENABLED, /* "enabled", "share_pt" */
	SP_XL_PASSTHROUGH_SYNC /* "sync_pt", which Arm has not */
};

struct sp_xl_guest {
	struct sp_arena arena;
	const char *file; /* as errors call it */
	const char *name; /* the guest's; NULL: not set, and wanted on xl's command line */
	uint32_t name_line;
	bool name_refused; /* it is told as a trouble */
	uint64_t memory, maxmem; /* MiB, with xl's defaults where they are not set */
	uint32_t cpus; /* vcpus or maxvcpus, whichever is more */
	uint32_t pool; /* MiB: shadow_memory; 0: not set */
	SP_VEC(struct sp_xl_iomem) iomem;
	SP_VEC(struct sp_xl_irq) irqs;
	SP_VEC(struct sp_xl_path) dtdev;
	struct sp_xl_path device_tree; /* path NULL if not set */
	struct sp_xl_path pci; /* path is the first entry's text; NULL if there is none */
	SP_VEC(struct sp_xl_path) functions; /* the texts of all entries of pci */
	bool pci_permissive, pci_msitranslate, pci_power_mgmt; /* for entries that do not say */
	enum sp_xl_passthrough passthrough;
	uint32_t passthrough_line;
	uint32_t nr_spis, nr_spis_line; /* line 0: not set */
	uint32_t vuart_line; /* vuart = "sbsa_uart"; 0: not set */
	uint32_t virtio_line; /* the first virtio device or disk; 0: there is none */
	SP_VEC(struct sp_xl_trouble) troubles;
};

/*
 * Reads the settings. What xl would refuse becomes a trouble, not an error; the only error is
 * SP_ERROR_MEMORY. A value with a trouble is left out, unless xl goes on with another, which is
 * then what stands here. Entries of pci, virtio and disk are not checked. The configuration need
 * not outlive the guest.
 */
bool sp_xl_guest_create(
	struct sp_xl_guest **guest, const struct sp_xl_config *config, struct sp_error *error);
void sp_xl_guest_destroy(struct sp_xl_guest *guest); /* accepts NULL */

#endif
