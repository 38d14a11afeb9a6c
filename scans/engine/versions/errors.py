"""The one thing that can go wrong with a version."""


class Unmatchable(Exception):  # noqa: N818 - named for what is true of the version, not for a failure
    """A text that has no place in its scheme's order; only equality with another text can be asked."""
