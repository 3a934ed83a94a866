# What storage/volume_verbs.h promises, asked of the workers alone: of solovirt-host on this host's libvirt and on one elsewhere, and of
# solovirt-rbd on a Ceph cluster in the hub (tests/contract/volumes.py; ONLY=WORD runs tests with that word, KILLS=N kills more often).
# shellcheck shell=bash disable=SC2154

contract() { "$ROOT/tests/contract/volumes.py" "$WORK" "$@"; }

test_volumes_of_libvirt() {
  host mkdir -p /var/lib/libvirt/images/contract
  contract "${P}1" local "$BUILD/solovirt-host"
  # the same pool, as a worker elsewhere sees it
  ONLY=serve contract "${P}1" remote "$BUILD/solovirt-host"
  virsh_ pool-destroy contract
  virsh_ pool-undefine contract
}
test_volumes_of_ceph() {
  testbed ceph
  contract "${P}hub" rbd "$BUILD/solovirt-rbd"
}
