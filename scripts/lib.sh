# shellcheck shell=bash disable=SC2034 # used by those who source it
# SPDX-License-Identifier: Apache-2.0
# Copyright The complyd authors
#
# What scripts/test and .ci/run share: steps with a time limit, each with its log below build/log, counted as passed or
# failed. Sourced with $root set to the top of the source tree.

: "${root:?}"
export LC_ALL=C.UTF-8
logs=$root/build/log
workers=$(nproc)
passed=0
failed=0
skipped=0
failures=()

# Never the python3 in PATH: a developer's own may lack Debian's modules.
python=/usr/bin/python3

# run NAME LIMIT COMMAND...: runs it with output in $logs/NAME.log; its exit code. LIMIT as timeout(1) takes it.
run() {
    local name=$1 limit=$2 began=$SECONDS code=0
    shift 2
    mkdir -p "$logs"
    timeout --kill-after=20 "$limit" "$@" >"$logs/$name.log" 2>&1 </dev/null || code=$?
    took=$((SECONDS - began))
    [ "$code" -ne 124 ] || echo "stopped: it ran longer than $limit" >>"$logs/$name.log"
    return "$code"
}

pass() {
    passed=$((passed + 1))
    printf 'ok    %-34s %4d s\n' "$1" "${2:-0}"
}

# fail NAME [SECONDS]: with the end of its log, so that a remote run tells why.
fail() {
    failed=$((failed + 1))
    failures+=("$1")
    printf 'FAIL  %-34s %4d s  (build/log/%s.log)\n' "$1" "${2:-0}" "$1"
    [ ! -f "$logs/$1.log" ] || tail -n "${tail_lines:-40}" "$logs/$1.log" | sed 's/^/      | /'
}

# check NAME LIMIT COMMAND...: a step that counts as one test.
check() {
    if run "$@"; then pass "$1" "$took"; else
        fail "$1" "$took"
        return 1
    fi
}

# suite NAME LIMIT JUNIT COMMAND...: a step that runs many tests and writes a JUnit file. A runner that dies, or fails
# without naming a failed test, is itself a failure.
suite() {
    local name=$1 limit=$2 junit=$3 code=0 good=0 bad=0 left=0
    shift 3
    rm -f "$junit"
    run "$name" "$limit" "$@" || code=$?
    if [ -f "$junit" ]; then
        read -r good bad left < <("$python" "$root/scripts/junit" "$junit") || true
    fi
    if [ "$bad" -eq 0 ] && { [ "$code" -ne 0 ] || [ "$good" -eq 0 ]; }; then
        bad=1
    fi
    passed=$((passed + good))
    skipped=$((skipped + left))
    if [ "$bad" -gt 0 ]; then
        failed=$((failed + bad - 1))
        fail "$name" "$took"
        [ ! -f "$junit" ] || "$python" "$root/scripts/junit" --failures "$junit" | sed 's/^/      x /'
    else
        printf 'ok    %-34s %4d s  %d tests\n' "$name" "$took" "$good"
    fi
}

# summary: the closing lines; the last is exactly "N passed, N failed".
summary() {
    local name
    for name in "${failures[@]}"; do echo "failed: $name (build/log/$name.log)"; done
    [ "$skipped" -eq 0 ] || echo "skipped: $skipped"
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
