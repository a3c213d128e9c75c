#!/usr/bin/env python3
"""Checks that the command lines in deploy/ are ones that chime-sweep takes, and the IAM actions those that it needs.

usage: check_deploy.py [SWEEP]     (default: target/release/chime-sweep; needs PyYAML)

Prints one line per check; exits 1 if any of them failed. Nothing is sent: no file that the command lines name exists.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
DEPLOY = ROOT / "deploy"
SWEEP = sys.argv[1] if len(sys.argv) == 2 else ROOT / "target" / "release" / "chime-sweep"
# What each engine tells a task.
VARIABLES = {
    "slurm": {"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_MIN": "0", "SLURM_ARRAY_TASK_MAX": "3", "SLURM_ARRAY_TASK_STEP": "1",
              "SLURM_ARRAY_TASK_COUNT": "4"},
    "kubernetes": {"JOB_COMPLETION_INDEX": "7"},
    "aws-batch": {"AWS_BATCH_JOB_ARRAY_INDEX": "7", "AWS_BATCH_JOB_ARRAY_SIZE": "8"},
}
failures = 0


def check(name, got, wanted):
    global failures
    failures += got != wanted
    print(f"ok    {name}" if got == wanted else f"FAIL  {name}\n      got    {got!r}\n      wanted {wanted!r}")


class Loader(yaml.SafeLoader):
    """Takes CloudFormation's `!Ref` and the like for their text."""


Loader.add_multi_constructor("!", lambda loader, tag, node: f"{tag} {node.value}")


def values(tree, key):
    """Whatever has this key, at any depth."""
    if isinstance(tree, dict):
        found = [tree[key]] if key in tree else []
        return found + [value for below in tree.values() for value in values(below, key)]
    return [value for below in tree for value in values(below, key)] if isinstance(tree, list) else []


def documents(folder):
    return [(path, document) for path in sorted((DEPLOY / folder).glob("*.yaml"))
            for document in yaml.load_all(path.read_text(), Loader)]


def of_shell(text):
    """The words after `exec chime-sweep` in a shell's command line."""
    return ["chime-sweep", *shlex.split(re.search(r"exec chime-sweep ([^'\n]*)", text)[1])]


def command_lines():
    for path in (DEPLOY / "slurm" / "worker.sbatch", DEPLOY / "slurm" / "submit.sh"):
        yield path, of_shell(path.read_text())
    for folder, key in (("kubernetes", "command"), ("aws-batch", "Command")):
        for path, document in documents(folder):
            for words in values(document, key):
                yield path, of_shell(words[2]) if words[0] == "sh" else words


def result(words, variables):
    """The exit code: 1 for files that are not there, 2 for a command line that is not understood."""
    words = [word.replace("/data/", "/nowhere/") for word in words[1:]]
    environment = {"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true", **variables}
    done = subprocess.run([SWEEP, *words], env=environment, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


def permissions(command):
    """The actions of a command's policy, as `help permissions` prints it."""
    text = subprocess.run([SWEEP, "help", "permissions"], check=True, capture_output=True, text=True, timeout=60).stdout
    policy = text.split(f"\n{command}:\n", 1)[1].split("\n{", 1)[1].split("\n}", 1)[0]
    return json.loads("{" + policy + "}")["Statement"][0]["Action"]


def main():
    lines = list(command_lines())
    check("command lines", sorted(words[:2] for _, words in lines), [["chime-sweep", "merge"]] * 3 + [["chime-sweep", "run"]] * 3)
    for path, words in lines:
        name = f"{path.relative_to(ROOT)}: {shlex.join(words)}"
        variables = VARIABLES[path.parent.name]
        code, said = result(words, variables)
        check(f"{name} is understood", (code, said if code != 1 else ""), (1, ""))
        check(f"{name} would not be, with an option that does not exist", result([*words, "--no-such-option"], variables)[0], 2)
    allowed = {policy["PolicyName"]: [action for found in values(policy, "Action") for action in ([found] if isinstance(found, str) else found)]
               for _, document in documents("aws-batch") for policies in values(document, "Policies") for policy in policies}
    check("the role in each account may do what `run` needs, and no more", allowed["run"], permissions("run, rerun"))
    check("the role of the jobs may do what --accounts needs, and no more", allowed["accounts"],
          permissions("any of them with --accounts, beside what the roles need"))
    check("no other policy is about them", sorted(allowed), ["accounts", "files", "run"])
    roles = {name for _, document in documents("aws-batch") for key in ("MemberRoleName", "RoleName")
             for name in [document["Parameters"].get(key, {}).get("Default")] if name}
    check("the role has one name", len(roles), 1)
    rust = re.search(r"rust:([0-9.]+)-", (DEPLOY / "Containerfile").read_text())[1]
    needed = re.search(r'rust-version = "([0-9.]+)"', (ROOT / "Cargo.toml").read_text())[1]
    check(f"Rust {rust} builds what needs {needed}",
          [int(part) for part in rust.split(".")] >= [int(part) for part in needed.split(".")], True)
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
