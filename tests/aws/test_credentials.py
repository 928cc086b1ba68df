"""Whatever the credential chain raises becomes one sentence that names profile, file or program, and why; no secret."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
from signins import KINDS, PROFILE, SECRET, SHORT, Home, Kind, expiring

from vpcshark.aws import inventory
from vpcshark.aws.client import connect
from vpcshark.cleanup import account, tidy
from vpcshark.cleanup import ledger as ledgers
from vpcshark.errors import AwsError, Unsigned

HEADER = {"owner": "me@here", "started": 5.0, "source": "eni-1", "profile": PROFILE, "region": ""}

CLASSES = [
    pytest.param(one, id=one.name, marks=() if one.name in SHORT else pytest.mark.long)
    for one in KINDS
]  # fmt: skip


@pytest.fixture
def home(environment, tmp_path: Path) -> Home:
    """Of a user who has no keys in the environment."""
    made = Home(tmp_path)
    for name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_ENDPOINT_URL"]:
        environment.delenv(name)
    for name, value in made.environment.items():
        environment.setenv(name, value)
    made.is_well()
    return made


def failure(**how: object) -> AwsError:
    """What a listing says."""
    with pytest.raises(AwsError) as caught:
        inventory.list_enis(connect(PROFILE, **how).ec2)
    return caught.value


def test_there_are_at_least_thirty_kinds():
    """That a running process can meet."""
    assert len(KINDS) >= 30
    assert len({one.name for one in KINDS}) == len(KINDS)


@pytest.mark.thin(10)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_kind_is_told_in_a_sentence_of_its_own(home: Home, kind: Kind):
    """Profile, file or program, and why; short enough for Wireshark, which shows 1,024 bytes."""
    kind.breaks(home)
    error = failure()
    for part in kind.parts:
        assert part in str(error)
    assert SECRET not in str(error)
    assert len(str(error).encode()) < 900
    assert error.remedy
    assert error.problem.endswith((".", '".'))
    assert "unexpectedly" not in str(error)


@pytest.mark.thin(15)
@pytest.mark.parametrize("kind", CLASSES)
def test_clean_up_outlives_each_kind_and_goes_on_when_it_is_mended(home: Home, kind: Kind, clock, ec2):
    """The ledger of a dead capture is tried again and again; meanwhile it says why not."""
    target = ec2.create_traffic_mirror_filter(TagSpecifications=[tagged("c-9")])["TrafficMirrorFilter"]
    name = target["TrafficMirrorFilterId"]
    ledger = ledgers.Ledger(home.folder / "c-9.ledger", HEADER)
    ledger.created("filter", "t1", name)
    ledger.leave_open()
    kind.breaks(home)
    notes: list[str] = []

    def mended_after_some_tries(seconds: float) -> None:
        clock.time += seconds
        if clock.time > 1_700_000_001 and not notes:
            notes.extend(ledgers.read(ledger.path).notes)
            home.is_well()

    clock.sleep = mended_after_some_tries
    tidied = tidy.tidy(ledger.path, reach=account.reach, clock=clock, patience=900, is_sure=True)
    assert tidied.outcome.is_clean, tidied.outcome.problems
    assert tidied.outcome.deleted == (name,)
    assert not ledger.path.exists()
    for part in kind.parts:
        assert part in notes[-1]


def tagged(capture: str) -> dict:
    """As a capture tags a filter."""
    labels = {"vpcshark:capture": capture, "vpcshark:owner": "me@here"}
    return {
        "ResourceType": "traffic-mirror-filter",
        "Tags": [{"Key": key, "Value": value} for key, value in labels.items()],
    }


CONTAINER = "AWS_CONTAINER_CREDENTIALS_FULL_URI"


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({CONTAINER: "http://example.com/x"}, ("container", "Unsupported host 'example.com'")),
        ({CONTAINER: "http://127.0.0.1/x", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/gone/token"}, ("/gone/token",)),
        ({CONTAINER: "http://127.0.0.1/x", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "a\nb"}, ("container", "header")),
        ({"AWS_METADATA_SERVICE_NUM_ATTEMPTS": "x"}, ("AWS_METADATA_SERVICE_NUM_ATTEMPTS is no number (x)",)),
    ],
)
def test_what_the_environment_says_wrongly_is_told(home: Home, environment, settings, parts):
    """By the variable, or by its value."""
    home.has("")
    for name, value in settings.items():
        environment.setenv(name, value)
    error = failure()
    for part in (PROFILE, *parts):
        assert part in str(error)


@pytest.mark.parametrize(
    ("variable", "value", "part"),
    [
        ("AWS_ENDPOINT_URL", "not a url", "not a url"),
        ("AWS_CA_BUNDLE", "/gone/ca.pem", "/gone/ca.pem (AWS_CA_BUNDLE) cannot be read"),
        ("AWS_DEFAULTS_MODE", "quick", "quick"),
        ("AWS_STS_REGIONAL_ENDPOINTS", "near", "near"),
    ],
)
def test_a_setting_that_no_call_can_be_made_with_is_told(home: Home, environment, variable, value, part):
    """Where botocore raises ValueError or OpenSSL an OSError."""
    environment.setenv(variable, value)
    assert part in str(failure())


def test_a_helper_that_hangs_is_ended_with_what_it_started(home: Home):
    """botocore would wait for ever; so would a shell's child that holds the pipe."""
    alive = home.folder / "alive"
    os.mkfifo(alive)
    home.has_helper(f"#!/bin/sh\necho touch the key >&2\nsleep 1000 > {alive} &\nsleep 1000\n")
    threading.Thread(target=alive.read_bytes).start()  # ends when nobody has it open any more
    error = failure(patience=0.5)
    assert "did not answer within 0.5 seconds" in str(error)
    assert 'said: "touch the key"' in str(error)


def test_a_helper_has_neither_our_input_nor_a_terminal_where_nobody_is(home: Home):
    """It would take Wireshark's, or wait at the terminal that Wireshark was started in."""
    home.helps_well(more=f"cat > {home.folder}/input; (: > /dev/tty) 2> /dev/null && touch {home.folder}/terminal")
    connect(PROFILE)
    assert (home.folder / "input").read_text() == ""
    assert not (home.folder / "terminal").exists()


def test_a_helper_that_breaks_later_is_told_at_the_call(home: Home, caplog):
    """At a refresh, in the middle of whatever is done; it is a sign-in that fails, so nobody tries the other way."""
    home.has_helper(expiring('"2099-01-01T00:00:00Z"'))
    aws = connect(PROFILE)
    chain = aws._session.get_credentials()
    chain._inner._expiry_time = chain._inner._expiry_time.replace(year=2001)  # time has passed
    chain._last = None
    home.has_helper("#!/bin/sh\necho gone fishing >&2\nexit 1\n")
    with pytest.raises(Unsigned, match="gone fishing"):
        inventory.list_enis(aws.ec2)
    assert SECRET not in caplog.text


def test_what_is_cut_in_the_shared_cache_counts_as_not_there(home: Home):
    """The AWS command line may have been killed in the middle of writing; or somebody put something else there."""
    from vpcshark.aws.signin import _shared_cache

    cache = home.folder / ".aws" / "cli" / "cache"
    cache.mkdir(parents=True)
    whole = {"AccessKeyId": "A", "SecretAccessKey": "s", "SessionToken": "t", "Expiration": "2099-01-01T00:00:00Z"}
    for number, text in enumerate(
        ["", "{", "[]", "{}", '{"Credentials": 5}', json.dumps({"Credentials": {**whole, "Expiration": "soon"}})]
    ):
        (cache / f"{number}.json").write_text(text)
        assert str(number) not in _shared_cache()
    (cache / "whole.json").write_text(json.dumps({"Credentials": whole}))
    assert "whole" in _shared_cache()
