"""Host keys on a console: cloud-init's own block is read as it really looks, and nobody else's text is."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from vpcshark.aws.compute.console_host_keys import DoubtfulConsole, keys_in

BEGIN, END = "-----BEGIN SSH HOST KEY KEYS-----", "-----END SSH HOST KEY KEYS-----"
FINISHED = "Cloud-init v. 24.4 finished at Thu, 06 Jan 2026 15:27:32 +0000. Datasource DataSourceEc2.  Up 12.9 s"
STARTED = "[    0.000000] Linux version 6.1.112-124.190.amzn2023.x86_64 (mockbuild@ip-10-0-0-1)"


def key(seed: int) -> tuple[str, str]:
    """Type and blob of a real key."""
    public = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32).public_key()
    kind, blob = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode().split()
    return kind, blob


def ecdsa(seed: int) -> tuple[str, str]:
    """A blob that names its type; nobody looks further into it."""
    kind = b"ecdsa-sha2-nistp256"
    return kind.decode(), base64.b64encode(len(kind).to_bytes(4, "big") + kind + bytes([seed]) * 80).decode()


def block(*keys: tuple[str, str], prefix: str = "") -> list[str]:
    """As write-ssh-key-fingerprints prints it."""
    return [f"{prefix}{line}" for line in (BEGIN, *(f"{kind} {blob} root@ip-10-0-0-9" for kind, blob in keys), END)]


def boot(*middle: str) -> list[str]:
    """The lines of a boot around what its last stage prints."""
    return [
        STARTED,
        "ip-10-0-0-9 login: <14>Jan  6 15:27:31 cloud-init: " + "#" * 61,
        "<14>Jan  6 15:27:31 cloud-init: 256 SHA256:BOyEUuM4iXqSIlaoCcp+wOsLB3w+ZBZLPxxNdEY7WkQ root@ip (ED25519)",
        "<14>Jan  6 15:27:31 cloud-init: -----END SSH HOST KEY FINGERPRINTS-----",
        *middle,
        f"[   12.954438] cloud-init[1278]: {FINISHED}",
        "ip-10-0-0-9 login: ",
    ]


PREFIXES = ("", "ec2: ", "<14>Jan  6 15:27:31 cloud-init: ", "<14>Nov 26 05:00:01 ec2: ")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\r\n"])
@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_boots_own_block_is_read_in_each_of_cloud_inits_forms(prefix: str, end: str) -> None:
    """Bare lines, or as logger(1) copies them; with the line ends that consoles make of them."""
    assert keys_in(end.join(boot(*block(ecdsa(1), key(2), prefix=prefix)))) == [ecdsa(1), key(2)]


def test_a_block_that_is_not_there_or_not_whole_has_no_keys() -> None:
    """EC2 keeps the last 64 KiB, whose first line may be any; and the boot may be printing yet."""
    whole = block(ecdsa(1), key(2))
    assert keys_in("") == []
    assert all(keys_in("\n".join(boot(*whole[start:]))) == [] for start in range(1, 4))
    assert all(keys_in("\n".join([STARTED, *whole[:stop]])) == [] for stop in range(4))


def test_the_same_block_twice_is_one() -> None:
    """As where an instance printed it again at a later boot."""
    lines = [*boot(*block(ecdsa(1), key(2))), *boot(*block(key(2), ecdsa(1)))]
    assert sorted(keys_in("\n".join(lines))) == [ecdsa(1), key(2)]


WORDS = st.one_of(
    st.sampled_from([BEGIN, END, " ".join(key(9)), FINISHED, STARTED, *PREFIXES]),
    st.sampled_from(["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\r", "\t", " ", "\x1b[1A", "\b"]),
    st.text(st.characters(exclude_characters="\n"), max_size=8),
)
LOGGED = st.builds(
    lambda who, said: f"{who}{''.join(said)}",
    st.sampled_from(
        [
            "sshd[812]: Invalid user ",
            "[   40.125000] myapp[77]: ",
            "[   31.250000] cloud-init[9]: ",  # anybody may write to the journal under that name
            "Jan  6 15:28:00 ip nginx: GET /",
            "ip-10-0-0-9 login: ",
        ]
    ),
    st.lists(WORDS, max_size=12),
)


@given(st.lists(LOGGED, max_size=6), st.lists(LOGGED, max_size=6), st.booleans())
def test_what_others_have_logged_never_becomes_a_key(before: list[str], after: list[str], has_block: bool) -> None:
    """Any text behind any program's name, before and after the boot's own block, or without one."""
    own = [key(2)] if has_block else []
    text = "\r\n".join([*before, *boot(*(block(key(2)) if own else [])), *after])
    assert keys_in(text) == own


@given(st.integers(1, 3), LOGGED)
def test_a_line_of_others_inside_the_block_is_a_refusal(where: int, foreign: str) -> None:
    """The kernel's or anybody's: which lines are cloud-init's can't be told then."""
    lines = block(ecdsa(1), key(2))
    with pytest.raises(DoubtfulConsole, match="not a host key in cloud-init's form"):
        keys_in("\n".join(boot(*lines[:where], foreign, *lines[where:])))


@pytest.mark.parametrize(
    "line",
    [
        f"x {' '.join(key(9))}",
        f" {' '.join(key(9))}",
        f"ec2: {' '.join(key(9))}",
        f"{key(9)[0]} {ecdsa(1)[1]}",
        f"{key(9)[0]} AAAA",
        f"{' '.join(key(9))} root\u2028x",
        BEGIN,
        "",
    ],
)
def test_a_line_that_only_looks_like_a_key_is_a_refusal(line: str) -> None:
    """Another form than the block's, a blob of another type, no key at all, a second beginning."""
    lines = block(key(2))
    with pytest.raises(DoubtfulConsole, match="not a host key in cloud-init's form"):
        keys_in("\n".join(boot(lines[0], line, *lines[1:])))


@given(st.sampled_from(PREFIXES), st.sampled_from(PREFIXES), st.permutations([0, 1]))
def test_two_blocks_that_differ_are_a_refusal(one: str, other: str, order: list[int]) -> None:
    """Whichever comes first, and in whatever form."""
    blocks = [block(key(2), prefix=one), block(key(9), prefix=other)]
    with pytest.raises(DoubtfulConsole, match="more than once"):
        keys_in("\n".join(boot(*blocks[order[0]], *blocks[order[1]])))


@pytest.mark.parametrize("has_own", [True, False])
def test_a_block_after_the_boot_has_finished_is_a_refusal(has_own: bool) -> None:
    """cloud-init prints its own before it says so; a new boot may print again."""
    own = block(key(2)) if has_own else []
    with pytest.raises(DoubtfulConsole, match="after cloud-init said"):
        keys_in("\n".join([*boot(*own), *block(key(9))]))
    assert keys_in("\n".join([*boot(), *boot(*block(key(2)))])) == [key(2)]
