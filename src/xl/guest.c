/* SPDX-License-Identifier: MIT */
#include "xl/guest.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What libxl gives a guest whose configuration names no memory. */
#define DEFAULT_MEMORY 32u
/* So that the bytes fit 64 bits. */
#define MAX_MEMORY ((int64_t)(UINT64_MAX >> 20))

struct reader {
	const struct sp_xl_config *config;
	struct sp_xl_guest *guest;
};

/* What is left of a value in a message: printable ASCII, in quotes, not too long. */
struct shown {
	char text[72];
};

static struct shown show(const char *text) {
	struct shown shown = {"\""};
	size_t size = 1;

	for (; *text && size < sizeof(shown.text) - 5; text++)
		shown.text[size++] = *text >= ' ' && *text <= '~' ? *text : '?';
	strcpy(shown.text + size, *text ? "...\"" : "\"");
	return shown;
}

static void trouble(const struct reader *reader, const char *setting, uint32_t line, bool refused,
	const char *format, ...) __attribute__((format(printf, 5, 6)));

static void trouble(const struct reader *reader, const char *setting, uint32_t line, bool refused,
	const char *format, ...) {
	struct sp_arena *arena = &reader->guest->arena;
	struct sp_xl_trouble *made = sp_vec_push(arena, &reader->guest->troubles);
	char message[160];
	va_list args;

	if (!made)
		return;
	va_start(args, format);
	if (vsnprintf(message, sizeof(message), format, args) < 0)
		message[0] = '\0';
	va_end(args);
	made->setting = setting;
	made->message = sp_arena_strdup(arena, message);
	made->line = line;
	made->refused = refused;
}

static const struct sp_xl_setting *find(
	const struct reader *reader, const char *name, enum sp_xl_kind kind, bool refused) {
	const struct sp_xl_setting *setting = sp_xl_config_find(reader->config, name);

	if (!setting || setting->value.kind == kind)
		return setting;
	trouble(reader, name, setting->line, refused,
		kind == SP_XL_LIST ? "a single value stands where a list is wanted"
				   : "a list stands where a single value is wanted");
	return NULL;
}

/* A setting of the wrong kind is passed over with a warning. */
static const struct sp_xl_setting *find_atom(const struct reader *reader, const char *name) {
	return find(reader, name, SP_XL_ATOM, false);
}

static const struct sp_xl_setting *find_list(const struct reader *reader, const char *name) {
	return find(reader, name, SP_XL_LIST, false);
}

/* False if xl has no number by this name, which may be because it could not read it. */
static bool find_number(
	const struct reader *reader, const char *name, int64_t *number, uint32_t *line) {
	const struct sp_xl_setting *setting = find_atom(reader, name);
	const char *text;
	char *end;

	if (!setting)
		return false;
	*line = setting->line;
	if (setting->added) {
		trouble(reader, name, *line, false, "a number cannot be set with +=");
		return false;
	}
	text = setting->value.text;
	errno = 0;
	*number = strtoll(text, &end, 0);
	if (end == text || *end) {
		trouble(reader, name, *line, false, "%s is no number", show(text).text);
		return false;
	}
	if (errno) {
		trouble(reader, name, *line, false, "%s is out of range", show(text).text);
		return false;
	}
	return true;
}

static bool find_memory(const struct reader *reader, const char *name, uint64_t *memory) {
	int64_t number;
	uint32_t line;

	if (!find_number(reader, name, &number, &line))
		return false;
	if (number < 0 || number > MAX_MEMORY) {
		trouble(reader, name, line, true, "%lld MiB is no possible size",
			(long long)number);
		return false;
	}
	*memory = (uint64_t)number;
	return true;
}

static void read_memory(const struct reader *reader) {
	struct sp_xl_guest *guest = reader->guest;
	bool memory = find_memory(reader, "memory", &guest->memory);
	bool maxmem = find_memory(reader, "maxmem", &guest->maxmem);

	if (!maxmem)
		guest->maxmem = memory ? guest->memory : DEFAULT_MEMORY;
	if (!memory)
		guest->memory = guest->maxmem;
}

/* Numbers are hexadecimal with and without 0x. A larger one is the largest, as with sscanf(). */
static bool take_hex(const char **at, uint64_t *number, bool *cut) {
	char *end;

	errno = 0;
	*number = strtoull(*at, &end, 16);
	*cut |= errno == ERANGE;
	if (end == *at)
		return false;
	*at = end;
	return true;
}

static bool parse_iomem(const char *text, struct sp_xl_iomem *iomem, bool *cut) {
	const char *at = text;

	if (!take_hex(&at, &iomem->host, cut) || *at++ != ',' || !take_hex(&at, &iomem->count, cut))
		return false;
	iomem->guest = UINT64_MAX;
	if (*at == '@') {
		at++;
		if (!take_hex(&at, &iomem->guest, cut))
			return false;
	}
	/* libxl knows the missing address by this value. */
	if (iomem->guest == UINT64_MAX)
		iomem->guest = iomem->host;
	return !*at;
}

static void read_iomem(
	const struct reader *reader, const char *name, const struct sp_xl_value *item) {
	struct sp_xl_iomem iomem = {.line = item->line}, *slot;
	bool cut = false;

	if (!parse_iomem(item->text, &iomem, &cut)) {
		trouble(reader, name, item->line, true,
			"%s is not START,COUNT or START,COUNT@GUEST in hexadecimal",
			show(item->text).text);
		return;
	}
	if (cut)
		trouble(reader, name, item->line, false,
			"%s has a number that does not fit 64 bits", show(item->text).text);
	slot = sp_vec_push(&reader->guest->arena, &reader->guest->iomem);
	if (slot)
		*slot = iomem;
}

static void read_irq(
	const struct reader *reader, const char *name, const struct sp_xl_value *item) {
	struct sp_xl_irq *irq;
	unsigned long long number;
	char *end;

	number = strtoull(item->text, &end, 10);
	if (end == item->text || *end) {
		trouble(reader, name, item->line, true, "%s is no decimal number",
			show(item->text).text);
		return;
	}
	if (number >= UINT32_MAX) {
		trouble(reader, name, item->line, true, "%s is too large for an interrupt",
			show(item->text).text);
		return;
	}
	irq = sp_vec_push(&reader->guest->arena, &reader->guest->irqs);
	if (irq)
		*irq = (struct sp_xl_irq){(uint32_t)number, item->line};
}

static void read_dtdev(
	const struct reader *reader, const char *name, const struct sp_xl_value *item) {
	struct sp_arena *arena = &reader->guest->arena;
	struct sp_xl_path *path = sp_vec_push(arena, &reader->guest->dtdev);

	(void)name;
	if (path)
		*path = (struct sp_xl_path){sp_arena_strdup(arena, item->text), item->line};
}

static void read_pci(
	const struct reader *reader, const char *name, const struct sp_xl_value *item) {
	struct sp_xl_guest *guest = reader->guest;
	struct sp_xl_path *path = sp_vec_push(&guest->arena, &guest->functions);

	(void)name;
	if (!path)
		return;
	*path = (struct sp_xl_path){sp_arena_strdup(&guest->arena, item->text), item->line};
	if (!guest->pci.path)
		guest->pci = *path;
}

static void note_virtio(struct sp_xl_guest *guest, uint32_t line) {
	if (!guest->virtio_line || line < guest->virtio_line)
		guest->virtio_line = line;
}

static void read_virtio(
	const struct reader *reader, const char *name, const struct sp_xl_value *item) {
	(void)name;
	note_virtio(reader->guest, item->line);
}

/* Parameters are parted by commas, but the target reaches to the end. */
static void read_disk(
	const struct reader *reader, const char *name, const struct sp_xl_value *item) {
	static const char VIRTIO[] = "specification=virtio";
	const char *at = item->text;

	(void)name;
	while (*at) {
		size_t size;

		at += strspn(at, " \t\n");
		size = strcspn(at, ",");
		if (!strncmp(at, "target=", 7))
			return;
		if (size == sizeof(VIRTIO) - 1 && !memcmp(at, VIRTIO, size)) {
			note_virtio(reader->guest, item->line);
			return;
		}
		at += size + (at[size] == ',');
	}
}

static const struct {
	const char *name;
	void (*read)(const struct reader *reader, const char *name, const struct sp_xl_value *item);
	bool refuses; /* an entry that is a list; else xl forgets it and all that follow */
} LISTS[] = {
	{"iomem", read_iomem, true},
	{"irqs", read_irq, true},
	{"dtdev", read_dtdev, false},
	{"pci", read_pci, false},
	{"virtio", read_virtio, false},
	{"disk", read_disk, false},
};

static void read_lists(const struct reader *reader) {
	for (size_t l = 0; l < sizeof(LISTS) / sizeof(LISTS[0]); l++) {
		const char *name = LISTS[l].name;
		const struct sp_xl_setting *setting = find_list(reader, name);

		for (uint32_t i = 0; setting && i < setting->value.count; i++) {
			const struct sp_xl_value *item = &setting->value.items[i];

			if (item->kind == SP_XL_ATOM) {
				LISTS[l].read(reader, name, item);
			} else if (LISTS[l].refuses) {
				trouble(reader, name, item->line, true,
					"a list stands in the list");
			} else {
				trouble(reader, name, item->line, false,
					"a list stands in the list, which ends there for xl");
				break;
			}
		}
	}
}

static void read_passthrough(const struct reader *reader) {
	static const struct {
		const char *word;
		enum sp_xl_passthrough meaning;
	} WORDS[] = {
		{"default", SP_XL_PASSTHROUGH_DEFAULT},
		{"disabled", SP_XL_PASSTHROUGH_DISABLED},
		{"enabled", SP_XL_PASSTHROUGH_ENABLED},
		{"share_pt", SP_XL_PASSTHROUGH_ENABLED},
		{"sync_pt", SP_XL_PASSTHROUGH_SYNC},
	};
	const struct sp_xl_setting *setting = find_atom(reader, "passthrough");

	if (!setting)
		return;
	for (size_t i = 0; i < sizeof(WORDS) / sizeof(WORDS[0]); i++) {
		if (!strcasecmp(setting->value.text, WORDS[i].word)) {
			reader->guest->passthrough = WORDS[i].meaning;
			reader->guest->passthrough_line = setting->line;
			return;
		}
	}
	trouble(reader, "passthrough", setting->line, true, "xl does not know %s",
		show(setting->value.text).text);
}

static void read_vuart(const struct reader *reader) {
	const struct sp_xl_setting *setting = find_atom(reader, "vuart");

	if (!setting)
		return;
	if (!strcasecmp(setting->value.text, "sbsa_uart"))
		reader->guest->vuart_line = setting->line;
	else if (strcasecmp(setting->value.text, "unknown") != 0)
		trouble(reader, "vuart", setting->line, true, "xl does not know %s",
			show(setting->value.text).text);
}

static void read_nr_spis(const struct reader *reader) {
	int64_t number;
	uint32_t line;

	if (!find_number(reader, "nr_spis", &number, &line))
		return;
	reader->guest->nr_spis = (uint32_t)number;
	reader->guest->nr_spis_line = line;
	if (number < 0 || number > UINT32_MAX)
		trouble(reader, "nr_spis", line, false, "%lld is taken as %u", (long long)number,
			reader->guest->nr_spis);
}

/* What xl makes of other values is not looked at: they are only compared. */
static uint32_t find_small(const struct reader *reader, const char *name, uint32_t fallback) {
	const struct sp_xl_setting *setting = sp_xl_config_find(reader->config, name);
	long number = setting && setting->value.kind == SP_XL_ATOM
		? strtol(setting->value.text, NULL, 0)
		: 0;

	return number > 0 && number < (1 << 24) ? (uint32_t)number : fallback;
}

static void read_sizes(const struct reader *reader) {
	struct sp_xl_guest *guest = reader->guest;
	uint32_t cpus = find_small(reader, "vcpus", 1);
	uint32_t most = find_small(reader, "maxvcpus", cpus);

	guest->cpus = most > cpus ? most : cpus;
	guest->pool = find_small(reader, "shadow_memory", 0);
	guest->pci_permissive = find_small(reader, "pci_permissive", 0) != 0;
	guest->pci_msitranslate = find_small(reader, "pci_msitranslate", 0) != 0;
	guest->pci_power_mgmt = find_small(reader, "pci_power_mgmt", 0) != 0;
}

static void read_texts(const struct reader *reader) {
	struct sp_xl_guest *guest = reader->guest;
	const struct sp_xl_setting *name = find(reader, "name", SP_XL_ATOM, true);
	const struct sp_xl_setting *tree = find_atom(reader, "device_tree");

	guest->name_refused = !name && sp_xl_config_find(reader->config, "name");
	if (name) {
		guest->name = sp_arena_strdup(&guest->arena, name->value.text);
		guest->name_line = name->line;
	}
	if (tree)
		guest->device_tree = (struct sp_xl_path){
			sp_arena_strdup(&guest->arena, tree->value.text), tree->line};
}

bool sp_xl_guest_create(
	struct sp_xl_guest **guest, const struct sp_xl_config *config, struct sp_error *error) {
	struct reader reader = {.config = config, .guest = calloc(1, sizeof(**guest))};

	*guest = NULL;
	if (!reader.guest)
		return sp_error_memory(error);
	reader.guest->file = sp_arena_strdup(&reader.guest->arena, sp_xl_config_name(config));
	read_texts(&reader);
	read_memory(&reader);
	read_sizes(&reader);
	read_lists(&reader);
	read_passthrough(&reader);
	read_nr_spis(&reader);
	read_vuart(&reader);
	if (reader.guest->arena.failed) {
		sp_xl_guest_destroy(reader.guest);
		return sp_error_memory(error);
	}
	*guest = reader.guest;
	return true;
}

void sp_xl_guest_destroy(struct sp_xl_guest *guest) {
	if (!guest)
		return;
	sp_arena_release(&guest->arena);
	free(guest);
}
