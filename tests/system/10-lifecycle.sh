# One file is one machine: create, change, delete; what the guest sees, and what it finds again after a restart.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034

setup() {
  vm web data=web-data user='echo USERDATA-RAN > /dev/console' user="$HEARTBEAT" | drop web.yaml
}

test_a_dropped_file_becomes_a_running_machine() {
  imported web-root
  becomes web Running
  booted web
  expect '[ "$(domain_state web)" = running ]'
}

test_the_guest_has_hostname_and_user_data() {
  shows web 'TB-READY web boots=1'
  shows web 'USERDATA-RAN'
}

test_the_guest_has_its_data_disk() {
  shows web 'TB-DISK data1 boots=1 sectors=131072'
}

test_the_root_disk_has_the_requested_size() {
  await 10 '[ "$(virsh_ domblkinfo "$(domain web)" vda | sed -n "s/^Capacity: *//p")" = $((300 * 1048576)) ]'
}

test_the_address_in_status_is_the_one_the_guest_has() {
  await 30 '[ -n "$(ip_of web)" ]'
  shows web "TB-IP eth0 $(ip_of web)/24"
  await 10 'sv get vmi web -o wide | grep -qF "$(ip_of web)"'
}

test_domain_is_named_and_marked_as_ours() {
  expect '[ "$(domain web)" = default_web ]'
  expect 'virsh_ dumpxml default_web | grep -qF "$(field vmi/web .metadata.uid)"'
  expect '[ -n "$(virsh_ list --persistent --name | grep -x default_web)" ]'
}

test_disks_keep_their_data_and_the_guest_its_address_over_a_restart() {
  local ip; ip=$(ip_of web)
  sv restart web
  booted web 2
  shows web 'TB-READY web boots=2'
  shows web 'TB-DISK data1 boots=2'
  same "$ip" "$(ip_of web)"
  same 2 "$(count_shown web "TB-IP eth0 $ip/")"
  # user data is for the first boot of an instance
  same 1 "$(count_shown web USERDATA-RAN)"
}

test_a_changed_label_reaches_the_object_without_a_restart() {
  local id; id=$(qemu_pid web)
  edit web.yaml 's/labels: {app: web}/labels: {app: web, tier: front}/'
  await 15 '[ "$(field vm/web .metadata.labels.tier)" = front ]'
  same "$id" "$(qemu_pid web)"
}

test_changed_memory_waits_for_a_restart_and_says_so() {
  edit web.yaml 's/guest: 96Mi/guest: 112Mi/'
  await 15 '[ "$(condition vm/web RestartRequired)" = True ]'
  expect '[ "$(field vmi/web .spec.domain.memory.guest)" = 96Mi ]'
  sv restart web
  booted web 3
  await 10 '[ "$(field vmi/web .spec.domain.memory.guest)" = 112Mi ]'
  await 10 '[ "$(condition vm/web RestartRequired)" != True ]'
  expect 'virsh_ dominfo default_web | grep -q "Max memory: *114688"'
}

test_same_address_after_recreation_from_the_same_file() {
  local ip mac; ip=$(ip_of web) mac=$(field vmi/web '.status.interfaces[0].mac')
  host cp "$S/spool/web.yaml" "$S/web.saved"
  lift web.yaml
  gone vm/web; gone vmi/web; gone dv/web-root
  await 10 '[ -z "$(virsh_ list --all --name)" ]'
  host cat "$S/web.saved" | drop web.yaml
  becomes web Running 120
  await 30 '[ -n "$(ip_of web)" ]'
  same "$ip" "$(ip_of web)"
  same "$mac" "$(field vmi/web '.status.interfaces[0].mac')"
}

test_a_removed_file_removes_machine_domain_and_disks() {
  lift web.yaml
  gone vm/web; gone vmi/web; gone dv/web-root; gone pvc/web-root
  await 10 '[ -z "$(virsh_ list --all --name)" ]'
  await 10 '[ -z "$(pool_files)" ]'
}

test_two_machines_have_two_addresses() {
  vm one | drop one.yaml; vm two | drop two.yaml
  running one; running two
  await 30 '[ -n "$(ip_of one)" ] && [ -n "$(ip_of two)" ]'
  refute '[ "$(ip_of one)" = "$(ip_of two)" ]'
}
