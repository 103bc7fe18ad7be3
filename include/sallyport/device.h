/* SPDX-License-Identifier: MIT */
#ifndef SALLYPORT_DEVICE_H
#define SALLYPORT_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sallyport/budget.h>
#include <sallyport/error.h>
#include <sallyport/loop.h>
#include <sallyport/state.h>

/*
 * A device as a guest sees it, apart from the way on which the guest reaches it.
 *
 * A device is a table of functions that a transport calls, and a transport is a table of functions
 * that a device calls: its bus. Neither knows more of the other. A transport may be vfio-user, an
 * IOREQ server of Xen, or a test.
 *
 *	transport ──► struct sp_device_ops: accesses, reset, notices about DMA, state
 *	device    ──► struct sp_bus_ops:    interrupts, DMA, mappings
 *
 * All calls of both come from one thread. None blocks: what takes longer is begun by the call and
 * ended by a completion, which may come before the call returns, so that the caller must not touch
 * after the call what the completion frees. Numbers of errors are those of errno.h, 0 for none.
 * Everything that a guest chooses (offsets, sizes, addresses, bytes) has passed the bounds that are
 * told here, and nothing else may be taken for granted.
 */
struct sp_device;
struct sp_bus;
struct sp_pci;

/*
 * Regions. A region is what a PCI function has as a BAR, and what its numbers mean is up to the
 * transport: those of <linux/vfio.h> for PCI. A region is divided into areas, sorted by offset,
 * which cover all of it.
 */
enum sp_area_kind {
	/* Each access is told to the device. */
	SP_AREA_TRAPPED,
	/* Memory that the guest reads and writes by itself. A transport that cannot map it, or is
	 * asked for an access nevertheless, does it in its place (sp_region_memory()); the device
	 * is not told. */
	SP_AREA_MAPPED,
	/* Memory that the guest reads by itself; writes are told. */
	SP_AREA_READ_ONLY,
	/* A write of `width` bytes at its start is a signal, whose value is told if the transport
	 * knows it; all else is told as an access. */
	SP_AREA_DOORBELL,
	/* Trapped but where remap() has put memory. */
	SP_AREA_WINDOW,
};

struct sp_area {
	uint64_t offset, size; /* bytes in the region; whole pages of 4 KiB for memory */
	enum sp_area_kind kind;
	uint64_t file_offset; /* of memory, in the region's file */
	uint32_t doorbell; /* of a doorbell: its number, which the device chose */
	uint8_t width; /* of a doorbell: 1, 2, 4 or 8 */
};

struct sp_region {
	uint64_t size; /* bytes; 0: there is no such region */
	bool readable, writable;
	/* All memory of a region is in one file (memfd or DMA buffer), since clients of vfio-user
	 * take one descriptor for each region. The device's, and it cannot shrink; -1: none. */
	int file;
	const struct sp_area *areas; /* the device's; constant while it lives */
	uint32_t area_count;
};

/* Regions of a PCI function, as <linux/vfio.h> numbers them. */
enum {
	SP_REGION_BAR0,
	SP_REGION_BAR1,
	SP_REGION_BAR2,
	SP_REGION_BAR3,
	SP_REGION_BAR4,
	SP_REGION_BAR5,
	SP_REGION_ROM,
	SP_REGION_CONFIG,
	SP_REGION_VGA,
	SP_REGION_COUNT
};

#define SP_PAGE 4096u

/* True if [offset, offset + count) is within `size`, without wrapping. */
static inline bool sp_within(uint64_t offset, uint64_t count, uint64_t size) {
	return count <= size && offset <= size - count;
}

/* True if the areas are sorted, cover the region, and are of whole pages where they are memory. */
bool sp_region_valid(const struct sp_region *region);
/* The area at `offset`; NULL beyond the region's end. */
const struct sp_area *sp_region_area(const struct sp_region *region, uint64_t offset);
/* Reads or writes memory of an area in the guest's place, by its file. errno. */
int sp_region_memory(const struct sp_region *region, const struct sp_area *area, uint64_t offset,
	uint8_t *data, uint32_t size, bool write);

#define SP_ACCESS_MAX (1u << 20) /* bytes of one access */

/*
 * An access to an area that is not the guest's own memory. offset + size lies in the region, and in
 * one area of it: transports divide what straddles. `size` is 1 to SP_ACCESS_MAX and need be
 * neither a power of two nor a divisor of `offset`: a device answers what it does not know with
 * all ones for reads, and ignores writes.
 */
struct sp_access {
	uint32_t region;
	uint32_t size; /* bytes */
	uint64_t offset; /* bytes */
	bool write;
	uint8_t *data; /* of the transport: to be read or filled in until done() */
	void (*done)(struct sp_access *access, int error); /* the transport's */
	struct sp_access *next; /* the device's, until done(): for a list of those that wait */
};

/* Ends an access; exactly once, and `access` is then no more. After an error `data` is not looked
 * at. */
static inline void sp_access_done(struct sp_access *access, int error) {
	access->done(access, error);
}

/* A request that is answered when it has been done, exactly once. */
struct sp_notice {
	void (*done)(struct sp_notice *notice, int error);
	struct sp_notice *next; /* his who has to answer it */
};

static inline void sp_notice_done(struct sp_notice *notice, int error) {
	notice->done(notice, error);
}

enum sp_reset {
	SP_RESET_FUNCTION, /* the guest, or its driver, resets this function */
	SP_RESET_SYSTEM, /* the guest is reset or power-cycled */
	SP_RESET_LOST, /* the client went away: all of the guest's memory goes, too */
};

/*
 * Interrupts. A device raises numbered vectors and, if `level`, has one line, and it uses both
 * without asking which one counts: raise() as each cause comes up, set_level() as the first comes
 * and the last goes. What becomes of them (INTx, MSI, MSI-X, an event channel) is decided behind
 * the bus, by what the guest has switched on.
 */
#define SP_VECTORS_MAX 2048u

/* What a device has to say about itself. Constant while it lives. */
struct sp_device_info {
	const char *model; /* "bochs" */
	const struct sp_region *regions;
	uint32_t region_count; /* SP_REGION_COUNT for PCI */
	uint32_t vectors; /* 0 to SP_VECTORS_MAX */
	bool level; /* it uses set_level() */
	bool dma; /* it is a master of the bus */
	bool state; /* stop(), resume(), save() and load() are there */
	struct sp_pci *pci; /* what it is as a PCI function (pci.h); NULL: none */
};

struct sp_device_ops {
	/* Ends it. No access, notice or transfer is pending then, which a reset (SP_RESET_LOST)
	 * brings about, and the bus is not called any more. */
	void (*destroy)(struct sp_device *device);

	void (*access)(struct sp_device *device, struct sp_access *access);
	/* A doorbell was rung; `value` is 0 if it is not known. NULL without doorbells. */
	void (*doorbell)(struct sp_device *device, uint32_t number, uint64_t value);
	/*
	 * Everything goes to the state after power-on but for what survives by its nature (the
	 * contents of display memory after SP_RESET_FUNCTION). The device lowers its line, releases
	 * its pins, ends pending accesses with ECANCELED, and only then the notice. Other calls may
	 * come before that; of further resets each notice is ended.
	 */
	void (*reset)(struct sp_device *device, enum sp_reset kind, struct sp_notice *notice);
	/*
	 * The guest's memory in [address, address + size) of the space is about to go. When the
	 * notice is done the device has no pin in it. NULL if it pins nothing; not asked for ranges
	 * in which it has no pin. Transfers are the bus's own matter.
	 */
	void (*unmap)(struct sp_device *device, uint32_t space, uint64_t address, uint64_t size,
		struct sp_notice *notice);
	/* Bus mastering was switched: while it is off, pin() and transfer() give EACCES. By whom
	 * the configuration space is kept, which is sp_pci for PCI. NULL if it does not matter. */
	void (*master)(struct sp_device *device, bool on);

	/* For a state that can be saved: stops all that goes on by itself, until resume(). */
	void (*stop)(struct sp_device *device, struct sp_notice *notice);
	void (*resume)(struct sp_device *device);
	/* All but what is in the files of regions, which whoever saves the state keeps or copies.
	 */
	bool (*save)(
		struct sp_device *device, struct sp_state_writer *writer, struct sp_error *error);
	/* Into a device that was reset. After an error it is reset again. */
	bool (*load)(
		struct sp_device *device, struct sp_state_reader *reader, struct sp_error *error);
};

/* The first member of each device's own struct. */
struct sp_device {
	const struct sp_device_ops *ops;
	const struct sp_device_info *info;
	struct sp_bus *bus; /* set by the transport before its first call; NULL before that */
	struct sp_loop *loop; /* set by the program before that; NULL for those that never wait */
	struct sp_budget *budget; /* the guest's; borrowed, may be NULL: no limits */
	/* Grows when what save() gives has changed by itself or by an access that reads. A transport
	 * may call save() between any two calls, without stop(), to keep what changed. */
	uint64_t changes;
};

/* Accepts NULL. */
static inline void sp_device_destroy(struct sp_device *device) {
	if (device)
		device->ops->destroy(device);
}

/*
 * DMA. Address spaces are numbered: 0 is what the function's own requests are in; further ones
 * (PASID) are for later, and ENOTSUP.
 */
enum sp_dma_access { SP_DMA_READ = 1, SP_DMA_WRITE = 2 };

/* A piece of the guest's memory that stays where it is until it is released. */
struct sp_dma_part {
	uint8_t *data; /* mapped here; the guest writes it at any time: read each byte once */
	uint64_t size; /* bytes */
	int file; /* the same as (file, offset), for those who map it elsewhere; borrowed */
	uint64_t file_offset;
};

struct sp_dma_pin {
	/* The device's, before pin(). */
	uint64_t address, size; /* bytes; size is not 0 */
	uint32_t space;
	enum sp_dma_access access; /* either or both */
	struct sp_dma_part *parts; /* room for part_max, until unpin() */
	uint32_t part_max;
	/* The bus's. */
	uint32_t part_count;
	void *bus_data;
	struct sp_dma_pin *next;
};

/* A copy from or to the guest's memory, wherever that is. */
struct sp_transfer {
	uint32_t space;
	bool write; /* to the guest */
	uint64_t address, size; /* bytes; size 1 to SP_ACCESS_MAX */
	uint8_t *data; /* the device's, until done() */
	void (*done)(struct sp_transfer *transfer, int error); /* the device's */
	struct sp_transfer *next; /* the bus's, until done() */
};

/* Memory to be seen through a part of a window. */
struct sp_window {
	uint32_t region;
	uint64_t offset, size; /* bytes in one area of it; whole pages */
	int file; /* the device's, until the part is changed again; -1: none, trapped again */
	uint64_t file_offset;
	bool writable;
};

struct sp_bus_ops {
	/* A vector is raised. Nothing, if the guest has switched it off. */
	void (*raise)(struct sp_bus *bus, uint32_t vector);
	void (*set_level)(struct sp_bus *bus, bool level);

	/*
	 * Translates the range and keeps it mapped. What was pinned with SP_DMA_WRITE counts as
	 * written until it is released. EFAULT: not, or not all, the guest's memory, or not for
	 * such an access; EACCES: bus mastering is off; E2BIG: in more parts than there is room
	 * for; ECANCELED: the client went away; ENOMEM, EDQUOT: the budget; ENOTSUP: memory that
	 * cannot be mapped here, for which transfer() works, or no such space.
	 */
	int (*pin)(struct sp_bus *bus, struct sp_dma_pin *pin);
	void (*unpin)(struct sp_bus *bus, struct sp_dma_pin *pin);
	/*
	 * Begins a copy; its done() is called in any case, perhaps at once, with an error as above
	 * or ECANCELED if the client went away. It may be that a part was copied then.
	 */
	void (*transfer)(struct sp_bus *bus, struct sp_transfer *transfer);

	/* Optional, NULL if the transport cannot: puts memory into a window, or takes it away. The
	 * guest sees the change when the notice is done. */
	void (*remap)(struct sp_bus *bus, const struct sp_window *window, struct sp_notice *notice);
	/*
	 * Optional: which pages of a mapped area the guest wrote since the last time: a bit for
	 * each 4 KiB from `offset` on. errno.
	 */
	int (*written)(struct sp_bus *bus, uint32_t region, uint64_t offset, uint64_t size,
		uint64_t *bits);
	/* Optional: the device has failed for good and only a reset helps; the guest is told. */
	void (*failed)(struct sp_bus *bus);
};

/* The first member of each transport's own struct. But for done(), nothing is asked of the device
 * from within a call of its bus. */
struct sp_bus {
	const struct sp_bus_ops *ops;
};

/* Nothing before there is a bus. */
static inline void sp_device_raise(struct sp_device *device, uint32_t vector) {
	if (device->bus)
		device->bus->ops->raise(device->bus, vector);
}

static inline void sp_device_set_level(struct sp_device *device, bool level) {
	if (device->bus)
		device->bus->ops->set_level(device->bus, level);
}

#endif
