# What a guest gets besides its own disks: the instance's metadata, answers for Windows Setup, throw-away copies.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034

doc() { echo ---; }
disk() { printf '            - {name: %s, serial: %s, disk: {bus: virtio}}\n' "$1" "$1"; }
claim() { printf '%s\n' 'apiVersion: v1' 'kind: PersistentVolumeClaim' "metadata: {name: $1}" 'spec:' '  accessModes: [ReadWriteOnce]' \
  '  storageClassName: local' '  resources: {requests: {storage: 64Mi}}'; }

images_unpacked() { pool_files | grep -c '/image-[0-9a-f]*\.img$' || true; }

test_downward_api_tells_the_instance_of_itself() {
  vm about disks="$(disk me)" volumes='        - name: me
          downwardAPI:
            volumeLabel: about
            fields:
              - {path: labels, fieldRef: {fieldPath: metadata.labels}}
              - {path: id/name, fieldRef: {fieldPath: metadata.name}}
              - {path: id/app, fieldRef: {fieldPath: "metadata.labels['"'app'"']"}}' | drop about.yaml
  booted about 1 120
  shows about 'TB-FILE me label=about labels=app="about"'
  shows about 'TB-FILE me label=about id/name=about'
  shows about 'TB-FILE me label=about id/app=about'
  for member in size memoryOverhead runtimeUser; do expect 'sv get vmi/about -o json | grep -q "\"'$member'\":"'; done
  await 60 'sv get vmi/about -o json | grep -q "\"AgentConnected\""'
  refute 'sv get vmi/about -o json | grep -q AgentVersionNotSupported'
  lift about.yaml; gone vm/about
}
test_a_field_that_cannot_be_told_ends_the_start_with_the_reason() {
  vm nofield disks="$(disk me)" volumes='        - name: me
          downwardAPI: {fields: [{path: x, fieldRef: {fieldPath: spec.domain}}]}' | drop nofield.yaml
  await 60 'sv describe vmi/nofield | grep -q "cannot tell the field \"spec.domain\""'
  refute '[ "$(phase nofield)" = Running ]'
  lift nofield.yaml; gone vm/nofield
}
test_sysprep_waits_for_its_config_map_and_shows_the_answers() {
  vm win disks="$(disk answers)" volumes='        - {name: answers, sysprep: {configMap: {name: answers}}}' | drop win.yaml
  await 60 'sv describe vmi/win | grep -q "answers does not exist"'
  printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: answers}\ndata: {Autounattend.xml: <unattend/>}\n' | drop answers.yaml
  booted win 1 120
  shows win 'TB-FILE answers label=unattendCD Autounattend.xml=<unattend/>'
  lift win.yaml; lift answers.yaml; gone vm/win
}
test_sysprep_without_answers_does_not_start() {
  { printf 'apiVersion: v1\nkind: Secret\nmetadata: {name: noanswers}\nstringData: {other: x}\n'; doc
    vm nowin disks="$(disk answers)" volumes='        - {name: answers, sysprep: {secret: {name: noanswers}}}'; } | drop nowin.yaml
  await 60 'sv describe vmi/nowin | grep -q "neither a key autounattend.xml nor unattend.xml"'
  lift nowin.yaml; gone vm/nowin
}
test_a_service_account_is_an_empty_disk() {
  vm account disks="$(disk token)" volumes='        - {name: token, serviceAccount: {serviceAccountName: default}}' | drop account.yaml
  booted account 1 120
  expect 'status_file account.yaml | grep -q "no service accounts without Kubernetes"'
  lift account.yaml; gone vm/account
}
test_ephemeral_forgets_and_leaves_the_claim_as_it_is() {
  claim base | drop base.yaml
  vm writer disks="$(disk base)" volumes='        - {name: base, persistentVolumeClaim: {claimName: base}}' | drop writer.yaml
  shows writer 'TB-DISK base boots=1 sectors=131072' 120
  booted writer; sv stop writer; gone vmi/writer
  local before; before=$(host sha256sum "$(volume_of base)")
  vm eph disks="$(disk base)" volumes='        - {name: base, ephemeral: {persistentVolumeClaim: {claimName: base}}}' | drop eph.yaml
  shows eph 'TB-DISK base boots=2 sectors=131072' 120
  booted eph; sv restart eph; booted eph 2
  same 2 "$(count_shown eph 'TB-DISK base boots=2')"
  sv stop eph; gone vmi/eph
  same "$before" "$(host sha256sum "$(volume_of base)")"
  refute 'pool_files | grep -q overlay-'
  lift eph.yaml; lift writer.yaml; gone vm/eph; gone vm/writer
  lift base.yaml; gone pvc/base
}
test_a_claim_stays_while_an_ephemeral_copy_runs() {
  claim held | drop held.yaml
  vm holds disks="$(disk held)" volumes='        - {name: held, ephemeral: {persistentVolumeClaim: {claimName: held}}}' | drop holds.yaml
  shows holds 'TB-DISK held boots=1' 120
  local file; file=$(volume_of held)
  sv delete pvc/held --wait=false
  await 10 '[ -n "$(field pvc/held .metadata.deletionTimestamp)" ]'
  expect 'host test -s '"$file"
  lift holds.yaml; lift held.yaml; gone vm/holds; gone pvc/held
}
test_a_container_disk_boots_is_thrown_away_and_unpacked_once() {
  oci quay.io/testbed/guest v1 "$GUEST/images/guest.qcow2" disk/guest.qcow2
  from_image box quay.io/testbed/guest:v1 'echo MARK=$(cat /root/mark) > /dev/console; echo was-here > /root/mark; sync' | drop box.yaml
  from_image twin quay.io/testbed/guest:v1 | drop twin.yaml
  booted box 1 180; booted twin 1 180
  shows box 'MARK=$'
  same 1 "$(images_unpacked)"
  expect 'virsh_ dumpxml "$(domain box)" | grep -q "<source file=.*/overlay-.*qcow2"'
  sv restart box; booted box 2 120
  await 20 '[ "$(count_shown box MARK=)" = 2 ]'
  same 0 "$(count_shown box MARK=was-here)"
  lift box.yaml; lift twin.yaml; gone vm/box; gone vm/twin
  refute 'pool_files | grep -q "overlay-\|base-"'
  await 40 '[ "$(images_unpacked)" = 0 ]'
}
test_an_image_that_is_not_there_is_waited_for() {
  from_image later quay.io/testbed/later:v1 | drop later.yaml
  becomes later ErrImagePull 30
  same ErrImagePull "$(reason vmi/later Synchronized)"
  await 10 'message vmi/later Synchronized | grep -q "$S/images/quay.io/testbed/later"'
  oci quay.io/testbed/later v1 "$GUEST/images/guest.qcow2" disk/guest.qcow2
  booted later 1 180
  lift later.yaml; gone vm/later
  await 40 '[ "$(images_unpacked)" = 0 ]'
}
test_a_hostile_image_is_refused_with_the_reason() {
  oci bad/backing v1 "$GUEST/images/backing.qcow2" disk/disk.qcow2
  oci bad/two v1 "$GUEST/images/guest.qcow2" disk/a.qcow2 disk/b.qcow2
  oci bad/damaged v1 "$GUEST/images/guest.qcow2" disk/a.qcow2
  local blob; blob=$(host find "$S/images/bad/damaged/blobs/sha256" -size +1000k); host dd if=/dev/zero of="$blob" bs=1 seek=700000 count=64 conv=notrunc
  for i in backing two damaged; do from_image "bad-$i" "bad/$i:v1" | drop "bad-$i.yaml"; done
  await 60 'message vmi/bad-backing Synchronized | grep -q "backing file"'
  await 60 'message vmi/bad-two Synchronized | grep -q "name one of them by path"'
  await 60 '[ "$(reason vmi/bad-damaged Synchronized)" = ErrImagePull ]'
  for i in backing two damaged; do lift "bad-$i.yaml"; gone "vm/bad-$i"; done
  same 0 "$(images_unpacked)"
}
test_kernel_boot_from_an_image() {
  oci boot/kernel v1 "$GUEST/vmlinuz" boot/vmlinuz
  vm kern | sed 's|      domain:|      domain:\n        firmware: {kernelBoot: {kernelArgs: "console=ttyS0 TB-ARGS", container: {image: "boot/kernel:v1", kernelPath: /boot/vmlinuz}}}|' | drop kern.yaml
  shows kern 'TB-ARGS' 120
  lift kern.yaml; gone vm/kern
  refute 'pool_files | grep -q "kernel-"'
}
firmware() { sed "s|      domain:|      domain:\\n        firmware: $1|"; }
kept() { host sh -c 'ls /var/lib/libvirt/qemu/nvram /var/lib/libvirt/swtpm 2>/dev/null' | grep -E "$1" || true; }
# uefi VM WORDS: a machine that boots by UEFI, tells what a variable of its own says, and sets it
MARK='modprobe efivarfs; mount -t efivarfs none /sys/firmware/efi/efivars; f=/sys/firmware/efi/efivars/TbMark-5d307ca9-b3ef-428c-8861-06e72d69f223; echo TB-EFI says $(tail -c 4 $f) > /dev/console; printf "\007\000\000\000kept" > $f'
uefi() { from_image "$1" quay.io/testbed/guest:v1 "$MARK" | sed 's/guest: 96Mi/guest: 256Mi/' |
  firmware "{bootloader: {efi: {secureBoot: false, ${*:2}}}}"; }

test_uefi_variables_are_kept_only_when_they_are_persistent() {
  oci quay.io/testbed/guest v1 "$GUEST/images/guest.qcow2" disk/guest.qcow2
  uefi nv persistent: true | drop nv.yaml
  uefi novars persistent: false | drop novars.yaml
  booted nv 1 240; booted novars 1 240
  sv stop nv; sv stop novars; gone vmi/nv; gone vmi/novars
  same default_nv_kept_VARS.fd "$(kept _VARS.fd)"
  sv start nv
  booted nv 2 240
  same "says says kept" "$(console nv | sed -n 's/.*TB-EFI //p' | xargs)"
  lift nv.yaml; lift novars.yaml; gone vm/nv; gone vm/novars
  await 20 '[ -z "$(kept _VARS.fd)" ]'
}
test_the_state_of_a_persistent_tpm_is_kept_until_the_machine_goes() {
  vm tp | sed 's|        devices:|        devices:\n          tpm: {persistent: true}|' | drop tp.yaml
  booted tp 1 120
  local uuid; uuid=$(field vmi/tp .spec.domain.firmware.uuid)
  sv stop tp; gone vmi/tp
  same "$uuid" "$(kept "$uuid")"
  sv start tp; booted tp 2 120
  lift tp.yaml; gone vm/tp
  await 20 '[ -z "$(kept '"$uuid"')" ]'
}
test_acpi_tables_come_from_a_secret() {
  # a table's header: signature, length 36, revision, checksum, OEM and creator
  { printf 'apiVersion: v1\nkind: Secret\nmetadata: {name: acpi}\ndata:\n  slic.bin: '
    { printf 'SLIC\044\000\000\000\001\000SOLVRTTESTBED1\001\000\000\000TEST\001\000\000\000'; } | base64 -w0; echo; doc
    vm slic disks="$(disk acpi)" volumes='        - {name: acpi, secret: {secretName: acpi}}' | firmware '{acpi: {slicNameRef: acpi}}'
  } | drop slic.yaml
  booted slic 1 120
  expect 'virsh_ dumpxml "$(domain slic)" | grep -q "<table type=.slic.>.*/slic-"'
  lift slic.yaml; gone vm/slic
  refute 'pool_files | grep -q slic-'
}
test_directories_are_shared_and_follow_what_they_are_made_of() {
  shared() { printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shared}\ndata: {greeting: %s, %s: b}\n' "$1" "$2"; }
  host mkdir -p "$WORK/folder"; echo ours | host tee "$WORK/folder/file" >/dev/null
  shared first a | drop shared.yaml
  vm fs volumes="        - {name: shared, configMap: {name: shared}}
        - {name: me, downwardAPI: {fields: [{path: id/name, fieldRef: {fieldPath: metadata.name}}]}}
        - {name: own, hostDisk: {path: $WORK/folder, type: Disk}}" \
    user='modprobe virtiofs; for t in shared me own; do mkdir -p /mnt/$t; mount -t virtiofs $t /mnt/$t; done' \
    user='touch /mnt/shared/mine 2>/dev/null || echo TB-FS read only >/dev/console; touch /mnt/own/made' \
    user='echo TB-FS $(cat /mnt/own/file) $(cat /mnt/me/id/name) $(ls /mnt/shared) >/dev/console' \
    user='(while :; do echo TB-FS $(cat /mnt/shared/greeting) $(ls /mnt/shared) >/dev/console; sleep 1; done) &' |
    sed 's|        devices:|        devices:\n          filesystems: [{name: shared, virtiofs: {}}, {name: me, virtiofs: {}}, {name: own, virtiofs: {}}]|' |
    drop fs.yaml
  shows fs 'TB-FS read only' 120
  shows fs 'TB-FS ours fs a greeting'
  expect 'host test -e "$WORK/folder/made"'
  shared second c | drop shared.yaml
  shows fs 'TB-FS second c greeting' 30
  lift fs.yaml; gone vm/fs
  refute 'host ls "$S/pool" | grep -q ^share-'
  lift shared.yaml
}
test_what_is_no_directory_is_refused_at_start() {
  { vm fs volumes='        - {name: shared, emptyDisk: {capacity: 8Mi}}' |
      sed 's|        devices:|        devices:\n          filesystems: [{name: shared, virtiofs: {}}]|'; } | drop fs.yaml
  await 60 'sv describe vmi/fs | grep -q "no directory that could be shared"'
  expect 'status_file fs.yaml | grep -q "is no directory: the machine cannot start"'
  lift fs.yaml; gone vm/fs
}
