"""What pull settings come to before they are saved: which repositories, which tags of one, and why not the rest.

Pure values in and out; the decisions are those of `integrations.selection`, as in a scan. Where the names come from (a
registry that is being connected, or what scans have stored) is the caller's business.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from integrations.providers.base import TagList
from integrations.selection import PullSettings, Selected, Verdict, repository_reason, tags_select

LEFT_OUT_SHOWN = 5
CHOICES_SHOWN = 200
TAGS_SHOWN = 100
PILLS: Mapping[Verdict, tuple[str, str]] = {
    Verdict.WANTED: ("ok", "Will be scanned"),
    Verdict.OUT_OF_WINDOW: ("out_of_window", "Out of window"),
    Verdict.EXCLUDED: ("excluded", "Excluded"),
    Verdict.UNSUPPORTED: ("unsupported", "Not an image"),
    Verdict.TOO_LARGE: ("too_large", "Too large"),
    Verdict.UNANSWERED: ("unknown", "Not known"),
}
"""Verdict → the state whose tone the pill has, and its words."""
DATE_WORDS = {"registry": "pushed", "config": "built"}


@dataclass(frozen=True, slots=True)
class Known:
    """The tags of one repository as far as they are known. `problem` is why they are not.

    `kept` are the tags that have a place in the window already; `settled` are those that were looked at before and are
    no images: name → what was found.
    """

    listed: TagList = field(default_factory=lambda: TagList((), complete=True, note=""))
    cut: int = 0
    """Older tags that were listed and not kept."""
    problem: str = ""
    kept: frozenset[str] = frozenset()
    settled: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A repository that the patterns leave out, and the sentence that says by which one."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class TagRow:
    """One tag as the panel shows it. `state` and `label` make its pill; `dated` says whose time `at` is."""

    name: str
    state: str
    label: str
    reason: str
    at: datetime | None
    dated: str


@dataclass(frozen=True, slots=True)
class Tally:
    """How many tags have one verdict."""

    label: str
    count: int


@dataclass(frozen=True, slots=True)
class TagsPreview:
    """The tags of one repository, newest first; `images` is how many distinct ones those to be scanned make."""

    repository: str
    rows: tuple[TagRow, ...]
    not_shown: int
    wanted: int
    images: int
    tallies: tuple[Tally, ...]
    notes: tuple[str, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class RepositoriesPreview:
    """How many of the repositories seen are selected; `more` is True where the list was longer than what was read."""

    seen: int
    wanted: int
    more: bool
    left_out: tuple[LeftOut, ...]
    left_out_more: int
    choices: tuple[str, ...]
    """The first wanted ones, to choose from."""


def repositories_preview(
    settings: PullSettings, names: Sequence[str], *, more: bool = False, chosen: str = ""
) -> RepositoriesPreview:
    """Decides on each repository, by name. `chosen` is always among the choices, if it is wanted."""
    wanted, left_out = [], []
    for name in sorted(names):
        reason = repository_reason(settings, name)
        if reason:
            left_out.append(LeftOut(name, reason))
        else:
            wanted.append(name)
    choices = wanted[:CHOICES_SHOWN]
    if chosen in wanted[CHOICES_SHOWN:]:
        choices.append(chosen)
    return RepositoriesPreview(
        seen=len(names),
        wanted=len(wanted),
        more=more,
        left_out=tuple(left_out[:LEFT_OUT_SHOWN]),
        left_out_more=max(0, len(left_out) - LEFT_OUT_SHOWN),
        choices=tuple(choices),
    )


def tags_preview(settings: PullSettings, repository: str, known: Known, *, now: datetime) -> TagsPreview:
    """Decides on each known tag as a scan would, and says what of it is not certain."""
    if known.problem:
        return TagsPreview(repository, (), 0, 0, 0, (), (), known.problem)
    selected = tags_select(settings, known.listed, now=now, in_window_before=known.kept)
    wanted = [one for one in selected if one.verdict is Verdict.WANTED and one.info.name not in known.settled]
    images = len({one.info.digest or f"tag {one.info.name}" for one in wanted})
    rows = tuple(_row(one, known) for one in selected[:TAGS_SHOWN])
    return TagsPreview(
        repository=repository,
        rows=rows,
        not_shown=len(selected) - len(rows),
        wanted=len(wanted),
        images=images,
        tallies=_tallies(selected, known),
        notes=_notes(settings, known, selected, images),
    )


def repository_chosen(posted: str, choices: Sequence[str], known: Sequence[str]) -> str:
    """Whose tags to show: the one that was asked for, else one that is known already. With nothing known at all, the
    first wanted one: later only a person's choice asks for another repository, not each key that changes a pattern."""
    if posted in choices:
        return posted
    if not known:
        return choices[0] if choices else ""
    return next((name for name in choices if name in known), "")


def _row(one: Selected, known: Known) -> TagRow:
    """`reason` without the list's note, which the panel says once below."""
    info, settled = one.info, known.settled.get(one.info.name, "")
    verdict, reason = one.verdict, one.reason.removesuffix(known.listed.note).strip()
    if settled and verdict is Verdict.WANTED:
        verdict, reason = Verdict.UNSUPPORTED, settled
    state, label = PILLS[verdict]
    dated = DATE_WORDS.get(info.date_source, "by name") if info.pushed_at else "by name"
    return TagRow(info.name, state, label, reason, info.pushed_at, dated)


def _tallies(selected: Sequence[Selected], known: Known) -> tuple[Tally, ...]:
    """Of what is left out; the rest is in the headline."""
    counts = Counter(
        Verdict.UNSUPPORTED if one.verdict is Verdict.WANTED and one.info.name in known.settled else one.verdict
        for one in selected
    )
    return tuple(
        Tally(label.lower(), counts[verdict])
        for verdict, (_, label) in PILLS.items()
        if verdict is not Verdict.WANTED and counts[verdict]
    )


def _notes(settings: PullSettings, known: Known, selected: Sequence[Selected], images: int) -> tuple[str, ...]:
    """How the order came about, and what the preview cannot know."""
    listed = known.listed
    notes = [listed.note] if listed.note else []
    if known.cut or (not listed.all_names and selected):
        total = f" of {listed.total:,}" if listed.total and listed.total > len(selected) else ""
        notes.append(f"Only the newest {len(selected):,}{total} tags are in this preview.")
        if images < settings.max_tags:
            notes.append(f"A scan reads on until {settings.max_tags:,} images match, or to the end of the list.")
    if settings.max_image_mb is not None and not any(one.info.size_bytes is not None for one in selected):
        notes.append("This list has no sizes: images that are too large are found when they are scanned.")
    if settings.max_age_days is not None and not any(one.info.pushed_at is not None for one in selected):
        notes.append("None of these tags has a date, so their age leaves none of them out.")
    return tuple(notes)


@dataclass(frozen=True, slots=True)
class Panel:
    """What stands beside the pull settings. `url` is where the form is posted to for a new one.

    `source` says in words where the names come from; `note` what it cannot know; `problem` why names could not be had;
    `refused` why nothing was asked now; `unclear` are the fields that could not be read. With `loads`, the page asks
    for its panel by itself.
    """

    url: str
    source: str = ""
    asked_at: datetime | None = None
    may_ask: bool = False
    loads: bool = False
    repositories: RepositoriesPreview | None = None
    tags: TagsPreview | None = None
    note: str = ""
    problem: str = ""
    refused: str = ""
    unclear: tuple[str, ...] = ()

    @property
    def said(self) -> str:
        """The panel in one sentence, for those who hear it."""
        if self.repositories is None:
            return self.refused or self.problem or self.note
        said = f"Repositories selected: {self.repositories.wanted:,} of {self.repositories.seen:,}."
        if self.tags is None or self.tags.problem:
            return said
        return f"{said} Tags of {self.tags.repository} to be scanned: {self.tags.wanted:,}."
