/*
 * cpus-share: keeps guests that have no processors for themselves off those which others have.  Each can be repeated; what is
 * as it should be is left alone, so that a look from time to time costs little.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "src/base/cpuset.h"
#include "src/virt/host.h"

/* A set as libvirt has it. */
struct map {
	unsigned char bits[CPUSET_MOST / 8];
	int length; /* bytes */
};

static int
map_make(virConnectPtr connection, const char *text, struct map *map, struct error *err)
{
	int count = virNodeGetCPUMap(connection, NULL, NULL, 0);
	struct cpuset set;

	if (cpuset_parse(text, &set, err) < 0)
		return error_wrap(err, "\"%.40s\" ", text);
	if (count <= 0)
		return host_error(err, "cannot tell the host's processors");
	count = MIN(count, CPUSET_MOST);
	memset(map, 0, sizeof(*map));
	map->length = VIR_CPU_MAPLEN(count);
	for (int i = 0; i < count; i++)
		if (*text == '\0' || cpuset_has(&set, i))
			VIR_USE_CPU(map->bits, i);
	return 0;
}

static bool
is_same(const struct map *map, const unsigned char *bits)
{
	return memcmp(map->bits, bits, (size_t)map->length) == 0;
}

static int
share_emulator(virDomainPtr domain, struct map *map)
{
	g_autofree unsigned char *now = g_malloc0((size_t)map->length);

	if (virDomainGetEmulatorPinInfo(domain, now, map->length, VIR_DOMAIN_AFFECT_LIVE) >= 0 && is_same(map, now))
		return 0;
	return virDomainPinEmulator(domain, map->bits, map->length, VIR_DOMAIN_AFFECT_LIVE);
}

static int
share_vcpus(virDomainPtr domain, struct map *map)
{
	int count = virDomainGetVcpusFlags(domain, VIR_DOMAIN_AFFECT_LIVE);
	g_autofree unsigned char *now = g_malloc0((size_t)map->length * (size_t)MAX(count, 1));
	int known = count <= 0 ? 0 : virDomainGetVcpuPinInfo(domain, count, now, map->length, VIR_DOMAIN_AFFECT_LIVE);

	for (int i = 0; i < count; i++)
		if ((i >= known || !is_same(map, now + i * map->length)) &&
		    virDomainPinVcpuFlags(domain, (unsigned)i, map->bits, map->length, VIR_DOMAIN_AFFECT_LIVE) < 0)
			return -1;
	return count < 0 ? -1 : 0;
}

static int
share_threads(virDomainPtr domain, struct map *map)
{
	virDomainIOThreadInfoPtr *threads = NULL;
	int count = virDomainGetIOThreadInfo(domain, &threads, VIR_DOMAIN_AFFECT_LIVE), r = count < 0 ? -1 : 0;

	for (int i = 0; i < count; i++) {
		if (r == 0 && (threads[i]->cpumaplen != map->length || !is_same(map, threads[i]->cpumap)))
			r = virDomainPinIOThread(domain, threads[i]->iothread_id, map->bits, map->length, VIR_DOMAIN_AFFECT_LIVE);
		virDomainIOThreadInfoFree(threads[i]);
	}
	free(threads);
	return r;
}

/* One that stops meanwhile is of no interest. */
static int
share_domain(virDomainPtr domain, struct map *map, struct error *err)
{
	HOST_OWNER_AUTO owner = { 0 };

	if (host_owner_of(domain, &owner, err) < 0)
		return virDomainIsActive(domain) == 1 ? -1 : 0;
	if (owner.uid == NULL || json_array_size(json_object_get(owner.uses, "cpus")) > 0)
		return 0;
	if (share_emulator(domain, map) < 0 || share_vcpus(domain, map) < 0 || share_threads(domain, map) < 0) {
		host_error(err, "cannot pin domain %s", virDomainGetName(domain));
		return virDomainIsActive(domain) == 1 ? -1 : 0;
	}
	return 0;
}

/* All of them, whatever one of them answers; the first failure is told. */
static json_t *
run_share(struct host_call *call, struct error *err)
{
	virDomainPtr *domains = NULL;
	struct error why = { 0 };
	const char *text;
	struct map map;
	int count, failed = 0;

	if (host_args(call, err, "{s:s}", "cpus", &text) < 0 || map_make(call->connection, text, &map, err) < 0)
		return NULL;
	count = virConnectListAllDomains(call->connection, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
	if (count < 0) {
		host_error(err, "cannot list domains");
		return NULL;
	}
	for (int i = 0; i < count; i++) {
		if (share_domain(domains[i], &map, failed > 0 ? &why : err) < 0)
			failed++;
		virDomainFree(domains[i]);
	}
	free(domains);
	return failed > 0 ? NULL : json_object();
}

const struct host_verb host_cpus_verbs[] = {
	{ "cpus-share", run_share },
	{ NULL, NULL },
};
