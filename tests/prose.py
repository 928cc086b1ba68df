"""Words that this project's texts do without, and what to say instead: part of `make check`.

Looks at README, docs and every sentence among the program's strings (not at docstrings, nor at the lab's strings). The
list is short on purpose: what a reader stumbled over once. Must not know what a text is about.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
WORDS = {
    r"\bpackets come\b": "packets are arriving",
    r"\bwhy, (cannot be seen|is not known)": "the reason could not be determined",
    r"\bthe question goes on\b": "still waiting",
    r"\bdefect of vpcshark\b": "bug in vpcshark",
    r"\b(is|are) had\b": "is captured, is obtained",
    r"\bleft out, and said\b": "skipped and listed",
    r"\bthat there is not\b": "unknown",
    r"\bno other, unasked\b": "only this one, without asking",
    r"\bstands? under an? \w+ of (its|their) own\b": "appears as its own",
    r"\b(utili[sz]e[sd]?|utili[sz]ing)\b": "use",
    r"\bin order to\b": "to",
    r"\bplease note\b|\bit should be noted\b": "say it plainly",
    r"\b(simply|obviously|of course)\b": "leave it out",
    r"\binformations\b": "information",
    r"\ballows? to\b": "lets you",
    r"\b(possibility|possible) to\b": "can",
    r"\bdepending of\b": "depending on",
    r"\bfor to\b": "to",
    r"\bmuch packets\b": "many packets",
    r"\bsince (two|three|\d+) (seconds|minutes|hours|days)\b": "for",
    r"(?-i:\bF5\b)": "Capture > Refresh Interfaces",
    r"(?-i:\b([a-z]{2,}) \1\b)": "the word once",
}
_SENTENCE = re.compile(r"[a-z]+ [a-z]+ [a-z]+", re.IGNORECASE)
_HISTORY = {"CHANGELOG.md", "ARCHITECTURE.md"}  # what was said then; what each Wireshark does


def faults(text: str) -> Iterator[tuple[str, str]]:
    """(what stands there, what to say instead)."""
    for pattern, better in WORDS.items():
        for found in re.finditer(pattern, text, re.IGNORECASE):
            yield found[0], better


def passages() -> Iterator[tuple[Path, int, str]]:
    """(file, line, text) of all that a user may read."""
    for page in sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")]):
        if page.name not in _HISTORY:
            plain = re.sub(r"(?ms)^```.*?^```", lambda code: "\n" * code[0].count("\n"), page.read_text("utf-8"))
            yield from ((page, number, line) for number, line in enumerate(plain.splitlines(), 1))
    for module in sorted(one for one in (PROJECT / "vpcshark").rglob("*.py") if "lab" not in one.parts):
        for node in strings(ast.parse(module.read_text("utf-8"))):
            yield module, node.lineno, str(node.value)


def strings(tree: ast.AST) -> Iterator[ast.Constant]:
    """Sentences, but no docstrings."""
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told
        if is_text and _SENTENCE.search(node.value) and "\\b" not in node.value:
            yield node


def main() -> int:
    """One line for each fault; 1 if there is one."""
    found = 0
    for file, number, text in passages():
        for stands, better in faults(text):
            sys.stdout.write(f'{file.relative_to(PROJECT)}:{number}: "{stands}" - better: {better}\n')
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
