/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "wire/eventfd.h"
#include "wire/server_parts.h"

/*
 * Doorbells as eventfds, which the client's kernel signals without the client. The value that was
 * written is not known then. Those that cannot be had are told by writes, as all are to a client
 * that does not ask.
 */
static void drop(struct sp_wire_doorbell *doorbell) {
	doorbell->server->loop->ops->unwatch(doorbell->server->loop, &doorbell->watch);
	close(doorbell->watch.file);
	doorbell->watch.file = -1;
	sp_budget_release(doorbell->server->device->budget, SP_RESOURCE_FILES, 1);
}

static void rung(struct sp_watch *watch, short events) {
	struct sp_wire_doorbell *doorbell = (struct sp_wire_doorbell *)((char *)watch -
		offsetof(struct sp_wire_doorbell, watch));
	struct sp_wire_server *server = doorbell->server;

	(void)events;
	/* The client may have taken the signal back. */
	if (!sp_eventfd_take(watch->file))
		return;
	server->counters.traps++;
	server->device->ops->doorbell(server->device, doorbell->area->doorbell, 0);
}

static bool make(struct sp_wire_server *server, struct sp_wire_doorbell *doorbell,
	const struct sp_area *area) {
	doorbell->server = server;
	doorbell->region = (uint32_t)server->doing.body.index;
	doorbell->area = area;
	doorbell->watch = (struct sp_watch){.events = POLLIN, .ready = rung};
	if (!sp_budget_charge(server->device->budget, SP_RESOURCE_FILES, 1))
		return false;
	doorbell->watch.file = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (doorbell->watch.file >= 0 && !server->loop->ops->watch(server->loop, &doorbell->watch))
		return true;
	if (doorbell->watch.file >= 0)
		close(doorbell->watch.file);
	sp_budget_release(server->device->budget, SP_RESOURCE_FILES, 1);
	return false;
}

/* -1: there is none. */
static int file_of(struct sp_wire_server *server, const struct sp_area *area) {
	struct sp_wire_doorbell *next = &server->doorbells[server->doorbell_count];

	for (uint32_t i = 0; i < server->doorbell_count; i++) {
		if (server->doorbells[i].region == server->doing.body.index &&
			server->doorbells[i].area == area)
			return server->doorbells[i].watch.file;
	}
	if (server->doorbell_count == SP_WIRE_DOORBELLS || !make(server, next, area))
		return -1;
	server->doorbell_count++;
	return next->watch.file;
}

static uint32_t offered(const struct sp_wire_server *server, const struct sp_region *region) {
	uint32_t count = 0, most = server->capabilities.max_msg_fds;

	/* What was signalled and not yet taken must be known to the next process. */
	if (server->record)
		return 0;
	if (most > SP_WIRE_FDS_MAX)
		most = SP_WIRE_FDS_MAX;
	for (uint32_t i = 0; i < region->area_count && count < most; i++)
		count += region->areas[i].kind == SP_AREA_DOORBELL;
	return count;
}

int sp_wire_do_io_fds(struct sp_wire_server *server, uint32_t *size, int *fds, uint32_t *fd_count) {
	struct sp_wire_body *body = &server->doing.body;
	const struct sp_device_info *info = server->device->info;
	const struct sp_region *region;
	uint32_t count;

	if (body->argsz < *size || body->flags || body->count || body->index >= info->region_count)
		return EINVAL;
	region = &info->regions[body->index];
	if (!region->size)
		return EINVAL;
	count = offered(server, region);
	/* The first time, a client only learns how many there are. */
	if (body->argsz >= *size + count * SP_WIRE_IO_FD) {
		uint8_t *bytes = server->doing.reply + *size;

		for (uint32_t i = 0; i < region->area_count && *fd_count < count; i++) {
			const struct sp_area *area = &region->areas[i];
			int file = area->kind == SP_AREA_DOORBELL ? file_of(server, area) : -1;

			if (file < 0)
				continue;
			sp_wire_put_io_fd(bytes, area->offset, area->width, *fd_count);
			fds[(*fd_count)++] = file;
			bytes += SP_WIRE_IO_FD;
		}
		count = *fd_count;
		*size += count * SP_WIRE_IO_FD;
	}
	body->argsz = sp_wire_fixed(SP_WIRE_REGION_IO_FDS) + count * SP_WIRE_IO_FD;
	body->count = count;
	return 0;
}

void sp_wire_doorbells_clear(struct sp_wire_server *server) {
	while (server->doorbell_count)
		drop(&server->doorbells[--server->doorbell_count]);
}
