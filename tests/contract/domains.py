#!/usr/bin/env python3
"""Compares what "solovirt domxml" makes of a spec with the domain that KubeVirt's launcher defines.

    tests/contract/domains.py DIRECTORY BUILD [-v] [-k WORD]

DIRECTORY holds NNN.yaml and, for those that KubeVirt starts, NNN.xml.  Both domains are brought into one form: the order of
elements, empty elements, the paths of files, and what says where a guest runs instead of what it sees do not count (see the
functions below; each says why).  Then every element with its attributes is a line, and the lines are compared.  For developers
who have such a directory; "make check" does not need one.
"""
import argparse
import collections
import concurrent.futures
import json
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

# Elements that say how the host finds something, not what the guest sees.
ELSEWHERE = {"metadata", "uuid", "tcg", "seclabel"}
# Attributes that are paths, or what the host chose: (element, attribute).
PLACES = {("source", a) for a in ("file", "dev", "dir", "socket", "path", "mode", "network")} | {
    ("listen", "socket"), ("log", "file"), ("nvram", "template"), ("vcpupin", "cpuset"), ("emulatorpin", "cpuset"),
    ("iothreadpin", "cpuset"), ("memnode", "nodeset"), ("disk", "type"), ("backingStore", "type"), ("interface", "type"),
    ("serial", "type"), ("console", "type"), ("hostdev", "managed"), ("hostdev", "mode"),
    ("filesystem", "accessMode"), ("filesystem", "accessmode")}
# What an attribute that is not written means to libvirt.
DEFAULTS = {("clock", "offset"): "utc", ("feature", "policy"): "require", ("numa/cell", "unit"): "KiB"}


def tag(node):
    return node.tag.split("}")[-1]


def is_nothing(node):
    """Elements without attributes, text and children mean nothing, but for those that are there or not."""
    present = {"acpi", "apic", "smm", "readonly", "shareable", "nosharepages", "hugepages"}
    return not node.attrib and not (node.text or "").strip() and len(node) == 0 and tag(node) not in present


def is_ours(node):
    """Spare PCIe ports, the console's second log, a DHCP server's MAC address, defaults of libvirt that are written out."""
    name, kind = tag(node), node.get("type")
    if name in ELSEWHERE or (name == "controller" and kind == "pci"):
        return True
    if name == "clock" and dict(node.attrib) in ({"offset": "utc"}, {}) and len(node) == 0:
        return True
    return name == "on_reboot" and (node.text or "").strip() == "restart"


def text_of(node):
    """Paths do not count; nor does the serial, which is drawn by chance."""
    text = (node.text or "").strip()
    if tag(node) in ("loader", "nvram", "kernel", "initrd", "table") or text.startswith("/"):
        return "PATH"
    if tag(node) == "name":
        return re.sub(r"_(gen-.*|generated)$", "_CHANCE", text)
    if tag(node) == "entry" and node.get("name") in ("uuid", "serial"):
        return "CHANCE" if re.fullmatch(r"[0-9a-f-]{36}", text) else text
    return text


def attributes(node, path):
    found = dict(node.attrib)
    for (element, name), value in DEFAULTS.items():
        if path.endswith("/" + element):
            found.setdefault(name, value)
    for name in list(found):
        if (tag(node), name) in PLACES or found[name] == "":
            del found[name]
    if tag(node) == "cell" and found.get("unit") == "KiB":
        found.update(memory=str(int(found["memory"]) * 1024), unit="b")
    if path.endswith("/hostdev/source/address"):
        found.clear()
    if tag(node) == "mac" and node.get("address"):
        found["address"] = node.get("address").replace("-", ":")
    return found


def lines(node, path, out):
    """Every element below node as a line; devices are told apart by their alias or target."""
    for child in node:
        if is_nothing(child) or is_ours(child):
            continue
        here = f"{path}/{tag(child)}"
        name = next((a.get("name") for a in child if tag(a) == "alias"), None)
        if path == "/devices" and name:
            here += f"[{name}]"
        found = " ".join(f'{k}="{v}"' for k, v in sorted(attributes(child, f"{path}/{tag(child)}").items()))
        text = text_of(child)
        if found or text or len(child) == 0 or path == "":
            out[f"{here} {found}{' ' + text if text else ''}".strip()] += 1
        lines(child, here, out)


def tidy(root):
    """One log of the console, one way to write no source."""
    for devices in root.iter("devices"):
        for console in devices.findall("console"):
            for log in console.findall("log"):
                console.remove(log)
        for disk in devices.findall("disk"):
            for store in disk.iter("backingStore"):
                for inner in store.findall("backingStore"):
                    store.remove(inner)
        for node in devices.findall("interface") + devices.findall("serial"):
            for source in node.findall("source"):
                node.remove(source)
    return root


def form(text):
    root, out = tidy(ET.fromstring(text)), collections.Counter()
    out[f'/ type="{root.get("type")}"'] += 1
    lines(root, "", out)
    return out


def spec_of(domain):
    """NNN.yaml of NNN.xml, or of NNN.allgates.xml: one that KubeVirt starts with its alpha features on."""
    return domain.parent / (domain.name.split(".")[0] + ".yaml")


def compare(solovirt, domain):
    """(lines alike, lines in all, what KubeVirt has more, what we have more), or a sentence why there is no domain."""
    run = subprocess.run([solovirt, "domxml", "--kvm", "-f", spec_of(domain)], capture_output=True, text=True, timeout=60)
    if run.returncode != 0:
        return run.stderr.strip() or f"exit status {run.returncode}"
    theirs, ours = form(domain.read_text()), form(run.stdout)
    more, less = theirs - ours, ours - theirs
    return sum((theirs & ours).values()), sum((theirs | ours).values()), more, less


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("-v", "--verbose", action="store_true", help="show what differs")
    parser.add_argument("-k", default="", help="only files whose name has this")
    options = parser.parse_args()
    verdicts = {v["id"]: v for v in json.loads((options.directory / "verdicts.json").read_text())}
    domains = [f for f in sorted(options.directory.glob("*.xml")) if options.k in f.name]
    # What KubeVirt takes only when nobody asks about unknown and double fields is refused here.
    specs = [f for f in domains if verdicts[f.name[:3]]["strictAccepted" if "all" not in f.name else "acceptedAllGates"]]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda spec: compare(options.build / "solovirt", spec), specs))
    alike = total = same = none = 0
    for spec, result in zip(specs, results):
        if isinstance(result, str):
            none += 1
            print(f"{spec.name}: no domain: {result[:300]}")
            continue
        alike, total, same = alike + result[0], total + result[1], same + (result[0] == result[1])
        if options.verbose and result[0] != result[1]:
            print(f"{spec.name}:")
            for mark, found in (("KubeVirt", result[2]), ("Solovirt", result[3])):
                for line, count in sorted(found.items()):
                    print(f"    {mark} {line}" + (f"  x{count}" if count > 1 else ""))
    print(f"domains:  {same} of {len(specs)} are alike, {none} were not made")
    print(f"elements: {alike} of {total} are alike, {100 * alike / max(total, 1):.2f} %")
    return 0 if same == len(specs) else 1


if __name__ == "__main__":
    sys.exit(main())
