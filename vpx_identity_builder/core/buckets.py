"""The bins of the design document, §5. An edge value belongs to the bin nearer 0; what is unknown is `unknown`."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import replace

from .config import SelectionConfig
from .types import Buckets, ExpressionSignals, FaceSample

UNKNOWN = "unknown"

YAW_EDGES = (-45.0, -30.0, -15.0, -5.0, 5.0, 15.0, 30.0, 45.0)
YAW_BINS = ("[-45,-30]", "[-30,-15]", "[-15,-5]", "[-5,5]", "[5,15]", "[15,30]", "[30,45]")
YAW_LABELS = ("-45", "-30", "-15", "0", "15", "30", "45")
YAW_BEYOND_LEFT, YAW_BEYOND_RIGHT = "<-45", ">45"

PITCH_EDGES = (-20.0, -7.0, 7.0, 20.0)
PITCH_BINS = ("down", "slight-down", "neutral", "slight-up", "up")
PITCH_LABELS = ("-30", "-15", "0", "15", "30")

EYES_CLOSED = "eyes_closed"
EXPRESSION_BINS = ("neutral", "smile", "mouth_open", EYES_CLOSED)
MOUTH_OPEN_FROM = 0.3
SMILE_FROM = 0.3
EYES_OPEN_FROM = 0.3
NARROW_OPEN_FROM, OPEN_OF_USUAL = 0.2, 2 / 3
"""Where a person's usual opening (see `eyes`) is so small that open eyes read below `EYES_OPEN_FROM`, eyes are open
from this share of it. Closed eyes read below the lower limit, unless the sockets are dark."""
HAPPY_FROM = 0.5

PARTIAL_OCCLUSION_FROM = 0.1
HEAVY_OCCLUSION_ABOVE = 0.4
COVERED_FROM = 0.05
"""Eyes or a mouth over which something lies at least this surely cannot be read."""


def _bin_index(value: float, edges: tuple[float, ...]) -> int:
    """Number of edges passed; a value on an edge stays on the side nearer 0."""
    return bisect_right(edges, value) if value < 0 else bisect_left(edges, value)


def yaw_bin(yaw_deg: float | None) -> str:
    """Yaw bin; beyond 45 degrees `<-45` or `>45`, which fills no bucket."""
    if yaw_deg is None:
        return UNKNOWN
    index = _bin_index(yaw_deg, YAW_EDGES)
    if index == 0:
        return YAW_BEYOND_LEFT
    return YAW_BINS[index - 1] if index <= len(YAW_BINS) else YAW_BEYOND_RIGHT


def pitch_bin(pitch_deg: float | None) -> str:
    """Pitch bin, `down` to `up`."""
    return UNKNOWN if pitch_deg is None else PITCH_BINS[_bin_index(pitch_deg, PITCH_EDGES)]


def is_smiling(signals: ExpressionSignals) -> bool | None:
    """By the smile, else a high probability of happiness; None where neither tells (a low one tells nothing)."""
    if signals.smile is not None:
        return signals.smile >= SMILE_FROM
    happy = signals.happy_probability
    return True if happy is not None and happy >= HAPPY_FROM else None


def is_mouth_open(signals: ExpressionSignals) -> bool | None:
    """None where it was not measured."""
    return None if signals.mouth_open is None else signals.mouth_open >= MOUTH_OPEN_FROM


def eyes_open_from(eye_usual: float | None) -> float:
    """The opening from which eyes are open: §5's cut, lower for a person whose eyes are always narrow."""
    if eye_usual is None:
        return EYES_OPEN_FROM
    return min(EYES_OPEN_FROM, max(NARROW_OPEN_FROM, OPEN_OF_USUAL * eye_usual))


def expression_bin(signals: ExpressionSignals) -> str:
    """Expression bin; eyes_closed before smile before mouth_open before neutral.

    Neutral needs every signal: what was not measured is not claimed to be absent.
    """
    return expression_of(signals, signals.eye_usual)


def expression_of(signals: ExpressionSignals, eye_usual: float | None) -> str:
    """Expression bin, where the eyes usually are this open."""
    if signals.eye_open is not None and signals.eye_open < eyes_open_from(eye_usual):
        return EYES_CLOSED
    if is_smiling(signals):
        return "smile"
    if is_mouth_open(signals):
        return "mouth_open"
    known = None not in (signals.smile, signals.mouth_open, signals.eye_open)
    return "neutral" if known else UNKNOWN


def readable(sample: FaceSample) -> ExpressionSignals:
    """The signals that can be believed: nothing is read from eyes or a mouth that something lies over.

    Where a face is partly covered and nobody says where, nothing is. Where the ratio is unknown, `covered` is given
    only for a cover that is likely.
    """
    signals, covered, ratio = sample.expression, sample.covered, sample.occlusion_ratio
    clear = covered is None if ratio is None else ratio < PARTIAL_OCCLUSION_FROM
    if clear:
        return signals
    if covered is None or covered.eyes >= COVERED_FROM:
        signals = replace(signals, eye_open=None, eye_open_least=None)
    if covered is None or covered.mouth >= COVERED_FROM:
        signals = replace(signals, mouth_open=None, smile=None, happy_probability=None)
    return signals


def occlusion_bin(ratio: float | None) -> str:
    """Occlusion bin: none < 0.1, partial to 0.4, heavy above."""
    if ratio is None:
        return UNKNOWN
    if ratio < PARTIAL_OCCLUSION_FROM:
        return "none"
    return "partial" if ratio <= HEAVY_OCCLUSION_ABOVE else "heavy"


def lighting_bin(brightness: float | None, median_brightness: float | None, config: SelectionConfig) -> str:
    """Lighting bin of a crop, §5's numbers, checked against the person's own median where that is known."""
    if brightness is None:
        return UNKNOWN
    usual = brightness if median_brightness is None else median_brightness
    if brightness < config.dark_level and (
        median_brightness is None or brightness <= config.dark_of_median * usual or usual < config.dark_level / 2
    ):
        return "dark"
    if brightness > config.bright_level and (
        median_brightness is None or brightness >= config.bright_of_median * usual or usual > config.bright_level
    ):
        return "overexposed"
    return "normal"


def classify(sample: FaceSample, median_brightness: float | None, config: SelectionConfig) -> Buckets:
    """All bins of one face."""
    return Buckets(
        yaw=yaw_bin(sample.pose.yaw_deg),
        pitch=pitch_bin(sample.pose.pitch_deg),
        expression=expression_bin(readable(sample)),
        occlusion=occlusion_bin(sample.occlusion_ratio),
        lighting=lighting_bin(sample.measures.lighting_level, median_brightness, config),
    )


def bucket_key(buckets: Buckets) -> str:
    """File stem of §2 without prefix, for example `yaw-30_pitch0_smile`; only for faces inside the yaw bins."""
    yaw = YAW_LABELS[YAW_BINS.index(buckets.yaw)]
    pitch = PITCH_LABELS[PITCH_BINS.index(buckets.pitch)]
    return f"yaw{yaw}_pitch{pitch}_{buckets.expression}"


def fills_bucket(buckets: Buckets) -> bool:
    """True when yaw and pitch are known and inside the bins, so that the face has a bucket."""
    return buckets.yaw in YAW_BINS and buckets.pitch in PITCH_BINS
