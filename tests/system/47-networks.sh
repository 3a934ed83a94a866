# Machines on other networks than the default one: bridges of Open vSwitch (in user space) and of Linux, as a
# NetworkAttachmentDefinition says.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034

vswitch() { host "$ROOT/tests/testbed/vswitch.sh" "$S/vswitch" "$1"; }

# definition NAME CONFIG
definition() {
  printf '%s\n' 'apiVersion: k8s.cni.cncf.io/v1' 'kind: NetworkAttachmentDefinition' "metadata: {name: $1}" "spec: {config: '$2'}" | drop "$1.yaml"
}
# machine NAME ADDRESS NETWORK: with a second card, on which it takes the address; the guest's own DHCP client takes it away at first
machine() {
  vm "$1" grace=0 user="sh -c 'ip link set eth1 up; while :; do ip addr replace $2/24 dev eth1; sleep 1; done' &" \
    user="echo TB-SECOND \$(cat /sys/class/net/eth1/address) \$(cat /sys/class/net/eth1/mtu) >/dev/console" |
    sed "s/{name: default, masquerade: {}}/&\\n            - {name: second, bridge: {}}/;s/^      networks:/&\\n        - {name: second, multus: {networkName: $3}}/"
}
# probe NAME VLAN ADDRESS: a port of the host itself
probe() {
  host ovs-vsctl add-port br1 "$1" tag="$2" -- set interface "$1" type=internal
  await 10 "host ip link show $1"
  host ip addr add "$3/24" dev "$1"; host ip link set "$1" up
}
answers() { host busybox ping -c 1 -W 1 -I "$1" "$2" >/dev/null; }
port_of() { virsh_ domiflist "$(domain "$1")" | awk '/ bridge / {print $1}'; }
card() { field "vmi/$1" ".status.interfaces[?(@.name==\"second\")].$2"; }

setup() {
  vswitch up
  host ovs-vsctl add-br br1 -- set bridge br1 datapath_type=netdev
  host ip link add lbr type bridge; host ip link set lbr up; host ip addr add 10.7.0.1/24 dev lbr
  probe in100 100 10.6.0.1
  probe in200 200 10.6.0.2
}

test_a_machine_waits_for_its_network() {
  machine blue 10.6.0.10 tagged | drop blue.yaml
  await 60 'message vmi/blue Synchronized | grep -q "NetworkAttachmentDefinition default/tagged does not exist"'
  same FailedCreate "$(reason vmi/blue Synchronized)"
  definition tagged '{"cniVersion": "0.3.1", "type": "ovs", "bridge": "br1", "vlan": 100, "mtu": 1400}'
  booted blue 1 180
}
test_its_port_is_in_the_vlan() {
  local port; port=$(port_of blue)
  same 100 "$(host ovs-vsctl get port "$port" tag)"
  expect 'console blue | grep -q "TB-SECOND $(card blue mac) 1400"'
  await 20 'answers in100 10.6.0.10'
  refute 'answers in200 10.6.0.10'
  expect 'sv get nad tagged | grep -qE "^tagged +ovs +br1 +100 "'
}
test_machines_of_the_vlan_reach_each_other_and_no_others() {
  machine other 10.6.0.11 tagged | drop other.yaml
  booted other 1 180
  await 20 'answers in100 10.6.0.11'
  refute '[ "$(card blue mac)" = "$(card other mac)" ]'
}
test_port_and_guest_outlive_the_daemon() {
  daemon_kill; daemon_start
  await 20 'answers in100 10.6.0.10'
}
test_a_mac_that_is_taken_on_the_wire_is_refused() {
  local mac; mac=$(card blue mac)
  machine thief 10.6.0.12 tagged | sed "s/name: second, bridge: {}/&, macAddress: '$mac'/" | drop thief.yaml
  await 60 'message vmi/thief Synchronized | grep -q "MAC address '"$mac"' is in use by default/blue/second"'
  lift thief.yaml; gone vm/thief
}
test_another_vlan_counts_from_the_next_start_and_the_mac_stays() {
  local mac; mac=$(card blue mac)
  definition tagged '{"type": "ovs", "bridge": "br1", "vlan": 200}'
  sv restart blue
  booted blue 2 180
  same "$mac" "$(card blue mac)"
  same 200 "$(host ovs-vsctl get port "$(port_of blue)" tag)"
  # the frames of its DHCP client
  await 20 "host ovs-appctl fdb/show br1 | grep -qE ' 200 +$mac '"
  refute "host ovs-appctl fdb/show br1 | grep -qE ' 100 +$mac '"
}
test_a_trunk_lets_its_tags_through() {
  definition tagged '{"type": "ovs", "bridge": "br1", "trunk": [{"id": 7}, {"minID": 100, "maxID": 102}]}'
  sv restart blue
  booted blue 3 180
  same '[7, 100, 101, 102]' "$(host ovs-vsctl get port "$(port_of blue)" trunks)"
}
test_a_bridge_of_linux() {
  definition plain '{"plugins": [{"type": "bridge", "bridge": "lbr"}, {"type": "tuning"}]}'
  lift blue.yaml; gone vm/blue
  machine green 10.7.0.10 plain | drop green.yaml
  booted green 1 180
  await 20 'answers lbr 10.7.0.10'
}
test_a_bridge_that_is_not_there_is_named() {
  definition none '{"type": "ovs", "bridge": "br9"}'
  machine lost 10.6.0.13 none | drop lost.yaml
  await 60 'message vmi/lost Synchronized | grep -q "br9"'
  lift lost.yaml; gone vm/lost
}
# network FORWARD: the network of libvirt that functions of the host's cards come from; nothing but its definition, where they are not there
network() {
  virsh_ net-destroy functions || :; virsh_ net-undefine functions || :
  host tee "$S/network.xml" >/dev/null <<<"<network><name>functions</name>$1</network>"; virsh_ net-define "$S/network.xml"; virsh_ net-start functions || :
}
# refuses BINDING SENTENCE: why a machine with a second card of this binding does not start
refuses() {
  machine fast 10.6.0.14 functions | sed "s/name: second, bridge: {}/name: second, $1: {}/" | drop fast.yaml
  await 60 'sv get events -o json | grep -qF "'"$2"'"'
  lift fast.yaml; gone vm/fast
}
test_a_function_of_the_hosts_card_comes_from_a_network_of_libvirt() {
  definition functions '{"type": "libvirt", "network": "functions", "vlan": 100}'
  refuses sriov '1 node lacks its networks; libvirt of host '"${P}1"' has no network functions: define it there'
  network '<forward mode="hostdev" managed="yes"><pf dev="nope"/></forward>'
  refuses sriov '1 node lacks its networks; network functions of host '"${P}1"' is not active: start it with virsh net-start'
  network '<bridge name="vf0" stp="off" delay="0"/>'
  refuses sriov 'interface second: network functions has no functions of the host'
  network '<forward mode="hostdev" managed="yes"/>'
  refuses sriov 'has no free function of the host'
  definition functions '{"type": "ovs", "bridge": "br1"}'
  refuses sriov 'sriov: {} needs a NetworkAttachmentDefinition of type libvirt'
}
test_a_card_of_another_binding_gets_none_of_its_functions() {
  definition functions '{"type": "libvirt", "network": "functions"}'
  refuses bridge 'interface second: network functions gives functions of the host'
  lift functions.yaml
  virsh_ net-destroy functions; virsh_ net-undefine functions
}
test_definitions_that_mean_nothing_here_are_refused() {
  printf '%s\n' 'apiVersion: k8s.cni.cncf.io/v1' 'kind: NetworkAttachmentDefinition' 'metadata: {name: bad}' "spec: {config: '{\"type\": \"macvlan\"}'}" | drop bad.yaml
  await 10 'sv spool -o json | jq -r ".files[] | select(.file == \"bad.yaml\") | tostring" | grep -q "but is macvlan"'
  lift bad.yaml
}
test_ports_go_with_their_machines() {
  local f; for f in other green; do lift $f.yaml; gone vm/$f; done
  same 'br1 in100 in200' "$(host ovs-vsctl --columns=name -f csv --no-headings list port | tr -d '"' | sort | xargs)"
  local n; for n in tagged plain none; do lift $n.yaml; done
  vswitch down
  host ip link del lbr
}
