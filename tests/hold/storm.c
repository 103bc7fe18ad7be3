/* SPDX-License-Identifier: MIT */
/*
 * A client that notices everything that is done twice or not at all, while somebody kills the
 * workers that serve it.
 *
 *	storm SERVER [seconds=N] [kill=MICROSECONDS] [upgrade=MILLISECONDS] [seed=N]
 *	storm SERVER steps=N [stride=N] [seed=N]
 *
 * With `steps` the worker is killed after each number of machine instructions up to that (and each
 * `stride`th of them), counted from when it gets a batch of messages.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tally.h"
#include "wire/protocol.h"

#define SLOTS 16u /* of guest memory */
#define SLOT_AT(i) (0x100000u + (uint64_t)(i)*0x2000)
#define BATCH 16u
#define LARGE (300u << 10)
#define BUFFER (BATCH * (LARGE + 256))

enum check { CHECK_NONE, CHECK_VALUE, CHECK_PATTERN, CHECK_FD, CHECK_SIGNAL, CHECK_STORED };

struct expected {
	uint16_t id, command;
	uint32_t error;
	enum check check;
	uint64_t value; /* or the offset of a pattern, or a vector */
	uint32_t size; /* of the payload's data */
};

struct shared {
	volatile uint64_t kills, upgrades, rounds;
	volatile int stop;
};

static struct {
	int socket;
	pid_t holder, killer;
	uint16_t id;
	uint64_t sum, reads, messages, posted;
	bool mapped[SLOTS];
	int memory[2];
	uint8_t *guest[2];
	unsigned file[SLOTS];
	int events[4];
	bool armed, keep;
	struct expected queue[BATCH + 1];
	unsigned count;
	uint8_t *out;
	size_t out_size;
	uint64_t random;
	ino_t shown;
} storm;

static void fail(const char *format, ...) {
	va_list arguments;

	va_start(arguments, format);
	fprintf(stderr, "storm: after %lu messages: ", (unsigned long)storm.messages);
	vfprintf(stderr, format, arguments);
	fprintf(stderr, "\n");
	va_end(arguments);
	if (storm.killer > 0)
		kill(storm.killer, SIGKILL);
	if (storm.holder > 0)
		kill(storm.holder, SIGTERM);
	exit(1);
}

static uint32_t dice(uint32_t sides) {
	storm.random = storm.random * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(storm.random >> 33) % sides;
}

static void transmit(const void *bytes, size_t size, const int *fds, unsigned fd_count) {
	const uint8_t *at = bytes;

	while (size) {
		union {
			struct cmsghdr align;
			uint8_t bytes[CMSG_SPACE(16 * sizeof(int))];
		} control;
		struct iovec part = {(void *)(uintptr_t)at, size};
		struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
		ssize_t sent;

		if (fd_count) {
			memset(&control, 0, sizeof(control));
			message.msg_control = &control;
			message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
			CMSG_FIRSTHDR(&message)->cmsg_level = SOL_SOCKET;
			CMSG_FIRSTHDR(&message)->cmsg_type = SCM_RIGHTS;
			CMSG_FIRSTHDR(&message)->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
			memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), fds, fd_count * sizeof(int));
		}
		sent = sendmsg(storm.socket, &message, MSG_NOSIGNAL);
		if (sent <= 0)
			fail("send: %s", strerror(errno));
		at += sent;
		size -= (size_t)sent;
		fd_count = 0;
	}
}

static void flush_out(void) {
	if (storm.out_size)
		transmit(storm.out, storm.out_size, NULL, 0);
	storm.out_size = 0;
}

static struct expected *command(uint16_t number, bool posted, const struct sp_wire_body *body,
	const void *data, uint32_t size, const int *fds, unsigned fd_count) {
	struct sp_wire_header header = {.id = ++storm.id, .command = number};
	struct expected *expected = &storm.queue[storm.count];
	uint8_t *at;

	if (fd_count)
		flush_out();
	at = storm.out + storm.out_size;
	header.flags = posted ? SP_WIRE_NO_REPLY : 0;
	header.size = SP_WIRE_HEADER + sp_wire_encode(number, body, at + SP_WIRE_HEADER);
	if (size)
		memcpy(at + header.size, data, size);
	header.size += size;
	sp_wire_put_header(at, &header);
	if (fd_count)
		transmit(at, header.size, fds, fd_count);
	else
		storm.out_size += header.size;
	storm.messages++;
	storm.posted += posted;
	*expected = (struct expected){.id = header.id, .command = number};
	storm.count += !posted;
	return expected;
}

static struct expected *write_bytes(
	uint32_t region, uint64_t offset, const void *data, uint32_t size, bool posted) {
	struct sp_wire_body body = {.index = region, .offset = offset, .count = size};

	return command(SP_WIRE_REGION_WRITE, posted, &body, data, size, NULL, 0);
}

static struct expected *read_bytes(uint32_t region, uint64_t offset, uint32_t size) {
	struct sp_wire_body body = {.index = region, .offset = offset, .count = size};
	struct expected *expected = command(SP_WIRE_REGION_READ, false, &body, NULL, 0, NULL, 0);

	expected->size = size;
	return expected;
}

static void receive(uint8_t *bytes, size_t size, int *fd) {
	while (size) {
		union {
			struct cmsghdr align;
			uint8_t bytes[CMSG_SPACE(sizeof(int))];
		} control;
		struct iovec part = {bytes, size};
		struct msghdr message = {.msg_iov = &part,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control)};
		ssize_t count = recvmsg(storm.socket, &message, 0);

		if (count <= 0)
			fail("the server hung up (%s)", count ? strerror(errno) : "end");
		if (CMSG_FIRSTHDR(&message)) {
			if (*fd >= 0)
				fail("two descriptors for one message");
			memcpy(fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(*fd));
		}
		bytes += count;
		size -= (size_t)count;
	}
}

static void check_fd(int fd) {
	struct stat stat;

	if (fd < 0 || fstat(fd, &stat))
		fail("a reply without its descriptor");
	if (storm.shown && storm.shown != stat.st_ino)
		fail("the device's memory is another one");
	storm.shown = stat.st_ino;
}

static void check(const struct expected *expected, const uint8_t *data, uint32_t size, int fd) {
	uint64_t value;

	if (expected->size && size != expected->size)
		fail("%u bytes for %u", size, expected->size);
	switch (expected->check) {
	case CHECK_VALUE:
		memcpy(&value, data, sizeof(value));
		if (value != expected->value)
			fail("%#lx was read, which should be %#lx", (unsigned long)value,
				(unsigned long)expected->value);
		break;
	case CHECK_PATTERN:
		for (uint32_t i = 0; i < size; i++) {
			if (data[i] != (uint8_t)((expected->value + i) * 31 >> 3))
				fail("byte %u of %u is wrong", i, size);
		}
		break;
	case CHECK_FD:
		check_fd(fd);
		break;
	case CHECK_SIGNAL:
		if (read(storm.events[expected->value], &value, sizeof(value)) != sizeof(value))
			fail("an interrupt is missing");
		break;
	case CHECK_STORED:
	case CHECK_NONE:
		break;
	}
}

static void take_replies(void) {
	static uint8_t payload[SP_WIRE_MESSAGE_MAX];

	flush_out();
	for (unsigned i = 0; i < storm.count; i++) {
		const struct expected *expected = &storm.queue[i];
		uint8_t head[SP_WIRE_HEADER];
		struct sp_wire_header header;
		const uint8_t *data = payload;
		uint32_t size = 0;
		int fd = -1;

		receive(head, sizeof(head), &fd);
		header = sp_wire_get_header(head);
		if (header.id != expected->id || header.command != expected->command ||
			(header.flags & SP_WIRE_TYPE) != SP_WIRE_REPLY)
			fail("reply %u of command %u in place of %u of %u", header.id,
				header.command, expected->id, expected->command);
		if (header.size < SP_WIRE_HEADER || header.size > SP_WIRE_MESSAGE_MAX)
			fail("a reply of %u bytes", header.size);
		receive(payload, header.size - SP_WIRE_HEADER, &fd);
		if (header.error != expected->error)
			fail("command %u: error %u in place of %u", header.command, header.error,
				expected->error);
		if (header.size > SP_WIRE_HEADER + sp_wire_fixed(header.command)) {
			data = payload + sp_wire_fixed(header.command);
			size = header.size - SP_WIRE_HEADER - sp_wire_fixed(header.command);
		}
		check(expected, data, size, fd);
		if (fd >= 0)
			close(fd);
	}
	storm.count = 0;
}

static void map_or_not(void) {
	uint32_t slot = dice(SLOTS);
	struct sp_wire_body body = {.argsz = 32,
		.flags = SP_WIRE_MAP_READ | SP_WIRE_MAP_WRITE,
		.address = SLOT_AT(slot),
		.size = 4096,
		.offset = slot * 4096u};
	unsigned file = dice(2);
	bool here = dice(8) == 0; /* in the client's hands */

	if (dice(2)) {
		int *fd = &storm.memory[file];
		struct expected *expected = command(
			SP_WIRE_DMA_MAP, false, &body, NULL, 0, here ? NULL : fd, here ? 0 : 1);

		expected->error = storm.mapped[slot] ? EEXIST : 0;
		if (!storm.mapped[slot])
			storm.file[slot] = here ? 2 : file;
		storm.mapped[slot] = true;
	} else {
		body.argsz = 24;
		body.flags = 0;
		command(SP_WIRE_DMA_UNMAP, false, &body, NULL, 0, NULL, 0);
		storm.mapped[slot] = false;
	}
}

static void fetch(void) {
	uint32_t slot = dice(SLOTS);
	uint64_t address = SLOT_AT(slot) + 8 * dice(16), value;

	if (storm.mapped[slot] && storm.file[slot] == 2)
		return;
	write_bytes(SP_REGION_BAR0, TALLY_FETCH, &address, sizeof(address), dice(2));
	if (storm.mapped[slot]) {
		memcpy(&value, storm.guest[storm.file[slot]] + slot * 4096u + address % 4096,
			sizeof(value));
		storm.sum += value;
	}
}

static void raise_one(void) {
	uint64_t vector = dice(4), count;
	struct expected *expected;

	if (!storm.armed || storm.keep)
		return;
	/* Only here, where nothing is under way. */
	take_replies();
	while (read(storm.events[vector], &count, sizeof(count)) == sizeof(count))
		;
	expected = write_bytes(SP_REGION_BAR0, TALLY_RAISE, &vector, sizeof(vector), false);
	expected->check = CHECK_SIGNAL;
	expected->value = vector;
	take_replies();
}

static void arm(void) {
	struct sp_wire_body body = {.argsz = 20,
		.flags = SP_WIRE_SET_EVENTFD | SP_WIRE_SET_TRIGGER,
		.index = SP_WIRE_MSI,
		.count = 4};

	if (storm.armed && dice(2)) {
		body.flags = SP_WIRE_SET_NONE | SP_WIRE_SET_TRIGGER;
		body.count = 0;
		command(SP_WIRE_SET_IRQS, false, &body, NULL, 0, NULL, 0);
		storm.armed = false;
		return;
	}
	command(SP_WIRE_SET_IRQS, false, &body, NULL, 0, storm.events, 4);
	storm.armed = true;
}

static void blob(void) {
	static uint8_t data[LARGE];
	uint32_t size = dice(4) ? 1 + dice(4096) : 1 + dice(LARGE);
	struct expected *expected;
	uint32_t offset = dice(TALLY_BLOB - LARGE);

	if (dice(2)) {
		expected = read_bytes(SP_REGION_BAR2, offset, size);
		expected->check = CHECK_PATTERN;
		expected->value = offset;
		return;
	}
	for (uint32_t i = 0; i < size; i++) {
		data[i] = (uint8_t)(i * size >> 4);
		storm.sum += data[i];
	}
	write_bytes(SP_REGION_BAR2, offset, data, size, dice(2));
}

static void one(void) {
	struct sp_wire_body body = {.argsz = 32, .index = SP_REGION_BAR4};
	struct expected *expected;
	uint64_t value = dice(1000);

	switch (dice(20)) {
	case 0:
	case 1:
		map_or_not();
		break;
	case 2:
		fetch();
		break;
	case 3:
		raise_one();
		break;
	case 4:
		if (dice(4) == 0)
			arm();
		break;
	case 5:
		expected = command(SP_WIRE_REGION_INFO, false, &body, NULL, 0, NULL, 0);
		expected->check = CHECK_FD;
		break;
	case 6:
		if (dice(8) == 0)
			blob();
		else if (dice(4) == 0) {
			write_bytes(SP_REGION_BAR0, TALLY_SLOW, &value, sizeof(value), dice(2));
			storm.sum += value;
		}
		break;
	case 7:
	case 8:
	case 9:
	case 10:
		expected = read_bytes(SP_REGION_BAR0, TALLY_READS, 8);
		expected->check = CHECK_VALUE;
		expected->value = ++storm.reads;
		break;
	case 11:
	case 12:
	case 13:
	case 14:
		expected = read_bytes(SP_REGION_BAR0, TALLY_SUM, 8);
		expected->check = CHECK_VALUE;
		expected->value = storm.sum;
		break;
	default:
		write_bytes(SP_REGION_BAR0, TALLY_SUM, &value, sizeof(value), dice(3) > 0);
		storm.sum += value;
		break;
	}
	if (dice(3) == 0 && !storm.keep)
		flush_out();
}

static pid_t child_of(pid_t process) {
	char path[64];
	int child = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", process, process);
	file = fopen(path, "r");
	if (file && fscanf(file, "%d", &child) != 1)
		child = -1;
	if (file)
		fclose(file);
	return child;
}

static unsigned files_of(pid_t process) {
	char path[64];
	unsigned count = 0;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/fd", process);
	folder = opendir(path);
	while (folder && readdir(folder))
		count++;
	if (folder)
		closedir(folder);
	return count;
}

static pid_t start(const char *program, const char *path) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	pid_t child = fork();

	if (child == 0) {
		execl(program, program, path, (char *)NULL);
		_exit(127);
	}
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	storm.socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	for (int i = 0; i < 500; i++) {
		if (connect(storm.socket, (struct sockaddr *)&address, sizeof(address)) == 0)
			return child;
		usleep(10000);
	}
	fail("no server");
	return -1;
}

static void wait_for_round(const struct shared *shared) {
	uint64_t before = shared->rounds;

	for (int i = 0; i < 20000 && shared->rounds == before && !shared->stop; i++)
		usleep(500);
}

/* Another process, so that it does not wait as the client does. */
static pid_t start_killer(struct shared *shared, unsigned every, unsigned upgrade) {
	pid_t killer = fork();
	struct timespec begin, time;
	uint64_t next = upgrade * 1000;

	if (killer)
		return killer;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	while (!shared->stop) {
		uint64_t passed;
		pid_t worker;

		usleep(every ? dice(every) : 1000);
		/* Now and then one has time to get on, however busy the machine is. */
		if (dice(64) == 0)
			wait_for_round(shared);
		clock_gettime(CLOCK_MONOTONIC, &time);
		passed = (uint64_t)(time.tv_sec - begin.tv_sec) * 1000000 +
			(uint64_t)((time.tv_nsec - begin.tv_nsec) / 1000);
		if (upgrade && passed > next) {
			kill(storm.holder, SIGHUP);
			shared->upgrades++;
			next = passed + upgrade * 1000;
		}
		worker = every ? child_of(storm.holder) : -1;
		if (worker > 0 && kill(worker, SIGKILL) == 0)
			shared->kills++;
	}
	_exit(0);
}

/* Some messages, in one piece. Their replies are to be taken. */
static void a_batch(void) {
	unsigned count = 1 + dice(6);

	for (unsigned i = 0; i < count && storm.count < BATCH - 1; i++)
		one();
}

static void tick(int number) {
	(void)number;
}

/* Waits until the tracee has stopped. False: it waits for something, or is dead. */
static bool stopped(pid_t worker) {
	/* An alarm ends the wait, but the first one may come at any time. */
	for (int i = 0; i < 2; i++) {
		int status;
		pid_t pid = waitpid(worker, &status, __WALL);

		if (pid == worker)
			return WIFSTOPPED(status);
	}
	return false;
}

/* True if it was killed before it had nothing left to do. */
static bool kill_after(pid_t worker, unsigned steps) {
	bool busy = true;

	for (unsigned i = 0; busy && i < steps; i++)
		busy = ptrace(PTRACE_SINGLESTEP, worker, 0, 0) == 0 && stopped(worker);
	kill(worker, SIGKILL);
	while (waitpid(worker, NULL, __WALL) < 0 && errno == EINTR)
		;
	return busy;
}

static pid_t next_worker(pid_t last) {
	for (int i = 0; i < 100000; i++) {
		pid_t worker = child_of(storm.holder);

		if (worker > 0 && worker != last)
			return worker;
		usleep(20);
	}
	fail("no worker any more");
	return -1;
}

static void step_through(struct shared *shared, unsigned steps, unsigned stride) {
	const struct itimerval interval = {{0, 20000}, {0, 20000}};
	const struct sigaction action = {.sa_handler = tick};
	pid_t worker = 0;
	uint64_t inside = 0;

	for (unsigned i = 1; i <= steps; i += stride) {
		worker = next_worker(worker);
		/* It has come to rest. */
		read_bytes(SP_REGION_BAR0, TALLY_SUM, 8)->check = CHECK_NONE;
		take_replies();
		if (ptrace(PTRACE_SEIZE, worker, 0, 0) < 0)
			fail("ptrace: %s", strerror(errno));
		ptrace(PTRACE_INTERRUPT, worker, 0, 0);
		while (!stopped(worker))
			;
		storm.keep = true;
		a_batch();
		storm.keep = false;
		flush_out();
		sigaction(SIGALRM, &action, NULL);
		setitimer(ITIMER_REAL, &interval, NULL);
		inside += kill_after(worker, i + dice(stride));
		setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
		shared->kills++;
		take_replies();
	}
	printf("%lu of them while there was something to do\n", (unsigned long)inside);
}

static void begin(void) {
	struct sp_wire_body body = {0};
	const char capabilities[] = "{\"capabilities\":{\"max_msg_fds\":8}}";
	uint16_t on = 6;

	storm.out = malloc(BUFFER);
	for (unsigned i = 0; i < 2; i++) {
		storm.memory[i] = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (ftruncate(storm.memory[i], SLOTS * 4096) < 0)
			fail("memory");
		storm.guest[i] = mmap(
			NULL, SLOTS * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, storm.memory[i], 0);
		for (unsigned j = 0; j < SLOTS * 4096; j++)
			storm.guest[i][j] = (uint8_t)(j * (7 + i) >> 2);
	}
	for (unsigned i = 0; i < 4; i++)
		storm.events[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	command(SP_WIRE_VERSION, false, &body, capabilities, sizeof(capabilities), NULL, 0);
	take_replies();
	write_bytes(SP_REGION_CONFIG, 4, &on, 2, false);
	take_replies();
}

/* Everything that has a descriptor is given back. */
static void give_back(void) {
	struct sp_wire_body all = {.argsz = 24, .flags = SP_WIRE_UNMAP_ALL};
	struct sp_wire_body none = {
		.argsz = 20, .flags = SP_WIRE_SET_NONE | SP_WIRE_SET_TRIGGER, .index = SP_WIRE_MSI};

	command(SP_WIRE_DMA_UNMAP, false, &all, NULL, 0, NULL, 0);
	command(SP_WIRE_SET_IRQS, false, &none, NULL, 0, NULL, 0);
	take_replies();
	/* The last commit is done when the next command is. */
	read_bytes(SP_REGION_BAR0, TALLY_SUM, 8)->check = CHECK_NONE;
	take_replies();
}

static unsigned number(int argc, char **argv, const char *name, unsigned otherwise) {
	size_t length = strlen(name);

	for (int i = 2; i < argc; i++) {
		if (strncmp(argv[i], name, length) == 0 && argv[i][length] == '=')
			return (unsigned)strtoul(argv[i] + length + 1, NULL, 10);
	}
	return otherwise;
}

int main(int argc, char **argv) {
	struct shared *shared =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned seconds = number(argc, argv, "seconds", 5), before, after;
	unsigned steps = number(argc, argv, "steps", 0);
	char path[64];
	time_t end = time(NULL) + (time_t)seconds;
	int status;

	storm.random = number(argc, argv, "seed", 1);
	snprintf(path, sizeof(path), "/tmp/storm-%d", (int)getpid());
	storm.holder = start(argv[1], path);
	begin();
	before = files_of(storm.holder);
	if (steps) {
		step_through(shared, steps, number(argc, argv, "stride", 1));
	} else {
		storm.killer = start_killer(
			shared, number(argc, argv, "kill", 4000), number(argc, argv, "upgrade", 0));
		while (time(NULL) < end) {
			unsigned count = 1 + dice(BATCH - 1);

			for (unsigned i = 0; i < count && storm.count < BATCH - 1; i++)
				one();
			take_replies();
			shared->rounds++;
		}
		shared->stop = 1;
		waitpid(storm.killer, NULL, 0);
		storm.killer = 0;
	}
	give_back();
	usleep(50000);
	after = files_of(storm.holder);
	kill(storm.holder, SIGTERM);
	waitpid(storm.holder, &status, 0);
	unlink(path);
	printf("%lu kills, %lu upgrades, %lu messages (%lu without reply), all once; "
	       "descriptors %u before, %u after; the holder ended with %d\n",
		(unsigned long)shared->kills, (unsigned long)shared->upgrades,
		(unsigned long)storm.messages, (unsigned long)storm.posted, before, after, status);
	if (after > before + 1)
		fail("descriptors were left behind");
	return status != 0;
}
