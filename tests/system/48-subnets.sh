# Subnets of Kube-OVN without OVN: a wire outside, its VLANs, and addresses that machines keep.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034

HOLD_COUNT=100
vswitch() { host "$ROOT/tests/testbed/vswitch.sh" "$S/vswitch" "$1"; }
card() { field "vmi/$1" ".status.interfaces[?(@.name==\"second\")].$2"; }
answers() { host busybox ping -c 1 -W 1 -I router "$1" >/dev/null; }
answers6() { host busybox ping6 -c 1 -W 1 -I router6 "$1" >/dev/null; }
events() { sv events "$1" 2>/dev/null || sv get events; }

# wire NAME: ProviderNetwork NAME on the card up0, with Vlan desk (100) and the Subnet desk on it
wire() {
  drop wire.yaml <<EOW
apiVersion: kubeovn.io/v1
kind: ProviderNetwork
metadata: {name: office}
spec: {defaultInterface: up0}
---
apiVersion: kubeovn.io/v1
kind: Vlan
metadata: {name: desk}
spec: {id: 100, provider: office}
---
apiVersion: kubeovn.io/v1
kind: Subnet
metadata: {name: desk}
spec:
  cidrBlock: 10.6.0.0/24
  gateway: 10.6.0.1
  excludeIps: ["10.6.0.200..10.6.0.254"]
  vlan: desk
  provider: desk.default.ovn
  enableDHCP: true
---
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: desk}
spec: {config: '{"type": "kube-ovn", "provider": "desk.default.ovn"}'}
EOW
}
# machine NAME [ANNOTATION VALUE]...: with a second card on that Subnet, or on the one that ON names
machine() {
  local name=$1 annotations='' user=${GUEST_DOES:-true} on=${ON:-desk}; shift
  for (( ; $# > 0; )); do annotations="${annotations:-      annotations: \{}$on.default.ovn.kubernetes.io/$1: '$2', "; shift 2; done
  [ -z "$annotations" ] || annotations="${annotations%, }}"
  vm "$name" grace=0 user="$user" |
    sed "s/{name: default, masquerade: {}}/&\\n            - {name: second, bridge: {}}/;s/^      networks:/&\\n        - {name: second, multus: {networkName: $on}}/" |
    sed "s|^      labels: .*|&\\n$annotations|"
}

setup() {
  vswitch up
  host ip link add up0 type veth peer name up1
  host ip link set up0 up; host ip link set up1 up
}

test_a_machine_waits_for_the_wire() {
  machine blue ip_address 10.6.0.10 | drop blue.yaml
  await 60 'message vmi/blue Synchronized | grep -q "NetworkAttachmentDefinition default/desk does not exist"'
  wire
  await 60 '[ "$(field provider-network/office .status.ready)" = true ]'
  same '[0, 100]' "$(host ovs-vsctl get port up0 trunks)"
  same "${P}1" "$(field provider-network/office '.status.readyNodes[0]')"
  same desk "$(field vlan/desk '.status.subnets[0]')"
  same desk "$(field provider-network/office '.status.vlans[0]')"
  booted blue 1 240
}
test_it_has_the_address_that_it_asks_for() {
  host ovs-vsctl add-port br-office router tag=100 -- set interface router type=internal
  await 10 'host ip link show router'
  host ip addr add 10.6.0.1/24 dev router; host ip link set router up
  same 10.6.0.10 "$(card blue ipAddress)"
  same 100 "$(host ovs-vsctl get port "$(virsh_ domiflist "$(domain blue)" | awk '/ bridge / {print $1}')" tag)"
  await 30 'answers 10.6.0.10'
  same "10.6.0.10 $(card blue mac) desk" "$(field ip/blue.default.desk.default.ovn .spec.v4IpAddress) $(field ip/blue.default.desk.default.ovn .spec.macAddress) $(field ip/blue.default.desk.default.ovn .spec.subnet)"
  expect 'sv get nad desk --no-headers | grep -qE "^desk +kube-ovn "'
  # the machine and the DHCP server
  await 20 '[ "$(field subnet/desk .status.v4usingIPs)" = 2 ]'
  await 20 '[ "$(field subnet/desk .status.v4availableIPs)" = 196 ]'
}
test_nobody_else_gets_it() {
  machine thief ip_address 10.6.0.10 | drop thief.yaml
  await 60 'message vmi/thief Synchronized | grep -q "address 10.6.0.10 is in use by default/blue/second"'
  expect 'sv get events | grep -q AddressConflict'
  machine thief ip_address 10.7.0.10 | drop thief.yaml
  await 60 'sv restart thief; message vmi/thief Synchronized | grep -q "10.7.0.10 is no address that a guest of this subnet can have"'
  lift thief.yaml; gone vm/thief
}
test_it_stays_over_restart_daemon_loss_and_the_same_file() {
  local mac; mac=$(card blue mac)
  daemon_kill; daemon_start
  await 30 'answers 10.6.0.10'
  machine green | drop green.yaml
  await 120 '[ -n "$(card green ipAddress)" ]'
  local green; green="$(card green ipAddress) $(card green mac)"
  lift green.yaml; gone vm/green
  await 20 'refute "sv get ip green.default.desk.default.ovn"'
  machine green | drop green.yaml
  await 120 '[ "$(card green ipAddress) $(card green mac)" = "'"$green"'" ]'
  lift green.yaml; gone vm/green
  sv restart blue
  booted blue 2 240
  same "10.6.0.10 $mac" "$(card blue ipAddress) $(card blue mac)"
  await 30 'answers 10.6.0.10'
}
test_what_is_in_use_is_shown_whoever_deletes_it() {
  sv delete ip/blue.default.desk.default.ovn --wait=false
  await 20 '[ "$(field ip/blue.default.desk.default.ovn .metadata.deletionTimestamp)$(field ip/blue.default.desk.default.ovn .spec.v4IpAddress)" = 10.6.0.10 ]'
}
test_an_ip_keeps_an_address_for_one_machine() {
  drop kept.yaml <<EOK
apiVersion: kubeovn.io/v1
kind: IP
metadata: {name: red.default.desk.default.ovn}
spec: {podName: red, namespace: default, podType: VirtualMachine, subnet: desk, v4IpAddress: 10.6.0.77}
EOK
  await 20 '[ "$(field subnet/desk .status.v4usingIPs)" = 3 ]'
  machine thief ip_address 10.6.0.77 | drop thief.yaml
  await 60 'message vmi/thief Synchronized | grep -q "address 10.6.0.77 is in use by ip/red.default.desk.default.ovn"'
  lift thief.yaml; gone vm/thief
  machine red | drop red.yaml
  await 120 '[ "$(card red ipAddress)" = 10.6.0.77 ]'
  lift red.yaml; gone vm/red
  await 20 '[ "$(field subnet/desk .status.v4usingIPs)" = 3 ]'
  expect 'sv ip | grep -qE "^blue\.default\.desk\.default\.ovn +10\.6\.0\.10 .* default/blue .* desk +false$"'
  expect 'sv ip reserve grey --subnet=desk --ip=10.6.0.88'
  await 20 '[ "$(field subnet/desk .status.v4usingIPs)" = 4 ]'
  expect 'sv ip list --subnet=desk --no-headers | grep -qE " 10\.6\.0\.88 .* default/grey .* true$"'
  expect 'sv ip release 10.6.0.88'
  same 4 "$(exit_of sv ip release 10.6.0.10)"
  same 3 "$(exit_of sv ip release 10.6.0.200)"
  lift kept.yaml; gone ip/red.default.desk.default.ovn
  await 20 '[ "$(field subnet/desk .status.v4usingIPs)" = 2 ]'
}
test_a_vip_is_nobodys_machine() {
  drop vip.yaml <<EOV
apiVersion: kubeovn.io/v1
kind: Vip
metadata: {name: shared}
spec: {subnet: desk, namespace: default}
EOV
  await 20 '[ "$(field vip/shared .status.ready)" = true ]'
  expect 'field vip/shared .status.v4ip | grep -q "^10\.6\.0\."'
  lift vip.yaml; gone vip/shared
}
# pool ADDRESSES: the IPPool pair
pool() {
  drop pool.yaml <<EOP
apiVersion: kubeovn.io/v1
kind: IPPool
metadata: {name: pair}
spec: {subnet: desk, ips: [$1]}
EOP
}
test_what_somebody_has_on_the_wire_is_not_used() {
  local mac; mac=$(host ip -br link show router | awk '{print $3}')
  host ip addr add 10.6.0.40/24 dev router; host ip addr add 10.6.0.50/24 dev router
  pool 10.6.0.50
  machine held ip_address 10.6.0.40 | drop held.yaml
  machine lucky ip_pool pair | drop lucky.yaml
  # one that was asked for is waited for
  await 90 '[ "$(reason vmi/held Synchronized)" = AddressConflict ]'
  expect 'message vmi/held Synchronized | grep -q "interface second: address 10.6.0.40 is in use by $mac"'
  # of others the next one is taken
  await 90 'sv get events | grep -q "address 10.6.0.50 was to be that of default/lucky/second, but $mac answers for it"'
  await 60 'message vmi/lucky Synchronized | grep -q "all 1 addresses of 10.6.0.0/24 that it may have are in use"'
  pool 10.6.0.50..10.6.0.52
  await 120 '[ -n "$(card lucky ipAddress)" ]'
  expect '[[ "$(card lucky ipAddress)" == 10.6.0.5[12] ]]'
  await 20 '[ "$(field ippool/pair .status.v4UsingIPs) $(field ippool/pair .status.v4AvailableIPs)" = "2 1" ]'
  expect 'field ippool/pair .status.v4AvailableIPRange | grep -qE "^10\.6\.0\.5[12]$"'
  host ip addr del 10.6.0.40/24 dev router; host ip addr del 10.6.0.50/24 dev router
  await 120 '[ "$(card held ipAddress)" = 10.6.0.40 ]'
  lift held.yaml; gone vm/held; lift lucky.yaml; gone vm/lucky
}
# flows of the guards of a machine's second card
guards_of() { host ovs-ofctl dump-flows br-office 'cookie=0x5056000000000000/0xffff000000000000' | grep -c "$(card "$1" mac)"; }
test_a_card_that_is_plugged_in_waits_for_its_guards() {
  machine late ip_address 10.6.0.40 | sed '/name: second/d' | drop late.yaml
  booted late 1 240
  machine late ip_address 10.6.0.40 security_groups quiet | drop late.yaml
  await 60 'message vmi/late Synchronized | grep -q "interface second: annotation security_groups: SecurityGroup quiet does not exist"'
  same '' "$(device late)$(card late mac)"
  group allow
  await 120 '[ "$(card late ipAddress)" = 10.6.0.40 ]'
  expect '[ "$(guards_of late)" -gt 0 ]'
  await 20 '[ -z "$(message vmi/late Synchronized)" ]'
  await 20 'answers 10.6.0.40'
  lift late.yaml; gone vm/late; lift group.yaml
}
test_a_card_that_is_plugged_in_waits_for_its_address() {
  machine late ip_address 10.6.0.40 | sed '/name: second/d' | drop late.yaml
  booted late 1 240
  host ip addr add 10.6.0.40/24 dev router
  machine late ip_address 10.6.0.40 | drop late.yaml
  await 60 'message vmi/late Synchronized | grep -q "interface second: address 10.6.0.40 is in use by"'
  same '' "$(device late)$(card late mac)"
  host ip addr del 10.6.0.40/24 dev router
  await 120 '[ "$(card late ipAddress)" = 10.6.0.40 ]'
  await 20 '[ -z "$(message vmi/late Synchronized)" ]'
  expect 'virsh_ domiflist "$(domain late)" | grep -q "$(card late mac)"'
}
third() { field vmi/late ".status.interfaces[?(@.name==\"third\")].$1"; }
test_a_card_that_is_plugged_in_gets_another_address() {
  local mac; mac=$(host ip -br link show router | awk '{print $3}')
  drop again.yaml <<EOA
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: again}
spec: {config: '{"type": "kube-ovn", "provider": "again.default.ovn"}'}
EOA
  host ip addr add 10.6.0.60/24 dev router
  pool 10.6.0.60
  host sed 's/^\( *\)- {name: second, bridge.*/&\n\1- {name: third, bridge: {}}/;s/^\( *\)- {name: second, multus.*/&\n\1- {name: third, multus: {networkName: again}}/' "$S/spool/late.yaml" |
    sed "s/^      annotations: {/&again.default.ovn.kubernetes.io\/logical_switch: desk, again.default.ovn.kubernetes.io\/ip_pool: pair, /" | drop late.yaml
  await 60 'sv get events | grep -q "address 10.6.0.60 was to be that of default/late/third, but $mac answers for it"'
  await 60 'message vmi/late Synchronized | grep -q "interface third: all 1 addresses of 10.6.0.0/24 that it may have are in use"'
  same '' "$(third mac)"
  pool 10.6.0.60..10.6.0.61
  await 60 '[ "$(third ipAddress)" = 10.6.0.61 ]'
  await 20 '[ -z "$(message vmi/late Synchronized)" ]'
  expect 'virsh_ domiflist "$(domain late)" | grep -q "$(third mac)"'
  host ip addr del 10.6.0.60/24 dev router
  lift late.yaml; gone vm/late; lift again.yaml
}
# A guest that takes an address beside its own, and pings from there: without port security that works.
GREEDY="sh -c 'while :; do ip addr add 10.6.0.99/24 dev eth1; sleep 1; done' 2>/dev/null &"
test_a_guest_has_no_other_address_than_its_own() {
  GUEST_DOES=$GREEDY machine free ip_address 10.6.0.20 | drop free.yaml
  GUEST_DOES=$GREEDY machine safe ip_address 10.6.0.21 port_security true | drop safe.yaml
  booted free 1 240; booted safe 1 240
  await 30 'answers 10.6.0.20'; await 30 'answers 10.6.0.21'
  await 30 'answers 10.6.0.99'
  expect 'sv net trace safe --to=10.6.0.1'
  lift free.yaml; gone vm/free
  host ip neigh flush dev router
  await 30 'answers 10.6.0.21'
  refute 'answers 10.6.0.99'
}
test_its_guard_comes_back_with_the_vswitch() {
  vswitch kill; vswitch start
  await 60 'answers 10.6.0.21'
  await 30 'host ovs-ofctl dump-flows br-office | grep -q "cookie=0x5056"'
  refute 'answers 10.6.0.99'
  lift safe.yaml; gone vm/safe
  await 20 '! host ovs-ofctl dump-flows br-office | grep -q "cookie=0x5056"'
}
test_a_card_is_told_options_of_its_own() {
  local tell="printf '#!/bin/sh\\necho TB-TOLD \$1 \$bootfile \$tftp \$ntpsrv \$opt224 -\${opt225-none}- \$opt226 \$opt227 > /dev/console\\n' > /tmp/told"
  GUEST_DOES="$tell; chmod +x /tmp/told; ip link set eth1 up; udhcpc -n -q -i eth1 -O bootfile -O tftp -O ntpsrv -O 224 -O 225 -O 226 -O 227 -s /tmp/told" machine told ip_address 10.6.0.45 |
    sed 's/{name: second, bridge: {}/&, dhcpOptions: {bootFileName: "a, \\"b\\" #.efi", tftpServerName: boot.example.org, ntpServers: [10.6.0.7, 10.6.0.8], privateOptions: [{option: 224, value: blue}, {option: 225, value: ""}, {option: 226, value: "7"}, {option: 227, value: "a, \\"b\\" # c 10.6.0.1 d"}]}/' | drop told.yaml
  shows told 'TB-TOLD bound.* 61[0-9a-f]*312064' 240   # the whole line
  # the client makes nothing of an option without a byte; it is sent
  same 'TB-TOLD bound a, "b" #.efi boot.example.org 10.6.0.7 10.6.0.8 626c7565 -none- 37 612c20226222202320632031302e362e302e312064' "$(console told | grep -m 1 "TB-TOLD bound")"
  lift told.yaml; gone vm/told
}
# kbit SECONDS PORT: how many kbit a second come over the wire from a guest's port after the first second, which a burst
# may have. Its server takes a while until it listens again; what TCP delivers comes in lumps when something was lost.
kbit() {
  host python3 - 10.6.0.40 "$@" <<'EOP'
import select, socket, sys, time
def received():
    with open("/proc/net/dev") as f:
        return next(int(line.split(":")[1].split()[0]) for line in f if line.strip().startswith("router:"))
give_up = time.monotonic() + 60
while True:
    try:
        s = socket.socket()
        s.settimeout(20)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"router")    # others have an address there, too
        s.connect((sys.argv[1], int(sys.argv[3])))
        break
    except OSError:
        if time.monotonic() > give_up:
            raise
        time.sleep(0.1)
def drain(seconds):
    begin, before = time.monotonic(), received()
    while time.monotonic() < begin + seconds:
        if select.select([s], [], [], 0.1)[0] and not s.recv(1 << 16):
            raise SystemExit("the guest closed")
    return 8e-3 * (received() - before) / (time.monotonic() - begin)
drain(1)
print(int(drain(float(sys.argv[2]))))
EOP
}
# device MACHINE: of its second card
device() { virsh_ domiflist "$(domain "$1")" | awk '/ bridge / {print $1}'; }
test_rates_hold_and_follow_their_annotations() {
  local port number
  GUEST_DOES="sh -c 'while :; do nc -l -p 5001 -e cat /dev/zero; done' &" machine brook ip_address 10.6.0.40 ingress_rate 8 egress_rate 8 egress_burst 2 mirror true | drop brook.yaml
  booted brook 1 240
  await 30 'answers 10.6.0.40'
  port=$(device brook); number=$(host ovs-vsctl get interface "$port" ofport)
  same '"8000000"' "$(host ovs-vsctl get qos "$(host ovs-vsctl get port "$port" qos)" other_config:max-rate)"
  expect 'host ovs-ofctl -O OpenFlow13 dump-meters br-office "meter='"$number"'" | grep -q "rate=8000 burst_size=2000"'
  # within 10 %; the limit from above holds on a machine that is busy, too
  await 60 '[ "$(kbit 4 5001)" -ge 7200 ]'
  expect '[ "$(kbit 4 5001)" -le 8800 ]'
  sv annotate vmi brook desk.default.ovn.kubernetes.io/egress_rate=16 desk.default.ovn.kubernetes.io/egress_burst=4 desk.default.ovn.kubernetes.io/ingress_rate- --overwrite
  await 20 'host ovs-ofctl -O OpenFlow13 dump-meters br-office "meter='"$number"'" | grep -q "rate=16000 burst_size=4000"'
  await 20 '[ "$(host ovs-vsctl get port '"$port"' qos)" = "[]" ]'
  await 60 '[ "$(kbit 4 5001)" -ge 14400 ]'
  expect '[ "$(kbit 4 5001)" -le 17600 ]'
  same '' "$(host ovs-vsctl --bare --columns=_uuid find qos external_ids:vendor=solovirt)"
}
test_a_mirror_shows_what_a_guest_sends_and_gets() {
  local mac listener; mac=$(card brook mac)
  host timeout 90 python3 "$ROOT/tests/testbed/packets.py" hear mr-office 60 "${mac//:/}0806" >"$S/heard" & listener=$!
  await 30 'grep -q listening "$S/heard"'
  host ip neigh flush dev router
  await 30 'answers 10.6.0.40'
  wait $listener
  expect 'grep -q "\[true\]" "$S/heard"'
  sv annotate vmi brook desk.default.ovn.kubernetes.io/mirror-
  await 20 '! host ovs-vsctl list-ports br-office | grep -q mr-office'
  sv annotate vmi brook desk.default.ovn.kubernetes.io/egress_rate-
  await 20 '! host ovs-ofctl -O OpenFlow13 dump-meters br-office | grep -q "meter="'
  await 20 '! host ovs-ofctl dump-flows br-office | grep -q "cookie=0x5056"'
  lift brook.yaml; gone vm/brook
}
# group POLICY: what members may get of others
group() {
  drop group.yaml <<EOG
apiVersion: kubeovn.io/v1
kind: SecurityGroup
metadata: {name: quiet}
spec:
  ingressRules: [{ipVersion: ipv4, protocol: icmp, priority: 1, remoteType: address, remoteAddress: 10.6.0.0/24, policy: $1}]
  egressRules: [{ipVersion: ipv4, protocol: all, priority: 1, remoteType: address, remoteAddress: 0.0.0.0/0, policy: allow}]
EOG
}
test_a_security_group_is_followed_while_the_guest_runs() {
  machine member ip_address 10.6.0.30 security_groups quiet | drop member.yaml
  await 60 'message vmi/member Synchronized | grep -q "SecurityGroup quiet does not exist"'
  group allow
  booted member 1 240
  await 30 'answers 10.6.0.30'
  expect 'sv net trace member --to=10.6.0.1 | grep -q "^second: icmp,nw_dst=10.6.0.1,nw_src=10.6.0.30.* forwarded$"'
  expect 'sv net show member --no-headers | grep -qE "^default +member +second +desk +[0-9a-f:]+ +10\.6\.0\.30 +up +false +quiet$"'
  same 1 "$(exit_of sv net trace member --to=nowhere)"
  group drop
  await 30 '! answers 10.6.0.30'
  group allow
  await 30 'answers 10.6.0.30'
  lift member.yaml; gone vm/member; lift group.yaml
}
# floor [MORE]: Vlan and Subnet floor on the same network, with both families
floor() {
  drop floor.yaml <<EOF
apiVersion: kubeovn.io/v1
kind: Vlan
metadata: {name: floor}
spec: {id: 200, provider: office}
---
apiVersion: kubeovn.io/v1
kind: Subnet
metadata: {name: floor}
spec: {cidrBlock: "10.8.0.0/24,fd00:8::/64", vlan: floor, provider: floor.default.ovn, enableDHCP: true, enableIPv6RA: true${1:-}}
---
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: floor}
spec: {config: '{"type": "kube-ovn", "provider": "floor.default.ovn"}'}
EOF
}
six() { field ip/six.default.floor.default.ovn .spec.v6IpAddress; }
packets() { host python3 "$ROOT/tests/testbed/packets.py" "$@"; }
# A guest that asks for its address by DHCPv6, and takes another one besides.
GREEDY6="sh -c 'echo eth1 >/etc/dhcp6; (while :; do ip addr add fd00:8::99/64 dev eth1; sleep 1; done) 2>/dev/null &'"
test_a_guest_gets_the_ipv6_address_of_the_ledger() {
  floor
  await 60 '[ "$(field subnet/floor ".status.conditions[?(@.type==\"Ready\")].status")" = True ]'
  ON=floor GUEST_DOES=$GREEDY6 machine six port_security true | drop six.yaml
  host ovs-vsctl add-port br-office router6 tag=200 -- set interface router6 type=internal
  await 10 'host ip link show router6'
  host ip addr add fd00:8::1/64 dev router6 nodad; host ip link set router6 up
  booted six 1 240
  local six; six=$(six)
  expect '[[ $six == fd00:8::* ]]'
  await 60 'answers6 $six'
  await 20 'sv net show six --no-headers | grep -q ",$six"'
}
test_it_has_no_other_ipv6_address_and_is_no_router() {
  local port mac heard; port=$(virsh_ domiflist "$(domain six)" | awk '/ bridge / {print $1}'); mac=$(card six mac)
  refute 'answers6 fd00:8::99'
  heard=$(mktemp -p "$WORK"); packets hear router6 20 7ae50000 7ae50001 >"$heard" &
  await 10 'grep -q listening $heard'
  # as if the guest had sent them: an advertisement, then what everybody may send
  host ovs-ofctl packet-out br-office "in_port=$port,packet=$(packets advertisement "$mac" 7ae50000),actions=table"
  host ovs-ofctl packet-out br-office "in_port=$port,packet=$(packets solicitation "$mac" 7ae50001),actions=table"
  await 20 'grep -q "^\[" $heard'
  same '[false, true]' "$(tail -1 "$heard")"
  # without the guard it would have both addresses; the daemon puts it back when it is started anew
  daemon_kill
  host ovs-ofctl del-flows br-office cookie=0x5056000000000000/0xffff000000000000
  await 30 'answers6 fd00:8::99'
  daemon_start
  await 60 'refute "answers6 fd00:8::99"'
  await 20 'answers6 $(six)'
}
test_it_keeps_it_over_a_restart() {
  local six; six=$(six)
  sv restart six
  booted six 2 240
  same "$six" "$(six)"
  await 60 'answers6 $six'
  lift six.yaml; gone vm/six
  host ovs-vsctl del-port router6
  lift floor.yaml; gone subnet/floor; gone vlan/floor
}
# A guest that is told its addresses by network data, and by nothing else; it reads them as cloud-init does, and takes some besides.
STILL="sh -c 'for n in 1 2; do mkdir /run/nic.eth\$n; ip link set eth\$n up; done; mkdir /tmp/seed; mount -t iso9660 -o ro /dev/vdb /tmp/seed; sed -n \"s/^ *\\(eth[0-9]\\): {addresses: .\\(.*\\).}/\\1,\\2/p\" /tmp/seed/network-config | tr -d \" \" | tr , \" \" | while read n all; do for a in \$all; do ip addr add \$a dev \$n; done; done; umount /tmp/seed; ip addr add 10.9.0.99/24 dev eth1; ip addr add fd00:9::99/64 dev eth1'"
test_a_guest_is_told_its_addresses_by_network_data() {
  drop attic.yaml <<EOA
apiVersion: kubeovn.io/v1
kind: Vlan
metadata: {name: attic}
spec: {id: 300, provider: office}
---
apiVersion: kubeovn.io/v1
kind: Vlan
metadata: {name: loft}
spec: {id: 301, provider: office}
---
apiVersion: kubeovn.io/v1
kind: Subnet
metadata: {name: attic}
spec: {cidrBlock: "10.9.0.0/24,fd00:9::/64", vlan: attic, provider: attic.default.ovn}
---
apiVersion: kubeovn.io/v1
kind: Subnet
metadata: {name: loft}
spec: {cidrBlock: "fd00:10::/64", vlan: loft, provider: loft.default.ovn}
---
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: attic}
spec: {config: '{"type": "kube-ovn", "provider": "attic.default.ovn"}'}
---
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: loft}
spec: {config: '{"type": "kube-ovn", "provider": "loft.default.ovn"}'}
EOA
  { ON=attic GUEST_DOES=$STILL machine still ip_address 10.9.0.5,fd00:9::5 port_security true |
      sed 's/^\( *\)- {name: second, bridge.*/&\n\1- {name: third, bridge: {}}/;s/^\( *\)- {name: second, multus.*/&\n\1- {name: third, multus: {networkName: loft}}/' |
      sed 's/^      annotations: {/&loft.default.ovn.kubernetes.io\/ip_address: "fd00:10::5", loft.default.ovn.kubernetes.io\/port_security: "true", /'
    printf '            networkData: |\n              version: 2\n              ethernets:\n'
    printf '                %s\n' 'eth0: {dhcp4: true}' 'eth1: {addresses: [10.9.0.5/24, "fd00:9::5/64"]}' 'eth2: {addresses: ["fd00:10::5/64"]}' | sed 's/"//g'
  } | drop still.yaml
  local n vlan=300
  for n in attic loft; do
    await 60 '[ "$(field subnet/'$n' ".status.conditions[?(@.type==\"Ready\")].status")" = True ]'
    host ovs-vsctl add-port br-office $n tag=$vlan -- set interface $n type=internal
    await 10 "host ip link show $n"; host ip link set $n up; vlan=$((vlan + 1))
  done
  host ip addr add 10.9.0.1/24 dev attic; host ip addr add fd00:9::1/64 dev attic nodad; host ip addr add fd00:10::1/64 dev loft nodad
  booted still 1 240
  same '10.9.0.5 fd00:9::5' "$(field ip/still.default.attic.default.ovn .spec.v4IpAddress) $(field ip/still.default.attic.default.ovn .spec.v6IpAddress)"
  await 30 'host busybox ping -c 1 -W 1 -I attic 10.9.0.5'
  await 30 'host busybox ping6 -c 1 -W 1 -I attic fd00:9::5'
  await 30 'host busybox ping6 -c 1 -W 1 -I loft fd00:10::5'
  refute 'host busybox ping -c 1 -W 1 -I attic 10.9.0.99'
  refute 'host busybox ping6 -c 1 -W 1 -I attic fd00:9::99'
  # nobody gives addresses there, and the guest keeps what it was told
  refute 'host pgrep -f dhcp-hostsdir=.*/attic'
  same 'fd00:10::5 1' "$(field ip/still.default.loft.default.ovn .spec.v6IpAddress) $(field subnet/loft .status.v6usingIPs)"
  lift still.yaml; gone vm/still
  for n in attic loft; do host ovs-vsctl del-port $n; done
  lift attic.yaml; for n in subnet/attic subnet/loft vlan/attic vlan/loft; do gone $n; done
}
test_what_was_put_aside_is_free_when_nobody_answers() {
  await 90 'sv get events | grep -q "address 10.6.0.50 is free again"'
  await 90 'sv get events | grep -q "address 10.6.0.60 is free again"'
  await 20 '[ "$(field ippool/pair .status.v4UsingIPs)" = 0 ]'
  lift pool.yaml; gone ippool/pair
  await 20 '[ "$(field subnet/desk .status.v4availableIPs)" = 196 ]'
}
test_what_is_in_use_stays_until_it_is_not() {
  lift wire.yaml
  await 30 'sv get events | grep -q "it is deleted when its addresses are not in use any more: default/blue/second has one"'
  await 30 'answers 10.6.0.10'
  lift blue.yaml; gone vm/blue
  gone subnet/desk; gone vlan/desk
  host ovs-vsctl del-port router
  gone provider-network/office
  refute 'host ovs-vsctl br-exists br-office'
  refute 'host pgrep -f dhcp-hostsdir=.*desk'
}
test_the_vswitch_goes() {
  vswitch down
  host ip link del up0
}
