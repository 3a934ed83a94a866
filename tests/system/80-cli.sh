# The command line: every form of output, every exit code.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034

cm() { printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, labels: {rank: "%s"}}\ndata: {k: v}\n' "$1" "$2"; }
setup() {
  vm c user='echo CONSOLE-OK > /dev/console' | drop c.yaml
  cm a 1 | drop a.yaml; cm b 2 | drop b.yaml
  booted c 1 120; running c
  await 30 '[ -n "$(ip_of c)" ]'
}

test_get_tables_have_kubevirts_columns() {
  expect 'sv get vm | head -1 | grep -E "^NAME +AGE +STATUS +READY"'
  expect 'sv get vmi | head -1 | grep -E "^NAME +AGE +PHASE +IP +NODENAME +READY"'
  expect 'sv get dv | head -1 | grep -E "^NAME +PHASE +PROGRESS +RESTARTS +AGE"'
  expect 'sv get pvc | head -1 | grep -E "^NAME +STATUS +VOLUME +CAPACITY"'
  expect 'sv get vmi -o wide | head -1 | grep -E "LIVE-MIGRATABLE +PAUSED"'
  expect 'sv get vm,vmi,dv -o wide'
  expect 'sv get sc; sv get node; sv get secret; sv get cm'
}
test_get_yaml_and_json_are_whole_objects() {
  same VirtualMachine "$(sv get vm c -o json | jq -r .kind)"
  same kubevirt.io/v1 "$(sv get vm/c -o json | jq -r .apiVersion)"
  same c "$(sv get vm -o json | jq -r '.items[0].metadata.name')"
  expect 'sv get vm c -o yaml | python3 -c "import sys; t=sys.stdin.read(); assert \"kind: VirtualMachine\" in t and \"runStrategy: Always\" in t"'
  expect 'sv get vm c -o yaml >"$WORK/c.yaml" && sv apply -f "$WORK/c.yaml"'
}
test_get_name_and_jsonpath() {
  expect 'sv get vm -o name | grep -E "^virtualmachine(\.kubevirt\.io)?/c$"'
  same c "$(sv get vm c -o 'jsonpath={.metadata.name}')"
  same c "$(sv get vm -o 'jsonpath={.items[*].metadata.name}')"
}
test_selectors_and_namespaces() {
  same 1 "$(sv get cm -l rank=1 -o name | wc -l)"
  same 2 "$(sv get cm -l 'rank in (1,2)' -o name | wc -l)"
  same 0 "$(sv get cm -n elsewhere -o name | wc -l)"
  cm x 9 | sed 's/{name: x/{name: x, namespace: elsewhere/' | drop x.yaml
  await 10 '[ "$(sv get cm -n elsewhere -o name | wc -l)" = 1 ]'
  expect 'sv get cm -A | head -1 | grep -q ^NAMESPACE'
  lift x.yaml; await 20 '[ -z "$(sv get cm -n elsewhere -o name)" ]'
}
test_watch_tells_changes_as_they_happen() {
  host timeout 60 "$BUILD/solovirt" -s "$S/run/sock" get cm -w >"$WORK/watch.log" 2>&1 &
  await 10 'grep -q "^a " "$WORK/watch.log"'
  cm late 3 | drop late.yaml
  await 10 'grep -q "^late " "$WORK/watch.log"'
  lift late.yaml; gone cm/late
  kill %1 2>/dev/null || true
}
test_describe_ends_with_events() {
  expect 'sv describe vm/c | grep -q "^Events"'
  expect 'sv describe vmi c | grep -qF "$(ip_of c)"'
  expect 'sv describe dv/c-root | grep -qi succeeded'
}
test_events() {
  expect 'sv events | grep -q "VirtualMachine"'
  expect 'sv get events -o json | jq -e ".items | length > 0"'
}
test_wait() {
  exits 0 sv wait --for=condition=Ready --timeout=5s vm/c
  exits 5 sv wait --for=condition=Paused --timeout=1s vmi/c
  exits 3 sv wait --for=condition=Ready --timeout=1s vm/nosuch
  exits 0 sv wait --for=delete --timeout=5s vm/nosuch
}
test_apply_get_delete_without_a_file_in_the_spool() {
  cm cli 1 >"$WORK/cli.yaml"
  expect 'sv apply -f "$WORK/cli.yaml" | grep -q created'
  expect 'sv apply -f "$WORK/cli.yaml" | grep -q unchanged'
  sed -i 's/k: v/k: w/' "$WORK/cli.yaml"
  expect 'sv apply -f "$WORK/cli.yaml" | grep -q configured'
  same w "$(field cm/cli .data.k)"
  sv delete -f "$WORK/cli.yaml"; gone cm/cli
  exits 3 sv delete cm/cli
  exits 0 sv delete --ignore-not-found cm/cli
}
test_exit_codes() {
  exits 3 sv get vm nosuch
  exits 2 sv get
  exits 2 sv nosuchverb
  exits 2 sv get vm --nosuch
  exits 6 host "$BUILD/solovirt" -s "$S/run/nosuch" get vm
}
test_explain() {
  expect 'sv explain vm.spec | grep -q runStrategy'
  expect 'sv explain vm.spec.template.spec.domain.cpu.cores | grep -qi cores'
  expect 'sv explain vm.spec.runStrategy | grep -q RerunOnFailure'
  refute 'sv explain vm.spec.nosuch'
}
test_validate_needs_no_daemon_and_tells_the_place() {
  expect 'SOLOVIRT_SOCKET=/nonexistent "$BUILD/solovirt" validate -f "$ROOT/etc/examples/demo.yaml"'
  printf 'apiVersion: kubevirt.io/v1\nkind: VirtualMachine\nmetadata: {name: a}\nspec:\n  runStrategie: Always\n' >"$WORK/bad.yaml"
  expect '"$BUILD/solovirt" validate -f "$WORK/bad.yaml" 2>&1 | grep -F "bad.yaml:5:" | grep -q runStrategy'
  exits 1 "$BUILD/solovirt" validate -f "$WORK/bad.yaml"
}
test_every_example_is_valid() {
  local f
  for f in "$ROOT"/etc/examples/*.yaml; do exits 0 "$BUILD/solovirt" validate -f "$f"; done
}
test_version_help_and_completion() {
  expect 'sv version | grep -qE "[0-9]+\.[0-9]+"'
  expect '"$BUILD/solovirt" help | grep -q console'
  expect '"$BUILD/solovirt" completion bash | bash -n'
  expect '"$BUILD/solovirtd" --version'
}
test_logs_are_the_console() {
  expect 'sv logs c | grep -q CONSOLE-OK'
}
test_console_attaches_types_and_leaves_with_ctrl_bracket() {
  cat >"$WORK/console.py" <<'PY'
import os, pty, select, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b""
def until(word, seconds):
    global seen
    end = time.time() + seconds
    while word not in seen:
        if time.time() > end:
            sys.exit("no %r in %r" % (word, seen[-500:]))
        if select.select([fd], [], [], 0.2)[0]:
            try:
                seen += os.read(fd, 4096)
            except OSError:
                sys.exit("ended before %r: %r" % (word, seen[-500:]))
time.sleep(0.5)                      # let it attach; a key typed into the guest wakes the prompt
for i in range(20):
    os.write(fd, b"\n")
    if select.select([fd], [], [], 0.5)[0]:
        break
os.write(fd, b"echo typed-$((6 * 7))\n")
until(b"typed-42", 20)
os.write(fd, b"\x1d")
end = time.time() + 10
while time.time() < end:
    done, status = os.waitpid(pid, os.WNOHANG)
    if done:
        sys.exit(os.waitstatus_to_exitcode(status))
    if select.select([fd], [], [], 0.1)[0]:
        try: os.read(fd, 4096)
        except OSError: pass
sys.exit("Ctrl-] did not end it")
PY
  expect 'host python3 "$WORK/console.py" "$BUILD/solovirt" -s "$S/run/sock" console c'
  running c
}
test_users_without_rights_are_refused() {
  refute 'host setpriv --reuid nobody --regid nogroup --clear-groups "$BUILD/solovirt" -s "$S/run/sock" delete vm/c'
  expect 'sv get vm/c'
}
