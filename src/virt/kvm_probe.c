/*
 * KVM probe; see kvm_probe.h.  The guest is one page of 64-bit code:
 *
 *     again: dec ecx            with paging on (one 2 MiB page maps itself), no interrupts, no devices
 *            jnz again
 *            hlt                which leaves the guest
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/error.h"
#include "src/virt/kvm_probe.h"

/* What a try ends with: the child's exit status. */
enum outcome { PROBE_SERVES, PROBE_NO_DEVICE, PROBE_NO_ACCESS, PROBE_FAILS, PROBE_STRAYS, PROBE_SLOW,
	PROBE_OTHER_MACHINE, PROBE_OUTCOMES };

enum { TRIES = 3, TRY_MS = 100 };

static const struct {
	int code;
	const char *why; /* behind "KVM is not used: " */
} outcomes[PROBE_OUTCOMES] = {
	[PROBE_SERVES] = { 0, "" },
	[PROBE_NO_DEVICE] = { ENOENT, "no /dev/kvm" },
	[PROBE_NO_ACCESS] = { EACCES, "/dev/kvm cannot be opened" },
	[PROBE_FAILS] = { EIO, "KVM cannot set up a virtual machine" },
	[PROBE_STRAYS] = { EIO, "guest code did not run as it should under KVM" },
	[PROBE_SLOW] = { ETIMEDOUT,
	    "KVM is there but too slow to serve: 2 million steps of guest code took more than 100 ms, "
	    "where hardware needs 1" },
	[PROBE_OTHER_MACHINE] = { ENOTSUP, "KVM is not probed on this architecture" },
};

#if defined(__x86_64__)
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

/* Guest memory: tables, then code at 0x4000; all inside the one page of 2 MiB that the tables map. */
enum { MEMORY = 2 << 20, PML4 = 0x1000, PDPT = 0x2000, PD = 0x3000, CODE = 0x4000, STEPS = 2000000 };
enum { PTE_PRESENT = 1, PTE_WRITABLE = 2, PTE_LARGE = 0x80 };
enum { CR0_PE = 1, CR4_PAE = 0x20, EFER_LME = 0x100, EFER_LMA = 0x400 };
#define CR0_PG 0x80000000u

static void
fill_memory(uint8_t *memory)
{
	static const uint8_t code[] = { 0xff, 0xc9, /* dec ecx */ 0x75, 0xfc, /* jnz -4 */ 0xf4 /* hlt */ };
	const uint64_t entries[][2] = {
		{ PML4, PDPT | PTE_PRESENT | PTE_WRITABLE },
		{ PDPT, PD | PTE_PRESENT | PTE_WRITABLE },
		{ PD, PTE_PRESENT | PTE_WRITABLE | PTE_LARGE },
	};

	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		memcpy(memory + entries[i][0], &entries[i][1], sizeof(uint64_t));
	memcpy(memory + CODE, code, sizeof(code));
}

static int
set_registers(int vcpu)
{
	const struct kvm_segment code = {
		.limit = 0xffffffff, .selector = 8, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1
	};
	const struct kvm_segment data = {
		.limit = 0xffffffff, .selector = 16, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1
	};
	struct kvm_regs registers = { .rip = CODE, .rcx = STEPS, .rflags = 2 };
	struct kvm_sregs special;

	if (ioctl(vcpu, KVM_GET_SREGS, &special) < 0)
		return -1;
	special.cs = code;
	special.ds = special.es = special.fs = special.gs = special.ss = data;
	special.cr3 = PML4;
	special.cr4 = CR4_PAE;
	special.cr0 = CR0_PE | CR0_PG;
	special.efer = EFER_LME | EFER_LMA;
	return ioctl(vcpu, KVM_SET_SREGS, &special) < 0 || ioctl(vcpu, KVM_SET_REGS, &registers) < 0 ? -1 : 0;
}

/* Makes a machine with one page of memory and a processor.  Returns the processor, *run its shared page; -1. */
static int
make_machine(int kvm, struct kvm_run **run)
{
	int machine = ioctl(kvm, KVM_CREATE_VM, 0), size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), vcpu;
	uint8_t *memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region region = { .memory_size = MEMORY, .userspace_addr = (uintptr_t)memory };

	if (machine < 0 || size < (int)sizeof(struct kvm_run) || memory == MAP_FAILED)
		return -1;
	fill_memory(memory);
	if (ioctl(machine, KVM_SET_USER_MEMORY_REGION, &region) < 0 || (vcpu = ioctl(machine, KVM_CREATE_VCPU, 0)) < 0)
		return -1;
	*run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	return *run == MAP_FAILED ? -1 : vcpu;
}

static void
on_alarm(int number)
{
	(void)number;
	_exit(PROBE_SLOW);
}

/* The clock runs over the guest's code only. */
static void
start_clock(void)
{
	const struct itimerval limit = { .it_value.tv_usec = TRY_MS * 1000 };
	sigset_t alarm_only;

	signal(SIGALRM, on_alarm);
	sigemptyset(&alarm_only);
	sigaddset(&alarm_only, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &alarm_only, NULL);
	setitimer(ITIMER_REAL, &limit, NULL);
}

/* In the child: other threads' locks may be held for ever, so only system calls here; its end takes all down. */
static enum outcome
try_guest(const char *device)
{
	int kvm = open(device, O_RDWR | O_CLOEXEC), vcpu;
	struct kvm_run *run = NULL;
	struct kvm_regs registers;

	if (kvm < 0)
		return errno == EACCES || errno == EPERM ? PROBE_NO_ACCESS : PROBE_NO_DEVICE;
	if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION || (vcpu = make_machine(kvm, &run)) < 0 ||
	    set_registers(vcpu) < 0)
		return PROBE_FAILS;
	start_clock();
	while (ioctl(vcpu, KVM_RUN, 0) < 0)
		if (errno != EINTR && errno != EAGAIN)
			return PROBE_FAILS;
	if (run->exit_reason != KVM_EXIT_HLT || ioctl(vcpu, KVM_GET_REGS, &registers) < 0 ||
	    (uint32_t)registers.rcx != 0)
		return PROBE_STRAYS;
	return PROBE_SERVES;
}
#else
static enum outcome
try_guest(const char *device)
{
	return access(device, F_OK) < 0 ? PROBE_NO_DEVICE : PROBE_OTHER_MACHINE;
}
#endif

static enum outcome
try_in_child(const char *device)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(try_guest(device));
	if (pid < 0)
		return PROBE_FAILS;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return PROBE_FAILS;
	if (!WIFEXITED(status) || WEXITSTATUS(status) >= PROBE_OUTCOMES)
		return PROBE_STRAYS;
	return (enum outcome)WEXITSTATUS(status);
}

int
kvm_probe(const char *device, struct error *err)
{
	enum outcome outcome = PROBE_SLOW;

	for (int i = 0; i < TRIES && outcome == PROBE_SLOW; i++)
		outcome = try_in_child(device);
	if (outcome == PROBE_SERVES)
		return 0;
	return error_set(err, outcomes[outcome].code, "%s", outcomes[outcome].why);
}
