/* Rules for what is around the virtual hardware: start, probes, name servers, placement, accounts. */
#include "config.h"

#include <arpa/inet.h>
#include <glib.h>
#include <string.h>

#include "src/api/check.h"
#include "src/api/placement.h"
#include "src/base/error.h"

enum { NAMESERVERS_MOST = 3, SEARCHES_MOST = 6, SEARCH_CHARACTERS_MOST = 256 };

static bool
has_pod_network(const struct vmi_spec *spec)
{
	SCHEMA_EACH (struct network, n, &spec->networks)
		if (n->pod != NULL)
			return true;
	/* An instance without networks gets one. */
	return spec->networks.count == 0 && spec->domain->devices->interfaces.count == 0 &&
	    spec->domain->devices->autoattach_pod_interface != TRISTATE_FALSE;
}

/* G18, G19 */
static void
check_probe(const struct checking *c, const char *field, const struct probe *p)
{
	g_autofree char *http = g_strconcat(field, ".httpGet", NULL), *tcp = g_strconcat(field, ".tcpSocket", NULL);

	if (p == NULL)
		return;
	int count = (p->exec != NULL) + (p->http_get != NULL) + (p->tcp_socket != NULL) + (p->guest_agent_ping != NULL);
	if (count != 1)
		complain(c, count == 0 ? CAUSE_REQUIRED : CAUSE_INVALID, field, "needs one of exec, httpGet, tcpSocket, guestAgentPing");
	if ((p->http_get != NULL && g_strcmp0(p->http_get->port, "0") == 0) || (p->tcp_socket != NULL && g_strcmp0(p->tcp_socket->port, "0") == 0))
		advise(c, field, "has no port: it always fails");
	if (p->http_get != NULL && !has_pod_network(c->spec))
		complain(c, CAUSE_INVALID, http, "needs an interface on the default (pod) network");
	if (p->tcp_socket != NULL && !has_pod_network(c->spec))
		complain(c, CAUSE_INVALID, tcp, "needs an interface on the default (pod) network");
}

static bool
is_address(const char *text)
{
	unsigned char buffer[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, buffer) == 1 || inet_pton(AF_INET6, text, buffer) == 1;
}

/* G12 */
static void
check_nameservers(const struct checking *c, char **servers)
{
	size_t count = 0;

	for (; servers != NULL && servers[count] != NULL; count++) {
		g_autofree char *place = g_strdup_printf("dnsConfig.nameservers[%zu]", count);
		if (!is_address(servers[count]))
			complain_as(c, CAUSE_INVALID, "dnsConfig.nameservers", place, "\"%.60s\" is not an IP address", servers[count]);
	}
	if (count > NAMESERVERS_MOST)
		complain(c, CAUSE_INVALID, "dnsConfig.nameservers", "has %zu addresses: at most %d are allowed", count, NAMESERVERS_MOST);
}

/* G13: KubeVirt calls them searchDomains. */
static void
check_searches(const struct checking *c, char **searches)
{
	static const char *const field = "dnsConfig.searchDomains", *const place = "dnsConfig.searches";
	g_autofree char *all = searches == NULL ? g_strdup("") : g_strjoinv(" ", searches);
	struct error err = { 0 };
	size_t count = 0;

	for (; searches != NULL && searches[count] != NULL; count++) {
		g_autofree char *item = g_strdup_printf("%s[%zu]", place, count);
		if (check_dns_subdomain(searches[count], &err) != 0)
			complain_as(c, CAUSE_INVALID, field, item, "%s", err.text);
	}
	if (count > SEARCHES_MOST)
		complain_as(c, CAUSE_INVALID, field, place, "searches has %zu domains: at most %d are allowed", count, SEARCHES_MOST);
	if (strlen(all) > SEARCH_CHARACTERS_MOST)
		complain_as(c, CAUSE_INVALID, field, place, "searches has %zu characters: at most %d are allowed", strlen(all),
		    SEARCH_CHARACTERS_MOST);
}

/* G10 to G14 */
static void
check_dns(const struct checking *c)
{
	const struct dns_config *d = c->spec->dns_config;

	if (c->spec->dns_policy == DNS_NONE && d == NULL)
		complain_as(c, CAUSE_REQUIRED, "dnsConfig", "dnsPolicy", "is required with dnsPolicy: None");
	else if (c->spec->dns_policy == DNS_NONE && (d->nameservers == NULL || d->nameservers[0] == NULL))
		complain_as(c, CAUSE_REQUIRED, "dnsConfig.nameservers", "dnsConfig", "is required with dnsPolicy: None");
	if (d == NULL)
		return;
	check_nameservers(c, d->nameservers);
	check_searches(c, d->searches);
	SCHEMA_EACH (struct dns_option, o, &d->options)
		if (!is_text(o->name))
			complain(c, CAUSE_INVALID, "dnsConfig.options", "each option needs a name");
}

/* G8: pairs of topologyKey and whenUnsatisfiable */
static void
check_spread(const struct checking *c)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	size_t i = 0;

	SCHEMA_EACH (struct topology_spread, t, &c->spec->topology_spread_constraints) {
		g_autofree char *field = g_strdup_printf("topologySpreadConstraints[%zu]", i++);
		if (!g_hash_table_add(seen, g_strdup_printf("%s/%s", t->topology_key, t->when_unsatisfiable)))
			complain(c, CAUSE_DUPLICATE, field, "an earlier constraint has the same topologyKey and whenUnsatisfiable");
	}
}

/* KubeVirt leaves it to the pod. */
static void
check_selector(const struct checking *c)
{
	struct error err = { 0 };

	for (size_t i = 0; i < c->spec->node_selector.count; i++)
		if (check_label_name(c->spec->node_selector.entries[i].name, &err) != 0)
			advise(c, "nodeSelector", "%s: no host can have it", err.text);
}

/* G15 */
static void
check_account(const struct checking *c)
{
	const char *name = c->spec->service_account_name;

	SCHEMA_EACH (struct volume, v, &c->spec->volumes)
		if (is_text(name) && v->service_account != NULL && g_strcmp0(v->service_account->service_account_name, name) != 0)
			complain(c, CAUSE_INVALID, "serviceAccountName", "must be the one of the serviceAccount volume (%s)",
			    v->service_account->service_account_name == NULL ? "" : v->service_account->service_account_name);
}

void
check_pod(const struct checking *c)
{
	/* G5 */
	if (c->spec->start_strategy == START_PAUSED && c->spec->liveness_probe != NULL)
		complain(c, CAUSE_INVALID, "startStrategy", "a guest that waits does not answer: startStrategy and livenessProbe exclude each other");
	if (c->spec->termination_grace_period_seconds < 0)
		advise(c, "terminationGracePeriodSeconds", "is negative: the guest is cut off at once");
	check_probe(c, "readinessProbe", c->spec->readiness_probe);
	check_probe(c, "livenessProbe", c->spec->liveness_probe);
	check_dns(c);
	check_spread(c);
	check_selector(c);
	check_account(c);
}
