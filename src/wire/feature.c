/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "wire/server_parts.h"

/*
 * DEVICE_FEATURE: what is offered, by which methods, and how long its data is. All of it is about
 * migration, and there only for devices whose state can be saved.
 */
static const struct feature {
	uint16_t index;
	uint32_t methods;
	uint32_t request; /* bytes of data that a request has at least, but for probing */
	uint32_t reply; /* bytes of data that a reply to GET has, but for a bitmap */
} FEATURES[] = {
	{SP_WIRE_MIGRATION, SP_WIRE_FEATURE_GET, 0, 8},
	{SP_WIRE_MIG_STATE, SP_WIRE_FEATURE_GET | SP_WIRE_FEATURE_SET, 8, 8},
	{SP_WIRE_LOG_START, SP_WIRE_FEATURE_SET, 16, 0},
	{SP_WIRE_LOG_STOP, SP_WIRE_FEATURE_SET, 0, 0},
	{SP_WIRE_LOG_REPORT, SP_WIRE_FEATURE_GET, 24, 24},
};

#define HEAD 8u /* argsz and flags */
#define STOP_COPY 1u /* VFIO_MIGRATION_STOP_COPY */

static const struct feature *find(uint64_t flags) {
	for (size_t i = 0; i < sizeof(FEATURES) / sizeof(FEATURES[0]); i++) {
		if (FEATURES[i].index == (flags & SP_WIRE_FEATURE_INDEX))
			return &FEATURES[i];
	}
	return NULL;
}

static uint64_t load64(const uint8_t *bytes) {
	uint64_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

static uint32_t load32(const uint8_t *bytes) {
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

static int check(const struct feature *feature, const struct sp_wire_body *body) {
	uint32_t methods = (uint32_t)body->flags & (SP_WIRE_FEATURE_GET | SP_WIRE_FEATURE_SET);
	bool probe = body->flags & SP_WIRE_FEATURE_PROBE;
	uint32_t request = feature->request;

	if (methods & ~feature->methods || body->argsz < HEAD)
		return EINVAL;
	if (!(body->flags & SP_WIRE_FEATURE_GET) || probe) {
		if (body->argsz < HEAD + body->data_size)
			return EINVAL;
	}
	if (probe)
		return 0;
	if (methods != SP_WIRE_FEATURE_GET && methods != SP_WIRE_FEATURE_SET)
		return EINVAL;
	/* To get the state of the device nothing need be known. */
	if (feature->index == SP_WIRE_MIG_STATE && methods == SP_WIRE_FEATURE_GET)
		request = 0;
	return body->data_size < request ? EINVAL : 0;
}

/* What came goes back. */
static void echo(struct sp_wire_server *server, uint32_t *size) {
	const struct sp_wire_body *body = &server->doing.body;

	if (body->data_size)
		memcpy(server->doing.reply + HEAD, body->data, body->data_size);
	*size = HEAD + body->data_size;
}

/* Ranges are looked at, and all writes are logged whatever they say. */
static int start_log(struct sp_wire_server *server, uint32_t *size) {
	const struct sp_wire_body *body = &server->doing.body;
	uint64_t page = load64(body->data), ours = SP_PAGE;
	uint32_t count = load32(body->data + 8);
	int error;

	if (!page || page & (page - 1) || load32(body->data + 12) ||
		(body->data_size - 16) / 16 < count)
		return EINVAL;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t address = load64(body->data + 16 + 16 * (size_t)i);
		uint64_t length = load64(body->data + 24 + 16 * (size_t)i);

		if (!length || length - 1 > UINT64_MAX - address)
			return EINVAL;
	}
	error = sp_dirty_start(&server->dirty);
	echo(server, size);
	memcpy(server->doing.reply + HEAD, &ours, sizeof(ours));
	return error;
}

static int stop_log(struct sp_wire_server *server, uint32_t *size) {
	if (!server->dirty.on)
		return EINVAL;
	sp_dirty_stop(&server->dirty);
	echo(server, size);
	return 0;
}

/* What is pinned for writing may be written at any time. */
static int report_log(struct sp_wire_server *server, uint32_t *size) {
	struct sp_wire_body *body = &server->doing.body;
	uint64_t address = load64(body->data), length = load64(body->data + 8);
	uint64_t page = load64(body->data + 16), bitmap;

	if (!server->dirty.on || page < SP_PAGE || page & (page - 1) || !length ||
		length - 1 > UINT64_MAX - address)
		return EINVAL;
	bitmap = sp_dirty_bitmap_size(length, page);
	if (bitmap > SP_WIRE_DATA_MAX - HEAD - 24)
		return E2BIG;
	if (body->argsz < HEAD + 24 + bitmap)
		return EINVAL;
	for (struct sp_dma_pin *pin = server->dma.writing; pin; pin = pin->next)
		sp_dirty_mark(&server->dirty, pin->address, pin->size);
	memmove(server->doing.reply + HEAD, body->data, 24);
	sp_dirty_report(&server->dirty, address, length, page, server->doing.reply + HEAD + 24);
	*size = HEAD + 24 + (uint32_t)bitmap;
	return 0;
}

static int get(struct sp_wire_server *server, const struct feature *feature, uint32_t *size) {
	struct sp_wire_doing *doing = &server->doing;
	uint64_t value = STOP_COPY;

	if (doing->body.argsz < HEAD + feature->reply)
		return EINVAL;
	if (feature->index == SP_WIRE_LOG_REPORT)
		return report_log(server, size);
	/* The state, and a descriptor that vfio-user does not use. */
	if (feature->index == SP_WIRE_MIG_STATE)
		value = (uint64_t)server->migration.state | UINT64_C(0xffffffff) << 32;
	memcpy(doing->reply + HEAD, &value, sizeof(value));
	*size = HEAD + sizeof(value);
	return 0;
}

bool sp_wire_do_feature(struct sp_wire_server *server, uint32_t *size) {
	struct sp_wire_doing *doing = &server->doing;
	struct sp_wire_body *body = &doing->body;
	const struct feature *feature = find(body->flags);

	if (!feature || !server->device->info->state)
		doing->error = ENOTSUP;
	else if (body->flags >> 19)
		doing->error = EINVAL;
	else
		doing->error = check(feature, body);
	if (doing->error)
		return true;
	*size = HEAD;
	if (body->flags & SP_WIRE_FEATURE_PROBE) {
		echo(server, size);
	} else if (body->flags & SP_WIRE_FEATURE_GET) {
		doing->error = get(server, feature, size);
	} else if (feature->index == SP_WIRE_LOG_START) {
		doing->error = start_log(server, size);
	} else if (feature->index == SP_WIRE_LOG_STOP) {
		doing->error = stop_log(server, size);
	} else {
		if (!sp_wire_migrate(server, load32(body->data)))
			return false;
		echo(server, size);
	}
	body->argsz = *size;
	return true;
}
