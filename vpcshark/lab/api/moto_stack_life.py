"""How stacks live: made and deleted beside whoever asked, in the order of what needs what, as CloudFormation does it.

moto makes a stack before it answers, deletes it in no order, and forgets it by its name at once. Changes moto for the
whole process. Must not know what resources are.
"""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from moto.cloudformation.models import CloudFormationBackend, Stack
from moto.cloudformation.parsing import ResourceMap

_log = logging.getLogger(__name__)
_IN_WORK = "vpcshark_in_work"  # of a stack: whoever makes or deletes it holds this lock
_outputs = Stack.outputs
_delete_stack = CloudFormationBackend.delete_stack


def install() -> None:
    """Put it into moto. Doing it again changes nothing."""
    Stack.create_resources = _create
    Stack.outputs = property(_told)
    Stack.stack_resources = property(_resources)
    CloudFormationBackend.delete_stack = _delete
    ResourceMap.delete = _delete_resources


def _lock(stack: Any) -> threading.Lock:
    lock: threading.Lock = stack.__dict__.setdefault(_IN_WORK, threading.Lock())
    return lock


def _create(stack: Any) -> None:
    stack.status = "CREATE_IN_PROGRESS"
    lock = _lock(stack)
    lock.acquire()
    _beside(_made, stack, lock)


def _made(stack: Any, lock: threading.Lock) -> None:
    try:
        stack.resource_map.create(stack.template_dict)
        stack.mark_creation_complete()
    except Exception as error:  # noqa: BLE001 - whoever asks for the stack is told
        _log.exception("the stack %s is not made", stack.name)
        stack.stack_status_reason = str(error)
        stack.status = "ROLLBACK_IN_PROGRESS"
        _undo(stack, "ROLLBACK")
    finally:
        lock.release()


def _told(stack: Any) -> Any:
    """moto would make what is not made yet in order to tell of it."""
    return _outputs.fget(stack) if stack.status == "CREATE_COMPLETE" else None


def _resources(stack: Any) -> list[Any]:
    """Those that are made, likewise."""
    return [one for one in list(stack.resource_map._parsed_resources.values()) if hasattr(one, "logical_resource_id")]


def _delete(backend: Any, name: str) -> None:
    found = [one for one in list(backend.stacks.values()) if name in (one.name, one.stack_id)]
    for stack in found:
        if stack.status != "DELETE_IN_PROGRESS":
            stack.status = "DELETE_IN_PROGRESS"
            _beside(_deleted, backend, stack)


def _deleted(backend: Any, stack: Any) -> None:
    with _lock(stack):
        stack.status = "DELETE_IN_PROGRESS"  # which the making may have overwritten
        if _undo(stack, "DELETE"):
            backend.stacks.pop(stack.stack_id, None)
            backend.deleted_stacks[stack.stack_id] = stack


def _undo(stack: Any, word: str) -> bool:
    try:
        stack.resource_map.delete()
    except Exception as error:  # noqa: BLE001 - whoever asks for the stack is told
        _log.exception("the stack %s is not deleted", stack.name)
        stack.stack_status_reason = str(error)
        stack.status = f"{word}_FAILED"
        return False
    stack.status = f"{word}_COMPLETE"
    stack._add_stack_event(f"{word}_COMPLETE")
    return True


def _delete_resources(resources: Any) -> None:
    """Those that were made, each before what it needs."""
    made: Mapping[str, Any] = resources._parsed_resources
    for name in reversed(order(resources._resource_json_map)):
        one = made.get(name)
        if one is not None and hasattr(one, "logical_resource_id"):
            resources._delete_resource(one, resources._resource_json_map[name])
            resources._parsed_resources.pop(name)


def order(described: Mapping[str, Any]) -> list[str]:
    """Logical ids, each behind those that it needs: by DependsOn, Ref, Fn::GetAtt and Fn::Sub."""
    done: list[str] = []

    def visit(name: str) -> None:
        if name not in done:
            for other in sorted(set(_named(described[name])) & described.keys() - {name}):
                visit(other)
            done.append(name)

    for name in described:
        visit(name)
    return done


def _named(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        for key, value in part.items():
            if key in ("Ref", "DependsOn"):
                yield from [value] if isinstance(value, str) else value
            elif key == "Fn::GetAtt":
                yield value.partition(".")[0] if isinstance(value, str) else value[0]
            elif key == "Fn::Sub":
                yield from _in_text(value if isinstance(value, str) else value[0])
            yield from _named(value)
    elif isinstance(part, list):
        for one in part:
            yield from _named(one)


def _in_text(text: str) -> Iterator[str]:
    for piece in text.split("${")[1:]:
        yield piece.partition("}")[0].partition(".")[0]


def _beside(work: Any, *arguments: Any) -> None:
    """In a thread of its own, by the keys of whoever asked."""
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(work, *arguments), name="lab-stack", daemon=True).start()
