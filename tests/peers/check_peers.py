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
from datetime import datetime, timezone
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = sys.argv[1] if len(sys.argv) == 2 else sys.exit(__doc__)
KEY = "AKIDSIMULATED"
SECRET = "simulated-secret-that-opens-nothing"
REGION = "eu-central-1"
ACCOUNT = "000000000000"
failures = 0


def check(name, got, wanted):
    global failures
    failures += got != wanted
    print(f"ok    {name}" if got == wanted else f"FAIL  {name}\n      got    {got!r}\n      wanted {wanted!r}")


def client(key=KEY, secret=SECRET, token=None, region=REGION):
    config = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
    return boto3.client(
        "chime-sdk-voice",
        endpoint_url=ENDPOINT,
        region_name=region,
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
    again = associate(VoiceConnectorId="large", E164PhoneNumbers=["+12065550100"])["PhoneNumberErrors"]
    check("boto3: associate again", [error["ErrorCode"] for error in again], ["PhoneNumberAssociationsExist"])


def check_boto3_life():
    """What comes after a connector: group, deletion queue, and back."""
    voice = client()
    off_group = voice.disassociate_phone_numbers_from_voice_connector_group
    errors = off_group(VoiceConnectorGroupId="group", E164PhoneNumbers=["+12065550120", "+12065550100"])["PhoneNumberErrors"]
    check("boto3: off a group", [(error["PhoneNumberId"], error["ErrorCode"]) for error in errors], [("+12065550100", "NotFound")])
    ruled = disassociate(voice, "calm", "+12065550122")["PhoneNumberErrors"]
    check("boto3: on a SIP rule", [error["ErrorCode"] for error in ruled], ["BadRequest"])

    delete, restore = voice.batch_delete_phone_number, voice.restore_phone_number
    errors = delete(PhoneNumberIds=["+12065550120", "12065550123", "%2B12065550121", "+13125550000", "+19995550000"])["PhoneNumberErrors"]
    check(
        "boto3: delete",
        [(error["PhoneNumberId"], error["ErrorCode"]) for error in errors],
        [("+12065550121", "PhoneNumberAssociationsExist"), ("+13125550000", "PhoneNumberAssociationsExist"), ("+19995550000", "NotFound")],
    )
    check("boto3: delete nothing", error_of(delete, PhoneNumberIds=[]), modelled("BadRequestException", 400))
    queue = voice.list_phone_numbers(Status="DeleteInProgress")["PhoneNumbers"]
    wanted = ["+12065550120", "+12065550123", "+12065550125"]
    check("boto3: the deletion queue", [number["E164PhoneNumber"] for number in queue], wanted)
    check("boto3: deletion time", all(isinstance(number["DeletionTimestamp"], datetime) for number in queue), True)
    restored = restore(PhoneNumberId="+12065550120")["PhoneNumber"]
    check("boto3: restore", (restored["E164PhoneNumber"], restored["Status"]), ("+12065550120", "Unassigned"))
    check("boto3: restore, encoded", restore(PhoneNumberId="%2B12065550125")["PhoneNumber"]["Status"], "Unassigned")
    check("boto3: restore again", error_of(restore, PhoneNumberId="+12065550120"), modelled("NotFoundException", 404))
    check("boto3: restore too much", error_of(restore, PhoneNumberId="+19005554000"), modelled("ResourceLimitExceededException", 400))


def check_boto3_filters():
    voice = client()

    def listed(**filters):
        numbers = voice.list_phone_numbers(**filters)["PhoneNumbers"]
        return [(number["E164PhoneNumber"], number["ProductType"]) for number in numbers]

    trunk, dial_in = "VoiceConnector", "SipMediaApplicationDialIn"
    check("boto3: list a group", listed(FilterName="VoiceConnectorGroupId", FilterValue="group"), [("+12065550121", trunk)])
    check("boto3: list a SIP rule", listed(FilterName="SipRuleId", FilterValue="rule"), [("+12065550122", dial_in)])
    check("boto3: list a product", listed(ProductType=dial_in), [("+12065550122", dial_in)])
    unassigned = [(f"+1206555012{n}", trunk) for n in (0, 4, 5)]
    both = listed(Status="Unassigned", ProductType=trunk, MaxResults=100)
    check("boto3: list a status and a product", [number for number in both if number in unassigned], unassigned)
    check("boto3: list what is nowhere", listed(Status="Unassigned", FilterName="VoiceConnectorId", FilterValue="large"), [])
    page = voice.list_phone_numbers(Status="Assigned", MaxResults=99)
    check("boto3: list a status by pages", (len(page["PhoneNumbers"]), "NextToken" in page), (99, True))
    number = voice.get_phone_number(PhoneNumberId="+12065550124")["PhoneNumber"]
    details = [number[key] for key in ("Name", "Country", "Type", "ProductType", "Status", "Associations")]
    check("boto3: details", details, ["Reception, desk 1", "CA", "TollFree", trunk, "Unassigned", []])
    associations = voice.get_phone_number(PhoneNumberId="+12065550122")["PhoneNumber"]["Associations"]
    check("boto3: association", [(it["Name"], it["Value"], it["AssociatedTimestamp"].year) for it in associations], [("SipRuleId", "rule", 2024)])
    for name, filters in {
        "filter": {"FilterName": "OrderId", "FilterValue": "x"},
        "filter without value": {"FilterName": "SipRuleId"},
        "token": {"NextToken": "x"},
        "size": {"MaxResults": 0},
    }.items():
        check(f"boto3: list, wrong {name}", error_of(voice.list_phone_numbers, **filters), modelled("BadRequestException", 400))


def list_by_pages(voice, connector):
    page = voice.list_phone_numbers(FilterName="VoiceConnectorId", FilterValue=connector)
    yield page
    while token := page.get("NextToken"):
        page = voice.list_phone_numbers(FilterName="VoiceConnectorId", FilterValue=connector, NextToken=token)
        yield page


def describe(voice, number):
    number = voice.get_phone_number(PhoneNumberId=number)["PhoneNumber"]
    return number["Status"], [association["Value"] for association in number["Associations"]]


# Error → status, and the id of the connector and the number that have it in the scenario.
ERRORS = {
    "BadRequestException": (400, "error-400", "+19005550400"),
    "UnauthorizedClientException": (401, "error-401", "+19005550401"),
    "ForbiddenException": (403, "error-403", "+19005550403"),
    "AccessDeniedException": (403, "error-403-caller", "+19005554030"),
    "NotFoundException": (404, "error-404", "+19005550404"),
    "ConflictException": (409, "error-409", "+19005550409"),
    "ThrottledClientException": (429, "error-429", "+19005550429"),
    "ServiceFailureException": (500, "error-500", "+19005550500"),
    "ServiceUnavailableException": (503, "error-503", "+19005550503"),
}


def check_boto3_errors():
    voice = client()
    for name, (status, connector, number) in ERRORS.items():
        on_connector = {"VoiceConnectorId": connector, "E164PhoneNumbers": ["+12065550101"]}
        on_group = {"VoiceConnectorGroupId": connector, "E164PhoneNumbers": ["+12065550101"]}
        for call, arguments in [
            (voice.disassociate_phone_numbers_from_voice_connector, on_connector),
            (voice.disassociate_phone_numbers_from_voice_connector_group, on_group),
            (voice.associate_phone_numbers_with_voice_connector, on_connector),
            (voice.batch_delete_phone_number, {"PhoneNumberIds": [number]}),
            (voice.restore_phone_number, {"PhoneNumberId": number}),
            (voice.list_phone_numbers, {"FilterName": "VoiceConnectorId", "FilterValue": connector}),
            (voice.get_phone_number, {"PhoneNumberId": number}),
        ]:
            check(f"boto3: {call.__name__}, {name}", error_of(call, **arguments), modelled(name, status))
    nowhere = error_of(disassociate, voice, "no such connector", "+12065550101")
    check("boto3: no such connector", nowhere, modelled("NotFoundException", 404))
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


def aws(*arguments, key=KEY, secret=SECRET, service="chime-sdk-voice", **variables):
    beside = Path(sys.executable).parent / "aws"
    environment = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_ENDPOINT_URL": ENDPOINT,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,  # what version 1 of the CLI reads
        "AWS_MAX_ATTEMPTS": "1",
        **variables,
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
    page = aws("list-phone-numbers", "--filter-name", "VoiceConnectorId", "--filter-value", "large", "--next-token", page["NextToken"])
    check("aws: list, next page", page["PhoneNumbers"][0]["E164PhoneNumber"], "+13125550006")
    page = aws("list-phone-numbers", "--status", "Assigned", "--product-type", "SipMediaApplicationDialIn")
    check("aws: list, filtered", [number["E164PhoneNumber"] for number in page["PhoneNumbers"]], ["+12065550122"])
    connectors = aws("list-voice-connectors", "--max-results", "1")
    check("aws: connectors", (connectors["VoiceConnectors"][0]["Name"], "NextToken" in connectors), ("calm", True))
    off_group = ["disassociate-phone-numbers-from-voice-connector-group", "--voice-connector-group-id", "group"]
    check("aws: off a group", aws(*off_group, "--e164-phone-numbers", "+12065550121"), {"PhoneNumberErrors": []})
    number = "+12065550101"
    check("aws: delete", aws("batch-delete-phone-number", "--phone-number-ids", number), {"PhoneNumberErrors": []})
    restored = aws("restore-phone-number", "--phone-number-id", number)
    check("aws: restore", restored["PhoneNumber"]["Status"], "Unassigned")
    associate = ["associate-phone-numbers-with-voice-connector", "--voice-connector-id", "calm", "--e164-phone-numbers", number]
    check("aws: associate", aws(*associate, "--no-force-associate"), {"PhoneNumberErrors": []})
    taken = aws(*associate, "--no-force-associate")["PhoneNumberErrors"]
    check("aws: associate again", [error["ErrorCode"] for error in taken], ["PhoneNumberAssociationsExist"])
    check("aws: associate by force", aws(*associate, "--force-associate"), {"PhoneNumberErrors": []})
    for name in ("BadRequestException", "ThrottledClientException", "ServiceUnavailableException"):
        for arguments in (["batch-delete-phone-number", "--phone-number-ids"], ["restore-phone-number", "--phone-number-id"]):
            refused = aws(*arguments, ERRORS[name][2])
            check(f"aws: {arguments[0]}, {name}", f"({name})" in str(refused), True)


def sts_client(key=KEY, secret=SECRET, token=None):
    keys = {"aws_access_key_id": key, "aws_secret_access_key": secret, "aws_session_token": token}
    return boto3.client("sts", endpoint_url=ENDPOINT, region_name=REGION, **keys)


def check_sts():
    sts = sts_client()
    caller = sts.get_caller_identity()
    check("boto3: caller", (caller["Account"], caller["Arn"]), ("000000000000", "arn:aws:iam::000000000000:user/simulated"))
    check("boto3: no other action", error_of(sts.get_session_token)[1], "InvalidAction")
    caller = aws("get-caller-identity", service="sts")
    check("aws: caller", (caller["Account"], caller["UserId"]), ("000000000000", "AIDASIMULATED"))
    forged = aws("get-caller-identity", service="sts", secret="wrong")
    check("aws: caller, wrong secret", "(InvalidSignatureException)" in str(forged), True)


def check_lanes():
    """A role's keys, in an account that has its own numbers in each region."""
    role = "arn:aws:iam::111111111111:role/team/cleaner"
    lent = sts_client().assume_role(RoleArn=role, RoleSessionName="night@1")
    session = "arn:aws:sts::111111111111:assumed-role/cleaner/night@1"
    check("boto3: assume a role", lent["AssumedRoleUser"]["Arn"], session)
    life = lent["Credentials"]["Expiration"] - datetime.now(timezone.utc)
    check("boto3: its keys last an hour", 3500 < life.total_seconds() <= 3600, True)
    keys = [lent["Credentials"][name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
    check("boto3: caller with a role's keys", sts_client(*keys).get_caller_identity()["Arn"], session)
    check("boto3: a role's keys without token", error_of(client(*keys[:2]).list_phone_numbers)[1:], ("UnrecognizedClientException", 403))

    def held(region):
        return sum(len(page["PhoneNumbers"]) for page in list_by_pages(client(*keys, region=region), "calm"))

    check("boto3: numbers in two regions", [held("eu-central-1"), held("us-east-1")], [2, 2])
    here = client(*keys, region="us-east-1")
    check("boto3: disassociate in one", disassociate(here, "calm", "+12065550100")["PhoneNumberErrors"], [])
    check("boto3: numbers in each region", [held("eu-central-1"), held("us-east-1")], [2, 1])
    connector = here.list_voice_connectors()["VoiceConnectors"][0]
    check("boto3: connector's ARN", connector["VoiceConnectorArn"], "arn:aws:chime:us-east-1:111111111111:vc/calm")

    denied = error_of(sts_client().assume_role, RoleArn="arn:aws:iam::111111111111:role/denied", RoleSessionName="night")
    check("boto3: a denied role", denied, ("ClientError", "AccessDenied", 403))
    forged = error_of(sts_client(secret="wrong").assume_role, RoleArn=role, RoleSessionName="night")
    check("boto3: assume a role, wrong secret", forged, ("ClientError", "InvalidSignatureException", 403))

    cli = aws("assume-role", "--role-arn", role.replace("1" * 12, "2" * 12), "--role-session-name", "night", service="sts")["Credentials"]
    cli = {"key": cli["AccessKeyId"], "secret": cli["SecretAccessKey"], "AWS_SESSION_TOKEN": cli["SessionToken"]}
    batch = ["disassociate-phone-numbers-from-voice-connector", "--voice-connector-id", "calm", "--e164-phone-numbers", "+12065550100"]
    check("aws: with a role's keys", aws(*batch, **cli), {"PhoneNumberErrors": []})
    calm = ["list-phone-numbers", "--filter-name", "VoiceConnectorId", "--filter-value", "calm"]
    for region, wanted in [(REGION, 1), ("us-west-2", 2)]:
        listed = aws(*calm, "--region", region, **cli)["PhoneNumbers"]
        check(f"aws: numbers in {region}", len(listed), wanted)
    caller = aws("get-caller-identity", service="sts", key="AKIASIMU333333333333")
    check("aws: the key of any account", caller["Account"], "333333333333")


def check_ledger():
    with urllib.request.urlopen(f"{ENDPOINT}/_simulator/ledger") as reply:
        ledger = json.load(reply)
    lanes = [tuple(entry[key] for key in ("account", "region", "number")) for entry in ledger["applications"] if entry["account"] != ACCOUNT]
    check("the ledger tells the account and the region", lanes, [("1" * 12, "us-east-1", "+12065550100"), ("2" * 12, REGION, "+12065550100")])
    own = [entry for entry in ledger["applications"] if entry["account"] == ACCOUNT]
    made = [(entry["action"], entry["connector"], entry["number"][-3:]) for entry in own]
    wanted = [
        ("disassociate", "calm", "100"),
        ("disassociate", "per number", "110"),
        ("disassociate", "per number", "112"),
        ("associate", "calm", "100"),
        ("associate", "large", "100"),
        ("disassociate", "group", "120"),
        ("delete", None, "120"),
        ("delete", None, "123"),
        ("restore", None, "120"),
        ("restore", None, "125"),
        ("disassociate", "calm", "101"),
        ("disassociate", "group", "121"),
        ("delete", None, "101"),
        ("restore", None, "101"),
        ("associate", "calm", "101"),
        ("associate", "calm", "101"),
    ]
    check("the ledger holds these changes and no others", made, wanted)
    places = {it["number"]: (it["status"], it["connector"], it["group"], it["sip_rule"]) for it in ledger["inventory"] if it["account"] == ACCOUNT}
    check("inventory: connector", places["+12065550101"], ("Assigned", "calm", None, None))
    check("inventory: SIP rule", places["+12065550122"], ("Assigned", None, None, "rule"))
    check("inventory: nowhere", places["+12065550121"], ("Unassigned", None, None, None))
    check("inventory: deletion queue", places["+12065550123"], ("DeleteInProgress", None, None, None))


check_boto3()
check_boto3_life()
check_boto3_filters()
check_boto3_errors()
check_cli()
check_sts()
check_lanes()
check_ledger()
sys.exit(1 if failures else 0)
