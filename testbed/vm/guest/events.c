/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 *	events FILE		tells what comes from all input devices, a line of FILE for each
 *event: "EVENT NAME TYPE CODE VALUE"
 *	events light NUMBER CODE VALUE	switches a light of the first device that has it
 *	events abs		the ranges of the first device with absolute places
 */
#define MANY 16

static int devices[MANY], count;
static char names[MANY][64];

static void find(void) {
	char path[300];
	struct dirent *entry;
	DIR *folder = opendir("/dev/input");

	while (folder && count < MANY && (entry = readdir(folder))) {
		if (strncmp(entry->d_name, "event", 5) != 0)
			continue;
		snprintf(path, sizeof(path), "/dev/input/%s", entry->d_name);
		devices[count] = open(path, O_RDWR | O_CLOEXEC);
		if (devices[count] < 0)
			continue;
		if (ioctl(devices[count], EVIOCGNAME(sizeof(names[0])), names[count]) < 0)
			strcpy(names[count], "?");
		for (char *c = names[count]; *c; c++)
			if (*c == ' ')
				*c = '_';
		count++;
	}
	if (folder)
		closedir(folder);
}

static int light(int code, int value) {
	for (int i = 0; i < count; i++) {
		unsigned char bits[(LED_MAX + 8) / 8] = {0};
		struct input_event event = {
			.type = EV_LED, .code = (unsigned short)code, .value = value};
		struct input_event end = {.type = EV_SYN, .code = SYN_REPORT};

		if (ioctl(devices[i], EVIOCGBIT(EV_LED, sizeof(bits)), bits) < 0 ||
			!(bits[code / 8] & 1 << code % 8))
			continue;
		if (write(devices[i], &event, sizeof(event)) == sizeof(event) &&
			write(devices[i], &end, sizeof(end)) == sizeof(end)) {
			printf("light %s %d %d\n", names[i], code, value);
			return 0;
		}
	}
	printf("light none\n");
	return 1;
}

static void ranges(void) {
	struct input_absinfo x, y;

	for (int i = 0; i < count; i++)
		if (ioctl(devices[i], EVIOCGABS(ABS_X), &x) >= 0 &&
			ioctl(devices[i], EVIOCGABS(ABS_Y), &y) >= 0)
			printf("abs %s %d %d %d %d\n", names[i], x.minimum, x.maximum, y.minimum,
				y.maximum);
}

static int tell(const char *path) {
	struct pollfd polls[MANY];
	FILE *out = fopen(path, "w");

	if (!out)
		return 1;
	setlinebuf(out);
	for (int i = 0; i < count; i++)
		polls[i] = (struct pollfd){.fd = devices[i], .events = POLLIN};
	fprintf(out, "EVENTS");
	for (int i = 0; i < count; i++)
		fprintf(out, " %s", names[i]);
	fprintf(out, "\n");
	while (poll(polls, (nfds_t)count, -1) > 0)
		for (int i = 0; i < count; i++) {
			struct input_event event;

			if (polls[i].revents & (POLLERR | POLLHUP)) {
				fprintf(out, "EVENT %s gone\n", names[i]);
				polls[i].fd = -1;
			} else if (polls[i].revents &&
				read(devices[i], &event, sizeof(event)) == sizeof(event)) {
				fprintf(out, "EVENT %s %u %u %d\n", names[i], event.type,
					event.code, event.value);
			}
		}
	return 0;
}

int main(int argc, char **argv) {
	find();
	if (argc == 4 && strcmp(argv[1], "light") == 0)
		return light(atoi(argv[2]), atoi(argv[3]));
	if (argc == 2 && strcmp(argv[1], "abs") == 0) {
		ranges();
		return 0;
	}
	return argc == 2 ? tell(argv[1]) : 2;
}
