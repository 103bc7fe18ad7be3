/* SPDX-License-Identifier: MIT */
#include "../wire/scene.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * A client in a process of its own that is killed at each message of a session: when half of it is
 * sent, when all of it is, and when the device has it. The next one is served, and nothing is left.
 */
#define TWIN "{\"capabilities\":{\"twin_socket\":{\"supported\":true}}}"

static const struct {
	uint16_t command;
	struct sp_wire_body body;
	const char *data;
	uint32_t size;
	enum { NONE, MEMORY, EVENTS } fds;
} SESSION[] = {
	{SP_WIRE_VERSION, {0}, TWIN, sizeof(TWIN), NONE},
	{SP_WIRE_DMA_MAP, {.argsz = 32, .flags = 3, .size = 0x10000}, NULL, 0, MEMORY},
	{SP_WIRE_DMA_MAP, {.argsz = 32, .flags = 3, .address = 0x10000, .size = 0x10000}, NULL, 0,
		NONE},
	{SP_WIRE_GET_INFO, {.argsz = 16}, NULL, 0, NONE},
	{SP_WIRE_REGION_INFO, {.argsz = 4096, .index = SP_REGION_BAR0}, NULL, 0, NONE},
	{SP_WIRE_REGION_IO_FDS, {.argsz = 4096, .index = SP_REGION_BAR0}, NULL, 0, NONE},
	{SP_WIRE_IRQ_INFO, {.argsz = 16, .index = SP_WIRE_MSIX}, NULL, 0, NONE},
	{SP_WIRE_SET_IRQS, {.argsz = 20, .flags = 4 | 32, .index = SP_WIRE_MSIX, .count = 2}, NULL,
		0, EVENTS},
	{SP_WIRE_REGION_WRITE, {.index = SP_REGION_BAR0, .count = 4}, "abcd", 4, NONE},
	{SP_WIRE_REGION_READ, {.index = SP_REGION_BAR0, .count = 4}, NULL, 0, NONE},
	{SP_WIRE_WRITE_MULTI, {.size = 1}, "\0\0\0\0\0\0\0\0\0\0\0\0\4\0\0\0abcd\0\0\0", 24, NONE},
	{SP_WIRE_FEATURE, {.argsz = 64, .flags = 1 << 17 | 6}, "\0\20\0\0\0\0\0\0\0\0\0\0\0\0\0",
		16, NONE},
	{SP_WIRE_FEATURE, {.argsz = 64, .flags = 1 << 17 | 2}, "\3\0\0\0\0\0\0", 8, NONE},
	{SP_WIRE_MIG_READ, {.argsz = 4104, .count = 4096}, NULL, 0, NONE},
	{SP_WIRE_FEATURE, {.argsz = 64, .flags = 1 << 17 | 2}, "\4\0\0\0\0\0\0", 8, NONE},
	{SP_WIRE_MIG_WRITE, {.argsz = 16, .count = 8}, "SPSTATE\1", 8, NONE},
	{SP_WIRE_RESET, {0}, NULL, 0, NONE},
	{SP_WIRE_DMA_UNMAP, {.argsz = 24, .size = 0x10000}, NULL, 0, NONE},
};
#define STEPS (sizeof(SESSION) / sizeof(SESSION[0]))

static void send_step(
	struct client *client, size_t step, bool half, int memory, const int *events) {
	const int *fds = SESSION[step].fds == MEMORY ? &memory : events;
	uint32_t count = (uint32_t)SESSION[step].fds;
	uint8_t bytes[256];
	struct sp_wire_header header = {.id = (uint16_t)step, .command = SESSION[step].command};

	header.size = SP_WIRE_HEADER + SESSION[step].size;
	header.size += sp_wire_encode(header.command, &SESSION[step].body, bytes + SP_WIRE_HEADER);
	if (SESSION[step].size)
		memcpy(bytes + header.size - SESSION[step].size, SESSION[step].data,
			SESSION[step].size);
	sp_wire_put_header(bytes, &header);
	client_send(client, bytes, half ? header.size / 2 : header.size, fds, count);
}

/* The process: the steps before the last with their replies; then it waits for a sign, sends the
 * last, and does no more. */
static void play(struct client *client, size_t last, bool half, int sign) {
	int memory = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int events[2] = {eventfd(0, EFD_CLOEXEC), eventfd(0, EFD_CLOEXEC)};
	struct sp_error error;
	char byte;

	/* It is in the way of nobody if the test fails. */
	alarm(60);
	if (ftruncate(memory, 0x10000) < 0 || fcntl(client->socket, F_SETFL, 0) < 0 ||
		!sp_loop_create(&client->loop, &error))
		_exit(1);
	for (size_t step = 0; step < last; step++) {
		send_step(client, step, false, memory, events);
		if (!client_receive(client) || client->header.flags != SP_WIRE_REPLY)
			_exit(2);
		/* They stay open, as the end of the second socket is among them. */
		client->fd_count = 0;
	}
	if (write(sign, "?", 1) != 1 || read(sign, &byte, 1) != 1)
		_exit(3);
	send_step(client, last, half, memory, events);
	if (write(sign, "!", 1) != 1)
		_exit(4);
	for (;;)
		pause();
}

enum when { HALF, WHOLE, IN_HAND };

static void transferred(struct sp_transfer *transfer, int error) {
	transfer->size = 1000 + (uint64_t)error;
}

static void wait_for(struct scene *scene, int sign, char wanted) {
	unsigned gone = scene->gone;
	char byte = 0;

	while (recv(sign, &byte, 1, MSG_DONTWAIT) < 0) {
		(void)sp_loop_step(scene->loop, 5);
		assert_int_equal(scene->gone, gone);
	}
	assert_int_equal(byte, wanted);
}

static void kill_at(struct scene *scene, size_t last, enum when when) {
	struct client *client = &scene->client;
	struct sp_bus *bus = scene->device->base.bus;
	uint8_t data[8];
	struct sp_transfer transfer = {
		.address = 0x10000, .size = 8, .data = data, .done = transferred};
	unsigned gone = scene->gone;
	int sign[2], status;
	pid_t child;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sign), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child)
		play(client, last, when == HALF, sign[1]);
	/* Its end is the child's alone. */
	close(client->socket);
	close(sign[1]);
	client->socket = -1;
	wait_for(scene, sign[0], '?');
	scene->device->slow = when == IN_HAND;
	assert_int_equal(write(sign[0], "!", 1), 1);
	wait_for(scene, sign[0], '!');
	client_idle(client);
	/* A request of ours is under way, too, as soon as there is memory for it. */
	if (last > 2)
		bus->ops->transfer(bus, &transfer);
	client_idle(client);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	client_idle(client);
	fake_finish(scene->device);
	client_idle(client);
	assert_int_equal(scene->gone, gone + 1);
	if (last > 2)
		assert_in_range(transfer.size, 1001, 2000);
	close(sign[0]);
}

static void test_each_message(void **state) {
	struct scene *scene = *state;
	struct client *client = &scene->client;
	unsigned files;

	scene->device->info.state = true;
	client_hang_up(client);
	files = scene_files();
	for (size_t last = 0; last < STEPS; last++) {
		for (enum when when = HALF; when <= IN_HAND; when++) {
			assert_true(client_connect(client, scene->loop, scene->server));
			kill_at(scene, last, when);
			assert_int_equal(scene_files(), files);
			assert_int_equal(scene_state(scene).ranges, 0);
			assert_true(scene_state(scene).mapped == 0);
			assert_int_equal(scene->device->stops, scene->device->resumes);
			assert_true(client_connect(client, scene->loop, scene->server));
			assert_int_equal(client_greet(client, "{}"), 0);
			assert_int_equal(client_read(client, SP_REGION_BAR0, 0, 4), 0);
			client_hang_up(client);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_each_message, scene_begin, scene_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
