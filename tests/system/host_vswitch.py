"""What solovirt-host does with Open vSwitch, on a real one in user space: tests for host_worker.py, in its order."""
import errno as E
import json
import os
import signal
import subprocess
import sys
import tempfile

from worker import alive, refused, wait_for

BED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "testbed")
STATE = tempfile.mkdtemp(prefix="hv", dir="/run")


def run(*words, check=True, **more):
    return subprocess.run(words, check=check, capture_output=True, text=True, **more).stdout.strip()


def vswitch(command):
    subprocess.run([os.path.join(BED, "vswitch.sh"), STATE, command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def ports(bridge):
    return run("ovs-vsctl", "list-ports", bridge).split()


def column(table, row, name):
    return run("ovs-vsctl", "get", table, row, name)


def is_up(device):
    return "UP" in run("ip", "-br", "link", "show", device).split()[-1]


def test_bridges(w):
    """A bridge of ours is made, mended and removed; what others made is used or left alone."""
    refused(E.ENOTCONN, w.call, "bridge-ensure", bridge="br-a")
    vswitch("up")
    for name in ("a/b", "-x", "x" * 16, "", "a b", "br\n"):
        refused(E.EINVAL, w.call, "bridge-ensure", bridge=name)
        refused(E.EINVAL, w.call, "bridge-remove", bridge=name)
        refused(E.EINVAL, w.call, "bridge-ensure", bridge="br-a", interface=name)
    for vlan in (-1, 4095, "1"):
        refused(E.EINVAL, w.call, "bridge-ensure", bridge="br-a", vlans=[vlan])
    for _ in range(2):
        told = w.call("bridge-ensure", bridge="br-a", vlans=[])
        assert told == {"datapath": "netdev", "ready": True, "mtu": 1500}, told
    assert column("bridge", "br-a", "external_ids") == "{vendor=solovirt}"
    # interfaces that would be harmed, or that are none
    run("ip", "link", "add", "linux0", "type", "bridge")
    run("ip", "link", "add", "slave0", "type", "veth", "peer", "name", "slave1")
    run("ip", "link", "set", "slave0", "master", "linux0")
    for interface, code in (("never", E.ENOENT), ("lo", E.EINVAL), ("linux0", E.EINVAL), ("slave0", E.EBUSY), ("eth0", E.EBUSY)):
        print("  ", refused(code, w.call, "bridge-ensure", bridge="br-b", interface=interface, vlans=[7]))
    refused(E.EEXIST, w.call, "bridge-ensure", bridge="linux0")
    assert run("ovs-vsctl", "list-br") == "br-a"
    # a way out, with the tags that it is to let through
    run("ip", "link", "add", "up0", "mtu", "1600", "type", "veth", "peer", "name", "up1")
    up = {"bridge": "br-a", "interface": "up0"}
    for vlans, trunks in (([200, 100], "0, 100, 200"), ([200, 100, 100], "0, 100, 200"), ([], "0"), ([100], "0, 100")):
        told = w.call("bridge-ensure", up, vlans=vlans)
        assert told == {"datapath": "netdev", "ready": True, "mtu": 1600}, told
        assert column("port", "up0", "trunks").strip("[]") == trunks and is_up("up0")
    # an interface that was lost and came back
    run("ip", "link", "del", "up0")
    wait_for("its loss", 10, lambda: not os.path.exists("/sys/class/net/up0"))
    refused(E.ENOENT, w.call, "bridge-ensure", up, vlans=[100])
    run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1")
    wait_for("its mending", 10, lambda: w.call("bridge-ensure", up, vlans=[100])["ready"])
    assert w.call("bridge-ensure", up, vlans=[100]) == {"datapath": "netdev", "ready": True, "mtu": 1500}
    # another way out takes its place; one interface is in one network
    run("ip", "link", "add", "up2", "type", "veth", "peer", "name", "up3")
    w.call("bridge-ensure", bridge="br-a", interface="up2", vlans=[100])
    assert ports("br-a") == ["up2"]
    refused(E.EBUSY, w.call, "bridge-ensure", bridge="br-b", interface="up2", vlans=[100])
    # bridges of others
    run("ovs-vsctl", "add-br", "br1", "--", "set", "bridge", "br1", "datapath_type=netdev", "--", "add-port", "br1", "slave1")
    before = run("ovs-vsctl", "list", "port", "slave1")
    assert w.call("bridge-ensure", bridge="br1", vlans=[5]) == {"datapath": "netdev", "ready": True, "mtu": 1500}
    assert w.call("bridge-ensure", bridge="br1", interface="slave1", vlans=[5])["ready"]
    print("  ", refused(E.EACCES, w.call, "bridge-ensure", bridge="br1", interface="up0", vlans=[5]))
    assert run("ovs-vsctl", "list", "port", "slave1") == before
    assert w.call("bridge-remove", bridge="br1") == {} and run("ovs-vsctl", "list-br").split() == ["br-a", "br1"]
    # not while something is plugged in; a guest's port whose device is gone is nothing
    run("ovs-vsctl", "add-port", "br-a", "up0")
    print("  ", refused(E.EBUSY, w.call, "bridge-remove", bridge="br-a"))
    run("ovs-vsctl", "del-port", "up0", "--", "add-port", "br-a", "vnet99", "--", "set", "interface", "vnet99", "external_ids:vm-id=x")
    for _ in range(2):
        assert w.call("bridge-remove", bridge="br-a") == {}
    assert run("ovs-vsctl", "list-br") == "br1" and is_up("up2")
    run("ovs-vsctl", "del-br", "br1")
    for device in ("linux0", "slave0", "up0", "up2"):
        run("ip", "link", "del", device)


class Guest:
    """A machine as the network sees it: a namespace whose eth0 has a MAC and a port of the bridge."""

    def __init__(self, name, mac, bridge="br-a", tag=100):
        self.name, self.mac = name, mac
        self.process = subprocess.Popen(["unshare", "-n", "sleep", "600"])
        own = lambda: os.readlink(f"/proc/{self.process.pid}/ns/net") != os.readlink("/proc/self/ns/net")
        wait_for("a namespace", 10, own)
        run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "address", mac, "netns", str(self.process.pid))
        # with a datapath in user space the host's own stack sees the guest's frames, too, and would answer for the port that serves
        with open(f"/proc/sys/net/ipv4/conf/{name}/arp_ignore", "w") as f:
            f.write("8")
        run("ovs-vsctl", "add-port", bridge, name, f"tag={tag}")
        run("ip", "link", "set", name, "up")
        self.do("ethtool", "-K", "eth0", "tx", "off")  # the datapath in user space takes checksums for finished
        self.do("ip", "link", "set", "lo", "up"), self.do("ip", "link", "set", "eth0", "up")

    def do(self, *words, **more):
        return run("nsenter", "-t", str(self.process.pid), "-n", *words, **more)

    def packets(self, *words, **more):
        return self.do(sys.executable, os.path.join(BED, "packets.py"), *words, **more)

    def dhcp(self, tries=4):
        """What a DHCP server says, as busybox tells its script; {} when nobody answers."""
        script = os.path.join(STATE, "script")
        if not os.path.exists(script):
            with open(script, "w") as f:
                f.write('#!/bin/sh\n[ "$1" != bound ] || env\n')
            os.chmod(script, 0o755)
        told = self.do("busybox", "udhcpc", "-n", "-q", "-f", "-i", "eth0", "-s", script, "-t", str(tries), "-T", "1", "-O", "mtu", check=False)
        return dict(line.split("=", 1) for line in told.splitlines() if "=" in line)

    def end(self):
        run("ovs-vsctl", "--if-exists", "del-port", self.name)
        self.process.kill()
        self.process.wait()


def served(subnet):
    """The pid of a subnet's DHCP server and its port."""
    port = run("ovs-vsctl", "--bare", "--columns=name", "find", "port", f"external_ids:solovirt-subnet={subnet}")
    return int(open(f"/run/solovirt/subnets/{port}/dnsmasq.pid").read()), port


def test_subnets(w):
    """Guests get their addresses from a server of our own, strangers get nothing."""
    a, b, c = "52:54:00:00:08:01", "52:54:00:00:08:02", "52:54:00:00:08:03"
    w.call("bridge-ensure", bridge="br-a", vlans=[100])
    net = {"subnet": "net1", "bridge": "br-a", "vlan": 100, "mtu": 1400, "address": "10.6.0.2/24", "address6": "fd00:6::2/64",
           "gateway": "10.6.0.1", "leaseSeconds": 3600, "ra": True, "domain": "vms.example",
           "options": [["ntp-server", "10.6.0.7"], ["dns-server", "10.6.0.2"]]}
    one = {"mac": a, "ip": "10.6.0.10", "ip6": "fd00:6::10", "name": "web.default"}
    serve = lambda hosts=(one,), **more: w.call("subnet-serve", {**net, **more}, hosts=list(hosts))
    for wrong in ({"address": "10.6.0.2"}, {"address": "x/24"}, {"address6": "fd00::2"}, {"gateway": "fd00::1"}, {"mtu": 1}, {"vlan": 4095},
                  {"leaseSeconds": 1}, {"subnet": "../x"}, {"subnet": "a b"}, {"domain": "a\nport=0"}, {"options": [["x\ny", "z"]]},
                  {"options": [["ntp-server", "a\nb"]]}, {"options": [["ntp-server"]]}, {"options": [["ntp-server", "1#2"]]},
                  {"hosts": [{"mac": "x", "ip": "10.6.0.4"}]}, {"hosts": [{"mac": a}]}, {"hosts": [{"mac": a, "ip": "10.6.0.4,x"}]}):
        refused(E.EINVAL, w.call, "subnet-serve", {**net, **wrong})
    refused(E.ENOENT, serve, bridge="br-b")
    print("  ", refused(E.EINVAL, serve, options=[["no-such-option", "1"]]))
    refused(E.ENOENT, w.call, "subnet-host-set", subnet="net2", mac=a, ip="10.6.0.10", name="x")
    assert w.call("subnet-host-remove", subnet="net2", mac=a) == {} and w.call("subnet-unserve", subnet="net2") == {}
    w.call("subnet-unserve", subnet="net1")
    assert serve() == {}
    pid, port = served("net1")
    assert serve() == {} and served("net1") == (pid, port) and column("port", port, "tag") == "100"
    assert open(f"/proc/sys/net/ipv6/conf/{port}/accept_ra").read().strip() == "0"
    blue, other, stranger = Guest("blue", a), Guest("other", b), Guest("stranger", c)
    lease = blue.dhcp()
    assert (lease["ip"], lease["mask"], lease["router"], lease["mtu"], lease["lease"]) == ("10.6.0.10", "24", "10.6.0.1", "1400", "3600"), lease
    assert (lease["dns"], lease["ntpsrv"], lease["domain"], lease["hostname"]) == ("10.6.0.2", "10.6.0.7", "vms.example", "web"), lease
    assert stranger.dhcp(tries=1) == {}
    blue.do("ip", "addr", "add", "10.6.0.10/24", "dev", "eth0")
    for name in ("web.default", "web.default.vms.example"):
        assert "10.6.0.10" in blue.do("busybox", "nslookup", name, "10.6.0.2", check=False), name
    # whoever has an address on the wire is found, but for the guest itself; nobody is asked where there is no server
    blue.do("ip", "addr", "add", "fd00:6::10/64", "dev", "eth0", "nodad")
    ask = lambda *probes: w.call("address-probe", probes=[{"subnet": "net1", **probe} for probe in probes])
    assert ask({"mac": b, "ip": "10.6.0.10", "ip6": "fd00:6::10"}, {"mac": b, "ip": "10.6.0.11", "ip6": "fd00:6::11"}) == {
        "asked": True, "conflicts": [{"subnet": "net1", "ip": "10.6.0.10", "mac": a}, {"subnet": "net1", "ip": "fd00:6::10", "mac": a}]}
    assert ask({"mac": a, "ip": "10.6.0.10", "ip6": "fd00:6::10"}) == {"asked": True, "conflicts": []}
    assert ask({"mac": a, "ip": "10.6.0.10", "subnet": "net2"}) == {"asked": False, "conflicts": []}
    for wrong in ({"mac": "x", "ip": "10.6.0.10"}, {"mac": a, "ip": "fd00::1"}, {"mac": a, "ip6": "10.6.0.1"}, {"ip": "10.6.0.1"}):
        refused(E.EINVAL, ask, wrong)
    blue.do("ip", "addr", "del", "fd00:6::10/64", "dev", "eth0")
    # IPv6: announced, by a host that is no router; the address itself comes by DHCP
    announced = json.loads(blue.packets("announced", "eth0"))
    assert announced["managed"] and announced["lifetime"] == 0 and announced["prefixes"] == ["fd00:6::/64"], announced
    assert json.loads(blue.packets("dhcp6", "eth0")) == ["fd00:6::10"]
    assert json.loads(stranger.packets("dhcp6", "eth0", "1")) == []
    # what one guest is told instead of the subnet's options, and not any more
    own = {**one, "own4": True, "own6": True, "leaseSeconds": 600, "options": [["42", "10.6.0.8"], ["3", "10.6.0.9"], ["option6:23", "[fd00:6::8]"]]}
    assert serve([own]) == {}
    lease = blue.dhcp()
    assert (lease["ip"], lease["router"], lease["ntpsrv"], lease["lease"]) == ("10.6.0.10", "10.6.0.9", "10.6.0.8", "600") and "dns" not in lease and "mtu" not in lease, lease
    assert json.loads(blue.packets("told6", "eth0")) == [["fd00:6::10"], ["fd00:6::8"]]
    for wrong in ([["42", "a\nb"]], [["no\n", "1"]], [["42"]]):
        refused(E.EINVAL, serve, [{**own, "options": wrong}])
    assert serve() == {}
    lease = blue.dhcp()
    assert (lease.get("router"), lease.get("dns"), lease["ntpsrv"], lease["lease"]) == ("10.6.0.1", "10.6.0.2", "10.6.0.7", "3600"), lease
    # other ways to an address of IPv6
    refused(E.EINVAL, serve, raMode="magic")
    refused(E.EINVAL, serve, dhcp=False, ra=False)
    serve(raMode="slaac", raInterval=600, raMtu=1380, dhcp=False, options=[["option6:23", "[fd00:6::7],[fd00:6::8]"]])
    announced = json.loads(blue.packets("announced", "eth0"))
    assert not announced["managed"] and not announced["other"] and announced["autonomous"] and announced["mtu"] == 1380, announced
    assert announced["dns"] == ["fd00:6::7", "fd00:6::8"] and announced["lifetime"] == 0, announced
    assert blue.dhcp(tries=1) == {} and json.loads(blue.packets("dhcp6", "eth0", "1")) == []
    serve(raMode="stateless")
    announced = json.loads(blue.packets("announced", "eth0"))
    assert not announced["managed"] and announced["other"] and announced["autonomous"] and announced["mtu"] == 1400, announced
    serve()
    pid, port = served("net1")
    # entries come and go while it runs
    host = {"subnet": "net1"}
    for _ in range(2):
        w.call("subnet-host-set", host, mac=b, ip="10.6.0.11", name="other.default")
    assert other.dhcp()["ip"] == "10.6.0.11"
    w.call("subnet-host-set", host, mac=b, ip="10.6.0.12", name="other.default")
    assert other.dhcp()["ip"] == "10.6.0.12" and served("net1") == (pid, port)
    for _ in range(2):
        w.call("subnet-host-remove", host, mac=b)
    assert other.dhcp(tries=1) == {} and served("net1") == (pid, port)
    # an address whose lease another one has still
    w.call("subnet-host-set", host, mac=c, ip="10.6.0.12", name="heir.default")
    assert stranger.dhcp()["ip"] == "10.6.0.12"
    w.call("subnet-host-set", host, mac=b, ip="10.6.0.12", name="ignore")
    assert other.dhcp()["ip"] == "10.6.0.12" and stranger.dhcp(tries=1) == {}
    pid, port = served("net1")
    for wrong in ({"mac": "../x", "ip": "10.6.0.4"}, {"mac": b}, {"mac": b, "ip": "fd00::1"}, {"mac": b, "ip6": "10.6.0.1"}):
        refused(E.EINVAL, w.call, "subnet-host-set", host, **wrong)
    # exactly those that are asked for
    assert serve() == {} and served("net1") == (pid, port)
    assert os.listdir(f"/run/solovirt/subnets/{port}/hosts") == [a]
    assert other.dhcp(tries=1) == {}
    # what does not hold leaves what runs alone
    refused(E.EINVAL, serve, options=[["no-such-option", "1"]])
    assert alive(pid) and blue.dhcp()["ip"] == "10.6.0.10"
    # killed, and served again
    w.events.clear()
    os.kill(pid, signal.SIGKILL)
    assert w.event(name="net1")["event"] == "subnet"
    told = serve()
    assert "did not run" in told["mended"] and serve() == {}, told
    assert blue.dhcp()["ip"] == "10.6.0.10"
    run("ip", "addr", "flush", "dev", port)
    assert "addresses" in serve()["mended"] and serve() == {}
    run("ovs-vsctl", "del-port", port)
    assert "port" in serve()["mended"] and serve() == {}
    assert blue.dhcp()["ip"] == "10.6.0.10"
    # another VLAN
    serve(vlan=200)
    assert column("port", port, "tag") == "200" and blue.dhcp(tries=1) == {}
    run("ovs-vsctl", "set", "port", "blue", "tag=200")
    assert blue.dhcp()["ip"] == "10.6.0.10"
    refused(E.EBUSY, w.call, "bridge-remove", bridge="br-a")
    pid, port = served("net1")
    for _ in range(2):
        assert w.call("subnet-unserve", subnet="net1") == {}
    assert not alive(pid) and port not in ports("br-a") and not os.path.exists(f"/run/solovirt/subnets/{port}")
    for guest in (blue, other, stranger):
        guest.end()
    w.call("bridge-remove", bridge="br-a")


UID, OTHER = "7a1c9c5e-0000-4000-8000-000000000001", "7a1c9c5e-0000-4000-8000-000000000002"
NAME, UUID = "default_hv", "5d307ca9-b3ef-428c-8861-06e72d69f2a1"
CARD, PORT = "52:54:00:00:09:01", "52:54:00:00:09:02"
EVERYBODY = "ff:ff:ff:ff:ff:ff"


def domain(uid=UID):
    """One that does nothing, with a card in the bridge."""
    return (f"<domain type='qemu'><name>{NAME}</name><uuid>{UUID}</uuid><metadata><solovirt:instance "
            f"xmlns:solovirt='https://solovirt.io/domain/1' uid='{uid}' namespace='default' name='hv' epoch='5'/></metadata>"
            "<memory unit='MiB'>32</memory><os><type machine='q35'>hvm</type></os>"
            "<features><tcg><tb-cache unit='MiB'>32</tb-cache></tcg></features><devices><interface type='bridge'>"
            f"<mac address='{CARD}'/><source bridge='br-a'/><virtualport type='openvswitch'/><vlan><tag id='100'/></vlan>"
            "<model type='virtio'/></interface></devices></domain>")


def flows(mac, address):
    """What a port with an address may send."""
    match = f"in_port={{port}},dl_src={mac}"
    return [f"table=0,priority=200,{match},arp,arp_sha={mac},arp_spa={address},actions=NORMAL",
            f"table=0,priority=200,{match},ip,nw_src={address},actions=NORMAL",
            "table=0,priority=300,in_port={port},udp,tp_src=67,actions=drop",
            "table=0,priority=300,in_port={port},icmp6,icmp_type=134,actions=drop",
            f"table=0,priority=190,{match},ipv6,ipv6_src=fe80::/10,actions=NORMAL",
            "table=0,priority=100,in_port={port},actions=drop"]


def ours(bridge="br-a"):
    return [line for line in run("ovs-ofctl", "--no-stats", "dump-flows", bridge).splitlines() if "cookie=0x5056" in line]


def mac(text):
    return text.replace(":", "")


def ipv4(text):
    return bytes(map(int, text.split("."))).hex()


def frame(source, kind, payload, tag):
    return mac(EVERYBODY) + mac(source) + kind + payload + tag * 8


def udp(source, address, tag, sport=4000):
    length = 8 + len(tag) * 4
    head = f"4500{20 + length:04x}0000000040110000{ipv4(address)}{ipv4('10.6.0.99')}"
    total = sum(int(head[i:i + 4], 16) for i in range(0, 40, 4))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return frame(source, "0800", head[:20] + f"{total ^ 0xffff:04x}" + head[24:] + f"{sport:04x}0044{length:04x}0000", tag)


def arp(source, sender, address, tag):
    return frame(source, "0806", f"0001080006040001{mac(sender)}{ipv4(address)}000000000000{ipv4('10.6.0.99')}", tag)


def advertisement(source, tag):
    payload = f"86000000400000f000000000000000{0:02x}" + tag * 8
    return (mac(EVERYBODY) + mac(source) + "86dd" + f"60000000{len(payload) // 2:04x}3aff" + "fe80" + "0" * 27 + "1" + "ff02" + "0" * 27 + "1" + payload)


def heard(sender, receiver, *packets):
    """Which of the packets, functions of a tag, arrive; the last one must, it ends the wait."""
    tags = [f"7ae5{i:04x}" for i in range(len(packets))]
    listener = subprocess.Popen(["nsenter", "-t", str(receiver.process.pid), "-n", sys.executable, os.path.join(BED, "packets.py"), "hear", "eth0", "20", *tags],
                                stdout=subprocess.PIPE, text=True)
    assert listener.stdout.readline() == "listening\n"
    sender.packets("send", "eth0", *[packet(tag) for packet, tag in zip(packets, tags)])
    result = json.loads(listener.communicate()[0])
    assert result[-1], f"the last packet did not arrive: {result}"
    return result


def test_guards(w):
    """A guest sends by its own addresses only, from its first moment on and after Open vSwitch has started anew."""
    virsh = lambda *words: run("virsh", "-q", "-c", "qemu:///system", *words)
    me = {"name": NAME, "uid": UID}
    start = lambda uid=UID, paused=False, **more: w.call("domain-start", name=NAME, uid=uid, xml=domain(uid), paused=paused, **more)
    w.call("bridge-ensure", bridge="br-a", vlans=[100])
    card = {"mac": CARD, "flows": flows(CARD, "10.6.0.20")}
    for wrong in ("actions=drop\nactions=NORMAL", "cookie=1,actions=drop", "", "priority=1", 5):
        refused(E.EINVAL, start, guards=[{"mac": CARD, "flows": [wrong]}])
        refused(E.EINVAL, w.call, "guards-sync", guards=[{**me, "mac": CARD, "flows": [wrong]}])
    # what cannot be guarded does not run
    for guard in ({**card, "mac": PORT}, {**card, "flows": ["no_such_field=1,actions=drop"]}):
        print("  ", refused(E.ENOENT if guard["mac"] == PORT else E.EIO, start, guards=[guard]))
        assert NAME not in virsh("list", "--all", "--name") and ours() == []
    assert start(paused=True, guards=[card])["state"] == "paused" and len(ours()) == 6
    w.call("domain-resume", me)
    assert start(guards=[card])["state"] == "running" and "unguarded" not in virsh("dumpxml", NAME) + virsh("dumpxml", NAME, "--inactive")
    w.call("domain-destroy", me)
    # a worker that was killed in between: whoever comes next goes on
    virsh("metadata", NAME, "https://solovirt.io/start/1", "--key", "start", "--set", "<unguarded/>", "--config")
    virsh("start", NAME, "--paused")
    assert start()["state"] == "paused"
    assert start(guards=[card])["state"] == "running" and "unguarded" not in virsh("dumpxml", NAME) + virsh("dumpxml", NAME, "--inactive")
    # only what is asked for, of what runs; what was started since is left alone
    listed = {**me, **card}
    assert w.call("guards-sync", guards=[listed]) == {} and len(ours()) == 6
    assert w.call("guards-sync", guards=[]) == {} and len(ours()) == 6
    assert w.call("guards-sync", guards=[listed, {**listed, "name": "never"}, {**listed, "uid": OTHER, "mac": PORT}]) == {}
    run("ovs-ofctl", "add-flow", "br-a", "cookie=0x5056000000000007,priority=400,actions=drop")
    assert "mended" in w.call("guards-sync", guards=[listed]) and len(ours()) == 6
    # real packets: a port of this machine that a namespace stands behind
    guest, peer = Guest("guest", PORT), Guest("peer", "52:54:00:00:09:03")
    run("ovs-vsctl", "set", "interface", "guest", f'external_ids:attached-mac="{PORT}"', f"external_ids:vm-id={UUID}")
    packets = (lambda tag: udp(PORT, "10.6.0.66", tag), lambda tag: udp(CARD, "10.6.0.10", tag), lambda tag: arp(PORT, PORT, "10.6.0.66", tag),
               lambda tag: arp(PORT, CARD, "10.6.0.10", tag), lambda tag: udp(PORT, "10.6.0.10", tag, 67), lambda tag: advertisement(PORT, tag),
               lambda tag: arp(PORT, PORT, "10.6.0.10", tag), lambda tag: udp(PORT, "10.6.0.10", tag))
    assert heard(guest, peer, *packets) == [True] * 8
    both = [listed, {**me, "mac": PORT, "flows": flows(PORT, "10.6.0.10")}]
    for _ in range(2):
        w.call("guards-sync", guards=both)
        assert heard(guest, peer, *packets) == [False] * 6 + [True] * 2
    # what would become of a packet
    trace = lambda packet, **more: w.call("port-trace", {**me, "mac": PORT, **more}, packet=packet)
    told = trace("ip,nw_src=10.6.0.10,nw_dst=10.6.0.99,dl_dst=ff:ff:ff:ff:ff:ff")
    assert told["forwarded"] and "priority 200" in told["rule"] and "Datapath actions" in told["text"], told
    told = trace("ip,nw_src=10.6.0.66,nw_dst=10.6.0.99")
    assert not told["forwarded"] and "priority 100" in told["rule"], told
    for packet in ("ip nw_src=1.2.3.4", "in_port=1,ip", "--help", "", "ip\n"):
        refused(E.EINVAL, trace, packet)
    print("  ", refused(E.EIO, trace, "nonsense=1"))
    refused(E.ENOENT, trace, "ip", mac="52:54:00:00:09:09")
    refused(E.ESTALE, trace, "ip", uid=OTHER)
    # Open vSwitch starts anew with empty tables
    w.events.clear()
    vswitch("kill"), vswitch("start")
    with w.news:
        assert w.news.wait_for(lambda: any(e == {"event": "vswitch", "args": {}} for e in w.events), 20), w.events
    assert "mended" in w.call("guards-sync", guards=both) and len(ours()) == 12
    assert w.call("guards-sync", guards=both) == {}
    assert heard(guest, peer, *packets) == [False] * 6 + [True] * 2
    both[1]["flows"] = []
    w.call("guards-sync", guards=both)
    assert heard(guest, peer, *packets) == [True] * 8 and len(ours()) == 6
    guest.end(), peer.end()
    w.call("domain-destroy", me), w.call("domain-remove", me)
    assert "mended" in w.call("guards-sync", guards=[]) and ours() == []
    w.call("bridge-remove", bridge="br-a")
    vswitch("down")


TESTS = (test_bridges, test_subnets, test_guards)
