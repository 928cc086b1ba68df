"""The environment of whoever runs the tests, without what is there for other programs: who works on vpcshark has a
profile, a proxy, an agent with keys, perhaps a lab's environment in that very shell. Each test gives its own.

Must not know any test.
"""

from __future__ import annotations

from collections.abc import MutableMapping

# What the product, or a program or library that it asks, looks at.
FOREIGN = ("AWS_", "BOTO_", "VPCSHARK_", "XDG_", "WIRESHARK_", "SSH_", "LC_", "PAGER", "LESS")
NAMES = {
    *("LANG", "LANGUAGE", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLORTERM"),
    *("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "SSLKEYLOGFILE", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "EDITOR", "VISUAL", "BROWSER", "TZ", "TMUX"),
}
NO_SETTINGS = "/nonexistent/config"
PROXIES = {"http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "no_proxy"}
# What says which tests are run and where they write, not what the product does.
SWITCHES = {
    "VPCSHARK_ARTIFACTS",
    "VPCSHARK_ATTACKS",
    "VPCSHARK_CAPTURES",
    "VPCSHARK_CHAOS",
    "VPCSHARK_CHAOS_REPORT",
    "VPCSHARK_CHAOS_WORKERS",
    "VPCSHARK_EXAMPLES",
    "VPCSHARK_LAB_PROFILE",
    "VPCSHARK_PAGES",
    "VPCSHARK_SSH_CASES",
    "VPCSHARK_TABLES",
    "VPCSHARK_TEST_IAM",
}


def forget(environ: MutableMapping[str, str]) -> None:
    """Take out what is there for other programs. vpcshark's and Wireshark's settings in the home folder of whoever runs
    the tests are not read either: there are none where they are looked for."""
    for name in [*environ]:
        if is_foreign(name):
            del environ[name]
    environ["XDG_CONFIG_HOME"] = NO_SETTINGS


def is_foreign(name: str) -> bool:
    """Is this variable there for another program?"""
    if name in SWITCHES:
        return False
    return name.startswith(FOREIGN) or name in NAMES or name.lower() in PROXIES
