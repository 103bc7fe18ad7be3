/* SPDX-License-Identifier: MIT */
/*
 * Many clients, each of a server of its own.
 *
 *	crowd SECONDS REGION OFFSET SIZE SOCKET…
 *
 * All attach, and "attached" is printed. After a line of input all read at once for that long, and
 *the count of each one's reads is printed. It ends with its input.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"

#define CLIENTS_MAX 64u
#define AT_ONCE 16u

static uint64_t read_until(struct client *client, const struct place *place, double end) {
	uint64_t count = 0;

	while (client_now() < end) {
		for (unsigned i = 0; i < AT_ONCE; i++)
			client_access(client, place, false);
		count += AT_ONCE;
	}
	return count;
}

static void read_all(struct client *clients, unsigned count, const struct place *place,
	uint64_t *counts, double seconds) {
	/* All children are there before the first begins. */
	double begin = client_now() + 2e8, end = begin + seconds * 1e9;

	for (unsigned i = 0; i < count; i++) {
		pid_t child = fork();

		if (child < 0)
			client_fail("crowd", "there is no process");
		if (child)
			continue;
		while (client_now() < begin)
			usleep(1000);
		counts[i] = read_until(&clients[i], place, end);
		_exit(0);
	}
	for (unsigned i = 0; i < count; i++) {
		int status;

		if (wait(&status) < 0 || status)
			client_fail("crowd", "a client failed");
	}
	for (unsigned i = 0; i < count; i++)
		printf("%llu%c", (unsigned long long)counts[i], i + 1 < count ? ' ' : '\n');
	fflush(stdout);
}

int main(int argc, char **argv) {
	static struct client clients[CLIENTS_MAX];
	unsigned count = argc > 5 ? (unsigned)argc - 5 : 0;
	struct place place;
	uint64_t *counts;
	char line[16];

	if (!count || count > CLIENTS_MAX)
		client_fail("usage", "crowd SECONDS REGION OFFSET SIZE SOCKET…");
	place = (struct place){
		.region = (uint32_t)strtoul(argv[2], NULL, 0),
		.offset = strtoull(argv[3], NULL, 0),
		.size = (uint32_t)strtoul(argv[4], NULL, 0),
	};
	counts = mmap(NULL, CLIENTS_MAX * sizeof(*counts), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counts == MAP_FAILED)
		client_fail("crowd", "there is no memory");
	for (unsigned i = 0; i < count; i++) {
		client_open(&clients[i], argv[5 + i], argv[5 + i]);
		client_attach(&clients[i]);
	}
	printf("attached\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		read_all(clients, count, &place, counts, strtod(argv[1], NULL));
	return 0;
}
