"""What a worker loads at its start."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SIGNED = """
import sys
from dedupe import sign
sign("one two three four five six seven eight")
print("scipy.integrate" in sys.modules, "scipy.optimize" in sys.modules)
from datasketch import MinHashLSH
print(MinHashLSH(threshold=0.7, num_perm=128).b)
"""


def test_a_signature_takes_no_scipy_and_datasketch_has_it_all_the_same():
    done = subprocess.run(
        [sys.executable, "-c", SIGNED], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == ["False", "False", "14"], done.stderr
