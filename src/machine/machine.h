/* SPDX-License-Identifier: MIT */
#ifndef SP_MACHINE_MACHINE_H
#define SP_MACHINE_MACHINE_H

#include <sallyport/machine.h>

#include "acpi/acpi.h"
#include "base/arena.h"
#include "machine/files.h"
#include "pci/config.h"

/* A value that may not be known: nobody was asked, or the one who asked might not know. */
enum sp_known { SP_UNKNOWN, SP_NO, SP_YES };

#define SP_RESETS_MAX 8u

struct sp_function {
	sp_bdf bdf;
	struct sp_pci_config config; /* with sizes of BARs and of the ROM where they are known */
	const char
		*name; /* "Advanced Micro Devices … Navi 31", NULL if no list of names is there */
	const char *driver; /* NULL: none */
	enum sp_known assignable; /* held by pciback, or by vfio-pci: free to be given away */
	bool gpu; /* it is one, or another function of the slot is */
	bool boot_display;
	enum sp_known rom_readable; /* the kernel offers its ROM; nobody has read it */
	int32_t irq; /* the kernel's number; 0: it has given none; -1: not known */
	int32_t gsi; /* what `gsi` gave; -1: not known */
	const char *gsi_error; /* the name of an errno: ENOENT, ENOTTY, ENODEV…; NULL */
	bool resets_known;
	const char *resets[SP_RESETS_MAX]; /* flr, bus, pm, device_specific, af_flr, acpi … */
	uint32_t reset_count;
	int32_t group; /* IOMMU group; -1: not known or none */
	int32_t numa; /* node; -1: none or not known */
	uint32_t dma_bits; /* dma_mask_bits, 0: not known */
	uint64_t vf_sizes[SP_PCI_BARS]; /* bytes of each VF's BAR, 0: none or not known */
	struct sp_function *physical; /* of a virtual function */
	struct sp_function *bridge; /* that it is behind; NULL on a root bus; never a circle */
	bool has_users; /* something of the host uses it: see `user` */
	const char *user; /* "console", "mounted at /", "network enp3s0 is up"; NULL */
	bool network_user; /* it is a network interface, which can be taken down */
	/* Ranges of memory that firmware claims for it: RMRR, or IVMD's unity maps. An RMRR that
	 * Xen's log alone tells of may have no range: base and limit are 0. */
	SP_VEC(const struct sp_dmar_rmrr *) rmrrs;
	SP_VEC(const struct sp_ivrs_memory *) unity;
	enum sp_known translated; /* some IOMMU of the firmware's tables is in charge of it */
	const struct sp_vfct_image *vfct;
};

/* A line of /proc/iomem that matters: RAM, PCI windows. */
struct sp_window {
	uint64_t first, last;
	bool ram;
};

enum sp_dom0_kind {
	SP_DOM0_UNKNOWN,
	SP_DOM0_NONE /* Xen does not run */,
	SP_DOM0_IS_PV,
	SP_DOM0_IS_PVH,
	SP_DOM0_IS_GUEST /* an ordinary guest of Xen */
};

struct sp_xen_facts {
	enum sp_dom0_kind dom0;
	bool release_known;
	uint32_t major, minor;
	const char *version; /* "4.20.3", "4.20.3-pre (Debian …)" */
	const char *command_line; /* NULL: not known */
	enum sp_known hvm, hap, hvm_directio, pv,
		iommu; /* virt_caps; "I/O virtualisation enabled" */
	enum sp_known interrupt_remapping;
	enum sp_known ats;
	const char *log; /* xl dmesg, NULL: not known */
	const char *qemu; /* version of the device model: "10.0.2"; NULL: not known */
	uint32_t free_mib; /* free_memory of xl info */
	bool free_known;
};

struct sp_kernel_facts {
	const char *release; /* "6.12.94+deb13-amd64"; NULL: not known */
	uint32_t major, minor;
	const char *command_line; /* NULL: not known */
	bool has_config; /* the kernel's configuration is known */
	enum sp_known gsi_call; /* IOCTL_PRIVCMD_PCIDEV_GET_GSI: by calling it */
	enum sp_known efi; /* booted by UEFI */
	enum sp_known secure_boot;
	enum sp_known unsafe_interrupts; /* vfio may do without interrupt remapping */
};

struct sp_machine {
	struct sp_arena arena;
	enum sp_machine_source source;
	const char *name;
	struct sp_files files;
	struct sp_function *functions; /* sorted by address */
	uint32_t function_count;
	bool groups_known; /* the kernel has made IOMMU groups, or it is known that it has none */
	enum sp_known firmware_iommu; /* DMAR or IVRS is there */
	bool has_dmar, has_ivrs, has_vfct;
	struct sp_dmar dmar;
	struct sp_ivrs ivrs;
	struct sp_vfct vfct;
	const char *table_error; /* a table that cannot be read, and why; NULL */
	SP_VEC(struct sp_window) windows;
	uint64_t ram_below_4g, ram; /* bytes; 0: not known */
	const char *cpu; /* "GenuineIntel", "AuthenticAMD"; NULL */
	struct sp_xen_facts xen;
	struct sp_kernel_facts kernel;
	SP_VEC(const char *) missing; /* sp_machine_missing() */
};

struct sp_function *sp_machine_find(const struct sp_machine *machine, sp_bdf bdf); /* or NULL */
/* Those of its slot, itself included: they are neighbours in the array. */
struct sp_function *sp_machine_slot(
	const struct sp_machine *machine, const struct sp_function *function, uint32_t *count);
/* 'y', 'm' or 'n' for "CONFIG_XEN_PVH"; '?' if the configuration is not known. */
char sp_machine_config(const struct sp_machine *machine, const char *option);
/*
 * The next such word of a command line, "iommu=verbose": its value, "" for a word without one, NULL
 * if there is none. *line, which may be NULL, moves behind it; blanks in double quotes end no word.
 * `size` gets the value's length.
 */
const char *sp_command_line_next(const char **line, const char *word, size_t *size);
/* The last of them, which is the one that counts. */
const char *sp_command_line_word(const char *line, const char *word, size_t *size);
bool sp_function_has_reset(const struct sp_function *function, const char *method);
/* A GPU, or another function of a GPU's slot. */
bool sp_function_is_gpu(const struct sp_function *function);

/* The ports above it keep it from other devices: each has the services of ACS on. */
enum sp_known sp_function_isolated(const struct sp_function *function);
/* No bridge, so that it could be given away. */
bool sp_function_is_endpoint(const struct sp_function *function);

/* Reads `machine->files`, which are sorted, into the rest. */
bool sp_machine_build(struct sp_machine *machine, struct sp_error *error);

#endif
