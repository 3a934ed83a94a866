# What storage/volume_verbs.h promises, asked of the workers alone: of solovirt-host on this host's libvirt and on one elsewhere, and of
# solovirt-rbd on a Ceph cluster in the hub (tests/contract/volumes.py; ONLY=WORD runs tests with that word, KILLS=N kills more often).
# shellcheck shell=bash disable=SC2016,SC2154

contract() { "$ROOT/tests/contract/volumes.py" "$WORK" "$@"; }

test_volumes_of_libvirt() {
  host mkdir -p /var/lib/libvirt/images/contract
  contract "${P}1" local "$BUILD/solovirt-host"
  # the same pool, as a worker elsewhere sees it
  contract "${P}1" remote "$BUILD/solovirt-host"
  virsh_ pool-destroy contract
  virsh_ pool-undefine contract
}
of() { printf '%s\n' 'apiVersion: cdi.kubevirt.io/v1beta1' 'kind: DataVolume' "metadata: {name: $1}" 'spec:' "  source: $2" '  storage: {resources: {requests: {storage: 64Mi}}}'; }
# The same of the daemon: what it keeps of a volume, and what QEMU is told, come from what was asked for.
test_what_a_guest_wrote_means_nothing() {
  of bait '{blank: {}}' | drop bait.yaml; imported bait
  host qemu-img create -q -f qcow2 -b /etc/passwd -F raw "$S/trap" 1G
  host dd if="$S/trap" of="$(volume_of bait)" conv=notrunc status=none
  printf '%s\n' 'apiVersion: snapshot.storage.k8s.io/v1' 'kind: VolumeSnapshot' 'metadata: {name: kept}' 'spec: {source: {persistentVolumeClaimName: bait}}' | drop kept.yaml
  of copy '{pvc: {name: bait}}' | drop copy.yaml; imported copy
  of back '{snapshot: {name: kept}}' | drop back.yaml; imported back
  vm caught disks='            - {name: copy, disk: {bus: virtio}}
            - {name: back, disk: {bus: virtio}}' volumes='        - {name: copy, dataVolume: {name: copy}}
        - {name: back, dataVolume: {name: back}}' | drop caught.yaml
  running caught 120
  for claim in copy back; do
    refute 'field pvc/$claim .metadata.annotations | grep -qE "solovirt.io/(format|backing)"'
    same 64Mi "$(field pvc/$claim .status.capacity.storage)"
    expect 'host cmp -n 65536 "$(volume_of $claim)" "$(volume_of bait)"'
    expect 'virsh_ dumpxml "$(domain caught)" | grep -B3 "$(volume_of $claim)" | grep -q "type=.raw."'
  done
  refute 'virsh_ dumpxml "$(domain caught)" | grep -q passwd'
  lift caught.yaml; gone vm/caught
  lift copy.yaml; gone dv/copy; lift back.yaml; gone dv/back
  lift kept.yaml; gone volumesnapshot/kept; lift bait.yaml; gone dv/bait
  host rm "$S/trap"
}
test_volumes_of_ceph() {
  testbed ceph
  contract "${P}hub" rbd "$BUILD/solovirt-rbd"
}
