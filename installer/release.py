"""Makes a release: builds, checks and tags, by one command, `make release`. It pushes and uploads nothing.

    release.py FOLDER CHROOTS [--dry-run]

In FOLDER afterwards: sdist, wheel, .deb, Homebrew formula, PKGBUILD. It refuses where something is not committed, where
version and changelog do not fit, where the .deb's maintainer has no address, or where setup.cfg does not say where the
project is (project_urls, Source), since links in README would lead nowhere. A dry run does all the rest, tags nothing,
and says at its end what is to be filled in.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT / "tests"))

import packages  # noqa: E402

TEXTS = ("installer/homebrew/vpcshark.rb", "installer/arch/PKGBUILD")


def refusals() -> list[str]:
    """Why nothing may be released now; none if it may."""
    version, found = packages.vpcshark_version(), []
    is_checkout = (PROJECT / ".git").exists()  # a file, in a worktree
    if not is_checkout:
        found.append("This is no checkout of git: there is nothing to tag.")
    elif packages.run(["git", "-C", PROJECT, "status", "--porcelain"]).strip():
        found.append("Something is not committed.")
    if is_checkout and f"v{version}" in packages.run(["git", "-C", PROJECT, "tag"]).split():
        found.append(f"v{version} is tagged already: raise the version in setup.cfg and vpcshark/__init__.py.")
    if version != of_package():
        found.append(f"setup.cfg says {version}, vpcshark/__init__.py {of_package()}.")
    if not re.search(rf"^## {re.escape(version)} - \d{{4}}-\d\d-\d\d$", changelog(), re.MULTILINE):
        found.append(f'CHANGELOG.md has no heading "## {version} - YYYY-MM-DD".')
    if unreleased():
        found.append("CHANGELOG.md has lines under Unreleased: they belong to this version.")
    if not packages.source():
        found.append('setup.cfg has no project_urls with "Source = https://…", so README\'s links would lead nowhere.')
    if not os.environ.get("DEBEMAIL"):
        found.append("DEBEMAIL is not set: the .deb would name nobody whom its users can write to.")
    return found


def of_package() -> str:
    """The version that the program says."""
    tree = ast.parse((PROJECT / "vpcshark/__init__.py").read_text("utf-8"))
    return str(next(ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign)))


def changelog() -> str:
    """The whole text."""
    return (PROJECT / "CHANGELOG.md").read_text("utf-8")


def unreleased() -> str:
    """What stands under Unreleased."""
    return changelog().partition("\n## Unreleased\n")[2].partition("\n## ")[0].strip()


def fill_in(sdist: Path, where: Path, source: str) -> None:
    """The packages that are a text alone, for this sdist; without a ``source`` its mark stays in them."""
    values = {
        "@VERSION@": packages.vpcshark_version(),
        "@SOURCE@": source or "@SOURCE@",
        "@SDIST@": sdist.name,
        "@SHA256@": hashlib.sha256(sdist.read_bytes()).hexdigest(),
    }
    for name in TEXTS:
        text = (PROJECT / name).read_text("utf-8")
        for mark, value in values.items():
            text = text.replace(mark, value)
        (where / Path(name).name).write_text(text, "utf-8")


def parsed(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; its folders absolute, since what builds runs elsewhere."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=lambda text: Path(text).resolve())
    parser.add_argument("chroots", type=lambda text: Path(text).resolve())
    parser.add_argument("--dry-run", action="store_true", help="all but the tag, also where something is lacking")
    return parser.parse_args(words)


def main() -> None:
    """Refuse, or do all of it; the tag comes last."""
    options = parsed()
    found = refusals()
    if found and not options.dry_run:
        sys.exit("\n".join(["Nothing is released:", *found]))
    make(options.folder, options.chroots)
    if options.dry_run:
        lacking = ["Before a release:", *found] if found else ["Nothing is lacking for a release."]
        packages.say("\n".join([f"{options.folder} has the packages; nothing is tagged.", *lacking]))
        return
    tag = f"v{packages.vpcshark_version()}"
    subprocess.run(["git", "-C", PROJECT, "tag", "-a", tag, "-m", f"vpcshark {tag[1:]}"], check=True)
    packages.say(
        f"{options.folder} has the packages, and {tag} is tagged. To publish: git push origin {tag}; twine upload."
    )


def make(where: Path, chroots: Path) -> None:
    """Check the project, build its packages and try the .deb."""
    subprocess.run(["make", "-C", PROJECT, "check"], check=True)
    shutil.rmtree(where, ignore_errors=True)
    where.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as name:
        tools = packages.tools(Path(name) / "tools")
        sdist, wheel = packages.build(tools, where)
        packages.check_contents(sdist, wheel)
        deb = packages.build_deb(tools, wheel, where)
        packages.try_deb(deb, chroots, Path(name) / "debian")
        fill_in(sdist, where, packages.source())


if __name__ == "__main__":
    main()
