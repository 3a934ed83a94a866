#!/usr/bin/env python3
"""host_worker.py PROGRAM GUEST.qcow2 [TEST...]: drives solovirt-host against a real libvirtd, as the daemon would.

Every verb once and again, other uids, other people's domains, consoles, lost connections; or the tests that are named. Needs root;
brings up a test bed of its own and takes it down. Example: tests/system/host_worker.py build/solovirt-host build/guest/guest.qcow2
"""
import base64
import errno as E
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "testbed"))
from worker import Refused, Worker as AnyWorker, alive, refused, wait_for  # noqa: E402
import host_vswitch  # noqa: E402

URI = "qemu:///system"
UID = "6f1c9c5e-0000-4000-8000-000000000001"
OTHER = "6f1c9c5e-0000-4000-8000-000000000002"
POOL, NET = "hwpool", "hwnet"
DIRECTORY = "/var/lib/libvirt/images/hwpool"
LOG = "/var/log/libvirt/qemu/hw-console.log"
NAME = "default_hw"
PLUGS = "<controller type='scsi' index='0' model='virtio-scsi'/>" + "".join(
    f"<controller type='pci' index='{i}' model='pcie-root-port'/>" for i in range(1, 13))  # for what is plugged in
ON_DOMAINS = ("domain-shutdown", "domain-destroy", "domain-remove", "domain-suspend", "domain-resume", "domain-reset",
              "domain-reboot", "domain-xml", "domain-addresses", "domain-guest-info", "domain-agent-ping")


def Worker(program, uri=URI):
    return AnyWorker([program, uri])


def virsh(*args):
    return subprocess.run(["virsh", "-q", "-c", URI, *args], check=True, capture_output=True, text=True).stdout


def net_define(xml):
    with tempfile.NamedTemporaryFile("w", suffix=".xml") as f:
        f.write(xml)
        f.flush()
        virsh("net-define", f.name)


def domain(name=NAME, uid=UID, epoch=5, disks=(), memory=128, extra=""):
    number = uid[-2:]
    rows = "".join(f"<disk type='file' device='disk'><driver name='qemu' type='{f}'/><source file='{p}'/>"
                   f"<backingStore/><target dev='vd{chr(97 + i)}' bus='virtio'/></disk>"
                   for i, (p, f) in enumerate(disks))
    return (f"<domain type='qemu'><name>{name}</name><uuid>5d307ca9-b3ef-428c-8861-06e72d69f2{number}</uuid><metadata>"
            f"<solovirt:instance xmlns:solovirt='https://solovirt.io/domain/1' uid='{uid}' namespace='default' "
            f"name='hw' epoch='{epoch}'/></metadata><memory unit='MiB'>{memory}</memory>"
            "<os><type machine='q35'>hvm</type></os>"
            "<features><acpi/><tcg><tb-cache unit='MiB'>32</tb-cache></tcg></features>"
            f"<devices>{rows}<interface type='network'><mac address='52:54:00:00:07:01'/><source network='{NET}'/>"
            f"<model type='virtio'/></interface><serial type='pty'><log file='{LOG}' append='on'/></serial>"
            f"<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>{PLUGS}{extra}</devices>"
            "</domain>")


def test_host(w):
    info = w.call("host-info")
    assert info["cpus"] > 0 and info["memoryBytes"] > 1 << 28 and info["architecture"] == "x86_64", info
    assert info["libvirtVersion"].count(".") == 2 and info["qemuVersion"].count(".") == 2, info
    assert len(info["uuid"]) == 36 and info["kernelVersion"] and info["osImage"] and info["addresses"], info
    assert len(info["processors"]) == info["cpus"] and {"id", "node", "core"} == set(info["processors"][0]), info
    everything = {"pciHostDevices": [{"pciVendorSelector": "ffff:ffff", "resourceName": "a.io/none"}]}
    for _ in range(2):
        assert w.call("device-list", permitted=everything) == {"devices": [], "problems": []}
    refused(E.EINVAL, w.call, "device-list", {})
    probe = w.call("kvm-probe")
    assert probe["reason"], probe
    refused(E.ENOSYS, w.call, "no-such-verb")
    refused(E.EINVAL, w.call, "domain-xml", {})
    return f"{info['hostname']} {info['addresses']} kvm {probe}"


def folders(w, p):
    """Directories that guests share: exactly what was asked for, whatever a guest may have left there."""
    def fill(**files):
        return w.call("folder-fill", p, folder="share", files=[
            {"path": path.replace("__", "/"), "mode": 0o640, "data": base64.b64encode(text.encode()).decode()}
            for path, text in files.items()])["path"]
    for name in ("../x", ".x", "a/b", ""):
        refused(E.EINVAL, w.call, "folder-fill", p, folder=name, files=[])
        refused(E.EINVAL, w.call, "folder-remove", p, folder=name)
    for path in ("../x", "/x", "a//b", "a/./b", "", ".part"):
        refused(E.EINVAL, w.call, "folder-fill", p, folder="share", files=[{"path": path, "mode": 0o600, "data": ""}])
    for _ in range(2):
        path = fill(a="one", b="two", c__d__e="three")
    assert path == f"{DIRECTORY}/share/files" and os.stat(f"{DIRECTORY}/share").st_mode & 0o777 == 0o700
    assert open(f"{path}/c/d/e").read() == "three" and os.stat(f"{path}/a").st_mode & 0o777 == 0o640
    immutable = "i" in subprocess.run(["lsattr", "-d", path], capture_output=True, text=True).stdout.split(" ")[0]
    if immutable:
        for name in ("a", "new", "c/new"):
            try:
                open(f"{path}/{name}", "w")
                raise AssertionError(f"{name} can be written")
            except PermissionError:
                pass
        subprocess.run(["chattr", "-R", "-i", path], check=True)
    # what a guest could do
    os.unlink(f"{path}/a"), os.symlink("/etc/hostname", f"{path}/a")
    os.unlink(f"{path}/c/d/e"), os.rmdir(f"{path}/c/d"), os.symlink("/tmp", f"{path}/c/d")
    os.makedirs(f"{path}/b.d/x/y"), os.mkdir(f"{path}/.part"), os.mkfifo(f"{path}/.part/fifo")
    os.unlink(f"{path}/b"), os.makedirs(f"{path}/b/x")
    deep = os.open(path, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d" * 200, dir_fd=deep)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = below
    os.close(deep)
    fill(a="four", b="five", c__d__e="six")
    assert sorted(os.listdir(path)) == ["a", "b", "c"] and not os.path.islink(f"{path}/c/d")
    assert [open(f"{path}/{name}").read() for name in ("a", "b", "c/d/e")] == ["four", "five", "six"]
    fill(a="seven", c="eight")
    assert sorted(os.listdir(path)) == ["a", "c"] and open(f"{path}/c").read() == "eight"
    for _ in range(2):
        w.call("folder-remove", p, folder="share")
    assert not os.path.exists(f"{DIRECTORY}/share")


def test_pool_and_volumes(w, guest):
    for _ in range(2):
        w.call("pool-ensure", pool=POOL, path=DIRECTORY)
    refused(E.EEXIST, w.call, "pool-ensure", pool=POOL, path="/elsewhere")
    assert virsh("pool-info", POOL).count("yes") == 2
    p = {"pool": POOL}
    assert w.call("volume-list", p)["volumes"] == []
    refused(E.ENOENT, w.call, "volume-list", pool="none")
    for name in ("../x", ".x", "a/b", ""):
        refused(E.EINVAL, w.call, "volume-create", p, volume=name, capacity=1 << 20, format="raw")
    refused(E.EINVAL, w.call, "volume-create", p, volume="a", capacity=1 << 20, format="vmdk")
    refused(E.EINVAL, w.call, "volume-create", p, volume="a", capacity=0, format="raw")
    for _ in range(2):
        v = w.call("volume-create", p, volume="a", capacity=8 << 20, format="raw", preallocate=False)
        assert v["capacity"] == 8 << 20 and v["allocation"] == 0 and v["format"] == "raw", v
    assert os.stat(v["path"]).st_mode & 0o777 == 0o600
    assert w.call("volume-create", p, volume="a", capacity=1 << 20, format="raw")["capacity"] == 8 << 20
    refused(E.EEXIST, w.call, "volume-create", p, volume="a", capacity=9 << 20, format="raw")
    refused(E.EEXIST, w.call, "volume-create", p, volume="a", capacity=8 << 20, format="qcow2")
    v = w.call("volume-create", p, volume="full", capacity=4 << 20, format="raw", preallocate=True)
    assert v["allocation"] >= 4 << 20, v
    v = w.call("volume-create", p, volume="q", capacity=64 << 20, format="qcow2")
    assert v["format"] == "qcow2" and v["capacity"] == 64 << 20, v
    # one that lies over another one: as large, and never in its place
    base = w.call("volume-create", p, volume="base", capacity=8 << 20, format="raw")["path"]
    for _ in range(2):
        v = w.call("volume-create", p, volume="over", format="qcow2", backing=base)
        assert v["format"] == "qcow2" and v["capacity"] == 8 << 20, v
    assert f"<path>{base}</path>" in virsh("vol-dumpxml", "--pool", POOL, "over")
    refused(E.EINVAL, w.call, "volume-create", p, volume="over2", format="raw", backing=base)
    refused(E.EINVAL, w.call, "volume-create", p, volume="over2", format="qcow2", backing=base, capacity=1 << 20)
    for name in ("over", "base"):
        w.call("volume-delete", p, volume=name)
    # before anything is reserved: whoever else writes to this disk would find it full for a moment
    told = refused(E.ENOSPC, w.call, "volume-create", p, volume="huge", capacity=8 << 40, format="raw", preallocate=True)
    assert "is to have 8796093022208 bytes reserved" in told, told
    assert not os.path.exists(f"{DIRECTORY}/huge")
    for size, now in ((16 << 20, 16 << 20), (16 << 20, 16 << 20), (1 << 20, 16 << 20)):
        assert w.call("volume-resize", p, volume="a", capacity=size)["capacity"] == now
    assert w.call("volume-resize", p, volume="q", format="qcow2", capacity=128 << 20)["capacity"] == 128 << 20
    refused(E.ENOENT, w.call, "volume-resize", p, volume="none", capacity=1 << 20)
    # a file that libvirt has not seen
    with open(f"{DIRECTORY}/unseen", "wb") as f:
        f.truncate(1 << 20)
    assert w.call("volume-create", p, volume="unseen", capacity=1 << 20, format="raw")["capacity"] == 1 << 20
    with open(f"{DIRECTORY}/unseen2", "wb") as f:
        f.truncate(1 << 20)
    w.call("volume-delete", p, volume="unseen2")
    assert not os.path.exists(f"{DIRECTORY}/unseen2")
    # a file that libvirt has seen and that is gone
    os.unlink(f"{DIRECTORY}/unseen")
    for name in ("unseen", "a", "a", "full", "q", "never"):
        w.call("volume-delete", p, volume=name)
    assert w.call("volume-list", p)["volumes"] == []
    # upload: data, a hole, data; twice, the second one shorter
    with tempfile.TemporaryFile() as f:
        f.write(b"head")
        f.truncate(6 << 20)
        f.seek(5 << 20)
        f.write(b"tail")
        f.flush()
        for _ in range(2):
            v = w.call("volume-upload", p, fd=f.fileno(), volume="seed", format="raw")
            assert v["capacity"] == 6 << 20 and v["allocation"] < 1 << 20, v
            f.seek(0)
            assert open(v["path"], "rb").read() == f.read()
        f.truncate(100)
        assert w.call("volume-upload", p, fd=f.fileno(), volume="seed", format="raw")["capacity"] == 100
    refused(E.EINVAL, w.call, "volume-upload", p, volume="seed", format="raw")
    r, x = os.pipe()
    refused(E.EINVAL, w.call, "volume-upload", p, fd=r, volume="seed", format="raw")
    os.close(r), os.close(x)
    w.call("volume-delete", p, volume="seed")
    folders(w, p)
    # the guest's disk for what follows
    subprocess.run(["cp", guest, f"{DIRECTORY}/root"], check=True)
    (v,) = w.call("volume-list", p)["volumes"]
    assert v["volume"] == "root" and v["format"] == "qcow2", v
    # many lanes at once
    small = {**p, "capacity": 1 << 20, "format": "raw"}
    numbers = [w.post("volume-create", {**small, "volume": f"m{i}"}) for i in range(24)]
    assert {w.wait(n)["volume"] for n in numbers} == {f"m{i}" for i in range(24)}
    for n in [w.post("volume-delete", {**p, "volume": f"m{i}"}) for i in range(24)]:
        w.wait(n)
    # libvirt refuses to look at the pool while it makes a volume
    numbers, large = [], {**p, "capacity": 32 << 20, "format": "qcow2", "preallocate": True}
    for i in range(12):
        numbers.append(w.post("volume-create", {**large, "volume": f"m{i}"}))
        numbers.append(w.post("volume-delete", {**p, "volume": f"never{i}"}))
        numbers.append(w.post("volume-list", p))
    for n in numbers:
        w.wait(n)
    for n in [w.post("volume-delete", {**p, "volume": f"m{i}"}) for i in range(12)]:
        w.wait(n)


def kill_dnsmasq():
    pid = int(open(f"/run/libvirt/network/{NET}.pid").read())
    os.kill(pid, signal.SIGKILL)
    wait_for("the end of dnsmasq", 10, lambda: not alive(pid))


def test_network(w):
    n = {"network": NET}
    ensure = lambda: w.call("network-ensure", n, bridge="hwbr0", cidr="192.168.78.0/24")
    refused(E.ENOENT, w.call, "network-host-list", n)
    for cidr in ("192.168.78", "192.168.78.0/33", "x/24", "192.168.78.0/24x"):
        refused(E.EINVAL, w.call, "network-ensure", n, bridge="hwbr0", cidr=cidr)
    for number in [w.post("network-ensure", {**n, "bridge": "hwbr0", "cidr": "192.168.78.0/24"}) for _ in range(4)]:
        w.wait(number)
    refused(E.EEXIST, w.call, "network-ensure", n, bridge="hwbr1", cidr="192.168.78.0/24")
    refused(E.EEXIST, w.call, "network-ensure", n, bridge="hwbr0", cidr="192.168.79.0/24")
    hosts = lambda: sorted((h["mac"], h["ip"], h["name"]) for h in w.call("network-host-list", n)["hosts"])
    folder = f"/var/lib/libvirt/dnsmasq/{NET}.solovirt"
    files = lambda: sorted(os.listdir(folder))
    a, b = "52:54:00:00:07:01", "52:54:00:00:07:02"
    for _ in range(2):
        w.call("network-host-set", n, mac=a, ip="192.168.78.11", name="hw")
        assert hosts() == [(a, "192.168.78.11", "hw")]
    w.call("network-host-set", n, mac=a, ip="192.168.78.12", name="hw")
    w.call("network-host-set", n, mac=b, ip="192.168.78.12", name="other")
    assert hosts() == [(b, "192.168.78.12", "other")]
    w.call("network-host-set", n, mac=a, ip="192.168.78.11", name="other")
    assert hosts() == [(a, "192.168.78.11", "other"), (b, "192.168.78.12", "other")]
    w.call("network-host-remove", n, mac=a, ip="192.168.78.12")
    assert len(hosts()) == 2
    for _ in range(2):
        w.call("network-host-remove", n, mac=b, ip="192.168.78.12")
    w.call("network-host-set", n, mac=a, ip="192.168.78.11", name="hw")
    assert files() == [f"{a}_192.168.78.11"] and hosts() == [(a, "192.168.78.11", "hw")]
    assert "<range" not in virsh("net-dumpxml", NET)
    # what is no address makes no file; a name that dnsmasq would take for an order is left out
    refused(E.EINVAL, w.call, "network-host-set", n, mac="../x", ip="192.168.78.14", name="x")
    refused(E.EINVAL, w.call, "network-host-set", n, mac=b, ip="192.168.78.14/../x", name="x")
    w.call("network-host-set", n, mac=b, ip="192.168.78.14", name="ignore")
    assert hosts()[1] == (b, "192.168.78.14", "")
    # a network that does not run is started; an entry that was lost or spoiled is written again
    virsh("net-destroy", NET)
    w.call("network-host-set", n, mac=b, ip="192.168.78.13", name="b")
    assert len(hosts()) == 2
    open(f"{folder}/{b}_192.168.78.13", "w").close()
    assert len(hosts()) == 1
    w.call("network-host-set", n, mac=b, ip="192.168.78.13", name="b")
    assert len(hosts()) == 2
    w.call("network-host-remove", n, mac=b, ip="192.168.78.13")
    # a network whose definition names no files is told through libvirt
    virsh("net-destroy", NET)
    virsh("net-undefine", NET)
    net_define(f"<network><name>{NET}</name><forward mode='nat'/><bridge name='hwbr0'/>"
             "<ip address='192.168.78.1' prefix='24'><dhcp/></ip></network>")
    both = lambda: [virsh("net-dumpxml", NET), virsh("net-dumpxml", NET, "--inactive")]
    w.call("network-host-set", n, mac=b, ip="192.168.78.13", name="b")
    assert hosts() == [(b, "192.168.78.13", "b")] and all(x.count("<host ") == 1 for x in both())
    kill_dnsmasq()
    assert "DHCP server" in ensure()["mended"] and ensure() == {}
    assert hosts() == [(b, "192.168.78.13", "b")] and all(x.count("<host ") == 1 for x in both())
    w.call("network-host-remove", n, mac=b, ip="192.168.78.13")
    assert all("<host " not in x for x in both())
    virsh("net-destroy", NET)
    virsh("net-undefine", NET)
    assert "was not active" in ensure()["mended"] and ensure() == {}
    assert files() == [f"{a}_192.168.78.11"]
    # what dies while it is in use is started again, and tells
    kill_dnsmasq()
    assert "DHCP server" in ensure()["mended"] and ensure() == {}
    virsh("net-destroy", NET)
    assert "was not active" in ensure()["mended"] and ensure() == {}
    assert files() == [f"{a}_192.168.78.11"] and len(hosts()) == 1


def console(w, name=NAME, uid=UID):
    ours, theirs = socket.socketpair()
    try:
        w.call("console", name=name, uid=uid, fd=theirs.fileno())
    finally:
        theirs.close()
    return ours


def until(stream, text, seconds=20):
    data, end = b"", time.monotonic() + seconds
    while text not in data:
        ready, _, _ = select.select([stream], [], [], max(0, end - time.monotonic()))
        assert ready, data
        piece = stream.recv(65536)
        assert piece, data
        data += piece
    return data


def ended(stream, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ready, _, _ = select.select([stream], [], [], max(0, end - time.monotonic()))
        if ready and not stream.recv(65536):
            return True
    return False


def test_domain(w):
    me, other = {"name": NAME, "uid": UID}, {"name": NAME, "uid": OTHER}
    root = [(f"{DIRECTORY}/root", "qcow2")]
    for verb in ("domain-shutdown", "domain-suspend", "domain-resume", "domain-reset", "domain-reboot", "domain-xml",
                 "domain-addresses", "domain-guest-info"):
        refused(E.ENOENT, w.call, verb, me)
    for verb in ("domain-destroy", "domain-remove"):
        assert w.call(verb, me) == {}
    # what cannot start leaves nothing
    refused(E.EINVAL, w.call, "domain-start", me, xml="<domain", paused=False)
    refused(E.EINVAL, w.call, "domain-start", me, xml=domain(uid=OTHER), paused=False)
    absent = ("<hostdev mode='subsystem' type='pci'><source><address domain='0' bus='0xfe' slot='1' function='0'/>"
              "</source></hostdev>")
    text = refused(E.EIO, w.call, "domain-start", me, xml=domain(disks=root, extra=absent), paused=False)
    print("  ", text)
    assert NAME not in virsh("list", "--all", "--name")
    d = w.call("domain-start", me, xml=domain(disks=root), paused=True)
    assert (d["state"], d["uid"], d["vmi"], d["namespace"], d["epoch"]) == ("paused", UID, "hw", "default", 5), d
    w.event(name=NAME, event="started")
    assert w.call("domain-start", me, xml=domain(disks=root), paused=False)["id"] == d["id"]
    for _ in range(2):
        w.call("domain-resume", me)
    w.event(name=NAME, event="resumed", state="running")
    for _ in range(2):
        w.call("domain-suspend", me)
    assert w.call("domain-list")["domains"][0]["state"] == "paused"
    w.call("domain-resume", me)
    # where it may run; one that has processors for itself would be left alone
    pins = lambda: {virsh(*what, NAME).split()[-1] for what in (("vcpupin",), ("emulatorpin",))}
    everywhere = pins()
    for _ in range(2):
        assert w.call("cpus-share", cpus="0") == {}
        assert pins() == {"0"}, pins()
    refused(E.EINVAL, w.call, "cpus-share", cpus="0-")
    assert w.call("cpus-share", cpus="") == {} and pins() == everywhere
    # not for others
    for verb in ON_DOMAINS:
        refused(E.ESTALE, w.call, verb, other)
    refused(E.EEXIST, w.call, "domain-start", other, xml=domain(uid=OTHER, disks=root), paused=False)
    refused(E.ESTALE, w.call, "domain-start", me, xml=domain(epoch=4, disks=root), paused=False)
    refused(E.EBUSY, w.call, "domain-remove", me)
    assert f'uid="{UID}"' in w.call("domain-xml", me)["xml"]
    # the guest and its agent
    refused(E.ENOTCONN, w.call, "domain-addresses", me)
    w.event(name=NAME, connected=True, seconds=90)
    interfaces = lambda: w.call("domain-addresses", me)["interfaces"]
    wait_for("address", 20, lambda: any("192.168.78.11" in i["ips"] for i in interfaces()))
    os_info = w.call("domain-guest-info", me)["os"]
    assert "kernelRelease" in os_info, os_info
    print("  ", interfaces(), os_info)
    text = w.call("log-read", path=LOG, limit=100000)["text"]
    assert "TB-IP eth0 192.168.78.11/24" in text, text
    assert w.call("log-read", path=LOG, limit=10)["text"] == w.call("log-read", path=LOG, limit=100000)["text"][-10:]
    test_agent(w, me, other)
    test_update(w, me, other)
    test_dump(w, me, other)
    test_console(w)
    w.call("domain-reset", me)
    for _ in range(2):
        w.call("domain-destroy", me)
    assert w.event(name=NAME, event="stopped")["args"]["reason"] == "destroyed"
    for verb in ("domain-suspend", "domain-reset", "domain-reboot", "domain-addresses", "domain-resume"):
        refused(E.EBUSY, w.call, verb, me)
    refused(E.ENOENT, w.call, "domain-update", me, **update(xml=live()))
    refused(E.ENOENT, w.call, "domain-dump", me, path=f"{DIRECTORY}/dump", id="3")
    assert w.call("domain-shutdown", me) == {}
    # a stopped one is defined anew, by another uid and a newer epoch too, but not by an older one
    refused(E.ESTALE, w.call, "domain-start", other, xml=domain(uid=OTHER, epoch=4, disks=root), paused=False)
    d = w.call("domain-start", other, xml=domain(uid=OTHER, epoch=6, disks=root), paused=False)
    assert d["uid"] == OTHER and d["state"] == "running" and d["reason"] == "booted", d
    w.event(name=NAME, connected=True, seconds=90)
    for _ in range(2):
        w.call("domain-shutdown", other)
    assert w.event(name=NAME, event="stopped", seconds=60)["args"]["reason"] == "shutdown"
    for _ in range(2):
        w.call("domain-remove", other)
    w.event(name=NAME, event="undefined", uid=OTHER)
    for _ in range(2):
        w.call("log-remove", path=LOG)
    assert not os.path.exists(LOG)


def test_agent(w, me, other):
    """What the guest's agent does when it is told to."""
    for verb, args in (("domain-agent-exec", {"command": ["/bin/true"]}), ("domain-agent-exec-result", {"pid": 1}),
                       ("domain-keys-set", {"user": "root", "keys": []}),
                       ("domain-password-set", {"user": "root", "password": "secret"})):
        refused(E.ESTALE, w.call, verb, other, **args)
        refused(E.EINVAL, w.call, verb, me)
    for _ in range(2):
        assert w.call("domain-agent-ping", me) == {}
    for command, code in ((["/bin/sh", "-c", "exit 7"], 7), (["/bin/true"], 0), (["/bin/sh", "-c", "kill -9 $$"], -1)):
        pid = w.call("domain-agent-exec", me, command=command)["pid"]
        ends = []
        wait_for("the end of a program", 20, lambda: ends.append(w.call("domain-agent-exec-result", me, pid=pid)) or ends[-1]["exited"])
        assert ends[-1]["exitCode"] == code, (command, ends[-1])
    for keys in (["ssh-ed25519 AAAAfirst a@b"], ["ssh-ed25519 AAAAsecond a@b"], ["ssh-ed25519 AAAAsecond a@b"]):
        w.call("domain-keys-set", me, user="root", keys=keys)
    w.call("domain-password-set", me, user="root", password="secret")


def live(disks=(), interfaces=()):
    """What domain_live_xml_format() makes: disks and interfaces that may come and go."""
    rows = "".join(f"<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{path}'/>"
                   f"<target dev='sda' bus='scsi'/><alias name='ua-{name}'/></disk>" for name, path in disks)
    rows += "".join(f"<interface type='network'><mac address='{mac}'/><source network='{NET}'/><model type='virtio'/>"
                    f"<alias name='ua-{name}'/></interface>" for name, mac in interfaces)
    return (f"<domain type='qemu'><metadata><solovirt:instance xmlns:solovirt='https://solovirt.io/domain/1' uid='{UID}' "
            f"namespace='default' name='hw' epoch='5'/></metadata><devices>{rows}</devices></domain>")


def update(xml, disks=(), interfaces=()):
    return {"xml": xml, "vcpus": 1, "memory": 128 << 20, "disks": list(disks), "interfaces": list(interfaces)}


def test_update(w, me, other):
    """Disks and cards come and go while the guest runs; what is there already is left alone."""
    p, mac = {"pool": POOL}, "52:54:00:00:07:09"
    path = w.call("volume-create", p, volume="plugged", capacity=8 << 20, format="raw")["path"]
    nothing, both = update(live()), update(live([("more", path)], [("lan", mac)]), ["more"], [{"name": "lan", "up": True}])
    refused(E.ESTALE, w.call, "domain-update", other, **nothing)
    refused(E.EINVAL, w.call, "domain-update", me, xml=live())
    before = w.call("domain-update", me, **nothing)
    assert (before["vcpus"], before["memory"]["boot"], before["disks"], before["interfaces"], before["problems"]) == (1, 128 << 20, [], [], []), before
    for _ in range(2):
        told = w.call("domain-update", me, **both)
        assert told["problems"] == [], told
        assert told["disks"] == [{"name": "more", "target": "sda", "source": path}], told
        assert told["interfaces"] == [{"name": "lan", "up": True}], told
    assert mac in virsh("domiflist", NAME)
    both["interfaces"][0]["up"] = False
    assert w.call("domain-update", me, **both)["interfaces"] == [{"name": "lan", "up": False}]
    told = w.call("domain-update", me, **{**both, "vcpus": 2})
    assert [one["what"] for one in told["problems"]] == ["processors"] and told["vcpus"] == 1, told
    absent = update(live([("more", path), ("never", f"{DIRECTORY}/never")], [("lan", mac)]), ["more", "never"], both["interfaces"])
    told = w.call("domain-update", me, **absent)
    assert [one["what"] for one in told["problems"]] == ["disk never"] and len(told["disks"]) == 1, told
    def gone():
        told = w.call("domain-update", me, **nothing)
        return told["disks"] == [] and told["interfaces"] == []
    wait_for("the guest to let go", 30, gone)
    assert gone() and mac not in virsh("domiflist", NAME)
    w.call("volume-delete", p, volume="plugged")


def test_dump(w, me, other):
    """The guest's memory in a file, while other calls are served."""
    path = f"{DIRECTORY}/dump"
    refused(E.ESTALE, w.call, "domain-dump", other, path=path, id="1")
    refused(E.EINVAL, w.call, "domain-dump", me, path=path)
    assert w.call("domain-dump", me, path=path, id="1")["state"] == "running"
    wait_for("the dump", 60, lambda: w.call("domain-dump", me, path=path, id="1")["state"] == "done")
    assert open(path, "rb").read(4) == b"\x7fELF" and os.stat(path).st_size > 128 << 20
    os.unlink(path)
    assert w.call("domain-dump", me, path=path, id="1")["state"] == "done" and not os.path.exists(path)
    assert w.call("domain-dump", me, path="/nonexistent/dump", id="2")["state"] == "running"
    def failed():
        try:
            return w.call("domain-dump", me, path="/nonexistent/dump", id="2")["state"] == "done"
        except Refused as error:
            return error.code == E.ENOENT and "/nonexistent/dump" in error.text
    wait_for("the reason", 60, failed)
    assert w.call("domain-list")["domains"][0]["state"] == "running"


def test_what_is_kept(w):
    """UEFI variables and a TPM's state that outlive their domain, until they are to be forgotten."""
    uuid, nvram = "5d307ca9-b3ef-428c-8861-06e72d69f223", "/var/lib/libvirt/qemu/nvram/default_kept_kept_VARS.fd"
    tpm = f"/var/lib/libvirt/swtpm/{uuid}"
    os.makedirs(os.path.dirname(nvram), exist_ok=True)
    os.makedirs(tpm)
    with open(nvram, "wb") as f:
        f.write(b"variables")
    for _ in range(2):
        w.call("domain-forget", name="default_kept", uuid=uuid)
        assert not os.path.exists(nvram) and not os.path.exists(tpm)
        assert virsh("list", "--all", "--name").strip() == ""
    refused(E.EINVAL, w.call, "domain-forget", name="default_kept")


def test_console(w):
    refused(E.EINVAL, w.call, "console", name=NAME, uid=UID)
    r, x = socket.socketpair()
    refused(E.ESTALE, w.call, "console", name=NAME, uid=OTHER, fd=x.fileno())
    x.close()
    assert ended(r)
    one = console(w)
    one.sendall(b"\necho con''sole-$((6*7))\n")
    until(one, b"console-42")
    two = console(w)                       # takes it over
    assert ended(one)
    two.sendall(b"echo sec''ond-$((6*7))\n")
    until(two, b"second-42")
    two.close()                            # the client's end
    three = console(w)
    three.sendall(b"seq 1 20000 | tr '\\n' ' '; echo fl''ood-done\n")
    time.sleep(1)                          # a client that does not read for a while
    assert w.call("domain-list")["domains"]
    until(three, b"flood-done", 60)
    for _ in range(2000):                  # opened and dropped, as fast as it goes
        console(w).close()
    four = console(w)
    four.sendall(b"\necho af''ter-all\n")
    until(four, b"after-all")
    w.call("domain-destroy", name=NAME, uid=UID)
    assert ended(four)                     # the guest's end
    w.event(name=NAME, event="stopped")
    w.call("domain-start", name=NAME, uid=UID, xml=domain(disks=[(f"{DIRECTORY}/root", "qcow2")]), paused=False)
    w.event(name=NAME, event="started")


def test_foreign(w):
    """A domain that is not ours is not listed, not touched, not told of."""
    xml = domain(name="foreign").replace("https://solovirt.io/domain/1", "https://example.org/x")
    with tempfile.NamedTemporaryFile("w") as f:
        f.write(xml)
        f.flush()
        virsh("define", f.name)
    virsh("start", "foreign")
    f = {"name": "foreign", "uid": UID}
    for verb in ON_DOMAINS:
        if verb != "domain-remove":
            refused(E.EACCES, w.call, verb, f)
    assert w.call("domain-remove", f) == {}    # the one that was asked for is not there
    refused(E.EEXIST, w.call, "domain-start", f, xml=domain(name="foreign"), paused=False)
    assert w.call("domain-list")["domains"] == []
    assert virsh("domstate", "foreign").strip() == "running"
    virsh("destroy", "foreign")
    virsh("undefine", "foreign")
    time.sleep(0.5)
    assert not [e for e in w.events if e["args"].get("name") == "foreign"], w.events


def test_logs(w):
    for path in ("/etc/passwd", "/var/log/libvirt/", "/var/log/libvirtx", "relative"):
        refused(E.EINVAL, w.call, "log-read", path=path, limit=10)
        refused(E.EINVAL, w.call, "log-remove", path=path)
    assert w.call("log-read", path="/var/log/libvirt/../../../etc/passwd", limit=100)["text"] == ""
    os.symlink("/etc/passwd", "/var/log/libvirt/hw-link")
    assert w.call("log-read", path="/var/log/libvirt/hw-link", limit=100)["text"] == ""
    os.unlink("/var/log/libvirt/hw-link")
    try:
        w.call("log-remove", path="/var/log/libvirt/../../../etc/passwd")
    except Refused:
        pass
    assert os.path.exists("/etc/passwd")
    with open("/var/log/libvirt/hw.log", "wb") as f:
        f.write(b"new \xff\0\xe2\x82\xac!")
    with open("/var/log/libvirt/hw.log.0", "wb") as f:
        f.write(b"old ")
    path = {"path": "/var/log/libvirt/hw.log"}
    assert w.call("log-read", path, limit=100)["text"] == "old new \ufffd\ufffd\u20ac!"
    assert w.call("log-read", path, limit=2)["text"] == "!"
    assert w.call("log-read", path, limit=0)["text"] == ""
    w.call("log-remove", path)
    assert not os.path.exists("/var/log/libvirt/hw.log.0")
    assert w.call("log-read", path, limit=100)["text"] == ""


def test_ends(program):
    """The daemon's end, a libvirtd that is not there, one that goes."""
    w = Worker(program)
    w.call("host-info")
    assert w.end() == 0 and w.process.stderr.read() == ""
    w = Worker(program, "qemu+unix:///system?socket=/nonexistent")
    assert w.process.wait(20) == 1
    text = w.process.stderr.read()
    assert text.startswith("solovirt-host: cannot reach libvirt at ") and text.count("\n") == 1, text
    print("  ", text.strip())
    w = Worker(program)
    w.call("host-info")
    w.socket.sendall(b"garbage!" * 4)
    assert w.process.wait(20) == 1
    print("  ", w.process.stderr.read().strip())
    # a libvirtd that ends, and one that hangs
    deaths = (signal.SIGKILL, "libvirtd ended", 5), (signal.SIGSTOP, "libvirtd does not answer", 30)
    for number, word, seconds in deaths:
        w = Worker(program)
        w.call("host-info")
        pid = int(open("/run/libvirtd.pid").read())
        os.kill(pid, number)
        start = time.monotonic()
        assert w.process.wait(seconds) == 1
        text = w.process.stderr.read()
        assert word in text and text.count("\n") == 1, text
        print(f"   after {time.monotonic() - start:.1f} s {text.strip()}")
        if number == signal.SIGKILL:
            subprocess.run(["libvirtd", "-d", "-l"], check=True)
        else:
            os.kill(pid, signal.SIGCONT)
        version = ["virsh", "-c", URI, "version"]
        wait_for("libvirtd", 20, lambda: subprocess.run(version, capture_output=True).returncode == 0)


def in_test_bed(program, guest):
    """Runs this file again on a host of a test bed, and takes the bed down."""
    here = os.path.dirname(os.path.abspath(__file__))
    with tempfile.TemporaryDirectory(prefix="hw", dir="/tmp") as directory:
        bed = [os.path.join(here, "../testbed/testbed.sh"), directory]
        environment = {**os.environ, "P": "hw" + directory[-3:].replace("_", "x"), "NET": "10.96.0", "IN_TEST_BED": "1"}
        try:
            subprocess.run([*bed, "up", "1"], check=True, env=environment)
            again = [sys.executable, os.path.abspath(__file__), program, guest, *sys.argv[3:]]
            return subprocess.run([*bed, "in", "1", *again], env=environment).returncode
        finally:
            subprocess.run([*bed, "down"], env=environment)


def main():
    program, guest = map(os.path.abspath, sys.argv[1:3])
    if "IN_TEST_BED" not in os.environ:
        sys.exit(in_test_bed(program, guest))
    os.makedirs(os.path.dirname(LOG), exist_ok=True)  # Debian's package has it
    w = Worker(program)
    tests = ((test_host, ()), (test_logs, ()), (test_pool_and_volumes, (guest,)), (test_network, ()),
             (test_foreign, ()), (test_what_is_kept, ()), (test_domain, ()), *((test, ()) for test in host_vswitch.TESTS))
    chosen = sys.argv[3:]
    for test, args in tests:
        if chosen and test.__name__ not in chosen:
            continue
        start = time.monotonic()
        print(test.__name__, flush=True)
        try:
            said = test(w, *args)
        except BaseException:
            w.process.kill()
            print(w.process.stderr.read())
            raise
        print(f"   ok {time.monotonic() - start:.1f} s {said or ''}", flush=True)
    assert w.end() == 0
    assert w.process.stderr.read() == ""
    if not chosen or "test_ends" in chosen:
        test_ends(program)
    print("all passed")


if __name__ == "__main__":
    main()
