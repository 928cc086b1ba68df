"""What of the AWS settings can be judged before a call: files that are named and cannot be read. boto3 passes over a
configuration file that it may not read, and fails at a missing CA bundle only when it connects, in words of OpenSSL.

botocore's session is handed in. Must not know what the settings are for.
"""

from __future__ import annotations

import os
from typing import Any

from vpcshark.aws.errors import of_gone_lab
from vpcshark.errors import AwsError


def check_files(session: Any) -> None:
    """AwsError for a configuration or credentials file that is there and cannot be read."""
    for setting in ("config_file", "credentials_file"):
        path = os.path.expanduser(str(session.get_config_variable(setting) or ""))
        if (reason := _unreadable(path)) and os.path.lexists(path):
            raise AwsError(f"The AWS configuration file {path} cannot be read: {reason}.", "Make it readable for you.")


def bundle(session: Any) -> str:
    """The file or folder of certificates that boto3 trusts instead of its own; "" if there is none. As botocore reads
    it: the profile's ``ca_bundle`` or AWS_CA_BUNDLE, else what the requests library goes by."""
    return str(session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE") or "")


def check_bundle(session: Any) -> None:
    """AwsError for a bundle of certificates that is not there, also because it was a lab's."""
    path = bundle(session)
    is_folder = os.path.isdir(path)  # OpenSSL takes one of hashed certificates, too
    if path and not is_folder and (reason := _unreadable(path)):
        if (gone := of_gone_lab(os.environ)) and path.startswith(os.environ["VPCSHARK_LAB"] + os.sep):
            raise gone
        variables = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
        name = next((name for name in variables if os.environ.get(name) == path), "ca_bundle")
        raise AwsError(
            f"The file of certificates {path} ({name}) cannot be read: {reason}.", f"Give {name} the right path."
        )


def _unreadable(path: str) -> str:
    try:
        with open(path, "rb"):
            return ""
    except OSError as error:
        return error.strerror or type(error).__name__
