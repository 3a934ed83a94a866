# A full disk under the daemon: a clear condition, no harm, and recovery by itself.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034
STATE_TMPFS=96m

cm() { printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {k: v}\n' "$1"; }
fill() { host bash -c 'dd if=/dev/zero of="$1/filler" bs=64k 2>/dev/null; dd if=/dev/zero of="$1/filler2" bs=1 count=65536 2>/dev/null; true' - "$S"; }

apply_all() { local i; for i in 1 2 3 4 5 6; do sv apply -f "$WORK/big$i.yaml" || return 1; done; }

test_a_full_disk_is_told_and_nothing_acknowledged_is_lost() {
  cm before >"$WORK/before.yaml"; sv apply -f "$WORK/before.yaml"
  fill
  local i
  for i in 1 2 3 4 5 6; do { cm big$i; printf '  x: "%s"\n' "$(head -c 60000 /dev/zero | tr '\0' x)"; } | sed 's/data: {k: v}/data:/' >"$WORK/big$i.yaml"; done
  await 20 '! apply_all 2>"$WORK/full.err"'
  expect 'grep -qiE "space|full" "$WORK/full.err"'
  expect 'daemon_alive'
  expect 'sv get cm/before'
  await 10 'sv get node -o yaml | grep -qiE "full|space" || daemon_log | tail -n 50 | grep -qiE "full|space"'
}
test_it_recovers_when_there_is_room_again() {
  host rm -f "$S/filler" "$S/filler2"
  await 30 'sv apply -f "$WORK/big6.yaml"'
  cm after | drop after.yaml
  await 30 'sv get cm/after'
  daemon_kill; daemon_start
  expect 'sv get cm/before && sv get cm/after && sv get cm/big6'
}
test_an_import_into_a_full_disk_fails_with_the_reason() {
  host dd if=/dev/zero of="$S/filler" bs=1M count=60 status=none     # the daemon has room, the image has not
  dv nospace guest.raw | drop nospace.yaml
  await 60 'sv describe dv/nospace | grep -qiE "space|full|room|fit"'
  refute '[ "$(field dv/nospace .status.phase)" = Succeeded ]'
  host rm -f "$S/filler"
  imported nospace 120
}
