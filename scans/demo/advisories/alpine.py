"""Alpine 3.19: facts by source package (apk's origin)."""

from scans.demo.advisories.facts import Fact

ECOSYSTEM = "Alpine:v3.19"
PREFIX = "ALPINE-"

FACTS = (
    Fact("CVE-2023-6129", "openssl", "0 < 3.1.4-r3", "NHNNUNLH", "POLY1305 on PowerPC damages vector registers"),
    Fact("CVE-2023-6237", "openssl", "0 < 3.1.4-r4", "NHNNUNNH", "checking very large RSA public keys takes very long"),
    Fact("CVE-2024-0727", "openssl", "0 < 3.1.4-r5", "LLNRUNNH", "a malformed PKCS#12 file makes programs crash"),
    Fact("CVE-2024-2511", "openssl", "0 < 3.1.4-r6", "NHNNUNNH", "TLS 1.3 sessions may grow the cache without bound"),
    Fact("CVE-2024-4603", "openssl", "0 < 3.1.5-r0", "NLNNUNNL", "checking very large DSA keys takes very long"),
    Fact("CVE-2024-4741", "openssl", "0 < 3.1.6-r0", "NLNNUNNH", "SSL_free_buffers may free memory that is still used"),
    Fact(
        "CVE-2024-5535",
        "openssl",
        "0 < 3.1.6-r0",
        "NLNNUHNH",
        "SSL_select_next_proto reads past an empty protocol list",
    ),
    Fact(
        "CVE-2024-6119",
        "openssl",
        "0 < 3.1.7-r0",
        "NLNNUNNH",
        "comparing otherName entries of a certificate reads an invalid address",
    ),
    Fact("CVE-2024-13176", "openssl", "0 < 3.1.8-r0", "LHHNUHNN", "signing with ECDSA P-521 leaks through its timing"),
    Fact(
        "CVE-2023-42366",
        "busybox",
        "0 < 1.36.1-r16",
        "LLNRUNNH",
        "awk reads past the heap while finding its next token",
    ),
    Fact("CVE-2023-42363", "busybox", "0 < 1.36.1-r17", "LLNRUNNH", "awk uses freed memory in xasprintf"),
    Fact("CVE-2023-42364", "busybox", "0 < 1.36.1-r19", "LLNRUNNH", "awk uses freed memory in evaluate"),
    Fact("CVE-2023-42365", "busybox", "0 < 1.36.1-r19", "LLNRUNNH", "awk uses freed memory in copyvar"),
    Fact(
        "CVE-2025-26519",
        "musl",
        "0.9.13 < 1.2.4_git20230717-r5",
        "",
        "iconv writes out of bounds when converting EUC-KR to UTF-8",
    ),
    Fact(
        "CVE-2024-2398", "curl", "0 < 8.7.1-r0", "NLNNULLH", "rejected HTTP/2 server pushes leak their headers' memory"
    ),
    Fact(
        "CVE-2024-6197",
        "curl",
        "0 < 8.9.0-r0",
        "NLNRUNNH",
        "parsing a bad UTF-8 string of a certificate frees stack memory",
    ),
    Fact("CVE-2024-7264", "curl", "0 < 8.9.1-r0", "NLNRUNNH", "parsing a malformed ASN.1 time reads past its end"),
    Fact(
        "CVE-2023-52425",
        "expat",
        "0 < 2.6.0-r0",
        "NLNNUNNH",
        "large tokens that arrive in pieces are parsed again and again",
    ),
    Fact(
        "CVE-2024-28757",
        "expat",
        "0 < 2.6.2-r0",
        "NLNNUNNH",
        "entities expand without bound in isolated external parsers",
    ),
    Fact("CVE-2024-45491", "expat", "0 < 2.6.3-r0", "NLNNULLL", "dtdCopy overflows an integer on 32-bit platforms"),
    Fact(
        "CVE-2024-25629",
        "c-ares",
        "0 < 1.27.0-r0",
        "LLHNUNNH",
        "a NUL at a line's start in resolv.conf makes c-ares read out of bounds",
    ),
)
