# What keeps a machine running: every runStrategy, and `running`.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034

OFF='poweroff'                       # the guest ends by itself, once: user data runs on the first boot only

setup() { dv warm guest.qcow2 | drop warm.yaml; imported warm; lift warm.yaml; }

test_always_starts_again_after_the_guest_powered_off() {
  vm always run=Always user=$OFF | drop a.yaml
  await 90 '[ "$(count_shown always "TB-CLOUD")" -ge 1 ]'
  shows always 'TB-READY always boots=2' 90
  becomes always Running
  lift a.yaml; gone vm/always
}

test_rerun_on_failure_lets_a_clean_poweroff_be() {
  vm rerun run=RerunOnFailure user=$OFF | drop r.yaml
  shows rerun 'TB-CLOUD'
  becomes rerun Stopped
  gone vmi/rerun      # KubeVirt deletes the instance of a clean end, and stays down
  refute 'console rerun | grep -q boots=2'
  lift r.yaml; gone vm/rerun
}

test_rerun_on_failure_starts_again_after_a_crash() {
  vm rerun2 run=RerunOnFailure | drop r2.yaml
  booted rerun2
  host kill -9 "$(qemu_pid rerun2)"
  shows rerun2 'TB-READY rerun2 boots=2' 120
  lift r2.yaml; gone vm/rerun2
}

test_once_runs_once() {
  vm once run=Once user=$OFF | drop o.yaml
  shows once 'TB-CLOUD'
  await 60 '[ "$(phase once)" = Succeeded ]'
  exits 4 sv start once
  lift o.yaml; gone vm/once
}

test_manual_waits_for_start() {
  vm manual run=Manual | drop m.yaml
  imported manual-root
  becomes manual Stopped
  refute 'sv get vmi/manual'
  sv start manual; booted manual
  sv stop manual; becomes manual Stopped
  gone vmi/manual
  lift m.yaml; gone vm/manual
}

test_halted_never_starts_until_the_file_says_so() {
  vm halted run=Halted | drop h.yaml
  imported halted-root
  becomes halted Stopped
  edit h.yaml 's/runStrategy: Halted/runStrategy: Always/'
  running halted 90
  edit h.yaml 's/runStrategy: Always/runStrategy: Halted/'
  becomes halted Stopped
  lift h.yaml; gone vm/halted
}

test_running_true_and_false() {
  vm flag running=true | drop f.yaml
  running flag 90
  edit f.yaml 's/running: true/running: false/'
  becomes flag Stopped
  edit f.yaml 's/running: false/running: true/'
  running flag
  lift f.yaml; gone vm/flag
}

test_running_and_run_strategy_together_are_refused() {
  vm both run=Always vmspec='  running: true' | drop b.yaml
  await 10 'sv spool | grep -E "b.yaml" | grep -qi "running"'
  exits 3 sv get vm/both
  lift b.yaml
}
