"""What is measured of networks: ports of machines on a Subnet, their flows and addresses, beside Open vSwitch and libvirt by hand.

Run by itself (network.py ports|lease|throughput BUILD) it is the part that works inside of the host: it drives solovirt-host as the
daemon does and prints JSON.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

from bed import wait

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(HERE)
PORTS = 500
DOMAINS = 5      # that run and own the ports: as many QEMUs as ports have no room
BRIDGE = "br-bench"
SECONDS = 2      # of a stream
GROUP = """apiVersion: kubeovn.io/v1
kind: SecurityGroup
metadata: {name: bench}
spec:
  ingressRules:
    - {ipVersion: ipv4, protocol: tcp, priority: 1, remoteType: address, remoteAddress: 10.8.0.0/16, policy: allow, portRangeMin: 5001, portRangeMax: 5001}
    - {ipVersion: ipv4, protocol: icmp, priority: 2, remoteType: address, remoteAddress: 0.0.0.0/0, policy: allow}
  egressRules: [{ipVersion: ipv4, protocol: all, priority: 1, remoteType: address, remoteAddress: 0.0.0.0/0, policy: allow}]
"""
KINDS = (("/apis/kubeovn.io/v1/provider-networks", {"kind": "ProviderNetwork", "spec": {"defaultInterface": "bench0"}}),
         ("/apis/kubeovn.io/v1/vlans", {"kind": "Vlan", "spec": {"id": 100, "provider": "bench"}}),
         # a machine's first use of an address is probed for 0.4 s beside its start; here each start would be a first one
         ("/apis/kubeovn.io/v1/subnets", {"kind": "Subnet", "metadata": {
             "name": "bench", "annotations": {"solovirt.io/address-probe": "false"}}, "spec": {
             "cidrBlock": "10.8.0.0/16", "gateway": "10.8.0.1", "vlan": "bench", "provider": "bench.default.ovn", "enableDHCP": True}}),
         ("/apis/k8s.cni.cncf.io/v1/namespaces/default/network-attachment-definitions", {
             "kind": "NetworkAttachmentDefinition", "spec": {"config": '{"type": "kube-ovn", "provider": "bench.default.ovn"}'}}))
INSTANCES = "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstances"
NONE = {"interfaces": "autoattachPodInterface: false", "networks": ""}
CARD = {"interfaces": "interfaces: [{name: default, bridge: {}}]",
        "networks": "networks: [{name: default, multus: {networkName: bench}}]"}


# --- beside a daemon --------------------------------------------------------------------------------------------------


def ask(bed, method, path, body=None):
    connection = bed.connect()
    connection.request(method, path, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def make_wire(bed):
    bed.host("ip", "link", "add", "bench0", "type", "veth", "peer", "name", "bench1")
    for path, body in KINDS:
        body = {"apiVersion": "/".join(path.split("/")[2:4]), "metadata": {"name": "bench"}, **body}
        if ask(bed, "POST", path, json.dumps(body)) != 201:
            raise RuntimeError(f"{path}: refused")


def unmake_wire(bed):
    for path, _ in reversed(KINDS):
        ask(bed, "DELETE", f"{path}/bench")
        wait(f"the end of {path}/bench", lambda: ask(bed, "GET", f"{path}/bench") == 404)
    bed.host("ip", "link", "del", "bench0")


def resident(bed):
    """A guest that stays on the Subnet, as on most hosts there is one: its DHCP server stays with it."""
    bed.residents = ["default_resident"]
    body = {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance", "metadata": {"name": "resident"}, "spec": {
        "startStrategy": "Paused", "terminationGracePeriodSeconds": 0, "domain": {
            "memory": {"guest": "16Mi"}, "devices": {"interfaces": [{"name": "default", "bridge": {}}]}},
        "networks": [{"name": "default", "multus": {"networkName": "bench"}}]}}
    if ask(bed, "POST", INSTANCES, json.dumps(body)) != 201:
        raise RuntimeError("the resident is refused")
    wait("the resident", lambda: b'"Paused"' in bed.get_text(f"{INSTANCES}/resident"), 60, 0.2)


def vswitch(bed, command):
    bed.host(f"{ROOT}/tests/testbed/vswitch.sh", bed.work + "/vswitch", command)


def inside(bed, what):
    """The other part of this file, on a switch of its own."""
    return json.loads(bed.host(sys.executable, os.path.join(HERE, "network.py"), what, bed.build))


def measures(starts):
    """starts(bed, count, rounds, words of the machine): milliseconds of ours and of virsh with the same XML."""
    def port(bed, figures):
        bed.fresh()
        vswitch(bed, "up")
        make_wire(bed)
        starts(bed, 1, 1, **CARD)
        first = starts(bed, 1, 5, **CARD)
        resident(bed)
        rounds = {"none": [], "card": [], "safe": []}
        words = {"none": NONE, "card": CARD,
                 "safe": {**CARD, "annotations": 'annotations: {bench.default.ovn.kubernetes.io/port_security: "true"}'}}
        for _ in range(9):     # in turn, so that a busy minute falls on all
            for name, all_words in words.items():
                rounds[name].append([r[0] for r in starts(bed, 1, 1, **all_words)])
        what = {"none": "rename to 1 paused domain without a card", "card": "the same with a port of Open vSwitch on a Subnet",
                "safe": "the same with port security"}
        figures.add("port", "the first on a Subnet, which makes its DHCP server", "ms", *first, "virsh, same XML")
        for name, pairs in rounds.items():
            figures.add("port", what[name], "ms", *zip(*pairs), "virsh, same XML")
        for name in ("card", "safe"):
            figures.add("port", f"added beyond libvirt: {name}", "ms",
                        [(o - r) - (o0 - r0) for (o, r), (o0, r0) in zip(rounds[name], rounds["none"])], target="15 ms")
        ask(bed, "DELETE", f"{INSTANCES}/resident")
        bed.residents = []
        bed.no_domains()
        unmake_wire(bed)
        vswitch(bed, "down")

    def lease(bed, figures):
        told = inside(bed, "lease")
        figures.add("lease", f"a line more for the DHCP server that has {PORTS}", "ms", told["serve"])
        figures.add("lease", "from then on to the client's lease", "ms", told["lease"])

    def ports(bed, figures):
        told = inside(bed, "ports")
        figures.add("ports", f"{PORTS} ports looked at after a restart: all of it", "ms", told["all"], target="1000 ms")
        figures.add("ports", "of that their flows (guards-sync)", "ms", told["sync"], told["diff"], "ovs-ofctl diff-flows alone")
        figures.add("ports", "of that their addresses (subnet-serve)", "ms", told["serve"])
        figures.add("ports", f"flows of {PORTS} ports put in anew", "ms", told["anew"], told["add"], "ovs-ofctl add-flows alone")
        figures.add("ports", f"addresses of {PORTS} ports written anew", "ms", told["fresh"])
        for kind, count in told["flows"].items():
            figures.add("ports", f"flows of a port: {kind}", "", [count])

    def throughput(bed, figures):
        told = inside(bed, "throughput")
        for kind in ("port security", "port security and a security group"):
            figures.add("through", f"TCP between two ports: {kind}", "Mbit/s", told[kind], told["by hand"], "bridge by hand", "0.97")

    return {"port": port, "lease": lease, "ports": ports, "through": throughput}


# --- inside of the host -----------------------------------------------------------------------------------------------


def milliseconds(function, *args, **more):
    begin = time.monotonic()
    function(*args, **more)
    return (time.monotonic() - begin) * 1000


def domain(i, memory=16):
    return (f"<domain type='qemu'><name>default_b{i}</name><uuid>{uuid(i)}</uuid><metadata><solovirt:instance "
            f"xmlns:solovirt='https://solovirt.io/domain/1' uid='{uid(i)}' namespace='default' name='b{i}' epoch='5'/></metadata>"
            f"<memory unit='MiB'>{memory}</memory><os><type machine='q35'>hvm</type></os>"
            "<features><tcg><tb-cache unit='MiB'>32</tb-cache></tcg></features></domain>")


def uuid(i):
    return f"5d307ca9-b3ef-428c-8861-06e72d69{i:04x}"


def uid(i):
    return f"7a1c9c5e-0000-4000-8000-00000000{i:04x}"


class Host:
    """solovirt-host beside a switch with a bridge of ours and domains that own its ports."""

    def __init__(self, build):
        sys.path[:0] = [f"{ROOT}/tests/testbed", f"{ROOT}/tests/system"]
        import host_vswitch
        from worker import Worker
        self.bed, self.build = host_vswitch, build
        host_vswitch.vswitch("up")
        self.worker = Worker([f"{build}/solovirt-host", "qemu:///system"])
        self.call = self.worker.call
        self.call("bridge-ensure", bridge=BRIDGE, vlans=[100])
        for i in range(DOMAINS):
            self.call("domain-start", name=f"default_b{i}", uid=uid(i), xml=domain(i), paused=True)

    def end(self):
        for i in range(DOMAINS):
            me = {"name": f"default_b{i}", "uid": uid(i)}
            self.call("domain-destroy", me), self.call("domain-remove", me)
        self.call("subnet-unserve", subnet="bench")
        self.worker.end()
        subprocess.run(["ovs-vsctl", "--timeout=60", "--if-exists", "del-br", BRIDGE], check=True)
        self.bed.vswitch("down")

    def guards(self, count, *group):
        """As the daemon makes them: the i-th port is of domain i % DOMAINS."""
        made = json.loads(subprocess.run([f"{self.build}/bench/flows", str(count), *group], check=True, capture_output=True, text=True).stdout)
        return [{"name": f"default_b{i % DOMAINS}", "uid": uid(i % DOMAINS), **guard} for i, guard in enumerate(made)]

    def group(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", delete=False) as f:
            f.write(GROUP)
        return f.name

    def sync(self, guards):
        return self.call("guards-sync", guards=[{k: v for k, v in g.items() if k != "ip"} for g in guards])

    def serve(self, guards):
        hosts = [{"mac": g["mac"], "ip": g["ip"], "name": f"m{i}.default"} for i, g in enumerate(guards)]
        return self.call("subnet-serve", subnet="bench", bridge=BRIDGE, vlan=100, address="10.8.0.2/16", gateway="10.8.0.1", leaseSeconds=3600,
                         options=[], ra=False, hosts=hosts)

    def plug(self, guards):
        """A port for each, as libvirt writes them."""
        words = ["ovs-vsctl"]
        for i, g in enumerate(guards):
            words += ["--", "add-port", BRIDGE, f"t{i}", "tag=100", "--", "set", "interface", f"t{i}", "type=internal",
                      f'external_ids:attached-mac="{g["mac"]}"', f"external_ids:vm-id={uuid(i % DOMAINS)}",
                      f"external_ids:iface-id={uuid(1000 + i)}", "external_ids:iface-status=active"]
        subprocess.run(words, check=True)


def by_hand(text, *words):
    """@: the file that the text is in."""
    with tempfile.NamedTemporaryFile("w") as f:
        f.write(text)
        f.flush()
        subprocess.run([f.name if word == "@" else word for word in words], stdout=subprocess.DEVNULL, check=False)


def flows_there():
    return [line.split("cookie=")[1].split(", ", 1)[1].strip() for line in
            subprocess.run(["ovs-ofctl", "--no-stats", "dump-flows", BRIDGE], check=True, capture_output=True, text=True).stdout.splitlines()
            if "cookie=0x5056" in line]


def ports(host):
    guards, group = host.guards(PORTS), host.group()
    told = {"all": [], "sync": [], "serve": [], "anew": [], "fresh": [], "diff": [], "add": [],
            "flows": {"port security": len(guards[0]["flows"]), "port security and a security group of 3 rules": len(host.guards(1, group)[0]["flows"])}}
    os.unlink(group)
    host.plug(guards)
    for _ in range(3):
        host.sync([])
        told["anew"].append(milliseconds(host.sync, guards))
        host.call("subnet-unserve", subnet="bench")
        host.serve([])
        told["fresh"].append(milliseconds(host.serve, guards))
    text = "\n".join(flows_there())
    assert text.count("\n") + 1 == sum(len(g["flows"]) for g in guards), "not all flows are there"
    for _ in range(7):
        bridge = milliseconds(host.call, "bridge-ensure", bridge=BRIDGE, vlans=[100])
        assert host.sync(guards) == {} and host.serve(guards) == {}
        told["sync"].append(milliseconds(host.sync, guards))
        told["serve"].append(milliseconds(host.serve, guards))
        told["all"].append(bridge + told["sync"][-1] + told["serve"][-1])
        told["diff"].append(milliseconds(by_hand, text, "ovs-ofctl", "diff-flows", BRIDGE, "@"))
    host.sync([])
    for _ in range(3):
        subprocess.run(["ovs-ofctl", "del-flows", BRIDGE], check=True)
        told["add"].append(milliseconds(by_hand, text, "ovs-ofctl", "--bundle", "add-flows", BRIDGE, "@"))
    subprocess.run(["ovs-ofctl", "del-flows", BRIDGE], check=True)
    return told


def lease(host):
    """The client is asked at once; its first packet may come before the server has read the line: then the second one counts."""
    guards = host.guards(PORTS + 10)
    told = {"serve": [], "lease": []}
    host.serve(guards[:PORTS])
    for i in range(PORTS, PORTS + 10):
        guest = host.bed.Guest("guest", guards[i]["mac"], BRIDGE)
        told["serve"].append(milliseconds(host.serve, guards[:i + 1]))
        begin = time.monotonic()
        assert guest.dhcp()["ip"] == guards[i]["ip"]
        told["lease"].append((time.monotonic() - begin) * 1000)
        guest.end()
    return told


RECEIVE = """import socket, sys, time
s = socket.create_server(("", 5001))
print("ready", flush=True)
c, _ = s.accept()
begin, total, b = time.monotonic(), 0, bytearray(1 << 20)
while n := c.recv_into(b):
    total += n
print(total * 8 / (time.monotonic() - begin) / 1e6)
"""
SEND = """import socket, sys, time
c, end, b = socket.create_connection((sys.argv[1], 5001)), time.monotonic() + float(sys.argv[2]), bytes(1 << 18)
while time.monotonic() < end:
    c.sendall(b)
"""


def stream(sender, receiver, address):
    """Mbit/s that arrive."""
    enter = lambda guest: ["nsenter", "-t", str(guest.process.pid), "-n", sys.executable, "-c"]
    listener = subprocess.Popen([*enter(receiver), RECEIVE], stdout=subprocess.PIPE, text=True)
    assert listener.stdout.readline() == "ready\n"
    subprocess.run([*enter(sender), SEND, address, str(SECONDS)], check=True)
    return float(listener.communicate()[0])


def throughput(host):
    group = host.group()
    kinds = {"by hand": [], "port security": host.guards(2), "port security and a security group": host.guards(2, group)}
    os.unlink(group)
    subprocess.run(["ovs-vsctl", "add-br", "br-hand", "--", "set", "bridge", "br-hand", "datapath_type=netdev"], check=True)
    guests = {}
    for bridge in (BRIDGE, "br-hand"):
        guests[bridge] = []
        for i, g in enumerate(kinds["port security"]):
            guest = host.bed.Guest(f"{bridge[-4:]}{i}", g["mac"], bridge)
            guest.do("ip", "addr", "add", f"{g['ip']}/16", "dev", "eth0")
            if bridge == BRIDGE:
                host.bed.run("ovs-vsctl", "set", "interface", guest.name, f'external_ids:attached-mac="{g["mac"]}"', f"external_ids:vm-id={uuid(i)}")
            guests[bridge].append(guest)
    told = {kind: [] for kind in kinds}
    for _ in range(7):
        for kind, guards in kinds.items():
            host.sync(guards)
            told[kind].append(stream(*guests["br-hand" if kind == "by hand" else BRIDGE], kinds["port security"][1]["ip"]))
    for guest in [*guests[BRIDGE], *guests["br-hand"]]:
        guest.end()
    subprocess.run(["ovs-vsctl", "del-br", "br-hand"], check=True)
    return told


if __name__ == "__main__":
    host = Host(sys.argv[2])
    try:
        print(json.dumps({"ports": ports, "lease": lease, "throughput": throughput}[sys.argv[1]](host)))
    finally:
        host.end()
