"""The one thing that can go wrong with a version."""


class Unmatchable(Exception):
    """A text that has no place in its scheme's order; only equality with another text can be asked."""
