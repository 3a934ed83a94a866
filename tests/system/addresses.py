#!/usr/bin/env python3
"""addresses.py: machines of a Subnet with room for hardly more (1,000 in a /22, 250 in a /24) come and go in random order,
through the spool, while the daemon is killed again and again.  Runs on the host of a test bed, beside the daemon of a scenario.

  --build DIR  --directory DIR   of the daemon's spool, state ...   --log FILE
  --machines N  --rounds N  --seed S  --patience N

A round: machines are dropped and lifted, the daemon is killed with -9 at some moment of it and at times once more while it
starts; files change on while it is dead.  Then all of these must agree, exactly: the spool's files, the machines and their
instances, IP objects, the ledger (table address of the store, read from the file), the DHCP server's files, and what the
Subnet counts.  At every look, agreement or not: no address and no MAC twice in any of them.  A machine that was not deleted
keeps its address; one with a reserved IP has that one every time; who is deleted leaves nothing.

Most machines name a disk that does not exist, so that their start ends behind the ledger and the DHCP server and before
libvirt: as many QEMUs would be a test of QEMU.  Some run (paused).
"""
import argparse
import collections
import contextlib
import glob
import http.client
import ipaddress
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time

RUNNING = 8                # of them run for real
RESERVED = 8                # have an IP object that keeps an address for them
GATEWAY = "10.8.0.1"
SEGMENT = "bridge br-wide.300"
AGREE = 60                  # seconds, times patience, until all agrees
PROVIDER = "wide.default.ovn"
WIRE = """apiVersion: kubeovn.io/v1
kind: ProviderNetwork
metadata: {{name: wide}}
spec: {{defaultInterface: wide0}}
---
apiVersion: kubeovn.io/v1
kind: Vlan
metadata: {{name: wide}}
spec: {{id: 300, provider: wide}}
---
apiVersion: kubeovn.io/v1
kind: Subnet
metadata: {{name: wide}}
spec: {{cidrBlock: {cidr}, gateway: {gateway}, vlan: wide, provider: {provider}, enableDHCP: true}}
---
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {{name: wide}}
spec: {{config: '{{"type": "kube-ovn", "provider": "{provider}"}}'}}
"""
MACHINE = """apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {{name: {name}}}
spec:
  runStrategy: Once
  template:
    spec:
      startStrategy: Paused
      terminationGracePeriodSeconds: 0
      domain:
        memory: {{guest: 32Mi}}
        devices: {{{disks}interfaces: [{{name: wide, bridge: {{}}}}]}}
      networks: [{{name: wide, multus: {{networkName: wide}}}}]
"""
NOWHERE = "      volumes: [{name: nowhere, hostDisk: {path: /nowhere/disk.img, type: Disk}}]\n"
KEPT = """apiVersion: kubeovn.io/v1
kind: IP
metadata: {{name: {name}.default.{provider}}}
spec: {{podName: {name}, namespace: default, podType: VirtualMachine, subnet: wide, v4IpAddress: {ip}}}
"""


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def twice(values):
    return [value for value, count in collections.Counter(values).items() if count > 1]


class Daemon:
    def __init__(self, options):
        self.options, self.dir = options, options.directory
        with open(f"{self.dir}/pid") as f:
            self.pid = int(f.read())

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        while os.path.exists(f"/proc/{self.pid}/exe"):
            time.sleep(0.005)

    def start(self):
        with open(self.options.log, "ab") as log:
            process = subprocess.Popen([f"{self.options.build}/solovirtd", "--config", f"{self.dir}/solovirtd.yaml"],
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.pid = process.pid
        with open(f"{self.dir}/pid", "w") as f:
            f.write(str(self.pid))

    def get(self, path):
        connection = Connection(f"{self.dir}/run/sock")
        with contextlib.closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            tree = json.loads(answer.read())
        if answer.status != 200:
            raise RuntimeError(f"GET {path}: {tree}")
        return tree

    def items(self, group, kind):
        return {item["metadata"]["name"]: item for item in self.get(f"/apis/{group}/v1/{kind}")["items"]}

    def ledger(self):
        """owner -> (ip, mac, released), as it is on disk at this moment."""
        copy = f"{self.dir}/ledger.db"
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(copy + suffix)
        for suffix in ("", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(f"{self.dir}/state/solovirt.db{suffix}", copy + suffix)
        with contextlib.closing(sqlite3.connect(copy)) as base:
            rows = base.execute("SELECT owner, ip, mac, released FROM address WHERE network = ?", (SEGMENT,)).fetchall()
        return {owner: (ip, mac, released) for owner, ip, mac, released in rows}


class World:
    def __init__(self, options):
        self.options, self.daemon, self.rng = options, Daemon(options), random.Random(options.seed)
        self.spool = f"{options.directory}/spool"
        self.cidr = ipaddress.ip_network("10.8.0.0/24" if options.machines <= 250 else "10.8.0.0/22")
        self.names = [f"m{i:04}" for i in range(options.machines)]
        self.real = set(self.rng.sample(self.names, RUNNING))
        addresses = [str(a) for a in list(self.cidr.hosts())[100:]]
        self.kept = dict(zip(self.rng.sample(self.names, RESERVED), self.rng.sample(addresses, RESERVED)))
        self.wanted, self.waiting = set(), self.names[:]
        self.rng.shuffle(self.waiting)
        self.had = {}           # name -> (ip, mac) of a machine that was not deleted since
        self.made = self.gone = self.kills = 0

    # --- changes

    def put(self, file, text):
        with open(f"{self.spool}/.{file}.new", "w") as f:
            f.write(text)
        os.rename(f"{self.spool}/.{file}.new", f"{self.spool}/{file}")

    def make(self, name):
        disks = "" if name in self.real else "disks: [{name: nowhere, disk: {bus: virtio}}], "
        self.put(f"{name}.yaml", MACHINE.format(name=name, disks=disks) + ("" if name in self.real else NOWHERE))
        self.wanted.add(name)
        self.made += 1

    def drop(self, name):
        os.unlink(f"{self.spool}/{name}.yaml")
        self.wanted.discard(name)
        self.had.pop(name, None)
        self.gone += 1

    def change(self, made, dropped):
        """So many of each, in random order; who was deleted comes back later."""
        steps = [self.make] * made + [self.drop] * dropped
        self.rng.shuffle(steps)
        for step in steps:
            if step == self.make and self.waiting:
                self.make(self.waiting.pop())
            elif self.wanted:
                name = self.rng.choice(sorted(self.wanted))
                self.drop(name)
                self.waiting.insert(self.rng.randrange(len(self.waiting) // 2 + 1), name)

    def kill(self):
        self.daemon.kill()
        self.kills += 1
        self.judge(self.daemon.ledger())

    def round(self, made, dropped):
        """Changes before, while and after it is killed."""
        before = self.rng.random()
        self.change(int(made * before), int(dropped * before))
        time.sleep(self.rng.random() * self.rng.choice([0.2, 1, 3]))    # the moment of the kill is what is tried
        self.kill()
        self.change(made - int(made * before), dropped - int(dropped * before))
        self.daemon.start()
        if self.rng.random() < 0.4:
            time.sleep(self.rng.random())
            self.kill()
            self.daemon.start()

    # --- what must be so

    def judge(self, ledger):
        """What may not be at any time."""
        for column in (0, 1):
            if found := twice([entry[column] for entry in ledger.values() if entry[column]]):
                raise AssertionError(f"the ledger has {found} twice")
        for owner, (ip, _, _) in ledger.items():
            assert ip != GATEWAY and ipaddress.ip_address(ip) in self.cidr, f"the ledger gives {ip} to {owner}"

    def look(self):
        """What does not agree, a sentence each."""
        d = self.daemon
        ledger = d.ledger()
        self.judge(ledger)
        used = {owner: entry[:2] for owner, entry in ledger.items() if entry[2] == 0}
        # an instance's own entry, or what is kept for it while it has none
        entries = {owner.split("/")[1]: entry for owner, entry in used.items() if owner.startswith("default/")}
        reserved = {f"ip/{name}.default.{PROVIDER}" for name in self.kept if name not in self.wanted}
        servers = {owner for owner in used if owner.startswith("dhcp/")}
        wrong = list(differ("ledger", self.wanted, entries))
        wrong += differ("other entries of the ledger", reserved | servers, {o for o in used if not o.startswith("default/")})
        if wrong:
            return wrong
        wrong += differ("machines", self.wanted, d.items("kubevirt.io", "virtualmachines"))
        instances = d.items("kubevirt.io", "virtualmachineinstances")
        wrong += differ("instances", self.wanted, instances)
        wrong += self.look_ips(entries, d.items("kubeovn.io", "ips"))
        lines = self.lines()
        if found := twice(lines.values()):
            raise AssertionError(f"the DHCP server has two lines for {found}")
        wrong += differ("lines of the DHCP server", {(mac, ip) for ip, mac in entries.values()}, set(lines.items()))
        status = d.items("kubeovn.io", "subnets")["wide"].get("status", {})
        counts = status.get("v4usingIPs"), status.get("v4availableIPs")
        if counts != (len(used), self.cidr.num_addresses - 3 - len(used)):
            wrong.append(f"the Subnet counts {counts} with {len(used)} in use")
        for name, entry in entries.items():
            if self.had.get(name, entry) != entry:
                raise AssertionError(f"{name} had {self.had[name]} and has {entry}")
            if name in self.kept and entry[0] != self.kept[name]:
                raise AssertionError(f"{name} has {entry[0]}, not {self.kept[name]} that is kept for it")
        if not wrong:
            wrong += self.look_running(instances, entries)
        if not wrong:
            self.had.update(entries)
        return wrong

    def look_ips(self, entries, ips):
        shown = {name: (ip["spec"].get("v4IpAddress"), ip["spec"].get("macAddress")) for name, ip in ips.items()}
        if found := twice(address for address, _ in shown.values()):
            raise AssertionError(f"two IP objects have {found}")
        suffix = f".default.{PROVIDER}"
        yield from differ("IP objects", {name + suffix for name in set(entries) | set(self.kept)}, shown)
        for name, entry in entries.items():
            if name not in self.kept and shown.get(name + suffix, entry) != entry:
                yield f"IP {name + suffix} shows {shown[name + suffix]}, the ledger {entry}"

    def lines(self):
        """mac -> ip in the DHCP server's files."""
        found = {}
        for path in glob.glob("/run/solovirt/subnets/*/hosts/[0-9a-f]*"):
            with contextlib.suppress(FileNotFoundError), open(path) as f:
                mac, ip = f.read().split(",")[:2]
                found[mac] = ip
        return found

    def look_running(self, instances, entries):
        real = self.real & self.wanted
        domains = {name.removeprefix("default_") for name in run("virsh", "-q", "list", "--all", "--name").split()}
        yield from differ("domains", real, domains)
        for name in real & domains:
            shown = [(i.get("ipAddress"), i.get("mac")) for i in instances[name].get("status", {}).get("interfaces", [])]
            if shown != [entries[name]]:
                yield f"{name}: its status shows {shown}, the ledger {entries[name]}"
        macs = set(run("ovs-vsctl", "--bare", "--columns=external_ids", "find", "interface", "external_ids:attached-mac!=x").split())
        macs = {word.removeprefix("attached-mac=") for word in macs if word.startswith("attached-mac=")}
        yield from differ("ports of Open vSwitch", {entries[name][1] for name in real}, macs)
        servers = 0
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            with contextlib.suppress(OSError), open(path) as f:
                servers += f.read().startswith("dnsmasq\0--conf-file=/run/solovirt/subnets/")
        if servers != bool(self.wanted):
            yield f"{servers} DHCP servers run for {len(self.wanted)} machines"

    def agree(self):
        begin, end, pause = time.monotonic(), time.monotonic() + AGREE * self.options.patience, 0.05
        while True:
            try:
                wrong = self.look()
            except (OSError, http.client.HTTPException, sqlite3.Error, RuntimeError) as error:
                wrong = [f"no answer: {error}"]
            if not wrong:
                return time.monotonic() - begin
            if time.monotonic() > end:
                raise AssertionError("; ".join(wrong[:6]))
            time.sleep(pause)
            pause = min(pause * 1.3, 0.5)

    # --- all of it

    def rounds(self):
        self.put("wire.yaml", WIRE.format(cidr=self.cidr, gateway=GATEWAY, provider=PROVIDER))
        self.put("kept.yaml", "---\n".join(KEPT.format(name=n, ip=ip, provider=PROVIDER) for n, ip in self.kept.items()))
        self.agree()
        count, few = self.options.rounds, self.options.machines // 20
        grow = max(1, count // 2)
        for i in range(count):
            made = len(self.waiting) // (grow - i) if i < grow else self.rng.randrange(few, 2 * few)
            self.round(made, self.rng.randrange(few) if i > 0 else 0)
            if i + 1 == grow:
                self.change(len(self.waiting), 0)       # as full as it gets
            seconds = self.agree()
            print(f"round {i}: {len(self.wanted)} machines agree after {seconds:.1f} s", flush=True)
        for share in (2, 1):
            self.round(0, len(self.wanted) // share)
            self.agree()
        assert not self.wanted
        os.unlink(f"{self.spool}/kept.yaml")
        self.kept = {}
        self.agree()
        assert self.daemon.ledger().keys() <= {f"default/{name}/wide" for name in self.names} | {o for o in self.daemon.ledger() if o[:5] == "dhcp/"}
        os.unlink(f"{self.spool}/wire.yaml")


def differ(what, wanted, found):
    wanted, found = set(wanted), set(found)
    if missing := wanted - found:
        yield f"{what}: {len(missing)} missing, such as {sorted(missing)[:3]}"
    if extra := found - wanted:
        yield f"{what}: {len(extra)} too many, such as {sorted(extra)[:3]}"


def main():
    parser = argparse.ArgumentParser()
    for name, kind in (("build", str), ("directory", str), ("log", str), ("machines", int), ("seed", int), ("rounds", int), ("patience", int)):
        parser.add_argument(f"--{name}", type=kind, required=True)
    world = World(parser.parse_args())
    print(f"seed {world.options.seed}")
    run("ip", "link", "add", "wide0", "type", "veth", "peer", "name", "wide1")
    begin = time.monotonic()
    try:
        world.rounds()
    except AssertionError as error:
        sys.exit(f"seed {world.options.seed}, after {world.kills} kills, {world.made} made, {world.gone} deleted: {error}")
    finally:
        print(f"{world.made} made, {world.gone} deleted, {world.kills} kills, {time.monotonic() - begin:.0f} s", flush=True)


main()
