#!/usr/bin/env python3
"""Arrows point down only (ARCHITECTURE.md): who may include whom, and which library."""
import re

import tree

BASE = ["src/base"]
DOCUMENT = BASE + ["src/document"]
SCHEMA = DOCUMENT + ["src/schema"]
API = SCHEMA + ["src/api"]

# Each room may include itself and these.
MAY = {
    "src/base": [],
    "src/document": BASE,
    "src/schema": DOCUMENT,
    "src/api": SCHEMA,
    "src/virt": API,
    "src/cli": API,
    "storage": API,
    "net": API,
    "scheduler": API,
    "daemon": API + ["src/virt", "storage", "net", "scheduler"],
}

# A header of a library, and the files that may include it.
LIBRARIES = [
    (r"sqlite3\.h", r"daemon/store\w*\.[ch]"),
    (r"gcrypt\.h", r"src/base/digest\.c"),
    (r"libvirt/.*", r"src/virt/host\w*\.[ch]"),
    (r"rados/.*|rbd/.*", r"storage/rbd\w*\.[ch]"),
    (r"yaml\.h", r"src/document/yaml\.c"),
    (r"libxml/.*", r"src/virt/\w+\.[ch]"),
    (r"curl/.*", r"storage/fetch\w*\.[ch]|storage/import\w*\.c|storage/registry_pull\.c"),
    (r"event2/.*", r"daemon/.*|src/base/.*|src/virt/host\w*\.c|src/cli/\w+\.c|storage/import\w*\.c|storage/fetch\w*\.c"),
    (r"time\.h|sys/time\.h", r"src/base/(clock|log)\.c|src/virt/kvm_probe\.c"),  # the probe sets itself an alarm
]

# Pure rooms decide without looking at anything: neither I/O nor the clock.
PURE = {
    "scheduler": r"event2/.*|sqlite3\.h|libvirt/.*|src/base/(clock|log|channel|frame)\.h|unistd\.h|sys/.*|fcntl\.h",
    "net/ledger": r"event2/.*|sqlite3\.h|src/base/(clock|log|channel|frame)\.h|unistd\.h|sys/.*|fcntl\.h",
}

# What asks for the time does it in src/base/clock.c; log.c stamps its lines.
TIME = r"\b(time|clock_gettime|gettimeofday|g_get_real_time|g_get_monotonic_time|g_date_time_new_now\w*)\s*\("

complaints = []
for path in tree.files(".c", ".h"):
    room, text = tree.room_of(path), tree.read(path)
    for number, line in enumerate(text.split("\n"), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if not match:
            continue
        name, place = match.group(2), "%s:%d" % (path, number)
        if match.group(1) == '"' and name != "config.h":
            other = tree.room_of(name)
            if other is None:
                complaints.append('%s: "%s" does not begin with a room: write the path from the top' % (place, name))
            elif other != room and other not in MAY[room]:
                complaints.append("%s: %s may not include %s" % (place, room, other))
        for library, where in LIBRARIES:
            if match.group(1) == "<" and re.fullmatch(library, name) and not re.fullmatch(where, path):
                complaints.append("%s: <%s> is for %s only" % (place, name, where))
        for pure, forbidden in PURE.items():
            if path.startswith(pure) and re.fullmatch(forbidden, name):
                complaints.append("%s: %s is pure: it may not include %s" % (place, pure, name))
    if path not in ("src/base/clock.c", "src/base/log.c"):
        for match in re.finditer(TIME, tree.code(text)):
            number = text[: match.start()].count("\n") + 1
            complaints.append("%s:%d: only src/base/clock.c asks for the time, not %s()" % (path, number, match.group(1)))
tree.end(complaints)
