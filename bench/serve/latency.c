/* SPDX-License-Identifier: MIT */
/*
 * Round trips of a trapped read, of several vfio-user servers and of a bare socket, in turns in one
 * run.
 *
 *	latency ROUNDS READS NAME=SOCKET,REGION,OFFSET,SIZE…
 *
 * Prints a line for each: its name and, in nanoseconds for one round trip, the median of all
 * rounds, the least and the greatest. "echo" is two processes that pass as many bytes to and fro
 * over a socket pair, and the last column is the median of each round's ratio to it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SERVERS_MAX 8
#define ROUNDS_MAX 4001
#define HEADER 16
#define ACCESS 16
#define DATA_MAX 8

enum { VERSION = 1, REGION_READ = 9 };

struct message {
	uint16_t id, command;
	uint32_t size, flags, error;
	uint8_t payload[ACCESS + DATA_MAX];
};

struct server {
	const char *name, *path; /* no path: the echo */
	uint32_t region, size;
	uint64_t offset;
	int socket;
	pid_t child;
	double times[ROUNDS_MAX], ratios[ROUNDS_MAX];
};

static void fail(const char *who, const char *what) {
	fprintf(stderr, "latency: %s: %s\n", who, what);
	exit(2);
}

static void put(const struct server *server, const void *data, size_t size) {
	if (write(server->socket, data, size) != (ssize_t)size)
		fail(server->name, "it does not take a message");
}

static void get(const struct server *server, void *data, size_t size) {
	size_t done = 0;
	ssize_t got;

	while (done < size) {
		got = read(server->socket, (char *)data + done, size - done);
		if (got <= 0)
			fail(server->name, "it hung up");
		done += (size_t)got;
	}
}

static void greet(const struct server *server) {
	static const char json[] = "{\"capabilities\":{\"max_msg_fds\":8}}";
	struct message hello = {.id = 1, .command = VERSION, .size = HEADER + 4 + sizeof(json)};
	char bytes[256], rest[65536];
	struct message reply;

	memcpy(bytes, &hello, HEADER);
	/* Version 0.1 of libvfio-user, which takes no older one, is 0.0 with other words. */
	memset(bytes + HEADER, 0, 4);
	memcpy(bytes + HEADER + 4, json, sizeof(json));
	put(server, bytes, hello.size);
	get(server, &reply, HEADER);
	if (reply.error || reply.size < HEADER || reply.size - HEADER > sizeof(rest))
		fail(server->name, "it refused the version");
	get(server, rest, reply.size - HEADER);
}

static void open_server(struct server *server) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(server->path) >= sizeof(address.sun_path))
		fail(server->name, "its path is too long");
	strcpy(address.sun_path, server->path);
	server->socket = socket(AF_UNIX, SOCK_STREAM, 0);
	if (server->socket < 0 ||
		connect(server->socket, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail(server->path, "it cannot be connected to");
	greet(server);
}

/* The other side of the echo. */
static void answer(int socket, size_t in, size_t out) {
	uint8_t bytes[sizeof(struct message)] = {0};

	while (read(socket, bytes, in) == (ssize_t)in) {
		if (write(socket, bytes, out) != (ssize_t)out)
			break;
	}
	_exit(0);
}

static void open_echo(struct server *server) {
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		fail(server->name, "there is no socket pair");
	server->child = fork();
	if (server->child < 0)
		fail(server->name, "there is no process");
	if (!server->child) {
		close(pair[0]);
		answer(pair[1], HEADER + ACCESS, HEADER + ACCESS + server->size);
	}
	close(pair[1]);
	server->socket = pair[0];
}

static double now(void) {
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* Nanoseconds for one. */
static double measure(const struct server *server, unsigned reads) {
	struct message ask = {.command = REGION_READ, .size = HEADER + ACCESS}, reply;
	double start = now();

	memcpy(ask.payload, &server->offset, 8);
	memcpy(ask.payload + 8, &server->region, 4);
	memcpy(ask.payload + 12, &server->size, 4);
	for (unsigned i = 0; i < reads; i++) {
		ask.id = (uint16_t)i;
		put(server, &ask, ask.size);
		get(server, &reply, HEADER + ACCESS + server->size);
		if (server->path && (reply.id != ask.id || reply.error))
			fail(server->name, "it answered a read wrongly");
	}
	return (now() - start) / reads;
}

static int compare(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values, unsigned count) {
	qsort(values, count, sizeof(*values), compare);
	return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static void parse(struct server *server, char *text) {
	char *path = strchr(text, '='), *comma = path ? strchr(path, ',') : NULL;
	unsigned long long offset;

	if (!comma || sscanf(comma, ",%u,%llu,%u", &server->region, &offset, &server->size) != 3 ||
		!server->size || server->size > DATA_MAX)
		fail(text, "it is not NAME=SOCKET,REGION,OFFSET,SIZE");
	*path = *comma = '\0';
	server->name = text;
	server->path = path + 1;
	server->offset = offset;
}

int main(int argc, char **argv) {
	struct server servers[SERVERS_MAX] = {{.name = "echo", .size = 4}};
	unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
	unsigned reads = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	unsigned count = 1;

	if (!rounds || rounds > ROUNDS_MAX || !reads || argc < 4 || argc - 3 >= SERVERS_MAX)
		fail("usage", "latency ROUNDS READS NAME=SOCKET,REGION,OFFSET,SIZE…");
	for (; count < (unsigned)argc - 2; count++)
		parse(&servers[count], argv[count + 2]);
	servers[0].size = servers[1].size;
	for (unsigned i = 0; i < count; i++) {
		if (servers[i].path)
			open_server(&servers[i]);
		else
			open_echo(&servers[i]);
		(void)measure(&servers[i], reads / 10 + 1);
	}
	for (unsigned round = 0; round < rounds; round++) {
		/* Each begins a round in its turn, so that none has a place of its own. */
		for (unsigned i = 0; i < count; i++) {
			struct server *server = &servers[(round + i) % count];

			server->times[round] = measure(server, reads);
		}
		for (unsigned i = 0; i < count; i++)
			servers[i].ratios[round] = servers[i].times[round] / servers[0].times[round];
	}
	for (unsigned i = 0; i < count; i++) {
		double middle = median(servers[i].times, rounds);

		printf("%s\t%.0f\t%.0f\t%.0f\t%.3f\n", servers[i].name, middle,
			servers[i].times[0], servers[i].times[rounds - 1],
			median(servers[i].ratios, rounds));
		close(servers[i].socket);
		if (servers[i].child)
			waitpid(servers[i].child, NULL, 0);
	}
	return 0;
}
