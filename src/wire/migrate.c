/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "wire/server_parts.h"

/*
 * The states of a device that migrates. Each way from one to another leads through STOP:
 *
 *	RUNNING ⇄ STOP ⇄ STOP_COPY	the state is read
 *	          STOP ⇄ RESUMING	the state is written, and loaded on the way back
 *
 * A state that cannot be loaded leaves the device as after a reset, and in ERROR, out of which only
 * a reset by the client leads.
 */
enum step { STEP_FAILED, STEP_DONE, STEP_WAITS };

static void end_sessions(struct sp_wire_migration *migration) {
	sp_stream_out_destroy(migration->out);
	sp_stream_in_destroy(migration->in);
	migration->out = NULL;
	migration->in = NULL;
}

static enum step fail(struct sp_wire_server *server, int error) {
	server->doing.error = error;
	return STEP_FAILED;
}

static enum step stop(struct sp_wire_server *server) {
	if (!server->migration.stopped) {
		if (sp_wire_park(server))
			return STEP_WAITS;
		sp_wire_give(server, SP_WIRE_HAND_STOP);
		server->device->ops->stop(
			server->device, sp_wire_notice(server, SP_WIRE_HAND_STOP));
		if (!sp_wire_given(server))
			return STEP_WAITS;
		if (server->doing.error)
			return STEP_FAILED;
	}
	server->migration.state = SP_WIRE_MIG_STOP;
	return STEP_DONE;
}

static enum step run(struct sp_wire_server *server) {
	server->migration.state = SP_WIRE_MIG_RUNNING;
	server->migration.stopped = false;
	server->device->ops->resume(server->device);
	return STEP_DONE;
}

static enum step begin_copy(struct sp_wire_server *server) {
	uint8_t irqs[SP_IRQS_STATE_MAX];
	uint32_t size = sp_irqs_save(&server->irqs, irqs);

	server->migration.out =
		sp_stream_out_create(server->device, irqs, size, &server->counters.allocations);
	if (!server->migration.out)
		return fail(server, ENOMEM);
	server->migration.state = SP_WIRE_MIG_STOP_COPY;
	return STEP_DONE;
}

static enum step begin_resume(struct sp_wire_server *server) {
	/* It comes by here again when the reset is done. */
	if (!server->doing.next) {
		if (sp_wire_park(server))
			return STEP_WAITS;
		server->doing.next = 1;
		if (!sp_wire_do_reset(server, SP_RESET_SYSTEM))
			return STEP_WAITS;
	}
	server->migration.in = sp_stream_in_create(server->device, &server->counters.allocations);
	if (!server->migration.in)
		return fail(server, ENOMEM);
	server->migration.state = SP_WIRE_MIG_RESUMING;
	return STEP_DONE;
}

static enum step load(struct sp_wire_server *server) {
	const uint8_t *irqs = NULL;
	uint32_t size = 0;
	int error;

	if (sp_wire_park(server))
		return STEP_WAITS;
	error = sp_stream_finish(server->migration.in, &irqs, &size);
	if (!error && irqs && !sp_irqs_load(&server->irqs, irqs, size))
		error = EINVAL;
	end_sessions(&server->migration);
	if (!error) {
		server->migration.state = SP_WIRE_MIG_STOP;
		server->doing.next = 0;
		return STEP_DONE;
	}
	server->migration.state = SP_WIRE_MIG_ERROR;
	server->doing.error = error;
	return sp_wire_do_reset(server, SP_RESET_SYSTEM) ? STEP_FAILED : STEP_WAITS;
}

static enum step leave(struct sp_wire_server *server) {
	switch (server->migration.state) {
	case SP_WIRE_MIG_RUNNING:
		return stop(server);
	case SP_WIRE_MIG_RESUMING:
		return load(server);
	default:
		end_sessions(&server->migration);
		server->migration.state = SP_WIRE_MIG_STOP;
		return STEP_DONE;
	}
}

static enum step enter(struct sp_wire_server *server, enum sp_wire_mig target) {
	switch (target) {
	case SP_WIRE_MIG_RUNNING:
		return run(server);
	case SP_WIRE_MIG_STOP_COPY:
		return begin_copy(server);
	default:
		return begin_resume(server);
	}
}

bool sp_wire_migrate(struct sp_wire_server *server, uint64_t target) {
	struct sp_wire_migration *migration = &server->migration;
	enum step step = STEP_DONE;

	if (target == SP_WIRE_MIG_ERROR || target > SP_WIRE_MIG_RESUMING ||
		migration->state == SP_WIRE_MIG_ERROR) {
		server->doing.error = EINVAL;
		return true;
	}
	while (step == STEP_DONE && migration->state != target)
		step = migration->state == SP_WIRE_MIG_STOP
			? enter(server, (enum sp_wire_mig)target)
			: leave(server);
	return step != STEP_WAITS;
}

int sp_wire_do_mig_read(struct sp_wire_server *server, uint32_t *size) {
	struct sp_wire_body *body = &server->doing.body;
	uint32_t done;

	if (server->migration.state != SP_WIRE_MIG_STOP_COPY || body->count > SP_WIRE_DATA_MAX ||
		body->argsz < *size + body->count)
		return EINVAL;
	if (!sp_stream_read(server->migration.out, server->doing.reply + *size,
		    (uint32_t)body->count, &done))
		return EIO;
	*size += done;
	body->argsz = *size;
	body->count = done;
	return 0;
}

int sp_wire_do_mig_write(struct sp_wire_server *server) {
	const struct sp_wire_body *body = &server->doing.body;

	if (server->migration.state != SP_WIRE_MIG_RESUMING || body->data_size != body->count)
		return EINVAL;
	return sp_stream_write(server->migration.in, body->data, body->data_size);
}

void sp_wire_migration_reset(struct sp_wire_server *server) {
	struct sp_wire_migration *migration = &server->migration;

	end_sessions(migration);
	migration->state = SP_WIRE_MIG_RUNNING;
	migration->wake = migration->wake || migration->stopped;
	migration->stopped = false;
}

void sp_wire_migration_back(struct sp_wire_server *server, enum sp_wire_hand hand, bool wanted) {
	struct sp_wire_migration *migration = &server->migration;

	if (hand == SP_WIRE_HAND_STOP && wanted) {
		migration->stopped = true;
	} else if (hand == SP_WIRE_HAND_STOP ||
		((hand == SP_WIRE_HAND_RESET || hand == SP_WIRE_HAND_LOST) && migration->wake)) {
		/* Nobody waits for the stop any more; or what was stopped was reset. */
		migration->wake = false;
		server->device->ops->resume(server->device);
	}
}
