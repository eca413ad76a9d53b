"""Calibration of the bundled Face-ID model through the real face.detect: ROC, EER, and the builder's thresholds.

    python benchmarks/faceid.py [BOOTSTRAP ROUNDS]

Faces: photos/identity (5 people x 10), one frame per 2 s of the videos (franck = left rider, cap12 = cap13 = right
rider), and, as a wider set of strangers, grey portraits and four more clips. docs/calibration.md quotes what it prints.
Exit 1 where a number to reach is missed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
from matching import Face, Rows, mean, pairs, templates, with_intervals
from real_faces import FPS, available, footage, photos

from vpx_identity_builder.core.config import FACE_ID_MODELS, Config
from vpx_identity_builder.core.gates import strict_gate
from vpx_identity_builder.core.geometry import centre
from vpx_identity_builder.core.prototype import Reservoir, medoid
from vpx_identity_builder.core.tracks import is_trusted
from vpx_identity_builder.core.types import FaceSample

MODEL = next(model for model in FACE_ID_MODELS if model.name == "dlib-resnet-128")
TAUS = {"tau_id": MODEL.tau_id, "tau_split": MODEL.tau_split}
CONFIG = Config()
STEP = 2 * FPS
SESSIONS = {
    "riders left": ("franck", "two_riders_120s", 0),
    "riders right": ("cap", "two_riders_120s", 1),
    "franck": ("franck", "franck", None),
    "cap12": ("cap", "cap12", None),
    "cap13": ("cap", "cap13", None),
}
"""Session: (person, clip, seat)."""
STRANGERS = ("hand_over_mouth", "foreman", "turns", "noface_face")
"""Not carphone: nothing says whether its man is another one than foreman's."""
REACH = {"EER": 0.01, "FNMR": 0.05}
REACH_TEMPLATE = {"FNMR": 0.02}


def _face(person: str, session: str, sample: FaceSample) -> Face:
    strict = strict_gate(sample, None, CONFIG.gates).passed
    return Face(person, session, sample.e_id, is_trusted(sample, CONFIG.tracks, strict=strict))


def clip_faces(name: str, seat: int | None = None, step: int = STEP) -> list[FaceSample]:
    """Faces with an embedding of every `step`-th frame: the largest, or the one in a seat of two_riders_120s."""
    clip = footage(name)
    found = []
    for shot in clip.shots[::step]:
        here = [f for f in shot.faces if seat is None or (centre(f.bbox)[0] >= clip.size_px[0] / 2) == bool(seat)]
        largest = max(here, key=lambda face: face.measures.face_px, default=None)
        if largest is not None and largest.e_id is not None:
            found.append(largest)
    return found


def photo_faces(folder: str) -> list[Face]:
    known = [photo for photo in photos(folder) if photo.face is not None and photo.face.e_id is not None]
    return [_face(photo.person, folder, photo.face) for photo in known]


def video_faces() -> list[Face]:
    return [
        _face(person, session, sample)
        for session, (person, clip, seat) in SESSIONS.items()
        for sample in clip_faces(clip, seat)
    ]


def stranger_faces() -> list[Face]:
    return [*photo_faces("expression"), *(_face(name, name, face) for name in STRANGERS for face in clip_faces(name))]


def row(name: str, values: dict[str, tuple[float, float, float]], reach: dict[str, float]) -> bool:
    """Print one row; False where a number to reach is missed."""
    cells = [f"tau {values['tau'][0]:.4f} [{values['tau'][1]:.3f}, {values['tau'][2]:.3f}]"]
    cells += [f"{key} {v:6.2%} [{low:.2%}, {high:.2%}]" for key, (v, low, high) in values.items() if key != "tau"]
    missed = [key for key, limit in reach.items() if values[key][0] > limit]
    print(f"{name}\n    " + "  ".join(cells) + (f"   MISSED: {', '.join(missed)}" if missed else ""), flush=True)
    return not missed


def pair_rows(rounds: int) -> bool:
    """Pairs of single faces."""
    still, moving, strangers = photo_faces("identity"), video_faces(), stranger_faces()
    trusted = [face for face in [*still, *moving] if face.trusted]
    sets = {
        "photos": still,
        "photos, trusted": [face for face in still if face.trusted],
        "videos": moving,
        "photos and videos": [*still, *moving],
        "photos and videos, trusted": trusted,
        "with further strangers, trusted": [*trusted, *(face for face in strangers if face.trusted)],
    }
    reached = True
    for name, faces in sets.items():
        values = with_intervals(faces, lambda counts, faces=faces: pairs(faces, counts), TAUS, rounds)
        people = len({face.person for face in faces})
        shown = pairs(faces)
        title = f"pairs, {name}: {people} people, {len(faces)} faces"
        title += f", {shown.genuine.sum()} genuine, {(~shown.genuine).sum()} impostor"
        reached &= row(title, values, REACH)
    across = with_intervals(moving, lambda counts: pairs(moving, counts, across_sessions=True), TAUS, rounds)
    row("pairs, videos, genuine ones from two different videos only", across, {})
    return reached


def template_rows(rounds: int) -> bool:
    """Single faces against templates of up to five."""
    still, moving = photo_faces("identity"), [face for face in video_faces() if face.trusted]
    reached = True
    for name, faces in (("photos", still), ("photos and videos, trusted", [*still, *moving[::4]])):
        for kind, make in (("medoid", medoid), ("mean", mean)):
            values = with_intervals(
                faces, lambda counts, f=faces, m=make: templates(f, m, counts), TAUS, max(10, rounds // 8)
            )
            reached &= row(f"templates ({kind} of five), {name}", values, REACH_TEMPLATE)
    return reached


def prototype_rows() -> None:
    """What the builder compares: frames with the medoid of a reservoir, and medoids with each other."""
    clips = {**SESSIONS, **{name: (name, name, None) for name in STRANGERS}}
    frames = {
        session: [_face(person, session, sample) for sample in clip_faces(clip, seat, step=1)]
        for session, (person, clip, seat) in clips.items()
    }
    prototypes = {session: prototype(faces) for session, faces in frames.items()}
    print("every frame against its own video's prototype, and against those of all other people:")
    for session, faces in frames.items():
        own = np.array([float(face.e_id @ prototypes[session]) for face in faces])
        trusted = own[[face.trusted for face in faces]]
        others = np.stack([prototypes[other] for other in clips if clips[other][0] != clips[session][0]])
        foreign = np.max(np.stack([face.e_id for face in faces]) @ others.T, axis=1)
        print(
            f"    {session:15} trusted {len(trusted):4}: min {trusted.min():.3f}, {_below(trusted)}; "
            f"all {len(own):4}: min {own.min():.3f}, {_below(own)}; "
            f"others: max {foreign.max():.3f}, at or over tau_id {np.mean(foreign >= MODEL.tau_id):.2%}, "
            f"tau_split {np.mean(foreign >= MODEL.tau_split):.2%}"
        )
    known = [
        (clips[session][0], faces[start : start + FPS])
        for session, faces in frames.items()
        for start in range(0, len(faces) - FPS + 1, FPS)
    ]
    _prototype_pairs(known)


def prototype(faces: Sequence[Face]) -> Rows:
    """The medoid that the builder would hold: of trusted faces, of all where there are too few."""
    trusted = [face for face in faces if face.trusted]
    reservoir = Reservoir(CONFIG.tracks.reservoir_size)
    for index, face in enumerate(trusted if len(trusted) >= CONFIG.persons.prototype_min_strict else faces):
        reservoir = reservoir.add(face.e_id, index)
    return medoid(reservoir.matrix())


def _prototype_pairs(known: list[tuple[str, Sequence[Face]]]) -> None:
    """Prototypes of single seconds of video and of thirds of the photos, as short tracklets have them."""
    still = [*photo_faces("identity"), *photo_faces("expression")]
    for person in dict.fromkeys(face.person for face in still):
        own = [face for face in still if face.person == person]
        known = [*known, *((person, own[part::3]) for part in range(3))]
    for name, least in (("from 3 or more trusted faces", CONFIG.persons.prototype_min_strict), ("from any faces", 0)):
        enough = [(p, faces) for p, faces in known if sum(face.trusted for face in faces) >= least]
        matrix, person = np.stack([prototype(faces) for _, faces in enough]), np.array([p for p, _ in enough])
        one, two = np.triu_indices(len(enough), 1)
        values, same = (matrix @ matrix.T)[one, two], person[one] == person[two]
        print(
            f"prototypes of short tracklets {name}: {same.sum()} pairs of one person, lowest {values[same].min():.3f}, "
            f"not joined {np.mean(values[same] < MODEL.tau_merge):.3%}; {(~same).sum()} pairs of two of "
            f"{len(set(person))} people, highest {values[~same].max():.3f}, "
            f"joined {np.mean(values[~same] >= MODEL.tau_merge):.3%}"
        )


def _below(values: Rows) -> str:
    return f"below tau_split {np.mean(values < MODEL.tau_split):.2%}, below tau_id {np.mean(values < MODEL.tau_id):.2%}"


def main() -> int:
    if not available():
        return 0
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    print(
        f"tau_id {MODEL.tau_id}, tau_merge {MODEL.tau_merge}, tau_split {MODEL.tau_split}; 95 % intervals in brackets"
    )
    reached = pair_rows(rounds)
    reached &= template_rows(rounds)
    prototype_rows()
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
