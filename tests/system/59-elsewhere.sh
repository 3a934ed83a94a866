# A host that is known by its URI alone: what lies in its pool gets there through libvirt, and none of its files is seen here.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154

other() { nsenter -t "$(cat "$WORK/${P}2/init.pid")" -m -u -n -p "$@"; }
console() { other cat "/var/log/libvirt/qemu/$(domain "$1").console.log" | tr -d '\0\r'; }
# is_image CLAIM [FORMAT]: it is on the other host, there alone, and holds what the image does, byte by byte, and zeros behind it
is_image() {
  local file; file=$(volume_of "$1")
  refute "host test -e '$file'"
  expect "other qemu-img compare -U -f '${2:-raw}' -F raw '$file' '$GUEST/images/guest.raw' | grep -q identical"
}
blocks() { other stat -c '%b' "$(volume_of "$1")"; }
made() { printf '%s\n' 'apiVersion: cdi.kubevirt.io/v1beta1' 'kind: DataVolume' "metadata: {name: $1}" 'spec:' "  source: $2" '  storage: {resources: {requests: {storage: 300Mi}}}'; }

# There is no other: the daemon runs beside a libvirt that it does not use.
setup() {
  KVM=$KVM testbed host 2
  mkdir -p "$S/elsewhere"; other mount --bind "$S/elsewhere" "$S/pool"
  await 60 '[ "$(condition node/${P}1 Ready)" = True ]'   # what is looked at in the end is there
  host sed -i "s|name: ${P}1|name: ${P}2|; s|qemu:///system|qemu+tcp://10.98.0.2/system|" "$S/solovirtd.yaml"
  daemon_stop; daemon_start
  await 60 '[ "$(condition node/${P}2 Ready)" = True ]'
  same False "$(condition node/${P}2 KVMUsable)"
}

test_an_import() {
  dv far guest.qcow2 | drop far.yaml
  imported far 120
  is_image far
  # 65 MiB of the image, not all of them data, and nothing for the rest
  expect '[ "$(blocks far)" -lt 140000 ]'
  await 20 '[ -n "$(field pvc/far .status.used)" ]'
}
test_an_image_of_the_cache() {
  dv kept guest.raw.xz 300Mi "      checksum: \"sha256:$(sed -n 's/ .*guest\.raw\.xz$//p' "$GUEST/images/SHA256SUMS")\"" | drop kept.yaml
  imported kept 120
  is_image kept qcow2
  lift kept.yaml; gone dv/kept; gone pvc/kept
  await 20 'sv image prune | grep -q removed'
}
test_a_clone_and_a_blank_disk() {
  made clone '{pvc: {name: far}}' | drop clone.yaml
  made blank '{blank: {}}' | drop blank.yaml
  imported clone 60; imported blank
  is_image clone
  lift clone.yaml; lift blank.yaml; gone dv/clone; gone dv/blank
}
test_an_upload() {
  sv image-upload dv up --size=300Mi --image-path="$GUEST/images/guest.qcow2"
  is_image up
  sv delete dv up; gone dv/up
}
# Its second disk is that of a container image, which was unpacked here.
test_a_guest() {
  oci quay.io/containerdisks/debian 12 "$GUEST/images/guest.qcow2" disk/disk.qcow2
  vm there disks='            - {name: second, disk: {bus: virtio}}' \
    volumes='        - {name: second, containerDisk: {image: "quay.io/containerdisks/debian:12"}}' | drop there.yaml
  booted there 1 180
  same "${P}2" "$(field vmi/there .status.nodeName)"
  expect 'other qemu-img compare -U -f raw -F raw "$S/pool/base-$(field vmi/there .metadata.uid)-second.img" "$GUEST/images/guest.raw" | grep -q identical'
  local mark; mark=$(mark)
  lift there.yaml; gone vm/there
  # told once: nobody here can remove it
  await 20 "log_since $mark | grep -q 'console-log .*can only be read and removed there'"
}
test_a_kernel_of_an_image_for_a_guest_without_disks() {
  oci boot/kernel v1 "$GUEST/vmlinuz" boot/vmlinuz
  drop kern.yaml <<'EOF'
apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata: {name: kern}
spec:
  terminationGracePeriodSeconds: 0
  domain:
    firmware: {kernelBoot: {kernelArgs: "console=ttyS0 TB-ARGS", container: {image: "boot/kernel:v1", kernelPath: /boot/vmlinuz}}}
    memory: {guest: 96Mi}
    devices: {}
EOF
  shows kern TB-ARGS 120
  lift kern.yaml; gone vmi/kern
  await 20 '[ -z "$(other find "$S/pool" -name "kernel-*")" ]'
}
begun() { await 60 "field dv/$1 .status.progress | grep -qE '^[1-9]'"; }
test_who_dies_in_the_middle_of_it() {
  dv mid 'guest.raw?wire=8000000' | drop mid.yaml
  begun mid; host pkill -9 -x solovirt-import
  await 20 '[ "$(field dv/mid .status.phase)" != ImportInProgress ]'
  begun mid; host pkill -9 -f 'solovirt-host qemu.tcp'
  await 30 '[ "$(field dv/mid .status.phase)" != ImportInProgress ]'
  begun mid; daemon_kill; daemon_start
  imported mid 120
  is_image mid
  lift mid.yaml; gone dv/mid
}
test_a_claim_that_grows_during_an_import() {
  dv wide 'guest.raw?wire=8000000' | drop wide.yaml
  begun wide
  sv get pvc/wide -o json | jq '.spec.resources.requests.storage = "400Mi"' | sv apply -f -
  same ImportInProgress "$(field dv/wide .status.phase)"
  imported wide 120
  await 60 '[ "$(field pvc/wide .status.capacity.storage)" = 400Mi ]'
  same $((400 << 20)) "$(other stat -c %s "$(volume_of wide)")"
  is_image wide
  lift wide.yaml; gone dv/wide
}
test_a_pool_that_is_full() {
  other mount -t tmpfs -o size=32m small "$S/pool"
  dv full guest.raw | drop full.yaml
  await 60 '[ "$(field dv/full .status.restartCount)" -ge 2 ]'
  refute '[ "$(field dv/full .status.phase)" = Succeeded ]'
  lift full.yaml; gone dv/full
  other umount "$S/pool"
}
test_it_goes() {
  lift far.yaml; gone dv/far
  await 60 '[ "$(other find "$S/pool" -type f | wc -l)" = 0 ]'
  testbed kill 2
}
