# The drivers and the disk fail at their n-th call, for every n: the controllers come to what is wanted all the same, nothing
# is left over, and the reason is told. (tests/faults/faults.py says what a lap is.)
# shellcheck shell=bash disable=SC2016,SC2154,SC2034

# Its daemon stands aside for one whose workers fail. SEED replays what is drawn.
faults() {
  local rc=0
  daemon_stop
  host env PATIENCE="$PATIENCE" "$ROOT/tests/faults/faults.py" --build "$BUILD" --dir "$S" --host "${P}1" --seed "${SEED:-$RANDOM}" "$@" || rc=$?
  host rm -rf "$S/spool" "$S/state" "$S/run"
  host mkdir -p "$S/spool" "$S/state" "$S/run"
  config | host tee "$S/solovirtd.yaml" >/dev/null
  daemon_start
  return $rc
}

test_every_call_that_fails() { faults --faults refuse; }
test_every_call_that_is_done_and_told_otherwise() { faults --faults deny --trash 1s; }
test_calls_whose_worker_hangs_dies_or_answers_late() { faults --faults swallow,mute,late,die,die-after --deadline; }
test_calls_of_the_store_that_fail() { faults --calls open,fdatasync,pwrite; }
