/* SPDX-License-Identifier: MIT */
#ifndef SP_HOST_HOST_H
#define SP_HOST_HOST_H

#include <sallyport/plan.h>

#include "base/arena.h"
#include "base/interval.h"
#include "fdt/address.h"
#include "fdt/cells.h"
#include "fdt/interrupt.h"

#define SP_PAGE_SHIFT 12
#define SP_PAGE_SIZE (UINT64_C(1) << SP_PAGE_SHIFT)

/* What a device is, as far as its names tell. */
enum sp_kind {
	SP_KIND_OTHER,
	SP_KIND_GPU,
	SP_KIND_DISPLAY,
	SP_KIND_PCI_HOST,
	SP_KIND_NETWORK,
	SP_KIND_STORAGE,
	SP_KIND_USB,
	SP_KIND_VIDEO,
	SP_KIND_DMA,
	SP_KIND_SERIAL,
	SP_KIND_GPIO,
	SP_KIND_I2C,
	SP_KIND_SPI,
	SP_KIND_RTC,
	SP_KIND_TIMER,
	SP_KIND_PHY,
	SP_KIND_SIMPLE, /* PWM, watchdog, thermal sensor, ADC, …: no DMA */
	SP_KIND_PLUMBING, /* clocks, resets, power, pins, syscons: the host's own */
	SP_KIND_IOMMU,
	SP_KIND_INTERRUPT_CONTROLLER,
	SP_KIND_BUS, /* a node with ranges and no work of its own */
	SP_KIND_COUNT
};

enum sp_dma { SP_DMA_NEVER, SP_DMA_PERHAPS, SP_DMA_MASTER };

/* Where a stream ID comes from. */
enum sp_origin { SP_ORIGIN_IOMMUS, SP_ORIGIN_MAP, SP_ORIGIN_MMU_MASTERS, SP_ORIGIN_USER };

struct sp_stream {
	sp_node iommu;
	uint32_t count; /* cells */
	uint32_t args[4];
	enum sp_origin origin;
};

/* A node with registers, interrupts or stream IDs. */
struct sp_device {
	sp_node node;
	enum sp_kind kind;
	enum sp_dma dma;
	uint32_t reg, reg_count; /* in host->regs */
	uint32_t irq, irq_count; /* in host->irqs */
	uint32_t stream, stream_count; /* in host->streams */
	const char *stream_trouble; /* why its stream IDs cannot be read, NULL */
	bool iommu_map; /* a host bridge whose functions have stream IDs */
	bool legacy_masters; /* named by an IOMMU's mmu-masters */
};

/* Who owns what, sorted, for questions of sharing. */
struct sp_page_owner {
	uint64_t start, end; /* frames, [start, end) */
	uint64_t highest_end; /* of this and all before it */
	uint32_t device;
};
struct sp_irq_owner {
	uint32_t number, type, device;
};
struct sp_stream_owner {
	sp_node iommu;
	uint32_t id, mask, device;
};

/* An enabled node that depends on another one. */
struct sp_user {
	sp_node node;
	const char *property;
	uint32_t next; /* one more than the index of the next for the same provider; 0: none */
};

struct sp_host {
	struct sp_arena arena;
	const struct sp_tree *tree;
	const char *name;
	const char *model; /* "" if the tree has none */
	sp_node gic; /* SP_NODE_NONE */
	unsigned gic_version;
	sp_node console; /* what stdout-path names, SP_NODE_NONE */
	SP_VEC(struct sp_device) devices; /* in the order of the tree */
	uint32_t *device_of; /* by node; UINT32_MAX */
	SP_VEC(struct sp_reg) regs;
	struct sp_irqs irqs;
	SP_VEC(struct sp_stream) streams;
	SP_VEC(struct sp_page_owner) page_owners;
	SP_VEC(struct sp_irq_owner) irq_owners;
	SP_VEC(struct sp_stream_owner) stream_owners;
	SP_VEC(struct sp_user) users;
	uint32_t *first_user; /* by provider; as sp_user.next */
	struct sp_intervals memory; /* bytes: /memory nodes, where they say something */
	struct sp_intervals reserved; /* bytes: /reserved-memory and the reservation block */
};

const struct sp_device *sp_host_device(const struct sp_host *host, sp_node node); /* or NULL */

/* The device that a request names by path, alias, label or compatible; SP_NODE_NONE and an error
 * otherwise. */
sp_node sp_host_find(const struct sp_host *host, const char *name, struct sp_error *error);
/* An IOMMU by path, alias, or label under /__symbols__. */
sp_node sp_host_find_iommu(const struct sp_host *host, const char *name, struct sp_error *error);

/* First owner whose interval may overlap [start, end) frames, to be stepped through while
 * owner->start < end; see sp_page_owner. Index into page_owners; its count if none. */
uint32_t sp_host_pages_from(const struct sp_host *host, uint64_t start);
uint32_t sp_host_irqs_from(const struct sp_host *host, uint32_t number);

enum sp_kind sp_kind_of(const struct sp_tree *tree, sp_node node);
enum sp_dma sp_kind_dma(enum sp_kind kind);
const char *sp_kind_name(enum sp_kind kind);

#endif
