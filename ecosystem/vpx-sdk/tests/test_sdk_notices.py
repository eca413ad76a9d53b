import logging
import os
import subprocess
import sys

from vpx.sdk.notices import logged_instead

SCRIPT = """
import os, sys
from vpx.sdk.notices import logged_instead
os.write(2, b"before\\n")
with logged_instead("INFO: chatter", "NOTE"):
    os.write(2, b"INFO: chatter of a library\\nERROR: something\\nNOTE x\\n")
    print("from python", file=sys.stderr)
print("after", file=sys.stderr)
"""


def test_only_the_named_lines_are_kept_off_and_the_others_come_out_in_order():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stderr == "before\nERROR: something\nfrom python\nafter\n"


def test_what_is_kept_off_is_logged(caplog):
    with caplog.at_level(logging.DEBUG, "vpx.sdk.notices"), logged_instead("INFO:"):
        os.write(2, b"INFO: made a delegate\n")
    assert [record.getMessage() for record in caplog.records] == ["INFO: made a delegate"]


def test_an_error_in_the_block_comes_out_and_stderr_is_back(capfd):
    try:
        with logged_instead("INFO:"):
            os.write(2, b"last words\n")
            raise KeyError("x")
    except KeyError:
        os.write(2, b"handled\n")
    assert capfd.readouterr().err == "last words\nhandled\n"


def test_without_standard_error_nothing_happens():
    script = (
        "import os; os.close(2)\nfrom vpx.sdk.notices import logged_instead\nwith logged_instead('x'): print('ran')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "ran\n"
