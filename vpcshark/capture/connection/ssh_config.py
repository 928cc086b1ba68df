"""What the user's SSH configuration says of an instance, by each of the names that it has.

Must not know how anybody logs in with it. Without paramiko, so that it can be asked while that is imported.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from vpcshark.aws.compute.capture_hosts import USER_TAG, CaptureHost
from vpcshark.capture.contract.options import LoginOptions
from vpcshark.errors import Hopeless, InputError
from vpcshark.transport import ssh_config
from vpcshark.transport.names import UserName, hosts, is_user

log = logging.getLogger(__name__)


def settings_of(
    host: CaptureHost, addresses: Sequence[str], options: LoginOptions, config: ssh_config.Config
) -> ssh_config.Settings:
    """By its id, its Name tag and its addresses; the options' user and port are what ssh(1) would be called with.
    Hopeless if the configuration can't be used."""
    names = hosts(host.instance, host.name, *addresses)
    if host.name not in names:
        log.info("The SSH configuration is not asked about the Name tag of %s, which is no host name.", host.instance)
    user = user_name(options.ssh_user, host.instance) if options.ssh_user else None
    tagged = host.tags.get(USER_TAG, "") or host.user
    port = options.ssh_port if options.ssh_port != 22 else 0
    return ssh_config.lookup(config, names, user, port, UserName(tagged) if is_user(tagged) else None)


def user_name(text: str, instance: str) -> UserName:
    """Whom to log in as on ``instance``. Hopeless if the text, which may be a tag's, is no user's name."""
    try:
        return UserName(text)
    except InputError as error:
        raise Hopeless(f"The login user for {instance}: {error.problem}", error.remedy) from error
