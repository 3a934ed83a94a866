/*
 * Decisions without I/O under random events; the first byte of an input chooses one.  Each is carried out on a small
 * model of what it decides about, which says what may never happen, and what must have come about when events stop.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "daemon/controllers/vm_plan.h"
#include "net/ledger.h"
#include "scheduler/scheduler.h"
#include "src/base/error.h"
#include "tests/fuzz/fuzz.h"

/* --- run strategies --------------------------------------------------------------------------------------------------- */

enum { SETTLE_STEPS = 12 };

/* Never two instances, none deleted twice; a request is carried out at most once. */
static enum vm_action
vm_step(struct vm_situation *vm)
{
	enum vm_action action = vm_plan(vm);

	vm->seen = vm->strategy;
	if (action == VM_START) {
		fuzz_check(!vm->exists);
		vm->exists = true;
		vm->deleting = false;
		vm->phase = VMI_PENDING;
		vm->request = vm->request == STATE_CHANGE_START ? STATE_CHANGE_UNSET : vm->request;
	} else if (action != VM_KEEP) {
		fuzz_check(vm->exists && !vm->deleting);
		vm->deleting = true;
		if (action == VM_STOP_AND_REQUEST)
			vm->request = STATE_CHANGE_START;
	}
	return action;
}

/* What the host does by itself. */
static void
vm_world(struct vm_situation *vm)
{
	if (vm->exists && vm->deleting) {
		*vm = (struct vm_situation){ vm->strategy, vm->seen,
			vm->request == STATE_CHANGE_STOP ? STATE_CHANGE_UNSET : vm->request, false, false, VMI_UNSET };
	} else if (vm->exists && vm->phase < VMI_RUNNING) {
		vm->phase++;
	}
}

static void
vm_event(struct vm_situation *vm, struct bytes *input)
{
	static const enum vmi_phase ends[] = { VMI_SUCCEEDED, VMI_FAILED };
	unsigned what = bytes_below(input, 6);

	if (what == 0)
		vm->strategy = bytes_below(input, RUN_ONCE + 1);
	else if (what == 1)
		vm->request = STATE_CHANGE_START;
	else if (what == 2)
		vm->request = vm->exists ? STATE_CHANGE_STOP : vm->request;
	else if (what == 3 && vm->exists)
		vm->phase = ends[bytes_below(input, 2)];
	else if (what == 4 && vm->exists)
		vm->deleting = true;
	else
		vm_world(vm);
}

static bool
vm_is_as_wanted(const struct vm_situation *vm)
{
	bool final = vm->phase == VMI_SUCCEEDED || vm->phase == VMI_FAILED;

	switch (vm->strategy) {
	case RUN_ALWAYS:
		return vm->exists && !final;
	case RUN_ONCE:
		return vm->exists;
	case RUN_UNSET:
	case RUN_HALTED:
		return !vm->exists;
	case RUN_RERUN_ON_FAILURE:
	case RUN_MANUAL:
	default:
		return !vm->exists || !vm->deleting;
	}
}

static void
fuzz_vm(struct bytes *input)
{
	struct vm_situation vm = { 0 };
	unsigned steps = 0;

	while (input->left > 0) {
		vm_event(&vm, input);
		vm_step(&vm);
	}
	/* Events stop: soon nothing is left to do. */
	for (bool quiet = false; !quiet; steps++) {
		struct vm_situation before = vm;
		quiet = vm_step(&vm) == VM_KEEP;
		vm_world(&vm);
		quiet = quiet && memcmp(&before, &vm, sizeof(vm)) == 0;
		fuzz_check(steps < SETTLE_STEPS);
	}
	fuzz_check(vm_is_as_wanted(&vm));
}

/* --- hosts ------------------------------------------------------------------------------------------------------------ */

enum { HOSTS = 6, LABELS = 3 };
static const char *const host_names[HOSTS] = { "a", "b", "c", "d", "e", "f" };
static const char *const label_names[LABELS] = { "zone", "kind", "disk" };
static const char *const label_values[] = { "", "x", "y" };

/* Up to 2^56: bytes of a host, and of many. */
static int64_t
amount_of(struct bytes *input)
{
	return (int64_t)bytes_take(input) << bytes_below(input, 49);
}

static size_t
labels_of(struct bytes *input, struct scheduler_label labels[LABELS])
{
	size_t count = bytes_below(input, LABELS + 1);

	for (size_t i = 0; i < count; i++)
		labels[i] = (struct scheduler_label){ label_names[i], label_values[bytes_below(input, 3)] };
	return count;
}

static bool
host_fits(const struct scheduler_host *host, const struct scheduler_demand *demand)
{
	for (size_t i = 0; i < demand->selector_count; i++) {
		bool same = false;
		for (size_t j = 0; j < host->label_count; j++)
			same = same || (strcmp(host->labels[j].name, demand->selector[i].name) == 0 &&
			                   strcmp(host->labels[j].value, demand->selector[i].value) == 0);
		if (!same)
			return false;
	}
	return host->ready && host->schedulable && (demand->pinned == NULL || strcmp(demand->pinned, host->name) == 0) &&
	    demand->cpu <= host->cpu - host->cpu_used && demand->memory <= host->memory - host->memory_used;
}

/* The chosen one fits; none is refused that fits; the order in which hosts are told decides nothing. */
static void
fuzz_scheduler(struct bytes *input)
{
	struct scheduler_host hosts[HOSTS], turned[HOSTS];
	struct scheduler_label labels[HOSTS + 1][LABELS];
	struct scheduler_demand demand = { .cpu = amount_of(input), .memory = amount_of(input), .selector = labels[HOSTS] };
	size_t count = bytes_below(input, HOSTS + 1), fitting = 0, size = 1 + bytes_below(input, 200);
	g_autofree char *why = g_malloc0(size);
	int chosen, again;

	demand.selector_count = labels_of(input, labels[HOSTS]);
	demand.pinned = bytes_below(input, 2) == 0 ? NULL : host_names[bytes_below(input, HOSTS)];
	for (size_t i = 0; i < count; i++) {
		hosts[i] = (struct scheduler_host){ .name = host_names[i], .ready = bytes_below(input, 4) != 0,
			.schedulable = bytes_below(input, 4) != 0, .cpu = amount_of(input), .memory = amount_of(input),
			.cpu_used = amount_of(input), .memory_used = amount_of(input), .labels = labels[i] };
		hosts[i].label_count = labels_of(input, labels[i]);
		turned[count - 1 - i] = hosts[i];
		fitting += host_fits(&hosts[i], &demand);
	}
	chosen = scheduler_choose(hosts, count, &demand, why, size);
	fuzz_check((chosen >= 0) == (fitting > 0) && chosen < (int)count);
	fuzz_check(chosen < 0 || host_fits(&hosts[chosen], &demand));
	fuzz_check(chosen >= 0 || (strlen(why) < size && (size < 2 || *why != '\0')));
	again = scheduler_choose(turned, count, &demand, why, size);
	fuzz_check(chosen < 0 ? again < 0 : strcmp(turned[again].name, hosts[chosen].name) == 0);
}

/* --- addresses ---------------------------------------------------------------------------------------------------------- */

enum { OWNERS = 12, MACS = 4 };
static const char *const subnets[] = { "10.0.0.0/30", "10.0.0.0/29", "10.0.0.4/30", "192.168.0.0/24" };

struct lease {
	char owner[16];
	struct ledger_choice given;
	int64_t released;
};
struct ledger {
	struct subnet subnet;
	struct lease leases[OWNERS];
	size_t count;
	int64_t now;
};

static bool
is_for_guests(const struct subnet *subnet, const char *text)
{
	const struct subnet_family *f = &subnet->families[IPV4];
	enum ip_family family;
	ip_number ip;

	fuzz_check(number_parse(text, &family, &ip) && family == IPV4);
	return ip > f->network && ip != f->gateway && ip < f->network + ((ip_number)1 << (32 - f->prefix)) - 1;
}

static void
forget_lease(struct ledger *ledger, size_t at)
{
	ledger->leases[at] = ledger->leases[--ledger->count];
}

static size_t
find_lease(const struct ledger *ledger, const char *owner)
{
	size_t at = 0;

	while (at < ledger->count && strcmp(ledger->leases[at].owner, owner) != 0)
		at++;
	return at;
}

static uint32_t
count_in_use(const struct ledger *ledger)
{
	uint32_t count = 0;

	for (size_t i = 0; i < ledger->count; i++)
		count += ledger->leases[i].released == 0 && is_for_guests(&ledger->subnet, ledger->leases[i].given.ips[IPV4]);
	return count;
}

static bool
is_mac_in_use(const struct ledger *ledger, const char *mac)
{
	for (size_t i = 0; i < ledger->count; i++)
		if (ledger->leases[i].released == 0 && strcmp(ledger->leases[i].given.mac, mac) == 0)
			return true;
	return false;
}

/* Only what was released makes room; the last one moves to where one goes, so the later position is first. */
static void
recycle(struct ledger *ledger, const struct ledger_choice *given)
{
	int first = MAX(given->recycle[0], given->recycle[1]), second = MIN(given->recycle[0], given->recycle[1]);

	fuzz_check(first < (int)ledger->count && (first < 0 || first != second));
	fuzz_check(first < 0 || ledger->leases[first].released != 0);
	fuzz_check(second < 0 || ledger->leases[second].released != 0);
	if (first >= 0)
		forget_lease(ledger, (size_t)first);
	if (second >= 0)
		forget_lease(ledger, (size_t)second);
}

/* Never an address or a MAC that somebody has, never one that no guest can have; refused only when there is none. */
static void
give(struct ledger *ledger, const char *owner, const char *mac)
{
	struct ledger_entry entries[OWNERS];
	struct lease lease = { 0 };
	struct ledger_wish wish = { .owner = owner, .mac = mac };
	struct error err = { 0 };

	for (size_t i = 0; i < ledger->count; i++) {
		const struct lease *l = &ledger->leases[i];
		entries[i] = (struct ledger_entry){ l->owner, l->given.ips[IPV4], l->given.mac, l->released, NULL };
	}
	if (ledger_choose(&ledger->subnet, entries, ledger->count, &wish, &lease.given, &err) != 0) {
		fuzz_check(err.code == EEXIST ? mac != NULL && is_mac_in_use(ledger, mac)
		                              : err.code == ENOSPC && count_in_use(ledger) == subnet_guests(&ledger->subnet.families[IPV4]));
		return;
	}
	recycle(ledger, &lease.given);
	fuzz_check(is_for_guests(&ledger->subnet, lease.given.ips[IPV4]));
	fuzz_check(mac == NULL || strcmp(mac, lease.given.mac) == 0);
	for (size_t i = 0; i < ledger->count; i++)
		fuzz_check(strcmp(ledger->leases[i].given.ips[IPV4], lease.given.ips[IPV4]) != 0 &&
		    strcmp(ledger->leases[i].given.mac, lease.given.mac) != 0);
	g_strlcpy(lease.owner, owner, sizeof(lease.owner));
	ledger->leases[ledger->count++] = lease;
}

static void
fuzz_ledger(struct bytes *input)
{
	struct ledger ledger = { .now = 1 };
	struct error err = { 0 };

	fuzz_check(subnet_parse(subnets[bytes_below(input, G_N_ELEMENTS(subnets))], &ledger.subnet, &err) == 0);
	while (input->left > 0) {
		unsigned what = bytes_below(input, 8), number = bytes_below(input, OWNERS);
		g_autofree char *owner = g_strdup_printf("ns/%u/net", number);
		g_autofree char *mac = g_strdup_printf("52:54:00:00:00:0%u", number % MACS);
		size_t at = find_lease(&ledger, owner);
		ledger.now++;
		if (what == 7)
			subnet_parse(subnets[number % G_N_ELEMENTS(subnets)], &ledger.subnet, &err);
		else if (what == 6 && at < ledger.count)
			forget_lease(&ledger, at);
		else if (what >= 4 && at < ledger.count)
			ledger.leases[at].released = ledger.now;
		else if (at == ledger.count && ledger.count < OWNERS)
			give(&ledger, owner, what < 2 ? mac : NULL);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const machines[])(struct bytes *) = { fuzz_vm, fuzz_scheduler, fuzz_ledger };
	struct bytes input = { data, MIN(size, 400) };

	machines[bytes_below(&input, G_N_ELEMENTS(machines))](&input);
	return 0;
}
