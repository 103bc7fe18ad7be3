/* SPDX-License-Identifier: MIT */
#include "wire/protocol.h"

#include <errno.h>
#include <string.h>

#define MEMBERS 6u

/* Where a member is in struct sp_wire_body, and how many bytes it has on the wire. */
struct field {
	uint8_t member;
	uint8_t width;
};

enum tail {
	TAIL_NONE, /* nothing follows the fixed part */
	TAIL_IGNORED, /* a client may send the room for the reply, too */
	TAIL_DATA,
};

struct layout {
	const char *name;
	struct field fields[MEMBERS];
	enum tail tail;
	uint8_t fds;
};

#define F(name, width) \
	{ offsetof(struct sp_wire_body, name), width }

/* The sections of the specification that have the commands' names. */
static const struct layout LAYOUTS[SP_WIRE_COMMANDS] = {
	[SP_WIRE_VERSION] = {"VERSION", {F(major, 2), F(minor, 2)}, TAIL_DATA, 0},
	[SP_WIRE_DMA_MAP] = {"DMA_MAP",
		{F(argsz, 4), F(flags, 4), F(offset, 8), F(address, 8), F(size, 8)}, TAIL_NONE, 1},
	[SP_WIRE_DMA_UNMAP] = {"DMA_UNMAP", {F(argsz, 4), F(flags, 4), F(address, 8), F(size, 8)},
		TAIL_NONE, 0},
	[SP_WIRE_GET_INFO] = {"GET_INFO", {F(argsz, 4), F(flags, 4), F(start, 4), F(count, 4)},
		TAIL_IGNORED, 0},
	[SP_WIRE_REGION_INFO] = {"REGION_INFO",
		{F(argsz, 4), F(flags, 4), F(index, 4), F(start, 4), F(size, 8), F(offset, 8)},
		TAIL_IGNORED, 0},
	[SP_WIRE_REGION_IO_FDS] = {"REGION_IO_FDS",
		{F(argsz, 4), F(flags, 4), F(index, 4), F(count, 4)}, TAIL_IGNORED, 0},
	[SP_WIRE_IRQ_INFO] = {"IRQ_INFO", {F(argsz, 4), F(flags, 4), F(index, 4), F(count, 4)},
		TAIL_IGNORED, 0},
	[SP_WIRE_SET_IRQS] = {"SET_IRQS",
		{F(argsz, 4), F(flags, 4), F(index, 4), F(start, 4), F(count, 4)}, TAIL_DATA,
		SP_WIRE_FDS_MAX},
	[SP_WIRE_REGION_READ] = {"REGION_READ", {F(offset, 8), F(index, 4), F(count, 4)}, TAIL_NONE,
		0},
	[SP_WIRE_REGION_WRITE] = {"REGION_WRITE", {F(offset, 8), F(index, 4), F(count, 4)},
		TAIL_DATA, 0},
	[SP_WIRE_DMA_READ] = {"DMA_READ", {F(address, 8), F(count, 8)}, TAIL_DATA, 0},
	[SP_WIRE_DMA_WRITE] = {"DMA_WRITE", {F(address, 8), F(count, 8)}, TAIL_DATA, 0},
	[SP_WIRE_RESET] = {"RESET", {{0, 0}}, TAIL_NONE, 0},
	[SP_WIRE_WRITE_MULTI] = {"WRITE_MULTI", {F(size, 8)}, TAIL_DATA, 0},
	[SP_WIRE_FEATURE] = {"FEATURE", {F(argsz, 4), F(flags, 4)}, TAIL_DATA, 0},
	[SP_WIRE_MIG_READ] = {"MIG_READ", {F(argsz, 4), F(count, 4)}, TAIL_NONE, 0},
	[SP_WIRE_MIG_WRITE] = {"MIG_WRITE", {F(argsz, 4), F(count, 4)}, TAIL_DATA, 0},
};

static uint64_t load(const uint8_t *bytes, uint8_t width) {
	uint16_t v16;
	uint32_t v32;
	uint64_t v64;

	switch (width) {
	case 2:
		memcpy(&v16, bytes, 2);
		return v16;
	case 4:
		memcpy(&v32, bytes, 4);
		return v32;
	default:
		memcpy(&v64, bytes, 8);
		return v64;
	}
}

static void store(uint8_t *bytes, uint8_t width, uint64_t value) {
	uint16_t v16 = (uint16_t)value;
	uint32_t v32 = (uint32_t)value;

	switch (width) {
	case 2:
		memcpy(bytes, &v16, 2);
		break;
	case 4:
		memcpy(bytes, &v32, 4);
		break;
	default:
		memcpy(bytes, &value, 8);
		break;
	}
}

static const struct layout *layout_of(uint16_t command) {
	return command < SP_WIRE_COMMANDS && LAYOUTS[command].name ? &LAYOUTS[command] : NULL;
}

const char *sp_wire_command_name(uint16_t command) {
	const struct layout *layout = layout_of(command);

	return layout ? layout->name : NULL;
}

uint32_t sp_wire_command_fds(uint16_t command) {
	const struct layout *layout = layout_of(command);

	return layout ? layout->fds : 0;
}

struct sp_wire_header sp_wire_get_header(const uint8_t *bytes) {
	return (struct sp_wire_header){
		.id = (uint16_t)load(bytes, 2),
		.command = (uint16_t)load(bytes + 2, 2),
		.size = (uint32_t)load(bytes + 4, 4),
		.flags = (uint32_t)load(bytes + 8, 4),
		.error = (uint32_t)load(bytes + 12, 4),
	};
}

void sp_wire_put_header(uint8_t *bytes, const struct sp_wire_header *header) {
	store(bytes, 2, header->id);
	store(bytes + 2, 2, header->command);
	store(bytes + 4, 4, header->size);
	store(bytes + 8, 4, header->flags);
	store(bytes + 12, 4, header->error);
}

uint32_t sp_wire_fixed(uint16_t command) {
	const struct layout *layout = layout_of(command);
	uint32_t size = 0;

	for (uint32_t i = 0; layout && i < MEMBERS; i++)
		size += layout->fields[i].width;
	return size;
}

int sp_wire_decode(
	uint16_t command, const uint8_t *payload, uint32_t size, struct sp_wire_body *body) {
	const struct layout *layout = layout_of(command);
	uint32_t fixed = sp_wire_fixed(command);

	memset(body, 0, sizeof(*body));
	if (!layout || size < fixed || (layout->tail == TAIL_NONE && size != fixed))
		return EINVAL;
	for (uint32_t i = 0; i < MEMBERS && layout->fields[i].width; i++) {
		uint64_t value = load(payload, layout->fields[i].width);

		memcpy((uint8_t *)body + layout->fields[i].member, &value, sizeof(value));
		payload += layout->fields[i].width;
	}
	if (layout->tail == TAIL_DATA) {
		body->data = payload;
		body->data_size = size - fixed;
	}
	return 0;
}

uint32_t sp_wire_encode(uint16_t command, const struct sp_wire_body *body, uint8_t *payload) {
	const struct layout *layout = layout_of(command);
	uint32_t at = 0;

	for (uint32_t i = 0; layout && i < MEMBERS && layout->fields[i].width; i++) {
		uint64_t value;

		memcpy(&value, (const uint8_t *)body + layout->fields[i].member, sizeof(value));
		store(payload + at, layout->fields[i].width, value);
		at += layout->fields[i].width;
	}
	return at;
}

void sp_wire_put_io_fd(uint8_t *bytes, uint64_t offset, uint64_t size, uint32_t fd_index) {
	memset(bytes, 0, SP_WIRE_IO_FD); /* an ioeventfd for any value */
	store(bytes, 8, offset);
	store(bytes + 8, 8, size);
	store(bytes + 16, 4, fd_index);
}

int sp_wire_multi(const struct sp_wire_body *body, uint32_t number, struct sp_wire_write *write) {
	const uint8_t *bytes = body->data + (size_t)number * SP_WIRE_MULTI;

	write->offset = load(bytes, 8);
	write->index = (uint32_t)load(bytes + 8, 4);
	write->count = (uint32_t)load(bytes + 12, 4);
	write->data = bytes + 16;
	return write->count >= 1 && write->count <= 8 ? 0 : EINVAL;
}

/* VFIO_REGION_INFO_CAP_SPARSE_MMAP of version 1, the only capability of its list. */
void sp_wire_put_sparse(uint8_t *bytes, uint32_t areas) {
	store(bytes, 2, 1);
	store(bytes + 2, 2, 1);
	store(bytes + 4, 4, 0);
	store(bytes + 8, 4, areas);
	store(bytes + 12, 4, 0);
}

void sp_wire_put_area(uint8_t *bytes, uint64_t offset, uint64_t size) {
	store(bytes, 8, offset);
	store(bytes + 8, 8, size);
}
