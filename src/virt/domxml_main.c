/*
 * solovirt-domxml: what "solovirt domxml -f" shows, a program of its own because libxml2 takes longer to load than most requests
 * of solovirt take.
 *
 *   solovirt-domxml FILE NAMESPACE emulation|kvm|probe < MACHINE-OR-INSTANCE.json
 *
 * FILE is named in complaints.  The machine's instancetype and preference have been applied, its document has been checked.
 */
#include "config.h"

#include <glib.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/error.h"
#include "src/virt/domain_preview.h"
#include "src/virt/kvm_probe.h"

static bool
is_emulated(const char *word)
{
	struct error unused = { 0 };

	if (strcmp(word, "probe") == 0)
		return kvm_probe("/dev/kvm", &unused) != 0;
	return strcmp(word, "emulation") == 0;
}

int
main(int argc, char *argv[])
{
	json_error_t where;
	json_auto_t *tree = NULL;
	g_autofree char *warning = NULL, *xml = NULL;
	struct error err = { 0 };

	if (argc != 4) {
		fprintf(stderr, "usage: solovirt-domxml FILE NAMESPACE emulation|kvm|probe < JSON\n");
		return 2;
	}
	tree = json_loadf(stdin, 0, &where);
	if (tree == NULL) {
		fprintf(stderr, "error: %s: %s\n", argv[1], where.text);
		return EXIT_FAILURE;
	}
	xml = domain_preview(tree, argv[2], is_emulated(argv[3]), &warning, &err);
	if (warning != NULL)
		fprintf(stderr, "warning: %s\n", warning);
	if (xml == NULL) {
		fprintf(stderr, "error: %s: %s\n", argv[1], err.text);
		return EXIT_FAILURE;
	}
	fputs(xml, stdout);
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
