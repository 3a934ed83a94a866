# What a guest gets besides its own disks: the instance's metadata, answers for Windows Setup, throw-away copies.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034

doc() { echo ---; }
disk() { printf '            - {name: %s, serial: %s, disk: {bus: virtio}}\n' "$1" "$1"; }
claim() { printf '%s\n' 'apiVersion: v1' 'kind: PersistentVolumeClaim' "metadata: {name: $1}" 'spec:' '  accessModes: [ReadWriteOnce]' \
  '  storageClassName: local' '  resources: {requests: {storage: 64Mi}}'; }

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
