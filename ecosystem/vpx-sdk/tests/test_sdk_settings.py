"""Settings: precedence, ranges, and all problems at once."""

import pytest
from vpx.sdk.settings import ModuleSettingsError, NumberSetting, environment_name, resolve_numbers

ROWS = (
    NumberSetting("threads", 2, 1, 64, "threads"),
    NumberSetting("min_score", 0.5, 0.0, 1.0, "score"),
)


def test_default_environment_constructor_in_rising_precedence() -> None:
    env = {"VPX_FACE_DETECT__THREADS": "3"}
    assert resolve_numbers("face.detect", ROWS, {}, {}) == {"threads": 2, "min_score": 0.5}
    assert resolve_numbers("face.detect", ROWS, {"threads": None}, env)["threads"] == 3
    assert resolve_numbers("face.detect", ROWS, {"threads": 4}, env)["threads"] == 4


def test_whole_numbers_come_back_as_int() -> None:
    assert isinstance(resolve_numbers("m", ROWS, {"threads": 4.0}, {})["threads"], int)


def test_every_problem_is_named_with_its_origin() -> None:
    with pytest.raises(ModuleSettingsError) as caught:
        resolve_numbers("a.b", ROWS, {"min_score": 2}, {"VPX_A_B__THREADS": "many"})
    assert len(caught.value.problems) == 2
    assert "a.b.threads must be a whole number in 1..64, not 'many' (environment VPX_A_B__THREADS)" in str(caught.value)
    assert "a.b.min_score must be a number in 0..1, not 2 (constructor)" in str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "nan", "inf", True, [1], "", "1.5"])
def test_what_is_no_whole_number_in_range_is_refused(value: object) -> None:
    with pytest.raises(ModuleSettingsError, match="threads"):
        resolve_numbers("m", ROWS, {"threads": value}, {})


def test_environment_name_replaces_the_dot() -> None:
    assert environment_name("face.detect", "det_size") == "VPX_FACE_DETECT__DET_SIZE"
