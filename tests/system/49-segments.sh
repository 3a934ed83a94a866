# Two hosts on one wire: guests of a VLAN reach each other across hosts, those of another do not, and no address is given twice.
# Of the second one the daemon knows only what the network shows: libvirt by TCP, Open vSwitch by TLS. Its guests' disks are blank and
# written beside the daemon while they wait for their start, which is faster than an import through libvirt.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034

HOSTS=2 REMOTE=2 HOLD_COUNT=100
other() { nsenter -t "$(cat "$WORK/${P}2/init.pid")" -m -u -n -p "$@"; }
there() { LISTEN=10.98.0.2 KEYS=$S/keys other "$ROOT/tests/testbed/vswitch.sh" "$S/vswitch2" "$1"; }
vswitch() { host "$ROOT/tests/testbed/vswitch.sh" "$S/vswitch1" "$1"; there "$1"; }
on_second() { field provider-network/office ".status.conditions[?(@.node==\"${P}2\")].$1"; }
card() { field "vmi/$1" ".status.interfaces[?(@.name==\"second\")].$2"; }
console() { { host cat "/var/log/libvirt/qemu/$(domain "$1").console.log" || other cat "/var/log/libvirt/qemu/$(domain "$1").console.log"; } 2>/dev/null | tr -d '\0\r'; }

# subnet NAME VLAN NETWORK: with its Vlan and what machines name
subnet() {
  cat <<EOS
---
apiVersion: kubeovn.io/v1
kind: Vlan
metadata: {name: $1}
spec: {id: $2, provider: office}
---
apiVersion: kubeovn.io/v1
kind: Subnet
metadata: {name: $1}
spec: {cidrBlock: $3.0/24, gateway: $3.1, vlan: $1, provider: $1.default.ovn, enableDHCP: true}
---
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: $1}
spec: {config: '{"type": "kube-ovn", "provider": "$1.default.ovn"}'}
EOS
}
# machine NAME HOST SUBNET [ADDRESS]: what the guest does is in GUEST_DOES
machine() {
  local annotations='' image='' paused=''
  [ "$2" = 1 ] || { image='s/source: {http: .*/source: {blank: {}}/'; paused='startStrategy: Paused'; }
  [ -z "${4:-}" ] || annotations="      annotations: {$3.default.ovn.kubernetes.io/ip_address: $4, $3.default.ovn.kubernetes.io/port_security: 'true'}"
  vm "$1" grace=0 user="${GUEST_DOES:-true}" spec="      nodeSelector: {kubernetes.io/hostname: ${P}$2}
      $paused" | sed "$image" |
    sed "s/{name: default, masquerade: {}}/&\\n            - {name: second, bridge: {}}/;s/^      networks:/&\\n        - {name: second, multus: {networkName: $3}}/" |
    sed "s|^      labels: .*|&\\n$annotations|"
}

# fill NAME...: gives machines of the second host the disk that they wait for
fill() {
  local m
  for m; do
    await 90 "[ \"\$(status $m)\" = Paused ]"
    dd if="$S/guest.raw" of="$(volume_of "$m-root")" bs=1M conv=notrunc,sparse,fsync status=none
    sv unpause "$m"
  done
}

setup() {
  qemu-img convert -O raw "$GUEST/images/guest.qcow2" "$S/guest.raw"
  ip link add up0 netns "${P}1" type veth peer name up0 netns "${P}2"
  vswitch up
  { echo '{apiVersion: kubeovn.io/v1, kind: ProviderNetwork, metadata: {name: office}, spec: {defaultInterface: up0}}'; subnet desk 100 10.6.0; subnet lab 200 10.7.0; } | drop wire.yaml
}

test_both_hosts_have_the_wire() {
  await 60 '[ "$(field provider-network/office .status.ready)" = true ]'
  same "$(printf '%s\n' "${P}1" "${P}2")" "$(field provider-network/office '.status.readyNodes[*]' | tr ' ' '\n' | sort)"
  same '[0, 100, 200]' "$(host ovs-vsctl get port up0 trunks)"
  same '[0, 100, 200]' "$(other ovs-vsctl get port up0 trunks)"
}
# disks NAME...: the host of each claim
disks() { local c; for c; do field "pvc/$c" ".metadata.annotations['volume.kubernetes.io/selected-node']"; echo; done; }
test_disks_are_spread_and_those_of_a_machine_stay_together() {
  local m
  for m in a b c; do
    vm $m run=Halted data=$m-data spec="$([ $m != c ] || echo "      nodeSelector: {kubernetes.io/hostname: ${P}1}")" | sed 's/source: {http: .*/source: {blank: {}}/' | drop $m.yaml
    await 60 '[ "$(field pvc/'$m'-root .status.phase) $(field pvc/'$m'-data .status.phase)" = "Bound Bound" ]'
  done
  same "$(printf '%s\n' "${P}1" "${P}1" "${P}2" "${P}2" "${P}1" "${P}1")" "$(disks a-root a-data b-root b-data c-root c-data)"
  for m in a b c; do lift $m.yaml; gone vm/$m; gone pvc/$m-root; gone pvc/$m-data; done
}
# asks ADDRESS AS: a guest that asks there again and again, by TCP, and says on its console what it hears
asks() { echo "sh -c 'while sleep 1; do nc -w 2 $1 5001 </dev/null | sed s/^/$2-/ >/dev/console; done' &"; }
test_guests_of_a_vlan_reach_each_other_across_hosts() {
  GUEST_DOES="sh -c 'nc -ll -p 5001 -e echo hears-one' &" machine one 1 desk 10.6.0.11 | drop one.yaml
  GUEST_DOES=$(asks 10.6.0.11 two) machine two 2 desk 10.6.0.12 | drop two.yaml
  # on the other VLAN, with an address of the first besides
  GUEST_DOES="sh -c 'while sleep 1; do ip addr add 10.6.0.13/24 dev eth1; done' 2>/dev/null & $(asks 10.6.0.11 stranger)" machine stranger 2 lab | drop stranger.yaml
  fill two stranger
  booted one 1 300; booted two 1 300
  same "${P}1 ${P}2" "$(field vmi/one .status.nodeName) $(field vmi/two .status.nodeName)"
  shows two two-hears-one 60
}
test_what_a_port_of_another_machine_has_to_have() {
  local mac port; mac=$(card two mac)
  port=$(other ovs-vsctl --bare --columns=name find interface "external_ids:attached-mac=\"$mac\"")
  same 100 "$(other ovs-vsctl get port "$port" tag)"
  same "ssl $(other ovs-vsctl --bare --columns=target find controller)" "ssl pssl:6653:10.98.0.2"
  # its address and no other one
  expect 'other ovs-ofctl -O OpenFlow14 dump-flows br-office cookie=0x5056000000000000/0xffff000000000000 | grep "arp_spa=10.6.0.12"'
  refute 'daemon_log | grep "PRIVATE KEY"'
  # one of the first host tells it its address
  expect 'host ovs-vsctl --bare --columns=name find port "external_ids:solovirt-subnet=lab" | grep dhcp-'
  refute 'other ovs-vsctl --bare --columns=name find port "external_ids:solovirt-subnet=lab" | grep dhcp-'
  # flows go with ovs-vswitchd, and come back
  there kill; there start
  await 60 'other ovs-ofctl -O OpenFlow14 dump-flows br-office cookie=0x5056000000000000/0xffff000000000000 | grep "arp_spa=10.6.0.12"'
}
# annotate WORD...: of two's card on desk; WORD- takes it away
annotate() { sv annotate vmi two "${@/#/desk.default.ovn.kubernetes.io/}"; }
test_rates_and_mirrors_of_a_port_of_another_machine() {
  local port before; port=$(other ovs-vsctl --bare --columns=name find interface "external_ids:attached-mac=\"$(card two mac)\"")
  annotate ingress_rate=8 egress_rate=8 mirror=true
  await 30 '[ "$(other ovs-vsctl get qos "$(other ovs-vsctl get port '"$port"' qos)" other_config:max-rate)" = "\"8000000\"" ]'
  await 30 'other ovs-ofctl -O OpenFlow13 dump-meters br-office | grep "rate=8000"'
  await 30 'other ovs-vsctl list-ports br-office | grep -x mr-office'
  before=$(count_shown two two-hears-one)
  await 60 '[ "$(count_shown two two-hears-one)" -gt '"$before"' ]'
  annotate ingress_rate- egress_rate- mirror-
  await 30 '[ "$(other ovs-vsctl get port '"$port"' qos)" = "[]" ]'
  await 30 '! other ovs-ofctl -O OpenFlow13 dump-meters br-office | grep "meter="'
  await 30 '! other ovs-vsctl list-ports br-office | grep -x mr-office'
}
test_guests_of_another_do_not() {
  booted stranger 1 300
  # it asked as often as the other one was answered since
  local before; before=$(count_shown two two-hears-one)
  await 60 '[ "$(count_shown two two-hears-one)" -gt $(('"$before"' + 5)) ]'
  same 0 "$(count_shown stranger stranger-hears-one)"
  expect 'card stranger ipAddress | grep -q "^10\.7\.0\."'
}
test_no_address_is_given_twice_on_all_hosts() {
  machine thief 2 desk 10.6.0.11 | drop thief.yaml
  await 60 'message vmi/thief Synchronized | grep -q "address 10.6.0.11 is in use by default/one/second"'
  lift thief.yaml; gone vm/thief
}
test_an_address_goes_along_to_another_host() {
  local mac; mac=$(card two mac)
  lift one.yaml; gone vm/one
  lift two.yaml; gone vm/two
  # nobody removes it there, and it says that the one before has booted
  other rm -f "/var/log/libvirt/qemu/default_two.console.log"
  GUEST_DOES="sh -c 'nc -ll -p 5001 -e echo hears-one' &" machine one 2 desk 10.6.0.11 | drop one.yaml
  GUEST_DOES=$(asks 10.6.0.11 two) machine two 1 desk 10.6.0.12 | drop two.yaml
  fill one
  booted one 1 300; booted two 1 300
  same "10.6.0.12 $mac ${P}1" "$(card two ipAddress) $(card two mac) $(field vmi/two .status.nodeName)"
  shows two two-hears-one 60
}
test_a_host_outside_of_the_network_is_not_chosen() {
  host true; edit wire.yaml 's/defaultInterface: up0/&, excludeNodes: ['"${P}2"']/'
  await 60 '[ "$(field provider-network/office ".status.readyNodes[*]")" = '"${P}1"' ]'
  machine late 2 desk | drop late.yaml
  await 90 'message vmi/late PodScheduled | grep -q "1 node lacks its networks; host '"${P}2"' is none of ProviderNetwork office"'
  lift late.yaml; gone vm/late
  # nor does it serve the guests of the other one
  edit wire.yaml "s/${P}2/${P}1/"
  await 60 '[ "$(field provider-network/office ".status.readyNodes[*]")" = '"${P}2"' ]'
  machine mute 2 desk | drop mute.yaml
  await 90 'sv events -A | grep "NoDHCPServer.*interface second of default/mute: nobody tells it its address.*Subnet desk cannot run on host '"${P}2"'"'
  becomes mute Paused 90
  lift mute.yaml; gone vm/mute
}
# yard WHAT: virsh net-WHAT of a network that is in no definition of ours, on the second host
yard() { other virsh -q "net-$1" yard; }
test_a_machine_goes_where_its_network_of_libvirt_is() {
  drop nomad.yaml <<'EOF'
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: yard}
spec: {config: '{"type": "libvirt", "network": "yard"}'}
---
apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata: {name: nomad}
spec:
  terminationGracePeriodSeconds: 0
  domain:
    memory: {guest: 64Mi}
    devices: {interfaces: [{name: second, bridge: {}}]}
  networks: [{name: second, multus: {networkName: yard}}]
EOF
  await 60 'message vmi/nomad PodScheduled | grep "0/2 nodes are available: 2 nodes lack its networks; libvirt of host '"${P}1"' has no network yard: define it there"'
  other virsh -q net-define /dev/stdin <<<'<network><name>yard</name><bridge name="yard0"/></network>'
  yard start
  await 60 '[ "$(field vmi/nomad .status.phase) $(field vmi/nomad .status.nodeName)" = "Running '"${P}2"'" ]'
  lift nomad.yaml; gone vmi/nomad
  yard destroy; yard undefine
}
test_a_database_that_lets_nobody_in_is_told_and_asked_again() {
  local k
  for k in key crt; do cp "$S/keys/manager.$k" "$S/keys/kept.$k"; cp "$S/keys/stranger.$k" "$S/keys/manager.$k"; done
  edit wire.yaml "s/, excludeNodes: .*}}/}}/"
  echo '{apiVersion: kubeovn.io/v1, kind: Vlan, metadata: {name: shed}, spec: {id: 300, provider: office}}' | drop shed.yaml
  await 60 'on_second message | grep "database at ssl:10.98.0.2:6640 does not answer.*it does not take our certificate"'
  there database-stop
  for k in key crt; do mv "$S/keys/kept.$k" "$S/keys/manager.$k"; done
  await 60 'on_second message | grep "database at ssl:10.98.0.2:6640 does not answer (Connection refused)"'
  same "False ${P}1" "$(on_second status) $(field provider-network/office '.status.readyNodes[*]')"
  there database-start
  await 60 '[ "$(on_second status)" = True ]'
  same '[0, 100, 200, 300]' "$(other ovs-vsctl get port up0 trunks)"
  lift shed.yaml
}
# Where each host has a pool of its own it keeps an image of its own, too, and disks there are clones of that.
test_each_host_keeps_its_own_image() {
  local n sum; sum=$(sed -n 's/ .*guest\.raw\.xz$//p' "$GUEST/images/SHA256SUMS")
  for n in 1 2; do
    dv kept$n guest.raw.xz 300Mi "      checksum: \"sha256:$sum\"" |
      sed "s|{name: kept$n}|{name: kept$n, annotations: {volume.kubernetes.io/selected-node: ${P}$n}}|" | drop kept$n.yaml
  done
  for n in 1 2; do
    imported kept$n 120
    same "${P}$n" "$(field pvc/kept$n ".metadata.annotations['volume.kubernetes.io/selected-node']")"
    expect "sv image --no-headers | grep guest.raw.xz | grep -E ' local +${P}$n +Succeeded +1 '"
  done
  for n in 1 2; do lift kept$n.yaml; gone pvc/kept$n; done
  sv image prune
}
# In the clear: with a port of its own, which the bridge there follows.
test_a_database_that_speaks_plain_tcp() {
  other ovs-appctl -t ovsdb-server ovsdb-server/add-remote ptcp:6641:10.98.0.2
  host cp "$S/solovirtd.yaml" "$S/kept.yaml"
  host sed -i "s|ssl:10.98.0.2:6640|tcp:10.98.0.2:6641|; /privateKey:\|ertificate:/d" "$S/solovirtd.yaml"
  daemon_stop; daemon_start
  await 60 '[ "$(condition node/${P}2 Ready) $(on_second status)" = "True True" ]'
  await 60 'other ovs-vsctl --bare --columns=target find controller | grep -x "ptcp:[0-9]*:10.98.0.2"'
  other ovs-ofctl del-flows br-office "cookie=0x5056000000000000/0xffff000000000000"
  daemon_kill; daemon_start
  await 60 'other ovs-ofctl -O OpenFlow14 dump-flows br-office cookie=0x5056000000000000/0xffff000000000000 | grep "arp_spa=10.6.0.1[12]"'
  host mv "$S/kept.yaml" "$S/solovirtd.yaml"
  daemon_stop; daemon_start
  await 60 '[ "$(condition node/${P}2 Ready) $(on_second status)" = "True True" ]'
  await 60 'other ovs-vsctl --bare --columns=target find controller | grep -x "pssl:[0-9]*:10.98.0.2"'
  other ovs-appctl -t ovsdb-server ovsdb-server/remove-remote ptcp:6641:10.98.0.2
}
test_all_of_it_goes() {
  for m in one two stranger; do lift $m.yaml; gone vm/$m; done
  lift wire.yaml; gone provider-network/office
  refute 'host ovs-vsctl br-exists br-office || other ovs-vsctl br-exists br-office'
  rm -f /run/solovirt/flows-br-office-*
  vswitch down
  host ip link del up0
}
