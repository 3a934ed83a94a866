/* The daemon's configuration: defaults, what is wrong with its place, hosts. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/api/config.h"
#include "src/base/error.h"
#include "src/base/log.h"

static char *folder, *path;

static void
setup(void)
{
	log_open("test", LOG_LEVEL_ERROR - 1);
	folder = g_dir_make_tmp("config-XXXXXX", NULL);
	path = g_build_filename(folder, "c.yaml", NULL);
}

static void
teardown(void)
{
	g_remove(path);
	g_rmdir(folder);
	g_free(folder);
	g_free(path);
}

static struct config *
load(const char *text, struct error *err)
{
	ck_assert(g_file_set_contents(path, text, -1, NULL));
	return config_load(path, err);
}

static void
assert_defaults(struct config *config)
{
	const struct config_host *host = config->hosts.items;

	ck_assert_str_eq(config->spool_directory, "/var/spool/solovirt");
	ck_assert_str_eq(config->state_directory, "/var/lib/solovirt");
	ck_assert_str_eq(config->runtime_directory, "/run/solovirt");
	ck_assert_str_eq(config->socket, "/run/solovirt/api.sock");
	ck_assert_str_eq(config->log_level, "info");
	ck_assert_int_eq(config->trash, 24 * 3600 * 1000);
	ck_assert_int_eq(config->spool->scan_interval, 300000);
	ck_assert_int_eq(config->spool->settle, 250);
	ck_assert_int_eq(config->spool->hold_count, 3);
	ck_assert_int_eq(config->overcommit->cpu, 10000);
	ck_assert_int_eq(config->overcommit->memory, 1000);
	ck_assert_str_eq(config->pool->name, "solovirt");
	ck_assert_str_eq(config->network->cidr, "192.168.77.0/24");
	ck_assert_ptr_null(config->access->admin_users);
	ck_assert_uint_eq(config->hosts.count, 1);
	ck_assert_str_eq(host->uri, "qemu:///system");
	ck_assert_int_eq(host->emulation, EMULATION_AUTO);
	ck_assert_ptr_nonnull(host->name);
	config_free(config);
}

START_TEST(has_defaults)
{
	struct error err = { 0 };

	assert_defaults(config_load(NULL, &err));
	assert_defaults(load("", &err));
	assert_defaults(load("# nothing but this\n", &err));
	assert_defaults(load("spool: {}\novercommit:\n", &err));
	config_free(NULL);
}
END_TEST

START_TEST(reads_a_file)
{
	struct error err = { 0 };
	struct config *config = load("runtimeDirectory: /tmp/run\n"
				     "logLevel: debug\n"
				     "trash: 0s\n"
				     "spool:\n"
				     "  settle: 1s\n"
				     "hosts:\n"
				     "- name: a\n"
				     "- name: b\n"
				     "  uri: qemu+ssh://b/system\n"
				     "  emulation: never\n"
				     "overcommit: {memory: 1.5}\n"
				     "access: {adminUsers: [alice, bob]}\n", &err);
	const struct config_host *hosts;

	ck_assert_msg(config != NULL, "%s", err.text);
	hosts = config->hosts.items;
	ck_assert_str_eq(config->socket, "/tmp/run/api.sock");
	ck_assert(config->trash == 0 && config->spool->settle == 1000 && config->spool->scan_interval == 300000);
	ck_assert_uint_eq(config->hosts.count, 2);
	ck_assert_str_eq(hosts[0].uri, "qemu:///system");
	ck_assert_str_eq(hosts[1].uri, "qemu+ssh://b/system");
	ck_assert_int_eq(hosts[1].emulation, EMULATION_NEVER);
	ck_assert_int_eq(config->overcommit->memory, 1500);
	ck_assert_str_eq(config->access->admin_users[1], "bob");
	config_free(config);
}
END_TEST

static const struct {
	const char *text, *told; /* behind the file's name */
} errors[] = {
	{ "spoolDirectroy: /x\n", "1:1: spoolDirectroy: no such field; did you mean \"spoolDirectory\"?" },
	{ "spoolDirectory: x\n", "1:17: spoolDirectory: \"x\" is not an absolute path without \"..\"" },
	{ "logLevel: loud\n", "1:11: logLevel: \"loud\" is not one of error, warning, notice, info, debug" },
	{ "spool:\n  settle: soon\n", "2:11: spool.settle: \"soon\" is not a duration; write numbers with h, m, s or "
	  "ms, as in 30s or 1h30m" },
	{ "spool:\n  scanInterval: 1ms\n", "2:17: spool.scanInterval: 1ms is out of range: it must be from 100ms to 24h" },
	{ "hosts:\n- uri: qemu:///system\n", "2:3: hosts[0].name: is required: a string (Name of the Node)" },
	{ "hosts:\n- name: a\n- name: a\n", "3:9: hosts[1].name: \"a\" is used by an earlier item: each needs its own" },
	{ "hosts: a\n", "1:8: hosts: must be a list of objects, but is the string \"a\"; begin each item with \"- \"" },
	{ "network: {cidr: 192.168.1.0}\n", "1:17: network.cidr: \"192.168.1.0\" is not an IPv4 subnet such as "
	  "192.168.77.0/24 (from /8 to /30)" },
	{ "network: {cidr: 192.168.1.1/24}\n",
	  "1:17: network.cidr: \"192.168.1.1/24\" is an address inside a subnet; the subnet is 192.168.1.0/24" },
	{ "network: {cidr: 10.0.0.0/31}\n", "1:17: network.cidr: \"10.0.0.0/31\" is not an IPv4 subnet such as 192.168.77.0/24 (from /8 "
	  "to /30)" },
	{ "a: 1\n", "1:1: a: no such field in Configuration (\"solovirt explain\" lists them)" },
	{ "logLevel: info\n---\nlogLevel: info\n", "3:1: only one document is allowed here" },
	{ "spool: [\n", "2:1: syntax: did not find expected node content while parsing a flow node of line 2" },
};

START_TEST(tells_what_is_wrong)
{
	struct error err = { 0 };
	struct config *config = load(errors[_i].text, &err);
	g_autofree char *wanted = g_strdup_printf("%s:%s", path, errors[_i].told);

	ck_assert_ptr_null(config);
	ck_assert_int_eq(err.code, EINVAL);
	ck_assert_msg(g_str_has_prefix(err.text, wanted), "wanted %s\ngot    %s", wanted, err.text);
}
END_TEST

#define REMOTE "hosts:\n- name: b\n  uri: qemu+tls://b/system\n  openvswitch:\n"
#define KEYS "    privateKey: /dev/null\n    certificate: /dev/null\n    caCertificate: /dev/null\n"

/* What is wrong with Open vSwitch of another machine. */
static const struct {
	const char *text, *told; /* behind the file's name */
} vswitches[] = {
	{ REMOTE "    interfaces: [up0]\n", "4:3: hosts[0].openvswitch.database: is required: a string (Where its ovsdb-server listens" },
	{ REMOTE "    database: b:6640\n", "5:15: hosts[0].openvswitch.database: \"b:6640\" is not like ssl:10.0.0.2:6640 or tcp:[fd00::2]:6640" },
	{ REMOTE "    database: ssl:b:6640\n", "5:15: hosts[0].openvswitch.database: \"ssl:b:6640\" is not like" },
	{ REMOTE "    database: ssl:10.0.0.2\n", "5:15: hosts[0].openvswitch.database: \"ssl:10.0.0.2\" is not like" },
	{ REMOTE "    database: ssl:10.0.0.2:0\n", "5:15: hosts[0].openvswitch.database: \"ssl:10.0.0.2:0\" is not like" },
	{ REMOTE "    database: ssl:fd00::2:6640\n", "5:15: hosts[0].openvswitch.database: \"ssl:fd00::2:6640\" is not like" },
	{ REMOTE "    database: ssl:10.0.0.2:6640\n    bridges: ssl:[10.0.0.2]:6653\n" KEYS, "6:14: hosts[0].openvswitch.bridges: \"ssl:[10.0.0.2]:6653\" is not like" },
	{ REMOTE "    database: ssl:10.0.0.2:6640\n    interfaces: [\"a b\"]\n" KEYS, "6:18: hosts[0].openvswitch.interfaces: \"a b\" is no name of a device" },
	{ REMOTE "    database: ssl:10.0.0.2:6640\n    privateKey: /nowhere/key.pem\n", "6:17: hosts[0].openvswitch.privateKey: cannot read \"/nowhere/key.pem\": No such file or directory" },
	{ REMOTE "    database: ssl:10.0.0.2:6640\n    privateKey: key.pem\n", "6:17: hosts[0].openvswitch.privateKey: \"key.pem\" is not an absolute path" },
	{ REMOTE "    database: ssl:10.0.0.2:6640\n    privateKey: /dev/null\n    certificate: /dev/null\n",
	  "4:3: hosts[0].openvswitch.caCertificate: is required with ssl:" },
	{ REMOTE "    database: tcp:10.0.0.2:6640\n    bridges: ssl:10.0.0.2:6653\n", "4:3: hosts[0].openvswitch.privateKey: is required with ssl:" },
	{ REMOTE "    database: tcp:10.0.0.2:6640\n    certificate: /dev/null\n", "6:18: hosts[0].openvswitch.certificate: is of no use with tcp:; write ssl:" },
	{ "hosts:\n- name: a\n  openvswitch: {database: \"tcp:10.0.0.2:6640\"}\n", "3:16: hosts[0].openvswitch: is for remote hosts, and qemu:///system is this machine" },
};

START_TEST(tells_what_is_wrong_with_another_switch)
{
	struct error err = { 0 };
	struct config *config = load(vswitches[_i].text, &err);
	g_autofree char *wanted = g_strdup_printf("%s:%s", path, vswitches[_i].told);

	ck_assert_ptr_null(config);
	ck_assert_msg(g_str_has_prefix(err.text, wanted), "wanted %s\ngot    %s", wanted, err.text);
}
END_TEST

START_TEST(knows_where_another_switch_is)
{
	struct error err = { 0 };
	struct config *config = load(REMOTE "    database: ssl:[fd00::2]:6640\n    interfaces: [up0, up1]\n" KEYS, &err);
	const struct config_openvswitch *o;

	ck_assert_msg(config != NULL, "%s", err.text);
	o = ((const struct config_host *)config->hosts.items)->openvswitch;
	ck_assert_str_eq(o->database, "ssl:[fd00::2]:6640");
	ck_assert_str_eq(o->bridges, "ssl:[fd00::2]:6653");
	ck_assert_str_eq(o->interfaces[1], "up1");
	ck_assert_str_eq(o->ca_certificate, "/dev/null");
	config_free(config);
	/* in the clear: allowed, and told */
	config = load(REMOTE "    database: tcp:10.0.0.2:6640\n    bridges: tcp:10.0.0.2:7000\n", &err);
	ck_assert_msg(config != NULL, "%s", err.text);
	ck_assert_str_eq(((const struct config_host *)config->hosts.items)->openvswitch->bridges, "tcp:10.0.0.2:7000");
	config_free(config);
}
END_TEST

START_TEST(tells_everything)
{
	struct error err = { 0 };

	ck_assert_ptr_null(load("trash: x\nlogLevel: 1\nzzzz: 1\n", &err));
	ck_assert_ptr_nonnull(strstr(err.text, ":1:8: trash: "));
	ck_assert_ptr_nonnull(strstr(err.text, "\n"));
	ck_assert_ptr_nonnull(strstr(err.text, ":2:11: logLevel: "));
	ck_assert_ptr_nonnull(strstr(err.text, ":3:1: zzzz: "));
}
END_TEST

START_TEST(needs_its_file)
{
	struct error err = { 0 };

	ck_assert_ptr_null(config_load("/nowhere/c.yaml", &err));
	ck_assert_int_eq(err.code, ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, "cannot read the configuration"));
	ck_assert_ptr_nonnull(strstr(err.text, "/nowhere/c.yaml"));
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("config");
	TCase *tc = tcase_create("config");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, has_defaults);
	tcase_add_test(tc, reads_a_file);
	tcase_add_loop_test(tc, tells_what_is_wrong, 0, G_N_ELEMENTS(errors));
	tcase_add_loop_test(tc, tells_what_is_wrong_with_another_switch, 0, G_N_ELEMENTS(vswitches));
	tcase_add_test(tc, knows_where_another_switch_is);
	tcase_add_test(tc, tells_everything);
	tcase_add_test(tc, needs_its_file);
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
