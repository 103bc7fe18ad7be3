/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/text.h"
#include "machine/list.h"

enum { DEVICE, DRIVER, INTX, MSI, RESET, GROUP, ACS, ROM, BARS, COLUMNS };

static const char *const HEADS[COLUMNS] = {
	"DEVICE", "DRIVER", "INTX", "MSI", "RESET", "GROUP", "ACS", "ROM", "BARS"};

#define DRIVER_WIDTH 13u
#define INDENT "  "

#define GREEN "\033[32m"
#define RED "\033[31m"
#define YELLOW "\033[33m"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

struct cells {
	struct sp_buf text[COLUMNS];
};

bool list_has(const struct sp_function *function, const struct sp_machine_list_options *options) {
	return sp_function_is_endpoint(function) && (options->all || function->gpu);
}

/* "256M": the largest unit that leaves a whole number. */
static void put_size(struct sp_buf *out, uint64_t size) {
	static const char units[] = "KMGTP";
	size_t unit = 0;

	while (size && size % 1024 == 0 && unit < sizeof(units) - 1) {
		size /= 1024;
		unit++;
	}
	sp_buf_dec(out, size);
	if (unit)
		sp_buf_char(out, units[unit - 1]);
}

/* "16G 256M 2M io": ports are none that a GPU needs, and are told last. */
static void put_bars(struct sp_buf *out, const struct sp_function *function) {
	bool io = false, any = false;

	for (size_t i = 0; i < SP_PCI_BARS; i++) {
		const struct sp_bar *bar = &function->config.bars[i];

		if (!bar->present)
			continue;
		if (bar->io) {
			io = true;
			continue;
		}
		if (any)
			sp_buf_char(out, ' ');
		any = true;
		if (bar->size)
			put_size(out, bar->size);
		else
			sp_buf_char(out, '?');
	}
	if (io)
		sp_buf_str(out, any ? " io" : "io");
	else if (!any)
		sp_buf_char(out, '-');
}

/* "A 36": the pin and, where the kernel told it, the GSI. */
static void put_intx(struct sp_buf *out, const struct sp_function *function) {
	uint8_t pin = function->config.pin;

	if (!function->config.known) {
		sp_buf_char(out, '?');
	} else if (pin < 1 || pin > 4) {
		sp_buf_char(out, '-');
	} else {
		sp_buf_char(out, (char)('A' + pin - 1));
		if (function->gsi >= 0)
			sp_buf_printf(out, " %d", function->gsi);
	}
}

/* "X 256", "32": the vectors of MSI-X, else of MSI. */
static void put_msi(struct sp_buf *out, const struct sp_function *function) {
	const struct sp_pci_config *config = &function->config;

	if (config->has_msix)
		sp_buf_printf(out, "X %u", config->msix.vectors);
	else if (config->has_msi)
		sp_buf_dec(out, config->msi_vectors);
	else
		sp_buf_char(out, config->has_caps ? '-' : '?');
}

static void put_resets(struct sp_buf *out, const struct sp_function *function) {
	static const char *const names[][2] = {
		{"device_specific", "own"}, {"af_flr", "af"}, {"cxl_bus", "cxl"}};

	if (!function->resets_known)
		sp_buf_char(out, '?');
	else if (!function->reset_count)
		sp_buf_char(out, '-');
	for (uint32_t i = 0; i < function->reset_count; i++) {
		const char *name = function->resets[i];

		for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
			if (strcmp(name, names[n][0]) == 0)
				name = names[n][1];
		}
		if (i)
			sp_buf_char(out, ' ');
		sp_text_short(out, name, 8);
	}
}

static const char *rom_word(const struct sp_function *function) {
	if (function->vfct)
		return "vfct";
	if (function->rom_readable)
		return function->rom_readable == SP_YES ? "yes" : "no";
	return function->config.known ? function->config.rom.present ? "bar" : "-" : "?";
}

static const char *acs_word(const struct sp_function *function) {
	if (!function->bridge)
		return "-";
	switch (sp_function_isolated(function)) {
	case SP_YES:
		return "yes";
	case SP_NO:
		return "no";
	case SP_UNKNOWN:
		break;
	}
	return "?";
}

static bool fill(struct cells *cells, const struct sp_function *function, bool groups_known) {
	char address[SP_BDF_SIZE];

	for (unsigned i = 0; i < COLUMNS; i++)
		cells->text[i].size = 0;
	sp_bdf_format(address, function->bdf);
	sp_buf_str(&cells->text[DEVICE], address);
	sp_text_short(
		&cells->text[DRIVER], function->driver ? function->driver : "-", DRIVER_WIDTH);
	put_intx(&cells->text[INTX], function);
	put_msi(&cells->text[MSI], function);
	put_resets(&cells->text[RESET], function);
	if (function->group >= 0)
		sp_buf_printf(&cells->text[GROUP], "%d", function->group);
	else
		sp_buf_char(&cells->text[GROUP], groups_known ? '-' : '?');
	sp_buf_str(&cells->text[ACS], acs_word(function));
	sp_buf_str(&cells->text[ROM], rom_word(function));
	put_bars(&cells->text[BARS], function);
	for (unsigned i = 0; i < COLUMNS; i++) {
		if (cells->text[i].failed)
			return false;
	}
	return true;
}

/* A line that is cut where the terminal ends. */
struct line {
	struct sp_buf *out;
	size_t room, blanks; /* blanks are put before what follows them, so that none end a line */
	bool colour;
};

static void put(struct line *line, const char *text, const char *colour) {
	size_t length = strlen(text);

	if (!length || line->blanks >= line->room)
		return;
	sp_buf_fill(line->out, ' ', line->blanks);
	line->room -= line->blanks;
	line->blanks = 0;
	if (length > line->room)
		length = line->room;
	if (line->colour && colour)
		sp_buf_str(line->out, colour);
	sp_buf_put(line->out, text, length);
	if (line->colour && colour)
		sp_buf_str(line->out, PLAIN);
	line->room -= length;
}

static struct line begin(struct sp_buf *out, const struct sp_machine_list_options *options) {
	return (struct line){
		.out = out,
		.room = options->columns ? options->columns : SIZE_MAX,
		.colour = options->colour,
	};
}

static const char *driver_colour(const struct sp_function *function) {
	switch (function->assignable) {
	case SP_YES:
		return GREEN;
	case SP_NO:
		return function->has_users || function->boot_display ? RED : YELLOW;
	case SP_UNKNOWN:
		break;
	}
	return NULL;
}

static void put_row(struct sp_buf *out, const struct sp_machine_list_options *options,
	const char *const *texts, const size_t *widths, const char *driver, const char *device) {
	struct line line = begin(out, options);

	for (unsigned i = 0; i < COLUMNS; i++) {
		put(&line, texts[i], i == DEVICE ? device : i == DRIVER ? driver : NULL);
		line.blanks += widths[i] + 2 - strlen(texts[i]);
	}
	sp_buf_char(out, '\n');
}

/* "1002:744c VGA compatible controller: Navi 31" */
static void put_name(struct sp_buf *out, const struct sp_machine_list_options *options,
	const struct sp_function *function) {
	const struct sp_pci_config *config = &function->config;
	const char *class = sp_pci_class_name(config->class);
	struct line line = begin(out, options);
	struct sp_buf text = {0};

	sp_buf_printf(&text, "%04x:%04x ", config->vendor, config->device);
	if (class)
		sp_buf_str(&text, class);
	else
		sp_buf_printf(&text, "class 0x%06x", config->class);
	if (function->name) {
		sp_buf_str(&text, ": ");
		sp_text_plain(&text, function->name);
	}
	line.blanks = strlen(INDENT);
	if (text.failed)
		out->failed = true;
	else
		put(&line, text.data, NULL);
	sp_buf_release(&text);
	sp_buf_char(out, '\n');
}

/* What does not fit a column, in words. */
static void put_marks(struct sp_buf *out, const struct sp_machine_list_options *options,
	const struct sp_function *function) {
	const struct sp_pci_config *config = &function->config;
	struct line line = begin(out, options);
	struct sp_buf text = {0};
	char address[SP_BDF_SIZE];

	if (function->boot_display)
		sp_buf_str(&text, "; boot display");
	if (function->user) {
		sp_buf_str(&text, "; in use: ");
		sp_text_plain(&text, function->user);
	}
	if (function->physical) {
		sp_bdf_format(address, function->physical->bdf);
		sp_buf_printf(&text, "; virtual function of %s", address);
	}
	if (config->has_sriov)
		sp_buf_printf(&text, "; %u of %u virtual functions", config->sriov.enabled,
			config->sriov.total);
	if (config->rebar_count)
		sp_buf_str(&text, "; resizable BAR");
	if (function->rmrrs.count || function->unity.count)
		sp_buf_str(&text, "; memory reserved by firmware");
	if (function->translated == SP_NO)
		sp_buf_str(&text, "; no IOMMU");
	line.blanks = strlen(INDENT);
	if (text.failed) {
		out->failed = true;
	} else if (text.size) {
		put(&line, text.data + 2, NULL);
		sp_buf_char(out, '\n');
	}
	sp_buf_release(&text);
}

static bool put_rows(const struct sp_machine *machine,
	const struct sp_machine_list_options *options, struct cells *cells, struct sp_buf *out) {
	size_t widths[COLUMNS];
	bool any = false;

	for (unsigned c = 0; c < COLUMNS; c++)
		widths[c] = strlen(HEADS[c]);
	/* Filled twice, for the widths and for the rows. */
	for (uint32_t i = 0; i < machine->function_count; i++) {
		if (!list_has(&machine->functions[i], options))
			continue;
		if (!fill(cells, &machine->functions[i], machine->groups_known))
			return false;
		any = true;
		for (unsigned c = 0; c < COLUMNS; c++) {
			if (cells->text[c].size > widths[c])
				widths[c] = cells->text[c].size;
		}
	}
	if (any)
		put_row(out, options, HEADS, widths, NULL, NULL);
	for (uint32_t i = 0; any && i < machine->function_count; i++) {
		const struct sp_function *function = &machine->functions[i];
		const char *texts[COLUMNS];

		if (!list_has(function, options))
			continue;
		if (!fill(cells, function, machine->groups_known))
			return false;
		for (unsigned c = 0; c < COLUMNS; c++)
			texts[c] = cells->text[c].data;
		put_row(out, options, texts, widths, driver_colour(function), BOLD);
		put_name(out, options, function);
		put_marks(out, options, function);
	}
	return true;
}

bool sp_machine_table(const struct sp_machine *machine,
	const struct sp_machine_list_options *options, char **data, size_t *size,
	struct sp_error *error) {
	struct cells cells = {0};
	struct sp_buf out = {0};

	if (!put_rows(machine, options, &cells, &out))
		out.failed = true;
	for (unsigned i = 0; i < COLUMNS; i++)
		sp_buf_release(&cells.text[i]);
	return sp_buf_finish(&out, data, size, error);
}
