/*
 * kubectl's JSONPath templates; see path.h.
 *
 *   template = { text | "{" action "}" }
 *   action   = "range" path | "end" | quoted | path
 *   path     = [ "$" | "@" ] { "." name | ".*" | ".." [ name ] | "[" selection "]" }
 *   selection = "*" | "?(" operand [ operator operand ] ")" | item { "," item }
 *   item     = 'name' | number | [ number ] ":" [ number ] [ ":" number ]
 *
 * A template is compiled to pieces, a path to steps; each step turns a list of values into another.
 */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "src/base/error.h"
#include "src/document/document.h"
#include "src/document/path.h"

enum {
	NESTING_MOST = 16,    /* ranges in ranges, filters in filters */
	RESULTS_MOST = 500000 /* values seen; ".." can multiply them at every step */
};

enum step_type { STEP_ROOT, STEP_CURRENT, STEP_ALL, STEP_DESCEND, STEP_ITEMS, STEP_FILTER };

/* One of the things between brackets: a name, or positions from..to, counted from the end when negative. */
struct item {
	char *name;
	bool has_from, has_to;
	gint64 from, to, by;
};

struct operand {
	json_t *literal;  /* or else */
	GPtrArray *steps; /* a path */
};

struct step {
	enum step_type type;
	GPtrArray *items;           /* ITEMS: struct item */
	struct operand left, right; /* FILTER */
	const char *operator;       /* FILTER: NULL when left must merely be there */
};

/* Text, or the values of a path, or (with a body) a body for each value of a path. */
struct piece {
	char *text;
	GPtrArray *steps, *body;
};

struct parser {
	const char *start, *p;
	unsigned nesting;
	struct error *err;
};

struct evaluation {
	const json_t *root;
	unsigned results;
	struct error *err;
};

static const char *const operators[] = { "==", "!=", "<=", ">=", "<", ">" };

static GPtrArray *parse_pieces(struct parser *parser, bool in_range);
static GPtrArray *parse_path(struct parser *parser);
static int print_pieces(struct evaluation *evaluation, const GPtrArray *pieces, const json_t *current, GString *out);
static GPtrArray *evaluate(struct evaluation *evaluation, const GPtrArray *steps, const json_t *current);

int
jsonpath_format(const char *template, const json_t *root, GString *out, struct error *err)
{
	struct parser parser = { .start = template, .p = template, .err = err };
	struct evaluation evaluation = { .root = root, .err = err };
	g_autoptr(GPtrArray) pieces = parse_pieces(&parser, false);

	return pieces == NULL ? -1 : print_pieces(&evaluation, pieces, root, out);
}

/* --- parsing; each returns what the caller frees, or NULL with the error ------------------------------------------ */

static void *
parse_error(const struct parser *parser, const char *what)
{
	error_set(parser->err, EINVAL, "JSONPath template, character %ld: %s",
	    g_utf8_pointer_to_offset(parser->start, parser->p) + 1, what);
	return NULL;
}

static void
item_free(void *data)
{
	struct item *item = data;

	g_free(item->name);
	g_free(item);
}

static void
operand_clear(struct operand *operand)
{
	json_decref(operand->literal);
	g_clear_pointer(&operand->steps, g_ptr_array_unref);
}

static void
step_free(void *data)
{
	struct step *step = data;

	g_clear_pointer(&step->items, g_ptr_array_unref);
	operand_clear(&step->left);
	operand_clear(&step->right);
	g_free(step);
}

static void
piece_free(void *data)
{
	struct piece *piece = data;

	g_free(piece->text);
	g_clear_pointer(&piece->steps, g_ptr_array_unref);
	g_clear_pointer(&piece->body, g_ptr_array_unref);
	g_free(piece);
}

static void
skip_spaces(struct parser *parser)
{
	while (g_ascii_isspace(*parser->p))
		parser->p++;
}

static bool
accept(struct parser *parser, const char *token)
{
	if (!g_str_has_prefix(parser->p, token))
		return false;
	parser->p += strlen(token);
	return true;
}

static bool
accept_word(struct parser *parser, const char *word)
{
	size_t length = strlen(word);

	if (strncmp(parser->p, word, length) != 0 || (parser->p[length] != '}' && !g_ascii_isspace(parser->p[length])))
		return false;
	parser->p += length;
	return true;
}

/* A text in quotes; n, r and t behind a backslash are what they are in C, all else stands for itself. */
static char *
parse_quoted(struct parser *parser)
{
	static const char letters[] = "nrt", meanings[] = "\n\r\t";
	g_autoptr(GString) text = g_string_new(NULL);
	char quote = *parser->p++;

	for (; *parser->p != '\0' && *parser->p != quote; parser->p++) {
		const char *letter = NULL;
		if (*parser->p == '\\' && parser->p[1] != '\0')
			letter = strchr(letters, *++parser->p);
		g_string_append_c(text, letter == NULL ? *parser->p : meanings[letter - letters]);
	}
	if (*parser->p == '\0')
		return parse_error(parser, "a quote is not closed");
	parser->p++;
	return g_string_free(g_steal_pointer(&text), FALSE);
}

static struct piece *
parse_range(struct parser *parser)
{
	struct piece *piece = g_new0(struct piece, 1);

	skip_spaces(parser);
	piece->steps = parse_path(parser);
	skip_spaces(parser);
	if (piece->steps != NULL && ++parser->nesting > NESTING_MOST)
		parse_error(parser, "ranges are nested too deep");
	else if (piece->steps != NULL && !accept(parser, "}"))
		parse_error(parser, "expected } behind the range's path");
	else if (piece->steps != NULL)
		piece->body = parse_pieces(parser, true);
	parser->nesting--;
	if (piece->body != NULL)
		return piece;
	piece_free(piece);
	return NULL;
}

/* What stands behind "{"; neither "range" nor "end". */
static struct piece *
parse_action(struct parser *parser)
{
	struct piece *piece = g_new0(struct piece, 1);
	bool ok;

	if (*parser->p == '"' || *parser->p == '\'')
		ok = (piece->text = parse_quoted(parser)) != NULL;
	else
		ok = (piece->steps = parse_path(parser)) != NULL;
	skip_spaces(parser);
	if (ok && accept(parser, "}"))
		return piece;
	if (ok)
		parse_error(parser, *parser->p == '\0' ? "expected }" : "expected }, or a path that begins with . or [");
	piece_free(piece);
	return NULL;
}

static struct piece *
parse_text(struct parser *parser)
{
	struct piece *piece = g_new0(struct piece, 1);
	size_t length = strcspn(parser->p, "{");

	piece->text = g_strndup(parser->p, length);
	parser->p += length;
	return piece;
}

/* Everything up to the end of the template, or up to {end}, which is taken. */
static GPtrArray *
parse_pieces(struct parser *parser, bool in_range)
{
	g_autoptr(GPtrArray) pieces = g_ptr_array_new_with_free_func(piece_free);
	struct piece *piece;

	while (*parser->p != '\0') {
		if (!accept(parser, "{")) {
			piece = parse_text(parser);
		} else {
			skip_spaces(parser);
			if (accept_word(parser, "end")) {
				skip_spaces(parser);
				if (!in_range || !accept(parser, "}"))
					return parse_error(parser, in_range ? "expected } behind end" : "end without range");
				return g_steal_pointer(&pieces);
			}
			piece = accept_word(parser, "range") ? parse_range(parser) : parse_action(parser);
		}
		if (piece == NULL)
			return NULL;
		g_ptr_array_add(pieces, piece);
	}
	return in_range ? parse_error(parser, "a range has no {end}") : g_steal_pointer(&pieces);
}

/* --- paths -------------------------------------------------------------------------------------------------------- */

static struct step *
add_step(GPtrArray *steps, enum step_type type)
{
	struct step *step = g_new0(struct step, 1);

	step->type = type;
	if (type == STEP_ITEMS)
		step->items = g_ptr_array_new_with_free_func(item_free);
	g_ptr_array_add(steps, step);
	return step;
}

/* A name behind a dot: up to punctuation that is not behind a backslash.  May be empty. */
static char *
parse_name(struct parser *parser)
{
	GString *name = g_string_new(NULL);

	for (; *parser->p != '\0' && strchr(".[]{}()=!<>,'\"*? \t\r\n", *parser->p) == NULL; parser->p++) {
		if (*parser->p == '\\' && parser->p[1] != '\0')
			parser->p++;
		g_string_append_c(name, *parser->p);
	}
	return g_string_free(name, FALSE);
}

/* Behind a dot, or two. */
static bool
parse_member(struct parser *parser, GPtrArray *steps, bool may_be_empty)
{
	g_autofree char *name = NULL;
	struct item *item;

	if (accept(parser, "*")) {
		add_step(steps, STEP_ALL);
		return true;
	}
	name = parse_name(parser);
	if (name[0] == '\0')
		return may_be_empty || parse_error(parser, "expected a name behind the dot") != NULL;
	item = g_new0(struct item, 1);
	item->name = g_steal_pointer(&name);
	g_ptr_array_add(add_step(steps, STEP_ITEMS)->items, item);
	return true;
}

static bool
parse_number(struct parser *parser, gint64 *number)
{
	char *end;

	*number = g_ascii_strtoll(parser->p, &end, 10);
	if (end == parser->p || *number > G_MAXINT32 || *number < G_MININT32)
		return false;
	parser->p = end;
	return true;
}

/* Positions: "3", "1:4", ":-1", "::2". */
static bool
parse_positions(struct parser *parser, struct item *item)
{
	item->by = 1;
	item->has_from = parse_number(parser, &item->from);
	if (!accept(parser, ":")) {
		if (!item->has_from)
			return parse_error(parser, "expected a position, a 'name', * or ?(filter)") != NULL;
		/* One position is a slice of one; the last is not ended by 0. */
		item->to = item->from + 1;
		item->has_to = item->to != 0;
		return true;
	}
	item->has_to = parse_number(parser, &item->to);
	if (accept(parser, ":") && (!parse_number(parser, &item->by) || item->by <= 0))
		return parse_error(parser, "the step of a slice must be positive") != NULL;
	return true;
}

static bool
parse_items(struct parser *parser, GPtrArray *items)
{
	do {
		struct item *item = g_new0(struct item, 1);
		g_ptr_array_add(items, item);
		skip_spaces(parser);
		if (*parser->p == '\'' || *parser->p == '"')
			item->name = parse_quoted(parser);
		else if (!parse_positions(parser, item))
			return false;
		if (item->name == NULL && item->by == 0)
			return false;
		skip_spaces(parser);
	} while (accept(parser, ","));
	return true;
}

static bool
parse_operand(struct parser *parser, struct operand *operand)
{
	size_t length = strspn(parser->p, "+-.0123456789eE");

	if (*parser->p == '"' || *parser->p == '\'') {
		g_autofree char *text = parse_quoted(parser);
		operand->literal = text == NULL ? NULL : json_string(text);
		return operand->literal != NULL || (text != NULL && parse_error(parser, "that text is not UTF-8") != NULL);
	}
	if (g_ascii_isdigit(*parser->p) || *parser->p == '-') {
		operand->literal = json_read(parser->p, length, parser->err);
		parser->p += length;
		return operand->literal != NULL || parse_error(parser, "that is not a number") != NULL;
	}
	if (accept(parser, "true"))
		operand->literal = json_true();
	else if (accept(parser, "false"))
		operand->literal = json_false();
	else
		operand->steps = parse_path(parser);
	return operand->literal != NULL || operand->steps != NULL;
}

/* Behind "?(". */
static bool
parse_filter(struct parser *parser, struct step *step)
{
	if (++parser->nesting > NESTING_MOST)
		return parse_error(parser, "filters are nested too deep") != NULL;
	skip_spaces(parser);
	if (!parse_operand(parser, &step->left))
		return false;
	skip_spaces(parser);
	for (size_t i = 0; i < G_N_ELEMENTS(operators) && step->operator == NULL; i++)
		step->operator = accept(parser, operators[i]) ? operators[i] : NULL;
	skip_spaces(parser);
	if (step->operator != NULL && !parse_operand(parser, &step->right))
		return false;
	skip_spaces(parser);
	parser->nesting--;
	return accept(parser, ")") || parse_error(parser, "expected an operator or ) in the filter") != NULL;
}

/* Behind "[". */
static bool
parse_brackets(struct parser *parser, GPtrArray *steps)
{
	bool ok = true;

	skip_spaces(parser);
	if (accept(parser, "*"))
		add_step(steps, STEP_ALL);
	else if (accept(parser, "?("))
		ok = parse_filter(parser, add_step(steps, STEP_FILTER));
	else
		ok = parse_items(parser, add_step(steps, STEP_ITEMS)->items);
	skip_spaces(parser);
	return ok && (accept(parser, "]") || parse_error(parser, "expected ]") != NULL);
}

static GPtrArray *
parse_path(struct parser *parser)
{
	g_autoptr(GPtrArray) steps = g_ptr_array_new_with_free_func(step_free);
	bool ok = true;

	if (accept(parser, "$"))
		add_step(steps, STEP_ROOT);
	else if (accept(parser, "@"))
		add_step(steps, STEP_CURRENT);
	else if (*parser->p != '.' && *parser->p != '[')
		return parse_error(parser, "expected a path that begins with . or [");
	while (ok) {
		if (accept(parser, "..")) {
			add_step(steps, STEP_DESCEND);
			ok = parse_member(parser, steps, true);
		} else if (accept(parser, ".")) {
			/* "{.}" is the value itself. */
			ok = parse_member(parser, steps, steps->len == 0);
		} else if (accept(parser, "[")) {
			ok = parse_brackets(parser, steps);
		} else {
			break;
		}
	}
	return ok ? g_steal_pointer(&steps) : NULL;
}

/* --- evaluation --------------------------------------------------------------------------------------------------- */

static int
add_result(struct evaluation *evaluation, GPtrArray *results, const json_t *value)
{
	if (value == NULL)
		return 0;
	if (++evaluation->results > RESULTS_MOST)
		return error_set(evaluation->err, ERANGE, "the JSONPath template selects too much");
	g_ptr_array_add(results, (void *)value);
	return 0;
}

static int
select_all(struct evaluation *evaluation, const json_t *value, GPtrArray *results)
{
	const char *name;
	json_t *child;
	size_t i;
	int rc = 0;

	json_object_foreach((json_t *)value, name, child)
		rc |= add_result(evaluation, results, child);
	json_array_foreach(value, i, child)
		rc |= add_result(evaluation, results, child);
	return rc;
}

static int
descend(struct evaluation *evaluation, const json_t *value, GPtrArray *results)
{
	const char *name;
	json_t *child;
	size_t i;
	int rc = add_result(evaluation, results, value);

	json_object_foreach((json_t *)value, name, child)
		rc |= descend(evaluation, child, results);
	json_array_foreach(value, i, child)
		rc |= descend(evaluation, child, results);
	return rc;
}

/* kubectl reads ['metadata.name'] as two steps; a member that has the dot in its name goes first. */
static const json_t *
find_member(const json_t *value, const char *name)
{
	const json_t *found = json_object_get(value, name);
	g_auto(GStrv) names = found == NULL && strchr(name, '.') != NULL ? g_strsplit(name, ".", -1) : NULL;

	if (names == NULL)
		return found;
	for (char **p = names; *p != NULL && value != NULL; p++)
		value = json_object_get(value, *p);
	return value;
}

static int
select_positions(struct evaluation *evaluation, const struct item *item, const json_t *value, GPtrArray *results)
{
	gint64 size = (gint64)json_array_size(value);
	gint64 from = item->has_from ? item->from : 0, to = item->has_to ? item->to : size;
	int rc = 0;

	from += from < 0 ? size : 0;
	to += to < 0 || (to == 0 && item->has_to && item->from < 0) ? size : 0;
	for (gint64 i = MAX(from, 0); from >= -size && i < MIN(to, size); i += item->by)
		rc |= add_result(evaluation, results, json_array_get(value, (size_t)i));
	return rc;
}

static int
select_items(struct evaluation *evaluation, const struct step *step, const json_t *value, GPtrArray *results)
{
	int rc = 0;

	for (guint i = 0; i < step->items->len; i++) {
		const struct item *item = step->items->pdata[i];
		rc |= item->name != NULL ? add_result(evaluation, results, find_member(value, item->name)) :
		    select_positions(evaluation, item, value, results);
	}
	return rc;
}

/* -1, 0, 1 as left is less, equal, greater; 2 when they cannot be compared. */
static int
compare(const json_t *left, const json_t *right)
{
	if (json_is_string(left) && json_is_string(right)) {
		int order = strcmp(json_string_value(left), json_string_value(right));
		return (order > 0) - (order < 0);
	}
	if (json_is_integer(left) && json_is_integer(right)) {
		json_int_t l = json_integer_value(left), r = json_integer_value(right);
		return (l > r) - (l < r);
	}
	if (json_is_number(left) && json_is_number(right)) {
		double l = json_number_value(left), r = json_number_value(right);
		return (l > r) - (l < r);
	}
	return json_equal(left, right) ? 0 : 2;
}

static bool
holds(const char *operator, int order)
{
	if (operator[0] == '!')
		return order != 0;
	if (order == 0)
		return operator[1] == '=';
	return order == (operator[0] == '<' ? -1 : operator[0] == '>' ? 1 : 3);
}

/* Borrowed; NULL when the path leads nowhere. */
static const json_t *
operand_value(struct evaluation *evaluation, const struct operand *operand, const json_t *current)
{
	g_autoptr(GPtrArray) values = NULL;

	if (operand->literal != NULL)
		return operand->literal;
	values = evaluate(evaluation, operand->steps, current);
	return values == NULL || values->len == 0 ? NULL : values->pdata[0];
}

static int
filter(struct evaluation *evaluation, const struct step *step, const json_t *value, GPtrArray *results)
{
	json_t *item;
	size_t i;
	int rc = 0;

	json_array_foreach(value, i, item) {
		const json_t *left = operand_value(evaluation, &step->left, item);
		const json_t *right = step->operator == NULL ? NULL : operand_value(evaluation, &step->right, item);
		bool pass = left != NULL &&
		    (step->operator == NULL || (right != NULL && holds(step->operator, compare(left, right))));
		rc |= add_result(evaluation, results, pass ? item : NULL);
	}
	return rc;
}

static int
take_step(struct evaluation *evaluation, const struct step *step, const json_t *value, GPtrArray *results)
{
	switch (step->type) {
	case STEP_ROOT:
		return add_result(evaluation, results, evaluation->root);
	case STEP_CURRENT:
		return add_result(evaluation, results, value);
	case STEP_ALL:
		return select_all(evaluation, value, results);
	case STEP_DESCEND:
		return descend(evaluation, value, results);
	case STEP_ITEMS:
		return select_items(evaluation, step, value, results);
	case STEP_FILTER:
	default:
		return filter(evaluation, step, value, results);
	}
}

/* The values (borrowed) that a path leads to from current; NULL when there are too many. */
static GPtrArray *
evaluate(struct evaluation *evaluation, const GPtrArray *steps, const json_t *current)
{
	GPtrArray *values = g_ptr_array_new();

	g_ptr_array_add(values, (void *)current);
	for (guint i = 0; i < steps->len; i++) {
		g_autoptr(GPtrArray) before = values;
		values = g_ptr_array_new();
		for (guint j = 0; j < before->len; j++) {
			if (take_step(evaluation, steps->pdata[i], before->pdata[j], values) == 0)
				continue;
			g_ptr_array_unref(values);
			return NULL;
		}
	}
	return values;
}

static void
print_value(const json_t *value, GString *out)
{
	g_autofree char *text = NULL;

	if (json_is_null(value))
		return;
	if (!json_is_string(value))
		text = json_write(value);
	g_string_append(out, text != NULL ? text : json_string_value(value));
}

static int
print_piece(struct evaluation *evaluation, const struct piece *piece, const json_t *current, GString *out)
{
	g_autoptr(GPtrArray) values = evaluate(evaluation, piece->steps, current);

	for (guint i = 0; values != NULL && i < values->len; i++) {
		if (piece->body != NULL) {
			if (print_pieces(evaluation, piece->body, values->pdata[i], out) != 0)
				return -1;
			continue;
		}
		if (i > 0)
			g_string_append_c(out, ' ');
		print_value(values->pdata[i], out);
	}
	return values == NULL ? -1 : 0;
}

static int
print_pieces(struct evaluation *evaluation, const GPtrArray *pieces, const json_t *current, GString *out)
{
	for (guint i = 0; i < pieces->len; i++) {
		const struct piece *piece = pieces->pdata[i];
		if (piece->text != NULL)
			g_string_append(out, piece->text);
		else if (print_piece(evaluation, piece, current, out) != 0)
			return -1;
	}
	return 0;
}
