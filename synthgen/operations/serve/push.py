"""A model of a run, or an exported dataset, on a hub with its card: only ever by a command of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from synthgen.core.errors import ConfigError, InputError, StageFailed, first_line
from synthgen.operations.serve.models import find_model
from synthgen.store.manifest import altered, read_manifest

INSTALL = {
    "model": "pip install 'synthgen-pipeline[train]'",
    "dataset": "pip install 'synthgen-pipeline[data]'",
}
_REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
LEFT_OUT = ("*.tmp", ".*")


@dataclass(frozen=True)
class Pushed:
    """What was sent where."""

    name: str
    """The model, or the dataset's file."""
    repo: str
    url: str
    files: int
    bytes: int


def push_model(run_dir: Path, repo: str, name: str = "", *, public: bool = False) -> Pushed:
    """Uploads one model's folder, with the card beside it, as one commit.

    The hub's address, its key and its cache are those of huggingface_hub: HF_ENDPOINT, HF_TOKEN.

    Args:
        run_dir: the run's folder.
        repo: `owner/name` on the hub; made, private, where it is not there.
        name: the model, see `models.models_of`; the best student where left out.
        public: whether a repository that is made is public.

    Raises:
        ConfigError: the repository's name is none, or huggingface_hub is not installed.
        InputError: there is no such model, or it is a base.
        StageFailed: the hub refused.
    """
    local = find_model(run_dir, name)
    if local.role != "student":
        raise InputError(
            f"{local.name} was not trained here", next="name a student, or a variant of export_model"
        )
    folder = Path(local.path)
    if not (folder / "README.md").is_file():
        raise InputError(
            "the model has no card (README.md)", str(folder), "run the stage that makes it again"
        )
    return _upload(local.name, folder, repo, "model", public)


def is_dataset(folder: Path) -> bool:
    """Whether a folder is what `export` published."""
    manifest = read_manifest(folder)
    return manifest is not None and manifest.kind == "export"


def push_dataset(folder: Path, repo: str, *, public: bool = False) -> Pushed:
    """Uploads an exported dataset: its file and its card, and nothing of how it was made here.

    Args:
        folder: what `export` published, in a run or by its own command.
        repo: `owner/name` of a dataset on the hub; made, private, where it is not there.
        public: whether a repository that is made is public.

    Raises:
        ConfigError: the repository's name is none, or huggingface_hub is not installed.
        InputError: the files are no longer those that were published.
        StageFailed: the hub refused.
    """
    manifest = read_manifest(folder)
    if manifest is None or manifest.kind != "export" or "file" not in manifest.extra:
        raise InputError("this is no exported dataset", str(folder), "synthgen export RUN --format … -o DIR")
    file = str(manifest.extra["file"])
    sent = [name for name in manifest.outputs if name in (file, "README.md") or name.startswith(f"{file}/")]
    if changed := [name for name in altered(folder, manifest) if name in sent and name != "README.md"]:
        raise InputError(
            f"{', '.join(changed[:3])} is no longer what was published", str(folder), "export it again"
        )
    return _upload(file, folder, repo, "dataset", public, sent)


def _upload(
    name: str, folder: Path, repo: str, kind: str, public: bool, only: Sequence[str] | None = None
) -> Pushed:
    if not _REPO.fullmatch(repo):
        raise ConfigError(f"{repo!r} is no repository of a hub", next="write owner/name")
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"  # read when the package is imported
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.utils.tqdm import disable_progress_bars
    except ImportError as fault:
        raise ConfigError(
            f"a push needs a package that is not installed ({fault.name})", next=INSTALL[kind]
        ) from fault
    disable_progress_bars()
    hub = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
    files = (
        [folder / name for name in only] if only else [path for path in folder.rglob("*") if path.is_file()]
    )
    try:
        hub.create_repo(repo, repo_type=kind, private=not public, exist_ok=True)
        commit = hub.upload_folder(
            repo_id=repo,
            repo_type=kind,
            folder_path=folder,
            commit_message=f"{name}, by synthgen",
            allow_patterns=list(only) if only else None,
            ignore_patterns=list(LEFT_OUT),
        )
    except Exception as fault:  # the client's errors, and those of the network under it
        first = first_line(fault)
        raise StageFailed(
            f"the hub did not take it: {first}", repo, "is HF_TOKEN set, and may it write there?"
        ) from fault
    return Pushed(name, repo, str(commit.commit_url), len(files), sum(path.stat().st_size for path in files))
