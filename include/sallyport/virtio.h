/* SPDX-License-Identifier: MIT */
#ifndef SALLYPORT_VIRTIO_H
#define SALLYPORT_VIRTIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sallyport/device.h>

/*
 * A virtio device apart from the way on which its driver reaches it (Virtual I/O Device 1.3): what
 * it is, what it does with a chain of buffers, its configuration. All else is the core's: rings of
 * both formats, indirect descriptors, event suppression, negotiation, interrupts. The core is bound
 * to a function of PCI (sp_virtio_pci_create()); MMIO and vhost-user may follow, and a device does
 * not see the difference.
 *
 *	binding ──► core ──► struct sp_virtio_ops: chains, configuration, features, reset, state
 *	device  ──► core:    chains that are done, configuration that changed, "I am broken"
 *
 * As with sp_device, all calls come from one thread and none blocks. What a driver chose has passed
 * the bounds that are told here, and nothing else may be taken for granted.
 */
struct sp_virtio;

#define SP_VIRTIO_QUEUES_MAX 64u
#define SP_VIRTIO_QUEUE_MAX 1024u /* entries */

/* Feature bits that are the core's (6): it offers them, and devices need not know of them. */
enum {
	SP_VIRTIO_INDIRECT_DESC = 28,
	SP_VIRTIO_EVENT_IDX = 29,
	SP_VIRTIO_VERSION_1 = 32,
	SP_VIRTIO_ACCESS_PLATFORM = 33,
	SP_VIRTIO_RING_PACKED = 34,
	SP_VIRTIO_RING_RESET = 40,
};

struct sp_virtio_queue {
	uint16_t size; /* entries, a power of two up to SP_VIRTIO_QUEUE_MAX */
	uint32_t in_max; /* bytes that a chain may give the device to read; more breaks it */
};

/* A shared memory region (2.10), which the guest maps through a BAR of the binding. */
struct sp_virtio_memory {
	uint8_t id;
	uint64_t size; /* bytes, a power of two */
};

/* Constant while it lives. */
struct sp_virtio_info {
	const char *model; /* "virtio-keyboard" */
	uint32_t id; /* 5: 18 for input, 16 for a GPU */
	uint32_t class; /* as sp_pci_desc has it, for a binding to PCI */
	uint64_t features; /* the device's own (0 to 23, 50 and above) */
	const struct sp_virtio_queue *queues;
	uint32_t queue_count; /* 1 to SP_VIRTIO_QUEUES_MAX */
	uint32_t config_size; /* bytes; up to 4096 */
	const struct sp_virtio_memory *memory; /* the device's; NULL: none */
	uint32_t memory_count;
};

/*
 * A chain of buffers that the driver made available, and that is the device's until it is done. The
 * bytes to be read were copied, once: the guest cannot change them any more. They are charged to
 * the guest's budget, as the chain is.
 */
struct sp_virtio_chain {
	uint32_t queue;
	uint32_t in_size; /* bytes to be read */
	const uint8_t *in;
	uint32_t out_size; /* bytes that can be written */
	struct sp_virtio_chain *next; /* the device's, for a list of those that wait */
};

struct sp_virtio_ops {
	/* No chain is with it then. */
	void (*destroy)(struct sp_virtio *device);
	/* Chains of a queue come in the order of its ring, and may be done in any. */
	void (*chain)(struct sp_virtio *device, struct sp_virtio_chain *chain);
	/* offset + size is within the configuration. Without `write` the driver can change nothing
	 * there. */
	void (*config_read)(struct sp_virtio *device, uint32_t offset, uint8_t *data, uint32_t size);
	void (*config_write)(
		struct sp_virtio *device, uint32_t offset, const uint8_t *data, uint32_t size);
	/* The driver wants these, of those that were offered. False: not together. NULL: all. */
	bool (*accept)(struct sp_virtio *device, uint64_t features);
	/* DRIVER_OK was set. NULL if it does not matter. */
	void (*driver)(struct sp_virtio *device);
	/* A driver's or the transport's reset. The device lets go of its chains, which need not be
	 * done any more and are not to be touched after the notice, releases its pins, and ends the
	 * notice. */
	void (*reset)(struct sp_virtio *device, enum sp_reset kind, struct sp_notice *notice);

	/* A driver's reset of one queue (2.6.1): the device lets go of the chains of that queue, each
	 * with sp_virtio_chain_done(), of which nothing reaches the guest, now or when it can. NULL:
	 * this is not offered. */
	void (*queue_reset)(struct sp_virtio *device, uint32_t queue);

	/* As in sp_device_ops. NULL: there is no state but the core's. Chains that are with the
	 * device when it is saved come to it again after load(), in their order. */
	void (*stop)(struct sp_virtio *device, struct sp_notice *notice);
	void (*resume)(struct sp_virtio *device);
	bool (*save)(
		struct sp_virtio *device, struct sp_state_writer *writer, struct sp_error *error);
	bool (*load)(
		struct sp_virtio *device, struct sp_state_reader *reader, struct sp_error *error);
};

/* The core's side of a device; opaque. */
struct sp_virtio_core;

/* The first member of each virtio device's own struct. */
struct sp_virtio {
	const struct sp_virtio_ops *ops;
	const struct sp_virtio_info *info;
	struct sp_virtio_core *core; /* set by the binding before its first call */
	struct sp_loop *loop; /* as in sp_device */
	struct sp_budget *budget;
};

/*
 * For devices. A chain is done, and `size` bytes of `out`, up to out_size, are written to it: they
 * are copied before this returns. The chain is no more. After the core's reset nothing happens.
 */
void sp_virtio_chain_done(
	struct sp_virtio *device, struct sp_virtio_chain *chain, const void *out, uint32_t size);
/* The features that the driver accepted; 0 before that. */
uint64_t sp_virtio_features(const struct sp_virtio *device);
/* True between DRIVER_OK and reset. */
bool sp_virtio_running(const struct sp_virtio *device);
/* The configuration has changed: the driver is told. */
void sp_virtio_config_changed(struct sp_virtio *device);
/* What save() gives has changed by itself, and not by a call from or to the core (device.h). */
void sp_virtio_changed(struct sp_virtio *device);
/* The device is broken until it is reset (2.1.2, DEVICE_NEEDS_RESET): no more chains come. */
void sp_virtio_break(struct sp_virtio *device);

struct sp_virtio_pci_options {
	bool intx; /* no MSI-X, only INTx: for clients that cannot take it */
	bool rings_packed; /* offer them */
	bool conventional; /* without PCI Express */
};

/*
 * A virtio device as a function of PCI (4.1, without the transitional interface). The device is the
 * function's from now on, but not after an error. NULL with SP_ERROR_USE or SP_ERROR_MEMORY.
 */
struct sp_device *sp_virtio_pci_create(struct sp_virtio *device,
	const struct sp_virtio_pci_options *options, struct sp_error *error);

#endif
