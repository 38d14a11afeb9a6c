"""Broken bytes for everything that reads layers: `python -m tests.fuzz --help`.

An input names its path first, up to a zero byte, so that a saved file says all that is needed to run it again.
"""
