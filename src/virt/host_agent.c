/* What the guest agent tells. */
#include "config.h"

#include <errno.h>
#include <libvirt/libvirt-qemu.h>
#include <stdlib.h>
#include <string.h>

#include "src/virt/host.h"

/* libvirt says "unsupported" of a domain without an agent's channel. */
static int
agent_error(struct error *err, const char *name)
{
	bool absent = virGetLastErrorCode() == VIR_ERR_ARGUMENT_UNSUPPORTED;

	host_error(err, "cannot ask the guest agent of domain %s", name);
	if (absent)
		err->code = ENOTCONN;
	return -1;
}

static virDomainPtr
get_domain(struct host_call *call, struct error *err)
{
	const char *name, *uid;

	if (host_args(call, err, "{s:s,s:s}", "name", &name, "uid", &uid) < 0)
		return NULL;
	virDomainPtr domain = host_domain_get(call->connection, name, uid, err);
	if (domain != NULL)
		host_agent_limit(domain);
	return domain;
}

void
host_agent_limit(virDomainPtr domain)
{
	virDomainAgentSetResponseTimeout(domain, HOST_AGENT_SECONDS, 0);
}

static json_t *
describe_interface(const virDomainInterface *interface)
{
	json_t *ips = json_array();

	for (unsigned i = 0; i < interface->naddrs; i++)
		json_array_append_new(ips, json_string(interface->addrs[i].addr));
	return json_pack("{s:s,s:s,s:o}", "name", interface->name, "mac",
	    interface->hwaddr != NULL ? interface->hwaddr : "", "ips", ips);
}

/* NULL: libvirt's error says why. */
static json_t *
describe_interfaces(virDomainPtr domain)
{
	virDomainInterfacePtr *all = NULL;
	json_t *list;
	int count = virDomainInterfaceAddresses(domain, &all, VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT, 0);

	if (count < 0)
		return NULL;
	list = json_array();
	for (int i = 0; i < count; i++) {
		json_t *interface = describe_interface(all[i]);

		if (interface != NULL) /* NULL: a guest that speaks no UTF-8 */
			json_array_append_new(list, interface);
		virDomainInterfaceFree(all[i]);
	}
	free(all);
	return list;
}

static json_t *
run_addresses(struct host_call *call, struct error *err)
{
	g_autoptr(virDomain) domain = get_domain(call, err);
	const char *name = domain == NULL ? NULL : virDomainGetName(domain);
	json_t *list = domain == NULL ? NULL : describe_interfaces(domain);

	if (domain != NULL && list == NULL)
		agent_error(err, name);
	return list == NULL ? NULL : json_pack("{s:o}", "interfaces", list);
}

/* libvirt's parameters and the members of VirtualMachineInstanceGuestOSInfo. */
static const struct {
	const char *parameter, *member;
} os_members[] = {
	{ "os.id", "id" },
	{ "os.name", "name" },
	{ "os.pretty-name", "prettyName" },
	{ "os.version", "version" },
	{ "os.version-id", "versionId" },
	{ "os.kernel-release", "kernelRelease" },
	{ "os.kernel-version", "kernelVersion" },
	{ "os.machine", "machine" },
};

static json_t *agent_command(virDomainPtr domain, json_t *command, struct error *err);

/* Names of the commands that the agent obeys; NULL when it does not say so. */
static json_t *
describe_commands(virDomainPtr domain)
{
	struct error ignored = { 0 };
	json_t *answer = agent_command(domain, json_pack("{s:s}", "execute", "guest-info"), &ignored), *names, *item;
	size_t i;

	if (answer == NULL)
		return NULL;
	names = json_array();
	json_array_foreach (json_object_get(answer, "supported_commands"), i, item)
		if (json_is_true(json_object_get(item, "enabled")))
			json_array_append(names, json_object_get(item, "name"));
	json_decref(answer);
	return names;
}

static json_t *
run_guest_info(struct host_call *call, struct error *err)
{
	g_autoptr(virDomain) domain = get_domain(call, err);
	virTypedParameterPtr parameters = NULL;
	const char *name;
	int count = 0;
	json_t *os;

	if (domain == NULL)
		return NULL;
	name = virDomainGetName(domain);
	if (virDomainGetGuestInfo(domain, VIR_DOMAIN_GUEST_INFO_OS, &parameters, &count, 0) < 0) {
		agent_error(err, name);
		return NULL;
	}
	os = json_object();
	for (size_t i = 0; i < G_N_ELEMENTS(os_members); i++) {
		const char *value;

		if (virTypedParamsGetString(parameters, count, os_members[i].parameter, &value) == 1)
			json_object_set_new(os, os_members[i].member, json_string(value));
	}
	virTypedParamsFree(parameters, count);
	return json_pack("{s:o,s:o*,s:o*}", "os", os, "interfaces", describe_interfaces(domain), "commands", describe_commands(domain));
}

/* --- what the agent is told to do ----------------------------------------------------------------------------------- */

/* The "return" of a command of the agent's own protocol (taken); NULL with err. */
static json_t *
agent_command(virDomainPtr domain, json_t *command, struct error *err)
{
	const char *name = virDomainGetName(domain); /* before, as it forgets the error */
	char *text = json_dumps(command, JSON_COMPACT);
	char *reply = virDomainQemuAgentCommand(domain, text, HOST_AGENT_SECONDS, 0);
	json_t *tree, *answer;

	json_decref(command);
	free(text);
	if (reply == NULL) {
		agent_error(err, name);
		return NULL;
	}
	tree = json_loads(reply, 0, NULL);
	answer = json_incref(json_object_get(tree, "return"));
	json_decref(tree);
	free(reply);
	if (answer == NULL)
		error_set(err, EPROTO, "the guest agent of domain %s gave an answer that cannot be read", name);
	return answer;
}

static json_t *
run_ping(struct host_call *call, struct error *err)
{
	g_autoptr(virDomain) domain = get_domain(call, err);
	json_t *answer = domain == NULL ? NULL : agent_command(domain, json_pack("{s:s}", "execute", "guest-ping"), err);

	if (answer == NULL)
		return NULL;
	json_decref(answer);
	return json_object();
}

static json_t *
run_exec(struct host_call *call, struct error *err)
{
	g_autoptr(virDomain) domain = get_domain(call, err);
	json_t *command, *words = json_array(), *answer, *result;

	if (domain == NULL || host_args(call, err, "{s:o}", "command", &command) < 0) {
		json_decref(words);
		return NULL;
	}
	for (size_t i = 1; i < json_array_size(command); i++)
		json_array_append(words, json_array_get(command, i));
	answer = agent_command(domain, json_pack("{s:s,s:{s:O,s:o}}", "execute", "guest-exec", "arguments", "path",
	    json_array_get(command, 0), "arg", words), err);
	if (answer == NULL)
		return NULL;
	result = json_pack("{s:I}", "pid", json_integer_value(json_object_get(answer, "pid")));
	json_decref(answer);
	return result;
}

/* A program that a signal ended has no exit code: it did not go well. */
static json_t *
run_exec_result(struct host_call *call, struct error *err)
{
	g_autoptr(virDomain) domain = get_domain(call, err);
	json_t *answer, *code, *result;
	int64_t pid;

	if (domain == NULL || host_args(call, err, "{s:I}", "pid", &pid) < 0)
		return NULL;
	answer = agent_command(domain, json_pack("{s:s,s:{s:I}}", "execute", "guest-exec-status", "arguments", "pid", (json_int_t)pid), err);
	if (answer == NULL)
		return NULL;
	code = json_object_get(answer, "exitcode");
	result = json_pack("{s:b,s:I}", "exited", json_is_true(json_object_get(answer, "exited")), "exitCode",
	    json_is_integer(code) ? json_integer_value(code) : (json_int_t)-1);
	json_decref(answer);
	return result;
}

/* Replaces the user's keys.  Neither keys nor passwords are ever told to anybody. */
static json_t *
run_keys(struct host_call *call, struct error *err)
{
	g_autoptr(virDomain) domain = get_domain(call, err);
	g_autofree const char **keys = NULL;
	const char *name, *user;
	json_t *list;

	if (domain == NULL || host_args(call, err, "{s:s,s:s,s:o}", "name", &name, "user", &user, "keys", &list) < 0)
		return NULL;
	keys = g_new0(const char *, json_array_size(list) + 1);
	for (size_t i = 0; i < json_array_size(list); i++)
		keys[i] = json_string_value(json_array_get(list, i));
	if (virDomainAuthorizedSSHKeysSet(domain, user, keys, (unsigned)json_array_size(list), 0) < 0) {
		agent_error(err, name);
		return NULL;
	}
	return json_object();
}

static json_t *
run_password(struct host_call *call, struct error *err)
{
	g_autoptr(virDomain) domain = get_domain(call, err);
	const char *name, *user, *password;

	if (domain == NULL || host_args(call, err, "{s:s,s:s,s:s}", "name", &name, "user", &user, "password", &password) < 0)
		return NULL;
	if (virDomainSetUserPassword(domain, user, password, 0) < 0) {
		agent_error(err, name);
		return NULL;
	}
	return json_object();
}

const struct host_verb host_agent_verbs[] = {
	{ "domain-addresses", run_addresses },
	{ "domain-guest-info", run_guest_info },
	{ "domain-agent-ping", run_ping },
	{ "domain-agent-exec", run_exec },
	{ "domain-agent-exec-result", run_exec_result },
	{ "domain-keys-set", run_keys },
	{ "domain-password-set", run_password },
	{ NULL, NULL },
};
