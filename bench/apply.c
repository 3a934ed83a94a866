/*
 * What one applied object costs, without a loop, a socket or a scan: a machine's text is read, decoded, admitted, stored and
 * committed.  Run it under callgrind: instructions do not depend on the machine's mood.
 *
 *   apply DIRECTORY COUNT
 */
#include "config.h"

#include <event2/event.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/objects.h"
#include "daemon/store.h"
#include "src/api/config.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/document/document.h"

enum { GROUP = 50 /* objects in one transaction: about a turn of the loop */ };

static const char machine[] = "apiVersion: kubevirt.io/v1\n"
                              "kind: VirtualMachine\n"
                              "metadata: {name: vm%05d, labels: {app: bench}}\n"
                              "spec:\n"
                              "  runStrategy: Always\n"
                              "  template:\n"
                              "    spec:\n"
                              "      domain:\n"
                              "        memory: {guest: 64Mi}\n"
                              "        devices:\n"
                              "          disks: [{name: seed, disk: {bus: virtio}}]\n"
                              "          interfaces: [{name: default, masquerade: {}}]\n"
                              "      networks: [{name: default, pod: {}}]\n"
                              "      volumes: [{name: seed, cloudInitNoCloud: {userData: \"#cloud-config\"}}]\n";

int64_t
daemon_now(struct daemon *daemon)
{
	(void)daemon;
	return clock_wall_ms();
}

static void
apply(struct daemon *daemon, int number)
{
	g_autofree char *text = g_strdup_printf(machine, number);
	g_autoptr(GPtrArray) documents = g_ptr_array_new_with_free_func((GDestroyNotify)document_free);
	struct diagnostics diagnostics;
	struct error err = { 0 };

	diagnostics_init(&diagnostics);
	document_read("bench.yaml", text, strlen(text), documents, &diagnostics);
	if (documents->len != 1 ||
	    objects_create(daemon, documents->pdata[0], "default", false, &diagnostics, &err) == NULL) {
		fprintf(stderr, "apply: %s\n", err.text);
		exit(EXIT_FAILURE);
	}
	diagnostics_clear(&diagnostics);
}

int
main(int argc, char *argv[])
{
	struct config config = { 0 }; /* admission asks for the devices that guests may have: none */
	struct daemon daemon = { .config = &config };
	struct error err = { 0 };

	if (argc != 3) {
		fprintf(stderr, "usage: apply DIRECTORY COUNT\n");
		return 2;
	}
	log_open("apply", LOG_LEVEL_WARNING);
	daemon.base = event_base_new();
	event_base_priority_init(daemon.base, PRIORITY_COUNT);
	daemon.store = store_open(argv[1], daemon.base, &err);
	if (daemon.store == NULL) {
		fprintf(stderr, "apply: %s\n", err.text);
		return EXIT_FAILURE;
	}
	for (int i = 0; i < atoi(argv[2]); i++) {
		apply(&daemon, i);
		if (i % GROUP == GROUP - 1)
			event_base_loop(daemon.base, EVLOOP_NONBLOCK);
	}
	store_close(daemon.store);
	event_base_free(daemon.base);
	return EXIT_SUCCESS;
}
