# Guests that end in other ways than asked: by themselves, by a crash, or not at all.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034

test_a_killed_qemu_is_noticed_and_started_again() {
  vm crash user="$HEARTBEAT" | drop crash.yaml
  booted crash
  host kill -9 "$(qemu_pid crash)"
  shows crash 'TB-READY crash boots=2' 120
  becomes crash Running
  await 10 'sv events | grep -i crash | grep -qiE "fail|crash|stopped"'
  lift crash.yaml; gone vm/crash
}

test_a_machine_that_cannot_start_backs_off_and_recovers() {
  local disk
  vm fail run=Halted | drop fail.yaml
  imported fail-root
  disk=$(volume_of fail-root)
  host mv "$disk" "$S/aside"
  sv start fail
  becomes fail CrashLoopBackOff 60
  await 10 '[ -n "$(field vm/fail .status.startFailure.retryAfterTimestamp)" ]'
  await 60 '[ "$(field vm/fail .status.startFailure.consecutiveFailCount)" -ge 2 ]'
  expect 'sv describe vm/fail | grep -qi "no such file\|cannot access"'
  host mv "$S/aside" "$disk"
  becomes fail Running 120
  booted fail
  await 10 '[ -z "$(field vm/fail .status.startFailure.consecutiveFailCount)" ]'
  lift fail.yaml; gone vm/fail
}

test_a_reboot_from_inside_is_no_stop() {
  vm reboot user='reboot' | drop reboot.yaml
  shows reboot 'TB-READY reboot boots=2' 120
  lift reboot.yaml; gone vm/reboot
}

test_a_guest_that_ignores_the_power_button_is_ended_after_the_grace_period() {
  local start
  vm deaf grace=4 user='rm /etc/acpi/PWRF/00000080' | drop deaf.yaml
  booted deaf
  start=$SECONDS
  sv stop deaf
  gone vmi/deaf 40
  expect "[ $((SECONDS - start)) -ge 3 ]" # deletionTimestamp is in whole seconds
  becomes deaf Stopped
  await 5 '[ -z "$(virsh_ list --name)" ]'
  lift deaf.yaml; gone vm/deaf
}

test_grace_period_zero_does_not_wait() {
  vm hasty grace=0 user='rm /etc/acpi/PWRF/00000080' | drop hasty.yaml
  booted hasty
  sv stop hasty
  gone vmi/hasty 10
  lift hasty.yaml; gone vm/hasty
}

test_a_graceful_stop_unmounts_the_disks() {
  vm clean grace=60 data=clean-data | drop clean.yaml
  booted clean
  sv stop clean
  gone vmi/clean 60
  sv start clean
  shows clean 'TB-DISK data1 boots=2' 90
  refute 'console clean | grep -qi "recover"'
  lift clean.yaml; gone vm/clean
}

test_deleting_a_running_machine_stops_it_first() {
  vm bye | sv apply -f -      # no file names it: it would come back
  booted bye
  sv delete vm/bye --wait=false
  gone vm/bye; gone vmi/bye
  await 10 '[ -z "$(virsh_ list --all --name)" ]'
}
