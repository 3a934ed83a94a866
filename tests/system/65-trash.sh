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

test_trash_ends_when_its_time_is_over() {
  lift t.yaml; gone vm/t; gone dv/t-data
  daemon_stop
  host sed -i 's/^trash: .*/trash: 0s/' "$S/solovirtd.yaml"
  daemon_start
  await 20 '[ -z "$(host find "$S/pool" -type f)" ]'
}
