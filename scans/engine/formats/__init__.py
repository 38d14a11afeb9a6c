"""Readers of file formats that catalogers share: bytes in, frozen values out."""
