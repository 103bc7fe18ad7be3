/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "wire/server_parts.h"

int sp_wire_check_access(struct sp_wire_server *server, uint64_t region, uint64_t offset,
	uint64_t count, bool write) {
	const struct sp_device_info *info = server->device->info;

	if (region >= info->region_count || !count || count > SP_WIRE_DATA_MAX ||
		!sp_within(offset, count, info->regions[region].size))
		return EINVAL;
	if (write ? !info->regions[region].writable : !info->regions[region].readable)
		return EPERM;
	return 0;
}

static uint64_t value_of(const uint8_t *data, uint32_t width) {
	uint64_t value = 0;

	for (uint32_t i = width; i--;)
		value = value << 8 | data[i];
	return value;
}

static bool is_memory(const struct sp_area *area, bool write) {
	return area->kind == SP_AREA_MAPPED || (area->kind == SP_AREA_READ_ONLY && !write);
}

/* Hands a piece to the device; true if it is done. */
static bool tell(struct sp_wire_server *server, uint64_t offset, uint8_t *data, uint32_t size) {
	struct sp_wire_doing *doing = &server->doing;

	/* What a device forgets to fill in is what nobody answers, and nothing of the buffer's
	 * past. */
	if (doing->write)
		memcpy(server->bounce, data, size);
	else
		memset(server->bounce, 0xff, size);
	doing->into = data;
	server->access.region = doing->region;
	server->access.size = size;
	server->access.offset = offset;
	server->access.write = doing->write;
	server->access.data = server->bounce;
	server->access.next = NULL;
	sp_wire_give(server, SP_WIRE_HAND_ACCESS);
	server->device->ops->access(server->device, &server->access);
	return sp_wire_given(server);
}

/* The next piece; true if it is done. */
static bool step(struct sp_wire_server *server) {
	struct sp_wire_doing *doing = &server->doing;
	const struct sp_region *region = &server->device->info->regions[doing->region];
	const struct sp_area *area = sp_region_area(region, doing->offset);
	uint32_t size = doing->left;
	uint64_t offset = doing->offset;
	uint8_t *data = doing->data;
	bool memory = area && is_memory(area, doing->write);

	if (!memory && sp_wire_park(server))
		return false;
	if (area && size > area->offset + area->size - offset)
		size = (uint32_t)(area->offset + area->size - offset);
	doing->offset += size;
	doing->left -= size;
	doing->data += size;
	if (memory) {
		doing->error = sp_region_memory(region, area, offset, data, size, doing->write);
		return true;
	}
	server->counters.traps++;
	if (area && area->kind == SP_AREA_DOORBELL && doing->write && offset == area->offset &&
		size == area->width) {
		server->device->ops->doorbell(server->device, area->doorbell, value_of(data, size));
		return true;
	}
	return tell(server, offset, data, size);
}

bool sp_wire_do_access(struct sp_wire_server *server) {
	while (server->doing.left && !server->doing.error) {
		if (!step(server))
			return false;
	}
	return true;
}

bool sp_wire_do_multi(struct sp_wire_server *server) {
	struct sp_wire_doing *doing = &server->doing;

	for (;;) {
		struct sp_wire_write write;

		if (!sp_wire_do_access(server))
			return false;
		if (doing->error || doing->next == doing->body.size)
			return true;
		doing->error = sp_wire_multi(&doing->body, doing->next++, &write);
		if (!doing->error)
			doing->error = sp_wire_check_access(
				server, write.index, write.offset, write.count, true);
		if (doing->error)
			return true;
		doing->write = true;
		doing->region = write.index;
		doing->offset = write.offset;
		doing->left = write.count;
		/* The connection's buffer, which the device only reads. */
		doing->data = doing->message.payload + (write.data - doing->message.payload);
	}
}
