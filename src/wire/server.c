/* SPDX-License-Identifier: MIT */
#include "wire/server.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire/server_parts.h"

/* Commands of one client that are done before others have their turn. */
#define TURN 128u

/* Commands that leave the device as it is, or whose changes it tells. */
#define READ_ONLY \
	(1u << SP_WIRE_VERSION | 1u << SP_WIRE_DMA_MAP | 1u << SP_WIRE_GET_INFO | \
		1u << SP_WIRE_REGION_INFO | 1u << SP_WIRE_IRQ_INFO | 1u << SP_WIRE_SET_IRQS | \
		1u << SP_WIRE_REGION_READ)

/* Begins the next command, if there is one and room for its reply. */
static bool begin(struct sp_wire_server *server) {
	struct sp_wire_connection *connection = &server->connection;
	struct sp_wire_doing *doing = &server->doing;
	struct sp_wire_message message;
	int fds[SP_WIRE_FDS_MAX], fds_error;
	uint16_t command;
	uint32_t fd_count;
	uint8_t *room;

	if (doing->active || !sp_wire_first(connection, &message))
		return false;
	if (connection->head >= server->stalled_to)
		server->stalled = false;
	command = message.header.command;
	memset(doing, 0, sizeof(*doing));
	doing->error = sp_wire_command_name(command)
		? sp_wire_decode(command, message.payload, message.size, &doing->body)
		: ENOTSUP;
	room = sp_wire_room(connection, sp_wire_reply_room(command, &doing->body));
	if (!room)
		return false;
	doing->message = message;
	doing->reply = room + SP_WIRE_HEADER;
	doing->active = true;
	connection->held = true;
	server->touched |= !(READ_ONLY >> (command & 31) & 1);
	if (server->record)
		__atomic_store_n(&server->record->doing, connection->head, __ATOMIC_RELEASE);
	server->counters.messages[command < SP_WIRE_COMMANDS ? command : 0]++;
	fds_error = sp_wire_take_fds(connection, fds, sp_wire_command_fds(command), &fd_count);
	if (!doing->error)
		doing->error = fds_error;
	if (!doing->error && message.header.flags & ~(uint32_t)(SP_WIRE_TYPE | SP_WIRE_NO_REPLY))
		doing->error = EINVAL;
	if (!server->greeted && command != SP_WIRE_VERSION) {
		doing->error = EINVAL;
		sp_wire_end(server, "it did not begin with its version", true);
	}
	if (doing->error) {
		while (fd_count)
			sp_drop(&server->drops, fds[--fd_count]);
		return true;
	}
	sp_wire_start(server, fds, fd_count);
	return true;
}

/* A header that cannot be believed: the rest of the stream has no meaning. */
static void refuse(struct sp_wire_server *server) {
	struct sp_wire_header header = {
		.size = SP_WIRE_HEADER, .flags = SP_WIRE_REPLY | SP_WIRE_ERROR, .error = EINVAL};
	uint8_t *room = sp_wire_room(&server->connection, SP_WIRE_HEADER);

	if (room) {
		struct sp_wire_header bad = sp_wire_bad(&server->connection);

		header.id = bad.id;
		header.command = bad.command;
		sp_wire_put_header(room, &header);
		(void)sp_wire_send(&server->connection, SP_WIRE_HEADER, NULL, 0);
		server->counters.errors++;
	}
	sp_wire_end(server, "it sent a malformed header", true);
}

static void work(struct sp_wire_server *server) {
	struct sp_wire_doing *doing = &server->doing;
	struct sp_wire_message message;

	for (uint32_t turn = 0; !server->ending; turn++) {
		while (!server->ending && sp_wire_next_reply(&server->connection, &message))
			sp_wire_answered(server, &message);
		if (turn == TURN) {
			server->loop->ops->arm(
				server->loop, &server->again, server->loop->ops->now(server->loop));
			return;
		}
		if (server->slow && !doing->active)
			sp_wire_commit(server);
		if (!begin(server) && !doing->active)
			break;
		if (doing->active && !doing->waits)
			sp_wire_go_on(server);
		if (doing->active) {
			server->slow = true;
			break;
		}
	}
	if (!server->ending && !doing->active && !sp_wire_first(&server->connection, &message)) {
		server->stalled = false;
		if (server->connection.broken)
			refuse(server);
		else if (server->connection.closed)
			sp_wire_end(server, "it hung up", false);
	}
	if (!server->ending && doing->active && server->connection.closed)
		sp_wire_end(server, "it hung up", false);
	sp_wire_ask(server);
}

static void watch(struct sp_wire_server *server) {
	short events = (short)((sp_wire_wants(&server->connection) ? POLLIN : 0) |
		(sp_wire_sending(&server->connection) ? POLLOUT : 0));

	if (events == server->watch.events)
		return;
	server->loop->ops->unwatch(server->loop, &server->watch);
	server->watch.events = events;
	if (server->loop->ops->watch(server->loop, &server->watch))
		sp_wire_end(server, "it cannot be waited for", false);
}

static void close_client(struct sp_wire_server *server) {
	server->loop->ops->unwatch(server->loop, &server->watch);
	server->loop->ops->disarm(server->loop, &server->again);
	server->loop->ops->disarm(server->loop, &server->limit);
	sp_wire_close(&server->connection);
	sp_wire_twin_close(server);
	server->stage = WAITING;
	server->doing.active = false;
	server->doing.waits = SP_WIRE_HAND_NONE;
	sp_irqs_clear(&server->irqs);
	sp_wire_doorbells_clear(server);
	sp_wire_cancel(server, 0, UINT64_MAX);
	sp_wire_let_go(server);
}

void sp_wire_pump(struct sp_wire_server *server) {
	if (server->pumping || server->stage != SERVING)
		return;
	server->pumping = true;
	do {
		work(server);
		sp_wire_commit(server);
		if (!sp_wire_flush(&server->connection) || !sp_wire_twin_flush(server))
			sp_wire_end(server, "it hung up", false);
		/* Room for a reply may have come up. */
	} while (!server->ending && !server->again.armed && !server->doing.active &&
		!sp_wire_sending(&server->connection) && sp_wire_pending(&server->connection));
	if (!server->ending)
		watch(server);
	server->pumping = false;
	if (server->ending)
		close_client(server);
}

void sp_wire_end(struct sp_wire_server *server, const char *why, bool fault) {
	if (server->stage != SERVING || server->ending)
		return;
	server->ending = why;
	server->fault = fault;
	if (!server->pumping)
		close_client(server);
}

static void finish(struct sp_wire_server *server) {
	const char *why = server->ending;

	server->overdue = false;
	sp_dma_clear(&server->dma);
	sp_dirty_stop(&server->dirty);
	server->stage = IDLE;
	server->ending = NULL;
	server->touched = true;
	sp_wire_commit(server);
	if (server->events && server->events->gone)
		server->events->gone(server->data, why, server->fault);
}

static void lose(struct sp_wire_server *server) {
	server->stage = LOSING;
	sp_wire_migration_reset(server);
	server->held[SP_WIRE_HAND_LOST] = true;
	server->device->ops->reset(
		server->device, SP_RESET_LOST, sp_wire_notice(server, SP_WIRE_HAND_LOST));
}

void sp_wire_let_go(struct sp_wire_server *server) {
	/* A reset or an unmap that is under way comes first, unless that is what it hangs on. */
	if (server->stage == WAITING &&
		(server->overdue ||
			(!server->held[SP_WIRE_HAND_RESET] && !server->held[SP_WIRE_HAND_UNMAP])))
		lose(server);
	else if (server->stage == LOSING && sp_wire_hands_empty(server))
		finish(server);
}

static void ready(struct sp_watch *watched, short events) {
	struct sp_wire_server *server =
		(struct sp_wire_server *)((char *)watched - offsetof(struct sp_wire_server, watch));

	if (events & POLLIN)
		(void)sp_wire_receive(&server->connection);
	else if (events & (POLLHUP | POLLERR))
		server->connection.closed = true;
	sp_wire_pump(server);
}

static void turn(struct sp_timer *timer) {
	sp_wire_pump(
		(struct sp_wire_server *)((char *)timer - offsetof(struct sp_wire_server, again)));
}

static void line(void *data, bool level) {
	struct sp_wire_server *server = data;

	sp_irqs_set_level(&server->irqs, level);
}

static const struct sp_pci_events PCI_EVENTS = {.line = line};

static bool check(const struct sp_device *device, struct sp_error *error) {
	const struct sp_device_info *info = device->info;

	if (info->region_count != SP_REGION_COUNT)
		return sp_error_set(error, SP_ERROR_USE, "%s: it is no PCI function", info->model);
	for (uint32_t i = 0; i < info->region_count; i++) {
		if (info->regions[i].size && !sp_region_valid(&info->regions[i]))
			return sp_error_set(
				error, SP_ERROR_USE, "%s: region %u is not valid", info->model, i);
	}
	return true;
}

static void count_irqs(const struct sp_device_info *info, uint32_t *counts) {
	struct sp_pci_interrupts interrupts = {0};

	if (info->pci)
		interrupts = sp_pci_interrupts(info->pci);
	else
		interrupts.msix = (uint16_t)info->vectors;
	counts[SP_WIRE_INTX] = interrupts.pin ? 1 : 0;
	counts[SP_WIRE_MSI] = interrupts.msi;
	counts[SP_WIRE_MSIX] = interrupts.msix;
	counts[SP_WIRE_ERR] = counts[SP_WIRE_REQ] = 1;
}

bool sp_wire_server_create(struct sp_wire_server **created, struct sp_device *device,
	struct sp_loop *loop, const struct sp_wire_events *events, void *data,
	struct sp_error *error) {
	uint32_t counts[SP_WIRE_IRQS];
	struct sp_wire_server *server;

	if (!check(device, error))
		return false;
	count_irqs(device->info, counts);
	server = calloc(1, sizeof(*server));
	if (!server)
		return sp_error_memory(error);
	server->bus.ops = &sp_wire_bus_ops;
	server->device = device;
	server->loop = loop;
	server->events = events;
	server->data = data;
	server->watch.ready = ready;
	server->again.expired = turn;
	server->migration.state = SP_WIRE_MIG_RUNNING;
	sp_wire_hands_init(server);
	sp_wire_transfers_init(server);
	sp_dma_init(&server->dma, device->budget, &server->counters.allocations);
	sp_dirty_init(&server->dirty, device->budget, &server->counters.allocations);
	server->bounce = malloc(SP_WIRE_DATA_MAX);
	server->counters.allocations++;
	if (!sp_irqs_init(&server->irqs, counts, loop, &server->counters) || !server->bounce ||
		!sp_wire_connection_init(&server->connection, &server->counters)) {
		sp_irqs_release(&server->irqs);
		free(server->bounce);
		free(server);
		return sp_error_memory(error);
	}
	device->bus = &server->bus;
	if (device->info->pci)
		sp_pci_listen(device->info->pci, &PCI_EVENTS, server);
	*created = server;
	return true;
}

void sp_wire_server_destroy(struct sp_wire_server *server) {
	if (!server)
		return;
	if (server->device->info->pci)
		sp_pci_listen(server->device->info->pci, NULL, NULL);
	server->device->bus = NULL;
	sp_wire_connection_release(&server->connection);
	sp_wire_connection_release(&server->twin);
	sp_irqs_release(&server->irqs);
	sp_dma_clear(&server->dma);
	sp_dma_release(&server->dma);
	sp_drops_release(&server->drops);
	sp_state_writer_destroy(server->writer);
	free(server->bounce);
	free(server);
}

/* A client that has hung up may not have been looked at yet, when the next one comes. */
static void see_to_end(struct sp_wire_server *server) {
	struct pollfd ended = {.fd = server->connection.socket};

	if (server->stage != SERVING || server->pumping || poll(&ended, 1, 0) != 1 ||
		!(ended.revents & POLLHUP))
		return;
	while (server->stage == SERVING && sp_wire_receive(&server->connection))
		sp_wire_pump(server);
	sp_wire_pump(server);
}

bool sp_wire_server_open(struct sp_wire_server *server, int socket) {
	see_to_end(server);
	if (server->stage != IDLE || server->spoiled)
		return false;
	server->watch.file = socket;
	server->watch.events = POLLIN;
	if (server->loop->ops->watch(server->loop, &server->watch))
		return false;
	sp_wire_open(&server->connection, socket);
	server->greeted = server->stalled = false;
	server->ending = NULL;
	server->stage = SERVING;
	memset(&server->doing, 0, sizeof(server->doing));
	server->counters.clients++;
	server->touched = true;
	sp_wire_commit(server);
	return true;
}

void sp_wire_server_close(struct sp_wire_server *server) {
	sp_wire_end(server, "it was sent away", false);
}

bool sp_wire_server_idle(const struct sp_wire_server *server) {
	return server->stage == IDLE;
}

void sp_wire_server_request(struct sp_wire_server *server) {
	sp_irqs_notify(&server->irqs, SP_WIRE_REQ);
}

void sp_wire_server_state(const struct sp_wire_server *server, struct sp_wire_state *state) {
	*state = (struct sp_wire_state){
		.client = server->stage == SERVING,
		.ranges = server->dma.count,
		.ranges_peak = server->dma.peak,
		.files = server->dma.file_count,
		.pins = server->dma.pins,
		.late = !server->doing.waits && !sp_wire_hands_empty(server),
		.mapped = server->dma.mapped,
		.counters = server->counters,
	};
}
