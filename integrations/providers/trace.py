"""The visible trace of a connection test: every step is listed, tried or not, with what to do where it failed."""

from integrations.oci.errors import RegistryError

from .base import CheckStep

LABELS = {
    "connect": "Reach the host",
    "tls": "Encrypted connection",
    "protocol": "Registry answers",
    "credentials": "Sign in",
    "repositories": "List repositories",
    "tags": "Read tags",
}
_NOT_TRIED = "Not tried, since an earlier step failed."


class Trace:
    """Steps in their order; each starts as not tried."""

    def __init__(self, *names: str) -> None:
        self._steps = {name: CheckStep(LABELS.get(name, name), None, _NOT_TRIED) for name in names}

    @property
    def steps(self) -> tuple[CheckStep, ...]:
        return tuple(self._steps.values())

    def passed(self, name: str, detail: str) -> None:
        self._steps[name] = CheckStep(LABELS.get(name, name), True, detail)

    def skipped(self, name: str, detail: str) -> None:
        self._steps[name] = CheckStep(LABELS.get(name, name), None, detail)

    def failed(self, name: str, error: RegistryError) -> bool:
        """Note the failure and return False. A message's first sentence is what happened, the rest what to do."""
        detail, _, remedy = error.message.partition(". ")
        self._steps[name] = CheckStep(LABELS.get(name, name), False, detail.rstrip(".") + ".", remedy)
        return False
