#!/usr/bin/env python3
"""Checks that boto3 and the AWS CLI can talk to the simulator, and read its answers as the service's.

usage: check_peers.py ENDPOINT_URL      (a fresh simulator with fixtures/scenarios/errors.toml)

Prints one line per check; exits 1 if any of them failed. Needs boto3, and `aws` beside this Python or on the PATH.
"""

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = sys.argv[1] if len(sys.argv) == 2 else sys.exit(__doc__)
KEY = "AKIDSIMULATED"
SECRET = "simulated-secret-that-opens-nothing"
REGION = "eu-central-1"
failures = 0


def check(name, got, wanted):
    global failures
    failures += got != wanted
    print(f"ok    {name}" if got == wanted else f"FAIL  {name}\n      got    {got!r}\n      wanted {wanted!r}")


def client(key=KEY, secret=SECRET, token=None):
    config = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
    return boto3.client(
        "chime-sdk-voice",
        endpoint_url=ENDPOINT,
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=config,
    )


def disassociate(voice, connector, *numbers):
    return voice.disassociate_phone_numbers_from_voice_connector(
        VoiceConnectorId=connector, E164PhoneNumbers=list(numbers)
    )


def error_of(call, *arguments, **named):
    """The error's class, its code and its status, as botocore understood them."""
    try:
        call(*arguments, **named)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return type(error).__name__, error.response["Error"]["Code"], status
    return None


def modelled(name, status):
    return name, name, status


def check_boto3():
    voice = client()
    reply = disassociate(voice, "calm", "+12065550100")
    check("boto3: disassociate", reply["PhoneNumberErrors"], [])
    check("boto3: request id", reply["ResponseMetadata"]["RequestId"].startswith("sim-"), True)
    again = disassociate(voice, "calm", "+12065550100")["PhoneNumberErrors"]
    check("boto3: disassociate again", [error["ErrorCode"] for error in again], ["NotFound"])
    errors = disassociate(voice, "per number", "+12065550110", "+12065550111", "+12065550112")["PhoneNumberErrors"]
    check(
        "boto3: errors of single numbers",
        [(error["PhoneNumberId"], error["ErrorCode"], error["ErrorMessage"]) for error in errors],
        [("+12065550111", "Forbidden", "this number is protected"), ("+12065550112", "Throttled", "come again")],
    )
    check("boto3: transient, gone", disassociate(voice, "per number", "+12065550112")["PhoneNumberErrors"], [])

    pages = list(list_by_pages(voice, "large"))
    check("boto3: list by pages", [len(page["PhoneNumbers"]) for page in pages], [100, 100, 50])
    listed = [number["E164PhoneNumber"] for page in pages for number in page["PhoneNumbers"]]
    check("boto3: list in order", listed, [f"+1312555{n:04}" for n in range(250)])
    unlisted = error_of(voice.list_phone_numbers, MaxResults=101)
    check("boto3: list too much", unlisted, modelled("BadRequestException", 400))

    check("boto3: get number", describe(voice, "+13125550007"), ("Assigned", ["large"]))
    check("boto3: get number, encoded", describe(voice, "%2B13125550007"), ("Assigned", ["large"]))
    check("boto3: get number, free", describe(voice, "+12065550100"), ("Unassigned", []))
    unknown = error_of(voice.get_phone_number, PhoneNumberId="+19995550000")
    check("boto3: get unknown number", unknown, modelled("NotFoundException", 404))
    connectors = voice.list_voice_connectors(MaxResults=2)
    check("boto3: list connectors", [vc["VoiceConnectorId"] for vc in connectors["VoiceConnectors"]], ["calm", "large"])
    more = voice.list_voice_connectors(NextToken=connectors["NextToken"])
    check("boto3: list connectors, next page", [vc["Name"] for vc in more["VoiceConnectors"]], ["per number"])

    associate = voice.associate_phone_numbers_with_voice_connector
    check("boto3: associate", associate(VoiceConnectorId="calm", E164PhoneNumbers=["+12065550100"])["PhoneNumberErrors"], [])
    check("boto3: associated", describe(voice, "+12065550100"), ("Assigned", ["calm"]))
    taken = associate(VoiceConnectorId="large", E164PhoneNumbers=["+12065550100"])["PhoneNumberErrors"]
    check("boto3: associate elsewhere", [error["ErrorCode"] for error in taken], ["PhoneNumberAssociationsExist"])
    associate(VoiceConnectorId="large", E164PhoneNumbers=["+12065550100"], ForceAssociate=True)
    check("boto3: associate by force", describe(voice, "+12065550100"), ("Assigned", ["large"]))


def list_by_pages(voice, connector):
    page = voice.list_phone_numbers(FilterName="VoiceConnectorId", FilterValue=connector)
    yield page
    while token := page.get("NextToken"):
        page = voice.list_phone_numbers(FilterName="VoiceConnectorId", FilterValue=connector, NextToken=token)
        yield page


def describe(voice, number):
    number = voice.get_phone_number(PhoneNumberId=number)["PhoneNumber"]
    return number["Status"], [association["Value"] for association in number["Associations"]]


def check_boto3_errors():
    voice = client()
    for connector, name, status in [
        ("error-400", "BadRequestException", 400),
        ("error-401", "UnauthorizedClientException", 401),
        ("error-403", "ForbiddenException", 403),
        ("error-403-caller", "AccessDeniedException", 403),
        ("error-404", "NotFoundException", 404),
        ("error-429", "ThrottledClientException", 429),
        ("error-500", "ServiceFailureException", 500),
        ("error-503", "ServiceUnavailableException", 503),
        ("no such connector", "NotFoundException", 404),
    ]:
        check(f"boto3: {connector}", error_of(disassociate, voice, connector, "+12065550101"), modelled(name, status))
    conflict = error_of(disassociate, voice, "error-409", "+12065550101")
    check("boto3: error-409", conflict, ("ConflictException", "ConflictException", 409))
    check("boto3: bad pattern", error_of(disassociate, voice, "calm", "12-34"), modelled("BadRequestException", 400))

    forged = error_of(disassociate, client(secret="wrong"), "calm", "+12065550101")
    check("boto3: wrong secret", forged, ("ClientError", "InvalidSignatureException", 403))
    stranger = error_of(disassociate, client(key="AKIDNOBODY"), "calm", "+12065550101")
    check("boto3: unknown key", stranger, ("ClientError", "UnrecognizedClientException", 403))
    tokenless = error_of(disassociate, client("AKIDSIMULATEDTOKEN"), "calm", "+12065550101")
    check("boto3: missing token", tokenless, ("ClientError", "UnrecognizedClientException", 403))
    expired = error_of(disassociate, client("AKIDSIMULATEDEXPIRED"), "calm", "+12065550101")
    check("boto3: expired key", expired, ("ClientError", "ExpiredTokenException", 403))
    with_token = client("AKIDSIMULATEDTOKEN", token="simulated/token+=")
    check("boto3: with token", len(with_token.list_phone_numbers()["PhoneNumbers"]), 100)


def aws(*arguments, secret=SECRET, service="chime-sdk-voice"):
    beside = Path(sys.executable).parent / "aws"
    environment = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_ENDPOINT_URL": ENDPOINT,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,  # what version 1 of the CLI reads
        "AWS_MAX_ATTEMPTS": "1",
    }
    command = [beside if beside.exists() else shutil.which("aws"), service, *arguments, "--output", "json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr.strip()


def check_cli():
    batch = ["disassociate-phone-numbers-from-voice-connector", "--voice-connector-id"]
    check("aws: disassociate", aws(*batch, "calm", "--e164-phone-numbers", "+12065550101"), {"PhoneNumberErrors": []})
    refused = aws(*batch, "error-429", "--e164-phone-numbers", "+12065550101")
    check("aws: throttled", "(ThrottledClientException)" in str(refused), True)
    forged = aws("list-voice-connectors", secret="wrong")
    check("aws: wrong secret", "(InvalidSignatureException)" in str(forged), True)
    number = aws("get-phone-number", "--phone-number-id", "+13125550001")
    check("aws: get number", number["PhoneNumber"]["Associations"][0]["Value"], "large")
    page = aws("list-phone-numbers", "--filter-name", "VoiceConnectorId", "--filter-value", "large", "--max-results", "7")
    check("aws: list", (len(page["PhoneNumbers"]), "NextToken" in page), (7, True))


def check_sts():
    sts = boto3.client("sts", endpoint_url=ENDPOINT, region_name=REGION, aws_access_key_id=KEY, aws_secret_access_key=SECRET)
    caller = sts.get_caller_identity()
    check("boto3: caller", (caller["Account"], caller["Arn"]), ("000000000000", "arn:aws:iam::000000000000:user/simulated"))
    check("boto3: no other action", error_of(sts.get_session_token)[1], "InvalidAction")
    caller = aws("get-caller-identity", service="sts")
    check("aws: caller", (caller["Account"], caller["UserId"]), ("000000000000", "AIDASIMULATED"))
    forged = aws("get-caller-identity", service="sts", secret="wrong")
    check("aws: caller, wrong secret", "(InvalidSignatureException)" in str(forged), True)


def check_ledger():
    with urllib.request.urlopen(f"{ENDPOINT}/_simulator/ledger") as reply:
        ledger = json.load(reply)
    applied = [(entry["connector"], entry["number"]) for entry in ledger["applications"]]
    wanted = [("calm", "+12065550100"), ("per number", "+12065550110"), ("per number", "+12065550112"), ("calm", "+12065550101")]
    check("the ledger holds these changes and no others", applied, wanted)


check_boto3()
check_boto3_errors()
check_cli()
check_sts()
check_ledger()
sys.exit(1 if failures else 0)
