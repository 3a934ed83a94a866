# Images of every kind come in; what is broken, too large or hostile stays out, with a reason an operator understands.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034

STALL=2s
# shellcheck source=tests/system/hostile.sh
. "$HERE/hostile.sh"

sum_of() { awk -v f="$1" '$2 == f {print $1}' "$GUEST/images/SHA256SUMS"; }

# good IMAGE: it becomes a volume with the very bytes of the guest's disk
good() {
  local name=good-${1//./-} file
  dv "$name" "$1" | drop "$name.yaml"
  imported "$name" 60
  file=$(volume_of "$name")
  same 314572800 "$(host qemu-img info -U --output=json "$file" | jq '.["virtual-size"]')"
  expect "host qemu-img compare -U -f raw -F raw '$file' '$GUEST/images/guest.raw' | grep -q identical"
  lift "$name.yaml"; gone "dv/$name"
}
test_raw() { good guest.raw; }
test_raw_gz() { good guest.raw.gz; }
test_raw_xz() { good guest.raw.xz; }
test_raw_zst() { good guest.raw.zst; }
test_qcow2() { good guest.qcow2; }
test_qcow2_gz() { good guest.qcow2.gz; }

# other IMAGE FORMAT [OPTION ...]: as qemu-img makes it of the guest's disk; made once, beside the others
other() {
  local image=$1 format=$2
  shift 2
  [ -e "$GUEST/images/$image" ] ||
    { qemu-img convert -f raw -O "$format" "$@" "$GUEST/images/guest.raw" "$GUEST/images/.$image.$$" && mv "$GUEST/images/.$image.$$" "$GUEST/images/$image"; }
  good "$image"
}
test_vmdk() { other guest.vmdk vmdk -o subformat=streamOptimized; }
test_vdi() { other guest.vdi vdi; }
test_vhd() { other guest.vhd vpc -o force_size=on; }
test_vhdx() { other guest.vhdx vhdx; }

# given: what comes, without the spool
given() { cat >"$WORK/given.yaml"; sv apply -f "$WORK/given.yaml"; }

test_hostile_images_and_servers() { hostile local pool_files; }
test_right_checksum() {
  dv sum2 guest.raw.gz 300Mi "      checksum: \"sha256:$(sum_of guest.raw.gz)\"" | drop sum2.yaml
  imported sum2; lift sum2.yaml; gone dv/sum2; gone pvc/sum2
  sv image prune; await 20 '[ -z "$(sv image -o name)" ]'
}
test_server_that_is_not_there() {
  dv refused x | sed 's/:8080/:9/' | drop refused.yaml
  await 30 'sv describe dv/refused | grep -qiE "refused|connect"'
  lift refused.yaml; gone dv/refused
}

test_progress_is_told_while_it_runs() {
  dv slow 'guest.raw?rate=4000000' | drop slow.yaml
  await 20 'sv get dv/slow -o wide | grep -qE "download: .* of .*, .*/s, [0-9]+m?[0-9]*s left"'
  await 20 'field dv/slow .status.progress | grep -qE "^[1-9][0-9]?(\.[0-9]+)?%$"'
  imported slow 60
  same 100.0% "$(field dv/slow .status.progress)"
  lift slow.yaml; gone dv/slow
}

# A clone that is copied tells how far it is, as an import does.
test_slow_servers_do_not_keep_others_waiting() {
  local n
  for n in 1 2 3 4; do dv "snail$n" 'guest.raw?rate=50000' | sv apply -f -; done
  await 30 '[ "$(sv get dv -o json | jq "[.items[] | select(.status.phase == \"ImportInProgress\")] | length")" = 4 ]'
  dv fair guest.qcow2 | sv apply -f -
  imported fair 60
  expect '[ "$(sv get dv -o json | jq "[.items[] | select(.status.phase == \"ImportInProgress\")] | length")" = 4 ]'
  sv delete dv snail{1..4} fair
  for n in snail{1..4} fair; do gone "dv/$n"; done
}

test_copies_tell_their_progress() {
  local watch
  printf '%s\n' 'apiVersion: cdi.kubevirt.io/v1beta1' 'kind: DataVolume' 'metadata: {name: from}' 'spec:' '  source: {blank: {}}' \
    '  storage: {resources: {requests: {storage: 512Mi}}}' | given
  imported from
  host dd if=/dev/zero of="$(volume_of from)" bs=1M count=500 conv=notrunc status=none # blocks that are to be copied
  sv get dv -w -o wide >"$WORK/watch" & watch=$!
  await 10 'grep -q from "$WORK/watch"'
  printf '%s\n' 'apiVersion: cdi.kubevirt.io/v1beta1' 'kind: DataVolume' 'metadata: {name: copy}' 'spec:' '  source: {pvc: {name: from}}' \
    '  storage: {resources: {requests: {storage: 512Mi}}}' | given
  imported copy
  kill "$watch"
  expect 'grep -E "copy +CloneInProgress +[0-9.]+% .*copy: .* of 512MiB" "$WORK/watch"'
  sv delete dv from copy; gone dv/from; gone dv/copy
}

test_a_connection_that_breaks_is_resumed_or_begun_again() {
  dv cut 'guest.raw?cut=30000000' | drop cut.yaml
  await 60 '[ "$(grep -c "guest.raw?cut" "$WORK/httpd.log")" -ge 2 ]'
  lift cut.yaml; gone dv/cut
}

test_delete_while_importing_ends_the_import() {
  dv gone 'guest.raw?rate=1000000' | drop gone.yaml
  await 20 '[ "$(field dv/gone .status.phase)" = ImportInProgress ]'
  lift gone.yaml; gone dv/gone 30
  await 10 '! host pgrep -f solovirt-import'
  await 10 '[ -z "$(pool_files)" ]'
}

test_daemon_killed_in_the_middle_of_an_import() {
  dv mid 'guest.raw?rate=8000000' | drop mid.yaml
  await 20 'field dv/mid .status.progress | grep -qE "^[1-9]"'
  daemon_kill; daemon_start
  imported mid 90
  expect 'host qemu-img compare -U -f raw -F raw "$(volume_of mid)" "$GUEST/images/guest.raw" | grep -q identical'
  lift mid.yaml; gone dv/mid
}

test_import_worker_killed() {
  dv wk 'guest.raw?rate=8000000' | drop wk.yaml
  await 20 'field dv/wk .status.progress | grep -qE "^[1-9]"'
  host pkill -9 -f solovirt-import
  imported wk 90
  lift wk.yaml; gone dv/wk
}

# What kubectl-like clients do by hand, then our own: a broken upload leaves room for the next, and one that came through for none.
curl_() { host curl -s --unix-socket "$S/run/sock" "$@"; }
code_of() { curl_ -o /dev/null -w '%{http_code}' "$@"; }
token_for() {
  curl_ -H 'Content-Type: application/json' -d "{\"spec\":{\"pvcName\":\"$1\"}}" \
    "http://x/apis/upload.cdi.kubevirt.io/v1beta1/namespaces/$NS/uploadtokenrequests" | jq -r .status.token
}
is_the_guest() { expect "host qemu-img compare -U -f raw -F raw '$(volume_of "$1")' '$GUEST/images/guest.raw' | grep -q identical"; }
test_uploads() {
  local image=$GUEST/images/guest.raw token slow
  printf '%s\n' 'apiVersion: cdi.kubevirt.io/v1beta1' 'kind: DataVolume' 'metadata: {name: up}' 'spec:' '  source: {upload: {}}' \
    '  storage: {resources: {requests: {storage: 300Mi}}}' | drop up.yaml
  await 20 '[ "$(field dv/up .status.phase)" = UploadReady ]'
  token="Authorization: Bearer $(token_for up)"
  same 200 "$(code_of -I http://x/v1beta1/upload-async)"
  same 400 "$(code_of -T "$image" -XPOST http://x/v1beta1/upload)"
  same 401 "$(code_of -T "$image" -XPOST -H 'Authorization: Bearer none' http://x/v1beta1/upload)"
  curl_ -o /dev/null --limit-rate 2M -T "$image" -XPOST -H "$token" http://x/v1beta1/upload & slow=$!
  await 20 'message dv/up Running | grep -q upload:'
  same 503 "$(code_of -T "$image" -XPOST -H "$token" http://x/v1beta1/upload)"
  kill "$slow"; host pkill -f 'limit-rate 2M'
  await 20 'sv events --for dv/up | grep -q "broke off"'
  same UploadReady "$(field dv/up .status.phase)"
  curl_ -o /dev/null --limit-rate 2M -T "$image" -XPOST -H "$token" http://x/v1beta1/upload &
  await 20 'message dv/up Running | grep -q upload:'
  daemon_kill; daemon_start
  await 20 '[ "$(field dv/up .status.phase) $(message dv/up Running)" = "UploadReady waiting for the data to be uploaded" ]'
  same 401 "$(code_of -T "$image" -XPOST -H "$token" http://x/v1beta1/upload)"
  token="Authorization: Bearer $(token_for up)"
  await 20 "[ \"\$(code_of -T '$image' -XPOST -H '$token' http://x/v1beta1/upload)\" = 200 ]"
  same Succeeded "$(field dv/up .status.phase)"
  is_the_guest up
  same 409 "$(code_of -T "$image" -XPOST -H "$token" http://x/v1beta1/upload)"
  lift up.yaml; gone dv/up
  xz -dc "$GUEST/images/guest.raw.xz" | sv image-upload dv cli --size=300Mi --image-path=-
  is_the_guest cli
  exits 4 sv image-upload dv cli --image-path="$image"
  exits 3 sv image-upload dv none --no-create --image-path="$image"
  exits 1 sv image-upload dv small --size=16Mi --image-path="$GUEST/images/guest.qcow2"
  sv delete dv cli small; gone dv/cli; gone dv/small
}

test_images_that_are_kept() {
  local sum name
  sum=sha256:$(sum_of guest.qcow2)
  sv image add "$(http guest.qcow2)" --checksum="$sum" --storage-class=local --size=300Mi --wait
  name=$(sv image --no-headers | awk '{print $1}')
  expect "sv image --no-headers | grep -E '^$name +http.*guest.qcow2 +sha256:[0-9a-f]{12} +65Mi +local +${P}1 +Succeeded +0 +false'"
  dv clone guest.qcow2 300Mi "      checksum: \"$sum\"" | sed 's/storage: {res/storage: {storageClassName: local, res/' | drop clone.yaml
  imported clone
  expect 'sv image --no-headers | grep -E "Succeeded +1 +false"'
  exits 4 sv image remove "$name"
  same '' "$(sv image prune)"
  lift clone.yaml; gone dv/clone; gone pvc/clone
  sv image pin "$name"
  same '' "$(sv image prune)"
  sv image unpin "$name"
  same "image $name removed" "$(sv image prune)"
  await 20 '[ -z "$(sv image -o name)" ]'
}

# A source is asked what it has: while that is the same, disks of it are clones of one image; another file is another image.
probing() {
  local at; at=$(mark)
  PROBE=$1 config | host tee "$S/solovirtd.yaml" >/dev/null; host kill -HUP "$(daemon_pid)"
  await 10 "tail -c +$at '$WORK/solovirtd.log' | grep -q 'was read again'"
}
images() { sv image --no-headers 2>/dev/null; }
cron() { # cron NAME SOURCE SIZE [CACHED]: a DataImportCron that looks once
  printf '%s\n' 'apiVersion: cdi.kubevirt.io/v1beta1' 'kind: DataImportCron' "metadata: {name: $1}" 'spec:' "  managedDataSource: $1" '  schedule: ""' \
    '  importsToKeep: 1' "  template: {metadata: {annotations: {solovirt.io/image-cache: '${4:-true}'}}, spec: {source: {$2}, storage: {resources: {requests: {storage: $3}}}}}"
}
reason() { sv get "$1" -o json | jq -r ".status.conditions[] | select(.type == \"$2\") | .reason"; }
# followed NAME: what its DataSource names is there
followed() { await 60 "[ \"\$(reason dataimportcron/$1 UpToDate)\" = UpToDate ]"; field "datasource/$1" .spec.source.pvc.name; }
test_images_that_sources_tell() {
  local turn=turn-$$.raw was now name
  head -c 4M "$GUEST/images/guest.raw" >"$GUEST/images/$turn"
  probing true
  for name in one two; do dv $name "$turn" 16Mi | given; imported $name; done
  expect 'images | grep -E "$turn +etag:\"[0-9a-f]+.* +local +${P}1 +Succeeded +2 +false"'
  cron http "http: {url: \"$(http "$turn")\"}" 16Mi | given
  was=$(followed http)
  same 3 "$(images | awk '{print $8}')"
  head -c 5M "$GUEST/images/guest.raw" >"$GUEST/images/$turn"
  dv three "$turn" 16Mi | given; imported three
  same 2 "$(images | wc -l)"
  expect 'host qemu-img compare -U -f qcow2 -F raw "$(volume_of three)" "$GUEST/images/$turn" >/dev/null; [ $? -le 1 ]'
  sv delete dataimportcron http; gone dataimportcron/http
  cron http "http: {url: \"$(http "$turn")\"}" 16Mi | given
  now=$(followed http)
  expect '[ "$was" != "$now" ]'
  await 20 "! sv get dv/$was"
  # one that tells nothing is fetched each time, one that cannot be asked fails with the usual words
  dv bare "$turn?bare=1" 16Mi | given; imported bare
  same 2 "$(images | wc -l)"
  dv lost nosuch.raw 16Mi | given
  await 30 'sv describe dv/lost | grep -q 404'
  # what needs a secret, or might, is for its own namespace
  dv mine "$turn" 16Mi '      extraHeaders: ["X-Token: 1"]' | given; imported mine
  name=$(images | grep 'Succeeded  *1 ' | awk '{print $1}' | while read -r i; do sv get "dv/$i" -n solovirt-images -o json | jq -r 'select(.spec.source.http.extraHeaders) | .metadata.name'; done)
  printf '%s\n' 'apiVersion: cdi.kubevirt.io/v1beta1' 'kind: DataVolume' 'metadata: {name: thief, namespace: other}' 'spec:' \
    "  source: {pvc: {namespace: solovirt-images, name: $name}}" '  storage: {resources: {requests: {storage: 16Mi}}}' | given
  await 20 'sv get dv/thief -n other -o yaml | grep -q "credentials of another namespace"'
  sv delete dataimportcron,dv,datasource --all; sv delete dv thief -n other
  await 20 '[ -z "$(sv get pvc -o name; sv get pvc -n other -o name)" ]'
  await 20 'sv image prune; [ -z "$(sv image -o name)" ]'
  rm "$GUEST/images/$turn"
  probing false
}

# Of an archive the file disk.img becomes the disk, also of one that is uploaded, as a form, too.
test_archives() {
  local dir; dir=$(mktemp -d)
  head -c 4M "$GUEST/images/guest.raw" >"$dir/disk.img"; echo more >"$dir/notes"
  tar -C "$dir" -czf "$GUEST/images/archive-$$.tgz" .; tar -C "$dir" -cf "$GUEST/images/bad-$$.tar" notes; ln -s /etc/passwd "$dir/link"
  dv tar "archive-$$.tgz" 16Mi | sed 's/^  source:/  contentType: archive\n  source:/' | drop tar.yaml
  imported tar
  expect 'cmp -n 4194304 "$(volume_of tar)" "$dir/disk.img"'
  expect 'sv events --for dv/tar | grep -q "1 more file than disk.img, which became the disk: notes"'
  dv none "bad-$$.tar" 16Mi | sed 's/^  source:/  contentType: archive\n  source:/' | drop none.yaml
  await 30 '[ "$(field dv/none .status.phase)" = Failed ]'
  expect 'message dv/none Running | grep -q "no file disk.img"'
  printf '%s\n' 'apiVersion: cdi.kubevirt.io/v1beta1' 'kind: DataVolume' 'metadata: {name: form}' 'spec:' '  contentType: archive' \
    '  source: {upload: {}}' '  storage: {resources: {requests: {storage: 16Mi}}}' | drop form.yaml
  await 20 '[ "$(field dv/form .status.phase)" = UploadReady ]'
  same 400 "$(code_of -F "other=@$GUEST/images/archive-$$.tgz" -H "Authorization: Bearer $(token_for form)" http://x/v1beta1/upload-form)"
  await 20 'sv events --for dv/form | grep -q "broke off"'
  same 200 "$(code_of -F "file=@$GUEST/images/archive-$$.tgz" -H "Authorization: Bearer $(token_for form)" http://x/v1beta1/upload-form-async)"
  imported form
  expect 'cmp -n 4194304 "$(volume_of form)" "$dir/disk.img"'
  sv image-upload dv sent --size=16Mi --archive-path="$GUEST/images/archive-$$.tgz"
  expect 'cmp -n 4194304 "$(volume_of sent)" "$dir/disk.img"'; sv delete dv sent
  rm -r "$dir" "$GUEST/images/archive-$$.tgz" "$GUEST/images/bad-$$.tar"
  for name in tar none form; do lift $name.yaml; gone dv/$name; done
}

test_blank_disk_and_its_growth() {
  printf '%s\n' 'apiVersion: cdi.kubevirt.io/v1beta1' 'kind: DataVolume' 'metadata: {name: blank}' 'spec:' '  source: {blank: {}}' \
    '  storage: {resources: {requests: {storage: 64Mi}}}' | drop blank.yaml
  imported blank
  same Bound "$(field pvc/blank .status.phase)"
  sv get pvc/blank -o yaml | sed 's/storage: 64Mi/storage: 128Mi/' >"$WORK/pvc.yaml"
  sv apply -f "$WORK/pvc.yaml"
  await 20 '[ "$(field pvc/blank .status.capacity.storage)" = 128Mi ]'
  expect '[ "$(host qemu-img info -U --output=json "$(volume_of blank)" | jq ".[\"virtual-size\"]")" = 134217728 ]'
  lift blank.yaml; gone dv/blank
}

# registry NAME REFERENCE: a DataVolume of a container image in the registry on the host's loopback
registry() {
  printf '%s\n' 'apiVersion: cdi.kubevirt.io/v1beta1' 'kind: DataVolume' "metadata: {name: $1, annotations: {solovirt.io/image-cache: 'false'}}" 'spec:' \
    "  source: {registry: {url: 'docker://127.0.0.1:5000/disks/$2'}}" '  storage: {resources: {requests: {storage: 300Mi}}}'
}
# from_registry NAME REFERENCE: it becomes a volume with the guest's disk
from_registry() {
  registry "$@" | drop "$1.yaml"
  imported "$1" 60
  expect "host qemu-img compare -U -f raw -F raw '$(volume_of "$1")' '$GUEST/images/guest.raw' | grep -q identical"
  lift "$1.yaml"; gone "dv/$1"
}
# not_in_registry NAME REFERENCE WORDS: it does not, and the DataVolume tells why
not_in_registry() {
  registry "$1" "$2" | drop "$1.yaml"
  await 30 "sv describe dv/$1 | grep -q '$3'"
  refute "[ \"\$(field dv/$1 .status.phase)\" = Succeeded ]"
  lift "$1.yaml"; gone "dv/$1"
}
test_container_disks_in_a_registry() {
  local digest push=("$ROOT/tests/testbed/registry.py" push 5000)
  host mkdir -p "$S/registry"
  host setsid bash -c 'echo $$ >"$1/pid"; exec "$2" serve "$1" 5000' - "$S/registry" "$ROOT/tests/testbed/registry.py" </dev/null >"$WORK/registry.log" 2>&1 &
  await 10 'host curl -sf http://127.0.0.1:5000/v2/'
  digest=$(host "${push[@]}" disks/guest:1 "$GUEST/images/guest.qcow2")
  host "${push[@]}" --index --plain disks/several:1 "$GUEST/images/guest.qcow2" >/dev/null
  from_registry by-tag several:1
  from_registry by-digest "guest@$digest"
  cron registry "registry: {url: 'docker://127.0.0.1:5000/disks/several:1'}" 300Mi false | given
  is_the_guest "$(followed registry)"
  same "docker://127.0.0.1:5000/disks/several@$(sv get dataimportcron/registry -o json | jq -r '.status.currentImports[0].Digest')" \
    "$(field "dv/$(followed registry)" .spec.source.registry.url)"
  sv delete dataimportcron,datasource,dv --all
  not_in_registry no-tag guest:2 'guest:2: there is no such image'
  # what the registry has on its disk is no longer what it should be
  host bash -c "echo >>'$S/registry/data/docker/registry/v2/blobs/sha256/${digest:7:2}/${digest:7}/data'"
  not_in_registry damaged "guest@$digest" 'is something else'
  host kill "$(host cat "$S/registry/pid")"
}
