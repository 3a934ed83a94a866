# Machines by instancetype and preference, and many of one kind: replica sets and pools. Guests wait at their first instruction.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034

# What the domain of an instance says at an XPath.
says() { host virsh dumpxml "default_$1" | python3 -c "
import sys, xml.etree.ElementTree as tree
found = tree.parse(sys.stdin).getroot().find(sys.argv[1])
print('' if found is None else found.get(sys.argv[2]) if len(sys.argv) > 2 else found.text)" "${@:2}"; }
count_of() { sv get "$1" -l "$2" -o name | grep -c .; }
ready_of() { sv get "$1" "$2" -o 'jsonpath={.status.readyReplicas}'; }

sized() {
  cat <<EOV
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {name: $1}
spec:
  runStrategy: Always
  instancetype: {name: $2}
  preference: {kind: VirtualMachinePreference, name: old}
  template:
    spec:
      startStrategy: Paused
      terminationGracePeriodSeconds: 0
      domain: {devices: {}}
      volumes: [{name: scratch, emptyDisk: {capacity: 8Mi}}]
EOV
}

instancetype() {
  cat <<EOV
apiVersion: instancetype.kubevirt.io/v1beta1
kind: VirtualMachineClusterInstancetype
metadata: {name: $1}
spec: {cpu: {guest: $2}, memory: {guest: 64Mi}}
EOV
}

preference() {
  cat <<'EOV'
apiVersion: instancetype.kubevirt.io/v1beta1
kind: VirtualMachinePreference
metadata: {name: old}
spec:
  cpu: {preferredCPUTopology: cores}
  devices: {preferredDiskBus: scsi, preferredInterfaceModel: e1000e}
EOV
}

# It waits for its size, takes it, and keeps the one that it took when the instancetype changes.
test_a_machine_takes_its_size_from_an_instancetype() {
  preference | drop preference.yaml
  sized sized tiny | drop sized.yaml
  await 30 'sv get vm sized -o yaml | grep -q "VirtualMachineClusterInstancetype \"tiny\" is not there"'
  instancetype tiny 2 | drop tiny.yaml
  becomes sized Paused
  same 2 "$(says sized cpu/topology cores)"
  same 65536 "$(says sized currentMemory)"
  same scsi "$(says sized devices/disk/target bus)"
  same e1000e "$(says sized devices/interface/model type)"
  instancetype tiny 1 | drop tiny.yaml
  await 30 '[ "$(sv get vmcf tiny -o jsonpath={.spec.cpu.guest})" = 1 ]'
  sv restart sized
  becomes sized Paused
  same 2 "$(says sized cpu/topology cores)"
  lift sized.yaml; gone vm/sized
  lift tiny.yaml; lift preference.yaml
}

test_a_field_that_the_instancetype_sets_is_refused() {
  instancetype tiny 1 | drop tiny.yaml
  await 30 'sv get vmcf tiny'
  sized twice tiny | sed '/preference:/d; s/domain: {/domain: {cpu: {cores: 1}, /' >"$WORK/twice.yaml"
  ! sv apply -f - <"$WORK/twice.yaml" 2>"$WORK/said"
  grep -q 'domain.cpu.cores: is set by the instancetype' "$WORK/said"
  lift tiny.yaml
}

replica_set() {
  cat <<EOV
apiVersion: kubevirt.io/v1
kind: VirtualMachineInstanceReplicaSet
metadata: {name: set}
spec:
  replicas: $1
  selector: {matchLabels: {of: set}}
  template:
    metadata: {labels: {of: set}}
    spec:
      startStrategy: Paused
      terminationGracePeriodSeconds: 0
      domain: {memory: {guest: 64Mi}, devices: {}}
EOV
}

test_a_replica_set_keeps_its_number() {
  replica_set 2 | drop set.yaml
  await 90 '[ "$(sv get vmi -l of=set -o "jsonpath={.items[*].status.phase}")" = "Running Running" ]'
  local one; one=$(sv get vmi -l of=set -o 'jsonpath={.items[0].metadata.name}')
  sv delete vmi "$one"
  await 90 '[ "$(sv get vmi -l of=set -o "jsonpath={.items[*].status.phase}")" = "Running Running" ]'
  refute "sv get vmi $one"
  replica_set 1 | drop set.yaml
  await 60 '[ "$(count_of vmi of=set)" = 1 ]'
  sv get vmirs
  lift set.yaml; await 60 '[ "$(count_of vmi of=set)" = 0 ]'
}

pool() {
  cat <<EOV
apiVersion: pool.kubevirt.io/v1beta1
kind: VirtualMachinePool
metadata: {name: pool}
spec:
  replicas: $1
  selector: {matchLabels: {of: pool}}
  virtualMachineTemplate:
    metadata: {labels: {of: pool}}
    spec:
      runStrategy: Always
      dataVolumeTemplates:
        - metadata: {name: disk}
          spec: {source: {blank: {}}, storage: {resources: {requests: {storage: 8Mi}}}}
      template:
        spec:
          startStrategy: Paused
          terminationGracePeriodSeconds: 0
          domain: {memory: {guest: $2}, devices: {}}
          volumes: [{name: disk, dataVolume: {name: disk}}]
EOV
}

# Each machine has a number and a disk of its own; what changes in the pool reaches those that run.
test_a_pool_numbers_its_machines() {
  pool 2 64Mi | drop pool.yaml
  becomes pool-0 Paused
  becomes pool-1 Paused
  sv get dv disk-0
  sv get dv disk-1
  pool 3 80Mi | drop pool.yaml
  becomes pool-2 Paused
  await 90 '[ "$(says pool-0 currentMemory)" = 81920 ] && [ "$(says pool-1 currentMemory)" = 81920 ]'
  pool 1 80Mi | drop pool.yaml
  await 60 '[ "$(count_of vm of=pool)" = 1 ]'
  sv get vm pool-0
  await 60 '[ "$(count_of dv "kubevirt.io/created-by")" = 1 ]'
  sv get vmpool
  lift pool.yaml; await 60 '[ "$(count_of vm of=pool)" = 0 ]'
}

test_a_migration_says_why_it_cannot_be() {
  printf '%s\n' 'apiVersion: kubevirt.io/v1' 'kind: VirtualMachineInstanceMigration' 'metadata: {name: move}' \
    'spec: {vmiName: none}' | sv apply -f -
  await 30 '[ "$(sv get vmim move -o jsonpath={.status.phase})" = Failed ]'
  sv delete vmim move
}
