# Volumes on Ceph while the daemon, its worker for Ceph and its imports are killed: at two hundred points the store, the images, their
# snapshots, Ceph's trash, the objects of the pool and the state directory agree exactly, and all data is what it must be.
# ("make crash SCENARIO=storage POINTS=2000" goes on; tests/crash/storage.py says what is done and compared.)
# shellcheck shell=bash disable=SC2154

test_two_hundred_crash_points_of_volumes_agree() {
  local rc=0
  "$ROOT/tests/crash/crash.py" --scenario storage --build "$BUILD" --seed "${CRASH_SEED:-1}" --points "${CRASH_POINTS:-200}" \
    --beds "${CRASH_BEDS:-3}" 2>&1 | tee "$WORK/crash.log" | { grep --line-buffered ' a second$' >&3 || true; } || rc=$?
  # what differs comes last, where a failure is shown
  grep -E '^  \|' "$WORK/crash.log" | tail -n 12 || true
  grep -vE '^  \|| a second$' "$WORK/crash.log" | tail -n 20
  return "$rc"
}
