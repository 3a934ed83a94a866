/* Building XML; see xml_build.h. */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "src/base/error.h"
#include "src/virt/xml_build.h"

enum { BLOCK = 16 << 10 }; /* a domain of ten devices takes one */

struct attribute {
	const char *name, *value;
	struct attribute *next;
};

struct xml_node {
	const char *name, *text; /* text: NULL for none */
	struct attribute *attributes, *last_attribute;
	struct xml_node *children, *last_child, *next;
};

/* --- the tree ------------------------------------------------------------------------------------------------------- */

/* Zeroed memory that lives as long as the build; size is that of a struct of pointers. */
static void *
allocate(struct xml_build *build, size_t size)
{
	if (build->blocks->len == 0 || build->used + size > BLOCK) {
		g_ptr_array_add(build->blocks, g_malloc0(BLOCK));
		build->used = 0;
	}
	char *block = build->blocks->pdata[build->blocks->len - 1];
	build->used += size;
	return block + build->used - size;
}

static struct xml_node *
new_node(struct xml_build *build, const char *name)
{
	struct xml_node *node = allocate(build, sizeof(*node));

	node->name = name;
	return node;
}

struct xml_node *
xml_build_init(struct xml_build *build, const char *root)
{
	*build = (struct xml_build){ .texts = g_string_chunk_new(4096), .blocks = g_ptr_array_new_with_free_func(g_free) };
	build->root = new_node(build, root);
	return build->root;
}

void
xml_build_clear(struct xml_build *build)
{
	g_string_chunk_free(build->texts);
	g_ptr_array_unref(build->blocks);
	g_free(build->refused);
	memset(build, 0, sizeof(*build));
}

/* True when XML can carry a value: valid UTF-8 without control characters (XML 1.0 section 2.2, and stricter: a tab or
 * a line's end has no business in a name).  Notes the first that it cannot. */
static bool
check_value(struct xml_build *build, const char *name, const char *value)
{
	const char *p = value;

	while (*p >= 0x20 && *p < 0x7f) /* nearly all of them */
		p++;
	bool valid = g_utf8_validate(p, -1, NULL);
	for (; valid && *p != '\0'; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		if (c >= 0x20 && c != 0x7f && c != 0xfffe && c != 0xffff)
			continue;
		if (build->refused == NULL)
			build->refused = g_strdup_printf("the value of \"%s\" has the character U+%04X", name, c);
		return false;
	}
	if (!valid && build->refused == NULL)
		build->refused = g_strdup_printf("the value of \"%s\" is not valid UTF-8", name);
	return valid;
}

void
xml_set(struct xml_build *build, struct xml_node *node, const char *name, const char *value)
{
	struct attribute *attribute;

	if (node == NULL || value == NULL || !check_value(build, name, value))
		return;
	attribute = allocate(build, sizeof(*attribute));
	*attribute = (struct attribute){ name, g_string_chunk_insert(build->texts, value), NULL };
	*(node->attributes == NULL ? &node->attributes : &node->last_attribute->next) = attribute;
	node->last_attribute = attribute;
}

static struct xml_node *
add_node(struct xml_build *build, struct xml_node *parent, const char *name)
{
	struct xml_node *node = new_node(build, name);

	*(parent->children == NULL ? &parent->children : &parent->last_child->next) = node;
	parent->last_child = node;
	return node;
}

struct xml_node *
xml_add(struct xml_build *build, struct xml_node *parent, const char *name, ...)
{
	struct xml_node *node = add_node(build, parent, name);
	const char *attribute;
	va_list ap;

	va_start(ap, name);
	while ((attribute = va_arg(ap, const char *)) != NULL)
		xml_set(build, node, attribute, va_arg(ap, const char *));
	va_end(ap);
	return node;
}

struct xml_node *
xml_add_text(struct xml_build *build, struct xml_node *parent, const char *name, const char *text)
{
	struct xml_node *node;

	if (text == NULL || !check_value(build, name, text))
		return NULL;
	node = add_node(build, parent, name);
	node->text = g_string_chunk_insert(build->texts, text);
	return node;
}

const char *
xml_text(struct xml_build *build, const char *format, ...)
{
	char text[64]; /* a number, mostly */
	va_list ap;
	int length;

	va_start(ap, format);
	length = g_vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (length < (int)sizeof(text))
		return g_string_chunk_insert(build->texts, text);
	va_start(ap, format);
	g_autofree char *whole = g_strdup_vprintf(format, ap);
	va_end(ap);
	return g_string_chunk_insert(build->texts, whole);
}

/* --- the text ------------------------------------------------------------------------------------------------------- */

/* XML 1.0 section 2.4; the quotation mark matters in attributes only. */
static void
write_escaped(GString *out, const char *text)
{
	static const char *const entities[256] = { ['<'] = "&lt;", ['>'] = "&gt;", ['&'] = "&amp;", ['"'] = "&quot;" };

	for (size_t plain; *text != '\0'; text++) {
		plain = strcspn(text, "<>&\"");
		g_string_append_len(out, text, plain);
		text += plain;
		if (*text == '\0')
			break;
		g_string_append(out, entities[(unsigned char)*text]);
	}
}

static void
write_indent(GString *out, int depth)
{
	for (int i = 0; i < depth; i++)
		g_string_append_len(out, "  ", 2);
}

static void
write_node(GString *out, const struct xml_node *node, int depth)
{
	write_indent(out, depth);
	g_string_append_c(out, '<');
	g_string_append(out, node->name);
	for (const struct attribute *a = node->attributes; a != NULL; a = a->next) {
		g_string_append_c(out, ' ');
		g_string_append(out, a->name);
		g_string_append_len(out, "=\"", 2);
		write_escaped(out, a->value);
		g_string_append_c(out, '"');
	}
	if (node->children == NULL && node->text == NULL) {
		g_string_append_len(out, "/>\n", 3);
		return;
	}
	g_string_append_c(out, '>');
	if (node->text != NULL) {
		write_escaped(out, node->text);
	} else {
		g_string_append_c(out, '\n');
		for (const struct xml_node *child = node->children; child != NULL; child = child->next)
			write_node(out, child, depth + 1);
		write_indent(out, depth);
	}
	g_string_append_len(out, "</", 2);
	g_string_append(out, node->name);
	g_string_append_len(out, ">\n", 2);
}

char *
xml_build_format(struct xml_build *build, struct error *err)
{
	GString *out;

	if (build->refused != NULL) {
		error_set(err, EINVAL, "%s, which XML cannot carry", build->refused);
		return NULL;
	}
	out = g_string_sized_new(8192);
	write_node(out, build->root, 0);
	return g_string_free(out, FALSE);
}
