/* SPDX-License-Identifier: MIT */
#ifndef SP_WIRE_PROTOCOL_H
#define SP_WIRE_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The messages of vfio-user, as in docs/interop/vfio-user.rst of QEMU 11. All numbers are in the
 * host's byte order. Constants that come from VFIO have the values of <linux/vfio.h>.
 */
enum sp_wire_command {
	SP_WIRE_VERSION = 1,
	SP_WIRE_DMA_MAP,
	SP_WIRE_DMA_UNMAP,
	SP_WIRE_GET_INFO,
	SP_WIRE_REGION_INFO,
	SP_WIRE_REGION_IO_FDS,
	SP_WIRE_IRQ_INFO,
	SP_WIRE_SET_IRQS,
	SP_WIRE_REGION_READ,
	SP_WIRE_REGION_WRITE,
	SP_WIRE_DMA_READ, /* from the server to the client, as is DMA_WRITE */
	SP_WIRE_DMA_WRITE,
	SP_WIRE_RESET,
	SP_WIRE_WRITE_MULTI = 15,
	SP_WIRE_FEATURE,
	SP_WIRE_MIG_READ,
	SP_WIRE_MIG_WRITE,
	SP_WIRE_COMMANDS
};

/* "DMA_MAP"; NULL for a number that is no command. */
const char *sp_wire_command_name(uint16_t command);
/* The most descriptors that such a command may bring. */
uint32_t sp_wire_command_fds(uint16_t command);

#define SP_WIRE_FDS_MAX 16u /* descriptors of one message: QEMU's limit */
#define SP_WIRE_DATA_MAX (1u << 20) /* bytes of one transfer: the specification's default */

#define SP_WIRE_HEADER 16u /* bytes */
#define SP_WIRE_MESSAGE_MAX (SP_WIRE_DATA_MAX + 64u) /* bytes, with the header */

struct sp_wire_header {
	uint16_t id, command;
	uint32_t size; /* with the header */
	uint32_t flags;
	uint32_t error; /* an errno, of replies with SP_WIRE_ERROR */
};

enum {
	SP_WIRE_TYPE = 0xf, /* the bits that hold it */
	SP_WIRE_COMMAND = 0,
	SP_WIRE_REPLY = 1,
	SP_WIRE_NO_REPLY = 0x10,
	SP_WIRE_ERROR = 0x20,
};

struct sp_wire_header sp_wire_get_header(const uint8_t *bytes);
void sp_wire_put_header(uint8_t *bytes, const struct sp_wire_header *header);

/*
 * What follows the header. Which of the members a command has, and in which order and width they
 * lie on the wire, is a table of codec.c; the others are 0. Replies have the same layout.
 */
struct sp_wire_body {
	uint64_t major, minor; /* of the version */
	uint64_t argsz, flags;
	uint64_t index; /* of a region or a kind of interrupt */
	uint64_t start; /* the first interrupt; of REGION_INFO, the offset of its capabilities */
	uint64_t count; /* bytes, or interrupts, or regions and kinds of interrupts (in `start`) */
	uint64_t offset, address, size;
	const uint8_t *data; /* what lies behind the fixed part; the message's */
	uint32_t data_size;
};

/* Bytes of the fixed part; 0 for commands without one, and for unknown ones. */
uint32_t sp_wire_fixed(uint16_t command);
/* EINVAL if it is too short, or longer than such a command may be. */
int sp_wire_decode(
	uint16_t command, const uint8_t *payload, uint32_t size, struct sp_wire_body *body);
/* The fixed part; gives its size. `data` is the caller's to append. */
uint32_t sp_wire_encode(uint16_t command, const struct sp_wire_body *body, uint8_t *payload);

/* A part of a region whose writes are told by an eventfd: an element of REGION_IO_FDS's reply. */
#define SP_WIRE_IO_FD 40u /* bytes */
void sp_wire_put_io_fd(uint8_t *bytes, uint64_t offset, uint64_t size, uint32_t fd_index);

/* What DEVICE_FEATURE's flags say: which, and what is done with it. */
enum {
	SP_WIRE_FEATURE_INDEX = 0xffff,
	SP_WIRE_FEATURE_GET = 1 << 16,
	SP_WIRE_FEATURE_SET = 1 << 17,
	SP_WIRE_FEATURE_PROBE = 1 << 18,

	SP_WIRE_MIGRATION = 1,
	SP_WIRE_MIG_STATE = 2,
	SP_WIRE_LOG_START = 6,
	SP_WIRE_LOG_STOP = 7,
	SP_WIRE_LOG_REPORT = 8,
};

/* One of the writes of WRITE_MULTI. */
#define SP_WIRE_MULTI 24u /* bytes */
struct sp_wire_write {
	uint64_t offset;
	uint32_t index, count; /* count: 1 to 8 */
	const uint8_t *data;
};
/* The one of that number, which must be below body->size. EINVAL if its count is wrong. */
int sp_wire_multi(const struct sp_wire_body *body, uint32_t number, struct sp_wire_write *write);

/* Flags, by command. */
enum {
	SP_WIRE_MAP_READ = 1, /* of DMA_MAP */
	SP_WIRE_MAP_WRITE = 2,
	/* libvfio-user's own, which go with a descriptor: it may be mapped; it is to be read and
	 * written as a file. */
	SP_WIRE_MAP_MMAP = 4,
	SP_WIRE_MAP_FILE = 8,

	SP_WIRE_UNMAP_ALL = 2, /* of DMA_UNMAP */

	SP_WIRE_DEVICE_RESET = 1, /* of GET_INFO */
	SP_WIRE_DEVICE_PCI = 2,

	SP_WIRE_REGION_READABLE = 1, /* of REGION_INFO */
	SP_WIRE_REGION_WRITABLE = 2,
	SP_WIRE_REGION_MMAP = 4,
	SP_WIRE_REGION_CAPS = 8,

	SP_WIRE_IRQ_EVENTFD = 1, /* of IRQ_INFO */
	SP_WIRE_IRQ_MASKABLE = 2,
	SP_WIRE_IRQ_AUTOMASKED = 4,

	SP_WIRE_SET_NONE = 1, /* of SET_IRQS: what the data is, and what is done */
	SP_WIRE_SET_BOOL = 2,
	SP_WIRE_SET_EVENTFD = 4,
	SP_WIRE_SET_MASK = 8,
	SP_WIRE_SET_UNMASK = 16,
	SP_WIRE_SET_TRIGGER = 32,
};

enum sp_wire_irq {
	SP_WIRE_INTX,
	SP_WIRE_MSI,
	SP_WIRE_MSIX,
	SP_WIRE_ERR,
	SP_WIRE_REQ,
	SP_WIRE_IRQS
};

/* The areas of a region that can be mapped: a capability of REGION_INFO. */
#define SP_WIRE_SPARSE 16u /* bytes, and of each area as many */
void sp_wire_put_sparse(uint8_t *bytes, uint32_t areas);
void sp_wire_put_area(uint8_t *bytes, uint64_t offset, uint64_t size);

/*
 * What a client says of itself with VERSION: JSON (RFC 8259). Unknown names are skipped.
 */
enum {
	SP_WIRE_TOLD_FDS = 1,
	SP_WIRE_TOLD_SIZE = 2,
	SP_WIRE_TOLD_MAPS = 4,
	SP_WIRE_TOLD_PAGES = 8,
};

struct sp_wire_capabilities {
	uint32_t max_msg_fds; /* 1 if it is not told */
	uint32_t max_data_xfer_size;
	uint32_t max_dma_maps, pgsizes; /* 0 if they are not told */
	uint32_t told; /* which of these are: SP_WIRE_TOLD_… */
	bool write_multiple;
	bool twin_socket;
};

/* EINVAL if it is not an object in JSON that ends with a NUL, or if a known name has a value of
 * another kind. Nothing at all is the defaults. */
int sp_wire_get_capabilities(
	const uint8_t *text, uint32_t size, struct sp_wire_capabilities *capabilities);

#endif
