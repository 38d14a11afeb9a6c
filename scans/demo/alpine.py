"""The files of an Alpine 3.19 image: os-release and apk's database of installed packages. Image builder only."""

import base64
import hashlib
from typing import Final

from scans.demo.tarball import LayerBuilder

BASE: Final = """
alpine-baselayout 3.4.3-r2 alpine-baselayout 331776 GPL-2.0-only
alpine-baselayout-data 3.4.3-r2 alpine-baselayout 77824 GPL-2.0-only
alpine-keys 2.4-r1 alpine-keys 159744 MIT
apk-tools 2.14.4-r0 apk-tools 303104 GPL-2.0-only
busybox 1.36.1-r19 busybox 946176 GPL-2.0-only
busybox-binsh 1.36.1-r19 busybox 8192 GPL-2.0-only
ca-certificates-bundle 20240226-r0 ca-certificates 241664 MPL-2.0 AND MIT
libc-utils 0.7.2-r5 libc-dev 4096 BSD-2-Clause AND BSD-3-Clause
libcrypto3 3.1.7-r0 openssl 4620288 Apache-2.0
libssl3 3.1.7-r0 openssl 561152 Apache-2.0
musl 1.2.4_git20230717-r4 musl 667648 MIT
musl-utils 1.2.4_git20230717-r4 musl 131072 MIT AND BSD-2-Clause AND GPL-2.0-or-later
scanelf 1.3.7-r2 pax-utils 81920 GPL-2.0-only
ssl_client 1.36.1-r19 busybox 28672 GPL-2.0-only
zlib 1.3.1-r0 zlib 110592 Zlib
"""
"""Name, version, origin (source package), installed bytes, licence; as in release 3.19.4."""

EXTRA: Final = """
brotli-libs 1.1.0-r1 brotli 716800 MIT
c-ares 1.22.1-r0 c-ares 139264 MIT
curl 8.5.0-r0 curl 270336 curl
libcurl 8.5.0-r0 curl 569344 curl
libexpat 2.5.0-r2 expat 122880 MIT
libgcc 13.2.1_git20231014-r0 gcc 180224 GPL-2.0-or-later AND LGPL-2.1-or-later
libidn2 2.3.4-r4 libidn2 241664 GPL-2.0-or-later OR LGPL-3.0-or-later
libstdc++ 13.2.1_git20231014-r0 gcc 2764800 GPL-2.0-or-later AND LGPL-2.1-or-later
libunistring 1.1-r2 libunistring 1736704 GPL-2.0-or-later OR LGPL-3.0-or-later
nghttp2-libs 1.58.0-r0 nghttp2 98304 MIT
"""
"""What a Node service adds."""

OLDER: Final = {
    "3.19.0": {
        "apk-tools": "2.14.0-r5",
        "busybox": "1.36.1-r15",
        "openssl": "3.1.4-r2",
        "ca-certificates": "20230506-r0",
    },
    "3.19.1": {
        "apk-tools": "2.14.0-r5",
        "busybox": "1.36.1-r15",
        "openssl": "3.1.4-r5",
        "ca-certificates": "20230506-r0",
    },
    "3.19.4": {},
}
"""Origin and version where a release had another one than BASE."""

DATABASE = "lib/apk/db/installed"


def base_files(layer: LayerBuilder, release: str) -> None:
    """Adds the lowest layer's files for `release` (a key of OLDER)."""
    layer.file("etc/alpine-release", f"{release}\n")
    layer.file(
        "etc/os-release",
        f'NAME="Alpine Linux"\nID=alpine\nVERSION_ID={release}\nPRETTY_NAME="Alpine Linux v3.19"\n'
        'HOME_URL="https://alpinelinux.org/"\nBUG_REPORT_URL="https://gitlab.alpinelinux.org/alpine/aports/-/issues"\n',
    )
    layer.file("etc/apk/world", "alpine-baselayout\nalpine-keys\napk-tools\nbusybox\nlibc-utils\n")
    layer.file(DATABASE, database(release))
    layer.filler(f"usr/lib/alpine-{release}", files=12, kib=700)


def database(release: str, *, extra: bool = False, arch: str = "x86_64") -> str:
    """apk's database for `release`, with the packages of a Node service if `extra`."""
    table = BASE + EXTRA if extra else BASE
    lines = sorted(line for line in table.splitlines() if line)
    return "\n".join(_block(line, OLDER[release], arch) for line in lines)


def _block(line: str, older: dict[str, str], arch: str) -> str:
    name, version, origin, size_bytes, licence = line.split(maxsplit=4)
    version = older.get(origin, version)
    checksum = base64.b64encode(hashlib.sha1(f"{name}-{version}".encode(), usedforsecurity=False).digest()).decode()
    fields = {
        "C": f"Q1{checksum}",
        "P": name,
        "V": version,
        "A": arch,
        "S": str(int(size_bytes) // 2),
        "I": size_bytes,
        "T": f"{name} as in Alpine 3.19",
        "U": "https://alpinelinux.org",
        "L": licence,
        "o": origin,
        "m": "Natanael Copa <ncopa@alpinelinux.org>",
        "F": f"usr/share/{origin}",
        "R": "README",
    }
    return "".join(f"{key}:{value}\n" for key, value in fields.items())
