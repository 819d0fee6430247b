"""How long training steps take on quiet and on busy cores, by how OpenMP's threads wait for each other.

Each figure is of a process of its own, for the policy is read when torch is loaded: a small network's training steps,
after three that are not counted. Busy: as many processes that compute without end as there are cores run beside it, and
are ended by the clock. The best policy is the one that is good at both.
Run: python -m benchmarks.threads [--steps 15] [--threads 2] [--model tiny_resnet] [--repeats 1]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

POLICIES: dict[str, dict[str, str]] = {
    "unset (libgomp's own)": {},
    "passive": {"OMP_WAIT_POLICY": "passive"},
    "active": {"OMP_WAIT_POLICY": "active"},
    "unset, GOMP_SPINCOUNT=1000": {"GOMP_SPINCOUNT": "1000"},
    "unset, GOMP_SPINCOUNT=100000": {"GOMP_SPINCOUNT": "100000"},
}
"""What is set for each row; ``KMP_BLOCKTIME`` is of another OpenMP (Intel's), which torch's wheels do not use."""
VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "OMP_NUM_THREADS")
LONGEST_S = 60
LOOP = "import time, sys\nend = time.monotonic() + float(sys.argv[1])\nwhile time.monotonic() < end: pass"
MEASURED = """
import sys, time
import torch  # before the package, which would set a policy
from curation.models.architectures import build
name, steps, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
model = build(name, classes=10, shape=(28, 28, 1), seed=0)
images, labels = torch.rand(128, 1, 28, 28), torch.randint(0, 10, (128,))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(steps + 3):
    if step == 3:
        started = time.perf_counter()
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(model(images), labels).backward()
    optimizer.step()
print(time.perf_counter() - started)
"""


def main() -> None:
    """Print one row a policy: seconds on quiet cores, and beside busy ones."""
    parser = argparse.ArgumentParser(description="How OpenMP's threads should wait for each other.")
    parser.add_argument("--steps", type=int, default=15, help="of a training, in batches of 128")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", default="tiny_resnet")
    parser.add_argument("--repeats", type=int, default=1, help="the least of so many is shown")
    parser.add_argument("--busy", type=int, default=os.cpu_count() or 1, help="processes beside it")
    options = parser.parse_args()
    print(f"{options.model}, {options.steps} steps of 128 images, {options.threads} threads, {os.cpu_count()} cores\n")
    print(f"| OpenMP's threads wait | quiet, s | beside {options.busy} busy processes, s |\n|---|---|---|")
    for title, environment in POLICIES.items():
        quiet, busy = (least(options, environment, beside) for beside in (0, options.busy))
        print(f"| {title} | {quiet} | {busy} |", flush=True)


def least(options: argparse.Namespace, environment: dict[str, str], beside: int) -> str:
    """Return the least of some measurements as text."""
    found = [measure(options, environment, beside) for _ in range(options.repeats)]
    return f"{min(found):.2f}" if min(found) < LONGEST_S else f"more than {LONGEST_S}"


def measure(options: argparse.Namespace, environment: dict[str, str], beside: int) -> float:
    """Return the seconds of the steps, infinite where they took too long. Args: beside: busy processes."""
    clean = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    loops = [subprocess.Popen([sys.executable, "-c", LOOP, str(LONGEST_S + 30)]) for _ in range(beside)]
    try:
        time.sleep(0.5)
        command = [sys.executable, "-c", MEASURED, options.model, str(options.steps), str(options.threads)]
        timed = subprocess.run(
            command, env={**clean, **environment}, capture_output=True, text=True, check=True, timeout=LONGEST_S
        )
    except subprocess.TimeoutExpired:
        return float("inf")
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
    return float(timed.stdout)


if __name__ == "__main__":
    main()
