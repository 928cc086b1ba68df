"""What answers in a topology."""

from __future__ import annotations

import socket
import urllib.request

import pytest

from vpcshark.lab.vpc.routed.listening import Listening

HERE = "/proc/self/ns/net"


@pytest.mark.root
def test_whoever_still_talks_is_hung_up_on_when_it_ends():
    """A client that has said nothing yet reads the end; nothing stays open."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    listening = Listening()
    listening.serve("place", HERE, "server", [f"tcp {port}"], "127.0.0.1")
    with socket.create_connection(("127.0.0.1", port), 60) as silent:
        assert urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60).read() == b"server\n"  # so both are in
        listening.close()
        silent.settimeout(5)
        assert silent.recv(1) == b""
