"""The user's settings: what the file says, what is wrong with it and where, and how a command changes it."""

import pytest

from vpcshark import settings
from vpcshark.errors import InputError
from vpcshark.settings import PathEnds, Settings, Tag, load, parse
from vpcshark.settings_text import change

WHOLE = """\
[list]
profiles = prod, staging
regions = eu-west-1
    eu-central-1
vpcs = vpc-0a
tags = env=prod, Team=net*, owner=
limit = 50
[defaults]
host = local
[capture web]
enis = eni-0a eni-0b
tags = role=web
region = eu-west-1
vni = 77
"""


def test_everything_that_a_file_can_say():
    """Lists by commas or blanks, over several lines; what is not known in a capture is an option of its own."""
    read = parse(WHOLE)
    assert (read.profiles, read.regions, read.vpcs) == (("prod", "staging"), ("eu-west-1", "eu-central-1"), ("vpc-0a",))
    assert read.tags == (Tag("env", "prod"), Tag("Team", "net*"), Tag("owner", "*"))
    assert (read.limit, read.defaults) == (50, {"host": "local"})
    web = read.captures["web"]
    assert (web.enis, web.tags, web.region) == (("eni-0a", "eni-0b"), (Tag("role", "web"),), "eu-west-1")
    assert web.options == {"vni": "77"}


def test_a_path_is_the_two_ends_of_a_connection_with_options_of_its_own():
    read = parse("[path shop]\nsource = web-1\ndestination = db-1\nport = 5432\nregion = eu-west-1\nhost = local\n")
    shop = read.captures["shop"]
    assert (shop.paths, shop.region, shop.options) == (
        (PathEnds("web-1", "db-1", "5432"),),
        "eu-west-1",
        {"host": "local"},
    )
    assert [str(path) for path in (*shop.paths, PathEnds("a", "b", "53", "udp"), PathEnds("a", "b"))] == [
        "web-1->db-1:5432",
        "a->b:53/udp",
        "a->b",
    ]


def test_who_may_receive_packets_is_said_by_account_profile_or_id():
    """Each a list; a section without a word says nothing."""
    arn = "arn:aws:iam::123456789012:instance-profile/team/x"
    read = parse(f"[hosts]\naccounts = 123456789012\ninstance-profiles = vpcshark-*, {arn}\nids = i-0a1b2c3d\n")
    assert read.hosts == settings.Hosts(("123456789012",), ("vpcshark-*", arn), ("i-0a1b2c3d",))
    assert read.hosts
    assert not parse("[hosts]\n").hosts


def test_no_file_and_an_empty_one_are_all_defaults(tmp_path):
    """As most users will have it; so is the example, in which every line is a remark."""
    assert load(tmp_path / "config.ini") == parse("") == parse(settings.EXAMPLE) == Settings()


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[list]\nlimit = many\n", 2, '"many" is not a number of ENIs'),
        ("[list]\n\n# x\nregion = a\n", 4, "region is none of profiles, regions"),
        ("[list]\n[defaults]\n[lists]\n", 3, "none of [list], [defaults], [hosts], [capture NAME]"),
        ("[hosts]\naccounts = 123\n", 2, '"123" is not an account\'s twelve digits'),
        ("[hosts]\n\nids = i-0a1b2c3d, web-1\n", 3, '"web-1" is not the id of an instance'),
        ("[hosts]\nids = *\n", 2, "is not the id"),
        ("[hosts]\ninstance-profiles = a/b\n", 2, "is not the name or ARN of an instance profile"),
        ("[hosts]\nprofiles = a\n", 2, "profiles is none of accounts, instance-profiles, ids"),
        ("[list]\ntags = env\n", 2, '"env" is not KEY=VALUE'),
        ("[list]\nprofiles\n", 2, "profiles is not KEY = VALUE"),
        ("profiles = a\n", 1, "before the first [section]"),
        ("[list]\nlimit = 1\nlimit = 2\n", 3, "limit is there twice"),
        ("[list]\n[list]\n", 2, "[list] is there twice"),
        ("[capture Web 1]\nenis = eni-0a\n", 1, "small letters"),
        ("[list]\n[capture choose]\nenis = eni-0a\n", 2, "another entry of the list"),
        ("[capture problem-2]\nenis = eni-0a\n", 1, "another entry of the list"),
        ("[list]\n[capture web]\nvni = 7\n", 2, "needs enis, tags, asg or lb"),
        ("[path web]\nsource = a\n", 1, "needs source and destination"),
        ("[path web]\nsource = a\ndestination = b\nport = http\n", 4, '"http" is not a port'),
        ("[capture web]\nenis = eni-0a\n[path web]\nsource = a\ndestination = b\n", 3, "a capture and a path named"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text, line, words):
    """And with the command that opens an editor."""
    with pytest.raises(InputError) as caught:
        parse(text, "/c/config.ini")
    assert caught.value.problem.startswith(f"/c/config.ini, line {line}: ")
    assert words in caught.value.problem
    assert "vpcshark config edit" in caught.value.remedy


def test_a_file_that_is_no_text_is_told_so(tmp_path):
    """Not a traceback."""
    (tmp_path / "config.ini").write_bytes(b"[list]\n\xff\xfe")
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path / "config.ini")


def test_a_change_keeps_all_else_as_it_was():
    """Remarks, order and other sections stay; a value over several lines is replaced as a whole."""
    text = "# mine\n[list]\nregions = a\n    b\nlimit = 5\n\n[defaults]\nhost = local\n"
    assert change(text, "list", "regions", "c") == text.replace("regions = a\n    b", "regions = c")
    assert change(text, "list", "limit", "") == text.replace("limit = 5\n", "")
    assert change(text, "defaults", "vni", "7") == text.replace("[defaults]\n", "[defaults]\nvni = 7\n")
    assert parse(change("", "capture web", "enis", "eni-0a")).captures["web"].enis == ("eni-0a",)
    assert parse(change(settings.EXAMPLE, "list", "limit", "9")).limit == 9


@pytest.mark.parametrize(("said", "every"), [("", False), ("types = capturable", False), ("types = all", True)])
def test_every_type_of_interface_is_listed_where_that_is_said(said: str, every: bool):
    assert parse(f"[list]\n{said}\n").every_type is every


def test_other_types_are_a_mistake():
    with pytest.raises(InputError, match="neither capturable nor all"):
        parse("[list]\ntypes = nat\n")
