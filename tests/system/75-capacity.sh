# What does not fit waits, and its condition says why, with numbers.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034
CPU_OVERCOMMIT=1

cores() { field "node/${P}1" .status.capacity.cpu; }
blocked() { await 60 "message vmi/$1 PodScheduled | grep -qiE '$2' || message vm/$1 Ready | grep -qiE '$2' || sv describe vm/$1 | grep -qiE '$2'"; }

setup() { await 20 '[ -n "$(cores)" ]'; }

test_too_much_memory_waits_and_says_the_numbers() {
  vm fat memory=900Gi | drop fat.yaml
  becomes fat ErrorUnschedulable 90
  blocked fat 'memory.*900'
  refute '[ "$(phase fat)" = Running ]'
  await 10 'sv spool | grep -F fat.yaml'
  await 10 'status_file fat.yaml | grep -q Unschedulable'
}
test_a_smaller_demand_is_then_placed() {
  edit fat.yaml 's/guest: 900Gi/guest: 96Mi/'
  running fat 90
  lift fat.yaml; gone vm/fat
}
test_cores_are_counted_with_the_overcommit_ratio() {
  local n; n=$(cores)
  vm full cores="$n" memory=128Mi | drop full.yaml
  running full 120
  vm more cores=1 | drop more.yaml
  becomes more ErrorUnschedulable 90
  blocked more "cpu.*$n"
}
test_it_starts_as_soon_as_there_is_room() {
  lift full.yaml; gone vm/full
  running more 60
  lift more.yaml; gone vm/more
}
test_node_shows_capacity_and_allocatable() {
  expect '[ "$(cores)" -ge 1 ]'
  expect 'sv get node ${P}1 -o wide'
  expect 'sv describe node ${P}1 | grep -qi memory'
}
test_a_full_pool_refuses_an_import_that_cannot_fit() {
  dv vast guest.qcow2 900Ti | drop vast.yaml
  await 30 'sv describe dv/vast | grep -qiE "space|fit|room|free"'
  refute '[ "$(field dv/vast .status.phase)" = Succeeded ]'
  lift vast.yaml; gone dv/vast
}
