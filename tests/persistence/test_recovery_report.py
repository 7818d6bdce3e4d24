import json

import pytest

from rank_retrieve.persistence.recovery_report import RecoveryReport


def ticking():
    """Half a second between any two looks at the clock."""
    now = [0.0]

    def clock():
        now[0] += 0.5
        return now[0]

    return clock


def example():
    report = RecoveryReport(clock=ticking())
    with report.step("identify") as step:
        step.facts["format_version"] = 1
    with report.step("log") as step:
        step.facts["status"] = "torn"
        step.findings.append("wal-0000000001.log: no frame of LSN 3 at byte 144")
    return report


def test_it_prints_steps_facts_and_findings():
    assert str(example()) == (
        "recovery in 1000.0 ms\n"
        "  identify      500.0 ms  format version 1\n"
        "  log           500.0 ms  status torn\n"
        "    ! wal-0000000001.log: no frame of LSN 3 at byte 144"
    )


def test_it_is_plain_data_too():
    plain = {
        "seconds": 1.0,
        "steps": [
            {
                "name": "identify",
                "seconds": 0.5,
                "facts": {"format_version": 1},
                "findings": [],
            },
            {
                "name": "log",
                "seconds": 0.5,
                "facts": {"status": "torn"},
                "findings": ["wal-0000000001.log: no frame of LSN 3 at byte 144"],
            },
        ],
    }
    assert example().to_dict() == plain
    assert json.loads(json.dumps(plain)) == plain


def test_findings_are_collected_over_steps():
    assert example().findings == ["wal-0000000001.log: no frame of LSN 3 at byte 144"]
    assert RecoveryReport().findings == []


def test_an_error_becomes_a_finding_and_is_timed():
    report = RecoveryReport(clock=ticking())
    with pytest.raises(OSError, match="gone"), report.step("segments"):
        raise OSError("gone")
    assert report.steps[0].findings == ["OSError: gone"]
    assert report.seconds == 0.5
