"""The licence check: which distributions it looks at, what it refuses."""

from email.message import Message

import pytest

from tools.licences import closure, objection, stated_licence


@pytest.mark.parametrize(
    "licence",
    [
        "MIT",
        "BSD License",
        "LGPL-3.0-only",
        "GNU Lesser General Public License v3 (LGPLv3)",
        "GNU Library or Lesser General Public License (LGPL)",
        "Mozilla Public License 2.0 (MPL 2.0)",
        "MPL-2.0 AND (Apache-2.0 OR MIT)",
        "GPL-2.0-only OR MIT",
    ],
)
def test_permissive_and_weak_copyleft_pass(licence: str) -> None:
    assert objection(licence) is None


@pytest.mark.parametrize(
    "licence",
    [
        "GPL-3.0-or-later",
        "AGPL-3.0-only",
        "GNU General Public License v3 (GPLv3)",
        "GNU Affero General Public License v3",
        "GPL-2.0-only OR AGPL-3.0-only",
        "GPL-2.0-only AND (MIT OR BSD-3-Clause)",
        "MIT License AND GNU General Public License (GPL)",
    ],
)
def test_strong_copyleft_is_refused(licence: str) -> None:
    assert objection(licence) == "GPL or AGPL"


@pytest.mark.parametrize("licence", ["", "UNKNOWN"])
def test_a_missing_licence_is_refused(licence: str) -> None:
    assert objection(licence) == "states no licence"


def metadata_of(*headers: tuple[str, str]) -> Message:
    about = Message()
    for name, value in headers:
        about[name] = value
    return about


def test_the_expression_counts_before_classifiers_and_text() -> None:
    about = metadata_of(
        ("License", "see file"),
        ("Classifier", "License :: OSI Approved :: MIT License"),
        ("License-Expression", "BSD-3-Clause"),
    )
    assert stated_licence(about) == "BSD-3-Clause"


def test_every_licence_classifier_counts() -> None:
    about = metadata_of(
        ("Classifier", "License :: OSI Approved :: MIT License"),
        ("Classifier", "Programming Language :: Python :: 3"),
        ("Classifier", "License :: OSI Approved :: GNU General Public License (GPL)"),
    )
    assert objection(stated_licence(about)) == "GPL or AGPL"


def test_free_text_is_the_last_resort() -> None:
    assert stated_licence(metadata_of(("License", "Apache 2.0\nlong text"))) == "Apache 2.0"


def test_the_closure_follows_extras_and_markers() -> None:
    requirements = {
        "machi": ["Web[fast]>=1", "windows-only; sys_platform == 'win32'"],
        "web": ["core", "loop; extra == 'fast'", "docs; extra == 'docs'"],
        "core": ["web"],
        "loop": [],
    }
    assert set(closure("machi", requirements.__getitem__)) == {"web", "core", "loop"}
