# A machine is edited while it runs: disks, media, processors, memory, network cards and links change at once, the rest says that
# it waits for a restart; and its memory is written to a claim.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034

CPU_OVERCOMMIT=3
MANY=$((3 * $(nproc) + 1)) # processors: one more than the host may promise

# The guest tells what it has whenever that changes.
WATCH='sh -c "while :; do n=\$(echo TB-HAS \$(ls /sys/block) cpus \$(cat /sys/devices/system/cpu/present) memory \$(grep MemTotal /proc/meminfo | tr -dc 0-9) nics \$(ls /sys/class/net)); test \"\$n\" = \"\$o\" || echo \$n >/dev/console; o=\$n; sleep 1; done" &'

blank() { printf 'apiVersion: cdi.kubevirt.io/v1beta1\nkind: DataVolume\nmetadata: {name: %s}\nspec: {source: {blank: {}}, storage: {resources: {requests: {storage: 64Mi}}}}\n' "$1"; }
has() { await "${2:-90}" "console live | grep TB-HAS | tail -1 | grep -qE '$1'"; }
has_not() { await "${2:-90}" "! console live | grep TB-HAS | tail -1 | grep -qE '$1'"; }
# in the file of the machine
volume() { edit live.yaml "s/^      volumes:/&\n        - {name: $1, dataVolume: {name: $2, hotpluggable: true}}/"; }
plug() {
  host sed "s/^      volumes:/&\n        - {name: $1, dataVolume: {name: $2, hotpluggable: true}}/;s/^          interfaces:/            - {name: $1, disk: {bus: $3}}\n&/" \
    "$S/spool/live.yaml" | drop live.yaml
}
# card [STATE]: the file of the machine gets a second card, in this state
card() { edit live.yaml '/name: lan/d;s/^          interfaces:/&\n            - {name: lan, bridge: {}, state: '"${1:-up}"'}/;s/^      networks:/&\n        - {name: lan, multus: {networkName: lan}}/'; }
card_of() { field vmi/live ".status.interfaces[?(@.name==\"$1\")].$2"; }
dump_phase() { field vm/live .status.memoryDumpRequest.phase; }
volume_phase() { field vmi/live ".status.volumeStatus[?(@.name==\"$1\")].phase"; }
disks() { virsh_ domblklist "$(domain live)"; }
synced() { await 60 '[ "$(field vm/live .metadata.generation)" = "$(field vm/live .status.observedGeneration)" ]'; }
restart_required() { message vm/live RestartRequired; }

setup() {
  printf '%s\n' 'apiVersion: k8s.cni.cncf.io/v1' 'kind: NetworkAttachmentDefinition' 'metadata: {name: lan}' \
    "spec: {config: '{\"type\": \"libvirt\", \"network\": \"solovirt\"}'}" | drop lan.yaml
  local n; for n in one two medium; do blank "$n" | drop "$n.yaml"; done
  vm live memory=1Gi grace=0 disks='            - {name: tray, cdrom: {bus: sata}}' user="$WATCH" |
    sed 's/cpu: {cores: 1}/cpu: {sockets: 1, cores: 1, threads: 1, maxSockets: '"$MANY"'}/;s/guest: 1Gi/&, maxGuest: 2Gi/;s/masquerade: {}/&, state: up/' | drop live.yaml
  booted live 1 180
  has 'vda vdb cpus 0 '
}

test_a_disk_is_plugged_in() {
  plug more one scsi
  await 60 '[ "$(volume_phase more)" = Ready ]'
  has ' sda .*cpus'
  expect 'disks | grep -q "$(field pvc/one .spec.volumeName)"'
  expect 'sv events | grep -q "Successfully attach hotplugged volume more to VM"'
  synced
  same '' "$(restart_required)"
  expect 'virsh_ metadata "$(domain live)" https://solovirt.io/domain/1 | grep -q "name=.one."'
}

test_the_disk_is_gone_after_its_removal() {
  edit live.yaml '/name: more/d'
  await 60 '[ -z "$(volume_phase more)" ]'
  has_not ' sda '
  refute 'disks | grep -q "$(field pvc/one .spec.volumeName)"'
  refute 'virsh_ metadata "$(domain live)" https://solovirt.io/domain/1 | grep -q "name=.one."'
  same '' "$(restart_required)"
}

test_a_daemon_that_was_killed_goes_on() {
  plug other two virtio
  daemon_kill
  daemon_start
  await 60 '[ "$(volume_phase other)" = Ready ]'
  has ' vdc .*cpus'
  daemon_kill
  edit live.yaml '/name: other/d'
  daemon_start
  await 60 '[ -z "$(volume_phase other)" ]'
  has_not ' vdc '
}

test_a_disk_waits_until_there_is_one() {
  plug late three scsi
  await 60 '[ "$(volume_phase late)" = Pending ]'
  blank three | drop three.yaml
  await 60 '[ "$(volume_phase late)" = Ready ]'
  edit live.yaml '/name: late/d'
  await 60 '[ -z "$(volume_phase late)" ]'
}

test_a_medium_is_changed() {
  volume tray medium
  await 60 '[ "$(volume_phase tray)" = Ready ]'
  expect 'disks | grep -q "$(field pvc/medium .spec.volumeName)"'
  edit live.yaml '/name: tray, dataVolume/d'
  await 60 '[ -z "$(volume_phase tray)" ]'
  refute 'disks | grep -q "$(field pvc/medium .spec.volumeName)"'
  same '' "$(restart_required)"
}

test_what_cannot_be_plugged_in_needs_a_restart() {
  plug wrong one 'virtio, pciAddress: "0000:00:1f.0"'
  await 60 'restart_required | grep -q "cannot plug disk wrong"'
  same FailedHotplugSync "$(reason vmi/live Synchronized)"
  same Pending "$(volume_phase wrong)"
  edit live.yaml '/name: wrong/d'
  await 60 '[ -z "$(restart_required)" ] && [ -z "$(reason vmi/live Synchronized)" ] && [ -z "$(volume_phase wrong)" ]'
}

test_processors_are_plugged_in() {
  edit live.yaml 's/sockets: 1,/sockets: 3,/'
  await 60 '[ "$(virsh_ vcpucount "$(domain live)" --live --active)" = 3 ]'
  has 'cpus 0-2'
  await 60 '[ "$(field vmi/live .status.currentCPUTopology.sockets)" = 3 ] && [ -z "$(condition vmi/live HotVCPUChange)" ]'
  synced
  same '' "$(restart_required)"
}

test_a_host_does_not_promise_more_than_it_has() {
  edit live.yaml "s/sockets: 3,/sockets: $MANY,/"
  await 60 'restart_required | grep -q "has no room for a larger guest"'
  same 3 "$(virsh_ vcpucount "$(domain live)" --live --active)"
  edit live.yaml "s/sockets: $MANY,/sockets: 3,/"
  await 60 '[ -z "$(restart_required)" ]'
}

test_memory_is_written_to_a_claim() {
  expect 'sv memory-dump get live --claim-name=one 2>&1 | grep -q "a memory dump needs"'
  sv memory-dump get live --claim-name=dump --create-claim
  await 120 '[ "$(dump_phase)" = Completed ]'
  same 'ELF' "$(host head -c 4 "$(volume_of dump)" | tr -dc A-Z)"
  same "$(field pvc/dump .status.capacity.storage)" "$(($(host stat -c %s "$(volume_of dump)") >> 20))Mi"
  await 20 '[ "$(volume_phase dump)" = MemoryDumpCompleted ]'
  exits 1 sv memory-dump download live
  sv memory-dump remove live
  await 60 '[ -z "$(volume_phase dump)" ] && [ -z "$(dump_phase)" ]'
  same '' "$(restart_required)"
  running live
}

test_memory_is_plugged_in() {
  edit live.yaml 's/guest: 1Gi/guest: 1536Mi/'
  has 'memory 1[45]' 120
  await 60 '[ "$(field vmi/live .status.memory.guestCurrent)" = 1536Mi ] && [ -z "$(condition vmi/live HotMemoryChange)" ]'
  same 1Gi "$(field vmi/live .status.memory.guestAtBoot)"
  same '' "$(restart_required)"
}

test_a_link_goes_down_and_up() {
  local device; device=$(virsh_ domiflist "$(domain live)" | awk '/network/ {print $1}')
  edit live.yaml 's/state: up/state: down/'
  await 60 'virsh_ domif-getlink "$(domain live)" '"$device"' | grep -q down'
  await 60 '[ "$(field vmi/live ".status.interfaces[0].linkState")" = down ]'
  edit live.yaml 's/state: down/state: up/'
  await 60 'virsh_ domif-getlink "$(domain live)" '"$device"' | grep -q up'
}

test_a_card_is_plugged_in_and_out() {
  card
  await 60 '[ -n "$(card_of lan ipAddress)" ]'
  local ip mac; ip=$(card_of lan ipAddress) mac=$(card_of lan mac)
  has 'nics eth0 eth1'
  shows live "TB-IP eth1 $ip/"
  expect 'virsh_ domiflist "$(domain live)" | grep -q "$(card_of lan mac)"'
  expect 'virsh_ metadata "$(domain live)" https://solovirt.io/domain/1 | grep -q "name=.lan."'
  expect 'dhcp_entries | grep -q '"${mac}_$ip"
  same '' "$(restart_required)"
  daemon_kill
  card absent
  daemon_start
  await 60 '[ -z "$(card_of lan mac)" ]'
  has_not 'nics eth0 eth1'
  refute 'virsh_ domiflist "$(domain live)" | grep -q '"$mac"
  await 20 '! dhcp_entries | grep -q '"${mac}_$ip"
  same '' "$(restart_required)"
  card
  await 60 '[ "$(card_of lan ipAddress)" = '"$ip"' ]'
  card absent
  await 60 '[ -z "$(card_of lan mac)" ]'
  edit live.yaml '/name: lan/d'
  synced
  same '' "$(restart_required)$(field vmi/live '.spec.networks[?(@.name=="lan")].name')"
}

test_the_card_of_the_default_network_needs_a_restart() {
  edit live.yaml 's/masquerade: {}, state: up/masquerade: {}, state: up, model: e1000/'
  await 60 'restart_required | grep -q "interfaces\[0\].model"'
  edit live.yaml 's/, model: e1000//'
  await 60 '[ -z "$(restart_required)" ]'
}

test_volumes_come_and_go_by_request() {
  exits 3 sv addvolume live --volume-name=none
  sv addvolume live --volume-name=one --dry-run
  same '' "$(volume_phase one)"
  sv addvolume live --volume-name=one --serial=ONE
  await 60 '[ "$(volume_phase one)" = Ready ]'
  same ONE "$(field vm/live '.spec.template.spec.domain.devices.disks[?(@.name=="one")].serial')"
  expect 'sv addvolume live --volume-name=one 2>&1 | grep -q "Unable to add volume \[one\] because volume with that name already exists"'
  expect 'sv removevolume live --volume-name=root 2>&1 | grep -q "Unable to remove volume \[root\] because it is not hotpluggable"'
  edit live.yaml 's/^      labels: {app: live/&, edited: yes1/' # what was added by request stays
  await 60 '[ "$(field vmi/live .metadata.labels.edited)" = yes1 ]'
  same Ready "$(volume_phase one)"
  edit live.yaml 's/, edited: yes1//'
  sv removevolume live --volume-name=one
  await 60 '[ -z "$(volume_phase one)" ]'
  same '' "$(restart_required)"
}

test_labels_follow() {
  edit live.yaml 's/^      labels: {app: live}/      labels: {app: live, more: yes1}/'
  await 60 '[ "$(field vmi/live .metadata.labels.more)" = yes1 ]'
}

test_the_rest_waits_for_a_restart() {
  local uid; uid=$(field vmi/live .metadata.uid)
  edit live.yaml 's/sockets: 3,/sockets: 1,/'
  await 60 'restart_required | grep -q "Reduction of CPU socket count requires a restart"'
  same 3 "$(virsh_ vcpucount "$(domain live)" --live --active)"
  same "$uid" "$(field vmi/live .metadata.uid)"
  edit live.yaml 's/sockets: 1,/sockets: 3,/;s/^      terminationGracePeriodSeconds: 0/      terminationGracePeriodSeconds: 1/'
  await 60 'restart_required | grep -q "non-live-updatable field was changed in the template spec: terminationGracePeriodSeconds"'
  sv restart live
  await 120 '[ "$(field vmi/live .metadata.uid)" != '"$uid"' ] && [ "$(phase live)" = Running ] && [ -z "$(restart_required)" ]'
  same 3 "$(virsh_ vcpucount "$(domain live)" --live --active)"
}
