"""Faces of the test material, translated once and kept in `benchmarks/.cache`, for the other benchmarks.

Videos run through face.detect, face.expression and vision.embed at 10 frames per second, photos through face.detect
alone. The cache belongs to the code that filled it: changed analyzers or translation fill it anew, unless
`IDENTITY_BENCH_KEEP_CACHE=1` says otherwise. Run by itself to fill it:

    python benchmarks/real_faces.py [NAME ...]
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
import time
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import vpx.face_detect
import vpx.face_expression
from visualbase import FileSource, Frame, sample
from vpx.face_detect import FaceDetectionAnalyzer
from vpx.face_expression import ExpressionAnalyzer
from vpx.sdk import Observation

import vpx_identity_builder
import vpx_vision_embed
from vpx_identity_builder.core.config import UNCALIBRATED_NOVELTY, NoveltyScale
from vpx_identity_builder.core.types import FaceSample
from vpx_identity_builder.observations import to_samples
from vpx_vision_embed import VisionEmbedAnalyzer

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("IDENTITY_TEST_DATA", ROOT.parent / "shared" / "data"))
CACHE = ROOT / "benchmarks" / ".cache"
FPS = 10
SECONDS = {"franck": 100.0}
"""Only so much of a long video."""
VIDEOS = (
    "two_riders_120s.mp4",
    "franck.mp4",
    "cap12.mp4",
    "cap13.mp4",
    "hand_over_mouth.mp4",
    "foreman.mp4",
    "turns.mp4",
    "carphone.mp4",
    "noface_face.mov",
    "dark_stage.mp4",
)
PHOTO_FOLDERS = {"identity": "*/*.jpg", "expression": "*.gif"}


@dataclass(frozen=True, slots=True)
class Shot:
    """One frame's faces."""

    t_ns: int
    faces: tuple[FaceSample, ...]


@dataclass(frozen=True, slots=True)
class Footage:
    """One video: its frames in time order and the novelty scales of its vision embeddings."""

    name: str
    size_px: tuple[int, int]
    shots: tuple[Shot, ...]
    face_novelty: NoveltyScale
    body_novelty: NoveltyScale


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo: whom it shows, its file, and its largest face (None: none found)."""

    person: str
    name: str
    face: FaceSample | None


def available() -> bool:
    """True where the test material is there; says so where it is not."""
    if (DATA / "videos").is_dir():
        return True
    print(f"skipped: no test material at {DATA} (set IDENTITY_TEST_DATA)")
    return False


def footage(name: str) -> Footage:
    """Faces of one of `VIDEOS` by its file name without the ending."""
    path = next(DATA / "videos" / video for video in VIDEOS if Path(video).stem == name)
    return _cached(name, lambda: _video(path))


def analysed(path: Path) -> Footage:
    """Faces of any video file, kept under its name."""
    return _cached(path.stem, lambda: _video(path))


def photos(folder: str) -> list[Photo]:
    """Faces of `photos/FOLDER`; the person is the folder's or the file name's first part."""
    return _cached(f"photos_{folder}", lambda: _photos(folder))


def _code() -> str:
    """Fingerprint of everything between pixels and samples."""
    builder = Path(vpx_identity_builder.__file__).parent
    folders = [Path(package.__file__).parent for package in (vpx.face_detect, vpx.face_expression, vpx_vision_embed)]
    files = [file for folder in folders for file in folder.rglob("*.py")]
    files += [*builder.glob("observations*.py"), builder / "pixels.py", builder / "core" / "types.py"]
    digest = hashlib.sha256(f"{FPS} {sorted(SECONDS.items())}".encode())
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _cached(name, make):
    path, code = CACHE / f"{name}.pickle", _code()
    if path.exists():
        made_by, value = pickle.loads(path.read_bytes())
        if made_by == code or os.environ.get("IDENTITY_BENCH_KEEP_CACHE") == "1":
            return _completed(value)
    start = time.perf_counter()
    value = make()
    CACHE.mkdir(exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(pickle.dumps((code, value)))
    partial.replace(path)
    print(f"{name}: analysed in {time.perf_counter() - start:.0f} s", file=sys.stderr)
    return value


def _completed(value):
    """Kept faces of code that had fewer fields, with the defaults of what came since."""
    groups = [shot.faces for shot in value.shots] if isinstance(value, Footage) else [[photo.face] for photo in value]
    for face in (face for group in groups for face in group if face is not None):
        for item in fields(face):
            if not hasattr(face, item.name):
                object.__setattr__(face, item.name, item.default)
    return value


def _video(path: Path) -> Footage:
    shots: list[Shot] = []
    size = (0, 0)
    face_scale = body_scale = UNCALIBRATED_NOVELTY
    limit_ns = SECONDS.get(path.stem, float("inf")) * 1e9
    with (
        FaceDetectionAnalyzer() as detect,
        ExpressionAnalyzer() as expression,
        VisionEmbedAnalyzer() as embed,
        FileSource(path) as source,
    ):
        for frame in sample(source, FPS):
            if frame.t_src_ns > limit_ns:
                break
            deps: dict[str, Observation] = {}
            for module in (detect, expression, embed):
                found = module.process(frame, deps)
                if found is not None:
                    deps[module.name] = found
            said = to_samples(frame, deps, frame_idx=frame.frame_id, t_ns=frame.t_src_ns)
            face_scale, body_scale = said.vision_face.scale or face_scale, said.vision_body.scale or body_scale
            size = (frame.data.shape[1], frame.data.shape[0])
            shots.append(Shot(frame.t_src_ns, said.samples))
    return Footage(path.stem, size, tuple(shots), face_scale, body_scale)


def _photos(folder: str) -> list[Photo]:
    found = []
    with FaceDetectionAnalyzer() as detect:
        for number, path in enumerate(sorted((DATA / "photos" / folder).glob(PHOTO_FOLDERS[folder]))):
            detect.reset()
            frame = Frame.from_array(_picture(path), frame_id=number, t_src_ns=number * 10**9)
            deps = {"face.detect": detect.process(frame)}
            faces = to_samples(frame, deps, frame_idx=number, t_ns=frame.t_src_ns).samples
            largest = max(faces, key=lambda face: face.measures.face_px, default=None)
            person = path.parent.name if path.parent.name != folder else path.stem.split(".")[0]
            found.append(Photo(person, path.name, largest))
    return found


def _picture(path: Path):
    """(h, w, 3) uint8 BGR; the first picture of a GIF."""
    capture = cv2.VideoCapture(str(path))
    ok, picture = capture.read()
    capture.release()
    if not ok:
        raise OSError(f"cannot read {path.name}")
    return picture


def main() -> int:
    if not available():
        return 0
    wanted = sys.argv[1:] or [*(Path(name).stem for name in VIDEOS), *PHOTO_FOLDERS]
    for name in wanted:
        if name in PHOTO_FOLDERS:
            known = photos(name)
            print(f"{name}: {sum(photo.face is not None for photo in known)} faces in {len(known)} photos")
        else:
            clip = footage(name)
            counts = [len(shot.faces) for shot in clip.shots]
            per_count = {count: counts.count(count) for count in sorted(set(counts))}
            print(f"{name}: {len(clip.shots)} frames, frames by number of faces {per_count}")
    return 0


if __name__ == "__main__":
    import real_faces  # pickled classes must carry this module's real name

    sys.exit(real_faces.main())
