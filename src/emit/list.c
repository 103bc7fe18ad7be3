/* SPDX-License-Identifier: MIT */
#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "fdt/tree_paths.h"
#include "plan/create.h"
#include "plan/steps.h"
#include "plan/survey.h"

/* One device, assessed as if it were the only one of a guest. */
struct row {
	sp_node node;
	enum sp_kind kind;
	struct sp_request request;
	struct sp_request_guest guest;
	const char *name;
	struct sp_plan *plan;
};

struct sp_list {
	struct sp_arena arena;
	const struct sp_host *host;
	struct sp_list_options options;
	SP_VEC(struct row *) rows;
};

/* The string behind `text`; the first one for NULL. NULL if there are no more. */
static const char *next_string(const struct sp_prop *prop, const char *text) {
	const char *next, *end;

	if (prop == NULL)
		return NULL;
	end = (const char *)prop->data + prop->len;
	next = text != NULL ? text + strlen(text) + 1 : (const char *)prop->data;
	return memchr(next, '\0', (size_t)(end - next)) != NULL ? next : NULL;
}

static bool is_compatible(const struct sp_tree *tree, sp_node node, const char *glob) {
	const struct sp_prop *prop = sp_tree_prop(tree, node, "compatible");
	const char *text = NULL;
	while ((text = next_string(prop, text)) != NULL) {
		if (fnmatch(glob, text, 0) == 0)
			return true;
	}
	return false;
}

static bool is_wanted(const struct sp_list *list, const struct sp_device *device) {
	if (device->reg_count == 0)
		return false;
	if (list->options.compatible != NULL)
		return is_compatible(list->host->tree, device->node, list->options.compatible);
	return list->options.all || device->kind == SP_KIND_GPU || device->kind == SP_KIND_DISPLAY;
}

static bool add_row(struct sp_list *list, const struct sp_device *device, struct sp_survey *survey,
	struct sp_error *error) {
	struct row *row = sp_arena_alloc(&list->arena, sizeof(*row));
	struct row **slot = row != NULL ? sp_vec_push(&list->arena, &list->rows) : NULL;
	if (slot == NULL)
		return sp_error_memory(error);
	*slot = row;
	uint32_t lost = sp_tree_paths_lost(list->host->tree);
	row->node = device->node;
	row->kind = device->kind;
	row->name = sp_tree_path(list->host->tree, device->node);
	if (sp_tree_paths_lost(list->host->tree) != lost)
		return sp_error_memory(error);
	row->guest = (struct sp_request_guest){.name = "guest",
		.mode = list->options.mode,
		.memory = SP_GUEST_MEMORY_DEFAULT,
		.devices = &row->name,
		.device_count = 1};
	row->request = (struct sp_request){
		.target = list->options.target, .guests = &row->guest, .guest_count = 1};
	return sp_plan_create_stage(
		&row->plan, list->host, &row->request, SP_PLAN_ASSESSED, survey, error);
}

/* GPUs first, then displays, then the rest; each in the order of the tree. */
static unsigned rank_of(enum sp_kind kind) {
	return kind == SP_KIND_GPU ? 0 : kind == SP_KIND_DISPLAY ? 1 : 2;
}

bool sp_list_create(struct sp_list **out, const struct sp_host *host,
	const struct sp_list_options *options, struct sp_error *error) {
	*out = NULL;
	struct sp_list *list = calloc(1, sizeof(*list));
	if (list == NULL)
		return sp_error_memory(error);
	struct sp_survey survey = {.arena = &list->arena};
	list->host = host;
	list->options = *options;
	for (unsigned rank = 0; rank < 3; rank++) {
		for (uint32_t i = 0; i < host->devices.count; i++) {
			const struct sp_device *device = &host->devices.data[i];
			if (rank_of(device->kind) != rank || !is_wanted(list, device))
				continue;
			if (!add_row(list, device, &survey, error)) {
				sp_list_destroy(list);
				return false;
			}
		}
	}
	if (list->arena.failed) {
		sp_list_destroy(list);
		return sp_error_memory(error);
	}
	*out = list;
	return true;
}

void sp_list_destroy(struct sp_list *list) {
	if (list == NULL)
		return;
	for (uint32_t i = 0; i < list->rows.count; i++)
		sp_plan_destroy(list->rows.data[i]->plan);
	sp_arena_release(&list->arena);
	free(list);
}

uint32_t sp_list_count(const struct sp_list *list) {
	return list->rows.count;
}

static const struct sp_plan_guest *guest_of(const struct row *row) {
	return &row->plan->guests.data[0];
}

/* The row's stream IDs as the host's tree has them, its descendants' too. */
static const struct sp_stream *next_stream(
	const struct sp_list *list, const struct row *row, sp_node *node, uint32_t *index) {
	const struct sp_tree *tree = list->host->tree;
	for (; *node < sp_tree_end(tree, row->node); (*node)++, *index = 0) {
		const struct sp_device *device = sp_host_device(list->host, *node);
		if (device != NULL && *index < device->stream_count)
			return &list->host->streams.data[device->stream + (*index)++];
	}
	return NULL;
}

/* Each controller once. */
static uint32_t controllers_of(
	const struct sp_list *list, const struct row *row, sp_node *found, uint32_t room) {
	sp_node node = row->node;
	uint32_t index = 0, count = 0;
	const struct sp_stream *stream;
	while ((stream = next_stream(list, row, &node, &index)) != NULL && count < room) {
		bool known = false;
		for (uint32_t i = 0; i < count && !known; i++)
			known = found[i] == stream->iommu;
		if (!known)
			found[count++] = stream->iommu;
	}
	return count;
}

#define MAX_CONTROLLERS 64u

static void json_iommus(struct sp_json *json, const struct sp_list *list, const struct row *row) {
	sp_node controllers[MAX_CONTROLLERS];
	uint32_t count = controllers_of(list, row, controllers, MAX_CONTROLLERS);

	sp_json_array(json, "iommus");
	for (uint32_t c = 0; c < count; c++) {
		sp_node node = row->node;
		uint32_t index = 0;
		const struct sp_stream *stream;
		sp_json_object(json, NULL);
		sp_json_flat(json);
		sp_json_string(json, "controller", sp_tree_path(list->host->tree, controllers[c]));
		sp_json_array(json, "specifiers");
		while ((stream = next_stream(list, row, &node, &index)) != NULL) {
			if (stream->iommu != controllers[c] || stream->origin == SP_ORIGIN_MAP)
				continue;
			sp_json_array(json, NULL);
			for (uint32_t i = 0; i < stream->count; i++)
				sp_json_number(json, NULL, stream->args[i]);
			sp_json_end_array(json);
		}
		sp_json_end_array(json);
		sp_json_end_object(json);
	}
	sp_json_end_array(json);
}

static void json_findings(struct sp_json *json, const struct row *row) {
	bool told[SP_CODE_COUNT] = {false};
	sp_json_array(json, "findings");
	sp_json_flat(json);
	for (uint32_t i = 0; i < row->plan->findings.count; i++) {
		enum sp_code code = row->plan->findings.data[i].code;
		if (told[code])
			continue;
		told[code] = true;
		sp_json_string(json, NULL, sp_finding_info(code)->code);
	}
	sp_json_end_array(json);
}

static void json_row(struct sp_json *json, const struct sp_list *list, const struct row *row) {
	const struct sp_tree *tree = list->host->tree;
	const struct sp_plan_guest *guest = guest_of(row);
	const struct sp_prop *compatible = sp_tree_prop(tree, row->node, "compatible");
	const char *text;

	sp_json_object(json, NULL);
	sp_json_string(json, "path", row->name);
	sp_json_array(json, "compatible");
	sp_json_flat(json);
	for (text = NULL; (text = next_string(compatible, text)) != NULL;)
		sp_json_string(json, NULL, text);
	sp_json_end_array(json);
	text = sp_prop_string(sp_tree_prop(tree, row->node, "status"), 0);
	sp_json_string(json, "status", text != NULL ? text : "okay");
	sp_json_string(json, "kind", sp_kind_name(row->kind));
	sp_json_array(json, "pages");
	for (uint32_t i = 0; i < guest->mappings.count; i++) {
		const struct sp_mapping *mapping = &guest->mappings.data[i];
		sp_json_object(json, NULL);
		sp_json_flat(json);
		sp_json_number(json, "start", mapping->host >> SP_PAGE_SHIFT);
		sp_json_number(json, "count", mapping->size >> SP_PAGE_SHIFT);
		sp_json_end_object(json);
	}
	sp_json_end_array(json);
	sp_json_array(json, "irqs");
	sp_json_flat(json);
	for (uint32_t i = 0; i < guest->irqs.count; i++)
		sp_json_number(json, NULL, guest->irqs.data[i].number);
	sp_json_end_array(json);
	json_iommus(json, list, row);
	sp_json_string(json, "verdict", sp_verdict_name(row->plan->verdict));
	json_findings(json, row);
	sp_json_end_object(json);
}

bool sp_list_json(const struct sp_list *list, char **data, size_t *size, struct sp_error *error) {
	uint32_t lost = sp_tree_paths_lost(list->host->tree);
	struct sp_buf buf = {0};
	struct sp_json json = {.out = &buf};

	sp_json_array(&json, NULL);
	for (uint32_t i = 0; i < list->rows.count; i++)
		json_row(&json, list, list->rows.data[i]);
	sp_json_end_array(&json);
	sp_buf_char(&buf, '\n');
	buf.failed = buf.failed || sp_tree_paths_lost(list->host->tree) != lost;
	return sp_buf_finish(&buf, data, size, error);
}

enum { COLUMN_PATH, COLUMN_KIND, COLUMN_PAGES, COLUMN_IRQS, COLUMN_IOMMU, COLUMN_VERDICT, COLUMNS };

struct cells {
	struct sp_buf text[COLUMNS];
	const char *reason;
};

static void fill_cells(const struct sp_list *list, const struct row *row, struct cells *cells) {
	const struct sp_plan_guest *guest = guest_of(row);
	sp_node controllers[MAX_CONTROLLERS];
	uint32_t count = controllers_of(list, row, controllers, MAX_CONTROLLERS);
	uint64_t pages = 0;

	for (uint32_t i = 0; i < guest->mappings.count; i++)
		pages += guest->mappings.data[i].size >> SP_PAGE_SHIFT;
	sp_buf_str(&cells->text[COLUMN_PATH], row->name);
	sp_buf_str(&cells->text[COLUMN_KIND], sp_kind_name(row->kind));
	sp_buf_dec(&cells->text[COLUMN_PAGES], pages);
	for (uint32_t i = 0; i < guest->irqs.count && i < 3; i++) {
		if (i > 0)
			sp_buf_char(&cells->text[COLUMN_IRQS], ',');
		sp_buf_dec(&cells->text[COLUMN_IRQS], guest->irqs.data[i].number);
	}
	if (guest->irqs.count > 3)
		sp_buf_printf(&cells->text[COLUMN_IRQS], ",+%u", guest->irqs.count - 3);
	else if (guest->irqs.count == 0)
		sp_buf_char(&cells->text[COLUMN_IRQS], '-');
	if (count == 0)
		sp_buf_char(&cells->text[COLUMN_IOMMU], '-');
	else
		sp_buf_str(
			&cells->text[COLUMN_IOMMU], sp_tree_name(list->host->tree, controllers[0]));
	if (count > 1)
		sp_buf_printf(&cells->text[COLUMN_IOMMU], ",+%u", count - 1);
	sp_buf_str(&cells->text[COLUMN_VERDICT], sp_verdict_name(row->plan->verdict));
	cells->reason = "";
	if (row->plan->verdict != SP_VERDICT_OK) {
		/* The worst one: the device's own if there is one, else the host's. */
		const struct sp_finding *worst = NULL;
		for (uint32_t i = 0; i < row->plan->findings.count; i++) {
			const struct sp_finding *finding = &row->plan->findings.data[i];
			if (worst == NULL || finding->severity > worst->severity ||
				(finding->severity == worst->severity && worst->guest == NULL &&
					finding->guest != NULL))
				worst = finding;
		}
		cells->reason = worst != NULL ? sp_finding_info(worst->code)->title : "";
	}
}

static const char *verdict_colour(const struct row *row) {
	switch (row->plan->verdict) {
	case SP_VERDICT_OK:
		return "\033[32m";
	case SP_VERDICT_WARN:
		return "\033[33m";
	case SP_VERDICT_NO:
		return "\033[31m";
	}
	return "";
}

/* Writes at most `room` characters of the text and takes them off the room. */
static void put_cut(struct sp_buf *out, const char *text, size_t width, size_t *room) {
	size_t length = strlen(text);
	size_t shown = length < *room ? length : *room;
	sp_buf_put(out, text, shown);
	*room -= shown;
	for (; shown<width && * room> 0; shown++, (*room)--)
		sp_buf_char(out, ' ');
}

static void put_line(struct sp_buf *out, const struct sp_list *list, const struct row *row,
	const char *const *texts, const size_t *widths, const char *reason) {
	size_t room = list->options.columns != 0 ? list->options.columns : SIZE_MAX;
	bool colour = list->options.colour && row != NULL;
	size_t start = out->size;
	for (unsigned c = 0; c < COLUMNS; c++) {
		if (colour && c == COLUMN_VERDICT)
			sp_buf_str(out, verdict_colour(row));
		put_cut(out, texts[c], widths[c], &room);
		if (colour && c == COLUMN_VERDICT)
			sp_buf_str(out, "\033[0m");
		put_cut(out, "  ", 0, &room);
	}
	put_cut(out, reason, 0, &room);
	while (!out->failed && out->size > start && out->data[out->size - 1] == ' ')
		out->size--;
	sp_buf_char(out, '\n');
}

/* Makes the row's cells in place of those of another row. False if no memory is left. */
static bool make_cells(const struct sp_list *list, const struct row *row, struct cells *cells) {
	for (unsigned c = 0; c < COLUMNS; c++)
		cells->text[c].size = 0;
	fill_cells(list, row, cells);
	for (unsigned c = 0; c < COLUMNS; c++) {
		if (cells->text[c].failed)
			return false;
	}
	return true;
}

static bool put_table(const struct sp_list *list, struct cells *cells, struct sp_buf *out) {
	static const char *const heads[COLUMNS] = {
		"DEVICE", "KIND", "PAGES", "IRQS", "IOMMU", "VERDICT"};
	size_t widths[COLUMNS];

	for (unsigned c = 0; c < COLUMNS; c++)
		widths[c] = strlen(heads[c]);
	/* Made twice, for the widths and for the table: a list may be long. */
	for (uint32_t i = 0; i < list->rows.count; i++) {
		if (!make_cells(list, list->rows.data[i], cells))
			return false;
		for (unsigned c = 0; c < COLUMNS; c++) {
			if (cells->text[c].size > widths[c])
				widths[c] = cells->text[c].size;
		}
	}
	put_line(out, list, NULL, heads, widths, "REASON");
	for (uint32_t i = 0; i < list->rows.count; i++) {
		const char *texts[COLUMNS];
		if (!make_cells(list, list->rows.data[i], cells))
			return false;
		for (unsigned c = 0; c < COLUMNS; c++)
			texts[c] = cells->text[c].data;
		put_line(out, list, list->rows.data[i], texts, widths, cells->reason);
	}
	return true;
}

bool sp_list_table(const struct sp_list *list, char **data, size_t *size, struct sp_error *error) {
	struct sp_buf out = {0};
	struct cells cells = {0};

	if (!put_table(list, &cells, &out))
		out.failed = true;
	for (unsigned c = 0; c < COLUMNS; c++)
		sp_buf_release(&cells.text[c]);
	return sp_buf_finish(&out, data, size, error);
}
