"""What solovirt-host does with Open vSwitch, on a real one in user space: tests for host_worker.py, in its order."""
import errno as E
import os
import subprocess
import tempfile

from worker import refused, wait_for

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


TESTS = (test_bridges,)
