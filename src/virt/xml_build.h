/* Building XML as a tree: names and text are escaped by libxml2, what XML cannot carry is refused once, at the end. */
#ifndef SOLOVIRT_VIRT_XML_BUILD_H
#define SOLOVIRT_VIRT_XML_BUILD_H

#include <glib.h>
#include <libxml/tree.h>
#include <stdint.h>

struct error;

struct xml_build {
	xmlDoc *doc;
	GStringChunk *texts; /* what xml_text() returned */
	char *refused;       /* first value that XML cannot carry, in words; NULL: none */
};

/* Starts a document with its root element. */
xmlNodePtr xml_build_init(struct xml_build *build, const char *root);
void xml_build_clear(struct xml_build *build);

/* Adds an element; then attribute names and values in turns, ended by NULL.  A NULL value leaves its attribute out. */
xmlNodePtr xml_add(struct xml_build *build, xmlNodePtr parent, const char *name, ...) __attribute__((sentinel));
/* Adds an element with text; without one when text is NULL. */
xmlNodePtr xml_add_text(struct xml_build *build, xmlNodePtr parent, const char *name, const char *text);
/* Sets one attribute; nothing when value, or node (an element that was left out), is NULL. */
void xml_set(struct xml_build *build, xmlNodePtr node, const char *name, const char *value);
/* A formatted value that lives as long as the build. */
const char *xml_text(struct xml_build *build, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The document, indented (caller g_free()s), or NULL with EINVAL when something was refused. */
char *xml_build_format(struct xml_build *build, struct error *err);

#endif
