"""What a stage is: one value, `Stage`, that says all that the rest of synthgen asks of it.

A stage goes from (inputs, config) to a folder. Its command, help line and section of docs/stages.md, and what
sharding, ablation, validation and previews do with it, follow from its value; no other file knows it by name.
A stage is one file with `STAGE = Stage(…)`, a line in `STAGES` of `synthgen/stages/__init__.py`, and a test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

from pydantic import Field

from synthgen.core import registry
from synthgen.core.artefacts import Artefact, Counts, Inputs, Kind
from synthgen.core.config import Component, Unhashed
from synthgen.core.errors import ConfigError, Fault, SynthgenError, UnknownName

if TYPE_CHECKING:
    from synthgen.core.progress import Reporter
    from synthgen.dispatch.contract import Sessions
    from synthgen.stages.asking.preview import Preview
    from synthgen.teachers.config import TeacherConfig
    from synthgen.training.completions import Completion
    from synthgen.training.objectives.contract import Objective


class StageConfig(Component):
    """Options that every stage has."""

    id: Annotated[str | None, Unhashed()] = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$",
        description="unique in the pipeline; defaults to the kind",
    )
    input: Annotated[str | tuple[str, ...] | None, Unhashed()] = Field(
        None,
        description=(
            "<stage id>[.<part>], or run:NAME:<stage id>[.<part>][@VERSION]; the nearest earlier artefact "
            "where left out"
        ),
    )


@dataclass(frozen=True)
class Need:
    """One thing that a stage reads: the nearest earlier artefact of a kind, or with `many` all earlier ones.

    "rows" is also met by a split, whose part is then `part` or `train`.
    """

    kind: Kind
    part: str | None = None
    many: bool = False
    optional: bool = False
    choose: tuple[str, ...] = ()
    """Stages that an option names (such as `split` of decontaminate): `<stage id>[.<part>]`."""
    option: str = ""
    """That option. The first need's is `input`, which the engine reads."""
    read_by: str = ""
    """If no stage is named, this need is met by what the pipeline's stages of this kind read.

    What the other needs of the stage hold is left out.
    """
    made_by: str = ""
    """The kind of stage whose artefact it has to be, where others of its kind will not do."""
    wanted_by: str = ""
    """The option for which a split's part must not be empty, as it is written: `publish: best`."""


@dataclass
class Outcome:
    """What a stage hands to the engine beside its files.

    `files` maps each output file's name (relative to `out`) to its number of rows, or None where it holds
    no rows. `requests` is generate's second account (planned = answered + failed + unsent). `usage` holds
    tokens and cost of what this stage's rows cost in the ledger. `extra` goes into the manifest as it is.
    `table` is printed on stdout.
    """

    counts: Counts
    files: dict[str, int | None]
    requests: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    table: str = ""
    asked: int | None = None
    """How many rows or calls a teacher was asked about: what the stage's option `max_failed` is a share
    of.
    """


@dataclass
class Context:
    """What a stage may use of the run: paths, the seed, teachers, progress, and whether to stop."""

    run_dir: Path
    stage_id: str
    work: Path
    seed: int
    sessions: Sessions
    reporter: Reporter
    stopping: Callable[[], int]
    """0, or the number of the signal that asked us to stop."""
    workers: int = 1
    accept_partial: bool = False
    retry_failed: bool = False
    limit: int | None = None
    reply_room: int | None = None
    """Of a stage that trains: the fewest tokens that a later stage lets the student's replies have."""


C = TypeVar("C", bound=StageConfig)


@dataclass(frozen=True)
class RowByRow(Generic[C]):
    """Shards: every row is worked on by itself, and the shards' files are laid end to end."""

    new_ids: bool = False
    """Rows are born in this stage: merge checks that no two shards gave the same id."""
    headed: tuple[str, ...] = ()
    """Files whose first line is a header, which is kept once."""
    refuses: Callable[[C], str] = lambda config: ""
    """Why a stage with these options cannot be sharded all the same; empty where it can."""


@dataclass(frozen=True)
class OverPairs:
    """Shards: each finds a part of the pairs that are alike (`pairs.py`); merge decides which stay."""


@dataclass(frozen=True)
class Whole:
    """Shards: refused, for this reason."""

    reason: str


@dataclass(frozen=True)
class Ablation:
    """How an ablation takes a stage out of a pipeline."""

    parts: str = ""
    """The option whose entries can be taken out one by one: components (`rules`) or plain values."""
    one_by_one: bool = False
    """Where the command names nothing: each entry of `parts` in turn; the whole stage otherwise."""


@dataclass(frozen=True)
class OnFiles:
    """How the stage's command takes data files, without a pipeline."""

    option: str
    """The option that the command line fills, such as `rules`."""
    flag: str
    """Its flag, such as `--rule`."""
    metavar: str
    help: str
    """What the flag takes, as its help says behind "for files: "."""
    default: tuple[Any, ...] = ()
    """What the option holds where the flag is not given; empty: it must be given."""
    components: bool = True
    """Whether the flag holds components, `NAME:key=value,…` for `{NAME: {key: value}}`; else plain text."""
    read: Callable[[Any], Any] = lambda entry: entry
    """From what the flag holds to an entry of the option."""
    advice: Callable[[SynthgenError], str] = lambda fault: ""
    """What to do about an error, in terms of the flag; empty where the error's own advice holds."""
    review: bool = False
    """Whether decisions can be shown (`--report`) and taken again with other thresholds (`--rethreshold`)."""


@dataclass(frozen=True)
class Stage(Generic[C]):
    """One kind of stage.

    The first line of its module's docstring is its help line: `<kind>: <purpose>.`

    `run(inputs, config, context, out)` writes its files into `out`, an empty folder. The engine then checks
    the account, adds the manifest and publishes the folder by one rename. What must outlive a kill
    (checkpoints, plans) goes to `context.work`, which is kept until the stage is published.
    """

    config: type[C]
    """Its options."""
    version: int
    """Raised when the same input would give another output."""
    writes: Kind
    """The kind of artefact that it publishes."""
    needs: Callable[[C], dict[str, Need]]
    """What it reads, by name; the first is what `input:` overrides."""
    run: Callable[[Inputs, C, Context, Path], Outcome]
    """Writes its files: (artefacts by need, options, context, the folder to write into) -> what it made."""
    example: str
    """A line of a pipeline file, for docs/stages.md."""
    see: str = ""
    """Where the docs say more: a sentence of Markdown."""
    seeded: bool = False
    """Whether the pipeline's seed can change its output."""
    asks: Callable[[C], tuple[str, ...]] = lambda config: ()
    """Names of the teachers that it asks; "" is the pipeline's own. Its options then have `max_failed`."""
    bounds_replies: bool = False
    """Whether it says itself how long a reply may be, so that a budget needs no other bound."""
    prefetch: Callable[[Inputs, C, Context], None] | None = None
    """Asks its teachers early, into the ledger only: before a student needs the machine."""
    preview: Callable[[Inputs, C, Context, int, bool], list[Preview]] | None = None
    """What it would ask about the first n rows (or calls); with False, only as far as the ledger answers."""
    asks_per_row: Callable[[C, Sequence[StageConfig]], Mapping[str, int]] = lambda config, models: {"": 1}
    """How often each part of it (`Preview.asks`) asks about one row, given the options of the stages whose
    models it reads.
    """
    named: Callable[[C, str], C] = lambda config, pipeline: config
    """Its options in a pipeline of that name, which some take it from where they are left out."""
    faults: Callable[[C], list[Fault]] = lambda config: []
    """What `validate` can know to be wrong, beyond the checks of the options."""
    warnings: Callable[[C], list[Fault]] = lambda config: []
    """What `validate` can know to be doubtful."""
    foresees: Callable[[C, Sequence[StageConfig]], list[Fault]] = lambda config, readers: []
    """What it can know to go wrong before any stage runs: from its options and those of the stages that read
    what it makes.
    """
    provenance: Callable[[str, Sequence[Artefact]], Any] | None = None
    """What of an input's past, beside its content, can change the output; part of the stage's key."""
    graceful: bool = False
    """Whether it looks at `context.stopping` itself; any other stage is ended at once by a signal."""
    asked_in_vain: Callable[[C, Mapping[str, TeacherConfig]], list[Fault]] = lambda config, teachers: []
    """What it asks of its teachers that they cannot give, known from their options alone."""
    teaches: Callable[[C, Completion], Objective] | None = None
    """For one that trains a student: what, by which loss, where its start has learned such a completion."""
    rehearsed: Callable[[C], C | None] = lambda config: None
    """Its options for a rehearsal, on made-up rows and without teachers; None: it has no part in one."""
    sharding: RowByRow[C] | OverPairs | Whole = Whole("it is not known to work row by row")
    ablation: Ablation | None = None
    """How an ablation takes it out; None: it cannot."""
    may_add_rows: bool = True
    """Whether it can hand on more rows than came in."""
    most_rows: Callable[[C, int], int | None] = lambda config, enough: None
    """For one that may: the most rows that it can make, None if unknown. Counting may stop at `enough`."""
    compared: Callable[[C], tuple[str, str] | None] = lambda config: None
    """The need whose rows hold references that answers are compared with, and the field that holds them."""
    rules: Callable[[C], Sequence[registry.Choice]] = lambda config: ()
    """The filter rules that it applies to each row by itself, whose decisions a preview shows."""
    on_files: OnFiles | None = None
    """How its command takes data files; None: it takes a pipeline only."""
    decides: bool = False
    """Whether it gives verdicts, which its command can require."""
    internal: bool = False
    """Made by other commands only (a shard's parts): no command, no docs, may be empty."""


def purpose(kind: str) -> str:
    """A stage's help line, read from its file without an import, so that `synthgen --help` stays light."""
    module = registry.names("stage")[kind].partition(":")[0]
    file = Path(__file__).parents[2].joinpath(*module.split(".")).with_suffix(".py")
    first_line = file.read_text(encoding="utf-8").partition("\n")[0]
    text = first_line.strip('r"').partition(": ")[2]
    return text[:1].upper() + text[1:]


def find_stage(kind: str) -> Stage[Any]:
    """The stage of a kind, or a user's own from `module:NAME`.

    Raises:
        UnknownName: no stage has this name; the nearest known one is named.
        ConfigError: what `module:NAME` names is not a Stage, or cannot be imported.
    """
    try:
        stage = registry.find("stage", kind)
    except UnknownName:
        known = [name for name in registry.names("stage") if not find_stage(name).internal]
        raise UnknownName("stage", kind, known) from None
    if not isinstance(stage, Stage):
        raise ConfigError(
            f"{kind!r} is not a stage",
            next="make it a value: NAME = Stage(config=…, version=1, writes=…, needs=…, run=…, example=…); "
            "Stage is in synthgen.stages.contract",
        )
    return stage


def read_share(value: Any) -> Any:
    """A share written as 0.01 or as "1%"."""
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            return float(value.strip()[:-1]) / 100
        except ValueError:
            raise ValueError("write a share, such as 0.01 or 1%") from None
    return value
