"""What ``vpcshark completion`` takes."""

from __future__ import annotations

from typing import Any

SHELLS = ("bash", "zsh", "fish")


def add(commands: Any, name: str) -> None:
    """Declare it."""
    parser = commands.add_parser(
        name,
        description="Print what your shell has to run for Tab to complete commands, options and ENIs: "
        'eval "$(vpcshark completion bash)" in ~/.bashrc, the same with zsh in ~/.zshrc; for fish: '
        "vpcshark completion fish >~/.config/fish/completions/vpcshark.fish",
    )
    parser.add_argument("shell", choices=SHELLS, help="your shell")
