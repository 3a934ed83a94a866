/* What the guest agent tells. */
#include "config.h"

#include <errno.h>
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

static json_t *
run_addresses(struct host_call *call, struct error *err)
{
	g_autoptr(virDomain) domain = get_domain(call, err);
	virDomainInterfacePtr *all = NULL;
	const char *name;
	json_t *list;
	int count;

	if (domain == NULL)
		return NULL;
	name = virDomainGetName(domain);
	count = virDomainInterfaceAddresses(domain, &all, VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT, 0);
	if (count < 0) {
		agent_error(err, name);
		return NULL;
	}
	list = json_array();
	for (int i = 0; i < count; i++) {
		json_t *interface = describe_interface(all[i]);

		if (interface != NULL) /* NULL: a guest that speaks no UTF-8 */
			json_array_append_new(list, interface);
		virDomainInterfaceFree(all[i]);
	}
	free(all);
	return json_pack("{s:o}", "interfaces", list);
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
	return json_pack("{s:o}", "os", os);
}

const struct host_verb host_agent_verbs[] = {
	{ "domain-addresses", run_addresses },
	{ "domain-guest-info", run_guest_info },
	{ NULL, NULL },
};
