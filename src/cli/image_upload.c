/* solovirt image-upload: an image of this machine becomes a DataVolume, as virtctl does it. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/cli/client.h"
#include "src/cli/commands.h"
#include "src/cli/meter.h"
#include "src/cli/resource.h"
#include "src/cli/until.h"
#include "src/document/path.h"

#define UPLOAD_PATH "/v1beta1/upload"
#define TOKENS_PATH "/apis/upload.cdi.kubevirt.io/v1beta1/namespaces/"
#define FORCE_BIND "cdi.kubevirt.io/storage.bind.immediate.requested"

enum { WAIT_SECONDS = 300, RETRIES = 5, RETRY_US = 1000 * 1000, METER_MS = 200 };

/* One upload. */
struct sending {
	struct cli *cli;
	const struct arguments *arguments;
	const char *name, *file;
	struct request_stream stream;
	int64_t began_ms, shown_ms; /* of the clock that never jumps */
	bool terminal;              /* stderr is one: the meter is shown */
};

static enum exit_code run(struct cli *cli, const struct arguments *arguments);
static enum exit_code open_image(struct sending *s);
static enum exit_code prepare(struct sending *s);
static enum exit_code wait_ready(struct sending *s);
static enum exit_code send_image(struct sending *s);
static void show_meter(void *arg, int64_t bytes);

static const char *const types[] = { "dv", "pvc", NULL };
static const char *const volume_modes[] = { "block", "filesystem", NULL };
static const char *const access_modes[] = { "ReadWriteOnce", "ReadWriteMany", "ReadOnlyMany", NULL };

static const struct option_row options[] = {
	{ .name = "image-path", .argument = "FILE", .completion = COMPLETE_FILES, .help = "The image; - is stdin." },
	{ .name = "archive-path", .argument = "FILE", .completion = COMPLETE_FILES, .help = "Instead of it a tar archive (also gz, xz, zst) with the disk in it as disk.img; - is stdin." },
	{ .name = "size", .argument = "SIZE", .help = "Size of the disk, as 10Gi; needed when the DataVolume is made." },
	{ .name = "storage-class", .argument = "NAME", .help = "Class of the claim that is made." },
	{ .name = "access-mode", .argument = "MODE", .words = access_modes, .completion = COMPLETE_WORDS, .help = "Access mode of the claim that is made." },
	{ .name = "volume-mode", .argument = "MODE", .words = volume_modes, .completion = COMPLETE_WORDS, .help = "Volume mode of the claim that is made: block or filesystem." },
	{ .name = "block-volume", .help = "As --volume-mode=block." },
	{ .name = "force-bind", .help = "Bind the claim at once, whatever its class says." },
	{ .name = "no-create", .help = "Upload to a DataVolume that is there." },
	{ .name = "wait-secs", .argument = "SECONDS", .help = "How long to wait until the upload can begin; 300 otherwise." },
	{ .name = "retry", .argument = "TIMES", .help = "How often to try again while the daemon says that it cannot be now; 5 otherwise." },
	{ .name = "default-instancetype", .argument = "NAME", .help = "Label the disk with the instancetype that its machines get by default." },
	{ .name = "default-instancetype-kind", .argument = "KIND", .help = "Kind of that instancetype." },
	{ .name = "default-preference", .argument = "NAME", .help = "Label the disk with the preference that its machines get by default." },
	{ .name = "default-preference-kind", .argument = "KIND", .help = "Kind of that preference." },
	{ .name = "uploadproxy-url", .argument = "URL", .help = "Has no effect: the daemon's socket takes the image." },
	{ .name = "insecure", .help = "Has no effect: nothing leaves this machine." },
	OPTION_END,
};

const struct command command_image_upload = {
	.name = "image-upload",
	.usage = "dv NAME --image-path=FILE --size=SIZE",
	.help = "Fills a DataVolume with an image of this machine.",
	.details = "The DataVolume is made when it is not there; --no-create uploads to one that is, with the source upload. Formats and compressions "
	           "are those of imports, and are told by the image itself. An upload that breaks off leaves the DataVolume ready for another one. "
	           "virtctl wants an https server for uploads, which the daemon is not: use this command, or a proxy in front of its socket.",
	.examples = "solovirt image-upload dv fedora --size=10Gi --image-path=fedora.qcow2\n"
	            "curl -s https://example.org/disk.raw.xz | solovirt image-upload dv disk --size=10Gi --image-path=-\n"
	            "solovirt image-upload dv fedora --no-create --image-path=fedora.qcow2",
	.options = options,
	.completion = COMPLETE_WORDS,
	.words = types,
	.rest = COMPLETE_OBJECTS,
	.run = run,
};

static enum exit_code
run(struct cli *cli, const struct arguments *arguments)
{
	const char *image = arguments_value(arguments, "image-path"), *archive = arguments_value(arguments, "archive-path");
	struct sending s = { .cli = cli, .arguments = arguments, .file = image != NULL ? image : archive, .terminal = isatty(STDERR_FILENO) };
	enum exit_code code;

	if (arguments->words->len != 2)
		return cli_fail(EXIT_USAGE, "say what is to be filled: image-upload dv NAME");
	if (strcmp(arguments->words->pdata[0], "pvc") == 0)
		return cli_fail(EXIT_USAGE, "a claim alone is not uploaded to: \"image-upload dv %s\" makes a DataVolume and its claim",
		    (const char *)arguments->words->pdata[1]);
	if (strcmp(arguments->words->pdata[0], "dv") != 0)
		return cli_fail(EXIT_USAGE, "\"%s\" is not dv: image-upload dv NAME", (const char *)arguments->words->pdata[0]);
	if (s.file == NULL)
		return cli_fail(EXIT_USAGE, "say which image: --image-path=FILE");
	if (image != NULL && archive != NULL)
		return cli_fail(EXIT_USAGE, "--image-path and --archive-path exclude each other");
	s.name = arguments->words->pdata[1];
	code = open_image(&s);
	if (code == EXIT_DONE)
		code = prepare(&s);
	if (code == EXIT_DONE)
		code = wait_ready(&s);
	if (code == EXIT_DONE)
		code = send_image(&s);
	if (s.stream.fd > STDIN_FILENO)
		close(s.stream.fd);
	return code;
}

/* Everything but a regular file is read to its end. */
static enum exit_code
open_image(struct sending *s)
{
	struct stat st;

	s->stream = (struct request_stream){ .fd = STDIN_FILENO, .size = -1, .sent = show_meter, .arg = s };
	if (strcmp(s->file, "-") != 0)
		s->stream.fd = open(s->file, O_RDONLY | O_CLOEXEC);
	if (s->stream.fd < 0)
		return cli_fail(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_ERROR, "cannot open %s: %s", s->file, g_strerror(errno));
	if (fstat(s->stream.fd, &st) == 0 && S_ISREG(st.st_mode))
		s->stream.size = st.st_size - lseek(s->stream.fd, 0, SEEK_CUR);
	if (s->stream.size == 0)
		return cli_fail(EXIT_USAGE, "%s is empty", s->file);
	return EXIT_DONE;
}

/* --- the DataVolume --------------------------------------------------------------------------------------------------- */

static json_t *
described_labels(const struct arguments *arguments)
{
	static const struct {
		const char *option, *label;
	} rows[] = {
		{ "default-instancetype", "instancetype.kubevirt.io/default-instancetype" },
		{ "default-instancetype-kind", "instancetype.kubevirt.io/default-instancetype-kind" },
		{ "default-preference", "instancetype.kubevirt.io/default-preference" },
		{ "default-preference-kind", "instancetype.kubevirt.io/default-preference-kind" },
	};
	json_t *labels = json_object();

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		if (arguments_value(arguments, rows[i].option) != NULL)
			json_object_set_new(labels, rows[i].label, json_string(arguments_value(arguments, rows[i].option)));
	return labels;
}

static json_t *
described_volume(const struct sending *s, const char *size)
{
	const char *mode = arguments_value(s->arguments, "volume-mode"), *access = arguments_value(s->arguments, "access-mode");
	bool block = arguments_flag(s->arguments, "block-volume", false) || g_strcmp0(mode, "block") == 0;
	json_t *tree = json_pack("{s:s,s:s,s:{s:s,s:o},s:{s:{s:{}},s:{s:{s:{s:s}},s:s*}}}", "apiVersion", kind_api_version(&kinds[KIND_DATA_VOLUME]),
	    "kind", "DataVolume", "metadata", "name", s->name, "labels", described_labels(s->arguments), "spec", "source", "upload", "storage",
	    "resources", "requests", "storage", size, "storageClassName", arguments_value(s->arguments, "storage-class"));
	json_t *storage = path_find(tree, "spec.storage");

	if (arguments_value(s->arguments, "archive-path") != NULL)
		json_object_set_new(json_object_get(tree, "spec"), "contentType", json_string("archive"));
	if (access != NULL)
		json_object_set_new(storage, "accessModes", json_pack("[s]", access));
	if (block || mode != NULL)
		json_object_set_new(storage, "volumeMode", json_string(block ? "Block" : "Filesystem"));
	if (arguments_flag(s->arguments, "force-bind", false))
		json_object_set_new(json_object_get(tree, "metadata"), "annotations", json_pack("{s:s}", FORCE_BIND, "true"));
	return tree;
}

/* Makes it, or sees that it can be uploaded to. */
static enum exit_code
prepare(struct sending *s)
{
	g_autofree char *path = resource_path(&kinds[KIND_DATA_VOLUME], s->cli->namespace, s->name);
	g_autofree char *all = resource_path(&kinds[KIND_DATA_VOLUME], s->cli->namespace, NULL);
	const char *size = arguments_value(s->arguments, "size"), *ns = s->cli->namespace;
	ANSWER answer = { 0 };
	enum exit_code code = client_call(s->cli->client, &(struct request){ .path = path, .quiet = true }, &answer);

	if (code == EXIT_DONE && path_find(answer.body, "spec.source.upload") == NULL)
		return cli_fail(EXIT_CONFLICT, "DataVolume %s/%s is there and has another source than upload", ns, s->name);
	if (code == EXIT_DONE && (g_strcmp0(path_string(answer.body, "spec.contentType"), "archive") == 0) !=
	    (arguments_value(s->arguments, "archive-path") != NULL))
		return cli_fail(EXIT_CONFLICT, "DataVolume %s/%s is there with another contentType: archives come by --archive-path, images by --image-path", ns, s->name);
	if (code == EXIT_DONE && g_strcmp0(path_string(answer.body, "status.phase"), "Succeeded") == 0)
		return cli_fail(EXIT_CONFLICT, "DataVolume %s/%s has been filled already", ns, s->name);
	if (code == EXIT_DONE)
		printf("Using existing DataVolume %s/%s\n", ns, s->name);
	if (code != EXIT_NOT_FOUND)
		return code == EXIT_DONE ? code : answer_complain(&answer, code, NULL);
	if (arguments_flag(s->arguments, "no-create", false))
		return cli_fail(EXIT_NOT_FOUND, "DataVolume %s/%s is not there, and --no-create forbids to make it", ns, s->name);
	if (size == NULL)
		return cli_fail(EXIT_USAGE, "say how large the disk is to be: --size=SIZE");
	json_auto_t *tree = described_volume(s, size);
	code = client_call(s->cli->client, &(struct request){ .method = "POST", .path = all, .body = tree }, &answer);
	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	printf("DataVolume %s/%s created\n", ns, s->name);
	return EXIT_DONE;
}

static bool
is_settled(const void *arg, const json_t *object)
{
	static const char *const settled[] = { "UploadReady", "Succeeded", "Failed", NULL };
	const char *phase = object == NULL ? NULL : path_string(object, "status.phase");

	(void)arg;
	return object == NULL || (phase != NULL && g_strv_contains(settled, phase));
}

static enum exit_code
wait_ready(struct sending *s)
{
	g_autofree char *path = resource_path(&kinds[KIND_DATA_VOLUME], s->cli->namespace, s->name);
	struct error err = { 0 };
	ANSWER answer = { 0 };
	int64_t seconds;
	enum exit_code code;

	if (arguments_number(s->arguments, "wait-secs", WAIT_SECONDS, 1, &seconds, &err) < 0)
		return cli_fail_error(&err);
	printf("Waiting for DataVolume %s to be ready for the upload...\n", s->name);
	fflush(stdout);
	code = until(s->cli, &kinds[KIND_DATA_VOLUME], s->cli->namespace, s->name, is_settled, NULL, clock_monotonic_ms() + seconds * 1000, &answer);
	if (code == EXIT_TIMEOUT)
		return cli_fail(code, "DataVolume %s/%s was not ready for an upload within %" PRId64 " s: \"solovirt describe dv/%s\" tells why",
		    s->cli->namespace, s->name, seconds, s->name);
	if (code == EXIT_DONE)
		code = client_call(s->cli->client, &(struct request){ .path = path, .quiet = true }, &answer);
	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	if (g_strcmp0(path_string(answer.body, "status.phase"), "UploadReady") != 0)
		return cli_fail(EXIT_CONFLICT, "DataVolume %s/%s cannot be uploaded to: its phase is %s", s->cli->namespace, s->name,
		    path_string(answer.body, "status.phase"));
	return EXIT_DONE;
}

/* --- the bytes -------------------------------------------------------------------------------------------------------- */

static void
show_meter(void *arg, int64_t bytes)
{
	struct sending *s = arg;
	int64_t now = clock_monotonic_ms();

	if (!s->terminal || (now - s->shown_ms < METER_MS && bytes != s->stream.size))
		return;
	s->shown_ms = now;
	g_autofree char *text = meter_text(bytes, MAX(s->stream.size, 0), now - s->began_ms);
	fprintf(stderr, "\r%s\033[K", text);
	fflush(stderr);
}

static enum exit_code
get_token(struct sending *s, char **token)
{
	g_autofree char *path = g_strconcat(TOKENS_PATH, s->cli->namespace, "/uploadtokenrequests", NULL);
	json_auto_t *body = json_pack("{s:s,s:s,s:{s:s},s:{s:s}}", "apiVersion", "upload.cdi.kubevirt.io/v1beta1", "kind", "UploadTokenRequest",
	    "metadata", "name", s->name, "spec", "pvcName", s->name);
	ANSWER answer = { 0 };
	enum exit_code code = client_call(s->cli->client, &(struct request){ .method = "POST", .path = path, .body = body }, &answer);

	if (code != EXIT_DONE)
		return answer_complain(&answer, code, "cannot get a token for the upload");
	*token = g_strdup(path_string(answer.body, "status.token"));
	return *token == NULL ? cli_fail(EXIT_ERROR, "the answer has no token for the upload") : EXIT_DONE;
}

static enum exit_code
send_once(struct sending *s, struct answer *answer)
{
	g_autofree char *token = NULL;
	enum exit_code code = get_token(s, &token);

	if (code != EXIT_DONE)
		return code;
	s->began_ms = clock_monotonic_ms();
	code = client_call(s->cli->client, &(struct request){ .method = "POST", .path = UPLOAD_PATH, .stream = &s->stream, .token = token }, answer);
	if (s->terminal)
		fputs("\n", stderr);
	return code;
}

/* What cannot be read twice is sent once. */
static enum exit_code
send_image(struct sending *s)
{
	off_t start = lseek(s->stream.fd, 0, SEEK_CUR);
	struct error err = { 0 };
	ANSWER answer = { 0 };
	enum exit_code code;
	int64_t retries;

	if (arguments_number(s->arguments, "retry", RETRIES, 0, &retries, &err) < 0)
		return cli_fail_error(&err);
	printf("Uploading data of %s\n", s->file);
	fflush(stdout);
	while ((code = send_once(s, &answer)) != EXIT_DONE && answer.status == 503 && retries-- > 0 && start >= 0) {
		usleep(RETRY_US);
		if (lseek(s->stream.fd, start, SEEK_SET) < 0)
			break;
	}
	if (code != EXIT_DONE)
		return answer.trouble == NULL && answer.status == 0 ? code : answer_complain(&answer, code, NULL);
	printf("Uploading %s completed successfully\n", s->file);
	return EXIT_DONE;
}
