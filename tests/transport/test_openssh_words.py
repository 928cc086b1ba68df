"""Each way in which ssh gives up becomes an error of ours, in a whole sentence. The words are OpenSSH 9.2's own."""

from __future__ import annotations

import pytest

from vpcshark.errors import Closed, Hopeless, Refused, SecondFactor, TransportError, Unmatched, Unreachable
from vpcshark.transport.openssh_words import Tried, told

TRIED = Tried("10.1.0.5", "ubuntu", "the key k", lambda kind: "aes128-ctr" if kind == "cipher" else "")
WORDS = [
    (
        "Unable to negotiate with 10.1.0.5 port 22: no matching cipher found. Their offer: "
        "chacha20-poly1305@openssh.com",
        Unmatched,
        "no cipher in common: it offers chacha20-poly1305@openssh.com; ssh here may use aes128-ctr.",
    ),
    (
        "Unable to negotiate with UNKNOWN port 65535: no matching key exchange method found. Their offer: a,b\r",
        Unmatched,
        "no key exchange method in common: it offers a,b.",
    ),
    ("ubuntu@10.1.0.5: Permission denied (publickey).", Refused, "does not let ubuntu in with the key k."),
    ("ubuntu@10.1.0.5: Permission denied (password,gssapi).", Refused, "does not let ubuntu in by key."),
    (
        'Authenticated using "publickey" with partial success.\nubuntu@h: Permission denied (keyboard-interactive).',
        SecondFactor,
        "wants more than a key from ubuntu.",
    ),
    ("Received disconnect from 10.1.0.5 port 22:2: Too many authentication failures", Refused, "after too many keys"),
    ("ssh: connect to host 10.1.0.5 port 22: Connection refused", Closed, "refuses SSH connections"),
    ("ssh: connect to host 10.1.0.5 port 22: No route to host", Unreachable, "cannot be reached: No route to host."),
    ("ssh: connect to host 10.1.0.5 port 22: Connection timed out", Unreachable, "did not answer to SSH in time"),
    ("Connection timed out during banner exchange", TransportError, "did not finish its SSH greeting"),
    ("ssh: Could not resolve hostname nowhere: Name or service not known", Unreachable, "nowhere is not known"),
    ("kex_exchange_identification: Connection closed by remote host", TransportError, "does not speak SSH with us"),
    ("Host key verification failed.", TransportError, "does not accept the host key"),
    (
        "@ WARNING: REVOKED HOST KEY DETECTED! @\nED25519 host key for x was revoked\nHost key verification failed.",
        TransportError,
        "is revoked.",
    ),
    (
        'command-line line 0: Bad SSH2 cipher spec "x".',
        Hopeless,
        "ssh refuses its options: command-line line 0: Bad SSH2",
    ),
    (
        "debug1: x\nsomething new happened.\n",
        TransportError,
        "ssh does not log in to 10.1.0.5: something new happened.",
    ),
    ("", TransportError, "it does not say why"),
]


@pytest.mark.parametrize(("words", "kind", "sentence"), WORDS)
def test_ssh_s_words_become_a_sentence(words: str, kind: type[TransportError], sentence: str) -> None:
    """With the class that others go by."""
    error = told(words, TRIED)
    assert type(error) is kind
    assert sentence in error.problem
    assert error.problem.endswith(".")
    assert error.remedy
