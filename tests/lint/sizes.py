#!/usr/bin/env python3
"""A long function is usually a missing table, a long file two nouns."""
import re

import tree

FILE_MOST, FUNCTION_MOST, LINE_MOST = 800, 100, 180

complaints = []
for path in tree.files(".c", ".h"):
    lines = tree.read(path).split("\n")
    if len(lines) - 1 > FILE_MOST:
        complaints.append("%s: has %d lines: at most %d are allowed" % (path, len(lines) - 1, FILE_MOST))
    start = name = None
    for number, line in enumerate(lines, 1):
        if len(line.expandtabs(4)) > LINE_MOST and '"' not in line:
            complaints.append("%s:%d: has %d columns" % (path, number, len(line.expandtabs(4))))
        # The layout puts a function's name and both its braces in the first column.
        match = re.match(r"(\w+)\(", line)
        if match:
            name = match.group(1)
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            if number - start - 1 > FUNCTION_MOST:
                complaints.append("%s:%d: %s() has %d lines: at most %d are allowed" % (path, start, name, number - start - 1, FUNCTION_MOST))
            start = None
tree.end(complaints)
