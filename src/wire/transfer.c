/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "wire/server_parts.h"

static struct sp_wire_server *server_of(struct sp_bus *bus) {
	return (struct sp_wire_server *)bus;
}

static bool may_master(const struct sp_wire_server *server) {
	const struct sp_pci *pci = server->device->info->pci;

	return !pci || sp_pci_master(pci);
}

static void end_first(struct sp_wire_server *server, int error) {
	struct sp_transfer *transfer = server->transfers;

	server->loop->ops->disarm(server->loop, &server->patience);
	server->asked = false;
	server->moved = 0;
	server->transfers = transfer->next;
	if (!server->transfers)
		server->transfers_end = &server->transfers;
	transfer->done(transfer, error);
}

static void too_late(struct sp_timer *timer) {
	struct sp_wire_server *server = (struct sp_wire_server *)((char *)timer -
		offsetof(struct sp_wire_server, patience));

	if (server->asked)
		end_first(server, ETIMEDOUT);
	sp_wire_pump(server);
}

void sp_wire_transfers_init(struct sp_wire_server *server) {
	server->transfers_end = &server->transfers;
	server->patience.expired = too_late;
}

/*
 * QEMU serves a request in the thread that waits for the answer to a command, and both wait for
 * ever if we ask first. A client with a socket of its own for requests does not.
 */
void sp_wire_ask(struct sp_wire_server *server) {
	struct sp_wire_connection *connection = &server->connection;
	struct sp_transfer *transfer = server->transfers;
	struct sp_wire_body body = {0};
	struct sp_wire_header header = {0};
	uint16_t command;
	uint32_t size;
	uint8_t *room;

	if (!transfer || server->asked || server->stage != SERVING)
		return;
	if (sp_wire_twin_there(server))
		connection = &server->twin;
	else if (server->doing.active)
		return;
	command = transfer->write ? SP_WIRE_DMA_WRITE : SP_WIRE_DMA_READ;
	body.address = transfer->address + server->moved;
	body.count = transfer->size - server->moved;
	if (body.count > server->capabilities.max_data_xfer_size)
		body.count = server->capabilities.max_data_xfer_size;
	size = SP_WIRE_HEADER + sp_wire_fixed(command);
	if (transfer->write)
		size += (uint32_t)body.count;
	room = sp_wire_room(connection, size);
	if (!room)
		return;
	header.id = ++server->id;
	header.command = command;
	header.size = size;
	sp_wire_put_header(room, &header);
	sp_wire_encode(command, &body, room + SP_WIRE_HEADER);
	if (transfer->write)
		memcpy(room + SP_WIRE_HEADER + sp_wire_fixed(command),
			transfer->data + server->moved, body.count);
	(void)sp_wire_send(connection, size, NULL, 0);
	server->counters.requests[command]++;
	server->asked = true;
	server->asked_size = (uint32_t)body.count;
	server->loop->ops->arm(server->loop, &server->patience,
		server->loop->ops->now(server->loop) + SP_WIRE_PATIENCE);
}

/* Of DMA_WRITE some send only the header. */
static int take_answer(struct sp_wire_server *server, const struct sp_wire_message *message) {
	struct sp_transfer *transfer = server->transfers;
	struct sp_wire_body body;

	if (message->header.flags & SP_WIRE_ERROR)
		return message->header.error && message->header.error < 4096
			? (int)message->header.error
			: EIO;
	if (transfer->write)
		return 0;
	if (sp_wire_decode(SP_WIRE_DMA_READ, message->payload, message->size, &body) ||
		body.data_size != server->asked_size || body.count != server->asked_size ||
		body.address != transfer->address + server->moved)
		return EIO;
	memcpy(transfer->data + server->moved, body.data, body.data_size);
	return 0;
}

void sp_wire_answered(struct sp_wire_server *server, const struct sp_wire_message *message) {
	uint16_t command;
	int error;

	if (!server->asked || message->header.id != server->id) {
		server->counters.strays++;
		return;
	}
	command = server->transfers->write ? SP_WIRE_DMA_WRITE : SP_WIRE_DMA_READ;
	if (message->header.command != command) {
		server->counters.strays++;
		return;
	}
	error = take_answer(server, message);
	if (server->transfers->write)
		sp_dirty_mark(&server->dirty, server->transfers->address + server->moved,
			server->asked_size);
	server->moved += server->asked_size;
	if (error || server->moved == server->transfers->size)
		end_first(server, error);
	else
		server->asked = false;
}

void sp_wire_cancel(struct sp_wire_server *server, uint64_t address, uint64_t last) {
	struct sp_transfer **place = &server->transfers, *gone = NULL, **gone_end = &gone;

	while (*place) {
		struct sp_transfer *transfer = *place;

		if (transfer->address > last ||
			transfer->address + (transfer->size - 1) < address) {
			place = &transfer->next;
			continue;
		}
		if (transfer == server->transfers) {
			server->loop->ops->disarm(server->loop, &server->patience);
			server->asked = false;
			server->moved = 0;
		}
		*place = transfer->next;
		transfer->next = NULL;
		*gone_end = transfer;
		gone_end = &transfer->next;
	}
	server->transfers_end = place;
	/* Each may begin others. */
	while (gone) {
		struct sp_transfer *transfer = gone;

		gone = transfer->next;
		transfer->done(transfer, ECANCELED);
	}
}

/* Copies what lies in files, range by range. ENOTSUP: some of it is in the client's hands. */
static int copy(struct sp_wire_server *server, struct sp_transfer *transfer, bool dry) {
	uint32_t wanted = transfer->write ? SP_DMA_WRITE : SP_DMA_READ;
	uint64_t address = transfer->address, left = transfer->size;
	uint8_t *data = transfer->data;
	bool remote = false;

	while (left) {
		struct sp_dma_range *range = sp_dma_find(&server->dma, address);
		uint64_t size;

		if (!range || range->going || !(range->access & wanted))
			return EFAULT;
		size = range->size - (address - range->address);
		if (size > left)
			size = left;
		if (!range->file) {
			remote = true;
		} else if (!dry) {
			int error = sp_dma_copy(
				&server->dma, range, address, data, size, transfer->write);

			if (error)
				return error;
		}
		address += size;
		data += size;
		left -= size;
	}
	return remote ? ENOTSUP : 0;
}

static void transfer(struct sp_bus *bus, struct sp_transfer *wanted) {
	struct sp_wire_server *server = server_of(bus);
	int error = 0;

	wanted->next = NULL;
	if (server->stage != SERVING)
		error = ECANCELED;
	else if (!may_master(server))
		error = EACCES;
	else if (wanted->space)
		error = ENOTSUP;
	else if (!wanted->size || wanted->size > SP_ACCESS_MAX ||
		wanted->size - 1 > UINT64_MAX - wanted->address)
		error = EFAULT;
	else
		error = copy(server, wanted, true);
	/* What lies in both is had from the client, as it has all of it. */
	if (error == ENOTSUP && !wanted->space) {
		*server->transfers_end = wanted;
		server->transfers_end = &wanted->next;
		/* Not from here: the device is amid something, and may not be called. */
		if (!server->pumping)
			server->loop->ops->arm(
				server->loop, &server->again, server->loop->ops->now(server->loop));
		return;
	}
	if (!error)
		error = copy(server, wanted, false);
	if (wanted->write)
		sp_dirty_mark(&server->dirty, wanted->address, wanted->size);
	wanted->done(wanted, error);
}

static void raise_vector(struct sp_bus *bus, uint32_t vector) {
	sp_irqs_raise(&server_of(bus)->irqs, vector);
}

static void set_level(struct sp_bus *bus, bool level) {
	struct sp_wire_server *server = server_of(bus);

	/* It knows the bits of the configuration space that are about the line, and tells us. */
	if (server->device->info->pci)
		sp_pci_set_level(server->device->info->pci, level);
	else
		sp_irqs_set_level(&server->irqs, level);
}

static int pin(struct sp_bus *bus, struct sp_dma_pin *wanted) {
	struct sp_wire_server *server = server_of(bus);

	wanted->part_count = 0;
	/* All that is held is to be let go: it would stay behind. */
	if (server->stage != SERVING)
		return ECANCELED;
	return may_master(server) ? sp_dma_pin(&server->dma, wanted) : EACCES;
}

static void unpin(struct sp_bus *bus, struct sp_dma_pin *held) {
	if (held->access & SP_DMA_WRITE)
		sp_dirty_mark(&server_of(bus)->dirty, held->address, held->size);
	sp_dma_unpin(&server_of(bus)->dma, held);
}

static void failed(struct sp_bus *bus) {
	sp_irqs_notify(&server_of(bus)->irqs, SP_WIRE_ERR);
}

const struct sp_bus_ops sp_wire_bus_ops = {
	.raise = raise_vector,
	.set_level = set_level,
	.pin = pin,
	.unpin = unpin,
	.transfer = transfer,
	.failed = failed,
};
