/* Does KVM serve?  /dev/kvm alone does not tell. */
#ifndef SOLOVIRT_VIRT_KVM_PROBE_H
#define SOLOVIRT_VIRT_KVM_PROBE_H

struct error;

/*
 * Runs two million steps of guest code through a KVM device (normally "/dev/kvm"), in a child process, against the
 * clock.  Hardware takes a few milliseconds; a KVM that emulates each instruction (a nested host without hardware help)
 * takes over half a second and would never bring a kernel up.  Three tries of 100 ms, so that a busy machine is not
 * misjudged.
 * Returns 0 when it serves, else -1 with one sentence why not.  Any thread; takes at most 0.4 s.
 */
int kvm_probe(const char *device, struct error *err);

#endif
