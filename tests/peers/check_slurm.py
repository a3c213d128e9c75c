#!/usr/bin/env python3
"""Runs deploy/slurm on a real Slurm: an array of 4 over 8 lanes, whose tasks are cancelled, requeued, stopped and killed.

usage: check_slurm.py [SWEEP]     (default: target/release/chime-sweep; needs root, and Slurm or apt)

A simulator with a limit for each account and region is the service, and its ledger the truth that the merged report is
held against. Prints one line per check; exits 1 if any of them failed or something took too long. Whatever happens,
everything that was started is stopped.
"""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SLURM = ROOT / "deploy" / "slurm"
SWEEP = Path(sys.argv[1] if len(sys.argv) == 2 else ROOT / "target" / "release" / "chime-sweep").resolve()
ACCOUNTS = {f"team{number}": str(number) * 12 for number in range(1, 5)}
REGIONS = ["eu-central-1", "us-east-1"]
LANES = [(profile, region) for profile in ACCOUNTS for region in REGIONS]
TASKS = 4
RATE = 4  # requests a second in each lane
BATCH = 5  # numbers in a request
ROWS = 600  # of each lane: 30 s
LIMIT = 240  # seconds for everything
started = time.monotonic()
failures = 0


def check(name, got, wanted=True):
    global failures
    failures += got != wanted
    print(f"ok    {name}" if got == wanted else f"FAIL  {name}\n      got    {got!r}\n      wanted {wanted!r}", flush=True)


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def wait_until(what, condition):
    """Waits until the condition gives something, and returns that."""
    while not (result := condition()):
        if time.monotonic() - started > LIMIT:
            sys.exit(f"FAIL  not after {LIMIT} s: {what}")
        time.sleep(0.5)
    return result


def job(name):
    """A job's state, exit code and number of restarts."""
    text = output("scontrol", "show", "job", name, "--oneliner")
    return tuple(re.search(rf"\b{key}=(\S+)", text)[1] for key in ("JobState", "ExitCode", "Restarts"))


def write_input(path):
    """Lanes take turns, so that every task's rows are all over the file."""
    with open(path, "w") as out:
        out.write("voice_connector_id,phone_number,profile,region\n")
        for row in range(ROWS):
            for lane, (profile, region) in enumerate(LANES):
                out.write(f"connector{lane}abcdefghijkl,+1206{lane}{row:06},{profile},{region}\n")


def write_profiles(folder):
    """An account's keys in the simulator are named after it."""
    (folder / "credentials").write_text("".join(
        f"[{profile}]\naws_access_key_id = AKIASIMU{account}\naws_secret_access_key = simulated-secret-that-opens-nothing\n"
        for profile, account in ACCOUNTS.items()))
    (folder / "config").write_text("".join(f"[profile {profile}]\n" for profile in ACCOUNTS))
    (folder / "scenario.toml").write_text(f'[latency]\nmean = "40ms"\n[throttle]\nrate = {RATE}\nburst = {RATE}\n')


class Service:
    """A simulator in a process of its own."""

    def __init__(self, folder):
        command = [SWEEP, "simulate", "--scenario", folder / "scenario.toml"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        lines = iter(self.process.stdout.readline, "")
        self.url = next(line.split("=", 1)[1].strip() for line in lines if line.startswith("export AWS_ENDPOINT_URL="))

    def applications(self):
        with urllib.request.urlopen(f"{self.url}/_simulator/ledger", timeout=60) as reply:
            return json.load(reply)["applications"]

    def done(self):
        """How many numbers are removed in each lane."""
        return Counter((change["account"], change["region"]) for change in self.applications())

    def stop(self):
        self.process.terminate()
        self.process.wait()


def process_of(task):
    """The worker of a task: what the batch script has become."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if Path(os.readlink(folder / "exe")) == SWEEP and f"\0SLURM_ARRAY_TASK_ID={task}\0" in (folder / "environ").read_text():
                return int(folder.name)
        except OSError:
            pass  # it has ended
    return None


def lanes_of(task):
    """Lanes of equal size are dealt in turn. As the ledger has them."""
    return [(ACCOUNTS[profile], region) for profile, region in LANES[task::TASKS]]


def disturb(workers, service):
    """One task each is cancelled, requeued, stopped and killed, in the middle of its work."""
    wait_until("every lane has begun", lambda: len(service.done()) == len(LANES))
    wait_until("a fifth of the work", lambda: min(service.done().values()) >= ROWS // 5)
    output("scancel", f"{workers}_0")
    output("scontrol", "requeue", f"{workers}_1")
    os.kill(wait_until("task 2 runs", lambda: process_of(2)), signal.SIGKILL)
    wait_until("task 0 is cancelled", lambda: job(f"{workers}_0")[0] == "CANCELLED")
    wait_until("task 2 has failed", lambda: job(f"{workers}_2")[0] == "FAILED")
    check("a killed task fails by signal 9, and is not started again by itself", job(f"{workers}_2")[1], "0:9")
    for task in (0, 2):
        output("scontrol", "requeue", f"{workers}_{task}")
    wait_until("task 1 runs again", lambda: job(f"{workers}_1")[::2] == ("RUNNING", "1"))
    before = service.done()
    wait_until("it works again", lambda: any(service.done()[lane] > before[lane] for lane in lanes_of(1)))
    os.kill(process_of(1), signal.SIGTERM)
    wait_until("task 1 is started again by its exit code", lambda: job(f"{workers}_1")[2] == "2")


def pace(samples, lane):
    """The largest share of its limit that a lane had over ten seconds."""
    at = [(when, done[lane]) for when, done in samples]
    shares = [(done - before) / BATCH / RATE / (when - since)
              for since, before in at for when, done in at if 10 <= when - since <= 15]
    return max(shares, default=0.0)


def hold_against_the_ledger(report, applications):
    """Every number was removed once, in its own account and region, and the report says so."""
    of_ledger = Counter((change["account"], change["region"], change["number"]) for change in applications)
    check("every number was removed", len(of_ledger), len(LANES) * ROWS)
    check("none was removed twice", set(of_ledger.values()), {1})
    with open(report, newline="") as rows:
        rows = list(csv.DictReader(rows))
    said = Counter((ACCOUNTS[row["profile"]], row["region"], row["phone_number"]) for row in rows if row["status"] == "succeeded")
    check("the merged report says so of every row", said == of_ledger)
    check("it has as many rows as the input", len(rows), len(LANES) * ROWS)


def run(folder):
    source = folder / "numbers.csv"
    write_input(source)
    write_profiles(folder)
    service = Service(folder)
    try:
        os.environ |= {"AWS_ENDPOINT_URL": service.url, "AWS_CONFIG_FILE": str(folder / "config"),
                       "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"), "AWS_EC2_METADATA_DISABLED": "true",
                       "XDG_STATE_HOME": str(folder), "CHIME_SWEEP_BATCH_SIZE": str(BATCH),
                       "PATH": f"{SWEEP.parent}:{os.environ['PATH']}"}
        workers, merge = output(SLURM / "submit.sh", source, str(TASKS)).split()
        disturb(workers, service)
        samples = []

        def is_merged():
            samples.append((time.monotonic(), service.done()))
            return job(merge)[0] in ("COMPLETED", "FAILED")

        wait_until("the reports are merged", is_merged)
        for task, restarts in enumerate([1, 2, 1, 0]):
            check(f"task {task} has ended well after {restarts} restarts", job(f"{workers}_{task}"), ("COMPLETED", "0:0", str(restarts)))
        check("the merge has ended well", job(merge)[0], "COMPLETED")
        applications = service.applications()
        hold_against_the_ledger(folder / "numbers.report.csv", applications)
        for profile, region in LANES:
            share = pace(samples, (ACCOUNTS[profile], region))
            check(f"{profile} in {region} had {share:.2f} of its limit", share >= 0.8)
    finally:
        service.stop()
        if failures or sys.exc_info()[0]:
            print(output("scontrol", "show", "job", "--oneliner"))
            for log in sorted(folder.glob("chime-sweep-*.log")):
                print(f"--- {log.name}\n{log.read_text()}")


def main():
    if os.geteuid() != 0:
        sys.exit(print("skipped: Slurm is not tested, because only root can start it here"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    os.environ["PATH"] += ":/usr/local/sbin:/usr/sbin:/sbin"
    with tempfile.TemporaryDirectory(prefix="chime-sweep-slurm-") as folder:
        os.chmod(folder, 0o755)  # munged, which is not root, has its socket in there
        slurm = Path(folder) / "slurm"
        os.environ["SLURM_CONF"] = str(slurm / "slurm.conf")
        work = Path(folder) / "work"
        work.mkdir()
        os.chdir(work)
        try:
            subprocess.run([SLURM / "setup.sh", slurm], check=True, timeout=LIMIT)
            run(work)
        finally:
            subprocess.run(["scancel", "--user", "root"], timeout=60)
            subprocess.run([SLURM / "setup.sh", slurm, "stop"], timeout=60)
            os.chdir("/")
    print(f"{'FAILED: ' + str(failures) if failures else 'all passed'}, {time.monotonic() - started:.0f} s")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
