"""Two-person rides with exact truth, recombined from real faces: the cases of `identity.py`.

Riders 0 and 1 are the left and right man of two_riders_120s.mp4, who is also franck (0) and cap12/cap13 (1). A stranger
is another clip's man. Faces are moved, exchanged, dropped, renumbered or given other embeddings; nothing is inferred.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from real_faces import FPS, footage, photos

from vpx_identity_builder.core import geometry
from vpx_identity_builder.core.types import Box, FaceSample

STRANGER, OTHER_STRANGER = 2, 3
BETWEEN_SEATS_PX = 450.0
"""Left of this is rider 0 in two_riders_120s.mp4."""
BLACKOUT = FPS // 2


@dataclass(frozen=True, slots=True)
class Seen:
    """A face and whom it truly shows."""

    who: int
    face: FaceSample


@dataclass(frozen=True, slots=True)
class Scene:
    """One frame."""

    t_ns: int
    seen: tuple[Seen, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """A ride, and whom its published persons must show."""

    name: str
    scenes: tuple[Scene, ...]
    people: frozenset[int] = frozenset({0, 1})


Edit = Callable[[int, Scene], Iterable[Seen]]


def edited(scenes: Sequence[Scene], edit: Edit) -> tuple[Scene, ...]:
    """The scenes with `edit(number, scene)` as their faces."""
    return tuple(replace(scene, seen=tuple(edit(i, scene))) for i, scene in enumerate(scenes))


def placed(face: FaceSample, bbox: Box, size_px: tuple[int, int], t_ns: int, face_id: int | None) -> FaceSample:
    """The face at another place and time; what depends on the place is measured anew."""
    width, height = size_px
    gap = min(bbox[0], bbox[1], width - bbox[2], height - bbox[3])
    measures = replace(
        face.measures,
        face_px=min(bbox[2] - bbox[0], bbox[3] - bbox[1]),
        area_share=geometry.area(bbox) / (width * height),
        edge_margin=gap / max(1.0, geometry.side(bbox)),
    )
    frame_idx = round(t_ns * FPS / 1e9)
    return replace(
        face, t_ns=t_ns, frame_idx=frame_idx, frame_size_px=size_px, bbox=bbox, measures=measures, face_id=face_id
    )


def resized(face: FaceSample, centre: tuple[float, float], side_px: float) -> Box:
    """The face's box at this centre with this longer side."""
    scale = side_px / geometry.side(face.bbox)
    width, height = (face.bbox[2] - face.bbox[0]) * scale, (face.bbox[3] - face.bbox[1]) * scale
    return centre[0] - width / 2, centre[1] - height / 2, centre[0] + width / 2, centre[1] + height / 2


class Material:
    """The footage that the cases are made of."""

    def __init__(self) -> None:
        self.riders = footage("two_riders_120s")
        self.size_px = self.riders.size_px
        self.clips = {
            name: footage(name) for name in ("franck", "cap12", "cap13", "hand_over_mouth", "foreman", "turns")
        }
        self.scenes = tuple(
            Scene(shot.t_ns, tuple(Seen(_seat(face.bbox), face) for face in shot.faces)) for shot in self.riders.shots
        )
        middles = [
            np.median(
                [geometry.centre(s.face.bbox) for scene in self.scenes for s in scene.seen if s.who == who], axis=0
            )
            for who in (0, 1)
        ]
        self.seats = tuple((float(x), float(y)) for x, y in middles)
        self.strangers = [photo.face for photo in photos("identity") if photo.face is not None]

    def faces(self, name: str) -> list[FaceSample]:
        """The faces of a clip with one person, one per frame that has any."""
        return [max(shot.faces, key=lambda f: f.measures.face_px) for shot in self.clips[name].shots if shot.faces]

    def in_other_seat(self, seen: Seen, seat: int) -> Seen:
        """A face of this seat in the other one, with the track number of that one."""
        (x0, y0), (x1, y1) = self.seats[seat], self.seats[1 - seat]
        box = geometry.shift(seen.face.bbox, x1 - x0, y1 - y0)
        return Seen(seen.who, placed(seen.face, box, self.size_px, seen.face.t_ns, 1 - seat))

    def alone(self, who: int, faces: Iterable[FaceSample], seat: int, face_id: int, side_px: float = 120) -> list[Seen]:
        """Faces of one clip, moving round a seat as they moved in their own picture; times are set by `ride`."""
        faces = list(faces)
        middle = np.median([geometry.centre(face.bbox) for face in faces], axis=0)
        scale = side_px / float(np.median([geometry.side(face.bbox) for face in faces]))
        result = []
        for face in faces:
            x, y = geometry.centre(face.bbox)
            centre = self.seats[seat][0] + (x - middle[0]) * scale, self.seats[seat][1] + (y - middle[1]) * scale
            box = resized(face, centre, geometry.side(face.bbox) * scale)
            result.append(Seen(who, placed(face, box, self.size_px, 0, face_id)))
        return result

    def ride(self, frames: Iterable[Sequence[Seen]]) -> tuple[Scene, ...]:
        """Scenes at the sampling rate."""
        scenes = []
        for number, seen in enumerate(frames):
            t_ns = number * 1_000_000_000 // FPS
            timed = tuple(Seen(s.who, replace(s.face, t_ns=t_ns, frame_idx=number)) for s in seen)
            scenes.append(Scene(t_ns, timed))
        return tuple(scenes)


def _seat(box: Box) -> int:
    return int(geometry.centre(box)[0] >= BETWEEN_SEATS_PX)


def _renumbered(seen: Seen, face_id: int) -> Seen:
    return Seen(seen.who, replace(seen.face, face_id=face_id))


def _with_identity(seen: Seen, e_id: np.ndarray) -> Seen:
    return Seen(seen.who, replace(seen.face, e_id=e_id))


def seats_swapped(m: Material, scenes: Sequence[Scene], blackout: int, first: int = 0) -> tuple[Scene, ...]:
    """Half-way, after some frames without faces, `first` (in the left seat) and `first + 1` change seats."""
    half = len(scenes) // 2

    def edit(i: int, scene: Scene) -> Iterable[Seen]:
        if half <= i < half + blackout:
            return ()
        return scene.seen if i < half else [m.in_other_seat(seen, seen.who - first) for seen in scene.seen]

    return edited(scenes, edit)


def away(scenes: Sequence[Scene], who: int, start: int, count: int) -> tuple[Scene, ...]:
    return edited(scenes, lambda i, s: (x for x in s.seen if x.who != who or not start <= i < start + count))


def shuffled_ids(scenes: Sequence[Scene]) -> tuple[Scene, ...]:
    """The faces in alternating order, with track numbers at random."""
    rng = np.random.default_rng(11)

    def edit(i: int, scene: Scene) -> Iterable[Seen]:
        order = scene.seen if i % 2 else scene.seen[::-1]
        return [_renumbered(seen, int(number)) for seen, number in zip(order, rng.permutation(4), strict=False)]

    return edited(scenes, edit)


def one_at_a_time(scenes: Sequence[Scene]) -> tuple[Scene, ...]:
    """The detector finds one rider in even frames, the other in odd ones, both as number 0."""
    return edited(scenes, lambda i, s: [_renumbered(x, 0) for x in s.seen if x.who == i % 2])


def spoilt(scenes: Sequence[Scene], strangers: Sequence[FaceSample] = ()) -> tuple[Scene, ...]:
    """A tenth of all embeddings replaced by noise, or by strangers' embeddings."""
    rng = np.random.default_rng(12)

    def other() -> np.ndarray:
        if strangers:
            return strangers[int(rng.integers(len(strangers)))].e_id
        noise = rng.normal(size=128)
        return (noise / np.linalg.norm(noise)).astype(np.float32)

    return edited(scenes, lambda _, s: [_with_identity(x, other()) if rng.random() < 0.1 else x for x in s.seen])


def half_detected(scenes: Sequence[Scene]) -> tuple[Scene, ...]:
    rng = np.random.default_rng(13)
    return edited(scenes, lambda _, s: [x for x in s.seen if rng.random() >= 0.5])


def passing(m: Material, scenes: Sequence[Scene], start: int, covering: bool) -> tuple[Scene, ...]:
    """A stranger crosses in four seconds; `covering`: whom it covers is not found meanwhile."""
    faces = m.faces("hand_over_mouth")[:15] + m.faces("hand_over_mouth")[-25:]

    def edit(i: int, scene: Scene) -> Iterable[Seen]:
        if not start <= i < start + len(faces):
            return scene.seen
        face = faces[i - start]
        x = 70 + (m.size_px[0] - 140) * (i - start) / (len(faces) - 1)
        y = m.seats[0][1] if covering else 70.0
        box = resized(face, (x, y), 110)
        stranger = Seen(STRANGER, placed(face, box, m.size_px, scene.t_ns, 7))
        rest = [s for s in scene.seen if not covering or geometry.iou(s.face.bbox, box) < 0.15]
        return [*rest, stranger]

    return edited(scenes, edit)


def bystander(m: Material, clip: str, in_place: bool) -> tuple[Scene, ...]:
    """300 side frames of a rider; somebody looks straight into the camera five times, beside or in the same place."""
    side = [face for face in m.faces(clip) if abs(face.pose.yaw_deg or 0.0) > 20]
    rider = m.alone(STRANGER, [*side, *side[::-1]], seat=0, face_id=0)
    rider = [rider[i % len(rider)] for i in range(300)]
    frontal = [face for face in m.faces("cap13") if abs(face.pose.yaw_deg or 0.0) < 8][50:55]
    other = dict(zip(range(150, 155), m.alone(1, frontal, seat=0 if in_place else 1, face_id=0), strict=True))
    frames = []
    for i, seen in enumerate(rider):
        extra = [other[i]] if i in other else []
        frames.append(extra if in_place and extra else [seen, *extra])
    return m.ride(frames)


def in_a_row(m: Material, *parts: tuple[int, str, int]) -> tuple[Scene, ...]:
    """Cuts: (who, clip, frames) one after the other in one place, under one track number."""
    return m.ride([[seen] for who, clip, count in parts for seen in m.alone(who, m.faces(clip)[:count], 0, 0)])


def side_by_side(m: Material, count: int) -> tuple[Scene, ...]:
    """franck and cap12, each from his own clip, changing seats half-way."""
    zero = m.alone(0, m.faces("franck")[:count], 0, 0)
    one = m.alone(1, m.faces("cap12")[:count], 1, 1)
    scenes = m.ride(list(zip(zero, one, strict=False)))
    return seats_swapped(m, scenes, 0)


def back_in_another_clip(m: Material) -> tuple[Scene, ...]:
    """franck all along; beside him cap12 for 20 s, nobody for 30 s, then the same man as he looks in cap13."""
    zero = m.alone(0, m.faces("franck")[:800], 0, 0)
    first, second = m.alone(1, m.faces("cap12")[:200], 1, 1), m.alone(1, m.faces("cap13")[:300], 1, 9)
    beside: list[Seen | None] = [*first, *[None] * (30 * FPS), *second]
    return m.ride([[one] if other is None else [one, other] for one, other in zip(zero, beside, strict=True)])


def much_alike(m: Material, blackout: int) -> tuple[Scene, ...]:
    """foreman beside turns, two men much alike to Face-ID, changing seats half-way."""
    zero, one = (
        [*faces, *faces[::-1]]
        for faces in (m.alone(STRANGER, m.faces("foreman"), 0, 0), m.alone(OTHER_STRANGER, m.faces("turns"), 1, 1))
    )
    scenes = m.ride([[zero[i % len(zero)], one[i % len(one)]] for i in range(400)])
    return seats_swapped(m, scenes, blackout, first=STRANGER)


def all_cases(m: Material) -> list[Case]:
    """Every case of the benchmark."""
    minute, whole = m.scenes[: 60 * FPS], m.scenes
    rider = frozenset({STRANGER})
    return [
        Case("as filmed, 120 s", whole),
        Case("seats swapped half-way", seats_swapped(m, whole, 0)),
        Case("seats swapped in 0.5 s blackout", seats_swapped(m, whole, BLACKOUT)),
        Case("franck beside cap12, swapped", side_by_side(m, 500)),
        Case("two much alike, swapped", much_alike(m, 0), frozenset({STRANGER, OTHER_STRANGER})),
        Case("two much alike, swapped in blackout", much_alike(m, BLACKOUT), frozenset({STRANGER, OTHER_STRANGER})),
        Case("one leaves for 30 s", away(minute, 1, 15 * FPS, 30 * FPS)),
        Case("one is back after 70 s", away(whole, 0, 10 * FPS, 70 * FPS)),
        Case("back after 30 s in another clip", back_in_another_clip(m)),
        Case("bystander beside turns", bystander(m, "turns", False), rider),
        Case("bystander in place of turns", bystander(m, "turns", True), rider),
        Case("bystander beside foreman", bystander(m, "foreman", False), rider),
        Case("bystander in place of foreman", bystander(m, "foreman", True), rider),
        Case("alternating order, shuffled ids", shuffled_ids(minute)),
        Case("found in alternate frames, one id", one_at_a_time(whole)),
        Case("one track id shared by both", edited(minute, lambda _, s: [_renumbered(x, 0) for x in s.seen])),
        Case("10 % noise embeddings", spoilt(minute)),
        Case("10 % strangers' embeddings", spoilt(minute, m.strangers)),
        Case("half of the detections dropped", half_detected(minute)),
        Case("a stranger passes", passing(m, minute, 200, False)),
        Case("a stranger passes before both", passing(m, minute, 200, True)),
        Case("cut cap12 to cap13, one man", in_a_row(m, (1, "cap12", 300), (1, "cap13", 300)), frozenset({1})),
        Case("cuts cap12, franck, cap13", in_a_row(m, (1, "cap12", 200), (0, "franck", 300), (1, "cap13", 200))),
    ]
