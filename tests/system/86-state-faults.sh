# Faults of the files that the daemon lives on, and of the time: the guest does not notice, nothing acknowledged is lost.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034

# The daemon with the library that makes faults (faults.c): orders are files in $S/faults.
daemon_launch() {
  [ -e "$WORK/faults.so" ] || cc -shared -fPIC -O1 -o "$WORK/faults.so" "$ROOT/tests/system/faults.c" -ldl
  host mkdir -p "$S/faults"
  host setsid bash -c 'echo $$ >"$1/pid"; LD_PRELOAD=$3 SOLOVIRT_FAULTS=$1/faults exec "$2" --config "$1/solovirtd.yaml"' - \
    "$S" "$BUILD/solovirtd" "$WORK/faults.so" </dev/null >>"$WORK/solovirtd.log" 2>&1 &
}
fault() { echo "$2" | host tee "$S/faults/$1.new" >/dev/null; host mv "$S/faults/$1.new" "$S/faults/$1"; }
no_fault() { host rm -f "$S/faults/$1"; }
# configure KEY VALUE: a line of the configuration, read again
configure() {
  local m; m=$(mark)
  host sed -i "s/^\( *$1\): .*/\1: $2/" "$S/solovirtd.yaml"
  host kill -HUP "$(daemon_pid)"
  await 10 "log_since $m | grep -q 'configuration was read again'"
}

cm() { printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {k: v}\n' "$1"; }
setup() { vm st user="$HEARTBEAT" data=st-data | drop st.yaml; booted st 1 120; running st; }

# What must be the same after a fault: the instance and its domain, its process, its disks, its address, how often it booted.
identity() {
  field vmi/st .metadata.uid; echo
  virsh_ domid "$(domain st)"; qemu_pid st; ip_of st; echo
  field pvc/st-root .spec.volumeName; echo; field pvc/st-data .spec.volumeName; echo
  virsh_ list --all --name | grep -c st
  pool_files | grep -c pvc-
  count_shown st TB-READY
}
# The guest runs: its clock goes on.
goes_on() {
  local beat; beat=$(last_beat st)
  running st
  await 20 "[ \"\$(last_beat st)\" -gt $beat ]"
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
}

test_a_read_only_state_directory_is_told_and_overcome() {
  local was; was=$(identity)
  cm early | drop early.yaml; await 15 'sv get cm/early'
  fault readonly "$S/state"
  cm late | drop late.yaml
  await 20 'status_file late.yaml | grep -q "read-only"'
  cm never >"$WORK/never.yaml"
  refute 'sv apply -f "$WORK/never.yaml" 2>"$WORK/never.err"'
  expect 'grep -q "read-only" "$WORK/never.err"'
  expect 'daemon_log | tail -n 50 | grep -q "store cannot be written: the disk of .* is read-only"'
  expect 'sv get cm/early && sv get vm/st'
  refute 'sv get cm/late'
  goes_on
  no_fault readonly
  await 30 'sv get cm/late'
  await 10 'status_file late.yaml | grep -q Accepted'
  sv apply -f "$WORK/never.yaml"
  daemon_kill; daemon_start
  expect 'sv get cm/early cm/late cm/never'
  goes_on
  same "$was" "$(identity)"
  lift early.yaml; lift late.yaml; sv delete cm/never; gone cm/early; gone cm/late
}

# ------------------------------------------------------------------ the database file

flip() { host python3 -c 'import sys
path, at = sys.argv[1], int(sys.argv[2])
with open(path, "r+b") as f:
    f.seek(at); byte = f.read(1)[0]; f.seek(at); f.write(bytes([byte ^ 4]))' "$S/state/solovirt.db" "$1"; }
places_of() { host grep -abo "$1" "$S/state/solovirt.db" | cut -d: -f1; }
flip_header() { flip 3; }
flip_page_header() { flip 100; }
flip_object() { local at; for at in $(places_of '"kind":"VirtualMachine"'); do flip "$at"; done; }     # SQLite leaves old copies behind
cut_half() { host truncate -s "$(($(host stat -c %s "$S/state/solovirt.db") / 2))" "$S/state/solovirt.db"; }
cut_all() { host truncate -s 0 "$S/state/solovirt.db"; }
backups() { host find "$S/state/backup" -name '*.db' 2>/dev/null | sort | tail -n 1 || true; }
aside() { host find "$S/state" -name 'solovirt.db.damaged-*' -not -name '*.reason' -not -name '*-wal' | wc -l; }

# damaged HOW: what the daemon makes of it; the guest and all objects must be as they were
damaged() {
  local was count m; was=$(identity) count=$(aside) m=$(mark)
  daemon_stop
  "$1"
  daemon_start
  expect "log_since $m | grep -qE 'solovirt.db: |missing or empty'"
  same $((count + 1)) "$(aside)"
  expect 'sv get cm/kept'
  goes_on
  same "$was" "$(identity)"
}
test_a_damaged_database_is_kept_aside_and_a_backup_used() {
  cm kept >"$WORK/kept.yaml"; sv apply -f "$WORK/kept.yaml"
  local newest how; newest=$(backups)
  await 200 "[ \"\$(backups)\" != '$newest' ]"     # a minute after a change
  for how in flip_header flip_page_header flip_object cut_half cut_all; do echo "damaged: $how"; damaged $how; done
}
test_a_damaged_database_without_a_backup_is_made_again_from_the_spool() {
  local was m; was=$(identity) m=$(mark)
  daemon_stop
  host rm -rf "$S/state/backup"
  flip_object
  daemon_start
  expect "log_since $m | grep -q 'no good backup'"
  becomes st Running
  goes_on
  same "$was" "$(identity)"
}

# ------------------------------------------------------------------ the spool

test_an_unmounted_spool_deletes_nothing() {
  local was; was=$(identity)
  # the files are on a mount of their own; the directory beneath it was a spool once, too
  host mkdir "$S/disk"; host cp "$S/spool/st.yaml" "$S/disk/"
  host mount --bind "$S/disk" "$S/spool"
  cm on-disk | drop on-disk.yaml
  await 20 'sv spool | grep -q "another one"'
  sv spool confirm; await 20 'sv get cm/on-disk'
  await 10 '! sv spool | grep -q "another one"'
  host umount -l "$S/spool"
  host rm "$S/spool/st.yaml"
  await 20 'sv spool | grep -q "another one"'
  expect 'daemon_log | tail -n 30 | grep -q "would be deleted, but are kept"'
  sv spool sync; sv spool sync; sv spool sync
  expect 'sv get cm/on-disk && sv get vm/st'
  goes_on
  host mount --bind "$S/disk" "$S/spool"
  await 20 '! sv spool | grep -q "another one"'
  await 20 'status_file st.yaml | grep -q Accepted'
  goes_on
  same "$was" "$(identity)"
  # back to the first directory, for the other tests
  lift on-disk.yaml; gone cm/on-disk
  host umount -l "$S/spool"; host cp "$S/disk/st.yaml" "$S/spool/"
  await 20 'sv spool | grep -q "another one"'; sv spool confirm
  await 20 'status_file st.yaml | grep -q Accepted && ! sv spool | grep -q "another one"'
  goes_on
}
test_events_that_inotify_lost_are_found_by_looking() {
  configure scanInterval 1h
  cm goes | drop goes.yaml; await 10 'sv get cm/goes'
  host kill -STOP "$(daemon_pid)"
  host bash -c 'cd "$1" && for ((i = 0; i < 10000; i++)); do : >.a; : >.b; done; rm .a .b' - "$S/spool"
  cm comes | drop comes.yaml; lift goes.yaml
  host kill -CONT "$(daemon_pid)"
  kill -CONT "$(ps -o ppid= -p "$(pgrep -f "solovirtd --config $S/" | head -n 1)")"     # nsenter(1) stops with its child
  await 15 'sv get cm/comes'
  gone cm/goes
  configure scanInterval "$SCAN"
  lift comes.yaml; gone cm/comes
}
count() { sv get vm -l app=many --no-headers 2>/dev/null | grep -c many || true; }
test_ten_thousand_files_at_once() {
  host python3 -c 'import os, sys
os.mkdir(sys.argv[1])
for i in range(10000):
    with open("%s/many%d.yaml" % (sys.argv[1], i), "w") as f:
        f.write("""apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {name: many%d, labels: {app: many}}
spec:
  runStrategy: Halted
  template: {spec: {domain: {memory: {guest: 64Mi}, devices: {}}}}
""" % i)' "$S/spool/.many"
  host mv "$S/spool/.many" "$S/spool/many"
  # asked and answered while it is at it
  await 120 'n=$(count); [ "$n" -gt 0 ] && { [ "$n" -lt 10000 ] || echo "all at once" >"$WORK/at-once"; }'
  refute 'test -e "$WORK/at-once"'
  await 200 '[ "$(count)" = 10000 ]'
  await 100 '[ "$(host find "$S/run/spool/many" -name "*.status" | wc -l)" = 10000 ]'
  refute 'host grep -L Accepted -r "$S/run/spool/many" | grep -q .'
  echo "memory with 10,000 machines: $(host grep VmRSS "/proc/$(daemon_pid)/status")" >&2
  host mv "$S/spool/many" "$S/many"
  await 200 'sv spool | grep -q "10000"'
  sv spool confirm
  await 200 '[ "$(count)" = 0 ]'
  await 120 '[ -z "$(host find "$S/run/spool" -name "many*.status")" ]'
  echo "memory after they went: $(host grep VmRSS "/proc/$(daemon_pid)/status")" >&2
  goes_on
}

# ------------------------------------------------------------------ descriptors

# Connections that ask for a watch and come again when they are refused, until the file is gone.
crowd() { host python3 -c 'import os, select, socket, sys
path, end, held = sys.argv[1], sys.argv[2], []
while os.path.exists(end):
    while len(held) < 40:
        s = socket.socket(socket.AF_UNIX); s.connect(path)
        s.sendall(b"GET /apis/kubevirt.io/v1/virtualmachines?watch=true HTTP/1.1\r\nHost: x\r\n\r\n"); held.append(s)
    for s in select.select(held, [], [], 1)[0]:
        if not s.recv(65536): held.remove(s)' "$S/run/sock" "$S/crowd"; }
ticks() { host cut -d' ' -f14,15 "/proc/$(daemon_pid)/stat" | tr ' ' + | bc; }
refusals() { log_since "$1" | grep -c 'cannot accept a connection' || true; }
test_without_descriptors_it_waits_for_some() {
  local was m used; was=$(identity) m=$(mark)
  host prlimit --pid "$(daemon_pid)" --nofile="$(($(host ls "/proc/$(daemon_pid)/fd" | wc -l) + 8)):"
  host touch "$S/crowd"; crowd &
  await 20 "[ \$(refusals $m) -ge 1 ]"
  used=$(ticks)
  cm crowded | drop crowded.yaml
  await 40 "[ \$(refusals $m) -ge 4 ]"
  # three pauses of two seconds: a loop that spins would have used all of them
  expect "[ $(($(ticks) - used)) -lt 200 ]"
  expect daemon_alive
  host rm "$S/crowd"; wait
  await 20 'sv get vm/st'
  await 20 'sv get cm/crowded'
  host prlimit --pid "$(daemon_pid)" --nofile=1024:
  goes_on
  same "$was" "$(identity)"
  lift crowded.yaml; gone cm/crowded
}

# ------------------------------------------------------------------ the clock

DAY=86400
precious() {
  cat <<'X'
apiVersion: cdi.kubevirt.io/v1beta1
kind: DataVolume
metadata: {name: precious}
spec:
  source: {blank: {}}
  storage: {resources: {requests: {storage: 4Mi}}}
X
}
version_now() { sv get vm -o json | jq -r .metadata.resourceVersion; }
test_a_clock_that_jumps_harms_nothing() {
  local was volume before; was=$(identity)
  configure trash 1h
  precious | drop precious.yaml
  imported precious
  volume=$(volume_of precious)
  lift precious.yaml; gone dv/precious; gone pvc/precious
  before=$(version_now)
  fault clock $DAY
  # events are an hour old now and go; the trash is looked through at the same time
  await 30 '[ -z "$(sv events -A --no-headers 2>/dev/null | grep precious)" ]'
  expect "host test -s '$volume'"
  cm tomorrow | drop tomorrow.yaml; await 20 'sv get cm/tomorrow'
  expect "[ $(version_now) -gt $before ]"
  goes_on
  before=$(version_now)
  fault clock -$DAY
  cm yesterday | drop yesterday.yaml; await 20 'sv get cm/yesterday'
  expect "[ $(version_now) -gt $before ]"
  goes_on
  # a restart in the wrong time takes nothing for old, either
  fault clock $((3 * DAY)); daemon_stop; daemon_start
  await 20 'sv get cm/yesterday'
  goes_on
  precious | drop precious.yaml
  imported precious
  same "$volume" "$(volume_of precious)"
  no_fault clock
  lift tomorrow.yaml; lift yesterday.yaml; lift precious.yaml
  gone cm/tomorrow; gone cm/yesterday; gone pvc/precious
  configure trash 0s; daemon_stop; daemon_start     # which looks through the trash more often
  await 20 "! host test -e '$volume'"
  same "$was" "$(identity)"
}

# ------------------------------------------------------------------ after all that

test_a_machine_that_was_taken_over_is_like_any_other() {
  local disks; disks=$(identity | sed -n '4,6p')
  sv restart st
  booted st 2 120; running st
  same "$disks" "$(identity | sed -n '4,6p')"
  daemon_stop; daemon_start
  running st
  same 2 "$(count_shown st TB-READY)"
}
