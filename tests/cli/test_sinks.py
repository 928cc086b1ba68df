"""Whatever writes to a stream or makes something of rich's is known, and cleans what it writes."""

from __future__ import annotations

import ast

from sources import MODULES, PACKAGE, nodes, text

SINKS = {"sys.stdout.write", "sys.stderr.write", "stderr.write", "stdout.write", "out.write", "print"}
ELSEWHERE = {"lab", "receiver"}  # a program of its own, on whose words nobody's safety hangs; sent to another machine
RAW = {
    ("cli/console.py", "write_json"),
    ("cli/console.py", "write_json_line"),
    ("cli/iam_policy.py", "run"),
    ("cli/capture_host.py", "run"),
    ("cli/completion.py", "run"),
    ("cli/selftest.py", "_write"),
    ("extcap/prepared/reader.py", "write"),
}
"""Both escape by themselves; ASCII; a file of ours; a script of argcomplete's; JSON in ASCII; clean sentences."""


def test_a_new_sink_goes_by_the_step_as_well() -> None:
    """One module makes what rich shows, and cleans it; whoever writes to a stream cleans what he writes."""
    for path in MODULES:
        name = path.relative_to(PACKAGE).as_posix()
        if name.partition("/")[0] in ELSEWHERE:
            continue
        if name != "cli/console.py" and "rich" in text(path):
            made = {ast.unparse(node.func) for node in nodes(path) if isinstance(node, ast.Call)}
            assert not made & {"Console", "Table", "Text", "Panel", "Text.from_markup"}, name
        for function in [node for node in nodes(path) if isinstance(node, ast.FunctionDef)]:
            if (name, function.name) not in RAW:
                assert not [call for call in calls(function) if not is_clean(call)], (name, function.name)


def calls(function: ast.FunctionDef) -> list[ast.Call]:
    found = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    maybe = [call for call in found if getattr(call.func, "attr", getattr(call.func, "id", "")) in ("write", "print")]
    return [call for call in maybe if ast.unparse(call.func) in SINKS]


def is_clean(call: ast.Call) -> bool:
    """Constant, or by ``text``; ``_message`` is Wireshark's one, which cleans."""
    said = ast.unparse(call.args[0]) if call.args else ""
    return isinstance(call.args[0], ast.Constant) or any(word in said for word in ("line(", "lines(", "_message("))
