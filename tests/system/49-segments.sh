# Two hosts on one wire: guests of a VLAN reach each other across hosts, those of another do not, and no address is given twice.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034

HOSTS=2 HOLD_COUNT=100
other() { nsenter -t "$(cat "$WORK/${P}2/init.pid")" -m -u -n -p "$@"; }
vswitch() { host "$ROOT/tests/testbed/vswitch.sh" "$S/vswitch1" "$1"; other "$ROOT/tests/testbed/vswitch.sh" "$S/vswitch2" "$1"; }
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
  local annotations=''
  [ -z "${4:-}" ] || annotations="      annotations: {$3.default.ovn.kubernetes.io/ip_address: $4, $3.default.ovn.kubernetes.io/port_security: 'true'}"
  vm "$1" grace=0 user="${GUEST_DOES:-true}" spec="      nodeSelector: {kubernetes.io/hostname: ${P}$2}" |
    sed "s/{name: default, masquerade: {}}/&\\n            - {name: second, bridge: {}}/;s/^      networks:/&\\n        - {name: second, multus: {networkName: $3}}/" |
    sed "s|^      labels: .*|&\\n$annotations|"
}

setup() {
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
# asks ADDRESS AS: a guest that asks there again and again, by TCP, and says on its console what it hears
asks() { echo "sh -c 'while sleep 1; do nc -w 2 $1 5001 </dev/null | sed s/^/$2-/ >/dev/console; done' &"; }
test_guests_of_a_vlan_reach_each_other_across_hosts() {
  GUEST_DOES="sh -c 'nc -ll -p 5001 -e echo hears-one' &" machine one 1 desk 10.6.0.11 | drop one.yaml
  GUEST_DOES=$(asks 10.6.0.11 two) machine two 2 desk 10.6.0.12 | drop two.yaml
  # on the other VLAN, with an address of the first besides
  GUEST_DOES="sh -c 'while sleep 1; do ip addr add 10.6.0.13/24 dev eth1; done' 2>/dev/null & $(asks 10.6.0.11 stranger)" machine stranger 2 lab | drop stranger.yaml
  booted one 1 300; booted two 1 300
  same "${P}1 ${P}2" "$(field vmi/one .status.nodeName) $(field vmi/two .status.nodeName)"
  shows two two-hears-one 60
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
  GUEST_DOES="sh -c 'nc -ll -p 5001 -e echo hears-one' &" machine one 2 desk 10.6.0.11 | drop one.yaml
  GUEST_DOES=$(asks 10.6.0.11 two) machine two 1 desk 10.6.0.12 | drop two.yaml
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
}
test_all_of_it_goes() {
  for m in one two stranger; do lift $m.yaml; gone vm/$m; done
  lift wire.yaml; gone provider-network/office
  refute 'host ovs-vsctl br-exists br-office'
  vswitch down
  host ip link del up0
}
