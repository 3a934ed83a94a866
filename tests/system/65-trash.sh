# Disks with data go to the trash and come back with their file.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034
TRASH=1h

test_a_disk_comes_back_with_its_file() {
  vm t data=t-data | drop t.yaml
  shows t 'TB-DISK data1 boots=1' 120
  booted t
  local file; file=$(volume_of t-data)
  host cp "$S/spool/t.yaml" "$S/t.saved"
  lift t.yaml
  gone vm/t; gone dv/t-data
  expect "host test -s '$file'"
  host cat "$S/t.saved" | drop t.yaml
  shows t 'TB-DISK data1 boots=2' 120
  shows t 'TB-READY t boots=2'
}

# kept NAME [VOLUME]: a claim of a class that keeps volumes, a new one or that one
kept() {
  printf '%s\n' 'apiVersion: storage.k8s.io/v1' 'kind: StorageClass' 'metadata: {name: kept}' 'provisioner: local.solovirt.io' 'reclaimPolicy: Retain' | drop kept.yaml
  printf '%s\n' 'apiVersion: v1' 'kind: PersistentVolumeClaim' "metadata: {name: $1}" 'spec:' '  accessModes: [ReadWriteOnce]' '  storageClassName: kept' \
    '  resources: {requests: {storage: 8Mi}}' "${2:+  volumeName: $2}" | drop "$1.yaml"
  await 20 "[ \"\$(field pvc/$1 .status.phase)\" = Bound ]"
}

# patched PV TYPE TEXT: as kubectl patch does it
patched() { host curl -sf --unix-socket "$S/run/sock" -X PATCH -H "Content-Type: application/$2-patch+json" -d "$3" "http://localhost/api/v1/persistentvolumes/$1"; }

test_a_volume_that_is_kept_goes_to_another_claim() {
  kept first
  local pv file; pv=$(field pvc/first .spec.volumeName) file=$(volume_of first)
  echo mine | host dd of="$file" conv=notrunc status=none
  lift first.yaml; gone pvc/first
  same Released "$(field "pv/$pv" .status.phase)"
  kept first "$pv"
  lift first.yaml; gone pvc/first
  patched "$pv" json '[{"op":"remove","path":"/spec/claimRef"}]'
  await 10 "[ \"\$(field pv/$pv .status.phase)\" = Available ]"
  kept second "$pv"
  same mine "$(host head -c 4 "$(volume_of second)")"
  same second "$(field "pv/$pv" .spec.claimRef.name)"
  sv delete "pv/$pv"
  await 10 "[ \"\$(field pv/$pv .status.phase)\" = Bound ]"
  lift second.yaml; gone pvc/second
  expect "host test -s '$file'"
  patched "$pv" merge '{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}'
  gone "pv/$pv"
  refute "host test -e '$file'"
  lift kept.yaml
}

# copy NAME SOURCE: a claim that is made from another one
copy() {
  cat <<EOX
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: $1}
spec: {storageClassName: local, accessModes: [ReadWriteOnce], resources: {requests: {storage: 4Mi}}, ${2:+dataSource: {kind: PersistentVolumeClaim, name: $2\}}}
EOX
}
bound() { await 20 "[ \"\$(field pvc/$1 .status.phase)\" = Bound ]"; }

test_a_claim_of_another_source_gets_no_old_disk() {
  local from
  for from in a b; do
    copy $from | sv apply -f -
    bound $from
    host bash -c "echo $from 1<>'$(volume_of $from)'"
  done
  for from in a b; do
    copy c $from | sv apply -f -
    bound c
    same $from "$(host head -n 1 "$(volume_of c)" | tr -d '\0')"
    sv delete pvc/c
  done
  sv delete pvc/a pvc/b
}

# A claim that took the name of the source is another source, unless it has the source's own volume back.
test_a_source_that_was_replaced_is_another_one() {
  copy r | sv apply -f -
  bound r
  host bash -c "echo old 1<>'$(volume_of r)'"
  copy rc r | sv apply -f -
  bound rc
  local file; file=$(volume_of rc)
  sv delete pvc/rc pvc/r
  copy r | sv apply -f -
  copy rc r | sv apply -f -
  bound rc
  same "$file" "$(volume_of rc)"
  sv delete pvc/rc pvc/r
  copy r | sed 's/4Mi/3Mi/' | sv apply -f -
  bound r
  host bash -c "echo new 1<>'$(volume_of r)'"
  copy rc r | sv apply -f -
  bound rc
  same new "$(host head -n 1 "$(volume_of rc)" | tr -d '\0')"
  sv delete pvc/rc pvc/r
}

test_trash_ends_when_its_time_is_over() {
  lift t.yaml; gone vm/t; gone dv/t-data
  daemon_stop
  host sed -i 's/^trash: .*/trash: 0s/' "$S/solovirtd.yaml"
  daemon_start
  await 20 '[ -z "$(host find "$S/pool" -type f)" ]'
}
