"""Compares what is wanted with what is: store, libvirt, pool, DHCP, ledger, files and processes, exactly."""
import glob, os, re

import bed
from bed import LOGS
from model import Machine, user_data

LISTS = {"VirtualMachine": "/apis/kubevirt.io/v1/virtualmachines", "VirtualMachineInstance": "/apis/kubevirt.io/v1/virtualmachineinstances",
         "DataVolume": "/apis/cdi.kubevirt.io/v1beta1/datavolumes", "PersistentVolumeClaim": "/api/v1/persistentvolumeclaims",
         "Secret": "/api/v1/secrets", "ConfigMap": "/api/v1/configmaps"}
SCRATCH = 2 << 20  # bytes of an emptyDisk of the model
MARK = 512   # bytes at the end of a volume where its uid is left, to be found again


def disk_size(path):
    """Bytes that a guest sees of a raw or qcow2 image (its header's bytes 24 to 31)."""
    with open(path, "rb") as f:
        head = f.read(32)
    return int.from_bytes(head[24:], "big") if head[:4] == b"QFI\xfb" else os.path.getsize(path)


class Look:
    """One look at everything.  problems: sentences; empty when all agrees."""

    def __init__(self, world):
        self.world, self.daemon = world, world.daemon
        self.problems = []
        self.objects = {}

    def say(self, text):
        self.problems.append(text)

    def same(self, what, wanted, found):
        wanted, found = set(wanted), set(found)
        if wanted - found:
            self.say(f"{what}: missing {sorted(map(str, wanted - found))}")
        if found - wanted:
            self.say(f"{what}: left over {sorted(map(str, found - wanted))}")

    # ------------------------------------------------------------------ what the daemon says

    def fetch(self):
        for kind, path in LISTS.items():
            code, tree = self.daemon.ask("GET", path)
            if code != 200:
                self.say(f"GET {path}: {code}")
                return
            for item in tree["items"]:
                self.objects[kind, item["metadata"]["name"]] = item

    def spool(self):
        tree = self.daemon.ask("GET", "/solovirt/v1/spool")[1]
        wanted = {t.path for t in self.world.files.values()}
        self.same("spool", wanted, [f["file"] for f in tree["files"]])
        for f in tree["files"]:
            if f["state"] != "Accepted" or f["errors"]:
                self.say(f"spool: {f['file']} is {f['state']} {f['errors']}")
        if tree["held"]:
            self.say(f"spool: {tree['held']} held")

    def store(self):
        wanted = {}
        for thing in self.world.things():
            thing.settle(self.objects)
            for document in thing.wanted(self.objects):
                key = document["kind"], document["metadata"]["name"]
                wanted[key] = thing
                if key in self.objects:
                    self.content(thing, document, self.objects[key])
            if isinstance(thing, Machine) and ("VirtualMachine", thing.name) in wanted:
                self.machine(thing, wanted)
            if not isinstance(thing, Machine) or ("VirtualMachine", thing.name) in wanted:
                wanted.update({key: thing for key in thing.derived()})
        self.same("store", wanted, self.objects)
        for key, item in self.objects.items():
            if "deletionTimestamp" in item["metadata"]:
                self.say(f"{key} is being deleted")
            for owner in item["metadata"].get("ownerReferences", []):
                real = self.objects.get((owner["kind"], owner["name"]))
                if real is None or real["metadata"]["uid"] != owner["uid"]:
                    self.say(f"{key} belongs to {owner['kind']} {owner['name']}, which is another one or none")

    def content(self, thing, document, item):
        """Everything that was written is in the object, as written; the strategy of a machine is judged elsewhere."""
        def differs(wanted, found, path):
            if path == "spec.runStrategy":
                return None
            if isinstance(wanted, dict):
                if not isinstance(found, dict):
                    return path
                return next(filter(None, (differs(v, found.get(k), f"{path}.{k}".lstrip(".")) for k, v in wanted.items())), None)
            if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
                return next(filter(None, (differs(w, f, f"{path}[]") for w, f in zip(wanted, found))), None)
            return None if wanted == found else f"{path} ({wanted!r} became {found!r})"

        where = differs(document, item, "")
        if where:
            self.say(f"{document['kind']} {document['metadata']['name']}: not as written at {where}")
        annotation = item["metadata"].get("annotations", {}).get("solovirt.io/spool-file")
        path = thing.path if thing.name in self.world.files else None
        if annotation != path:
            self.say(f"{document['kind']} {document['metadata']['name']}: is from file {annotation}, not {path}")

    def machine(self, thing, wanted):
        vm = self.objects.get(("VirtualMachine", thing.name))
        if vm is None:
            return
        if vm.get("status", {}).get("stateChangeRequests"):
            self.say(f"{thing.name}: has requests that are not carried out")
        there = ("VirtualMachineInstance", thing.name) in self.objects
        state = vm["spec"]["runStrategy"], there
        if state not in thing.alternatives:
            self.say(f"{thing.name}: strategy and instance are {state}, not one of {sorted(thing.alternatives)}")
        if there:
            wanted["VirtualMachineInstance", thing.name] = thing
        status = vm.get("status", {}).get("printableStatus")
        if status != ("Paused" if there else "Stopped"):
            self.say(f"{thing.name}: is {status}")

    def phases(self):
        for (kind, name), item in self.objects.items():
            status = item.get("status", {})
            wanted = {"VirtualMachineInstance": "Running", "DataVolume": "Succeeded", "PersistentVolumeClaim": "Bound"}.get(kind)
            if wanted and status.get("phase") != wanted:
                self.say(f"{kind} {name}: is {status.get('phase')} {[c.get('message') for c in status.get('conditions', [])]}")
            if kind == "PersistentVolumeClaim" and status.get("capacity", {}).get("storage") != item["spec"]["resources"]["requests"]["storage"]:
                self.say(f"claim {name}: has {status.get('capacity')}")

    # ------------------------------------------------------------------ what libvirt and the kernel say

    def instances(self):
        return {name: item for (kind, name), item in self.objects.items() if kind == "VirtualMachineInstance"}

    def claims(self):
        return {name: item for (kind, name), item in self.objects.items() if kind == "PersistentVolumeClaim"}

    def libvirt(self):
        self.domains, hosts, listed = bed.domains()
        live = self.instances()
        self.same("domains", {f"default_{n}" for n in live}, self.domains)
        for name, item in live.items():
            domain = self.domains.get(f"default_{name}")
            if domain is None:
                continue
            if domain.uid != item["metadata"]["uid"] or domain.state != "paused":
                self.say(f"domain {domain.name}: {domain.state}, of {domain.uid}, not {item['metadata']['uid']}")
            interfaces = item.get("status", {}).get("interfaces", [])
            if domain.macs != {i.get("mac") for i in interfaces}:
                self.say(f"domain {domain.name}: has {domain.macs}, its status {interfaces}")
        self.pool(live, listed)
        self.disks(live)
        self.addresses(live, hosts)

    def pool(self, live, listed):
        try:
            self.ledger, trash = bed.database(self.daemon.dir, f"{self.daemon.dir}.copy")
        except Exception as error:
            self.say(f"the database cannot be read: {error}")
            self.ledger, trash = {}, set()
        wanted = {c["spec"].get("volumeName", f"volume of {n}") for n, c in self.claims().items()} | trash
        wanted |= {own for item in live.values() for own in self.own_volumes(item).values()}
        self.same("pool", wanted, listed)
        self.same("pool's files", wanted, os.listdir(f"{self.daemon.dir}/pool"))
        if self.world.trash == "1s" and trash:
            self.say(f"trash: {trash}")
        if not self.problems:
            for name, item in self.claims().items():
                self.volume(name, item)

    def volume(self, name, item):
        """Its size, the bytes that were imported, and the mark that was left in it once."""
        path = f"{self.daemon.dir}/pool/{item['spec']['volumeName']}"
        size = int(item["spec"]["resources"]["requests"]["storage"].rstrip("Mi")) << 20
        mark, uid = self.world.marks.get(item["spec"]["volumeName"]), item["metadata"]["uid"]
        with open(path, "r+b") as f:
            data = f.read()
            if len(data) != size:
                self.say(f"volume of {name}: {len(data)} bytes, not {size}")
            image = self.world.image if self.is_imported(name) else b""
            if data[:len(image)] != image:
                self.say(f"volume of {name}: not the image that was imported")
            if mark is None:
                if data[len(image):].strip(b"\0"):
                    self.say(f"volume of {name}: not empty behind the image")
                f.seek(size - MARK)
                f.write(uid.encode())
                self.world.marks[item["spec"]["volumeName"]] = size - MARK, uid.encode()
            elif data[mark[0]:mark[0] + len(mark[1])] != mark[1]:
                self.say(f"volume of {name}: lost what was written to it")

    def own_volumes(self, item):
        """volume of an instance -> its own medium in the pool, which comes and goes with it"""
        forms = {"cloudInitNoCloud": "seed-{}-{}.iso", "emptyDisk": "empty-{}-{}.img"}
        return {v["name"]: forms[form].format(item["metadata"]["uid"], v["name"])
                for v in item["spec"]["volumes"] for form in forms if form in v}

    def disks(self, live):
        """The domain has the disks of its instance and no others, and what is on those of its own is whole."""
        if self.problems:
            return
        pool, claims = f"{self.daemon.dir}/pool/", self.claims()
        for name, item in live.items():
            own, wanted = self.own_volumes(item), set()
            for v in item["spec"]["volumes"]:
                claim = v.get("dataVolume", {}).get("name") or v.get("persistentVolumeClaim", {}).get("claimName")
                wanted.add(pool + (own.get(v["name"]) or claims[claim]["spec"]["volumeName"]))
                if "emptyDisk" in v and disk_size(pool + own[v["name"]]) != SCRATCH:
                    self.say(f"{name}: {v['name']} has {disk_size(pool + own[v['name']])} bytes, not {SCRATCH}")
                if "cloudInitNoCloud" in v:
                    self.seed(name, v, pool + own[v["name"]])
            self.same(f"disks of domain default_{name}", wanted, self.domains[f"default_{name}"].disks)

    def seed(self, name, volume, path):
        """What cloud-init reads: the label of the medium, who the guest is, and the user data as written."""
        with open(path, "rb") as f:
            data = f.read()
        text = volume["cloudInitNoCloud"].get("userData") or user_data(f"{name}-secret")
        for part in (b"CD001", b"cidata", f"local-hostname: {name}\n".encode(), text.encode()):
            if part not in data:
                self.say(f"seed medium of {name}: {part!r} is not on it")

    def is_imported(self, name):
        dv = self.objects.get(("DataVolume", name))
        return dv is not None and "http" in dv["spec"]["source"]

    def addresses(self, live, hosts):
        self.same("DHCP entries beside the ledger", {(m, i) for i, m in self.ledger.values()}, hosts)
        names = {n for k, n in self.objects if k in ("VirtualMachine", "VirtualMachineInstance")}
        for owner, (ip, mac) in self.ledger.items():
            if owner.split("/")[1] not in names:
                self.say(f"ledger: {owner} is gone but has {ip}")
        for field in (0, 1):
            all_of_them = [a[field] for a in self.ledger.values()]
            if len(all_of_them) != len(set(all_of_them)):
                self.say(f"ledger: twice the same in {self.ledger}")
        for name, item in live.items():
            found = [(i.get("ipAddress"), i.get("mac")) for i in item.get("status", {}).get("interfaces", [])]
            entry = self.ledger.get(f"default/{name}/default")
            if found != [entry]:
                self.say(f"{name}: status says {found}, the ledger {entry}")
            elif self.world.addresses.setdefault(name, entry) != entry:
                self.say(f"{name}: had {self.world.addresses[name]}, now {entry}")

    def files(self):
        d = self.daemon.dir
        wanted = {f"{t.path}.status" for t in self.world.files.values()}
        found = [os.path.relpath(p, f"{d}/run/spool") for p in glob.glob(f"{d}/run/spool/**", recursive=True) if os.path.isfile(p)]
        self.same("status files", wanted, found)
        for path in set(wanted) & set(found):
            text = open(f"{d}/run/spool/{path}").read()
            if not re.search(r"^state: Accepted$", text, re.M):
                self.say(f"status file {path}: {text[:200]!r}")
        self.same("state directory", {"solovirt.db", "lock", "ballast"},
                  {re.sub(r"^(solovirt\.db)-(wal|shm)$", r"\1", n) for n in os.listdir(f"{d}/state")} - {"backup", "backups", "import"})
        self.same("imports", [], glob.glob(f"{d}/state/import/*"))
        self.same("run directory", {"sock", "spool"}, set(os.listdir(f"{d}/run")) | {"spool"})
        names = {n for k, n in self.objects if k in ("VirtualMachine", "VirtualMachineInstance")}
        logs = {re.sub(r"\.console\.log(\.\d+)?$", "", os.path.basename(p)) for p in glob.glob(f"{LOGS}/*.console.log*")}
        self.same("console logs of machines that are gone", [], logs - {f"default_{n}" for n in names})
        self.same("console logs of running ones", [], {f"default_{n}" for n in self.instances()} - logs)

    def processes(self):
        count = bed.processes()
        wanted = {"solovirtd": 1, "solovirt-host": 1, "solovirt-import": 0, "qemu-system-x86": len(self.instances())}
        for name, number in wanted.items():
            if count.get(name, 0) != number:
                self.say(f"processes: {count.get(name, 0)} of {name}, not {number}")

    # ------------------------------------------------------------------ what may not have changed

    def identities(self):
        """uid of each object, and number of each domain: the same as before, unless something was asked that makes it new."""
        for key, uid in self.world.uids.items():
            item = self.objects.get(key)
            if item is None:
                continue
            same, free = item["metadata"]["uid"] == uid, self.world.renewed.get(key)
            if not same and free is None:
                self.say(f"{key} was replaced: {uid} became {item['metadata']['uid']}")
            if same and free == "must":
                self.say(f"{key} is still {uid}, although its deletion or restart was acknowledged")
            domain = self.domains.get(f"default_{key[1]}")
            if same and key[0] == "VirtualMachineInstance" and domain and self.world.numbers.get(key[1], domain.id) != domain.id:
                self.say(f"domain {domain.name} was started again: number {self.world.numbers[key[1]]} became {domain.id}")

    def run(self):
        """Cheap questions first: while they are not answered well, the others are not asked."""
        self.fetch()
        if not self.problems:
            self.spool()
            self.store()
            self.phases()
        if not self.problems:
            self.libvirt()
        if not self.problems:
            self.identities()
            self.files()
            self.processes()
        return self.problems

    def accept(self):
        """All agrees: this is how it is from now on."""
        for thing in self.world.things():
            thing.accept(self.objects)
            vm = self.objects.get(("VirtualMachine", thing.name))
            if vm is not None:
                thing.alternatives = {(vm["spec"]["runStrategy"], ("VirtualMachineInstance", thing.name) in self.objects)}
        self.world.api = {name: t for name, t in self.world.api.items() if t.present}
        self.world.uids = {key: item["metadata"]["uid"] for key, item in self.objects.items()}
        self.world.numbers = {name: self.domains[f"default_{name}"].id for name in self.instances()}
        self.world.renewed = {}
