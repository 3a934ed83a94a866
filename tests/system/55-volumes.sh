# Every kind of volume, as the guest sees it.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034

doc() { echo ---; }
configmap() { printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app-config}\ndata:\n  app.conf: "listen = 8080"\n  other.conf: "x = %s"\n' 1; }
secret() { printf 'apiVersion: v1\nkind: Secret\nmetadata: {name: app-secret}\ndata:\n  password: %s\n' "$(printf hunter2 | base64)"; }

disk() { printf '            - {name: %s, serial: %s, disk: {bus: virtio}}\n' "$1" "$1"; }

test_configmap_and_secret_are_disks_with_a_file_for_each_key() {
  { configmap; doc; secret; doc; vm cfg disks="$(disk conf; disk sec)" \
    volumes='        - {name: conf, configMap: {name: app-config}}
        - {name: sec, secret: {secretName: app-secret}}'; } | drop cfg.yaml
  booted cfg 1 120
  shows cfg 'TB-FILE conf .*app.conf=listen = 8080'
  shows cfg 'TB-FILE conf .*other.conf=x = 1'
  shows cfg 'TB-FILE sec .*password=hunter2'
}
test_a_changed_configmap_is_seen_after_a_restart() {
  edit cfg.yaml 's/x = 1/x = 2/'
  await 15 'field cm/app-config .data | grep -q "x = 2"'
  sv restart cfg
  booted cfg 2
  shows cfg 'TB-FILE conf .*other.conf=x = 2'
  lift cfg.yaml; gone vm/cfg
}
test_a_missing_secret_holds_the_machine_back_and_says_so() {
  vm wait disks="$(disk sec)" volumes='        - {name: sec, secret: {secretName: later-secret}}' | drop wait.yaml
  imported wait-root 60
  await 30 'sv describe vm/wait | grep -q later-secret || sv describe vmi/wait | grep -q later-secret'
  refute '[ "$(phase wait)" = Running ]'
  printf 'apiVersion: v1\nkind: Secret\nmetadata: {name: later-secret}\nstringData: {k: v}\n' | drop later.yaml
  running wait 90
  shows wait 'TB-FILE sec .*k=v'
  lift wait.yaml; lift later.yaml; gone vm/wait
}
test_secret_contents_are_not_shown() {
  secret | drop s.yaml
  await 10 'sv get secret/app-secret'
  refute 'sv describe secret/app-secret | grep -q hunter2'
  refute 'daemon_log | grep -q "hunter2\|aHVudGVyMg"'
  lift s.yaml; gone secret/app-secret
}
test_empty_disk_is_new_with_each_start() {
  vm scratch disks="$(disk tmp)" volumes='        - {name: tmp, emptyDisk: {capacity: 32Mi}}' | drop scratch.yaml
  shows scratch 'TB-DISK tmp boots=1 sectors=65536' 120
  booted scratch
  sv restart scratch
  booted scratch 2
  same 2 "$(count_shown scratch 'TB-DISK tmp boots=1')"
  lift scratch.yaml; gone vm/scratch
}
test_host_disk_is_made_kept_and_found_again() {
  vm hd disks="$(disk hd)" volumes="        - {name: hd, hostDisk: {path: $S/hd.img, type: DiskOrCreate, capacity: 32Mi}}" | drop hd.yaml
  shows hd 'TB-DISK hd boots=1' 120
  booted hd
  lift hd.yaml; gone vm/hd
  expect 'host test -s "$S/hd.img"'
  vm hd disks="$(disk hd)" volumes="        - {name: hd, hostDisk: {path: $S/hd.img, type: Disk}}" | drop hd.yaml
  shows hd 'TB-DISK hd boots=2' 120
  lift hd.yaml; gone vm/hd
  host rm "$S/hd.img"
}
test_persistent_volume_claim_as_volume() {
  printf '%s\n' 'apiVersion: v1' 'kind: PersistentVolumeClaim' 'metadata: {name: claim}' 'spec:' '  accessModes: [ReadWriteOnce]' \
    '  storageClassName: local' '  resources: {requests: {storage: 64Mi}}' | drop claim.yaml
  vm pv disks="$(disk claim)" volumes='        - {name: claim, persistentVolumeClaim: {claimName: claim}}' | drop pv.yaml
  shows pv 'TB-DISK claim boots=1 sectors=131072' 120
  lift pv.yaml; gone vm/pv
  expect 'sv get pvc/claim'
  lift claim.yaml; gone pvc/claim
}
test_config_drive() {
  vm cd | sed 's/cloudInitNoCloud/cloudInitConfigDrive/' | drop cd.yaml
  shows cd 'TB-SEED configdrive cd' 120
  lift cd.yaml; gone vm/cd
}
test_base64_user_data_and_network_data() {
  vm b64 | sed '/userData: |/,$d' | { cat
    echo "            userDataBase64: $(printf '#cloud-config\nhostname: b64\nruncmd:\n  - echo FROM-BASE64 > /dev/console\n' | base64 -w0)"
    printf '            networkData: |\n              version: 2\n              ethernets: {e: {match: {name: "e*"}, dhcp4: true}}\n'; } | drop b64.yaml
  shows b64 FROM-BASE64 120
  shows b64 'TB-NET version: 2'
  lift b64.yaml; gone vm/b64
}
test_user_data_from_a_secret() {
  { printf 'apiVersion: v1\nkind: Secret\nmetadata: {name: ud}\nstringData:\n  userdata: |\n    #cloud-config\n    hostname: fromsecret\n'; doc
    vm us | sed '/userData: |/,$d'; echo '            secretRef: {name: ud}'; } | drop us.yaml
  booted us 1 120
  shows us 'TB-READY fromsecret'
  lift us.yaml; gone vm/us
}

# An image with a checksum is fetched once; machines have overlays over it, and so have those whose disk is to be forgotten.
test_machines_boot_from_one_image() {
  local sum name; sum="      checksum: \"sha256:$(awk '$2 == "guest.qcow2" {print $1}' "$GUEST/images/SHA256SUMS")\""
  for name in one two; do dv $name guest.qcow2 300Mi "$sum" | drop $name.yaml; done
  imported one; imported two
  same 1 "$(sv get dv -n solovirt-images -o name | wc -l)"
  vm clone templates='' | sed '/dataVolumeTemplates/,/template:$/{/template:$/!d}; s/dataVolume: {name: clone-root}/dataVolume: {name: two}/' | drop clone.yaml
  booted clone
  expect 'virsh_ dumpxml default_clone | grep -q "type=.qcow2."'
  sv restart clone; booted clone 2
  vm brief | sed '/dataVolumeTemplates/,/template:$/{/template:$/!d}; s/dataVolume: {name: brief-root}/ephemeral: {persistentVolumeClaim: {claimName: one}}/' | drop brief.yaml
  booted brief
  sv delete dv --all -n solovirt-images
  expect '[ "$(sv get pvc -n solovirt-images -o name | wc -l)" = 1 ]' # something rests on it
  lift clone.yaml; lift brief.yaml; gone vm/clone; gone vm/brief
  lift one.yaml; lift two.yaml; gone dv/one; gone dv/two
  await 60 '[ -z "$(sv get pvc -A -o name)" ]'
}
