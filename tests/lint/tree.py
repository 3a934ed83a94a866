"""What the lints share: the product's source files, their code without comments and strings, and how they end."""
import os
import re
import sys

ROOMS = ("src/base", "src/document", "src/schema", "src/api", "src/virt", "src/cli", "storage", "net", "scheduler", "daemon")
TOP = os.environ.get("srcdir") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def files(*suffixes):
    """Paths from the top of every product file with one of the suffixes, sorted."""
    found = []
    for room in ROOMS:
        for folder, _, names in os.walk(os.path.join(TOP, room)):
            found += [os.path.relpath(os.path.join(folder, name), TOP) for name in names if name.endswith(suffixes)]
    return sorted(set(found))


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return file.read()


def room_of(path):
    """The room a path belongs to, or None."""
    return next((room for room in ROOMS if path.startswith(room + "/")), None)


def code(text):
    """The text with comments and string literals blanked, line breaks kept."""
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.S)


def end(complaints):
    """Prints what was found; the exit status of the lint."""
    for complaint in complaints:
        print(complaint)
    sys.exit(1 if complaints else 0)
