# The operator's verbs, and that the file in the spool does not undo them by an unrelated edit.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034

setup() { vm v user="$HEARTBEAT" | drop v.yaml; booted v 1 120; }

test_pause_stops_the_clock_of_the_guest_and_unpause_goes_on() {
  local a
  shows v TB-BEAT
  sv pause v
  await 10 '[ "$(domain_state v)" = paused ]'
  becomes v Paused
  await 10 '[ "$(condition vmi/v Paused)" = True ]'
  a=$(last_beat v)
  sv unpause v
  becomes v Running
  await 20 "[ \"\$(last_beat v)\" -gt $a ]"
}

test_pause_of_a_paused_machine_is_refused() {
  sv pause v; becomes v Paused
  exits 4 sv pause v
  sv unpause v; becomes v Running
  exits 4 sv unpause v
}

test_stop_changes_the_strategy_and_ends_the_guest() {
  sv stop v
  becomes v Stopped
  gone vmi/v
  same Halted "$(field vm/v .spec.runStrategy)"
}

test_a_stop_is_not_undone_by_an_unrelated_edit() {
  edit v.yaml 's/labels: {app: v}/labels: {app: v, note: edited}/'
  await 15 '[ "$(field vm/v .metadata.labels.note)" = edited ]'
  becomes v Stopped
  same Halted "$(field vm/v .spec.runStrategy)"
  exits 3 sv get vmi/v
}

test_nor_by_a_restart_of_the_daemon() {
  daemon_stop; daemon_start
  await 20 'sv spool | grep -q v.yaml'
  becomes v Stopped
  exits 3 sv get vmi/v
}

test_start_starts() {
  sv start v --dry-run
  same Halted "$(field vm/v .spec.runStrategy)"
  sv start v
  becomes v Running
  booted v 2
}

test_an_edit_of_the_strategy_itself_is_obeyed() {
  edit v.yaml 's/runStrategy: Always/runStrategy: Halted/'
  becomes v Stopped
  edit v.yaml 's/runStrategy: Halted/runStrategy: Always/'
  becomes v Running 90
  booted v 3
}

test_restart_makes_a_new_instance() {
  local uid; uid=$(field vmi/v .metadata.uid)
  sv restart v
  await 60 "[ -n \"\$(field vmi/v .metadata.uid)\" ] && [ \"\$(field vmi/v .metadata.uid)\" != $uid ]"
  booted v 4 90
}

test_start_of_a_running_and_verbs_on_an_unknown_machine() {
  exits 4 sv start v
  exits 3 sv start nosuch
  exits 3 sv stop nosuch
  exits 3 sv restart nosuch
}

test_start_paused() {
  vm p run=Manual | drop p.yaml
  imported p-root
  sv start --paused p
  becomes p Paused
  expect '[ "$(domain_state p)" = paused ]'
  same '' "$(console p | head -c 100)"
  sv unpause p
  booted p
}

test_start_strategy_paused_in_the_spec() {
  vm p2 spec='      startStrategy: Paused' | drop p2.yaml
  becomes p2 Paused
  sv unpause p2
  booted p2
}
