# Disks in Ceph: filled over the network, cloned, used, grown and removed, through kills of the daemon and outages of the cluster.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154

CEPH=1 STALL=2s
# shellcheck source=tests/system/hostile.sh
. "$HERE/hostile.sh"

# the image cluster as its administrator sees it
rbd_() { testbed in hub rbd -p vms "$@"; }
# left IMAGE: what may say why it is still there
left() {
  testbed in hub rbd ls -l vms; testbed in hub rbd trash ls --all vms; testbed in hub rbd snap ls --all "vms/$1"; testbed in hub rbd children --all "vms/$1"
  testbed in hub rbd status "vms/$1"; sv get pvc,dv,pv -A; grep -F "$1" "$WORK/solovirtd.log" | tail -8
}
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

# machine NAME VOLUME [COMMAND...]: boots from it, runs the commands once
machine() {
  local name=$1 volume=$2; shift 2
  cat <<EOX
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {name: $name}
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
        - {name: root, dataVolume: {name: $volume}}
        - name: seed
          cloudInitNoCloud:
            userData: |
              #cloud-config
              hostname: $name
EOX
  [ $# = 0 ] || { echo '              runcmd:'; printf '                - %s\n' "$@"; }
}
# what a guest does: data whose sum it tells, and from then on a number that grows; what it finds of both
WRITES=('cd /root; dd if=/dev/urandom of=data bs=64k count=8 2>/dev/null; sync; echo TB-SUM $(sha256sum data) > /dev/console'
  '(n=0; while sleep 1; do n=$((n+1)); echo $n > /root/beat; sync; echo TB-BEAT $n > /dev/console; done) &')
FINDS='cd /root; echo TB-FOUND $(sha256sum data) $(cat beat) > /dev/console'
last() { console "$1" | sed -n "s/.*$2 //p" | tail -1; }

# snapshot NAME CLAIM
snapshot() {
  cat <<EOX
apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshot
metadata: {name: $1}
spec: {source: {persistentVolumeClaimName: $2}}
EOX
}
# restored NAME NAMESPACE: a claim that is made from the snapshot kept of the namespace default
restored() {
  cat <<EOX
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: $1, namespace: $2}
spec:
  storageClassName: csi-rbd-sc
  volumeMode: Block
  accessModes: [ReadWriteMany]
  resources: {requests: {storage: 300Mi}}
  dataSourceRef: {apiGroup: snapshot.storage.k8s.io, kind: VolumeSnapshot, name: kept, namespace: default}
EOX
}
hash_of() { testbed in hub rbd export "$1" - 2>/dev/null | sha256sum; }
# says CLAIM WORDS: why it is not bound
says() { await "${3:-30}" "message pvc/$1 Provisioning | grep -q '$2'"; }

everything() { rbd_ ls; rbd_ trash ls --all; }
test_hostile_images_and_servers() { hostile csi-rbd-sc everything; }

test_an_image_over_http_becomes_an_rbd_image() {
  volume one "$(plain guest.qcow2)" | drop one.yaml
  filled one
  same vms "$(dirname "$(image_of one)")"
  same_data one
}

test_a_guest_boots_from_it() {
  machine c1 one "${WRITES[@]}" | drop c1.yaml
  booted c1 1 120
  expect 'virsh_ dumpxml default_c1 | grep -q "protocol=.rbd."'
  expect 'virsh_ dumpxml default_c1 | grep -q "<read_iops_sec>9000<"'
  refute 'host grep -rq "$(host cat /etc/ceph/ceph.client.vms.keyring | awk "/key =/ {print \$3}")" "$S/run" "$WORK/solovirtd.log" /etc/libvirt /var/log/libvirt'
}

test_a_snapshot_is_taken_while_it_writes() {
  await 30 '[ "$(last c1 TB-BEAT)" -ge 2 ]'
  last c1 TB-BEAT >"$S/beats"
  snapshot kept one | drop kept.yaml
  await 30 '[ "$(field volumesnapshot/kept .status.readyToUse)" = true ]'
  last c1 TB-BEAT >>"$S/beats"
  await 30 '[ "$(last c1 TB-BEAT)" -gt "$(tail -n 1 "$S/beats")" ]'
}

test_it_keeps_its_data_over_a_restart() {
  sv restart c1
  booted c1 2 120
  await 10 'field pvc/one .status.used | grep .'
}

# A DataVolume, a claim, and a claim of another namespace: what was written before the snapshot is there, what came after it is not.
test_volumes_are_made_of_the_snapshot() {
  local kept sum name beat
  volume fork '{snapshot: {name: kept}}' | drop fork.yaml
  restored again default | sv apply -f -
  restored again other | sv apply -f -
  filled fork 30
  await 30 '[ "$(field pvc/again .status.phase)" = Bound ] && [ "$(sv get pvc/again -n other -o "jsonpath={.status.phase}")" = Bound ]'
  kept=$(image_of one)@snapshot-$(field volumesnapshot/kept .metadata.uid)
  hash_of "$kept" >"$S/kept"
  same "$(cat "$S/kept")" "$(hash_of "$(image_of again)")"
  same "$(cat "$S/kept")" "$(hash_of "vms/csi-vol-$(sv get pvc/again -n other -o 'jsonpath={.metadata.uid}')")"
  machine c4 fork "$FINDS" | drop c4.yaml
  shows c4 TB-FOUND 120
  read -r sum name beat <<<"$(last c4 TB-FOUND)"
  same "$(last c1 TB-SUM)" "$sum $name"
  expect "[ $beat -ge $(head -n 1 "$S/beats") ] && [ $beat -le $(tail -n 1 "$S/beats") ]"
  lift c4.yaml; gone vm/c4
}

test_a_snapshot_goes_before_what_was_made_of_it() {
  lift kept.yaml; gone volumesnapshot/kept
  same "$(cat "$S/kept")" "$(hash_of "$(image_of again)")"
  same '[]' "$(testbed in hub rbd snap ls --format json "$(image_of one)")"
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
  volume later '{pvc: {name: one}}' 400Mi | drop later.yaml
  testbed ceph-start osd
  filled late 120; filled later 60
  same "$id" "$(virsh_ domid default_c1)"
  same Running "$(field vmi/c1 .status.phase)"
  lift late.yaml; lift later.yaml; gone dv/late; gone dv/later
}

test_clocks_that_differ_are_told() {
  testbed ceph-late up
  await 90 'sv get events -A | grep ClusterUnhealthy | grep -q "storageclass/csi-rbd-sc.*cluster lab: clock skew detected on mon.late: have the clocks of all its monitors set"'
  testbed ceph-late down
  await 90 'sv get events -A | grep ClusterHealthy | grep -q "storageclass/csi-rbd-sc.*cluster lab: healthy again"'
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

# deep FROM NAME...: each a clone of the one before it
deep() {
  local from=$1 name; shift
  for name; do
    restored "$name" default | sed "/dataSourceRef/d; s/300Mi/500Mi/"
    echo "  dataSource: {kind: PersistentVolumeClaim, name: $from}"
    echo ---
    from=$name
  done
}
no_parent() { [ "$(testbed in hub rbd info --format json "$(image_of "$1")" | jq -c .parent)" = null ]; }
happened() { sv events --types Normal | grep -E "$1 .*$2|$2 .*$1"; }

# "second" lies over an image of the cache: the seventh after it is the eighth over that.
test_a_clone_deep_over_others_is_made_independent() {
  local sum; sum=$(hash_of "$(image_of second)")
  deep second d{1..7} | sv apply -f -
  await 90 'field pvc/d7 .metadata.annotations | grep -q "solovirt.io/depth" || no_parent d7'
  daemon_kill; daemon_start
  await 60 'no_parent d7'
  await 20 '[ -z "$(field pvc/d7 ".metadata.annotations[\"solovirt.io/depth\"]")$(reason pvc/d7 Flattening)" ]'
  expect 'happened d7 Flattened'
  refute 'no_parent d6'
  same "$sum" "$(hash_of "$(image_of d7)")"
  sv delete pvc d{1..7}
  await 60 '[ -z "$(sv get pvc -o name | grep -E "/d[1-7]$")" ]'
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

# A snapshot that is asked for meanwhile waits: half of an import is worth nothing, and its volume could not be made anew.
test_a_daemon_killed_in_between_loses_nothing() {
  volume k1 "$(plain guest.raw)" | drop k1.yaml
  await 30 '[ "$(field dv/k1 .status.phase)" = ImportInProgress ] || [ "$(field dv/k1 .status.phase)" = Succeeded ]'
  snapshot early k1 | drop early.yaml
  daemon_kill; daemon_start
  filled k1 90
  same_data k1
  await 30 '[ "$(field volumesnapshot/early .status.readyToUse)" = true ]'
  lift early.yaml; gone volumesnapshot/early
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

test_a_full_pool_is_told() {
  volume spare '{blank: {}}' 64Mi | drop spare.yaml
  filled spare
  testbed in hub ceph osd pool set-quota vms max_bytes 1048576
  await 60 'testbed in hub ceph osd dump -f json | jq -e ".pools[] | select(.pool_name == \"vms\") | .flags_names | contains(\"full_quota\")"'
  volume full '{blank: {}}' 64Mi | drop full.yaml
  says full "quota is used up: raise it"
  lift spare.yaml; gone dv/spare; gone pvc/spare      # what makes room goes on
  testbed in hub ceph osd pool set-quota vms max_bytes 0
  filled full 120
  lift full.yaml; gone dv/full
}

test_a_pool_that_is_not_there_is_told() {
  sed 's/csi-rbd-sc/nowhere/; s/pool: vms/pool: nowhere/' "$S/spool/class.yaml" | drop nowhere.yaml
  volume lost '{blank: {}}' 64Mi | sed 's/csi-rbd-sc/nowhere/' | drop lost.yaml
  says lost "the cluster has no pool nowhere: make it"
  lift lost.yaml; gone dv/lost; gone pvc/lost
  lift nowhere.yaml; gone storageclass/nowhere
}

test_a_wrong_key_is_told() {
  local keyring=/etc/ceph/ceph.client.vms.keyring
  daemon_stop
  host cp $keyring $keyring.right
  host bash -c "printf '[client.vms]\n\tkey = %s\n' \"\$(ceph-authtool --gen-print-key)\" >$keyring"
  daemon_start
  volume keyless '{blank: {}}' 64Mi | drop keyless.yaml
  says keyless "the user or its key is refused: compare"
  host mv $keyring.right $keyring
  filled keyless 60
  lift keyless.yaml; gone dv/keyless
}

test_an_image_that_somebody_deleted_is_told() {
  volume lost '{blank: {}}' 64Mi | drop lost.yaml
  filled lost
  testbed in hub rbd rm "$(image_of lost)"
  machine c5 lost | drop c5.yaml
  await 60 'sv get vmi/c5 -o yaml | grep -q "there is no volume"'
  testbed in hub rbd create --size 64M --image-feature layering "$(image_of lost)"
  await 60 '[ "$(phase c5)" = Running ]'
  lift c5.yaml; gone vm/c5
  lift lost.yaml; gone dv/lost
}

# Each cluster has its worker, its key and its secret in libvirt: a guest runs in one, what is copied there came from the other, and the
# outage of one is not the other's.
on_second() { volume "$@" | sed 's/csi-rbd-sc/csi-rbd-second/'; }
second_rbd() { testbed in hub rbd --cluster second -p vms "$@"; }
second_is_empty() { local left; left=$(second_rbd ls; second_rbd trash ls --all); echo "$left"; [ -z "$left" ]; }
test_two_clusters_at_once() {
  local size; size=$(stat -c %s "$GUEST/images/guest.raw")
  second ceph
  sed 's/csi-rbd-sc/csi-rbd-second/; s/clusterID: lab/clusterID: second/' "$S/spool/class.yaml" | drop class-second.yaml
  on_second moved '{pvc: {name: first}}' | drop moved.yaml
  filled moved
  expect 'second_rbd ls | grep -qx "$(basename "$(image_of moved)")"'
  refute 'rbd_ ls | grep -qx "$(basename "$(image_of moved)")"'
  expect '{ testbed in hub rbd --cluster second export "$(image_of moved)" - 2>/dev/null || :; } | head -c "$size" | cmp - "$GUEST/images/guest.raw"'
  machine c6 moved | sed "s/GracePeriodSeconds: 10/GracePeriodSeconds: 0/" | drop c6.yaml
  running c6
  expect 'virsh_ dumpxml default_c6 | grep -q "host name=.10.98.0.253. port=.6789."'
  second ceph-stop
  volume here '{blank: {}}' 64Mi | drop here.yaml
  on_second there '{blank: {}}' 64Mi | drop there.yaml
  filled here 30
  lift here.yaml; gone dv/here
  refute '[ "$(field dv/there .status.phase)" = Succeeded ]'
  second ceph-start
  filled there 90
  same Running "$(phase c6)"
  lift c6.yaml; gone vm/c6
  lift there.yaml; lift moved.yaml; gone dv/there; gone dv/moved
  await 60 second_is_empty
  lift class-second.yaml; gone storageclass/csi-rbd-second
  second ceph-stop
}

# sealed NAME SOURCE: the same in a class whose volumes are encrypted
PASSPHRASE=correct-horse-7153
sealed() { volume "$@" | sed 's/csi-rbd-sc/csi-rbd-sealed/'; }
passphrase() {
  sv apply -f - <<EOX
apiVersion: v1
kind: Secret
metadata: {name: rbd-passphrase, namespace: kube-system}
stringData: {encryptionPassphrase: "$1"}
EOX
}
# opened NAME: what is in it, as its user reads it
opened() {
  testbed in hub qemu-img convert --object "secret,id=key,data=$PASSPHRASE" --image-opts -O raw \
    "driver=luks,key-secret=key,file.driver=rbd,file.pool=vms,file.image=$(basename "$(image_of "$1")")" "$S/opened"
  cat "$S/opened"; rm "$S/opened"
}
raw() { testbed in hub rbd export "$(image_of "$1")" - 2>/dev/null || :; }
tells_passphrase() {
  local word
  for word in "$PASSPHRASE" "$(printf %s "$PASSPHRASE" | base64)"; do
    ! host grep -rlaF "$word" "$S/run" "$WORK/solovirtd.log" /etc/libvirt /var/log/libvirt /run/libvirt || return 0
    ! host bash -c 'cat /proc/[0-9]*/cmdline 2>/dev/null' | tr '\0' '\n' | grep -vE '^grep$' | grep -aF "$word" || return 0
    ! sv get dv,pvc,pv,vm,vmi,storageclass,volumesnapshot,events -A -o json | grep -F "$word" || return 0
  done
  return 1
}

phases_of_images() {
  sv get dv -n solovirt-images -o json | jq -r '.items[] | select(.spec | tostring | contains("csi-rbd-sealed")) | .status.phase'
}

test_an_encrypted_volume_holds_no_plain_text() {
  sed 's/csi-rbd-sc/csi-rbd-sealed/; s/parameters: {/&encrypted: "true", encryptionType: block, csi.storage.k8s.io\/node-stage-secret-name: rbd-passphrase, csi.storage.k8s.io\/node-stage-secret-namespace: kube-system, /' "$S/spool/class.yaml" | drop sealed-class.yaml
  sealed sealed "$(image guest.qcow2)" | drop sealed.yaml
  await 30 'sv get pvc -A -o json | grep -q "Secret kube-system/rbd-passphrase does not exist"'
  rbd_ ls >"$S/before"
  passphrase "$PASSPHRASE"
  # killed while its header is made, and while it is filled
  await 30 'rbd_ ls | grep -vxFf "$S/before"'
  host pkill -9 -x solovirt-rbd
  await 90 'phases_of_images | grep -E "ImportInProgress|Succeeded"'
  daemon_kill; daemon_start
  filled sealed 90
  # its holes, too; QEMU reads as noise what was never written
  expect 'opened sealed 2>/dev/null | head -c "$(stat -c %s "$GUEST/images/guest.raw")" | cmp - "$GUEST/images/guest.raw"'
  same LUKS "$(raw sealed | head -c 4)"
  expect 'grep -aq TB-READY "$GUEST/images/guest.raw"'
  refute 'raw sealed | grep -aq TB-READY'
  same 300Mi "$(field pvc/sealed .status.capacity.storage)"
  expect 'sv get storageclass -o wide | grep csi-rbd-sealed | grep -q true'
}

# what its guest tells: at each start what it finds, a second disk that it wrote to, a first one that grew to 350Mi
TELLS=('echo "cd /root; echo TB-AGAIN \$(sha256sum data) > /dev/console" >> /etc/ready; sync'
  '(until [ -b /dev/sda ]; do sleep 1; done; echo plain-on-sda | dd of=/dev/sda conv=fsync; echo TB-PLUG $(head -n 1 /dev/sda) > /dev/console) &'
  '(until [ $(cat /sys/block/vda/size) = 716800 ]; do sleep 1; done; echo TB-GROWN > /dev/console) &')

test_a_guest_runs_on_an_encrypted_volume() {
  machine c7 sealed "${WRITES[0]}" "${TELLS[@]}" | drop c7.yaml
  shows c7 TB-SUM 150
  last c7 TB-SUM >"$S/sealed-sum"
  same 314572800 "$(virsh_ domblkinfo default_c7 vda | awk "/Capacity/ {print \$2}")"
  refute tells_passphrase
}

test_an_encrypted_disk_is_plugged_in() {
  sealed plug '{blank: {}}' 64Mi | drop plug.yaml
  filled plug
  sv addvolume c7 --volume-name=plug
  shows c7 'TB-PLUG plain-on-sda' 90
  refute tells_passphrase
  sv removevolume c7 --volume-name=plug
  await 60 '[ -z "$(field vmi/c7 ".status.volumeStatus[?(@.name==\"plug\")].phase")" ]'
  expect 'opened plug | grep -aq plain-on-sda'
  refute 'raw plug | grep -aq plain-on-sda'
  lift plug.yaml; gone dv/plug; gone pvc/plug
}

test_an_encrypted_disk_grows_under_its_guest() {
  sv get pvc/sealed -o json | jq '.spec.resources.requests.storage = "350Mi"' | sv apply -f -
  await 30 '[ "$(field pvc/sealed .status.capacity.storage)" = 350Mi ]'
  shows c7 TB-GROWN 30
}

test_a_restart_finds_its_data_on_an_encrypted_disk() {
  same 1 "$(count_shown c7 TB-AGAIN)"
  sv restart c7
  await 150 '[ "$(count_shown c7 TB-AGAIN)" = 2 ]'
  same "$(cat "$S/sealed-sum")" "$(last c7 TB-AGAIN)"
  lift c7.yaml; gone vm/c7
}

test_a_wrong_passphrase_is_told_and_data_is_there_with_the_right_one() {
  passphrase wrong
  machine c8 sealed 'cd /root; echo TB-FOUND $(sha256sum data) > /dev/console' | drop c8.yaml
  await 90 'message vmi/c8 Synchronized | grep -q "put back the encryptionPassphrase that the volume was made with"'
  sealed other '{pvc: {name: sealed}}' 350Mi | sed 's/csi-rbd-sealed/csi-rbd-sc/' | drop other.yaml
  says other "put back the encryptionPassphrase that it was made with" 60
  passphrase "$PASSPHRASE"
  shows c8 TB-FOUND 150
  same "$(cat "$S/sealed-sum")" "$(last c8 TB-FOUND)"
  filled other 90                   # a copy, in plain text
  refute 'testbed in hub rbd info --format json "$(image_of other)" | jq -e .parent.image'
  expect 'raw other | grep -aq TB-READY'
  lift c8.yaml; gone vm/c8
}

test_clones_of_an_encrypted_volume_are_encrypted() {
  sealed clone '{pvc: {name: sealed}}' 400Mi | drop clone.yaml
  filled clone 30
  expect 'testbed in hub rbd info --format json "$(image_of clone)" | jq -e .parent.image'
  same LUKS "$(raw clone | head -c 4)"
  refute tells_passphrase
  for it in clone other sealed; do lift $it.yaml; gone dv/$it; gone pvc/$it; done
  lift sealed-class.yaml; gone storageclass/csi-rbd-sealed
  sv delete secret/rbd-passphrase -n kube-system
}

test_all_of_it_goes() {
  lift c1.yaml; gone vm/c1
  lift one.yaml; gone dv/one; gone pvc/one
  same "$(cat "$S/kept")" "$(hash_of "$(image_of again)")"      # it was made from what is gone now
  sv delete pvc/again; sv delete pvc/again -n other
  lift fork.yaml; lift first.yaml; lift second.yaml; gone dv/fork; gone dv/first; gone dv/second
  sv delete dv --all -n solovirt-images
  await 90 no_images || { left "$(no_images | head -1)"; return 1; }
}
