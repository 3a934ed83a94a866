#!/usr/bin/env python3
"""Compares what "solovirt validate" says with KubeVirt's own verdicts.

    tests/contract/corpus.py DIRECTORY BUILD [-v]

DIRECTORY holds NNN.yaml and verdicts.json: a list of objects with "file", "slug", "strictAccepted" and "fields", the paths of a
refusal's causes.  A refusal is right when a cause's field ends in the same element as one of KubeVirt's.  For developers who
have such a directory; "make check" does not need one.
"""
import argparse
import concurrent.futures
import json
import pathlib
import re
import subprocess
import sys


def last(path):
    """The last element of a path, without its index: "spec.volumes[3]" -> "volumes"."""
    return re.sub(r"\[[^\]]*\]", "", path).split(".")[-1].lower()


def judge(solovirt, path):
    """The errors and warnings that solovirt has for a file."""
    run = subprocess.run([solovirt, "validate", "-o", "json", "-f", path], capture_output=True, text=True, timeout=60)
    found = json.loads(run.stdout) if run.stdout.strip() else []
    errors = [item for item in found if item["severity"] == "error"]
    if (run.returncode == 0) != (not errors):
        sys.exit(f"{path}: exit status {run.returncode} with {len(errors)} errors: {run.stderr}")
    return errors, [item for item in found if item["severity"] == "warning"]


def compare(verdict, errors):
    """"" when all is the same, else what differs: "verdict" or "field"."""
    if verdict["strictAccepted"] != (not errors):
        return "verdict"
    wanted = {last(field) for field in verdict.get("fields", []) if field}
    if not wanted or wanted & {last(item["field"]) for item in errors}:
        return ""
    return "field"


def show(verdict, errors, warnings, difference):
    print(f"{difference:8}{verdict['file']} {verdict['slug']}: KubeVirt {'accepts' if verdict['strictAccepted'] else 'refuses'}")
    for cause in verdict.get("causes", []) or [{"field": f, "message": ""} for f in verdict.get("fields", [])]:
        print(f"    KubeVirt {cause.get('field')}: {cause.get('message', '')[:160]}")
    for item in errors + warnings:
        print(f"    {item['severity']} {item['field']}: {item['message'][:160]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("-v", "--verbose", action="store_true", help="show what agrees, too")
    parser.add_argument("-k", default="", help="only files whose name or slug has this")
    options = parser.parse_args()
    options.build = options.build.resolve()
    verdicts = [v for v in json.loads((options.directory / "verdicts.json").read_text())
                if options.k in v["file"] + v["slug"]]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        judged = list(pool.map(lambda v: judge(options.build / "solovirt", options.directory / v["file"]), verdicts))
    counts = {"": 0, "verdict": 0, "field": 0}
    for verdict, (errors, warnings) in zip(verdicts, judged):
        difference = compare(verdict, errors)
        counts[difference] += 1
        if difference or options.verbose:
            show(verdict, errors, warnings, difference)
    total = max(len(verdicts), 1)
    refused = max(sum(not v["strictAccepted"] for v in verdicts) - sum(
        not v["strictAccepted"] and not errors for v, (errors, _) in zip(verdicts, judged)), 1)
    print(f"verdicts: {total - counts['verdict']} of {total} agree, {100 * (total - counts['verdict']) / total:.1f} %")
    print(f"fields:   {refused - counts['field']} of {refused} agree, {100 * (refused - counts['field']) / refused:.1f} %")
    return 1 if counts["verdict"] or counts["field"] else 0


if __name__ == "__main__":
    sys.exit(main())
