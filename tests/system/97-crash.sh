# The daemon killed at any moment while a real guest boots and runs: it lives through it, on one disk that nobody else
# writes. ("make crash" kills at thousands of points and compares everything; tests/crash/crash.py says what.)
# shellcheck shell=bash disable=SC2016,SC2154,SC2034

starts() { host cat "/var/log/libvirt/qemu/$(domain "$1").log" | grep -c 'starting up libvirt version'; }
last_count() { console "$1" | sed -n 's/.*TB-READY .*boots=\([0-9]*\).*/\1/p' | tail -1; }

# Its file system lives through it, and it has booted exactly as often as libvirt says that it was started.
test_a_guest_counts_its_boots_through_kills() {
  local boot i
  vm count run=Always grace=0 | drop count.yaml
  for boot in 1 2 3; do
    [ $boot = 1 ] || sv restart count
    for i in 1 2 3 4; do
      read -rt 0.$((RANDOM % 10)) <> <(:) || true
      daemon_kill; daemon_start
    done
    booted count $boot 180
    running count
    same $boot "$(last_count count)"
    same $boot "$(starts count)"
  done
  lift count.yaml; gone vm/count
}
