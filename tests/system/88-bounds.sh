# What is limited stays limited, and what is over leaves nothing behind: memory, files, descriptors, threads, processes.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034

HOLD_COUNT=100 HOLD_PERCENT=100     # files come and go here by the dozen

setup() { vm guest | drop guest.yaml; booted guest 1 120; running guest; }

hammer() { host timeout $((300 * PATIENCE)) "$ROOT/tests/testbed/hammer.py" "$S/run/sock" "$@"; }
host_worker() { host pgrep -x solovirt-host | head -1; }
entries() { host ls "/proc/$1/$2" | wc -l; }
anonymous() { host awk '/^RssAnon/ {print $2}' "/proc/$1/status"; }     # KiB of the process's own memory
bytes() { host stat -c %s "$1"; }
# All that daemon and host worker hold: each count must come back.
footprint() {
  local d h; d=$(daemon_pid) h=$(host_worker)
  echo "daemon: $(entries "$d" fd) descriptors, $(entries "$d" task) threads, $(host pgrep -c -P "$d") children;" \
    "solovirt-host: $(entries "$h" fd) descriptors, $(entries "$h" task) threads"
}
# leaves_nothing COMMAND...: once to warm up (lanes and their connections are made by the first call), then in earnest
leaves_nothing() {
  "$@"
  local before; before=$(footprint)
  for _ in 1 2 3; do "$@"; done
  await 60 "[ \"\$(footprint)\" = '$before' ]"
  echo "$before"
}

test_memory_and_files_do_not_grow_with_the_number_of_changes() {
  local first last d; d=$(daemon_pid)
  same 200:10000 "$(hammer patch 10000 much)"
  first=$(anonymous "$d")
  same 200:90000 "$(hammer patch 90000 much)"
  last=$(anonymous "$d")
  echo "KiB after 10,000 changes: $first, after 100,000: $last"
  # 50,000 notes of the change log are a megabyte; the rest is the C library's slack
  expect "[ $last -le $((first + first / 4 + 4096)) ]"
  echo "store: $(bytes "$S/state/solovirt.db") bytes, its log: $(bytes "$S/state/solovirt.db-wal")"
  expect '[ "$(bytes "$S/state/solovirt.db")" -le $((320 << 20)) ]'
  expect '[ "$(bytes "$S/state/solovirt.db-wal")" -le $((72 << 20)) ]'
  sv delete configmap --all >/dev/null
}

test_requests_leave_nothing() { leaves_nothing hammer requests 1500; }
test_watches_that_are_cut_leave_nothing() { leaves_nothing hammer watches 500; }
test_consoles_that_are_cut_leave_nothing() {
  leaves_nothing hammer consoles 80 guest
  # and the console still answers
  expect 'hammer consoles 8 guest | grep -q "101:"'
}

imports_cancelled() {
  local i
  for i in 1 2 3 4 5 6; do dv "half-$i" 'guest.raw?rate=1000000' | drop "half-$i.yaml"; done
  await 20 '[ -n "$(host pgrep -x solovirt-import)" ]'
  for i in 1 2 3 4 5 6; do lift "half-$i.yaml"; done
  for i in 1 2 3 4 5 6; do gone "dv/half-$i"; gone "pvc/half-$i"; done
  await 20 '! host pgrep -x solovirt-import'
}
test_imports_that_are_cancelled_leave_nothing() {
  leaves_nothing imports_cancelled
  same '' "$(host ls "$S/state/import" 2>/dev/null)"
}

worker_killed() {
  local old; old=$(host_worker)
  host kill -9 "$old"
  await 40 "[ -n \"\$(host_worker)\" ] && [ \"\$(host_worker)\" != $old ] && [ \"\$(condition node/${P}1 Ready)\" = True ]"
  # its lanes have their connections again
  for _ in 1 2 3; do hammer consoles 8 guest >/dev/null; done
}
test_host_workers_that_are_killed_leave_nothing_in_the_daemon() {
  local d before; d=$(daemon_pid)
  worker_killed
  before="$(entries "$d" fd) $(entries "$d" task) $(host pgrep -c -P "$d")"
  for _ in 1 2 3 4; do worker_killed; done
  await 30 "[ \"\$(entries $d fd) \$(entries $d task) \$(host pgrep -c -P $d)\" = '$before' ]"
}

test_what_users_ask_of_a_host_that_hangs_is_limited() {
  local answers
  host pkill -STOP -x libvirtd
  answers=$(hammer reboot 3000 guest)
  host pkill -CONT -x libvirtd
  echo "$answers"
  # 4 are with the worker, 1,000 wait; the others are told to come again
  await 90 '[ "$(condition node/${P}1 Ready)" = True ]'
  expect "grep -q 503: <<<'$answers'"
  expect "[ $(grep -oE '20[0-9]:[0-9]+' <<<"$answers" | cut -d: -f2) -le 1100 ]"
  running guest
}
