"""What is wanted: the files of the spool, what was asked over the API, and all that must be there because of it."""
import base64, json

STRATEGIES = ["Always", "Halted", "Manual", "RerunOnFailure"]
IMAGES = ["small.raw", "small.raw.gz", "small.qcow2", "small.raw?rate=4000000", "small.qcow2?rate=3000000"]
SERVER = "http://10.98.0.254:8080/"
MIB = 1 << 20


def first_run(strategy):
    return strategy in ("Always", "RerunOnFailure")


def disks(*volumes):
    return [{"name": v["name"], "disk": {"bus": "virtio"}} for v in volumes]


def instance_spec(memory, volumes):
    return {"startStrategy": "Paused", "terminationGracePeriodSeconds": 0,
            "domain": {"memory": {"guest": f"{memory}Mi"},
                       "devices": {"disks": disks(*volumes), "interfaces": [{"name": "default", "masquerade": {}}]}},
            "networks": [{"name": "default", "pod": {}}], "volumes": volumes}


def claim(name, size, label):
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "labels": {"rev": label}},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": f"{size}Mi"}}}}


def user_data(name):
    return f"#cloud-config\nhostname: {name}\n"


def secret(name, label):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "labels": {"rev": label}},
            "data": {"userdata": base64.b64encode(user_data(name).encode()).decode()}}


def config_map(name, text):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": text}}


def http_source(image):
    return {"http": {"url": SERVER + image}}


class Thing:
    """One file, or one group of objects made over the API: what it says now, and how it may change."""

    def __init__(self, name, rng):
        self.name, self.rng = name, rng
        self.rev = 0
        self.revs, self.unsure = {}, {}
        self.path = f"{name}.yaml"
        self.draw()

    def draw(self):
        pass

    def change(self):
        self.rev += 1

    def documents(self):
        return []

    def derived(self):
        """(kind, name) of what the daemon makes of it, instances aside."""
        return []

    # What was asked over the API without an answer may have been done or not.
    present = None   # of a thing made over the API: (kind, name) -> True, or None where nobody knows; None: it is a file's

    # Each object is changed over the API by a request of its own: the daemon may die between two of them.
    # revs: kind -> its revision, where it is another than rev.  unsure: kind -> those that it may have.
    def revision(self, kind):
        return self.revs.get(kind, self.rev)

    def patched(self, kind, revision, done):
        """Takes over what came of a change; done as World.ask() tells it."""
        if done:
            self.revs[kind] = revision
        elif done is None:
            self.unsure[kind] = self.revision(kind), revision

    def keys(self):
        return [(d["kind"], d["metadata"]["name"]) for d in self.documents()]

    def wanted(self, objects):
        """What must be there; of what may be there only what is."""
        if self.present is None:
            return self.documents()
        return [d for d, key in zip(self.documents(), self.keys())
                if key in self.present and (self.present[key] or key in objects)]

    def settle(self, objects):
        """Takes over which of the possible revisions it is."""
        for kind, name in self.keys():
            found = [r for r in self.unsure.get(kind, ()) if (kind, name) in objects and self.has(objects[kind, name], r)]
            if found:
                self.revs[kind] = found[0]

    def has(self, item, rev):
        return item["metadata"].get("labels", {}).get("rev") == str(rev)

    def accept(self, objects):
        self.unsure = {}
        if self.present is not None:
            self.present = {key: True for key in self.present if key in objects}

    def text(self):
        return "---\n".join(json.dumps(d, indent=1) + "\n" for d in self.documents())


class Machine(Thing):
    """A Secret and a machine with an imported and an empty disk.  alternatives: (strategy in the store, an instance is
    wanted) that may be so; more than one only until the next look."""

    def draw(self):
        self.strategy = self.rng.choice(STRATEGIES)
        self.memory, self.image = 64, self.rng.choice(IMAGES)
        self.blank, self.scratch = self.rng.random() < 0.5, self.rng.random() < 0.5
        self.alternatives = {(self.strategy, first_run(self.strategy))}

    def begin_again(self):
        self.alternatives = {(self.strategy, first_run(self.strategy))}

    def change(self):
        super().change()
        self.memory = self.rng.choice([64, 65, 66])
        if self.rng.random() < 0.7:
            self.set_strategy(self.rng.choice(STRATEGIES))

    def set_strategy(self, strategy):
        def after(was, run):
            if strategy == self.strategy:
                return was, run
            if strategy == "Manual" or (strategy == "RerunOnFailure" and was == "RerunOnFailure"):
                return strategy, run
            return strategy, first_run(strategy)
        self.alternatives = {after(*a) for a in self.alternatives}
        self.strategy = strategy

    def templates(self):
        made = [{"metadata": {"name": f"{self.name}-root"},
                 "spec": {"source": http_source(self.image), "storage": {"resources": {"requests": {"storage": "4Mi"}}}}}]
        if self.blank:
            made.append({"metadata": {"name": f"{self.name}-data"},
                         "spec": {"source": {"blank": {}}, "storage": {"resources": {"requests": {"storage": "3Mi"}}}}})
        return made

    def documents(self):
        volumes = [{"name": t["metadata"]["name"].rpartition("-")[2], "dataVolume": {"name": t["metadata"]["name"]}} for t in self.templates()]
        volumes.append({"name": "seed", "cloudInitNoCloud": {"secretRef": {"name": f"{self.name}-secret"}}})
        if self.scratch:
            volumes.append({"name": "scratch", "emptyDisk": {"capacity": "2Mi"}})
        machine = {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
                   "metadata": {"name": self.name, "labels": {"rev": str(self.revision("VirtualMachine"))}},
                   "spec": {"runStrategy": self.strategy, "dataVolumeTemplates": self.templates(),
                            "template": {"spec": instance_spec(self.memory, volumes)}}}
        return [secret(f"{self.name}-secret", str(self.revision("Secret"))), machine]

    def derived(self):
        names = [t["metadata"]["name"] for t in self.templates()]
        return [(kind, name) for kind in ("DataVolume", "PersistentVolumeClaim") for name in names]


class Instance(Thing):
    """An instance that stands alone, on a claim of its file.  Its spec may not change."""

    def documents(self):
        volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": f"{self.name}-data"}},
                   {"name": "scratch", "emptyDisk": {"capacity": "2Mi"}},
                   {"name": "seed", "cloudInitNoCloud": {"userData": "#cloud-config\n{}\n"}}]
        return [claim(f"{self.name}-data", 3, "0"),
                {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance",
                 "metadata": {"name": self.name, "labels": {"rev": str(self.rev)}}, "spec": instance_spec(64, volumes)}]


class Claim(Thing):
    def draw(self):
        self.size = 3

    def change(self):
        super().change()
        self.size += self.rng.choice([0, 1])

    def documents(self):
        return [claim(self.name, self.size, str(self.rev))]


class Disk(Thing):
    def draw(self):
        self.source = http_source(self.rng.choice(IMAGES)) if self.rng.random() < 0.8 else {"blank": {}}

    def documents(self):
        return [{"apiVersion": "cdi.kubevirt.io/v1beta1", "kind": "DataVolume",
                 "metadata": {"name": self.name, "labels": {"rev": str(self.rev)}},
                 "spec": {"source": self.source, "storage": {"resources": {"requests": {"storage": "4Mi"}}}}}]

    def derived(self):
        return [("PersistentVolumeClaim", self.name)]


class Maps(Thing):
    """Several objects in one file, whose number changes."""

    def draw(self):
        self.count = self.rng.randint(1, 3)

    def change(self):
        super().change()
        self.count = self.rng.randint(1, 3)

    def documents(self):
        return [config_map(f"{self.name}-{i}", str(self.revision("ConfigMap"))) for i in range(self.count)]

    def has(self, item, rev):
        return item["data"]["k"] == str(rev)


KINDS = {"vm": Machine, "inst": Instance, "pvc": Claim, "dv": Disk, "cm": Maps}
FILES = ["vm0", "vm1", "vm2", "vm3", "inst0", "inst1", "pvc0", "dv0", "dv1", "cm0", "cm1"]
BY_API = ["avm0", "acm0", "acm1"]


def make(name, rng):
    thing = KINDS[name.lstrip("a").rstrip("0123456789")](name, rng)
    if name.startswith("a") and isinstance(thing, Maps):
        thing.count = 1
    return thing
