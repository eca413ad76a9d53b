"""Writing the run log while a video runs, in small transactions."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from vpx_identity_builder.core.frame_views import OwnVectors, with_own
from vpx_identity_builder.core.types import Box, FaceSample, IntBox, ToldOcclusion
from vpx_identity_builder.runlog.codec import dumps, plain
from vpx_identity_builder.runlog.rows import REWRITE_FACE, face_row, frame_row, told_row
from vpx_identity_builder.runlog.schema import SCHEMA_VERSION, TOLD, Header, crc, create, translated
from vpx_identity_builder.translation import Translation

COMMIT_NS = 500_000_000
COMMIT_FRAMES = 15
"""A transaction ends after so much of the video, whichever comes first: a killed process loses no more."""
RECENT_FRAMES = 4
"""The builder looks at a frame when the next one comes."""
KEEP_SHARE = 0.9
"""Share of the budget that is left after crops were dropped, so that it does not happen at every frame."""

CropKey = tuple[int, IntBox]
"""Time and box of a crop."""
Fate = tuple[Box, int, str, ToldOcclusion | None]
"""Face box, person number, reason code, and what was told of the face."""


class RunLogWriter:
    """A log being written. Every method raises `RunLogError`; what was committed before stays.

    `budget_bytes` bounds the crops: beyond it those go first that the pools let go of, the oldest first. `pooled` tells
    which are held.
    """

    def __init__(self, path: Path, header: Header, budget_bytes: int, pooled: Callable[[], set[CropKey]]) -> None:
        self.path = path
        self.frames = 0
        self._budget, self._pooled = budget_bytes, pooled
        self._held = 0
        self._times: dict[int, int] = {}
        self._crop_times: dict[int, int] = {}
        self._recent: OrderedDict[int, dict[Box, list[tuple[int, FaceSample]]]] = OrderedDict()
        self._committed = (0, 0)
        meta = {"schema_version": SCHEMA_VERSION, **plain(header)}
        self._db = create(path, {key: dumps(value) for key, value in meta.items()})
        with translated(path):
            self._db.execute("BEGIN")

    def frame(self, t_ns: int, translation: Translation) -> int:
        """Log one frame as the run is given it; returns its number."""
        self._commit_when_due(t_ns)
        self.frames += 1
        seq, places = self.frames, dict[Box, list[tuple[int, FaceSample]]]()
        for place, sample in enumerate(translation.samples):
            places.setdefault(sample.bbox, []).append((place, sample))
        self._recent[seq], self._times[seq] = places, t_ns
        if len(self._recent) > RECENT_FRAMES:
            self._times.pop(self._recent.popitem(last=False)[0])
        with translated(self.path):
            self._db.execute("INSERT INTO frames VALUES (?, ?, ?, ?)", frame_row(seq, t_ns, translation))
            self._db.executemany(
                "INSERT INTO faces VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [face_row(seq, place, sample) for place, sample in enumerate(translation.samples)],
            )
        return seq

    def fates(self, seq: int, fates: Iterable[Fate]) -> None:
        """Log what became of each face of a frame."""
        places = {box: [place for place, _ in held] for box, held in self._recent.get(seq, {}).items()}
        found = [(places[fate[0]].pop(0), fate) for fate in fates if places.get(fate[0])]
        told = [told_row(seq, face, said) for face, (_, _, _, said) in found if said is not None]
        with translated(self.path):
            rows = [(seq, face, person, code) for face, (_, person, code, _) in found]
            self._db.executemany("INSERT OR REPLACE INTO fates VALUES (?, ?, ?, ?)", rows)
            self._db.executemany(f"INSERT OR REPLACE INTO {TOLD} VALUES (?, ?, ?, ?, ?, ?, ?, ?)", told)

    def own_vectors(self, seq: int, box: Box, own: OwnVectors) -> None:
        """Let the vision embeddings of the faces of this box be those of their own crops, no longer carried ones."""
        found = self._recent.get(seq, {}).get(box, [])
        with translated(self.path):
            rows = [face_row(seq, place, with_own(sample, own)) for place, sample in found]
            self._db.executemany(REWRITE_FACE, rows)

    def crop(self, seq: int, box: IntBox, image: bytes) -> None:
        """Log an encoded crop of a frame."""
        with translated(self.path):
            self._db.execute(
                "INSERT OR REPLACE INTO crops (frame, x1, y1, x2, y2, image, crc) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (seq, *box, image, crc(seq, *box, image)),
            )
        self._held += len(image)
        self._crop_times[seq] = self._times.get(seq, 0)
        if self._held > self._budget:
            self._drop_crops()

    def event(self, kind: str, data: Mapping[str, Any]) -> None:
        """Log something that happened to the run, and commit."""
        with translated(self.path):
            self._db.execute("INSERT INTO events (kind, data) VALUES (?, ?)", (kind, dumps(plain(data))))
        self.commit()

    def secure(self) -> None:
        """Commit, and let the disk have everything: what is published now must not outlive its log's last words."""
        with translated(self.path):
            self._db.execute("COMMIT")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.execute("BEGIN")

    def commit(self) -> None:
        """End the transaction."""
        with translated(self.path):
            self._db.execute("COMMIT")
            self._db.execute("BEGIN")

    def close(self) -> None:
        """Commit and let go of the file; never raises, as there is nothing left to be done about it."""
        try:
            if self._db.in_transaction:
                self._db.execute("COMMIT")
        except sqlite3.Error:
            self._db.rollback()
        finally:
            self._db.close()

    def _commit_when_due(self, t_ns: int) -> None:
        frames, since_ns = self._committed
        if self.frames - frames >= COMMIT_FRAMES or abs(t_ns - since_ns) >= COMMIT_NS:
            self.commit()
            self._committed = (self.frames, t_ns)

    def _drop_crops(self) -> None:
        """Within the budget again, as far as crops are there that no pool holds."""
        pooled = self._pooled()
        with translated(self.path):
            rows = self._db.execute("SELECT id, frame, x1, y1, x2, y2, length(image) FROM crops ORDER BY id").fetchall()
            self._held = sum(row[6] for row in rows)
            for number, frame, *box, size in rows:
                if self._held <= KEEP_SHARE * self._budget:
                    break
                if (self._crop_times.get(frame), tuple(box)) not in pooled and frame not in self._recent:
                    self._db.execute("DELETE FROM crops WHERE id = ?", (number,))
                    self._held -= size
