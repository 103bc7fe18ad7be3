/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <string.h>

#include "wire/server_parts.h"

/*
 * What is kept of a client and its device, so that another process can go on. A commit comes before
 * anybody can see what was done: before replies are sent, and before descriptors that were given up
 * are closed. Interrupts and what the device wrote to the guest's memory may be seen earlier; they
 * may come twice.
 */
#define CRASHES_MAX 2u /* by the same message */

_Static_assert(sizeof(struct sp_wire_counters) <= SP_RECORD_COUNTERS * sizeof(uint64_t),
	"there is room for the counters");

static void keep_state(struct sp_wire_server *server) {
	struct sp_record *record = server->record;
	struct sp_record_state *states = record->states, *state;

	state = &states[sp_record_other(record, states[0].number, states[1].number)];
	sp_wire_connection_save(&server->connection, state);
	state->id = server->id;
	state->greeted = server->greeted;
	state->write_multiple = server->capabilities.write_multiple;
	state->max_msg_fds = server->capabilities.max_msg_fds;
	state->max_data_xfer_size = server->capabilities.max_data_xfer_size;
	state->migrating = server->migration.state != SP_WIRE_MIG_RUNNING;
	state->logging = server->dirty.on;
	state->number = record->committed + 1;
}

static void keep_irqs(struct sp_wire_server *server) {
	struct sp_record *record = server->record;
	struct sp_record_irqs *irqs = record->irqs;

	if (server->irqs.changes == server->irq_changes)
		return;
	irqs += sp_record_other(record, irqs[0].number, irqs[1].number);
	sp_irqs_keep(&server->irqs, irqs);
	irqs->number = record->committed + 1;
	server->irq_changes = server->irqs.changes;
}

/*
 * A device that refuses is amid something, such as a copy through the client, and is kept as it was
 * before; one that has more than there is room for cannot be restored.
 */
static void keep_device(struct sp_wire_server *server) {
	struct sp_record *record = server->record;
	struct sp_record_device *device = record->devices;
	const uint8_t *data = NULL;
	struct sp_error error;
	size_t size = 0;

	if (!server->device->info->state ||
		(!server->touched && server->device->changes == server->device_changes))
		return;
	/* What it has in its hands is done neither wholly nor not at all. */
	if (!sp_wire_hands_empty(server))
		return;
	device += sp_record_other(record, device[0].number, device[1].number);
	sp_state_writer_clear(server->writer);
	if (!server->device->ops->save(server->device, server->writer, &error))
		return;
	data = sp_state_data(server->writer, &size, &error);
	if (!data || size > sizeof(device->data))
		size = 0;
	else
		memcpy(device->data, data, size);
	device->size = size;
	device->number = record->committed + 1;
	server->device_changes = server->device->changes;
	server->touched = false;
}

static bool changed(const struct sp_wire_server *server) {
	const struct sp_wire_connection *connection = &server->connection;

	return connection->head != connection->committed ||
		connection->out_ready != connection->out_tail || server->touched ||
		server->irqs.changes != server->irq_changes ||
		server->device->changes != server->device_changes || server->drops.count;
}

void sp_wire_commit(struct sp_wire_server *server) {
	if (!server->record || server->doing.active || !changed(server))
		return;
	keep_state(server);
	keep_irqs(server);
	keep_device(server);
	memcpy(server->record->counters, &server->counters, sizeof(server->counters));
	sp_record_commit(server->record);
	__atomic_store_n(&server->record->doing, SP_RECORD_NONE, __ATOMIC_RELEASE);
	sp_wire_connection_committed(&server->connection);
	sp_drops_close(&server->drops);
}

void sp_wire_server_commit(struct sp_wire_server *server) {
	if (!server->pumping && (server->stage == SERVING || server->stage == IDLE))
		sp_wire_commit(server);
}

static const struct sp_record_state *state_of(const struct sp_record *record) {
	int current = sp_record_current(record, record->states[0].number, record->states[1].number);

	return current < 0 ? NULL : &record->states[current];
}

/* NULL, or why the client cannot be served on. */
static const char *restore_device(struct sp_wire_server *server) {
	struct sp_record *record = server->record;
	struct sp_record_device *device = record->devices;
	int current = sp_record_current(record, device[0].number, device[1].number);
	struct sp_state_reader *reader;
	struct sp_error error;
	bool good;

	if (!server->device->info->state)
		return "its device cannot be restored";
	if (current < 0)
		return NULL;
	device += current;
	if (device->size > sizeof(device->data))
		return "its device's state is damaged";
	reader = sp_state_reader_create(device->data, device->size, &error);
	good = reader && server->device->ops->load(server->device, reader, &error);
	sp_state_reader_destroy(reader);
	return good ? NULL : "its device's state could not be restored";
}

static const char *restore_guest(struct sp_wire_server *server) {
	struct sp_record *record = server->record;
	int current = sp_record_current(record, record->irqs[0].number, record->irqs[1].number);

	if (sp_dma_restore(&server->dma))
		return "its memory could not be restored";
	if (current >= 0 && !sp_irqs_restore(&server->irqs, &record->irqs[current]))
		return "its interrupts could not be restored";
	return NULL;
}

/* A message that is worse than others. */
static bool is_fatal(struct sp_record *record, bool crashed) {
	uint64_t doing = record->doing;

	record->doing = SP_RECORD_NONE;
	if (crashed && doing != SP_RECORD_NONE) {
		record->crashes = doing == record->suspect ? record->crashes + 1 : 1;
		record->suspect = doing;
	}
	if (!crashed)
		record->restoring = 0;
	return (record->suspect != SP_RECORD_NONE && record->crashes >= CRASHES_MAX) ||
		record->restoring >= CRASHES_MAX;
}

static const char *restore_client(
	struct sp_wire_server *server, const struct sp_record_state *state, bool fatal) {
	const char *why;

	server->id = state->id;
	server->greeted = state->greeted;
	server->capabilities = (struct sp_wire_capabilities){
		.max_msg_fds = state->max_msg_fds,
		.max_data_xfer_size = state->max_data_xfer_size,
		.write_multiple = state->write_multiple,
	};
	if (!sp_wire_reopen(&server->connection, state))
		return "its connection could not be restored";
	why = restore_guest(server);
	if (why)
		return why;
	if (fatal)
		return "its message, or its state, ended the program more than once";
	if (state->migrating)
		return "it was being migrated";
	/* What was written is not known any more. */
	if (state->logging && !sp_dirty_start(&server->dirty))
		server->dirty.all = true;
	return restore_device(server);
}

static void restore(
	struct sp_wire_server *server, const struct sp_record_state *state, bool fatal) {
	const char *why;

	server->watch.file = state->socket;
	server->watch.events = POLLIN;
	server->stage = SERVING;
	server->record->restoring++;
	/* The device may use its bus, but nothing is done yet. */
	server->pumping = true;
	why = restore_client(server, state, fatal);
	if (!why && server->loop->ops->watch(server->loop, &server->watch))
		why = "it cannot be waited for";
	server->pumping = false;
	server->record->restoring = 0;
	if (why) {
		server->connection.socket = state->socket;
		server->record->crashes = 0;
		server->record->suspect = SP_RECORD_NONE;
		sp_wire_end(server, why, fatal);
		return;
	}
	sp_irqs_repeat(&server->irqs);
	server->loop->ops->arm(server->loop, &server->again, server->loop->ops->now(server->loop));
}

bool sp_wire_server_keep(struct sp_wire_server *server, struct sp_record *record, bool crashed,
	struct sp_error *error) {
	const struct sp_record_state *state;
	bool fatal;

	server->writer = sp_state_writer_create();
	if (!server->writer || !sp_dma_keep(&server->dma, record, &server->drops))
		return sp_error_memory(error);
	sp_record_clean(record);
	sp_record_pin(record);
	if (state_of(record))
		memcpy(&server->counters, record->counters, sizeof(server->counters));
	server->record = record;
	server->drops.later = true;
	server->irqs.drops = &server->drops;
	server->touched = true;
	server->irq_changes = UINT64_MAX;
	sp_wire_connection_keep(&server->connection, record, &server->drops);
	fatal = is_fatal(record, crashed);
	state = state_of(record);
	if (state && state->socket >= 0) {
		restore(server, state, fatal);
		return true;
	}
	/* Without a client it is as it was left, or as it was created. */
	if (state && server->device->info->state && restore_device(server)) {
		server->held[SP_WIRE_HAND_LOST] = true;
		server->device->ops->reset(server->device, SP_RESET_LOST,
			sp_wire_notice(server, SP_WIRE_HAND_LOST));
	}
	sp_wire_commit(server);
	return true;
}

void sp_wire_record_files(
	const struct sp_record *record, void (*file)(void *data, int fd), void *data) {
	const struct sp_record_state *state = state_of(record);
	int irqs = sp_record_current(record, record->irqs[0].number, record->irqs[1].number);
	int fds[2 * SP_WIRE_FDS_MAX];
	uint32_t count = sp_record_unowned(record, fds, 2 * SP_WIRE_FDS_MAX);
	uint64_t from = 0;

	if (!state || state->socket < 0)
		return;
	file(data, state->socket);
	for (uint32_t i = 0; i < state->sending_count && i < SP_RECORD_SENDING; i++) {
		if (state->sending[i].position >= sp_record_moved(&record->out_calls))
			file(data, state->sending[i].fd);
	}
	for (uint32_t i = 0; i < count; i++)
		file(data, fds[i]);
	if (record->received_count > SP_RECORD_RECEIVED)
		from = record->received_count - SP_RECORD_RECEIVED;
	for (; from < record->received_count; from++) {
		const struct sp_record_received *one = &record->received[from % SP_RECORD_RECEIVED];

		if (one->message >= state->head)
			file(data, one->fd);
	}
	for (uint32_t i = 0; irqs >= 0 && i < SP_RECORD_IRQS; i++)
		file(data, record->irqs[irqs].vectors[i].trigger);
	if (irqs >= 0)
		file(data, record->irqs[irqs].unmask);
	for (uint32_t i = 0; i < record->ranges_used && i < SP_RECORD_RANGES; i++) {
		const struct sp_record_range *range = &record->ranges[i];

		if (range->added && range->added <= record->committed &&
			(!range->gone || range->gone > record->committed))
			file(data, range->fd);
	}
}
