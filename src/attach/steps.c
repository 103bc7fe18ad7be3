/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "attach/run.h"

#define FIRST_SPI 32u
#define FRAMES_MAX (UINT64_C(1) << 40) /* of the 52 bits that an address has at most */

/* Where a guest of xl has its memory, and what Xen lets it take for free: GUEST_RAM0_* and
 * GUEST_RAM1_* in xen/include/public/arch-arm.h. Xen maps over it without a word. */
static const struct {
	uint64_t first, count;
} MEMORY[] = {
	{0x40000, 0xc0000},
	{0x200000, 0xfe00000},
};

struct maker {
	struct sp_attach *attach;
	const struct sp_xl_guest *file;
	struct sp_error *error;
};

static bool refuse(const struct maker *maker, uint32_t line, const char *what) {
	if (line)
		return sp_error_set(maker->error, SP_ERROR_INPUT, "%s:%" PRIu32 ": %s",
			maker->file->file, line, what);
	return sp_error_set(maker->error, SP_ERROR_INPUT, "%s: %s", maker->file->file, what);
}

static bool check_file(const struct maker *maker) {
	static const char *const SETTINGS[] = {"dtdev", "iomem", "irqs", "pci"};
	const struct sp_xl_guest *file = maker->file;

	for (uint32_t i = 0; i < file->troubles.count; i++) {
		const struct sp_xl_trouble *trouble = &file->troubles.data[i];

		for (size_t s = 0; s < sizeof(SETTINGS) / sizeof(SETTINGS[0]); s++) {
			if (strcmp(trouble->setting, SETTINGS[s]) == 0)
				return sp_error_set(maker->error, SP_ERROR_INPUT,
					"%s:%" PRIu32 ": %s: %s", file->file, trouble->line,
					trouble->setting, trouble->message);
		}
	}
	if (!file->dtdev.count && !file->iomem.count && !file->irqs.count && !file->functions.count)
		return refuse(maker, 0, "it lists nothing to attach: no dtdev, iomem, irqs or pci");
	if (file->dtdev.count > SP_ATTACH_MAX || file->iomem.count > SP_ATTACH_MAX ||
		file->irqs.count > SP_ATTACH_MAX)
		return refuse(maker, 0, "one of its lists has more than 1024 entries");
	return true;
}

static struct sp_attach_step *add(
	const struct maker *maker, enum sp_attach_kind kind, uint32_t line) {
	struct sp_attach_step *step = sp_vec_push(&maker->attach->arena, &maker->attach->steps);

	if (step) {
		step->kind = kind;
		step->line = line;
	}
	return step;
}

static bool add_nodes(const struct maker *maker) {
	struct sp_arena *arena = &maker->attach->arena;

	for (uint32_t i = 0; i < maker->file->dtdev.count; i++) {
		const struct sp_xl_path *entry = &maker->file->dtdev.data[i];
		struct sp_attach_step *step;
		bool again = false;

		for (uint32_t j = 0; j < i && !again; j++)
			again = strcmp(maker->file->dtdev.data[j].path, entry->path) == 0;
		if (again)
			continue;
		if (entry->path[0] != '/' || strpbrk(entry->path, "\n\r"))
			return refuse(
				maker, entry->line, "dtdev: it is not the full path of a node");
		step = add(maker, SP_ATTACH_ASSIGN, entry->line);
		if (!step)
			return true;
		step->path = sp_arena_strdup(arena, entry->path);
		step->record = sp_arena_printf(arena, "dtdev %s", entry->path);
	}
	return true;
}

static bool overlap(uint64_t first, uint64_t count, uint64_t other, uint64_t others) {
	return first < other + others && other < first + count;
}

static bool check_pages(const struct maker *maker, const struct sp_xl_iomem *entry) {
	if (entry->count == 0)
		return refuse(maker, entry->line, "iomem: no page is asked for");
	if (entry->host >= FRAMES_MAX || entry->count > FRAMES_MAX || entry->guest >= FRAMES_MAX)
		return refuse(maker, entry->line, "iomem: there is no such page");
	for (size_t i = 0; i < sizeof(MEMORY) / sizeof(MEMORY[0]); i++) {
		if (overlap(entry->guest, entry->count, MEMORY[i].first, MEMORY[i].count))
			return refuse(maker, entry->line,
				"iomem: it would lie over the guest's own memory");
	}
	return true;
}

static bool add_pages(const struct maker *maker) {
	for (uint32_t i = 0; i < maker->file->iomem.count; i++) {
		const struct sp_xl_iomem *entry = &maker->file->iomem.data[i];
		bool again = false;

		if (!check_pages(maker, entry))
			return false;
		for (uint32_t j = 0; j < i; j++) {
			const struct sp_xl_iomem *other = &maker->file->iomem.data[j];

			if (entry->host == other->host && entry->count == other->count &&
				entry->guest == other->guest)
				again = true;
			else if (overlap(entry->host, entry->count, other->host, other->count) ||
				overlap(entry->guest, entry->count, other->guest, other->count))
				return refuse(maker, entry->line,
					"iomem: it overlaps with an entry before it");
		}
		for (unsigned kind = SP_ATTACH_PERMIT; !again && kind <= SP_ATTACH_MAP; kind++) {
			struct sp_attach_step *step =
				add(maker, (enum sp_attach_kind)kind, entry->line);

			if (!step)
				return true;
			step->host = entry->host;
			step->count = entry->count;
			step->guest = entry->guest;
			step->record = kind == SP_ATTACH_PERMIT
				? sp_arena_printf(&maker->attach->arena,
					  "pages %" PRIx64 ",%" PRIx64, entry->host, entry->count)
				: sp_arena_printf(&maker->attach->arena,
					  "iomem %" PRIx64 ",%" PRIx64 "@%" PRIx64, entry->host,
					  entry->count, entry->guest);
		}
	}
	return true;
}

static int by_falling_number(const void *a, const void *b) {
	const struct sp_xl_irq *one = a, *other = b;

	if (one->number != other->number)
		return one->number < other->number ? 1 : -1;
	return one->line < other->line ? -1 : one->line > other->line;
}

/*
 * The highest comes first: how many interrupts the guest has room for cannot be asked, and where
 * the highest fits all others do.
 */
static bool add_irqs(const struct maker *maker) {
	uint32_t count = maker->file->irqs.count;
	struct sp_xl_irq *sorted = count ? sp_arena_copy(&maker->attach->arena,
						   maker->file->irqs.data, count * sizeof(*sorted))
					 : NULL;

	if (!sorted)
		return true;
	qsort(sorted, count, sizeof(*sorted), by_falling_number);
	for (uint32_t i = 0; i < count; i++) {
		struct sp_attach_step *step;

		if (i && sorted[i].number == sorted[i - 1].number)
			continue;
		if (sorted[i].number < FIRST_SPI || sorted[i].number > UINT16_MAX)
			return refuse(maker, sorted[i].line,
				"irqs: only the GIC's numbers from 32 upwards can be given");
		step = add(maker, SP_ATTACH_BIND, sorted[i].line);
		if (step)
			step->irq = sorted[i].number;
	}
	return true;
}

bool sp_attach_create(
	struct sp_attach **attach, const struct sp_xl_guest *file, struct sp_error *error) {
	struct maker maker = {.attach = calloc(1, sizeof(**attach)), .file = file, .error = error};
	bool made;

	*attach = NULL;
	if (!maker.attach)
		return sp_error_memory(error);
	maker.attach->file = sp_arena_strdup(&maker.attach->arena, file->file);
	made = check_file(&maker) && add_nodes(&maker) && add_pages(&maker) && add_irqs(&maker) &&
		functions_read(maker.attach, file, error);
	if (made && maker.attach->arena.failed)
		made = sp_error_memory(error);
	if (made)
		*attach = maker.attach;
	else
		sp_attach_destroy(maker.attach);
	return made;
}

void sp_attach_destroy(struct sp_attach *attach) {
	if (!attach)
		return;
	sp_arena_release(&attach->arena);
	free(attach);
}

bool sp_attach_pending(const struct sp_attach *attach) {
	for (uint32_t i = 0; i < attach->steps.count; i++) {
		if (attach->steps.data[i].state == SP_ATTACH_PLANNED)
			return true;
	}
	return false;
}

const struct sp_attach_step *sp_attach_pending_irq(const struct sp_attach *attach) {
	for (uint32_t i = 0; i < attach->steps.count; i++) {
		const struct sp_attach_step *step = &attach->steps.data[i];

		if (step->kind == SP_ATTACH_BIND && step->state == SP_ATTACH_PLANNED)
			return step;
	}
	return NULL;
}
