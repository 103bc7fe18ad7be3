/* SPDX-License-Identifier: MIT */
#include "control/control.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

#define GAP 2u /* columns between cells */

char (*control_row(struct control_table *table))[CONTROL_CELL] {
	if (table->count == table->capacity) {
		size_t capacity = table->capacity ? 2 * table->capacity : 16;
		void *rows = realloc(table->rows, capacity * sizeof(table->rows[0]));

		if (!rows) {
			table->failed = true;
			return NULL;
		}
		table->rows = rows;
		table->capacity = capacity;
	}
	memset(table->rows[table->count], 0, sizeof(table->rows[0]));
	return table->rows[table->count++];
}

static void measure(const struct control_table *table, unsigned widths[CONTROL_COLUMNS]) {
	for (size_t column = 0; column < table->column_count; column++) {
		widths[column] = cli_width(table->columns[column].title);
		for (size_t row = 0; row < table->count; row++) {
			unsigned width = cli_width(table->rows[row][column]);

			if (width > widths[column])
				widths[column] = width;
		}
	}
}

/* As much of it as there is room for. Cells are ASCII, since names are. */
static void put(struct cli *cli, const char *text, unsigned *room) {
	for (; *text && *room; text++) {
		unsigned width = cli_width((const char[]){*text, '\0'});

		if (width > *room)
			break;
		cli_text(cli->out, (const char[]){*text, '\0'});
		*room -= width;
	}
}

static void pad(struct cli *cli, unsigned count, unsigned *room) {
	for (; count && *room; count--, (*room)--)
		putc(' ', cli->out);
}

static void print_row(struct cli *cli, const struct control_table *table,
	const unsigned widths[CONTROL_COLUMNS], size_t row, unsigned columns) {
	unsigned room = columns ? columns : UINT32_MAX;
	size_t last = table->column_count;

	/* Nothing is put behind the last cell that is not empty. */
	while (row != SIZE_MAX && last > 1 && !table->rows[row][last - 1][0])
		last--;
	for (size_t column = 0; column < last; column++) {
		const char *cell =
			row == SIZE_MAX ? table->columns[column].title : table->rows[row][column];
		unsigned rest = widths[column] - cli_width(cell);

		if (column)
			pad(cli, GAP, &room);
		if (table->columns[column].right)
			pad(cli, rest, &room);
		put(cli, cell, &room);
		if (!table->columns[column].right && column + 1 < last)
			pad(cli, rest, &room);
	}
	putc('\n', cli->out);
}

void control_print(
	struct cli *cli, const struct control_table *table, unsigned columns, unsigned lines) {
	unsigned widths[CONTROL_COLUMNS];

	measure(table, widths);
	cli_style(cli, CLI_BOLD);
	print_row(cli, table, widths, SIZE_MAX, columns);
	cli_style(cli, CLI_PLAIN);
	for (size_t row = 0; row < table->count && (!lines || row + 1 < lines); row++)
		print_row(cli, table, widths, row, columns);
}

void control_table_release(struct control_table *table) {
	free(table->rows);
	table->rows = NULL;
	table->count = table->capacity = 0;
}

void control_size(char cell[CONTROL_CELL], uint64_t bytes) {
	struct sp_buf text = {0};

	if (!bytes) {
		snprintf(cell, CONTROL_CELL, "0");
		return;
	}
	sp_text_about(&text, bytes);
	snprintf(cell, CONTROL_CELL, "%s", text.data ? text.data : "?");
	sp_buf_release(&text);
}
