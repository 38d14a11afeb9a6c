"""Makes and keeps the secrets of a single-machine installation under its data folder. Never used where they are set."""

import base64
import os
import secrets
from pathlib import Path


def local_secret(data_dir: Path, name: str) -> str:
    """The secret `name`, made on first use in `data_dir`/secrets (mode 0600); safe against two processes starting."""
    folder = data_dir / "secrets"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / name.lower()
    fresh = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    draft = folder / f".{path.name}.{os.getpid()}"
    draft.touch(mode=0o600)
    draft.write_text(fresh)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text()
