"""What a competent Python user writes instead: boto3, 16 threads, retries in the mode that AWS recommends.

usage: boto3.py INPUT.csv REPORT.csv      (endpoint, region and keys from the environment)

Reads the input as it sends, so its memory does not grow with the file; writes the result of every row.
"""

import csv
import sys
from collections import defaultdict
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

sys.path.pop(0)  # this file's folder, where `import boto3` would find this file
import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

BATCH = 50
THREADS = 16

voice = boto3.client(
    "chime-sdk-voice",
    config=Config(retries={"mode": "standard", "max_attempts": 10}, max_pool_connections=THREADS),
)


def batches(rows):
    """Rows of one connector, 50 at a time."""
    waiting = defaultdict(list)
    for row in rows:
        batch = waiting[row["voice_connector_id"]]
        batch.append(row["phone_number"])
        if len(batch) == BATCH:
            yield row["voice_connector_id"], waiting.pop(row["voice_connector_id"])
    yield from waiting.items()


def remove(connector, numbers):
    """The result of each number: its status and error code."""
    try:
        reply = voice.disassociate_phone_numbers_from_voice_connector(
            VoiceConnectorId=connector, E164PhoneNumbers=numbers
        )
    except ClientError as error:
        failure = error.response["Error"]["Code"]
    except BotoCoreError as error:
        failure = type(error).__name__
    else:
        errors = {e["PhoneNumberId"]: e["ErrorCode"] for e in reply["PhoneNumberErrors"]}
        return connector, [
            (number, "failed" if number in errors else "succeeded", errors.get(number, "")) for number in numbers
        ]
    return connector, [(number, "failed", failure) for number in numbers]


def main(source, target):
    with open(source, newline="") as rows, open(target, "w", newline="") as report:
        out = csv.writer(report)
        out.writerow(["voice_connector_id", "phone_number", "status", "error_code"])

        def write(done):
            for future in done:
                connector, results = future.result()
                out.writerows((connector, *result) for result in results)

        with ThreadPoolExecutor(THREADS) as pool:
            under_way = set()
            for connector, numbers in batches(csv.DictReader(rows)):
                under_way.add(pool.submit(remove, connector, numbers))
                if len(under_way) == 2 * THREADS:
                    done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                    write(done)
            write(under_way)


main(*sys.argv[1:])
