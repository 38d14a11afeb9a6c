"""The error tree of everything that talks to a registry, or reads an image from a file.

RegistryError
├── AuthenticationFailed      the user name, password or token was refused, or one is needed
├── PermissionDenied          signed in, but not allowed to read this
├── NotFound                  no such repository, tag, manifest or blob
├── RateLimited               too many requests; `retry_after_s` says when to come back, if the registry said so
├── Transient                 5xx, broken connection, timeout: the same request may work later
│   └── Interrupted           an answer that began and broke off: the rest may be asked for at once
├── TlsError                  the certificate or the handshake was refused
├── UnknownHost               the name of the registry cannot be resolved
├── PolicyViolation           refused by us: private address, plain HTTP, a token service or a link on another host
├── ContentError              what came back cannot be trusted or understood
│   ├── DigestMismatch        the bytes are not the ones that the digest names
│   ├── TooLarge              more bytes than announced or allowed
│   └── MediaTypeMismatch     the document is not of the type that it was served as
├── NotAnImage                a Helm chart, a signature, an attestation …; `kind` says what
├── Unsupported               something that the registry does not offer, or that we do not read (schema 1)
│   └── PlatformMissing       the image is not there for the wanted platform; `available` lists the others
└── ReferenceInvalid          a text that is no image reference (also a ValueError)

`code` is stable and machine-readable. `permanent` says that trying again without a change by a person is useless.
The message says what happened and what to do; it never holds a secret, nor the query of a URL.
"""


class RegistryError(Exception):
    """Base of all errors of this island."""

    default_code = "registry_error"
    default_permanent = True

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        permanent: bool | None = None,
        retry_after_s: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = self.default_code if code is None else code
        self.permanent = self.default_permanent if permanent is None else permanent
        self.retry_after_s = retry_after_s
        self.status = status


class AuthenticationFailed(RegistryError):
    default_code = "authentication_failed"


class PermissionDenied(RegistryError):
    default_code = "permission_denied"


class NotFound(RegistryError):
    default_code = "not_found"


class RateLimited(RegistryError):
    default_code = "rate_limited"
    default_permanent = False


class Transient(RegistryError):
    default_code = "unavailable"
    default_permanent = False


class Interrupted(Transient):
    default_code = "connection_broken"


class TlsError(RegistryError):
    default_code = "tls_error"


class UnknownHost(RegistryError):
    default_code = "unknown_host"


class PolicyViolation(RegistryError):
    default_code = "policy_violation"


class ContentError(RegistryError):
    default_code = "content_invalid"


class DigestMismatch(ContentError):
    default_code = "digest_mismatch"


class TooLarge(ContentError):
    default_code = "too_large"


class MediaTypeMismatch(ContentError):
    default_code = "media_type_mismatch"


class NotAnImage(RegistryError):
    """`kind` is a human word for what it is: "helm chart", "signature", "attestation", "sbom" …"""

    default_code = "not_an_image"

    def __init__(self, kind: str, *, status: int | None = None) -> None:
        super().__init__(f"Not a container image: {kind}. There are no packages in it to scan.", status=status)
        self.kind = kind


class Unsupported(RegistryError):
    default_code = "unsupported"


class PlatformMissing(Unsupported):
    default_code = "platform_missing"

    def __init__(self, wanted: str, available: tuple[str, ...]) -> None:
        listed = ", ".join(available) or "none that is named"
        super().__init__(
            f"The image is not published for {wanted}. Platforms that it has: {listed}. "
            "Choose one of them in the pull settings."
        )
        self.available = available


class ReferenceInvalid(RegistryError, ValueError):
    default_code = "reference_invalid"
