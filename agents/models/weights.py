"""From a model's name to a folder with its files; what is missing or gated is said in one line."""

from __future__ import annotations

from pathlib import Path

from peercycle.core.errors import ModelUnavailableError

WANTED = ("*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken", "*.safetensors")
"""What is fetched of a model: no pickles and no code, which loading would run."""
INSTALL = "pip install 'peercycle[transformers]'"


def fetched(name: str, revision: str | None = None, *, local_only: bool = False) -> Path:
    """Return the folder of a model: itself, or the hub's snapshot, downloaded where that is allowed and needed.

    Raises `ModelUnavailableError` with the page to visit. A snapshot's folder is named for its commit.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise ModelUnavailableError(
            f"there is no folder {name!r} with weights, and it is neither a preset nor OWNER/NAME on the hub"
        )
    try:
        from huggingface_hub import errors, snapshot_download
    except ImportError:
        raise ModelUnavailableError(f"weights by name need huggingface_hub: {INSTALL}") from None
    page = f"https://huggingface.co/{name}"
    try:
        return Path(
            snapshot_download(name, revision=revision, local_files_only=local_only, allow_patterns=list(WANTED))
        )
    except errors.GatedRepoError:
        raise ModelUnavailableError(
            f"the weights of {name!r} are gated: accept their terms at {page}, then log in with `hf auth login`, "
            f"or set HF_TOKEN"
        ) from None
    except errors.LocalEntryNotFoundError:
        raise ModelUnavailableError(
            f"the weights of {name!r} are not on this machine, and the hub is not asked or cannot be reached; "
            f"they are at {page}: download them with `hf download {name}`, or give a folder"
        ) from None
    except errors.RepositoryNotFoundError:
        raise ModelUnavailableError(
            f"the hub knows no weights called {name!r}, or they are private: look at {page}, or give a folder"
        ) from None
    except (errors.HfHubHTTPError, errors.RevisionNotFoundError, OSError, ValueError) as error:
        raise ModelUnavailableError(
            f"the weights of {name!r} cannot be had ({first_line(error)}); they are at {page}: download them with "
            f"`hf download {name}`, or give a folder"
        ) from None


def first_line(error: Exception) -> str:
    """Return the first line of what an error says, 200 characters at most."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
