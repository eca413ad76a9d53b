import numpy as np
import pytest
from vpx.runner.drawing import draw_marks
from vpx.sdk import AxisMark, BarMark, BBoxMark, DrawStyle, KeypointsMark, LabelMark

BLACK = np.zeros((100, 200, 3), np.uint8)
RED = DrawStyle(color=(0, 0, 255), thickness=1)


def drawn_box(*marks):
    """The box (x1, y1, x2, y2) of what the marks changed."""
    ys, xs = np.nonzero(draw_marks(BLACK, marks).any(axis=2))
    return int(xs.min()), int(ys.min()), int(xs.max()), int(ys.max())


def test_a_box_is_drawn_where_it_says_in_its_colour():
    assert drawn_box(BBoxMark(0.25, 0.2, 0.5, 0.4, style=RED)) == (50, 20, 150, 60)
    assert draw_marks(BLACK, [BBoxMark(0.25, 0.2, 0.5, 0.4, style=RED)])[20, 60].tolist() == [0, 0, 255]


def test_the_given_picture_stays_untouched():
    draw_marks(BLACK, [LabelMark("text", 0.1, 0.5), BBoxMark(0, 0, 1, 1, "label")])
    assert not BLACK.any()


@pytest.mark.parametrize(("value", "right"), [(0.0, 20), (0.5, 60), (1.0, 100), (7.0, 100)])
def test_a_bar_is_filled_to_its_value(value, right):
    row = draw_marks(BLACK, [BarMark(0.1, 0.1, 0.4, 0.2, value, style=RED)])[20].any(axis=1)
    assert int(np.nonzero(row[:100])[0].max()) in (right, min(right, 99))


def test_missing_keypoints_are_left_out_with_their_lines():
    mark = KeypointsMark(((0.1, 0.5), None, (0.9, 0.5)), connections=((0, 1), (1, 2)), radius=1, style=RED)
    assert not draw_marks(BLACK, [mark])[:, 40:160].any()
    joined = KeypointsMark(((0.1, 0.5), (0.9, 0.5)), connections=((0, 1),), style=RED)
    assert draw_marks(BLACK, [joined])[50, 40:160].any(axis=1).all()


@pytest.mark.parametrize(
    ("yaw", "pitch", "direction"), [(60, 0, (1, 0)), (-60, 0, (-1, 0)), (0, 60, (0, -1)), (0, -60, (0, 1))]
)
def test_the_forward_axis_points_where_the_face_looks(yaw, pitch, direction):
    image = draw_marks(BLACK, [AxisMark(0.5, 0.5, yaw, pitch, 0, length=0.2)])
    ys, xs = np.nonzero((image[:, :, 0] > 200) & (image[:, :, 2] < 50))
    mean = (float(xs.mean()) - 100, float(ys.mean()) - 50)
    assert mean[0] * direction[0] + mean[1] * direction[1] > 5


def test_marks_outside_of_the_picture_are_harmless():
    assert draw_marks(BLACK, [BBoxMark(-5, -5, 1, 1), LabelMark("x", 9, 9)]).shape == BLACK.shape
