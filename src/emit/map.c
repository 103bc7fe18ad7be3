/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "emit/emit.h"
#include "emit/text.h"

/*
 * One row for each area, hole and mapping, from the lowest address on; heights say nothing of
 * sizes. Texts are cut to what fits their column: a character of the font is 7.3 units wide at
 * most.
 */
enum {
	WIDTH = 1040,
	TOP = 112, /* of the first row */
	ADDRESS_END = 168,
	BAND_START = 180,
	BAND_WIDTH = 330,
	BAND_CHARACTERS = 43,
	TEXT_START = 526,
	TEXT_CHARACTERS = 68,
	GAP = 2, /* between rows */
};

enum look { LOOK_HOLE, LOOK_XEN, LOOK_RAM, LOOK_EXTENDED, LOOK_MAPPING, LOOK_MOVED, LOOK_COUNT };

static const struct {
	const char *class, *legend;
	unsigned height;
} looks[LOOK_COUNT] = {
	[LOOK_HOLE] = {"hole", "free", 24},
	[LOOK_XEN] = {"xen", "Xen's own", 40},
	[LOOK_RAM] = {"ram", "RAM", 40},
	[LOOK_EXTENDED] = {"extended", "extended region", 40},
	[LOOK_MAPPING] = {"mapping", "device, as in the host", 40},
	[LOOK_MOVED] = {"moved", "device, moved", 40},
};

static const char style[] = "<style>\n"
			    "text{font-family:\"DejaVu Sans "
			    "Mono\",Menlo,Consolas,monospace;font-size:12px;fill:#212121}\n"
			    ".title{font-size:18px;font-weight:bold}\n"
			    ".quiet{fill:#616161}\n"
			    ".address{text-anchor:end;fill:#424242}\n"
			    "rect{stroke-width:1}\n"
			    ".hole{fill:#fafafa;stroke:#bdbdbd;stroke-dasharray:4 3}\n"
			    ".xen{fill:#cfd8dc;stroke:#78909c}\n"
			    ".ram{fill:#bbdefb;stroke:#1976d2}\n"
			    ".extended{fill:#e3f2fd;stroke:#64b5f6}\n"
			    ".mapping{fill:#c8e6c9;stroke:#388e3c}\n"
			    ".moved{fill:#ffe0b2;stroke:#ef6c00}\n"
			    "</style>\n";

struct map {
	const struct sp_plan *plan;
	struct sp_buf *out;
	uint64_t y; /* of the next row */
};

static void put_attribute(struct sp_buf *out, const char *name, uint64_t value) {
	sp_buf_char(out, ' ');
	sp_buf_str(out, name);
	sp_buf_str(out, "=\"");
	sp_buf_dec(out, value);
	sp_buf_char(out, '"');
}

static void open_text(struct sp_buf *out, const char *class, uint64_t x, uint64_t y) {
	sp_buf_str(out, "<text");
	if (class) {
		sp_buf_str(out, " class=\"");
		sp_buf_str(out, class);
		sp_buf_char(out, '"');
	}
	put_attribute(out, "x", x);
	put_attribute(out, "y", y);
	sp_buf_char(out, '>');
}

static void close_text(struct sp_buf *out) {
	sp_buf_str(out, "</text>\n");
}

static void put_rect(struct sp_buf *out, const char *class, uint64_t x, uint64_t y, uint64_t width,
	uint64_t height) {
	sp_buf_str(out, "<rect class=\"");
	sp_buf_str(out, class);
	sp_buf_char(out, '"');
	put_attribute(out, "x", x);
	put_attribute(out, "y", y);
	put_attribute(out, "width", width);
	put_attribute(out, "height", height);
	put_attribute(out, "rx", 3);
	sp_buf_str(out, "/>\n");
}

/* The row's box, its first address and, if it is high enough, its last; what it is called. */
static void draw_band(
	struct map *map, enum look look, uint64_t start, uint64_t size, const char *name) {
	unsigned height = looks[look].height;
	bool tall = height >= 40;

	put_rect(map->out, looks[look].class, BAND_START, map->y, BAND_WIDTH, height);
	open_text(map->out, "address", ADDRESS_END, map->y + (tall ? 15 : 16));
	sp_text_hex(map->out, start);
	close_text(map->out);
	if (tall && size) {
		open_text(map->out, "address", ADDRESS_END, map->y + 33);
		sp_text_hex(map->out, start + size - 1);
		close_text(map->out);
	}
	open_text(map->out, look == LOOK_HOLE ? "quiet" : NULL, BAND_START + 10,
		map->y + height / 2 + 4);
	sp_text_xml(map->out, name, BAND_CHARACTERS);
	close_text(map->out);
}

static void next_row(struct map *map, enum look look) {
	map->y += looks[look].height + GAP;
}

static void draw_hole(struct map *map, uint64_t start, uint64_t end) {
	draw_band(map, LOOK_HOLE, start, end - start, "free");
	open_text(map->out, "quiet", TEXT_START, map->y + 16);
	sp_text_about(map->out, end - start);
	close_text(map->out);
	next_row(map, LOOK_HOLE);
}

static void draw_area(struct map *map, const struct sp_area *area) {
	static const enum look look_of[] = {
		[SP_AREA_XEN] = LOOK_XEN,
		[SP_AREA_RAM] = LOOK_RAM,
		[SP_AREA_EXTENDED] = LOOK_EXTENDED,
	};
	enum look look = look_of[area->kind];

	draw_band(map, look, area->start, area->size, area->name);
	open_text(map->out, NULL, TEXT_START, map->y + 24);
	sp_text_size(map->out, area->size);
	close_text(map->out);
	next_row(map, look);
}

static void draw_mapping(struct map *map, const struct sp_mapping *mapping) {
	enum look look = mapping->guest == mapping->host ? LOOK_MAPPING : LOOK_MOVED;

	draw_band(map, look, mapping->guest, mapping->size,
		sp_tree_name(map->plan->host->tree, mapping->node));
	open_text(map->out, NULL, TEXT_START, map->y + 15);
	sp_text_xml(map->out, sp_text_path(map->plan, mapping->node), TEXT_CHARACTERS);
	close_text(map->out);
	open_text(map->out, "quiet", TEXT_START, map->y + 33);
	sp_text_xml(map->out, mapping->what, TEXT_CHARACTERS / 2);
	sp_buf_str(map->out, ", ");
	sp_text_size(map->out, mapping->size);
	if (look == LOOK_MOVED) {
		sp_buf_str(map->out, ", in the host at ");
		sp_text_hex(map->out, mapping->host);
	}
	close_text(map->out);
	next_row(map, look);
}

/* Areas and mappings are both by address; holes are what lies between. */
static void draw_rows(struct map *map, const struct sp_plan_guest *guest) {
	const struct sp_layout *layout = &guest->layout;
	uint32_t area = 0, mapping = 0;
	uint64_t cursor = 0;

	while (area < layout->areas.count || mapping < guest->mappings.count) {
		bool is_area = mapping == guest->mappings.count ||
			(area < layout->areas.count &&
				layout->areas.data[area].start <=
					guest->mappings.data[mapping].guest);
		uint64_t start = is_area ? layout->areas.data[area].start
					 : guest->mappings.data[mapping].guest;
		uint64_t size = is_area ? layout->areas.data[area].size
					: guest->mappings.data[mapping].size;

		if (start > cursor)
			draw_hole(map, cursor, start);
		if (is_area)
			draw_area(map, &layout->areas.data[area++]);
		else
			draw_mapping(map, &guest->mappings.data[mapping++]);
		if (start + size > cursor)
			cursor = start + size;
	}
	if (layout->limit > cursor)
		draw_hole(map, cursor, layout->limit);
}

static void draw_legend(struct sp_buf *out) {
	unsigned x = 24;

	for (unsigned i = 0; i < LOOK_COUNT; i++) {
		put_rect(out, looks[i].class, x, 74, 14, 14);
		open_text(out, "quiet", x + 21, 86);
		sp_buf_str(out, looks[i].legend);
		close_text(out);
		x += 48 + (unsigned)strlen(looks[i].legend) * 15 / 2;
	}
}

static void draw_heading(struct map *map, const struct sp_plan_guest *guest) {
	struct sp_buf *out = map->out;

	sp_buf_str(out, "<title>Memory of guest &quot;");
	sp_text_xml(out, guest->request->name, TEXT_CHARACTERS);
	sp_buf_str(out, "&quot;</title>\n");
	sp_buf_str(out, style);
	sp_buf_str(out, "<rect fill=\"#ffffff\" width=\"100%\" height=\"100%\"/>\n");
	open_text(out, "title", 24, 36);
	sp_buf_str(out, "Memory of guest &quot;");
	sp_text_xml(out, guest->request->name, TEXT_CHARACTERS);
	sp_buf_str(out, "&quot;");
	close_text(out);
	open_text(out, "quiet", 24, 58);
	sp_buf_str(out, sp_mode_name(guest->request->mode));
	sp_buf_str(out, ", ");
	sp_buf_str(out, sp_target_name(map->plan->request->target));
	sp_buf_str(out, ", ");
	sp_text_size(out, (uint64_t)guest->request->memory << 20);
	sp_buf_str(out, " of RAM. Guest addresses, first and last of each part; not to scale.");
	close_text(out);
	draw_legend(out);
}

bool sp_emit_map(
	const struct sp_plan *plan, uint32_t guest, struct sp_buf *out, struct sp_error *error) {
	const struct sp_plan_guest *planned = &plan->guests.data[guest];
	struct sp_buf body = {0};
	struct map map = {.plan = plan, .out = &body, .y = TOP};

	/* The height is known when all is drawn. */
	draw_heading(&map, planned);
	draw_rows(&map, planned);
	if (body.failed) {
		sp_buf_release(&body);
		return sp_error_memory(error);
	}
	sp_buf_str(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\"");
	put_attribute(out, "width", WIDTH);
	put_attribute(out, "height", map.y + 20);
	sp_buf_str(out, " viewBox=\"0 0 ");
	sp_buf_dec(out, WIDTH);
	sp_buf_char(out, ' ');
	sp_buf_dec(out, map.y + 20);
	sp_buf_str(out, "\">\n");
	sp_buf_put(out, body.data, body.size);
	sp_buf_str(out, "</svg>\n");
	sp_buf_release(&body);
	return true;
}
