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
	default:
		break;
	}
	return SP_WIRE_HEADER + 64;
}

/* The reply to the command that is done; `size` bytes of payload are in place. */
static void reply(struct sp_wire_server *server, uint32_t size, int fd) {
	struct sp_wire_doing *doing = &server->doing;
	struct sp_wire_header header = doing->message.header;
	bool wanted = !(header.flags & SP_WIRE_NO_REPLY);

	header.flags = SP_WIRE_REPLY;
	header.error = 0;
	if (doing->error) {
		header.flags |= SP_WIRE_ERROR;
		header.error = (uint32_t)doing->error;
		server->counters.errors++;
		size = 0;
		fd = -1;
	}
	header.size = SP_WIRE_HEADER + size;
	if (wanted) {
		sp_wire_put_header(doing->reply - SP_WIRE_HEADER, &header);
		if (!sp_wire_send(&server->connection, header.size, fd))
			sp_wire_end(server, "there is no descriptor left", false);
	}
	doing->active = false;
	server->connection.held = false;
	sp_wire_take(&server->connection);
}

static void noticed(struct sp_notice *notice, int error) {
	(void)error;
	sp_wire_done((struct sp_wire_server *)((char *)notice -
			     offsetof(struct sp_wire_server, doing.notice)),
		0);
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
			close(fd);
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
		doing->notice = (struct sp_notice){.done = noticed};
		doing->waiting = doing->calling = doing->noticing = true;
		server->device->ops->unmap(server->device, 0, pinned.first,
			pinned.last - pinned.first + 1, &doing->notice);
		doing->calling = false;
	}
}

static void reset(struct sp_wire_server *server) {
	struct sp_wire_doing *doing = &server->doing;

	doing->notice = (struct sp_notice){.done = noticed};
	doing->waiting = doing->calling = doing->noticing = true;
	server->device->ops->reset(server->device, SP_RESET_FUNCTION, &doing->notice);
	doing->calling = false;
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
	case SP_WIRE_IRQ_INFO:
		break;
	case SP_WIRE_DMA_READ:
	case SP_WIRE_DMA_WRITE:
		doing->error = EINVAL;
		break;
	case SP_WIRE_REGION_IO_FDS:
		doing->error =
			doing->body.index < server->device->info->region_count ? ENOTSUP : EINVAL;
		break;
	default:
		doing->error = ENOTSUP;
		break;
	}
}

void sp_wire_go_on(struct sp_wire_server *server) {
	struct sp_wire_doing *doing = &server->doing;
	uint16_t command = doing->message.header.command;
	uint32_t size = sp_wire_fixed(command);
	int fd = -1;

	switch (doing->error ? 0 : command) {
	case SP_WIRE_VERSION:
		doing->error = sp_wire_do_version(server, &size);
		break;
	case SP_WIRE_DMA_MAP:
	case SP_WIRE_SET_IRQS:
	case SP_WIRE_RESET:
		size = 0;
		break;
	case SP_WIRE_DMA_UNMAP:
		sp_dma_unmap_end(&server->dma, doing->body.address, unmap_last(&doing->body));
		break;
	case SP_WIRE_GET_INFO:
		doing->error = sp_wire_do_info(server);
		break;
	case SP_WIRE_REGION_INFO:
		doing->error = sp_wire_do_region_info(server, &size, &fd);
		break;
	case SP_WIRE_IRQ_INFO:
		doing->error = sp_wire_do_irq_info(server);
		break;
	case SP_WIRE_REGION_READ:
		size += (uint32_t)doing->body.count;
		if (!sp_wire_do_access(server))
			return;
		break;
	case SP_WIRE_REGION_WRITE:
		if (!sp_wire_do_access(server))
			return;
		break;
	case SP_WIRE_WRITE_MULTI:
		if (!sp_wire_do_multi(server))
			return;
		break;
	default:
		break;
	}
	if (!doing->error && size)
		(void)sp_wire_encode(command, &doing->body, doing->reply);
	if (command == SP_WIRE_VERSION && doing->error)
		sp_wire_end(server, "no common version", true);
	reply(server, size, fd);
}
