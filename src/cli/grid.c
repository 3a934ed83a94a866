/* Columns of text; see grid.h. */
#include "config.h"

#include <stdint.h>
#include <string.h>
#include <wchar.h>

#include "src/cli/grid.h"

#define GAP 3 /* spaces between columns */

/* What stands in a cell. */
struct cell {
	char *text;        /* printable */
	gsize width;       /* columns of a terminal */
	const char *color; /* of the words below, or NULL */
};

struct grid {
	GArray *headings;    /* struct cell */
	GPtrArray *rows;     /* struct cell *, one for each column; not printed yet */
	GArray *widths;      /* gsize, columns of a terminal: of the widest cell so far, for each column */
	GArray *shown;       /* gboolean, for each column of the server's Table */
	bool color;
	bool bare;           /* no headings are wanted */
	bool printed;        /* headings are out */
};

#define BOLD "\033[1m"
#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define PLAIN "\033[0m"

/* Words that say at a glance how things stand. */
static const struct {
	const char *word, *color;
} color_words[] = {
	{ "Running", GREEN }, { "Succeeded", GREEN }, { "Bound", GREEN }, { "Ready", GREEN }, { "Accepted", GREEN },
	{ "Failed", RED }, { "Error", RED }, { "CrashLoopBackOff", RED }, { "Lost", RED },
	{ "NotReady", RED }, { "Unknown", RED }, { "DataVolumeError", RED }, { "Unschedulable", RED },
	{ "ErrorUnschedulable", RED }, { "Warning", YELLOW }, { "Pending", YELLOW }, { "Held", YELLOW }, { "Missing", YELLOW },
	{ "Starting", YELLOW }, { "Provisioning", YELLOW }, { "ImportInProgress", YELLOW }, { "Paused", YELLOW },
	{ "Stopping", YELLOW }, { "Terminating", YELLOW },
};

static void row_free(void *row);
static void cell_clear(void *cell);
static void write_row(const struct grid *grid, const struct cell *row, GString *out);
static char *printable(const char *text, gsize *width);
static const char *color_of(const char *cell);
static const char *cell_text(const json_t *cell, char **made);
static void table_columns(struct grid *grid, const json_t *columns, const struct grid_view *view);
static void table_row(struct grid *grid, const json_t *row, const struct grid_view *view);

struct grid *
grid_new(bool color)
{
	struct grid *grid = g_new0(struct grid, 1);

	grid->headings = g_array_new(TRUE, FALSE, sizeof(struct cell));
	g_array_set_clear_func(grid->headings, cell_clear);
	grid->rows = g_ptr_array_new_with_free_func(row_free);
	grid->widths = g_array_new(FALSE, FALSE, sizeof(gsize));
	grid->shown = g_array_new(FALSE, FALSE, sizeof(gboolean));
	grid->color = color;
	return grid;
}

void
grid_free(struct grid *grid)
{
	g_array_unref(grid->headings);
	g_ptr_array_unref(grid->rows);
	g_array_unref(grid->widths);
	g_array_unref(grid->shown);
	g_free(grid);
}

void
grid_column(struct grid *grid, const char *heading)
{
	struct cell cell = { .color = grid->color ? BOLD : NULL };
	gsize width;

	cell.text = printable(heading, &cell.width);
	width = grid->bare ? 0 : cell.width; /* what is not shown needs no room */
	g_array_append_val(grid->headings, cell);
	g_array_append_val(grid->widths, width);
}

void
grid_row(struct grid *grid, const char *const *cells)
{
	struct cell *row = g_new0(struct cell, grid->headings->len + 1);

	for (guint i = 0; i < grid->headings->len; i++) {
		gsize *width = &g_array_index(grid->widths, gsize, i);

		row[i].text = printable(cells[i] != NULL ? cells[i] : "<none>", &row[i].width);
		row[i].color = grid->color ? color_of(row[i].text) : NULL;
		*width = MAX(*width, row[i].width);
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
	g_autoptr(GString) text = g_string_new(NULL);

	if (grid->rows->len == 0)
		return;
	if (!grid->bare && !grid->printed)
		write_row(grid, (const struct cell *)(const void *)grid->headings->data, text);
	for (guint i = 0; i < grid->rows->len; i++)
		write_row(grid, grid->rows->pdata[i], text);
	fwrite(text->str, 1, text->len, out);
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
row_free(void *row)
{
	for (struct cell *cell = row; cell->text != NULL; cell++)
		cell_clear(cell);
	g_free(row);
}

static void
cell_clear(void *cell)
{
	g_free(((struct cell *)cell)->text);
}

/* Lines are never cut to the terminal's width: what is cut cannot be copied or searched for. */
static void
write_cell(const struct grid *grid, const struct cell *cell, guint column, GString *out)
{
	gsize before;

	if (cell->color != NULL)
		g_string_append(out, cell->color);
	g_string_append(out, cell->text);
	if (cell->color != NULL)
		g_string_append(out, PLAIN);
	if (column + 1 == grid->widths->len) {
		g_string_append_c(out, '\n');
		return;
	}
	before = out->len;
	g_string_set_size(out, before + g_array_index(grid->widths, gsize, column) + GAP - cell->width);
	memset(out->str + before, ' ', out->len - before);
}

static void
write_row(const struct grid *grid, const struct cell *row, GString *out)
{
	for (guint i = 0; i < grid->headings->len; i++)
		write_cell(grid, &row[i], i, out);
}

/* Appends the bytes of one character as \xNN: a control character must not reach the terminal. */
static void
append_escaped(GString *out, const char *bytes, gsize count)
{
	for (gsize i = 0; i < count; i++)
		g_string_append_printf(out, "\\x%02x", (unsigned char)bytes[i]);
}

/* A copy in which everything can be printed in the locale, and how wide it is. */
static char *
printable(const char *text, gsize *width)
{
	const char *plain = text; /* mostly all of it */
	GString *out;

	while (*plain >= 0x20 && *plain < 0x7f)
		plain++;
	*width = (gsize)(plain - text);
	if (*plain == '\0')
		return g_strndup(text, *width);
	out = g_string_new_len(text, plain - text);
	for (const char *p = plain, *next; *p != '\0'; p = next) {
		gunichar c = g_utf8_get_char_validated(p, -1);
		bool valid = c != (gunichar)-1 && c != (gunichar)-2;
		int columns = !valid ? -1 : c >= 0x20 && c < 0x7f ? 1 : wcwidth((wchar_t)c);
		gsize before = out->len;

		next = valid ? g_utf8_next_char(p) : p + 1;
		if (columns >= 0)
			g_string_append_len(out, p, next - p);
		else
			append_escaped(out, p, (gsize)(next - p));
		*width += columns >= 0 ? (gsize)columns : out->len - before;
	}
	return g_string_free(out, FALSE);
}

static const char *
color_of(const char *cell)
{
	for (size_t i = 0; i < G_N_ELEMENTS(color_words); i++)
		if (strcmp(color_words[i].word, cell) == 0)
			return color_words[i].color;
	return NULL;
}

/* The text of a cell, which may have to be made (*made): NULL for null, which shows as <none>. */
static const char *
cell_text(const json_t *cell, char **made)
{
	if (cell == NULL || json_is_null(cell))
		return NULL;
	if (json_is_string(cell))
		return json_string_value(cell);
	return *made = json_dumps(cell, JSON_ENCODE_ANY | JSON_COMPACT);
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
	g_autoptr(GPtrArray) texts = g_ptr_array_new(), made = g_ptr_array_new_with_free_func(g_free);

	if (view->namespaces)
		g_ptr_array_add(texts, (char *)(uintptr_t)json_string_value(json_object_get(metadata, "namespace")));
	for (guint i = 0; i < grid->shown->len; i++) {
		char *own = NULL;
		const char *text;

		if (!g_array_index(grid->shown, gboolean, i))
			continue;
		text = cell_text(json_array_get(cells, i), &own);
		if (i == 0 && view->prefix != NULL && text != NULL)
			text = own = g_strconcat(view->prefix, text, NULL);
		g_ptr_array_add(texts, (char *)(uintptr_t)text);
		if (own != NULL)
			g_ptr_array_add(made, own);
	}
	grid_row(grid, (const char *const *)texts->pdata);
}
