"""Faces of the test material, translated once and kept in `benchmarks/.cache`, for the other benchmarks.

Videos run as `identity-builder build` runs them: its runner, its modules with the optional ones, its 10 frames per
second; photos run through face.detect alone. The cache belongs to the code that filled it: changed analyzers or
translation fill it anew, unless `IDENTITY_BENCH_KEEP_CACHE=1` says otherwise. Run by itself to fill it:

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
import vpx.body_pose
import vpx.face_detect
import vpx.face_expression
import vpx.runner
from visualbase import Frame
from vpx.face_detect import FaceDetectionAnalyzer
from vpx.runner import LiteRunner
from vpx.sdk import Module, Observation

import vpx_identity_builder
import vpx_vision_embed
from vpx_identity_builder.core.config import UNCALIBRATED_NOVELTY, NoveltyScale
from vpx_identity_builder.core.types import FaceSample
from vpx_identity_builder.module import IdentityBuilder
from vpx_identity_builder.observations import to_samples

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("IDENTITY_TEST_DATA", ROOT.parent / "shared" / "data"))
CACHE = ROOT / "benchmarks" / ".cache"
FPS = 10
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
    packages = (vpx.body_pose, vpx.face_detect, vpx.face_expression, vpx.runner, vpx_vision_embed)
    folders = [Path(package.__file__).parent for package in packages]
    files = [file for folder in folders for file in folder.rglob("*.py")]
    files += [*builder.glob("observations*.py"), builder / "pixels.py", builder / "core" / "types.py"]
    digest = hashlib.sha256(str(FPS).encode())
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
        for part in (face, face.pose, face.expression, face.measures):
            for item in fields(part):
                if not hasattr(part, item.name):
                    object.__setattr__(part, item.name, item.default)
    return value


class Listener(Module):
    """Keeps what the identity builder would be given, frame by frame."""

    name = "listener"

    def __init__(self) -> None:
        super().__init__()
        self.builder = IdentityBuilder()
        self.shots: list[Shot] = []
        self.size_px = (0, 0)
        self.face_novelty = self.body_novelty = UNCALIBRATED_NOVELTY

    @property
    def depends(self) -> list[str]:
        return self.builder.depends

    @property
    def optional_depends(self) -> list[str]:
        return self.builder.optional_depends

    def process(self, frame: Frame, deps: dict[str, Observation] | None = None) -> None:
        said = to_samples(frame, deps or {}, frame_idx=frame.frame_id, t_ns=frame.t_src_ns)
        self.face_novelty = said.vision_face.scale or self.face_novelty
        self.body_novelty = said.vision_body.scale or self.body_novelty
        self.size_px = (frame.data.shape[1], frame.data.shape[0])
        self.shots.append(Shot(frame.t_src_ns, said.samples))


def _video(path: Path) -> Footage:
    heard = Listener()
    LiteRunner([heard], include_optional=True).run(path, fps=FPS)
    return Footage(path.stem, heard.size_px, tuple(heard.shots), heard.face_novelty, heard.body_novelty)


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
