#!/usr/bin/env python3
"""Measures how chime-sweep grows with its input: time and memory per row, from 10,000 rows to 10,000,000.

usage: scale.py [--rows N ...] [--folder DIR]

For each size, and at 1,000,000 rows for each shape of input: `plan` against one bare pass of the csv crate over the same file (benches/peers/bare-csv);
`run` against the simulator without a limit; and what it takes to write its report (`rerun`, which finds nothing to do and
writes it again, less `plan`, which only reads it) against a bare copy. Prints Markdown. CPU times are user + system, the
least of three; of one, for 10,000,000 rows, which need 4 GB of disk and a few minutes.
"""

import argparse
import os
import tempfile
from pathlib import Path

import compare

SIZES = [10_000, 100_000, 1_000_000, 10_000_000]
SHAPES = {
    "8 connectors in turn": lambda row, _: row % 8,
    "1 connector": lambda row, _: 0,
    "100,000 connectors in turn": lambda row, _: row % 100_000,
    "100,000 connectors, sorted": lambda row, rows: row * 100_000 // rows,
    "100,000 connectors, shuffled": lambda row, _: row * 48_271 % 999_983 % 100_000,
}


def write_input(path, rows, connector_of):
    with open(path, "w") as out:
        out.write("voice_connector_id,phone_number\n")
        out.writelines(f"vc{connector_of(row, rows):06},+1206{row:07}\n" for row in range(rows))


def least(times, command, environment=os.environ):
    """The lowest of several runs: other programs on the machine only add to the time."""
    return min((compare.measure(command, environment) for _ in range(times)), key=lambda result: result["cpu"])


def job(folder, source, report):
    """A run against a simulator of its own."""
    with compare.simulator(folder, "") as environment:
        return compare.measure([compare.SWEEP, "run", source, "--output", report, "--overwrite", "--yes", "--quiet"], environment)


def measure(bare, folder, rows, connector_of):
    source, report, copy = folder / "numbers.csv", folder / "report.csv", folder / "copy.csv"
    write_input(source, rows, connector_of)
    times = 3 if rows < 10_000_000 else 1
    run = min((job(folder, source, report) for _ in range(times)), key=lambda result: result["cpu"])
    environment = os.environ | {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_REGION": "us-east-1",
                                "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}  # nothing is sent
    results = {
        "pass": least(times, [bare, source]),
        "plan": least(times, [compare.SWEEP, "plan", source]),
        "run": run,
        "copy": least(times, [bare, report, copy]),
        "reread": least(times, [compare.SWEEP, "plan", report]),
        "rerun": least(times, [compare.SWEEP, "rerun", report, "--yes", "--quiet", "--other-target"], environment),
    }
    for path in (source, report, copy):
        path.unlink()
    assert all(result["status"] == 0 for result in results.values()), results
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES, help="sizes of the input")
    parser.add_argument("--folder", type=Path, help="where the files go for the while (default: the system's)")
    options = parser.parse_args()
    compare.build(with_peers=False)
    bare = compare.build_peer("bare-csv", "bare-csv")
    print("| | rows | plan, µs a row | of a csv pass | run, µs a row | peak MB | bytes a row over 20 MB "
          "| writing the report, µs a row | of a csv copy |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="chime-sweep-scale-", dir=options.folder) as folder:
        for rows in options.rows:
            for shape, connector_of in SHAPES.items():
                if shape != "8 connectors in turn" and rows != 1_000_000:
                    continue
                results = measure(bare, Path(folder), rows, connector_of)
                a_row = {name: 1e6 * result["cpu"] / rows for name, result in results.items()}
                writing = a_row["rerun"] - a_row["reread"]
                peak = max(result["memory"] for result in results.values())
                over = max(0, (peak - 20) * 2**20 / rows)
                print(f"| {shape} | {rows:,} | {a_row['plan']:.2f} | {a_row['plan'] / a_row['pass']:.1f} | {a_row['run']:.2f} "
                      f"| {peak:.0f} | {over:.0f} | {writing:.2f} | {writing / a_row['copy']:.1f} |", flush=True)


if __name__ == "__main__":
    main()
