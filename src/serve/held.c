/* SPDX-License-Identifier: MIT */
#include "serve/held.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "hold/files.h"

#define RECORD "wire:"
#define NAME_MAX_ (sizeof("listen:") + SP_DEVICE_NAME_MAX)

/* A client that was accepted, and of which nobody took note. */
struct orphan {
	char name[SP_DEVICE_NAME_MAX + 1];
	int socket;
};

struct sp_held {
	struct sp_journal *journal;
	const struct sp_sockets *sockets;
	struct orphan orphans[SP_SERVE_DEVICES_MAX];
	uint32_t orphan_count;
};

static const char *label(char *text, const char *kind, const char *name) {
	snprintf(text, NAME_MAX_, "%s%s", kind, name);
	return text;
}

/* For the worker, which must not take them for strays. */
static bool keep_sockets(
	struct sp_journal *journal, const struct sp_sockets *sockets, struct sp_error *error) {
	char text[NAME_MAX_];

	for (uint32_t i = 0; i < sockets->count; i++) {
		const struct sp_named_listener *named = &sockets->listeners[i];

		if (!sp_journal_keep(
			    journal, label(text, "listen:", named->name), named->listener.socket))
			return sp_error_set(
				error, SP_ERROR_SYSTEM, "journal: there is no room for sockets");
	}
	return true;
}

bool sp_held_sockets(struct sp_journal *journal, const char *carried, struct sp_sockets *sockets,
	const struct sp_serve_request *request, struct sp_error *error) {
	if (carried)
		return sp_sockets_adopt(sockets, request, carried, error);
	return sp_sockets_open(sockets, request, error) && keep_sockets(journal, sockets, error);
}

static struct sp_record *record_of(
	struct sp_journal *journal, const char *name, struct sp_error *error) {
	char text[NAME_MAX_];
	struct sp_record *record = sp_journal_block(journal, label(text, RECORD, name),
		SP_RECORD_VERSION, sizeof(struct sp_record), error);

	if (record && !record->magic)
		sp_record_init(record);
	if (record && !sp_record_valid(record)) {
		sp_error_set(error, SP_ERROR_INPUT, "%s: its record is of another version", name);
		return NULL;
	}
	return record;
}

/* A socket that is connected has the name of the one at which it was accepted. */
static bool is_from(int socket, const struct sp_listener *listener) {
	struct sockaddr_un mine = {0}, theirs = {0};
	socklen_t mine_size = sizeof(mine), theirs_size = sizeof(theirs);

	return listener->path && getsockname(socket, (struct sockaddr *)&mine, &mine_size) == 0 &&
		getsockname(listener->socket, (struct sockaddr *)&theirs, &theirs_size) == 0 &&
		mine_size == theirs_size && memcmp(&mine, &theirs, mine_size) == 0;
}

static bool take_orphan(void *data, int fd) {
	struct sp_held *held = data;

	for (uint32_t i = 0; i < held->sockets->count; i++) {
		const struct sp_named_listener *named = &held->sockets->listeners[i];
		struct orphan *orphan = &held->orphans[held->orphan_count];

		if (strcmp(named->name, "control") == 0 || strcmp(named->name, "vnc") == 0 ||
			!is_from(fd, &named->listener))
			continue;
		if (held->orphan_count == SP_SERVE_DEVICES_MAX)
			return false;
		snprintf(orphan->name, sizeof(orphan->name), "%s", named->name);
		orphan->socket = fd;
		held->orphan_count++;
		return true;
	}
	return false;
}

bool sp_held_create(struct sp_held **created, struct sp_journal *journal,
	const struct sp_serve_request *request, const struct sp_sockets *sockets,
	struct sp_error *error) {
	struct sp_held *held = calloc(1, sizeof(*held));
	struct sp_files *files = NULL;
	bool good = held;

	if (!held)
		return sp_error_memory(error);
	held->journal = journal;
	held->sockets = sockets;
	files = sp_files_list(error);
	good = files;
	if (good)
		sp_journal_files(journal, sp_files_know, files);
	for (uint32_t i = 0; good && i < request->device_count; i++) {
		struct sp_record *record = record_of(journal, request->devices[i].name, error);

		good = record;
		if (good)
			sp_wire_record_files(record, sp_files_know, files);
	}
	if (good)
		(void)sp_files_close_others(files, take_orphan, held);
	sp_files_destroy(files);
	if (good)
		*created = held;
	else
		free(held);
	return good;
}

void sp_held_destroy(struct sp_held *held) {
	free(held);
}

int sp_held_memory(const struct sp_held *held, const char *name) {
	char text[NAME_MAX_];

	return held ? sp_journal_kept(held->journal, label(text, "memory:", name)) : -1;
}

bool sp_held_keep_memory(struct sp_held *held, const char *name, const struct sp_device *device,
	struct sp_error *error) {
	char text[NAME_MAX_];

	if (!held || sp_held_memory(held, name) >= 0)
		return true;
	for (uint32_t i = 0; i < device->info->region_count; i++) {
		if (!device->info->regions[i].size || device->info->regions[i].file < 0)
			continue;
		return sp_journal_keep(held->journal, label(text, "memory:", name),
			       device->info->regions[i].file) ||
			sp_error_set(
				error, SP_ERROR_SYSTEM, "journal: there is no room for %s", name);
	}
	return true;
}

bool sp_held_keep_server(struct sp_held *held, const char *name, struct sp_wire_server *server,
	struct sp_error *error) {
	struct sp_record *record;

	if (!held)
		return true;
	record = record_of(held->journal, name, error);
	if (!record ||
		!sp_wire_server_keep(
			server, record, sp_journal_shared(held->journal)->crashed, error))
		return false;
	for (uint32_t i = 0; i < held->orphan_count; i++) {
		struct orphan *orphan = &held->orphans[i];

		if (strcmp(orphan->name, name))
			continue;
		/* As one that comes while another one is there. */
		(void)fcntl(orphan->socket, F_SETFL, O_NONBLOCK);
		if (!sp_wire_server_open(server, orphan->socket))
			close(orphan->socket);
	}
	return true;
}

void sp_held_count(const struct sp_held *held, uint32_t *restarts, uint32_t *upgrades) {
	const struct sp_journal_shared *shared = sp_journal_shared(held->journal);

	*restarts = shared->restarts;
	*upgrades = shared->upgrades;
}

bool sp_held_check(int fd, struct sp_error *error) {
	struct sp_journal *journal = sp_journal_open(fd, error);
	bool good = journal &&
		sp_journal_check(
			journal, RECORD, SP_RECORD_VERSION, sizeof(struct sp_record), error);

	sp_journal_destroy(journal);
	return good;
}
