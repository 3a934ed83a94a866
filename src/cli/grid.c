/* Columns of text; see grid.h. */
#include "config.h"

#include <libsmartcols.h>
#include <string.h>

#include "src/cli/grid.h"

struct grid {
	struct libscols_table *table; /* rows not printed yet */
	GPtrArray *headings;          /* char * */
	GArray *shown;                /* gboolean for each column of the server's Table */
	bool color;
	bool printed; /* headings are out, widths are settled */
};

/* Words that say at a glance how things stand. */
static const struct {
	const char *word, *color;
} color_words[] = {
	{ "Running", "green" }, { "Succeeded", "green" }, { "Bound", "green" }, { "Ready", "green" }, { "Applied", "green" },
	{ "Failed", "red" }, { "Error", "red" }, { "Rejected", "red" }, { "CrashLoopBackOff", "red" }, { "Lost", "red" },
	{ "NotReady", "red" }, { "Unknown", "red" }, { "DataVolumeError", "red" }, { "Unschedulable", "red" },
	{ "ErrorUnschedulable", "red" }, { "Warning", "yellow" }, { "Pending", "yellow" }, { "Held", "yellow" },
	{ "Starting", "yellow" }, { "Provisioning", "yellow" }, { "ImportInProgress", "yellow" }, { "Paused", "yellow" },
	{ "Stopping", "yellow" }, { "Terminating", "yellow" },
};

static const char *color_of(const char *cell);
static char *cell_text(const json_t *cell);
static void table_columns(struct grid *grid, const json_t *columns, const struct grid_view *view);
static void table_row(struct grid *grid, const json_t *row, const struct grid_view *view);

struct grid *
grid_new(bool color)
{
	struct grid *grid = g_new0(struct grid, 1);

	grid->table = scols_new_table();
	g_assert(grid->table != NULL);
	grid->headings = g_ptr_array_new_with_free_func(g_free);
	grid->shown = g_array_new(FALSE, FALSE, sizeof(gboolean));
	grid->color = color;
	scols_table_enable_colors(grid->table, color);
	scols_table_set_column_separator(grid->table, "   ");
	/* never cut to the terminal's width: what is cut cannot be copied or searched for */
	scols_table_set_termforce(grid->table, SCOLS_TERMFORCE_NEVER);
	return grid;
}

void
grid_free(struct grid *grid)
{
	scols_unref_table(grid->table);
	g_ptr_array_unref(grid->headings);
	g_array_unref(grid->shown);
	g_free(grid);
}

void
grid_column(struct grid *grid, const char *heading)
{
	struct libscols_column *column = scols_table_new_column(grid->table, heading, 0, 0);

	g_assert(column != NULL);
	if (grid->color)
		scols_cell_set_color(scols_column_get_header(column), "bold");
	g_ptr_array_add(grid->headings, g_strdup(heading));
}

size_t
grid_columns(const struct grid *grid)
{
	return grid->headings->len;
}

void
grid_row(struct grid *grid, const char *const *cells)
{
	struct libscols_line *line = scols_table_new_line(grid->table, NULL);

	g_assert(line != NULL);
	for (guint i = 0; i < grid->headings->len; i++) {
		const char *cell = cells[i] != NULL ? cells[i] : "<none>", *color = color_of(cell);

		scols_line_set_data(line, i, cell);
		if (grid->color && color != NULL)
			scols_cell_set_color(scols_line_get_cell(line, i), color);
	}
}

void
grid_headings(struct grid *grid, bool shown)
{
	scols_table_enable_noheadings(grid->table, !shown);
}

void
grid_print(struct grid *grid, FILE *out)
{
	if (scols_table_is_empty(grid->table))
		return;
	scols_table_set_stream(grid->table, out);
	scols_print_table(grid->table);
	for (size_t i = 0; !grid->printed && i < grid->headings->len; i++) {
		struct libscols_column *column = scols_table_get_column(grid->table, i);

		scols_column_set_whint(column, (double)MAX(scols_column_get_width(column), 2));
	}
	grid->printed = true;
	scols_table_enable_noheadings(grid->table, 1);
	scols_table_remove_lines(grid->table);
	fflush(out);
}

int
grid_table(struct grid *grid, const json_t *table, const struct grid_view *view)
{
	const char *kind = json_string_value(json_object_get(table, "kind"));
	const json_t *columns = json_object_get(table, "columnDefinitions"), *rows = json_object_get(table, "rows");

	if (kind == NULL || strcmp(kind, "Table") != 0)
		return -1;
	if (grid->headings->len == 0) {
		if (json_array_size(columns) == 0)
			return -1;
		table_columns(grid, columns, view);
	}
	for (size_t i = 0; i < json_array_size(rows); i++)
		table_row(grid, json_array_get(rows, i), view);
	return (int)json_array_size(rows);
}

static const char *
color_of(const char *cell)
{
	for (size_t i = 0; i < G_N_ELEMENTS(color_words); i++)
		if (strcmp(color_words[i].word, cell) == 0)
			return color_words[i].color;
	return NULL;
}

/* NULL for null: it shows as <none>. */
static char *
cell_text(const json_t *cell)
{
	if (cell == NULL || json_is_null(cell))
		return NULL;
	if (json_is_string(cell))
		return g_strdup(json_string_value(cell));
	return json_dumps(cell, JSON_ENCODE_ANY | JSON_COMPACT);
}

static void
table_columns(struct grid *grid, const json_t *columns, const struct grid_view *view)
{
	if (view->namespaces)
		grid_column(grid, "NAMESPACE");
	for (size_t i = 0; i < json_array_size(columns); i++) {
		const json_t *column = json_array_get(columns, i);
		const char *name = json_string_value(json_object_get(column, "name"));
		g_autofree char *heading = g_ascii_strup(name != NULL ? name : "", -1);
		gboolean shown = view->wide || json_integer_value(json_object_get(column, "priority")) == 0;

		g_array_append_val(grid->shown, shown);
		if (shown)
			grid_column(grid, heading);
	}
}

static void
table_row(struct grid *grid, const json_t *row, const struct grid_view *view)
{
	const json_t *cells = json_object_get(row, "cells");
	const json_t *metadata = json_object_get(json_object_get(row, "object"), "metadata");
	g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);

	if (view->namespaces)
		g_ptr_array_add(texts, g_strdup(json_string_value(json_object_get(metadata, "namespace"))));
	for (guint i = 0; i < grid->shown->len; i++) {
		g_autofree char *text = NULL;

		if (!g_array_index(grid->shown, gboolean, i))
			continue;
		text = cell_text(json_array_get(cells, i));
		if (i == 0 && view->prefix != NULL && text != NULL)
			g_ptr_array_add(texts, g_strconcat(view->prefix, text, NULL));
		else
			g_ptr_array_add(texts, g_steal_pointer(&text));
	}
	grid_row(grid, (const char *const *)texts->pdata);
}
