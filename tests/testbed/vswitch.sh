#!/bin/bash
# vswitch.sh DIR COMMAND: Open vSwitch in user space, without a service, in the namespaces that it is called in
#
#   up        make the database in DIR, start both daemons       down    end both
#   start     ovs-vswitchd alone                                 kill    ovs-vswitchd alone, with kill -9
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
DIR=${1:?usage: vswitch.sh DIR up|down|start|kill}; CMD=${2:?no command}
RUN=/run/openvswitch

start() { ovs-vswitchd --pidfile=$RUN/ovs-vswitchd.pid --detach --no-chdir --log-file="$DIR/vswitchd.log" -vconsole:off; }
# stop DAEMON SIGNAL
stop() {
  local p
  [ -s "$RUN/$1.pid" ] || return 0
  p=$(cat "$RUN/$1.pid")
  kill "$2" "$p" || return 0
  while kill -0 "$p" && ! grep -q '^State:.Z' "/proc/$p/status"; do sleep 0.02; done 2>/dev/null
}

case $CMD in
up)
  mkdir -p $RUN "$DIR"; rm -f "$DIR/conf.db"
  ovsdb-tool create "$DIR/conf.db" /usr/share/openvswitch/vswitch.ovsschema
  ovsdb-server "$DIR/conf.db" --remote=punix:$RUN/db.sock --pidfile=$RUN/ovsdb-server.pid --detach --no-chdir \
    --log-file="$DIR/ovsdb.log" -vconsole:off
  ovs-vsctl --no-wait init
  start ;;
down) stop ovs-vswitchd -TERM; stop ovsdb-server -TERM ;;
start) start ;;
kill) stop ovs-vswitchd -KILL ;;
*) echo "vswitch: unknown command $CMD" >&2; exit 2 ;;
esac
