# libvirt dies, hangs, and is worked on by hand: what is ours is mended, and what happened is told.
# shellcheck shell=bash disable=SC2016,SC2154,SC2034

setup() {
  vm up user="$HEARTBEAT" | drop up.yaml
  vm rerun run=RerunOnFailure | drop rerun.yaml
  booted up 1 120; running up
  running rerun
}

uid() { field "vmi/$1" .metadata.uid; }
node_event() { sv events -A --types Warning -o json | jq -r --arg r "$1" '[.items[] | select(.involvedObject.kind == "Node" and .reason == $r) | .message][-1] // ""'; }
event_of() { sv events -A -o json | jq -r --arg n "$1" --arg r "$2" '[.items[] | select(.involvedObject.name == $n and .reason == $r) | .message][-1] // ""'; }
tells_node() { await "${3:-20}" "grep -qE '$2' <<<\"\$(node_event $1)\""; }           # tells_node REASON PATTERN
tells() { await "${4:-20}" "grep -qE '$3' <<<\"\$(event_of $1 $2)\""; }                # tells OBJECT REASON PATTERN
node_ready() { await "${1:-60}" '[ "$(condition node/${P}1 Ready)" = True ]'; }
another() { await "${3:-90}" "[ -n \"\$(uid $1)\" ] && [ \"\$(uid $1)\" != $2 ] && [ \"\$(phase $1)\" = Running ]"; }   # another VM OLD-UID: it runs anew
beats_on() { local beat; beat=$(last_beat up); await 30 "[ \"\$(last_beat up)\" -gt ${beat:-0} ]"; }
port_of() { host ls /sys/class/net/solovirt0/brif 2>/dev/null; }
interface() { virsh_ domiflist "$(domain "$1")" | awk 'NF {print $1}'; }
dnsmasq_pid() { host cat /run/libvirt/network/solovirt.pid; }
kill_libvirtd() { host pkill -9 -x libvirtd; await 10 '! host pgrep -x libvirtd'; }

# ------------------------------------------------------------------ libvirtd itself

test_a_killed_libvirtd_restarts_nothing_and_what_ended_meanwhile_is_found() {
  local up rerun pid
  up=$(uid up) rerun=$(uid rerun) pid=$(qemu_pid up)
  kill_libvirtd
  host kill -9 "$(qemu_pid rerun)"
  await 10 '[ -z "$(qemu_pid rerun)" ]'
  await 30 '[ "$(condition node/${P}1 Ready)" = False ]'
  expect 'message node/${P}1 Ready | grep -qE "libvirt"'
  host libvirtd -d -l
  node_ready
  another rerun "$rerun"
  tells rerun Stopped 'crashed'
  same "$up" "$(uid up)"; same "$pid" "$(qemu_pid up)"
  beats_on
}

test_files_that_change_while_libvirtd_hangs_are_applied_when_it_goes_on() {
  local up pid
  up=$(uid up) pid=$(qemu_pid up)
  vm leaves run=Halted | drop leaves.yaml
  imported leaves-root
  host pkill -STOP -x libvirtd
  vm comes | drop comes.yaml
  edit up.yaml 's/labels: {app: up}/labels: {app: up, seen: later}/'
  lift leaves.yaml
  await 60 '[ "$(condition node/${P}1 Ready)" = False ]'
  expect 'message node/${P}1 Ready | grep -q "does not answer"'
  # nobody waits for it: the API answers, and what needs no libvirt is done
  expect 'host timeout 3 "$BUILD/solovirt" -s "$S/run/sock" get vm,vmi,node'
  await 15 '[ "$(field vm/up .metadata.labels.seen)" = later ]'
  await 15 '[ -n "$(field vm/comes .metadata.uid)" ]'
  await 60 '[ "$(reason vmi/up Ready)" = NodeNotReady ]'
  # the second worker hangs in its open, and says so
  await 60 'message node/${P}1 Ready | grep -q "did not open"'
  refute '[ "$(phase comes)" = Running ]'
  host pkill -CONT -x libvirtd
  node_ready 90
  running comes 120
  gone vm/leaves; gone pvc/leaves-root
  await 30 '[ "$(condition vmi/up Ready)" = True ]'
  same "$up" "$(uid up)"; same "$pid" "$(qemu_pid up)"
  lift comes.yaml; gone vm/comes
}

# ------------------------------------------------------------------ a QEMU that dies

test_a_killed_qemu_is_started_again_when_the_run_strategy_says_so() {
  local up rerun
  vm manual run=Manual | drop manual.yaml
  vm once run=Once | drop once.yaml
  imported manual-root; sv start manual
  running manual; running once
  up=$(uid up) rerun=$(uid rerun)
  for v in up rerun manual once; do host kill -9 "$(qemu_pid $v)"; done
  another up "$up"; another rerun "$rerun"
  await 20 '[ "$(phase manual)" = Failed ]'
  await 20 '[ "$(phase once)" = Failed ]'
  same crashed "$(field vmi/manual .status.reason)"
  becomes manual Stopped; becomes once Stopped
  for v in up rerun manual once; do tells $v Stopped 'crashed'; done
  sv start manual; running manual
  lift manual.yaml; lift once.yaml; gone vm/manual; gone vm/once
  booted up 2 120
}

# ------------------------------------------------------------------ virsh, by hand

test_virsh_destroy_is_a_failure_that_is_told() {
  local rerun; rerun=$(uid rerun)
  virsh_ destroy "$(domain rerun)"
  another rerun "$rerun"
  tells rerun Stopped 'was cut off'
}

test_virsh_shutdown_is_a_clean_end() {
  local up; up=$(uid up)
  virsh_ shutdown "$(domain up)"
  another up "$up" 120
  tells up Stopped 'was shut down'
  booted up 3 120
}

test_virsh_suspend_shows_and_ends_with_resume_or_unpause() {
  virsh_ suspend "$(domain up)"
  becomes up Paused 20
  same PausedByUser "$(reason vmi/up Paused)"
  sv unpause vm up
  becomes up Running 20
  virsh_ suspend "$(domain up)"; becomes up Paused 20
  virsh_ resume "$(domain up)"; becomes up Running 20
  same running "$(domain_state up)"
}

test_virsh_undefine_leaves_the_guest_and_the_next_start_defines_it_again() {
  local rerun pid; rerun=$(uid rerun) pid=$(qemu_pid rerun)
  virsh_ undefine "$(domain rerun)"
  tells rerun Undefined 'the guest runs on'
  same "$pid" "$(qemu_pid rerun)"
  same "$rerun" "$(uid rerun)"
  virsh_ destroy "$(domain rerun)"
  another rerun "$rerun"
  expect 'virsh_ dominfo "$(domain rerun)" | grep -q "Persistent: *yes"'
}

test_virsh_edit_of_a_running_one_is_told_and_does_not_last() {
  local rerun; rerun=$(uid rerun)
  virsh_ dumpxml --inactive "$(domain rerun)" | sed 's/98304/131072/g' | host tee "$S/edited.xml" >/dev/null
  virsh_ define "$S/edited.xml"
  tells rerun Redefined 'next start'
  same "$rerun" "$(uid rerun)"
  virsh_ destroy "$(domain rerun)"
  another rerun "$rerun"
  expect 'virsh_ dumpxml "$(domain rerun)" | grep -q 98304'
}

test_a_definition_that_lost_our_mark_is_not_ours_any_more() {
  local rerun; rerun=$(uid rerun)
  virsh_ dumpxml --inactive "$(domain rerun)" | sed '/<metadata>/,/<\/metadata>/d' | host tee "$S/bare.xml" >/dev/null
  virsh_ define "$S/bare.xml"
  same "$rerun" "$(uid rerun)"
  virsh_ destroy "$(domain rerun)"
  # its end is seen; what has its name now is left alone and told
  await 60 "[ \"\$(uid rerun)\" != $rerun ]"
  await 60 'sv describe vm/rerun | grep -q "did not make"'
  expect '[ "$(virsh_ domstate "$(domain rerun)" | head -1)" = "shut off" ]'
  virsh_ undefine "$(domain rerun)"
  running rerun 90
}

test_an_old_definition_of_ours_that_somebody_starts_is_told_and_taken_over() {
  local rerun pid; rerun=$(uid rerun)
  virsh_ dumpxml --inactive "$(domain rerun)" | host tee "$S/old.xml" >/dev/null
  host cp "$S/pool/seed-$rerun-seed.iso" "$S/aside.iso"
  sv stop rerun; gone vmi/rerun
  await 10 '! virsh_ dominfo "$(domain rerun)" >/dev/null 2>&1'
  host cp "$S/aside.iso" "$S/pool/seed-$rerun-seed.iso"
  virsh_ define "$S/old.xml"; virsh_ start "$(domain rerun)"
  pid=$(qemu_pid rerun)
  tells_node StrayDomain "domain $(domain rerun) runs for instance $rerun, which does not exist"
  # never two guests of one machine: who asks for it gets the one that runs
  sv start rerun
  running rerun 90
  same "$rerun" "$(uid rerun)"; same "$pid" "$(qemu_pid rerun)"
}

test_the_name_that_a_foreign_domain_has_is_ours_when_it_goes() {
  printf "<domain type='qemu'><name>%s</name><memory unit='MiB'>32</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>" "$(domain wait)" |
    host tee "$S/foreign.xml" >/dev/null
  virsh_ define "$S/foreign.xml"
  vm wait | drop wait.yaml
  await 60 'sv describe vm/wait | grep -q "did not make"'
  virsh_ undefine "$(domain wait)"
  running wait 90
}

test_a_volume_that_was_deleted_by_hand_is_told_and_not_made_anew() {
  local volume; volume=$(field pvc/wait-root .spec.volumeName)
  virsh_ vol-delete --pool solovirt "$volume"
  sv restart wait
  await 60 'sv describe vm/wait | grep -qiE "no such file|cannot access"'
  refute 'virsh_ vol-list solovirt | grep -q "$(field pvc/wait-root .spec.volumeName)"'
  becomes wait CrashLoopBackOff 60
  lift wait.yaml; gone vm/wait; gone pvc/wait-root
}

# ------------------------------------------------------------------ network and pool

test_a_network_that_was_stopped_is_started_with_its_guests() {
  local up port; up=$(uid up) port=$(interface up)
  expect "port_of | grep -qx $port"
  virsh_ net-destroy solovirt
  tells_node NetworkStopped 'network solovirt was stopped'
  tells_node NetworkMended 'was not active and was started; [0-9]+ interfaces'
  await 20 "port_of | grep -qx $port"
  same "$up" "$(uid up)"
  expect 'virsh_ net-info solovirt | grep -qE "Active: *yes"'
  node_ready
}

# as a libvirtd leaves it that dies while it starts the network: later ones take the bridge for somebody else's
test_what_a_start_of_the_network_left_is_no_hindrance() {
  local up port mac; up=$(uid up) port=$(interface up) mac=$(virsh_ net-dumpxml solovirt --inactive | sed -n "s/.*mac address='\(.*\)'.*/\1/p")
  daemon_kill; virsh_ net-destroy solovirt
  host ip link add solovirt0 type bridge; host ip addr add 192.168.77.1/24 dev solovirt0; host ip link set solovirt0 up
  # one of somebody else stays
  daemon_start
  await 60 'message node/${P}1 Ready | grep "cannot start network solovirt"'
  daemon_kill
  host ip link set solovirt0 address "$mac"
  refute 'virsh_ net-start solovirt'
  daemon_start
  await 60 'virsh_ net-info solovirt | grep -qE "Active: *yes"'
  await 20 "port_of | grep -qx $port"
  same "$up" "$(uid up)"
  node_ready
}

test_a_killed_dhcp_server_is_started_without_cutting_guests_off() {
  local old entries port; old=$(dnsmasq_pid) entries=$(dhcp_entries) port=$(interface up)
  host kill -9 "$old"
  await 10 "! host kill -0 $old"
  tells_node NetworkMended 'DHCP server .dnsmasq. of network solovirt did not run and was started'
  refute "[ \"\$(dnsmasq_pid)\" = $old ]"
  expect 'host kill -0 "$(dnsmasq_pid)"'
  same "$entries" "$(dhcp_entries)"
  expect "port_of | grep -qx $port"
  # and it serves: a guest gets its address
  vm asks | drop asks.yaml
  shows asks 'TB-IP eth0 192\.168\.77\.' 120
  lift asks.yaml; gone vm/asks
}

test_a_pool_that_was_stopped_is_started() {
  virsh_ pool-destroy solovirt
  tells_node PoolStopped 'storage pool solovirt was stopped'
  tells_node PoolMended 'storage pool solovirt was not active and was started'
  expect 'virsh_ pool-info solovirt | grep -qE "State: *running"'
  # undefined, too, unless the daemon was faster
  virsh_ 'pool-destroy solovirt; pool-undefine solovirt' || true
  await 20 'virsh_ pool-info solovirt | grep -qE "State: *running"'
  expect 'virsh_ pool-info solovirt | grep -qE "Persistent: *yes"'
  dv later guest.qcow2 | drop later.yaml
  imported later
  lift later.yaml; gone dv/later
  node_ready
}

# ------------------------------------------------------------------ a second host

two_hosts() {     # two_hosts NAME URI: the configuration names it, too, and is read again
  host sed -i "/^hosts:/a\\  - {name: $1, uri: \"$2\"}" "$S/solovirtd.yaml"
  host kill -HUP "$(daemon_pid)"
  await 10 "sv get node/$1"
}
one_host() { host sed -i "/^  - {name: /d" "$S/solovirtd.yaml"; host kill -HUP "$(daemon_pid)"; }
not_ready() { await "${3:-60}" "[ \"\$(condition node/$1 Ready)\" = False ] && grep -qE '$2' <<<\"\$(message node/$1 Ready)\""; }    # not_ready NODE PATTERN
goes_on() {     # goes_on NODE: while NODE is out of reach, machines run on the first and the daemon stops and starts at once
  vm here | drop here.yaml
  running here 120
  same "${P}1" "$(field vmi/here .status.nodeName)"
  same False "$(condition "node/$1" Ready)"
  local p; p=$(daemon_pid)
  host kill "$p"
  await 5 "! host kill -0 $p 2>/dev/null"
  daemon_start
  node_ready
  running here
  lift here.yaml; gone vm/here
}

test_a_host_that_refuses_connections_keeps_nobody_from_working() {
  two_hosts "${P}9" 'qemu+tcp://10.98.0.254:9/system'
  not_ready "${P}9" 'cannot reach libvirt at qemu.tcp://10.98.0.254:9/system.*refused'
  goes_on "${P}9"
  one_host
}
test_a_host_that_swallows_packets_keeps_nobody_from_working() {
  host ip neigh replace 10.98.0.99 lladdr 02:00:00:00:00:99 dev eth0 nud permanent
  two_hosts "${P}9" 'qemu+tcp://10.98.0.99/system'
  not_ready "${P}9" 'did not open within'
  goes_on "${P}9"
  one_host
}
test_a_host_that_comes_later_becomes_ready() {
  two_hosts "${P}2" 'qemu+tcp://10.98.0.2/system'
  not_ready "${P}2" 'cannot reach libvirt'
  KVM=$KVM testbed host 2
  await 90 '[ "$(condition node/${P}2 Ready)" = True ]'
  # and goes again, without warning
  testbed kill 2
  not_ready "${P}2" 'libvirt' 90
  node_ready
  one_host
}
