"""Jobs of a host: queued, followed, cancelled, lost; with a worker that plays every part."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from matshot_host.errors import MatshotError
from matshot_host.jobs import NOTE, Job, Jobs, is_job_folder
from matshot_host.location import WorkerCommand

ACTOR = str(Path(__file__).with_name("actor.py"))
LONG = 20.0


def command(**environment: str) -> WorkerCommand:
    return WorkerCommand((sys.executable, ACTOR), {**os.environ, **environment}, "the test")


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    made = Jobs("a test", command)
    yield made
    made.close()


def started(jobs: Jobs, tool: str, *inputs: str) -> Job:
    job = jobs.new(tool, f"{tool} one")
    jobs.start(job, inputs or ("in.png",), {})
    return job


def followed(jobs: Jobs, reached: Callable[[], bool]) -> None:
    until = time.monotonic() + LONG
    while not reached():
        assert time.monotonic() < until, [job.status for job in jobs.listing]
        jobs.poll()
        time.sleep(0.005)


def test_a_job_goes_from_preparing_to_done(jobs: Jobs) -> None:
    job = jobs.new("good", "Good in.png")
    assert job.state == "preparing"
    assert Path(job.folder).is_dir()
    jobs.start(job, ["in.png"], {"scale": 2})
    assert job.state == "waiting"
    assert jobs.busy
    jobs.wait(job, LONG)
    assert (job.state, job.fraction, job.error) == ("done", 1.0, "")
    assert job.results[0].path == "in.png"
    assert job.results[0].wrap == "x"
    assert job.notes == ["a"]
    assert job.failures == ["one was bad"]
    # Its result has no picture, and that of unfinished work is removed.
    assert job.preview == ""
    assert not jobs.busy


def test_progress_never_falls_and_polls_tell_what_changed(jobs: Jobs) -> None:
    job = started(jobs, "good")
    seen: list[float] = []

    def reached() -> bool:
        if job in jobs.poll():
            seen.append(job.fraction)
        return job.ended

    followed(jobs, reached)
    assert seen == sorted(seen)
    assert jobs.poll() == []


def test_jobs_run_one_after_the_other(jobs: Jobs) -> None:
    first, second = started(jobs, "obedient"), started(jobs, "good")
    followed(jobs, lambda: first.fraction == 0.5)
    assert first.preview == "picture.png"
    assert second.state == "waiting"
    jobs.cancel(first)
    jobs.wait(second, LONG)
    assert (first.state, second.state) == ("cancelled", "done")


def test_a_failure_is_a_sentence_with_its_cause(jobs: Jobs) -> None:
    job = jobs.wait(started(jobs, "bad"), LONG)
    assert (job.state, job.error, job.cause) == ("failed", "That is no texture.", "because")
    assert job.status == "bad one: That is no texture."
    assert not Path(job.folder).exists()


def test_what_waits_is_cancelled_at_once(jobs: Jobs) -> None:
    first, second = started(jobs, "obedient"), started(jobs, "good")
    jobs.cancel(second)
    assert second.state == "cancelled"
    followed(jobs, lambda: first.fraction == 0.5)
    jobs.cancel(first)
    jobs.wait(first, LONG)
    assert second.results == []


def test_a_worker_that_obeys_lives_on(jobs: Jobs) -> None:
    job = started(jobs, "obedient")
    followed(jobs, lambda: job.fraction == 0.5)
    before = jobs.worker_pid
    jobs.cancel(job)
    assert job.status == "obedient one: cancelling"
    jobs.wait(job, LONG)
    jobs.wait(started(jobs, "good"), LONG)
    assert jobs.worker_pid == before


def test_a_worker_that_is_deaf_is_killed_within_a_second(jobs: Jobs) -> None:
    job = started(jobs, "deaf")
    followed(jobs, lambda: job.fraction == 0.5)
    began = time.monotonic()
    jobs.cancel(job)
    jobs.wait(job, LONG)
    assert job.state == "cancelled"
    assert time.monotonic() - began < 1.5
    assert jobs.wait(started(jobs, "good"), LONG).state == "done"


def test_a_lost_worker_is_a_message_and_the_next_job_gets_a_new_one(jobs: Jobs) -> None:
    first, second = started(jobs, "dying"), started(jobs, "good")
    jobs.wait(second, LONG)
    assert first.state == "failed"
    assert first.error == (
        "The Matshot worker ended (exit code 3) during 'dying one', which is lost; the next job starts a new worker."
    )
    assert first.cause == "out of something"
    assert second.state == "done"


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_a_killed_worker_is_a_message(jobs: Jobs) -> None:
    job = started(jobs, "deaf")
    followed(jobs, lambda: job.fraction == 0.5)
    os.kill(jobs.worker_pid, 9)
    jobs.wait(job, LONG)
    assert "killed by signal 9" in job.error


def test_a_python_without_matshot_is_told_with_its_remedy() -> None:
    lacking = WorkerCommand((sys.executable, "-I", "-S", "-m", "matshot.worker"), dict(os.environ), "the preferences")
    jobs = Jobs("a test", lambda: lacking)
    job = jobs.wait(started(jobs, "good"), LONG)
    assert job.state == "failed"
    assert "has no Matshot" in job.error
    assert "-m pip install matshot" in job.error
    jobs.close()


def test_a_program_that_cannot_run_is_told(tmp_path: Path) -> None:
    jobs = Jobs("a test", lambda: WorkerCommand((str(tmp_path / "none"),), {}, "the preferences"))
    job = jobs.wait(started(jobs, "good"), LONG)
    assert "could not be started with the Python of the preferences" in job.error
    jobs.close()


def test_no_python_at_all_is_the_jobs_error() -> None:
    def nothing() -> WorkerCommand:
        raise MatshotError("No Python with Matshot is known.")

    jobs = Jobs("a test", nothing)
    job = jobs.wait(started(jobs, "good"), LONG)
    assert job.error == "No Python with Matshot is known."


def test_another_protocol_is_refused() -> None:
    jobs = Jobs("a test", lambda: command(ACTOR_PROTOCOL="7"))
    job = jobs.wait(started(jobs, "deaf"), LONG)
    assert job.state == "failed"
    assert "9.9" in job.error
    jobs.close()


def test_changed_preferences_start_another_worker() -> None:
    chosen = [command(), command(ANOTHER="1")]
    jobs = Jobs("a test", lambda: chosen[0])
    jobs.wait(started(jobs, "good"), LONG)
    before = jobs.worker_pid
    del chosen[0]
    jobs.wait(started(jobs, "good"), LONG)
    assert jobs.worker_pid != before
    jobs.close()


def test_starting_cancelling_and_polling_never_wait() -> None:
    jobs = Jobs("a test", lambda: command(ACTOR_SLOW="1"))
    longest = 0.0
    job = jobs.new("good", "good")
    for step in range(200):
        began = time.perf_counter()
        if step == 0:
            jobs.start(job, ["in.png"], {})
        if step == 100:
            jobs.cancel(job)
        jobs.poll()
        longest = max(longest, time.perf_counter() - began)
        time.sleep(0.001)
    jobs.wait(job, LONG)
    assert job.state == "cancelled"
    assert longest < 0.05
    jobs.close()


def test_forgetting_removes_the_folder(jobs: Jobs) -> None:
    job = jobs.wait(started(jobs, "good"), LONG)
    assert Path(job.folder).is_dir()
    jobs.forget(job)
    assert not Path(job.folder).exists()
    assert jobs.listing == []


def test_what_is_forgotten_while_it_runs_is_cancelled(jobs: Jobs) -> None:
    job = started(jobs, "obedient")
    followed(jobs, lambda: job.fraction == 0.5)
    jobs.forget(job)
    followed(jobs, lambda: job.ended)
    assert job.state == "cancelled"
    assert not Path(job.folder).exists()


def test_closing_ends_worker_threads_and_folders() -> None:
    jobs = Jobs("a test", command)
    running, waiting = started(jobs, "deaf"), started(jobs, "good")
    followed(jobs, lambda: running.fraction == 0.5)
    folder = Path(running.folder).parent
    began = time.monotonic()
    jobs.close()
    assert time.monotonic() - began < 3
    assert (running.state, waiting.state) == ("cancelled", "cancelled")
    assert not folder.exists()
    until = time.monotonic() + LONG
    while any(thread.name.startswith("matshot") for thread in threading.enumerate()) and time.monotonic() < until:
        time.sleep(0.01)
    assert [t.name for t in threading.enumerate() if t.name.startswith("matshot")] == []


def test_two_hosts_share_nothing() -> None:
    one, other = Jobs("one", command), Jobs("other", command)
    first, second = started(one, "good"), started(other, "good")
    one.wait(first, LONG)
    other.wait(second, LONG)
    assert one.worker_pid != other.worker_pid
    assert Path(first.folder).parent != Path(second.folder).parent
    one.close()
    assert Path(second.folder).is_dir()
    other.close()


def test_the_doctor_is_a_job(jobs: Jobs) -> None:
    assert jobs.wait(jobs.doctor(), LONG).findings == [{"subject": "Python", "state": "here", "ok": True}]


def test_the_folder_says_that_it_is_of_jobs(jobs: Jobs) -> None:
    folder = Path(jobs.new("good", "one").folder)
    assert is_job_folder(folder.name)
    assert (folder.parent / NOTE).is_file()
    assert not any(map(is_job_folder, ("job", "job1a", "jobs", "myjob1", "job1\n")))


def test_a_worker_started_early_does_the_first_job(jobs: Jobs) -> None:
    jobs.warm()
    followed(jobs, lambda: jobs.worker_pid > 0)
    early = jobs.worker_pid
    jobs.warm()
    jobs.wait(started(jobs, "good"), LONG)
    assert jobs.worker_pid == early


def test_what_is_wrong_with_a_worker_is_said_by_the_job_not_before() -> None:
    def broken() -> WorkerCommand:
        raise MatshotError("No Python is known.")

    jobs = Jobs("a test", broken)
    jobs.warm()
    job = jobs.wait(started(jobs, "good"), LONG)
    jobs.close()
    assert (job.state, job.error) == ("failed", "No Python is known.")
