# hostile.sh: images and servers that are broken or mean harm, and what becomes of each; for every class of storage. Sourced by scenarios.
# shellcheck shell=bash disable=SC2016,SC2154

# NAME | IMAGE[?what the server does] | never: it fails for good, or again: it is tried again | what is told | SIZE | CHECKSUM
# All that never ends is asked for in 80Mi, where the guest's disk of 65Mi has room.
hostile_cases() {
  cat <<'EOC'
half-qcow2     | truncated-guest.qcow2      | never | the qcow2 image is truncated: .* behind the end of the file | 80Mi
half-gz        | truncated-guest.raw.gz     | never | the image is truncated: its gz compression goes on | 80Mi
half-xz        | truncated-guest.raw.xz     | never | the image is truncated: its xz compression goes on | 80Mi
half-zst       | truncated-guest.raw.zst    | never | the image is truncated: its zst compression goes on | 80Mi
small          | guest.raw                  | never | virtual image size 68157440 \(65MiB\) is larger than .* 16777216 \(16MiB\)\. A larger PVC is required | 16Mi
huge           | huge.qcow2                 | never | virtual image size 1125899906842624 \(1PiB\) is larger than .* A larger PVC is required | 80Mi
overflow       | overflow.qcow2             | never | claims a virtual size of 18446744073709551104 bytes, which cannot be | 80Mi
wild           | wild-l1.qcow2              | never | the qcow2 image is truncated: its L1 table lies behind the end of the file | 80Mi
backing        | backing.qcow2              | never | has a backing file; only images that stand alone can be imported \(qemu-img convert makes one\) | 80Mi
data-file      | datafile.qcow2             | never | external data file; only images that stand alone can be imported \(qemu-img convert makes one\) | 80Mi
vmdk-extent    | descriptor.vmdk            | never | the image is a VMDK descriptor; supported are raw | 80Mi
empty          | empty.raw                  | never | the image is empty | 80Mi
bomb-gz        | bomb.raw.gz                | never | is larger than the reported available storage 83886080 .* A larger PVC is required | 80Mi
bomb-xz        | bomb.raw.xz                | never | is larger than the reported available storage 83886080 .* A larger PVC is required | 80Mi
bomb-zst       | bomb.raw.zst               | never | is larger than the reported available storage 83886080 .* A larger PVC is required | 80Mi
wide-xz        | wide.raw.xz                | never | the xz compression of the image wants more than 320 MiB of memory | 80Mi
wide-zst       | wide.raw.zst               | never | the zst compression of the image is damaged or wants too much memory | 80Mi
sum            | guest.raw                  | never | checksum mismatch: the 68157440 bytes that were downloaded have sha256:[0-9a-f]{64}, wanted was sha256:0{64} | 80Mi | sha256:0000000000000000000000000000000000000000000000000000000000000000
to-file        | guest.raw?escape=1         | never | redirects to a URL of the protocol file, which is not followed: only http and https are | 80Mi
to-ftp         | guest.raw?escape=2         | never | redirects to a URL of the protocol ftp, which is not followed: only http and https are | 80Mi
to-itself      | guest.raw?escape=3         | again | redirects more than 10 times, in a circle perhaps. Name a URL where the image itself lies | 80Mi
headers        | guest.raw?headers=300      | never | sent more than 256 KiB of headers | 80Mi
endless-raw    | guest.raw?endless=1        | never | is larger than the reported available storage 83886080 .* A larger PVC is required | 80Mi
endless-qcow2  | guest.qcow2?endless=1      | never | sends more bytes than any image for the available storage of 80MiB needs. A larger PVC is required | 80Mi
endless-gz     | nothing.raw.gz?endless=1   | never | sends more bytes than any image for the available storage of 80MiB needs. A larger PVC is required | 80Mi
changing       | guest.raw?changing=1       | again | SourceKeepsChanging .*was replaced 5 times while it was downloaded, and is tried again every 10 minutes. Let the URL name an image that stays | 80Mi
drip           | guest.raw?drip=1           | again | the download stalled after [0-9]+ bytes: next to nothing came for 2 s | 80Mi
more           | guest.raw?plain=1&more=99  | again | the connection broke after 68157440 bytes and the server does not resume | 80Mi
whole          | guest.raw?whole=1          | again | answered a request for a part with HTTP status 200 and all of it, .* serve ranges always or never | 80Mi
missing        | nosuch.raw                 | again | HTTP status 404 \(there is no such file\) | 80Mi
EOC
}

# hostile_volumes CLASS: a DataVolume for each
hostile_volumes() {
  local name image how words size sum
  while IFS='|' read -r name image how words size sum; do
    printf '%s\n' --- 'apiVersion: cdi.kubevirt.io/v1beta1' 'kind: DataVolume' "metadata: {name: h-${name// /}}" 'spec:' \
      "  source: {http: {url: \"$(http "${image// /}")\"${sum:+, checksum: \"${sum// /}\"}}}" \
      "  storage: {storageClassName: $1, resources: {requests: {storage: ${size// /}}}}"
  done < <(hostile_cases)
}

# told: NAME, phase, how often it was tried again, reason and message of each
told() { sv get dv -o json | jq -r '.items[] | [.metadata.name, .status.phase, .status.restartCount // 0, (.status.conditions[]? | select(.type == "Running") | .reason + " " + .message)] | @tsv'; }

# hostile_left: the cases that have not been told as they should, with what is told of them instead
hostile_left() {
  local name image how words size sum line phase restarts says all
  all=$(told)
  while IFS='|' read -r name image how words size sum; do
    name=h-${name// /} how=${how// /} words=${words# } words=${words% }
    ! grep -qx "$name" "$WORK/hostile.told" || continue
    line=$(grep "^$name"$'\t' <<<"$all") || line=$name
    IFS=$'\t' read -r _ phase restarts says <<<"$line"
    case $how in never) [ "$phase" = Failed ] ;; again) [ "$phase" != Failed ] && [ "${restarts:-0}" -ge 1 ] ;; esac &&
      grep -qE "$words" <<<"$says" && echo "$name" >>"$WORK/hostile.told" || echo "$line"
  done < <(hostile_cases)
}

# hostile CLASS LEFTOVERS: each is refused with its reason, side by side; then nothing is there that was not there before. LEFTOVERS is a
# command that lists what volumes there are. One worker never took more memory or disk than one image may.
hostile() {
  local class=$1 leftovers=$2 before most
  "$ROOT/tests/testbed/bombs.py" "$GUEST/images"
  before=$($leftovers | sort)
  : >"$WORK/hostile.told"
  host "$ROOT/tests/testbed/footprint.py" solovirt-import >"$WORK/footprint" & most=$!
  hostile_volumes "$class" >"$WORK/hostile.yaml"
  sv apply -f "$WORK/hostile.yaml" >/dev/null
  await 60 'hostile_left; [ "$(wc -l <"$WORK/hostile.told")" = "$(hostile_cases | wc -l)" ]'
  refute 'sv get dv --no-headers | grep " Succeeded "'
  refute 'sv events -A -o json | grep -q "root:x:0:0"'
  host pkill -f footprint.py; wait "$most"
  cat "$WORK/footprint"
  expect 'jq -e ".processes >= 5 and .memory < 67108864 and .disk < 167772160" "$WORK/footprint"'
  sv delete dv --all >/dev/null
  await 30 '[ -z "$(sv get dv,pvc -o name; sv image -o name)" ]'
  await 30 "same '$before' \"\$($leftovers | sort)\""
  same '' "$(host find "$S/state/import" -mindepth 1)"
}
