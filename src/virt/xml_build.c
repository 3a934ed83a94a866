/* Building XML; see xml_build.h. */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "src/base/error.h"
#include "src/virt/xml_build.h"

xmlNodePtr
xml_build_init(struct xml_build *build, const char *root)
{
	xmlNodePtr node = xmlNewNode(NULL, (const xmlChar *)root);

	build->doc = xmlNewDoc((const xmlChar *)"1.0");
	build->texts = g_string_chunk_new(256);
	build->refused = NULL;
	xmlDocSetRootElement(build->doc, node);
	return node;
}

void
xml_build_clear(struct xml_build *build)
{
	xmlFreeDoc(build->doc);
	g_string_chunk_free(build->texts);
	g_free(build->refused);
	memset(build, 0, sizeof(*build));
}

/* True when XML can carry a value: valid UTF-8 without control characters (XML 1.0 section 2.2, and stricter: a tab or
 * a line's end has no business in a name).  Notes the first that it cannot. */
static bool
check_value(struct xml_build *build, const char *name, const char *value)
{
	bool valid = g_utf8_validate(value, -1, NULL);

	for (const char *p = value; valid && *p != '\0'; p = g_utf8_next_char(p)) {
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
xml_set(struct xml_build *build, xmlNodePtr node, const char *name, const char *value)
{
	if (node != NULL && value != NULL && check_value(build, name, value))
		xmlNewProp(node, (const xmlChar *)name, (const xmlChar *)value);
}

xmlNodePtr
xml_add(struct xml_build *build, xmlNodePtr parent, const char *name, ...)
{
	xmlNodePtr node = xmlNewChild(parent, NULL, (const xmlChar *)name, NULL);
	const char *attribute;
	va_list ap;

	va_start(ap, name);
	while ((attribute = va_arg(ap, const char *)) != NULL)
		xml_set(build, node, attribute, va_arg(ap, const char *));
	va_end(ap);
	return node;
}

xmlNodePtr
xml_add_text(struct xml_build *build, xmlNodePtr parent, const char *name, const char *text)
{
	if (text == NULL || !check_value(build, name, text))
		return NULL;
	return xmlNewTextChild(parent, NULL, (const xmlChar *)name, (const xmlChar *)text);
}

const char *
xml_text(struct xml_build *build, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	g_autofree char *text = g_strdup_vprintf(format, ap);
	va_end(ap);
	return g_string_chunk_insert(build->texts, text);
}

char *
xml_build_format(struct xml_build *build, struct error *err)
{
	xmlBufferPtr buffer;
	char *text;

	if (build->refused != NULL) {
		error_set(err, EINVAL, "%s, which XML cannot carry", build->refused);
		return NULL;
	}
	buffer = xmlBufferCreate();
	xmlNodeDump(buffer, build->doc, xmlDocGetRootElement(build->doc), 0, 1);
	text = g_strconcat((const char *)xmlBufferContent(buffer), "\n", NULL);
	xmlBufferFree(buffer);
	return text;
}
