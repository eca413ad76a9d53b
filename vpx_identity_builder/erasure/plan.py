"""What is known of a target before anything is removed, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from vpx_identity_builder.erasure import banks, log
from vpx_identity_builder.erasure.note import NOTE, Erasure, read_note, when
from vpx_identity_builder.erasure.remembered import GIVEN_UP, MARK
from vpx_identity_builder.erasure.targets import Target
from vpx_identity_builder.erasure.traces import Remainder, Traces
from vpx_identity_builder.erasure.unfinished import UNFINISHED, Begun
from vpx_identity_builder.export.atomic import published_marker

EMPTY = "nothing was left in the folder, and nothing tells how much was erased earlier"
"""Reason of the note of an erasure that had no room for its own."""


@dataclass(slots=True)
class Plan:
    """What is known of a target before anything is removed.

    `shown`: who is published, with the faces on their images. `logs`: each with the number that it knows the person by,
    None where all of it goes. `unread`: banks that nobody can look into. `elsewhere`: files that have another name that
    is not known. `bank_missing`: a memory bank learnt from the video, and none that may be it is at hand. `given_up`:
    so, and the caller says that it is gone. `before`: the same erasure began earlier and broke off.
    """

    target: Target
    look_only: bool = False
    shown: log.Shown = field(default_factory=dict)
    traces: Traces = field(default_factory=Traces)
    images: list[Path] = field(default_factory=list)
    documents: list[Path] = field(default_factory=list)
    logs: list[tuple[Path, int | None]] = field(default_factory=list)
    log_rows: int = 0
    banks: list[banks.BankKnows] = field(default_factory=list)
    unread: list[Remainder] = field(default_factory=list)
    copies: list[Path] = field(default_factory=list)
    elsewhere: list[Remainder] = field(default_factory=list)
    bank_missing: bool = False
    given_up: bool = False
    before: Begun = field(default_factory=Begun)

    @property
    def set_folder(self) -> Path:
        """Where the published set is: also where a run died that had laid it aside."""
        return published_marker(self.target.set_folder).parent

    @property
    def empty(self) -> bool:
        """Nothing is kept of the target."""
        found = self.images or self.documents or self.logs or self.banks or self.copies
        return not (found or self.before.erasure)

    @property
    def staying(self) -> tuple[str, ...]:
        """Files of a video's folder that stay until its erasure ends: notes, and the mark of a bank to be searched."""
        return (NOTE, UNFINISHED, MARK) if self.bank_missing or self.unread else (NOTE, UNFINISHED)

    def erasure(self, now: datetime) -> Erasure:
        """What the note will say, with everything that was there when it first began."""
        counts = {
            "images": len(self.images),
            "documents": len(self.documents),
            "log_rows": self.log_rows,
            "bank_shares": sum(bank.shares for bank in self.banks),
            "copies": len(self.copies),
            "embeddings_sought": len(self.traces.vectors),
        }
        first = self.before.erasure
        if first is not None:
            counts = {name: max(count, getattr(first, name)) for name, count in counts.items()}
        of = self.target
        return Erasure(
            erased_at=when(now),
            what=of.what,
            person_id=of.person_id,
            reason="; ".join([of.reason, *([GIVEN_UP] if self.given_up else []), *([EMPTY] if self.unnoted else [])]),
            files_searched=0,
            remaining=0,
            **counts,
        )

    @property
    def erased_before(self) -> bool:
        """A note tells that the whole video was erased; a bank named later can still be searched."""
        note = read_note(self.target.folder / NOTE)
        return self.target.what == "video" and note is not None

    @property
    def unnoted(self) -> bool:
        """The folder is there and empty, as after an earlier call that had no room for its note."""
        folder = self.target.folder
        return self.target.what == "video" and folder.is_dir() and not any(folder.iterdir())


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was removed, and what the search afterwards found; `awaited`: in videos that the same call erases next."""

    plan: Plan
    erasure: Erasure
    remaining: tuple[Remainder, ...]
    awaited: tuple[Remainder, ...] = ()
