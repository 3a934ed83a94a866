# The spool as people and programs really use it: bad files, half files, links, folders, two files for one object,
# and a spool that vanishes.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034

DELETE_DELAY=300ms    # most of these tests wait for a file to be gone

cm() { printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s%s}\ndata: {k: "%s"}\n' "$1" "${3:-}" "${2:-v}"; }

# bad FILE LINE:COLUMN WORDS <<X: nothing of the file is applied; place and words are in both reports
bad() {
  local f=$1 place=$2 words=$3; drop "$f"
  await 15 "sv spool | grep -F '$f' | grep -qF ':$place:' || { sv spool; false; }"
  expect "sv spool | grep -A3 -F '$f' | grep -qiE '$words'"
  expect "status_file '$f' | grep -qiE '$words'"
  expect "status_file '$f' | grep -A 1 'line: ${place%:*}\$' | grep -q 'column: ${place#*:}\$'"
  lift "$f"
  await 15 "! host test -e '$S/run/spool/$f.status'"
}

test_syntax_error() { bad syn.yaml 4:5 'mapping|expected|found' <<'X'
apiVersion: v1
kind: ConfigMap
metadata: {name: a
data: {}
X
}
test_unknown_field_names_the_nearest() { bad unk.yaml 5:3 'runStrategy' <<'X'
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {name: a}
spec:
  runStrategie: Always
  template: {spec: {domain: {devices: {}}}}
X
}
test_wrong_type() { bad typ.yaml 6:55 'integer|number' <<'X'
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {name: a}
spec:
  runStrategy: Always
  template: {spec: {domain: {cpu: {cores: 1, sockets: two}, devices: {}}}}
X
}
test_bad_word() { bad wrd.yaml 5:16 'Always' <<'X'
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {name: a}
spec:
  runStrategy: Allways
  template: {spec: {domain: {devices: {}}}}
X
}
test_bad_quantity() { bad qua.yaml 6:46 'quantity' <<'X'
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {name: a}
spec:
  runStrategy: Always
  template: {spec: {domain: {memory: {guest: 12Q}, devices: {}}}}
X
}
test_missing_field() { bad mis.yaml 3:11 'name' <<'X'
apiVersion: v1
kind: ConfigMap
metadata: {labels: {a: b}}
X
}
test_bad_name() { bad nam.yaml 3:18 'lower|name' <<'X'
apiVersion: v1
kind: ConfigMap
metadata: {name: Not_A_Name}
X
}
test_unknown_kind() { bad knd.yaml 2:7 'ConfigMap' <<'X'
apiVersion: v1
kind: ConfigMapp
metadata: {name: a}
X
}
test_unknown_api_version() { bad ver.yaml 1:13 'version' <<'X'
apiVersion: kubevirt.io/v9
kind: VirtualMachine
metadata: {name: a}
X
}
test_duplicate_key() { bad dup.yaml 4:1 'duplicate|twice|already' <<'X'
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
kind: Secret
X
}
test_tab_indentation() { printf 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: a\n' | bad tab.yaml 4:1 'tab|cannot start|character'; }
test_invalid_utf8() { printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "\xff"}\n' | bad utf.yaml 3:19 'utf-8|utf8|character'; }
test_json_error() { bad jsn.json 1:36 'expected|json|near|token' <<<'{"apiVersion":"v1","kind":"Secret",,}'; }
test_reference_to_a_disk_that_is_no_volume() { bad ref.yaml 9:16 'volume' <<'X'
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {name: a}
spec:
  runStrategy: Always
  template:
    spec:
      domain: {devices: {disks: [
        {name: root, disk: {bus: virtio}}]}}
X
}
test_alias_bomb_is_refused_quickly() {
  { echo 'a: &a [x,x,x,x,x,x,x,x,x]'; p=a; for n in b c d e f g h i j k; do echo "$n: &$n [*$p,*$p,*$p,*$p,*$p,*$p,*$p,*$p,*$p]"; p=$n; done; } | drop bomb.yaml
  await 10 'sv spool | grep -F bomb.yaml | grep -qiE "alias|anchor|large|nodes|many"'
  exits 0 sv version
  lift bomb.yaml
}
test_deep_nesting_is_refused_quickly() {
  { printf 'a: '; head -c 100000 /dev/zero | tr '\0' '['; echo; } | drop deep.yaml
  await 10 'sv spool | grep -F deep.yaml | grep -qiE "deep|nest|depth"'
  lift deep.yaml
}
test_a_file_too_large_is_refused() {
  { cm big; head -c 2000000 /dev/zero | tr '\0' '#'; } | drop big.yaml
  await 10 'sv spool | grep -F big.yaml | grep -qiE "large|bytes|MiB|size"'
  exits 3 sv get cm/big
  lift big.yaml
}
test_an_empty_file_is_no_error() {
  : | drop empty.yaml
  await 10 'sv spool | grep -qF empty.yaml'
  refute 'sv spool | grep -F empty.yaml | grep -qi error'
  lift empty.yaml
}

test_one_bad_document_applies_none_and_the_last_good_version_stays() {
  { cm pair1 old; echo ---; cm pair2 old; } | drop pair.yaml
  await 10 '[ "$(field cm/pair1 .data.k)" = old ] && [ "$(field cm/pair2 .data.k)" = old ]'
  { cm pair1 new; echo ---; cm pair2 new | sed s/ConfigMap/Konfig/; } | drop pair.yaml
  await 10 'sv spool | grep -F pair.yaml | grep -qF ":7:7:"'
  same old "$(field cm/pair1 .data.k)"; same old "$(field cm/pair2 .data.k)"
  { cm pair1 new; echo ---; cm pair2 new; } | drop pair.yaml
  await 10 '[ "$(field cm/pair1 .data.k)" = new ] && [ "$(field cm/pair2 .data.k)" = new ]'
  cm pair1 new | drop pair.yaml
  gone cm/pair2
  expect 'sv get cm/pair1'
  lift pair.yaml; gone cm/pair1
}
test_two_files_with_one_object_are_both_named() {
  cm twin one | drop twin1.yaml
  await 10 'sv get cm/twin'
  cm twin two | drop twin2.yaml
  await 15 'sv spool | grep -F twin2.yaml | grep -qF twin1.yaml && sv spool | grep -F twin1.yaml | grep -qF twin2.yaml'
  same one "$(field cm/twin .data.k)"
  lift twin1.yaml
  await 20 '[ "$(field cm/twin .data.k)" = two ]'
  lift twin2.yaml; gone cm/twin
}
test_subfolders_json_and_names_that_do_not_count() {
  cm sub | drop team/a/sub.yaml
  echo '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"json"},"data":{"k":"v"}}' | drop j.json
  cm yml | drop y.yml
  cm no1 | drop no1.txt; cm no2 | drop 'no2.yaml~'; cm no3 | host tee "$S/spool/.no3.yaml" >/dev/null
  await 15 'sv get cm/sub && sv get cm/json && sv get cm/yml'
  expect 'host test -s "$S/run/spool/team/a/sub.yaml.status"'
  for n in no1 no2 no3; do exits 3 sv get cm/$n; done
  host rm -r "$S/spool/team" "$S/spool/j.json" "$S/spool/y.yml" "$S/spool/no1.txt" "$S/spool/no2.yaml~" "$S/spool/.no3.yaml"
  gone cm/sub; gone cm/json; gone cm/yml
}
test_links_inside_are_followed_and_outside_refused() {
  host mkdir "$S/spool/..rev1" "$S/outside"
  cm linked one | host tee "$S/spool/..rev1/linked.yaml" >/dev/null
  host ln -s ..rev1 "$S/spool/..data"; host ln -s ..data/linked.yaml "$S/spool/linked.yaml"
  cm leak | host tee "$S/outside/leak.yaml" >/dev/null
  host ln -s "$S/outside/leak.yaml" "$S/spool/leak.yaml"
  await 15 '[ "$(field cm/linked .data.k)" = one ]'
  # the swap by which a ConfigMap mount or git-sync changes everything at once: no event names the file
  host mkdir "$S/spool/..rev2"
  cm linked two | host tee "$S/spool/..rev2/linked.yaml" >/dev/null
  host ln -s ..rev2 "$S/spool/..tmp"; host mv -T "$S/spool/..tmp" "$S/spool/..data"
  await 15 '[ "$(field cm/linked .data.k)" = two ]'
  exits 3 sv get cm/leak
  expect 'sv spool | grep -F leak.yaml | grep -qiE "link|outside"'
  host rm -r "$S/spool/linked.yaml" "$S/spool/..data" "$S/spool/..rev1" "$S/spool/..rev2" "$S/spool/leak.yaml" "$S/outside"
  gone cm/linked
}
test_a_file_written_in_two_steps_is_not_taken_half() {
  cm slow one | drop slow.yaml
  await 10 'sv get cm/slow'
  # an editor truncates, then writes: nothing may be deleted in between
  host bash -c ': > "$1"; sleep 0.3; printf "%s" "$2" > "$1"' - "$S/spool/slow.yaml" "$(cm slow two)"
  await 10 '[ "$(field cm/slow .data.k)" = two ]'
  same '' "$(sv events -o json | jq -r '.items[] | select(.involvedObject.name=="slow" and .reason=="Deleted") | .message')"
  lift slow.yaml; gone cm/slow
}
test_the_status_file_tells_phase_node_and_address() {
  vm st | drop st.yaml
  running st 120
  await 30 '[ -n "$(ip_of st)" ]'
  await 10 'status_file st.yaml | grep -qF "$(ip_of st)"'
  expect 'status_file st.yaml | grep -qF Running'
  expect 'status_file st.yaml | grep -qF "$(field vmi/st .status.nodeName)"'
  await 10 'sv spool | grep -F st.yaml'
  lift st.yaml; gone vm/st
  await 10 '! host test -e "$S/run/spool/st.yaml.status"'
}
test_prune_false_keeps_the_object() {
  cm keep v ', annotations: {solovirt.io/prune: "false"}' | drop keep.yaml
  await 10 'sv get cm/keep'
  lift keep.yaml
  await 15 '! sv spool | grep -qF keep.yaml'
  expect 'sv get cm/keep'
  sv delete cm/keep; gone cm/keep
}
test_half_of_the_spool_vanishing_is_held_until_confirmed() {
  local i
  for i in 1 2 3 4 5 6 7 8; do cm many$i | drop many$i.yaml; done
  await 20 '[ "$(sv get cm -o name | grep -c many)" = 8 ]'
  host bash -c 'rm "$1"/many[1-5].yaml' - "$S/spool"
  await 20 'sv spool | grep -qiE "held|confirm"'
  same 8 "$(sv get cm -o name | grep -c many)"
  # and over a restart too
  daemon_stop; daemon_start
  await 20 'sv spool | grep -qiE "held|confirm"'
  same 8 "$(sv get cm -o name | grep -c many)"
  sv spool confirm
  await 20 '[ "$(sv get cm -o name | grep -c many)" = 3 ]'
}
test_files_that_come_back_end_the_hold() {
  host mkdir "$S/away"; host bash -c 'mv "$1"/spool/many[6-8].yaml "$1/away/"' - "$S"
  for i in a b c d; do cm more$i | drop more$i.yaml; done
  host bash -c 'mv "$1"/away/*.yaml "$1/spool/"' - "$S"
  await 20 '! sv spool | grep -qiE "held|confirm"'
  same 3 "$(sv get cm -o name | grep -c many)"
}
test_the_whole_spool_moved_away_deletes_nothing() {
  host mv "$S/spool" "$S/spool.away"
  await 20 'sv spool | grep -qiE "absent|missing|not there|unavailable|no such|held"'
  same 3 "$(sv get cm -o name | grep -c many)"
  host mkdir "$S/spool"      # an empty one, as an unmounted file system leaves: no marker, nothing is deleted
  await 20 'sv spool | grep -qiE "marker|absent|missing|held|not the spool"'
  same 3 "$(sv get cm -o name | grep -c many)"
  host rm -rf "$S/spool"; host mv "$S/spool.away" "$S/spool"
  await 20 'sv spool | grep -F many6.yaml'
}
