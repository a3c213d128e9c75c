#!/usr/bin/env python3
"""Compares chime-sweep with what a competent user would write instead, all against the same simulated service.

usage: compare.py [--quick] [--pacing] [--runs N] [SCENARIO ...]

Builds chime-sweep and the peers (benches/peers), starts `chime-sweep simulate` anew for every run, and prints Markdown.
Everything is a process of its own and talks over loopback. The simulator's ledger is the truth that reports are held
against. --pacing shows how chime-sweep alone finds limits that it is not told, against what it is to reach; takes 5
minutes. --quick: small inputs.
"""

import argparse
import concurrent.futures
import contextlib
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import urllib.request
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILT = ROOT / "target" / "peers"
BOTO3 = "boto3==1.44.5"
SWEEP = ROOT / "target" / "release" / "chime-sweep"
CARGO = ["cargo", "build", "--release", "--quiet", "--locked"]

# A child's peak memory is at least that of the process that starts it, so a small process starts it.
MEASURE = """
import os, sys, time
start = time.monotonic()
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, 1, 0)])
_, status, usage = os.wait4(pid, 0)
wall = time.monotonic() - start
print(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, os.waitstatus_to_exitcode(status))
"""

SHAKY = """
[[fault]]
does.error = { status = 503 }
p = 0.01
[[fault]]
does = "drop"
applied = true
p = 0.005
"""


def noise(share):
    """Refuses some requests at random, whatever the pace."""
    return f"[[fault]]\ndoes.error = {{ status = 429 }}\np = {share}\n"


class Scenario:
    """A service, a file, and the shortest time in which that service can do that file."""

    def __init__(self, rows, rate=None, batch=50, changes=(), latency=0.05, outage=None, faults="", second=0.0,
                 noise=0.0, burst=None, least=0.97, most=3.0, within=None):
        self.rows, self.rate, self.batch, self.changes = rows, rate, batch, changes
        self.burst = burst or rate
        self.noise = noise  # the share of the requests that is refused at random, after it has taken its token
        self.second = second  # the share of the limit that a second chime-sweep takes with --rate
        # Targets: efficiency, throttled %, and seconds from the last change to nine tenths of the new pace.
        self.least, self.most, self.within = least, most, within
        self.latency, self.outage, self.faults = latency if rate else 0.0, outage, faults

    def requests(self):
        return -(-self.rows // self.batch)

    def toml(self):
        if not self.rate:
            return ""
        text = f'[latency]\nmean = "{self.latency * 1000:.0f}ms"\njitter = "{self.latency * 400:.0f}ms"\n'
        text += f"[throttle]\nrate = {self.rate}\nburst = {self.burst}\n"
        text += "".join(f'[[throttle.changes]]\nat = "{at}s"\nrate = {rate}\n' for at, rate in self.changes)
        if self.outage:
            text += f'[[outage]]\nfrom = "{self.outage[0]}s"\nto = "{self.outage[1]}s"\ndoes.error = {{ status = 503 }}\n'
        return text + self.faults + (noise(self.noise) if self.noise else "")

    def ideal(self):
        """Seconds until the bucket, full at first and after an outage, has granted every request."""
        at, left, rate = 0.0, self.requests() / (1 - self.noise) - self.burst, self.rate * (1 - self.second)
        pieces = [(at, lambda _, new=rate: new) for at, rate in self.changes]
        if self.outage:
            pieces += [(self.outage[0], lambda _: 0.0), (self.outage[1], lambda _: self.rate)]
        for until, change in sorted(pieces, key=lambda piece: piece[0]):
            if left <= rate * (until - at):
                break
            left -= rate * (until - at)
            at, rate = until, change(rate)
            if self.outage and until == self.outage[1]:
                left -= self.rate
        return at + max(left, 0.0) / rate + self.latency

    def write_input(self, path, connectors=8, area=1206):
        with open(path, "w") as out:
            out.write("voice_connector_id,phone_number\n")
            for row in range(self.rows):
                out.write(f"connector{row % connectors}abcdefghijkl,+{area}{row:07}\n")

    def of_second(self):
        """The second client's job: as long as the first one's."""
        return Scenario(round(self.ideal() * self.second * self.rate), rate=self.second * self.rate, batch=1)

    def reached(self, per_second):
        """Seconds from the last change until nine tenths of the pace that it makes possible, over five seconds."""
        since, pace = (self.outage[1], self.rate) if self.outage else self.changes[-1]
        for second in range(since, len(per_second) - 5):
            if sum(per_second[second:second + 5]) >= 0.9 * 5 * pace:
                return second - since
        return float("inf")


SCENARIOS = {
    "no limit": Scenario(200_000),
    "one row": Scenario(1),
    "10 requests/s": Scenario(10_000, rate=10),
    "50 requests/s, 1 % of 503, 0.5 % of replies lost": Scenario(100_000, rate=50, faults=SHAKY),
}
QUICK = {
    "no limit": Scenario(20_000),
    "one row": Scenario(1),
    "50 requests/s, 1 % of 503, 0.5 % of replies lost": Scenario(15_000, rate=50, faults=SHAKY),
}
TRIPLES, SHORT = {"most": 6.0, "within": 60}, {"least": 0.95, "most": 8.0}
NOISY = {"least": 0.9, "most": 25.0}
PACING = {
    "2/s, 200 requests": Scenario(200, rate=2, batch=1, **SHORT),
    "10/s, 200 requests": Scenario(200, rate=10, batch=1, **SHORT),
    "10/s, 2,000 requests": Scenario(2_000, rate=10, batch=1),
    "50/s, 2,000 requests": Scenario(2_000, rate=50, batch=1),
    "200/s, 2,000 requests": Scenario(2_000, rate=200, batch=1, least=0.93, most=6.0),
    "10/s, after 60 s 3/s": Scenario(1_000, rate=10, batch=1, changes=[(60, 3)], most=4.0),
    "50/s, after 20 s 15/s": Scenario(2_000, rate=50, batch=1, changes=[(20, 15)], most=4.0),
    "10/s, after 60 s 30/s": Scenario(2_400, rate=10, batch=1, changes=[(60, 30)], least=0.0, **TRIPLES),
    "50/s, after 20 s 150/s": Scenario(6_000, rate=50, batch=1, changes=[(20, 150)], least=0.0, **TRIPLES),
    "10/s, a second client takes 3/s": Scenario(1_000, rate=10, batch=1, second=0.3, least=0.95, most=8.0),
    "10/s, no service from 30 s to 90 s": Scenario(1_000, rate=10, batch=1, outage=(30, 90), least=0.0, within=35),
    "50/s, 1 % of 503, 0.5 % of replies lost": Scenario(2_000, rate=50, batch=1, faults=SHAKY, least=0.95),
    "10/s, 5 % refused at random": Scenario(2_000, rate=10, batch=1, noise=0.05, **NOISY),
    "50/s, 2 % refused at random": Scenario(6_000, rate=50, batch=1, noise=0.02, **NOISY),
    "50/s, 10 % refused at random": Scenario(6_000, rate=50, batch=1, noise=0.1, **NOISY),
    "200/s, 5 % refused at random": Scenario(20_000, rate=200, batch=1, noise=0.05, **NOISY),
    "500/s, 6,000 requests": Scenario(6_000, rate=500, batch=1, least=0.95, most=6.0),
    "10/s, answers after 2 s": Scenario(2_000, rate=10, batch=1, latency=2.0, least=0.93, most=6.0),
    "5/s, no burst": Scenario(600, rate=5, burst=1, batch=1, least=0.8, most=6.0),
}
QUICK_PACING = {
    "50/s, 500 requests": Scenario(500, rate=50, batch=1),
    "200/s, 1,000 requests": Scenario(1_000, rate=200, batch=1),
}


def build_peer(folder, binary):
    subprocess.run([*CARGO, "--target-dir", BUILT], cwd=ROOT / "benches" / "peers" / folder, check=True)
    return BUILT / "release" / binary


def build(with_peers):
    subprocess.run(CARGO, cwd=ROOT, check=True)
    sweep = {"chime-sweep": lambda source, target, batch: [SWEEP, "run", source, "--output", target, "--yes", "--quiet",
                                                           "--batch-size", str(batch),
                                                           "--summary-json", target.with_suffix(".json")]}
    if not with_peers:
        return sweep
    rust = build_peer("rust-sdk", "rust-sdk-loop")
    python = BUILT / "venv" / "bin" / "python"
    if not python.exists():
        venv.create(BUILT / "venv", with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", BOTO3], check=True)
    return sweep | {
        "Rust SDK, buffer_unordered(16)": lambda source, target, _: [rust, source, target],
        "boto3, 16 threads": lambda source, target, _: [python, ROOT / "benches" / "peers" / "boto3.py", source, target],
    }


def ask(environment, question):
    url = f"{environment['AWS_ENDPOINT_URL']}/_simulator/{question}"
    with urllib.request.urlopen(url, timeout=60) as reply:
        return json.load(reply)


def check(report, ledger):
    """Rows whose number is still on its connector, and rows whose status is not true."""
    removed = {(n["connector"], n["number"]) for n in ledger["numbers"] if not n["associated"]}
    lost = wrong = 0
    with open(report, newline="") as rows:
        for row in csv.DictReader(rows):
            gone = (row["voice_connector_id"], row["phone_number"]) in removed
            lost += not gone
            wrong += row["status"] == ("failed" if gone else "succeeded")
    return lost, wrong


@contextlib.contextmanager
def simulator(folder, scenario):
    """A simulator in a process of its own; yields the environment of its clients."""
    (folder / "scenario.toml").write_text(scenario)
    process = subprocess.Popen([SWEEP, "simulate", "--scenario", folder / "scenario.toml"], stdout=subprocess.PIPE, text=True)
    try:
        told = {}
        while "AWS_REGION" not in told:  # the last line that it prints
            line = process.stdout.readline()
            assert line, "the simulator did not start"
            told |= dict(pair.split("=", 1) for pair in line.removeprefix("export ").split() if line[0] != "#")
        yield os.environ | told | {"AWS_EC2_METADATA_DISABLED": "true", "XDG_STATE_HOME": str(folder)}
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def measure(command, environment):
    """Seconds, CPU seconds, peak megabytes and exit code of a process."""
    line = [sys.executable, "-I", "-S", "-c", MEASURE, *command]
    measured = subprocess.run(line, env=environment, check=True, capture_output=True, text=True)
    wall, cpu, memory, status = measured.stdout.split()
    return {"wall": float(wall), "cpu": float(cpu), "memory": int(memory) / 1024, "status": int(status)}


def run(command, scenario, folder):
    """One job in a process, against a simulator in another."""
    folder.mkdir(parents=True, exist_ok=True)
    source, target = folder / "numbers.csv", folder / "report.csv"
    for left_over in (target, target.with_suffix(".json")):
        left_over.unlink(missing_ok=True)
    scenario.write_input(source)
    with simulator(folder, scenario.toml()) as environment:
        second = begin_second(command, scenario, folder, environment) if scenario.second else None
        result = measure(command(source, target, scenario.batch), environment)
        tally = ask(environment, "tally")
        own = json.loads(target.with_suffix(".json").read_text()) if target.with_suffix(".json").exists() else tally
        if second:
            tally["second"] = end_second(second, scenario, folder)
        lost, wrong = check(target, ask(environment, "ledger")) if target.exists() else (scenario.rows, 0)
    throttled = 100 * own["throttled"] / own["requests"]
    return result | {"lost": lost, "wrong": wrong, "tally": tally, "throttled": throttled}


def begin_second(command, scenario, folder, environment):
    """Another client of the same account, with a fixed rate that it keeps."""
    source = folder / "second.csv"
    scenario.of_second().write_input(source, area=1415)
    line = [*command(source, folder / "second.report.csv", 1), "--rate", str(scenario.second * scenario.rate)]
    return subprocess.Popen(line, env=environment | {"XDG_STATE_HOME": str(folder / "second")}, stdout=subprocess.DEVNULL)


def end_second(second, scenario, folder):
    """The rows that it did not finish, and how much of its share it got."""
    second.wait()
    summary = json.loads((folder / "second.report.json").read_text())
    with open(folder / "second.report.csv", newline="") as rows:
        lost = sum(row["status"] != "succeeded" for row in csv.DictReader(rows))
    return lost, scenario.of_second().rows / (scenario.second * scenario.rate) / summary["elapsed_seconds"]


def middle(results, key):
    return statistics.median(result[key] for result in results)


def spread(results, key, unit="{:.2f}"):
    values = sorted(result[key] for result in results)
    text = unit.format(statistics.median(values))
    return text if len(values) == 1 else f"{text} ({unit.format(values[0])} to {unit.format(values[-1])})"


def compare(scenarios, commands, runs, scratch):
    for name, scenario in scenarios.items():
        times = 1 if scenario.rate else runs
        results = {who: [] for who in commands}
        for nth in range(times):  # in turn, so that a machine that gets slower does so for all
            for who, command in commands.items():
                results[who].append(run(command, scenario, scratch / f"{nth}"))
        print(f"\n### {name}: {scenario.rows:,} numbers, {scenario.requests():,} requests, {times} run(s), median (least to most)\n")
        print("| | wall s | of the ideal | throttled | rows not done | rows reported wrongly | CPU s | numbers per CPU s | peak MB |")
        print("|---|---|---|---|---|---|---|---|---|")
        for who, of_one in results.items():
            efficiency = f"{scenario.ideal() / middle(of_one, 'wall'):.2f}" if scenario.rate else "–"
            print(f"| {who} | {spread(of_one, 'wall', '{:.3f}')} | {efficiency} | {of_one[-1]['throttled']:.1f} % "
                  f"| {middle(of_one, 'lost'):,.0f} | {middle(of_one, 'wrong'):,.0f} | {spread(of_one, 'cpu', '{:.3f}')} "
                  f"| {scenario.rows / middle(of_one, 'cpu'):,.0f} | {middle(of_one, 'memory'):.0f} |", flush=True)


def pacing(scenarios, commands, runs, scratch):
    command = commands["chime-sweep"]
    # They use little CPU, so they can run at the same time; the fastest run alone, and more than once.
    slow = {name: scenario for name, scenario in scenarios.items() if scenario.rate < 100}
    with concurrent.futures.ThreadPoolExecutor(max(len(slow), 1)) as pool:
        jobs = {name: pool.submit(run, command, scenario, scratch / f"{nth}")
                for nth, (name, scenario) in enumerate(slow.items())}
        results = {name: [job.result()] for name, job in jobs.items()}
    for name in scenarios.keys() - slow.keys():
        results[name] = [run(command, scenarios[name], scratch / f"alone{nth}") for nth in range(runs)]
    print("\n### Limits that chime-sweep is not told (burst: one second's worth, latency 50 ± 20 ms)\n")
    print("| | runs | wall s | of the ideal | throttled | rows not done | new pace after | CPU s | |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, scenario in scenarios.items():
        print(row(name, scenario, results[name]), flush=True)


def row(name, scenario, results):
    """A scenario's medians, each against its target."""
    efficiency, throttled = scenario.ideal() / middle(results, "wall"), middle(results, "throttled")
    lost = sum(result["lost"] + result["wrong"] for result in results)
    reached, told = 0, "–"
    if scenario.within:
        reached = statistics.median(scenario.reached(result["tally"]["per_second"]) for result in results)
        told = f"{reached} s (≤ {scenario.within})"
    least = f" (≥ {scenario.least})" if scenario.least else ""
    note = ""
    for result in results:
        if "second" in result["tally"]:
            its_lost, its_share = result["tally"]["second"]
            lost += its_lost
            note = f"; the second client got {its_share:.2f} of its pace"
    met = efficiency >= scenario.least and throttled <= scenario.most and not lost and reached <= (scenario.within or 0)
    return (f"| {name} | {len(results)} | {spread(results, 'wall')} | {efficiency:.3f}{least} | {throttled:.1f} % (≤ {scenario.most:g}) "
            f"| {lost} | {told} | {middle(results, 'cpu'):.2f} | {'met' if met else '**missed**'}{note} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small inputs, one run")
    parser.add_argument("--pacing", action="store_true", help="chime-sweep alone, against limits and an outage")
    parser.add_argument("--runs", type=int, default=5, help="runs where there is no limit, or a high one (default 5)")
    parser.add_argument("scenario", nargs="*", help="only scenarios with this in their name")
    options = parser.parse_args()
    scenarios = {(True, True): QUICK_PACING, (True, False): PACING, (False, True): QUICK}.get(
        (options.pacing, options.quick), SCENARIOS)
    if options.scenario:
        scenarios = {name: s for name, s in scenarios.items() if any(part in name for part in options.scenario)}
    commands = build(with_peers=not options.pacing)
    with tempfile.TemporaryDirectory(prefix="chime-sweep-compare-", dir=ROOT / "target") as scratch:
        if options.pacing:
            pacing(scenarios, commands, options.runs, Path(scratch))
        else:
            compare(scenarios, commands, 1 if options.quick else options.runs, Path(scratch))


if __name__ == "__main__":
    main()
