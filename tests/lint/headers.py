#!/usr/bin/env python3
"""Every prototype in a header that others include has its sentence: a comment above it or above its group, or behind it."""
import re

import tree

complaints = []
for path in tree.files(".h"):
    if path.endswith(("_private.h", "_internal.h", "/internal.h")):
        continue
    text = tree.read(path)
    lines, code = text.split("\n"), tree.code(text).split("\n")
    if not re.match(r"/\*", text):
        complaints.append("%s:1: a header begins with a comment that says what it is for" % path)
    told = False  # whether the group being read began with a comment
    start = None  # line of the declaration being read
    depth = 0     # braces
    for i, line in enumerate(code):
        if not lines[i].strip():
            told = False
            continue
        if depth == 0 and start is None and "/*" in lines[i]:
            told = True
        stripped = line.strip()
        if stripped and depth == 0 and start is None and not stripped.startswith("#"):
            start = i
        depth += line.count("{") - line.count("}")
        if start is None or depth > 0 or not stripped.endswith((";", "}")):
            continue
        declaration = " ".join(code[start : i + 1]).strip()
        prototype = re.match(r"(?!typedef|extern|struct \w+ \{|enum|#|static|return)[\w\s\*]+?\b(\w+)\(.*\)[^{}=]*;$", declaration)
        if prototype and not told and "/*" not in " ".join(lines[start : i + 1]):
            complaints.append("%s:%d: %s() has no sentence" % (path, start + 1, prototype.group(1)))
        start = None
tree.end(complaints)
