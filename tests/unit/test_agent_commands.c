/* What a guest's agent must be able to do. */
#include "config.h"

#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/controllers/agent_commands.h"
#include "src/api/domain.h"
#include "src/document/diagnostic.h"

#define BASIC "guest-ping guest-get-time guest-info guest-shutdown guest-network-get-interfaces guest-get-fsinfo " \
	"guest-get-host-name guest-get-users guest-get-timezone guest-get-osinfo"
#define KEYS " guest-ssh-get-authorized-keys guest-ssh-add-authorized-keys guest-ssh-remove-authorized-keys"
#define FILES " guest-exec guest-exec-status guest-file-open guest-file-close guest-file-read guest-file-write"
#define BY_AGENT(what) "{\"accessCredentials\":[{\"" what "\":{\"source\":{\"secret\":{\"secretName\":\"s\"}}," \
	"\"propagationMethod\":{\"qemuGuestAgent\":{}}}}]}"

static const struct {
	const char *spec, *commands, *lacks; /* lacks: a word of the sentence, or NULL */
} cases[] = {
	{ "{}", BASIC, NULL },
	{ "{}", "guest-ping", "basic" },
	{ "{}", "", "basic" },
	{ BY_AGENT("sshPublicKey"), BASIC, "public key" },
	{ BY_AGENT("sshPublicKey"), BASIC KEYS, NULL },
	{ BY_AGENT("sshPublicKey"), BASIC FILES, NULL },
	{ BY_AGENT("userPassword"), BASIC FILES, "password" },
	{ BY_AGENT("userPassword"), BASIC " guest-set-user-password", NULL },
};

START_TEST(lacks)
{
	struct vmi_spec *spec = g_malloc0(vmi_spec_schema.size);
	json_t *tree = json_loads(cases[_i].spec, 0, NULL), *commands = json_array();
	g_auto(GStrv) words = g_strsplit(cases[_i].commands, " ", -1);
	struct diagnostics diagnostics;
	const char *told;

	for (char **word = words; *word != NULL; word++)
		json_array_append_new(commands, json_string(*word));
	diagnostics_init(&diagnostics);
	schema_decode(&vmi_spec_schema, tree, NULL, "spec", spec, &diagnostics);
	told = agent_lacks(spec, commands);
	if (cases[_i].lacks == NULL)
		ck_assert_msg(told == NULL, "%s", told);
	else
		ck_assert_msg(told != NULL && strstr(told, cases[_i].lacks) != NULL, "%s", told == NULL ? "nothing" : told);
	diagnostics_clear(&diagnostics);
	schema_free(&vmi_spec_schema, spec);
	json_decref(tree);
	json_decref(commands);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("agent_commands");
	TCase *tc = tcase_create("lacks");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tc, lacks, 0, (int)G_N_ELEMENTS(cases));
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
