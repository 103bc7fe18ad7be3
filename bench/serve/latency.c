/* SPDX-License-Identifier: MIT */
/*
 * Round trips of a trapped access, of several vfio-user servers and of a bare socket, in turns in
 * one run.
 *
 *	latency CORE ROUNDS ACCESSES NAME=SOCKET,REGION,OFFSET,SIZE[,w]…
 *
 * Prints a line for each: its name; in nanoseconds for one round trip, the median of all rounds and
 * the bounds of the middle eight tenths; and the medians of each round's ratio to "echo", and to
 *the first server. "echo" is two processes that pass as many bytes to and fro over a socket pair,
 *as fast as they can; the other one runs on that core, as servers are to, unless CORE is "-". `w`:
 *it is a write, of zeros.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"

#define SERVERS_MAX 8u
#define ROUNDS_MAX 10000u

struct server {
	struct client client;
	const char *path; /* NULL: the echo */
	struct place place;
	pid_t child;
	double times[ROUNDS_MAX], to_echo[ROUNDS_MAX], to_first[ROUNDS_MAX];
};

static struct server servers[SERVERS_MAX];

static void go_to(const char *core) {
	cpu_set_t set;

	if (strcmp(core, "-") == 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(strtoul(core, NULL, 10), &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		client_fail("echo", "there is no such core");
}

/* The other side of the echo. */
static void answer(int socket, const struct place *place) {
	static uint8_t bytes[256];
	uint32_t in, out;

	client_sizes(place, &in, &out);
	while (read(socket, bytes, in) == (ssize_t)in) {
		if (write(socket, bytes, out) != (ssize_t)out)
			break;
	}
	_exit(0);
}

static void open_echo(struct server *server, const char *core) {
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		client_fail("echo", "there is no socket pair");
	server->child = fork();
	if (server->child < 0)
		client_fail("echo", "there is no process");
	if (!server->child) {
		close(pair[0]);
		go_to(core);
		answer(pair[1], &server->place);
	}
	close(pair[1]);
	server->client = (struct client){.name = "echo", .socket = pair[0]};
}

/* Nanoseconds for one. */
static double measure(struct server *server, unsigned accesses) {
	double start = client_now();

	for (unsigned i = 0; i < accesses; i++)
		client_access(&server->client, &server->place, !server->path);
	return (client_now() - start) / accesses;
}

static int compare(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double sorted(double *values, unsigned count) {
	qsort(values, count, sizeof(*values), compare);
	return values[count / 2];
}

static void parse(struct server *server, char *text) {
	char *path = strchr(text, '='), *comma = path ? strchr(path, ',') : NULL, kind = 0;
	unsigned long long offset;
	struct place *place = &server->place;
	int got;

	if (!comma)
		client_fail(text, "it is not NAME=SOCKET,REGION,OFFSET,SIZE");
	got = sscanf(comma, ",%u,%llu,%u,%c", &place->region, &offset, &place->size, &kind);
	if (got < 3 || (got == 4 && kind != 'w') || !place->size || place->size > 8)
		client_fail(text, "it is not NAME=SOCKET,REGION,OFFSET,SIZE");
	*path = *comma = '\0';
	server->client.name = text;
	server->path = path + 1;
	place->offset = offset;
	place->write = kind == 'w';
}

static void tell(struct server *server, unsigned rounds) {
	double middle = sorted(server->times, rounds);

	printf("%s\t%.0f\t%.0f\t%.0f\t%.3f\t%.3f\n", server->client.name, middle,
		server->times[rounds / 10], server->times[rounds - 1 - rounds / 10],
		sorted(server->to_echo, rounds), sorted(server->to_first, rounds));
}

int main(int argc, char **argv) {
	unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	unsigned accesses = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
	unsigned count = 1;

	if (!rounds || rounds > ROUNDS_MAX || !accesses || argc < 5 ||
		(unsigned)argc - 4 >= SERVERS_MAX)
		client_fail("usage",
			"latency CORE ROUNDS ACCESSES NAME=SOCKET,REGION,OFFSET,SIZE[,w]…");
	for (; count < (unsigned)argc - 3; count++)
		parse(&servers[count], argv[count + 3]);
	servers[0].place = servers[1].place;
	for (unsigned i = 0; i < count; i++) {
		if (servers[i].path)
			client_open(&servers[i].client, servers[i].client.name, servers[i].path);
		else
			open_echo(&servers[i], argv[1]);
		(void)measure(&servers[i], accesses + 100);
	}
	for (unsigned round = 0; round < rounds; round++) {
		/* Each begins a round in its turn, so that none has a place of its own. */
		for (unsigned i = 0; i < count; i++) {
			struct server *server = &servers[(round + i) % count];

			server->times[round] = measure(server, accesses);
		}
		for (unsigned i = 0; i < count; i++) {
			double time = servers[i].times[round];

			servers[i].to_echo[round] = time / servers[0].times[round];
			servers[i].to_first[round] = time / servers[1].times[round];
		}
	}
	for (unsigned i = 0; i < count; i++) {
		tell(&servers[i], rounds);
		close(servers[i].client.socket);
		if (servers[i].child)
			waitpid(servers[i].child, NULL, 0);
	}
	return 0;
}
