# What does not fit waits, and its condition says why, with numbers.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034
CPU_OVERCOMMIT=1
RESERVED_CPUS=0,2-4095 # so that there is one to be had, whatever machine this is

# any device of this machine: it has no IOMMU to speak of, or the host needs it
CARD=$(cat /sys/bus/pci/devices/*/vendor | head -1) CARD=${CARD#0x}:$(cat /sys/bus/pci/devices/*/device | head -1 | cut -c 3-)
PERMITTED="permittedHostDevices:
  pciHostDevices:
    - {pciVendorSelector: '$CARD', resourceName: example.org/card}
  usb:
    - {resourceName: example.org/dongle, selectors: [{vendor: '0000', product: '0000'}]}"

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

# still NAME CPU: an instance that stands still before its first instruction
still() {
  printf 'apiVersion: kubevirt.io/v1\nkind: VirtualMachineInstance\nmetadata: {name: %s}\nspec:\n  startStrategy: Paused\n  terminationGracePeriodSeconds: 0\n  domain: {cpu: {cores: 1%s}, memory: {guest: 64Mi}, devices: {autoattachPodInterface: false}}\n' "$1" "$2"
}
own_cpus() { field "vmi/$1" '.status.grant.cpus[*].id'; }
pinned() { virsh_ vcpupin "$(domain "$1")" | awk '$1 == "0" {print $2}'; }
emulator() { virsh_ emulatorpin "$(domain "$1")" | awk 'END {print $NF}'; }
stands() { await 90 '[ "$(condition vmi/'"$1"' Paused)" = True ]'; }

test_a_machine_has_a_processor_for_itself() {
  still other '' | drop other.yaml
  stands other
  same "0-$(($(cores) - 1))" "$(pinned other)"
  still own ', dedicatedCpuPlacement: true' | drop own.yaml
  stands own
  same 1 "$(own_cpus own)"
  same 1 "$(pinned own)"
  same 1 "$(emulator own)" # QEMU's own threads stay there, too
}
test_the_others_are_kept_off_it() {
  await 20 '[ "$(pinned other)" = 0 ] || [ "$(pinned other)" = "0,2-$(($(cores) - 1))" ]'
  same "$(pinned other)" "$(emulator other)"
}
test_nobody_else_gets_it() {
  still next ', dedicatedCpuPlacement: true' | drop next.yaml
  await 60 'message vmi/next PodScheduled | grep -qF "Insufficient cpu for itself alone (wanted 1, free 0 of 1)"'
  daemon_kill
  daemon_start
  still last ', dedicatedCpuPlacement: true, isolateEmulatorThread: true' | drop last.yaml
  await 60 'message vmi/last PodScheduled | grep -qF "(wanted 2, free 0 of 1)"'
  same '' "$(own_cpus next)"
  same 1 "$(pinned own)"
}
test_it_is_given_on_when_its_guest_is_gone() {
  lift own.yaml; lift last.yaml; gone vmi/own
  stands next
  same 1 "$(pinned next)"
  lift next.yaml; gone vmi/next
}
test_the_others_get_it_back() {
  await 20 '[ "$(pinned other)" = "0-$(($(cores) - 1))" ]'
  lift other.yaml; gone vmi/other
}
test_a_device_that_no_host_has_is_waited_for() {
  still device '' | sed 's/devices: {/&hostDevices: [{name: d, deviceName: example.org\/dongle}], /' | drop device.yaml
  await 60 'message vmi/device PodScheduled | grep -qF "Insufficient example.org/dongle (wanted 1, free 0 of 0)"'
  lift device.yaml; gone vmi/device
}
test_a_device_that_is_not_permitted_is_refused() {
  still device '' | sed 's/devices: {/&gpus: [{name: d, deviceName: example.org\/cart}], /' | drop device.yaml
  await 20 'status_file device.yaml | grep -qF "\"example.org/cart\" is not permitted: permittedHostDevices of the configuration has example.org/card, example.org/dongle"'
  lift device.yaml
}
test_a_device_without_iommu_is_told_of() {
  [ ! -e /sys/bus/pci/devices/0000:00:00.0/iommu_group ] || return 0
  await 20 'sv events | grep DeviceNotUsable | grep -qF "example.org/card at 0000:00:00.0 cannot be handed to guests: it has no IOMMU group"'
}
