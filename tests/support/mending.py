"""Runs an ``aws ec2 …`` command line through boto3: its options by EC2's own model, as the AWS CLI maps them."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def run(command: str, clients: Any) -> None:
    """``clients(service)`` gives a client. Fails on what EC2's model does not know."""
    program, service, operation, *words = shlex.split(command)
    assert program == "aws"
    client = clients(service)
    name = operation.replace("-", "_")
    shape = client.meta.service_model.operation_model("".join(part.capitalize() for part in operation.split("-")))
    parameters: dict[str, Any] = {}
    while words:
        option = words.pop(0)
        value = words.pop(0) if words and not words[0].startswith("--") else None
        if value is None and option == "--no-source-dest-check":
            parameters["SourceDestCheck"] = {"Value": False}
            continue
        if option in ("--region", "--profile"):
            continue
        _set(parameters, option.removeprefix("--"), value, shape.input_shape.members)
    getattr(client, name)(**_customised(operation, parameters))


def _set(parameters: dict[str, Any], option: str, value: str | None, members: Any) -> None:
    camel = "".join(part.capitalize() for part in option.split("-"))
    if option in ("protocol", "port", "cidr") and camel not in members:  # shorthands of the command line's own
        parameters[option] = value
    elif option in ("egress", "ingress"):
        parameters["Egress"] = option == "egress"
    else:
        known = next(name for name in members if name.casefold() == camel.casefold())
        parameters[known] = _typed(value, members[known])


def _typed(value: str | None, shape: Any) -> Any:
    assert value is not None
    if shape.type_name == "integer":
        return int(value)
    if shape.type_name == "list":
        inner = value[1:-1] if value.startswith("[") else value
        return [_typed(inner, shape.member)]
    if shape.type_name == "structure":
        plain = value[1:-1] if value.startswith("{") else value
        pairs = dict(pair.split("=", 1) for pair in re.split(r",(?![^\[]*\])", plain))
        return {name: _typed(text, shape.members[name]) for name, text in pairs.items()}
    if shape.type_name == "boolean":
        return value != "false"
    return value


def _customised(operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """awscli/customizations/ec2/secgroupsimplify.py and protocolarg.py."""
    if operation.startswith("authorize-security-group-") and "IpPermissions" not in parameters:
        port = int(parameters.pop("port"))
        permission = {"IpProtocol": parameters.pop("protocol", None) or parameters.pop("IpProtocol"), "FromPort": port}
        cidr = parameters.pop("cidr", None) or parameters.pop("CidrIp")
        parameters["IpPermissions"] = [{**permission, "ToPort": port, "IpRanges": [{"CidrIp": cidr}]}]
    if operation.startswith("create-network-acl-entry") and parameters["Protocol"] == "udp":
        parameters["Protocol"] = "17"
    return parameters


def beside(folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with a program ``aws`` before all others that runs a command line so, and the programs of the
    Python that runs this; it lies in ``folder``."""
    program = folder / "bin" / "aws"
    program.parent.mkdir(exist_ok=True)
    program.write_text(_PROGRAM.format(python=sys.executable, here=str(Path(__file__).parent)))
    program.chmod(0o755)
    path = os.pathsep.join([str(program.parent), str(Path(sys.executable).parent), environment["PATH"]])
    return {**environment, "PATH": path}


_PROGRAM = """#!{python}
import shlex, sys
sys.path.insert(0, {here!r})
import boto3, mending
mending.run(shlex.join(["aws", *sys.argv[1:]]), boto3.client)
"""
