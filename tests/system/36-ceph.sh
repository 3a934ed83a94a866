# Disks in Ceph: filled over the network, cloned, used, grown and removed, through kills of the daemon and outages of the cluster.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154

CEPH=1

# the image cluster as its administrator sees it
rbd_() { testbed in hub rbd -p vms "$@"; }
no_images() { local left; left=$(rbd_ ls; rbd_ trash ls --all); echo "$left"; [ -z "$left" ]; }

setup() {
  drop class.yaml <<'EOX'
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: csi-rbd-sc}
provisioner: rbd.csi.ceph.com
parameters: {clusterID: lab, pool: vms, imageFeatures: layering, maxReadIops: "9000"}
EOX
  await 20 'sv get storageclass/csi-rbd-sc'
}

# volume NAME SOURCE [SIZE]: a DataVolume as KubeVirt's users write it for Ceph; SOURCE in one line of YAML
volume() {
  cat <<EOX
apiVersion: cdi.kubevirt.io/v1beta1
kind: DataVolume
metadata: {name: $1}
spec:
  source: $2
  pvc:
    storageClassName: csi-rbd-sc
    volumeMode: Block
    accessModes: [ReadWriteMany]
    resources: {requests: {storage: ${3:-300Mi}}}
EOX
}
image() { echo "{http: {url: \"$(http "$1")\", checksum: \"sha256:$(awk -v f="$1" '$2 == f {print $1}' "$GUEST/images/SHA256SUMS")\"}}"; }
plain() { echo "{http: {url: \"$(http "$1")\"}}"; }
filled() { await "${2:-60}" "[ \"\$(field dv/$1 .status.phase)\" = Succeeded ]"; }
# where the claim's image is
image_of() { field "pvc/$1" ".metadata.annotations['solovirt.io/path']"; }

# same_data NAME: its image holds the guest's disk; what is behind that is empty
same_data() {
  local size; size=$(stat -c %s "$GUEST/images/guest.raw")
  { testbed in hub rbd export "$(image_of "$1")" - 2>/dev/null || :; } | head -c "$size" | cmp - "$GUEST/images/guest.raw"
}

# machine NAME VOLUME: boots from it
machine() {
  cat <<EOX
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {name: $1}
spec:
  runStrategy: Always
  template:
    spec:
      terminationGracePeriodSeconds: 10
      domain:
        memory: {guest: 96Mi}
        devices:
          disks:
            - {name: root, disk: {bus: virtio}}
            - {name: seed, disk: {bus: virtio}}
          interfaces: [{name: default, masquerade: {}}]
      networks: [{name: default, pod: {}}]
      volumes:
        - {name: root, dataVolume: {name: $2}}
        - {name: seed, cloudInitNoCloud: {userData: "#cloud-config\nhostname: $1\n"}}
EOX
}

test_an_image_over_http_becomes_an_rbd_image() {
  volume one "$(plain guest.qcow2)" | drop one.yaml
  filled one
  same vms "$(dirname "$(image_of one)")"
  same_data one
}

test_a_guest_boots_from_it_and_keeps_its_data() {
  machine c1 one | drop c1.yaml
  booted c1 1 120
  expect 'virsh_ dumpxml default_c1 | grep -q "protocol=.rbd."'
  expect 'virsh_ dumpxml default_c1 | grep -q "<read_iops_sec>9000<"'
  refute 'host grep -rq "$(host cat /etc/ceph/ceph.client.vms.keyring | awk "/key =/ {print \$3}")" "$S/run" "$WORK/solovirtd.log" /etc/libvirt /var/log/libvirt'
  sv restart c1
  booted c1 2 120
  await 10 'field pvc/one .status.used | grep .'
}

test_the_disk_grows_under_the_guest() {
  sv patch pvc/one --type=merge -p '{"spec":{"resources":{"requests":{"storage":"400Mi"}}}}' ||
    { sv get pvc/one -o json | jq '.spec.resources.requests.storage = "400Mi"' | sv apply -f -; }
  await 30 '[ "$(field pvc/one .status.capacity.storage)" = 400Mi ]'
  same 419430400 "$(virsh_ domblkinfo default_c1 vda | awk "/Capacity/ {print \$2}")"
}

test_the_cluster_is_gone_for_a_while() {
  local id; id=$(virsh_ domid default_c1)
  testbed ceph-stop osd
  volume late "$(plain guest.raw)" | drop late.yaml
  testbed ceph-start osd
  filled late 120
  same "$id" "$(virsh_ domid default_c1)"
  same Running "$(field vmi/c1 .status.phase)"
  lift late.yaml; gone dv/late
}

test_the_second_of_a_source_is_a_clone() {
  volume first "$(image guest.qcow2)" | drop first.yaml
  filled first
  volume second "$(image guest.qcow2)" 500Mi | drop second.yaml
  filled second 20
  expect 'testbed in hub rbd info --format json "$(image_of second)" | jq -e .parent.image'
  same 524288000 "$(testbed in hub rbd info --format json "$(image_of second)" | jq .size)"
  same_data first
}

test_a_claim_is_cloned_while_its_guest_writes() {
  volume copy '{pvc: {name: one}}' 400Mi | drop copy.yaml
  filled copy 30
  machine c2 copy | drop c2.yaml
  booted c2 1 120
  lift c2.yaml; gone vm/c2
  lift copy.yaml; gone dv/copy
}

test_an_ephemeral_disk_is_a_clone_that_goes_with_its_guest() {
  machine c4 one | sed 's/dataVolume: {name: one}/ephemeral: {persistentVolumeClaim: {claimName: one}}/' | drop c4.yaml
  booted c4 1 120
  expect 'virsh_ dumpxml default_c4 | grep -q "vms/ephemeral-$(field vmi/c4 .metadata.uid)-root"'
  lift c4.yaml
  daemon_kill; daemon_start
  gone vm/c4
  await 90 '! rbd_ ls | grep -q ^ephemeral-'
}

test_a_disk_that_somebody_has_open_keeps_a_guest_from_starting() {
  volume busy '{blank: {}}' 64Mi | drop busy.yaml
  filled busy
  testbed in hub bash -c 'echo $$ >"$1"; exec rbd watch "$2" < <(sleep 60)' - "$S/watch.pid" "$(image_of busy)" >/dev/null 2>&1 &
  await 20 'testbed in hub rbd status "$(image_of busy)" | grep -q watcher='
  machine c3 busy | drop c3.yaml
  await 30 'sv get vmi/c3 -o yaml | grep -q "is still open at"'
  lift c3.yaml; gone vm/c3
  testbed in hub kill "$(cat "$S/watch.pid")"
  await 40 '! testbed in hub rbd status "$(image_of busy)" | grep -q watcher='
  lift busy.yaml; gone dv/busy
}

test_a_daemon_killed_in_between_loses_nothing() {
  volume k1 "$(plain guest.raw)" | drop k1.yaml
  await 30 '[ "$(field dv/k1 .status.phase)" = ImportInProgress ] || [ "$(field dv/k1 .status.phase)" = Succeeded ]'
  daemon_kill; daemon_start
  filled k1 90
  same_data k1
  lift k1.yaml; gone dv/k1
}

# on_this_host NAME SOURCE: the same in the class "local"
on_this_host() { volume "$1" "$2" | sed 's/csi-rbd-sc/local/; s/ReadWriteMany/ReadWriteOnce/'; }
no_copies() { [ -z "$(rbd_ snap ls "$(basename "$(image_of "$1")")" | grep copy-)" ]; }

test_copies_come_from_other_storage_and_go_there() {
  local size; size=$(stat -c %s "$GUEST/images/guest.raw")
  on_this_host base "$(image guest.qcow2)" | drop base.yaml
  filled base
  volume up '{pvc: {name: base}}' | drop up.yaml
  filled up
  expect 'host qemu-img info -U "$(image_of base)" | grep -q "backing file:"'
  same_data up
  on_this_host down '{pvc: {name: up}}' | drop down.yaml
  await 30 'field dv/down .status.phase | grep -E "Clone(Scheduled|InProgress)|Succeeded"'
  daemon_kill; daemon_start
  filled down
  host head -c "$size" "$(image_of down)" | cmp - "$GUEST/images/guest.raw"
  await 20 'no_copies up'
  # a disk that is written to meanwhile is copied as it was at one time
  on_this_host live '{pvc: {name: one}}' | sed 's/300Mi/400Mi/' | drop live.yaml
  filled live
  await 20 'no_copies one'
  lift live.yaml; lift down.yaml; gone dv/live; gone dv/down
  lift up.yaml; lift base.yaml; gone dv/up; gone dv/base
}

test_all_of_it_goes() {
  lift c1.yaml; gone vm/c1
  lift one.yaml; lift first.yaml; lift second.yaml; gone dv/one; gone dv/first; gone dv/second
  sv delete dv --all -n solovirt-images
  await 90 no_images || { testbed in hub rbd info "vms/$(rbd_ ls | head -1)"; sv get pvc,dv,pv -A; grep -E "vol-|Delet" "$WORK/solovirtd.log" | tail -20; return 1; }
}
