# lib.sh: the words in which the scenarios are written. Sourced by run.
# shellcheck shell=bash disable=SC2016,SC2034
#
#   drop FILE <<X       put a spec into the spool as the manual says: written aside, then renamed
#   lift FILE           take it out again
#   sv ARGS             the command line, on this daemon
#   host CMD            run a command on the host (inside its namespaces)
#   await SECONDS 'CMD' poll until CMD succeeds; fails, with CMD's last output, when the time is over
#   expect 'CMD'        CMD succeeds now            refute 'CMD'   it does not
#   field OBJ PATH      one field of an object (jsonpath without braces)
#   console VM          what the guest printed on its serial console, since it was made
#   daemon_start, daemon_stop, daemon_kill, daemon_pid
#   vm NAME [WORDS]     a VirtualMachine spec to drop: see vm()
#   A function setup, where a file has one, runs before its tests.
#
# No test sleeps: it waits for a condition, with a deadline. A machine under load may take three times as long.

PATIENCE=${PATIENCE:-1}      # factor for all deadlines
NS=default

testbed() { "$ROOT/tests/testbed/testbed.sh" "$WORK" "$@"; }
host() { nsenter -t "$(cat "$WORK/${P}1/init.pid")" -m -u -n -p "$@"; }
dhcp_entries() { host ls /var/lib/libvirt/dnsmasq/solovirt.solovirt || echo 'there is no such directory'; }
second() { CLUSTER=second testbed "$@"; }    # the other Ceph cluster: second ceph makes it
virsh_() { host virsh -q -c qemu:///system "$@"; }
http() { echo "http://10.98.0.254:8080/$1"; }

# ------------------------------------------------------------------ configuration of one scenario

# What a scenario file may set before its tests. Durations are short: nobody waits for a test bed.
defaults() {
  KVM=0 EMULATION=auto TRASH=0s CPU_OVERCOMMIT=10 MEMORY_OVERCOMMIT=1
  SCAN=2s SETTLE=100ms DELETE_DELAY=1s HOLD_COUNT=3 HOLD_PERCENT=20
  CEPH=                     # 1: a Ceph cluster "lab" in the hub, with the pool vms; "second" is configured, too: see second()
  PERMITTED=                # permittedHostDevices, as YAML
  PROBE=false               # true: images without a checksum are kept, too
  STALL=1m                  # so long a server may send next to nothing
  HOSTS=1                   # libvirt hosts; "host" is the first
  REMOTE=                   # number of one of several that the daemon knows by the network alone, its Open vSwitch with the keys of $S/keys
  RESERVED_CPUS=            # that no machine gets for itself, e.g. 0
  STATE_TMPFS=              # size of a small file system for state and pool, e.g. 64m
  S=$WORK/s                 # everything of the scenario's daemon
}

config_remote() {
  cat <<EOC
  - name: ${P}$1
    uri: qemu+tcp://10.98.0.$1/system
    openvswitch:
      database: ssl:10.98.0.$1:6640
      interfaces: [up0]
      privateKey: $S/keys/manager.key
      certificate: $S/keys/manager.crt
      caCertificate: $S/keys/ca.crt
EOC
}
# Where there are several, the daemon is in none of them: see daemon_at().
config_host() {
  [ "$1" != "$REMOTE" ] || { config_remote "$1"; return; }
  cat <<EOC
  - name: ${P}$1
    uri: qemu:///system
    emulation: $EMULATION
EOC
  [ -z "$RESERVED_CPUS" ] || echo "    reservedSystemCPUs: \"$RESERVED_CPUS\""
  [ "$HOSTS" = 1 ] || echo "    enter: [nsenter, --target, \"$(cat "$WORK/${P}$1/init.pid")\", --mount, --uts, --net, --pid]"
}

config() {
  cat <<EOC
spoolDirectory: $S/spool
stateDirectory: $S/state
runtimeDirectory: $S/run
socket: $S/run/sock
trash: $TRASH
spool:
  scanInterval: $SCAN
  settle: $SETTLE
  deleteDelay: $DELETE_DELAY
  holdCount: $HOLD_COUNT
  holdPercent: $HOLD_PERCENT
hosts:
$(for ((i = 1; i <= HOSTS; i++)); do config_host "$i"; done)
overcommit:
  cpu: $CPU_OVERCOMMIT
  memory: $MEMORY_OVERCOMMIT
pool:
  name: solovirt
  path: $S/pool
images:
  directory: $S/images
  probe: $PROBE
  stallTimeout: $STALL
network:
  name: solovirt
  cidr: 192.168.77.0/24
  bridge: solovirt0
$PERMITTED
${CEPH:+ceph:
  - clusterID: lab
    monitors: [10.98.0.254:6789]
    user: vms
  - clusterID: second
    monitors: [10.98.0.253:6789]
    user: vms
    keyring: /etc/ceph/second.client.vms.keyring}
EOC
}

host_new() { outside_end; testbed down; rm -rf "${WORK:?}/${P:?}"*; }
# A daemon beside several hosts is in no host's namespaces and does not end with them: it would go on to start workers by pids that
# are others' by then.
outside_end() {
  local p; p=$(cat "$WORK/outside.pid" 2>/dev/null) || return 0
  rm -f "$WORK/outside.pid"
  ! grep -qF "$WORK/" "/proc/$p/cmdline" 2>/dev/null || kill -9 "$p"
}

scenario_up() {
  chattr -Rf -i "$S"/pool/share-* || :; rm -rf "$S"; mkdir -p "$S"; : >"$WORK/solovirtd.log"
  # one host serves all scenarios; another only for another kind of /dev, or where there are to be more
  if [ "$(cat "$WORK/kvm" 2>/dev/null)" != "$KVM $HOSTS" ] || ! host true 2>/dev/null; then
    host_new
    KVM=$KVM testbed up "$HOSTS"
    echo "$KVM $HOSTS" >"$WORK/kvm"
    testbed in hub "$ROOT/tests/testbed/httpd.py" "$GUEST/images" 10.98.0.254:8080 </dev/null >"$WORK/httpd.log" 2>&1 &
    await 10 'host curl -sfI "$(http guest.qcow2)"'
  fi
  [ -z "$CEPH" ] || testbed ceph
  [ -z "$STATE_TMPFS" ] || { mkdir -p "$S"; host mount -t tmpfs -o "size=$STATE_TMPFS" state "$S"; }
  mkdir -p "$S"/{spool,state,run,pool}; host mkdir -p "$S"/{spool,state,run,pool}
  [ -z "$REMOTE" ] || "$ROOT/tests/testbed/vswitch.sh" "$S" keys
  config | host tee "$S/solovirtd.yaml" >/dev/null
  daemon_start
}

# Takes everything away as an operator would, then looks whether libvirt and the pool agree.
scenario_down() {
  daemon_alive || daemon_start
  host find "$S/spool" -mindepth 1 -not -name '.solovirt-spool' -delete
  await 20 'sv spool confirm >/dev/null 2>&1; [ "$(sv spool -o json | jq ".files | length")" = 0 ]'
  sv delete vm,vmi,dv,pvc,secret,configmap --all -A --wait=false >/dev/null 2>&1 || true
  sv delete storageclass --all --wait=false >/dev/null 2>&1 || true
  await 60 '[ -z "$(sv get vm,vmi,dv,pvc,secret,configmap -A -o name)" ]'
  await 10 '[ -z "$(virsh_ list --all --name)" ]'
  # libvirt does not see by itself that an unpacked image was removed
  await 10 'virsh_ pool-refresh solovirt >/dev/null; [ -z "$(virsh_ vol-list solovirt | grep -vE "^ *$")" ]'
  await 10 '[ -z "$(dhcp_entries)" ]'
  daemon_stop
  [ -z "$STATE_TMPFS" ] || host umount -l "$S"
}

# ------------------------------------------------------------------ the daemon

# Where it runs: on the host, or beside several of them, in whose namespaces only their workers are.
daemon_at() {
  if [ "$HOSTS" = 1 ]; then host "$@"; else nsenter -t "$(cat "$WORK/${P}hub/init.pid")" -n "$@"; fi
}
daemon_pid() { host cat "$S/pid" 2>/dev/null; }
daemon_alive() { daemon_at kill -0 "$(daemon_pid)" 2>/dev/null; }

# The pid in the file is that of the host's namespace; signals are sent from there.
daemon_launch() {
  daemon_at setsid bash -c 'echo $$ | tee "$1/pid" ${3:+"$3"} >/dev/null; exec "$2" --config "$1/solovirtd.yaml"' \
    - "$S" "$BUILD/solovirtd" $([ "$HOSTS" = 1 ] || echo "$WORK/outside.pid") \
    </dev/null >>"$WORK/solovirtd.log" 2>&1 &
}
daemon_start() { host rm -f "$S/pid"; daemon_launch; await 20 'sv version >/dev/null'; }
daemon_stop() {
  local p; p=$(daemon_pid); daemon_at kill "$p"
  await 20 "! daemon_at kill -0 $p 2>/dev/null"
}
daemon_kill() {
  local p; p=$(daemon_pid); daemon_at kill -9 "$p"
  await 10 "! daemon_at kill -0 $p 2>/dev/null"
}
daemon_log() { cat "$WORK/solovirtd.log"; }
# the number of bytes now, to look only at what is logged after this
mark() { stat -c %s "$WORK/solovirtd.log"; }
log_since() { tail -c "+$(($1 + 1))" "$WORK/solovirtd.log"; }

sv() { host timeout 120 "$BUILD/solovirt" -s "$S/run/sock" "$@"; }

# ------------------------------------------------------------------ saying what must be so

await() {
  local seconds=$(($1 * PATIENCE)) end out rc; shift
  end=$((SECONDS + seconds))
  while :; do
    rc=0; out=$(set +o pipefail; eval "$*" 2>&1) || rc=$?
    [ $rc != 0 ] || return 0
    [ $SECONDS -le $end ] || { echo "not within $seconds s: $*"; echo "last output: $out"; return 1; }
    sleep 0.2
  done
}
# a "grep -q" ends before its input does: that must not count, so no pipefail here
expect() { local out; out=$(set +o pipefail; eval "$*" 2>&1) || { echo "expected: $*"; echo "output: $out"; return 1; }; }
refute() { local out; ! out=$(set +o pipefail; eval "$*" 2>&1) || { echo "did not expect: $*"; echo "output: $out"; return 1; }; }
same() { [ "$1" = "$2" ] || { echo "expected: $1"; echo "got:      $2"; return 1; }; }
# exits CODE CMD...: the exit code is part of the interface
exits() { local want=$1 rc=0 out; shift; out=$("$@" 2>&1) || rc=$?; [ $rc = "$want" ] || { echo "exit code $rc, not $want: $*"; echo "$out"; return 1; }; }

field() { sv get "$1" -o "jsonpath={$2}"; }
phase() { field "vmi/$1" .status.phase; }
ip_of() { field "vmi/$1" '.status.interfaces[0].ipAddress'; }
condition() { field "$1" ".status.conditions[?(@.type==\"$2\")].status"; }
reason() { field "$1" ".status.conditions[?(@.type==\"$2\")].reason"; }
message() { field "$1" ".status.conditions[?(@.type==\"$2\")].message"; }

status() { field "vm/$1" .status.printableStatus; }
becomes() { await "${3:-60}" "[ \"\$(status $1)\" = '$2' ]"; }     # becomes VM STATUS: the STATUS column

domain() { echo "${NS}_$1"; }
domain_state() { virsh_ domstate "$(domain "$1")" 2>/dev/null | grep .; }
qemu_pid() { host pgrep -f "guest=$(domain "$1"),"; }
# a console log may hold NULs, which bash complains of
console() { host cat "/var/log/libvirt/qemu/$(domain "$1").console.log" | tr -d '\0\r'; }
shows() { await "${3:-60}" "console $1 | grep -qE '$2'"; }
count_shown() { console "$1" | grep -cE "$2" || true; }
booted() { await "${3:-60}" "[ \$(count_shown $1 TB-READY) -ge ${2:-1} ]"; }
running() { await "${2:-60}" "[ \"\$(phase $1)\" = Running ]"; }
gone() { await "${2:-60}" "[ \$(exit_of sv get $1) = 3 ]"; }
volume_of() { echo "$S/pool/$(field "pvc/$1" .spec.volumeName)"; }     # the file of a claim
pool_files() { host find "$S/pool" -type f; }
exit_of() { local rc=0; "$@" >/dev/null 2>&1 || rc=$?; echo $rc; }
imported() { await "${2:-60}" "[ \"\$(field dv/$1 .status.phase)\" = Succeeded ]"; }

# ------------------------------------------------------------------ the spool

drop() { host mkdir -p "$(dirname "$S/spool/$1")"; host tee "$S/spool/$(dirname "$1")/.$(basename "$1").new" >/dev/null
  host mv "$S/spool/$(dirname "$1")/.$(basename "$1").new" "$S/spool/$1"; }
lift() { host rm "$S/spool/$1"; }
edit() { host sed "$2" "$S/spool/$1" | drop "$1"; }     # edit FILE SED-SCRIPT
status_file() { host cat "$S/run/spool/$1.status"; }

# vm NAME [key=value...]: a VirtualMachine with a root disk imported from the image server.
#   run=Always|Manual|…  or running=true|false     image=guest.qcow2   size=300Mi   memory=96Mi   cores=1   grace=10
#   data=NAME            a blank disk of 64Mi, as dataVolumeTemplate, serial "data1"
#   user='LINE' …        runcmd lines of inline cloud-init user data (each one more user=)
#   disks= volumes= vmspec= templates=   more YAML at those places, indented as there
vm() {
  local name=$1 run=Always running='' image=guest.qcow2 size=300Mi memory=96Mi cores=1 grace=10 data='' a k
  local disks='' volumes='' templates='' vmspec='' spec='' users=() host_name=$1; shift
  for a in "$@"; do
    k=${a%%=*}
    case $k in
    user) users+=("${a#*=}") ;;
    run | running | image | size | memory | cores | grace | data | disks | volumes | templates | vmspec | spec | host_name)
      printf -v "$k" %s "${a#*=}" ;;
    *) echo "vm: unknown word $k" >&2; return 1 ;;
    esac
  done
  local when="runStrategy: $run"; [ -z "$running" ] || when="running: $running"
  cat <<EOV
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata:
  name: $name
  labels: {app: $name}
spec:
  $when
  dataVolumeTemplates:
    - metadata: {name: $name-root}
      spec:
        source: {http: {url: "$(http "$image")"}}
        storage: {resources: {requests: {storage: $size}}}
EOV
  [ -z "$data" ] || cat <<EOV
    - metadata: {name: $data}
      spec:
        source: {blank: {}}
        storage: {resources: {requests: {storage: 64Mi}}}
EOV
  cat <<EOV
$templates
$vmspec
  template:
    metadata:
      labels: {app: $name}
    spec:
      terminationGracePeriodSeconds: $grace
$spec
      domain:
        cpu: {cores: $cores}
        memory: {guest: $memory}
        devices:
          disks:
            - {name: root, disk: {bus: virtio}}
            ${data:+- {name: data, serial: data1, disk: {bus: virtio\}\}}
            - {name: seed, disk: {bus: virtio}}
$disks
          interfaces:
            - {name: default, masquerade: {}}
      networks:
        - {name: default, pod: {}}
      volumes:
        - {name: root, dataVolume: {name: $name-root}}
        ${data:+- {name: data, dataVolume: {name: $data\}\}}
        - name: seed
          cloudInitNoCloud:
            userData: |
              #cloud-config
              hostname: $host_name
EOV
  [ ${#users[@]} = 0 ] || { echo '              runcmd:'; printf '                - %s\n' "${users[@]}"; }
  echo "$volumes"
}
HEARTBEAT='(while sleep 1; do echo TB-BEAT $(cut -d. -f1 /proc/uptime) > /dev/console; done) &'
last_beat() { console "$1" | sed -n 's/.*TB-BEAT \([0-9]*\).*/\1/p' | tail -1; }

# dv NAME IMAGE [SIZE] [more YAML below http, indented by 6]
dv() {
  cat <<EOV
apiVersion: cdi.kubevirt.io/v1beta1
kind: DataVolume
metadata: {name: $1}
spec:
  source:
    http:
      url: "$(http "$2")"
${4:-}
  storage: {resources: {requests: {storage: ${3:-300Mi}}}}
EOV
}

# oci NAME TAG FILE PATH...: an image in the daemon's directory whose one layer has the file at each path
oci() {
  local dir=$S/images/$1 tag=$2 file=$3 tmp blobs layer size config manifest; shift 3
  tmp=$(mktemp -d "$WORK/oci.XXXXXX"); blobs=$dir/blobs/sha256; host mkdir -p "$blobs"
  for p in "$@"; do mkdir -p "$tmp/root/$(dirname "$p")"; cp "$file" "$tmp/root/$p"; done
  tar -C "$tmp/root" -czf "$tmp/layer" .
  layer=$(sha256sum <"$tmp/layer"); layer=${layer%% *}; size=$(stat -c %s "$tmp/layer"); host cp "$tmp/layer" "$blobs/$layer"
  config=$(printf '{}' | sha256sum); config=${config%% *}; printf '{}' | host tee "$blobs/$config" >/dev/null
  printf '{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":2},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:%s","size":%s}]}' \
    "$config" "$layer" "$size" >"$tmp/manifest"
  manifest=$(sha256sum <"$tmp/manifest"); manifest=${manifest%% *}; host cp "$tmp/manifest" "$blobs/$manifest"
  printf '{"imageLayoutVersion":"1.0.0"}' | host tee "$dir/oci-layout" >/dev/null
  printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"%s"}}]}' \
    "$manifest" "$(stat -c %s "$tmp/manifest")" "$tag" | host tee "$dir/index.json" >/dev/null
  rm -rf "$tmp"
}
# from_image VM IMAGE [LINE]: a machine whose only disk is the one of an image, with a line for runcmd
from_image() {
  vm "$1" ${3:+user="$3"} | sed '/dataVolumeTemplates:/,/storage: {resources/d; s|{name: root, dataVolume: .*}|{name: root, containerDisk: {image: "'"$2"'"}}|'
}

# ------------------------------------------------------------------ when a test failed

state_of_things() {
  host true 2>/dev/null || { echo "(the test bed is down)"; return; }
  echo "--- end of the daemon's log"
  tail -n 12 "$WORK/solovirtd.log" 2>/dev/null | sed 's/^time=[^T]*T\([^Z]*\)Z level=\([a-z]*\) program=solovirtd/\1 \2/' | cut -c 1-240
  if daemon_alive; then
    echo "--- get"; sv get vm,vmi,dv -A --no-headers -o wide 2>&1 | grep . | tail -n 12
    echo "--- spool"; sv spool 2>&1 | tail -n 8
    echo "--- warnings"; sv events -A --types Warning 2>&1 | tail -n 6 | cut -c 1-240
  else
    echo "--- the daemon is not running"
  fi
  echo "--- virsh list"; virsh_ list --all 2>&1 | grep .
  echo "--- pool"; host ls -l "$S/pool" 2>&1 | tail -n 6
}
