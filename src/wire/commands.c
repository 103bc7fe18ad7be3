/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "wire/server_parts.h"

uint32_t sp_wire_reply_room(uint16_t command, const struct sp_wire_body *body) {
	switch (command) {
	case SP_WIRE_VERSION:
	case SP_WIRE_REGION_INFO:
		return SP_WIRE_HEADER + SP_WIRE_INFO_MAX;
	case SP_WIRE_REGION_READ:
		if (body->count <= SP_WIRE_DATA_MAX)
			return SP_WIRE_HEADER + sp_wire_fixed(command) + (uint32_t)body->count;
		break;
	case SP_WIRE_REGION_IO_FDS:
		return SP_WIRE_HEADER + sp_wire_fixed(command) + SP_WIRE_FDS_MAX * SP_WIRE_IO_FD;
	case SP_WIRE_FEATURE:
		/* What came goes back, or a map of pages behind a few fields. */
		return SP_WIRE_MESSAGE_MAX;
	case SP_WIRE_MIG_READ:
		if (body->count <= SP_WIRE_DATA_MAX)
			return SP_WIRE_HEADER + sp_wire_fixed(command) + (uint32_t)body->count;
		break;
	default:
		break;
	}
	return SP_WIRE_HEADER + 64;
}

/* The reply to the command that is done; `size` bytes of payload are in place. */
static void reply(struct sp_wire_server *server, uint32_t size, const int *fds, uint32_t fd_count) {
	struct sp_wire_doing *doing = &server->doing;
	struct sp_wire_header header = doing->message.header;
	bool wanted = !(header.flags & SP_WIRE_NO_REPLY);

	header.flags = SP_WIRE_REPLY;
	header.error = 0;
	if (doing->error) {
		header.flags |= SP_WIRE_ERROR;
		header.error = (uint32_t)doing->error;
		server->counters.errors++;
		size = fd_count = 0;
	}
	header.size = SP_WIRE_HEADER + size;
	if (wanted) {
		sp_wire_put_header(doing->reply - SP_WIRE_HEADER, &header);
		if (!sp_wire_send(&server->connection, header.size, fds, fd_count))
			sp_wire_end(server, "there is no descriptor left", false);
	}
	doing->active = false;
	server->connection.held = false;
	sp_wire_take(&server->connection);
}

static uint64_t unmap_last(const struct sp_wire_body *body) {
	return body->flags & SP_WIRE_UNMAP_ALL ? UINT64_MAX : body->address + (body->size - 1);
}

static void map(struct sp_wire_server *server, int fd) {
	const struct sp_wire_body *body = &server->doing.body;
	uint64_t known = SP_WIRE_MAP_READ | SP_WIRE_MAP_WRITE;
	uint32_t access = (body->flags & SP_WIRE_MAP_READ ? SP_DMA_READ : 0u) |
		(body->flags & SP_WIRE_MAP_WRITE ? SP_DMA_WRITE : 0u);

	if (fd >= 0)
		known |= SP_WIRE_MAP_MMAP | SP_WIRE_MAP_FILE;
	if (body->argsz < sp_wire_fixed(SP_WIRE_DMA_MAP) || body->flags & ~known || !access) {
		if (fd >= 0)
			sp_drop(&server->drops, fd);
		server->doing.error = EINVAL;
		return;
	}
	server->doing.error = sp_dma_map(&server->dma, body->address, body->size, access, fd,
		body->offset, body->flags & SP_WIRE_MAP_FILE);
}

static void unmap(struct sp_wire_server *server) {
	struct sp_wire_doing *doing = &server->doing;
	const struct sp_wire_body *body = &doing->body;
	struct sp_dma_span pinned;
	bool all = body->flags == SP_WIRE_UNMAP_ALL;

	if (body->argsz < sp_wire_fixed(SP_WIRE_DMA_UNMAP) || (body->flags && !all) ||
		(all && (body->address || body->size)) ||
		(!all && (!body->size || body->size - 1 > UINT64_MAX - body->address))) {
		doing->error = EINVAL;
		return;
	}
	doing->error = sp_dma_unmap_begin(&server->dma, body->address, unmap_last(body), &pinned);
	if (doing->error)
		return;
	sp_wire_cancel(server, body->address, unmap_last(body));
	if (!pinned.empty && server->device->ops->unmap) {
		sp_wire_give(server, SP_WIRE_HAND_UNMAP);
		server->device->ops->unmap(server->device, 0, pinned.first,
			pinned.last - pinned.first + 1, sp_wire_notice(server, SP_WIRE_HAND_UNMAP));
		(void)sp_wire_given(server);
	}
}

/*
 * It comes when the machine is reset, and when the guest resets the bus: what the guest asks of
 * this function alone goes through its configuration space. So it is as after power-on, and nothing
 * that was in its memory is left.
 */
static void reset(struct sp_wire_server *server) {
	sp_wire_migration_reset(server);
	/* One that is late does for this one, too, since nothing was done to the device since. */
	if (server->held[SP_WIRE_HAND_RESET])
		(void)sp_wire_park(server);
	else
		(void)sp_wire_do_reset(server, SP_RESET_SYSTEM);
}

static void start_access(struct sp_wire_server *server) {
	struct sp_wire_doing *doing = &server->doing;
	const struct sp_wire_body *body = &doing->body;

	doing->write = doing->message.header.command == SP_WIRE_REGION_WRITE;
	doing->error =
		sp_wire_check_access(server, body->index, body->offset, body->count, doing->write);
	if (!doing->error && doing->write && body->data_size != body->count)
		doing->error = EINVAL;
	if (doing->error)
		return;
	doing->region = (uint32_t)body->index;
	doing->offset = body->offset;
	doing->left = (uint32_t)body->count;
	doing->data = sp_wire_fixed(SP_WIRE_REGION_READ) +
		(doing->write ? doing->message.payload : doing->reply);
}

void sp_wire_start(struct sp_wire_server *server, const int *fds, uint32_t fd_count) {
	struct sp_wire_doing *doing = &server->doing;

	switch (doing->message.header.command) {
	case SP_WIRE_DMA_MAP:
		map(server, fd_count ? fds[0] : -1);
		break;
	case SP_WIRE_DMA_UNMAP:
		unmap(server);
		break;
	case SP_WIRE_SET_IRQS:
		doing->error = sp_irqs_set(&server->irqs, &doing->body, fds, fd_count);
		break;
	case SP_WIRE_REGION_READ:
	case SP_WIRE_REGION_WRITE:
		start_access(server);
		break;
	case SP_WIRE_WRITE_MULTI:
		if (doing->body.size != doing->body.data_size / SP_WIRE_MULTI ||
			doing->body.data_size % SP_WIRE_MULTI)
			doing->error = EINVAL;
		break;
	case SP_WIRE_RESET:
		reset(server);
		break;
	case SP_WIRE_VERSION:
	case SP_WIRE_GET_INFO:
	case SP_WIRE_REGION_INFO:
	case SP_WIRE_REGION_IO_FDS:
	case SP_WIRE_IRQ_INFO:
	case SP_WIRE_FEATURE:
	case SP_WIRE_MIG_READ:
	case SP_WIRE_MIG_WRITE:
		break;
	case SP_WIRE_DMA_READ:
	case SP_WIRE_DMA_WRITE:
		doing->error = EINVAL;
		break;
	default:
		doing->error = ENOTSUP;
		break;
	}
}

/* False: it waits for the device. */
static bool carry_out(struct sp_wire_server *server, uint32_t *size, int *fds, uint32_t *fd_count) {
	struct sp_wire_doing *doing = &server->doing;

	switch (doing->message.header.command) {
	case SP_WIRE_VERSION:
		doing->error = sp_wire_do_version(server, size, fds);
		*fd_count = fds[0] >= 0;
		break;
	case SP_WIRE_DMA_MAP:
	case SP_WIRE_SET_IRQS:
	case SP_WIRE_RESET:
		*size = 0;
		break;
	case SP_WIRE_DMA_UNMAP:
		sp_dma_unmap_end(&server->dma, doing->body.address, unmap_last(&doing->body));
		break;
	case SP_WIRE_GET_INFO:
		doing->error = sp_wire_do_info(server);
		break;
	case SP_WIRE_REGION_INFO:
		doing->error = sp_wire_do_region_info(server, size, fds);
		*fd_count = fds[0] >= 0;
		break;
	case SP_WIRE_REGION_IO_FDS:
		doing->error = sp_wire_do_io_fds(server, size, fds, fd_count);
		break;
	case SP_WIRE_IRQ_INFO:
		doing->error = sp_wire_do_irq_info(server);
		break;
	case SP_WIRE_REGION_READ:
		*size += (uint32_t)doing->body.count;
		return sp_wire_do_access(server);
	case SP_WIRE_REGION_WRITE:
		return sp_wire_do_access(server);
	case SP_WIRE_WRITE_MULTI:
		return sp_wire_do_multi(server);
	case SP_WIRE_FEATURE:
		return sp_wire_do_feature(server, size);
	case SP_WIRE_MIG_READ:
		doing->error = sp_wire_do_mig_read(server, size);
		break;
	case SP_WIRE_MIG_WRITE:
		doing->error = sp_wire_do_mig_write(server);
		*size = 0;
		break;
	default:
		break;
	}
	return true;
}

void sp_wire_go_on(struct sp_wire_server *server) {
	struct sp_wire_doing *doing = &server->doing;
	uint16_t command = doing->message.header.command;
	uint32_t size = sp_wire_fixed(command), fd_count = 0;
	int fds[SP_WIRE_FDS_MAX] = {-1};

	if (!doing->error && !carry_out(server, &size, fds, &fd_count))
		return;
	if (!doing->error && size)
		(void)sp_wire_encode(command, &doing->body, doing->reply);
	if (command == SP_WIRE_VERSION && doing->error)
		sp_wire_end(server, "no common version", true);
	reply(server, size, fds, fd_count);
	/* The client's end of its second socket, which it has got now. */
	if (command == SP_WIRE_VERSION && fd_count)
		close(fds[0]);
}
