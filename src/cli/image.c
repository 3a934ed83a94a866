/* solovirt image: the images that the daemon keeps, of which disks are made without being fetched again. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "src/api/image_cache.h"
#include "src/api/storage_class.h"
#include "src/api/volume_source.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/cli/client.h"
#include "src/cli/commands.h"
#include "src/cli/grid.h"
#include "src/cli/output.h"
#include "src/cli/resource.h"
#include "src/cli/step.h"
#include "src/cli/until.h"
#include "src/document/diagnostic.h"
#include "src/document/path.h"

enum { WAIT_MS = 60 * 60 * 1000, DIGEST_SHOWN = 19 /* characters of an identity: its kind and enough of the rest */ };

static enum exit_code run(struct cli *cli, const struct arguments *arguments);
static enum exit_code run_list(struct cli *cli, const struct arguments *arguments, const char *word);
static enum exit_code run_add(struct cli *cli, const struct arguments *arguments, const char *url);
static enum exit_code run_pin(struct cli *cli, const struct arguments *arguments, const char *name);
static enum exit_code run_unpin(struct cli *cli, const struct arguments *arguments, const char *name);
static enum exit_code run_prune(struct cli *cli, const struct arguments *arguments, const char *word);
static enum exit_code run_remove(struct cli *cli, const struct arguments *arguments, const char *name);

static const char *const steps[] = { "list", "add", "pin", "unpin", "prune", "remove", NULL };

static const struct step runs[] = {
	{ "list", NULL, false, run_list },
	{ "add", "URL", false, run_add },
	{ "pin", "NAME", false, run_pin },
	{ "unpin", "NAME", false, run_unpin },
	{ "prune", NULL, false, run_prune },
	{ "remove", "NAME", false, run_remove },
	{ NULL, NULL, false, NULL },
};

static const struct option_row options[] = {
	{ .name = "output", .letter = 'o', .argument = "FORMAT", .help = "list: wide, json, yaml, name or jsonpath=TEMPLATE." },
	{ .name = "no-headers", .help = "list: without headings." },
	{ .name = "checksum", .argument = "DIGEST", .help = "add: what the image is known by, as sha256:HEX." },
	{ .name = "storage-class", .argument = "NAME", .help = "add: class of the disks that are made of it; the default one otherwise." },
	{ .name = "node", .argument = "NAME", .help = "add: the host whose pool keeps it, where each has its own; all of them otherwise." },
	{ .name = "size", .argument = "SIZE", .help = "add: room for the disk in it, as 10Gi; it shrinks to what it needs." },
	{ .name = "pin", .help = "add: keep it whatever the limit says." },
	{ .name = "wait", .help = "add: return when it is there." },
	{ .name = "timeout", .argument = "DURATION", .help = "How long --wait waits; 1h otherwise." },
	{ .name = "dry-run", .help = "prune: only say what would be removed." },
	OPTION_END,
};

const struct command command_image = {
	.name = "image",
	.usage = "[list | add URL | pin NAME | unpin NAME | prune | remove NAME]",
	.help = "Shows and handles the images that are kept.",
	.details =
	    "An image is fetched once for each StorageClass as long as its source has the same: disks of that source are clones of it. Its IDENTITY is "
	    "the checksum that is written with the source, the digest that a registry tells, or what a server tells of the file (a strong ETag, or when it "
	    "was modified, and its length), which is asked anew for each disk; an image of which nothing is known is fetched each time. What is fetched "
	    "with a Secret, certificates, headers, or a URL with a user or a query is only for disks of the same namespace. list (the "
	    "default) shows them: CLAIMS is how many disks rest on one. add fetches one before it is asked for. The daemon removes what was not "
	    "used longest when there are too many (images.cacheSize), but neither those that disks rest on nor those that were pinned; prune "
	    "removes all that nothing rests on. They are DataVolumes of the namespace " IMAGE_NAMESPACE ".",
	.examples = "solovirt image\n"
	            "solovirt image add https://example.org/fedora.qcow2 --checksum=sha256:HEX --size=10Gi --pin\n"
	            "solovirt image prune --dry-run",
	.options = options,
	.completion = COMPLETE_WORDS,
	.words = steps,
	.rest = COMPLETE_IMAGES,
	.run = run,
};

static enum exit_code
run(struct cli *cli, const struct arguments *arguments)
{
	return step_run(cli, arguments, "image", runs);
}

/* --- what is there ---------------------------------------------------------------------------------------------------- */

static const char *
annotation(const json_t *image, const char *name)
{
	return json_string_value(json_object_get(path_find(image, "metadata.annotations"), name));
}

/* Everything of a kind in a namespace, or in all of them.  answer owns it. */
static enum exit_code
get_all(struct cli *cli, enum kind_id kind, const char *ns, struct answer *answer)
{
	g_autofree char *path = resource_path(&kinds[kind], ns, NULL);
	enum exit_code code = client_call(cli->client, &(struct request){ .path = path }, answer);

	return code == EXIT_DONE ? code : answer_complain(answer, code, NULL);
}

/* The images, by themselves: other DataVolumes of the namespace are none.  New reference, or NULL with code. */
static json_t *
get_images(struct cli *cli, enum exit_code *code)
{
	ANSWER answer = { 0 };
	json_t *images = json_array(), *item;
	size_t i;

	*code = get_all(cli, KIND_DATA_VOLUME, IMAGE_NAMESPACE, &answer);
	json_array_foreach(json_object_get(answer.body, "items"), i, item)
		if (annotation(item, IMAGE_DIGEST) != NULL)
			json_array_append(images, item);
	if (*code == EXIT_DONE)
		return images;
	json_decref(images);
	return NULL;
}

/* How many claims are clones of the image. */
static int
count_claims(const json_t *claims, const char *name)
{
	int count = 0;
	json_t *item;
	size_t i;

	json_array_foreach(claims, i, item)
		count += g_strcmp0(path_string(item, "spec.dataSourceRef.namespace"), IMAGE_NAMESPACE) == 0 &&
		    g_strcmp0(path_string(item, "spec.dataSourceRef.name"), name) == 0;
	return count;
}

static const json_t *
claim_of(const json_t *claims, const char *name)
{
	json_t *item;
	size_t i;

	json_array_foreach(claims, i, item)
		if (g_strcmp0(path_string(item, "metadata.namespace"), IMAGE_NAMESPACE) == 0 && g_strcmp0(path_string(item, "metadata.name"), name) == 0)
			return item;
	return NULL;
}

static bool
is_pinned(const json_t *image)
{
	return g_strcmp0(annotation(image, IMAGE_PINNED), "true") == 0;
}

static const char *
phase_of(const json_t *image)
{
	const char *phase = path_string(image, "status.phase");

	return phase == NULL || *phase == '\0' ? "Pending" : phase;
}

/* --- list ------------------------------------------------------------------------------------------------------------- */

static void
add_row(struct grid *grid, const json_t *image, const json_t *claims, bool wide)
{
	const char *name = path_string(image, "metadata.name"), *digest = annotation(image, IMAGE_DIGEST), *used = annotation(image, IMAGE_USED);
	const char *progress = path_string(image, "status.progress"), *phase = phase_of(image);
	bool over = strcmp(phase, "Succeeded") == 0 || progress == NULL || strcmp(progress, "N/A") == 0;
	g_autofree char *shown = g_strndup(digest, wide ? strlen(digest) : DIGEST_SHOWN), *count = g_strdup_printf("%d", count_claims(claims, name));
	g_autofree char *status = over ? g_strdup(phase) : g_strdup_printf("%s %s", phase, progress);
	const json_t *claim = claim_of(claims, name);
	char age[CLOCK_TEXT_SIZE];

	grid_row(grid, (const char *const[]){ name, annotation(image, IMAGE_SOURCE), shown, claim == NULL ? NULL : path_string(claim, "status.capacity.storage"),
	    claim == NULL ? path_string(image, "spec.storage.storageClassName") : path_string(claim, "spec.storageClassName"), annotation(image, VOLUME_NODE), status, count,
	    is_pinned(image) ? "true" : "false", used == NULL ? NULL : clock_age(clock_wall_ms() - clock_parse(used), age) });
}

static enum exit_code
list_table(struct cli *cli, const struct arguments *arguments, const json_t *images, bool wide)
{
	static const char *const headings[] = { "NAME", "SOURCE", "IDENTITY", "SIZE", "CLASS", "NODE", "STATUS", "CLAIMS", "PINNED", "LAST-USED" };
	ANSWER claims = { 0 };
	enum exit_code code = get_all(cli, KIND_CLAIM, NULL, &claims);
	struct grid *grid;
	json_t *item;
	size_t i;

	if (code != EXIT_DONE)
		return code;
	if (json_array_size(images) == 0)
		fputs("No images are kept.\n", stderr);
	grid = grid_new(cli->color);
	grid_headings(grid, !arguments_flag(arguments, "no-headers", false));
	for (i = 0; i < G_N_ELEMENTS(headings); i++)
		grid_column(grid, headings[i]);
	json_array_foreach(images, i, item)
		add_row(grid, item, json_object_get(claims.body, "items"), wide);
	grid_print(grid, stdout);
	grid_free(grid);
	return EXIT_DONE;
}

static enum exit_code
run_list(struct cli *cli, const struct arguments *arguments, const char *word)
{
	struct output output;
	struct error err = { 0 };
	enum exit_code code;
	json_auto_t *images = NULL, *list = NULL;
	json_t *item;
	size_t i;
	int rc = 0;

	(void)word;
	if (output_parse(arguments_value(arguments, "output"), &output, &err) < 0)
		return cli_fail_error(&err);
	images = get_images(cli, &code);
	if (images == NULL)
		return code;
	if (output.format <= OUTPUT_WIDE)
		return list_table(cli, arguments, images, output.format == OUTPUT_WIDE);
	if (output.format == OUTPUT_NAME) {
		json_array_foreach(images, i, item)
			rc = rc < 0 ? rc : output_print(&output, item, i == 0, stdout, &err);
		return rc < 0 ? cli_fail_error(&err) : EXIT_DONE;
	}
	list = output_list(g_steal_pointer(&images));
	return output_print(&output, list, true, stdout, &err) < 0 ? cli_fail_error(&err) : EXIT_DONE;
}

/* --- add -------------------------------------------------------------------------------------------------------------- */

/* The class that claims get when they name none.  NULL with code. */
static char *
default_class(struct cli *cli, enum exit_code *code)
{
	ANSWER answer = { 0 };
	json_t *item;
	size_t i;

	*code = get_all(cli, KIND_STORAGE_CLASS, NULL, &answer);
	if (*code != EXIT_DONE)
		return NULL;
	json_array_foreach(json_object_get(answer.body, "items"), i, item)
		if (g_strcmp0(annotation(item, DEFAULT_CLASS), "true") == 0)
			return g_strdup(path_string(item, "metadata.name"));
	*code = cli_fail(EXIT_USAGE, "no StorageClass is the default: say which, --storage-class=NAME");
	return NULL;
}

/* What the daemon knows the image by before it is fetched, or NULL: of a container image its URL says it. */
static const char *
digest_of(const struct arguments *arguments, const char *url)
{
	const char *at = g_str_has_prefix(url, "docker://") ? strchr(url, '@') : NULL;

	return at != NULL ? at + 1 : arguments_value(arguments, "checksum");
}

static bool
is_over(const void *arg, const json_t *object)
{
	const char *phase = object == NULL ? NULL : path_string(object, "status.phase");

	(void)arg;
	return object == NULL || g_strcmp0(phase, "Succeeded") == 0 || g_strcmp0(phase, "Failed") == 0;
}

static enum exit_code
wait_for(struct cli *cli, const struct arguments *arguments, const char *name)
{
	g_autofree char *path = resource_path(&kinds[KIND_DATA_VOLUME], IMAGE_NAMESPACE, name);
	struct error err = { 0 };
	ANSWER answer = { 0 };
	int64_t timeout;
	enum exit_code code;

	if (arguments_duration(arguments, "timeout", WAIT_MS, &timeout, &err) < 0)
		return cli_fail_error(&err);
	code = until(cli, &kinds[KIND_DATA_VOLUME], IMAGE_NAMESPACE, name, is_over, NULL, clock_monotonic_ms() + timeout, &answer);
	if (code == EXIT_TIMEOUT)
		return cli_fail(code, "timed out waiting for the image %s", name);
	if (code == EXIT_DONE)
		code = client_call(cli->client, &(struct request){ .path = path, .quiet = true }, &answer);
	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	if (strcmp(phase_of(answer.body), "Succeeded") != 0)
		return cli_fail(EXIT_ERROR, "the image could not be fetched: \"solovirt describe dv/%s -n " IMAGE_NAMESPACE "\" tells why", name);
	return EXIT_DONE;
}

/* As the daemon would make it for the first disk of this source. */
static json_t *
described(struct cli *cli, const struct arguments *arguments, const char *name, const char *url, const char *class, const char *node)
{
	bool registry = g_str_has_prefix(url, "docker://"), pinned = arguments_flag(arguments, "pin", false);
	const char *digest = digest_of(arguments, url);
	g_autofree char *shown = NULL;
	char now[CLOCK_TEXT_SIZE];
	GUri *uri = g_uri_parse(url, G_URI_FLAGS_ENCODED, NULL);
	json_t *tree;

	/* Neither what stands before an @ nor a query is shown: they may be secrets. */
	shown = uri == NULL ? g_strdup(url) : g_uri_to_string_partial(uri, G_URI_HIDE_USERINFO | G_URI_HIDE_QUERY | G_URI_HIDE_FRAGMENT);
	if (uri != NULL)
		g_uri_unref(uri);
	tree = json_pack("{s:s,s:s,s:{s:s,s:s,s:{s:s,s:s,s:s,s:s,s:s*,s:s*}},s:{s:{s:{s:s,s:s*}},s:{s:s,s:{s:{s:s}}}}}", "apiVersion",
	    kind_api_version(&kinds[KIND_DATA_VOLUME]), "kind", "DataVolume", "metadata", "name", name, "namespace", IMAGE_NAMESPACE, "annotations",
	    IMAGE_SOURCE, shown, IMAGE_DIGEST, digest, IMAGE_OF, cli->namespace, IMAGE_USED, clock_format(clock_wall_ms(), now), IMAGE_PINNED,
	    pinned ? "true" : NULL, VOLUME_NODE, node, "spec", "source", registry ? "registry" : "http", "url", url, "checksum", registry ? NULL : digest, "storage",
	    "storageClassName", class, "resources", "requests", "storage", arguments_value(arguments, "size"));
	return tree;
}

/* The hosts that are to keep it; one null where they share the storage. */
static enum exit_code
find_nodes(struct cli *cli, const struct arguments *arguments, const char *class, json_t *nodes)
{
	g_autofree char *path = resource_path(&kinds[KIND_STORAGE_CLASS], NULL, class);
	const char *only = arguments_value(arguments, "node");
	const struct storage_driver *driver;
	ANSWER answer = { 0 };
	ANSWER all = { 0 };
	enum exit_code code = client_call(cli->client, &(struct request){ .path = path }, &answer);
	json_t *item;
	size_t i;

	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	driver = storage_driver_find(path_string(answer.body, "provisioner"));
	if (driver == NULL || strcmp(driver->shared, "None") != 0) {
		json_array_append_new(nodes, json_null());
		return only == NULL ? EXIT_DONE : cli_fail(EXIT_USAGE, "--node: all hosts share the storage of class %s", class);
	}
	code = get_all(cli, KIND_NODE, NULL, &all);
	json_array_foreach(json_object_get(all.body, "items"), i, item)
		if (only == NULL || g_strcmp0(path_string(item, "metadata.name"), only) == 0)
			json_array_append(nodes, path_find(item, "metadata.name"));
	if (code == EXIT_DONE && json_array_size(nodes) == 0)
		return only != NULL ? cli_fail(EXIT_USAGE, "--node: there is no host %s", only) : cli_fail(EXIT_ERROR, "there is no host that could keep it");
	return code;
}

static char *
name_on(const struct cli *cli, const struct arguments *arguments, const char *url, const char *class, const char *node)
{
	struct source_http http = { .url = (char *)(uintptr_t)url };
	struct source_registry registry = { .url = (char *)(uintptr_t)url };
	bool container = g_str_has_prefix(url, "docker://");
	const struct data_volume_source source = { .registry = container ? &registry : NULL, .http = container ? NULL : &http };

	return image_cache_name(&source, digest_of(arguments, url), class, node, cli->namespace);
}

static enum exit_code
add_one(struct cli *cli, const struct arguments *arguments, const char *url, const char *class, const char *node)
{
	g_autofree char *path = resource_path(&kinds[KIND_DATA_VOLUME], IMAGE_NAMESPACE, NULL), *name = name_on(cli, arguments, url, class, node);
	json_auto_t *tree = described(cli, arguments, name, url, class, node);
	ANSWER answer = { 0 };
	enum exit_code code = client_call(cli->client, &(struct request){ .method = "POST", .path = path, .body = tree }, &answer);

	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	printf("image %s is being fetched%s%s\n", name, node == NULL ? "" : " for host ", node == NULL ? "" : node);
	fflush(stdout);
	return EXIT_DONE;
}

static enum exit_code
run_add(struct cli *cli, const struct arguments *arguments, const char *url)
{
	g_autofree char *class = g_strdup(arguments_value(arguments, "storage-class"));
	json_auto_t *nodes = json_array(), *node;
	enum exit_code code = EXIT_DONE;
	size_t i;

	if (digest_of(arguments, url) == NULL)
		return cli_fail(EXIT_USAGE, "say what the image is known by: --checksum=sha256:HEX, or docker://...@sha256:HEX; one without is kept by itself when the first disk is made of it");
	if (arguments_value(arguments, "size") == NULL)
		return cli_fail(EXIT_USAGE, "say how large the disk in the image may be: --size=SIZE");
	if (class == NULL)
		class = default_class(cli, &code);
	if (class == NULL)
		return code;
	code = find_nodes(cli, arguments, class, nodes);
	json_array_foreach(nodes, i, node) {
		enum exit_code one = code == EXIT_DONE ? add_one(cli, arguments, url, class, json_string_value(node)) : EXIT_DONE;
		code = one != EXIT_DONE ? one : code;
	}
	for (i = 0; code == EXIT_DONE && arguments_flag(arguments, "wait", false) && i < json_array_size(nodes); i++) {
		g_autofree char *name = name_on(cli, arguments, url, class, json_string_value(json_array_get(nodes, i)));
		code = wait_for(cli, arguments, name);
	}
	return code;
}

/* --- pin, unpin, prune, remove ---------------------------------------------------------------------------------------- */

static enum exit_code
set_pinned(struct cli *cli, const char *name, const char *value, const char *done)
{
	g_autofree char *path = resource_path(&kinds[KIND_DATA_VOLUME], IMAGE_NAMESPACE, name);
	json_auto_t *patch = json_pack("{s:{s:{s:s?}}}", "metadata", "annotations", IMAGE_PINNED, value);
	ANSWER answer = { 0 };
	enum exit_code code =
	    client_call(cli->client, &(struct request){ .method = "PATCH", .path = path, .type = TYPE_MERGE_PATCH, .body = patch }, &answer);

	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	printf("image %s %s\n", name, done);
	return EXIT_DONE;
}

static enum exit_code
run_pin(struct cli *cli, const struct arguments *arguments, const char *name)
{
	(void)arguments;
	return set_pinned(cli, name, "true", "is pinned");
}

static enum exit_code
run_unpin(struct cli *cli, const struct arguments *arguments, const char *name)
{
	(void)arguments;
	return set_pinned(cli, name, NULL, "is not pinned any more");
}

static enum exit_code
remove_one(struct cli *cli, const char *name, bool dry)
{
	g_autofree char *path = resource_path(&kinds[KIND_DATA_VOLUME], IMAGE_NAMESPACE, name);
	ANSWER answer = { 0 };
	enum exit_code code = dry ? EXIT_DONE : client_call(cli->client, &(struct request){ .method = "DELETE", .path = path }, &answer);

	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	printf("image %s removed%s\n", name, dry ? " (dry run)" : "");
	return EXIT_DONE;
}

static enum exit_code
run_remove(struct cli *cli, const struct arguments *arguments, const char *name)
{
	ANSWER claims = { 0 };
	enum exit_code code = get_all(cli, KIND_CLAIM, NULL, &claims);
	int count = count_claims(json_object_get(claims.body, "items"), name);

	if (code != EXIT_DONE)
		return code;
	if (count > 0)
		return cli_fail(EXIT_CONFLICT, "%d disk%s rest%s on the image %s: it stays as long as they do", count, count == 1 ? "" : "s",
		    count == 1 ? "s" : "", name);
	return remove_one(cli, name, arguments_flag(arguments, "dry-run", false));
}

/* What is still being fetched is left alone: somebody waits for it. */
static enum exit_code
run_prune(struct cli *cli, const struct arguments *arguments, const char *word)
{
	ANSWER claims = { 0 };
	enum exit_code code = get_all(cli, KIND_CLAIM, NULL, &claims);
	json_auto_t *images = code == EXIT_DONE ? get_images(cli, &code) : NULL;
	json_t *item;
	size_t i;

	(void)word;
	json_array_foreach(images, i, item) {
		const char *name = path_string(item, "metadata.name");

		if (is_over(NULL, item) && !is_pinned(item) && count_claims(json_object_get(claims.body, "items"), name) == 0)
			code = cli_worse(code, remove_one(cli, name, arguments_flag(arguments, "dry-run", false)));
	}
	return code;
}
