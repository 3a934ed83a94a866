#!/usr/bin/env python3
"""A field that a row honours has a use: its member is read somewhere, or who writes it, or what it stands in, is warned."""
import re

import tree

ROW = re.compile(r'\{ *(BOOL|TRISTATE|INT|QUANTITY|MILLI|DURATION|TIME|ENUM|STRING|INT_OR_STRING|STRINGS|MAP|OBJECT|LIST|ANY)'
                 r'\("([^"]+)", struct (\w+), (\w+)[^)]*?(?:&(\w+))?\)')
MEMBER = re.compile(r"(?:->|\.)(\w+)")
SCHEMA = re.compile(r"^(?:static )?SCHEMA\((\w+), struct (\w+)", re.M)
# What is only shown: status, which is written here, and what every object has.
SHOWN = re.compile(r"(\w*status\w*|condition|owner_reference|meta|claim_info|memory_dump_volume|guest_os_info|cpu_topology|"
                   r"phase_transition|migration_transition|node_\w+|event_\w+|object_reference|priority_class|persistent_volume\w*|"
                   r"snapshot_content\w*|volume_snapshot_content)$")
# Read from the tree by their path, or the same for every value.
BY_PATH = {"stringData", "inferFromVolumeFailurePolicy", "apiVersion", "vendor", "product"}
# Told as a whole by a rule, which says that the source is not built.
TOLD = {"source_other"}

rows, read, structs = [], set(), {}
for path in tree.files(".c"):
    text = tree.read(path)
    structs.update(SCHEMA.findall(text))
    for number, line in enumerate(text.split("\n"), 1):
        match = ROW.search(line)
        if match is None:
            read.update(MEMBER.findall(line))
        elif path.startswith("src/api/"):
            rows.append((path, number, ".warn = " in line) + match.groups()[1:])

# Structs that are reached only behind a warning.
told, plain = set(), set()
for path, number, warned, field, struct, member, schema in rows:
    if schema in structs:
        (told if warned else plain).add((struct, structs[schema]))
warned_structs, grown = {sub for _, sub in told} - {sub for _, sub in plain}, True
while grown:
    more = {sub for struct, sub in plain if struct in warned_structs} - warned_structs
    more = {sub for sub in more if all(struct in warned_structs for struct, other in plain if other == sub)}
    warned_structs, grown = warned_structs | more, bool(more)

complaints = []
for path, number, warned, field, struct, member, schema in rows:
    if warned or struct in warned_structs or struct in TOLD or SHOWN.match(struct) or field in BY_PATH:
        continue
    if member not in read:
        complaints.append('%s:%d: "%s" is honoured, but nothing reads it: use it, ignore it with a warning, or refuse it' % (path, number, field))
tree.end(complaints)
