/* solovirtd: reads its configuration, opens the store, starts everything, runs the loop. */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>

#include "daemon/controllers/controllers.h"
#include "daemon/controllers/source_probe.h"
#include "daemon/daemon.h"
#include "daemon/cluster.h"
#include "daemon/host.h"
#include "daemon/images.h"
#include "daemon/import.h"
#include "daemon/rest.h"
#include "daemon/spool.h"
#include "daemon/store.h"
#include "daemon/upload.h"
#include "src/base/channel.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/log.h"

enum { EXIT_USAGE = 2 };

struct options {
	const char *config;
	bool check, manual;
};

/* What the loop's own events need. */
struct main_loop {
	struct daemon *daemon;
	const char *config_path;
	struct event *terminate, *interrupt, *hangup, *watchdog;
};

static void
usage(FILE *out)
{
	fputs("Usage: solovirtd [--config FILE]\n"
	      "Runs virtual machines that are described in a spool directory or over the control socket.\n\n"
	      "  -c, --config FILE   configuration (default " SOLOVIRT_SYSCONFDIR "/solovirtd.yaml when it is there)\n"
	      "  -t, --check-config  read the configuration, say what is wrong with it, and end\n"
	      "  -h, --help          this text\n"
	      "  -V, --version       version\n",
	    out);
}

/* 0: go on; otherwise what to end with, plus one. */
static int
parse_options(int argc, char *argv[], struct options *options)
{
	static const struct option long_options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check-config", no_argument, NULL, 't' },
		{ "explain-config", no_argument, NULL, 'M' }, /* for the manual page */
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:thV", long_options, NULL)) != -1)
		switch (c) {
		case 'c':
			options->config = optarg;
			break;
		case 't':
			options->check = true;
			break;
		case 'M':
			options->manual = true;
			break;
		case 'h':
			usage(stdout);
			return 1 + EXIT_SUCCESS;
		case 'V':
			puts("solovirtd " PACKAGE_VERSION);
			return 1 + EXIT_SUCCESS;
		default:
			usage(stderr);
			return 1 + EXIT_USAGE;
		}
	if (optind < argc) {
		fprintf(stderr, "solovirtd: unexpected argument \"%s\"\n", argv[optind]);
		return 1 + EXIT_USAGE;
	}
	if (options->config == NULL && g_file_test(SOLOVIRT_SYSCONFDIR "/solovirtd.yaml", G_FILE_TEST_EXISTS))
		options->config = SOLOVIRT_SYSCONFDIR "/solovirtd.yaml";
	return 0;
}

static enum log_level
level_of(const char *word)
{
	static const char *const words[] = { "error", "warning", "notice", "info", "debug" };

	for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
		if (strcmp(words[i], word) == 0)
			return (enum log_level)(LOG_LEVEL_ERROR + (int)i);
	return LOG_LEVEL_INFO;
}

/* --- the loop's own events ----------------------------------------------------------------------------------------- */

static void
on_terminate(evutil_socket_t signal_number, short what, void *arg)
{
	struct main_loop *loop = arg;

	(void)what;
	log_notice("signal %d: stopping; running guests go on", (int)signal_number);
	sd_notify(0, "STOPPING=1");
	event_base_loopexit(loop->daemon->base, NULL);
}

/* Volumes and addresses are found by these names. */
static bool
is_same_place(const struct config *a, const struct config *b)
{
	return strcmp(a->pool->name, b->pool->name) == 0 && strcmp(a->pool->path, b->pool->path) == 0 &&
	    strcmp(a->network->name, b->network->name) == 0 && strcmp(a->network->cidr, b->network->cidr) == 0 &&
	    strcmp(a->network->bridge, b->network->bridge) == 0;
}

/* Directories and the store cannot move while we run; everything else is taken over. */
static void
on_hangup(evutil_socket_t signal_number, short what, void *arg)
{
	struct main_loop *loop = arg;
	struct daemon *daemon = loop->daemon;
	struct error err = { 0 };
	struct config *config = config_load(loop->config_path, &err);

	(void)signal_number;
	(void)what;
	if (config == NULL) {
		log_error("the configuration stays as it was: %s", err.text);
		return;
	}
	if (strcmp(config->state_directory, daemon->config->state_directory) != 0 ||
	    strcmp(config->spool_directory, daemon->config->spool_directory) != 0 ||
	    strcmp(config->runtime_directory, daemon->config->runtime_directory) != 0 ||
	    strcmp(config->socket, daemon->config->socket) != 0 || !is_same_place(config, daemon->config)) {
		log_error("the configuration stays as it was: spoolDirectory, stateDirectory, runtimeDirectory, socket, pool and network need a restart");
		config_free(config);
		return;
	}
	sd_notify(0, "RELOADING=1");
	config_free(daemon->config);
	daemon->config = config;
	log_open("solovirtd", level_of(config->log_level));
	hosts_start(daemon);
	clusters_reload(daemon);
	controllers_reload(daemon);
	rest_reload(daemon);
	spool_rescan(daemon->spool);
	log_notice("the configuration was read again");
	sd_notify(0, "READY=1");
}

static void
on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	sd_notify(0, "WATCHDOG=1");
}

static void
on_health(void *arg, const char *problem)
{
	struct daemon *daemon = arg;

	if (problem != NULL)
		log_error("the store cannot be written: %s", problem);
	else
		log_notice("the store can be written again");
	sd_notifyf(0, "STATUS=%s", problem == NULL ? "running" : problem);
	if (problem != NULL)
		return;
	for (guint i = 0; i < daemon->hosts->len; i++)
		node_update(daemon, daemon->hosts->pdata[i]);
	controllers_resync(daemon);
	spool_rescan(daemon->spool);
}

int64_t
daemon_now(struct daemon *daemon)
{
	(void)daemon;
	return clock_wall_ms();
}

/* --- life ---------------------------------------------------------------------------------------------------------- */

static int
make_directories(const struct config *config, struct error *err)
{
	const struct {
		const char *path;
		int mode;
	} directories[] = { { config->state_directory, 0711 }, { config->runtime_directory, 0755 }, { config->spool_directory, 0755 } };

	for (size_t i = 0; i < G_N_ELEMENTS(directories); i++)
		if (g_mkdir_with_parents(directories[i].path, directories[i].mode) != 0 && errno != EROFS)
			return error_errno(err, "cannot make %s", directories[i].path);
	return 0;
}

static int
daemon_start(struct daemon *daemon, struct error *err)
{
	if (make_directories(daemon->config, err) != 0)
		return -1;
	daemon->store = store_open(daemon->config->state_directory, daemon->base, err);
	if (daemon->store == NULL)
		return -1;
	imports_start(daemon);
	hosts_start(daemon);
	controllers_start(daemon);
	for (guint i = 0; i < daemon->hosts->len; i++)
		node_update(daemon, daemon->hosts->pdata[i]);
	store_on_health(daemon->store, on_health, daemon);
	if (rest_start(daemon, err) != 0)
		return -1;
	daemon->spool = spool_new(daemon, err);
	return daemon->spool == NULL ? -1 : 0;
}

static void
daemon_stop(struct daemon *daemon)
{
	if (daemon->spool != NULL)
		spool_free(daemon->spool);
	daemon->spool = NULL;
	/* Each answers what is under way to those that come after it. */
	source_probes_stop(daemon);
	imports_stop(daemon);
	images_stop(daemon);
	hosts_stop(daemon);
	clusters_stop(daemon);
	controllers_stop(daemon);
	if (daemon->store != NULL)
		store_close(daemon->store);
	rest_stop(daemon);
	uploads_stop(daemon);
	if (daemon->hosts != NULL)
		g_ptr_array_unref(daemon->hosts);
	if (daemon->copies != NULL)
		g_ptr_array_unref(daemon->copies);
	if (daemon->flattens != NULL)
		g_ptr_array_unref(daemon->flattens);
	g_ptr_array_unref(daemon->answers);
	config_free(daemon->config);
}

static struct event *
on_signal(struct main_loop *loop, int number, event_callback_fn callback)
{
	struct event *event = evsignal_new(loop->daemon->base, number, callback, loop);

	event_add(event, NULL);
	return event;
}

static void
start_watchdog(struct main_loop *loop)
{
	uint64_t usec = 0;
	struct timeval tv;

	if (sd_watchdog_enabled(0, &usec) <= 0)
		return;
	tv = (struct timeval){ .tv_sec = (time_t)(usec / 2 / 1000000), .tv_usec = (suseconds_t)(usec / 2 % 1000000) };
	loop->watchdog = event_new(loop->daemon->base, -1, EV_PERSIST, on_watchdog, NULL);
	event_add(loop->watchdog, &tv);
}

static void
run(struct daemon *daemon, const char *config_path)
{
	struct main_loop loop = { .daemon = daemon, .config_path = config_path };

	loop.terminate = on_signal(&loop, SIGTERM, on_terminate);
	loop.interrupt = on_signal(&loop, SIGINT, on_terminate);
	loop.hangup = on_signal(&loop, SIGHUP, on_hangup);
	start_watchdog(&loop);
	sd_notify(0, "READY=1\nSTATUS=running");
	log_notice("solovirtd %s serves %s and watches %s", PACKAGE_VERSION, daemon->config->socket, daemon->config->spool_directory);
	event_base_dispatch(daemon->base);
	event_free(loop.terminate);
	event_free(loop.interrupt);
	event_free(loop.hangup);
	if (loop.watchdog != NULL)
		event_free(loop.watchdog);
}

/* A client that goes away must not end us; descriptors for many clients and workers are wanted. */
static void
prepare_process(void)
{
	struct rlimit files;

	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = MIN(files.rlim_max, 65536);
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

int
main(int argc, char *argv[])
{
	struct options options = { 0 };
	struct daemon daemon = { 0 };
	struct error err = { 0 };
	int end = parse_options(argc, argv, &options), status = EXIT_SUCCESS;

	if (end != 0)
		return end - 1;
	log_open("solovirtd", LOG_LEVEL_INFO);
	if (options.manual) {
		schema_manual(&config_schema, "", stdout);
		return EXIT_SUCCESS;
	}
	daemon.config = config_load(options.config, &err);
	if (daemon.config == NULL) {
		fprintf(stderr, "%s\n", err.text);
		return EXIT_FAILURE;
	}
	if (options.check) {
		config_free(daemon.config);
		return EXIT_SUCCESS;
	}
	log_open("solovirtd", level_of(daemon.config->log_level));
	prepare_process();
	daemon.base = event_base_new();
	event_base_priority_init(daemon.base, PRIORITY_COUNT);
	daemon.answers = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
	if (daemon_start(&daemon, &err) == 0) {
		run(&daemon, options.config);
	} else {
		log_error("%s", err.text);
		status = EXIT_FAILURE;
	}
	daemon_stop(&daemon);
	event_base_free(daemon.base);
	return status;
}
