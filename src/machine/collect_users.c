/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "machine/collect.h"

/* What of the host uses a function: its screen, its network, its disks. */

#define MOUNTS_LIMIT ((size_t)1 << 20)
#define HOLDERS_DEPTH 8u
#define BLOCK "/sys/class/block"

/* Where a disk is used: by its number and by its name, since some file systems have numbers of
 * their own. */
struct mount {
	const char *number; /* "259:1" */
	const char *device; /* "nvme0n1p1", "" */
	const char *place; /* "/", "swap" */
};
struct mounts {
	struct mount *data;
	uint32_t count, capacity;
};

static bool is_pci(struct collector *collector, const char *path) {
	const char *target = collect_target(collector, path);

	return target && strstr(target, "/pci");
}

static void collect_class(struct collector *collector, const char *folder, const char *prefix,
	const char *const *texts) {
	struct names names;

	if (!collect_names(collector, folder, &names))
		return;
	for (uint32_t i = 0; i < names.count; i++) {
		const char *path = collect_path(collector, "%s/%s", folder, names.data[i]);

		if (strncmp(names.data[i], prefix, strlen(prefix)) || !is_pci(collector, path))
			continue;
		collect_link(collector, path);
		for (size_t t = 0; texts[t]; t++)
			collect_text(collector, collect_path(collector, "%s/%s", path, texts[t]));
	}
}

/* The console, and framebuffers that firmware left. */
static void collect_screens(struct collector *collector) {
	struct names names;

	collect_class(collector, "/sys/class/drm", "card",
		(const char *const[]){"enabled", "status", NULL});
	collect_class(collector, "/sys/class/graphics", "fb", (const char *const[]){"name", NULL});
	if (collect_names(collector, "/sys/class/vtconsole", &names)) {
		for (uint32_t i = 0; i < names.count; i++) {
			collect_text(collector,
				collect_path(
					collector, "/sys/class/vtconsole/%s/name", names.data[i]));
			collect_text(collector,
				collect_path(
					collector, "/sys/class/vtconsole/%s/bind", names.data[i]));
		}
	}
	if (collect_names(collector, "/sys/bus/platform/devices", &names)) {
		for (uint32_t i = 0; i < names.count; i++) {
			const char *path = collect_path(
				collector, "/sys/bus/platform/devices/%s", names.data[i]);

			if (!strstr(names.data[i], "-framebuffer"))
				continue;
			collect_link(collector, path);
			collect_link(collector, collect_path(collector, "%s/driver", path));
		}
	}
}

/* "/dev/mapper/root" is a link to "../dm-0". */
static const char *device_name(struct collector *collector, const char *path) {
	const char *target;

	if (strncmp(path, "/dev/", 5))
		return "";
	target = collect_target(collector, path);
	return sp_base_name(target ? target : path);
}

static void add_mount(struct collector *collector, struct mounts *mounts, const char *number,
	const char *device, const char *place) {
	struct mount *mount = sp_vec_push(collector->files->arena, mounts);

	if (!mount)
		return;
	mount->number = sp_arena_strdup(collector->files->arena, number);
	mount->device = sp_arena_strdup(collector->files->arena, device_name(collector, device));
	mount->place = sp_arena_strdup(collector->files->arena, place);
	if (!mount->number || !mount->device || !mount->place)
		mounts->count--;
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue" */
static void read_mount(struct collector *collector, struct mounts *mounts, char *line) {
	char number[32], place[1024], device[256], *rest;

	if (sscanf(line, "%*s %*s %31s %*s %1023s", number, place) != 2)
		return;
	rest = strstr(line, " - ");
	if (rest && sscanf(rest, " - %*s %255s", device) == 1)
		add_mount(collector, mounts, number, device, place);
}

static void read_mounts(struct collector *collector, struct mounts *mounts) {
	static const char *const paths[] = {"/proc/self/mountinfo", "/proc/swaps"};

	for (size_t i = 0; i < 2; i++) {
		struct sp_buf text = {0};
		char *line, *next;

		if (collect_read(collector, paths[i], MOUNTS_LIMIT, &text) && text.data) {
			for (line = text.data; line; line = next) {
				next = strchr(line, '\n');
				if (next)
					*next++ = '\0';
				if (i == 0) {
					read_mount(collector, mounts, line);
				} else if (line[0] == '/') {
					line[strcspn(line, " \t")] = '\0';
					add_mount(collector, mounts, "", line, "swap");
				}
			}
		}
		sp_buf_release(&text);
	}
}

/* Where this disk is used, or what is made of it: a volume, an array. NULL: nowhere. */
static const char *find_place(struct collector *collector, const struct mounts *mounts,
	const char *name, unsigned depth) {
	struct sp_buf number = {0};
	struct names holders;
	const char *place = NULL;

	collect_read(collector, collect_path(collector, BLOCK "/%s/dev", name), 32, &number);
	if (number.data)
		number.data[strcspn(number.data, "\n")] = '\0';
	for (uint32_t i = 0; i < mounts->count && !place; i++) {
		const struct mount *mount = &mounts->data[i];

		if ((number.data && !strcmp(mount->number, number.data)) ||
			!strcmp(mount->device, name))
			place = mount->place;
	}
	sp_buf_release(&number);
	if (place || depth == HOLDERS_DEPTH ||
		!collect_names(
			collector, collect_path(collector, BLOCK "/%s/holders", name), &holders))
		return place;
	for (uint32_t i = 0; i < holders.count && !place; i++)
		place = find_place(collector, mounts, holders.data[i], depth + 1);
	return place;
}

/* Mount points tell of people; those that every system has are told. */
static const char *plain_place(const char *place) {
	static const char *const plain[] = {"/", "/boot", "/boot/efi", "/efi", "/home", "/opt",
		"/srv", "/tmp", "/usr", "/var", "swap"};

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (!strcmp(place, plain[i]))
			return place;
	}
	return "a folder";
}

/* A disk of NVMe that could have several paths is none of any controller's: behind the controller
 * is "nvme0c1n2" alone, a path to the disk "nvme0n2". */
static const char *path_to(struct collector *collector, const char *name) {
	unsigned subsystem, controller, space;
	int end = 0;

	if (sscanf(name, "nvme%uc%un%u%n", &subsystem, &controller, &space, &end) != 3 || name[end])
		return NULL;
	return collect_path(collector, "nvme%un%u", subsystem, space);
}

/* Where the disk is used, or one of its partitions. */
static const char *find_whole(struct collector *collector, const struct mounts *mounts,
	const struct names *names, const char *disk) {
	size_t length = strlen(disk);
	const char *place = find_place(collector, mounts, disk, 0);

	for (uint32_t i = 0; i < names->count && !place; i++) {
		if (!strncmp(names->data[i], disk, length) && names->data[i][length] == 'p')
			place = find_place(collector, mounts, names->data[i], 0);
	}
	return place;
}

static void collect_disks(struct collector *collector) {
	struct mounts mounts = {0};
	struct names names;

	if (!collect_names(collector, BLOCK, &names))
		return;
	read_mounts(collector, &mounts);
	for (uint32_t i = 0; i < names.count; i++) {
		const char *path = collect_path(collector, BLOCK "/%s", names.data[i]);
		const char *place, *disk;

		if (!is_pci(collector, path))
			continue;
		disk = path_to(collector, names.data[i]);
		place = disk ? find_whole(collector, &mounts, &names, disk)
			     : find_place(collector, &mounts, names.data[i], 0);
		if (!place)
			continue;
		collect_link(collector, path);
		collect_call(collector, collect_path(collector, "mounted %s", names.data[i]),
			plain_place(place));
	}
}

void collect_users(struct collector *collector) {
	collect_screens(collector);
	collect_class(collector, "/sys/class/net", "", (const char *const[]){"operstate", NULL});
	collect_disks(collector);
}
