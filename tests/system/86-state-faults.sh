# Faults of the files that the daemon lives on, and of the time: the guest does not notice, nothing acknowledged is lost.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034

cm() { printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {k: v}\n' "$1"; }
setup() { vm st user="$HEARTBEAT" data=st-data | drop st.yaml; booted st 1 120; running st; }

# What must be the same after a fault: the instance and its domain, its process, its disks, its address.
identity() {
  field vmi/st .metadata.uid; echo
  virsh_ domid "$(domain st)"; qemu_pid st; ip_of st; echo
  field pvc/st-root .spec.volumeName; echo; field pvc/st-data .spec.volumeName; echo
  virsh_ list --all --name | grep -c st
  pool_files | grep -c pvc-
}
# The guest ran through it all: it did not boot again, and its clock goes on.
goes_on() {
  local beat; beat=$(last_beat st)
  running st
  await 20 "[ \"\$(last_beat st)\" -gt $beat ]"
  same 1 "$(count_shown st TB-READY)"
}

# ------------------------------------------------------------------ the state directory

test_the_state_directory_removed_under_the_daemon_is_written_anew() {
  local was uids m; was=$(identity) uids=$(sv get vm,dv,pvc -o 'jsonpath={.items[*].metadata.uid}') m=$(mark)
  host rm -rf "$S/state"
  cm after | drop after.yaml
  await 15 'sv get cm/after'
  expect "log_since $m | grep -q 'taken away beneath the daemon'"
  expect 'host test -s "$S/state/solovirt.db" && host test -s "$S/state/lock"'
  daemon_kill; daemon_start
  goes_on
  same "$was" "$(identity)"
  same "$uids" "$(sv get vm,dv,pvc -o 'jsonpath={.items[*].metadata.uid}')"
  expect 'sv get cm/after'
  lift after.yaml; gone cm/after
}
test_a_store_lost_for_good_is_made_again_around_the_running_guest() {
  local was; was=$(identity)
  daemon_stop
  host rm -rf "$S/state"
  daemon_start
  becomes st Running
  goes_on
  same "$was" "$(identity)"
  same Succeeded "$(field dv/st-root .status.phase)"
  expect 'sv events --for vm/st >/dev/null; sv describe vmi/st | grep -q Adopted'
  # and it is the machine's own again: it stops, starts from the same disk, and a restarted daemon finds nothing new
  sv restart st
  booted st 2 120; running st
  same "$(sed -n '4,6p' <<<"$was")" "$(identity | sed -n '4,6p')"
  daemon_stop; daemon_start
  running st
  same 2 "$(count_shown st TB-READY)"
}
