# The daemon killed at any moment: at a thousand points everything agrees again with what was asked for, and a real guest
# lives through it, on one disk that nobody else writes. ("make crash POINTS=10000" goes on; tests/crash/crash.py says what
# a point is and what is compared.)
# shellcheck shell=bash disable=SC2016,SC2154,SC2034

# Files come, change and go, machines start, stop and are deleted, images are imported, while the daemon is killed at
# random moments, at its n-th write, rename, fsync ..., at the n-th call of its worker, and again while it starts. After
# each kill spool, store, libvirt, disks, seed media, DHCP entries, ledger, files and processes must be what they should be.
# On hosts of its own, three at a time (10 minutes for two cores); a line of progress now and then goes to who waits for it.
test_a_thousand_crash_points_agree() {
  local rc=0
  "$ROOT/tests/crash/crash.py" --build "$BUILD" --seed "${CRASH_SEED:-1}" --points "${CRASH_POINTS:-1000}" --beds "${CRASH_BEDS:-3}" 2>&1 |
    tee "$WORK/crash.log" | { grep --line-buffered ' a second$' >&3 || true; } || rc=$?
  # what differs comes last, where a failure is shown
  grep -E '^  \|' "$WORK/crash.log" | tail -n 12 || true
  grep -vE '^  \|| a second$' "$WORK/crash.log" | tail -n 20
  return "$rc"
}

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
