/*
 * Building XML as a tree.  A tree of our own, since that of libxml2 takes four allocations for an attribute and was two
 * fifths of translating a machine: here all of it lies in one arena, and nothing is freed one by one.
 */
#ifndef SOLOVIRT_VIRT_XML_BUILD_H
#define SOLOVIRT_VIRT_XML_BUILD_H

#include <glib.h>
#include <stdint.h>

struct error;

/* An element; lives as long as the build. */
struct xml_node;

struct xml_build {
	struct xml_node *root;
	GStringChunk *texts; /* values, and what xml_text() returned */
	GPtrArray *blocks;   /* of nodes and attributes */
	size_t used;         /* bytes of the last block */
	char *refused;       /* first value that XML cannot carry, in words; NULL: none */
};

/* Starts a document with its root element.  Names of elements and attributes are not copied: literals, or from xml_text(). */
struct xml_node *xml_build_init(struct xml_build *build, const char *root);
void xml_build_clear(struct xml_build *build);

/* Adds an element; then attribute names and values in turns, ended by NULL.  A NULL value leaves its attribute out. */
struct xml_node *xml_add(struct xml_build *build, struct xml_node *parent, const char *name, ...) __attribute__((sentinel));
/* Adds an element with text; without one when text is NULL. */
struct xml_node *xml_add_text(struct xml_build *build, struct xml_node *parent, const char *name, const char *text);
/* Sets one attribute; nothing when value, or node (an element that was left out), is NULL. */
void xml_set(struct xml_build *build, struct xml_node *node, const char *name, const char *value);
/* A formatted value that lives as long as the build. */
const char *xml_text(struct xml_build *build, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The document, indented (caller g_free()s), or NULL with EINVAL when something was refused. */
char *xml_build_format(struct xml_build *build, struct error *err);

#endif
