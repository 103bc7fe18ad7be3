/* SPDX-License-Identifier: MIT */
#ifndef SP_PCI_CONFIG_H
#define SP_PCI_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sallyport/error.h>

/*
 * What a function's configuration space says: PCI Local Bus 3.0 chapter 6, PCI Express Base 5.0
 * chapter 7. The bytes are untrusted: lists of capabilities may loop, leave the space or overlap.
 */

#define SP_PCI_CONFIG_MIN 64u /* all that one who is not root may read */
#define SP_PCI_CONFIG_PCI 256u
#define SP_PCI_CONFIG_MAX 4096u

#define SP_PCI_BARS 6u

enum sp_pci_header {
	SP_PCI_HEADER_NORMAL,
	SP_PCI_HEADER_BRIDGE,
	SP_PCI_HEADER_CARDBUS,
	SP_PCI_HEADER_UNKNOWN, /* broken: no more than IDs, class, command and status is read */
};

/* PCI Express Capabilities, device/port type. Other values up to 15 are reserved and are kept. */
enum sp_pcie_type {
	SP_PCIE_NONE = -1, /* conventional PCI */
	SP_PCIE_ENDPOINT = 0,
	SP_PCIE_LEGACY_ENDPOINT = 1,
	SP_PCIE_ROOT_PORT = 4,
	SP_PCIE_UPSTREAM = 5,
	SP_PCIE_DOWNSTREAM = 6,
	SP_PCIE_TO_PCI = 7,
	SP_PCI_TO_PCIE = 8,
	SP_PCIE_INTEGRATED = 9,
	SP_PCIE_EVENT_COLLECTOR = 10,
};

/* A register block. The registers tell no size: it is 0 until somebody who knows it fills it in. */
struct sp_bar {
	uint64_t address; /* bytes; 0: not placed */
	uint64_t size; /* bytes; 0: not there, or not known */
	bool present; /* the register is not empty */
	bool io, wide /* 64 bits: takes the next register too */, prefetch;
};

struct sp_rebar {
	uint8_t bar; /* index */
	uint8_t current; /* the size is 1 MiB << current */
	uint64_t sizes; /* bit n: 1 MiB << n is supported */
};

struct sp_sriov {
	uint16_t total, initial, enabled; /* virtual functions; none are enabled unless `on` */
	uint16_t offset, stride; /* of their addresses */
	uint16_t device; /* their device ID */
	bool on;
	struct sp_bar bars[SP_PCI_BARS];
};

struct sp_msix {
	uint16_t vectors;
	bool on;
	uint8_t table_bar, pba_bar; /* indices; above 5: broken */
	uint32_t table_offset, pba_offset; /* bytes */
};

struct sp_acs {
	uint16_t able, on; /* bits of the capability and control registers */
};
#define SP_ACS_SV 0x01u /* source validation */
#define SP_ACS_RR 0x04u /* request redirect */
#define SP_ACS_CR 0x08u /* completion redirect */
#define SP_ACS_UF 0x10u /* upstream forwarding */

struct sp_pci_config {
	uint32_t known; /* bytes that were read: 64, 256, 4096 or between */
	/*
	 * Vendor and device read 0xffff, as they do in a virtual function's own space; its BARs are
	 * 0 there, too. The IDs are in /sys (vendor, device) or follow from the physical function:
	 * its vendor, and the device and BARs of its struct sp_sriov.
	 */
	bool ids_absent;
	uint16_t vendor, device, subvendor, subdevice;
	uint32_t class; /* base << 16 | sub << 8 | interface */
	uint8_t revision;
	uint16_t command, status;
	enum sp_pci_header header;
	bool multifunction;
	struct sp_bar bars[SP_PCI_BARS]; /* of a bridge: two */
	struct sp_bar rom; /* `present` also while it is switched off */
	uint8_t pin; /* 0: none; 1 to 4: INTA to INTD */
	uint8_t line;

	/* Of a bridge. */
	uint8_t primary, secondary, subordinate;

	/*
	 * Capabilities. All false or 0 if `known` does not reach so far. Of two of a kind the first
	 * counts.
	 */
	bool has_caps; /* the list was read, or there is none */
	bool has_extended; /* the same of extended ones; only PCI Express functions have them */
	/* A list loops or leaves the space, and what came before is kept; or a register holds what
	 * is reserved. */
	bool broken;
	bool has_msi, msi_on, msi_wide, msi_maskable;
	uint16_t msi_vectors;
	bool has_msix;
	struct sp_msix msix;
	enum sp_pcie_type pcie;
	bool flr; /* function-level reset, by PCI Express or Advanced Features */
	bool has_pm, pm_reset; /* D3hot to D0 resets: No_Soft_Reset is 0 */
	uint8_t power; /* the state it is in: 0 to 3 for D0 to D3hot */
	bool has_acs;
	struct sp_acs acs;
	bool has_sriov;
	struct sp_sriov sriov;
	struct sp_rebar rebar[SP_PCI_BARS];
	uint8_t rebar_count;
	bool has_ats, has_pasid, has_ari, has_serial;
	uint16_t serial_at; /* offset of the Device Serial Number capability */
	uint16_t vpd_at; /* offset of the Vital Product Data capability, 0: none */
};

/*
 * Reads `size` bytes. False with SP_ERROR_INPUT if there are fewer than 64 or all of the IDs, the
 * command and the status are ones (nobody answers: the device is switched off or has fallen off the
 * bus, and the message says so).
 */
bool sp_pci_config_read(
	struct sp_pci_config *config, const uint8_t *data, size_t size, struct sp_error *error);

/* "VGA compatible controller", of class codes that matter here and of all base classes; "class
 * 0x0b4000" for others is written by the caller, who gets NULL. */
const char *sp_pci_class_name(uint32_t class);
bool sp_pci_class_is_gpu(uint32_t class); /* display controllers, and processing accelerators */
const char *sp_pcie_type_name(enum sp_pcie_type type); /* "endpoint", "conventional PCI" */

#endif
