#!/bin/bash
# vswitch.sh DIR COMMAND: Open vSwitch in user space, without a service, in the namespaces that it is called in
#
#   up        make the database in DIR, start both daemons       down    end both
#   start     ovs-vswitchd alone                                 kill    ovs-vswitchd alone, with kill -9
#   database-start, database-stop   ovsdb-server alone
#   keys      make DIR/keys: the authority ca, with host and manager; another one, with stranger; each NAME.key and NAME.crt
#
# Environment: LISTEN  address where the database listens (port 6640) with the keys of KEYS, a directory that "keys" made
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
DIR=${1:?usage: vswitch.sh DIR up|down|start|kill|database-start|database-stop|keys}; CMD=${2:?no command}
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

database() {
  ovsdb-server "$DIR/conf.db" --remote=punix:$RUN/db.sock ${LISTEN:+--remote=pssl:6640:$LISTEN} --pidfile=$RUN/ovsdb-server.pid \
    --private-key=db:Open_vSwitch,SSL,private_key --certificate=db:Open_vSwitch,SSL,certificate --ca-cert=db:Open_vSwitch,SSL,ca_cert \
    --detach --no-chdir --log-file="$DIR/ovsdb.log" -vconsole:off
}
# authority NAME MEMBER...
authority() {
  local ca=$1 m; shift
  openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=$ca" -keyout "$ca.key" -out "$ca.crt"
  for m; do
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$m" -keyout "$m.key" -out "$m.csr"
    openssl x509 -req -in "$m.csr" -CA "$ca.crt" -CAkey "$ca.key" -CAcreateserial -days 30 -out "$m.crt"
  done
}

case $CMD in
keys) mkdir -p "$DIR/keys"; cd "$DIR/keys"; { authority ca host manager; authority other stranger; } 2>/dev/null ;;
up)
  mkdir -p $RUN "$DIR"; rm -f "$DIR/conf.db"
  ovsdb-tool create "$DIR/conf.db" /usr/share/openvswitch/vswitch.ovsschema
  database
  ovs-vsctl --no-wait init ${LISTEN:+-- set-ssl "$KEYS/host.key" "$KEYS/host.crt" "$KEYS/ca.crt"}
  start ;;
down) stop ovs-vswitchd -TERM; stop ovsdb-server -TERM ;;
start) start ;;
database-start) database ;;
database-stop) stop ovsdb-server -TERM ;;
kill) stop ovs-vswitchd -KILL ;;
*) echo "vswitch: unknown command $CMD" >&2; exit 2 ;;
esac
