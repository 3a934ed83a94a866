# What the README promises first: ./bootstrap demo, and its end.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034

demo() { host env SOLOVIRT_DEMO="$S/demo" SOLOVIRT_BUILD="$BUILD" SOLOVIRT_GUEST="$GUEST" timeout 500 "$ROOT/bootstrap" demo "$@"; }

# two daemons would each take the other's domains for strays
setup() { daemon_stop; }

test_demo_ends_with_a_running_machine_and_its_console() {
  demo >"$WORK/demo.out" 2>&1 || { cat "$WORK/demo.out"; return 1; }
  expect 'grep -q "demo-root: ImportInProgress .*%" "$WORK/demo.out"'
  expect 'grep -q "Hello from the user data of demo" "$WORK/demo.out"'
  expect 'grep -qE "demo .*Running" "$WORK/demo.out"'
  expect 'grep -q "bootstrap demo --down" "$WORK/demo.out"'
  expect '[ "$(domain_state demo)" = running ]'
}
test_down_takes_everything_away() {
  demo --down
  refute 'host test -e "$S/demo"'
  expect '[ -z "$(virsh_ list --all --name)" ]'
  refute 'virsh_ net-info solovirt-demo'
  refute 'virsh_ pool-info solovirt-demo'
  expect 'virsh_ version'      # the host's own libvirtd is not the demo's to end
  daemon_start
}
