#!/usr/bin/env python3
"""Calls that are not made here, and why."""
import re

import tree

# Call, why, and the files that may make it all the same.
FORBIDDEN = [
    (r"strcpy|stpcpy|strcat|strncat|strncpy|sprintf|vsprintf|gets", "it does not know where the room ends", None),
    (r"system|popen|wordexp", "it starts a shell", None),
    (r"alloca|g_alloca|g_newa", "the stack is small", None),
    (r"tmpnam|mktemp|tempnam", "another may take the name first", None),
    (r"strtok|localtime|gmtime|asctime|ctime|strerror_l|rand|random|srand|srandom", "it keeps a state for the whole process", None),
    (r"atoi|atol|atoll|atof", "it takes anything for a number", None),
    (r"setjmp|longjmp", "it jumps over what must be freed", None),
    # Workers and the command line may wait; the daemon, and what it is made of, never does.
    (r"sleep|usleep|nanosleep|clock_nanosleep|g_usleep", "nothing in the daemon waits",
     r"src/virt/host\w*\.c|src/cli/\w+\.c|storage/fetch\w*\.c|daemon/store_open\.c"),  # the store opens before the loop
    (r"exit|_exit|abort", "errors are returned",
     r"daemon/(main|store_disk)\.c|src/virt/host\w*\.c|src/cli/main\.c|storage/(import|rbd)_main\.c|src/base/\w+\.c|src/virt/kvm_probe\.c"),
]

complaints = []
for path in tree.files(".c", ".h"):
    code = tree.code(tree.read(path))
    for calls, why, where in FORBIDDEN:
        if where is not None and re.fullmatch(where, path):
            continue
        for match in re.finditer(r"(?<![\w.>])(%s)\s*\(" % calls, code):
            number = code[: match.start()].count("\n") + 1
            complaints.append("%s:%d: %s() is not called here: %s" % (path, number, match.group(1), why))
tree.end(complaints)
