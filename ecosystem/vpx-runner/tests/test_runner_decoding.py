"""How inputs given by path are decoded: isolated unless asked otherwise, within limits that can be set."""

import pytest
from visualbase import FileSource, ImageSource, IsolatedSource, SourceUnreadable
from vpx.runner import LiteRunner
from vpx.runner.decoding import DECODE_SETTINGS, Decoding, settings_in_effect
from vpx.runner.errors import SettingsError
from vpx.runner.sources import expected_frames, open_frames
from vpx.sdk import Module


class Nothing(Module):
    name = "run.nothing"

    def process(self, frame, deps=None):
        return None


def test_a_path_is_decoded_in_a_process_of_its_own_unless_asked_otherwise(video):
    with open_frames(str(video)) as stream:
        assert isinstance(stream.source, IsolatedSource)
        isolated = [frame.data.tobytes() for frame in stream.frames]
    with open_frames(str(video), decoding=Decoding(isolated=False)) as stream:
        assert isinstance(stream.source, FileSource)
        assert [frame.data.tobytes() for frame in stream.frames] == isolated
    assert isinstance(Decoding(isolated=False).source(video.parent), ImageSource)
    assert expected_frames(video, 5, None) == 11
    assert expected_frames(video, None, 3) == 3


def test_limits_come_from_settings_then_environment_then_defaults(monkeypatch):
    monkeypatch.setenv("VPX_DECODE__STALL_S", "7")
    monkeypatch.setenv("VPX_DECODE__MAX_FRAMES", "12")
    found = Decoding.of({"decode.max_frames": "5", "face.detect.det_size": "512"})
    assert (found.limits.stall_s, found.limits.max_frames, found.isolated) == (7, 5, True)
    origins = {row.key: origin for row, _, origin in settings_in_effect({"max_frames": "5"})}
    assert origins["max_frames"] == "argument"
    assert origins["stall_s"] == "environment VPX_DECODE__STALL_S"
    assert origins["cpu_s"] == "default"
    assert set(origins) == {row.key for row in DECODE_SETTINGS}


@pytest.mark.parametrize("given", [{"decode.stall_s": "0"}, {"decode.isolated": "2"}, {"decode.speed": "1"}])
def test_wrong_settings_are_refused_by_name(given):
    with pytest.raises(SettingsError, match=next(iter(given)).split(".")[1]):
        LiteRunner([Nothing()], settings=given)


def test_a_run_obeys_the_limits(video):
    result = LiteRunner([Nothing()], settings={"decode.max_frames": "4"}).run(video)
    assert (result.frame_count, result.stop_reason) == (4, "truncated")
    with pytest.raises(SourceUnreadable, match="allowed"):
        LiteRunner([Nothing()], settings={"decode.max_pixels": "10"}).run(video)
