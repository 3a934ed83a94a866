/* What there is: groups, versions, resources, the program's version, health; see rest_internal.h. */
#include "config.h"

#include <string.h>

#include "daemon/rest_internal.h"
#include "daemon/verbs.h"
#include "src/document/document.h"

/* The API levels that clients compare themselves with: Kubernetes' and, for virtctl, KubeVirt's. */
#define KUBERNETES_MINOR "30"
#define KUBERNETES_VERSION "v1." KUBERNETES_MINOR ".0+solovirt-" PACKAGE_VERSION
#define KUBEVIRT_VERSION "v1.9.0+solovirt-" PACKAGE_VERSION

/* The type of an OpenAPI v2 document; with the "@" of older servers clients built with a new Go refuse it. */
#define OPENAPI_TYPE "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"

static json_t *
words(const char *const *list)
{
	json_t *array = json_array();

	for (; *list != NULL; list++)
		json_array_append_new(array, json_string(*list));
	return array;
}

/* --- groups --------------------------------------------------------------------------------------------------- */

/* {"name","versions":[{"groupVersion","version"}],"preferredVersion"} */
static json_t *
group(const char *name, const char *version)
{
	g_autofree char *both = g_strdup_printf("%s/%s", name, version);
	json_t *preferred = json_pack("{s:s, s:s}", "groupVersion", both, "version", version);

	return json_pack("{s:s, s:s, s:s, s:[O], s:o}", "kind", "APIGroup", "apiVersion", "v1", "name", name,
	    "versions", preferred, "preferredVersion", preferred);
}

/* Each group once, by its first kind's version. */
static json_t *
groups(void)
{
	json_t *list = json_array();

	for (size_t i = 0; i < KIND_COUNT; i++) {
		bool seen = kinds[i].group[0] == '\0';
		for (size_t j = 0; j < i && !seen; j++)
			seen = strcmp(kinds[i].group, kinds[j].group) == 0;
		if (!seen)
			json_array_append_new(list, group(kinds[i].group, kinds[i].version));
	}
	json_array_append_new(list, group(REST_SUBRESOURCES, "v1"));
	return list;
}

void
rest_api_versions(struct rest_call *call)
{
	rest_answer_tree(call, 200,
	    json_pack("{s:s, s:[s], s:[]}", "kind", "APIVersions", "versions", "v1", "serverAddressByClientCIDRs"));
}

void
rest_api_groups(struct rest_call *call)
{
	rest_answer_tree(
	    call, 200, json_pack("{s:s, s:s, s:o}", "kind", "APIGroupList", "apiVersion", "v1", "groups", groups()));
}

void
rest_api_group(struct rest_call *call)
{
	json_t *all = groups(), *found = NULL, *each;
	size_t i;

	json_array_foreach (all, i, each)
		if (strcmp(json_string_value(json_object_get(each, "name")), call->group) == 0)
			found = json_incref(each);
	json_decref(all);
	if (found == NULL)
		rest_refuse(call, 404, "the server could not find the requested resource");
	else
		rest_answer_tree(call, 200, found);
}

/* --- resources ------------------------------------------------------------------------------------------------ */

static json_t *
resource(const struct kind *kind, const char *subresource, const char *const *verbs_of)
{
	g_autofree char *name = g_strconcat(kind->plural, subresource[0] == '\0' ? "" : "/", subresource, NULL);

	return json_pack("{s:s, s:s, s:b, s:s, s:o}", "name", name, "singularName",
	    subresource[0] == '\0' ? kind->singular : "", "namespaced", kind->namespaced, "kind", kind->name, "verbs",
	    words(verbs_of));
}

static void
add_kind(json_t *list, const struct kind *kind)
{
	static const char *const all[] = { "create", "delete", "deletecollection", "get", "list", "patch", "update",
		"watch", NULL };
	static const char *const status[] = { "get", "patch", "update", NULL };
	json_t *entry = resource(kind, "", all), *short_names = json_array();

	for (size_t i = 0; i < G_N_ELEMENTS(kind->short_names) && kind->short_names[i] != NULL; i++)
		json_array_append_new(short_names, json_string(kind->short_names[i]));
	json_object_set_new(entry, "shortNames", short_names);
	if (kind->in_all)
		json_object_set_new(entry, "categories", json_pack("[s]", "all"));
	json_array_append_new(list, entry);
	if (kind->has_status)
		json_array_append_new(list, resource(kind, "status", status));
	if (kind->has_scale) {
		entry = resource(kind, "scale", status);
		json_object_update_new(entry, json_pack("{s:s, s:s, s:s}", "group", "autoscaling", "version", "v1", "kind", "Scale"));
		json_array_append_new(list, entry);
	}
}

static void
add_verbs(json_t *list)
{
	static const char *const get[] = { "get", NULL }, *const update[] = { "update", NULL };

	for (const struct verb *verb = verbs; verb->name != NULL; verb++)
		json_array_append_new(list,
		    resource(&kinds[verb->kind], verb->name, strcmp(verb->method, "GET") == 0 ? get : update));
	json_array_append_new(list, resource(&kinds[KIND_VMI], "console", get));
	json_array_append_new(list, resource(&kinds[KIND_VM], "expand-spec", get));
	json_array_append_new(list, resource(&kinds[KIND_VMI], "log", get));
	json_array_append_new(list, resource(&kinds[KIND_VMI], "domainxml", get));
}

void
rest_api_resources(struct rest_call *call)
{
	const char *group_name = call->group == NULL ? "" : call->group;
	g_autofree char *both = g_strconcat(group_name, group_name[0] == '\0' ? "" : "/", call->version, NULL);
	json_t *list = json_array();

	for (size_t i = 0; i < KIND_COUNT; i++)
		if (strcmp(kinds[i].group, group_name) == 0 && (strcmp(kinds[i].version, call->version) == 0 ||
								   g_strcmp0(kinds[i].old_version, call->version) == 0))
			add_kind(list, &kinds[i]);
	if (strcmp(group_name, REST_SUBRESOURCES) == 0 && call->version[0] == 'v')
		add_verbs(list);
	if (json_array_size(list) == 0) {
		json_decref(list);
		rest_refuse(call, 404, "the server could not find the requested resource");
		return;
	}
	rest_answer_tree(call, 200,
	    json_pack("{s:s, s:s, s:s, s:o}", "kind", "APIResourceList", "apiVersion", "v1", "groupVersion", both,
		"resources", list));
}

/* --- the program ---------------------------------------------------------------------------------------------- */

void
rest_version(struct rest_call *call)
{
	bool kubevirt = strcmp(http_path(call->request), "/version") != 0;

	rest_answer_tree(call, 200,
	    json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "major", "1", "minor",
		kubevirt ? "9" : KUBERNETES_MINOR, "gitVersion", kubevirt ? KUBEVIRT_VERSION : KUBERNETES_VERSION,
		"gitCommit", "", "gitTreeState", "", "buildDate", "", "goVersion", "none", "compiler", __VERSION__,
		"platform", "linux/amd64", "solovirtVersion", PACKAGE_VERSION));
}

/* An empty message is a valid one: kubectl then leaves validation to us. */
void
rest_openapi(struct rest_call *call)
{
	rest_answer_plain(call, 200, OPENAPI_TYPE, "", 0);
}

void
rest_health(struct rest_call *call)
{
	rest_answer_plain(call, 200, "text/plain", "ok", 2);
}

void
rest_ready(struct rest_call *call)
{
	const char *problem = store_problem(call->rest->daemon->store);

	if (problem == NULL)
		rest_health(call);
	else
		rest_refuse(call, 503, "%s", problem);
}
