/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "machine/collect.h"

/* What the list of PCI IDs calls the functions. They go into the snapshot, for it may be read where
 * there is no list. */

#define LIST_LIMIT ((size_t)8 << 20)

struct wanted {
	uint32_t id; /* vendor << 16 | device */
	const char *function;
	const char *vendor, *device; /* names, NULL: not found */
	int vendor_size, device_size;
};

static bool read_id(
	struct collector *collector, const char *function, const char *which, uint32_t *id) {
	struct sp_buf text = {0};
	char *end;
	bool good = collect_read(collector,
			    collect_path(collector, "/sys/bus/pci/devices/%s/%s", function, which),
			    32, &text) &&
		text.data;

	if (good) {
		*id = (uint32_t)strtoul(text.data, &end, 16) & 0xffff;
		good = end != text.data;
	}
	sp_buf_release(&text);
	return good;
}

static int by_id(const void *a, const void *b) {
	const struct wanted *left = a, *right = b;

	return (left->id > right->id) - (left->id < right->id);
}

static uint32_t lower_bound(const struct wanted *wanted, uint32_t count, uint32_t id) {
	uint32_t low = 0, high = count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (wanted[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* "10de  NVIDIA Corporation": the number and where the name is. */
static bool read_line(const char *line, const char *end, uint32_t *id, const char **name) {
	char *after;

	if (end - line < 7)
		return false;
	*id = (uint32_t)strtoul(line, &after, 16);
	if (after != line + 4 || *after != ' ')
		return false;
	while (after < end && *after == ' ')
		after++;
	*name = after;
	return after < end;
}

/* One pass over the list, which is sorted by vendor and device, and followed by classes. */
static void look_up(const char *list, struct wanted *wanted, uint32_t count) {
	const char *next, *name;
	uint32_t vendor = UINT32_MAX, id;

	for (const char *line = list; *line; line = next) {
		const char *end = strchrnul(line, '\n');

		next = *end ? end + 1 : end;
		if (line[0] == '\t' && line[1] != '\t' && vendor != UINT32_MAX) {
			if (!read_line(line + 1, end, &id, &name))
				continue;
			id |= vendor << 16;
			for (uint32_t i = lower_bound(wanted, count, id);
				i < count && wanted[i].id == id; i++) {
				wanted[i].device = name;
				wanted[i].device_size = (int)(end - name);
			}
		} else if (line[0] != '\t' && line[0] != '#') {
			vendor = UINT32_MAX;
			if (!read_line(line, end, &id, &name) || id > 0xffff)
				continue;
			for (uint32_t i = lower_bound(wanted, count, id << 16);
				i < count && wanted[i].id >> 16 == id; i++) {
				vendor = id;
				wanted[i].vendor = name;
				wanted[i].vendor_size = (int)(end - name);
			}
		}
	}
}

static void tell(struct collector *collector, const struct wanted *wanted) {
	const char *text, *name = collect_path(collector, "name %s", wanted->function);

	if (!wanted->vendor || wanted->vendor_size > 256 || wanted->device_size > 256)
		return;
	if (wanted->device)
		text = sp_arena_printf(collector->files->arena, "%.*s %.*s", wanted->vendor_size,
			wanted->vendor, wanted->device_size, wanted->device);
	else
		text = sp_arena_printf(collector->files->arena, "%.*s device %04x",
			wanted->vendor_size, wanted->vendor, wanted->id & 0xffff);
	if (text)
		collect_call(collector, name, text);
}

void collect_device_names(struct collector *collector, const struct names *functions) {
	static const char *const places[] = {
		"/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids", "/usr/share/pci.ids"};
	struct wanted *wanted =
		sp_arena_array(collector->files->arena, functions->count, sizeof(*wanted));
	uint32_t count = 0, vendor, device;
	struct sp_buf list = {0};

	for (uint32_t i = 0; wanted && i < functions->count; i++) {
		if (!read_id(collector, functions->data[i], "vendor", &vendor) ||
			!read_id(collector, functions->data[i], "device", &device))
			continue;
		wanted[count].id = vendor << 16 | device;
		wanted[count++].function = functions->data[i];
	}
	if (!count)
		return;
	qsort(wanted, count, sizeof(*wanted), by_id);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (collect_read(collector, places[i], LIST_LIMIT, &list) && list.data)
			break;
		sp_buf_release(&list);
	}
	if (list.data) {
		look_up(list.data, wanted, count);
		for (uint32_t i = 0; i < count; i++)
			tell(collector, &wanted[i]);
	}
	sp_buf_release(&list);
}
