"""What makes packages: README's links for an index, and the texts that become a formula and a PKGBUILD."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

PROJECT = Path(__file__).resolve().parent.parent
BASE = "https://host.example/owner/vpcshark"


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """installer/release.py, with what it imports from here."""
    monkeypatch.syspath_prepend(str(PROJECT / "installer"))
    monkeypatch.syspath_prepend(str(PROJECT / "tests"))
    yield importlib.import_module("release")
    for name in ("release", "packages", "debians"):
        sys.modules.pop(name, None)


def test_an_index_gets_no_link_that_leads_nowhere(release: ModuleType) -> None:
    """Pages as they are shown, pictures as they are; what has a host, and places in the page, stay."""
    readme = (PROJECT / "README.md").read_text("utf-8") + "[a](#you-need) [b](https://elsewhere.example/x)"
    text = release.packages.absolute(readme, BASE, "1.2")
    links = re.findall(r"\]\(([^)]*)\)", text)
    assert [link for link in links if not re.match(r"https://|#", link)] == []
    assert f"{BASE}/blob/v1.2/docs/costs.md" in links
    assert f"{BASE}/raw/v1.2/docs/images/capture.png" in links
    assert links[-2:] == ["#you-need", "https://elsewhere.example/x"]


def test_a_release_is_built_where_the_command_line_says(release: ModuleType) -> None:
    """The programs that build it run in another folder: a name that is relative to this one led elsewhere there."""
    options = release.parsed(["build/release", "chroots", "--dry-run"])
    assert (options.folder, options.chroots) == (Path.cwd() / "build/release", Path.cwd() / "chroots")


def test_the_texts_have_no_blank_left_that_a_release_does_not_fill(release: ModuleType, tmp_path: Path) -> None:
    """For the sdist that is at hand, by its own sum."""
    sdist = tmp_path / "vpcshark-1.2.tar.gz"
    sdist.write_bytes(b"x")
    release.fill_in(sdist, tmp_path, BASE)
    for name in ("vpcshark.rb", "PKGBUILD"):
        text = (tmp_path / name).read_text("utf-8")
        assert not re.search(r"@[A-Z0-9]+@", text)
        assert "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881" in text
        assert f"{BASE}/releases/download/v{release.packages.vpcshark_version()}/{sdist.name}" in text


def test_what_nobody_knows_is_not_invented(
    release: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the project's address its mark stays, and a release is refused; so it is without the maintainer's."""
    monkeypatch.delenv("DEBEMAIL", raising=False)
    sdist = tmp_path / "vpcshark-1.2.tar.gz"
    sdist.write_bytes(b"x")
    release.fill_in(sdist, tmp_path, "")
    assert all('"@SOURCE@/releases/' in (tmp_path / name).read_text("utf-8") for name in ("vpcshark.rb", "PKGBUILD"))
    found = " ".join(release.refusals())
    assert "DEBEMAIL is not set" in found
    assert bool(release.packages.source()) != ("project_urls" in found)


def test_version_and_changelog_fit_each_other(release: ModuleType) -> None:
    """Else no release would be made."""
    assert release.of_package() == release.packages.vpcshark_version()
    assert f"\n## {release.of_package()} - " in release.changelog()
