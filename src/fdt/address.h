/* SPDX-License-Identifier: MIT */
#ifndef SP_FDT_ADDRESS_H
#define SP_FDT_ADDRESS_H

#include <sallyport/tree.h>

#include "base/arena.h"

enum sp_address_state {
	SP_ADDRESS_OK,
	SP_ADDRESS_NOT_MAPPED, /* the bus has no ranges or counts no sizes: I2C, SPI, CPUs, …; or
				  the address is in PCI's configuration space */
	SP_ADDRESS_NO_RANGE, /* no entry of some bus's ranges covers the start */
	SP_ADDRESS_STRADDLES, /* starts in one entry and ends outside of it, not contiguously */
	SP_ADDRESS_OVERFLOWS, /* address and size wrap around 2^64, or a bus that counts one
				 address cell would have to hold more than 32 bits */
	SP_ADDRESS_BAD_CELLS, /* cells that no 64-bit address can have, reg or ranges is cut short,
				 or the entries of ranges on the way are too many */
};

/* One register block of a node, translated to the CPU's view. */
struct sp_reg {
	enum sp_address_state state;
	sp_node bus; /* where translation stopped, SP_NODE_NONE for SP_ADDRESS_OK */
	uint64_t bus_address; /* as written */
	uint64_t address; /* physical, valid for SP_ADDRESS_OK */
	uint64_t size; /* bytes; may be 0 */
};

/*
 * How many entries the node's reg has; 0 without reg or with a cut-short one (*whole is false).
 * The root's reg is on no bus and has none.
 */
uint32_t sp_reg_count(const struct sp_tree *tree, sp_node node, bool *whole);

/* Entry `index`; SP_ADDRESS_BAD_CELLS if there is none. */
void sp_reg_get(const struct sp_tree *tree, sp_node node, uint32_t index, struct sp_reg *reg);

/*
 * Translates `address`, which is on the bus `bus` (as its children write it), upwards to the root.
 * Where the bus counts three address cells `space` is the first one (PCI's phys.hi), else 0.
 */
void sp_address_translate(const struct sp_tree *tree, sp_node bus, uint32_t space, uint64_t address,
	uint64_t size, struct sp_reg *reg);

/* One window of a bus's ranges (or dma-ranges). */
struct sp_window {
	uint32_t space; /* the first of three address cells (PCI's phys.hi), else 0 */
	uint64_t child; /* address on the bus */
	uint64_t size;
	struct sp_reg parent; /* translated to the CPU's view (for dma-ranges: as written) */
};

/* How many windows; 0 if `name` is missing, empty or malformed (*state tells which). */
enum sp_windows_state { SP_WINDOWS_MISSING, SP_WINDOWS_IDENTITY, SP_WINDOWS_LIST, SP_WINDOWS_BAD };
enum sp_windows_state sp_window_count(
	const struct sp_tree *tree, sp_node bus, const char *name, uint32_t *count);
void sp_window_get(const struct sp_tree *tree, sp_node bus, const char *name, uint32_t index,
	struct sp_window *window);

/* True for a node whose children have PCI addresses (device_type "pci" or 3 address cells and a
 * bus-range). */
bool sp_is_pci_bus(const struct sp_tree *tree, sp_node node);

#endif
