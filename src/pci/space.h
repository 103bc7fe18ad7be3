/* SPDX-License-Identifier: MIT */
#ifndef SP_PCI_SPACE_H
#define SP_PCI_SPACE_H

#include "base/bytes.h"
#include "pci/config.h"

/* The bytes of a configuration space, and what is made of them. */
struct sp_pci_space {
	const uint8_t *data;
	uint32_t size; /* at most SP_PCI_CONFIG_MAX */
	struct sp_pci_config *config;
};

/* Beyond the bytes all is ones, as on a bus where nobody answers. */
static inline uint8_t sp_pci_get8(const struct sp_pci_space *space, uint32_t at) {
	return at < space->size ? space->data[at] : UINT8_MAX;
}
static inline uint16_t sp_pci_get16(const struct sp_pci_space *space, uint32_t at) {
	return space->size >= 2 && at <= space->size - 2 ? sp_load_le16(space->data + at)
							 : UINT16_MAX;
}
static inline uint32_t sp_pci_get32(const struct sp_pci_space *space, uint32_t at) {
	return space->size >= 4 && at <= space->size - 4 ? sp_load_le32(space->data + at)
							 : UINT32_MAX;
}

/* Reads `count` base address registers. */
void sp_pci_read_bars(struct sp_pci_space *space, uint32_t at, unsigned count, struct sp_bar *bars);

/* How the walk along a list ended. */
enum sp_pci_walk {
	SP_PCI_WALK_DONE,
	SP_PCI_WALK_CUT, /* it goes on beyond the bytes that are known */
	SP_PCI_WALK_BROKEN,
};

/* A kind of capability: the bytes that it has at least, and its reader, which is false if a
 * register holds what is reserved. Where the registers tell how many bytes they are, `measure`
 * does. */
struct sp_pci_cap {
	uint16_t id;
	uint16_t size;
	bool (*read)(struct sp_pci_space *space, uint32_t at);
	uint32_t (*measure)(const struct sp_pci_space *space, uint32_t at);
};

/* A list of capabilities lies between `begin` and `end`. */
struct sp_pci_list {
	uint32_t begin, end;
	bool extended; /* headers of four bytes */
	const struct sp_pci_cap *kinds; /* 32 at most */
	unsigned kind_count;
};

enum sp_pci_walk sp_pci_walk(
	struct sp_pci_space *space, const struct sp_pci_list *list, uint32_t at);

/* The two lists. They fill in what struct sp_pci_config has under "Capabilities". */
void sp_pci_read_caps(struct sp_pci_space *space);
void sp_pci_read_extended(struct sp_pci_space *space);

#endif
