/* Columns of text; see grid.h. */
#include "config.h"

#include <libsmartcols.h>
#include <string.h>

#include "src/cli/grid.h"

struct grid {
	GPtrArray *headings; /* char * */
	GPtrArray *rows;     /* char **, not printed yet */
	GArray *widths;      /* gsize, characters: of the widest cell so far, for each column */
	GArray *shown;       /* gboolean, for each column of the server's Table */
	bool color;
	bool bare;           /* no headings are wanted */
	bool printed;        /* headings are out */
};

/* Words that say at a glance how things stand. */
static const struct {
	const char *word, *color;
} color_words[] = {
	{ "Running", "green" }, { "Succeeded", "green" }, { "Bound", "green" }, { "Ready", "green" }, { "Accepted", "green" },
	{ "Failed", "red" }, { "Error", "red" }, { "CrashLoopBackOff", "red" }, { "Lost", "red" },
	{ "NotReady", "red" }, { "Unknown", "red" }, { "DataVolumeError", "red" }, { "Unschedulable", "red" },
	{ "ErrorUnschedulable", "red" }, { "Warning", "yellow" }, { "Pending", "yellow" }, { "Held", "yellow" }, { "Missing", "yellow" },
	{ "Starting", "yellow" }, { "Provisioning", "yellow" }, { "ImportInProgress", "yellow" }, { "Paused", "yellow" },
	{ "Stopping", "yellow" }, { "Terminating", "yellow" },
};

static void fill_columns(const struct grid *grid, struct libscols_table *table);
static void fill_line(const struct grid *grid, struct libscols_line *line, char *const *cells);
static const char *color_of(const char *cell);
static char *cell_text(const json_t *cell);
static void table_columns(struct grid *grid, const json_t *columns, const struct grid_view *view);
static void table_row(struct grid *grid, const json_t *row, const struct grid_view *view);

struct grid *
grid_new(bool color)
{
	struct grid *grid = g_new0(struct grid, 1);

	grid->headings = g_ptr_array_new_with_free_func(g_free);
	grid->rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
	grid->widths = g_array_new(FALSE, FALSE, sizeof(gsize));
	grid->shown = g_array_new(FALSE, FALSE, sizeof(gboolean));
	grid->color = color;
	return grid;
}

void
grid_free(struct grid *grid)
{
	g_ptr_array_unref(grid->headings);
	g_ptr_array_unref(grid->rows);
	g_array_unref(grid->widths);
	g_array_unref(grid->shown);
	g_free(grid);
}

void
grid_column(struct grid *grid, const char *heading)
{
	gsize width = grid->bare ? 0 : (gsize)g_utf8_strlen(heading, -1);

	g_ptr_array_add(grid->headings, g_strdup(heading));
	g_array_append_val(grid->widths, width);
}

void
grid_row(struct grid *grid, const char *const *cells)
{
	char **row = g_new0(char *, grid->headings->len + 1);

	for (guint i = 0; i < grid->headings->len; i++) {
		gsize *width = &g_array_index(grid->widths, gsize, i), length;

		row[i] = g_strdup(cells[i] != NULL ? cells[i] : "<none>");
		length = (gsize)g_utf8_strlen(row[i], -1);
		*width = MAX(*width, length);
	}
	g_ptr_array_add(grid->rows, row);
}

void
grid_headings(struct grid *grid, bool shown)
{
	grid->bare = !shown;
}

void
grid_print(struct grid *grid, FILE *out)
{
	struct libscols_table *table;

	if (grid->rows->len == 0)
		return;
	table = scols_new_table();
	g_assert(table != NULL);
	scols_table_enable_colors(table, grid->color);
	scols_table_enable_noheadings(table, grid->bare || grid->printed);
	scols_table_set_column_separator(table, "   ");
	/* never cut to the terminal's width: what is cut cannot be copied or searched for */
	scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
	scols_table_set_stream(table, out);
	fill_columns(grid, table);
	for (guint i = 0; i < grid->rows->len; i++)
		fill_line(grid, scols_table_new_line(table, NULL), grid->rows->pdata[i]);
	scols_print_table(table);
	scols_unref_table(table);
	g_ptr_array_set_size(grid->rows, 0);
	grid->printed = true;
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

static void
fill_columns(const struct grid *grid, struct libscols_table *table)
{
	for (guint i = 0; i < grid->headings->len; i++) {
		/* a heading that is not shown still sets the least width of its column */
		g_autofree char *filler = g_strnfill(g_array_index(grid->widths, gsize, i), 'x');
		bool shown = !grid->bare && !grid->printed;
		struct libscols_column *column =
		    scols_table_new_column(table, shown ? (const char *)grid->headings->pdata[i] : filler, 0, 0);

		g_assert(column != NULL);
		if (grid->color)
			scols_cell_set_color(scols_column_get_header(column), "bold");
	}
}

static void
fill_line(const struct grid *grid, struct libscols_line *line, char *const *cells)
{
	g_assert(line != NULL);
	for (guint i = 0; i < grid->headings->len; i++) {
		const char *color = color_of(cells[i]);

		scols_line_set_data(line, i, cells[i]);
		if (grid->color && color != NULL)
			scols_cell_set_color(scols_line_get_cell(line, i), color);
	}
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
