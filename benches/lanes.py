#!/usr/bin/env python3
"""Measures how one chime-sweep process grows with its lanes: accounts and regions that each have a limit of their own.

usage: lanes.py [--lanes N ...] [--rate N] [--seconds N] [--folder DIR]

For each number of lanes: a simulator in a process of its own that grants each lane --rate requests a second (a burst of
one second's worth), an input that takes --seconds at that rate, and the release binary. Prints Markdown. The efficiency
of a lane is the shortest possible time over the time from the first to the last answer, by the report's `completed_at`.
"""

import argparse
import csv
import statistics
import tempfile
from datetime import datetime
from pathlib import Path

import compare

REGIONS = ["us-east-1", "us-west-2", "ca-central-1", "eu-central-1", "eu-west-1", "eu-west-2", "ap-northeast-1",
           "ap-northeast-2", "ap-southeast-1", "ap-southeast-2"]
SECRET = "simulated-secret-that-opens-nothing"


def lanes_of(count):
    """As few accounts as possible, each with up to ten regions."""
    return [(lane // len(REGIONS), REGIONS[lane % len(REGIONS)]) for lane in range(count)]


def write_input(path, lanes, requests):
    """A number is a request (`--batch-size 1`). Lanes take turns."""
    with open(path, "w") as out:
        out.write("voice_connector_id,phone_number,profile,region\n")
        for request in range(requests):
            for lane, (account, region) in enumerate(lanes):
                out.write(f"connector{lane:04}abcdefgh,+44{lane:04}{request:06},team{account},{region}\n")


def write_profiles(folder, lanes):
    """An account's keys in the simulator end in its id."""
    accounts = sorted({account for account, _ in lanes})
    (folder / "credentials").write_text("".join(
        f"[team{account}]\naws_access_key_id = AKIASIMU{account + 1:012}\naws_secret_access_key = {SECRET}\n" for account in accounts))
    (folder / "config").write_text("".join(f"[profile team{account}]\n" for account in accounts))


def efficiencies(report, rate, requests):
    """Of each lane."""
    times = {}
    with open(report, newline="") as rows:
        for row in csv.DictReader(rows):
            assert row["status"] == "succeeded", row
            times.setdefault((row["profile"], row["region"]), []).append(datetime.fromisoformat(row["completed_at"]).timestamp())
    ideal = (requests - rate) / rate
    return [ideal / max(max(lane) - min(lane), ideal / 2) for lane in times.values()]


def measure(folder, count, rate, seconds):
    lanes, requests = lanes_of(count), rate * (seconds + 1)
    source, report = folder / "numbers.csv", folder / "report.csv"
    write_input(source, lanes, requests)
    write_profiles(folder, lanes)
    scenario = f'[latency]\nmean = "50ms"\njitter = "20ms"\n[throttle]\nrate = {rate}\nburst = {rate}\n'
    with compare.simulator(folder, scenario) as environment:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"):
            environment.pop(name, None)
        environment |= {"AWS_CONFIG_FILE": str(folder / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials")}
        result = compare.measure([compare.SWEEP, "run", source, "--output", report, "--overwrite", "--yes", "--quiet",
                                  "--batch-size", "1", "--no-remember", "--concurrency", "4"], environment)
        tally = compare.ask(environment, "tally")
    assert result["status"] == 0, result
    return result | {"lanes": count, "requests": tally["requests"], "throttled": 100 * tally["throttled"] / tally["requests"],
                     "efficiencies": efficiencies(report, rate, requests)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lanes", type=int, nargs="+", default=[1, 10, 100, 1_000])
    parser.add_argument("--rate", type=int, default=10, help="requests a second of each lane")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--folder", type=Path, help="where the files go for the while (default: the system's)")
    options = parser.parse_args()
    compare.build(with_peers=False)
    print(f"{options.rate} requests/s a lane, for {options.seconds} s\n")
    print("| lanes | requests/s | CPU, % of a core | CPU a request, µs | peak MB | KB a lane | throttled | efficiency of the lanes: median | least |")
    print("|---|---|---|---|---|---|---|---|---|")
    alone = None
    for count in options.lanes:
        with tempfile.TemporaryDirectory(prefix="chime-sweep-lanes-", dir=options.folder) as folder:
            result = measure(Path(folder), count, options.rate, options.seconds)
        alone = alone or result
        more = count - alone["lanes"]
        a_lane = f"{1024 * (result['memory'] - alone['memory']) / more:.0f}" if more else ""
        print(f"| {count:,} | {result['requests'] / result['wall']:,.0f} | {100 * result['cpu'] / result['wall']:.1f} "
              f"| {1e6 * result['cpu'] / result['requests']:.0f} | {result['memory']:.0f} | {a_lane} | {result['throttled']:.1f} % "
              f"| {statistics.median(result['efficiencies']):.2f} | {min(result['efficiencies']):.2f} |", flush=True)


if __name__ == "__main__":
    main()
