# The daemon comes and goes; the guests do not notice.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034

setup() { vm up user="$HEARTBEAT" data=up-data | drop up.yaml; booted up 1 120; running up; }

# The guest runs on: same domain id, same process, and its clock did not stand still.
lives_on() {     # lives_on COMMAND...: what the daemon goes through in the meantime
  local id pid beat uid ip
  id=$(virsh_ domid "$(domain up)") pid=$(qemu_pid up) beat=$(last_beat up) uid=$(field vmi/up .metadata.uid) ip=$(ip_of up)
  "$@"
  await 30 '[ "$(phase up)" = Running ]'
  await 20 "[ \"\$(last_beat up)\" -gt ${beat:-0} ]"
  same "$id" "$(virsh_ domid "$(domain up)")"
  same "$pid" "$(qemu_pid up)"
  same "$uid" "$(field vmi/up .metadata.uid)"
  same "$ip" "$(ip_of up)"
  same 1 "$(count_shown up TB-READY)"
}
test_guests_survive_a_clean_restart() { lives_on eval 'daemon_stop; daemon_start'; }
test_guests_survive_kill_9() { lives_on eval 'daemon_kill; daemon_start'; }
test_workers_die_with_a_killed_daemon() {
  daemon_kill
  await 10 '! host pgrep -x solovirt-host'
  daemon_start
}
test_a_killed_host_worker_is_started_again() {
  local old; old=$(host pgrep -x solovirt-host | head -1)
  lives_on host kill -9 "$old"
  await 20 "[ -n \"\$(host pgrep -x solovirt-host)\" ] && [ \"\$(host pgrep -x solovirt-host | head -1)\" != $old ]"
  await 20 '[ "$(condition node/${P}1 Ready)" = True ]'
}
test_a_guest_that_ended_while_the_daemon_was_away_is_noticed() {
  vm away run=RerunOnFailure | drop away.yaml
  booted away 1 120
  daemon_kill
  virsh_ shutdown "$(domain away)"
  await 30 '[ -z "$(qemu_pid away)" ]'
  daemon_start
  becomes away Stopped
  lift away.yaml; gone vm/away
}
test_a_file_changed_while_the_daemon_was_away_is_applied() {
  daemon_stop
  edit up.yaml 's/labels: {app: up}/labels: {app: up, seen: later}/'
  daemon_start
  await 15 '[ "$(field vm/up .metadata.labels.seen)" = later ]'
  running up
}
test_sigterm_ends_within_seconds_and_cleanly() {
  local m; m=$(mark)
  lives_on eval 'daemon_stop; daemon_start'
  refute "log_since $m | grep -qiE 'assert|abort|leak|sanitizer'"
  refute 'host test -e "$S/state/core"'
}
test_sighup_looks_at_the_spool_and_reads_the_configuration() {
  local p; p=$(daemon_pid)
  host sed -i 's/^  memory: 1$/  memory: 3/' "$S/solovirtd.yaml"
  host kill -HUP "$p"
  await 10 'daemon_log | tail -n 20 | grep -q "configuration was read again"'
  await 5 'sv version'
  same "$p" "$(daemon_pid)"
}
test_sighup_with_a_bad_configuration_keeps_the_old() {
  host cp "$S/solovirtd.yaml" "$S/good.yaml"
  echo 'nonsense: true' | host tee -a "$S/solovirtd.yaml" >/dev/null
  host kill -HUP "$(daemon_pid)"
  await 10 'daemon_log | tail -n 20 | grep -q nonsense'
  expect 'sv version'
  running up
  host mv "$S/good.yaml" "$S/solovirtd.yaml"
  host kill -HUP "$(daemon_pid)"
}
test_a_second_daemon_on_the_same_state_is_refused() {
  local rc=0 out
  out=$(host timeout 20 "$BUILD/solovirtd" --config "$S/solovirtd.yaml" 2>&1) || rc=$?
  refute "[ $rc = 0 ] || [ $rc = 124 ]"
  grep -qiE 'another|already|in use|locked' <<<"$out" || { echo "$out"; return 1; }
  expect 'sv version'
}
test_bad_configurations_are_refused_with_their_place() {
  local out
  printf 'spoolDirectory: /x\ntrahs: 1h\n' | host tee "$S/bad.yaml" >/dev/null
  out=$(host timeout 20 "$BUILD/solovirtd" --config "$S/bad.yaml" 2>&1) && return 1
  grep -qE 'bad.yaml:2:[0-9]+: .*"trash"' <<<"$out" || { echo "$out"; return 1; }
  refute 'host timeout 20 "$BUILD/solovirtd" --config /nonexistent'
}
test_libvirtd_restart_is_survived() {
  lives_on eval 'host pkill -x libvirtd; await 10 "! host pgrep -x libvirtd"; host libvirtd -d -l; await 30 "[ \"\$(condition node/${P}1 Ready)\" = True ]"'
}
test_a_stopped_libvirtd_holds_nobody_up() {
  host pkill -STOP -x libvirtd
  await 60 '[ "$(condition node/${P}1 Ready)" != True ]'
  expect 'host timeout 3 "$BUILD/solovirt" -s "$S/run/sock" get vm'
  host pkill -CONT -x libvirtd
  await 90 '[ "$(condition node/${P}1 Ready)" = True ]'
  lives_on true
}
test_domains_of_others_are_left_alone() {
  printf "<domain type='qemu'><name>default_other</name><memory unit='MiB'>32</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>" |
    host tee "$S/other.xml" >/dev/null
  virsh_ define "$S/other.xml"
  daemon_stop; daemon_start
  vm other | drop other.yaml
  await 60 'sv describe vm/other | grep -qiE "not ours|exists|other"'
  expect '[ "$(virsh_ domstate default_other | head -1)" = "shut off" ]'
  virsh_ undefine default_other
  lift other.yaml; gone vm/other
}
