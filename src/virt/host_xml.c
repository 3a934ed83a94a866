/* Reading libvirt's XML; see host.h. */
#include "config.h"

#include <errno.h>
#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <stdlib.h>
#include <string.h>

#include "src/virt/host.h"

/* A domain's XML stays far below this. */
enum { XML_MOST = 4 << 20 };

/* libxml2 would print on stderr. */
static void
quiet(void *arg, xmlErrorPtr error)
{
	(void)arg;
	(void)error;
}

xmlDoc *
host_xml_parse(const char *text, struct error *err)
{
	size_t length = strlen(text);
	xmlDoc *doc;

	if (length > XML_MOST) {
		error_set(err, EINVAL, "XML of %zu bytes is too long", length);
		return NULL;
	}
	xmlSetStructuredErrorFunc(NULL, quiet); /* per thread */
	doc = xmlReadMemory(text, (int)length, "libvirt.xml", NULL,
	    XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	if (doc == NULL)
		error_set(err, EINVAL, "XML that cannot be parsed");
	return doc;
}

xmlDoc *
host_xml_take(char *text, struct error *err)
{
	xmlDoc *doc = host_xml_parse(text, err);

	free(text);
	return doc;
}

GPtrArray *
host_xml_nodes(xmlDoc *doc, const char *xpath)
{
	xmlXPathContextPtr context = xmlXPathNewContext(doc);
	xmlXPathObjectPtr found = xmlXPathEval((const xmlChar *)xpath, context);
	GPtrArray *nodes = g_ptr_array_new();

	if (found != NULL && found->nodesetval != NULL)
		for (int i = 0; i < found->nodesetval->nodeNr; i++)
			g_ptr_array_add(nodes, found->nodesetval->nodeTab[i]);
	xmlXPathFreeObject(found);
	xmlXPathFreeContext(context);
	return nodes;
}

static char *
take_text(xmlChar *text)
{
	char *copy = g_strdup((const char *)text);

	xmlFree(text);
	return copy;
}

char *
host_xml_text(xmlDoc *doc, const char *xpath)
{
	g_autoptr(GPtrArray) nodes = host_xml_nodes(doc, xpath);

	return nodes->len == 0 ? NULL : take_text(xmlNodeGetContent(nodes->pdata[0]));
}

int64_t
host_xml_number(xmlDoc *doc, const char *xpath)
{
	g_autofree char *text = host_xml_text(doc, xpath);

	return text == NULL ? 0 : g_ascii_strtoll(text, NULL, 10);
}

char *
host_xml_attribute(const void *node, const char *name)
{
	return take_text(xmlGetNoNsProp(node, (const xmlChar *)name));
}
