#!/bin/bash
# testbed.sh DIR COMMAND: several libvirt hosts on one machine, as root
#
#   up [N]          N hosts (1)                 down            end everything, leave no process
#   host I          power host I on             kill I          power cut: silence, then gone
#   cut I | heal I  unplug, plug in its cable   in I|hub CMD    run a command there
#   status          who is up
#   ceph            a Ceph cluster of one monitor and one OSD in the hub: pool "vms", /etc/ceph in the hub and in all
#                   hosts with the keys of client.admin and client.vms (which has what an installation would give it)
#   ceph-stop [mon|osd|mgr]... | ceph-start [...]   end with kill -9, start again; without a word: all of it
#   ceph-late up|down   a second monitor whose clock is half a second ahead comes, goes
#                   with CLUSTER=NAME these are about another cluster beside it, whose files in /etc/ceph begin with NAME (rbd --cluster NAME)
#
# A host is a PID, mount, network and UTS namespace with its own hostname, /run, /dev, /etc/libvirt and
# /var/{lib,log,cache}/libvirt, running virtlogd and libvirtd. Its eth0 (NET.I/24) hangs on a bridge in the
# "hub" namespace (NET.254). Nothing outside the namespaces is touched; all files are under DIR.
#
# A host dies with its PID 1: one kill -9 is a power cut of all it runs, so there are no lists of pids to
# keep and nothing is left over.
#
# Environment: P  prefix of the names (tb), so that two test beds can stand side by side
#              NET  first three bytes of the management network (10.98.0)
#              KVM=1  leave /dev/kvm visible in the hosts
#              CEPH=1  "up" starts Ceph, too, beside the hosts
# DIR/libvirtd.conf and DIR/qemu.conf, where present, are appended to every host's.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin; export LC_ALL=C
SELF=$(realpath "$0")
DIR=$(realpath -m "${1:?usage: testbed.sh DIR up|down|host|kill|cut|heal|in|status|ceph|ceph-stop|ceph-start|ceph-late}"); CMD=${2:?no command}; shift 2
P=${P:-tb}; NET=${NET:-10.98.0}; HUB=${P}hub
mkdir -p "$DIR"

alive() { [ -s "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }
name() { [ "$1" = hub ] && echo "$HUB" || echo "$P$1"; }
enter() { local p; p=$(cat "$DIR/$1/init.pid"); shift; nsenter -t "$p" -m -u -n -p "$@"; }

# Runs `__init NAME` as PID 1 of new namespaces inside netns NAME and waits until it says it is ready.
# The outer pid is that of unshare's child: from inside it could not be told.
spawn() {
  local n=$1 h=$DIR/$1 u i
  mkdir -p "$h"; rm -f "$h/ready" "$h/init.pid"
  setsid ip netns exec "$n" unshare -m -u -p --fork --kill-child=KILL --mount-proc \
    "$SELF" "$DIR" __init "$n" </dev/null >"$h/init.log" 2>&1 &
  u=$!
  for ((i = 0; i < 400; i++)); do
    [ -e "$h/ready" ] && break
    kill -0 $u 2>/dev/null || break
    sleep 0.05
  done
  [ -e "$h/ready" ] || { echo "testbed: $n did not come up:" >&2; cat "$h/init.log" >&2; return 1; }
  pgrep -P $u >"$h/init.pid"
}

hub_up() {
  ip netns list | grep -qw "$HUB" || ip netns add "$HUB"
  ip -n "$HUB" link set lo up
  ip -n "$HUB" link show br0 >/dev/null 2>&1 || ip -n "$HUB" link add br0 type bridge stp_state 0 mcast_snooping 0
  ip -n "$HUB" link set br0 up
  ip -n "$HUB" addr replace "$NET.254/24" dev br0
  alive "$DIR/$HUB/init.pid" || spawn "$HUB"
}

host_up() {
  local i=$1 n=$P$1 h=$DIR/$P$1 d c
  alive "$h/init.pid" && return 0
  # what a dead machine had, such as bridges of libvirt's networks, went with it
  ip netns del "$n" 2>/dev/null || true
  ip netns add "$n"
  ip -n "$n" link set lo up
  ip -n "$HUB" link del "to-$n" 2>/dev/null || true
  ip -n "$HUB" link add "to-$n" type veth peer name eth0 netns "$n"
  ip -n "$HUB" link set "to-$n" master br0 up
  ip -n "$n" addr add "$NET.$i/24" dev eth0
  ip -n "$n" link set eth0 up
  ip -n "$n" route add default via "$NET.254"
  mkdir -p "$h"/{etc/libvirt/qemu,run,var/lib/libvirt/images,var/log/libvirt/qemu,var/cache/libvirt}
  # libvirt's probe of QEMU takes a second or more: later hosts take over the answer of an earlier one
  for c in "$DIR/$P"[0-9]*/var/cache/libvirt/qemu; do
    [ -d "$h/var/cache/libvirt/qemu" ] || [ ! -d "$c" ] || cp -a "$c" "$h/var/cache/libvirt/"
  done
  # host_uuid: there may be no DMI to take one from, and two hosts must not share one
  cat >"$h/etc/libvirt/libvirtd.conf" <<EOC
host_uuid = "$(printf '%s' "$DIR/$n" | md5sum | sed -E 's/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/\1-\2-4\3-a\4-\5/')"
listen_tls = 0
listen_tcp = 1
auth_tcp = "none"
listen_addr = "0.0.0.0"
auth_unix_rw = "none"
unix_sock_rw_perms = "0777"
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
EOC
  # no cgroups: `ip netns exec` mounts a bare /sys
  cat >"$h/etc/libvirt/qemu.conf" <<EOC
user = "root"
group = "root"
remember_owner = 0
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "logd"
migration_host = "$NET.$i"
EOC
  for d in libvirtd qemu; do [ ! -e "$DIR/$d.conf" ] || cat "$DIR/$d.conf" >>"$h/etc/libvirt/$d.conf"; done
  spawn "$n"
}

# A /dev of its own, as a rule without kvm: where it exists but guests hang, libvirt must not offer it.
# Hiding it under /dev/null will not do: libvirt then probes QEMU anew for every domain, 10 s each.
private_dev() {
  local f
  mkdir -p "$1"; mount -t tmpfs -o mode=755 dev "$1"; mkdir -p "$1"/{pts,shm,net,hugepages,mqueue}
  for f in null zero full random urandom tty net/tun fuse userfaultfd loop-control $([ "${KVM:-0}" = 0 ] || echo kvm); do
    [ ! -e "/dev/$f" ] || { touch "$1/$f"; mount --bind "/dev/$f" "$1/$f"; }
  done
  mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$1/pts"; mount -t tmpfs shm "$1/shm"
  ln -s pts/ptmx "$1/ptmx"; ln -s /proc/self/fd "$1/fd"
  ln -s fd/0 "$1/stdin"; ln -s fd/1 "$1/stdout"; ln -s fd/2 "$1/stderr"
  mount --move "$1" /dev
}

# libvirtd as a child of ours, so that init.log says how it ended. With -d it would be known only that it is gone.
run_libvirtd() {
  local rc=0 i
  { libvirtd -l || rc=$?; echo "libvirtd ended with code $rc"; } &
  for ((i = 0; i < 400; i++)); do
    [ ! -S /run/libvirt/libvirt-sock ] || return 0
    sleep 0.05
  done
  return 1
}

init() {   # PID 1 of a namespace
  local n=$1 h=$DIR/$1 d
  mount --make-rprivate /
  mkdir -p "$h/run"; rm -rf "${h:?}/run"/*; mkdir -p "$h"/run/{lock,libvirt}   # stale pid files would name strangers
  # the hostname must resolve, else libvirt complains at every connection
  { echo "127.0.0.1 localhost"; echo "$NET.254 $HUB"; for d in {1..20}; do echo "$NET.$d $P$d"; done; } >"$h/hosts"
  mount --bind "$h/hosts" /etc/hosts
  if [ -d /etc/ceph ]; then mkdir -p "$DIR/etc-ceph"; mount --bind "$DIR/etc-ceph" /etc/ceph; fi
  hostname "$n"
  if [ -d "$h/etc/libvirt" ]; then
    for d in etc/libvirt var/lib/libvirt var/log/libvirt var/cache/libvirt; do mount --bind "$h/$d" "/$d"; done
  fi
  private_dev "$h/dev"
  mount --bind "$h/run" /run
  if [ "$n" != "$HUB" ]; then virtlogd -d; run_libvirtd; fi
  touch "$h/ready"
  # bash reaps the orphans: libvirt takes a zombie QEMU for a living one
  while :; do sleep 86400 & wait $! || true; done
}

# ---------------------------------------------------------------- Ceph

# Small, and quick where one OSD can be: no replicas to wait for, no warnings about that.
ceph_conf() {
  cat <<EOC
[global]
fsid = $(cat /proc/sys/kernel/random/uuid)
mon_host = $CEPH_ADDRESS
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
public_network = $NET.0/24
ms_bind_ipv6 = false
run_dir = $CEPH_DIR/run
log_file = $CEPH_DIR/log/\$name.log
admin_socket = $CEPH_DIR/run/\$name.asok
pid_file = $CEPH_DIR/run/\$name.pid
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_warn_on_pool_no_redundancy = false
mon_data_avail_warn = 1
mon_data_avail_crit = 1
auth_allow_insecure_global_id_reclaim = false
[mon]
mon_data = $CEPH_DIR/mon
[mgr]
mgr_data = $CEPH_DIR/mgr
keyring = $CEPH_DIR/mgr/keyring
[osd]
osd_data = $CEPH_DIR/osd
keyring = $CEPH_DIR/osd/keyring
osd_objectstore = bluestore
bluestore_block_size = 8589934592
osd_memory_target = 939524096
bluestore_cache_autotune = false
bluestore_cache_size = 67108864
[client]
log_file =
admin_socket =
[client.admin]
keyring = $CEPH_ETC/$CLUSTER.client.admin.keyring
EOC
}

key() { ceph-authtool -C "$1" --gen-key -n "$2" "${@:3}" >/dev/null; }

# The monitor's first map and everybody's keys; nothing runs yet.
ceph_make() {
  local admin=$CEPH_ETC/$CLUSTER.client.admin.keyring all=$CEPH_DIR/mon.keyring one
  rm -rf "$CEPH_DIR"; mkdir -p "$CEPH_ETC" "$CEPH_DIR"/{mon,osd,mgr,log,run}
  ceph_conf >"$CEPH_ETC/$CLUSTER.conf"
  key "$admin" client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
  key "$CEPH_DIR/mgr/keyring" mgr.a --cap mon 'allow profile mgr' --cap osd 'allow *'
  key "$CEPH_DIR/osd/keyring" osd.0 --cap mon 'allow profile osd' --cap mgr 'allow profile osd' --cap osd 'allow *'
  key "$all" mon. --cap mon 'allow *'
  for one in "$admin" "$CEPH_DIR"/{mgr,osd}/keyring; do ceph-authtool "$all" --import-keyring "$one" >/dev/null; done
  monmaptool --create --fsid "$(awk '/^fsid/ {print $3}' "$CEPH_ETC/$CLUSTER.conf")" \
    --addv a "[v2:$CEPH_ADDRESS:3300,v1:$CEPH_ADDRESS:6789]" "$CEPH_DIR/monmap" >/dev/null
  enter "$HUB" ceph-mon --cluster "$CLUSTER" --mkfs -i a --monmap "$CEPH_DIR/monmap" --keyring "$all"
  touch "$CEPH_DIR/made"
}

ceph_pid() { enter "$HUB" cat "$CEPH_DIR/run/$1.pid" 2>/dev/null; }
ceph_runs() { local p; p=$(ceph_pid "$1") && enter "$HUB" kill -0 "$p" 2>/dev/null; }
ceph_launch() { ceph_runs "$1" || enter "$HUB" "ceph-${1%.*}" --cluster "$CLUSTER" -i "${1#*.}" >>"$CEPH_DIR/log/start" 2>&1; }
ceph_names() { local w; for w in "${@:-mon mgr osd}"; do for w in $w; do case $w in osd) echo osd.0 ;; *) echo "$w.a" ;; esac; done; done; }

ceph_start() { local n; for n in $(ceph_names "$@"); do ceph_launch "$n"; done; }

ceph_stop() {
  local n p
  for n in $(ceph_names "$@"); do
    p=$(ceph_pid "$n") || continue
    enter "$HUB" bash -c "kill -9 $p && while kill -0 $p; do sleep 0.02; done" 2>/dev/null || true
    rm -f "$CEPH_DIR/run/$n.pid"
  done
}

ceph_up() {
  ip -n "$HUB" addr replace "$CEPH_ADDRESS/24" dev br0
  [ -e "$CEPH_DIR/made" ] || ceph_make
  ceph_start mon
  # shellcheck disable=SC2016
  [ -e "$CEPH_DIR/osd/made" ] || enter "$HUB" bash -euc '
    uuid=$(cat /proc/sys/kernel/random/uuid)
    ceph --cluster "$2" osd new "$uuid" >/dev/null
    ceph-osd --cluster "$2" -i 0 --mkfs --osd-uuid "$uuid" >/dev/null 2>&1
    touch "$1/osd/made"' - "$CEPH_DIR" "$CLUSTER"
  ceph_start
  enter "$HUB" bash -euc '
    ceph --cluster "$1" osd pool ls | grep -qx vms ||
      { ceph --cluster "$1" osd pool create vms 8 >/dev/null 2>&1; rbd --cluster "$1" pool init vms; }
    ceph --cluster "$1" auth get-or-create client.vms mon "profile rbd" osd "profile rbd pool=vms" mgr "profile rbd pool=vms" \
      >"/etc/ceph/$1.client.vms.keyring"' - "$CLUSTER"
}

# Both are needed for a quorum then: it has to leave the map before it ends.
ceph_late() {
  # shellcheck disable=SC2016
  case ${1:-} in
  up) enter "$HUB" bash -euc '
      ip addr replace "$3/24" dev br0
      ceph --cluster "$2" mon getmap -o "$1/late.map" 2>/dev/null; mkdir -p "$1/late"
      ceph-mon --cluster "$2" --mkfs -i late --mon-data "$1/late" --monmap "$1/late.map" --keyring "$1/mon.keyring"
      LD_PRELOAD=$(echo /usr/lib/*/faketime/libfaketime.so.1) FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME=+0.5s \
        ceph-mon --cluster "$2" -i late --mon-data "$1/late" --public-addr "$3" >"$1/log/late" 2>&1' - "$CEPH_DIR" "$CLUSTER" "$CEPH_LATE" ;;
  down) enter "$HUB" bash -euc '
      pid=$(cat "$1/run/mon.late.pid")
      ceph --cluster "$2" mon remove late 2>/dev/null
      kill -9 "$pid" 2>/dev/null || true     # it ends by itself, too
      rm -rf "$1/late" "$1/run/mon.late.pid"
      ip addr del "$3/24" dev br0' - "$CEPH_DIR" "$CLUSTER" "$CEPH_LATE" ;;
  *) echo "testbed: ceph-late up or down" >&2; exit 2 ;;
  esac
}

CLUSTER=${CLUSTER:-ceph} CEPH_ETC=$DIR/etc-ceph
CEPH_DIR=$DIR/$CLUSTER CEPH_ADDRESS=$NET.254 CEPH_LATE=$NET.252
[ "$CLUSTER" = ceph ] || CEPH_ADDRESS=$NET.253

case $CMD in
up)
  hub_up
  [ "${CEPH:-0}" = 0 ] || { ceph_up & ceph=$!; }
  for ((i = 1; i <= ${1:-1}; i++)); do host_up $i; done
  [ "${CEPH:-0}" = 0 ] || wait "$ceph" ;;
ceph) hub_up; ceph_up ;;
ceph-stop) ceph_stop "$@" ;;
ceph-start) ceph_start "$@" ;;
ceph-late) ceph_late "$@" ;;
host) hub_up; host_up "$1" ;;
kill)   # the cable first: dying processes would still send FIN and RST, a dead machine sends nothing
  ip -n "$HUB" link set "to-$P$1" down 2>/dev/null || true
  [ ! -s "$DIR/$P$1/init.pid" ] || kill -9 "$(cat "$DIR/$P$1/init.pid")" 2>/dev/null || true
  rm -f "$DIR/$P$1/init.pid" ;;
cut) ip -n "$HUB" link set "to-$P$1" down ;;
heal) ip -n "$HUB" link set "to-$P$1" up ;;
in) n=$(name "$1"); shift; enter "$n" "$@" ;;
status)
  for h in "$DIR"/*/init.pid; do
    n=$(basename "$(dirname "$h")")
    if alive "$h"; then echo "$n up"; else echo "$n down"; fi
  done ;;
down)
  for h in "$DIR/$P"*/init.pid; do
    [ ! -s "$h" ] || kill -9 "$(cat "$h")" 2>/dev/null || true
    rm -f "$h"
  done
  for n in $(ip netns list | awk '{print $1}' | grep -xE "$P(hub|[0-9]+)"); do ip netns del "$n"; done ;;
__init) init "$1" ;;
*) echo "testbed: unknown command $CMD" >&2; exit 2 ;;
esac
