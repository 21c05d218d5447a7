"""Versions as people know them."""

import re

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?", re.ASCII)
# As GitLab shows commits; GitHub's seven are the beginning of them.
_COMMIT_CHARS = 8


def is_release_tag(ref: str) -> bool:
    """Whether a reference names a release: a branch is no version.

    >>> is_release_tag("v1.4.2"), is_release_tag("main"), is_release_tag("2-fix")
    (True, False, False)
    """
    return ref.removeprefix("v")[:1].isdigit() and "." in ref


def shown_version(version: str) -> str:
    """A version as people write it: of a commit the first digits.

    >>> shown_version("v1.4.2"), shown_version("0123456789abcdef0123456789abcdef01234567")
    ('v1.4.2', '01234567')
    """
    return version[:_COMMIT_CHARS] if _COMMIT.fullmatch(version) else version
