/* Objects as a user names them; see resource.h. */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "src/base/error.h"
#include "src/cli/resource.h"
#include "src/document/diagnostic.h"

static void resource_free(void *arg);
static void add(GPtrArray *resources, const struct kind *kind, const char *name);
static int add_kinds(const char *list, const GPtrArray *names, GPtrArray *resources, struct error *err);
static int add_kind(const char *word, const GPtrArray *names, GPtrArray *resources, struct error *err);
static int add_pairs(const GPtrArray *words, GPtrArray *resources, struct error *err);

int
resources_parse(const GPtrArray *words, GPtrArray *resources, struct error *err)
{
	guint slashes = 0;

	g_ptr_array_set_free_func(resources, resource_free);
	if (words->len == 0)
		return error_set(err, EINVAL, "say which kind is meant; \"solovirt api-resources\" lists them");
	for (guint i = 0; i < words->len; i++)
		slashes += strchr(words->pdata[i], '/') != NULL;
	if (slashes > 0 && slashes < words->len)
		return error_set(err, EINVAL, "write either KIND NAME... or KIND/NAME..., not both");
	if (slashes > 0)
		return add_pairs(words, resources, err);
	return add_kinds(words->pdata[0], words, resources, err);
}

int
resource_parse(
    const char *word, const struct kind *otherwise, const struct kind **kind, const char **name, struct error *err)
{
	const char *slash = strchr(word, '/');
	g_autofree char *left = slash != NULL ? g_strndup(word, (gsize)(slash - word)) : NULL;
	const struct kind *found = left != NULL ? resource_kind(left, err) : otherwise;

	if (found == NULL)
		return left != NULL ? -1 : error_set(err, EINVAL, "\"%s\" must be written as KIND/NAME", word);
	if (slash != NULL ? slash[1] == '\0' || strchr(slash + 1, '/') != NULL : *word == '\0')
		return error_set(err, EINVAL, "\"%s\" must be written as KIND/NAME", word);
	*kind = found;
	*name = slash != NULL ? slash + 1 : word;
	return 0;
}

const struct kind *
resource_kind(const char *word, struct error *err)
{
	const struct kind *kind = kind_of_word(word);
	g_autoptr(GPtrArray) words = g_ptr_array_new();
	const char *nearest;

	if (kind != NULL)
		return kind;
	for (size_t i = 0; i < KIND_COUNT; i++) {
		g_ptr_array_add(words, (gpointer)(uintptr_t)kinds[i].singular);
		g_ptr_array_add(words, (gpointer)(uintptr_t)kinds[i].plural);
		for (size_t j = 0; j < G_N_ELEMENTS(kinds[i].short_names) && kinds[i].short_names[j] != NULL; j++)
			g_ptr_array_add(words, (gpointer)(uintptr_t)kinds[i].short_names[j]);
	}
	g_ptr_array_add(words, NULL);
	nearest = nearest_word(word, (const char *const *)words->pdata);
	if (nearest != NULL)
		error_set(err, EINVAL, "there is no kind \"%s\"; did you mean \"%s\"?", word, nearest);
	else
		error_set(err, EINVAL, "there is no kind \"%s\"; \"solovirt api-resources\" lists them", word);
	return NULL;
}

size_t
resources_kinds(const GPtrArray *resources)
{
	bool seen[KIND_COUNT] = { false };
	size_t count = 0;

	for (guint i = 0; i < resources->len; i++) {
		bool *kind = &seen[kind_id(((const struct resource *)resources->pdata[i])->kind)];

		count += *kind ? 0 : 1;
		*kind = true;
	}
	return count;
}

char *
resource_path(const struct kind *kind, const char *ns, const char *name)
{
	GString *path = g_string_new(*kind->group == '\0' ? "/api" : "/apis/");

	g_string_append_printf(path, "%s/%s", kind->group, kind->version);
	if (kind->namespaced && ns != NULL) {
		g_string_append(path, "/namespaces/");
		g_string_append_uri_escaped(path, ns, NULL, TRUE);
	}
	g_string_append_printf(path, "/%s", kind->plural);
	if (name != NULL) {
		g_string_append_c(path, '/');
		g_string_append_uri_escaped(path, name, NULL, TRUE);
	}
	return g_string_free(path, FALSE);
}

char *
resource_verb_path(const struct kind *kind, const char *ns, const char *name, const char *verb)
{
	g_autofree char *space = g_uri_escape_string(ns, NULL, TRUE), *object = g_uri_escape_string(name, NULL, TRUE);

	return g_strdup_printf(
	    "/apis/subresources.kubevirt.io/v1/namespaces/%s/%s/%s/%s", space, kind->plural, object, verb);
}

char *
resource_query(char *path, const char *name, const char *value)
{
	g_autofree char *before = path, *escaped = NULL;

	if (value == NULL)
		return g_steal_pointer(&before);
	escaped = g_uri_escape_string(value, NULL, TRUE);
	return g_strdup_printf("%s%c%s=%s", path, strchr(path, '?') != NULL ? '&' : '?', name, escaped);
}

char *
resource_title(const struct kind *kind, const char *name)
{
	return g_strconcat(
	    kind->singular, *kind->group != '\0' ? "." : "", kind->group, name != NULL ? "/" : NULL, name, NULL);
}

static void
resource_free(void *arg)
{
	struct resource *resource = arg;

	g_free(resource->name);
	g_free(resource);
}

static void
add(GPtrArray *resources, const struct kind *kind, const char *name)
{
	struct resource *resource = g_new0(struct resource, 1);

	resource->kind = kind;
	resource->name = g_strdup(name);
	g_ptr_array_add(resources, resource);
}

/* "vm,dv,all"; names[0] is the list itself. */
static int
add_kinds(const char *list, const GPtrArray *names, GPtrArray *resources, struct error *err)
{
	g_auto(GStrv) parts = g_strsplit(list, ",", -1);

	for (char **part = parts; *part != NULL; part++)
		if (add_kind(*part, names, resources, err) < 0)
			return -1;
	return 0;
}

static int
add_kind(const char *word, const GPtrArray *names, GPtrArray *resources, struct error *err)
{
	const struct kind *kind;

	if (strcasecmp(word, "all") == 0) {
		if (names->len > 1)
			return error_set(err, EINVAL, "\"all\" takes no names");
		for (size_t i = 0; i < KIND_COUNT; i++)
			if (kinds[i].in_all)
				add(resources, &kinds[i], NULL);
		return 0;
	}
	kind = resource_kind(word, err);
	if (kind == NULL)
		return -1;
	for (guint i = 1; i < names->len; i++) {
		if (*(const char *)names->pdata[i] == '\0')
			return error_set(err, EINVAL, "a name is empty");
		add(resources, kind, names->pdata[i]);
	}
	if (names->len == 1)
		add(resources, kind, NULL);
	return 0;
}

static int
add_pairs(const GPtrArray *words, GPtrArray *resources, struct error *err)
{
	for (guint i = 0; i < words->len; i++) {
		const struct kind *kind = NULL;
		const char *name = NULL;

		if (resource_parse(words->pdata[i], NULL, &kind, &name, err) < 0)
			return -1;
		add(resources, kind, name);
	}
	return 0;
}
