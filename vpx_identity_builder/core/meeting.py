"""What faces side by side tell: two faces in one frame are two people, whatever their embeddings say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from .cast import Cast, keep_apart, stability_of
from .config import FaceIdModel
from .geometry import iou
from .persons import Person
from .tracks import Assignment
from .types import FaceSample

SAME_FACE_IOU = 0.3
"""Boxes that overlap more are one face found twice, which tells nothing about who is a different person."""


def is_confirmed(sample: FaceSample, person: Person, model: FaceIdModel) -> bool:
    """True where Face-ID says that this face is this person's."""
    stability = stability_of(sample.e_id, person.prototype)
    return stability is not None and stability >= model.tau_id


def met(cast: Cast, faces: Sequence[tuple[int, FaceSample]], model: FaceIdModel) -> Cast:
    """The cast after one frame's faces, given as (person number, face): who was surely seen together never joins."""
    sure = [(number, face) for number, face in faces if is_confirmed(face, cast.riders[number].person, model)]
    for (one, face), (two, other) in combinations(sure, 2):
        if iou(face.bbox, other.bbox) < SAME_FACE_IOU:
            cast = keep_apart(cast, {one, two})
    return cast


def doubles(
    cast: Cast, person_of: Mapping[int, int], assignments: Sequence[Assignment], model: FaceIdModel
) -> list[int]:
    """Tracklets that cannot be the person they were taken for: an older tracklet is surely that person in this frame.

    `person_of`: tracklet → person number. Two people alike enough to have been joined are found out here.
    """
    sure: dict[int, list[Assignment]] = {}
    for found in sorted(assignments, key=lambda assignment: assignment.tracklet.number):
        number = person_of.get(found.tracklet.number)
        rider = None if number is None or found.contradicts else cast.riders.get(number)
        if rider is not None and is_confirmed(found.sample, rider.person, model):
            sure.setdefault(rider.person.number, []).append(found)
    return [
        newer.tracklet.number
        for oldest, *others in sure.values()
        for newer in others
        if iou(oldest.sample.bbox, newer.sample.bbox) < SAME_FACE_IOU
    ]
