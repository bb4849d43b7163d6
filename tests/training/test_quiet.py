"""What libraries say while they are imported, which is of no use to whoever trains."""

import subprocess
import sys


def test_importing_what_trains_prints_nothing():
    imports = "import synthgen.training.student, peft, trl, torchao"
    done = subprocess.run([sys.executable, "-c", imports], capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""
