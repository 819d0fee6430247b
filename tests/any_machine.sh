#!/usr/bin/env bash
# The whole suite as on four machines, one after the other; prints how each went and how long it took.
# Usage: tests/any_machine.sh [pytest arguments]
set -u
cd "$(dirname "$0")/.." || exit 1
PYTHON=${PYTHON:-.venv/bin/python}
failed=0
busy=()
trap 'kill "${busy[@]}" 2>/dev/null' EXIT

run() { # title, variables and values …
  local title=$1 start=$SECONDS log
  shift
  log=$(mktemp)
  if env "${@}" "$PYTHON" -m pytest "${arguments[@]}" >"$log" 2>&1; then result=passed; else result=FAILED failed=1; fi
  echo "$title: $result in $((SECONDS - start)) s"
  if [ "$result" = FAILED ]; then tail -n 40 "$log"; fi
  rm -f "$log"
}

arguments=("$@")
run "bfloat16, 1 thread" CURATION_TEST_BF16=on CURATION_TEST_THREADS=1
run "no bfloat16, 2 threads" CURATION_TEST_BF16=off CURATION_TEST_THREADS=2
for _ in 1 2; do timeout 7200 "$PYTHON" -c 'while True: pass' & busy+=($!); done
run "beside two busy loops" CURATION_TEST_THREADS=1
kill "${busy[@]}" 2>/dev/null
wait "${busy[@]}" 2>/dev/null
busy=()
run "as it is" CURATION_TEST_THREADS=1
exit $failed
