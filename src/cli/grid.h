/* Columns of text for people; rows that come later keep to the columns of the first ones.  What the locale cannot print, above all
 * control characters, is written as \xNN. */
#ifndef SOLOVIRT_CLI_GRID_H
#define SOLOVIRT_CLI_GRID_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct grid;

/* color: headings and words such as Running and Failed are coloured. */
struct grid *grid_new(bool color);
void grid_free(struct grid *grid);

/* Adds a column; before the first row.  The heading is copied. */
void grid_column(struct grid *grid, const char *heading);

/* Adds a row with a cell for each column; NULL is written "<none>".  Copied. */
void grid_row(struct grid *grid, const char *const *cells);

/* Whether headings are written; they are unless told otherwise, before the first column. */
void grid_headings(struct grid *grid, bool shown);

/* Writes the rows added since the last time, the first time below their headings.  Nothing when there is none. */
void grid_print(struct grid *grid, FILE *out);

/* How a Table of the server (meta.k8s.io/v1) becomes columns. */
struct grid_view {
	bool wide;          /* also columns of priority > 0 */
	bool namespaces;    /* NAMESPACE first, from each row's object */
	const char *prefix; /* stands before names: "virtualmachine.kubevirt.io/"; NULL: nothing */
};

/* Adds a Table's columns (when the grid has none yet) and rows.  Returns the number of rows, or -1 when it is no Table. */
int grid_table(struct grid *grid, const json_t *table, const struct grid_view *view);

#endif
