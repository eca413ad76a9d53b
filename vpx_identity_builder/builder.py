"""`IdentitySetBuilder`: faces of one video in, identity sets out; the only mutable state of the product."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace

from .core.afterwards import SeenFrame, choosing_among
from .core.cast import Cast, Rider, forget_least_seen, join_all, joining_due, keep_apart, new_rider, stability_of
from .core.clock import Clock
from .core.conditions import counted
from .core.config import FACE_ID_MODELS, UNCALIBRATED_NOVELTY, Config, FaceIdModel, NoveltyScale
from .core.coverage import is_satisfied
from .core.fates import FaceFate, Progress
from .core.frame_views import Encoder, Look, WaitingFrame, not_looked
from .core.gates import loose_failure, passes_strict
from .core.meeting import doubles, met
from .core.mirror import with_pitch_reversed
from .core.offer import Scales, consider
from .core.pair_offer import offer_pair
from .core.persons import Evidence, Person, observed
from .core.policy import AS_DESIGNED, Policy
from .core.prototype import with_unit_vectors
from .core.results import ModelNames, RunResult, StopReason
from .core.settle import Settled, settle
from .core.tracks import Assignment, Tracklet, is_trusted, step
from .core.types import FaceSample, IntBox

Watcher = Callable[[int, Sequence[FaceFate]], None]
"""Hears of every frame that was looked at: its number in order of arrival (from 1), and what became of its faces."""


class IdentitySetBuilder:
    """Builds the sets of one video. Memory does not grow with its length. Not thread-safe.

    Frames may arrive one place out of order: each waits for its successor before it is looked at. The row of
    `face_id_models` that fits the first embedding's dimension holds for the whole run.
    """

    def __init__(
        self,
        config: Config | None = None,
        face_id_models: Sequence[FaceIdModel] = FACE_ID_MODELS,
        face_novelty: NoveltyScale = UNCALIBRATED_NOVELTY,
        body_novelty: NoveltyScale = UNCALIBRATED_NOVELTY,
        policy: Policy = AS_DESIGNED,
    ) -> None:
        self.config = config or Config()
        self.scales = Scales(face_id_models[0], face_novelty, body_novelty, policy)
        self.last_fates: tuple[FaceFate, ...] = ()
        self.faults: Counter[str] = Counter()
        self.face_id_models = tuple(face_id_models)
        self.watch: Watcher | None = None
        self.final_numbers: Mapping[int, int] = {}
        """After `finish`: every person number that was given while the video ran → the one that stands for it."""
        self.published: tuple[int, ...] = ()
        """After `finish`: person numbers of the published, in the order of their ids."""
        self._renamed: dict[int, int] = {}
        self._model_known = False
        self._waiting: list[WaitingFrame] = []
        self._tracklets: tuple[Tracklet, ...] = ()
        self._person_of: dict[int, int] = {}
        self._next_tracklet = 0
        self._cast = Cast()
        self._fates: Counter[str] = Counter()
        self._frames = self._frames_with_faces = self._arrivals = 0
        self._clock = Clock()
        self._result: RunResult | None = None

    @property
    def face_id_model(self) -> FaceIdModel | None:
        """The row that the run's Face-ID embeddings are judged by; None until the first one that fits."""
        return self.scales.face_id if self._model_known else None

    def add(
        self,
        t_ns: int,
        faces: Sequence[FaceSample],
        encode: Encoder,
        look: Look = not_looked,
        bystanders: Sequence[FaceSample] = (),
    ) -> None:
        """Take one frame's faces. `encode` and `look` are called at once or when the next frame comes, for crops worth
        keeping and for the faces on them. `bystanders`: faces that nobody is made of, kept out of others' crops."""
        if self._result is not None:
            raise RuntimeError("the builder is finished; make a new one for the next video")
        self._arrivals += 1
        self._waiting.append(WaitingFrame(t_ns, self._arrivals, tuple(faces), encode, look, tuple(bystanders)))
        self._waiting.sort(key=lambda frame: (frame.t_ns, frame.arrival))
        if len(self._waiting) > 1:
            self._process(self._waiting.pop(0))

    def catch_up(self) -> None:
        """Look at what waits for a successor; none comes any more."""
        waiting, self._waiting = self._waiting, []
        for frame in waiting:
            self._process(frame)

    def branched(self) -> IdentitySetBuilder:
        """A builder that has seen the same and goes its own way from here; it is not watched."""
        branch = copy(self)
        branch.faults, branch._fates = self.faults.copy(), self._fates.copy()
        branch._waiting, branch._person_of, branch._renamed = [*self._waiting], {**self._person_of}, {**self._renamed}
        branch.watch = None
        return branch

    def choose_among(self, frames: Sequence[SeenFrame]) -> None:
        """Forget all candidates but those of these frames, which were looked at before, in this order."""
        self._cast = choosing_among(self._cast, frames, self._renamed, self._frames, self.scales, self.config)

    def finish(
        self,
        stop_reason: StopReason,
        models: ModelNames | None = None,
        reversed_pitch: frozenset[str] = frozenset(),
    ) -> RunResult:
        """Settle everything, once; later calls return the same result. Unpublished people are forgotten.

        `reversed_pitch`: sources of head poses whose pitch proved to have the opposite sign in this video.
        """
        if self._result is None:
            self.catch_up()
            settled = self._settled(stop_reason, reversed_pitch)
            self.final_numbers = settled.final_numbers({*self._cast.riders, *self._renamed}, self._renamed)
            self.published = settled.numbers
            self._result = self._result_of(settled, stop_reason, models)
            self._tracklets, self._person_of, self._cast = (), {}, Cast()
            self.last_fates = ()
        return self._result

    def snapshot(
        self,
        stop_reason: StopReason,
        models: ModelNames | None = None,
        reversed_pitch: frozenset[str] = frozenset(),
    ) -> RunResult:
        """What `finish` would give for the frames looked at so far; changes nothing."""
        return self._result_of(self._settled(stop_reason, reversed_pitch), stop_reason, models)

    def _settled(self, stop_reason: StopReason, reversed_pitch: frozenset[str]) -> Settled:
        cast = with_pitch_reversed(self._cast, reversed_pitch)
        return settle(cast, self._frames, self.scales, stop_reason, self.config)

    def _result_of(self, settled: Settled, stop_reason: StopReason, models: ModelNames | None) -> RunResult:
        return RunResult(
            persons=settled.persons,
            pair=settled.pair,
            unpublished=settled.unpublished,
            stop_reason=stop_reason,
            models=models or ModelNames(),
            frames=self._frames,
            frames_with_faces=self._frames_with_faces,
            first_t_ns=self._clock.first_t_ns,
            last_t_ns=self._clock.last_t_ns,
            fates=dict(sorted(self._fates.items())),
            faults=dict(sorted(self.faults.items())),
            notes=settled.notes,
        )

    def kept_crops(self) -> set[tuple[int, IntBox]]:
        """Time and box of every crop that the pools hold now."""
        return self._cast.crops()

    def progress(self) -> Progress:
        """Counts over the persons that would be published now; coverage is the least covered person's."""
        chosen, _ = self._cast.ranked(self._frames, self.config)
        riders = [self._cast.riders[person.number] for person, _ in chosen]
        covers = [rider.coverage for rider in riders]
        return Progress(
            person_count=len(riders),
            saved_total=sum(len(rider.pool.in_buckets()) for rider in riders),
            coverage_yaw=min((len(c.yaw.filled) for c in covers), default=0),
            coverage_pitch=min((len(c.pitch.filled) for c in covers), default=0),
            coverage_expression=min((len(c.expression.filled) for c in covers), default=0),
            should_stop=bool(riders) and all(self._is_satisfied(rider) for rider in riders),
        )

    def _is_satisfied(self, rider: Rider) -> bool:
        selection, plateau = self.config.selection, self.scales.face.plateau
        anchors = rider.anchor_moments(selection.anchor_gap_ms)
        return is_satisfied(
            rider.coverage, anchors, rider.recent_novelty, plateau, selection.anchors_min, self.config.stop
        )

    def _process(self, frame: WaitingFrame) -> None:
        self._tick(frame)
        faces = [self._comparable(sample) for sample in frame.faces]
        gated = [(sample, passes_strict(sample, None, self.config.gates)) for sample in faces]
        moved = step(
            self._tracklets,
            gated,
            self._clock.now_ns,
            self._next_tracklet,
            self.config.tracks,
            self.scales.face_id,
        )
        self._tracklets, self._next_tracklet = moved.active, moved.next_number
        for number in moved.ended:
            self._person_of.pop(number, None)
        before = self._cast
        for tracklet in doubles(self._cast, self._person_of, moved.assignments, self.scales.face_id):
            self._start_over(tracklet, frame.t_ns)
        fates = [self._take(assignment, frame, [*faces, *frame.bystanders]) for assignment in moved.assignments]
        self._fates.update(fate.code for fate in fates)
        self._cast = met(self._cast, [(f.person, f.assignment.sample) for f in fates], self.scales.face_id)
        self._join(before)
        last = [(fate, self._person_of[fate.assignment.tracklet.number]) for fate in fates]
        self.last_fates = tuple(fate if fate.person == n else replace(fate, person=n) for fate, n in last)
        self._cast = offer_pair(
            self._cast, self.last_fates, frame.bystanders, frame.encode, self._frames, self.scales, self.config
        )
        self._cast, gone = forget_least_seen(self._cast, set(self._person_of.values()), self.config.persons.max_tracked)
        if gone:
            self.faults["persons_forgotten"] += len(gone)
        if self.watch is not None:
            self.watch(frame.arrival, self.last_fates)

    def _start_over(self, tracklet: int, t_ns: int) -> None:
        """The tracklet shows somebody else than it was taken for; what it gave so far is judged at the end."""
        mistaken, self._person_of[tracklet] = self._person_of[tracklet], self._next_tracklet
        self._next_tracklet += 1
        number = self._rider(tracklet, t_ns).person.number
        self._cast = keep_apart(self._cast, {mistaken, number})

    def _join(self, before: Cast) -> None:
        """Join persons that became known well since `before`, and others only where there are too many."""
        persons = self.config.persons
        for due, evidence in (
            (joining_due(before, self._cast, persons.prototype_min_strict), Evidence.BOTH_KNOWN),
            (len(self._cast.riders) > persons.max_tracked, Evidence.ONE_KNOWN),
        ):
            if due:
                self._cast, renamed = join_all(self._cast, self.scales.face_id, self.config, evidence)
                self._person_of = {tracklet: renamed.get(n, n) for tracklet, n in self._person_of.items()}
                self._renamed |= renamed

    def _tick(self, frame: WaitingFrame) -> None:
        before, self._clock = self._clock, self._clock.tick(frame.t_ns)
        if self._clock.stalled > before.stalled:
            self.faults["timestamp_not_increasing"] += 1
        self._frames += 1
        self._frames_with_faces += bool(frame.faces or frame.bystanders)

    def _comparable(self, sample: FaceSample) -> FaceSample:
        """The sample, without what is no embedding or belongs to another Face-ID model than the run's."""
        sample, lost = with_unit_vectors(sample)
        if lost:
            self.faults["embedding_unusable"] += lost
        if sample.e_id is None:
            return sample
        if not self._model_known:
            fitting = [model for model in self.face_id_models if model.dim == sample.e_id.size]
            if fitting:
                self.scales, self._model_known = replace(self.scales, face_id=fitting[0]), True
        if self._model_known and self.scales.face_id.dim == sample.e_id.size:
            return sample
        self.faults["face_id_dimension"] += 1
        return replace(sample, e_id=None)

    def _rider(self, tracklet: int, t_ns: int) -> Rider:
        number = self._person_of.setdefault(tracklet, tracklet)
        if number not in self._cast.riders:
            self._cast = self._cast.with_rider(new_rider(number, t_ns, self.config))
        return self._cast.riders[number]

    def _take(self, assignment: Assignment, frame: WaitingFrame, faces: Sequence[FaceSample]) -> FaceFate:
        """One face: its person learns from it, then it is offered to that person's pool."""
        sample, config = assignment.sample, self.config
        rider = self._rider(assignment.tracklet.number, frame.t_ns)
        number, level = rider.person.number, rider.person.brightness.median
        if assignment.contradicts:
            conditions = counted(rider.conditions, sample, "identity_unsettled", level, config)
            self._cast = self._cast.with_rider(replace(rider, conditions=conditions))
            return FaceFate(assignment, number, "identity_unsettled")
        gallery = rider.gallery.add(sample)
        sample = rider.known(sample, gallery)
        faces = [sample if face is assignment.sample else face for face in faces]
        rider = replace(rider, person=self._observed(rider.person, sample, assignment, frame.t_ns), gallery=gallery)
        smooth_box, look = assignment.tracklet.smooth_box, frame.looked_at
        outcome = consider(rider, sample, smooth_box, faces, self.scales, config, look)
        kept = outcome.draft
        image = None if kept is None else frame.encode(kept.crop_box)
        code = "no_picture" if kept is not None and image is None else outcome.code
        level = rider.person.brightness.median
        rider = replace(
            rider if image is None else rider.with_pool(outcome.placed(rider.pool, image)),
            extremes=outcome.extremes,
            recent_novelty=outcome.recent_novelty,
            conditions=counted(rider.conditions, sample, code, level, config),
        )
        self._cast = self._cast.with_rider(rider)
        shown = replace(assignment, sample=sample if kept is None else kept.sample)
        return FaceFate(shown, number, code, outcome.lost_to_t_ns)

    def _observed(self, person: Person, sample: FaceSample, assignment: Assignment, t_ns: int) -> Person:
        """The person after this sighting, by what is known before it."""
        gates, median = self.config.gates, person.sharpness.median
        stability = stability_of(sample.e_id, person.prototype)
        return observed(
            person,
            sample,
            t_ns,
            trusted=is_trusted(sample, self.config.tracks, strict=passes_strict(sample, median, gates)),
            loose=loose_failure(sample, median, gates) is None,
            config=self.config.persons,
            settled=assignment.settled,
            recognised=stability is None or stability >= self.scales.face_id.tau_split,
        )
