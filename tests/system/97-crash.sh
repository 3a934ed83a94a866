# The daemon killed at any moment, and at any write, fsync, rename ...: afterwards all is as it was asked for.
# tests/crash/crash.py says what is compared; its points run on hosts of their own, two side by side. A failure prints
# the seed and the difference; CRASH_SEED=... runs the same again.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034

CRASH_SEED=${CRASH_SEED:-51}           # the same for everybody; "make crash" draws one
CRASH_POINTS=${CRASH_POINTS:-40}        # all lines together; "make crash POINTS=10000" goes further

points() {     # points KIND PERCENT
  ! daemon_alive || daemon_stop
  "$ROOT/tests/crash/crash.py" --build "$BUILD" --seed "$CRASH_SEED" --kills "$1" --points $((CRASH_POINTS * $2 / 100))
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
test_at_random_moments() { points random 25; }
test_at_the_nth_call() { points calls 50; }
test_again_while_it_starts() { points recovery 25; }
